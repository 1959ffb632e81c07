/* Many at once: no listing misses an item, no update is lost. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/engine/harness.h"

#define STABLE	 60
#define VOLATILE 60
#define LISTINGS 25
#define PAGE	 7

/* Checks in threads only note failures: Check's own macros are for one thread. */
struct worker {
	pthread_t thread;
	atomic_bool *stop;
	unsigned number;
	atomic_uint done;
	unsigned busy;
	struct err failure; /* the first unexpected one */
};

static int write_number(const struct epath *path, unsigned n, uint64_t expect,
	struct engine_info *info, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	ground.profile->document(n, &text);
	return engine_write(ground.e, path, 0, buf_slice(&text), expect, info, err);
}

/* Items between the stable ones come and go. */
static void *churn(void *arg)
{
	struct worker *w = arg;
	while (!atomic_load(w->stop) && w->failure.code == 0) {
		char key[32];
		struct engine_info info;
		unsigned n = w->done;
		snprintf(key, sizeof(key), "k-%04u+%u", n % VOLATILE, w->number);
		struct epath p = at(key);
		int r = write_number(&p, n, ENGINE_VERSION_ANY, &info, &w->failure);
		if (r == 0 && n % 3 != 0) {
			engine_remove(ground.e, &p, ENGINE_VERSION_ANY, &w->failure);
		}
		w->done++;
	}
	return NULL;
}

/* The directory in pages, as readdir asks for it. */
static void list_in_pages(struct listing *all)
{
	struct slice last = {0};
	size_t before;
	do {
		before = all->n;
		all->stop_at = before + PAGE;
		list(ground.e, &ground.parent, before > 0 ? &last : NULL, 0, all);
		if (all->n > 0) {
			last = buf_slice(&all->keys[all->n - 1]);
		}
	} while (all->n > before);
}

static void assert_complete(const struct listing *all)
{
	for (unsigned i = 0; i < STABLE; i++) {
		char key[32];
		ck_assert_msg(listing_has(all, slice_of(numbered("k", i, key))),
			"%s is missing in a listing", key);
	}
}

START_TEST(test_listings_are_complete_while_others_write)
{
	GROUND;
	atomic_bool stop;
	atomic_init(&stop, false);
	struct worker workers[2] = {{.number = 0, .stop = &stop}, {.number = 1, .stop = &stop}};
	for (unsigned i = 0; i < STABLE; i++) {
		char key[32];
		struct epath p = at(numbered("k", i, key));
		put(&p, i);
	}
	for (unsigned i = 0; i < 2; i++) {
		pthread_create(&workers[i].thread, NULL, churn, &workers[i]);
	}
	/* Until each has changed something, however slow the disk is. */
	for (unsigned i = 0; i < LISTINGS || workers[0].done == 0 || workers[1].done == 0; i++) {
		struct listing all = {0};
		list_in_pages(&all);
		assert_complete(&all);
		listing_free(&all);
	}
	atomic_store(&stop, true);
	for (unsigned i = 0; i < 2; i++) {
		pthread_join(workers[i].thread, NULL);
		ck_assert_msg(workers[i].failure.code == 0, "%s", workers[i].failure.msg);
	}
}
END_TEST

#define COUNTERS 4
#define EACH	 40

/* Reads a number and writes its successor, as often as others come between. */
static void *count_up(void *arg)
{
	struct worker *w = arg;
	struct epath p = at("counter");
	while (w->done < EACH && w->failure.code == 0) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		struct engine_info info;
		struct err err = {0};
		if (engine_read(ground.e, &p, 0, &text, &info, &w->failure) != 0) {
			break;
		}
		const char *n = strstr(buf_cstr(&text), "\"n\":");
		unsigned next = (unsigned)strtoul(n + 4, NULL, 10) + 1;
		int r = write_number(&p, next, info.version, &info, &err);
		if (r == 0) {
			w->done++;
		} else if (r == -EBUSY) {
			w->busy++;
		} else {
			w->failure = err;
		}
	}
	return NULL;
}

START_TEST(test_no_update_is_lost)
{
	GROUND;
	struct worker workers[COUNTERS] = {0};
	struct epath p = at("counter");
	put(&p, 0);
	for (unsigned i = 0; i < COUNTERS; i++) {
		pthread_create(&workers[i].thread, NULL, count_up, &workers[i]);
	}
	for (unsigned i = 0; i < COUNTERS; i++) {
		pthread_join(workers[i].thread, NULL);
		ck_assert_msg(workers[i].failure.code == 0, "%s", workers[i].failure.msg);
	}
	ck_assert_int_eq(number_at(&p), (long)COUNTERS * EACH);
}
END_TEST

/* Of all that create the same item at once, one does. */
static void *create(void *arg)
{
	struct worker *w = arg;
	for (unsigned i = 0; i < EACH && w->failure.code == 0; i++) {
		char key[32];
		struct engine_info info;
		struct err err = {0};
		struct epath p = at(numbered("new", i, key));
		int r = write_number(&p, w->number, ENGINE_VERSION_ABSENT, &info, &err);
		if (r == 0) {
			w->done++;
		} else if (r != -EEXIST) {
			w->failure = err;
		}
	}
	return NULL;
}

START_TEST(test_an_item_is_created_once)
{
	GROUND;
	struct worker workers[COUNTERS] = {0};
	unsigned created = 0;
	for (unsigned i = 0; i < COUNTERS; i++) {
		workers[i].number = i;
		pthread_create(&workers[i].thread, NULL, create, &workers[i]);
	}
	for (unsigned i = 0; i < COUNTERS; i++) {
		pthread_join(workers[i].thread, NULL);
		ck_assert_msg(workers[i].failure.code == 0, "%s", workers[i].failure.msg);
		created += workers[i].done;
	}
	ck_assert_uint_eq(created, EACH);
}
END_TEST

TCase *conform_concurrent(void)
{
	TCase *t = tcase_create("concurrent");
	tcase_add_checked_fixture(t, NULL, ground_teardown);
	tcase_set_timeout(t, 120);
	ADD(t, test_listings_are_complete_while_others_write);
	ADD(t, test_no_update_is_lost);
	ADD(t, test_an_item_is_created_once);
	return t;
}
