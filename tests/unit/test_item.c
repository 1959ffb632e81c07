/* Items: both forms, every rule and message, key members, sizes. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engines/common/cleanup.h"
#include "engines/common/json.h"
#include "engines/dynamodb/item.h"
#include "tests/unit/fixture.h"
#include "tests/unit/random.h"

static void free_item(struct ddb_item **item)
{
	ddb_item_free(*item);
}

static struct ddb_item *parse_slice(enum ddb_form form, struct slice text)
{
	struct ddb_item *item = NULL;
	struct err err = {0};
	int rc = ddb_item_parse(form, text, &item, &err);
	ck_assert_msg(rc == 0, "%s", err.msg);
	return item;
}

static struct ddb_item *parse(enum ddb_form form, const char *text)
{
	return parse_slice(form, slice_of(text));
}

static void check_render(const struct ddb_item *item, enum ddb_form form, const char *want)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	ddb_item_render(item, form, false, &out);
	ck_assert_str_eq(buf_cstr(&out), want);
}

/* Either text, as it is, gives either text. */
static void check_both(const char *plain, const char *typed)
{
	CLEANUP(free_item) struct ddb_item *a = parse(DDB_PLAIN, plain);
	CLEANUP(free_item) struct ddb_item *b = parse(DDB_TYPED, typed);
	check_render(a, DDB_PLAIN, plain);
	check_render(a, DDB_TYPED, typed);
	check_render(b, DDB_PLAIN, plain);
	check_render(b, DDB_TYPED, typed);
}

static void check_accepted(enum ddb_form form, const char *text, const char *plain)
{
	CLEANUP(free_item) struct ddb_item *item = parse(form, text);
	check_render(item, DDB_PLAIN, plain);
}

static void check_refused(enum ddb_form form, const char *text, const char *want)
{
	struct ddb_item *item = NULL;
	struct err err = {0};
	ck_assert_msg(ddb_item_parse(form, slice_of(text), &item, &err) == -EINVAL, "%s", text);
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_str_eq(err.msg, want);
	ck_assert_ptr_null(item);
}

/* ---- forms ---- */

START_TEST(test_types)
{
	check_both("{\"a\":\"x\"}", "{\"a\":{\"S\":\"x\"}}");
	check_both("{\"a\":1.5}", "{\"a\":{\"N\":\"1.5\"}}");
	check_both("{\"a\":{\"$b\":\"aGk=\"}}", "{\"a\":{\"B\":\"aGk=\"}}");
	check_both("{\"a\":true,\"b\":false}", "{\"a\":{\"BOOL\":true},\"b\":{\"BOOL\":false}}");
	check_both("{\"a\":null}", "{\"a\":{\"NULL\":true}}");
	check_both(
		"{\"a\":[1,\"x\",[]]}", "{\"a\":{\"L\":[{\"N\":\"1\"},{\"S\":\"x\"},{\"L\":[]}]}}");
	check_both("{\"a\":{\"b\":{}}}", "{\"a\":{\"M\":{\"b\":{\"M\":{}}}}}");
	check_both("{\"a\":{\"$ss\":[\"y\",\"x\"]}}", "{\"a\":{\"SS\":[\"y\",\"x\"]}}");
	check_both("{\"a\":{\"$ns\":[2,1.5]}}", "{\"a\":{\"NS\":[\"2\",\"1.5\"]}}");
	check_both("{\"a\":{\"$bs\":[\"\",\"aGk=\"]}}", "{\"a\":{\"BS\":[\"\",\"aGk=\"]}}");
	check_both("{}", "{}");
	check_both("{\"a\":\"\",\"b\":{\"$b\":\"\"}}", "{\"a\":{\"S\":\"\"},\"b\":{\"B\":\"\"}}");
}
END_TEST

START_TEST(test_order_is_kept)
{
	check_both("{\"z\":1,\"a\":{\"y\":1,\"b\":2},\"m\":3}",
		"{\"z\":{\"N\":\"1\"},\"a\":{\"M\":{\"y\":{\"N\":\"1\"},\"b\":{\"N\":\"2\"}}},"
		"\"m\":{\"N\":\"3\"}}");
}
END_TEST

START_TEST(test_numbers)
{
	check_accepted(
		DDB_PLAIN, "{\"a\":1.50E2,\"b\":-0,\"c\":1E-3}", "{\"a\":150,\"b\":0,\"c\":0.001}");
	check_accepted(
		DDB_PLAIN, "{\"a\":{\"$n\":\"1.0\"},\"b\":{\"$n\":2.0}}", "{\"a\":1,\"b\":2}");
	check_accepted(DDB_PLAIN, "{\"a\":{\"$ns\":[1.0,\"2.50\"]}}", "{\"a\":{\"$ns\":[1,2.5]}}");
	check_accepted(DDB_PLAIN, "{\"a\":12345678901234567890123456789012345678}",
		"{\"a\":12345678901234567890123456789012345678}");
	check_accepted(DDB_TYPED, "{\"a\":{\"N\":\"00042\"},\"b\":{\"NS\":[\"1e2\"]}}",
		"{\"a\":42,\"b\":{\"$ns\":[100]}}");
}
END_TEST

