/* Names of rows: one to one, in the order of the key. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/fixture.h"
#include "tests/unit/random.h"
#include "tests/unit/rds_fixture.h"

static struct rds_fixture f;

START_TEST(composite_keys_are_joined_by_commas)
{
	fixture_open(&f,
		"CREATE TABLE t(a TEXT, n INTEGER, v, PRIMARY KEY(a, n)) WITHOUT ROWID;"
		"INSERT INTO t VALUES('x,y', 1, 1), ('x', 2, 2), ('x', 10, 3), ('\\', 3, 4), ('', "
		"0, 5);"
		"CREATE TABLE s(a TEXT PRIMARY KEY); INSERT INTO s VALUES('Smith, John'), ('\\b');",
		true);
	check_list(&f, "t", ",0 \\\\,3 x,2 x,10 x\\,y,1");
	check_list(&f, "s", "Smith, John \\\\b");
	check_row(&f, "t", "x\\,y,1", "{\n  \"a\": \"x,y\",\n  \"n\": 1,\n  \"v\": 1\n}\n");
	check_row(&f, "t", "x", "t has no row x");
	check_row(&f, "t", "x,2,", "t has no row x,2,");
	check_row(&f, "t", "x,02", "t has no row x,02");
	check_row(&f, "t", "\\x,2", "t has no row \\x,2");
	check_write(&f, "t", "a\\,b,7", "{\"v\": 1}", "");
	check_row(&f, "t", "a\\,b,7", "{\n  \"a\": \"a,b\",\n  \"n\": 7,\n  \"v\": 1\n}\n");
	fixture_close(&f);
}
END_TEST

START_TEST(types_of_keys_are_told_apart)
{
	fixture_open(&f,
		"CREATE TABLE t(k PRIMARY KEY);"
		"INSERT INTO t VALUES(7), ('7'), (1.5), ('1.5'), ('a'), ('\"a'), (x'0102'), "
		"(1e999), ('');"
		"CREATE TABLE r(k REAL PRIMARY KEY); INSERT INTO r VALUES(1), ('x');"
		"CREATE TABLE s(k TEXT PRIMARY KEY); INSERT INTO s VALUES(7), ('\"7\"'), (x'07');",
		true);
	check_list(&f, "t", "1.5 7 Inf  \"\"a\" \"1.5\" \"7\" a \\bAQI");
	check_row(&f, "t", "\"7\"", "{\n  \"k\": \"7\"\n}\n");
	check_row(&f, "t", "7", "{\n  \"k\": 7\n}\n");
	check_row(&f, "t", "7.0", "t has no row 7.0");
	check_row(&f, "t", "\"a\"", "t has no row \"a\"");
	check_row(&f, "t", "\\bAQI", "{\n  \"k\": {\"$b\": \"AQI=\"}\n}\n");
	check_row(&f, "t", "\\bAQI=", "t has no row \\bAQI=");
	check_list(&f, "r", "1.0 x");
	check_row(&f, "r", "1", "r has no row 1");
	check_list(&f, "s", "\"7\" 7 \\bBw");
	fixture_close(&f);
}
END_TEST

START_TEST(a_row_has_one_name_whatever_the_collation)
{
	fixture_open(&f,
		"CREATE TABLE t(k TEXT COLLATE NOCASE PRIMARY KEY, v);"
		"INSERT INTO t VALUES('b', 1), ('A', 2), ('C', 3);",
		true);
	check_list(&f, "t", "A b C");
	check_row(&f, "t", "a", "t has no row a");
	check_write(&f, "t", "a", "{}", "UNIQUE constraint failed: t.k");
	fixture_close(&f);
}
END_TEST

START_TEST(null_in_a_key_is_named_by_the_rowid)
{
	fixture_open(&f,
		"CREATE TABLE t(a, b TEXT, PRIMARY KEY(a, b));"
		"INSERT INTO t VALUES(NULL, 'x'), (1, NULL), (1, 'y'), (NULL, 'x'), (0, 'z');",
		true);
	check_list(&f, "t", "0,z 1,y \\null:1 \\null:2 \\null:4");
	check_row(&f, "t", "\\null:2", "{\n  \"a\": 1,\n  \"b\": null\n}\n");
	check_row(&f, "t", "\\null:3", "t has no row \\null:3");
	check_write(&f, "t", "\\null:9", "{}",
		"a row of t with NULL in its key is named by SQLite; write it with SQL");
	ck_assert_int_eq(fixture_rename(&f, "t", slice_of("\\null:2"), slice_of("5,q"), 0), 0);
	ck_assert_int_eq(fixture_remove(&f, "t", slice_of("\\null:4"), ENGINE_VERSION_ANY), 0);
	check_list(&f, "t", "0,z 1,y 5,q \\null:1");
	fixture_close(&f);
}
END_TEST

START_TEST(listing_goes_along_the_index)
{
	fixture_open(&f,
		"CREATE TABLE t(a INT, b INT, c INT, PRIMARY KEY(a, b DESC, c)) WITHOUT ROWID;"
		"INSERT INTO t VALUES(1, 1, 1), (1, 2, 1), (1, 2, 2), (2, 1, 1), (0, 9, 9);"
		"CREATE TABLE d(a INT, b INT, PRIMARY KEY(a DESC, b DESC));"
		"INSERT INTO d VALUES(1, 1), (1, 2), (2, 1);"
		"CREATE TABLE i(x INTEGER PRIMARY KEY DESC); INSERT INTO i VALUES(3), (1), (2);",
		true);
	check_list(&f, "t", "0,9,9 1,2,1 1,2,2 1,1,1 2,1,1");
	check_list(&f, "d", "2,1 1,2 1,1");
	check_list(&f, "i", "3 2 1");
	fixture_close(&f);
}
END_TEST

START_TEST(tables_without_key_and_odd_ones)
{
	fixture_open(&f,
		"CREATE TABLE r(x); INSERT INTO r VALUES('a'), ('b');"
		"CREATE TABLE h(rowid, _rowid_, oid); INSERT INTO h VALUES(5, 6, 7), (8, 9, 10);"
		"CREATE TABLE k(rowid TEXT PRIMARY KEY, oid); INSERT INTO k VALUES('q', 1);"
		"CREATE VIRTUAL TABLE ft USING fts5(body); INSERT INTO ft VALUES('one'), ('two');"
		"CREATE VIEW v AS SELECT x FROM r ORDER BY x DESC; CREATE VIEW broken AS SELECT * "
		"FROM r;"
		"CREATE TABLE \"a \"\"b\"(\"c \"\"d\" PRIMARY KEY); INSERT INTO \"a \"\"b\" "
		"VALUES(1);",
		true);
	check_list(&f, "r", "1 2");
	check_write(&f, "r", "9", "{\"x\": 1}", "");
	check_list(&f, "r", "1 2 9");
	check_list(&f, "v", "1 2 3");
	check_row(&f, "v", "1", "{\n  \"x\": \"b\"\n}\n");
	check_row(&f, "v", "0", "v has no row 0");
	check_row(&f, "v", "4", "v has no row 4");
	check_list(&f, "h", "1 2");
	check_write(&f, "h", "1", "{}", "h is a view: it is read-only");
	check_list(&f, "k", "q");
	check_write(&f, "k", "q", "{\"oid\": 2}", "");
	check_list(&f, "ft", "1 2");
	check_row(&f, "ft", "2", "{\n  \"body\": \"two\"\n}\n");
	check_write(&f, "ft", "3", "{\"body\": \"three\"}", "");
	check_write(&f, "ft", "2", "{\"body\": \"zwei\"}", "");
	ck_assert_int_eq(fixture_remove(&f, "ft", slice_of("1"), ENGINE_VERSION_ANY), 0);
	check_list(&f, "ft", "2 3");
	check_list(&f, "a \"b", "1");
	check_row(&f, "a \"b", "1", "{\n  \"c \\\"d\": 1\n}\n");
	fixture_close(&f);
}
END_TEST

/* ---- at random ---- */

