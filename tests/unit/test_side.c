/* Scratch files: in memory at first, on disk when they are to last. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/log.h"
#include "fs/loop.h"
#include "fs/side.h"
#include "tests/unit/fixture.h"

#define DIR_A "/dynamodb/T/a"
#define DIR_B "/dynamodb/T/b"

static char site[SITE_MAX];
static struct side side;
static struct err err;
static _Atomic int n_failed;

/* The side files' only tie to the event loop. */
void loop_yield(void)
{
}

static void count_failed(void *arg, uid_t uid, const char *path, const struct err *e)
{
	(void)arg;
	ck_assert_uint_eq(uid, 7);
	ck_assert_str_eq(path, DIR_A "/x");
	ck_assert_ptr_nonnull(strstr(e->msg, "in memory only"));
	n_failed++;
}

static void begin(void)
{
	side = (struct side){.max_bytes = 1 << 20, .max_files = 100, .max_rejected = 3};
	ck_assert_int_eq(side_init(&side, site, &err), 0);
}

static void setup(void)
{
	make_site(site);
	log_set_stderr(false);
	err_clear(&err);
	n_failed = 0;
	begin();
}

static void teardown(void)
{
	side_finish(&side);
	remove_site(site);
}

static void again(void)
{
	side_finish(&side);
	begin();
}

/* ---- verbs ---- */

static struct side_file *open_file(const char *dir, const char *name, int flags)
{
	struct side_how how = {.flags = flags, .mode = 0640, .uid = 7};
	struct side_file *f = NULL;
	int rc = side_open(&side, dir, name, &how, &f, &err);
	ck_assert_msg(rc == 0, "%s: %d %s", name, rc, err.msg);
	return f;
}

static int write_text(struct side_file *f, const char *text)
{
	return side_write(&side, f, slice_of(text), 0, true, &err);
}

static void put(const char *dir, const char *name, const char *text)
{
	struct side_file *f = open_file(dir, name, O_CREAT | O_TRUNC);
	ck_assert_int_eq(write_text(f, text), 0);
	side_close(&side, f);
}

static void put_to_disk(const char *dir, const char *name, const char *text)
{
	struct side_file *f = open_file(dir, name, O_CREAT | O_TRUNC);
	ck_assert_int_eq(write_text(f, text), 0);
	ck_assert_int_eq(side_sync(&side, f, &err), 0);
	side_close(&side, f);
}

static void check_content(struct side_file *f, const char *text)
{
	struct buf out = BUF_INIT;
	ck_assert_int_eq(side_read(&side, f, 0, 1000, &out, &err), 0);
	ck_assert_str_eq(buf_cstr(&out), text);
	buf_free(&out);
}

static void check_text(const char *dir, const char *name, const char *text)
{
	struct side_file *f = open_file(dir, name, 0);
	check_content(f, text);
	side_close(&side, f);
}

static void check_list(const char *dir, const char *names)
{
	struct buf out = BUF_INIT;
	ck_assert_int_eq(side_list(&side, SIDE_SCRATCH, dir, &out, NULL, &err), 0);
	for (size_t i = 0; i < out.n; i++) {
		out.p[i] = out.p[i] == '\0' ? ' ' : out.p[i];
	}
	ck_assert_str_eq(buf_cstr(&out), names);
	buf_free(&out);
}

static bool on_disk(const char *dir, const char *name)
{
	char path[256];
	char *at = path + snprintf(path, sizeof(path), "%s/side", site);
	for (const char *p = dir; *p != '\0'; p++) {
		at += sprintf(at, *p == '/' ? "/d/" : "%c", *p);
	}
	snprintf(at, sizeof(path) - (size_t)(at - path), "/f/%s", name);
	return access(path, F_OK) == 0;
}

static bool soon_on_disk(const char *dir, const char *name)
{
	for (int i = 0; i < 1200 && !on_disk(dir, name); i++) {
		usleep(50000);
	}
	return on_disk(dir, name);
}

