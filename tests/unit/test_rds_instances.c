/* RDS as a service: identifiers, instances, states, snapshots, what outlives the
 * daemon, and kill -9 in the middle of each step. */
#include "engines/common/clock.h"
#include "tests/unit/rds_service_fixture.h"

#include <dirent.h>
#include <sys/stat.h>

/* ---- names and times ---- */

START_TEST(identifiers)
{
	static const char *const good[] = {"a", "shop", "a1", "a-b-c", "x9-y", NULL};
	static const char *const bad[] = {
		"", "1a", "-a", "a-", "a--b", "a_b", "a.b", "a b", "\xc3\xa9", "a/b", NULL};
	char name[RDS_SNAPSHOT_MAX + 2];
	for (const char *const *p = good; *p != NULL; p++) {
		OK(identifier_check("DBInstanceIdentifier", slice_of(*p), RDS_NAME_MAX, &err));
	}
	for (const char *const *p = bad; *p != NULL; p++) {
		REFUSES(EINVAL,
			"InvalidParameterValue: The parameter DBInstanceIdentifier is not a valid "
			"identifier. Identifiers must begin with a letter; must contain only ASCII "
			"letters, digits, and hyphens; and must not end with a hyphen or contain "
			"two "
			"consecutive hyphens.",
			identifier_check("DBInstanceIdentifier", slice_of(*p), RDS_NAME_MAX, &err));
	}
	memset(name, 'a', sizeof(name));
	OK(identifier_check("X", slice_make(name, 63), RDS_NAME_MAX, &err));
	REFUSES(EINVAL, "63 characters",
		identifier_check("X", slice_make(name, 64), RDS_NAME_MAX, &err));
	REFUSES(EINVAL, "255 characters",
		identifier_check("X", slice_make(name, 256), RDS_SNAPSHOT_MAX, &err));
}
END_TEST

START_TEST(capitals_are_refused_in_the_tree_and_folded_in_commands)
{
	char name[RDS_NAME_MAX + 1];
	REFUSES(EINVAL, "use 'shop'", engine_mkdir(engine, PATH("Shop"), &err));
	OK(identifier_take("X", "Shop-2", RDS_NAME_MAX, name, &err));
	ck_assert_str_eq(name, "shop-2");
}
END_TEST

START_TEST(times)
{
	static const char *const good[][2] = {
		{"2026-11-23T02:31:05Z", "2026-11-23T02:31:05Z"},
		{"2026-11-23T02:31:05.5Z", "2026-11-23T02:31:05.500000000Z"},
		{"2026-11-23T02:31:05.123456789Z", "2026-11-23T02:31:05.123456789Z"},
		{"2026-11-23T03:31:05+01:00", "2026-11-23T02:31:05Z"},
		{"2026-11-22T21:01:05-05:30", "2026-11-23T02:31:05Z"},
		{"2024-02-29t00:00:00z", "2024-02-29T00:00:00Z"},
	};
	static const char *const bad[] = {"", "now", "2026-11-23", "2026-11-23T02:31:05",
		"2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-11-23T24:00:00Z",
		"2026-11-23T02:31:05.Z", "2026-11-23T02:31:05+1:00", "2026-11-23T02:31:05Zx",
		"1969-01-01T00:00:00Z"};
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[RFC3339_MAX];
		int64_t t;
		OK(rfc3339_parse(slice_of(good[i][0]), &t, &err));
		rfc3339_print(t, text);
		ck_assert_str_eq(text, good[i][1]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t t;
		REFUSES(EINVAL, "InvalidParameterValue", rfc3339_parse(slice_of(bad[i]), &t, &err));
	}
}
END_TEST

/* ---- instances ---- */

