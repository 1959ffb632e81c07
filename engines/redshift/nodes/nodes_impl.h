/* What the files of this folder share.
 *
 * Locks: rs_nodes.lock is taken alone and never held over I/O. Files are used between enter and
 * leave (gate.c), and changed as files (healing) by one thread while nobody is inside; loads that
 * go on over many calls are not inside meanwhile, and end with EIO when healing finds them open.
 *
 * Beside the tables each file has "meta", one row with the newest transaction that wrote to it. A
 * file where that is old has nothing to undo; and of a node and its mirror, both closed, the one
 * that knows less is a stale copy. */
#ifndef DBMOUNT_REDSHIFT_NODES_IMPL_H
#define DBMOUNT_REDSHIFT_NODES_IMPL_H

#include <pthread.h>
#include <sys/queue.h>
#include <time.h>

#include "engines/redshift/nodes/nodes.h"

#define SIDES 2U /* the node's own file, and its mirror */

struct rs_file {
	char *name; /* "g1n0", as it is attached */
	char *path;
	bool attached;
	uint64_t device, inode; /* what was attached */
};

struct rs_node {
	struct rs_file side[SIDES];
};

struct rs_nodes {
	struct rs_nodes_config config; /* texts are its own */
	struct rs_node *node;
	unsigned n_sides;
	_Atomic unsigned refs;
	_Atomic bool dropped;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned inside;	  /* under lock */
	unsigned waiting;	  /* under lock: who wants to be alone */
	struct timespec give_way; /* under lock: until when others let them */
	bool alone;		  /* under lock */
	uint64_t heals;		  /* under lock: how often files were looked through */
	bool lost; /* under lock: the last time some node had no file that is whole */
	LIST_HEAD(rs_inserts, rs_insert) inserts; /* under lock */
};

/* ---- files.c ---- */

/* Fills paths and names; frees what it filled when it fails. */
int rs_nodes_layout(const struct rs_nodes_config *config, struct rs_nodes **out, struct err *err);
void rs_nodes_free(struct rs_nodes *n);
int rs_file_attach(struct rs_nodes *n, struct rs_file *f, struct err *err);
/* Not attached afterwards, whatever it returns. */
int rs_file_detach(struct rs_nodes *n, struct rs_file *f, struct err *err);
/* The file and what a driver keeps beside it. Missing is fine. */
int rs_file_remove(const struct rs_file *f, struct err *err);
int rs_file_remove_logs(const struct rs_file *f, struct err *err);
/* Whether the name still means what was attached. */
bool rs_file_is_there(const struct rs_file *f);
/* "node 1", "node 1's mirror" for a message. */
const char *rs_side_name(unsigned side);

/* ---- gate.c ---- */

/* Nobody else is inside, and no load is open. */
void rs_nodes_alone(struct rs_nodes *n);
void rs_nodes_not_alone(struct rs_nodes *n);
/* How often files were looked through. */
uint64_t rs_nodes_heals(struct rs_nodes *n);
/* As rs_nodes_read(). `attempt`: from 0. */
typedef int rs_attempt_fn(struct rs_nodes *n, unsigned attempt, void *arg, struct err *err);
int rs_nodes_try(struct rs_nodes *n, rs_attempt_fn *fn, void *arg, struct err *err);
/* fn for each node, on some threads. The first error. */
typedef int rs_node_fn(struct rs_nodes *n, unsigned node, void *arg, struct err *err);
int rs_nodes_each(struct rs_nodes *n, rs_node_fn *fn, void *arg, struct err *err);

/* ---- session.c ---- */

/* On one file. */
int rs_session_new(struct rs_nodes *n, unsigned node, unsigned side, struct sql_session **out,
	struct err *err);
