/* level, stat, list, find_hashed, read: what they say agrees. */
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/engine/harness.h"

START_TEST(test_levels_describe_themselves)
{
	GROUND;
	for (unsigned d = 0; d < ground.profile->depth; d++) {
		struct epath p = up_to(&ground.parent, d);
		struct engine_level l = level_of(&p);
		ck_assert(l.noun != NULL && l.noun[0] != '\0');
		ck_assert(l.child_noun != NULL && l.child_noun[0] != '\0');
		if (!l.tagged) {
			ck_assert_int_eq(
				l.child, d + 1 == ground.profile->depth ? ENGINE_FILE : ENGINE_DIR);
		}
		ck_assert_uint_gt(l.names.n, 0);
		for (unsigned f = 0; f < l.n_forms; f++) {
			ck_assert_str_eq(l.forms[f].suffix, l.names.suffixes[f]);
			ck_assert(l.forms[f].suffix[0] == '.' || l.forms[f].suffix[0] == '\0');
			ck_assert(l.forms[f].help != NULL);
		}
	}
	struct epath item = at("a");
	struct engine_level l;
	put(&item, 1);
	if (has_members()) {
		OK(engine_level(ground.e, &item, &l, ok_err));
		ck_assert_int_eq(l.child, ENGINE_FILE);
	} else {
		FAILS(engine_level(ground.e, &item, &l, fresh()), ENOTDIR);
	}
	struct epath missing = {1, {{"nosuchdir", 9}}};
	/* Where the depth decides what a directory is, it need not be looked for. */
	int r = engine_level(ground.e, &missing, &l, fresh());
	ck_assert(r == 0 || r == -ENOENT);
}
END_TEST

START_TEST(test_stat_of_what_is_and_is_not)
{
	GROUND;
	struct engine_info info;
	for (unsigned d = 0; d < ground.profile->depth; d++) {
		struct epath p = up_to(&ground.parent, d);
		ck_assert_int_eq(stat_of(&p).kind, ENGINE_DIR);
	}
	struct epath item = at("a");
	FAILS(engine_stat(ground.e, &item, 0, &info, fresh()), ENOENT);
	struct engine_info written = put(&item, 1);
	info = stat_of(&item);
	ck_assert_int_eq(info.kind, ENGINE_FILE);
	ck_assert_uint_eq(info.version, written.version);
	ck_assert_uint_eq(info.size, written.size);
	ck_assert_int_eq(info.mtime_ns, written.mtime_ns);
	struct epath below = epath_child(&item, slice_of("x"));
	int r = engine_stat(ground.e, &below, 0, &info, fresh());
	ck_assert_msg(r == -ENOENT || r == -ENOTDIR, "below an item: %d", r);
	struct epath other = {1, {{"nosuchdir", 9}}};
	FAILS(engine_stat(ground.e, &other, 0, &info, fresh()), ENOENT);
}
END_TEST

START_TEST(test_stat_list_and_read_agree_in_every_form)
{
	GROUND;
	unsigned n_forms = level_of(&ground.parent).n_forms;
	for (unsigned n = 0; n < 40; n++) {
		char key[32];
		struct epath p = at(numbered("k", n, key));
		put(&p, n);
	}
	for (unsigned form = 0; form < n_forms; form++) {
		struct listing l = {0};
		list(ground.e, &ground.parent, NULL, form, &l);
		ck_assert_uint_eq(l.n, 40);
		for (size_t i = 0; i < l.n; i++) {
			CLEANUP(buf_free) struct buf text = BUF_INIT;
			struct epath p = at_slice(buf_slice(&l.keys[i]));
			read_all(ground.e, &p, form, &text);
			ck_assert_uint_eq(l.infos[i].size, text.n);
			struct engine_info info;
			OK(engine_stat(ground.e, &p, form, &info, ok_err));
			ck_assert_uint_eq(l.infos[i].version, info.version);
			ck_assert_int_eq(l.infos[i].mtime_ns, info.mtime_ns);
			ck_assert_int_eq(l.infos[i].kind, ENGINE_FILE);
		}
		listing_free(&l);
	}
}
END_TEST

static void check_names(const struct epath *path, const struct slice *after)
{
	struct listing whole = {0};
	struct listing names = {0};
	list(ground.e, path, after, 0, &whole);
	list(ground.e, path, after, ENGINE_NAMES, &names);
	ck_assert_uint_eq(names.n, whole.n);
	for (size_t i = 0; i < names.n; i++) {
		ck_assert(slice_equal(buf_slice(&names.keys[i]), buf_slice(&whole.keys[i])));
		ck_assert_int_eq(names.infos[i].kind, whole.infos[i].kind);
	}
	listing_free(&whole);
	listing_free(&names);
}