START_TEST(instances_come_and_go)
{
	OK(engine_mkdir(engine, PATH("shop"), &err));
	expect_event("shop: RDS-EVENT-0005 creation: DB instance created.");
	REFUSES(EEXIST, "DBInstanceAlreadyExists", engine_mkdir(engine, PATH("shop"), &err));
	OK(engine_mkdir(engine, PATH("bank"), &err));
	expect_list(ROOT, "bank shop ");
	engine_again();
	expect_list(ROOT, "bank shop ");
	REFUSES(ENOENT, "DBInstanceNotFound: DBInstance x not found.",
		engine_rmdir(engine, PATH("x"), &err));
	OK(engine_rmdir(engine, PATH("bank"), &err));
	expect_event(": RDS-EVENT-0003 deletion: DB instance deleted. [bank]");
	expect_list(ROOT, "shop ");
	engine_again();
	expect_list(ROOT, "shop ");
}
END_TEST

START_TEST(only_an_instance_without_tables_is_removed)
{
	OK(engine_mkdir(engine, PATH("shop"), &err));
	OK(engine_mkdir(engine, PATH("shop", "T"), &err));
	REFUSES(ENOTEMPTY, "(T)", engine_rmdir(engine, PATH("shop"), &err));
	expect_status(PATH("shop"), "DBInstanceStatus", "\"available\"");
	OK(engine_rmdir(engine, PATH("shop", "T"), &err));
	OK(engine_rmdir(engine, PATH("shop"), &err));
	expect_list(ROOT, "");
}
END_TEST

START_TEST(instances_are_renamed_and_exchanged)
{
	OK(engine_mkdir(engine, PATH("a"), &err));
	OK(engine_mkdir(engine, PATH("a", "T"), &err));
	OK(engine_mkdir(engine, PATH("b"), &err));
	REFUSES(EEXIST, "DBInstanceAlreadyExists",
		engine_rename(engine, PATH("a"), PATH("b"), RENAME_NOREPLACE, &err));
	REFUSES(ENOTEMPTY, "(T)", engine_rename(engine, PATH("b"), PATH("a"), 0, &err));
	REFUSES(EINVAL, "NewDBInstanceIdentifier",
		engine_rename(engine, PATH("a"), PATH("x_y"), 0, &err));
	OK(engine_rename(engine, PATH("a"), PATH("c"), 0, &err));
	expect_list(ROOT, "b c ");
	expect_list(PATH("c"), "T ");
	OK(engine_rename(engine, PATH("b"), PATH("c"), RENAME_EXCHANGE, &err));
	expect_list(PATH("b"), "T ");
	engine_again();
	expect_list(ROOT, "b c ");
	expect_list(PATH("b"), "T ");
	expect_list(PATH("c"), "");
}
END_TEST

START_TEST(a_protected_instance_stays)
{
	OK(engine_mkdir(engine, PATH("shop"), &err));
	OK(command(PATH("shop"), "deletion-protection on"));
	engine_again();
	REFUSES(EBUSY, "Cannot delete protected DB Instance", command(PATH("shop"), "delete"));
	REFUSES(EBUSY, "Cannot delete protected DB Instance",
		engine_rmdir(engine, PATH("shop"), &err));
	OK(command(PATH("shop"), "deletion-protection off"));
	OK(engine_rmdir(engine, PATH("shop"), &err));
}
END_TEST

START_TEST(a_stopped_instance_serves_nothing_until_started)
{
	OK(engine_mkdir(engine, PATH("shop"), &err));
	OK(engine_mkdir(engine, PATH("shop", "T"), &err));
	OK(command(PATH("shop"), "stop"));
	expect_event("shop: RDS-EVENT-0087 notification: DB instance stopped.");
	engine_again();
	expect_status(PATH("shop"), "DBInstanceStatus", "\"stopped\"");
	ck_assert(exists(PATH("shop")));
	REFUSES(EBUSY, "InvalidDBInstanceState",
		engine_list(engine, PATH("shop"), NULL, 0, add_name, &events, &err));
	REFUSES(EBUSY, "InvalidDBInstanceState", command(PATH("shop"), "snapshot s1"));
	REFUSES(EBUSY, "InvalidDBInstanceState", command(PATH("shop"), "reboot"));
	OK(command(PATH("shop"), "start"));
	expect_event("shop: RDS-EVENT-0088 notification: DB instance started.");
	expect_list(PATH("shop"), "T ");
	REFUSES(EBUSY, "InvalidDBInstanceState", command(PATH("shop"), "start"));
}
END_TEST

