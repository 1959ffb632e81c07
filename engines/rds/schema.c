/* What tables a database has, read from its schema once and kept until it changes.
 *
 * The list of names is read at once, the columns of a table when it is asked for. */
#include <assert.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/common/json.h"
#include "engines/rds/rows.h"
#include "engines/rds/source_impl.h"

struct entry {
	struct rds_table t;
	bool loaded;
	uint64_t identity; /* of its definition and where it is kept */
};

struct rds_schema {
	unsigned refs;
	int64_t cookie; /* SQLite's number of this schema */
	bool stamped;
	struct entry *tables; /* those users see, in byte order of names */
	unsigned n;
	unsigned cap;
};

void rds_quote(struct buf *sql, const char *name)
{
	buf_putc(sql, '"');
	for (; *name != '\0'; name++) {
		buf_puts(sql, *name == '"' ? "\"\"" : (const char[2]){*name, '\0'});
	}
	buf_putc(sql, '"');
}

/* ---- memory ---- */

static void clear_columns(struct rds_table *t)
{
	for (unsigned i = 0; i < t->n_columns; i++) {
		free(t->columns[i].name);
		free(t->columns[i].json);
		free(t->columns[i].type);
		free(t->columns[i].default_sql);
	}
	free(t->columns);
	free(t->key);
	for (unsigned i = 0; i < RDS_SQL_COUNT; i++) {
		free(t->sql[i]);
		t->sql[i] = NULL;
	}
	t->columns = NULL;
	t->n_columns = 0;
	t->key = NULL;
	t->n_key = 0;
}

void rds_schema_free(struct rds_schema *s)
{
	if (s == NULL || --s->refs > 0) {
		return;
	}
	for (unsigned i = 0; i < s->n; i++) {
		clear_columns(&s->tables[i].t);
		free(s->tables[i].t.name);
	}
	free(s->tables);
	free(s);
}

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static char *column_text(sqlite3_stmt *stmt, int i)
{
	const char *text = (const char *)sqlite3_column_text(stmt, i);
	return strdup(text != NULL ? text : "");
}

/* ---- the list of tables ---- */

static int add_table(struct rds_schema *s, sqlite3_stmt *stmt, struct err *err)
{
	if (s->n == s->cap) {
		unsigned cap = s->cap == 0 ? 16 : 2 * s->cap;
		struct entry *more = realloc(s->tables, cap * sizeof(*more));
		if (more == NULL) {
			return no_memory(err);
		}
		s->tables = more;
		s->cap = cap;
	}
	struct entry *e = &s->tables[s->n];
	const char *type = (const char *)sqlite3_column_text(stmt, 1);
	*e = (struct entry){0};
	e->t.view = type != NULL && strcmp(type, "view") == 0;
	e->t.is_virtual = type != NULL && strcmp(type, "virtual") == 0;
	e->t.without_rowid = sqlite3_column_int(stmt, 2) != 0;
	e->t.strict = sqlite3_column_int(stmt, 3) != 0;
	e->t.name = column_text(stmt, 0);
	s->n += e->t.name != NULL;
	return e->t.name != NULL ? 0 : no_memory(err);
}

bool rds_hidden_table(const char *name)
{
	return strncasecmp(name, "sqlite_", 7) == 0 ||
	       strncasecmp(name, RDS_HIDDEN_PREFIX, strlen(RDS_HIDDEN_PREFIX)) == 0;
}

static int read_tables(struct rds_conn *c, struct rds_schema *s, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"SELECT name, type, wr, strict FROM pragma_table_list WHERE schema = 'main'"
		" AND type <> 'shadow' ORDER BY CAST(name AS BLOB)",
		err);
	int rc = stmt != NULL ? 1 : rds_failed(err);
	while (rc > 0 && (rc = store_step(stmt, err)) > 0) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);
		if (name == NULL) {
			rc = no_memory(err);
		} else if (strcmp(name, "_dbmount_row") == 0) {
			s->stamped = true;
		} else if (!rds_hidden_table(name)) {
			int added = add_table(s, stmt, err);
			rc = added != 0 ? added : 1;
		}
	}
	if (stmt != NULL) {
		sqlite3_reset(stmt);
	}
	return rc;
}

