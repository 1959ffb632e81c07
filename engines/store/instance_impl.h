/* What the files of an instance share. Nobody else includes this.
 *
 * A *primary* is the open copy that serves: page log, store, and what the monitor
 * compares. Whoever uses it holds a count (instance_enter, instance_leave); it
 * is closed when nobody does. Which one is current changes under `lock`.
 *
 * Locks, in the order they are taken; what each guards:
 *   change       which copy serves, and whether there is a standby; held for as
 *                long as such a change takes (failover, restart, attaching)
 *   work         who makes or removes bases, copies and segments
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
/* The file `mark`: which copy the directory holds. *out 0: none. */
int zone_mark(const struct instance_config *config, unsigned zone, uint64_t *out);
int zone_set_mark(
	const struct instance_config *config, unsigned zone, uint64_t mark, struct err *err);

/* ---- instance_primary.c: the copy that serves ---- */

struct primary {
	struct instance *i;
	unsigned zone;
	unsigned users; /* under i->lock */
	struct pagelog *log;
	struct store *store; /* NULL once closed */
	struct store_tap inner;

	pthread_mutex_t tap;
	bool fenced; /* under tap: another copy serves, no commit counts any more */

	_Atomic bool failed; /* its files do not work */
	struct err why;	     /* under i->lock */
};

/* Opens what zone `zone` holds. EIO: it cannot serve. */
int primary_open(struct instance *i, unsigned zone, struct primary **out, struct err *err);
/* With no users. Two steps: replicas may still read the log in between. */
void primary_stop(struct primary *p);
void primary_free(struct primary *p);
/* Both; NULL is fine. */
void primary_close(struct primary *p);
/* Whether its files failed, as far as is known. */
bool primary_failed(struct primary *p, struct err *why);
/* For whoever finds out; the first reason stands. */
void primary_fail(struct primary *p, const struct err *why);

/* ---- the instance ---- */

struct event {
	struct event *next;
	enum instance_event what;
	char detail[512];
};

struct instance {
	struct instance_config config; /* its own copies of the strings */

	pthread_mutex_t change;
	pthread_mutex_t work;

	pthread_mutex_t state_lock;
	struct instance_state state;

	pthread_mutex_t lock;
	pthread_cond_t moved;	 /* current, users, changing */
	struct primary *current; /* NULL: none serves now */
	/* The one that was current and may still have users, or whose log has readers. */
	struct primary *old;
	bool changing;	    /* another one is about to be current */
	bool failing_over;  /* shown */
	struct err failure; /* why none serves */
	int64_t retry_at;   /* not before: looking again whether one can */
	unsigned n_failovers;
	int64_t last_failover_ns;

	struct event *events; /* not told yet, oldest first */
	struct event *last_event;
	bool telling; /* one thread tells at a time, so that their order stays */
};

int64_t instance_clock(void); /* CLOCK_MONOTONIC */

/* A count on the current primary, waiting until there is one. EBUSY; EIO. */
int instance_enter(struct instance *i, int64_t deadline, struct primary **out, struct err *err);
void instance_leave(struct instance *i, struct primary *p);
/* Called without a count by whoever saw `p` fail: with a standby another one is
 * current, or none, when it returns. */
void instance_trouble(struct instance *i, struct primary *p);
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
