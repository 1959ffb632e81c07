/* Prepared statements of a connection. The store's own list is not used, so that replicas and
 * copies, which have none, are read by the same code. */
#include <assert.h>

#include "engines/docdb/storage/source_impl.h"

/* Of one number that wait to be taken; $lookup has two under way for each document. */
#define IDLE_MAX 4

struct idle {
	sqlite3_stmt *at[IDLE_MAX];
	unsigned n;
};

struct docdb_statements {
	sqlite3_stmt *stmt[N_DOCDB_SQL];
	bool used[N_DOCDB_SQL];
	struct idle idle[N_DOCDB_SQL];
	unsigned n_taken;
	struct docdb_indexes *indexes;
};

struct docdb_statements *docdb_statements_new(void)
{
	return calloc(1, sizeof(struct docdb_statements));
}

void docdb_statements_free(void *statements)
{
	struct docdb_statements *s = statements;

	if (s == NULL) {
		return;
	}
	assert(s->n_taken == 0);
	for (unsigned n = 0; n < N_DOCDB_SQL; n++) {
		sqlite3_finalize(s->stmt[n]);
		for (unsigned i = 0; i < s->idle[n].n; i++) {
			sqlite3_finalize(s->idle[n].at[i]);
		}
	}
	docdb_indexes_free(s->indexes);
	free(s);
}

struct docdb_indexes **docdb_statements_indexes(struct docdb_statements *s)
{
	return &s->indexes;
}

static sqlite3_stmt *prepare(struct docdb_conn *c, unsigned n, struct err *err)
{
	sqlite3_stmt *stmt = NULL;

	if (sqlite3_prepare_v3(c->db, docdb_sql[n], -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) !=
		SQLITE_OK) {
		store_sql_error(c->db, c->label, err);
		return NULL;
	}
	return stmt;
}

sqlite3_stmt *docdb_stmt(struct docdb_conn *c, unsigned n, struct err *err)
{
	struct docdb_statements *s = c->statements;

	assert(n < N_DOCDB_SQL);
	if (s->stmt[n] == NULL) {
		s->stmt[n] = prepare(c, n, err);
	} else {
		sqlite3_reset(s->stmt[n]);
		sqlite3_clear_bindings(s->stmt[n]);
	}
	s->used[n] = s->stmt[n] != NULL;
	return s->stmt[n];
}

sqlite3_stmt *docdb_stmt_take(struct docdb_conn *c, unsigned n, struct err *err)
{
	struct docdb_statements *s = c->statements;
	struct idle *idle = &s->idle[n];

	assert(n < N_DOCDB_SQL);
	sqlite3_stmt *stmt = idle->n > 0 ? idle->at[--idle->n] : prepare(c, n, err);
	if (stmt != NULL) {
		s->n_taken++;
	}
	return stmt;
}

void docdb_stmt_give(struct docdb_conn *c, unsigned n, sqlite3_stmt *stmt)
{
	struct docdb_statements *s = c->statements;
	struct idle *idle = &s->idle[n];

	s->n_taken--;
	if (idle->n == IDLE_MAX) {
		sqlite3_finalize(stmt);
		return;
	}
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	idle->at[idle->n++] = stmt;
}

void docdb_statements_end(struct docdb_statements *s)
{
	assert(s->n_taken == 0);
	for (unsigned n = 0; n < N_DOCDB_SQL; n++) {
		if (s->used[n]) {
			sqlite3_reset(s->stmt[n]);
			s->used[n] = false;
		}
	}
}

int docdb_run(sqlite3_stmt *stmt, struct err *err)
{
	int rc = store_step(stmt, err);

	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}
