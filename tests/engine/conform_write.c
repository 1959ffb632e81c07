/* write, remove, check, drafts: versions, expectations, refusals. */
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/engine/harness.h"

static void assert_same(const struct engine_info *a, const struct engine_info *b)
{
	ck_assert_uint_eq(a->version, b->version);
	ck_assert_uint_eq(a->size, b->size);
	ck_assert_int_eq(a->mtime_ns, b->mtime_ns);
}

START_TEST(test_what_is_written_is_read)
{
	GROUND;
	struct epath p = at("a");
	for (unsigned n = 0; n < 30; n++) {
		struct engine_info info = put(&p, n);
		struct engine_info now = stat_of(&p);
		assert_same(&info, &now);
		ck_assert_int_eq(number_at(&p), n);
	}
}
END_TEST

/* What read gives, in any form, can be written back and changes nothing. */
START_TEST(test_an_unchanged_write_changes_nothing)
{
	GROUND;
	struct epath p = at("a");
	struct engine_info first = put(&p, 7);
	unsigned n_forms = level_of(&ground.parent).n_forms;
	for (unsigned form = 0; form < n_forms; form++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		struct engine_info info;
		read_all(ground.e, &p, form, &text);
		OK(engine_write(
			ground.e, &p, form, buf_slice(&text), first.version, &info, ok_err));
		ck_assert_uint_eq(info.version, first.version);
		ck_assert_int_eq(info.mtime_ns, first.mtime_ns);
		ck_assert_uint_eq(info.size, text.n);
	}
	struct engine_info again = put(&p, 7);
	assert_same(&again, &first);
	struct engine_info now = stat_of(&p);
	assert_same(&now, &first);
}
END_TEST

START_TEST(test_expect_absent)
{
	GROUND;
	struct epath p = at("a");
	struct engine_info info;
	OK(try_put(&p, 1, ENGINE_VERSION_ABSENT, &info));
	FAILS(try_put(&p, 2, ENGINE_VERSION_ABSENT, &info), EEXIST);
	ck_assert_int_eq(number_at(&p), 1);
	OK(engine_remove(ground.e, &p, info.version, ok_err));
	OK(try_put(&p, 3, ENGINE_VERSION_ABSENT, &info));
	ck_assert_int_eq(number_at(&p), 3);
}
END_TEST

START_TEST(test_expect_a_version)
{
	GROUND;
	struct epath p = at("a");
	struct engine_info old = put(&p, 1);
	struct engine_info info;
	OK(try_put(&p, 2, old.version, &info));
	FAILS(try_put(&p, 3, old.version, &info), EBUSY);
	FAILS(engine_remove(ground.e, &p, old.version, fresh()), EBUSY);
	ck_assert_int_eq(number_at(&p), 2);
	OK(engine_remove(ground.e, &p, stat_of(&p).version, ok_err));
	ck_assert(!exists(&p));
	/* What was read is gone: saving it would bring back what another deleted. */
	int r = try_put(&p, 4, info.version, &info);
	ck_assert_msg(r == -EBUSY || r == -ENOENT, "write over a removed item: %d", r);
	ck_assert(!exists(&p));
}
END_TEST

/* ---- several at a time ---- */

#define MANY 9

struct many {
	struct epath path[MANY];
	char key[MANY][32];
	struct buf text[MANY];
	struct engine_put put[MANY];
	struct engine_put *ask[MANY];
};

static void many_init(struct many *m)
{
	for (unsigned i = 0; i < MANY; i++) {
		m->path[i] = at(numbered("m", i, m->key[i]));
		ground.profile->document(i, &m->text[i]);
		m->put[i] = (struct engine_put){.path = &m->path[i],
			.text = buf_slice(&m->text[i]),
			.expect = ENGINE_VERSION_ANY};
		m->ask[i] = &m->put[i];
	}
}

static void many_free(struct many *m)
{
	for (unsigned i = 0; i < MANY; i++) {
		buf_free(&m->text[i]);
	}
}

