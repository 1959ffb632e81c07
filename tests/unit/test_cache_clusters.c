/* ElastiCache as a service: clusters, replicas, snapshots, what outlives the daemon, and kill -9 in
 * the middle of each step. */
#include "engines/engine_impl.h"
#include "engines/store/disk.h"
#include "tests/unit/cache_fixture.h"

#include <sys/stat.h>

/* ---- clusters ---- */

START_TEST(a_cluster_is_a_directory)
{
	struct engine_info info;
	expect_list(ROOT, "");
	OK(engine_mkdir(engine, PATH("sessions"), &err));
	expect_list(ROOT, "sessions ");
	OK(engine_stat(engine, PATH("sessions"), 0, &info, &err));
	ck_assert_int_eq(info.kind, ENGINE_DIR);
	expect_status(PATH("sessions"), "Status", "\"available\"");
	expect_status(PATH("sessions"), "Engine", "\"redis\"");
	expect_status(PATH("sessions"), "Persistence", "\"everysec\"");
	expect_primary("sessions", "sessions-001");
	put("sessions", "a", "1");
	expect_text("sessions", "a", "1");
	REFUSES(ENOTEMPTY, "holds keys", engine_rmdir(engine, PATH("sessions"), &err));
	engine_again();
	expect_text("sessions", "a", "1");
	char room[64];
	struct epath path = string_at("sessions", "a", room);
	OK(engine_remove(engine, &path, ENGINE_VERSION_ANY, &err));
	OK(engine_rmdir(engine, PATH("sessions"), &err));
	expect_list(ROOT, "");
	ck_assert_uint_eq(count("", 'i'), 0);
	ck_assert_uint_eq(count("/az-a", 'i'), 0);
}
END_TEST

START_TEST(names_and_words_are_checked)
{
	REFUSES(EINVAL, "not a valid identifier", engine_mkdir(engine, PATH("1a"), &err));
	REFUSES(EINVAL, "lower case: use 'shop'", engine_mkdir(engine, PATH("Shop"), &err));
	REFUSES(EINVAL, "40 characters",
		engine_mkdir(engine, PATH("a1234567890123456789012345678901234567890"), &err));
	OK(command(ROOT, "create Shop maxmemory=64mb policy=allkeys-lru persistence=always"));
	REFUSES(EEXIST, "ReplicationGroupAlreadyExists", engine_mkdir(engine, PATH("shop"), &err));
	expect_status(PATH("shop"), "MaxMemory", "67108864");
	expect_status(PATH("shop"), "MaxMemoryPolicy", "\"allkeys-lru\"");
	expect_status(PATH("shop"), "Persistence", "\"always\"");
	REFUSES(EINVAL, "one of redis, memcached", command(ROOT, "create x engine=valkey"));
	REFUSES(EINVAL, "64mb", command(ROOT, "create x maxmemory=much"));
	REFUSES(EINVAL, "volatile-ttl", command(ROOT, "create x policy=fifo"));
	REFUSES(EINVAL, "everysec, always, none", command(ROOT, "create x persistence=yes"));
	REFUSES(EINVAL, "up to 5", command(ROOT, "create x replicas=6"));
	REFUSES(EINVAL, "found 'size=1'", command(ROOT, "create x size=1"));
	struct engine_info info;
	REFUSES(ENOENT, "ReplicationGroupNotFoundFault",
		engine_stat(engine, PATH("none"), 0, &info, &err));
	REFUSES(ENOENT, "ReplicationGroupNotFoundFault", command(PATH("none"), "failover"));
	REFUSES(ENOENT, "CacheClusterNotFound", command(PATH("shop"), "delete-replica x"));
	REFUSES(EBUSY, "is the cluster's primary",
		command(PATH("shop"), "delete-replica shop-001"));
	REFUSES(EINVAL, "a and b", command(PATH("shop"), "create-replica az=c"));
	REFUSES(EINVAL, "number", command(PATH("shop"), "create-replica delay=soon"));
	REFUSES(ENOENT, "SnapshotNotFoundFault", command(ROOT, "restore none as x"));
	REFUSES(EINVAL, "primary already", command(PATH("shop"), "failover shop-001"));
	REFUSES(EINVAL, "FAILOVER requires connected replicas", command(PATH("shop"), "failover"));
	REFUSES(EBUSY, "nothing to recover", command(PATH("shop"), "recover"));
	expect_list(ROOT, "shop ");
}
END_TEST

