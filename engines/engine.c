/* engine_*() for single calls: open and close, reading, writing, containers.
 * Commands are in command.c, views in view.c, what lasts longer than a call
 * (drafts, exports, imports) in stream.c. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/log.h"
#include "engines/engine_impl.h"

#define RENAME_FLAGS (RENAME_NOREPLACE | RENAME_EXCHANGE)

/* ---- life ---- */

int engine_open(const struct engine_ops *ops, const struct engine_config *config,
	struct engine **out, struct err *err)
{
	int r = engine_check_ops(ops, err);
	if (r != 0) {
		return r;
	}
	struct engine *e = calloc(1, sizeof(*e));
	struct counters *counters = calloc(1, sizeof(*counters));
	if (e == NULL || counters == NULL) {
		r = err_set(err, ENOMEM, "out of memory");
		goto fail;
	}
	r = ops->open(config, &e->ctx, err);
	if (r != 0) {
		goto fail;
	}
	e->ops = ops;
	e->read_only = config->read_only;
	e->host = config->host;
	e->counters = counters;
	atomic_init(&e->refs, 1);
	pthread_mutex_init(&e->jobs_lock, NULL);
	log_debug("%s/%s: opened %s", ops->service, ops->backend, config->dir);
	*out = e;
	return 0;
fail:
	free(counters);
	free(e);
	return r;
}

struct engine *engine_ref(struct engine *e)
{
	unsigned before = atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
	assert(before > 0);
	(void)before;
	return e;
}

/* Ends one engine whose last reference went; gives back its parent, whose
 * reference is now the caller's to drop. */
static struct engine *engine_destroy(struct engine *e)
{
	struct engine *parent = e->parent;

	jobs_finish(e);
	e->ops->close(e->ctx);
	pthread_mutex_destroy(&e->jobs_lock);
	if (parent == NULL) {
		free(e->counters);
	}
	free(e->view_name);
	buf_free(&e->view_key);
	free(e);
	return parent;
}

void engine_unref(struct engine *e)
{
	while (e != NULL && atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) == 1) {
		e = engine_destroy(e);
	}
}

const struct engine_ops *engine_ops(const struct engine *e)
{
	return e->ops;
}

const char *engine_service(const struct engine *e)
{
	return e->ops->service;
}

bool engine_read_only(const struct engine *e)
{
	return e->read_only;
}

bool engine_fixed(const struct engine *e)
{
	return e->read_only || e->fixed;
}

bool engine_moves(const struct engine *e)
{
	e = engine_house(e);
	return e->parent != NULL && e->kind == ENGINE_VIEW_REPLICA;
}

/* ---- refusals ---- */

int engine_refuse_write(const struct engine *e, struct err *err)
{
	const struct engine *house = engine_house(e);
	if (e->fixed && !house->fixed && !e->read_only) {
		return err_set(err, EROFS, "%s cannot be written", e->view_name);
	}
	if (e->fixed && !e->read_only) {
		return err_set(err, EROFS,
			"%s is a replica: it takes no writes, only commands; write to what it "
			"follows, or promote it",
			house->view_name);
	}
	return engine_refuse_command(e, err);
}

int engine_refuse_command(const struct engine *e, struct err *err)
{
	if (!e->read_only) {
		return 0;
	}
	e = engine_house(e);
	if (e->parent == NULL || e->kind == ENGINE_VIEW_REPLICA || e->kind == ENGINE_VIEW_CLUSTER) {
		return err_set(err, EROFS, "%s is mounted read-only (ro=%s)", e->ops->service,
			e->ops->service);
	}
	if (e->kind == ENGINE_VIEW_TIME) {
		return err_set(err, EROFS, "the past (.at) cannot be changed");
	}
	return err_set(err, EROFS, "a snapshot cannot be changed");
}

int engine_absent(const struct engine *e, const char *feature, struct err *err)
{
	return err_set(err, ENOTSUP, "%s/%s has no %s", e->ops->service, e->ops->backend, feature);
}

