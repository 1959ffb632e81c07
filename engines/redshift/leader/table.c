/* A table of a CREATE TABLE, with what Redshift checks then; and back. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/leader/catalog_impl.h"

#define NAME_MAX_BYTES	127U
#define COLUMNS_MAX	1600U
#define SORTKEYS_MAX	400U
#define INTERLEAVED_MAX 8U

/* ---- names ---- */

static int check_name(const char *what, const char *name, struct err *err)
{
	if (name == NULL || name[0] == '\0') {
		return err_set(err, EINVAL, "a %s has a name", what);
	}
	if (strlen(name) > NAME_MAX_BYTES) {
		return err_set(err, EINVAL,
			"%s name \"%.30s...\": it has %zu bytes, at most 127 can be", what, name,
			strlen(name));
	}
	if (name[0] == '.') {
		return err_set(err, EINVAL,
			"%s name \"%s\": it begins with a point, as only files of the service do",
			what, name);
	}
	return 0;
}

/* Where the column stands, for messages: " (line 3)", or nothing. */
static const char *place(const struct rs_column_def *d, char room[static 32])
{
	room[0] = '\0';
	if (d->line > 0) {
		snprintf(room, 32, " (line %lu)", d->line);
	}
	return room;
}

/* The rows' own, and what Redshift keeps for itself. */
static bool is_reserved(const char *name)
{
	static const char *const reserved[] = {"_id", "_h", "_node", "oid", "tableoid", "xmin",
		"cmin", "xmax", "cmax", "ctid", "deletexid", "insertxid"};

	for (unsigned i = 0; i < sizeof(reserved) / sizeof(*reserved); i++) {
		if (strcmp(reserved[i], name) == 0) {
			return true;
		}
	}
	return false;
}

/* ---- columns ---- */

static int check_type(const struct rs_column_def *d, struct err *err)
{
	char room[32];

	switch (d->type.kind) {
	case SQL_INTERVAL:
	case SQL_UNKNOWN:
		return err_set(err, EINVAL, "column \"%s\"%s: no column can have that type",
			d->name, place(d, room));
	case SQL_CHAR:
		if (d->type.size > SQL_CHAR_MAX) {
			return err_set(err, EINVAL,
				"column \"%s\"%s: length for type char cannot exceed %u", d->name,
				place(d, room), SQL_CHAR_MAX);
		}
		return 0;
	case SQL_VARCHAR:
		if (d->type.size > SQL_VARCHAR_MAX) {
			return err_set(err, EINVAL,
				"column \"%s\"%s: length for type varchar cannot exceed %u",
				d->name, place(d, room), SQL_VARCHAR_MAX);
		}
		return 0;
	case SQL_DECIMAL:
		if (d->type.size < 1 || d->type.size > SQL_DECIMAL_MAX ||
			d->type.scale > d->type.size) {
			return err_set(err, EINVAL,
				"column \"%s\"%s: numeric(%u,%u): precision is 1 to %u, scale 0 to "
				"the precision",
				d->name, place(d, room), d->type.size, d->type.scale,
				SQL_DECIMAL_MAX);
		}
		return 0;
	default: return 0;
	}
}

static int check_identity(const struct rs_column_def *d, struct err *err)
{
	char room[32];

	if (!d->identity) {
		return 0;
	}
	if (d->type.kind != SQL_INTEGER && d->type.kind != SQL_BIGINT) {
		return err_set(err, EINVAL,
			"column \"%s\"%s: an IDENTITY column is INTEGER or BIGINT", d->name,
			place(d, room));
	}
	if (d->default_text != NULL) {
		return err_set(err, EINVAL,
			"column \"%s\"%s: both DEFAULT and IDENTITY are told, one can be", d->name,
			place(d, room));
	}
	if (d->identity_step == 0) {
		return err_set(err, EINVAL, "column \"%s\"%s: the step of an IDENTITY cannot be 0",
			d->name, place(d, room));
	}
	return 0;
}

static int check_column(const struct rs_create *def, unsigned i, struct err *err)
{
	const struct rs_column_def *d = &def->columns[i];
	char room[32];

	int rc = check_name("column", d->name, err);
	if (rc < 0) {
		return rc;
	}
	if (is_reserved(d->name)) {
		return err_set(err, EINVAL,
			"column \"%s\"%s: the name is reserved for a column of the system's own",
			d->name, place(d, room));
	}
	for (unsigned k = 0; k < i; k++) {
		if (strcmp(def->columns[k].name, d->name) == 0) {
			return err_set(err, EINVAL, "column \"%s\"%s specified more than once",
				d->name, place(d, room));
		}
	}
	rc = check_type(d, err);
	return rc < 0 ? rc : check_identity(d, err);
}

