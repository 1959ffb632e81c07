#include "tests/engine/script.h"

#include <stdlib.h>

#include "engines/common/cleanup.h"

/* ---- the state ---- */

static void print_key(struct slice key, struct buf *out)
{
	buf_putc(out, '/');
	name_escape(key, out);
}

static void print_item(const struct epath *path, struct buf *out)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	read_all(ground.e, path, 0, &text);
	for (unsigned d = 0; d < path->depth; d++) {
		print_key(path->key[d], out);
	}
	buf_putc(out, '\n');
	buf_append_slice(out, buf_slice(&text));
}

/* Those that the service makes by itself (a ':' is in their names) come when they come. */
static int print_name(void *arg, struct slice key, const struct engine_info *info)
{
	(void)info;
	if (memchr(key.p, ':', key.n) != NULL) {
		return 0;
	}
	print_key(key, arg);
	buf_puts(arg, " (snapshot)\n");
	return 0;
}

static void print_directory(const struct epath *path, struct buf *out)
{
	struct listing l = {0};
	struct engine_level level = level_of(path);
	if (path->depth == 0 || path->depth < ground.profile->implied) {
		for (unsigned d = 0; d < path->depth; d++) {
			print_key(path->key[d], out);
		}
		buf_puts(out, "/\n");
	}
	if ((level.features & ENGINE_HAS_SNAPSHOTS) != 0 && path->depth > 0) {
		OK(engine_view_list(
			ground.e, path, ENGINE_VIEW_SNAPSHOT, NULL, print_name, out, ok_err));
	}
	list(ground.e, path, NULL, 0, &l);
	for (size_t i = 0; i < l.n; i++) {
		struct epath child = epath_child(path, buf_slice(&l.keys[i]));
		if (l.infos[i].kind == ENGINE_DIR) {
			print_directory(&child, out);
		} else {
			print_item(&child, out);
		}
	}
	listing_free(&l);
}

void state_print(struct buf *out)
{
	struct epath root = {0};
	print_directory(&root, out);
	ck_assert(!out->failed);
}

/* ---- steps ---- */

typedef int step_fn(struct script *s, struct err *err);

static int write_step(const struct epath *path, unsigned n, uint64_t expect, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_info info;
	ground.profile->document(n, &text);
	return engine_write(ground.e, path, 0, buf_slice(&text), expect, &info, err);
}

static int rename_step(const char *from, const char *to, unsigned flags, struct err *err)
{
	struct epath p = at(from);
	struct epath q = at(to);
	return engine_rename(ground.e, &p, &q, flags, err);
}

static struct epath new_directory(const char *suffix, char name[64])
{
	snprintf(name, 64, "%s%s", ground.profile->dir_key, suffix);
	return (struct epath){1, {slice_of(name)}};
}

static int step_mkdir(struct script *s, struct err *err)
{
	char name[64];
	struct epath p = new_directory("", name);
	(void)s;
	return engine_mkdir(ground.e, &p, err);
}

static int step_create(struct script *s, struct err *err)
{
	struct epath p = at("a");
	(void)s;
	return write_step(&p, 1, ENGINE_VERSION_ABSENT, err);
}

static int step_create_more(struct script *s, struct err *err)
{
	struct epath p = at("b");
	(void)s;
	return write_step(&p, 2, ENGINE_VERSION_ANY, err);
}

static int step_overwrite(struct script *s, struct err *err)
{
	struct epath p = at("a");
	(void)s;
	return write_step(&p, 3, ENGINE_VERSION_ANY, err);
}

static int step_refused(struct script *s, struct err *err)
{
	struct epath p = at("a");
	(void)s;
	return write_step(&p, 4, ENGINE_VERSION_ABSENT, err);
}

/* Not a change: gives the import step its text, once. */
static int step_export(struct script *s, struct err *err)
{
	struct engine_export *x = NULL;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	uint64_t size = 0;
	size_t before;
	int r = engine_export_open(ground.e, &ground.parent, "jsonl", &x, &size, err);
	if (r != 0) {
		return r;
	}
	do {
		before = text.n;
		r = engine_export_read(x, &text, err);
	} while (r == 0 && text.n > before);
	engine_export_close(x);
	if (r == 0 && s->exported.n == 0) {
		buf_append_slice(&s->exported, buf_slice(&text));
	}
	return r;
}

static int step_rename(struct script *s, struct err *err)
{
	(void)s;
	return rename_step("a", "c", 0, err);
}

static int step_replace(struct script *s, struct err *err)
{
	(void)s;
	return rename_step("c", "b", 0, err);
}

static int step_far(struct script *s, struct err *err)
{
	struct epath p = beside("d");
	(void)s;
	return write_step(&p, 5, ENGINE_VERSION_ANY, err);
}

static int step_move_far(struct script *s, struct err *err)
{
	struct epath from = beside("d");
	struct epath to = at("d");
	(void)s;
	return engine_rename(ground.e, &from, &to, 0, err);
}

