/* The replicas: their list, making, reading, promoting.
 *
 * A replica is there when the state names it. One that the state names and whose
 * database is missing while its position is left was promoted: the database has got
 * another name, and what remains is to strike it off. One without both, or that the
 * log no longer leads on, is made anew by the worker. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/log.h"
#include "engines/store/instance_impl.h"
#include "engines/store/position.h"
#include "engines/store/store_impl.h"

/* ---- files ---- */

static void replica_path(struct instance *i, const char *name, const char *suffix, struct buf *out)
{
	buf_clear(out);
	buf_printf(out, "%s/%s/replicas/%s.db%s", i->config.dir, i->config.id, name, suffix);
	buf_cstr(out);
}

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
	replica_path(i, name, "", &path);
	int rc = buf_check(&dir, err) != 0 ? -ENOMEM : buf_check(&path, err);
	if (rc == 0) {
		rc = replica_delete(i->config.disk, path.p, err);
	}
	if (rc == 0) {
		rc = instance_enter(i, instance_clock() + INSTANCE_WAIT_NS, &p, err);
	}
	if (rc != 0) {
		return rc;
	}
	rc = replica_make(p, dir.p, path.p, err);
	instance_leave(i, p);
	return rc;
}

/* ---- the list; under i->replicas_lock ---- */

static struct follower **place_of(struct instance *i, const char *name)
{
	struct follower **at = &i->replicas;
	while (*at != NULL && strcmp((*at)->spec.name, name) < 0) {
		at = &(*at)->next;
	}
	return at;
}

static struct follower *find(struct instance *i, const char *name)
{
	struct follower *f = *place_of(i, name);
	return f != NULL && strcmp(f->spec.name, name) == 0 ? f : NULL;
}

static int no_such(struct instance *i, const char *name, struct err *err)
{
	return err_set(err, ENOENT, "%s has no replica %s", i->config.label, name);
}

/* Waits until nobody uses it; nobody new does. */
static void empty(struct instance *i, struct follower *f)
{
	f->leaving = true;
	while (f->users > 0) {
		pthread_cond_wait(&i->replicas_moved, &i->replicas_lock);
	}
}

static void take_out(struct instance *i, struct follower *f)
{
	struct follower **at = place_of(i, f->spec.name);
	*at = f->next;
	replica_close(f->r);
	free(f);
}

static int start_one(struct instance *i, struct follower *f, struct pagelog *log, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf label = BUF_INIT;
	replica_path(i, f->spec.name, "", &path);
	buf_printf(&label, "%s, replica %s", i->config.label, f->spec.name);
	buf_cstr(&label);
	int rc = buf_check(&path, err) != 0 ? -ENOMEM : buf_check(&label, err);
	struct replica_config config = {
		.path = path.p,
		.label = label.p,
		.region = f->spec.region,
		.log = log,
		.disk = i->config.disk,
		.delay_ms = f->spec.delay_ms,
	};
	if (rc == 0) {
		rc = replica_open(&config, &f->r, err);
	}
	return rc != 0 ? rc : replica_start(f->r, err);
}

static struct follower *add(struct instance *i, const struct replica_spec *spec)
{
	struct follower *f = calloc(1, sizeof(*f));
	if (f != NULL) {
		struct follower **at = place_of(i, spec->name);
		f->spec = *spec;
		f->next = *at;
		*at = f;
	}
	return f;
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

/* ---- opening ---- */

static bool exists(struct instance *i, const char *name, const char *suffix)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	replica_path(i, name, suffix, &path);
	return buf_check(&path, NULL) == 0 && access(path.p, F_OK) == 0;
}

static int strike_off(struct instance *i, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	char copy[sizeof(((struct replica_spec *)NULL)->name)];
	snprintf(copy, sizeof(copy), "%s", name);
	int rc = instance_alter(i, without_replica, copy, err);
	replica_path(i, copy, "", &path);
	if (rc == 0) {
		rc = buf_check(&path, err);
	}
	return rc != 0 ? rc : replica_delete(i->config.disk, path.p, err);
}

