/* One condition of one value. */
#include <errno.h>
#include <math.h>

#include "engines/docdb/match/match_impl.h"

/* BSON types are 1 to 19, 127 and 255. */
uint64_t match_type_bit(uint8_t type)
{
	return UINT64_C(1) << (type == BSON_TYPE_MINKEY	  ? 62
			       : type == BSON_TYPE_MAXKEY ? 63
							  : type);
}

bool match_is_nan(struct doc_value v)
{
	return (v.type == BSON_TYPE_DOUBLE || v.type == BSON_TYPE_DECIMAL128) &&
	       isnan(doc_double(v));
}

unsigned match_bracket(uint8_t type)
{
	return doc_bracket(type == BSON_TYPE_UNDEFINED ? BSON_TYPE_NULL : type);
}

/* ---- comparisons ---- */

static bool holds(enum match_op op, int order)
{
	switch (op) {
	case MATCH_LT: return order < 0;
	case MATCH_LTE: return order <= 0;
	case MATCH_GT: return order > 0;
	case MATCH_GTE: return order >= 0;
	default: return order == 0;
	}
}

static bool takes_equals(enum match_op op)
{
	return op != MATCH_LT && op != MATCH_GT;
}

/* Only the ends of the order compare with what is of another kind. */
static bool compare_brackets(const struct match_node *node)
{
	switch (node->op) {
	case MATCH_LT:
	case MATCH_LTE: return node->value.type == BSON_TYPE_MAXKEY;
	case MATCH_GT:
	case MATCH_GTE: return node->value.type == BSON_TYPE_MINKEY;
	default: return false;
	}
}

static bool compare(const struct match_node *node, struct doc_value v)
{
	if (v.type == BSON_TYPE_INT32 && node->value.type == BSON_TYPE_INT32) {
		int32_t x = doc_int32(v);
		int32_t y = doc_int32(node->value);
		return holds(node->op, (x > y) - (x < y));
	}
	unsigned bracket = match_bracket(v.type);
	if (bracket != node->bracket) {
		return compare_brackets(node);
	}
	if (bracket == doc_bracket(BSON_TYPE_NULL)) {
		return takes_equals(node->op);
	}
	if (node->nan || match_is_nan(v)) {
		return node->nan && match_is_nan(v) && takes_equals(node->op);
	}
	return holds(node->op, doc_compare(v, node->value));
}

static bool is_in(const struct match_node *node, struct doc_value v)
{
	unsigned low = 0;
	unsigned high = node->n_in;
	if (match_bracket(v.type) == doc_bracket(BSON_TYPE_NULL)) {
		return node->in_null;
	}
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int order = doc_compare(v, node->in[middle]);
		if (order == 0) {
			return true;
		}
		if (order < 0) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	return false;
}

static int test_in(const struct match_node *node, struct doc_value v, struct err *err)
{
	int r = is_in(node, v);
	for (const struct match_node *c = node->first; c != NULL && r == 0; c = c->next) {
		r = match_regex_test(c->regex, v, err);
	}
	return r;
}

/* ---- integers ---- */

/* What remains of a number when its fraction is cut off; false if that is no int64. */
static bool truncated(struct doc_value v, int64_t *out)
{
	if (v.type == BSON_TYPE_INT32 || v.type == BSON_TYPE_INT64) {
		*out = doc_int64(v);
		return true;
	}
	if (v.type == BSON_TYPE_DECIMAL128 && doc_as_int64(v, out)) {
		return true;
	}
	double n = v.type == BSON_TYPE_DOUBLE || v.type == BSON_TYPE_DECIMAL128
			   ? trunc(doc_double(v))
			   : NAN;
	if (!(n >= -9223372036854775808.0 && n < 9223372036854775808.0)) {
		return false;
	}
	*out = (int64_t)n;
	return true;
}

static bool test_mod(const struct match_node *node, struct doc_value v)
{
	int64_t n;
	if (!truncated(v, &n)) {
		return false;
	}
	/* INT64_MIN % -1 traps. */
	return (node->divisor == -1 ? 0 : n % node->divisor) == node->number;
}

/* ---- bits ---- */

static bool bit_of_binary(struct doc_value v, uint32_t position)
{
	size_t byte = position / 8;
	return byte < v.raw.n - 5 && ((unsigned char)v.raw.p[5 + byte] >> (position % 8) & 1) != 0;
}

/* Numbers are two's complement: above the 64th bit comes the sign. */
static bool bit_of_number(int64_t n, uint32_t position)
{
	return position < 64 ? ((uint64_t)n >> position & 1) != 0 : n < 0;
}

static bool test_bits(const struct match_node *node, struct doc_value v)
{
	int64_t n = 0;
	bool binary = v.type == BSON_TYPE_BINARY && v.raw.n >= 5;
	if (!binary && (!doc_is_number(v) || !doc_as_int64(v, &n))) {
		return false;
	}
	bool set = node->op == MATCH_BITS_ALL_SET || node->op == MATCH_BITS_ANY_SET;
	bool all = node->op == MATCH_BITS_ALL_SET || node->op == MATCH_BITS_ALL_CLEAR;
	for (unsigned i = 0; i < node->n_bits; i++) {
		bool bit =
			binary ? bit_of_binary(v, node->bits[i]) : bit_of_number(n, node->bits[i]);
		if ((bit == set) != all) {
			return !all;
		}
	}
	return all;
}

/* ---- all ---- */

static bool test_size(const struct match_node *node, struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value element;
	int64_t n = 0;
	if (v.type != BSON_TYPE_ARRAY) {
		return false;
	}
	doc_iter_init(&it, v.raw);
	while (n <= node->number && doc_next(&it, &name, &element)) {
		n++;
	}
	return n == node->number;
}

int match_leaf(const struct match_node *node, struct doc_value v, struct err *err)
{
	switch (node->op) {
	case MATCH_IN: return test_in(node, v, err);
	case MATCH_REGEX: return match_regex_test(node->regex, v, err);
	case MATCH_MOD: return test_mod(node, v);
	case MATCH_TYPE:
		return v.type != BSON_TYPE_EOD && (node->types & match_type_bit(v.type)) != 0;
	case MATCH_BITS_ALL_SET:
	case MATCH_BITS_ALL_CLEAR:
	case MATCH_BITS_ANY_SET:
	case MATCH_BITS_ANY_CLEAR: return test_bits(node, v);
	case MATCH_EXISTS: return v.type != BSON_TYPE_EOD;
	case MATCH_SIZE: return test_size(node, v);
	case MATCH_NEVER: return 0;
	default: return compare(node, v);
	}
}