static int rename_file(const char *from, const char *to, unsigned flags)
{
	return side_rename(&side, DIR_A, from, DIR_A, to, flags, &err);
}

static int unlink_file(const char *name)
{
	return side_unlink(&side, SIDE_SCRATCH, DIR_A, name, &err);
}

/* ---- memory and disk ---- */

START_TEST(test_removed_at_once_it_never_touches_the_disk)
{
	for (int i = 0; i < 1000; i++) {
		put(DIR_A, "x", "text");
		ck_assert(!on_disk(DIR_A, "x"));
		ck_assert_int_eq(unlink_file("x"), 0);
	}
	ck_assert(!on_disk(DIR_A, ""));
	ck_assert_uint_eq(side.bytes, 0);
	ck_assert_uint_eq(side.held, 0);
}
END_TEST

START_TEST(test_it_is_on_disk_after_a_while)
{
	put(DIR_A, "x", "text");
	ck_assert(!on_disk(DIR_A, "x"));
	check_text(DIR_A, "x", "text");
	ck_assert(soon_on_disk(DIR_A, "x"));
	check_text(DIR_A, "x", "text");
	check_list(DIR_A, "x ");
	ck_assert_uint_eq(side.bytes, 4);
	ck_assert_int_eq(unlink_file("x"), 0);
	ck_assert(!on_disk(DIR_A, "x"));
	ck_assert_uint_eq(side.bytes, 0);
}
END_TEST

START_TEST(test_sync_brings_it_to_disk_at_once)
{
	put_to_disk(DIR_A, "x", "text");
	ck_assert(on_disk(DIR_A, "x"));
}
END_TEST

START_TEST(test_outgrown_it_goes_to_disk)
{
	static char big[SIDE_MEMORY_MAX + 1];
	struct side_file *f = open_file(DIR_A, "x", O_CREAT);
	ck_assert_int_eq(write_text(f, "text"), 0);
	ck_assert_int_eq(side_write(&side, f, slice_make(big, sizeof(big)), 4, false, &err), 0);
	ck_assert(on_disk(DIR_A, "x"));
	check_content(f, "text");
	ck_assert_uint_eq(side_size(&side, f), sizeof(big) + 4);
	side_close(&side, f);
	ck_assert_uint_eq(side.bytes, sizeof(big) + 4);
}
END_TEST

START_TEST(test_the_end_brings_all_to_disk)
{
	put(DIR_A, "x", "text");
	put(DIR_B, "y", "");
	again();
	ck_assert(on_disk(DIR_A, "x"));
	check_text(DIR_A, "x", "text");
	check_text(DIR_B, "y", "");
	ck_assert_uint_eq(side.bytes, 4);
}
END_TEST

START_TEST(test_open_it_goes_on_through_disk_and_without_name)
{
	struct side_file *f = open_file(DIR_A, "x", O_CREAT);
	ck_assert_int_eq(write_text(f, "one "), 0);
	ck_assert(soon_on_disk(DIR_A, "x"));
	ck_assert_int_eq(write_text(f, "two "), 0);
	check_content(f, "one two ");
	ck_assert_int_eq(unlink_file("x"), 0);
	ck_assert_int_eq(write_text(f, "three"), 0);
	check_content(f, "one two three");
	side_close(&side, f);
	ck_assert_uint_eq(side.bytes, 0);
}
END_TEST

START_TEST(test_without_name_it_may_outgrow_memory)
{
	static char big[SIDE_MEMORY_MAX + 1];
	struct side_file *f = open_file(DIR_A, "x", O_CREAT);
	ck_assert_int_eq(write_text(f, "text"), 0);
	ck_assert_int_eq(unlink_file("x"), 0);
	ck_assert_int_eq(side_sync(&side, f, &err), 0);
	ck_assert_int_eq(side_write(&side, f, slice_make(big, sizeof(big)), 4, false, &err), 0);
	check_content(f, "text");
	side_close(&side, f);
	ck_assert(!on_disk(DIR_A, ""));
	ck_assert_uint_eq(side.bytes, 0);
	ck_assert_uint_eq(side.held, 0);
}
END_TEST

