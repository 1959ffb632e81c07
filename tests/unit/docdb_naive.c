#include "tests/unit/docdb_naive.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/random.h"

/* ---- trees ---- */

static struct naive *all[4096];
static unsigned n_all;

struct naive *naive_new(enum naive_type type)
{
	struct naive *v = calloc(1, sizeof(*v));
	if (v == NULL || n_all == sizeof(all) / sizeof(all[0])) {
		abort();
	}
	v->type = type;
	all[n_all++] = v;
	return v;
}

void naive_forget(void)
{
	while (n_all > 0) {
		free(all[--n_all]);
	}
}

struct naive *naive_add(struct naive *parent, const char *name, struct naive *kid)
{
	static const char *const digits[] = {"0", "1", "2", "3", "4", "5", "6", "7"};
	if (parent->n == NAIVE_KIDS) {
		return parent;
	}
	for (unsigned i = 0; i < parent->n && name != NULL; i++) {
		if (strcmp(parent->names[i], name) == 0) {
			return parent;
		}
	}
	parent->names[parent->n] = name != NULL ? name : digits[parent->n];
	parent->kids[parent->n++] = kid;
	return parent;
}

static const struct naive *get(const struct naive *v, const char *name, size_t n)
{
	static const struct naive missing = {.type = NAIVE_MISSING};
	for (unsigned i = 0; i < v->n; i++) {
		if (strlen(v->names[i]) == n && memcmp(v->names[i], name, n) == 0) {
			return v->kids[i];
		}
	}
	return &missing;
}

static bool append(bson_t *out, const char *name, const struct naive *v);

bson_t *naive_bson(const struct naive *v)
{
	bson_t *out = bson_new();
	for (unsigned i = 0; i < v->n; i++) {
		append(out, v->names[i], v->kids[i]);
	}
	return out;
}

static bool append_nested(bson_t *out, const char *name, const struct naive *v)
{
	bson_t *nested = naive_bson(v);
	bool done = v->type == NAIVE_ARRAY ? bson_append_array(out, name, -1, nested)
					   : bson_append_document(out, name, -1, nested);
	bson_destroy(nested);
	return done;
}

static bool append_decimal(bson_t *out, const char *name, double number)
{
	bson_decimal128_t d;
	char text[32];
	snprintf(text, sizeof(text), "%g", number);
	bson_decimal128_from_string(text, &d);
	return bson_append_decimal128(out, name, -1, &d);
}

static bool append(bson_t *out, const char *name, const struct naive *v)
{
	switch (v->type) {
	case NAIVE_MISSING: return true;
	case NAIVE_MINKEY: return bson_append_minkey(out, name, -1);
	case NAIVE_NULL: return bson_append_null(out, name, -1);
	case NAIVE_INT: return bson_append_int32(out, name, -1, (int32_t)v->number);
	case NAIVE_LONG: return bson_append_int64(out, name, -1, (int64_t)v->number);
	case NAIVE_DOUBLE: return bson_append_double(out, name, -1, v->number);
	case NAIVE_DECIMAL: return append_decimal(out, name, v->number);
	case NAIVE_STRING: return bson_append_utf8(out, name, -1, v->text, -1);
	case NAIVE_BOOL: return bson_append_bool(out, name, -1, v->number != 0);
	case NAIVE_DATE: return bson_append_date_time(out, name, -1, (int64_t)v->number);
	case NAIVE_REGEX: return bson_append_regex(out, name, -1, v->text, v->fold ? "i" : "");
	case NAIVE_MAXKEY: return bson_append_maxkey(out, name, -1);
	default: return append_nested(out, name, v);
	}
}

/* ---- at random ---- */

void naive_seed(unsigned seed)
{
	rng_seed(seed);
}

static const char *const names[] = {"a", "a", "b", "b", "c", "0", "1"};
static const char *const texts[] = {"", "a", "ab", "b", "B", "ba", "A"};
static const char *const patterns[] = {"^a", "b", "^B", "a$", "^ab"};
static const char *const paths[] = {
	"a", "b", "a.b", "a.b.c", "b.a", "a.0", "a.1", "a.0.b", "a.1.0", "c.a", "c"};

#define PICK(array) ((array)[(unsigned)rng() % (sizeof(array) / sizeof((array)[0]))])

const char *naive_random_path(void)
{
	return PICK(paths);
}

static struct naive *number(enum naive_type type, double n)
{
	struct naive *v = naive_new(type);
	v->number = n;
	return v;
}

