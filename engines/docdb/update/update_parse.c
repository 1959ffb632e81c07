/* From an update to what is applied: operators, a replacement, or a pipeline. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/suggest.h"
#include "engines/docdb/update/update_impl.h"

#define SHOWN(s) (int)((s).n < 200 ? (s).n : 200), (s).p

/* ---- arrayFilters ---- */

/* "x" of "x.a"; filters within $and and $or count, too. */
static int top_name(struct update_parser *p, struct slice filter, struct slice *top)
{
	struct doc_iter it;
	struct doc_iter entries;
	struct slice name;
	struct doc_value v;
	int r = 0;
	doc_iter_init(&it, filter);
	while (r == 0 && doc_next(&it, &name, &v)) {
		if (name.n > 0 && name.p[0] == '$') {
			struct slice index;
			struct doc_value entry;
			doc_iter_init(&entries, v.type == BSON_TYPE_ARRAY ? v.raw : slice_of(""));
			while (r == 0 && doc_next(&entries, &index, &entry)) {
				r = entry.type == BSON_TYPE_DOCUMENT ? top_name(p, entry.raw, top)
								     : 0;
			}
			continue;
		}
		const char *dot = memchr(name.p, '.', name.n);
		name.n = dot != NULL ? (size_t)(dot - name.p) : name.n;
		if (top->p != NULL && !slice_equal(*top, name)) {
			return err_set(p->err, EINVAL,
				"Error parsing array filter: Expected a single top-level field "
				"name, found '%.*s' and '%.*s'",
				SHOWN(*top), SHOWN(name));
		}
		*top = name;
	}
	return r;
}

static bool is_identifier(struct slice name)
{
	if (name.n == 0 || name.p[0] < 'a' || name.p[0] > 'z') {
		return false;
	}
	for (size_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9')) {
			return false;
		}
	}
	return true;
}

static int check_filter_name(struct update_parser *p, struct slice name)
{
	if (name.p == NULL) {
		return err_set(p->err, EINVAL,
			"Cannot use an expression without a top-level field name in arrayFilters");
	}
	if (!is_identifier(name)) {
		return err_set(p->err, EINVAL,
			"Error parsing array filter: The top-level field name must be an "
			"alphanumeric string beginning with a lowercase letter, found '%.*s'",
			SHOWN(name));
	}
	for (struct update_filter *f = p->u->filters; f != NULL; f = f->next) {
		if (slice_equal(f->name, name)) {
			return err_set(p->err, EINVAL,
				"Found multiple array filters with the same top-level field name "
				"%.*s",
				SHOWN(name));
		}
	}
	return 0;
}

static int parse_filter(struct update_parser *p, struct doc_value v)
{
	struct slice name = {NULL, 0};
	if (v.type != BSON_TYPE_DOCUMENT) {
		return err_set(p->err, EINVAL, "arrayFilters are objects, not of type %s",
			doc_type_name(v.type));
	}
	int r = top_name(p, v.raw, &name);
	r = r < 0 ? r : check_filter_name(p, name);
	struct update_filter *f = r < 0 ? NULL : doc_arena_alloc(p->arena, sizeof(*f));
	if (f == NULL) {
		return r < 0 ? r : err_set(p->err, ENOMEM, "out of memory");
	}
	*f = (struct update_filter){.name = name, .next = p->u->filters};
	r = doc_match_new(v.raw, &f->match, p->err);
	if (r == 0) {
		p->u->filters = f;
	}
	return r;
}

static int parse_filters(struct update_parser *p, struct doc_value filters)
{
	struct doc_iter it;
	struct slice index;
	struct doc_value v;
	int r = 0;
	if (filters.type == BSON_TYPE_EOD) {
		return 0;
	}
	if (filters.type != BSON_TYPE_ARRAY) {
		return err_set(p->err, EINVAL, "arrayFilters must be an array, not of type %s",
			doc_type_name(filters.type));
	}
	doc_iter_init(&it, filters.raw);
	while (r == 0 && doc_next(&it, &index, &v)) {
		r = parse_filter(p, v);
	}
	return r;
}

static int check_used(struct update_parser *p)
{
	for (struct update_filter *f = p->u->filters; f != NULL; f = f->next) {
		if (!f->used) {
			return err_set(p->err, EINVAL,
				"The array filter for identifier '%.*s' was not used in the update",
				SHOWN(f->name));
		}
	}
	return 0;
}

/* ---- operators ---- */

static const char *next_operator(const void *arg, unsigned i)
{
	(void)arg;
	return update_operator_at(i);
}

