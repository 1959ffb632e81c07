/* Comma-separated values: records, cells, documents as rows. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/transfer/csv.h"
#include "engines/docdb/values/ejson.h"
#include "engines/docdb/order/order.h"
#include "tests/unit/doc_random.h"
#include "tests/unit/fixture.h"
#include "tests/unit/random.h"
#include "tests/unit/stride.h"

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

/* ---- records ---- */

static int note_record(
	void *arg, const struct csv_field *fields, unsigned n, unsigned long line, struct err *err)
{
	struct buf *out = arg;
	(void)err;
	buf_printf(out, "%lu:", line);
	for (unsigned i = 0; i < n; i++) {
		buf_printf(out, "%s%s<%.*s>", i > 0 ? "," : "", fields[i].quoted ? "q" : "",
			(int)fields[i].text.n, fields[i].text.p);
	}
	buf_puts(out, ";");
	return 0;
}

/* In pieces of `piece` bytes. */
static int read_records(struct slice text, size_t piece, struct buf *out, struct err *err)
{
	struct csv_reader *r = csv_reader_new(note_record, out);
	int rc = 0;
	ck_assert_ptr_nonnull(r);
	for (size_t i = 0; rc == 0 && i < text.n; i += piece) {
		size_t n = text.n - i < piece ? text.n - i : piece;
		rc = csv_feed(r, slice_make(text.p + i, n), err);
	}
	rc = rc < 0 ? rc : csv_finish(r, err);
	csv_reader_free(r);
	return rc;
}

static const char *const records[][2] = {
	{"", ""},
	{"a,b\n1,2\n", "1:<a>,<b>;2:<1>,<2>;"},
	{"a,b\r\n1,2", "1:<a>,<b>;2:<1>,<2>;"},
	{"a\r1\r", "1:<a>;2:<1>;"},
	{"a,b\n\n\r\n1,\n", "1:<a>,<b>;4:<1>,<>;"},
	{"\"a\"\"b\",\"c\nd\"\n,\"\"\n", "1:q<a\"b>,q<c\nd>;3:<>,q<>;"},
	{"a\"b, c \n", "1:<a\"b>,< c >;"},
	{"\"\"", "1:q<>;"},
	{"\"a\",", "1:q<a>,<>;"},
	{"\xef\xbb\xbf"
	 "a,b\n",
		"1:<a>,<b>;"},
	{"\xef\xbbx\n", "1:<\xef\xbbx>;"},
	{"\"\"\"\"\n", "1:q<\">;"},
};

START_TEST(records_come_out_of_any_pieces)
{
	struct slice text = slice_of(records[_i][0]);
	for (size_t piece = 1; piece <= text.n + 1; piece++) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		struct err err = {0};
		ck_assert_msg(read_records(text, piece, &out, &err) == 0, "%s", err.msg);
		ck_assert_str_eq(buf_cstr(&out), records[_i][1]);
	}
}
END_TEST

START_TEST(a_quote_that_does_not_end_is_refused_by_its_line)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	ck_assert_int_eq(read_records(slice_of("a\n\"b\nc\n"), 3, &out, &err), -EINVAL);
	ck_assert_str_eq(err.msg, "line 2: a quoted value begins here and does not end");
	err = (struct err){0};
	ck_assert_int_eq(read_records(slice_of("a\n\"b\"c\n"), 3, &out, &err), -EINVAL);
	ck_assert_str_eq(err.msg,
		"line 2: behind the closing quote of a value a comma or the end of the line is "
		"expected");
}
END_TEST

START_TEST(a_field_reads_back_as_it_was_written)
{
	static const char *const fields[] = {
		"", "a", " a ", "a,b", "\"", "a\nb", "a\r", "\xef\xbb\xbf"};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		CLEANUP(buf_free) struct buf expected = BUF_INIT;
		struct err err = {0};
		csv_print(slice_of(fields[i]), &text);
		buf_printf(&expected, "1:%s<%s>;", text.p[0] == '"' ? "q" : "", fields[i]);
		ck_assert_int_eq(read_records(buf_slice(&text), 1, &out, &err), 0);
		ck_assert_str_eq(buf_cstr(&out), buf_cstr(&expected));
	}
}
END_TEST

/* ---- cells ---- */

