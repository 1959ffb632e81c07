/* Cached tables: what attach takes, and what each pattern does with a row read, written and removed
 * while the cache and RDS are there, away or refuse. */
#include <sys/stat.h>

#include "tests/unit/cache_tables_fixture.h"
#include "tests/unit/stride.h"

/* ---- attach ---- */

START_TEST(words_of_attach)
{
	REFUSES(EINVAL, "the name is missing", attach_words(NULL, 0));
	REFUSES(EINVAL, "letters, digits",
		ATTACH("a:b", "rds=shop/Customer", "pattern=cache-aside"));
	REFUSES(EINVAL, "letters, digits",
		ATTACH(".a", "rds=shop/Customer", "pattern=cache-aside"));
	REFUSES(EINVAL, "did you mean ttl=?",
		ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "tll=5"));
	REFUSES(EINVAL, "there is no such word",
		ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "whatever"));
	REFUSES(EINVAL, "did you mean write-behind?",
		ATTACH("c", "rds=shop/Customer", "pattern=write-behnd"));
	REFUSES(EINVAL, "rds=INSTANCE/TABLE is missing", ATTACH("c", "pattern=cache-aside"));
	REFUSES(EINVAL, "pattern=", ATTACH("c", "rds=shop/Customer"));
	REFUSES(EINVAL, "a slash", ATTACH("c", "rds=shop", "pattern=cache-aside"));
	REFUSES(EINVAL, "whole number",
		ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "ttl=-1"));
	REFUSES(EINVAL, "from 0 to 100",
		ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "jitter=101"));
	REFUSES(EINVAL, "from 1",
		ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "queue=0"));
	REFUSES(EINVAL, "whole number",
		ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "negative-ttl=x"));
	REFUSES(ENOENT, "shop/Nobody", ATTACH("c", "rds=shop/Nobody", "pattern=cache-aside"));
	ck_assert(!cache_tables_any(tables));
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "ttl=0", "jitter=0",
		"negative-ttl=0", "queue=7"));
	REFUSES(EEXIST, "attached already",
		ATTACH("c", "rds=shop/Customer", "pattern=cache-aside"));
	ck_assert(cache_tables_any(tables));
}
END_TEST

static int add_key(void *arg, struct slice key, const struct engine_info *info)
{
	(void)info;
	buf_append_slice(arg, key);
	buf_putc(arg, ' ');
	return 0;
}

static void expect_list(const struct epath *path, const char *expected)
{
	CLEANUP(buf_free) struct buf keys = BUF_INIT;
	OK(tree->ops->ops.list(tree, path, NULL, 0, add_key, &keys, &err));
	ck_assert_str_eq(buf_cstr(&keys), expected);
}

START_TEST(what_is_attached_outlives_the_daemon)
{
	OK(ATTACH("b", "rds=shop/Customer", "pattern=write-behind"));
	OK(ATTACH("a", "rds=shop/Customer", "pattern=write-through", "ttl=9"));
	expect_list(ROOT, "a b ");
	tables_down();
	tables_up();
	expect_list(ROOT, "a b ");
	expect_list(PATH("a"), "1 2 3 ");
	ck_assert_int_eq(counted("a", "TTL"), 9);
	REFUSES(ENOENT, "no table x", cache_tables_detach(tables, "x", false, &err));
	OK(cache_tables_detach(tables, "a", false, &err));
	expect_list(ROOT, "b ");
	tables_down();
	tables_up();
	expect_list(ROOT, "b ");
}
END_TEST

START_TEST(one_attached_anew_has_no_texts_of_before)
{
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "ttl=0"));
	ck_assert(row_has("c", "1", "Ann"));
	ck_assert_ptr_nonnull(cached("1"));
	OK(cache_tables_detach(tables, "c", false, &err));
	sql("UPDATE Customer SET name = 'Ada' WHERE id = 1;");
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "ttl=0"));
	ck_assert(row_has("c", "1", "Ada"));
}
END_TEST

/* ---- every cell ---- */

enum verb { READ, WRITE, REMOVE };
enum before { HIT, MISS, NEGATIVE }; /* what the cache has; NEGATIVE: of a row that is not there */
enum source { UP, DOWN, REFUSING };

struct cell {
	const char *pattern;
	enum verb verb;
	enum before before;
	bool cache_down;
	enum source source;
};

