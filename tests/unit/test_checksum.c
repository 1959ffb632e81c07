/* Checksums of pages: what is damaged is found, what is not damaged is never
 * said to be, and the file stays an ordinary database. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/common/log.h"
#include "engines/store/checksum_vfs.h"
#include "engines/store/disk.h"
#include "engines/store/wal_pages.h"
#include "tests/unit/fixture.h"
#include "tests/unit/random.h"
#include "tests/unit/store_fixture.h"

#define PAGE 4096

static struct fixture f;

static void setup(void)
{
	fixture_init(&f, STORE_SYNC_CLOSE);
	f.config.vfs = checksum_vfs(NULL);
	ck_assert_ptr_nonnull(f.config.vfs);
	rng_seed(7);
}

static void teardown(void)
{
	fixture_end(&f);
}

/* ---- by hand ---- */

static off_t size_of(const char *path)
{
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_size;
}

static void get_bytes(const char *path, void *to, size_t n, off_t at)
{
	int fd = open(path, O_RDONLY);
	ck_assert_int_eq(pread(fd, to, n, at), (ssize_t)n);
	close(fd);
}

static void put_bytes(const char *path, const void *from, size_t n, off_t at)
{
	int fd = open(path, O_RDWR);
	ck_assert_int_eq(pwrite(fd, from, n, at), (ssize_t)n);
	close(fd);
}

static void put_rows(int n, size_t body)
{
	char key[16];
	for (int i = 0; i < n; i++) {
		snprintf(key, sizeof(key), "k%d", rng() % n);
		ck_ok(fixture_put(f.s, key, i, body, NEW_ERR));
	}
}

/* A closed database of some dozens of pages, some of them overflow and free. */
static void make_database(void)
{
	fixture_open(&f);
	put_rows(60, 300);
	put_rows(12, 20000);
	put_rows(12, 100);
	fixture_close(&f);
}

static void run(const char *path, const char *vfs, const char *sql)
{
	sqlite3 *db;
	char *text = NULL;
	ck_assert_int_eq(
		sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, vfs),
		SQLITE_OK);
	int rc = sqlite3_exec(db, sql, NULL, NULL, &text);
	ck_assert_msg(rc == SQLITE_OK, "%s: %s", sql, text);
	sqlite3_close(db);
}

/* What SQLite answers when all of the file is read through the shim. */
static int read_all(const char *path)
{
	sqlite3 *db;
	sqlite3_stmt *stmt = NULL;
	bool sound = false;
	int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, f.config.vfs);
	if (rc == SQLITE_OK) {
		rc = sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL);
	}
	if (rc == SQLITE_OK && sqlite3_step(stmt) == SQLITE_ROW) {
		sound = strcmp((const char *)sqlite3_column_text(stmt, 0), "ok") == 0;
	}
	sqlite3_finalize(stmt);
	sqlite3_close(db);
	return sound ? 0 : -1;
}

static void is_whole(const char *path)
{
	ck_ok(checksum_verify_file(path, NULL, NEW_ERR));
	ck_assert_int_eq(read_all(path), 0);
}

static void is_bad(const char *path, uint32_t page)
{
	uint32_t bad = 0;
	ck_assert_int_eq(checksum_verify_file(path, &bad, NEW_ERR), -EIO);
	ck_assert_uint_eq(bad, page);
}

/* ---- pages ---- */

START_TEST(test_every_changed_bit_shows)
{
	static unsigned char page[1024];
	for (size_t i = 0; i < sizeof(page); i++) {
		page[i] = (unsigned char)rng();
	}
	for (uint32_t number = 1; number < 3; number++) {
		checksum_seal(page, sizeof(page), number);
		ck_assert(checksum_holds(page, sizeof(page), number));
		ck_assert(!checksum_holds(page, sizeof(page), number + 1));
		for (size_t bit = 0; bit < 8 * sizeof(page); bit++) {
			size_t at = bit / 8;
			bool counter =
				number == 1 && ((at >= 24 && at < 28) || (at >= 92 && at < 96));
			page[at] ^= (unsigned char)(1u << bit % 8);
			ck_assert_int_eq(checksum_holds(page, sizeof(page), number), counter);
			page[at] ^= (unsigned char)(1u << bit % 8);
		}
	}
}
END_TEST

/* ---- files ---- */

