/* What `.control` understands, at the service and at a cluster. The checks of arguments are here,
 * the work is elsewhere. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/identifier.h"
#include "engines/redshift/service/service.h"

#define RETENTION_MAX  35   /* days, of automated snapshots */
#define MANUAL_MAX     3653 /* of others */
#define INTERVAL_MAX_S (7 * 86400)

/* ---- arguments ---- */

/* The value of word "NAME=value"; NULL: it is another. */
static const char *value_of(const char *word, const char *name)
{
	size_t n = strlen(name);

	return strncmp(word, name, n) == 0 && word[n] == '=' ? word + n + 1 : NULL;
}

static int number(const char *what, const char *text, uint64_t min, uint64_t max, uint64_t *out,
	struct err *err)
{
	uint64_t n = 0;
	const char *p = text;

	for (; *p >= '0' && *p <= '9' && n <= max; p++) {
		n = n * 10 + (unsigned)(*p - '0');
	}
	if (p == text || *p != '\0' || n > max || n < min) {
		return err_set(err, EINVAL,
			"InvalidParameterValue: %s=%s: a number from %llu to %llu is expected",
			what, text, (unsigned long long)min, (unsigned long long)max);
	}
	*out = n;
	return 0;
}

/* 8h, 30m, 45s; a number alone is hours. */
static int interval_arg(const char *text, int64_t *out, struct err *err)
{
	char digits[16];
	size_t n = strlen(text);
	int64_t unit = 3600;
	uint64_t value = 0;

	if (n > 1 && n < sizeof(digits) && strchr("hms", text[n - 1]) != NULL) {
		unit = text[n - 1] == 'h' ? 3600 : text[n - 1] == 'm' ? 60 : 1;
		n--;
	}
	snprintf(digits, sizeof(digits), "%.*s", (int)(n < 15 ? n : 15), text);
	int rc = number("snapshot-interval", digits, 1, (uint64_t)((int64_t)INTERVAL_MAX_S / unit),
		&value, err);
	*out = (int64_t)value * unit;
	return rc;
}

static int retention_arg(const char *text, int64_t *out, struct err *err)
{
	uint64_t days = 0;
	int rc = number("snapshot-retention", text, 0, RETENTION_MAX, &days, err);

	*out = (int64_t)days;
	return rc;
}

static int the_word(const struct engine_call *call, unsigned n, const char *word, struct err *err)
{
	return strcmp(call->argv[n], word) == 0
		       ? 0
		       : err_set(err, EINVAL, "%s: '%s' is expected, found '%s'", call->argv[0],
				 word, call->argv[n]);
}

static void tell_rows(void *arg, uint64_t done, uint64_t total)
{
	struct engine_call *call = arg;

	if (call->progress != NULL) {
		call->progress(call, done, total, "rows");
	}
}

/* The cluster whose .control this is. */
static int own(
	void *ctx, const struct engine_call *call, struct redshift_cluster **out, struct err *err)
{
	return redshift_cluster_at(ctx, call->path, out, err);
}

/* 1: it is another word. */
static int shape_arg(const char *word, struct redshift_shape *shape, struct err *err)
{
	const char *value = value_of(word, "nodes");
	bool nodes = value != NULL;
	uint64_t n = 0;

	value = nodes ? value : value_of(word, "slices");
	if (value == NULL) {
		return 1;
	}
	int rc = number(nodes ? "nodes" : "slices", value, 1, nodes ? RS_NODES_MAX : RS_SLICES_MAX,
		&n, err);
	if (rc == 0 && nodes) {
		shape->nodes = (unsigned)n;
	} else if (rc == 0) {
		shape->slices = (unsigned)n;
	}
	return rc;
}

static int all_shape(const struct engine_call *call, unsigned from, struct redshift_shape *shape,
	struct err *err)
{
	int rc = 0;

