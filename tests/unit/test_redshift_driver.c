/* What driver.h promises, of each driver in this build. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/driver.h"
#include "tests/unit/fixture.h"

static char dir[SITE_MAX];
static struct sql_site *site;
static struct sql_session *session;
static struct err err;

static const struct sql_driver *driver_of(int i)
{
	return sql_drivers[i];
}

static int n_drivers(void)
{
	int n = 0;
	while (sql_drivers[n] != NULL) {
		n++;
	}
	return n;
}

#define OK(call)                                                                                   \
	do {                                                                                       \
		int rc_ = (call);                                                                  \
		ck_assert_msg(rc_ == 0, "%s: %d %s", #call, rc_, err.msg);                         \
	} while (0)
#define FAILS(call, code)                                                                          \
	do {                                                                                       \
		err_clear(&err);                                                                   \
		int rc_ = (call);                                                                  \
		ck_assert_msg(rc_ == -(code), "%s: %d %s", #call, rc_, err.msg);                   \
		err_clear(&err);                                                                   \
	} while (0)

static void path_of(const char *name, struct buf *out)
{
	buf_printf(out, "%s/%s%s", dir, name, site->driver->suffix);
}

static int attach(const char *name, int flags)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	path_of(name, &path);
	return sql_attach(site, name, buf_cstr(&path), flags, &err);
}

static bool access_of(const char *name)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	path_of(name, &path);
	return access(buf_cstr(&path), F_OK) == 0;
}

static void open_site(const struct sql_driver *driver)
{
	struct sql_site_config config = {.tmp = dir, .threads = 2};
	OK(sql_site_open(driver, &config, &site, &err));
}

static void open_session(const char *name)
{
	OK(sql_session_new(site, &name, 1, &session, &err));
}

/* A site with one new file "n0", and a session on it. */
static void begin(int i)
{
	err_clear(&err);
	make_site(dir);
	open_site(driver_of(i));
	OK(attach("n0", SQL_CREATE));
	open_session("n0");
}

static void end(void)
{
	sql_session_close(session);
	session = NULL;
	sql_site_close(site);
	remove_site(dir);
}

static void run(const char *text)
{
	OK(sql_run(session, text, NULL, &err));
}

/* Rows as lines, columns with blanks between. */
static void answer(const char *text, const struct sql_type *types, unsigned n, struct buf *out)
{
	struct sql_query *q = NULL;
	const struct sql_value *row = NULL;
	int rc;
	OK(sql_prepare(session, text, types, n, &q, &err));
	while ((rc = sql_step(q, &row, &err)) == 1) {
		for (unsigned i = 0; i < q->n_columns; i++) {
			buf_puts(out, i > 0 ? " " : "");
			if (row[i].null) {
				buf_puts(out, "NULL");
			} else {
				sql_value_print(&row[i], q->types[i], out);
			}
		}
		buf_putc(out, '\n');
	}
	sql_finish(q);
	ck_assert_msg(rc == 0, "%s: %d %s", text, rc, err.msg);
}

static void expect(const char *text, const char *want)
{
	CLEANUP(buf_free) struct buf got = BUF_INIT;
	answer(text, NULL, 0, &got);
	ck_assert_str_eq(buf_cstr(&got), want);
}

static void expect_number(const char *text, long long want)
{
	CLEANUP(buf_free) struct buf got = BUF_INIT;
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	struct sql_type t = {.kind = SQL_BIGINT};
	answer(text, &t, 1, &got);
	buf_printf(&line, "%lld\n", want);
	ck_assert_str_eq(buf_cstr(&got), buf_cstr(&line));
}

/* ---- files ---- */

START_TEST(files_come_and_go)
{
	begin(_i);
	CLEANUP(buf_free) struct buf wal = BUF_INIT;
	struct stat st;
	FAILS(attach("n0", 0), EEXIST);
	FAILS(attach("n1", 0), ENOENT);
	FAILS(sql_detach(site, "n1", &err), ENOENT);
	FAILS(sql_verify(site, "n1", &err), ENOENT);
	run("CREATE TABLE \"n0\".\"t1\" (a INTEGER); INSERT INTO \"n0\".\"t1\" VALUES (7)");
	sql_session_close(session);
	session = NULL;
	OK(sql_detach(site, "n0", &err));
	path_of("n0", &wal);
	ck_assert_int_eq(stat(buf_cstr(&wal), &st), 0);
	buf_puts(&wal, _i + 1 == n_drivers() ? "-wal" : ".wal");
	ck_assert_int_ne(stat(buf_cstr(&wal), &st), 0);
	FAILS(attach("n0", SQL_CREATE), EEXIST);
	OK(attach("n0", SQL_READ_ONLY));
	open_session("n0");
	expect_number("SELECT a FROM \"n0\".\"t1\"", 7);
	ck_assert_int_lt(sql_run(session, "DELETE FROM \"n0\".\"t1\"", NULL, &err), 0);
	err_clear(&err);
	end();
}
END_TEST

