#include "engines/redshift/plan/join.h"

#include <errno.h>

/* How the rows of a part of a FROM lie. */
struct lie {
	uint64_t items;
	uint64_t keys;
	bool whole; /* each node has all */
};

static uint64_t bit(unsigned item)
{
	return UINT64_C(1) << item;
}

static const struct rs_table *table_of(const struct rs_placing *pl, unsigned item)
{
	const json_t *range = rs_node(json_array_get(pl->leaves, item), "RangeVar");
	return rs_plan_relation(pl->plan, range)->table;
}

static uint64_t rows_of(const struct rs_placing *pl, uint64_t items)
{
	uint64_t rows = 0;

	for (unsigned i = 0; i < json_array_size(pl->leaves); i++) {
		rows += (items & bit(i)) != 0 && pl->way[i] == RS_WAY_NONE ? table_of(pl, i)->rows
									   : 0;
	}
	return rows;
}

static struct lie send_to_all(struct rs_placing *pl, struct lie l)
{
	for (unsigned i = 0; i < json_array_size(pl->leaves); i++) {
		if ((l.items & bit(i)) != 0 && pl->way[i] == RS_WAY_NONE) {
			pl->way[i] = RS_WAY_BROADCAST;
		}
	}
	return (struct lie){.items = l.items, .whole = true};
}

/* ---- conditions ---- */

static bool is_integer(enum sql_kind kind)
{
	return kind == SQL_SMALLINT || kind == SQL_INTEGER || kind == SQL_BIGINT;
}

/* Whether equal values of both have equal hashes, and are equal by themselves. */
static bool hash_alike(struct sql_type a, struct sql_type b)
{
	if (is_integer(a.kind) && is_integer(b.kind)) {
		return true;
	}
	return a.kind == b.kind && a.kind != SQL_REAL && a.kind != SQL_DOUBLE && a.scale == b.scale;
}

/* What makes integers of different width comparable changes nothing. */
static const json_t *column_of(const json_t *expression)
{
	const json_t *cast = rs_node(expression, "TypeCast");

	while (cast != NULL && rs_flag_of(cast, "rs_implicit")) {
		expression = json_object_get(cast, "arg");
		cast = rs_node(expression, "TypeCast");
	}
	return rs_node(expression, "ColumnRef") == NULL ? NULL : expression;
}

/* The item whose distribution key it is; -1: none. */
static int key_item(const struct rs_placing *pl, const json_t *expression)
{
	const json_t *ref = rs_node(column_of(expression), "ColumnRef");

	if (ref == NULL || rs_ref_level(ref) != 0 ||
		rs_ref_item(ref) >= json_array_size(pl->leaves)) {
		return -1;
	}
	unsigned item = rs_ref_item(ref);
	const struct rs_table *t = table_of(pl, item);
	uint64_t index = rs_table_distkey_index(t);
	bool key = t->placement == RS_DIST_KEY && index < t->n_columns &&
		   strcmp(t->columns[index].name, rs_text_of(ref, "rs_column")) == 0;
	return key ? (int)item : -1;
}

bool rs_place_is_key(const struct rs_placing *pl, const json_t *expression, uint64_t keys)
{
	int item = rs_node(expression, "ColumnRef") == NULL ? -1 : key_item(pl, expression);
	return item >= 0 && (keys & bit((unsigned)item)) != 0;
}

static bool is_equality(const json_t *e)
{
	const json_t *name = json_array_get(json_object_get(e, "name"), 0);
	return strcmp(rs_text_of(e, "kind"), "AEXPR_OP") == 0 &&
	       strcmp(rs_text_of(rs_node(name, "String"), "sval"), "=") == 0;
}

/* Whether what matches lies together. */
static bool together(
	const struct rs_placing *pl, const json_t *conditions, struct lie l, struct lie r)
{
	size_t i;
	json_t *condition;

	json_array_foreach (conditions, i, condition) {
		const json_t *e = rs_node(condition, "A_Expr");
		if (e == NULL || !is_equality(e)) {
			continue;
		}
		const json_t *left = json_object_get(e, "lexpr");
		const json_t *right = json_object_get(e, "rexpr");
		int a = key_item(pl, left);
		int b = key_item(pl, right);
		if (a < 0 || b < 0 ||
			!hash_alike(rs_type_of(column_of(left)), rs_type_of(column_of(right)))) {
			continue;
		}
		uint64_t both = bit((unsigned)a) | bit((unsigned)b);
		if ((l.keys & both) != 0 && (r.keys & both) != 0) {
			return true;
		}
	}
	return pl->one_node;
}

/* ---- joins ---- */

static struct lie inner_join(
	struct rs_placing *pl, const json_t *conditions, struct lie l, struct lie r)
{
	uint64_t items = l.items | r.items;

	if (!l.whole && !r.whole && !together(pl, conditions, l, r)) {
		if (rows_of(pl, l.items) < rows_of(pl, r.items)) {
			l = send_to_all(pl, l);
		} else {
			r = send_to_all(pl, r);
		}
	}
	/* A side that is whole has no keys. */
	return (struct lie){.items = items, .keys = l.keys | r.keys, .whole = l.whole && r.whole};
}

/* `kept`: the side whose rows all come, which has to be the one that is spread. */
static struct lie outer_join(
	struct rs_placing *pl, const json_t *conditions, struct lie kept, struct lie other)
{
	if (!other.whole && (kept.whole || !together(pl, conditions, kept, other))) {
		other = send_to_all(pl, other);
	}
	return (struct lie){
		.items = kept.items | other.items, .keys = kept.keys, .whole = kept.whole};
}

