/* Texts as records, and fields as values: COPY's rules, each option and each code. */
#include <bzlib.h>
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/load/decompress.h"
#include "engines/redshift/load/fields.h"

static struct err err;

/* ---- records ---- */

/* "line: field|field" for each record; what is NULL is -, not there ~, in quotes 'so'; a code
 * stands behind. */
static int show(void *arg, const struct rs_record *r, struct err *e)
{
	struct buf *out = arg;

	(void)e;
	buf_printf(out, "%llu: ", (unsigned long long)r->line);
	for (unsigned i = 0; r->code != 1216 && i < r->n; i++) {
		const struct rs_field *f = &r->field[i];
		const char *mark = f->quoted ? "'" : "";
		buf_printf(out, "%s%s%.*s%s", i > 0 ? "|" : "", mark, (int)f->text.n,
			f->null	    ? "-"
			: f->absent ? "~"
				    : f->text.p,
			mark);
		buf_puts(out, f->absent ? "~" : "");
	}
	if (r->code != 0) {
		buf_printf(out, " #%d", r->code);
	}
	buf_putc(out, '\n');
	return 0;
}

static const char *const columns[] = {"id", "name", "more"};

/* All of the text in pieces of `piece` bytes. */
static int parse(const struct rs_copy *c, struct slice paths, struct slice text, size_t piece,
	struct buf *out)
{
	struct rs_parser *p = NULL;
	int rc = rs_parser_new(c, paths, columns, 3, show, out, &p, &err);

	while (rc == 0 && text.n > 0) {
		size_t n = text.n < piece ? text.n : piece;
		/* A copy, so that a sanitizer sees who reads behind it. */
		CLEANUP(cleanup_free) char *copy = malloc(n);
		memcpy(copy, text.p, n);
		rc = rs_parser_feed(p, slice_make(copy, n), &err);
		text.p += n;
		text.n -= n;
	}
	rc = rc == 0 ? rs_parser_end(p, &err) : rc;
	rs_parser_free(p);
	return rc;
}

struct record_case {
	struct rs_copy how;
	const char *paths;
	const char *text;
	const char *records; /* NULL: EINVAL */
};

