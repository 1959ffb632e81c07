#include "tests/unit/store_fixture.h"

#include <check.h>
#include <dirent.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

const char *const fixture_sql[FX_N] = {
	[FX_PUT] = "REPLACE INTO kv(k, v, body) VALUES (?1, ?2, ?3)",
	[FX_GET] = "SELECT v FROM kv WHERE k = ?1",
	[FX_COUNT] = "SELECT count(*) FROM kv",
	[FX_INSERT] = "INSERT INTO kv(k, v) VALUES (?1, ?2)",
	[FX_SUM] = "SELECT sum(v) FROM kv",
	[FX_BROKEN] = "SELECT k FROM nowhere",
};

static _Thread_local struct err own_err;

struct err *fixture_new_err(void)
{
	err_clear(&own_err);
	return &own_err;
}

const char *fixture_err_text(void)
{
	return own_err.msg;
}

void fixture_init(struct fixture *f, enum store_sync sync)
{
	*f = (struct fixture){0};
	make_site(f->dir);
	/* A name that a URI would take for something else. */
	snprintf(f->path, sizeof(f->path), "%s/a%%20b?c#d é.db", f->dir);
	f->config = (struct store_config){
		.path = f->path,
		.label = "table T",
		.application_id = FIXTURE_APP_ID,
		.schema_version = 3,
		.schema = FIXTURE_SCHEMA,
		.sql = fixture_sql,
		.n_sql = FX_N,
		.create = true,
		.sync = sync,
	};
}

void fixture_open(struct fixture *f)
{
	struct err err = {0};
	int rc = store_open(&f->config, &f->s, &err);
	ck_assert_msg(rc == 0, "%s", err.msg);
}

void fixture_close(struct fixture *f)
{
	store_close(f->s);
	f->s = NULL;
}

void fixture_end(struct fixture *f)
{
	fixture_close(f);
	remove_site(f->dir);
}

int fixture_files(const struct fixture *f)
{
	DIR *d = opendir(f->dir);
	ck_assert_ptr_nonnull(d);
	int n = 0;
	for (const struct dirent *e; (e = readdir(d)) != NULL;) {
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	}
	closedir(d);
	return n;
}

bool fixture_has(const struct fixture *f, const char *suffix)
{
	char path[256];
	snprintf(path, sizeof(path), "%s%s", f->path, suffix);
	return access(path, F_OK) == 0;
}

int fixture_put_row(struct store_txn *t, void *arg, struct err *err)
{
	const struct fixture_row *p = arg;
	sqlite3_stmt *stmt = store_txn_stmt(t, FX_PUT, err);
	if (stmt == NULL) {
		return -err->code;
	}
	/* SQLite writes no page that stays the same. */
	static _Atomic unsigned n;
	char *body = malloc(p->body + 1);
	memset(body, (int)('a' + atomic_fetch_add(&n, 1) % 26), p->body + 1);
	store_bind_slice(stmt, 1, slice_of(p->key));
	sqlite3_bind_int64(stmt, 2, p->value);
	store_bind_slice(stmt, 3, slice_make(body, p->body));
	int rc = store_step(stmt, err);
	free(body);
	return rc;
}

int fixture_put(struct store *s, const char *key, int64_t value, size_t body, struct err *err)
{
	struct fixture_row row = {.key = key, .value = value, .body = body};
	uint64_t hash = store_key_hash(slice_of(key), slice_of(""));
	return store_write(s, &hash, 1, fixture_put_row, &row, err);
}

int64_t fixture_get(struct store *s, const char *key, struct err *err)
{
	struct store_reader *r;
	if (store_read_begin(s, store_key_hash(slice_of(key), slice_of("")), &r, err) != 0) {
		return -2;
	}
	int64_t value = -2;
	sqlite3_stmt *stmt = store_reader_stmt(r, FX_GET, err);
	if (stmt != NULL) {
		store_bind_slice(stmt, 1, slice_of(key));
		int rc = store_step(stmt, err);
		if (rc >= 0) {
			value = rc == 1 ? sqlite3_column_int64(stmt, 0) : -1;
		}
	}
	store_read_end(r);
	return value;
}

int64_t fixture_count(struct store *s)
{
	struct store_reader *r;
	struct err err = {0};
	ck_assert_int_eq(store_read_begin(s, STORE_ALL_KEYS, &r, &err), 0);
	sqlite3_stmt *stmt = store_reader_stmt(r, FX_COUNT, &err);
	ck_assert_ptr_nonnull(stmt);
	ck_assert_int_eq(store_step(stmt, &err), 1);
	int64_t n = sqlite3_column_int64(stmt, 0);
	store_read_end(r);
	return n;
}

int64_t fixture_query(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = NULL;
	ck_assert_int_eq(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	ck_assert_msg(rc == SQLITE_OK, "%s", sqlite3_errmsg(db));
	rc = sqlite3_step(stmt);
	ck_assert_msg(rc == SQLITE_ROW || rc == SQLITE_DONE, "%s", sqlite3_errmsg(db));
	int64_t value = rc == SQLITE_ROW ? sqlite3_column_int64(stmt, 0) : 0;
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return value;
}
