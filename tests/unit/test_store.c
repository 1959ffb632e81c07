/* What store.h promises, one thread at a time. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/fixture.h"
#include "tests/unit/store_fixture.h"

static struct fixture f;

static void setup(void)
{
	fixture_init(&f, STORE_SYNC_CLOSE);
}

static void setup_interval(void)
{
	fixture_init(&f, STORE_SYNC_INTERVAL);
}

static void teardown(void)
{
	fixture_end(&f);
}

/* ---- opening ---- */

START_TEST(test_create_makes_a_database_with_its_marks)
{
	fixture_open(&f);
	ck_assert_uint_gt(store_bytes(f.s), 0);
	fixture_close(&f);
	ck_assert_int_eq(fixture_files(&f), 1);
	ck_assert_int_eq(fixture_query(f.path, "PRAGMA application_id"), FIXTURE_APP_ID);
	ck_assert_int_eq(fixture_query(f.path, "PRAGMA user_version"), 3);
	ck_assert_int_eq(fixture_query(f.path, "PRAGMA page_size"), 4096);
	ck_assert_int_eq(fixture_query(f.path, "PRAGMA auto_vacuum"), 0);
	struct stat st;
	ck_assert_int_eq(stat(f.path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
}
END_TEST

START_TEST(test_missing_file_is_ENOENT_unless_created)
{
	struct err err = {0};
	f.config.create = false;
	ck_assert_int_eq(store_open(&f.config, &f.s, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "table T: there is no "));
	f.config.create = true;
	f.config.read_only = true;
	err_clear(&err);
	ck_assert_int_eq(store_open(&f.config, &f.s, &err), -ENOENT);
	ck_assert_int_eq(fixture_files(&f), 0);
}
END_TEST

START_TEST(test_create_in_a_missing_directory_is_ENOENT)
{
	struct err err = {0};
	f.config.path = "/nonexistent-dbmount/x.db";
	ck_assert_int_eq(store_open(&f.config, &f.s, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "/nonexistent-dbmount/x.db cannot be created"));
}
END_TEST

START_TEST(test_bad_schema_leaves_no_file)
{
	struct err err = {0};
	f.config.schema = "CREATE TABLE kv(k); CREATE NONSENSE;";
	ck_assert_int_eq(store_open(&f.config, &f.s, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "syntax error"));
	ck_assert_int_eq(fixture_files(&f), 0);
}
END_TEST

START_TEST(test_log_without_its_database_is_kept)
{
	char wal[256];
	snprintf(wal, sizeof(wal), "%s-wal", f.path);
	int fd = open(wal, O_CREAT | O_WRONLY, 0600);
	ck_assert_int_eq(write(fd, "frames", 6), 6);
	close(fd);
	struct err err = {0};
	ck_assert_int_eq(store_open(&f.config, &f.s, &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "is missing while its log"));
	ck_assert_int_eq(fixture_files(&f), 1);
}
END_TEST

START_TEST(test_relative_path_that_looks_special)
{
	ck_assert_int_eq(chdir(f.dir), 0);
	f.config.path = ":memory:";
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	fixture_close(&f);
	ck_assert_int_eq(access(":memory:", F_OK), 0);
}
END_TEST

/* ---- writing and reading ---- */

START_TEST(test_a_write_is_read_and_kept)
{
	struct err err = {0};
	fixture_open(&f);
	ck_assert_int_eq(fixture_get(f.s, "k", &err), -1);
	ck_ok(fixture_put(f.s, "k", 42, 10000, NEW_ERR));
	ck_assert_int_eq(fixture_get(f.s, "k", &err), 42);
	fixture_close(&f);
	ck_assert_int_eq(fixture_files(&f), 1);
	fixture_open(&f);
	ck_assert_int_eq(fixture_get(f.s, "k", &err), 42);
}
END_TEST

START_TEST(test_reader_keeps_its_moment)
{
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "a", 1, 0, NEW_ERR));
	struct store_reader *r;
	struct err err = {0};
	ck_assert_int_eq(store_read_begin(f.s, STORE_ALL_KEYS, &r, &err), 0);
	sqlite3_stmt *stmt = store_reader_stmt(r, FX_COUNT, &err);
	ck_assert_int_eq(store_step(stmt, &err), 1);
	ck_assert_int_eq(sqlite3_column_int64(stmt, 0), 1);
	ck_ok(fixture_put(f.s, "b", 2, 0, NEW_ERR));
	stmt = store_reader_stmt(r, FX_COUNT, &err);
	ck_assert_int_eq(store_step(stmt, &err), 1);
	ck_assert_int_eq(sqlite3_column_int64(stmt, 0), 1);
	ck_assert_int_eq(fixture_count(f.s), 2);
	store_read_end(r);
	ck_assert_int_eq(fixture_count(f.s), 2);
}
END_TEST

