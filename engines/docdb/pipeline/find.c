/* Queries as a whole: find, count, distinct and aggregations become pipelines. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/suggest.h"
#include "engines/docdb/pipeline/pipeline_impl.h"

struct doc_query {
	struct pipeline pipeline;
	unsigned levels;
};

/* What of a command has no effect here on what the result is. */
static const char *const without_effect[] = {"comment", "batchSize", "cursor", "allowDiskUse",
	"maxTimeMS", "hint", "readConcern", "$db", NULL};

static const char *const find_members[] = {
	"find", "filter", "sort", "projection", "skip", "limit", NULL};
static const char *const count_members[] = {"count", "query", "skip", "limit", NULL};
static const char *const distinct_members[] = {"distinct", "key", "query", NULL};
static const char *const aggregate_members[] = {"aggregate", "pipeline", NULL};

static bool is_one_of(const char *const *words, struct slice name)
{
	while (*words != NULL && !slice_is(name, *words)) {
		words++;
	}
	return *words != NULL;
}

static const char *next_member(const void *arg, unsigned i)
{
	const char *const *words = arg;

	return words[i];
}

static int check_members(
	struct slice spec, const char *command, const char *const *members, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	const char *near;

	doc_iter_init(&it, spec);
	while (doc_next(&it, &name, &v)) {
		if (is_one_of(members, name) || is_one_of(without_effect, name)) {
			continue;
		}
		buf_append_slice(&text, slice_make(name.p, name.n < 64 ? name.n : 64));
		near = suggest(buf_cstr(&text), next_member, members);
		if (near != NULL) {
			return err_set(err, EINVAL,
				"'%s' is an unknown field of a %s; did you mean '%s'?",
				buf_cstr(&text), command, near);
		}
		buf_putc(&text, '\0');
		return err_set(err, EINVAL,
			"'%s' is an unknown field of a %s; known are: filter, sort, projection, "
			"skip, "
			"limit for a find; pipeline; distinct, query; count, query",
			text.p, command);
	}
	return 0;
}

/* Absent, or null, is as good as `otherwise`. */
static int number_member(struct slice spec, const char *name, int64_t *out, struct err *err)
{
	struct doc_value v = doc_field(spec, slice_of(name));

	*out = 0;
	if (v.type == BSON_TYPE_EOD || v.type == BSON_TYPE_NULL) {
		return 0;
	}
	if (!doc_is_number(v) || !doc_as_int64(v, out) || *out < 0) {
		return err_set(err, EINVAL, "'%s' must be a whole number, 0 or more", name);
	}
	return 0;
}

static int object_member(
	struct slice spec, const char *name, struct doc_value *out, struct err *err)
{
	*out = doc_field(spec, slice_of(name));
	if (out->type == BSON_TYPE_NULL ||
		(out->type == BSON_TYPE_DOCUMENT && doc_is_empty(out->raw))) {
		*out = DOC_MISSING;
	}
	if (out->type != BSON_TYPE_EOD && out->type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL, "'%s' must be an object, not %s", name,
			doc_type_name(out->type));
	}
	return 0;
}

static int add_skip_and_limit(struct pipeline *p, struct slice spec, struct err *err)
{
	int64_t n;
	int r = number_member(spec, "skip", &n, err);

	if (r == 0 && n > 0) {
		r = stage_add_skip(p, n, err);
	}
	if (r == 0) {
		r = number_member(spec, "limit", &n, err);
	}
	if (r == 0 && n > 0) {
		r = stage_add_limit(p, n, err);
	}
	return r;
}

static int add_filter(struct pipeline *p, const struct stage_scope *scope, struct slice spec,
	const char *name, struct err *err)
{
	struct doc_value v;
	int r = object_member(spec, name, &v, err);

	return r != 0 || v.type == BSON_TYPE_EOD ? r : stage_add_match(p, scope, v, err);
}

static int parse_find(
	struct pipeline *p, const struct stage_scope *scope, struct slice spec, struct err *err)
{
	struct doc_value v;
	int r = check_members(spec, "find", find_members, err);

	if (r == 0) {
		r = add_filter(p, scope, spec, "filter", err);
	}
	if (r == 0) {
		r = object_member(spec, "sort", &v, err);
	}
	if (r == 0 && v.type != BSON_TYPE_EOD) {
		r = stage_add_sort(p, scope, v, err);
	}
	if (r == 0) {
		r = add_skip_and_limit(p, spec, err);
	}
	if (r == 0) {
		r = object_member(spec, "projection", &v, err);
	}
	if (r == 0 && v.type != BSON_TYPE_EOD) {
		r = stage_add_find_projection(p, v,
			p->n > 0 && stage_is_match(p->stages[0]) ? stage_match(p->stages[0]) : NULL,
			err);
	}
	return r;
}

