/* Noticing what a write changes.
 *
 * SQLite calls the preupdate hook before each row that is inserted, updated or
 * deleted, by a statement, a trigger, a cascade or REPLACE. The hook may not use
 * the connection, so keys are kept in memory and the stamps written at the end.
 *
 * It does not tell of
 *   - DDL: at the end the schema is compared with the one the write began with;
 *     a table made, altered or made again moves as a whole;
 *   - virtual tables, but of the tables they keep their data in: those are hidden,
 *     and what changes them moves the virtual table as a whole.
 *
 * Memory is bounded: a table of which too much changed moves as a whole, too. */
#include <stdlib.h>

#include "engines/rds/rows.h"
#include "engines/rds/source_impl.h"

#define NOTES_MAX_BYTES (32U << 20)
#define TELL_MAX	1000 /* rows of a table told one by one */

struct note {
	uint32_t table;
	uint32_t n;
	size_t at; /* of the key in keys */
	bool gone;
};

struct table_note {
	bool whole;
	bool listed; /* its list of rows changed */
	unsigned n_notes;
};

struct rds_stamps {
	struct rds_conn *c;
	struct rds_schema *schema; /* when the write began */
	struct table_note *tables; /* one for each of schema's */
	struct note *notes;
	uint32_t n_notes;
	uint32_t cap;
	uint32_t *index; /* places in notes + 1, by hash; twice cap */
	struct buf keys;
	struct buf key; /* the hook's */
	struct buf key2;
	sqlite3_value **values; /* as many as the longest key */
	bool schema_moved;	/* told after the end */
	bool undone;		/* some of what was noticed: see rds_stamps_undone() */
	bool failed;		/* memory ran out */
};

/* ---- the set of keys ---- */

static uint64_t hash_key(uint32_t table, struct slice key)
{
	return store_key_hash(slice_make(&table, sizeof(table)), key);
}

static struct slice note_key(const struct rds_stamps *s, const struct note *n)
{
	return slice_make(n->n > 0 ? s->keys.p + n->at : "", n->n);
}

/* The place in the index of this key, or the empty one it would have. */
static uint32_t *find_place(const struct rds_stamps *s, uint32_t table, struct slice key)
{
	uint32_t mask = 2 * s->cap - 1;
	uint32_t i = (uint32_t)hash_key(table, key) & mask;
	for (; s->index[i] != 0; i = (i + 1) & mask) {
		const struct note *n = &s->notes[s->index[i] - 1];
		if (n->table == table && slice_equal(note_key(s, n), key)) {
			break;
		}
	}
	return &s->index[i];
}

static bool grow(struct rds_stamps *s)
{
	uint32_t cap = s->cap == 0 ? 16 : 2 * s->cap;
	struct note *notes = realloc(s->notes, cap * sizeof(*notes));
	uint32_t *index = calloc(2 * (size_t)cap, sizeof(*index));
	if (notes != NULL) {
		s->notes = notes;
	}
	if (notes == NULL || index == NULL) {
		free(index);
		return false;
	}
	free(s->index);
	s->index = index;
	s->cap = cap;
	for (uint32_t i = 0; i < s->n_notes; i++) {
		const struct note *n = &s->notes[i];
		*find_place(s, n->table, note_key(s, n)) = i + 1;
	}
	return true;
}

static bool too_much(const struct rds_stamps *s)
{
	return s->keys.n + (size_t)s->n_notes * sizeof(struct note) > NOTES_MAX_BYTES;
}

static void add_note(struct rds_stamps *s, uint32_t table, struct slice key, bool gone)
{
	if (s->n_notes == s->cap && !grow(s)) {
		s->failed = true;
		return;
	}
	uint32_t *place = find_place(s, table, key);
	if (*place != 0) {
		s->notes[*place - 1].gone = gone;
		return;
	}
	if (too_much(s)) {
		s->tables[table].whole = true;
		return;
	}
	s->notes[s->n_notes] = (struct note){table, (uint32_t)key.n, s->keys.n, gone};
	buf_append_slice(&s->keys, key);
	s->failed |= s->keys.failed;
	*place = ++s->n_notes;
	s->tables[table].n_notes++;
}

