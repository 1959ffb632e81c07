/* Stages that look at one document at a time: $match $project $addFields $unset $replaceRoot, and
 * those that only count: $limit $skip $count. */
#include "engines/docdb/pipeline/pipeline_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"

/* ---- $match ---- */

struct match_stage {
	struct stage base;
	struct doc_match *match;
	struct doc_match *lead; /* what of it needs no variables; NULL: nothing, or all of it */
	bool whole;
};

static void free_match(struct stage *s)
{
	struct match_stage *m = (struct match_stage *)s;

	doc_match_free(m->match);
	doc_match_free(m->lead);
}

/* Inside $lookup, where $expr may know variables that the collection does not. */
static int make_lead(struct match_stage *m, struct slice filter)
{
	CLEANUP(buf_free) struct buf rest = BUF_INIT;
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	size_t start = doc_begin(&rest);

	m->whole = true;
	doc_iter_init(&it, filter);
	while (doc_next(&it, &name, &v)) {
		if (slice_is(name, "$expr")) {
			m->whole = false;
		} else {
			doc_put(&rest, name, v);
		}
	}
	doc_end(&rest, start);
	if (buf_check(&rest, NULL) != 0 || doc_match_new(buf_slice(&rest), &m->lead, NULL) != 0) {
		m->whole = false; /* $expr stands deeper */
		m->lead = NULL;
	}
	return 0;
}

int stage_add_match(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	struct stage *s;
	struct match_stage *m;
	int r;

	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL, "the match filter must be an expression in an object");
	}
	r = pipeline_add(p, &stage_match_ops, sizeof(*m), spec, &s, err);
	if (r != 0) {
		return r;
	}
	m = (struct match_stage *)s;
	r = doc_match_new_vars(spec.raw, scope->known, &m->match, err);
	if (r == 0 && scope->known != NULL) {
		return make_lead(m, spec.raw);
	}
	m->whole = true;
	return r;
}

bool stage_is_match(const struct stage *s)
{
	return s->ops == &stage_match_ops;
}

const struct doc_match *stage_match(const struct stage *s)
{
	return ((const struct match_stage *)s)->match;
}

const struct doc_match *stage_match_lead(const struct stage *s, bool *whole)
{
	const struct match_stage *m = (const struct match_stage *)s;

	*whole = m->whole;
	return m->lead == NULL && m->whole ? m->match : m->lead;
}

static int next_match(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct stage_cursor *c = (struct stage_cursor *)base;
	const struct doc_match *match = stage_match(c->stage);
	int r;

	for (;;) {
		r = stage_next(c, document, err);
		if (r != 1) {
			return r;
		}
		struct doc_vars vars = stage_vars(c, *document);
		r = doc_matches_vars(match, &vars, c->arena, err);
		doc_arena_clear(c->arena);
		if (r != 0) {
			return r;
		}
	}
}

static int open_plain(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source,
	int (*next)(struct doc_cursor *c, struct slice *document, struct err *err),
	struct doc_cursor **out, struct err *err)
{
	struct stage_cursor *c;
	int r = stage_cursor_new(sizeof(*c), s, run, source, next, &c, err);

	if (r == 0) {
		*out = &c->base;
	}
	return r;
}

static int open_match(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	return open_plain(s, run, source, next_match, out, err);
}

const struct stage_ops stage_match_ops = {
	.name = "$match", .parse = stage_add_match, .open = open_match, .free = free_match};

/* ---- $project, $unset ---- */

struct project_stage {
	struct stage base;
	struct doc_project *project;
	const struct doc_match *filter;
};

static void free_project(struct stage *s)
{
	doc_project_free(((struct project_stage *)s)->project);
}

static int add_project(struct pipeline *p, const struct doc_var *known, struct doc_value spec,
	bool find, const struct doc_match *filter, struct err *err)
{
	struct stage *s;
	struct project_stage *ps;
	int r = stage_object_arg("$project", spec, err);

	if (r == 0 && !find && doc_is_empty(spec.raw)) {
		r = err_set(err, EINVAL,
			"Invalid $project :: caused by :: projection specification must have at "
			"least "
			"one field");
	}
	if (r == 0) {
		r = pipeline_add(p, &stage_project_ops, sizeof(*ps), spec, &s, err);
	}
	if (r != 0) {
		return r;
	}
	ps = (struct project_stage *)s;
	ps->filter = filter;
	return doc_project_new_vars(spec.raw, find, known, &ps->project, err);
}

static int parse_project(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	return add_project(p, scope->known, spec, false, NULL, err);
}

int stage_add_find_projection(
	struct pipeline *p, struct doc_value spec, const struct doc_match *filter, struct err *err)
{
	return add_project(p, NULL, spec, true, filter, err);
}

static int put_unset(struct buf *out, struct doc_value v, struct err *err)
{
	static const char zero[4];
	struct doc_value no = {BSON_TYPE_INT32, {zero, 4}};

	if (v.type != BSON_TYPE_UTF8 || doc_string(v).n == 0) {
		return err_set(err, EINVAL,
			"$unset specification must be a string or an array containing only "
			"non-empty "
			"string values");
	}
	doc_put(out, doc_string(v), no);
	return 0;
}

/* $unset is the $project that leaves those fields out. */
static int parse_unset(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	CLEANUP(buf_free) struct buf fields = BUF_INIT;
	size_t start = doc_begin(&fields);
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;

	if (spec.type == BSON_TYPE_ARRAY && !doc_is_empty(spec.raw)) {
		doc_iter_init(&it, spec.raw);
		while (r == 0 && doc_next(&it, &name, &v)) {
			r = put_unset(&fields, v, err);
		}
	} else {
		r = put_unset(&fields, spec, err);
	}
	doc_end(&fields, start);
	if (r == 0) {
		r = buf_check(&fields, err);
	}
	return r != 0 ? r
		      : add_project(p, scope->known, doc_value_of(buf_slice(&fields)), false, NULL,
				err);
}

