/* Sessions of a query, and its own file. */
#include "engines/redshift/plan/execute_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"

int rs_watch_check(struct rs_watch *w, struct err *err)
{
	return w->stopped ? err_set(err, EINTR, "the query was stopped") : 0;
}

static int add(struct rs_watch *w, struct sql_session *s)
{
	LOCKED(&w->lock);
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): pointers */
	struct sql_session **more = realloc((void *)w->sessions, (w->n + 1) * sizeof *more);
	if (more == NULL) {
		return -ENOMEM;
	}
	w->sessions = more;
	w->sessions[w->n++] = s;
	return 0;
}

int rs_watch_session(struct rs_watch *w, struct sql_site *site, const char *const *names,
	unsigned n, struct sql_session **out, struct err *err)
{
	struct sql_session *s;
	int rc = sql_session_new(site, names, n, &s, err);

	if (rc != 0) {
		return rc;
	}
	if (add(w, s) != 0) {
		sql_session_close(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	/* Who stopped before it was there could not interrupt it. */
	rc = rs_watch_check(w, err);
	if (rc != 0) {
		rs_watch_close(w, s);
		return rc;
	}
	*out = s;
	return 0;
}

void rs_watch_close(struct rs_watch *w, struct sql_session *s)
{
	if (s == NULL) {
		return;
	}
	pthread_mutex_lock(&w->lock);
	for (unsigned i = 0; i < w->n; i++) {
		if (w->sessions[i] == s) {
			w->sessions[i] = w->sessions[--w->n];
			break;
		}
	}
	pthread_mutex_unlock(&w->lock);
	sql_session_close(s);
}

/* ---- the file ---- */

static int named(struct rs_exchange *x, const char *tmp, const char *suffix, struct err *err)
{
	if (asprintf(&x->dir, "%s/query-XXXXXX", tmp) < 0) {
		x->dir = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	if (mkdtemp(x->dir) == NULL) {
		int rc = err_errno(err, "a directory for the rows of a query in %s", tmp);
		free(x->dir);
		x->dir = NULL;
		return rc;
	}
	const char *unique = x->dir + strlen(x->dir) - 6;
	snprintf(x->name, sizeof x->name, "q%s", unique);
	snprintf(x->quoted, sizeof x->quoted, "\"q%s\"", unique);
	if (asprintf(&x->path, "%s/q%s", x->dir, suffix) < 0) {
		x->path = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

int rs_exchange_open(struct rs_exchange *x, struct sql_site *site, const char *tmp, struct err *err)
{
	int rc = named(x, tmp, site->driver->suffix, err);

	if (rc == 0) {
		rc = sql_attach(site, x->name, x->path, SQL_CREATE | SQL_SCRATCH, err);
		x->attached = rc == 0;
	}
	if (rc != 0) {
		rs_exchange_close(x, site);
	}
	return rc;
}

static void remove_file(const char *path, const char *suffix)
{
	CLEANUP(cleanup_free) char *name = NULL;

	if (asprintf(&name, "%s%s", path, suffix) < 0) {
		name = NULL;
		return;
	}
	unlink(name);
}

void rs_exchange_close(struct rs_exchange *x, struct sql_site *site)
{
	if (x->attached) {
		struct err none = {0};
		/* What remains goes with the directory. */
		sql_detach(site, x->name, &none);
	}
	if (x->path != NULL) {
		remove_file(x->path, "");
		remove_file(x->path, "-wal");
		remove_file(x->path, "-shm");
		remove_file(x->path, "-journal");
	}
	if (x->dir != NULL) {
		rmdir(x->dir);
	}
	free(x->path);
	free(x->dir);
	*x = (struct rs_exchange){0};
}
