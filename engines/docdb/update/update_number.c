/* $inc $mul $min $max $bit $currentDate. */
#include <errno.h>

#include "engines/docdb/update/update_impl.h"
#include "engines/docdb/values/value_impl.h"

static bool is_integer(struct doc_value v)
{
	return v.type == BSON_TYPE_INT32 || v.type == BSON_TYPE_INT64;
}

/* ---- $inc, $mul ---- */

static struct doc_value integer(struct update_job *j, bool wide, int64_t n)
{
	return wide || n > INT32_MAX || n < INT32_MIN ? doc_make_int64(j->arena, n)
						      : doc_make_int32(j->arena, (int32_t)n);
}

/* An int32 that overflows becomes an int64; an int64 that does is an error, never a double. */
static int integers(struct update_job *j, const struct update_node *node, struct doc_value old,
	struct doc_value *out)
{
	int64_t x = doc_int64(old);
	int64_t y = doc_int64(node->value);
	int64_t n;
	bool wide = old.type == BSON_TYPE_INT64 || node->value.type == BSON_TYPE_INT64;
	bool overflows = node->op == UPDATE_INC ? __builtin_add_overflow(x, y, &n)
						: __builtin_mul_overflow(x, y, &n);
	if (overflows) {
		return update_refuse(j,
			"Failed to apply %s operations to current value ((%s)%lld) of '%s' for "
			"document %s",
			update_operator_name(node->op),
			old.type == BSON_TYPE_INT64 ? "NumberLong" : "NumberInt", (long long)x,
			update_here(j), update_id(j));
	}
	*out = integer(j, wide, n);
	return 0;
}

static struct doc_value zero_like(struct update_job *j, struct doc_value v)
{
	struct doc_value zero = doc_make_int32(j->arena, 0);
	return v.type == BSON_TYPE_INT32    ? zero
	       : v.type == BSON_TYPE_INT64  ? doc_make_int64(j->arena, 0)
	       : v.type == BSON_TYPE_DOUBLE ? doc_make_double(j->arena, 0)
					    : doc_make_decimal(j->arena, doc_decimal(zero));
}

static int calculate(struct update_job *j, const struct update_node *node, struct doc_value old,
	struct doc_value *out)
{
	if (old.type == BSON_TYPE_EOD) {
		*out = node->op == UPDATE_INC ? node->value : zero_like(j, node->value);
		return 0;
	}
	if (!doc_is_number(old)) {
		return update_refuse(j,
			"Cannot apply %s to a value of non-numeric type. %s has the field '%s' of "
			"non-numeric type %s",
			update_operator_name(node->op), update_id(j), update_here(j),
			doc_type_name(old.type));
	}
	if (is_integer(old) && is_integer(node->value)) {
		return integers(j, node, old, out);
	}
	*out = node->op == UPDATE_INC ? doc_add(j->arena, old, node->value)
				      : doc_multiply(j->arena, old, node->value);
	return 0;
}

/* ---- $bit ---- */

static int64_t bit(struct slice operator, int64_t x, int64_t y)
{
	return slice_is(operator, "and") ? x & y : slice_is(operator, "or") ? x | y : x ^ y;
}

static int calculate_bits(struct update_job *j, const struct update_node *node,
	struct doc_value old, struct doc_value *out)
{
	struct doc_iter it;
	struct slice operator;
	struct doc_value operand;
	int64_t n = is_integer(old) ? doc_int64(old) : 0;
	bool wide = old.type == BSON_TYPE_INT64;
	if (old.type != BSON_TYPE_EOD && !is_integer(old)) {
		return update_refuse(j,
			"Cannot apply $bit to a value of non-integral type. %s has the field %s of "
			"non-integer type %s",
			update_id(j), update_here(j), doc_type_name(old.type));
	}
	doc_iter_init(&it, node->value.raw);
	while (doc_next(&it, &operator, & operand)) {
		n = bit(operator, n, doc_int64(operand));
		wide = wide || operand.type == BSON_TYPE_INT64;
	}
	*out = integer(j, wide, n);
	return 0;
}

/* ---- $currentDate, $min, $max ---- */

static struct doc_value current_date(struct update_job *j, const struct update_node *node)
{
	if (!node->timestamp) {
		return doc_make_date(j->arena, j->now_ms);
	}
	/* Seconds, and the first of its operations. */
	char *p = doc_arena_alloc(j->arena, 8);
	if (p == NULL) {
		return DOC_MISSING;
	}
	doc_store64(p, (uint64_t)(j->now_ms / 1000) << 32 | 1);
	return (struct doc_value){BSON_TYPE_TIMESTAMP, slice_make(p, 8)};
}

static struct doc_value extreme(const struct update_node *node, struct doc_value old)
{
	int order = doc_compare(node->value, old);
	bool take = node->op == UPDATE_MIN ? order < 0 : order > 0;
	return old.type == BSON_TYPE_EOD || take ? node->value : old;
}

int update_number(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, struct buf *out)
{
	struct doc_value v = DOC_MISSING;
	int r = 0;
	switch (node->op) {
	case UPDATE_MIN:
	case UPDATE_MAX: v = extreme(node, old); break;
	case UPDATE_CURRENT_DATE: v = current_date(j, node); break;
	case UPDATE_BIT: r = calculate_bits(j, node, old, &v); break;
	default: r = calculate(j, node, old, &v); break;
	}
	r = r < 0 ? r : doc_arena_check(j->arena, j->err);
	if (r == 0) {
		doc_put(out, name, v);
	}
	return r;
}