static void work_and_crash(int i)
{
	open_site(driver_of(i));
	OK(attach("n0", SQL_CREATE));
	open_session("n0");
	run("CREATE TABLE \"n0\".\"t1\" (a INTEGER)");
	run("INSERT INTO \"n0\".\"t1\" VALUES (1), (2)");
	run("BEGIN; INSERT INTO \"n0\".\"t1\" VALUES (3)");
	_exit(0);
}

START_TEST(what_was_committed_is_there_after_a_crash)
{
	make_site(dir);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		work_and_crash(_i);
	}
	int status = 0;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	open_site(driver_of(_i));
	OK(attach("n0", 0));
	open_session("n0");
	expect_number("SELECT sum(a) FROM \"n0\".\"t1\"", 3);
	end();
}
END_TEST

static void flip(const char *path, long at)
{
	FILE *f = fopen(path, "r+b");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fseek(f, at, SEEK_SET), 0);
	int c = fgetc(f);
	ck_assert_int_eq(fseek(f, at, SEEK_SET), 0);
	ck_assert_int_ne(fputc(c ^ 0x10, f), EOF);
	ck_assert_int_eq(fclose(f), 0);
}

/* 20,000 rows with a text each, in the file and not in its log. */
static void fill(const char *name)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct sql_append *a = NULL;
	struct sql_type types[] = {{.kind = SQL_INTEGER}, {.kind = SQL_VARCHAR, .size = 80}};
	run("CREATE TABLE \"n0\".\"big\" (a INTEGER, b VARCHAR)");
	OK(sql_append_new(session, name, "big", types, 2, &a, &err));
	for (int i = 0; i < 20000; i++) {
		struct sql_value row[2] = {{.integer = i}};
		buf_clear(&text);
		buf_printf(&text, "%d of rows %ld", i, random());
		row[1].text = buf_slice(&text);
		OK(sql_append_row(a, row, &err));
	}
	OK(sql_append_end(a, true, &err));
	OK(sql_checkpoint(session, name, &err));
}

static void check_sound(void)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	path_of("n0", &path);
	OK(sql_peek(site->driver, buf_cstr(&path), &err));
	OK(sql_verify(site, "n0", &err));
}

/* Dropped tables give room back, also by making the file shorter. */
START_TEST(a_file_that_shrinks_is_no_damage)
{
	begin(_i);
	for (unsigned round = 0; round < 6; round++) {
		fill("n0");
		check_sound();
		run("DROP TABLE \"n0\".\"big\"");
		OK(sql_checkpoint(session, "n0", &err));
		check_sound();
		run("CREATE TABLE IF NOT EXISTS \"n0\".\"small\" (a INTEGER)");
		run("INSERT INTO \"n0\".\"small\" VALUES (1)");
		OK(sql_checkpoint(session, "n0", &err));
		check_sound();
	}
	end();
}
END_TEST

START_TEST(damage_is_found)
{
	begin(_i);
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;
	srandom(1);
	fill("n0");
	path_of("n0", &path);
	OK(sql_verify(site, "n0", &err));
	ck_assert_int_eq(stat(buf_cstr(&path), &st), 0);
	for (int i = 0; i < 40; i++) {
		long at = random() % st.st_size;
		flip(buf_cstr(&path), at);
		err_clear(&err);
		int rc = sql_verify(site, "n0", &err);
		ck_assert_msg(rc == -EIO, "byte %ld of %ld: %d", at, (long)st.st_size, rc);
		ck_assert_ptr_nonnull(strstr(err.msg, "damaged"));
		flip(buf_cstr(&path), at);
	}
	err_clear(&err);
	OK(sql_verify(site, "n0", &err));
	ck_assert_int_eq(unlink(buf_cstr(&path)), 0);
	FAILS(sql_verify(site, "n0", &err), EIO);
	end();
}
END_TEST

START_TEST(a_damaged_file_is_an_error_and_others_go_on)
{
	begin(_i);
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;
	srandom(1);
	fill("n0");
	OK(attach("n1", SQL_CREATE));
	sql_session_close(session);
	OK(sql_detach(site, "n0", &err));
	path_of("n0", &path);
	ck_assert_int_eq(stat(buf_cstr(&path), &st), 0);
	/* Everywhere but in the first headers, so that it may be attached. */
	for (long at = 12288 + 300; at < st.st_size; at += 4096) {
		flip(buf_cstr(&path), at);
	}
	int rc = attach("n0", 0);
	ck_assert_msg(rc == 0 || rc == -EIO, "%d %s", rc, err.msg);
	if (rc == 0) {
		struct sql_query *q = NULL;
		const struct sql_value *row = NULL;
		open_session("n0");
		rc = sql_prepare(session, "SELECT max(b) FROM \"n0\".\"big\"", NULL, 0, &q, &err);
		if (rc == 0) {
			rc = sql_step(q, &row, &err);
		}
		ck_assert_msg(rc == -EIO, "%d %s", rc, err.msg);
		sql_finish(q);
		sql_session_close(session);
		sql_detach(site, "n0", NULL);
	}
	err_clear(&err);
	open_session("n1");
	run("CREATE TABLE \"n1\".\"t\" (a INTEGER)");
	end();
}
END_TEST

