/* Instances are made, renamed, deleted, promoted. How each step survives a crash is
 * told in lifecycle.h. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "engines/common/log.h"
#include "engines/rds/lifecycle.h"
#include "engines/store/disk.h"

/* ---- making ---- */

static const struct instance_settings new_settings = {.retention_days = 1};

/* What the reserved instance is made of, under its own id. */
static int make(struct rds_instance *i, const struct instance_settings *settings, const char *from,
	struct err *err)
{
	struct rds_config config;
	struct rds_def def;

	rds_def_now(i, &def);
	rds_config_init(&config, i->service, def.id, def.name);
	return instance_create(&config.config, settings, from, err);
}

static void unmake(struct rds_instance *i)
{
	struct rds_config config;
	struct rds_def def;
	struct err why = {0};

	rds_def_now(i, &def);
	rds_config_init(&config, i->service, def.id, def.name);
	if (instance_destroy(&config.config, &why) < 0) {
		log_warn("rds: %s: %s", def.name, why.msg);
	}
}

/* The catalog has it, then everybody. A COMMIT that failed may still be there after
 * power was lost: then the row wants its files. So they stay, and the next open removes
 * those without a row. */
static int publish(struct rds_instance *i, struct err *err)
{
	struct rds_service *s = i->service;
	struct rds_def def;

	LOCKED(&s->base.ddl);
	rds_def_now(i, &def);
	int rc = rds_catalog_put(s, &def, err);
	if (rc == 0) {
		cluster_state_set(&i->base, RDS_AVAILABLE);
	}
	return rc;
}

static int make_and_publish(struct rds_instance *i, const struct instance_settings *settings,
	const char *from, struct err *err)
{
	int rc = make(i, settings, from, err);

	return rc < 0 ? rc : publish(i, err);
}

int rds_create(struct rds_service *s, struct slice name, const char *from, struct err *err)
{
	RDS_INSTANCE i = NULL;

	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : rds_reserve(s, name, &i, err);
	if (rc < 0) {
		return rc;
	}
	rc = make_and_publish(i, &new_settings, from, err);
	if (rc < 0) {
		cluster_dropped(&i->base);
		return rc;
	}
	rds_event(i, 5, "creation", "DB instance created.");
	return 0;
}

/* ---- making one that is filled before anybody sees it ---- */

int rds_draft_begin(struct rds_service *s, struct slice name, struct rds_instance **out,
	struct rds_source **rows, struct err *err)
{
	struct rds_instance *i = NULL;

	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : rds_reserve(s, name, &i, err);
	if (rc < 0) {
		return rc;
	}
	rc = make(i, &new_settings, NULL, err);
	if (rc == 0) {
		rc = rds_enter_any(i, rows, err);
		if (rc < 0) {
			unmake(i);
		}
	}
	if (rc < 0) {
		cluster_dropped(&i->base);
		rds_put(i);
		return rc;
	}
	*out = i;
	return 0;
}

int rds_draft_keep(struct rds_instance *i, struct err *err)
{
	struct err why = {0};

	cluster_leave(&i->base);
	int rc = publish(i, err);
	if (rc < 0) {
		cluster_close(&i->base, &why);
		cluster_dropped(&i->base);
	} else {
		rds_event(i, 5, "creation", "DB instance created.");
		clusters_tell(&i->service->base, NULL);
	}
	rds_put(i);
	return rc;
}

void rds_draft_drop(struct rds_instance *i)
{
	struct err why = {0};

	cluster_leave(&i->base);
	cluster_close(&i->base, &why);
	unmake(i);
	cluster_dropped(&i->base);
	rds_put(i);
}

/* ---- renaming ---- */

int rds_only_own(const struct rds_instance *i, const char *what, struct err *err)
{
	return i->file == NULL
		       ? 0
		       : err_set(err, ENOTSUP,
				 "an SQLite file attached by rds.NAME=FILE cannot be %s here",
				 what);
}

/* Under ddl. */
static int rename_to(struct rds_instance *i, struct slice to, struct err *err)
{
	struct rds_def def;

	int rc = rds_check_free(i->service, to, err);
	if (rc < 0) {
		return rc;
	}
	rds_def_now(i, &def);
	snprintf(def.name, sizeof(def.name), "%.*s", (int)to.n, to.p);
	rc = rds_catalog_put(i->service, &def, err);
	if (rc == 0) {
		rds_renamed(i, to);
	}
	return rc;
}