START_TEST(test_dollar_names)
{
	check_both("{\"$$x\":1}", "{\"$x\":{\"N\":\"1\"}}");
	check_both("{\"$$\":1}", "{\"$\":{\"N\":\"1\"}}");
	check_both("{\"$$$x\":1}", "{\"$$x\":{\"N\":\"1\"}}");
	check_both(
		"{\"a\":{\"$$ss\":[\"x\"]}}", "{\"a\":{\"M\":{\"$ss\":{\"L\":[{\"S\":\"x\"}]}}}}");
	check_both("{\"$$b\":\"aGk=\"}", "{\"$b\":{\"S\":\"aGk=\"}}");
	check_both("{\"$$\\\"\\u0001\":1}", "{\"$\\\"\\u0001\":{\"N\":\"1\"}}");
	check_both("{\"a$b\":1,\"S\":\"x\"}", "{\"a$b\":{\"N\":\"1\"},\"S\":{\"S\":\"x\"}}");
}
END_TEST

START_TEST(test_strange_strings)
{
	check_both("{\"\xc3\xa9 /\":\"a\\u0000b\\n\xf0\x9f\x98\x80\"}",
		"{\"\xc3\xa9 /\":{\"S\":\"a\\u0000b\\n\xf0\x9f\x98\x80\"}}");
	check_accepted(DDB_PLAIN, "{\"a\":\"\\u00e9\\/\"}", "{\"a\":\"\xc3\xa9/\"}");
}
END_TEST

START_TEST(test_indent)
{
	CLEANUP(free_item)
	struct ddb_item *item =
		parse(DDB_PLAIN, "{\"a\":[1,{\"$ss\":[\"x\"]},[],{}],\"b\":{\"c\":null}}");
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	ddb_item_render(item, DDB_PLAIN, true, &out);
	ck_assert_str_eq(buf_cstr(&out), "{\n  \"a\": [\n    1,\n    {\n      \"$ss\": [\n        "
					 "\"x\"\n      ]\n    },\n    [],\n    {}\n  ],\n"
					 "  \"b\": {\n    \"c\": null\n  }\n}\n");
	buf_clear(&out);
	CLEANUP(free_item) struct ddb_item *one = parse(DDB_PLAIN, "{\"a\":1}");
	ddb_item_render(one, DDB_TYPED, true, &out);
	ck_assert_str_eq(buf_cstr(&out), "{\n  \"a\": {\n    \"N\": \"1\"\n  }\n}\n");
	buf_clear(&out);
	CLEANUP(free_item) struct ddb_item *empty = parse(DDB_PLAIN, "{}");
	ddb_item_render(empty, DDB_PLAIN, true, &out);
	ck_assert_str_eq(buf_cstr(&out), "{}\n");
}
END_TEST

/* {"Item": ...} around an item, and items that only look like that. */
START_TEST(test_item_wrapper)
{
	check_accepted(DDB_TYPED, "{\"Item\":{\"a\":{\"S\":\"x\"}}}", "{\"a\":\"x\"}");
	check_accepted(DDB_TYPED, "{\"Item\":{}}", "{}");
	check_accepted(DDB_TYPED, "{\"Item\":{\"S\":\"x\"}}", "{\"Item\":\"x\"}");
	check_accepted(DDB_TYPED, "{\"Item\":{\"S\":{\"S\":\"x\"}}}", "{\"S\":\"x\"}");
	check_accepted(DDB_TYPED, "{\"Item\":{\"BOOL\":true}}", "{\"Item\":true}");
	check_accepted(DDB_TYPED, "{\"Item\":{\"L\":{\"L\":[]}}}", "{\"L\":[]}");
	check_accepted(DDB_TYPED, "{\"Item\":{\"SS\":[\"a\"]}}", "{\"Item\":{\"$ss\":[\"a\"]}}");
	check_accepted(DDB_TYPED, "{\"Item\":{\"M\":{}}}", "{\"Item\":{}}");
	check_accepted(DDB_TYPED, "{\"Item\":{\"M\":{\"M\":{}}}}", "{\"M\":{}}");
	check_accepted(DDB_TYPED, "{\"Item\":{\"M\":{\"M\":{\"M\":{}}}}}", "{\"Item\":{\"M\":{}}}");
	check_accepted(DDB_TYPED, "{\"Item\":{\"M\":{\"S\":\"x\"}}}", "{\"M\":\"x\"}");
	check_accepted(
		DDB_TYPED, "{\"Item\":{\"M\":{\"S\":{\"S\":\"x\"}}}}", "{\"Item\":{\"S\":\"x\"}}");
	check_accepted(DDB_TYPED, "{\"Item\":{\"M\":{\"a\":{\"S\":\"\"},\"b\":{\"S\":\"\"}}}}",
		"{\"Item\":{\"a\":\"\",\"b\":\"\"}}");
	check_accepted(DDB_TYPED, "{\"Item\":{\"S\":\"x\"},\"b\":{\"S\":\"y\"}}",
		"{\"Item\":\"x\",\"b\":\"y\"}");
	check_accepted(
		DDB_PLAIN, "{\"Item\":{\"a\":{\"S\":\"x\"}}}", "{\"Item\":{\"a\":{\"S\":\"x\"}}}");
}
END_TEST

/* ---- refusals ---- */

