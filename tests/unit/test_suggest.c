#include <check.h>
#include <stddef.h>

#include "engines/common/suggest.h"
#include "tests/unit/fixture.h"

static const char *next_word(const void *arg, unsigned i)
{
	const char *const *words = arg;
	return words[i];
}

static const char *const words[] = {"snapshot", "restore", "delete-snapshot", "delete-table",
	"failover", "ro", "multi-az", NULL};

START_TEST(test_the_nearest_word)
{
	ck_assert_str_eq(suggest("snapshto", next_word, words), "snapshot");
	ck_assert_str_eq(suggest("snapshots", next_word, words), "snapshot");
	ck_assert_str_eq(suggest("nsapshot", next_word, words), "snapshot");
	ck_assert_str_eq(suggest("faolver", next_word, words), "failover");
	ck_assert_str_eq(suggest("delete_table", next_word, words), "delete-table");
	ck_assert_str_eq(suggest("rw", next_word, words), "ro");
}
END_TEST

START_TEST(test_a_beginning)
{
	ck_assert_str_eq(suggest("fai", next_word, words), "failover");
	ck_assert_str_eq(suggest("delete-s", next_word, words), "delete-snapshot");
	/* Two begin so, or too little is known. */
	ck_assert_ptr_null(suggest("delete", next_word, words));
	ck_assert_ptr_null(suggest("fa", next_word, words));
}
END_TEST

START_TEST(test_nothing_near)
{
	static const char *const none[] = {NULL};
	static const char longest[] =
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx";
	ck_assert_ptr_null(suggest("elephant", next_word, words));
	ck_assert_ptr_null(suggest("", next_word, words));
	ck_assert_ptr_null(suggest("snapshot", next_word, none));
	ck_assert_ptr_null(suggest(longest, next_word, words));
}
END_TEST

START_TEST(test_the_first_of_equals)
{
	static const char *const equals[] = {"abcd", "abce", NULL};
	ck_assert_str_eq(suggest("abcf", next_word, equals), "abcd");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("suggest");
	TCase *t = tcase_create("suggest");
	tcase_add_test(t, test_the_nearest_word);
	tcase_add_test(t, test_a_beginning);
	tcase_add_test(t, test_nothing_near);
	tcase_add_test(t, test_the_first_of_equals);
	suite_add_tcase(s, t);
	return run_suite(s);
}
