#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engines/common/cleanup.h"
#include "tests/engine/toy_impl.h"

/* ---- sorted arrays ---- */

bool toy_find_box(const struct toy_tree *t, struct slice key, size_t *i)
{
	for (*i = 0; *i < t->n; (*i)++) {
		int c = slice_compare(key, buf_slice(&t->boxes[*i].key));
		if (c <= 0) {
			return c == 0;
		}
	}
	return false;
}

bool toy_find_item(const struct toy_box *b, struct slice key, size_t *i)
{
	size_t low = 0;
	size_t high = b->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int c = slice_compare(key, buf_slice(&b->items[middle].key));
		if (c == 0) {
			*i = middle;
			return true;
		}
		if (c < 0) {
			high = middle;
		} else {
			low = middle + 1;
		}
	}
	*i = low;
	return false;
}

struct toy_box *toy_add_box(struct toy_tree *t, size_t i, struct slice key)
{
	if (t->n == t->cap) {
		size_t cap = t->cap * 2 + 4;
		struct toy_box *boxes = realloc(t->boxes, cap * sizeof(*boxes));
		if (boxes == NULL) {
			return NULL;
		}
		t->boxes = boxes;
		t->cap = cap;
	}
	memmove(&t->boxes[i + 1], &t->boxes[i], (t->n - i) * sizeof(t->boxes[0]));
	t->boxes[i] = (struct toy_box){0};
	buf_append_slice(&t->boxes[i].key, key);
	t->n++;
	return &t->boxes[i];
}

struct toy_item *toy_add_item(struct toy_box *b, size_t i, struct slice key)
{
	if (b->n == b->cap) {
		size_t cap = b->cap * 2 + 4;
		struct toy_item *items = realloc(b->items, cap * sizeof(*items));
		if (items == NULL) {
			return NULL;
		}
		b->items = items;
		b->cap = cap;
	}
	memmove(&b->items[i + 1], &b->items[i], (b->n - i) * sizeof(b->items[0]));
	b->items[i] = (struct toy_item){0};
	buf_append_slice(&b->items[i].key, key);
	b->n++;
	return &b->items[i];
}

void toy_drop_item(struct toy_box *b, size_t i)
{
	buf_free(&b->items[i].key);
	buf_free(&b->items[i].text);
	b->n--;
	memmove(&b->items[i], &b->items[i + 1], (b->n - i) * sizeof(b->items[0]));
}

void toy_drop_box(struct toy_tree *t, size_t i)
{
	struct toy_box *b = &t->boxes[i];
	while (b->n > 0) {
		toy_drop_item(b, b->n - 1);
	}
	free(b->items);
	buf_free(&b->key);
	t->n--;
	memmove(b, b + 1, (t->n - i) * sizeof(*b));
}

void toy_tree_free(struct toy_tree *t)
{
	while (t->n > 0) {
		toy_drop_box(t, t->n - 1);
	}
	free(t->boxes);
	*t = (struct toy_tree){0};
}

bool toy_copy_box(struct toy_tree *t, const struct toy_box *box)
{
	struct toy_box *b = toy_add_box(t, t->n, buf_slice(&box->key));
	if (b == NULL) {
		return false;
	}
	b->version = box->version;
	b->mtime_ns = box->mtime_ns;
	for (size_t i = 0; i < box->n; i++) {
		struct toy_item *item = toy_add_item(b, i, buf_slice(&box->items[i].key));
		if (item == NULL) {
			return false;
		}
		buf_append_slice(&item->text, buf_slice(&box->items[i].text));
		item->version = box->items[i].version;
		item->mtime_ns = box->items[i].mtime_ns;
	}
	return true;
}

bool toy_copy_tree(struct toy_tree *to, const struct toy_tree *from)
{
	for (size_t i = 0; i < from->n; i++) {
		if (!toy_copy_box(to, &from->boxes[i])) {
			return false;
		}
	}
	return true;
}

/* ---- texts ---- */

static void dump(const json_t *value, size_t flags, struct buf *out)
{
	char *text = json_dumps(value, flags);
	if (text == NULL) {
		out->failed = true;
		return;
	}
	buf_puts(out, text);
	buf_putc(out, '\n');
	free(text);
}

