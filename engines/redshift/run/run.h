/* Running scripts: `.sql`, and what else of the tree changes tables. */
#ifndef DBMOUNT_REDSHIFT_RUN_H
#define DBMOUNT_REDSHIFT_RUN_H

#include "engines/redshift/run/cluster.h"

/* All statements, in one transaction, unless the script has BEGIN and COMMIT of its own; VACUUM
 * runs by itself. `report` gets a line for each: "COPY users: 49990 rows", "SELECT: 3 rows"; what
 * failed is named with its line, and nothing of its transaction is kept. */
int rs_run_script(struct rs_cluster *c, struct slice script, struct buf *report, struct err *err);

/* One of these for each statement of a transaction (ddl.c, dml.c, external.c; load/load.h), after
 * rs_txn_renew(). */
int rs_run_ddl(struct rs_txn *t, struct rs_statement *s, struct buf *report, struct err *err);
int rs_run_dml(struct rs_txn *t, struct rs_statement *s, struct buf *report, struct err *err);
int rs_run_external(struct rs_txn *t, struct rs_statement *s, struct buf *report, struct err *err);

/* All rows go, at once: a new storage number (ddl.c). */
int rs_truncate(struct rs_txn *t, struct rs_table *table, struct err *err);

/* VACUUM and ANALYZE of tables (none told: of all), each in transactions of its own (vacuum.c). */
int rs_vacuum(
	struct rs_cluster *c, const struct rs_statement *s, struct buf *report, struct err *err);
int rs_analyze(struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err);

/* Where all rows for a table go, whatever brings them: fills in defaults and identities for what
 * `columns` (of the table, n; NULL: all) leaves out, makes values the columns' types, refuses NULL
 * where it may not be (EINVAL, "column x: NULL, but it is NOT NULL"), texts that are too long
 * ("value too long for type character varying(30)"). AUTO that has grown is placed anew at the end
 * (insert.c). */
struct rs_sink;
int rs_sink_new(struct rs_txn *t, struct rs_table *table, const unsigned *columns, unsigned n,
	struct rs_sink **out, struct err *err);
/* `types`: of the values. On EINVAL the row is not taken, and more may come; *column (may be NULL)
 * is the one that was refused, as an index into the row. */
int rs_sink_row(struct rs_sink *s, const struct sql_value *row, const struct sql_type *types,
	unsigned *column, struct err *err);
int rs_sink_end(struct rs_sink *s, bool keep, uint64_t *rows, struct err *err);

/* A value as another type, as an assignment does (convert.c). EINVAL, ERANGE. `room` holds a text
 * that had to be made. */
int rs_convert(const struct sql_value *v, struct sql_type from, struct sql_type to,
	struct sql_value *out, struct buf *room, struct err *err);

/* A line of stl_query; text without credentials. */
void rs_record(struct rs_cluster *c, const struct rs_statement *s, uint64_t query, uint64_t xid,
	int64_t start_ns, uint64_t rows, int rc);

#endif
