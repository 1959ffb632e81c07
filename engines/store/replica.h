/* An asynchronous replica: a database file of its own that follows a page log,
 * delayed if wanted, read by any number of threads, promoted to an ordinary
 * store. Files: PATH, and PATH-position, which makes it a replica.
 *
 *	replica_create()   a copy of a base
 *	replica_open()     finishes what a crash interrupted
 *	replica_start()    a thread follows the log
 *	replica_close() or replica_promote()
 *
 * Readers see one commit at a time. The log may be pruned up to the replica's
 * position (replica_status), not beyond: ENODATA, it must be made anew then. */
#ifndef DBMOUNT_REPLICA_H
#define DBMOUNT_REPLICA_H

#include "engines/store/base.h"

struct replica;
struct replica_reader;

struct replica_config {
	const char *path;	     /* borrowed for the call */
	const char *label;	     /* names it in messages; copied */
	const char *region;	     /* given back by replica_status(); copied; may be NULL */
	struct pagelog *log;	     /* outlives the replica */
	const struct disk_ops *disk; /* NULL: disk_system */
	int64_t delay_ms;	     /* a commit is applied this long after it was made */
};

struct replica_status {
	const char *region; /* the replica's; NULL: none */
	bool running;
	uint64_t sequence; /* what readers see */
	uint64_t durable;  /* the log must keep what comes after this one */
	uint64_t lag_commits;
	uint64_t lag_bytes; /* of their records */
	int64_t lag_ns;	    /* age of the oldest commit not applied; 0: none */
	int64_t delay_ms;
	struct err failure; /* code 0, or why it does not go on; tried each second */
};

/* Durable when it returns; from the newest base. EEXIST. A crash leaves it whole
 * or PATH missing. */
int replica_create(const struct base_set *set, const char *path, struct err *err);
/* Removes both files of a closed one. */
int replica_delete(const struct disk_ops *disk, const char *path, struct err *err);

/* ENOENT: there is no replica, or it was promoted. ENODATA: the log no longer has
 * what it needs. */
int replica_open(const struct replica_config *config, struct replica **out, struct err *err);
/* Stops. No reader may be under way. NULL is fine. */
void replica_close(struct replica *r);

/* Starts following; already running is fine. */
int replica_start(struct replica *r, struct err *err);
/* Returns when the thread has ended, within a batch of commits. */
void replica_stop(struct replica *r);
/* It follows this log from now on, one with the same commits; stopped or running. */
void replica_set_log(struct replica *r, struct pagelog *log);
void replica_set_delay(struct replica *r, int64_t delay_ms);
void replica_status(struct replica *r, struct replica_status *out);

/* Applies now, whatever the delay, up to `sequence` or the end of the log. */
int replica_apply(struct replica *r, uint64_t sequence, struct err *err);

/* Makes PATH an ordinary database that store_open() takes; with `finish` after
 * applying all the log has, else as it is. No reader may be under way. 0: it is
 * durable and `r` is gone. On failure the replica stays, stopped. A crash in the
 * middle leaves either. */
int replica_promote(struct replica *r, bool finish, struct err *err);

/* ---- reading ---- */

/* A connection with an open read transaction; the replica applies nothing until
 * replica_read_end(), so be brief, and hold one at a time. Any thread may end it. EIO: a failed
 * apply has left a commit half done; it is redone as soon as that works. */
int replica_read_begin(struct replica *r, struct replica_reader **out, struct err *err);
/* Statements on it must be finalized before the end. Writes fail: EROFS. */
sqlite3 *replica_reader_db(struct replica_reader *reader);
/* The commit it sees. */
uint64_t replica_reader_sequence(const struct replica_reader *reader);
void replica_read_end(struct replica_reader *reader);

#endif