int toy_parse(struct slice text, struct buf *out, struct err *err)
{
	json_error_t why;
	json_auto_t *value = json_loadb(text.p != NULL ? text.p : "", text.n,
		JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &why);
	if (value == NULL) {
		return err_set(
			err, EINVAL, "line %d, column %d: %s", why.line, why.column, why.text);
	}
	if (!json_is_object(value)) {
		return err_set(err, EINVAL, "line 1, column 1: an item is a JSON object");
	}
	dump(value, JSON_INDENT(2), out);
	return buf_check(out, err);
}

void toy_render(struct slice text, unsigned form, struct buf *out)
{
	json_error_t why;
	if (form == 0) {
		buf_append_slice(out, text);
		return;
	}
	json_auto_t *value = json_loadb(text.p, text.n, JSON_ALLOW_NUL, &why);
	dump(value, JSON_COMPACT, out);
}

/* ---- what is where ---- */

int toy_not_there(struct err *err)
{
	return err_set(err, ENOENT, "there is nothing of this name");
}

int toy_at_box(
	const struct toy *t, const struct epath *path, struct toy_place *out, struct err *err)
{
	return toy_find_box(&t->tree, path->key[0], &out->box) ? 0 : toy_not_there(err);
}

int toy_at_item(
	const struct toy *t, const struct epath *path, struct toy_place *out, struct err *err)
{
	int r = toy_at_box(t, path, out, err);
	if (r != 0) {
		return r;
	}
	if (!toy_find_item(&t->tree.boxes[out->box], path->key[1], &out->item)) {
		return toy_not_there(err);
	}
	return path->depth <= 3 ? 0 : err_set(err, ENOTDIR, "a member is no directory");
}

/* A directory at depth 0 or 1. */
int toy_at_directory(
	const struct toy *t, const struct epath *path, struct toy_place *out, struct err *err)
{
	if (path->depth == 0) {
		return t->gone ? toy_not_there(err) : 0;
	}
	if (path->depth == 1) {
		return toy_at_box(t, path, out, err);
	}
	int r = toy_at_item(t, path, out, err);
	return r != 0 ? r : err_set(err, ENOTDIR, "an item is no directory");
}

static int64_t next_time(struct toy *t)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	int64_t ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	t->last_time = ns > t->last_time ? ns : t->last_time + 1;
	return t->last_time;
}

/* The list of items changed. */
void toy_touch(struct toy *t, struct toy_box *b)
{
	b->version = ++t->last_version;
	b->mtime_ns = next_time(t);
}

void toy_fill(struct toy *t, struct toy_item *item, struct slice text)
{
	buf_clear(&item->text);
	buf_append_slice(&item->text, text);
	item->version = ++t->last_version;
	item->mtime_ns = next_time(t);
}

void toy_item_info(const struct toy_item *item, unsigned form, struct engine_info *out)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	toy_render(buf_slice(&item->text), form, &text);
	*out = (struct engine_info){.kind = ENGINE_FILE,
		.version = item->version,
		.size = text.n,
		.mtime_ns = item->mtime_ns};
}

void toy_box_info(const struct toy_box *b, struct engine_info *out)
{
	*out = (struct engine_info){
		.kind = ENGINE_DIR, .version = b->version, .size = b->n, .mtime_ns = b->mtime_ns};
}

/* ---- the file ---- */

static void put_number(FILE *f, uint64_t v)
{
	fwrite(&v, sizeof(v), 1, f);
}

static void put_bytes(FILE *f, const struct buf *b)
{
	put_number(f, b->n);
	fwrite(b->p, 1, b->n, f);
}

static void put_tree(FILE *f, const struct toy_tree *t)
{
	put_number(f, t->n);
	for (size_t i = 0; i < t->n; i++) {
		const struct toy_box *b = &t->boxes[i];
		put_bytes(f, &b->key);
		put_number(f, b->version);
		put_number(f, (uint64_t)b->mtime_ns);
		put_number(f, b->n);
		for (size_t k = 0; k < b->n; k++) {
			put_bytes(f, &b->items[k].key);
			put_bytes(f, &b->items[k].text);
			put_number(f, b->items[k].version);
			put_number(f, (uint64_t)b->items[k].mtime_ns);
		}
	}
}

