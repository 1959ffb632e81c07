/* LIKE, SIMILAR TO and regular expressions. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <ctype.h>
#include <pcre2.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/sqlite_functions_impl.h"

/* ---- LIKE ---- */

#define NO_ESCAPE UINT32_MAX

static uint32_t next_folded(struct slice s, size_t *at, bool fold)
{
	uint32_t c = lite_character(s, at);
	return fold ? lite_lower(c) : c;
}

/* With the last % taken as ever more, until the rest matches. */
static bool like(struct slice text, struct slice pattern, uint32_t escape, bool fold)
{
	size_t t = 0;
	size_t p = 0;
	size_t again_t = 0;
	size_t again_p = SIZE_MAX;
	while (t < text.n || p < pattern.n) {
		size_t behind_p = p;
		size_t behind_t = t;
		uint32_t c = p < pattern.n ? lite_character(pattern, &behind_p) : 0;
		bool plain = p < pattern.n;
		if (plain && c == '%' && escape != '%') {
			again_p = behind_p;
			again_t = t;
			p = behind_p;
			continue;
		}
		bool any = plain && c == '_' && escape != '_';
		if (plain && c == escape && behind_p < pattern.n) {
			c = lite_character(pattern, &behind_p);
		}
		if (plain && t < text.n) {
			uint32_t has = next_folded(text, &behind_t, fold);
			if (any || has == (fold ? lite_lower(c) : c)) {
				t = behind_t;
				p = behind_p;
				continue;
			}
		}
		if (again_p == SIZE_MAX || again_t >= text.n) {
			return false;
		}
		lite_character(text, &again_t);
		t = again_t;
		p = again_p;
	}
	return true;
}

static void put_like(sqlite3_context *c, int n, sqlite3_value **v, bool fold)
{
	struct slice pattern = lite_text(v[1]);
	struct slice escape = n > 2 ? lite_text(v[2]) : slice_of("\\");
	size_t at = 0;
	uint32_t character = escape.n > 0 ? lite_character(escape, &at) : NO_ESCAPE;
	if (at < escape.n) {
		lite_fail(c, "invalid escape string: one character is expected");
		return;
	}
	sqlite3_result_int(c, like(lite_text(v[0]), pattern, character, fold));
}

static void like_exact(sqlite3_context *c, int n, sqlite3_value **v)
{
	put_like(c, n, v, false);
}

static void like_folded(sqlite3_context *c, int n, sqlite3_value **v)
{
	put_like(c, n, v, true);
}

/* ---- regular expressions ---- */

/* Steps after which a match is given up: some patterns would take for ever. */
#define MATCH_STEPS 1000000

struct regex {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *limits;
};

static void free_regex(void *p)
{
	struct regex *r = p;
	if (r != NULL) {
		pcre2_code_free(r->code);
		pcre2_match_data_free(r->data);
		pcre2_match_context_free(r->limits);
		free(r);
	}
}

static void refuse(sqlite3_context *c, int code)
{
	unsigned char why[128];
	pcre2_get_error_message(code, why, sizeof(why));
	lite_fail(c, "regular expression: %s", (char *)why);
}

static struct regex *compile(sqlite3_context *c, struct slice pattern, uint32_t flags)
{
	int code;
	size_t at;
	struct regex *r = calloc(1, sizeof(*r));
	if (r == NULL) {
		sqlite3_result_error_nomem(c);
		return NULL;
	}
	r->code = pcre2_compile(
		(PCRE2_SPTR)pattern.p, pattern.n, flags | PCRE2_UTF, &code, &at, NULL);
	if (r->code == NULL) {
		refuse(c, code);
		free_regex(r);
		return NULL;
	}
	r->data = pcre2_match_data_create_from_pattern(r->code, NULL);
	r->limits = pcre2_match_context_create(NULL);
	if (r->data == NULL || r->limits == NULL) {
		sqlite3_result_error_nomem(c);
		free_regex(r);
		return NULL;
	}
	pcre2_set_match_limit(r->limits, MATCH_STEPS);
	return r;
}