START_TEST(test_readers_are_reused_last_first)
{
	struct store_reader *a;
	struct store_reader *b;
	struct store_reader *c;
	fixture_open(&f);
	ck_ok(store_read_begin(f.s, 1, &a, NEW_ERR));
	ck_ok(store_read_begin(f.s, 1, &b, NEW_ERR));
	ck_assert_ptr_ne(a, b);
	store_read_end(a);
	store_read_end(b);
	ck_ok(store_read_begin(f.s, 1, &c, NEW_ERR));
	ck_assert_ptr_eq(c, b);
	store_read_end(c);
}
END_TEST

START_TEST(test_many_readers_at_once)
{
	struct store_reader *r[40];
	fixture_open(&f);
	for (int i = 0; i < 40; i++) {
		ck_ok(store_read_begin(f.s, 1, &r[i], NEW_ERR));
	}
	for (int i = 0; i < 40; i++) {
		store_read_end(r[i]);
	}
	ck_assert_int_eq(fixture_count(f.s), 0);
}
END_TEST

START_TEST(test_statement_comes_without_bindings)
{
	struct store_reader *r;
	struct err err = {0};
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	ck_ok(store_read_begin(f.s, STORE_ALL_KEYS, &r, NEW_ERR));
	sqlite3_stmt *stmt = store_reader_stmt(r, FX_GET, &err);
	store_bind_slice(stmt, 1, slice_of("k"));
	ck_assert_int_eq(store_step(stmt, &err), 1);
	ck_assert_ptr_eq(store_reader_stmt(r, FX_GET, &err), stmt);
	ck_assert_int_eq(store_step(stmt, &err), 0);
	store_read_end(r);
}
END_TEST

START_TEST(test_bad_statement_is_an_error)
{
	struct store_reader *r;
	struct err err = {0};
	fixture_open(&f);
	ck_ok(store_read_begin(f.s, STORE_ALL_KEYS, &r, NEW_ERR));
	ck_assert_ptr_null(store_reader_stmt(r, FX_BROKEN, &err));
	ck_assert_str_eq(err.msg, "table T: no such table: nowhere");
	ck_assert_int_eq(err.code, EIO);
	store_read_end(r);
}
END_TEST

static int n_slots_freed;

static void finalize_slot(void *slot)
{
	ck_assert_int_eq(sqlite3_finalize(slot), SQLITE_OK);
	n_slots_freed++;
}

static void fill_slot(sqlite3 *db, void **slot)
{
	if (*slot == NULL) {
		sqlite3_stmt *stmt;
		ck_assert_int_eq(sqlite3_prepare_v2(db, "SELECT count(*) FROM kv", -1, &stmt, NULL),
			SQLITE_OK);
		*slot = stmt;
	}
	ck_assert_int_eq(sqlite3_step(*slot), SQLITE_ROW);
	ck_assert_int_eq(sqlite3_reset(*slot), SQLITE_OK);
}

static int fill_txn_slot(struct store_txn *t, void *arg, struct err *err)
{
	(void)arg;
	(void)err;
	fill_slot(store_txn_db(t), store_txn_slot(t));
	return 0;
}

START_TEST(test_slot_lives_as_long_as_its_connection)
{
	enum { N = 20 };
	struct store_reader *r[N];
	n_slots_freed = 0;
	f.config.slot_free = finalize_slot;
	fixture_open(&f);
	for (int i = 0; i < N; i++) {
		ck_ok(store_read_begin(f.s, 1, &r[i], NEW_ERR));
		fill_slot(store_reader_db(r[i]), store_reader_slot(r[i]));
	}
	for (int i = 0; i < N; i++) {
		store_read_end(r[i]);
	}
	int closed = n_slots_freed; /* those the pool had no place for */
	ck_ok(store_read_begin(f.s, 1, &r[0], NEW_ERR));
	ck_assert_ptr_nonnull(*store_reader_slot(r[0]));
	store_read_end(r[0]);
	ck_ok(store_write(f.s, NULL, 0, fill_txn_slot, NULL, NEW_ERR));
	ck_ok(store_write(f.s, NULL, 0, fill_txn_slot, NULL, NEW_ERR));
	ck_assert_int_eq(n_slots_freed, closed);
	fixture_close(&f);
	ck_assert_int_eq(n_slots_freed, N + 1);
}
END_TEST

static int write_through_reader(struct store *s, struct err *err)
{
	struct store_reader *r;
	int rc = store_read_begin(s, STORE_ALL_KEYS, &r, err);
	if (rc == 0) {
		sqlite3_stmt *stmt = store_reader_stmt(r, FX_INSERT, err);
		store_bind_slice(stmt, 1, slice_of("k"));
		sqlite3_bind_int(stmt, 2, 1);
		rc = store_step(stmt, err);
		store_read_end(r);
	}
	return rc;
}

START_TEST(test_readers_cannot_write)
{
	struct err err = {0};
	fixture_open(&f);
	ck_assert_int_eq(write_through_reader(f.s, &err), -EROFS);
}
END_TEST

/* ---- failing writes ---- */