/* ---- the hook ---- */

typedef int preupdate_value(sqlite3 *db, int column, sqlite3_value **out);

/* SQLite counts columns as they are stored; virtual ones are not. */
static bool columns_as_stored(const struct rds_table *t)
{
	for (unsigned i = 0; i < t->n_columns; i++) {
		if (t->columns[i].virtual) {
			return false;
		}
	}
	return true;
}

static bool print_key(struct rds_stamps *s, const struct rds_table *t, preupdate_value *get,
	int64_t rowid, struct buf *out)
{
	buf_clear(out);
	for (unsigned i = 0; i < t->n_key; i++) {
		if (get(s->c->db, (int)t->key[i], &s->values[i]) != SQLITE_OK) {
			return false;
		}
	}
	rds_key_print(t, s->values, rowid, out);
	return !out->failed;
}

/* A whole number in a REAL column may show as the integer it is stored as. */
static bool same_number(enum rds_affinity affinity, sqlite3_value *a, sqlite3_value *b)
{
	return affinity == RDS_AFFINITY_REAL && sqlite3_value_type(a) <= SQLITE_FLOAT &&
	       sqlite3_value_type(b) <= SQLITE_FLOAT &&
	       sqlite3_value_double(a) == sqlite3_value_double(b);
}

/* UPDATE t SET x = x changes nothing. */
static bool nothing_changed(const struct rds_stamps *s, const struct rds_table *t)
{
	for (unsigned i = 0; i < t->n_columns; i++) {
		sqlite3_value *a;
		sqlite3_value *b;
		if (sqlite3_preupdate_old(s->c->db, (int)i, &a) != SQLITE_OK ||
			sqlite3_preupdate_new(s->c->db, (int)i, &b) != SQLITE_OK) {
			return false;
		}
		if (!rds_values_same(a, b) && !same_number(t->columns[i].affinity, a, b)) {
			return false;
		}
	}
	return true;
}

static void note_update(struct rds_stamps *s, uint32_t i, int64_t before, int64_t after)
{
	const struct rds_table *t = rds_schema_table(s->schema, i);
	if (before == after && nothing_changed(s, t)) {
		return;
	}
	if (!print_key(s, t, sqlite3_preupdate_old, before, &s->key) ||
		!print_key(s, t, sqlite3_preupdate_new, after, &s->key2)) {
		s->tables[i].whole = true;
		s->tables[i].listed = true;
		return;
	}
	if (!slice_equal(buf_slice(&s->key), buf_slice(&s->key2))) {
		s->tables[i].listed = true;
		add_note(s, i, buf_slice(&s->key), true);
	}
	add_note(s, i, buf_slice(&s->key2), false);
}

static void note_one(struct rds_stamps *s, uint32_t i, bool gone, int64_t rowid)
{
	const struct rds_table *t = rds_schema_table(s->schema, i);
	s->tables[i].listed = true;
	if (print_key(s, t, gone ? sqlite3_preupdate_old : sqlite3_preupdate_new, rowid, &s->key)) {
		add_note(s, i, buf_slice(&s->key), gone);
	} else {
		s->tables[i].whole = true;
	}
}

/* The virtual table that keeps its data in a table called so. */
static void note_shadow(struct rds_stamps *s, const char *name)
{
	for (uint32_t i = 0; i < rds_schema_count(s->schema); i++) {
		const struct rds_table *t = rds_schema_table(s->schema, i);
		size_t n = strlen(t->name);
		if (t->is_virtual && strncmp(t->name, name, n) == 0 && name[n] == '_') {
			s->tables[i].whole = true;
			s->tables[i].listed = true;
		}
	}
}

