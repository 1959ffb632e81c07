/* Another primary: by command, and after the one there was has failed.
 *
 * While nobody is inside, a replica's file becomes the storage of the new primary, under an id of
 * its own; then the catalog's row names it, which is the moment from which it is the primary,
 * after a crash, too. What the old one had and the new one has not is lost: it is counted in
 * writes, by the offset of the last one that was acknowledged and of the last one that is there. */
#include <inttypes.h>
#include <stdio.h>

#include "engines/cache/service.h"
#include "engines/common/log.h"

#define NODE_GROUP "0001" /* the only shard */

/* ---- which storage ---- */

/* Under opening, nobody inside. */
static int switch_store(
	struct cache_cluster *c, const char *node, uint64_t store_id, struct err *err)
{
	int rc = cache_catalog_set_primary(c->service, c->def.id, node, store_id, err);

	if (rc == 0) {
		LOCKED(&c->service->base.lock);
		memmove(c->def.primary, node, strlen(node) + 1);
		c->def.store_id = store_id;
	}
	return rc;
}

static unsigned zone_of(struct cache_cluster *c, const char *node)
{
	struct cache_nodes nodes;
	struct err ignored = {0};

	if (cache_catalog_nodes(c->service, c->def.id, &nodes, &ignored) == 0) {
		for (unsigned k = 0; k < nodes.count; k++) {
			if (strcmp(nodes.n[k].name, node) == 0) {
				return nodes.n[k].zone;
			}
		}
	}
	return 0;
}

/* A storage of that file (NULL: an empty one), which is the primary's from then on. A COMMIT that
 * failed may still be there after power was lost: so its files stay, and the next open removes
 * those without a row. */
static int replace_store(
	struct cache_cluster *c, const char *node, const char *from, struct err *err)
{
	struct instance_settings settings = {.primary = zone_of(c, node)};
	struct cache_config config;
	struct cache_def def;
	uint64_t id = 0;

	cache_def_now(c, &def);
	int rc = cache_catalog_id(c->service, &id, err);
	if (rc < 0) {
		return rc;
	}
	cache_config_init(&config, c->service, &def, id);
	rc = instance_create(&config.config, &settings, from, err);
	return rc < 0 ? rc : switch_store(c, node, id, err);
}

/* Closes what was the primary's before, and removes it. */
static void leave_store(struct cache_cluster *c, const struct cache_def *before)
{
	cluster_shut(&c->base);
	cache_destroy_store(c->service, before, before->store_id);
}

int cache_begin_empty(struct cache_cluster *c, struct err *err)
{
	struct cache_def def;

	cache_def_now(c, &def);
	if (def.persistence != CACHE_NONE || c->service->base.read_only) {
		return 0;
	}
	int rc = replace_store(c, def.primary, NULL, err);
	if (rc == 0) {
		cache_destroy_store(c->service, &def, def.store_id);
	}
	return rc;
}

/* ---- what was lost ---- */

struct loss {
	uint64_t acknowledged;
	uint64_t there;
};

static int offset_fn(struct redis_txn *t, void *arg, struct err *err)
{
	return redis_offset(t, arg, err);
}

static void tell_loss(struct cache_cluster *c, const char *from, const struct loss *loss)
{
	uint64_t lost = loss->acknowledged > loss->there ? loss->acknowledged - loss->there : 0;

	if (lost == 0) {
		cache_event(c,
			"Nothing was lost: %s has every acknowledged write, up to offset "
			"%" PRIu64 ".",
			c->def.primary, loss->there);
		return;
	}
	cache_event(c,
		"%" PRIu64 " write%s lost, offset%s %" PRIu64 " to %" PRIu64
		": acknowledged by %s, not replicated to %s.",
		lost, lost == 1 ? " was" : "s were", lost == 1 ? "" : "s", loss->there + 1,
		loss->acknowledged, from, c->def.primary);
}

/* How much was acknowledged, nobody knows any more. */
static void tell_unknown(struct cache_cluster *c, const char *from)
{
	cache_event(c,
		"What %s had not received is lost: how many writes that were is not known, "
		"since the files of %s cannot be read.",
		c->def.primary, from);
}