static int write_text(store_fn *fn, const char *text, struct err *err)
{
	char copy[128];
	snprintf(copy, sizeof(copy), "%s", text);
	return store_write(f.s, NULL, 0, fn, copy, err);
}

static int insert_twice(struct store_txn *t, void *arg, struct err *err)
{
	for (int i = 0; i < 2; i++) {
		sqlite3_stmt *stmt = store_txn_stmt(t, FX_INSERT, err);
		store_bind_slice(stmt, 1, slice_of(arg));
		sqlite3_bind_int(stmt, 2, 1);
		int rc = store_step(stmt, err);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

static int put_then_refuse(struct store_txn *t, void *arg, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, FX_INSERT, err);
	store_bind_slice(stmt, 1, slice_of(arg));
	sqlite3_bind_int(stmt, 2, 1);
	ck_assert_int_eq(store_step(stmt, err), 0);
	return err_set(err, EBUSY, "the item changed");
}

static int use_bad_statement(struct store_txn *t, void *arg, struct err *err)
{
	(void)arg;
	return store_txn_stmt(t, FX_BROKEN, err) != NULL ? 0 : -err->code;
}

static int fail_silently(struct store_txn *t, void *arg, struct err *err)
{
	(void)t;
	(void)arg;
	(void)err;
	return -EDOM;
}

static int leave_cursor_open(struct store_txn *t, void *arg, struct err *err)
{
	(void)arg;
	sqlite3_stmt *stmt = store_txn_stmt(t, FX_GET, err);
	store_bind_slice(stmt, 1, slice_of("k"));
	return store_step(stmt, err) == 1 ? 0 : err_set(err, ENOENT, "no k");
}

START_TEST(test_a_failing_write_is_undone)
{
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	struct err err = {0};
	ck_assert_int_eq(write_text(insert_twice, "x", &err), -EEXIST);
	ck_assert_ptr_nonnull(strstr(err.msg, "UNIQUE constraint failed: kv.k"));
	err_clear(&err);
	ck_assert_int_eq(write_text(put_then_refuse, "x", &err), -EBUSY);
	ck_assert_str_eq(err.msg, "the item changed");
	err_clear(&err);
	ck_assert_int_eq(store_write(f.s, NULL, 0, use_bad_statement, NULL, &err), -EIO);
	err_clear(&err);
	ck_assert_int_eq(store_write(f.s, NULL, 0, fail_silently, NULL, &err), -EDOM);
	ck_assert_str_eq(err.msg, "table T: the write was refused");
	ck_assert_int_eq(write_text(put_then_refuse, "x", NULL), -EBUSY);
	ck_ok(store_write(f.s, NULL, 0, leave_cursor_open, NULL, NEW_ERR));
	ck_ok(fixture_put(f.s, "l", 1, 0, NEW_ERR));
	ck_assert_int_eq(fixture_count(f.s), 2);
}
END_TEST

static int plain_text(store_fn *fn, const char *text, struct err *err)
{
	char copy[128];
	snprintf(copy, sizeof(copy), "%s", text);
	return store_write_plain(f.s, NULL, 0, fn, copy, err);
}

static int insert_once(struct store_txn *t, void *arg, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, FX_INSERT, err);
	store_bind_slice(stmt, 1, slice_of(arg));
	sqlite3_bind_int(stmt, 2, 1);
	return store_step(stmt, err);
}

START_TEST(test_a_plain_write_that_fails_early_leaves_the_others)
{
	struct err err = {0};
	fixture_open(&f);
	for (int i = 0; i < 50; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k%d", i);
		ck_ok(plain_text(insert_once, key, NEW_ERR));
		ck_assert_int_eq(plain_text(insert_once, key, &err), -EEXIST);
		err_clear(&err);
		ck_assert_int_eq(store_write_plain(f.s, NULL, 0, fail_silently, NULL, &err), -EDOM);
		err_clear(&err);
	}
	ck_ok(store_sync(f.s, NEW_ERR));
	ck_assert_int_eq(fixture_count(f.s), 50);
}
END_TEST

/* Every third is refused. */
START_TEST(test_each_of_several_writes_has_its_own_outcome)
{
	enum { N = 30 };
	struct store_each each[N];
	struct err errs[N] = {0};
	char keys[N][16];
	fixture_open(&f);
	uint64_t before = store_sequence(f.s);
	for (int i = 0; i < N; i++) {
		snprintf(keys[i], sizeof(keys[i]), "k%d", i);
		each[i] = (struct store_each){.fn = i % 3 == 2 ? fail_silently : insert_once,
			.arg = keys[i],
			.err = &errs[i]};
	}
	store_write_each(f.s, each, N);
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(each[i].result, i % 3 == 2 ? -EDOM : 0);
		ck_assert_int_eq(fixture_get(f.s, keys[i], NEW_ERR), i % 3 == 2 ? -1 : 1);
	}
	if (f.config.sync == STORE_SYNC_CLOSE) { /* and the mark that the session began */
		ck_assert_uint_le(store_sequence(f.s), before + 2);
	}
	ck_ok(store_sync(f.s, NEW_ERR));
	ck_assert_int_eq(fixture_count(f.s), N - N / 3);
}
END_TEST

