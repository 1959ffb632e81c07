/* Names of columns: t.a, a, *, t.*. */
#include <stdlib.h>

#include "engines/common/suggest.h"
#include "engines/redshift/sql/bind_impl.h"

int bind_names_add(
	struct binder *b, struct bind_names *names, const char *name, json_t *steals, bool hidden)
{
	if (steals == NULL) {
		return bind_no_memory(b);
	}
	if (names->n == names->cap) {
		size_t cap = names->cap == 0 ? 16 : 2 * names->cap;
		struct bind_name *of = realloc(names->of, cap * sizeof *of);

		if (of == NULL) {
			json_decref(steals);
			return bind_no_memory(b);
		}
		names->of = of;
		names->cap = cap;
	}
	names->of[names->n++] =
		(struct bind_name){.name = name, .expression = steals, .hidden = hidden};
	return 0;
}

void bind_names_clear(struct bind_names *names)
{
	for (size_t i = 0; i < names->n; i++) {
		json_decref(names->of[i].expression);
	}
	free(names->of);
	memset(names, 0, sizeof *names);
}

json_t *bind_item_column(const struct bind_scope *s, size_t item, size_t column)
{
	const struct bind_item *i = &s->items[item];
	const char *name = i->columns[column].name;
	json_t *node;

	if (i->relation != NULL) {
		name = i->relation->columns[column].name;
	} else if (i->actual != NULL) {
		name = json_string_value(json_array_get(json_array_get(i->actual, column), 0));
	}
	node = json_pack("{s:{s:[ii],s:s,s:s}}", "ColumnRef", "rs_from", 0, (int)item, "rs_alias",
		i->printed, "rs_column", name);

	if (node != NULL) {
		rs_set_type(node, i->columns[column].type);
	}
	return node;
}

/* Further in by so many queries. */
static void move_out(json_t *node, int levels)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_array(node)) {
		json_array_foreach (node, i, member) {
			move_out(member, levels);
		}
		return;
	}
	json_object_foreach (node, key, member) {
		if (strcmp(key, "rs_from") == 0) {
			json_array_set_new(member, 0,
				json_integer(
					levels + json_integer_value(json_array_get(member, 0))));
		} else if (json_is_object(member) || json_is_array(member)) {
			move_out(member, levels);
		}
	}
}

/* The node is that column; where it stood is kept. */
static int become_column(struct binder *b, json_t *node, json_t *steals, int levels)
{
	int64_t location = rs_tree_location(node);

	if (steals == NULL) {
		return bind_no_memory(b);
	}
	move_out(steals, levels);
	rs_node_become(node, steals);
	if (location >= 0) {
		json_object_set_new(rs_node_body(node), "location", json_integer(location));
	}
	return 0;
}

/* ---- what is near ---- */

struct near {
	const struct bind_scope *scope;
	const struct bind_item *item; /* NULL: all that can be named alone */
};

static const char *near_column(const void *arg, unsigned i)
{
	const struct near *n = arg;

	if (n->item != NULL) {
		return i < n->item->n_columns ? n->item->columns[i].name : NULL;
	}
	return i < n->scope->names.n ? n->scope->names.of[i].name : NULL;
}

static const char *near_item(const void *arg, unsigned i)
{
	const struct near *n = arg;

	return i < n->scope->n_items ? n->scope->items[i].alias : NULL;
}

static int no_column(struct binder *b, const struct bind_scope *s, const struct bind_item *item,
	const char *name, int64_t at)
{
	struct near n = {s, item};
	const char *hint = suggest(name, near_column, &n);
	const char *where = item != NULL ? item->alias : s->n_items == 1 ? s->items[0].alias : NULL;

	/* A SELECT without FROM: the one around it is meant. */
	if (item == NULL && s->n_items == 0 && s->outer != NULL) {
		return no_column(b, s->outer, NULL, name, at);
	}
	if (item == NULL && s->n_items == 0) {
		return bind_fail(b, EINVAL, at,
			"column \"%s\" does not exist: there is no FROM, and a text stands in "
			"single "
			"quotes",
			name);
	}
	return bind_fail(b, EINVAL, at, "column \"%s\" does not exist%s%s%s%s%s", name,
		where != NULL ? " in " : "", where != NULL ? where : "", hint != NULL ? "; " : "",
		hint != NULL ? hint : "", hint != NULL ? " is near" : "");
}

/* ---- t.a ---- */

static const struct bind_item *find_item(
	const struct bind_scope *s, const char *schema, const char *alias)
{
	for (size_t i = s->first_item; i < s->n_items; i++) {
		if (strcmp(s->items[i].alias, alias) == 0 &&
			(schema[0] == 0 || strcmp(s->items[i].schema, schema) == 0)) {
			return &s->items[i];
		}
	}
	return NULL;
}

static int no_item(struct binder *b, const struct bind_scope *s, const char *alias, int64_t at)
{
	struct near n = {s, NULL};
	const char *hint = suggest(alias, near_item, &n);

	return bind_fail(b, EINVAL, at, "\"%s\" is not in FROM%s%s%s", alias,
		hint != NULL ? "; " : "", hint != NULL ? hint : "", hint != NULL ? " is near" : "");
}

static int bind_qualified(struct binder *b, struct bind_scope *s, json_t *node, const char *schema,
	const char *alias, const char *name)
{
	int levels = 0;

	for (struct bind_scope *in = s; in != NULL; in = in->outer, levels++) {
		const struct bind_item *item = find_item(in, schema, alias);

		for (size_t c = 0; item != NULL && c < item->n_columns; c++) {
			if (strcmp(item->columns[c].name, name) == 0) {
				return become_column(b, node,
					bind_item_column(in, (size_t)(item - in->items), c),
					levels);
			}
		}
		if (item != NULL) {
			return no_column(b, in, item, name, rs_tree_location(node));
		}
	}
	return no_item(b, s, alias, rs_tree_location(node));
}

