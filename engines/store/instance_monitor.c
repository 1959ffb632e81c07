/* The monitor: several times a second, whether the files are still those that were
 * opened. A deleted file goes on to work for whoever has it open, so no error would
 * tell; and a part cut off or written over shows only when it is read.
 *
 * Whether the database was cut cannot be told while pages are moved into it from
 * its log: its header may be ahead of its size then. So a suspicion is looked into
 * from within a write, during which nothing is moved. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/log.h"
#include "engines/store/instance_impl.h"

#define PERIOD_NS (SECOND_NS / 5)
#define HEADER	  100

/* A name, and the file it was. */
struct watched {
	char *path;
	dev_t dev;
	ino_t ino;
};

enum { WATCH_DIR, WATCH_LOG, WATCH_DATA, WATCH_WAL, WATCH_N };

static const char *const names[WATCH_N] = {"", "log", "data.db", "data.db-wal"};

struct watch {
	struct watched file[WATCH_N];
	int fd;	      /* the database */
	int64_t size; /* as seen last; the monitor's, as the rest */
	struct scrub scrub;
};

/* ---- beginning ---- */

static int watch_file(struct primary *p, const char *name, struct watched *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;
	zone_path(&p->i->config, p->zone, name, &path);
	int rc = buf_check(&path, err);
	if (rc == 0 && stat(path.p, &st) != 0) {
		rc = err_errno(err, "%s: %s", p->i->config.label, path.p);
	}
	if (rc == 0) {
		*out = (struct watched){.path = path.p, .dev = st.st_dev, .ino = st.st_ino};
		path.p = NULL;
	}
	return rc;
}

int watch_begin(struct primary *p, struct err *err)
{
	struct watch *w = calloc(1, sizeof(*w));
	if (w == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", p->i->config.label);
	}
	w->fd = -1;
	p->watch = w;
	for (unsigned n = 0; n < WATCH_N; n++) {
		int rc = watch_file(p, names[n], &w->file[n], err);
		if (rc != 0) {
			return rc;
		}
	}
	w->fd = open(w->file[WATCH_DATA].path, O_RDONLY | O_CLOEXEC);
	return w->fd >= 0 ? 0 : err_errno(err, "%s", w->file[WATCH_DATA].path);
}

void watch_end(struct watch *w)
{
	if (w == NULL) {
		return;
	}
	for (unsigned n = 0; n < WATCH_N; n++) {
		free(w->file[n].path);
	}
	if (w->fd >= 0) {
		close(w->fd);
	}
	scrub_end(&w->scrub);
	free(w);
}

/* ---- looking ---- */

static int look_at_file(const struct watched *f, struct err *err)
{
	struct stat st;
	if (stat(f->path, &st) != 0) {
		return errno == ENOENT || errno == ENOTDIR
			       ? err_set(err, EIO, "%s is gone", f->path)
			       : err_errno(err, "%s", f->path);
	}
	return st.st_ino == f->ino && st.st_dev == f->dev
		       ? 0
		       : err_set(err, EIO, "%s was replaced by another file", f->path);
}

/* The newest segment is there, as long as it should be. */
static int look_at_log(struct primary *p, struct err *err)
{
	struct segments *s = pagelog_segments(p->log);
	struct segment newest = {0};
	struct stat st;
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	{
		LOCKED(&s->lock);
		if (s->n > 0) {
			newest = s->list[s->n - 1];
		}
	}
	if (newest.first == 0) {
		return 0;
	}
	buf_printf(&path, "%s/%016" PRIx64 ".seg", s->dir, newest.first);
	buf_cstr(&path);
	if (buf_check(&path, NULL) != 0) {
		return 0;
	}
	if (stat(path.p, &st) != 0) {
		return err_set(err, EIO, "%s is gone", path.p);
	}
	return (uint64_t)st.st_size >= newest.bytes
		       ? 0
		       : err_set(err, EIO, "%s was cut short: %lld bytes of %" PRIu64, path.p,
				 (long long)st.st_size, newest.bytes);
}

/* 1: it seems to be cut. */
static int look_at_data(struct watch *w, struct err *err)
{
	const char *path = w->file[WATCH_DATA].path;
	unsigned char h[HEADER] = {0};
	struct stat st;
	ssize_t got = pread(w->fd, h, sizeof(h), 0);
	if (got < 0 || fstat(w->fd, &st) != 0) {
		return err_errno(err, "%s cannot be read", path);
	}
	if (got < HEADER || memcmp(h, "SQLite format 3", 16) != 0) {
		return err_set(err, EIO, "%s is damaged: it does not begin as a database", path);
	}
	int64_t page = (int64_t)h[16] << 8 | h[17];
	page = page == 1 ? 65536 : page;
	int64_t whole = page * get_be32(h + 28);
	bool cut = st.st_size < whole && st.st_size < w->size;
	if (cut) {
		err_set(err, EIO, "%s was cut short: %lld bytes of %lld", path,
			(long long)st.st_size, (long long)whole);
	} else {
		w->size = st.st_size;
	}
	return cut;
}

