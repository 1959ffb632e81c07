/* Strings: characters are code points of UTF-8, which every stored string is. */
#include "engines/docdb/expr/expr_impl.h"

#include <errno.h>

#include "engines/docdb/expr/expr_text.h"

/* ---- code points ---- */

static bool starts_character(char c)
{
	return ((unsigned char)c & 0xC0) != 0x80;
}

size_t expr_text_count(struct slice text)
{
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		n += starts_character(text.p[i]);
	}
	return n;
}

size_t expr_text_offset(struct slice text, size_t characters)
{
	size_t i = 0;

	while (i < text.n) {
		if (starts_character(text.p[i]) && characters-- == 0) {
			return i;
		}
		i++;
	}
	return text.n;
}

size_t expr_text_find(struct slice text, struct slice part)
{
	const char *found;

	if (part.n == 0) {
		return 0;
	}
	if (text.n < part.n) {
		return EXPR_NOT_FOUND;
	}
	found = memmem(text.p, text.n, part.p, part.n);
	return found == NULL ? EXPR_NOT_FOUND : (size_t)(found - text.p);
}

/* ---- arguments ---- */

/* A string; false in *is and null in *out where the argument is null or missing. */
static int string_arg(const struct doc_expr *e, unsigned i, struct expr_run *run,
	struct slice *text, bool *is, struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, i, run, &v);

	*is = false;
	if (r != 0) {
		return r;
	}
	if (expr_nullish(v)) {
		return expr_null(out);
	}
	if (v.type != BSON_TYPE_UTF8 && v.type != BSON_TYPE_SYMBOL) {
		return err_set(run->err, EINVAL, "%s requires a string as argument %u, found: %s",
			e->op->name, i + 1, expr_type_name(v));
	}
	*text = doc_string(v);
	*is = true;
	return 0;
}

/* What $toUpper, $substr and $strcasecmp take for text: numbers and dates, too. */
static int text_arg(const struct doc_expr *e, unsigned i, struct expr_run *run, struct slice *text)
{
	struct doc_value v;
	struct doc_value s;
	int r = expr_arg(e, i, run, &v);

	if (r != 0) {
		return r;
	}
	*text = slice_of("");
	if (expr_nullish(v)) {
		return 0;
	}
	if (v.type == BSON_TYPE_UTF8 || v.type == BSON_TYPE_SYMBOL || v.type == BSON_TYPE_CODE) {
		*text = doc_string(v);
		return 0;
	}
	if (!doc_is_number(v) && v.type != BSON_TYPE_DATE_TIME) {
		return err_set(run->err, EINVAL, "can't convert from BSON type %s to String",
			expr_type_name(v));
	}
	r = expr_to_string(run, v, &s);
	if (r == 0) {
		*text = doc_string(s);
	}
	return r;
}

static int whole_arg(const struct doc_expr *e, unsigned i, struct expr_run *run, int32_t *n)
{
	struct doc_value v;
	int r = expr_arg(e, i, run, &v);

	if (r == 0 && !expr_as_int32(v, n)) {
		return err_set(run->err, EINVAL,
			"%s: argument %u must be a whole number of 32 bits, found: %s", e->op->name,
			i + 1, expr_type_name(v));
	}
	return r;
}

/* ---- operators ---- */

static int eval_concat(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_list list = {0};
	struct doc_value v;
	size_t n = 0;
	char *p;
	int r = 0;

	for (unsigned i = 0; i < e->n; i++) {
		r = expr_arg(e, i, run, &v);
		if (r != 0 || expr_nullish(v)) {
			return r != 0 ? r : expr_null(out);
		}
		if (v.type != BSON_TYPE_UTF8) {
			return err_set(run->err, EINVAL, "$concat only supports strings, not %s",
				expr_type_name(v));
		}
		n += doc_string(v).n;
		r = expr_list_add(run, &list, v);
		if (r != 0) {
			return r;
		}
	}
	r = expr_string_room(run, n, &p, out);
	for (size_t i = 0; r == 0 && i < list.n; i++) {
		struct slice text = doc_string(list.at[i]);
		memcpy(p, text.p, text.n);
		p += text.n;
	}
	return r;
}

static int change_case(const struct doc_expr *e, struct expr_run *run, char first, char last,
	struct doc_value *out)
{
	struct slice text = {"", 0};
	char *p;
	int r = text_arg(e, 0, run, &text);

	if (r == 0) {
		r = expr_string_room(run, text.n, &p, out);
	}
	for (size_t i = 0; r == 0 && i < text.n; i++) {
		char c = text.p[i];
		p[i] = (char)(c >= first && c <= last ? c ^ 0x20 : c);
	}
	return r;
}

static int eval_to_lower(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return change_case(e, run, 'A', 'Z', out);
}

static int eval_to_upper(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return change_case(e, run, 'a', 'z', out);
}

static int fold_case(unsigned char c)
{
	return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c;
}

