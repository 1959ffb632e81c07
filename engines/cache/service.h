/* ElastiCache as a service: what clusters, nodes and snapshots there are, what may be done with
 * them, and the clusters in use.
 *
 * SITE/cache/
 *   catalog.db       what clusters, nodes and snapshots there are (catalog.c)
 *   i<id>/           what belongs to a primary's storage and no zone (store/instance.h)
 *   s<id>.db         a snapshot
 *   t<id>.db         the cached tables of cluster <id>, and the writes that wait (tables/)
 *   az-a/ az-b/      the zones, unless settings az.a, az.b name others: i<id>/
 *   tmp/             replicas on their way to be primaries; emptied when the engine opens
 *
 * A Redis-like cluster's keys are in the instance of its primary, in one zone; its replicas are
 * the asynchronous ones of that instance. Which node is the primary, and which instance is its
 * storage, is one row of the catalog. A failover makes a new instance of a replica's file and
 * then changes that row: whenever the daemon dies, the row says whether it happened. Files
 * without a row are removed at the next open, and replicas are made to be those that the
 * catalog has (cache_settle()). An id never comes again, and names never reach file names.
 *
 * A Memcached-like cluster has a row, and nothing else on disk.
 *
 * What lies below a cluster is a tree (tree.h), made once and kept until the cluster is gone.
 * A failover changes the database below it, while nobody is inside: calls wait. So open
 * sessions, listeners and directories go on, on the new primary.
 *
 * The life of a cluster is that of clusters/clusters.h; its state, row and users are under the
 * lock there. Before the locks listed there comes cache_cluster.changing: one at a time, steps that
 * change nodes or the primary. */
#ifndef DBMOUNT_CACHE_SERVICE_H
#define DBMOUNT_CACHE_SERVICE_H

#include <stdatomic.h>

#include "engines/cache/memcached/memcached.h"
#include "engines/cache/redis/evict.h"
#include "engines/cache/redis/server.h"
#include "engines/cache/tables/tables.h"
#include "engines/cache/tree.h"
#include "engines/clusters/keeper.h"
#include "engines/common/cleanup.h"

extern const struct engine_ops cache_sqlite_ops;

#define CACHE_NAME_MAX	   40
#define CACHE_NODE_MAX	   50
#define CACHE_SNAPSHOT_MAX 255
#define CACHE_REPLICAS_MAX 5
#define CACHE_NODES_MAX	   (CACHE_REPLICAS_MAX + 1)
#define CACHE_ROOMS_MAX	   8
/* How long a step that needs a cluster empty waits for those who read or write. */
#define CACHE_EMPTY_SECONDS 15
#define MEMCACHED_ITEM_MAX  (UINT64_C(1) << 20)
#define CACHE_MEMORY	    (UINT64_C(64) << 20) /* of a Memcached-like cluster, when none is told */

/* ---- catalog.c, catalog_write.c ---- */

enum cache_kind { CACHE_REDIS, CACHE_MEMCACHED };
extern const char *const cache_kind_names[];

enum cache_persistence { CACHE_EVERYSEC, CACHE_ALWAYS, CACHE_NONE };
extern const char *const cache_persistence_names[];
#define CACHE_PERSISTENCES 3

/* A cluster's row. */
struct cache_def {
	uint64_t id;
	char name[CACHE_NAME_MAX + 1];
	enum cache_kind kind;
	int64_t created_ns;
	uint64_t maxmemory; /* 0: no limit */
	enum redis_policy policy;
	enum cache_persistence persistence;
	bool automatic_failover;
	char primary[CACHE_NODE_MAX + 1]; /* the node that writes */
	uint64_t store_id;		  /* of its instance */
};

struct cache_node {
	char name[CACHE_NODE_MAX + 1];
	unsigned zone;
	int64_t delay_ms; /* of a replica */
	int64_t created_ns;
};

struct cache_nodes {
	struct cache_node n[CACHE_NODES_MAX]; /* in order of names */
	unsigned count;
};