static const char *cell_name(const struct cell *c)
{
	static char name[200];
	static const char *const verbs[] = {"read", "write", "remove"};
	static const char *const befores[] = {"hit", "miss", "negative"};
	static const char *const sources[] = {"up", "down", "refusing"};
	snprintf(name, sizeof(name), "%s, %s, %s, cache %s, RDS %s", c->pattern, verbs[c->verb],
		befores[c->before], c->cache_down ? "down" : "up", sources[c->source]);
	return name;
}

#define CELL(holds) ck_assert_msg(holds, "%s: not %s (%d %s)", cell_name(c), #holds, rc, err.msg)

static bool behind(const struct cell *c)
{
	return strcmp(c->pattern, "write-behind") == 0;
}

/* Of the row's key before the cell, RDS away: whether it can be told what the row is. */
static bool known(const struct cell *c)
{
	return c->before != MISS && !c->cache_down;
}

static int expected_read(const struct cell *c)
{
	if (c->source == DOWN && !known(c)) {
		return -EIO;
	}
	return c->before == NEGATIVE ? -ENOENT : 0;
}

static int expected_write(const struct cell *c)
{
	if (c->source == REFUSING) {
		return -EINVAL;
	}
	return c->source == DOWN && !behind(c) ? -EIO : 0;
}

static int expected_remove(const struct cell *c)
{
	if (c->source == DOWN) {
		return !behind(c) || !known(c) ? -EIO : c->before == NEGATIVE ? -ENOENT : 0;
	}
	return c->before == NEGATIVE ? -ENOENT : 0;
}

static const char *key_of(const struct cell *c)
{
	return c->before == NEGATIVE ? "9" : "1";
}

static void check_read(const struct cell *c)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	unsigned reads = rds_reads;
	err_clear(&err);
	int rc = row_read("c", key_of(c), &text, NULL);
	CELL(rc == expected_read(c));
	CELL(rc < 0 || strstr(buf_cstr(&text), "Ann") != NULL);
	/* What the cache has does not touch RDS. */
	CELL(c->before == MISS || c->cache_down || rds_reads == reads);
}

static void check_write(const struct cell *c)
{
	const char *text = c->source == REFUSING ? "{\"name\": \"bad\"}" : "{\"name\": \"New\"}";
	err_clear(&err);
	int rc = row_write("c", key_of(c), text, ENGINE_VERSION_ANY, NULL);
	CELL(rc == expected_write(c));
	bool done = rc == 0;
	/* A failed write leaves the cache as it was. */
	CELL(done || c->cache_down || c->before != HIT || strstr(cached("1"), "Ann") != NULL);
	rds_down = false;
	CELL(row_has("c", key_of(c), "New") == done);
	if (behind(c)) {
		OK(sync_all());
	}
	CELL(rds_has(key_of(c), "New") == done);
	/* The cache comes back, and what it had then must not. */
	set_cache_down(false);
	CELL(row_has("c", key_of(c), "New") == done);
	CELL(row_has("c", key_of(c), "Ann") == (!done && c->before != NEGATIVE));
}

static void check_remove(const struct cell *c)
{
	err_clear(&err);
	int rc = row_remove("c", key_of(c), ENGINE_VERSION_ANY);
	CELL(rc == expected_remove(c));
	bool there = rc != 0 && c->before != NEGATIVE;
	CELL(rc == 0 || c->cache_down || c->before != HIT || cached("1") != NULL);
	rds_down = false;
	CELL(row_has("c", key_of(c), "") == there);
	if (behind(c)) {
		OK(sync_all());
	}
	CELL(rds_has(key_of(c), "") == there);
	set_cache_down(false);
	CELL(row_has("c", key_of(c), "") == there);
}

static void prepare(const struct cell *c)
{
	evict_all();
	sql("DELETE FROM Customer WHERE id IN (1, 9);"
	    "INSERT INTO Customer VALUES(1, 'Ann', 'a@x');");
	OK(cache_tables_detach(tables, "c", false, &err));
	char pattern[64];
	snprintf(pattern, sizeof(pattern), "pattern=%s", c->pattern);
	OK(ATTACH("c", "rds=shop/Customer", pattern));
	if (c->before != MISS) {
		row_has("c", key_of(c), "");
	}
	set_cache_down(c->cache_down);
	rds_down = c->source == DOWN;
}

