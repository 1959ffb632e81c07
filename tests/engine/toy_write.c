/* The toy's writes and containers. */
#include <errno.h>
#include <stdio.h>

#include "engines/common/cleanup.h"
#include "tests/engine/toy_impl.h"

#define TOY_KEY_MAX 600

/* ---- writing ---- */

static int refuse_version(struct err *err)
{
	return err_set(err, EBUSY, "the item changed since it was read");
}

/* What a write with `expect` finds, before it changes anything. */
static int check_expect(const struct toy_item *item, uint64_t expect, struct err *err)
{
	if (item == NULL) {
		bool fine = expect == ENGINE_VERSION_ABSENT || expect == ENGINE_VERSION_ANY;
		return fine ? 0 : refuse_version(err);
	}
	if (expect == ENGINE_VERSION_ABSENT) {
		return err_set(err, EEXIST, "the item is there already");
	}
	return expect == ENGINE_VERSION_ANY || expect == item->version ? 0 : refuse_version(err);
}

static int check_key(const struct epath *path, struct err *err)
{
	if (path->depth > 3) {
		return err_set(err, ENOTDIR, "a member is no directory");
	}
	if (path->key[path->depth - 1].n > TOY_KEY_MAX) {
		return err_set(err, EINVAL, "a key has at most %d bytes", TOY_KEY_MAX);
	}
	return 0;
}

