/* A Memcached-like cluster: its table, its files, its protocol where no server is needed to know
 * the answer (test_memcached_diff.c compares with one), and many threads. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/memcached/items.h"
#include "engines/common/clock.h"
#include "tests/unit/fixture.h"

static struct memcached *m;
static struct cache_tree *tree;
static struct err err;

#define OK(call)                                                                                   \
	do {                                                                                       \
		err_clear(&err);                                                                   \
		ck_assert_msg((call) == 0, "%s", err.msg);                                         \
	} while (0)
#define FAILS(call, errno_)                                                                        \
	do {                                                                                       \
		err_clear(&err);                                                                   \
		ck_assert_int_eq(call, -(errno_));                                                 \
		ck_assert_int_eq(err.code, errno_);                                                \
	} while (0)

static void open_with(uint64_t memory)
{
	struct memcached_config config = {"test", memory, 1 << 20, {0}};

	OK(memcached_open(&config, &m, &err));
	OK(memcached_tree_open(m, &tree, &err));
}

static void setup(void)
{
	open_with(8 << 20);
}

static void teardown(void)
{
	cache_tree_close(tree);
	memcached_close(m);
}

static struct epath at(const char *key)
{
	return (struct epath){1, {slice_of(key)}};
}

static int put(const char *key, const char *text, uint64_t expect, struct engine_info *info)
{
	struct epath path = at(key);

	return tree->ops->ops.write(tree, &path, 0, slice_of(text), expect, info, &err);
}

static const char *get(const char *key)
{
	static struct buf text;
	struct epath path = at(key);
	struct engine_info info;

	buf_clear(&text);
	err_clear(&err);
	if (tree->ops->ops.read(tree, &path, 0, &text, &info, &err) < 0) {
		return NULL;
	}
	ck_assert_uint_eq(info.size, text.n);
	return buf_cstr(&text);
}

/* What .exec says of a text. */
static const char *exec(const char *text)
{
	static struct buf out;
	struct epath root = {0};
	void *sink;

	buf_clear(&out);
	OK(tree->ops->ops.import_open(tree, &root, "run", "exec", &sink, &err));
	OK(tree->ops->ops.import_feed(sink, slice_of(text), &err));
	OK(tree->ops->ops.import_finish(sink, &out, &err));
	return buf_cstr(&out);
}

/* ---- files ---- */

START_TEST(test_an_item_is_a_file)
{
	struct engine_info info;
	struct engine_info again;
	struct epath path = at("a");

	OK(put("a", "one", ENGINE_VERSION_ABSENT, &info));
	ck_assert_str_eq(get("a"), "one");
	FAILS(put("a", "two", ENGINE_VERSION_ABSENT, &info), EEXIST);
	OK(put("a", "two", info.version, &again));
	ck_assert_uint_ne(info.version, again.version);
	FAILS(put("a", "three", info.version, &info), EBUSY);
	OK(put("a", "two", ENGINE_VERSION_ANY, &info));
	ck_assert_uint_eq(info.version, again.version);
	OK(tree->ops->ops.remove(tree, &path, ENGINE_VERSION_ANY, &err));
	ck_assert_ptr_null(get("a"));
	FAILS(tree->ops->ops.remove(tree, &path, ENGINE_VERSION_ANY, &err), ENOENT);
	FAILS(put("a", "gone", again.version, &info), EBUSY);
}
END_TEST

START_TEST(test_saving_anew_ends_flags_and_time_an_edit_keeps_them)
{
	struct engine_info info;
	struct epath path = at("a");

	exec("set a 7 1000 1\r\nx\r\n");
	OK(tree->ops->ops.stat(tree, &path, 0, &info, &err));
	OK(put("a", "y", info.version, &info));
	ck_assert_str_eq(exec("get a\r\n"), "VALUE a 7 1\r\ny\r\nEND\r\n");
	OK(put("a", "z", ENGINE_VERSION_ANY, &info));
	ck_assert_str_eq(exec("get a\r\n"), "VALUE a 0 1\r\nz\r\nEND\r\n");
}
END_TEST