static void assert_put(const struct engine_put *p, unsigned n)
{
	ck_assert_msg(p->result == 0, "%d (%s)", p->result, p->err.msg);
	struct engine_info now = stat_of(p->path);
	assert_same(&p->info, &now);
	ck_assert_int_eq(number_at(p->path), n);
}

START_TEST(test_many_are_each_as_one)
{
	GROUND;
	CLEANUP(many_free) struct many m = {0};
	many_init(&m);
	engine_write_many(ground.e, m.ask, MANY);
	for (unsigned i = 0; i < MANY; i++) {
		assert_put(&m.put[i], i);
	}
	/* One alone, and all again: nothing changes. */
	struct engine_info first = m.put[0].info;
	engine_write_many(ground.e, m.ask, 1);
	engine_write_many(ground.e, m.ask, MANY);
	assert_put(&m.put[0], 0);
	assert_same(&m.put[0].info, &first);
}
END_TEST

START_TEST(test_of_many_what_fails_fails_alone)
{
	GROUND;
	CLEANUP(many_free) struct many m = {0};
	many_init(&m);
	struct engine_info old = put(&m.path[1], 40);
	put(&m.path[1], 41);
	m.put[1].expect = old.version;
	m.put[3].text = slice_of("{bad");
	m.put[5].expect = ENGINE_VERSION_ABSENT;
	put(&m.path[5], 45);
	engine_write_many(ground.e, m.ask, MANY);
	for (unsigned i = 0; i < MANY; i += 2) {
		assert_put(&m.put[i], i);
	}
	ck_assert_int_eq(m.put[1].result, -EBUSY);
	ck_assert_int_eq(number_at(&m.path[1]), 41);
	if (m.put[3].result != 0) { /* where anything is a text, this is one */
		ck_assert_int_eq(m.put[3].result, -EINVAL);
		ck_assert_uint_gt(strlen(m.put[3].err.msg), 5);
		ck_assert(!exists(&m.path[3]));
	}
	ck_assert_int_eq(m.put[5].result, -EEXIST);
	ck_assert_int_eq(number_at(&m.path[5]), 45);
	assert_put(&m.put[7], 7);
}
END_TEST

/* In their order: the second is asked for over what the first left. */
START_TEST(test_of_many_two_for_one_item)
{
	GROUND;
	CLEANUP(many_free) struct many m = {0};
	many_init(&m);
	m.put[1].path = m.put[0].path;
	m.put[2].path = m.put[0].path;
	m.put[2].expect = ENGINE_VERSION_ABSENT;
	engine_write_many(ground.e, m.ask, MANY);
	ck_assert_int_eq(m.put[0].result, 0);
	ck_assert_uint_ne(m.put[0].info.version, m.put[1].info.version);
	ck_assert_int_eq(m.put[2].result, -EEXIST);
	assert_put(&m.put[1], 1);
}
END_TEST

START_TEST(test_many_in_several_containers)
{
	GROUND;
	CLEANUP(many_free) struct many m = {0};
	many_init(&m);
	/* One where no item can be, the others are none the worse. */
	struct epath nowhere = m.path[4];
	nowhere.key[0] = slice_of("no-such-container");
	m.put[4].path = &nowhere;
	engine_write_many(ground.e, m.ask, MANY);
	ck_assert_int_lt(m.put[4].result, 0);
	for (unsigned i = 0; i < MANY; i++) {
		if (i != 4) {
			assert_put(&m.put[i], i);
		}
	}
}
END_TEST

START_TEST(test_remove)
{
	GROUND;
	struct epath p = at("a");
	FAILS(engine_remove(ground.e, &p, ENGINE_VERSION_ANY, fresh()), ENOENT);
	put(&p, 1);
	OK(engine_remove(ground.e, &p, ENGINE_VERSION_ANY, ok_err));
	ck_assert(!exists(&p));
	FAILS(engine_remove(ground.e, &p, ENGINE_VERSION_ANY, fresh()), ENOENT);
	for (unsigned d = 1; d < ground.profile->depth; d++) {
		struct epath dir = up_to(&ground.parent, d);
		FAILS(engine_remove(ground.e, &dir, ENGINE_VERSION_ANY, fresh()), EISDIR);
	}
}
END_TEST

