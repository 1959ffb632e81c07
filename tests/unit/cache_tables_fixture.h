/* What the tests of cached tables share: a real RDS whose calls can be made to fail and are
 * counted, a cluster of texts in memory that can be down, and calls in few words. Each test program
 * includes it once. */
#ifndef DBMOUNT_TEST_CACHE_TABLES_FIXTURE_H
#define DBMOUNT_TEST_CACHE_TABLES_FIXTURE_H

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/cache/tables/tables.h"
#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "tests/unit/calls.h"

/* ---- RDS ---- */

static struct engine_ops rds_ops; /* the real ones, and ours before some */
static const struct engine_ops *real_rds;
static struct engine *rds;
static char site[SITE_MAX];
static char rds_site[SITE_MAX + 8];
static _Atomic bool rds_down;
static _Atomic unsigned rds_reads, rds_writes; /* of rows */
static _Atomic unsigned rds_slow_us;
typedef void commit_fn(bool begin);
static commit_fn *_Atomic rds_commits; /* before and after; may be NULL */

static void tell_commit(bool begin)
{
	commit_fn *fn = rds_commits;

	if (fn != NULL) {
		fn(begin);
	}
}

static int is_down(struct err *why)
{
	return rds_down ? err_set(why, EIO, "the test says that it is down") : 0;
}

static int counted_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *why)
{
	rds_reads++;
	if (rds_slow_us > 0) {
		usleep(rds_slow_us);
	}
	int rc = is_down(why);
	return rc < 0 ? rc : real_rds->read(ctx, path, form, out, info, why);
}

static int counted_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *why)
{
	rds_reads += path->depth == 3;
	int rc = is_down(why);
	return rc < 0 ? rc : real_rds->stat(ctx, path, form, out, why);
}

static int counted_list(void *ctx, const struct epath *path, const struct slice *after,
	unsigned form, engine_emit *emit, void *arg, struct err *why)
{
	int rc = is_down(why);
	return rc < 0 ? rc : real_rds->list(ctx, path, after, form, emit, arg, why);
}

static int counted_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *why)
{
	int rc = is_down(why);
	return rc < 0 ? rc : real_rds->check(ctx, path, form, text, expect, why);
}

static int counted_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *why)
{
	rds_writes++;
	int rc = is_down(why);
	tell_commit(true);
	rc = rc < 0 ? rc : real_rds->write(ctx, path, form, text, expect, out, why);
	tell_commit(false);
	return rc;
}

static int counted_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *why)
{
	rds_writes++;
	int rc = is_down(why);
	tell_commit(true);
	rc = rc < 0 ? rc : real_rds->remove(ctx, path, expect, why);
	tell_commit(false);
	return rc;
}

static void sql(const char *text)
{
	struct engine_import *i;
	struct buf report = BUF_INIT;
	OK(engine_import_open(rds, PATH("shop"), "run", "sql", &i, &err));
	OK(engine_import_feed(i, slice_of(text), &err));
	OK(engine_import_finish(i, &report, &err));
	buf_free(&report);
}

static void rds_up(void)
{
	struct engine_config config = {.dir = rds_site, .sync = STORE_SYNC_CLOSE};
	char zones[2][SITE_MAX + 8];
	snprintf(zones[0], sizeof(zones[0]), "%s/a", site);
	snprintf(zones[1], sizeof(zones[1]), "%s/b", site);
	struct engine_setting settings[] = {{"az.a", zones[0]}, {"az.b", zones[1]}};
	config.settings = settings;
	config.n_settings = 2;
	real_rds = engine_find("rds", NULL);
	rds_ops = *real_rds;
	rds_ops.read = counted_read;
	rds_ops.stat = counted_stat;
	rds_ops.list = counted_list;
	rds_ops.check = counted_check;
	rds_ops.write = counted_write;
	rds_ops.remove = counted_remove;
	OK(engine_open(&rds_ops, &config, &rds, &err));
}

/* ---- the cluster ---- */

struct text {
	bool used;
	uint64_t version;
	int64_t life_ms;
	struct buf key;
	struct buf text;
};
#define TEXTS 512

static pthread_mutex_t cache_lock = PTHREAD_MUTEX_INITIALIZER;
static struct text cache[TEXTS]; /* as below, under cache_lock */
static uint64_t cache_version;
static uint64_t removed_version; /* an absent key's: moves with each removal */
static bool cache_down;
static int64_t last_life_ms;

static struct text *find_text(struct slice key)
{
	for (unsigned i = 0; i < TEXTS; i++) {
		if (cache[i].used && slice_equal(buf_slice(&cache[i].key), key)) {
			return &cache[i];
		}
	}
	return NULL;
}

static int check_up(struct err *why)
{
	return cache_down ? err_set(why, EIO, "the test says that the cache is down") : 0;
}