/* ---- reading ---- */

static bool info_is_whole(const struct engine_info *info)
{
	return (info->kind == ENGINE_DIR || info->kind == ENGINE_FILE) &&
	       info->version != ENGINE_VERSION_ABSENT && info->version != ENGINE_VERSION_ANY;
}

int engine_level(
	struct engine *e, const struct epath *path, struct engine_level *out, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_LEVEL, path, err);
	int r = e->ops->level(e->ctx, path, out, err);
	assert(r != 0 || out->child == ENGINE_DIR || out->tagged ||
		(out->n_forms > 0 && out->listed_form < out->n_forms));
	assert(r != 0 || !out->tagged || (out->n_forms > 0 && out->names.n == out->n_forms));
	return probe_end(&p, r, err);
}

int engine_stat(struct engine *e, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	struct probe p = probe_begin(e, PROBE_STAT, path, err);
	int r = e->ops->stat(e->ctx, path, form, out, err);
	assert(r != 0 || info_is_whole(out));
	return probe_end(&p, r, err);
}

int engine_list(struct engine *e, const struct epath *path, const struct slice *after,
	unsigned form, engine_emit *emit, void *arg, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_LIST, path, err);
	assert(path->depth < EPATH_MAX);
	int r = e->ops->list(e->ctx, path, after, form, emit, arg, err);
	return probe_end(&p, r, err);
}

int engine_find_hashed(struct engine *e, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_FIND_HASHED, path, err);
	int r;
	if (e->ops->find_hashed == NULL) {
		r = err_set(err, ENOENT, "no key has this hash");
	} else {
		r = e->ops->find_hashed(e->ctx, path, hash, key, err);
	}
	return probe_end(&p, r, err);
}

int engine_read(struct engine *e, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_READ, path, err);
	size_t before = out->n;
	int r = e->ops->read(e->ctx, path, form, out, info, err);
	if (r == 0) {
		r = buf_check(out, err);
	}
	if (r != 0) {
		out->n = before;
	}
	assert(r != 0 || (info_is_whole(info) && info->kind == ENGINE_FILE));
	assert(r != 0 || info->size == out->n - before);
	return probe_end(&p, r, err);
}

/* ---- writing ---- */

int engine_check(struct engine *e, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_CHECK, path, err);
	assert(path->depth > 0);
	int r = engine_refuse_write(e, err);
	if (r == 0 && e->ops->check != NULL) {
		r = e->ops->check(e->ctx, path, form, text, expect, err);
	}
	return probe_end(&p, r, err);
}

int engine_check_key(struct engine *e, const struct epath *path, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_CHECK, path, err);
	assert(path->depth > 0);
	int r = engine_refuse_write(e, err);
	if (r == 0 && e->ops->check_key != NULL) {
		r = e->ops->check_key(e->ctx, path, err);
	}
	return probe_end(&p, r, err);
}

int engine_write(struct engine *e, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_WRITE, path, err);
	assert(path->depth > 0);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	if (e->ops->write == NULL) {
		r = err_set(
			err, EROFS, "%s/%s cannot write items", e->ops->service, e->ops->backend);
	} else {
		r = e->ops->write(e->ctx, path, form, text, expect, out, err);
	}
	assert(r != 0 || (info_is_whole(out) && out->kind == ENGINE_FILE));
	return probe_end(&p, r, err);
}

bool engine_writes_many(const struct engine *e)
{
	return e->ops->write_many != NULL && !engine_fixed(e);
}

/* One after the other: also where all are refused. */
static void write_each(struct engine *e, struct engine_put *const *puts, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct engine_put *p = puts[i];
		p->result =
			engine_write(e, p->path, p->form, p->text, p->expect, &p->info, &p->err);
	}
}