/* What a crash left of promotions. */
static int finish_promotions(struct instance *i, struct err *err)
{
	int rc = 0;
	for (size_t n = i->state.n_replicas; rc == 0 && n-- > 0;) {
		const char *name = i->state.replicas[n].name;
		if (!exists(i, name, "") && exists(i, name, "-position")) {
			rc = strike_off(i, name, err);
		}
	}
	return rc;
}

static bool is_known(struct instance *i, const char *file)
{
	for (size_t n = 0; n < i->state.n_replicas; n++) {
		const char *name = i->state.replicas[n].name;
		size_t length = strlen(name);
		if (strncmp(file, name, length) == 0 &&
			(strcmp(file + length, ".db") == 0 ||
				strcmp(file + length, ".db-position") == 0)) {
			return true;
		}
	}
	return false;
}

/* What a crash left of those being made or removed. */
static int remove_strays(struct instance *i, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	own_path(&i->config, "replicas", &dir);
	int rc = buf_check(&dir, err);
	rc = rc != 0 ? rc : disk_make_dir(config_disk(&i->config), dir.p, err);
	DIR *d = rc == 0 ? opendir(dir.p) : NULL;
	for (struct dirent *e; rc == 0 && d != NULL && (e = readdir(d)) != NULL;) {
		CLEANUP(buf_free) struct buf path = BUF_INIT;
		if (e->d_name[0] != '.' && !is_known(i, e->d_name)) {
			buf_printf(&path, "%s/%s", dir.p, e->d_name);
			buf_cstr(&path);
			rc = buf_check(&path, err);
			rc = rc != 0 ? rc : disk_remove(config_disk(&i->config), path.p, err);
		}
	}
	if (d != NULL) {
		closedir(d);
	}
	return rc;
}

int replicas_open(struct instance *i, struct primary *p, struct err *err)
{
	int rc = finish_promotions(i, err);
	if (rc == 0) {
		rc = remove_strays(i, err);
	}
	LOCKED(&i->replicas_lock);
	for (size_t n = 0; rc == 0 && n < i->state.n_replicas; n++) {
		struct follower *f = add(i, &i->state.replicas[n]);
		if (f == NULL) {
			return err_set(err, ENOMEM, "%s: out of memory", i->config.label);
		}
		start_one(i, f, p->log, &f->failure);
	}
	return rc;
}

void replicas_close(struct instance *i)
{
	LOCKED(&i->replicas_lock);
	while (i->replicas != NULL) {
		take_out(i, i->replicas);
	}
}

void replicas_follow(struct instance *i, struct pagelog *log)
{
	LOCKED(&i->replicas_lock);
	for (struct follower *f = i->replicas; f != NULL; f = f->next) {
		if (f->r != NULL) {
			replica_set_log(f->r, log);
		}
	}
}

