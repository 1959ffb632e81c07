/* The life of clusters, with a service that has nothing in them: who is inside, who waits, who
 * is sent away, what is freed when. */
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/clusters/keeper.h"
#include "engines/common/clock.h"
#include "engines/common/thread.h"
#include "fixture.h"

enum { AVAILABLE, CREATING, STOPPED };
#define THREADS	    8
#define WAIT_ROUNDS 3000 /* of 10 ms, on a slow machine */

struct toy {
	struct cluster base;
	char name[CLUSTER_NAME_MAX + 1];
};

static struct clusters all;
static char site[SITE_MAX];
static atomic_uint opened, shut, freed;
static atomic_uint turns, seen; /* the keeper's */
static atomic_bool fails;
static atomic_int refused; /* the last reason */

static bool parse(const char *name, char *kind, uint64_t *id)
{
	const char *rest;

	return datadir_numbered(name, "is", kind, id, &rest);
}

static bool has_row(struct clusters *a, char kind, uint64_t id)
{
	(void)a;
	return kind == 's' && id == 1;
}

static void destroy(struct clusters *a, const char *dir, const char *name, uint64_t id)
{
	(void)a;
	(void)dir;
	(void)name;
	(void)id;
}

static int open_toy(struct cluster *c, struct err *err)
{
	(void)c;
	usleep(20000); /* others come meanwhile */
	if (atomic_load(&fails)) {
		return err_set(err, EIO, "it is damaged");
	}
	atomic_fetch_add(&opened, 1);
	return 0;
}

static void shut_toy(struct cluster *c)
{
	(void)c;
	atomic_fetch_add(&shut, 1);
}

static void free_toy(struct cluster *c)
{
	cluster_finish(c);
	free(c);
	atomic_fetch_add(&freed, 1);
}

static int refuse(const struct cluster *c, enum cluster_refusal why, struct err *err)
{
	atomic_store(&refused, (int)why);
	return err_set(err, why == CLUSTER_GONE ? ENOENT : EBUSY, "%s: not now", c->name);
}

static const struct clusters_kind kind = {
	.service = "toy",
	.what = "toys",
	.stores = "i",
	.settings = "az.a and az.b",
	.creating = CREATING,
	.serving = CLUSTER_FROM(AVAILABLE),
	.wait_s = 1,
	.empty_s = 1,
	.parse = parse,
	.has_row = has_row,
	.destroy = destroy,
	.open = open_toy,
	.shut = shut_toy,
	.free = free_toy,
	.refuse = refuse,
};

static void setup(void)
{
	struct engine_config config = {0};
	struct err err = {0};

	make_site(site);
	all = (struct clusters){0};
	atomic_store(&opened, 0);
	atomic_store(&shut, 0);
	atomic_store(&freed, 0);
	atomic_store(&turns, 0);
	atomic_store(&seen, 0);
	clusters_init(&all, &kind, &config);
	ck_assert_int_eq(clusters_open_dir(&all, site, &err), 0);
}

static void teardown(void)
{
	clusters_finish(&all);
	remove_site(site);
}

static struct cluster *toy(const char *name)
{
	struct toy *t = calloc(1, sizeof(*t));

	ck_assert_ptr_nonnull(t);
	snprintf(t->name, sizeof(t->name), "%s", name);
	cluster_init(&t->base, &all, t->name, AVAILABLE);
	ck_assert(clusters_reserve(&all, &t->base));
	return &t->base;
}

static struct cluster *served(const char *name)
{
	struct cluster *c = toy(name);

	cluster_state_set(c, AVAILABLE);
	return c;
}

