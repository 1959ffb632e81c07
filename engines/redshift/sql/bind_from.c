/* FROM: tables, subqueries, CTEs and joins. USING and NATURAL become ON. */
#include <stdlib.h>

#include "engines/common/suggest.h"
#include "engines/redshift/sql/bind_impl.h"

static void item_clear(struct bind_item *item)
{
	free(item->printed);
	free(item->columns);
}

void bind_scope_clear(struct bind_scope *s)
{
	for (size_t i = 0; i < s->n_items; i++) {
		item_clear(&s->items[i]);
	}
	free(s->items);
	bind_names_clear(&s->names);
}

static struct bind_item *new_item(struct binder *b, struct bind_scope *s, const char *alias)
{
	if (s->n_items == s->cap_items) {
		size_t cap = s->cap_items == 0 ? 8 : 2 * s->cap_items;
		struct bind_item *items = realloc(s->items, cap * sizeof *items);

		if (items == NULL) {
			return NULL;
		}
		s->items = items;
		s->cap_items = cap;
	}
	struct bind_item *item = &s->items[s->n_items];

	memset(item, 0, sizeof *item);
	item->alias = alias;
	item->schema = "";
	item->printed = bind_unique(b, alias);
	if (item->printed == NULL) {
		return NULL;
	}
	s->n_items++;
	return item;
}

/* "AS t (a, b)": other names for the first columns. */
static int rename_columns(
	struct binder *b, struct bind_item *item, const json_t *alias, int64_t location)
{
	const json_t *names = json_object_get(alias, "colnames");

	if (json_array_size(names) > item->n_columns) {
		return bind_fail(b, EINVAL, location,
			"\"%s\" has %zu columns, and %zu names were given", item->alias,
			item->n_columns, json_array_size(names));
	}
	for (size_t i = 0; i < json_array_size(names); i++) {
		item->columns[i].name = rs_node_string(json_array_get(names, i));
	}
	return 0;
}

