/* $regexMatch $regexFind $regexFindAll. A pattern that is the same for every document is compiled
 * once, with the expression. */
#define PCRE2_CODE_UNIT_WIDTH 8

#include "engines/docdb/expr/expr_impl.h"

#include <errno.h>
#include <pcre2.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/expr/expr_text.h"

static const char *const regex_options[] = {"!input", "!regex", "options", NULL};

/* What a pattern may cost before it is given up, as a filter has it. */
#define MATCH_LIMIT 1000000
#define HEAP_LIMIT  20000 /* KiB */

static void free_code(void *code)
{
	pcre2_code_free(code);
}

static void cleanup_code(pcre2_code **code)
{
	pcre2_code_free(*code);
}

static void cleanup_match(pcre2_match_data **match)
{
	pcre2_match_data_free(*match);
}

static void cleanup_context(pcre2_match_context **context)
{
	pcre2_match_context_free(*context);
}

static int read_flags(struct slice options, uint32_t *flags, struct err *err)
{
	*flags = PCRE2_UTF | PCRE2_NO_UTF_CHECK;
	for (size_t i = 0; i < options.n; i++) {
		switch (options.p[i]) {
		case 'i': *flags |= PCRE2_CASELESS; break;
		case 'm': *flags |= PCRE2_MULTILINE; break;
		case 's': *flags |= PCRE2_DOTALL; break;
		case 'x': *flags |= PCRE2_EXTENDED; break;
		case 'u': break;
		default:
			return err_set(err, EINVAL,
				"invalid flag in regex options: '%c'; i, m, s and x are known",
				options.p[i]);
		}
	}
	return 0;
}

static int compile(struct slice pattern, struct slice options, pcre2_code **out, struct err *err)
{
	uint32_t flags;
	int code = 0;
	PCRE2_SIZE at = 0;
	PCRE2_UCHAR text[120];
	int r = read_flags(options, &flags, err);

	if (r != 0) {
		return r;
	}
	*out = pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n, flags, &code, &at, NULL);
	if (*out == NULL) {
		pcre2_get_error_message(code, text, sizeof(text));
		return err_set(err, EINVAL, "Invalid Regex in %s: %s, at byte %zu of the pattern",
			"the expression", (char *)text, (size_t)at);
	}
	return 0;
}

/* A regular expression as a value: two C strings. */
static void split_regex(struct doc_value v, struct slice *pattern, struct slice *options)
{
	*pattern = slice_make(v.raw.p, strnlen(v.raw.p, v.raw.n));
	*options = slice_make(v.raw.p + pattern->n + 1, v.raw.n - pattern->n - 2);
}

static int compile_values(const char *op, struct doc_value regex, struct doc_value flags,
	pcre2_code **out, struct err *err)
{
	struct slice pattern;
	struct slice options = {"", 0};

	if (regex.type == BSON_TYPE_REGEX) {
		split_regex(regex, &pattern, &options);
		if (options.n > 0 && flags.type == BSON_TYPE_UTF8) {
			return err_set(err, EINVAL,
				"%s: found regex option(s) specified in both 'regex' and 'option' "
				"fields",
				op);
		}
	} else if (regex.type == BSON_TYPE_UTF8) {
		pattern = doc_string(regex);
	} else {
		return err_set(err, EINVAL,
			"%s needs 'regex' to be of type string or regex, not %s", op,
			expr_type_name(regex));
	}
	if (!expr_nullish(flags)) {
		if (flags.type != BSON_TYPE_UTF8) {
			return err_set(err, EINVAL, "%s needs 'options' to be of type string", op);
		}
		options = doc_string(flags);
	}
	return compile(pattern, options, out, err);
}

static int parse_regex(
	struct doc_expr *e, struct doc_value spec, const struct doc_var *scope, struct err *err)
{
	struct doc_value flags = DOC_MISSING;
	pcre2_code *code = NULL;
	int r = expr_parse_options(e, spec, scope, err);

	if (r != 0 || !expr_is_literal(e->args[1]) ||
		(e->args[2] != NULL && !expr_is_literal(e->args[2])) ||
		expr_nullish(expr_literal(e->args[1]))) {
		return r;
	}
	if (e->args[2] != NULL) {
		flags = expr_literal(e->args[2]);
	}
	r = compile_values(e->op->name, expr_literal(e->args[1]), flags, &code, err);
	if (r == 0) {
		e->extra = code;
		e->free_extra = free_code;
	}
	return r;
}

/* ---- matching ---- */

struct search {
	pcre2_code *code;
	pcre2_match_data *match;
	pcre2_match_context *context;
	struct slice text;
};

/* 1, 0, -errno. */
static int search_from(const struct search *s, size_t at, struct expr_run *run)
{
	int r = pcre2_match(s->code, (PCRE2_SPTR)s->text.p, s->text.n, at, PCRE2_NO_UTF_CHECK,
		s->match, s->context);

	if (r == PCRE2_ERROR_NOMATCH) {
		return 0;
	}
	if (r < 0) {
		return err_set(run->err, EINVAL,
			"Error occurred while executing the regular expression; it may need too "
			"many "
			"steps for this text (PCRE2 %d)",
			r);
	}
	return 1;
}

