/* An instance: one database kept alive over two availability zones, with what
 * lives on its page log: synchronous standby, asynchronous replicas, backups,
 * points in time. RDS has one for each DB instance, DocumentDB one a cluster.
 *
 * Where things are (ID is a file name given by the caller):
 *
 *	ZONE/ID/         the copy in that zone: `data.db`, its page log `log/`
 *	DIR/ID/          what belongs to no zone: `state` (which zone is primary,
 *	                 multi-az, replicas, retention), `base/`, `replicas/`
 *
 * The primary is a store (store.h) whose tap is its page log. With multi_az the
 * other zone holds the same log, durable before a commit is acknowledged, and a
 * database file that follows it closely, so that failover applies little.
 *
 * Failure. Every page of data.db carries a checksum (checksum_vfs.h), and a
 * monitor looks several times a second whether the files are still those that
 * were opened. An I/O error, a bad checksum, SQLITE_CORRUPT, a file that is gone
 * or cut: with a standby the instance fails over by itself, callers of
 * instance_read() and instance_write() wait and are then served by the survivor,
 * and a new standby is built from it in the background. Without a standby the
 * call fails with EIO, and instance_status() says "failed". A write whose outcome
 * on the failed primary is decided by the standby's log: acknowledged if it is
 * in there, else run again on the new primary.
 *
 * After a crash at any point instance_open() finds either the state before or
 * after each step (create, failover, promotion, pruning, multi_az).
 *
 * Any thread may call anything but close and destroy. 0 or -errno with err set. */
#ifndef DBMOUNT_INSTANCE_H
#define DBMOUNT_INSTANCE_H

#include "engines/store/base.h"
#include "engines/store/replica.h"
#include "engines/store/store.h"

struct instance;

enum { INSTANCE_ZONES = 2 };

/* How long a call waits for a copy that serves. */
#define INSTANCE_WAIT_MS 60000

struct instance_zone {
	const char *name; /* "a": shown */
	const char *dir;  /* of this service in that zone; made if missing */
};

/* What the owner may want to write down (for RDS: SERVICES.md 2.6). */
enum instance_event {
	INSTANCE_FAILOVER_STARTED,   /* detail: why */
	INSTANCE_FAILOVER_COMPLETED, /* detail: "zone b is primary, 0.8 s, nothing lost" */
	INSTANCE_STANDBY_STARTED,    /* a standby is being built */
	INSTANCE_STANDBY_READY,
	INSTANCE_STANDBY_LOST, /* commits go on without it; detail: why */
	INSTANCE_FAILED,       /* no copy can serve; detail: why */
	INSTANCE_BACKUP_STARTED,
	INSTANCE_BACKUP_FINISHED,
	INSTANCE_REPLICA_STOPPED, /* detail: name and why */
	INSTANCE_REPLICA_RESUMED,
};

/* Borrowed for the call but where said. */
struct instance_config {
	const char *id;
	const char *dir;
	struct instance_zone zone[INSTANCE_ZONES];
	const char *label; /* names it in messages */
	/* As in store_config; arrays outlive the instance. */
	uint32_t application_id;
	uint32_t schema_version;
	const char *schema;
	const char *const *sql;
	unsigned n_sql;
	void (*slot_free)(void *slot);
	int (*before_commit)(struct store_txn *t, struct err *err);
	/* What a write survives when it is acknowledged. CLOSE: power loss. FSYNC: kill -9,
	 * and power loss after instance_sync(), at a fraction of the time. INTERVAL: as store.h
	 * says, kill -9 after some milliseconds, at a fraction of that. Without CLOSE there is
	 * no standby (multi_az EINVAL). */
	enum store_sync sync;
	const struct disk_ops *disk; /* NULL: disk_system */
	/* All pages of both zones are verified so long after the last time; 0: an hour. */
	unsigned scrub_seconds;
	/* Called from any thread, holding no lock of the instance. May be NULL. */
	void (*event)(void *arg, enum instance_event what, const char *detail);
	/* The content may have changed as a whole (never needed after failover: nothing
	 * acknowledged is lost). May be NULL. */
	void *arg;
};

/* What a new instance is like; instance_open() finds it in `state`. */
struct instance_settings {
	unsigned primary; /* zone */
	bool multi_az;
	unsigned retention_days; /* 0: no automated backups, no points in time */
};

/* Makes the files of a new instance, durably, closed. `from`: a database file
 * that becomes its data (taken over by rename, or copied across file systems; it is an ordinary,
 * closed database such as store_copy(), base_build() and replica_promote() leave), NULL: an empty
 * one. EEXIST. On failure nothing is left. */
int instance_create(const struct instance_config *config, const struct instance_settings *settings,
	const char *from, struct err *err);
/* Removes all files of a closed instance, what a crash left of one too. */
int instance_destroy(const struct instance_config *config, struct err *err);

