/* The wrapper by itself, over ops that do next to nothing. That real engines
 * keep the contract is tests/engine/'s. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "tests/unit/fake_engine.h"
#include "tests/unit/fixture.h"

/* ---- opening ---- */

static void assert_open_refused(const struct engine_ops *bad, const char *text)
{
	struct engine_config config = {.dir = "/nowhere"};
	struct engine *none = NULL;
	assert_refused(engine_open(bad, &config, &none, fresh()), EINVAL, text);
	ck_assert_ptr_null(none);
}

static int fake_query_open(void *ctx, const struct epath *path, struct slice text, unsigned form,
	void **stream, uint64_t *size, struct err *err)
{
	(void)form;
	fake.told_size = text.n;
	/* The fake's export gives its format: here the text, which is a string. */
	return ops.export_open(ctx, path, text.p, stream, size, err);
}

static int fake_view_rename(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, const struct epath *to, struct err *err)
{
	(void)ctx;
	ck_assert_uint_eq(path->depth, 1);
	ck_assert_uint_eq(to->depth, 1);
	ck_assert(slice_is(name, "r1"));
	return kind == ENGINE_VIEW_REPLICA ? 0 : err_set(err, EINVAL, "only a replica");
}

static int fake_feed_bounds(
	void *ctx, const struct epath *path, uint64_t *start, uint64_t *end, struct err *err)
{
	(void)ctx;
	(void)path;
	(void)err;
	*start = 0;
	*end = 0;
	return 0;
}

START_TEST(test_an_incomplete_table_is_refused_by_name)
{
	struct engine_ops bad = bare_ops;
	bad.list = NULL;
	assert_open_refused(&bad, "engine fake/none lacks list");
	bad = bare_ops;
	bad.service = NULL;
	assert_open_refused(&bad, "engine (unnamed)/none lacks service");
	bad = bare_ops;
	bad.summary = NULL;
	assert_open_refused(&bad, "engine fake/none lacks summary");
	bad = ops;
	bad.export_close = NULL;
	assert_open_refused(&bad, "engine fake/none lacks export_close");
	bad.export_open = NULL;
	bad.query_open = fake_query_open;
	assert_open_refused(&bad, "engine fake/none lacks export_close");
	bad = bare_ops;
	bad.query_open = fake_query_open;
	assert_open_refused(&bad, "engine fake/none lacks export_read");
	bad = ops;
	bad.query_open = NULL;
	bad.export_open = NULL;
	assert_open_refused(&bad, "engine fake/none lacks export_open");
	bad = bare_ops;
	bad.feed_bounds = fake_feed_bounds;
	assert_open_refused(&bad, "engine fake/none lacks feed_read");
	bad = bare_ops;
	bad.view_rename = fake_view_rename;
	assert_open_refused(&bad, "engine fake/none lacks view_list");
	bad = ops;
	bad.view_list = NULL;
	assert_open_refused(&bad, "engine fake/none lacks view_list");
}
END_TEST

static int run_nothing(void *ctx, struct engine_call *call, struct err *err)
{
	(void)ctx;
	(void)call;
	(void)err;
	return 0;
}

static int fake_feed_open(void *ctx, const struct epath *path, struct err *err)
{
	(void)ctx;
	(void)path;
	(void)err;
	return 0;
}

static void fake_feed_close(void *ctx, const struct epath *path)
{
	(void)ctx;
	(void)path;
}

static int fake_attr_remove(void *ctx, const struct epath *path, const char *name, struct err *err)
{
	(void)ctx;
	(void)path;
	(void)name;
	(void)err;
	return 0;
}

static int fake_set_time(void *ctx, const struct epath *path, int64_t mtime_ns, struct err *err)
{
	(void)ctx;
	(void)path;
	return mtime_ns < 0 ? err_set(err, EINVAL, "before the epoch") : 0;
}

static int fake_import_reply(void *sink, struct buf *out, struct err *err)
{
	(void)sink;
	(void)out;
	(void)err;
	return 0;
}

START_TEST(test_what_belongs_together_is_there_together)
{
	struct engine_ops bad = bare_ops;
	bad.feed_open = fake_feed_open;
	assert_open_refused(&bad, "engine fake/none lacks feed_close");
	bad.feed_close = fake_feed_close;
	assert_open_refused(&bad, "engine fake/none lacks feed_bounds");
	bad = bare_ops;
	bad.attr_remove = fake_attr_remove;
	assert_open_refused(&bad, "engine fake/none lacks attr_read");
	bad = bare_ops;
	bad.import_reply = fake_import_reply;
	assert_open_refused(&bad, "engine fake/none lacks import_open");
}
END_TEST

