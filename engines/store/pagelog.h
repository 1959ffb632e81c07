/* The page log of one store: every commit as a numbered, timed, checksummed
 * record of the pages it changed, durable before the commit is acknowledged.
 * Replicas (replica.h), base copies and points in time (base.h) and the standby
 * in another availability zone live on it.
 *
 *	pagelog_open()      the log finds its end
 *	pagelog_recover()   takes in what a killed daemon committed and did not log
 *	store_open()        with config.tap = pagelog_tap(log), STORE_SYNC_CLOSE
 *	store_close()
 *	pagelog_close()
 *
 * The store must sync its WAL before it calls the tap (STORE_SYNC_CLOSE): then
 * the database never has less than the log. In the other modes (`lazy`) neither is
 * synced before a commit is acknowledged; the log is, before the WAL is moved into the
 * database. Power loss may then leave the log ahead or broken: pagelog_recover() tells,
 * ENODATA, and the database goes on with a gap in the log.
 *
 * Any thread may call what reads; pages are held in memory one commit at a time. */
#ifndef DBMOUNT_PAGELOG_H
#define DBMOUNT_PAGELOG_H

#include <stdatomic.h>

#include "engines/store/segment.h"
#include "engines/store/store.h"

struct pagelog;

/* What a commit is told when the standby's directory does not take its record. */
enum pagelog_policy {
	PAGELOG_FAIL,	 /* the failure; each commit tries the standby again */
	PAGELOG_DEGRADE, /* nothing: goes on without, and pagelog_degraded() says so */
};

struct pagelog_config {
	const char *dir;     /* made if missing; borrowed, as all here */
	const char *standby; /* the directory in the other zone; NULL: none */
	enum pagelog_policy policy;
	/* With PAGELOG_DEGRADE: called before the first commit goes on without the
	 * standby; one that returns -errno fails that commit. Must not call the log. */
	int (*lost)(void *arg, const struct err *why, struct err *err);
	void *arg;
	bool lazy;		     /* commits are not synced; no standby then */
	const struct disk_ops *disk; /* outlives the log; NULL: disk_system */
	const char *label;	     /* names the store in messages; copied */
};

/* Finds the end of both logs and gives each what only the other has. EIO: the
 * log, or the standby's with PAGELOG_FAIL, is damaged or another's. */
int pagelog_open(const struct pagelog_config *config, struct pagelog **out, struct err *err);
/* After the store and the replicas. NULL is fine. */
void pagelog_close(struct pagelog *log);

/* Before store_open(): appends what the WAL of `database` holds beyond the log.
 * ENODATA: commits are missing that the WAL does not hold any more (appends
 * failed and then the daemon died); go on from the database with pagelog_gap() and
 * a new base copy. EIO: the database is older than its log; it can be built from
 * there (base.h). */
int pagelog_recover(struct pagelog *log, const char *database, struct err *err);

/* Says in the log that what follows does not continue what was: no replica, no
 * point in time crosses it. Take a base copy after it. */
int pagelog_gap(struct pagelog *log, struct err *err);

/* For store_config.tap. A commit whose record could not be written stands in
 * the database; its pages go into the next record, so the log stays exact. */
struct store_tap pagelog_tap(struct pagelog *log);

/* Makes all that is in a lazy log survive power loss. */
int pagelog_sync(struct pagelog *log, struct err *err);

/* Whether every commit whose tap has returned is in the log. */
bool pagelog_in_step(struct pagelog *log);

/* ---- the standby ---- */

/* Whether commits go on without the standby since a failure; `why` (may be NULL)
 * gets the reason. */
bool pagelog_degraded(struct pagelog *log, struct err *why);
/* Brings the standby up to date and has commits wait for it again. */
int pagelog_reattach(struct pagelog *log, struct err *err);
/* The same with a standby it did not have, or has no more. It keeps what there is
 * in `dir` of this log, which makes attaching quick. */
int pagelog_attach(struct pagelog *log, const char *dir, struct err *err);
void pagelog_detach(struct pagelog *log);

/* ---- reading: what is durable here and, unless degraded, at the standby ---- */

/* For segment_reader_init() and the like; the log's own directory. */
struct segments *pagelog_segments(struct pagelog *log);
/* Sequences held, 0 when empty; time of the newest. */
uint64_t pagelog_first(struct pagelog *log);
uint64_t pagelog_last(struct pagelog *log);
int64_t pagelog_last_time(struct pagelog *log);
/* The newest commit not after `time_ns`, 0: none is so old. */
int pagelog_find_time(struct pagelog *log, int64_t time_ns, uint64_t *out, struct err *err);
/* Returns when there is a record after `sequence`, at `deadline` (nanoseconds of
 * CLOCK_MONOTONIC), or when *stop is set and pagelog_wake() called. */
void pagelog_wait(
	struct pagelog *log, uint64_t sequence, int64_t deadline, const _Atomic bool *stop);
void pagelog_wake(struct pagelog *log);
/* Reads everything: EIO with the first damage. *n (may be NULL): records read. */
int pagelog_verify(struct pagelog *log, uint64_t *n, struct err *err);

/* Removes segments wholly below `sequence`, here and at the standby. */
int pagelog_drop_below(struct pagelog *log, uint64_t sequence, struct err *err);

#endif
