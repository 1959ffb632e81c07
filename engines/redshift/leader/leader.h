/* The leader's own storage: the catalogue and what system tables tell, in an instance of two zones
 * (store/instance.h), so that neither a lost file nor a crash loses it. What the leader has
 * committed is what there is: rows on nodes bear the number of their transaction, and those of a
 * number above the catalogue's xid do not count (nodes/nodes.h). */
#ifndef DBMOUNT_REDSHIFT_LEADER_H
#define DBMOUNT_REDSHIFT_LEADER_H

#include "engines/redshift/leader/catalog.h"
#include "engines/store/instance.h"

struct rs_leader;

/* Of a cluster: the files of an instance. `from`: a closed file that becomes it (a snapshot's
 * leader.db), NULL: an empty one with `first` in it. EEXIST. */
int rs_leader_create(const struct instance_config *config, const struct rs_catalog *first,
	const char *from, struct err *err);
int rs_leader_open(const struct instance_config *config, struct rs_leader **out, struct err *err);
/* A closed file nobody writes: of a snapshot. */
int rs_leader_open_file(const char *path, struct rs_leader **out, struct err *err);
void rs_leader_close(struct rs_leader *l); /* NULL is fine */
/* Adds to `config` what the leader's instances have in common (schema, statements). */
void rs_leader_config(struct instance_config *config);
struct instance *rs_leader_instance(struct rs_leader *l); /* NULL: a file */

/* The current catalogue, counted. */
struct rs_catalog *rs_leader_catalog(struct rs_leader *l);
/* Stores what differs from the current one, durably, in one transaction, and makes `next` current;
 * takes its reference in any case. EROFS, ENOSPC. One at a time: whoever holds the right to write.
 */
int rs_leader_commit(struct rs_leader *l, struct rs_catalog *next, struct err *err);
/* After a commit that failed such that it may stand on the disk: reads what is stored, which is
 * current then. Nothing to do else. EIO: still not known. By whoever holds the right to write. */
int rs_leader_settle(struct rs_leader *l, struct err *err);
/* A consistent copy as a closed file. */
int rs_leader_copy(struct rs_leader *l, const char *path, struct err *err);

/* ---- what happened: log.c. Apart from transactions: a COPY that fails leaves its errors. ---- */

struct rs_load_error {
	uint64_t query, table;
	int64_t start_ns;
	int slice;
	char *filename;
	uint64_t line;
	char *column; /* "" when it is about the line */
	char *type;   /* "int4" */
	char *column_length;
	uint64_t position; /* in the line, bytes, from 0 */
	char *raw_line;	   /* at most 1024 bytes */
	char *raw_field;
	int code; /* 1202 */
	char *reason;
};
void rs_load_error_clear(struct rs_load_error *e);
/* Strings are copied. */
int rs_leader_add_load_errors(
	struct rs_leader *l, const struct rs_load_error *errors, unsigned n, struct err *err);
typedef int rs_load_error_fn(void *arg, const struct rs_load_error *e, struct err *err);
/* The newest first; of that query (0: of any), of that table (0: of any). Non-zero stops. */
int rs_leader_load_errors(struct rs_leader *l, uint64_t query, uint64_t table, rs_load_error_fn *fn,
	void *arg, struct err *err);

struct rs_query_record {
	uint64_t query; /* its number: goes up */
	uint64_t xid;	/* 0: it only read */
	int64_t start_ns, end_ns;
	bool aborted;
	char *text; /* at most 4000 bytes; without credentials */
	uint64_t rows;
	char *label; /* "select", "copy" */
};
/* A number for the next one; -errno. */
int rs_leader_next_query(struct rs_leader *l, uint64_t *out, struct err *err);
/* Kept for 7 days, 10,000 at most. A failure is no one's: it is logged. Need not be durable at
 * once. */
void rs_leader_add_query(struct rs_leader *l, const struct rs_query_record *r);
typedef int rs_query_record_fn(void *arg, const struct rs_query_record *r, struct err *err);
int rs_leader_queries(struct rs_leader *l, rs_query_record_fn *fn, void *arg, struct err *err);

#endif
