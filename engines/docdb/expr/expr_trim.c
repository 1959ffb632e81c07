/* $trim $ltrim $rtrim. */
#include "engines/docdb/expr/expr_impl.h"

#include <errno.h>

#include "engines/docdb/expr/expr_text.h"

static const char *const trim_options[] = {"!input", "chars", NULL};

/* What is trimmed where `chars` is absent. */
static const char *const blanks[] = {"\t", "\n", "\v", "\f", "\r", " ", "\xC2\xA0", "\xE1\x9A\x80",
	"\xE2\x80\x80", "\xE2\x80\x81", "\xE2\x80\x82", "\xE2\x80\x83", "\xE2\x80\x84",
	"\xE2\x80\x85", "\xE2\x80\x86", "\xE2\x80\x87", "\xE2\x80\x88", "\xE2\x80\x89",
	"\xE2\x80\x8A", NULL};

static bool is_blank(struct slice c)
{
	if (c.n == 1 && c.p[0] == '\0') {
		return true;
	}
	for (size_t i = 0; blanks[i] != NULL; i++) {
		if (slice_is(c, blanks[i])) {
			return true;
		}
	}
	return false;
}

/* `chars`.p NULL: blanks. */
static bool is_trimmed(struct slice c, struct slice chars)
{
	if (chars.p == NULL) {
		return is_blank(c);
	}
	/* A character's bytes are found nowhere but where it stands. */
	return c.n <= chars.n && expr_text_find(chars, c) != EXPR_NOT_FOUND;
}

static struct slice trim_left(struct slice text, struct slice chars)
{
	while (text.n > 0) {
		size_t n = expr_text_offset(text, 1);
		if (!is_trimmed(slice_make(text.p, n), chars)) {
			break;
		}
		text = slice_make(text.p + n, text.n - n);
	}
	return text;
}

static struct slice trim_right(struct slice text, struct slice chars)
{
	while (text.n > 0) {
		size_t n = 1;
		while (n < text.n && ((unsigned char)text.p[text.n - n] & 0xC0) == 0x80) {
			n++;
		}
		if (!is_trimmed(slice_make(text.p + text.n - n, n), chars)) {
			break;
		}
		text.n -= n;
	}
	return text;
}

static int trim(const struct doc_expr *e, struct expr_run *run, bool left, bool right,
	struct doc_value *out)
{
	struct slice chars = {NULL, 0};
	struct slice text;
	struct doc_value v;
	struct doc_value set = DOC_MISSING;
	int r = expr_arg(e, 0, run, &v);

	if (r == 0) {
		r = expr_arg(e, 1, run, &set);
	}
	if (r != 0) {
		return r;
	}
	if (expr_nullish(v) || (e->args[1] != NULL && expr_nullish(set))) {
		return expr_null(out);
	}
	if (v.type != BSON_TYPE_UTF8 || (e->args[1] != NULL && set.type != BSON_TYPE_UTF8)) {
		return err_set(run->err, EINVAL, "%s requires its %s to be a string, got %s",
			e->op->name, v.type != BSON_TYPE_UTF8 ? "input" : "chars",
			expr_type_name(v.type != BSON_TYPE_UTF8 ? v : set));
	}
	text = doc_string(v);
	if (e->args[1] != NULL) {
		chars = doc_string(set);
	}
	text = left ? trim_left(text, chars) : text;
	return expr_string(run, right ? trim_right(text, chars) : text, out);
}

static int eval_trim(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return trim(e, run, true, true, out);
}

static int eval_ltrim(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return trim(e, run, true, false, out);
}

static int eval_rtrim(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return trim(e, run, false, true, out);
}

const struct expr_op expr_trim_ops[] = {
	{.name = "$trim", .fn = eval_trim, .options = trim_options},
	{.name = "$ltrim", .fn = eval_ltrim, .options = trim_options},
	{.name = "$rtrim", .fn = eval_rtrim, .options = trim_options},
	{0},
};