/* DuckDB refuses everything after some errors, until it is opened anew. */
START_TEST(a_broken_library_is_opened_anew)
{
	begin(_i);
	const char *name = "n0";
	struct sql_session *other = NULL;
	if (site->driver->dialect == SQL_DUCKDB) {
		OK(attach("n1", SQL_CREATE));
		run("CREATE TABLE \"n0\".\"t\" (a INTEGER); INSERT INTO \"n0\".\"t\" VALUES (7)");
		OK(sql_session_new(site, &name, 1, &other, &err));
		run("SET GLOBAL debug_checkpoint_abort = 'before_header'");
		FAILS(sql_checkpoint(session, "n0", &err), EIO);
		FAILS(sql_run(session, "INSERT INTO \"n0\".\"t\" VALUES (8)", NULL, &err), EIO);
		FAILS(sql_run(other, "INSERT INTO \"n0\".\"t\" VALUES (8)", NULL, &err), EIO);
		sql_session_close(session);
		FAILS(sql_session_new(site, &name, 1, &session, &err), EIO);
		FAILS(attach("n2", SQL_CREATE), EIO);
		FAILS(sql_detach(site, "n1", &err), EIO);
		sql_session_close(other);
		open_session("n0");
		expect_number("SELECT sum(a) FROM \"n0\".\"t\"", 7);
		run("INSERT INTO \"n0\".\"t\" VALUES (8)");
		OK(attach("n1", 0));
		OK(sql_verify(site, "n0", &err));
	}
	end();
}
END_TEST

/* What is rolled back leaves blocks that nobody uses. */
static void churn(void)
{
	static const struct sql_type types[] = {{.kind = SQL_BIGINT}, {.kind = SQL_VARCHAR}};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	for (int round = 0;; round++) {
		struct sql_append *a = NULL;
		OK(sql_append_new(session, "n0", "t", types, 2, &a, &err));
		for (int i = 0; i < 300000; i++) {
			struct sql_value row[2] = {{.integer = random()}};
			buf_clear(&text);
			buf_printf(&text, "%ld-%ld", random(), random());
			row[1].text = buf_slice(&text);
			OK(sql_append_row(a, row, &err));
		}
		OK(sql_append_end(a, round % 3 != 0, &err));
		run("DELETE FROM \"n0\".\"t\" WHERE a % 3 = 0");
		if (round % 2 == 0) {
			OK(sql_checkpoint(session, "n0", &err));
		}
	}
}

static void churn_until_killed(int fd, const void *arg)
{
	const int *i = arg;
	open_site(driver_of(*i));
	OK(attach("n0", access_of("n0") ? 0 : SQL_CREATE));
	open_session("n0");
	run("CREATE TABLE IF NOT EXISTS \"n0\".\"t\" (a BIGINT, b VARCHAR)");
	ck_assert_int_eq(write(fd, "x", 1), 1);
	churn();
}

START_TEST(a_crash_is_no_damage)
{
	make_site(dir);
	for (int round = 0; round < 3; round++) {
		struct child c = child_start(churn_until_killed, &_i);
		char told = 0;
		ck_assert_int_eq(read(c.told, &told, 1), 1);
		usleep(300000 + (unsigned)random() % 700000);
		kill(c.pid, SIGKILL);
		child_reap(&c);
		err_clear(&err);
		open_site(driver_of(_i));
		OK(attach("n0", 0));
		OK(sql_verify(site, "n0", &err));
		open_session("n0");
		expect_number("SELECT count(*) - count(b) FROM \"n0\".\"t\"", 0);
		sql_session_close(session);
		OK(sql_detach(site, "n0", &err));
		sql_site_close(site);
	}
	remove_site(dir);
}
END_TEST

/* ---- a full disk ---- */

/* A small file system of its own, which only root can have. */
static bool small_disk(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	       mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("none", dir, "tmpfs", 0, "size=3m") == 0;
}

static int append_until_full(void)
{
	static const struct sql_type types[] = {{.kind = SQL_BIGINT}, {.kind = SQL_VARCHAR}};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct sql_append *a = NULL;
	int rc = sql_append_new(session, "n0", "t", types, 2, &a, &err);
	for (int i = 0; rc == 0 && i < 1000000; i++) {
		struct sql_value row[2] = {{.integer = random()}};
		buf_clear(&text);
		buf_printf(&text, "%ld-%ld-%ld", random(), random(), random());
		row[1].text = buf_slice(&text);
		rc = sql_append_row(a, row, &err);
	}
	int end_rc = sql_append_end(a, rc == 0, rc == 0 ? &err : NULL);
	return rc != 0 ? rc : end_rc;
}