struct cache_snapshot {
	uint64_t id;
	char name[CACHE_SNAPSHOT_MAX + 1];
	char cluster[CACHE_NAME_MAX + 1]; /* its name then */
	uint64_t cluster_id;
	int64_t created_ns;
	uint64_t bytes;
};

struct cache_service;

/* EIO a damaged one. Made when there is none, but for a read-only mount. */
int cache_catalog_open(struct cache_service *s, struct err *err);
/* Durable: never comes again. */
int cache_catalog_id(struct cache_service *s, uint64_t *out, struct err *err);
int cache_catalog_mtime(struct cache_service *s, int64_t *out, struct err *err);
typedef int cache_def_fn(void *arg, const struct cache_def *def, struct err *err);
int cache_catalog_each(struct cache_service *s, cache_def_fn *fn, void *arg, struct err *err);
/* Adds the row and its nodes. */
int cache_catalog_add(struct cache_service *s, const struct cache_def *def,
	const struct cache_nodes *nodes, struct err *err);
/* Changes what is not of the primary: memory, policy, persistence, automatic failover. */
int cache_catalog_set(struct cache_service *s, const struct cache_def *def, struct err *err);
/* This node is the primary, and this instance its storage. */
int cache_catalog_set_primary(
	struct cache_service *s, uint64_t id, const char *node, uint64_t store_id, struct err *err);
/* Drops the row and its nodes; adds the snapshot with it (may be NULL). EEXIST. */
int cache_catalog_drop(
	struct cache_service *s, uint64_t id, const struct cache_snapshot *final, struct err *err);
/* 'i' an instance, 's' a snapshot, 't' a cluster's tables. In doubt: true. */
bool cache_catalog_has(struct cache_service *s, char kind, uint64_t id);

int cache_catalog_nodes(
	struct cache_service *s, uint64_t cluster_id, struct cache_nodes *out, struct err *err);
/* Adds it, or changes its delay. */
int cache_catalog_put_node(struct cache_service *s, uint64_t cluster_id,
	const struct cache_node *node, struct err *err);
int cache_catalog_drop_node(
	struct cache_service *s, uint64_t cluster_id, const char *name, struct err *err);

/* ENOENT, SnapshotNotFoundFault. */
int cache_catalog_snapshot(
	struct cache_service *s, struct slice name, struct cache_snapshot *out, struct err *err);
int cache_catalog_add_snapshot(
	struct cache_service *s, const struct cache_snapshot *snapshot, struct err *err);
int cache_catalog_drop_snapshot(struct cache_service *s, uint64_t id, struct err *err);
/* Behind `after`, in byte order, outside of any transaction; of that cluster, 0: of any.
 * Non-zero stops. */
typedef int cache_snapshot_fn(void *arg, const struct cache_snapshot *snapshot);
int cache_catalog_snapshots(struct cache_service *s, uint64_t cluster_id, struct slice after,
	cache_snapshot_fn *fn, void *arg, struct err *err);

/* ---- copy.c: keys with a tree over them ---- */

struct cache_cluster;

/* The keys of a primary, of a replica, of a snapshot; or those of a Memcached-like cluster. */
struct cache_copy {
	TAILQ_ENTRY(cache_copy) link;  /* of a cluster, under opening */
	struct cache_cluster *cluster; /* NULL: of a snapshot */
	char node[CACHE_NODE_MAX + 1]; /* of a replica; "": the primary, whichever it is */
	char label[CACHE_NODE_MAX + 2 * CACHE_NAME_MAX];
	struct redis_db *db;	     /* NULL: not open now */
	struct redis_server *server; /* NULL: Memcached-like */
	struct memcached *memory;    /* NULL: Redis-like */
	struct cache_tree *tree;
	struct redis_limits limits; /* of a snapshot: none */
	pthread_mutex_t lock;	    /* of the rooms; taken alone */
	unsigned n_rooms;
	struct cache_room {
		char name[32];
		struct cache_tree *tree;
	} room[CACHE_ROOMS_MAX];
};
TAILQ_HEAD(cache_copies, cache_copy);

/* Of an open cluster, under opening: the copy is there, and its database open. `node` "" is the
 * primary. ENOENT: there is no such replica. */
