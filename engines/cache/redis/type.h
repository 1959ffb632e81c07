/* What each type of key is as a directory, and what key.c does not know of it: a table of
 * functions a type (hash.c, list.c, set.c, zset.c, stream.c). The tree (tree.c) asks by it.
 *
 * `element` is the key of an element's file: a hash's field, a list's index in decimal digits, a
 * set's or sorted set's member, a stream's id. */
#ifndef DBMOUNT_REDIS_TYPE_H
#define DBMOUNT_REDIS_TYPE_H

#include "engines/cache/redis/key.h"
#include "engines/engine.h"

/* A write of an element, as engine_ops.write has it. */
struct redis_put {
	struct slice element;
	struct slice text;
	uint64_t expect; /* of the element; ENGINE_VERSION_ABSENT, _ANY */
};

struct redis_type_ops {
	const char *name;		     /* "hash", as TYPE says */
	const char *suffix;		     /* ".hash" */
	const char *noun;		     /* "field": what an element is called */
	const char *help;		     /* paragraphs for .help */
	const struct engine_script *scripts; /* beside what all have; may be NULL */

	/* Whether an element may be called so. EINVAL with what would be. */
	int (*check)(struct slice element, struct err *err);
	/* What write would refuse of this text, known without the key. EINVAL. */
	int (*check_text)(struct slice element, struct slice text, struct err *err);
	/* ENOENT. size: exactly what read gives. */
	int (*stat)(struct redis_txn *t, const struct redis_key *key, struct slice element,
		struct engine_info *out, struct err *err);
	/* Behind `after`, in a fixed order, whether or not that is still there; non-zero of emit
	 * ends it. As engine_ops.list. */
	int (*list)(struct redis_txn *t, const struct redis_key *key, const struct slice *after,
		engine_emit *emit, void *arg, struct err *err);
	int (*read)(struct redis_txn *t, const struct redis_key *key, struct slice element,
		struct buf *out, struct engine_info *info, struct err *err);
	/* Within a write, of a key from redis_key_open(); saves it. The same text again changes
	 * nothing. EBUSY, EEXIST, ENOENT by `expect`. */
	int (*write)(struct redis_txn *t, struct slice name, struct redis_key *key,
		const struct redis_put *put, struct engine_info *out, struct err *err);
	int (*remove)(struct redis_txn *t, struct slice name, struct redis_key *key,
		struct slice element, uint64_t expect, struct err *err);
	/* Within one key; flags as renameat2(2). NULL: EXDEV. */
	int (*rename)(struct redis_txn *t, struct slice name, struct redis_key *key,
		struct slice from, struct slice to, unsigned flags, struct err *err);

	/* A text written to one of `scripts`; `format` is its name without the dot. Within a
	 * write, of a key from redis_key_open(); saves it. `report`: lines for who reads the
	 * script. EINVAL names the line. NULL: no scripts. */
	int (*script)(struct redis_txn *t, struct slice name, struct redis_key *key,
		const char *format, struct slice text, struct buf *report, struct err *err);

	/* All elements go; the key's row is the caller's. */
	int (*drop)(struct redis_txn *t, const struct redis_key *key, struct err *err);
	/* All elements of `from`, under the id `to` as well. */
	int (*copy)(struct redis_txn *t, const struct redis_key *from, int64_t to, struct err *err);

	/* As one JSON text (.export/json): what `load` takes; bytes that are no UTF-8 as
	 * {"$b": "base64"}. */
	int (*export_json)(
		struct redis_txn *t, const struct redis_key *key, struct buf *out, struct err *err);
	/* Adds what the text holds to a key from redis_key_open(), and saves it. `fresh`: an
	 * element that is there already is EEXIST. *n: how many. EINVAL with line and column. */
	int (*import_json)(struct redis_txn *t, struct slice name, struct redis_key *key,
		struct slice text, bool fresh, uint64_t *n, struct err *err);
};

/* By enum redis_type; that of a string has name and suffix only. */
extern const struct redis_type_ops *const redis_types[REDIS_TYPES];
extern const struct redis_type_ops redis_string_type;
extern const struct redis_type_ops redis_hash_type;
extern const struct redis_type_ops redis_list_type;
extern const struct redis_type_ops redis_set_type;
extern const struct redis_type_ops redis_zset_type;
extern const struct redis_type_ops redis_stream_type;

/* The names of keys' files and directories: the suffixes of the types (tree.c). */
extern const struct name_rules redis_names;

#endif
