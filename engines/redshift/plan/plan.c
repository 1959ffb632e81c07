#include "engines/redshift/plan/plan_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"

/* A SELECT while it is looked through, inside of others. */
struct scope {
	struct scope *outer;
	json_t *leaves; /* of its FROM, borrowed nodes */
	bool correlated;
};

static int visit(struct rs_plan *p, json_t *j, struct scope *scope, struct err *err);

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

const struct rs_relation *rs_plan_relation(const struct rs_plan *p, const json_t *range)
{
	const json_t *index = json_object_get(range, "rs_relation");
	if (index == NULL) {
		return NULL;
	}
	assert(p->bound.relations != NULL);
	return p->bound.relations[json_integer_value(index)];
}

uint64_t rs_plan_rows(const struct rs_plan *p, const json_t *range)
{
	const struct rs_relation *r = rs_plan_relation(p, range);
	return r != NULL && r->kind == RS_RELATION_TABLE ? r->table->rows : 1000;
}

/* ---- which columns are needed ---- */

static int add_leaves(json_t *from, json_t *leaves)
{
	json_t *join = rs_node(from, "JoinExpr");
	if (join == NULL) {
		return json_array_append(leaves, from);
	}
	return add_leaves(json_object_get(join, "larg"), leaves) == 0
		       ? add_leaves(json_object_get(join, "rarg"), leaves)
		       : -1;
}

static int start_needed(const struct rs_plan *p, json_t *leaf)
{
	json_t *range = rs_node(leaf, "RangeVar");
	const struct rs_relation *r = range == NULL ? NULL : rs_plan_relation(p, range);
	json_t *needed = json_array();

	for (unsigned i = 0; r != NULL && i < r->n_columns; i++) {
		json_array_append_new(needed, json_false());
	}
	return json_object_set_new(range == NULL ? leaf : range, "rs_needed", needed);
}

static void mark(const struct rs_plan *p, struct scope *scope, const json_t *ref)
{
	for (unsigned level = rs_ref_level(ref); level > 0 && scope != NULL; level--) {
		scope->correlated = true;
		scope = scope->outer;
	}
	json_t *leaf = scope == NULL ? NULL : json_array_get(scope->leaves, rs_ref_item(ref));
	json_t *range = rs_node(leaf, "RangeVar");
	const struct rs_relation *r = range == NULL ? NULL : rs_plan_relation(p, range);
	for (unsigned i = 0; r != NULL && i < r->n_columns; i++) {
		if (strcmp(r->columns[i].name, rs_text_of(ref, "rs_column")) == 0) {
			json_array_set_new(json_object_get(range, "rs_needed"), i, json_true());
		}
	}
}

static int visit_members(struct rs_plan *p, json_t *o, struct scope *scope, struct err *err)
{
	const char *key;
	json_t *child;
	int rc = 0;

	json_object_foreach (o, key, child) {
		/* What WITH names sees nothing of the FROM beside it. */
		if (rc == 0 && rs_is_part(key) && strcmp(key, "withClause") != 0) {
			rc = visit(p, child, scope, err);
		}
	}
	return rc;
}

/* A SELECT, subqueries first. What stands in it is planned when all that refers to its FROM is
 * known. */
static int visit_select(struct rs_plan *p, json_t *select, struct scope *outer, struct err *err)
{
	struct scope scope = {.outer = outer};
	json_auto_t *leaves = json_array();
	size_t i;
	json_t *item;

	int rc = visit(p, json_object_get(select, "withClause"), outer, err);
	if (rc != 0) {
		return rc;
	}
	if (strcmp(rs_text_of(select, "op"), "SETOP_NONE") != 0) {
		rc = visit_select(p, json_object_get(select, "larg"), outer, err);
		return rc != 0 ? rc : visit_select(p, json_object_get(select, "rarg"), outer, err);
	}
	json_array_foreach (json_object_get(select, "fromClause"), i, item) {
		if (add_leaves(item, leaves) != 0) {
			return no_memory(err);
		}
	}
	json_array_foreach (leaves, i, item) {
		if (start_needed(p, item) != 0) {
			return no_memory(err);
		}
	}
	scope.leaves = leaves;
	rc = visit_members(p, select, &scope, err);
	return rc != 0 ? rc : rs_plan_block(p, select, leaves, scope.correlated, err);
}

