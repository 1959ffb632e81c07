/* Files a store must refuse: with a sentence, and without touching them. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/fixture.h"
#include "tests/unit/store_fixture.h"

static struct fixture f;

/* A store with some hundred pages. */
static void setup(void)
{
	fixture_init(&f, STORE_SYNC_CLOSE);
	fixture_open(&f);
	for (int i = 0; i < 200; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k%03d", i);
		ck_ok(fixture_put(f.s, key, i, 1500, NEW_ERR));
	}
	fixture_close(&f);
}

static void teardown(void)
{
	fixture_end(&f);
}

static void overwrite(off_t offset, const void *bytes, size_t n)
{
	int fd = open(f.path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, bytes, n, offset), (ssize_t)n);
	close(fd);
}

static void fill(off_t offset, int byte, size_t n)
{
	char *bytes = malloc(n);
	memset(bytes, byte, n);
	overwrite(offset, bytes, n);
	free(bytes);
}

static off_t size_of(const char *suffix)
{
	char path[256];
	struct stat st;
	snprintf(path, sizeof(path), "%s%s", f.path, suffix);
	return stat(path, &st) == 0 ? st.st_size : -1;
}

/* All the bytes, for "nothing was changed". */
static char *content(const char *suffix, size_t *n)
{
	char path[256];
	snprintf(path, sizeof(path), "%s%s", f.path, suffix);
	*n = (size_t)size_of(suffix);
	char *p = malloc(*n + 1);
	int fd = open(path, O_RDONLY);
	ck_assert_int_eq(read(fd, p, *n), (ssize_t)*n);
	close(fd);
	return p;
}

static void refused_as(bool read_only, int code, const char *text)
{
	struct err err = {0};
	f.config.read_only = read_only;
	int rc = store_open(&f.config, &f.s, &err);
	ck_assert_msg(rc == -code, "%d, not %d: %s", rc, -code, err.msg);
	ck_assert_msg(strstr(err.msg, text) != NULL, "\"%s\" not in \"%s\"", text, err.msg);
	ck_assert_msg(strncmp(err.msg, "table T: ", 9) == 0, "%s", err.msg);
	ck_assert_ptr_null(f.s);
}

static void refused(int code, const char *text)
{
	size_t before_n;
	size_t after_n;
	char *before = content("", &before_n);
	int files = fixture_files(&f);

	refused_as(false, code, text);
	refused_as(true, code, text);
	char *after = content("", &after_n);
	ck_assert_uint_eq(before_n, after_n);
	ck_assert_int_eq(memcmp(before, after, before_n), 0);
	ck_assert_int_eq(fixture_files(&f), files);
	free(before);
	free(after);
}

START_TEST(test_whole_file_is_taken)
{
	fixture_open(&f);
	ck_assert_int_eq(fixture_count(f.s), 200);
}
END_TEST

START_TEST(test_zero_length)
{
	ck_assert_int_eq(truncate(f.path, 0), 0);
	refused(EIO, "is no database: it has only 0 bytes; nothing was changed");
}
END_TEST

START_TEST(test_a_few_bytes)
{
	ck_assert_int_eq(truncate(f.path, 50), 0);
	refused(EIO, "is no database: it has only 50 bytes");
}
END_TEST

START_TEST(test_cut_short_by_a_page)
{
	ck_assert_int_eq(truncate(f.path, size_of("") - 4096), 0);
	refused(EIO, "is cut short: it has ");
}
END_TEST

START_TEST(test_cut_inside_the_first_page)
{
	ck_assert_int_eq(truncate(f.path, 2000), 0);
	refused(EIO, "is cut short: it has 2000 bytes of ");
}
END_TEST

START_TEST(test_garbage_header)
{
	overwrite(0, "This is a text, not a database", 30);
	refused(EIO, "is no SQLite database");
}
END_TEST

START_TEST(test_bad_page_size)
{
	overwrite(16, "\x00\x07", 2);
	refused(EIO, "file is not a database");
}
END_TEST

START_TEST(test_garbage_after_the_header)
{
	fill(100, 0xa5, 3000);
	refused(EIO, "is damaged: ");
}
END_TEST

START_TEST(test_garbage_in_the_middle)
{
	for (off_t page = 5; page < 15; page++) {
		fill(page * 4096, 0x5a, 4096);
	}
	refused(EIO, "is damaged: ");
}
END_TEST