int cache_copy_open(
	struct cache_cluster *c, const char *node, struct cache_copy **out, struct err *err);
/* Of a closed database file. */
int cache_copy_file(const char *path, const char *label, struct cache_copy **out, struct err *err);
/* Of a Memcached-like cluster. */
int cache_copy_memory(struct cache_cluster *c, struct cache_copy **out, struct err *err);
/* Nobody is inside. */
void cache_copy_shut(struct cache_copy *copy);
void cache_copy_free(struct cache_copy *copy);
/* Its tree, or that of one of its rooms (not ""), which is made when first asked for. */
int cache_copy_tree(
	struct cache_copy *copy, const char *room, struct cache_tree **out, struct err *err);

/* ---- in memory ---- */

enum cache_state {
	CACHE_AVAILABLE,
	CACHE_CREATING,
	CACHE_DELETING,
	CACHE_MODIFYING,
	CACHE_SNAPSHOTTING,
};
extern const char *const cache_state_names[];

struct cache_cluster {
	struct cluster base;
	struct cache_service *service;
	pthread_mutex_t changing;
	struct redis_limits limits;
	_Atomic bool ready;   /* has been open: its trees are there until it is gone */
	_Atomic bool written; /* since the keeper looked last */
	_Atomic bool trouble; /* its store said that it failed */

	/* Under the lock of all: */
	struct cache_def def;
	unsigned guests; /* are inside its cached tables, and may go on to be users */
	/* Set under opening: */
	bool begun; /* has been open since the daemon started */
	struct instance *store;
	struct cache_copies copies;
	struct cache_copy *keys; /* the primary's, or those of a Memcached-like cluster */
	struct cache_tables *tables;
	struct cache_tree *tables_tree;
	struct cache_store *cache;			      /* the keys for the tables */
	struct engine_room rooms[CACHE_ROOMS_MAX + 2];	      /* ended by a NULL name */
	struct engine_room rooms_tables[CACHE_ROOMS_MAX + 3]; /* with that of the tables */
	char recovering[CACHE_NODE_MAX + 1]; /* under changing: the primary that was left; "" */
	/* The keeper's: */
	int64_t sync_at;
	int64_t tick_at;
	int64_t settle_at;
};

struct cache_service {
	struct clusters base;
	const struct disk_ops *disk; /* of the instances; tests set a failing one */
	struct keeper time;  /* keeper.c: what time brings; kicked when something is written */
	struct keeper nodes; /* nodes; kicked when they are to be looked at */
};

/* What every operation gets as ctx: the service, or a view of one cluster. */
struct cache_view {
	char name[CACHE_NAME_MAX + 1]; /* of the cluster that it shows */
	struct cache_cluster *cluster; /* NULL of a snapshot */
	char node[CACHE_NODE_MAX + 1]; /* of a replica */
	bool reader;		       /* whichever replica has the least lag */
	struct cache_copy *file;       /* of a snapshot */
	bool borrowed;		       /* `file` is that of the view it hangs in */
	int64_t time_ns;	       /* what it shows is of then */
	char room[32];		       /* "": the keys themselves */
};

struct cache {
	struct cache_service *service;
	struct cache_view *view; /* NULL: the service */
};

/* ---- place.c: where a path leads ---- */

/* A tree, until the place is left. */
struct cache_place {
	struct cache_cluster *cluster; /* counted; NULL of a snapshot */
	struct cache_copy *copy;       /* entered; NULL of the cached tables */
	struct cache_tree *tree;
	const struct engine_ops *ops; /* the tree's */
	struct epath path;	      /* in it */
	uint64_t store_id;	      /* the primary's storage */
};
/* Paths of depth 1 and more. ENOENT, EBUSY, EIO. */
int cache_place(
	struct cache *x, const struct epath *path, struct cache_place *out, struct err *err);
void cache_place_leave(struct cache_place *p);

/* A call of a tree, made again when its primary failed and another took over:
 *
 *	struct cache_try t = cache_try(ctx, path, CACHE_READS);
 *	while (cache_try_next(&t)) {
 *		t.rc = t.at.ops->read(t.at.tree, &t.at.path, form, out, info, &t.err);
 *	}
 *	return cache_try_end(&t, err); */
