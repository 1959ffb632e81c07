/* DocumentDB as a service: clusters, their instances, failover, snapshots, points in time, what
 * outlives the daemon, and kill -9 in the middle of each step. */
#include "engines/common/clock.h"
#include "engines/common/rfc3339.h"
#include "engines/docdb/service/cluster.h"

#define SERVICE_OPS docdb_sqlite_ops
#include "tests/unit/service_fixture.h"

#include <dirent.h>
#include <sys/stat.h>

/* ---- in few words ---- */

static void put_in(struct engine *e, const struct epath *path, const char *text)
{
	struct engine_info info;
	OK(engine_write(e, path, 0, slice_of(text), ENGINE_VERSION_ANY, &info, &err));
}

static void put(const struct epath *path, const char *text)
{
	put_in(engine, path, text);
}

static void expect_text(struct engine *e, const struct epath *path, const char *expected)
{
	struct buf text = BUF_INIT;
	struct engine_info info;
	OK(engine_read(e, path, 0, &text, &info, &err));
	ck_assert_str_eq(buf_cstr(&text), expected);
	buf_free(&text);
}

static struct engine *view(enum engine_view_kind kind, const char *name)
{
	struct engine *v = NULL;
	OK(engine_view(engine, ROOT, kind, slice_of(name), &v, &err));
	return v;
}

static int command_in(struct engine *e, const struct epath *path, const char *line)
{
	struct buf out = BUF_INIT;
	int rc = engine_command(e, path, slice_of(line), &out, &err);
	buf_free(&out);
	return rc;
}

static unsigned count(const char *below, char kind)
{
	char path[128];
	snprintf(path, sizeof(path), "%s%s", site, below);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	unsigned n = 0;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		n += entry->d_name[0] == kind && entry->d_name[1] >= '1' && entry->d_name[1] <= '9';
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return n;
}

/* "NAME" of who writes, and where: "instance-1 a". */
static void primary_now(char *out, size_t size)
{
	json_auto_t *status = json_object();
	OK(engine_status(engine, ROOT, status, &err));
	const char *writer = json_string_value(json_object_get(status, "Primary"));
	const char *zone = "?";
	size_t i;
	json_t *m;
	json_array_foreach (json_object_get(status, "DBClusterMembers"), i, m) {
		if (json_is_true(json_object_get(m, "IsClusterWriter"))) {
			ck_assert_str_eq(
				json_string_value(json_object_get(m, "DBInstanceIdentifier")),
				writer);
			zone = json_string_value(json_object_get(m, "AvailabilityZone"));
		}
	}
	ck_assert_str_eq(
		json_string_value(json_object_get(json_object_get(status, "StorageZones"), zone)),
		"primary");
	snprintf(out, size, "%s %s", writer, zone);
}

static void expect_primary(const char *expected)
{
	char found[100];
	primary_now(found, sizeof(found));
	ck_assert_str_eq(found, expected);
}

/* A replica shows it sooner or later. */
static void expect_on_replica(const char *name, const struct epath *path, const char *expected)
{
	struct engine *v = view(ENGINE_VIEW_REPLICA, name);
	struct buf text = BUF_INIT;
	struct engine_info info;
	bool same = false;
	for (unsigned n = 0; n < 3000 && !same; n++) {
		struct err why = {0};
		buf_clear(&text);
		same = engine_read(v, path, 0, &text, &info, &why) == 0 &&
		       strcmp(buf_cstr(&text), expected) == 0;
		if (!same) {
			usleep(10000);
		}
	}
	ck_assert_msg(same, "%s shows '%s'", name, buf_cstr(&text));
	buf_free(&text);
	engine_unref(v);
}

/* ---- the default cluster ---- */

