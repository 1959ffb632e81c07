/* What `.control` understands, at a cluster, at a collection and at a replica. The checks of
 * arguments are here, the work is elsewhere. */
#include <stdio.h>

#include "engines/common/clock.h"
#include "engines/docdb/service/cluster.h"

#define SECOND_MS   INT64_C(1000)
#define DELAY_MAX_S 86400

/* ---- arguments ---- */

/* The cluster whose .control this is. */
static int own(
	void *ctx, const struct engine_call *call, struct docdb_cluster **out, struct err *err)
{
	return docdb_cluster_own(ctx, call->argv[0], out, err);
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

static int number(const char *what, const char *text, unsigned min, unsigned max, unsigned *out,
	struct err *err)
{
	uint64_t n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && n <= max; p++) {
		n = n * 10 + (unsigned)(*p - '0');
	}
	if (p == text || *p != '\0' || n < min || n > max) {
		return err_set(err, EINVAL,
			"InvalidParameterValue: %s %s: a number from %u to %u is expected", what,
			text, min, max);
	}
	*out = (unsigned)n;
	return 0;
}

static int cluster_name(const char *arg, char out[DOCDB_NAME_MAX + 1], struct err *err)
{
	return identifier_take("DBClusterIdentifier", arg, DOCDB_NAME_MAX, out, err);
}

static void tell_pages(void *arg, uint64_t done, uint64_t total)
{
	struct engine_call *call = arg;

	if (call->progress != NULL) {
		call->progress(call, done, total, "pages");
	}
}

/* ---- the cluster as a whole ---- */

typedef int simple_fn(struct docdb_cluster *c, struct err *err);
static int run_simple(void *ctx, struct engine_call *call, simple_fn *fn, struct err *err)
{
	DOCDB_CLUSTER c = NULL;

	int rc = own(ctx, call, &c, err);
	rc = rc < 0 ? rc : fn(c, err);
	if (rc == 0) {
		docdb_tell_changed(c, NULL);
	}
	return rc;
}

static int run_stop(void *ctx, struct engine_call *call, struct err *err)
{
	return run_simple(ctx, call, docdb_stop, err);
}

static int run_start(void *ctx, struct engine_call *call, struct err *err)
{
	return run_simple(ctx, call, docdb_start, err);
}

static int run_backup(void *ctx, struct engine_call *call, struct err *err)
{
	return run_simple(ctx, call, docdb_backup, err);
}

static int run_maintenance(void *ctx, struct engine_call *call, struct err *err)
{
	DOCDB_CLUSTER c = NULL;

	int rc = own(ctx, call, &c, err);
	return rc < 0 ? rc : docdb_maintain(c, call->out, err);
}