START_TEST(a_full_disk_is_told_and_keeps_what_was_there)
{
	err_clear(&err);
	make_site(dir);
	if (!small_disk()) {
		remove_site(dir);
		return;
	}
	open_site(driver_of(_i));
	OK(attach("n0", SQL_CREATE));
	open_session("n0");
	run("CREATE TABLE \"n0\".\"t\" (a BIGINT, b VARCHAR)");
	run("INSERT INTO \"n0\".\"t\" VALUES (1, 'one')");
	int rc = append_until_full();
	ck_assert_msg(rc == -ENOSPC, "%d %s", rc, err.msg);
	err_clear(&err);
	sql_session_close(session);
	open_session("n0");
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 1);
	run("INSERT INTO \"n0\".\"t\" VALUES (2, 'two')");
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 2);
	/* Inside a transaction that ends with its session. */
	run("BEGIN");
	rc = append_until_full();
	ck_assert_msg(rc == -ENOSPC, "%d %s", rc, err.msg);
	err_clear(&err);
	sql_session_close(session);
	open_session("n0");
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 2);
	sql_session_close(session);
	sql_site_close(site);
	umount2(dir, MNT_DETACH);
	remove_site(dir);
}
END_TEST

/* ---- statements ---- */

START_TEST(statements_tell_what_they_changed)
{
	begin(_i);
	uint64_t changed = 99;
	run("CREATE TABLE \"n0\".\"t\" (a INTEGER)");
	OK(sql_run(session, "INSERT INTO \"n0\".\"t\" VALUES (1), (2), (3)", &changed, &err));
	ck_assert_uint_eq(changed, 3);
	OK(sql_run(session,
		"DELETE FROM \"n0\".\"t\" WHERE a = 1; UPDATE \"n0\".\"t\" SET a = a + 1", &changed,
		&err));
	ck_assert_uint_eq(changed, 2);
	FAILS(sql_run(session, "DELETE FROM \"n0\".\"nothing\"", NULL, &err), EINVAL);
	FAILS(sql_run(session, "SELEKT", NULL, &err), EINVAL);
	expect("SELECT a FROM \"n0\".\"t\" ORDER BY a", "3\n4\n");
	end();
}
END_TEST

START_TEST(transactions_are_all_or_nothing)
{
	begin(_i);
	run("CREATE TABLE \"n0\".\"t\" (a INTEGER)");
	run("BEGIN; INSERT INTO \"n0\".\"t\" VALUES (1); ROLLBACK");
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 0);
	run("BEGIN; INSERT INTO \"n0\".\"t\" VALUES (1); COMMIT");
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 1);
	run("BEGIN");
	run("INSERT INTO \"n0\".\"t\" VALUES (2)");
	sql_session_close(session);
	open_session("n0");
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 1);
	end();
}
END_TEST

START_TEST(a_reader_sees_what_was_committed_before)
{
	begin(_i);
	struct sql_session *writer = session;
	const char *name = "n0";
	run("CREATE TABLE \"n0\".\"t\" (a INTEGER); INSERT INTO \"n0\".\"t\" VALUES (1)");
	OK(sql_session_new(site, &name, 1, &session, &err));
	run("BEGIN");
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 1);
	OK(sql_run(writer, "INSERT INTO \"n0\".\"t\" VALUES (2)", NULL, &err));
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 1);
	run("COMMIT");
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 2);
	sql_session_close(writer);
	end();
}
END_TEST

START_TEST(temporary_tables_are_the_sessions_own)
{
	begin(_i);
	struct sql_session *first = session;
	struct sql_append *a = NULL;
	struct sql_type t = {.kind = SQL_BIGINT};
	run("CREATE TEMP TABLE \"temp\".\"g1\" (a BIGINT)");
	OK(sql_append_new(session, "temp", "g1", &t, 1, &a, &err));
	OK(sql_append_row(a, &(struct sql_value){.integer = 5}, &err));
	OK(sql_append_end(a, true, &err));
	expect_number("SELECT sum(a) FROM \"temp\".\"g1\"", 5);
	open_session("n0");
	FAILS(sql_run(session, "DELETE FROM \"temp\".\"g1\"", NULL, &err), EINVAL);
	sql_session_close(first);
	end();
}
END_TEST

START_TEST(a_session_reads_several_files)
{
	begin(_i);
	const char *names[] = {"n1", "n0"};
	run("CREATE TABLE \"n0\".\"t\" (a INTEGER); INSERT INTO \"n0\".\"t\" VALUES (1)");
	OK(attach("n1", SQL_CREATE));
	sql_session_close(session);
	OK(sql_session_new(site, names, 2, &session, &err));
	run("CREATE TABLE \"n1\".\"u\" (a INTEGER); INSERT INTO \"n1\".\"u\" VALUES (1)");
	expect_number(
		"SELECT count(*) FROM \"n0\".\"t\" AS x, \"n1\".\"u\" AS y WHERE x.a = y.a", 1);
	sql_session_close(session);
	session = NULL;
	const char *other = "n7";
	FAILS(sql_session_new(site, &other, 1, &session, &err), ENOENT);
	end();
}
END_TEST

