/* Making replicas, making them anew, removing them, promoting them. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/log.h"
#include "engines/store/instance_impl.h"
#include "engines/store/position.h"

/* ---- files ---- */

static int with_position(
	const struct disk_ops *disk, const char *path, uint64_t sequence, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct position at = {.applied = sequence, .intent = sequence};
	buf_printf(&name, "%s-position", path);
	buf_cstr(&name);
	int rc = buf_check(&name, err);
	return rc != 0 ? rc : position_create(disk, name.p, &at, err);
}

int replica_make(struct primary *p, const char *dir, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf made = BUF_INIT;
	const struct disk_ops *disk = config_disk(&p->i->config);
	struct base_set set = {.dir = dir, .log = p->log, .disk = disk};
	struct base b;
	int rc = base_take(&set, p->store, &b, err);
	if (rc != 0) {
		return rc;
	}
	base_path(&set, &b, &made);
	rc = buf_check(&made, err);
	/* The position first: a database without one would be taken for promoted. */
	if (rc == 0) {
		rc = with_position(disk, path, b.sequence, err);
	}
	if (rc == 0) {
		rc = disk_publish(disk, made.p, path, err);
	}
	if (rc != 0 && made.p != NULL) {
		disk->remove(made.p);
	}
	return rc;
}

static int make_files(struct instance *i, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct primary *p;
	own_path(&i->config, "replicas", &dir);
	follower_path(i, name, "", &path);
	int rc = buf_check(&dir, err) != 0 ? -ENOMEM : buf_check(&path, err);
	if (rc == 0) {
		rc = replica_delete(i->config.disk, path.p, err);
	}
	if (rc == 0) {
		rc = instance_enter(i, clock_monotonic_ns() + INSTANCE_WAIT_NS, &p, err);
	}
	if (rc != 0) {
		return rc;
	}
	rc = replica_make(p, dir.p, path.p, err);
	instance_leave(i, p);
	return rc;
}

/* ---- the state ---- */

static void with_replica(struct instance_state *state, void *arg)
{
	const struct replica_spec *spec = arg;
	size_t n = state->n_replicas++;
	for (; n > 0 && strcmp(state->replicas[n - 1].name, spec->name) > 0; n--) {
		state->replicas[n] = state->replicas[n - 1];
	}
	state->replicas[n] = *spec;
}

static void without_replica(struct instance_state *state, void *arg)
{
	const char *name = arg;
	size_t kept = 0;
	for (size_t n = 0; n < state->n_replicas; n++) {
		if (strcmp(state->replicas[n].name, name) != 0) {
			state->replicas[kept++] = state->replicas[n];
		}
	}
	state->n_replicas = kept;
}

int follower_strike_off(struct instance *i, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	char copy[sizeof(((struct replica_spec *)NULL)->name)];
	snprintf(copy, sizeof(copy), "%s", name);
	int rc = instance_alter(i, without_replica, copy, err);
	follower_path(i, copy, "", &path);
	if (rc == 0) {
		rc = buf_check(&path, err);
	}
	return rc != 0 ? rc : replica_delete(i->config.disk, path.p, err);
}

/* ---- making anew; under i->work ---- */

/* A commit it needs is gone, or its files are; anything else may pass. */
static bool is_beyond_help(int code)
{
	return code == ENODATA || code == EIO || code == ENOENT;
}

/* One that cannot go on, with a count; its files are free to be made anew. */
static struct follower *take_broken(struct instance *i)
{
	LOCKED(&i->replicas_lock);
	for (struct follower *f = i->replicas; f != NULL; f = f->next) {
		struct replica_status status = {.failure = f->failure};
		if (f->r != NULL && f->failure.code == 0) {
			replica_status(f->r, &status);
		}
		if (f->leaving || !is_beyond_help(status.failure.code)) {
			continue;
		}
		event_post(i, INSTANCE_REPLICA_STOPPED, "%s: %s", f->spec.name, status.failure.msg);
		follower_empty(i, f);
		replica_close(f->r);
		f->r = NULL;
		f->failure = status.failure;
		return f;
	}
	return NULL;
}

