/* DynamoDB on SQLite: a text that was read is kept; no later read may get it when
 * the item has changed, whichever way. Run under ThreadSanitizer too. */
#include "engines/dynamodb/dynamodb_sqlite.h"
#include "tests/unit/dynamodb_fixture.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define ITEM PATH("Users", "u1", "a")

/* ---- every way an item changes, n by n ---- */

static int write_as(const struct epath *path, unsigned form, const char *text, struct err *e)
{
	return OPS->write(ctx, path, form, slice_of(text), ENGINE_VERSION_ANY, NULL, e);
}

static int by_write(const char *n, struct err *e)
{
	char text[32];
	snprintf(text, sizeof(text), "{\"n\":%s}", n);
	return write_as(ITEM, DDB_PLAIN, text, e);
}

static int by_other_form(const char *n, struct err *e)
{
	char text[32];
	snprintf(text, sizeof(text), "{\"n\":{\"N\":\"%s\"}}", n);
	return write_as(ITEM, DDB_TYPED, text, e);
}

static int by_removal(const char *n, struct err *e)
{
	int rc = OPS->remove(ctx, ITEM, ENGINE_VERSION_ANY, e);
	return rc == 0 ? by_write(n, e) : rc;
}

static int beside(const char *n, struct err *e)
{
	char text[32];
	snprintf(text, sizeof(text), "{\"n\":%s}", n);
	return write_as(PATH("Users", "u2", "b"), DDB_PLAIN, text, e);
}

static int by_rename(const char *n, struct err *e)
{
	int rc = beside(n, e);
	return rc == 0 ? OPS->rename(ctx, PATH("Users", "u2", "b"), ITEM, 0, e) : rc;
}

static int by_exchange(const char *n, struct err *e)
{
	int rc = beside(n, e);
	return rc == 0 ? OPS->rename(ctx, PATH("Users", "u2", "b"), ITEM, RENAME_EXCHANGE, e) : rc;
}

static int by_import(const char *n, struct err *e)
{
	CLEANUP(buf_free) struct buf said = BUF_INIT;
	char row[64];
	void *sink;
	snprintf(row, sizeof(row), "{\"pk\":\"u1\",\"sk\":\"a\",\"n\":%s}", n);
	int rc = OPS->import_open(ctx, PATH("Users"), "upsert", "json", &sink, e);
	if (rc < 0) {
		return rc;
	}
	rc = OPS->import_feed(sink, slice_of(row), e);
	if (rc < 0) {
		OPS->import_abort(sink);
		return rc;
	}
	return OPS->import_finish(sink, &said, e);
}

static int by_table(const char *n, struct err *e)
{
	char text[32];
	snprintf(text, sizeof(text), "{\"n\":%s}", n);
	int rc = write_as(PATH("Others", "u1", "a"), DDB_PLAIN, text, e);
	return rc == 0 ? OPS->rename(ctx, PATH("Others"), PATH("Users"), RENAME_EXCHANGE, e) : rc;
}

typedef int change_fn(const char *n, struct err *e);
static change_fn *const changes[] = {
	by_write, by_other_form, by_removal, by_rename, by_exchange, by_import, by_table};
#define N_CHANGES (sizeof(changes) / sizeof(changes[0]))

static int change(unsigned i, struct err *e)
{
	char n[16];
	snprintf(n, sizeof(n), "%u", i);
	return changes[i % N_CHANGES](n, e);
}

/* What the item says; ENOENT. */
static int read_n(unsigned form, unsigned *n, struct err *e)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_info info;
	int rc = OPS->read(ctx, ITEM, form, &text, &info, e);
	if (rc < 0) {
		return rc;
	}
	if (info.size != text.n) {
		return err_set(e, EIO, "%zu bytes, its size is another", text.n);
	}
	const char *at = strstr(buf_cstr(&text), "\"n\":");
	*n = (unsigned)strtoul(at + 4 + strcspn(at + 4, "0123456789"), NULL, 10);
	return 0;
}

static void two_tables(enum store_sync sync)
{
	engine_down();
	config.sync = sync;
	engine_up();
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(OPS->mkdir(ctx, PATH("Others"), &err));
	OK(by_write("0", &err));
}

static const enum store_sync syncs[] = {STORE_SYNC_CLOSE, STORE_SYNC_FSYNC, STORE_SYNC_INTERVAL};