START_TEST(test_refused_json)
{
	check_refused(
		DDB_PLAIN, "", "line 1, column 1: expected a value, found the end of the text");
	check_refused(DDB_PLAIN, "{\"a\":1,}",
		"line 1, column 8: expected a member name in double quotes, found '}'");
	check_refused(
		DDB_PLAIN, "{} {}", "line 1, column 4: expected the end of the text, found '{'");
	check_refused(DDB_PLAIN, "[1]",
		"line 1, column 1: expected an item, which is an object, found an array");
	check_refused(DDB_TYPED, " 7",
		"line 1, column 2: expected an item, which is an object, found a number");
	check_refused(DDB_PLAIN, "\"x\"",
		"line 1, column 1: expected an item, which is an object, found a string");
	check_refused(DDB_PLAIN, "null",
		"line 1, column 1: expected an item, which is an object, found null");
}
END_TEST

START_TEST(test_refused_twice)
{
	check_refused(DDB_PLAIN, "{\"a\":1,\n \"b\":2, \"a\":3}",
		"line 2, column 9: the member name \"a\" is there twice (first at line 1, column "
		"2)");
	check_refused(DDB_PLAIN, "{\"a\":[{\"b\":1,\"\\u0062\":1}]}",
		"line 1, column 14: the member name \"b\" is there twice (first at line 1, column "
		"8)");
	check_refused(DDB_TYPED, "{\"a\":{\"S\":\"x\",\"S\":\"y\"}}",
		"line 1, column 15: the member name \"S\" is there twice (first at line 1, column "
		"7)");
	check_refused(DDB_TYPED, "{\"a\":{\"M\":{\"b\":{\"S\":\"\"},\"b\":{\"S\":\"\"}}}}",
		"line 1, column 25: the member name \"b\" is there twice (first at line 1, column "
		"12)");
}
END_TEST

static void put_members(struct buf *out, int n)
{
	buf_putc(out, '{');
	for (int i = 0; i < n; i++) {
		buf_printf(out, "%s\"%x\":1", i > 0 ? ",\n" : "", (unsigned)i * 2654435761U);
	}
}

/* Of several repetitions the first in the text is named, in objects of any size. */
START_TEST(test_refused_twice_among_many)
{
	for (int n = 2; n < 40; n++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf want = BUF_INIT;
		put_members(&text, n);
		buf_printf(&text, ",\n\"%x\":1,\n\"0\":1,\n\"0\":1}", 2654435761U);
		buf_printf(&want,
			"line %d, column 1: the member name \"9e3779b1\" is there twice (first at "
			"line 2, column 1)",
			n + 1);
		check_refused(DDB_PLAIN, buf_cstr(&text), buf_cstr(&want));
	}
}
END_TEST

static double seconds(void)
{
	return (double)clock() / CLOCKS_PER_SEC;
}

/* A quadratic search would take minutes here. */
START_TEST(test_many_members_are_fast)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	put_members(&text, 200000);
	buf_putc(&text, '}');
	double start = seconds();
	CLEANUP(free_item) struct ddb_item *item = parse_slice(DDB_PLAIN, buf_slice(&text));
	ck_assert(seconds() - start < 10);
	ck_assert_uint_gt(ddb_item_size(item), DDB_ITEM_MAX_BYTES);
	buf_clear(&text);
	buf_puts(&text, "{\"s\":{\"$ns\":[0");
	for (int i = 1; i < 200000; i++) {
		buf_printf(&text, ",%d", i);
	}
	buf_puts(&text, "]}}");
	start = seconds();
	CLEANUP(free_item) struct ddb_item *set = parse_slice(DDB_PLAIN, buf_slice(&text));
	ck_assert(seconds() - start < 10);
	ck_assert_uint_gt(ddb_item_size(set), DDB_ITEM_MAX_BYTES);
}
END_TEST

START_TEST(test_refused_tags)
{
#define STAND_ALONE                                                                                \
	"; $ss, $ns, $bs, $b and $n stand alone in an object inside an item, and a name that "     \
	"begins with $ is written with $$"
	check_refused(DDB_PLAIN, "{\"$ss\":[\"a\"]}",
		"line 1, column 2: found the member name \"$ss\"" STAND_ALONE);
	check_refused(DDB_PLAIN, "{\"a\":{\"$x\":1}}",
		"line 1, column 7: found the member name \"$x\"" STAND_ALONE);
	check_refused(DDB_PLAIN, "{\"a\":{\"$b\":\"\",\"c\":1}}",
		"line 1, column 7: found the member name \"$b\"" STAND_ALONE);
	check_refused(DDB_PLAIN, "{\"a\":{\"c\":1,\"$n\":1}}",
		"line 1, column 13: found the member name \"$n\"" STAND_ALONE);
	check_refused(DDB_PLAIN, "{\"$\":1}",
		"line 1, column 2: found the member name \"$\"" STAND_ALONE);
	check_refused(DDB_PLAIN, "{\"a\":{\"$ss\":\"a\"}}",
		"line 1, column 13: expected an array, found a string");
	check_refused(DDB_PLAIN, "{\"a\":{\"$ss\":[1]}}",
		"line 1, column 14: expected a string, found a number");
	check_refused(DDB_PLAIN, "{\"a\":{\"$ns\":[true]}}",
		"line 1, column 14: expected a number, found true");
	check_refused(DDB_PLAIN, "{\"a\":{\"$n\":{}}}",
		"line 1, column 12: expected a number, found an object");
	check_refused(DDB_PLAIN, "{\"a\":{\"$b\":1}}",
		"line 1, column 12: expected a string of base64, found a number");
	check_refused(DDB_PLAIN, "{\"a\":{\"$bs\":[null]}}",
		"line 1, column 14: expected a string of base64, found null");
	check_refused(DDB_PLAIN, "{\"a\":{\"$b\":\"aGk\"}}",
		"line 1, column 12: expected base64 with padding (its length is a multiple of 4), "
		"found \"aGk\"");
	check_refused(DDB_PLAIN, "{\"a\":{\"$b\":\"a-_=\"}}",
		"line 1, column 12: expected base64 (A-Z a-z 0-9 + / and = at the end), found "
		"\"a-_=\"");
}
END_TEST

