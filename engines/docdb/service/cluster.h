/* DocumentDB as a service: what clusters and snapshots there are, what may be done with
 * them, and the clusters in use.
 *
 * SITE/docdb/
 *   catalog.db       what clusters, members and snapshots there are (catalog.c)
 *   c<id>/           what belongs to a cluster and no zone (store/instance.h)
 *   s<id>.db         a snapshot
 *   az-a/ az-b/      the zones, unless settings az.a, az.b name others: c<id>/
 *   tmp/             points in time being looked at; emptied when the engine opens
 *
 * A cluster's storage is one instance of store/instance.h with a copy in each zone: every
 * acknowledged write is in both. Its members are the compute: a writer, and up to 15
 * replicas, which are the asynchronous ones of that instance. What members there are and
 * which is the writer, the catalog alone says; a replica without a row goes, a row
 * without a replica gets one (docdb_settle()).
 *
 * Names never reach file names, and an id never comes again. A step that touches more
 * than one file makes the files first and the catalog row last, or drops the row first and
 * the files last: whenever the daemon dies, the row says whether it happened, and files
 * without a row are removed at the next open. A failover writes its target down first;
 * where the storage then is says whether it happened.
 *
 * The life of a cluster is that of clusters/clusters.h; its state, row and users are under the
 * lock there. Before that one, and behind the others listed there, comes docdb_cluster.settling:
 * deciding who is the writer. */
#ifndef DBMOUNT_DOCDB_CLUSTER_H
#define DBMOUNT_DOCDB_CLUSTER_H

#include <stdatomic.h>

#include "engines/clusters/keeper.h"
#include "engines/common/cleanup.h"
#include "engines/common/identifier.h"
#include "engines/common/rfc3339.h"
#include "engines/docdb/storage/collection.h"
#include "engines/docdb/docdb.h"
#include "engines/store/past.h"

#define DOCDB_NAME_MAX	    63
#define DOCDB_RETENTION_MAX 35
#define DOCDB_TIER_MAX	    15
#define DOCDB_TIER	    1 /* of a replica that is not told another */
#define DOCDB_MEMBERS_MAX   16
#define DOCDB_DEFAULT	    "docdb" /* the cluster that /docdb itself is */

/* Storage is allocated in steps, as it is needed. */
#define DOCDB_STORAGE_STEP (UINT64_C(16) << 20)

/* ---- catalog.c, catalog_write.c ---- */

enum docdb_state {
	DOCDB_AVAILABLE,
	DOCDB_BACKING_UP,
	DOCDB_CREATING,
	DOCDB_DELETING,
	DOCDB_FAILED, /* shown when the store says so */
	DOCDB_FAILING_OVER,
	DOCDB_MODIFYING,
	DOCDB_STARTING,
	DOCDB_STOPPED,
	DOCDB_STOPPING,
};
extern const char *const docdb_state_names[];

/* A cluster's row. */
struct docdb_def {
	uint64_t id;
	char name[DOCDB_NAME_MAX + 1];
	int64_t created_ns;
	bool stopped; /* the one state that outlives the daemon */
	int64_t stopped_ns;
	bool deletion_protection;
	char writer[DOCDB_NAME_MAX + 1]; /* the member that writes */
	char target[DOCDB_NAME_MAX + 1]; /* of a failover under way; "" */
	uint64_t allocated;
};

struct docdb_member {
	char name[DOCDB_NAME_MAX + 1];
	unsigned zone;
	unsigned tier;
	int64_t delay_ms;
	int64_t created_ns;
};

struct docdb_members {
	struct docdb_member m[DOCDB_MEMBERS_MAX]; /* in order of names */
	unsigned n;
};

struct docdb_snapshot {
	uint64_t id;
	char name[DOCDB_NAME_MAX + 1];
	char cluster[DOCDB_NAME_MAX + 1]; /* its name then */
	uint64_t cluster_id;
	int64_t created_ns;
	uint64_t bytes;
};

struct docdb_service;

/* EIO a damaged one. Made when there is none, but for a read-only mount. */
int docdb_catalog_open(struct docdb_service *s, struct err *err);
/* Durable: never comes again. */
int docdb_catalog_next_id(struct docdb_service *s, uint64_t *out, struct err *err);
int docdb_catalog_mtime(struct docdb_service *s, int64_t *out, struct err *err);

