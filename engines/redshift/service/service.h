/* Redshift as a service: what clusters and snapshots there are, what may be done with them, and
 * the clusters in use. What a cluster is and does is in run/cluster.h and below.
 *
 * SITE/redshift/
 *   catalog.db       what clusters and snapshots there are (catalog.c)
 *   i<id>/           what belongs to the leader of cluster <id> and no zone (store/instance.h)
 *   s<id>/           a snapshot: leader.db, and the nodes' files, closed
 *   az-a/ az-b/      the zones, unless settings az.a, az.b name others:
 *     i<id>/         a copy of the leader
 *     n<id>/         zone a: a file a node; zone b: their mirrors (nodes/nodes.h)
 *   tmp/             what queries, exports and restores need for a while; emptied at open
 *
 * The row of a cluster or snapshot is committed last: files without one are removed at the next
 * open. How many nodes a cluster has, and of which generation, is its leader's to say: a resize
 * is there when the leader has committed it, and files of other generations are removed when the
 * cluster is opened. An id never comes again, and names never reach file names.
 *
 * A cluster keeps the driver that it was made with. Where this build lacks that one, the cluster
 * is there, in state incompatible-restore, and cannot be entered.
 *
 * The life of a cluster is that of clusters/clusters.h; its state, row and users, and the list of
 * snapshots in use, are under the lock there. Before the locks listed there comes
 * redshift_cluster.changing: one at a time, steps that make, resize, keep, pause, drop. Before the
 * last of them come rs_cluster's own, and that of redshift_sizes, which is taken alone. */
#ifndef DBMOUNT_REDSHIFT_SERVICE_H
#define DBMOUNT_REDSHIFT_SERVICE_H

#include <stdatomic.h>

#include "engines/clusters/keeper.h"
#include "engines/common/cleanup.h"
#include "engines/common/spill.h"
#include "engines/engine.h"
#include "engines/redshift/run/run.h"

extern const struct engine_ops redshift_ops;

#define REDSHIFT_NAME_MAX     63
#define REDSHIFT_SNAPSHOT_MAX 255
#define REDSHIFT_DRIVER_MAX   15
#define REDSHIFT_NODES	      2 /* of a new cluster, when nothing is said */
#define REDSHIFT_SLICES	      2
#define REDSHIFT_RETENTION    1		 /* days, of automated snapshots */
#define REDSHIFT_INTERVAL_S   (8 * 3600) /* between them */
#define REDSHIFT_FOR_EVER     (-1)

/* ---- catalog.c, catalog_write.c ---- */

/* A cluster's row. */
struct redshift_def {
	uint64_t id;
	char name[REDSHIFT_NAME_MAX + 1];
	char driver[REDSHIFT_DRIVER_MAX + 1];
	int64_t created_ns;
	bool paused;
	int64_t retention_days; /* of automated snapshots; 0: there are none */
	int64_t interval_s;
	int64_t automated_ns; /* the last one; 0: none yet */
};

struct redshift_snapshot {
	uint64_t id;
	char name[REDSHIFT_SNAPSHOT_MAX + 1];
	char cluster[REDSHIFT_NAME_MAX + 1]; /* its name then */
	uint64_t cluster_id;
	char driver[REDSHIFT_DRIVER_MAX + 1];
	int64_t created_ns;
	uint64_t bytes;
	bool automated;
	int64_t retention_days; /* REDSHIFT_FOR_EVER */
	unsigned nodes, slices;
};

/* How many bytes a form of a table's data is, at the last transaction that changed it. */
struct redshift_size {
	uint64_t cluster_id;
	uint64_t table;
	unsigned form;
	uint64_t xid;
	uint64_t bytes;
};

struct redshift_service;

/* EIO a damaged one. Made when there is none, but for a read-only mount. */
int redshift_catalog_open(struct redshift_service *s, struct err *err);
/* Durable: never comes again. */
int redshift_catalog_id(struct redshift_service *s, uint64_t *out, struct err *err);
int redshift_catalog_mtime(struct redshift_service *s, int64_t *out, struct err *err);
typedef int redshift_def_fn(void *arg, const struct redshift_def *def, struct err *err);
int redshift_catalog_each(
	struct redshift_service *s, redshift_def_fn *fn, void *arg, struct err *err);
