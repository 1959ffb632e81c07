/* Lists: commands answer what Redis answers; a plain array does the same under random operations;
 * a list is a directory whose files move up when one goes. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/redis/reply.h"
#include "engines/cache/redis/type.h"
#include "engines/common/cleanup.h"
#include "tests/unit/random.h"
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

START_TEST(test_commands)
{
	redis_cases(&f, "lists.txt", NULL);
}
END_TEST

/* ---- a naive list ---- */

enum { NAIVE_MAX = 400 };

static struct {
	int value[NAIVE_MAX];
	int n;
} naive;

static void naive_insert(int at, int value)
{
	memmove(&naive.value[at + 1], &naive.value[at],
		(size_t)(naive.n - at) * sizeof(naive.value[0]));
	naive.value[at] = value;
	naive.n++;
}

static void naive_remove(int at)
{
	naive.n--;
	memmove(&naive.value[at], &naive.value[at + 1],
		(size_t)(naive.n - at) * sizeof(naive.value[0]));
}

static int naive_find(int value)
{
	int i = 0;
	while (i < naive.n && naive.value[i] != value) {
		i++;
	}
	return i < naive.n ? i : -1;
}

static const char *naive_answer(void)
{
	static struct buf out;
	char text[16];

	buf_clear(&out);
	redis_reply_array(&out, (size_t)naive.n);
	for (int i = 0; i < naive.n; i++) {
		snprintf(text, sizeof(text), "%d", naive.value[i]);
		redis_reply_text(&out, text);
	}
	return buf_cstr(&out);
}

__attribute__((format(printf, 1, 2))) static void run(const char *format, ...)
{
	char line[64];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	ck_assert_msg(redis_answer_resp(&f, line)[0] != '-', "%s", line);
}

static void naive_trim(int first, int last)
{
	for (int i = naive.n - 1; i >= 0; i--) {
		if (i < first || i > last) {
			naive_remove(i);
		}
	}
}

static void naive_rem(int count, int value)
{
	int left = count == 0 ? naive.n : abs(count);
	for (int i = count < 0 ? naive.n - 1 : 0; left > 0 && i >= 0 && i < naive.n;) {
		if (naive.value[i] == value) {
			naive_remove(i);
			left--;
			i -= count < 0;
		} else {
			i += count < 0 ? -1 : 1;
		}
	}
}

static void step(void)
{
	int value = rng() % 12, at = naive.n > 0 ? rng() % naive.n : 0, count = rng() % 7 - 3;
	int pivot = naive_find(rng() % 12);

	switch (naive.n >= NAIVE_MAX - 2 ? 4 : rng() % 9) {
	case 0:
		run("LPUSH l %d", value);
		naive_insert(0, value);
		break;
	case 1:
	case 2:
	case 3:
		run("RPUSH l %d", value);
		naive_insert(naive.n, value);
		break;
	case 4:
		run("LTRIM l %d %d", at / 4, at / 4 + 60);
		naive_trim(at / 4, at / 4 + 60);
		break;
	case 5:
		run("LREM l %d %d", count, value);
		naive_rem(count, value);
		break;
	case 6:
		if (naive.n > 0) {
			run("LSET l %d %d", at, value);
			naive.value[at] = value;
		}
		break;
	case 7:
	case 8:
		if (pivot >= 0) {
			bool after = rng() % 2 == 0;
			run("LINSERT l %s %d %d", after ? "AFTER" : "BEFORE", naive.value[pivot],
				value);
			naive_insert(pivot + after, value);
		}
		break;
	}
}

/* Every step leaves what the naive list has, and sizes that agree with the rows. */
START_TEST(test_random_operations)
{
	rng_seed((unsigned)_i);
	naive.n = 0;
	for (int i = 0; i < 400; i++) {
		step();
		ck_assert_str_eq(redis_answer_resp(&f, "LRANGE l 0 -1"), naive_answer());
		struct redis_key key;
		uint64_t bytes = 1; /* the name */
		for (int j = 0; j < naive.n; j++) {
			bytes += naive.value[j] < 10 ? 1 : 2;
		}
		if (naive.n > 0) {
			ck_assert_int_eq(keys_of(&f, "l", &key), 1);
			ck_assert_uint_eq(key.bytes, bytes);
			ck_assert_uint_eq(key.n, naive.n);
		}
	}
}
END_TEST

/* ---- files ---- */

struct file {
	const char *what; /* "write", "remove", "read", "list", "rename", "script", "import", .. */
	const char *element, *text;
	uint64_t expect;
	unsigned flags;
	uint64_t n;
	struct engine_info info;
	struct buf out;
};

