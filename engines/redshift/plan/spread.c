/* One step by itself: each node on a thread, the rows of all into one table. */
#include "engines/redshift/plan/execute_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/thread.h"

/* More would wait for one another: the rows all go into one file. */
#define THREADS_MAX 8U

/* Where rows go: a table, and the session that writes to it. */
struct sink {
	pthread_mutex_t lock; /* of the append */
	struct sql_session *session;
	struct sql_append *append;
	bool own; /* its session is */
};

struct spread {
	struct rs_run *run;
	const struct rs_step *step;
	const struct sql_type *types;
	unsigned n_columns, n_nodes;
	struct sink *sinks; /* one a node, when the step is spread; else one */
	unsigned n_sinks;
	_Atomic unsigned next;
	pthread_mutex_t lock; /* of what follows */
	struct err err;
	_Atomic int rc; /* written under it */
};

int rs_node_name(const struct rs_nodes *n, unsigned node, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf quoted = BUF_INIT;

	rs_nodes_file(n, node, &quoted);
	for (size_t i = 1; i + 1 < quoted.n; i++) {
		/* Quotes inside are doubled. */
		if (quoted.p[i] == '"') {
			i++;
		}
		buf_putc(out, quoted.p[i]);
	}
	buf_cstr(out);
	return buf_check(out, err);
}

/* ---- the table ---- */

static const struct rs_relation *result_of(const struct rs_step *s)
{
	return s->kind == RS_STEP_LEADER ? s->relation : &s->result;
}

static struct sql_type *types_of(const struct rs_relation *r)
{
	struct sql_type *types = calloc(r->n_columns + 1, sizeof *types);

	for (unsigned i = 0; types != NULL && i < r->n_columns; i++) {
		types[i] = r->columns[i].type;
		if (types[i].kind == SQL_UNKNOWN) {
			types[i] = (struct sql_type){SQL_VARCHAR, 0, 0};
		}
	}
	return types;
}

static int make_table(const struct spread *s, struct sql_session *session, const char *quoted,
	bool temporary, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	const struct rs_relation *result = result_of(s->step);

	buf_printf(&text, "CREATE%s TABLE %s.\"%s\" (", temporary ? " TEMP" : "", quoted,
		s->step->name);
	for (unsigned i = 0; i < result->n_columns; i++) {
		buf_puts(&text, i == 0 ? "" : ", ");
		sql_quote(slice_of(result->columns[i].name), &text);
		buf_putc(&text, ' ');
		sql_column_type(s->run->plan->dialect, s->types[i], &text);
	}
	buf_putc(&text, ')');
	const char *ddl = buf_cstr(&text);
	int rc = buf_check(&text, err);
	return rc != 0 ? rc : sql_run(session, ddl, NULL, err);
}

static int open_append(
	struct spread *s, struct sink *sink, const char *file, const char *quoted, struct err *err)
{
	int rc = make_table(s, sink->session, quoted, strcmp(file, "temp") == 0, err);
	return rc != 0 ? rc
		       : sql_append_new(sink->session, file, s->step->name, s->types, s->n_columns,
				 &sink->append, err);
}

static int open_part(struct spread *s, unsigned node, struct err *err)
{
	struct rs_exchange *x = &s->run->parts[node];
	struct sink *sink = &s->sinks[node];
	const char *names[] = {x->name};
	struct sql_site *site = rs_nodes_site(s->run->plan->sight->nodes);
	int rc = rs_watch_session(s->run->watch, site, names, 1, &sink->session, err);

	sink->own = rc == 0;
	return rc != 0 ? rc : open_append(s, sink, x->name, x->quoted, err);
}

static int open_sinks(struct spread *s, struct err *err)
{
	int rc = 0;

	s->n_sinks = s->step->spread ? s->n_nodes : 1;
	s->sinks = calloc(s->n_sinks, sizeof *s->sinks);
	if (s->sinks == NULL) {
		s->n_sinks = 0;
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < s->n_sinks; i++) {
		pthread_mutex_init(&s->sinks[i].lock, NULL);
	}
	if (!s->step->spread) {
		s->sinks[0].session = s->run->leader;
		return open_append(s, &s->sinks[0], s->run->file, s->run->quoted, err);
	}
	for (unsigned i = 0; i < s->n_sinks && rc == 0; i++) {
		rc = open_part(s, i, err);
	}
	return rc;
}

/* `rc`: what happened so far; the first error is returned. */
static int close_sinks(struct spread *s, int rc, struct err *err)
{
	for (unsigned i = 0; i < s->n_sinks; i++) {
		struct sink *sink = &s->sinks[i];
		if (sink->append != NULL) {
			int end = sql_append_end(sink->append, rc == 0, rc == 0 ? err : NULL);
			rc = rc != 0 ? rc : end;
		}
		rs_watch_close(s->run->watch, sink->own ? sink->session : NULL);
		pthread_mutex_destroy(&sink->lock);
	}
	free(s->sinks);
	return rc;
}