static void run_cell(const struct cell *c)
{
	prepare(c);
	switch (c->verb) {
	case READ: check_read(c); break;
	case WRITE: check_write(c); break;
	default: check_remove(c); break;
	}
	rds_down = false;
	set_cache_down(false);
}

START_TEST(every_cell)
{
	static const char *const patterns[] = {
		"cache-aside", "write-through", "write-behind", "write-around"};
	struct cell c = {.pattern = patterns[_i]};
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside"));
	for (unsigned n = 0; n < 3 * 3 * 2 * 3; n += stride_or(1)) {
		c.verb = n % 3;
		c.before = n / 3 % 3;
		c.cache_down = n / 9 % 2;
		c.source = n / 18;
		run_cell(&c);
	}
}
END_TEST

/* ---- reading ---- */

START_TEST(the_second_read_does_not_touch_rds)
{
	struct engine_info info;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside"));
	OK(row_stat("c", "1", &info));
	OK(row_read("c", "1", &text, NULL));
	ck_assert_uint_eq(info.size, text.n);
	ck_assert_int_eq(counted("c", "Misses"), 1);
	ck_assert_int_eq(counted("c", "Hits"), 0);
	unsigned reads = rds_reads;
	OK(row_stat("c", "1", &info));
	buf_clear(&text);
	OK(row_read("c", "1", &text, NULL));
	ck_assert_uint_eq(rds_reads, reads);
	ck_assert_int_eq(counted("c", "Misses"), 1);
	ck_assert_int_eq(counted("c", "Hits"), 1);
	ck_assert_int_eq(counted("c", "Loads"), 1);
}
END_TEST

START_TEST(a_row_that_is_not_there_is_asked_for_once)
{
	struct engine_info info;
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "negative-ttl=3", "jitter=0"));
	FAILS(ENOENT, row_stat("c", "77", &info));
	ck_assert_int_eq(last_life_ms, 3000);
	unsigned reads = rds_reads;
	FAILS(ENOENT, row_stat("c", "77", &info));
	ck_assert_uint_eq(rds_reads, reads);
	ck_assert_int_eq(counted("c", "NegativeHits"), 1);
	OK(row_write("c", "77", "{\"name\": \"Gil\"}", ENGINE_VERSION_ABSENT, NULL));
	ck_assert(row_has("c", "77", "Gil"));
}
END_TEST

START_TEST(lives_differ_by_the_jitter)
{
	int64_t least = INT64_MAX;
	int64_t most = 0;
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "ttl=100", "jitter=10"));
	OK(ATTACH("d", "rds=shop/Customer", "pattern=cache-aside", "ttl=0"));
	for (unsigned i = 0; i < 200; i++) {
		evict_all();
		ck_assert(row_has("c", "1", "Ann"));
		least = last_life_ms < least ? last_life_ms : least;
		most = last_life_ms > most ? last_life_ms : most;
	}
	ck_assert_int_ge(least, 90000);
	ck_assert_int_le(most, 110000);
	ck_assert_int_lt(least, 95000);
	ck_assert_int_gt(most, 105000);
	ck_assert(row_has("d", "1", "Ann"));
	ck_assert_int_eq(last_life_ms, 0);
}
END_TEST

START_TEST(what_others_put_there_is_no_row)
{
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside"));
	{
		LOCKED(&cache_lock);
		put_text(slice_of("c:1"), slice_of("hello"), 0, NULL);
	}
	ck_assert(row_has("c", "1", "Ann"));
	ck_assert_ptr_nonnull(strstr(cached("1"), "Ann"));
}
END_TEST

static void *read_one(void *arg)
{
	_Atomic unsigned *found = arg;
	struct buf text = BUF_INIT;
	struct engine_info info;
	struct err why = {0};
	if (tree->ops->ops.read(tree, PATH("c", "1"), 0, &text, &info, &why) == 0) {
		(*found)++;
	}
	buf_free(&text);
	return NULL;
}

START_TEST(many_who_miss_load_once)
{
	_Atomic unsigned found = 0;
	pthread_t threads[8];
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside"));
	/* Until the load ends the others have come; if one has not, it finds a hit. */
	rds_slow_us = 50000;
	for (unsigned i = 0; i < 8; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, read_one, &found), 0);
	}
	for (unsigned i = 0; i < 8; i++) {
		pthread_join(threads[i], NULL);
	}
	ck_assert_uint_eq(found, 8);
	ck_assert_int_eq(counted("c", "Loads"), 1);
}
END_TEST

