/* The JSON reader: what it accepts, where and how it refuses, and that the size
 * of the chunks makes no difference. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/json.h"
#include "engines/common/name.h"
#include "tests/unit/fixture.h"
#include "tests/unit/random.h"

/* ---- events as text ---- */

static int note(
	void *arg, enum json_event event, struct slice text, struct json_pos pos, struct err *err)
{
	static const char *const names[] = {
		"{", "}", "[", "]", "key", "str", "num", "true", "false", "null"};
	struct buf *out = arg;
	(void)err;
	buf_printf(out, "%s@%lu:%lu", names[event], pos.line, pos.column);
	if (event == JSON_EV_KEY || event == JSON_EV_STRING || event == JSON_EV_NUMBER) {
		buf_putc(out, '=');
		json_quote(out, text);
	} else {
		ck_assert_uint_eq(text.n, 0);
	}
	buf_putc(out, ' ');
	return 0;
}

/* Feeds in chunks of `chunk` bytes; the events and the outcome go to out. */
static int read_in(struct slice text, size_t chunk, bool many, unsigned depth, struct buf *out)
{
	struct err err = {0};
	struct json_reader *r = json_reader_new(note, out, depth, many);
	int rc = 0;
	for (size_t i = 0; i < text.n && rc == 0; i += chunk) {
		size_t n = text.n - i < chunk ? text.n - i : chunk;
		/* a copy of its own, so that ASan sees any look beyond it */
		char *copy = malloc(n);
		memcpy(copy, text.p + i, n);
		rc = json_feed(r, slice_make(copy, n), &err);
		free(copy);
	}
	bool complete = json_complete(r);
	int end = json_finish(r, &err);
	ck_assert_int_eq(complete, end == 0);
	rc = rc != 0 ? rc : end;
	if (rc != 0) {
		ck_assert_int_eq(rc, -err.code);
		buf_printf(out, "! %s", err.msg);
	}
	json_reader_free(r);
	return rc;
}

static void check_read(struct slice text, bool many, unsigned depth, const char *want)
{
	static const size_t chunks[] = {1, 2, 3, 7, SIZE_MAX};
	for (unsigned i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		read_in(text, chunks[i], many, depth, &out);
		ck_assert_str_eq(buf_cstr(&out), want);
	}
}

static void check_events(const char *text, const char *want)
{
	check_read(slice_of(text), false, 0, want);
}

/* The message, without the events before it. */
static void check_refused(const char *text, const char *want)
{
	for (size_t chunk = 1; chunk < 5; chunk++) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		ck_assert_int_eq(
			read_in(slice_of(text), chunk == 4 ? SIZE_MAX : chunk, false, 0, &out),
			-EINVAL);
		const char *message = strstr(buf_cstr(&out), "! ");
		ck_assert_ptr_nonnull(message);
		ck_assert_str_eq(message + 2, want);
	}
}

START_TEST(test_values)
{
	check_events("true", "true@1:1 ");
	check_events(" false ", "false@1:2 ");
	check_events("null", "null@1:1 ");
	check_events("\"\"", "str@1:1=\"\" ");
	check_events("{}", "{@1:1 }@1:2 ");
	check_events("[ ]", "[@1:1 ]@1:3 ");
	check_events("[1,[2],{\"a\":3}]", "[@1:1 num@1:2=\"1\" [@1:4 num@1:5=\"2\" ]@1:6 {@1:8 "
					  "key@1:9=\"a\" num@1:13=\"3\" }@1:14 ]@1:15 ");
	check_events("{\n \"a\" : 1 ,\r\n\t\"b\":null}",
		"{@1:1 key@2:2=\"a\" num@2:8=\"1\" key@3:2=\"b\" null@3:6 }@3:10 ");
}
END_TEST

START_TEST(test_numbers)
{
	static const char *const good[] = {"0", "-0", "1", "-1", "10", "1.5", "0.5", "-0.0", "1e5",
		"1E5", "1e+5", "1e-05", "0e0", "1.25E-300",
		"123456789012345678901234567890.123456789012345678901234567890"};
	for (unsigned i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CLEANUP(buf_free) struct buf want = BUF_INIT;
		buf_printf(&want, "num@1:1=\"%s\" ", good[i]);
		check_events(good[i], buf_cstr(&want));
	}
}
END_TEST

