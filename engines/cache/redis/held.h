/* Typed directories without elements, of which Redis knows nothing: one that mkdir made and that
 * waits for its first element (listed), and one whose last element was just removed as a file (not
 * listed, there for the rmdir that `rm -r` ends with). In memory, one a name, gone with the mount.
 *
 * Why not as DynamoDB keeps its empty partitions: those are rows in the table, marked by the mount
 * that may see them, and a replica of it has them. Here a row would be a key for every command. */
#ifndef DBMOUNT_REDIS_HELD_H
#define DBMOUNT_REDIS_HELD_H

#include <pthread.h>

#include "engines/cache/redis/key.h"
#include "engines/common/name.h"

#define HELD_LISTED_MAX	  4096
#define HELD_UNLISTED_MAX 256 /* the oldest go */

struct redis_held_dir {
	enum redis_type type;
	bool listed;
	int64_t time_ns; /* since when */
};

struct redis_held {
	pthread_mutex_t lock;		  /* taken last */
	struct redis_held_entry *entries; /* under lock; in byte order of names */
	size_t n, cap;			  /* under lock */
	_Atomic bool any;		  /* most of the time there is none */
	int64_t gone_ns;		  /* under lock; when a listed one went last */
};

void redis_held_init(struct redis_held *h);
void redis_held_finish(struct redis_held *h);

/* In place of what is held under this name. ENOSPC, ENOMEM; where it is not listed, running out of
 * memory is no failure. */
int redis_held_add(struct redis_held *h, struct slice name, enum redis_type type, bool listed,
	struct err *err);
bool redis_held_find(struct redis_held *h, struct slice name, struct redis_held_dir *out);
bool redis_held_remove(struct redis_held *h, struct slice name);
/* The first listed one behind `after` (NULL: of all): its name is appended. */
bool redis_held_next(struct redis_held *h, const struct slice *after, struct buf *name,
	struct redis_held_dir *out);
bool redis_held_hashed(struct redis_held *h, const unsigned char hash[NAME_HASH_BYTES],
	struct buf *name, struct redis_held_dir *out);
/* When the last listed one was made or went; 0: there was none. */
int64_t redis_held_time(struct redis_held *h);

#endif