START_TEST(test_new_database_is_sealed_and_ordinary)
{
	unsigned char header[CHECKSUM_HEADER];
	make_database();
	get_bytes(f.path, header, sizeof(header), 0);
	ck_assert(checksum_used(header));
	ck_assert_uint_eq(checksum_page_size(header), PAGE);
	is_whole(f.path);
	ck_assert_int_eq(fixture_query(f.path, "SELECT count(*) > 30 FROM kv"), 1);
	ck_assert_int_eq(fixture_query(f.path, "SELECT count(*) FROM pragma_integrity_check"), 1);
	fixture_open(&f);
}
END_TEST

enum damage { FLIP, ZERO, GARBAGE, SWAP, N_DAMAGES };

static void damage_page(unsigned char *page, const unsigned char *other, enum damage how)
{
	size_t at = (size_t)rng() % PAGE;
	switch (how) {
	case FLIP:
		at = (at >= 24 && at < 28) || (at >= 92 && at < 96) ? 200 : at;
		page[at] ^= (unsigned char)(1u << rng() % 8);
		break;
	case ZERO: memset(page, 0, PAGE); break;
	case GARBAGE:
		for (at = 0; at < PAGE; at++) {
			page[at] = (unsigned char)rng();
		}
		break;
	default: memcpy(page, other, PAGE);
	}
}

START_TEST(test_each_damaged_page_is_found)
{
	unsigned char page[PAGE];
	unsigned char bad[PAGE];
	unsigned char other[PAGE];
	int n_unseen = 0; /* free pages, which SQLite has no reason to read */
	make_database();
	uint32_t n = (uint32_t)(size_of(f.path) / PAGE);
	ck_assert_uint_gt(n, 30);
	for (uint32_t i = 2; i <= n; i++) {
		off_t at = (off_t)(i - 1) * PAGE;
		get_bytes(f.path, page, PAGE, at);
		get_bytes(f.path, other, PAGE, (off_t)(i % n) * PAGE);
		memcpy(bad, page, PAGE);
		damage_page(bad, other, (enum damage)_i);
		put_bytes(f.path, bad, PAGE, at);
		is_bad(f.path, i);
		uint64_t before = checksum_failures();
		bool seen = read_all(f.path) != 0;
		ck_assert_int_eq(checksum_failures() > before, seen);
		n_unseen += !seen;
		put_bytes(f.path, page, PAGE, at);
	}
	is_whole(f.path);
	ck_assert_int_le(n_unseen, fixture_query(f.path, "PRAGMA freelist_count"));
}
END_TEST

/* Page 1, byte by byte: by its checksum, or because then it is no database. */
START_TEST(test_damaged_first_page_is_found)
{
	unsigned char page[PAGE];
	make_database();
	get_bytes(f.path, page, PAGE, 0);
	for (off_t at = 0; at < PAGE; at += at < 110 ? 1 : 61) {
		if ((at >= 24 && at < 28) || (at >= 92 && at < 96)) {
			continue;
		}
		for (int bit = 0; bit < 8; bit++) {
			unsigned char c = (unsigned char)(page[at] ^ (1u << bit));
			put_bytes(f.path, &c, 1, at);
			ck_assert_msg(read_all(f.path) != 0, "byte %d bit %d", (int)at, bit);
			if (at % 8 == bit) { /* it looks several times */
				ck_assert_int_ne(checksum_verify_file(f.path, NULL, NEW_ERR), 0);
			}
		}
		put_bytes(f.path, &page[at], 1, at);
	}
	is_whole(f.path);
}
END_TEST

/* Reads every row: 1, or the store's error. */
static int sum_bodies(struct err *err)
{
	struct store_reader *r;
	sqlite3_stmt *stmt = NULL;
	int rc = store_read_begin(f.s, STORE_ALL_KEYS, &r, err);
	if (rc != 0) {
		return rc;
	}
	if (sqlite3_prepare_v2(store_reader_db(r), "SELECT sum(length(body)) FROM kv", -1, &stmt,
		    NULL) != SQLITE_OK) {
		rc = store_sql_error(store_reader_db(r), NULL, err);
	} else {
		rc = store_step(stmt, err);
	}
	sqlite3_finalize(stmt);
	store_read_end(r);
	return rc;
}

START_TEST(test_store_says_which_file_is_damaged)
{
	struct err err = {0};
	make_database();
	fixture_open(&f);
	for (off_t at = 2 * PAGE + 1000; at < size_of(f.path); at += PAGE) {
		put_bytes(f.path, "x", 1, at);
	}
	ck_assert_int_eq(sum_bodies(&err), -EIO);
	ck_assert_msg(strstr(err.msg, "a page is damaged: it is not what was written") != NULL,
		"%s", err.msg);
	ck_assert_ptr_nonnull(strstr(err.msg, f.path));
}
END_TEST