START_TEST(test_several_writes_to_a_read_only_store)
{
	struct err errs[2] = {0};
	struct store_each each[2] = {
		{.fn = fail_silently, .err = &errs[0]}, {.fn = fail_silently, .err = &errs[1]}};
	fixture_open(&f);
	fixture_close(&f);
	f.config.read_only = true;
	fixture_open(&f);
	store_write_each(f.s, each, 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(each[i].result, -EROFS);
		ck_assert_int_eq(errs[i].code, EROFS);
	}
}
END_TEST

START_TEST(test_a_plain_write_that_fails_late_is_undone)
{
	struct err err = {0};
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	ck_assert_int_eq(plain_text(put_then_refuse, "x", &err), -EBUSY);
	ck_ok(fixture_put(f.s, "l", 1, 0, NEW_ERR));
	ck_assert_int_eq(fixture_count(f.s), 2);
}
END_TEST

/* Nothing is lost with it, so nobody is told of a loss. */
START_TEST(test_interval_plain_write_that_fails_late_alone)
{
	struct err err = {0};
	fixture_open(&f);
	for (int i = 0; i < 3; i++) {
		ck_ok(fixture_put(f.s, "k", i, 0, NEW_ERR));
		ck_ok(store_sync(f.s, NEW_ERR));
		ck_assert_int_eq(plain_text(put_then_refuse, "x", &err), -EBUSY);
		err_clear(&err);
		ck_ok(store_sync(f.s, NEW_ERR));
		ck_assert_int_eq(fixture_get(f.s, "k", NEW_ERR), i);
	}
}
END_TEST

/* Whoever is lost with it is told. */
START_TEST(test_interval_plain_write_that_fails_late)
{
	bool lost = false;
	fixture_open(&f);
	for (int i = 0; i < 100 && !lost; i++) {
		struct err err = {0};
		char key[16];
		snprintf(key, sizeof(key), "k%d", i);
		ck_ok(fixture_put(f.s, key, i, 0, NEW_ERR));
		ck_assert_int_eq(plain_text(put_then_refuse, "x", &err), -EBUSY);
		err_clear(&err);
		lost = fixture_get(f.s, key, &err) == -1;
		ck_assert_int_eq(store_sync(f.s, &err), lost ? -EBUSY : 0);
		ck_assert_int_eq(fixture_get(f.s, "x", &(struct err){0}), -1);
	}
	ck_assert(lost);
}
END_TEST

/* ---- notes ---- */

struct note {
	int n;
	int refuse;
};

static int count_note(struct store_txn *t, void *arg, struct err *err)
{
	struct note *mine = arg;
	int *n = store_txn_notes(t);
	mine->n = ++*n;
	return mine->refuse ? err_set(err, EBUSY, "no") : 0;
}

static int save_note(struct store_txn *t, struct err *err)
{
	const int *n = store_txn_notes(t);
	sqlite3_stmt *stmt = store_txn_stmt(t, FX_PUT, err);
	store_bind_slice(stmt, 1, slice_of("note"));
	sqlite3_bind_int(stmt, 2, *n);
	return store_step(stmt, err);
}

static int refuse_commit(struct store_txn *t, struct err *err)
{
	(void)t;
	return err_set(err, ENOSPC, "the notes do not fit");
}

START_TEST(test_interval_notes_are_saved_with_their_transaction)
{
	struct note note = {0};
	struct note refused = {.refuse = 1};
	int most = 0;
	f.config.before_commit = save_note;
	fixture_open(&f);
	for (int i = 0; i < 200; i++) {
		struct err err = {0};
		ck_ok(store_write(f.s, NULL, 0, count_note, &note, NEW_ERR));
		ck_assert_int_eq(store_write(f.s, NULL, 0, count_note, &refused, &err), -EBUSY);
		err_clear(&err);
		ck_assert_int_eq(
			store_write_plain(f.s, NULL, 0, count_note, &refused, &err), -EBUSY);
		most = note.n > most ? note.n : most;
	}
	ck_assert_int_gt(most, 1);
	ck_assert_int_le(most, 200);
	ck_assert_int_eq(fixture_get(f.s, "note", NEW_ERR), note.n);
}
END_TEST

START_TEST(test_notes_that_cannot_be_saved_fail_the_commit)
{
	struct err err = {0};
	f.config.before_commit = refuse_commit;
	fixture_open(&f);
	ck_assert_int_eq(fixture_put(f.s, "k", 1, 0, &err), -ENOSPC);
	ck_assert_str_eq(err.msg, "the notes do not fit");
	err_clear(&err);
	ck_assert_int_eq(fixture_get(f.s, "k", &err), -1);
}
END_TEST

/* ---- what was read still stands ---- */

