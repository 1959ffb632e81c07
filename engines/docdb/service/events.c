/* What happens inside a store, in the service's words. Its own words stand behind
 * them in brackets. */
#include "engines/common/log.h"
#include "engines/docdb/service/cluster.h"

struct wording {
	const char *category;
	const char *text;
};

static const struct wording wordings[] = {
	[INSTANCE_STANDBY_STARTED] = {"recovery", "A copy of the storage is being built."},
	[INSTANCE_STANDBY_READY] = {"recovery", "The storage is complete in both zones."},
	[INSTANCE_STANDBY_LOST] = {"availability",
		"The storage is lost in one zone; writes go on in the other."},
	[INSTANCE_FAILED] = {"failure", "No copy of the storage can serve."},
	[INSTANCE_BACKUP_STARTED] = {"backup", "Backing up DB cluster."},
	[INSTANCE_BACKUP_FINISHED] = {"backup", "Finished DB cluster backup."},
	[INSTANCE_REPLICA_STOPPED] = {"read replica", "A replica has stopped following."},
	[INSTANCE_REPLICA_RESUMED] = {"read replica", "A replica follows again."},
};

/* The storage moves by itself: who will write then, is told as by command. What the
 * members are is asked of the catalog, which the store does not use. */
static void failover_started(struct docdb_cluster *c, const char *detail)
{
	if (cluster_state(&c->base) != DOCDB_FAILING_OVER) {
		docdb_event(c, 73, "failover", "Started cross AZ failover. [%s]",
			detail != NULL ? detail : "");
	}
}

static void failover_completed(struct docdb_cluster *c, const char *detail)
{
	docdb_event(c, 0, "failover", "The storage has moved. [%s]", detail != NULL ? detail : "");
	docdb_moved(c);
	keeper_kick(&c->service->keeper);
}

void docdb_store_event(void *arg, enum instance_event what, const char *detail)
{
	struct docdb_cluster *c = arg;
	bool more = detail != NULL && detail[0] != '\0';

	if (what == INSTANCE_FAILED) {
		log_error("docdb: cluster %s failed: %s", c->def.name, more ? detail : "");
	}
	if (cluster_state(&c->base) == DOCDB_CREATING) {
		return;
	}
	if (what == INSTANCE_FAILOVER_STARTED) {
		failover_started(c, detail);
		return;
	}
	if (what == INSTANCE_FAILOVER_COMPLETED) {
		failover_completed(c, detail);
		return;
	}
	docdb_event(c, 0, wordings[what].category, "%s%s%s%s", wordings[what].text,
		more ? " [" : "", more ? detail : "", more ? "]" : "");
}
