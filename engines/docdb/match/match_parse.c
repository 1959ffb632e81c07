/* From a filter document to the tree.
 *
 * {a: {$gt: 1, $lt: 5}} is two conditions of one path; {a: {b: 1}} an equality. What decides is the
 * first member of the object: an operator, and all must be. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/suggest.h"
#include "engines/docdb/match/match_impl.h"

/* Names are shown in messages up to here. */
#define SHOWN(s) (int)((s).n < 200 ? (s).n : 200), (s).p

int match_no_memory(struct match_parser *p)
{
	return err_set(p->err, ENOMEM, "out of memory");
}

/* ---- nodes ---- */

struct match_node *match_node_new(
	struct match_parser *p, enum match_op op, const struct match_path *path)
{
	struct match_node *node = doc_arena_alloc(p->m->arena, sizeof(*node));
	if (node != NULL) {
		*node = (struct match_node){.op = op, .path = path};
	}
	return node;
}

void match_node_add(struct match_node *parent, struct match_node *child)
{
	struct match_node **end = parent->last != NULL ? &parent->last->next : &parent->first;
	*end = child;
	parent->last = child;
}

void match_node_own(struct match_parser *p, struct match_node *node)
{
	node->owner = p->m->owners;
	p->m->owners = node;
}

static struct match_node *add_node(struct match_parser *p, enum match_op op,
	const struct match_path *path, struct match_node *parent)
{
	struct match_node *node = match_node_new(p, op, path);
	if (node != NULL) {
		match_node_add(parent, node);
	}
	return node;
}

/* ---- paths ---- */

int64_t match_index_of(struct slice name)
{
	int64_t n = 0;
	if (name.n == 0 || name.n > 9 || (name.n > 1 && name.p[0] == '0')) {
		return -1;
	}
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] < '0' || name.p[i] > '9') {
			return -1;
		}
		n = n * 10 + (name.p[i] - '0');
	}
	return n;
}

static unsigned count_parts(struct slice text)
{
	unsigned n = 1;
	for (size_t i = 0; i < text.n; i++) {
		n += text.p[i] == '.';
	}
	return n;
}

static struct match_path *new_path(struct match_parser *p, struct slice text)
{
	unsigned n = count_parts(text);
	struct match_path *path = doc_arena_alloc(p->m->arena, sizeof(*path));
	struct match_part *part = doc_arena_alloc(p->m->arena, n * sizeof(*part));
	if (path == NULL || part == NULL) {
		return NULL;
	}
	*path = (struct match_path){text, part, n};
	for (unsigned i = 0; i < n; i++) {
		const char *dot = memchr(text.p, '.', text.n);
		size_t length = dot != NULL ? (size_t)(dot - text.p) : text.n;
		part[i].name = slice_make(text.p, length);
		part[i].index = match_index_of(part[i].name);
		text = dot != NULL ? slice_make(dot + 1, text.n - length - 1) : text;
	}
	return path;
}

/* ---- operators that take others ---- */

bool match_is_operators(struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value first;
	if (v.type != BSON_TYPE_DOCUMENT) {
		return false;
	}
	doc_iter_init(&it, v.raw);
	return doc_next(&it, &name, &first) && name.n > 0 && name.p[0] == '$' &&
	       !slice_is(name, "$ref") && !slice_is(name, "$id") && !slice_is(name, "$db");
}

static int parse_not(struct match_parser *p, const struct match_path *path, struct doc_value v,
	struct match_node *parent)
{
	struct match_node *nor = add_node(p, MATCH_NOR, NULL, parent);
	struct match_node *all = nor != NULL ? add_node(p, MATCH_AND, NULL, nor) : NULL;
	if (all == NULL) {
		return match_no_memory(p);
	}
	if (v.type == BSON_TYPE_REGEX) {
		return match_parse_value(p, path, v, all);
	}
	if (v.type != BSON_TYPE_DOCUMENT) {
		return err_set(p->err, EINVAL, "$not needs a regex or a document");
	}
	if (doc_is_empty(v.raw)) {
		return err_set(p->err, EINVAL, "$not cannot be empty");
	}
	return match_parse_operators(p, path, v.raw, all);
}