/* ---- the step; nobody is inside ---- */

enum manner {
	HANDOVER, /* it gets everything first */
	ABANDON,  /* it stays as it is */
	SALVAGE	  /* it gets what can still be read */
};

/* Under opening. The replica's file, which is no replica any more. */
static int take_file(struct cache_cluster *c, const char *node, enum manner manner,
	const char *path, struct err *err)
{
	struct err why = {0};

	/* What is acknowledged need not be in the log yet. */
	int rc = manner == HANDOVER ? instance_sync(c->store, err) : 0;
	if (rc < 0) {
		return rc;
	}
	rc = instance_replica_promote(c->store, node, manner != ABANDON, path, &why);
	if (rc < 0 && manner == SALVAGE) {
		log_warn("cache: cluster %s: %s", c->def.name, why.msg);
		return instance_replica_promote(c->store, node, false, path, err);
	}
	return rc < 0 ? err_set(err, why.code, "%s", why.msg) : 0;
}

static int take_over(struct cache_cluster *c, const char *node, enum manner manner, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct cache_def before;

	cache_def_now(c, &before);
	clusters_temp_path(&c->service->base, ".db", &path);
	int rc = buf_check(&path, err);
	rc = rc < 0 ? rc : take_file(c, node, manner, path.p, err);
	if (rc == 0) {
		rc = replace_store(c, node, path.p, err);
		unlink(path.p);
	}
	if (rc == 0) {
		leave_store(c, &before);
	}
	return rc;
}

static int open_new(struct cache_cluster *c, struct loss *loss, struct err *err)
{
	LOCKED(&c->base.opening);
	int rc = cluster_open_now(&c->base, err);

	return rc < 0 ? rc : redis_read(c->keys->db, offset_fn, &loss->there, err);
}

/* Behind the gate. */
static int move(struct cache_cluster *c, const char *node, enum manner manner, struct err *err)
{
	char from[CACHE_NODE_MAX + 1];
	/* One that failed while it was opened never said what it acknowledged. */
	struct redis_db *db = c->keys != NULL ? c->keys->db : NULL;
	struct loss loss = {.acknowledged = db != NULL ? redis_db_offset(db) : 0};

	memcpy(from, c->def.primary, sizeof(from));
	int rc = take_over(c, node, manner, err);
	if (rc < 0) {
		return rc;
	}
	cache_event(c, "Failover from primary node %s to replica node %s completed", from, node);
	memcpy(c->recovering, from, sizeof(c->recovering));
	rc = open_new(c, &loss, err);
	if (rc == 0 && db != NULL) {
		tell_loss(c, from, &loss);
	} else if (rc == 0) {
		tell_unknown(c, from);
	}
	return rc;
}

/* Under changing. */
static int move_gated(
	struct cache_cluster *c, const char *node, enum manner manner, struct err *err)
{
	char target[CACHE_NODE_MAX + 1];

	snprintf(target, sizeof(target), "%s", node);
	int rc = cache_close_gate(c, err);
	if (rc < 0) {
		return rc;
	}
	rc = move(c, target, manner, err);
	cluster_open_gate(&c->base);
	cache_tell_changed(c, NULL);
	return rc;
}

void cache_recovery(struct cache_cluster *c)
{
	struct err why = {0};

	if (c->recovering[0] == '\0' || cache_enter(c, &why) < 0) {
		return;
	}
	cache_event(c, "Recovering cache nodes %s", c->recovering);
	if (cache_settle(c, &why) < 0) {
		log_warn("cache: cluster %s: %s", c->def.name, why.msg);
	} else {
		cache_event(c, "Finished recovery for cache nodes %s", c->recovering);
		c->recovering[0] = '\0';
	}
	cluster_leave(&c->base);
}

/* ---- by command ---- */

static int choose(
	struct cache_cluster *c, const char *target, char out[CACHE_NODE_MAX + 1], struct err *err)
{
	struct cache_node node;