static void noticed(void *arg, sqlite3 *db, int op, const char *database, const char *name,
	sqlite3_int64 before, sqlite3_int64 after)
{
	struct rds_stamps *s = arg;
	(void)db;
	if (strcmp(database, "main") != 0 || rds_hidden_table(name)) {
		return;
	}
	uint32_t i = rds_schema_index(s->schema, name);
	if (i == rds_schema_count(s->schema)) {
		/* Made in this write, or the inside of a virtual table. */
		note_shadow(s, name);
		return;
	}
	const struct rds_table *t = rds_schema_table(s->schema, i);
	if (s->tables[i].whole || !columns_as_stored(t)) {
		s->tables[i].whole = true;
		s->tables[i].listed = true;
	} else if (op == SQLITE_UPDATE) {
		note_update(s, i, before, after);
	} else {
		note_one(s, i, op == SQLITE_DELETE, op == SQLITE_DELETE ? before : after);
	}
}

void rds_stamps_whole(struct rds_conn *c, const char *table)
{
	struct rds_stamps *s = c->stamps;
	uint32_t i = s != NULL ? rds_schema_index(s->schema, table) : 0;
	if (s != NULL && i < rds_schema_count(s->schema)) {
		s->tables[i].whole = true;
		s->tables[i].listed = true;
	}
}

void rds_stamps_undone(struct rds_conn *c)
{
	if (c->stamps != NULL) {
		c->stamps->undone = true;
	}
}

/* ---- writing stamps ---- */

static int run(sqlite3_stmt *stmt, struct err *err)
{
	int rc = store_step(stmt, err);
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

static int forget_rows(struct rds_conn *c, const char *table, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c, "DELETE FROM main._dbmount_row WHERE tbl = ?1", err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	return run(stmt, err);
}

static int set_base(
	struct rds_conn *c, const char *table, uint64_t version, int64_t now, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"REPLACE INTO main._dbmount_table(name, version, mtime_ns, list_mtime_ns)"
		" VALUES(?1, ?2, ?3, ?3)",
		err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, (int64_t)version);
	sqlite3_bind_int64(stmt, 3, now);
	return run(stmt, err);
}

static int stamp_whole(
	struct rds_conn *c, const char *table, uint64_t version, int64_t now, struct err *err)
{
	int rc = forget_rows(c, table, err);
	return rc != 0 ? rc : set_base(c, table, version, now, err);
}

/* A table without an entry gets one that says what held so far. */
static int stamp_list(struct rds_conn *c, const char *table, int64_t now, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"INSERT INTO main._dbmount_table(name, version, mtime_ns, list_mtime_ns)"
		" SELECT ?1, version, mtime_ns, ?2 FROM main._dbmount_table"
		" WHERE name IN (?1, '') ORDER BY name DESC LIMIT 1"
		" ON CONFLICT(name) DO UPDATE SET list_mtime_ns = ?2",
		err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, now);
	return run(stmt, err);
}

