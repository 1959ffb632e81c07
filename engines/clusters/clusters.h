/* The life of clusters, which is one for all services that have them (RDS calls its own
 * instances): their service's folder, the list of those in use, who is inside, opening and
 * shutting, states. What a cluster holds, what its row says and in which words the service
 * speaks is the service's: it embeds the two structs here as first members of its own, and gives
 * a struct clusters_kind.
 *
 * DIR (SITE/<service>)
 *   catalog.db       what clusters there are (store/catalog.h)
 *   <letter><id>..   what belongs to one of its rows
 *   site             a random text that zones of ours bear, too (store/zones.h)
 *   az-a/ az-b/      the zones, unless settings az.a, az.b name others
 *   tmp/             nothing in there outlives the daemon
 *
 * Files without a row are what a crash left of a step that did not happen, or of a removal that
 * did: they are removed at the next open. An id never comes again.
 *
 * Locks, in the order they are taken; a service may have others around and between them:
 *   clusters.ddl      one at a time: steps that make or drop clusters, rows; the service's to take
 *   cluster.opening   opening and shutting one cluster
 *   clusters.lock     the list in memory, names, states and users; never held over a call of a
 *                     store */
#ifndef DBMOUNT_CLUSTERS_H
#define DBMOUNT_CLUSTERS_H

#include <errno.h>
#include <pthread.h>
#include <sys/queue.h>

#include "engines/common/cleanup.h"
#include "engines/common/datadir.h"
#include "engines/engine.h"
#include "engines/store/catalog.h"
#include "engines/store/zones.h"

#define CLUSTER_NAME_MAX 63

struct cluster {
	TAILQ_ENTRY(cluster) link; /* under the lock, in byte order of names */
	struct clusters *all;
	pthread_mutex_t opening;

	/* Under the lock: */
	const char *name; /* in the service's own struct */
	unsigned state;	  /* the service's; 0 is available */
	bool gone;	  /* no row any more */
	bool gated;	  /* nobody enters */
	bool open;	  /* what is opened under opening, is */
	unsigned refs;	  /* keep this struct */
	unsigned users;	  /* are inside, and keep it open */
};
TAILQ_HEAD(cluster_list, cluster);

/* Why somebody is sent away: */
enum cluster_refusal {
	CLUSTER_GONE,	/* ENOENT: no row any more */
	CLUSTER_STATE,	/* EBUSY: not in this state */
	CLUSTER_GATED,	/* EBUSY: nobody could enter for wait_s */
	CLUSTER_IN_USE, /* EBUSY: users did not end within empty_s */
};

struct clusters_kind {
	const char *service;  /* "cache": what the engine, its folder in a zone and log lines are
				 called */
	const char *what;     /* "clusters", for messages */
	const char *stores;   /* letters of what destroy() removes; other letters are files
			       * LETTER<id>.db.      The first is that of the instances
			       * (store/instance.h) */
	const char *settings; /* "az.a and az.b": all that it knows, for a message */
	unsigned creating;    /* this state: nobody sees it yet */
	unsigned serving;     /* bits of the states in which one may enter */
	unsigned wait_s;      /* how long those wait who come to a closed gate */
	unsigned empty_s;     /* how long a step that needs a cluster empty waits */

	/* Whether a name in the folder or in a zone is one of ours. */
	datadir_parse *parse;
	/* Whether there is a row. In doubt: true. */
	bool (*has_row)(struct clusters *all, char kind, uint64_t id);
	/* Removes what has none; `name` is in `dir`. What stays is found at the next open. */
	void (*destroy)(struct clusters *all, const char *dir, const char *name, uint64_t id);
	/* A setting that is not of the zones: 1, 0 it is not known, EINVAL. May be NULL. */
	int (*setting)(struct clusters *all, const struct engine_setting *set, struct err *err);
	/* Under opening, nobody inside. */
	int (*open)(struct cluster *c, struct err *err);
	void (*shut)(struct cluster *c);
	/* Nobody uses it: ends with cluster_finish(). */
	void (*free)(struct cluster *c);
	/* The sentence for it. Under the lock. */
	int (*refuse)(const struct cluster *c, enum cluster_refusal why, struct err *err);
};

struct clusters {
	const struct clusters_kind *kind;
	char *dir;
	int dir_fd;
	char *tmp; /* DIR/tmp */
	char *zone_dir[INSTANCE_ZONES];
	bool read_only;
	struct engine_host host;
	struct store *catalog; /* NULL: none, mounted read-only */
	pthread_mutex_t ddl;
	pthread_mutex_t lock;
	pthread_cond_t moved;	  /* some cluster lost its last user, or can be entered again */
	unsigned waiting;	  /* for a last user to leave; under lock */
	struct cluster_list list; /* under lock */
};