START_TEST(test_keys_that_cannot_be)
{
	char text[260];
	struct epath path = at("a b");

	FAILS(tree->ops->ops.check_key(tree, &path, &err), EINVAL);
	path = at("a\x01");
	FAILS(tree->ops->ops.check_key(tree, &path, &err), EINVAL);
	path = at("");
	FAILS(tree->ops->ops.check_key(tree, &path, &err), EINVAL);
	memset(text, 'k', sizeof(text));
	path.key[0] = slice_make(text, 251);
	FAILS(tree->ops->ops.check_key(tree, &path, &err), EINVAL);
	path.key[0].n = 250;
	OK(tree->ops->ops.check_key(tree, &path, &err));
}
END_TEST

START_TEST(test_a_refused_file_leaves_the_item)
{
	char *large = calloc(1, (1 << 20) + 1);
	struct engine_info info;

	memset(large, 'x', 1 << 20);
	OK(put("a", "small", ENGINE_VERSION_ANY, &info));
	FAILS(put("a", large, ENGINE_VERSION_ANY, &info), EFBIG);
	ck_assert_str_eq(get("a"), "small");
	free(large);
}
END_TEST

START_TEST(test_renames)
{
	struct engine_info info;
	struct epath a = at("a");
	struct epath b = at("b");
	struct epath bad = at("b b");

	exec("set a 5 0 1\r\nx\r\n");
	OK(tree->ops->ops.rename(tree, &a, &b, 0, &err));
	ck_assert_str_eq(exec("get a b\r\n"), "VALUE b 5 1\r\nx\r\nEND\r\n");
	FAILS(tree->ops->ops.rename(tree, &a, &b, 0, &err), ENOENT);
	OK(put("a", "other", ENGINE_VERSION_ANY, &info));
	FAILS(tree->ops->ops.rename(tree, &a, &b, RENAME_NOREPLACE, &err), EEXIST);
	OK(tree->ops->ops.rename(tree, &a, &b, RENAME_EXCHANGE, &err));
	ck_assert_str_eq(
		exec("get a b\r\n"), "VALUE a 5 1\r\nx\r\nVALUE b 0 5\r\nother\r\nEND\r\n");
	OK(tree->ops->ops.rename(tree, &a, &a, 0, &err));
	OK(tree->ops->ops.rename(tree, &a, &b, 0, &err));
	ck_assert_str_eq(exec("get a b\r\n"), "VALUE b 5 1\r\nx\r\nEND\r\n");
	FAILS(tree->ops->ops.rename(tree, &b, &bad, 0, &err), EINVAL);
}
END_TEST

START_TEST(test_touched_into_the_future_it_ends_then)
{
	struct engine_info info;
	struct epath path = at("a");
	struct mc_info item;

	OK(put("a", "x", ENGINE_VERSION_ANY, &info));
	OK(tree->ops->ops.set_time(tree, &path, clock_wall_ns() - 1, &err));
	ck_assert(mc_get(m, slice_of("a"), false, NULL, &item) && item.expires_ms == 0);
	OK(tree->ops->ops.set_time(tree, &path, clock_wall_ns() + INT64_C(1000000000000), &err));
	ck_assert(mc_get(m, slice_of("a"), false, NULL, &item) && item.expires_ms > mc_now_ms());
}
END_TEST

/* ---- .meta ---- */

START_TEST(test_meta_compares_and_swaps)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_info info;
	struct cache_tree *meta;
	struct epath path = at("a");
	struct epath none = at("none");
	char now[200];

	OK(put("a", "x", ENGINE_VERSION_ANY, &info));
	OK(tree->ops->room(tree, ".meta", &meta, &err));
	OK(meta->ops->ops.read(meta, &path, 0, &text, &info, &err));
	snprintf(now, sizeof(now),
		"{\n  \"flags\": 0,\n  \"cas\": %llu,\n  \"exptime\": 0,\n  \"ttl\": null\n}\n",
		(unsigned long long)info.version);
	ck_assert_str_eq(buf_cstr(&text), now);
	OK(meta->ops->ops.write(meta, &path, 0, slice_of("{\"flags\": 9, \"exptime\": 100}"),
		ENGINE_VERSION_ANY, &info, &err));
	ck_assert_str_eq(exec("get a\r\n"), "VALUE a 9 1\r\nx\r\nEND\r\n");
	FAILS(meta->ops->ops.write(
		      meta, &path, 0, buf_slice(&text), ENGINE_VERSION_ANY, &info, &err),
		EBUSY);
	FAILS(meta->ops->ops.write(
		      meta, &path, 0, slice_of("{\"flag\": 9}"), ENGINE_VERSION_ANY, &info, &err),
		EINVAL);
	FAILS(meta->ops->ops.write(
		      meta, &path, 0, slice_of("{\"flags\": -1}"), ENGINE_VERSION_ANY, &info, &err),
		EINVAL);
	FAILS(meta->ops->ops.check(meta, &path, 0, slice_of("{"), ENGINE_VERSION_ANY, &err),
		EINVAL);
	FAILS(meta->ops->ops.write(meta, &none, 0, slice_of("{}"), ENGINE_VERSION_ANY, &info, &err),
		ENOENT);
	cache_tree_close(meta);
	FAILS(tree->ops->room(tree, ".ttl", &meta, &err), ENOENT);
}
END_TEST

