/* What `.control` understands, at the service, at an instance and at a replica. The
 * checks of arguments are here, the work is in operate.c, lifecycle.c, snapshot.c. */
#include <stdio.h>

#include "engines/common/clock.h"
#include "engines/rds/lifecycle.h"

#define SECOND_MS    INT64_C(1000)
#define DELAY_MAX_MS (INT64_C(24) * 3600 * SECOND_MS)

static struct rds_service *service_of(void *ctx)
{
	return ((struct rds *)ctx)->service;
}

/* ---- arguments ---- */

/* The instance whose .control this is. A replica is another thing. */
static int own(
	void *ctx, const struct engine_call *call, struct rds_instance **out, struct err *err)
{
	const struct rds *rds = ctx;

	if (rds->view != NULL) {
		return err_set(err, ENOTSUP,
			"a replica takes only promote and delete; say '%s' in the .control of the "
			"instance it follows",
			call->argv[0]);
	}
	return rds_find(rds->service, call->path->key[0], out, err);
}

static int on_off(const struct engine_call *call, bool *out, struct err *err)
{
	*out = strcmp(call->argv[1], "on") == 0;
	return *out || strcmp(call->argv[1], "off") == 0
		       ? 0
		       : err_set(err, EINVAL, "%s %s: on or off is expected", call->argv[0],
				 call->argv[1]);
}

static int the_word(const struct engine_call *call, unsigned n, const char *word, struct err *err)
{
	return strcmp(call->argv[n], word) == 0
		       ? 0
		       : err_set(err, EINVAL, "%s: '%s' is expected, found '%s'", call->argv[0],
				 word, call->argv[n]);
}

/* The optional last word: the change waits for apply-pending. */
static int later(const struct engine_call *call, bool *out, struct err *err)
{
	*out = call->argc > 2;
	return *out ? the_word(call, 2, "pending", err) : 0;
}

static bool number(const char *text, unsigned max, unsigned *out, const char **end)
{
	*out = 0;
	*end = text;
	for (; **end >= '0' && **end <= '9'; (*end)++) {
		*out = *out * 10 + (unsigned)(**end - '0');
		if (*out > max) {
			return false;
		}
	}
	return *end != text;
}

static void tell_pages(void *arg, uint64_t done, uint64_t total)
{
	struct engine_call *call = arg;

	if (call->progress != NULL) {
		call->progress(call, done, total, "pages");
	}
}

/* ---- modifying ---- */

static void set_protection(struct rds_def *def, int value)
{
	def->deletion_protection = value != 0;
}

static int run_deletion_protection(void *ctx, struct engine_call *call, struct err *err)
{
	RDS_INSTANCE i = NULL;
	bool on = false;

	int rc = on_off(call, &on, err);
	rc = rc < 0 ? rc : own(ctx, call, &i, err);
	rc = rc < 0 ? rc : rds_change(i, set_protection, on, err);
	if (rc == 0) {
		buf_printf(call->out, "deletion protection is %s\n", on ? "on" : "off");
	}
	return rc;
}

static void set_pending_multi_az(struct rds_def *def, int value)
{
	def->pending_multi_az = value;
}

static int run_multi_az(void *ctx, struct engine_call *call, struct err *err)
{
	RDS_INSTANCE i = NULL;
	bool on = false;
	bool pending = false;

	int rc = on_off(call, &on, err);
	rc = rc < 0 ? rc : later(call, &pending, err);
	rc = rc < 0 ? rc : own(ctx, call, &i, err);
	rc = rc < 0    ? rc
	     : pending ? rds_change(i, set_pending_multi_az, on, err)
		       : rds_set_multi_az(i, on, err);
	if (rc == 0) {
		buf_printf(call->out, "Multi-AZ %s %s\n", pending ? "will be" : "is",
			on ? "on" : "off");
	}
	return rc;
}

static void set_pending_retention(struct rds_def *def, int value)
{
	def->pending_retention = value;
}

static int days_arg(const char *arg, unsigned *out, struct err *err)
{
	const char *end;

	if (number(arg, RDS_RETENTION_MAX, out, &end) && *end == '\0') {
		return 0;
	}
	return err_set(err, EINVAL,
		"InvalidParameterValue: Invalid backup retention period: %s. Retention period must "
		"be "
		"between 0 and %d.",
		arg, RDS_RETENTION_MAX);
}