/* Under ddl. */
static int exchange(struct rds_instance *a, struct rds_instance *b, struct err *err)
{
	struct rds_def of_a;
	struct rds_def of_b;

	int rc = rds_only_own(b, "renamed", err);
	if (rc < 0) {
		return rc;
	}
	rds_def_now(a, &of_a);
	rds_def_now(b, &of_b);
	rc = rds_catalog_exchange(a->service, &of_a, &of_b, err);
	if (rc == 0) {
		rds_renamed(a, slice_of(of_b.name));
		rds_renamed(b, slice_of(of_a.name));
	}
	return rc;
}

static int rename_or_exchange(
	struct rds_instance *i, struct slice to, unsigned flags, struct err *err)
{
	RDS_INSTANCE other = NULL;

	LOCKED(&i->service->base.ddl);
	if ((flags & RENAME_EXCHANGE) == 0) {
		return rename_to(i, to, err);
	}
	int rc = rds_find(i->service, to, &other, err);
	return rc < 0 ? rc : exchange(i, other, err);
}

/* As rename(2) has it: an empty one that is there gives way. */
static int make_room(struct rds_service *s, struct slice to, unsigned flags, struct err *err)
{
	RDS_INSTANCE other = NULL;
	struct err why = {0};

	if ((flags & RENAME_EXCHANGE) != 0 || rds_find(s, to, &other, &why) < 0) {
		return 0;
	}
	if ((flags & RENAME_NOREPLACE) != 0) {
		return err_set(err, EEXIST,
			"DBInstanceAlreadyExists: DB instance already exists: %.*s", (int)to.n,
			to.p);
	}
	return rds_delete_empty(other, rds_is_empty, err);
}

int rds_rename_instance(
	struct rds_service *s, struct slice from, struct slice to, unsigned flags, struct err *err)
{
	RDS_INSTANCE i = NULL;

	int rc = clusters_check_writable(&s->base, err);
	rc = rc < 0 ? rc : rds_find(s, from, &i, err);
	rc = rc < 0 ? rc : rds_only_own(i, "renamed", err);
	rc = rc < 0 ? rc : identifier_check("NewDBInstanceIdentifier", to, RDS_NAME_MAX, err);
	if (rc < 0 || slice_equal(from, to)) {
		return rc;
	}
	rc = make_room(s, to, flags, err);
	if (rc < 0) {
		return rc;
	}
	unsigned before = cluster_state(&i->base);
	rc = cluster_state_begin(&i->base, RDS_RENAMING, CLUSTER_FROM(RDS_STOPPED), err);
	if (rc < 0) {
		return rc;
	}
	rc = rename_or_exchange(i, to, flags, err);
	cluster_state_set(&i->base, before);
	return rc;
}

/* ---- promoting ---- */

static void temp_path(const struct rds_service *s, uint64_t id, struct buf *out)
{
	buf_printf(out, "%s/tmp/n%llu.db", s->base.dir, (unsigned long long)id);
	buf_cstr(out);
}

/* The promoted file stays until the instance made of a copy of it is whole. */
static int make_of_promoted(
	struct rds_instance *i, const struct instance_settings *settings, struct err *err)
{
	CLEANUP(buf_free) struct buf promoted = BUF_INIT;
	CLEANUP(buf_free) struct buf copy = BUF_INIT;
	struct rds_def def;

	rds_def_now(i, &def);
	clusters_file_path(&i->service->base, 'p', def.id, &promoted);
	temp_path(i->service, def.id, &copy);
	int rc = buf_check(&copy, err);
	rc = rc < 0 ? rc : disk_copy_file(&disk_system, promoted.p, copy.p, err);
	rc = rc < 0 ? rc : make_and_publish(i, settings, copy.p, err);
	unlink(buf_cstr(&copy));
	if (rc == 0) {
		clusters_file_remove(&i->service->base, 'p', def.id);
	}
	return rc;
}

/* Where the replica is, there the instance will be. */
static int replica_zone(
	struct rds_instance *i, const char *replica, unsigned *zone, struct err *err)
{
	CLEANUP(cleanup_free) struct instance_replica *list = NULL;
	size_t n = 0;

	int rc = instance_replicas(i->store, &list, &n, err);
	for (size_t k = 0; rc == 0 && k < n; k++) {
		if (strcmp(list[k].name, replica) == 0) {
			*zone = list[k].zone < INSTANCE_ZONES ? list[k].zone : 0;
			return 0;
		}
	}
	return rc < 0 ? rc
		      : err_set(err, ENOENT, "DBInstanceNotFound: there is no read replica %s",
				replica);
}

