/* Pipelines: compiling stages, chaining their cursors, what the collection is asked. */
#include "engines/docdb/pipeline/pipeline_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/suggest.h"

static const struct stage_ops *const known_stages[] = {&stage_match_ops, &stage_project_ops,
	&stage_add_fields_ops, &stage_set_ops, &stage_unset_ops, &stage_group_ops, &stage_sort_ops,
	&stage_limit_ops, &stage_skip_ops, &stage_unwind_ops, &stage_count_ops, &stage_lookup_ops,
	&stage_replace_root_ops, &stage_replace_with_ops, &stage_sort_by_count_ops,
	&stage_sample_ops, &stage_facet_ops, &stage_bucket_ops, &stage_union_ops};

#define N_STAGES (sizeof(known_stages) / sizeof(known_stages[0]))

/* ---- compiling ---- */

void pipeline_finish(struct pipeline *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		struct stage *s = p->stages[i];
		if (s->ops->free != NULL) {
			s->ops->free(s);
		}
		buf_free(&s->spec);
		free(s);
	}
	free((void *)p->stages);
	*p = (struct pipeline){0};
}

int pipeline_add(struct pipeline *p, const struct stage_ops *ops, size_t size,
	struct doc_value spec, struct stage **out, struct err *err)
{
	struct stage **more =
		(struct stage **)realloc((void *)p->stages, (p->n + 1) * sizeof(struct stage *));
	struct stage *s;
	size_t start;

	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	p->stages = more;
	s = calloc(1, size);
	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->ops = ops;
	start = doc_begin(&s->spec);
	doc_put(&s->spec, slice_of(ops->name), spec);
	doc_end(&s->spec, start);
	p->stages[p->n++] = s;
	*out = s;
	return buf_check(&s->spec, err);
}

static const char *next_stage(const void *arg, unsigned i)
{
	(void)arg;
	return i < N_STAGES ? known_stages[i]->name : NULL;
}

static int refuse_unknown(struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	const char *near;

	buf_append_slice(&text, slice_make(name.p, name.n < 64 ? name.n : 64));
	near = suggest(buf_cstr(&text), next_stage, NULL);
	if (near != NULL) {
		return err_set(err, EINVAL,
			"Unrecognized pipeline stage name: '%s'; did you mean '%s'?",
			buf_cstr(&text), near);
	}
	return err_set(err, EINVAL, "Unrecognized pipeline stage name: '%s'", buf_cstr(&text));
}

/* How many levels a value has; documents have been checked, so it ends. */
static unsigned levels(struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value member;
	unsigned deepest = 0;

	if (v.type != BSON_TYPE_DOCUMENT && v.type != BSON_TYPE_ARRAY) {
		return 0;
	}
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &member)) {
		unsigned n = levels(member);
		deepest = n > deepest ? n : deepest;
	}
	return deepest + 1;
}

int pipeline_add_parsed(struct pipeline *p, const struct stage_scope *scope,
	const struct stage_ops *ops, struct doc_value spec, struct err *err)
{
	*scope->levels += levels(spec) + 2;
	if (*scope->levels > PIPELINE_LEVELS_MAX || p->n >= PIPELINE_STAGES_MAX) {
		return err_set(err, EINVAL,
			"Pipeline length must be no longer than %d stages, and what it nests no "
			"more "
			"than %d levels",
			PIPELINE_STAGES_MAX, PIPELINE_LEVELS_MAX);
	}
	return ops->parse(p, scope, spec, err);
}