typedef int docdb_def_fn(void *arg, const struct docdb_def *def, struct err *err);
int docdb_catalog_each(struct docdb_service *s, docdb_def_fn *fn, void *arg, struct err *err);
/* Adds the row and its first member. */
int docdb_catalog_add(struct docdb_service *s, const struct docdb_def *def,
	const struct docdb_member *writer, struct err *err);
/* Changes what is not of the roles: stopped, protection, storage. */
int docdb_catalog_set(struct docdb_service *s, const struct docdb_def *def, struct err *err);
/* Drops the row and its members; adds the snapshot with it (may be NULL). EEXIST. */
int docdb_catalog_drop(
	struct docdb_service *s, uint64_t id, const struct docdb_snapshot *final, struct err *err);
bool docdb_catalog_has(struct docdb_service *s, char kind, uint64_t id); /* 'c', 's' */

int docdb_catalog_members(
	struct docdb_service *s, uint64_t cluster_id, struct docdb_members *out, struct err *err);
/* Adds it, or changes its zone and tier. */
int docdb_catalog_put_member(struct docdb_service *s, uint64_t cluster_id,
	const struct docdb_member *member, struct err *err);
int docdb_catalog_drop_member(
	struct docdb_service *s, uint64_t cluster_id, const char *name, struct err *err);
/* The failover that is about to be; "" none. */
int docdb_catalog_set_target(
	struct docdb_service *s, uint64_t cluster_id, const char *target, struct err *err);
/* `writer` writes, in `zone`; no failover is under way. */
int docdb_catalog_set_writer(struct docdb_service *s, uint64_t cluster_id, const char *writer,
	unsigned zone, struct err *err);

/* ENOENT, DBClusterSnapshotNotFoundFault. */
int docdb_catalog_snapshot(
	struct docdb_service *s, struct slice name, struct docdb_snapshot *out, struct err *err);
int docdb_catalog_add_snapshot(
	struct docdb_service *s, const struct docdb_snapshot *snapshot, struct err *err);
int docdb_catalog_drop_snapshot(struct docdb_service *s, uint64_t id, struct err *err);
/* Behind `after`, in byte order, outside of any transaction. Those of that cluster; and, when
 * `orphans`, of clusters that are gone. Non-zero stops. */
typedef int docdb_snapshot_fn(void *arg, const struct docdb_snapshot *snapshot);
int docdb_catalog_snapshots(struct docdb_service *s, uint64_t cluster_id, bool orphans,
	struct slice after, docdb_snapshot_fn *fn, void *arg, struct err *err);

/* ---- in memory ---- */

struct docdb_cluster {
	struct cluster base;
	struct docdb_service *service;
	pthread_mutex_t settling;
	atomic_uint moves;   /* how often the storage may have moved, from 1 */
	atomic_uint settled; /* the last of them for which the writer is decided */

	struct docdb_def def; /* under the lock of all */
	/* Set under opening: */
	struct instance *store;
	struct docdb_source *source;
};

struct docdb_service {
	struct clusters base;
	unsigned ttl_seconds;  /* between two looks for documents that have expired */
	pthread_mutex_t first; /* making the default cluster; taken before all others */
	struct past_list past;
	struct keeper keeper; /* keeper.c */
	int64_t expire_at;    /* the keeper's */
};

/* What every operation gets as ctx: the default cluster, another, a replica or a copy. */
struct docdb_view {
	enum engine_view_kind kind;
	struct docdb_cluster *cluster; /* of another cluster, of a replica; else NULL */
	char replica[DOCDB_NAME_MAX + 1];
	struct docdb_source *source;   /* of a copy */
	struct past *past;	       /* of a point in time */
	char name[DOCDB_NAME_MAX + 1]; /* of the cluster that it shows */
	int64_t time_ns;	       /* what it shows is of then */
};

struct docdb {
	struct docdb_service *service;
	struct docdb_view *view; /* NULL: the default cluster */
};

/* ---- place.c: where a ctx leads ---- */

