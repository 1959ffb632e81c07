/* Pub/sub: who listens gets what is published meanwhile, all of it, once, in order. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/redis/channels.h"
#include "engines/cache/redis/server.h"
#include "engines/cache/tree.h"
#include "tests/unit/fixture.h"

static struct redis_channels *channels;

static void setup(void)
{
	channels = redis_channels_new();
	ck_assert_ptr_nonnull(channels);
}

static void teardown(void)
{
	redis_channels_free(channels);
}

static void listen(enum redis_listening what, const char *name)
{
	ck_assert_int_eq(redis_channels_listen(channels, what, slice_of(name), NULL), 0);
}

static void unlisten(enum redis_listening what, const char *name)
{
	redis_channels_unlisten(channels, what, slice_of(name));
}

static uint64_t publish(const char *channel, const char *message)
{
	uint64_t n = UINT64_MAX;
	ck_assert_int_eq(
		redis_channels_publish(channels, slice_of(channel), slice_of(message), &n, NULL),
		0);
	return n;
}

static uint64_t bound(enum redis_listening what, const char *name, bool end)
{
	uint64_t bounds[2];
	redis_channels_bounds(channels, what, slice_of(name), &bounds[0], &bounds[1]);
	return bounds[end];
}

/* Everything that is there, as text. */
static const char *heard(enum redis_listening what, const char *name)
{
	static struct buf out;
	buf_clear(&out);
	uint64_t start = bound(what, name, false);
	if (bound(what, name, true) > start) {
		ck_assert_int_eq(redis_channels_read(channels, what, slice_of(name), start,
					 SIZE_MAX, &out, NULL),
			0);
	}
	return buf_cstr(&out);
}

START_TEST(test_a_message_reaches_those_who_listen)
{
	ck_assert_uint_eq(publish("news", "nobody"), 0);
	listen(REDIS_CHANNEL, "news");
	listen(REDIS_PATTERN, "n*");
	listen(REDIS_PATTERN, "x*");
	ck_assert_uint_eq(publish("news", "one"), 2);
	ck_assert_uint_eq(publish("nine", "two"), 1);
	ck_assert_uint_eq(publish("other", "three"), 0);
	ck_assert_str_eq(heard(REDIS_CHANNEL, "news"), "one\n");
	ck_assert_str_eq(heard(REDIS_PATTERN, "n*"), "news one\nnine two\n");
	ck_assert_str_eq(heard(REDIS_PATTERN, "x*"), "");
	ck_assert_str_eq(heard(REDIS_CHANNEL, "nine"), "");
}
END_TEST

START_TEST(test_each_who_listens_counts)
{
	listen(REDIS_CHANNEL, "a");
	listen(REDIS_CHANNEL, "a");
	listen(REDIS_PATTERN, "*");
	ck_assert_uint_eq(publish("a", "1"), 3);
	unlisten(REDIS_CHANNEL, "a");
	ck_assert_uint_eq(publish("a", "2"), 2);
	ck_assert_str_eq(heard(REDIS_CHANNEL, "a"), "1\n2\n");
}
END_TEST

START_TEST(test_offsets_grow_over_those_who_stop)
{
	listen(REDIS_CHANNEL, "a");
	publish("a", "before");
	unlisten(REDIS_CHANNEL, "a");
	ck_assert_uint_eq(bound(REDIS_CHANNEL, "a", true), 0);
	listen(REDIS_CHANNEL, "a");
	ck_assert_uint_eq(bound(REDIS_CHANNEL, "a", false), strlen("before\n"));
	ck_assert_str_eq(heard(REDIS_CHANNEL, "a"), "");
	publish("a", "after");
	ck_assert_str_eq(heard(REDIS_CHANNEL, "a"), "after\n");
	struct err err = {0};
	struct buf out = BUF_INIT;
	ck_assert_int_eq(
		redis_channels_read(channels, REDIS_CHANNEL, slice_of("a"), 3, 9, &out, &err),
		-ERANGE);
	unlisten(REDIS_CHANNEL, "a");
	unlisten(REDIS_CHANNEL, "a"); /* once more changes nothing */
	buf_free(&out);
}
END_TEST

