/* Walking a document along the tree of an update. Members are copied in their order, changed
 * where the tree has a node for them; what is new comes behind, in the tree's order. An array's
 * members are its elements: indexes, "$" (which is the index that the filter matched) and the
 * conditions of arrayFilters choose among them. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "engines/docdb/values/ejson.h"
#include "engines/docdb/match/match_impl.h"
#include "engines/docdb/update/update_impl.h"
#include "engines/docdb/values/value_impl.h"

/* An array is not filled with more nulls than the service would. */
#define FILL_MAX 1500000

static int apply(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, bool element, struct buf *out);

/* ---- messages ---- */

const char *update_id(struct update_job *j)
{
	struct buf text = BUF_INIT;
	struct doc_value id = doc_field(j->document, slice_of("_id"));
	buf_puts(&text, "{_id: ");
	if (id.type != BSON_TYPE_EOD) {
		ejson_print_value(id, EJSON_RELAXED, false, &text);
	}
	buf_puts(&text, "}");
	size_t n = text.n < 200 ? text.n : 200;
	char *kept = text.failed ? NULL : doc_arena_alloc(j->arena, n + 1);
	if (kept != NULL) {
		memcpy(kept, text.p, n);
		kept[n] = '\0';
	}
	buf_free(&text);
	return kept != NULL ? kept : "{_id: ..}";
}

int update_refuse(struct update_job *j, const char *fmt, ...)
{
	char text[ERR_MSG_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(j->err, EINVAL, "%s", text);
}

const char *update_here(struct update_job *j)
{
	return buf_cstr(&j->path);
}

static int no_memory(struct update_job *j)
{
	return err_set(j->err, ENOMEM, "out of memory");
}

/* ---- what is not there ---- */

/* What $rename takes; false: err is set, an array stands in the way. */
static bool rename_source(
	struct update_job *j, const struct update_node *node, struct doc_value *out)
{
	struct slice rest = node->from;
	struct doc_value v = doc_value_of(j->document);
	*out = DOC_MISSING;
	for (;;) {
		const char *dot = memchr(rest.p, '.', rest.n);
		size_t n = dot != NULL ? (size_t)(dot - rest.p) : rest.n;
		v = doc_field(v.raw, slice_make(rest.p, n));
		if (dot == NULL) {
			*out = v;
			return true;
		}
		if (v.type == BSON_TYPE_ARRAY) {
			update_refuse(j,
				"The source field cannot be an array element, '%.*s' in doc with "
				"%s has an array field called '%.*s'",
				(int)node->from.n, node->from.p, update_id(j), (int)n, rest.p);
			return false;
		}
		if (v.type != BSON_TYPE_DOCUMENT) {
			return true;
		}
		rest = slice_make(dot + 1, rest.n - n - 1);
	}
}

/* Whether something is made where nothing is: 1, 0, -errno. */
static int creates(struct update_job *j, const struct update_node *node)
{
	struct doc_value source;
	switch (node->op) {
	case UPDATE_UNSET:
	case UPDATE_RENAMED:
	case UPDATE_POP:
	case UPDATE_PULL:
	case UPDATE_PULL_ALL: return 0;
	case UPDATE_SET_ON_INSERT: return j->insert;
	case UPDATE_RENAME:
		return rename_source(j, node, &source) ? source.type != BSON_TYPE_EOD : -EINVAL;
	case UPDATE_TREE: break;
	default: return 1;
	}
	if (node->filtered != NULL || node->positional != NULL) {
		return 1; /* which is then refused */
	}
	for (const struct update_node *c = node->first; c != NULL; c = c->next) {
		int r = creates(j, c);
		if (r != 0) {
			return r;
		}
	}
	return 0;
}

/* ---- leaves ---- */

static int apply_rename(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, struct buf *out)
{
	struct doc_value source;
	if (j->arrays > 0) {
		return update_refuse(j,
			"The destination field cannot be an array element, '%s' in doc with %s has "
			"an array field on its way",
			update_here(j), update_id(j));
	}
	if (!rename_source(j, node, &source)) {
		return -EINVAL;
	}
	doc_put(out, name, source.type != BSON_TYPE_EOD ? source : old);
	return 0;
}

/* An array's element cannot be missing. */
static void remove_member(struct slice name, bool element, struct buf *out)
{
	if (element) {
		doc_put(out, name, doc_make_null());
	}
}

static int apply_leaf(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, bool element, struct buf *out)
{
	switch (node->op) {
	case UPDATE_SET: doc_put(out, name, node->value); return 0;
	case UPDATE_SET_ON_INSERT: doc_put(out, name, j->insert ? node->value : old); return 0;
	case UPDATE_UNSET: remove_member(name, element && old.type != BSON_TYPE_EOD, out); return 0;
	case UPDATE_RENAMED:
		if (element) {
			return update_refuse(j,
				"The source field cannot be an array element, '%s' in doc with %s",
				update_here(j), update_id(j));
		}
		return 0;
	case UPDATE_RENAME: return apply_rename(j, node, name, old, out);
	case UPDATE_INC:
	case UPDATE_MUL:
	case UPDATE_MIN:
	case UPDATE_MAX:
	case UPDATE_CURRENT_DATE:
	case UPDATE_BIT: return update_number(j, node, name, old, out);
	default: return update_array(j, node, name, old, out);
	}
}

/* ---- "$" ---- */

static int place_positional(struct update_job *j, const struct update_node **node)
{
	int64_t index = -1;
	if (j->filter != NULL) {
		int r = match_position(
			j->filter, j->document, slice_of(update_here(j)), &index, j->err);
		if (r < 0) {
			return r;
		}
	}
	if (index < 0) {
		return update_refuse(
			j, "The positional operator did not find the match needed from the query.");
	}
	*node = update_place(j->arena, *node, (uint32_t)index);
	if (*node == NULL) {
		return doc_arena_check(j->arena, j->err) < 0
			       ? -ENOMEM
			       : update_refuse(j,
					 "Updating the path '%s.$' would create a conflict at "
					 "'%s.%lld'",
					 update_here(j), update_here(j), (long long)index);
	}
	return 0;
}

/* ---- documents ---- */

static const struct update_node *child_of(const struct update_node *node, struct slice name)
{
	const struct update_node *c = node->first;
	while (c != NULL && !slice_equal(c->name, name)) {
		c = c->next;
	}
	return c;
}

/* The path grows by a name for what is done below. */
static int apply_child(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, bool element, struct buf *out)
{
	size_t before = j->path.n;
	if (before > 0) {
		buf_putc(&j->path, '.');
	}
	buf_append_slice(&j->path, name);
	int r = apply(j, node, name, old, element, out);
	buf_resize(&j->path, before);
	return r;
}

static int apply_members(struct update_job *j, const struct update_node *node,
	struct slice document, struct buf *out)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;
	doc_iter_init(&it, document);
	while (r == 0 && doc_next(&it, &name, &v)) {
		const struct update_node *c = child_of(node, name);
		if (c != NULL) {
			r = apply_child(j, c, name, v, false, out);
		} else {
			doc_put(out, name, v);
		}
	}
	for (const struct update_node *c = node->first; r == 0 && c != NULL; c = c->next) {
		if (doc_field(document, c->name).type == BSON_TYPE_EOD) {
			r = apply_child(j, c, c->name, DOC_MISSING, false, out);
		}
	}
	return r;
}

