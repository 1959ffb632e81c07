/* maxmemory: what each policy removes, of 10,000 keys. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/redis_fixture.h"
#include "tests/unit/stride.h"

/* Half of them expire: k00000, k00002, ... */
#define KEYS	  10000
#define KEY_BYTES (REDIS_COST_KEY + 6 + 10)

static struct redis_fixture f;
static unsigned n_keys;

static bool expires(unsigned i)
{
	return i % 2 == 0;
}

static const char *name_of(unsigned i)
{
	static char name[16];

	snprintf(name, sizeof(name), "k%05u", i);
	return name;
}

static int fill_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct redis_key key;
	int rc = 0;

	(void)arg;
	for (unsigned i = 0; rc == 0 && i < n_keys; i++) {
		/* The first to expire are the last ones. */
		int64_t at = expires(i) ? t->now_ms + 10000000 - i : 0;
		rc = redis_string_set(
			t, slice_of(name_of(i)), slice_of("0123456789"), false, at, &key, err);
	}
	return rc;
}

static void setup(void)
{
	n_keys = stride_or(1) > 1 ? 1000 : KEYS;
	redis_fixture_start(&f);
	redis_ok(&f, redis_fixture_write(&f, fill_fn, NULL));
}

static void teardown(void)
{
	f.limits.maxmemory = 0;
	redis_fixture_end(&f);
}

struct outcome {
	uint64_t bytes;
	uint64_t keys;
	uint64_t evicted;
};

static int evict_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct outcome *o = arg;
	int rc = redis_evict(t, &o->evicted, err);

	return rc < 0 ? rc : redis_used(t, &o->bytes, &o->keys, err);
}

/* A limit that only so many keys are within. */
static int evict_to(int policy, unsigned keys, struct outcome *o)
{
	f.limits.policy = policy;
	f.limits.maxmemory = (uint64_t)keys * KEY_BYTES;
	*o = (struct outcome){0};
	return redis_fixture_write(&f, evict_fn, o);
}

static void check_evicted(int policy, unsigned keys)
{
	struct outcome o;

	redis_ok(&f, evict_to(policy, keys, &o));
	ck_assert_uint_eq(o.keys, keys);
	ck_assert_uint_eq(o.bytes, (uint64_t)keys * KEY_BYTES);
	ck_assert_uint_eq(o.evicted, n_keys - keys);
}

struct left {
	unsigned expiring, staying;
	unsigned used; /* of those that use_some() used */
	bool first, last_expiring;
};

static bool is_used(unsigned i)
{
	return i % 10 < 2;
}

static int left_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct left *l = arg;
	struct redis_key key;

	*l = (struct left){0};
	for (unsigned i = 0; i < n_keys; i++) {
		int rc = redis_key_peek(t, slice_of(name_of(i)), &key, err);
		if (rc < 0) {
			return rc;
		}
		if (rc == 1) {
			*(expires(i) ? &l->expiring : &l->staying) += 1;
			l->used += is_used(i);
			l->first = l->first || i == 0;
			l->last_expiring = l->last_expiring || i == n_keys - 2;
		}
	}
	return 0;
}

static struct left left(void)
{
	struct left l;

	redis_ok(&f, redis_fixture_read(&f, left_fn, &l));
	return l;
}

/* As if time had passed: the clock of a transaction is its own. */
static int use_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct redis_key key;
	int rc = 0;

	t->now_ms += *(const int *)arg;
	for (unsigned i = 0; rc >= 0 && i < n_keys; i++) {
		if (is_used(i)) {
			rc = redis_key_find(t, slice_of(name_of(i)), &key, err);
		}
	}
	return rc;
}

static void use_some(int times, int later_ms)
{
	for (int i = 0; i < times; i++) {
		redis_ok(&f, redis_fixture_read(&f, use_fn, &later_ms));
	}
}

START_TEST(test_noeviction_refuses)
{
	struct outcome o;

	ck_assert_int_eq(evict_to(REDIS_NOEVICTION, n_keys - 1, &o), -EINVAL);
	ck_assert_str_eq(f.err.msg, "OOM command not allowed when used memory > 'maxmemory'.");
	ck_assert_uint_eq(left().expiring, n_keys / 2);
	redis_ok(&f, evict_to(REDIS_NOEVICTION, n_keys, &o));
	f.limits.maxmemory = 0;
	redis_ok(&f, redis_fixture_write(&f, evict_fn, &o));
}
END_TEST

START_TEST(test_who_only_reads_evicts_nothing)
{
	struct outcome o = {0};

	f.limits.maxmemory = 1;
	redis_ok(&f, redis_fixture_read(&f, evict_fn, &o));
	ck_assert_uint_eq(o.keys, n_keys);
}
END_TEST

