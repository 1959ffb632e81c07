/* RDS as a service: what instances and snapshots there are, what may be done with
 * them, and the instances in use. For the files of the lifecycle layer and rds.c.
 *
 * SITE/rds/
 *   catalog.db       what instances and snapshots there are (catalog.c)
 *   i<id>/           what belongs to an instance and no zone (store/instance.h)
 *   s<id>.db         a manual snapshot
 *   p<id>.db         a replica just promoted, on its way to be instance <id>
 *   az-a/ az-b/      the zones, unless settings az.a, az.b name others: i<id>/
 *   tmp/             points in time being looked at; emptied when the engine opens
 *
 * Names never reach file names, and an id never comes again. A step that touches
 * more than one file makes the files first and the catalog row last, or drops the
 * row first and the files last: whenever the daemon dies, the row says whether it
 * happened, and files without a row are removed at the next open. Two steps take
 * from an instance before they give: promotion and deletion. They write down first
 * what they are about to do (an intent), and the next open completes them.
 *
 * The life of an instance is that of clusters/clusters.h; its row, name, state and users are under
 * the lock there. */
#ifndef DBMOUNT_RDS_LIFECYCLE_H
#define DBMOUNT_RDS_LIFECYCLE_H

#include "engines/clusters/keeper.h"
#include "engines/common/identifier.h"
#include "engines/common/rfc3339.h"
#include "engines/rds/rds.h"
#include "engines/store/past.h"

#define RDS_NAME_MAX	  63
#define RDS_SNAPSHOT_MAX  255
#define RDS_RETENTION_MAX 35
#define RDS_REPLICAS_MAX  15

/* ---- identifier.c: names and texts of the service ---- */

int rds_no_instance(struct slice name, struct err *err); /* ENOENT, DBInstanceNotFound */
int rds_no_snapshot(struct slice name, struct err *err); /* ENOENT, DBSnapshotNotFound */

/* ---- catalog.c ---- */

enum rds_state {
	RDS_AVAILABLE,
	RDS_BACKING_UP,
	RDS_CREATING,
	RDS_DELETING,
	RDS_FAILED, /* shown when the store says so */
	RDS_MAINTENANCE,
	RDS_MODIFYING,
	RDS_REBOOTING,
	RDS_RENAMING,
	RDS_STARTING,
	RDS_STOPPED,
	RDS_STOPPING,
};
extern const char *const rds_state_names[];

#define RDS_NOT_PENDING (-1)

/* An instance's row. */
struct rds_def {
	uint64_t id;
	char name[RDS_NAME_MAX + 1];
	bool stopped; /* the one state that outlives the daemon */
	int64_t stopped_ns;
	int64_t created_ns;
	bool deletion_protection;
	int pending_multi_az;	 /* 0, 1 or RDS_NOT_PENDING */
	int pending_retention;	 /* days or RDS_NOT_PENDING */
	char engine_version[32]; /* of SQLite, at its last maintenance */
};

struct rds_snapshot {
	uint64_t id;
	char name[RDS_SNAPSHOT_MAX + 1];
	char instance[RDS_NAME_MAX + 1]; /* its name then */
	uint64_t instance_id;
	bool automated; /* then a point in time of the instance, without a file */
	int64_t created_ns;
	uint64_t bytes;
};

enum rds_intent_kind { RDS_INTENT_PROMOTE, RDS_INTENT_DELETE };

struct rds_intent {
	uint64_t id; /* of the instance that it makes; else its own */
	enum rds_intent_kind kind;
	uint64_t instance_id;
	char replica[RDS_NAME_MAX + 1];
	char name[RDS_NAME_MAX + 1]; /* of the new instance */
};

struct rds_service;

/* EIO a damaged one. Made when there is none, but for a read-only mount. */
int rds_catalog_open(struct rds_service *s, struct err *err);
/* Durable: never comes again. */
int rds_catalog_next_id(struct rds_service *s, uint64_t *out, struct err *err);
int rds_catalog_mtime(struct rds_service *s, int64_t *out, struct err *err);

