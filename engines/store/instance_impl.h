/* What the files of an instance share. Nobody else includes this.
 *
 * A *primary* is the open copy that serves: page log, store, and what the monitor
 * compares. Whoever uses it holds a count (instance_enter, instance_leave); it
 * is closed when nobody does. Which one is current changes under `lock`.
 *
 * Locks, in the order they are taken; what each guards:
 *   work         who makes or removes bases, standbys, replicas and segments; held
 *                as long as that takes, so nobody who serves waits for it
 *   change       which copy serves, and whether there is a standby; held for as
 *                long as such a change takes (failover, restart, attaching)
 *   replicas     the list of replicas
 *   tap          of a primary: a commit on its way into the logs. Holding it holds
 *                commits back, and whether they then go through is decided by then
 *   (the page log's own)
 *   state_lock   `state`, in memory and on disk
 *   lock         the rest: current, counts of users, failure, queue of events;
 *                never held while a file or the caller's functions are touched */
#ifndef DBMOUNT_INSTANCE_IMPL_H
#define DBMOUNT_INSTANCE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/common/thread.h"
#include "engines/store/checksum_vfs.h"
#include "engines/store/disk.h"
#include "engines/store/instance.h"

#define SECOND_NS	  INT64_C(1000000000)
#define INSTANCE_WAIT_NS  (INSTANCE_WAIT_MS * INT64_C(1000000))
#define INSTANCE_RETRY_NS (SECOND_NS / 4)

/* ---- instance_state.c: the file `state` ---- */

struct replica_spec {
	char name[64];
	char region[64];
	unsigned zone;
	int64_t delay_ms;
};

/* Replaced as a whole, by rename: what is written is what counts after a crash. */
struct instance_state {
	uint64_t epoch; /* the highest mark given out */
	/* What the file `mark` in the zone's directory must hold for its content to be
	 * the copy that is meant; 0: no copy there counts. */
	uint64_t mark[INSTANCE_ZONES];
	bool standby; /* the other zone has every acknowledged commit */
	struct instance_settings settings;
	struct replica_spec *replicas; /* in order of names */
	size_t n_replicas;
};

/* ENOENT: there is no instance. EIO: the file says nothing sensible. */
int state_load(const struct instance_config *config, struct instance_state *out, struct err *err);
int state_save(
	const struct instance_config *config, const struct instance_state *state, struct err *err);
int state_copy(const struct instance_state *from, struct instance_state *out, struct err *err);
void state_free(struct instance_state *state);

/* ---- instance_files.c: where things are ---- */

/* ZONE/ID/name and DIR/ID/name; "" for the directory. Check with buf_check(). */
void zone_path(
	const struct instance_config *config, unsigned zone, const char *name, struct buf *out);
void own_path(const struct instance_config *config, const char *name, struct buf *out);
const struct disk_ops *config_disk(const struct instance_config *config);
/* Removes the directory with all in it; a missing one is fine. */
int remove_tree(const struct disk_ops *disk, const char *path, struct err *err);
/* An empty directory of the instance in that zone, in place of any there is. */
int zone_make(const struct instance_config *config, unsigned zone, struct err *err);
int zone_remove(const struct instance_config *config, unsigned zone, struct err *err);
/* EINVAL: an instance whose commits are not synced has no standby. */
int instance_no_standby(const struct instance_config *config, struct err *err);
/* The file `mark`: which copy the directory holds. *out 0: none. */
int zone_mark(const struct instance_config *config, unsigned zone, uint64_t *out);
int zone_set_mark(
	const struct instance_config *config, unsigned zone, uint64_t mark, struct err *err);

/* ---- instance_primary.c: the copy that serves ---- */

struct watch;

struct primary {
	struct instance *i;
	struct primary *next; /* in i->old */
	unsigned zone;
	unsigned users; /* under i->lock */
	struct pagelog *log;
	struct replica *follower; /* between prepare and finish: what is not promoted yet */
	struct store *store;	  /* NULL before and after */
	struct store_tap inner;

	pthread_mutex_t tap;
	bool fenced; /* under tap: another copy serves, no commit counts any more */

	struct watch *watch; /* the monitor's; fixed while the store is open */

	_Atomic bool failed; /* its files do not work */
	struct err why;	     /* under i->lock */
};

/* Opens what zone `zone` holds, in two steps. After the first it is complete (a
 * standby has applied its log), and could still be the standby; the second makes it
 * a primary. `standby`: its commits wait for the other zone. EIO: it cannot serve. */