/* ---- .exec ---- */

START_TEST(test_lines_of_a_shell_are_taken)
{
	ck_assert_str_eq(
		exec("set a 0 0 5\nhello\nget a\n"), "STORED\r\nVALUE a 0 5\r\nhello\r\nEND\r\n");
	ck_assert_str_eq(exec("get a"), "VALUE a 0 5\r\nhello\r\nEND\r\n");
}
END_TEST

START_TEST(test_a_text_that_ends_within_a_value)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct epath root = {0};
	void *sink;

	OK(tree->ops->ops.import_open(tree, &root, "run", "exec", &sink, &err));
	OK(tree->ops->ops.import_feed(sink, slice_of("set a 0 0 5\r\nhel"), &err));
	OK(tree->ops->ops.import_reply(sink, &out, &err));
	ck_assert_uint_eq(out.n, 0);
	FAILS(tree->ops->ops.import_finish(sink, &out, &err), EINVAL);
	FAILS(tree->ops->ops.import_open(tree, &root, "run", "sql", &sink, &err), ENOTSUP);
}
END_TEST

START_TEST(test_a_set_that_is_too_large_removes_what_was_there)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct mc_session *s = mc_session_new(m);
	CLEANUP(buf_free) struct buf out = BUF_INIT;

	buf_puts(&text, "set a 0 0 1\r\nx\r\nset a 0 0 1048576\r\n");
	size_t at_value = text.n;
	ck_assert(buf_resize(&text, at_value + (1 << 20)));
	buf_puts(&text, "\r\nget a\r\nquit\r\nget a\r\n");
	for (size_t i = 0; i < text.n; i += 1000) {
		size_t n = text.n - i < 1000 ? text.n - i : 1000;
		OK(mc_session_feed(s, slice_make(text.p + i, n), &err));
		OK(mc_session_run(s, false, &out, &err));
	}
	ck_assert_str_eq(
		buf_cstr(&out), "STORED\r\nSERVER_ERROR object too large for cache\r\nEND\r\n");
	mc_session_free(s);
}
END_TEST

START_TEST(test_a_line_without_end)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct mc_session *s = mc_session_new(m);

	ck_assert(buf_resize(&text, 100000));
	OK(mc_session_feed(s, buf_slice(&text), &err));
	FAILS(mc_session_run(s, false, &out, &err), EINVAL);
	mc_session_free(s);
}
END_TEST

/* ---- memory, expiry, listing ---- */

START_TEST(test_memory_is_bounded_and_the_least_used_goes)
{
	struct engine_info info;
	char key[32];
	char value[1000];

	teardown();
	open_with(1 << 20);
	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	OK(put("kept", value, ENGINE_VERSION_ANY, &info));
	for (unsigned i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		OK(put(key, value, ENGINE_VERSION_ANY, &info));
		ck_assert_ptr_nonnull(get("kept"));
		ck_assert_uint_le(atomic_load(&m->used), 1 << 20);
	}
	ck_assert_ptr_null(get("k0"));
	ck_assert_ptr_nonnull(get("k4999"));
	ck_assert_uint_gt(atomic_load(&m->counts[MC_EVICTIONS]), 3000);
	ck_assert_uint_gt(atomic_load(&m->items), 800);
	memcached_set_memory(m, 100000);
	ck_assert_uint_le(atomic_load(&m->used), 100000);
}
END_TEST