static struct naive *random_number(void)
{
	int n = rng() % 8 - 2;
	switch (rng() % 6) {
	case 0: return number(NAIVE_LONG, n);
	case 1: return number(NAIVE_DOUBLE, n + 0.5 * (rng() % 2));
	case 2: return number(NAIVE_DECIMAL, n + 0.5 * (rng() % 2));
	case 3:
		return rng() % 4 == 0 ? number(NAIVE_DOUBLE, rng() % 2 ? NAN : -INFINITY)
				      : number(NAIVE_INT, n);
	default: return number(NAIVE_INT, n);
	}
}

static struct naive *random_text(enum naive_type type)
{
	struct naive *v = naive_new(type);
	snprintf(
		v->text, sizeof(v->text), "%s", type == NAIVE_REGEX ? PICK(patterns) : PICK(texts));
	v->fold = type == NAIVE_REGEX && rng() % 3 == 0;
	return v;
}

static struct naive *random_nested(unsigned depth)
{
	struct naive *v = naive_new(rng() % 2 ? NAIVE_ARRAY : NAIVE_OBJECT);
	for (int n = (rng() % 8 + 1) / 2; n > 0; n--) {
		naive_add(v, v->type == NAIVE_ARRAY ? NULL : PICK(names),
			naive_random_value(depth - 1));
	}
	return v;
}

struct naive *naive_random_value(unsigned depth)
{
	if (depth > 0 && rng() % 2 == 0) {
		return random_nested(depth);
	}
	switch (rng() % 12) {
	case 0: return naive_new(NAIVE_NULL);
	case 1: return number(NAIVE_BOOL, rng() % 2);
	case 2: return number(NAIVE_DATE, rng() % 3);
	case 3:
		return rng() % 4 == 0 ? naive_new(rng() % 2 ? NAIVE_MINKEY : NAIVE_MAXKEY)
				      : naive_new(NAIVE_NULL);
	case 4: return rng() % 3 == 0 ? random_text(NAIVE_REGEX) : random_text(NAIVE_STRING);
	case 5:
	case 6: return random_text(NAIVE_STRING);
	default: return random_number();
	}
}

struct naive *naive_random_document(void)
{
	struct naive *v = naive_new(NAIVE_OBJECT);
	for (int n = 1 + rng() % 4; n > 0; n--) {
		naive_add(v, PICK(names), naive_random_value(3));
	}
	return v;
}

/* ---- filters at random ---- */

/* No operand of a comparison: an object that begins with "$", or an expression. */
static struct naive *random_operand(void)
{
	struct naive *v = naive_random_value(rng() % 4 == 0 ? 2 : 0);
	return v->type == NAIVE_REGEX ? random_number() : v;
}

static struct naive *random_list(bool regexes)
{
	struct naive *v = naive_new(NAIVE_ARRAY);
	for (int n = rng() % 4; n > 0; n--) {
		naive_add(v, NULL,
			regexes && rng() % 6 == 0 ? random_text(NAIVE_REGEX) : random_operand());
	}
	return v;
}

static struct naive *random_mod(void)
{
	static const int divisors[] = {1, 2, 3, -2};
	struct naive *v = naive_new(NAIVE_ARRAY);
	naive_add(v, NULL, number(NAIVE_INT, PICK(divisors)));
	return naive_add(v, NULL, number(rng() % 2 ? NAIVE_INT : NAIVE_DOUBLE, rng() % 4 - 1));
}

static struct naive *random_type(void)
{
	static const char *const types[] = {
		"number", "string", "null", "int", "object", "array", "bool", "date", "double"};
	struct naive *v = naive_new(NAIVE_STRING);
	snprintf(v->text, sizeof(v->text), "%s", PICK(types));
	return v;
}

static struct naive *random_operators(unsigned depth, bool element);

static void add_operator(struct naive *to, unsigned depth, bool element)
{
	static const char *const compares[] = {"$eq", "$ne", "$gt", "$gte", "$lt", "$lte"};
	static const char *const bits[] = {
		"$bitsAllSet", "$bitsAnySet", "$bitsAllClear", "$bitsAnyClear"};
	switch (rng() % (depth > 0 ? 14 : 12)) {
	case 0: naive_add(to, "$in", random_list(true)); break;
	case 1: naive_add(to, "$nin", random_list(true)); break;
	case 2: naive_add(to, "$exists", number(NAIVE_BOOL, rng() % 2)); break;
	case 3: naive_add(to, "$type", random_type()); break;
	case 4: naive_add(to, "$size", number(NAIVE_INT, rng() % 4)); break;
	case 5: naive_add(to, "$mod", random_mod()); break;
	case 6: naive_add(to, PICK(bits), number(NAIVE_INT, rng() % 6)); break;
	case 7: naive_add(to, "$all", random_list(true)); break;
	case 8: naive_add(to, "$regex", random_text(NAIVE_REGEX)); break;
	case 12: naive_add(to, "$not", random_operators(depth - 1, element)); break;
	case 13:
		naive_add(to, "$elemMatch",
			rng() % 2 ? random_operators(depth - 1, true) : naive_random_filter(NULL));
		break;
	default: naive_add(to, PICK(compares), random_operand()); break;
	}
}

