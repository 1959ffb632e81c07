/* The files of a Redis-like cluster: each operation on each kind of key, and that commands agree.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/redis/server.h"
#include "engines/cache/redis/type.h"
#include "engines/cache/store.h"
#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "tests/unit/redis_fixture.h"

static struct redis_fixture f;
static struct redis_server *server;
static struct cache_tree *tree;
static struct cache_tree *ttl;
static struct err err;
static struct buf changed; /* "cart.hash/x " */

#define OK(call)                                                                                   \
	do {                                                                                       \
		err_clear(&err);                                                                   \
		ck_assert_msg((call) == 0, "%s: %s", #call, err.msg);                              \
	} while (0)
#define FAILS(call, errno_)                                                                        \
	do {                                                                                       \
		err_clear(&err);                                                                   \
		ck_assert_int_eq(call, -(errno_));                                                 \
		ck_assert_int_eq(err.code, errno_);                                                \
		ck_assert_str_ne(err.msg, "");                                                     \
	} while (0)
#define OPS (&tree->ops->ops)

/* ---- paths as people write them ---- */

/* "cart.hash/total", in memory that four paths share. */
static const struct epath *at(const char *text)
{
	static struct {
		struct epath path;
		struct buf key;
		char element[300];
	} kept[4];
	static unsigned next;
	unsigned n = next++ % 4;
	const char *slash = strchr(text, '/');
	unsigned form = 0;

	kept[n].path = (struct epath){0};
	if (*text == '\0') {
		return &kept[n].path;
	}
	struct slice first =
		slice_make(text, slash != NULL ? (size_t)(slash - text) : strlen(text));
	struct buf name = BUF_INIT;
	ck_assert_int_eq(name_parse(first, &redis_names, &form, &name), NAME_KEY);
	buf_clear(&kept[n].key);
	buf_putc(&kept[n].key, (char)form);
	buf_append_slice(&kept[n].key, buf_slice(&name));
	buf_free(&name);
	kept[n].path.depth = slash != NULL ? 2 : 1;
	kept[n].path.key[0] = buf_slice(&kept[n].key);
	if (slash != NULL) {
		snprintf(kept[n].element, sizeof(kept[n].element), "%s", slash + 1);
		kept[n].path.key[1] = slice_of(kept[n].element);
	}
	return &kept[n].path;
}

static void print_path(const struct epath *path, struct buf *out)
{
	if (path->depth > 0) {
		struct slice name = slice_make(path->key[0].p + 1, path->key[0].n - 1);
		name_print(name, &redis_names, (unsigned char)path->key[0].p[0], out);
	}
	if (path->depth > 1) {
		buf_putc(out, '/');
		buf_append_slice(out, path->key[1]);
	}
}

static void note_changed(void *arg, const struct epath *path)
{
	(void)arg;
	print_path(path, &changed);
	buf_putc(&changed, ' ');
}

/* What was told since the last time. */
static const char *told(void)
{
	static struct buf text;

	buf_clear(&text);
	buf_append_slice(&text, buf_slice(&changed));
	buf_clear(&changed);
	return buf_cstr(&text);
}

/* ---- life ---- */

static void open_server(struct redis_db *db)
{
	struct redis_server_config config = {
		.db = db, .limits = &f.limits, .host = {.changed = note_changed}};

	OK(redis_server_open(&config, &server, &err));
	OK(redis_tree_open(server, &tree, &err));
	OK(tree->ops->room(tree, ".ttl", &ttl, &err));
}

static void close_server(void)
{
	cache_tree_close(ttl);
	cache_tree_close(tree);
	redis_server_close(server);
}

static void setup(void)
{
	redis_fixture_start(&f);
	open_server(f.db);
}

static void teardown(void)
{
	close_server();
	redis_fixture_end(&f);
	buf_free(&changed);
}

/* ---- operations in few words ---- */

static struct engine_info info;

static int save(const char *path, const char *text, uint64_t expect)
{
	const struct epath *p = at(path);

	return OPS->write(
		tree, p, (unsigned char)p->key[0].p[0], slice_of(text), expect, &info, &err);
}
#define ANY    ENGINE_VERSION_ANY
#define ABSENT ENGINE_VERSION_ABSENT

static const char *text_of(struct cache_tree *t, const char *path)
{
	static struct buf text;

	buf_clear(&text);
	err_clear(&err);
	if (t->ops->ops.read(t, at(path), 0, &text, &info, &err) < 0) {
		return "(none)";
	}
	struct engine_info same;
	ck_assert_uint_eq(info.size, text.n);
	OK(t->ops->ops.stat(t, at(path), 0, &same, &err));
	ck_assert_uint_eq(info.size, same.size);
	return buf_cstr(&text);
}

static const char *cat(const char *path)
{
	return text_of(tree, path);
}

struct names {
	struct buf text;
	bool keys;
	unsigned n, stop;
	struct buf last;
};

static int add_name(void *arg, struct slice key, const struct engine_info *i)
{
	struct epath path = {1, {key}};
	struct names *n = arg;

	(void)i;
	if (n->keys) {
		print_path(&path, &n->text);
	} else {
		buf_append_slice(&n->text, key);
	}
	buf_putc(&n->text, ' ');
	buf_clear(&n->last);
	buf_append_slice(&n->last, key);
	return ++n->n == n->stop;
}

/* In pieces of `step` names, each behind the last. */
static const char *list_by(struct cache_tree *t, const char *path, unsigned step)
{
	static struct buf text;
	struct names n = {.keys = *path == '\0', .stop = step};
	unsigned before;
	CLEANUP(buf_free) struct buf after = BUF_INIT;

	err_clear(&err);
	do {
		struct slice from = buf_slice(&after);
		before = n.n;
		n.stop = step == 0 ? 0 : n.n + step;
		int rc = t->ops->ops.list(
			t, at(path), before > 0 ? &from : NULL, 0, add_name, &n, &err);
		if (rc < 0) {
			buf_free(&n.text);
			buf_free(&n.last);
			return "(none)";
		}
		buf_clear(&after);
		buf_append_slice(&after, buf_slice(&n.last));
	} while (step != 0 && n.n == before + step);
	buf_clear(&text);
	buf_append_slice(&text, buf_slice(&n.text));
	buf_free(&n.text);
	buf_free(&n.last);
	return buf_cstr(&text);
}

static const char *ls(const char *path)
{
	return list_by(tree, path, 0);
}

static int run(const char *path, const char *mode, const char *format, const char *text,
	struct buf *report)
{
	void *sink;

	buf_clear(report);
	int rc = OPS->import_open(tree, at(path), mode, format, &sink, &err);
	if (rc < 0) {
		return rc;
	}
	rc = OPS->import_feed(sink, slice_of(text), &err);
	if (rc < 0) {
		OPS->import_abort(sink);
		return rc;
	}
	return OPS->import_finish(sink, report, &err);
}

static const char *exec(const char *commands)
{
	static struct buf out;

	OK(run("", "run", "exec", commands, &out));
	return buf_cstr(&out);
}

/* Whether SAID, a time to live as `.exec` or a file says it, is SECONDS, or on a slow machine a
 * minute less. */
static bool ends_in(const char *said, long seconds)
{
	long left = strtol(said + strcspn(said, "-0123456789"), NULL, 10);

	return left <= seconds && left > seconds - 60;
}

static bool there(const char *path)
{
	return OPS->stat(tree, at(path), 0, &info, &err) == 0;
}

/* ---- strings ---- */

START_TEST(test_a_string_is_a_file_of_its_bytes)
{
	OK(save("greet", "hello", ABSENT));
	ck_assert_str_eq(cat("greet"), "hello");
	ck_assert_str_eq(exec("get greet"), "\"hello\"\n");
	FAILS(save("greet", "again", ABSENT), EEXIST);
	uint64_t version = info.version;
	OK(save("greet", "hello you", version));
	FAILS(save("greet", "late", version), EBUSY);
	ck_assert_str_eq(exec("get greet\nstrlen greet"), "\"hello you\"\n(integer) 9\n");
	OK(OPS->remove(tree, at("greet"), ANY, &err));
	ck_assert_str_eq(exec("exists greet"), "(integer) 0\n");
	FAILS(OPS->remove(tree, at("greet"), ANY, &err), ENOENT);
	FAILS(save("greet", "late", version), EBUSY);
	ck_assert_str_eq(cat("greet"), "(none)");
}
END_TEST

START_TEST(test_the_same_bytes_change_nothing)
{
	OK(save("a", "x", ANY));
	struct engine_info first = info;
	OK(save("a", "x", ANY));
	ck_assert_uint_eq(info.version, first.version);
	ck_assert_int_eq(info.mtime_ns, first.mtime_ns);
	OK(save("a", "x", first.version));
	ck_assert_uint_eq(info.version, first.version);
}
END_TEST

START_TEST(test_a_save_ends_the_time_to_live_an_edit_keeps_it)
{
	exec("set a x ex 1000");
	ck_assert_str_eq(cat("a"), "x");
	OK(save("a", "xy", info.version));
	ck_assert(ends_in(exec("ttl a"), 1000));
	OK(save("a", "z", ANY));
	ck_assert_str_eq(exec("ttl a"), "(integer) -1\n");
	exec("expire a 1000");
	OK(save("a", "z", ANY));
	ck_assert_str_eq(exec("ttl a"), "(integer) -1\n");
}
END_TEST

START_TEST(test_a_name_of_another_type_is_refused)
{
	exec("hset cart a 1");
	FAILS(save("cart", "x", ANY), EEXIST);
	ck_assert_str_eq(
		err.msg, "cart is a hash: it is cart.hash/; a key has one type, remove it first");
	FAILS(OPS->check_key(tree, at("cart"), &err), EEXIST);
	OK(OPS->check_key(tree, at("cart.hash"), &err));
	FAILS(OPS->mkdir(tree, at("cart.list"), &err), EEXIST);
	ck_assert_str_eq(cat("cart"), "(none)");
	ck_assert(!there("cart.list"));
	exec("set s x");
	FAILS(OPS->mkdir(tree, at("s.hash"), &err), EEXIST);
	FAILS(save("s.hash/a", "x", ANY), ENOENT);
	FAILS(save("cart.hash", "x", ANY), EISDIR);
	FAILS(OPS->remove(tree, at("cart.hash"), ANY, &err), EISDIR);
	OK(OPS->mkdir(tree, at("new.set"), &err));
	FAILS(save("new", "x", ANY), EEXIST);
	FAILS(OPS->check_key(tree, at("new"), &err), EEXIST);
	FAILS(OPS->mkdir(tree, at("new.hash"), &err), EEXIST);
	FAILS(OPS->mkdir(tree, at("plain"), &err), ENOTSUP);
}
END_TEST

START_TEST(test_paths_that_cannot_be)
{
	struct epath bad = {1, {{"\x09x", 2}}};
	struct epath none = {1, {{"", 0}}};
	struct engine_level level;

	FAILS(OPS->stat(tree, &bad, 0, &info, &err), ENOENT);
	FAILS(OPS->stat(tree, &none, 0, &info, &err), ENOENT);
	FAILS(OPS->check_key(tree, &bad, &err), EINVAL);
	FAILS(OPS->level(tree, at("a"), &level, &err), ENOTDIR);
	FAILS(OPS->level(tree, at("a.hash/b"), &level, &err), ENOTDIR);
	FAILS(OPS->list(tree, at("a"), NULL, 0, add_name, NULL, &err), ENOTDIR);
	FAILS(OPS->list(tree, at("a.hash"), NULL, 0, add_name, NULL, &err), ENOENT);
	FAILS(OPS->rmdir(tree, at("a"), &err), ENOTDIR);
	struct buf out = BUF_INIT;
	FAILS(OPS->read(tree, at(""), 0, &out, &info, &err), EISDIR);
	exec("hset h a 1");
	FAILS(OPS->read(tree, at("h.hash"), 0, &out, &info, &err), EISDIR);
	struct cache_tree *room;
	FAILS(tree->ops->room(tree, ".none", &room, &err), ENOENT);
}
END_TEST

/* ---- typed keys ---- */

START_TEST(test_a_hash_is_a_directory)
{
	OK(OPS->mkdir(tree, at("cart.hash"), &err));
	FAILS(OPS->mkdir(tree, at("cart.hash"), &err), EEXIST);
	ck_assert_str_eq(ls(""), "cart.hash ");
	ck_assert_str_eq(ls("cart.hash"), "");
	ck_assert_str_eq(exec("exists cart"), "(integer) 0\n");
	told();
	OK(save("cart.hash/pen", "3", ABSENT));
	ck_assert_str_eq(told(), "");
	OK(save("cart.hash/ink", "1", ABSENT));
	ck_assert_str_eq(ls("cart.hash"), "ink pen ");
	ck_assert_str_eq(exec("hget cart pen"), "\"3\"\n");
	FAILS(OPS->mkdir(tree, at("cart.hash"), &err), EEXIST);
	FAILS(OPS->rmdir(tree, at("cart.hash"), &err), ENOTEMPTY);
	OK(OPS->rename(tree, at("cart.hash/pen"), at("cart.hash/pencil"), 0, &err));
	ck_assert_str_eq(cat("cart.hash/pencil"), "3");
	FAILS(OPS->rename(tree, at("cart.hash/pencil"), at("other.hash/pencil"), 0, &err), EXDEV);
	OK(OPS->remove(tree, at("cart.hash/ink"), ANY, &err));
	FAILS(OPS->remove(tree, at("cart.hash/ink"), ANY, &err), ENOENT);
	ck_assert_str_eq(told(), "");
}
END_TEST

START_TEST(test_a_directory_whose_last_element_went)
{
	exec("hset cart a 1");
	told();
	OK(OPS->remove(tree, at("cart.hash/a"), ANY, &err));
	ck_assert_str_eq(told(), "cart.hash ");
	ck_assert_str_eq(exec("exists cart"), "(integer) 0\n");
	ck_assert_str_eq(ls(""), "");
	ck_assert(there("cart.hash"));
	ck_assert_str_eq(ls("cart.hash"), "");
	OK(OPS->rmdir(tree, at("cart.hash"), &err));
	ck_assert(!there("cart.hash"));
	FAILS(OPS->rmdir(tree, at("cart.hash"), &err), ENOENT);
	/* Another one comes by a file in the directory that somebody stands in. */
	exec("sadd s m");
	OK(OPS->remove(tree, at("s.set/m"), ANY, &err));
	told();
	OK(save("s.set/n", "", ABSENT));
	ck_assert_str_eq(told(), "s.set ");
	ck_assert_str_eq(ls(""), "s.set ");
	/* A string may take the name. */
	OK(OPS->remove(tree, at("s.set/n"), ANY, &err));
	OK(save("s", "x", ABSENT));
	ck_assert(!there("s.set"));
	ck_assert_str_eq(ls(""), "s ");
}
END_TEST

START_TEST(test_what_waits_for_its_first_element_gives_way_to_a_command)
{
	OK(OPS->mkdir(tree, at("a.hash"), &err));
	exec("set a x");
	ck_assert_str_eq(ls(""), "a ");
	ck_assert(!there("a.hash"));
	OK(OPS->remove(tree, at("a"), ANY, &err));
	ck_assert_str_eq(ls(""), "");
	FAILS(save("gone.hash/f", "1", ANY), ENOENT);
	OK(OPS->mkdir(tree, at("b.zset"), &err));
	OK(OPS->rmdir(tree, at("b.zset"), &err));
	FAILS(OPS->rmdir(tree, at("b.zset"), &err), ENOENT);
}
END_TEST

START_TEST(test_the_other_types)
{
	OK(OPS->mkdir(tree, at("q.list"), &err));
	OK(save("q.list/0", "a", ABSENT));
	OK(save("q.list/1", "b", ABSENT));
	ck_assert_str_eq(exec("lrange q 0 -1"), "1) \"a\"\n2) \"b\"\n");
	ck_assert_str_eq(ls("q.list"), "1 0 ");
	OK(save("q.list/2", "c", ABSENT));
	told();
	OK(OPS->remove(tree, at("q.list/2"), ANY, &err));
	ck_assert_str_eq(told(), "");
	OK(OPS->remove(tree, at("q.list/0"), ANY, &err));
	ck_assert_str_eq(told(), "q.list "); /* the others moved up */
	ck_assert_str_eq(cat("q.list/0"), "b");
	OK(OPS->mkdir(tree, at("m.set"), &err));
	OK(save("m.set/x", "", ABSENT));
	ck_assert_str_eq(exec("smembers m"), "1) \"x\"\n");
	OK(OPS->mkdir(tree, at("z.zset"), &err));
	OK(save("z.zset/x", "1.5", ABSENT));
	ck_assert_str_eq(exec("zscore z x"), "\"1.5\"\n");
	FAILS(save("z.zset/y", "high", ABSENT), EINVAL);
	FAILS(OPS->check(tree, at("z.zset/y"), 0, slice_of("high"), ANY, &err), EINVAL);
	FAILS(OPS->check_key(tree, at("q.list/x"), &err), EINVAL);
	OK(OPS->check_key(tree, at("q.list/2"), &err));
	ck_assert_str_eq(ls(""), "m.set q.list z.zset ");
}
END_TEST

/* ---- listing ---- */

START_TEST(test_listings_in_byte_order_behind_each_name)
{
	const char *all = "a a.b b.hash c.list d e.set f ";

	exec("set d 1\nset a 1\nhset b x 1\nsadd e m\nset f 1\nset a.b 1");
	OK(OPS->mkdir(tree, at("c.list"), &err));
	for (unsigned step = 0; step < 9; step++) {
		ck_assert_str_eq(list_by(tree, "", step), all);
	}
	exec("del d");
	ck_assert_str_eq(ls(""), "a a.b b.hash c.list e.set f ");
	OK(OPS->stat(tree, at(""), 0, &info, &err));
	int64_t before = info.mtime_ns;
	OK(OPS->mkdir(tree, at("g.list"), &err));
	OK(OPS->stat(tree, at(""), 0, &info, &err));
	ck_assert_int_gt(info.mtime_ns, before);
}
END_TEST

START_TEST(test_long_names_are_found_by_their_hash)
{
	CLEANUP(buf_free) struct buf command = BUF_INIT;
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	unsigned char hash[NAME_HASH_BYTES];
	char name[401];

	memset(name, 'n', 400);
	name[400] = '\0';
	buf_printf(&command, "hset %s %s 1", name, name);
	exec(buf_cstr(&command));
	name_hash(slice_of(name), hash);
	OK(OPS->find_hashed(tree, at(""), hash, &key, &err));
	ck_assert_uint_eq(key.n, 401);
	ck_assert_int_eq(key.p[0], REDIS_HASH);
	struct epath dir = {1, {buf_slice(&key)}};
	struct buf field = BUF_INIT;
	OK(OPS->find_hashed(tree, &dir, hash, &field, &err));
	ck_assert_str_eq(buf_cstr(&field), name);
	buf_free(&field);
	hash[0] ^= 1;
	FAILS(OPS->find_hashed(tree, at(""), hash, &field, &err), ENOENT);
	FAILS(OPS->find_hashed(tree, &dir, hash, &field, &err), ENOENT);
	/* One that mkdir made. */
	name[0] = 'm';
	buf_clear(&key);
	buf_putc(&key, REDIS_SET);
	buf_puts(&key, name);
	struct epath made = {1, {buf_slice(&key)}};
	OK(OPS->mkdir(tree, &made, &err));
	name_hash(slice_of(name), hash);
	OK(OPS->find_hashed(tree, at(""), hash, &field, &err));
	ck_assert(slice_equal(buf_slice(&field), buf_slice(&key)));
	buf_free(&field);
}
END_TEST

/* ---- rename ---- */

START_TEST(test_renames)
{
	exec("set a 1 ex 1000\nset b 2\nhset h x 1\nhset i y 2");
	OK(OPS->rename(tree, at("a"), at("c"), 0, &err));
	ck_assert(ends_in(exec("ttl c"), 1000));
	ck_assert_str_eq(exec("exists a"), "(integer) 0\n");
	FAILS(OPS->rename(tree, at("a"), at("c"), 0, &err), ENOENT);
	FAILS(OPS->rename(tree, at("c"), at("b"), RENAME_NOREPLACE, &err), EEXIST);
	OK(OPS->rename(tree, at("c"), at("b"), RENAME_EXCHANGE, &err));
	ck_assert_str_eq(exec("get b\nget c"), "\"1\"\n\"2\"\n");
	ck_assert(ends_in(exec("ttl b"), 1000));
	FAILS(OPS->rename(tree, at("c"), at("none"), RENAME_EXCHANGE, &err), ENOENT);
	OK(OPS->rename(tree, at("c"), at("b"), 0, &err));
	ck_assert_str_eq(ls(""), "b h.hash i.hash ");
	OK(OPS->rename(tree, at("b"), at("b"), 0, &err));
	FAILS(OPS->rename(tree, at("b"), at("b"), RENAME_NOREPLACE, &err), EEXIST);
	FAILS(OPS->rename(tree, at("b"), at("b.hash"), 0, &err), EINVAL);
	FAILS(OPS->rename(tree, at("b"), at("h"), 0, &err), EEXIST);
	FAILS(OPS->rename(tree, at("h.hash"), at("i.hash"), 0, &err), ENOTEMPTY);
	OK(OPS->rename(tree, at("h.hash"), at("i.hash"), RENAME_EXCHANGE, &err));
	ck_assert_str_eq(ls("h.hash"), "y ");
	OK(OPS->rename(tree, at("h.hash"), at("j.hash"), 0, &err));
	ck_assert_str_eq(cat("j.hash/y"), "2");
	FAILS(OPS->rename(tree, at("b"), at("j.hash/b"), 0, &err), EXDEV);
	FAILS(OPS->rename(tree, at(""), at("j.hash"), 0, &err), EXDEV);
}
END_TEST

START_TEST(test_renames_of_empty_directories)
{
	exec("hset h x 1\nset s 1");
	OK(OPS->mkdir(tree, at("a.hash"), &err));
	OK(OPS->rename(tree, at("a.hash"), at("b.hash"), 0, &err));
	ck_assert_str_eq(ls(""), "b.hash h.hash s ");
	FAILS(OPS->rename(tree, at("b.hash"), at("h.hash"), 0, &err), ENOTEMPTY);
	FAILS(OPS->rename(tree, at("b.hash"), at("s.hash"), 0, &err), EEXIST);
	FAILS(OPS->rename(tree, at("b.hash"), at("h.hash"), RENAME_EXCHANGE, &err), EINVAL);
	FAILS(OPS->rename(tree, at("b.hash"), at("z.hash"), RENAME_EXCHANGE, &err), ENOENT);
	FAILS(OPS->rename(tree, at("h.hash"), at("b.hash"), RENAME_NOREPLACE, &err), EEXIST);
	FAILS(OPS->rename(tree, at("b.hash"), at("h.hash"), RENAME_NOREPLACE, &err), EEXIST);
	OK(OPS->rename(tree, at("h.hash"), at("b.hash"), 0, &err));
	ck_assert_str_eq(ls(""), "b.hash s ");
	OK(OPS->mkdir(tree, at("c.list"), &err));
	FAILS(OPS->rename(tree, at("s"), at("c"), 0, &err), EEXIST);
}
END_TEST

/* ---- time to live ---- */

START_TEST(test_touch_into_the_future)
{
	exec("set a x\nhset h x 1");
	OK(OPS->set_time(tree, at("a"), clock_wall_ns() - 1, &err));
	OK(OPS->set_time(tree, at("a"), 0, &err));
	ck_assert_str_eq(exec("ttl a"), "(integer) -1\n");
	int64_t then = clock_wall_ns() + INT64_C(500000000000);
	OK(OPS->set_time(tree, at("a"), then, &err));
	OK(OPS->set_time(tree, at("h.hash"), then, &err));
	OK(OPS->set_time(tree, at("h.hash/x"), then, &err));
	ck_assert_str_eq(cat("a"), "x");
	struct redis_key key;
	ck_assert_int_eq(keys_of(&f, "a", &key), 1);
	ck_assert_int_eq(key.expires_ms, then / 1000000);
	ck_assert_int_eq(keys_of(&f, "h", &key), 1);
	ck_assert_int_eq(key.expires_ms, then / 1000000);
	FAILS(OPS->set_time(tree, at("none"), then, &err), ENOENT);
}
END_TEST

START_TEST(test_the_attribute)
{
	struct buf out = BUF_INIT;

	exec("set a x");
	FAILS(OPS->attr_read(tree, at("a"), "ttl", &out, &err), ENODATA);
	FAILS(OPS->attr_remove(tree, at("a"), "ttl", &err), ENODATA);
	OK(OPS->attr_write(tree, at("a"), "ttl", slice_of("100"), &err));
	OK(OPS->attr_read(tree, at("a"), "ttl", &out, &err));
	ck_assert_str_eq(buf_cstr(&out), "100");
	OK(OPS->attr_remove(tree, at("a"), "ttl", &err));
	FAILS(OPS->attr_write(tree, at("a"), "ttl", slice_of("soon"), &err), EINVAL);
	FAILS(OPS->attr_write(tree, at("none"), "ttl", slice_of("1"), &err), ENOENT);
	FAILS(OPS->attr_read(tree, at("a"), "flags", &out, &err), ENODATA);
	buf_free(&out);
}
END_TEST

static int set_ttl(const char *path, const char *text)
{
	return ttl->ops->ops.write(ttl, at(path), 0, slice_of(text), ANY, &info, &err);
}

START_TEST(test_the_room_ttl)
{
	struct engine_level level;

	exec("set a x\nset b x\nhset h x 1");
	ck_assert_str_eq(list_by(ttl, "", 0), "");
	OK(set_ttl("a", "100\n"));
	OK(set_ttl("h.hash", "200"));
	ck_assert_str_eq(list_by(ttl, "", 0), "a h.hash ");
	ck_assert_str_eq(list_by(ttl, "", 1), "a h.hash ");
	ck_assert(ends_in(text_of(ttl, "a"), 100));
	ck_assert(ends_in(exec("ttl h"), 200));
	ck_assert_str_eq(text_of(ttl, "b"), "(none)");
	FAILS(set_ttl("none", "1"), ENOENT);
	FAILS(set_ttl("a.hash", "1"), ENOENT);
	FAILS(set_ttl("a", "0\n"), EINVAL);
	FAILS(set_ttl("a", "-5\n"), EINVAL);
	FAILS(set_ttl("a", ""), EINVAL);
	FAILS(set_ttl("a", "99999999999999999999"), EINVAL);
	FAILS(ttl->ops->ops.check(ttl, at("a"), 0, slice_of("x"), ANY, &err), EINVAL);
	FAILS(ttl->ops->ops.write(ttl, at("a"), 0, slice_of("1"), ABSENT, &info, &err), EEXIST);
	OK(ttl->ops->ops.remove(ttl, at("a"), ANY, &err));
	FAILS(ttl->ops->ops.remove(ttl, at("a"), ANY, &err), ENOENT);
	ck_assert_str_eq(exec("ttl a\nget a"), "(integer) -1\n\"x\"\n");
	OK(ttl->ops->ops.level(ttl, at(""), &level, &err));
	ck_assert(level.tagged && level.dir_forms == 0);
	OK(ttl->ops->ops.stat(ttl, at(""), 0, &info, &err));
	ck_assert(info.moves);
	FAILS(ttl->ops->ops.level(ttl, at("a"), &level, &err), ENOTDIR);
}
END_TEST

START_TEST(test_what_has_expired_is_not_there)
{
	exec("set a x\nhset h x 1");
	keys_expire_at(&f, "a", clock_wall_ns() / 1000000 + 1);
	keys_expire_at(&f, "h", clock_wall_ns() / 1000000 + 1);
	while (there("a") || there("h.hash")) {
	}
	ck_assert_str_eq(cat("a"), "(none)");
	ck_assert_str_eq(cat("h.hash/x"), "(none)");
	ck_assert_str_eq(ls(""), "");
	ck_assert_str_eq(list_by(ttl, "", 0), "");
	FAILS(save("h.hash/y", "1", ANY), ENOENT);
	OK(save("a", "y", ABSENT));
}
END_TEST

/* ---- whole directories, scripts, status ---- */

START_TEST(test_export_and_import)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	uint64_t size;
	void *stream;

	exec("hset h a 1 b 2");
	OK(OPS->export_open(tree, at("h.hash"), "json", &stream, &size, &err));
	OK(OPS->export_read(stream, &text, &err));
	OK(OPS->export_read(stream, &text, &err));
	OPS->export_close(stream);
	ck_assert_uint_eq(size, text.n);
	FAILS(run("h.hash", "append", "json", buf_cstr(&text), &report), EINVAL);
	OK(run("h.hash", "upsert", "json", "{\"b\": \"3\", \"c\": \"4\"}", &report));
	ck_assert_str_eq(buf_cstr(&report), "2 fields stored\n");
	ck_assert_str_eq(ls("h.hash"), "a b c ");
	OK(run("h.hash", "replace", "json", buf_cstr(&text), &report));
	ck_assert_str_eq(ls("h.hash"), "a b ");
	FAILS(run("h.hash", "upsert", "json", "{\"b\": ", &report), EINVAL);
	ck_assert_str_eq(cat("h.hash/b"), "2");
	OK(run("h.hash", "replace", "json", "{}", &report));
	ck_assert_str_eq(exec("exists h"), "(integer) 0\n");
	ck_assert_str_eq(ls(""), "h.hash ");
	OK(run("h.hash", "append", "json", "{\"z\": \"1\"}", &report));
	ck_assert_str_eq(buf_cstr(&report), "1 field stored\n");
	FAILS(run("none.hash", "append", "json", "{}", &report), ENOENT);
	FAILS(run("h.hash", "create", "json", "{}", &report), ENOTSUP);
	FAILS(run("h.hash", "append", "csv", "", &report), ENOTSUP);
	FAILS(run("", "append", "json", "", &report), ENOTSUP);
	FAILS(OPS->export_open(tree, at("none.hash"), "json", &stream, &size, &err), ENOENT);
	FAILS(OPS->export_open(tree, at("h.hash"), "csv", &stream, &size, &err), ENOTSUP);
}
END_TEST

