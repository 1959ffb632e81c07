/* Streams: commands answer what Redis answers; a plain array does the same under random
 * operations; a stream is a directory. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/redis/reply.h"
#include "engines/cache/redis/type.h"
#include "engines/cache/redis/stream.h"
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
	redis_cases(&f, "streams.txt", NULL);
}
END_TEST

START_TEST(test_groups)
{
	redis_cases(&f, "groups.txt", NULL);
}
END_TEST

__attribute__((format(printf, 1, 2))) static const char *run(const char *format, ...)
{
	char line[128];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	const char *answer = redis_answer(&f, line);
	ck_assert_msg(strstr(answer, "error") == NULL, "%s: %s", line, answer);
	return answer;
}

/* ---- a naive stream with one group ---- */

enum { NAIVE_MAX = 1000 };

/* By id; the sequence is 0. */
static struct {
	bool there[NAIVE_MAX];
	int pending[NAIVE_MAX]; /* the consumer's number; 0: nobody's */
	int last, given;
} naive;

static int naive_first(void)
{
	int i = 1;
	while (i <= naive.last && !naive.there[i]) {
		i++;
	}
	return i;
}

static int naive_count(void)
{
	int n = 0;
	for (int i = 1; i <= naive.last; i++) {
		n += naive.there[i];
	}
	return n;
}

static void naive_read(int consumer, int count)
{
	for (int i = naive.given + 1; i <= naive.last && count > 0; i++) {
		if (naive.there[i]) {
			naive.pending[i] = consumer;
			naive.given = i;
			count--;
		}
	}
}

static void naive_claim(int consumer, int id)
{
	if (!naive.there[id]) {
		naive.pending[id] = 0;
	} else if (naive.pending[id] != 0) {
		naive.pending[id] = consumer;
	}
}

static void step(void)
{
	int id = naive.last > 0 ? 1 + rng() % naive.last : 1, consumer = 1 + rng() % 3;
	int count = 1 + rng() % 4;

	switch (rng() % 8) {
	case 0:
	case 1:
	case 2:
		naive.last += 1 + rng() % 2;
		run("XADD s %d-0 f %d", naive.last, naive.last);
		naive.there[naive.last] = true;
		break;
	case 3:
		run("XDEL s %d", id);
		naive.there[id] = false;
		break;
	case 4:
		run("XREADGROUP GROUP g c%d COUNT %d STREAMS s >", consumer, count);
		naive_read(consumer, count);
		break;
	case 5:
		run("XACK s g %d", id);
		naive.pending[id] = 0;
		break;
	case 6:
		run("XCLAIM s g c%d 0 %d", consumer, id);
		naive_claim(consumer, id);
		break;
	case 7:
		if (rng() % 8 == 0) {
			run("XTRIM s MAXLEN %d",
				naive_count() - count < 0 ? 0 : naive_count() - count);
			for (; count > 0 && naive_count() > 0; count--) {
				naive.there[naive_first()] = false;
			}
		}
		break;
	}
}

static void expect_entries(struct buf *out)
{
	redis_reply_array(out, (size_t)naive_count());
	for (int i = 1; i <= naive.last; i++) {
		CLEANUP(buf_free) struct buf fields = BUF_INIT;
		char text[16];
		snprintf(text, sizeof(text), "%d", i);
		redis_reply_text(&fields, "f");
		redis_reply_text(&fields, text);
		if (naive.there[i]) {
			redis_reply_entry(
				out, (struct redis_id){(uint64_t)i, 0}, buf_slice(&fields));
		}
	}
}

static void check_pending(void)
{
	int n[4] = {0};
	for (int i = 1; i <= naive.last; i++) {
		n[naive.pending[i]] += naive.pending[i] != 0;
	}
	char begin[32];
	snprintf(begin, sizeof(begin), "1) (integer) %d\n", n[1] + n[2] + n[3]);
	const char *answer = run("XPENDING s g");
	ck_assert_msg(strncmp(answer, begin, strlen(begin)) == 0, "%s", answer);
	for (int i = 1; i <= 3; i++) {
		char line[48];
		snprintf(line, sizeof(line), "1) \"c%d\"\n      2) \"%d\"\n", i, n[i]);
		ck_assert_msg(n[i] == 0 || strstr(answer, line) != NULL, "%s in %s", line, answer);
	}
}

