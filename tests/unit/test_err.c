#include <check.h>
#include <errno.h>
#include <string.h>

#include "engines/common/err.h"
#include "tests/unit/fixture.h"

START_TEST(test_set)
{
	struct err err = {0};
	ck_assert_int_eq(err_set(&err, EINVAL, "found %d", 3), -EINVAL);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_str_eq(err.msg, "found 3");
	ck_assert_int_eq(err_set(NULL, EINVAL, "x"), -EINVAL);
}
END_TEST

START_TEST(test_the_first_wins)
{
	struct err err = {0};
	err_set(&err, EINVAL, "first");
	ck_assert_int_eq(err_set(&err, EIO, "second"), -EINVAL);
	errno = ENOENT;
	ck_assert_int_eq(err_errno(&err, "third"), -EINVAL);
	ck_assert_str_eq(err.msg, "first");
	err_clear(&err);
	ck_assert_int_eq(err.code, 0);
	ck_assert_str_eq(err.msg, "");
	err_clear(NULL);
}
END_TEST

START_TEST(test_wrap)
{
	struct err err = {0};
	err_set(&err, EBUSY, "inner");
	ck_assert_int_eq(err_wrap(&err, "outer %s", "x"), -EBUSY);
	ck_assert_str_eq(err.msg, "outer x: inner");
}
END_TEST

START_TEST(test_errno)
{
	struct err err = {0};
	errno = ENOENT;
	ck_assert_int_eq(err_errno(&err, "/x"), -ENOENT);
	ck_assert_str_eq(err.msg, "/x: No such file or directory");
	errno = 0;
	err_clear(&err);
	ck_assert_int_eq(err_errno(&err, "/x"), -EIO);
	errno = EPERM;
	ck_assert_int_eq(err_errno(NULL, "/x"), -EPERM);
}
END_TEST

START_TEST(test_one_line)
{
	struct err err = {0};
	err_set(&err, EINVAL, "a\nb\tc\x7f\xc3\xa9");
	ck_assert_str_eq(err.msg, "a?b?c?\xc3\xa9");
}
END_TEST

/* A message that is cut ends with a whole character. */
START_TEST(test_cut_between_characters)
{
	char text[2 * ERR_MSG_MAX];
	for (unsigned shift = 0; shift < 4; shift++) {
		struct err err = {0};
		memset(text, 'a', shift);
		for (size_t i = shift; i + 4 < sizeof(text); i += 4) {
			memcpy(text + i, "\xf0\x9f\x98\x80", 5);
		}
		err_set(&err, EINVAL, "%s", text);
		size_t n = strlen(err.msg);
		ck_assert_uint_lt(n, ERR_MSG_MAX);
		ck_assert_uint_gt(n, ERR_MSG_MAX - 6);
		ck_assert_uint_eq((n - shift) % 4, 0);
		err_wrap(&err, "outer");
		ck_assert_uint_lt(strlen(err.msg), ERR_MSG_MAX);
		ck_assert_int_eq(strncmp(err.msg, "outer: ", 7), 0);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("err");
	TCase *t = tcase_create("err");
	tcase_add_test(t, test_set);
	tcase_add_test(t, test_the_first_wins);
	tcase_add_test(t, test_wrap);
	tcase_add_test(t, test_errno);
	tcase_add_test(t, test_one_line);
	tcase_add_test(t, test_cut_between_characters);
	suite_add_tcase(s, t);
	return run_suite(s);
}
