/* A table's row in the leader's file: words where the program has numbers of its own, so that these
 * may change. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/leader/catalog_impl.h"

static const char *const kinds[] = {
	[SQL_BOOLEAN] = "boolean",
	[SQL_SMALLINT] = "smallint",
	[SQL_INTEGER] = "integer",
	[SQL_BIGINT] = "bigint",
	[SQL_REAL] = "real",
	[SQL_DOUBLE] = "double",
	[SQL_DECIMAL] = "decimal",
	[SQL_CHAR] = "char",
	[SQL_VARCHAR] = "varchar",
	[SQL_DATE] = "date",
	[SQL_TIME] = "time",
	[SQL_TIMESTAMP] = "timestamp",
	[SQL_TIMESTAMPTZ] = "timestamptz",
	[SQL_INTERVAL] = "interval",
	[SQL_UNKNOWN] = "unknown",
};
static const char *const dists[] = {[RS_DIST_AUTO] = "auto",
	[RS_DIST_EVEN] = "even",
	[RS_DIST_KEY] = "key",
	[RS_DIST_ALL] = "all"};
static const char *const sorts[] = {[RS_SORT_NONE] = "none",
	[RS_SORT_COMPOUND] = "compound",
	[RS_SORT_INTERLEAVED] = "interleaved",
	[RS_SORT_AUTO] = "auto"};

#define COUNT(words) (sizeof(words) / sizeof(*(words)))

static int word_of(const char *const *words, size_t n, const json_t *word)
{
	const char *text = json_string_value(word);

	for (size_t i = 0; text != NULL && i < n; i++) {
		if (strcmp(words[i], text) == 0) {
			return (int)i;
		}
	}
	return -1;
}

static uint64_t number_of(const json_t *o, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(o, name));
}

static bool flag_of(const json_t *o, const char *name)
{
	return json_is_true(json_object_get(o, name));
}

/* ---- what others use, too ---- */

json_t *rs_type_to_json(struct sql_type t)
{
	return json_pack("[s,i,i]", kinds[t.kind], (int)t.size, (int)t.scale);
}

int rs_type_of_json(const json_t *o, struct sql_type *out)
{
	int kind = word_of(kinds, COUNT(kinds), json_array_get(o, 0));

	out->kind = kind < 0 ? SQL_UNKNOWN : (enum sql_kind)kind;
	out->size = (unsigned)json_integer_value(json_array_get(o, 1));
	out->scale = (unsigned)json_integer_value(json_array_get(o, 2));
	return kind < 0 ? -1 : 0;
}

