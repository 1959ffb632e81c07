/* The compute nodes: where rows are.
 *
 * A set of nodes is made of N files, one a node, in one zone (DIR/g<G>-n<K><suffix>), and N
 * mirrors, the same rows in the other zone. G is the generation, a new one with each resize. Node K
 * has the slices K*S to K*S+S-1, where S is the number of slices of a node. The files hold a table
 * for each table of the catalogue, "t<storage>", with the columns
 *
 *	_id	the row's number in its table, never given again
 *	_h	where it belongs: slice _h % (N*S). KEY: the hash of the distribution key;
 *		EVEN: _id; ALL: 0
 *	_ins	the transaction that brought it
 *	_del	the transaction that took it away, RS_LIVE while nobody did
 *	c<id>	for each column of the catalogue, in its order
 *
 * A row is there for who sees transaction X when _ins <= X < _del. Whoever writes has a number of
 * its own, X = last + 1, one at a time (run/txn.h); what it writes is committed on nodes and
 * mirrors as it goes, durably, and counts as soon as the leader commits X. So a transaction is
 * committed on all nodes or on none, readers see one state, and what a crash leaves is undone at
 * the next open: rows with _ins > last go, marks _del > last are wiped out. ALL: each node has all
 * rows, and reads take one node's.
 *
 * Rows of one load stand in the order of the sort key, per slice; VACUUM writes all anew, in order,
 * without the dead, as a new storage number. So does what takes columns away: to a new storage
 * number, of the columns that stay.
 *
 * A file that is gone, cut or damaged is made anew of its mirror (or the other way round) while
 * calls wait: rs_nodes_heal(). Calls that find it out (EIO) do so by themselves and run again, so
 * callers see no error while one of both is whole; but a large load that is under way when that
 * happens fails with EIO, and can be repeated.
 *
 * The files of a site are attached as "g<G>n<K>" and "g<G>m<K>". */
#ifndef DBMOUNT_REDSHIFT_NODES_H
#define DBMOUNT_REDSHIFT_NODES_H

#include "engines/redshift/driver/driver.h"
#include "engines/redshift/leader/catalog.h"

#define RS_LIVE	      INT64_MAX
#define RS_NODES_MAX  128U
#define RS_SLICES_MAX 32U /* of a node */

struct rs_nodes;

/* Borrowed for the call but where said. */
struct rs_nodes_config {
	struct sql_site *site; /* outlives the nodes */
	const char *dir;       /* of the files */
	const char *mirror;    /* of the mirrors; NULL: there are none (a snapshot) */
	uint64_t generation;
	unsigned nodes, slices;
	const char *alias; /* "": files are attached as above; else it goes before (a snapshot's) */
	bool read_only;
	/* A line for .events; from any thread, holding no lock. May be NULL. */
	void (*event)(void *arg, const char *text);
	/* A node's file, and its mirror, are lost: nothing can be read. May be NULL. */
	void (*failed)(void *arg, const char *text);
	void *arg;
};

/* Empty files, durably, closed. EEXIST. On failure nothing is left. */
int rs_nodes_create(const struct rs_nodes_config *config, struct err *err);
/* Removes the files of a closed set, and what a crash left of one. */
int rs_nodes_destroy(const struct rs_nodes_config *config, struct err *err);
/* What does not count (see above) is removed: transactions after catalog->xid, tables that are not
 * in it. Files that are missing or damaged are healed. EIO: some node has neither. */
int rs_nodes_open(const struct rs_nodes_config *config, const struct rs_catalog *catalog,
	struct rs_nodes **out, struct err *err);
struct rs_nodes *rs_nodes_ref(struct rs_nodes *n);
/* The last one closes the files; removes them when rs_nodes_drop() was called. */
void rs_nodes_unref(struct rs_nodes *n); /* NULL is fine */
void rs_nodes_drop(struct rs_nodes *n);
unsigned rs_nodes_count(const struct rs_nodes *n);
unsigned rs_nodes_slices(const struct rs_nodes *n); /* in all */
/* The node of the slice where rows with that hash belong. */
unsigned rs_nodes_of_hash(const struct rs_nodes *n, uint64_t hash);
struct sql_site *rs_nodes_site(const struct rs_nodes *n);

/* ---- reading ---- */

/* Appends the file's name of node K, quoted: "g1n0". */
void rs_nodes_file(const struct rs_nodes *n, unsigned node, struct buf *out);
/* Appends a SELECT of the visible rows that node K has of the table, as of transaction `xid`; of
 * the columns that are set in `columns` (n_columns bools; NULL: all), under their names, quoted,
 * and with `hidden` also "_id", "_h", "_node". Of a table whose placement is ALL it is asked of any
 * one node. */
void rs_nodes_scan(const struct rs_nodes *n, const struct rs_table *t, uint64_t xid, unsigned node,
	const bool *columns, bool hidden, struct buf *out);
/* The same of the rows that node K got visible between two transactions: there as of `xid`, not yet
 * as of `since`; with `went` those that were there as of `since` and no more as of `xid`. Of one
 * storage: what VACUUM wrote anew has no past. */
