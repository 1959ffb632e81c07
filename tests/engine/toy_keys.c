#include "tests/engine/toy_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "engines/common/cleanup.h"

/* ---- entries ---- */

void keys_print_path(const struct epath *path, struct buf *out)
{
	for (unsigned i = 0; i < path->depth; i++) {
		buf_putc(out, (char)(path->key[i].n >> 8));
		buf_putc(out, (char)path->key[i].n);
		buf_append_slice(out, path->key[i]);
	}
}

/* Where it is, or would be. */
static size_t place_of(const struct keys *k, struct slice path, bool *there)
{
	size_t i = 0;
	int c = 1;
	while (i < k->n && (c = slice_compare(path, buf_slice(&k->entries[i].path))) > 0) {
		i++;
	}
	*there = i < k->n && c == 0;
	return i;
}

struct keys_entry *keys_find(const struct keys *k, const struct epath *path)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	bool there;
	keys_print_path(path, &text);
	size_t i = place_of(k, buf_slice(&text), &there);
	return there ? &k->entries[i] : NULL;
}

int64_t keys_now(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void keys_fill(struct keys *k, struct keys_entry *e, struct slice text)
{
	buf_clear(&e->text);
	buf_append_slice(&e->text, text);
	e->version = ++k->last_version;
	e->mtime_ns = keys_now();
}

struct keys_entry *keys_make(struct keys *k, const struct epath *path)
{
	struct buf text = BUF_INIT;
	bool there;
	keys_print_path(path, &text);
	size_t i = place_of(k, buf_slice(&text), &there);
	if (there) {
		buf_free(&text);
		return &k->entries[i];
	}
	struct keys_entry *more = realloc(k->entries, (k->n + 1) * sizeof(*more));
	if (more == NULL || text.failed) {
		buf_free(&text);
		return NULL;
	}
	k->entries = more;
	memmove(&more[i + 1], &more[i], (k->n - i) * sizeof(*more));
	more[i] = (struct keys_entry){.path = text, .depth = path->depth};
	k->n++;
	buf_append_slice(&more[i].key, path->key[path->depth - 1]);
	keys_fill(k, &more[i], slice_of(""));
	return &more[i];
}

void keys_drop(struct keys *k, struct keys_entry *e)
{
	buf_free(&e->path);
	buf_free(&e->key);
	buf_free(&e->text);
	size_t i = (size_t)(e - k->entries);
	k->n--;
	memmove(e, e + 1, (k->n - i) * sizeof(*e));
}

static bool is_child(const struct keys_entry *e, const struct epath *path, struct slice prefix)
{
	return e->depth == path->depth + 1 && e->path.n > prefix.n &&
	       memcmp(e->path.p, prefix.p, prefix.n) == 0;
}

size_t keys_children(const struct keys *k, const struct epath *path)
{
	CLEANUP(buf_free) struct buf prefix = BUF_INIT;
	size_t n = 0;
	keys_print_path(path, &prefix);
	buf_cstr(&prefix);
	for (size_t i = 0; i < k->n; i++) {
		n += is_child(&k->entries[i], path, buf_slice(&prefix)) ? 1 : 0;
	}
	return n;
}

int keys_not_there(struct err *err)
{
	return err_set(err, ENOENT, "there is nothing of this name");
}

static bool is_dir(const struct keys_entry *e)
{
	return e->depth == 1 || (e->depth == 2 && e->key.p[0] != KEYS_STRING);
}

void keys_info(const struct keys *k, const struct epath *path, const struct keys_entry *e,
	struct engine_info *out)
{
	bool dir = is_dir(e);
	*out = (struct engine_info){.kind = dir ? ENGINE_DIR : ENGINE_FILE,
		.version = e->version,
		.size = dir ? keys_children(k, path) : e->text.n,
		.mtime_ns = e->mtime_ns};
}

struct keys_entry *keys_of_ttl(const struct keys *k, const struct epath *path)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	struct epath string = *path;
	buf_putc(&key, KEYS_STRING);
	buf_append_slice(&key, path->key[1]);
	string.key[1] = buf_slice(&key);
	return path->depth == 2 ? keys_find(k, &string) : NULL;
}

