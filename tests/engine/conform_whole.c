/* Commands, status, schema, snapshots, export and import: what concerns a
 * directory as a whole. A feature that the levels do not announce is skipped;
 * one that they announce must work. */
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/engine/harness.h"

#define N_ITEMS 25

static void put_items(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char key[32];
		struct epath p = at(numbered("k", i, key));
		put(&p, i);
	}
}

/* ---- commands ---- */

START_TEST(test_commands_explain_themselves)
{
	GROUND;
	for (unsigned d = 0; d < ground.profile->depth; d++) {
		CLEANUP(buf_free) struct buf help = BUF_INIT;
		struct epath p = up_to(&ground.parent, d);
		bool control = (level_of(&p).features & ENGINE_HAS_CONTROL) != 0;
		engine_commands_help(ground.e, d, &help);
		for (const struct engine_command *c = ground.profile->ops->commands;
			c != NULL && c->name != NULL; c++) {
			bool here = (c->depths & (1U << d)) != 0;
			ck_assert_msg(!here || control, "%s is no use: no .control at depth %u",
				c->name, d);
			ck_assert_msg(!here || strstr(buf_cstr(&help), c->name) != NULL,
				"%s is not in the help", c->name);
			ck_assert_msg(strlen(c->help) > 5 && strchr(c->help, '\n') == NULL,
				"%s has no line of help", c->name);
		}
	}
}
END_TEST

START_TEST(test_commands_refuse_wrong_numbers_of_words)
{
	GROUND;
	for (const struct engine_command *c = ground.profile->ops->commands;
		c != NULL && c->name != NULL; c++) {
		CLEANUP(buf_free) struct buf line = BUF_INIT;
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		unsigned d = 0;
		while ((c->depths & (1U << d)) == 0) {
			d++;
		}
		ck_assert_uint_lt(d, ground.profile->depth);
		struct epath p = up_to(&ground.parent, d);
		buf_puts(&line, c->name);
		for (unsigned i = 0; i <= c->max_args && i < 50; i++) {
			buf_puts(&line, " x");
		}
		if (c->max_args < 50) {
			FAILS(engine_command(ground.e, &p, buf_slice(&line), &out, fresh()),
				EINVAL);
			ck_assert_ptr_nonnull(strstr(ground.err.msg, c->name));
		}
	}
}
END_TEST

START_TEST(test_an_unknown_command)
{
	GROUND;
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct epath p;
	if (!find_feature(ENGINE_HAS_CONTROL, &p)) {
		return;
	}
	int r = engine_command(ground.e, &p, slice_of("qwertyuiop"), &out, fresh());
	ck_assert_msg(r == -EINVAL || r == -ENOTSUP, "%d", r);
}
END_TEST

/* ---- status and texts ---- */

static void read_and_write_text(const struct epath *p, const struct engine_text *t)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	ck_assert_int_eq(t->name[0], '.');
	ck_assert(t->help != NULL);
	OK(engine_text_read(ground.e, p, t->name, &text, ok_err));
	ck_assert_uint_gt(text.n, 0);
	if (t->writable) {
		/* What it says can be said again. */
		OK(engine_text_write(ground.e, p, t->name, buf_slice(&text), ok_err));
		FAILS(engine_text_write(ground.e, p, t->name, slice_of("{nonsense"), fresh()),
			EINVAL);
	}
}

START_TEST(test_status_and_texts)
{
	GROUND;
	put_items(5);
	for (unsigned d = 0; d < ground.profile->depth; d++) {
		struct epath p = up_to(&ground.parent, d);
		unsigned features = level_of(&p).features;
		json_auto_t *status = json_object();
		OK(engine_status(ground.e, &p, status, ok_err));
		if ((features & ENGINE_HAS_STATUS) != 0) {
			ck_assert_uint_gt(json_object_size(status), 0);
		}
		for (const struct engine_text *t = level_of(&p).texts; t != NULL && t->name != NULL;
			t++) {
			read_and_write_text(&p, t);
		}
	}
	struct epath first = at("k-0000");
	ck_assert_int_eq(number_at(&first), 0);
}
END_TEST