START_TEST(what_a_cluster_is_like_is_modified)
{
	OK(engine_mkdir(engine, PATH("shop"), &err));
	put("shop", "a", "1");
	OK(command(PATH("shop"), "modify maxmemory=1gb policy=noeviction persistence=always"));
	expect_text("shop", "a", "1");
	engine_again();
	expect_status(PATH("shop"), "MaxMemory", "1073741824");
	expect_status(PATH("shop"), "MaxMemoryPolicy", "\"noeviction\"");
	expect_status(PATH("shop"), "Persistence", "\"always\"");
	expect_text("shop", "a", "1");
	REFUSES(EINVAL, "found 'replicas=1'", command(PATH("shop"), "modify replicas=1"));
}
END_TEST

START_TEST(without_persistence_it_is_empty_after_a_restart)
{
	OK(command(ROOT, "create shop persistence=none"));
	put("shop", "a", "1");
	expect_text("shop", "a", "1");
	engine_again();
	expect_list(PATH("shop"), "");
	put("shop", "b", "1");
	OK(command(PATH("shop"), "reboot"));
	expect_list(PATH("shop"), "");
	ck_assert_uint_eq(count("", 'i'), 1);
	ck_assert_uint_eq(count("/az-a", 'i'), 1);
}
END_TEST

START_TEST(keys_expire_by_themselves)
{
	OK(engine_mkdir(engine, PATH("shop"), &err));
	put("shop", "a", "1");
	put("shop", "b", "1");
	char room[64];
	struct epath path = string_at("shop", "a", room);
	OK(engine_set_time(engine, &path, clock_wall_ns() + INT64_C(300000000), &err));
	/* What deletes them is the keeper: a look would not count them. */
	json_int_t keys = 2;
	for (unsigned n = 0; n < WAIT_ROUNDS && keys == 2; n++) {
		json_auto_t *status = json_object();
		OK(engine_status(engine, PATH("shop"), status, &err));
		keys = json_integer_value(json_object_get(status, "Keys"));
		usleep(10000);
	}
	ck_assert_int_eq(keys, 1);
	ck_assert(key_is_there(engine, "shop", "b"));
}
END_TEST

/* ---- replicas ---- */

START_TEST(a_replica_follows)
{
	OK(command(ROOT, "create shop replicas=1"));
	expect_views(PATH("shop"), ENGINE_VIEW_REPLICA, "shop-002 ");
	OK(engine_view_create(engine, PATH("shop"), ENGINE_VIEW_REPLICA, slice_of("mine"), &err));
	OK(command(PATH("shop"), "create-replica"));
	expect_views(PATH("shop"), ENGINE_VIEW_REPLICA, "mine shop-002 shop-003 ");
	put("shop", "a", "1");
	expect_on_replica("shop", "mine", "a", "1");
	expect_on_replica("shop", "shop-003", "a", "1");
	struct engine *v = view("shop", ENGINE_VIEW_REPLICA, "mine");
	REFUSES(EROFS, "", try_put(v, "shop", "b", "1", &err));
	FAILS(ENOTSUP, command_in(v, PATH("shop"), "snapshot s"));
	OK(engine_view_remove(engine, PATH("shop"), ENGINE_VIEW_REPLICA, slice_of("mine"), &err));
	struct engine_info info;
	FAILS(ENOENT, engine_stat(v, PATH("shop"), 0, &info, &err));
	engine_unref(v);
	expect_views(PATH("shop"), ENGINE_VIEW_REPLICA, "shop-002 shop-003 ");
	engine_again();
	expect_on_replica("shop", "shop-002", "a", "1");
}
END_TEST

START_TEST(there_are_5_replicas_at_most)
{
	OK(command(ROOT, "create shop replicas=5"));
	REFUSES(EINVAL, "NodeQuotaForClusterExceeded", command(PATH("shop"), "create-replica"));
	expect_views(
		PATH("shop"), ENGINE_VIEW_REPLICA, "shop-002 shop-003 shop-004 shop-005 shop-006 ");
}
END_TEST