START_TEST(test_cut_file_is_found)
{
	make_database();
	fixture_open(&f);
	off_t size = size_of(f.path);
	ck_assert_int_eq(truncate(f.path, size / 2 / PAGE * PAGE), 0);
	is_bad(f.path, (uint32_t)(size / 2 / PAGE) + 1);
	struct err err = {0};
	ck_assert_int_eq(sum_bodies(&err), -EIO);
}
END_TEST

START_TEST(test_file_without_room_is_left_alone)
{
	char path[160];
	uint32_t bad;
	snprintf(path, sizeof(path), "%s/plain.db", f.dir);
	run(path, NULL, "CREATE TABLE t(x); INSERT INTO t VALUES (randomblob(50000));");
	ck_assert_int_eq(checksum_verify_file(path, &bad, NEW_ERR), -ENOTSUP);
	run(path, f.config.vfs,
		"PRAGMA journal_mode=WAL; INSERT INTO t SELECT randomblob(4096) FROM "
		"(WITH RECURSIVE c(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM c WHERE i < 500)"
		" SELECT i FROM c); PRAGMA journal_mode=DELETE; VACUUM;");
	ck_assert_int_eq(read_all(path), 0);
	ck_assert_int_eq(fixture_query(path, "SELECT count(*) FROM pragma_integrity_check"), 1);
	ck_assert_int_eq(fixture_query(path, "SELECT count(*) FROM t"), 501);
	ck_assert_int_eq(checksum_verify_file(path, &bad, NEW_ERR), -ENOTSUP);
	ck_assert_int_eq(checksum_verify_file("/nowhere/x.db", &bad, NEW_ERR), -ENOENT);
}
END_TEST

/* More pages than the cache holds, so that they are written before page 1. */
#define MANY_ROWS                                                                                  \
	"WITH RECURSIVE c(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM c WHERE i < 3000)"          \
	" INSERT INTO t SELECT randomblob(4000) FROM c;"

static void make_plain(const char *path)
{
	run(path, NULL, "CREATE TABLE t(x); " MANY_ROWS " DELETE FROM t WHERE rowid % 7 = 0;");
}

static void seal_plain(const char *path, const char *before)
{
	sqlite3 *db;
	ck_assert_int_eq(
		sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, f.config.vfs), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, before, NULL, NULL, NULL), SQLITE_OK);
	ck_ok(checksum_reserve(db, NEW_ERR));
	ck_assert_int_eq(sqlite3_exec(db, "VACUUM", NULL, NULL, NULL), SQLITE_OK);
	sqlite3_close(db);
}

START_TEST(test_vacuum_seals_a_plain_file)
{
	static const char *const before[] = {
		"PRAGMA journal_mode=DELETE", "PRAGMA journal_mode=OFF; PRAGMA cache_size=20"};
	char path[160];
	snprintf(path, sizeof(path), "%s/plain.db", f.dir);
	make_plain(path);
	seal_plain(path, before[_i]);
	is_whole(path);
	run(path, f.config.vfs, "DELETE FROM t WHERE rowid % 3 = 0; " MANY_ROWS " VACUUM;");
	is_whole(path);
}
END_TEST

START_TEST(test_vacuum_into_is_sealed)
{
	char path[160];
	char sql[300];
	snprintf(path, sizeof(path), "%s/plain.db", f.dir);
	make_plain(path);
	seal_plain(path, "PRAGMA cache_size=50");
	snprintf(sql, sizeof(sql), "PRAGMA cache_size=20; VACUUM INTO '%s/into.db'", f.dir);
	run(path, f.config.vfs, sql);
	snprintf(path, sizeof(path), "%s/into.db", f.dir);
	is_whole(path);
}
END_TEST

/* Rollback mode leaves pages out that are free at the commit. */
START_TEST(test_pages_left_out_are_no_damage)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/holes.db", f.dir);
	run(path, NULL, "CREATE TABLE t(x);");
	seal_plain(path, "PRAGMA journal_mode=DELETE");
	run(path, f.config.vfs,
		"PRAGMA cache_size=30; BEGIN; CREATE TABLE u(x); INSERT INTO u VALUES "
		"(randomblob(400000)); " MANY_ROWS "DROP TABLE u; DELETE FROM t WHERE rowid < 2900;"
		" COMMIT;");
	is_whole(path);
	run(path, f.config.vfs, MANY_ROWS "VACUUM;");
	is_whole(path);
}
END_TEST