START_TEST(test_zeroes_in_the_middle)
{
	/* The table's root: content alone has no checksum in SQLite. */
	fill(2 * 4096, 0, 4096);
	refused(EIO, "is damaged: ");
}
END_TEST

START_TEST(test_every_page_lost_in_turn)
{
	off_t n = size_of("") / 4096;
	for (off_t page = 1; page < n; page += 7) {
		char saved[4096];
		int fd = open(f.path, O_RDWR);
		ck_assert_int_eq(pread(fd, saved, sizeof(saved), page * 4096), 4096);
		close(fd);
		fill(page * 4096, 0xff, 4096);
		refused_as(false, EIO, "nothing was changed");
		overwrite(page * 4096, saved, sizeof(saved));
	}
	f.config.read_only = false;
	fixture_open(&f);
}
END_TEST

START_TEST(test_other_application_id)
{
	f.config.application_id = 0x1234;
	refused(EINVAL, "its application id is 0x64626d74, not 0x00001234");
}
END_TEST

START_TEST(test_newer_schema)
{
	f.config.schema_version = 2;
	refused(EINVAL, "was written by a newer dbmount: its schema is version 3, "
			"this one knows up to 2");
}
END_TEST

START_TEST(test_older_schema_is_taken)
{
	f.config.schema_version = 9;
	fixture_open(&f);
}
END_TEST

START_TEST(test_no_table_of_the_store)
{
	fixture_query(f.path, "DROP TABLE _dbmount_store");
	fixture_query(f.path, "PRAGMA wal_checkpoint(TRUNCATE)");
	refused(EIO, "is damaged: no such table: _dbmount_store");
}
END_TEST

START_TEST(test_empty_table_of_the_store)
{
	fixture_query(f.path, "DELETE FROM _dbmount_store");
	refused(EIO, "is damaged: _dbmount_store is empty");
}
END_TEST

START_TEST(test_directory_in_place)
{
	ck_assert_int_eq(unlink(f.path), 0);
	ck_assert_int_eq(mkdir(f.path, 0700), 0);
	refused_as(false, EISDIR, "is a directory, not a database file");
	refused_as(true, EISDIR, "is a directory, not a database file");
	rmdir(f.path);
}
END_TEST

START_TEST(test_fifo_in_place)
{
	ck_assert_int_eq(unlink(f.path), 0);
	ck_assert_int_eq(mkfifo(f.path, 0600), 0);
	refused_as(false, EINVAL, "is a special file, not a database file");
}
END_TEST

START_TEST(test_unknown_vfs)
{
	f.config.vfs = "no such vfs";
	refused_as(false, EIO, "no such vfs");
}
END_TEST

/* ---- with a log beside it, as a killed daemon leaves it ---- */