static int refuse_operator(struct update_parser *p, struct slice name)
{
	char word[64] = "";
	memcpy(word, name.p, name.n < sizeof(word) ? name.n : sizeof(word) - 1);
	const char *near = suggest(word, next_operator, NULL);
	return err_set(p->err, EINVAL,
		"Unknown modifier: %.*s. Expected a valid update modifier or pipeline-style update "
		"specified as an array%s%s%s",
		SHOWN(name), near != NULL ? "; did you mean " : "", near != NULL ? near : "",
		near != NULL ? "?" : "");
}

static int parse_operator(
	struct update_parser *p, const struct update_operator *operator, struct slice fields)
{
	struct doc_iter it;
	struct slice path;
	struct doc_value v;
	int r = 0;
	doc_iter_init(&it, fields);
	while (r == 0 && doc_next(&it, &path, &v)) {
		struct update_node *node = NULL;
		r = update_path_add(p, p->u->root, path, &node);
		if (r < 0 || node == NULL) {
			return r;
		}
		node->op = operator->op;
		node->value = v;
		r = operator->parse != NULL ? operator->parse(p, node, path, v) : 0;
	}
	return r;
}

static int parse_operators(struct update_parser *p, struct slice update)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;
	doc_iter_init(&it, update);
	while (r == 0 && doc_next(&it, &name, &v)) {
		const struct update_operator *operator= update_operator_find(name);
		if (operator== NULL) {
			return refuse_operator(p, name);
		}
		if (v.type != BSON_TYPE_DOCUMENT) {
			return err_set(p->err, EINVAL,
				"Modifiers operate on fields but we found type %s instead. For "
				"example: {$mod: {<field>: ...}} not {%.*s: ..}",
				doc_type_name(v.type), SHOWN(name));
		}
		r = parse_operator(p, operator, v.raw);
	}
	return r < 0 ? r : check_used(p);
}

/* ---- replacements ---- */

static int parse_replacement(struct update_parser *p, struct slice replacement)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	doc_iter_init(&it, replacement);
	while (doc_next(&it, &name, &v)) {
		if (name.n > 0 && name.p[0] == '$') {
			return err_set(p->err, EINVAL,
				"The dollar ($) prefixed field '%.*s' is not allowed in the "
				"context of an update's replacement document",
				SHOWN(name));
		}
	}
	p->u->replacement = replacement;
	return 0;
}

static bool begins_with_operator(struct slice update)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	doc_iter_init(&it, update);
	return doc_next(&it, &name, &v) && name.n > 0 && name.p[0] == '$';
}

/* ---- all ---- */

static int parse(struct update_parser *p, struct doc_value update, struct doc_value filters)
{
	int r = parse_filters(p, filters);
	if (r < 0) {
		return r;
	}
	if (update.type == BSON_TYPE_ARRAY) {
		p->u->form = UPDATE_PIPELINE;
		return p->u->filters != NULL ? err_set(p->err, EINVAL,
						       "arrayFilters may not be specified for "
						       "pipeline-style updates")
					     : update_parse_pipeline(p, update.raw);
	}
	if (update.type != BSON_TYPE_DOCUMENT) {
		return err_set(p->err, EINVAL,
			"an update is an object of operators, a document or an array of stages, "
			"not of type %s",
			doc_type_name(update.type));
	}
	p->u->form = begins_with_operator(update.raw) ? UPDATE_OPERATORS : UPDATE_REPLACEMENT;
	return p->u->form == UPDATE_OPERATORS ? parse_operators(p, update.raw)
					      : parse_replacement(p, update.raw);
}

void doc_update_free(struct doc_update *u)
{
	if (u == NULL) {
		return;
	}
	for (struct update_node *n = u->owners; n != NULL; n = n->owner) {
		doc_match_free(n->match);
	}
	for (struct update_filter *f = u->filters; f != NULL; f = f->next) {
		doc_match_free(f->match);
	}
	update_pipeline_free(u);
	doc_arena_free(u->arena);
	free(u);
}

static struct doc_update *update_alloc(void)
{
	struct doc_update *u = calloc(1, sizeof(*u));
	if (u == NULL) {
		return NULL;
	}
	u->arena = doc_arena_new();
	u->root = u->arena != NULL ? update_node_new(u->arena, slice_of("")) : NULL;
	if (u->root == NULL) {
		doc_update_free(u);
		return NULL;
	}
	return u;
}

int doc_update_new(struct doc_value update, struct doc_value array_filters, struct doc_update **out,
	struct err *err)
{
	struct doc_update *u = update_alloc();
	if (u == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	struct update_parser p = {u, u->arena, err};
	update = doc_make_copy(u->arena, update);
	array_filters = array_filters.type != BSON_TYPE_EOD ? doc_make_copy(u->arena, array_filters)
							    : DOC_MISSING;
	int r = doc_arena_check(u->arena, err);
	r = r < 0 ? r : parse(&p, update, array_filters);
	if (r < 0) {
		doc_update_free(u);
		return r;
	}
	*out = u;
	return 0;
}
