/* Which documents a filter means.
 *
 * A condition walks its path down the document. Where a name meets an array, each element
 * that is a document is gone into, and the element whose index the name is; where the path
 * ends at an array, its elements are tried and then itself. The first value that satisfies
 * the condition ends the walk: conditions are about any, and what is about none is the
 * negation of one.
 *
 * Nothing is allocated on the way, but for what $expr makes. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/clock.h"
#include "engines/docdb/match/match_impl.h"

/* Which element of an array it was: for "a.$". */
struct position {
	struct slice path; /* of the array that is asked for */
	int64_t there;	   /* -1: not known */
	int64_t elsewhere; /* in another array */
};

struct walk {
	const struct doc_vars *vars;
	struct doc_arena *arena;
	struct err *err;
	struct position *position; /* NULL: nobody asks */
	bool field;		   /* the value at hand is what the first name leads to */
	/* The outermost array that the path at hand went through. */
	unsigned outer_part;
	int64_t outer;
};

static int eval(struct walk *w, const struct match_node *node, struct doc_value v);

/* ---- positions ---- */

/* Where the first `parts` of the path end in its text. */
static struct slice path_front(const struct match_path *path, unsigned parts)
{
	const struct match_part *last = &path->part[parts - 1];
	return slice_make(path->text.p, (size_t)(last->name.p + last->name.n - path->text.p));
}

static void note_position(struct walk *w, const struct match_path *path)
{
	if (w->position == NULL || w->outer < 0 || path == NULL) {
		return;
	}
	if (slice_equal(path_front(path, w->outer_part), w->position->path)) {
		w->position->there = w->outer;
	} else {
		w->position->elsewhere = w->outer;
	}
}

/* Enters the element `index` of the array that `parts` names lead to; true when that is the
 * outermost one, which leave_array() wants to know. */
static bool enter_element(struct walk *w, unsigned parts, int64_t index)
{
	if (w->outer >= 0 && w->outer_part < parts) {
		return false;
	}
	w->outer_part = parts;
	w->outer = index;
	return true;
}

/* ---- $elemMatch ---- */

/* The element is a document of its own: its conditions note no positions. */
static int eval_element(struct walk *w, const struct match_node *node, struct doc_value element)
{
	struct walk inner = *w;
	inner.position = NULL;
	inner.field = false;
	inner.outer = -1;
	if (node->op == MATCH_ELEM_OBJECT && element.type != BSON_TYPE_DOCUMENT &&
		element.type != BSON_TYPE_ARRAY) {
		return 0;
	}
	return eval(&inner, node->first, element);
}

static int elem_match(
	struct walk *w, const struct match_node *node, unsigned parts, struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value element;
	if (v.type != BSON_TYPE_ARRAY) {
		return 0;
	}
	doc_iter_init(&it, v.raw);
	for (int64_t i = 0; doc_next(&it, &name, &element); i++) {
		int r = eval_element(w, node, element);
		if (r > 0 && parts > 0) {
			enter_element(w, parts, i);
		}
		if (r != 0) {
			return r;
		}
	}
	return 0;
}

/* ---- paths ---- */

static int walk_document(
	struct walk *w, const struct match_node *node, struct slice document, unsigned part);
static int walk_array(
	struct walk *w, const struct match_node *node, struct doc_value array, unsigned part);

static bool is_elem_match(const struct match_node *node)
{
	return node->op == MATCH_ELEM_VALUE || node->op == MATCH_ELEM_OBJECT;
}

/* A value that stands at the end of the path; `part` names lead to it. */
static int leaf(struct walk *w, const struct match_node *node, unsigned part, struct doc_value v)
{
	int r = is_elem_match(node) ? elem_match(w, node, part, v) : match_leaf(node, v, w->err);
	if (r > 0) {
		note_position(w, node->path);
	}
	return r;
}

static int leaf_array(
	struct walk *w, const struct match_node *node, unsigned part, struct doc_value array)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value element;
	doc_iter_init(&it, array.raw);
	for (int64_t i = 0; node->op < MATCH_EXISTS && doc_next(&it, &name, &element); i++) {
		bool outermost = enter_element(w, part, i);
		int r = leaf(w, node, part, element);
		if (r != 0) {
			return r;
		}
		w->outer = outermost ? -1 : w->outer;
	}
	return leaf(w, node, part, array);
}

/* What the first `part` names lead to, by way of documents. */
static int walk_value(
	struct walk *w, const struct match_node *node, struct doc_value v, unsigned part)
{
	bool end = part == node->path->n;
	if (v.type == BSON_TYPE_ARRAY) {
		return end ? leaf_array(w, node, part, v) : walk_array(w, node, v, part);
	}
	if (end) {
		return leaf(w, node, part, v);
	}
	return v.type == BSON_TYPE_DOCUMENT ? walk_document(w, node, v.raw, part)
					    : leaf(w, node, part, DOC_MISSING);
}