/* The documents, until the place is left. */
struct docdb_place {
	struct docdb_cluster *cluster; /* entered and counted; NULL of a copy */
	struct docdb_source *source;
	struct docdb_source *replica; /* the same, to be closed */
};

/* The cluster that ctx is or belongs to, counted. ENOENT: it is gone, or is the default one
 * that nobody has used yet. EROFS, ENOTSUP: ctx is a copy. */
int docdb_cluster_of(struct docdb *d, struct docdb_cluster **out, struct err *err);
/* The same to change it: not of a replica, and the default one is made. */
int docdb_cluster_own(
	struct docdb *d, const char *what, struct docdb_cluster **out, struct err *err);
/* ENOENT, EBUSY; *unused: it is the default cluster, which nobody has used yet (ENOENT then). */
int docdb_place(struct docdb *d, struct docdb_place *out, struct err *err);
/* The same for a write: EROFS; the default cluster is made. */
int docdb_place_write(struct docdb *d, struct docdb_place *out, struct err *err);
void docdb_place_leave(struct docdb_place *p);
#define DOCDB_PLACE CLEANUP(docdb_place_leave) struct docdb_place
/* Whether there is no default cluster yet, and ctx is it. */
bool docdb_is_unused(struct docdb *d);
/* Reads or writes the documents that ctx leads to. */
int docdb_read_at(struct docdb *d, docdb_fn *fn, void *arg, struct err *err);
int docdb_write_at(struct docdb *d, docdb_fn *fn, void *arg, struct err *err);

/* ---- service.c ---- */

int docdb_sqlite_open(const struct engine_config *config, void **ctx, struct err *err);
void docdb_sqlite_close(void *ctx);
/* Content at or below `path` (NULL: all) of that cluster changed. */
void docdb_tell_changed(struct docdb_cluster *c, const struct epath *path);
/* A line in `.events` of a cluster, as the service words it: "RDS-EVENT-0071 failover: ..."
 * `id` is the number, 0 none. */