static int take_out(
	struct rds_instance *i, const char *replica, struct rds_instance *to, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct rds_intent intent = {.kind = RDS_INTENT_PROMOTE};
	struct rds_def from;
	struct rds_def def;
	struct err why = {0};

	rds_def_now(i, &from);
	rds_def_now(to, &def);
	intent.id = def.id;
	intent.instance_id = from.id;
	snprintf(intent.replica, sizeof(intent.replica), "%s", replica);
	snprintf(intent.name, sizeof(intent.name), "%s", def.name);
	clusters_file_path(&i->service->base, 'p', def.id, &path);
	int rc = rds_catalog_add_intent(i->service, &intent, err);
	rc = rc < 0 ? rc : instance_replica_promote(i->store, replica, false, path.p, err);
	if (rc < 0 && access(path.p, F_OK) < 0) {
		rds_catalog_drop_intent(i->service, intent.id, &why);
	}
	return rc;
}

static int promote_entered(
	struct rds_instance *i, const char *replica, struct rds_instance *to, struct err *err)
{
	struct instance_settings settings = new_settings;

	int rc = replica_zone(i, replica, &settings.primary, err);
	rc = rc < 0 ? rc : take_out(i, replica, to, err);
	if (rc < 0) {
		return rc;
	}
	rc = make_of_promoted(to, &settings, err);
	if (rc < 0) {
		return err_wrap(err,
			"replica %s has stopped following, and is kept to become the instance at "
			"the "
			"next start",
			replica);
	}
	return 0;
}

int rds_promote(struct rds_instance *i, const char *replica, struct slice name, struct err *err)
{
	RDS_INSTANCE to = NULL;
	struct rds_source *rows;

	int rc = clusters_check_writable(&i->service->base, err);
	rc = rc < 0 ? rc : rds_only_own(i, "promoted", err);
	rc = rc < 0 ? rc : rds_reserve(i->service, name, &to, err);
	if (rc < 0) {
		return rc;
	}
	rc = rds_enter_any(i, &rows, err);
	if (rc == 0) {
		rc = promote_entered(i, replica, to, err);
		cluster_leave(&i->base);
	}
	if (rc < 0) {
		cluster_dropped(&to->base);
		return rc;
	}
	rds_event(i, 57, "read replica",
		"Replication streaming has been terminated. [%s is instance "
		"%.*s now]",
		replica, (int)name.n, name.p);
	rds_event(to, 5, "creation", "DB instance created. [promoted from replica %s]", replica);
	return 0;
}

int rds_promote_available(
	struct rds_instance *i, const char *replica, struct slice name, struct err *err)
{
	int rc = cluster_state_begin(&i->base, RDS_MODIFYING, 0, err);

	if (rc < 0) {
		return rc;
	}
	rc = rds_promote(i, replica, name, err);
	cluster_state_set(&i->base, RDS_AVAILABLE);
	return rc;
}

/* ---- deleting ---- */

static int promote_all(struct rds_instance *i, struct err *err)
{
	CLEANUP(cleanup_free) struct instance_replica *list = NULL;
	struct rds_source *rows;
	size_t n = 0;

	int rc = rds_enter_any(i, &rows, err);
	if (rc < 0) {
		return rc;
	}
	rc = instance_replicas(i->store, &list, &n, err);
	cluster_leave(&i->base);
	for (size_t k = 0; rc == 0 && k < n; k++) {
		rc = rds_promote(i, list[k].name, slice_of(list[k].name), err);
	}
	return rc;
}

/* Its own row and files: what makes it gone. */
static int drop(struct rds_instance *i, struct err *err)
{
	struct rds_service *s = i->service;
	struct rds_def def;

	int rc = cluster_close(&i->base, err);
	if (rc < 0) {
		return rc;
	}
	{
		LOCKED(&s->base.ddl);
		rds_def_now(i, &def);
		rc = rds_catalog_drop(s, def.id, err);
		if (rc == 0) {
			cluster_dropped(&i->base);
		}
	}
	if (rc == 0) {
		unmake(i);
		rds_event_service(s, 3, "deletion", "DB instance deleted. [%s]", def.name);
	}
	return rc;
}

static int write_intent(struct rds_instance *i, const char *final_snapshot,
	const struct rds_progress *progress, struct err *err)
{
	struct rds_intent intent = {.kind = RDS_INTENT_DELETE};
	struct rds_def def;

	rds_def_now(i, &def);
	intent.id = intent.instance_id = def.id;
	snprintf(intent.name, sizeof(intent.name), "%s", def.name);
	return final_snapshot != NULL ? rds_snapshot_take(i, final_snapshot, &intent, progress, err)
				      : rds_catalog_add_intent(i->service, &intent, err);
}

