#include "tests/unit/redis_elements.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/name.h"
#include "engines/common/cleanup.h"
#include "tests/unit/random.h"

static struct redis_fixture f;
static const struct typed k = {&f, REDIS_HASH, "k"};

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
	redis_said_check(&f, "redis_hash_said.txt");
}
END_TEST

START_TEST(test_commands_of_a_server)
{
	redis_said_check_server("redis_hash_said.txt");
}
END_TEST

/* What all calls of a scan give, each name once; how many calls it took. */
static unsigned scan(const char *command, unsigned count, char *seen, unsigned n, unsigned each)
{
	CLEANUP(buf_free) struct buf reply = BUF_INIT;
	struct redis_reply r;
	char line[128];
	char cursor[32] = "0";
	unsigned calls = 0;

	memset(seen, 0, n);
	do {
		snprintf(line, sizeof(line), "%s k %s count %u", command, cursor, count);
		redis_command_line(&f, line, &reply);
		struct slice rest = buf_slice(&reply);
		ck_assert(redis_reply_next(&rest, &r) && redis_reply_next(&rest, &r));
		snprintf(cursor, sizeof(cursor), "%.*s", (int)r.text.n, r.text.p);
		ck_assert(redis_reply_next(&rest, &r));
		for (int64_t left = r.value / each; left > 0; left--) {
			ck_assert(redis_reply_next(&rest, &r));
			seen[strtoul(r.text.p + r.text.n - 6, NULL, 10)]++;
			for (unsigned i = 1; i < each; i++) {
				ck_assert(redis_reply_next(&rest, &r));
			}
		}
		calls++;
	} while (strcmp(cursor, "0") != 0);
	return calls;
}

static void fill(unsigned n, const char *prefix)
{
	char line[128];

	for (unsigned i = 0; i < n; i++) {
		snprintf(line, sizeof(line), "hset k %s%06u v", prefix, i);
		redis_says(&f, line);
	}
}

START_TEST(test_scan_gives_each_once)
{
	char seen[1000];

	fill(1000, "user:");
	ck_assert_uint_eq(scan("hscan", 10, seen, 1000, 2), 100);
	for (unsigned i = 0; i < 1000; i++) {
		ck_assert_int_eq(seen[i], 1);
	}
	/* Names that agree in what a cursor tells of come together. */
	SAYS("hset k b v", "1");
	ck_assert_uint_le(scan("hscan", 10, seen, 1000, 2), 100);
	for (unsigned i = 0; i < 1000; i++) {
		ck_assert_int_ge(seen[i], 1);
	}
}
END_TEST

/* Between two calls the names no longer begin alike: the scan begins anew and misses none. */
START_TEST(test_scan_while_the_prefix_changes)
{
	CLEANUP(buf_free) struct buf reply = BUF_INIT;
	struct redis_reply r;
	char line[128];

	fill(300, "user:");
	redis_command_line(&f, "hscan k 0 count 100", &reply);
	struct slice rest = buf_slice(&reply);
	ck_assert(redis_reply_next(&rest, &r) && redis_reply_next(&rest, &r));
	snprintf(line, sizeof(line), "hscan k %.*s count 1000", (int)r.text.n, r.text.p);
	SAYS("hset k zzz v", "1");
	redis_command_line(&f, line, &reply);
	rest = buf_slice(&reply);
	ck_assert(redis_reply_next(&rest, &r) && redis_reply_next(&rest, &r));
	ck_assert(redis_reply_next(&rest, &r));
	ck_assert_int_eq(r.value, 602);
}
END_TEST

/* ---- files ---- */

