#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "engines/common/buf.h"
#include "tests/unit/fixture.h"

START_TEST(test_append)
{
	struct buf b = BUF_INIT;
	buf_puts(&b, "ab");
	buf_putc(&b, '\0');
	buf_append(&b, "cd", 2);
	buf_append_slice(&b, slice_of("e"));
	buf_append_slice(&b, (struct slice){0});
	buf_printf(&b, "%d-%s", 5, "x");
	ck_assert_uint_eq(b.n, 9);
	ck_assert_mem_eq(b.p, "ab\0cde5-x", 9);
	ck_assert_mem_eq(buf_cstr(&b), "ab\0cde5-x", 10);
	ck_assert_uint_eq(b.n, 9);
	buf_clear(&b);
	ck_assert_uint_eq(b.n, 0);
	ck_assert_str_eq(buf_cstr(&b), "");
	buf_free(&b);
	ck_assert_ptr_null(b.p);
}
END_TEST

START_TEST(test_growth)
{
	struct buf b = BUF_INIT;
	for (unsigned i = 0; i < 100000; i++) {
		buf_putc(&b, (char)('a' + i % 26));
	}
	ck_assert_uint_eq(b.n, 100000);
	for (unsigned i = 0; i < 100000; i += 777) {
		ck_assert_int_eq(b.p[i], 'a' + i % 26);
	}
	buf_free(&b);
}
END_TEST

START_TEST(test_resize_fills_with_zeros)
{
	struct buf b = BUF_INIT;
	buf_puts(&b, "abc");
	ck_assert(buf_resize(&b, 1));
	ck_assert(buf_resize(&b, 200));
	ck_assert_int_eq(b.p[0], 'a');
	for (unsigned i = 1; i < 200; i++) {
		ck_assert_int_eq(b.p[i], 0);
	}
	ck_assert(buf_reserve(&b, 10));
	ck_assert_uint_eq(b.n, 200);
	buf_free(&b);
}
END_TEST

START_TEST(test_failure_sticks_until_cleared)
{
	struct buf b = BUF_INIT;
	struct err err = {0};
	buf_puts(&b, "abc");
	ck_assert_int_eq(buf_check(&b, &err), 0);
	ck_assert(!buf_reserve(&b, SIZE_MAX - 10));
	buf_puts(&b, "dropped");
	ck_assert_uint_eq(b.n, 3);
	ck_assert_str_eq(buf_cstr(&b), "");
	ck_assert_int_eq(buf_check(&b, &err), -ENOMEM);
	ck_assert_str_eq(err.msg, "out of memory");
	buf_clear(&b);
	err_clear(&err);
	buf_puts(&b, "again");
	ck_assert_int_eq(buf_check(&b, &err), 0);
	ck_assert_str_eq(buf_cstr(&b), "again");
	buf_free(&b);
}
END_TEST

START_TEST(test_slices)
{
	ck_assert(slice_equal(slice_of("a"), slice_make("ab", 1)));
	ck_assert(slice_equal((struct slice){0}, slice_of("")));
	ck_assert(!slice_equal(slice_of("a"), slice_of("b")));
	ck_assert(!slice_equal(slice_of("a"), slice_of("ab")));
	ck_assert(slice_is(slice_make("xyz", 2), "xy"));
	ck_assert_int_lt(slice_compare(slice_of("a"), slice_of("ab")), 0);
	ck_assert_int_gt(slice_compare(slice_of("b"), slice_of("ab")), 0);
	ck_assert_int_eq(slice_compare(slice_of(""), (struct slice){0}), 0);
	/* Bytes, not chars: 0xff is the last. */
	ck_assert_int_gt(slice_compare(slice_of("\xff"), slice_of("a")), 0);
	ck_assert_int_lt(slice_compare(slice_make("a\0a", 3), slice_make("a\0b", 3)), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("buf");
	TCase *t = tcase_create("buf");
	tcase_add_test(t, test_append);
	tcase_add_test(t, test_growth);
	tcase_add_test(t, test_resize_fills_with_zeros);
	tcase_add_test(t, test_failure_sticks_until_cleared);
	tcase_add_test(t, test_slices);
	suite_add_tcase(s, t);
	return run_suite(s);
}
