#include "engines/store/frozen.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"

#define IDLE_MAX 8 /* connections kept open */

struct frozen_conn {
	sqlite3 *db;
	void *slot;
	struct frozen_conn *next; /* in the pool */
};

struct frozen {
	char *path;
	char *label;
	void (*slot_free)(void *slot);
	pthread_mutex_t lock;
	struct frozen_conn *idle; /* under lock */
	unsigned n_idle;	  /* under lock */
};

static void conn_close(const struct frozen *f, struct frozen_conn *c)
{
	if (c->slot != NULL && f->slot_free != NULL) {
		f->slot_free(c->slot);
	}
	sqlite3_close(c->db);
	free(c);
}

static int open_db(const struct frozen *f, sqlite3 **out, struct err *err)
{
	CLEANUP(buf_free) struct buf uri = BUF_INIT;
	int flags = SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX;

	store_uri(f->path, true, &uri);
	const char *name = buf_cstr(&uri);
	int rc = buf_check(&uri, err);
	if (rc < 0) {
		return rc;
	}
	if (sqlite3_open_v2(name, out, flags, NULL) != SQLITE_OK) {
		return *out != NULL ? store_sql_error(*out, f->label, err)
				    : err_set(err, ENOMEM, "%s: out of memory", f->label);
	}
	sqlite3_db_config(*out, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	sqlite3_db_config(*out, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
	return 0;
}

static int conn_open(const struct frozen *f, struct frozen_conn **out, struct err *err)
{
	struct frozen_conn *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", f->label);
	}
	int rc = open_db(f, &c->db, err);
	if (rc < 0) {
		conn_close(f, c);
		return rc;
	}
	*out = c;
	return 0;
}

static int conn_take(struct frozen *f, struct frozen_conn **out, struct err *err)
{
	{
		LOCKED(&f->lock);
		if (f->idle != NULL) {
			*out = f->idle;
			f->idle = f->idle->next;
			f->n_idle--;
			return 0;
		}
	}
	return conn_open(f, out, err);
}

static void conn_give(struct frozen *f, struct frozen_conn *c)
{
	{
		LOCKED(&f->lock);
		if (f->n_idle < IDLE_MAX) {
			c->next = f->idle;
			f->idle = c;
			f->n_idle++;
			return;
		}
	}
	conn_close(f, c);
}

/* Nobody writes the file: one statement sees what the one before saw, and no transaction is
 * needed for that. */
int frozen_read(struct frozen *f, frozen_fn *fn, void *arg, struct err *err)
{
	struct frozen_conn *c = NULL;

	int rc = conn_take(f, &c, err);
	if (rc < 0 || c == NULL) {
		return rc;
	}
	rc = fn(c->db, &c->slot, arg, err);
	conn_give(f, c);
	return rc;
}

int frozen_open(const char *path, const char *label, void (*slot_free)(void *slot),
	struct frozen **out, struct err *err)
{
	struct frozen *f = calloc(1, sizeof(*f));

	*out = NULL;
	if (f == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", label);
	}
	pthread_mutex_init(&f->lock, NULL);
	f->path = strdup(path);
	f->label = strdup(label);
	f->slot_free = slot_free;
	int rc = f->path != NULL && f->label != NULL
			 ? 0
			 : err_set(err, ENOMEM, "%s: out of memory", label);
	if (rc == 0 && access(path, F_OK) != 0) {
		rc = err_errno(err, "%s: %s", label, path);
	}
	if (rc < 0) {
		frozen_close(f);
		return rc;
	}
	*out = f;
	return 0;
}

void frozen_close(struct frozen *f)
{
	if (f == NULL) {
		return;
	}
	while (f->idle != NULL) {
		struct frozen_conn *c = f->idle;
		f->idle = c->next;
		conn_close(f, c);
	}
	pthread_mutex_destroy(&f->lock);
	free(f->label);
	free(f->path);
	free(f);
}
