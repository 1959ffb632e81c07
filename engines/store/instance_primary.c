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

/* Whether a log that says so should be left. A full disk is none of them: the
 * other copy may be as full, and space may be made. */
static bool is_damage(int code)
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

static int open_log(struct primary *p, const char *database, struct err *err)
{
	struct instance *i = p->i;
	CLEANUP(buf_free) struct buf own = BUF_INIT;
	zone_path(&i->config, p->zone, "log", &own);
	struct pagelog_config config = {
		.dir = own.p,
		.policy = PAGELOG_DEGRADE,
		.disk = i->config.disk,
		.label = i->config.label,
	};
	int rc = buf_check(&own, err);
	if (rc == 0) {
		rc = pagelog_open(&config, &p->log, err);
	}
	return rc != 0 ? rc : pagelog_recover(p->log, database, err);
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
		.sync = STORE_SYNC_CLOSE,
		.tap = {.committed = on_commit, .arg = p},
	};
	return store_open(&config, &p->store, err);
}

static int open_all(struct primary *p, struct err *err)
{
	CLEANUP(buf_free) struct buf database = BUF_INIT;
	zone_path(&p->i->config, p->zone, "data.db", &database);
	int rc = buf_check(&database, err);
	if (rc == 0) {
		rc = check_mark(p->i, p->zone, err);
	}
	if (rc == 0) {
		rc = open_log(p, database.p, err);
	}
	return rc != 0 ? rc : open_store(p, database.p, err);
}

int primary_open(struct instance *i, unsigned zone, struct primary **out, struct err *err)
{
	struct primary *p = calloc(1, sizeof(*p));
	if (p == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", i->config.label);
	}
	p->i = i;
	p->zone = zone;
	pthread_mutex_init(&p->tap, NULL);
	int rc = open_all(p, err);
	if (rc != 0) {
		primary_close(p);
		return rc;
	}
	*out = p;
	return 0;
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
}

void primary_free(struct primary *p)
{
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