START_TEST(test_a_time_means_something_to_some)
{
	ck_assert_int_eq(engine_set_time(e, &two, 5, fresh()), 0);
	engine_unref(e);
	ops.set_time = fake_set_time;
	open_engine(false);
	ck_assert_int_eq(engine_set_time(e, &two, 5, fresh()), 0);
	assert_refused(engine_set_time(e, &two, -5, fresh()), EINVAL, "before the epoch");
	engine_unref(e);
	open_engine(true);
	assert_refused(
		engine_set_time(e, &two, 5, fresh()), EROFS, "fake is mounted read-only (ro=fake)");
}
END_TEST

START_TEST(test_a_bad_table_of_commands_is_refused)
{
	static const struct engine_command unsorted[] = {
		{"b", "", "help", 1, 0, 0, run_nothing},
		{"a", "", "help", 1, 0, 0, run_nothing},
		{NULL, NULL, NULL, 0, 0, 0, NULL},
	};
	static const struct engine_command nowhere[] = {
		{"b", "", "help", 0, 0, 0, run_nothing},
		{NULL, NULL, NULL, 0, 0, 0, NULL},
	};
	struct engine_ops bad = bare_ops;
	bad.commands = unsorted;
	assert_open_refused(
		&bad, "engine fake/none: the commands are not sorted: b stands before a");
	bad.commands = nowhere;
	assert_open_refused(&bad, "engine fake/none: the command b is not whole");
}
END_TEST

START_TEST(test_a_bad_setting)
{
	const struct engine_setting setting = {"x", "y"};
	struct engine_config config = {.dir = "/nowhere", .settings = &setting, .n_settings = 1};
	struct engine *none = NULL;
	assert_refused(
		engine_open(&ops, &config, &none, fresh()), EINVAL, "fake has no setting 'x'");
}
END_TEST

START_TEST(test_the_registry)
{
	const struct engine_ops *previous = NULL;
	ck_assert_ptr_null(engine_find("nothing", NULL));
	ck_assert_ptr_null(engine_find("dynamodb", "nothing"));
	for (const struct engine_ops *const *p = engine_registry; *p != NULL; p++) {
		ck_assert_ptr_eq(engine_find((*p)->service, (*p)->backend), *p);
		if (previous != NULL) {
			int c = strcmp(previous->service, (*p)->service);
			ck_assert(
				c < 0 || (c == 0 && strcmp(previous->backend, (*p)->backend) < 0));
		}
		previous = *p;
	}
}
END_TEST

/* ---- defaults ---- */