START_TEST(test_attributes_stay_when_it_goes_to_disk)
{
	struct stat before;
	struct stat after;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_sec = 981173106, .tv_nsec = 5}};
	mode_t mode = 0604;
	struct side_file *f = open_file(DIR_A, "x", O_CREAT);
	ck_assert_int_eq(write_text(f, "text"), 0);
	ck_assert_int_eq(side_set(&side, DIR_A, "x", &mode, times, &err), 0);
	ck_assert_int_eq(side_stat(&side, SIDE_SCRATCH, DIR_A, "x", &before, &err), 0);
	ck_assert_int_eq(side_sync(&side, f, &err), 0);
	ck_assert_int_eq(side_stat(&side, SIDE_SCRATCH, DIR_A, "x", &after, &err), 0);
	side_close(&side, f);
	ck_assert_uint_eq(after.st_mode, S_IFREG | 0604);
	ck_assert_int_eq(after.st_mtim.tv_sec, 981173106);
	ck_assert_mem_eq(&after.st_mtim, &before.st_mtim, sizeof(after.st_mtim));
	ck_assert_mem_eq(&after.st_ctim, &before.st_ctim, sizeof(after.st_ctim));
	ck_assert_int_eq(after.st_size, before.st_size);
	mode = 0600;
	ck_assert_int_eq(side_set(&side, DIR_A, "x", &mode, times, &err), 0);
	ck_assert_int_eq(side_stat(&side, SIDE_SCRATCH, DIR_A, "x", &after, &err), 0);
	ck_assert_uint_eq(after.st_mode, S_IFREG | 0600);
}
END_TEST

/* ---- names ---- */

START_TEST(test_open_flags)
{
	struct side_how how = {.flags = O_CREAT | O_EXCL, .mode = 0600};
	struct side_file *f;
	put(DIR_A, "x", "text");
	ck_assert_int_eq(side_open(&side, DIR_A, "x", &how, &f, &err), -EEXIST);
	how.flags = 0;
	ck_assert_int_eq(side_open(&side, DIR_A, "y", &how, &f, &err), -ENOENT);
	put(DIR_A, "x", "");
	check_text(DIR_A, "x", "");
	ck_assert_uint_eq(side.bytes, 0);
}
END_TEST

START_TEST(test_rename_in_memory)
{
	put(DIR_A, "x", "new");
	put(DIR_A, "y", "old");
	ck_assert_int_eq(rename_file("x", "y", RENAME_NOREPLACE), -EEXIST);
	ck_assert_int_eq(rename_file("x", "y", 0), 0);
	check_list(DIR_A, "y ");
	check_text(DIR_A, "y", "new");
	ck_assert_int_eq(side_rename(&side, DIR_A, "y", DIR_B, "z", 0, &err), 0);
	check_list(DIR_A, "");
	check_text(DIR_B, "z", "new");
	ck_assert(!on_disk(DIR_B, "z"));
	ck_assert(soon_on_disk(DIR_B, "z"));
	ck_assert_int_eq(rename_file("x", "y", 0), -ENOENT);
}
END_TEST

START_TEST(test_rename_onto_what_is_on_disk_is_done_there)
{
	put_to_disk(DIR_A, "y", "old");
	put(DIR_A, "x", "newer");
	ck_assert_int_eq(rename_file("x", "y", 0), 0);
	ck_assert(on_disk(DIR_A, "y"));
	ck_assert(!on_disk(DIR_A, "x"));
	check_text(DIR_A, "y", "newer");
	ck_assert_uint_eq(side.bytes, 5);
}
END_TEST

