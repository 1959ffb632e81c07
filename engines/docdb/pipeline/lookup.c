/* $lookup: for each document those of another collection, by equal fields, by a pipeline with
 * variables, or both. The other collection is asked anew for each document, so an index on the
 * foreign field serves. */
#include <errno.h>
#include <stdlib.h>

#include "engines/docdb/expr/expr_impl.h"
#include "engines/docdb/pipeline/pipeline_impl.h"

#define LET_MAX 64

struct lookup_stage {
	struct stage base;
	struct buf from, local, foreign;
	struct doc_fields *as; /* sets the result: {<as>: "$$<result>"} */
	struct pipeline pipeline;
	bool has_pipeline;
	struct buf names[LET_MAX];
	struct doc_expr *values[LET_MAX];
	unsigned n_let;
};

struct lookup_cursor {
	struct stage_cursor c;
	struct buf input;  /* the document, which stays while others are read */
	struct buf filter; /* {foreign: ..} */
	struct buf found;  /* the array */
	struct doc_var vars[LET_MAX];
	struct pipeline_run run;
};

/* Sets the field in the way that $addFields has for paths. A name that no user can give. */
static const char result_name[] = "lookup_result ";

static void free_lookup(struct stage *s)
{
	struct lookup_stage *l = (struct lookup_stage *)s;

	buf_free(&l->from);
	buf_free(&l->local);
	buf_free(&l->foreign);
	doc_fields_free(l->as);
	pipeline_finish(&l->pipeline);
	for (unsigned i = 0; i < l->n_let; i++) {
		buf_free(&l->names[i]);
		doc_expr_free(l->values[i]);
	}
}

/* ---- compiling ---- */

static int keep_string(struct buf *out, const char *what, struct doc_value v, struct err *err)
{
	if (v.type != BSON_TYPE_UTF8 || doc_string(v).n == 0) {
		return err_set(
			err, EINVAL, "$lookup argument '%s' must be a non-empty string", what);
	}
	buf_append_slice(out, doc_string(v));
	return buf_check(out, err);
}

static int parse_as(struct lookup_stage *l, struct doc_value v, struct err *err)
{
	struct doc_var known = {.name = slice_of(result_name)};
	struct buf text = BUF_INIT;
	struct buf spec = BUF_INIT;
	size_t start = doc_begin(&spec);
	uint32_t n = BSON_UINT32_TO_LE((uint32_t)sizeof(result_name) + 2);
	int r;

	if (v.type != BSON_TYPE_UTF8 || doc_string(v).n == 0 || doc_string(v).p[0] == '$' ||
		memchr(doc_string(v).p, '\0', doc_string(v).n) != NULL) {
		buf_free(&spec);
		return err_set(err, EINVAL, "$lookup argument 'as' must be a field's path");
	}
	/* A string as BSON has it: its length with the NUL, then the text. */
	buf_append(&text, &n, sizeof(n));
	buf_puts(&text, "$$");
	buf_append(&text, result_name, sizeof(result_name));
	doc_put(&spec, doc_string(v), (struct doc_value){BSON_TYPE_UTF8, buf_slice(&text)});
	doc_end(&spec, start);
	r = buf_check(&spec, err);
	if (r == 0) {
		r = doc_fields_new(buf_slice(&spec), &known, &l->as, err);
	}
	buf_free(&text);
	buf_free(&spec);
	return r;
}

static int parse_let(struct lookup_stage *l, const struct stage_scope *scope, struct doc_value let,
	struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;

	if (let.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL, "$lookup argument 'let' must be an object, not %s",
			doc_type_name(let.type));
	}
	doc_iter_init(&it, let.raw);
	while (r == 0 && doc_next(&it, &name, &v)) {
		if (l->n_let == LET_MAX) {
			return err_set(err, EINVAL, "$lookup's 'let' takes %d variables", LET_MAX);
		}
		buf_append_slice(&l->names[l->n_let], name);
		r = buf_check(&l->names[l->n_let], err);
		l->n_let++;
		r = r != 0 ? r : expr_check_variable(name, err);
		r = r != 0 ? r : doc_expr_new(v, scope->known, &l->values[l->n_let - 1], err);
	}
	return r;
}

static int parse_inner(struct lookup_stage *l, const struct stage_scope *scope,
	struct doc_value stages, struct err *err)
{
	struct doc_var known[LET_MAX];
	struct stage_scope inner = *scope;

	for (unsigned i = 0; i < l->n_let; i++) {
		known[i] = (struct doc_var){.name = buf_slice(&l->names[i]),
			.next = i == 0 ? scope->known : &known[i - 1]};
	}
	if (l->n_let > 0) {
		inner.known = &known[l->n_let - 1];
	}
	inner.nested = false;
	l->has_pipeline = true;
	return pipeline_parse(&l->pipeline, &inner, stages, err);
}

