/* Statements without a result, one after another. */
#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/duckdb_impl.h"

static int execute(
	struct duck_session *s, duckdb_prepared_statement stmt, uint64_t *changed, struct err *err)
{
	duckdb_result result;
	int rc = 0;
	if (duckdb_execute_prepared(stmt, &result) == DuckDBSuccess) {
		*changed = duckdb_rows_changed(&result);
	} else {
		rc = duck_error(s->site, duckdb_result_error_type(&result),
			duckdb_result_error(&result), err);
	}
	duckdb_destroy_result(&result);
	return rc;
}

/* The library does not tell whether a transaction is under way. Inside one, what succeeds ends it,
 * and outside begins one; what fails inside is a commit, after which nothing is left of it. */
static void note_transaction(struct duck_session *s, int rc)
{
	if (rc == 0) {
		s->inside = !s->inside;
	} else if (s->inside) {
		duck_run(s->site, s->conn, "ROLLBACK", NULL);
		s->inside = false;
	}
}

static int run_one(struct duck_session *s, duckdb_extracted_statements all, idx_t i,
	uint64_t *changed, struct err *err)
{
	duckdb_prepared_statement stmt = NULL;
	int rc = 0;
	if (duckdb_prepare_extracted_statement(s->conn, all, i, &stmt) != DuckDBSuccess) {
		rc = duck_message(s->site, duckdb_prepare_error(stmt), err);
	} else {
		rc = execute(s, stmt, changed, err);
		if (duckdb_prepared_statement_type(stmt) == DUCKDB_STATEMENT_TYPE_TRANSACTION) {
			note_transaction(s, rc);
		}
	}
	duckdb_destroy_prepare(&stmt);
	return rc;
}

int duck_session_run(
	struct sql_session *session, const char *text, uint64_t *changed, struct err *err)
{
	struct duck_session *s = (struct duck_session *)session;
	duckdb_extracted_statements all = NULL;
	uint64_t rows = 0;
	int rc = 0;
	idx_t n = duckdb_extract_statements(s->conn, text, &all);
	const char *message = n == 0 ? duckdb_extract_statements_error(all) : NULL;
	if (message != NULL) {
		rc = duck_message(s->site, message, err);
	}
	for (idx_t i = 0; rc == 0 && i < n; i++) {
		rc = run_one(s, all, i, &rows, err);
	}
	duckdb_destroy_extracted(&all);
	if (rc == 0 && changed != NULL) {
		*changed = rows;
	}
	return rc;
}