START_TEST(test_rename_from_disk_onto_memory)
{
	put_to_disk(DIR_A, "x", "newer");
	put(DIR_A, "y", "old");
	ck_assert_int_eq(rename_file("x", "y", 0), 0);
	check_text(DIR_A, "y", "newer");
	usleep(700000);
	check_text(DIR_A, "y", "newer");
	check_list(DIR_A, "y ");
	ck_assert_uint_eq(side.bytes, 5);
}
END_TEST

START_TEST(test_exchange)
{
	put(DIR_A, "x", "one");
	put_to_disk(DIR_A, "y", "two");
	ck_assert_int_eq(rename_file("x", "z", RENAME_EXCHANGE), -ENOENT);
	ck_assert_int_eq(rename_file("x", "y", RENAME_EXCHANGE), 0);
	check_text(DIR_A, "x", "two");
	check_text(DIR_A, "y", "one");
	again();
	check_text(DIR_A, "x", "two");
	check_text(DIR_A, "y", "one");
}
END_TEST

START_TEST(test_symlinks)
{
	struct buf out = BUF_INIT;
	ck_assert_int_eq(side_symlink(&side, DIR_A, "l", "there", &err), 0);
	ck_assert_int_eq(side_symlink(&side, DIR_A, "l", "there", &err), -EEXIST);
	ck_assert_int_eq(side_readlink(&side, DIR_A, "l", &out, &err), 0);
	ck_assert_str_eq(buf_cstr(&out), "there");
	check_list(DIR_A, "l ");
	ck_assert_int_eq(unlink_file("l"), 0);
	ck_assert_int_eq(unlink_file("l"), -ENOENT);
	ck_assert_uint_eq(side.bytes, 0);
	buf_free(&out);
}
END_TEST

START_TEST(test_the_time_of_a_list_moves_with_its_names)
{
	int64_t before = -1;
	int64_t with = 0;
	int64_t without = 0;
	int64_t later = 0;
	ck_assert_int_eq(side_list(&side, SIDE_SCRATCH, DIR_A, NULL, &before, &err), 0);
	ck_assert_int_eq(before, 0);
	put(DIR_A, "x", "text");
	side_list(&side, SIDE_SCRATCH, DIR_A, NULL, &with, &err);
	ck_assert_int_gt(with, 0);
	unlink_file("x");
	side_list(&side, SIDE_SCRATCH, DIR_A, NULL, &without, &err);
	ck_assert_int_gt(without, with);
	/* Going to disk is no change of the list. */
	put(DIR_A, "y", "text");
	side_list(&side, SIDE_SCRATCH, DIR_A, NULL, &with, &err);
	ck_assert(soon_on_disk(DIR_A, "y"));
	again();
	side_list(&side, SIDE_SCRATCH, DIR_A, NULL, &later, &err);
	ck_assert_int_eq(later, with);
}
END_TEST

START_TEST(test_limits)
{
	struct side_how how = {.flags = O_CREAT};
	struct side_file *f = open_file(DIR_A, "x", O_CREAT);
	ck_assert_int_eq(side_truncate(&side, f, (1 << 20) + 1, &err), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.msg, "scratch_size"));
	ck_assert_int_eq(side_truncate(&side, f, 1 << 20, &err), 0);
	err_clear(&err);
	ck_assert_int_eq(write_text(f, "t"), -ENOSPC);
	ck_assert_int_eq(side_truncate(&side, f, 0, &err), 0);
	side_close(&side, f);
	ck_assert_uint_eq(side.bytes, 0);
	side.max_files = 1;
	err_clear(&err);
	ck_assert_int_eq(side_open(&side, DIR_A, "y", &how, &f, &err), -ENOSPC);
	ck_assert_ptr_nonnull(strstr(err.msg, "scratch_files=1"));
	ck_assert_int_eq(side_symlink(&side, DIR_A, "y", "t", NULL), -ENOSPC);
	ck_assert_int_eq(rename_file("x", "y", 0), 0);
}
END_TEST

/* ---- directories ---- */

