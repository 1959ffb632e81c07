/* Keys, within a transaction. Every type's elements are in a table of its own, under the key's
 * id; what all keys have is here: name, type, expiry, version, sizes. */
#ifndef DBMOUNT_REDIS_KEY_H
#define DBMOUNT_REDIS_KEY_H

#include "engines/cache/redis/db.h"

enum redis_type {
	REDIS_STRING, /* the numbers are stored, and are the forms of tree.c's names */
	REDIS_HASH,
	REDIS_LIST,
	REDIS_SET,
	REDIS_ZSET,
	REDIS_STREAM,
	REDIS_TYPES
};

struct redis_key {
	int64_t id;
	enum redis_type type;
	int64_t expires_ms; /* 0: never */
	uint64_t version;
	int64_t mtime_ns; /* of the last change; of a typed key: of its list of elements */
	uint64_t n;	  /* elements; of a string: bytes */
	uint64_t bytes;	  /* of names and values, without what each costs besides (REDIS_COST..) */
	int64_t a, b, c;  /* its type's own: a list's first position, a stream's last id, .. */
	/* key.c's own: */
	int64_t row;	 /* 0: not stored yet */
	uint64_t stored; /* what it counts against maxmemory as stored */
};

/* What a key and an element count against maxmemory, beside their bytes. */
#define REDIS_COST_KEY	   64
#define REDIS_COST_ELEMENT 32

/* 1 and *out; 0: there is none, or it has expired (a write deletes it then). */
int redis_key_find(struct redis_txn *t, struct slice name, struct redis_key *out, struct err *err);
/* The same, which is no use of the key and no hit or miss: TYPE, TTL, a file's stat. */
int redis_key_peek(struct redis_txn *t, struct slice name, struct redis_key *out, struct err *err);
/* redis_key_find(); of another type: EINVAL "WRONGTYPE Operation against a key holding the wrong
 * kind of value". */
int redis_key_typed(struct redis_txn *t, struct slice name, enum redis_type type,
	struct redis_key *out, struct err *err);
/* redis_key_typed(), made when there is none: with an id and no elements. It is stored by
 * redis_key_save(), not before: whoever fails first leaves nothing. 1: it was there, 0: it is new.
 */
int redis_key_open(struct redis_txn *t, struct slice name, enum redis_type type,
	struct redis_key *out, struct err *err);
/* After a change of its elements: saves n, bytes, expires_ms, a, b, c; gives it a new version and
 * time; deletes it when it is empty and no stream or string. Notes for told(): `element` alone
 * changed (its file's content), or NULL: the list of elements, too. */
int redis_key_save(struct redis_txn *t, struct slice name, struct redis_key *key,
	const struct slice *element, struct err *err);
/* With its elements. */
int redis_key_delete(
	struct redis_txn *t, struct slice name, const struct redis_key *key, struct err *err);
/* expires_ms 0: never. In the past: deletes it. */
int redis_key_expire(struct redis_txn *t, struct slice name, struct redis_key *key,
	int64_t expires_ms, struct err *err);
/* To a name that is replaced if there; expiry goes along. */
int redis_key_rename(struct redis_txn *t, struct slice from, const struct redis_key *key,
	struct slice to, struct err *err);
int redis_key_copy(struct redis_txn *t, struct slice from, const struct redis_key *key,
	struct slice to, struct err *err);

/* How many there are, expired ones that are not deleted yet among them; when their list changed. */
int redis_keys_count(struct redis_txn *t, uint64_t *out, struct err *err);
int redis_keys_mtime(struct redis_txn *t, int64_t *out, struct err *err);
/* All go. Told as `anything`. */
int redis_keys_flush(struct redis_txn *t, struct err *err);

/* The keys behind `after` (NULL: from the first) in byte order of names, expired ones left out,
 * until fn returns non-zero (which is returned). fn does not write. */
typedef int redis_key_fn(
	void *arg, struct slice name, const struct redis_key *key, struct err *err);
int redis_key_each(struct redis_txn *t, const struct slice *after, redis_key_fn *fn, void *arg,
	struct err *err);

/* redis_key_typed() of a string whose value is appended, in one step. */
int redis_string_read(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct buf *out, struct err *err);
int redis_string_get(
	struct redis_txn *t, const struct redis_key *key, struct buf *out, struct err *err);
/* SET: takes the place of any type; keeps nothing of what was there but (keep_ttl) the expiry,
 * unless expires_ms says one. EFBIG: "ERR string exceeds maximum allowed size
 * (proto-max-bulk-len)". */
#define REDIS_STRING_MAX ((size_t)512 << 20)
int redis_string_set(struct redis_txn *t, struct slice name, struct slice value, bool keep_ttl,
	int64_t expires_ms, struct redis_key *out, struct err *err);
/* Another value of one that was found; its expiry stays. */
int redis_string_change(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice value, struct err *err);

/* Moves whenever a key of this name is made (and, as it is counted by the name's hash, seldom when
 * another is): by it WATCH knows a key that was not there and is not there again. (long.c) */
uint64_t redis_made(struct redis_txn *t, struct slice name);

/* Names too long for a file name (name_is_long()), so that the tree finds them by their hash.
 * owner: 0 for keys, a key's id for its elements; what deletes all of a key's elements need not
 * remove theirs. Does nothing for short ones. (Of keys, key.c calls them.) */
int redis_long_add(struct redis_txn *t, int64_t owner, struct slice name, struct err *err);
int redis_long_remove(struct redis_txn *t, int64_t owner, struct slice name, struct err *err);
/* ENOENT. */
int redis_long_find(struct redis_txn *t, int64_t owner, const unsigned char hash[16],
	struct buf *name, struct err *err);

#endif