static int parse_option(
	struct lookup_stage *l, struct slice name, struct doc_value v, struct err *err)
{
	if (slice_is(name, "from")) {
		return keep_string(&l->from, "from", v, err);
	}
	if (slice_is(name, "localField")) {
		return keep_string(&l->local, "localField", v, err);
	}
	if (slice_is(name, "foreignField")) {
		return keep_string(&l->foreign, "foreignField", v, err);
	}
	if (slice_is(name, "as")) {
		return parse_as(l, v, err);
	}
	if (slice_is(name, "let") || slice_is(name, "pipeline")) {
		return 0;
	}
	return err_set(err, EINVAL, "unknown argument to $lookup: %.*s",
		(int)(name.n < 100 ? name.n : 100), name.p);
}

static int check_lookup(const struct lookup_stage *l, struct err *err)
{
	if (l->from.n == 0) {
		return err_set(err, EINVAL, "must specify 'from' field for a $lookup");
	}
	if (l->as == NULL) {
		return err_set(err, EINVAL, "must specify 'as' field for a $lookup");
	}
	if ((l->local.n == 0) != (l->foreign.n == 0)) {
		return err_set(err, EINVAL,
			"$lookup requires both or neither of 'localField' and 'foreignField' to be "
			"specified");
	}
	if (!l->has_pipeline && l->local.n == 0) {
		return err_set(err, EINVAL,
			"$lookup requires either 'pipeline' or both 'localField' and "
			"'foreignField' to "
			"be specified");
	}
	return 0;
}

static int parse_lookup(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	struct stage *s;
	struct lookup_stage *l;
	int r = stage_object_arg("$lookup", spec, err);

	if (r == 0) {
		r = pipeline_add(p, &stage_lookup_ops, sizeof(*l), spec, &s, err);
	}
	if (r != 0) {
		return r;
	}
	l = (struct lookup_stage *)s;
	doc_iter_init(&it, spec.raw);
	while (r == 0 && doc_next(&it, &name, &v)) {
		r = parse_option(l, name, v, err);
	}
	v = r == 0 ? doc_field(spec.raw, slice_of("let")) : DOC_MISSING;
	if (v.type != BSON_TYPE_EOD) {
		r = parse_let(l, scope, v, err);
	}
	v = r == 0 ? doc_field(spec.raw, slice_of("pipeline")) : DOC_MISSING;
	if (v.type != BSON_TYPE_EOD) {
		r = parse_inner(l, scope, v, err);
	}
	return r != 0 ? r : check_lookup(l, err);
}

/* ---- what the local field asks for ---- */

struct asked {
	struct buf *out; /* an array of {foreign: {$eq: v}}, under construction */
	struct slice foreign;
	unsigned n;
};

static void ask(struct asked *a, struct doc_value v)
{
	size_t one = doc_put_index_begin(a->out, a->n++, BSON_TYPE_DOCUMENT);
	size_t test = doc_put_begin(a->out, a->foreign, BSON_TYPE_DOCUMENT);

	doc_put(a->out, slice_of("$eq"), v);
	doc_end(a->out, test);
	doc_end(a->out, one);
}

/* An array asks for each of its elements. */
static int ask_value(void *arg, struct doc_value v, bool through_array)
{
	struct asked *a = arg;
	struct doc_iter it;
	struct slice name;
	struct doc_value element;

	(void)through_array;
	if (v.type == BSON_TYPE_ARRAY) {
		doc_iter_init(&it, v.raw);
		while (doc_next(&it, &name, &element)) {
			ask(a, element);
		}
	} else if (v.type != BSON_TYPE_EOD) {
		ask(a, v);
	}
	return 0;
}

/* {$or: [{foreign: {$eq: v}}, ..]}: $in would take regular expressions for patterns. What is
 * missing is null. */
static int make_filter(struct lookup_cursor *c, const struct lookup_stage *l, struct err *err)
{
	struct asked a = {.out = &c->filter, .foreign = buf_slice(&l->foreign)};
	size_t start;
	size_t any;

	buf_clear(&c->filter);
	start = doc_begin(&c->filter);
	any = doc_put_begin(&c->filter, slice_of("$or"), BSON_TYPE_ARRAY);
	doc_path_each(buf_slice(&c->input), buf_slice(&l->local), ask_value, &a);
	if (a.n == 0) {
		ask(&a, doc_make_null());
	}
	doc_end(&c->filter, any);
	doc_end(&c->filter, start);
	if (a.n == 1 && buf_check(&c->filter, err) == 0) {
		/* The one without the $or around it, which plans like better. */
		struct doc_value list = doc_field(buf_slice(&c->filter), slice_of("$or"));
		struct doc_value only = doc_field(list.raw, slice_of("0"));
		memmove(c->filter.p, only.raw.p, only.raw.n);
		c->filter.n = only.raw.n;
	}
	return buf_check(&c->filter, err);
}