static int run_backup_retention(void *ctx, struct engine_call *call, struct err *err)
{
	RDS_INSTANCE i = NULL;
	bool pending = false;
	unsigned days = 0;

	int rc = days_arg(call->argv[1], &days, err);
	rc = rc < 0 ? rc : later(call, &pending, err);
	rc = rc < 0 ? rc : own(ctx, call, &i, err);
	rc = rc < 0    ? rc
	     : pending ? rds_change(i, set_pending_retention, (int)days, err)
		       : rds_set_retention(i, days, err);
	if (rc == 0) {
		buf_printf(call->out, "backups %s kept for %u day%s\n", pending ? "will be" : "are",
			days, days == 1 ? "" : "s");
	}
	return rc;
}

static int apply(struct rds_instance *i, struct buf *out, struct err *err)
{
	struct rds_def def;
	int rc = 0;

	rds_def_now(i, &def);
	bool maintenance = strcmp(def.engine_version, sqlite3_libversion()) != 0;
	if (def.pending_multi_az != RDS_NOT_PENDING) {
		rc = rds_set_multi_az(i, def.pending_multi_az != 0, err);
		buf_printf(out, "Multi-AZ is %s\n", def.pending_multi_az != 0 ? "on" : "off");
	}
	if (rc == 0 && def.pending_retention != RDS_NOT_PENDING) {
		rc = rds_set_retention(i, (unsigned)def.pending_retention, err);
		buf_printf(out, "backups are kept for %d day%s\n", def.pending_retention,
			def.pending_retention == 1 ? "" : "s");
	}
	if (rc == 0 && maintenance) {
		rc = rds_maintain(i, out, err);
	}
	if (rc == 0 && out->n == 0) {
		buf_puts(out, "nothing was pending\n");
	}
	return rc;
}

static int run_apply_pending(void *ctx, struct engine_call *call, struct err *err)
{
	RDS_INSTANCE i = NULL;

	int rc = own(ctx, call, &i, err);
	return rc < 0 ? rc : apply(i, call->out, err);
}

static int run_maintenance(void *ctx, struct engine_call *call, struct err *err)
{
	RDS_INSTANCE i = NULL;

	int rc = own(ctx, call, &i, err);
	return rc < 0 ? rc : rds_maintain(i, call->out, err);
}

/* ---- running ---- */

typedef int simple_fn(struct rds_instance *i, struct err *err);

static int run_simple(void *ctx, struct engine_call *call, simple_fn *fn, struct err *err)
{
	RDS_INSTANCE i = NULL;

	int rc = own(ctx, call, &i, err);
	return rc < 0 ? rc : fn(i, err);
}

static int run_stop(void *ctx, struct engine_call *call, struct err *err)
{
	int rc = run_simple(ctx, call, rds_stop, err);

	if (rc == 0) {
		clusters_tell(&service_of(ctx)->base, call->path);
	}
	return rc;
}

static int run_start(void *ctx, struct engine_call *call, struct err *err)
{
	int rc = run_simple(ctx, call, rds_start, err);

	if (rc == 0) {
		clusters_tell(&service_of(ctx)->base, call->path);
	}
	return rc;
}

static int run_failover(void *ctx, struct engine_call *call, struct err *err)
{
	return run_simple(ctx, call, rds_failover, err);
}

static int run_backup(void *ctx, struct engine_call *call, struct err *err)
{
	return run_simple(ctx, call, rds_backup, err);
}

static int run_reboot(void *ctx, struct engine_call *call, struct err *err)
{
	RDS_INSTANCE i = NULL;
	bool failover = call->argc > 1;

	int rc = failover ? the_word(call, 1, "with-failover", err) : 0;
	rc = rc < 0 ? rc : own(ctx, call, &i, err);
	return rc < 0 ? rc : rds_reboot(i, failover, err);
}

/* ---- snapshots ---- */

