/* What the sessions, the tree and the scripts of one Redis-like tree share: its db, and what lives
 * in memory only. One for a cluster's primary while it is in use; one for each replica or snapshot
 * looked at. */
#ifndef DBMOUNT_REDIS_SERVER_H
#define DBMOUNT_REDIS_SERVER_H

#include "engines/cache/redis/db.h"
#include "engines/cache/tree.h"

struct redis_channels; /* channels.h: pub/sub */
struct redis_scripts;  /* script.h: Lua */

/* What INFO and ROLE say that only the service knows. */
struct redis_about {
	char role[16]; /* "master", "slave" */
	char name[64]; /* the cluster's */
	char node[64];
	char persistence[16]; /* "everysec" */
	unsigned n_replicas;
	struct redis_about_replica {
		char name[64];
		uint64_t offset;
		int64_t lag_ms;
		bool online;
	} replica[8];
};

struct redis_server_config {
	struct redis_db *db;	     /* outlives the server */
	struct redis_limits *limits; /* outlives it */
	struct cache_host host;
	/* Fills *out; may be NULL. */
	void (*about)(void *arg, struct redis_about *out);
	void *arg;
};

struct redis_server {
	struct redis_db *db; /* NULL between two: only who entered the cluster may use it */
	bool writable;	     /* as the first one, for who has not entered */
	struct redis_limits *limits;
	struct cache_host host;
	void (*about)(void *arg, struct redis_about *out);
	void *arg;
	int64_t started_ms;
	char run_id[41];
	struct redis_channels *channels;
	struct redis_scripts *scripts;
	_Atomic int64_t script_ms;	/* how long a script may run: SCRIPT_MS */
	_Atomic size_t replies_max;	/* bytes, of one transaction: REPLIES_MAX */
	_Atomic uint64_t sessions;	/* so far */
	_Atomic uint64_t clients;	/* sessions that are open */
	_Atomic uint64_t commands;	/* processed */
	struct redis_counts *counts;	/* the db's */
	_Atomic uint64_t removed[1024]; /* store.c: by the hash of a key */
};

int redis_server_open(
	const struct redis_server_config *config, struct redis_server **out, struct err *err);
void redis_server_close(struct redis_server *s); /* NULL is fine */

/* The tree of its keys (tree.c): strings as files, typed keys as directories; rooms .ttl, .scripts,
 * .channels, .patterns; scripts .exec, .exec.json, .exec.resp. Ends before the server. */
int redis_tree_open(struct redis_server *server, struct cache_tree **out, struct err *err);
/* What the service's redis_told does: the paths of the key, as of any type, go to host->changed. */
void redis_tell(
	const struct cache_host *host, const struct slice *key, const struct slice *element);
/* Texts by key for tables/ (store.h). */
struct cache_store;
int redis_store_open(struct redis_server *server, struct cache_store **out, struct err *err);

/* What is done without being asked, some times a second: deletes keys that have expired. Told of
 * when it is due next at the latest. */
int redis_server_tick(struct redis_server *server, struct err *err);

#endif
