/* The page log: records of commits, its end after a crash, damage, the standby. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/store/pagelog.h"
#include "tests/unit/fault_disk.h"
#include "tests/unit/fault_vfs.h"
#include "tests/unit/fixture.h"
#include "tests/unit/store_fixture.h"

static struct fixture f;
static struct pagelog *plog;
static char log_dir[128];
static char standby_dir[128];
static struct pagelog_config config;

static void log_start(void)
{
	ck_ok(pagelog_open(&config, &plog, NEW_ERR));
	f.config.tap = pagelog_tap(plog);
}

static void start(enum pagelog_policy policy, bool standby)
{
	fault_vfs_install();
	fixture_init(&f, STORE_SYNC_CLOSE);
	snprintf(log_dir, sizeof(log_dir), "%s/log", f.dir);
	snprintf(standby_dir, sizeof(standby_dir), "%s/standby", f.dir);
	config = (struct pagelog_config){
		.dir = log_dir,
		.standby = standby ? standby_dir : NULL,
		.policy = policy,
		.disk = &fault_disk,
		.label = "db T",
	};
	f.config.vfs = FAULT_VFS_NAME;
	fault_disk_arm(0, 0, false);
	log_start();
	fixture_open(&f);
}

static void finish(void)
{
	fixture_close(&f);
	pagelog_close(plog);
	plog = NULL;
	fault_disk_settle();
	remove_site(f.dir);
}

static void put(const char *key, int value)
{
	ck_ok(fixture_put(f.s, key, value, 20, NEW_ERR));
}

static void segment_path(char *out, size_t n, const char *dir, uint64_t first)
{
	snprintf(out, n, "%s/%016" PRIx64 ".seg", dir, first);
}

static int64_t file_size(const char *path)
{
	int fd = open(path, O_RDONLY);
	int64_t size = fd >= 0 ? disk_size(fd) : -1;
	if (fd >= 0) {
		close(fd);
	}
	return size;
}

static void flip(const char *path, int64_t offset)
{
	unsigned char b;
	int fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pread(fd, &b, 1, offset), 1);
	b ^= 0x10;
	ck_assert_int_eq(pwrite(fd, &b, 1, offset), 1);
	close(fd);
}

static void reopen_log(void)
{
	fixture_close(&f);
	pagelog_close(plog);
	log_start();
}

/* ---- records ---- */

START_TEST(test_each_commit_is_a_record_of_its_pages)
{
	start(PAGELOG_FAIL, false);
	put("a", 1); /* the session's begin is a commit of its own */
	ck_assert_uint_eq(pagelog_last(plog), 2);
	put("b", 2);
	ck_assert_uint_eq(pagelog_last(plog), 3);
	struct segment_reader r;
	struct record record = {0};
	int64_t time = 0;
	segment_reader_init(&r, pagelog_segments(plog), 1);
	for (uint64_t i = 1; i <= 3; i++) {
		ck_assert_int_eq(segment_reader_next(&r, &record, NEW_ERR), 1);
		ck_assert_uint_eq(record.sequence, i);
		ck_assert_uint_eq(record.page_size, 4096);
		ck_assert_uint_ge(record.n_pages, 1);
		ck_assert_int_gt(record.time_ns, time);
		time = record.time_ns;
	}
	ck_assert_int_eq(segment_reader_next(&r, &record, NEW_ERR), 0);
	segment_reader_finish(&r);
	finish();
}
END_TEST

START_TEST(test_page_changed_twice_counts_once)
{
	struct page_set set = {0};
	for (uint32_t i = 0; i < 1000; i++) {
		memset(page_set_add(&set, 512, i % 300 + 1), (int)i & 0xff, 512);
	}
	ck_assert_uint_eq(set.n, 300);
	ck_assert_uint_eq(get_u32((unsigned char *)set.numbers.p), 1);
	ck_assert_uint_eq((unsigned char)set.pages.p[0], 900 & 0xff);
	page_set_finish(&set);
}
END_TEST

