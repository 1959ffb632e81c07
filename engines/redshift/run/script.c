/* Scripts. All statements are parsed before the first one runs: what is no statement is told before
 * anything has happened.
 *
 * A script without BEGIN is one transaction: it begins with the first statement that may write, so
 * a script that only reads waits for nobody, and ends with the script (or at a COMMIT, or before a
 * VACUUM, which runs by itself; then another one begins). In a script with a BEGIN, what stands
 * outside of BEGIN and COMMIT is a transaction of its own, each statement. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/redshift/load/load.h"
#include "engines/redshift/run/run_impl.h"

struct script {
	struct rs_cluster *cluster;
	struct buf *report;
	struct rs_statement **statement;
	unsigned n;
	bool blocks; /* it has a BEGIN */
	bool open;   /* between that and its end */
	struct rs_txn *txn;
	bool committed; /* something was, before */
};

/* ---- parsing ---- */

static int add_statement(struct script *s, struct rs_statement *one, struct err *err)
{
	struct rs_statement **more =
		reallocarray(s->statement, s->n + 1, sizeof(struct rs_statement *));

	if (more == NULL) {
		rs_statement_free(one);
		return err_set(err, ENOMEM, "out of memory");
	}
	s->statement = more;
	more[s->n++] = one;
	s->blocks = s->blocks || one->kind == RS_BEGIN;
	return 0;
}

static int parse(struct script *s, struct slice text, struct err *err)
{
	struct rs_statement *one = NULL;
	size_t at = 0;
	int rc;

	while ((rc = rs_statement_next(text, &at, &one, err)) > 0) {
		rc = add_statement(s, one, err);
		if (rc < 0) {
			return rc;
		}
	}
	return rc;
}

/* ---- statements that read ---- */