static int captures(const struct search *s, struct expr_run *run, struct doc_value *out)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->match);
	uint32_t n = pcre2_get_ovector_count(s->match);
	struct expr_list list = {0};

	for (uint32_t i = 1; i < n; i++) {
		struct doc_value v = doc_make_null();
		int r = 0;
		if (at[2 * (size_t)i] != PCRE2_UNSET) {
			r = expr_string(run,
				slice_make(s->text.p + at[2 * (size_t)i],
					at[2 * (size_t)i + 1] - at[2 * (size_t)i]),
				&v);
		}
		if (r == 0) {
			r = expr_list_add(run, &list, v);
		}
		if (r != 0) {
			return r;
		}
	}
	return expr_list_array(run, &list, out);
}

/* {match, idx, captures} of what was found. */
static int found_object(const struct search *s, struct expr_run *run, struct doc_value *out)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->match);
	struct expr_member m[3] = {
		{.name = {"match", 5}}, {.name = {"idx", 3}}, {.name = {"captures", 8}}};
	struct expr_members members = {m, 3, 3};
	size_t end = at[1] > at[0] ? at[1] : at[0]; /* \K may turn them around */
	int r = expr_string(run, slice_make(s->text.p + at[0], end - at[0]), &m[0].v);

	if (r == 0) {
		r = expr_integer(
			run, (int64_t)expr_text_count(slice_make(s->text.p, at[0])), &m[1].v);
	}
	if (r == 0) {
		r = captures(s, run, &m[2].v);
	}
	return r != 0 ? r : expr_members_object(run, &members, out);
}

static int find_first(const struct search *s, struct expr_run *run, struct doc_value *out)
{
	int r = search_from(s, 0, run);

	if (r <= 0) {
		return r < 0 ? r : expr_null(out);
	}
	return found_object(s, run, out);
}

static int find_all(const struct search *s, struct expr_run *run, struct doc_value *out)
{
	const PCRE2_SIZE *at = pcre2_get_ovector_pointer(s->match);
	struct expr_list list = {0};
	struct doc_value one;
	size_t from = 0;
	int r;

	while (from <= s->text.n && (r = search_from(s, from, run)) != 0) {
		if (r > 0) {
			r = found_object(s, run, &one);
		}
		if (r == 0) {
			r = expr_list_add(run, &list, one);
		}
		if (r != 0) {
			return r;
		}
		if (at[1] > from) {
			from = at[1];
		} else {
			struct slice rest = slice_make(s->text.p + from, s->text.n - from);
			from += rest.n == 0 ? 1 : expr_text_offset(rest, 1);
		}
	}
	return expr_list_array(run, &list, out);
}

static int test(const struct search *s, struct expr_run *run, struct doc_value *out)
{
	int r = search_from(s, 0, run);

	return r < 0 ? r : expr_bool(run, r == 1, out);
}

typedef int search_fn(const struct search *s, struct expr_run *run, struct doc_value *out);

static int run_search(pcre2_code *code, struct slice text, struct expr_run *run, search_fn *fn,
	struct doc_value *out)
{
	CLEANUP(cleanup_match)
	pcre2_match_data *match = pcre2_match_data_create_from_pattern(code, NULL);
	CLEANUP(cleanup_context) pcre2_match_context *context = pcre2_match_context_create(NULL);
	struct search s = {code, match, context, text};

	if (match == NULL || context == NULL) {
		return err_set(run->err, ENOMEM, "out of memory");
	}
	pcre2_set_match_limit(context, MATCH_LIMIT);
	pcre2_set_heap_limit(context, HEAP_LIMIT);
	return fn(&s, run, out);
}

/* What the operator says where there is no text or no pattern. */
static int no_search(search_fn *fn, struct expr_run *run, struct doc_value *out)
{
	struct expr_list none = {0};

	if (fn == test) {
		return expr_bool(run, false, out);
	}
	return fn == find_all ? expr_list_array(run, &none, out) : expr_null(out);
}

static int regex(
	const struct doc_expr *e, struct expr_run *run, search_fn *fn, struct doc_value *out)
{
	struct doc_value input;
	struct doc_value pattern;
	struct doc_value flags;
	CLEANUP(cleanup_code) pcre2_code *own = NULL;
	int r = expr_arg(e, 0, run, &input);

	if (r == 0) {
		r = expr_arg(e, 1, run, &pattern);
	}
	if (r == 0) {
		r = expr_arg(e, 2, run, &flags);
	}
	if (r != 0) {
		return r;
	}
	if (expr_nullish(input) || expr_nullish(pattern)) {
		return no_search(fn, run, out);
	}
	if (input.type != BSON_TYPE_UTF8) {
		return err_set(
			run->err, EINVAL, "%s needs 'input' to be of type string", e->op->name);
	}
	if (e->extra == NULL) {
		r = compile_values(e->op->name, pattern, flags, &own, run->err);
	}
	return r != 0 ? r
		      : run_search(
				e->extra == NULL ? own : e->extra, doc_string(input), run, fn, out);
}

static int eval_match(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return regex(e, run, test, out);
}

static int eval_find(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return regex(e, run, find_first, out);
}

static int eval_find_all(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	return regex(e, run, find_all, out);
}

const struct expr_op expr_regex_ops[] = {
	{.name = "$regexMatch", .fn = eval_match, .options = regex_options, .parse = parse_regex},
	{.name = "$regexFind", .fn = eval_find, .options = regex_options, .parse = parse_regex},
	{.name = "$regexFindAll",
		.fn = eval_find_all,
		.options = regex_options,
		.parse = parse_regex},
	{0},
};