static int eval_strcasecmp(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct slice x;
	struct slice y;
	int c = 0;
	int r = text_arg(e, 0, run, &x);

	if (r == 0) {
		r = text_arg(e, 1, run, &y);
	}
	if (r != 0) {
		return r;
	}
	for (size_t i = 0; c == 0 && i < x.n && i < y.n; i++) {
		c = fold_case((unsigned char)x.p[i]) - fold_case((unsigned char)y.p[i]);
	}
	if (c == 0) {
		c = (x.n > y.n) - (x.n < y.n);
	}
	return expr_int32(run, (c > 0) - (c < 0), out);
}

static int eval_str_len_bytes(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, 0, run, &v);

	if (r == 0 && v.type != BSON_TYPE_UTF8) {
		r = err_set(run->err, EINVAL, "%s requires a string argument, found: %s",
			e->op->name, expr_type_name(v));
	}
	return r != 0 ? r : expr_integer(run, (int64_t)doc_string(v).n, out);
}

static int eval_str_len_cp(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_value v;
	int r = expr_arg(e, 0, run, &v);

	if (r == 0 && v.type != BSON_TYPE_UTF8) {
		r = err_set(run->err, EINVAL, "%s requires a string argument, found: %s",
			e->op->name, expr_type_name(v));
	}
	return r != 0 ? r : expr_integer(run, (int64_t)expr_text_count(doc_string(v)), out);
}

static int eval_substr_bytes(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct slice text = {"", 0};
	int32_t start;
	int32_t n;
	size_t end;
	int r = text_arg(e, 0, run, &text);

	if (r == 0) {
		r = whole_arg(e, 1, run, &start);
	}
	if (r == 0) {
		r = whole_arg(e, 2, run, &n);
	}
	if (r != 0) {
		return r;
	}
	if (start < 0) {
		return err_set(run->err, EINVAL,
			"%s: starting index must be non-negative (got: %d)", e->op->name, start);
	}
	if ((size_t)start >= text.n) {
		return expr_string(run, slice_of(""), out);
	}
	end = n < 0 || (size_t)n > text.n - (size_t)start ? text.n : (size_t)start + (size_t)n;
	if (!starts_character(text.p[start])) {
		return err_set(run->err, EINVAL,
			"%s: Invalid range, starting index is a UTF-8 continuation byte.",
			e->op->name);
	}
	if (end < text.n && !starts_character(text.p[end])) {
		return err_set(run->err, EINVAL,
			"%s: Invalid range, ending index is in the middle of a UTF-8 character.",
			e->op->name);
	}
	return expr_string(run, slice_make(text.p + start, end - (size_t)start), out);
}

static int eval_substr_cp(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct slice text = {"", 0};
	int32_t start;
	int32_t n;
	size_t at;
	int r = text_arg(e, 0, run, &text);

	if (r == 0) {
		r = whole_arg(e, 1, run, &start);
	}
	if (r == 0) {
		r = whole_arg(e, 2, run, &n);
	}
	if (r != 0) {
		return r;
	}
	if (start < 0 || n < 0) {
		return err_set(run->err, EINVAL,
			"$substrCP: %s must be a nonnegative integer, got %d",
			start < 0 ? "the starting index" : "length", start < 0 ? start : n);
	}
	at = expr_text_offset(text, (size_t)start);
	text = slice_make(text.p + at, text.n - at);
	return expr_string(run, slice_make(text.p, expr_text_offset(text, (size_t)n)), out);
}

