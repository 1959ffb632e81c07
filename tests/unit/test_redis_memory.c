/* Memory that runs out at every single allocation of a command: it fails as a whole or goes
 * through, and the next one works. (Not SQLite's own, which other tests let fail.) */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/fail_memory.h"
#include "tests/unit/redis_cases.h"

static const char *const lines[] = {
	"SET a value EX 100",
	"SET a other GET",
	"GET a",
	"MGET a b c",
	"APPEND a more",
	"SETRANGE a 20 x",
	"INCRBYFLOAT n 1.5",
	"LCS a b IDX",
	"SETBIT bits 100 1",
	"BITOP OR dest a b",
	"BITFIELD a SET u8 0 1 GET u8 8",
	"KEYS *",
	"SCAN 0",
	"RANDOMKEY",
	"OBJECT ENCODING n",
	"COPY a c REPLACE",
	"RENAME c d",
	"DEL a b",
	"FLUSHALL",
};
#define N_LINES (int)(sizeof(lines) / sizeof(lines[0]))

static struct redis_fixture f;
static const char *line;

/* Only the command's own: the store's and the page log's are theirs to test. */
static void before_command(struct redis_txn *t, void *arg)
{
	(void)t;
	(void)arg;
	fail_hold(false);
}

static void after_command(struct redis_txn *t, void *arg)
{
	(void)t;
	(void)arg;
	fail_hold(true);
}

static int once(struct err *err)
{
	static const struct redis_hooks hooks = {before_command, after_command, NULL};

	return redis_try_quietly(&f, line, &hooks, err);
}

START_TEST(test_memory_runs_out)
{
	redis_fixture_start(&f);
	redis_ok(&f, keys_put(&f, "a", "abcdef"));
	redis_ok(&f, keys_put(&f, "b", "abxdef"));
	line = lines[_i];
	fail_hold(true);
	fail_each(once);
	fail_hold(false);
	redis_fixture_end(&f);
}
END_TEST

static char path[128];

static int open_file(struct err *err)
{
	struct redis_db_config config = {.label = "copy"};
	struct redis_db *copy;
	int rc = redis_db_file(path, &config, &copy, err);

	redis_db_close(copy);
	return rc;
}

static int open_instance(struct err *err)
{
	struct redis_db_config config = {.label = "keys"};
	struct redis_db *db;
	int rc = redis_db_instance(f.store, &config, &db, err);

	redis_db_close(db);
	return rc;
}

static int open_replica(struct err *err)
{
	struct redis_db_config config = {.label = "keys"};
	struct redis_db *db;
	int rc = redis_db_replica(f.store, "r", &config, &db, err);

	redis_db_close(db);
	return rc;
}

START_TEST(test_memory_runs_out_when_one_is_opened)
{
	redis_fixture_start(&f);
	snprintf(path, sizeof(path), "%s/copy.db", f.dir);
	redis_ok(&f, instance_copy(f.store, path, NULL, NULL, &f.err));
	fail_each(open_file);
	fail_each(open_instance);
	fail_each(open_replica);
	redis_fixture_end(&f);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis_memory");
	TCase *t = tcase_create("memory");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_memory_runs_out, 0, N_LINES);
	tcase_add_test(t, test_memory_runs_out_when_one_is_opened);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
