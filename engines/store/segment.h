/* A directory of segments: files of records, each named by its first sequence
 * (16 hexadecimal digits and ".seg"), begun anew beyond SEGMENT_BYTES. Knows
 * records (record.h), not what the pages in them mean; pagelog.h stands on it.
 *
 * One thread appends; others may read and drop meanwhile. A reader sees what is
 * durable, nothing else; of a lazy log, what is appended. */
#ifndef DBMOUNT_SEGMENT_H
#define DBMOUNT_SEGMENT_H

#include <pthread.h>

#include "engines/store/record.h"

#define SEGMENT_BYTES (UINT64_C(16) << 20)

struct segment {
	uint64_t first;
	uint64_t bytes; /* of whole, durable records */
};

struct segments {
	const struct disk_ops *disk;
	char *dir;
	int fd;	     /* the newest segment, -1 when there is none; the appender's */
	int next_fd; /* of one written and not published, -1: none; the appender's */
	bool ragged; /* an append failed: bytes beyond the end; the appender's */
	bool lazy;   /* appends are durable after segments_sync() only; set after opening */
	bool dirty;  /* something is not; the appender's */
	bool torn;   /* found when it was opened: whole records behind a broken one, cut off */

	pthread_mutex_t lock;
	struct segment *list; /* under lock from here on; oldest first */
	size_t n;
	size_t cap;
	struct record last; /* the newest record's fixed part; sequence 0: none */
};

/* Makes the directory if need be and finds the end of the log. What a crash
 * left of the last record is cut off; damage before that is EIO. */
int segments_open(
	struct segments *s, const struct disk_ops *disk, const char *dir, struct err *err);
/* The same of a log that is lazy: power loss may have left whole records behind a broken one;
 * it ends before that, and `torn` says so. */
int segments_open_lazy(
	struct segments *s, const struct disk_ops *disk, const char *dir, struct err *err);
/* Also after a failed segments_open(), and of zeros. */
void segments_close(struct segments *s);

/* Durable when it returns 0. `bytes` is the whole record whose header is `r`;
 * its sequence follows the last one, or is any when there is no segment. After a
 * failure the log ends where it did; the same or another record may be tried. */
int segments_append(
	struct segments *s, const struct record *r, struct slice bytes, struct err *err);

/* The same in two steps: durable with the first, seen by readers with the second,
 * which must follow before anything else is written. */
int segments_write(struct segments *s, const struct record *r, struct slice bytes, struct err *err);
void segments_publish(struct segments *s, const struct record *r, size_t n);
/* The appender's: all that was appended to a lazy log survives power loss. */
int segments_sync(struct segments *s, struct err *err);

/* Oldest sequence held, newest, time of the newest; 0 when empty. */
uint64_t segments_first(struct segments *s);
struct record segments_last(struct segments *s);

/* Removes the segments wholly below `sequence`; the newest always stays. */
int segments_drop_below(struct segments *s, uint64_t sequence, struct err *err);

/* The newest record not after `time_ns`; 0 when there is none. */
int segments_find_time(struct segments *s, int64_t time_ns, uint64_t *out, struct err *err);

/* ---- reading ---- */

struct segment_reader {
	struct segments *s;
	uint64_t next; /* the sequence it gives next; may be set at any time */
	int fd;	       /* of the segment that begins with `first`; -1: none */
	uint64_t first;
	uint64_t offset; /* where record `at` begins */
	uint64_t at;
	struct buf bytes; /* the record given last */
};

void segment_reader_init(struct segment_reader *r, struct segments *s, uint64_t next);
void segment_reader_finish(struct segment_reader *r);

/* The next record, checked: 1 and *out (valid until the next call), 0 when there
 * is none yet. ENODATA: it was dropped. EIO: damaged. On an error it may be
 * called again. */
int segment_reader_next(struct segment_reader *r, struct record *out, struct err *err);
/* The fixed part of the next record, without going on. */
int segment_reader_peek(struct segment_reader *r, struct record *out, struct err *err);
/* Bytes of the records not given yet. */
uint64_t segment_reader_behind(struct segment_reader *r);

#endif