/* ---- levels ---- */

static const char *const suffixes[] = {"", ".set", ".hash"};
static const struct engine_form forms[] = {
	{"", "a string: its bytes"},
	{".set", "a set: a file a member"},
	{".hash", "a hash: a file a field"},
};
static const struct engine_room rooms[] = {
	{".bulk", "the strings as files that pass through"},
	{".feeds", "what is appended to a name here, tail -f there shows"},
	{".loads", "a file of lines 'KEY TEXT' that is copied here is loaded"},
	{".ttl", "the seconds each key has left; writing sets them"},
	{NULL, NULL},
};
static const struct engine_attr attrs[] = {
	{"ttl", "the seconds the key has left"},
	{"unset", "never there"},
	{NULL, NULL},
};
static const struct engine_script scripts[] = {
	{".exec", "runs lines 'set KEY TEXT', 'get KEY', 'del KEY'; reading answers", true},
	{NULL, NULL, false},
};

static void level_of_room(enum keys_room room, struct engine_level *out)
{
	if (room == KEYS_BULK || room == KEYS_LOADS) {
		keys_bulk_level(room, out);
		return;
	}
	*out = (struct engine_level){.noun = "room",
		.child_noun = room == KEYS_TTL ? "time" : "feed",
		.child = ENGINE_FILE,
		.names = {suffixes, 1},
		.forms = forms,
		.n_forms = 1,
		.features = ENGINE_HAS_CONTROL | (room == KEYS_FEEDS ? ENGINE_HAS_FEEDS : 0U)};
}

static int keys_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	const struct keys_ctx *c = ctx;
	LOCKED(&c->k->lock);
	if (path->depth > 0 && keys_find(c->k, path) == NULL) {
		return keys_not_there(err);
	}
	if (c->room != KEYS_MAIN) {
		level_of_room(c->room, out);
		return 0;
	}
	switch (path->depth) {
	case 0:
		*out = (struct engine_level){.noun = "shelf",
			.child_noun = "store",
			.child = ENGINE_DIR,
			.names = NAME_RULES_DIR,
			.features = ENGINE_HAS_MKDIR | ENGINE_HAS_CONTROL};
		return 0;
	case 1:
		*out = (struct engine_level){.noun = "store",
			.child_noun = "key",
			.child = ENGINE_FILE,
			.names = {suffixes, KEYS_FORMS},
			.forms = forms,
			.n_forms = KEYS_FORMS,
			.tagged = true,
			.dir_forms = 1U << KEYS_SET | 1U << KEYS_HASH,
			.features = ENGINE_HAS_MKDIR | ENGINE_HAS_CONTROL,
			.scripts = scripts,
			.rooms = rooms,
			.attrs = attrs};
		return 0;
	default:
		*out = (struct engine_level){.noun = "set",
			.child_noun = "member",
			.child = ENGINE_FILE,
			.names = {suffixes, 1},
			.forms = forms,
			.n_forms = 1};
		return 0;
	}
}

/* ---- reading ---- */

static int stat_feed(const struct keys *k, const struct epath *path, struct engine_info *out)
{
	const struct keys_feed *f = keys_feed_find(k, path->key[path->depth - 1]);
	*out = (struct engine_info){
		.kind = ENGINE_FILE, .version = 1, .size = f != NULL ? f->text.n : 0};
	return 0;
}

/* The text of a file in the room .ttl. */
static int read_ttl(const struct keys *k, const struct epath *path, struct buf *out,
	struct engine_info *info, struct err *err)
{
	const struct keys_entry *e = keys_of_ttl(k, path);
	size_t before = out->n;
	if (e == NULL || e->ttl_s == 0) {
		return keys_not_there(err);
	}
	buf_printf(out, "%lld\n", (long long)e->ttl_s);
	*info = (struct engine_info){.kind = ENGINE_FILE,
		.version = e->version,
		.size = out->n - before,
		.mtime_ns = e->mtime_ns};
	return 0;
}