static struct doc_value parse_cell(struct slice text)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	struct err err = {0};
	uint8_t type;
	ck_assert_msg(csv_cell_parse(text, &type, &raw, &err) == 0, "%s", err.msg);
	return doc_make_copy(arena, (struct doc_value){type, buf_slice(&raw)});
}

/* What the text of a cell is, in canonical Extended JSON. */
static const char *const cells[][2] = {
	{"1", "{\"$numberInt\":\"1\"}"},
	{"-7", "{\"$numberInt\":\"-7\"}"},
	{"0", "{\"$numberInt\":\"0\"}"},
	{"2147483648", "{\"$numberLong\":\"2147483648\"}"},
	{"-9223372036854775808", "{\"$numberLong\":\"-9223372036854775808\"}"},
	{"9223372036854775808", "\"9223372036854775808\""},
	{"1.0", "{\"$numberDouble\":\"1.0\"}"},
	{"-1.5", "{\"$numberDouble\":\"-1.5\"}"},
	{"1e3", "{\"$numberDouble\":\"1000.0\"}"},
	{"-0.0", "{\"$numberDouble\":\"-0.0\"}"},
	{"-0", "\"-0\""},
	{"007", "\"007\""},
	{"+1", "\"+1\""},
	{".5", "\".5\""},
	{"5.", "\"5.\""},
	{"1e999", "\"1e999\""},
	{"1e-999", "\"1e-999\""},
	{"0.123456789012345678", "\"0.123456789012345678\""},
	{"1.2.3", "\"1.2.3\""},
	{"2024-01-02", "\"2024-01-02\""},
	{"NaN", "\"NaN\""},
	{"-", "\"-\""},
	{"true", "true"},
	{"false", "false"},
	{"null", "null"},
	{"True", "\"True\""},
	{"", "\"\""},
	{" 1", "\" 1\""},
	{"[1,\"a\"]", "[{\"$numberInt\":\"1\"},\"a\"]"},
	{"[1", "\"[1\""},
	{"{}", "{}"},
	{"{a}", "\"{a}\""},
	{"{\"$oid\":\"507f1f77bcf86cd799439011\"}", "{\"$oid\":\"507f1f77bcf86cd799439011\"}"},
	{"507f1f77bcf86cd799439011", "\"507f1f77bcf86cd799439011\""},
	{"\"1\"", "\"1\""},
	{"\"a", "\"\\\"a\""},
};

START_TEST(only_what_is_sure_is_no_string)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct doc_value v = parse_cell(slice_of(cells[_i][0]));
	ejson_print_value(v, EJSON_CANONICAL, false, &out);
	ck_assert_str_eq(buf_cstr(&out), cells[_i][1]);
}
END_TEST

START_TEST(a_cell_that_is_no_utf8_is_refused)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	struct err err = {0};
	uint8_t type;
	ck_assert_int_eq(csv_cell_parse(slice_of("a\xff"), &type, &raw, &err), -EINVAL);
	ck_assert_uint_eq(raw.n, 0);
}
END_TEST

/* Equal in value; of the types those stay that relaxed Extended JSON keeps. */
START_TEST(values_read_back_from_cells)
{
	rng_seed(11);
	for (unsigned i = 0; i < rounds(20000); i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		doc_arena_clear(arena);
		struct doc_value v = random_id(arena);
		csv_cell_print(v, &text);
		struct doc_value back = parse_cell(buf_slice(&text));
		ck_assert_msg(doc_equal(v, back), "%u: %s", v.type, buf_cstr(&text));
		ck_assert(v.type == back.type || doc_is_number(v) || v.type == BSON_TYPE_SYMBOL);
	}
}
END_TEST

/* ---- rows ---- */

static void print_csv(const char *const *documents, struct buf *out)
{
	struct csv_columns *c = csv_columns_new();
	struct err err = {0};
	ck_assert_ptr_nonnull(c);
	for (unsigned i = 0; documents[i] != NULL; i++) {
		struct doc_value v = value_of(arena, documents[i]);
		ck_assert_int_eq(csv_columns_add(c, v.raw, &err), 0);
	}
	csv_header_print(c, out);
	for (unsigned i = 0; documents[i] != NULL; i++) {
		struct doc_value v = value_of(arena, documents[i]);
		ck_assert_msg(csv_row_print(c, v.raw, out, &err) == 0, "%s", err.msg);
	}
	csv_columns_free(c);
}