static void random_value(struct buf *sql)
{
	static const char *const texts[] = {"''", "'a'", "'7'", "'-3'", "'1.5'", "'a,b'", "'\\'",
		"'\\,'", "'\"'", "'\"7\"'", "'.x'", "'%'", "'/'", "'\\b'", "'\\null:1'", "x''",
		"x'00'", "x'ff2c'", "'Inf'", "'é'", "CAST(x'ff' AS TEXT)", "'a' || char(0) || 'b'",
		"9223372036854775807", "-9223372036854775808", "0.1", "1e300", "-0.0", "5e-324",
		"1e999", "-1e999", "1e15", "123456789012345680.0", "NULL", "1", "1.0", "'1.0'",
		"' 1'", "'1e5'", "'nan'", "'Nan'", "'+1'"};
	buf_puts(sql, texts[(unsigned)rng() % (sizeof(texts) / sizeof(texts[0]))]);
}

static void random_table(struct buf *sql, unsigned columns)
{
	static const char *const types[] = {"", "BIGINT", "TEXT", "REAL", "BLOB", "NUMERIC",
		"TEXT COLLATE NOCASE", "INT", "DATETIME"};
	unsigned keys = (unsigned)rng() % (columns + 1);
	bool without = keys > 0 && rng() % 3 == 0;
	buf_puts(sql, "CREATE TABLE t(");
	for (unsigned i = 0; i < columns; i++) {
		buf_printf(sql, "%sc%u %s", i > 0 ? ", " : "", i,
			types[(unsigned)rng() % (sizeof(types) / sizeof(types[0]))]);
	}
	for (unsigned i = 0; i < keys; i++) {
		buf_printf(sql, "%sc%u%s", i > 0 ? ", " : ", PRIMARY KEY(", (i * 2 + 1) % columns,
			rng() % 3 == 0 ? " DESC" : "");
	}
	buf_printf(sql, "%s)%s;", keys > 0 ? ")" : "", without ? " WITHOUT ROWID" : "");
}

