/* Writing to stores of keys. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/engine/toy_keys.h"

static int check_expect(const struct keys_entry *e, uint64_t expect, struct err *err)
{
	if (e != NULL && expect == ENGINE_VERSION_ABSENT) {
		return err_set(err, EEXIST, "it is there already");
	}
	bool fine = expect == ENGINE_VERSION_ANY ||
		    expect == (e != NULL ? e->version : ENGINE_VERSION_ABSENT);
	return fine ? 0 : err_set(err, EBUSY, "it changed since it was read");
}

static int need_parent(const struct keys *k, const struct epath *path, struct err *err)
{
	struct epath up = epath_parent(path);
	return up.depth == 0 || keys_find(k, &up) != NULL ? 0 : keys_not_there(err);
}

static int parse_seconds(struct slice text, int64_t *out, struct err *err)
{
	CLEANUP(buf_free) struct buf copy = BUF_INIT;
	char *end;
	buf_append_slice(&copy, text);
	*out = strtoll(buf_cstr(&copy), &end, 10);
	end += *end == '\n' ? 1 : 0;
	return *end == '\0' && *out > 0 ? 0 : err_set(err, EINVAL, "a number of seconds from 1 on");
}

static int write_ttl(struct keys *k, const struct epath *path, struct slice text,
	struct engine_info *out, struct err *err)
{
	int64_t seconds;
	struct keys_entry *e = keys_of_ttl(k, path);
	int r = e == NULL ? err_set(err, ENOENT, "there is no such key") : 0;
	r = r == 0 ? parse_seconds(text, &seconds, err) : r;
	if (r == 0) {
		CLEANUP(buf_free) struct buf shown = BUF_INIT;
		e->ttl_s = seconds;
		e->version = ++k->last_version;
		buf_printf(&shown, "%lld\n", (long long)seconds);
		*out = (struct engine_info){
			.kind = ENGINE_FILE, .version = e->version, .size = shown.n};
		out->mtime_ns = e->mtime_ns;
	}
	return r;
}

int keys_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	const struct keys_ctx *c = ctx;
	(void)form;
	LOCKED(&c->k->lock);
	if (c->room == KEYS_TTL) {
		return write_ttl(c->k, path, text, out, err);
	}
	struct keys_entry *e = keys_find(c->k, path);
	int r = check_expect(e, expect, err);
	r = r == 0 ? need_parent(c->k, path, err) : r;
	if (r != 0) {
		return r;
	}
	bool same = e != NULL && slice_equal(buf_slice(&e->text), text);
	e = e != NULL ? e : keys_make(c->k, path);
	if (e == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (!same) {
		keys_fill(c->k, e, text);
	}
	keys_info(c->k, path, e, out);
	return 0;
}

int keys_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	const struct keys_ctx *c = ctx;
	LOCKED(&c->k->lock);
	struct keys_entry *e =
		c->room == KEYS_TTL ? keys_of_ttl(c->k, path) : keys_find(c->k, path);
	if (e == NULL || (c->room == KEYS_TTL && e->ttl_s == 0)) {
		return keys_not_there(err);
	}
	int r = expect == ENGINE_VERSION_ANY ? 0 : check_expect(e, expect, err);
	if (r == 0 && c->room == KEYS_TTL) {
		e->ttl_s = 0;
	} else if (r == 0) {
		keys_drop(c->k, e);
	}
	return r;
}

static int by_path(const void *a, const void *b)
{
	const struct keys_entry *x = a;
	const struct keys_entry *y = b;
	return slice_compare(buf_slice(&x->path), buf_slice(&y->path));
}

/* What is below goes along. */
static void move_all(struct keys *k, const struct epath *from, const struct epath *to)
{
	CLEANUP(buf_free) struct buf old = BUF_INIT;
	keys_print_path(from, &old);
	for (size_t i = 0; i < k->n; i++) {
		struct keys_entry *e = &k->entries[i];
		if (e->path.n < old.n || memcmp(e->path.p, old.p, old.n) != 0) {
			continue;
		}
		struct buf path = BUF_INIT;
		keys_print_path(to, &path);
		buf_append(&path, e->path.p + old.n, e->path.n - old.n);
		buf_free(&e->path);
		e->path = path;
		e->version = ++k->last_version;
		if (e->depth == from->depth) {
			buf_clear(&e->key);
			buf_append_slice(&e->key, to->key[to->depth - 1]);
		}
	}
	qsort(k->entries, k->n, sizeof(*k->entries), by_path);
}