START_TEST(what_waits_outlives_the_daemon)
{
	OK(engine_mkdir(engine, PATH("shop"), &err));
	OK(command(PATH("shop"), "backup-retention 5 pending"));
	OK(command(PATH("shop"), "multi-az on pending"));
	engine_again();
	expect_status(PATH("shop"), "PendingModifiedValues",
		"{\"BackupRetentionPeriod\":5,\"MultiAZ\":true}");
	expect_status(PATH("shop"), "BackupRetentionPeriod", "1");
}
END_TEST

START_TEST(arguments_are_checked)
{
	OK(engine_mkdir(engine, PATH("shop"), &err));
	const struct epath *shop = PATH("shop");
	REFUSES(EINVAL, "Retention period must be between 0 and 35.",
		command(shop, "backup-retention 36"));
	REFUSES(EINVAL, "between 0 and 35", command(shop, "backup-retention -1"));
	REFUSES(EINVAL, "on or off", command(shop, "multi-az maybe"));
	REFUSES(EINVAL, "'pending' is expected", command(shop, "multi-az on later"));
	REFUSES(EINVAL, "availability zones are a and b", command(shop, "create-replica r az=c"));
	REFUSES(EINVAL, "delay=", command(shop, "create-replica r delay=5x"));
	REFUSES(EINVAL, "delay=", command(shop, "create-replica r delay=25h"));
	REFUSES(EINVAL, "az=, region= or delay=", command(shop, "create-replica r zone=a"));
	REFUSES(EINVAL, "not a valid identifier", command(shop, "create-replica r_1"));
	REFUSES(EINVAL, "not a valid identifier", command(shop, "snapshot rds:x"));
	REFUSES(EINVAL, "'as' is expected", command(shop, "restore s to t"));
	REFUSES(EINVAL, "'with-failover' is expected", command(shop, "reboot hard"));
	REFUSES(EINVAL, "InvalidParameterCombination", command(shop, "reboot with-failover"));
	REFUSES(EINVAL, "InvalidParameterCombination", command(shop, "failover"));
	REFUSES(EINVAL, "the name is missing", command(shop, "delete final-snapshot"));
	REFUSES(ENOENT, "DBSnapshotNotFound", command(shop, "restore s as t"));
	REFUSES(ENOENT, "DBSnapshotNotFound", command(ROOT, "delete-snapshot s"));
	expect_status(shop, "DBInstanceStatus", "\"available\"");
}
END_TEST

/* ---- snapshots ---- */

START_TEST(snapshots_outlive_their_instance)
{
	OK(engine_mkdir(engine, PATH("shop"), &err));
	OK(engine_mkdir(engine, PATH("shop", "T"), &err));
	OK(engine_view_create(engine, PATH("shop"), ENGINE_VIEW_SNAPSHOT, slice_of("s1"), &err));
	expect_event("shop: RDS-EVENT-0042 creation: Manual snapshot created. [s1]");
	OK(engine_mkdir(engine, PATH("shop", "U"), &err));
	REFUSES(EEXIST, "DBSnapshotAlreadyExists", command(PATH("shop"), "snapshot s1"));
	OK(command(PATH("shop"), "delete final-snapshot Last"));
	engine_again();
	expect_list(ROOT, "");
	expect_views(ROOT, ENGINE_VIEW_SNAPSHOT, "last s1 ");
	OK(command(ROOT, "restore s1 as one"));
	expect_event("one: RDS-EVENT-0043 restoration: Restored from snapshot s1.");
	OK(command(ROOT, "restore last as two"));
	REFUSES(EEXIST, "DBInstanceAlreadyExists", command(ROOT, "restore last as two"));
	expect_list(PATH("one"), "T ");
	expect_list(PATH("two"), "T U ");
	OK(engine_view_remove(engine, ROOT, ENGINE_VIEW_SNAPSHOT, slice_of("s1"), &err));
	OK(command(ROOT, "delete-snapshot last"));
	expect_views(ROOT, ENGINE_VIEW_SNAPSHOT, "");
	engine_again();
	expect_list(PATH("two"), "T U ");
}
END_TEST