START_TEST(test_no_memory_at_all)
{
	struct engine_info info;

	memcached_set_memory(m, 10);
	FAILS(put("a", "x", ENGINE_VERSION_ANY, &info), ENOSPC);
	ck_assert_str_eq(
		exec("set a 0 0 1\r\nx\r\n"), "SERVER_ERROR out of memory storing object\r\n");
	ck_assert_uint_le(atomic_load(&m->used), 10);
}
END_TEST

START_TEST(test_what_can_never_fit_makes_nothing_go)
{
	struct engine_info info;
	char value[60000];

	memset(value, 'v', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	memcached_set_memory(m, 50000);
	OK(put("a", "x", ENGINE_VERSION_ANY, &info));
	FAILS(put("b", value, ENGINE_VERSION_ANY, &info), ENOSPC);
	ck_assert_str_eq(get("a"), "x");
}
END_TEST

START_TEST(test_what_a_flush_took_stays_away)
{
	exec("set a 0 0 1\r\nx\r\n");
	mc_flush(m, mc_now_ms() + 1);
	while (get("a") != NULL) {
	}
	exec("set b 0 0 1\r\ny\r\n");
	mc_flush(m, mc_now_ms() + 1);
	/* Nobody looks at b until then. */
	int64_t until = mc_now_ms() + 5;
	while (mc_now_ms() < until) {
	}
	exec("flush_all 1000\r\n");
	ck_assert_ptr_null(get("b"));
	ck_assert_uint_eq(atomic_load(&m->items), 0);
}
END_TEST

START_TEST(test_exptime)
{
	ck_assert_int_eq(mc_expires_ms(0), 0);
	ck_assert_int_eq(mc_expires_ms(-5), 1);
	int64_t in = mc_expires_ms(2592000) - mc_now_ms();
	ck_assert(in > 2591990000 && in <= 2592000000);
	ck_assert_int_eq(mc_expires_ms(2592001), 2592001000);
	exec("set a 0 -1 1\r\nx\r\nset b 0 2592001 1\r\nx\r\n");
	ck_assert_ptr_null(get("a"));
	ck_assert_ptr_null(get("b"));
	ck_assert_uint_eq(atomic_load(&m->items), 0);
}
END_TEST

START_TEST(test_a_flush_that_is_to_come)
{
	exec("set a 0 0 1\r\nx\r\nflush_all 1000\r\n");
	ck_assert_str_eq(get("a"), "x");
	mc_flush(m, mc_now_ms() + 1);
	while (get("a") != NULL) {
	}
	ck_assert_str_eq(
		exec("set a 0 0 1\r\ny\r\nget a\r\n"), "STORED\r\nVALUE a 0 1\r\ny\r\nEND\r\n");
	exec("flush_all\r\n");
	ck_assert_ptr_null(get("a"));
}
END_TEST

struct order {
	struct buf last;
	unsigned n;
	unsigned stop;
};

static int in_order(void *arg, struct slice key, const struct engine_info *info)
{
	struct order *o = arg;

	ck_assert_int_eq(info->kind, ENGINE_FILE);
	ck_assert(o->n == 0 || slice_compare(buf_slice(&o->last), key) < 0);
	buf_clear(&o->last);
	buf_append_slice(&o->last, key);
	o->n++;
	return o->n == o->stop;
}

START_TEST(test_listings_are_complete_and_in_order)
{
	struct order o = {.stop = 700};
	struct engine_info info;
	struct epath root = {0};
	char key[32];

	for (unsigned i = 0; i < 2000; i++) {
		snprintf(key, sizeof(key), "%u", i * 7919 % 2003);
		OK(put(key, "v", ENGINE_VERSION_ANY, &info));
	}
	OK(tree->ops->ops.list(tree, &root, NULL, 0, in_order, &o, &err));
	ck_assert_uint_eq(o.n, 700);
	struct slice after = buf_slice(&o.last);
	char copy[32];
	memcpy(copy, after.p, after.n);
	after.p = copy;
	OK(tree->ops->ops.list(tree, &root, &after, 0, in_order, &o, &err));
	ck_assert_uint_eq(o.n, 2000);
	buf_free(&o.last);
}
END_TEST

START_TEST(test_a_long_name_is_found_by_its_hash)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	unsigned char hash[NAME_HASH_BYTES];
	struct engine_info info;
	struct epath root = {0};
	char name[201];

	memset(name, '%', 200);
	name[200] = '\0';
	OK(put("a", "v", ENGINE_VERSION_ANY, &info));
	OK(put(name, "v", ENGINE_VERSION_ANY, &info));
	name_hash(slice_of(name), hash);
	OK(tree->ops->ops.find_hashed(tree, &root, hash, &key, &err));
	ck_assert_str_eq(buf_cstr(&key), name);
	hash[0] ^= 1;
	FAILS(tree->ops->ops.find_hashed(tree, &root, hash, &key, &err), ENOENT);
}
END_TEST