static int parse_count(
	struct pipeline *p, const struct stage_scope *scope, struct slice spec, struct err *err)
{
	int r = check_members(spec, "count", count_members, err);

	if (r == 0) {
		r = add_filter(p, scope, spec, "query", err);
	}
	if (r == 0) {
		r = add_skip_and_limit(p, spec, err);
	}
	return r != 0 ? r : stage_add_count_command(p, err);
}

/* {"distinct": <field>, "query"}, or as the service's command with the field in "key". */
static int parse_distinct(
	struct pipeline *p, const struct stage_scope *scope, struct slice spec, struct err *err)
{
	struct doc_value field = doc_field(spec, slice_of("key"));
	int r = check_members(spec, "distinct", distinct_members, err);

	if (field.type == BSON_TYPE_EOD) {
		field = doc_field(spec, slice_of("distinct"));
	}
	if (r == 0 && (field.type != BSON_TYPE_UTF8 || doc_string(field).n == 0)) {
		r = err_set(err, EINVAL, "'distinct' must be a field's path, a non-empty string");
	}
	if (r == 0) {
		r = add_filter(p, scope, spec, "query", err);
	}
	return r != 0 ? r : stage_add_distinct(p, doc_string(field), err);
}

static int parse_aggregate(
	struct pipeline *p, const struct stage_scope *scope, struct slice spec, struct err *err)
{
	int r = check_members(spec, "aggregation", aggregate_members, err);

	return r != 0 ? r : pipeline_parse(p, scope, doc_field(spec, slice_of("pipeline")), err);
}

static int parse_query(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	if (spec.type == BSON_TYPE_ARRAY) {
		return pipeline_parse(p, scope, spec, err);
	}
	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL,
			"a query is an object ({\"filter\": ..}) or an array of stages, not %s",
			spec.type == BSON_TYPE_EOD ? "missing" : doc_type_name(spec.type));
	}
	if (doc_field(spec.raw, slice_of("pipeline")).type != BSON_TYPE_EOD ||
		doc_field(spec.raw, slice_of("aggregate")).type != BSON_TYPE_EOD) {
		return parse_aggregate(p, scope, spec.raw, err);
	}
	if (doc_field(spec.raw, slice_of("distinct")).type != BSON_TYPE_EOD) {
		return parse_distinct(p, scope, spec.raw, err);
	}
	if (doc_field(spec.raw, slice_of("count")).type != BSON_TYPE_EOD) {
		return parse_count(p, scope, spec.raw, err);
	}
	return parse_find(p, scope, spec.raw, err);
}

int doc_query_new(struct doc_value spec, struct doc_query **out, struct err *err)
{
	struct doc_query *q = calloc(1, sizeof(*q));
	struct stage_scope scope = {0};
	int r;

	if (q == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	scope.levels = &q->levels;
	r = parse_query(&q->pipeline, &scope, spec, err);
	if (r != 0) {
		doc_query_free(q);
		return r;
	}
	pipeline_limit_sorts(&q->pipeline);
	*out = q;
	return 0;
}

void doc_query_free(struct doc_query *q)
{
	if (q != NULL) {
		pipeline_finish(&q->pipeline);
		free(q);
	}
}

/* ---- running ---- */

/* Owns what the cursors of a run share. */
struct query_cursor {
	struct doc_cursor base;
	struct pipeline_run run;
	struct doc_cursor *source;
};

static int next_result(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct query_cursor *c = (struct query_cursor *)base;

	return c->source->next(c->source, document, err);
}

static void close_query(struct doc_cursor *base)
{
	struct query_cursor *c = (struct query_cursor *)base;

	doc_cursor_close(c->source);
	free(c);
}

int doc_query_run(const struct doc_query *q, const struct doc_reach *reach, struct doc_cursor **out,
	struct err *err)
{
	struct query_cursor *c = calloc(1, sizeof(*c));
	int r;

	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	c->base = (struct doc_cursor){next_result, close_query};
	c->run.reach = *reach;
	r = pipeline_open(&q->pipeline, &c->run, slice_make("", 0), &c->source, err);
	if (r != 0) {
		free(c);
		return r;
	}
	*out = &c->base;
	return 0;
}

int doc_query_explain(
	const struct doc_query *q, const struct doc_reach *reach, struct buf *out, struct err *err)
{
	struct pipeline_run run = {.reach = *reach};

	return pipeline_explain(&q->pipeline, &run, slice_make("", 0), out, err);
}