START_TEST(the_reader_has_the_least_lag)
{
	OK(engine_mkdir(engine, PATH("shop"), &err));
	put("shop", "a", "1");
	struct engine *v = view("shop", ENGINE_VIEW_ROOM, ".reader");
	ck_assert(says(v, "shop", "a", "1")); /* the primary */
	OK(command(PATH("shop"), "create-replica far delay=3600000"));
	OK(command(PATH("shop"), "create-replica near"));
	put("shop", "a", "2");
	expect_on_replica("shop", "near", "a", "2");
	ck_assert(says(v, "shop", "a", "2"));
	REFUSES(EROFS, "", try_put(v, "shop", "a", "3", &err));
	engine_unref(v);
	v = view("shop", ENGINE_VIEW_REPLICA, "far");
	ck_assert(says(v, "shop", "a", "1"));
	expect_status(PATH("shop"), "LeastLag", "\"near\"");
	OK(command(PATH("shop"), "replica-delay far 0"));
	expect_on_replica("shop", "far", "a", "2");
	engine_unref(v);
}
END_TEST

START_TEST(a_replica_becomes_a_cluster)
{
	OK(command(ROOT, "create shop replicas=1"));
	put("shop", "a", "1");
	FAILS(EEXIST, engine_view_rename(engine, PATH("shop"), ENGINE_VIEW_REPLICA,
			      slice_of("shop-002"), PATH("shop"), &err));
	FAILS(EINVAL, engine_view_rename(engine, PATH("shop"), ENGINE_VIEW_REPLICA,
			      slice_of("shop-002"), PATH("a_b"), &err));
	OK(engine_view_rename(engine, PATH("shop"), ENGINE_VIEW_REPLICA, slice_of("shop-002"),
		PATH("shop2"), &err));
	expect_list(ROOT, "shop shop2 ");
	expect_views(PATH("shop"), ENGINE_VIEW_REPLICA, "");
	expect_text("shop2", "a", "1");
	put("shop2", "a", "2");
	expect_text("shop", "a", "1");
	expect_primary("shop2", "shop2-001");
	REFUSES(ENOENT, "CacheClusterNotFound",
		engine_view_rename(engine, PATH("shop"), ENGINE_VIEW_REPLICA, slice_of("shop-002"),
			PATH("shop3"), &err));
}
END_TEST

/* ---- snapshots ---- */

START_TEST(a_snapshot_is_kept_and_restored)
{
	OK(engine_mkdir(engine, PATH("shop"), &err));
	put("shop", "a", "1");
	OK(engine_view_create(engine, PATH("shop"), ENGINE_VIEW_SNAPSHOT, slice_of("s1"), &err));
	REFUSES(EEXIST, "SnapshotAlreadyExistsFault", command(PATH("shop"), "snapshot s1"));
	put("shop", "a", "2");
	struct engine *v = view("shop", ENGINE_VIEW_SNAPSHOT, "s1");
	ck_assert(says(v, "shop", "a", "1"));
	FAILS(EROFS, try_put(v, "shop", "a", "3", &err));
	engine_unref(v);
	OK(command(PATH("shop"), "restore s1 as old"));
	expect_text("old", "a", "1");
	expect_text("shop", "a", "2");
	REFUSES(EEXIST, "ReplicationGroupAlreadyExists", command(ROOT, "restore s1 as old"));
	REFUSES(ENOENT, "is of another cluster, shop", command(PATH("old"), "delete-snapshot s1"));
	OK(command(PATH("shop"), "delete-cluster final-snapshot last"));
	expect_views(ROOT, ENGINE_VIEW_SNAPSHOT, "last s1 ");
	OK(command(ROOT, "restore last as shop"));
	expect_text("shop", "a", "2");
	OK(command(ROOT, "delete-snapshot s1"));
	OK(engine_view_remove(engine, ROOT, ENGINE_VIEW_SNAPSHOT, slice_of("last"), &err));
	ck_assert_uint_eq(count("", 's'), 0);
}
END_TEST

/* ---- what lies in the directory ---- */

START_TEST(a_read_only_mount_serves_and_changes_nothing)
{
	engine_down();
	OK(open_engine(true));
	expect_list(ROOT, "");
	FAILS(EROFS, engine_mkdir(engine, PATH("shop"), &err));
	engine_again();
	OK(engine_mkdir(engine, PATH("shop"), &err));
	put("shop", "a", "1");
	engine_down();
	OK(open_engine(true));
	expect_text("shop", "a", "1");
	FAILS(EROFS, try_put(engine, "shop", "a", "2", &err));
	FAILS(EROFS, command(PATH("shop"), "create-replica"));
}
END_TEST

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
	static const char *const left[] = {"/i77", "/az-a/i77", "/az-b/i78", NULL};
	char path[128];
	OK(engine_mkdir(engine, PATH("shop"), &err));
	engine_down();
	for (const char *const *p = left; *p != NULL; p++) {
		snprintf(path, sizeof(path), "%s%s", site, *p);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	snprintf(path, sizeof(path), "%s/s79.db", site);
	fclose(fopen(path, "w"));
	snprintf(path, sizeof(path), "%s/t80.db", site);
	fclose(fopen(path, "w"));
	engine_up();
	ck_assert_uint_eq(count("", 'i'), 1);
	ck_assert_uint_eq(count("/az-a", 'i'), 1);
	ck_assert_uint_eq(count("/az-b", 'i'), 0);
	ck_assert_uint_eq(count("", 's'), 0);
	ck_assert_uint_eq(count("", 't'), 0);
	expect_list(ROOT, "shop ");
}
END_TEST