static int run_snapshot(void *ctx, struct engine_call *call, struct err *err)
{
	struct rds_progress progress = {tell_pages, call};
	char name[RDS_SNAPSHOT_MAX + 1];
	struct rds_snapshot made;
	RDS_INSTANCE i = NULL;

	int rc =
		identifier_take("DBSnapshotIdentifier", call->argv[1], RDS_SNAPSHOT_MAX, name, err);
	rc = rc < 0 ? rc : own(ctx, call, &i, err);
	rc = rc < 0 ? rc : rds_snapshot_create(i, name, &progress, err);
	rc = rc < 0 ? rc : rds_catalog_snapshot(service_of(ctx), slice_of(name), &made, err);
	if (rc == 0) {
		clusters_tell(&service_of(ctx)->base, call->path);
		buf_printf(call->out, "snapshot %s: %llu bytes\n", name,
			(unsigned long long)made.bytes);
	}
	return rc;
}

/* The snapshot an argument names; at an instance it must be of that one. */
static int snapshot_arg(
	void *ctx, const struct engine_call *call, struct rds_snapshot *out, struct err *err)
{
	struct rds_service *s = service_of(ctx);
	RDS_INSTANCE i = NULL;
	struct rds_def def;

	int rc = call->path->depth > 0 ? own(ctx, call, &i, err) : 0;
	rc = rc < 0 ? rc : rds_catalog_snapshot(s, slice_of(call->argv[1]), out, err);
	if (rc == 0 && i != NULL) {
		rds_def_now(i, &def);
		if (def.id != out->instance_id) {
			return err_set(err, ENOENT,
				"DBSnapshotNotFound: %s is a snapshot of instance %s; name it in "
				"the "
				".control of the service",
				out->name, out->instance);
		}
	}
	return rc;
}

static int run_delete_snapshot(void *ctx, struct engine_call *call, struct err *err)
{
	struct rds_service *s = service_of(ctx);
	struct rds_snapshot snapshot;

	int rc = snapshot_arg(ctx, call, &snapshot, err);
	rc = rc < 0 ? rc : rds_snapshot_delete(s, slice_of(snapshot.name), err);
	if (rc == 0) {
		clusters_tell(&s->base, call->path);
		buf_printf(call->out, "snapshot %s deleted\n", snapshot.name);
	}
	return rc;
}

static int run_restore(void *ctx, struct engine_call *call, struct err *err)
{
	struct rds_service *s = service_of(ctx);
	char name[RDS_NAME_MAX + 1];
	struct rds_snapshot snapshot;

	int rc = the_word(call, 2, "as", err);
	rc = rc < 0 ? rc
		    : identifier_take(
			      "DBInstanceIdentifier", call->argv[3], RDS_NAME_MAX, name, err);
	rc = rc < 0 ? rc : snapshot_arg(ctx, call, &snapshot, err);
	rc = rc < 0 ? rc : rds_restore(s, &snapshot, slice_of(name), err);
	if (rc == 0) {
		clusters_tell(&s->base, NULL);
		buf_printf(call->out, "instance %s restored from snapshot %s of instance %s\n",
			name, snapshot.name, snapshot.instance);
	}
	return rc;
}

/* A time, or "latest". */
static int time_arg(const char *arg, int64_t *out, struct err *err)
{
	if (strcmp(arg, "latest") == 0) {
		*out = clock_wall_ns();
		return 0;
	}
	return rfc3339_parse(slice_of(arg), out, err);
}

static int run_restore_to_time(void *ctx, struct engine_call *call, struct err *err)
{
	char name[RDS_NAME_MAX + 1];
	char when[RFC3339_MAX];
	RDS_INSTANCE i = NULL;
	int64_t time_ns = 0;
	int64_t commit_ns = 0;

	int rc = the_word(call, 2, "as", err);
	rc = rc < 0 ? rc : time_arg(call->argv[1], &time_ns, err);
	rc = rc < 0 ? rc
		    : identifier_take(
			      "DBInstanceIdentifier", call->argv[3], RDS_NAME_MAX, name, err);
	rc = rc < 0 ? rc : own(ctx, call, &i, err);
	rc = rc < 0 ? rc : rds_restore_time(i, time_ns, slice_of(name), &commit_ns, err);
	if (rc == 0) {
		clusters_tell(&service_of(ctx)->base, NULL);
		rfc3339_print(commit_ns, when);
		buf_printf(
			call->out, "instance %s restored, its last commit is of %s\n", name, when);
	}
	return rc;
}