START_TEST(test_what_is_absent_has_its_default)
{
	struct buf buf = BUF_INIT;
	struct engine_info info;
	struct engine_import *import = NULL;
	struct engine_export *export = NULL;
	struct engine *view = NULL;
	uint64_t size;
	unsigned char hash[NAME_HASH_BYTES] = {0};
	json_auto_t *status = json_object();
	engine_unref(e);
	ops = bare_ops;
	open_engine(false);
	assert_refused(
		engine_find_hashed(e, &root, hash, &buf, fresh()), ENOENT, "no key has this hash");
	assert_refused(engine_write(e, &two, 0, slice_of("x"), 0, &info, fresh()), EROFS,
		"fake/none cannot write items");
	assert_refused(engine_remove(e, &two, 0, fresh()), EROFS, "fake/none cannot remove items");
	assert_refused(engine_rename(e, &two, &two, 0, fresh()), EXDEV,
		"fake/none cannot rename: copy and remove");
	assert_refused(engine_mkdir(e, &one, fresh()), ENOTSUP,
		"fake/none has no directories that can be made");
	assert_refused(engine_rmdir(e, &one, fresh()), ENOTSUP,
		"fake/none has no directories that can be removed");
	assert_refused(engine_text_read(e, &one, ".schema", &buf, fresh()), ENOTSUP,
		"fake/none has no texts of directories");
	assert_refused(engine_text_write(e, &one, ".schema", slice_of(""), fresh()), ENOTSUP,
		"fake/none has no texts of directories that can be written");
	assert_refused(engine_feed_bounds(e, &one, &size, &size, fresh()), ENOTSUP,
		"fake/none has no feeds");
	assert_refused(
		engine_feed_read(e, &one, 0, 1, &buf, fresh()), ENOTSUP, "fake/none has no feeds");
	assert_refused(engine_feed_append(e, &one, slice_of("x"), fresh()), EROFS,
		"fake/none: nothing is written to a feed");
	ck_assert_int_eq(engine_feed_open(e, &one, fresh()), 0);
	engine_feed_close(e, &one);
	assert_refused(engine_attr_read(e, &two, "ttl", &buf, fresh()), ENOTSUP,
		"fake/none has no attributes");
	assert_refused(engine_attr_write(e, &two, "ttl", slice_of("1"), fresh()), ENOTSUP,
		"fake/none has no attributes that can be set");
	assert_refused(engine_attr_remove(e, &two, "ttl", fresh()), ENOTSUP,
		"fake/none has no attributes that can be removed");
	assert_refused(engine_view(e, &one, ENGINE_VIEW_ROOM, slice_of("x"), &view, fresh()),
		ENOTSUP, "fake/none has no such directories");
	assert_refused(engine_view(e, &one, ENGINE_VIEW_SNAPSHOT, slice_of("x"), &view, fresh()),
		ENOTSUP, "fake/none has no snapshots");
	assert_refused(engine_view_create(e, &one, ENGINE_VIEW_REPLICA, slice_of("x"), fresh()),
		ENOTSUP, "fake/none has no replicas");
	assert_refused(engine_view_remove(e, &one, ENGINE_VIEW_TIME, slice_of("x"), fresh()),
		ENOTSUP, "fake/none has no points in time");
	assert_refused(engine_view_list(e, &one, ENGINE_VIEW_SNAPSHOT, NULL, NULL, NULL, fresh()),
		ENOTSUP, "fake/none has no snapshots");
	assert_refused(engine_export_open(e, &one, "csv", &export, &size, fresh()), ENOTSUP,
		"fake/none has no exports");
	assert_refused(engine_import_open(e, &one, "append", "csv", &import, fresh()), ENOTSUP,
		"fake/none has no imports");
	assert_refused(command("x", &buf), ENOTSUP, "fake/none has no commands");
	ck_assert_int_eq(engine_check(e, &two, 0, slice_of("x"), 0, fresh()), 0);
	ck_assert_int_eq(engine_check_key(e, &two, fresh()), 0);
	ck_assert_int_eq(engine_status(e, &one, status, fresh()), 0);
	ck_assert_uint_eq(json_object_size(status), 0);
	ck_assert_int_eq(engine_sync(e, &root, fresh()), 0);
	ck_assert_uint_eq(engine_bytes(e), 0);
	engine_commands_help(e, 0, &buf);
	ck_assert_uint_eq(buf.n, 0);
	struct engine_draft *d = engine_draft_new(e, &two, 0);
	ck_assert_int_eq(engine_draft_feed(d, slice_of("anything"), fresh()), 0);
	ck_assert(engine_draft_complete(d));
	engine_draft_free(d);
	engine_draft_free(NULL);
	engine_export_close(NULL);
	engine_import_abort(NULL);
	engine_unref(NULL);
	buf_free(&buf);
}
END_TEST

START_TEST(test_a_failed_read_leaves_the_buffer)
{
	struct buf text = BUF_INIT;
	struct engine_info info;
	buf_puts(&text, "old");
	assert_refused(engine_read(e, &two, 0, &text, &info, fresh()), EIO, "the disk is gone");
	ck_assert_str_eq(buf_cstr(&text), "old");
	ck_assert_int_eq(engine_read(e, &one, 0, &text, &info, fresh()), 0);
	ck_assert_str_eq(buf_cstr(&text), "oldtext");
	buf_free(&text);
}
END_TEST

START_TEST(test_rename_flags)
{
	assert_refused(engine_rename(e, &one, &one, 8, fresh()), EINVAL,
		"rename flags 0x8 are not supported: only no-replace or exchange");
	assert_refused(engine_rename(e, &one, &one, RENAME_NOREPLACE | RENAME_EXCHANGE, fresh()),
		EINVAL, "rename flags 0x3 are not supported: only no-replace or exchange");
}
END_TEST

/* ---- read-only ---- */