START_TEST(test_the_scripts_of_a_list)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;

	exec("rpush q a");
	OK(run("q.list", "run", "rpush", "b\nc\n", &report));
	ck_assert_str_eq(ls("q.list"), "2 1 0 ");
	FAILS(run("q.list", "run", "zadd", "b\n", &report), ENOTSUP);
}
END_TEST

START_TEST(test_replies_in_each_form)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	void *sink;

	OK(run("", "run", "exec.json", "set a 1\nget a", &report));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&report), "OK"));
	OK(run("", "run", "exec.resp", "get a", &report));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&report), "$1\r\n1\r\n"));
	OK(OPS->import_open(tree, at(""), "run", "exec", &sink, &err));
	OK(OPS->import_feed(sink, slice_of("get a\n"), &err));
	buf_clear(&report);
	OK(OPS->import_reply(sink, &report, &err));
	ck_assert_str_eq(buf_cstr(&report), "\"1\"\n");
	OK(OPS->import_feed(sink, slice_of("del a\n"), &err));
	buf_clear(&report);
	OK(OPS->import_finish(sink, &report, &err));
	ck_assert_str_eq(buf_cstr(&report), "(integer) 1\n");
	OK(OPS->mkdir(tree, at("h.hash"), &err));
	OK(OPS->import_open(tree, at("h.hash"), "append", "json", &sink, &err));
	FAILS(OPS->import_reply(sink, &report, &err), ENOTSUP);
	OPS->import_abort(sink);
}
END_TEST