START_TEST(test_time_finds_the_last_commit_before)
{
	start(PAGELOG_FAIL, false);
	for (int i = 0; i < 20; i++) {
		put("a", i);
	}
	struct segment_reader r;
	struct record record;
	uint64_t found;
	segment_reader_init(&r, pagelog_segments(plog), 1);
	while (segment_reader_next(&r, &record, NEW_ERR) == 1) {
		ck_ok(pagelog_find_time(plog, record.time_ns, &found, NEW_ERR));
		ck_assert_uint_eq(found, record.sequence);
		ck_ok(pagelog_find_time(plog, record.time_ns - 1, &found, NEW_ERR));
		ck_assert_uint_eq(found, record.sequence - 1);
	}
	segment_reader_finish(&r);
	finish();
}
END_TEST

START_TEST(test_segments_begin_anew_and_are_dropped)
{
	start(PAGELOG_FAIL, true);
	for (int i = 0; i < 12; i++) {
		ck_ok(fixture_put(f.s, "big", i, (size_t)4 << 20, NEW_ERR));
	}
	uint64_t last = pagelog_last(plog);
	ck_ok(pagelog_drop_below(plog, last, NEW_ERR));
	uint64_t first = pagelog_first(plog);
	ck_assert_uint_gt(first, 1);
	reopen_log();
	ck_assert_uint_eq(pagelog_first(plog), first);
	ck_assert_uint_eq(pagelog_last(plog), last + 1); /* the session's end */
	uint64_t n;
	ck_ok(pagelog_verify(plog, &n, NEW_ERR));
	ck_assert_uint_eq(n, last + 2 - first);
	uint64_t found;
	ck_ok(pagelog_find_time(plog, 1, &found, NEW_ERR));
	ck_assert_uint_eq(found, 0);
	struct segment_reader r;
	struct record record;
	segment_reader_init(&r, pagelog_segments(plog), 1);
	ck_assert_int_eq(segment_reader_next(&r, &record, NEW_ERR), -ENODATA);
	segment_reader_finish(&r);
	finish();
}
END_TEST

/* ---- the end of the log ---- */

START_TEST(test_torn_record_is_cut_off_at_any_length)
{
	start(PAGELOG_FAIL, false);
	put("a", 1);
	char path[256];
	segment_path(path, sizeof(path), log_dir, 1);
	int64_t before = file_size(path);
	put("b", 2);
	fixture_close(&f);
	pagelog_close(plog);
	/* The record of b, and of the session's end after it. */
	for (int64_t size = file_size(path); size > before; size -= 509) {
		ck_assert_int_eq(truncate(path, size), 0);
		ck_ok(pagelog_open(&config, &plog, NEW_ERR));
		ck_assert_uint_ge(pagelog_last(plog), 2);
		ck_assert_int_le(file_size(path), size);
		ck_ok(pagelog_verify(plog, NULL, NEW_ERR));
		pagelog_close(plog);
	}
	ck_assert_int_eq(truncate(path, 40), 0);
	ck_ok(pagelog_open(&config, &plog, NEW_ERR));
	ck_assert_uint_eq(pagelog_last(plog), 0);
	ck_assert_int_eq(file_size(path), -1);
	finish();
}
END_TEST

START_TEST(test_damage_before_the_end_is_an_error)
{
	start(PAGELOG_FAIL, false);
	for (int i = 0; i < 5; i++) {
		put("a", i);
	}
	fixture_close(&f);
	pagelog_close(plog);
	plog = NULL;
	char path[256];
	segment_path(path, sizeof(path), log_dir, 1);
	int64_t size = file_size(path);
	for (int64_t at = 3; at < size - 9000; at += 777) {
		struct err err = {0};
		flip(path, at);
		ck_assert_int_eq(pagelog_open(&config, &plog, &err), -EIO);
		ck_assert_ptr_nonnull(strstr(err.msg, "is damaged at byte"));
		ck_assert_ptr_nonnull(strstr(err.msg, "nothing was changed"));
		ck_assert_int_eq(file_size(path), size);
		flip(path, at);
	}
	log_start();
	flip(path, 5000);
	ck_assert_int_eq(pagelog_verify(plog, NULL, NEW_ERR), -EIO);
	finish();
}
END_TEST

/* ---- commits the log missed ---- */