START_TEST(test_bytes)
{
	GROUND;
	put_items(5);
	if (ground.profile->ops->bytes != NULL) {
		ck_assert_uint_gt(engine_bytes(ground.e), 0);
	}
}
END_TEST

/* ---- snapshots ---- */

static void assert_frozen(struct engine *view)
{
	struct listing l = {0};
	list(view, &ground.parent, NULL, 0, &l);
	ck_assert_uint_eq(l.n, N_ITEMS);
	for (size_t i = 0; i < l.n; i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		char key[32];
		struct epath p = at_slice(buf_slice(&l.keys[i]));
		read_all(view, &p, 0, &text);
		ck_assert_str_eq(buf_cstr(&l.keys[i]),
			numbered("k", (unsigned)number_in(buf_slice(&text)), key));
		ck_assert_uint_eq(l.infos[i].size, text.n);
	}
	listing_free(&l);
}

START_TEST(test_a_snapshot_stays_as_it_was)
{
	GROUND;
	struct epath p;
	struct engine *view = NULL;
	if (!find_feature(ENGINE_HAS_SNAPSHOTS, &p)) {
		return;
	}
	put_items(N_ITEMS);
	OK(engine_view_create(ground.e, &p, ENGINE_VIEW_SNAPSHOT, slice_of("before"), ok_err));
	FAILS(engine_view_create(ground.e, &p, ENGINE_VIEW_SNAPSHOT, slice_of("before"), fresh()),
		EEXIST);
	struct epath first = at("k-0000");
	struct epath extra = at("extra");
	put(&first, 999);
	put(&extra, 1);
	for (int round = 0; round < 2; round++) {
		OK(engine_view(
			ground.e, &p, ENGINE_VIEW_SNAPSHOT, slice_of("before"), &view, ok_err));
		assert_frozen(view);
		ck_assert(engine_read_only(view));
		FAILS(engine_remove(view, &first, ENGINE_VERSION_ANY, fresh()), EROFS);
		ck_assert_int_eq(number_at(&first), 999);
		engine_unref(view);
		ground_reopen(false);
	}
	/* A view keeps its parent open. */
	OK(engine_view(ground.e, &p, ENGINE_VIEW_SNAPSHOT, slice_of("before"), &view, ok_err));
	ground_close();
	assert_frozen(view);
	engine_unref(view);
	ground_open(ground.profile->ops, false);
}
END_TEST

/* What the service makes by itself bears a ':'. */
static int collect_name(void *arg, struct slice key, const struct engine_info *info)
{
	(void)info;
	if (memchr(key.p, ':', key.n) != NULL) {
		return 0;
	}
	buf_append_slice(arg, key);
	buf_putc(arg, ' ');
	return 0;
}

START_TEST(test_snapshots_are_listed_and_removed)
{
	GROUND;
	struct epath p;
	struct engine *view = NULL;
	CLEANUP(buf_free) struct buf names = BUF_INIT;
	if (!find_feature(ENGINE_HAS_SNAPSHOTS, &p)) {
		return;
	}
	put_items(3);
	const char *const all[] = {"bbb", "aaa", "ccc"};
	for (unsigned i = 0; i < 3; i++) {
		OK(engine_view_create(
			ground.e, &p, ENGINE_VIEW_SNAPSHOT, slice_of(all[i]), ok_err));
	}
	OK(engine_view_list(
		ground.e, &p, ENGINE_VIEW_SNAPSHOT, NULL, collect_name, &names, ok_err));
	ck_assert_str_eq(buf_cstr(&names), "aaa bbb ccc ");
	buf_clear(&names);
	struct slice after = slice_of("aaa");
	OK(engine_view_list(
		ground.e, &p, ENGINE_VIEW_SNAPSHOT, &after, collect_name, &names, ok_err));
	ck_assert_str_eq(buf_cstr(&names), "bbb ccc ");
	OK(engine_view_remove(ground.e, &p, ENGINE_VIEW_SNAPSHOT, slice_of("bbb"), ok_err));
	FAILS(engine_view_remove(ground.e, &p, ENGINE_VIEW_SNAPSHOT, slice_of("bbb"), fresh()),
		ENOENT);
	FAILS(engine_view(ground.e, &p, ENGINE_VIEW_SNAPSHOT, slice_of("bbb"), &view, fresh()),
		ENOENT);
	ground_reopen(false);
	buf_clear(&names);
	OK(engine_view_list(
		ground.e, &p, ENGINE_VIEW_SNAPSHOT, NULL, collect_name, &names, ok_err));
	ck_assert_str_eq(buf_cstr(&names), "aaa ccc ");
}
END_TEST