START_TEST(test_files)
{
	struct engine_info a;
	struct engine_info b;

	FAILS(ENOENT, "there is no field 'a'", typed_stat(&k, "a", &a));
	redis_ok(&f, typed_write(&k, "a", "one", ENGINE_VERSION_ABSENT));
	redis_ok(&f, typed_write(&k, "b", "", ENGINE_VERSION_ANY));
	redis_ok(&f, typed_stat(&k, "a", &a));
	ck_assert_uint_eq(a.size, 3);
	FAILS(EEXIST, "the field exists already",
		typed_write(&k, "a", "two", ENGINE_VERSION_ABSENT));
	FAILS(EBUSY, "changed since it was read", typed_write(&k, "a", "two", a.version + 1000));
	FAILS(EBUSY, "was removed since it was read", typed_write(&k, "c", "two", a.version));
	redis_ok(&f, typed_write(&k, "a", "one", a.version));
	redis_ok(&f, typed_stat(&k, "a", &b));
	ck_assert_uint_eq(a.version, b.version);
	ck_assert_int_eq(a.mtime_ns, b.mtime_ns);
	redis_ok(&f, typed_write(&k, "a", "two more", a.version));
	redis_ok(&f, typed_stat(&k, "a", &b));
	ck_assert_uint_gt(b.version, a.version);
	ck_assert_int_gt(b.mtime_ns, a.mtime_ns);
	ck_assert_str_eq(typed_read(&k, "a"), "two more");
	ck_assert_str_eq(typed_list(&k, NULL, 9), "a b ");
	FAILS(EBUSY, "changed", typed_remove(&k, "a", a.version));
	FAILS(ENOENT, "no field", typed_remove(&k, "z", ENGINE_VERSION_ANY));
	redis_ok(&f, typed_remove(&k, "a", b.version));
	redis_ok(&f, typed_remove(&k, "b", ENGINE_VERSION_ANY));
	ck_assert_str_eq(keys_names(&f), "");
}
END_TEST

/* The key's time is that of its list of fields. */
START_TEST(test_times)
{
	struct redis_key before;
	struct redis_key after;

	redis_ok(&f, typed_write(&k, "a", "1", ENGINE_VERSION_ANY));
	keys_of(&f, "k", &before);
	redis_ok(&f, typed_write(&k, "a", "2", ENGINE_VERSION_ANY));
	SAYS("hset k a 3", "0");
	SAYS("hincrby k a 3", "6");
	keys_of(&f, "k", &after);
	ck_assert_int_eq(before.mtime_ns, after.mtime_ns);
	ck_assert_uint_gt(after.version, before.version);
	SAYS("hset k a 3 b 4", "1");
	keys_of(&f, "k", &after);
	ck_assert_int_gt(after.mtime_ns, before.mtime_ns);
}
END_TEST

START_TEST(test_told)
{
	redis_ok(&f, typed_write(&k, "a", "1", ENGINE_VERSION_ANY));
	buf_clear(&f.told);
	SAYS("hset k a 2", "0");
	ck_assert_str_eq(buf_cstr(&f.told), "k/a ");
	buf_clear(&f.told);
	SAYS("hset k b 2", "1");
	ck_assert_str_eq(buf_cstr(&f.told), "k ");
	buf_clear(&f.told);
	SAYS("hdel k nope", "0");
	SAYS("hget k a", "\"2\"");
	ck_assert_str_eq(buf_cstr(&f.told), "");
}
END_TEST

START_TEST(test_rename)
{
	redis_ok(&f, typed_write(&k, "a", "one", ENGINE_VERSION_ANY));
	redis_ok(&f, typed_write(&k, "b", "two", ENGINE_VERSION_ANY));
	FAILS(ENOENT, "no field 'z'", typed_rename(&k, "z", "a", 0));
	FAILS(EEXIST, "exists already", typed_rename(&k, "a", "b", RENAME_NOREPLACE));
	FAILS(EEXIST, "the same", typed_rename(&k, "a", "a", RENAME_NOREPLACE));
	FAILS(ENOENT, "no field 'z'", typed_rename(&k, "a", "z", RENAME_EXCHANGE));
	redis_ok(&f, typed_rename(&k, "a", "a", 0));
	redis_ok(&f, typed_rename(&k, "a", "b", RENAME_EXCHANGE));
	ck_assert_str_eq(typed_read(&k, "a"), "two");
	redis_ok(&f, typed_rename(&k, "a", "b", 0));
	ck_assert_str_eq(typed_list(&k, NULL, 9), "b ");
	ck_assert_str_eq(typed_read(&k, "b"), "two");
	redis_ok(&f, typed_rename(&k, "b", "longer", RENAME_NOREPLACE));
	ck_assert_str_eq(typed_list(&k, NULL, 9), "longer ");
}
END_TEST

