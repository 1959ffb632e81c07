/* What a user's SQL, a schema that came from elsewhere, or a setting could do to rows
 * and files that are not its own. */
#include "engines/rds/sql.h"
#include "tests/unit/rds_service_fixture.h"

#include <sys/stat.h>

static int run(const char *text)
{
	struct engine_import *sink = NULL;
	struct buf report = BUF_INIT;
	err_clear(&err);
	int rc = engine_import_open(engine, PATH("db"), "run", "sql", &sink, &err);
	rc = rc < 0 ? rc : engine_import_feed(sink, slice_of(text), &err);
	if (rc < 0) {
		engine_import_abort(sink);
	} else {
		rc = engine_import_finish(sink, &report, &err);
	}
	buf_free(&report);
	return rc;
}

static int query(const char *text, struct buf *out)
{
	struct engine_export *x = NULL;
	uint64_t size = 0;
	buf_clear(out);
	err_clear(&err);
	int rc = engine_query_open(engine, PATH("db"), slice_of(text), 0, &x, &size, &err);
	while (rc == 0 && out->n < size) {
		rc = engine_export_read(x, out, &err);
	}
	engine_export_close(x);
	return rc;
}

static int put(const char *table, const char *key, const char *text, uint64_t expect,
	struct engine_info *out)
{
	err_clear(&err);
	return engine_write(engine, PATH("db", table, key), 0, slice_of(text), expect, out, &err);
}

static void with_db(void)
{
	setup();
	OK(engine_mkdir(engine, PATH("db"), &err));
}

START_TEST(settings_of_a_script_end_with_it)
{
	struct engine_info info;
	OK(run("CREATE TABLE t(id INTEGER PRIMARY KEY, v CHECK(v > 0));"));
	OK(run("PRAGMA ignore_check_constraints = ON; PRAGMA recursive_triggers = OFF;"
	       "PRAGMA case_sensitive_like = ON;"));
	ck_assert_int_eq(
		put("t", "1", "{\"id\": 1, \"v\": -1}", ENGINE_VERSION_ANY, &info), -EINVAL);
	OK(run("CREATE TABLE likes AS SELECT 'a' LIKE 'A' AS v"));
	struct buf out = BUF_INIT;
	OK(query("SELECT v FROM likes", &out));
	ck_assert_str_eq(buf_cstr(&out), "v\n1\n");
	buf_free(&out);
}
END_TEST

START_TEST(settings_of_a_query_end_with_it)
{
	struct buf out = BUF_INIT;
	query("PRAGMA case_sensitive_like = ON", &out);
	OK(query("SELECT 'a' LIKE 'A' AS v", &out));
	ck_assert_str_eq(buf_cstr(&out), "v\n1\n");
	OK(run("CREATE TABLE t(id INTEGER PRIMARY KEY); INSERT INTO t VALUES(1), (2);"));
	query("PRAGMA reverse_unordered_selects = ON", &out);
	OK(query("SELECT id FROM t", &out));
	ck_assert_str_eq(buf_cstr(&out), "id\n1\n2\n");
	buf_free(&out);
}
END_TEST

START_TEST(a_trigger_does_not_reach_what_is_ours)
{
	struct engine_info info;
	OK(run("CREATE TABLE t(id INTEGER PRIMARY KEY, v);"
	       "CREATE TRIGGER evil AFTER UPDATE ON t BEGIN DELETE FROM _dbmount_table; END;"));
	OK(put("t", "1", "{\"id\": 1, \"v\": 1}", ENGINE_VERSION_ANY, &info));
	REFUSES(EACCES, "authorized",
		put("t", "1", "{\"id\": 1, \"v\": 2}", ENGINE_VERSION_ANY, &info));
}
END_TEST

START_TEST(a_view_does_not_show_what_is_ours)
{
	struct engine_info info;
	OK(run("CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 1);"
	       "CREATE VIEW w AS SELECT * FROM _dbmount_table;"));
	struct buf out = BUF_INIT;
	REFUSES(EACCES, "", engine_read(engine, PATH("db", "w", "1"), 0, &out, &info, &err));
	buf_free(&out);
}
END_TEST