START_TEST(test_a_renamed_directory_takes_its_files_along)
{
	struct side_file *f = open_file(DIR_A, "x", O_CREAT);
	put_to_disk(DIR_A, "y", "on disk");
	ck_assert_int_eq(write_text(f, "one"), 0);
	side_move_dir(&side, "/dynamodb/T", "/dynamodb/U");
	check_list(DIR_A, "");
	check_list("/dynamodb/U/a", "x y ");
	ck_assert_int_eq(write_text(f, " two"), 0);
	side_close(&side, f);
	check_text("/dynamodb/U/a", "x", "one two");
	again();
	check_list("/dynamodb/U/a", "x y ");
}
END_TEST

START_TEST(test_a_dropped_directory_leaves_nothing)
{
	struct buf names = BUF_INIT;
	struct side_file *f = open_file(DIR_A, "x", O_CREAT);
	put(DIR_A, "y", "in memory");
	put_to_disk(DIR_A, "z", "on disk");
	put(DIR_B, "keep", "text");
	side_list_dirs(&side, "/dynamodb/T", &names);
	ck_assert_ptr_nonnull(memmem(names.p, names.n, "b", 2)); /* in memory only */
	side_drop_dir(&side, DIR_A);
	check_list(DIR_A, "");
	check_list(DIR_B, "keep ");
	ck_assert(!on_disk(DIR_A, "z"));
	ck_assert_int_eq(write_text(f, "on"), 0);
	check_content(f, "on");
	side_close(&side, f);
	ck_assert_uint_eq(side.bytes, 4);
	buf_free(&names);
}
END_TEST

START_TEST(test_many_directories)
{
	char dir[64];
	for (int i = 0; i < 1000; i++) {
		snprintf(dir, sizeof(dir), "/dynamodb/T/p%d", i);
		put(dir, "x", dir);
		put(dir, "gone", "");
		ck_assert_int_eq(side_unlink(&side, SIDE_SCRATCH, dir, "gone", &err), 0);
	}
	ck_assert(soon_on_disk("/dynamodb/T/p999", "x"));
	put(DIR_A, "x", "");
	for (int i = 0; i < 1000; i++) {
		snprintf(dir, sizeof(dir), "/dynamodb/T/p%d", i);
		check_list(dir, "x ");
		check_text(dir, "x", dir);
	}
}
END_TEST

/* ---- what goes wrong ---- */

/* A folder that is a file: nothing can be made in it, by root neither. */
static void spoil_folder(void)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/side/d", site);
	close(open(path, O_WRONLY | O_CREAT, 0600));
}

static void mend_folder(void)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/side/d", site);
	unlink(path);
}

START_TEST(test_what_cannot_be_kept_is_reported_once_and_tried_again)
{
	struct side_how how = {.flags = O_CREAT};
	struct side_file *f;
	side.report = (struct side_report){.failed = count_failed};
	put(DIR_A, "x", "text");
	spoil_folder();
	for (int i = 0; i < 1200 && n_failed == 0; i++) {
		usleep(50000);
	}
	ck_assert_int_eq(n_failed, 1);
	check_text(DIR_A, "x", "text");
	/* Nothing is put off now: who makes the next is told. */
	ck_assert_int_eq(side_open(&side, DIR_B, "y", &how, &f, &err), -ENOTDIR);
	check_list(DIR_B, "");
	mend_folder();
	ck_assert(soon_on_disk(DIR_A, "x"));
	ck_assert_int_eq(n_failed, 1);
	put(DIR_B, "y", "text");
	ck_assert(!on_disk(DIR_B, "y"));
}
END_TEST

START_TEST(test_sync_tells_what_cannot_be_kept)
{
	struct side_file *f = open_file(DIR_A, "x", O_CREAT);
	ck_assert_int_eq(write_text(f, "text"), 0);
	spoil_folder();
	ck_assert_int_eq(side_sync(&side, f, &err), -ENOTDIR);
	ck_assert_int_ne(err.msg[0], '\0');
	side_close(&side, f);
	mend_folder();
}
END_TEST

