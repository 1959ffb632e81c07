/* What a filter demands of single paths, for whoever has an index over them.
 *
 * A demand is a set of values one of which a matching document has in the index. It may be
 * too large, never too small: whoever uses it matches again, unless it is said to be
 * exact. All is worked out when the filter is made. */
#include <errno.h>
#include <stdlib.h>

#include "engines/docdb/match/match_impl.h"

/* Paths of a filter beyond these are not planned with. */
#define PATHS_MAX 64

/* What is below one node for one path. */
struct demand {
	struct match_set set;
	bool any; /* there is one; else every value may be */
	bool exact;
	bool mentioned; /* some condition is about the path */
};

struct planner {
	struct doc_arena *arena;
	bool arrays;
};

/* ---- single conditions ---- */

static bool is_null(uint8_t type)
{
	return match_bracket(type) == doc_bracket(BSON_TYPE_NULL);
}

static struct doc_interval point(struct doc_value v)
{
	return (struct doc_interval){v, v, false, false};
}

static int one(struct doc_arena *a, struct doc_interval x, struct match_set *out)
{
	out->at = doc_arena_alloc(a, sizeof(x));
	if (out->at == NULL) {
		return -ENOMEM;
	}
	out->at[0] = x;
	out->n = 1;
	return 1;
}

static struct doc_value bare(uint8_t type)
{
	return (struct doc_value){type, slice_make("", 0)};
}

/* The points that equality with v means: `at` has room for two. */
static unsigned equal_points(struct doc_value v, bool entries, struct doc_interval *at)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value first = bare(BSON_TYPE_UNDEFINED);
	unsigned n = 0;
	if (is_null(v.type)) {
		at[n++] = point(bare(BSON_TYPE_UNDEFINED));
		at[n++] = point(bare(BSON_TYPE_NULL));
		return n;
	}
	at[n++] = point(v);
	if (entries && v.type == BSON_TYPE_ARRAY) {
		doc_iter_init(&it, v.raw);
		doc_next(&it, &name, &first);
		at[n++] = point(first);
	}
	return n;
}

static int equal_set(struct doc_arena *a, const struct match_node *node, bool entries,
	struct match_set *out, bool *exact)
{
	out->at = doc_arena_alloc(a, 2 * sizeof(*out->at));
	if (out->at == NULL) {
		return -ENOMEM;
	}
	out->n = equal_points(node->value, entries, out->at);
	match_set_settle(out);
	*exact = !entries || (!is_null(node->value.type) && node->value.type != BSON_TYPE_ARRAY);
	return 1;
}

/* The least value of a type's bracket that compares: NaN is less than all numbers, but compares
 * with none. DOC_MISSING: not known. */
static struct doc_value least_of(uint8_t type)
{
	static const char zeros[16] = {0};
	static const char least_date[8] = "\0\0\0\0\0\0\0\x80";
	static const char minus_infinity[8] = "\0\0\0\0\0\0\xf0\xff";
	switch (type) {
	case BSON_TYPE_INT32:
	case BSON_TYPE_INT64:
	case BSON_TYPE_DECIMAL128:
	case BSON_TYPE_DOUBLE: return (struct doc_value){BSON_TYPE_DOUBLE, {minus_infinity, 8}};
	case BSON_TYPE_SYMBOL:
	case BSON_TYPE_UTF8: return (struct doc_value){BSON_TYPE_UTF8, {"\1\0\0\0", 5}};
	case BSON_TYPE_DOCUMENT: return (struct doc_value){type, {"\5\0\0\0", 5}};
	case BSON_TYPE_CODE: return (struct doc_value){type, {"\1\0\0\0", 5}};
	case BSON_TYPE_BINARY: return (struct doc_value){type, {zeros, 5}};
	case BSON_TYPE_OID: return (struct doc_value){type, {zeros, 12}};
	case BSON_TYPE_BOOL: return (struct doc_value){type, {zeros, 1}};
	case BSON_TYPE_DATE_TIME: return (struct doc_value){type, {least_date, 8}};
	case BSON_TYPE_TIMESTAMP: return (struct doc_value){type, {zeros, 8}};
	case BSON_TYPE_REGEX: return (struct doc_value){type, {zeros, 2}};
	default: return DOC_MISSING;
	}
}

static struct doc_interval range_of(const struct match_node *node)
{
	struct doc_interval x = {DOC_MISSING, DOC_MISSING, false, false};
	bool open = node->op == MATCH_LT || node->op == MATCH_GT;
	if (node->op == MATCH_LT || node->op == MATCH_LTE) {
		x.low = least_of(node->value.type);
		x.high = node->value;
		x.high_open = open;
	} else {
		x.low = node->value;
		x.low_open = open;
	}
	return x;
}