static void die_with_a_log(void)
{
	pid_t pid = fork();
	if (pid == 0) {
		f.config.read_only = false;
		struct err err = {0};
		if (store_open(&f.config, &f.s, &err) != 0) {
			_exit(1);
		}
		for (int i = 0; i < 20; i++) {
			char key[16];
			snprintf(key, sizeof(key), "log%d", i);
			if (fixture_put(f.s, key, i, 1000, &err) != 0) {
				_exit(1);
			}
		}
		_exit(0);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_int_gt(size_of("-wal"), 0);
}

START_TEST(test_log_is_played_in)
{
	die_with_a_log();
	fixture_open(&f);
	ck_assert_int_eq(fixture_count(f.s), 220);
	ck_assert_int_eq(size_of("-wal"), 0);
}
END_TEST

START_TEST(test_log_is_no_finished_copy)
{
	die_with_a_log();
	refused_as(true, EINVAL, "is no finished copy: there is a log beside it");
}
END_TEST

START_TEST(test_refusal_keeps_the_log)
{
	size_t n[2];
	die_with_a_log();
	char shm[256];
	snprintf(shm, sizeof(shm), "%s-shm", f.path);
	unlink(shm);
	f.config.application_id = 1;
	char *before = content("-wal", &n[0]);
	refused_as(false, EINVAL, "its application id is");
	char *after = content("-wal", &n[1]);
	ck_assert_uint_eq(n[0], n[1]);
	ck_assert_int_eq(memcmp(before, after, n[0]), 0);
	ck_assert_int_eq(fixture_files(&f), 2);
	free(before);
	free(after);
}
END_TEST

START_TEST(test_damage_under_a_log)
{
	die_with_a_log();
	for (off_t page = 5; page < 25; page++) {
		fill(page * 4096, 0x77, 4096);
	}
	refused_as(false, EIO, "is damaged: ");
	ck_assert_int_gt(size_of("-wal"), 0);
}
END_TEST

START_TEST(test_torn_log_keeps_what_is_whole)
{
	die_with_a_log();
	char wal[256];
	snprintf(wal, sizeof(wal), "%s-wal", f.path);
	ck_assert_int_eq(truncate(wal, size_of("-wal") / 2 + 100), 0);
	fixture_open(&f);
	ck_assert_int_ge(fixture_count(f.s), 200);
	ck_assert_int_lt(fixture_count(f.s), 220);
}
END_TEST

/* ---- damage that happens while the store is open ---- */

START_TEST(test_damage_under_way_is_EIO)
{
	struct err err = {0};
	fixture_open(&f);
	for (off_t page = 2; page < 60; page++) {
		fill(page * 4096, 0x66, 4096);
	}
	int bad = 0;
	for (int i = 0; i < 200; i += 20) {
		char key[16];
		snprintf(key, sizeof(key), "k%03d", i);
		err_clear(&err);
		if (fixture_get(f.s, key, &err) == -2) {
			bad++;
			ck_assert_int_eq(err.code, EIO);
			ck_assert_ptr_nonnull(strstr(err.msg, "malformed"));
		}
		err_clear(&err);
		int rc = fixture_put(f.s, key, 1, 10, &err);
		ck_assert(rc == 0 || rc == -EIO);
	}
	ck_assert_int_gt(bad, 0);
}
END_TEST

START_TEST(test_file_cut_under_way_is_EIO)
{
	struct err err = {0};
	fixture_open(&f);
	ck_assert_int_eq(truncate(f.path, 8192), 0);
	ck_assert_int_eq(fixture_get(f.s, "k100", &err), -2);
	ck_assert_int_eq(err.code, EIO);
	store_sync(f.s, NULL);
}
END_TEST

/* An item's absence is another thing. */
START_TEST(test_file_gone_under_way_is_EIO)
{
	struct store_reader *r = NULL;
	fixture_open(&f);
	ck_assert_int_eq(unlink(f.path), 0);
	ck_assert_int_eq(store_read_begin(f.s, 0, &r, NEW_ERR), -EIO);
	ck_assert_ptr_null(r);
}
END_TEST

static void add_tests(TCase *tc)
{
	tcase_add_test(tc, test_whole_file_is_taken);
	tcase_add_test(tc, test_zero_length);
	tcase_add_test(tc, test_a_few_bytes);
	tcase_add_test(tc, test_cut_short_by_a_page);
	tcase_add_test(tc, test_cut_inside_the_first_page);
	tcase_add_test(tc, test_garbage_header);
	tcase_add_test(tc, test_bad_page_size);
	tcase_add_test(tc, test_garbage_after_the_header);
	tcase_add_test(tc, test_garbage_in_the_middle);
	tcase_add_test(tc, test_zeroes_in_the_middle);
	tcase_add_test(tc, test_every_page_lost_in_turn);
	tcase_add_test(tc, test_other_application_id);
	tcase_add_test(tc, test_newer_schema);
	tcase_add_test(tc, test_older_schema_is_taken);
	tcase_add_test(tc, test_no_table_of_the_store);
	tcase_add_test(tc, test_empty_table_of_the_store);
	tcase_add_test(tc, test_directory_in_place);
	tcase_add_test(tc, test_fifo_in_place);
	tcase_add_test(tc, test_unknown_vfs);
	tcase_add_test(tc, test_log_is_played_in);
	tcase_add_test(tc, test_log_is_no_finished_copy);
	tcase_add_test(tc, test_refusal_keeps_the_log);
	tcase_add_test(tc, test_damage_under_a_log);
	tcase_add_test(tc, test_torn_log_keeps_what_is_whole);
	tcase_add_test(tc, test_damage_under_way_is_EIO);
	tcase_add_test(tc, test_file_cut_under_way_is_EIO);
	tcase_add_test(tc, test_file_gone_under_way_is_EIO);
}

int main(void)
{
	Suite *suite = suite_create("store_damage");
	TCase *tc = tcase_create("damage");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	add_tests(tc);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