START_TEST(test_status)
{
	json_t *out = json_object();

	exec("hset h a 1 b 2\nexpire h 100");
	OK(OPS->status(tree, at(""), out, &err));
	ck_assert_int_eq(json_integer_value(json_object_get(out, "keys")), 1);
	ck_assert_int_gt((int)OPS->bytes(tree), 0);
	json_object_clear(out);
	OK(OPS->status(tree, at("h.hash"), out, &err));
	ck_assert_str_eq(json_string_value(json_object_get(out, "type")), "hash");
	ck_assert_int_eq(json_integer_value(json_object_get(out, "elements")), 2);
	ck_assert_int_eq(json_integer_value(json_object_get(out, "ttl")), 100);
	FAILS(OPS->status(tree, at("none.hash"), out, &err), ENOENT);
	json_decref(out);
}
END_TEST

/* ---- what is told ---- */

START_TEST(test_a_told_key_is_told_as_any_type)
{
	struct cache_host host = {.changed = note_changed};
	struct cache_host none = {0};
	struct slice key = slice_of("k");
	struct slice element = slice_of("e");

	told();
	redis_tell(&host, &key, NULL);
	ck_assert_str_eq(told(), "k k.hash k.list k.set k.zset k.stream ");
	redis_tell(&host, &key, &element);
	ck_assert_str_eq(told(), "k.hash/e k.list/e k.set/e k.zset/e k.stream/e ");
	redis_tell(&host, NULL, NULL);
	ck_assert_str_eq(told(), " ");
	redis_tell(&none, &key, NULL);
}
END_TEST