/* A listing goes on behind a name that is gone, while others come. */
START_TEST(test_list_while_fields_change)
{
	SAYS("hset k a 1 b 22 c 333 d 4444", "4");
	ck_assert_str_eq(typed_list(&k, NULL, 2), "a b ");
	SAYS("hdel k b", "1");
	SAYS("hset k aa 1 cc 2 d 5", "2");
	ck_assert_str_eq(typed_list(&k, "b", 9), "c cc d ");
	ck_assert_str_eq(typed_list(&k, "d", 9), "");
	SAYS("hset k \"\" empty", "1");
	ck_assert_str_eq(typed_list(&k, NULL, 2), " a ");
	ck_assert_str_eq(typed_list(&k, "", 1), "a ");
}
END_TEST

struct long_name {
	const char *name;
	struct buf found;
};

static int find_long(struct redis_txn *t, void *arg, struct err *err)
{
	unsigned char hash[NAME_HASH_BYTES];
	struct long_name *l = arg;
	struct redis_key key;
	int rc = redis_key_find(t, slice_of("k"), &key, err);

	buf_clear(&l->found);
	name_hash(slice_of(l->name), hash);
	return rc < 0 ? rc : redis_long_find(t, key.id, hash, &l->found, err);
}

START_TEST(test_long_names)
{
	char name[301];
	struct long_name l = {.name = name};

	memset(name, 'x', 300);
	name[300] = '\0';
	redis_ok(&f, typed_write(&k, name, "1", ENGINE_VERSION_ANY));
	redis_ok(&f, redis_fixture_read(&f, find_long, &l));
	ck_assert_str_eq(buf_cstr(&l.found), name);
	SAYS("copy k k2", "1");
	redis_ok(&f, typed_rename(&k, name, "short", 0));
	FAILS(ENOENT, "no such name", redis_fixture_read(&f, find_long, &l));
	SAYS("del k2", "1");
	buf_free(&l.found);
}
END_TEST

/* ---- JSON ---- */

START_TEST(test_export_import)
{
	uint64_t n;

	SAYS("hset k b \"two\x0a\" a 1 \"\" \"\"", "3");
	ck_assert_str_eq(
		typed_export(&k), "{\n  \"\": \"\",\n  \"a\": \"1\",\n  \"b\": \"two\\n\"\n}\n");
	SAYS("hset k c \"\xff\"", "1");
	SAYS("hdel k b \"\"", "2");
	ck_assert_str_eq(typed_export(&k), "{\n  \"a\": \"1\",\n  \"c\": {\"$b\": \"/w==\"}\n}\n");
	SAYS("hset k \"\xfe\" x", "1");
	ck_assert_str_eq(typed_export(&k), "[\n  [\"a\", \"1\"],\n  [\"c\", {\"$b\": \"/w==\"}],\n"
					   "  [{\"$b\": \"/g==\"}, \"x\"]\n]\n");
	SAYS("del k", "1");
	redis_ok(&f, typed_import(&k, "[[{\"$b\": \"/g==\"}, \"x\"], [\"a\", 36.50]]", true, &n));
	ck_assert_uint_eq(n, 2);
	SAYS("hget k a", "\"36.50\"");
	SAYS("hget k \"\xfe\"", "\"x\"");
	redis_ok(&f, typed_import(&k, "{\"a\": \"1\", \"q\": {\"$b\": \"/w==\"}}", false, &n));
	SAYS("hlen k", "3");
	SAYS("hget k q", "\"\\xff\"");
	redis_ok(&f, typed_import(&k, "{}", false, &n));
	ck_assert_uint_eq(n, 0);
}
END_TEST