static int range_set(struct doc_arena *a, const struct match_node *node, bool entries,
	struct match_set *out, bool *exact)
{
	uint8_t type = node->value.type;
	bool equals = node->op == MATCH_LTE || node->op == MATCH_GTE;
	bool null = is_null(type);
	if (!null && least_of(type).type == BSON_TYPE_EOD) {
		return 0; /* the ends of the order compare with all; of arrays entries say little */
	}
	if (null || node->nan) {
		*out = (struct match_set){NULL, 0};
		*exact = true;
		return equals ? equal_set(a, node, entries, out, exact) : 1;
	}
	*exact = true;
	return one(a, range_of(node), out);
}

/* ---- regular expressions ---- */

/* The strings that begin so: up to what its last byte plus one would be, since UTF-8 has no 0xff.
 */
static int prefix_interval(struct doc_arena *a, struct buf *prefix, struct doc_interval *out)
{
	out->low = doc_make_string(a, buf_slice(prefix));
	if (!prefix->failed) {
		prefix->p[prefix->n - 1]++;
	}
	out->high = doc_make_string(a, buf_slice(prefix));
	out->low_open = false;
	out->high_open = true;
	return prefix->failed || doc_arena_check(a, NULL) != 0 ? -ENOMEM : 1;
}

static int regex_intervals(struct doc_arena *a, const struct match_regex *regex, struct buf *prefix,
	struct doc_interval *at, bool *whole)
{
	struct buf value = BUF_INIT;
	if (!match_regex_prefix(regex, prefix, whole)) {
		return prefix->failed ? -ENOMEM : 0;
	}
	match_regex_put(regex, &value);
	at[0] = point(doc_make_copy(a, (struct doc_value){BSON_TYPE_REGEX, buf_slice(&value)}));
	bool failed = value.failed;
	buf_free(&value);
	return failed ? -ENOMEM : prefix_interval(a, prefix, &at[1]);
}

/* Two intervals; 0 if it says nothing. */
static int regex_pair(
	struct doc_arena *a, const struct match_regex *regex, struct doc_interval *at, bool *whole)
{
	struct buf prefix = BUF_INIT;
	int r = regex_intervals(a, regex, &prefix, at, whole);
	buf_free(&prefix);
	return r;
}

static int regex_set(
	struct doc_arena *a, const struct match_node *node, struct match_set *out, bool *exact)
{
	out->n = 2;
	out->at = doc_arena_alloc(a, 2 * sizeof(*out->at));
	int r = out->at != NULL ? regex_pair(a, node->regex, out->at, exact) : -ENOMEM;
	if (r > 0) {
		match_set_settle(out);
	}
	return r;
}

/* ---- $in ---- */

static unsigned count_regexes(const struct match_node *node)
{
	unsigned n = 0;
	for (const struct match_node *c = node->first; c != NULL; c = c->next) {
		n++;
	}
	return n;
}

static int in_set(struct doc_arena *a, const struct match_node *node, bool entries,
	struct match_set *out, bool *exact)
{
	unsigned room = 2 * (node->n_in + count_regexes(node)) + 2;
	int r = 1;
	out->n = 0;
	out->at = doc_arena_alloc(a, room * sizeof(*out->at));
	*exact = !entries || !node->in_null;
	if (out->at == NULL) {
		return -ENOMEM;
	}
	for (unsigned i = 0; i < node->n_in; i++) {
		out->n += equal_points(node->in[i], entries, out->at + out->n);
		*exact = *exact && (!entries || node->in[i].type != BSON_TYPE_ARRAY);
	}
	if (node->in_null) {
		out->n += equal_points(bare(BSON_TYPE_NULL), entries, out->at + out->n);
	}
	for (const struct match_node *c = node->first; c != NULL && r > 0; c = c->next) {
		bool whole = false;
		r = regex_pair(a, c->regex, out->at + out->n, &whole);
		out->n += 2;
		*exact = *exact && whole;
	}
	if (r > 0) {
		match_set_settle(out);
	}
	return r;
}

int match_leaf_set(struct doc_arena *a, const struct match_node *node, bool entries,
	struct match_set *out, bool *exact)
{
	*exact = false;
	switch (node->op) {
	case MATCH_EQ: return equal_set(a, node, entries, out, exact);
	case MATCH_LT:
	case MATCH_LTE:
	case MATCH_GT:
	case MATCH_GTE: return range_set(a, node, entries, out, exact);
	case MATCH_IN: return in_set(a, node, entries, out, exact);
	case MATCH_REGEX: return regex_set(a, node, out, exact);
	case MATCH_NEVER: *out = (struct match_set){NULL, 0}; return 1;
	default: return 0;
	}
}