START_TEST(test_number_refusals)
{
	check_refused("01", "line 1, column 2: expected no digit after a leading 0, found '1'");
	check_refused("-01", "line 1, column 3: expected no digit after a leading 0, found '1'");
	check_refused("-a", "line 1, column 2: expected a digit after '-', found 'a'");
	check_refused("+1", "line 1, column 1: expected a value, found '+'");
	check_refused(".5", "line 1, column 1: expected a value, found '.'");
	check_refused("1.x", "line 1, column 3: expected a digit after '.', found 'x'");
	check_refused("1ex", "line 1, column 3: expected a digit, '+' or '-' after 'e', found 'x'");
	check_refused("1e+x", "line 1, column 4: expected a digit in the exponent, found 'x'");
	check_refused("1x", "line 1, column 2: expected the end of the text, found 'x'");
	check_refused("[1x", "line 1, column 3: expected ',' or ']', found 'x'");
	check_refused("-",
		"line 1, column 2: the text ends inside a number that began at line 1, column 1");
	check_refused(" 1.",
		"line 1, column 4: the text ends inside a number that began at line 1, column 2");
	check_refused("1e",
		"line 1, column 3: the text ends inside a number that began at line 1, column 1");
	check_refused("1e-",
		"line 1, column 4: the text ends inside a number that began at line 1, column 1");
}
END_TEST

START_TEST(test_strings)
{
	check_events("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "str@1:1=\"\\\"\\\\/\\b\\f\\n\\r\\t\" ");
	check_events("\"\\u0041\\u00e9\\u20AC\\uD83D\\uDE00\"",
		"str@1:1=\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\" ");
	check_events("\"\\u0000x\"", "str@1:1=\"\\u0000x\" ");
	check_events("\"\\ud7ff\\ue000\\uffff\\ud800\\udc00\\udbff\\udfff\"",
		"str@1:1="
		"\"\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\" ");
	check_events("\"a\\nb\xc3\xa9\" ", "str@1:1=\"a\\nb\xc3\xa9\" ");
	check_events("\"\x7f\"", "str@1:1=\"\x7f\" ");
}
END_TEST

START_TEST(test_columns_are_characters)
{
	check_events("[\"\xe2\x82\xac\xf0\x9f\x98\x80\",1]",
		"[@1:1 str@1:2=\"\xe2\x82\xac\xf0\x9f\x98\x80\" num@1:7=\"1\" ]@1:8 ");
	check_events("[\"\\u20ac\",1]", "[@1:1 str@1:2=\"\xe2\x82\xac\" num@1:11=\"1\" ]@1:12 ");
}
END_TEST

START_TEST(test_string_refusals)
{
	check_refused("\"a\nb\"", "line 1, column 3: expected a character or '\"' in a string "
				  "(control characters as \\n, \\t, \\u00XX), found a line break");
	check_refused("\"\t\"", "line 1, column 2: expected a character or '\"' in a string "
				"(control characters as \\n, \\t, \\u00XX), found a tab");
	check_refused("\"\x01\"",
		"line 1, column 2: expected a character or '\"' in a string (control "
		"characters as \\n, \\t, \\u00XX), found control character 0x01");
	check_refused("\"\\x\"", "line 1, column 3: expected one of \" \\ / b f n r t u after the "
				 "backslash, found 'x'");
	check_refused("\"\\u00g0\"", "line 1, column 6: expected a hexadecimal digit, found 'g'");
	check_refused("\"\\u\"", "line 1, column 4: expected a hexadecimal digit, found '\"'");
	check_refused("\"abc",
		"line 1, column 5: the text ends inside a string that began at line 1, column 1");
	check_refused("\"abc\\",
		"line 1, column 6: the text ends inside a string that began at line 1, column 1");
	check_refused("{\"ab", "line 1, column 5: the text ends inside a member name that began at "
			       "line 1, column 2");
}
END_TEST

/* Already the second hex digit tells a low surrogate from everything else. */
START_TEST(test_surrogates)
{
	check_refused("\"\\udc", "line 1, column 5: expected the high half of a surrogate pair "
				 "(D800 to DBFF) before the low, found 'c'");
	check_refused("\"\\uDF", "line 1, column 5: expected the high half of a surrogate pair "
				 "(D800 to DBFF) before the low, found 'F'");
	check_refused("\"\\ud800\"",
		"line 1, column 8: expected \\u and the low half of a surrogate pair, found '\"'");
	check_refused("\"\\ud800\\n",
		"line 1, column 9: expected \\u and the low half of a surrogate pair, found 'n'");
	check_refused("\"\\ud800\\u0", "line 1, column 10: expected the low half of a surrogate "
				       "pair (DC00 to DFFF), found '0'");
	check_refused("\"\\ud800\\ud8", "line 1, column 11: expected the low half of a surrogate "
					"pair (DC00 to DFFF), found '8'");
}
END_TEST