START_TEST(a_scratch_file_is_used_like_another)
{
	begin(_i);
	OK(attach("q1", SQL_CREATE | SQL_SCRATCH));
	sql_session_close(session);
	open_session("q1");
	run("CREATE TABLE \"q1\".\"t\" (a INTEGER); INSERT INTO \"q1\".\"t\" VALUES (1)");
	struct sql_session *writer = session;
	open_session("q1");
	OK(sql_run(writer, "BEGIN; INSERT INTO \"q1\".\"t\" VALUES (2)", NULL, &err));
	expect_number("SELECT count(*) FROM \"q1\".\"t\"", 1);
	OK(sql_run(writer, "COMMIT", NULL, &err));
	expect_number("SELECT count(*) FROM \"q1\".\"t\"", 2);
	sql_session_close(writer);
	sql_session_close(session);
	session = NULL;
	OK(sql_detach(site, "q1", &err));
	end();
}
END_TEST

/* ---- values ---- */

static const struct sql_type all_types[] = {
	{.kind = SQL_BOOLEAN},
	{.kind = SQL_SMALLINT},
	{.kind = SQL_INTEGER},
	{.kind = SQL_BIGINT},
	{.kind = SQL_REAL},
	{.kind = SQL_DOUBLE},
	{.kind = SQL_DECIMAL, .size = 4, .scale = 2},
	{.kind = SQL_DECIMAL, .size = 9, .scale = 0},
	{.kind = SQL_DECIMAL, .size = 18, .scale = 6},
	{.kind = SQL_DECIMAL, .size = 38, .scale = 37},
	{.kind = SQL_CHAR, .size = 5},
	{.kind = SQL_VARCHAR, .size = 100},
	{.kind = SQL_DATE},
	{.kind = SQL_TIME},
	{.kind = SQL_TIMESTAMP},
	{.kind = SQL_TIMESTAMPTZ},
	{.kind = SQL_INTERVAL},
};
#define N_TYPES (sizeof(all_types) / sizeof(all_types[0]))

static const char *const all_texts[][N_TYPES] = {
	{"t", "-32768", "-2147483648", "-9223372036854775808", "1.5", "0.1", "-99.99", "999999999",
		"-0.000001", "-9.9999999999999999999999999999999999999", "ab", "a \"b\", 'c'",
		"2008-01-02", "03:04:05.000001", "2008-01-02 03:04:05", "2008-01-02 03:04:05.5+00",
		"1 year 2 mons 3 days 04:05:06"},
	{NULL},
	{"f", "32767", "2147483647", "9223372036854775807", "NaN", "Infinity", "0.00", "-1",
		"123456789012.345678", "0.0000000000000000000000000000000000001", "", "",
		"0001-01-01", "00:00:00", "1969-12-31 23:59:59.999999", "0044-03-15 00:00:00+00 BC",
		"-00:00:00.000001"},
	{"t", "0", "0", "0", "3.4028235e+38", "1.7976931348623157e+308", "99.99", "0",
		"-999999999999.999999", "9.9999999999999999999999999999999999999", "\xc3\xa9",
		"a text that is longer than what stands in a vector itself\n", "9999-12-31",
		"23:59:59.999999", "9999-12-31 23:59:59.999999", "1970-01-01 00:00:00+00",
		"-7 days"},
};
#define N_ROWS (sizeof(all_texts) / sizeof(all_texts[0]))

static void row_of(size_t r, struct sql_value *row)
{
	for (size_t i = 0; i < N_TYPES; i++) {
		const char *text = all_texts[r][i];
		row[i].null = all_texts[r][0] == NULL;
		if (!row[i].null) {
			OK(sql_value_parse(slice_of(text), all_types[i], &row[i], &err));
		}
	}
}

static void make_table(const char *name)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_printf(&sql, "CREATE TABLE \"n0\".\"%s\" (", name);
	for (size_t i = 0; i < N_TYPES; i++) {
		buf_printf(&sql, "%sc%zu ", i > 0 ? ", " : "", i);
		sql_column_type(site->driver->dialect, all_types[i], &sql);
	}
	buf_putc(&sql, ')');
	run(buf_cstr(&sql));
}

static void expect_row(const struct sql_value *row, size_t r)
{
	for (size_t i = 0; i < N_TYPES; i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		ck_assert_int_eq(row[i].null, all_texts[r][0] == NULL);
		if (!row[i].null) {
			sql_value_print(&row[i], all_types[i], &text);
			ck_assert_str_eq(buf_cstr(&text), all_texts[r][i]);
		}
	}
}