static int parse_stage(struct pipeline *p, const struct stage_scope *scope, struct doc_value stage,
	struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct slice other;
	struct doc_value spec;
	struct doc_value more;

	if (stage.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL,
			"Each element of the 'pipeline' array must be an object, not %s",
			doc_type_name(stage.type));
	}
	doc_iter_init(&it, stage.raw);
	if (!doc_next(&it, &name, &spec) || doc_next(&it, &other, &more)) {
		return err_set(err, EINVAL,
			"A pipeline stage specification object must contain exactly one field.");
	}
	for (size_t i = 0; i < N_STAGES; i++) {
		if (slice_is(name, known_stages[i]->name)) {
			int r = pipeline_add_parsed(p, scope, known_stages[i], spec, err);
			/* Most messages begin with the stage's name or an operator's. */
			return r == -EINVAL ? err_wrap(err, "stage %s", known_stages[i]->name) : r;
		}
	}
	return refuse_unknown(name, err);
}

int pipeline_parse(struct pipeline *p, const struct stage_scope *scope, struct doc_value stages,
	struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;

	if (stages.type != BSON_TYPE_ARRAY) {
		return err_set(err, EINVAL, "'pipeline' must be an array of stages, not %s",
			stages.type == BSON_TYPE_EOD ? "missing" : doc_type_name(stages.type));
	}
	doc_iter_init(&it, stages.raw);
	while (r == 0 && doc_next(&it, &name, &v)) {
		r = parse_stage(p, scope, v, err);
	}
	if (r == 0) {
		pipeline_limit_sorts(p);
	}
	return r;
}

void pipeline_limit_sorts(struct pipeline *p)
{
	for (unsigned i = 0; i < p->n; i++) {
		int64_t skipped = 0;
		int64_t n;
		unsigned k = i + 1;
		if (!stage_is_sort(p->stages[i])) {
			continue;
		}
		while (k < p->n && stage_is_skip(p->stages[k], &n)) {
			skipped =
				__builtin_add_overflow(skipped, n, &skipped) ? INT64_MAX : skipped;
			k++;
		}
		if (k < p->n && stage_is_limit(p->stages[k], &n) &&
			!__builtin_add_overflow(skipped, n, &n)) {
			stage_sort_limit(p->stages[i], (uint64_t)n);
		}
	}
}

int stage_count_arg(
	const char *name, struct doc_value v, int64_t min, int64_t *out, struct err *err)
{
	if (!doc_is_number(v)) {
		return err_set(err, EINVAL,
			"invalid argument to %s stage: Expected a number, not %s", name,
			doc_type_name(v.type));
	}
	if (!doc_as_int64(v, out)) {
		return err_set(err, EINVAL,
			"invalid argument to %s stage: Expected a whole number of 64 bits", name);
	}
	if (*out < min) {
		return err_set(err, EINVAL,
			min == 1 ? "invalid argument to %s stage: the number must be positive"
				 : "invalid argument to %s stage: Expected a non-negative number",
			name);
	}
	return 0;
}

int stage_object_arg(const char *name, struct doc_value v, struct err *err)
{
	return v.type == BSON_TYPE_DOCUMENT
		       ? 0
		       : err_set(err, EINVAL, "the %s specification must be an object, not %s",
				 name, doc_type_name(v.type));
}

/* ---- cursors ---- */

void doc_cursor_close(struct doc_cursor *c)
{
	if (c != NULL) {
		c->close(c);
	}
}

static void close_stage(struct doc_cursor *base)
{
	struct stage_cursor *c = (struct stage_cursor *)base;

	if (c->finish != NULL) {
		c->finish(c);
	}
	doc_cursor_close(c->source);
	doc_arena_free(c->arena);
	buf_free(&c->out);
	free(c);
}

int stage_cursor_new(size_t size, const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source,
	int (*next)(struct doc_cursor *c, struct slice *document, struct err *err),
	struct stage_cursor **out, struct err *err)
{
	struct stage_cursor *c = calloc(1, size);
	struct doc_arena *arena = doc_arena_new();

	if (c == NULL || arena == NULL) {
		free(c);
		doc_arena_free(arena);
		doc_cursor_close(source);
		return err_set(err, ENOMEM, "out of memory");
	}
	c->base = (struct doc_cursor){.next = next, .close = close_stage};
	c->source = source;
	c->stage = s;
	c->run = run;
	c->arena = arena;
	*out = c;
	return 0;
}

