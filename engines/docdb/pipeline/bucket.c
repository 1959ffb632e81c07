/* $bucket and $sortByCount: a $group and a $sort that they stand for. */
#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/pipeline/pipeline_impl.h"

/* ---- $sortByCount ---- */

static const char one_bytes[4] = {1, 0, 0, 0};
static const char minus_bytes[4] = {-1, -1, -1, -1};
static const struct doc_value one = {BSON_TYPE_INT32, {one_bytes, 4}};
static const struct doc_value minus_one = {BSON_TYPE_INT32, {minus_bytes, 4}};

/* name: {op: v} */
static void put_op(struct buf *out, const char *name, const char *op, struct doc_value v)
{
	size_t start = doc_put_begin(out, slice_of(name), BSON_TYPE_DOCUMENT);

	doc_put(out, slice_of(op), v);
	doc_end(out, start);
}

static int add_sort_by(struct pipeline *p, const struct stage_scope *scope, const char *field,
	struct doc_value direction, struct err *err)
{
	CLEANUP(buf_free) struct buf sort = BUF_INIT;
	size_t start = doc_begin(&sort);
	int r;

	doc_put(&sort, slice_of(field), direction);
	doc_end(&sort, start);
	r = buf_check(&sort, err);
	return r != 0 ? r : stage_add_sort(p, scope, doc_value_of(buf_slice(&sort)), err);
}

static int parse_sort_by_count(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	CLEANUP(buf_free) struct buf group = BUF_INIT;
	struct doc_iter it;
	struct slice name = {"", 0};
	struct doc_value v;
	size_t start = doc_begin(&group);
	int r;

	if (spec.type == BSON_TYPE_DOCUMENT) {
		doc_iter_init(&it, spec.raw);
		doc_next(&it, &name, &v);
	} else if (spec.type == BSON_TYPE_UTF8) {
		name = doc_string(spec);
	}
	if (name.n == 0 || name.p[0] != '$') {
		return err_set(err, EINVAL,
			"the sortByCount field must be defined as a $-prefixed path or an "
			"expression "
			"inside an object");
	}
	doc_put(&group, slice_of("_id"), spec);
	put_op(&group, "count", "$sum", one);
	doc_end(&group, start);
	r = buf_check(&group, err);
	if (r == 0) {
		r = stage_add_group(p, scope, doc_value_of(buf_slice(&group)), err);
	}
	return r != 0 ? r : add_sort_by(p, scope, "count", minus_one, err);
}

const struct stage_ops stage_sort_by_count_ops = {
	.name = "$sortByCount", .parse = parse_sort_by_count};

/* ---- $bucket ---- */

struct bucket_spec {
	struct doc_value by, boundaries, fallback, output;
};

static int read_bucket(struct slice spec, struct bucket_spec *b, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;

	*b = (struct bucket_spec){0};
	doc_iter_init(&it, spec);
	while (doc_next(&it, &name, &v)) {
		if (slice_is(name, "groupBy")) {
			b->by = v;
		} else if (slice_is(name, "boundaries")) {
			b->boundaries = v;
		} else if (slice_is(name, "default")) {
			b->fallback = v;
		} else if (slice_is(name, "output")) {
			b->output = v;
		} else {
			return err_set(err, EINVAL, "Unrecognized option to $bucket: %.*s.",
				(int)(name.n < 100 ? name.n : 100), name.p);
		}
	}
	if (b->by.type == BSON_TYPE_EOD || b->boundaries.type != BSON_TYPE_ARRAY) {
		return err_set(err, EINVAL,
			"$bucket requires 'groupBy' and 'boundaries' to be specified, 'boundaries' "
			"as "
			"an array.");
	}
	if (b->output.type != BSON_TYPE_EOD && b->output.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL, "The $bucket 'output' field must be an object");
	}
	return 0;
}

/* {case: {$and: [{$gte: [by, low]}, {$lt: [by, high]}]}, then: low} */
static void put_compare(
	struct buf *out, unsigned i, const char *op, struct doc_value by, struct doc_value bound)
{
	size_t test = doc_put_index_begin(out, i, BSON_TYPE_DOCUMENT);
	size_t args = doc_put_begin(out, slice_of(op), BSON_TYPE_ARRAY);
	size_t literal;