static int keys_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	const struct keys_ctx *c = ctx;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	(void)form;
	LOCKED(&c->k->lock);
	if (path->depth == 0) {
		*out = (struct engine_info){
			.kind = ENGINE_DIR, .version = 1, .size = keys_children(c->k, path)};
		return 0;
	}
	struct epath store = *path;
	store.depth = 1;
	if (keys_find(c->k, &store) == NULL) {
		return keys_not_there(err);
	}
	if ((c->room == KEYS_BULK || c->room == KEYS_LOADS) && path->depth == 2) {
		return keys_bulk_stat(c, path, out, err);
	}
	if (c->room == KEYS_FEEDS && path->depth == 2) {
		return stat_feed(c->k, path, out);
	}
	if (c->room == KEYS_TTL && path->depth == 2) {
		return read_ttl(c->k, path, &text, out, err);
	}
	const struct keys_entry *e = keys_find(c->k, path);
	if (e == NULL) {
		return keys_not_there(err);
	}
	keys_info(c->k, path, e, out);
	return 0;
}

/* What the room shows of an entry of the store; false: nothing. */
static bool in_room(const struct keys_ctx *c, const struct keys_entry *e, struct slice *key,
	struct engine_info *info)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	if (c->room == KEYS_TTL) {
		*key = slice_make(e->key.p + 1, e->key.n - 1);
		buf_printf(&text, "%lld\n", (long long)e->ttl_s);
		*info = (struct engine_info){.kind = ENGINE_FILE,
			.version = e->version,
			.size = text.n,
			.mtime_ns = e->mtime_ns};
		return e->key.p[0] == KEYS_STRING && e->ttl_s != 0;
	}
	if (c->room == KEYS_BULK) {
		*key = slice_make(e->key.p + 1, e->key.n - 1);
		return e->key.p[0] == KEYS_STRING;
	}
	return true;
}

int keys_each(const struct keys_ctx *c, const struct epath *path, const struct slice *after,
	engine_emit *emit, void *arg)
{
	CLEANUP(buf_free) struct buf prefix = BUF_INIT;
	bool begun = after == NULL;
	keys_print_path(path, &prefix);
	buf_cstr(&prefix);
	for (size_t i = 0; i < c->k->n; i++) {
		const struct keys_entry *e = &c->k->entries[i];
		struct slice key = buf_slice(&e->key);
		struct engine_info info;
		struct epath child = epath_child(path, key);
		if (!is_child(e, path, buf_slice(&prefix))) {
			continue;
		}
		keys_info(c->k, &child, e, &info);
		bool shown = in_room(c, e, &key, &info);
		/* In the order of their paths: the shorter first. */
		begun = begun || key.n > after->n ||
			(key.n == after->n && slice_compare(key, *after) > 0);
		if (shown && begun && emit(arg, key, &info) != 0) {
			return 0;
		}
	}
	return 0;
}

static int keys_list(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err)
{
	const struct keys_ctx *c = ctx;
	(void)form;
	LOCKED(&c->k->lock);
	if (path->depth > 0 && keys_find(c->k, path) == NULL) {
		return keys_not_there(err);
	}
	if (c->room == KEYS_LOADS) {
		struct engine_info report = {
			.kind = ENGINE_FILE, .version = 1, .size = c->k->report.n};
		return after == NULL ? emit(arg, slice_of("report"), &report) * 0 : 0;
	}
	if (c->room != KEYS_FEEDS) {
		return keys_each(c, path, after, emit, arg);
	}
	bool begun = after == NULL;
	for (size_t i = 0; i < c->k->n_feeds; i++) {
		struct engine_info info = {.kind = ENGINE_FILE, .version = 1};
		struct slice name = buf_slice(&c->k->feeds[i].name);
		if (begun && emit(arg, name, &info) != 0) {
			break;
		}
		begun = begun || slice_equal(name, *after);
	}
	return 0;
}