START_TEST(test_read_only)
{
	static const char text[] = "fake is mounted read-only (ro=fake)";
	struct buf out = BUF_INIT;
	struct engine_info info;
	engine_unref(e);
	open_engine(true);
	ck_assert(engine_read_only(e));
	assert_refused(engine_write(e, &two, 0, slice_of("x"), 0, &info, fresh()), EROFS, text);
	assert_refused(engine_remove(e, &two, 0, fresh()), EROFS, text);
	assert_refused(engine_mkdir(e, &one, fresh()), EROFS, text);
	assert_refused(command("echo", &out), EROFS, text);
	ck_assert_int_eq(engine_stat(e, &one, 0, &info, fresh()), 0);
	buf_free(&out);
}
END_TEST

static void assert_view(enum engine_view_kind kind, bool read_only, int code, const char *text)
{
	struct engine *view = NULL;
	ck_assert_int_eq(engine_view(e, &one, kind, slice_of("v"), &view, fresh()), 0);
	ck_assert(engine_read_only(view) == read_only);
	ck_assert_str_eq(engine_service(view), "fake");
	ck_assert_ptr_eq(engine_ops(view), &ops);
	assert_refused(engine_remove(view, &two, 0, fresh()), code, text);
	engine_unref(view);
}

START_TEST(test_views_and_what_they_refuse)
{
	struct engine *view = NULL;
	assert_view(ENGINE_VIEW_SNAPSHOT, true, EROFS, "a snapshot cannot be changed");
	assert_view(ENGINE_VIEW_TIME, true, EROFS, "the past (.at) cannot be changed");
	/* A replica says itself what it takes. */
	assert_view(ENGINE_VIEW_REPLICA, false, EROFS, "fake/none cannot remove items");
	assert_refused(engine_view(e, &one, ENGINE_VIEW_SNAPSHOT, slice_of("none"), &view, fresh()),
		ENOENT, "there is no such view");
	engine_unref(e);
	open_engine(true);
	assert_view(ENGINE_VIEW_REPLICA, true, EROFS, "fake is mounted read-only (ro=fake)");
}
END_TEST

START_TEST(test_a_view_keeps_its_parent_open)
{
	struct engine *view = NULL;
	struct engine *deeper = NULL;
	struct engine_info info;
	ck_assert_int_eq(
		engine_view(e, &one, ENGINE_VIEW_REPLICA, slice_of("v"), &view, fresh()), 0);
	ck_assert_int_eq(
		engine_view(view, &one, ENGINE_VIEW_SNAPSHOT, slice_of("w"), &deeper, fresh()), 0);
	ck_assert_int_eq(atomic_load(&fake.open), 3);
	engine_unref(e);
	engine_unref(view);
	ck_assert_int_eq(atomic_load(&fake.open), 3);
	ck_assert_int_eq(engine_stat(deeper, &one, 0, &info, fresh()), 0);
	engine_unref(engine_ref(deeper));
	engine_unref(deeper);
	ck_assert_int_eq(atomic_load(&fake.open), 0);
	open_engine(false);
}
END_TEST

/* ---- exports, counters ---- */

static int read_export(uint64_t told, struct buf *out)
{
	struct engine_export *x = NULL;
	uint64_t size = 0;
	int r;
	fake.told_size = told;
	ck_assert_int_eq(engine_export_open(e, &one, "12345678", &x, &size, fresh()), 0);
	ck_assert_uint_eq(size, told);
	size_t before;
	do {
		before = out->n;
		r = engine_export_read(x, out, fresh());
	} while (r == 0 && out->n > before);
	engine_export_close(x);
	return r;
}

START_TEST(test_an_export_has_the_size_it_told)
{
	struct buf out = BUF_INIT;
	ck_assert_int_eq(read_export(8, &out), 0);
	ck_assert_str_eq(buf_cstr(&out), "12345678");
	assert_refused(read_export(9, &out), EIO, "the export ended 1 bytes before its size");
	assert_refused(read_export(7, &out), EIO,
		"the export gave more bytes than its size; please report this");
	buf_free(&out);
}
END_TEST

START_TEST(test_a_query_is_read_like_an_export)
{
	struct buf out = BUF_INIT;
	struct engine_export *x = NULL;
	uint64_t size = 0;
	assert_refused(engine_query_open(e, &one, slice_of("abcde"), 0, &x, &size, fresh()),
		ENOTSUP, "fake/none has no queries");
	engine_unref(e);
	ops.query_open = fake_query_open;
	open_engine(false);
	ck_assert_int_eq(engine_query_open(e, &one, slice_of("abcde"), 0, &x, &size, fresh()), 0);
	ck_assert_uint_eq(size, 5);
	ck_assert_int_eq(engine_export_read(x, &out, fresh()), 0);
	ck_assert_int_eq(engine_export_read(x, &out, fresh()), 0);
	ck_assert_str_eq(buf_cstr(&out), "abcde");
	engine_export_close(x);
	buf_free(&out);
}
END_TEST

