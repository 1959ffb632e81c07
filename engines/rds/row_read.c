/* Rows as files: finding, listing, reading. */
#include "engines/rds/rows.h"

int rds_row_info(struct rds_conn *c, const struct rds_table *t, struct slice key,
	sqlite3_stmt *stmt, struct engine_info *out, struct err *err)
{
	struct rds_stamper stamper;
	int rc = rds_stamper_init(&stamper, c, t, err);
	*out = (struct engine_info){.kind = ENGINE_FILE, .size = rds_row_size(stmt, t)};
	return rc != 0 ? rc : rds_stamper_find(&stamper, key, stmt, out, err);
}

/* ---- stepping ---- */

int rds_row_step(struct rds_conn *c, const struct rds_table *t, sqlite3_stmt *stmt, struct err *err)
{
	if (t->view) {
		rds_conn_limit_view(c);
	}
	int rc = store_step(stmt, err);
	if (rc == -ETIMEDOUT) {
		err_wrap(err, "%s: the view was stopped after %u s", t->name,
			c->view_limit_ms / 1000);
	}
	return rc;
}

/* ---- one row ---- */

static int bind_key(sqlite3_stmt *stmt, const struct rds_key *k, struct err *err)
{
	if (k->by_rowid) {
		sqlite3_bind_int64(stmt, 1, k->rowid);
		return 0;
	}
	for (unsigned i = 0; i < k->n; i++) {
		if (rds_value_bind(stmt, (int)i + 1, &k->values[i], &k->bytes) != SQLITE_OK) {
			return store_sql_error(sqlite3_db_handle(stmt), NULL, err);
		}
	}
	return 0;
}

/* SQLite finds 7 by '7' and, under NOCASE, ABC by abc: only the name that the row
 * has itself is its name. */
static int is_called(
	const struct rds_table *t, sqlite3_stmt *stmt, struct slice key, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	if (t->view) {
		return 1;
	}
	int rc = rds_key_of(t, stmt, &name, err);
	return rc < 0 ? rc : slice_equal(buf_slice(&name), key);
}

static int no_row(const struct rds_table *t, struct slice key, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	name_escape(key, &name);
	return err_set(err, ENOENT, "%s has no row %s", t->name, buf_cstr(&name));
}