	if (target != NULL && strcmp(target, c->def.primary) == 0) {
		return err_set(err, EINVAL,
			"InvalidParameterValue: %s is the cluster's primary already: name a "
			"replica",
			target);
	}
	int rc = target != NULL ? cache_replica_find(c, slice_of(target), &node, err)
				: cache_least_lag(c, out, err);
	if (rc == 0 && target != NULL) {
		memcpy(out, node.name, CACHE_NODE_MAX + 1);
	}
	return rc < 0 || out[0] != '\0'
		       ? rc
		       : err_set(err, EINVAL, "ERR FAILOVER requires connected replicas.");
}

/* The state and `changing` are the command's. */
static int by_command(
	struct cache_cluster *c, const char *target, enum manner manner, struct err *err)
{
	char node[CACHE_NODE_MAX + 1] = "";

	int rc = cache_only_redis(c, "replicas", err);
	rc = rc < 0 ? rc : cache_step_begin(c, CACHE_MODIFYING, err);
	if (rc < 0) {
		return rc;
	}
	cache_settle_first(c);
	rc = choose(c, target, node, err);
	if (rc == 0 && manner == ABANDON) {
		cache_event(c, "Test Failover API called for node group " NODE_GROUP);
	}
	cluster_leave(&c->base);
	if (rc == 0) {
		rc = move_gated(c, node, manner, err);
		cache_recovery(c);
	}
	pthread_mutex_unlock(&c->changing);
	cluster_state_set(&c->base, CACHE_AVAILABLE);
	return rc;
}

int cache_failover(struct cache_cluster *c, const char *target, struct err *err)
{
	return by_command(c, target, HANDOVER, err);
}

int cache_promote(struct cache_cluster *c, const char *target, struct err *err)
{
	struct cache_def def;

	cache_def_now(c, &def);
	if (def.kind == CACHE_REDIS && def.automatic_failover) {
		return err_set(err, EINVAL,
			"InvalidParameterCombination: a replica can be promoted by hand only while "
			"automatic failover is off: 'automatic-failover off' first, or 'failover'");
	}
	return by_command(c, target, HANDOVER, err);
}

int cache_test_failover(struct cache_cluster *c, struct err *err)
{
	struct cache_nodes nodes;
	struct cache_def def;

	cache_def_now(c, &def);
	int rc = cache_only_redis(c, "replicas", err);
	rc = rc < 0 ? rc : cache_catalog_nodes(c->service, def.id, &nodes, err);
	if (rc == 0 && (!def.automatic_failover || nodes.count < 2)) {
		return err_set(err, EINVAL,
			"TestFailoverNotAvailableFault: automatic failover is %s",
			def.automatic_failover ? "not possible without replicas" : "off");
	}
	return rc < 0 ? rc : by_command(c, NULL, ABANDON, err);
}

/* ---- by itself ---- */

static bool has_failed(struct cache_cluster *c)
{
	struct instance_status status;

	LOCKED(&c->base.opening);
	if (c->store == NULL) {
		return false;
	}
	instance_status(c->store, &status);
	return status.failure.code != 0 || atomic_load(&c->trouble);
}

/* Under changing. Nobody can use it but to fail, so the gate empties soon. */
static int replace_failed(struct cache_cluster *c, struct err *err)
{
	char node[CACHE_NODE_MAX + 1] = "";

	int rc = cache_close_gate(c, err);
	if (rc < 0) {
		return rc;
	}
	rc = cache_least_lag(c, node, err);
	if (rc == 0 && node[0] == '\0') {
		rc = err_set(
			err, EIO, "cluster %s has no replica that could take over", c->def.name);
	}
	rc = rc < 0 ? rc : move(c, node, SALVAGE, err);
	cluster_open_gate(&c->base);
	return rc;
}

bool cache_recovers(struct cache_cluster *c, uint64_t store_id)
{
	struct cache_def def;
	struct err why = {0};

	LOCKED(&c->changing);
	cache_def_now(c, &def);
	if (def.store_id != store_id) {
		return true;
	}
	if (def.kind != CACHE_REDIS || cluster_is_gone(&c->base)) {
		return false;
	}
	if (!has_failed(c)) {
		return true;
	}
	if (!def.automatic_failover || c->service->base.read_only) {
		return false;
	}
	int rc = replace_failed(c, &why);
	if (rc < 0) {
		log_error("cache: cluster %s: automatic failover: %s", def.name, why.msg);
		return false;
	}
	cache_tell_changed(c, NULL);
	keeper_kick(&c->service->nodes);
	return true;
}