/* Versions seen so far. */
struct seen {
	uint64_t v[200];
	unsigned n;
};

static void see(struct seen *s, uint64_t version)
{
	for (unsigned i = 0; i < s->n; i++) {
		ck_assert_msg(
			s->v[i] != version, "version %llu came again", (unsigned long long)version);
	}
	ck_assert_uint_lt(s->n, 200);
	s->v[s->n++] = version;
}

START_TEST(test_versions_never_come_again)
{
	GROUND;
	struct seen seen = {0};
	struct epath p = at("a");
	struct epath q = at("b");
	int64_t last = 0;
	for (unsigned round = 0; round < 3; round++) {
		for (unsigned n = 0; n < 10; n++) {
			/* Each text is new: one that is stored already would change nothing. */
			struct engine_info info = put(&p, round * 10 + n);
			see(&seen, info.version);
			ck_assert_int_gt(info.mtime_ns, last);
			last = info.mtime_ns;
			if (n % 3 == 2) {
				OK(engine_remove(ground.e, &p, ENGINE_VERSION_ANY, ok_err));
			}
		}
		OK(engine_rename(ground.e, &p, &q, 0, ok_err));
		see(&seen, stat_of(&q).version);
		ground_reopen(false);
	}
}
END_TEST

START_TEST(test_a_directory_changes_with_its_list)
{
	GROUND;
	struct epath p = at("a");
	struct engine_info empty = stat_of(&ground.parent);
	put(&p, 1);
	struct engine_info one = stat_of(&ground.parent);
	ck_assert_uint_ne(one.version, empty.version);
	ck_assert_int_gt(one.mtime_ns, empty.mtime_ns);
	put(&p, 2);
	struct engine_info rewritten = stat_of(&ground.parent);
	ck_assert_int_eq(rewritten.mtime_ns, one.mtime_ns);
	OK(engine_remove(ground.e, &p, ENGINE_VERSION_ANY, ok_err));
	struct engine_info none = stat_of(&ground.parent);
	ck_assert_uint_ne(none.version, one.version);
	ck_assert_int_gt(none.mtime_ns, one.mtime_ns);
}
END_TEST

START_TEST(test_refused_text_leaves_the_item)
{
	GROUND;
	if (ground.profile->invalid == NULL) {
		return;
	}
	struct epath p = at("a");
	struct epath q = at("b");
	struct engine_info before = put(&p, 1);
	struct engine_info info;
	const char *const bad[] = {ground.profile->invalid, ground.profile->unfinished, "",
		"[1, 2]", "{\"n\": 1} x", "{\"n\": \"\xff\"}"};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		FAILS(engine_write(ground.e, &p, 0, slice_of(bad[i]), ENGINE_VERSION_ANY, &info,
			      fresh()),
			EINVAL);
		if (ground.profile->ops->check != NULL) {
			FAILS(engine_check(ground.e, &p, 0, slice_of(bad[i]), ENGINE_VERSION_ANY,
				      fresh()),
				EINVAL);
		}
		FAILS(engine_write(ground.e, &q, 0, slice_of(bad[i]), ENGINE_VERSION_ABSENT, &info,
			      fresh()),
			EINVAL);
	}
	FAILS(engine_write(ground.e, &p, 0, slice_of(ground.profile->invalid), ENGINE_VERSION_ANY,
		      &info, fresh()),
		EINVAL);
	ck_assert_msg(
		strstr(ground.err.msg, "line 1") != NULL, "says not where: %s", ground.err.msg);
	struct engine_info after = stat_of(&p);
	assert_same(&before, &after);
	ck_assert(!exists(&q));
}
END_TEST

START_TEST(test_check_stores_nothing)
{
	GROUND;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct epath p = at("a");
	ground.profile->document(1, &text);
	OK(engine_check(ground.e, &p, 0, buf_slice(&text), ENGINE_VERSION_ABSENT, ok_err));
	ck_assert(!exists(&p));
	struct engine_info before = put(&p, 2);
	OK(engine_check(ground.e, &p, 0, buf_slice(&text), before.version, ok_err));
	struct engine_info after = stat_of(&p);
	assert_same(&before, &after);
}
END_TEST

