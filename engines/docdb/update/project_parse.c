/* From a projection to the tree of its paths. Whether it includes or excludes is said by its
 * members, all alike; only _id may differ, and $slice says neither. */
#include <errno.h>
#include <stdlib.h>

#include "engines/docdb/match/match_impl.h"
#include "engines/docdb/update/project_impl.h"

#define SHOWN(s) (int)((s).n < 200 ? (s).n : 200), (s).p

struct parser {
	struct doc_project *p;
	bool find;
	const struct doc_var *known;
	struct slice spelled;  /* the member at hand, for messages */
	struct slice includes; /* a member that includes; p: NULL: none */
	struct slice excludes;
	bool id_included;
	bool id_excluded;
	bool elem;
	struct err *err;
};

static int no_memory(const struct parser *q)
{
	err_set(q->err, ENOMEM, "out of memory");
	return -ENOMEM;
}

/* ---- paths ---- */

static int check_name(const struct parser *q, struct slice name)
{
	if (name.n == 0) {
		return err_set(q->err, EINVAL, "FieldPath field names may not be empty strings.");
	}
	if (name.p[0] == '$' && !slice_is(name, "$ref") && !slice_is(name, "$id") &&
		!slice_is(name, "$db")) {
		return err_set(q->err, EINVAL,
			"FieldPath field names may not start with '$': '%.*s' in '%.*s'",
			SHOWN(name), SHOWN(q->spelled));
	}
	return 0;
}

static int check_path(const struct parser *q, struct slice path)
{
	unsigned parts = 1;
	if (path.n == 0) {
		return err_set(q->err, EINVAL, "FieldPath cannot be constructed with empty string");
	}
	if (path.p[path.n - 1] == '.') {
		return err_set(q->err, EINVAL, "FieldPath must not end with a '.'.");
	}
	for (size_t i = 0; i < path.n; i++) {
		parts += path.p[i] == '.';
	}
	return parts <= DOC_DEPTH_MAX
		       ? 0
		       : err_set(q->err, EINVAL, "FieldPath is too long: %u names, %d are possible",
				 parts, DOC_DEPTH_MAX);
}

static struct project_node *child_of(const struct project_node *parent, struct slice name)
{
	struct project_node *c = parent->first;
	while (c != NULL && !slice_equal(c->name, name)) {
		c = c->next;
	}
	return c;
}

static struct project_node *add_child(
	struct doc_project *p, struct project_node *parent, struct slice name)
{
	struct project_node *node = doc_arena_alloc(p->arena, sizeof(*node));
	if (node == NULL) {
		return NULL;
	}
	*node = (struct project_node){.kind = PROJECT_TREE, .name = name};
	*(parent->last != NULL ? &parent->last->next : &parent->first) = node;
	parent->last = node;
	return node;
}

static void own(struct doc_project *p, struct project_node *node)
{
	node->owner = p->owners;
	p->owners = node;
}

/* The node at the end of the path below `parent`: a new leaf, or for a tree one that may be there.
 */
static int reach(const struct parser *q, struct project_node *parent, struct slice path, bool tree,
	struct project_node **out)
{
	struct slice rest = path;
	*out = NULL;
	int r = check_path(q, path);
	while (r == 0) {
		const char *dot = memchr(rest.p, '.', rest.n);
		struct slice name =
			slice_make(rest.p, dot != NULL ? (size_t)(dot - rest.p) : rest.n);
		r = check_name(q, name);
		struct project_node *node = r == 0 ? child_of(parent, name) : NULL;
		bool end = dot == NULL;
		if (r == 0 && node != NULL && (node->kind != PROJECT_TREE || (end && !tree))) {
			err_set(q->err, EINVAL,
				end ? "Path collision at %.*s"
				    : "Path collision at %.*s remaining portion %.*s",
				SHOWN(q->spelled), (int)(rest.n - name.n - !end),
				end ? "" : dot + 1);
			return -EINVAL;
		}
		node = node == NULL && r == 0 ? add_child(q->p, parent, name) : node;
		if (r == 0 && node == NULL) {
			return no_memory(q);
		}
		if (end) {
			*out = node;
			return r;
		}
		parent = node;
		rest = slice_make(dot + 1, rest.n - name.n - 1);
	}
	return r;
}

