/* Loading tables: the records of a text, and what types their columns have. */
#ifndef DBMOUNT_RDS_IMPORT_H
#define DBMOUNT_RDS_IMPORT_H

#include "engines/common/json.h"
#include "engines/rds/rows.h"
#include "engines/rds/sql.h"

enum rds_text_format { RDS_CSV, RDS_TSV, RDS_JSON };

struct rds_field {
	size_t at; /* in rds_records.values */
	size_t n;
	bool null;
};

/* Reads the records of a spilled text one after the other; only one is in memory. */
struct rds_records {
	struct spill *text;
	enum rds_text_format format;
	uint64_t read; /* of the text, into the window */
	struct buf window;
	size_t next; /* in the window: the record after this one */
	unsigned long next_line;
	bool keep_blank; /* an empty line is a record: one column, NULL */
	/* The record: */
	uint64_t number; /* from 1, the header of csv counted too */
	unsigned long line;
	struct slice object; /* json */
	struct buf values;   /* csv, tsv */
	struct rds_field *fields;
	unsigned n_fields;
	unsigned cap_fields;
};

void rds_records_init(struct rds_records *r, struct spill *text, enum rds_text_format format);
void rds_records_finish(struct rds_records *r);
/* 1, 0 at the end, -EINVAL with the line when no records can be made out. */
int rds_records_next(struct rds_records *r, struct err *err);
struct slice rds_field_text(const struct rds_records *r, unsigned i);

/* import_infer.c: appends a CREATE TABLE for what the text holds, and to `told` a line
 * that names the types. `key`: the first column may be the primary key; set to whether it
 * is. */
int rds_import_infer(const char *table, struct spill *text, enum rds_text_format format, bool *key,
	struct buf *sql, struct buf *told, struct err *err);

/* ---- import_rows.c: the write ---- */

enum rds_import_mode { RDS_APPEND, RDS_UPSERT, RDS_REPLACE, RDS_CREATE };

#define RDS_BAD_SHOWN 100

struct rds_bad_row {
	uint64_t number;
	unsigned long line;
	char *why;
};

struct rds_load {
	/* What is loaded: */
	const char *table;
	enum rds_import_mode mode;
	enum rds_text_format format;
	struct spill *text;
	/* What came of it: */
	uint64_t n; /* rows of the text */
	uint64_t n_new;
	uint64_t n_changed;
	uint64_t n_removed;
	struct rds_bad_row bad[RDS_BAD_SHOWN];
	uint64_t n_bad;
	struct buf told; /* types of a table that was made */
	/* Within: */
	struct rds_conn *c;
	const struct rds_table *t;
	unsigned *map; /* csv: the table's column of each field */
	unsigned n_map;
	bool headless; /* csv: the record read is no header but the first row */
	struct rds_draft draft;
	sqlite3_stmt *insert;
	struct buf present; /* columns that `insert` has, a byte each */
	sqlite3_stmt *seen; /* notes a key, when replacing */
	bool twice;	    /* a unique key failed */
};

/* Runs in a write, perhaps again. EINVAL when rows are bad. */
int rds_load_run(struct rds_conn *c, void *load, struct err *err);
void rds_load_finish(struct rds_load *l);

#endif
