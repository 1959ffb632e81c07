/* The instances of a cluster: what there are, made, changed, deleted. */
#include <stdio.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/docdb/service/cluster.h"

int docdb_no_member(struct slice name, struct err *err)
{
	return err_set(err, ENOENT, "DBInstanceNotFound: there is no instance %.*s in the cluster",
		(int)(name.n < 200 ? name.n : 200), name.n > 0 ? name.p : "");
}

static struct docdb_member *member_of(struct docdb_members *members, struct slice name)
{
	for (unsigned k = 0; k < members->n; k++) {
		if (slice_is(name, members->m[k].name)) {
			return &members->m[k];
		}
	}
	return NULL;
}

int docdb_member_find(
	struct docdb_cluster *c, struct slice name, struct docdb_member *out, struct err *err)
{
	struct docdb_members members;
	struct docdb_def def;

	docdb_def_now(c, &def);
	int rc = docdb_catalog_members(c->service, def.id, &members, err);
	const struct docdb_member *m = rc == 0 ? member_of(&members, name) : NULL;
	if (m == NULL) {
		return rc < 0 ? rc : docdb_no_member(name, err);
	}
	*out = *m;
	return 0;
}

/* ---- replicas as the catalog has them ---- */

static int add_replica(struct docdb_cluster *c, const struct docdb_member *m, struct err *err)
{
	return instance_replica_add(c->store, m->name, "", m->zone, m->delay_ms, err);
}

static bool is_there(const struct instance_replica *list, size_t n, const char *name)
{
	for (size_t k = 0; k < n; k++) {
		if (strcmp(list[k].name, name) == 0) {
			return true;
		}
	}
	return false;
}

static int drop_strangers(struct docdb_cluster *c, struct docdb_members *members,
	const char *writer, const struct instance_replica *list, size_t n, struct err *err)
{
	int rc = 0;

	for (size_t k = 0; rc == 0 && k < n; k++) {
		if (strcmp(list[k].name, writer) == 0 ||
			member_of(members, slice_of(list[k].name)) == NULL) {
			rc = instance_replica_remove(c->store, list[k].name, err);
		}
	}
	return rc;
}

int docdb_settle_replicas(struct docdb_cluster *c, struct err *err)
{
	CLEANUP(cleanup_free) struct instance_replica *list = NULL;
	struct docdb_members members;
	struct docdb_def def;
	size_t n = 0;

	LOCKED(&c->settling);
	docdb_def_now(c, &def);
	int rc = docdb_catalog_members(c->service, def.id, &members, err);
	rc = rc < 0 ? rc : instance_replicas(c->store, &list, &n, err);
	rc = rc < 0 ? rc : drop_strangers(c, &members, def.writer, list, n, err);
	for (unsigned k = 0; rc == 0 && k < members.n; k++) {
		const struct docdb_member *m = &members.m[k];
		if (strcmp(m->name, def.writer) != 0 && !is_there(list, n, m->name)) {
			rc = add_replica(c, m, err);
		}
	}
	return rc;
}

/* ---- making, changing, deleting ---- */

static unsigned emptier_zone(const struct docdb_members *members)
{
	unsigned n[INSTANCE_ZONES] = {0};

	for (unsigned k = 0; k < members->n; k++) {
		n[members->m[k].zone % INSTANCE_ZONES]++;
	}
	return n[1] < n[0];
}

static int check_new(struct docdb_members *members, const char *name, struct err *err)
{
	if (member_of(members, slice_of(name)) != NULL) {
		return err_set(err, EEXIST,
			"DBInstanceAlreadyExists: there is an instance %s in the cluster", name);
	}
	return members->n < DOCDB_MEMBERS_MAX
		       ? 0
		       : err_set(err, EINVAL,
				 "InstanceQuotaExceeded: the cluster has %u instances, the most "
				 "there can be",
				 members->n);
}