START_TEST(test_random_operations)
{
	rng_seed((unsigned)_i);
	memset(&naive, 0, sizeof(naive));
	run("XGROUP CREATE s g 0 MKSTREAM");
	for (int i = 0; i < 400; i++) {
		CLEANUP(buf_free) struct buf expected = BUF_INIT;
		struct redis_key key;
		step();
		expect_entries(&expected);
		ck_assert_str_eq(redis_answer_resp(&f, "XRANGE s - +"), buf_cstr(&expected));
		check_pending();
		ck_assert_int_eq(keys_of(&f, "s", &key), 1);
		ck_assert_uint_eq(key.n, naive_count());
		uint64_t bytes = 1;
		for (int j = 1; j <= naive.last; j++) {
			bytes += naive.there[j] ? 16 + 7 + 6 +
							  (j < 10	    ? 1u
								  : j < 100 ? 2u
									    : 3u)
						: 0;
		}
		ck_assert_uint_eq(key.bytes, bytes);
	}
}
END_TEST

/* ---- what depends on the time ---- */

START_TEST(test_ids_follow_the_clock)
{
	struct redis_key key;
	run("XADD s * a b");
	ck_assert_int_eq(keys_of(&f, "s", &key), 1);
	struct redis_id first = redis_stream_last(&key);
	ck_assert_uint_gt(first.ms, 1600000000000);
	run("XADD s * a b");
	ck_assert_int_eq(keys_of(&f, "s", &key), 1);
	ck_assert_int_gt(redis_id_compare(redis_stream_last(&key), first), 0);
	/* An id in the future is followed, not waited for. */
	run("XADD s 9999999999999-18446744073709551615 a b");
	ck_assert_str_eq(run("XADD s * a b"), "\"10000000000000-0\"\n");
	ck_assert_str_eq(run("XADD s * a b"), "\"10000000000000-1\"\n");
}
END_TEST

START_TEST(test_what_idles_is_told)
{
	run("XADD s 1-0 a b");
	run("XGROUP CREATE s g 0");
	run("XREADGROUP GROUP g c STREAMS s >");
	run("XCLAIM s g c 0 1-0 IDLE 60000");
	ck_assert_ptr_nonnull(strstr(run("XPENDING s g - + 10"), "4) (integer) 2\n"));
	ck_assert_ptr_nonnull(strstr(run("XPENDING s g IDLE 59000 - + 10"), "1-0"));
	ck_assert_str_eq(run("XPENDING s g IDLE 600000 - + 10"), "(empty array)\n");
	ck_assert_str_eq(run("XCLAIM s g d 600000 1-0"), "(empty array)\n");
	ck_assert_ptr_nonnull(strstr(run("XAUTOCLAIM s g d 59000 0 JUSTID"), "2) 1) \"1-0\""));
	ck_assert_ptr_nonnull(strstr(run("XINFO CONSUMERS s g"), "\"idle\""));
	ck_assert_ptr_nonnull(strstr(run("XINFO STREAM s FULL"), "\"seen-time\""));
}
END_TEST

/* Whole blocks go where about so many will do, as Redis' own, and as LIMIT says. */
START_TEST(test_about_trims_blocks)
{
	for (int i = 1; i <= 350; i++) {
		run("XADD s %d-0 a b", i);
	}
	ck_assert_str_eq(run("XTRIM s MAXLEN ~ 300"), "(integer) 0\n");
	ck_assert_str_eq(run("XTRIM s MAXLEN ~ 120 LIMIT 150"), "(integer) 100\n");
	ck_assert_str_eq(run("XTRIM s MAXLEN ~ 120"), "(integer) 100\n");
	ck_assert_str_eq(run("XTRIM s MINID ~ 301"), "(integer) 100\n");
	ck_assert_str_eq(run("XTRIM s MINID ~ 351 LIMIT 0"), "(integer) 0\n");
	ck_assert_str_eq(run("XLEN s"), "(integer) 50\n");
}
END_TEST