void engine_write_many(struct engine *e, struct engine_put *const *puts, unsigned n)
{
	struct probe probes[ENGINE_PUTS_MAX];
	assert(n <= ENGINE_PUTS_MAX);
	if (!engine_writes_many(e)) {
		write_each(e, puts, n);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		assert(puts[i]->path->depth > 0);
		probes[i] = probe_begin(e, PROBE_WRITE, puts[i]->path, &puts[i]->err);
	}
	e->ops->write_many(e->ctx, puts, n);
	for (unsigned i = 0; i < n; i++) {
		const struct engine_put *p = puts[i];
		assert(p->result != 0 || (info_is_whole(&p->info) && p->info.kind == ENGINE_FILE));
		probe_end(&probes[i], p->result, &p->err);
	}
}

int engine_set_time(struct engine *e, const struct epath *path, int64_t mtime_ns, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_SET_TIME, path, err);
	assert(path->depth > 0);
	if (e->ops->set_time == NULL) {
		return probe_end(&p, 0, err);
	}
	int r = engine_refuse_write(e, err);
	r = r == 0 ? e->ops->set_time(e->ctx, path, mtime_ns, err) : r;
	return probe_end(&p, r, err);
}

int engine_attr_read(struct engine *e, const struct epath *path, const char *name, struct buf *out,
	struct err *err)
{
	struct probe p = probe_begin(e, PROBE_ATTR, path, err);
	size_t before = out->n;
	int r = e->ops->attr_read != NULL ? e->ops->attr_read(e->ctx, path, name, out, err)
					  : engine_absent(e, "attributes", err);
	if (r == 0) {
		r = buf_check(out, err);
	}
	if (r != 0) {
		out->n = before;
	}
	return probe_end(&p, r, err);
}

int engine_attr_write(struct engine *e, const struct epath *path, const char *name,
	struct slice text, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_ATTR, path, err);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	r = e->ops->attr_write != NULL ? e->ops->attr_write(e->ctx, path, name, text, err)
				       : engine_absent(e, "attributes that can be set", err);
	return probe_end(&p, r, err);
}

int engine_attr_remove(
	struct engine *e, const struct epath *path, const char *name, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_ATTR, path, err);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	r = e->ops->attr_remove != NULL ? e->ops->attr_remove(e->ctx, path, name, err)
					: engine_absent(e, "attributes that can be removed", err);
	return probe_end(&p, r, err);
}

int engine_remove(struct engine *e, const struct epath *path, uint64_t expect, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_REMOVE, path, err);
	assert(path->depth > 0);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	if (e->ops->remove == NULL) {
		r = err_set(
			err, EROFS, "%s/%s cannot remove items", e->ops->service, e->ops->backend);
	} else {
		r = e->ops->remove(e->ctx, path, expect, err);
	}
	return probe_end(&p, r, err);
}

int engine_rename(struct engine *e, const struct epath *from, const struct epath *to,
	unsigned flags, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_RENAME, from, err);
	assert(from->depth > 0 && to->depth > 0 && to->depth <= EPATH_MAX);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	if ((flags & ~(unsigned)RENAME_FLAGS) != 0 || flags == RENAME_FLAGS) {
		r = err_set(err, EINVAL,
			"rename flags %#x are not supported: only no-replace or exchange", flags);
	} else if (e->ops->rename == NULL) {
		r = err_set(err, EXDEV, "%s/%s cannot rename: copy and remove", e->ops->service,
			e->ops->backend);
	} else {
		r = e->ops->rename(e->ctx, from, to, flags, err);
	}
	return probe_end(&p, r, err);
}

int engine_mkdir(struct engine *e, const struct epath *path, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_MKDIR, path, err);
	assert(path->depth > 0);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	r = e->ops->mkdir != NULL ? e->ops->mkdir(e->ctx, path, err)
				  : engine_absent(e, "directories that can be made", err);
	return probe_end(&p, r, err);
}