START_TEST(a_snapshot_is_a_tree_that_cannot_be_changed)
{
	struct engine *view;
	OK(engine_mkdir(engine, PATH("shop"), &err));
	OK(engine_mkdir(engine, PATH("shop", "T"), &err));
	OK(command(PATH("shop"), "snapshot s1"));
	OK(engine_rmdir(engine, PATH("shop", "T"), &err));
	OK(engine_view(engine, PATH("shop"), ENGINE_VIEW_SNAPSHOT, slice_of("s1"), &view, &err));
	expect_list_of(view, PATH("shop"), "T ");
	expect_list_of(view, PATH("shop", "T"), "");
	REFUSES(EROFS, "snapshot", engine_mkdir(view, PATH("shop", "U"), &err));
	engine_unref(view);
	expect_list(PATH("shop"), "");
	REFUSES(ENOENT, "DBSnapshotNotFound",
		engine_view(
			engine, PATH("shop"), ENGINE_VIEW_SNAPSHOT, slice_of("s2"), &view, &err));
}
END_TEST

START_TEST(a_snapshot_is_of_one_instance)
{
	struct engine *view;
	OK(engine_mkdir(engine, PATH("a"), &err));
	OK(engine_mkdir(engine, PATH("b"), &err));
	OK(command(PATH("a"), "snapshot s1"));
	expect_views(PATH("a"), ENGINE_VIEW_SNAPSHOT, "s1 ");
	expect_views(PATH("b"), ENGINE_VIEW_SNAPSHOT, "");
	REFUSES(ENOENT, "DBSnapshotNotFound",
		engine_view(engine, PATH("b"), ENGINE_VIEW_SNAPSHOT, slice_of("s1"), &view, &err));
	REFUSES(ENOENT, "a snapshot of instance a", command(PATH("b"), "delete-snapshot s1"));
	REFUSES(EEXIST, "DBSnapshotAlreadyExists", command(PATH("b"), "snapshot s1"));
	OK(engine_rename(engine, PATH("a"), PATH("c"), 0, &err));
	expect_views(PATH("c"), ENGINE_VIEW_SNAPSHOT, "s1 ");
}
END_TEST

/* ---- dumps ---- */

static int load(const struct epath *path, const char *mode, const char *text)
{
	struct engine_import *import;
	struct buf report = BUF_INIT;
	int rc = engine_import_open(engine, path, mode, "sql", &import, &err);
	if (rc == 0) {
		rc = engine_import_feed(import, slice_of(text), &err);
		if (rc < 0) {
			engine_import_abort(import);
		} else {
			rc = engine_import_finish(import, &report, &err);
		}
	}
	buf_free(&report);
	return rc;
}

START_TEST(a_dump_makes_an_instance_or_nothing)
{
	OK(load(PATH("shop"), "create",
		"CREATE TABLE T(id INTEGER PRIMARY KEY, x); INSERT INTO T VALUES(1, 'a');"
		"CREATE VIEW V AS SELECT * FROM T;"));
	expect_event("shop: RDS-EVENT-0005 creation: DB instance created.");
	expect_list(PATH("shop"), "T V ");
	expect_list(PATH("shop", "T"), "1 ");
	REFUSES(EEXIST, "DBInstanceAlreadyExists", load(PATH("shop"), "create", "SELECT 1;"));
	REFUSES(EEXIST, "DBInstanceAlreadyExists", load(PATH("shop"), "replace", "SELECT 1;"));
	REFUSES(EINVAL, "line 2",
		load(PATH("bank"), "create", "CREATE TABLE T(x);\nINSERT INTO U VALUES(1);"));
	REFUSES(EINVAL, "not a valid identifier", load(PATH("a--b"), "create", "SELECT 1;"));
	expect_list(ROOT, "shop ");
	engine_again();
	expect_list(ROOT, "shop ");
	expect_list(PATH("shop", "T"), "1 ");
}
END_TEST

