/* A plan as people read it: the operators as Redshift's EXPLAIN shows them, then what runs where.
 */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/plan/filter.h"
#include "engines/redshift/sql/print.h"

struct printer {
	const struct rs_plan *plan;
	struct buf *out;
};

/* One SELECT's FROM while it is printed. */
struct from {
	json_t *conditions; /* of WHERE, those that were not printed yet */
};

static void print_select(struct printer *p, const json_t *select, unsigned depth);

static void line(struct printer *p, unsigned depth, const char *text)
{
	if (depth == 0) {
		buf_printf(p->out, "XN %s", text);
	} else {
		buf_printf(p->out, "%*s->  XN %s", (int)(depth * 6 - 4), "", text);
	}
}

/* A line about the operator above. */
static void detail(struct printer *p, unsigned depth, const char *label, const json_t *list)
{
	size_t i;
	json_t *e;

	json_array_foreach (list, i, e) {
		if (i == 0) {
			buf_printf(p->out, "%*s%s: ", (int)(depth * 6 + 2), "", label);
		} else {
			buf_puts(p->out, strstr(label, "Key") != NULL ? ", " : " AND ");
		}
		buf_putc(p->out, '(');
		rs_print_plain(e, p->out);
		buf_putc(p->out, ')');
	}
	if (json_array_size(list) > 0) {
		buf_putc(p->out, '\n');
	}
}

/* ---- FROM ---- */

static const struct rs_step *step_of(const struct printer *p, const json_t *range)
{
	const json_t *number = json_object_get(range, "rs_step");
	return number == NULL ? NULL : p->plan->steps[json_integer_value(number) - 1];
}

static uint64_t items_below(const json_t *from, unsigned *next)
{
	const json_t *join = rs_node(from, "JoinExpr");

	if (join != NULL) {
		uint64_t left = items_below(json_object_get(join, "larg"), next);
		return left | items_below(json_object_get(join, "rarg"), next);
	}
	unsigned item = (*next)++;
	return item < 64 ? UINT64_C(1) << item : 0;
}

/* How the rows of one side came to where they are joined. */
enum moves {
	MOVES_NOT,    /* they are there: on the leader, when the other side comes up, too */
	MOVES_ALL,    /* a table that every node has */
	MOVES_SENT,   /* sent to every node */
	MOVES_HERE,   /* they lie on the nodes, or were joined there */
	MOVES_SPREAD, /* each row was sent to the node of its key */
	MOVES_UP,     /* sent to the leader */
};

static bool is_everywhere(enum moves m)
{
	return m == MOVES_ALL || m == MOVES_SENT;
}

/* Of two sides that were joined. What moved for them does not move again for the next. */
static enum moves joined(enum moves left, enum moves right)
{
	if (is_everywhere(left) && is_everywhere(right)) {
		return left == MOVES_ALL ? right : left;
	}
	if (is_everywhere(left) || is_everywhere(right)) {
		return is_everywhere(left) ? right : left;
	}
	bool nodes = left == MOVES_HERE || left == MOVES_SPREAD || right == MOVES_HERE ||
		     right == MOVES_SPREAD;
	return nodes ? MOVES_HERE : MOVES_NOT;
}

static enum moves moves_of(const struct printer *p, const json_t *from)
{
	const json_t *join = rs_node(from, "JoinExpr");
	const json_t *range = rs_node(from, "RangeVar");

	if (join != NULL) {
		return joined(moves_of(p, json_object_get(join, "larg")),
			moves_of(p, json_object_get(join, "rarg")));
	}
	const struct rs_step *s = range == NULL ? NULL : step_of(p, range);
	if (s != NULL && s->spread) {
		return MOVES_SPREAD;
	}
	if (s != NULL) {
		return s->broadcast ? MOVES_SENT : s->kind == RS_STEP_NODES ? MOVES_UP : MOVES_NOT;
	}
	if (range == NULL || !rs_flag_of(range, "rs_here")) {
		return MOVES_NOT;
	}
	return json_integer_value(json_object_get(range, "rs_way")) == RS_WAY_ALL_NONE ? MOVES_ALL
										       : MOVES_HERE;
}