/* The pattern of argument 1, compiled once for a statement; NULL: the error is the result. */
static struct regex *take_regex(sqlite3_context *c, sqlite3_value **v, uint32_t flags,
	int (*make)(sqlite3_context *c, sqlite3_value **v, struct buf *out))
{
	CLEANUP(buf_free) struct buf made = BUF_INIT;
	struct regex *r = sqlite3_get_auxdata(c, 1);
	struct slice pattern = lite_text(v[1]);
	if (r != NULL) {
		return r;
	}
	if (make != NULL) {
		if (make(c, v, &made) < 0) {
			return NULL;
		}
		pattern = buf_slice(&made);
	}
	r = compile(c, pattern, flags);
	if (r != NULL) {
		sqlite3_set_auxdata(c, 1, r, free_regex);
		/* Without memory it is gone already. */
		r = sqlite3_get_auxdata(c, 1);
		if (r == NULL) {
			sqlite3_result_error_nomem(c);
		}
	}
	return r;
}

/* The next match from `at` on: 1, with where it is; 0; -1: the error is the result. */
static int match(
	sqlite3_context *c, struct regex *r, struct slice s, size_t at, size_t *begin, size_t *end)
{
	int rc = pcre2_match(r->code, (PCRE2_SPTR)s.p, s.n, at, 0, r->data, r->limits);
	if (rc == PCRE2_ERROR_NOMATCH) {
		return 0;
	}
	if (rc < 0) {
		refuse(c, rc);
		return -1;
	}
	const PCRE2_SIZE *where = pcre2_get_ovector_pointer(r->data);
	*begin = where[0];
	*end = where[1] < where[0] ? where[0] : where[1];
	return 1;
}

static void put_match(sqlite3_context *c, sqlite3_value **v, uint32_t flags)
{
	size_t begin;
	size_t end;
	struct regex *r = take_regex(c, v, flags, NULL);
	int rc = r == NULL ? -1 : match(c, r, lite_text(v[0]), 0, &begin, &end);
	if (rc >= 0) {
		sqlite3_result_int(c, rc);
	}
}

static void regexp(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	put_match(c, v, 0);
}

static void iregexp(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	put_match(c, v, PCRE2_CASELESS);
}

/* Where the next match is looked for: behind an empty one by a character. */
static size_t behind(struct slice s, size_t begin, size_t end)
{
	size_t at = end;
	if (begin == end && at < s.n) {
		lite_character(s, &at);
	} else if (begin == end) {
		at = s.n + 1;
	}
	return at;
}

static void regexp_count(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct slice s = lite_text(v[0]);
	struct regex *r = take_regex(c, v, 0, NULL);
	int64_t count = 0;
	int rc = r == NULL ? -1 : 1;
	for (size_t at = 0, begin = 0, end = 0; rc == 1 && at <= s.n; at = behind(s, begin, end)) {
		rc = match(c, r, s, at, &begin, &end);
		count += rc == 1;
	}
	if (rc >= 0) {
		sqlite3_result_int64(c, count);
	}
}

/* rs_regexp_substr(text, pattern[, position]): the first match; the empty text if there is none. */
static void regexp_substr(sqlite3_context *c, int n, sqlite3_value **v)
{
	struct slice s = lite_text(v[0]);
	size_t from = n > 2 ? lite_prefix(s, sqlite3_value_int64(v[2]) - 1) : 0;
	size_t begin = 0;
	size_t end = 0;
	struct regex *r = take_regex(c, v, 0, NULL);
	int rc = r == NULL ? -1 : match(c, r, s, from, &begin, &end);
	if (rc >= 0) {
		sqlite3_result_text64(
			c, s.p + begin, rc == 0 ? 0 : end - begin, SQLITE_TRANSIENT, SQLITE_UTF8);
	}
}

/* Which character it begins at, from 1; 0: nowhere. */
static void regexp_instr(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	struct slice s = lite_text(v[0]);
	size_t begin = 0;
	size_t end = 0;
	struct regex *r = take_regex(c, v, 0, NULL);
	int rc = r == NULL ? -1 : match(c, r, s, 0, &begin, &end);
	if (rc >= 0) {
		sqlite3_result_int64(
			c, rc == 0 ? 0 : (int64_t)lite_length(slice_make(s.p, begin)) + 1);
	}
}

