/* One SELECT: which of it the nodes do. */
#include <errno.h>

#include "engines/redshift/plan/filter.h"
#include "engines/redshift/plan/push.h"

/* Each FROM item is scanned by itself, the leader does the rest. */
static int scan_each(struct rs_plan *p, json_t *select, const json_t *leaves, struct err *err)
{
	json_auto_t *filters = rs_filters_take(p, select, leaves, UINT64_MAX);
	size_t i;
	json_t *leaf;
	int rc = filters == NULL ? err_set(err, ENOMEM, "out of memory") : 0;

	json_array_foreach (leaves, i, leaf) {
		json_t *range = rs_node(leaf, "RangeVar");
		if (rc == 0 && range != NULL && rs_plan_relation(p, range) != NULL) {
			rc = rs_plan_scan(p, range, json_array_get(filters, i), err);
		}
	}
	return rc;
}

static bool all_tables(const struct rs_plan *p, const json_t *leaves)
{
	size_t i;
	json_t *leaf;

	json_array_foreach (leaves, i, leaf) {
		const json_t *range = rs_node(leaf, "RangeVar");
		const struct rs_relation *r = range == NULL ? NULL : rs_plan_relation(p, range);
		if (r == NULL || r->kind != RS_RELATION_TABLE) {
			return false;
		}
	}
	return json_array_size(leaves) > 0 && json_array_size(leaves) <= RS_JOIN_MAX;
}

/* What moves between nodes is not more than what would move to the leader. */
static bool worth_sending(const struct rs_placing *pl)
{
	switch (pl->plan->sight->joins) {
	case RS_JOINS_SPREAD: return true;
	case RS_JOINS_LEADER: return pl->moved == 0;
	default: return pl->moved <= pl->all;
	}
}

/* Values of an expression that no table can hold stay where they are made. */
static bool can_be_kept(const json_t *expression)
{
	enum sql_kind kind = rs_type_of(expression).kind;
	return kind != SQL_INTERVAL && kind != SQL_UNKNOWN;
}

static bool all_can_be_kept(const json_t *select)
{
	size_t i;
	json_t *node;

	json_array_foreach (json_object_get(select, "targetList"), i, node) {
		if (!can_be_kept(json_object_get(rs_node(node, "ResTarget"), "val"))) {
			return false;
		}
	}
	json_array_foreach (json_object_get(select, "sortClause"), i, node) {
		if (!can_be_kept(json_object_get(rs_node(node, "SortBy"), "node"))) {
			return false;
		}
	}
	json_array_foreach (json_object_get(select, "groupClause"), i, node) {
		if (!can_be_kept(node)) {
			return false;
		}
	}
	return true;
}

static bool is_grouped(const json_t *select)
{
	return json_object_get(select, "groupClause") != NULL ||
	       json_object_get(select, "havingClause") != NULL ||
	       rs_has_aggregate(json_object_get(select, "targetList")) ||
	       rs_has_aggregate(json_object_get(select, "sortClause"));
}

/* Whether no group has rows on two nodes. */
static bool groups_lie_together(const json_t *select, const struct rs_placing *pl)
{
	size_t i;
	json_t *group;

	if (pl->whole || pl->one_node) {
		return true;
	}
	json_array_foreach (json_object_get(select, "groupClause"), i, group) {
		if (rs_place_is_key(pl, group, pl->keys)) {
			return true;
		}
	}
	return false;
}

static bool has_grouping_sets(const json_t *select)
{
	const json_t *groups = json_object_get(select, "groupClause");
	return rs_has(groups, "GroupingSet") || rs_has(groups, "RowExpr");
}

static int push(struct rs_plan *p, json_t *select, const struct rs_placing *pl, struct err *err)
{
	bool windows = rs_has_window(select) || json_object_get(select, "rs_qualify") != NULL;
	bool grouped = is_grouped(select);
	bool plain = !windows && all_can_be_kept(select);

	if (plain &&
		(!grouped || (groups_lie_together(select, pl) && !has_grouping_sets(select)))) {
		return rs_push_all(p, select, pl, err);
	}
	if (plain && !has_grouping_sets(select)) {
		int rc = rs_push_partial(p, select, pl, err);
		if (rc != 0) {
			return rc < 0 ? rc : 0;
		}
	}
	return rs_push_join(p, select, pl, err);
}

int rs_plan_block(
	struct rs_plan *p, json_t *select, json_t *leaves, bool correlated, struct err *err)
{
	struct rs_placing pl;

	if (correlated || !all_tables(p, leaves) || rs_has(select, "SubLink") ||
		json_object_get(select, "withClause") != NULL) {
		return scan_each(p, select, leaves, err);
	}
	int rc = rs_place(p, select, leaves, &pl, err);
	if (rc != 0) {
		return rc;
	}
	return worth_sending(&pl) ? push(p, select, &pl, err) : scan_each(p, select, leaves, err);
}
