#include "engines/redshift/plan/execute_impl.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"

/* How often files are mended for one query before it gives up. */
#define HEALINGS_MAX 3U

struct rs_rows_impl {
	const struct rs_sight *sight;
	struct rs_statement *statement; /* of a text; has the tree then */
	json_t *tree;
	struct rs_bound bound;
	struct rs_plan *plan;
	struct sql_type *types;
	const char **names;
	unsigned n_columns;
	struct rs_watch watch;
	/* One run of it: */
	bool entered;
	struct rs_exchange exchange;
	struct rs_exchange *parts; /* one a node, for what is spread; NULL: nothing is */
	const char **quoted_parts; /* their names */
	struct sql_session *leader;
	struct sql_query *query;
	bool gave; /* a row of this query */
	unsigned healings;
};

static struct sql_site *site_of(const struct rs_rows_impl *r)
{
	return rs_nodes_site(r->sight->nodes);
}

/* ---- a run ---- */

static void close_parts(struct rs_rows_impl *r)
{
	for (unsigned i = 0; r->parts != NULL && i < rs_nodes_count(r->sight->nodes); i++) {
		rs_exchange_close(&r->parts[i], site_of(r));
	}
	free(r->parts);
	free((void *)r->quoted_parts);
	r->parts = NULL;
	r->quoted_parts = NULL;
}

static void end_run(struct rs_rows_impl *r)
{
	sql_finish(r->query);
	rs_watch_close(&r->watch, r->leader);
	rs_exchange_close(&r->exchange, site_of(r));
	close_parts(r);
	r->query = NULL;
	r->leader = NULL;
	if (r->entered) {
		rs_nodes_leave(r->sight->nodes);
		r->entered = false;
	}
}

/* With a driver that composes, what the leader pours is in its session's own tables. */
static bool has_file(const struct rs_plan *p)
{
	bool any = false;
	for (unsigned i = 0; i < p->n_steps; i++) {
		any |= rs_runs_alone(p, p->steps[i]) && !p->steps[i]->spread;
	}
	return any && !p->composes;
}

static bool has_parts(const struct rs_plan *p)
{
	bool any = false;
	for (unsigned i = 0; i < p->n_steps; i++) {
		any |= p->steps[i]->spread;
	}
	return any;
}

static int open_parts(struct rs_rows_impl *r, struct err *err)
{
	unsigned n = rs_nodes_count(r->sight->nodes);
	int rc = 0;

	r->parts = calloc(n, sizeof *r->parts);
	r->quoted_parts = calloc(n, sizeof *r->quoted_parts);
	if (r->parts == NULL || r->quoted_parts == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < n && rc == 0; i++) {
		rc = rs_exchange_open(&r->parts[i], site_of(r), r->sight->tmp, err);
		r->quoted_parts[i] = r->parts[i].quoted;
	}
	return rc;
}

static int open_leader(struct rs_rows_impl *r, struct err *err)
{
	CLEANUP(buf_free) struct buf node = BUF_INIT;
	int rc;

	if (has_file(r->plan)) {
		rc = rs_exchange_open(&r->exchange, site_of(r), r->sight->tmp, err);
	} else {
		rc = rs_node_name(r->sight->nodes, 0, &node, err);
	}
	if (rc != 0) {
		return rc;
	}
	const char *names[] = {r->exchange.attached ? r->exchange.name : buf_cstr(&node)};
	return rs_watch_session(&r->watch, site_of(r), names, 1, &r->leader, err);
}

static int run_steps(struct rs_rows_impl *r, struct err *err)
{
	bool file = r->exchange.attached;
	struct rs_run run = {.plan = r->plan,
		.watch = &r->watch,
		.leader = r->leader,
		.file = file ? r->exchange.name : "temp",
		.quoted = file ? r->exchange.quoted : "\"temp\"",
		.attached = file,
		.parts = r->parts,
		.quoted_parts = r->quoted_parts};
	int rc = 0;

	for (unsigned i = 0; i < r->plan->n_steps && rc == 0; i++) {
		const struct rs_step *s = r->plan->steps[i];
		rc = rs_runs_alone(r->plan, s) ? rs_run_step(&run, s, err) : 0;
	}
	return rc;
}

static int begin_run(struct rs_rows_impl *r, struct err *err)
{
	struct rs_text t = {.plan = r->plan};
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	rs_nodes_enter(r->sight->nodes);
	r->entered = true;
	int rc = rs_nodes_look(r->sight->nodes, err);
	rc = rc != 0 ? rc : open_leader(r, err);
	if (rc == 0 && has_parts(r->plan)) {
		rc = open_parts(r, err);
	}
	rc = rc != 0 ? rc : run_steps(r, err);
	t.file = r->exchange.attached ? r->exchange.quoted : "\"temp\"";
	t.parts = r->quoted_parts;
	rc = rc != 0 ? rc : rs_text_last(&t, &text, err);
	rc = rc != 0 ? rc : rs_watch_check(&r->watch, err);
	if (rc != 0) {
		return rc;
	}
	return sql_prepare(r->leader, buf_cstr(&text), r->types, r->n_columns, &r->query, err);
}

/* What failed because a file is damaged: once more, when that could be mended. */
static int mend(struct rs_rows_impl *r, int rc, struct err *err)
{
	end_run(r);
	if (rc != -EIO || r->gave || r->watch.stopped || r->healings++ == HEALINGS_MAX) {
		return rc;
	}
	struct err healing = {0};
	if (rs_nodes_heal(r->sight->nodes, &healing) != 0) {
		return rc;
	}
	err_clear(err);
	return 0;
}