static void random_rows(struct buf *sql, unsigned columns)
{
	for (unsigned n = (unsigned)rng() % 30; n > 0; n--) {
		buf_puts(sql, "INSERT OR IGNORE INTO t VALUES(");
		for (unsigned i = 0; i < columns; i++) {
			buf_puts(sql, i > 0 ? ", " : "");
			random_value(sql);
		}
		buf_puts(sql, ");");
	}
}

struct kept {
	struct buf keys[64];
	unsigned n;
};

static int keep(void *arg, struct slice key, const struct engine_info *info)
{
	struct kept *k = arg;
	(void)info;
	buf_append_slice(&k->keys[k->n++], key);
	return 0;
}

static int list_all(struct rds_conn *c, void *arg, struct err *err)
{
	return rds_row_list(c, slice_of("t"), NULL, keep, arg, err);
}

static int64_t count_rows(void)
{
	sqlite3 *db;
	sqlite3_stmt *stmt;
	ck_assert_int_eq(sqlite3_open(f.path, &db), SQLITE_OK);
	ck_assert_int_eq(
		sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &stmt, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return n;
}

/* Every row is found by its name, names are distinct, and saving what was read
 * changes nothing, as it is and spelt otherwise. */
static void check_kept(const struct kept *k)
{
	for (unsigned i = 0; i < k->n; i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf again = BUF_INIT;
		struct slice key = buf_slice(&k->keys[i]);
		struct engine_info before;
		struct engine_info after;
		for (unsigned j = 0; j < i; j++) {
			ck_assert(!slice_equal(key, buf_slice(&k->keys[j])));
		}
		ck_assert_msg(fixture_read(&f, "t", key, &text) == 0, "%s", f.err.msg);
		ck_assert_int_eq(fixture_stat(&f, "t", key, &before), 0);
		ck_assert_msg(fixture_write(&f, "t", key, buf_slice(&text), before.version) == 0,
			"%s", f.err.msg);
		buf_putc(&text, ' '); /* not the very bytes: read, and compared by value */
		ck_assert_msg(fixture_write(&f, "t", key, buf_slice(&text), before.version) == 0,
			"%s", f.err.msg);
		text.n--;
		ck_assert_int_eq(fixture_read(&f, "t", key, &again), 0);
		ck_assert(slice_equal(buf_slice(&text), buf_slice(&again)));
		ck_assert_int_eq(fixture_stat(&f, "t", key, &after), 0);
		ck_assert_uint_eq(before.version, after.version);
		ck_assert_int_eq(before.mtime_ns, after.mtime_ns);
	}
	ck_assert_str_eq(fixture_told(&f), "");
}

/* Removed and written anew from its text, a row is the same. */
static void check_made_again(const struct kept *k)
{
	for (unsigned i = 0; i < k->n; i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf again = BUF_INIT;
		struct slice key = buf_slice(&k->keys[i]);
		ck_assert_int_eq(fixture_read(&f, "t", key, &text), 0);
		ck_assert_int_eq(fixture_remove(&f, "t", key, ENGINE_VERSION_ANY), 0);
		if (fixture_write(&f, "t", key, buf_slice(&text), ENGINE_VERSION_ABSENT) == 0) {
			ck_assert_int_eq(fixture_read(&f, "t", key, &again), 0);
			ck_assert_str_eq(buf_cstr(&again), buf_cstr(&text));
		} else {
			/* what only SQL can store: text in an INTEGER column, say */
			ck_assert_int_eq(f.err.code, EINVAL);
		}
	}
}

START_TEST(random_tables_and_rows)
{
	rng_seed((unsigned)_i + 1);
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	unsigned columns = 1 + (unsigned)rng() % 5;
	random_table(&sql, columns);
	random_rows(&sql, columns);
	fixture_open(&f, buf_cstr(&sql), _i % 2 == 0);
	for (unsigned page = 0; page < 3; page++) {
		CLEANUP(buf_free) struct buf all = BUF_INIT;
		CLEANUP(buf_free) struct buf paged = BUF_INIT;
		fixture_list(&f, "t", 0, &all);
		fixture_list(&f, "t", page, &paged);
		ck_assert_msg(
			slice_equal(buf_slice(&all), buf_slice(&paged)), "%s", buf_cstr(&sql));
	}
	struct kept k = {0};
	ck_assert_int_eq(rds_source_read(f.source, list_all, &k, &f.err), 0);
	ck_assert_int_eq((int64_t)k.n, count_rows());
	check_kept(&k);
	check_made_again(&k);
	for (unsigned i = 0; i < 64; i++) {
		buf_free(&k.keys[i]);
	}
	fixture_close(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rds_key");
	TCase *t = tcase_create("key");
	tcase_add_test(t, composite_keys_are_joined_by_commas);
	tcase_add_test(t, types_of_keys_are_told_apart);
	tcase_add_test(t, a_row_has_one_name_whatever_the_collation);
	tcase_add_test(t, null_in_a_key_is_named_by_the_rowid);
	tcase_add_test(t, listing_goes_along_the_index);
	tcase_add_test(t, tables_without_key_and_odd_ones);
	tcase_add_loop_test(t, random_tables_and_rows, 0, 60);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	return run_suite(s);
}