/* The name is the key: it fills in for a new item, and holds for one that is. */
START_TEST(test_another_key_inside)
{
	GROUND;
	if (ground.profile->other_key == NULL) {
		return;
	}
	struct slice text = slice_of(ground.profile->other_key);
	struct epath p = at("a");
	struct epath zzz = at("zzz");
	struct engine_info info;
	OK(engine_write(ground.e, &p, 0, text, ENGINE_VERSION_ABSENT, &info, ok_err));
	ck_assert_int_eq(number_at(&p), 5);
	ck_assert(!exists(&zzz));
	FAILS(engine_write(ground.e, &p, 0, text, ENGINE_VERSION_ANY, &info, fresh()), EINVAL);
	if (ground.profile->ops->check != NULL) {
		FAILS(engine_check(ground.e, &p, 0, text, ENGINE_VERSION_ANY, fresh()), EINVAL);
	}
	struct engine_info now = stat_of(&p);
	ck_assert_uint_eq(now.version, info.version);
}
END_TEST

START_TEST(test_writing_where_no_item_can_be)
{
	GROUND;
	struct engine_info info;
	struct epath missing = up_to(&ground.parent, 1);
	missing.key[0] = slice_of("nosuchdir");
	while (missing.depth < ground.profile->depth) {
		missing = epath_child(&missing, slice_of("x"));
	}
	FAILS(try_put(&missing, 1, ENGINE_VERSION_ANY, &info), ENOENT);
	for (unsigned d = 1; d < ground.profile->depth; d++) {
		struct epath dir = up_to(&ground.parent, d);
		FAILS(try_put(&dir, 1, ENGINE_VERSION_ANY, &info), EISDIR);
	}
	struct epath item = at("a");
	put(&item, 1);
	struct epath below = epath_child(&item, slice_of("x"));
	if (has_members()) {
		return;
	}
	int r = try_put(&below, 1, ENGINE_VERSION_ANY, &info);
	ck_assert_msg(r == -ENOTDIR || r == -ENOENT, "below an item: %d", r);
}
END_TEST

/* Containers that come with their first item, and stay as empty ones would. */
START_TEST(test_containers_that_come_with_an_item)
{
	GROUND;
	if (ground.profile->implied >= ground.profile->depth) {
		return;
	}
	struct epath p = up_to(&ground.parent, ground.profile->implied - 1);
	if (level_of(&p).tagged) {
		return; /* a key says its sort */
	}
	while (p.depth < ground.profile->depth) {
		p = epath_child(&p, slice_of("new"));
	}
	put(&p, 9);
	ck_assert_int_eq(number_at(&p), 9);
	struct epath dir = epath_parent(&p);
	ck_assert_int_eq(stat_of(&dir).kind, ENGINE_DIR);
}
END_TEST

START_TEST(test_drafts)
{
	GROUND;
	if (ground.profile->invalid == NULL) {
		return;
	}
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct epath p = at("a");
	ground.profile->document(5, &text);
	struct engine_draft *d = engine_draft_new(ground.e, &p, 0);
	for (size_t i = 0; i < text.n; i++) {
		ck_assert_msg(!engine_draft_complete(d), "complete after %zu bytes", i);
		OK(engine_draft_feed(d, slice_make(text.p + i, 1), ok_err));
	}
	ck_assert(engine_draft_complete(d));
	OK(engine_draft_feed(d, slice_of("\n"), ok_err));
	ck_assert(engine_draft_complete(d));
	FAILS(engine_draft_feed(d, slice_of("x"), fresh()), EINVAL);
	engine_draft_free(d);
	d = engine_draft_new(ground.e, &p, 0);
	OK(engine_draft_feed(d, slice_of(ground.profile->unfinished), ok_err));
	ck_assert(!engine_draft_complete(d));
	engine_draft_free(d);
	d = engine_draft_new(ground.e, &p, 0);
	FAILS(engine_draft_feed(d, slice_of(ground.profile->invalid), fresh()), EINVAL);
	engine_draft_free(d);
	ck_assert(!exists(&p));
}
END_TEST