START_TEST(test_failed_append_goes_out_with_the_next)
{
	for (unsigned n = 1; n <= 3; n++) {
		start(PAGELOG_FAIL, false);
		put("a", 1);
		uint64_t last = pagelog_last(plog);
		fault_disk_arm(n, ENOSPC, false);
		int rc = fixture_put(f.s, "b", 2, 20, NEW_ERR);
		ck_assert_int_eq(rc, n <= 2 ? -ENOSPC : 0);
		fault_disk_arm(0, 0, false);
		ck_assert_uint_eq(pagelog_last(plog), n <= 2 ? last : last + 1);
		put("c", 3);
		ck_assert_uint_eq(pagelog_last(plog), n <= 2 ? last + 1 : last + 2);
		reopen_log();
		ck_ok(pagelog_recover(plog, f.path, NEW_ERR));
		ck_ok(pagelog_verify(plog, NULL, NEW_ERR));
		finish();
	}
}
END_TEST

static void crash_vfs(void)
{
	struct fault_plan plan = {.ops = FAULT_CHANGE, .n = 1, .many = 1u << 30, .crash = true};
	fault_vfs_arm(&plan);
}

static void stop_by_crash(void)
{
	crash_vfs();
	fault_disk_crash();
	fixture_close(&f);
	pagelog_close(plog);
	fault_disk_lose_power(0);
	fault_vfs_disarm();
}

START_TEST(test_commit_without_record_is_recovered_from_the_wal)
{
	start(PAGELOG_FAIL, false);
	put("a", 1);
	uint64_t last = pagelog_last(plog);
	fault_disk_on_crash(crash_vfs);
	fault_disk_arm(1, EIO, true);
	ck_assert_int_eq(fixture_put(f.s, "b", 2, 20, NEW_ERR), -EIO);
	stop_by_crash();
	log_start();
	ck_assert_uint_eq(pagelog_last(plog), last);
	ck_ok(pagelog_recover(plog, f.path, NEW_ERR));
	ck_assert_uint_eq(pagelog_last(plog), last + 1);
	ck_ok(pagelog_recover(plog, f.path, NEW_ERR));
	ck_assert_uint_eq(pagelog_last(plog), last + 1);
	fixture_open(&f);
	ck_assert_int_eq(fixture_get(f.s, "b", NEW_ERR), 2);
	finish();
}
END_TEST

START_TEST(test_missed_commits_that_are_gone_need_a_gap)
{
	start(PAGELOG_FAIL, false);
	put("a", 1);
	/* The append fails, then everything but the database's own files. */
	fault_disk_on_crash(NULL);
	fault_disk_arm(1, EIO, false);
	ck_assert_int_eq(fixture_put(f.s, "b", 2, 20, NEW_ERR), -EIO);
	fault_disk_crash();
	fixture_close(&f); /* checkpoints */
	pagelog_close(plog);
	fault_disk_lose_power(0);
	log_start();
	struct err err = {0};
	ck_assert_int_eq(pagelog_recover(plog, f.path, &err), -ENODATA);
	ck_assert_ptr_nonnull(strstr(err.msg, "lacks commits"));
	ck_ok(pagelog_gap(plog, NEW_ERR));
	ck_ok(pagelog_recover(plog, f.path, NEW_ERR));
	fixture_open(&f);
	ck_assert_int_eq(fixture_get(f.s, "b", NEW_ERR), 2);
	finish();
}
END_TEST

/* When neither the record nor that it is missing can be written, only the WAL has it. */
START_TEST(test_commit_that_only_the_wal_tells_of_stays_there)
{
	start(PAGELOG_FAIL, false);
	put("a", 1);
	uint64_t last = pagelog_last(plog);
	char wal[256];
	snprintf(wal, sizeof(wal), "%s-wal", f.path);
	fault_disk_on_crash(NULL);
	fault_disk_arm(1, EIO, true);
	ck_assert_int_eq(fixture_put(f.s, "b", 2, 20, NEW_ERR), -EIO);
	/* Enough for two checkpoints, for which the writes wait. */
	for (int i = 0; i < 5; i++) {
		ck_assert_int_ne(fixture_put(f.s, "c", i, 2000000, NEW_ERR), 0);
	}
	fixture_close(&f);
	pagelog_close(plog);
	fault_disk_lose_power(0);
	ck_assert_int_gt(file_size(wal), 5 * 2000000);
	log_start();
	ck_assert_uint_eq(pagelog_last(plog), last);
	ck_ok(pagelog_recover(plog, f.path, NEW_ERR));
	ck_assert_uint_eq(pagelog_last(plog), last + 1);
	fixture_open(&f);
	ck_assert_int_eq(fixture_get(f.s, "b", NEW_ERR), 2);
	ck_assert_int_eq(fixture_get(f.s, "c", NEW_ERR), 4);
	finish();
}
END_TEST