static int delete_now(struct rds_instance *i, const char *final_snapshot,
	const struct rds_progress *progress, struct err *err)
{
	struct rds_def def;
	struct err why = {0};

	int rc = cluster_drain(&i->base, err);
	rc = rc < 0 ? rc : write_intent(i, final_snapshot, progress, err);
	if (rc < 0) {
		return rc;
	}
	rc = promote_all(i, err);
	rc = rc < 0 ? rc : drop(i, err);
	if (rc < 0) {
		rds_def_now(i, &def);
		rds_catalog_drop_intent(i->service, def.id, &why);
	}
	return rc;
}

static int check_deletable(struct rds_instance *i, struct err *err)
{
	struct rds_def def;

	rds_def_now(i, &def);
	int rc = clusters_check_writable(&i->service->base, err);
	rc = rc < 0 ? rc : rds_only_own(i, "deleted", err);
	if (rc == 0 && def.deletion_protection) {
		return err_set(err, EBUSY,
			"InvalidParameterCombination: Cannot delete protected DB Instance, please "
			"disable deletion protection and try again.");
	}
	return rc;
}

int rds_delete(struct rds_instance *i, const char *final_snapshot,
	const struct rds_progress *progress, struct err *err)
{
	unsigned before = cluster_state(&i->base);

	int rc = check_deletable(i, err);
	rc = rc < 0 ? rc
		    : cluster_state_begin(&i->base, RDS_DELETING, CLUSTER_FROM(RDS_STOPPED), err);
	if (rc < 0) {
		return rc;
	}
	rc = delete_now(i, final_snapshot, progress, err);
	if (rc < 0) {
		cluster_state_set(&i->base, before);
	}
	return rc;
}

/* Nothing in it, no replicas: then a rmdir is enough. The state keeps others out. */
int rds_delete_empty(struct rds_instance *i, rds_empty_fn *is_empty, struct err *err)
{
	unsigned before = cluster_state(&i->base);

	int rc = check_deletable(i, err);
	rc = rc < 0 ? rc : cluster_state_begin(&i->base, RDS_DELETING, 0, err);
	if (rc < 0) {
		return rc;
	}
	rc = cluster_drain(&i->base, err);
	rc = rc < 0 ? rc : is_empty(i, err);
	rc = rc < 0 ? rc : drop(i, err);
	if (rc < 0) {
		cluster_state_set(&i->base, before);
	}
	return rc;
}

/* ---- after a crash ---- */

static int finish_promotion(struct rds_service *s, const struct rds_intent *intent, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	RDS_INSTANCE i = NULL;

	clusters_file_path(&s->base, 'p', intent->id, &path);
	if (access(path.p, F_OK) < 0) {
		return rds_catalog_drop_intent(s, intent->id, err);
	}
	int rc = rds_reserve_id(s, slice_of(intent->name), intent->id, &i, err);
	if (rc < 0) {
		return rc;
	}
	/* What a crash left half made. */
	unmake(i);
	rc = make_of_promoted(i, &new_settings, err);
	if (rc < 0) {
		cluster_dropped(&i->base);
	} else {
		log_info("rds: completed the promotion of replica %s to instance %s",
			intent->replica, intent->name);
	}
	return rc;
}

static int finish_deletion(struct rds_service *s, const struct rds_intent *intent, struct err *err)
{
	RDS_INSTANCE i = rds_find_id(s, intent->instance_id);
	struct err why = {0};

	if (i == NULL) {
		return rds_catalog_drop_intent(s, intent->id, err);
	}
	int rc = promote_all(i, &why);
	rc = rc < 0 ? rc : drop(i, &why);
	if (rc == 0) {
		log_info("rds: completed the deletion of instance %s", intent->name);
		return 0;
	}
	log_error("rds: instance %s stays, its deletion cannot be completed: %s", intent->name,
		why.msg);
	return rds_catalog_drop_intent(s, intent->id, err);
}

/* What cannot be completed now is tried again at the next open: the rest is served. */
int rds_recover(struct rds_service *s, struct err *err)
{
	struct rds_intent intent = {0};
	int rc = 0;

	while (s->base.catalog != NULL &&
		(rc = rds_catalog_next_intent(s, intent.id, &intent, err)) == 1) {
		struct err why = {0};
		rc = intent.kind == RDS_INTENT_PROMOTE ? finish_promotion(s, &intent, &why)
						       : finish_deletion(s, &intent, &why);
		if (rc < 0) {
			log_error("rds: instance %s: %s", intent.name, why.msg);
		}
	}
	return rc < 0 ? rc : 0;
}