/* A transaction on the file that `s` writes to, which then knows of `xid`. */
int rs_session_begin(struct sql_session *s, const struct rs_file *f, uint64_t xid, struct err *err);
/* Printed SQL. */
int rs_session_run(struct sql_session *s, uint64_t *changed, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The first column of the first row. */
int rs_session_number(struct sql_session *s, const char *text, int64_t *out, struct err *err);
int rs_meta_read(struct sql_session *s, const struct rs_file *f, uint64_t *xid, struct err *err);
/* Appends `"name"."t17"`. */
void rs_table_path(const struct rs_file *f, uint64_t storage, struct buf *out);

/* ---- table.c ---- */

struct rs_numbers {
	uint64_t *v;
	unsigned n;
};
void rs_numbers_clear(struct rs_numbers *l);
bool rs_numbers_has(const struct rs_numbers *l, uint64_t v);
/* Storage numbers of the tables in a file; ids of the columns of one. */
int rs_file_tables(
	struct sql_session *s, const struct rs_file *f, struct rs_numbers *out, struct err *err);
int rs_file_columns(struct sql_session *s, const struct rs_file *f, uint64_t storage,
	struct rs_numbers *out, struct err *err);

/* ---- undo.c ---- */

/* What transactions after `xid` did to one file. Tables and columns that the catalogue has not go,
 * too: all such (`orphans`), or those of numbers that it has not given yet. */
int rs_file_undo(struct rs_nodes *n, unsigned node, unsigned side, const struct rs_catalog *c,
	uint64_t xid, bool orphans, struct err *err);
/* As it was opened. */
int rs_nodes_settle(struct rs_nodes *n, const struct rs_catalog *c, struct err *err);

/* ---- scan.c ---- */

struct rs_span { /* transactions: what is visible at `at`, or what came, or went, since */
	uint64_t at;
	uint64_t since;
	enum { RS_SPAN_AT, RS_SPAN_CAME, RS_SPAN_WENT } kind;
};
/* Appends WHERE … */
void rs_where(const struct rs_span *s, struct buf *out);

/* ---- insert.c, insert_part.c, batch.c ---- */

/* Rows in memory, all columns of the nodes' table, for one node. */
struct rs_part;
struct rs_text_chunk;
struct rs_batch {
	TAILQ_ENTRY(rs_batch) link;
	struct rs_part *part; /* whose it is now */
	struct sql_value *values;
	unsigned n, max, width;
	size_t text_bytes;
	struct rs_text_chunk *texts;
};
TAILQ_HEAD(rs_batches, rs_batch);

#define RS_HIDDEN 4U /* _id, _h, _ins, _del: before the columns */

struct rs_insert {
	LIST_ENTRY(rs_insert) link; /* of rs_nodes.inserts, under its lock */
	struct rs_nodes *nodes;
	struct rs_table *t;
	uint64_t xid, storage;
	enum rs_diststyle placement;
	unsigned key;		/* of the columns; n_columns: none */
	bool sorted;		/* rows are staged, then written in order */
	struct sql_type *types; /* RS_HIDDEN + n_columns */
	unsigned n_columns, width;
	uint64_t next_row, low, high, rows;
	uint64_t heals;	      /* when it began */
	struct rs_part *part; /* one a node */
	unsigned batch_rows;
	struct rs_worker *worker;
	unsigned n_workers; /* 0: not yet started */
	pthread_mutex_t lock;
	struct rs_batches idle; /* under lock */
};

struct rs_part {
	struct rs_insert *insert;
	unsigned node;
	struct rs_batch *filling; /* the caller's */
	/* Of who is inside with it: a worker, else the caller. */
	struct sql_session *session[SIDES];
	struct sql_append *append[SIDES];
	bool begun, written[SIDES];
	int rc;
	struct err err;
};

/* One row with its number and place. */
int rs_insert_put(
	struct rs_insert *i, uint64_t id, uint64_t h, const struct sql_value *row, struct err *err);
/* Where a row belongs: its _h. */
uint64_t rs_insert_hash(const struct rs_insert *i, uint64_t id, const struct sql_value *row);
int rs_batch_new(unsigned width, unsigned max, struct rs_batch **out, struct err *err);
void rs_batch_free(struct rs_batch *b);
/* False: no memory. The row's texts are copied. */
bool rs_batch_add(struct rs_batch *b, const struct sql_value *hidden, const struct sql_value *row,
	const struct sql_type *types);
bool rs_batch_full(const struct rs_batch *b);
void rs_batch_clear(struct rs_batch *b);

/* All inside. */
int rs_part_write(struct rs_part *p, const struct rs_batch *b, struct err *err);
int rs_part_finish(struct rs_part *p, struct err *err);
/* What is not committed is gone. Never fails. */
void rs_part_close(struct rs_part *p);
/* Rows that were committed are taken out again. */
int rs_part_undo(struct rs_part *p, struct err *err);
/* Of healing, which is alone: the load fails with EIO. */
void rs_insert_break(struct rs_insert *i);

/* ---- order.c ---- */

/* Whether rows are to be sorted. */
bool rs_table_sorted(const struct rs_table *t);
/* Appends `SELECT columns FROM source ORDER BY …` for a table whose slices are `slices` in all. */
void rs_order_select(const struct rs_table *t, enum sql_dialect dialect, unsigned slices,
	const char *source, struct buf *out);
/* Appends the hidden columns and those of the table, as they stand in it. */
void rs_columns_list(const struct rs_table *t, struct buf *out);

/* ---- heal.c ---- */

/* Alone, or before anybody else has them: attaches what is not, and makes anew what cannot be.
 * `verify`: reads all. */
int rs_nodes_mend(struct rs_nodes *n, bool verify, struct err *err);
/* One file anew of the other of its pair. */
int rs_file_remake(
	struct rs_nodes *n, unsigned node, unsigned side, const char *why, struct err *err);
void rs_nodes_event(struct rs_nodes *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