static struct naive *random_operators(unsigned depth, bool element)
{
	struct naive *v = naive_new(NAIVE_OBJECT);
	for (int n = 1 + rng() % 2; n > 0; n--) {
		add_operator(v, depth, element);
	}
	return v;
}

static struct naive *random_condition(void)
{
	switch (rng() % 4) {
	case 0: return random_operand();
	case 1: return rng() % 3 == 0 ? random_text(NAIVE_REGEX) : random_operand();
	default: return random_operators(2, false);
	}
}

static struct naive *random_filter(const char *path, unsigned depth)
{
	static const char *const logical[] = {"$and", "$or", "$nor"};
	struct naive *v = naive_new(NAIVE_OBJECT);
	for (int n = 1 + rng() % 2; n > 0; n--) {
		if (depth == 0 || rng() % 4 != 0) {
			naive_add(v, path != NULL ? path : PICK(paths), random_condition());
			continue;
		}
		struct naive *list = naive_new(NAIVE_ARRAY);
		for (int k = 1 + rng() % 2; k > 0; k--) {
			naive_add(list, NULL, random_filter(path, depth - 1));
		}
		naive_add(v, PICK(logical), list);
	}
	return v;
}

struct naive *naive_random_filter(const char *path)
{
	return random_filter(path, 2);
}

/* ---- comparing ---- */

static int rank(enum naive_type type)
{
	switch (type) {
	case NAIVE_MISSING:
	case NAIVE_NULL: return NAIVE_NULL;
	case NAIVE_INT:
	case NAIVE_LONG:
	case NAIVE_DOUBLE:
	case NAIVE_DECIMAL: return NAIVE_INT;
	default: return (int)type;
	}
}

static int sign(double x)
{
	return (x > 0) - (x < 0);
}

static int order_numbers(double x, double y)
{
	if (isnan(x) || isnan(y)) {
		return (int)isnan(y) - (int)isnan(x);
	}
	return x < y ? -1 : x > y;
}

static int order(const struct naive *x, const struct naive *y);

static int order_kids(const struct naive *x, const struct naive *y)
{
	for (unsigned i = 0; i < x->n && i < y->n; i++) {
		const struct naive *a = x->kids[i];
		const struct naive *b = y->kids[i];
		int o = rank(a->type) - rank(b->type);
		o = o == 0 && x->type == NAIVE_OBJECT ? strcmp(x->names[i], y->names[i]) : o;
		o = o == 0 ? order(a, b) : o;
		if (o != 0) {
			return o;
		}
	}
	return (int)x->n - (int)y->n;
}

static int order(const struct naive *x, const struct naive *y)
{
	if (rank(x->type) != rank(y->type)) {
		return rank(x->type) - rank(y->type);
	}
	switch (x->type) {
	case NAIVE_STRING: return strcmp(x->text, y->text);
	case NAIVE_REGEX:
		return strcmp(x->text, y->text) != 0 ? strcmp(x->text, y->text)
						     : (int)x->fold - (int)y->fold;
	case NAIVE_OBJECT:
	case NAIVE_ARRAY: return order_kids(x, y);
	case NAIVE_INT:
	case NAIVE_LONG:
	case NAIVE_DOUBLE:
	case NAIVE_DECIMAL: return order_numbers(x->number, y->number);
	default: return sign(x->number - y->number);
	}
}

static bool is_number(const struct naive *v)
{
	return rank(v->type) == NAIVE_INT;
}

static bool compares(const char *op, const struct naive *v, const struct naive *operand)
{
	bool less = op[1] == 'l';
	bool equal = strcmp(op, "$eq") == 0;
	if (rank(v->type) != rank(operand->type)) {
		return !equal && operand->type == (less ? NAIVE_MAXKEY : NAIVE_MINKEY);
	}
	int o = order(v, operand);
	if (is_number(v) && isnan(v->number) != isnan(operand->number)) {
		return false;
	}
	if (o == 0) {
		return equal || op[3] == 'e';
	}
	return !equal && less == (o < 0);
}

/* ---- single values ---- */