/* What has to move for the rows of both sides to meet, and where that is not on the nodes. */
static const char *join_label(enum moves left, enum moves right)
{
	if (left == MOVES_SENT || right == MOVES_SENT) {
		return " DS_BCAST_INNER";
	}
	if (left == MOVES_ALL || right == MOVES_ALL) {
		return " DS_DIST_ALL_NONE";
	}
	if (left == MOVES_SPREAD || right == MOVES_SPREAD) {
		return left != MOVES_SPREAD    ? " DS_DIST_INNER"
		       : right != MOVES_SPREAD ? " DS_DIST_OUTER"
					       : " DS_DIST_BOTH";
	}
	if (left == MOVES_HERE || right == MOVES_HERE) {
		return " DS_DIST_NONE";
	}
	if (left == MOVES_UP || right == MOVES_UP) {
		return left != MOVES_UP	   ? " DS_DIST_INNER on the leader"
		       : right != MOVES_UP ? " DS_DIST_OUTER on the leader"
					   : " DS_DIST_BOTH on the leader";
	}
	return " on the leader";
}

static bool is_equality(const json_t *condition)
{
	const json_t *e = rs_node(condition, "A_Expr");
	const json_t *name = json_array_get(json_object_get(e, "name"), 0);
	return strcmp(rs_text_of(rs_node(name, "String"), "sval"), "=") == 0 &&
	       strcmp(rs_text_of(e, "kind"), "AEXPR_OP") == 0;
}

/* Takes those of WHERE that concern these items together, not `left` or `right` of them alone:
 * equalities into `hash`, others into `others`. */
static void claim(struct from *f, uint64_t left, uint64_t right, json_t *hash, json_t *others)
{
	for (size_t i = 0; i < json_array_size(f->conditions);) {
		json_t *condition = json_array_get(f->conditions, i);
		bool other;
		uint64_t set = rs_items_of(condition, &other);
		if (other || (set & ~(left | right)) != 0 || (set & ~left) == 0 ||
			(set & ~right) == 0) {
			i++;
			continue;
		}
		json_array_append(is_equality(condition) ? hash : others, condition);
		json_array_remove(f->conditions, i);
	}
}

static const char *join_word(const char *type)
{
	return strcmp(type, "JOIN_LEFT") == 0	 ? " Left"
	       : strcmp(type, "JOIN_RIGHT") == 0 ? " Right"
	       : strcmp(type, "JOIN_FULL") == 0	 ? " Full"
						 : "";
}

static void print_item(
	struct printer *p, struct from *f, const json_t *item, unsigned first, unsigned depth);

/* Items between commas are joined like a tree that leans to the left. */
struct side {
	const json_t *list; /* of FROM; NULL: `item` */
	size_t n;
	const json_t *item;
	unsigned first; /* leaf */
};

static void print_side(struct printer *p, struct from *f, struct side s, unsigned depth);

static uint64_t side_items(struct side s)
{
	unsigned next = s.first;
	uint64_t items = 0;

	if (s.list == NULL) {
		return items_below(s.item, &next);
	}
	for (size_t i = 0; i < s.n; i++) {
		items |= items_below(json_array_get(s.list, i), &next);
	}
	return items;
}

static enum moves side_moves(const struct printer *p, struct side s)
{
	if (s.list == NULL) {
		return moves_of(p, s.item);
	}
	enum moves moves = moves_of(p, json_array_get(s.list, 0));
	for (size_t i = 1; i < s.n; i++) {
		moves = joined(moves, moves_of(p, json_array_get(s.list, i)));
	}
	return moves;
}

