/* The table of updates: what each makes of a document (docdb_update_cases.jsonl). */
#include <check.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/update/update.h"
#include "tests/unit/docdb_cases.h"
#include "tests/unit/fixture.h"

#define NOW_MS INT64_C(1577836800000) /* 2020-01-01 */

static unsigned n_cases;

static int apply(struct slice line, const struct doc_match *match, struct buf *out, bool *changed,
	struct err *err)
{
	struct doc_update *u;
	int r = doc_update_new(member(line, "update"), member(line, "arrayFilters"), &u, err);
	if (r < 0) {
		return r;
	}
	if (member(line, "upsert").type != BSON_TYPE_EOD) {
		r = doc_update_insert(u, match, NOW_MS, out, err);
		*changed = true;
	} else {
		r = doc_update_apply(
			u, member(line, "document").raw, match, NOW_MS, out, changed, err);
	}
	doc_update_free(u);
	return r;
}

static int run(struct slice line, struct buf *out, bool *changed, struct err *err)
{
	struct doc_match *match = NULL;
	struct doc_value filter = member(line, "filter");
	int r = filter.type != BSON_TYPE_EOD ? doc_match_new(filter.raw, &match, err) : 0;
	r = r < 0 ? r : apply(line, match, out, changed, err);
	doc_match_free(match);
	return r;
}

static void run_case(struct slice line)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	bool changed = false;
	const char *name = text_of(line, "name");
	const char *error = text_of(line, "error");
	n_cases++;
	int r = run(line, &out, &changed, &err);
	if (error[0] != '\0') {
		ck_assert_msg(r == -EINVAL, "%s: not refused", name);
		ck_assert_str_eq(err.msg, error);
		return;
	}
	ck_assert_msg(r == 0, "%s: %s", name, err.msg);
	ck_assert_msg(doc_check(buf_slice(&out), &err) == 0, "%s: %s", name, err.msg);
	bool same = member(line, "unchanged").type != BSON_TYPE_EOD;
	ck_assert_msg(changed == !same, "%s: %s", name, changed ? "changed" : "not changed");
	check_same(name, doc_value_of(buf_slice(&out)), member(line, same ? "document" : "after"));
}

START_TEST(test_update_cases)
{
	each_case("docdb_update_cases.jsonl", run_case);
	ck_assert_uint_ge(n_cases, 100);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("docdb_update");
	TCase *t = tcase_create("cases");
	tcase_add_test(t, test_update_cases);
	suite_add_tcase(s, t);
	return run_suite(s);
}