START_TEST(a_version_does_not_come_again_after_a_rollback)
{
	struct engine_info first;
	struct engine_info second;
	struct engine_info third;
	OK(run("CREATE TABLE t(id INTEGER PRIMARY KEY, v); INSERT INTO t VALUES(1, 'one');"));
	OK(engine_stat(engine, PATH("db", "t", "1"), 0, &first, &err));
	OK(run("UPDATE t SET v = 'two'"));
	OK(engine_stat(engine, PATH("db", "t", "1"), 0, &second, &err));
	ck_assert_uint_ne(first.version, second.version);
	OK(run("BEGIN; DELETE FROM t; ROLLBACK;"));
	OK(engine_stat(engine, PATH("db", "t", "1"), 0, &third, &err));
	ck_assert_uint_ge(third.version, second.version);
}
END_TEST

START_TEST(hidden_names_are_not_given)
{
	OK(run("CREATE TABLE t(id INTEGER PRIMARY KEY, v)"));
	ck_assert_int_lt(run("ALTER TABLE t RENAME TO '_dbmount_x'"), 0);
	ck_assert_int_lt(run("ALTER TABLE t RENAME TO [_dbmount_x]"), 0);
	ck_assert_int_lt(run("/* */ ALTER TABLE t RENAME TO \"_DBMOUNT_x\""), 0);
}
END_TEST

static int ignore_row(void *arg, struct slice key, const struct engine_info *info)
{
	(void)arg;
	(void)key;
	(void)info;
	return 0;
}

static int list_endless(struct rds_conn *c, void *arg, struct err *why)
{
	(void)arg;
	c->view_limit_ms = 100;
	return rds_row_list(c, slice_of("w"), NULL, ignore_row, NULL, why);
}

static int read_endless(struct rds_conn *c, void *arg, struct err *why)
{
	struct engine_info info;
	struct buf out = BUF_INIT;
	(void)arg;
	c->view_limit_ms = 100;
	int rc = rds_row_read(c, slice_of("w"), slice_of("1"), &out, &info, why);
	buf_free(&out);
	return rc;
}

static int export_endless(struct rds_conn *c, void *arg, struct err *why)
{
	struct rds_out out = {0};
	const struct rds_table *t;
	(void)arg;
	c->view_limit_ms = 100;
	OK(rds_table_find(c, slice_of("w"), &t, why));
	int rc = rds_export_table(c, t, "csv", &out, why);
	buf_free(&out.text);
	return rc;
}

START_TEST(an_endless_view_is_stopped)
{
	char path[100];
	sqlite3 *db;
	struct rds_source *s;
	snprintf(path, sizeof(path), "%s/x.db", site);
	ck_assert_int_eq(sqlite3_open(path, &db), SQLITE_OK);
	ck_assert_int_eq(
		sqlite3_exec(db,
			"CREATE VIEW w AS WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1"
			" FROM c) SELECT x FROM c WHERE x < 0",
			NULL, NULL, NULL),
		SQLITE_OK);
	sqlite3_close(db);
	struct rds_file_config config = {.path = path, .label = "x"};
	OK(rds_source_file(&config, &s, &err));
	REFUSES(ETIMEDOUT, "stopped", rds_source_read(s, list_endless, NULL, &err));
	REFUSES(ETIMEDOUT, "stopped", rds_source_read(s, read_endless, NULL, &err));
	REFUSES(ETIMEDOUT, "", rds_source_read(s, export_endless, NULL, &err));
	rds_source_close(s);
}
END_TEST