int redshift_catalog_add(
	struct redshift_service *s, const struct redshift_def *def, struct err *err);
/* All but id, name, driver and created. */
int redshift_catalog_set(
	struct redshift_service *s, const struct redshift_def *def, struct err *err);
/* Drops the row; adds the snapshot with it (may be NULL). EEXIST. */
int redshift_catalog_drop(struct redshift_service *s, uint64_t id,
	const struct redshift_snapshot *final, struct err *err);
/* 'i', 'n' a cluster, 's' a snapshot. In doubt: true. */
bool redshift_catalog_has(struct redshift_service *s, char kind, uint64_t id);

/* ENOENT, ClusterSnapshotNotFound. */
int redshift_catalog_snapshot(struct redshift_service *s, struct slice name,
	struct redshift_snapshot *out, struct err *err);
int redshift_catalog_add_snapshot(
	struct redshift_service *s, const struct redshift_snapshot *snapshot, struct err *err);
int redshift_catalog_drop_snapshot(struct redshift_service *s, uint64_t id, struct err *err);
/* Behind `after`, in byte order, outside of any transaction; of that cluster, 0: of any.
 * Non-zero stops. */
typedef int redshift_snapshot_fn(void *arg, const struct redshift_snapshot *snapshot);
int redshift_catalog_snapshots(struct redshift_service *s, uint64_t cluster_id, struct slice after,
	redshift_snapshot_fn *fn, void *arg, struct err *err);

/* 1: there is one, into size->xid and bytes; 0: none. */
int redshift_catalog_size(struct redshift_service *s, struct redshift_size *size, struct err *err);
int redshift_catalog_put_size(
	struct redshift_service *s, const struct redshift_size *size, struct err *err);

/* ---- in memory ---- */

enum redshift_state {
	REDSHIFT_AVAILABLE,
	REDSHIFT_CREATING,
	REDSHIFT_DELETING,
	REDSHIFT_FINAL_SNAPSHOT,
	REDSHIFT_SNAPSHOTTING, /* shown as available: it is */
	REDSHIFT_MODIFYING,
	REDSHIFT_RESIZING,
	REDSHIFT_CANCELLING_RESIZE,
	REDSHIFT_PAUSED,
	REDSHIFT_REBOOTING,
};

/* The last resize, or the one under way. */
enum redshift_resize_status {
	REDSHIFT_RESIZE_NONE,
	REDSHIFT_RESIZE_IN_PROGRESS,
	REDSHIFT_RESIZE_SUCCEEDED,
	REDSHIFT_RESIZE_FAILED,
	REDSHIFT_RESIZE_CANCELLED,
};
struct redshift_resize {
	enum redshift_resize_status status;
	unsigned nodes, slices; /* that it leads to */
	uint64_t done, total;	/* rows */
	int64_t started_ns, ended_ns;
	char why[256]; /* it failed */
};

struct redshift_sizes;

struct redshift_cluster {
	struct cluster base;
	struct redshift_service *service;
	pthread_mutex_t changing;
	struct redshift_sizes *sizes; /* there as long as this is */
	_Atomic bool stop_resize;
	_Atomic bool trouble; /* a node said that it lost both copies */

	/* Under the lock of all: */
	struct redshift_def def;
	struct redshift_resize resize;
	char failure[512]; /* why it could not be opened; "" */

	struct rs_cluster *rs; /* under opening; those inside may use it */
	int64_t heal_at;       /* the keeper's: do not try before */
	int64_t snapshot_at;   /* the keeper's: try no automated snapshot before */
};

/* A snapshot that is looked at, shared by all who do. */
struct redshift_copy {
	TAILQ_ENTRY(redshift_copy) link; /* under service->base.lock */
	struct redshift_service *service;
	struct redshift_snapshot snapshot;
	struct redshift_sizes *sizes;
	pthread_mutex_t opening;
	struct rs_cluster *rs; /* under opening, then fixed */
	unsigned refs;	       /* under service->base.lock */
};
TAILQ_HEAD(redshift_copy_list, redshift_copy);

struct redshift_service {
	struct clusters base;
	const struct sql_driver *driver;  /* of new clusters */
	struct redshift_copy_list copies; /* under base.lock */
	struct keeper keeper;		  /* keeper.c */
};

