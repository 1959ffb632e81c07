/* Paths of updates as a tree, and how two such trees are one. */
#include <errno.h>

#include "engines/docdb/match/match_impl.h"
#include "engines/docdb/update/update_impl.h"
#include "engines/docdb/values/value_impl.h"

#define SHOWN(s) (int)((s).n < 200 ? (s).n : 200), (s).p

/* ---- names ---- */

/* Bytes decide, but numbers go by their value: the order in which fields are made. */
static int compare_names(struct slice a, struct slice b)
{
	int64_t x = match_index_of(a);
	int64_t y = match_index_of(b);
	if (x >= 0 && y >= 0) {
		return (x > y) - (x < y);
	}
	return slice_compare(a, b);
}

/* ---- nodes ---- */

struct update_node *update_node_new(struct doc_arena *a, struct slice name)
{
	struct update_node *node = doc_arena_alloc(a, sizeof(*node));
	if (node != NULL) {
		*node = (struct update_node){.op = UPDATE_TREE, .name = name};
	}
	return node;
}

/* Where a child of that name is in the list, or belongs. */
static struct update_node **slot(struct update_node **list, struct slice name)
{
	while (*list != NULL && compare_names((*list)->name, name) < 0) {
		list = &(*list)->next;
	}
	return list;
}

static struct update_node *child(struct doc_arena *a, struct update_node **list, struct slice name)
{
	struct update_node **at = slot(list, name);
	if (*at != NULL && slice_equal((*at)->name, name)) {
		return *at;
	}
	struct update_node *node = update_node_new(a, name);
	if (node != NULL) {
		node->next = *at;
		*at = node;
	}
	return node;
}

/* ---- adding a path ---- */

struct step {
	struct slice path;
	struct slice name;
	size_t begin; /* of name in path */
};

static int refuse_conflict(struct update_parser *p, const struct step *s, size_t end)
{
	struct slice at = slice_make(s->path.p, end);
	return err_set(p->err, EINVAL, "Updating the path '%.*s' would create a conflict at '%.*s'",
		SHOWN(s->path), SHOWN(at));
}

static const struct update_filter *filter_named(const struct doc_update *u, struct slice name)
{
	struct update_filter *f = u->filters;
	while (f != NULL && !slice_equal(f->name, name)) {
		f = f->next;
	}
	if (f != NULL) {
		f->used = true;
	}
	return f;
}

static int filtered_child(struct update_parser *p, struct update_node *parent, const struct step *s,
	struct update_node **out)
{
	struct slice id = slice_make(s->name.p + 2, s->name.n - 3);
	const struct update_filter *filter = id.n > 0 ? filter_named(p->u, id) : NULL;
	if (id.n > 0 && filter == NULL) {
		return err_set(p->err, EINVAL,
			"No array filter found for identifier '%.*s' in path '%.*s'", SHOWN(id),
			SHOWN(s->path));
	}
	if (parent->first != NULL || parent->positional != NULL) {
		return refuse_conflict(p, s, s->begin > 0 ? s->begin - 1 : 0);
	}
	*out = child(p->arena, &parent->filtered, id);
	if (*out != NULL) {
		(*out)->filter = filter;
	}
	return 0;
}

static int check_step(struct update_parser *p, const struct step *s)
{
	if (s->name.n == 0) {
		return err_set(p->err, EINVAL,
			"The update path '%.*s' contains an empty field name, which is not "
			"allowed.",
			SHOWN(s->path));
	}
	if (s->name.p[0] != '$' || slice_is(s->name, "$ref") || slice_is(s->name, "$id") ||
		slice_is(s->name, "$db")) {
		return 0;
	}
	bool dynamic = slice_is(s->name, "$") ||
		       (s->name.n > 2 && s->name.p[1] == '[' && s->name.p[s->name.n - 1] == ']');
	if (!dynamic) {
		return err_set(p->err, EINVAL,
			"The dollar ($) prefixed field '%.*s' in '%.*s' is not valid for storage.",
			SHOWN(s->name), SHOWN(s->path));
	}
	return s->begin > 0 ? 0
			    : err_set(p->err, EINVAL,
				      "Cannot have %s element in the first position in path '%.*s'",
				      s->name.n == 1 ? "positional (i.e. '$')"
						     : "array filter identifier (i.e. '$[<id>]')",
				      SHOWN(s->path));
}