typedef int rds_def_fn(void *arg, const struct rds_def *def, struct err *err);
int rds_catalog_each(struct rds_service *s, rds_def_fn *fn, void *arg, struct err *err);
/* Adds the row, or changes it; and drops the intent of that id, if there is one. */
int rds_catalog_put(struct rds_service *s, const struct rds_def *def, struct err *err);
int rds_catalog_exchange(
	struct rds_service *s, const struct rds_def *a, const struct rds_def *b, struct err *err);
/* Drops the row, the automated snapshots and the intent to delete it. */
int rds_catalog_drop(struct rds_service *s, uint64_t id, struct err *err);
bool rds_catalog_has(struct rds_service *s, char kind, uint64_t id); /* 'i', 's', 'p' */

int rds_catalog_snapshot(
	struct rds_service *s, struct slice name, struct rds_snapshot *out, struct err *err);
/* EEXIST, DBSnapshotAlreadyExists. `intent` (may be NULL) is added with it. An
 * automated one replaces that of the same minute. */
int rds_catalog_add_snapshot(struct rds_service *s, const struct rds_snapshot *snapshot,
	const struct rds_intent *intent, struct err *err);
int rds_catalog_drop_snapshot(struct rds_service *s, uint64_t id, struct err *err);
/* The automated ones of an instance from before `oldest_ns`. */
int rds_catalog_prune(
	struct rds_service *s, uint64_t instance_id, int64_t oldest_ns, struct err *err);
/* Those of the instance (0: all) behind `after`, in byte order, outside of any
 * transaction. Non-zero stops. */
typedef int rds_snapshot_fn(void *arg, const struct rds_snapshot *snapshot);
int rds_catalog_snapshots(struct rds_service *s, uint64_t instance_id, struct slice after,
	rds_snapshot_fn *fn, void *arg, struct err *err);

int rds_catalog_add_intent(struct rds_service *s, const struct rds_intent *intent, struct err *err);
int rds_catalog_drop_intent(struct rds_service *s, uint64_t id, struct err *err);
/* The next by id: 1, 0 at the end. */
int rds_catalog_next_intent(
	struct rds_service *s, uint64_t after, struct rds_intent *out, struct err *err);

/* ---- in memory ---- */

/* An instance, or an attached file. */
struct rds_instance {
	struct cluster base;
	struct rds_service *service;
	char *file;	    /* attached: its path; else NULL */
	struct rds_def def; /* under the lock of all */
	/* Set under opening: */
	struct instance *store; /* NULL of an attached file */
	struct rds_source *source;
};

struct rds_service {
	struct clusters base;
	enum store_sync sync;
	struct past_list past;
	struct keeper keeper; /* keeper.c */
};

/* What every operation gets as ctx: the service, or a view of one instance. */
struct rds_view {
	enum engine_view_kind kind;
	char name[RDS_NAME_MAX + 1]; /* of the instance in the view's tree */
	struct rds_source *source;
	struct rds_instance *instance; /* a replica's; else NULL */
	char replica[RDS_NAME_MAX + 1];
	struct past *past; /* of a point in time */
	int64_t time_ns;   /* when it was made; of a point in time that */
};

struct rds {
	struct rds_service *service;
	struct rds_view *view; /* NULL: the service itself */
};

/* ---- place.c: a path, resolved ---- */

struct rds_place {
	struct rds_instance *instance; /* entered and counted; NULL in a view */
	struct rds_source *rows;
};

/* The instance's rows, of depth 1 and deeper, until the place is left. ENOENT, EBUSY. */
int rds_place(struct rds *rds, const struct epath *path, struct rds_place *out, struct err *err);
void rds_place_leave(struct rds_place *p);
#define RDS_PLACE CLEANUP(rds_place_leave) struct rds_place

/* ---- service.c ---- */