static int no_replica(const char *from, const char *to)
{
	if (strstr(to, "/shop-002") != NULL) {
		errno = ENOSPC;
		return -1;
	}
	return disk_system.rename(from, to);
}

START_TEST(one_whose_replicas_cannot_be_made_is_not_there)
{
	struct disk_ops full = disk_system;
	struct cache_service *service = ((const struct cache *)engine->ctx)->service;
	full.rename = no_replica;
	service->disk = &full;
	ck_assert_int_lt(command(ROOT, "create shop replicas=1"), 0);
	service->disk = NULL;
	expect_list(ROOT, "");
	OK(command(ROOT, "create shop replicas=1"));
	put("shop", "a", "1");
	expect_on_replica("shop", "shop-002", "a", "1");
	engine_again();
	expect_list(ROOT, "shop ");
	expect_text("shop", "a", "1");
}
END_TEST

START_TEST(what_is_written_beside_a_failover_is_looked_after)
{
	struct cache_cluster *c;
	OK(engine_mkdir(engine, PATH("shop"), &err));
	put("shop", "a", "1");
	struct cache_service *s = ((const struct cache *)engine->ctx)->service;
	OK(cache_find(s, slice_of("shop"), &c, &err));
	OK(cache_close_gate(c, &err));
	cache_wrote(c);
	keeper_kick(&s->time);
	usleep(300000); /* the keeper goes past, most likely */
	cluster_open_gate(&c->base);
	for (unsigned n = 0; n < WAIT_ROUNDS && atomic_load(&c->written); n++) {
		usleep(10000);
	}
	ck_assert(!atomic_load(&c->written));
	cache_put(c);
}
END_TEST

/* As who is told of a change in the middle of a failover does. */
START_TEST(what_a_directory_means_can_be_asked_while_no_node_serves)
{
	struct engine_level level;
	struct cache_cluster *c;

	OK(engine_mkdir(engine, PATH("shop"), &err));
	put("shop", "a", "1");
	struct cache_service *s = ((const struct cache *)engine->ctx)->service;
	OK(cache_find(s, slice_of("shop"), &c, &err));
	OK(cache_close_gate(c, &err));
	cluster_shut(&c->base);
	OK(engine_level(engine, PATH("shop"), &level, &err));
	ck_assert((level.features & ENGINE_HAS_MKDIR) != 0);
	cluster_open_gate(&c->base);
	expect_text("shop", "a", "1");
	cache_put(c);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("cache clusters");
	TCase *c = tcase_create("all");
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 100);
	tcase_add_test(c, a_cluster_is_a_directory);
	tcase_add_test(c, names_and_words_are_checked);
	tcase_add_test(c, what_a_cluster_is_like_is_modified);
	tcase_add_test(c, without_persistence_it_is_empty_after_a_restart);
	tcase_add_test(c, keys_expire_by_themselves);
	tcase_add_test(c, a_replica_follows);
	tcase_add_test(c, there_are_5_replicas_at_most);
	tcase_add_test(c, the_reader_has_the_least_lag);
	tcase_add_test(c, a_replica_becomes_a_cluster);
	tcase_add_test(c, a_snapshot_is_kept_and_restored);
	tcase_add_test(c, a_read_only_mount_serves_and_changes_nothing);
	tcase_add_test(c, a_lost_catalog_is_not_made_anew);
	tcase_add_test(c, files_without_a_row_are_removed);
	tcase_add_test(c, one_whose_replicas_cannot_be_made_is_not_there);
	tcase_add_test(c, what_is_written_beside_a_failover_is_looked_after);
	tcase_add_test(c, what_a_directory_means_can_be_asked_while_no_node_serves);
	suite_add_tcase(s, c);
	return s;
}

int main(void)
{
	return run_suite(suite());
}