/* Under i->change, so that its log is the one that counts. */
static int start_made(struct instance *i, struct follower *f, struct err *err)
{
	LOCKED(&i->change);
	struct primary *p = instance_peek(i);
	int rc = -EBUSY;
	{
		LOCKED(&i->replicas_lock);
		if (p != NULL) {
			rc = follower_start(i, f, p->log, err);
		} else {
			err_set(err, EBUSY, "%s: no copy of it serves", i->config.label);
		}
		f->leaving = false;
		if (rc == 0) {
			err_clear(&f->failure);
		} else {
			f->failure = *err;
		}
	}
	if (p != NULL) {
		instance_leave(i, p);
	}
	return rc;
}

void replicas_mend(struct instance *i)
{
	struct follower *f = take_broken(i);
	if (f == NULL) {
		return;
	}
	struct err err = {0};
	int rc = make_files(i, f->spec.name, &err);
	if (rc == 0) {
		rc = start_made(i, f, &err);
	}
	if (rc == 0) {
		event_post(i, INSTANCE_REPLICA_RESUMED, "%s, from a new copy", f->spec.name);
		return;
	}
	LOCKED(&i->replicas_lock);
	f->leaving = false;
	log_warn("%s: replica %s could not be made anew: %s", i->config.label, f->spec.name,
		err.msg);
}

/* ---- adding ---- */

static int check_new(struct instance *i, const struct replica_spec *spec, struct err *err)
{
	if (spec->name[0] == '\0' || spec->name[0] == '.' || strchr(spec->name, '/') != NULL ||
		strcmp(spec->name, "new") == 0) {
		return err_set(err, EINVAL, "%s: a replica cannot be called \"%s\"",
			i->config.label, spec->name);
	}
	LOCKED(&i->replicas_lock);
	return follower_find(i, spec->name) == NULL
		       ? 0
		       : err_set(err, EEXIST, "%s has a replica %s already", i->config.label,
				 spec->name);
}

static int add_made(struct instance *i, struct replica_spec *spec, struct err *err)
{
	struct follower *f;
	int rc = instance_alter(i, with_replica, spec, err);
	if (rc != 0) {
		return rc;
	}
	{
		LOCKED(&i->replicas_lock);
		f = follower_add(i, spec);
		if (f == NULL) {
			return err_set(err, ENOMEM, "%s: out of memory", i->config.label);
		}
		f->leaving = true; /* until it runs */
	}
	return start_made(i, f, err);
}

int instance_replica_add(struct instance *i, const char *name, const char *region, unsigned zone,
	int64_t delay_ms, struct err *err)
{
	struct replica_spec spec = {
		.zone = zone < INSTANCE_ZONES ? zone : instance_zone_of_primary(i),
		.delay_ms = delay_ms > 0 ? delay_ms : 0,
	};
	if (strlen(name) >= sizeof(spec.name) ||
		(region != NULL && strlen(region) >= sizeof(spec.region))) {
		return err_set(
			err, ENAMETOOLONG, "%s: the replica's name is too long", i->config.label);
	}
	snprintf(spec.name, sizeof(spec.name), "%s", name);
	snprintf(spec.region, sizeof(spec.region), "%s", region != NULL ? region : "");
	LOCKED(&i->work);
	int rc = check_new(i, &spec, err);
	if (rc == 0) {
		rc = make_files(i, name, err);
	}
	return rc != 0 ? rc : add_made(i, &spec, err);
}

/* ---- delay ---- */

struct delay {
	const char *name;
	int64_t ms;
};

static void with_delay(struct instance_state *state, void *arg)
{
	const struct delay *delay = arg;
	for (size_t n = 0; n < state->n_replicas; n++) {
		if (strcmp(state->replicas[n].name, delay->name) == 0) {
			state->replicas[n].delay_ms = delay->ms;
		}
	}
}

int instance_replica_set_delay(
	struct instance *i, const char *name, int64_t delay_ms, struct err *err)
{
	struct delay delay = {name, delay_ms > 0 ? delay_ms : 0};
	LOCKED(&i->work);
	int rc = instance_alter(i, with_delay, &delay, err);
	if (rc != 0) {
		return rc;
	}
	LOCKED(&i->replicas_lock);
	struct follower *f = follower_find(i, name);
	if (f == NULL) {
		return follower_missing(i, name, err);
	}
	f->spec.delay_ms = delay.ms;
	if (f->r != NULL) {
		replica_set_delay(f->r, delay.ms);
	}
	return 0;
}

/* ---- removing ---- */