/* ---- operators of find ---- */

static bool slice_bound(struct doc_value v, int64_t *out)
{
	double n = doc_is_number(v) ? doc_double(v) : 0;
	if (!doc_is_number(v)) {
		return false;
	}
	if (!doc_as_int64(v, out)) {
		*out = n >= 2147483647.0 ? INT32_MAX : n <= -2147483647.0 ? -INT32_MAX : (int64_t)n;
	}
	*out = *out > INT32_MAX ? INT32_MAX : *out < -INT32_MAX ? -INT32_MAX : *out;
	return true;
}

/* Whether it is $slice of a projection; the expression has another form. */
static bool is_slice(struct slice spec)
{
	struct doc_value v = doc_field(spec, slice_of("$slice"));
	return doc_is_number(v) ||
	       (v.type == BSON_TYPE_ARRAY && doc_is_number(doc_field(v.raw, slice_of("0"))) &&
		       doc_is_number(doc_field(v.raw, slice_of("1"))) &&
		       doc_field(v.raw, slice_of("2")).type == BSON_TYPE_EOD);
}

static int parse_slice(const struct parser *q, struct slice spec, struct project_node *node)
{
	struct doc_value v = doc_field(spec, slice_of("$slice"));
	node->kind = PROJECT_SLICE;
	if (v.type != BSON_TYPE_ARRAY) {
		slice_bound(v, &node->limit);
		return 0;
	}
	slice_bound(doc_field(v.raw, slice_of("0")), &node->skip);
	slice_bound(doc_field(v.raw, slice_of("1")), &node->limit);
	return node->limit > 0 ? 0 : err_set(q->err, EINVAL, "$slice limit must be positive");
}

static int parse_elem(struct parser *q, struct doc_value spec, struct project_node *node)
{
	if (memchr(q->spelled.p, '.', q->spelled.n) != NULL) {
		return err_set(
			q->err, EINVAL, "Cannot use $elemMatch projection on a nested field.");
	}
	node->kind = PROJECT_ELEM;
	q->elem = true;
	q->includes = q->spelled;
	int r = match_new_element(spec, q->known, &node->match, q->err);
	if (r == 0) {
		own(q->p, node);
	}
	return r;
}

static int parse_expr(struct parser *q, struct doc_value v, struct project_node *node)
{
	node->kind = PROJECT_EXPR;
	q->includes = q->spelled;
	q->p->wants_arena = true;
	int r = doc_expr_new(v, q->known, &node->expr, q->err);
	if (r == 0) {
		own(q->p, node);
	}
	return r;
}

static int parse_position(
	struct parser *q, struct project_node *parent, struct slice path, struct doc_value v)
{
	struct project_node *node = NULL;
	if (!doc_is_number(v) && v.type != BSON_TYPE_BOOL) {
		return err_set(q->err, EINVAL,
			"positional projection cannot be used with a "
			"literal");
	}
	if (q->p->position.n > 0) {
		return err_set(q->err, EINVAL,
			"Cannot specify more than one positional projection per query.");
	}
	if (!doc_is_true(v)) {
		return err_set(
			q->err, EINVAL, "positional projection cannot be used with exclusion");
	}
	path.n -= 2;
	q->includes = q->spelled;
	q->p->position = path;
	int r = reach(q, parent, path, false, &node);
	if (node != NULL) {
		node->kind = PROJECT_POSITION;
	}
	return r;
}

/* ---- members ---- */

static bool is_id(const struct parser *q, const struct project_node *parent, struct slice path)
{
	return parent == q->p->root && slice_is(path, "_id");
}

static int parse_flag(
	struct parser *q, struct project_node *parent, struct slice path, bool include)
{
	struct project_node *node = NULL;
	int r = reach(q, parent, path, false, &node);
	if (node == NULL) {
		return r;
	}
	node->kind = include ? PROJECT_INCLUDE : PROJECT_EXCLUDE;
	if (is_id(q, parent, path)) {
		q->id_included = include;
		q->id_excluded = !include;
	} else if (include) {
		q->includes = q->spelled;
	} else {
		q->excludes = q->spelled;
	}
	return 0;
}