START_TEST(a_script_runs_whole_or_not_at_all)
{
	OK(engine_mkdir(engine, PATH("shop"), &err));
	OK(load(PATH("shop"), "run", "CREATE TABLE T(id INTEGER PRIMARY KEY, x);"));
	OK(load(PATH("shop"), "append", "INSERT INTO T VALUES(1, 'a');"));
	REFUSES(EINVAL, "line 1", load(PATH("shop"), "run", "DELETE FROM T; DROP TABLE nothing;"));
	expect_list(PATH("shop", "T"), "1 ");
	REFUSES(ENOENT, "DBInstanceNotFound", load(PATH("bank"), "run", "SELECT 1;"));
}
END_TEST

/* ---- replicas ---- */

static void wait_for_replica(const struct epath *path, const char *expected)
{
	struct buf names = BUF_INIT;
	for (unsigned i = 0; i < 12000; i++) {
		struct engine *view;
		OK(engine_view(
			engine, PATH("shop"), ENGINE_VIEW_REPLICA, slice_of("r1"), &view, &err));
		buf_clear(&names);
		struct err why = {0};
		engine_list(view, path, NULL, 0, add_name, &names, &why);
		engine_unref(view);
		if (strcmp(buf_cstr(&names), expected) == 0) {
			break;
		}
		usleep(10000);
	}
	expect_names("replica", &names, expected);
}

static void make_followed(void)
{
	OK(load(PATH("shop"), "create",
		"CREATE TABLE T(id INTEGER PRIMARY KEY, x); INSERT INTO T VALUES(1, 'a');"));
	OK(command(PATH("shop"), "create-replica r1"));
	wait_for_replica(PATH("shop", "T"), "1 ");
}

START_TEST(a_promoted_replica_is_an_instance_of_its_own)
{
	make_followed();
	REFUSES(EEXIST, "DBInstanceAlreadyExists", command(PATH("shop"), "promote r1 as shop"));
	expect_views(PATH("shop"), ENGINE_VIEW_REPLICA, "r1 ");
	OK(command(PATH("shop"), "promote r1 as Shop2"));
	expect_views(PATH("shop"), ENGINE_VIEW_REPLICA, "");
	OK(load(PATH("shop2"), "run", "INSERT INTO T VALUES(2, 'b');"));
	expect_list(PATH("shop", "T"), "1 ");
	engine_again();
	expect_list(PATH("shop2", "T"), "1 2 ");
	REFUSES(ENOENT, "DBInstanceNotFound", command(PATH("shop"), "promote r1"));
}
END_TEST

START_TEST(replicas_of_a_deleted_instance_become_instances)
{
	make_followed();
	REFUSES(EBUSY, "read replica", command(PATH("shop"), "stop"));
	OK(command(PATH("shop"), "delete"));
	expect_list(ROOT, "r1 ");
	expect_list(PATH("r1", "T"), "1 ");
	engine_again();
	expect_list(PATH("r1", "T"), "1 ");
}
END_TEST