struct rows {
	struct csv_columns *columns;
	struct buf text; /* the documents in canonical form, a line each, or what is wrong */
};

static int take_row(
	void *arg, const struct csv_field *fields, unsigned n, unsigned long line, struct err *err)
{
	struct rows *r = arg;
	CLEANUP(buf_free) struct buf document = BUF_INIT;
	struct err why = {0};
	if (r->columns == NULL) {
		r->columns = csv_columns_new();
		return csv_header_parse(r->columns, fields, n, err);
	}
	if (csv_row_parse(r->columns, fields, n, &document, &why) < 0) {
		buf_printf(&r->text, "line %lu: %s\n", line, why.msg);
		return 0;
	}
	ejson_print(buf_slice(&document), EJSON_CANONICAL, false, &r->text);
	buf_puts(&r->text, "\n");
	return 0;
}

static int read_csv(struct slice text, struct buf *out, struct err *err)
{
	struct rows rows = {0};
	struct csv_reader *r = csv_reader_new(take_row, &rows);
	int rc = csv_feed(r, text, err);
	rc = rc < 0 ? rc : csv_finish(r, err);
	csv_reader_free(r);
	csv_columns_free(rows.columns);
	buf_append_slice(out, buf_slice(&rows.text));
	buf_free(&rows.text);
	return rc;
}

static const struct {
	const char *documents[5];
	const char *csv;
} tables[] = {
	{{"{\"_id\":1,\"a\":\"x\"}", "{\"_id\":2,\"b\":true}"}, "_id,a,b\n1,x,\n2,,true\n"},
	{{"{\"a\":{\"b\":{\"c\":1}},\"d\":2}", "{\"a\":{\"e\":3,\"b\":{}}}"},
		"a.b.c,d,a.e,a.b\n1,2,,\n,,3,{}\n"},
	{{"{\"a\":1}", "{\"a\":{\"b\":2}}"}, "a,a.b\n1,\n,2\n"},
	{{"{\"a\":[1,{\"b\":\"x\"}],\"b\":null}"}, "a,b\n\"[1,{\"\"b\"\":\"\"x\"\"}]\",null\n"},
	{{"{\"a\":\"1\",\"b\":\"\",\"c\":\"true\",\"d\":\"[x\"}"},
		"a,b,c,d\n\"\"\"1\"\"\",\"\",\"\"\"true\"\"\",\"\"\"[x\"\"\"\n"},
	{{"{\"a\":{\"$oid\":\"507f1f77bcf86cd799439011\"}}"},
		"a\n\"{\"\"$oid\"\":\"\"507f1f77bcf86cd799439011\"\"}\"\n"},
	{{"{\"a.b\":1,\"\":2,\"c\":{\"d.e\":3},\"\\\"\":4}"},
		"\"\"\"a.b\"\"\",\"\"\"\"\"\",c,\"\"\"\\\"\"\"\"\"\n1,2,\"{\"\"d.e\"\":3}\",4\n"},
	{{"{\"a\":1.0,\"b\":{\"$numberDecimal\":\"1.50\"},\"c\":{\"$date\":\"1970-01-01T00:00:"
	  "00Z\"}}"},
		"a,b,c\n1.0,\"{\"\"$numberDecimal\"\":\"\"1.50\"\"}\","
		"\"{\"\"$date\"\":\"\"1970-01-01T00:00:00Z\"\"}\"\n"},
};

START_TEST(documents_become_rows_and_read_back)
{
	CLEANUP(buf_free) struct buf csv = BUF_INIT;
	CLEANUP(buf_free) struct buf back = BUF_INIT;
	CLEANUP(buf_free) struct buf expected = BUF_INIT;
	struct err err = {0};
	print_csv(tables[_i].documents, &csv);
	ck_assert_str_eq(buf_cstr(&csv), tables[_i].csv);
	ck_assert_msg(read_csv(buf_slice(&csv), &back, &err) == 0, "%s", err.msg);
	for (unsigned i = 0; tables[_i].documents[i] != NULL; i++) {
		struct doc_value v = value_of(arena, tables[_i].documents[i]);
		ejson_print(v.raw, EJSON_CANONICAL, false, &expected);
		buf_puts(&expected, "\n");
	}
	if (_i != 1) { /* whose second document has its members in the order of columns */
		ck_assert_str_eq(buf_cstr(&back), buf_cstr(&expected));
	}
}
END_TEST