/* `join`: NULL between commas. */
static void print_join(struct printer *p, struct from *f, struct side left, struct side right,
	const json_t *join, unsigned depth)
{
	json_auto_t *hash = json_array();
	json_auto_t *others = json_array();
	json_auto_t *on = json_array();
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	const char *type = join == NULL ? "JOIN_INNER" : rs_text_of(join, "jointype");
	enum moves moves[2] = {side_moves(p, left), side_moves(p, right)};
	size_t i;
	json_t *condition;

	rs_conjuncts(join == NULL ? NULL : json_object_get(join, "quals"), on);
	json_array_foreach (on, i, condition) {
		json_array_append(is_equality(condition) ? hash : others, condition);
	}
	claim(f, side_items(left), side_items(right), hash, others);
	bool by_hash = json_array_size(hash) > 0;
	buf_printf(&text, "%s%s Join%s\n", by_hash ? "Hash" : "Nested Loop", join_word(type),
		join_label(moves[0], moves[1]));
	line(p, depth, buf_cstr(&text));
	detail(p, depth, "Hash Cond", hash);
	detail(p, depth, "Join Filter", others);
	/* The side that is sent, or is on every node, is the one that is hashed. */
	bool swap = strcmp(type, "JOIN_INNER") == 0 && is_everywhere(moves[0]) &&
		    (moves[1] == MOVES_HERE || moves[1] == MOVES_SPREAD);
	print_side(p, f, swap ? right : left, depth + 1);
	if (by_hash) {
		line(p, depth + 1, "Hash\n");
	}
	print_side(p, f, swap ? left : right, depth + (by_hash ? 2 : 1));
}

static void print_side(struct printer *p, struct from *f, struct side s, unsigned depth)
{
	if (s.list == NULL || s.n == 1) {
		print_item(
			p, f, s.list == NULL ? s.item : json_array_get(s.list, 0), s.first, depth);
		return;
	}
	struct side left = {.list = s.list, .n = s.n - 1, .first = s.first};
	struct side right = {.item = json_array_get(s.list, s.n - 1)};
	unsigned next = s.first;
	for (size_t i = 0; i + 1 < s.n; i++) {
		items_below(json_array_get(s.list, i), &next);
	}
	right.first = next;
	print_join(p, f, left, right, NULL, depth);
}

/* Conditions on that item alone. */
static void print_filter(struct printer *p, struct from *f, unsigned item, unsigned depth)
{
	json_auto_t *own = json_array();
	uint64_t bit = item < 64 ? UINT64_C(1) << item : 0;

	for (size_t i = 0; i < json_array_size(f->conditions);) {
		bool other;
		uint64_t set = rs_items_of(json_array_get(f->conditions, i), &other);
		if (other || set != bit) {
			i++;
			continue;
		}
		json_array_append(own, json_array_get(f->conditions, i));
		json_array_remove(f->conditions, i);
	}
	detail(p, depth, "Filter", own);
}

static void print_scan(
	struct printer *p, struct from *f, const json_t *range, unsigned item, unsigned depth)
{
	const struct rs_relation *r = rs_plan_relation(p->plan, range);
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	if (r == NULL) {
		buf_printf(&text, "CTE Scan on %s\n", rs_text_of(range, "rs_cte"));
	} else if (r->kind == RS_RELATION_EXTERNAL) {
		buf_printf(&text, "S3 Query Scan on %s.%s\n", r->schema, r->name);
	} else if (r->kind == RS_RELATION_SYSTEM) {
		buf_printf(&text, "Seq Scan on %s (made by the leader)\n", r->name);
	} else {
		const char *alias = rs_text_of(range, "rs_alias");
		bool named = strcmp(alias, r->name) != 0;
		buf_printf(&text, "Seq Scan on %s%s%s  (rows=%llu)\n", r->name, named ? " " : "",
			named ? alias : "", (unsigned long long)r->table->rows);
	}
	line(p, depth, buf_cstr(&text));
	print_filter(p, f, item, depth);
}

static void print_leaf(
	struct printer *p, struct from *f, const json_t *leaf, unsigned item, unsigned depth)
{
	const json_t *range = rs_node(leaf, "RangeVar");
	const json_t *subquery = rs_node(leaf, "RangeSubselect");
	const struct rs_step *s = range == NULL ? NULL : step_of(p, range);

	if (subquery != NULL) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		buf_printf(&text, "Subquery Scan %s\n", rs_text_of(subquery, "rs_alias"));
		line(p, depth, buf_cstr(&text));
		print_filter(p, f, item, depth);
		print_select(
			p, rs_node(json_object_get(subquery, "subquery"), "SelectStmt"), depth + 1);
	} else if (s != NULL && s->kind == RS_STEP_NODES) {
		line(p, depth, "Network\n");
		buf_printf(p->out, "%*s%s  (%s)\n", (int)(depth * 6 + 2), "",
			s->spread      ? "Distribute"
			: s->broadcast ? "Send to all nodes"
				       : "Send to Leader",
			s->name);
		print_select(p, s->select, depth + 1);
	} else if (range != NULL) {
		print_scan(p, f, range, item, depth);
	} else {
		line(p, depth, "Function Scan\n");
	}
}