void rs_nodes_scan_changes(const struct rs_nodes *n, const struct rs_table *t, uint64_t since,
	uint64_t xid, bool went, unsigned node, const bool *columns, bool hidden, struct buf *out);
/* Runs fn, which reads through sessions on the site and can be run again from the start: no healing
 * and no closing is under way meanwhile; when fn says EIO the damaged file is looked for and
 * healed, and fn runs again. */
typedef int rs_nodes_fn(struct rs_nodes *n, void *arg, struct err *err);
int rs_nodes_read(struct rs_nodes *n, rs_nodes_fn *fn, void *arg, struct err *err);
/* The same for what goes on over many calls (a stream): between enter and leave files stay; what
 * fails with EIO in between has to be begun anew after leave and rs_nodes_heal(). Who is inside may
 * enter again, and call rs_insert_row() and rs_delete_row(), but nothing that ends such, heals, or
 * is below at "writing": that may have to heal, which waits until everybody has left. */
void rs_nodes_enter(struct rs_nodes *n);
void rs_nodes_leave(struct rs_nodes *n);

/* Visible rows on each slice, rs_nodes_slices() of them; of a table of placement ALL what stands on
 * the first slice of each node. */
int rs_nodes_slice_rows(struct rs_nodes *n, const struct rs_table *t, uint64_t xid, uint64_t *rows,
	struct err *err);
/* Bytes of all files, mirrors without. */
uint64_t rs_nodes_bytes(struct rs_nodes *n);
uint64_t rs_nodes_node_bytes(struct rs_nodes *n, unsigned node);

/* ---- writing: by the one who may write ---- */

int rs_nodes_create_table(struct rs_nodes *n, const struct rs_table *t, struct err *err);
/* Of a storage number that the catalogue has no more; when its last reader is gone. Missing is
 * fine. */
int rs_nodes_drop_table(struct rs_nodes *n, uint64_t storage, struct err *err);
/* `value`: what rows that are there get. */
int rs_nodes_add_column(struct rs_nodes *n, const struct rs_table *t, const struct rs_column *c,
	const struct sql_value *value, struct err *err);

/* Rows for a table, in bulk. Values in the order of its columns, checked and of their types. They
 * go where the placement says, get the numbers t->next_row and up (which it moves on), stand in the
 * order of the sort key among themselves, and are durable on nodes and mirrors when end() returns.
 */
struct rs_insert;
int rs_insert_new(struct rs_nodes *n, struct rs_table *t, uint64_t xid, struct rs_insert **out,
	struct err *err);
int rs_insert_row(struct rs_insert *i, const struct sql_value *row, struct err *err);
/* Ends it in any case; keep false: nothing is left. */
int rs_insert_end(struct rs_insert *i, bool keep, uint64_t *rows, struct err *err);

/* Takes rows away, by number. */
struct rs_delete;
int rs_delete_new(struct rs_nodes *n, struct rs_table *t, uint64_t xid, struct rs_delete **out,
	struct err *err);
int rs_delete_row(struct rs_delete *d, uint64_t id, struct err *err);
/* A row that is told twice, or was gone already, counts once or not. */
int rs_delete_end(struct rs_delete *d, bool keep, uint64_t *rows, struct err *err);

/* What transaction `xid` did is undone. */
int rs_nodes_undo(struct rs_nodes *n, const struct rs_catalog *c, uint64_t xid, struct err *err);

struct rs_progress {
	void (*fn)(void *arg, uint64_t done, uint64_t total); /* rows; may be NULL */
	void *arg;
};
/* The visible rows of `from` into the empty `to` of the same columns (by id), as `to` places and
 * sorts them; numbers stay. VACUUM, ALTER DISTSTYLE, AUTO that grows. */
int rs_nodes_rewrite(struct rs_nodes *n, const struct rs_table *from, struct rs_table *to,
	uint64_t xid, const struct rs_progress *progress, struct err *err);
/* All tables of the catalogue as of `xid` into another, empty set of nodes of the same site, all
 * rows as transaction `xid` and where they belong there; durable when it returns. Resize, snapshot,
 * restore. Writers may go on in `from`. EINTR: `stop` was set. */
int rs_nodes_copy(struct rs_nodes *from, struct rs_nodes *to, const struct rs_catalog *catalog,
	uint64_t xid, _Atomic bool *stop, const struct rs_progress *progress, struct err *err);

/* ---- keeping it whole: heal.c ---- */

/* Cheap: files that are gone or are others than were opened. EIO: healing is needed. */
int rs_nodes_look(struct rs_nodes *n, struct err *err);
/* The same, and their heads are read: a driver that has read a file does not see what becomes of it
 * on the disk. */
int rs_nodes_peek(struct rs_nodes *n, struct err *err);
/* All of both is read. Damaged files are made anew of the other. EIO: both are damaged. */
int rs_nodes_heal(struct rs_nodes *n, struct err *err);

#endif