int stage_next(struct stage_cursor *c, struct slice *document, struct err *err)
{
	return c->source->next(c->source, document, err);
}

struct doc_vars stage_vars(const struct stage_cursor *c, struct slice document)
{
	return (struct doc_vars){document, c->run->reach.now_ms, c->run->more};
}

int stage_give(struct stage_cursor *c, struct slice *document, struct err *err)
{
	int r = buf_check(&c->out, err);

	if (r != 0) {
		return r;
	}
	if (c->out.n > DOC_BYTES_MAX) {
		return err_set(err, EFBIG,
			"BSONObjectTooLarge: %s makes a document of %zu bytes; the maximum is %d",
			c->stage->ops->name, c->out.n, DOC_BYTES_MAX);
	}
	*document = buf_slice(&c->out);
	return 1;
}

/* ---- running ---- */

int pipeline_open_over(const struct pipeline *p, unsigned first, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	for (unsigned i = first; i < p->n; i++) {
		const struct stage *s = p->stages[i];
		struct doc_cursor *next = NULL;
		int r = s->ops->open(s, run, source, &next, err);
		if (r != 0) {
			return r;
		}
		source = next;
	}
	*out = source;
	return 0;
}

struct pipeline_lead pipeline_lead(const struct pipeline *p)
{
	struct pipeline_lead lead = {0};
	bool whole = true;

	if (p->n > 0 && stage_is_match(p->stages[0])) {
		lead.match = stage_match_lead(p->stages[0], &whole);
		lead.done = whole ? 1 : 0;
	}
	lead.done_sorted = lead.done;
	if (lead.done < p->n && stage_is_sort(p->stages[lead.done])) {
		lead.sort = stage_sort_spec(p->stages[lead.done]);
		lead.done_sorted = lead.done + 1;
	}
	return lead;
}

/* One document that has been made. */
struct one_cursor {
	struct stage_cursor c;
	bool given;
};

static int next_one(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct one_cursor *one = (struct one_cursor *)base;

	if (one->given || one->c.out.n == 0) {
		return 0;
	}
	one->given = true;
	return stage_give(&one->c, document, err);
}

/* Where the number of documents is all that is asked: 1 if it was known. */
static int open_count(const struct pipeline *p, const struct pipeline_run *run,
	struct slice collection, struct doc_cursor **out, struct err *err)
{
	struct stage_cursor *c = NULL;
	const struct stage *s = p->n == 0 ? NULL : p->stages[0];
	int64_t n;
	int r;

	if (s == NULL || s->ops->of_count == NULL || run->reach.count == NULL) {
		return 0;
	}
	r = stage_cursor_new(sizeof(struct one_cursor), s, run, NULL, next_one, &c, err);
	if (r != 0) {
		return r;
	}
	if (!s->ops->of_count(s, 0, &c->out)) {
		doc_cursor_close(&c->base);
		return 0;
	}
	n = run->reach.count(run->reach.arg, collection);
	buf_clear(&c->out);
	if (n < 0) {
		doc_cursor_close(&c->base);
		return 0;
	}
	s->ops->of_count(s, n, &c->out);
	r = pipeline_open_over(p, 1, run, &c->base, out, err);
	return r != 0 ? r : 1;
}

int pipeline_open(const struct pipeline *p, const struct pipeline_run *run, struct slice collection,
	struct doc_cursor **out, struct err *err)
{
	struct pipeline_lead lead = pipeline_lead(p);
	struct doc_cursor *source = NULL;
	bool sorted = false;
	int r = open_count(p, run, collection, out, err);

	if (r != 0) {
		return r < 0 ? r : 0;
	}
	r = run->reach.find(
		run->reach.arg, collection, lead.match, lead.sort, &sorted, &source, err);
	if (r != 0) {
		return r;
	}
	return pipeline_open_over(p, sorted ? lead.done_sorted : lead.done, run, source, out, err);
}