static uint64_t sequence_of(const char *key)
{
	struct store_reader *r;
	ck_ok(store_read_begin(f.s, store_key_hash(slice_of(key), slice_of("")), &r, NEW_ERR));
	uint64_t sequence = store_reader_sequence(r);
	store_read_end(r);
	return sequence;
}

static bool is_current(const char *key, uint64_t sequence)
{
	return store_is_current(f.s, store_key_hash(slice_of(key), slice_of("")), sequence);
}

START_TEST(test_current_until_a_commit)
{
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	uint64_t sequence = sequence_of("k");
	ck_assert(is_current("k", sequence));
	ck_ok(fixture_put(f.s, "k", 2, 0, NEW_ERR));
	ck_assert(!is_current("k", sequence));
}
END_TEST

START_TEST(test_interval_current_until_its_key_is_written)
{
	fixture_open(&f);
	for (int i = 0; i < 100; i++) {
		uint64_t sequence = sequence_of("k");
		ck_ok(fixture_put(f.s, "other", i, 0, NEW_ERR));
		ck_ok(fixture_put(f.s, "k", i, 0, NEW_ERR));
		ck_assert(!is_current("k", sequence));
	}
}
END_TEST

static int run_ddl(struct store_txn *t, void *arg, struct err *err)
{
	sqlite3 *db = store_txn_db(t);
	return sqlite3_exec(db, arg, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : store_sql_error(db, "altering", err);
}

START_TEST(test_ddl_reaches_prepared_statements)
{
	struct err err = {0};
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	ck_assert_int_eq(fixture_get(f.s, "k", &err), 1);
	ck_ok(write_text(run_ddl, "ALTER TABLE kv ADD COLUMN extra", NEW_ERR));
	ck_assert_int_eq(fixture_get(f.s, "k", &err), 1);
	ck_ok(fixture_put(f.s, "k", 2, 0, NEW_ERR));
	ck_assert_int_eq(write_text(run_ddl, "nonsense", &err), -EIO);
	ck_assert_ptr_nonnull(strstr(err.msg, "altering: near \"nonsense\""));
}
END_TEST

START_TEST(test_function_that_commits_is_an_error)
{
	struct err err = {0};
	fixture_open(&f);
	ck_assert_int_lt(write_text(run_ddl, "COMMIT", &err), 0);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	err_clear(&err);
	ck_assert_int_lt(write_text(run_ddl, "ROLLBACK", &err), 0);
	ck_ok(fixture_put(f.s, "k", 2, 0, NEW_ERR));
}
END_TEST

START_TEST(test_foreign_lock_is_EBUSY_and_passes)
{
	sqlite3 *db = NULL;
	struct err err = {0};
	fixture_open(&f);
	ck_assert_int_eq(sqlite3_open(f.path, &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(fixture_put(f.s, "k", 1, 0, &err), -EBUSY);
	ck_assert_ptr_nonnull(strstr(err.msg, "database is locked"));
	sqlite3_close(db);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
}
END_TEST

/* Another process that reads the file each time it is asked, and answers with
 * SQLite's result code. Begun before the store: it must not inherit what SQLite
 * knows of the file. */
static int elsewhere[2];

static int read_file(void)
{
	sqlite3 *db = NULL;
	int rc = sqlite3_open(f.path, &db);
	if (rc == SQLITE_OK) {
		rc = sqlite3_exec(db, "SELECT count(*) FROM kv", NULL, NULL, NULL);
	}
	sqlite3_close(db);
	return rc;
}

static void begin_elsewhere(void)
{
	char c;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, elsewhere), 0);
	if (fork() == 0) {
		close(elsewhere[0]);
		while (read(elsewhere[1], &c, 1) == 1) {
			c = (char)read_file();
			if (write(elsewhere[1], &c, 1) != 1) {
				break;
			}
		}
		_exit(0);
	}
	close(elsewhere[1]);
}

static int read_elsewhere(void)
{
	char c = 0;
	ck_assert_int_eq(write(elsewhere[0], &c, 1), 1);
	ck_assert_int_eq(read(elsewhere[0], &c, 1), 1);
	return c;
}

START_TEST(test_file_is_one_process_s_own)
{
	begin_elsewhere();
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	ck_assert_int_eq(read_elsewhere(), SQLITE_BUSY);
	ck_assert_int_eq(fixture_get(f.s, "k", NEW_ERR), 1);
	ck_assert_int_eq(read_elsewhere(), SQLITE_BUSY);
	ck_assert(!fixture_has(&f, "-shm"));
	fixture_close(&f);
	ck_assert_int_eq(read_elsewhere(), SQLITE_OK);
	close(elsewhere[0]);
}
END_TEST

START_TEST(test_file_is_shared_when_asked)
{
	begin_elsewhere();
	f.config.vfs = "unix";
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	ck_assert_int_eq(read_elsewhere(), SQLITE_OK);
	ck_assert_int_eq(fixture_get(f.s, "k", NEW_ERR), 1);
	close(elsewhere[0]);
}
END_TEST

/* Of a daemon that shared the file and was killed. */
START_TEST(test_old_index_is_harmless)
{
	char shm[256];
	snprintf(shm, sizeof(shm), "%s-shm", f.path);
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	fixture_close(&f);
	FILE *file = fopen(shm, "w");
	for (int i = 0; i < 32768; i++) {
		fputc(0x5a, file);
	}
	fclose(file);
	fixture_open(&f);
	ck_assert_int_eq(fixture_get(f.s, "k", NEW_ERR), 1);
	ck_ok(fixture_put(f.s, "k", 2, 0, NEW_ERR));
	fixture_close(&f);
	ck_assert_int_eq(fixture_query(f.path, "SELECT v FROM kv"), 2);
}
END_TEST

/* ---- read-only ---- */

START_TEST(test_read_only_leaves_no_trace)
{
	struct err err = {0};
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 7, 0, NEW_ERR));
	fixture_close(&f);
	f.config.read_only = true;
	fixture_open(&f);
	ck_assert_int_eq(fixture_get(f.s, "k", &err), 7);
	ck_assert_int_eq(fixture_put(f.s, "k", 8, 0, &err), -EROFS);
	ck_assert_str_eq(err.msg, "table T is read-only");
	ck_ok(store_sync(f.s, NEW_ERR));
	ck_assert_int_eq(fixture_files(&f), 1);
}
END_TEST

