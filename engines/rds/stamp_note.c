/* Noticing what a write changes.
 *
 * SQLite calls the preupdate hook before each row that is inserted, updated or
 * deleted, by a statement, a trigger, a cascade or REPLACE. The hook may not use
 * the connection, so keys are kept in memory and the stamps written at the end
 * (stamp_write.c).
 *
 * It does not tell of
 *   - DDL: at the end the schema is compared with the one the write began with;
 *     a table made, altered or made again moves as a whole;
 *   - virtual tables, but of the tables they keep their data in: those are hidden,
 *     and what changes them moves the virtual table as a whole.
 *
 * Memory is bounded: a table of which too much changed moves as a whole, too. */
#include <stdlib.h>

#include "engines/rds/source_impl.h"
#include "engines/rds/stamp_impl.h"

#define NOTES_MAX_BYTES (32U << 20)
#define TELL_MAX	1000 /* rows of a table told one by one */

/* ---- the set of keys ---- */

static uint64_t hash_key(uint32_t table, struct slice key)
{
	return store_key_hash(slice_make(&table, sizeof(table)), key);
}

/* The place in the index of this key, or the empty one it would have. */
static uint32_t *find_place(const struct rds_stamps *s, uint32_t table, struct slice key)
{
	uint32_t mask = 2 * s->cap - 1;
	uint32_t i = (uint32_t)hash_key(table, key) & mask;
	for (; s->index[i] != 0; i = (i + 1) & mask) {
		const struct note *n = &s->notes[s->index[i] - 1];
		if (n->table == table && slice_equal(rds_note_key(s, n), key)) {
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
		*find_place(s, n->table, rds_note_key(s, n)) = i + 1;
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
			struct slice key = rds_note_key(s, &s->notes[k]);
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
