/* Who writes: by command, and after the storage moved by itself. */
#include <stdio.h>

#include "engines/common/log.h"
#include "engines/docdb/service/cluster.h"

/* ---- who would be best ---- */

struct candidates {
	struct docdb_members members;
	struct instance_replica *lag;
	size_t n_lag;
	const char *writer;
};

static uint64_t lag_of(const struct candidates *all, const char *name)
{
	for (size_t k = 0; k < all->n_lag; k++) {
		if (strcmp(all->lag[k].name, name) == 0) {
			return all->lag[k].status.lag_commits;
		}
	}
	return UINT64_MAX;
}

/* Members are in order of names, so the first of equals stays. */
static bool is_better(
	const struct candidates *all, const struct docdb_member *a, const struct docdb_member *b)
{
	if (b == NULL || a->tier != b->tier) {
		return b == NULL || a->tier < b->tier;
	}
	return lag_of(all, a->name) < lag_of(all, b->name);
}

/* Of those in `zone` (INSTANCE_ZONES: anywhere); NULL when there is none. */
static const struct docdb_member *best(const struct candidates *all, unsigned zone)
{
	const struct docdb_member *found = NULL;

	for (unsigned k = 0; k < all->members.n; k++) {
		const struct docdb_member *m = &all->members.m[k];
		bool fits = strcmp(m->name, all->writer) != 0 &&
			    (zone >= INSTANCE_ZONES || m->zone == zone);
		if (fits && is_better(all, m, found)) {
			found = m;
		}
	}
	return found;
}

static const struct docdb_member *named(const struct candidates *all, const char *name)
{
	for (unsigned k = 0; k < all->members.n; k++) {
		if (strcmp(all->members.m[k].name, name) == 0) {
			return &all->members.m[k];
		}
	}
	return NULL;
}

/* `def` outlives it; free all->lag. */
static int look(struct docdb_cluster *c, const struct docdb_def *def, struct candidates *all,
	struct err *err)
{
	*all = (struct candidates){.writer = def->writer};
	int rc = docdb_catalog_members(c->service, def->id, &all->members, err);

	return rc < 0 ? rc : instance_replicas(c->store, &all->lag, &all->n_lag, err);
}

static unsigned zone_now(struct docdb_cluster *c)
{
	struct instance_status status;

	instance_status(c->store, &status);
	return status.settings.primary;
}

int docdb_successor(
	struct docdb_cluster *c, unsigned zone, char out[DOCDB_NAME_MAX + 1], struct err *err)
{
	struct candidates all;
	struct docdb_def def;

	docdb_def_now(c, &def);
	int rc = look(c, &def, &all, err);
	const struct docdb_member *m = rc == 0 ? best(&all, zone) : NULL;
	snprintf(out, DOCDB_NAME_MAX + 1, "%s", m != NULL ? m->name : def.writer);
	free(all.lag);
	return rc;
}

/* ---- settling ---- */

/* The member that should write, now that the storage is in `zone`: the target of a failover that
 * happened; who writes there already; the best there; or the writer, made anew there. */
static const struct docdb_member *who(
	const struct candidates *all, const struct docdb_def *def, unsigned zone)
{
	const struct docdb_member *target = named(all, def->target);
	const struct docdb_member *writer = named(all, def->writer);

	if (target != NULL && target->zone == zone) {
		return target;
	}
	if (writer != NULL && writer->zone == zone) {
		return writer;
	}
	const struct docdb_member *other = best(all, zone);
	return other != NULL ? other : writer;
}

/* Under settling. */
static int set_writer(struct docdb_cluster *c, const struct docdb_def *def,
	const struct docdb_member *m, unsigned zone, struct err *err)
{
	int rc = c->service->base.read_only
			 ? 0
			 : docdb_catalog_set_writer(c->service, def->id, m->name, zone, err);

	if (rc < 0) {
		return rc;
	}
	bool moved = strcmp(m->name, def->writer) != 0 || m->zone != zone ||
		     strcmp(m->name, def->target) == 0;
	docdb_roles_changed(c, m->name, "");
	if (moved) {
		docdb_event(c, 71, "failover", "Completed failover to DB instance: %s.", m->name);
	}
	return 0;
}