/* "$1", "\1" of a replacement: what that group matched. */
static void put_replacement(struct buf *out, struct slice with, struct slice s, struct regex *r)
{
	const PCRE2_SIZE *where = pcre2_get_ovector_pointer(r->data);
	uint32_t groups = pcre2_get_ovector_count(r->data);
	for (size_t i = 0; i < with.n; i++) {
		bool sign = (with.p[i] == '$' || with.p[i] == '\\') && i + 1 < with.n;
		if (sign && isdigit((unsigned char)with.p[i + 1])) {
			size_t g = (size_t)(with.p[++i] - '0');
			if (g < groups && where[2 * g] != PCRE2_UNSET) {
				buf_append(
					out, s.p + where[2 * g], where[2 * g + 1] - where[2 * g]);
			}
		} else {
			if (sign && with.p[i] == with.p[i + 1]) {
				i++;
			}
			buf_putc(out, with.p[i]);
		}
	}
}

/* rs_regexp_replace(text, pattern[, replacement]): each match. */
static void regexp_replace(sqlite3_context *c, int n, sqlite3_value **v)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct slice s = lite_text(v[0]);
	struct slice with = n > 2 ? lite_text(v[2]) : slice_of("");
	struct regex *r = take_regex(c, v, 0, NULL);
	size_t copied = 0;
	int rc = r == NULL ? -1 : 1;
	for (size_t at = 0, begin = 0, end = 0; rc == 1 && at <= s.n; at = behind(s, begin, end)) {
		rc = match(c, r, s, at, &begin, &end);
		if (rc == 1 && begin >= copied) {
			buf_append(&out, s.p + copied, begin - copied);
			put_replacement(&out, with, s, r);
			copied = end;
		}
	}
	if (rc >= 0) {
		buf_append(&out, s.p + copied, s.n - copied);
		lite_result(c, &out);
	}
}

/* ---- SIMILAR TO ---- */

/* The whole text, in a language of its own: % and _ as in LIKE, | * + ? {} () [] as elsewhere. */
static int make_similar(sqlite3_context *c, sqlite3_value **v, struct buf *out)
{
	struct slice p = lite_text(v[1]);
	struct slice escape = lite_text(v[2]);
	bool set = false;
	if (escape.n > 1) {
		lite_fail(c, "invalid escape string: one character is expected");
		return -1;
	}
	buf_puts(out, "^(?:");
	for (size_t i = 0; i < p.n; i++) {
		bool escaped = escape.n == 1 && p.p[i] == escape.p[0] && i + 1 < p.n;
		char ch = p.p[escaped ? ++i : i];
		if (escaped || (!set && strchr(".^$\\", ch) != NULL)) {
			if ((unsigned char)ch < 0x80 && !isalnum((unsigned char)ch)) {
				buf_putc(out, '\\');
			}
			buf_putc(out, ch);
		} else if (!set && ch == '%') {
			buf_puts(out, ".*");
		} else {
			set = ch == '[' || (set && ch != ']');
			buf_putc(out, (char)(!set && ch == '_' ? '.' : ch));
		}
	}
	buf_puts(out, ")$");
	if (out->failed) {
		sqlite3_result_error_nomem(c);
		return -1;
	}
	return 0;
}

static void similar(sqlite3_context *c, int n, sqlite3_value **v)
{
	(void)n;
	size_t begin;
	size_t end;
	struct regex *r = take_regex(c, v, PCRE2_DOTALL | PCRE2_DOLLAR_ENDONLY, make_similar);
	int rc = r == NULL ? -1 : match(c, r, lite_text(v[0]), 0, &begin, &end);
	if (rc >= 0) {
		sqlite3_result_int(c, rc);
	}
}

const struct lite_function lite_pattern_functions[] = {
	{"rs_like", 2, 3, like_exact, false},
	{"rs_ilike", 2, 3, like_folded, false},
	{"rs_similar", 3, 3, similar, false},
	{"rs_regexp", 2, 2, regexp, false},
	{"rs_iregexp", 2, 2, iregexp, false},
	{"rs_regexp_count", 2, 2, regexp_count, false},
	{"rs_regexp_substr", 2, 3, regexp_substr, false},
	{"rs_regexp_instr", 2, 2, regexp_instr, false},
	{"rs_regexp_replace", 2, 3, regexp_replace, false},
	{NULL, 0, 0, NULL, false},
};
