#include "tests/engine/fault.h"

#include <errno.h>
#include <stdlib.h>

/* What the wrapped engine calls its context. Drafts, exports and imports have
 * no context of their own in their calls, so they carry it along. */
struct wrapped {
	struct fault *f;
	void *ctx;
};

struct carried {
	struct fault *f;
	void *inner;
};

/* .open has no argument that could say which fault is meant. */
static struct fault *opening;

/* ---- failing ---- */

static int inject(struct fault *f, struct err *err)
{
	f->fired = true;
	return err_set(err, f->code, "injected failure of call %u", f->count);
}

/* Counts a call; whether it is the one to fail. */
static bool is_due(struct fault *f, bool change)
{
	if (f->calls != FAULT_ANY_CALL && !change) {
		return false;
	}
	f->count++;
	return f->count == f->n;
}

static int before_read(struct fault *f, struct err *err)
{
	return is_due(f, false) ? inject(f, err) : 0;
}

/* A call that changes something, if it is to fail beforehand. `lose` says that
 * its answer is to get lost instead. */
static int before_change(struct fault *f, bool *lose, struct err *err)
{
	bool due = is_due(f, true);
	*lose = due && f->calls == FAULT_CHANGES_AFTER;
	return due && !*lose ? inject(f, err) : 0;
}

static int after_change(struct fault *f, bool lose, int r, struct err *err)
{
	return r == 0 && lose ? inject(f, err) : r;
}

#define READING(w, call)                                                                           \
	do {                                                                                       \
		int r_ = before_read((w)->f, err);                                                 \
		return r_ != 0 ? r_ : (w)->f->inner->call;                                         \
	} while (0)

#define CHANGING(w, call)                                                                          \
	do {                                                                                       \
		bool lose_;                                                                        \
		int r_ = before_change((w)->f, &lose_, err);                                       \
		return r_ != 0 ? r_ : after_change((w)->f, lose_, (w)->f->inner->call, err);       \
	} while (0)

/* ---- life ---- */

static int wrap(struct fault *f, void *inner, void **out, struct err *err)
{
	struct wrapped *w = malloc(sizeof(*w));
	if (w == NULL) {
		f->inner->close(inner);
		return err_set(err, ENOMEM, "out of memory");
	}
	*w = (struct wrapped){f, inner};
	*out = w;
	return 0;
}

static int fault_open(const struct engine_config *config, void **ctx, struct err *err)
{
	void *inner = NULL;
	int r = before_read(opening, err);
	r = r != 0 ? r : opening->inner->open(config, &inner, err);
	return r != 0 ? r : wrap(opening, inner, ctx, err);
}

static void fault_close(void *ctx)
{
	struct wrapped *w = ctx;
	w->f->inner->close(w->ctx);
	free(w);
}

/* ---- single calls ---- */

static int fault_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, level(w->ctx, path, out, err));
}

static int fault_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, stat(w->ctx, path, form, out, err));
}

static int fault_list(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, list(w->ctx, path, after, form, emit, arg, err));
}

static int fault_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, find_hashed(w->ctx, path, hash, key, err));
}

static int fault_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, read(w->ctx, path, form, out, info, err));
}

static int fault_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, check(w->ctx, path, form, text, expect, err));
}

static int fault_check_key(void *ctx, const struct epath *path, struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, check_key(w->ctx, path, err));
}

static int fault_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	struct wrapped *w = ctx;
	CHANGING(w, write(w->ctx, path, form, text, expect, out, err));
}

/* Each is a change of its own. */
static void fault_write_many(void *ctx, struct engine_put *const *puts, unsigned n)
{
	struct wrapped *w = ctx;
	struct engine_put *passed[ENGINE_PUTS_MAX];
	bool lose[ENGINE_PUTS_MAX];
	unsigned n_passed = 0;
	for (unsigned i = 0; i < n; i++) {
		puts[i]->result = before_change(w->f, &lose[n_passed], &puts[i]->err);
		if (puts[i]->result == 0) {
			passed[n_passed++] = puts[i];
		}
	}
	if (n_passed > 0) {
		w->f->inner->write_many(w->ctx, passed, n_passed);
	}
	for (unsigned i = 0; i < n_passed; i++) {
		struct engine_put *p = passed[i];
		p->result = after_change(w->f, lose[i], p->result, &p->err);
	}
}

static int fault_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	struct wrapped *w = ctx;
	CHANGING(w, remove(w->ctx, path, expect, err));
}

static int fault_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err)
{
	struct wrapped *w = ctx;
	CHANGING(w, rename(w->ctx, from, to, flags, err));
}

static int fault_mkdir(void *ctx, const struct epath *path, struct err *err)
{
	struct wrapped *w = ctx;
	CHANGING(w, mkdir(w->ctx, path, err));
}

static int fault_rmdir(void *ctx, const struct epath *path, struct err *err)
{
	struct wrapped *w = ctx;
	CHANGING(w, rmdir(w->ctx, path, err));
}