int rds_sqlite_open(const struct engine_config *config, void **ctx, struct err *err);
void rds_sqlite_close(void *ctx);
/* A line in `.events` of an instance, as the service words it: "RDS-EVENT-0005 creation:
 * DB instance created." `id` is the number. */
void rds_event(struct rds_instance *i, unsigned id, const char *category, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

/* The same in `.events` of the service. */
void rds_event_service(struct rds_service *s, unsigned id, const char *category, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

/* ---- instances.c: instances in use ---- */

/* Of struct clusters_kind. */
int rds_instance_open(struct cluster *base, struct err *err);
void rds_instance_shut(struct cluster *base);
void rds_instance_free(struct cluster *base);
int rds_refuse(const struct cluster *c, enum cluster_refusal why, struct err *err);
/* In these its rows are served. */
#define RDS_SERVING                                                                                \
	(CLUSTER_FROM(RDS_AVAILABLE) | CLUSTER_FROM(RDS_BACKING_UP) |                              \
		CLUSTER_FROM(RDS_MAINTENANCE) | CLUSTER_FROM(RDS_MODIFYING) |                      \
		CLUSTER_FROM(RDS_REBOOTING) | CLUSTER_FROM(RDS_RENAMING))
int rds_instances_load(struct rds_service *s, struct err *err);
/* An SQLite file in place, under a name nobody has. EEXIST, EIO, ENOENT. */
int rds_instances_attach(
	struct rds_service *s, const char *name, const char *file, struct err *err);
/* ENOENT. Counted; ends with rds_put(). */
int rds_find(struct rds_service *s, struct slice name, struct rds_instance **out, struct err *err);
struct rds_instance *rds_find_id(struct rds_service *s, uint64_t id); /* or NULL */
static inline struct rds_instance *rds_hold(struct rds_instance *i)
{
	cluster_hold(&i->base);
	return i;
}
static inline void rds_put(struct rds_instance *i) /* NULL is fine */
{
	cluster_put((struct cluster *)i);
}
/* As clusters_next(). */
static inline struct rds_instance *rds_next(struct rds_service *s, struct slice after)
{
	return (struct rds_instance *)clusters_next(&s->base, after);
}
void rds_def_now(struct rds_instance *i, struct rds_def *out);

/* Its rows, until cluster_leave(); opened when need be. EBUSY: stopped, stopping, being deleted
 * (InvalidDBInstanceState); EIO: damaged. */
int rds_enter(struct rds_instance *i, struct rds_source **out, struct err *err);
/* For the step that holds the state: whatever that is. */
int rds_enter_any(struct rds_instance *i, struct rds_source **out, struct err *err);

/* Whether no instance is called so, one that is being made included. EEXIST. */
int rds_check_free(struct rds_service *s, struct slice name, struct err *err);
/* Reserves the name for an instance that is being made (nobody sees it yet), with an
 * id of its own, counted. EEXIST. Ends with cluster_state_set() or cluster_dropped(). */
int rds_reserve(
	struct rds_service *s, struct slice name, struct rds_instance **out, struct err *err);
int rds_reserve_id(struct rds_service *s, struct slice name, uint64_t id, struct rds_instance **out,
	struct err *err);
/* Under ddl, after the catalog changed. */
void rds_renamed(struct rds_instance *i, struct slice name);
/* Changes the row: the catalog first. Under ddl. */
int rds_save(struct rds_instance *i, const struct rds_def *def, struct err *err);

static inline void rds_instance_cleanup(struct rds_instance **i)
{
	rds_put(*i);
}
#define RDS_INSTANCE CLEANUP(rds_instance_cleanup) struct rds_instance *

/* What the store of an instance is asked with. */
struct rds_config {
	struct instance_config config;
	struct cluster_store_id id;
	char label[RDS_NAME_MAX + 32];
};
void rds_config_init(struct rds_config *c, struct rds_service *s, uint64_t id, const char *name);

/* ---- source_instance.c ---- */

/* What a store of ours needs to serve rows: schema, slots, ids. */
void rds_instance_config_fill(struct instance_config *config);
struct rds_instance_source {
	struct instance *store; /* outlives the source */
	const char *label;
	int64_t created_ns;	     /* of rows without a time of their own */
	rds_source_changed *changed; /* may be NULL */
	void *arg;
};
int rds_source_instance(
	const struct rds_instance_source *config, struct rds_source **out, struct err *err);
/* The rows of a replica; `i` is entered for each read. */
int rds_source_replica(
	struct rds_instance *i, const char *replica, struct rds_source **out, struct err *err);

/* ---- table.c: tables as directories; within a write ---- */

/* With one column, id INTEGER PRIMARY KEY. EEXIST, EINVAL. */
int rds_table_create(struct rds_conn *c, struct slice name, struct err *err);
/* An empty table that no foreign key refers to, or a view. ENOTEMPTY, EBUSY. */
int rds_table_drop(struct rds_conn *c, struct slice name, struct err *err);
int rds_table_rename(
	struct rds_conn *c, struct slice from, struct slice to, unsigned flags, struct err *err);

/* ---- lifecycle.c: making, renaming, promoting, deleting ---- */

typedef void rds_progress_fn(void *arg, uint64_t done, uint64_t total);
struct rds_progress {
	rds_progress_fn *fn; /* may be NULL */
	void *arg;
};

/* ENOTSUP for an attached file: "cannot be %s here". */
int rds_only_own(const struct rds_instance *i, const char *what, struct err *err);
/* A new instance of a database file, which goes into it; NULL: an empty one. */
int rds_create(struct rds_service *s, struct slice name, const char *from, struct err *err);
/* One that is filled through `rows` before anybody sees it. Ends with keep or drop. */
int rds_draft_begin(struct rds_service *s, struct slice name, struct rds_instance **out,
	struct rds_source **rows, struct err *err);
int rds_draft_keep(struct rds_instance *i, struct err *err);
void rds_draft_drop(struct rds_instance *i);
int rds_rename_instance(
	struct rds_service *s, struct slice from, struct slice to, unsigned flags, struct err *err);
/* `final_snapshot` may be NULL. EBUSY: protected. Its replicas become instances. */
int rds_delete(struct rds_instance *i, const char *final_snapshot,
	const struct rds_progress *progress, struct err *err);
/* When `is_empty` says so, asked when nobody else is in. */
typedef int rds_empty_fn(struct rds_instance *i, struct err *err);
int rds_delete_empty(struct rds_instance *i, rds_empty_fn *is_empty, struct err *err);
/* ENOTEMPTY, EBUSY; an rds_empty_fn. */
int rds_is_empty(struct rds_instance *i, struct err *err);
/* The replica becomes instance `name`. */
int rds_promote(struct rds_instance *i, const char *replica, struct slice name, struct err *err);
/* The same from available only, which it is not meanwhile. */
int rds_promote_available(
	struct rds_instance *i, const char *replica, struct slice name, struct err *err);
/* At open: completes or undoes what a crash interrupted. */
int rds_recover(struct rds_service *s, struct err *err);

/* ---- snapshot.c ---- */

int rds_snapshot_create(struct rds_instance *i, const char *name,
	const struct rds_progress *progress, struct err *err);
/* For the step that holds the state; the intent (may be NULL) is written down with it. */
int rds_snapshot_take(struct rds_instance *i, const char *name, const struct rds_intent *intent,
	const struct rds_progress *progress, struct err *err);
/* EINVAL for an automated one: those go with their time. */
int rds_snapshot_delete(struct rds_service *s, struct slice name, struct err *err);
/* Always to a new instance. */
int rds_restore(struct rds_service *s, const struct rds_snapshot *snapshot, struct slice name,
	struct err *err);
int rds_restore_time(struct rds_instance *i, int64_t time_ns, struct slice name, int64_t *commit_ns,
	struct err *err);
/* Remembers the backup just made as a snapshot that can be looked at and restored. */
void rds_snapshot_automated(struct rds_instance *i);

/* ---- keeper.c: what is done without being asked ---- */

/* A thread opens the instances, so that replicas follow and backups are made, then
 * looks now and then. */
void rds_keeper_init(struct rds_service *s);

/* ---- operate.c: what is done to an instance as a whole ---- */

int rds_stop(struct rds_instance *i, struct err *err);
int rds_start(struct rds_instance *i, struct err *err);
/* `failover`: EINVAL without a standby (InvalidParameterCombination). */
int rds_reboot(struct rds_instance *i, bool failover, struct err *err);
int rds_failover(struct rds_instance *i, struct err *err);
int rds_set_multi_az(struct rds_instance *i, bool on, struct err *err);
int rds_set_retention(struct rds_instance *i, unsigned days, struct err *err);
int rds_backup(struct rds_instance *i, struct err *err);
int rds_maintain(struct rds_instance *i, struct buf *report, struct err *err);
/* Changes the row as `change` says. */
typedef void rds_change_fn(struct rds_def *def, int value);
int rds_change(struct rds_instance *i, rds_change_fn *change, int value, struct err *err);

struct rds_replica_wish {
	const char *name;
	const char *region; /* "": the instance's own */
	unsigned zone;	    /* INSTANCE_ZONES: any */
	int64_t delay_ms;
};
int rds_replica_create(
	struct rds_instance *i, const struct rds_replica_wish *wish, struct err *err);
int rds_replica_delete(struct rds_instance *i, const char *name, struct err *err);
/* ENOENT. */
int rds_replica_find(
	struct rds_instance *i, struct slice name, struct instance_replica *out, struct err *err);
/* How many there are. */
int rds_replica_count(struct rds_instance *i, size_t *out, struct err *err);

/* ---- commands.c, views.c, status.c: members of engine_ops ---- */

extern const struct engine_command rds_sqlite_commands[];
int rds_sqlite_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err);
int rds_sqlite_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err);
int rds_sqlite_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
int rds_sqlite_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
int rds_sqlite_view_rename(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, const struct epath *to, struct err *err);
int rds_sqlite_status(void *ctx, const struct epath *path, json_t *out, struct err *err);