/* ---- files ---- */

struct file {
	const char *what, *element, *text;
	uint64_t expect;
	bool fresh;
	uint64_t n;
	struct engine_info info;
	struct buf out;
};

static struct file x;

static int emit_name(void *arg, struct slice key, const struct engine_info *info)
{
	buf_append_slice(arg, key);
	buf_printf(arg, ":%u ", (unsigned)info->size);
	return 0;
}

static int change_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct redis_type_ops *ops = &redis_stream_type;
	struct slice name = slice_of("s"), element = slice_of(x.element != NULL ? x.element : "");
	struct redis_key key;
	int rc = redis_key_open(t, name, REDIS_STREAM, &key, err);

	(void)arg;
	buf_clear(&x.out);
	if (rc < 0) {
		return rc;
	}
	if (strcmp(x.what, "write") == 0) {
		struct redis_put put = {element, slice_of(x.text), x.expect};
		rc = ops->check_text(element, put.text, err);
		return rc < 0 ? rc : ops->write(t, name, &key, &put, &x.info, err);
	}
	if (strcmp(x.what, "remove") == 0) {
		return ops->remove(t, name, &key, element, x.expect, err);
	}
	if (strcmp(x.what, "rename") == 0) {
		return ops->rename(t, name, &key, element, slice_of(x.text), 0, err);
	}
	if (strcmp(x.what, "import") == 0) {
		return ops->import_json(t, name, &key, slice_of(x.text), x.fresh, &x.n, err);
	}
	return ops->script(t, name, &key, x.what, slice_of(x.text), &x.out, err);
}

static int look_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct redis_type_ops *ops = &redis_stream_type;
	struct slice element = slice_of(x.element != NULL ? x.element : "");
	struct redis_key key;
	struct engine_info info;
	int rc = redis_key_typed(t, slice_of("s"), REDIS_STREAM, &key, err);

	(void)arg;
	buf_clear(&x.out);
	if (rc <= 0) {
		return rc < 0 ? rc : err_set(err, ENOENT, "no stream");
	}
	if (strcmp(x.what, "list") == 0) {
		return ops->list(
			t, &key, x.element != NULL ? &element : NULL, emit_name, &x.out, err);
	}
	if (strcmp(x.what, "export") == 0) {
		return ops->export_json(t, &key, &x.out, err);
	}
	rc = ops->read(t, &key, element, &x.out, &x.info, err);
	if (rc == 0) {
		ck_assert_int_eq(ops->stat(t, &key, element, &info, err), 0);
		ck_assert_uint_eq(info.size, x.out.n);
		ck_assert_uint_eq(info.version, x.info.version);
	}
	return rc;
}

static int change(const char *what, const char *element, const char *text)
{
	x.what = what;
	x.element = element;
	x.text = text;
	return redis_fixture_write(&f, change_fn, NULL);
}

static const char *look(const char *what, const char *element)
{
	x.what = what;
	x.element = element;
	int rc = redis_fixture_read(&f, look_fn, NULL);
	return rc < 0 ? f.err.msg : buf_cstr(&x.out);
}

