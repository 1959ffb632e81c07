/* Lists, for their commands (commands/lists*.c) and files (list.c).
 *
 * An element stands under a position; positions follow each other without a gap, key.a is the
 * first. So an index is an offset, both ends grow by one row, and what changes in the middle moves
 * the rows on the shorter side.
 *
 * What changes a list counts in *key, which the caller saves. */
#ifndef DBMOUNT_REDIS_LIST_H
#define DBMOUNT_REDIS_LIST_H

#include "engines/cache/redis/key.h"

/* Where an index of a command is, negative from the end. False: there is no such element. */
bool redis_list_index(const struct redis_key *key, int64_t index, uint64_t *out);
/* A range of a command, both ends in it, cut to what is there: from *first on *n elements. */
void redis_list_range(
	const struct redis_key *key, int64_t start, int64_t stop, uint64_t *first, uint64_t *n);

int redis_list_push(
	struct redis_txn *t, struct redis_key *key, bool left, struct slice value, struct err *err);
/* Of elements that are there. */
int redis_list_get(struct redis_txn *t, const struct redis_key *key, uint64_t index,
	struct buf *out, struct err *err);
int redis_list_set(struct redis_txn *t, struct redis_key *key, uint64_t index, struct slice value,
	struct err *err);
/* Before the one at `index`, or (index n) behind the last. */
int redis_list_insert(struct redis_txn *t, struct redis_key *key, uint64_t index,
	struct slice value, struct err *err);
/* Those at these indexes, which rise. */
int redis_list_remove(struct redis_txn *t, struct redis_key *key, const uint64_t *index, size_t n,
	struct err *err);
/* Keeps n from `first` on. */
int redis_list_trim(
	struct redis_txn *t, struct redis_key *key, uint64_t first, uint64_t n, struct err *err);

/* Non-zero ends it and is returned. Does not write. */
typedef int redis_list_fn(void *arg, uint64_t index, struct slice value, struct err *err);
/* From `index` on, forwards or backwards, at most n. */
int redis_list_each(struct redis_txn *t, const struct redis_key *key, uint64_t index, bool backward,
	uint64_t n, redis_list_fn *fn, void *arg, struct err *err);

#endif