START_TEST(test_a_view_that_is_moved_out)
{
	struct slice name = slice_of("r1");
	assert_refused(engine_view_rename(e, &one, ENGINE_VIEW_REPLICA, name, &one, fresh()),
		ENOTSUP, "fake/none has no replicas that can be moved out");
	engine_unref(e);
	ops.view_rename = fake_view_rename;
	open_engine(false);
	ck_assert_int_eq(engine_view_rename(e, &one, ENGINE_VIEW_REPLICA, name, &one, fresh()), 0);
	assert_refused(engine_view_rename(e, &one, ENGINE_VIEW_SNAPSHOT, name, &one, fresh()),
		EINVAL, "only a replica");
	engine_unref(e);
	open_engine(true);
	assert_refused(engine_view_rename(e, &one, ENGINE_VIEW_REPLICA, name, &one, fresh()), EROFS,
		"fake is mounted read-only (ro=fake)");
}
END_TEST

static int fixed_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	(void)ctx;
	(void)path;
	(void)err;
	*out = (struct engine_level){.noun = "a",
		.child_noun = "b",
		.child = ENGINE_DIR,
		.features = ENGINE_IS_FIXED | ENGINE_HAS_CONTROL};
	return 0;
}

/* Writes are refused before the engine is asked; commands run. */
START_TEST(test_a_fixed_view_takes_commands_only)
{
	static const char text[] = "v is a replica: it takes no writes, only commands; write to "
				   "what it follows, or promote it";
	struct buf out = BUF_INIT;
	struct engine *view = NULL;
	struct engine_info info;
	struct engine_import *import = NULL;
	engine_unref(e);
	ops.level = fixed_level;
	open_engine(false);
	ck_assert(!engine_fixed(e));
	ck_assert(!engine_moves(e));
	ck_assert_int_eq(
		engine_view(e, &one, ENGINE_VIEW_REPLICA, slice_of("v"), &view, fresh()), 0);
	ck_assert(engine_fixed(view));
	ck_assert(engine_moves(view));
	ck_assert(!engine_read_only(view));
	assert_refused(engine_write(view, &two, 0, slice_of("x"), 0, &info, fresh()), EROFS, text);
	assert_refused(engine_remove(view, &two, 0, fresh()), EROFS, text);
	assert_refused(engine_mkdir(view, &one, fresh()), EROFS, text);
	assert_refused(engine_import_open(view, &one, "run", "sql", &import, fresh()), EROFS, text);
	ck_assert_int_eq(engine_command(view, &root, slice_of("echo hi"), &out, fresh()), 0);
	ck_assert_str_eq(buf_cstr(&out), "[hi]");
	engine_unref(view);
	buf_free(&out);
}
END_TEST

static void assert_room(enum engine_view_kind kind, bool moves, const char *text)
{
	struct engine *view = NULL;
	struct engine *room = NULL;
	struct engine_info info;
	ck_assert_int_eq(engine_view(e, &one, kind, slice_of("v"), &view, fresh()), 0);
	ck_assert_int_eq(
		engine_view(view, &one, ENGINE_VIEW_ROOM, slice_of(".ttl"), &room, fresh()), 0);
	ck_assert(engine_moves(room) == moves);
	assert_refused(engine_write(room, &two, 0, slice_of("x"), 0, &info, fresh()), EROFS, text);
	engine_unref(view);
	engine_unref(room);
}