START_TEST(test_refused_names)
{
	check_refused(DDB_PLAIN, "{\"\":1}",
		"line 1, column 2: Empty attribute name: a name has 1 to 65535 bytes");
	check_refused(DDB_TYPED, "{\"a\":{\"M\":{\"\":{\"N\":\"1\"}}}}",
		"line 1, column 12: Empty attribute name: a name has 1 to 65535 bytes");
	for (size_t n = 65535; n <= 65536; n++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		struct ddb_item *item = NULL;
		struct err err = {0};
		buf_puts(&text, "{\"");
		for (size_t i = 0; i < n; i++) {
			buf_putc(&text, 'n');
		}
		buf_puts(&text, "\":1}");
		int rc = ddb_item_parse(DDB_PLAIN, buf_slice(&text), &item, &err);
		ck_assert_int_eq(rc, n == 65535 ? 0 : -EINVAL);
		ck_assert_str_eq(err.msg, n == 65535 ? ""
						     : "line 1, column 2: the attribute name has "
						       "65536 bytes, a name has 1 to 65535 bytes");
		ddb_item_free(item);
	}
}
END_TEST

START_TEST(test_refused_sets)
{
#define INVALID "One or more parameter values were invalid: "
	check_refused(DDB_PLAIN, "{\"a\":{\"$ss\":[]}}",
		"line 1, column 13: " INVALID "An string set  may not be empty");
	check_refused(DDB_PLAIN, "{\"a\":{\"$ns\":[]}}",
		"line 1, column 13: " INVALID "An number set  may not be empty");
	check_refused(DDB_TYPED, "{\"a\":{\"BS\":[]}}",
		"line 1, column 12: " INVALID "Binary sets should not be empty");
	check_refused(DDB_TYPED, "{\"a\":{\"L\":[{\"SS\":[]}]}}",
		"line 1, column 18: " INVALID "An string set  may not be empty");
	check_refused(DDB_PLAIN, "{\"a\":{\"$ss\":[\"a\",\"a\"]}}",
		"line 1, column 18: " INVALID "Input collection [a, a] contains duplicates.");
	check_refused(DDB_TYPED, "{\"a\":{\"SS\":[\"x\",\"b\",\"x\"]}}",
		"line 1, column 21: " INVALID "Input collection [x, b, x] contains duplicates.");
	check_refused(DDB_PLAIN, "{\"a\":{\"$ns\":[1,2,1.0]}}",
		"line 1, column 18: Input collection contains duplicates");
	check_refused(DDB_TYPED, "{\"a\":{\"NS\":[\"100\",\"1e2\"]}}",
		"line 1, column 19: Input collection contains duplicates");
	check_refused(DDB_TYPED, "{\"a\":{\"BS\":[\"YQ==\",\"YQ==\"]}}",
		"line 1, column 20: " INVALID
		"Input collection [YQ==, YQ==]of type BS contains duplicates.");
}
END_TEST

START_TEST(test_refused_long_set_is_cut)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct ddb_item *item = NULL;
	struct err err = {0};
	buf_puts(&text, "{\"a\":{\"$ss\":[");
	for (int i = 0; i < 300; i++) {
		buf_printf(&text, "\"value %d\",", i);
	}
	buf_puts(&text, "\"value 7\"]}}");
	ck_assert_int_eq(ddb_item_parse(DDB_PLAIN, buf_slice(&text), &item, &err), -EINVAL);
	ck_assert_uint_lt(strlen(err.msg), 400);
	ck_assert_ptr_nonnull(strstr(err.msg, ", ...] contains duplicates."));
}
END_TEST

START_TEST(test_refused_numbers)
{
	check_refused(DDB_PLAIN, "{\"a\":1e126}",
		"line 1, column 6: Number overflow. Attempting to store a number with magnitude "
		"larger than supported range");
	check_refused(DDB_PLAIN, "{\"a\":[1e-131]}",
		"line 1, column 7: Number underflow. Attempting to store a number with magnitude "
		"smaller than supported range");
	check_refused(DDB_PLAIN, "{\"a\":123456789012345678901234567890123456789}",
		"line 1, column 6: Attempting to store more than 38 significant digits in a "
		"Number");
	check_refused(DDB_TYPED, "{\"a\":{\"N\":\"abc\"}}",
		"line 1, column 11: The parameter cannot be converted to a numeric value: abc");
	check_refused(DDB_PLAIN, "{\"a\":{\"$n\":\"\"}}",
		"line 1, column 12: The parameter cannot be converted to a numeric value");
	check_refused(DDB_TYPED, "{\"a\":{\"NS\":[\"x\"]}}",
		"line 1, column 13: The parameter cannot be converted to a numeric value: x");
}
END_TEST

