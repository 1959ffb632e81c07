/* Replicas, points in time, queries, scripts, members: what a service may offer
 * besides. As everywhere, what its levels do not announce is skipped. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "tests/engine/harness.h"

static void put_items(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char key[32];
		struct epath p = at(numbered("k", i, key));
		put(&p, i);
	}
}

static long number_through(struct engine *view, const struct epath *path)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_info info;
	return engine_read(view, path, 0, &text, &info, fresh()) == 0 ? number_in(buf_slice(&text))
								      : -1;
}

/* A replica follows on its own: within a minute, be the machine as busy as it may. */
static void assert_follows(struct engine *view, const struct epath *path, long n)
{
	for (unsigned i = 0; i < 6000 && number_through(view, path) != n; i++) {
		usleep(10000);
	}
	ck_assert_int_eq(number_through(view, path), n);
}

/* ---- replicas ---- */

START_TEST(test_a_replica_follows_and_takes_no_writes)
{
	GROUND;
	struct epath p;
	struct engine *view = NULL;
	struct engine_info info;
	struct epath first = at("k-0000");
	if (!find_feature(ENGINE_HAS_REPLICAS, &p)) {
		return;
	}
	put_items(3);
	OK(engine_view_create(ground.e, &p, ENGINE_VIEW_REPLICA, slice_of("r1"), ok_err));
	FAILS(engine_view_create(ground.e, &p, ENGINE_VIEW_REPLICA, slice_of("r1"), fresh()),
		EEXIST);
	OK(engine_view(ground.e, &p, ENGINE_VIEW_REPLICA, slice_of("r1"), &view, ok_err));
	ck_assert(engine_moves(view));
	assert_follows(view, &first, 0);
	put(&first, 77);
	assert_follows(view, &first, 77);
	if (engine_fixed(view)) {
		FAILS(engine_write(
			      view, &first, 0, slice_of("{}"), ENGINE_VERSION_ANY, &info, fresh()),
			EROFS);
		FAILS(engine_remove(view, &first, ENGINE_VERSION_ANY, fresh()), EROFS);
	}
	OK(engine_view_remove(ground.e, &p, ENGINE_VIEW_REPLICA, slice_of("r1"), ok_err));
	/* Whoever holds it gets an answer: nothing there, or refused. */
	int r = engine_stat(view, &first, 0, &info, fresh());
	ck_assert_msg(r == 0 || r == -ENOENT, "in a removed replica: %d", r);
	engine_unref(view);
	FAILS(engine_view(ground.e, &p, ENGINE_VIEW_REPLICA, slice_of("r1"), &view, fresh()),
		ENOENT);
}
END_TEST

START_TEST(test_a_replica_becomes_a_container)
{
	GROUND;
	struct epath p;
	struct engine *view = NULL;
	struct engine_info info;
	if (!find_feature(ENGINE_HAS_REPLICAS, &p) || ground.profile->ops->view_rename == NULL) {
		return;
	}
	put_items(3);
	struct epath to = p;
	to.key[p.depth - 1] = slice_of("promoted");
	struct epath item = at("k-0002");
	struct epath moved = item;
	moved.key[p.depth - 1] = to.key[p.depth - 1];
	OK(engine_view_create(ground.e, &p, ENGINE_VIEW_REPLICA, slice_of("r1"), ok_err));
	OK(engine_view(ground.e, &p, ENGINE_VIEW_REPLICA, slice_of("r1"), &view, ok_err));
	assert_follows(view, &item, 2);
	FAILS(engine_view_rename(ground.e, &p, ENGINE_VIEW_REPLICA, slice_of("r1"), &p, fresh()),
		EEXIST);
	OK(engine_view_rename(ground.e, &p, ENGINE_VIEW_REPLICA, slice_of("r1"), &to, ok_err));
	FAILS(engine_view_rename(ground.e, &p, ENGINE_VIEW_REPLICA, slice_of("r1"), &to, fresh()),
		ENOENT);
	ck_assert_int_eq(number_at(&moved), 2);
	/* It is one of its own. */
	put(&moved, 55);
	ck_assert_int_eq(number_at(&item), 2);
	engine_stat(view, &item, 0, &info, fresh());
	engine_unref(view);
	ground_reopen(false);
	ck_assert_int_eq(number_at(&moved), 55);
}
END_TEST

/* ---- clusters ---- */