/* ---- running ---- */

static int take_found(struct lookup_cursor *c, struct slice document, unsigned *n, struct err *err)
{
	doc_put_index(&c->found, (*n)++, doc_value_of(document));
	if (c->found.n > DOC_BYTES_MAX) {
		return err_set(err, EFBIG,
			"BSONObjectTooLarge: $lookup finds more than %d bytes, the maximum of a "
			"document, for one document",
			DOC_BYTES_MAX);
	}
	return buf_check(&c->found, err);
}

static int take_all(struct lookup_cursor *c, struct doc_cursor *source, struct err *err)
{
	struct slice document;
	unsigned n = 0;
	int r;

	while ((r = source->next(source, &document, err)) == 1) {
		r = take_found(c, document, &n, err);
		if (r != 0) {
			break;
		}
	}
	doc_cursor_close(source);
	return r;
}

/* The variables of `let`, for this document. */
static int bind(struct lookup_cursor *c, const struct lookup_stage *l, struct err *err)
{
	struct doc_vars vars = stage_vars(&c->c, buf_slice(&c->input));
	int r = 0;

	c->run = *c->c.run;
	for (unsigned i = 0; r == 0 && i < l->n_let; i++) {
		c->vars[i].name = buf_slice(&l->names[i]);
		c->vars[i].next = i == 0 ? c->c.run->more : &c->vars[i - 1];
		r = doc_expr_eval(l->values[i], &vars, c->c.arena, &c->vars[i].value, err);
	}
	if (l->n_let > 0) {
		c->run.more = &c->vars[l->n_let - 1];
	}
	return r;
}

static int find_by_fields(struct lookup_cursor *c, const struct lookup_stage *l,
	struct doc_cursor **out, struct err *err)
{
	struct doc_match *match = NULL;
	bool sorted = false;
	int r = doc_match_new(buf_slice(&c->filter), &match, err);

	if (r == 0) {
		r = c->run.reach.find(c->run.reach.arg, buf_slice(&l->from), match,
			slice_make(NULL, 0), &sorted, out, err);
	}
	if (r == 0) {
		r = pipeline_open_over(&l->pipeline, 0, &c->run, *out, out, err);
	}
	if (r == 0) {
		r = take_all(c, *out, err);
	}
	doc_match_free(match);
	return r;
}

static int find_foreign(struct lookup_cursor *c, const struct lookup_stage *l, struct err *err)
{
	struct doc_cursor *source = NULL;
	int r = bind(c, l, err);

	if (r != 0) {
		return r;
	}
	if (l->local.n > 0) {
		r = make_filter(c, l, err);
		return r != 0 ? r : find_by_fields(c, l, &source, err);
	}
	r = pipeline_open(&l->pipeline, &c->run, buf_slice(&l->from), &source, err);
	return r != 0 ? r : take_all(c, source, err);
}

static int next_lookup(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct lookup_cursor *c = (struct lookup_cursor *)base;
	const struct lookup_stage *l = (const struct lookup_stage *)c->c.stage;
	struct doc_var result = {.name = slice_of(result_name)};
	int r = stage_next(&c->c, document, err);

	if (r != 1) {
		return r;
	}
	buf_clear(&c->input);
	buf_append_slice(&c->input, *document);
	buf_clear(&c->found);
	doc_begin(&c->found);
	r = buf_check(&c->input, err);
	if (r == 0) {
		r = find_foreign(c, l, err);
	}
	doc_end(&c->found, 0);
	if (r == 0) {
		r = buf_check(&c->found, err);
	}
	if (r == 0) {
		struct doc_vars vars = {.document = buf_slice(&c->input), .more = &result};
		result.value = (struct doc_value){BSON_TYPE_ARRAY, buf_slice(&c->found)};
		buf_clear(&c->c.out);
		r = doc_fields_apply(l->as, &vars, c->c.arena, &c->c.out, err);
	}
	doc_arena_clear(c->c.arena);
	return r != 0 ? r : stage_give(&c->c, document, err);
}

static void finish_lookup(struct stage_cursor *base)
{
	struct lookup_cursor *c = (struct lookup_cursor *)base;

	buf_free(&c->input);
	buf_free(&c->filter);
	buf_free(&c->found);
}

static int open_lookup(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	struct stage_cursor *c;
	int r = stage_cursor_new(
		sizeof(struct lookup_cursor), s, run, source, next_lookup, &c, err);

	if (r == 0) {
		c->finish = finish_lookup;
		*out = &c->base;
	}
	return r;
}

const struct stage_ops stage_lookup_ops = {
	.name = "$lookup", .parse = parse_lookup, .open = open_lookup, .free = free_lookup};
