/* Another primary: by command, after its files failed, and with kill -9 in the middle. What is lost
 * is what is said to be. */
#include "engines/engine_impl.h"
#include "tests/unit/cache_fixture.h"

#include <inttypes.h>

#include "engines/common/thread.h"

#define SHOP PATH("shop")

static void create(const char *more)
{
	char line[128];
	snprintf(line, sizeof(line), "create shop %s", more);
	OK(command(ROOT, line));
}

/* ---- by command ---- */

/* As when it starts after a crash: the keeper has not come to it yet. */
START_TEST(a_replica_that_is_not_made_yet_can_be_asked_for)
{
	struct cache_cluster *c;
	create("replicas=1");
	put("shop", "a", "1");
	struct cache_service *s = ((const struct cache *)engine->ctx)->service;
	OK(cache_find(s, slice_of("shop"), &c, &err));
	OK(cache_enter(c, &err));
	OK(instance_replica_remove(c->store, "shop-002", &err));
	cluster_leave(&c->base);
	OK(command(SHOP, "replica-delay shop-002 0"));
	OK(cache_enter(c, &err));
	OK(instance_replica_remove(c->store, "shop-002", &err));
	cluster_leave(&c->base);
	cache_put(c);
	OK(command(SHOP, "failover shop-002"));
	expect_primary("shop", "shop-002");
	expect_text("shop", "a", "1");
}
END_TEST

START_TEST(a_planned_failover_loses_nothing)
{
	create("replicas=2");
	OK(command(SHOP, "replica-delay shop-002 3600000"));
	OK(command(SHOP, "replica-delay shop-003 3600000"));
	put("shop", "a", "1");
	put("shop", "b", "2");
	OK(command(SHOP, "failover shop-003"));
	expect_primary("shop", "shop-003");
	expect_event(
		"shop: Failover from primary node shop-001 to replica node shop-003 completed");
	expect_event("shop: Nothing was lost: shop-003 has every acknowledged write");
	expect_event("shop: Recovering cache nodes shop-001");
	expect_event("shop: Finished recovery for cache nodes shop-001");
	expect_text("shop", "a", "1");
	expect_text("shop", "b", "2");
	expect_views(SHOP, ENGINE_VIEW_REPLICA, "shop-001 shop-002 ");
	put("shop", "a", "3");
	expect_on_replica("shop", "shop-001", "a", "3");
	engine_again();
	expect_primary("shop", "shop-003");
	expect_text("shop", "a", "3");
	ck_assert_uint_eq(count("", 'i'), 1);
}
END_TEST

START_TEST(the_replica_with_the_least_lag_is_chosen)
{
	create("replicas=1");
	OK(command(SHOP, "replica-delay shop-002 3600000"));
	OK(command(SHOP, "create-replica near"));
	put("shop", "a", "1");
	expect_on_replica("shop", "near", "a", "1");
	OK(command(SHOP, "failover"));
	expect_primary("shop", "near");
	expect_text("shop", "a", "1");
}
END_TEST

START_TEST(at_a_replica_it_is_that_one)
{
	create("replicas=2");
	put("shop", "a", "1");
	struct engine *v = view("shop", ENGINE_VIEW_REPLICA, "shop-003");
	OK(command_in(v, SHOP, "failover"));
	expect_primary("shop", "shop-003");
	struct engine_info info;
	FAILS(ENOENT, engine_stat(v, SHOP, 0, &info, &err));
	engine_unref(v);
}
END_TEST

START_TEST(a_promotion_wants_automatic_failover_off)
{
	create("replicas=1");
	put("shop", "a", "1");
	REFUSES(EINVAL, "automatic failover is off", command(SHOP, "promote shop-002"));
	OK(command(SHOP, "automatic-failover off"));
	REFUSES(EINVAL, "TestFailoverNotAvailableFault", command(SHOP, "test-failover"));
	OK(command(SHOP, "promote shop-002"));
	expect_primary("shop", "shop-002");
	expect_text("shop", "a", "1");
	expect_status(SHOP, "AutomaticFailover", "\"disabled\"");
}
END_TEST

START_TEST(a_test_failover_loses_what_the_replica_did_not_have)
{
	create("replicas=1");
	put("shop", "a", "1");
	expect_on_replica("shop", "shop-002", "a", "1");
	OK(command(SHOP, "replica-delay shop-002 3600000"));
	put("shop", "a", "2");
	put("shop", "b", "2");
	put("shop", "c", "2");
	OK(command(SHOP, "test-failover"));
	expect_event("shop: Test Failover API called for node group 0001");
	expect_event(
		"shop: Failover from primary node shop-001 to replica node shop-002 completed");
	expect_event("shop: 3 writes were lost, offsets 2 to 4: acknowledged by shop-001, not "
		     "replicated to shop-002.");
	expect_text("shop", "a", "1");
	ck_assert(!key_is_there(engine, "shop", "b"));
	put("shop", "b", "3");
	expect_on_replica("shop", "shop-001", "b", "3");
}
END_TEST