START_TEST(test_files_are_entries)
{
	x.expect = ENGINE_VERSION_ABSENT;
	redis_ok(&f, change("write", "5-1", "name ann\nsays \"hello, world\"\n"));
	ck_assert_str_eq(redis_answer(&f, "XRANGE s - +"),
		"1) 1) \"5-1\"\n   2) 1) \"name\"\n      2) \"ann\"\n      3) \"says\"\n      4) "
		"\"hello, world\"\n");
	ck_assert_str_eq(look("read", "5-1"), "name ann\nsays \"hello, world\"\n");
	redis_answer(&f, "XADD s 6-0 \"\" \"#x\" \"a\\x00\\xffb\" \"*\" \"#\" \"it's\"");
	ck_assert_str_eq(look("read", "6-0"), "\"\" #x\n\"a\\x00\\xffb\" *\n\"#\" \"it's\"\n");
	ck_assert_str_eq(look("list", NULL), "5-1:29 6-0:32 ");
	ck_assert_str_eq(look("list", "5-1"), "6-0:32 ");
	ck_assert_str_eq(look("list", "5-0"), "5-1:29 6-0:32 ");
	ck_assert_str_eq(look("read", "6-1"), "the stream has no such entry");
	ck_assert_str_eq(look("read", "06-0"), "no entry has this name");
}
END_TEST

/* What is read of an entry is what writes the same entry. */
START_TEST(test_content_reads_back)
{
	redis_answer(&f, "XADD s 6-0 \"\" \"#x\" \"a\\x00\\xffb\\n\\t\" \"*\" \"#\" \"it's\" "
			 "\"\xc3\xa4 b\" \\ \"*4\" \"a\\\"\"");
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf json = BUF_INIT;
	buf_puts(&text, look("read", "6-0"));
	buf_puts(&json, look("export", NULL));
	redis_answer(&f, "DEL s");
	x.expect = ENGINE_VERSION_ANY;
	redis_ok(&f, change("write", "6-0", buf_cstr(&text)));
	ck_assert_str_eq(look("export", NULL), buf_cstr(&json));
	redis_answer(&f, "DEL s");
	redis_ok(&f, change("import", NULL, buf_cstr(&json)));
	ck_assert_str_eq(look("read", "6-0"), buf_cstr(&text));
}
END_TEST

START_TEST(test_entries_are_only_added_and_removed)
{
	x.expect = ENGINE_VERSION_ANY;
	redis_ok(&f, change("write", "5-1", "a b"));
	uint64_t version = x.info.version;
	redis_ok(&f, change("write", "5-1", "a b\n"));
	ck_assert_uint_eq(x.info.version, version);
	ck_assert_int_eq(change("write", "5-1", "a c"), -ENOTSUP);
	ck_assert_str_eq(
		f.err.msg, "an entry of a stream is never changed; remove it, or add another");
	ck_assert_int_eq(change("write", "5-0", "a b"), -EINVAL);
	ck_assert_str_eq(f.err.msg,
		"ERR The ID specified in XADD is equal or smaller than the target stream top item");
	ck_assert_int_eq(change("rename", "5-1", "6-0"), -ENOTSUP);
	ck_assert_int_eq(change("write", "5", "a b"), -EINVAL);
	x.expect = ENGINE_VERSION_ABSENT;
	ck_assert_int_eq(change("write", "5-1", "a b"), -EEXIST);
	x.expect = version + 1;
	ck_assert_int_eq(change("remove", "5-1", NULL), -EBUSY);
	x.expect = version;
	redis_ok(&f, change("remove", "5-1", NULL));
	ck_assert_int_eq(change("remove", "5-1", NULL), -ENOENT);
	ck_assert_int_eq(change("write", "5-1", "a b"), -EBUSY);
	/* An empty stream stays, and so does its last id. */
	ck_assert_str_eq(look("list", NULL), "");
	x.expect = ENGINE_VERSION_ANY;
	ck_assert_int_eq(change("write", "5-1", "a b"), -EINVAL);
}
END_TEST

START_TEST(test_what_is_no_entry_is_refused)
{
	static const char *const bad[] = {"", "\n", "a", "a b c", "a b\nc", "\"a b", "# remark\n"};
	x.expect = ENGINE_VERSION_ANY;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(change("write", "1-0", bad[i]) == -EINVAL, "%s", bad[i]);
	}
	ck_assert_int_eq(change("write", "1-0", "a b\nc d e"), -EINVAL);
	ck_assert_str_eq(f.err.msg,
		"line 2: expected a field and its value, quoted where they hold spaces, found 3 "
		"words");
	ck_assert_int_eq(change("write", "0-0", "a b"), -EINVAL);
	ck_assert_int_eq(change("write", "x", "a b"), -EINVAL);
	ck_assert_str_eq(look("list", NULL), "no stream");
}
END_TEST

