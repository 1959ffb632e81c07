/* The copy that serves: its page log and its store. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/log.h"
#include "engines/store/instance_impl.h"

/* ---- whether it works ---- */

void primary_fail(struct primary *p, const struct err *why)
{
	LOCKED(&p->i->lock);
	if (p->why.code == 0) {
		p->why = *why;
	}
	atomic_store(&p->failed, true);
}

bool primary_failed(struct primary *p, struct err *why)
{
	struct err found = {0};
	if (!atomic_load(&p->failed) && p->store != NULL && store_failure(p->store, &found)) {
		primary_fail(p, &found);
	}
	if (!atomic_load(&p->failed)) {
		return false;
	}
	if (why != NULL) {
		LOCKED(&p->i->lock);
		*why = p->why;
	}
	return true;
}

bool is_damage(int code)
{
	return code != ENOSPC && code != EDQUOT && code != ENOMEM && code != EMFILE &&
	       code != ENFILE;
}

static int on_commit(void *arg, const struct store_commit *commit, struct err *err)
{
	struct primary *p = arg;
	LOCKED(&p->tap);
	if (p->fenced) {
		return err_set(err, EIO, "%s: another copy serves now", p->i->config.label);
	}
	struct err why = {0};
	int rc = p->inner.committed(p->inner.arg, commit, &why);
	if (rc != 0 && is_damage(-rc)) {
		primary_fail(p, &why);
	}
	return rc != 0 ? err_set(err, why.code, "%s", why.msg) : 0;
}

/* Also for what was refused here: the log knows nothing of it. */
static bool needs_wal(void *arg)
{
	struct primary *p = arg;
	LOCKED(&p->tap);
	return p->fenced || p->inner.needs_wal(p->inner.arg);
}

/* ---- opening ---- */

static int check_mark(struct instance *i, unsigned zone, struct err *err)
{
	uint64_t found;
	uint64_t expected;
	{
		LOCKED(&i->state_lock);
		expected = i->state.mark[zone];
	}
	int rc = zone_mark(&i->config, zone, &found);
	if (rc == 0 && found == expected && expected != 0) {
		return 0;
	}
	const char *name = i->config.zone[zone].name;
	if (rc == -ENOENT || rc == -ENOTDIR) {
		return err_set(err, EIO, "%s: there is no copy of it in zone %s (%s/%s)",
			i->config.label, name, i->config.zone[zone].dir, i->config.id);
	}
	return err_set(err, EIO, "%s: what is in zone %s (%s/%s) is not its newest copy%s",
		i->config.label, name, i->config.zone[zone].dir, i->config.id,
		rc != 0 ? "; it cannot be told what it is" : "");
}

/* Whether the database there is a standby's still. */
static bool is_follower(struct instance *i, unsigned zone)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	zone_path(&i->config, zone, "data.db-position", &path);
	return buf_check(&path, NULL) == 0 && access(path.p, F_OK) == 0;
}

/* The other zone's log, if commits wait for it and it is what it should be. */
static int standby_dir(struct instance *i, unsigned zone, struct buf *out, struct err *err)
{
	struct err why = {0};
	if (check_mark(i, zone, &why) == 0) {
		zone_path(&i->config, zone, "log", out);
		return buf_check(out, err);
	}
	return standby_drop(i, NULL, &why, err);
}

static int open_log(struct primary *p, bool standby, struct err *err)
{
	struct instance *i = p->i;
	CLEANUP(buf_free) struct buf own = BUF_INIT;
	CLEANUP(buf_free) struct buf other = BUF_INIT;
	zone_path(&i->config, p->zone, "log", &own);
	int rc = buf_check(&own, err);
	if (rc == 0 && standby) {
		rc = standby_dir(i, 1 - p->zone, &other, err);
	}
	struct pagelog_config config = {
		.dir = own.p,
		.standby = other.n > 0 ? other.p : NULL,
		.policy = PAGELOG_DEGRADE,
		.lost = standby_on_lost,
		.arg = p,
		.lazy = i->config.sync != STORE_SYNC_CLOSE,
		.disk = i->config.disk,
		.label = i->config.label,
	};
	return rc != 0 ? rc : pagelog_open(&config, &p->log, err);
}

/* One that begins again from nothing would number its commits as the lost one did;
 * replicas and base copies could not tell them apart. */
static int check_log(struct instance *i, unsigned zone, bool standby, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	zone_path(&i->config, zone, "log/state", &path);
	int rc = buf_check(&path, err);
	if (rc == 0 && !standby && access(path.p, F_OK) != 0 && !is_follower(i, zone)) {
		zone_path(&i->config, zone, "log", &path);
		rc = err_set(err, EIO, "%s: its page log %s is gone", i->config.label, path.p);
	}
	return rc;
}

