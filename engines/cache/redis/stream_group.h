/* Consumer groups of streams: where each group stands, who its consumers are, what they were given
 * and did not acknowledge. These rows are no part of the stream's content as files, so its key is
 * not saved for them. */
#ifndef DBMOUNT_REDIS_STREAM_GROUP_H
#define DBMOUNT_REDIS_STREAM_GROUP_H

#include "engines/cache/redis/stream.h"

#define REDIS_READ_UNKNOWN (-1)

/* One that a command deals with. */
struct redis_group {
	const struct redis_key *key;
	struct slice name;
	struct redis_id last; /* was given out */
	int64_t read;	      /* how many entries, REDIS_READ_UNKNOWN */
};

/* 1, 0: there is none. */
int redis_group_find(struct redis_txn *t, const struct redis_key *key, struct slice name,
	struct redis_group *out, struct err *err);
/* Makes it or changes where it stands. */
int redis_group_save(struct redis_txn *t, const struct redis_group *g, struct err *err);
/* With its consumers. */
int redis_group_delete(struct redis_txn *t, const struct redis_group *g, struct err *err);
/* The group's name is borrowed for the call. */
typedef int redis_group_fn(void *arg, const struct redis_group *g, struct err *err);
int redis_group_each(struct redis_txn *t, const struct redis_key *key, redis_group_fn *fn,
	void *arg, struct err *err);
/* How many entries of the stream it has not been given; -1: not known. And how many it has been
 * given at `id`, as far as that can be told. */
int redis_group_lag(
	struct redis_txn *t, const struct redis_group *g, int64_t *out, struct err *err);
int redis_group_passed(
	struct redis_txn *t, struct redis_group *g, struct redis_id id, struct err *err);

/* Makes it when there is none (*made, may be NULL) and notes that it was seen now. */
int redis_consumer_seen(struct redis_txn *t, const struct redis_group *g, struct slice name,
	bool *made, struct err *err);
int redis_consumer_delete(struct redis_txn *t, const struct redis_group *g, struct slice name,
	int64_t *pending, struct err *err);
struct redis_consumer {
	struct slice name;
	int64_t seen_ms;
	int64_t pending;
};
typedef int redis_consumer_fn(void *arg, const struct redis_consumer *c, struct err *err);
int redis_consumer_each(struct redis_txn *t, const struct redis_group *g, redis_consumer_fn *fn,
	void *arg, struct err *err);

/* An entry that was given out. */
struct redis_pending {
	struct redis_id id;
	struct slice consumer;
	int64_t delivered_ms;
	int64_t times;
};
int redis_pending_put(struct redis_txn *t, const struct redis_group *g,
	const struct redis_pending *p, struct err *err);
/* 1: it was pending, 0. */
int redis_pending_remove(
	struct redis_txn *t, const struct redis_group *g, struct redis_id id, struct err *err);
/* 1, 0; out->consumer stands in `consumer`. */
int redis_pending_find(struct redis_txn *t, const struct redis_group *g, struct redis_id id,
	struct buf *consumer, struct redis_pending *out, struct err *err);
typedef int redis_pending_fn(void *arg, const struct redis_pending *p, struct err *err);
/* In order of ids, of one consumer or (NULL) of all; fn does not write. */
int redis_pending_each(struct redis_txn *t, const struct redis_group *g,
	const struct slice *consumer, struct redis_id from, redis_pending_fn *fn, void *arg,
	struct err *err);
/* The first from `from` on, of one consumer or of all: 1, 0. As redis_pending_find(). */
int redis_pending_next(struct redis_txn *t, const struct redis_group *g,
	const struct slice *consumer, struct redis_id from, struct buf *name,
	struct redis_pending *out, struct err *err);
int redis_pending_count(
	struct redis_txn *t, const struct redis_group *g, int64_t *out, struct err *err);

int redis_groups_drop(struct redis_txn *t, int64_t key, struct err *err);
int redis_groups_copy(struct redis_txn *t, int64_t from, int64_t to, struct err *err);

#endif