static int make_below(struct engine *view, const struct epath *parent)
{
	int r = 0;
	for (unsigned d = 1; r == 0 && d <= parent->depth; d++) {
		struct epath p = up_to(parent, d);
		struct engine_info info;
		if (engine_stat(view, &p, 0, &info, fresh()) == -ENOENT) {
			r = engine_mkdir(view, &p, fresh());
		}
	}
	return r;
}

START_TEST(test_a_cluster_is_written_to_and_apart)
{
	GROUND;
	struct epath p;
	struct engine *view = NULL;
	struct engine *again = NULL;
	struct engine_info info;
	struct epath first = at("k-0000");
	if (!find_feature(ENGINE_HAS_CLUSTERS, &p)) {
		return;
	}
	put_items(1);
	OK(engine_view_create(ground.e, &p, ENGINE_VIEW_CLUSTER, slice_of("c1"), ok_err));
	FAILS(engine_view_create(ground.e, &p, ENGINE_VIEW_CLUSTER, slice_of("c1"), fresh()),
		EEXIST);
	OK(engine_view(ground.e, &p, ENGINE_VIEW_CLUSTER, slice_of("c1"), &view, ok_err));
	OK(engine_view(ground.e, &p, ENGINE_VIEW_CLUSTER, slice_of("c1"), &again, ok_err));
	ck_assert(!engine_read_only(view));
	ck_assert(!engine_fixed(view));
	ck_assert_int_eq(number_through(view, &first), -1);
	OK(make_below(view, &ground.parent));
	OK(engine_write(
		view, &first, 0, slice_of("{\"n\": 77}"), ENGINE_VERSION_ABSENT, &info, ok_err));
	ck_assert_int_eq(number_through(again, &first), 77);
	ck_assert_int_eq(number_at(&first), 0);
	FAILS(engine_view_remove(ground.e, &p, ENGINE_VIEW_CLUSTER, slice_of("c1"), fresh()),
		ENOTEMPTY);
	OK(engine_remove(view, &first, ENGINE_VERSION_ANY, ok_err));
	OK(engine_rmdir(view, &ground.parent, ok_err));
	OK(engine_view_remove(ground.e, &p, ENGINE_VIEW_CLUSTER, slice_of("c1"), ok_err));
	FAILS(engine_stat(view, &p, 0, &info, fresh()), ENOENT);
	engine_unref(view);
	engine_unref(again);
	FAILS(engine_view(ground.e, &p, ENGINE_VIEW_CLUSTER, slice_of("c1"), &view, fresh()),
		ENOENT);
	OK(engine_view_create(ground.e, &p, ENGINE_VIEW_CLUSTER, slice_of("c1"), ok_err));
	ground_reopen(false);
	OK(engine_view(ground.e, &p, ENGINE_VIEW_CLUSTER, slice_of("c1"), &view, ok_err));
	OK(engine_stat(view, &p, 0, &info, ok_err));
	engine_unref(view);
}
END_TEST

/* ---- points in time ---- */

START_TEST(test_a_point_in_time_does_not_move)
{
	GROUND;
	struct epath p;
	struct engine *view = NULL;
	struct epath first = at("k-0000");
	char now[40];
	if (!find_feature(ENGINE_HAS_TIMES, &p)) {
		return;
	}
	put_items(1);
	usleep(1100000); /* names are of seconds */
	time_t t = time(NULL);
	struct tm tm;
	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
	OK(engine_view(ground.e, &p, ENGINE_VIEW_TIME, slice_of(now), &view, ok_err));
	usleep(1100000);
	put(&first, 9);
	ck_assert_int_eq(number_through(view, &first), 0);
	ck_assert(engine_read_only(view));
	ck_assert(!engine_moves(view));
	FAILS(engine_remove(view, &first, ENGINE_VERSION_ANY, fresh()), EROFS);
	engine_unref(view);
	FAILS(engine_view(ground.e, &p, ENGINE_VIEW_TIME, slice_of("yore"), &view, fresh()),
		ENOENT);
}
END_TEST

/* ---- queries ---- */

/* The level that has them, nearest to the items. */
static bool find_level(bool query, struct epath *out, struct engine_level *level)
{
	for (unsigned d = ground.parent.depth + 1; d-- > 0;) {
		*out = up_to(&ground.parent, d);
		*level = level_of(out);
		if (query ? level->query != NULL : level->scripts != NULL) {
			return true;
		}
	}
	return false;
}

