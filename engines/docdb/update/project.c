/* Projections: documents are copied member by member, in their order; what is computed comes
 * behind, in the order of the specification. Where a path meets an array, it goes on in each
 * element that is a document. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/clock.h"
#include "engines/docdb/match/match_impl.h"
#include "engines/docdb/update/project_impl.h"
#include "engines/docdb/values/value_impl.h"

struct work {
	const struct doc_project *p;
	const struct doc_vars *vars;
	struct doc_arena *arena;
	int64_t position; /* of "a.$", until the first array took it; -1 */
	struct buf *out;
	struct err *err;
};

static const struct project_node *child_of(const struct project_node *parent, struct slice name)
{
	const struct project_node *c = parent->first;
	while (c != NULL && !slice_equal(c->name, name)) {
		c = c->next;
	}
	return c;
}

/* ---- arrays cut down ---- */

static int64_t count(struct slice array)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int64_t n = 0;
	doc_iter_init(&it, array);
	while (doc_next(&it, &name, &v)) {
		n++;
	}
	return n;
}

static void put_elements(
	struct work *w, struct slice name, struct slice array, int64_t begin, int64_t end)
{
	struct doc_iter it;
	struct slice index;
	struct doc_value v;
	size_t at = doc_put_begin(w->out, name, BSON_TYPE_ARRAY);
	unsigned kept = 0;
	doc_iter_init(&it, array);
	for (int64_t i = 0; i < end && doc_next(&it, &index, &v); i++) {
		if (i >= begin) {
			doc_put_index(w->out, kept++, v);
		}
	}
	doc_end(w->out, at);
}

static void put_slice(
	struct work *w, const struct project_node *node, struct slice name, struct doc_value v)
{
	if (v.type != BSON_TYPE_ARRAY) {
		doc_put(w->out, name, v);
		return;
	}
	int64_t n = count(v.raw);
	int64_t begin = node->skip;
	int64_t limit = node->limit;
	if (limit < 0) {
		begin = limit;
		limit = -limit;
	}
	if (begin < 0) {
		begin = n + begin > 0 ? n + begin : 0;
	}
	put_elements(w, name, v.raw, begin, begin + limit);
}

static int put_position(struct work *w, struct slice name, struct doc_value v)
{
	if (v.type != BSON_TYPE_ARRAY || w->position < 0) {
		doc_put(w->out, name, v);
		return 0;
	}
	if (w->position >= count(v.raw)) {
		return err_set(w->err, EINVAL,
			"Executor error during find command :: caused by :: positional operator "
			"'.$' element mismatch");
	}
	put_elements(w, name, v.raw, w->position, w->position + 1);
	return 0;
}

/* ---- what is computed ---- */

static int put_expr(struct work *w, const struct project_node *node)
{
	struct doc_value v;
	int r = doc_expr_eval(node->expr, w->vars, w->arena, &v, w->err);
	if (r == 0) {
		doc_put(w->out, node->name, v);
	}
	return r;
}

static int put_elem(struct work *w, const struct project_node *node, struct slice document)
{
	struct doc_iter it;
	struct slice index;
	struct doc_value element;
	struct doc_value v = doc_field(document, node->name);
	int r = 0;
	if (v.type != BSON_TYPE_ARRAY) {
		return 0;
	}
	doc_iter_init(&it, v.raw);
	while (r == 0 && doc_next(&it, &index, &element)) {
		r = match_element(node->match, element, w->err);
	}
	if (r > 0) {
		size_t at = doc_put_begin(w->out, node->name, BSON_TYPE_ARRAY);
		doc_put_index(w->out, 0, element);
		doc_end(w->out, at);
	}
	return r < 0 ? r : 0;
}

static int put_computed(struct work *w, const struct project_node *parent, struct slice document)
{
	int r = 0;
	for (const struct project_node *c = parent->first; c != NULL && r == 0; c = c->next) {
		if (c->kind == PROJECT_EXPR) {
			r = put_expr(w, c);
		} else if (c->kind == PROJECT_ELEM) {
			r = put_elem(w, c, document);
		} else if (c->computes && doc_field(document, c->name).type == BSON_TYPE_EOD) {
			size_t at = doc_put_begin(w->out, c->name, BSON_TYPE_DOCUMENT);
			r = put_computed(w, c, slice_of(""));
			doc_end(w->out, at);
		}
	}
	return r;
}