/* ---- versions ---- */

START_TEST(a_stale_text_is_not_written_over_what_is_new)
{
	uint64_t version = 0;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	static const char *const patterns[] = {
		"pattern=cache-aside", "pattern=write-through", "pattern=write-around"};
	for (unsigned i = 0; i < 3; i++) {
		sql("UPDATE Customer SET name = 'Ann' WHERE id = 1;");
		OK(ATTACH("c", "rds=shop/Customer", patterns[i]));
		OK(row_read("c", "1", &text, &version));
		sql("UPDATE Customer SET name = 'Eve' WHERE id = 1;");
		REFUSES(EBUSY, "changed since it was read",
			row_write("c", "1", "{\"name\": \"Old\"}", version, NULL));
		/* The next read has it. */
		ck_assert(row_has("c", "1", "Eve"));
		OK(row_read("c", "1", &text, &version));
		OK(row_write("c", "1", "{\"name\": \"Fay\"}", version, &version));
		OK(row_write("c", "1", "{\"name\": \"Gus\"}", version, &version));
		REFUSES(EEXIST, "",
			row_write("c", "1", "{\"name\": \"x\"}", ENGINE_VERSION_ABSENT, NULL));
		OK(row_remove("c", "1", version));
		REFUSES(EBUSY, "removed", row_write("c", "1", "{\"name\": \"x\"}", version, NULL));
		OK(row_write("c", "1", "{\"name\": \"Ann\"}", ENGINE_VERSION_ABSENT, NULL));
		OK(cache_tables_detach(tables, "c", false, &err));
	}
}
END_TEST

/* ---- a cache that is down, or goes back in time ---- */

START_TEST(a_key_that_could_not_be_removed_is_poisoned)
{
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "ttl=0"));
	ck_assert(row_has("c", "1", "Ann"));
	set_cache_down(true);
	OK(row_write("c", "1", "{\"name\": \"New\"}", ENGINE_VERSION_ANY, NULL));
	ck_assert_int_eq(counted("c", "Poisoned"), 1);
	ck_assert_ptr_nonnull(strstr(cached("1"), "Ann"));
	set_cache_down(false);
	ck_assert(row_has("c", "1", "New"));
	ck_assert_int_eq(counted("c", "Poisoned"), -1);
	ck_assert_ptr_nonnull(strstr(cached("1"), "New"));
}
END_TEST

START_TEST(poison_outlives_the_daemon)
{
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "ttl=0"));
	ck_assert(row_has("c", "1", "Ann"));
	set_cache_down(true);
	OK(row_write("c", "1", "{\"name\": \"New\"}", ENGINE_VERSION_ANY, NULL));
	tables_down();
	set_cache_down(false);
	ck_assert_ptr_nonnull(strstr(cached("1"), "Ann"));
	tables_up();
	ck_assert(row_has("c", "1", "New"));
}
END_TEST

START_TEST(a_cluster_that_went_back_in_time_is_not_believed)
{
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "ttl=0"));
	ck_assert(row_has("c", "1", "Ann"));
	OK(row_write("c", "1", "{\"name\": \"New\"}", ENGINE_VERSION_ANY, NULL));
	{
		LOCKED(&cache_lock);
		put_text(slice_of("c:1"), slice_of("{\"id\": 1, \"name\": \"Ann\"}\n"), 0, NULL);
	}
	OK(cache_tables_renew(tables, "failover", &err));
	ck_assert(event_says("c: nothing cached before counts any more: failover"));
	ck_assert(row_has("c", "1", "New"));
}
END_TEST

START_TEST(in_another_storage_nothing_counts)
{
	cache_tables_in(tables, 5);
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "ttl=0"));
	ck_assert(row_has("c", "1", "Ann"));
	cache_tables_in(tables, 5);
	ck_assert(!event_says("the cluster's primary is another"));
	sql("UPDATE Customer SET name = 'New' WHERE id = 1;");
	ck_assert(row_has("c", "1", "Ann"));
	cache_tables_in(tables, 6);
	ck_assert(event_says("the cluster's primary is another"));
	ck_assert(row_has("c", "1", "New"));
	/* A change that nobody was there to see. */
	sql("UPDATE Customer SET name = 'Old' WHERE id = 1;");
	tables_down();
	tables_up();
	cache_tables_in(tables, 6);
	ck_assert(row_has("c", "1", "New"));
	tables_down();
	tables_up();
	cache_tables_in(tables, 7);
	ck_assert(row_has("c", "1", "Old"));
}
END_TEST

