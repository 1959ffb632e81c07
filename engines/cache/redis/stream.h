/* Streams, for their commands (commands/streams*.c) and files (stream_files.c).
 *
 * Of a stream's key a and b are the id given out last, c is how many entries were ever added; the
 * greatest id that XDEL removed stands in the table tombstone. What changes a stream counts in
 * *key, which the caller saves. */
#ifndef DBMOUNT_REDIS_STREAM_H
#define DBMOUNT_REDIS_STREAM_H

#include "engines/cache/redis/key.h"

struct redis_id {
	uint64_t ms, seq;
};

#define REDIS_ID_MIN   ((struct redis_id){0, 0})
#define REDIS_ID_MAX   ((struct redis_id){UINT64_MAX, UINT64_MAX})
#define REDIS_ID_BYTES 16
#define REDIS_ID_TEXT  44

/* ---- ids (stream_id.c) ---- */

int redis_id_compare(struct redis_id a, struct redis_id b);
static inline bool redis_id_is_zero(struct redis_id id)
{
	return id.ms == 0 && id.seq == 0;
}
/* The next and the one before; false: there is none. */
bool redis_id_next(struct redis_id *id);
bool redis_id_previous(struct redis_id *id);
/* "5-1"; "5", whose sequence is `seq` then. `strict`: not the words - and + for the least and the
 * greatest. `ERR Invalid stream ID specified as stream command argument` */
int redis_id_parse(
	struct slice text, bool strict, uint64_t seq, struct redis_id *out, struct err *err);
/* An end of a range: "(5-1" is without it. */
int redis_id_parse_start(struct slice text, struct redis_id *out, struct err *err);
int redis_id_parse_end(struct slice text, struct redis_id *out, struct err *err);
/* Only as it is printed: the name of a file. */
bool redis_id_parse_name(struct slice text, struct redis_id *out);
struct slice redis_id_print(struct redis_id id, char out[REDIS_ID_TEXT]);
void redis_reply_id(struct buf *out, struct redis_id id);
/* As it stands in the tables: in byte order. */
struct slice redis_id_pack(struct redis_id id, unsigned char out[REDIS_ID_BYTES]);
struct redis_id redis_id_unpack(struct slice packed);

/* ---- entries (stream.c) ---- */

static inline struct redis_id redis_stream_last(const struct redis_key *key)
{
	return (struct redis_id){(uint64_t)key->a, (uint64_t)key->b};
}

/* The id of an entry to be added: what is asked for (`*` neither, `5-*` ms alone) made whole.
 * EINVAL with XADD's texts when it is not greater than the last. */
struct redis_id_asked {
	struct redis_id id;
	bool has_ms, has_seq;
};
int redis_stream_next_id(struct redis_txn *t, const struct redis_key *key,
	const struct redis_id_asked *asked, struct redis_id *out, struct err *err);
/* `fields`: bulks of RESP, one behind the other. */
int redis_stream_add(struct redis_txn *t, struct redis_key *key, struct redis_id id,
	struct slice fields, struct err *err);
/* 1: it was there, 0. */
int redis_stream_remove(
	struct redis_txn *t, struct redis_key *key, struct redis_id id, struct err *err);

enum redis_trim_by { REDIS_TRIM_NONE, REDIS_TRIM_MAXLEN, REDIS_TRIM_MINID };
struct redis_trim {
	enum redis_trim_by by;
	bool about; /* ~ */
	int64_t maxlen;
	struct redis_id minid;
	int64_t limit; /* of entries that go, 0: none */
};
int redis_stream_trim(struct redis_txn *t, struct redis_key *key, const struct redis_trim *trim,
	int64_t *removed, struct err *err);

/* Non-zero ends it and is returned. Does not write to this stream's entries. */
typedef int redis_entry_fn(void *arg, struct redis_id id, struct slice fields, struct err *err);
struct redis_entries {
	struct redis_id from, to; /* both in it */
	bool backward;
	int64_t max; /* -1: all */
};
int redis_stream_each(struct redis_txn *t, const struct redis_key *key,
	const struct redis_entries *which, redis_entry_fn *fn, void *arg, struct err *err);
/* 1, 0: there is none. `fields` may be NULL. */
int redis_stream_find(struct redis_txn *t, const struct redis_key *key, struct redis_id id,
	struct buf *fields, struct err *err);
/* The first entry's id, 0-0 without entries. */
int redis_stream_first(
	struct redis_txn *t, const struct redis_key *key, struct redis_id *out, struct err *err);
/* The greatest that was removed by XDEL, 0-0: none. */
int redis_stream_deleted(
	struct redis_txn *t, const struct redis_key *key, struct redis_id *out, struct err *err);
int redis_stream_set_deleted(
	struct redis_txn *t, const struct redis_key *key, struct redis_id id, struct err *err);

/* How many bulks there are. */
size_t redis_fields_count(struct slice fields);
/* Two replies in an array: the id, the array of the fields. */
void redis_reply_entry(struct buf *out, struct redis_id id, struct slice fields);

#endif