START_TEST(test_utf8_refusals)
{
	check_refused("\"\x80", "line 1, column 2: expected UTF-8 text, found byte 0x80, which "
				"begins no character");
	check_refused("\"\xc0\xaf", "line 1, column 2: expected UTF-8 text, found byte 0xc0, which "
				    "begins no character");
	check_refused("\"\xff", "line 1, column 2: expected UTF-8 text, found byte 0xff, which "
				"begins no character");
	check_refused("\"a\xc3\"", "line 1, column 3: expected UTF-8 text, found byte 0x22 after "
				   "0xc3 inside a character");
	check_refused("\"\xed\xa0\x80", "line 1, column 2: expected UTF-8 text, found byte 0xa0 "
					"after 0xed inside a character");
	check_refused("\"\xe0\x9f", "line 1, column 2: expected UTF-8 text, found byte 0x9f after "
				    "0xe0 inside a character");
	check_refused("\"\xf0\x8f", "line 1, column 2: expected UTF-8 text, found byte 0x8f after "
				    "0xf0 inside a character");
	check_refused("\"\xf4\x90", "line 1, column 2: expected UTF-8 text, found byte 0x90 after "
				    "0xf4 inside a character");
	check_refused("\"\xe2\x82(", "line 1, column 2: expected UTF-8 text, found byte 0x28 after "
				     "0x82 inside a character");
	check_refused("\"\xe2\x82",
		"line 1, column 2: the text ends inside a string that began at line 1, column 1");
	check_refused("\xc3\xa9", "line 1, column 1: expected a value, found byte 0xc3");
}
END_TEST

START_TEST(test_structure_refusals)
{
	check_refused("", "line 1, column 1: expected a value, found the end of the text");
	check_refused(" \n ", "line 2, column 2: expected a value, found the end of the text");
	check_refused("}", "line 1, column 1: expected a value, found '}'");
	check_refused("'a'", "line 1, column 1: expected a value, found a single quote");
	check_refused("{a",
		"line 1, column 2: expected a member name in double quotes or '}', found 'a'");
	check_refused("{\"a\":1,}",
		"line 1, column 8: expected a member name in double quotes, found '}'");
	check_refused(
		"{\"a\" 1", "line 1, column 6: expected ':' after the member name, found '1'");
	check_refused("{\"a\":}", "line 1, column 6: expected a value, found '}'");
	check_refused("{\"a\":1\n\"b\"", "line 2, column 1: expected ',' or '}', found '\"'");
	check_refused("{\"a\":1]", "line 1, column 7: expected ',' or '}', found ']'");
	check_refused("[1}", "line 1, column 3: expected ',' or ']', found '}'");
	check_refused("[1,]", "line 1, column 4: expected a value, found ']'");
	check_refused("[,", "line 1, column 2: expected a value or ']', found ','");
	check_refused("{} {", "line 1, column 4: expected the end of the text, found '{'");
	check_refused("1 2", "line 1, column 3: expected the end of the text, found '2'");
	check_refused("// c", "line 1, column 1: expected a value, found '/'");
	check_refused("\x0c{}", "line 1, column 1: expected a value, found control character 0x0c");
	check_refused("{\n  \"a\": [\n    1,\n",
		"line 4, column 1: the text ends inside an array that began at line 2, column 8");
	check_refused("{\"a\":[1]",
		"line 1, column 9: the text ends inside an object that began at line 1, column 1");
	check_refused("{\"a\":1",
		"line 1, column 7: the text ends inside an object that began at line 1, column 1");
	check_refused("{\"a\"",
		"line 1, column 5: the text ends inside an object that began at line 1, column 1");
}
END_TEST

START_TEST(test_word_refusals)
{
	check_refused("t\r", "line 1, column 2: expected 'r' of true, found a carriage return");
	check_refused("trux", "line 1, column 4: expected 'e' of true, found 'x'");
	check_refused("falsy", "line 1, column 5: expected 'e' of false, found 'y'");
	check_refused("nil", "line 1, column 2: expected 'u' of null, found 'i'");
	check_refused("True", "line 1, column 1: expected a value, found 'T'");
	check_refused("NaN", "line 1, column 1: expected a value, found 'N'");
	check_refused("truee", "line 1, column 5: expected the end of the text, found 'e'");
	check_refused("tru",
		"line 1, column 4: the text ends inside true that began at line 1, column 1");
}
END_TEST