START_TEST(test_writers_of_files_are_not_told_of_them)
{
	OK(OPS->mkdir(tree, at("h.hash"), &err));
	buf_clear(&f.told);
	OK(save("a", "x", ANY));
	OK(save("a", "y", ANY));
	OK(save("h.hash/f", "1", ANY));
	OK(OPS->rename(tree, at("a"), at("b"), 0, &err));
	OK(OPS->remove(tree, at("b"), ANY, &err));
	OK(OPS->remove(tree, at("h.hash/f"), ANY, &err));
	ck_assert_str_eq(buf_cstr(&f.told), "");
	exec("set c 1");
	ck_assert_str_eq(buf_cstr(&f.told), "c ");
}
END_TEST

/* ---- where nothing can be written, or no more ---- */

START_TEST(test_a_full_cluster)
{
	char large[4001];

	memset(large, 'x', 4000);
	large[4000] = '\0';
	OK(save("a", large, ANY));
	atomic_store(&f.limits.maxmemory, 1000);
	FAILS(save("b", "x", ANY), ENOSPC);
	ck_assert_str_eq(err.msg, "OOM command not allowed when used memory > 'maxmemory'.");
	OK(OPS->remove(tree, at("a"), ANY, &err));
	OK(save("b", "x", ANY));
	atomic_store(&f.limits.policy, REDIS_ALLKEYS_LRU);
	OK(save("c", large, ANY));
	buf_clear(&f.told);
	OK(save("d", "x", ANY));
	ck_assert_str_ne(buf_cstr(&f.told), "");
	ck_assert_uint_gt(atomic_load(&server->counts->evicted), 0);
}
END_TEST