/* ---- a primary that cannot be opened ---- */

/* Under opening. */
static void tell_salvaged(struct cache_cluster *c, const char *from)
{
	cache_event(c, "Failover from primary node %s to replica node %s completed", from,
		c->def.primary);
	tell_unknown(c, from);
}

static int salvage_to(
	struct cache_cluster *c, const struct cache_def *before, const char *path, struct err *err)
{
	struct instance_salvaged found;
	struct cache_config config;
	struct cache_node node;

	cache_config_init(&config, c->service, before, before->store_id);
	int rc = instance_salvage(&config.config, path, &found, err);
	rc = rc < 0 ? rc : cache_replica_find(c, slice_of(found.name), &node, err);
	return rc < 0 ? rc : replace_store(c, node.name, path, err);
}

int cache_salvage(struct cache_cluster *c, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct cache_def before;

	cache_def_now(c, &before);
	if (!before.automatic_failover || c->service->base.read_only) {
		return err_set(err, EIO, "automatic failover is off");
	}
	clusters_temp_path(&c->service->base, ".db", &path);
	int rc = buf_check(&path, err);
	if (rc == 0) {
		rc = salvage_to(c, &before, path.p, err);
		unlink(path.p);
	}
	if (rc == 0) {
		cache_destroy_store(c->service, &before, before.store_id);
		tell_salvaged(c, before.primary);
		keeper_kick(&c->service->nodes);
	}
	return rc;
}

/* ---- without replicas ---- */

/* Behind the gate. */
static int renew(struct cache_cluster *c, struct err *err)
{
	struct cache_def before;
	struct err why = {0};
	int rc;

	{
		LOCKED(&c->base.opening);
		rc = cluster_open_now(&c->base, &why);
	}
	if (rc == 0 && !has_failed(c)) {
		return err_set(err, EBUSY,
			"InvalidReplicationGroupState: the primary of cluster %s serves: there is "
			"nothing to recover",
			c->def.name);
	}
	cache_def_now(c, &before);
	rc = replace_store(c, before.primary, NULL, err);
	if (rc == 0) {
		leave_store(c, &before);
		LOCKED(&c->base.opening);
		rc = cluster_open_now(&c->base, err);
	}
	return rc;
}

/* Behind the gate. */
static int reboot(struct cache_cluster *c, struct err *err)
{
	cluster_shut(&c->base);
	LOCKED(&c->base.opening);
	c->begun = false;
	return cluster_open_now(&c->base, err);
}

typedef int gated_fn(struct cache_cluster *c, struct err *err);
static int run_gated(struct cache_cluster *c, gated_fn *fn, struct err *err)
{
	int rc = cache_only_redis(c, "storage", err);

	rc = rc < 0 ? rc : clusters_check_writable(&c->service->base, err);
	rc = rc < 0 ? rc : cluster_state_begin(&c->base, CACHE_MODIFYING, 0, err);
	if (rc < 0) {
		return rc;
	}
	LOCKED(&c->changing);
	rc = cache_close_gate(c, err);
	if (rc == 0) {
		rc = fn(c, err);
		cluster_open_gate(&c->base);
	}
	cluster_state_set(&c->base, CACHE_AVAILABLE);
	cache_tell_changed(c, NULL);
	keeper_kick(&c->service->nodes);
	return rc;
}

int cache_recover(struct cache_cluster *c, struct err *err)
{
	struct cache_def def;
	int rc = run_gated(c, renew, err);

	if (rc == 0) {
		cache_def_now(c, &def);
		cache_event(c,
			"ElastiCache:CacheNodeReplaceComplete: %s is empty; all nodes are "
			"recreated",
			def.primary);
	}
	return rc;
}

int cache_reboot(struct cache_cluster *c, struct err *err)
{
	struct cache_def def;
	int rc = run_gated(c, reboot, err);

	if (rc == 0) {
		cache_def_now(c, &def);
		cache_event(c, "ElastiCache:CacheNodesRebooted: %s", def.primary);
	}
	return rc;
}