static int begin(struct rs_rows_impl *r, struct err *err)
{
	int rc;

	while ((rc = begin_run(r, err)) != 0) {
		rc = mend(r, rc, err);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

/* ---- a query ---- */

static void impl_free(struct rs_rows_impl *r)
{
	if (r == NULL) {
		return;
	}
	end_run(r);
	rs_plan_free(r->plan);
	rs_bound_clear(&r->bound);
	json_decref(r->tree);
	rs_statement_free(r->statement);
	free((void *)r->watch.sessions);
	pthread_mutex_destroy(&r->watch.lock);
	free(r->types);
	free((void *)r->names);
	free(r);
}

static int describe(struct rs_rows_impl *r, struct err *err)
{
	unsigned n = r->bound.n_columns;

	r->types = calloc(n + 1, sizeof *r->types);
	r->names = calloc(n + 1, sizeof *r->names);
	if (r->types == NULL || r->names == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < n; i++) {
		r->names[i] = r->bound.columns[i].name;
		r->types[i] = r->bound.columns[i].type;
		if (r->types[i].kind == SQL_UNKNOWN) {
			r->types[i] = (struct sql_type){SQL_VARCHAR, 0, 0};
		}
	}
	r->n_columns = n;
	return 0;
}

static int begin_query(struct rs_rows_impl *r, struct slice text, struct err *err)
{
	int rc = rs_bind_select(r->tree, text, &r->sight->resolver, &r->bound, err);
	rc = rc != 0 ? rc : describe(r, err);
	rc = rc != 0 ? rc : rs_plan_new(r->sight, r->tree, &r->bound, &r->plan, err);
	return rc != 0 ? rc : begin(r, err);
}

static int begin_any(const struct rs_sight *sight, struct rs_statement *statement, json_t *tree,
	struct slice text, struct rs_rows *out, struct err *err)
{
	struct rs_rows_impl *r = calloc(1, sizeof *r);

	if (r == NULL) {
		json_decref(tree);
		rs_statement_free(statement);
		return err_set(err, ENOMEM, "out of memory");
	}
	pthread_mutex_init(&r->watch.lock, NULL);
	r->sight = sight;
	r->statement = statement;
	r->tree = tree;
	int rc = begin_query(r, text, err);
	if (rc != 0) {
		impl_free(r);
		return rc;
	}
	*out = (struct rs_rows){
		.types = r->types, .names = r->names, .n_columns = r->n_columns, .impl = r};
	return 0;
}

/* The one SELECT that a text is. */
static int parse_select(struct slice text, struct rs_statement **out, struct err *err)
{
	struct rs_statement *s = NULL;
	struct rs_statement *more = NULL;
	size_t at = 0;
	int rc = rs_statement_next(text, &at, &s, err);

	if (rc == 0) {
		return err_set(err, EINVAL, "a SELECT is expected here; the text is empty");
	}
	if (rc > 0 && s->kind != RS_SELECT) {
		rc = err_set(err, EINVAL, "line %lu: a SELECT is expected here", s->line);
	}
	if (rc > 0) {
		rc = rs_statement_next(text, &at, &more, err);
	}
	if (rc > 0) {
		rc = err_set(err, EINVAL,
			"line %lu: one SELECT is expected, here a second statement begins",
			more->line);
		rs_statement_free(more);
	}
	if (rc < 0) {
		rs_statement_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

int rs_rows_begin(
	const struct rs_sight *sight, struct slice select, struct rs_rows *out, struct err *err)
{
	struct rs_statement *s = NULL;
	int rc = parse_select(select, &s, err);
	if (rc != 0) {
		return rc;
	}
	assert(s != NULL);
	return begin_any(sight, s, json_incref(s->tree), s->text, out, err);
}

int rs_explain(const struct rs_sight *sight, struct slice select, struct buf *out, struct err *err)
{
	struct rs_statement *s = NULL;
	struct rs_bound bound = {0};
	struct rs_plan *plan = NULL;
	int rc = parse_select(select, &s, err);

	assert(rc != 0 || s != NULL);
	rc = rc != 0 ? rc : rs_bind_select(s->tree, s->text, &sight->resolver, &bound, err);
	rc = rc != 0 ? rc : rs_plan_new(sight, s->tree, &bound, &plan, err);
	if (rc == 0) {
		rs_plan_print(plan, out);
		rc = buf_check(out, err);
	}
	rs_plan_free(plan);
	rs_bound_clear(&bound);
	rs_statement_free(s);
	return rc;
}

int rs_rows_begin_tree(const struct rs_sight *sight, json_t *tree, struct slice text,
	struct rs_rows *out, struct err *err)
{
	return begin_any(sight, NULL, tree, text, out, err);
}

int rs_rows_step(struct rs_rows *rows, const struct sql_value **row, struct err *err)
{
	struct rs_rows_impl *r = rows->impl;

	for (;;) {
		int rc = rs_watch_check(&r->watch, err);
		rc = rc != 0 ? rc : sql_step(r->query, row, err);
		r->gave |= rc > 0;
		if (rc >= 0) {
			return rc;
		}
		rc = mend(r, rc, err);
		rc = rc != 0 ? rc : begin(r, err);
		if (rc != 0) {
			return rc;
		}
	}
}

void rs_rows_end(struct rs_rows *rows)
{
	impl_free(rows->impl);
	rows->impl = NULL;
}

void rs_rows_stop(struct rs_rows *rows)
{
	struct rs_watch *w = &rows->impl->watch;

	w->stopped = true;
	LOCKED(&w->lock);
	for (unsigned i = 0; i < w->n; i++) {
		sql_interrupt(w->sessions[i]);
	}
}