static int visit(struct rs_plan *p, json_t *j, struct scope *scope, struct err *err)
{
	size_t i;
	json_t *child;
	int rc = 0;

	if (json_is_array(j)) {
		json_array_foreach (j, i, child) {
			rc = rc != 0 ? rc : visit(p, child, scope, err);
		}
		return rc;
	}
	json_t *ref = rs_node(j, "ColumnRef");
	json_t *select = rs_node(j, "SelectStmt");
	json_t *subquery = rs_node(j, "RangeSubselect");
	if (subquery != NULL) {
		/* A FROM item sees none of the others. */
		return visit(p, json_object_get(subquery, "subquery"),
			scope == NULL ? NULL : scope->outer, err);
	}
	if (ref != NULL) {
		mark(p, scope, ref);
		return 0;
	}
	return select != NULL ? visit_select(p, select, scope, err)
			      : visit_members(p, j, scope, err);
}

/* ---- steps ---- */

static void step_free(struct rs_step *s)
{
	if (s == NULL) {
		return;
	}
	json_decref(s->select);
	free(s->needed);
	free(s->sql);
	free(s->columns);
	free(s);
}

static int add_relation(struct rs_plan *p, const struct rs_relation *r)
{
	size_t n = p->bound.n_relations;
	const struct rs_relation **more =
		/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
		realloc((void *)p->bound.relations, (n + 1) * sizeof *more);
	if (more == NULL) {
		return -ENOMEM;
	}
	p->bound.relations = more;
	more[n] = r;
	p->bound.n_relations++;
	return 0;
}

/* The columns of its result are those of its SELECT. */
static int step_columns(struct rs_step *s)
{
	json_t *targets = json_object_get(s->select, "targetList");
	size_t n = json_array_size(targets);

	s->columns = calloc(n + 1, sizeof *s->columns);
	if (s->columns == NULL) {
		return -ENOMEM;
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *target = rs_node(json_array_get(targets, i), "ResTarget");
		s->columns[i].name = rs_text_of(target, "name");
		s->columns[i].type = rs_type_of(json_object_get(target, "val"));
	}
	s->result = (struct rs_relation){.kind = RS_RELATION_TABLE,
		.schema = "",
		.name = s->name,
		.columns = s->columns,
		.n_columns = (unsigned)n};
	return 0;
}

int rs_plan_step(struct rs_plan *p, enum rs_step_kind kind, json_t *select, struct rs_step **out,
	struct err *err)
{
	struct rs_step *s = calloc(1, sizeof *s);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
	struct rs_step **more = realloc(p->steps, (p->n_steps + 1) * sizeof *more);

	if (more != NULL) {
		p->steps = more;
	}
	if (s == NULL || more == NULL) {
		json_decref(select);
		free(s);
		return no_memory(err);
	}
	s->kind = kind;
	s->select = select;
	s->number = p->n_steps + 1;
	snprintf(s->name, sizeof s->name, "s%u", s->number);
	p->steps[p->n_steps++] = s;
	if (select != NULL && (step_columns(s) != 0 || add_relation(p, &s->result) != 0)) {
		return no_memory(err);
	}
	*out = s;
	return 0;
}

bool rs_runs_alone(const struct rs_plan *p, const struct rs_step *s)
{
	return s->sql == NULL && (s->kind == RS_STEP_LEADER || s->spread || !p->composes);
}

int rs_plan_read_step(struct rs_plan *p, json_t *range, const struct rs_step *s, struct err *err)
{
	unsigned i = 0;

	while (s->kind == RS_STEP_NODES && p->bound.relations[i] != &s->result) {
		i++;
	}
	if (json_object_set_new(range, "rs_step", json_integer(s->number)) != 0 ||
		(s->kind == RS_STEP_NODES &&
			json_object_set_new(range, "rs_relation", json_integer(i)) != 0)) {
		return no_memory(err);
	}
	return 0;
}

/* ---- a scan ---- */

static int first_item(void *arg, json_t *ref, unsigned depth)
{
	(void)arg;
	(void)depth;
	return json_object_set_new(ref, "rs_from", json_pack("[i, i]", 0, 0));
}

static json_t *needed_targets(const struct rs_relation *r, const json_t *range)
{
	json_t *targets = json_array();
	const char *alias = rs_text_of(range, "rs_alias");

	for (unsigned i = 0; i <= r->n_columns; i++) {
		const struct rs_relation_column *c = &r->columns[i < r->n_columns ? i : 0];
		/* Behind the last: count(*) needs no column, and a SELECT has one. */
		bool wanted = i < r->n_columns ? json_is_true(json_array_get(
							 json_object_get(range, "rs_needed"), i))
					       : json_array_size(targets) == 0;
		if (wanted) {
			json_array_append_new(targets,
				rs_new_target(c->name, rs_new_ref(alias, 0, c->name, c->type)));
		}
	}
	return targets;
}

