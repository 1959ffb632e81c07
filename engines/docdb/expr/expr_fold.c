/* $sum $avg $min $max $stdDevPop $stdDevSamp of arguments, or of one array's elements. */
#include "engines/docdb/expr/expr_impl.h"

typedef void take_fn(void *state, struct doc_value v);

/* Each argument; where there is one and it is an array, each element. */
static int each(const struct doc_expr *e, struct expr_run *run, take_fn *take, void *state)
{
	struct doc_value v;
	struct doc_value one;
	struct doc_iter it;
	struct slice name;

	for (unsigned i = 0; i < e->n; i++) {
		int r = expr_arg(e, i, run, &v);
		if (r != 0) {
			return r;
		}
		if (e->n > 1 || v.type != BSON_TYPE_ARRAY) {
			take(state, v);
			continue;
		}
		doc_iter_init(&it, v.raw);
		while (doc_next(&it, &name, &one)) {
			take(state, one);
		}
	}
	return 0;
}

struct summed {
	struct doc_sum sum;
	uint64_t n;
};

static void take_sum(void *state, struct doc_value v)
{
	struct summed *s = state;

	if (doc_is_number(v)) {
		doc_sum_add(&s->sum, v);
		s->n++;
	}
}

static int eval_sum(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct summed s = {0};
	int r = each(e, run, take_sum, &s);

	*out = doc_sum_value(&s.sum, run->a);
	return r;
}

static int eval_avg(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct summed s = {0};
	int r = each(e, run, take_sum, &s);

	*out = s.n == 0 ? doc_make_null() : doc_sum_average(&s.sum, s.n, run->a);
	return r;
}

static void take_min(void *state, struct doc_value v)
{
	struct doc_value *least = state;

	if (!expr_nullish(v) && (expr_nullish(*least) || doc_compare(v, *least) < 0)) {
		*least = v;
	}
}

static void take_max(void *state, struct doc_value v)
{
	struct doc_value *most = state;

	if (!expr_nullish(v) && (expr_nullish(*most) || doc_compare(v, *most) > 0)) {
		*most = v;
	}
}

static int eval_min(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	*out = doc_make_null();
	return each(e, run, take_min, out);
}

static int eval_max(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	*out = doc_make_null();
	return each(e, run, take_max, out);
}

static void take_spread(void *state, struct doc_value v)
{
	if (doc_is_number(v)) {
		doc_spread_add(state, doc_double(v));
	}
}

static int eval_std_dev_pop(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_spread s = {0};
	int r = each(e, run, take_spread, &s);

	*out = doc_spread_value(&s, false, run->a);
	return r;
}

static int eval_std_dev_samp(const struct doc_expr *e, struct expr_run *run, struct doc_value *out)
{
	struct doc_spread s = {0};
	int r = each(e, run, take_spread, &s);

	*out = doc_spread_value(&s, true, run->a);
	return r;
}

const struct expr_op expr_fold_ops[] = {
	{.name = "$sum", .fn = eval_sum, .max = -1},
	{.name = "$avg", .fn = eval_avg, .max = -1},
	{.name = "$min", .fn = eval_min, .max = -1},
	{.name = "$max", .fn = eval_max, .max = -1},
	{.name = "$stdDevPop", .fn = eval_std_dev_pop, .max = -1},
	{.name = "$stdDevSamp", .fn = eval_std_dev_samp, .max = -1},
	{0},
};