static int keys_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	const struct keys_ctx *c = ctx;
	CLEANUP(buf_free) struct buf prefix = BUF_INIT;
	LOCKED(&c->k->lock);
	keys_print_path(path, &prefix);
	buf_cstr(&prefix);
	for (size_t i = 0; i < c->k->n; i++) {
		const struct keys_entry *e = &c->k->entries[i];
		size_t tag = path->depth == 1 ? 1 : 0;
		unsigned char other[NAME_HASH_BYTES];
		if (!is_child(e, path, buf_slice(&prefix))) {
			continue;
		}
		name_hash(slice_make(e->key.p + tag, e->key.n - tag), other);
		if (memcmp(other, hash, sizeof(other)) == 0) {
			buf_append_slice(key, buf_slice(&e->key));
			return 0;
		}
	}
	return keys_not_there(err);
}

static int keys_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	const struct keys_ctx *c = ctx;
	(void)form;
	LOCKED(&c->k->lock);
	if (c->room == KEYS_TTL) {
		return read_ttl(c->k, path, out, info, err);
	}
	if (c->room == KEYS_LOADS) {
		buf_append_slice(out, buf_slice(&c->k->report));
		return keys_bulk_stat(c, path, info, err);
	}
	const struct keys_entry *e = keys_find(c->k, path);
	if (e == NULL) {
		return keys_not_there(err);
	}
	if (is_dir(e)) {
		return err_set(err, EISDIR, "this is a directory");
	}
	buf_append_slice(out, buf_slice(&e->text));
	keys_info(c->k, path, e, info);
	return 0;
}

/* ---- life ---- */

static int keys_open(const struct engine_config *config, void **ctx, struct err *err)
{
	struct keys *k = calloc(1, sizeof(*k));
	struct keys_ctx *c = calloc(1, sizeof(*c));
	if (k == NULL || c == NULL) {
		free(k);
		free(c);
		return err_set(err, ENOMEM, "out of memory");
	}
	pthread_mutex_init(&k->lock, NULL);
	k->last_version = 1;
	k->host = config->host;
	k->refs = 1;
	c->k = k;
	*ctx = c;
	return 0;
}

static void keys_close(void *ctx)
{
	struct keys_ctx *c = ctx;
	struct keys *k = c->k;
	free(c);
	pthread_mutex_lock(&k->lock);
	bool last = --k->refs == 0;
	pthread_mutex_unlock(&k->lock);
	if (!last) {
		return;
	}
	while (k->n > 0) {
		keys_drop(k, &k->entries[k->n - 1]);
	}
	free(k->entries);
	for (size_t i = 0; i < k->n_feeds; i++) {
		buf_free(&k->feeds[i].name);
		buf_free(&k->feeds[i].text);
	}
	free(k->feeds);
	buf_free(&k->report);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

const struct engine_ops toy_keys_ops = {
	.service = "keys",
	.backend = "memory",
	.summary = "Stores of keys of several sorts, for the tests",
	.open = keys_open,
	.close = keys_close,
	.level = keys_level,
	.stat = keys_stat,
	.list = keys_list,
	.find_hashed = keys_find_hashed,
	.read = keys_read,
	.write = keys_write,
	.remove = keys_remove,
	.rename = keys_rename,
	.mkdir = keys_mkdir,
	.rmdir = keys_rmdir,
	.set_time = keys_set_time,
	.attr_read = keys_attr_read,
	.attr_write = keys_attr_write,
	.attr_remove = keys_attr_remove,
	.view_list = keys_view_list,
	.view_open = keys_view_open,
	.feed_bounds = keys_feed_bounds,
	.feed_read = keys_feed_read,
	.feed_append = keys_feed_append,
	.feed_open = keys_feed_open,
	.feed_close = keys_feed_close,
	.export_open = keys_export_open,
	.export_read = keys_export_read,
	.export_close = keys_export_close,
	.import_open = keys_import_open,
	.import_feed = keys_import_feed,
	.import_finish = keys_import_finish,
	.import_abort = keys_import_abort,
	.import_reply = keys_import_reply,
	.commands = keys_commands,
};
