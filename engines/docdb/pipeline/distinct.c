/* The command distinct: each value that a path leads to, once; of arrays their elements. */
#include <errno.h>
#include <stdlib.h>

#include "engines/docdb/pipeline/accumulators.h"
#include "engines/docdb/pipeline/pipeline_impl.h"

struct distinct_stage {
	struct stage base;
	struct buf field;
};

struct distinct_cursor {
	struct stage_cursor c;
	union acc_state values; /* of $addToSet */
	const struct acc_op *op;
	struct err *err; /* while a document's values are taken */
	int failed;
	bool done;
};

static const struct stage_ops distinct_ops;

static void free_distinct(struct stage *s)
{
	buf_free(&((struct distinct_stage *)s)->field);
}

int stage_add_distinct(struct pipeline *p, struct slice field, struct err *err)
{
	struct stage *s;
	int r = pipeline_add(
		p, &distinct_ops, sizeof(struct distinct_stage), doc_make_null(), &s, err);

	if (r != 0) {
		return r;
	}
	buf_append_slice(&((struct distinct_stage *)s)->field, field);
	return buf_check(&((struct distinct_stage *)s)->field, err);
}

static int take(void *arg, struct doc_value v, bool through_array)
{
	struct distinct_cursor *c = arg;
	struct doc_iter it;
	struct slice name;
	struct doc_value element;

	(void)through_array;
	if (v.type != BSON_TYPE_ARRAY) {
		c->failed = c->op->add(&c->values, v, c->err);
		return c->failed;
	}
	doc_iter_init(&it, v.raw);
	while (c->failed == 0 && doc_next(&it, &name, &element)) {
		c->failed = c->op->add(&c->values, element, c->err);
	}
	return c->failed;
}

static int next_distinct(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct distinct_cursor *c = (struct distinct_cursor *)base;
	const struct distinct_stage *s = (const struct distinct_stage *)c->c.stage;
	struct doc_value v;
	size_t start;
	int r;

	if (c->done) {
		return 0;
	}
	c->done = true;
	c->err = err;
	while ((r = stage_next(&c->c, document, err)) == 1) {
		doc_path_each(*document, buf_slice(&s->field), take, c);
		if (c->failed != 0) {
			return c->failed;
		}
	}
	if (r == 0) {
		r = c->op->finish(&c->values, c->c.arena, &v, err);
	}
	if (r != 0) {
		return r;
	}
	start = doc_begin(&c->c.out);
	doc_put(&c->c.out, slice_of("values"), v);
	doc_end(&c->c.out, start);
	return stage_give(&c->c, document, err);
}

static void finish_distinct(struct stage_cursor *base)
{
	struct distinct_cursor *c = (struct distinct_cursor *)base;

	c->op->free(&c->values);
}

static int open_distinct(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	struct stage_cursor *c;
	const struct acc_op *op = acc_ops;
	int r = stage_cursor_new(
		sizeof(struct distinct_cursor), s, run, source, next_distinct, &c, err);

	if (r != 0) {
		return r;
	}
	while (strcmp(op->name, "$addToSet") != 0) {
		op++;
	}
	((struct distinct_cursor *)c)->op = op;
	c->finish = finish_distinct;
	*out = &c->base;
	return 0;
}

static const struct stage_ops distinct_ops = {
	.name = "distinct", .open = open_distinct, .free = free_distinct};