START_TEST(test_names_alone_are_the_same_names)
{
	GROUND;
	char key[32];
	for (unsigned n = 0; n < 20; n++) {
		struct epath p = at(numbered("k", n, key));
		put(&p, n);
	}
	for (unsigned d = 0; d < ground.profile->depth; d++) {
		struct epath p = up_to(&ground.parent, d);
		check_names(&p, NULL);
	}
	struct slice after = slice_of(numbered("k", 7, key));
	check_names(&ground.parent, &after);
}
END_TEST

START_TEST(test_reading_what_is_no_file)
{
	GROUND;
	struct buf text = BUF_INIT;
	struct engine_info info;
	buf_puts(&text, "before");
	for (unsigned d = 0; d < ground.profile->depth; d++) {
		struct epath p = up_to(&ground.parent, d);
		FAILS(engine_read(ground.e, &p, 0, &text, &info, fresh()), EISDIR);
	}
	struct epath missing = at("nothing");
	FAILS(engine_read(ground.e, &missing, 0, &text, &info, fresh()), ENOENT);
	ck_assert_str_eq(buf_cstr(&text), "before");
	buf_free(&text);
}
END_TEST

static int emit_nothing(void *arg, struct slice key, const struct engine_info *info)
{
	(void)arg;
	(void)key;
	(void)info;
	return 0;
}

START_TEST(test_listing_what_is_no_directory)
{
	GROUND;
	struct epath item = at("a");
	put(&item, 1);
	if (!has_members()) {
		FAILS(engine_list(ground.e, &item, NULL, 0, emit_nothing, NULL, fresh()), ENOTDIR);
	}
	struct epath missing = {1, {{"nosuchdir", 9}}};
	FAILS(engine_list(ground.e, &missing, NULL, 0, emit_nothing, NULL, fresh()), ENOENT);
}
END_TEST

/* Every container on the way is listed in its parent, with what stat says. */
START_TEST(test_containers_are_listed)
{
	GROUND;
	struct epath item = at("a");
	put(&item, 1);
	for (unsigned d = 1; d < ground.profile->depth; d++) {
		struct listing l = {0};
		struct epath above = up_to(&ground.parent, d - 1);
		struct epath own = up_to(&ground.parent, d);
		list(ground.e, &above, NULL, 0, &l);
		ck_assert(listing_has(&l, own.key[d - 1]));
		for (size_t i = 0; i < l.n; i++) {
			struct epath p = epath_child(&above, buf_slice(&l.keys[i]));
			struct engine_info info = stat_of(&p);
			ck_assert_int_eq(l.infos[i].kind, ENGINE_DIR);
			ck_assert_uint_eq(l.infos[i].version, info.version);
			ck_assert_int_eq(l.infos[i].mtime_ns, info.mtime_ns);
		}
		listing_free(&l);
	}
}
END_TEST

#define LISTED 30

/* Checks that the listing behind `after` is all[from..]. */
static void assert_tail(const struct listing *all, struct slice after, size_t from)
{
	struct listing tail = {0};
	list(ground.e, &ground.parent, &after, 0, &tail);
	ck_assert_uint_eq(tail.n, all->n - from);
	for (size_t i = 0; i < tail.n; i++) {
		ck_assert(slice_equal(buf_slice(&tail.keys[i]), buf_slice(&all->keys[from + i])));
	}
	listing_free(&tail);
}

START_TEST(test_listing_behind_each_key)
{
	GROUND;
	struct listing all = {0};
	for (unsigned n = 0; n < LISTED; n++) {
		char key[32];
		struct epath p = at(numbered("k", n * 7 % LISTED, key));
		put(&p, n);
	}
	list(ground.e, &ground.parent, NULL, 0, &all);
	ck_assert_uint_eq(all.n, LISTED);
	for (size_t i = 0; i < all.n; i++) {
		assert_tail(&all, buf_slice(&all.keys[i]), i + 1);
	}
	/* Behind keys that are gone the same comes. */
	for (size_t i = 0; i < all.n; i++) {
		struct epath p = at_slice(buf_slice(&all.keys[i]));
		OK(engine_remove(ground.e, &p, ENGINE_VERSION_ANY, ok_err));
		assert_tail(&all, buf_slice(&all.keys[i]), i + 1);
	}
	listing_free(&all);
}
END_TEST