/* Found, and nobody uses it any more; stays in the list. */
static int take_away(struct instance *i, const char *name, struct follower **out, struct err *err)
{
	LOCKED(&i->replicas_lock);
	*out = follower_find(i, name);
	if (*out == NULL) {
		return follower_missing(i, name, err);
	}
	follower_empty(i, *out);
	return 0;
}

/* It is gone, or stays as it was. */
static void let_go(struct instance *i, struct follower *f, bool gone)
{
	LOCKED(&i->replicas_lock);
	if (gone) {
		follower_take_out(i, f);
	} else {
		f->leaving = false;
	}
}

int instance_replica_remove(struct instance *i, const char *name, struct err *err)
{
	struct follower *f;
	LOCKED(&i->work);
	int rc = take_away(i, name, &f, err);
	if (rc != 0) {
		return rc;
	}
	char copy[sizeof(f->spec.name)];
	snprintf(copy, sizeof(copy), "%s", name);
	rc = instance_alter(i, without_replica, copy, err);
	let_go(i, f, rc == 0);
	if (rc == 0) {
		CLEANUP(buf_free) struct buf path = BUF_INIT;
		follower_path(i, copy, "", &path);
		rc = buf_check(&path, err);
		rc = rc != 0 ? rc : replica_delete(i->config.disk, path.p, err);
	}
	return rc;
}

/* ---- promoting ---- */

static int sync_names(
	const struct disk_ops *disk, const char *from, const char *to, struct err *err)
{
	int rc = disk_sync_parent(disk, to, err);
	return rc != 0 ? rc : disk_sync_parent(disk, from, err);
}

/* To its new name, durably. One that may not last is taken back: who is told of a failure
 * has the replica, and nothing at `to`. */
static int move_database(
	const struct disk_ops *disk, const char *from, const char *to, struct err *err)
{
	int rc = disk->rename(from, to);
	if (rc != 0) {
		return disk_error(rc, to, "could not be made of a replica", err);
	}
	rc = sync_names(disk, from, to, err);
	if (rc != 0 && disk->rename(to, from) == 0) {
		struct err ignored = {0};
		sync_names(disk, to, from, &ignored);
	}
	return rc;
}

/* Exactly one commit, on disk; then the database goes to its new name. */
static int detach_database(
	struct instance *i, struct follower *f, bool finish, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf own = BUF_INIT;
	const struct disk_ops *disk = config_disk(&i->config);
	follower_path(i, f->spec.name, "", &own);
	int rc = buf_check(&own, err);
	if (rc == 0 && f->r == NULL) {
		rc = err_set(err, f->failure.code != 0 ? f->failure.code : EBUSY,
			"%s: the replica %s is not whole: %s", i->config.label, f->spec.name,
			f->failure.msg);
	}
	if (rc == 0 && access(path, F_OK) == 0) {
		rc = err_set(err, EEXIST, "%s exists already", path);
	}
	if (rc != 0) {
		return rc;
	}
	replica_stop(f->r);
	rc = replica_apply(f->r, finish ? UINT64_MAX : 0, err);
	if (rc != 0) {
		return rc;
	}
	replica_close(f->r);
	f->r = NULL;
	return move_database(disk, own.p, path, err);
}

static int promote(
	struct instance *i, struct follower *f, bool finish, const char *path, struct err *err)
{
	/* No log is exchanged meanwhile. */
	LOCKED(&i->change);
	return detach_database(i, f, finish, path, err);
}

static void run_again(struct instance *i, struct follower *f)
{
	struct err err = {0};
	{
		LOCKED(&i->replicas_lock);
		if (f->r != NULL) {
			if (replica_start(f->r, &f->failure) == 0) {
				f->leaving = false;
			}
			return;
		}
	}
	if (start_made(i, f, &err) != 0) {
		log_warn("%s", err.msg);
	}
}

int instance_replica_promote(
	struct instance *i, const char *name, bool finish, const char *path, struct err *err)
{
	struct follower *f;
	LOCKED(&i->work);
	int rc = take_away(i, name, &f, err);
	if (rc != 0) {
		return rc;
	}
	rc = promote(i, f, finish, path, err);
	if (rc != 0) {
		run_again(i, f);
		return rc;
	}
	char copy[sizeof(f->spec.name)];
	snprintf(copy, sizeof(copy), "%s", name);
	let_go(i, f, true);
	return follower_strike_off(i, copy, err);
}