enum cache_intent { CACHE_READS, CACHE_WRITES };
struct cache_try {
	struct cache *x;
	const struct epath *path;
	enum cache_intent intent;
	unsigned n; /* tries so far */
	struct cache_place at;
	int rc;
	struct err err;
};
struct cache_try cache_try(struct cache *x, const struct epath *path, enum cache_intent intent);
bool cache_try_next(struct cache_try *t);
int cache_try_end(struct cache_try *t, struct err *err);

/* The cluster that a path leads to, counted. ENOENT. A path in a snapshot: ENOTSUP. */
int cache_cluster_at(
	struct cache *x, const struct epath *path, struct cache_cluster **out, struct err *err);

/* ---- service.c ---- */

int cache_sqlite_open(const struct engine_config *config, void **ctx, struct err *err);
void cache_sqlite_close(void *ctx);
/* Content at or below `path` (NULL: all), a path in the cluster, changed. */
void cache_tell_changed(struct cache_cluster *c, const struct epath *path);
/* The same in a room of it. */
void cache_tell_room(struct cache_cluster *c, const char *room, const struct epath *path);
/* A line in `.events` of a cluster. */
void cache_event(struct cache_cluster *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/* What the trees of a cluster are told with. */
struct cache_host cache_host_of(struct cache_cluster *c);
/* What a store tells. */
void cache_store_event(void *arg, enum instance_event what, const char *detail);

/* ---- clusters.c: clusters in use ---- */

/* Of struct clusters_kind. */
int cache_cluster_open(struct cluster *base, struct err *err);
void cache_cluster_shut(struct cluster *base);
void cache_cluster_free(struct cluster *base);
int cache_refuse(const struct cluster *c, enum cluster_refusal why, struct err *err);
int cache_clusters_load(struct cache_service *s, struct err *err);
/* ENOENT, ReplicationGroupNotFoundFault. Counted; ends with cache_put(). */
int cache_find(
	struct cache_service *s, struct slice name, struct cache_cluster **out, struct err *err);
static inline struct cache_cluster *cache_hold(struct cache_cluster *c)
{
	cluster_hold(&c->base);
	return c;
}
static inline void cache_put(struct cache_cluster *c) /* NULL is fine */
{
	cluster_put((struct cluster *)c);
}
/* As clusters_next(). */
static inline struct cache_cluster *cache_next(struct cache_service *s, struct slice after)
{
	return (struct cache_cluster *)clusters_next(&s->base, after);
}
void cache_def_now(struct cache_cluster *c, struct cache_def *out);
int cache_no_cluster(struct slice name, struct err *err); /* ENOENT */
/* EINVAL, SnapshotFeatureNotSupportedFault or the like, of a Memcached-like one. */
int cache_only_redis(struct cache_cluster *c, const char *what, struct err *err);

/* Its keys can be used until cluster_leave(); opened when need be. Waits while another primary is
 * about to serve. ENOENT gone; EBUSY being deleted; EIO: its store cannot be opened. */
int cache_enter(struct cache_cluster *c, struct err *err);
/* For the step that keeps the others out. */
int cache_enter_any(struct cache_cluster *c, struct err *err);
/* The copy of a node ("": the primary), of a cluster that was entered. */
int cache_copy_of(
	struct cache_cluster *c, const char *node, struct cache_copy **out, struct err *err);
/* Whether it is open, or may be as soon as those outside can enter again. */
bool cache_is_serving(struct cache_cluster *c);
/* Its cached tables can be used; the same, but waits for nobody. */
int cache_visit(struct cache_cluster *c, struct err *err);
void cache_unvisit(struct cache_cluster *c);
/* As cluster_close_gate(); of one that is being deleted guests are waited for, too. */
int cache_close_gate(struct cache_cluster *c, struct err *err);

/* The cluster in a passing state, under changing, entered. Ends with cache_step_end(). */
int cache_step_begin(struct cache_cluster *c, enum cache_state state, struct err *err);
void cache_step_end(struct cache_cluster *c);

/* Reserves the name for a cluster that is being made (nobody sees it yet), with an id of its
 * own, counted. EEXIST. As clusters_reserve(). */
int cache_reserve(struct cache_service *s, const struct cache_def *like, struct cache_cluster **out,
	struct err *err);
/* Memory, policy, automatic failover as `change` says: the catalog first. */
typedef void cache_change_fn(struct cache_def *def, const struct cache_def *with);
int cache_change(struct cache_cluster *c, cache_change_fn *change, const struct cache_def *with,
	struct err *err);
/* Limits in use are those of the row. */
void cache_apply_limits(struct cache_cluster *c);

static inline void cache_cluster_cleanup(struct cache_cluster **c)
{
	cache_put(*c);
}
#define CACHE_CLUSTER CLEANUP(cache_cluster_cleanup) struct cache_cluster *

/* What the store of a cluster is asked with. */
struct cache_config {
	struct instance_config config;
	struct cluster_store_id id;
	char label[CACHE_NAME_MAX + 32];
};
void cache_config_init(struct cache_config *c, struct cache_service *s, const struct cache_def *def,
	uint64_t store_id);
void cache_destroy_store(struct cache_service *s, const struct cache_def *def, uint64_t store_id);

/* ---- cluster.c: making, changing, deleting ---- */

struct cache_progress {
	void (*fn)(void *arg, uint64_t done, uint64_t total); /* may be NULL */
	void *arg;
};

/* What a cluster is made of, when nothing is said. */
void cache_def_init(struct cache_def *def, struct slice name, enum cache_kind kind);
/* Whether a new cluster may be called so. EROFS, EINVAL, EEXIST. */
int cache_check_new(struct cache_service *s, struct slice name, struct err *err);
/* A new cluster like that with so many replicas; `from`: a database file that goes into it, NULL:
 * an empty one. */
int cache_create(struct cache_service *s, const struct cache_def *like, unsigned n_replicas,
	const char *from, struct err *err);
/* `final_snapshot` may be NULL. `empty`: ENOTEMPTY when there are keys. */
int cache_delete(struct cache_cluster *c, bool empty, const char *final_snapshot,
	const struct cache_progress *progress, struct err *err);
/* With another persistence the store is opened anew. */
int cache_modify(struct cache_cluster *c, cache_change_fn *change, const struct cache_def *with,
	struct err *err);

/* ---- nodes.c: replicas ---- */

struct cache_wish {
	const char *name; /* NULL: the next of the cluster's own names */
	unsigned zone;	  /* INSTANCE_ZONES: the one that has fewer */
	int64_t delay_ms;
};
/* `name`, which may be NULL, is filled with what it is called. */
int cache_replica_create(struct cache_cluster *c, const struct cache_wish *wish,
	char name[CACHE_NODE_MAX + 1], struct err *err);
int cache_replica_delete(struct cache_cluster *c, const char *name, struct err *err);
int cache_replica_set_delay(
	struct cache_cluster *c, const char *name, int64_t delay_ms, struct err *err);
/* ENOENT, CacheClusterNotFound; the primary is none. */
int cache_replica_find(
	struct cache_cluster *c, struct slice name, struct cache_node *out, struct err *err);
int cache_no_node(struct slice name, struct err *err);
/* The one with the least lag; "" when there is none that could serve. In an entered cluster. */
int cache_least_lag(struct cache_cluster *c, char out[CACHE_NODE_MAX + 1], struct err *err);
/* A name that no node of the cluster has: NAME-001. */
void cache_next_name(
	const char *cluster, const struct cache_nodes *nodes, char out[CACHE_NODE_MAX + 1]);
unsigned cache_emptier_zone(const struct cache_nodes *nodes);
/* Makes the replicas those that the catalog has. In an entered cluster, under changing. */
int cache_settle(struct cache_cluster *c, struct err *err);
/* The same, for a step that is about a replica: the daemon may have just started after a crash, and
 * the keeper not have come to it. What fails shows in the step. */
void cache_settle_first(struct cache_cluster *c);
/* A replica becomes a cluster of its own. */
int cache_detach(struct cache_cluster *c, const char *name, struct slice as, struct err *err);

/* ---- failover.c: another primary ---- */

/* `target` NULL: the replica with the least lag. It has everything first: nothing is lost. */
int cache_failover(struct cache_cluster *c, const char *target, struct err *err);
/* The same by hand, which automatic failover forbids. */
int cache_promote(struct cache_cluster *c, const char *target, struct err *err);
/* As if the primary had failed: what no replica has by now is lost. */
int cache_test_failover(struct cache_cluster *c, struct err *err);
/* Whether another storage than this one, which failed, serves now. Called by who is not inside. */
bool cache_recovers(struct cache_cluster *c, uint64_t store_id);
/* The replica that has most, for a primary that cannot be opened (EIO). Under opening, nobody
 * inside. */
int cache_salvage(struct cache_cluster *c, struct err *err);
/* The node that was the primary becomes a replica, others follow again. Under changing. */
void cache_recovery(struct cache_cluster *c);
/* An empty primary in place of one that failed. */
int cache_recover(struct cache_cluster *c, struct err *err);
/* The primary is closed and opened; one that keeps nothing is empty then. */
int cache_reboot(struct cache_cluster *c, struct err *err);
/* What persistence `none` means: an empty storage, when it is opened for the first time. Under
 * opening, nobody inside. */
int cache_begin_empty(struct cache_cluster *c, struct err *err);

/* ---- snapshot.c ---- */

int cache_snapshot_create(struct cache_cluster *c, const char *name,
	const struct cache_progress *progress, struct err *err);
/* For the step that holds the state: the file, and what its row will be. */
int cache_snapshot_copy(struct cache_cluster *c, const char *name,
	const struct cache_progress *progress, struct cache_snapshot *out, struct err *err);
int cache_snapshot_delete(struct cache_service *s, struct slice name, struct err *err);
/* The same, if it is of that cluster (NULL: of any). ENOENT. */
int cache_snapshot_find(struct cache_service *s, struct cache_cluster *c, struct slice name,
	struct cache_snapshot *out, struct err *err);
/* A new cluster of it. */
int cache_restore(struct cache_service *s, const struct cache_snapshot *snapshot, struct slice name,
	struct err *err);

/* ---- keeper.c: what is done without being asked ---- */

/* Those of a service that is not open yet. */
void cache_keepers_init(struct cache_service *s);
int cache_keepers_start(struct cache_service *s, struct err *err);
/* Something was written to the cluster. */
static inline void cache_wrote(struct cache_cluster *c)
{
	if (!atomic_load_explicit(&c->written, memory_order_relaxed) &&
		!atomic_exchange(&c->written, true)) {
		keeper_kick(&c->service->time);
	}
}

/* ---- levels.c, items.c, streams.c, views.c, commands.c, status.c: members of engine_ops ---- */

int cache_sqlite_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err);

