/* Whether all that one filter means is meant by another: a partial index serves only such
 * queries. "No" may be wrong, "yes" never. */
#include "engines/docdb/match/match_impl.h"

/* ---- the same condition ---- */

static bool same_text(const struct match_path *a, const struct match_path *b)
{
	return a == NULL || b == NULL ? a == b : slice_equal(a->text, b->text);
}

static bool same_value(struct doc_value a, struct doc_value b)
{
	return a.type == b.type && slice_equal(a.raw, b.raw);
}

static bool same_regex(const struct match_node *a, const struct match_node *b)
{
	return a->regex == NULL || b->regex == NULL ? a->regex == b->regex
						    : match_regex_same(a->regex, b->regex);
}

static bool same(const struct match_node *a, const struct match_node *b)
{
	if (a->op != b->op || !same_text(a->path, b->path) || !same_value(a->value, b->value) ||
		!same_regex(a, b) || a->types != b->types || a->number != b->number ||
		a->divisor != b->divisor) {
		return false;
	}
	const struct match_node *x = a->first;
	const struct match_node *y = b->first;
	while (x != NULL && y != NULL && same(x, y)) {
		x = x->next;
		y = y->next;
	}
	return x == NULL && y == NULL;
}

/* ---- one condition and another of the same path ---- */

static bool has_values(const struct match_node *node)
{
	return node->op >= MATCH_EQ && node->op <= MATCH_IN;
}

static bool values_within(const struct match_node *m, const struct match_node *wider)
{
	struct match_set inner;
	struct match_set outer;
	bool exact;
	struct doc_arena *a = doc_arena_new();
	bool within = a != NULL && match_leaf_set(a, m, false, &inner, &exact) > 0 &&
		      match_leaf_set(a, wider, false, &outer, &exact) > 0 && exact &&
		      match_set_within(&inner, &outer);
	doc_arena_free(a);
	return within;
}

/* Only what no missing field satisfies says that there is one. */
static bool wants_field(const struct match_node *m)
{
	return m->op == MATCH_ELEM_VALUE || m->op == MATCH_ELEM_OBJECT ||
	       match_leaf(m, DOC_MISSING, NULL) == 0;
}

static bool leaf_implies(const struct match_node *m, const struct match_node *wider)
{
	if (m->path == NULL || wider->path == NULL || !same_text(m->path, wider->path)) {
		return false;
	}
	if (m->op == MATCH_NEVER) {
		return true;
	}
	if (wider->op == MATCH_EXISTS) {
		return wants_field(m);
	}
	return has_values(m) && has_values(wider) && values_within(m, wider);
}

/* ---- trees ---- */

static bool implies(const struct match_node *m, const struct match_node *wider);

static bool some_implies(const struct match_node *m, const struct match_node *wider)
{
	for (const struct match_node *c = m->first; c != NULL; c = c->next) {
		if (implies(c, wider)) {
			return true;
		}
	}
	return false;
}

static bool implies_some(const struct match_node *m, const struct match_node *wider)
{
	for (const struct match_node *c = wider->first; c != NULL; c = c->next) {
		if (implies(m, c)) {
			return true;
		}
	}
	return false;
}

static bool implies_all(const struct match_node *m, const struct match_node *wider)
{
	for (const struct match_node *c = wider->first; c != NULL; c = c->next) {
		if (!implies(m, c)) {
			return false;
		}
	}
	return true;
}

static bool each_implies(const struct match_node *m, const struct match_node *wider)
{
	for (const struct match_node *c = m->first; c != NULL; c = c->next) {
		if (!implies(c, wider)) {
			return false;
		}
	}
	return true;
}

static bool implies(const struct match_node *m, const struct match_node *wider)
{
	if (same(m, wider)) {
		return true;
	}
	if (wider->op == MATCH_AND) {
		return implies_all(m, wider);
	}
	if (m->op == MATCH_OR) {
		return each_implies(m, wider);
	}
	return (m->op == MATCH_AND && some_implies(m, wider)) ||
	       (wider->op == MATCH_OR && implies_some(m, wider)) || leaf_implies(m, wider);
}

bool doc_match_implies(const struct doc_match *m, const struct doc_match *wider)
{
	return implies(m->root, wider->root);
}