/* ---- a ---- */

/* The names of the select list, of those targets that have been bound. */
static const json_t *find_target(const struct bind_scope *s, const char *name)
{
	for (size_t i = 0; i < s->n_targets; i++) {
		const json_t *target = rs_node_body(json_array_get(s->targets, i));

		if (rs_get_is(target, "name", name)) {
			return json_object_get(target, "val");
		}
	}
	return NULL;
}

/* A function that is called without parentheses. */
static int bind_sysdate(struct binder *b, struct bind_scope *s, json_t *node)
{
	json_t *call = json_pack(
		"{s:{s:[{s:{s:s}}]}}", "FuncCall", "funcname", "String", "sval", "sysdate");

	if (call == NULL) {
		return bind_no_memory(b);
	}
	rs_node_become(node, call);
	return bind_expression(b, s, node);
}

static int bind_alone(struct binder *b, struct bind_scope *s, json_t *node, const char *name)
{
	int levels = 0;
	struct bind_scope *in = s;

	do {
		const struct bind_name *found = NULL;

		for (size_t i = 0; i < in->names.n; i++) {
			if (strcmp(in->names.of[i].name, name) != 0) {
				continue;
			}
			if (found != NULL) {
				return bind_fail(b, EINVAL, rs_tree_location(node),
					"column \"%s\" is ambiguous: more than one of FROM has it",
					name);
			}
			found = &in->names.of[i];
		}
		if (found != NULL) {
			return become_column(b, node, json_deep_copy(found->expression), levels);
		}
		if (levels == 0 && in->targets != NULL) {
			const json_t *target = find_target(in, name);

			if (target != NULL) {
				return become_column(b, node, json_deep_copy(target), 0);
			}
		}
		in = in->outer;
		levels++;
	} while (in != NULL);
	if (strcmp(name, "sysdate") == 0) {
		return bind_sysdate(b, s, node);
	}
	return no_column(b, s, NULL, name, rs_tree_location(node));
}

int bind_column(struct binder *b, struct bind_scope *s, json_t *node)
{
	const json_t *fields = json_object_get(rs_node_body(node), "fields");
	size_t n = json_array_size(fields);
	const char *last = rs_node_string(json_array_get(fields, n - 1));

	if (json_object_get(rs_node_body(node), "rs_from") != NULL) {
		return 0; /* of a tree that stood somewhere else before */
	}
	if (rs_node_as(json_array_get(fields, n - 1), "A_Star") != NULL) {
		return bind_fail(b, EINVAL, rs_tree_location(node),
			"* stands in the select list or in count(*) only");
	}
	if (n == 1) {
		return bind_alone(b, s, node, last);
	}
	if (n > 3) {
		return bind_fail(b, EINVAL, rs_tree_location(node),
			"a column is written schema.table.column at most");
	}
	return bind_qualified(b, s, node, n == 3 ? rs_node_string(json_array_get(fields, 0)) : "",
		rs_node_string(json_array_get(fields, n - 2)), last);
}

/* ---- * ---- */

static int add_target(struct binder *b, json_t *out, const char *name, json_t *steals, json_t *at)
{
	json_t *target = json_pack("{s:{s:s,s:o}}", "ResTarget", "name", name, "val", steals);

	if (target == NULL || json_array_append_new(out, target) != 0) {
		return bind_no_memory(b);
	}
	if (at != NULL) {
		json_object_set(rs_node_body(target), "location", at);
	}
	return 0;
}

static int star_of_item(struct binder *b, const struct bind_scope *in, const struct bind_item *item,
	int levels, json_t *at, json_t *out)
{
	for (size_t c = 0; c < item->n_columns; c++) {
		json_t *column = item->columns[c].hidden
					 ? NULL
					 : bind_item_column(in, (size_t)(item - in->items), c);

		if (item->columns[c].hidden) {
			continue;
		}
		move_out(column, levels);
		if (add_target(b, out, item->columns[c].name, column, at) != 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

static int star_of_all(struct binder *b, const struct bind_scope *s, json_t *at, json_t *out)
{
	if (s->n_items == 0) {
		return bind_fail(b, EINVAL, json_integer_value(at), "* without a FROM");
	}
	for (size_t i = 0; i < s->names.n; i++) {
		if (!s->names.of[i].hidden &&
			add_target(b, out, s->names.of[i].name,
				json_deep_copy(s->names.of[i].expression), at) != 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

int bind_star(struct binder *b, struct bind_scope *s, json_t *target, json_t *out)
{
	json_t *reference = rs_node_body(json_object_get(rs_node_body(target), "val"));
	const json_t *fields = json_object_get(reference, "fields");
	json_t *at = json_object_get(reference, "location");
	size_t n = json_array_size(fields);
	const char *alias = n > 1 ? rs_node_string(json_array_get(fields, n - 2)) : "";
	int levels = 0;

	if (n == 1) {
		return star_of_all(b, s, at, out);
	}
	for (const struct bind_scope *in = s; in != NULL; in = in->outer, levels++) {
		const struct bind_item *item = find_item(
			in, n == 3 ? rs_node_string(json_array_get(fields, 0)) : "", alias);

		if (item != NULL) {
			return star_of_item(b, in, item, levels, at, out);
		}
	}
	return no_item(b, s, alias, json_integer_value(at));
}
