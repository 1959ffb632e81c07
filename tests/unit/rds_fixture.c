#include "tests/unit/rds_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

static void note_told(void *arg, const char *table, const struct slice *key)
{
	struct rds_fixture *f = arg;
	LOCKED(&f->told_lock);
	buf_puts(&f->told, table != NULL ? table : "*");
	if (key != NULL) {
		buf_putc(&f->told, '/');
		buf_append_slice(&f->told, *key);
	}
	buf_putc(&f->told, ' ');
}

const char *fixture_told(struct rds_fixture *f)
{
	LOCKED(&f->told_lock);
	buf_clear(&f->shown);
	buf_append_slice(&f->shown, buf_slice(&f->told));
	return buf_cstr(&f->shown);
}

void fixture_forget_told(struct rds_fixture *f)
{
	LOCKED(&f->told_lock);
	buf_clear(&f->told);
}

void fixture_other(struct rds_fixture *f, const char *sql)
{
	sqlite3 *db;
	char *message = NULL;
	ck_assert_int_eq(sqlite3_open(f->path, &db), SQLITE_OK);
	sqlite3_busy_timeout(db, 300000); /* whoever waits for a busy writer under valgrind */
	int rc = sqlite3_exec(db, sql, NULL, NULL, &message);
	ck_assert_msg(rc == SQLITE_OK, "%s", message);
	sqlite3_close(db);
}

void fixture_open(struct rds_fixture *f, const char *sql, bool stamped)
{
	*f = (struct rds_fixture){.told_lock = PTHREAD_MUTEX_INITIALIZER};
	make_site(f->dir);
	snprintf(f->path, sizeof(f->path), "%s/data.db", f->dir);
	fixture_other(f, sql);
	if (stamped) {
		fixture_other(f, rds_stamps_schema);
	}
	struct rds_file_config config = {
		.path = f->path, .label = "shop", .changed = note_told, .arg = f};
	int rc = rds_source_file(&config, &f->source, &f->err);
	ck_assert_msg(rc == 0, "%s", f->err.msg);
}

void fixture_close(struct rds_fixture *f)
{
	rds_source_close(f->source);
	buf_free(&f->told);
	buf_free(&f->shown);
	remove_site(f->dir);
}

/* ---- one call, in a transaction of its own ---- */

struct call {
	enum { READ, STAT, WRITE, REMOVE, RENAME, SCRIPT, TABLES, TABLE } what;
	struct slice table;
	struct slice key;
	struct slice text;
	uint64_t expect;
	unsigned flags;
	struct buf *out;
	struct engine_info info;
};

static int put_table(void *arg, const struct rds_table *t, struct err *err)
{
	(void)err;
	struct buf *out = arg;
	buf_printf(out, "%s%s%s", out->n > 0 ? " " : "", t->name, t->view ? "(view)" : "");
	return 0;
}

static int run_call(struct rds_conn *c, void *arg, struct err *err)
{
	struct call *k = arg;
	switch (k->what) {
	case READ:
		buf_clear(k->out);
		return rds_row_read(c, k->table, k->key, k->out, &k->info, err);
	case STAT: return rds_row_stat(c, k->table, k->key, &k->info, err);
	case TABLES: return rds_table_each(c, NULL, put_table, k->out, err);
	case TABLE:
		return k->table.n > 0 ? rds_table_stat(c, k->table, &k->info, err)
				      : rds_database_stat(c, &k->info, err);
	case WRITE: return rds_row_write(c, k->table, k->key, k->text, k->expect, &k->info, err);
	case REMOVE: return rds_row_remove(c, k->table, k->key, k->expect, err);
	case RENAME: return rds_row_rename(c, k->table, k->key, k->text, k->flags, err);
	case SCRIPT:
		return sqlite3_exec(c->db, k->text.p, NULL, NULL, NULL) == SQLITE_OK
			       ? 0
			       : store_sql_error(c->db, NULL, err);
	}
	return -EINVAL;
}

static int call(struct rds_fixture *f, struct call *k)
{
	err_clear(&f->err);
	bool write = k->what >= WRITE && k->what <= SCRIPT;
	int rc = (write ? rds_source_write : rds_source_read)(f->source, run_call, k, &f->err);
	ck_assert_int_eq(rc, -f->err.code);
	return rc;
}

int fixture_script(struct rds_fixture *f, const char *sql)
{
	struct call k = {.what = SCRIPT, .text = slice_of(sql)};
	return call(f, &k);
}