static void check_reads(const char *csv, const char *expected)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	ck_assert_msg(read_csv(slice_of(csv), &out, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(buf_cstr(&out), expected);
}

START_TEST(members_of_one_object_come_together)
{
	check_reads("a.x,b,a.y\n1,2,3\n",
		"{\"a\":{\"x\":{\"$numberInt\":\"1\"},\"y\":{\"$numberInt\":"
		"\"3\"}},\"b\":{\"$numberInt\":\"2\"}}\n");
	check_reads("a.x,b,a.y\n,x\n", "{\"b\":\"x\"}\n");
}
END_TEST

START_TEST(bad_rows_are_told_by_line)
{
	check_reads("a,a.b\n1,2\n", "line 2: column a has a value, and a column below it has one, "
				    "too\n");
	check_reads("a\nx,y\nz\n", "line 2: 2 values for the header's 1 columns\n{\"a\":\"z\"}\n");
	check_reads("a\n\xff\n", "line 2: column a: a value is not UTF-8 text\n");
}
END_TEST

static void check_header_refused(const char *csv, const char *message)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	ck_assert_int_eq(read_csv(slice_of(csv), &out, &err), -EINVAL);
	ck_assert_str_eq(err.msg, message);
}

START_TEST(headers_that_name_nothing_or_twice_are_refused)
{
	check_header_refused("a,a\n", "the header's column 2: 'a' stands there twice");
	check_header_refused("a,\n",
		"the header's column 2: expected names with dots between, found an empty name");
	check_header_refused("a..b\n",
		"the header's column 1: expected names with dots between, found an empty name");
	check_header_refused("\xff\n", "the header's column 1: a name is UTF-8 text without NUL");
}
END_TEST

START_TEST(random_documents_read_back)
{
	rng_seed(3);
	for (unsigned i = 0; i < rounds(3000); i++) {
		CLEANUP(buf_free) struct buf csv = BUF_INIT;
		CLEANUP(buf_free) struct buf raw = BUF_INIT;
		struct csv_columns *c = csv_columns_new();
		struct err err = {0};
		doc_arena_clear(arena);
		struct doc_value id = random_id(arena);
		size_t start = doc_begin(&raw);
		doc_put(&raw, slice_of("_id"), id);
		doc_put(&raw, slice_of("x"), random_id(arena));
		doc_end(&raw, start);
		ck_assert_int_eq(csv_columns_add(c, buf_slice(&raw), &err), 0);
		csv_header_print(c, &csv);
		ck_assert_int_eq(csv_row_print(c, buf_slice(&raw), &csv, &err), 0);
		csv_columns_free(c);
		CLEANUP(buf_free) struct buf back = BUF_INIT;
		ck_assert_msg(read_csv(buf_slice(&csv), &back, &err) == 0, "%s: %s", err.msg,
			buf_cstr(&csv));
		struct doc_value same = value_of(arena, buf_cstr(&back));
		ck_assert_msg(doc_equal(doc_value_of(buf_slice(&raw)), same), "%s %s",
			buf_cstr(&back), buf_cstr(&csv));
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("docdb_csv");
	TCase *tc = tcase_create("docdb_csv");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(
		tc, records_come_out_of_any_pieces, 0, sizeof(records) / sizeof(records[0]));
	tcase_add_test(tc, a_quote_that_does_not_end_is_refused_by_its_line);
	tcase_add_test(tc, a_field_reads_back_as_it_was_written);
	tcase_add_loop_test(
		tc, only_what_is_sure_is_no_string, 0, sizeof(cells) / sizeof(cells[0]));
	tcase_add_test(tc, a_cell_that_is_no_utf8_is_refused);
	tcase_add_test(tc, values_read_back_from_cells);
	tcase_add_loop_test(
		tc, documents_become_rows_and_read_back, 0, sizeof(tables) / sizeof(tables[0]));
	tcase_add_test(tc, members_of_one_object_come_together);
	tcase_add_test(tc, bad_rows_are_told_by_line);
	tcase_add_test(tc, headers_that_name_nothing_or_twice_are_refused);
	tcase_add_test(tc, random_documents_read_back);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