void docdb_event(struct docdb_cluster *c, unsigned id, const char *category, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* ---- clusters.c: clusters in use ---- */

/* Of struct clusters_kind. */
int docdb_cluster_open(struct cluster *base, struct err *err);
void docdb_cluster_shut(struct cluster *base);
void docdb_cluster_free(struct cluster *base);
int docdb_refuse(const struct cluster *c, enum cluster_refusal why, struct err *err);
/* In these its documents are served. */
#define DOCDB_SERVING                                                                              \
	(CLUSTER_FROM(DOCDB_AVAILABLE) | CLUSTER_FROM(DOCDB_BACKING_UP) |                          \
		CLUSTER_FROM(DOCDB_FAILING_OVER) | CLUSTER_FROM(DOCDB_MODIFYING))
int docdb_clusters_load(struct docdb_service *s, struct err *err);
/* ENOENT, DBClusterNotFoundFault. Counted; ends with docdb_put(). */
int docdb_find(
	struct docdb_service *s, struct slice name, struct docdb_cluster **out, struct err *err);
static inline struct docdb_cluster *docdb_hold(struct docdb_cluster *c)
{
	cluster_hold(&c->base);
	return c;
}
static inline void docdb_put(struct docdb_cluster *c) /* NULL is fine */
{
	cluster_put((struct cluster *)c);
}
/* As clusters_next(). */
static inline struct docdb_cluster *docdb_next(struct docdb_service *s, struct slice after)
{
	return (struct docdb_cluster *)clusters_next(&s->base, after);
}
void docdb_def_now(struct docdb_cluster *c, struct docdb_def *out);
int docdb_no_cluster(struct slice name, struct err *err); /* ENOENT */

/* Its store and source can be used until cluster_leave(); opened when need be. EBUSY: stopped,
 * being deleted (InvalidDBClusterStateFault); EIO: damaged. */
int docdb_enter(struct docdb_cluster *c, struct err *err);
/* For the step that holds the state: whatever that is. */
int docdb_enter_any(struct docdb_cluster *c, struct err *err);

/* The cluster in a passing state, entered. Ends with docdb_step_end(). */
int docdb_step_begin(struct docdb_cluster *c, enum docdb_state state, struct err *err);
void docdb_step_end(struct docdb_cluster *c);

/* Reserves the name for a cluster that is being made (nobody sees it yet), with an
 * id of its own, counted. EEXIST. Ends with cluster_state_set() or cluster_dropped(). */
int docdb_reserve(
	struct docdb_service *s, struct slice name, struct docdb_cluster **out, struct err *err);
/* Changes the row as `change` says: the catalog first. */
typedef void docdb_change_fn(struct docdb_def *def, uint64_t value);
int docdb_change(struct docdb_cluster *c, docdb_change_fn *change, uint64_t value, struct err *err);
/* The writer and target in memory, after the catalog has them. */
void docdb_roles_changed(struct docdb_cluster *c, const char *writer, const char *target);

static inline void docdb_cluster_cleanup(struct docdb_cluster **c)
{
	docdb_put(*c);
}
#define DOCDB_CLUSTER CLEANUP(docdb_cluster_cleanup) struct docdb_cluster *

/* What the store of a cluster is asked with. */
struct docdb_config {
	struct instance_config config;
	struct cluster_store_id id;
	char label[DOCDB_NAME_MAX + 32];
};
void docdb_config_init(
	struct docdb_config *c, struct docdb_service *s, uint64_t id, const char *name);

/* ---- cluster.c: making, deleting, stopping ---- */

typedef void docdb_progress_fn(void *arg, uint64_t done, uint64_t total);
struct docdb_progress {
	docdb_progress_fn *fn; /* may be NULL */
	void *arg;
};

/* A new cluster of a database file, which goes into it; NULL: an empty one. */
int docdb_create(struct docdb_service *s, struct slice name, const char *from, struct err *err);
/* The default cluster, made when there is none; counted. */
int docdb_default(struct docdb_service *s, struct docdb_cluster **out, struct err *err);
/* `final_snapshot` may be NULL. EBUSY: protected, or it has replicas. `empty`: ENOTEMPTY when
 * there are collections. EINVAL: the default one. */
int docdb_delete(struct docdb_cluster *c, bool empty, const char *final_snapshot,
	const struct docdb_progress *progress, struct err *err);
void docdb_destroy_files(struct docdb_service *s, uint64_t id, const char *name);
int docdb_stop(struct docdb_cluster *c, struct err *err);
int docdb_start(struct docdb_cluster *c, struct err *err);
int docdb_set_retention(struct docdb_cluster *c, unsigned days, struct err *err);
int docdb_backup(struct docdb_cluster *c, struct err *err);
int docdb_maintain(struct docdb_cluster *c, struct buf *report, struct err *err);
/* Allocates what the storage needs by now, and says so when it grows. Entered. */
void docdb_grow(struct docdb_cluster *c);

/* ---- members.c, failover.c: instances of a cluster ---- */

struct docdb_wish {
	const char *name;
	unsigned zone; /* INSTANCE_ZONES: the one that has fewer */
	unsigned tier;
	int64_t delay_ms;
};
int docdb_member_create(struct docdb_cluster *c, const struct docdb_wish *wish, struct err *err);
int docdb_member_delete(struct docdb_cluster *c, const char *name, struct err *err);
int docdb_member_set_tier(
	struct docdb_cluster *c, const char *name, unsigned tier, struct err *err);
/* ENOENT, DBInstanceNotFound. */
int docdb_member_find(
	struct docdb_cluster *c, struct slice name, struct docdb_member *out, struct err *err);
int docdb_no_member(struct slice name, struct err *err);

/* `target` NULL: the replica with the lowest tier. Returns when it writes. */
int docdb_failover(struct docdb_cluster *c, const char *target, struct err *err);
/* The storage may have moved. */
static inline void docdb_moved(struct docdb_cluster *c)
{
	atomic_fetch_add(&c->moves, 1);
}
/* Decides who is the writer, when the storage moved by itself or a crash left a failover under
 * way. In an entered cluster. */
int docdb_settle_writer(struct docdb_cluster *c, struct err *err);
/* Makes the replicas those that the catalog has. In an entered cluster. */
int docdb_settle_replicas(struct docdb_cluster *c, struct err *err);
/* Who would take over if the storage moved now. */
int docdb_successor(
	struct docdb_cluster *c, unsigned zone, char out[DOCDB_NAME_MAX + 1], struct err *err);

/* ---- snapshot.c ---- */

int docdb_snapshot_create(struct docdb_cluster *c, const char *name,
	const struct docdb_progress *progress, struct err *err);
/* For the step that holds the state: the file, and what its row will be. */
int docdb_snapshot_copy(struct docdb_cluster *c, const char *name,
	const struct docdb_progress *progress, struct docdb_snapshot *out, struct err *err);
int docdb_snapshot_delete(struct docdb_service *s, struct slice name, struct err *err);
/* The snapshots that ctx shows: the cluster's own; the default one shows, too, those of clusters
 * that are gone. ENOENT. */
int docdb_snapshot_find(
	struct docdb *d, struct slice name, struct docdb_snapshot *out, struct err *err);

/* ---- restore.c, restore_collection.c: always to something new ---- */

int docdb_restore(struct docdb_service *s, const struct docdb_snapshot *snapshot, struct slice name,
	struct err *err);
int docdb_restore_time(struct docdb_cluster *c, int64_t time_ns, struct slice name,
	int64_t *commit_ns, struct err *err);
/* A collection, as it was in the file, becomes `name`; in one transaction. ENOENT, EEXIST. */
int docdb_restore_collection(struct docdb_cluster *c, const char *file, struct slice from,
	struct slice name, uint64_t *documents, struct err *err);
/* The database as it was then, as a file of tmp/ that the caller removes. */
int docdb_build_time(struct docdb_cluster *c, int64_t time_ns, struct buf *path, int64_t *commit_ns,
	struct err *err);

/* ---- keeper.c: what is done without being asked ---- */

/* A thread opens the clusters, so that replicas follow and backups are made, then looks now and
 * then. */
void docdb_keeper_init(struct docdb_service *s);

/* ---- items.c, commands.c, views.c, status.c, transfer.c: members of engine_ops ---- */

int docdb_sqlite_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err);
void *docdb_sqlite_draft_new(void *ctx, const struct epath *path, unsigned form);
int docdb_sqlite_draft_feed(void *draft, struct slice more, struct err *err);
bool docdb_sqlite_draft_complete(const void *draft);
void docdb_sqlite_draft_free(void *draft);
int docdb_sqlite_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err);
int docdb_sqlite_check_key(void *ctx, const struct epath *path, struct err *err);
int docdb_sqlite_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err);
int docdb_sqlite_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err);
int docdb_sqlite_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err);
int docdb_sqlite_mkdir(void *ctx, const struct epath *path, struct err *err);
int docdb_sqlite_rmdir(void *ctx, const struct epath *path, struct err *err);
int docdb_sqlite_text_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err);
int docdb_sqlite_text_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err);