/* ---- rds.c ---- */

/* Reads or writes the rows that the path leads to; EROFS in a view. */
int rds_read_at(void *ctx, const struct epath *path, rds_fn *fn, void *arg, struct err *err);
int rds_write_at(void *ctx, const struct epath *path, rds_fn *fn, void *arg, struct err *err);

/* ---- items.c: members of engine_ops ---- */

int rds_sqlite_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err);
void *rds_sqlite_draft_new(void *ctx, const struct epath *path, unsigned form);
int rds_sqlite_draft_feed(void *draft, struct slice more, struct err *err);
bool rds_sqlite_draft_complete(const void *draft);
void rds_sqlite_draft_free(void *draft);
int rds_sqlite_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err);
int rds_sqlite_check_key(void *ctx, const struct epath *path, struct err *err);
int rds_sqlite_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err);
int rds_sqlite_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err);
int rds_sqlite_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err);

/* ---- transfer.c: members of engine_ops ---- */

int rds_sqlite_query_open(void *ctx, const struct epath *path, struct slice text, unsigned form,
	void **stream, uint64_t *size, struct err *err);
int rds_sqlite_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err);
int rds_sqlite_export_read(void *stream, struct buf *out, struct err *err);
void rds_sqlite_export_close(void *stream);
int rds_sqlite_import_open(void *ctx, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err);
int rds_sqlite_import_feed(void *sink, struct slice text, struct err *err);
int rds_sqlite_import_finish(void *sink, struct buf *report, struct err *err);
void rds_sqlite_import_abort(void *sink);
int rds_sqlite_text_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err);
int rds_sqlite_text_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err);

/* ---- events.c ---- */

/* What a store tells, in the words of the service. */
void rds_store_event(void *arg, enum instance_event what, const char *detail);

#endif