/* ---- many at once ---- */

static void *work_in_one_directory(void *arg)
{
	char name[32];
	char other[32];
	struct stat st;
	struct err e = {0};
	for (int i = 0; i < 300; i++) {
		struct side_how how = {.flags = O_CREAT, .mode = 0600};
		struct side_file *f;
		snprintf(name, sizeof(name), "%s-%d", (const char *)arg, i % 5);
		snprintf(other, sizeof(other), "%s-other", (const char *)arg);
		ck_assert_int_eq(side_open(&side, DIR_A, name, &how, &f, &e), 0);
		ck_assert_int_eq(side_write(&side, f, slice_of("text"), 0, true, &e), 0);
		if (i % 7 == 0) {
			ck_assert_int_eq(side_sync(&side, f, &e), 0);
		}
		ck_assert_int_eq(side_stat(&side, SIDE_SCRATCH, DIR_A, name, &st, &e), 0);
		if (i % 3 == 0) {
			ck_assert_int_eq(side_rename(&side, DIR_A, name, DIR_A, other, 0, &e), 0);
		} else if (i % 3 == 1) {
			ck_assert_int_eq(side_unlink(&side, SIDE_SCRATCH, DIR_A, name, &e), 0);
		}
		side_close(&side, f);
		usleep(i % 50 == 0 ? 100000 : 0);
	}
	return NULL;
}

START_TEST(test_many_threads)
{
	static const char *const names[] = {"a", "b", "c", "d"};
	pthread_t threads[4];
	struct buf list = BUF_INIT;
	for (int i = 0; i < 4; i++) {
		pthread_create(&threads[i], NULL, work_in_one_directory, (void *)names[i]);
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
	}
	ck_assert_int_eq(side_list(&side, SIDE_SCRATCH, DIR_A, &list, NULL, &err), 0);
	for (size_t i = 0; i < list.n; i += strlen(list.p + i) + 1) {
		ck_assert_int_eq(unlink_file(list.p + i), 0);
	}
	ck_assert_uint_eq(side.bytes, 0);
	ck_assert_uint_eq(side.held, 0);
	buf_free(&list);
}
END_TEST

static Suite *side_suite(void)
{
	Suite *suite = suite_create("side");
	TCase *tc = tcase_create("side");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_removed_at_once_it_never_touches_the_disk);
	tcase_add_test(tc, test_it_is_on_disk_after_a_while);
	tcase_add_test(tc, test_sync_brings_it_to_disk_at_once);
	tcase_add_test(tc, test_outgrown_it_goes_to_disk);
	tcase_add_test(tc, test_the_end_brings_all_to_disk);
	tcase_add_test(tc, test_open_it_goes_on_through_disk_and_without_name);
	tcase_add_test(tc, test_without_name_it_may_outgrow_memory);
	tcase_add_test(tc, test_attributes_stay_when_it_goes_to_disk);
	tcase_add_test(tc, test_open_flags);
	tcase_add_test(tc, test_rename_in_memory);
	tcase_add_test(tc, test_rename_onto_what_is_on_disk_is_done_there);
	tcase_add_test(tc, test_rename_from_disk_onto_memory);
	tcase_add_test(tc, test_exchange);
	tcase_add_test(tc, test_symlinks);
	tcase_add_test(tc, test_the_time_of_a_list_moves_with_its_names);
	tcase_add_test(tc, test_limits);
	tcase_add_test(tc, test_a_renamed_directory_takes_its_files_along);
	tcase_add_test(tc, test_a_dropped_directory_leaves_nothing);
	tcase_add_test(tc, test_many_directories);
	tcase_add_test(tc, test_what_cannot_be_kept_is_reported_once_and_tried_again);
	tcase_add_test(tc, test_sync_tells_what_cannot_be_kept);
	tcase_add_test(tc, test_many_threads);
	suite_add_tcase(suite, tc);
	return suite;
}

int main(void)
{
	return run_suite(side_suite());
}
