#include "engines/redshift/plan/filter.h"

#include <errno.h>

struct items {
	uint64_t set;
	bool other;
};

static int add_item(void *arg, json_t *ref, unsigned depth)
{
	struct items *items = arg;
	unsigned item = rs_ref_item(ref);

	if (depth > 0 || rs_ref_level(ref) > 0 || item >= 64) {
		items->other = true;
	} else {
		items->set |= UINT64_C(1) << item;
	}
	return 0;
}

uint64_t rs_items_of(json_t *expression, bool *other)
{
	struct items items = {0};

	rs_each_ref(expression, 0, add_item, &items);
	*other = items.other || rs_has(expression, "SubLink");
	return items.set;
}

/* Which leaves stand below a FROM item, and which of them its rows always have: not the side of an
 * outer join that may be missing. */
struct side {
	uint64_t all, sure;
};

struct taking {
	const struct rs_plan *plan;
	const json_t *leaves;
	json_t *filters;
	uint64_t wanted;
	unsigned next; /* leaf */
	bool failed;
};

static bool is_table(const struct taking *t, unsigned leaf)
{
	const json_t *range = rs_node(json_array_get(t->leaves, leaf), "RangeVar");
	const struct rs_relation *r = range == NULL ? NULL : rs_plan_relation(t->plan, range);
	return r != NULL && r->kind == RS_RELATION_TABLE;
}

/* Of a condition: the parts that are not taken. */
static json_t *take(struct taking *t, json_t *condition, uint64_t sure)
{
	json_auto_t *parts = json_array();
	json_auto_t *rest = json_array();
	size_t i;
	json_t *part;

	t->failed |= rs_conjuncts(condition, parts) != 0;
	json_array_foreach (parts, i, part) {
		bool other;
		uint64_t set = rs_items_of(part, &other);
		bool one = set != 0 && (set & (set - 1)) == 0;
		unsigned leaf = one ? (unsigned)__builtin_ctzll(set) : 0;
		bool taken = one && !other && (set & sure & t->wanted) != 0 && is_table(t, leaf);
		json_t *into = taken ? json_array_get(t->filters, leaf) : rest;
		t->failed |= json_array_append(into, part) != 0;
	}
	return rs_conjunction(rest);
}

static json_t *constant_true(void)
{
	struct sql_type boolean = {SQL_BOOLEAN, 0, 0};
	return json_pack("{s:{s:{s:b}, s:o}}", "A_Const", "boolval", "boolval", 1, "rs_type",
		rs_new_type(boolean));
}

static struct side take_item(struct taking *t, json_t *item);

static struct side take_join(struct taking *t, json_t *join)
{
	struct side left = take_item(t, json_object_get(join, "larg"));
	struct side right = take_item(t, json_object_get(join, "rarg"));
	const char *type = rs_text_of(join, "jointype");
	bool inner = strcmp(type, "JOIN_INNER") == 0;
	bool keeps_left = strcmp(type, "JOIN_LEFT") == 0;
	bool keeps_right = strcmp(type, "JOIN_RIGHT") == 0;
	json_t *quals = json_object_get(join, "quals");
	/* Its own condition does not remove rows of the side that is kept. */
	uint64_t own =
		(inner || keeps_right ? left.sure : 0) | (inner || keeps_left ? right.sure : 0);

	if (quals != NULL) {
		json_t *rest = take(t, quals, own);
		json_object_set_new(join, "quals", rest == NULL ? constant_true() : rest);
	}
	return (struct side){.all = left.all | right.all,
		.sure = (inner || keeps_left ? left.sure : 0) |
			(inner || keeps_right ? right.sure : 0)};
}

static struct side take_item(struct taking *t, json_t *item)
{
	json_t *join = rs_node(item, "JoinExpr");
	if (join != NULL) {
		return take_join(t, join);
	}
	unsigned leaf = t->next++;
	uint64_t bit = leaf < 64 ? UINT64_C(1) << leaf : 0;
	return (struct side){bit, bit};
}

json_t *rs_filters_take(
	const struct rs_plan *p, json_t *select, const json_t *leaves, uint64_t wanted)
{
	struct taking t = {.plan = p, .leaves = leaves, .filters = json_array(), .wanted = wanted};
	json_t *where = json_object_get(select, "whereClause");
	uint64_t sure = 0;
	size_t i;
	json_t *item;

	for (i = 0; i < json_array_size(leaves); i++) {
		t.failed |= json_array_append_new(t.filters, json_array()) != 0;
	}
	json_array_foreach (json_object_get(select, "fromClause"), i, item) {
		sure |= take_item(&t, item).sure;
	}
	if (where != NULL) {
		json_t *rest = take(&t, where, sure);
		if (rest == NULL) {
			json_object_del(select, "whereClause");
		} else {
			json_object_set_new(select, "whereClause", rest);
		}
	}
	if (t.failed) {
		json_decref(t.filters);
		return NULL;
	}
	return t.filters;
}