START_TEST(test_refused_typed)
{
	const char *empty = "line 1, column 6: Supplied AttributeValue is empty, must contain "
			    "exactly one of the supported datatypes";
	check_refused(DDB_TYPED, "{\"a\":{}}", empty);
	check_refused(DDB_TYPED, "{\"a\":{\"X\":1}}", empty);
	check_refused(DDB_TYPED, "{\"a\":{\"s\":\"x\"}}", empty);
	check_refused(DDB_TYPED, "{\"a\":{\"S\":\"x\",\"N\":\"1\"}}",
		"line 1, column 6: Supplied AttributeValue has more than one datatypes set, must "
		"contain exactly one of the supported datatypes");
	check_refused(DDB_TYPED, "{\"a\":{\"S\":\"x\",\"Q\":1}}",
		"line 1, column 15: expected exactly one of S, N, B, BOOL, NULL, L, M, SS, NS, BS, "
		"found \"Q\" beside it");
	check_refused(DDB_TYPED, "{\"a\":\"x\"}",
		"line 1, column 6: expected a typed value such as {\"S\": \"text\"}, found a "
		"string");
	check_refused(DDB_TYPED, "{\"a\":{\"S\":1}}",
		"line 1, column 11: expected a string, found a number");
	check_refused(DDB_TYPED, "{\"a\":{\"N\":1}}",
		"line 1, column 11: expected a number written as a string, found a number");
	check_refused(DDB_TYPED, "{\"a\":{\"B\":[]}}",
		"line 1, column 11: expected a string of base64, found an array");
	check_refused(DDB_TYPED, "{\"a\":{\"L\":{}}}",
		"line 1, column 11: expected an array, found an object");
	check_refused(DDB_TYPED, "{\"a\":{\"M\":[]}}",
		"line 1, column 11: expected an object, found an array");
	check_refused(DDB_TYPED, "{\"a\":{\"BOOL\":\"true\"}}",
		"line 1, column 14: expected true or false, found a string");
	check_refused(DDB_TYPED, "{\"a\":{\"NULL\":null}}",
		"line 1, column 14: expected true, found null");
	check_refused(DDB_TYPED, "{\"a\":{\"NULL\":false}}",
		"line 1, column 14: " INVALID
		"Null attribute value types must have the value of true");
	check_refused(DDB_TYPED, "{\"a\":{\"NS\":[1]}}",
		"line 1, column 13: expected a number written as a string, found a number");
}
END_TEST

/* ---- levels ---- */

static void put_nested(struct buf *out, enum ddb_form form, bool maps, unsigned n, bool leaf)
{
	const char *open = form == DDB_TYPED ? (maps ? "{\"M\":{\"k\":" : "{\"L\":[")
					     : (maps ? "{\"k\":" : "[");
	const char *close = form == DDB_TYPED ? (maps ? "}}" : "]}") : (maps ? "}" : "]");
	buf_puts(out, "{\"a\":");
	for (unsigned i = 0; i < n; i++) {
		buf_puts(out, open);
	}
	if (leaf) {
		buf_puts(out, form == DDB_TYPED ? "{\"SS\":[\"x\"]}" : "{\"$ss\":[\"x\"]}");
	}
	for (unsigned i = 0; i < n; i++) {
		buf_puts(out, close);
	}
	buf_putc(out, '}');
}

START_TEST(test_levels)
{
	for (int k = 0; k < 4; k++) {
		enum ddb_form form = k % 2 != 0 ? DDB_TYPED : DDB_PLAIN;
		for (unsigned n = 31; n <= 32; n++) {
			CLEANUP(buf_free) struct buf text = BUF_INIT;
			CLEANUP(free_item) struct ddb_item *item = NULL;
			struct err err = {0};
			put_nested(&text, form, k >= 2, n, true);
			int rc = ddb_item_parse(form, buf_slice(&text), &item, &err);
			ck_assert_int_eq(rc, n == 31 ? 0 : -EINVAL);
			ck_assert(n == 31 ||
				  strstr(err.msg, ": Nesting Levels have exceeded supported "
						  "limits: Attributes in the item have nested "
						  "levels beyond supported limit") != NULL);
		}
	}
}
END_TEST

START_TEST(test_levels_of_empty_lists)
{
	for (unsigned n = 32; n <= 33; n++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(free_item) struct ddb_item *item = NULL;
		put_nested(&text, DDB_PLAIN, false, n, false);
		int rc = ddb_item_parse(DDB_PLAIN, buf_slice(&text), &item, NULL);
		ck_assert_int_eq(rc, n == 32 ? 0 : -EINVAL);
	}
}
END_TEST

/* ---- sizes ---- */

static void check_size(const char *plain, uint64_t want)
{
	CLEANUP(free_item) struct ddb_item *item = parse(DDB_PLAIN, plain);
	ck_assert_uint_eq(ddb_item_size(item), want);
}