/* What every operation gets as ctx: the service, or a view of one cluster. */
enum redshift_room { REDSHIFT_NO_ROOM, REDSHIFT_LAKE, REDSHIFT_SLICES_OF, REDSHIFT_LOAD };
struct redshift_view {
	char name[REDSHIFT_NAME_MAX + 1];
	struct redshift_cluster *cluster; /* counted; NULL of a snapshot */
	struct redshift_copy *copy;	  /* counted; of a snapshot */
	enum redshift_room room;
	int64_t time_ns;
};

struct redshift {
	struct redshift_service *service;
	struct redshift_view *view; /* NULL: the service */
};

/* ---- place.c: where a path leads ---- */

/* A cluster or snapshot, entered, and one committed state of it, until the place is left. It does
 * not move: the look is in a list. */
struct redshift_place {
	struct redshift_cluster *cluster; /* NULL of a snapshot */
	struct redshift_copy *copy;	  /* NULL of a cluster */
	struct rs_cluster *rs;
	struct redshift_sizes *sizes;
	bool looking;
	struct rs_look look;
};
/* Paths of depth 1 and more. ENOENT, EBUSY, EIO. */
int redshift_place(
	struct redshift *x, const struct epath *path, struct redshift_place *out, struct err *err);
/* The same without a look, for what writes. EROFS. */
int redshift_place_to_write(
	struct redshift *x, const struct epath *path, struct redshift_place *out, struct err *err);
void redshift_place_leave(struct redshift_place *p);
/* The table of the path's second key. ENOENT. */
int redshift_table_at(const struct redshift_place *p, const struct epath *path,
	const struct rs_table **out, struct err *err);
/* The cluster that a path leads to, counted. ENOENT. In a snapshot: ENOTSUP. */
int redshift_cluster_at(struct redshift *x, const struct epath *path, struct redshift_cluster **out,
	struct err *err);
static inline void redshift_place_cleanup(struct redshift_place *p)
{
	redshift_place_leave(p);
}
#define REDSHIFT_PLACE CLEANUP(redshift_place_cleanup) struct redshift_place

/* ---- service.c ---- */

