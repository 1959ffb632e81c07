/* The operators that take a plain operand. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engines/docdb/match/match_impl.h"

static int refuse(struct match_parser *p, const char *text)
{
	return err_set(p->err, EINVAL, "%s", text);
}

/* ---- comparisons ---- */

int match_operand_set(struct match_parser *p, struct match_node *node, struct doc_value v)
{
	(void)p;
	node->value = v;
	node->bracket = match_bracket(v.type);
	node->nan = match_is_nan(v);
	return 0;
}

static int parse_compare(struct match_parser *p, struct match_node *node, struct doc_value v)
{
	if (v.type == BSON_TYPE_REGEX && node->op != MATCH_EQ) {
		return err_set(p->err, EINVAL,
			"Can't have RegEx as arg to predicate over field '%.*s'.",
			node->path != NULL ? (int)node->path->text.n : 0,
			node->path != NULL ? node->path->text.p : "");
	}
	return match_operand_set(p, node, v);
}

static int parse_ne(struct match_parser *p, struct match_node *node, struct doc_value v)
{
	return v.type == BSON_TYPE_REGEX ? refuse(p, "Can't have regex as arg to $ne.")
					 : match_operand_set(p, node, v);
}

static int add_in_regex(struct match_parser *p, struct match_node *in, struct doc_value v)
{
	struct slice pattern;
	struct slice options;
	struct match_node *node = match_node_new(p, MATCH_REGEX, NULL);
	if (node == NULL) {
		return match_no_memory(p);
	}
	match_regex_split(v, &pattern, &options);
	int r = match_regex_new(pattern, options, &node->regex, p->err);
	if (r == 0) {
		match_node_own(p, node);
		match_node_add(in, node);
	}
	return r;
}

static int by_value(const void *a, const void *b)
{
	return doc_compare(*(const struct doc_value *)a, *(const struct doc_value *)b);
}

static int add_in(struct match_parser *p, struct match_node *node, struct doc_value v,
	struct doc_value *values)
{
	if (match_is_operators(v)) {
		return refuse(p, "cannot nest $ under $in");
	}
	if (v.type == BSON_TYPE_REGEX) {
		return add_in_regex(p, node, v);
	}
	if (match_bracket(v.type) == doc_bracket(BSON_TYPE_NULL)) {
		node->in_null = true;
	} else {
		values[node->n_in++] = v;
	}
	return 0;
}

static int parse_in(struct match_parser *p, struct match_node *node, struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value element;
	int r = 0;
	if (v.type != BSON_TYPE_ARRAY) {
		return refuse(p, "$in needs an array");
	}
	/* An element takes three bytes at least. */
	struct doc_value *values =
		doc_arena_alloc(p->m->arena, (v.raw.n / 3 + 1) * sizeof(*values));
	if (values == NULL) {
		return match_no_memory(p);
	}
	doc_iter_init(&it, v.raw);
	while (r == 0 && doc_next(&it, &name, &element)) {
		r = add_in(p, node, element, values);
	}
	qsort(values, node->n_in, sizeof(*values), by_value);
	node->in = values;
	node->value = v;
	return r;
}

/* ---- $exists, $size, $mod ---- */

/* What the service takes for true in places like this. */
static bool is_true(struct doc_value v)
{
	switch (v.type) {
	case BSON_TYPE_BOOL: return doc_bool(v);
	case BSON_TYPE_NULL:
	case BSON_TYPE_UNDEFINED: return false;
	default: return !doc_is_number(v) || doc_double(v) != 0;
	}
}

static int parse_exists(struct match_parser *p, struct match_node *node, struct doc_value v)
{
	(void)p;
	node->number = is_true(v);
	return 0;
}

static int parse_size(struct match_parser *p, struct match_node *node, struct doc_value v)
{
	if (!doc_is_number(v)) {
		return refuse(p, "Failed to parse $size. Expected a number");
	}
	if (!doc_as_int64(v, &node->number)) {
		return refuse(p, "Failed to parse $size. Expected an integer");
	}
	if (node->number < 0) {
		return refuse(p, "Failed to parse $size. Expected a non-negative number");
	}
	return 0;
}