/* What was a standby's database applies all that its log has. */
static int catch_up(struct primary *p, struct err *err)
{
	struct instance *i = p->i;
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	if (!is_follower(i, p->zone)) {
		return 0;
	}
	zone_path(&i->config, p->zone, "data.db", &path);
	struct replica_config config = {
		.path = path.p, .label = i->config.label, .log = p->log, .disk = i->config.disk};
	int rc = buf_check(&path, err);
	if (rc == 0) {
		rc = replica_open(&config, &p->follower, err);
	}
	if (rc == 0) {
		rc = replica_check(p->follower, p->log, err);
	}
	return rc != 0 ? rc : replica_apply(p->follower, UINT64_MAX, err);
}

int primary_prepare(
	struct instance *i, unsigned zone, bool standby, struct primary **out, struct err *err)
{
	struct primary *p = calloc(1, sizeof(*p));
	*out = NULL;
	if (p == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", i->config.label);
	}
	p->i = i;
	p->zone = zone;
	pthread_mutex_init(&p->tap, NULL);
	int rc = check_mark(i, zone, err);
	if (rc == 0) {
		rc = check_log(i, zone, standby, err);
	}
	if (rc == 0) {
		rc = open_log(p, standby, err);
	}
	if (rc == 0) {
		rc = catch_up(p, err);
	}
	if (rc != 0) {
		primary_close(p);
		return rc;
	}
	*out = p;
	return 0;
}

static int promote(struct primary *p, struct err *err)
{
	int rc = p->follower != NULL ? replica_promote(p->follower, true, err) : 0;
	if (rc == 0) {
		p->follower = NULL;
	}
	return rc;
}

/* Where commits are not synced, power loss may have left replicas ahead of what the log ends with,
 * and what comes after the gap would get numbers that they have: they are made anew. */
static int forget_replicas(struct instance *i, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	int rc = 0;
	for (size_t n = 0; rc == 0 && n < i->state.n_replicas; n++) {
		follower_path(i, i->state.replicas[n].name, "", &path);
		rc = buf_check(&path, err);
		rc = rc != 0 ? rc : replica_delete(i->config.disk, path.p, err);
	}
	return rc;
}

/* The log lacks commits of the database, which nobody was told of as done (or that were not
 * synced). The standby lacks them, too. */
static int recover(struct primary *p, const char *database, struct err *err)
{
	struct err why = {0};
	int rc = pagelog_recover(p->log, database, &why);
	if (rc == -ENODATA && !standby_ready(p->i)) {
		log_warn("%s", why.msg);
		rc = p->i->config.sync != STORE_SYNC_CLOSE ? forget_replicas(p->i, err) : 0;
		return rc != 0 ? rc : pagelog_gap(p->log, err);
	}
	return rc != 0 ? err_set(err, rc == -ENODATA ? EIO : why.code, "%s", why.msg) : 0;
}

static int open_store(struct primary *p, const char *database, struct err *err)
{
	const struct instance_config *c = &p->i->config;
	p->inner = pagelog_tap(p->log);
	struct store_config config = {
		.path = database,
		.label = c->label,
		.application_id = c->application_id,
		.schema_version = c->schema_version,
		.schema = c->schema,
		.sql = c->sql,
		.n_sql = c->n_sql,
		.slot_free = c->slot_free,
		.sync = c->sync,
		.before_commit = c->before_commit,
		.tap = {.committed = on_commit, .needs_wal = needs_wal, .arg = p},
		.vfs = checksum_vfs(NULL),
	};
	return store_open(&config, &p->store, err);
}

int primary_finish(struct primary *p, struct err *err)
{
	CLEANUP(buf_free) struct buf database = BUF_INIT;
	zone_path(&p->i->config, p->zone, "data.db", &database);
	int rc = buf_check(&database, err);
	if (rc == 0) {
		rc = promote(p, err);
	}
	if (rc == 0) {
		rc = recover(p, database.p, err);
	}
	if (rc == 0) {
		rc = verify_end(p, database.p, err);
	}
	if (rc == 0) {
		rc = open_store(p, database.p, err);
	}
	return rc != 0 ? rc : watch_begin(p, err);
}

/* One that failed, or whose commits do not count, writes nothing more. */
void primary_stop(struct primary *p)
{
	if (p->store != NULL && (primary_failed(p, NULL) || p->fenced)) {
		store_abandon(p->store);
	} else {
		store_close(p->store);
	}
	p->store = NULL;
	watch_end(p->watch);
	p->watch = NULL;
}

void primary_free(struct primary *p)
{
	replica_close(p->follower);
	pagelog_close(p->log);
	pthread_mutex_destroy(&p->tap);
	free(p);
}

void primary_close(struct primary *p)
{
	if (p != NULL) {
		primary_stop(p);
		primary_free(p);
	}
}