json_t *rs_list_to_json(char *const *list, unsigned n)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < n; i++) {
		if (json_array_append_new(array, json_string(list[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

int rs_list_of_json(const json_t *o, char ***out, unsigned *n)
{
	bool failed = o != NULL && !json_is_array(o);
	unsigned size = (unsigned)json_array_size(o);

	*out = rs_room(size, sizeof(char *), &failed);
	*n = *out == NULL ? 0 : size;
	for (unsigned i = 0; i < *n; i++) {
		const char *text = json_string_value(json_array_get(o, i));
		failed = failed || text == NULL;
		(*out)[i] = rs_dup(text, &failed);
	}
	return failed ? -1 : 0;
}

int rs_text_of_json(const json_t *o, const char *name, char **out)
{
	bool failed = false;
	const json_t *text = json_object_get(o, name);

	*out = rs_dup(json_string_value(text), &failed);
	return failed || (text != NULL && *out == NULL) ? -1 : 0;
}

/* ---- columns ---- */

static json_t *column_to_json(const struct rs_column *c)
{
	return json_pack("{s:I,s:s,s:o,s:b,s:b,s:b,s:s*,s:s*,s:s*,s:b,s:b,s:I,s:I,s:I,s:i}", "id",
		(json_int_t)c->id, "name", c->name, "type", rs_type_to_json(c->type), "not_null",
		c->not_null, "primary_key", c->primary_key, "unique", c->unique, "default",
		c->default_text, "encode", c->encode, "references", c->references, "identity",
		c->identity, "identity_by_default", c->identity_by_default, "identity_seed",
		(json_int_t)c->identity_seed, "identity_step", (json_int_t)c->identity_step,
		"identity_next", (json_int_t)c->identity_next, "sort", (int)c->sort_position);
}

static int column_of_json(const json_t *o, struct rs_column *c)
{
	int bad = rs_type_of_json(json_object_get(o, "type"), &c->type);

	bad |= rs_text_of_json(o, "name", &c->name) | (c->name == NULL ? -1 : 0);
	bad |= rs_text_of_json(o, "default", &c->default_text);
	bad |= rs_text_of_json(o, "encode", &c->encode);
	bad |= rs_text_of_json(o, "references", &c->references);
	c->id = number_of(o, "id");
	c->not_null = flag_of(o, "not_null");
	c->primary_key = flag_of(o, "primary_key");
	c->unique = flag_of(o, "unique");
	c->identity = flag_of(o, "identity");
	c->identity_by_default = flag_of(o, "identity_by_default");
	c->identity_seed = (int64_t)number_of(o, "identity_seed");
	c->identity_step = (int64_t)number_of(o, "identity_step");
	c->identity_next = number_of(o, "identity_next");
	c->sort_position = (unsigned)number_of(o, "sort");
	return bad < 0 || c->id == 0 ? -1 : 0;
}

static json_t *columns_to_json(const struct rs_table *t)
{
	json_t *array = json_array();

	for (unsigned i = 0; i < t->n_columns; i++) {
		if (json_array_append_new(array, column_to_json(&t->columns[i])) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static int columns_of_json(const json_t *array, struct rs_table *t)
{
	bool failed = false;
	unsigned n = (unsigned)json_array_size(array);

	t->columns = rs_room(n, sizeof(*t->columns), &failed);
	t->n_columns = t->columns == NULL ? 0 : n;
	for (unsigned i = 0; i < t->n_columns; i++) {
		failed = column_of_json(json_array_get(array, i), &t->columns[i]) < 0 || failed;
	}
	return failed || n == 0 ? -1 : 0;
}

/* ---- tables ---- */

static json_t *pack(const struct rs_table *t)
{
	json_t *o = json_pack("{s:I,s:I,s:s,s:s,s:s,s:s,s:I,s:s,s:o,s:o}", "id", (json_int_t)t->id,
		"storage", (json_int_t)t->storage, "schema", t->schema, "name", t->name,
		"diststyle", dists[t->diststyle], "placement", dists[t->placement], "distkey",
		(json_int_t)t->distkey, "sortstyle", sorts[t->sortstyle], "columns",
		columns_to_json(t), "constraints",
		rs_list_to_json(t->constraints, t->n_constraints));
	json_t *more = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:O*}", "created",
		(json_int_t)t->created_ns, "next_row", (json_int_t)t->next_row, "rows",
		(json_int_t)t->rows, "dead", (json_int_t)t->dead, "unsorted",
		(json_int_t)t->unsorted, "changed_xid", (json_int_t)t->changed_xid, "changed",
		(json_int_t)t->changed_ns, "since_analyze", (json_int_t)t->analyzed_rows, "stats",
		t->stats);

	if (o == NULL || more == NULL || json_object_update(o, more) < 0) {
		json_decref(o);
		o = NULL;
	}
	json_decref(more);
	return o;
}

int rs_table_to_json(const struct rs_table *t, struct buf *out, struct err *err)
{
	json_t *o = pack(t);
	char *text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS);

	json_decref(o);
	if (text == NULL) {
		return err_set(err, ENOMEM, "table %s: its definition cannot be written", t->name);
	}
	buf_puts(out, text);
	free(text);
	return buf_check(out, err);
}

static int words_of_json(const json_t *o, struct rs_table *t)
{
	int style = word_of(dists, COUNT(dists), json_object_get(o, "diststyle"));
	int placement = word_of(dists, COUNT(dists), json_object_get(o, "placement"));
	int sort = word_of(sorts, COUNT(sorts), json_object_get(o, "sortstyle"));

	if (style < 0 || placement <= RS_DIST_AUTO || sort < 0) {
		return -1;
	}
	t->diststyle = (enum rs_diststyle)style;
	t->placement = (enum rs_diststyle)placement;
	t->sortstyle = (enum rs_sortstyle)sort;
	return 0;
}

static int unpack(const json_t *o, struct rs_table *t)
{
	int bad = words_of_json(o, t);

	bad |= rs_text_of_json(o, "schema", &t->schema) | (t->schema == NULL ? -1 : 0);
	bad |= rs_text_of_json(o, "name", &t->name) | (t->name == NULL ? -1 : 0);
	bad |= columns_of_json(json_object_get(o, "columns"), t);
	bad |= rs_list_of_json(
		json_object_get(o, "constraints"), &t->constraints, &t->n_constraints);
	t->id = number_of(o, "id");
	t->storage = number_of(o, "storage");
	t->distkey = number_of(o, "distkey");
	t->created_ns = (int64_t)number_of(o, "created");
	t->next_row = number_of(o, "next_row");
	t->rows = number_of(o, "rows");
	t->dead = number_of(o, "dead");
	t->unsorted = number_of(o, "unsorted");
	t->changed_xid = number_of(o, "changed_xid");
	t->changed_ns = (int64_t)number_of(o, "changed");
	t->analyzed_rows = number_of(o, "since_analyze");
	t->stats = json_incref(json_object_get(o, "stats"));
	return bad < 0 || t->id == 0 || t->storage == 0 || t->next_row == 0 ? -1 : 0;
}

int rs_table_of_json(struct slice text, struct rs_table **out, struct err *err)
{
	json_t *o = json_loadb(text.p, text.n, 0, NULL);
	struct rs_table *t = calloc(1, sizeof(*t));

	if (o == NULL || t == NULL || unpack(o, t) < 0) {
		json_decref(o);
		rs_table_free(t);
		return err_set(
			err, EIO, "the catalogue is damaged: a table's definition is not whole");
	}
	json_decref(o);
	*out = t;
	return 0;
}