/* Conditions of the element itself, or of a document that the element is? */
static bool elem_is_value(struct slice spec)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	doc_iter_init(&it, spec);
	return match_is_operators(doc_value_of(spec)) && doc_next(&it, &name, &v) &&
	       !slice_is(name, "$and") && !slice_is(name, "$or") && !slice_is(name, "$nor") &&
	       !slice_is(name, "$expr") && !slice_is(name, "$where");
}

int match_parse_element(struct match_parser *p, struct doc_value spec, struct match_node **out)
{
	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(p->err, EINVAL, "$elemMatch needs an Object");
	}
	bool value = elem_is_value(spec.raw);
	struct match_node *node =
		match_node_new(p, value ? MATCH_ELEM_VALUE : MATCH_ELEM_OBJECT, NULL);
	struct match_node *all = node != NULL ? add_node(p, MATCH_AND, NULL, node) : NULL;
	if (all == NULL) {
		return match_no_memory(p);
	}
	p->nested++;
	int r = value ? match_parse_operators(p, NULL, spec.raw, all)
		      : match_parse_filter(p, spec.raw, all);
	p->nested--;
	*out = node;
	return r;
}

static int parse_elem_match(struct match_parser *p, const struct match_path *path,
	struct doc_value v, struct match_node *parent)
{
	struct match_node *node = NULL;
	int r = match_parse_element(p, v, &node);
	if (r == 0 && node != NULL) {
		node->path = path;
		match_node_add(parent, node);
	}
	return r;
}

static bool is_elem_match_object(struct doc_value v)
{
	return match_is_operators(v) &&
	       doc_field(v.raw, slice_of("$elemMatch")).type != BSON_TYPE_EOD;
}

static int parse_all_one(struct match_parser *p, const struct match_path *path, struct doc_value v,
	bool elem, struct match_node *parent)
{
	if (elem != is_elem_match_object(v)) {
		return err_set(p->err, EINVAL,
			match_is_operators(v) && !elem ? "no $ expressions in $all"
						       : "$all/$elemMatch has to be consistent");
	}
	return elem ? match_parse_operators(p, path, v.raw, parent)
		    : match_parse_value(p, path, v, parent);
}

static int parse_all(struct match_parser *p, const struct match_path *path, struct doc_value v,
	struct match_node *parent)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value element;
	int r = 0;
	if (v.type != BSON_TYPE_ARRAY) {
		return err_set(p->err, EINVAL, "$all needs an array");
	}
	if (doc_is_empty(v.raw)) {
		return add_node(p, MATCH_NEVER, path, parent) != NULL ? 0 : match_no_memory(p);
	}
	bool elem = is_elem_match_object(doc_field(v.raw, slice_of("0")));
	doc_iter_init(&it, v.raw);
	while (r == 0 && doc_next(&it, &name, &element)) {
		r = parse_all_one(p, path, element, elem, parent);
	}
	return r;
}

/* ---- regular expressions ---- */

static int add_regex(struct match_parser *p, const struct match_path *path, struct slice pattern,
	struct slice options, struct match_node *parent)
{
	struct match_node *node = add_node(p, MATCH_REGEX, path, parent);
	if (node == NULL) {
		return match_no_memory(p);
	}
	int r = match_regex_new(pattern, options, &node->regex, p->err);
	if (r == 0) {
		match_node_own(p, node);
	}
	return r;
}

static int regex_options(struct match_parser *p, struct doc_value v, struct slice *options)
{
	if (v.type == BSON_TYPE_EOD) {
		return 0;
	}
	if (v.type != BSON_TYPE_UTF8) {
		return err_set(p->err, EINVAL, "$options has to be a string");
	}
	if (options->n > 0) {
		return err_set(p->err, EINVAL, "options set in both $regex and $options");
	}
	*options = doc_string(v);
	return 0;
}