START_TEST(test_database_older_than_its_log_is_refused)
{
	start(PAGELOG_FAIL, false);
	put("a", 1);
	put("b", 2);
	stop_by_crash();
	char wal[256];
	snprintf(wal, sizeof(wal), "%s-wal", f.path);
	ck_assert_int_eq(truncate(wal, file_size(wal) - 100), 0);
	log_start();
	struct err err = {0};
	ck_assert_int_eq(pagelog_recover(plog, f.path, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "older than its log"));
	finish();
}
END_TEST

/* ---- the standby ---- */

static uint64_t standby_last(void)
{
	struct segments s;
	ck_ok(segments_open(&s, &disk_system, standby_dir, NEW_ERR));
	uint64_t last = segments_last(&s).sequence;
	segments_close(&s);
	return last;
}

START_TEST(test_standby_has_each_acknowledged_commit)
{
	start(PAGELOG_FAIL, true);
	for (int i = 0; i < 5; i++) {
		put("a", i);
		ck_assert_uint_eq(standby_last(), pagelog_last(plog));
	}
	finish();
}
END_TEST

START_TEST(test_standby_that_fails_fails_the_write)
{
	start(PAGELOG_FAIL, true);
	put("a", 1);
	uint64_t last = pagelog_last(plog);
	fault_disk_arm(3, EIO, false); /* write and sync here, then there */
	struct err err = {0};
	ck_assert_int_eq(fixture_put(f.s, "b", 2, 20, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "the standby has not got it"));
	ck_assert_uint_eq(standby_last(), last);
	put("c", 3); /* brings what it lacked */
	ck_assert_uint_eq(standby_last(), last + 2);
	finish();
}
END_TEST

START_TEST(test_standby_that_fails_is_left_behind)
{
	start(PAGELOG_DEGRADE, true);
	put("a", 1);
	uint64_t last = pagelog_last(plog);
	fault_disk_arm(3, EIO, false);
	put("b", 2);
	put("c", 3);
	struct err why = {0};
	ck_assert(pagelog_degraded(plog, &why));
	ck_assert_int_eq(why.code, EIO);
	ck_assert_uint_eq(standby_last(), last);
	ck_ok(pagelog_reattach(plog, NEW_ERR));
	ck_assert(!pagelog_degraded(plog, NULL));
	ck_assert_uint_eq(standby_last(), last + 2);
	put("d", 4);
	ck_assert_uint_eq(standby_last(), last + 3);
	finish();
}
END_TEST

START_TEST(test_standby_is_attached_and_detached_while_open)
{
	start(PAGELOG_DEGRADE, false);
	put("k1", 1);
	ck_ok(pagelog_attach(plog, standby_dir, NEW_ERR));
	ck_assert_uint_eq(standby_last(), pagelog_last(plog));
	put("k2", 2);
	ck_assert_uint_eq(standby_last(), pagelog_last(plog));
	pagelog_detach(plog);
	uint64_t last = standby_last();
	put("k3", 3);
	ck_assert_uint_eq(standby_last(), last);
	ck_ok(pagelog_attach(plog, standby_dir, NEW_ERR));
	ck_assert_uint_eq(standby_last(), last + 1);
	finish();
}
END_TEST

static uint64_t seen_at_loss;
static int answer_to_loss;

static int on_loss(void *arg, const struct err *why, struct err *err)
{
	(void)arg;
	ck_assert_int_ne(why->code, 0);
	seen_at_loss++;
	return answer_to_loss == 0 ? 0 : err_set(err, answer_to_loss, "it must not go on");
}