static const struct {
	const char *text;
	int code;
	const char *says;
} refused[] = {
	{"", EINVAL, "line 1, column 1"},
	{"7", EINVAL, "line 1, column 1: expected an object of fields"},
	{"{\"a\": \"1\",\n \"a\": \"1\"}", EINVAL,
		"line 2, column 2: the field 'a' stands there twice"},
	{"{\"n\": \"1\",\n \"old\": \"1\"}", EEXIST,
		"line 2, column 2: the field 'old' exists already"},
	{"{\"a\": null}", EINVAL, "line 1, column 7: expected a string, or {\"$b\""},
	{"{\"a\": {\"b\": 1}}", EINVAL, "line 1, column 8: expected a string, or {\"$b\""},
	{"{\"a\": {\"$b\": \"?\"}}", EINVAL, "line 1, column 14: base64"},
	{"{\"a\": []}", EINVAL, "line 1, column 7"},
	{"[\"a\"]", EINVAL, "line 1, column 2: expected a pair"},
	{"[[\"a\"]]", EINVAL, "line 1, column 6"},
	{"[[\"a\", \"b\", \"c\"]]", EINVAL, "line 1, column 13: expected ']'"},
	{"[[\"a\", \"b\"]", EINVAL, "line 1, column 12: the text ends inside an array"},
	{"{\"a\": \"1\"} x", EINVAL, "line 1, column 12"},
};

START_TEST(test_import_refuses)
{
	uint64_t n;

	SAYS("hset k old 1", "1");
	FAILS(refused[_i].code, refused[_i].says, typed_import(&k, refused[_i].text, true, &n));
	SAYS("hgetall k", "[\"old\" \"1\"]");
}
END_TEST

/* ---- at random ---- */

#define FIELDS 12

START_TEST(test_model)
{
	int value[FIELDS]; /* -1: not there */
	char line[128];
	char expected[128];

	rng_seed(_i);
	memset(value, -1, sizeof(value));
	for (unsigned step = 0; step < 1500; step++) {
		int i = rng() % FIELDS;
		int j = rng() % FIELDS;
		int v = rng() % 1000;
		unsigned n = 0;
		switch (rng() % 6) {
		case 0:
			snprintf(line, sizeof(line), "hset k f%d %d", i, v);
			snprintf(expected, sizeof(expected), "%d", value[i] < 0);
			value[i] = v;
			break;
		case 1:
			snprintf(line, sizeof(line), "hdel k f%d f%d", i, j);
			snprintf(expected, sizeof(expected), "%d",
				(value[i] >= 0) + (i != j && value[j] >= 0));
			value[i] = value[j] = -1;
			break;
		case 2:
			snprintf(line, sizeof(line), "hincrby k f%d %d", i, v);
			value[i] = (value[i] < 0 ? 0 : value[i]) + v;
			snprintf(expected, sizeof(expected), "%d", value[i]);
			break;
		case 3:
			snprintf(line, sizeof(line), "hlen k");
			for (unsigned at = 0; at < FIELDS; at++) {
				n += value[at] >= 0;
			}
			snprintf(expected, sizeof(expected), "%u", n);
			break;
		case 4:
			snprintf(line, sizeof(line), "f%d", i);
			snprintf(expected, sizeof(expected), "f%d", j);
			ck_assert_int_eq(
				typed_rename(&k, line, expected, 0), value[i] < 0 ? -ENOENT : 0);
			if (value[i] >= 0 && i != j) {
				value[j] = value[i];
				value[i] = -1;
			}
			continue;
		default:
			snprintf(line, sizeof(line), "hget k f%d", i);
			snprintf(expected, sizeof(expected), "\"%d\"", value[i]);
			if (value[i] < 0) {
				snprintf(expected, sizeof(expected), "nil");
			}
			break;
		}
		ck_assert_msg(strcmp(redis_says(&f, line), expected) == 0, "step %u: %s: not %s",
			step, line, expected);
		if (step % 100 == 0) {
			typed_check(&k);
			typed_list(&k, NULL, FIELDS);
		}
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_hash");
	TCase *t = tcase_create("hash");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_commands);
	tcase_add_test(t, test_scan_gives_each_once);
	tcase_add_test(t, test_scan_while_the_prefix_changes);
	tcase_add_test(t, test_files);
	tcase_add_test(t, test_times);
	tcase_add_test(t, test_told);
	tcase_add_test(t, test_rename);
	tcase_add_test(t, test_list_while_fields_change);
	tcase_add_test(t, test_long_names);
	tcase_add_test(t, test_export_import);
	tcase_add_loop_test(t, test_import_refuses, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_loop_test(t, test_model, 1, 4);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	TCase *server = tcase_create("server");
	tcase_add_test(server, test_commands_of_a_server);
	tcase_set_timeout(server, 60);
	suite_add_tcase(s, server);
	return run_suite(s);
}