static void expect_all(const char *sql, unsigned rounds)
{
	struct sql_query *q = NULL;
	const struct sql_value *row = NULL;
	OK(sql_prepare(session, sql, all_types, N_TYPES, &q, &err));
	ck_assert_uint_eq(q->n_columns, N_TYPES);
	ck_assert_str_eq(q->names[3], "c3");
	for (size_t r = 0; r < rounds * N_ROWS; r++) {
		int rc = sql_step(q, &row, &err);
		ck_assert_msg(rc == 1, "row %zu: %d %s", r, rc, err.msg);
		expect_row(row, r % N_ROWS);
	}
	ck_assert_int_eq(sql_step(q, &row, &err), 0);
	sql_finish(q);
}

/* More than a chunk, so that chunks are used again. */
START_TEST(all_types_go_in_and_come_back)
{
	enum { ROUNDS = 1500 };
	begin(_i);
	struct sql_append *a = NULL;
	struct sql_value row[N_TYPES];
	make_table("all");
	OK(sql_append_new(session, "n0", "all", all_types, N_TYPES, &a, &err));
	for (size_t r = 0; r < ROUNDS * N_ROWS; r++) {
		row_of(r % N_ROWS, row);
		OK(sql_append_row(a, row, &err));
	}
	OK(sql_append_end(a, true, &err));
	expect_all("SELECT * FROM \"n0\".\"all\"", ROUNDS);
	end();
}
END_TEST

START_TEST(all_types_are_bound)
{
	begin(_i);
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	struct sql_value row[N_TYPES];
	const struct sql_value *none = NULL;
	make_table("all");
	buf_puts(&sql, "INSERT INTO \"n0\".\"all\" VALUES (");
	for (size_t i = 0; i < N_TYPES; i++) {
		buf_printf(&sql, "%s?%zu", i > 0 ? ", " : "", i + 1);
	}
	buf_putc(&sql, ')');
	for (size_t r = 0; r < N_ROWS; r++) {
		struct sql_query *q = NULL;
		row_of(r, row);
		OK(sql_prepare(session, buf_cstr(&sql), NULL, 0, &q, &err));
		for (size_t i = 0; i < N_TYPES; i++) {
			OK(sql_bind(q, (unsigned)i + 1, all_types[i], &row[i], &err));
		}
		while (sql_step(q, &none, &err) == 1) {
		}
		sql_finish(q);
	}
	expect_all("SELECT * FROM \"n0\".\"all\"", 1);
	end();
}
END_TEST

static void expect_as(const char *text, struct sql_type t, const char *want)
{
	CLEANUP(buf_free) struct buf got = BUF_INIT;
	answer(text, &t, 1, &got);
	ck_assert_str_eq(buf_cstr(&got), want);
}

START_TEST(results_become_what_was_asked_for)
{
	begin(_i);
	struct sql_type bigint = {.kind = SQL_BIGINT};
	struct sql_type real = {.kind = SQL_DOUBLE};
	struct sql_type money = {.kind = SQL_DECIMAL, .size = 8, .scale = 2};
	struct sql_type small = {.kind = SQL_SMALLINT};
	struct sql_type text = {.kind = SQL_VARCHAR};
	struct sql_query *q = NULL;
	const struct sql_value *row = NULL;
	run("CREATE TABLE \"n0\".\"t\" (a BIGINT); INSERT INTO \"n0\".\"t\" VALUES (3), (4)");
	expect_as("SELECT sum(a) FROM \"n0\".\"t\"", bigint, "7\n");
	expect_as("SELECT sum(a) FROM \"n0\".\"t\"", real, "7\n");
	expect_as("SELECT sum(a) FROM \"n0\".\"t\"", money, "7.00\n");
	expect_as("SELECT sum(a) FROM \"n0\".\"t\"", text, "7\n");
	expect_as("SELECT avg(a) FROM \"n0\".\"t\"", money, "3.50\n");
	expect_as("SELECT 0.125e0", money, "0.13\n");
	expect_as("SELECT '12.5'", real, "12.5\n");
	OK(sql_prepare(session, "SELECT 70000", &small, 1, &q, &err));
	FAILS(sql_step(q, &row, &err), EINVAL);
	sql_finish(q);
	OK(sql_prepare(session, "SELECT 'x'", &bigint, 1, &q, &err));
	FAILS(sql_step(q, &row, &err), EINVAL);
	sql_finish(q);
	FAILS(sql_prepare(session, "SELECT 1, 2", &bigint, 1, &q, &err), EINVAL);
	end();
}
END_TEST