/* ---- versions and times ---- */

struct stamp {
	uint64_t version;
	int64_t time;
	bool fail;
};

static int take_stamp(struct store_txn *t, void *arg, struct err *err)
{
	struct stamp *s = arg;
	s->version = store_txn_version(t);
	s->time = store_txn_time(t);
	return s->fail ? err_set(err, EBUSY, "no") : 0;
}

START_TEST(test_versions_and_times_only_grow)
{
	struct stamp last = {0};
	for (int round = 0; round < 4; round++) {
		fixture_open(&f);
		for (int i = 0; i < 50; i++) {
			struct stamp s = {.fail = i % 7 == 3};
			store_write(f.s, NULL, 0, take_stamp, &s, NULL);
			ck_assert_uint_gt(s.version, last.version);
			ck_assert_int_gt(s.time, last.time);
			last = s;
		}
		fixture_close(&f);
	}
	/* Cleanly closed, nothing is skipped. */
	ck_assert_uint_eq(last.version, 200);
}
END_TEST

static int use_up_versions(struct store_txn *t, void *arg, struct err *err)
{
	(void)err;
	uint64_t *last = arg;
	for (int i = 0; i < 3 << 20; i++) {
		*last = store_txn_version(t);
	}
	return 0;
}

START_TEST(test_more_versions_in_a_write_than_are_reserved)
{
	uint64_t last = 0;
	struct stamp s = {0};
	fixture_open(&f);
	ck_ok(store_write(f.s, NULL, 0, use_up_versions, &last, NEW_ERR));
	ck_assert_int_gt(
		fixture_query(f.path, "SELECT version FROM _dbmount_store"), (int64_t)last);
	fixture_close(&f);
	fixture_open(&f);
	ck_ok(store_write(f.s, NULL, 0, take_stamp, &s, NEW_ERR));
	ck_assert_uint_eq(s.version, last + 1);
}
END_TEST

START_TEST(test_clean_mark_follows_the_session)
{
	fixture_open(&f);
	ck_assert_int_eq(fixture_query(f.path, "SELECT clean FROM _dbmount_store"), 1);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	ck_assert_int_eq(fixture_query(f.path, "SELECT clean FROM _dbmount_store"), 0);
	fixture_close(&f);
	ck_assert_int_eq(fixture_query(f.path, "SELECT clean FROM _dbmount_store"), 1);
}
END_TEST

START_TEST(test_sequence_moves_with_commits_only)
{
	fixture_open(&f);
	ck_assert_uint_eq(store_sequence(f.s), 0);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	uint64_t before = store_sequence(f.s);
	ck_assert_uint_gt(before, 0);
	fixture_count(f.s);
	ck_assert_uint_eq(store_sequence(f.s), before);
	ck_ok(fixture_put(f.s, "k", 2, 0, NEW_ERR));
	ck_assert_uint_eq(store_sequence(f.s), before + 1);
}
END_TEST

START_TEST(test_a_refused_write_alone_is_no_commit)
{
	struct err err = {0};
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 1, 0, NEW_ERR));
	uint64_t before = store_sequence(f.s);
	ck_assert_int_eq(write_text(put_then_refuse, "x", &err), -EBUSY);
	ck_assert_uint_eq(store_sequence(f.s), before);
	ck_ok(fixture_put(f.s, "k", 2, 0, NEW_ERR));
	ck_assert_uint_eq(store_sequence(f.s), before + 1);
}
END_TEST

/* ---- interval ---- */