int toy_put(struct toy *t, struct toy_box *b, struct slice key, struct slice text, uint64_t expect,
	struct engine_info *out, unsigned form, struct err *err)
{
	size_t i;
	bool there = toy_find_item(b, key, &i);
	struct toy_item *item = there ? &b->items[i] : NULL;
	int r = check_expect(item, expect, err);
	if (r != 0) {
		return r;
	}
	if (!there) {
		item = toy_add_item(b, i, key);
		if (item == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		toy_touch(t, b);
	}
	if (!there || !slice_equal(buf_slice(&item->text), text)) {
		toy_fill(t, item, text);
	}
	toy_item_info(item, form, out);
	return 0;
}

/* A member's version is its item's. */
static int write_member(struct toy *t, const struct epath *path, const struct slice *text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	struct toy_place at;
	TOY_LOCKED(t);
	int r = toy_at_item(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	struct toy_item *item = &t->tree.boxes[at.box].items[at.item];
	struct engine_info old;
	struct err none = {0};
	bool there = toy_member_stat(item, path->key[2], &old, &none) == 0;
	if (!there && text == NULL) {
		return toy_not_there(err);
	}
	if (there && expect == ENGINE_VERSION_ABSENT) {
		return err_set(err, EEXIST, "the member is there already");
	}
	if (expect != ENGINE_VERSION_ABSENT && expect != ENGINE_VERSION_ANY &&
		expect != item->version) {
		return refuse_version(err);
	}
	r = toy_member_write(t, item, path->key[2], text, err);
	return r != 0 || out == NULL ? r : toy_member_stat(item, path->key[2], out, err);
}

int toy_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	CLEANUP(buf_free) struct buf parsed = BUF_INIT;
	if (path->depth == 3) {
		return write_member(t, path, &text, expect, out, err);
	}
	int r = check_key(path, err);
	if (r == 0 && path->depth < 2) {
		r = err_set(err, EISDIR, "this is a directory");
	}
	if (r == 0) {
		r = toy_parse(text, &parsed, err);
	}
	if (r != 0) {
		return r;
	}
	TOY_LOCKED(t);
	r = toy_at_box(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	r = toy_put(t, &t->tree.boxes[at.box], path->key[1], buf_slice(&parsed), expect, out, form,
		err);
	if (r == 0) {
		toy_tell_feed(t, "put", path);
	}
	return r;
}

int toy_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	struct err none = {0};
	CLEANUP(buf_free) struct buf parsed = BUF_INIT;
	(void)form;
	if (path->depth == 3) {
		return 0;
	}
	int r = toy_parse(text, &parsed, err);
	if (r != 0) {
		return r;
	}
	TOY_LOCKED(t);
	bool there = toy_at_item(t, path, &at, &none) == 0;
	return check_expect(there ? &t->tree.boxes[at.box].items[at.item] : NULL, expect, err);
}

int toy_check_key(void *ctx, const struct epath *path, struct err *err)
{
	(void)ctx;
	return check_key(path, err);
}

int toy_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	if (path->depth == 3) {
		return write_member(t, path, NULL, expect, NULL, err);
	}
	TOY_LOCKED(t);
	if (path->depth < 2) {
		int r = toy_at_directory(t, path, &at, err);
		return r != 0 ? r : err_set(err, EISDIR, "this is a directory");
	}
	int r = toy_at_item(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	struct toy_box *b = &t->tree.boxes[at.box];
	if (expect != ENGINE_VERSION_ANY && expect != b->items[at.item].version) {
		return refuse_version(err);
	}
	toy_drop_item(b, at.item);
	toy_touch(t, b);
	toy_tell_feed(t, "del", path);
	return 0;
}

/* Both boxes of a rename of items; the target's item if any. */
static int rename_item(struct toy *t, const struct epath *from, const struct epath *to,
	unsigned flags, struct err *err)
{
	struct toy_place a;
	struct toy_place b = {0};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	int r = toy_at_item(t, from, &a, err);
	r = r == 0 ? toy_at_box(t, to, &b, err) : r;
	r = r == 0 ? check_key(to, err) : r;
	if (r != 0) {
		return r;
	}
	struct toy_box *source = &t->tree.boxes[a.box];
	struct toy_box *target = &t->tree.boxes[b.box];
	bool there = toy_find_item(target, to->key[1], &b.item);
	if (there && (flags & RENAME_NOREPLACE) != 0) {
		return err_set(err, EEXIST, "the item is there already");
	}
	if ((flags & RENAME_EXCHANGE) != 0) {
		if (!there) {
			return toy_not_there(err);
		}
		struct toy_item *x = &source->items[a.item];
		struct toy_item *y = &target->items[b.item];
		buf_append_slice(&text, buf_slice(&x->text));
		if (x != y) {
			toy_fill(t, x, buf_slice(&y->text));
			toy_fill(t, y, buf_slice(&text));
		}
		return 0;
	}
	if (there && source == target && a.item == b.item) {
		return 0;
	}
	struct engine_info info;
	buf_append_slice(&text, buf_slice(&source->items[a.item].text));
	toy_drop_item(source, a.item);
	toy_touch(t, source);
	if (toy_find_item(target, to->key[1], &b.item)) {
		toy_drop_item(target, b.item);
	}
	return toy_put(t, target, to->key[1], buf_slice(&text), ENGINE_VERSION_ANY, &info, 0, err);
}

static int rename_box(struct toy *t, const struct epath *from, const struct epath *to,
	unsigned flags, struct err *err)
{
	struct toy_place a;
	size_t b;
	int r = toy_at_box(t, from, &a, err);
	r = r == 0 ? check_key(to, err) : r;
	if (r != 0) {
		return r;
	}
	bool there = toy_find_box(&t->tree, to->key[0], &b);
	if ((flags & RENAME_EXCHANGE) != 0) {
		return err_set(err, EXDEV, "boxes cannot be exchanged");
	}
	if (there && a.box == b) {
		return 0;
	}
	if (there && (flags & RENAME_NOREPLACE) != 0) {
		return err_set(err, EEXIST, "the box is there already");
	}
	if (there && t->tree.boxes[b].n > 0) {
		return err_set(err, ENOTEMPTY, "the box is not empty");
	}
	struct toy_box moved = t->tree.boxes[a.box];
	t->tree.boxes[a.box] = (struct toy_box){0};
	toy_drop_box(&t->tree, a.box);
	if (toy_find_box(&t->tree, to->key[0], &b)) {
		toy_drop_box(&t->tree, b);
	}
	struct toy_box *box = toy_add_box(&t->tree, b, to->key[0]);
	struct buf key = box->key;
	buf_free(&moved.key);
	*box = moved;
	box->key = key;
	return 0;
}

int toy_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err)
{
	struct toy *t = ctx;
	TOY_LOCKED(t);
	if (from->depth != to->depth || from->depth > 2) {
		return err_set(err, EXDEV, "a box, an item and a member are of different kind");
	}
	return from->depth == 1 ? rename_box(t, from, to, flags, err)
				: rename_item(t, from, to, flags, err);
}

int toy_mkdir(void *ctx, const struct epath *path, struct err *err)
{
	struct toy *t = ctx;
	size_t i;
	TOY_LOCKED(t);
	if (path->depth > 1) {
		return err_set(err, ENOTSUP, "items are files: a directory cannot be made here");
	}
	int r = check_key(path, err);
	if (r != 0) {
		return r;
	}
	if (toy_find_box(&t->tree, path->key[0], &i)) {
		return err_set(err, EEXIST, "the box is there already");
	}
	struct toy_box *b = toy_add_box(&t->tree, i, path->key[0]);
	if (b == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	toy_touch(t, b);
	return 0;
}

int toy_rmdir(void *ctx, const struct epath *path, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	TOY_LOCKED(t);
	if (path->depth > 1) {
		int r = toy_at_item(t, path, &at, err);
		return r != 0 ? r : err_set(err, ENOTDIR, "an item is no directory");
	}
	int r = toy_at_box(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	if (t->tree.boxes[at.box].n > 0) {
		return err_set(err, ENOTEMPTY, "the box is not empty");
	}
	toy_drop_box(&t->tree, at.box);
	return 0;
}