int redshift_open(const struct engine_config *config, void **ctx, struct err *err);
void redshift_close(void *ctx);
/* A directory with all that is in it; missing is fine. What stays is found at the next open. */
void redshift_remove_dir(const char *path);
/* A table (key), or NULL: the list of tables, changed. */
void redshift_tell_changed(struct redshift_cluster *c, const struct slice *key);
/* A line in `.events` of a cluster. */
void redshift_event(struct redshift_cluster *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* ---- clusters.c: clusters in use ---- */

/* Of struct clusters_kind. */
int redshift_cluster_open(struct cluster *base, struct err *err);
void redshift_cluster_shut(struct cluster *base);
void redshift_cluster_free(struct cluster *base);
int redshift_refuse(const struct cluster *c, enum cluster_refusal why, struct err *err);
int redshift_clusters_load(struct redshift_service *s, struct err *err);
/* ENOENT, ClusterNotFound. Counted; ends with redshift_put(). */
int redshift_find(struct redshift_service *s, struct slice name, struct redshift_cluster **out,
	struct err *err);
static inline struct redshift_cluster *redshift_hold(struct redshift_cluster *c)
{
	cluster_hold(&c->base);
	return c;
}
static inline void redshift_put(struct redshift_cluster *c) /* NULL is fine */
{
	cluster_put((struct cluster *)c);
}
/* As clusters_next(). */
static inline struct redshift_cluster *redshift_next(struct redshift_service *s, struct slice after)
{
	return (struct redshift_cluster *)clusters_next(&s->base, after);
}
void redshift_def_now(struct redshift_cluster *c, struct redshift_def *out);
int redshift_no_cluster(struct slice name, struct err *err); /* ENOENT */
/* As `.status` has it: "available", "incompatible-restore", "hardware-failure"; why (at least
 * 512 bytes) is "" or says more. */
const char *redshift_state_text(struct redshift_cluster *c, char *why, size_t size);

/* Its tables can be used until cluster_leave(); opened when need be. ENOENT gone; EBUSY paused or
 * being deleted (InvalidClusterState); EIO, ENOTSUP: it cannot be opened. */
int redshift_enter(struct redshift_cluster *c, struct err *err);
/* For the step that keeps the others out. */
int redshift_enter_any(struct redshift_cluster *c, struct err *err);

/* To what it is when nothing goes on: available or paused. */
void redshift_state_end(struct redshift_cluster *c);
/* The cluster in a passing state, under changing, entered. Ends with redshift_step_end(). */
int redshift_step_begin(struct redshift_cluster *c, enum redshift_state state, struct err *err);
void redshift_step_end(struct redshift_cluster *c);

/* Reserves the name for a cluster that is being made (nobody sees it yet), with an id of its
 * own, counted. EEXIST. Ends with redshift_state_end() or cluster_dropped(). */
int redshift_reserve(struct redshift_service *s, const struct redshift_def *like,
	struct redshift_cluster **out, struct err *err);
/* The row and what is in memory, from `change`: the catalog first. */
typedef void redshift_change_fn(struct redshift_def *def, const struct redshift_def *with);
int redshift_change(struct redshift_cluster *c, redshift_change_fn *change,
	const struct redshift_def *with, struct err *err);

static inline void redshift_cluster_cleanup(struct redshift_cluster **c)
{
	redshift_put(*c);
}
#define REDSHIFT_CLUSTER CLEANUP(redshift_cluster_cleanup) struct redshift_cluster *

/* What a cluster is opened with; its texts are in it, so it does not move. */
struct redshift_config {
	struct rs_cluster_config config;
	struct instance_config leader;
	struct cluster_store_id id;
	char label[REDSHIFT_NAME_MAX + 32];
	char *dir[INSTANCE_ZONES]; /* of the nodes' files and their mirrors */
};
/* ENOTSUP: this build has no such driver. Ends with redshift_config_finish() in any case. */
int redshift_config_init(struct redshift_config *c, struct redshift_service *s,
	const struct redshift_def *def, struct err *err);
void redshift_config_finish(struct redshift_config *c);
/* The files of a closed cluster, or of none. */
void redshift_destroy_files(struct redshift_service *s, const struct redshift_def *def);

/* ---- cluster.c: making, changing, deleting ---- */

struct redshift_progress {
	void (*fn)(void *arg, uint64_t done, uint64_t total); /* rows; may be NULL */
	void *arg;
};
struct redshift_shape {
	unsigned nodes, slices; /* 0: as it was, or the default */
};
void redshift_def_init(struct redshift_def *def, struct redshift_service *s, struct slice name);
/* Whether a new cluster may be called so. EROFS, EINVAL, EEXIST. */
int redshift_check_new(struct redshift_service *s, struct slice name, struct err *err);
/* EINVAL: too many. Fills in what is 0. */
int redshift_check_shape(
	struct redshift_shape *shape, unsigned nodes, unsigned slices, struct err *err);
int redshift_create(struct redshift_service *s, const struct redshift_def *like,
	const struct redshift_shape *shape, struct err *err);
/* `final_snapshot` may be NULL. `empty`: ENOTEMPTY when there are tables. */
int redshift_delete(struct redshift_cluster *c, bool empty, const char *final_snapshot,
	const struct redshift_progress *progress, struct err *err);
int redshift_pause(struct redshift_cluster *c, struct err *err);
int redshift_resume(struct redshift_cluster *c, struct err *err);
int redshift_reboot(struct redshift_cluster *c, struct err *err);

/* ---- resize.c ---- */

/* Moves all rows to other nodes, while queries run and writers wait. */
int redshift_resize(struct redshift_cluster *c, const struct redshift_shape *to,
	const struct redshift_progress *progress, struct err *err);
/* ENOENT, ResizeNotFound. */
int redshift_cancel_resize(struct redshift_cluster *c, struct err *err);
void redshift_resize_now(struct redshift_cluster *c, struct redshift_resize *out);
extern const char *const redshift_resize_names[];
/* A new set of nodes without tables, open, for rs_nodes_copy(). On failure nothing is left. */
int redshift_empty_nodes(
	const struct rs_nodes_config *config, struct rs_nodes **out, struct err *err);
/* Removes files of generations that a crash left, when nobody is inside yet. */
int redshift_clean_generations(struct redshift_cluster *c, struct rs_cluster *rs, struct err *err);

/* ---- snapshot.c, restore.c ---- */

int redshift_snapshot_create(struct redshift_cluster *c, const char *name, bool automated,
	int64_t retention_days, const struct redshift_progress *progress, struct err *err);
/* For the step that holds the state: the files, and what the row will be. */
int redshift_snapshot_copy(struct redshift_cluster *c, const char *name,
	const struct redshift_progress *progress, struct redshift_snapshot *out, struct err *err);
int redshift_snapshot_delete(struct redshift_service *s, struct slice name, struct err *err);
/* If it is of that cluster (NULL: of any). ENOENT. */
int redshift_snapshot_find(struct redshift_service *s, struct redshift_cluster *c,
	struct slice name, struct redshift_snapshot *out, struct err *err);
/* One that can be looked at, counted. */
int redshift_copy_open(struct redshift_service *s, const struct redshift_snapshot *snapshot,
	struct redshift_copy **out, struct err *err);
void redshift_copy_put(struct redshift_copy *c); /* NULL is fine */
/* A new cluster of it. */
int redshift_restore(struct redshift_service *s, const struct redshift_snapshot *snapshot,
	struct slice name, const struct redshift_shape *shape,
	const struct redshift_progress *progress, struct err *err);
/* One table of it as a new one of the cluster. Keys as rs_table_key(). */
int redshift_restore_table(struct redshift_cluster *c, const struct redshift_snapshot *snapshot,
	struct slice table, struct slice as, const struct redshift_progress *progress,
	uint64_t *rows, struct err *err);

/* ---- keeper.c: what is done without being asked ---- */

void redshift_keeper_init(struct redshift_service *s);

/* ---- sizes.c: how many bytes the forms of a table are ---- */

enum redshift_form { REDSHIFT_CSV, REDSHIFT_JSONL, REDSHIFT_PARQUET, REDSHIFT_FORMS };
/* How rows are written as text (text.c). The table outlives it. */
struct redshift_text {
	const struct rs_table *table;
	enum redshift_form form;
	struct buf *names; /* of the columns, as JSON members begin */
};
int redshift_text_init(struct redshift_text *t, const struct rs_table *table,
	enum redshift_form form, struct err *err);
void redshift_text_finish(struct redshift_text *t);
void redshift_put_header(const struct redshift_text *t, struct buf *out);
void redshift_put_row(const struct redshift_text *t, const struct sql_value *row, struct buf *out);

/* `service`, `cluster_id`: where they are kept (0: not kept, a snapshot's). NULL: no memory. */
struct redshift_sizes *redshift_sizes_new(struct redshift_service *service, uint64_t cluster_id);
void redshift_sizes_free(struct redshift_sizes *s); /* NULL is fine */
/* Exactly what a stream of the table gives, as the place sees it. */
int redshift_size(struct redshift_place *p, const struct rs_table *t, enum redshift_form form,
	uint64_t *out, struct err *err);
/* The same of a slice, as CSV. */
int redshift_slice_size(struct redshift_place *p, const struct rs_table *t, unsigned slice,
	uint64_t *out, struct err *err);
/* A number that moves with the text of a table: what changes its rows, and what moves them. */
uint64_t redshift_version(const struct redshift_place *p, const struct rs_table *t);
/* Of what is no table of ours: kept under a number for as long as the version is this. */
bool redshift_known_size(
	struct redshift_sizes *s, uint64_t number, uint64_t version, uint64_t *out);
void redshift_keep_size(struct redshift_sizes *s, uint64_t number, uint64_t version, uint64_t size);
/* A whole table as Parquet, made when first asked for, as an open file; ENOTSUP of a driver that
 * cannot. */
int redshift_parquet(struct redshift_place *p, const struct rs_table *t, int *fd, uint64_t *size,
	struct err *err);

/* ---- scan.c: all rows of a table, in the order of its text ---- */

#define REDSHIFT_ALL_SLICES UINT_MAX

struct redshift_scan;
/* Of one slice, or of all. The place outlives it. */
int redshift_scan_new(struct redshift_place *p, const struct rs_table *t, unsigned slice,
	struct redshift_scan **out, struct err *err);
/* Only the rows that came (or went) after transaction `since`, in the same storage. */
int redshift_scan_changes(struct redshift_place *p, const struct rs_table *t, uint64_t since,
	bool went, struct redshift_scan **out, struct err *err);
/* 1 a row, valid until the next call, 0 the end. A damaged node is healed meanwhile. */
int redshift_scan_step(struct redshift_scan *s, const struct sql_value **row, struct err *err);
/* Holds nothing of the nodes until the next step, which goes on where it was. */
void redshift_scan_pause(struct redshift_scan *s);
void redshift_scan_free(struct redshift_scan *s); /* NULL is fine */

/* ---- streams.c: members of engine_ops; what is read ---- */

int redshift_query_open(void *ctx, const struct epath *path, struct slice text, unsigned form,
	void **stream, uint64_t *size, struct err *err);
extern const struct engine_query_names redshift_query_names;
int redshift_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err);
int redshift_export_read(void *stream, struct buf *out, struct err *err);
void redshift_export_close(void *stream);