START_TEST(test_copy_of_a_store_is_sealed)
{
	char to[160];
	fixture_open(&f);
	put_rows(400, 20000); /* more than a connection's cache */
	snprintf(to, sizeof(to), "%s/copy.db", f.dir);
	ck_ok(store_copy(f.s, to, NULL, NULL, NEW_ERR));
	ck_assert_int_gt(size_of(to), 4 << 20);
	is_whole(to);
}
END_TEST

/* ---- the log ---- */

/* The store is open and everything is in the log. */
static void wal_path(char *out, size_t n)
{
	snprintf(out, n, "%s-wal", f.path);
	ck_assert_int_gt(size_of(out), 3 * (PAGE + 24));
}

START_TEST(test_damaged_log_is_found_and_not_moved)
{
	char wal[200];
	static unsigned char garbage[16 * PAGE];
	struct err err = {0};
	fixture_open(&f);
	put_rows(20, 20000);
	ck_assert_int_eq(sum_bodies(&err), 1);
	wal_path(wal, sizeof(wal));
	off_t half = size_of(f.path);
	for (off_t at = 4096; at + (off_t)sizeof(garbage) < size_of(wal); at += sizeof(garbage)) {
		put_bytes(wal, garbage, sizeof(garbage), at);
	}
	put_rows(1, 10); /* a reader begins anew */
	ck_assert_int_eq(sum_bodies(&err), -EIO);
	fixture_close(&f); /* would checkpoint */
	ck_assert_int_eq(size_of(f.path), half);
}
END_TEST

START_TEST(test_recovered_log_is_verified)
{
	char wal[200];
	char copy[160];
	char copy_wal[200];
	char command[1000];
	fixture_open(&f);
	put_rows(20, 20000);
	wal_path(wal, sizeof(wal));
	snprintf(copy, sizeof(copy), "%s/copy.db", f.dir);
	snprintf(copy_wal, sizeof(copy_wal), "%s-wal", copy);
	snprintf(command, sizeof(command), "cp '%s' '%s' && cp '%s' '%s'", f.path, copy, wal,
		copy_wal);
	ck_assert_int_eq(system(command), 0);
	sqlite3 *db;
	ck_assert_int_eq(
		sqlite3_open_v2(copy, &db, SQLITE_OPEN_READWRITE, f.config.vfs), SQLITE_OK);
	ck_assert_int_eq(
		sqlite3_exec(db, "PRAGMA cache_size=1; SELECT count(*) FROM kv", NULL, NULL, NULL),
		SQLITE_OK);
	unsigned char page[PAGE] = {1};
	put_bytes(copy_wal, page, PAGE, 32 + 5 * (PAGE + 24) + 24);
	ck_assert_int_eq(sqlite3_exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL),
		SQLITE_IOERR);
	ck_assert_int_eq(sqlite3_extended_errcode(db), SQLITE_IOERR_DATA);
	sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	sqlite3_close(db);
}
END_TEST

static uint32_t n_frames(const char *wal)
{
	return (uint32_t)((size_of(wal) - 32) / (PAGE + 24));
}

START_TEST(test_damaged_frames_are_not_recorded)
{
	char wal[200];
	fixture_open(&f);
	put_rows(5, 20000);
	wal_path(wal, sizeof(wal));
	uint32_t last = n_frames(wal);
	for (uint32_t frame = 2; frame <= last; frame++) {
		struct wal_pages w;
		struct page_set set = {0};
		off_t at = 32 + (off_t)(frame - 1) * (PAGE + 24) + 24 + rng() % PAGE;
		unsigned char byte;
		get_bytes(wal, &byte, 1, at);
		ck_assert_int_eq(wal_pages_open(&w, &disk_system, wal, NEW_ERR), 1);
		ck_ok(wal_pages_add(&w, frame, last, &set, NEW_ERR));
		byte ^= 4;
		put_bytes(wal, &byte, 1, at);
		ck_assert_int_eq(wal_pages_add(&w, frame, last, &set, NEW_ERR), -EIO);
		byte ^= 4;
		put_bytes(wal, &byte, 1, at);
		page_set_finish(&set);
		wal_pages_close(&w);
	}
}
END_TEST

/* ---- at random ---- */