static int count_rows(
	const struct rs_sight *sight, const struct rs_statement *s, uint64_t *rows, struct err *err)
{
	json_t *tree = json_deep_copy(s->tree);
	const struct sql_value *row;
	struct rs_rows r;

	if (tree == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = rs_rows_begin_tree(sight, tree, s->text, &r, err);
	if (rc < 0) {
		return rc;
	}
	*rows = 0;
	while ((rc = rs_rows_step(&r, &row, err)) > 0) {
		++*rows;
	}
	rs_rows_end(&r);
	return rc;
}

static int explain(const struct rs_sight *sight, const struct rs_statement *s, struct buf *report,
	struct err *err)
{
	struct rs_bound bound = {0};
	struct rs_plan *plan = NULL;
	json_t *tree = json_deep_copy(s->tree);

	if (tree == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = rs_bind_select(tree, s->text, &sight->resolver, &bound, err);
	rc = rc < 0 ? rc : rs_plan_new(sight, tree, &bound, &plan, err);
	if (rc == 0) {
		buf_puts(report, "EXPLAIN:\n");
		rs_plan_print(plan, report);
		if (report->n > 0 && report->p[report->n - 1] != '\n') {
			buf_putc(report, '\n');
		}
	}
	rs_plan_free(plan);
	rs_bound_clear(&bound);
	json_decref(tree);
	return rc;
}

static bool only_reads(const struct rs_statement *s)
{
	return s->kind == RS_SELECT || s->kind == RS_EXPLAIN;
}

static int run_read(const struct rs_sight *sight, const struct rs_statement *s, struct buf *report,
	uint64_t *rows, struct err *err)
{
	if (s->kind == RS_EXPLAIN) {
		return explain(sight, s, report, err);
	}
	int rc = count_rows(sight, s, rows, err);
	if (rc == 0) {
		buf_printf(report, "SELECT: %llu row%s\n", (unsigned long long)*rows,
			*rows == 1 ? "" : "s");
	}
	return rc;
}

/* ---- one statement of a transaction ---- */

static int run_other(struct rs_txn *t, struct rs_statement *s, struct buf *report, struct err *err)
{
	switch (s->kind) {
	case RS_ANALYZE: return rs_analyze(t, s, report, err);
	case RS_UNLOAD: return rs_unload(t, s, report, err);
	case RS_CREATE_EXTERNAL_SCHEMA:
	case RS_CREATE_EXTERNAL_TABLE:
	case RS_ALTER_EXTERNAL_TABLE: return rs_run_external(t, s, report, err);
	case RS_COMMENT: buf_puts(report, "COMMENT: nothing to do here\n"); return 0;
	case RS_SET:
		buf_printf(report, "%s: nothing to do here\n", s->what == NULL ? "SET" : s->what);
		return 0;
	default: return rs_run_ddl(t, s, report, err);
	}
}

static int run_counted(struct rs_txn *t, struct rs_statement *s, uint64_t query, struct buf *report,
	uint64_t *rows, struct err *err)
{
	*rows = 0;
	switch (s->kind) {
	case RS_SELECT:
	case RS_EXPLAIN: return run_read(&t->look.sight, s, report, rows, err);
	case RS_INSERT:
	case RS_UPDATE:
	case RS_DELETE:
	case RS_MERGE: return rs_run_counted(t, s, report, rows, err);
	case RS_COPY: return rs_copy(t, s, query, report, rows, err);
	default: return run_other(t, s, report, err);
	}
}

/* ---- with its record ---- */

static int run_in_txn(
	struct script *s, struct rs_statement *one, uint64_t query, uint64_t *rows, struct err *err)
{
	int rc = s->txn != NULL ? 0 : rs_txn_begin(s->cluster, &s->txn, err);

	rc = rc < 0 ? rc : rs_txn_renew(s->txn, err);
	return rc < 0 ? rc : run_counted(s->txn, one, query, s->report, rows, err);
}

static int run_look(
	struct script *s, const struct rs_statement *one, uint64_t *rows, struct err *err)
{
	struct rs_look look;
	int rc = rs_look_begin(s->cluster, &look, err);

	if (rc < 0) {
		return rc;
	}
	rc = run_read(&look.sight, one, s->report, rows, err);
	rs_look_end(&look);
	return rc;
}

static int run_recorded(struct script *s, struct rs_statement *one, struct err *err)
{
	int64_t start = clock_wall_ns();
	uint64_t query = 0, rows = 0;
	bool reads = only_reads(one) && s->txn == NULL && !s->open;

	int rc = rs_leader_next_query(s->cluster->leader, &query, err);
	if (rc < 0) {
		return rc;
	}
	rs_running_begin(s->cluster, one, query, start);
	rc = reads ? run_look(s, one, &rows, err) : run_in_txn(s, one, query, &rows, err);
	rs_running_end(s->cluster, query);
	rs_record(s->cluster, one, query, s->txn == NULL ? 0 : s->txn->xid, start, rows, rc);
	return rc;
}

/* ---- transactions of the script ---- */

static int commit(struct script *s, struct err *err)
{
	struct rs_txn *t = s->txn;

	s->txn = NULL;
	if (t == NULL) {
		return 0;
	}
	s->committed = s->committed || t->wrote || t->changed;
	return rs_txn_commit(t, err);
}

static void roll_back(struct script *s)
{
	if (s->txn != NULL) {
		rs_txn_abort(s->txn);
	}
	s->txn = NULL;
}

static int begin_block(struct script *s, struct err *err)
{
	if (s->open) {
		return err_set(err, EINVAL, "BEGIN: a transaction is open already");
	}
	s->open = true;
	buf_puts(s->report, "BEGIN\n");
	return 0;
}

static int end_block(struct script *s, bool keep, struct err *err)
{
	int rc = 0;

	s->open = false;
	if (keep) {
		rc = commit(s, err);
	} else {
		roll_back(s);
	}
	if (rc == 0) {
		buf_puts(s->report, keep ? "COMMIT\n" : "ROLLBACK\n");
	}
	return rc;
}

static int vacuum(struct script *s, const struct rs_statement *one, struct err *err)
{
	int64_t start = clock_wall_ns();
	uint64_t query = 0;

	if (s->open) {
		return err_set(err, EINVAL, "VACUUM cannot run inside a transaction block");
	}
	int rc = commit(s, err);
	rc = rc < 0 ? rc : rs_leader_next_query(s->cluster->leader, &query, err);
	if (rc < 0) {
		return rc;
	}
	rc = rs_vacuum(s->cluster, one, s->report, err);
	s->committed = true;
	rs_record(s->cluster, one, query, 0, start, 0, rc);
	return rc;
}

static int run_one(struct script *s, struct rs_statement *one, struct err *err)
{
	switch (one->kind) {
	case RS_BEGIN: return begin_block(s, err);
	case RS_COMMIT: return end_block(s, true, err);
	case RS_ROLLBACK: return end_block(s, false, err);
	case RS_VACUUM: return vacuum(s, one, err);
	default: break;
	}
	int rc = run_recorded(s, one, err);
	return rc == 0 && s->blocks && !s->open ? commit(s, err) : rc;
}

static int run_all(struct script *s, struct err *err)
{
	for (unsigned i = 0; i < s->n; i++) {
		struct err why = {0};
		int rc = run_one(s, s->statement[i], &why);
		if (rc < 0) {
			return err_set(
				err, why.code, "line %lu: %s", s->statement[i]->line, why.msg);
		}
	}
	if (s->open) {
		return err_set(err, EINVAL, "the script ends in a transaction: COMMIT is missing");
	}
	return commit(s, err);
}

static void free_statements(struct script *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		rs_statement_free(s->statement[i]);
	}
	free(s->statement);
}

int rs_run_script(struct rs_cluster *c, struct slice script, struct buf *report, struct err *err)
{
	struct script s = {.cluster = c, .report = report};
	struct err why = {0};

	int rc = parse(&s, script, &why);
	rc = rc < 0 ? rc : run_all(&s, &why);
	if (rc < 0) {
		roll_back(&s);
		buf_printf(report, "ERROR: %s\n%s\n", why.msg,
			s.committed ? "what was committed before stays, the rest was rolled back"
				    : "nothing was changed");
		err_set(err, why.code, "%s", why.msg);
	}
	free_statements(&s);
	return rc < 0 ? rc : buf_check(report, err);
}