static int eval_split(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct expr_list list = {0};
	struct doc_value piece;
	struct slice text = {"", 0};
	struct slice by = {NULL, 0};
	bool is;
	int r = string_arg(e, 0, run, &text, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	r = string_arg(e, 1, run, &by, &is, out);
	if (r != 0 || !is) {
		return r;
	}
	if (by.n == 0) {
		return err_set(run->err, EINVAL, "$split requires a non-empty separator");
	}
	for (;;) {
		size_t at = expr_text_find(text, by);
		size_t n = at == EXPR_NOT_FOUND ? text.n : at;
		r = expr_string(run, slice_make(text.p, n), &piece);
		if (r == 0) {
			r = expr_list_add(run, &list, piece);
		}
		if (r != 0) {
			return r;
		}
		if (at == EXPR_NOT_FOUND) {
			return expr_list_array(run, &list, out);
		}
		text = slice_make(text.p + at + by.n, text.n - at - by.n);
	}
}

/* ---- $indexOfBytes, $indexOfCP ---- */

static int bound_arg(const struct doc_expr *e, unsigned i, struct expr_run *run, size_t *n)
{
	int32_t whole;
	int r;

	if (i >= e->n) {
		return 0;
	}
	r = whole_arg(e, i, run, &whole);
	if (r == 0 && whole < 0) {
		r = err_set(run->err, EINVAL, "%s requires a nonnegative %s index, found: %d",
			e->op->name, i == 2 ? "starting" : "ending", whole);
	}
	if (r == 0) {
		*n = (size_t)whole;
	}
	return r;
}

static int index_of(
	const struct doc_expr *e, struct expr_run *run, bool characters, struct doc_value *out)
{
	struct slice text = {"", 0};
	struct slice part = {NULL, 0};
	size_t start = 0;
	size_t end = SIZE_MAX;
	size_t found;
	bool is;
	int r = string_arg(e, 0, run, &text, &is, out);

	if (r != 0 || !is) {
		return r;
	}
	r = string_arg(e, 1, run, &part, &is, out);
	if (r == 0 && !is) {
		r = err_set(run->err, EINVAL, "%s requires a string as the second argument",
			e->op->name);
	}
	if (r == 0) {
		r = bound_arg(e, 2, run, &start);
	}
	if (r == 0) {
		r = bound_arg(e, 3, run, &end);
	}
	if (r != 0) {
		return r;
	}
	if (start > (characters ? expr_text_count(text) : text.n)) {
		return expr_int32(run, -1, out);
	}
	if (characters) {
		start = expr_text_offset(text, start);
		end = end == SIZE_MAX ? text.n : expr_text_offset(text, end);
	}
	end = end < text.n ? end : text.n;
	if (start > end) {
		return expr_int32(run, -1, out);
	}
	found = expr_text_find(slice_make(text.p + start, end - start), part);
	if (found == EXPR_NOT_FOUND) {
		return expr_int32(run, -1, out);
	}
	found += start;
	return expr_integer(run,
		(int64_t)(characters ? expr_text_count(slice_make(text.p, found)) : found), out);
}

static int eval_index_of_bytes(
	const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return index_of(e, run, false, out);
}

static int eval_index_of_cp(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return index_of(e, run, true, out);
}

/* ---- $replaceOne, $replaceAll ---- */

static const char *const replace_options[] = {"!input", "!find", "!replacement", NULL};

static size_t count_finds(struct slice text, struct slice part, size_t most)
{
	size_t n = 0;

	while (n < most) {
		size_t at = expr_text_find(text, part);
		if (at == EXPR_NOT_FOUND) {
			break;
		}
		n++;
		at += part.n;
		text = slice_make(text.p + at, text.n - at);
		if (part.n == 0) {
			break;
		}
	}
	return n;
}

static int replace(struct expr_run *run, struct slice text, struct slice part, struct slice by,
	size_t most, struct doc_value *out)
{
	size_t n = count_finds(text, part, most);
	char *p;
	int r = expr_string_room(run, text.n - n * part.n + n * by.n, &p, out);

	if (r != 0) {
		return r;
	}
	for (; n > 0; n--) {
		size_t at = expr_text_find(text, part);
		memcpy(p, text.p, at);
		memcpy(p + at, by.p, by.n);
		p += at + by.n;
		at += part.n;
		text = slice_make(text.p + at, text.n - at);
	}
	memcpy(p, text.p, text.n);
	return 0;
}

static int replace_up_to(
	const struct doc_expr *e, struct expr_run *run, size_t most, struct doc_value *out)
{
	struct slice part[3] = {{NULL, 0}};
	bool null = false;
	bool is;

	for (unsigned i = 0; i < 3; i++) {
		int r = string_arg(e, i, run, &part[i], &is, out);
		if (r != 0) {
			return r;
		}
		null = null || !is;
	}
	return null ? expr_null(out) : replace(run, part[0], part[1], part[2], most, out);
}

static int eval_replace_one(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return replace_up_to(e, run, 1, out);
}

static int eval_replace_all(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return replace_up_to(e, run, SIZE_MAX, out);
}

const struct expr_op expr_string_ops[] = {
	{.name = "$concat", .fn = eval_concat, .max = -1},
	{.name = "$toLower", .fn = eval_to_lower, .min = 1, .max = 1},
	{.name = "$toUpper", .fn = eval_to_upper, .min = 1, .max = 1},
	{.name = "$strcasecmp", .fn = eval_strcasecmp, .min = 2, .max = 2},
	{.name = "$strLenBytes", .fn = eval_str_len_bytes, .min = 1, .max = 1},
	{.name = "$strLenCP", .fn = eval_str_len_cp, .min = 1, .max = 1},
	{.name = "$substr", .fn = eval_substr_bytes, .min = 3, .max = 3},
	{.name = "$substrBytes", .fn = eval_substr_bytes, .min = 3, .max = 3},
	{.name = "$substrCP", .fn = eval_substr_cp, .min = 3, .max = 3},
	{.name = "$split", .fn = eval_split, .min = 2, .max = 2},
	{.name = "$indexOfBytes", .fn = eval_index_of_bytes, .min = 2, .max = 4},
	{.name = "$indexOfCP", .fn = eval_index_of_cp, .min = 2, .max = 4},
	{.name = "$replaceOne", .fn = eval_replace_one, .options = replace_options},
	{.name = "$replaceAll", .fn = eval_replace_all, .options = replace_options},
	{0},
};