START_TEST(decimals_are_compared_as_numbers)
{
	begin(_i);
	struct sql_type t = {.kind = SQL_DECIMAL, .size = 8, .scale = 2};
	static const char *const texts[] = {"9.50", "-10.00", "100.00", "-9.50", "0.00", "0.05"};
	struct sql_append *a = NULL;
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	CLEANUP(buf_free) struct buf got = BUF_INIT;
	buf_puts(&sql, "CREATE TABLE \"n0\".\"t\" (a ");
	sql_column_type(site->driver->dialect, t, &sql);
	buf_putc(&sql, ')');
	run(buf_cstr(&sql));
	OK(sql_append_new(session, "n0", "t", &t, 1, &a, &err));
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct sql_value v;
		OK(sql_value_parse(slice_of(texts[i]), t, &v, &err));
		OK(sql_append_row(a, &v, &err));
	}
	OK(sql_append_end(a, true, &err));
	answer("SELECT a FROM \"n0\".\"t\" ORDER BY a", &t, 1, &got);
	ck_assert_str_eq(buf_cstr(&got), "-10.00\n-9.50\n0.00\n0.05\n9.50\n100.00\n");
	end();
}
END_TEST

/* ---- many rows ---- */

static void append_some(int n, bool keep)
{
	struct sql_append *a = NULL;
	struct sql_type t = {.kind = SQL_BIGINT};
	OK(sql_append_new(session, "n0", "t", &t, 1, &a, &err));
	for (int i = 0; i < n; i++) {
		OK(sql_append_row(a, &(struct sql_value){.integer = i}, &err));
	}
	OK(sql_append_end(a, keep, &err));
}

START_TEST(what_is_not_kept_leaves_no_row)
{
	begin(_i);
	run("CREATE TABLE \"n0\".\"t\" (a BIGINT)");
	append_some(10, false);
	append_some(300000, false);
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 0);
	append_some(10, true);
	run("BEGIN");
	append_some(20, true);
	append_some(250000, false);
	append_some(30, false);
	append_some(3, true);
	run("COMMIT");
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 33);
	run("BEGIN");
	append_some(5000, true);
	run("ROLLBACK");
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 33);
	end();
}
END_TEST

START_TEST(a_refused_row_undoes_the_append)
{
	begin(_i);
	struct sql_append *a = NULL;
	struct sql_type t = {.kind = SQL_INTEGER};
	run("CREATE TABLE \"n0\".\"t\" (a INTEGER NOT NULL)");
	OK(sql_append_new(session, "n0", "t", &t, 1, &a, &err));
	OK(sql_append_row(a, &(struct sql_value){.integer = 1}, &err));
	int rc = sql_append_row(a, &(struct sql_value){.null = true}, &err);
	ck_assert_msg(rc == 0 || rc == -EINVAL, "%d %s", rc, err.msg);
	FAILS(sql_append_end(a, true, &err), EINVAL);
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 0);
	struct sql_append *none = NULL;
	ck_assert_int_eq(sql_append_new(session, "n0", "nothing", &t, 1, &none, &err), -EINVAL);
	run("INSERT INTO \"n0\".\"t\" VALUES (2)");
	expect_number("SELECT count(*) FROM \"n0\".\"t\"", 1);
	end();
}
END_TEST

/* ---- stopping ---- */

static const char *long_question(void)
{
	return site->driver->dialect == SQL_DUCKDB
		       ? "SELECT max(x.range + y.range) FROM range(100000000) x, range(1000000) y"
		       : "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r WHERE i < "
			 "100000000000) SELECT max(i) FROM r";
}

static void *interrupt_it(void *arg)
{
	_Atomic bool *done = arg;
	while (!*done) {
		usleep(10000);
		sql_interrupt(session);
	}
	return NULL;
}

START_TEST(what_runs_is_interrupted)
{
	begin(_i);
	struct sql_query *q = NULL;
	const struct sql_value *row = NULL;
	pthread_t thread;
	_Atomic bool done = false;
	/* Nothing runs: it is harmless. */
	sql_interrupt(session);
	expect_number("SELECT 1", 1);
	OK(sql_prepare(session, long_question(), NULL, 0, &q, &err));
	ck_assert_int_eq(pthread_create(&thread, NULL, interrupt_it, (void *)&done), 0);
	FAILS(sql_step(q, &row, &err), EINTR);
	done = true;
	pthread_join(thread, NULL);
	sql_finish(q);
	expect_number("SELECT 1", 1);
	end();
}
END_TEST

START_TEST(a_question_may_be_left_early)
{
	begin(_i);
	struct sql_query *q = NULL;
	const struct sql_value *row = NULL;
	srandom(2);
	fill("n0");
	OK(sql_prepare(session, "SELECT a, b FROM \"n0\".\"big\"", NULL, 0, &q, &err));
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(sql_step(q, &row, &err), 1);
		ck_assert_int_eq(row[0].integer, i);
	}
	sql_finish(q);
	expect_number("SELECT count(*) FROM \"n0\".\"big\"", 20000);
	end();
}
END_TEST

static long count_rows(const char *text)
{
	struct sql_query *q = NULL;
	const struct sql_value *row = NULL;
	long n = 0;
	int rc;
	OK(sql_prepare(session, text, NULL, 0, &q, &err));
	while ((rc = sql_step(q, &row, &err)) == 1) {
		n++;
	}
	ck_assert_msg(rc == 0, "%s: %d %s", text, rc, err.msg);
	sql_finish(q);
	return n;
}