/* It takes writes where the tree around it does. */
START_TEST(test_a_room_is_of_the_tree_it_stands_in)
{
	struct engine *room = NULL;
	struct engine_info info;
	ck_assert_int_eq(
		engine_view(e, &one, ENGINE_VIEW_ROOM, slice_of(".ttl"), &room, fresh()), 0);
	ck_assert(!engine_read_only(room) && !engine_fixed(room) && !engine_moves(room));
	assert_refused(engine_write(room, &two, 0, slice_of("x"), 0, &info, fresh()), EROFS,
		"fake/none cannot write items");
	engine_unref(room);
	assert_room(ENGINE_VIEW_SNAPSHOT, false, "a snapshot cannot be changed");
	engine_unref(e);
	ops.level = fixed_level;
	open_engine(false);
	assert_room(ENGINE_VIEW_REPLICA, true,
		"v is a replica: it takes no writes, only commands; write to what it follows, or "
		"promote it");
	ck_assert_int_eq(
		engine_view(e, &one, ENGINE_VIEW_ROOM, slice_of(".ttl"), &room, fresh()), 0);
	assert_refused(engine_write(room, &two, 0, slice_of("x"), 0, &info, fresh()), EROFS,
		".ttl cannot be written");
	engine_unref(room);
	engine_unref(e);
	open_engine(true);
	assert_room(ENGINE_VIEW_ROOM, false, "fake is mounted read-only (ro=fake)");
}
END_TEST

START_TEST(test_metrics)
{
	struct buf out = BUF_INIT;
	struct engine_info info;
	struct engine *view = NULL;
	ck_assert_int_eq(
		engine_view(e, &one, ENGINE_VIEW_SNAPSHOT, slice_of("v"), &view, fresh()), 0);
	for (unsigned i = 0; i < 3; i++) {
		engine_stat(view, &one, 0, &info, fresh());
		engine_stat(e, &two, 0, &info, fresh());
	}
	engine_unref(view);
	struct engine *const both[] = {e, e};
	engine_metrics(both, 2, &out);
	const char *type = strstr(buf_cstr(&out), "# TYPE dbmount_engine_calls_total counter\n");
	ck_assert_ptr_nonnull(type);
	ck_assert_ptr_null(strstr(type + 1, "# TYPE dbmount_engine_calls_total counter\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out),
		"\ndbmount_engine_calls_total{service=\"fake\",call=\"stat\"} 6\n"));
	ck_assert_ptr_nonnull(strstr(buf_cstr(&out),
		"\ndbmount_engine_failures_total{service=\"fake\",call=\"stat\"} 3\n"));
	ck_assert_ptr_nonnull(
		strstr(buf_cstr(&out), "# TYPE dbmount_engine_seconds_total counter\n"));
	buf_free(&out);
}
END_TEST

/* ---- bugs of an engine stop the program ---- */

static int liar_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	(void)ctx;
	(void)form;
	*out = (struct engine_info){.kind = ENGINE_DIR, .version = 1, .size = 0, .mtime_ns = 0};
	switch (path->depth) {
	case 0: return -EIO; /* without a sentence */
	case 1: err_set(err, EIO, "x"); return 0;
	case 2: err_set(err, EIO, "x"); return -EBUSY;
	default: return err_set(err, ENOSYS, "x");
	}
}

START_TEST(test_an_engine_that_lies)
{
	struct epath path = {(unsigned)_i, {{"", 0}}};
	struct engine_info info;
	engine_unref(e);
	ops.stat = liar_stat;
	open_engine(false);
	engine_stat(e, &path, 0, &info, fresh());
}
END_TEST

int main(void)
{
	Suite *s = suite_create("engine");
	TCase *t = tcase_create("engine");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_an_incomplete_table_is_refused_by_name);
	tcase_add_test(t, test_what_belongs_together_is_there_together);
	tcase_add_test(t, test_a_time_means_something_to_some);
	tcase_add_test(t, test_a_room_is_of_the_tree_it_stands_in);
	tcase_add_test(t, test_a_bad_table_of_commands_is_refused);
	tcase_add_test(t, test_a_bad_setting);
	tcase_add_test(t, test_the_registry);
	tcase_add_test(t, test_what_is_absent_has_its_default);
	tcase_add_test(t, test_a_failed_read_leaves_the_buffer);
	tcase_add_test(t, test_rename_flags);
	tcase_add_test(t, test_read_only);
	tcase_add_test(t, test_views_and_what_they_refuse);
	tcase_add_test(t, test_a_view_keeps_its_parent_open);
	tcase_add_test(t, test_an_export_has_the_size_it_told);
	tcase_add_test(t, test_a_query_is_read_like_an_export);
	tcase_add_test(t, test_a_view_that_is_moved_out);
	tcase_add_test(t, test_a_fixed_view_takes_commands_only);
	tcase_add_test(t, test_metrics);
	tcase_add_loop_test_raise_signal(t, test_an_engine_that_lies, SIGABRT, 0, 4);
	suite_add_tcase(s, t);
	return run_suite(s);
}
