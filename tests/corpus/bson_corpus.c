/* The official BSON corpus against our BSON and Extended JSON.
 *
 *   bson_corpus FILE.json..
 *
 * A line for each file, `ok - NAME: N cases`; before it one for each case that differs. What every
 * case asks stands in the corpus's README: canonical and relaxed text of each BSON, the
 * BSON of each text, of degenerate forms too; and what must be refused. One question more is ours:
 * relaxed text read in the place of its document gives the same bytes. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"

/* Treated otherwise, each for a reason. */
static const struct {
	const char *description;
	const char *why;
} otherwise[] = {
	{"Bad $date (number, not string or hash)",
		"milliseconds as a plain number are what mongoexport wrote before 2.6"},
};

struct corpus {
	const char *name; /* of the file */
	const char *what; /* the case */
	unsigned n;
	unsigned bad;
};

static void fail(struct corpus *c, const char *question, const char *said)
{
	c->bad++;
	printf("not ok - bson_corpus %s: %s: %s\n#   %s\n", c->name, c->what, question, said);
}

static const char *text_of(json_t *test, const char *member)
{
	return json_string_value(json_object_get(test, member));
}

static void hex_decode(const char *hex, struct buf *out)
{
	for (; hex[0] != '\0' && hex[1] != '\0'; hex += 2) {
		const char digits[3] = {hex[0], hex[1], '\0'};
		buf_putc(out, (char)strtol(digits, NULL, 16));
	}
}

/* ---- texts that are one: white space and the spelling of doubles may differ ---- */

static bool same_json(const json_t *a, const json_t *b);

static bool same_double_text(const json_t *a, const json_t *b)
{
	return json_is_string(a) && json_is_string(b) &&
	       strtod(json_string_value(a), NULL) == strtod(json_string_value(b), NULL);
}

static bool same_object(json_t *a, json_t *b)
{
	void *i = json_object_iter(a);
	void *k = json_object_iter(b);
	for (; i != NULL && k != NULL;
		i = json_object_iter_next(a, i), k = json_object_iter_next(b, k)) {
		const char *name = json_object_iter_key(i);
		json_t *x = json_object_iter_value(i);
		json_t *y = json_object_iter_value(k);
		if (strcmp(name, json_object_iter_key(k)) != 0) {
			return false;
		}
		if (!same_json(x, y) &&
			(strcmp(name, "$numberDouble") != 0 || !same_double_text(x, y))) {
			return false;
		}
	}
	return i == k;
}

static bool same_json(const json_t *a, const json_t *b)
{
	if (json_is_object(a) && json_is_object(b)) {
		return same_object((json_t *)a, (json_t *)b);
	}
	if (!json_is_array(a) || !json_is_array(b)) {
		return json_equal(a, b) != 0;
	}
	size_t n = json_array_size(a);
	for (size_t i = 0; i < n && n == json_array_size(b); i++) {
		if (!same_json(json_array_get(a, i), json_array_get(b, i))) {
			return false;
		}
	}
	return n == json_array_size(b);
}

static bool same_text(const char *a, const char *b)
{
	const size_t flags = JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES;
	json_t *x = json_loads(a, flags, NULL);
	json_t *y = json_loads(b, flags, NULL);
	bool same = x != NULL && y != NULL && same_json(x, y);
	json_decref(x);
	json_decref(y);
	return same;
}

/* ---- questions ---- */

static void ask_print(struct corpus *c, struct slice bson, enum ejson_mode mode, const char *want,
	const char *question)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	if (doc_check(bson, &err) != 0) {
		fail(c, question, err.msg);
		return;
	}
	for (unsigned pretty = 0; pretty < 2; pretty++) {
		buf_clear(&out);
		ejson_print(bson, mode, pretty != 0, &out);
		if (!same_text(buf_cstr(&out), want)) {
			fail(c, question, out.p);
		}
		if (ejson_size(bson, mode, pretty != 0) != out.n) {
			fail(c, question, "ejson_size() is wrong");
		}
	}
}

static void ask_parse(struct corpus *c, const char *text, struct slice like, struct slice want,
	const char *question)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	if (ejson_parse(slice_of(text), like, &out, &err) != 0) {
		fail(c, question, err.msg);
	} else if (!slice_equal(buf_slice(&out), want)) {
		fail(c, question, "other bytes");
	}
}

/* The text of a text. */
static void ask_both(struct corpus *c, const char *text, enum ejson_mode mode, const char *want,
	const char *question)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	if (ejson_parse(slice_of(text), slice_make("", 0), &out, &err) != 0) {
		fail(c, question, err.msg);
	} else {
		ask_print(c, buf_slice(&out), mode, want, question);
	}
}