/* Fractions are cut off; what is no number or fits no int64 cannot be. */
static int mod_part(struct match_parser *p, const char *what, struct doc_value v, int64_t *out)
{
	if (!doc_is_number(v)) {
		return err_set(p->err, EINVAL, "malformed mod, %s not a number", what);
	}
	double n = doc_double(v);
	if (doc_as_int64(v, out)) {
		return 0;
	}
	if (!isfinite(n)) {
		return err_set(p->err, EINVAL, "malformed mod, %s value is invalid", what);
	}
	if (!(trunc(n) >= -9223372036854775808.0 && trunc(n) < 9223372036854775808.0)) {
		return err_set(p->err, EINVAL, "malformed mod, %s value is out of range", what);
	}
	*out = (int64_t)trunc(n);
	return 0;
}

static int parse_mod(struct match_parser *p, struct match_node *node, struct doc_value v)
{
	struct doc_value part[3] = {DOC_MISSING, DOC_MISSING, DOC_MISSING};
	struct doc_iter it;
	struct slice name;
	if (v.type != BSON_TYPE_ARRAY) {
		return refuse(p, "malformed mod, needs to be an array");
	}
	doc_iter_init(&it, v.raw);
	for (unsigned i = 0; i < 3 && doc_next(&it, &name, &part[i]); i++) {
	}
	if (part[1].type == BSON_TYPE_EOD) {
		return refuse(p, "malformed mod, not enough elements");
	}
	if (part[2].type != BSON_TYPE_EOD) {
		return refuse(p, "malformed mod, too many elements");
	}
	int r = mod_part(p, "divisor", part[0], &node->divisor);
	r = r < 0 ? r : mod_part(p, "remainder", part[1], &node->number);
	if (r == 0 && node->divisor == 0) {
		return refuse(p, "divisor cannot be 0");
	}
	return r;
}

/* ---- $type ---- */

#define NUMBERS                                                                                    \
	(UINT64_C(1) << BSON_TYPE_DOUBLE | UINT64_C(1) << BSON_TYPE_INT32 |                        \
		UINT64_C(1) << BSON_TYPE_INT64 | UINT64_C(1) << BSON_TYPE_DECIMAL128)

static int type_alias(struct match_parser *p, struct slice alias, uint64_t *types)
{
	if (slice_is(alias, "number")) {
		*types |= NUMBERS;
		return 0;
	}
	for (unsigned type = 1; type < 256; type++) {
		if ((type < 20 || type == BSON_TYPE_MAXKEY || type == BSON_TYPE_MINKEY) &&
			slice_is(alias, doc_type_name((uint8_t)type))) {
			*types |= match_type_bit((uint8_t)type);
			return 0;
		}
	}
	return err_set(p->err, EINVAL, "Unknown type name alias: %.*s",
		(int)(alias.n < 100 ? alias.n : 100), alias.p);
}

static int type_number(struct match_parser *p, struct doc_value v, uint64_t *types)
{
	int64_t n;
	if (!doc_as_int64(v, &n)) {
		return err_set(p->err, EINVAL, "Invalid numerical type code: %g", doc_double(v));
	}
	/* 255 is stored, -1 is written: the service takes both. */
	n = n == -1 ? BSON_TYPE_MINKEY : n;
	if ((n < 1 || n > BSON_TYPE_DECIMAL128) && n != BSON_TYPE_MINKEY && n != BSON_TYPE_MAXKEY) {
		return err_set(p->err, EINVAL, "Invalid numerical type code: %lld", (long long)n);
	}
	*types |= match_type_bit((uint8_t)n);
	return 0;
}

static int type_one(struct match_parser *p, struct doc_value v, uint64_t *types)
{
	if (v.type == BSON_TYPE_UTF8) {
		return type_alias(p, doc_string(v), types);
	}
	return doc_is_number(v) ? type_number(p, v, types)
				: refuse(p, "type must be represented as a number or a string");
}

static int parse_type(struct match_parser *p, struct match_node *node, struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value element;
	int r = 0;
	if (v.type != BSON_TYPE_ARRAY) {
		return type_one(p, v, &node->types);
	}
	if (doc_is_empty(v.raw)) {
		return refuse(p, "$type must match at least one type");
	}
	doc_iter_init(&it, v.raw);
	while (r == 0 && doc_next(&it, &name, &element)) {
		r = type_one(p, element, &node->types);
	}
	return r;
}