static int forget_table(struct rds_conn *c, const char *table, struct err *err)
{
	sqlite3_stmt *stmt =
		rds_conn_stmt(c, "DELETE FROM main._dbmount_table WHERE name = ?1", err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	int rc = run(stmt, err);
	return rc != 0 ? rc : forget_rows(c, table, err);
}

static int stamp_row(
	struct rds_stamps *s, const struct note *n, uint64_t version, int64_t now, struct err *err)
{
	/* A row that is there must not fall back to the version it had before it was stamped. */
	bool gone = n->gone && !s->undone;
	const char *sql = gone ? "DELETE FROM main._dbmount_row WHERE tbl = ?1 AND key = ?2"
			       : "REPLACE INTO main._dbmount_row(tbl, key, version, mtime_ns)"
				 " VALUES(?1, ?2, ?3, ?4)";
	sqlite3_stmt *stmt = rds_conn_stmt(s->c, sql, err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, rds_schema_table(s->schema, n->table)->name, -1, SQLITE_STATIC);
	store_bind_slice(stmt, 2, note_key(s, n));
	if (!gone) {
		sqlite3_bind_int64(stmt, 3, (int64_t)version);
		sqlite3_bind_int64(stmt, 4, now);
	}
	return run(stmt, err);
}

static int stamp_rows(struct rds_stamps *s, uint64_t version, int64_t now, struct err *err)
{
	int rc = 0;
	for (uint32_t i = 0; i < s->n_notes && rc == 0; i++) {
		if (!s->tables[s->notes[i].table].whole) {
			rc = stamp_row(s, &s->notes[i], version, now, err);
		}
	}
	return rc;
}

static int stamp_tables(struct rds_stamps *s, uint64_t version, int64_t now, struct err *err)
{
	int rc = 0;
	for (uint32_t i = 0; i < rds_schema_count(s->schema) && rc == 0; i++) {
		const char *name = rds_schema_table(s->schema, i)->name;
		if (s->tables[i].whole) {
			rc = stamp_whole(s->c, name, version, now, err);
		} else if (s->tables[i].listed) {
			rc = stamp_list(s->c, name, now, err);
		}
	}
	return rc;
}

/* ---- changes of the schema ---- */

static bool is_there(const struct rds_schema *s, const char *name)
{
	return rds_schema_index(s, name) < rds_schema_count(s);
}

static int stamp_gone(struct rds_stamps *s, const struct rds_schema *now, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; i < rds_schema_count(s->schema) && rc == 0; i++) {
		const char *name = rds_schema_table(s->schema, i)->name;
		if (!is_there(now, name)) {
			s->schema_moved = true;
			/* neither its rows nor its list are stamped below */
			s->tables[i] = (struct table_note){0};
			for (uint32_t k = 0; k < s->n_notes; k++) {
				s->notes[k].gone |= s->notes[k].table == i;
			}
			rc = forget_table(s->c, name, err);
		}
	}
	return rc;
}

/* Tables made are stamped here, altered ones are marked. */
static int stamp_made(struct rds_stamps *s, const struct rds_schema *now, uint64_t version,
	int64_t time, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; i < rds_schema_count(now) && rc == 0; i++) {
		const char *name = rds_schema_table(now, i)->name;
		unsigned old = rds_schema_index(s->schema, name);
		if (old == rds_schema_count(s->schema)) {
			s->schema_moved = true;
			rc = stamp_whole(s->c, name, version, time, err);
		} else if (rds_schema_identity(now, i) != rds_schema_identity(s->schema, old)) {
			s->tables[old].whole = true;
			s->tables[old].listed = true;
		}
	}
	return rc;
}

static int compare_schemas(struct rds_stamps *s, const struct rds_schema *now, uint64_t version,
	int64_t time, struct err *err)
{
	int rc = stamp_gone(s, now, err);
	rc = rc != 0 ? rc : stamp_made(s, now, version, time, err);
	return rc == 0 && s->schema_moved ? stamp_list(s->c, "", time, err) : rc;
}

/* See RDS_STAMPS_LAST. */
static int keep_last(struct rds_conn *c, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"SELECT name = '_dbmount_last' FROM main.sqlite_schema ORDER BY rowid DESC LIMIT 1",
		err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	int rc = store_step(stmt, err);
	bool last = rc > 0 && sqlite3_column_int(stmt, 0) != 0;
	sqlite3_reset(stmt);
	if (rc < 0 || last) {
		return rc < 0 ? rc : 0;
	}
	return sqlite3_exec(c->db, "DROP VIEW IF EXISTS main._dbmount_last;" RDS_STAMPS_LAST, NULL,
		       NULL, NULL) == SQLITE_OK
		       ? 0
		       : store_sql_error(c->db, c->label, err);
}

/* The schema as the write leaves it. What is cached may be from before a ROLLBACK TO
 * within the write, after which numbers are given a second time. */
static int last_schema(struct rds_stamps *s, struct rds_schema **out, bool *moved, struct err *err)
{
	int64_t number;
	int rc = rds_schema_read_number(s->c, &number, err);
	if (rc != 0) {
		return rc;
	}
	*moved = number != rds_schema_number(s->schema);
	if (*moved) {
		rds_conn_forget(s->c);
	}
	rc = rds_schema_hold(s->c, out, err);
	if (rc == 0 && *moved && rds_schema_stamped(*out)) {
		rc = keep_last(s->c, err);
		if (rc != 0) {
			rds_schema_free(*out);
		}
	}
	return rc;
}