START_TEST(the_default_cluster_is_made_at_first_use)
{
	struct engine_info info;
	OK(engine_stat(engine, ROOT, 0, &info, &err));
	ck_assert_int_eq(info.kind, ENGINE_DIR);
	expect_list(ROOT, "");
	expect_status(ROOT, "Status", "\"made at first use\"");
	expect_views(ROOT, ENGINE_VIEW_SNAPSHOT, "");
	expect_views(ROOT, ENGINE_VIEW_REPLICA, "");
	FAILS(ENOENT, engine_stat(engine, PATH("users"), 0, &info, &err));
	ck_assert_uint_eq(count("", 'c'), 0);
	OK(engine_mkdir(engine, PATH("users"), &err));
	ck_assert_uint_eq(count("", 'c'), 1);
	expect_status(ROOT, "Status", "\"available\"");
	engine_again();
	expect_list(ROOT, "users ");
	expect_primary("instance-1 a");
}
END_TEST

START_TEST(a_document_is_a_file)
{
	OK(engine_mkdir(engine, PATH("users"), &err));
	put(PATH("users", "7"), "{\"name\":\"Ada\",\"tags\":[1,2.5]}");
	expect_text(engine, PATH("users", "7"),
		"{\n  \"_id\": 7,\n  \"name\": \"Ada\",\n  \"tags\": [\n    1,\n    2.5\n  ]\n}\n");
	expect_list(PATH("users"), "7 ");
	REFUSES(ENOTEMPTY, "1 document", engine_rmdir(engine, PATH("users"), &err));
	OK(command(PATH("users"), "drop-collection"));
	expect_list(ROOT, "");
}
END_TEST