static const struct record_case record_cases[] = {
	{{.format = RS_FORMAT_TEXT}, "", "1|a|x\n2|b|y", "1: 1|a|x\n2: 2|b|y\n"},
	{{.format = RS_FORMAT_TEXT}, "", "1|a\r\n2|\r\n", "1: 1|a\n2: 2|\n"},
	{{.format = RS_FORMAT_TEXT}, "", "\n\n", "1: \n2: \n"},
	{{.format = RS_FORMAT_TEXT, .ignore_blank_lines = true}, "", "\n1\n\n", "2: 1\n"},
	{{.format = RS_FORMAT_TEXT, .ignore_header = 2}, "", "a\nb\n1\n", "3: 1\n"},
	{{.format = RS_FORMAT_TEXT, .delimiter = '\t'}, "", "1\ta|b\n", "1: 1|a|b\n"},
	{{.format = RS_FORMAT_TEXT}, "", "\"a|b\"\n", "1: \"a|b\"\n"},
	{{.format = RS_FORMAT_TEXT, .escape = true}, "", "a\\|b|c\\\\|\\N\nx\\\ny|z\n",
		"1: a|b|c\\|\\N\n2: x\ny|z\n"},
	{{.format = RS_FORMAT_TEXT, .remove_quotes = true}, "", "\"a|b\"|'c'|d'e\n",
		"1: a|b|c|d'e\n"},
	{{.format = RS_FORMAT_CSV}, "", "1,\"a,b\",\"c\"\"d\"\n\"x\ny\",\"\",\n3,a\"\"b\n",
		"1: 1|'a,b'|'c\"d'\n2: 'x\ny'|''|\n4: 3|a\"\"b\n"},
	{{.format = RS_FORMAT_CSV}, "", "\"a\"b,c\n1\n", "1: 'a' #1214\n2: 1\n"},
	{{.format = RS_FORMAT_CSV}, "", "1,\"a\n2,b\n", NULL},
	{{.format = RS_FORMAT_CSV, .quote = '%', .delimiter = ';'}, "", "%a;%%%;b\r\n",
		"1: 'a;%'|b\n"},
	{{.format = RS_FORMAT_FIXEDWIDTH, .fixed_width = (char *)(uintptr_t) "a:3,b:2"}, "",
		"abcde\nabc\nabcdef\n\303\244b de\n",
		"1: abc|de\n2: abc #1203\n3: abc|de #1202\n4: \303\244b |de\n"},
	{{.format = RS_FORMAT_FIXEDWIDTH,
		 .fixed_width = (char *)(uintptr_t) "a:1,b:1",
		 .fill_record = true},
		"", "a\r\nbc", "1: a\n2: b|c\n"},
	{{.format = RS_FORMAT_FIXEDWIDTH, .fixed_width = (char *)(uintptr_t) "a:0"}, "", "", NULL},
	{{.format = RS_FORMAT_FIXEDWIDTH, .fixed_width = (char *)(uintptr_t) "a,b"}, "", "", NULL},
	{{.format = RS_FORMAT_FIXEDWIDTH, .fixed_width = (char *)(uintptr_t) "a:2,"}, "", "", NULL},
	{{.format = RS_FORMAT_JSON}, "",
		"{\"id\": 1, \"name\": \"a\\u00e9\\n\", \"other\": [1, {}]}",
		"1: 1|'a\xc3\xa9\n'|~\n"},
	{{.format = RS_FORMAT_JSON}, "",
		"{\"more\": null,\n\"id\": -1.5e3\n}{\"name\":{\"a\": [1]}}\n",
		"3: -1.5e3|~|-\n3: ~|{\"a\": [1]}|~\n"},
	{{.format = RS_FORMAT_JSON}, "", "{\"ID\": 1}", "1: ~|~|~\n"},
	{{.format = RS_FORMAT_JSON, .json_paths = (char *)(uintptr_t) "auto ignorecase"}, "",
		"{\"ID\": true}", "1: true|~|~\n"},
	{{.format = RS_FORMAT_JSON}, "",
		"{\"id\": 1,}\n{\"id\": }\n{\"id\" 2}\n{id: 3}\n{\"id\": 01}\n{}\n",
		"1:  #1216\n2:  #1216\n3:  #1216\n4:  #1216\n5:  #1216\n6: ~|~|~\n"},
	{{.format = RS_FORMAT_JSON}, "", "[{\"id\": 1}]\n{\"id\": \"\\x\"}\n{\"id\": \"\\ud800\"}",
		"1:  #1216\n2:  #1216\n3:  #1216\n"},
	{{.format = RS_FORMAT_JSON}, "", "{\"id\": 1}, {\"id\": 2}\nnonsense\n{\"id\": 3}",
		"1: 1|~|~\n1:  #1216\n1: 2|~|~\n2:  #1216\n3: 3|~|~\n"},
	{{.format = RS_FORMAT_JSON}, "", "{\"name\": \"}{\\\"\", \"id\": \"\\ud83d\\ude00\"}",
		"1: '\xf0\x9f\x98\x80'|'}{\"'|~\n"},
	{{.format = RS_FORMAT_JSON}, "", "{\"id\": 1", NULL},
	{{.format = RS_FORMAT_JSON}, "{\"jsonpaths\": [\"$.a.b\", \"$['c'][1]\", \"$.d[0].e\"]}",
		"{\"a\": {\"x\": 1, \"b\": 2}, \"c\": [3, \"4\"], \"d\": [{\"e\": null}]}\n{\"c\": "
		"[1]}",
		"1: 2|'4'|-\n2: ~|~|~\n"},
	{{.format = RS_FORMAT_JSON}, "{\"jsonpaths\": [\"$[0]\", \"$[1]\", \"$[2]\"]}",
		"[1, [2], {}]", "1: 1|[2]|{}\n"},
	{{.format = RS_FORMAT_JSON}, "{\"jsonpaths\": [\"$.a\"]}", "", NULL},
	{{.format = RS_FORMAT_JSON}, "{\"jsonpaths\": [\"a\", \"$.b\", \"$.c\"]}", "", NULL},
	{{.format = RS_FORMAT_JSON}, "{\"jsonpaths\": [\"$.a[\", \"$.b\", \"$.c\"]}", "", NULL},
	{{.format = RS_FORMAT_JSON}, "{\"jsonpaths\": 1}", "", NULL},
	{{.format = RS_FORMAT_JSON}, "{", "", NULL},
};

