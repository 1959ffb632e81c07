/* Files of ours beside the data: scratch files of editors, refused texts,
 * event logs. Ordinary files under SITE/side, in a folder for each directory of
 * the tree, so they survive a crash and move with their directory. */
#ifndef DBMOUNT_FS_SIDE_H
#define DBMOUNT_FS_SIDE_H

#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>

#include "engines/common/buf.h"
#include "engines/common/epath.h"

enum side_kind { SIDE_SCRATCH, SIDE_REJECTED };

struct side {
	char *root;		 /* SITE/side */
	uint64_t max_bytes;	 /* of scratch files in all */
	uint64_t max_files;	 /* scratch files in one directory */
	uint64_t max_rejected;	 /* kept in one directory */
	_Atomic uint64_t bytes;	 /* scratch bytes now */
	_Atomic uint64_t serial; /* makes names of refused texts unique */
};

int side_init(struct side *s, const char *site, struct err *err);
void side_finish(struct side *s);

/* Below, `dir` is a directory's path in the tree ("/dynamodb/Users"). Errors
 * are the system's errno; ENOSPC with a sentence when a limit is reached. */

/* lstat of one file. ENOENT quietly (no message is made for it). */
int side_stat(struct side *s, enum side_kind kind, const char *dir, const char *name,
	struct stat *out, struct err *err);
/* open(2); with O_CREAT the folder is made and the number of files checked.
 * Returns a descriptor the caller closes, or -errno. */
int side_open(struct side *s, enum side_kind kind, const char *dir, const char *name, int flags,
	mode_t mode, struct err *err);
int side_unlink(
	struct side *s, enum side_kind kind, const char *dir, const char *name, struct err *err);
int side_symlink(
	struct side *s, const char *dir, const char *name, const char *target, struct err *err);
int side_readlink(
	struct side *s, const char *dir, const char *name, struct buf *out, struct err *err);
/* renameat2(2) within scratch; flags as there. */
int side_rename(struct side *s, const char *from_dir, const char *from, const char *to_dir,
	const char *to, unsigned flags, struct err *err);
/* pwrite and ftruncate that keep the count of bytes and refuse beyond the limit. */
int side_write(
	struct side *s, int fd, struct slice data, off_t offset, bool append, struct err *err);
int side_truncate(struct side *s, int fd, off_t size, struct err *err);

/* Names in byte order, NUL-separated in out; their number is bounded by the
 * limits. Nothing there: empty. mtime_ns (may be NULL): when the list last changed, 0 never. */
int side_list(struct side *s, enum side_kind kind, const char *dir, struct buf *out,
	int64_t *mtime_ns, struct err *err);

/* The directories directly below `dir` for which anything is kept; NUL-separated. */
void side_list_dirs(struct side *s, const char *dir, struct buf *out);

/* Everything kept for directory `from` and below now belongs to `to`. */
void side_move_dir(struct side *s, const char *from, const char *to);
/* The scratch files of a directory that is gone, and of those below it. */
void side_drop_dir(struct side *s, const char *dir);

/* Keeps a refused text as `<time>-<name>`; the oldest beyond the limit go. The
 * name is appended to out. */
int side_reject(struct side *s, const char *dir, const char *name, struct slice text,
	struct buf *out, struct err *err);

/* The path on disk of a directory's event log, and adding a line to it. */
void side_events_path(struct side *s, const char *dir, struct buf *out);
/* Makes an empty file, and the folders above it, where there is none. */
void side_touch(const char *path);
void side_event(struct side *s, const char *dir, const char *text);

/* The time now as RFC 3339 in UTC, to the second; and with milliseconds. */
#define TIME_TEXT_MAX 40
void time_text(char out[TIME_TEXT_MAX], bool milliseconds);
int64_t time_now_ns(void);
/* Of a clock that only goes forward. */
int64_t monotonic_ns(void);

#endif