START_TEST(test_nul_byte)
{
	check_read(slice_make("\0", 1), false, 0,
		"! line 1, column 1: expected a value, found control character 0x00");
	check_read(slice_make("\"\0", 2), false, 0,
		"! line 1, column 2: expected a character or '\"' in a string (control characters "
		"as \\n, \\t, \\u00XX), found control character 0x00");
	check_read(slice_make("\"\\\0", 3), false, 0,
		"! line 1, column 3: expected one of \" \\ / b f n r t u after the backslash, "
		"found control character 0x00");
}
END_TEST

START_TEST(test_byte_order_mark)
{
	check_events("\xef\xbb\xbf{}", "{@1:1 }@1:2 ");
	check_events("\xef\xbb\xbf\n1", "num@2:1=\"1\" ");
	check_refused("\xef\xbb", "line 1, column 1: expected a value, found the end of the text");
	check_refused("\xef\xbb ",
		"line 1, column 1: expected the rest of a byte order mark, found a space");
	check_refused(" \xef\xbb\xbf", "line 1, column 2: expected a value, found byte 0xef");
	check_refused("\xef\xbb\xbf\xef", "line 1, column 1: expected a value, found byte 0xef");
}
END_TEST

START_TEST(test_depth)
{
	check_read(slice_of("[[1]]"), false, 2, "[@1:1 [@1:2 num@1:3=\"1\" ]@1:4 ]@1:5 ");
	check_read(slice_of("[[[1]]]"), false, 2,
		"[@1:1 [@1:2 ! line 1, column 3: expected at most 2 nested brackets, found one "
		"more");
	CLEANUP(buf_free) struct buf deep = BUF_INIT;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	for (int i = 0; i < 1000; i++) {
		buf_putc(&deep, '[');
	}
	ck_assert_int_eq(read_in(buf_slice(&deep), SIZE_MAX, false, 0, &out), -EINVAL);
	ck_assert_ptr_nonnull(
		strstr(buf_cstr(&out), "! line 1, column 1001: the text ends inside"));
	buf_putc(&deep, '[');
	ck_assert_int_eq(read_in(buf_slice(&deep), SIZE_MAX, false, 0, &out), -EINVAL);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out), "column 1001: expected at most 1000"));
}
END_TEST

START_TEST(test_many)
{
	check_read(slice_of(""), true, 0, "");
	check_read(slice_of(" \n"), true, 0, "");
	check_read(slice_of("1 2\n{}\n"), true, 0, "num@1:1=\"1\" num@1:3=\"2\" {@2:1 }@2:2 ");
	check_read(slice_of("{}\n[]"), true, 0, "{@1:1 }@1:2 [@2:1 ]@2:2 ");
	check_read(slice_of("{}{}[]"), true, 0, "{@1:1 }@1:2 {@1:3 }@1:4 [@1:5 ]@1:6 ");
	check_read(slice_of("{}1"), true, 0,
		"{@1:1 }@1:2 ! line 1, column 3: expected white space or the end of the text, "
		"found '1'");
	check_read(slice_of("{}\n["), true, 0,
		"{@1:1 }@1:2 [@2:1 ! line 2, column 2: the text ends inside an array that began at "
		"line 2, column 1");
}
END_TEST

/* ---- early refusal ---- */

/* Every prefix of a good text is only incomplete, never refused. */
START_TEST(test_prefixes_wait)
{
	const char *text = "\xef\xbb\xbf {\"a\\u00e9\xc3\xa9\": [1, -2.5e+3, true, false, null, "
			   "\"\\ud83d\\ude00\xf0\x9f\x98\x80\"], \"b\": {}} ";
	for (size_t n = 0; n <= strlen(text); n++) {
		struct json_reader *r = json_reader_new(NULL, NULL, 0, false);
		ck_assert_int_eq(json_feed(r, slice_make(text, n), NULL), 0);
		ck_assert_int_eq(json_complete(r), n >= strlen(text) - 1);
		json_reader_free(r);
	}
}
END_TEST