/* $regex and $options stand beside one another, in any order. */
static int parse_regex(struct match_parser *p, const struct match_path *path,
	struct slice operators, struct match_node *parent)
{
	struct doc_value v = doc_field(operators, slice_of("$regex"));
	struct slice pattern;
	struct slice options = slice_of("");
	if (v.type == BSON_TYPE_REGEX) {
		match_regex_split(v, &pattern, &options);
	} else if (v.type == BSON_TYPE_UTF8) {
		pattern = doc_string(v);
	} else {
		return err_set(p->err, EINVAL, "$regex has to be a string");
	}
	int r = regex_options(p, doc_field(operators, slice_of("$options")), &options);
	return r < 0 ? r : add_regex(p, path, pattern, options, parent);
}

static int parse_options(struct match_parser *p, struct slice operators)
{
	return doc_field(operators, slice_of("$regex")).type != BSON_TYPE_EOD
		       ? 0
		       : err_set(p->err, EINVAL, "$options needs a $regex");
}

/* ---- all operators ---- */

static const char *const composed[] = {"$not", "$elemMatch", "$all", "$regex", "$options"};
#define N_COMPOSED (sizeof(composed) / sizeof(composed[0]))

static const char *next_operator(const void *arg, unsigned i)
{
	(void)arg;
	return i < N_COMPOSED ? composed[i] : match_operand_name(i - (unsigned)N_COMPOSED);
}

static int refuse_operator(struct match_parser *p, struct slice name)
{
	char word[64] = "";
	memcpy(word, name.p, name.n < sizeof(word) ? name.n : sizeof(word) - 1);
	const char *near = suggest(word, next_operator, NULL);
	return err_set(p->err, EINVAL, "unknown operator: %.*s%s%s%s", SHOWN(name),
		near != NULL ? "; did you mean " : "", near != NULL ? near : "",
		near != NULL ? "?" : "");
}

static int parse_operand(struct match_parser *p, const struct match_path *path, struct slice name,
	struct doc_value v, struct match_node *parent)
{
	const struct match_operand *operand = match_operand_find(name);
	if (operand == NULL) {
		return refuse_operator(p, name);
	}
	struct match_node *node = match_node_new(p, operand->op, path);
	if (node == NULL) {
		return match_no_memory(p);
	}
	int r = operand->parse(p, node, v);
	if (r < 0) {
		return r;
	}
	if (operand->negated || (operand->op == MATCH_EXISTS && node->number == 0)) {
		parent = add_node(p, MATCH_NOR, NULL, parent);
	}
	if (parent == NULL) {
		return match_no_memory(p);
	}
	match_node_add(parent, node);
	return 0;
}

static int parse_operator(struct match_parser *p, const struct match_path *path,
	struct slice operators, struct slice name, struct doc_value v, struct match_node *parent)
{
	if (slice_is(name, "$not")) {
		return parse_not(p, path, v, parent);
	}
	if (slice_is(name, "$elemMatch")) {
		return parse_elem_match(p, path, v, parent);
	}
	if (slice_is(name, "$all")) {
		return parse_all(p, path, v, parent);
	}
	if (slice_is(name, "$regex")) {
		return parse_regex(p, path, operators, parent);
	}
	if (slice_is(name, "$options")) {
		return parse_options(p, operators);
	}
	return parse_operand(p, path, name, v, parent);
}

int match_parse_operators(struct match_parser *p, const struct match_path *path,
	struct slice operators, struct match_node *parent)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;
	doc_iter_init(&it, operators);
	while (r == 0 && doc_next(&it, &name, &v)) {
		r = parse_operator(p, path, operators, name, v, parent);
	}
	return r;
}

int match_parse_value(struct match_parser *p, const struct match_path *path, struct doc_value v,
	struct match_node *parent)
{
	if (v.type == BSON_TYPE_REGEX) {
		struct slice pattern;
		struct slice options;
		match_regex_split(v, &pattern, &options);
		return add_regex(p, path, pattern, options, parent);
	}
	struct match_node *node = add_node(p, MATCH_EQ, path, parent);
	return node != NULL ? match_operand_set(p, node, v) : match_no_memory(p);
}