START_TEST(test_records)
{
	const struct record_case *c = &record_cases[_i];
	static const size_t pieces[] = {1, 2, 3, 7, 1000};

	for (unsigned i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		err_clear(&err);
		int rc = parse(&c->how, slice_of(c->paths), slice_of(c->text), pieces[i], &out);
		if (c->records == NULL) {
			ck_assert_int_eq(rc, -EINVAL);
			continue;
		}
		ck_assert_msg(rc == 0, "%s: %s", c->text, err.msg);
		ck_assert_str_eq(buf_cstr(&out), c->records);
	}
}
END_TEST

START_TEST(test_a_row_has_its_most)
{
	static const enum rs_format formats[] = {
		RS_FORMAT_TEXT, RS_FORMAT_CSV, RS_FORMAT_JSON, RS_FORMAT_FIXEDWIDTH};
	struct rs_copy how = {.format = formats[_i], .fixed_width = (char *)(uintptr_t) "a:1"};
	size_t n = RS_ROW_MAX + 2;
	CLEANUP(cleanup_free) char *text = malloc(n);
	CLEANUP(buf_free) struct buf out = BUF_INIT;

	ck_assert_ptr_nonnull(text);
	memset(text, '{', n);
	err_clear(&err);
	ck_assert_int_eq(
		parse(&how, slice_make("", 0), slice_make(text, n), 1 << 20, &out), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "4 MB"));
}
END_TEST

START_TEST(test_what_json_cannot)
{
	struct rs_copy how = {
		.format = RS_FORMAT_JSON, .json_paths = (char *)(uintptr_t) "noshred"};
	CLEANUP(buf_free) struct buf out = BUF_INIT;

	err_clear(&err);
	ck_assert_int_eq(parse(&how, slice_make("", 0), slice_of("{}"), 9, &out), -ENOTSUP);
	how.format = RS_FORMAT_PARQUET;
	err_clear(&err);
	ck_assert_int_eq(parse(&how, slice_make("", 0), slice_of("{}"), 9, &out), -EINVAL);
}
END_TEST

/* ---- fields ---- */

#define DEC(p, s)                                                                                  \
	{                                                                                          \
		SQL_DECIMAL, p, s                                                                  \
	}
#define KIND(k)                                                                                    \
	{                                                                                          \
		SQL_##k, 0, 0                                                                      \
	}
#define TEXT(n)                                                                                    \
	{                                                                                          \
		SQL_VARCHAR, n, 0                                                                  \
	}
#define CHARS(n)                                                                                   \
	{                                                                                          \
		SQL_CHAR, n, 0                                                                     \
	}

struct field_case {
	struct rs_copy how;
	struct sql_type type;
	const char *text;
	const char *value; /* NULL: it is NULL */
	int code;	   /* or what is wrong with it */
	const char *reason;
	bool quoted;
};

#define S(text) ((char *)(uintptr_t)(text))