static bool soon(bool (*holds)(void))
{
	for (unsigned i = 0; i < 1000; i++) {
		if (holds()) {
			return true;
		}
		usleep(10000);
	}
	return false;
}

static bool reads_other_table(void)
{
	return row_has("c", "1", "Zoe");
}

START_TEST(another_table_under_its_name_is_noticed)
{
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside", "ttl=0"));
	ck_assert(row_has("c", "1", "Ann"));
	sql("DROP TABLE Customer;"
	    "CREATE TABLE Customer(id INTEGER PRIMARY KEY, name TEXT, town TEXT);"
	    "INSERT INTO Customer VALUES(1, 'Zoe', 'Bern');");
	ck_assert(soon(reads_other_table));
}
END_TEST

/* ---- the room ---- */

START_TEST(the_room_refuses_what_it_does_not_do)
{
	const struct engine_ops *ops = &tree->ops->ops;
	struct engine_level level;
	struct engine_info info;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside"));
	OK(ops->level(tree, ROOT, &level, &err));
	ck_assert_int_eq(level.child, ENGINE_DIR);
	OK(ops->level(tree, PATH("c"), &level, &err));
	ck_assert_str_eq(level.forms[0].suffix, ".json");
	REFUSES(ENOENT, "no table x", ops->level(tree, PATH("x"), &level, &err));
	FAILS(ENOTDIR, ops->level(tree, PATH("c", "1"), &level, &err));
	OK(ops->stat(tree, PATH("c"), 0, &info, &err));
	ck_assert(info.moves && info.kind == ENGINE_DIR);
	REFUSES(ENOTSUP, "attach NAME", ops->mkdir(tree, PATH("x"), &err));
	REFUSES(ENOTSUP, "detach NAME", ops->rmdir(tree, PATH("c"), &err));
	FAILS(EISDIR, ops->read(tree, PATH("c"), 0, &text, &info, &err));
	ck_assert(ops->rename == NULL);
	FAILS(EINVAL, ops->check(tree, PATH("c", "1"), 0, slice_of("{\"nam\": 1}"),
			      ENGINE_VERSION_ANY, &err));
	FAILS(EINVAL, ops->check_key(tree, PATH("c", "abc"), &err));
}
END_TEST

START_TEST(a_mount_for_reading)
{
	OK(ATTACH("c", "rds=shop/Customer", "pattern=cache-aside"));
	tables_down();
	OK(tables_try_open(true));
	OK(cache_tables_tree(tables, &tree, &err));
	ck_assert(row_has("c", "1", "Ann"));
	REFUSES(EROFS, "read-only", ATTACH("d", "rds=shop/Customer", "pattern=cache-aside"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cache_tables");
	TCase *tc = tcase_create("tables");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, words_of_attach);
	tcase_add_test(tc, what_is_attached_outlives_the_daemon);
	tcase_add_test(tc, one_attached_anew_has_no_texts_of_before);
	tcase_add_loop_test(tc, every_cell, 0, 4);
	tcase_add_test(tc, the_second_read_does_not_touch_rds);
	tcase_add_test(tc, a_row_that_is_not_there_is_asked_for_once);
	tcase_add_test(tc, lives_differ_by_the_jitter);
	tcase_add_test(tc, what_others_put_there_is_no_row);
	tcase_add_test(tc, many_who_miss_load_once);
	tcase_add_test(tc, a_stale_text_is_not_written_over_what_is_new);
	tcase_add_test(tc, a_key_that_could_not_be_removed_is_poisoned);
	tcase_add_test(tc, poison_outlives_the_daemon);
	tcase_add_test(tc, a_cluster_that_went_back_in_time_is_not_believed);
	tcase_add_test(tc, in_another_storage_nothing_counts);
	tcase_add_test(tc, another_table_under_its_name_is_noticed);
	tcase_add_test(tc, the_room_refuses_what_it_does_not_do);
	tcase_add_test(tc, a_mount_for_reading);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
