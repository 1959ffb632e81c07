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
#include "engines/store/store_impl.h"

/* ---- files ---- */

void follower_path(struct instance *i, const char *name, const char *suffix, struct buf *out)
{
	buf_clear(out);
	buf_printf(out, "%s/%s/replicas/%s.db%s", i->config.dir, i->config.id, name, suffix);
	buf_cstr(out);
}

/* ---- the list; under i->replicas_lock ---- */

static struct follower **follower_place(struct instance *i, const char *name)
{
	struct follower **at = &i->replicas;
	while (*at != NULL && strcmp((*at)->spec.name, name) < 0) {
		at = &(*at)->next;
	}
	return at;
}

struct follower *follower_find(struct instance *i, const char *name)
{
	struct follower *f = *follower_place(i, name);
	return f != NULL && strcmp(f->spec.name, name) == 0 ? f : NULL;
}

int follower_missing(struct instance *i, const char *name, struct err *err)
{
	return err_set(err, ENOENT, "%s has no replica %s", i->config.label, name);
}

/* Waits until nobody uses it; nobody new does. */
void follower_empty(struct instance *i, struct follower *f)
{
	f->leaving = true;
	while (f->users > 0) {
		pthread_cond_wait(&i->replicas_moved, &i->replicas_lock);
	}
}

void follower_take_out(struct instance *i, struct follower *f)
{
	struct follower **at = follower_place(i, f->spec.name);
	*at = f->next;
	replica_close(f->r);
	free(f);
}

int replica_check(struct replica *r, struct pagelog *log, struct err *err)
{
	struct replica_status status;
	replica_status(r, &status);
	return status.sequence <= pagelog_last(log)
		       ? 0
		       : err_set(err, ENODATA, "it is ahead of the log, which was replaced");
}

int follower_start(struct instance *i, struct follower *f, struct pagelog *log, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf label = BUF_INIT;
	follower_path(i, f->spec.name, "", &path);
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
	if (rc == 0 && (rc = replica_check(f->r, log, err)) != 0) {
		replica_close(f->r);
		f->r = NULL;
	}
	return rc != 0 ? rc : replica_start(f->r, err);
}

struct follower *follower_add(struct instance *i, const struct replica_spec *spec)
{
	struct follower *f = calloc(1, sizeof(*f));
	if (f != NULL) {
		struct follower **at = follower_place(i, spec->name);
		f->spec = *spec;
		f->next = *at;
		*at = f;
	}
	return f;
}

/* ---- opening ---- */

static bool exists(struct instance *i, const char *name, const char *suffix)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	follower_path(i, name, suffix, &path);
	return buf_check(&path, NULL) == 0 && access(path.p, F_OK) == 0;
}

/* What a crash left of promotions. */
static int finish_promotions(struct instance *i, struct err *err)
{
	int rc = 0;
	for (size_t n = i->state.n_replicas; rc == 0 && n-- > 0;) {
		const char *name = i->state.replicas[n].name;
		if (!exists(i, name, "") && exists(i, name, "-position")) {
			rc = follower_strike_off(i, name, err);
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
		struct follower *f = follower_add(i, &i->state.replicas[n]);
		if (f == NULL) {
			return err_set(err, ENOMEM, "%s: out of memory", i->config.label);
		}
		follower_start(i, f, p->log, &f->failure);
	}
	return rc;
}

void replicas_close(struct instance *i)
{
	LOCKED(&i->replicas_lock);
	while (i->replicas != NULL) {
		follower_take_out(i, i->replicas);
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
	*out = follower_find(i, name);
	if (*out == NULL) {
		return follower_missing(i, name, err);
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
