/* Commands of strings and of keys answer what Redis answers. */
#include <check.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/redis_cases.h"

static struct redis_fixture f;

static void setup(void)
{
	redis_fixture_start(&f);
}

static void teardown(void)
{
	redis_fixture_end(&f);
}

START_TEST(test_strings)
{
	redis_cases(&f, "strings.txt", NULL);
}
END_TEST

START_TEST(test_bits)
{
	redis_cases(&f, "bits.txt", NULL);
}
END_TEST

START_TEST(test_keys)
{
	redis_cases(&f, "keys.txt", NULL);
}
END_TEST

/* ---- SCAN ---- */

enum { SCANNED = 300 };

__attribute__((format(printf, 1, 2))) static const char *line(const char *format, ...)
{
	static char text[128];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return text;
}

/* Marks the names of one call; the next cursor. */
static unsigned long scan_step(unsigned long cursor, bool seen[SCANNED])
{
	char command[64];

	snprintf(command, sizeof(command), "SCAN %lu COUNT 7", cursor);
	struct slice rest = slice_of(redis_answer_resp(&f, command));
	struct redis_reply reply;
	ck_assert(redis_reply_next(&rest, &reply) && redis_reply_next(&rest, &reply));
	cursor = strtoul(reply.text.p, NULL, 10);
	ck_assert(redis_reply_next(&rest, &reply));
	for (int64_t n = reply.value; n > 0; n--) {
		ck_assert(redis_reply_next(&rest, &reply));
		if (reply.text.p[0] == 'k') {
			seen[strtoul(reply.text.p + 1, NULL, 10)] = true;
		}
	}
	return cursor;
}

START_TEST(test_a_scan_meets_what_is_there_throughout)
{
	bool seen[SCANNED] = {false};
	unsigned long cursor = 0;
	unsigned step = 0;

	for (unsigned i = 0; i < SCANNED; i++) {
		redis_answer(&f, line("SET k%u x", i));
	}
	do {
		cursor = scan_step(cursor, seen);
		/* Old keys go, new ones come; some that stay become another type, or are taken
		 * by a rename of what the scan has passed. */
		if (step % 3 == 0) {
			redis_answer(&f, line("DEL k%u", 10 * step + 1));
		} else if (step % 3 == 1) {
			redis_answer(&f, line("RPUSH new%u x", step));
			redis_answer(&f, line("RENAME new%u k298", step));
		} else {
			redis_answer(&f, line("DEL temp k%u", 10 * step + 3));
			redis_answer(&f, "SET temp 1");
			redis_answer(&f, "RENAME temp k299");
		}
		step++;
	} while (cursor != 0);
	for (unsigned i = 0; i < SCANNED; i++) {
		ck_assert_msg(seen[i] || i % 10 == 1 || i % 10 == 3, "k%u", i);
	}
}
END_TEST

START_TEST(test_randomkey_gives_any)
{
	unsigned found = 0;

	redis_answer(&f, "MSET a 1 b 2 c 3");
	for (unsigned i = 0; found != 7; i++) {
		ck_assert_uint_lt(i, 100000);
		found |= 1U << (redis_answer(&f, "RANDOMKEY")[1] - 'a');
	}
}
END_TEST

START_TEST(test_lookups_are_counted)
{
	struct redis_counts *counts = redis_db_counts(f.db);

	redis_answer(&f, "SET a 1");
	redis_answer(&f, "GET a");
	redis_answer(&f, "MGET a b c");
	redis_answer(&f, "TTL a");
	ck_assert_uint_eq(counts->hits, 2);
	ck_assert_uint_eq(counts->misses, 2);
}
END_TEST

START_TEST(test_writes_need_memory)
{
	redis_answer(&f, "SET a 0123456789");
	f.limits.maxmemory = 1;
	ck_assert_str_eq(redis_answer(&f, "SET b 1"),
		"(error) OOM command not allowed when used memory > 'maxmemory'.\n");
	ck_assert_str_eq(redis_answer(&f, "GET a"), "\"0123456789\"\n");
	f.limits.policy = REDIS_ALLKEYS_LFU;
	ck_assert_str_eq(redis_answer(&f, "OBJECT FREQ a"), "(integer) 6\n");
	f.limits.policy = REDIS_ALLKEYS_LRU;
	ck_assert_str_eq(redis_answer(&f, "SET b 1"), "OK\n");
	ck_assert_str_eq(redis_answer(&f, "GET a"), "(nil)\n");
	ck_assert_str_eq(redis_answer(&f, "DEL b"), "(integer) 1\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_strings");
	TCase *c = tcase_create("strings");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, test_strings);
	tcase_add_test(c, test_bits);
	tcase_add_test(c, test_keys);
	tcase_add_test(c, test_a_scan_meets_what_is_there_throughout);
	tcase_add_test(c, test_randomkey_gives_any);
	tcase_add_test(c, test_lookups_are_counted);
	tcase_add_test(c, test_writes_need_memory);
	suite_add_tcase(s, c);
	return run_suite(s);
}