/* ---- including ---- */

static int include_members(struct work *w, const struct project_node *node, struct slice document);

static int include_document(
	struct work *w, const struct project_node *node, struct slice name, struct slice document)
{
	size_t at = doc_put_begin(w->out, name, BSON_TYPE_DOCUMENT);
	int r = include_members(w, node, document);
	doc_end(w->out, at);
	return r;
}

/* Of elements, documents stay and what is in arrays; others, if something is computed there. */
static int include_array(
	struct work *w, const struct project_node *node, struct slice name, struct slice array)
{
	struct doc_iter it;
	struct slice index;
	struct doc_value v;
	char digits[12];
	int64_t only = node->positional ? w->position : -1;
	size_t at = doc_put_begin(w->out, name, BSON_TYPE_ARRAY);
	unsigned kept = 0;
	int r = 0;
	w->position = node->positional ? -1 : w->position;
	doc_iter_init(&it, array);
	for (int64_t i = 0; r == 0 && doc_next(&it, &index, &v); i++) {
		struct slice as = slice_make(digits, doc_index_name(kept, digits));
		if (only >= 0 && i != only) {
			continue;
		}
		if (v.type == BSON_TYPE_DOCUMENT) {
			r = include_document(w, node, as, v.raw);
		} else if (v.type == BSON_TYPE_ARRAY) {
			r = include_array(w, node, as, v.raw);
		} else if (node->computes) {
			r = include_document(w, node, as, slice_of(""));
		} else {
			continue;
		}
		kept++;
	}
	doc_end(w->out, at);
	return r;
}

static int include_tree(
	struct work *w, const struct project_node *node, struct slice name, struct doc_value v)
{
	switch (v.type) {
	case BSON_TYPE_DOCUMENT: return include_document(w, node, name, v.raw);
	case BSON_TYPE_ARRAY: return include_array(w, node, name, v.raw);
	default: return node->computes ? include_document(w, node, name, slice_of("")) : 0;
	}
}

static int include_member(
	struct work *w, const struct project_node *node, struct slice name, struct doc_value v)
{
	switch (node->kind) {
	case PROJECT_TREE: return include_tree(w, node, name, v);
	case PROJECT_INCLUDE: doc_put(w->out, name, v); return 0;
	case PROJECT_SLICE: put_slice(w, node, name, v); return 0;
	case PROJECT_POSITION: return put_position(w, name, v);
	default: return 0;
	}
}

static int include_members(struct work *w, const struct project_node *node, struct slice document)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;
	doc_iter_init(&it, document);
	while (r == 0 && doc_next(&it, &name, &v)) {
		const struct project_node *c = child_of(node, name);
		if (c != NULL) {
			r = include_member(w, c, name, v);
		}
	}
	return r == 0 && node->computes ? put_computed(w, node, document) : r;
}

/* ---- excluding ---- */

static void exclude_members(
	struct work *w, const struct project_node *node, struct slice document, bool array);

static void exclude_member(
	struct work *w, const struct project_node *node, struct slice name, struct doc_value v)
{
	bool nested = v.type == BSON_TYPE_DOCUMENT || v.type == BSON_TYPE_ARRAY;
	if (node == NULL || node->kind == PROJECT_INCLUDE ||
		(node->kind == PROJECT_TREE && !nested)) {
		doc_put(w->out, name, v);
	} else if (node->kind == PROJECT_TREE) {
		size_t at = doc_put_begin(w->out, name, v.type);
		exclude_members(w, node, v.raw, v.type == BSON_TYPE_ARRAY);
		doc_end(w->out, at);
	} else if (node->kind == PROJECT_SLICE) {
		put_slice(w, node, name, v);
	}
}

