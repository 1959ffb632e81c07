/* The contract of engine.h, as tests that any engine must pass. Which one is
 * said by $DBMOUNT_ENGINE ("dynamodb/sqlite"); without it, all. */
#include <stdlib.h>

#include "tests/engine/harness.h"
#include "tests/unit/fixture.h"

int main(void)
{
	if (chosen_profiles() == 0) {
		fprintf(stderr, "DBMOUNT_ENGINE=%s: profiles.c knows no such engine\n",
			getenv("DBMOUNT_ENGINE"));
		return 1;
	}
	Suite *s = suite_create("conformance");
	suite_add_tcase(s, conform_read());
	suite_add_tcase(s, conform_write());
	suite_add_tcase(s, conform_rename());
	suite_add_tcase(s, conform_containers());
	suite_add_tcase(s, conform_whole());
	suite_add_tcase(s, conform_offers());
	suite_add_tcase(s, conform_concurrent());
	return run_suite(s);
}
