/* COPY, and `cp FILE TABLE/.load/`: texts as rows, with SERVICES.md 6.3's options, errors and
 * codes. */
#ifndef DBMOUNT_REDSHIFT_LOAD_H
#define DBMOUNT_REDSHIFT_LOAD_H

#include "engines/redshift/lake/files.h"
#include "engines/redshift/run/run.h"

/* ---- copy.c: the statement ---- */

/* report: "COPY sales: 172456 rows loaded, 0 rejected, 3 files". *rows (may be NULL): the same. */
int rs_copy(struct rs_txn *t, const struct rs_statement *s, uint64_t query, struct buf *report,
	uint64_t *rows, struct err *err);

/* ---- loading.c: one load into one table, from files and texts ---- */

struct rs_loading;
/* `c` and t outlive it. The columns' order is that of c->columns. `query`: its number, for errors.
 */
int rs_loading_new(struct rs_txn *t, const struct rs_copy *c, uint64_t query,
	struct rs_loading **out, struct err *err);
/* A file of its own begins (decompression, header lines anew); then its bytes as they are stored.
 * What is wrong with a row counts against MAXERROR: EINVAL when that is reached, with the first
 * error's line. */
int rs_loading_file(struct rs_loading *l, const char *name, struct err *err);
int rs_loading_feed(struct rs_loading *l, struct slice bytes, struct err *err);
/* Told how many bytes of a file were read. */
struct rs_load_watch {
	void (*fn)(void *arg, uint64_t bytes);
	void *arg;
};
/* A file of this machine, all of it: begins and ends it. `watch` may be NULL. */
int rs_loading_read(struct rs_loading *l, const char *name, const char *path,
	struct rs_load_watch *watch, struct err *err);
struct rs_load_result {
	uint64_t rows, rejected, files;
};
/* Ends it in any case. Errors are the leader's then, also of one that failed. */
int rs_loading_end(struct rs_loading *l, bool keep, struct rs_load_result *out, struct err *err);
/* How many so far, for progress. */
void rs_loading_count(const struct rs_loading *l, struct rs_load_result *out);

/* ---- table_load.c: what is written into TABLE/.load/ ---- */

/* What the name of a file says: .csv .tsv .txt .tbl .psv .json .jsonl .parquet, behind it .gz .bz2
 * .zst. EINVAL: names what is known. */
int rs_load_options(struct slice name, struct rs_copy *out, struct err *err);
struct rs_table_load;
/* `replace`: what is loaded takes the place of all rows, in the same transaction. */
int rs_table_load_new(struct rs_cluster *c, struct slice table_key, struct slice file_name,
	bool replace, struct rs_table_load **out, struct err *err);
int rs_table_load_feed(struct rs_table_load *l, struct slice bytes, struct err *err);
/* Ends it, as committed or not; report as rs_copy's. CSV whose first record names columns of the
 * table is loaded by these names. A load with rejected rows fails as a whole, and errors.json says
 * which. */
int rs_table_load_end(struct rs_table_load *l, bool keep, struct buf *report, struct err *err);
/* .load/errors.json: of the last load of this table that had any; "[]". */
int rs_load_errors_json(
	struct rs_cluster *c, struct slice table_key, struct buf *out, struct err *err);

/* ---- parser.h of each format; unload.c ---- */

/* report: "UNLOAD: 172456 rows, 8 files". */
int rs_unload(struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err);

#endif