START_TEST(a_cluster_beside_is_another_store)
{
	OK(engine_mkdir(engine, PATH("users"), &err));
	OK(engine_view_create(engine, ROOT, ENGINE_VIEW_CLUSTER, slice_of("test"), &err));
	REFUSES(EEXIST, "DBClusterAlreadyExistsFault",
		engine_view_create(engine, ROOT, ENGINE_VIEW_CLUSTER, slice_of("test"), &err));
	REFUSES(EEXIST, "/docdb itself",
		engine_view_create(engine, ROOT, ENGINE_VIEW_CLUSTER, slice_of("docdb"), &err));
	REFUSES(EINVAL, "not a valid identifier",
		engine_view_create(engine, ROOT, ENGINE_VIEW_CLUSTER, slice_of("a_b"), &err));
	expect_views(ROOT, ENGINE_VIEW_CLUSTER, "test ");
	struct engine *v = view(ENGINE_VIEW_CLUSTER, "test");
	OK(engine_mkdir(v, PATH("orders"), &err));
	put_in(v, PATH("orders", "1"), "{\"n\":1}");
	expect_list_of(v, ROOT, "orders ");
	expect_list(ROOT, "users ");
	REFUSES(ENOTEMPTY, "orders",
		engine_view_remove(engine, ROOT, ENGINE_VIEW_CLUSTER, slice_of("test"), &err));
	OK(command_in(v, ROOT, "delete-cluster final-snapshot last"));
	struct engine_info info;
	FAILS(ENOENT, engine_stat(v, ROOT, 0, &info, &err));
	engine_unref(v);
	expect_views(ROOT, ENGINE_VIEW_CLUSTER, "");
	expect_views(ROOT, ENGINE_VIEW_SNAPSHOT, "last ");
	ck_assert_uint_eq(count("", 'c'), 1);
	ck_assert_uint_eq(count("/az-b", 'c'), 1);
	OK(command(ROOT, "restore last as again"));
	v = view(ENGINE_VIEW_CLUSTER, "again");
	expect_text(v, PATH("orders", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	engine_unref(v);
}
END_TEST

START_TEST(a_protected_cluster_stays)
{
	OK(engine_view_create(engine, ROOT, ENGINE_VIEW_CLUSTER, slice_of("test"), &err));
	struct engine *v = view(ENGINE_VIEW_CLUSTER, "test");
	OK(command_in(v, ROOT, "deletion-protection on"));
	REFUSES(EBUSY, "Cannot delete protected Cluster", command_in(v, ROOT, "delete-cluster"));
	OK(command_in(v, ROOT, "deletion-protection off"));
	OK(command_in(v, ROOT, "create-instance r1"));
	REFUSES(EBUSY, "still contains DB instances", command_in(v, ROOT, "delete-cluster"));
	OK(command_in(v, ROOT, "delete-instance r1"));
	OK(command_in(v, ROOT, "delete-cluster"));
	engine_unref(v);
	REFUSES(EINVAL, "the default cluster", command(ROOT, "delete-cluster"));
}
END_TEST

START_TEST(a_stopped_cluster_serves_nothing_until_started)
{
	struct engine_info info;
	OK(engine_mkdir(engine, PATH("users"), &err));
	OK(command(ROOT, "stop"));
	REFUSES(EBUSY, "it is stopped", engine_stat(engine, PATH("users"), 0, &info, &err));
	OK(engine_stat(engine, ROOT, 0, &info, &err));
	engine_again();
	expect_status(ROOT, "Status", "\"stopped\"");
	REFUSES(EBUSY, "InvalidDBClusterStateFault", command(ROOT, "stop"));
	OK(command(ROOT, "start"));
	OK(engine_stat(engine, PATH("users"), 0, &info, &err));
	REFUSES(EBUSY, "only a stopped one", command(ROOT, "start"));
}
END_TEST

START_TEST(backups_are_kept_for_1_to_35_days)
{
	REFUSES(EINVAL, "1 to 35", command(ROOT, "backup-retention 0"));
	REFUSES(EINVAL, "1 to 35", command(ROOT, "backup-retention 36"));
	OK(engine_mkdir(engine, PATH("users"), &err));
	expect_status(ROOT, "BackupRetentionPeriod", "1");
	OK(command(ROOT, "backup-retention 35"));
	engine_again();
	expect_status(ROOT, "BackupRetentionPeriod", "35");
}
END_TEST

/* ---- instances ---- */

START_TEST(a_replica_follows)
{
	OK(engine_mkdir(engine, PATH("users"), &err));
	OK(engine_view_create(engine, ROOT, ENGINE_VIEW_REPLICA, slice_of("r1"), &err));
	expect_views(ROOT, ENGINE_VIEW_REPLICA, "r1 ");
	put(PATH("users", "1"), "{\"n\":1}");
	expect_on_replica("r1", PATH("users", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	struct engine *v = view(ENGINE_VIEW_REPLICA, "r1");
	struct engine_info info;
	FAILS(EROFS, engine_write(v, PATH("users", "2"), 0, slice_of("{}"), ENGINE_VERSION_ANY,
			     &info, &err));
	FAILS(ENOTSUP, command_in(v, ROOT, "stop"));
	engine_unref(v);
	OK(engine_view_remove(engine, ROOT, ENGINE_VIEW_REPLICA, slice_of("r1"), &err));
	expect_views(ROOT, ENGINE_VIEW_REPLICA, "");
}
END_TEST

START_TEST(arguments_are_checked)
{
	OK(engine_mkdir(engine, PATH("users"), &err));
	REFUSES(EINVAL, "0 to 15", command(ROOT, "create-instance r1 tier=16"));
	REFUSES(EINVAL, "zones are a and b", command(ROOT, "create-instance r1 az=c"));
	REFUSES(EINVAL, "delay", command(ROOT, "create-instance r1 delay=soon"));
	REFUSES(EINVAL, "found 'zone=a'", command(ROOT, "create-instance r1 zone=a"));
	REFUSES(EINVAL, "not a valid identifier", command(ROOT, "create-instance r_1"));
	REFUSES(EEXIST, "instance-1", command(ROOT, "create-instance instance-1"));
	REFUSES(EBUSY, "is the cluster's primary", command(ROOT, "delete-instance instance-1"));
	REFUSES(ENOENT, "DBInstanceNotFound", command(ROOT, "delete-instance r1"));
	REFUSES(ENOENT, "DBInstanceNotFound", command(ROOT, "modify-instance r1 tier=2"));
	REFUSES(ENOENT, "DBInstanceNotFound", command(ROOT, "failover r1"));
	REFUSES(EINVAL, "primary already", command(ROOT, "failover instance-1"));
	REFUSES(ENOENT, "DBClusterSnapshotNotFoundFault", command(ROOT, "restore none as x"));
	REFUSES(EINVAL, "not come yet", command(ROOT, "restore-to-time 2099-01-01T00:00:00Z as x"));
}
END_TEST

START_TEST(there_are_15_replicas_at_most)
{
	char line[64];
	OK(engine_mkdir(engine, PATH("users"), &err));
	for (unsigned n = 1; n <= 15; n++) {
		snprintf(line, sizeof(line), "create-instance r%u", n);
		OK(command(ROOT, line));
	}
	REFUSES(EINVAL, "InstanceQuotaExceeded", command(ROOT, "create-instance r16"));
}
END_TEST

/* ---- failover ---- */

START_TEST(the_replica_with_the_lowest_tier_takes_over)
{
	OK(engine_mkdir(engine, PATH("users"), &err));
	put(PATH("users", "1"), "{\"n\":1}");
	OK(command(ROOT, "create-instance r1 tier=5 az=b"));
	OK(command(ROOT, "create-instance r2 tier=2 az=b"));
	OK(command(ROOT, "create-instance r3 tier=9 az=a"));
	OK(command(ROOT, "failover"));
	expect_primary("r2 b");
	expect_event("RDS-EVENT-0073 failover: Started cross AZ failover to DB instance: r2.");
	expect_event("RDS-EVENT-0071 failover: Completed failover to DB instance: r2.");
	expect_views(ROOT, ENGINE_VIEW_REPLICA, "instance-1 r1 r3 ");
	expect_text(engine, PATH("users", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	put(PATH("users", "2"), "{\"n\":2}");
	expect_on_replica("instance-1", PATH("users", "2"), "{\n  \"_id\": 2,\n  \"n\": 2\n}\n");
	engine_again();
	expect_primary("r2 b");
	OK(command(ROOT, "modify-instance r3 tier=0"));
	OK(command(ROOT, "failover"));
	expect_primary("r3 a");
}
END_TEST

START_TEST(a_failover_has_a_target)
{
	OK(engine_mkdir(engine, PATH("users"), &err));
	put(PATH("users", "1"), "{\"n\":1}");
	OK(command(ROOT, "create-instance r1 tier=0 az=b"));
	OK(command(ROOT, "create-instance r2 tier=15 az=a"));
	OK(command(ROOT, "failover r2"));
	expect_primary("r2 a");
	expect_event("RDS-EVENT-0072 failover: Started same AZ failover to DB instance: r2.");
	struct engine *v = view(ENGINE_VIEW_REPLICA, "r1");
	OK(command_in(v, ROOT, "failover"));
	engine_unref(v);
	expect_primary("r1 b");
	expect_text(engine, PATH("users", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	struct err why = {0};
	ck_assert_int_eq(
		engine_view(engine, ROOT, ENGINE_VIEW_REPLICA, slice_of("r1"), &v, &why), -ENOENT);
}
END_TEST

START_TEST(without_replicas_the_primary_is_made_anew)
{
	OK(engine_mkdir(engine, PATH("users"), &err));
	put(PATH("users", "1"), "{\"n\":1}");
	OK(command(ROOT, "failover"));
	expect_primary("instance-1 a");
	expect_event("RDS-EVENT-0071 failover: Completed failover to DB instance: instance-1.");
	expect_text(engine, PATH("users", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
}
END_TEST

static void damage_primary(char zone)
{
	char path[160];
	snprintf(path, sizeof(path), "%s/az-%c/c1/data.db", site, zone);
	ck_assert_int_eq(truncate(path, 0), 0);
}

static void wait_for_primary(const char *expected)
{
	char found[100] = "";
	for (unsigned n = 0; n < 3000 && strcmp(found, expected) != 0; n++) {
		json_auto_t *status = json_object();
		struct err why = {0};
		if (engine_status(engine, ROOT, status, &why) == 0) {
			const char *writer = json_string_value(json_object_get(status, "Primary"));
			snprintf(found, sizeof(found), "%s", writer != NULL ? writer : "");
		}
		usleep(10000);
	}
	ck_assert_str_eq(found, expected);
}

START_TEST(when_its_files_fail_a_replica_in_the_other_zone_takes_over)
{
	OK(engine_mkdir(engine, PATH("users"), &err));
	put(PATH("users", "1"), "{\"n\":1}");
	OK(command(ROOT, "create-instance r1 tier=0 az=a"));
	OK(command(ROOT, "create-instance r2 tier=7 az=b"));
	OK(command(ROOT, "create-instance r3 tier=9 az=b"));
	damage_primary('a');
	wait_for_primary("r2");
	expect_primary("r2 b");
	expect_text(engine, PATH("users", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	expect_event("RDS-EVENT-0073 failover: Started cross AZ failover.");
	expect_event("RDS-EVENT-0071 failover: Completed failover to DB instance: r2.");
	put(PATH("users", "2"), "{\"n\":2}");
	expect_on_replica("instance-1", PATH("users", "2"), "{\n  \"_id\": 2,\n  \"n\": 2\n}\n");
}
END_TEST

START_TEST(when_its_files_fail_and_nobody_is_there_the_primary_moves)
{
	OK(engine_mkdir(engine, PATH("users"), &err));
	put(PATH("users", "1"), "{\"n\":1}");
	damage_primary('a');
	expect_text(engine, PATH("users", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	put(PATH("users", "2"), "{\"n\":2}");
	for (unsigned n = 0; n < 3000 && !event_says("RDS-EVENT-0071"); n++) {
		usleep(10000);
	}
	expect_primary("instance-1 b");
}
END_TEST

/* ---- snapshots, restoring ---- */

START_TEST(a_snapshot_is_kept_and_restored)
{
	struct engine_info info;
	OK(engine_mkdir(engine, PATH("users"), &err));
	put(PATH("users", "1"), "{\"n\":1}");
	OK(command(PATH("users"), "create-index '{\"key\": {\"n\": 1}, \"unique\": true}'"));
	OK(engine_view_create(engine, ROOT, ENGINE_VIEW_SNAPSHOT, slice_of("before"), &err));
	REFUSES(EEXIST, "DBClusterSnapshotAlreadyExistsFault", command(ROOT, "snapshot before"));
	put(PATH("users", "1"), "{\"n\":2}");
	struct engine *v = view(ENGINE_VIEW_SNAPSHOT, "before");
	expect_text(v, PATH("users", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	FAILS(EROFS, engine_write(v, PATH("users", "1"), 0, slice_of("{}"), ENGINE_VERSION_ANY,
			     &info, &err));
	engine_unref(v);
	REFUSES(EEXIST, "users", command(PATH("users"), "restore before as users"));
	OK(command(PATH("users"), "restore before as users-then"));
	expect_text(engine, PATH("users-then", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	REFUSES(EEXIST, "E11000",
		engine_write(engine, PATH("users-then", "2"), 0, slice_of("{\"n\":1}"),
			ENGINE_VERSION_ANY, &info, &err));
	OK(command(ROOT, "restore before as old"));
	v = view(ENGINE_VIEW_CLUSTER, "old");
	expect_list_of(v, ROOT, "users ");
	expect_text(v, PATH("users", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	engine_unref(v);
	OK(command(ROOT, "delete-snapshot before"));
	expect_views(ROOT, ENGINE_VIEW_SNAPSHOT, "");
	ck_assert_uint_eq(count("", 's'), 0);
}
END_TEST

START_TEST(a_time_is_looked_at_and_restored)
{
	char when[RFC3339_MAX];
	char line[128];
	OK(engine_mkdir(engine, PATH("users"), &err));
	put(PATH("users", "1"), "{\"n\":1}");
	rfc3339_print(clock_wall_ns(), when);
	put(PATH("users", "1"), "{\"n\":2}");
	struct engine *v = view(ENGINE_VIEW_TIME, when);
	expect_text(v, PATH("users", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	engine_unref(v);
	snprintf(line, sizeof(line), "restore-to-time %s as users-then", when);
	OK(command(PATH("users"), line));
	expect_text(engine, PATH("users-then", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	snprintf(line, sizeof(line), "restore-to-time %s as then", when);
	OK(command(ROOT, line));
	v = view(ENGINE_VIEW_CLUSTER, "then");
	expect_text(v, PATH("users", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	engine_unref(v);
}
END_TEST

/* ---- by themselves ---- */

START_TEST(storage_grows_in_steps_and_says_so)
{
	struct buf text = BUF_INIT;
	OK(engine_mkdir(engine, PATH("users"), &err));
	expect_status(ROOT, "StorageAllocated", "16777216");
	buf_puts(&text, "{\"x\":\"");
	for (unsigned n = 0; n < 6000000; n++) {
		buf_putc(&text, (char)('a' + n % 23));
	}
	buf_puts(&text, "\"}");
	put(PATH("users", "1"), buf_cstr(&text));
	put(PATH("users", "2"), buf_cstr(&text));
	put(PATH("users", "3"), buf_cstr(&text));
	buf_free(&text);
	json_auto_t *status = json_object();
	OK(engine_status(engine, ROOT, status, &err));
	json_int_t allocated = json_integer_value(json_object_get(status, "StorageAllocated"));
	ck_assert(allocated > 16777216 && allocated % 16777216 == 0);
	ck_assert(allocated >= json_integer_value(json_object_get(status, "StorageUsed")));
	expect_event("storage: Storage has grown from 16 to ");
}
END_TEST

START_TEST(documents_expire)
{
	struct engine_setting setting = {"docdb.ttl_interval", "1"};
	struct engine_config config = {.dir = site,
		.settings = &setting,
		.n_settings = 1,
		.host = {.changed = on_change, .event = on_event}};
	engine_down();
	OK(engine_open(&docdb_sqlite_ops, &config, &engine, &err));
	OK(engine_mkdir(engine, PATH("sessions"), &err));
	OK(command(PATH("sessions"),
		"create-index '{\"key\": {\"at\": 1}, \"expireAfterSeconds\": 0}'"));
	put(PATH("sessions", "1"), "{\"at\":{\"$date\":\"2020-01-01T00:00:00Z\"}}");
	put(PATH("sessions", "2"), "{\"at\":{\"$date\":\"2099-01-01T00:00:00Z\"}}");
	for (unsigned n = 0; n < 3000 && exists(PATH("sessions", "1")); n++) {
		usleep(10000);
	}
	expect_list(PATH("sessions"), "2 ");
	setting.value = "0";
	engine_down();
	REFUSES(EINVAL, "1 to 86400", engine_open(&docdb_sqlite_ops, &config, &engine, &err));
	engine_up();
}
END_TEST

START_TEST(a_read_only_mount_serves_and_changes_nothing)
{
	struct engine_info info;
	engine_down();
	OK(open_engine(true));
	expect_list(ROOT, "");
	FAILS(EROFS, engine_mkdir(engine, PATH("users"), &err));
	engine_again();
	OK(engine_mkdir(engine, PATH("users"), &err));
	put(PATH("users", "1"), "{\"n\":1}");
	engine_down();
	OK(open_engine(true));
	expect_list(PATH("users"), "1 ");
	FAILS(EROFS, engine_write(engine, PATH("users", "1"), 0, slice_of("{}"), ENGINE_VERSION_ANY,
			     &info, &err));
	FAILS(EROFS, command(ROOT, "failover"));
}
END_TEST

/* ---- what lies in the directory ---- */

START_TEST(a_lost_catalog_is_not_made_anew)
{
	char path[128];
	OK(engine_mkdir(engine, PATH("users"), &err));
	engine_down();
	snprintf(path, sizeof(path), "%s/catalog.db", site);
	ck_assert_int_eq(unlink(path), 0);
	REFUSES(EIO, "no catalog.db", open_engine(false));
	ck_assert_uint_eq(count("", 'c'), 1);
}
END_TEST

START_TEST(files_without_a_row_are_removed)
{
	static const char *const left[] = {"/c77", "/az-a/c77", "/az-b/c78", NULL};
	char path[128];
	OK(engine_mkdir(engine, PATH("users"), &err));
	engine_down();
	for (const char *const *p = left; *p != NULL; p++) {
		snprintf(path, sizeof(path), "%s%s", site, *p);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	snprintf(path, sizeof(path), "%s/s79.db", site);
	fclose(fopen(path, "w"));
	engine_up();
	ck_assert_uint_eq(count("", 'c'), 1);
	ck_assert_uint_eq(count("/az-a", 'c'), 1);
	ck_assert_uint_eq(count("/az-b", 'c'), 1);
	ck_assert_uint_eq(count("", 's'), 0);
	expect_list(ROOT, "users ");
}
END_TEST

/* ---- kill -9 ---- */

#define ROUNDS 20

/* What a round's steps leave: replica xN, who writes, snapshot, cluster, collection. */
struct state {
	const char *primary; /* "x": the round's replica; "": instance-1 */
	bool replica;
	bool snapshot;
	bool cluster;
	bool collection;
};

static const struct state after[] = {
	{"", false, false, false, false}, {"", true, false, false, false}, /* create-instance */
	{"x", true, false, false, false},				   /* failover */
	{"x", true, true, false, false},				   /* snapshot */
	{"x", true, true, true, false},	  /* restore as a cluster */
	{"x", true, true, true, true},	  /* restore as a collection */
	{"x", true, true, false, true},	  /* delete-cluster */
	{"", true, true, false, true},	  /* failover instance-1 */
	{"", false, true, false, true},	  /* delete-instance */
	{"", false, false, false, true},  /* delete-snapshot */
	{"", false, false, false, false}, /* drop-collection */
};
#define N_STEPS (sizeof(after) / sizeof(after[0]) - 1)

static char *name_of(char kind, unsigned long n, char out[24])
{
	snprintf(out, 24, "%c%lu", kind, n);
	return out;
}

/* "VERB A", "VERB A as B" */
static int say(const struct epath *path, const char *verb, const char *a, const char *b)
{
	char line[128];
	snprintf(line, sizeof(line), "%s %s%s%s", verb, a, b[0] != '\0' ? " as " : "", b);
	return command(path, line);
}

static int create_instance(const char *name, const char *zone)
{
	char line[128];
	snprintf(line, sizeof(line), "create-instance %s %s", name, zone);
	return command(ROOT, line);
}

static int delete_cluster(const char *name)
{
	struct engine *v = NULL;
	int rc = engine_view(engine, ROOT, ENGINE_VIEW_CLUSTER, slice_of(name), &v, &err);
	rc = rc < 0 ? rc : command_in(v, ROOT, "delete-cluster");
	engine_unref(v);
	return rc;
}

static int step(unsigned long n, unsigned which)
{
	char x[24];
	char s[24];
	char c[24];
	char k[24];
	name_of('x', n, x);
	name_of('s', n, s);
	name_of('c', n, c);
	name_of('k', n, k);
	switch (which) {
	case 0: return create_instance(x, n % 2 == 0 ? "az=b" : "az=a");
	case 1: return say(ROOT, "failover", x, "");
	case 2: return say(ROOT, "snapshot", s, "");
	case 3: return say(ROOT, "restore", s, c);
	case 4: return say(PATH("users"), "restore", s, k);
	case 5: return delete_cluster(c);
	case 6: return command(ROOT, "failover instance-1");
	case 7: return say(ROOT, "delete-instance", x, "");
	case 8: return say(ROOT, "delete-snapshot", s, "");
	default: return command(PATH(k), "drop-collection");
	}
}

static int begin(void)
{
	return open_engine(false);
}

static const struct crash_work work = {begin, step, N_STEPS, &err};

static bool has_view(enum engine_view_kind kind, const char *name)
{
	struct engine *v = NULL;
	struct err why = {0};
	int rc = engine_view(engine, ROOT, kind, slice_of(name), &v, &why);
	ck_assert_msg(rc == 0 || rc == -ENOENT, "%s", why.msg);
	engine_unref(v);
	return rc == 0;
}

/* All that could be there is whole. */
static bool state_is(unsigned long n, const struct state *want)
{
	char found[100];
	char x[24];
	char s[24];
	char c[24];
	char k[24];
	primary_now(found, sizeof(found));
	*strchr(found, ' ') = '\0';
	name_of('x', n, x);
	bool writes = strcmp(found, x) == 0;
	ck_assert(writes || strcmp(found, "instance-1") == 0);
	expect_text(engine, PATH("users", "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	bool collection = exists(PATH(name_of('k', n, k)));
	if (collection) {
		expect_text(engine, PATH(k, "1"), "{\n  \"_id\": 1,\n  \"n\": 1\n}\n");
	}
	return writes == (want->primary[0] == 'x') &&
	       (writes || has_view(ENGINE_VIEW_REPLICA, x)) == want->replica &&
	       has_view(ENGINE_VIEW_SNAPSHOT, name_of('s', n, s)) == want->snapshot &&
	       has_view(ENGINE_VIEW_CLUSTER, name_of('c', n, c)) == want->cluster &&
	       collection == want->collection;
}

/* What a round left half done, so that the next begins from the start. */
static void finish_round(unsigned long n, unsigned done)
{
	for (unsigned which = done; which < N_STEPS; which++) {
		err_clear(&err);
		OK(step(n, which));
	}
	ck_assert(state_is(n, &after[N_STEPS]));
}

START_TEST(kill_at_any_time)
{
	unsigned long first = 0;
	unsigned seed = (unsigned)getpid();
	engine_up();
	OK(engine_mkdir(engine, PATH("users"), &err));
	put(PATH("users", "1"), "{\"n\":1}");
	engine_down();
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned long done =
			work_and_kill(&work, first, 2000 + (unsigned)rand_r(&seed) % 400000);
		unsigned long last = first + done / N_STEPS;
		unsigned at = (unsigned)(done % N_STEPS);
		engine_up();
		bool before = state_is(last, &after[at]);
		ck_assert_msg(before || state_is(last, &after[at + 1]),
			"round %u: in between, after %u steps", round, at);
		finish_round(last, before ? at : at + 1);
		ck_assert_uint_eq(count("", 'c'), 1);
		ck_assert_uint_eq(count("/az-a", 'c'), 1);
		ck_assert_uint_eq(count("", 's'), 0);
		engine_down();
		first = last + 1;
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("docdb clusters");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, the_default_cluster_is_made_at_first_use);
	tcase_add_test(c, a_document_is_a_file);
	tcase_add_test(c, a_cluster_beside_is_another_store);
	tcase_add_test(c, a_protected_cluster_stays);
	tcase_add_test(c, a_stopped_cluster_serves_nothing_until_started);
	tcase_add_test(c, backups_are_kept_for_1_to_35_days);
	tcase_add_test(c, a_replica_follows);
	tcase_add_test(c, arguments_are_checked);
	tcase_add_test(c, there_are_15_replicas_at_most);
	tcase_add_test(c, the_replica_with_the_lowest_tier_takes_over);
	tcase_add_test(c, a_failover_has_a_target);
	tcase_add_test(c, without_replicas_the_primary_is_made_anew);
	tcase_add_test(c, when_its_files_fail_a_replica_in_the_other_zone_takes_over);
	tcase_add_test(c, when_its_files_fail_and_nobody_is_there_the_primary_moves);
	tcase_add_test(c, a_snapshot_is_kept_and_restored);
	tcase_add_test(c, a_time_is_looked_at_and_restored);
	tcase_add_test(c, storage_grows_in_steps_and_says_so);
	tcase_add_test(c, documents_expire);
	tcase_add_test(c, a_read_only_mount_serves_and_changes_nothing);
	tcase_add_test(c, a_lost_catalog_is_not_made_anew);
	tcase_add_test(c, files_without_a_row_are_removed);
	suite_add_tcase(s, c);
	TCase *k = tcase_create("kill");
	tcase_add_checked_fixture(k, setup_closed, teardown);
	tcase_set_timeout(k, 100);
	tcase_add_test(k, kill_at_any_time);
	suite_add_tcase(s, k);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