/* DuckDB 1.4.4 by itself leaves out the last seven. */
START_TEST(a_union_of_unions_has_all_rows)
{
	begin(_i);
	srandom(3);
	fill("n0");
	ck_assert_int_eq(
		count_rows("SELECT x.a FROM (SELECT a FROM \"n0\".\"big\" WHERE a < 300 UNION ALL "
			   "SELECT a FROM \"n0\".\"big\" WHERE a >= 800) AS x UNION ALL "
			   "SELECT y.a FROM (SELECT a FROM \"n0\".\"big\" WHERE a < 5 UNION ALL "
			   "SELECT a FROM \"n0\".\"big\" WHERE a < 7) AS y"),
		19500 + 5 + 7);
	ck_assert_int_eq(
		count_rows("SELECT a FROM \"n0\".\"big\" WHERE a < 3 UNION ALL SELECT a FROM "
			   "(SELECT a FROM \"n0\".\"big\" WHERE a < 5 UNION ALL "
			   "SELECT a FROM \"n0\".\"big\" WHERE a < 7) AS y"),
		3 + 5 + 7);
	ck_assert_int_eq(
		count_rows("WITH x AS (SELECT a FROM \"n0\".\"big\" WHERE a < 5 UNION ALL "
			   "SELECT a FROM \"n0\".\"big\" WHERE a < 7), y AS (SELECT a FROM x UNION "
			   "ALL SELECT a FROM \"n0\".\"big\" WHERE a >= 800) SELECT a FROM y"),
		5 + 7 + 19200);
	/* And rows are in their order again. */
	run("CREATE TABLE \"n0\".\"copy\" AS SELECT a FROM \"n0\".\"big\"");
	expect("SELECT a FROM \"n0\".\"copy\" LIMIT 2", "0\n1\n");
	end();
}
END_TEST

START_TEST(names_and_texts_are_quoted)
{
	begin(_i);
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, "CREATE TABLE \"n0\".");
	sql_quote(slice_of("a\"b; c"), &sql);
	buf_puts(&sql, " (");
	sql_quote(slice_of("x'y"), &sql);
	buf_puts(&sql, " VARCHAR)");
	run(buf_cstr(&sql));
	buf_clear(&sql);
	buf_puts(&sql, "SELECT ");
	OK(sql_quote_text(slice_of("it's \"so\" \\n"), &sql, &err));
	expect(buf_cstr(&sql), "it's \"so\" \\n\n");
	FAILS(sql_quote_text(slice_make("a\0b", 3), &sql, &err), EINVAL);
	end();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redshift_driver");
	TCase *tc = tcase_create("drivers");
	int n = n_drivers();
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, files_come_and_go, 0, n);
	tcase_add_loop_test(tc, what_was_committed_is_there_after_a_crash, 0, n);
	tcase_add_loop_test(tc, a_file_that_shrinks_is_no_damage, 0, n);
	tcase_add_loop_test(tc, damage_is_found, 0, n);
	tcase_add_loop_test(tc, a_damaged_file_is_an_error_and_others_go_on, 0, n);
	tcase_add_loop_test(tc, a_broken_library_is_opened_anew, 0, n);
	tcase_add_loop_test(tc, a_crash_is_no_damage, 0, n);
	tcase_add_loop_test(tc, a_full_disk_is_told_and_keeps_what_was_there, 0, n);
	tcase_add_loop_test(tc, statements_tell_what_they_changed, 0, n);
	tcase_add_loop_test(tc, transactions_are_all_or_nothing, 0, n);
	tcase_add_loop_test(tc, a_reader_sees_what_was_committed_before, 0, n);
	tcase_add_loop_test(tc, temporary_tables_are_the_sessions_own, 0, n);
	tcase_add_loop_test(tc, a_session_reads_several_files, 0, n);
	tcase_add_loop_test(tc, a_scratch_file_is_used_like_another, 0, n);
	tcase_add_loop_test(tc, all_types_go_in_and_come_back, 0, n);
	tcase_add_loop_test(tc, all_types_are_bound, 0, n);
	tcase_add_loop_test(tc, results_become_what_was_asked_for, 0, n);
	tcase_add_loop_test(tc, decimals_are_compared_as_numbers, 0, n);
	tcase_add_loop_test(tc, what_is_not_kept_leaves_no_row, 0, n);
	tcase_add_loop_test(tc, a_refused_row_undoes_the_append, 0, n);
	tcase_add_loop_test(tc, what_runs_is_interrupted, 0, n);
	tcase_add_loop_test(tc, a_question_may_be_left_early, 0, n);
	tcase_add_loop_test(tc, a_union_of_unions_has_all_rows, 0, n);
	tcase_add_loop_test(tc, names_and_texts_are_quoted, 0, n);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