/* Puts a way to end it behind a text that was not refused; false if there is none. */
static bool can_end(struct slice text)
{
	static const char *const tails[] = {"", "0", "\"", "0\"", "00\"", "000\"", "0000\"", "n\"",
		"\\udc00\"", "udc00\"", "dc00\"", "c00\"", "\x80\"", "\x80\x80\"", "\x80\x80\x80\"",
		"\xbf\"", "\x90\x80\x80\"", "\xa0\x80\"", "rue", "ue", "e", "alse", "lse", "se",
		"ull", "ll", "l", "\273\2770", "\2770"};
	static const char *const more[] = {"", ":0", "0", "\"\":0"};
	for (unsigned i = 0; i < sizeof(tails) / sizeof(tails[0]) * 4; i++) {
		CLEANUP(buf_free) struct buf b = BUF_INIT;
		buf_append_slice(&b, text);
		buf_puts(&b, tails[i / 4]);
		buf_puts(&b, more[i % 4]);
		struct json_reader *r = json_reader_new(NULL, NULL, 0, false);
		bool ok = json_feed(r, buf_slice(&b), NULL) == 0;
		for (unsigned k = 0; ok && k < 40 && !json_complete(r); k++) {
			struct err err = {0};
			json_finish(r, &err);
			bool object = strstr(err.msg, "inside an object") != NULL;
			ok = json_feed(r, slice_of(object ? "}" : "]"), NULL) == 0;
		}
		ok = ok && json_complete(r);
		json_reader_free(r);
		if (ok) {
			return true;
		}
	}
	return false;
}

/* Refused is exactly what cannot go on: texts at random from JSON's alphabet,
 * cut at the first refusal; all that came before it can still be ended. */
START_TEST(test_refuses_at_the_first_byte)
{
	static const char alphabet[] =
		"{}[],:\"\\ue0d8cf1-+.trulsn \n\xc3\xa9\xed\xa0\xf0\x90\x80\xef\xbb\xbf";
	rng_seed(99);
	for (int i = 0; i < 6000; i++) {
		char text[24];
		size_t n = 0;
		struct json_reader *r = json_reader_new(NULL, NULL, 0, false);
		while (n < sizeof(text)) {
			text[n] = alphabet[(size_t)rng() % (sizeof(alphabet) - 1)];
			if (json_feed(r, slice_make(text + n, 1), NULL) != 0) {
				break;
			}
			n++;
		}
		json_reader_free(r);
		CLEANUP(buf_free) struct buf shown = BUF_INIT;
		json_quote(&shown, slice_make(text, n));
		ck_assert_msg(can_end(slice_make(text, n)), "cannot end %s", buf_cstr(&shown));
	}
}
END_TEST

START_TEST(test_random_chunks)
{
	rng_seed(5);
	const char *text = "[{\"na\\u006de\": \"v\xc3\xa4lue \\ud83d\\ude00 \xf0\x9f\x98\x80\\n\", "
			   "\"n\": -12.50e-3}, [true, false, null], \"\"]";
	CLEANUP(buf_free) struct buf whole = BUF_INIT;
	read_in(slice_of(text), SIZE_MAX, false, 0, &whole);
	for (int i = 0; i < 200; i++) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		struct json_reader *r = json_reader_new(note, &out, 0, false);
		for (size_t at = 0; at < strlen(text);) {
			size_t n = (size_t)rng() % 9;
			n = n > strlen(text) - at ? strlen(text) - at : n;
			ck_assert_int_eq(json_feed(r, slice_make(text + at, n), NULL), 0);
			at += n;
		}
		ck_assert_int_eq(json_finish(r, NULL), 0);
		json_reader_free(r);
		ck_assert(slice_equal(buf_slice(&out), buf_slice(&whole)));
	}
}
END_TEST

/* ---- state and failures ---- */

START_TEST(test_questions)
{
	struct json_reader *r = json_reader_new(NULL, NULL, 0, true);
	ck_assert(json_blank(r) && json_complete(r));
	json_feed(r, slice_of(" \n"), NULL);
	ck_assert(json_blank(r) && json_complete(r));
	json_feed(r, slice_of("[{"), NULL);
	ck_assert(!json_blank(r) && !json_complete(r));
	ck_assert_uint_eq(json_depth(r), 2);
	struct json_pos here = json_here(r);
	ck_assert_uint_eq(here.line, 2);
	ck_assert_uint_eq(here.column, 3);
	json_feed(r, slice_of("}] "), NULL);
	ck_assert(!json_blank(r) && json_complete(r));
	ck_assert_uint_eq(json_depth(r), 0);
	json_reader_free(r);
	r = json_reader_new(NULL, NULL, 0, false);
	ck_assert(json_blank(r) && !json_complete(r));
	json_feed(r, slice_of("\xef\xbb\xbf "), NULL);
	ck_assert(json_blank(r));
	json_feed(r, slice_of("1"), NULL);
	ck_assert(!json_blank(r) && json_complete(r));
	json_reader_free(r);
	json_reader_free(NULL);
}
END_TEST