/* ---- in front of a table ---- */

START_TEST(test_as_a_store)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct cache_store *s;
	uint64_t absent;
	uint64_t version;
	struct slice key = slice_of("t:1");

	OK(memcached_store_open(m, &s, &err));
	ck_assert_int_eq(s->ops->get(s, key, &text, &absent, &err), 0);
	OK(s->ops->remove(s, key, &err));
	ck_assert_int_eq(s->ops->set_if(s, key, absent, slice_of("old"), 0, &err), 0);
	ck_assert_int_eq(s->ops->get(s, key, &text, &absent, &err), 0);
	ck_assert_int_eq(s->ops->set_if(s, key, absent, slice_of("new"), 0, &err), 1);
	ck_assert_int_eq(s->ops->set_if(s, key, absent, slice_of("late"), 0, &err), 0);
	ck_assert_int_eq(s->ops->get(s, key, &text, &version, &err), 1);
	ck_assert_str_eq(buf_cstr(&text), "new");
	ck_assert_int_eq(s->ops->set_if(s, key, version, slice_of("newer"), 100000, &err), 1);
	ck_assert_int_eq(s->ops->set_if(s, key, version, slice_of("late"), 0, &err), 0);
	OK(s->ops->set(s, key, slice_of("whole"), 0, &err));
	OK(s->ops->remove(s, key, &err));
	ck_assert_int_eq(s->ops->set_if(s, key, absent, slice_of("late"), 0, &err), 0);
	FAILS(s->ops->set(s, slice_of("a b"), slice_of("x"), 0, &err), EINVAL);
	/* Nor when what was set meanwhile has gone: by hand, by age, for want of room. */
	ck_assert_int_eq(s->ops->get(s, key, &text, &absent, &err), 0);
	OK(s->ops->set(s, key, slice_of("newest"), 0, &err));
	ck_assert_int_eq(mc_delete(m, key, 0), MC_STORED);
	ck_assert_int_eq(s->ops->set_if(s, key, absent, slice_of("late"), 0, &err), 0);
	s->ops->close(s);
}
END_TEST

/* ---- threads ---- */

#define THREADS 4

struct worker {
	unsigned n;
	pthread_t thread;
};

static void work_on(unsigned me, unsigned i)
{
	char key[32];
	uint64_t out;
	struct mc_put p = {.mode = i % 5 == 0 ? MC_APPEND : MC_SET, .value = slice_of("123456789")};

	snprintf(key, sizeof(key), "k%u", (i * 31 + me) % 97);
	p.key = slice_of(key);
	switch (i % 7) {
	case 0: mc_delete(m, p.key, 0); break;
	case 1: mc_get(m, p.key, true, NULL, NULL); break;
	case 2: mc_rename(m, p.key, slice_of("moved"), true, i % 2 == 0); break;
	case 3: mc_add(m, slice_of("sum"), false, 1, &out); break;
	case 4: mc_touch(m, p.key, 0, NULL, NULL); break;
	default: mc_store(m, &p, NULL); break;
	}
}

static void *work(void *arg)
{
	const struct worker *w = arg;
	struct order o = {.stop = UINT32_MAX};
	struct epath root = {0};
	struct err own = {0};

	for (unsigned i = 0; i < 20000; i++) {
		work_on(w->n, i);
		if (i % 1000 == 0) {
			o.n = 0;
			tree->ops->ops.list(tree, &root, NULL, 0, in_order, &o, &own);
			if (w->n == 0) {
				memcached_set_memory(m, i % 2000 == 0 ? 20000 : 8 << 20);
			}
		}
	}
	buf_free(&o.last);
	return NULL;
}