/* ---- $bitsAllSet and its kin ---- */

static int bits_of_mask(struct match_parser *p, struct doc_value v, uint32_t *bits, unsigned *n)
{
	int64_t mask;
	if (!doc_as_int64(v, &mask)) {
		return refuse(p, "the bit mask must be an integer of 64 bits");
	}
	if (mask < 0) {
		return refuse(p, "the bit mask cannot be negative");
	}
	for (uint32_t i = 0; i < 63; i++) {
		if ((mask >> i & 1) != 0) {
			bits[(*n)++] = i;
		}
	}
	return 0;
}

static void bits_of_binary(struct doc_value v, uint32_t *bits, unsigned *n)
{
	for (size_t i = 0; i < (v.raw.n - 5) * 8; i++) {
		if (((unsigned char)v.raw.p[5 + i / 8] >> (i % 8) & 1) != 0) {
			bits[(*n)++] = (uint32_t)i;
		}
	}
}

static int bits_of_list(struct match_parser *p, struct doc_value v, uint32_t *bits, unsigned *n)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value element;
	int64_t position;
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &element)) {
		if (!doc_is_number(element) || !doc_as_int64(element, &position)) {
			return refuse(p, "bit positions must be integers");
		}
		if (position < 0 || position > INT32_MAX) {
			return refuse(p, "bit positions must be >= 0 and of 32 bits");
		}
		bits[(*n)++] = (uint32_t)position;
	}
	return 0;
}

static int parse_bits(struct match_parser *p, struct match_node *node, struct doc_value v)
{
	bool binary = v.type == BSON_TYPE_BINARY && v.raw.n >= 5;
	size_t room = binary ? (v.raw.n - 5) * 8 : v.raw.n / 3 + 64;
	if (!binary && v.type != BSON_TYPE_ARRAY && !doc_is_number(v)) {
		return err_set(p->err, EINVAL,
			"a bit mask is an Array, a number, or a BinData, not of type %s",
			doc_type_name(v.type));
	}
	uint32_t *bits = doc_arena_alloc(p->m->arena, (room + 1) * sizeof(*bits));
	if (bits == NULL) {
		return match_no_memory(p);
	}
	node->bits = bits;
	node->value = v;
	if (binary) {
		bits_of_binary(v, bits, &node->n_bits);
		return 0;
	}
	return v.type == BSON_TYPE_ARRAY ? bits_of_list(p, v, bits, &node->n_bits)
					 : bits_of_mask(p, v, bits, &node->n_bits);
}

/* ---- all ---- */

static const struct match_operand operands[] = {
	{"$eq", MATCH_EQ, false, parse_compare},
	{"$ne", MATCH_EQ, true, parse_ne},
	{"$gt", MATCH_GT, false, parse_compare},
	{"$gte", MATCH_GTE, false, parse_compare},
	{"$lt", MATCH_LT, false, parse_compare},
	{"$lte", MATCH_LTE, false, parse_compare},
	{"$in", MATCH_IN, false, parse_in},
	{"$nin", MATCH_IN, true, parse_in},
	{"$exists", MATCH_EXISTS, false, parse_exists},
	{"$type", MATCH_TYPE, false, parse_type},
	{"$size", MATCH_SIZE, false, parse_size},
	{"$mod", MATCH_MOD, false, parse_mod},
	{"$bitsAllSet", MATCH_BITS_ALL_SET, false, parse_bits},
	{"$bitsAllClear", MATCH_BITS_ALL_CLEAR, false, parse_bits},
	{"$bitsAnySet", MATCH_BITS_ANY_SET, false, parse_bits},
	{"$bitsAnyClear", MATCH_BITS_ANY_CLEAR, false, parse_bits},
	{NULL, MATCH_NEVER, false, NULL},
};

const struct match_operand *match_operand_find(struct slice name)
{
	const struct match_operand *o = operands;
	while (o->name != NULL && !slice_is(name, o->name)) {
		o++;
	}
	return o->name != NULL ? o : NULL;
}

const char *match_operand_name(unsigned i)
{
	return operands[i].name;
}
