/* Opening, closing, and the way to the copy that serves. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engines/common/log.h"
#include "engines/store/instance_impl.h"

/* ---- who uses the current copy ---- */

/* Under i->lock. False: the deadline has passed. */
static bool wait_until(struct instance *i, int64_t deadline)
{
	struct timespec ts = {.tv_sec = deadline / SECOND_NS, .tv_nsec = deadline % SECOND_NS};
	return pthread_cond_timedwait(&i->moved, &i->lock, &ts) != ETIMEDOUT;
}

/* 1: it is worth looking whether a copy can serve again. */
static int enter(struct instance *i, int64_t deadline, struct primary **out, struct err *err)
{
	LOCKED(&i->lock);
	while (i->current == NULL && i->changing) {
		if (!wait_until(i, deadline)) {
			return err_set(err, EBUSY, "%s: no copy of it serves yet; try again later",
				i->config.label);
		}
	}
	if (i->current != NULL) {
		i->current->users++;
		*out = i->current;
		return 0;
	}
	return clock_monotonic_ns() >= i->retry_at
		       ? 1
		       : err_set(err, EIO, "%s: no copy of it can serve: %s", i->config.label,
				 i->failure.msg);
}

int instance_enter(struct instance *i, int64_t deadline, struct primary **out, struct err *err)
{
	int rc;
	while ((rc = enter(i, deadline, out, err)) == 1) {
		instance_revive(i);
	}
	return rc;
}

void instance_leave(struct instance *i, struct primary *p)
{
	LOCKED(&i->lock);
	if (--p->users == 0 && p != i->current) {
		pthread_cond_broadcast(&i->moved);
	}
}

void instance_hide(struct instance *i, bool failing_over)
{
	LOCKED(&i->lock);
	i->current = NULL;
	i->changing = true;
	i->failing_over = failing_over;
}

int instance_empty(struct instance *i, struct primary *p, int64_t deadline, struct err *err)
{
	LOCKED(&i->lock);
	while (p->users > 0) {
		if (!wait_until(i, deadline)) {
			return err_set(err, EBUSY, "%s: it is still being read or written",
				i->config.label);
		}
	}
	return 0;
}

void instance_settle(struct instance *i, struct primary *p, const struct err *why)
{
	LOCKED(&i->lock);
	i->current = p;
	i->changing = i->failing_over = false;
	if (p != NULL) {
		err_clear(&i->failure);
	} else if (why != NULL) {
		i->failure = *why;
		i->retry_at = clock_monotonic_ns() + INSTANCE_RETRY_NS;
	}
	pthread_cond_broadcast(&i->moved);
}

/* ---- data ---- */

/* After a failure on `p`, without a count: 0, run it again. */
static int again(struct instance *i, struct primary *p, bool failed)
{
	if (!failed) {
		return 1;
	}
	instance_trouble(i, p);
	event_tell(i);
	return 0;
}

/* Also a copy that is no more the one that serves has failed in this sense. */
static bool has_failed(struct primary *p)
{
	if (primary_failed(p, NULL)) {
		return true;
	}
	LOCKED(&p->tap);
	return p->fenced;
}

typedef int use_fn(struct primary *p, void *arg, struct err *err);

/* Runs `use` on the copy that serves, on the next one if that fails. */
static int use_current(struct instance *i, use_fn *use, void *arg, struct err *err)
{
	struct err unasked = {0};
	int64_t deadline = clock_monotonic_ns() + INSTANCE_WAIT_NS;
	err = err != NULL ? err : &unasked;
	for (;;) {
		struct primary *p = NULL;
		int rc = instance_enter(i, deadline, &p, err);
		if (rc != 0 || p == NULL) {
			return rc;
		}
		rc = use(p, arg, err);
		bool failed = rc != 0 && has_failed(p);
		instance_leave(i, p);
		if (rc == 0 || again(i, p, failed) != 0) {
			return rc;
		}
		err_clear(err);
	}
}

struct read_call {
	uint64_t key;
	instance_read_fn *fn;
	void *arg;
};

static int use_read(struct primary *p, void *arg, struct err *err)
{
	const struct read_call *c = arg;
	struct store_reader *r;
	int rc = store_read_begin(p->store, c->key, &r, err);
	if (rc == 0) {
		rc = c->fn(r, c->arg, err);
		store_read_end(r);
	}
	return rc;
}