/* ---- documents ---- */

static int parse_logical(struct match_parser *p, struct slice name, enum match_op op,
	struct doc_value v, struct match_node *parent)
{
	struct doc_iter it;
	struct slice index;
	struct doc_value entry;
	int r = 0;
	struct match_node *node = add_node(p, op, NULL, parent);
	if (v.type != BSON_TYPE_ARRAY || doc_is_empty(v.raw)) {
		return err_set(p->err, EINVAL, "%.*s must be a nonempty array", SHOWN(name));
	}
	doc_iter_init(&it, v.raw);
	while (r == 0 && node != NULL && doc_next(&it, &index, &entry)) {
		struct match_node *all = add_node(p, MATCH_AND, NULL, node);
		if (entry.type != BSON_TYPE_DOCUMENT) {
			return err_set(p->err, EINVAL, "%.*s argument's entries must be objects",
				SHOWN(name));
		}
		r = all != NULL ? match_parse_filter(p, entry.raw, all) : match_no_memory(p);
	}
	return node != NULL ? r : match_no_memory(p);
}

static int parse_expr(struct match_parser *p, struct doc_value v, struct match_node *parent)
{
	if (p->nested > 0) {
		return err_set(
			p->err, EINVAL, "$expr can only be applied to the top-level document");
	}
	struct match_node *node = add_node(p, MATCH_EXPR, NULL, parent);
	if (node == NULL) {
		return match_no_memory(p);
	}
	node->value = v;
	int r = doc_expr_new(v, p->known, &node->expr, p->err);
	if (r == 0) {
		match_node_own(p, node);
		p->m->wants_arena = true;
	}
	return r;
}

static const char *const top_level[] = {"$and", "$or", "$nor", "$expr", "$comment", NULL};

static const char *next_top_level(const void *arg, unsigned i)
{
	(void)arg;
	return top_level[i];
}

static int refuse_top_level(struct match_parser *p, struct slice name)
{
	char word[64] = "";
	memcpy(word, name.p, name.n < sizeof(word) ? name.n : sizeof(word) - 1);
	const char *near = suggest(word, next_top_level, NULL);
	return err_set(p->err, EINVAL,
		"unknown top level operator: %.*s%s%s%s; known are $and, $or, $nor, $expr, "
		"$comment; a field whose name begins with '$' is reached by $expr and $getField",
		SHOWN(name), near != NULL ? ", did you mean " : "", near != NULL ? near : "",
		near != NULL ? "?" : "");
}

static int parse_top_level(
	struct match_parser *p, struct slice name, struct doc_value v, struct match_node *parent)
{
	if (slice_is(name, "$and")) {
		return parse_logical(p, name, MATCH_AND, v, parent);
	}
	if (slice_is(name, "$or")) {
		return parse_logical(p, name, MATCH_OR, v, parent);
	}
	if (slice_is(name, "$nor")) {
		return parse_logical(p, name, MATCH_NOR, v, parent);
	}
	if (slice_is(name, "$expr")) {
		return parse_expr(p, v, parent);
	}
	return slice_is(name, "$comment") ? 0 : refuse_top_level(p, name);
}

int match_parse_filter(struct match_parser *p, struct slice filter, struct match_node *parent)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;
	doc_iter_init(&it, filter);
	while (r == 0 && doc_next(&it, &name, &v)) {
		if (name.n > 0 && name.p[0] == '$') {
			r = parse_top_level(p, name, v, parent);
			continue;
		}
		const struct match_path *path = new_path(p, name);
		if (path == NULL) {
			return match_no_memory(p);
		}
		r = match_is_operators(v) ? match_parse_operators(p, path, v.raw, parent)
					  : match_parse_value(p, path, v, parent);
	}
	return r;
}
