/* Rows and names of RDS: any text as a row of several tables, any text as a name. A
 * row that is taken reads back as text that, saved, changes nothing. */
#include <stdlib.h>

#include "engines/rds/rows.h"
#include "engines/rds/source_impl.h"

static const char schema[] =
	"CREATE TABLE a(k TEXT PRIMARY KEY, i INTEGER, r REAL, b BLOB, x, d DATETIME) WITHOUT "
	"ROWID;"
	"CREATE TABLE b(k, n INTEGER, v DEFAULT 'x', g AS (v || 'y'), PRIMARY KEY(k, n DESC));"
	"CREATE TABLE c(id INTEGER PRIMARY KEY, s ANY NOT NULL DEFAULT 0, j INT) STRICT;"
	"CREATE TABLE d(r REAL PRIMARY KEY, t TEXT CHECK(length(t) < 20));"
	"CREATE TABLE e(x, y);";

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

/* A source over the one connection there is. */
static uint64_t version(struct rds_conn *c)
{
	(void)c;
	return 7;
}

static int64_t now(struct rds_conn *c)
{
	(void)c;
	return 8;
}

static const struct rds_source_ops ops = {.version = version, .time = now};

static void check_row(struct rds_conn *c, struct slice table, struct slice key, struct slice text)
{
	struct engine_info put;
	struct engine_info info;
	struct err err = {0};
	CLEANUP(buf_free) struct buf read = BUF_INIT;
	CLEANUP(buf_free) struct buf again = BUF_INIT;
	int rc = rds_row_write(c, table, key, text, ENGINE_VERSION_ANY, &put, &err);
	require(rc == -err.code);
	if (rc != 0) {
		require(err.msg[0] != '\0');
		return;
	}
	require(rds_row_read(c, table, key, &read, &info, NULL) == 0);
	require(info.size == read.n && put.size == read.n);
	int changes = sqlite3_total_changes(c->db);
	buf_putc(&read, ' ');
	require(rds_row_write(c, table, key, buf_slice(&read), info.version, &put, NULL) == 0);
	require(sqlite3_total_changes(c->db) == changes);
	read.n--;
	require(rds_row_read(c, table, key, &again, &info, NULL) == 0);
	require(slice_equal(buf_slice(&read), buf_slice(&again)));
}

struct expected {
	struct slice key;
	unsigned n;
};

static int one_row(void *arg, struct slice key, const struct engine_info *info)
{
	struct expected *e = arg;
	(void)info;
	e->n += slice_equal(key, e->key);
	return 0;
}

static void check_table(struct rds_conn *c, const char *name, struct slice key, struct slice text)
{
	struct slice table = slice_of(name);
	struct engine_info info;
	struct expected e = {key, 0};
	check_row(c, table, key, slice_of("{}"));
	check_row(c, table, key, text);
	bool there = rds_row_stat(c, table, key, &info, NULL) == 0;
	require(rds_row_list(c, table, NULL, one_row, &e, NULL) == 0);
	require(e.n == there);
	if (there) {
		require(rds_row_remove(c, table, key, ENGINE_VERSION_ANY, NULL) == 0);
	}
}

static void run(struct rds_conn *c, struct slice key, struct slice text)
{
	static const char *const tables[] = {"a", "b", "c", "d", "e"};
	require(rds_conn_begin(c, true, NULL) == 0);
	for (unsigned i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		check_table(c, tables[i], key, text);
	}
	require(rds_conn_finish(c, NULL) == 0);
	rds_conn_end(c);
}

/* Made once: tables are what takes longest. */
static struct rds_conn *connection(void)
{
	static struct rds_source source = {.ops = &ops};
	static struct rds_conn c;
	sqlite3 *db;
	if (c.db == NULL) {
		require(sqlite3_open(":memory:", &db) == SQLITE_OK);
		require(sqlite3_exec(db, schema, NULL, NULL, NULL) == SQLITE_OK);
		require(sqlite3_exec(db, rds_stamps_schema, NULL, NULL, NULL) == SQLITE_OK);
		require(rds_conn_init(&c, db, "fuzz", NULL) == 0);
		c.source = &source;
	}
	return &c;
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

/* The name, a line feed, the text. */
int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	const unsigned char *end = n > 0 ? memchr(p, '\n', n) : NULL;
	struct slice key = slice_make(p, end != NULL ? (size_t)(end - p) : n);
	struct slice text = end != NULL ? slice_make(end + 1, n - key.n - 1) : slice_of("{}");
	struct rds_conn *c = connection();
	require(sqlite3_exec(c->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK);
	run(c, key, text);
	require(sqlite3_exec(c->db, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
	return 0;
}