START_TEST(names_are_in_order_and_nobody_sees_one_that_is_made)
{
	struct cluster *b = served("b");
	struct cluster *a = toy("a");

	ck_assert_ptr_null(clusters_find(&all, slice_of("a"), false));
	ck_assert_ptr_eq(clusters_find(&all, slice_of("a"), true), a);
	ck_assert(clusters_taken(&all, slice_of("a")));
	ck_assert_ptr_eq(clusters_next(&all, slice_of("")), b);
	cluster_state_set(a, AVAILABLE);
	ck_assert_ptr_eq(clusters_next(&all, slice_of("")), a);
	ck_assert_ptr_eq(clusters_next(&all, slice_of("a")), b);
	ck_assert_ptr_null(clusters_next(&all, slice_of("b")));

	struct toy again = {.name = "b"};
	cluster_init(&again.base, &all, again.name, AVAILABLE);
	ck_assert(!clusters_reserve(&all, &again.base));
	cluster_finish(&again.base);
}
END_TEST

static void *enter_and_leave(void *arg)
{
	struct cluster *c = arg;
	struct err err = {0};

	int rc = cluster_enter(c, false, &err);
	ck_assert_int_ge(rc, 0);
	cluster_leave(c);
	return NULL;
}

START_TEST(of_many_who_come_to_a_shut_one_one_opens_it)
{
	struct cluster *c = served("a");
	pthread_t thread[THREADS];
	struct err err = {0};

	for (unsigned k = 0; k < THREADS; k++) {
		ck_assert_int_eq(thread_start(&thread[k], enter_and_leave, c), 0);
	}
	for (unsigned k = 0; k < THREADS; k++) {
		pthread_join(thread[k], NULL);
	}
	ck_assert_uint_eq(atomic_load(&opened), 1);
	ck_assert(cluster_enter_now(c, false));
	cluster_leave(c);
	ck_assert_int_eq(cluster_close(c, &err), 0);
	ck_assert_uint_eq(atomic_load(&shut), 1);
	ck_assert(!cluster_enter_now(c, true));
	ck_assert_int_eq(cluster_enter(c, false, &err), 1);
	cluster_leave(c);
}
END_TEST

START_TEST(who_cannot_open_it_is_not_inside)
{
	struct cluster *c = served("a");
	struct err err = {0};

	atomic_store(&fails, true);
	ck_assert_int_eq(cluster_enter(c, false, &err), -EIO);
	ck_assert(!cluster_is_open(c));
	ck_assert_int_eq(cluster_drain(c, &err), 0);
	atomic_store(&fails, false);
}
END_TEST

START_TEST(a_state_lets_in_and_sends_away)
{
	struct cluster *c = served("a");
	struct err err = {0};

	ck_assert_int_eq(cluster_state_begin(c, STOPPED, 0, &err), 0);
	ck_assert_int_eq(cluster_enter(c, false, &err), -EBUSY);
	ck_assert_int_eq(atomic_load(&refused), CLUSTER_STATE);
	err = (struct err){0};
	ck_assert_int_eq(cluster_state_begin(c, STOPPED, 0, &err), -EBUSY);
	err = (struct err){0};
	ck_assert_int_eq(cluster_state_begin(c, CREATING, CLUSTER_FROM(STOPPED), &err), 0);
	ck_assert_int_eq(cluster_enter(c, true, &err), 1);
	cluster_leave(c);
	cluster_state_set(c, AVAILABLE);
}
END_TEST

START_TEST(a_gate_that_cannot_be_closed_stays_open)
{
	struct cluster *c = served("a");
	struct err err = {0};

	ck_assert_int_eq(cluster_enter(c, false, &err), 1);
	ck_assert_int_eq(cluster_close_gate(c, &err), -EBUSY);
	ck_assert_int_eq(atomic_load(&refused), CLUSTER_IN_USE);
	ck_assert(cluster_enter_now(c, false));
	cluster_leave(c);
	cluster_leave(c);

	err = (struct err){0};
	ck_assert_int_eq(cluster_close_gate(c, &err), 0);
	ck_assert_int_eq(cluster_enter(c, false, &err), -EBUSY);
	ck_assert_int_eq(atomic_load(&refused), CLUSTER_GATED);
	ck_assert(!cluster_enter_now(c, true));
	cluster_open_gate(c);
	ck_assert(cluster_enter_now(c, false));
	cluster_leave(c);
}
END_TEST

