/* Where paths lead, and what documents are sorted by. */
#include <stdio.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"
#include "engines/docdb/order/order.h"
#include "tests/unit/doc_random.h"
#include "tests/unit/fixture.h"

static struct doc_arena *arena;

static void setup(void)
{
	arena = doc_arena_new();
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	doc_arena_free(arena);
}

static void show(struct doc_value v, struct buf *out)
{
	if (v.type == BSON_TYPE_EOD) {
		buf_puts(out, "-");
	} else if (v.type == BSON_TYPE_UNDEFINED) {
		buf_puts(out, "undefined");
	} else {
		ejson_print_value(v, EJSON_RELAXED, false, out);
	}
}

static int note(void *arg, struct doc_value v, bool through_array)
{
	struct buf *out = arg;
	buf_puts(out, out->n > 0 ? " " : "");
	buf_puts(out, through_array ? "*" : "");
	show(v, out);
	return 0;
}

/* document, path, what it leads to: "-" is nothing, "*" was reached through an array. */
static const char *const paths[][3] = {
	{"{\"a\":1}", "a", "1"},
	{"{\"a\":1}", "b", "-"},
	{"{}", "a.b", "-"},
	{"{\"a\":1}", "a.b", "-"},
	{"{\"a\":null}", "a.b", "-"},
	{"{\"a\":{\"b\":2}}", "a.b", "2"},
	{"{\"a\":{\"b\":{}}}", "a.b.c", "-"},
	{"{\"a\":[1,2]}", "a", "[1,2]"},
	{"{\"a\":[1,2]}", "a.b", ""},
	{"{\"a\":[]}", "a.b", ""},
	{"{\"a\":[{\"b\":1},{\"b\":2}]}", "a.b", "*1 *2"},
	{"{\"a\":[{\"b\":1},{},7,{\"b\":[3]}]}", "a.b", "*1 *- *[3]"},
	{"{\"a\":[1,2]}", "a.0", "*1"},
	{"{\"a\":[1,2]}", "a.1", "*2"},
	{"{\"a\":[1,2]}", "a.2", ""},
	{"{\"a\":[1,2]}", "a.00", ""},
	{"{\"a\":[[5,6]]}", "a.0", "*[5,6]"},
	{"{\"a\":[[5,6]]}", "a.0.1", "*6"},
	{"{\"a\":[[{\"b\":9}]]}", "a.b", ""},
	{"{\"a\":[[{\"b\":9}]]}", "a.0.b", "*9"},
	{"{\"a\":[{\"0\":5}]}", "a.0", "*5 *{\"0\":5}"},
	{"{\"a\":[{\"b\":1}]}", "a.0.b", "*- *1"},
	{"{\"a\":[7]}", "a.0.b", "*-"},
	{"{\"a\":{\"0\":3}}", "a.0", "3"},
	{"{\"a\":[{\"b\":[{\"c\":1},{\"c\":2}]},{\"b\":{\"c\":3}}]}", "a.b.c", "*1 *2 *3"},
	{"{\"\":{\"\":4}}", ".", "4"},
	{"{\"\":8}", "", "8"},
	{"{\"a\":1}", "a.", "-"},
};

START_TEST(a_path_leads_through_arrays)
{
	const char *const *row = paths[_i];
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct doc_value v = value_of(arena, row[0]);
	ck_assert_int_eq(doc_path_each(v.raw, slice_of(row[1]), note, &out), 0);
	ck_assert_msg(
		slice_is(buf_slice(&out), row[2]), "%s in %s: %s", row[1], row[0], buf_cstr(&out));
}
END_TEST

static int stop(void *arg, struct doc_value v, bool through_array)
{
	unsigned *left = arg;
	(void)v;
	(void)through_array;
	return --*left == 0 ? 42 : 0;
}

START_TEST(the_caller_can_stop)
{
	struct doc_value v = value_of(arena, "{\"a\":[{\"b\":1},{\"b\":2},{\"b\":3}]}");
	unsigned left = 2;
	ck_assert_int_eq(doc_path_each(v.raw, slice_of("a.b"), stop, &left), 42);
	ck_assert_uint_eq(left, 0);
}
END_TEST

/* document, path, ascending, descending */
static const char *const sorts[][4] = {
	{"{\"a\":3}", "a", "3", "3"},
	{"{}", "a", "-", "-"},
	{"{\"a\":[2,9,1,5]}", "a", "1", "9"},
	{"{\"a\":[\"x\",1]}", "a", "1", "\"x\""},
	{"{\"a\":[]}", "a", "undefined", "undefined"},
	{"{\"a\":[[]]}", "a", "[]", "[]"},
	{"{\"a\":[{\"b\":3},{\"b\":[1,8]},{}]}", "a.b", "-", "8"},
	{"{\"a\":[{\"b\":3},{\"b\":1}]}", "a.b", "1", "3"},
	{"{\"a\":[]}", "a.b", "-", "-"},
	{"{\"a\":[4,3]}", "a.0", "4", "4"},
	{"{\"a\":{\"$undefined\":true}}", "a", "undefined", "undefined"},
};

START_TEST(arrays_sort_by_their_least_or_greatest)
{
	const char *const *row = sorts[_i];
	struct doc_value v = value_of(arena, row[0]);
	for (int descending = 0; descending < 2; descending++) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		show(doc_sort_value(v.raw, slice_of(row[1]), descending), &out);
		ck_assert_msg(slice_is(buf_slice(&out), row[2 + descending]), "%s in %s: %s",
			row[1], row[0], buf_cstr(&out));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("docdb_path");
	TCase *tc = tcase_create("docdb_path");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_path_leads_through_arrays, 0, sizeof(paths) / sizeof(paths[0]));
	tcase_add_test(tc, the_caller_can_stop);
	tcase_add_loop_test(
		tc, arrays_sort_by_their_least_or_greatest, 0, sizeof(sorts) / sizeof(sorts[0]));
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
