/* What the toy does with a box as a whole: status, commands, snapshots,
 * export, import. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/engine/toy_impl.h"

#define EXPORT_PIECE 1000

/* ---- about ---- */

int toy_status(void *ctx, const struct epath *path, json_t *out, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	TOY_LOCKED(t);
	int r = toy_at_directory(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	size_t n = path->depth == 0 ? t->tree.n : t->tree.boxes[at.box].n;
	r = json_object_set_new(
		out, path->depth == 0 ? "boxes" : "items", json_integer((json_int_t)n));
	return r == 0 ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* ---- commands ---- */

static int run_count(void *ctx, struct engine_call *call, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	TOY_LOCKED(t);
	int r = toy_at_box(t, call->path, &at, err);
	if (r == 0) {
		buf_printf(call->out, "%zu\n", t->tree.boxes[at.box].n);
	}
	return r;
}

static int run_fill(void *ctx, struct engine_call *call, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	unsigned long n = strtoul(call->argv[1], NULL, 10);
	int refused = toy_refuse_replica(t, err);
	if (refused != 0) {
		return refused;
	}
	if (n == 0 || n > 1000) {
		return err_set(
			err, EINVAL, "fill %s: a number from 1 to 1000 is expected", call->argv[1]);
	}
	for (unsigned long i = 0; i < n; i++) {
		CLEANUP(buf_free) struct buf key = BUF_INIT;
		struct engine_info info;
		buf_printf(&key, "filled-%06lu", i);
		call->progress(call, i, n, "items");
		TOY_LOCKED(t);
		int r = toy_at_box(t, call->path, &at, err);
		if (r == 0) {
			r = toy_put(t, &t->tree.boxes[at.box], buf_slice(&key), slice_of("{}\n"),
				ENGINE_VERSION_ANY, &info, 0, err);
		}
		if (r != 0) {
			return r;
		}
	}
	toy_tell(t, call->path);
	return 0;
}

/* Changes one item, as a trigger would. */
static int run_touch(void *ctx, struct engine_call *call, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	struct engine_info info;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct slice key = slice_of(call->argv[1]);
	buf_printf(&text, "{\n  \"n\": %s\n}\n", call->argv[2]);
	int r = toy_refuse_replica(t, err);
	if (r == 0) {
		LOCKED(&t->lock);
		r = toy_at_box(t, call->path, &at, err);
		r = r == 0 ? toy_put(t, &t->tree.boxes[at.box], key, buf_slice(&text),
				     ENGINE_VERSION_ANY, &info, 0, err)
			   : r;
	}
	struct epath item = epath_child(call->path, key);
	if (r == 0) {
		toy_tell(t, &item);
	}
	return r;
}

const struct engine_command toy_commands[] = {
	{"count", "", "how many items the box holds", 1 << 1, 0, 0, run_count},
	{"fill", "N", "makes N items", 1 << 1, 1, 1, run_fill},
	{"prune", "", "drops all but the last line of .changes", 1 << 0, 0, 0, toy_feed_prune},
	{"touch", "KEY N", "sets the item to N", 1 << 1, 2, 2, run_touch},
	{NULL, NULL, NULL, 0, 0, 0, NULL},
};

/* ---- snapshots ---- */

static bool is_of_box(const struct toy_snapshot *s, struct slice box)
{
	return s->tree.n == 1 && slice_equal(buf_slice(&s->tree.boxes[0].key), box);
}

static struct toy_snapshot *find_snapshot(
	struct toy *t, enum engine_view_kind kind, struct slice box, struct slice name)
{
	for (size_t i = 0; i < t->n_snapshots; i++) {
		struct toy_snapshot *s = &t->snapshots[i];
		if (s->kind == kind && is_of_box(s, box) &&
			slice_equal(buf_slice(&s->name), name)) {
			return s;
		}
	}
	return NULL;
}

/* The snapshot of this box with the next name in byte order. */
static struct toy_snapshot *next_snapshot(
	struct toy *t, enum engine_view_kind kind, struct slice box, const struct slice *after)
{
	struct toy_snapshot *next = NULL;
	for (size_t i = 0; i < t->n_snapshots; i++) {
		struct toy_snapshot *s = &t->snapshots[i];
		if (s->kind != kind || !is_of_box(s, box) ||
			(after != NULL && slice_compare(buf_slice(&s->name), *after) <= 0)) {
			continue;
		}
		if (next == NULL ||
			slice_compare(buf_slice(&s->name), buf_slice(&next->name)) < 0) {
			next = s;
		}
	}
	return next;
}

int toy_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	TOY_LOCKED(t);
	if (kind == ENGINE_VIEW_CLUSTER) {
		return toy_clusters_list(t, after, emit, arg, err);
	}
	int r = toy_at_box(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	const struct toy_snapshot *s;
	struct slice last;
	while ((s = next_snapshot(t, kind, path->key[0], after)) != NULL) {
		struct engine_info info;
		toy_box_info(&s->tree.boxes[0], &info);
		last = buf_slice(&s->name);
		after = &last;
		if (emit(arg, last, &info) != 0) {
			break;
		}
	}
	return 0;
}

/* The toy remembers nothing: every time is now, and stays as it was looked at. */
static bool looks_like_time(struct slice name)
{
	return name.n >= 10 && name.p[4] == '-' && name.p[7] == '-';
}

void toy_follow(struct toy *t)
{
	size_t i;
	if (t->origin == NULL || t->tree.n == 0) {
		return; /* what was removed stays so */
	}
	struct toy_tree now = {0};
	{
		LOCKED(&t->origin->lock);
		struct toy *o = t->origin;
		struct slice box = buf_slice(&t->tree.boxes[0].key);
		if (find_snapshot(o, ENGINE_VIEW_REPLICA, box, buf_slice(&t->name)) != NULL &&
			toy_find_box(&o->tree, box, &i)) {
			toy_copy_box(&now, &o->tree.boxes[i]);
		}
	}
	LOCKED(&t->lock);
	toy_tree_free(&t->tree);
	t->tree = now;
}

int toy_refuse_replica(const struct toy *t, struct err *err)
{
	return t->origin == NULL ? 0 : err_set(err, EROFS, "a replica is not written");
}

int toy_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	TOY_LOCKED(t);
	if (kind == ENGINE_VIEW_CLUSTER) {
		return toy_cluster_open(t, name, view, err);
	}
	int r = toy_at_box(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	const struct toy_snapshot *s = find_snapshot(t, kind, path->key[0], name);
	if (kind == ENGINE_VIEW_TIME ? !looks_like_time(name) : s == NULL) {
		return toy_not_there(err);
	}
	struct toy *v = calloc(1, sizeof(*v));
	if (v == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	pthread_mutex_init(&v->lock, NULL);
	atomic_init(&v->refs, 1);
	v->host = t->host;
	if (kind == ENGINE_VIEW_REPLICA) {
		v->origin = t;
		buf_append_slice(&v->name, name);
	}
	if (!toy_copy_box(&v->tree,
		    kind == ENGINE_VIEW_SNAPSHOT ? &s->tree.boxes[0] : &t->tree.boxes[at.box])) {
		toy_close(v);
		return err_set(err, ENOMEM, "out of memory");
	}
	*view = v;
	return 0;
}

int toy_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	TOY_LOCKED(t);
	if (kind == ENGINE_VIEW_CLUSTER) {
		return toy_cluster_create(t, name, err);
	}
	int r = toy_at_box(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	if (kind == ENGINE_VIEW_TIME) {
		return err_set(err, ENOTSUP, "times are not made");
	}
	if (find_snapshot(t, kind, path->key[0], name) != NULL) {
		return err_set(err, EEXIST, "the snapshot is there already");
	}
	struct toy_snapshot *all = realloc(t->snapshots, (t->n_snapshots + 1) * sizeof(*all));
	if (all == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	t->snapshots = all;
	struct toy_snapshot *s = &all[t->n_snapshots++];
	*s = (struct toy_snapshot){.kind = kind};
	buf_append_slice(&s->name, name);
	return toy_copy_box(&s->tree, &t->tree.boxes[at.box])
		       ? 0
		       : err_set(err, ENOMEM, "out of memory");
}

int toy_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err)
{
	struct toy *t = ctx;
	TOY_LOCKED(t);
	if (kind == ENGINE_VIEW_CLUSTER) {
		return toy_cluster_remove(t, name, err);
	}
	struct toy_snapshot *s = find_snapshot(t, kind, path->key[0], name);
	if (s == NULL) {
		return toy_not_there(err);
	}
	buf_free(&s->name);
	toy_tree_free(&s->tree);
	*s = t->snapshots[--t->n_snapshots];
	return 0;
}

int toy_view_rename(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, const struct epath *to, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	size_t i;
	LOCKED(&t->lock);
	if (kind != ENGINE_VIEW_REPLICA) {
		return err_set(err, ENOTSUP, "only a replica can become a box");
	}
	int r = toy_at_box(t, path, &at, err);
	if (r != 0) {
		return r;
	}
	struct toy_snapshot *s = find_snapshot(t, kind, path->key[0], name);
	if (s == NULL) {
		return toy_not_there(err);
	}
	if (to->depth != 1) {
		return err_set(err, ENOTSUP, "only a replica can become a box");
	}
	if (toy_find_box(&t->tree, to->key[0], &i)) {
		return err_set(err, EEXIST, "the box is there already");
	}
	struct toy_tree copy = {0};
	if (!toy_copy_box(&copy, &t->tree.boxes[at.box]) ||
		toy_add_box(&t->tree, i, to->key[0]) == NULL) {
		toy_tree_free(&copy);
		return err_set(err, ENOMEM, "out of memory");
	}
	struct toy_box *made = &t->tree.boxes[i];
	struct buf key = made->key;
	*made = copy.boxes[0];
	buf_free(&made->key);
	made->key = key;
	free(copy.boxes);
	toy_touch(t, made);
	buf_free(&s->name);
	toy_tree_free(&s->tree);
	*s = t->snapshots[--t->n_snapshots];
	return 0;
}

/* ---- export ---- */

struct stream {
	struct buf text;
	size_t at;
};

int toy_stream_new(struct buf *text, void **stream, uint64_t *size, struct err *err)
{
	struct stream *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->text = *text;
	*text = (struct buf)BUF_INIT;
	*size = s->text.n;
	*stream = s;
	return 0;
}

static void export_item(const struct toy_item *item, struct buf *out)
{
	json_error_t why;
	json_auto_t *value = json_loadb(item->text.p, item->text.n, JSON_ALLOW_NUL, &why);
	json_auto_t *line =
		json_pack("[s#, O]", item->key.n > 0 ? item->key.p : "", (int)item->key.n, value);
	char *text = line != NULL ? json_dumps(line, JSON_COMPACT) : NULL;
	if (text == NULL) {
		out->failed = true;
		return;
	}
	buf_puts(out, text);
	buf_putc(out, '\n');
	free(text);
}

int toy_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	if (strcmp(format, "jsonl") != 0) {
		return err_set(err, EINVAL, "unknown format %s; known is jsonl", format);
	}
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	TOY_LOCKED(t);
	int r = toy_at_box(t, path, &at, err);
	for (size_t i = 0; r == 0 && i < t->tree.boxes[at.box].n; i++) {
		export_item(&t->tree.boxes[at.box].items[i], &text);
	}
	r = r == 0 ? buf_check(&text, err) : r;
	return r == 0 ? toy_stream_new(&text, stream, size, err) : r;
}

int toy_export_read(void *stream, struct buf *out, struct err *err)
{
	struct stream *s = stream;
	size_t n = s->text.n - s->at;
	(void)err;
	n = n < EXPORT_PIECE ? n : EXPORT_PIECE;
	buf_append(out, s->text.p + s->at, n);
	s->at += n;
	return 0;
}

void toy_export_close(void *stream)
{
	struct stream *s = stream;
	buf_free(&s->text);
	free(s);
}

/* ---- import ---- */

struct sink {
	struct toy *t;
	struct toy_tree tree; /* the box as it will be */
	char mode;	      /* first letter; of "run" 's', of .new 'n' */
	struct buf key;
	struct buf text;
};

static void sink_free(struct sink *k)
{
	toy_tree_free(&k->tree);
	buf_free(&k->key);
	buf_free(&k->text);
	free(k);
}

int toy_import_open(void *ctx, const struct epath *path, const char *mode, const char *format,
	void **sink, struct err *err)
{
	struct toy *t = ctx;
	struct toy_place at;
	bool run = strcmp(mode, "run") == 0;
	bool create = strcmp(mode, "create") == 0;
	bool one = run && strcmp(format, "new") == 0;
	if (!one && strcmp(format, run ? "run" : "jsonl") != 0) {
		return err_set(err, EINVAL, "unknown format %s; known is jsonl", format);
	}
	if (!run && !create && strcmp(mode, "append") != 0 && strcmp(mode, "upsert") != 0 &&
		strcmp(mode, "replace") != 0) {
		return err_set(
			err, EINVAL, "unknown mode %s; known are append, upsert, replace", mode);
	}
	TOY_LOCKED(t);
	int r = toy_refuse_replica(t, err);
	r = r == 0 && !create ? toy_at_box(t, path, &at, err) : r;
	if (r == 0 && create && path->depth != 1) {
		r = err_set(err, EINVAL, "only a box can be made");
	}
	if (r != 0) {
		return r;
	}
	struct sink *k = calloc(1, sizeof(*k));
	if (k == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	k->t = t;
	k->mode = one ? 'n' : run ? 's' : mode[0];
	buf_append_slice(&k->key, path->key[0]);
	*sink = k;
	return 0;
}

int toy_import_feed(void *sink, struct slice text, struct err *err)
{
	struct sink *k = sink;
	buf_append_slice(&k->text, text);
	return buf_check(&k->text, err);
}

static int bad_line(unsigned n, const char *what, struct buf *report, struct err *err)
{
	buf_printf(report, "line %u: %s\n", n, what);
	return err_set(err, EINVAL, "line %u: %s; nothing was loaded", n, what);
}

/* One line into `b`; `old` says what was there before. */
static int import_line(struct sink *k, struct toy_box *b, const struct toy_box *old,
	struct slice line, unsigned n, struct buf *report, struct err *err)
{
	json_error_t why;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	json_auto_t *pair = json_loadb(line.p, line.n, JSON_ALLOW_NUL, &why);
	const char *key = NULL;
	size_t key_n = 0;
	json_t *value = NULL;
	if (pair == NULL || json_unpack(pair, "[s%, o]", &key, &key_n, &value) != 0 ||
		!json_is_object(value)) {
		return bad_line(n, "[KEY, OBJECT] is expected", report, err);
	}
	size_t i;
	if (k->mode == 'a' && toy_find_item(old, slice_make(key, key_n), &i)) {
		return bad_line(n, "the item is there already", report, err);
	}
	char *dumped = json_dumps(value, JSON_INDENT(2));
	if (dumped == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	buf_printf(&text, "%s\n", dumped);
	free(dumped);
	struct engine_info info;
	return toy_put(k->t, b, slice_make(key, key_n), buf_slice(&text), ENGINE_VERSION_ANY, &info,
		0, err);
}

static int import_lines(
	struct sink *k, const struct toy_box *old, struct buf *report, struct err *err)
{
	struct slice rest = buf_slice(&k->text);
	struct toy_box *b = toy_add_box(&k->tree, 0, buf_slice(&k->key));
	unsigned n = 0;
	if (b != NULL && k->mode != 'r' && k->mode != 'c') {
		toy_drop_box(&k->tree, 0);
		b = toy_copy_box(&k->tree, old) ? &k->tree.boxes[0] : NULL;
	}
	if (b == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (k->mode == 's' || k->mode == 'n') {
		toy_touch(k->t, b);
		return k->mode == 's' ? toy_run(k->t, b, rest, report, err)
				      : toy_run_new(k->t, b, rest, report, err);
	}
	while (rest.n > 0) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t len = end != NULL ? (size_t)(end - rest.p) : rest.n;
		int r = import_line(k, b, old, slice_make(rest.p, len), ++n, report, err);
		if (r != 0) {
			return r;
		}
		len += end != NULL;
		rest = slice_make(rest.p + len, rest.n - len);
	}
	toy_touch(k->t, b);
	buf_printf(report, "%u items loaded\n", n);
	return 0;
}

int toy_import_finish(void *sink, struct buf *report, struct err *err)
{
	struct sink *k = sink;
	struct toy *t = k->t;
	size_t i;
	bool there = false;
	int r = 0;
	{
		LOCKED(&t->lock);
		there = toy_find_box(&t->tree, buf_slice(&k->key), &i);
		if (k->mode == 'c' && there) {
			r = err_set(err, EEXIST, "the box is there already");
		} else if (k->mode == 'c' && toy_add_box(&t->tree, i, buf_slice(&k->key)) == NULL) {
			r = err_set(err, ENOMEM, "out of memory");
		} else if (k->mode != 'c' && !there) {
			r = toy_not_there(err);
		} else {
			r = import_lines(k, &t->tree.boxes[i], report, err);
		}
		if (r == 0) {
			struct toy_box old = t->tree.boxes[i];
			t->tree.boxes[i] = k->tree.boxes[0];
			k->tree.boxes[0] = old;
		} else if (k->mode == 'c' && !there) {
			toy_drop_box(&t->tree, i);
		}
	}
	struct epath path = {1, {buf_slice(&k->key)}};
	if (r == 0) {
		toy_tell(t, &path);
	}
	sink_free(k);
	return r;
}

void toy_import_abort(void *sink)
{
	sink_free(sink);
}