START_TEST(a_read_after_a_change_sees_it)
{
	two_tables(syncs[_i]);
	for (unsigned i = 1; i < 40 * N_CHANGES; i++) {
		unsigned n;
		OK(change(i, &err));
		for (unsigned again = 0; again < 4; again++) {
			OK(read_n(again % 2 ? DDB_TYPED : DDB_PLAIN, &n, &err));
			ck_assert_uint_eq(n, i);
		}
	}
	OK(OPS->remove(ctx, ITEM, ENGINE_VERSION_ANY, &err));
	unsigned n;
	FAILS(ENOENT, read_n(DDB_PLAIN, &n, &err));
}
END_TEST

START_TEST(an_item_of_a_table_made_anew_is_its_own)
{
	unsigned n;
	for (unsigned i = 1; i < 5; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%u", i);
		OK(OPS->mkdir(ctx, PATH("Users"), &err));
		OK(by_write(text, &err));
		OK(read_n(DDB_PLAIN, &n, &err));
		ck_assert_uint_eq(n, i);
		OK(OPS->remove(ctx, ITEM, ENGINE_VERSION_ANY, &err));
		OPS->rmdir(ctx, PATH("Users", "u1"), &err);
		OK(OPS->rmdir(ctx, PATH("Users"), &err));
		FAILS(ENOENT, read_n(DDB_PLAIN, &n, &err));
	}
}
END_TEST

/* Counts of commits begin anew with each opening of a table's file. */
START_TEST(a_table_opened_anew_gives_its_own_texts)
{
	char table[16];
	unsigned n;
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	for (unsigned i = 1; i < 4; i++) {
		char text[16];
		snprintf(text, sizeof(text), "%u", i);
		OK(by_write(text, &err));
		OK(read_n(DDB_PLAIN, &n, &err));
		ck_assert_uint_eq(n, i);
		for (unsigned other = 0; other < 80; other++) {
			snprintf(table, sizeof(table), "table%02u", other);
			OPS->mkdir(ctx, PATH(table), &err);
			OK(put(PATH(table, "p", "i"), "{}"));
		}
	}
}
END_TEST

/* More, and larger, than are kept: what is given is right whether kept or not. */
START_TEST(more_than_is_kept)
{
	static char big[40000];
	char name[16];
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	for (unsigned i = 0; i < 800; i++) {
		size_t room = i % 8 == 0 ? sizeof(big) - 32 : 15000;
		int at = snprintf(big, sizeof(big), "{\"n\":%u,\"x\":\"", i);
		memset(big + at, 'x', room - (size_t)at);
		memcpy(big + room, "\"}", 3);
		snprintf(name, sizeof(name), "%u", i);
		OK(put(PATH("Users", "u1", name), big));
	}
	for (unsigned i = 0; i < 3 * 800; i++) {
		char want[24];
		snprintf(name, sizeof(name), "%u", i * 7 % 800);
		snprintf(want, sizeof(want), "\"n\": %s,", name);
		char *got = text_of(PATH("Users", "u1", name), DDB_PLAIN);
		ck_assert_ptr_nonnull(strstr(got, want));
		free(got);
	}
}
END_TEST

/* ---- reading ahead ---- */

#define N_AHEAD 150

static const char *ahead_name(unsigned i)
{
	static char name[16];

	snprintf(name, sizeof(name), "%04u", i);
	return name;
}

static void put_ahead(unsigned i, unsigned n)
{
	char text[64];

	snprintf(text, sizeof(text), "{\"n\":%u}", n);
	OK(put(PATH("Users", "u1", ahead_name(i)), text));
}

static void check_ahead(unsigned i, unsigned n)
{
	char want[32];

	snprintf(want, sizeof(want), "\"n\": %u\n", n);
	char *got = text_of(PATH("Users", "u1", ahead_name(i)), DDB_PLAIN);
	ck_assert_msg(strstr(got, want) != NULL, "%u: %s, not %s", i, got, want);
	free(got);
}

static void fill_ahead(enum store_sync sync)
{
	engine_down();
	config.sync = sync;
	engine_up();
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	for (unsigned i = 0; i < N_AHEAD; i++) {
		put_ahead(i, i);
	}
}

static unsigned read_ahead_now(void)
{
	struct ddb_db *db = ctx;

	return TAILQ_FIRST(&db->tables)->ahead.n;
}