/* Kill -9: database and log as they are, opened elsewhere. */
static void check_recovery(void)
{
	char command[1000];
	struct fixture copy;
	fixture_init(&copy, STORE_SYNC_CLOSE);
	copy.config.vfs = f.config.vfs;
	snprintf(command, sizeof(command), "cp '%s' '%s' && cp '%s-wal' '%s-wal'", f.path,
		copy.path, f.path, copy.path);
	ck_assert_int_eq(system(command), 0);
	fixture_open(&copy);
	ck_assert_int_eq(fixture_count(copy.s), fixture_count(f.s));
	fixture_close(&copy);
	is_whole(copy.path);
	fixture_end(&copy);
}

static int drop_rows(struct store_txn *t, void *arg, struct err *err)
{
	(void)arg;
	return sqlite3_exec(store_txn_db(t), "DELETE FROM kv WHERE abs(random()) % 4 = 0", NULL,
		       NULL, NULL) == SQLITE_OK
		       ? 0
		       : store_sql_error(store_txn_db(t), NULL, err);
}

static void vacuum_closed(void)
{
	fixture_close(&f);
	run(f.path, f.config.vfs, "VACUUM");
	is_whole(f.path);
	fixture_open(&f);
}

START_TEST(test_nothing_sound_is_called_damaged)
{
	uint64_t before = checksum_failures();
	fixture_open(&f);
	for (int i = 0; i < 150; i++) {
		put_rows(1 + rng() % 20, (size_t)(rng() % 3 == 0 ? rng() % 60000 : rng() % 500));
		switch (rng() % 12) {
		case 0: ck_ok(store_write(f.s, NULL, 0, drop_rows, NULL, NEW_ERR)); break;
		case 1:
			fixture_close(&f);
			is_whole(f.path);
			fixture_open(&f);
			break;
		case 2: check_recovery(); break;
		case 3: vacuum_closed(); break;
		case 4: ck_ok(checksum_verify_file(f.path, NULL, NEW_ERR)); break;
		default: break;
		}
	}
	fixture_close(&f);
	is_whole(f.path);
	ck_assert_uint_eq(checksum_failures(), before);
}
END_TEST

/* As another process sees it. */
static bool is_locked(const char *path)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
		int fd = open(path, O_RDWR);
		_exit(fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK);
	}
	waitpid(pid, &status, 0);
	return WEXITSTATUS(status) == 1;
}

static _Atomic bool done;

static void *scan_all_the_time(void *arg)
{
	unsigned *n = arg;
	while (!atomic_load(&done)) {
		ck_ok(checksum_verify_file(f.path, NULL, NEW_ERR));
		++*n;
	}
	return NULL;
}

START_TEST(test_scan_beside_writers)
{
	pthread_t thread;
	unsigned n = 0;
	fixture_open(&f);
	put_rows(20, 300);
	atomic_store(&done, false);
	ck_assert_int_eq(pthread_create(&thread, NULL, scan_all_the_time, &n), 0);
	for (int i = 0; i < 15; i++) {
		put_rows(60, 20000); /* checkpoints by the way */
	}
	atomic_store(&done, true);
	pthread_join(thread, NULL);
	ck_assert_uint_gt(n, 0);
	ck_assert(is_locked(f.path)); /* the scan has not cost the store its lock */
}
END_TEST

int main(void)
{
	/* What a disk makes durable is not looked at here. */
	if (access("/dev/shm", W_OK) == 0) {
		setenv("TMPDIR", "/dev/shm", 1);
	}
	log_set_stderr(false);
	Suite *suite = suite_create("checksum");
	TCase *tc = tcase_create("checksum");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_every_changed_bit_shows);
	tcase_add_test(tc, test_new_database_is_sealed_and_ordinary);
	tcase_add_loop_test(tc, test_each_damaged_page_is_found, 0, N_DAMAGES);
	tcase_add_test(tc, test_damaged_first_page_is_found);
	tcase_add_test(tc, test_store_says_which_file_is_damaged);
	tcase_add_test(tc, test_cut_file_is_found);
	tcase_add_test(tc, test_file_without_room_is_left_alone);
	tcase_add_loop_test(tc, test_vacuum_seals_a_plain_file, 0, 2);
	tcase_add_test(tc, test_vacuum_into_is_sealed);
	tcase_add_test(tc, test_pages_left_out_are_no_damage);
	tcase_add_test(tc, test_copy_of_a_store_is_sealed);
	tcase_add_test(tc, test_damaged_log_is_found_and_not_moved);
	tcase_add_test(tc, test_recovered_log_is_verified);
	tcase_add_test(tc, test_damaged_frames_are_not_recorded);
	tcase_add_test(tc, test_nothing_sound_is_called_damaged);
	tcase_add_test(tc, test_scan_beside_writers);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