static void *enter_late(void *arg)
{
	struct cluster *c = arg;
	struct err err = {0};
	int rc;

	while ((rc = cluster_enter(c, false, &err)) == -EBUSY) {
		err = (struct err){0};
	}
	ck_assert_int_eq(rc, -ENOENT);
	return NULL;
}

START_TEST(who_waits_is_told_that_it_is_gone_and_the_last_one_frees_it)
{
	struct cluster *c = served("a");
	pthread_t thread;
	struct err err = {0};

	ck_assert_int_eq(cluster_close_gate(c, &err), 0);
	ck_assert_int_eq(thread_start(&thread, enter_late, c), 0);
	cluster_dropped(c);
	cluster_open_gate(c);
	pthread_join(thread, NULL);
	ck_assert(cluster_is_gone(c));
	ck_assert_ptr_null(clusters_find(&all, slice_of("a"), true));
	cluster_hold(c);
	cluster_put(c);
	ck_assert_uint_eq(atomic_load(&freed), 0);
	cluster_put(c);
	ck_assert_uint_eq(atomic_load(&freed), 1);
}
END_TEST

START_TEST(a_setting_is_a_zone_or_is_refused)
{
	struct engine_setting bad = {"az.c", "/x"};
	struct engine_config config = {.settings = &bad, .n_settings = 1};
	struct err err = {0};

	ck_assert_int_eq(clusters_open_zones(&all, &config, false, &err), -EINVAL);
	ck_assert_str_eq(err.msg, "toy has no setting 'az.c'; it knows az.a and az.b");
}
END_TEST

/* ---- the keeper ---- */

static struct keeper keeper;

static void see(void *arg, struct cluster *c)
{
	(void)arg;
	(void)c;
	atomic_fetch_add(&seen, 1);
}

static int64_t turn(void *arg)
{
	keeper_each(&keeper, arg, see, NULL);
	atomic_fetch_add(&turns, 1);
	return KEEPER_NEVER;
}

static void wait_for_turns(unsigned n)
{
	for (unsigned k = 0; k < WAIT_ROUNDS && atomic_load(&turns) < n; k++) {
		usleep(10000);
	}
	ck_assert_uint_ge(atomic_load(&turns), n);
}

START_TEST(a_keeper_comes_when_it_is_kicked)
{
	struct err err = {0};

	served("a");
	served("b");
	keeper_init(&keeper, turn, &all, 0);
	ck_assert_int_eq(keeper_start(&keeper, "toy", &err), 0);
	wait_for_turns(1);
	ck_assert_uint_ge(atomic_load(&seen), 2);
	keeper_kick(&keeper);
	wait_for_turns(2);
	keeper_stop(&keeper);
	ck_assert(keeper_stopped(&keeper));
	keeper_kick(&keeper);
	keeper_stop(&keeper);
	keeper_finish(&keeper);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("clusters");
	TCase *t = tcase_create("clusters");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, names_are_in_order_and_nobody_sees_one_that_is_made);
	tcase_add_test(t, of_many_who_come_to_a_shut_one_one_opens_it);
	tcase_add_test(t, who_cannot_open_it_is_not_inside);
	tcase_add_test(t, a_state_lets_in_and_sends_away);
	tcase_add_test(t, a_gate_that_cannot_be_closed_stays_open);
	tcase_add_test(t, who_waits_is_told_that_it_is_gone_and_the_last_one_frees_it);
	tcase_add_test(t, a_setting_is_a_zone_or_is_refused);
	tcase_add_test(t, a_keeper_comes_when_it_is_kicked);
	suite_add_tcase(s, t);
	return run_suite(s);
}