static const struct field_case field_cases[] = {
	/* Booleans. */
	{{.manifest = false}, KIND(BOOLEAN), "t", "t", 0, NULL, false},
	{{.manifest = false}, KIND(BOOLEAN), "TRUE", "t", 0, NULL, false},
	{{.manifest = false}, KIND(BOOLEAN), "y", "t", 0, NULL, false},
	{{.manifest = false}, KIND(BOOLEAN), "1", "t", 0, NULL, false},
	{{.manifest = false}, KIND(BOOLEAN), "False", "f", 0, NULL, false},
	{{.manifest = false}, KIND(BOOLEAN), "N", "f", 0, NULL, false},
	{{.manifest = false}, KIND(BOOLEAN), "0", "f", 0, NULL, false},
	{{.manifest = false}, KIND(BOOLEAN), "", NULL, 0, NULL, false},
	{{.manifest = false}, KIND(BOOLEAN), "2", NULL, 1210, "boolean", false},
	/* Integers. */
	{{.manifest = false}, KIND(SMALLINT), "-32768", "-32768", 0, NULL, false},
	{{.manifest = false}, KIND(SMALLINT), "32768", NULL, 1204, "Short", false},
	{{.manifest = false}, KIND(INTEGER), " +12 ", "12", 0, NULL, false},
	{{.manifest = false}, KIND(INTEGER), "2147483647", "2147483647", 0, NULL, false},
	{{.manifest = false}, KIND(INTEGER), "-2147483649", NULL, 1204, "Overflow", false},
	{{.manifest = false}, KIND(INTEGER), "", NULL, 0, NULL, false},
	{{.manifest = false}, KIND(INTEGER), "", NULL, 0, NULL, true},
	{{.manifest = false}, KIND(INTEGER), "\\N", NULL, 0, NULL, false},
	{{.manifest = false}, KIND(INTEGER), "\\N", NULL, 1207, "Invalid digit", true},
	{{.manifest = false}, KIND(INTEGER), "1x", NULL, 1207,
		"Invalid digit, Value 'x', Pos 1, Type: Integer", false},
	{{.manifest = false}, KIND(INTEGER), "1.5", NULL, 1207, "Value '.'", false},
	{{.manifest = false}, KIND(INTEGER), "-", NULL, 1207, "Value '-', Pos 0", false},
	{{.manifest = false}, KIND(BIGINT), "9223372036854775807", "9223372036854775807", 0, NULL,
		false},
	{{.manifest = false}, KIND(BIGINT), "-9223372036854775808", "-9223372036854775808", 0, NULL,
		false},
	{{.manifest = false}, KIND(BIGINT), "9223372036854775808", NULL, 1204, "Long", false},
	{{.manifest = false}, KIND(BIGINT), "99999999999999999999999", NULL, 1204, "Long", false},
	/* Decimals: cut off, or rounded. */
	{{.manifest = false}, DEC(8, 2), "20.259", "20.25", 0, NULL, false},
	{{.round_decimals = true}, DEC(8, 2), "20.259", "20.26", 0, NULL, false},
	{{.round_decimals = true}, DEC(8, 2), "-20.255", "-20.26", 0, NULL, false},
	{{.manifest = false}, DEC(8, 2), "-.5", "-0.50", 0, NULL, false},
	{{.manifest = false}, DEC(8, 2), "7", "7.00", 0, NULL, false},
	{{.manifest = false}, DEC(8, 2), "1.5e3", "1500.00", 0, NULL, false},
	{{.manifest = false}, DEC(8, 2), "15E-1", "1.50", 0, NULL, false},
	{{.manifest = false}, DEC(8, 2), "1e-9", "0.00", 0, NULL, false},
	{{.manifest = false}, DEC(4, 2), "100", NULL, 1204, "NUMERIC(4,2)", false},
	{{.round_decimals = true}, DEC(4, 2), "99.999", NULL, 1204, "NUMERIC(4,2)", false},
	{{.manifest = false}, DEC(4, 2), "99.999", "99.99", 0, NULL, false},
	{{.manifest = false}, DEC(38, 10), "1234567890123456789012345678.0123456789",
		"1234567890123456789012345678.0123456789", 0, NULL, false},
	{{.manifest = false}, DEC(38, 0), "1e38", NULL, 1204, "Overflow", false},
	{{.manifest = false}, DEC(38, 0), "1e99999999", NULL, 1204, "Overflow", false},
	{{.manifest = false}, DEC(8, 2), "1,5", NULL, 1207, "Value ','", false},
	{{.manifest = false}, DEC(8, 2), ".", NULL, 1207, "Value '.'", false},
	{{.manifest = false}, DEC(8, 2), "1e", NULL, 1207, "Value 'e'", false},
	/* Reals. */
	{{.manifest = false}, KIND(DOUBLE), "0.1", "0.1", 0, NULL, false},
	{{.manifest = false}, KIND(DOUBLE), "-1.5E+10", "-15000000000", 0, NULL, false},
	{{.manifest = false}, KIND(DOUBLE), "3.14159265358979312", "3.141592653589793", 0, NULL,
		false},
	{{.manifest = false}, KIND(DOUBLE), "1e400", NULL, 1204, "Double", false},
	{{.manifest = false}, KIND(DOUBLE), "1.2.3", NULL, 1208, "Value '.', Pos 3", false},
	{{.manifest = false}, KIND(DOUBLE), "abc", NULL, 1208, "Value 'a'", false},
	{{.manifest = false}, KIND(REAL), "0.1", "0.1", 0, NULL, false},
	/* Texts. */
	{{.manifest = false}, TEXT(5), "abcde", "abcde", 0, NULL, false},
	{{.manifest = false}, TEXT(5), "abcdef", NULL, 1204, "String length exceeds DDL length",
		false},
	{{.manifest = false}, TEXT(5), "", "", 0, NULL, false},
	{{.manifest = false}, TEXT(5), "\\N", NULL, 0, NULL, false},
	{{.manifest = false}, TEXT(5), "\\N", "\\N", 0, NULL, true},
	{{.empty_as_null = true}, TEXT(5), "", NULL, 0, NULL, false},
	{{.empty_as_null = true}, TEXT(5), "", "", 0, NULL, true},
	{{.blanks_as_null = true}, TEXT(5), "  ", NULL, 0, NULL, false},
	{{.blanks_as_null = true}, TEXT(5), "", "", 0, NULL, false},
	{{.null_as = S("nil")}, TEXT(5), "nil", NULL, 0, NULL, false},
	{{.null_as = S("nil")}, TEXT(5), "\\N", "\\N", 0, NULL, false},
	{{.null_as = S("-")}, KIND(INTEGER), "-", NULL, 0, NULL, false},
	{{.trim_blanks = true}, TEXT(3), "abc   ", "abc", 0, NULL, false},
	{{.manifest = false}, TEXT(3), "abc   ", NULL, 1204, "String length", false},
	{{.truncate_columns = true}, TEXT(3), "abcdef", "abc", 0, NULL, false},
	{{.truncate_columns = true}, TEXT(3), "ab\xc3\xa9", "ab", 0, NULL, false},
	{{.manifest = false}, TEXT(9), "a\xc3\xa9", "a\xc3\xa9", 0, NULL, false},
	{{.manifest = false}, TEXT(9), "ab\240c", NULL, 1220, "sequence: a0", false},
	{{.manifest = false}, TEXT(0), "0123456789abcdef\xff", NULL, 1220, "sequence: ff", false},
	{{.accept_inv_chars = true}, TEXT(9), "ab\240\240c", "ab??c", 0, NULL, false},
	{{.accept_inv_chars = true, .inv_char = '^'}, TEXT(9), "\xe2\x82", "^^", 0, NULL, false},
	{{.manifest = false}, CHARS(4), "ab  ", "ab", 0, NULL, false},
	{{.manifest = false}, CHARS(4), "ab      ", "ab", 0, NULL, false},
	{{.manifest = false}, CHARS(4), "abcde", NULL, 1204, "Char length exceeds DDL length",
		false},
	{{.manifest = false}, CHARS(4), "\xc3\xa9", NULL, 1215, "CHAR", false},
	/* Dates. */
	{{.manifest = false}, KIND(DATE), "2008-01-02", "2008-01-02", 0, NULL, false},
	{{.manifest = false}, KIND(DATE), "2008-1-2", "2008-01-02", 0, NULL, false},
	{{.manifest = false}, KIND(DATE), "2008-02-30", NULL, 1205, "[YYYY-MM-DD]", false},
	{{.manifest = false}, KIND(DATE), "2/18/2008", NULL, 1205, "[YYYY-MM-DD]", false},
	{{.manifest = false}, KIND(DATE), "2008-01-02x", NULL, 1205, "Invalid Date Format", false},
	{{.manifest = false}, KIND(DATE), "", NULL, 0, NULL, false},
	{{.date_format = S("MM/DD/YYYY")}, KIND(DATE), "2/18/2008", "2008-02-18", 0, NULL, false},
	{{.date_format = S("MM/DD/YYYY")}, KIND(DATE), "02/08/2008", "2008-02-08", 0, NULL, false},
	{{.date_format = S("MM/DD/YYYY")}, KIND(DATE), "13/08/2008", NULL, 1205, "[MM/DD/YYYY]",
		false},
	{{.date_format = S("DD-MON-YY")}, KIND(DATE), "05-Mar-99", "1999-03-05", 0, NULL, false},
	{{.date_format = S("yyyymmdd")}, KIND(DATE), "20080102", "2008-01-02", 0, NULL, false},
	{{.date_format = S("auto")}, KIND(DATE), "2008-01-02", "2008-01-02", 0, NULL, false},
	{{.date_format = S("auto")}, KIND(DATE), "1/2/2008", "2008-01-02", 0, NULL, false},
	{{.date_format = S("auto")}, KIND(DATE), "20080102", "2008-01-02", 0, NULL, false},
	{{.date_format = S("auto")}, KIND(DATE), "January 8, 1999", "1999-01-08", 0, NULL, false},
	{{.date_format = S("auto")}, KIND(DATE), "08-Jan-1999", "1999-01-08", 0, NULL, false},
	{{.date_format = S("auto")}, KIND(DATE), "2008-01-02 03:04:05", "2008-01-02", 0, NULL,
		false},
	{{.date_format = S("auto")}, KIND(DATE), "yesterday", NULL, 1205, "[auto]", false},
	/* Times. */
	{{.manifest = false}, KIND(TIMESTAMP), "2008-01-02 03:04:05", "2008-01-02 03:04:05", 0,
		NULL, false},
	{{.manifest = false}, KIND(TIMESTAMP), "2008-01-02 03:04:05.25", "2008-01-02 03:04:05.25",
		0, NULL, false},
	{{.manifest = false}, KIND(TIMESTAMP), "2008-01-02", "2008-01-02 00:00:00", 0, NULL, false},
	{{.manifest = false}, KIND(TIMESTAMP), "2008-01-02 25:00:00", NULL, 1206,
		"[YYYY-MM-DD HH:MI:SS]", false},
	{{.time_format = S("MM/DD/YYYY HH:MI:SS")}, KIND(TIMESTAMP), "2/18/2008 02:36:48",
		"2008-02-18 02:36:48", 0, NULL, false},
	{{.time_format = S("MM/DD/YYYY HH:MI:SS")}, KIND(TIMESTAMP), "2008-02-18 02:36:48", NULL,
		1206, "[MM/DD/YYYY HH:MI:SS]", false},
	{{.time_format = S("MM/DD/YY HH12:MI AM")}, KIND(TIMESTAMP), "2/18/08 12:05 PM",
		"2008-02-18 12:05:00", 0, NULL, false},
	{{.time_format = S("YYYY-MM-DDTHH:MI:SS")}, KIND(TIMESTAMP), "2008-02-18T01:02:03.5",
		"2008-02-18 01:02:03.5", 0, NULL, false},
	{{.time_format = S("auto")}, KIND(TIMESTAMP), "2/18/2008 2:36:48 pm", "2008-02-18 14:36:48",
		0, NULL, false},
	{{.time_format = S("auto")}, KIND(TIMESTAMP), "20080218T143648Z", "2008-02-18 14:36:48", 0,
		NULL, false},
	{{.time_format = S("epochsecs")}, KIND(TIMESTAMP), "1203345408", "2008-02-18 14:36:48", 0,
		NULL, false},
	{{.time_format = S("epochmillisecs")}, KIND(TIMESTAMP), "1203345408250",
		"2008-02-18 14:36:48.25", 0, NULL, false},
	{{.time_format = S("epochsecs")}, KIND(TIMESTAMP), "soon", NULL, 1206, "[epochsecs]",
		false},
	{{.manifest = false}, KIND(TIMESTAMPTZ), "2008-01-02 03:04:05+02", "2008-01-02 01:04:05+00",
		0, NULL, false},
	{{.manifest = false}, KIND(TIME), "03:04:05.5", "03:04:05.5", 0, NULL, false},
	{{.manifest = false}, KIND(TIME), "24:00:01", NULL, 1206, "Invalid", false},
};