static int emit_name(void *arg, struct slice key, const struct engine_info *info)
{
	buf_append_slice(arg, key);
	buf_printf(arg, ":%u ", (unsigned)info->size);
	return 0;
}

static int change_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct file *x = arg;
	const struct redis_type_ops *ops = &redis_list_type;
	struct slice name = slice_of("l");
	struct redis_key key;
	int rc = redis_key_open(t, name, REDIS_LIST, &key, err);

	buf_clear(&x->out);
	if (rc < 0) {
		return rc;
	}
	if (strcmp(x->what, "write") == 0) {
		struct redis_put put = {slice_of(x->element), slice_of(x->text), x->expect};
		return ops->write(t, name, &key, &put, &x->info, err);
	}
	if (strcmp(x->what, "remove") == 0) {
		return ops->remove(t, name, &key, slice_of(x->element), x->expect, err);
	}
	if (strcmp(x->what, "rename") == 0) {
		return ops->rename(
			t, name, &key, slice_of(x->element), slice_of(x->text), x->flags, err);
	}
	if (strcmp(x->what, "import") == 0) {
		return ops->import_json(t, name, &key, slice_of(x->text), false, &x->n, err);
	}
	return ops->script(t, name, &key, x->what, slice_of(x->text), &x->out, err);
}

static int look_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct file *x = arg;
	const struct redis_type_ops *ops = &redis_list_type;
	struct redis_key key;
	int rc = redis_key_typed(t, slice_of("l"), REDIS_LIST, &key, err);

	buf_clear(&x->out);
	if (rc <= 0) {
		return rc < 0 ? rc : err_set(err, ENOENT, "no list");
	}
	if (strcmp(x->what, "list") == 0) {
		struct slice after = slice_of(x->element != NULL ? x->element : "");
		return ops->list(
			t, &key, x->element != NULL ? &after : NULL, emit_name, &x->out, err);
	}
	if (strcmp(x->what, "export") == 0) {
		return ops->export_json(t, &key, &x->out, err);
	}
	rc = ops->read(t, &key, slice_of(x->element), &x->out, &x->info, err);
	ck_assert(rc < 0 || x->info.size == x->out.n);
	return rc;
}

static struct file x;

static int change(const char *what, const char *element, const char *text)
{
	x.what = what;
	x.element = element;
	x.text = text;
	return redis_fixture_write(&f, change_fn, &x);
}

static const char *look(const char *what, const char *element)
{
	x.what = what;
	x.element = element;
	int rc = redis_fixture_read(&f, look_fn, &x);
	return rc < 0 ? f.err.msg : buf_cstr(&x.out);
}

START_TEST(test_files_are_elements)
{
	x.expect = ENGINE_VERSION_ABSENT;
	redis_ok(&f, change("write", "0", "first"));
	ck_assert_uint_eq(x.info.size, 5);
	redis_ok(&f, change("write", "1", ""));
	redis_ok(&f, change("write", "2", "third\n"));
	ck_assert_str_eq(look("list", NULL), "2:6 1:0 0:5 ");
	ck_assert_str_eq(look("list", "2"), "1:0 0:5 ");
	ck_assert_str_eq(look("list", "7"), "2:6 1:0 0:5 ");
	ck_assert_str_eq(look("read", "2"), "third\n");
	ck_assert_str_eq(look("read", "3"), "the list has 3 elements");
	ck_assert_str_eq(look("read", "01"), "the list has 3 elements");
	ck_assert_int_eq(change("write", "1", "again"), -EEXIST);
	ck_assert_int_eq(change("write", "4", "gap"), -EINVAL);
	ck_assert_str_eq(f.err.msg, "the list has 3 elements: the next to write is 3");
	ck_assert_int_eq(change("write", "x", "gap"), -EINVAL);
	ck_assert_str_eq(f.err.msg, "an element of a list is called by its index: 0, 1, 2, ...");
	x.expect = ENGINE_VERSION_ANY;
	redis_ok(&f, change("remove", "0", NULL));
	ck_assert_str_eq(look("list", NULL), "1:6 0:0 ");
	redis_ok(&f, change("remove", "0", NULL));
	redis_ok(&f, change("remove", "0", NULL));
	ck_assert_str_eq(look("list", NULL), "no list");
	ck_assert_int_eq(change("remove", "0", NULL), -ENOENT);
}
END_TEST

