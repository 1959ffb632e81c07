/* An instance in one zone: making, opening, data, copies, damage, removing. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/fixture.h"
#include "tests/unit/instance_fixture.h"

static struct instance_fixture x;

static void start(void)
{
	instance_fixture_start(&x, false);
}

static void end(void)
{
	instance_fixture_end(&x);
}

START_TEST(test_what_was_written_is_there_after_opening_again)
{
	ck_ok(instance_put(x.i, "k", 7, 100, NEW_ERR));
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 7);
	ck_assert_uint_gt(instance_bytes(x.i), 4096);
	instance_fixture_close(&x);
	instance_fixture_open(&x);
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 7);
	ck_ok(instance_restart(x.i, NEW_ERR));
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 7);
	ck_ok(instance_put(x.i, "k", 8, 100, NEW_ERR));
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 8);
}
END_TEST

START_TEST(test_create_refuses_what_exists_and_open_what_does_not)
{
	struct instance *other;
	ck_assert_int_eq(instance_create(&x.config, &x.settings, NULL, NEW_ERR), -EEXIST);
	instance_fixture_close(&x);
	ck_assert_int_eq(instance_create(&x.config, &x.settings, NULL, NEW_ERR), -EEXIST);
	x.config.id = "i2";
	ck_assert_int_eq(instance_open(&x.config, &other, NEW_ERR), -ENOENT);
	x.config.id = "i1";
	instance_fixture_open(&x);
}
END_TEST

START_TEST(test_destroy_leaves_nothing)
{
	ck_ok(instance_put(x.i, "k", 7, 100, NEW_ERR));
	instance_fixture_close(&x);
	ck_ok(instance_destroy(&x.config, NEW_ERR));
	ck_assert_int_ne(access(in_zone(&x, 0, ""), F_OK), 0);
	ck_assert_int_ne(access(in_own(&x, ""), F_OK), 0);
	ck_assert_int_eq(instance_open(&x.config, &x.i, NEW_ERR), -ENOENT);
	ck_ok(instance_destroy(&x.config, NEW_ERR));
}
END_TEST

START_TEST(test_an_instance_begins_with_a_copy_of_another)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/copy.db", x.dir);
	ck_ok(instance_put(x.i, "k", 7, 100, NEW_ERR));
	ck_ok(instance_copy(x.i, path, NULL, NULL, NEW_ERR));
	ck_ok(instance_put(x.i, "k", 8, 100, NEW_ERR));
	instance_fixture_close(&x);
	x.config.id = "i2";
	ck_ok(instance_create(&x.config, &x.settings, path, NEW_ERR));
	ck_assert_int_ne(access(path, F_OK), 0);
	instance_fixture_open(&x);
	ck_assert_int_eq(instance_get(x.i, "k", NEW_ERR), 7);
}
END_TEST

START_TEST(test_a_failed_creation_leaves_nothing_and_what_it_was_given)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/none.db", x.dir);
	x.config.id = "i2";
	int before = instance_files(&x);
	ck_assert_int_eq(instance_create(&x.config, &x.settings, path, NEW_ERR), -ENOENT);
	ck_assert_int_eq(instance_files(&x), before);
	x.config.id = "i1";
}
END_TEST

static int refuse(struct store_txn *t, void *arg, struct err *err)
{
	(void)t;
	(void)arg;
	return err_set(err, EINVAL, "no");
}

static int break_read(struct store_reader *r, void *arg, struct err *err)
{
	(void)arg;
	return store_reader_stmt(r, FX_BROKEN, err) == NULL ? -err->code : 0;
}

START_TEST(test_a_refusal_is_no_failure)
{
	struct instance_status status;
	ck_assert_int_eq(instance_write(x.i, NULL, 0, refuse, NULL, NEW_ERR), -EINVAL);
	ck_assert_int_lt(instance_read(x.i, 0, break_read, NULL, NEW_ERR), 0);
	instance_status(x.i, &status);
	ck_assert_int_eq(status.failure.code, 0);
	ck_assert_uint_eq(x.events[INSTANCE_FAILED], 0);
}
END_TEST

START_TEST(test_a_damaged_state_or_mark_is_refused)
{
	instance_fixture_close(&x);
	ck_assert_int_eq(rename(in_zone(&x, 0, "mark"), in_zone(&x, 0, "kept")), 0);
	ck_assert_int_eq(instance_open(&x.config, &x.i, NEW_ERR), -EIO);
	ck_assert_int_eq(rename(in_zone(&x, 0, "kept"), in_zone(&x, 0, "mark")), 0);
	ck_assert_int_eq(rename(in_own(&x, "state"), in_own(&x, "kept")), 0);
	FILE *f = fopen(in_own(&x, "state"), "w");
	fputs("{}", f);
	fclose(f);
	ck_assert_int_eq(instance_open(&x.config, &x.i, NEW_ERR), -EIO);
	ck_assert_int_eq(rename(in_own(&x, "kept"), in_own(&x, "state")), 0);
	instance_fixture_open(&x);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("instance");
	TCase *tc = tcase_create("one zone");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, start, end);
	tcase_add_test(tc, test_what_was_written_is_there_after_opening_again);
	tcase_add_test(tc, test_create_refuses_what_exists_and_open_what_does_not);
	tcase_add_test(tc, test_destroy_leaves_nothing);
	tcase_add_test(tc, test_an_instance_begins_with_a_copy_of_another);
	tcase_add_test(tc, test_a_failed_creation_leaves_nothing_and_what_it_was_given);
	tcase_add_test(tc, test_a_refusal_is_no_failure);
	tcase_add_test(tc, test_a_damaged_state_or_mark_is_refused);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