static int fault_status(void *ctx, const struct epath *path, json_t *out, struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, status(w->ctx, path, out, err));
}

static int fault_text_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, text_read(w->ctx, path, name, out, err));
}

static int fault_text_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err)
{
	struct wrapped *w = ctx;
	CHANGING(w, text_write(w->ctx, path, name, text, err));
}

static int fault_feed_bounds(
	void *ctx, const struct epath *path, uint64_t *start, uint64_t *end, struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, feed_bounds(w->ctx, path, start, end, err));
}

static int fault_feed_read(void *ctx, const struct epath *path, uint64_t offset, size_t max,
	struct buf *out, struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, feed_read(w->ctx, path, offset, max, out, err));
}

static int fault_sync(void *ctx, const struct epath *path, struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, sync(w->ctx, path, err));
}

static uint64_t fault_bytes(void *ctx)
{
	struct wrapped *w = ctx;
	return w->f->inner->bytes(w->ctx);
}

static int fault_run(void *ctx, struct engine_call *call, struct err *err)
{
	struct wrapped *w = ctx;
	const struct engine_command *c = w->f->inner->commands;
	while (strcmp(c->name, call->argv[0]) != 0) {
		c++;
	}
	bool lose;
	int r = before_change(w->f, &lose, err);
	return r != 0 ? r : after_change(w->f, lose, c->run(w->ctx, call, err), err);
}

/* ---- views ---- */

static int fault_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err)
{
	struct wrapped *w = ctx;
	READING(w, view_list(w->ctx, path, kind, after, emit, arg, err));
}

static int fault_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err)
{
	struct wrapped *w = ctx;
	void *inner = NULL;
	int r = before_read(w->f, err);
	r = r != 0 ? r : w->f->inner->view_open(w->ctx, path, kind, name, &inner, err);
	return r != 0 ? r : wrap(w->f, inner, view, err);
}

static int fault_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	struct wrapped *w = ctx;
	CHANGING(w, view_create(w->ctx, path, kind, name, err));
}

static int fault_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	struct wrapped *w = ctx;
	CHANGING(w, view_remove(w->ctx, path, kind, name, err));
}

static int fault_view_rename(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, const struct epath *to, struct err *err)
{
	struct wrapped *w = ctx;
	CHANGING(w, view_rename(w->ctx, path, kind, name, to, err));
}

/* ---- drafts, exports, imports ---- */

/* NULL when memory ran out. */
static struct carried *carry(struct fault *f)
{
	struct carried *c = calloc(1, sizeof(*c));
	if (c != NULL) {
		c->f = f;
	}
	return c;
}

static void *fault_draft_new(void *ctx, const struct epath *path, unsigned form)
{
	struct wrapped *w = ctx;
	struct carried *c = carry(w->f);
	if (c == NULL) {
		return NULL;
	}
	c->inner = w->f->inner->draft_new(w->ctx, path, form);
	if (c->inner == NULL) {
		free(c);
		return NULL;
	}
	return c;
}

static int fault_draft_feed(void *draft, struct slice more, struct err *err)
{
	struct carried *c = draft;
	READING(c, draft_feed(c->inner, more, err));
}

static bool fault_draft_complete(const void *draft)
{
	const struct carried *c = draft;
	return c->f->inner->draft_complete(c->inner);
}

static void fault_draft_free(void *draft)
{
	struct carried *c = draft;
	c->f->inner->draft_free(c->inner);
	free(c);
}

static int fault_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err)
{
	struct wrapped *w = ctx;
	int r = before_read(w->f, err);
	struct carried *c = r == 0 ? carry(w->f) : NULL;
	if (c == NULL) {
		return r != 0 ? r : err_set(err, ENOMEM, "out of memory");
	}
	r = w->f->inner->export_open(w->ctx, path, format, &c->inner, size, err);
	if (r != 0) {
		free(c);
		return r;
	}
	*stream = c;
	return 0;
}

static int fault_query_open(void *ctx, const struct epath *path, struct slice text, unsigned form,
	void **stream, uint64_t *size, struct err *err)
{
	struct wrapped *w = ctx;
	int r = before_read(w->f, err);
	struct carried *c = r == 0 ? carry(w->f) : NULL;
	if (c == NULL) {
		return r != 0 ? r : err_set(err, ENOMEM, "out of memory");
	}
	r = w->f->inner->query_open(w->ctx, path, text, form, &c->inner, size, err);
	if (r != 0) {
		free(c);
		return r;
	}
	*stream = c;
	return 0;
}

static int fault_export_read(void *stream, struct buf *out, struct err *err)
{
	struct carried *c = stream;
	READING(c, export_read(c->inner, out, err));
}

static void fault_export_close(void *stream)
{
	struct carried *c = stream;
	c->f->inner->export_close(c->inner);
	free(c);
}