static int fake_get(struct cache_store *s, struct slice key, struct buf *out, uint64_t *version,
	struct err *why)
{
	(void)s;
	LOCKED(&cache_lock);
	int rc = check_up(why);
	const struct text *t = rc == 0 ? find_text(key) : NULL;
	*version = t != NULL ? t->version : removed_version;
	if (t != NULL) {
		buf_append_slice(out, buf_slice(&t->text));
	}
	return rc < 0 ? rc : t != NULL;
}

/* Where memory runs out in some tests: no ck_assert(), which needs some. */
static int put_text(struct slice key, struct slice text, int64_t life_ms, struct err *why)
{
	struct text *t = find_text(key);
	for (unsigned i = 0; t == NULL && i < TEXTS; i++) {
		t = cache[i].used ? NULL : &cache[i];
	}
	if (t == NULL) {
		abort();
	}
	buf_clear(&t->key);
	buf_clear(&t->text);
	buf_append_slice(&t->key, key);
	buf_append_slice(&t->text, text);
	t->used = !t->key.failed && !t->text.failed;
	if (!t->used) {
		return err_set(why, ENOMEM, "out of memory");
	}
	t->version = ++cache_version;
	t->life_ms = life_ms;
	last_life_ms = life_ms;
	return 0;
}

static int fake_set(struct cache_store *s, struct slice key, struct slice text, int64_t life_ms,
	struct err *why)
{
	(void)s;
	LOCKED(&cache_lock);
	int rc = check_up(why);
	return rc < 0 ? rc : put_text(key, text, life_ms, why);
}

static int fake_set_if(struct cache_store *s, struct slice key, uint64_t version, struct slice text,
	int64_t life_ms, struct err *why)
{
	(void)s;
	LOCKED(&cache_lock);
	int rc = check_up(why);
	const struct text *t = rc == 0 ? find_text(key) : NULL;
	if (rc < 0 || version != (t != NULL ? t->version : removed_version)) {
		return rc;
	}
	rc = put_text(key, text, life_ms, why);
	return rc < 0 ? rc : 1;
}

static int fake_remove(struct cache_store *s, struct slice key, struct err *why)
{
	(void)s;
	LOCKED(&cache_lock);
	int rc = check_up(why);
	struct text *t = rc == 0 ? find_text(key) : NULL;
	if (t != NULL) {
		t->used = false;
	}
	removed_version = rc == 0 ? ++cache_version : removed_version;
	return rc;
}

static void fake_close(struct cache_store *s)
{
	(void)s;
}

static const struct cache_store_ops fake_ops = {
	.get = fake_get,
	.set = fake_set,
	.set_if = fake_set_if,
	.remove = fake_remove,
	.close = fake_close,
};
static struct cache_store fake_store = {&fake_ops};

static int get_store(void *arg, struct cache_store **out, struct err *why)
{
	(void)arg;
	(void)why;
	*out = &fake_store;
	return 0;
}

static void put_store(void *arg, struct cache_store *store)
{
	(void)arg;
	if (store != &fake_store) {
		abort();
	}
}

static void set_cache_down(bool down)
{
	LOCKED(&cache_lock);
	cache_down = down;
}

/* The text that the cluster has of this row, of whatever epoch; NULL: none. Borrowed. */
__attribute__((unused)) static const char *cached(const char *row)
{
	size_t n = strlen(row);
	LOCKED(&cache_lock);
	for (unsigned i = 0; i < TEXTS; i++) {
		const struct buf *key = &cache[i].key;
		if (cache[i].used && key->n > n && memcmp(key->p + key->n - n, row, n) == 0 &&
			key->p[key->n - n - 1] == ':') {
			return buf_cstr(&cache[i].text);
		}
	}
	return NULL;
}

static void evict_all(void)
{
	LOCKED(&cache_lock);
	for (unsigned i = 0; i < TEXTS; i++) {
		cache[i].used = false;
	}
}

/* ---- the tables ---- */

static struct cache_tables *tables;
static struct cache_tree *tree;
static unsigned full_wait_ms = 50;
static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf events; /* under events_lock */

static struct engine *peer(void *arg, const char *service)
{
	(void)arg;
	return strcmp(service, "rds") == 0 ? rds : NULL;
}

static void on_event(void *arg, const char *text)
{
	(void)arg;
	LOCKED(&events_lock);
	buf_puts(&events, text);
	buf_putc(&events, '\n');
}

__attribute__((unused)) static bool event_says(const char *text)
{
	LOCKED(&events_lock);
	return strstr(buf_cstr(&events), text) != NULL;
}