int keys_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err)
{
	const struct keys_ctx *c = ctx;
	LOCKED(&c->k->lock);
	if (c->room != KEYS_MAIN || (flags & RENAME_EXCHANGE) != 0) {
		return err_set(err, EXDEV, "copy and remove");
	}
	if (keys_find(c->k, from) == NULL) {
		return keys_not_there(err);
	}
	struct keys_entry *old = keys_find(c->k, to);
	if (old != NULL && ((flags & RENAME_NOREPLACE) != 0 || keys_children(c->k, to) > 0)) {
		return err_set(err, EEXIST, "it is there already");
	}
	if (old != NULL) {
		keys_drop(c->k, old);
	}
	move_all(c->k, from, to);
	return 0;
}

int keys_mkdir(void *ctx, const struct epath *path, struct err *err)
{
	const struct keys_ctx *c = ctx;
	LOCKED(&c->k->lock);
	int r = need_parent(c->k, path, err);
	if (r == 0 && keys_find(c->k, path) != NULL) {
		r = err_set(err, EEXIST, "it is there already");
	}
	if (r == 0 && keys_make(c->k, path) == NULL) {
		r = err_set(err, ENOMEM, "out of memory");
	}
	return r;
}

int keys_rmdir(void *ctx, const struct epath *path, struct err *err)
{
	const struct keys_ctx *c = ctx;
	LOCKED(&c->k->lock);
	struct keys_entry *e = keys_find(c->k, path);
	if (e == NULL) {
		return keys_not_there(err);
	}
	if (keys_children(c->k, path) > 0) {
		return err_set(err, ENOTEMPTY, "it is not empty");
	}
	keys_drop(c->k, e);
	return 0;
}

/* ---- times and attributes ---- */

int keys_set_time(void *ctx, const struct epath *path, int64_t mtime_ns, struct err *err)
{
	const struct keys_ctx *c = ctx;
	LOCKED(&c->k->lock);
	struct keys_entry *e = keys_find(c->k, path);
	int64_t left = mtime_ns - keys_now();
	if (c->room != KEYS_MAIN || path->depth != 2) {
		return 0;
	}
	if (e == NULL) {
		return keys_not_there(err);
	}
	/* What cp -p and tar carry over is past; who means it says the epoch. */
	if (mtime_ns <= 0) {
		keys_drop(c->k, e);
	} else if (left > 0) {
		e->ttl_s = left / 1000000000 + 1;
	}
	return 0;
}

static int find_attr(const struct keys_ctx *c, const struct epath *path, const char *name,
	struct keys_entry **out, struct err *err)
{
	*out = keys_find(c->k, path);
	if (*out == NULL) {
		return keys_not_there(err);
	}
	return strcmp(name, "ttl") == 0 ? 0 : err_set(err, ENODATA, "it has no %s", name);
}

int keys_attr_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err)
{
	const struct keys_ctx *c = ctx;
	struct keys_entry *e;
	LOCKED(&c->k->lock);
	int r = find_attr(c, path, name, &e, err);
	if (r == 0 && e->ttl_s == 0) {
		r = err_set(err, ENODATA, "it stays");
	}
	if (r == 0) {
		buf_printf(out, "%lld", (long long)e->ttl_s);
	}
	return r;
}

int keys_attr_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err)
{
	const struct keys_ctx *c = ctx;
	struct keys_entry *e;
	LOCKED(&c->k->lock);
	int64_t seconds;
	int r = find_attr(c, path, name, &e, err);
	r = r == 0 ? parse_seconds(text, &seconds, err) : r;
	if (r == 0) {
		e->ttl_s = seconds;
	}
	return r;
}

int keys_attr_remove(void *ctx, const struct epath *path, const char *name, struct err *err)
{
	const struct keys_ctx *c = ctx;
	struct keys_entry *e;
	LOCKED(&c->k->lock);
	int r = find_attr(c, path, name, &e, err);
	if (r == 0 && e->ttl_s == 0) {
		r = err_set(err, ENODATA, "it stays");
	}
	if (r == 0) {
		e->ttl_s = 0;
	}
	return r;
}