static int import(const char *table, const char *mode, const char *text)
{
	struct engine_import *sink = NULL;
	struct buf report = BUF_INIT;
	err_clear(&err);
	int rc = engine_import_open(engine, PATH("db", table), mode, "csv", &sink, &err);
	rc = rc < 0 ? rc : engine_import_feed(sink, slice_of(text), &err);
	if (rc < 0) {
		engine_import_abort(sink);
	} else {
		rc = engine_import_finish(sink, &report, &err);
	}
	buf_free(&report);
	return rc;
}

START_TEST(an_import_breaks_no_foreign_key)
{
	OK(run("CREATE TABLE p(id INTEGER PRIMARY KEY);"
	       "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p);"
	       "INSERT INTO p VALUES(1);"));
	OK(import("c", "append", "id,p\n1,1\n"));
	ck_assert_int_lt(import("c", "append", "id,p\n2,7\n"), 0);
	ck_assert_int_lt(import("p", "replace", "id\n5\n"), 0);
	expect_list(PATH("db", "c"), "1 ");
	expect_list(PATH("db", "p"), "1 ");
}
END_TEST

/* ---- zones ---- */

static char zones[2][80];

static int open_with(const char *dir, const char *a, const char *b, struct engine **out)
{
	struct engine_setting s[] = {{"az.a", a}, {"az.b", b}};
	struct engine_config config = {
		.dir = dir,
		.sync = STORE_SYNC_CLOSE,
		.settings = s,
		.n_settings = 2,
		.host = {.changed = on_change, .event = on_event},
	};
	err_clear(&err);
	return engine_open(&rds_sqlite_ops, &config, out, &err);
}

static void zones_down(void)
{
	remove_site(site);
}

static void zones_up(void)
{
	make_site(site);
	snprintf(zones[0], sizeof(zones[0]), "%s/za", site);
	snprintf(zones[1], sizeof(zones[1]), "%s/zb", site);
}

START_TEST(zones_of_another_site_are_left_alone)
{
	char one[80];
	char two[80];
	struct engine *e;
	struct engine_info info;
	snprintf(one, sizeof(one), "%s/one", site);
	snprintf(two, sizeof(two), "%s/two", site);
	mkdir(one, 0700);
	mkdir(two, 0700);
	OK(open_with(one, zones[0], zones[1], &e));
	OK(engine_mkdir(e, PATH("db"), &err));
	engine_unref(e);
	REFUSES(EINVAL, "another site", open_with(two, zones[0], zones[1], &e));
	OK(open_with(one, zones[0], zones[1], &e));
	OK(engine_mkdir(e, PATH("db", "t"), &err));
	OK(engine_stat(e, PATH("db", "t"), 0, &info, &err));
	engine_unref(e);
}
END_TEST

START_TEST(two_zones_are_two_directories)
{
	struct engine *e;
	REFUSES(EINVAL, "one directory", open_with(site, zones[0], zones[0], &e));
	ck_assert_int_eq(symlink("za", zones[1]), 0);
	REFUSES(EINVAL, "one directory", open_with(site, zones[0], zones[1], &e));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rds_trust");
	TCase *t = tcase_create("sql");
	tcase_add_checked_fixture(t, with_db, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, settings_of_a_script_end_with_it);
	tcase_add_test(t, settings_of_a_query_end_with_it);
	tcase_add_test(t, a_trigger_does_not_reach_what_is_ours);
	tcase_add_test(t, a_view_does_not_show_what_is_ours);
	tcase_add_test(t, a_version_does_not_come_again_after_a_rollback);
	tcase_add_test(t, hidden_names_are_not_given);
	tcase_add_test(t, an_import_breaks_no_foreign_key);
	suite_add_tcase(s, t);
	t = tcase_create("views");
	tcase_add_checked_fixture(t, setup_closed, zones_down);
	tcase_add_test(t, an_endless_view_is_stopped);
	suite_add_tcase(s, t);
	t = tcase_create("zones");
	tcase_add_checked_fixture(t, zones_up, zones_down);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, zones_of_another_site_are_left_alone);
	tcase_add_test(t, two_zones_are_two_directories);
	suite_add_tcase(s, t);
	return run_suite(s);
}