int fixture_read(struct rds_fixture *f, const char *table, struct slice key, struct buf *out)
{
	struct call k = {.what = READ, .table = slice_of(table), .key = key, .out = out};
	int rc = call(f, &k);
	if (rc == 0) {
		ck_assert_uint_eq(k.info.size, out->n);
	}
	return rc;
}

int fixture_stat(
	struct rds_fixture *f, const char *table, struct slice key, struct engine_info *out)
{
	struct call k = {.what = STAT, .table = slice_of(table), .key = key};
	int rc = call(f, &k);
	*out = k.info;
	return rc;
}

int fixture_table_stat(struct rds_fixture *f, const char *table, struct engine_info *out)
{
	struct call k = {.what = TABLE, .table = slice_of(table)};
	int rc = call(f, &k);
	*out = k.info;
	return rc;
}

int fixture_write(struct rds_fixture *f, const char *table, struct slice key, struct slice text,
	uint64_t expect)
{
	struct call k = {.what = WRITE,
		.table = slice_of(table),
		.key = key,
		.text = text,
		.expect = expect};
	int rc = call(f, &k);
	if (rc == 0) {
		struct engine_info now;
		ck_assert_int_eq(fixture_stat(f, table, key, &now), 0);
		ck_assert_uint_eq(now.size, k.info.size);
		ck_assert_uint_eq(now.version, k.info.version);
	}
	return rc;
}

int fixture_remove(struct rds_fixture *f, const char *table, struct slice key, uint64_t expect)
{
	struct call k = {.what = REMOVE, .table = slice_of(table), .key = key, .expect = expect};
	return call(f, &k);
}

int fixture_rename(struct rds_fixture *f, const char *table, struct slice from, struct slice to,
	unsigned flags)
{
	struct call k = {
		.what = RENAME, .table = slice_of(table), .key = from, .text = to, .flags = flags};
	return call(f, &k);
}

void fixture_tables(struct rds_fixture *f, struct buf *out)
{
	struct call k = {.what = TABLES, .out = out};
	ck_assert_int_eq(call(f, &k), 0);
}

/* ---- listing ---- */

struct page {
	struct rds_fixture *f;
	const char *table;
	unsigned left; /* 0: all */
	unsigned n;
	struct buf last;
	struct buf *out;
	const struct slice *after;
};

static int take(void *arg, struct slice key, const struct engine_info *info)
{
	struct page *p = arg;
	struct engine_info now;
	ck_assert_int_eq(fixture_stat(p->f, p->table, key, &now), 0);
	ck_assert_uint_eq(now.size, info->size);
	ck_assert_uint_eq(now.version, info->version);
	ck_assert_int_eq(now.mtime_ns, info->mtime_ns);
	buf_clear(&p->last);
	buf_append_slice(&p->last, key);
	buf_puts(p->out, p->out->n > 0 ? " " : "");
	buf_append_slice(p->out, key);
	return ++p->n == p->left;
}

static int list_page(struct rds_conn *c, void *arg, struct err *err)
{
	struct page *p = arg;
	return rds_row_list(c, slice_of(p->table), p->after, take, p, err);
}

void fixture_list(struct rds_fixture *f, const char *table, unsigned page, struct buf *out)
{
	struct page p = {.f = f, .table = table, .left = page, .out = out};
	CLEANUP(buf_free) struct buf after = BUF_INIT;
	struct slice from;
	buf_clear(out);
	do {
		p.n = 0;
		err_clear(&f->err);
		ck_assert_msg(
			rds_source_read(f->source, list_page, &p, &f->err) == 0, "%s", f->err.msg);
		buf_clear(&after);
		buf_append_slice(&after, buf_slice(&p.last));
		from = buf_slice(&after);
		p.after = &from;
	} while (page != 0 && p.n == page);
	buf_free(&p.last);
}

void check_row(struct rds_fixture *f, const char *table, const char *key, const char *want)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	int rc = fixture_read(f, table, slice_of(key), &text);
	ck_assert_str_eq(rc == 0 ? buf_cstr(&text) : f->err.msg, want);
}

void check_list(struct rds_fixture *f, const char *table, const char *want)
{
	for (unsigned page = 0; page < 4; page++) {
		CLEANUP(buf_free) struct buf names = BUF_INIT;
		fixture_list(f, table, page, &names);
		ck_assert_str_eq(buf_cstr(&names), want);
	}
}

void check_write(struct rds_fixture *f, const char *table, const char *key, const char *text,
	const char *error)
{
	fixture_write(f, table, slice_of(key), slice_of(text), ENGINE_VERSION_ANY);
	ck_assert_str_eq(f->err.msg, error);
}
