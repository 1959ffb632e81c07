/* What the service calls things, and what it says of names that cannot be. */
#include "engines/rds/lifecycle.h"

const char *const rds_state_names[] = {
	[RDS_AVAILABLE] = "available",
	[RDS_BACKING_UP] = "backing-up",
	[RDS_CREATING] = "creating",
	[RDS_DELETING] = "deleting",
	[RDS_FAILED] = "failed",
	[RDS_MAINTENANCE] = "maintenance",
	[RDS_MODIFYING] = "modifying",
	[RDS_REBOOTING] = "rebooting",
	[RDS_RENAMING] = "renaming",
	[RDS_STARTING] = "starting",
	[RDS_STOPPED] = "stopped",
	[RDS_STOPPING] = "stopping",
};

/* So much of a name that nobody ever gave to anything as fits a sentence. */
static int shown(struct slice name)
{
	return (int)(name.n < 200 ? name.n : 200);
}

int rds_no_instance(struct slice name, struct err *err)
{
	return err_set(err, ENOENT, "DBInstanceNotFound: DBInstance %.*s not found.", shown(name),
		name.n > 0 ? name.p : "");
}

int rds_no_snapshot(struct slice name, struct err *err)
{
	return err_set(err, ENOENT, "DBSnapshotNotFound: DBSnapshot not found: %.*s", shown(name),
		name.n > 0 ? name.p : "");
}