uint64_t replicas_hold(struct instance *i)
{
	uint64_t hold = UINT64_MAX;
	LOCKED(&i->replicas_lock);
	for (struct follower *f = i->replicas; f != NULL; f = f->next) {
		struct replica_status status = {.durable = UINT64_MAX};
		if (f->r != NULL) {
			replica_status(f->r, &status);
		}
		hold = status.durable < hold ? status.durable : hold;
	}
	return hold;
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
		empty(i, f);
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
	int rc = p == NULL ? err_set(err, EBUSY, "%s: no copy of it serves", i->config.label) : 0;
	{
		LOCKED(&i->replicas_lock);
		rc = rc != 0 ? rc : start_one(i, f, p->log, err);
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

/* ---- adding and removing ---- */

static int check_new(struct instance *i, const struct replica_spec *spec, struct err *err)
{
	if (spec->name[0] == '\0' || spec->name[0] == '.' || strchr(spec->name, '/') != NULL ||
		strcmp(spec->name, "new") == 0) {
		return err_set(err, EINVAL, "%s: a replica cannot be called \"%s\"",
			i->config.label, spec->name);
	}
	LOCKED(&i->replicas_lock);
	return find(i, spec->name) == NULL ? 0
					   : err_set(err, EEXIST, "%s has a replica %s already",
						     i->config.label, spec->name);
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
		f = add(i, spec);
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

/* Found, and nobody uses it any more; stays in the list. */
static int take_away(struct instance *i, const char *name, struct follower **out, struct err *err)
{
	LOCKED(&i->replicas_lock);
	*out = find(i, name);
	if (*out == NULL) {
		return no_such(i, name, err);
	}
	empty(i, *out);
	return 0;
}

/* It is gone, or stays as it was. */
static void let_go(struct instance *i, struct follower *f, bool gone)
{
	LOCKED(&i->replicas_lock);
	if (gone) {
		take_out(i, f);
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
		replica_path(i, copy, "", &path);
		rc = buf_check(&path, err);
		rc = rc != 0 ? rc : replica_delete(i->config.disk, path.p, err);
	}
	return rc;
}

/* ---- promoting ---- */

/* Exactly one commit, on disk; then the database goes to its new name. */
static int detach_database(
	struct instance *i, struct follower *f, bool finish, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf own = BUF_INIT;
	const struct disk_ops *disk = config_disk(&i->config);
	replica_path(i, f->spec.name, "", &own);
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
	rc = disk->rename(own.p, path);
	if (rc != 0) {
		return disk_error(rc, path, "could not be made of a replica", err);
	}
	rc = disk_sync_parent(disk, path, err);
	return rc != 0 ? rc : disk_sync_parent(disk, own.p, err);
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
	return strike_off(i, copy, err);
}

/* ---- looking ---- */

static void describe(struct follower *f, struct instance_replica *out)
{
	*out = (struct instance_replica){.zone = f->spec.zone};
	memcpy(out->name, f->spec.name, sizeof(out->name));
	memcpy(out->region, f->spec.region, sizeof(out->region));
	if (f->r != NULL) {
		replica_status(f->r, &out->status);
	} else {
		out->status.failure = f->failure;
		out->status.delay_ms = f->spec.delay_ms;
	}
	out->status.region = NULL; /* the replica's own memory; region is above */
}

int instance_replicas(struct instance *i, struct instance_replica **out, size_t *n, struct err *err)
{
	LOCKED(&i->replicas_lock);
	size_t count = 0;
	*n = 0;
	for (struct follower *f = i->replicas; f != NULL; f = f->next) {
		count++;
	}
	*out = calloc(count + 1, sizeof(**out));
	if (*out == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", i->config.label);
	}
	for (struct follower *f = i->replicas; f != NULL; f = f->next) {
		describe(f, &(*out)[(*n)++]);
	}
	return 0;
}

static int begin_use(struct instance *i, const char *name, struct follower **out, struct err *err)
{
	LOCKED(&i->replicas_lock);
	*out = find(i, name);
	if (*out == NULL) {
		return no_such(i, name, err);
	}
	if ((*out)->leaving || (*out)->r == NULL) {
		const char *why = (*out)->failure.msg;
		return err_set(err, EBUSY, "%s: the replica %s is being made%s%s", i->config.label,
			name, why[0] != '\0' ? ": " : "", why);
	}
	(*out)->users++;
	return 0;
}

/* `why` (may be NULL): its files have failed. */
static void end_use(struct instance *i, struct follower *f, const struct err *why)
{
	LOCKED(&i->replicas_lock);
	if (why != NULL && f->failure.code == 0) {
		f->failure = *why;
		worker_kick(i);
	}
	if (--f->users == 0) {
		pthread_cond_broadcast(&i->replicas_moved);
	}
}

int instance_replica_read(
	struct instance *i, const char *name, instance_replica_fn *fn, void *arg, struct err *err)
{
	struct follower *f;
	struct replica_reader *reader;
	struct err failure = {0};
	int rc = begin_use(i, name, &f, err);
	if (rc != 0) {
		return rc;
	}
	rc = replica_read_begin(f->r, &reader, err);
	if (rc == 0) {
		sqlite3 *db = replica_reader_db(reader);
		rc = fn(db, replica_reader_sequence(reader), arg, err);
		if (rc != 0 && sql_files_failed(db)) {
			store_sql_error(db, i->config.label, &failure);
		}
		replica_read_end(reader);
	}
	end_use(i, f, failure.code != 0 ? &failure : NULL);
	return rc;
}