START_TEST(test_what_was_written_outlives_the_engine)
{
	GROUND;
	struct engine_info infos[20];
	for (unsigned n = 0; n < 20; n++) {
		char key[32];
		struct epath p = at(numbered("k", n, key));
		infos[n] = put(&p, n);
	}
	struct engine_info dir = stat_of(&ground.parent);
	OK(engine_sync(ground.e, &ground.parent, ok_err));
	for (int round = 0; round < 2; round++) {
		ground_reopen(round == 1);
		for (unsigned n = 0; n < 20; n++) {
			char key[32];
			struct epath p = at(numbered("k", n, key));
			struct engine_info now = stat_of(&p);
			assert_same(&now, &infos[n]);
			ck_assert_int_eq(number_at(&p), n);
		}
		struct engine_info now = stat_of(&ground.parent);
		ck_assert_uint_eq(now.version, dir.version);
		ck_assert_int_eq(now.mtime_ns, dir.mtime_ns);
	}
}
END_TEST

START_TEST(test_a_read_only_engine)
{
	GROUND;
	struct epath p = at("a");
	struct epath q = at("b");
	struct epath dir = {1, {slice_of(ground.profile->dir_key)}};
	struct buf out = BUF_INIT;
	struct engine_import *import = NULL;
	struct engine_info info;
	put(&p, 1);
	ground_reopen(true);
	ck_assert(engine_read_only(ground.e));
	ck_assert_int_eq(number_at(&p), 1);
	FAILS(try_put(&p, 2, ENGINE_VERSION_ANY, &info), EROFS);
	FAILS(engine_remove(ground.e, &p, ENGINE_VERSION_ANY, fresh()), EROFS);
	FAILS(engine_rename(ground.e, &p, &q, 0, fresh()), EROFS);
	FAILS(engine_mkdir(ground.e, &dir, fresh()), EROFS);
	FAILS(engine_rmdir(ground.e, &ground.parent, fresh()), EROFS);
	FAILS(engine_text_write(ground.e, &ground.parent, ".schema", slice_of("{}"), fresh()),
		EROFS);
	FAILS(engine_command(ground.e, &ground.parent, slice_of("x"), &out, fresh()), EROFS);
	FAILS(engine_view_create(
		      ground.e, &ground.parent, ENGINE_VIEW_SNAPSHOT, slice_of("s"), fresh()),
		EROFS);
	FAILS(engine_import_open(ground.e, &ground.parent, "append", "jsonl", &import, fresh()),
		EROFS);
	ck_assert_int_eq(number_at(&p), 1);
	buf_free(&out);
}
END_TEST

TCase *conform_write(void)
{
	TCase *t = tcase_create("write");
	tcase_add_checked_fixture(t, NULL, ground_teardown);
	tcase_set_timeout(t, 60);
	ADD(t, test_what_is_written_is_read);
	ADD(t, test_an_unchanged_write_changes_nothing);
	ADD(t, test_expect_absent);
	ADD(t, test_expect_a_version);
	ADD(t, test_many_are_each_as_one);
	ADD(t, test_of_many_what_fails_fails_alone);
	ADD(t, test_of_many_two_for_one_item);
	ADD(t, test_many_in_several_containers);
	ADD(t, test_remove);
	ADD(t, test_versions_never_come_again);
	ADD(t, test_a_directory_changes_with_its_list);
	ADD(t, test_refused_text_leaves_the_item);
	ADD(t, test_check_stores_nothing);
	ADD(t, test_another_key_inside);
	ADD(t, test_writing_where_no_item_can_be);
	ADD(t, test_containers_that_come_with_an_item);
	ADD(t, test_drafts);
	ADD(t, test_what_was_written_outlives_the_engine);
	ADD(t, test_a_read_only_engine);
	return t;
}
