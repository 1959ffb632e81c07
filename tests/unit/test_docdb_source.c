/* The three kinds of sources: an instance, its replica, a copy; what may be written where; checks
 * before a write. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/docdb_fixture.h"

static struct docs d;

static void setup(void)
{
	docs_start(&d);
	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"a\": 1}, \"unique\": true}]"));
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 1}"));
}

static void teardown(void)
{
	docs_check(&d);
	docs_end(&d);
}

/* The same calls on another source. */
static struct docdb_source *use(struct docdb_source *other)
{
	struct docdb_source *own = d.source;
	d.source = other;
	return own;
}

static void check_reads(void)
{
	struct buf ids = BUF_INIT;

	ck_assert_str_eq(docs_text(&d, "c", "1"), "{\"_id\":1,\"a\":1}");
	ck_assert_str_eq(docs_names(&d, "c"), "1 ");
	docs_ok(&d, docs_find(&d, "c", "{\"a\": {\"$lt\": 5}}", "{\"a\": 1}", &ids));
	ck_assert_str_eq(buf_cstr(&ids), "1 ");
	ck_assert_ptr_nonnull(strstr(docs_explain(&d, "c", "{\"a\": 1}", NULL), "IXSCAN"));
	docs_check(&d);
	ck_assert_int_eq(docs_put(&d, "c", "2", "{}"), -EROFS);
	ck_assert_int_eq(docs_remove(&d, "c", "1"), -EROFS);
	buf_free(&ids);
}

START_TEST(test_a_copy_is_read_and_not_written)
{
	char path[128];
	struct docdb_source_config config = {.label = "copy"};
	struct docdb_source *copy;

	snprintf(path, sizeof(path), "%s/copy.db", d.dir);
	ck_assert_int_eq(docdb_source_file(path, &config, &copy, &d.err), -ENOENT);
	err_clear(&d.err);
	docs_ok(&d, instance_copy(d.store, path, NULL, NULL, &d.err));
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 2}"));
	docs_ok(&d, docdb_source_file(path, &config, &copy, &d.err));
	struct docdb_source *own = use(copy);
	check_reads();
	use(own);
	docdb_source_close(copy);
}
END_TEST

START_TEST(test_what_is_no_copy_is_refused)
{
	char path[128];
	struct docdb_source_config config = {.label = "copy"};
	struct docdb_source *copy;
	FILE *f;

	snprintf(path, sizeof(path), "%s/text.db", d.dir);
	f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	for (int i = 0; i < 1000; i++) {
		fputs("no database at all ", f);
	}
	fclose(f);
	ck_assert_int_eq(docdb_source_file(path, &config, &copy, &d.err), -EIO);
}
END_TEST

START_TEST(test_a_replica_is_read_and_not_written)
{
	struct docdb_source_config config = {.label = "replica r"};
	struct docdb_source *replica;

	docs_ok(&d, instance_replica_add(d.store, "r", NULL, INSTANCE_ZONES, 0, &d.err));
	docs_ok(&d, docdb_source_replica(d.store, "r", &config, &replica, &d.err));
	struct docdb_source *own = use(replica);
	for (int i = 0; i < 20000 && docs_text(&d, "c", "1")[0] == '\0'; i++) {
		usleep(1000);
	}
	check_reads();
	use(own);
	docdb_source_close(replica);
	docs_ok(&d, instance_replica_remove(d.store, "r", &d.err));
}
END_TEST

/* ---- a check before a write ---- */

struct check {
	const char *name;
	const char *text;
	uint64_t expect;
};

static int check_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct check *k = arg;

	return docdb_doc_check(
		c, slice_of("c"), slice_of(k->name), slice_of(k->text), k->expect, err);
}

START_TEST(test_a_check_says_what_a_write_would)
{
	static const struct {
		struct check check;
		int code;
		const char *words;
	} cases[] = {
		{{"2", "{\"a\": 2}", ENGINE_VERSION_ANY}, 0, ""},
		{{"1", "{\"_id\": 1, \"a\": 1}", ENGINE_VERSION_ANY}, 0, ""},
		{{"2", "{\"a\": 1.0}", ENGINE_VERSION_ANY}, EEXIST, "E11000"},
		{{"1", "{\"_id\": 3}", ENGINE_VERSION_ANY}, EINVAL, "ImmutableField"},
		{{"1", "{\"a\": }", ENGINE_VERSION_ANY}, EINVAL, "line 1"},
		{{"1", "{}", ENGINE_VERSION_ABSENT}, EEXIST, "exists"},
		{{"1", "{}", 7}, EBUSY, "changed"},
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct check k = cases[i].check;
		int rc = docs_read(&d, check_fn, &k);
		ck_assert_msg(rc == -cases[i].code, "%s: %d %s", k.text, rc, d.err.msg);
		ck_assert_msg(strstr(d.err.msg, cases[i].words) != NULL, "%s", d.err.msg);
		int done = docs_put_at(&d, "c", k.name, k.text, k.expect);
		ck_assert_int_eq(done, rc);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("docdb_source");
	TCase *t = tcase_create("source");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_a_copy_is_read_and_not_written);
	tcase_add_test(t, test_what_is_no_copy_is_refused);
	tcase_add_test(t, test_a_replica_is_read_and_not_written);
	tcase_add_test(t, test_a_check_says_what_a_write_would);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
