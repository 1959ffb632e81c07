#include "tests/unit/redis_elements.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/random.h"

static struct redis_fixture f;
static const struct typed k = {&f, REDIS_SET, "k"};

static void setup(void)
{
	redis_fixture_start(&f);
}

static void teardown(void)
{
	typed_check(&k);
	redis_fixture_end(&f);
}

#define FAILS(errno_, text, call)                                                                  \
	do {                                                                                       \
		ck_assert_int_eq(call, -(errno_));                                                 \
		ck_assert_msg(strstr(f.err.msg, text) != NULL, "%s", f.err.msg);                   \
	} while (0)
#define SAYS(line, expected) ck_assert_str_eq(redis_says(&f, line), expected)

/* ---- commands ---- */

START_TEST(test_commands)
{
	redis_said_check(&f, "redis_set_said.txt");
}
END_TEST

START_TEST(test_commands_of_a_server)
{
	redis_said_check_server("redis_set_said.txt");
}
END_TEST

/* ---- files ---- */

START_TEST(test_files)
{
	struct engine_info a;
	struct engine_info b;

	FAILS(ENOENT, "there is no member 'a'", typed_stat(&k, "a", &a));
	FAILS(EINVAL, "is empty", typed_write(&k, "a", "x", ENGINE_VERSION_ANY));
	ck_assert_str_eq(keys_names(&f), "");
	redis_ok(&f, typed_write(&k, "a", "", ENGINE_VERSION_ABSENT));
	redis_ok(&f, typed_write(&k, "b", "", ENGINE_VERSION_ANY));
	redis_ok(&f, typed_stat(&k, "a", &a));
	ck_assert_uint_eq(a.size, 0);
	FAILS(EEXIST, "exists already", typed_write(&k, "a", "", ENGINE_VERSION_ABSENT));
	FAILS(EBUSY, "changed", typed_write(&k, "a", "", a.version + 1));
	redis_ok(&f, typed_write(&k, "a", "", ENGINE_VERSION_ANY));
	SAYS("sadd k a", "0");
	redis_ok(&f, typed_stat(&k, "a", &b));
	ck_assert_uint_eq(a.version, b.version);
	ck_assert_str_eq(typed_list(&k, NULL, 9), "a b ");
	redis_ok(&f, typed_remove(&k, "a", a.version));
	redis_ok(&f, typed_remove(&k, "b", ENGINE_VERSION_ANY));
	ck_assert_str_eq(keys_names(&f), "");
}
END_TEST

START_TEST(test_rename)
{
	SAYS("sadd k a b", "2");
	FAILS(ENOENT, "no member 'z'", typed_rename(&k, "z", "a", 0));
	FAILS(EEXIST, "exists already", typed_rename(&k, "a", "b", RENAME_NOREPLACE));
	redis_ok(&f, typed_rename(&k, "a", "b", RENAME_EXCHANGE));
	ck_assert_str_eq(typed_list(&k, NULL, 9), "a b ");
	redis_ok(&f, typed_rename(&k, "a", "b", 0));
	ck_assert_str_eq(typed_list(&k, NULL, 9), "b ");
	redis_ok(&f, typed_rename(&k, "b", "c", 0));
	ck_assert_str_eq(typed_list(&k, NULL, 9), "c ");
}
END_TEST

START_TEST(test_list_while_members_change)
{
	SAYS("sadd k a b c d", "4");
	ck_assert_str_eq(typed_list(&k, NULL, 2), "a b ");
	SAYS("srem k b", "1");
	SAYS("sadd k aa cc", "2");
	ck_assert_str_eq(typed_list(&k, "b", 9), "c cc d ");
}
END_TEST

START_TEST(test_export_import)
{
	uint64_t n;

	SAYS("sadd k b \"\xff\" \"\"", "3");
	ck_assert_str_eq(typed_export(&k), "[\n  \"\",\n  \"b\",\n  {\"$b\": \"/w==\"}\n]\n");
	SAYS("del k", "1");
	redis_ok(&f, typed_import(&k, "[\"\", \"b\", {\"$b\": \"/w==\"}, 7]", true, &n));
	ck_assert_uint_eq(n, 4);
	SAYS("sismember k \"\xff\"", "1");
	SAYS("sismember k 7", "1");
	redis_ok(&f, typed_import(&k, "[\"b\", \"c\"]", false, &n));
	SAYS("scard k", "5");
	FAILS(EEXIST, "line 1, column 2: the member 'b' exists already",
		typed_import(&k, "[\"b\"]", true, &n));
	FAILS(EINVAL, "line 2, column 2: the member 'x' stands there twice",
		typed_import(&k, "[\"x\",\n \"x\"]", false, &n));
	FAILS(EINVAL, "line 1, column 1: expected an array of members",
		typed_import(&k, "{\"b\": 1}", false, &n));
	FAILS(EINVAL, "line 1, column 2", typed_import(&k, "[[1]]", false, &n));
	FAILS(EINVAL, "line 1, column 2", typed_import(&k, "[null]", false, &n));
	SAYS("scard k", "5");
}
END_TEST

/* ---- chance ---- */