START_TEST(test_failure_stays)
{
	struct json_reader *r = json_reader_new(NULL, NULL, 0, false);
	struct err first = {0};
	struct err again = {0};
	struct err end = {0};
	ck_assert_int_eq(json_feed(r, slice_of("[}"), &first), -EINVAL);
	ck_assert_int_eq(json_feed(r, slice_of("1]"), &again), -EINVAL);
	ck_assert_int_eq(json_finish(r, &end), -EINVAL);
	ck_assert_str_eq(first.msg, again.msg);
	ck_assert_str_eq(first.msg, end.msg);
	ck_assert(!json_complete(r) && !json_blank(r));
	json_reader_free(r);
}
END_TEST

static int stop_at_number(
	void *arg, enum json_event event, struct slice text, struct json_pos pos, struct err *err)
{
	(void)arg;
	(void)text;
	return event == JSON_EV_NUMBER ? err_set(err, EFBIG, "stopped at column %lu", pos.column)
				       : 0;
}

START_TEST(test_callback_stops)
{
	struct json_reader *r = json_reader_new(stop_at_number, NULL, 0, false);
	struct err err = {0};
	struct err again = {0};
	ck_assert_int_eq(json_feed(r, slice_of("[true, 12]"), &err), -EFBIG);
	ck_assert_int_eq(err.code, EFBIG);
	ck_assert_str_eq(err.msg, "stopped at column 8");
	ck_assert_int_eq(json_feed(r, slice_of("x"), &again), -EFBIG);
	ck_assert_str_eq(again.msg, "stopped at column 8");
	json_reader_free(r);
	r = json_reader_new(stop_at_number, NULL, 0, false);
	ck_assert_int_eq(json_feed(r, slice_of("12"), NULL), 0);
	ck_assert_int_eq(json_finish(r, NULL), -EFBIG);
	json_reader_free(r);
}
END_TEST

/* ---- quoting ---- */

START_TEST(test_quote)
{
	for (int c = 0; c < 256; c++) {
		char byte = (char)c;
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		CLEANUP(buf_free) struct buf events = BUF_INIT;
		json_quote(&out, slice_make(&byte, 1));
		size_t n = c == '"' || c == '\\' || (c >= 8 && c <= 13 && c != 11) ? 2
			   : c < 32						   ? 6
										   : 1;
		ck_assert_uint_eq(out.n, n + 2);
		ck_assert_int_eq(
			read_in(buf_slice(&out), 1, false, 0, &events), c < 128 ? 0 : -EINVAL);
	}
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	json_quote(&out, slice_make("a\"b\\\0\x1f/\x7f\xc3\xa9", 10));
	ck_assert_str_eq(buf_cstr(&out), "\"a\\\"b\\\\\\u0000\\u001f/\x7f\xc3\xa9\"");
	buf_clear(&out);
	json_quote(&out, (struct slice){0});
	ck_assert_str_eq(buf_cstr(&out), "\"\"");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("json");
	TCase *tc = tcase_create("json");
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, test_values);
	tcase_add_test(tc, test_numbers);
	tcase_add_test(tc, test_number_refusals);
	tcase_add_test(tc, test_strings);
	tcase_add_test(tc, test_columns_are_characters);
	tcase_add_test(tc, test_string_refusals);
	tcase_add_test(tc, test_surrogates);
	tcase_add_test(tc, test_utf8_refusals);
	tcase_add_test(tc, test_structure_refusals);
	tcase_add_test(tc, test_word_refusals);
	tcase_add_test(tc, test_nul_byte);
	tcase_add_test(tc, test_byte_order_mark);
	tcase_add_test(tc, test_depth);
	tcase_add_test(tc, test_many);
	tcase_add_test(tc, test_prefixes_wait);
	tcase_add_test(tc, test_refuses_at_the_first_byte);
	tcase_add_test(tc, test_random_chunks);
	tcase_add_test(tc, test_questions);
	tcase_add_test(tc, test_failure_stays);
	tcase_add_test(tc, test_callback_stops);
	tcase_add_test(tc, test_quote);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