START_TEST(test_owner_is_asked_before_commits_go_on_without_standby)
{
	answer_to_loss = EIO;
	seen_at_loss = 0;
	start(PAGELOG_DEGRADE, true);
	config.lost = on_loss;
	fixture_close(&f);
	pagelog_close(plog);
	log_start();
	fixture_open(&f);
	put("k1", 1);
	uint64_t last = pagelog_last(plog);
	/* own write and sync, then the standby's write */
	fault_disk_arm(3, EIO, false);
	ck_assert_int_eq(fixture_put(f.s, "k2", 2, 20, NEW_ERR), -EIO);
	ck_assert_uint_eq(seen_at_loss, 1);
	ck_assert(!pagelog_degraded(plog, NULL));
	ck_assert_uint_eq(pagelog_last(plog), last + 1);
	put("k3", 3);
	ck_assert_uint_eq(standby_last(), last + 2);
	answer_to_loss = 0;
	fault_disk_arm(3, EIO, false);
	put("k4", 4);
	ck_assert(pagelog_degraded(plog, NULL));
	ck_assert_uint_eq(seen_at_loss, 2);
	fault_disk_arm(0, 0, false);
	config.lost = NULL;
	finish();
}
END_TEST

START_TEST(test_log_that_lost_records_gets_them_from_the_standby)
{
	start(PAGELOG_FAIL, true);
	put("a", 1);
	put("b", 2);
	uint64_t last = pagelog_last(plog);
	stop_by_crash();
	char path[256];
	segment_path(path, sizeof(path), log_dir, 1);
	ck_assert_int_eq(truncate(path, file_size(path) - 1), 0);
	log_start();
	ck_assert_uint_eq(pagelog_last(plog), last);
	ck_ok(pagelog_recover(plog, f.path, NEW_ERR));
	ck_assert_uint_eq(pagelog_last(plog), last);
	finish();
}
END_TEST

START_TEST(test_log_of_another_store_is_no_standby)
{
	start(PAGELOG_FAIL, true);
	put("a", 1);
	fixture_close(&f);
	pagelog_close(plog);
	plog = NULL;
	char path[256];
	segment_path(path, sizeof(path), log_dir, 1);
	ck_assert_int_eq(unlink(path), 0);
	config.standby = NULL;
	log_start();
	fixture_open(&f);
	put("a", 2);
	fixture_close(&f);
	pagelog_close(plog);
	plog = NULL;
	config.standby = standby_dir;
	struct err err = {0};
	ck_assert_int_eq(pagelog_open(&config, &plog, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "not the logs of one store"));
	finish();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pagelog");
	TCase *tc = tcase_create("pagelog");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_each_commit_is_a_record_of_its_pages);
	tcase_add_test(tc, test_page_changed_twice_counts_once);
	tcase_add_test(tc, test_time_finds_the_last_commit_before);
	tcase_add_test(tc, test_segments_begin_anew_and_are_dropped);
	tcase_add_test(tc, test_torn_record_is_cut_off_at_any_length);
	tcase_add_test(tc, test_damage_before_the_end_is_an_error);
	tcase_add_test(tc, test_failed_append_goes_out_with_the_next);
	tcase_add_test(tc, test_commit_without_record_is_recovered_from_the_wal);
	tcase_add_test(tc, test_missed_commits_that_are_gone_need_a_gap);
	tcase_add_test(tc, test_commit_that_only_the_wal_tells_of_stays_there);
	tcase_add_test(tc, test_database_older_than_its_log_is_refused);
	tcase_add_test(tc, test_standby_has_each_acknowledged_commit);
	tcase_add_test(tc, test_standby_that_fails_fails_the_write);
	tcase_add_test(tc, test_standby_that_fails_is_left_behind);
	tcase_add_test(tc, test_standby_is_attached_and_detached_while_open);
	tcase_add_test(tc, test_owner_is_asked_before_commits_go_on_without_standby);
	tcase_add_test(tc, test_log_that_lost_records_gets_them_from_the_standby);
	tcase_add_test(tc, test_log_of_another_store_is_no_standby);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