/* ---- arrays ---- */

/* All that the update wants of one element; NULL: nothing. */
static int wanted_of(struct update_job *j, const struct update_node *node, struct doc_value element,
	const struct update_node **out)
{
	*out = NULL;
	for (const struct update_node *f = node->filtered; f != NULL; f = f->next) {
		int r = f->filter != NULL ? match_field(f->filter->match, element, j->err) : 1;
		if (r < 0) {
			return r;
		}
		if (r == 0) {
			continue;
		}
		*out = *out == NULL ? f : update_merge(j->arena, *out, f);
		if (*out == NULL) {
			return doc_arena_check(j->arena, j->err) < 0
				       ? -ENOMEM
				       : update_refuse(j,
						 "Update created a conflict at '%s': several "
						 "array filters choose one element",
						 update_here(j));
		}
	}
	return 0;
}

static int apply_filtered(
	struct update_job *j, const struct update_node *node, struct slice array, struct buf *out)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	const struct update_node *wanted;
	int r = 0;
	doc_iter_init(&it, array);
	while (r == 0 && doc_next(&it, &name, &v)) {
		r = wanted_of(j, node, v, &wanted);
		if (r == 0 && wanted != NULL) {
			r = apply_child(j, wanted, name, v, true, out);
		} else if (r == 0) {
			doc_put(out, name, v);
		}
	}
	return r;
}