/* ---- a node ---- */

static void fail(struct spread *s, int rc, const struct err *err)
{
	LOCKED(&s->lock);
	if (s->rc == 0) {
		s->err = *err;
		s->rc = rc;
	}
}

/* To the table where it belongs. */
static int give(struct spread *s, const struct sql_value *row, struct err *err)
{
	const struct rs_step *step = s->step;
	struct sink *sink = &s->sinks[0];

	if (step->spread) {
		const struct sql_value *key = &row[step->key];
		if (key->null && step->drops_nulls) {
			return 0;
		}
		uint32_t hash = sql_value_hash(key, s->types[step->key]);
		sink = &s->sinks[rs_nodes_of_hash(s->run->plan->sight->nodes, hash)];
	}
	LOCKED(&sink->lock);
	return sql_append_row(sink->append, row, err);
}

static int pour_query(struct spread *s, struct sql_query *q, struct err *err)
{
	const struct sql_value *row;
	int rc = 0;

	while (rc == 0 && (rc = rs_watch_check(s->run->watch, err)) == 0 &&
		(rc = sql_step(q, &row, err)) == 1) {
		rc = s->rc != 0 ? err_set(err, -s->rc, "another node failed") : give(s, row, err);
	}
	return rc;
}

/* The files that node's statement reads. */
static unsigned files_of(const struct spread *s, unsigned node, const char **names)
{
	unsigned n = 1;

	if (s->step->number > 1 && s->run->attached) {
		names[n++] = s->run->file;
	}
	if (s->step->reads_spread) {
		names[n++] = s->run->parts[node].name;
	}
	return n;
}

static int run_node(struct spread *s, unsigned node, struct err *err)
{
	const struct rs_plan *plan = s->run->plan;
	struct sql_site *site = rs_nodes_site(plan->sight->nodes);
	struct rs_text t = {
		.plan = plan, .file = s->run->quoted, .parts = s->run->quoted_parts, .node = node};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct sql_session *session = NULL;
	struct sql_query *q = NULL;

	int rc = rs_text_step(&t, s->step, &text, err);
	rc = rc != 0 ? rc : rs_node_name(plan->sight->nodes, node, &name, err);
	if (rc != 0) {
		return rc;
	}
	const char *names[3] = {buf_cstr(&name)};
	unsigned n = files_of(s, node, names);
	rc = rs_watch_session(s->run->watch, site, names, n, &session, err);
	if (rc == 0) {
		rc = sql_prepare(session, buf_cstr(&text), s->types, s->n_columns, &q, err);
	}
	rc = rc != 0 ? rc : pour_query(s, q, err);
	sql_finish(q);
	rs_watch_close(s->run->watch, session);
	return rc;
}

static void *work(void *arg)
{
	struct spread *s = arg;
	unsigned node;

	while (s->rc == 0 && (node = s->next++) < s->n_nodes) {
		struct err err = {0};
		int rc = run_node(s, node, &err);
		if (rc != 0) {
			fail(s, rc, &err);
		}
	}
	return NULL;
}

static void run_nodes(struct spread *s)
{
	pthread_t threads[THREADS_MAX];
	unsigned n = 0;

	while (n + 1 < s->n_nodes && n < THREADS_MAX && thread_start(&threads[n], work, s) == 0) {
		n++;
	}
	/* Also all of it, where no thread could be had. */
	work(s);
	while (n > 0) {
		pthread_join(threads[--n], NULL);
	}
}

/* ---- a relation of the leader ---- */

static int emit(void *arg, const struct sql_value *row, struct err *err)
{
	struct spread *s = arg;
	int rc = rs_watch_check(s->run->watch, err);
	return rc != 0 ? rc : give(s, row, err);
}

static int fill(struct spread *s, struct err *err)
{
	if (s->step->kind == RS_STEP_LEADER) {
		const struct rs_relation *r = s->step->relation;
		return r->pour(r, s->step->needed, emit, s, err);
	}
	run_nodes(s);
	return s->rc == 0 ? 0 : err_set(err, s->err.code, "%s", s->err.msg);
}

int rs_run_step(struct rs_run *r, const struct rs_step *step, struct err *err)
{
	CLEANUP(cleanup_free) struct sql_type *types = types_of(result_of(step));
	struct spread s = {.run = r,
		.step = step,
		.types = types,
		.n_columns = result_of(step)->n_columns,
		.n_nodes = step->one_node ? 1 : rs_nodes_count(r->plan->sight->nodes),
		.lock = PTHREAD_MUTEX_INITIALIZER};

	if (types == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = open_sinks(&s, err);
	rc = rc != 0 ? rc : fill(&s, err);
	rc = close_sinks(&s, rc, err);
	pthread_mutex_destroy(&s.lock);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	return rc;
}
