/* What it costs to bring rows together, and how it is done. */
#include "engines/redshift/plan/join_impl.h"

/* A table of its own on each node costs as much time as so many values that are sent. */
#define FILE_VALUES 1000U

const struct rs_table *rs_place_table(const struct rs_placing *pl, unsigned item)
{
	const json_t *range = rs_node(json_array_get(pl->leaves, item), "RangeVar");
	return rs_plan_relation(pl->plan, range)->table;
}

static uint64_t columns_of(const struct rs_placing *pl, unsigned item)
{
	const json_t *range = rs_node(json_array_get(pl->leaves, item), "RangeVar");
	uint64_t columns = 0;
	size_t i;
	json_t *needed;

	json_array_foreach (json_object_get(range, "rs_needed"), i, needed) {
		columns += json_is_true(needed) ? 1 : 0;
	}
	return columns == 0 ? 1 : columns;
}

uint64_t rs_place_values(const struct rs_placing *pl, uint64_t items)
{
	uint64_t values = 0;

	for (unsigned i = 0; i < json_array_size(pl->leaves); i++) {
		if ((items & rs_bit(i)) != 0 && pl->way[i] != RS_WAY_BROADCAST) {
			values += rs_place_table(pl, i)->rows * columns_of(pl, i);
		}
	}
	return values;
}

/* ---- to every node ---- */

static uint64_t not_everywhere(const struct rs_placing *pl, uint64_t items)
{
	for (unsigned i = 0; i < json_array_size(pl->leaves); i++) {
		items &= pl->way[i] == RS_WAY_ALL_NONE ? ~rs_bit(i) : UINT64_MAX;
	}
	return items;
}

uint64_t rs_send_cost(const struct rs_placing *pl, struct rs_lie l)
{
	return rs_place_values(pl, not_everywhere(pl, l.items)) *
	       rs_nodes_count(pl->plan->sight->nodes);
}

struct rs_lie rs_send_to_all(struct rs_placing *pl, struct rs_lie l)
{
	pl->moved += l.whole ? 0 : rs_send_cost(pl, l);
	for (unsigned i = 0; i < json_array_size(pl->leaves); i++) {
		if ((l.items & rs_bit(i)) != 0 && pl->way[i] != RS_WAY_ALL_NONE) {
			pl->way[i] = RS_WAY_BROADCAST;
			pl->key[i] = NULL;
		}
	}
	return (struct rs_lie){.items = l.items, .whole = true};
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

/* The item of this FROM whose column it is; -1: it is something else. */
static int item_of(const struct rs_placing *pl, const json_t *expression, const char **column)
{
	const json_t *ref = rs_node(column_of(expression), "ColumnRef");

	if (ref == NULL || rs_ref_level(ref) != 0 ||
		rs_ref_item(ref) >= json_array_size(pl->leaves)) {
		return -1;
	}
	*column = rs_text_of(ref, "rs_column");
	return (int)rs_ref_item(ref);
}

bool rs_place_is_key(const struct rs_placing *pl, const json_t *expression, uint64_t keys)
{
	const char *column = "";
	int item = rs_node(expression, "ColumnRef") == NULL ? -1 : item_of(pl, expression, &column);

	return item >= 0 && (keys & rs_bit((unsigned)item)) != 0 && pl->key[item] != NULL &&
	       strcmp(pl->key[item], column) == 0;
}

static bool is_equality(const json_t *e)
{
	const json_t *name = json_array_get(json_object_get(e, "name"), 0);
	return strcmp(rs_text_of(e, "kind"), "AEXPR_OP") == 0 &&
	       strcmp(rs_text_of(rs_node(name, "String"), "sval"), "=") == 0;
}

/* ---- meetings ---- */

/* One side of an equality: whether the part lies by that column, or what it costs to send it. */
static bool can_meet(const struct rs_placing *pl, struct rs_lie l, struct rs_meeting *m, int side)
{
	unsigned item = m->item[side];

	m->sent[side] = (l.keys & rs_bit(item)) == 0 || pl->key[item] == NULL ||
			strcmp(pl->key[item], m->column[side]) != 0;
	if (!m->sent[side]) {
		return true;
	}
	/* What was joined already, or sent, stays where it is. */
	uint64_t values = rs_place_values(pl, l.items);
	m->values += values;
	m->cost += values + (uint64_t)FILE_VALUES * rs_nodes_count(pl->plan->sight->nodes);
	return pl->spreads && !l.whole && l.items == rs_bit(item) && pl->way[item] == RS_WAY_NONE;
}

static bool meets(const struct rs_placing *pl, const json_t *e, struct rs_lie l, struct rs_lie r,
	struct rs_meeting *out)
{
	json_t *left = json_object_get(e, "lexpr");
	json_t *right = json_object_get(e, "rexpr");
	*out = (struct rs_meeting){0};
	int a = item_of(pl, left, &out->column[0]);
	int b = item_of(pl, right, &out->column[1]);

	if (a < 0 || b < 0 ||
		!hash_alike(rs_type_of(column_of(left)), rs_type_of(column_of(right)))) {
		return false;
	}
	out->item[0] = (unsigned)a;
	out->item[1] = (unsigned)b;
	if ((l.items & rs_bit(out->item[1])) != 0) {
		out->item[0] = (unsigned)b;
		out->item[1] = (unsigned)a;
		const char *column = out->column[0];
		out->column[0] = out->column[1];
		out->column[1] = column;
	}
	return (l.items & rs_bit(out->item[0])) != 0 && (r.items & rs_bit(out->item[1])) != 0 &&
	       can_meet(pl, l, out, 0) && can_meet(pl, r, out, 1);
}

bool rs_meeting_find(const struct rs_placing *pl, const json_t *conditions, struct rs_lie l,
	struct rs_lie r, struct rs_meeting *out)
{
	size_t i;
	json_t *condition;
	bool found = false;

	if (pl->one_node) {
		*out = (struct rs_meeting){0};
		return true;
	}
	json_array_foreach (conditions, i, condition) {
		const json_t *e = rs_node(condition, "A_Expr");
		struct rs_meeting m;
		if (e != NULL && is_equality(e) && meets(pl, e, l, r, &m) &&
			(!found || m.cost < out->cost)) {
			*out = m;
			found = true;
		}
	}
	return found;
}

static void send(
	struct rs_placing *pl, const struct rs_meeting *m, int side, struct rs_lie *l, bool sure)
{
	unsigned item = m->item[side];

	if (!m->sent[side]) {
		return;
	}
	pl->way[item] = RS_WAY_SPREAD;
	pl->key[item] = m->column[side];
	pl->drops_nulls |= sure ? rs_bit(item) : 0;
	l->keys = rs_bit(item);
}

void rs_meeting_take(struct rs_placing *pl, const struct rs_meeting *m, struct rs_lie *l,
	struct rs_lie *r, bool left_sure, bool right_sure)
{
	pl->moved += m->values;
	send(pl, m, 0, l, left_sure);
	send(pl, m, 1, r, right_sure);
}