START_TEST(test_interval_gathers_writes_and_shows_them)
{
	struct err err = {0};
	fixture_open(&f);
	for (int i = 0; i < 100; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k%d", i);
		ck_ok(fixture_put(f.s, key, i, 0, NEW_ERR));
	}
	ck_assert_int_eq(fixture_get(f.s, "k99", &err), 99);
	ck_assert_int_eq(fixture_count(f.s), 100);
	ck_assert_uint_lt(store_sequence(f.s), 60);
	for (int i = 0; i < 50; i++) {
		ck_ok(fixture_put(f.s, "k", i, 0, NEW_ERR));
		ck_assert_int_eq(fixture_get(f.s, "k", &err), i);
	}
}
END_TEST

START_TEST(test_interval_write_of_anything_is_waited_for)
{
	struct err err = {0};
	fixture_open(&f);
	for (int i = 0; i < 20; i++) {
		char key[16];
		snprintf(key, sizeof(key), "x%d", i);
		ck_assert_int_eq(store_write(f.s, NULL, 0, insert_twice, key, &err), -EEXIST);
		char sql[64];
		snprintf(sql, sizeof(sql), "INSERT INTO kv(k, v) VALUES (x'%02x', %d)", i, i);
		ck_ok(store_write(f.s, NULL, 0, run_ddl, sql, NEW_ERR));
		char k[2] = {(char)i, 0};
		if (i > 0) {
			ck_assert_int_eq(fixture_get(f.s, k, &err), i);
		}
	}
}
END_TEST

START_TEST(test_interval_many_keys_in_one_write)
{
	uint64_t keys[900];
	char sql[] = "INSERT INTO kv(k, v) VALUES (x'61', 5)";
	struct err err = {0};
	for (unsigned i = 0; i < 900; i++) {
		keys[i] = i + 1;
	}
	fixture_open(&f);
	ck_ok(store_write(f.s, keys, 900, run_ddl, sql, NEW_ERR));
	ck_assert_int_eq(fixture_get(f.s, "a", &err), 5);
}
END_TEST

START_TEST(test_interval_close_commits)
{
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "k", 9, 0, NEW_ERR));
	fixture_close(&f);
	ck_assert_int_eq(fixture_query(f.path, "SELECT v FROM kv"), 9);
}
END_TEST

/* ---- copies ---- */

static void note_progress(void *arg, uint64_t done, uint64_t total)
{
	uint64_t *last = arg;
	ck_assert_uint_le(done, total);
	ck_assert_uint_ge(done, last[0]);
	last[0] = done;
	last[1] = total;
}

START_TEST(test_copy_is_complete_and_opens_read_only)
{
	char to[256];
	uint64_t progress[2] = {0};
	struct err err = {0};
	snprintf(to, sizeof(to), "%s/copy 1.db", f.dir);
	fixture_open(&f);
	for (int i = 0; i < 30; i++) {
		char key[16];
		snprintf(key, sizeof(key), "k%d", i);
		ck_ok(fixture_put(f.s, key, i, 100000, NEW_ERR));
	}
	ck_ok(store_copy(f.s, to, note_progress, progress, NEW_ERR));
	ck_assert_uint_gt(progress[1], 700);
	ck_assert_uint_eq(progress[0], progress[1]);
	ck_assert_int_eq(store_copy(f.s, to, NULL, NULL, &err), -EEXIST);
	fixture_close(&f);
	ck_assert_int_eq(fixture_files(&f), 2);

	f.config.path = to;
	f.config.read_only = true;
	fixture_open(&f);
	ck_assert_int_eq(fixture_count(f.s), 30);
	ck_assert_int_eq(fixture_get(f.s, "k29", &err), 29);
	char again[256];
	snprintf(again, sizeof(again), "%s/copy 2.db", f.dir);
	ck_ok(store_copy(f.s, again, NULL, NULL, NEW_ERR));
	fixture_close(&f);
	ck_assert_int_eq(fixture_files(&f), 3);

	/* And for writing: it becomes a store of its own. */
	f.config.path = again;
	f.config.read_only = false;
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "new", 1, 0, NEW_ERR));
	ck_assert_int_eq(fixture_count(f.s), 31);
}
END_TEST

START_TEST(test_copy_to_nowhere_fails)
{
	struct err err = {0};
	fixture_open(&f);
	ck_assert_int_eq(store_copy(f.s, "/nonexistent-dbmount/c", NULL, NULL, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "/nonexistent-dbmount/c cannot be created"));
}
END_TEST

/* ---- helpers ---- */

START_TEST(test_empty_blob_is_not_null)
{
	struct err err = {0};
	struct store_reader *r;
	fixture_open(&f);
	ck_ok(fixture_put(f.s, "", 3, 0, NEW_ERR));
	ck_assert_int_eq(fixture_get(f.s, "", &err), 3);
	ck_ok(store_read_begin(f.s, STORE_ALL_KEYS, &r, NEW_ERR));
	sqlite3_stmt *stmt = store_reader_stmt(r, FX_GET, &err);
	store_bind_slice(stmt, 1, slice_make(NULL, 0));
	ck_assert_int_eq(store_step(stmt, &err), 1);
	struct slice text = store_column_slice(stmt, 0);
	ck_assert(slice_is(text, "3"));
	store_read_end(r);
}
END_TEST