START_TEST(without_replicas_there_is_no_test)
{
	create("");
	REFUSES(EINVAL, "TestFailoverNotAvailableFault", command(SHOP, "test-failover"));
	REFUSES(EINVAL, "which replica", command(SHOP, "promote"));
}
END_TEST

/* ---- when its files fail ---- */

static void primary_file(char path[160], const char *below)
{
	char zone[100];
	for (char z = 'a'; z <= 'b'; z++) {
		snprintf(zone, sizeof(zone), "%s/az-%c", site, z);
		DIR *dir = opendir(zone);
		const struct dirent *entry;
		while (dir != NULL && (entry = readdir(dir)) != NULL) {
			if (entry->d_name[0] == 'i') {
				snprintf(path, 160, "%.90s/%.20s/%s", zone, entry->d_name, below);
			}
		}
		if (dir != NULL) {
			closedir(dir);
		}
	}
}

static void damage_primary(void)
{
	char path[160];
	primary_file(path, "data.db");
	ck_assert_int_eq(truncate(path, 0), 0);
}

START_TEST(when_its_files_fail_a_replica_takes_over)
{
	create("replicas=2");
	put("shop", "a", "1");
	expect_on_replica("shop", "shop-002", "a", "1");
	expect_on_replica("shop", "shop-003", "a", "1");
	damage_primary();
	wait_for_event("Finished recovery for cache nodes shop-001");
	expect_event("The primary's storage has failed.");
	expect_event(
		"shop: Failover from primary node shop-001 to replica node shop-002 completed");
	expect_event("shop: Nothing was lost");
	expect_text("shop", "a", "1");
	put("shop", "b", "2");
	expect_on_replica("shop", "shop-001", "b", "2");
	engine_again();
	expect_text("shop", "b", "2");
}
END_TEST

START_TEST(without_replicas_it_stays_failed_until_it_is_recovered)
{
	create("");
	put("shop", "a", "1");
	engine_again();
	expect_text("shop", "a", "1");
	damage_primary();
	wait_for_event("The primary's storage has failed.");
	expect_status(SHOP, "Status", "\"failed\"");
	FAILS(EIO, try_put(engine, "shop", "b", "1", &err));
	OK(command(SHOP, "recover"));
	expect_status(SHOP, "Status", "\"available\"");
	expect_list(SHOP, "");
	put("shop", "b", "1");
	expect_text("shop", "b", "1");
	engine_again();
	expect_text("shop", "b", "1");
	ck_assert_uint_eq(count("", 'i'), 1);
}
END_TEST

START_TEST(with_automatic_failover_off_nothing_takes_over)
{
	create("replicas=1");
	put("shop", "a", "1");
	expect_on_replica("shop", "shop-002", "a", "1");
	OK(command(SHOP, "automatic-failover off"));
	damage_primary();
	wait_for_event("The primary's storage has failed.");
	FAILS(EIO, try_put(engine, "shop", "b", "1", &err));
	expect_primary("shop", "shop-001");
}
END_TEST

/* The daemon is away meanwhile. */
START_TEST(a_primary_that_is_gone_at_the_start_is_replaced)
{
	create("replicas=1");
	put("shop", "a", "1");
	expect_on_replica("shop", "shop-002", "a", "1");
	engine_down();
	damage_primary();
	engine_up();
	expect_text("shop", "a", "1");
	expect_primary("shop", "shop-002");
	expect_event("how many writes that were is not known");
	put("shop", "b", "2");
	expect_on_replica("shop", "shop-001", "b", "2");
}
END_TEST

/* ---- those who write meanwhile ---- */

#define WRITERS 4

struct writer {
	unsigned number;
	unsigned acknowledged; /* writes */
	pthread_t thread;
};
static _Atomic bool enough;

/* Key N says how many writes of the writer were made before. */
static void *write_on(void *arg)
{
	struct writer *w = arg;
	char key[24];
	char text[24];
	struct err why = {0};
	while (!atomic_load(&enough)) {
		snprintf(key, sizeof(key), "w%u-%u", w->number, w->acknowledged);
		snprintf(text, sizeof(text), "%u", w->acknowledged);
		if (try_put(engine, "shop", key, text, &why) != 0) {
			fprintf(stderr, "writer %u: %s\n", w->number, why.msg);
			return w;
		}
		w->acknowledged++;
	}
	return NULL;
}