static void print_item(
	struct printer *p, struct from *f, const json_t *item, unsigned first, unsigned depth)
{
	const json_t *join = rs_node(item, "JoinExpr");
	unsigned next = first;

	if (join == NULL) {
		print_leaf(p, f, item, first, depth);
		return;
	}
	struct side left = {.item = json_object_get(join, "larg"), .first = first};
	items_below(left.item, &next);
	struct side right = {.item = json_object_get(join, "rarg"), .first = next};
	print_join(p, f, left, right, join, depth);
}

/* ---- the rest of a SELECT ---- */

static json_t *sort_keys(const json_t *select)
{
	json_t *keys = json_array();
	size_t i;
	json_t *node;

	json_array_foreach (json_object_get(select, "sortClause"), i, node) {
		json_array_append(keys, json_object_get(rs_node(node, "SortBy"), "node"));
	}
	return keys;
}

/* Whether what it reads comes in order from each node already. */
static bool merges(const struct printer *p, const json_t *select)
{
	const json_t *from = json_object_get(select, "fromClause");
	const json_t *range = rs_node(json_array_get(from, 0), "RangeVar");
	const struct rs_step *s = range == NULL ? NULL : step_of(p, range);
	return s != NULL && s->kind == RS_STEP_NODES && json_array_size(from) == 1 &&
	       json_object_get(s->select, "sortClause") != NULL;
}

static void print_subqueries(struct printer *p, const json_t *j, unsigned depth)
{
	const char *key;
	size_t i;
	json_t *child;

	json_array_foreach (j, i, child) {
		print_subqueries(p, child, depth);
	}
	json_object_foreach ((json_t *)j, key, child) {
		if (strcmp(key, "SelectStmt") == 0) {
			buf_printf(p->out, "%*sSubPlan\n", (int)(depth * 6 - 4), "");
			print_select(p, child, depth);
		} else if (rs_is_part(key)) {
			print_subqueries(p, child, depth);
		}
	}
}

static void print_operators(struct printer *p, const json_t *select, unsigned *depth)
{
	json_auto_t *keys = sort_keys(select);
	json_t *groups = json_object_get(select, "groupClause");

	if (json_object_get(select, "limitCount") != NULL ||
		json_object_get(select, "limitOffset") != NULL) {
		line(p, (*depth)++, "Limit\n");
	}
	if (json_array_size(keys) > 0) {
		bool merge = merges(p, select);
		line(p, *depth, merge ? "Merge\n" : "Sort\n");
		detail(p, (*depth)++, merge ? "Merge Key" : "Sort Key", keys);
	}
	if (json_object_get(select, "distinctClause") != NULL) {
		line(p, (*depth)++, "Unique\n");
	}
	if (rs_has_window(select)) {
		line(p, (*depth)++, "Window\n");
	}
	if (groups != NULL || json_object_get(select, "havingClause") != NULL ||
		rs_has_aggregate(json_object_get(select, "targetList"))) {
		json_auto_t *having = json_array();
		rs_conjuncts(json_object_get(select, "havingClause"), having);
		line(p, *depth, groups != NULL ? "HashAggregate\n" : "Aggregate\n");
		detail(p, *depth, "Group Key", groups);
		detail(p, (*depth)++, "Filter", having);
	}
}

static void print_with(struct printer *p, const json_t *select, unsigned depth)
{
	size_t i;
	json_t *node;

	json_array_foreach (
		json_object_get(json_object_get(select, "withClause"), "ctes"), i, node) {
		const json_t *cte = rs_node(node, "CommonTableExpr");
		buf_printf(p->out, "%*sCTE %s\n", (int)(depth * 6), "", rs_text_of(cte, "ctename"));
		print_select(p, rs_node(json_object_get(cte, "ctequery"), "SelectStmt"), depth + 1);
	}
}

