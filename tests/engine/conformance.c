/* The contract of engine.h, as tests that any engine must pass. Which one is
 * said by $DBMOUNT_ENGINE ("dynamodb/sqlite"); without it, all. */
#include <stdlib.h>

#include "tests/engine/harness.h"

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
	SRunner *runner = srunner_create(s);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