/* What a kill leaves behind the step that takes the replica out: its file and the intent. */
START_TEST(a_promotion_is_completed_at_the_next_start)
{
	struct rds_intent intent = {
		.kind = RDS_INTENT_PROMOTE, .instance_id = 1, .replica = "r1", .name = "shop2"};
	char path[128];
	make_followed();
	OK(command(PATH("shop"), "snapshot s1"));
	struct rds_service service = {.base = {.dir = site}};
	struct rds_snapshot snapshot;
	engine_down();
	OK(rds_catalog_open(&service, &err));
	OK(rds_catalog_next_id(&service, &intent.id, &err));
	OK(rds_catalog_add_intent(&service, &intent, &err));
	OK(rds_catalog_snapshot(&service, slice_of("s1"), &snapshot, &err));
	OK(rds_catalog_drop_snapshot(&service, snapshot.id, &err));
	store_close(service.base.catalog);
	char from[128];
	snprintf(from, sizeof(from), "%s/s%llu.db", site, (unsigned long long)snapshot.id);
	snprintf(path, sizeof(path), "%s/p%llu.db", site, (unsigned long long)intent.id);
	ck_assert_int_eq(rename(from, path), 0);
	/* And half an instance of it. */
	snprintf(from, sizeof(from), "%s/i%llu", site, (unsigned long long)intent.id);
	ck_assert_int_eq(mkdir(from, 0700), 0);
	engine_up();
	expect_list(ROOT, "shop shop2 ");
	expect_list(PATH("shop2", "T"), "1 ");
	ck_assert_int_ne(access(path, F_OK), 0);
	engine_again();
	expect_list(PATH("shop2", "T"), "1 ");
}
END_TEST

START_TEST(a_promotion_that_took_nothing_is_forgotten)
{
	struct rds_intent intent = {
		.kind = RDS_INTENT_PROMOTE, .instance_id = 1, .replica = "r1", .name = "shop2"};
	make_followed();
	engine_down();
	struct rds_service service = {.base = {.dir = site}};
	OK(rds_catalog_open(&service, &err));
	OK(rds_catalog_next_id(&service, &intent.id, &err));
	OK(rds_catalog_add_intent(&service, &intent, &err));
	store_close(service.base.catalog);
	engine_up();
	expect_list(ROOT, "shop ");
	expect_views(PATH("shop"), ENGINE_VIEW_REPLICA, "r1 ");
	OK(command(PATH("shop"), "promote r1 as shop2"));
	expect_list(PATH("shop2", "T"), "1 ");
}
END_TEST

/* ---- points in time ---- */

START_TEST(a_point_in_time_is_shared_and_kept_for_a_while)
{
	struct engine *a;
	struct engine *b;
	char when[RFC3339_MAX];
	OK(load(PATH("shop"), "create", "CREATE TABLE T(id INTEGER PRIMARY KEY);"));
	for (unsigned i = 0; i < 12000 && !event_says("Finished DB instance backup."); i++) {
		usleep(10000);
	}
	rfc3339_print(clock_wall_ns(), when);
	OK(load(PATH("shop"), "run", "INSERT INTO T VALUES(1);"));
	OK(engine_view(engine, PATH("shop"), ENGINE_VIEW_TIME, slice_of(when), &a, &err));
	OK(engine_view(engine, PATH("shop"), ENGINE_VIEW_TIME, slice_of(when), &b, &err));
	expect_list_of(a, PATH("shop", "T"), "");
	engine_unref(a);
	expect_list_of(b, PATH("shop", "T"), "");
	engine_unref(b);
	expect_list(PATH("shop", "T"), "1 ");
	REFUSES(ENOENT, "is no time",
		engine_view(engine, PATH("shop"), ENGINE_VIEW_TIME, slice_of("noon"), &a, &err));
	REFUSES(ENOENT, "not come yet",
		engine_view(engine, PATH("shop"), ENGINE_VIEW_TIME,
			slice_of("2099-01-01T00:00:00Z"), &a, &err));
	REFUSES(ENOENT, "",
		engine_view(engine, PATH("shop"), ENGINE_VIEW_TIME,
			slice_of("2020-01-01T00:00:00Z"), &a, &err));
}
END_TEST

START_TEST(a_read_only_mount_serves_and_changes_nothing)
{
	engine_down();
	OK(open_engine(true));
	expect_list(ROOT, "");
	engine_again();
	OK(load(PATH("shop"), "create", "CREATE TABLE T(id INTEGER PRIMARY KEY);"));
	engine_down();
	OK(open_engine(true));
	expect_list(PATH("shop"), "T ");
	REFUSES(EROFS, "read-only", engine_mkdir(engine, PATH("x"), &err));
	REFUSES(EROFS, "read-only", command(PATH("shop"), "snapshot s1"));
	REFUSES(EROFS, "read-only", command(PATH("shop"), "stop"));
}
END_TEST