static void ask_valid(struct corpus *c, json_t *test)
{
	CLEANUP(buf_free) struct buf bson = BUF_INIT;
	const struct slice none = slice_make("", 0);
	const char *canonical = text_of(test, "canonical_extjson");
	const char *relaxed = text_of(test, "relaxed_extjson");
	const char *degenerate = text_of(test, "degenerate_extjson");
	const char *degenerate_bson = text_of(test, "degenerate_bson");
	bool lossy = json_is_true(json_object_get(test, "lossy"));
	hex_decode(text_of(test, "canonical_bson"), &bson);
	struct slice want = buf_slice(&bson);

	ask_print(c, want, EJSON_CANONICAL, canonical, "BSON to canonical");
	ask_both(c, canonical, EJSON_CANONICAL, canonical, "canonical to canonical");
	if (!lossy) {
		ask_parse(c, canonical, none, want, "canonical to BSON");
	}
	if (relaxed != NULL) {
		ask_print(c, want, EJSON_RELAXED, relaxed, "BSON to relaxed");
		ask_both(c, relaxed, EJSON_RELAXED, relaxed, "relaxed to relaxed");
	}
	if (relaxed != NULL && !lossy) {
		ask_parse(c, relaxed, want, want, "relaxed in its document's place to BSON");
	}
	if (degenerate != NULL) {
		ask_both(c, degenerate, EJSON_CANONICAL, canonical, "degenerate to canonical");
	}
	if (degenerate != NULL && !lossy) {
		ask_parse(c, degenerate, none, want, "degenerate to BSON");
	}
	if (degenerate_bson != NULL) {
		buf_clear(&bson);
		hex_decode(degenerate_bson, &bson);
		ask_print(c, buf_slice(&bson), EJSON_CANONICAL, canonical,
			"degenerate BSON to canonical");
	}
}

static void ask_decode_error(struct corpus *c, json_t *test)
{
	CLEANUP(buf_free) struct buf bson = BUF_INIT;
	hex_decode(text_of(test, "bson"), &bson);
	if (doc_check(buf_slice(&bson), NULL) == 0) {
		fail(c, "wrong BSON", "is accepted");
	}
}

/* Of decimals the string alone is given. */
static void ask_parse_error(struct corpus *c, json_t *test, bool decimal)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	if (decimal) {
		buf_puts(&text, "{\"d\":{\"$numberDecimal\":");
		json_quote(&text, slice_of(text_of(test, "string")));
		buf_puts(&text, "}}");
	} else {
		buf_puts(&text, text_of(test, "string"));
	}
	if (ejson_parse(buf_slice(&text), slice_make("", 0), &out, NULL) == 0) {
		fail(c, "wrong text is accepted", buf_cstr(&text));
	}
}

/* ---- files ---- */

static bool is_otherwise(const struct corpus *c)
{
	for (unsigned i = 0; i < sizeof(otherwise) / sizeof(otherwise[0]); i++) {
		if (strcmp(c->what, otherwise[i].description) == 0) {
			printf("#   otherwise, on purpose: %s: %s: %s\n", c->name, c->what,
				otherwise[i].why);
			return true;
		}
	}
	return false;
}

static void run_tests(struct corpus *c, json_t *file, const char *kind)
{
	const char *type = json_string_value(json_object_get(file, "bson_type"));
	bool decimal = type != NULL && strcmp(type, "0x13") == 0;
	size_t i;
	json_t *test;
	json_array_foreach (json_object_get(file, kind), i, test) {
		c->what = text_of(test, "description");
		c->n++;
		if (is_otherwise(c)) {
			continue;
		}
		if (strcmp(kind, "valid") == 0) {
			ask_valid(c, test);
		} else if (strcmp(kind, "decodeErrors") == 0) {
			ask_decode_error(c, test);
		} else {
			ask_parse_error(c, test, decimal);
		}
	}
}

static bool run_file(const char *path)
{
	const char *slash = strrchr(path, '/');
	struct corpus c = {.name = slash != NULL ? slash + 1 : path};
	json_error_t why;
	json_t *file = json_load_file(path, JSON_ALLOW_NUL, &why);
	if (file == NULL) {
		printf("not ok - bson_corpus %s: %s\n", c.name, why.text);
		return false;
	}
	run_tests(&c, file, "valid");
	run_tests(&c, file, "decodeErrors");
	run_tests(&c, file, "parseErrors");
	json_decref(file);
	if (c.bad == 0) {
		printf("ok - bson_corpus %s: %u cases\n", c.name, c.n);
	}
	return c.bad == 0;
}

int main(int argc, char **argv)
{
	bool good = argc > 1;
	for (int i = 1; i < argc; i++) {
		good = run_file(argv[i]) && good;
	}
	return good ? 0 : 1;
}