/* The few patterns there are: "^" and "$" at the ends, letters between. */
static bool finds(const struct naive *pattern, const char *text)
{
	char word[8];
	size_t n = strlen(pattern->text);
	bool front = pattern->text[0] == '^';
	bool back = pattern->text[n - 1] == '$';
	snprintf(word, sizeof(word), "%.*s", (int)(n - front - back), pattern->text + front);
	n = strlen(word);
	for (size_t at = 0; at + n <= strlen(text); at++) {
		bool same = true;
		for (size_t i = 0; i < n; i++) {
			char x = text[at + i];
			same = same &&
			       (x == word[i] || (pattern->fold && toupper(x) == toupper(word[i])));
		}
		if (same && (!front || at == 0) && (!back || at + n == strlen(text))) {
			return true;
		}
	}
	return false;
}

static bool is_like(const struct naive *pattern, const struct naive *v)
{
	return v->type == NAIVE_STRING ? finds(pattern, v->text)
				       : v->type == NAIVE_REGEX && order(pattern, v) == 0;
}

static bool equals(const struct naive *operand, const struct naive *v)
{
	return operand->type == NAIVE_REGEX ? is_like(operand, v) : compares("$eq", v, operand);
}

static bool in_list(const struct naive *list, const struct naive *v)
{
	for (unsigned i = 0; i < list->n; i++) {
		if (equals(list->kids[i], v)) {
			return true;
		}
	}
	return false;
}

static bool has_type(const char *alias, const struct naive *v)
{
	static const char *const aliases[] = {"missing", "minKey", "null", "int", "long", "double",
		"decimal", "string", "object", "array", "bool", "date", "regex", "maxKey"};
	return strcmp(alias, aliases[v->type]) == 0 ||
	       (strcmp(alias, "number") == 0 && is_number(v));
}

static bool has_rest(const struct naive *mod, const struct naive *v)
{
	if (!is_number(v) || !isfinite(v->number)) {
		return false;
	}
	return (int)v->number % (int)mod->kids[0]->number == (int)mod->kids[1]->number;
}

static bool has_bits(const char *op, int mask, const struct naive *v)
{
	if (!is_number(v) || !isfinite(v->number) || v->number != (int)v->number) {
		return false;
	}
	int n = (int)v->number;
	if (strcmp(op, "$bitsAllSet") == 0) {
		return (n & mask) == mask;
	}
	if (strcmp(op, "$bitsAnySet") == 0) {
		return (n & mask) != 0;
	}
	return strcmp(op, "$bitsAllClear") == 0 ? (n & mask) == 0 : (~n & mask) != 0;
}

static bool test_operators(const struct naive *operators, const struct naive *v);

static bool element_matches(const struct naive *spec, const struct naive *v)
{
	bool logical = spec->n > 0 &&
		       (strcmp(spec->names[0], "$and") == 0 || strcmp(spec->names[0], "$or") == 0 ||
			       strcmp(spec->names[0], "$nor") == 0);
	if (spec->n > 0 && spec->names[0][0] == '$' && !logical) {
		return test_operators(spec, v);
	}
	return (v->type == NAIVE_OBJECT || v->type == NAIVE_ARRAY) && naive_matches(spec, v);
}

static bool some_element(const struct naive *spec, const struct naive *v)
{
	for (unsigned i = 0; i < v->n && v->type == NAIVE_ARRAY; i++) {
		if (element_matches(spec, v->kids[i])) {
			return true;
		}
	}
	return false;
}

/* One operator, not negated, of one value as it stands. */
static bool test_one(const char *op, const struct naive *operand, const struct naive *v)
{
	if (strcmp(op, "$in") == 0) {
		return in_list(operand, v);
	}
	if (strcmp(op, "$type") == 0) {
		return has_type(operand->text, v);
	}
	if (strcmp(op, "$mod") == 0) {
		return has_rest(operand, v);
	}
	if (strncmp(op, "$bits", 5) == 0) {
		return has_bits(op, (int)operand->number, v);
	}
	if (strcmp(op, "$regex") == 0 || strcmp(op, "=") == 0) {
		return equals(operand, v);
	}
	if (strcmp(op, "$exists") == 0) {
		return v->type != NAIVE_MISSING;
	}
	if (strcmp(op, "$size") == 0) {
		return v->type == NAIVE_ARRAY && v->n == (unsigned)operand->number;
	}
	if (strcmp(op, "$elemMatch") == 0) {
		return some_element(operand, v);
	}
	return compares(op, v, operand);
}

/* ---- all that a path leads to ---- */

struct reached {
	const struct naive *at[256];
	bool spread[256]; /* if it is an array, its elements are meant, too */
	unsigned n;
};