/* ---- the tree ---- */

static int demand_of(
	struct planner *p, const struct match_node *node, struct slice path, struct demand *out);

/* Both conditions hold. Where arrays are, for one value each; and then the narrower says more. */
static int both(struct planner *p, bool one_value, struct demand *d, const struct demand *more)
{
	bool exact = d->exact && more->exact && one_value;
	if (!d->any || !more->any) {
		struct match_set set = d->any ? d->set : more->set;
		*d = (struct demand){set, d->any || more->any, false, true};
		return 0;
	}
	if (one_value) {
		struct match_set set;
		int r = match_set_intersect(p->arena, &d->set, &more->set, &set);
		*d = (struct demand){set, true, exact, true};
		return r;
	}
	if (match_set_width(&more->set) < match_set_width(&d->set)) {
		d->set = more->set;
	}
	d->exact = false;
	return 0;
}

static int demand_all(struct planner *p, const struct match_node *node, struct slice path,
	bool one_value, struct demand *out)
{
	for (const struct match_node *c = node->first; c != NULL; c = c->next) {
		struct demand d = {0};
		int r = demand_of(p, c, path, &d);
		if (r == 0 && d.mentioned) {
			if (out->mentioned) {
				r = both(p, one_value, out, &d);
			} else {
				*out = d;
			}
		}
		if (r < 0) {
			return r;
		}
	}
	return 0;
}

/* Whether all conditions below are of this path. */
static bool only_of(const struct match_node *node, struct slice path)
{
	if (node->path != NULL) {
		return slice_equal(node->path->text, path);
	}
	if (node->op == MATCH_EXPR) {
		return false;
	}
	for (const struct match_node *c = node->first; c != NULL; c = c->next) {
		if (!only_of(c, path)) {
			return false;
		}
	}
	return true;
}

static int demand_any(
	struct planner *p, const struct match_node *node, struct slice path, struct demand *out)
{
	struct demand all = {.any = true, .exact = true};
	for (const struct match_node *c = node->first; c != NULL; c = c->next) {
		struct demand d = {0};
		int r = demand_of(p, c, path, &d);
		if (r == 0 && d.any && all.any) {
			struct match_set set;
			r = match_set_unite(p->arena, &all.set, &d.set, &set);
			all.set = set;
		}
		if (r < 0) {
			return r;
		}
		all.any = all.any && d.any;
		all.mentioned = all.mentioned || d.mentioned;
		all.exact = all.exact && d.exact && only_of(c, path);
	}
	*out = all;
	return 0;
}

/* The element is an entry itself, so all its conditions are of that one. */
static int demand_element(struct planner *p, const struct match_node *all, struct demand *out)
{
	out->mentioned = true;
	for (const struct match_node *c = all->first; c != NULL; c = c->next) {
		struct demand d = {.mentioned = true};
		int r = match_leaf_set(p->arena, c, false, &d.set, &d.exact);
		d.any = r > 0;
		if (r >= 0 && d.any) {
			r = out->any ? both(p, true, out, &d) : (*out = d, 0);
		}
		if (r < 0) {
			return r;
		}
	}
	out->exact = false; /* a value that is in no array has such an entry, too */
	return 0;
}

/* What is behind `front` and its dot; nothing if it does not begin so. */
static struct slice rest_of(struct slice path, struct slice front)
{
	bool begins = path.n > front.n + 1 && path.p[front.n] == '.' &&
		      memcmp(path.p, front.p, front.n) == 0;
	return begins ? slice_make(path.p + front.n + 1, path.n - front.n - 1) : slice_of("");
}

/* An array within the array has no such field, and no entry that says so. */
static bool has_null(const struct match_set *set)
{
	for (unsigned i = 0; i < set->n; i++) {
		if (is_null(set->at[i].low.type)) {
			return true;
		}
	}
	return false;
}

static int demand_elements(
	struct planner *p, const struct match_node *node, struct slice path, struct demand *out)
{
	struct slice rest = rest_of(path, node->path->text);
	if (rest.n > 0 && node->op == MATCH_ELEM_OBJECT) {
		int r = demand_of(p, node->first, rest, out);
		out->exact = false;
		out->any = out->any && !has_null(&out->set);
		return r;
	}
	if (slice_equal(path, node->path->text)) {
		out->mentioned = true;
		return node->op == MATCH_ELEM_VALUE ? demand_element(p, node->first, out) : 0;
	}
	return 0;
}