/* ENOENT; EIO: no zone holds a usable copy. */
int instance_open(const struct instance_config *config, struct instance **out, struct err *err);
/* Finishes what is under way. No call may be under way. NULL is fine. */
void instance_close(struct instance *i);

/* ---- data ---- */

/* May be run again from the start, on another copy, when the one it ran on
 * failed: it resets what it filled. */
typedef int instance_read_fn(struct store_reader *r, void *arg, struct err *err);
/* EBUSY: no copy served within INSTANCE_WAIT_MS. EIO: none can. */
int instance_read(
	struct instance *i, uint64_t key, instance_read_fn *fn, void *arg, struct err *err);
/* As store_write(); fn may be run again likewise. */
int instance_write(struct instance *i, const uint64_t *keys, unsigned n_keys, store_fn *fn,
	void *arg, struct err *err);
int instance_sync(struct instance *i, struct err *err);
uint64_t instance_bytes(struct instance *i);
/* A consistent, durable copy as a new file, writers go on; shares disk where it can. */
int instance_copy(struct instance *i, const char *path,
	void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct err *err);

/* ---- zones ---- */

/* On: returns when the standby is complete and commits wait for it. */
int instance_set_multi_az(struct instance *i, bool on, struct err *err);
/* EINVAL: there is no standby. EBUSY: one is being built, or a failover is under
 * way. Returns when the other zone serves. */
int instance_failover(struct instance *i, const char *why, struct err *err);
/* Closes and opens the primary. */
int instance_restart(struct instance *i, struct err *err);

/* ---- replicas ---- */

struct instance_replica {
	char name[64];
	char region[64]; /* "" : the instance's own */
	unsigned zone;
	struct replica_status status;
};

/* `zone`, INSTANCE_ZONES for any. EEXIST. Durable. */
int instance_replica_add(struct instance *i, const char *name, const char *region, unsigned zone,
	int64_t delay_ms, struct err *err);
int instance_replica_remove(struct instance *i, const char *name, struct err *err); /* ENOENT */
/* ENOENT. Durable. */
int instance_replica_set_delay(
	struct instance *i, const char *name, int64_t delay_ms, struct err *err);
/* In order of names; free() the array. */
int instance_replicas(
	struct instance *i, struct instance_replica **out, size_t *n, struct err *err);
/* As instance_read(), on the replica: db sees one commit, until fn returns. */
typedef int instance_replica_fn(sqlite3 *db, uint64_t sequence, void *arg, struct err *err);
int instance_replica_read(
	struct instance *i, const char *name, instance_replica_fn *fn, void *arg, struct err *err);
/* Takes the replica out: what it has applied becomes an ordinary database at
 * `path` (same file system as DIR), durably; then it is no replica any more. A
 * crash leaves the replica, or path. `finish`: applies first all the log has. */
int instance_replica_promote(
	struct instance *i, const char *name, bool finish, const char *path, struct err *err);

struct instance_salvaged {
	char name[64]; /* the replica */
	unsigned zone; /* its */
	uint64_t sequence;
};
/* Of a closed instance that instance_open() refuses with EIO: the replica that has most, with what
 * the primary's log still has for it, becomes an ordinary database at `path`, durably. The
 * instance stays as it is, to be destroyed. ENODATA: none can be used. EEXIST. */
int instance_salvage(const struct instance_config *config, const char *path,
	struct instance_salvaged *out, struct err *err);

/* ---- backups and time ---- */

int instance_backup(struct instance *i, struct err *err); /* a base copy now */
/* 0 drops all backups, except what replicas need. */
int instance_set_retention(struct instance *i, unsigned days, struct err *err);
/* Both 0 when there are none. */
void instance_restorable(struct instance *i, int64_t *earliest_ns, int64_t *latest_ns);
/* The database as it was at that time, as a new closed file. ENODATA: outside of
 * what is kept. */
int instance_build_time(
	struct instance *i, int64_t time_ns, const char *path, int64_t *commit_ns, struct err *err);

/* ---- the whole ---- */

/* Checks integrity, ANALYZE, compacts; progress in steps. Writers wait for parts. */
int instance_maintenance(struct instance *i, struct buf *report, struct err *err);

struct instance_status {
	struct instance_settings settings;
	bool failing_over;
	bool standby_ready; /* commits wait for the standby */
	bool degraded;	    /* multi_az, and commits go on without a standby */
	struct err failure; /* code 0, or why nothing serves */
	uint64_t bytes;
	uint64_t log_bytes;
	uint64_t sequence; /* commits so far */
	int64_t last_backup_ns;
	unsigned n_failovers;	  /* since it was opened */
	int64_t last_failover_ns; /* how long the last one took */
};
void instance_status(struct instance *i, struct instance_status *out);

#endif