	for (unsigned k = from; rc == 0 && k < call->argc; k++) {
		rc = shape_arg(call->argv[k], shape, err);
		if (rc > 0) {
			rc = err_set(err, EINVAL, "%s: nodes= or slices= is expected, found '%s'",
				call->argv[0], call->argv[k]);
		}
	}
	return rc;
}

/* ---- clusters ---- */

static int create_arg(
	const char *word, struct redshift_def *def, struct redshift_shape *shape, struct err *err)
{
	const char *value;
	int rc = shape_arg(word, shape, err);

	if (rc <= 0) {
		return rc;
	}
	if ((value = value_of(word, "snapshot-retention")) != NULL) {
		return retention_arg(value, &def->retention_days, err);
	}
	return err_set(err, EINVAL,
		"create: nodes=, slices= or snapshot-retention= is expected, found '%s'", word);
}

static int run_create(void *ctx, struct engine_call *call, struct err *err)
{
	struct redshift *x = ctx;
	struct redshift_shape shape = {0};
	char name[REDSHIFT_NAME_MAX + 1];
	struct redshift_def def;

	int rc = identifier_take("ClusterIdentifier", call->argv[1], REDSHIFT_NAME_MAX, name, err);
	rc = rc < 0 ? rc : redshift_check_new(x->service, slice_of(name), err);
	if (rc < 0) {
		return rc;
	}
	redshift_def_init(&def, x->service, slice_of(name));
	for (unsigned k = 2; rc == 0 && k < call->argc; k++) {
		rc = create_arg(call->argv[k], &def, &shape, err);
	}
	rc = rc < 0 ? rc : redshift_create(x->service, &def, &shape, err);
	if (rc == 0) {
		clusters_tell(&x->service->base, NULL);
		buf_printf(call->out, "cluster %s created\n", name);
	}
	return rc;
}

static int final_arg(
	const struct engine_call *call, char name[REDSHIFT_SNAPSHOT_MAX + 1], struct err *err)
{
	const char *value = call->argc > 2 ? value_of(call->argv[2], "final-snapshot") : NULL;

	if (call->argc <= 2) {
		return 0;
	}
	return value != NULL
		       ? identifier_take("FinalClusterSnapshotIdentifier", value,
				 REDSHIFT_SNAPSHOT_MAX, name, err)
		       : err_set(err, EINVAL, "delete: final-snapshot=NAME is expected, found '%s'",
				 call->argv[2]);
}

static int run_delete(void *ctx, struct engine_call *call, struct err *err)
{
	struct redshift_progress progress = {tell_rows, call};
	struct redshift *x = ctx;
	char snapshot[REDSHIFT_SNAPSHOT_MAX + 1] = "";
	bool final = call->argc > 2;
	REDSHIFT_CLUSTER c = NULL;

	int rc = final_arg(call, snapshot, err);
	rc = rc < 0 ? rc : redshift_find(x->service, slice_of(call->argv[1]), &c, err);
	rc = rc < 0 ? rc : redshift_delete(c, false, final ? snapshot : NULL, &progress, err);
	if (rc == 0) {
		clusters_tell(&x->service->base, NULL);
		buf_printf(call->out, "cluster %s deleted%s%s\n", call->argv[1],
			final ? ", kept as snapshot " : "", snapshot);
	}
	return rc;
}

typedef int simple_fn(struct redshift_cluster *c, struct err *err);
static int run_simple(
	void *ctx, struct engine_call *call, simple_fn *fn, const char *done, struct err *err)
{
	REDSHIFT_CLUSTER c = NULL;

	int rc = own(ctx, call, &c, err);
	rc = rc < 0 ? rc : fn(c, err);
	if (rc == 0) {
		buf_printf(call->out, "%s\n", done);
	}
	return rc;
}

static int run_pause(void *ctx, struct engine_call *call, struct err *err)
{
	return run_simple(ctx, call, redshift_pause, "paused", err);
}