START_TEST(test_a_query)
{
	GROUND;
	struct epath p;
	struct engine_level level;
	struct engine_export *x = NULL;
	uint64_t size = 0;
	if (!find_level(true, &p, &level) || ground.profile->query == NULL) {
		return;
	}
	put_items(3);
	ck_assert_int_eq(level.query->text_suffix[0], '.');
	for (unsigned f = 0; f < level.query->n_results; f++) {
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		size_t before;
		ck_assert_int_eq(level.query->results[f].suffix[0], '.');
		ck_assert_str_ne(level.query->results[f].suffix, level.query->text_suffix);
		OK(engine_query_open(
			ground.e, &p, slice_of(ground.profile->query), f, &x, &size, ok_err));
		/* Fixed at open. */
		struct epath extra = at("extra");
		put(&extra, 1);
		do {
			before = out.n;
			OK(engine_export_read(x, &out, ok_err));
		} while (out.n > before);
		engine_export_close(x);
		ck_assert_uint_eq(out.n, size);
		bool explains = strstr(level.query->results[f].suffix, "explain") != NULL;
		ck_assert((strstr(buf_cstr(&out), "k-0002") != NULL) != explains);
		ck_assert_ptr_null(strstr(buf_cstr(&out), "extra"));
		OK(engine_remove(ground.e, &extra, ENGINE_VERSION_ANY, ok_err));
	}
	FAILS(engine_query_open(
		      ground.e, &p, slice_of(ground.profile->bad_query), 0, &x, &size, fresh()),
		EINVAL);
}
END_TEST

/* ---- scripts ---- */

static int run_script(const struct epath *p, const struct engine_level *level, const char *text,
	struct buf *report)
{
	struct engine_import *i = NULL;
	OK(engine_import_open(ground.e, p, "run", level->scripts[0].name + 1, &i, ok_err));
	for (const char *c = text; *c != '\0'; c++) {
		int r = engine_import_feed(i, slice_make(c, 1), fresh());
		if (r != 0) {
			engine_import_abort(i);
			return r;
		}
	}
	return engine_import_finish(i, report, fresh());
}

START_TEST(test_a_script_runs_whole_or_not_at_all)
{
	GROUND;
	struct epath p;
	struct engine_level level;
	struct epath made = at("made");
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	if (!find_level(false, &p, &level) || ground.profile->script == NULL) {
		return;
	}
	for (const struct engine_script *s = level.scripts; s->name != NULL; s++) {
		ck_assert_int_eq(s->name[0], '.');
		ck_assert(s->help != NULL);
	}
	FAILS(run_script(&p, &level, ground.profile->bad_script, &report), EINVAL);
	ck_assert(!exists(&made));
	buf_clear(&report);
	unsigned told = ground.changed;
	OK(run_script(&p, &level, ground.profile->script, &report));
	ck_assert_uint_gt(report.n, 0);
	ck_assert(exists(&made));
	ck_assert_uint_gt(ground.changed, told);
	struct engine_import *i = NULL;
	FAILS(engine_import_open(ground.e, &p, "run", "no script", &i, fresh()), EINVAL);
}
END_TEST

/* ---- feeds ---- */

static void read_feed(
	const struct epath *p, uint64_t from, uint64_t to, size_t piece, struct buf *out)
{
	while (from < to) {
		size_t before = out->n;
		OK(engine_feed_read(ground.e, p, from, piece, out, ok_err));
		ck_assert_uint_gt(out->n, before);
		from += out->n - before;
	}
}

static void assert_feed_grows(const struct epath *p)
{
	CLEANUP(buf_free) struct buf old = BUF_INIT;
	CLEANUP(buf_free) struct buf new = BUF_INIT;
	uint64_t start;
	uint64_t end;
	uint64_t later;
	put_items(3);
	OK(engine_feed_bounds(ground.e, p, &start, &end, ok_err));
	read_feed(p, start, end, SIZE_MAX, &old);
	ck_assert_uint_eq(old.n, end - start);
	ck_assert(old.n == 0 || old.p[old.n - 1] == '\n');
	struct epath more = at("more");
	put(&more, 1);
	for (unsigned i = 0; i < 6000; i++) {
		OK(engine_feed_bounds(ground.e, p, &start, &later, ok_err));
		if (later > end) {
			break;
		}
		usleep(10000);
	}
	ck_assert_uint_gt(later, end);
	/* What was there is as it was, in pieces of any size. */
	read_feed(p, start, later, 7, &new);
	ck_assert_uint_eq(new.n, later - start);
	ck_assert_int_eq(new.p[new.n - 1], '\n');
	ck_assert(new.n >= old.n &&memcmp(new.p, old.p, old.n) == 0);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&new), "more"));
}

