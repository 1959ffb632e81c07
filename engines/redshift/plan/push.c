#include "engines/redshift/plan/push.h"

#include <errno.h>
#include <stdio.h>

#include "engines/redshift/plan/filter.h"

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

/* ---- the step ---- */

static void add_leaves(json_t *from, json_t *leaves)
{
	json_t *join = rs_node(from, "JoinExpr");

	if (join == NULL) {
		json_array_append(leaves, from);
		return;
	}
	add_leaves(json_object_get(join, "larg"), leaves);
	add_leaves(json_object_get(join, "rarg"), leaves);
}

static uint64_t moved(const struct rs_placing *pl)
{
	uint64_t set = 0;

	for (unsigned i = 0; i < json_array_size(pl->leaves); i++) {
		bool moves = pl->way[i] == RS_WAY_BROADCAST || pl->way[i] == RS_WAY_SPREAD;
		set |= moves ? UINT64_C(1) << i : 0;
	}
	return set;
}

/* Where the rows of the step that was made last go. */
static void send_step(struct rs_plan *p, const struct rs_placing *pl, unsigned item)
{
	struct rs_step *s = p->steps[p->n_steps - 1];

	if (pl->way[item] == RS_WAY_BROADCAST) {
		s->broadcast = true;
		return;
	}
	s->spread = true;
	s->drops_nulls = (pl->drops_nulls >> item & 1) != 0;
	/* A condition compares it: it is among the columns that are needed. */
	while (s->key + 1 < s->result.n_columns &&
		strcmp(s->columns[s->key].name, pl->key[item]) != 0) {
		s->key++;
	}
}

/* Tables whose rows move are scanned by steps of their own. */
static int read_tables(struct rs_plan *p, json_t *select, const struct rs_placing *pl,
	json_t *leaves, bool *spread, struct err *err)
{
	json_auto_t *filters = rs_filters_take(p, select, leaves, moved(pl));
	size_t i;
	json_t *leaf;
	int rc = filters == NULL ? no_memory(err) : 0;

	json_array_foreach (leaves, i, leaf) {
		json_t *range = rs_node(leaf, "RangeVar");
		json_object_set_new(range, "rs_way", json_integer(pl->way[i]));
		if (pl->way[i] != RS_WAY_BROADCAST && pl->way[i] != RS_WAY_SPREAD) {
			json_object_set_new(range, "rs_here", json_true());
			continue;
		}
		*spread |= pl->way[i] == RS_WAY_SPREAD;
		rc = rc != 0 ? rc : rs_plan_scan(p, range, json_array_get(filters, i), err);
		if (rc == 0) {
			send_step(p, pl, (unsigned)i);
		}
	}
	return rc;
}

int rs_push_step(struct rs_plan *p, json_t *select, const struct rs_placing *pl,
	struct rs_step **out, struct err *err)
{
	json_auto_t *leaves = json_array();
	bool spread = false;
	size_t i;
	json_t *from;

	json_array_foreach (json_object_get(select, "fromClause"), i, from) {
		add_leaves(from, leaves);
	}
	int rc = json_array_size(leaves) == json_array_size(pl->leaves)
			 ? read_tables(p, select, pl, leaves, &spread, err)
			 : no_memory(err);
	if (rc != 0) {
		json_decref(select);
		return rc;
	}
	rc = rs_plan_step(p, RS_STEP_NODES, select, out, err);
	if (rc == 0) {
		(*out)->one_node = pl->whole;
		(*out)->reads_spread = spread;
	}
	return rc;
}

int rs_push_read(struct rs_plan *p, json_t *select, const struct rs_step *s, struct err *err)
{
	json_t *range = json_pack("{s:s, s:s}", "relname", s->name, "rs_alias", s->name);
	json_t *from = json_pack("[{s:o}]", "RangeVar", range);

	if (from == NULL || json_object_set_new(select, "fromClause", from) != 0) {
		return no_memory(err);
	}
	json_object_del(select, "whereClause");
	return rs_plan_read_step(p, range, s, err);
}

int rs_push_target(json_t *select, const char *name, json_t *value)
{
	struct sql_type t = rs_type_of(value);

	if (json_array_append_new(
		    json_object_get(select, "targetList"), rs_new_target(name, value)) != 0 ||
		json_array_append_new(json_object_get(select, "rs_columns"),
			json_pack("[s, i, i, i]", name, (int)t.kind, (int)t.size, (int)t.scale)) !=
			0) {
		return -ENOMEM;
	}
	return 0;
}

/* ---- all of it ---- */

static json_t *reference(const struct rs_step *s, size_t column)
{
	return rs_new_ref(s->name, 0, s->columns[column].name, s->columns[column].type);
}

/* How many rows LIMIT and OFFSET want at most; -1: all, or it is not known. */
static json_int_t wanted_rows(const json_t *select)
{
	const json_t *limit = json_object_get(select, "limitCount");
	const json_t *offset = json_object_get(select, "limitOffset");
	const json_t *n = json_object_get(rs_node(limit, "A_Const"), "ival");
	const json_t *skip = json_object_get(rs_node(offset, "A_Const"), "ival");

	/* 0 is left out of a tree. */
	if (n == NULL || (offset != NULL && skip == NULL)) {
		return -1;
	}
	json_int_t rows = json_integer_value(json_object_get(n, "ival"));
	json_int_t skipped = json_integer_value(json_object_get(skip, "ival"));
	return rows < 0 || skipped < 0 || rows > INT32_MAX || skipped > INT32_MAX ? -1
										  : rows + skipped;
}