static int run_resume(void *ctx, struct engine_call *call, struct err *err)
{
	return run_simple(ctx, call, redshift_resume, "available", err);
}

static int run_reboot(void *ctx, struct engine_call *call, struct err *err)
{
	return run_simple(ctx, call, redshift_reboot, "rebooted", err);
}

static int run_cancel_resize(void *ctx, struct engine_call *call, struct err *err)
{
	return run_simple(ctx, call, redshift_cancel_resize, "the resize is being cancelled", err);
}

static int run_resize(void *ctx, struct engine_call *call, struct err *err)
{
	struct redshift_progress progress = {tell_rows, call};
	struct redshift_shape shape = {0};
	struct redshift_resize done;
	REDSHIFT_CLUSTER c = NULL;

	int rc = all_shape(call, 1, &shape, err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : redshift_resize(c, &shape, &progress, err);
	if (rc == 0) {
		redshift_resize_now(c, &done);
		buf_printf(call->out, "%s has %u nodes of %u slices\n", c->def.name, done.nodes,
			done.slices);
	}
	return rc;
}

static void change_snapshots(struct redshift_def *def, const struct redshift_def *with)
{
	def->retention_days = with->retention_days;
	def->interval_s = with->interval_s;
}

static int run_modify(void *ctx, struct engine_call *call, struct err *err)
{
	struct redshift_def with;
	const char *value;
	REDSHIFT_CLUSTER c = NULL;

	int rc = own(ctx, call, &c, err);
	if (rc < 0) {
		return rc;
	}
	redshift_def_now(c, &with);
	for (unsigned k = 1; rc == 0 && k < call->argc; k++) {
		if ((value = value_of(call->argv[k], "snapshot-retention")) != NULL) {
			rc = retention_arg(value, &with.retention_days, err);
		} else if ((value = value_of(call->argv[k], "snapshot-interval")) != NULL) {
			rc = interval_arg(value, &with.interval_s, err);
		} else {
			rc = err_set(err, EINVAL,
				"modify: snapshot-retention=DAYS or snapshot-interval=8h is "
				"expected, found '%s'",
				call->argv[k]);
		}
	}
	rc = rc < 0 ? rc : redshift_change(c, change_snapshots, &with, err);
	if (rc == 0) {
		keeper_kick(&c->service->keeper);
		buf_puts(call->out, "modified\n");
	}
	return rc;
}

/* ---- SQL that has a command of its own ---- */

static int run_words(void *ctx, struct engine_call *call, const char *verb, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	REDSHIFT_PLACE p = {0};

	buf_puts(&sql, verb);
	for (unsigned k = 1; k < call->argc; k++) {
		buf_printf(&sql, " %s", call->argv[k]);
	}
	int rc = buf_check(&sql, err);
	rc = rc < 0 ? rc : redshift_place_to_write(ctx, call->path, &p, err);
	return rc < 0 ? rc : rs_run_script(p.rs, buf_slice(&sql), call->out, err);
}

static int run_vacuum(void *ctx, struct engine_call *call, struct err *err)
{
	return run_words(ctx, call, "VACUUM", err);
}

static int run_analyze(void *ctx, struct engine_call *call, struct err *err)
{
	return run_words(ctx, call, "ANALYZE", err);
}

/* ---- the lake ---- */

static int run_map(void *ctx, struct engine_call *call, struct err *err)
{
	char name[REDSHIFT_NAME_MAX + 1];
	REDSHIFT_CLUSTER c = NULL;

	int rc = identifier_take("BucketName", call->argv[1], REDSHIFT_NAME_MAX, name, err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : redshift_map(c, name, call->argv[2], err);
	if (rc == 0) {
		redshift_tell_changed(c, NULL);
		buf_printf(call->out, "s3://%s/ is %s\n", name, call->argv[2]);
	}
	return rc;
}

static int run_unmap(void *ctx, struct engine_call *call, struct err *err)
{
	REDSHIFT_CLUSTER c = NULL;

	int rc = own(ctx, call, &c, err);
	rc = rc < 0 ? rc : redshift_unmap(c, call->argv[1], err);
	if (rc == 0) {
		redshift_tell_changed(c, NULL);
		buf_printf(call->out, "%s is mapped no more\n", call->argv[1]);
	}
	return rc;
}

/* ---- snapshots ---- */

static int days_arg(const struct engine_call *call, int64_t *out, struct err *err)
{
	const char *value = call->argc > 2 ? value_of(call->argv[2], "retention") : NULL;
	uint64_t days = 0;

	*out = REDSHIFT_FOR_EVER;
	if (call->argc <= 2 || (value != NULL && strcmp(value, "-1") == 0)) {
		return 0;
	}
	if (value == NULL) {
		return err_set(err, EINVAL, "snapshot: retention=DAYS is expected, found '%s'",
			call->argv[2]);
	}
	int rc = number("retention", value, 1, MANUAL_MAX, &days, err);
	*out = (int64_t)days;
	return rc;
}

static int run_snapshot(void *ctx, struct engine_call *call, struct err *err)
{
	struct redshift_progress progress = {tell_rows, call};
	struct redshift *x = ctx;
	char name[REDSHIFT_SNAPSHOT_MAX + 1];
	struct redshift_snapshot made;
	REDSHIFT_CLUSTER c = NULL;
	int64_t days;

	int rc = identifier_take(
		"SnapshotIdentifier", call->argv[1], REDSHIFT_SNAPSHOT_MAX, name, err);
	rc = rc < 0 ? rc : days_arg(call, &days, err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : redshift_snapshot_create(c, name, false, days, &progress, err);
	rc = rc < 0 ? rc : redshift_catalog_snapshot(x->service, slice_of(name), &made, err);
	if (rc == 0) {
		redshift_tell_changed(c, NULL);
		buf_printf(call->out, "snapshot %s: %llu bytes\n", name,
			(unsigned long long)made.bytes);
	}
	return rc;
}

/* At the service, any; at a cluster, one of its own. */
static int find_snapshot(struct redshift *x, const struct engine_call *call,
	struct redshift_snapshot *out, struct err *err)
{
	REDSHIFT_CLUSTER c = NULL;

	int rc = call->path->depth > 0 ? own(x, call, &c, err) : 0;
	return rc < 0 ? rc
		      : redshift_snapshot_find(x->service, c, slice_of(call->argv[1]), out, err);
}

static int run_delete_snapshot(void *ctx, struct engine_call *call, struct err *err)
{
	struct redshift *x = ctx;
	struct redshift_snapshot s;

	int rc = find_snapshot(x, call, &s, err);
	rc = rc < 0 ? rc : redshift_snapshot_delete(x->service, slice_of(s.name), err);
	if (rc == 0) {
		clusters_tell(&x->service->base, NULL);
		buf_printf(call->out, "snapshot %s deleted\n", s.name);
	}
	return rc;
}

static int run_restore(void *ctx, struct engine_call *call, struct err *err)
{
	struct redshift_progress progress = {tell_rows, call};
	struct redshift *x = ctx;
	struct redshift_shape shape = {0};
	char name[REDSHIFT_NAME_MAX + 1];
	struct redshift_snapshot s;

	int rc = the_word(call, 2, "as", err);
	rc = rc < 0 ? rc
		    : identifier_take(
			      "ClusterIdentifier", call->argv[3], REDSHIFT_NAME_MAX, name, err);
	rc = rc < 0 ? rc : all_shape(call, 4, &shape, err);
	rc = rc < 0 ? rc : find_snapshot(x, call, &s, err);
	rc = rc < 0 ? rc : redshift_restore(x->service, &s, slice_of(name), &shape, &progress, err);
	if (rc == 0) {
		clusters_tell(&x->service->base, NULL);
		buf_printf(call->out, "cluster %s restored from snapshot %s of cluster %s\n", name,
			s.name, s.cluster);
	}
	return rc;
}

static int run_restore_table(void *ctx, struct engine_call *call, struct err *err)
{
	struct redshift_progress progress = {tell_rows, call};
	struct redshift *x = ctx;
	struct redshift_snapshot s;
	REDSHIFT_CLUSTER c = NULL;
	uint64_t rows = 0;

	int rc = the_word(call, 3, "as", err);
	rc = rc < 0 ? rc : own(ctx, call, &c, err);
	rc = rc < 0 ? rc : redshift_snapshot_find(x->service, c, slice_of(call->argv[1]), &s, err);
	rc = rc < 0 ? rc
		    : redshift_restore_table(c, &s, slice_of(call->argv[2]),
			      slice_of(call->argv[4]), &progress, &rows, err);
	if (rc == 0) {
		redshift_tell_changed(c, NULL);
		buf_printf(call->out, "table %s restored as %s: %llu rows\n", call->argv[2],
			call->argv[4], (unsigned long long)rows);
	}
	return rc;
}

/* ---- the table ---- */

#define AT_SERVICE (1U << 0)
#define AT_CLUSTER (1U << 1)

const struct engine_command redshift_commands[] = {
	{"analyze", "[TABLE]", "gather what .stats tells of the columns", AT_CLUSTER, 0, 1,
		run_analyze},
	{"cancel-resize", "", "give up the resize that is under way", AT_CLUSTER, 0, 0,
		run_cancel_resize},
	{"create", "NAME [nodes=N] [slices=M] [snapshot-retention=DAYS]",
		"make a cluster of N nodes with M slices each [2, 2]", AT_SERVICE, 1, 4,
		run_create},
	{"delete", "NAME [final-snapshot=SNAPSHOT]",
		"remove a cluster with its tables; its snapshots stay", AT_SERVICE, 1, 2,
		run_delete},
	{"delete-snapshot", "NAME", "remove a snapshot", AT_SERVICE | AT_CLUSTER, 1, 1,
		run_delete_snapshot},
	{"map", "NAME DIRECTORY", "let s3://NAME/ be that directory, and NAME a schema of tables",
		AT_CLUSTER, 2, 2, run_map},
	{"modify", "[snapshot-retention=DAYS] [snapshot-interval=8h]",
		"how often snapshots are made by themselves, and how long they are kept",
		AT_CLUSTER, 1, 2, run_modify},
	{"pause", "", "close the cluster; its tables stay", AT_CLUSTER, 0, 0, run_pause},
	{"reboot", "", "close and open the cluster", AT_CLUSTER, 0, 0, run_reboot},
	{"resize", "nodes=N [slices=M]",
		"move all rows to N nodes; queries go on, what writes waits", AT_CLUSTER, 1, 2,
		run_resize},
	{"restore", "SNAPSHOT as NEW [nodes=N] [slices=M]", "make a new cluster of a snapshot",
		AT_SERVICE | AT_CLUSTER, 3, 5, run_restore},
	{"restore-table", "SNAPSHOT TABLE as NEW", "make a new table of one in a snapshot",
		AT_CLUSTER, 4, 4, run_restore_table},
	{"resume", "", "open a cluster that was paused", AT_CLUSTER, 0, 0, run_resume},
	{"snapshot", "NAME [retention=DAYS]",
		"keep the cluster as it is now, under .snapshots/NAME", AT_CLUSTER, 1, 2,
		run_snapshot},
	{"unmap", "NAME", "map it no more", AT_CLUSTER, 1, 1, run_unmap},
	{"vacuum", "[full|sort only|delete only|reindex] [TABLE]",
		"sort tables anew, without deleted rows", AT_CLUSTER, 0, 3, run_vacuum},
	{0},
};