extern const struct engine_command docdb_sqlite_commands[];
int docdb_sqlite_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err);
int docdb_sqlite_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err);
int docdb_sqlite_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
int docdb_sqlite_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
void docdb_view_close(struct docdb *d);
int docdb_sqlite_status(void *ctx, const struct epath *path, json_t *out, struct err *err);

int docdb_sqlite_feed_bounds(
	void *ctx, const struct epath *path, uint64_t *start, uint64_t *end, struct err *err);
int docdb_sqlite_feed_read(void *ctx, const struct epath *path, uint64_t offset, size_t max,
	struct buf *out, struct err *err);
int docdb_sqlite_query_open(void *ctx, const struct epath *path, struct slice text, unsigned form,
	void **stream, uint64_t *size, struct err *err);
int docdb_sqlite_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err);
int docdb_sqlite_export_read(void *stream, struct buf *out, struct err *err);
void docdb_sqlite_export_close(void *stream);
int docdb_sqlite_import_open(void *ctx, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err);
int docdb_sqlite_import_feed(void *sink, struct slice text, struct err *err);
int docdb_sqlite_import_finish(void *sink, struct buf *report, struct err *err);
void docdb_sqlite_import_abort(void *sink);

/* ---- events.c ---- */

/* What a store tells, in the words of the service. */
void docdb_store_event(void *arg, enum instance_event what, const char *detail);

#endif