/* ---- what lies in the directory ---- */

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

START_TEST(a_lost_catalog_is_not_made_anew)
{
	char path[128];
	OK(engine_mkdir(engine, PATH("shop"), &err));
	engine_down();
	snprintf(path, sizeof(path), "%s/catalog.db", site);
	ck_assert_int_eq(unlink(path), 0);
	REFUSES(EIO, "no catalog.db", open_engine(false));
	ck_assert_uint_eq(count("", 'i'), 1);
}
END_TEST

START_TEST(files_without_a_row_are_removed)
{
	char path[128];
	OK(engine_mkdir(engine, PATH("shop"), &err));
	engine_down();
	static const char *const left[] = {"/i77", "/az-a/i77", "/az-b", "/az-b/i78", NULL};
	for (const char *const *p = left; *p != NULL; p++) {
		snprintf(path, sizeof(path), "%s%s", site, *p);
		ck_assert(mkdir(path, 0700) == 0 || errno == EEXIST);
	}
	snprintf(path, sizeof(path), "%s/s79.db", site);
	fclose(fopen(path, "w"));
	engine_up();
	ck_assert_uint_eq(count("", 'i'), 1);
	ck_assert_uint_eq(count("/az-a", 'i'), 1);
	ck_assert_uint_eq(count("/az-b", 'i'), 0);
	ck_assert_uint_eq(count("", 's'), 0);
	expect_list(ROOT, "shop ");
}
END_TEST

/* ---- kill -9 ---- */

#define ROUNDS 25

/* A round's instance (by its name of the moment), its snapshots, what was restored. */
struct state {
	bool made;
	bool renamed;
	bool snapshot;
	bool restored;
	bool final;
};

static const struct state after[] = {
	{false, false, false, false, false}, {true, false, false, false, false}, /* mkdir */
	{true, false, true, false, false},					 /* snapshot */
	{true, false, true, true, false},					 /* restore */
	{false, true, true, true, false},					 /* mv */
	{false, false, true, true, true},    /* delete with final snapshot */
	{false, false, false, true, true},   /* delete the snapshot */
	{false, false, false, false, true},  /* delete what was restored */
	{false, false, false, false, false}, /* delete the final snapshot */
};
#define N_STEPS (sizeof(after) / sizeof(after[0]) - 1)

struct names {
	char made[16];
	char renamed[16];
	char snapshot[16];
	char restored[16];
	char final[16];
};

static struct names names_of(unsigned long n)
{
	struct names a;
	snprintf(a.made, sizeof(a.made), "m%lu", n);
	snprintf(a.renamed, sizeof(a.renamed), "n%lu", n);
	snprintf(a.snapshot, sizeof(a.snapshot), "s%lu", n);
	snprintf(a.restored, sizeof(a.restored), "r%lu", n);
	snprintf(a.final, sizeof(a.final), "f%lu", n);
	return a;
}

static int say(const struct epath *path, const char *fmt, const char *a, const char *b)
{
	struct buf line = BUF_INIT;
	buf_printf(&line, "%s %s%s%s", fmt, a, b[0] != '\0' ? " as " : "", b);
	int rc = command(path, buf_cstr(&line));
	buf_free(&line);
	return rc;
}

static int step(unsigned long n, unsigned which)
{
	struct names a = names_of(n);
	switch (which) {
	case 0: return engine_mkdir(engine, PATH(a.made), &err);
	case 1: return say(PATH(a.made), "snapshot", a.snapshot, "");
	case 2: return say(PATH(a.made), "restore", a.snapshot, a.restored);
	case 3: return engine_rename(engine, PATH(a.made), PATH(a.renamed), 0, &err);
	case 4: return say(PATH(a.renamed), "delete final-snapshot", a.final, "");
	case 5: return say(ROOT, "delete-snapshot", a.snapshot, "");
	case 6: return command(PATH(a.restored), "delete");
	default: return say(ROOT, "delete-snapshot", a.final, "");
	}
}