START_TEST(test_sizes)
{
	check_size("{\"shirt-color\":\"R\",\"shirt-size\":\"M\"}", 23);
	check_size("{}", 0);
	check_size("{\"a\":\"\xc3\xa9\"}", 3);
	check_size("{\"a\":{\"$b\":\"aGk=\"}}", 3);
	check_size("{\"a\":true,\"b\":null}", 4);
	check_size("{\"a\":123}", 1 + 3);
	check_size("{\"a\":[]}", 4);
	check_size("{\"a\":[\"xy\",true]}", 1 + 3 + 3 + 2);
	check_size("{\"a\":{\"bc\":\"xyz\"}}", 1 + 3 + 1 + 2 + 3);
	check_size("{\"a\":{\"$ss\":[\"x\",\"yz\"]}}", 1 + 3);
	check_size("{\"a\":{\"$ns\":[1,12]}}", 1 + 4);
	check_size("{\"a\":{\"$bs\":[\"aGk=\"]}}", 1 + 2);
	check_size("{\"$$a\":\"\"}", 2);
}
END_TEST

static struct ddb_item *sized(size_t n)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_puts(&text, "{\"a\":\"");
	for (size_t i = 1; i < n; i++) {
		buf_putc(&text, 'x');
	}
	buf_puts(&text, "\"}");
	return parse_slice(DDB_PLAIN, buf_slice(&text));
}

START_TEST(test_size_limit)
{
	CLEANUP(free_item) struct ddb_item *fits = sized(409600);
	CLEANUP(free_item) struct ddb_item *over = sized(409601);
	struct err err = {0};
	ck_assert_int_eq(ddb_item_check_size(fits, &err), 0);
	ck_assert_int_eq(ddb_item_check_size(over, &err), -EFBIG);
	ck_assert_int_eq(err.code, EFBIG);
	ck_assert_str_eq(err.msg, "Item size has exceeded the maximum allowed size (found 409601 "
				  "bytes, at most 409600 are accepted)");
}
END_TEST

/* Text whose tree would pass the bound is dropped while it is read. */
START_TEST(test_tree_is_bounded)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct ddb_item *item = NULL;
	struct err err = {0};
	buf_puts(&text, "{\"a\":[0");
	for (int i = 0; i < 2000000; i++) {
		buf_puts(&text, ",0");
	}
	buf_puts(&text, "]}");
	ck_assert_int_eq(ddb_item_parse(DDB_PLAIN, buf_slice(&text), &item, &err), -EFBIG);
	ck_assert_str_eq(err.msg,
		"Item size has exceeded the maximum allowed size (at most 409600 are accepted)");
}
END_TEST

/* ---- key members ---- */

static const struct ddb_key_schema schema = {
	.hash = {"pk", DDB_S},
	.range = {"sk", DDB_N},
	.has_range = true,
};
static const struct ddb_key_schema binary_schema = {.hash = {"pk", DDB_B}};

static void check_match(const char *plain, const struct ddb_key_schema *of, const char *hash,
	const char *range, enum ddb_key_match want, const char *message)
{
	CLEANUP(free_item) struct ddb_item *item = parse(DDB_PLAIN, plain);
	struct err err = {0};
	ck_assert_int_eq(ddb_item_match_key(item, of, slice_of(hash), slice_of(range), &err), want);
	ck_assert_str_eq(err.msg, message);
	ck_assert_int_eq(err.code, message[0] != '\0' ? EINVAL : 0);
	ck_assert_int_eq(ddb_item_match_key(item, of, slice_of(hash), slice_of(range), NULL), want);
}

START_TEST(test_match_key)
{
	check_match("{\"pk\":\"a\",\"sk\":1.0}", &schema, "a", "1", DDB_KEY_SAME, "");
	check_match("{\"pk\":\"a\"}", &schema, "a", "1", DDB_KEY_ABSENT, "");
	check_match("{\"sk\":1}", &schema, "a", "1", DDB_KEY_ABSENT, "");
	check_match("{}", &schema, "a", "1", DDB_KEY_ABSENT, "");
	check_match("{\"pk\":\"b/\",\"sk\":1}", &schema, "a", "1", DDB_KEY_OTHER,
		"key attribute pk: found \"b%2F\", expected \"a\" as in the file's name (rename "
		"the file to change the key)");
	check_match("{\"sk\":2}", &schema, "a", "1", DDB_KEY_OTHER,
		"key attribute sk: found \"2\", expected \"1\" as in the file's name (rename the "
		"file to change the key)");
	check_match("{\"pk\":1}", &schema, "a", "1", DDB_KEY_OTHER,
		INVALID "Type mismatch for key pk expected: S actual: N");
	check_match("{\"pk\":{\"$b\":\"+/8=\"}}", &binary_schema, "-_8", "", DDB_KEY_SAME, "");
	check_match("{\"pk\":{\"$b\":\"AA==\"}}", &binary_schema, "-_8", "", DDB_KEY_OTHER,
		"key attribute pk: found \"AA\", expected \"-_8\" as in the file's name (rename "
		"the file to change the key)");
	check_match("{\"pk\":[]}", &binary_schema, "-_8", "", DDB_KEY_OTHER,
		INVALID "Type mismatch for key pk expected: B actual: L");
}
END_TEST