START_TEST(what_is_read_in_order_is_read_ahead)
{
	unsigned most = 0;

	fill_ahead(STORE_SYNC_FSYNC);
	for (unsigned i = 0; i < N_AHEAD; i++) {
		check_ahead(i, i);
		most = read_ahead_now() > most ? read_ahead_now() : most;
	}
	ck_assert_uint_ge(most, 16);
	/* Backwards, and nothing is kept any more: nothing is read ahead. */
	put_ahead(0, 1000);
	for (unsigned i = 0; i < 40; i++) {
		check_ahead(N_AHEAD - 1 - i * 3, N_AHEAD - 1 - i * 3);
	}
	ck_assert_uint_eq(read_ahead_now(), 0);
}
END_TEST

/* Each item that may have been read ahead is written, or goes, before it is its turn. */
START_TEST(what_was_read_ahead_is_never_old)
{
	fill_ahead(syncs[_i]);
	for (unsigned step = 1; step < 32; step *= 5) {
		for (unsigned i = 0; i + step < N_AHEAD; i++) {
			check_ahead(i, i);
			if (i % 50 > 44) {
				put_ahead(i + step, 1000 + i);
				check_ahead(i + step, 1000 + i);
				put_ahead(i + step, i + step);
			} else if (i % 50 == 44) {
				const struct epath *gone =
					PATH("Users", "u1", ahead_name(i + step));
				struct buf text = BUF_INIT;
				OK(OPS->remove(ctx, gone, ENGINE_VERSION_ANY, &err));
				FAILS(ENOENT, OPS->read(ctx, gone, DDB_PLAIN, &text, NULL, &err));
				buf_free(&text);
				put_ahead(i + step, i + step);
			}
		}
	}
}
END_TEST

/* What is larger than what is kept, and much at a time: nothing is left out. */
START_TEST(large_texts_are_read_in_order_too)
{
	static char big[30000];

	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	for (unsigned i = 0; i < 100; i++) {
		size_t room = 200 + i % 5 * 7000;
		int at = snprintf(big, sizeof(big), "{\"x\":\"");
		memset(big + at, 'x', room);
		snprintf(big + at + room, 32, "\",\"n\":%u}", i);
		OK(put(PATH("Users", "u1", ahead_name(i)), big));
	}
	for (unsigned i = 0; i < 100; i++) {
		check_ahead(i, i);
	}
}
END_TEST

/* ---- readers beside a writer ---- */

static _Atomic unsigned begun, answered;
static atomic_bool over;

/* Not what was there before a change that was answered before the read began, nor
 * what is not written yet. */
static void *keep_reading(void *arg)
{
	static char text[200];
	unsigned form = (unsigned)(unsigned long)arg % 2;
	while (!over) {
		struct err e = {0};
		unsigned n;
		unsigned least = answered;
		int rc = read_n(form, &n, &e);
		unsigned most = begun;
		if (rc == -ENOENT) {
			continue; /* removed, or its table is being put away */
		}
		if (rc < 0 || n < least || n > most) {
			snprintf(text, sizeof(text), "%u is read, %u to %u: %.100s", n, least, most,
				e.msg);
			return text;
		}
	}
	return NULL;
}

START_TEST(readers_beside_a_writer_see_what_is_answered)
{
	pthread_t readers[3];
	two_tables(syncs[_i]);
	begun = answered = 0;
	over = false;
	for (unsigned long i = 0; i < 3; i++) {
		ck_assert_int_eq(pthread_create(&readers[i], NULL, keep_reading, (void *)i), 0);
	}
	for (unsigned i = 1; i < 400; i++) {
		begun = i;
		OK(change(i, &err));
		answered = i;
		sched_yield();
	}
	over = true;
	for (unsigned i = 0; i < 3; i++) {
		void *failed;
		pthread_join(readers[i], &failed);
		ck_assert_msg(failed == NULL, "%s", (const char *)failed);
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("dynamodb kept");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 100);
	tcase_add_loop_test(c, a_read_after_a_change_sees_it, 0, 3);
	tcase_add_test(c, an_item_of_a_table_made_anew_is_its_own);
	tcase_add_test(c, a_table_opened_anew_gives_its_own_texts);
	tcase_add_test(c, more_than_is_kept);
	tcase_add_test(c, what_is_read_in_order_is_read_ahead);
	tcase_add_loop_test(c, what_was_read_ahead_is_never_old, 0, 3);
	tcase_add_test(c, large_texts_are_read_in_order_too);
	tcase_add_loop_test(c, readers_beside_a_writer_see_what_is_answered, 0, 3);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