/* ---- replicas ---- */

/* "5s", "500ms", "2m", "1h"; a bare number is seconds. */
static int delay_arg(const char *text, int64_t *out_ms, struct err *err)
{
	static const struct {
		const char *suffix;
		int64_t ms;
	} units[] = {{"", SECOND_MS}, {"s", SECOND_MS}, {"ms", 1}, {"m", 60 * SECOND_MS},
		{"h", 3600 * SECOND_MS}};
	const char *end;
	unsigned n;

	if (number(text, (unsigned)DELAY_MAX_MS, &n, &end)) {
		for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			*out_ms = n * units[i].ms;
			if (strcmp(end, units[i].suffix) == 0 && *out_ms <= DELAY_MAX_MS) {
				return 0;
			}
		}
	}
	return err_set(err, EINVAL,
		"InvalidParameterValue: delay=%s: a time as 5s, 500ms or 2m, up to 24h, is "
		"expected",
		text);
}

static int replica_option(const char *word, struct rds_replica_wish *wish, struct err *err)
{
	if (strncmp(word, "az=", 3) == 0) {
		if ((word[3] == 'a' || word[3] == 'b') && word[4] == '\0') {
			wish->zone = (unsigned)(word[3] - 'a');
			return 0;
		}
		return err_set(err, EINVAL,
			"InvalidParameterValue: %s: the availability zones are a and b", word);
	}
	if (strncmp(word, "region=", 7) == 0) {
		wish->region = word + 7;
		return identifier_check("SourceRegion", slice_of(wish->region), RDS_NAME_MAX, err);
	}
	if (strncmp(word, "delay=", 6) == 0) {
		return delay_arg(word + 6, &wish->delay_ms, err);
	}
	return err_set(err, EINVAL,
		"create-replica: az=, region= or delay= is expected, found '%s'", word);
}

static int run_create_replica(void *ctx, struct engine_call *call, struct err *err)
{
	char name[RDS_NAME_MAX + 1];
	struct rds_replica_wish wish = {name, "", INSTANCE_ZONES, 0};
	RDS_INSTANCE i = NULL;

	int rc = identifier_take("DBInstanceIdentifier", call->argv[1], RDS_NAME_MAX, name, err);
	for (unsigned n = 2; rc == 0 && n < call->argc; n++) {
		rc = replica_option(call->argv[n], &wish, err);
	}
	rc = rc < 0 ? rc : own(ctx, call, &i, err);
	rc = rc < 0 ? rc : rds_replica_create(i, &wish, err);
	if (rc == 0) {
		clusters_tell(&service_of(ctx)->base, call->path);
		buf_printf(call->out, "replica %s follows, under .replicas/%s\n", name, name);
	}
	return rc;
}

static int run_delete_replica(void *ctx, struct engine_call *call, struct err *err)
{
	RDS_INSTANCE i = NULL;

	int rc = own(ctx, call, &i, err);
	rc = rc < 0 ? rc : rds_replica_delete(i, call->argv[1], err);
	if (rc == 0) {
		clusters_tell(&service_of(ctx)->base, call->path);
		buf_printf(call->out, "replica %s deleted\n", call->argv[1]);
	}
	return rc;
}

/* At the instance "promote NAME [as NEW]", at the replica itself "promote [as NEW]". */
static int run_promote(void *ctx, struct engine_call *call, struct err *err)
{
	const struct rds *rds = ctx;
	unsigned words = rds->view != NULL ? 1 : 2;
	char name[RDS_NAME_MAX + 1];
	RDS_INSTANCE i = NULL;

	if (call->argc < words || (call->argc != words && call->argc != words + 2)) {
		return err_set(
			err, EINVAL, "promote %s[as NEW] is expected", words == 2 ? "NAME " : "");
	}
	const char *replica = rds->view != NULL ? rds->view->replica : call->argv[1];
	const char *as = call->argc > words ? call->argv[words + 1] : replica;
	int rc = call->argc > words ? the_word(call, words, "as", err) : 0;
	rc = rc < 0 ? rc : identifier_take("DBInstanceIdentifier", as, RDS_NAME_MAX, name, err);
	rc = rc < 0 ? rc : rds_find(rds->service, call->path->key[0], &i, err);
	rc = rc < 0 ? rc : rds_promote_available(i, replica, slice_of(name), err);
	if (rc == 0) {
		clusters_tell(&rds->service->base, NULL);
		buf_printf(call->out, "replica %s is instance %s now\n", replica, name);
	}
	return rc;
}