int primary_prepare(
	struct instance *i, unsigned zone, bool standby, struct primary **out, struct err *err);
int primary_finish(struct primary *p, struct err *err);
/* With no users. Two steps: replicas may still read the log in between. */
void primary_stop(struct primary *p);
void primary_free(struct primary *p);
/* Both; NULL is fine. */
void primary_close(struct primary *p);
/* Whether its files failed, as far as is known. */
bool primary_failed(struct primary *p, struct err *why);
/* For whoever finds out; the first reason stands. */
void primary_fail(struct primary *p, const struct err *why);
/* Whether a failure with that errno is one of the files: not a full disk or so,
 * where another copy would fare no better. */
bool is_damage(int code);

/* ---- instance_verify.c ---- */

/* Whether the database is the one that the log ends with: EIO if it is an older one
 * that was put there. */
int verify_end(struct primary *p, const char *database, struct err *err);

/* ---- instance_standby.c; under i->change unless said otherwise ---- */

/* The callback of a primary's log; under its locks. */
int standby_on_lost(void *arg, const struct err *why, struct err *err);
/* The standby's database begins to follow the log of `p`, if there is one. */
void standby_follow(struct instance *i, struct primary *p);
/* No standby from now on, but for one built anew. */
int standby_drop(struct instance *i, struct primary *p, const struct err *why, struct err *err);
/* Builds one. Under i->work alone. */
int standby_build(struct instance *i, struct err *err);
bool standby_ready(struct instance *i);

/* ---- instance_failover.c; under i->change ---- */

/* Opens whichever zone can serve, that of the state first. */
int failover_open(struct instance *i, struct primary **out, struct err *err);
/* From `p`, which is hidden by then, to the other zone. On failure `p` serves on, or
 * nothing does. */
int failover_run(struct instance *i, struct primary *p, const char *why, struct err *err);

/* ---- instance_monitor.c ---- */

/* What the files of an open primary are, to be compared with. Closed after its
 * store: it has the database open. */
int watch_begin(struct primary *p, struct err *err);
void watch_end(struct watch *w); /* NULL is fine */
int monitor_start(struct instance *i, struct err *err);
void monitor_stop(struct instance *i);

/* ---- instance_scrub.c ---- */

/* A pass over a database's pages, in steps. */
struct scrub {
	struct checksum_scan scan;
	bool open;
	int64_t next_at;
	uint64_t failures; /* checksum_failures() when it was asked last */
	int64_t hole;	   /* where it was looked at last, and 1; 0: there was none */
};
/* EIO: a page is damaged. */
int scrub_step(struct instance *i, struct scrub *s, unsigned zone, struct err *err);
/* A file that was cut and then written to beyond its end has a hole: looks there
 * next, if it has one that was not looked at. */
void scrub_hole(struct instance *i, struct scrub *s, unsigned zone, int fd);
void scrub_end(struct scrub *s);

/* ---- instance_replicas.c ---- */

/* A replica of `p` as it is now, whole or missing after a crash; `dir`, on the same
 * file system, is for what is being made. Under i->work, with a count on `p`. */
int replica_make(struct primary *p, const char *dir, const char *path, struct err *err);
/* Opens those of the state. Under i->change. */
int replicas_open(struct instance *i, struct primary *p, struct err *err);
/* With nobody else about. */
void replicas_close(struct instance *i);
/* They follow this log from now on. */
void replicas_follow(struct instance *i, struct pagelog *log);
/* Makes those anew that cannot go on. Under i->work. */
void replicas_mend(struct instance *i);
/* The sequence above which the log must stay; UINT64_MAX: no replica needs it. */
uint64_t replicas_hold(struct instance *i);

/* ENODATA: it has commits that this log has not, so it is none of its replicas. */
int replica_check(struct replica *r, struct pagelog *log, struct err *err);

/* For instance_replica_change.c. The file of the replica, and what is beside it. */
void follower_path(struct instance *i, const char *name, const char *suffix, struct buf *out);
/* The following under i->replicas_lock. NULL: there is none. */
struct follower *follower_find(struct instance *i, const char *name);
struct follower *follower_add(struct instance *i, const struct replica_spec *spec);
/* Waits until nobody uses it; nobody new does. */
void follower_empty(struct instance *i, struct follower *f);
/* Closes it and takes it off the list. */
void follower_take_out(struct instance *i, struct follower *f);
int follower_start(struct instance *i, struct follower *f, struct pagelog *log, struct err *err);
int follower_missing(struct instance *i, const char *name, struct err *err);
/* In instance_replica_change.c: no longer in the state; its files are removed. */
int follower_strike_off(struct instance *i, const char *name, struct err *err);

