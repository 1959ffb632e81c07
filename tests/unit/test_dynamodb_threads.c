/* DynamoDB on SQLite: many at once. Run under ThreadSanitizer too. */
#include "tests/unit/dynamodb_fixture.h"

#include <pthread.h>

#define THREADS 4

static void run_threads(void *(*fn)(void *), unsigned n)
{
	pthread_t threads[8];
	for (unsigned long i = 0; i < n; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, fn, (void *)i), 0);
	}
	for (unsigned i = 0; i < n; i++) {
		void *failed;
		pthread_join(threads[i], &failed);
		ck_assert_msg(failed == NULL, "%s", (const char *)failed);
	}
}

/* In a thread: ends it with what went wrong, as text. */
#define MUST(call)                                                                                 \
	do {                                                                                       \
		struct err must_err = {0};                                                         \
		struct err *mine = &must_err;                                                      \
		if ((call) != 0) {                                                                 \
			return failure(#call, mine);                                               \
		}                                                                                  \
	} while (0)

static void *failure(const char *call, const struct err *e)
{
	static char text[ERR_MSG_MAX + 200];
	snprintf(text, sizeof(text), "%s: %s", call, e->msg);
	return text;
}

/* ---- a counter that nobody may lose ---- */

#define ADDS 50

static int add_one(const struct epath *path, struct err *e)
{
	for (;;) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		struct engine_info info;
		char next[64];
		int rc = OPS->read(ctx, path, DDB_PLAIN, &text, &info, e);
		if (rc < 0) {
			return rc;
		}
		const char *at = strstr(buf_cstr(&text), "\"n\": ");
		snprintf(next, sizeof(next), "{\"n\":%lu}", strtoul(at + 5, NULL, 10) + 1);
		rc = OPS->write(ctx, path, DDB_PLAIN, slice_of(next), info.version, NULL, e);
		if (rc != -EBUSY) {
			return rc;
		}
		err_clear(e);
	}
}

static void *count_up(void *arg)
{
	(void)arg;
	for (unsigned i = 0; i < ADDS; i++) {
		MUST(add_one(PATH("Users", "u1", "counter"), mine));
	}
	return NULL;
}

START_TEST(no_update_is_lost)
{
	char want[80];
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	OK(put(PATH("Users", "u1", "counter"), "{\"n\":0}"));
	run_threads(count_up, THREADS);
	snprintf(want, sizeof(want),
		"{\n  \"pk\": \"u1\",\n  \"sk\": \"counter\",\n  \"n\": %d\n}\n", THREADS * ADDS);
	expect_text(PATH("Users", "u1", "counter"), DDB_PLAIN, want);
}
END_TEST

/* ---- items on the move are always in one place ---- */

static bool moving;

static void *move_around(void *arg)
{
	char names[2][8];
	unsigned long me = (unsigned long)arg;
	for (unsigned i = 0; i < 2; i++) {
		snprintf(names[i], sizeof(names[i]), "%lu-%u", me, i);
	}
	for (unsigned i = 0; i < 60; i++) {
		const char *from = i % 2 == 0 ? "u1" : "u2";
		const char *to = i % 2 == 0 ? "u2" : "u1";
		MUST(OPS->rename(ctx, PATH("Users", from, names[i % 2]),
			PATH("Users", to, names[(i + 1) % 2]), 0, mine));
	}
	__atomic_store_n(&moving, false, __ATOMIC_RELEASE);
	return NULL;
}

static int count_items(void *c, struct err *e, json_int_t *n)
{
	json_auto_t *status = json_object();
	int rc = OPS->status(c, PATH("Users"), status, e);
	*n = json_integer_value(json_object_get(status, "ItemCount"));
	return rc;
}

static void *keep_backing_up(void *arg)
{
	char name[16];
	(void)arg;
	for (unsigned i = 0; __atomic_load_n(&moving, __ATOMIC_ACQUIRE); i++) {
		void *view;
		json_int_t n = 0;
		snprintf(name, sizeof(name), "b%03u", i);
		MUST(OPS->view_create(
			ctx, PATH("Users"), ENGINE_VIEW_SNAPSHOT, slice_of(name), mine));
		MUST(OPS->view_open(
			ctx, PATH("Users"), ENGINE_VIEW_SNAPSHOT, slice_of(name), &view, mine));
		MUST(count_items(view, mine, &n));
		OPS->close(view);
		MUST(OPS->view_remove(
			ctx, PATH("Users"), ENGINE_VIEW_SNAPSHOT, slice_of(name), mine));
		struct err odd = {EINVAL, "a backup caught an item in no place, or in two"};
		if (n != THREADS - 1) {
			return failure(name, &odd);
		}
	}
	return NULL;
}