START_TEST(test_a_script_adds_lines)
{
	redis_answer(&f, "XADD s 9999999999999-0 a b");
	redis_ok(&f, change("add", NULL, "a 1 b 2\nc \"3 4\""));
	ck_assert_str_eq(buf_cstr(&x.out), "9999999999999-1\n9999999999999-2\n");
	ck_assert_str_eq(look("read", "9999999999999-2"), "c \"3 4\"\n");
	ck_assert_int_eq(change("add", NULL, "a 1\nb"), -EINVAL);
	ck_assert_int_eq(change("add", NULL, ""), -EINVAL);
	ck_assert_str_eq(redis_answer(&f, "XLEN s"), "(integer) 3\n");
}
END_TEST

START_TEST(test_json_goes_out_and_in)
{
	x.fresh = true;
	redis_ok(&f, change("import", NULL,
			     "[{\"id\": \"1-0\", \"fields\": [\"a\", {\"$b\": \"/w==\"}]},"
			     " {\"fields\": [1, 2, \"\", \"x\"], \"id\": \"2-0\"}]"));
	ck_assert_uint_eq(x.n, 2);
	ck_assert_str_eq(look("export", NULL),
		"[{\"id\": \"1-0\", \"fields\": [\"a\", {\"$b\": \"/w==\"}]},\n"
		" {\"id\": \"2-0\", \"fields\": [\"1\", \"2\", \"\", \"x\"]}]\n");
	ck_assert_int_eq(
		change("import", NULL, "[{\"id\": \"2-0\", \"fields\": [1, 2]}]"), -EEXIST);
	x.fresh = false;
	redis_ok(&f, change("import", NULL, "[{\"id\": \"2-0\", \"fields\": [1, 2]}]"));
	ck_assert_uint_eq(x.n, 0);
	static const char *const bad[] = {"{}", "[1]", "[{\"id\": 1}]", "[{\"id\": \"x\"}]",
		"[{\"id\": \"3-0\"}]", "[{\"id\": \"3-0\", \"fields\": []}]",
		"[{\"id\": \"3-0\", \"fields\": [1]}]", "[{\"id\": \"3-0\", \"fields\": {}}]",
		"[{\"fields\": [1, 2]}]", "[{\"id\": \"1-1\", \"fields\": [1, 2]}]",
		"[{\"id\": \"0-0\", \"fields\": [1, 2]}]", "[{\"x\": 1}]"};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ck_assert_msg(change("import", NULL, bad[i]) == -EINVAL, "%s", bad[i]);
		ck_assert_msg(strncmp(f.err.msg, "line 1, column ", 15) == 0, "%s", f.err.msg);
	}
	ck_assert_str_eq(redis_answer(&f, "XLEN s"), "(integer) 2\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_stream");
	TCase *t = tcase_create("stream");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 120);
	tcase_add_test(t, test_commands);
	tcase_add_test(t, test_groups);
	tcase_add_loop_test(t, test_random_operations, 0, 5);
	tcase_add_test(t, test_ids_follow_the_clock);
	tcase_add_test(t, test_what_idles_is_told);
	tcase_add_test(t, test_about_trims_blocks);
	tcase_add_test(t, test_files_are_entries);
	tcase_add_test(t, test_content_reads_back);
	tcase_add_test(t, test_entries_are_only_added_and_removed);
	tcase_add_test(t, test_what_is_no_entry_is_refused);
	tcase_add_test(t, test_a_script_adds_lines);
	tcase_add_test(t, test_json_goes_out_and_in);
	suite_add_tcase(s, t);
	return run_suite(s);
}