static void put_toy(FILE *f, const struct toy *t)
{
	put_number(f, t->last_version);
	put_number(f, (uint64_t)t->last_time);
	put_number(f, t->feed_start + t->feed.n); /* the lines are not kept */
	put_tree(f, &t->tree);
	put_number(f, t->n_snapshots);
	for (size_t i = 0; i < t->n_snapshots; i++) {
		put_number(f, t->snapshots[i].kind);
		put_bytes(f, &t->snapshots[i].name);
		put_tree(f, &t->snapshots[i].tree);
	}
}

int toy_save(const struct toy *t, struct err *err)
{
	FILE *f = fopen(t->file, "we");
	if (f == NULL) {
		return err_errno(err, "%s", t->file);
	}
	put_toy(f, t);
	put_number(f, t->n_clusters);
	for (size_t i = 0; i < t->n_clusters; i++) {
		put_bytes(f, &t->clusters[i]->cluster);
		put_toy(f, t->clusters[i]);
	}
	bool failed = ferror(f) != 0;
	if (fclose(f) != 0 || failed) {
		return err_set(err, EIO, "%s cannot be written", t->file);
	}
	return 0;
}

static uint64_t get_number(FILE *f)
{
	uint64_t v = 0;
	return fread(&v, sizeof(v), 1, f) == 1 ? v : 0;
}

static void get_bytes(FILE *f, struct buf *out)
{
	size_t n = get_number(f);
	if (buf_resize(out, n) && n > 0 && fread(out->p, 1, n, f) != n) {
		out->failed = true;
	}
}

static bool get_box(FILE *f, struct toy_box *b)
{
	b->version = get_number(f);
	b->mtime_ns = (int64_t)get_number(f);
	size_t n = get_number(f);
	for (size_t k = 0; k < n; k++) {
		CLEANUP(buf_free) struct buf key = BUF_INIT;
		get_bytes(f, &key);
		struct toy_item *item = toy_add_item(b, k, buf_slice(&key));
		if (item == NULL) {
			return false;
		}
		get_bytes(f, &item->text);
		item->version = get_number(f);
		item->mtime_ns = (int64_t)get_number(f);
	}
	return true;
}

static bool get_tree(FILE *f, struct toy_tree *t)
{
	size_t n = get_number(f);
	for (size_t i = 0; i < n; i++) {
		CLEANUP(buf_free) struct buf key = BUF_INIT;
		get_bytes(f, &key);
		struct toy_box *b = toy_add_box(t, i, buf_slice(&key));
		if (b == NULL || !get_box(f, b)) {
			return false;
		}
	}
	return true;
}

static bool get_snapshots(FILE *f, struct toy *t)
{
	size_t n = get_number(f);
	t->snapshots = calloc(n + 1, sizeof(*t->snapshots));
	if (t->snapshots == NULL) {
		return false;
	}
	for (size_t i = 0; i < n; i++) {
		t->snapshots[i].kind = (enum engine_view_kind)get_number(f);
		get_bytes(f, &t->snapshots[i].name);
		t->n_snapshots++;
		if (!get_tree(f, &t->snapshots[i].tree)) {
			return false;
		}
	}
	return true;
}

static bool get_toy(FILE *f, struct toy *t)
{
	t->last_version = get_number(f);
	t->last_time = (int64_t)get_number(f);
	t->feed_start = get_number(f);
	return get_tree(f, &t->tree) && get_snapshots(f, t);
}

static bool get_clusters(FILE *f, struct toy *t)
{
	for (size_t n = get_number(f); n > 0; n--) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		get_bytes(f, &name);
		struct toy *c = toy_add_cluster(t, buf_slice(&name));
		if (c == NULL || !get_toy(f, c)) {
			return false;
		}
	}
	return true;
}

int toy_load(struct toy *t, struct err *err)
{
	FILE *f = fopen(t->file, "re");
	if (f == NULL) {
		return errno == ENOENT ? 0 : err_errno(err, "%s", t->file);
	}
	bool whole = get_toy(f, t) && get_clusters(f, t) && ferror(f) == 0;
	fclose(f);
	return whole ? 0 : err_set(err, EIO, "%s cannot be read", t->file);
}