void *cache_sqlite_draft_new(void *ctx, const struct epath *path, unsigned form);
int cache_sqlite_draft_feed(void *draft, struct slice more, struct err *err);
bool cache_sqlite_draft_complete(const void *draft);
void cache_sqlite_draft_free(void *draft);
int cache_sqlite_query_open(void *ctx, const struct epath *path, struct slice text, unsigned form,
	void **stream, uint64_t *size, struct err *err);
int cache_sqlite_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err);
int cache_sqlite_export_read(void *stream, struct buf *out, struct err *err);
void cache_sqlite_export_close(void *stream);
int cache_sqlite_import_open(void *ctx, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err);
int cache_sqlite_import_feed(void *sink, struct slice text, struct err *err);
int cache_sqlite_import_finish(void *sink, struct buf *report, struct err *err);
void cache_sqlite_import_abort(void *sink);
int cache_sqlite_import_reply(void *sink, struct buf *out, struct err *err);

extern const struct engine_command cache_sqlite_commands[];
int cache_sqlite_status(void *ctx, const struct epath *path, json_t *out, struct err *err);

int cache_sqlite_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err);
int cache_sqlite_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err);
int cache_sqlite_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
int cache_sqlite_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
int cache_sqlite_view_rename(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, const struct epath *to, struct err *err);
void cache_view_close(struct cache *x);

#endif
