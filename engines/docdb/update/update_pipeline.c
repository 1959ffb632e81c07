/* Updates that are a pipeline: the stages that make one document of one. */
#include <errno.h>

#include "engines/docdb/update/update_impl.h"

#define SHOWN(s) (int)((s).n < 200 ? (s).n : 200), (s).p

/* ---- parsing ---- */

static int no_memory(struct update_parser *p)
{
	return err_set(p->err, ENOMEM, "out of memory");
}

/* "a" or ["a", "b"] as the projection that leaves them out. */
static int unset_spec(struct update_parser *p, struct doc_value v, struct buf *spec)
{
	struct doc_iter it;
	struct slice index;
	struct doc_value name;
	struct doc_value no = doc_make_bool(p->arena, false);
	size_t at = doc_begin(spec);
	if (v.type == BSON_TYPE_UTF8) {
		doc_put(spec, doc_string(v), no);
	} else if (v.type != BSON_TYPE_ARRAY || doc_is_empty(v.raw)) {
		return err_set(p->err, EINVAL,
			"$unset specification must be a string or an array with at least one "
			"field");
	}
	doc_iter_init(&it, v.type == BSON_TYPE_ARRAY ? v.raw : slice_of(""));
	while (doc_next(&it, &index, &name)) {
		if (name.type != BSON_TYPE_UTF8) {
			return err_set(p->err, EINVAL,
				"$unset specification must be a string or an array containing "
				"only string values");
		}
		doc_put(spec, doc_string(name), no);
	}
	doc_end(spec, at);
	return buf_check(spec, p->err);
}

static int parse_unset(struct update_parser *p, struct doc_value v, struct update_stage *stage)
{
	struct buf spec = BUF_INIT;
	int r = unset_spec(p, v, &spec);
	stage->kind = STAGE_PROJECT;
	/* A name with a NUL in it would not be what was written. */
	if (r == 0 && doc_check(buf_slice(&spec), p->err) < 0) {
		r = -EINVAL;
	}
	r = r < 0 ? r : doc_project_new(buf_slice(&spec), false, &stage->project, p->err);
	buf_free(&spec);
	return r;
}

static int parse_replace(struct update_parser *p, struct doc_value v, struct update_stage *stage)
{
	stage->kind = STAGE_REPLACE;
	return doc_expr_new(v, NULL, &stage->expr, p->err);
}

static int parse_replace_root(
	struct update_parser *p, struct doc_value v, struct update_stage *stage)
{
	struct doc_value root = DOC_MISSING;
	if (v.type == BSON_TYPE_DOCUMENT) {
		root = doc_field(v.raw, slice_of("newRoot"));
	}
	return root.type != BSON_TYPE_EOD
		       ? parse_replace(p, root, stage)
		       : err_set(p->err, EINVAL, "$replaceRoot needs the option newRoot");
}

static int parse_named(
	struct update_parser *p, struct slice name, struct doc_value v, struct update_stage *stage)
{
	bool fields = slice_is(name, "$set") || slice_is(name, "$addFields");
	if ((fields || slice_is(name, "$project")) && v.type != BSON_TYPE_DOCUMENT) {
		return err_set(p->err, EINVAL, "%.*s specification stage must be an object, got %s",
			SHOWN(name), doc_type_name(v.type));
	}
	if (fields) {
		stage->kind = STAGE_FIELDS;
		return doc_fields_new(v.raw, NULL, &stage->fields, p->err);
	}
	if (slice_is(name, "$project")) {
		stage->kind = STAGE_PROJECT;
		return doc_project_new(v.raw, false, &stage->project, p->err);
	}
	if (slice_is(name, "$unset")) {
		return parse_unset(p, v, stage);
	}
	if (slice_is(name, "$replaceWith")) {
		return parse_replace(p, v, stage);
	}
	if (slice_is(name, "$replaceRoot")) {
		return parse_replace_root(p, v, stage);
	}
	return err_set(p->err, EINVAL,
		"%.*s is not allowed to be used within an update; known are $set, $addFields, "
		"$unset, $project, $replaceWith, $replaceRoot",
		SHOWN(name));
}

static int parse_stage(struct update_parser *p, struct doc_value v, struct update_stage **end)
{
	struct doc_iter it;
	struct slice name;
	struct slice second;
	struct doc_value spec;
	struct doc_value other;
	doc_iter_init(&it, v.type == BSON_TYPE_DOCUMENT ? v.raw : slice_of(""));
	if (!doc_next(&it, &name, &spec) || doc_next(&it, &second, &other)) {
		return err_set(p->err, EINVAL,
			"A pipeline stage specification object must contain exactly one field.");
	}
	struct update_stage *stage = doc_arena_alloc(p->arena, sizeof(*stage));
	if (stage == NULL) {
		return no_memory(p);
	}
	*stage = (struct update_stage){0};
	*end = stage;
	return parse_named(p, name, spec, stage);
}

int update_parse_pipeline(struct update_parser *p, struct slice stages)
{
	struct update_stage **end = &p->u->stages;
	struct doc_iter it;
	struct slice index;
	struct doc_value v;
	int r = 0;
	doc_iter_init(&it, stages);
	while (r == 0 && doc_next(&it, &index, &v)) {
		r = parse_stage(p, v, end);
		end = *end != NULL ? &(*end)->next : end;
	}
	return r;
}

void update_pipeline_free(struct doc_update *u)
{
	for (struct update_stage *s = u->stages; s != NULL; s = s->next) {
		doc_fields_free(s->fields);
		doc_project_free(s->project);
		doc_expr_free(s->expr);
	}
}

/* ---- running ---- */

static int replace(struct update_job *j, const struct update_stage *stage,
	const struct doc_vars *vars, struct buf *out)
{
	struct doc_value v;
	int r = doc_expr_eval(stage->expr, vars, j->arena, &v, j->err);
	if (r < 0) {
		return r;
	}
	if (v.type != BSON_TYPE_DOCUMENT) {
		return update_refuse(j,
			"'replacement document' must evaluate to an object, but resulting value "
			"was of type '%s'",
			doc_type_name(v.type));
	}
	buf_append_slice(out, v.raw);
	return 0;
}

static int run_stage(struct update_job *j, const struct update_stage *stage, struct slice document,
	struct buf *out)
{
	struct doc_vars vars = {.document = document, .now_ms = j->now_ms};
	switch (stage->kind) {
	case STAGE_FIELDS: return doc_fields_apply(stage->fields, &vars, j->arena, out, j->err);
	case STAGE_PROJECT:
		return doc_project_apply_vars(stage->project, &vars, NULL, j->arena, out, j->err);
	default: return replace(j, stage, &vars, out);
	}
}

int update_pipeline(struct update_job *j, struct buf *out)
{
	struct buf documents[2] = {BUF_INIT, BUF_INIT};
	struct slice now = j->document;
	unsigned turn = 0;
	int r = 0;
	for (const struct update_stage *s = j->u->stages; r == 0 && s != NULL; s = s->next) {
		struct buf *next = &documents[turn];
		buf_clear(next);
		r = run_stage(j, s, now, next);
		r = r < 0 ? r : buf_check(next, j->err);
		now = buf_slice(next);
		turn = !turn;
	}
	if (r == 0) {
		buf_append_slice(out, now);
	}
	buf_free(&documents[0]);
	buf_free(&documents[1]);
	return r;
}
