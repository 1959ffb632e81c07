/* Expressions: a table of cases (docdb_expr_cases.jsonl), worked out from the documentation, and
 * what happens at the limits. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/docdb/expr/expr.h"
#include "tests/unit/docdb_json.h"
#include "tests/unit/fixture.h"

#define NOW_MS 1577934245678 /* 2020-01-02T03:04:05.678Z */

static struct doc_arena *arena;

static void setup(void)
{
	arena = doc_arena_new();
	ck_assert_ptr_nonnull(arena);
}

static void teardown(void)
{
	doc_arena_free(arena);
}

static int evaluate(
	struct doc_value spec, struct slice document, struct doc_value *out, struct err *err)
{
	struct doc_vars vars = {.document = document, .now_ms = NOW_MS};
	struct doc_expr *e = NULL;
	int r = doc_expr_new(spec, NULL, &e, err);

	if (r == 0) {
		r = doc_expr_eval(e, &vars, arena, out, err);
	}
	if (r == 0) {
		*out = doc_make_copy(arena, *out);
	}
	doc_expr_free(e);
	return r;
}

static bool run_case(struct slice line, const char *text)
{
	bool good = true;
	bson_t *b = json_document(line);
	struct doc_value error = doc_field(json_bytes(b), slice_of("error"));
	struct doc_value wanted = doc_field(json_bytes(b), slice_of("is"));
	struct doc_value found = DOC_MISSING;
	struct err err = {0};
	int r = evaluate(doc_field(json_bytes(b), slice_of("e")),
		doc_field(json_bytes(b), slice_of("d")).raw, &found, &err);

	ck_assert_int_eq(r, -err.code);
	if (error.type == BSON_TYPE_UTF8) {
		good = r == -EINVAL && strstr(err.msg, doc_string(error).p) != NULL;
	} else {
		good = r == 0 && json_same(found, wanted, text);
	}
	if (!good) {
		fprintf(stderr, "%s\n  %s\n", text, err.msg);
	}
	doc_arena_clear(arena);
	bson_destroy(b);
	return good;
}

START_TEST(test_the_table_of_cases)
{
	unsigned bad = 0;
	struct buf file = BUF_INIT;
	unsigned n = 0;
	ck_assert(read_whole(SOURCE_ROOT "/tests/unit/docdb_expr_cases.jsonl", &file));
	for (char *line = strtok((char *)buf_cstr(&file), "\n"); line != NULL;
		line = strtok(NULL, "\n")) {
		bad += !run_case(slice_of(line), line);
		n++;
	}
	ck_assert_uint_ge(n, 200);
	ck_assert_uint_eq(bad, 0);
	buf_free(&file);
}
END_TEST

static int evaluate_json(const char *expression, struct err *err)
{
	struct buf text = BUF_INIT;
	struct doc_value out;
	bson_t *b;
	int r;
	buf_printf(&text, "{\"e\": %s, \"d\": {}}", expression);
	b = json_document(buf_slice(&text));
	r = evaluate(doc_field(json_bytes(b), slice_of("e")),
		doc_field(json_bytes(b), slice_of("d")).raw, &out, err);
	bson_destroy(b);
	buf_free(&text);
	return r;
}

START_TEST(test_a_value_that_grows_is_stopped)
{
	struct err err = {0};
	ck_assert_int_eq(
		evaluate_json("{\"$reduce\": {\"input\": {\"$range\": [0, 60]}, \"initialValue\": "
			      "\"xy\", \"in\": {\"$concat\": [\"$$value\", \"$$value\"]}}}",
			&err),
		-EFBIG);
	ck_assert_msg(strncmp(err.msg, "BSONObjectTooLarge", 18) == 0, "%s", err.msg);
}
END_TEST

START_TEST(test_an_endless_range_is_stopped)
{
	struct err err = {0};
	ck_assert_int_eq(evaluate_json("{\"$size\": {\"$range\": [0, 2147483647]}}", &err), -EFBIG);
}
END_TEST

START_TEST(test_dates_at_the_end_of_time)
{
	struct err err = {0};
	static const char *const forms[] = {
		"{\"$year\": {\"date\": %s, \"timezone\": \"+14:00\"}}",
		"{\"$dateTrunc\": {\"date\": %s, \"unit\": \"month\", \"binSize\": 1000000}}",
		"{\"$dateAdd\": {\"startDate\": %s, \"unit\": \"year\", \"amount\": 1000000}}",
		("{\"$dateDiff\": {\"startDate\": %s, \"endDate\": \"$$NOW\", \"unit\": "
		 "\"second\"}}"),
		"{\"$dateToString\": {\"date\": %s, \"timezone\": \"Europe/Berlin\"}}",
		"{\"$add\": [%s, 1, 1e300]}",
		"{\"$isoWeek\": {\"date\": %s}}",
	};
	static const char *const dates[] = {
		"{\"$date\": {\"$numberLong\": \"9223372036854775807\"}}",
		"{\"$date\": {\"$numberLong\": \"-9223372036854775808\"}}"};
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		for (size_t k = 0; k < 2; k++) {
			char text[300];
			const char *at = strstr(forms[i], "%s");
			snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - forms[i]), forms[i],
				dates[k], at + 2);
			err_clear(&err);
			int r = evaluate_json(text, &err);
			ck_assert_msg(r == 0 || r == -EINVAL, "%s: %s", text, err.msg);
		}
	}
}
END_TEST

START_TEST(test_variables_of_a_caller)
{
	struct doc_value seven = doc_make_int32(arena, 7);
	struct doc_var x = {.name = slice_of("x"), .value = seven};
	struct doc_vars vars = {.more = &x};
	struct doc_expr *e = NULL;
	struct doc_value out;
	struct err err = {0};
	bson_t *b = json_document(slice_of("{\"e\": \"$$x\"}"));
	struct doc_value spec = doc_field(json_bytes(b), slice_of("e"));
	ck_assert_int_eq(doc_expr_new(spec, NULL, &e, &err), -EINVAL);
	err_clear(&err);
	ck_assert_int_eq(doc_expr_new(spec, &x, &e, &err), 0);
	ck_assert_int_eq(doc_expr_eval(e, &vars, arena, &out, &err), 0);
	ck_assert_int_eq(doc_int32(out), 7);
	doc_expr_free(e);
	bson_destroy(b);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("docdb_expr");
	TCase *t = tcase_create("docdb_expr");
	tcase_set_timeout(t, 60); /* some fill memory to the limit, maybe beside much else */
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_the_table_of_cases);
	tcase_add_test(t, test_a_value_that_grows_is_stopped);
	tcase_add_test(t, test_an_endless_range_is_stopped);
	tcase_add_test(t, test_dates_at_the_end_of_time);
	tcase_add_test(t, test_variables_of_a_caller);
	suite_add_tcase(s, t);
	return run_suite(s);
}