static int walk_document(
	struct walk *w, const struct match_node *node, struct slice document, unsigned part)
{
	return walk_value(w, node, doc_field(document, node->path->part[part].name), part + 1);
}

/* The element whose index the name is: an array at the end is not gone into, which the
 * service does not do either. */
static int walk_index(
	struct walk *w, const struct match_node *node, struct doc_value element, unsigned part)
{
	if (part == node->path->n) {
		return leaf(w, node, part, element);
	}
	switch (element.type) {
	case BSON_TYPE_DOCUMENT: return walk_document(w, node, element.raw, part);
	case BSON_TYPE_ARRAY: return walk_array(w, node, element, part);
	default: return 0;
	}
}

static int walk_array(
	struct walk *w, const struct match_node *node, struct doc_value array, unsigned part)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value element;
	int r = 0;
	doc_iter_init(&it, array.raw);
	for (int64_t i = 0; r == 0 && doc_next(&it, &name, &element); i++) {
		bool outermost = enter_element(w, part, i);
		if (element.type == BSON_TYPE_DOCUMENT) {
			r = walk_document(w, node, element.raw, part);
		}
		if (r == 0 && node->path->part[part].index == i) {
			r = walk_index(w, node, element, part + 1);
		}
		w->outer = outermost ? -1 : w->outer;
	}
	return r;
}

static int walk_path(struct walk *w, const struct match_node *node, struct doc_value v)
{
	w->outer = -1;
	if (w->field) {
		return walk_value(w, node, v, 1);
	}
	if (node->path->n == 1 && w->position == NULL) {
		v = doc_field(v.raw, node->path->text);
		if (v.type != BSON_TYPE_ARRAY && !is_elem_match(node)) {
			return match_leaf(node, v, w->err);
		}
		return walk_value(w, node, v, 1);
	}
	return walk_document(w, node, v.raw, 0);
}

/* ---- the tree ---- */

static int eval_all(struct walk *w, const struct match_node *node, struct doc_value v)
{
	for (const struct match_node *c = node->first; c != NULL; c = c->next) {
		int r = eval(w, c, v);
		if (r <= 0) {
			return r;
		}
	}
	return 1;
}

static int eval_any(struct walk *w, const struct match_node *node, struct doc_value v)
{
	for (const struct match_node *c = node->first; c != NULL; c = c->next) {
		int r = eval(w, c, v);
		if (r != 0) {
			return r;
		}
	}
	return 0;
}

static int eval_none(struct walk *w, const struct match_node *node, struct doc_value v)
{
	struct position *position = w->position;
	w->position = NULL;
	int r = eval_any(w, node, v);
	w->position = position;
	return r < 0 ? r : !r;
}

static int eval_expr(struct walk *w, const struct match_node *node, struct doc_value v)
{
	struct doc_vars vars = *w->vars;
	struct doc_value result;
	vars.document = v.raw;
	int r = doc_expr_eval(node->expr, &vars, w->arena, &result, w->err);
	return r < 0 ? r : doc_is_true(result);
}

static int eval(struct walk *w, const struct match_node *node, struct doc_value v)
{
	switch (node->op) {
	case MATCH_AND: return eval_all(w, node, v);
	case MATCH_OR: return eval_any(w, node, v);
	case MATCH_NOR: return eval_none(w, node, v);
	case MATCH_EXPR: return eval_expr(w, node, v);
	case MATCH_NEVER: return 0;
	default: break;
	}
	if (node->path != NULL) {
		return walk_path(w, node, v);
	}
	return is_elem_match(node) ? elem_match(w, node, 0, v) : match_leaf(node, v, w->err);
}

/* ---- for callers without an arena: only $expr wants one ---- */

static int run_in_arena(const struct doc_match *m, struct walk *w, const struct match_node *node,
	struct doc_value v)
{
	_Atomic(struct doc_arena *) *spare = &((struct doc_match *)m)->spare;
	struct doc_arena *none = NULL;
	w->arena = atomic_exchange(spare, NULL);
	if (w->arena == NULL) {
		w->arena = doc_arena_new();
	}
	if (w->arena == NULL) {
		return err_set(w->err, ENOMEM, "out of memory");
	}
	int r = eval(w, node, v);
	doc_arena_clear(w->arena);
	if (!atomic_compare_exchange_strong(spare, &none, w->arena)) {
		doc_arena_free(w->arena);
	}
	return r;
}

static int run(const struct doc_match *m, struct walk *w, struct doc_value v)
{
	struct doc_vars vars = {.document = v.raw, .now_ms = m->now_ms};
	w->vars = &vars;
	w->outer = -1;
	int r = m->wants_arena ? run_in_arena(m, w, m->root, v) : eval(w, m->root, v);
	w->vars = NULL;
	return r;
}

int doc_matches(const struct doc_match *m, struct slice document, struct err *err)
{
	struct walk w = {.err = err};
	return run(m, &w, doc_value_of(document));
}