START_TEST(test_random_takes_all_alike)
{
	check_evicted(REDIS_ALLKEYS_RANDOM, n_keys / 2);
	struct left l = left();
	ck_assert_uint_gt(l.expiring, n_keys / 6);
	ck_assert_uint_gt(l.staying, n_keys / 6);
	ck_assert_uint_gt(l.used, n_keys / 20);
	ck_assert_uint_lt(l.used, n_keys * 3 / 20);
}
END_TEST

START_TEST(test_lru_keeps_what_was_used)
{
	use_some(1, 1000);
	check_evicted(REDIS_ALLKEYS_LRU, n_keys / 2);
	/* Of 20 in 100 that were used hardly any is the best of ten to go. */
	ck_assert_uint_gt(left().used, n_keys * 19 / 100);
}
END_TEST

START_TEST(test_lfu_keeps_what_was_used_often)
{
	use_some(50, 0);
	check_evicted(REDIS_ALLKEYS_LFU, n_keys / 2);
	ck_assert_uint_gt(left().used, n_keys * 18 / 100);
}
END_TEST

static void check_volatile(int policy)
{
	struct outcome o;

	check_evicted(policy, n_keys * 3 / 4);
	ck_assert_uint_eq(left().staying, n_keys / 2);
	ck_assert_uint_eq(left().expiring, n_keys / 4);
	/* When nothing is left that expires it is refused, and nothing of it stays done. */
	ck_assert_int_eq(evict_to(policy, n_keys / 4, &o), -EINVAL);
	ck_assert_uint_eq(left().expiring, n_keys / 4);
}

START_TEST(test_volatile_policies_leave_what_does_not_expire)
{
	check_volatile(REDIS_VOLATILE_RANDOM);
}
END_TEST

START_TEST(test_volatile_lru)
{
	use_some(1, 1000);
	check_volatile(REDIS_VOLATILE_LRU);
	ck_assert_uint_gt(left().used, n_keys * 19 / 100);
}
END_TEST

START_TEST(test_volatile_lfu)
{
	use_some(50, 0);
	check_volatile(REDIS_VOLATILE_LFU);
	ck_assert_uint_gt(left().used, n_keys * 18 / 100);
}
END_TEST

START_TEST(test_volatile_ttl_takes_those_that_expire_first)
{
	check_volatile(REDIS_VOLATILE_TTL);
	ck_assert(left().first);
	ck_assert(!left().last_expiring);
}
END_TEST

static int idle_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct redis_key key;
	int64_t *out = arg;
	struct slice name = slice_of("k00001");
	int rc = redis_key_peek(t, name, &key, err);

	t->now_ms += 7500;
	out[0] = redis_idle_s(t, name, &key);
	out[1] = redis_frequency(t, name);
	t->now_ms += 2 * 60000;
	out[2] = redis_frequency(t, name);
	return rc;
}

START_TEST(test_idle_time_and_frequency)
{
	int64_t got[3];

	redis_ok(&f, redis_fixture_read(&f, idle_fn, got));
	ck_assert_int_ge(got[0], 7);
	/* A minute may end meanwhile. */
	ck_assert(got[1] == 5 || got[1] == 4);
	ck_assert_int_eq(got[2], got[1] - 2);
	use_some(1, 0);
	redis_ok(&f, redis_fixture_read(&f, idle_fn, got));
	ck_assert(got[1] == 6 || got[1] == 5);
}
END_TEST

START_TEST(test_keys_that_were_evicted_are_told_of)
{
	struct outcome o;

	buf_clear(&f.told);
	redis_ok(&f, evict_to(REDIS_VOLATILE_TTL, n_keys - 2, &o));
	char expected[64];
	snprintf(expected, sizeof(expected), "%s ", name_of(n_keys - 2));
	size_t n = strlen(expected);
	snprintf(expected + n, sizeof(expected) - n, "%s ", name_of(n_keys - 4));
	ck_assert_str_eq(buf_cstr(&f.told), expected);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_evict");
	TCase *c = tcase_create("evict");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, test_noeviction_refuses);
	tcase_add_test(c, test_who_only_reads_evicts_nothing);
	tcase_add_test(c, test_random_takes_all_alike);
	tcase_add_test(c, test_lru_keeps_what_was_used);
	tcase_add_test(c, test_lfu_keeps_what_was_used_often);
	tcase_add_test(c, test_volatile_policies_leave_what_does_not_expire);
	tcase_add_test(c, test_volatile_lru);
	tcase_add_test(c, test_volatile_lfu);
	tcase_add_test(c, test_volatile_ttl_takes_those_that_expire_first);
	tcase_add_test(c, test_idle_time_and_frequency);
	tcase_add_test(c, test_keys_that_were_evicted_are_told_of);
	suite_add_tcase(s, c);
	return run_suite(s);
}