/* A stream. `read` appends the next piece, nothing at the end. */
struct redshift_stream {
	int (*read)(struct redshift_stream *s, struct buf *out, struct err *err);
	void (*close)(struct redshift_stream *s);
};
/* A result, as it was spilled. Both take over what they are given; NULL: no memory. */
struct redshift_stream *redshift_stream_of_spill(struct spill *spill, uint64_t *size);
struct redshift_stream *redshift_stream_of_file(int fd);

/* rows.c: a table, or a slice of it, as text. */
struct redshift_part {
	enum redshift_form form;
	unsigned slice; /* or REDSHIFT_ALL_SLICES */
};
int redshift_rows_open(struct redshift *x, const struct epath *path,
	const struct redshift_part *part, struct redshift_stream **out, uint64_t *size,
	struct err *err);
/* EINVAL. */
int redshift_form_of(const char *format, enum redshift_form *out, struct err *err);
/* "0", "17"; ENOENT anything else. */
int redshift_slice_of(struct slice key, unsigned *out, struct err *err);

/* ---- query.c ---- */

enum redshift_result { REDSHIFT_AS_CSV, REDSHIFT_AS_JSON, REDSHIFT_AS_TXT, REDSHIFT_AS_PLAN };
/* Runs a SELECT; the whole result goes into a spill, which is the caller's. */
int redshift_run_query(struct redshift_place *p, struct slice text, enum redshift_result as,
	struct spill **out, struct err *err);