static void start_writers(struct writer *w)
{
	atomic_store(&enough, false);
	for (unsigned n = 0; n < WRITERS; n++) {
		w[n] = (struct writer){.number = n};
		ck_assert_int_eq(thread_start(&w[n].thread, write_on, &w[n]), 0);
	}
}

/* All they wrote, and that none failed. */
static unsigned stop_writers(struct writer *w)
{
	unsigned all = 0;
	atomic_store(&enough, true);
	for (unsigned n = 0; n < WRITERS; n++) {
		void *failed;
		pthread_join(w[n].thread, &failed);
		ck_assert_ptr_null(failed);
		all += w[n].acknowledged;
	}
	return all;
}

/* How many of those are there. */
static unsigned count_there(const struct writer *w)
{
	unsigned there = 0;
	char key[24];
	for (unsigned n = 0; n < WRITERS; n++) {
		for (unsigned k = 0; k < w[n].acknowledged; k++) {
			snprintf(key, sizeof(key), "w%u-%u", n, k);
			there += key_is_there(engine, "shop", key);
		}
	}
	return there;
}

/* What `.events` says of all failovers. */
static unsigned count_lost(void)
{
	static const char mark[] = " lost, offset";
	unsigned lost = 0;
	LOCKED(&events_lock);
	const char *at = buf_cstr(&events);
	while ((at = strstr(at, mark)) != NULL) {
		const char *line = at;
		while (line > events.p && line[-1] != '\n') {
			line--;
		}
		lost += (unsigned)strtoul(strchr(line, ' ') + 1, NULL, 10);
		at += sizeof(mark) - 1;
	}
	return lost;
}

START_TEST(planned_failovers_under_writers_lose_nothing)
{
	struct writer w[WRITERS];
	create("replicas=2");
	start_writers(w);
	for (unsigned n = 0; n < 4; n++) {
		usleep(50000);
		OK(command(SHOP, "failover"));
	}
	unsigned all = stop_writers(w);
	ck_assert_uint_eq(count_there(w), all);
	ck_assert_uint_eq(count_lost(), 0);
}
END_TEST

START_TEST(test_failovers_under_writers_say_exactly_what_is_lost)
{
	struct writer w[WRITERS];
	create("replicas=2");
	start_writers(w);
	for (unsigned n = 0; n < 4; n++) {
		usleep(50000);
		OK(command(SHOP, "test-failover"));
	}
	unsigned all = stop_writers(w);
	ck_assert_uint_eq(count_there(w) + count_lost(), all);
}
END_TEST

START_TEST(automatic_failover_under_writers_says_exactly_what_is_lost)
{
	struct writer w[WRITERS];
	create("replicas=2");
	start_writers(w);
	usleep(200000);
	damage_primary();
	wait_for_event("Finished recovery for cache nodes shop-001");
	unsigned all = stop_writers(w);
	ck_assert_uint_eq(count_there(w) + count_lost(), all);
}
END_TEST

/* ---- kill -9 ---- */

#define ROUNDS 20

struct state {
	const char *primary; /* "x": the round's replica; "": shop-001 */
	bool replica;
	bool snapshot;
	bool cluster;
};

static const struct state after[] = {
	{"", false, false, false}, {"", true, false, false}, /* create-replica */
	{"x", true, false, false},			     /* failover */
	{"x", true, true, false},			     /* snapshot */
	{"x", true, true, true},			     /* restore */
	{"x", true, true, false},			     /* delete-cluster */
	{"", true, true, false},			     /* test-failover */
	{"", false, true, false},			     /* delete-replica */
	{"", false, false, false},			     /* delete-snapshot */
};
#define N_STEPS (sizeof(after) / sizeof(after[0]) - 1)

/* "VERB xN", "VERB xN as yN" */
static int say(const char *verb, char letter, char other, unsigned long n)
{
	char line[128];
	snprintf(line, sizeof(line), "%s %c%lu", verb, letter, n);
	if (other != '\0') {
		size_t at = strlen(line);
		snprintf(line + at, sizeof(line) - at, " as %c%lu", other, n);
	}
	return command(SHOP, line);
}

static int delete_cluster(unsigned long n)
{
	char name[24];
	snprintf(name, sizeof(name), "c%lu", n);
	return command(PATH(name), "delete-cluster");
}