START_TEST(test_the_oldest_lines_go)
{
	static char message[60000];
	uint64_t published = 0;
	memset(message, 'x', sizeof(message) - 1);
	listen(REDIS_CHANNEL, "a");
	for (int i = 0; i < 200; i++) {
		snprintf(message, 6, "%05d", i);
		message[5] = i % 7 == 0 ? '\n' : 'x';
		publish("a", message);
		published += strlen(message) + 1;
		uint64_t start = bound(REDIS_CHANNEL, "a", false);
		uint64_t end = bound(REDIS_CHANNEL, "a", true);
		ck_assert_uint_eq(end, published);
		ck_assert_uint_le(end - start, CHANNEL_BYTES_MAX);
		if (published > 2 * CHANNEL_BYTES_MAX) {
			ck_assert_uint_gt(end - start, CHANNEL_BYTES_MAX - 2 * sizeof(message));
		}
	}
	/* What is left begins behind a line. */
	const char *text = heard(REDIS_CHANNEL, "a");
	ck_assert(memcmp(text, "00", 2) == 0 || text[0] == 'x');
	const char *last = strrchr(text, '0');
	ck_assert_ptr_nonnull(last);
}
END_TEST

START_TEST(test_a_very_long_message_is_kept_alone)
{
	size_t n = CHANNEL_BYTES_MAX + 5;
	char *message = calloc(1, n + 1);
	memset(message, 'y', n);
	listen(REDIS_CHANNEL, "a");
	publish("a", "small");
	publish("a", message);
	ck_assert_uint_eq(bound(REDIS_CHANNEL, "a", false), 6);
	ck_assert_uint_eq(strlen(heard(REDIS_CHANNEL, "a")), n + 1);
	publish("a", "next");
	ck_assert_str_eq(heard(REDIS_CHANNEL, "a"), "next\n");
	free(message);
}
END_TEST

static int note(void *arg, struct slice name, uint64_t listeners)
{
	buf_append_slice(arg, name);
	buf_printf(arg, "=%u ", (unsigned)listeners);
	return name.n == 1 && name.p[0] == 'd';
}

START_TEST(test_names_come_in_byte_order)
{
	static const char *const names[] = {"d", "b", "\xff", "", "c", "a", "b"};
	struct buf out = BUF_INIT;
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		listen(REDIS_CHANNEL, names[i]);
	}
	unlisten(REDIS_CHANNEL, "c");
	redis_channels_each(channels, REDIS_CHANNEL, NULL, note, &out);
	ck_assert_str_eq(buf_cstr(&out), "=1 a=1 b=2 d=1 ");
	buf_clear(&out);
	struct slice after = slice_of("b");
	redis_channels_each(channels, REDIS_CHANNEL, &after, note, &out);
	ck_assert_str_eq(buf_cstr(&out), "d=1 ");
	buf_clear(&out);
	after = slice_of("c");
	redis_channels_each(channels, REDIS_CHANNEL, &after, note, &out);
	ck_assert_str_eq(buf_cstr(&out), "d=1 ");
	buf_free(&out);
}
END_TEST

/* ---- the rooms ---- */

static struct cache_tree *room(enum redis_listening what)
{
	static struct redis_server server;
	struct cache_tree *t;
	server.channels = channels;
	ck_assert_int_eq(redis_channels_room(&server, what, &t, NULL), 0);
	return t;
}

static struct epath path_of(const char *name)
{
	return (struct epath){.depth = 1, .key = {slice_of(name)}};
}

static int note_file(void *arg, struct slice key, const struct engine_info *info)
{
	buf_append_slice(arg, key);
	buf_printf(arg, "=%u ", (unsigned)info->size);
	return 0;
}