/* ---- delete ---- */

static int run_delete(void *ctx, struct engine_call *call, struct err *err)
{
	struct rds_progress progress = {tell_pages, call};
	char snapshot[RDS_SNAPSHOT_MAX + 1];
	bool final = call->argc > 1;
	RDS_INSTANCE i = NULL;

	if (call->argc == 2) {
		return err_set(err, EINVAL, "delete final-snapshot NAME: the name is missing");
	}
	int rc = final ? the_word(call, 1, "final-snapshot", err) : 0;
	if (rc == 0 && final) {
		rc = identifier_take("FinalDBSnapshotIdentifier", call->argv[2], RDS_SNAPSHOT_MAX,
			snapshot, err);
	}
	rc = rc < 0 ? rc : own(ctx, call, &i, err);
	rc = rc < 0 ? rc : rds_delete(i, final ? snapshot : NULL, &progress, err);
	if (rc == 0) {
		clusters_tell(&service_of(ctx)->base, NULL);
		buf_printf(call->out, "instance deleted%s%s\n", final ? ", kept as snapshot " : "",
			final ? snapshot : "");
	}
	return rc;
}

/* ---- the table ---- */

#define AT_SERVICE  (1U << 0)
#define AT_INSTANCE (1U << 1)

const struct engine_command rds_sqlite_commands[] = {
	{"apply-pending", "", "do now what waits: see PendingModifiedValues in .status",
		AT_INSTANCE, 0, 0, run_apply_pending},
	{"backup", "", "make an automated backup now", AT_INSTANCE, 0, 0, run_backup},
	{"backup-retention", "DAYS [pending]",
		"keep backups, and with them .at/, for 0 (off) to 35 days", AT_INSTANCE, 1, 2,
		run_backup_retention},
	{"create-replica", "NAME [az=a|b] [region=NAME] [delay=TIME]",
		"make a read replica, under .replicas/NAME", AT_INSTANCE, 1, 4, run_create_replica},
	{"delete", "[final-snapshot NAME]",
		"remove the instance; its snapshots stay, its replicas become instances",
		AT_INSTANCE, 0, 2, run_delete},
	{"delete-replica", "NAME", "remove a read replica", AT_INSTANCE, 1, 1, run_delete_replica},
	{"delete-snapshot", "NAME", "remove a snapshot", AT_SERVICE | AT_INSTANCE, 1, 1,
		run_delete_snapshot},
	{"deletion-protection", "on|off", "refuse to remove the instance while it is on",
		AT_INSTANCE, 1, 1, run_deletion_protection},
	{"failover", "", "let the standby take over", AT_INSTANCE, 0, 0, run_failover},
	{"maintenance", "", "check the files, analyse, compact", AT_INSTANCE, 0, 0,
		run_maintenance},
	{"multi-az", "on|off [pending]", "keep a synchronous standby in the other zone",
		AT_INSTANCE, 1, 2, run_multi_az},
	{"promote", "[NAME] [as NEW]", "make a replica an instance of its own", AT_INSTANCE, 0, 3,
		run_promote},
	{"reboot", "[with-failover]", "close and open the instance", AT_INSTANCE, 0, 1, run_reboot},
	{"restore", "NAME as NEW", "make a new instance of a snapshot", AT_SERVICE | AT_INSTANCE, 3,
		3, run_restore},
	{"restore-to-time", "TIME|latest as NEW", "make a new instance as this one was then",
		AT_INSTANCE, 3, 3, run_restore_to_time},
	{"snapshot", "NAME", "keep the instance as it is now, under .snapshots/NAME", AT_INSTANCE,
		1, 1, run_snapshot},
	{"start", "", "serve a stopped instance again", AT_INSTANCE, 0, 0, run_start},
	{"stop", "", "serve nothing until start, or for a week", AT_INSTANCE, 0, 0, run_stop},
	{0},
};
