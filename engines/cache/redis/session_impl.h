/* Inside a session: what session.c, watch.c and the commands about sessions share. */
#ifndef DBMOUNT_REDIS_SESSION_IMPL_H
#define DBMOUNT_REDIS_SESSION_IMPL_H

#include "engines/cache/redis/parse.h"
#include "engines/cache/redis/session.h"

/* What a session holds of text that was not run yet. */
#define SESSION_BYTES_MAX ((size_t)64 << 20)

struct redis_watch {
	STAILQ_ENTRY(redis_watch) next;
	uint64_t version; /* 0: the key was not there */
	uint64_t made;	  /* and this was redis_made() */
	struct slice key; /* its bytes stand behind */
};
STAILQ_HEAD(redis_watches, redis_watch);

struct redis_session {
	struct redis_server *server;
	uint64_t id;
	int64_t began_ms;
	struct buf name; /* as CLIENT SETNAME says */
	struct redis_parser parser;
	struct err broken; /* why text was refused by feed */

	struct redis_queue pending; /* whole, not run */
	struct redis_queue queued;  /* since MULTI */
	unsigned n_queued;
	size_t bytes; /* of both */

	struct buf published; /* by the transaction that runs: publish.c */

	bool talks; /* it is a connection, no batch */
	bool multi;
	bool refused; /* one since MULTI could not be queued */
	bool quit;
	struct redis_watches watches;
};

/* ---- watch.c ---- */

void redis_unwatch(struct redis_session *s);
/* Unless it is watched already. */
#define REDIS_MADE_ANY UINT64_MAX
int redis_watch(struct redis_session *s, struct slice key, uint64_t version, uint64_t made,
	struct err *err);
/* The version of a key as OBJECT VERSION and WATCHVERSION have it; 0: it is not there. */
int redis_version_of(struct redis_txn *t, struct slice key, uint64_t *out, struct err *err);
/* 1: what is watched is as it was; else 0. */
int redis_watches_hold(struct redis_txn *t, const struct redis_session *s, struct err *err);
/* KEY VERSION [KEY VERSION ..] */
int redis_watch_versions(
	struct redis_session *s, unsigned argc, const struct slice *argv, struct err *err);

/* ---- publish.c ---- */

/* After the commit, in order. */
void redis_session_send(struct redis_session *s);

/* ---- session.c, for the commands of this group; they run outside of a transaction ---- */

int redis_session_exec(struct redis_session *s, struct buf *replies, struct err *err);
/* Ends MULTI, runs nothing. */
void redis_session_discard(struct redis_session *s);

#endif