static int step(unsigned long n, unsigned which)
{
	switch (which) {
	case 0: return say("create-replica", 'x', '\0', n);
	case 1: return say("failover", 'x', '\0', n);
	case 2: return say("snapshot", 's', '\0', n);
	case 3: return say("restore", 's', 'c', n);
	case 4: return delete_cluster(n);
	case 5: return command(SHOP, "test-failover");
	case 6: return say("delete-replica", 'x', '\0', n);
	default: return say("delete-snapshot", 's', '\0', n);
	}
}

static int begin(void)
{
	return open_engine(false);
}

static const struct crash_work work = {begin, step, N_STEPS, &err};

static bool has_view(enum engine_view_kind kind, char letter, unsigned long n)
{
	char name[24];
	struct engine *v = NULL;
	struct err why = {0};
	snprintf(name, sizeof(name), "%c%lu", letter, n);
	int rc = engine_view(engine, SHOP, kind, slice_of(name), &v, &why);
	ck_assert_msg(rc == 0 || rc == -ENOENT, "%s", why.msg);
	engine_unref(v);
	return rc == 0;
}

/* All that could be there is whole. */
static bool state_is(unsigned long n, const struct state *want)
{
	char x[24];
	char c[24];
	json_auto_t *status = json_object();
	OK(engine_status(engine, SHOP, status, &err));
	const char *primary = json_string_value(json_object_get(status, "Primary"));
	snprintf(x, sizeof(x), "x%lu", n);
	snprintf(c, sizeof(c), "c%lu", n);
	bool writes = strcmp(primary, x) == 0;
	ck_assert(writes || strcmp(primary, "shop-001") == 0);
	expect_text("shop", "a", "1");
	bool cluster = exists(PATH(c));
	if (cluster) {
		expect_text(c, "a", "1");
	}
	return writes == (want->primary[0] == 'x') &&
	       (writes || has_view(ENGINE_VIEW_REPLICA, 'x', n)) == want->replica &&
	       has_view(ENGINE_VIEW_SNAPSHOT, 's', n) == want->snapshot && cluster == want->cluster;
}

/* What a round left half done, so that the next begins from the start. */
static void finish_round(unsigned long n, unsigned done)
{
	for (unsigned which = done; which < N_STEPS; which++) {
		err_clear(&err);
		OK(step(n, which));
	}
	ck_assert(state_is(n, &after[N_STEPS]));
}

START_TEST(kill_at_any_time)
{
	unsigned long first = 0;
	unsigned seed = (unsigned)getpid();
	engine_up();
	OK(engine_mkdir(engine, SHOP, &err));
	put("shop", "a", "1");
	engine_down();
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned long done =
			work_and_kill(&work, first, 2000 + (unsigned)rand_r(&seed) % 300000);
		unsigned long last = first + done / N_STEPS;
		unsigned at = (unsigned)(done % N_STEPS);
		engine_up();
		bool before = state_is(last, &after[at]);
		ck_assert_msg(before || state_is(last, &after[at + 1]),
			"round %u: in between, after %u steps", round, at);
		finish_round(last, before ? at : at + 1);
		ck_assert_uint_eq(count("", 'i'), 1);
		ck_assert_uint_eq(count("/az-a", 'i') + count("/az-b", 'i'), 1);
		ck_assert_uint_eq(count("", 's'), 0);
		engine_down();
		first = last + 1;
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cache failover");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 100);
	tcase_add_test(c, a_replica_that_is_not_made_yet_can_be_asked_for);
	tcase_add_test(c, a_planned_failover_loses_nothing);
	tcase_add_test(c, the_replica_with_the_least_lag_is_chosen);
	tcase_add_test(c, at_a_replica_it_is_that_one);
	tcase_add_test(c, a_promotion_wants_automatic_failover_off);
	tcase_add_test(c, a_test_failover_loses_what_the_replica_did_not_have);
	tcase_add_test(c, without_replicas_there_is_no_test);
	tcase_add_test(c, when_its_files_fail_a_replica_takes_over);
	tcase_add_test(c, without_replicas_it_stays_failed_until_it_is_recovered);
	tcase_add_test(c, with_automatic_failover_off_nothing_takes_over);
	tcase_add_test(c, a_primary_that_is_gone_at_the_start_is_replaced);
	tcase_add_test(c, planned_failovers_under_writers_lose_nothing);
	tcase_add_test(c, test_failovers_under_writers_say_exactly_what_is_lost);
	tcase_add_test(c, automatic_failover_under_writers_says_exactly_what_is_lost);
	suite_add_tcase(s, c);
	TCase *k = tcase_create("kill");
	tcase_add_checked_fixture(k, setup_closed, teardown);
	tcase_set_timeout(k, 100);
	tcase_add_test(k, kill_at_any_time);
	suite_add_tcase(s, k);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