START_TEST(test_listing_stops_when_told)
{
	GROUND;
	struct listing some = {.stop_at = 3};
	for (unsigned n = 0; n < 10; n++) {
		char key[32];
		struct epath p = at(numbered("k", n, key));
		put(&p, n);
	}
	list(ground.e, &ground.parent, NULL, 0, &some);
	ck_assert_uint_eq(some.n, 3);
	listing_free(&some);
}
END_TEST

START_TEST(test_all_sorts_of_keys)
{
	GROUND;
	struct listing l = {0};
	unsigned n = 0;
	for (; ground.profile->keys[n] != NULL; n++) {
		struct epath p = at(ground.profile->keys[n]);
		OK(engine_check_key(ground.e, &p, ok_err));
		put(&p, n);
	}
	list(ground.e, &ground.parent, NULL, 0, &l);
	ck_assert_uint_eq(l.n, n);
	for (unsigned i = 0; i < n; i++) {
		struct epath p = at(ground.profile->keys[i]);
		ck_assert_int_eq(number_at(&p), i);
		ck_assert(listing_has(&l, slice_of(ground.profile->keys[i])));
	}
	listing_free(&l);
}
END_TEST

/* A valid key of n bytes; two of them differ only at the end. */
static void long_key(struct buf *out, size_t n, char last)
{
	while (out->n < n - 1) {
		buf_putc(out, (char)('a' + out->n % 26));
	}
	buf_putc(out, last);
}

START_TEST(test_long_keys_are_found_by_hash)
{
	GROUND;
	struct buf x = BUF_INIT;
	struct buf y = BUF_INIT;
	struct buf found = BUF_INIT;
	unsigned char hash[NAME_HASH_BYTES];
	long_key(&x, ground.profile->long_key, 'x');
	long_key(&y, ground.profile->long_key, 'y');
	struct engine_level level = level_of(&ground.parent);
	ck_assert(name_is_long(buf_slice(&x), &level.names));
	struct epath px = at_slice(buf_slice(&x));
	struct epath py = at_slice(buf_slice(&y));
	name_hash(buf_slice(&x), hash);
	FAILS(engine_find_hashed(ground.e, &ground.parent, hash, &found, fresh()), ENOENT);
	put(&px, 1);
	put(&py, 2);
	for (int round = 0; round < 2; round++) {
		buf_clear(&found);
		name_hash(buf_slice(&y), hash);
		OK(engine_find_hashed(ground.e, &ground.parent, hash, &found, ok_err));
		ck_assert(slice_equal(buf_slice(&found), buf_slice(&y)));
		ck_assert_int_eq(number_at(&px), 1);
		ck_assert_int_eq(number_at(&py), 2);
		ground_reopen(false);
	}
	OK(engine_remove(ground.e, &py, ENGINE_VERSION_ANY, ok_err));
	buf_clear(&found);
	FAILS(engine_find_hashed(ground.e, &ground.parent, hash, &found, fresh()), ENOENT);
	ck_assert_uint_eq(found.n, 0);
	buf_free(&x);
	buf_free(&y);
	buf_free(&found);
}
END_TEST

START_TEST(test_a_key_that_cannot_be)
{
	GROUND;
	struct buf key = BUF_INIT;
	struct engine_info info;
	if (ground.profile->too_long_key == 0) {
		return;
	}
	long_key(&key, ground.profile->too_long_key, 'x');
	struct epath p = at_slice(buf_slice(&key));
	FAILS(engine_stat(ground.e, &p, 0, &info, fresh()), ENOENT);
	if (ground.profile->ops->check_key != NULL) {
		FAILS(engine_check_key(ground.e, &p, fresh()), EINVAL);
	}
	FAILS(try_put(&p, 1, ENGINE_VERSION_ANY, &info), EINVAL);
	buf_free(&key);
}
END_TEST

TCase *conform_read(void)
{
	TCase *t = tcase_create("read");
	tcase_add_checked_fixture(t, NULL, ground_teardown);
	tcase_set_timeout(t, 60);
	ADD(t, test_levels_describe_themselves);
	ADD(t, test_stat_of_what_is_and_is_not);
	ADD(t, test_stat_list_and_read_agree_in_every_form);
	ADD(t, test_names_alone_are_the_same_names);
	ADD(t, test_reading_what_is_no_file);
	ADD(t, test_listing_what_is_no_directory);
	ADD(t, test_containers_are_listed);
	ADD(t, test_listing_behind_each_key);
	ADD(t, test_listing_stops_when_told);
	ADD(t, test_all_sorts_of_keys);
	ADD(t, test_long_keys_are_found_by_hash);
	ADD(t, test_a_key_that_cannot_be);
	return t;
}