static int tables_try_open(bool read_only)
{
	char path[SITE_MAX + 16];
	snprintf(path, sizeof(path), "%s/tables.db", site);
	struct cache_tables_config config = {
		.path = path,
		.label = "cluster c",
		.read_only = read_only,
		.full_wait_ms = full_wait_ms,
		.host = {.event = on_event, .peer = peer},
		.get_store = get_store,
		.put_store = put_store,
	};
	return cache_tables_open(&config, &tables, &err);
}

static void tables_up(void)
{
	OK(tables_try_open(false));
	OK(cache_tables_tree(tables, &tree, &err));
}

static void tables_down(void)
{
	cache_tree_close(tree);
	cache_tables_close(tables);
	tree = NULL;
	tables = NULL;
}

static int attach_words(const char *const *words, unsigned n)
{
	char *copies[16] = {NULL};
	for (unsigned i = 0; i < n; i++) {
		copies[i] = strdup(words[i]);
		ck_assert_ptr_nonnull(copies[i]);
	}
	int rc = cache_tables_attach(tables, n, copies, &err);
	for (unsigned i = 0; i < n; i++) {
		free(copies[i]);
	}
	return rc;
}

#define ATTACH(...)                                                                                \
	attach_words((const char *const[]){__VA_ARGS__},                                           \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void setup(void)
{
	log_set_level(LOG_LEVEL_WARN);
	make_site(site);
	snprintf(rds_site, sizeof(rds_site), "%s/rds", site);
	static const char *const dirs[] = {"rds", "a", "b"};
	for (unsigned i = 0; i < 3; i++) {
		char path[SITE_MAX + 8];
		snprintf(path, sizeof(path), "%s/%s", site, dirs[i]);
		ck_assert_int_eq(mkdir(path, 0700), 0);
	}
	rds_up();
	OK(engine_mkdir(rds, PATH("shop"), &err));
	sql("CREATE TABLE Customer(id INTEGER PRIMARY KEY, name TEXT NOT NULL CHECK(name <> "
	    "'bad'), "
	    "mail TEXT UNIQUE);"
	    "INSERT INTO Customer VALUES(1, 'Ann', 'a@x'), (2, 'Bob', 'b@x'), (3, 'Cid', NULL);");
	tables_up();
}

static void teardown(void)
{
	rds_down = false;
	rds_slow_us = 0;
	set_cache_down(false);
	tables_down();
	engine_unref(rds);
	for (unsigned i = 0; i < TEXTS; i++) {
		buf_free(&cache[i].key);
		buf_free(&cache[i].text);
		cache[i].used = false;
	}
	buf_free(&events);
	remove_site(site);
}

/* ---- calls ---- */

__attribute__((unused)) static int row_read(
	const char *table, const char *key, struct buf *out, uint64_t *version)
{
	struct engine_info info = {0};
	int rc = tree->ops->ops.read(tree, PATH(table, key), 0, out, &info, &err);
	if (rc == 0 && version != NULL) {
		*version = info.version;
	}
	return rc;
}

__attribute__((unused)) static int row_write(
	const char *table, const char *key, const char *text, uint64_t expect, uint64_t *version)
{
	struct engine_info info = {0};
	int rc = tree->ops->ops.write(
		tree, PATH(table, key), 0, slice_of(text), expect, &info, &err);
	if (rc == 0 && version != NULL) {
		*version = info.version;
	}
	return rc;
}

__attribute__((unused)) static int row_remove(const char *table, const char *key, uint64_t expect)
{
	return tree->ops->ops.remove(tree, PATH(table, key), expect, &err);
}

__attribute__((unused)) static int row_stat(
	const char *table, const char *key, struct engine_info *info)
{
	return tree->ops->ops.stat(tree, PATH(table, key), 0, info, &err);
}

__attribute__((unused)) static int sync_all(void)
{
	return tree->ops->ops.sync(tree, ROOT, &err);
}

/* Whether the row holds this piece; an empty one: whether it is there. */
static bool row_has(const char *table, const char *key, const char *piece)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_info info;
	struct err why = {0};
	int rc = tree->ops->ops.read(tree, PATH(table, key), 0, &text, &info, &why);
	ck_assert_msg(rc == 0 || rc == -ENOENT, "%s", why.msg);
	return rc == 0 && strstr(buf_cstr(&text), piece) != NULL;
}

/* The same of the row in RDS. */
static bool rds_has(const char *key, const char *piece)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_info info;
	struct err why = {0};
	int rc = engine_read(rds, PATH("shop", "Customer", key), 0, &text, &info, &why);
	ck_assert_msg(rc == 0 || rc == -ENOENT, "%s", why.msg);
	return rc == 0 && strstr(buf_cstr(&text), piece) != NULL;
}

static json_int_t counted(const char *table, const char *member)
{
	json_auto_t *status = json_object();
	OK(tree->ops->ops.status(tree, PATH(table), status, &err));
	const json_t *value = json_object_get(status, member);
	return value != NULL ? json_integer_value(value) : -1;
}

#endif