/* ---- lake.c: the room .lake ---- */

int redshift_map(
	struct redshift_cluster *c, const char *name, const char *directory, struct err *err);
int redshift_unmap(struct redshift_cluster *c, const char *name, struct err *err);
void redshift_lake_level(const struct epath *path, struct engine_level *out);
int redshift_lake_stat(
	struct redshift *x, const struct epath *path, struct engine_info *out, struct err *err);
int redshift_lake_list(struct redshift *x, const struct epath *path, struct slice after,
	unsigned form, engine_emit *emit, void *arg, struct err *err);
int redshift_lake_schema(
	struct redshift *x, const struct epath *path, struct buf *out, struct err *err);
int redshift_lake_export(struct redshift *x, const struct epath *path, const char *format,
	void **stream, uint64_t *size, struct err *err);

/* ---- import.c: what is written ---- */

int redshift_import_open(void *ctx, const struct epath *path, const char *mode, const char *format,
	void **sink, struct err *err);
int redshift_import_feed(void *sink, struct slice text, struct err *err);
int redshift_import_finish(void *sink, struct buf *report, struct err *err);
void redshift_import_abort(void *sink);

/* ---- levels.c, tables.c, views.c, commands.c, status.c ---- */

int redshift_level(void *ctx, const struct epath *path, struct engine_level *out, struct err *err);
extern const struct engine_command redshift_commands[];
int redshift_status(void *ctx, const struct epath *path, json_t *out, struct err *err);

/* What changes tables, each a script of its own. */
int redshift_table_mkdir(struct redshift_place *p, struct slice key, struct err *err);
int redshift_table_rmdir(struct redshift_place *p, struct slice key, struct err *err);
int redshift_table_clear(struct redshift_place *p, struct slice key, struct err *err);
int redshift_table_rename(
	struct redshift_place *p, struct slice from, struct slice to, struct err *err);
int redshift_table_define(
	struct redshift_place *p, struct slice key, struct slice text, struct err *err);
int redshift_schema_text(
	struct redshift_place *p, const struct rs_table *t, struct buf *out, struct err *err);

int redshift_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err);
int redshift_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err);
int redshift_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
int redshift_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
void redshift_view_close(struct redshift *x);

#endif