static int demand_leaf(
	struct planner *p, const struct match_node *node, struct slice path, struct demand *out)
{
	if (node->op == MATCH_ELEM_VALUE || node->op == MATCH_ELEM_OBJECT) {
		return demand_elements(p, node, path, out);
	}
	if (!slice_equal(node->path->text, path)) {
		return 0;
	}
	out->mentioned = true;
	int r = match_leaf_set(p->arena, node, true, &out->set, &out->exact);
	out->any = r > 0;
	return r < 0 ? r : 0;
}

/* Something below a negation is about the path: what it demands is not known. */
static bool mentions(const struct match_node *node, struct slice path)
{
	if (node->path != NULL) {
		return slice_equal(node->path->text, path) || rest_of(path, node->path->text).n > 0;
	}
	for (const struct match_node *c = node->first; c != NULL; c = c->next) {
		if (mentions(c, path)) {
			return true;
		}
	}
	return false;
}

static int demand_of(
	struct planner *p, const struct match_node *node, struct slice path, struct demand *out)
{
	switch (node->op) {
	case MATCH_AND: return demand_all(p, node, path, !p->arrays, out);
	case MATCH_OR: return demand_any(p, node, path, out);
	case MATCH_NOR: out->mentioned = mentions(node, path); return 0;
	case MATCH_EXPR: return 0;
	default: return node->path != NULL ? demand_leaf(p, node, path, out) : 0;
	}
}

/* ---- all paths of a filter ---- */

struct paths {
	struct slice at[PATHS_MAX];
	unsigned n;
};

static bool has_index(struct slice path)
{
	bool digits = true;
	size_t begin = 0;
	for (size_t i = 0; i <= path.n; i++) {
		if (i == path.n || path.p[i] == '.') {
			if (digits && i > begin) {
				return true;
			}
			begin = i + 1;
			digits = true;
		} else {
			digits = digits && path.p[i] >= '0' && path.p[i] <= '9';
		}
	}
	return false;
}

/* Where a name may be an index, an index of the collection means other values. */
static void add_path(struct paths *paths, struct slice path)
{
	for (unsigned i = 0; i < paths->n; i++) {
		if (slice_equal(paths->at[i], path)) {
			return;
		}
	}
	if (paths->n < PATHS_MAX && !has_index(path)) {
		paths->at[paths->n++] = path;
	}
}

static struct slice joined(struct doc_arena *a, struct slice front, struct slice name)
{
	if (front.n == 0) {
		return name;
	}
	char *p = doc_arena_alloc(a, front.n + 1 + name.n);
	if (p == NULL) {
		return name;
	}
	memcpy(p, front.p, front.n);
	p[front.n] = '.';
	memcpy(p + front.n + 1, name.p, name.n);
	return slice_make(p, front.n + 1 + name.n);
}

static void collect(
	struct doc_arena *a, const struct match_node *node, struct slice front, struct paths *paths)
{
	if (node->op == MATCH_NOR) {
		return;
	}
	if (node->path != NULL) {
		front = joined(a, front, node->path->text);
		add_path(paths, front);
	}
	if (node->op == MATCH_IN || node->op == MATCH_ELEM_VALUE) {
		return;
	}
	for (const struct match_node *c = node->first; c != NULL; c = c->next) {
		collect(a, c, front, paths);
	}
}

static int plan_path(struct doc_match *m, struct slice path, bool arrays)
{
	struct planner p = {m->arena, arrays};
	struct demand d = {0};
	int r = demand_of(&p, m->root, path, &d);
	if (r < 0 || !d.any) {
		return r;
	}
	struct match_plan *plan = doc_arena_alloc(m->arena, sizeof(*plan));
	if (plan == NULL) {
		return -ENOMEM;
	}
	*plan = (struct match_plan){path, arrays, {d.set.at, d.set.n, d.exact}, m->plans};
	m->plans = plan;
	return 0;
}

int match_plan(struct doc_match *m, struct err *err)
{
	struct paths paths = {.n = 0};
	int r = 0;
	collect(m->arena, m->root, slice_of(""), &paths);
	for (unsigned i = 0; i < 2 * paths.n && r == 0; i++) {
		r = plan_path(m, paths.at[i / 2], i % 2 != 0);
	}
	r = r < 0 ? r : doc_arena_check(m->arena, NULL);
	return r < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

bool doc_match_intervals(
	const struct doc_match *m, struct slice path, bool arrays, struct doc_intervals *out)
{
	const struct match_plan *plan = m->plans;
	while (plan != NULL && (plan->arrays != arrays || !slice_equal(plan->path, path))) {
		plan = plan->next;
	}
	if (plan != NULL) {
		*out = plan->intervals;
	}
	return plan != NULL;
}