/* rm -r takes what is listed, in that order. */
START_TEST(test_what_is_listed_can_be_removed_one_by_one)
{
	redis_answer(&f, "RPUSH l a b c d e f");
	CLEANUP(buf_free) struct buf names = BUF_INIT;
	buf_puts(&names, look("list", NULL));
	x.expect = ENGINE_VERSION_ANY;
	char *rest = names.p;
	buf_putc(&names, '\0');
	for (char *name; (name = strtok_r(rest, " ", &rest)) != NULL;) {
		*strchr(name, ':') = '\0';
		redis_ok(&f, change("remove", name, NULL));
	}
	ck_assert_str_eq(look("list", NULL), "no list");
}
END_TEST

START_TEST(test_a_version_belongs_to_an_element)
{
	x.expect = ENGINE_VERSION_ANY;
	redis_ok(&f, change("write", "0", "a"));
	redis_ok(&f, change("write", "1", "b"));
	uint64_t b = x.info.version;
	redis_ok(&f, change("write", "1", "b"));
	ck_assert_uint_eq(x.info.version, b); /* the same again changes nothing */
	redis_answer(&f, "LPUSH l z");
	x.expect = b;
	ck_assert_int_eq(change("write", "1", "c"), -EBUSY); /* that is a now */
	ck_assert_int_eq(change("remove", "1", NULL), -EBUSY);
	redis_ok(&f, change("write", "2", "c"));
	ck_assert_uint_ne(x.info.version, b);
	ck_assert_int_eq(change("write", "3", "c"), -EBUSY);
	ck_assert_str_eq(
		redis_answer_resp(&f, "LRANGE l 0 -1"), "*3\r\n$1\r\nz\r\n$1\r\na\r\n$1\r\nc\r\n");
}
END_TEST

START_TEST(test_only_an_exchange_renames)
{
	redis_answer(&f, "RPUSH l a b c");
	x.flags = 0;
	ck_assert_int_eq(change("rename", "0", "2"), -EINVAL);
	x.flags = RENAME_EXCHANGE;
	redis_ok(&f, change("rename", "0", "2"));
	ck_assert_str_eq(look("export", NULL), "[\"c\",\n \"b\",\n \"a\"]\n");
	ck_assert_int_eq(change("rename", "0", "9"), -ENOENT);
	x.flags = 0;
}
END_TEST

START_TEST(test_scripts_push_lines)
{
	redis_ok(&f, change("rpush", NULL, "a\n\nb"));
	ck_assert_str_eq(buf_cstr(&x.out), "3\n");
	redis_ok(&f, change("lpush", NULL, "y\nz\n"));
	ck_assert_str_eq(buf_cstr(&x.out), "5\n");
	ck_assert_str_eq(look("export", NULL), "[\"z\",\n \"y\",\n \"a\",\n \"\",\n \"b\"]\n");
	ck_assert_int_eq(change("rpush", NULL, ""), -EINVAL);
}
END_TEST

START_TEST(test_json_goes_out_and_in)
{
	redis_ok(&f, change("import", NULL, "[\"a\", {\"$b\": \"/wA=\"}, 1.50, \"\\u0000\"]"));
	ck_assert_uint_eq(x.n, 4);
	ck_assert_str_eq(
		look("export", NULL), "[\"a\",\n {\"$b\": \"/wA=\"},\n \"1.50\",\n \"\\u0000\"]\n");
	ck_assert_str_eq(redis_answer(&f, "LINDEX l 1"), "\"\\xff\\x00\"\n");
	static const char *const bad[] = {"{}", "[1, [2]]", "[{\"$c\": \"\"}]", "[{\"$b\": 1}]",
		"[{\"$b\": \"x\"}]", "[true]", "[1", "[{\"$b\": \"\", \"x\": 1}]"};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(change("import", NULL, bad[i]) == -EINVAL, "%s", bad[i]);
		ck_assert_msg(strncmp(f.err.msg, "line 1, column ", 15) == 0, "%s", f.err.msg);
	}
	ck_assert_str_eq(redis_answer(&f, "LLEN l"), "(integer) 4\n");
	redis_answer(&f, "DEL l");
	ck_assert_int_eq(change("import", NULL, "[]"), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_list");
	TCase *t = tcase_create("list");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_commands);
	tcase_add_loop_test(t, test_random_operations, 0, 5);
	tcase_add_test(t, test_files_are_elements);
	tcase_add_test(t, test_what_is_listed_can_be_removed_one_by_one);
	tcase_add_test(t, test_a_version_belongs_to_an_element);
	tcase_add_test(t, test_only_an_exchange_renames);
	tcase_add_test(t, test_scripts_push_lines);
	tcase_add_test(t, test_json_goes_out_and_in);
	suite_add_tcase(s, t);
	return run_suite(s);
}