int rds_stamps_end(struct rds_stamps *s, uint64_t version, int64_t now_ns, struct err *err)
{
	struct rds_schema *now;
	struct err own = {0};
	err = err != NULL ? err : &own;
	if (s->failed) {
		return err_set(err, ENOMEM, "out of memory");
	}
	bool moved;
	int rc = last_schema(s, &now, &moved, err);
	if (rc != 0) {
		return rc;
	}
	if (rds_schema_stamped(now)) {
		rc = moved ? compare_schemas(s, now, version, now_ns, err) : 0;
		rc = rc != 0 ? rc : stamp_tables(s, version, now_ns, err);
		rc = rc != 0 ? rc : stamp_rows(s, version, now_ns, err);
	} else {
		s->schema_moved = moved;
	}
	rds_schema_free(now);
	return rc;
}

/* ---- beginning, telling, ending ---- */

static unsigned longest_key(const struct rds_schema *s)
{
	unsigned n = 1;
	for (unsigned i = 0; i < rds_schema_count(s); i++) {
		unsigned k = rds_schema_table(s, i)->n_key;
		n = k > n ? k : n;
	}
	return n;
}

int rds_stamps_begin(struct rds_conn *c, struct rds_stamps **out, struct err *err)
{
	struct rds_stamps *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->c = c;
	int rc = rds_schema_hold(c, &s->schema, err);
	if (rc == 0) {
		s->tables = calloc(rds_schema_count(s->schema) + 1, sizeof(*s->tables));
		s->values = calloc(longest_key(s->schema), sizeof(sqlite3_value *));
		if (s->tables == NULL || s->values == NULL) {
			rc = err_set(err, ENOMEM, "out of memory");
		}
	}
	if (rc != 0) {
		rds_stamps_free(s);
		return rc;
	}
	sqlite3_preupdate_hook(c->db, noticed, s);
	*out = s;
	return 0;
}

bool rds_stamps_any(const struct rds_stamps *s)
{
	bool any = s->schema_moved || s->n_notes > 0;
	for (uint32_t i = 0; i < rds_schema_count(s->schema) && !any; i++) {
		any = s->tables[i].whole || s->tables[i].listed;
	}
	return any;
}

void rds_stamps_pause(struct rds_conn *c)
{
	sqlite3_preupdate_hook(c->db, NULL, NULL);
}

void rds_stamps_resume(struct rds_conn *c)
{
	if (c->stamps != NULL) {
		sqlite3_preupdate_hook(c->db, noticed, c->stamps);
	}
}

static void tell_table(const struct rds_stamps *s, uint32_t i, rds_changed_fn *fn, void *arg)
{
	const struct table_note *t = &s->tables[i];
	const char *name = rds_schema_table(s->schema, i)->name;
	if (t->whole || t->n_notes > TELL_MAX) {
		fn(arg, name, NULL);
		return;
	}
	for (uint32_t k = 0; k < s->n_notes && t->n_notes > 0; k++) {
		if (s->notes[k].table == i) {
			struct slice key = note_key(s, &s->notes[k]);
			fn(arg, name, &key);
		}
	}
}

void rds_stamps_each(const struct rds_stamps *s, rds_changed_fn *fn, void *arg)
{
	if (s->schema_moved) {
		fn(arg, NULL, NULL);
		return;
	}
	for (uint32_t i = 0; i < rds_schema_count(s->schema); i++) {
		tell_table(s, i, fn, arg);
	}
}

void rds_stamps_free(struct rds_stamps *s)
{
	if (s == NULL) {
		return;
	}
	sqlite3_preupdate_hook(s->c->db, NULL, NULL);
	rds_schema_free(s->schema);
	free(s->tables);
	free(s->notes);
	free(s->index);
	free(s->values);
	buf_free(&s->keys);
	buf_free(&s->key);
	buf_free(&s->key2);
	free(s);
}
