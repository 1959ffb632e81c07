/* Files of ours beside the data: scratch files of editors, refused texts,
 * event logs. Files under SITE/side, in a folder for each directory of the tree, so
 * they survive a crash and move with their directory.
 *
 * A scratch file begins in memory and goes to disk when it is half a second old,
 * at fsync(2), when it outgrows SIDE_MEMORY_MAX, and at unmount: the drafts that
 * editors and tools rename onto an item or remove at once never touch the disk.
 *   side_files.c  what can be done with a scratch file
 *   side_rename.c  renaming it
 *   side_dirs.c   the table of the directories at work, and their files' names
 *   side_flush.c  from memory to disk: at once, and by the thread that does it later
 *   side.c        refused texts, event logs, paths */
#ifndef DBMOUNT_FS_SIDE_H
#define DBMOUNT_FS_SIDE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "engines/common/buf.h"
#include "engines/common/epath.h"

enum side_kind { SIDE_SCRATCH, SIDE_REJECTED };

#define SIDE_MEMORY_MAX ((size_t)64 << 10) /* one file's content in memory */

struct side_file; /* a scratch file */
struct side_dir;  /* a directory whose scratch files are in the table */

/* Told when a file could not be written behind its writer's back: `path` as the
 * tree shows it, `uid` who made it. Called without side.lock. */
struct side_report {
	void (*failed)(void *arg, uid_t uid, const char *path, const struct err *err);
	void *arg;
};

struct side {
	char *root;		     /* SITE/side */
	uint64_t max_bytes;	     /* of scratch files in all */
	uint64_t max_files;	     /* scratch files in one directory */
	uint64_t max_rejected;	     /* kept in one directory */
	_Atomic uint64_t serial;     /* makes names of refused texts unique */
	struct side_report report;   /* may be empty */
	pthread_mutex_t events_lock; /* held while an event log is added to or cut */
	/* Guards all below and what hangs off it; let go of while a file is written
	 * or removed on disk (side_file.busy). */
	pthread_mutex_t lock;
	pthread_cond_t quiet;		      /* some file is no longer busy */
	pthread_cond_t wake;		      /* the thread has something to do */
	TAILQ_HEAD(side_dirs, side_dir) dirs; /* the last used first */
	unsigned n_dirs;
	TAILQ_HEAD(side_fresh, side_file) fresh; /* in memory only; the first due first */
	uint64_t bytes;				 /* of scratch files, in memory and on disk */
	uint64_t held;				 /* of them in memory */
	bool failing; /* the disk refused the last: nothing is put off now */
	bool idle;    /* the thread waits without a time */
	bool stop;
	bool threaded;
	pthread_t thread;
};

/* Sets what is above max_bytes and report (set by the caller before) aside. */
int side_init(struct side *s, const char *site, struct err *err);
/* What is in memory goes to disk. After a side_init() that failed, or none: nothing. */
void side_finish(struct side *s);

/* Below, `dir` is a directory's path in the tree ("/dynamodb/Users"). Errors
 * are the system's errno; ENOSPC with a sentence when a limit is reached. Only
 * one request at a time may work on one name: the kernel sees to it. */

/* lstat of one file. ENOENT quietly (no message is made for it). */
int side_stat(struct side *s, enum side_kind kind, const char *dir, const char *name,
	struct stat *out, struct err *err);
int side_unlink(
	struct side *s, enum side_kind kind, const char *dir, const char *name, struct err *err);
int side_symlink(
	struct side *s, const char *dir, const char *name, const char *target, struct err *err);
int side_readlink(
	struct side *s, const char *dir, const char *name, struct buf *out, struct err *err);
/* renameat2(2) within scratch; flags as there. */
int side_rename(struct side *s, const char *from_dir, const char *from, const char *to_dir,
	const char *to, unsigned flags, struct err *err);
/* Mode (unless `mode` is NULL) and times as for futimens(3) of a regular file. */
int side_set(struct side *s, const char *dir, const char *name, const mode_t *mode,
	const struct timespec times[2], struct err *err);

/* How side_open() is to open. */
struct side_how {
	int flags;   /* O_CREAT, O_EXCL, O_TRUNC count; it can always be read and written */
	mode_t mode; /* with O_CREAT */
	uid_t uid;   /* who is told when it cannot be kept */
};

/* A scratch file to read and write, also after its name is gone; ends with
 * side_close(). */
int side_open(struct side *s, const char *dir, const char *name, const struct side_how *how,
	struct side_file **out, struct err *err);
void side_close(struct side *s, struct side_file *f); /* NULL is fine */
/* *out becomes what is there from `offset` on, n bytes at most. */
int side_read(struct side *s, struct side_file *f, off_t offset, size_t n, struct buf *out,
	struct err *err);
/* Takes all of data or fails. */
int side_write(struct side *s, struct side_file *f, struct slice data, off_t offset, bool append,
	struct err *err);
int side_truncate(struct side *s, struct side_file *f, off_t size, struct err *err);
/* fsync(2) */
int side_sync(struct side *s, struct side_file *f, struct err *err);
uint64_t side_size(struct side *s, struct side_file *f);

/* A refused text's descriptor, for reading, that the caller closes; or -errno. */
int side_open_rejected(struct side *s, const char *dir, const char *name, struct err *err);

/* Names in byte order, NUL-separated in out; their number is bounded by the
 * limits. Nothing there: empty. mtime_ns (may be NULL): when the list last changed, 0 never. */
int side_list(struct side *s, enum side_kind kind, const char *dir, struct buf *out,
	int64_t *mtime_ns, struct err *err);

/* The directories directly below `dir` for which anything is kept; NUL-separated. */
void side_list_dirs(struct side *s, const char *dir, struct buf *out);

/* Everything kept for directory `from` and below now belongs to `to`, and what was
 * kept for `to` to `from`. False: nothing is kept for `from`. */
bool side_move_dir(struct side *s, const char *from, const char *to);
/* The scratch files of a directory that is gone, and of those below it. */
void side_drop_dir(struct side *s, const char *dir);

/* Keeps a refused text as `<time>-<name>`; the oldest beyond the limit go. The
 * name is appended to out. */
int side_reject(struct side *s, const char *dir, const char *name, struct slice text,
	struct buf *out, struct err *err);

/* A log that has grown to SIDE_EVENTS_MAX is replaced by its newer half. */
#define SIDE_EVENTS_MAX ((off_t)4 << 20)
/* The path on disk of a directory's event log, and adding a line to it. */
void side_events_path(struct side *s, const char *dir, struct buf *out);
/* Makes an empty file, and the folders above it, where there is none. */
void side_touch(const char *path);
void side_event(struct side *s, const char *dir, const char *text);

/* The time now as RFC 3339 in UTC, to the second; and with milliseconds. */
#define TIME_TEXT_MAX 40
void time_text(char out[TIME_TEXT_MAX], bool milliseconds);
/* Of a clock that only goes forward. */
int64_t monotonic_ns(void);

#endif