START_TEST(test_fields)
{
	const struct field_case *c = &field_cases[_i];
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct rs_fields *f = NULL;
	struct rs_mistake m = {0};
	struct sql_value v = {0};
	size_t n = strlen(c->text);
	/* A copy, so that a sanitizer sees who reads behind it. */
	CLEANUP(cleanup_free) char *copy = malloc(n + (n == 0));
	memcpy(copy, c->text, n);
	struct rs_field field = {.text = slice_make(copy, n), .quoted = c->quoted};
	struct rs_record r = {.field = &field, .n = 1, .raw = field.text};

	ck_assert_int_eq(rs_fields_new(&c->how, &c->type, 1, &f, &err), 0);
	ck_assert(rs_fields_begin(f, &r));
	bool ok = rs_fields_value(f, 0, &field, &v, &m);
	if (c->code != 0) {
		ck_assert_msg(!ok && m.code == c->code, "%s: %d %s", c->text, m.code, m.reason);
		ck_assert_msg(strstr(m.reason, c->reason) != NULL, "%s: %s", c->text, m.reason);
	} else {
		ck_assert_msg(ok, "%s: %d %s", c->text, m.code, m.reason);
		ck_assert_msg(v.null == (c->value == NULL), "%s", c->text);
		if (!v.null) {
			sql_value_print(&v, c->type, &out);
			ck_assert_str_eq(buf_cstr(&out), c->value);
		}
	}
	rs_fields_free(f);
}
END_TEST