/* ---- instance_backup.c ---- */

/* Makes a backup if one is due, removes what need not be kept. */
void backup_step(struct instance *i);
int backup_drop_ahead(struct instance *i, struct primary *p, struct err *err);
/* Notes when the newest was made. */
void backup_look(struct instance *i);

/* ---- instance_worker.c ---- */

int worker_start(struct instance *i, struct err *err);
void worker_stop(struct instance *i);
/* There is something to do. */
void worker_kick(struct instance *i);

/* ---- the instance ---- */

struct event {
	struct event *next;
	enum instance_event what;
	char detail[512];
};

/* One of the replicas. */
struct follower {
	struct follower *next;
	struct replica_spec spec;
	struct replica *r;  /* NULL: to be made anew */
	struct err failure; /* why there is none */
	unsigned users;
	bool leaving; /* nobody new gets it */
};

struct instance {
	struct instance_config config; /* its own copies of the strings */

	pthread_mutex_t work;
	pthread_mutex_t change;
	/* Those that were current and may still have users, or whose log has readers;
	 * under change, newest first. */
	struct primary *old;
	struct replica *follower; /* the standby's database; under change */

	pthread_mutex_t replicas_lock;
	pthread_cond_t replicas_moved;
	struct follower *replicas; /* under replicas_lock, with all in it; in order of names */

	pthread_mutex_t state_lock;
	struct instance_state state;

	pthread_mutex_t lock;
	pthread_cond_t moved;	 /* current, users, changing */
	struct primary *current; /* NULL: none serves now */
	bool changing;		 /* another one is about to be current */
	bool failing_over;	 /* shown */
	struct err failure;	 /* why none serves */
	int64_t retry_at;	 /* not before: looking again whether one can */
	int64_t last_backup_ns;
	unsigned n_failovers;
	int64_t last_failover_ns;

	struct event *events; /* not told yet, oldest first */
	struct event *last_event;
	bool telling; /* one thread tells at a time, so that their order stays */

	pthread_cond_t kicked;
	bool kick; /* under lock */
	_Atomic bool stop;
	pthread_t worker;
	pthread_t monitor;
	bool worker_runs;
	bool monitor_runs;
	struct scrub standby_scrub; /* under change */
	int64_t build_at;	    /* under work, as the rest: no standby is built before */
	unsigned n_build_failures;
	int64_t backup_at;
	int64_t prune_at;
};

int64_t instance_clock(void); /* CLOCK_MONOTONIC */

/* A count on the current primary, waiting until there is one. EBUSY; EIO. */
int instance_enter(struct instance *i, int64_t deadline, struct primary **out, struct err *err);
/* The same without waiting; NULL: there is none. */
struct primary *instance_peek(struct instance *i);
void instance_leave(struct instance *i, struct primary *p);
/* Called without a count by whoever saw `p` fail: with a standby another one is
 * current, or none, when it returns. */
void instance_trouble(struct instance *i, struct primary *p);
/* Rewrites the database without its free pages. */
int instance_compact(struct instance *i, struct err *err);
unsigned instance_zone_of_primary(struct instance *i);
/* Closes those that were current and are not used any more. */
void instance_bury(struct instance *i);
/* Looks whether a copy can serve again, when none does and it is time to. */
void instance_revive(struct instance *i);

/* The following under i->change. */
/* Nobody gets the current copy any more; who wants to waits. */
void instance_hide(struct instance *i, bool failing_over);
/* Waits for those who still have it. EBUSY. */
int instance_empty(struct instance *i, struct primary *p, int64_t deadline, struct err *err);
/* Ends the change: `p` is current, or NULL and `why`. */
void instance_settle(struct instance *i, struct primary *p, const struct err *why);

/* Changes the state: `change` alters a copy, which is made durable, then counts. */
typedef void state_fn(struct instance_state *state, void *arg);
int instance_alter(struct instance *i, state_fn *change, void *arg, struct err *err);

/* ---- instance_event.c ---- */

void event_post(struct instance *i, enum instance_event what, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Tells what is queued. Holding no lock. */
void event_tell(struct instance *i);
void event_drop_all(struct instance *i);

#endif