int instance_read(
	struct instance *i, uint64_t key, instance_read_fn *fn, void *arg, struct err *err)
{
	struct read_call c = {key, fn, arg};
	return use_current(i, use_read, &c, err);
}

struct write_call {
	const uint64_t *keys;
	unsigned n_keys;
	store_fn *fn;
	void *arg;
};

static int use_write(struct primary *p, void *arg, struct err *err)
{
	const struct write_call *c = arg;
	return store_write(p->store, c->keys, c->n_keys, c->fn, c->arg, err);
}

int instance_write(struct instance *i, const uint64_t *keys, unsigned n_keys, store_fn *fn,
	void *arg, struct err *err)
{
	struct write_call c = {keys, n_keys, fn, arg};
	return use_current(i, use_write, &c, err);
}

static int use_sync(struct primary *p, void *arg, struct err *err)
{
	(void)arg;
	int rc = pagelog_sync(p->log, err);
	return rc != 0 ? rc : store_sync(p->store, err);
}

int instance_sync(struct instance *i, struct err *err)
{
	return use_current(i, use_sync, NULL, err);
}

static int use_compact(struct primary *p, void *arg, struct err *err)
{
	(void)arg;
	return store_compact(p->store, err);
}

int instance_compact(struct instance *i, struct err *err)
{
	return use_current(i, use_compact, NULL, err);
}

struct copy_call {
	const char *path;
	void (*progress)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

static int use_copy(struct primary *p, void *arg, struct err *err)
{
	const struct copy_call *c = arg;
	return store_copy(p->store, c->path, c->progress, c->arg, err);
}

int instance_copy(struct instance *i, const char *path,
	void (*progress)(void *arg, uint64_t done, uint64_t total), void *arg, struct err *err)
{
	struct copy_call c = {path, progress, arg};
	return use_current(i, use_copy, &c, err);
}

/* ---- opening and closing ---- */

static bool copy_text(const char **to, const char *from)
{
	*to = from != NULL ? strdup(from) : NULL;
	return from == NULL || *to != NULL;
}

static void free_text(const char *text)
{
	free((void *)(uintptr_t)text);
}

static bool copy_config(struct instance_config *to, const struct instance_config *from)
{
	bool ok = copy_text(&to->id, from->id) && copy_text(&to->dir, from->dir) &&
		  copy_text(&to->label, from->label != NULL ? from->label : from->id) &&
		  copy_text(&to->schema, from->schema);
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		ok = ok && copy_text(&to->zone[z].name, from->zone[z].name) &&
		     copy_text(&to->zone[z].dir, from->zone[z].dir);
	}
	return ok;
}

static struct instance *instance_alloc(const struct instance_config *config)
{
	struct instance *i = calloc(1, sizeof(*i));
	if (i == NULL) {
		return NULL;
	}
	pthread_condattr_t monotonic;
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&i->change, NULL);
	pthread_mutex_init(&i->work, NULL);
	pthread_mutex_init(&i->state_lock, NULL);
	pthread_mutex_init(&i->lock, NULL);
	pthread_cond_init(&i->moved, &monotonic);
	pthread_cond_init(&i->kicked, &monotonic);
	pthread_mutex_init(&i->replicas_lock, NULL);
	pthread_cond_init(&i->replicas_moved, NULL);
	pthread_condattr_destroy(&monotonic);
	i->config = *config;
	i->config.id = i->config.dir = i->config.label = i->config.schema = NULL;
	memset(i->config.zone, 0, sizeof(i->config.zone));
	return i;
}

static void instance_free(struct instance *i)
{
	event_drop_all(i);
	state_free(&i->state);
	pthread_mutex_destroy(&i->change);
	pthread_mutex_destroy(&i->work);
	pthread_mutex_destroy(&i->state_lock);
	pthread_mutex_destroy(&i->lock);
	pthread_cond_destroy(&i->moved);
	pthread_cond_destroy(&i->kicked);
	pthread_mutex_destroy(&i->replicas_lock);
	pthread_cond_destroy(&i->replicas_moved);
	free_text(i->config.id);
	free_text(i->config.dir);
	free_text(i->config.label);
	free_text(i->config.schema);
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		free_text(i->config.zone[z].name);
		free_text(i->config.zone[z].dir);
	}
	free(i);
}