START_TEST(test_key_hash_separates)
{
	uint64_t a = store_key_hash(slice_of("ab"), slice_of("c"));
	ck_assert_uint_eq(a, store_key_hash(slice_of("ab"), slice_of("c")));
	ck_assert_uint_ne(a, store_key_hash(slice_of("a"), slice_of("bc")));
	ck_assert_uint_ne(a, store_key_hash(slice_of("abc"), slice_of("")));
	ck_assert_uint_ne(store_key_hash(slice_make(NULL, 0), slice_make("\0", 1)),
		store_key_hash(slice_make("\0", 1), slice_make(NULL, 0)));
	ck_assert_uint_ne(store_key_hash(slice_of("12345678a"), slice_of("")),
		store_key_hash(slice_of("12345678b"), slice_of("")));
}
END_TEST

START_TEST(test_close_of_nothing)
{
	store_close(NULL);
}
END_TEST

static Suite *suite(void)
{
	Suite *suite = suite_create("store");
	TCase *tc = tcase_create("store");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_create_makes_a_database_with_its_marks);
	tcase_add_test(tc, test_missing_file_is_ENOENT_unless_created);
	tcase_add_test(tc, test_create_in_a_missing_directory_is_ENOENT);
	tcase_add_test(tc, test_bad_schema_leaves_no_file);
	tcase_add_test(tc, test_log_without_its_database_is_kept);
	tcase_add_test(tc, test_relative_path_that_looks_special);
	tcase_add_test(tc, test_a_write_is_read_and_kept);
	tcase_add_test(tc, test_reader_keeps_its_moment);
	tcase_add_test(tc, test_readers_are_reused_last_first);
	tcase_add_test(tc, test_many_readers_at_once);
	tcase_add_test(tc, test_statement_comes_without_bindings);
	tcase_add_test(tc, test_bad_statement_is_an_error);
	tcase_add_test(tc, test_slot_lives_as_long_as_its_connection);
	tcase_add_test(tc, test_readers_cannot_write);
	tcase_add_test(tc, test_a_failing_write_is_undone);
	tcase_add_test(tc, test_each_of_several_writes_has_its_own_outcome);
	tcase_add_test(tc, test_several_writes_to_a_read_only_store);
	tcase_add_test(tc, test_a_plain_write_that_fails_late_is_undone);
	tcase_add_test(tc, test_notes_that_cannot_be_saved_fail_the_commit);
	tcase_add_test(tc, test_current_until_a_commit);
	tcase_add_test(tc, test_ddl_reaches_prepared_statements);
	tcase_add_test(tc, test_function_that_commits_is_an_error);
	tcase_add_test(tc, test_foreign_lock_is_EBUSY_and_passes);
	tcase_add_test(tc, test_file_is_one_process_s_own);
	tcase_add_test(tc, test_file_is_shared_when_asked);
	tcase_add_test(tc, test_old_index_is_harmless);
	tcase_add_test(tc, test_read_only_leaves_no_trace);
	tcase_add_test(tc, test_versions_and_times_only_grow);
	tcase_add_test(tc, test_more_versions_in_a_write_than_are_reserved);
	tcase_add_test(tc, test_clean_mark_follows_the_session);
	tcase_add_test(tc, test_sequence_moves_with_commits_only);
	tcase_add_test(tc, test_a_refused_write_alone_is_no_commit);
	tcase_add_test(tc, test_copy_is_complete_and_opens_read_only);
	tcase_add_test(tc, test_copy_to_nowhere_fails);
	tcase_add_test(tc, test_empty_blob_is_not_null);
	tcase_add_test(tc, test_key_hash_separates);
	tcase_add_test(tc, test_close_of_nothing);
	suite_add_tcase(suite, tc);

	TCase *interval = tcase_create("interval");
	tcase_add_checked_fixture(interval, setup_interval, teardown);
	tcase_set_timeout(interval, 60);
	tcase_add_test(interval, test_interval_gathers_writes_and_shows_them);
	tcase_add_test(interval, test_interval_write_of_anything_is_waited_for);
	tcase_add_test(interval, test_interval_many_keys_in_one_write);
	tcase_add_test(interval, test_each_of_several_writes_has_its_own_outcome);
	tcase_add_test(interval, test_interval_close_commits);
	tcase_add_test(interval, test_a_plain_write_that_fails_early_leaves_the_others);
	tcase_add_test(interval, test_interval_plain_write_that_fails_late);
	tcase_add_test(interval, test_interval_plain_write_that_fails_late_alone);
	tcase_add_test(interval, test_interval_notes_are_saved_with_their_transaction);
	tcase_add_test(interval, test_interval_current_until_its_key_is_written);
	suite_add_tcase(suite, interval);
	return suite;
}

int main(void)
{
	return run_suite(suite());
}