/* Under settling. */
static int settle(struct docdb_cluster *c, const struct docdb_def *def, struct err *err)
{
	struct candidates all;
	unsigned zone = zone_now(c);

	int rc = look(c, def, &all, err);
	const struct docdb_member *m = rc == 0 ? who(&all, def, zone) : NULL;
	bool stays = m != NULL && strcmp(m->name, def->writer) == 0 && m->zone == zone &&
		     def->target[0] == '\0';
	if (m != NULL && !stays) {
		rc = set_writer(c, def, m, zone, err);
	}
	free(all.lag);
	return rc;
}

int docdb_settle_writer(struct docdb_cluster *c, struct err *err)
{
	struct docdb_def def;

	LOCKED(&c->settling);
	unsigned moves = atomic_load(&c->moves);
	if (moves == atomic_load(&c->settled)) {
		return 0;
	}
	docdb_def_now(c, &def);
	int rc = settle(c, &def, err);
	if (rc == 0) {
		atomic_store(&c->settled, moves);
	}
	return rc;
}

/* ---- by command ---- */

static int choose(struct docdb_cluster *c, const struct docdb_def *def, const char *target,
	struct docdb_member *out, struct err *err)
{
	struct candidates all;

	int rc = look(c, def, &all, err);
	const struct docdb_member *m = NULL;
	if (rc == 0) {
		/* Without replicas the primary is made anew. */
		m = target != NULL	? named(&all, target)
		    : all.members.n > 1 ? best(&all, INSTANCE_ZONES)
					: named(&all, def->writer);
	}
	if (rc == 0 && m == NULL) {
		rc = docdb_no_member(slice_of(target != NULL ? target : def->writer), err);
	} else if (rc == 0 && target != NULL && strcmp(target, def->writer) == 0) {
		rc = err_set(err, EINVAL,
			"InvalidParameterValue: %s is the cluster's primary already: name a "
			"replica",
			target);
	}
	if (rc == 0 && m != NULL) {
		*out = *m;
	}
	free(all.lag);
	return rc;
}

/* Who writes is decided when the storage has moved, also after a crash here. */
static int move(struct docdb_cluster *c, const struct docdb_def *def,
	const struct docdb_member *target, bool cross, struct err *err)
{
	struct err ignored = {0};

	int rc = docdb_catalog_set_target(c->service, def->id, target->name, err);
	if (rc < 0) {
		return rc;
	}
	docdb_roles_changed(c, def->writer, target->name);
	rc = cross ? instance_failover(c->store, "user request", err)
		   : instance_restart(c->store, err);
	if (rc < 0 && zone_now(c) != target->zone) {
		docdb_catalog_set_target(c->service, def->id, "", &ignored);
		docdb_roles_changed(c, def->writer, "");
		return rc;
	}
	docdb_moved(c);
	return docdb_settle_writer(c, err);
}

static int failover_entered(struct docdb_cluster *c, const char *target, struct err *err)
{
	struct docdb_member to = {0};
	struct docdb_def def;
	struct err why = {0};

	docdb_def_now(c, &def);
	int rc = choose(c, &def, target, &to, err);
	if (rc < 0) {
		return rc;
	}
	bool cross = to.zone != zone_now(c);
	docdb_event(c, cross ? 73 : 72, "failover", "Started %s failover to DB instance: %s.",
		cross ? "cross AZ" : "same AZ", to.name);
	rc = move(c, &def, &to, cross, err);
	if (rc < 0) {
		docdb_event(c, 69, "failover", "Failover to DB instance %s failed. [%s]", to.name,
			err->msg);
		return rc;
	}
	/* The former primary follows from here on; if it cannot yet, the keeper sees to it. */
	if (docdb_settle_replicas(c, &why) < 0) {
		log_warn("docdb: cluster %s: %s", def.name, why.msg);
	}
	return 0;
}

int docdb_failover(struct docdb_cluster *c, const char *target, struct err *err)
{
	int rc = docdb_step_begin(c, DOCDB_FAILING_OVER, err);

	if (rc == 0) {
		rc = failover_entered(c, target, err);
		docdb_step_end(c);
		docdb_tell_changed(c, NULL);
	}
	return rc;
}
