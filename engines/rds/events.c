/* What happens inside a store, in the service's words. Its own words stand behind
 * them in brackets. */
#include "engines/common/log.h"
#include "engines/rds/lifecycle.h"

struct wording {
	unsigned id;
	const char *category;
	const char *text;
};

static const struct wording wordings[] = {
	[INSTANCE_FAILOVER_STARTED] = {13, "failover", "Multi-AZ instance failover started."},
	[INSTANCE_FAILOVER_COMPLETED] = {49, "failover", "Multi-AZ instance failover completed."},
	[INSTANCE_STANDBY_STARTED] = {52, "recovery", "Multi-AZ instance recovery started."},
	[INSTANCE_STANDBY_READY] = {53, "recovery",
		"Multi-AZ instance recovery completed. Pending failover or activation."},
	[INSTANCE_STANDBY_LOST] = {0, "availability",
		"The standby is lost; commits go on without it."},
	[INSTANCE_FAILED] = {0, "failure", "No copy of the DB instance can serve."},
	[INSTANCE_BACKUP_STARTED] = {1, "backup", "Backing up DB instance."},
	[INSTANCE_BACKUP_FINISHED] = {2, "backup", "Finished DB instance backup."},
	[INSTANCE_REPLICA_STOPPED] = {45, "read replica", "Replication has stopped."},
	[INSTANCE_REPLICA_RESUMED] = {46, "read replica",
		"Replication for the Read Replica resumed."},
};

/* A standby that is built because the instance becomes a Multi-AZ one. */
static const struct wording converting[] = {
	{24, "configuration change", "Applying modification to convert to a Multi-AZ DB instance."},
	{25, "configuration change",
		"Finished applying modification to convert to a Multi-AZ DB instance."},
};

static const struct wording *wording_of(struct rds_instance *i, enum instance_event what)
{
	bool modifying = cluster_state(&i->base) == RDS_MODIFYING;

	if (modifying && what == INSTANCE_STANDBY_STARTED) {
		return &converting[0];
	}
	if (modifying && what == INSTANCE_STANDBY_READY) {
		return &converting[1];
	}
	return &wordings[what];
}

static void say(struct rds_instance *i, const struct wording *w, const char *detail)
{
	bool more = detail != NULL && detail[0] != '\0';

	rds_event(i, w->id, w->category, "%s%s%s%s", w->text, more ? " [" : "", more ? detail : "",
		more ? "]" : "");
}

void rds_store_event(void *arg, enum instance_event what, const char *detail)
{
	struct rds_instance *i = arg;

	if (what == INSTANCE_FAILED) {
		char name[RDS_NAME_MAX + 1];
		cluster_name_now(&i->base, name);
		log_error("rds: instance %s failed: %s", name, detail != NULL ? detail : "");
	}
	if (what == INSTANCE_FAILOVER_COMPLETED) {
		rds_event(i, 15, "failover",
			"Multi-AZ failover to standby complete - DNS propagation may take a few "
			"minutes.");
	}
	say(i, wording_of(i, what), detail);
	if (what == INSTANCE_BACKUP_STARTED) {
		rds_event(i, 90, "creation", "Creating automated snapshot.");
	}
	if (what == INSTANCE_BACKUP_FINISHED) {
		rds_snapshot_automated(i);
	}
}