static int parse_members(struct parser *q, struct project_node *parent, struct slice spec);

static int parse_object(
	struct parser *q, struct project_node *parent, struct slice path, struct doc_value v)
{
	struct project_node *node = NULL;
	if (doc_is_empty(v.raw)) {
		return err_set(q->err, EINVAL,
			"An empty sub-projection is not a valid value. Found empty object at path "
			"'%.*s'",
			SHOWN(path));
	}
	bool operators = match_is_operators(v);
	int r = reach(q, parent, path, !operators, &node);
	if (node == NULL) {
		return r;
	}
	if (!operators) {
		return parse_members(q, node, v.raw);
	}
	struct doc_value elem = doc_field(v.raw, slice_of("$elemMatch"));
	if (q->find && elem.type != BSON_TYPE_EOD) {
		return parse_elem(q, elem, node);
	}
	return q->find && is_slice(v.raw) ? parse_slice(q, v.raw, node) : parse_expr(q, v, node);
}

static int parse_member(
	struct parser *q, struct project_node *parent, struct slice path, struct doc_value v)
{
	struct project_node *node = NULL;
	if (q->find && path.n > 2 && memcmp(path.p + path.n - 2, ".$", 2) == 0) {
		return parse_position(q, parent, path, v);
	}
	if (doc_is_number(v) || v.type == BSON_TYPE_BOOL) {
		return parse_flag(q, parent, path, doc_is_true(v));
	}
	if (v.type == BSON_TYPE_DOCUMENT) {
		return parse_object(q, parent, path, v);
	}
	int r = reach(q, parent, path, false, &node);
	return node == NULL ? r : parse_expr(q, v, node);
}

static int parse_members(struct parser *q, struct project_node *parent, struct slice spec)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;
	doc_iter_init(&it, spec);
	while (r == 0 && doc_next(&it, &name, &v)) {
		if (parent == q->p->root) {
			q->spelled = name;
		}
		r = parse_member(q, parent, name, v);
	}
	return r;
}

/* ---- as a whole ---- */

static void mark(struct project_node *node)
{
	node->computes = node->kind == PROJECT_EXPR || node->kind == PROJECT_ELEM;
	node->positional = node->kind == PROJECT_POSITION;
	for (struct project_node *c = node->first; c != NULL; c = c->next) {
		mark(c);
		node->computes = node->computes || c->computes;
		node->positional = node->positional || c->positional;
	}
}

static int settle(struct parser *q)
{
	if (q->includes.p != NULL && q->excludes.p != NULL) {
		bool later = q->excludes.p > q->includes.p;
		struct slice name = later ? q->excludes : q->includes;
		return err_set(q->err, EINVAL, "Cannot do %s on field %.*s in %s projection",
			later ? "exclusion" : "inclusion", SHOWN(name),
			later ? "inclusion" : "exclusion");
	}
	if (q->elem && q->p->position.n > 0) {
		return err_set(q->err, EINVAL,
			"Cannot specify positional operator and $elemMatch in one projection.");
	}
	q->p->including = q->includes.p != NULL || (q->id_included && q->excludes.p == NULL);
	q->p->all = q->p->root->first == NULL;
	if (q->p->including && child_of(q->p->root, slice_of("_id")) == NULL) {
		struct project_node *id = add_child(q->p, q->p->root, slice_of("_id"));
		if (id == NULL) {
			return no_memory(q);
		}
		id->kind = PROJECT_INCLUDE;
	}
	mark(q->p->root);
	return 0;
}

int project_parse(struct doc_project *p, struct slice spec, bool find, const struct doc_var *known,
	struct err *err)
{
	struct parser q = {.p = p, .find = find, .known = known, .err = err};
	if (!find && doc_is_empty(spec)) {
		return err_set(
			err, EINVAL, "projection specification must have at least one field");
	}
	int r = parse_members(&q, p->root, spec);
	return r < 0 ? r : settle(&q);
}