static int step_down(struct update_parser *p, struct update_node *parent, const struct step *s,
	struct update_node **out)
{
	int r = check_step(p, s);
	*out = NULL;
	if (r < 0) {
		return r;
	}
	bool dollar = s->name.p[0] == '$';
	if (dollar && s->name.n > 2 && s->name.p[1] == '[') {
		r = filtered_child(p, parent, s, out);
	} else if (parent->filtered != NULL) {
		r = refuse_conflict(p, s, s->begin > 0 ? s->begin - 1 : 0);
	} else if (dollar && s->name.n == 1) {
		parent->positional = parent->positional != NULL
					     ? parent->positional
					     : update_node_new(p->arena, s->name);
		*out = parent->positional;
	} else {
		*out = child(p->arena, &parent->first, s->name);
	}
	if (r == 0 && *out == NULL) {
		err_set(p->err, ENOMEM, "out of memory");
		return -ENOMEM;
	}
	return r;
}

static int check_length(struct update_parser *p, struct slice path)
{
	unsigned parts = 1;
	for (size_t i = 0; i < path.n; i++) {
		parts += path.p[i] == '.';
	}
	if (path.n == 0) {
		return err_set(p->err, EINVAL, "An empty update path is not valid.");
	}
	return parts <= DOC_DEPTH_MAX
		       ? 0
		       : err_set(p->err, EINVAL, "an update path has %d names at most, not %u",
				 DOC_DEPTH_MAX, parts);
}

static bool is_untouched(const struct update_node *node)
{
	return node->op == UPDATE_TREE && node->first == NULL && node->positional == NULL &&
	       node->filtered == NULL;
}

int update_path_add(struct update_parser *p, struct update_node *root, struct slice path,
	struct update_node **out)
{
	struct step s = {.path = path};
	struct update_node *node = root;
	int r = check_length(p, path);
	for (size_t end = 0; r == 0 && s.begin <= path.n; s.begin = end + 1) {
		const char *dot = memchr(path.p + s.begin, '.', path.n - s.begin);
		end = dot != NULL ? (size_t)(dot - path.p) : path.n;
		s.name = slice_make(path.p + s.begin, end - s.begin);
		r = step_down(p, node, &s, &node);
		if (r == 0 && node != NULL &&
			(end < path.n ? node->op != UPDATE_TREE : !is_untouched(node))) {
			return refuse_conflict(p, &s, end);
		}
	}
	*out = node;
	return r;
}

/* ---- merging ---- */

static bool merge_lists(struct doc_arena *a, const struct update_node *x,
	const struct update_node *y, struct update_node **out)
{
	*out = NULL;
	while (x != NULL || y != NULL) {
		int order = x == NULL ? 1 : y == NULL ? -1 : compare_names(x->name, y->name);
		struct update_node *node = doc_arena_alloc(a, sizeof(*node));
		if (node == NULL) {
			return false;
		}
		if (order == 0) {
			struct update_node *both = update_merge(a, x, y);
			if (both == NULL) {
				return false;
			}
			*node = *both;
		} else {
			*node = order < 0 ? *x : *y;
		}
		node->next = NULL;
		*out = node;
		out = &node->next;
		x = order <= 0 ? x->next : x;
		y = order >= 0 ? y->next : y;
	}
	return true;
}

struct update_node *update_merge(
	struct doc_arena *a, const struct update_node *x, const struct update_node *y)
{
	if (x->op != UPDATE_TREE || y->op != UPDATE_TREE) {
		return NULL;
	}
	struct update_node *node = doc_arena_alloc(a, sizeof(*node));
	if (node == NULL) {
		return NULL;
	}
	*node = *x;
	if (x->positional != NULL && y->positional != NULL) {
		node->positional = update_merge(a, x->positional, y->positional);
		if (node->positional == NULL) {
			return NULL;
		}
	} else if (y->positional != NULL) {
		node->positional = y->positional;
	}
	if (!merge_lists(a, x->first, y->first, &node->first) ||
		!merge_lists(a, x->filtered, y->filtered, &node->filtered)) {
		return NULL;
	}
	bool plain = node->first != NULL || node->positional != NULL;
	return plain && node->filtered != NULL ? NULL : node;
}

struct update_node *update_place(
	struct doc_arena *a, const struct update_node *node, uint32_t index)
{
	struct update_node *placed = doc_arena_alloc(a, sizeof(*placed));
	struct update_node *copy = doc_arena_alloc(a, sizeof(*copy));
	char *digits = doc_arena_alloc(a, 12);
	if (placed == NULL || copy == NULL || digits == NULL) {
		return NULL;
	}
	*copy = *node->positional;
	copy->name = slice_make(digits, doc_index_name(index, digits));
	copy->next = NULL;
	*placed = *node;
	placed->positional = NULL;
	return merge_lists(a, node->first, copy, &placed->first) ? placed : NULL;
}