START_TEST(test_a_file_is_a_channel)
{
	struct cache_tree *t = room(REDIS_CHANNEL);
	const struct engine_ops *ops = &t->ops->ops;
	const struct epath root = {0}, a = path_of("a");
	struct engine_level level;
	struct engine_info info;
	struct buf out = BUF_INIT;

	ck_assert_int_eq(ops->level(t, &root, &level, NULL), 0);
	ck_assert_uint_eq(level.features, ENGINE_HAS_FEEDS);
	ck_assert_int_eq(ops->level(t, &a, &level, NULL), -ENOTDIR);
	ck_assert_int_eq(ops->stat(t, &a, 0, &info, NULL), 0);
	ck_assert_uint_eq(info.size, 0);
	ck_assert_int_eq(ops->feed_append(t, &a, slice_of("unheard\n"), NULL), 0);
	ck_assert_int_eq(ops->feed_open(t, &a, NULL), 0);
	ck_assert_int_eq(ops->feed_append(t, &a, slice_of("one\n\ntwo\nthree"), NULL), 0);
	ck_assert_int_eq(ops->list(t, &root, NULL, 0, note_file, &out, NULL), 0);
	ck_assert_str_eq(buf_cstr(&out), "a=15 ");
	buf_clear(&out);
	ck_assert_int_eq(ops->read(t, &a, 0, &out, &info, NULL), 0);
	ck_assert_str_eq(buf_cstr(&out), "one\n\ntwo\nthree\n");
	ck_assert_uint_eq(info.size, out.n);
	buf_clear(&out);
	ck_assert_int_eq(ops->feed_read(t, &a, 5, 3, &out, NULL), 0);
	ck_assert_str_eq(buf_cstr(&out), "two");
	uint64_t start, end;
	ck_assert_int_eq(ops->feed_bounds(t, &a, &start, &end, NULL), 0);
	ck_assert_uint_eq(end - start, 15);
	ops->feed_close(t, &a);
	buf_clear(&out);
	ck_assert_int_eq(ops->list(t, &root, NULL, ENGINE_NAMES, note_file, &out, NULL), 0);
	ck_assert_uint_eq(out.n, 0);
	buf_free(&out);
	cache_tree_close(t);
}
END_TEST

START_TEST(test_a_pattern_only_listens)
{
	struct cache_tree *t = room(REDIS_PATTERN);
	const struct engine_ops *ops = &t->ops->ops;
	const struct epath all = path_of("a?");
	struct engine_info info;
	struct err err = {0};
	struct buf out = BUF_INIT;

	ck_assert_int_eq(ops->feed_open(t, &all, NULL), 0);
	ck_assert_uint_eq(publish("ab", "x"), 1);
	ck_assert_int_eq(ops->read(t, &all, 0, &out, &info, NULL), 0);
	ck_assert_str_eq(buf_cstr(&out), "ab x\n");
	ck_assert_int_eq(ops->feed_append(t, &all, slice_of("x\n"), &err), -EROFS);
	ck_assert_ptr_nonnull(strstr(err.msg, ".channels/NAME"));
	ops->feed_close(t, &all);
	buf_free(&out);
	cache_tree_close(t);
}
END_TEST

START_TEST(test_a_long_name_is_found_while_it_is_listened_to)
{
	struct cache_tree *t = room(REDIS_CHANNEL);
	const struct engine_ops *ops = &t->ops->ops;
	const struct epath root = {0};
	char name[301];
	unsigned char hash[NAME_HASH_BYTES];
	struct buf key = BUF_INIT;

	memset(name, 'n', 300);
	name[300] = '\0';
	name_hash(slice_of(name), hash);
	ck_assert_int_eq(ops->find_hashed(t, &root, hash, &key, NULL), -ENOENT);
	listen(REDIS_CHANNEL, "other");
	listen(REDIS_CHANNEL, name);
	ck_assert_int_eq(ops->find_hashed(t, &root, hash, &key, NULL), 0);
	ck_assert_str_eq(buf_cstr(&key), name);
	buf_free(&key);
	cache_tree_close(t);
}
END_TEST