static void reach(struct reached *r, const struct naive *v, bool spread)
{
	if (r->n < 256) {
		r->at[r->n] = v;
		r->spread[r->n++] = spread;
	}
}

static void lead(struct reached *r, const struct naive *object, const char *path);

static void lead_array(struct reached *r, const struct naive *array, const char *path)
{
	size_t n = strcspn(path, ".");
	const char *rest = path[n] != '\0' ? path + n + 1 : NULL;
	for (unsigned i = 0; i < array->n; i++) {
		const struct naive *e = array->kids[i];
		if (e->type == NAIVE_OBJECT) {
			lead(r, e, path);
		}
		if (strlen(array->names[i]) != n || strncmp(array->names[i], path, n) != 0) {
			continue;
		}
		if (rest == NULL) {
			reach(r, e, false);
		} else if (e->type == NAIVE_OBJECT) {
			lead(r, e, rest);
		} else if (e->type == NAIVE_ARRAY) {
			lead_array(r, e, rest);
		}
	}
}

static void lead(struct reached *r, const struct naive *object, const char *path)
{
	static const struct naive missing = {.type = NAIVE_MISSING};
	size_t n = strcspn(path, ".");
	const struct naive *v = get(object, path, n);
	if (path[n] == '\0') {
		reach(r, v, true);
	} else if (v->type == NAIVE_OBJECT) {
		lead(r, v, path + n + 1);
	} else if (v->type == NAIVE_ARRAY) {
		lead_array(r, v, path + n + 1);
	} else {
		reach(r, &missing, true);
	}
}

/* ---- conditions ---- */

/* What an operator is about: a path of a document, or a value itself. */
struct subject {
	const struct naive *v;
	const char *path; /* NULL: v itself */
};

static bool whole_only(const char *op)
{
	return strcmp(op, "$exists") == 0 || strcmp(op, "$size") == 0 ||
	       strcmp(op, "$elemMatch") == 0;
}

static bool any(const struct subject *s, const char *op, const struct naive *operand)
{
	struct reached r = {.n = 0};
	if (s->path == NULL) {
		return test_one(op, operand, s->v);
	}
	lead(&r, s->v, s->path);
	for (unsigned i = 0; i < r.n; i++) {
		const struct naive *v = r.at[i];
		bool spread = r.spread[i] && v->type == NAIVE_ARRAY && !whole_only(op);
		for (unsigned k = 0; k < v->n && spread; k++) {
			if (test_one(op, operand, v->kids[k])) {
				return true;
			}
		}
		if (test_one(op, operand, v)) {
			return true;
		}
	}
	return false;
}

static bool holds(const struct subject *s, const struct naive *operators);

static bool holds_one(const struct subject *s, const char *op, const struct naive *operand)
{
	if (strcmp(op, "$ne") == 0) {
		return !any(s, "$eq", operand);
	}
	if (strcmp(op, "$nin") == 0) {
		return !any(s, "$in", operand);
	}
	if (strcmp(op, "$not") == 0) {
		return !holds(s, operand);
	}
	if (strcmp(op, "$exists") == 0) {
		return any(s, op, operand) == (operand->number != 0);
	}
	if (strcmp(op, "$all") != 0) {
		return any(s, op, operand);
	}
	for (unsigned i = 0; i < operand->n; i++) {
		if (!any(s, "=", operand->kids[i])) {
			return false;
		}
	}
	return operand->n > 0;
}

static bool holds(const struct subject *s, const struct naive *operators)
{
	for (unsigned i = 0; i < operators->n; i++) {
		if (!holds_one(s, operators->names[i], operators->kids[i])) {
			return false;
		}
	}
	return true;
}

static bool test_operators(const struct naive *operators, const struct naive *v)
{
	struct subject s = {v, NULL};
	return holds(&s, operators);
}

static bool matches_member(const char *name, const struct naive *spec, const struct naive *document)
{
	struct subject s = {document, name};
	unsigned yes = 0;
	if (name[0] != '$') {
		bool operators =
			spec->type == NAIVE_OBJECT && spec->n > 0 && spec->names[0][0] == '$';
		return operators ? holds(&s, spec) : any(&s, "=", spec);
	}
	for (unsigned i = 0; i < spec->n; i++) {
		yes += naive_matches(spec->kids[i], document);
	}
	return strcmp(name, "$and") == 0  ? yes == spec->n
	       : strcmp(name, "$or") == 0 ? yes > 0
					  : yes == 0;
}

bool naive_matches(const struct naive *filter, const struct naive *document)
{
	for (unsigned i = 0; i < filter->n; i++) {
		if (!matches_member(filter->names[i], filter->kids[i], document)) {
			return false;
		}
	}
	return true;
}