START_TEST(test_a_copy_takes_no_writes)
{
	static const char text[] = "READONLY You can't write against a read only replica.";
	char path[200];
	struct redis_db *copy;
	struct redis_db_config config = {.label = "copy"};
	struct engine_level level;

	exec("set a x\nhset h f 1");
	close_server();
	redis_fixture_close(&f);
	snprintf(path, sizeof(path), "%s/keys/data.db", f.path[0]);
	if (redis_db_file(path, &config, &copy, &err) < 0) {
		err_clear(&err);
		snprintf(path, sizeof(path), "%s/%s/data.db", f.path[0], f.config.id);
		OK(redis_db_file(path, &config, &copy, &err));
	}
	open_server(copy);
	ck_assert_str_eq(cat("a"), "x");
	FAILS(save("a", "y", ANY), EROFS);
	ck_assert_str_eq(err.msg, text);
	FAILS(save("h.hash/f", "y", ANY), EROFS);
	FAILS(OPS->mkdir(tree, at("n.hash"), &err), EROFS);
	ck_assert_str_eq(err.msg, text);
	FAILS(OPS->rmdir(tree, at("h.hash"), &err), EROFS);
	FAILS(OPS->remove(tree, at("a"), ANY, &err), EROFS);
	FAILS(OPS->rename(tree, at("a"), at("b"), 0, &err), EROFS);
	FAILS(set_ttl("a", "10"), EROFS);
	OK(OPS->level(tree, at("h.hash"), &level, &err));
	ck_assert_ptr_null(level.import_formats);
	close_server();
	redis_db_close(copy);
	redis_fixture_open(&f);
	open_server(f.db);
}
END_TEST