static json_t *scan_select(const struct rs_relation *r, const json_t *range, json_t *filter)
{
	json_auto_t *here = json_deep_copy(range);
	json_auto_t *condition = rs_conjunction(filter);
	json_auto_t *where = condition == NULL ? NULL : json_deep_copy(condition);

	json_object_set_new(here, "rs_here", json_true());
	if (rs_each_ref(where, 0, first_item, NULL) != 0) {
		return NULL;
	}
	json_t *select =
		rs_new_select(needed_targets(r, range), json_pack("[{s:O}]", "RangeVar", here));
	if (where != NULL) {
		json_object_set(select, "whereClause", where);
	}
	return select;
}

static int scan_table(struct rs_plan *p, const struct rs_relation *r, json_t *range, json_t *filter,
	struct err *err)
{
	json_t *select = scan_select(r, range, filter);
	struct rs_step *s = NULL;

	if (select == NULL) {
		return no_memory(err);
	}
	int rc = rs_plan_step(p, RS_STEP_NODES, select, &s, err);
	if (rc != 0) {
		return rc;
	}
	assert(s != NULL);
	s->one_node = r->table->placement == RS_DIST_ALL;
	return rs_plan_read_step(p, range, s, err);
}

/* By SQL where the driver can; else it is poured. */
static int leader_sql(struct rs_plan *p, struct rs_step *s, struct err *err)
{
	const struct rs_relation *r = s->relation;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct err said = {0};

	if (r->sql == NULL || (!p->composes && r->pour != NULL)) {
		return 0;
	}
	int rc = r->sql(r, p->dialect, s->needed, &text, &said);
	if (rc == -ENOTSUP && r->pour != NULL) {
		return 0;
	}
	if (rc != 0) {
		return err_set(err, said.code, "%s", said.msg);
	}
	s->sql = strdup(buf_cstr(&text));
	return s->sql == NULL || text.failed ? no_memory(err) : 0;
}

static int scan_other(
	struct rs_plan *p, const struct rs_relation *r, json_t *range, struct err *err)
{
	struct rs_step *s = NULL;
	int rc = rs_plan_step(p, RS_STEP_LEADER, NULL, &s, err);

	if (rc != 0) {
		return rc;
	}
	assert(s != NULL);
	s->relation = r;
	s->needed = calloc(r->n_columns + 1, sizeof *s->needed);
	if (s->needed == NULL) {
		return no_memory(err);
	}
	bool any = false;
	for (unsigned i = 0; i < r->n_columns; i++) {
		s->needed[i] = json_is_true(json_array_get(json_object_get(range, "rs_needed"), i));
		any |= s->needed[i];
	}
	s->needed[0] |= !any;
	rc = leader_sql(p, s, err);
	return rc != 0 ? rc : rs_plan_read_step(p, range, s, err);
}

int rs_plan_scan(struct rs_plan *p, json_t *range, json_t *filter, struct err *err)
{
	const struct rs_relation *r = rs_plan_relation(p, range);
	return r->kind == RS_RELATION_TABLE ? scan_table(p, r, range, filter, err)
					    : scan_other(p, r, range, err);
}

/* ---- the whole ---- */

int rs_plan_new(const struct rs_sight *sight, json_t *tree, const struct rs_bound *bound,
	struct rs_plan **out, struct err *err)
{
	const struct sql_driver *driver = rs_nodes_site(sight->nodes)->driver;
	struct rs_plan *p = calloc(1, sizeof *p);
	int rc = 0;

	if (p == NULL) {
		return no_memory(err);
	}
	p->sight = sight;
	p->tree = tree;
	p->dialect = driver->dialect;
	p->composes = driver->composes;
	p->bound.columns = bound->columns;
	p->bound.n_columns = bound->n_columns;
	for (unsigned i = 0; i < bound->n_relations && rc == 0; i++) {
		rc = add_relation(p, bound->relations[i]) == 0 ? 0 : no_memory(err);
	}
	rc = rc != 0 ? rc : visit_select(p, tree, NULL, err);
	if (rc != 0) {
		rs_plan_free(p);
		return rc;
	}
	*out = p;
	return 0;
}

void rs_plan_free(struct rs_plan *p)
{
	if (p == NULL) {
		return;
	}
	for (unsigned i = 0; i < p->n_steps; i++) {
		step_free(p->steps[i]);
	}
	free(p->steps);
	free((void *)p->bound.relations);
	free(p);
}