/* An array's elements have the node itself, not its children. */
static void exclude_members(
	struct work *w, const struct project_node *node, struct slice document, bool array)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	doc_iter_init(&it, document);
	while (doc_next(&it, &name, &v)) {
		exclude_member(w, array ? node : child_of(node, name), name, v);
	}
}

/* ---- as a whole ---- */

static int find_position(struct work *w, struct slice document, const struct doc_match *filter)
{
	int r = filter != NULL
			? match_position(filter, document, w->p->position, &w->position, w->err)
			: 0;
	if (r < 0) {
		return r;
	}
	return w->position >= 0
		       ? 0
		       : err_set(w->err, EINVAL,
				 "Executor error during find command :: caused by :: positional "
				 "operator '.$' couldn't find a matching element in the array");
}

int doc_project_apply_vars(const struct doc_project *p, const struct doc_vars *vars,
	const struct doc_match *filter, struct doc_arena *a, struct buf *out, struct err *err)
{
	struct work w = {p, vars, a, -1, out, err};
	int r = 0;
	if (p->all) {
		buf_append_slice(out, vars->document);
		return buf_check(out, err);
	}
	if (p->position.n > 0) {
		r = find_position(&w, vars->document, filter);
	}
	if (r < 0) {
		return r;
	}
	size_t at = doc_begin(out);
	if (p->including) {
		r = include_members(&w, p->root, vars->document);
	} else {
		exclude_members(&w, p->root, vars->document, false);
	}
	doc_end(out, at);
	return r < 0 ? r : buf_check(out, err);
}

static int apply_in_arena(const struct doc_project *p, const struct doc_vars *vars,
	const struct doc_match *filter, struct buf *out, struct err *err)
{
	_Atomic(struct doc_arena *) *spare = &((struct doc_project *)p)->spare;
	struct doc_arena *none = NULL;
	struct doc_arena *a = atomic_exchange(spare, NULL);
	if (a == NULL) {
		a = doc_arena_new();
	}
	if (a == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int r = doc_project_apply_vars(p, vars, filter, a, out, err);
	doc_arena_clear(a);
	if (!atomic_compare_exchange_strong(spare, &none, a)) {
		doc_arena_free(a);
	}
	return r;
}

int doc_project_apply(const struct doc_project *p, struct slice document,
	const struct doc_match *filter, struct buf *out, struct err *err)
{
	struct doc_vars vars = {.document = document, .now_ms = p->now_ms};
	return p->wants_arena ? apply_in_arena(p, &vars, filter, out, err)
			      : doc_project_apply_vars(p, &vars, filter, NULL, out, err);
}

/* ---- making ---- */

void doc_project_free(struct doc_project *p)
{
	if (p == NULL) {
		return;
	}
	for (struct project_node *n = p->owners; n != NULL; n = n->owner) {
		doc_expr_free(n->expr);
		doc_match_free(n->match);
	}
	doc_arena_free(atomic_load(&p->spare));
	doc_arena_free(p->arena);
	free(p);
}

static struct doc_project *project_alloc(void)
{
	struct doc_project *p = calloc(1, sizeof(*p));
	if (p == NULL) {
		return NULL;
	}
	p->arena = doc_arena_new();
	p->root = p->arena != NULL ? doc_arena_alloc(p->arena, sizeof(*p->root)) : NULL;
	if (p->root == NULL) {
		doc_project_free(p);
		return NULL;
	}
	*p->root = (struct project_node){.kind = PROJECT_TREE};
	return p;
}

int doc_project_new_vars(struct slice spec, bool find, const struct doc_var *known,
	struct doc_project **out, struct err *err)
{
	struct doc_project *p = project_alloc();
	if (p == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	p->now_ms = clock_wall_ns() / 1000000;
	struct doc_value copy = doc_make_copy(p->arena, doc_value_of(spec));
	int r = doc_arena_check(p->arena, err);
	r = r < 0 ? r : project_parse(p, copy.raw, find, known, err);
	if (r < 0) {
		doc_project_free(p);
		return r;
	}
	*out = p;
	return 0;
}

int doc_project_new(struct slice spec, bool find, struct doc_project **out, struct err *err)
{
	return doc_project_new_vars(spec, find, NULL, out, err);
}