static struct lie full_join(
	struct rs_placing *pl, const json_t *conditions, struct lie l, struct lie r)
{
	bool spread = !l.whole && !r.whole && together(pl, conditions, l, r);

	if (!spread) {
		l = send_to_all(pl, l);
		r = send_to_all(pl, r);
	}
	return (struct lie){.items = l.items | r.items, .whole = !spread};
}

static struct lie lie_of_table(struct rs_placing *pl, unsigned item)
{
	const struct rs_table *t = table_of(pl, item);
	bool all = t->placement == RS_DIST_ALL;

	pl->way[item] = all ? RS_WAY_ALL_NONE : RS_WAY_NONE;
	return (struct lie){.items = bit(item),
		.keys = t->placement == RS_DIST_KEY ? bit(item) : 0,
		.whole = all && !pl->one_node};
}

static int lie_of(struct rs_placing *pl, const json_t *from, unsigned *next, struct lie *out)
{
	const json_t *join = rs_node(from, "JoinExpr");
	json_auto_t *conditions = json_array();
	struct lie l;
	struct lie r;

	if (join == NULL) {
		*out = lie_of_table(pl, (*next)++);
		return 0;
	}
	int rc = rs_conjuncts(json_object_get(join, "quals"), conditions);
	rc = rc != 0 ? rc : lie_of(pl, json_object_get(join, "larg"), next, &l);
	rc = rc != 0 ? rc : lie_of(pl, json_object_get(join, "rarg"), next, &r);
	if (rc != 0) {
		return rc;
	}
	const char *type = rs_text_of(join, "jointype");
	if (strcmp(type, "JOIN_LEFT") == 0) {
		*out = outer_join(pl, conditions, l, r);
	} else if (strcmp(type, "JOIN_RIGHT") == 0) {
		*out = outer_join(pl, conditions, r, l);
	} else if (strcmp(type, "JOIN_FULL") == 0) {
		*out = full_join(pl, conditions, l, r);
	} else {
		*out = inner_join(pl, conditions, l, r);
	}
	return 0;
}

/* ---- the whole FROM ---- */

/* What is joined by inner joins only, in no order: parts, and all conditions. */
struct parts {
	struct lie of[RS_JOIN_MAX];
	unsigned n;
	unsigned next;
	json_t *conditions;
};

static int add_parts(struct rs_placing *pl, const json_t *from, struct parts *parts)
{
	const json_t *join = rs_node(from, "JoinExpr");

	if (join == NULL || strcmp(rs_text_of(join, "jointype"), "JOIN_INNER") != 0) {
		return lie_of(pl, from, &parts->next, &parts->of[parts->n++]);
	}
	int rc = rs_conjuncts(json_object_get(join, "quals"), parts->conditions);
	rc = rc != 0 ? rc : add_parts(pl, json_object_get(join, "larg"), parts);
	return rc != 0 ? rc : add_parts(pl, json_object_get(join, "rarg"), parts);
}

static bool merge_two(const struct rs_placing *pl, struct parts *parts)
{
	for (unsigned a = 0; a < parts->n; a++) {
		for (unsigned b = a + 1; b < parts->n; b++) {
			struct lie *l = &parts->of[a];
			struct lie *r = &parts->of[b];
			if (l->whole || r->whole || !together(pl, parts->conditions, *l, *r)) {
				continue;
			}
			l->items |= r->items;
			l->keys |= r->keys;
			*r = parts->of[--parts->n];
			return true;
		}
	}
	return false;
}

/* The most rows stay where they are; what does not lie with them goes to all nodes. */
static void choose(struct rs_placing *pl, struct parts *parts)
{
	int most = -1;

	for (unsigned i = 0; i < parts->n; i++) {
		if (!parts->of[i].whole &&
			(most < 0 || rows_of(pl, parts->of[i].items) >
					     rows_of(pl, parts->of[most].items))) {
			most = (int)i;
		}
	}
	for (unsigned i = 0; i < parts->n; i++) {
		if (!parts->of[i].whole && (int)i != most) {
			send_to_all(pl, parts->of[i]);
		}
	}
	pl->whole = most < 0;
	pl->keys = most < 0 ? 0 : parts->of[most].keys;
}

int rs_place(const struct rs_plan *p, const json_t *select, const json_t *leaves,
	struct rs_placing *out, struct err *err)
{
	json_auto_t *conditions = json_array();
	struct parts parts = {.conditions = conditions};
	size_t i;
	json_t *from;

	*out = (struct rs_placing){
		.plan = p, .leaves = leaves, .one_node = rs_nodes_count(p->sight->nodes) == 1};
	int rc = rs_conjuncts(json_object_get(select, "whereClause"), conditions);
	json_array_foreach (json_object_get(select, "fromClause"), i, from) {
		rc = rc != 0 ? rc : add_parts(out, from, &parts);
	}
	if (rc != 0) {
		return err_set(err, ENOMEM, "out of memory");
	}
	while (merge_two(out, &parts)) {
	}
	choose(out, &parts);
	for (unsigned k = 0; k < json_array_size(leaves); k++) {
		*(out->way[k] == RS_WAY_BROADCAST ? &out->moved : &out->still) +=
			table_of(out, k)->rows;
	}
	return 0;
}