static int run_backup_retention(void *ctx, struct engine_call *call, struct err *err)
{
	DOCDB_CLUSTER c = NULL;
	unsigned days = 0;

	int rc = number("backup-retention", call->argv[1], 1, DOCDB_RETENTION_MAX, &days, err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : docdb_set_retention(c, days, err);
	if (rc == 0) {
		buf_printf(
			call->out, "backups are kept for %u day%s\n", days, days == 1 ? "" : "s");
	}
	return rc;
}

static void set_protection(struct docdb_def *def, uint64_t value)
{
	def->deletion_protection = value != 0;
}

static int run_deletion_protection(void *ctx, struct engine_call *call, struct err *err)
{
	DOCDB_CLUSTER c = NULL;
	bool on = false;

	int rc = on_off(call, &on, err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : docdb_change(c, set_protection, on, err);
	if (rc == 0) {
		buf_printf(call->out, "deletion protection is %s\n", on ? "on" : "off");
	}
	return rc;
}

static int run_delete_cluster(void *ctx, struct engine_call *call, struct err *err)
{
	struct docdb_progress progress = {tell_pages, call};
	struct docdb *d = ctx;
	char snapshot[DOCDB_NAME_MAX + 1];
	bool final = call->argc > 1;
	DOCDB_CLUSTER c = NULL;

	if (call->argc == 2) {
		return err_set(
			err, EINVAL, "delete-cluster final-snapshot NAME: the name is missing");
	}
	int rc = final ? the_word(call, 1, "final-snapshot", err) : 0;
	if (rc == 0 && final) {
		rc = identifier_take(
			"FinalDBSnapshotIdentifier", call->argv[2], DOCDB_NAME_MAX, snapshot, err);
	}
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : docdb_delete(c, false, final ? snapshot : NULL, &progress, err);
	if (rc == 0) {
		clusters_tell(&d->service->base, NULL);
		buf_printf(call->out, "cluster deleted%s%s\n", final ? ", kept as snapshot " : "",
			final ? snapshot : "");
	}
	return rc;
}

/* ---- instances ---- */

static int zone_arg(const char *word, unsigned *out, struct err *err)
{
	*out = (unsigned)(word[0] - 'a');
	return *out < INSTANCE_ZONES && word[1] == '\0'
		       ? 0
		       : err_set(err, EINVAL,
				 "InvalidParameterValue: az=%s: the availability zones are a and b",
				 word);
}

static int delay_arg(const char *word, int64_t *out, struct err *err)
{
	unsigned seconds = 0;
	int rc = number("delay", word, 0, DELAY_MAX_S, &seconds, err);

	*out = seconds * SECOND_MS;
	return rc;
}

static int wish_arg(const char *word, struct docdb_wish *wish, struct err *err)
{
	if (strncmp(word, "tier=", 5) == 0) {
		return number("tier", word + 5, 0, DOCDB_TIER_MAX, &wish->tier, err);
	}
	if (strncmp(word, "az=", 3) == 0) {
		return zone_arg(word + 3, &wish->zone, err);
	}
	if (strncmp(word, "delay=", 6) == 0) {
		return delay_arg(word + 6, &wish->delay_ms, err);
	}
	return err_set(
		err, EINVAL, "create-instance: tier=, az= or delay= is expected, found '%s'", word);
}

static int run_create_instance(void *ctx, struct engine_call *call, struct err *err)
{
	char name[DOCDB_NAME_MAX + 1];
	struct docdb_wish wish = {name, INSTANCE_ZONES, DOCDB_TIER, 0};
	DOCDB_CLUSTER c = NULL;

	int rc = identifier_take("DBInstanceIdentifier", call->argv[1], DOCDB_NAME_MAX, name, err);
	for (unsigned n = 2; rc == 0 && n < call->argc; n++) {
		rc = wish_arg(call->argv[n], &wish, err);
	}
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : docdb_member_create(c, &wish, err);
	if (rc == 0) {
		docdb_tell_changed(c, NULL);
		buf_printf(call->out, "replica %s follows, under .replicas/%s\n", name, name);
	}
	return rc;
}

static int run_delete_instance(void *ctx, struct engine_call *call, struct err *err)
{
	DOCDB_CLUSTER c = NULL;

	int rc = own(ctx, call, &c, err);
	rc = rc < 0 ? rc : docdb_member_delete(c, call->argv[1], err);
	if (rc == 0) {
		docdb_tell_changed(c, NULL);
		buf_printf(call->out, "instance %s deleted\n", call->argv[1]);
	}
	return rc;
}

static int run_modify_instance(void *ctx, struct engine_call *call, struct err *err)
{
	DOCDB_CLUSTER c = NULL;
	unsigned tier = 0;

	if (strncmp(call->argv[2], "tier=", 5) != 0) {
		return err_set(err, EINVAL, "modify-instance: tier= is expected, found '%s'",
			call->argv[2]);
	}
	int rc = number("tier", call->argv[2] + 5, 0, DOCDB_TIER_MAX, &tier, err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : docdb_member_set_tier(c, call->argv[1], tier, err);
	if (rc == 0) {
		buf_printf(call->out, "instance %s has promotion tier %u\n", call->argv[1], tier);
	}
	return rc;
}

/* At a replica: to it. */
static int run_failover(void *ctx, struct engine_call *call, struct err *err)
{
	struct docdb *d = ctx;
	bool replica = d->view != NULL && d->view->replica[0] != '\0';
	struct docdb_def def;
	DOCDB_CLUSTER c = NULL;

	if (replica && call->argc > 1) {
		return err_set(err, EINVAL,
			"failover at a replica makes that one the primary: no other can be named");
	}
	const char *target = replica ? d->view->replica : call->argc > 1 ? call->argv[1] : NULL;
	int rc = replica ? docdb_cluster_of(d, &c, err) : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : docdb_failover(c, target, err);
	if (rc == 0) {
		docdb_def_now(c, &def);
		buf_printf(call->out, "%s is the primary\n", def.writer);
	}
	return rc;
}

/* ---- snapshots, restoring ---- */

static int run_snapshot(void *ctx, struct engine_call *call, struct err *err)
{
	struct docdb_progress progress = {tell_pages, call};
	char name[DOCDB_NAME_MAX + 1];
	struct docdb_snapshot made;
	struct docdb *d = ctx;
	DOCDB_CLUSTER c = NULL;

	int rc = identifier_take(
		"DBClusterSnapshotIdentifier", call->argv[1], DOCDB_NAME_MAX, name, err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : docdb_snapshot_create(c, name, &progress, err);
	rc = rc < 0 ? rc : docdb_catalog_snapshot(d->service, slice_of(name), &made, err);
	if (rc == 0) {
		docdb_tell_changed(c, NULL);
		buf_printf(call->out, "snapshot %s: %llu bytes\n", name,
			(unsigned long long)made.bytes);
	}
	return rc;
}

static int run_delete_snapshot(void *ctx, struct engine_call *call, struct err *err)
{
	struct docdb_snapshot snapshot;
	struct docdb *d = ctx;
	DOCDB_CLUSTER c = NULL;

	int rc = own(ctx, call, &c, err);
	rc = rc < 0 ? rc : docdb_snapshot_find(d, slice_of(call->argv[1]), &snapshot, err);
	rc = rc < 0 ? rc : docdb_snapshot_delete(d->service, slice_of(snapshot.name), err);
	if (rc == 0) {
		docdb_tell_changed(c, NULL);
		buf_printf(call->out, "snapshot %s deleted\n", snapshot.name);
	}
	return rc;
}

static void tell_restored(const struct engine_call *call, struct slice name, uint64_t documents)
{
	buf_printf(call->out, "collection %.*s: %llu documents restored\n", (int)name.n, name.p,
		(unsigned long long)documents);
}

/* At a collection: that collection, as it was in the file, under a new name. */
static int restore_collection(
	struct docdb_cluster *c, const struct engine_call *call, const char *file, struct err *err)
{
	struct slice name = slice_of(call->argv[3]);
	uint64_t documents = 0;

	int rc = docdb_restore_collection(c, file, call->path->key[0], name, &documents, err);
	if (rc == 0) {
		tell_restored(call, name, documents);
	}
	return rc;
}

static int restore_cluster(struct docdb *d, const struct engine_call *call,
	const struct docdb_snapshot *snapshot, struct err *err)
{
	char name[DOCDB_NAME_MAX + 1];

	int rc = cluster_name(call->argv[3], name, err);
	rc = rc < 0 ? rc : docdb_restore(d->service, snapshot, slice_of(name), err);
	if (rc == 0) {
		clusters_tell(&d->service->base, NULL);
		buf_printf(call->out, "cluster %s restored from snapshot %s of cluster %s\n", name,
			snapshot->name, snapshot->cluster);
	}
	return rc;
}

static int run_restore(void *ctx, struct engine_call *call, struct err *err)
{
	CLEANUP(buf_free) struct buf file = BUF_INIT;
	struct docdb_snapshot snapshot;
	struct docdb *d = ctx;
	DOCDB_CLUSTER c = NULL;

	int rc = the_word(call, 2, "as", err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : docdb_snapshot_find(d, slice_of(call->argv[1]), &snapshot, err);
	if (rc < 0) {
		return rc;
	}
	if (call->path->depth == 0) {
		return restore_cluster(d, call, &snapshot, err);
	}
	clusters_file_path(&d->service->base, 's', snapshot.id, &file);
	return restore_collection(c, call, file.p, err);
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

static int time_to_cluster(struct docdb *d, struct docdb_cluster *c, const struct engine_call *call,
	int64_t time_ns, struct err *err)
{
	char name[DOCDB_NAME_MAX + 1];
	char when[RFC3339_MAX];
	int64_t commit_ns = 0;

	int rc = cluster_name(call->argv[3], name, err);
	rc = rc < 0 ? rc : docdb_restore_time(c, time_ns, slice_of(name), &commit_ns, err);
	if (rc == 0) {
		clusters_tell(&d->service->base, NULL);
		rfc3339_print(commit_ns, when);
		buf_printf(
			call->out, "cluster %s restored, its last commit is of %s\n", name, when);
	}
	return rc;
}

static int time_to_collection(
	struct docdb_cluster *c, const struct engine_call *call, int64_t time_ns, struct err *err)
{
	CLEANUP(buf_free) struct buf file = BUF_INIT;
	int64_t commit_ns = 0;

	int rc = docdb_build_time(c, time_ns, &file, &commit_ns, err);
	if (rc == 0) {
		rc = restore_collection(c, call, file.p, err);
		unlink(file.p);
	}
	return rc;
}

static int run_restore_to_time(void *ctx, struct engine_call *call, struct err *err)
{
	DOCDB_CLUSTER c = NULL;
	int64_t time_ns = 0;

	int rc = the_word(call, 2, "as", err);
	rc = rc < 0 ? rc : time_arg(call->argv[1], &time_ns, err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	if (rc < 0) {
		return rc;
	}
	return call->path->depth == 0 ? time_to_cluster(ctx, c, call, time_ns, err)
				      : time_to_collection(c, call, time_ns, err);
}

/* ---- collections ---- */

static int change_stream_fn(struct docdb_conn *conn, void *arg, struct err *err)
{
	const struct engine_call *call = arg;

	return docdb_changes_set(conn, call->path->key[0], strcmp(call->argv[1], "on") == 0, err);
}

static int run_change_stream(void *ctx, struct engine_call *call, struct err *err)
{
	bool on = false;

	int rc = on_off(call, &on, err);
	rc = rc < 0 ? rc : docdb_write_at(ctx, change_stream_fn, call, err);
	if (rc == 0) {
		buf_printf(call->out, "changes are %s\n", on ? "told in .changes" : "not told");
	}
	return rc;
}

static int create_index_fn(struct docdb_conn *conn, void *arg, struct err *err)
{
	const struct engine_call *call = arg;

	return docdb_index_create(conn, call->path->key[0], slice_of(call->argv[1]), err);
}

static int run_create_index(void *ctx, struct engine_call *call, struct err *err)
{
	return docdb_write_at(ctx, create_index_fn, call, err);
}

static int drop_index_fn(struct docdb_conn *conn, void *arg, struct err *err)
{
	const struct engine_call *call = arg;

	return docdb_index_drop(conn, call->path->key[0], slice_of(call->argv[1]), err);
}

static int run_drop_index(void *ctx, struct engine_call *call, struct err *err)
{
	return docdb_write_at(ctx, drop_index_fn, call, err);
}

static int drop_collection_fn(struct docdb_conn *conn, void *arg, struct err *err)
{
	const struct engine_call *call = arg;

	return docdb_collection_drop(conn, call->path->key[0], true, err);
}

static int run_drop_collection(void *ctx, struct engine_call *call, struct err *err)
{
	return docdb_write_at(ctx, drop_collection_fn, call, err);
}

/* ---- the table ---- */

#define AT_CLUSTER    (1U << 0)
#define AT_COLLECTION (1U << 1)

const struct engine_command docdb_sqlite_commands[] = {
	{"backup", "", "make an automated backup now", AT_CLUSTER, 0, 0, run_backup},
	{"backup-retention", "DAYS", "keep backups, and with them .at/, for 1 to 35 days",
		AT_CLUSTER, 1, 1, run_backup_retention},
	{"change-stream", "on|off", "tell changes in .changes", AT_COLLECTION, 1, 1,
		run_change_stream},
	{"create-index", "'JSON'", "as {\"key\": {\"a\": 1}, \"unique\": true}", AT_COLLECTION, 1,
		1, run_create_index},
	{"create-instance", "NAME [tier=N] [az=a|b] [delay=SECONDS]",
		"make a replica, under .replicas/NAME", AT_CLUSTER, 1, 4, run_create_instance},
	{"delete-cluster", "[final-snapshot NAME]", "remove the cluster; its snapshots stay",
		AT_CLUSTER, 0, 2, run_delete_cluster},
	{"delete-instance", "NAME", "remove a replica", AT_CLUSTER, 1, 1, run_delete_instance},
	{"delete-snapshot", "NAME", "remove a snapshot", AT_CLUSTER, 1, 1, run_delete_snapshot},
	{"deletion-protection", "on|off", "refuse to remove the cluster while it is on", AT_CLUSTER,
		1, 1, run_deletion_protection},
	{"drop-collection", "", "remove the collection with its documents", AT_COLLECTION, 0, 0,
		run_drop_collection},
	{"drop-index", "NAME", "remove an index", AT_COLLECTION, 1, 1, run_drop_index},
	{"failover", "[TARGET]", "let a replica write: the one with the lowest tier, or TARGET",
		AT_CLUSTER, 0, 1, run_failover},
	{"maintenance", "", "check the files, analyse, compact", AT_CLUSTER, 0, 0, run_maintenance},
	{"modify-instance", "NAME tier=N", "change who takes over first: 0 before 15", AT_CLUSTER,
		2, 2, run_modify_instance},
	{"restore", "NAME as NEW",
		"make a new cluster of a snapshot; of a collection in it a new collection",
		AT_CLUSTER | AT_COLLECTION, 3, 3, run_restore},
	{"restore-to-time", "TIME|latest as NEW", "the same, as it was then",
		AT_CLUSTER | AT_COLLECTION, 3, 3, run_restore_to_time},
	{"snapshot", "NAME", "keep the cluster as it is now, under .snapshots/NAME", AT_CLUSTER, 1,
		1, run_snapshot},
	{"start", "", "serve a stopped cluster again", AT_CLUSTER, 0, 0, run_start},
	{"stop", "", "serve nothing until start, or for a week", AT_CLUSTER, 0, 0, run_stop},
	{0},
};
