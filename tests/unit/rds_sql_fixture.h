/* What the tests of RDS's SQL share: a database file of its own as a source, scripts
 * run on it, and its content as text. Each test program includes it once. */
#ifndef DBMOUNT_TEST_RDS_SQL_FIXTURE_H
#define DBMOUNT_TEST_RDS_SQL_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "engines/rds/sql.h"
#include "tests/unit/calls.h"

static char site[SITE_MAX];
static struct rds_source *source;
static struct buf report;

#define REPORTS(text)                                                                              \
	ck_assert_msg(strstr(buf_cstr(&report), text) != NULL, "%s", buf_cstr(&report))

/* An empty database, opened as a source; freed by the caller. */
static struct rds_source *database(const char *name)
{
	char path[200];
	sqlite3 *db;
	struct rds_source *s;
	snprintf(path, sizeof(path), "%s/%s.db", site, name);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "PRAGMA user_version=0", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(
		sqlite3_exec(db, "CREATE TABLE x(a); DROP TABLE x", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
	struct rds_file_config config = {.path = path, .label = name};
	OK(rds_source_file(&config, &s, &err));
	return s;
}

static void setup(void)
{
	make_site(site);
	source = database("main");
}

static void teardown(void)
{
	rds_source_close(source);
	buf_free(&report);
	remove_site(site);
}

__attribute__((unused)) static int script_text(
	struct rds_source *to, struct slice text, bool create, size_t step)
{
	struct rds_script_options options = {.tmp = site, .create = create};
	struct rds_script *s;
	OK(rds_script_open(&options, &s, &err));
	while (text.n > 0) {
		size_t n = text.n < step ? text.n : step;
		OK(rds_script_feed(s, slice_make(text.p, n), &err));
		text = slice_make(text.p + n, text.n - n);
	}
	buf_clear(&report);
	return rds_script_finish(s, to, &report, &err);
}

__attribute__((unused)) static int script(const char *text)
{
	return script_text(source, slice_of(text), false, 1 << 20);
}

__attribute__((unused)) static int create(const char *text)
{
	return script_text(source, slice_of(text), true, 1 << 20);
}

struct ask {
	const char *sql;
	struct buf *out;
};

static int ask_fn(struct rds_conn *c, void *arg, struct err *e)
{
	struct ask *a = arg;
	sqlite3_stmt *stmt;
	(void)e;
	buf_clear(a->out);
	ck_assert_msg(sqlite3_prepare_v2(c->db, a->sql, -1, &stmt, NULL) == SQLITE_OK, "%s: %s",
		a->sql, sqlite3_errmsg(c->db));
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			const char *text = (const char *)sqlite3_column_text(stmt, i);
			buf_printf(a->out, "%s%s", i > 0 ? "|" : "", text != NULL ? text : "NULL");
		}
		buf_putc(a->out, '\n');
	}
	sqlite3_finalize(stmt);
	return 0;
}

/* Rows as sqlite3 prints them: columns by '|', rows by lines. Valid until the next. */
__attribute__((unused)) static const char *rows_of(struct rds_source *s, const char *sql)
{
	static struct buf out;
	struct ask a = {sql, &out};
	OK(rds_source_read(s, ask_fn, &a, &err));
	return buf_cstr(&out);
}

__attribute__((unused)) static const char *rows(const char *sql)
{
	return rows_of(source, sql);
}

/* A file of ../shared/data; false when it is not there. */
__attribute__((unused)) static bool shared_text(const char *name, struct buf *out)
{
	char path[400];
	snprintf(path, sizeof(path), "%s/../shared/data/%s", SOURCE_ROOT, name);
	if (!read_whole(path, out)) {
		printf("skipped: %s is not there\n", path);
		return false;
	}
	return true;
}

#endif