/* The first table whose name is not below `name`. */
static unsigned lower_bound(const struct rds_schema *s, struct slice name)
{
	unsigned low = 0;
	unsigned high = s->n;
	while (low < high) {
		unsigned mid = (low + high) / 2;
		if (slice_compare(slice_of(s->tables[mid].t.name), name) < 0) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return low;
}

unsigned rds_schema_index(const struct rds_schema *s, const char *name)
{
	unsigned i = lower_bound(s, slice_of(name));
	return i < s->n && strcmp(s->tables[i].t.name, name) == 0 ? i : s->n;
}

/* Text, root page and place in the schema: what ALTER, or DROP and CREATE, changes. */
static int read_identities(struct rds_conn *c, struct rds_schema *s, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"SELECT name, sql, rootpage, rowid FROM main.sqlite_schema"
		" WHERE type IN ('table', 'view')",
		err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	int rc;
	while ((rc = store_step(stmt, err)) > 0) {
		const char *name = (const char *)sqlite3_column_text(stmt, 0);
		unsigned i = name != NULL ? rds_schema_index(s, name) : s->n;
		if (i < s->n) {
			int64_t place[2] = {
				sqlite3_column_int64(stmt, 2), sqlite3_column_int64(stmt, 3)};
			s->tables[i].identity = store_key_hash(
				store_column_slice(stmt, 1), slice_make(place, sizeof(place)));
		}
	}
	sqlite3_reset(stmt);
	return rc;
}

static int read_cookie(struct rds_conn *c, int64_t *out, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c, "PRAGMA main.schema_version", err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	int rc = store_step(stmt, err);
	*out = rc > 0 ? sqlite3_column_int64(stmt, 0) : 0;
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

static int load(struct rds_conn *c, int64_t cookie, struct rds_schema **out, struct err *err)
{
	struct rds_schema *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return no_memory(err);
	}
	s->refs = 1;
	s->cookie = cookie;
	int rc = read_tables(c, s, err);
	rc = rc != 0 ? rc : read_identities(c, s, err);
	if (rc != 0) {
		rds_schema_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

/* The schema as it is now. In a read it stays until the end; a write may change it. */
static int schema_now(struct rds_conn *c, struct rds_schema **out, struct err *err)
{
	struct err own = {0};
	err = err != NULL ? err : &own;
	struct rds_schema **slot = rds_cache_schema(c->cache);
	bool *checked = rds_cache_checked(c->cache);
	if (*slot == NULL || c->writable || !*checked) {
		int64_t cookie = 0;
		int rc = read_cookie(c, &cookie, err);
		if (rc == 0 && (*slot == NULL || (*slot)->cookie != cookie)) {
			rds_schema_free(*slot);
			*slot = NULL;
			rc = load(c, cookie, slot, err);
		}
		if (rc != 0) {
			return rc;
		}
		*checked = true;
	}
	assert(*slot != NULL);
	*out = *slot;
	return 0;
}

int rds_stamped(struct rds_conn *c, bool *out, struct err *err)
{
	struct rds_schema *s;
	int rc = schema_now(c, &s, err);
	if (rc == 0) {
		*out = s->stamped;
	}
	return rc;
}

/* ---- a table ---- */

enum rds_affinity rds_type_affinity(const char *type)
{
	if (strcasestr(type, "INT") != NULL) {
		return RDS_AFFINITY_INTEGER;
	}
	if (strcasestr(type, "CHAR") || strcasestr(type, "CLOB") || strcasestr(type, "TEXT")) {
		return RDS_AFFINITY_TEXT;
	}
	if (type[0] == '\0' || strcasestr(type, "BLOB") != NULL) {
		return RDS_AFFINITY_BLOB;
	}
	if (strcasestr(type, "REAL") || strcasestr(type, "FLOA") || strcasestr(type, "DOUB")) {
		return RDS_AFFINITY_REAL;
	}
	return RDS_AFFINITY_NUMERIC;
}

static int fill_column(const struct rds_table *t, sqlite3_stmt *stmt, struct rds_column *col)
{
	int hidden = sqlite3_column_int(stmt, 5);
	CLEANUP(buf_free) struct buf json = BUF_INIT;
	*col = (struct rds_column){
		.not_null = sqlite3_column_int(stmt, 2) != 0,
		.has_default = sqlite3_column_type(stmt, 3) != SQLITE_NULL,
		.pk = (unsigned)sqlite3_column_int(stmt, 4),
		.generated = hidden == 2 || hidden == 3,
		.virtual = hidden == 2,
	};
	col->name = column_text(stmt, 0);
	col->type = column_text(stmt, 1);
	col->default_sql = col->has_default ? column_text(stmt, 3) : NULL;
	if (col->name == NULL || col->type == NULL ||
		(col->has_default && col->default_sql == NULL)) {
		return -ENOMEM;
	}
	/* Only of strict tables is ANY a type of its own. */
	col->affinity = t->strict && strcasecmp(col->type, "ANY") == 0
				? RDS_AFFINITY_BLOB
				: rds_type_affinity(col->type);
	json_quote(&json, slice_of(col->name));
	col->json = strdup(buf_cstr(&json));
	return col->json != NULL && !json.failed ? 0 : -ENOMEM;
}

static int read_columns(struct rds_conn *c, struct rds_table *t, struct err *err)
{
	/* hidden 1: arguments of virtual tables, which are no data */
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"SELECT name, type, \"notnull\", dflt_value, pk, hidden"
		" FROM pragma_table_xinfo(?1, 'main') WHERE hidden <> 1 ORDER BY cid",
		err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, t->name, -1, SQLITE_STATIC);
	int rc;
	while ((rc = store_step(stmt, err)) > 0) {
		struct rds_column *more = realloc(t->columns, (t->n_columns + 1) * sizeof(*more));
		if (more == NULL) {
			rc = no_memory(err);
			break;
		}
		t->columns = more;
		if (fill_column(t, stmt, &t->columns[t->n_columns++]) != 0) {
			rc = no_memory(err);
			break;
		}
	}
	sqlite3_reset(stmt);
	return rc;
}

static bool has_column(const struct rds_table *t, const char *name)
{
	for (unsigned i = 0; i < t->n_columns; i++) {
		if (strcasecmp(t->columns[i].name, name) == 0) {
			return true;
		}
	}
	return false;
}

/* The rowid is hidden where columns bear all of its names. */
static const char *rowid_name(const struct rds_table *t)
{
	static const char *const names[] = {"rowid", "_rowid_", "oid"};
	for (unsigned i = 0; i < 3 && !t->without_rowid && !t->view; i++) {
		if (!has_column(t, names[i])) {
			return names[i];
		}
	}
	return NULL;
}

static int place_key(struct rds_table *t, struct err *err)
{
	t->key = calloc(t->n_columns + 1, sizeof(*t->key));
	if (t->key == NULL) {
		return no_memory(err);
	}
	for (unsigned i = 0; i < t->n_columns; i++) {
		unsigned place = t->columns[i].pk;
		if (place > 0 && place <= t->n_columns) {
			t->key[place - 1] = i;
			t->n_key++;
			t->nullable_key |= !t->columns[i].not_null;
		}
	}
	return 0;
}

static int load_table(struct rds_conn *c, struct rds_table *t, struct err *err)
{
	clear_columns(t);
	int rc = read_columns(c, t, err);
	rc = rc != 0 ? rc : place_key(t, err);
	if (rc != 0) {
		return rc;
	}
	t->rowid = rowid_name(t);
	t->rowid_key = t->n_key == 0 && t->rowid != NULL;
	if (t->is_virtual && t->n_key > 0) {
		/* What a module declares says nothing about how rows are found. */
		t->rowid_key = t->rowid != NULL;
		t->n_key = 0;
	}
	/* Rows that cannot be named otherwise are so by their place. */
	t->view |= t->n_key == 0 && !t->rowid_key;
	rc = rds_table_prepare(c, t, err);
	t->nullable_key &= !t->without_rowid && !t->rowid_alias && t->rowid != NULL;
	return rc;
}

/* ---- finding ---- */

static int loaded(struct rds_conn *c, struct entry *e, struct err *err)
{
	if (!e->loaded) {
		struct err own = {0};
		int rc = load_table(c, &e->t, err != NULL ? err : &own);
		if (rc != 0) {
			return rc;
		}
		e->loaded = true;
	}
	return 0;
}

int rds_table_find(
	struct rds_conn *c, struct slice name, const struct rds_table **out, struct err *err)
{
	struct rds_schema *s;
	int rc = schema_now(c, &s, err);
	if (rc != 0) {
		return rc;
	}
	unsigned i = lower_bound(s, name);
	if (i == s->n || !slice_equal(slice_of(s->tables[i].t.name), name)) {
		return err_set(err, ENOENT, "%s has no table %.*s", c->label, (int)name.n, name.p);
	}
	rc = loaded(c, &s->tables[i], err);
	if (rc == 0) {
		*out = &s->tables[i].t;
	}
	return rc;
}

/* ---- the whole, as it was ---- */

int rds_schema_hold(struct rds_conn *c, struct rds_schema **out, struct err *err)
{
	struct rds_schema *s;
	int rc = schema_now(c, &s, err);
	if (rc != 0) {
		return rc;
	}
	for (unsigned i = 0; i < s->n; i++) {
		loaded(c, &s->tables[i], NULL);
	}
	s->refs++;
	*out = s;
	return 0;
}

bool rds_schema_stamped(const struct rds_schema *s)
{
	return s->stamped;
}

unsigned rds_schema_count(const struct rds_schema *s)
{
	return s->n;
}

const struct rds_table *rds_schema_table(const struct rds_schema *s, unsigned i)
{
	return &s->tables[i].t;
}

uint64_t rds_schema_identity(const struct rds_schema *s, unsigned i)
{
	return s->tables[i].identity;
}

int rds_schema_read_number(struct rds_conn *c, int64_t *out, struct err *err)
{
	return read_cookie(c, out, err);
}

int64_t rds_schema_number(const struct rds_schema *s)
{
	return s->cookie;
}

int rds_table_each(
	struct rds_conn *c, const struct slice *after, rds_table_fn *fn, void *arg, struct err *err)
{
	struct rds_schema *s;
	int rc = schema_now(c, &s, err);
	if (rc != 0) {
		return rc;
	}
	unsigned i = after != NULL ? lower_bound(s, *after) : 0;
	if (after != NULL && i < s->n && slice_equal(slice_of(s->tables[i].t.name), *after)) {
		i++;
	}
	for (; i < s->n && rc == 0; i++) {
		/* One that cannot be loaded (a view over a table that is gone) is listed:
		 * what is wrong is told by who looks into it. */
		loaded(c, &s->tables[i], NULL);
		rc = fn(arg, &s->tables[i].t, err);
	}
	return rc < 0 ? rc : 0;
}