static void check_set(const char *plain, const struct ddb_key_schema *of, const char *hash,
	const char *range, const char *want)
{
	CLEANUP(free_item) struct ddb_item *item = parse(DDB_PLAIN, plain);
	ck_assert_int_eq(ddb_item_set_key(item, of, slice_of(hash), slice_of(range), NULL), 0);
	check_render(item, DDB_PLAIN, want);
	ck_assert_int_eq(
		ddb_item_match_key(item, of, slice_of(hash), slice_of(range), NULL), DDB_KEY_SAME);
}

START_TEST(test_set_key)
{
	check_set("{\"x\":1}", &schema, "a", "7", "{\"pk\":\"a\",\"sk\":7,\"x\":1}");
	check_set("{}", &schema, "a", "7", "{\"pk\":\"a\",\"sk\":7}");
	check_set("{\"x\":1,\"pk\":\"b\",\"sk\":2}", &schema, "a", "7",
		"{\"x\":1,\"pk\":\"a\",\"sk\":7}");
	check_set("{\"pk\":\"b\",\"x\":1}", &schema, "a", "7", "{\"pk\":\"a\",\"sk\":7,\"x\":1}");
	check_set("{\"x\":1,\"pk\":\"b\"}", &schema, "a", "7", "{\"sk\":7,\"x\":1,\"pk\":\"a\"}");
	check_set("{\"x\":1,\"sk\":2}", &schema, "a", "7", "{\"pk\":\"a\",\"x\":1,\"sk\":7}");
	check_set("{\"pk\":{\"deep\":[1]}}", &schema, "a", "7", "{\"pk\":\"a\",\"sk\":7}");
	check_set("{\"x\":1}", &binary_schema, "-_8", "", "{\"pk\":{\"$b\":\"+/8=\"},\"x\":1}");
}
END_TEST

static void check_texts(
	const char *plain, int rc, const char *hash, const char *range, const char *message)
{
	CLEANUP(free_item) struct ddb_item *item = parse(DDB_PLAIN, plain);
	CLEANUP(buf_free) struct buf h = BUF_INIT;
	CLEANUP(buf_free) struct buf r = BUF_INIT;
	struct err err = {0};
	ck_assert_int_eq(ddb_item_key_texts(item, &schema, &h, &r, &err), rc);
	ck_assert_str_eq(err.msg, message);
	if (rc == 0) {
		ck_assert_str_eq(buf_cstr(&h), hash);
		ck_assert_str_eq(buf_cstr(&r), range);
	}
}

START_TEST(test_key_texts)
{
	check_texts("{\"sk\":1.50,\"pk\":\"a\"}", 0, "a", "1.5", "");
	check_texts("{\"sk\":1}", -EINVAL, "", "", INVALID "Missing the key pk in the item");
	check_texts("{\"pk\":\"a\"}", -EINVAL, "", "", INVALID "Missing the key sk in the item");
	check_texts("{\"pk\":1,\"sk\":1}", -EINVAL, "", "",
		INVALID "Type mismatch for key pk expected: S actual: N");
	check_texts("{\"pk\":\"a\",\"sk\":\"1\"}", -EINVAL, "", "",
		INVALID "Type mismatch for key sk expected: N actual: S");
	check_texts("{\"pk\":\"\",\"sk\":1}", -EINVAL, "", "",
		"One or more parameter values are not valid. The AttributeValue for a key "
		"attribute cannot contain an empty string value. Key: pk");
	CLEANUP(free_item) struct ddb_item *item = parse(DDB_PLAIN, "{\"pk\":{\"$b\":\"+/8=\"}}");
	CLEANUP(buf_free) struct buf h = BUF_INIT;
	ck_assert_int_eq(ddb_item_key_texts(item, &binary_schema, &h, NULL, NULL), 0);
	ck_assert_str_eq(buf_cstr(&h), "-_8");
}
END_TEST

/* ---- at random ---- */

static void random_text(struct buf *out)
{
	static const char *const parts[] = {"a", "$", "$ss", "\\\"", "\\u0000", "\xc3\xa9", "S",
		"N", "M", "Item", "\\n", "\xf0\x9f\x98\x80", " ", "%"};
	buf_putc(out, '"');
	for (int n = rng() % 4; n > 0; n--) {
		buf_puts(out, parts[(size_t)rng() % (sizeof(parts) / sizeof(parts[0]))]);
	}
	buf_putc(out, '"');
}

static void random_number(struct buf *out)
{
	buf_printf(out, "%s%d", rng() % 3 == 0 ? "-" : "", rng() % 1000);
	if (rng() % 3 == 0) {
		buf_printf(out, ".%d", rng() % 100000);
	}
	if (rng() % 3 == 0) {
		buf_printf(out, "e%d", rng() % 200 - 100);
	}
}

static void random_value(struct buf *out, unsigned depth);

/* A number behind the names keeps them apart; a sole member goes without, to be
 * called Item or S now and then. */
static void random_map(struct buf *out, unsigned depth)
{
	int n = rng() % 5;
	buf_puts(out, "{");
	for (int i = 0; i < n; i++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		random_text(&name);
		buf_puts(out, i > 0 ? "," : "");
		buf_append(out, name.p, name.n - 1);
		if (n > 1 || name.n == 2) {
			buf_printf(out, "%d", i);
		}
		buf_puts(out, "\":");
		random_value(out, depth + 1);
	}
	buf_puts(out, "}");
}