static bool print_setop(struct printer *p, const json_t *select, unsigned depth)
{
	const char *op = rs_text_of(select, "op");

	if (strcmp(op, "SETOP_NONE") == 0) {
		return false;
	}
	bool all = rs_flag_of(select, "all");
	if (strcmp(op, "SETOP_UNION") == 0) {
		if (!all) {
			line(p, depth++, "Unique\n");
		}
		line(p, depth, "Append\n");
	} else {
		line(p, depth,
			strcmp(op, "SETOP_EXCEPT") == 0 ? "Hash SetOp Except\n"
							: "Hash SetOp Intersect\n");
	}
	print_select(p, json_object_get(select, "larg"), depth + 1);
	print_select(p, json_object_get(select, "rarg"), depth + 1);
	return true;
}

static void print_from(struct printer *p, const json_t *select, unsigned depth)
{
	json_auto_t *conditions = json_array();
	json_t *list = json_object_get(select, "fromClause");
	struct from f = {.conditions = conditions};
	struct side all = {.list = list, .n = json_array_size(list)};

	rs_conjuncts(json_object_get(select, "whereClause"), conditions);
	if (all.n == 0) {
		line(p, depth, "Result\n");
	} else {
		print_side(p, &f, all, depth);
	}
	/* Subqueries, and what no item can see to by itself. */
	detail(p, depth, "Filter", conditions);
}

static void print_select(struct printer *p, const json_t *select, unsigned depth)
{
	static const char *const parts[] = {"targetList", "whereClause", "havingClause"};

	print_with(p, select, depth);
	print_operators(p, select, &depth);
	if (print_setop(p, select, depth)) {
		return;
	}
	print_from(p, select, depth);
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		print_subqueries(p, json_object_get(select, parts[i]), depth + 1);
	}
}

/* ---- what runs where ---- */

static void print_place(struct printer *p, const struct rs_step *s)
{
	unsigned n = rs_nodes_count(p->plan->sight->nodes);

	if (s->kind == RS_STEP_LEADER) {
		buf_printf(p->out, "%s  leader: reads %s.%s\n", s->name, s->relation->schema,
			s->relation->name);
		return;
	}
	if (s->one_node) {
		buf_printf(p->out, "%s  node 0, as every node has all of it", s->name);
	} else {
		buf_printf(p->out, "%s  each of %u nodes, its own rows", s->name, n);
	}
	if (s->spread) {
		buf_printf(p->out, "; then each row to the node where its %s belongs%s:\n",
			s->columns[s->key].name,
			s->drops_nulls ? ", those without one to none" : "");
	} else {
		buf_puts(p->out, s->broadcast ? "; then sent to all nodes:\n" : ":\n");
	}
}

static void print_text(struct printer *p, int rc, struct buf *text)
{
	buf_printf(p->out, "      %s\n", rc == 0 ? buf_cstr(text) : "(no text)");
}

static bool any_spread(const struct rs_plan *p)
{
	bool any = false;
	for (unsigned i = 0; i < p->n_steps; i++) {
		any |= p->steps[i]->spread;
	}
	return any;
}

static void print_steps(struct printer *p)
{
	struct rs_text t = {.plan = p->plan, .file = "steps", .names = true};
	struct err none = {0};

	buf_puts(p->out, p->plan->composes
				 ? "\nOne statement, whose steps run in parallel within it"
				 : "\nEach step by itself, its nodes in parallel");
	buf_puts(p->out, p->plan->composes && any_spread(p->plan)
				 ? "; those whose rows are distributed run before:\n"
				 : ":\n");
	for (unsigned i = 0; i < p->plan->n_steps; i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		const struct rs_step *s = p->plan->steps[i];
		print_place(p, s);
		if (s->kind == RS_STEP_NODES) {
			print_text(p, rs_text_step(&t, s, &text, &none), &text);
		}
	}
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_puts(p->out, "last  leader:\n");
	print_text(p, rs_text_last(&t, &text, &none), &text);
}

void rs_plan_print(const struct rs_plan *plan, struct buf *out)
{
	struct printer p = {.plan = plan, .out = out};

	print_select(&p, plan->tree, 0);
	print_steps(&p);
}