/* ---- in front of a table ---- */

START_TEST(test_as_a_store)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct cache_store *s;
	struct cache_store *other;
	uint64_t absent;
	uint64_t version;
	struct slice key = slice_of("t:1");

	OK(redis_store_open(server, &s, &err));
	OK(redis_store_open(server, &other, &err));
	ck_assert_int_eq(s->ops->get(s, key, &text, &absent, &err), 0);
	OK(other->ops->remove(other, key, &err));
	ck_assert_int_eq(s->ops->set_if(s, key, absent, slice_of("old"), 0, &err), 0);
	ck_assert_int_eq(s->ops->get(s, key, &text, &absent, &err), 0);
	ck_assert_int_eq(s->ops->set_if(s, key, absent, slice_of("new"), 0, &err), 1);
	ck_assert_int_eq(s->ops->set_if(s, key, absent, slice_of("late"), 0, &err), 0);
	ck_assert_int_eq(s->ops->get(s, key, &text, &version, &err), 1);
	ck_assert_str_eq(buf_cstr(&text), "new");
	ck_assert_int_eq(s->ops->set_if(s, key, version, slice_of("newer"), 100000, &err), 1);
	ck_assert(ends_in(exec("ttl t:1"), 100));
	ck_assert_int_eq(s->ops->set_if(s, key, version, slice_of("late"), 0, &err), 0);
	OK(s->ops->set(s, key, slice_of("whole"), 0, &err));
	ck_assert_str_eq(cat("t:1"), "whole");
	OK(s->ops->remove(s, key, &err));
	ck_assert_str_eq(cat("t:1"), "(none)");
	exec("hset t:1 a 1");
	ck_assert_int_eq(s->ops->get(s, key, &text, &version, &err), 0);
	other->ops->close(other);
	s->ops->close(s);
}
END_TEST