START_TEST(test_many_threads)
{
	struct worker w[THREADS];
	struct mc_put sum = {.mode = MC_SET, .key = slice_of("sum"), .value = slice_of("0")};

	mc_store(m, &sum, NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		w[i].n = i;
		ck_assert_int_eq(pthread_create(&w[i].thread, NULL, work, &w[i]), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(w[i].thread, NULL);
	}
	mc_flush(m, 0);
	ck_assert_uint_eq(atomic_load(&m->items), 0);
	/* What is left is the table's own. */
	uint64_t buckets = 0;
	for (unsigned i = 0; i < MC_SHARDS; i++) {
		buckets += m->shard[i].n_buckets * sizeof(void *);
	}
	ck_assert_uint_eq(atomic_load(&m->used), buckets);
}
END_TEST

static void *count_up(void *arg)
{
	uint64_t out;

	(void)arg;
	for (unsigned i = 0; i < 5000; i++) {
		ck_assert_int_eq(mc_add(m, slice_of("sum"), false, 1, &out), MC_STORED);
	}
	return NULL;
}

START_TEST(test_no_increment_is_lost)
{
	struct mc_put sum = {.mode = MC_SET, .key = slice_of("sum"), .value = slice_of("0")};
	pthread_t threads[THREADS];

	mc_store(m, &sum, NULL);
	for (unsigned i = 0; i < THREADS; i++) {
		ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up, NULL), 0);
	}
	for (unsigned i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
	}
	ck_assert_str_eq(get("sum"), "20000");
}
END_TEST

START_TEST(test_status)
{
	json_t *out = json_object();
	struct epath root = {0};
	struct engine_info info;

	exec("set a 0 0 1\r\nx\r\nget a b\r\n");
	OK(tree->ops->ops.status(tree, &root, out, &err));
	ck_assert_int_eq(json_integer_value(json_object_get(out, "keys")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(out, "get_hits")), 1);
	ck_assert_int_eq(json_integer_value(json_object_get(out, "get_misses")), 1);
	json_decref(out);
	ck_assert_ptr_nonnull(strstr(exec("stats\r\n"), "STAT curr_items 1\r\n"));
	ck_assert_str_eq(exec("stats reset\r\n"), "RESET\r\n");
	OK(tree->ops->ops.stat(tree, &root, 0, &info, &err));
	ck_assert(info.moves);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memcached");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_an_item_is_a_file);
	tcase_add_test(tc, test_saving_anew_ends_flags_and_time_an_edit_keeps_them);
	tcase_add_test(tc, test_keys_that_cannot_be);
	tcase_add_test(tc, test_a_refused_file_leaves_the_item);
	tcase_add_test(tc, test_renames);
	tcase_add_test(tc, test_touched_into_the_future_it_ends_then);
	tcase_add_test(tc, test_meta_compares_and_swaps);
	tcase_add_test(tc, test_lines_of_a_shell_are_taken);
	tcase_add_test(tc, test_a_text_that_ends_within_a_value);
	tcase_add_test(tc, test_a_set_that_is_too_large_removes_what_was_there);
	tcase_add_test(tc, test_a_line_without_end);
	tcase_add_test(tc, test_memory_is_bounded_and_the_least_used_goes);
	tcase_add_test(tc, test_no_memory_at_all);
	tcase_add_test(tc, test_what_can_never_fit_makes_nothing_go);
	tcase_add_test(tc, test_what_a_flush_took_stays_away);
	tcase_add_test(tc, test_exptime);
	tcase_add_test(tc, test_a_flush_that_is_to_come);
	tcase_add_test(tc, test_listings_are_complete_and_in_order);
	tcase_add_test(tc, test_a_long_name_is_found_by_its_hash);
	tcase_add_test(tc, test_as_a_store);
	tcase_add_test(tc, test_many_threads);
	tcase_add_test(tc, test_no_increment_is_lost);
	tcase_add_test(tc, test_status);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