	doc_put_index(out, 0, by);
	literal = doc_put_index_begin(out, 1, BSON_TYPE_DOCUMENT);
	doc_put(out, slice_of("$literal"), bound);
	doc_end(out, literal);
	doc_end(out, args);
	doc_end(out, test);
}

static void put_branch(struct buf *out, unsigned i, struct doc_value by, struct doc_value low,
	struct doc_value high)
{
	size_t branch = doc_put_index_begin(out, i, BSON_TYPE_DOCUMENT);
	size_t when = doc_put_begin(out, slice_of("case"), BSON_TYPE_DOCUMENT);
	size_t both = doc_put_begin(out, slice_of("$and"), BSON_TYPE_ARRAY);

	put_compare(out, 0, "$gte", by, low);
	put_compare(out, 1, "$lt", by, high);
	doc_end(out, both);
	doc_end(out, when);
	put_op(out, "then", "$literal", low);
	doc_end(out, branch);
}

static int check_boundary(struct doc_value low, struct doc_value high, struct err *err)
{
	if (doc_bracket(low.type) != doc_bracket(high.type)) {
		return err_set(err, EINVAL,
			"All values in the the 'boundaries' option to $bucket must have the same "
			"type, "
			"found %s and %s",
			doc_type_name(low.type), doc_type_name(high.type));
	}
	if (doc_compare(low, high) >= 0) {
		return err_set(err, EINVAL,
			"The 'boundaries' option to $bucket must be sorted, each value once");
	}
	return 0;
}

static int put_branches(struct buf *out, const struct bucket_spec *b, struct err *err)
{
	size_t start = doc_put_begin(out, slice_of("branches"), BSON_TYPE_ARRAY);
	struct doc_iter it;
	struct slice name;
	struct doc_value low;
	struct doc_value high;
	unsigned n = 0;
	int r = 0;

	doc_iter_init(&it, b->boundaries.raw);
	for (bool more = doc_next(&it, &name, &low); r == 0 && more && doc_next(&it, &name, &high);
		low = high) {
		r = check_boundary(low, high, err);
		put_branch(out, n++, b->by, low, high);
	}
	if (r == 0 && n == 0) {
		r = err_set(
			err, EINVAL, "The $bucket 'boundaries' field must have at least 2 values");
	}
	doc_end(out, start);
	return r;
}

/* {_id: {$switch: ..}, count: {$sum: 1}} or what `output` says. */
static int make_bucket_group(const struct bucket_spec *b, struct buf *out, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	size_t start = doc_begin(out);
	size_t id = doc_put_begin(out, slice_of("_id"), BSON_TYPE_DOCUMENT);
	size_t choose = doc_put_begin(out, slice_of("$switch"), BSON_TYPE_DOCUMENT);
	int r = put_branches(out, b, err);

	if (b->fallback.type != BSON_TYPE_EOD) {
		put_op(out, "default", "$literal", b->fallback);
	}
	doc_end(out, choose);
	doc_end(out, id);
	if (b->output.type == BSON_TYPE_EOD) {
		put_op(out, "count", "$sum", one);
	} else {
		doc_iter_init(&it, b->output.raw);
		while (doc_next(&it, &name, &v)) {
			doc_put(out, name, v);
		}
	}
	doc_end(out, start);
	return r != 0 ? r : buf_check(out, err);
}

static int parse_bucket(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	CLEANUP(buf_free) struct buf group = BUF_INIT;
	struct bucket_spec b;
	int r = stage_object_arg("$bucket", spec, err);

	if (r == 0) {
		r = read_bucket(spec.raw, &b, err);
	}
	if (r == 0) {
		r = make_bucket_group(&b, &group, err);
	}
	if (r == 0) {
		r = stage_add_group(p, scope, doc_value_of(buf_slice(&group)), err);
	}
	return r != 0 ? r : add_sort_by(p, scope, "_id", one, err);
}

const struct stage_ops stage_bucket_ops = {.name = "$bucket", .parse = parse_bucket};