/* One of that name without a row is what a crash left, and goes first. */
static int add_anew(struct docdb_cluster *c, const struct docdb_member *m, struct err *err)
{
	struct err why = {0};

	int rc = add_replica(c, m, &why);
	if (rc != -EEXIST) {
		return rc < 0 ? err_set(err, why.code, "%s", why.msg) : 0;
	}
	rc = instance_replica_remove(c->store, m->name, err);
	return rc < 0 ? rc : add_replica(c, m, err);
}

/* The row is what makes it a member; without one a replica goes again. */
static int create(struct docdb_cluster *c, const struct docdb_wish *wish, struct err *err)
{
	struct docdb_member m = {
		.tier = wish->tier, .delay_ms = wish->delay_ms, .created_ns = clock_wall_ns()};
	struct docdb_members members;
	struct docdb_def def;
	struct err why = {0};

	docdb_def_now(c, &def);
	int rc = docdb_catalog_members(c->service, def.id, &members, err);
	rc = rc < 0 ? rc : check_new(&members, wish->name, err);
	if (rc < 0) {
		return rc;
	}
	snprintf(m.name, sizeof(m.name), "%s", wish->name);
	m.zone = wish->zone < INSTANCE_ZONES ? wish->zone : emptier_zone(&members);
	LOCKED(&c->settling);
	rc = add_anew(c, &m, err);
	if (rc < 0) {
		return rc;
	}
	rc = docdb_catalog_put_member(c->service, def.id, &m, err);
	if (rc < 0 && instance_replica_remove(c->store, m.name, &why) < 0) {
		log_warn("docdb: instance %s: %s", m.name, why.msg);
	}
	return rc;
}

int docdb_member_create(struct docdb_cluster *c, const struct docdb_wish *wish, struct err *err)
{
	int rc =
		identifier_check("DBInstanceIdentifier", slice_of(wish->name), DOCDB_NAME_MAX, err);

	rc = rc < 0 ? rc : docdb_step_begin(c, DOCDB_MODIFYING, err);
	if (rc < 0) {
		return rc;
	}
	rc = create(c, wish, err);
	docdb_step_end(c);
	if (rc == 0) {
		docdb_event(c, 5, "creation", "DB instance created. [%s]", wish->name);
	}
	return rc;
}

static int delete_entered(struct docdb_cluster *c, const char *name, struct err *err)
{
	struct docdb_member m;
	struct docdb_def def;
	struct err why = {0};

	docdb_def_now(c, &def);
	int rc = docdb_member_find(c, slice_of(name), &m, err);
	if (rc == 0 && strcmp(def.writer, name) == 0) {
		return err_set(err, EBUSY,
			"InvalidDBInstanceState: %s is the cluster's primary: 'failover' makes it "
			"a replica, which can be deleted",
			name);
	}
	LOCKED(&c->settling);
	rc = rc < 0 ? rc : docdb_catalog_drop_member(c->service, def.id, name, err);
	if (rc == 0 && instance_replica_remove(c->store, name, &why) < 0) {
		/* It goes at the next round of the keeper. */
		log_warn("docdb: instance %s: %s", name, why.msg);
	}
	return rc;
}

int docdb_member_delete(struct docdb_cluster *c, const char *name, struct err *err)
{
	int rc = docdb_step_begin(c, DOCDB_MODIFYING, err);

	if (rc < 0) {
		return rc;
	}
	rc = delete_entered(c, name, err);
	docdb_step_end(c);
	if (rc == 0) {
		docdb_event(c, 3, "deletion", "DB instance deleted. [%s]", name);
	}
	return rc;
}

int docdb_member_set_tier(struct docdb_cluster *c, const char *name, unsigned tier, struct err *err)
{
	struct docdb_member m;
	struct docdb_def def;

	int rc = docdb_step_begin(c, DOCDB_MODIFYING, err);
	if (rc < 0) {
		return rc;
	}
	docdb_def_now(c, &def);
	rc = docdb_member_find(c, slice_of(name), &m, err);
	m.tier = tier;
	rc = rc < 0 ? rc : docdb_catalog_put_member(c->service, def.id, &m, err);
	docdb_step_end(c);
	return rc;
}