START_TEST(test_a_feed_grows_by_whole_lines)
{
	GROUND;
	for (unsigned d = 0; d <= ground.parent.depth; d++) {
		struct epath p = up_to(&ground.parent, d);
		if (level_of(&p).feed != NULL) {
			uint64_t start;
			uint64_t end;
			uint64_t later;
			assert_feed_grows(&p);
			OK(engine_feed_bounds(ground.e, &p, &start, &end, ok_err));
			ground_reopen(false);
			OK(engine_feed_bounds(ground.e, &p, &start, &later, ok_err));
			ck_assert_uint_ge(later, end);
			return;
		}
	}
}
END_TEST

/* ---- a directory from one file ---- */

START_TEST(test_a_directory_made_by_an_import)
{
	GROUND;
	struct engine_level top = level_of(&(struct epath){0});
	struct engine_import *i = NULL;
	if (top.beside_formats == NULL) {
		return;
	}
	for (const char *const *f = top.beside_formats; *f != NULL; f++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf report = BUF_INIT;
		struct engine_export *x = NULL;
		uint64_t size = 0;
		size_t before;
		struct epath from = up_to(&ground.parent, 1);
		struct epath to = {1, {slice_of(ground.profile->dir_key)}};
		put_items(3);
		OK(engine_export_open(ground.e, &from, *f, &x, &size, ok_err));
		do {
			before = text.n;
			OK(engine_export_read(x, &text, ok_err));
		} while (text.n > before);
		engine_export_close(x);
		OK(engine_import_open(ground.e, &to, "create", *f, &i, ok_err));
		OK(engine_import_feed(i, buf_slice(&text), ok_err));
		OK(engine_import_finish(i, &report, ok_err));
		struct epath item = at("k-0002");
		item.key[0] = to.key[0];
		ck_assert_int_eq(number_at(&item), 2);
		int r = engine_import_open(ground.e, &to, "create", *f, &i, fresh());
		r = r != 0 ? r : engine_import_finish(i, &report, fresh());
		ck_assert_int_eq(r, -EEXIST);
		ground_teardown();
		GROUND;
	}
}
END_TEST

/* ---- members ---- */

START_TEST(test_members_of_an_item)
{
	GROUND;
	struct epath item = at("a");
	struct listing l = {0};
	struct engine_info info;
	if (!has_members()) {
		return;
	}
	put(&item, 7);
	struct epath n = epath_child(&item, slice_of("n"));
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	read_all(ground.e, &n, 0, &text);
	ck_assert_str_eq(buf_cstr(&text), "7");
	list(ground.e, &item, NULL, 0, &l);
	ck_assert(listing_has(&l, slice_of("n")));
	listing_free(&l);
	OK(engine_write(ground.e, &n, 0, slice_of("8"), ENGINE_VERSION_ANY, &info, ok_err));
	ck_assert_int_eq(number_at(&item), 8);
	ck_assert_uint_eq(stat_of(&item).version, info.version);
	struct epath none = epath_child(&item, slice_of("no such member"));
	FAILS(engine_stat(ground.e, &none, 0, &info, fresh()), ENOENT);
}
END_TEST

TCase *conform_offers(void)
{
	TCase *t = tcase_create("offers");
	tcase_add_checked_fixture(t, NULL, ground_teardown);
	tcase_set_timeout(t, 60);
	ADD(t, test_a_replica_follows_and_takes_no_writes);
	ADD(t, test_a_replica_becomes_a_container);
	ADD(t, test_a_cluster_is_written_to_and_apart);
	ADD(t, test_a_point_in_time_does_not_move);
	ADD(t, test_a_query);
	ADD(t, test_a_script_runs_whole_or_not_at_all);
	ADD(t, test_a_feed_grows_by_whole_lines);
	ADD(t, test_a_directory_made_by_an_import);
	ADD(t, test_members_of_an_item);
	return t;
}