static int open_copies(struct instance *i, struct err *err)
{
	struct primary *p;
	LOCKED(&i->change);
	int rc = failover_open(i, &p, err);
	if (rc == 0) {
		instance_settle(i, p, NULL);
		rc = backup_drop_ahead(i, p, err);
	}
	if (rc == 0) {
		rc = replicas_open(i, p, err);
	}
	return rc;
}

/* The logs last: who follows them is closed by then. */
static void close_copies(struct instance *i)
{
	if (i->current != NULL) {
		i->current->next = i->old;
		i->old = i->current;
		i->current = NULL;
	}
	for (struct primary *p = i->old; p != NULL; p = p->next) {
		primary_stop(p);
	}
	replicas_close(i);
	replica_close(i->follower);
	scrub_end(&i->standby_scrub);
	while (i->old != NULL) {
		struct primary *p = i->old;
		i->old = p->next;
		primary_free(p);
	}
}

int instance_open(const struct instance_config *config, struct instance **out, struct err *err)
{
	struct instance *i = instance_alloc(config);
	if (i == NULL || !copy_config(&i->config, config)) {
		if (i != NULL) {
			instance_free(i);
		}
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = state_load(&i->config, &i->state, err);
	if (rc == 0) {
		rc = open_copies(i, err);
	}
	if (rc == 0) {
		backup_look(i);
		rc = worker_start(i, err);
	}
	if (rc == 0) {
		rc = monitor_start(i, err);
	}
	if (rc != 0) {
		worker_stop(i);
		close_copies(i);
		instance_free(i);
		return rc;
	}
	*out = i;
	return 0;
}

void instance_close(struct instance *i)
{
	if (i == NULL) {
		return;
	}
	monitor_stop(i);
	worker_stop(i);
	close_copies(i);
	event_tell(i);
	instance_free(i);
}

/* ---- status ---- */

static uint64_t file_size(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

unsigned instance_zone_of_primary(struct instance *i)
{
	LOCKED(&i->state_lock);
	return i->state.settings.primary;
}

uint64_t instance_bytes(struct instance *i)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	unsigned zone = instance_zone_of_primary(i);
	zone_path(&i->config, zone, "data.db", &path);
	uint64_t sum = buf_check(&path, NULL) == 0 ? file_size(path.p) : 0;
	zone_path(&i->config, zone, "data.db-wal", &path);
	return sum + (buf_check(&path, NULL) == 0 ? file_size(path.p) : 0);
}

/* Sums the files of the log, whoever writes to it. */
static uint64_t log_bytes(struct primary *p)
{
	struct segments *s = p != NULL ? pagelog_segments(p->log) : NULL;
	uint64_t sum = 0;
	if (s != NULL) {
		LOCKED(&s->lock);
		for (size_t n = 0; n < s->n; n++) {
			sum += s->list[n].bytes;
		}
	}
	return sum;
}

struct primary *instance_peek(struct instance *i)
{
	LOCKED(&i->lock);
	if (i->current != NULL) {
		i->current->users++;
	}
	return i->current;
}

static void status_of_log(struct instance *i, struct instance_status *out)
{
	struct primary *p = instance_peek(i);
	if (p != NULL) {
		out->log_bytes = log_bytes(p);
		out->sequence = pagelog_last(p->log);
		instance_leave(i, p);
	}
}

void instance_status(struct instance *i, struct instance_status *out)
{
	*out = (struct instance_status){.bytes = instance_bytes(i)};
	status_of_log(i, out);
	{
		LOCKED(&i->state_lock);
		out->settings = i->state.settings;
		out->standby_ready = i->state.standby;
	}
	out->degraded = out->settings.multi_az && !out->standby_ready;
	LOCKED(&i->lock);
	out->failing_over = i->failing_over;
	out->failure = i->failure;
	out->last_backup_ns = i->last_backup_ns;
	out->n_failovers = i->n_failovers;
	out->last_failover_ns = i->last_failover_ns;
}