/* Targets t0, t1…, and what ORDER BY wants besides them. */
static json_t *select_for_all(const json_t *select)
{
	json_t *inner = json_deep_copy(select);
	size_t i;
	json_t *node;
	char name[24];

	json_object_del(inner, "targetList");
	json_object_del(inner, "rs_columns");
	json_object_del(inner, "limitCount");
	json_object_del(inner, "limitOffset");
	json_object_del(inner, "withClause");
	json_object_set_new(inner, "limitOption", json_string("LIMIT_OPTION_DEFAULT"));
	json_object_set_new(inner, "targetList", json_array());
	json_object_set_new(inner, "rs_columns", json_array());
	json_array_foreach (json_object_get(select, "targetList"), i, node) {
		snprintf(name, sizeof name, "t%zu", i);
		rs_push_target(inner, name,
			json_deep_copy(json_object_get(rs_node(node, "ResTarget"), "val")));
	}
	json_array_foreach (json_object_get(select, "sortClause"), i, node) {
		const json_t *sort = rs_node(node, "SortBy");
		if (json_object_get(sort, "rs_target") == NULL) {
			snprintf(name, sizeof name, "o%zu", i);
			rs_push_target(inner, name, json_deep_copy(json_object_get(sort, "node")));
		}
	}
	json_int_t rows = wanted_rows(select);
	if (rows >= 0) {
		json_object_set_new(inner, "limitCount", rs_new_integer(rows));
		json_object_set_new(inner, "limitOption", json_string("LIMIT_OPTION_COUNT"));
	} else {
		json_object_del(inner, "sortClause");
	}
	return inner;
}

/* What the leader selects of it. */
static int refer_to_targets(json_t *select, const struct rs_step *s)
{
	size_t n = json_array_size(json_object_get(select, "targetList"));
	size_t next = n;
	size_t i;
	json_t *node;
	int rc = 0;

	json_array_foreach (json_object_get(select, "targetList"), i, node) {
		rc |= json_object_set_new(rs_node(node, "ResTarget"), "val", reference(s, i));
	}
	json_array_foreach (json_object_get(select, "sortClause"), i, node) {
		json_t *sort = rs_node(node, "SortBy");
		const json_t *target = json_object_get(sort, "rs_target");
		size_t column = target == NULL ? next++ : (size_t)json_integer_value(target);
		rc |= json_object_set_new(sort, "node", reference(s, column));
	}
	json_object_del(select, "groupClause");
	json_object_del(select, "havingClause");
	json_object_del(select, "rs_grouped");
	return rc;
}

int rs_push_all(struct rs_plan *p, json_t *select, const struct rs_placing *pl, struct err *err)
{
	struct rs_step *s = NULL;
	int rc = rs_push_step(p, select_for_all(select), pl, &s, err);

	rc = rc != 0 ? rc : rs_push_read(p, select, s, err);
	if (rc == 0 && refer_to_targets(select, s) != 0) {
		return no_memory(err);
	}
	return rc;
}

/* ---- the join ---- */

static void column_name(char name[160], unsigned item, const char *column)
{
	snprintf(name, 160, "c%u_%s", item, column);
}

static json_t *select_for_join(struct rs_plan *p, const json_t *select, const struct rs_placing *pl)
{
	json_t *inner =
		rs_new_select(json_array(), json_deep_copy(json_object_get(select, "fromClause")));
	json_t *where = json_object_get(select, "whereClause");
	char name[160];

	if (where != NULL) {
		json_object_set_new(inner, "whereClause", json_deep_copy(where));
	}
	for (unsigned i = 0; i < json_array_size(pl->leaves); i++) {
		const json_t *range = rs_node(json_array_get(pl->leaves, i), "RangeVar");
		const struct rs_relation *r = rs_plan_relation(p, range);
		for (unsigned k = 0; k < r->n_columns; k++) {
			if (json_is_true(json_array_get(json_object_get(range, "rs_needed"), k))) {
				column_name(name, i, r->columns[k].name);
				rs_push_target(inner, name,
					rs_new_ref(rs_text_of(range, "rs_alias"), i,
						r->columns[k].name, r->columns[k].type));
			}
		}
	}
	if (json_array_size(json_object_get(inner, "targetList")) == 0) {
		rs_push_target(inner, "c", rs_new_integer(1));
	}
	return inner;
}

static int to_joined(void *arg, json_t *ref, unsigned depth)
{
	const struct rs_step *s = arg;
	char name[160];

	if (depth != rs_ref_level(ref)) {
		return 0;
	}
	column_name(name, rs_ref_item(ref), rs_text_of(ref, "rs_column"));
	json_array_set_new(json_object_get(ref, "rs_from"), 1, json_integer(0));
	json_object_set_new(ref, "rs_alias", json_string(s->name));
	return json_object_set_new(ref, "rs_column", json_string(name));
}

int rs_push_join(struct rs_plan *p, json_t *select, const struct rs_placing *pl, struct err *err)
{
	struct rs_step *s = NULL;
	int rc = rs_push_step(p, select_for_join(p, select, pl), pl, &s, err);

	rc = rc != 0 ? rc : rs_push_read(p, select, s, err);
	if (rc == 0 && rs_each_ref(select, 0, to_joined, s) != 0) {
		return no_memory(err);
	}
	return rc;
}