int doc_matches_vars(const struct doc_match *m, const struct doc_vars *vars, struct doc_arena *a,
	struct err *err)
{
	struct walk w = {.vars = vars, .arena = a, .err = err, .outer = -1};
	return eval(&w, m->root, doc_value_of(vars->document));
}

int match_field(const struct doc_match *m, struct doc_value v, struct err *err)
{
	struct walk w = {.err = err, .field = true};
	return run(m, &w, v);
}

int match_element(const struct doc_match *m, struct doc_value v, struct err *err)
{
	struct doc_vars vars = {.now_ms = m->now_ms};
	struct walk w = {.vars = &vars, .err = err, .outer = -1};
	const struct match_node *node = m->root->first;
	if (!m->wants_arena) {
		return eval_element(&w, node, v);
	}
	if (node->op == MATCH_ELEM_OBJECT && v.type != BSON_TYPE_DOCUMENT &&
		v.type != BSON_TYPE_ARRAY) {
		return 0;
	}
	return run_in_arena(m, &w, node->first, v);
}

int match_position(const struct doc_match *m, struct slice document, struct slice path,
	int64_t *index, struct err *err)
{
	struct position position = {path, -1, -1};
	struct walk w = {.err = err, .position = &position};
	int r = run(m, &w, doc_value_of(document));
	*index = position.there >= 0 ? position.there : position.elsewhere;
	return r;
}

/* ---- making ---- */

void doc_match_free(struct doc_match *m)
{
	if (m == NULL) {
		return;
	}
	for (struct match_node *n = m->owners; n != NULL; n = n->owner) {
		match_regex_free(n->regex);
		doc_expr_free(n->expr);
	}
	doc_arena_free(atomic_load(&m->spare));
	doc_arena_free(m->arena);
	free(m);
}

static struct doc_match *match_alloc(void)
{
	struct doc_match *m = calloc(1, sizeof(*m));
	if (m == NULL) {
		return NULL;
	}
	m->arena = doc_arena_new();
	m->now_ms = clock_wall_ns() / 1000000;
	if (m->arena == NULL) {
		free(m);
		return NULL;
	}
	return m;
}

/* `make` adds to the root what the spec means. */
typedef int make_fn(struct match_parser *p, struct doc_value spec, struct match_node *root);

static int make(struct doc_value spec, const struct doc_var *known, make_fn *fn,
	struct doc_match **out, struct err *err)
{
	struct match_parser p = {match_alloc(), known, err, 0};
	if (p.m == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int r = -ENOMEM;
	spec = doc_make_copy(p.m->arena, spec);
	p.m->root = match_node_new(&p, MATCH_AND, NULL);
	if (p.m->root != NULL && doc_arena_check(p.m->arena, err) == 0) {
		r = fn(&p, spec, p.m->root);
	}
	if (r < 0) {
		doc_match_free(p.m);
		return r;
	}
	*out = p.m;
	return 0;
}

static int make_filter(struct match_parser *p, struct doc_value spec, struct match_node *root)
{
	int r = match_parse_filter(p, spec.raw, root);
	return r < 0 ? r : match_plan(p->m, p->err);
}

int doc_match_new_vars(
	struct slice filter, const struct doc_var *known, struct doc_match **out, struct err *err)
{
	return make(doc_value_of(filter), known, make_filter, out, err);
}

int doc_match_new(struct slice filter, struct doc_match **out, struct err *err)
{
	return doc_match_new_vars(filter, NULL, out, err);
}

static int make_element(struct match_parser *p, struct doc_value spec, struct match_node *root)
{
	struct match_node *node = NULL;
	int r = match_parse_element(p, spec, &node);
	if (r == 0 && node != NULL) {
		match_node_add(root, node);
	}
	return r;
}

int match_new_element(
	struct doc_value spec, const struct doc_var *known, struct doc_match **out, struct err *err)
{
	return make(spec, known, make_element, out, err);
}

bool doc_match_all(const struct doc_match *m)
{
	return m->root->first == NULL;
}

/* ---- equalities ---- */

static int each_equality(const struct match_node *node, doc_equality_fn *fn, void *arg)
{
	int r = 0;
	for (const struct match_node *c = node->first; c != NULL && r == 0; c = c->next) {
		if (c->op == MATCH_AND || (c->op == MATCH_OR && c->first->next == NULL)) {
			r = each_equality(c, fn, arg);
		} else if (c->op == MATCH_EQ && c->path != NULL) {
			r = fn(arg, c->path->text, c->value);
		} else if (c->op == MATCH_IN && c->path != NULL && c->n_in == 1 && !c->in_null &&
			   c->first == NULL) {
			r = fn(arg, c->path->text, c->in[0]);
		}
	}
	return r;
}

int doc_match_equalities(const struct doc_match *m, doc_equality_fn *fn, void *arg)
{
	return each_equality(m->root, fn, arg);
}