/* NUL ends no text, and is none of it, unless NULL AS says so. */
START_TEST(test_nul)
{
	static const struct sql_type type = TEXT(9);
	struct rs_field field = {.text = slice_make("\0", 1)};
	struct rs_record r = {.field = &field, .n = 1, .raw = field.text};
	struct rs_copy how = {0};
	struct rs_fields *f = NULL;
	struct rs_mistake m;
	struct sql_value v;

	for (unsigned i = 0; i < 2; i++) {
		how.null_as = i == 0 ? NULL : S("\\0");
		ck_assert_int_eq(rs_fields_new(&how, &type, 1, &f, &err), 0);
		ck_assert(rs_fields_begin(f, &r));
		bool ok = rs_fields_value(f, 0, &field, &v, &m);
		ck_assert(ok == (i == 1));
		ck_assert(i == 1 ? v.null : m.code == 1216);
		rs_fields_free(f);
	}
}
END_TEST

START_TEST(test_formats_that_are_none)
{
	static const char *const wrong[] = {"", "HH:MI", "YYYY-QQ", "------", "MM/DD/YYYY ago"};
	static const struct sql_type type = KIND(DATE);
	struct rs_fields *f = NULL;
	struct rs_copy how = {.date_format = S(wrong[_i])};

	err_clear(&err);
	ck_assert_int_eq(rs_fields_new(&how, &type, 1, &f, &err), -EINVAL);
	how = (struct rs_copy){.time_format = S(wrong[_i])};
	err_clear(&err);
	int rc = rs_fields_new(&how, &type, 1, &f, &err);
	ck_assert_int_eq(rc, _i == 1 ? 0 : -EINVAL);
	if (rc == 0) {
		rs_fields_free(f);
	}
}
END_TEST