int rds_row_find(struct rds_conn *c, const struct rds_table *t, const struct rds_key *k,
	struct slice key, sqlite3_stmt **out, struct err *err)
{
	struct err own = {0};
	err = err != NULL ? err : &own;
	const char *sql = t->sql[k->null_row ? RDS_SQL_NULL_ROW : RDS_SQL_ROW];
	sqlite3_stmt *stmt = rds_conn_stmt(c, sql, err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	int rc = bind_key(stmt, k, err);
	rc = rc != 0 ? rc : rds_row_step(c, t, stmt, err);
	rc = rc > 0 ? is_called(t, stmt, key, err) : rc;
	if (rc > 0) {
		*out = stmt;
		return 0;
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : no_row(t, key, err);
}

void rds_read_close(struct rds_read *r)
{
	sqlite3_reset(r->stmt);
	rds_key_finish(&r->key);
}

int rds_read_open(struct rds_conn *c, struct slice table, struct slice key, struct rds_read *out,
	struct err *err)
{
	*out = (struct rds_read){0};
	int rc = rds_table_find(c, table, &out->t, err);
	if (rc != 0) {
		return rc;
	}
	rc = rds_key_parse(out->t, key, &out->key);
	if (rc == 0) {
		return rds_row_find(c, out->t, &out->key, key, &out->stmt, err);
	}
	return rc == -ENOENT ? no_row(out->t, key, err) : err_set(err, -rc, "out of memory");
}

int rds_row_stat(struct rds_conn *c, struct slice table, struct slice key, struct engine_info *out,
	struct err *err)
{
	CLEANUP(rds_read_close) struct rds_read r;
	struct engine_info info;
	int rc = rds_read_open(c, table, key, &r, err);
	rc = rc != 0 ? rc : rds_row_info(c, r.t, key, r.stmt, &info, err);
	if (rc == 0) {
		*out = info;
	}
	return rc;
}

int rds_row_read(struct rds_conn *c, struct slice table, struct slice key, struct buf *out,
	struct engine_info *info, struct err *err)
{
	CLEANUP(rds_read_close) struct rds_read r;
	struct engine_info found;
	int rc = rds_read_open(c, table, key, &r, err);
	rc = rc != 0 ? rc : rds_row_info(c, r.t, key, r.stmt, &found, err);
	if (rc != 0) {
		return rc;
	}
	buf_reserve(out, out->n + found.size);
	rds_row_render(r.stmt, r.t, true, out);
	buf_putc(out, '\n');
	rc = buf_check(out, err);
	if (rc == 0) {
		*info = found;
	}
	return rc;
}

/* ---- listing ---- */

struct listing {
	const struct rds_stamper *stamper;
	engine_emit *emit;
	void *arg;
	int64_t place; /* in a view */
	bool stopped;
	struct buf key;
};

static int list_key(
	struct listing *l, const struct rds_table *t, sqlite3_stmt *stmt, struct err *err)
{
	char number[RDS_NUMBER_MAX];
	buf_clear(&l->key);
	if (!t->view) {
		return rds_key_of(t, stmt, &l->key, err);
	}
	buf_append(&l->key, number, rds_integer_print(++l->place, number));
	return buf_check(&l->key, err);
}

static int list_rows(
	struct listing *l, const struct rds_table *t, sqlite3_stmt *stmt, struct err *err)
{
	int rc = 0;
	while (!l->stopped && (rc = rds_row_step(l->stamper->c, t, stmt, err)) > 0) {
		rc = list_key(l, t, stmt, err);
		struct engine_info info = {.kind = ENGINE_FILE, .size = rds_row_size(stmt, t)};
		rc = rc != 0 ? rc
			     : rds_stamper_find(l->stamper, buf_slice(&l->key), stmt, &info, err);
		if (rc != 0) {
			break;
		}
		l->stopped = l->emit(l->arg, buf_slice(&l->key), &info) != 0;
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

/* `k` NULL: from the first. */
static int list_part(struct listing *l, const struct rds_table *t, enum rds_table_sql which,
	const struct rds_key *k, struct err *err)
{
	if (l->stopped || t->sql[which] == NULL) {
		return 0;
	}
	sqlite3_stmt *stmt = rds_conn_stmt(l->stamper->c, t->sql[which], err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	int rc = k != NULL ? bind_key(stmt, k, err) : 0;
	return rc != 0 ? rc : list_rows(l, t, stmt, err);
}

/* Rows with NULL in their key come last, by rowid. */
static int list_after(
	struct listing *l, const struct rds_table *t, const struct rds_key *k, struct err *err)
{
	if (k != NULL && k->null_row) {
		return list_part(l, t, RDS_SQL_NULL_AFTER, k, err);
	}
	l->place = k != NULL && t->view ? k->rowid : 0;
	int rc = list_part(l, t, k != NULL ? RDS_SQL_AFTER : RDS_SQL_LIST, k, err);
	return rc != 0 ? rc : list_part(l, t, RDS_SQL_NULL_LIST, NULL, err);
}

int rds_row_list(struct rds_conn *c, struct slice table, const struct slice *after,
	engine_emit *emit, void *arg, struct err *err)
{
	struct err own = {0};
	err = err != NULL ? err : &own;
	const struct rds_table *t;
	struct rds_stamper stamper;
	struct rds_key k = {0};
	int rc = rds_table_find(c, table, &t, err);
	rc = rc != 0 ? rc : rds_stamper_init(&stamper, c, t, err);
	if (rc == 0 && after != NULL) {
		rc = rds_key_parse(t, *after, &k);
		/* A name that no row can have does not come from a listing of ours. */
		rc = rc != 0 ? err_set(err, -rc, "no place in %s to list from", t->name) : 0;
	}
	if (rc != 0) {
		return rc;
	}
	struct listing l = {.stamper = &stamper, .emit = emit, .arg = arg};
	rc = list_after(&l, t, after != NULL ? &k : NULL, err);
	rds_key_finish(&k);
	buf_free(&l.key);
	return rc;
}

/* ---- long names ---- */

struct hashed {
	const unsigned char *hash;
	struct buf *key;
	bool found;
};

static int match_hash(void *arg, struct slice key, const struct engine_info *info)
{
	struct hashed *h = arg;
	unsigned char hash[NAME_HASH_BYTES];
	(void)info;
	/* An escape takes three bytes of the name. */
	if (key.n < (NAME_MAX_BYTES - 16) / 3) {
		return 0;
	}
	name_hash(key, hash);
	if (memcmp(hash, h->hash, sizeof(hash)) != 0) {
		return 0;
	}
	buf_append_slice(h->key, key);
	h->found = true;
	return 1;
}

int rds_row_find_hashed(struct rds_conn *c, struct slice table,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	struct hashed h = {.hash = hash, .key = key};
	int rc = rds_row_list(c, table, NULL, match_hash, &h, err);
	rc = rc != 0 ? rc : buf_check(key, err);
	return rc != 0 || h.found ? rc
				  : err_set(err, ENOENT, "%.*s has no row of that name",
					    (int)table.n, table.p);
}