int engine_rmdir(struct engine *e, const struct epath *path, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_RMDIR, path, err);
	assert(path->depth > 0);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	r = e->ops->rmdir != NULL ? e->ops->rmdir(e->ctx, path, err)
				  : engine_absent(e, "directories that can be removed", err);
	return probe_end(&p, r, err);
}

/* ---- about a directory ---- */

int engine_status(struct engine *e, const struct epath *path, json_t *out, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_STATUS, path, err);
	int r = e->ops->status != NULL ? e->ops->status(e->ctx, path, out, err) : 0;
	if (r == 0) {
		r = jobs_status(e, path, out, err);
	}
	return probe_end(&p, r, err);
}

int engine_text_read(struct engine *e, const struct epath *path, const char *name, struct buf *out,
	struct err *err)
{
	struct probe p = probe_begin(e, PROBE_TEXT_READ, path, err);
	size_t before = out->n;
	int r = e->ops->text_read != NULL ? e->ops->text_read(e->ctx, path, name, out, err)
					  : engine_absent(e, "texts of directories", err);
	if (r == 0) {
		r = buf_check(out, err);
	}
	if (r != 0) {
		out->n = before;
	}
	return probe_end(&p, r, err);
}

int engine_text_write(struct engine *e, const struct epath *path, const char *name,
	struct slice text, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_TEXT_WRITE, path, err);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	r = e->ops->text_write != NULL
		    ? e->ops->text_write(e->ctx, path, name, text, err)
		    : engine_absent(e, "texts of directories that can be written", err);
	return probe_end(&p, r, err);
}

int engine_feed_bounds(
	struct engine *e, const struct epath *path, uint64_t *start, uint64_t *end, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_FEED_BOUNDS, path, err);
	int r = e->ops->feed_bounds != NULL ? e->ops->feed_bounds(e->ctx, path, start, end, err)
					    : engine_absent(e, "feeds", err);
	assert(r != 0 || *start <= *end);
	return probe_end(&p, r, err);
}

int engine_feed_read(struct engine *e, const struct epath *path, uint64_t offset, size_t max,
	struct buf *out, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_FEED_READ, path, err);
	size_t before = out->n;
	int r = e->ops->feed_read != NULL ? e->ops->feed_read(e->ctx, path, offset, max, out, err)
					  : engine_absent(e, "feeds", err);
	if (r == 0) {
		r = buf_check(out, err);
	}
	if (r != 0) {
		out->n = before;
	}
	assert(out->n - before <= max);
	return probe_end(&p, r, err);
}

int engine_feed_append(
	struct engine *e, const struct epath *path, struct slice text, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_FEED_APPEND, path, err);
	int r = engine_refuse_write(e, err);
	if (r != 0) {
		return probe_end(&p, r, err);
	}
	r = e->ops->feed_append != NULL ? e->ops->feed_append(e->ctx, path, text, err)
					: err_set(err, EROFS, "%s/%s: nothing is written to a feed",
						  e->ops->service, e->ops->backend);
	return probe_end(&p, r, err);
}

int engine_feed_open(struct engine *e, const struct epath *path, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_FEED_OPEN, path, err);
	int r = e->ops->feed_open != NULL ? e->ops->feed_open(e->ctx, path, err) : 0;
	return probe_end(&p, r, err);
}

void engine_feed_close(struct engine *e, const struct epath *path)
{
	if (e->ops->feed_close != NULL) {
		e->ops->feed_close(e->ctx, path);
	}
}

int engine_sync(struct engine *e, const struct epath *path, struct err *err)
{
	struct probe p = probe_begin(e, PROBE_SYNC, path, err);
	int r = e->ops->sync != NULL ? e->ops->sync(e->ctx, path, err) : 0;
	return probe_end(&p, r, err);
}

uint64_t engine_bytes(struct engine *e)
{
	return e->ops->bytes != NULL ? e->ops->bytes(e->ctx) : 0;
}