/* ---- compressed files ---- */

static int collect(void *arg, struct slice bytes, struct err *e)
{
	(void)e;
	buf_append_slice(arg, bytes);
	return 0;
}

static void compress_text(enum rs_compression how, struct slice text, struct buf *out)
{
	size_t most = text.n + 1000;
	unsigned n = (unsigned)most;

	ck_assert(buf_reserve(out, out->n + most));
	if (how == RS_BZIP2) {
		ck_assert_int_eq(BZ2_bzBuffToBuffCompress(out->p + out->n, &n,
					 (char *)(uintptr_t)text.p, (unsigned)text.n, 9, 0, 0),
			BZ_OK);
		out->n += n;
	} else if (how == RS_ZSTD) {
		size_t made = ZSTD_compress(out->p + out->n, most, text.p, text.n, 3);
		ck_assert(!ZSTD_isError(made));
		out->n += made;
	} else {
		z_stream z = {.next_in = (Bytef *)(uintptr_t)text.p,
			.avail_in = (uInt)text.n,
			.next_out = (Bytef *)out->p + out->n,
			.avail_out = n};
		ck_assert_int_eq(
			deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
		ck_assert_int_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
		out->n += z.total_out;
		deflateEnd(&z);
	}
}

static int decompress(enum rs_compression how, struct slice in, size_t piece, struct buf *out)
{
	struct rs_decompress *d = rs_decompress_new(how, collect, out);
	int rc = 0;

	ck_assert_ptr_nonnull(d);
	err_clear(&err);
	while (rc == 0 && in.n > 0) {
		size_t n = in.n < piece ? in.n : piece;
		rc = rs_decompress_feed(d, slice_make(in.p, n), &err);
		in.p += n;
		in.n -= n;
	}
	rc = rc == 0 ? rs_decompress_end(d, &err) : rc;
	rs_decompress_free(d);
	return rc;
}

/* Two members one after the other are one text. */
START_TEST(test_compressed)
{
	enum rs_compression how = (enum rs_compression)_i;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf packed = BUF_INIT;

	for (unsigned i = 0; i < 100000; i++) {
		buf_printf(&text, "%u|line\n", i * 7);
	}
	compress_text(how, slice_make(text.p, 1000), &packed);
	compress_text(how, slice_make(text.p + 1000, text.n - 1000), &packed);
	for (size_t piece = 1; piece < 100000; piece *= 37) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		ck_assert_int_eq(decompress(how, buf_slice(&packed), piece, &out), 0);
		ck_assert(slice_equal(buf_slice(&out), buf_slice(&text)));
	}
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	ck_assert_int_eq(decompress(how, slice_make(packed.p, packed.n - 5), 1000, &out), -EINVAL);
	ck_assert_int_eq(decompress(how, slice_of("1|line\n"), 1000, &out), -EINVAL);
	ck_assert_int_eq(decompress(how, slice_make("", 0), 1000, &out), -EINVAL);
}
END_TEST

#define N(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *s = suite_create("redshift_load");
	TCase *t = tcase_create("load");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_records, 0, N(record_cases));
	tcase_add_loop_test(t, test_a_row_has_its_most, 0, 4);
	tcase_add_test(t, test_what_json_cannot);
	tcase_add_loop_test(t, test_fields, 0, N(field_cases));
	tcase_add_test(t, test_nul);
	tcase_add_loop_test(t, test_formats_that_are_none, 0, 5);
	tcase_add_loop_test(t, test_compressed, RS_GZIP, RS_ZSTD + 1);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