struct closer_look {
	struct watch *watch;
	int rc;
	struct err why;
};

static int look_closer(struct store_txn *t, void *arg, struct err *err)
{
	(void)t;
	(void)err;
	struct closer_look *c = arg;
	c->rc = look_at_data(c->watch, &c->why);
	return 0;
}

static int look(struct primary *p, struct err *err)
{
	struct watch *w = p->watch;
	for (unsigned n = 0; n < WATCH_N; n++) {
		int rc = look_at_file(&w->file[n], err);
		if (rc != 0) {
			return rc;
		}
	}
	int rc = look_at_log(p, err);
	if (rc != 0) {
		return rc;
	}
	struct closer_look c = {.watch = w};
	scrub_hole(p->i, &w->scrub, p->zone, w->fd);
	if (look_at_data(w, &c.why) == 0) {
		return scrub_step(p->i, &w->scrub, p->zone, err);
	}
	err_clear(&c.why);
	rc = store_write(p->store, NULL, 0, look_closer, &c, err);
	return rc != 0 || c.rc == 0 ? rc : err_set(err, EIO, "%s", c.why.msg);
}

/* ---- what follows ---- */

static void check_primary(struct instance *i)
{
	struct primary *p = instance_peek(i);
	struct err why = {0};
	if (p == NULL) {
		return;
	}
	bool failed = primary_failed(p, NULL);
	if (!failed && look(p, &why) != 0 && is_damage(why.code)) {
		primary_fail(p, &why);
		failed = true;
	}
	instance_leave(i, p);
	if (failed) {
		instance_trouble(i, p);
	}
}

/* The directory of the other zone, its database, and who follows there. */
static int look_at_standby(struct instance *i, unsigned zone, struct err *err)
{
	uint64_t mark;
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct replica_status status;
	replica_status(i->follower, &status);
	if (status.failure.code != 0) {
		return err_set(err, status.failure.code, "%s", status.failure.msg);
	}
	static const char *const needed[] = {"data.db", "data.db-position", "log"};
	for (size_t n = 0; n < sizeof(needed) / sizeof(needed[0]); n++) {
		zone_path(&i->config, zone, needed[n], &path);
		if (buf_check(&path, NULL) == 0 && access(path.p, F_OK) != 0) {
			return err_set(err, EIO, "%s is gone", path.p);
		}
	}
	int rc = zone_mark(&i->config, zone, &mark);
	{
		LOCKED(&i->state_lock);
		if (rc != 0 || mark != i->state.mark[zone]) {
			return err_set(err, EIO, "the copy in zone %s was replaced",
				i->config.zone[zone].name);
		}
	}
	/* Nobody locks this file: it may be opened and closed. */
	zone_path(&i->config, zone, "data.db", &path);
	CLEANUP(cleanup_close)
	int fd = buf_check(&path, NULL) == 0 ? open(path.p, O_RDONLY | O_CLOEXEC) : -1;
	if (fd >= 0) {
		scrub_hole(i, &i->standby_scrub, zone, fd);
	}
	return scrub_step(i, &i->standby_scrub, zone, err);
}

/* Never in the way of a failover: then it is looked at next time. */
static void check_standby(struct instance *i)
{
	if (pthread_mutex_trylock(&i->change) != 0) {
		return;
	}
	struct primary *p = instance_peek(i);
	struct err why = {0};
	if (i->follower == NULL) {
		scrub_end(&i->standby_scrub);
	}
	if (p != NULL && i->follower != NULL && standby_ready(i) &&
		look_at_standby(i, 1 - p->zone, &why) != 0) {
		struct err err = {0};
		if (standby_drop(i, p, &why, &err) != 0) {
			log_warn("%s: %s", i->config.label, err.msg);
		}
		worker_kick(i);
	}
	if (p != NULL) {
		instance_leave(i, p);
	}
	pthread_mutex_unlock(&i->change);
}

static void pause_until(struct instance *i, int64_t until)
{
	struct timespec ts = {.tv_sec = until / SECOND_NS, .tv_nsec = until % SECOND_NS};
	LOCKED(&i->lock);
	while (!atomic_load(&i->stop) && clock_monotonic_ns() < until) {
		pthread_cond_timedwait(&i->kicked, &i->lock, &ts);
	}
}

static void *monitor_main(void *arg)
{
	struct instance *i = arg;
	while (!atomic_load(&i->stop)) {
		check_primary(i);
		check_standby(i);
		event_tell(i);
		pause_until(i, clock_monotonic_ns() + PERIOD_NS);
	}
	return NULL;
}

int monitor_start(struct instance *i, struct err *err)
{
	int rc = thread_start(&i->monitor, monitor_main, i);
	i->monitor_runs = rc == 0;
	return rc == 0 ? 0
		       : err_set(err, rc, "%s: no thread to watch it: %s", i->config.label,
				 strerror(rc));
}

void monitor_stop(struct instance *i)
{
	if (!i->monitor_runs) {
		return;
	}
	atomic_store(&i->stop, true);
	worker_kick(i);
	pthread_join(i->monitor, NULL);
	i->monitor_runs = false;
}
