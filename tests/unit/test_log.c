#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/buf.h"
#include "engines/common/log.h"
#include "tests/unit/fixture.h"

static char dir[SITE_MAX];
static char path[96];
static char moved[96];
static struct err err;

static void setup(void)
{
	make_site(dir);
	snprintf(path, sizeof(path), "%s/log", dir);
	snprintf(moved, sizeof(moved), "%s/log.1", dir);
	log_set_stderr(false);
	log_set_level(LOG_LEVEL_INFO);
	err_clear(&err);
}

static void teardown(void)
{
	log_close();
	remove_site(dir);
}

/* The file is these lines, each behind its time. */
static void assert_lines(const char *name, const char *want)
{
	struct buf text = BUF_INIT;
	struct buf got = BUF_INIT;
	ck_assert(read_whole(name, &text));
	for (char *line = (char *)text.p, *end; line < text.p + text.n; line = end + 1) {
		end = memchr(line, '\n', (size_t)(text.p + text.n - line));
		ck_assert_ptr_nonnull(end);
		/* 2026-01-31T23:59:59.123Z */
		ck_assert_int_gt(end - line, 25);
		ck_assert(line[4] == '-' && line[10] == 'T' && line[19] == '.' && line[23] == 'Z');
		buf_append(&got, line + 25, (size_t)(end - line) - 25 + 1);
	}
	ck_assert_str_eq(buf_cstr(&got), want);
	buf_free(&text);
	buf_free(&got);
}

START_TEST(test_lines_and_levels)
{
	ck_assert_int_eq(log_open(path, &err), 0);
	log_debug("not shown");
	log_info("x %d", 1);
	log_warn("y");
	log_error("z\nnot a second line\x7f");
	log_set_level(LOG_LEVEL_DEBUG);
	ck_assert(log_enabled(LOG_LEVEL_DEBUG));
	log_debug("shown");
	log_set_level(LOG_LEVEL_ERROR);
	ck_assert(!log_enabled(LOG_LEVEL_WARN));
	log_warn("not shown");
	assert_lines(path, "info: x 1\nwarning: y\nerror: z?not a second line?\ndebug: shown\n");
}
END_TEST

START_TEST(test_errno_is_kept)
{
	ck_assert_int_eq(log_open(path, &err), 0);
	errno = EXDEV;
	log_info("x");
	ck_assert_int_eq(errno, EXDEV);
}
END_TEST

START_TEST(test_a_long_line_is_cut_not_split)
{
	char text[5000];
	struct buf got = BUF_INIT;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(log_open(path, &err), 0);
	log_info("%s", text);
	log_info("next");
	ck_assert(read_whole(path, &got));
	ck_assert_str_eq(strchr(buf_cstr(&got), '\n') + 26, "info: next\n");
	buf_free(&got);
}
END_TEST

START_TEST(test_reopen_after_rotation)
{
	ck_assert_int_eq(log_reopen(&err), 0); /* nothing is open: nothing to do */
	ck_assert_int_eq(log_open(path, &err), 0);
	log_info("old");
	ck_assert_int_eq(rename(path, moved), 0);
	log_info("still old");
	ck_assert_int_eq(log_reopen(&err), 0);
	log_info("new");
	assert_lines(moved, "info: old\ninfo: still old\n");
	assert_lines(path, "info: new\n");
	/* What is there is kept. */
	ck_assert_int_eq(log_reopen(&err), 0);
	log_info("more");
	assert_lines(path, "info: new\ninfo: more\n");
}
END_TEST

START_TEST(test_a_file_that_cannot_be_opened)
{
	char bad[128];
	char want[256];
	snprintf(bad, sizeof(bad), "%s/no/log", dir);
	snprintf(want, sizeof(want), "cannot open the log file %s: No such file or directory", bad);
	ck_assert_int_eq(log_open(path, &err), 0);
	ck_assert_int_eq(log_open(bad, &err), -ENOENT);
	ck_assert_str_eq(err.msg, want);
	log_info("goes on");
	assert_lines(path, "info: goes on\n");
}
END_TEST

START_TEST(test_only_the_owner_reads_it)
{
	struct stat st;
	ck_assert_int_eq(log_open(path, &err), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

#define LINES 300U

static void *write_lines(void *arg)
{
	for (unsigned i = 0; i < LINES; i++) {
		log_info("%s line %u", (const char *)arg, i);
	}
	return NULL;
}

static void *reopen_often(void *arg)
{
	struct err own = {0};
	(void)arg;
	for (unsigned i = 0; i < 50; i++) {
		log_reopen(&own);
	}
	return NULL;
}

START_TEST(test_threads)
{
	pthread_t t[3];
	struct buf got = BUF_INIT;
	size_t lines = 0;
	ck_assert_int_eq(log_open(path, &err), 0);
	pthread_create(&t[0], NULL, write_lines, (void *)"a");
	pthread_create(&t[1], NULL, write_lines, (void *)"b");
	pthread_create(&t[2], NULL, reopen_often, NULL);
	for (unsigned i = 0; i < 3; i++) {
		pthread_join(t[i], NULL);
	}
	ck_assert(read_whole(path, &got));
	for (size_t i = 0; i < got.n; i++) {
		lines += got.p[i] == '\n';
	}
	ck_assert_uint_eq(lines, (size_t)2 * LINES);
	buf_free(&got);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("log");
	TCase *t = tcase_create("log");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_lines_and_levels);
	tcase_add_test(t, test_errno_is_kept);
	tcase_add_test(t, test_a_long_line_is_cut_not_split);
	tcase_add_test(t, test_reopen_after_rotation);
	tcase_add_test(t, test_a_file_that_cannot_be_opened);
	tcase_add_test(t, test_only_the_owner_reads_it);
	tcase_add_test(t, test_threads);
	suite_add_tcase(s, t);
	return run_suite(s);
}