/* Each is drawn about as often as any other: 6000 draws, 2000 of three. */
START_TEST(test_random_is_fair)
{
	unsigned often[6] = {0};
	const char *reply;

	SAYS("sadd k 0 1 2 3 4 5", "6");
	reply = redis_says(&f, "srandmember k -6000");
	for (const char *p = reply; *p != '\0'; p++) {
		if (*p >= '0' && *p <= '5') {
			often[*p - '0']++;
		}
	}
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_uint_ge(often[i], 700); /* of 1000; the chance to fail is 1e-20 */
		ck_assert_uint_le(often[i], 1300);
	}
	memset(often, 0, sizeof(often));
	for (unsigned i = 0; i < 2000; i++) {
		for (const char *p = redis_says(&f, "srandmember k 3"); *p != '\0'; p++) {
			if (*p >= '0' && *p <= '5') {
				often[*p - '0']++;
			}
		}
	}
	for (unsigned i = 0; i < 6; i++) {
		ck_assert_uint_ge(often[i], 700);
		ck_assert_uint_le(often[i], 1300);
	}
}
END_TEST

START_TEST(test_pop_takes_different_ones)
{
	char line[64];
	bool gone[100] = {false};

	for (int i = 0; i < 100; i++) {
		snprintf(line, sizeof(line), "sadd k %02d", i);
		SAYS(line, "1");
	}
	for (int left = 100; left > 0; left -= 20) {
		const char *p = redis_says(&f, "spop k 20");
		for (int i = 0; i < 20; i++) {
			unsigned long member = strtoul(p + 2 + (size_t)i * 5, NULL, 10);
			ck_assert(!gone[member]);
			gone[member] = true;
		}
		snprintf(line, sizeof(line), "%d", left - 20);
		SAYS("scard k", line);
	}
}
END_TEST

/* ---- at random, against bits ---- */

#define SETS	4
#define MEMBERS 10

static const char *const set_names[SETS] = {"a", "b", "c", "k"};

static void say_members(unsigned bits, char *out)
{
	char *p = out;

	*p++ = '[';
	for (unsigned i = 0; i < MEMBERS; i++) {
		if (bits & 1u << i) {
			p += sprintf(p, "%s\"%u\"", p > out + 1 ? " " : "", i);
		}
	}
	sprintf(p, "]");
}

static unsigned combine(const char *how, unsigned a, unsigned b)
{
	return how[1] == 'i' ? a & b : how[1] == 'u' ? a | b : a & ~b;
}

START_TEST(test_model)
{
	static const char *const hows[] = {"sinter", "sunion", "sdiff"};
	unsigned set[SETS] = {0};
	char line[128];
	char expected[128];

	rng_seed(_i);
	for (unsigned step = 0; step < 1500; step++) {
		int i = rng() % SETS;
		int j = rng() % SETS;
		int to = rng() % SETS;
		int member = rng() % MEMBERS;
		unsigned bit = 1u << member;
		const char *how = hows[rng() % 3];
		switch (rng() % 8) {
		case 0:
		case 1:
		case 2:
			snprintf(line, sizeof(line), "sadd %s %d", set_names[i], member);
			snprintf(expected, sizeof(expected), "%d", !(set[i] & bit));
			set[i] |= bit;
			break;
		case 3:
			snprintf(line, sizeof(line), "srem %s %d", set_names[i], member);
			snprintf(expected, sizeof(expected), "%d", !!(set[i] & bit));
			set[i] &= ~bit;
			break;
		case 4:
			snprintf(line, sizeof(line), "%s %s %s", how, set_names[i], set_names[j]);
			say_members(combine(how, set[i], set[j]), expected);
			/* A union comes set by set. */
			if (how[1] == 'u' && (set[j] & ~set[i]) != 0) {
				continue;
			}
			break;
		case 5:
			snprintf(line, sizeof(line), "%sstore %s %s %s", how, set_names[to],
				set_names[i], set_names[j]);
			set[to] = combine(how, set[i], set[j]);
			snprintf(expected, sizeof(expected), "%d", __builtin_popcount(set[to]));
			break;
		case 6:
			snprintf(line, sizeof(line), "smove %s %s %d", set_names[i], set_names[j],
				member);
			snprintf(expected, sizeof(expected), "%d", !!(set[i] & bit));
			if (set[i] & bit) {
				set[i] &= ~bit;
				set[j] |= bit;
			}
			break;
		default:
			snprintf(line, sizeof(line), "smembers %s", set_names[i]);
			say_members(set[i], expected);
			break;
		}
		ck_assert_msg(strcmp(redis_says(&f, line), expected) == 0,
			"step %u: %s: %s, not %s", step, line, redis_says(&f, line), expected);
		if (step % 100 == 0) {
			typed_check(&k);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_set");
	TCase *t = tcase_create("set");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_commands);
	tcase_add_test(t, test_files);
	tcase_add_test(t, test_rename);
	tcase_add_test(t, test_list_while_members_change);
	tcase_add_test(t, test_export_import);
	tcase_add_test(t, test_random_is_fair);
	tcase_add_test(t, test_pop_takes_different_ones);
	tcase_add_loop_test(t, test_model, 1, 4);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	TCase *server = tcase_create("server");
	tcase_add_test(server, test_commands_of_a_server);
	tcase_set_timeout(server, 60);
	suite_add_tcase(s, server);
	return run_suite(s);
}