static void *move_or_back_up(void *arg)
{
	return (unsigned long)arg == THREADS - 1 ? keep_backing_up(arg) : move_around(arg);
}

START_TEST(backups_while_items_move)
{
	char name[16];
	OK(OPS->mkdir(ctx, PATH("Users"), &err));
	for (unsigned i = 0; i < THREADS - 1; i++) {
		snprintf(name, sizeof(name), "%u-0", i);
		OK(put(PATH("Users", "u1", name), "{\"x\":1}"));
	}
	moving = true;
	run_threads(move_or_back_up, THREADS);
	expect_list(PATH("Users", "u1"), "0-0 1-0 2-0");
	expect_list(PATH("Users", "u2"), "");
}
END_TEST

/* ---- more tables than stay open ---- */

#define TABLES 80

static void *use_tables(void *arg)
{
	char table[16];
	char item[16];
	unsigned seed = (unsigned)(unsigned long)arg;
	for (unsigned i = 0; i < 200; i++) {
		struct engine_info info;
		snprintf(table, sizeof(table), "table%02u", (unsigned)rand_r(&seed) % TABLES);
		snprintf(item, sizeof(item), "%u-%u", (unsigned)(unsigned long)arg, i);
		MUST(OPS->write(ctx, PATH(table, "p", item), 0, slice_of("{}"),
			ENGINE_VERSION_ABSENT, &info, mine));
		MUST(OPS->stat(ctx, PATH(table, "p", item), 0, &info, mine));
	}
	return NULL;
}

START_TEST(tables_are_closed_and_opened_under_way)
{
	char table[16];
	for (unsigned i = 0; i < TABLES; i++) {
		snprintf(table, sizeof(table), "table%02u", i);
		OK(OPS->mkdir(ctx, PATH(table), &err));
	}
	run_threads(use_tables, THREADS);
	json_auto_t *status = json_object();
	OK(OPS->status(ctx, ROOT, status, &err));
	ck_assert_int_eq(json_integer_value(json_object_get(status, "items")), THREADS * 200);
	OK(OPS->sync(ctx, ROOT, &err));
}
END_TEST

/* ---- tables that come and go while they are written to ---- */

static void *come_and_go(void *arg)
{
	struct err e = {0};
	char item[16];
	snprintf(item, sizeof(item), "%lu", (unsigned long)arg);
	for (unsigned i = 0; i < 60; i++) {
		int rc;
		err_clear(&e);
		switch ((unsigned long)arg) {
		case 0: rc = OPS->mkdir(ctx, PATH("Users"), &e); break;
		case 1: rc = OPS->rmdir(ctx, PATH("Users"), &e); break;
		default:
			rc = OPS->write(ctx, PATH("Users", "p", item), 0, slice_of("{}"),
				ENGINE_VERSION_ANY, NULL, &e);
			/* What was acknowledged keeps the table from going. */
			if (rc == 0) {
				struct engine_info info;
				MUST(OPS->stat(ctx, PATH("Users", "p", item), 0, &info, mine));
				MUST(OPS->remove(
					ctx, PATH("Users", "p", item), ENGINE_VERSION_ANY, mine));
				OPS->rmdir(ctx, PATH("Users", "p"), &e);
				rc = 0;
			}
		}
		if (rc != 0 && rc != -ENOENT && rc != -EEXIST && rc != -ENOTEMPTY) {
			return failure("come and go", &e);
		}
	}
	return NULL;
}

START_TEST(rmdir_never_takes_an_item_along)
{
	run_threads(come_and_go, THREADS);
	OPS->mkdir(ctx, PATH("Users"), &err);
	expect_list(ROOT, "Users");
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("dynamodb threads");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 100);
	tcase_add_test(c, no_update_is_lost);
	tcase_add_test(c, backups_while_items_move);
	tcase_add_test(c, tables_are_closed_and_opened_under_way);
	tcase_add_test(c, rmdir_never_takes_an_item_along);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