static int refuse_name(struct update_job *j, struct slice name, const char *type)
{
	return update_refuse(j,
		"Cannot create field '%.*s' in element {%s: ..}, which is of type %s, of the "
		"document with %s",
		(int)(name.n < 100 ? name.n : 100), name.p, update_here(j), type, update_id(j));
}

/* Behind the end, with nulls in between. */
static int append_element(
	struct update_job *j, const struct update_node *node, int64_t *n, struct buf *out)
{
	int64_t index = match_index_of(node->name);
	int r = creates(j, node);
	if (r <= 0) {
		return r;
	}
	if (index - *n > FILL_MAX) {
		return update_refuse(j, "can't backfill more than %d elements", FILL_MAX);
	}
	while (*n < index) {
		doc_put_index(out, (unsigned)(*n)++, doc_make_null());
	}
	(*n)++;
	return apply_child(j, node, node->name, DOC_MISSING, true, out);
}

static int append_elements(
	struct update_job *j, const struct update_node *node, int64_t n, struct buf *out)
{
	int r = 0;
	for (const struct update_node *c = node->first; r == 0 && c != NULL; c = c->next) {
		int64_t index = match_index_of(c->name);
		if (index < 0) {
			r = creates(j, c);
			r = r > 0 ? refuse_name(j, c->name, "array") : r;
		} else if (index >= n) {
			r = append_element(j, c, &n, out);
		}
	}
	return r;
}

static int apply_elements(
	struct update_job *j, const struct update_node *node, struct slice array, struct buf *out)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int64_t n = 0;
	int r = 0;
	doc_iter_init(&it, array);
	while (r == 0 && doc_next(&it, &name, &v)) {
		const struct update_node *c = child_of(node, name);
		if (c != NULL) {
			r = apply_child(j, c, name, v, true, out);
		} else {
			doc_put(out, name, v);
		}
		n++;
	}
	return r < 0 ? r : append_elements(j, node, n, out);
}

/* ---- trees ---- */

static int apply_array(
	struct update_job *j, const struct update_node *node, struct slice array, struct buf *out)
{
	j->arrays++;
	int r = node->filtered != NULL ? apply_filtered(j, node, array, out)
				       : apply_elements(j, node, array, out);
	j->arrays--;
	return r;
}

static int refuse_filtered(struct update_job *j, struct doc_value old)
{
	if (old.type == BSON_TYPE_EOD) {
		return update_refuse(j,
			"The path '%s' must exist in the document in order to apply array updates.",
			update_here(j));
	}
	return update_refuse(j, "Cannot apply array updates to non-array element %s of type %s",
		update_here(j), doc_type_name(old.type));
}

/* Nothing is there, or nothing that has members: the way is made, if there is a reason. */
static int apply_to_other(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, struct buf *out)
{
	int r = creates(j, node);
	if (r < 0) {
		return r;
	}
	if (r == 0) {
		doc_put(out, name, old);
		return 0;
	}
	if (old.type != BSON_TYPE_EOD) {
		return refuse_name(j, node->first->name, doc_type_name(old.type));
	}
	size_t at = doc_put_begin(out, name, BSON_TYPE_DOCUMENT);
	r = apply_members(j, node, slice_of(""), out);
	doc_end(out, at);
	return r;
}

static int apply(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, bool element, struct buf *out)
{
	if (node->op != UPDATE_TREE) {
		return apply_leaf(j, node, name, old, element, out);
	}
	if (node->filtered != NULL && old.type != BSON_TYPE_ARRAY) {
		return refuse_filtered(j, old);
	}
	int r = node->positional != NULL ? place_positional(j, &node) : 0;
	if (r < 0) {
		return r;
	}
	if (old.type != BSON_TYPE_ARRAY && old.type != BSON_TYPE_DOCUMENT) {
		return apply_to_other(j, node, name, old, out);
	}
	size_t at = doc_put_begin(out, name, old.type);
	r = old.type == BSON_TYPE_ARRAY ? apply_array(j, node, old.raw, out)
					: apply_members(j, node, old.raw, out);
	doc_end(out, at);
	return r;
}

int update_tree(struct update_job *j, const struct update_node *root, struct slice document,
	struct buf *out)
{
	size_t at = doc_begin(out);
	int r = apply_members(j, root, document, out);
	doc_end(out, at);
	return r < 0 ? r : j->path.failed ? no_memory(j) : 0;
}
