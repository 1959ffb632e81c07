/* What replica.c and replica_read.c share. */
#ifndef DBMOUNT_REPLICA_IMPL_H
#define DBMOUNT_REPLICA_IMPL_H

#include "engines/store/position.h"
#include "engines/store/replica.h"

/* Readers, or one who applies. A waiting writer goes before new readers. Not
 * bound to threads, as a pthread_rwlock_t is. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	unsigned readers; /* under lock, as the rest */
	unsigned waiting;
	bool closed;
};

struct replica_reader {
	struct replica *r;
	sqlite3 *db;
	uint64_t sequence;
	struct replica_reader *next;
};

struct replica {
	const struct disk_ops *disk;
	struct pagelog *log; /* under apply */
	char *path;
	char *label;
	char *region;
	_Atomic int64_t delay_ms;
	_Atomic bool stop;

	pthread_mutex_t apply; /* who applies, starts, stops; before all others */
	int fd;
	int position_fd;
	struct position position;      /* as on disk */
	struct segment_reader records; /* next: what is applied next */
	bool between;		       /* the batch ended early, between two commits */
	struct err failure;
	pthread_t thread;
	bool running;

	_Atomic uint64_t applied;
	struct gate gate;
	bool torn; /* a commit may be half done; written with the gate closed */

	pthread_mutex_t pool;
	struct replica_reader *idle; /* under pool */
	unsigned n_idle;
};

void gate_init(struct gate *g);
void gate_finish(struct gate *g);
void gate_enter(struct gate *g);
void gate_leave(struct gate *g);
void gate_close(struct gate *g);
void gate_open(struct gate *g);

/* Closes the pooled connections. */
void replica_pool_close(struct replica *r);

#endif