static int step_near(struct script *s, struct err *err)
{
	struct epath p = at("e");
	(void)s;
	return write_step(&p, 6, ENGINE_VERSION_ANY, err);
}

static int step_exchange(struct script *s, struct err *err)
{
	(void)s;
	return rename_step("b", "e", RENAME_EXCHANGE, err);
}

static bool has_snapshots(struct epath *path)
{
	/* Known without asking, so that no call is spent on it. */
	*path = up_to(&ground.parent, 1);
	return ground.profile->ops->view_create != NULL;
}

static int step_snapshot(struct script *s, struct err *err)
{
	struct epath p;
	(void)s;
	return has_snapshots(&p) ? engine_view_create(ground.e, &p, ENGINE_VIEW_SNAPSHOT,
					   slice_of("snap"), err)
				 : 0;
}

static int step_look(struct script *s, struct err *err)
{
	struct epath p;
	struct engine *view = NULL;
	struct epath item = at("e");
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_info info;
	(void)s;
	if (!has_snapshots(&p)) {
		return 0;
	}
	int r = engine_view(ground.e, &p, ENGINE_VIEW_SNAPSHOT, slice_of("snap"), &view, err);
	if (r == 0) {
		r = engine_read(view, &item, 0, &text, &info, err);
		engine_unref(view);
	}
	return r;
}

static int step_remove(struct script *s, struct err *err)
{
	struct epath p = at("e");
	(void)s;
	return engine_remove(ground.e, &p, ENGINE_VERSION_ANY, err);
}

static int step_import(struct script *s, struct err *err)
{
	struct engine_import *i = NULL;
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	int r = engine_import_open(ground.e, &ground.parent, "replace", "jsonl", &i, err);
	if (r != 0) {
		return r;
	}
	r = engine_import_feed(i, buf_slice(&s->exported), err);
	if (r != 0) {
		engine_import_abort(i);
		return r;
	}
	return engine_import_finish(i, &report, err);
}

static int step_drop_snapshot(struct script *s, struct err *err)
{
	struct epath p;
	(void)s;
	return has_snapshots(&p) ? engine_view_remove(ground.e, &p, ENGINE_VIEW_SNAPSHOT,
					   slice_of("snap"), err)
				 : 0;
}

static int step_rename_directory(struct script *s, struct err *err)
{
	char from[64];
	char to[64];
	struct epath p = new_directory("", from);
	struct epath q = new_directory("2", to);
	(void)s;
	return engine_rename(ground.e, &p, &q, 0, err);
}

static int step_rmdir(struct script *s, struct err *err)
{
	char name[64];
	struct epath p = new_directory("2", name);
	(void)s;
	return engine_rmdir(ground.e, &p, err);
}

static int step_about(struct script *s, struct err *err)
{
	CLEANUP(buf_free) struct buf schema = BUF_INIT;
	struct epath p = up_to(&ground.parent, 1);
	json_auto_t *status = json_object();
	(void)s;
	int r = engine_status(ground.e, &p, status, err);
	r = r != 0 ? r : engine_text_read(ground.e, &p, ".schema", &schema, err);
	r = r != 0 ? r : engine_text_write(ground.e, &p, ".schema", buf_slice(&schema), err);
	return r != 0 ? r : engine_sync(ground.e, &p, err);
}

static step_fn *const steps[] = {step_mkdir, step_create, step_create_more, step_overwrite,
	step_refused, step_export, step_rename, step_replace, step_far, step_move_far, step_near,
	step_exchange, step_snapshot, step_look, step_remove, step_import, step_drop_snapshot,
	step_rename_directory, step_rmdir, step_about};
const char *const step_names[] = {"mkdir", "create", "create more", "overwrite", "refused",
	"export", "rename", "replace", "far", "move far", "near", "exchange", "snapshot", "look",
	"remove", "import", "drop snapshot", "rename directory", "rmdir", "about"};
#define N_STEPS (sizeof(steps) / sizeof(steps[0]))
_Static_assert(N_STEPS <= STEPS_MAX, "more steps than STEPS_MAX");

bool script_is_in_both(unsigned i)
{
	struct epath from = beside("d");
	struct epath to = at("d");
	return steps[i] == step_move_far && ground.profile->far && number_at(&from) == 5 &&
	       number_at(&to) == 5;
}

int script_step(struct script *s, unsigned i, struct err *err)
{
	return steps[i](s, err);
}

void script_record(struct script *s)
{
	s->n = N_STEPS;
	for (unsigned i = 0; i < s->n; i++) {
		state_print(&s->state[i]);
		s->outcome[i] = script_step(s, i, fresh());
	}
	state_print(&s->state[s->n]);
}

void script_finish(struct script *s)
{
	for (unsigned i = 0; i <= s->n; i++) {
		buf_free(&s->state[i]);
	}
	buf_free(&s->exported);
}
