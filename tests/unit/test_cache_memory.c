/* Cached tables when memory runs out: what fails says so, and what was promised stands. */
#include <sys/stat.h>

#include "engines/cache/tables/tables_impl.h"
#include "tests/unit/cache_tables_fixture.h"
#include "tests/unit/fail_memory.h"

static int once_read(struct err *why)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_info info;
	evict_all();
	int rc = tree->ops->ops.read(tree, PATH("c", "1"), 0, &text, &info, why);
	require(rc < 0 || text.n == info.size);
	return rc;
}

static int once_hit(struct err *why)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_info info;
	int rc = tree->ops->ops.read(tree, PATH("c", "1"), 0, &text, &info, why);
	require(rc < 0 || strstr(buf_cstr(&text), "Ann") != NULL || text.failed);
	return rc;
}

static unsigned long n_written;

static int once_write(struct err *why)
{
	char text[64];
	struct engine_info info;
	snprintf(text, sizeof(text), "{\"name\": \"n%lu\"}", ++n_written);
	return tree->ops->ops.write(
		tree, PATH("c", "1"), 0, slice_of(text), ENGINE_VERSION_ANY, &info, why);
}

static int once_remove(struct err *why)
{
	int rc = tree->ops->ops.remove(tree, PATH("c", "1"), ENGINE_VERSION_ANY, why);
	if (rc == -ENOENT) {
		err_clear(why);
		return 0;
	}
	return rc;
}

static int once_flush(struct err *why)
{
	int rc = once_write(why);
	return rc < 0 ? rc : tree->ops->ops.sync(tree, PATH("c", "1"), why);
}

static int once_attached(struct err *why)
{
	char words[][32] = {"m", "rds=shop/Customer", "pattern=write-behind"};
	char *argv[] = {words[0], words[1], words[2]};
	int rc = cache_tables_attach(tables, 3, argv, why);
	return rc < 0 ? rc : cache_tables_detach(tables, "m", false, why);
}

static int once_open(struct err *why)
{
	int rc = tables_try_open(false);
	if (rc < 0) {
		*why = err;
		err_clear(&err);
		return rc;
	}
	rc = cache_tables_tree(tables, &tree, why);
	cache_tree_close(rc == 0 ? tree : NULL);
	cache_tables_close(tables);
	return rc;
}

static const char *const patterns[] = {
	"pattern=cache-aside", "pattern=write-through", "pattern=write-behind"};

static void setup_memory(void)
{
	setup();
	/* What a page log without memory does to its instance is not told here. */
	rds_commits = fail_hold;
}

START_TEST(reading)
{
	OK(ATTACH("c", "rds=shop/Customer", patterns[_i]));
	ck_assert(row_has("c", "1", "Ann"));
	fail_each(once_hit);
	fail_each(once_read);
	ck_assert(row_has("c", "1", "Ann"));
}
END_TEST

START_TEST(writing)
{
	char last[32];
	OK(ATTACH("c", "rds=shop/Customer", patterns[_i]));
	ck_assert(row_has("c", "1", "Ann"));
	fail_each(once_write);
	/* The last one succeeded: then neither the cache nor RDS has anything older. */
	snprintf(last, sizeof(last), "n%lu", n_written);
	ck_assert(row_has("c", "1", last));
	OK(sync_all());
	ck_assert(rds_has("1", last));
	evict_all();
	ck_assert(row_has("c", "1", last));
	fail_each(once_remove);
	ck_assert(!row_has("c", "1", ""));
	OK(sync_all());
	ck_assert(!rds_has("1", ""));
}
END_TEST

START_TEST(bringing_what_waits)
{
	char last[32];
	OK(ATTACH("c", "rds=shop/Customer", "pattern=write-behind"));
	fail_each(once_flush);
	snprintf(last, sizeof(last), "n%lu", n_written);
	ck_assert(rds_has("1", last));
	ck_assert(row_has("c", "1", last));
	ck_assert_int_eq(counted("c", "DeadLetters"), 0);
	ck_assert_int_eq(counted("c", "Pending"), 0);
}
END_TEST

START_TEST(attaching_and_opening)
{
	OK(ATTACH("c", "rds=shop/Customer", "pattern=write-behind"));
	fail_each(once_attached);
	tables_down();
	fail_each(once_open);
	tables_up();
	ck_assert(row_has("c", "1", "Ann"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cache_memory");
	TCase *tc = tcase_create("memory");
	tcase_add_checked_fixture(tc, setup_memory, teardown);
	tcase_set_timeout(tc, 100);
	tcase_add_loop_test(tc, reading, 0, 3);
	tcase_add_loop_test(tc, writing, 0, 3);
	tcase_add_test(tc, bringing_what_waits);
	tcase_add_test(tc, attaching_and_opening);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
