/* Stages that count documents: $limit $skip $count, and the commands count and distinct. */
#include "engines/docdb/pipeline/pipeline_impl.h"

#include <errno.h>
#include <stdlib.h>

/* ---- $limit, $skip ---- */

struct number_stage {
	struct stage base;
	int64_t n;
};

struct number_cursor {
	struct stage_cursor c;
	int64_t left;
};

static int add_number(struct pipeline *p, const struct stage_ops *ops, int64_t n, struct err *err)
{
	int64_t le = BSON_UINT64_TO_LE(n);
	struct doc_value v = {BSON_TYPE_INT64, slice_make(&le, sizeof(le))};
	struct stage *s;
	int r = pipeline_add(p, ops, sizeof(struct number_stage), v, &s, err);

	if (r == 0) {
		((struct number_stage *)s)->n = n;
	}
	return r;
}

int stage_add_limit(struct pipeline *p, int64_t n, struct err *err)
{
	return add_number(p, &stage_limit_ops, n, err);
}

int stage_add_skip(struct pipeline *p, int64_t n, struct err *err)
{
	return add_number(p, &stage_skip_ops, n, err);
}

static int parse_limit(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	int64_t n;
	int r = stage_count_arg("$limit", spec, 1, &n, err);

	(void)scope;
	return r != 0 ? r : stage_add_limit(p, n, err);
}

static int parse_skip(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	int64_t n;
	int r = stage_count_arg("$skip", spec, 0, &n, err);

	(void)scope;
	return r != 0 ? r : stage_add_skip(p, n, err);
}

static bool is_number(const struct stage *s, const struct stage_ops *ops, int64_t *n)
{
	if (s->ops != ops) {
		return false;
	}
	*n = ((const struct number_stage *)s)->n;
	return true;
}

bool stage_is_limit(const struct stage *s, int64_t *n)
{
	return is_number(s, &stage_limit_ops, n);
}

bool stage_is_skip(const struct stage *s, int64_t *n)
{
	return is_number(s, &stage_skip_ops, n);
}

static int next_limit(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct number_cursor *c = (struct number_cursor *)base;

	if (c->left == 0) {
		return 0;
	}
	c->left--;
	return stage_next(&c->c, document, err);
}

static int next_skip(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct number_cursor *c = (struct number_cursor *)base;
	int r = 1;

	for (; r == 1 && c->left > 0; c->left--) {
		r = stage_next(&c->c, document, err);
	}
	return r != 1 ? r : stage_next(&c->c, document, err);
}

static int open_number(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	struct stage_cursor *c;
	int r = stage_cursor_new(sizeof(struct number_cursor), s, run, source,
		s->ops == &stage_limit_ops ? next_limit : next_skip, &c, err);

	if (r == 0) {
		((struct number_cursor *)c)->left = ((const struct number_stage *)s)->n;
		*out = &c->base;
	}
	return r;
}

const struct stage_ops stage_limit_ops = {
	.name = "$limit", .parse = parse_limit, .open = open_number};
const struct stage_ops stage_skip_ops = {.name = "$skip", .parse = parse_skip, .open = open_number};

/* ---- $count, and the command ---- */

static const struct stage_ops count_command_ops;

struct count_stage {
	struct stage base;
	struct buf field;
};

struct count_cursor {
	struct stage_cursor c;
	bool done;
};

static void free_count(struct stage *s)
{
	buf_free(&((struct count_stage *)s)->field);
}

static int add_count(struct pipeline *p, const struct stage_ops *ops, struct slice field,
	struct doc_value spec, struct err *err)
{
	struct stage *s;
	int r = pipeline_add(p, ops, sizeof(struct count_stage), spec, &s, err);

	if (r != 0) {
		return r;
	}
	buf_append_slice(&((struct count_stage *)s)->field, field);
	return buf_check(&((struct count_stage *)s)->field, err);
}

static int parse_count(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	struct slice field;

	(void)scope;
	if (spec.type != BSON_TYPE_UTF8 || doc_string(spec).n == 0) {
		return err_set(err, EINVAL, "the count field must be a non-empty string");
	}
	field = doc_string(spec);
	if (field.p[0] == '$' || memchr(field.p, '.', field.n) != NULL ||
		memchr(field.p, '\0', field.n) != NULL) {
		return err_set(err, EINVAL,
			"the count field cannot be a $-prefixed path, nor contain '.' or a null "
			"byte");
	}
	return add_count(p, &stage_count_ops, field, spec, err);
}

int stage_add_count_command(struct pipeline *p, struct err *err)
{
	return add_count(p, &count_command_ops, slice_of("n"), doc_make_null(), err);
}

/* int32 as long as it fits, as everywhere. */
static void put_count(struct buf *out, struct slice field, int64_t n)
{
	int64_t wide = BSON_UINT64_TO_LE(n);
	int32_t narrow = BSON_UINT32_TO_LE((int32_t)n);
	struct doc_value v = {BSON_TYPE_INT64, slice_make(&wide, sizeof(wide))};
	size_t start = doc_begin(out);

	if (n <= INT32_MAX) {
		v = (struct doc_value){BSON_TYPE_INT32, slice_make(&narrow, sizeof(narrow))};
	}
	doc_put(out, field, v);
	doc_end(out, start);
}

static bool count_of_count(const struct stage *s, int64_t n, struct buf *out)
{
	if (n > 0 || s->ops == &count_command_ops) {
		put_count(out, buf_slice(&((const struct count_stage *)s)->field), n);
	}
	return true;
}

static int next_count(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct count_cursor *c = (struct count_cursor *)base;
	int64_t n = 0;
	int r;

	if (c->done) {
		return 0;
	}
	c->done = true;
	while ((r = stage_next(&c->c, document, err)) == 1) {
		n++;
	}
	if (r < 0) {
		return r;
	}
	count_of_count(c->c.stage, n, &c->c.out);
	return c->c.out.n == 0 ? 0 : stage_give(&c->c, document, err);
}

static int open_count(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	struct stage_cursor *c;
	int r = stage_cursor_new(sizeof(struct count_cursor), s, run, source, next_count, &c, err);

	if (r == 0) {
		*out = &c->base;
	}
	return r;
}

const struct stage_ops stage_count_ops = {.name = "$count",
	.parse = parse_count,
	.open = open_count,
	.free = free_count,
	.of_count = count_of_count};
static const struct stage_ops count_command_ops = {
	.name = "count", .open = open_count, .free = free_count, .of_count = count_of_count};