static int check_columns(const struct rs_create *def, struct err *err)
{
	if (def->n_columns == 0) {
		return err_set(err, EINVAL, "table \"%s\" has no column, at least one is needed",
			def->name.name);
	}
	if (def->n_columns > COLUMNS_MAX) {
		return err_set(err, EINVAL, "table \"%s\" has %u columns, at most %u can be",
			def->name.name, def->n_columns, COLUMNS_MAX);
	}
	for (unsigned i = 0; i < def->n_columns; i++) {
		int rc = check_column(def, i, err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

/* ---- distribution and sort ---- */

static const struct rs_column_def *find_def(const struct rs_create *def, const char *name)
{
	for (unsigned i = 0; i < def->n_columns; i++) {
		if (strcmp(def->columns[i].name, name) == 0) {
			return &def->columns[i];
		}
	}
	return NULL;
}

static int check_distribution(const struct rs_create *def, struct err *err)
{
	unsigned n = 0;

	for (unsigned i = 0; i < def->n_columns; i++) {
		n += def->columns[i].distkey &&
		     (def->distkey == NULL || strcmp(def->distkey, def->columns[i].name) != 0);
	}
	if (n + (def->distkey != NULL) > 1) {
		return err_set(err, EINVAL, "table \"%s\": only one column can be the DISTKEY",
			def->name.name);
	}
	if (def->distkey != NULL && find_def(def, def->distkey) == NULL) {
		return err_set(err, EINVAL, "DISTKEY: column \"%s\" does not exist", def->distkey);
	}
	bool has_key = n > 0 || def->distkey != NULL;
	if (def->has_diststyle && def->diststyle == RS_DIST_KEY && !has_key) {
		return err_set(
			err, EINVAL, "DISTSTYLE KEY: no DISTKEY column is told, one is needed");
	}
	if (def->has_diststyle && def->diststyle != RS_DIST_KEY && has_key) {
		return err_set(err, EINVAL,
			"a DISTKEY cannot go with DISTSTYLE %s, only with DISTSTYLE KEY",
			rs_diststyle_names[def->diststyle]);
	}
	return 0;
}

static int check_sort(const struct rs_create *def, struct err *err)
{
	bool interleaved = def->sortstyle == RS_SORT_INTERLEAVED;
	unsigned most = interleaved ? INTERLEAVED_MAX : SORTKEYS_MAX;

	if (def->n_sortkeys > most) {
		return err_set(err, EINVAL, "%s SORTKEY of %u columns: at most %u can be",
			interleaved ? "an INTERLEAVED" : "a", def->n_sortkeys, most);
	}
	for (unsigned i = 0; i < def->n_sortkeys; i++) {
		if (find_def(def, def->sortkeys[i]) == NULL) {
			return err_set(err, EINVAL, "SORTKEY: column \"%s\" does not exist",
				def->sortkeys[i]);
		}
		for (unsigned k = 0; k < i; k++) {
			if (strcmp(def->sortkeys[i], def->sortkeys[k]) == 0) {
				return err_set(err, EINVAL, "SORTKEY: column \"%s\" is named twice",
					def->sortkeys[i]);
			}
		}
	}
	return 0;
}

static int check_create(const struct rs_create *def, struct err *err)
{
	int rc = check_name("table", def->name.name, err);

	if (rc == 0 && def->temporary) {
		rc = err_set(err, ENOTSUP,
			"TEMPORARY tables are not there: no session outlives a script; create a "
			"table and drop it at the end of the script");
	}
	rc = rc < 0 ? rc : check_columns(def, err);
	rc = rc < 0 ? rc : check_distribution(def, err);
	return rc < 0 ? rc : check_sort(def, err);
}

/* ---- the table ---- */

static void fill_column(
	struct rs_catalog *c, const struct rs_column_def *d, struct rs_column *out, bool *failed)
{
	out->id = c->next_id++;
	out->name = rs_dup(d->name, failed);
	out->type = d->type;
	out->not_null = d->not_null || d->primary_key || d->identity;
	out->primary_key = d->primary_key;
	out->unique = d->unique;
	out->default_text = rs_dup(d->default_text, failed);
	out->identity = d->identity;
	out->identity_by_default = d->identity_by_default;
	out->identity_seed = d->identity_seed;
	out->identity_step = d->identity_step;
	out->encode = rs_dup(d->encode, failed);
	out->references = rs_dup(d->references, failed);
}

static void fill_keys(const struct rs_create *def, struct rs_table *t)
{
	for (unsigned i = 0; i < t->n_columns; i++) {
		if (def->columns[i].distkey ||
			(def->distkey != NULL && strcmp(def->distkey, t->columns[i].name) == 0)) {
			t->distkey = t->columns[i].id;
		}
		for (unsigned k = 0; k < def->n_sortkeys; k++) {
			if (strcmp(def->sortkeys[k], t->columns[i].name) == 0) {
				t->columns[i].sort_position = k + 1;
			}
		}
	}
	t->sortstyle = def->sortstyle;
	if (t->sortstyle == RS_SORT_NONE && def->n_sortkeys > 0) {
		t->sortstyle = RS_SORT_COMPOUND;
	}
	t->diststyle = def->has_diststyle ? def->diststyle : RS_DIST_AUTO;
	if (t->distkey != 0) {
		t->diststyle = RS_DIST_KEY;
	}
	t->placement = t->diststyle == RS_DIST_AUTO ? RS_DIST_ALL : t->diststyle;
}

static struct rs_table *make_table(
	struct rs_catalog *c, const struct rs_create *def, int64_t now_ns)
{
	bool failed = false;
	bool told = def->name.schema != NULL && def->name.schema[0] != '\0';
	struct rs_table *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		return NULL;
	}
	t->id = c->next_id++;
	t->storage = c->next_id++;
	t->schema = rs_dup(told ? def->name.schema : RS_PUBLIC, &failed);
	t->name = rs_dup(def->name.name, &failed);
	t->constraints = rs_dup_list(def->constraints, def->n_constraints, &failed);
	t->n_constraints = t->constraints == NULL ? 0 : def->n_constraints;
	t->columns = rs_room(def->n_columns, sizeof(*t->columns), &failed);
	t->n_columns = t->columns == NULL ? 0 : def->n_columns;
	for (unsigned i = 0; i < t->n_columns; i++) {
		fill_column(c, &def->columns[i], &t->columns[i], &failed);
	}
	t->created_ns = t->changed_ns = now_ns;
	t->next_row = 1;
	if (failed) {
		rs_table_free(t);
		return NULL;
	}
	fill_keys(def, t);
	return t;
}

int rs_table_of_create(struct rs_catalog *c, const struct rs_create *def, int64_t now_ns,
	struct rs_table **out, struct err *err)
{
	int rc = check_create(def, err);

	if (rc < 0) {
		return rc;
	}
	*out = make_table(c, def, now_ns);
	return *out == NULL ? err_set(err, ENOMEM, "out of memory") : 0;
}

/* ---- and back ---- */

static void fill_def(const struct rs_table *t, const struct rs_column *c, struct rs_column_def *out,
	bool *failed)
{
	out->name = rs_dup(c->name, failed);
	out->type = c->type;
	out->not_null = c->not_null;
	out->primary_key = c->primary_key;
	out->unique = c->unique;
	out->default_text = rs_dup(c->default_text, failed);
	out->identity = c->identity;
	out->identity_by_default = c->identity_by_default;
	out->identity_seed = c->identity_seed;
	out->identity_step = c->identity_step;
	out->encode = rs_dup(c->encode, failed);
	out->references = rs_dup(c->references, failed);
	out->distkey = c->id == t->distkey;
}

static void fill_sortkeys(const struct rs_table *t, struct rs_create *out, bool *failed)
{
	unsigned n = 0;

	for (unsigned i = 0; i < t->n_columns; i++) {
		n += t->columns[i].sort_position > 0;
	}
	out->sortkeys = rs_room(n, sizeof(char *), failed);
	out->n_sortkeys = out->sortkeys == NULL ? 0 : n;
	for (unsigned i = 0; i < t->n_columns && out->n_sortkeys > 0; i++) {
		unsigned position = t->columns[i].sort_position;
		if (position > 0 && position <= n) {
			out->sortkeys[position - 1] = rs_dup(t->columns[i].name, failed);
		}
	}
}

int rs_create_of_table(const struct rs_table *t, struct rs_create *out, struct err *err)
{
	bool failed = false;
	const struct rs_column *key = rs_table_column_id(t, t->distkey);

	*out = (struct rs_create){.has_diststyle = true,
		.diststyle = t->diststyle,
		.sortstyle = t->sortstyle,
		.backup = true};
	out->name.schema = rs_dup(t->schema, &failed);
	out->name.name = rs_dup(t->name, &failed);
	out->distkey = key == NULL ? NULL : rs_dup(key->name, &failed);
	out->constraints = rs_dup_list(t->constraints, t->n_constraints, &failed);
	out->n_constraints = out->constraints == NULL ? 0 : t->n_constraints;
	out->columns = rs_room(t->n_columns, sizeof(*out->columns), &failed);
	out->n_columns = out->columns == NULL ? 0 : t->n_columns;
	for (unsigned i = 0; i < out->n_columns; i++) {
		fill_def(t, &t->columns[i], &out->columns[i], &failed);
	}
	fill_sortkeys(t, out, &failed);
	if (failed) {
		rs_create_clear(out);
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}