static int next_project(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct stage_cursor *c = (struct stage_cursor *)base;
	const struct project_stage *s = (const struct project_stage *)c->stage;
	int r = stage_next(c, document, err);

	if (r != 1) {
		return r;
	}
	struct doc_vars vars = stage_vars(c, *document);
	buf_clear(&c->out);
	r = doc_project_apply_vars(s->project, &vars, s->filter, c->arena, &c->out, err);
	doc_arena_clear(c->arena);
	return r != 0 ? r : stage_give(c, document, err);
}

static int open_project(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	return open_plain(s, run, source, next_project, out, err);
}

const struct stage_ops stage_project_ops = {
	.name = "$project", .parse = parse_project, .open = open_project, .free = free_project};
const struct stage_ops stage_unset_ops = {.name = "$unset", .parse = parse_unset};

/* ---- $addFields, $set ---- */

struct fields_stage {
	struct stage base;
	struct doc_fields *fields;
};

static void free_fields(struct stage *s)
{
	doc_fields_free(((struct fields_stage *)s)->fields);
}

static int add_fields(struct pipeline *p, const struct stage_ops *ops,
	const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	struct stage *s;
	int r = stage_object_arg(ops->name, spec, err);

	if (r == 0 && doc_is_empty(spec.raw)) {
		r = err_set(err, EINVAL,
			"Invalid %s :: caused by :: specification must have at least one field",
			ops->name);
	}
	if (r == 0) {
		r = pipeline_add(p, ops, sizeof(struct fields_stage), spec, &s, err);
	}
	return r != 0 ? r
		      : doc_fields_new(
				spec.raw, scope->known, &((struct fields_stage *)s)->fields, err);
}

static int parse_add_fields(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	return add_fields(p, &stage_add_fields_ops, scope, spec, err);
}

static int parse_set(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	return add_fields(p, &stage_set_ops, scope, spec, err);
}

static int next_fields(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct stage_cursor *c = (struct stage_cursor *)base;
	int r = stage_next(c, document, err);

	if (r != 1) {
		return r;
	}
	struct doc_vars vars = stage_vars(c, *document);
	buf_clear(&c->out);
	r = doc_fields_apply(
		((const struct fields_stage *)c->stage)->fields, &vars, c->arena, &c->out, err);
	doc_arena_clear(c->arena);
	return r != 0 ? r : stage_give(c, document, err);
}

static int open_fields(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	return open_plain(s, run, source, next_fields, out, err);
}

const struct stage_ops stage_add_fields_ops = {
	.name = "$addFields", .parse = parse_add_fields, .open = open_fields, .free = free_fields};
const struct stage_ops stage_set_ops = {
	.name = "$set", .parse = parse_set, .open = open_fields, .free = free_fields};

/* ---- $replaceRoot, $replaceWith ---- */

struct replace_stage {
	struct stage base;
	struct doc_expr *root;
};

static void free_replace(struct stage *s)
{
	doc_expr_free(((struct replace_stage *)s)->root);
}

static int add_replace(struct pipeline *p, const struct stage_ops *ops,
	const struct stage_scope *scope, struct doc_value spec, struct doc_value root,
	struct err *err)
{
	struct stage *s;
	int r = pipeline_add(p, ops, sizeof(struct replace_stage), spec, &s, err);

	return r != 0 ? r
		      : doc_expr_new(root, scope->known, &((struct replace_stage *)s)->root, err);
}

static int parse_replace_root(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct slice other;
	struct doc_value root;
	struct doc_value more;
	int r = stage_object_arg("$replaceRoot", spec, err);

	if (r != 0) {
		return r;
	}
	doc_iter_init(&it, spec.raw);
	if (!doc_next(&it, &name, &root) || !slice_is(name, "newRoot") ||
		doc_next(&it, &other, &more)) {
		return err_set(err, EINVAL,
			"$replaceRoot takes one member, 'newRoot', which must be an expression");
	}
	return add_replace(p, &stage_replace_root_ops, scope, spec, root, err);
}

static int parse_replace_with(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	return add_replace(p, &stage_replace_with_ops, scope, spec, spec, err);
}

static int next_replace(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct stage_cursor *c = (struct stage_cursor *)base;
	struct doc_value v;
	int r = stage_next(c, document, err);

	if (r != 1) {
		return r;
	}
	struct doc_vars vars = stage_vars(c, *document);
	r = doc_expr_eval(((const struct replace_stage *)c->stage)->root, &vars, c->arena, &v, err);
	if (r == 0 && v.type != BSON_TYPE_DOCUMENT) {
		r = err_set(err, EINVAL,
			"'newRoot' expression must evaluate to an object, but resulting value was "
			"of "
			"type: %s",
			v.type == BSON_TYPE_EOD ? "missing" : doc_type_name(v.type));
	}
	buf_clear(&c->out);
	if (r == 0) {
		buf_append_slice(&c->out, v.raw);
	}
	doc_arena_clear(c->arena);
	return r != 0 ? r : stage_give(c, document, err);
}

static int open_replace(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	return open_plain(s, run, source, next_replace, out, err);
}

const struct stage_ops stage_replace_root_ops = {.name = "$replaceRoot",
	.parse = parse_replace_root,
	.open = open_replace,
	.free = free_replace};
const struct stage_ops stage_replace_with_ops = {.name = "$replaceWith",
	.parse = parse_replace_with,
	.open = open_replace,
	.free = free_replace};