/* ---- many at once ---- */

enum { PUBLISHERS = 4, MESSAGES = 3000, LISTENERS = 3 };

static atomic_uint published;
static atomic_bool all_listen;
static atomic_uint n_listening;

static void *publisher(void *arg)
{
	unsigned id = (unsigned)(uintptr_t)arg;
	char message[32];

	while (!atomic_load(&all_listen)) {
		sched_yield();
	}
	for (unsigned i = 0; i < MESSAGES; i++) {
		snprintf(message, sizeof(message), "%u %u", id, i);
		publish("c", message);
	}
	atomic_fetch_add(&published, 1);
	return NULL;
}

/* Follows to the end: each publisher's messages all come, once, in its order. */
static void *listener(void *arg)
{
	bool pattern = (uintptr_t)arg == 0;
	enum redis_listening what = pattern ? REDIS_PATTERN : REDIS_CHANNEL;
	const char *name = pattern ? "?" : "c";
	unsigned next[PUBLISHERS] = {0};
	struct buf line = BUF_INIT;

	listen(what, name);
	uint64_t at = bound(what, name, true);
	atomic_fetch_add(&n_listening, 1);
	for (bool last = false; !last;) {
		last = atomic_load(&published) == PUBLISHERS;
		size_t had = line.n;
		ck_assert_int_eq(redis_channels_read(
					 channels, what, slice_of(name), at, SIZE_MAX, &line, NULL),
			0);
		at += line.n - had;
		const char *p = buf_cstr(&line);
		for (const char *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
			unsigned id, i;
			ck_assert_int_eq(sscanf(pattern ? p + 2 : p, "%u %u", &id, &i), 2);
			ck_assert_uint_lt(id, PUBLISHERS);
			ck_assert_uint_eq(i, next[id]++);
		}
		size_t left = line.n - (size_t)(p - line.p);
		memmove(line.p, p, left);
		line.n = left;
	}
	for (unsigned i = 0; i < PUBLISHERS; i++) {
		ck_assert_uint_eq(next[i], MESSAGES);
	}
	unlisten(what, name);
	buf_free(&line);
	return NULL;
}

START_TEST(test_many_publish_and_listen)
{
	pthread_t t[PUBLISHERS + LISTENERS];

	for (uintptr_t i = 0; i < LISTENERS; i++) {
		pthread_create(&t[PUBLISHERS + i], NULL, listener, (void *)i);
	}
	for (uintptr_t i = 0; i < PUBLISHERS; i++) {
		pthread_create(&t[i], NULL, publisher, (void *)i);
	}
	while (atomic_load(&n_listening) < LISTENERS) {
		sched_yield();
	}
	atomic_store(&all_listen, true);
	for (unsigned i = 0; i < PUBLISHERS + LISTENERS; i++) {
		pthread_join(t[i], NULL);
	}
	ck_assert_uint_eq(publish("c", "nobody"), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redis_channels");
	TCase *tc = tcase_create("channels");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, test_a_message_reaches_those_who_listen);
	tcase_add_test(tc, test_each_who_listens_counts);
	tcase_add_test(tc, test_offsets_grow_over_those_who_stop);
	tcase_add_test(tc, test_the_oldest_lines_go);
	tcase_add_test(tc, test_a_very_long_message_is_kept_alone);
	tcase_add_test(tc, test_names_come_in_byte_order);
	tcase_add_test(tc, test_a_file_is_a_channel);
	tcase_add_test(tc, test_a_pattern_only_listens);
	tcase_add_test(tc, test_a_long_name_is_found_while_it_is_listened_to);
	tcase_add_test(tc, test_many_publish_and_listen);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