/* ---- folder.c: the folder of the service ---- */

void clusters_init(
	struct clusters *all, const struct clusters_kind *kind, const struct engine_config *config);
/* Frees the clusters, then closes the catalog. Nobody uses any. */
void clusters_finish(struct clusters *all);
/* In three steps, with what the service does between them: the folder, for which see
 * datadir_check_catalog(); settings, zones and tmp/, when the catalog was read (`has_own`: it
 * names clusters that have stores); the removal of files without a row. EIO, EINVAL. */
int clusters_open_dir(struct clusters *all, const char *dir, struct err *err);
int clusters_open_zones(
	struct clusters *all, const struct engine_config *config, bool has_own, struct err *err);
int clusters_clean(struct clusters *all, struct err *err);

int clusters_check_writable(const struct clusters *all, struct err *err); /* EROFS */
/* DIR/i12, DIR/s3.db. */
void clusters_file_path(const struct clusters *all, char kind, uint64_t id, struct buf *out);
/* The rest of the file's siblings goes too; missing is fine. */
void clusters_file_remove(const struct clusters *all, char kind, uint64_t id);
/* Of the files in the folder, as snapshots are; what is in directories is not counted. */
uint64_t clusters_file_bytes(const struct clusters *all);
/* A name of its own in tmp/. */
void clusters_temp_path(const struct clusters *all, const char *suffix, struct buf *out);
/* What its store is asked with; `id_text` is the caller's. */
struct cluster_store_id {
	char text[24];
};
void clusters_config_fill(const struct clusters *all, uint64_t id, struct cluster_store_id *text,
	struct instance_config *out);

/* Content at or below `path` (NULL: all) changed. */
void clusters_tell(const struct clusters *all, const struct epath *path);
/* A line in `.events` there. */
void clusters_event(const struct clusters *all, const struct epath *path, const char *text);

/* ---- clusters.c: clusters in use ---- */

/* `name` is in the same struct and may change under the lock only. */
void cluster_init(struct cluster *c, struct clusters *all, const char *name, unsigned state);
void cluster_finish(struct cluster *c);

/* Under the lock, or at open: in order of names. */
void clusters_insert(struct clusters *all, struct cluster *c);
/* The name is that of a cluster that is being made, which is counted; false: it is taken, and the
 * cluster still the caller's. Ends with cluster_state_set() or cluster_dropped(). */
bool clusters_reserve(struct clusters *all, struct cluster *c);
bool clusters_taken(struct clusters *all, struct slice name);
/* Counted, or NULL; `any`: one that is being made, too. Ends with cluster_put(). */
struct cluster *clusters_find(struct clusters *all, struct slice name, bool any);
/* The first behind `after` in byte order of names, counted; NULL at the end. */
struct cluster *clusters_next(struct clusters *all, struct slice after);
/* `out` has CLUSTER_NAME_MAX + 1 bytes. */
void cluster_name_now(struct cluster *c, char *out);
void cluster_hold(struct cluster *c);
void cluster_put(struct cluster *c); /* NULL is fine */
/* No row any more: who holds it may still. */
void cluster_dropped(struct cluster *c);
bool cluster_is_gone(struct cluster *c);
bool cluster_is_open(struct cluster *c);

/* It is open until cluster_leave(); `any`: whatever the state, and at a closed gate, for the step
 * that keeps the others out. 1: this call opened it. ENOENT, EBUSY; what open() says. */
int cluster_enter(struct cluster *c, bool any, struct err *err);
/* If that is possible without waiting or opening. */
bool cluster_enter_now(struct cluster *c, bool any);
void cluster_leave(struct cluster *c);
/* Waits for users to leave. The state must keep others from entering. EBUSY: some stay. */
int cluster_drain(struct cluster *c, struct err *err);
/* The same, and keeps others out until the gate is opened; on failure it is. */
int cluster_close_gate(struct cluster *c, struct err *err);
void cluster_open_gate(struct cluster *c);
/* Under opening; of two who came while it was shut, the second one finds it open. */
int cluster_open_now(struct cluster *c, struct err *err);
/* Nobody is inside. */
void cluster_shut(struct cluster *c);
/* Drains it, then shuts it. */
int cluster_close(struct cluster *c, struct err *err);
/* For a wait on `moved`. */
struct timespec cluster_in_seconds(unsigned seconds);

unsigned cluster_state(struct cluster *c);
#define CLUSTER_FROM(state) (1U << (state))
/* From available, or a state whose bit is in `from`. ENOENT, EBUSY. */
int cluster_state_begin(struct cluster *c, unsigned to, unsigned from, struct err *err);
void cluster_state_set(struct cluster *c, unsigned to);

#endif