static void random_list(struct buf *out, unsigned depth)
{
	buf_puts(out, "{\"L\":[");
	for (int n = rng() % 4, i = 0; i < n; i++) {
		buf_puts(out, i > 0 ? "," : "");
		random_value(out, depth + 1);
	}
	buf_puts(out, "]}");
}

static void random_value(struct buf *out, unsigned depth)
{
	static const char *const sets[] = {"{\"SS\":[\"b\",\"\",\"a\"]}",
		"{\"NS\":[\"3\",\"1e5\",\"-2\"]}", "{\"BS\":[\"AAA=\",\"\"]}", "{\"B\":\"/+8=\"}",
		"{\"BOOL\":true}", "{\"BOOL\":false}", "{\"NULL\":true}"};
	switch (rng() % (depth < 6 ? 5 : 3)) {
	case 0:
		buf_puts(out, "{\"S\":");
		random_text(out);
		buf_putc(out, '}');
		break;
	case 1:
		buf_puts(out, "{\"N\":\"");
		random_number(out);
		buf_puts(out, "\"}");
		break;
	case 2: buf_puts(out, sets[rng() % 7]); break;
	case 3: random_list(out, depth); break;
	default:
		buf_puts(out, "{\"M\":");
		random_map(out, depth);
		buf_putc(out, '}');
		break;
	}
}

/* Whatever way an item goes through the two forms, each form's bytes stay. */
static void check_round_trips(const struct ddb_item *item)
{
	for (int k = 0; k < 8; k++) {
		enum ddb_form form = k & 1 ? DDB_TYPED : DDB_PLAIN;
		enum ddb_form other = k & 2 ? DDB_TYPED : DDB_PLAIN;
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf want = BUF_INIT;
		CLEANUP(buf_free) struct buf got = BUF_INIT;
		ddb_item_render(item, form, (k & 4) != 0, &text);
		CLEANUP(free_item) struct ddb_item *back = parse_slice(form, buf_slice(&text));
		ddb_item_render(item, other, true, &want);
		ddb_item_render(back, other, true, &got);
		ck_assert_str_eq(buf_cstr(&got), buf_cstr(&want));
		ck_assert_uint_eq(ddb_item_size(back), ddb_item_size(item));
	}
}

START_TEST(test_random_round_trips)
{
	rng_seed(1234);
	for (int i = 0; i < 4000; i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		/* in a wrapper, since an item may itself look like one */
		buf_puts(&text, "{\"Item\":");
		random_map(&text, 1);
		buf_putc(&text, '}');
		CLEANUP(free_item) struct ddb_item *item = parse_slice(DDB_TYPED, buf_slice(&text));
		check_round_trips(item);
	}
}
END_TEST

/* Texts damaged at random: refused or not, nothing else happens (run under ASan). */
START_TEST(test_random_damage)
{
	const char *text = "{\"a\":{\"$ss\":[\"x\",\"y\"]},\"b\":[1.5e3,{\"$b\":\"aGk=\"},null],"
			   "\"c\":{\"d\":{\"$n\":\"7\"}},\"$$e\":true}";
	rng_seed(77);
	for (int i = 0; i < 20000; i++) {
		CLEANUP(buf_free) struct buf b = BUF_INIT;
		CLEANUP(free_item) struct ddb_item *item = NULL;
		struct err err = {0};
		buf_puts(&b, text);
		for (int n = 1 + rng() % 3; n > 0; n--) {
			b.p[(size_t)rng() % b.n] = text[(size_t)rng() % strlen(text)];
		}
		int rc = ddb_item_parse(DDB_PLAIN, buf_slice(&b), &item, &err);
		ck_assert_int_eq(rc, -err.code);
		if (rc == 0) {
			check_round_trips(item);
		} else {
			ck_assert_int_eq(strncmp(err.msg, "line 1, column ", 15), 0);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("item");
	TCase *tc = tcase_create("item");
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_types);
	tcase_add_test(tc, test_order_is_kept);
	tcase_add_test(tc, test_numbers);
	tcase_add_test(tc, test_dollar_names);
	tcase_add_test(tc, test_strange_strings);
	tcase_add_test(tc, test_indent);
	tcase_add_test(tc, test_item_wrapper);
	tcase_add_test(tc, test_refused_json);
	tcase_add_test(tc, test_refused_twice);
	tcase_add_test(tc, test_refused_twice_among_many);
	tcase_add_test(tc, test_many_members_are_fast);
	tcase_add_test(tc, test_refused_tags);
	tcase_add_test(tc, test_refused_names);
	tcase_add_test(tc, test_refused_sets);
	tcase_add_test(tc, test_refused_long_set_is_cut);
	tcase_add_test(tc, test_refused_numbers);
	tcase_add_test(tc, test_refused_typed);
	tcase_add_test(tc, test_levels);
	tcase_add_test(tc, test_levels_of_empty_lists);
	tcase_add_test(tc, test_sizes);
	tcase_add_test(tc, test_size_limit);
	tcase_add_test(tc, test_tree_is_bounded);
	tcase_add_test(tc, test_match_key);
	tcase_add_test(tc, test_set_key);
	tcase_add_test(tc, test_key_texts);
	tcase_add_test(tc, test_random_round_trips);
	tcase_add_test(tc, test_random_damage);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