START_TEST(test_removing_an_empty_directory_changes_the_clusters)
{
	struct engine_info first;
	struct engine_info both;
	struct engine_info left;
	struct engine_info none;

	OK(OPS->stat(tree, at(""), 0, &first, &err));
	OK(OPS->mkdir(tree, at("a.hash"), &err));
	OK(OPS->mkdir(tree, at("b.hash"), &err));
	OK(OPS->stat(tree, at(""), 0, &both, &err));
	OK(OPS->rmdir(tree, at("a.hash"), &err));
	OK(OPS->stat(tree, at(""), 0, &left, &err));
	ck_assert_uint_ne(both.version, left.version);
	ck_assert_int_gt(left.mtime_ns, both.mtime_ns);
	OK(OPS->rmdir(tree, at("b.hash"), &err));
	OK(OPS->stat(tree, at(""), 0, &none, &err));
	ck_assert_uint_ne(none.version, first.version);
	ck_assert_int_gt(none.mtime_ns, left.mtime_ns);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("redis_tree");
	TCase *tc = tcase_create("all");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_a_string_is_a_file_of_its_bytes);
	tcase_add_test(tc, test_the_same_bytes_change_nothing);
	tcase_add_test(tc, test_a_save_ends_the_time_to_live_an_edit_keeps_it);
	tcase_add_test(tc, test_a_name_of_another_type_is_refused);
	tcase_add_test(tc, test_paths_that_cannot_be);
	tcase_add_test(tc, test_a_hash_is_a_directory);
	tcase_add_test(tc, test_a_directory_whose_last_element_went);
	tcase_add_test(tc, test_what_waits_for_its_first_element_gives_way_to_a_command);
	tcase_add_test(tc, test_the_other_types);
	tcase_add_test(tc, test_listings_in_byte_order_behind_each_name);
	tcase_add_test(tc, test_long_names_are_found_by_their_hash);
	tcase_add_test(tc, test_removing_an_empty_directory_changes_the_clusters);
	tcase_add_test(tc, test_renames);
	tcase_add_test(tc, test_renames_of_empty_directories);
	tcase_add_test(tc, test_touch_into_the_future);
	tcase_add_test(tc, test_the_attribute);
	tcase_add_test(tc, test_the_room_ttl);
	tcase_add_test(tc, test_what_has_expired_is_not_there);
	tcase_add_test(tc, test_export_and_import);
	tcase_add_test(tc, test_the_scripts_of_a_list);
	tcase_add_test(tc, test_replies_in_each_form);
	tcase_add_test(tc, test_status);
	tcase_add_test(tc, test_a_told_key_is_told_as_any_type);
	tcase_add_test(tc, test_writers_of_files_are_not_told_of_them);
	tcase_add_test(tc, test_a_full_cluster);
	tcase_add_test(tc, test_a_copy_takes_no_writes);
	tcase_add_test(tc, test_as_a_store);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
