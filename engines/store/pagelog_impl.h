/* What the files of the page log share. Nobody else includes this. */
#ifndef DBMOUNT_PAGELOG_IMPL_H
#define DBMOUNT_PAGELOG_IMPL_H

#include <pthread.h>

#include "engines/store/pagelog.h"
#include "engines/store/wal_pages.h"

struct pagelog {
	const struct disk_ops *disk;
	char *label;
	enum pagelog_policy policy;
	int (*lost_standby)(void *arg, const struct err *why, struct err *err);
	void *arg;
	struct segments own;

	pthread_mutex_t append;	 /* whoever appends; before `lock` */
	char *standby_dir;	 /* under append; NULL: none */
	struct segments standby; /* under append; dir NULL: not open */
	struct page_set pending; /* under append, as all to the end */
	unsigned char salt[8];	 /* where the last pages of `pending` came from */
	uint32_t frame;
	struct buf bytes;
	bool lost;	/* the pages of a commit could not even be read */
	bool behind;	/* the file `state` says so */
	int state;	/* its descriptor */
	bool recovered; /* it continues what the database has */
	bool closing;

	pthread_mutex_t lock;
	pthread_cond_t grown;
	struct err degraded; /* under lock; code 0: not */
};

/* ---- pagelog_standby.c; under log->append ---- */

/* Each gets what only the other has: a crash may fall between the two appends. */
int pagelog_standby_join(struct pagelog *log, struct err *err);
/* Gives the standby what it lacks and this record; 0 too when the policy has the log go
 * on without. */
int pagelog_standby_append(
	struct pagelog *log, const struct record *r, struct slice bytes, struct err *err);

#endif
