/* Base copies of a database, and any commit since the oldest of them built from
 * a base and the page log.
 *
 * A directory of files `<sequence>-<time>.base` (16 hexadecimal digits each):
 * exactly the database after that commit of the log, in rollback mode, closed
 * cleanly. Copies made from them share disk where the file system allows.
 * Functions that make or remove bases of one directory take turns; building may
 * go on meanwhile, as long as its base is not pruned. */
#ifndef DBMOUNT_BASE_H
#define DBMOUNT_BASE_H

#include "engines/store/pagelog.h"

/* Plain values, borrowed for each call. */
struct base_set {
	const char *dir;
	struct pagelog *log;
	const struct disk_ops *disk; /* NULL: disk_system */
};

struct base {
	uint64_t sequence;
	int64_t time_ns; /* of that commit; of the copy when there was none yet */
};

/* A copy of the live store whose tap is the set's log; writers go on. Durable.
 * EBUSY: the log lacks a commit at present (appends fail). */
int base_take(const struct base_set *set, struct store *live, struct base *out, struct err *err);

/* A new base from the newest one and the log; the live store is not touched, and
 * only pages changed since take new disk where copies share. */
int base_roll(const struct base_set *set, struct base *out, struct err *err);

/* Oldest first; free() the array. */
int base_list(const struct base_set *set, struct base **out, size_t *n, struct err *err);
/* The base's file name, appended. */
void base_path(const struct base_set *set, const struct base *b, struct buf *out);
/* ENODATA when there is none at or below `sequence`. */
int base_find(const struct base_set *set, uint64_t sequence, struct base *out, struct err *err);

/* The database after commit `sequence` as a new, durable file that
 * store_open(read_only), or store_open() for good, takes. EEXIST; ENODATA: not
 * within what bases and log hold. After a crash PATH.part may be left. */
int base_build(const struct base_set *set, uint64_t sequence, const char *path, struct err *err);
/* As it was at `time_ns`; *sequence (may be NULL): that of the last commit in it. */
int base_build_time(const struct base_set *set, int64_t time_ns, const char *path,
	uint64_t *sequence, struct err *err);

/* Removes bases, then segments, that are not needed to build any commit from
 * `oldest_ns` on, nor by a replica that has applied up to `hold` (UINT64_MAX: no
 * replica). */
int base_prune(const struct base_set *set, int64_t oldest_ns, uint64_t hold, struct err *err);

#endif