/* The last item's columns can be named. */
static int export_columns(struct binder *b, struct bind_scope *s, struct bind_names *out)
{
	size_t index = s->n_items - 1;

	for (size_t c = 0; c < s->items[index].n_columns; c++) {
		const struct rs_relation_column *column = &s->items[index].columns[c];

		if (bind_names_add(b, out, column->name, bind_item_column(s, index, c),
			    column->hidden) != 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

static int check_alias(struct binder *b, const struct bind_scope *s, const char *schema,
	const char *alias, int64_t at)
{
	for (size_t i = 0; i < s->n_items; i++) {
		if (strcmp(s->items[i].alias, alias) == 0 &&
			strcmp(s->items[i].schema, schema) == 0) {
			return bind_fail(b, EINVAL, at,
				"\"%s\" stands in FROM twice: give one of them another name (AS)",
				alias);
		}
	}
	return 0;
}

/* ---- a subquery, a CTE ---- */

static int copy_columns(struct binder *b, struct bind_item *item, const json_t *columns)
{
	item->n_columns = json_array_size(columns);
	item->columns = calloc(item->n_columns + 1, sizeof *item->columns);
	if (item->columns == NULL) {
		return bind_no_memory(b);
	}
	for (size_t i = 0; i < item->n_columns; i++) {
		const json_t *column = json_array_get(columns, i);

		item->columns[i].name = json_string_value(json_array_get(column, 0));
		item->columns[i].type = bind_column_type(column);
	}
	return 0;
}

static int item_of_columns(struct binder *b, struct bind_scope *s, json_t *body, const char *name,
	const json_t *columns, struct bind_names *out)
{
	const char *alias = rs_get_text(json_object_get(body, "alias"), "aliasname");
	int64_t at = rs_get_number(body, "location");
	struct bind_item *item;

	if (alias[0] == 0) {
		alias = name;
	}
	if (check_alias(b, s, "", alias, at) != 0) {
		return -EINVAL;
	}
	item = new_item(b, s, alias);
	if (item == NULL || copy_columns(b, item, columns) != 0) {
		return bind_no_memory(b);
	}
	item->actual = columns;
	json_object_set_new(body, "rs_alias", json_string(item->printed));
	if (rename_columns(b, item, json_object_get(body, "alias"), at) != 0) {
		return -EINVAL;
	}
	return export_columns(b, s, out);
}

static int bind_from_subquery(
	struct binder *b, struct bind_scope *s, json_t *body, struct bind_names *out)
{
	json_t *select = rs_node_as(json_object_get(body, "subquery"), "SelectStmt");
	int rc;

	if (rs_get_flag(body, "lateral")) {
		return bind_fail(b, ENOTSUP, -1,
			"LATERAL is not supported: a subquery in FROM sees no other item of FROM");
	}
	/* It sees no other item of this FROM, but is a query further in. */
	rc = bind_select(
		b, &(struct bind_scope){.outer = s->outer, .clause = "FROM"}, s->ctes, select);
	if (rc != 0) {
		return rc;
	}
	return item_of_columns(b, s, body, "subquery", json_object_get(select, "rs_columns"), out);
}

static const struct bind_cte *find_cte(const struct bind_scope *s, const char *name)
{
	for (const struct bind_cte *c = s->ctes; c != NULL; c = c->outer) {
		if (strcmp(c->name, name) == 0) {
			return c;
		}
	}
	return NULL;
}

static int bind_from_cte(struct binder *b, struct bind_scope *s, json_t *body,
	const struct bind_cte *cte, struct bind_names *out)
{
	if (cte->columns == NULL) {
		return bind_fail(b, EINVAL, rs_get_number(body, "location"),
			"\"%s\" names itself: that wants WITH RECURSIVE", cte->name);
	}
	json_object_set_new(body, "rs_cte", json_string(cte->printed));
	return item_of_columns(b, s, body, cte->name, cte->columns, out);
}

/* ---- a table, a view ---- */

static int parse_view(struct binder *b, const struct rs_user_view *view, json_t **out)
{
	struct rs_statement *s = NULL;
	size_t at = 0;
	int rc = rs_statement_next(slice_of(view->body), &at, &s, b->err);

	if (rc < 0) {
		return err_wrap(b->err, "view %s", view->name);
	}
	if (rc == 0 || s->kind != RS_SELECT) {
		rs_statement_free(s);
		return err_set(b->err, EINVAL, "view %s is no SELECT", view->name);
	}
	*out = json_incref(s->tree);
	rs_statement_free(s);
	return 0;
}

static int bind_view_body(struct binder *b, const struct rs_relation *r, json_t *select)
{
	struct slice text = b->text;
	int rc;

	if (json_object_get(b->views, r->name) != NULL) {
		return err_set(b->err, EINVAL, "view %s is made of itself", r->name);
	}
	json_object_set_new(b->views, r->name, json_true());
	b->text = slice_of(r->view->body);
	rc = bind_select(b, NULL, NULL, select);
	b->text = text;
	json_object_del(b->views, r->name);
	return rc != 0 ? err_wrap(b->err, "view %s", r->name) : 0;
}

static int bind_from_view(struct binder *b, struct bind_scope *s, json_t *node,
	const struct rs_relation *r, struct bind_names *out)
{
	json_t *old = rs_node_body(node);
	const json_t *alias = json_object_get(old, "alias");
	json_t *select = NULL;
	json_t *body;
	int rc = parse_view(b, r->view, &select);

	if (rc != 0) {
		return rc;
	}
	body = json_pack("{s:{s:o}}", "subquery", "SelectStmt", select);
	if (body == NULL) {
		return bind_no_memory(b);
	}
	rc = bind_view_body(b, r, select);
	if (rc == 0 && alias != NULL) {
		json_object_set_new(body, "alias", json_deep_copy(alias));
	}
	if (rc != 0) {
		json_decref(body);
		return rc;
	}
	json_object_set_new(body, "location", json_integer(rs_get_number(old, "location")));
	json_object_set_new(body, "rs_view", json_string(r->name));
	rs_node_become(node, rs_node_new("RangeSubselect", body));
	body = rs_node_body(node);
	return item_of_columns(b, s, body, rs_get_text(body, "rs_view"),
		json_object_get(select, "rs_columns"), out);
}

static int keep_relation(struct binder *b, const struct rs_relation *r, json_t *body)
{
	size_t n = (size_t)b->bound->n_relations + 1;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
	const struct rs_relation **relations = realloc(b->bound->relations, n * sizeof *relations);

	if (relations == NULL) {
		return bind_no_memory(b);
	}
	b->bound->relations = relations;
	json_object_set_new(body, "rs_relation", json_integer(b->bound->n_relations));
	relations[b->bound->n_relations++] = r;
	return 0;
}

static int item_of_relation(struct binder *b, struct bind_scope *s, json_t *body,
	const struct rs_relation *r, struct bind_names *out)
{
	const json_t *alias = json_object_get(body, "alias");
	const char *name = rs_get_text(alias, "aliasname");
	int64_t at = rs_get_number(body, "location");
	const char *schema = name[0] != 0 ? "" : rs_get_text(body, "schemaname");
	struct bind_item *item;

	if (name[0] == 0) {
		name = rs_get_text(body, "relname");
	}
	if (check_alias(b, s, schema, name, at) != 0) {
		return -EINVAL;
	}
	item = new_item(b, s, name);
	if (item == NULL) {
		return bind_no_memory(b);
	}
	item->schema = schema;
	item->relation = r;
	item->n_columns = r->n_columns;
	item->columns = calloc(r->n_columns + 1, sizeof *item->columns);
	if (item->columns == NULL || keep_relation(b, r, body) != 0) {
		return bind_no_memory(b);
	}
	memcpy(item->columns, r->columns, r->n_columns * sizeof *r->columns);
	json_object_set_new(body, "rs_alias", json_string(item->printed));
	if (rename_columns(b, item, alias, at) != 0) {
		return -EINVAL;
	}
	return export_columns(b, s, out);
}

static int bind_from_table(
	struct binder *b, struct bind_scope *s, json_t *node, struct bind_names *out)
{
	json_t *body = rs_node_body(node);
	const char *schema = rs_get_text(body, "schemaname");
	const char *name = rs_get_text(body, "relname");
	const struct rs_relation *r = NULL;
	const struct bind_cte *cte = schema[0] == 0 ? find_cte(s, name) : NULL;
	struct err found = {0};

	if (cte != NULL) {
		return bind_from_cte(b, s, body, cte, out);
	}
	if (b->resolver == NULL || b->resolver->find == NULL) {
		return bind_fail(
			b, EINVAL, rs_get_number(body, "location"), "no table can be named here");
	}
	if (b->resolver->find(b->resolver->arg, schema[0] != 0 ? schema : NULL, name, &r, &found) !=
		0) {
		return bind_fail(b, found.code, rs_get_number(body, "location"), "%s", found.msg);
	}
	if (r->kind == RS_RELATION_VIEW) {
		return bind_from_view(b, s, node, r, out);
	}
	return item_of_relation(b, s, body, r, out);
}

/* ---- joins ---- */

static int bind_from_node(
	struct binder *b, struct bind_scope *s, json_t *node, struct bind_names *out);

static const struct bind_name *find_name(const struct bind_names *names, const char *name)
{
	for (size_t i = 0; i < names->n; i++) {
		if (strcmp(names->of[i].name, name) == 0 && !names->of[i].hidden) {
			return &names->of[i];
		}
	}
	return NULL;
}

/* NATURAL: the names that both have. */
static json_t *natural_names(const struct bind_names *left, const struct bind_names *right)
{
	json_t *names = json_array();

	for (size_t i = 0; i < left->n; i++) {
		if (!left->of[i].hidden && find_name(right, left->of[i].name) != NULL) {
			json_array_append_new(names, rs_string_node(left->of[i].name));
		}
	}
	return names;
}

static int equation(
	struct binder *b, const struct bind_name *left, const struct bind_name *right, json_t *all)
{
	json_t *node = json_pack("{s:{s:s,s:[{s:{s:s}}],s:o,s:o}}", "A_Expr", "kind", "AEXPR_OP",
		"name", "String", "sval", "=", "lexpr", json_deep_copy(left->expression), "rexpr",
		json_deep_copy(right->expression));

	if (node == NULL || json_array_append_new(all, node) != 0) {
		return bind_no_memory(b);
	}
	json_t *body = rs_node_body(node);

	rs_set_type(node, BIND_TYPE(SQL_BOOLEAN));
	return bind_comparable(
		b, json_object_get(body, "lexpr"), json_object_get(body, "rexpr"), "=");
}

/* What the name alone means after the join. */
static json_t *merged_column(
	const char *jointype, const struct bind_name *left, const struct bind_name *right)
{
	json_t *node;

	if (strcmp(jointype, "JOIN_RIGHT") == 0) {
		return json_deep_copy(right->expression);
	}
	if (strcmp(jointype, "JOIN_FULL") != 0) {
		return json_deep_copy(left->expression);
	}
	node = json_pack("{s:{s:[o,o]}}", "CoalesceExpr", "args", json_deep_copy(left->expression),
		json_deep_copy(right->expression));
	if (node != NULL) {
		rs_set_type(node, rs_type_of(left->expression));
	}
	return node;
}

static int join_column(struct binder *b, const json_t *body, const char *name,
	const struct bind_names *left, const struct bind_names *right, json_t *all,
	struct bind_names *out)
{
	const struct bind_name *l = find_name(left, name);
	const struct bind_name *r = find_name(right, name);

	if (l == NULL || r == NULL) {
		return bind_fail(b, EINVAL, -1,
			"column \"%s\" of USING does not exist on the %s side of the join", name,
			l == NULL ? "left" : "right");
	}
	if (equation(b, l, r, all) != 0) {
		return -EINVAL;
	}
	return bind_names_add(
		b, out, l->name, merged_column(rs_get_text(body, "jointype"), l, r), false);
}

static bool is_joined(const json_t *names, const char *name)
{
	const json_t *each;
	size_t i;

	json_array_foreach (names, i, each) {
		if (strcmp(rs_node_string(each), name) == 0) {
			return true;
		}
	}
	return false;
}

/* The rest of the names, those that were merged left out. */
static int move_names(
	struct binder *b, struct bind_names *from, const json_t *but, struct bind_names *out)
{
	for (size_t i = 0; i < from->n; i++) {
		if (!is_joined(but, from->of[i].name) &&
			bind_names_add(b, out, from->of[i].name,
				json_incref(from->of[i].expression), from->of[i].hidden) != 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

static int join_using(struct binder *b, json_t *body, const json_t *names,
	const struct bind_names *left, const struct bind_names *right, struct bind_names *out)
{
	json_t *all = json_array();
	const json_t *name;
	size_t i;
	int rc = 0;

	json_array_foreach (names, i, name) {
		rc = rc != 0 ? rc
			     : join_column(b, body, rs_node_string(name), left, right, all, out);
	}
	if (rc != 0 || json_array_size(all) == 0) {
		json_decref(all);
		return rc;
	}
	if (json_array_size(all) == 1) {
		json_object_set(body, "quals", json_array_get(all, 0));
		json_decref(all);
		return 0;
	}
	json_t *quals = json_pack("{s:{s:s,s:o}}", "BoolExpr", "boolop", "AND_EXPR", "args", all);

	if (quals == NULL) {
		return bind_no_memory(b);
	}
	rs_set_type(quals, BIND_TYPE(SQL_BOOLEAN));
	json_object_set_new(body, "quals", quals);
	return 0;
}

static int join_on(struct binder *b, struct bind_scope *s, json_t *body, size_t first_item,
	const struct bind_names *joined)
{
	json_t *quals = json_object_get(body, "quals");
	struct bind_scope on = *s;

	if (quals == NULL) {
		return 0;
	}
	on.names = *joined;
	on.first_item = first_item;
	return bind_condition(b, &on, quals, "JOIN … ON");
}

static int bind_join(struct binder *b, struct bind_scope *s, json_t *body, struct bind_names *out)
{
	CLEANUP(bind_names_clear) struct bind_names left = {0};
	CLEANUP(bind_names_clear) struct bind_names right = {0};
	size_t first_item = s->n_items;
	json_t *names;
	int rc = bind_from_node(b, s, json_object_get(body, "larg"), &left);

	rc = rc != 0 ? rc : bind_from_node(b, s, json_object_get(body, "rarg"), &right);
	if (rc != 0) {
		return rc;
	}
	if (json_object_get(body, "alias") != NULL) {
		return bind_fail(b, ENOTSUP, -1, "a name for a whole join is not supported");
	}
	names = rs_get_flag(body, "isNatural") ? natural_names(&left, &right)
					       : json_incref(json_object_get(body, "usingClause"));
	if (json_array_size(names) > 0) {
		rc = join_using(b, body, names, &left, &right, out);
	}
	rc = rc != 0 ? rc : move_names(b, &left, names, out);
	rc = rc != 0 ? rc : move_names(b, &right, names, out);
	if (rc == 0 && json_array_size(names) == 0) {
		rc = join_on(b, s, body, first_item, out);
	}
	json_decref(names);
	json_object_del(body, "usingClause");
	json_object_del(body, "isNatural");
	return rc;
}

static int bind_from_node(
	struct binder *b, struct bind_scope *s, json_t *node, struct bind_names *out)
{
	json_t *body = rs_node_body(node);

	if (rs_node_as(node, "RangeVar") != NULL) {
		return bind_from_table(b, s, node, out);
	}
	if (rs_node_as(node, "RangeSubselect") != NULL) {
		return bind_from_subquery(b, s, body, out);
	}
	if (rs_node_as(node, "JoinExpr") != NULL) {
		return bind_join(b, s, body, out);
	}
	return bind_fail(b, ENOTSUP, -1,
		"FROM takes tables, subqueries and joins; %s is not supported",
		rs_node_as(node, "RangeFunction") != NULL ? "a function" : rs_node_kind(node));
}

int bind_from(struct binder *b, struct bind_scope *s, json_t *from)
{
	json_t *node;
	size_t i;

	json_array_foreach (from, i, node) {
		CLEANUP(bind_names_clear) struct bind_names names = {0};
		int rc = bind_from_node(b, s, node, &names);

		rc = rc != 0 ? rc : move_names(b, &names, NULL, &s->names);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}
