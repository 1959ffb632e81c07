#include "tests/unit/redis_said.h"

static struct redis_fixture f;

static void setup(void)
{
	redis_fixture_start(&f);
}

static void teardown(void)
{
	redis_fixture_end(&f);
}

START_TEST(test_cases)
{
	redis_said_check(&f, "redis_set_said.txt");
}
END_TEST

START_TEST(test_cases_of_a_server)
{
	redis_said_check_server("redis_set_said.txt");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_set");
	TCase *t = tcase_create("commands");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_cases);
	suite_add_tcase(s, t);
	TCase *server = tcase_create("server");
	tcase_add_test(server, test_cases_of_a_server);
	suite_add_tcase(s, server);
	return run_suite(s);
}