/* ---- export and import ---- */

static void export_all(const char *format, struct buf *out)
{
	struct engine_export *x = NULL;
	uint64_t size = 0;
	size_t before;
	OK(engine_export_open(ground.e, &ground.parent, format, &x, &size, ok_err));
	do {
		before = out->n;
		OK(engine_export_read(x, out, ok_err));
		ck_assert_uint_le(out->n - before, 1 << 20);
	} while (out->n > before);
	ck_assert_uint_eq(out->n, size);
	engine_export_close(x);
}

static int import_all(const char *mode, const char *format, struct slice text, struct buf *report)
{
	struct engine_import *i = NULL;
	OK(engine_import_open(ground.e, &ground.parent, mode, format, &i, ok_err));
	/* In pieces that respect nothing. */
	for (size_t from = 0; from < text.n; from += 37) {
		size_t n = text.n - from < 37 ? text.n - from : 37;
		int r = engine_import_feed(i, slice_make(text.p + from, n), fresh());
		if (r != 0) {
			engine_import_abort(i);
			return r;
		}
	}
	return engine_import_finish(i, report, fresh());
}

static void assert_items(unsigned n)
{
	struct listing l = {0};
	list(ground.e, &ground.parent, NULL, 0, &l);
	ck_assert_uint_eq(l.n, n);
	listing_free(&l);
	for (unsigned i = 0; i < n; i++) {
		char key[32];
		struct epath p = at(numbered("k", i, key));
		ck_assert_int_eq(number_at(&p), i);
	}
}

START_TEST(test_an_export_has_its_size_and_is_fixed_at_open)
{
	GROUND;
	const char *const *formats = level_of(&ground.parent).export_formats;
	put_items(N_ITEMS);
	for (; formats != NULL && *formats != NULL; formats++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf fixed = BUF_INIT;
		struct engine_export *x = NULL;
		uint64_t size = 0;
		export_all(*formats, &text);
		ck_assert_uint_gt(text.n, N_ITEMS);
		OK(engine_export_open(ground.e, &ground.parent, *formats, &x, &size, ok_err));
		struct epath p = at("k-0000");
		struct epath extra = at("extra");
		put(&p, 888);
		put(&extra, 1);
		size_t before;
		do {
			before = fixed.n;
			OK(engine_export_read(x, &fixed, ok_err));
		} while (fixed.n > before);
		engine_export_close(x);
		ck_assert_msg(slice_equal(buf_slice(&text), buf_slice(&fixed)),
			"%s moved while it was read", *formats);
		put(&p, 0);
		OK(engine_remove(ground.e, &extra, ENGINE_VERSION_ANY, ok_err));
	}
	struct engine_export *x = NULL;
	uint64_t size;
	int r = engine_export_open(ground.e, &ground.parent, "nonsense", &x, &size, fresh());
	ck_assert_msg(r == -EINVAL || r == -ENOTSUP || r == -ENOENT, "%d", r);
}
END_TEST

