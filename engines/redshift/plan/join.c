#include "engines/redshift/plan/join_impl.h"

#include <errno.h>

/* ---- joins ---- */

static bool together(const struct rs_placing *pl, const json_t *conditions, struct rs_lie l,
	struct rs_lie r, struct rs_meeting *m)
{
	return !l.whole && !r.whole && rs_meeting_find(pl, conditions, l, r, m) && m->cost == 0;
}

/* Whether a meeting is there, and costs less than to send one side to every node. */
static bool meeting_is_better(const struct rs_placing *pl, const json_t *conditions,
	struct rs_lie l, struct rs_lie r, uint64_t sending, struct rs_meeting *m)
{
	return !l.whole && !r.whole && rs_meeting_find(pl, conditions, l, r, m) &&
	       (m->cost == 0 || m->cost < sending || pl->plan->sight->joins == RS_JOINS_SPREAD);
}

static struct rs_lie inner_join(
	struct rs_placing *pl, const json_t *conditions, struct rs_lie l, struct rs_lie r)
{
	uint64_t left = rs_send_cost(pl, l);
	uint64_t right = rs_send_cost(pl, r);
	struct rs_meeting m;

	if (meeting_is_better(pl, conditions, l, r, left < right ? left : right, &m)) {
		rs_meeting_take(pl, &m, &l, &r, true, true);
	} else if (!l.whole && !r.whole) {
		struct rs_lie *less = left < right ? &l : &r;
		*less = rs_send_to_all(pl, *less);
	}
	/* A side that is whole has no keys. */
	return (struct rs_lie){
		.items = l.items | r.items, .keys = l.keys | r.keys, .whole = l.whole && r.whole};
}

/* `kept`: the side whose rows all come, which has to be the one that is spread. */
static struct rs_lie outer_join(
	struct rs_placing *pl, const json_t *conditions, struct rs_lie kept, struct rs_lie other)
{
	struct rs_meeting m;

	if (meeting_is_better(pl, conditions, kept, other, rs_send_cost(pl, other), &m)) {
		rs_meeting_take(pl, &m, &kept, &other, false, true);
	} else if (!other.whole) {
		other = rs_send_to_all(pl, other);
	}
	return (struct rs_lie){
		.items = kept.items | other.items, .keys = kept.keys, .whole = kept.whole};
}

static struct rs_lie full_join(
	struct rs_placing *pl, const json_t *conditions, struct rs_lie l, struct rs_lie r)
{
	uint64_t sending = rs_send_cost(pl, l) + rs_send_cost(pl, r);
	struct rs_meeting m;
	bool spread = meeting_is_better(pl, conditions, l, r, sending, &m);

	if (spread) {
		rs_meeting_take(pl, &m, &l, &r, false, false);
	} else {
		l = rs_send_to_all(pl, l);
		r = rs_send_to_all(pl, r);
	}
	/* Its rows lie by the one column or the other. */
	return (struct rs_lie){.items = l.items | r.items, .whole = !spread};
}

static const char *distribution_key(const struct rs_table *t)
{
	uint64_t index = rs_table_distkey_index(t);
	return t->placement == RS_DIST_KEY && index < t->n_columns ? t->columns[index].name : NULL;
}

static struct rs_lie lie_of_table(struct rs_placing *pl, unsigned item)
{
	const struct rs_table *t = rs_place_table(pl, item);
	bool all = t->placement == RS_DIST_ALL;

	pl->way[item] = all ? RS_WAY_ALL_NONE : RS_WAY_NONE;
	pl->key[item] = distribution_key(t);
	return (struct rs_lie){.items = rs_bit(item),
		.keys = pl->key[item] != NULL ? rs_bit(item) : 0,
		.whole = all && !pl->one_node};
}

static int lie_of(struct rs_placing *pl, const json_t *from, unsigned *next, struct rs_lie *out)
{
	const json_t *join = rs_node(from, "JoinExpr");
	json_auto_t *conditions = json_array();
	struct rs_lie l;
	struct rs_lie r;

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
	struct rs_lie of[RS_JOIN_MAX];
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

static void merge(struct parts *parts, unsigned into, unsigned part)
{
	parts->of[into].items |= parts->of[part].items;
	parts->of[into].keys |= parts->of[part].keys;
	parts->of[part] = parts->of[--parts->n];
}

static bool merge_two(const struct rs_placing *pl, struct parts *parts)
{
	struct rs_meeting m;

	for (unsigned a = 0; a < parts->n; a++) {
		for (unsigned b = a + 1; b < parts->n; b++) {
			if (together(pl, parts->conditions, parts->of[a], parts->of[b], &m)) {
				merge(parts, a, b);
				return true;
			}
		}
	}
	return false;
}

/* The one of most values, `but` aside; -1: every node has all of all. */
static int most_of(const struct rs_placing *pl, const struct parts *parts, int but)
{
	int most = -1;

	for (unsigned i = 0; i < parts->n; i++) {
		if (!parts->of[i].whole && (int)i != but &&
			(most < 0 || rs_place_values(pl, parts->of[i].items) >
					     rs_place_values(pl, parts->of[most].items))) {
			most = (int)i;
		}
	}
	return most;
}

/* The greatest part comes first and the others to it, each as it costs least. */
static void choose(struct rs_placing *pl, struct parts *parts)
{
	int most = most_of(pl, parts, -1);
	int next;
	struct rs_meeting m;

	while (most >= 0 && (next = most_of(pl, parts, most)) >= 0) {
		struct rs_lie *l = &parts->of[most];
		struct rs_lie *r = &parts->of[next];
		uint64_t sending = rs_send_cost(pl, *r);
		if (!meeting_is_better(pl, parts->conditions, *l, *r, sending, &m)) {
			*r = rs_send_to_all(pl, *r);
			continue;
		}
		rs_meeting_take(pl, &m, l, r, true, true);
		merge(parts, (unsigned)most, (unsigned)next);
		/* The last part takes the place of the one that went. */
		most = (unsigned)most == parts->n ? next : most;
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

	*out = (struct rs_placing){.plan = p,
		.leaves = leaves,
		.one_node = rs_nodes_count(p->sight->nodes) == 1,
		.spreads = !p->composes || p->sight->joins == RS_JOINS_SPREAD};
	out->all = rs_place_values(out, UINT64_MAX);
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
	return 0;
}