static int begin(void)
{
	return open_engine(false);
}

static const struct crash_work work = {begin, step, N_STEPS, &err};

static bool snapshot_exists(const char *name)
{
	struct engine *view;
	struct err why = {0};
	int rc = engine_view(engine, ROOT, ENGINE_VIEW_SNAPSHOT, slice_of(name), &view, &why);
	ck_assert_msg(rc == 0 || rc == -ENOENT, "%s", why.msg);
	if (rc == 0) {
		engine_unref(view);
	}
	return rc == 0;
}

static bool usable(const char *name)
{
	if (!exists(PATH(name))) {
		return false;
	}
	expect_list(PATH(name), "");
	return true;
}

static struct state state_of(unsigned long n)
{
	struct names a = names_of(n);
	return (struct state){usable(a.made), usable(a.renamed), snapshot_exists(a.snapshot),
		usable(a.restored), snapshot_exists(a.final)};
}

static bool same(struct state a, struct state b)
{
	return a.made == b.made && a.renamed == b.renamed && a.snapshot == b.snapshot &&
	       a.restored == b.restored && a.final == b.final;
}

START_TEST(kill_at_any_time)
{
	unsigned long first = 0;
	unsigned seed = (unsigned)getpid();
	unsigned instances = 0;
	unsigned snapshots = 0;
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned long done =
			work_and_kill(&work, first, 2000 + (unsigned)rand_r(&seed) % 150000);
		unsigned long last = first + done / N_STEPS;
		engine_up();
		struct state s = state_of(last);
		const struct state *want = &after[done % N_STEPS];
		ck_assert_msg(same(s, want[0]) || same(s, want[1]),
			"round %u: %d%d%d%d%d after %lu steps", round, s.made, s.renamed,
			s.snapshot, s.restored, s.final, done % N_STEPS);
		for (unsigned long n = first; n < last; n++) {
			ck_assert(same(state_of(n), after[N_STEPS]));
		}
		instances += (unsigned)(s.made + s.renamed + s.restored);
		snapshots += (unsigned)(s.snapshot + s.final);
		ck_assert_uint_eq(count("", 'i'), instances);
		ck_assert_uint_eq(count("/az-a", 'i'), instances);
		ck_assert_uint_eq(count("", 's'), snapshots);
		engine_down();
		first = last + 1;
	}
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("rds instances");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, identifiers);
	tcase_add_test(c, capitals_are_refused_in_the_tree_and_folded_in_commands);
	tcase_add_test(c, times);
	tcase_add_test(c, instances_come_and_go);
	tcase_add_test(c, only_an_instance_without_tables_is_removed);
	tcase_add_test(c, instances_are_renamed_and_exchanged);
	tcase_add_test(c, a_protected_instance_stays);
	tcase_add_test(c, a_stopped_instance_serves_nothing_until_started);
	tcase_add_test(c, what_waits_outlives_the_daemon);
	tcase_add_test(c, arguments_are_checked);
	tcase_add_test(c, snapshots_outlive_their_instance);
	tcase_add_test(c, a_snapshot_is_a_tree_that_cannot_be_changed);
	tcase_add_test(c, a_snapshot_is_of_one_instance);
	tcase_add_test(c, a_dump_makes_an_instance_or_nothing);
	tcase_add_test(c, a_script_runs_whole_or_not_at_all);
	tcase_add_test(c, a_promoted_replica_is_an_instance_of_its_own);
	tcase_add_test(c, replicas_of_a_deleted_instance_become_instances);
	tcase_add_test(c, a_promotion_is_completed_at_the_next_start);
	tcase_add_test(c, a_promotion_that_took_nothing_is_forgotten);
	tcase_add_test(c, a_point_in_time_is_shared_and_kept_for_a_while);
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