static bool is_among(const char *word, const char *const *words)
{
	for (; words != NULL && *words != NULL; words++) {
		if (strcmp(word, *words) == 0) {
			return true;
		}
	}
	return false;
}

/* One format there and back, in every mode. */
static void round_trip(const char *format)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf again = BUF_INIT;
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	struct epath first = at("k-0000");
	struct epath extra = at("extra");

	export_all(format, &text);
	FAILS(import_all("append", format, buf_slice(&text), &report), EINVAL);
	assert_items(N_ITEMS);
	put(&first, 777);
	put(&extra, 1);
	OK(import_all("upsert", format, buf_slice(&text), &report));
	ck_assert_int_eq(number_at(&first), 0);
	ck_assert_int_eq(number_at(&extra), 1);
	put(&first, 777);
	buf_clear(&report);
	OK(import_all("replace", format, buf_slice(&text), &report));
	ck_assert_msg(report.n > 0, "%s: no report", format);
	assert_items(N_ITEMS);
	export_all(format, &again);
	ck_assert_msg(slice_equal(buf_slice(&text), buf_slice(&again)), "%s changed", format);
	for (unsigned i = 0; i < N_ITEMS; i++) {
		char key[32];
		struct epath p = at(numbered("k", i, key));
		OK(engine_remove(ground.e, &p, ENGINE_VERSION_ANY, ok_err));
	}
	OK(import_all("append", format, buf_slice(&text), &report));
	assert_items(N_ITEMS);
}

START_TEST(test_what_was_exported_can_be_imported)
{
	GROUND;
	struct engine_level level = level_of(&ground.parent);
	put_items(N_ITEMS);
	for (const char *const *f = level.export_formats; f != NULL && *f != NULL; f++) {
		if (is_among(*f, level.import_formats)) {
			round_trip(*f);
		}
	}
}
END_TEST

START_TEST(test_a_bad_import_changes_nothing)
{
	GROUND;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	struct engine_level level = level_of(&ground.parent);
	struct engine_import *i = NULL;
	put_items(N_ITEMS);
	if (!is_among("jsonl", level.import_formats) || !is_among("jsonl", level.export_formats)) {
		return;
	}
	export_all("jsonl", &text);
	buf_puts(&text, "{nonsense\n");
	const char *const modes[] = {"append", "upsert", "replace"};
	struct engine_info before = stat_of(&ground.parent);
	for (unsigned m = 0; m < 3; m++) {
		FAILS(import_all(modes[m], "jsonl", buf_slice(&text), &report), EINVAL);
		assert_items(N_ITEMS);
		/* Given up half way. */
		OK(engine_import_open(ground.e, &ground.parent, modes[m], "jsonl", &i, ok_err));
		engine_import_feed(i, slice_make(text.p, text.n / 2), fresh());
		engine_import_abort(i);
		assert_items(N_ITEMS);
	}
	struct engine_info after = stat_of(&ground.parent);
	ck_assert_uint_eq(before.version, after.version);
	FAILS(engine_import_open(ground.e, &ground.parent, "sideways", "jsonl", &i, fresh()),
		EINVAL);
}
END_TEST

TCase *conform_whole(void)
{
	TCase *t = tcase_create("whole");
	tcase_add_checked_fixture(t, NULL, ground_teardown);
	tcase_set_timeout(t, 60);
	ADD(t, test_commands_explain_themselves);
	ADD(t, test_commands_refuse_wrong_numbers_of_words);
	ADD(t, test_an_unknown_command);
	ADD(t, test_status_and_texts);
	ADD(t, test_bytes);
	ADD(t, test_a_snapshot_stays_as_it_was);
	ADD(t, test_snapshots_are_listed_and_removed);
	ADD(t, test_an_export_has_its_size_and_is_fixed_at_open);
	ADD(t, test_what_was_exported_can_be_imported);
	ADD(t, test_a_bad_import_changes_nothing);
	return t;
}
