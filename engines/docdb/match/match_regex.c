/* Regular expressions, compiled once for a filter. Matching takes no memory of its own: the
 * data block that PCRE2 wants is kept with the expression, and whoever finds it taken by
 * another thread makes one. */
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "engines/docdb/match/match_impl.h"

struct match_regex {
	pcre2_code *code;
	_Atomic(pcre2_match_data *) spare;
	uint32_t flags;
	struct slice pattern; /* behind the struct */
	struct slice options;
};

static const struct {
	char letter;
	uint32_t flag;
} letters[] = {
	{'i', PCRE2_CASELESS},
	{'m', PCRE2_MULTILINE},
	{'s', PCRE2_DOTALL},
	{'u', 0}, /* text is UTF-8 anyhow */
	{'x', PCRE2_EXTENDED},
};

static int parse_options(struct slice options, uint32_t *flags, struct err *err)
{
	*flags = PCRE2_UTF;
	for (size_t i = 0; i < options.n; i++) {
		size_t k = 0;
		while (k < sizeof(letters) / sizeof(letters[0]) &&
			letters[k].letter != options.p[i]) {
			k++;
		}
		if (k == sizeof(letters) / sizeof(letters[0])) {
			return err_set(err, EINVAL,
				"invalid flag in regex options: %c; the flags are i, m, s, u, x",
				options.p[i]);
		}
		*flags |= letters[k].flag;
	}
	return 0;
}

static int compile(struct match_regex *r, struct err *err)
{
	int code;
	PCRE2_SIZE offset;
	PCRE2_UCHAR text[128];
	r->code = pcre2_compile(
		(PCRE2_SPTR)r->pattern.p, r->pattern.n, r->flags, &code, &offset, NULL);
	if (r->code == NULL) {
		pcre2_get_error_message(code, text, sizeof(text));
		return err_set(err, code == PCRE2_ERROR_HEAP_FAILED ? ENOMEM : EINVAL,
			"Regular expression is invalid: %s (at character %zu)", (const char *)text,
			(size_t)offset);
	}
	/* Without the compiler to machine code it is interpreted. */
	pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
	return 0;
}

static struct slice keep(char **at, struct slice s)
{
	struct slice kept = slice_make(memcpy(*at, s.n > 0 ? s.p : "", s.n), s.n);
	(*at)[s.n] = '\0';
	*at += s.n + 1;
	return kept;
}

int match_regex_new(
	struct slice pattern, struct slice options, struct match_regex **out, struct err *err)
{
	uint32_t flags;
	int r = parse_options(options, &flags, err);
	if (r < 0) {
		return r;
	}
	if (memchr(pattern.n > 0 ? pattern.p : "", '\0', pattern.n) != NULL) {
		return err_set(
			err, EINVAL, "Regular expression cannot contain an embedded null byte");
	}
	struct match_regex *x = calloc(1, sizeof(*x) + pattern.n + options.n + 2);
	if (x == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	char *at = (char *)(x + 1);
	x->flags = flags;
	x->pattern = keep(&at, pattern);
	x->options = keep(&at, options);
	r = compile(x, err);
	if (r < 0) {
		free(x);
		return r;
	}
	*out = x;
	return 0;
}

void match_regex_free(struct match_regex *r)
{
	if (r != NULL) {
		pcre2_match_data_free(atomic_load(&r->spare));
		pcre2_code_free(r->code);
		free(r);
	}
}

void match_regex_split(struct doc_value v, struct slice *pattern, struct slice *options)
{
	size_t n = strnlen(v.raw.p, v.raw.n);
	*pattern = slice_make(v.raw.p, n);
	*options = n < v.raw.n
			   ? slice_make(v.raw.p + n + 1, strnlen(v.raw.p + n + 1, v.raw.n - n - 1))
			   : slice_of("");
}

void match_regex_put(const struct match_regex *r, struct buf *out)
{
	buf_append(out, r->pattern.p, r->pattern.n + 1);
	buf_append(out, r->options.p, r->options.n + 1);
}

bool match_regex_same(const struct match_regex *a, const struct match_regex *b)
{
	return a->flags == b->flags && slice_equal(a->pattern, b->pattern);
}

/* ---- matching ---- */

static int search(struct match_regex *r, struct slice text, struct err *err)
{
	pcre2_match_data *none = NULL;
	pcre2_match_data *data = atomic_exchange(&r->spare, NULL);
	if (data == NULL) {
		data = pcre2_match_data_create(1, NULL);
	}
	if (data == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int n = pcre2_match(r->code, (PCRE2_SPTR)text.p, text.n, 0, 0, data, NULL);
	if (!atomic_compare_exchange_strong(&r->spare, &none, data)) {
		pcre2_match_data_free(data);
	}
	switch (n) {
	case PCRE2_ERROR_MATCHLIMIT:
	case PCRE2_ERROR_DEPTHLIMIT:
	case PCRE2_ERROR_HEAPLIMIT:
	case PCRE2_ERROR_JIT_STACKLIMIT:
		return err_set(err, EINVAL, "Regular expression needs too many steps: /%.200s/",
			r->pattern.p);
	case PCRE2_ERROR_NOMEMORY: return err_set(err, ENOMEM, "out of memory");
	default: return n >= 0; /* 0: matched, with more groups than we want to know */
	}
}

static bool equals(const struct match_regex *r, struct doc_value v)
{
	struct slice pattern;
	struct slice options;
	uint32_t flags;
	match_regex_split(v, &pattern, &options);
	return slice_equal(pattern, r->pattern) && parse_options(options, &flags, NULL) == 0 &&
	       flags == r->flags;
}

int match_regex_test(struct match_regex *r, struct doc_value v, struct err *err)
{
	switch (v.type) {
	case BSON_TYPE_UTF8:
	case BSON_TYPE_SYMBOL: return search(r, doc_string(v), err);
	case BSON_TYPE_REGEX: return equals(r, v);
	default: return 0;
	}
}

/* ---- planning ---- */

/* One literal character at the front of *rest, unless one behind it makes it optional. */
static bool take_literal(struct slice *rest, struct buf *prefix)
{
	size_t at = rest->n > 1 && rest->p[0] == '\\' ? 1 : 0;
	if (at >= rest->n || (at == 0 && strchr("\\^$.[]|()?*+{}", rest->p[0]) != NULL) ||
		(at == 1 && strchr("\\^$.[]|()?*+{}/-", rest->p[1]) == NULL)) {
		return false;
	}
	size_t n = at + 1;
	while (n < rest->n && ((unsigned char)rest->p[n] & 0xc0) == 0x80) {
		n++;
	}
	if (n < rest->n && strchr("?*{", rest->p[n]) != NULL) {
		return false;
	}
	buf_append(prefix, rest->p + at, n - at);
	*rest = slice_make(rest->p + n, rest->n - n);
	return true;
}

bool match_regex_prefix(const struct match_regex *r, struct buf *prefix, bool *whole)
{
	struct slice rest = r->pattern;
	/* An alternative anywhere may begin otherwise. */
	if ((r->flags & (PCRE2_CASELESS | PCRE2_MULTILINE | PCRE2_EXTENDED)) != 0 || rest.n < 2 ||
		rest.p[0] != '^' || memchr(rest.p, '|', rest.n) != NULL) {
		return false;
	}
	rest = slice_make(rest.p + 1, rest.n - 1);
	while (take_literal(&rest, prefix)) {
	}
	*whole = rest.n == 0;
	return prefix->n > 0;
}