static int fault_import_open(void *ctx, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err)
{
	struct wrapped *w = ctx;
	int r = before_read(w->f, err);
	struct carried *c = r == 0 ? carry(w->f) : NULL;
	if (c == NULL) {
		return r != 0 ? r : err_set(err, ENOMEM, "out of memory");
	}
	r = w->f->inner->import_open(w->ctx, path, mode, format, &c->inner, err);
	if (r != 0) {
		free(c);
		return r;
	}
	*sink = c;
	return 0;
}

static int fault_import_feed(void *sink, struct slice text, struct err *err)
{
	struct carried *c = sink;
	READING(c, import_feed(c->inner, text, err));
}

static int fault_import_finish(void *sink, struct buf *report, struct err *err)
{
	struct carried *c = sink;
	struct fault *f = c->f;
	void *inner = c->inner;
	bool lose;
	free(c);
	int r = before_change(f, &lose, err);
	if (r != 0) {
		f->inner->import_abort(inner);
		return r;
	}
	return after_change(f, lose, f->inner->import_finish(inner, report, err), err);
}

static void fault_import_abort(void *sink)
{
	struct carried *c = sink;
	c->f->inner->import_abort(c->inner);
	free(c);
}

/* ---- the table ---- */

static const struct engine_ops all = {
	.open = fault_open,
	.close = fault_close,
	.level = fault_level,
	.stat = fault_stat,
	.list = fault_list,
	.find_hashed = fault_find_hashed,
	.read = fault_read,
	.draft_new = fault_draft_new,
	.draft_feed = fault_draft_feed,
	.draft_complete = fault_draft_complete,
	.draft_free = fault_draft_free,
	.check = fault_check,
	.check_key = fault_check_key,
	.write = fault_write,
	.write_many = fault_write_many,
	.remove = fault_remove,
	.rename = fault_rename,
	.mkdir = fault_mkdir,
	.rmdir = fault_rmdir,
	.status = fault_status,
	.text_read = fault_text_read,
	.text_write = fault_text_write,
	.feed_bounds = fault_feed_bounds,
	.feed_read = fault_feed_read,
	.view_list = fault_view_list,
	.view_open = fault_view_open,
	.view_create = fault_view_create,
	.view_remove = fault_view_remove,
	.view_rename = fault_view_rename,
	.query_open = fault_query_open,
	.export_open = fault_export_open,
	.export_read = fault_export_read,
	.export_close = fault_export_close,
	.import_open = fault_import_open,
	.import_feed = fault_import_feed,
	.import_finish = fault_import_finish,
	.import_abort = fault_import_abort,
	.sync = fault_sync,
	.bytes = fault_bytes,
};

/* What the inner engine lacks stays absent. */
#define KEEP(member) f->ops.member = inner->member != NULL ? all.member : NULL

static void wrap_members(struct fault *f, const struct engine_ops *inner)
{
	f->ops = all;
	f->ops.service = inner->service;
	f->ops.backend = inner->backend;
	f->ops.summary = inner->summary;
	KEEP(find_hashed);
	KEEP(draft_new);
	KEEP(draft_feed);
	KEEP(draft_complete);
	KEEP(draft_free);
	KEEP(check);
	KEEP(check_key);
	KEEP(write);
	KEEP(write_many);
	KEEP(remove);
	KEEP(rename);
	KEEP(mkdir);
	KEEP(rmdir);
	KEEP(status);
	KEEP(text_read);
	KEEP(text_write);
	KEEP(feed_bounds);
	KEEP(feed_read);
	KEEP(view_list);
	KEEP(view_open);
	KEEP(view_create);
	KEEP(view_remove);
	KEEP(view_rename);
	KEEP(query_open);
	KEEP(export_open);
	KEEP(export_read);
	KEEP(export_close);
	KEEP(import_open);
	KEEP(import_feed);
	KEEP(import_finish);
	KEEP(import_abort);
	KEEP(sync);
	KEEP(bytes);
}

static bool wrap_commands(struct fault *f, const struct engine_ops *inner)
{
	size_t n = 0;
	if (inner->commands == NULL) {
		return true;
	}
	while (inner->commands[n].name != NULL) {
		n++;
	}
	f->commands = calloc(n + 1, sizeof(*f->commands));
	if (f->commands == NULL) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		f->commands[i] = inner->commands[i];
		f->commands[i].run = fault_run;
	}
	f->ops.commands = f->commands;
	return true;
}

bool fault_wrap(struct fault *f, const struct engine_ops *inner)
{
	*f = (struct fault){.inner = inner, .code = EIO};
	opening = f;
	wrap_members(f, inner);
	return wrap_commands(f, inner);
}

void fault_finish(struct fault *f)
{
	free(f->commands);
	opening = NULL;
}

void fault_arm_call(struct fault *f, enum fault_calls calls, unsigned n, int code)
{
	f->calls = calls;
	f->n = n;
	f->code = code;
	f->count = 0;
	f->fired = false;
}
