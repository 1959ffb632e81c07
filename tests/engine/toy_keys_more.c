/* Rooms, feeds, the session and commands of stores of keys. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/engine/toy_keys.h"

/* ---- rooms ---- */

int keys_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err)
{
	(void)ctx;
	(void)path;
	(void)kind;
	(void)after;
	(void)emit;
	(void)arg;
	return err_set(err, ENOTSUP, "keys/memory has no views");
}

int keys_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err)
{
	const struct keys_ctx *c = ctx;
	if (kind != ENGINE_VIEW_ROOM) {
		return err_set(err, ENOTSUP, "keys/memory has no views");
	}
	LOCKED(&c->k->lock);
	if (path->depth != 1 || keys_find(c->k, path) == NULL) {
		return keys_not_there(err);
	}
	struct keys_ctx *room = calloc(1, sizeof(*room));
	if (room == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	room->k = c->k;
	room->room = slice_is(name, ".ttl")	? KEYS_TTL
		     : slice_is(name, ".bulk")	? KEYS_BULK
		     : slice_is(name, ".loads") ? KEYS_LOADS
						: KEYS_FEEDS;
	c->k->refs++;
	*view = room;
	return 0;
}

/* ---- feeds: by their names, whatever the store ---- */

struct keys_feed *keys_feed_find(const struct keys *k, struct slice name)
{
	for (size_t i = 0; i < k->n_feeds; i++) {
		if (slice_equal(buf_slice(&k->feeds[i].name), name)) {
			return &k->feeds[i];
		}
	}
	return NULL;
}

int keys_feed_bounds(
	void *ctx, const struct epath *path, uint64_t *start, uint64_t *end, struct err *err)
{
	const struct keys_ctx *c = ctx;
	(void)err;
	LOCKED(&c->k->lock);
	const struct keys_feed *f = keys_feed_find(c->k, path->key[path->depth - 1]);
	*start = 0;
	*end = f != NULL ? f->text.n : 0;
	return 0;
}

int keys_feed_read(void *ctx, const struct epath *path, uint64_t offset, size_t max,
	struct buf *out, struct err *err)
{
	const struct keys_ctx *c = ctx;
	(void)err;
	LOCKED(&c->k->lock);
	const struct keys_feed *f = keys_feed_find(c->k, path->key[path->depth - 1]);
	size_t left = f != NULL && offset < f->text.n ? f->text.n - offset : 0;
	buf_append(out, left > 0 ? f->text.p + offset : "", left < max ? left : max);
	return 0;
}

int keys_feed_append(void *ctx, const struct epath *path, struct slice text, struct err *err)
{
	const struct keys_ctx *c = ctx;
	if (text.n > 1000) {
		return err_set(err, EFBIG, "a message has at most 1000 bytes");
	}
	LOCKED(&c->k->lock);
	struct keys_feed *f = keys_feed_find(c->k, path->key[path->depth - 1]);
	if (f != NULL) {
		buf_putc(&f->text, '[');
		buf_append_slice(&f->text, text);
		buf_putc(&f->text, ']');
	}
	return 0;
}

int keys_feed_open(void *ctx, const struct epath *path, struct err *err)
{
	const struct keys_ctx *c = ctx;
	LOCKED(&c->k->lock);
	struct slice name = path->key[path->depth - 1];
	struct keys_feed *f = keys_feed_find(c->k, name);
	if (f == NULL) {
		f = realloc(c->k->feeds, (c->k->n_feeds + 1) * sizeof(*f));
		if (f == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		c->k->feeds = f;
		f += c->k->n_feeds++;
		*f = (struct keys_feed){0};
		buf_append_slice(&f->name, name);
	}
	f->readers++;
	return 0;
}

void keys_feed_close(void *ctx, const struct epath *path)
{
	const struct keys_ctx *c = ctx;
	LOCKED(&c->k->lock);
	struct keys_feed *f = keys_feed_find(c->k, path->key[path->depth - 1]);
	if (f == NULL || --f->readers > 0) {
		return;
	}
	buf_free(&f->name);
	buf_free(&f->text);
	*f = c->k->feeds[--c->k->n_feeds];
}

/* ---- the session ---- */

int keys_import_open(void *ctx, const struct epath *path, const char *mode, const char *format,
	void **sink, struct err *err)
{
	const struct keys_ctx *c = ctx;
	if (c->room == KEYS_BULK || c->room == KEYS_LOADS) {
		return keys_bulk_open(c, path, mode, format, sink, err);
	}
	struct session *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->k = c->k;
	buf_append_slice(&s->store, path->key[0]);
	*sink = s;
	return 0;
}

void keys_import_abort(void *sink)
{
	struct session *s = sink;
	buf_free(&s->store);
	buf_free(&s->key);
	buf_free(&s->text);
	free(s);
}

int keys_import_feed(void *sink, struct slice text, struct err *err)
{
	struct session *s = sink;
	buf_append_slice(&s->text, text);
	return buf_check(&s->text, err);
}

/* "set KEY TEXT", "get KEY", "del KEY". *changed: the string's key, when it did. */
static void run_line(struct session *s, char *line, struct buf *out, struct buf *changed)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	char *rest = NULL;
	const char *word = strtok_r(line, " ", &rest);
	const char *name = word != NULL ? strtok_r(NULL, " ", &rest) : NULL;
	if (name == NULL) {
		buf_puts(out, "ERR no such line\n");
		return;
	}
	buf_putc(&key, KEYS_STRING);
	buf_puts(&key, name);
	struct epath store = {.depth = 1, .key = {buf_slice(&s->store)}};
	struct epath path = epath_child(&store, buf_slice(&key));
	struct keys_entry *e = keys_find(s->k, &path);
	if (strcmp(word, "get") == 0) {
		buf_printf(out, "%s\n", e != NULL ? buf_cstr(&e->text) : "(nil)");
		return;
	}
	if (strcmp(word, "set") == 0 && (e = keys_make(s->k, &path)) != NULL) {
		keys_fill(s->k, e, slice_of(rest));
	} else if (strcmp(word, "del") == 0 && e != NULL) {
		keys_drop(s->k, e);
	}
	buf_puts(out, "OK\n");
	buf_append_slice(changed, buf_slice(&key));
}

static void tell(struct session *s, const struct buf *changed)
{
	struct epath store = {.depth = 1, .key = {buf_slice(&s->store)}};
	struct epath path = epath_child(&store, buf_slice(changed));
	if (changed->n > 0 && s->k->host.changed != NULL) {
		s->k->host.changed(s->k->host.arg, "keys", &path);
	}
}

static void run(struct session *s, bool rest, struct buf *out)
{
	size_t at = 0;
	buf_cstr(&s->text);
	while (at < s->text.n) {
		CLEANUP(buf_free) struct buf changed = BUF_INIT;
		char *line = s->text.p + at;
		char *end = memchr(line, '\n', s->text.n - at);
		if (end == NULL && !rest) {
			break;
		}
		size_t n = end != NULL ? (size_t)(end - line) : s->text.n - at;
		line[n] = '\0';
		at += n + 1;
		{
			LOCKED(&s->k->lock);
			run_line(s, line, out, &changed);
		}
		tell(s, &changed);
	}
	at = at < s->text.n ? at : s->text.n;
	memmove(s->text.p, s->text.p + at, s->text.n - at);
	s->text.n -= at;
}

int keys_import_reply(void *sink, struct buf *out, struct err *err)
{
	run(sink, false, out);
	return buf_check(out, err);
}

int keys_import_finish(void *sink, struct buf *report, struct err *err)
{
	if (((struct session *)sink)->room != KEYS_MAIN) {
		return keys_bulk_finish(sink, report, err);
	}
	run(sink, true, report);
	keys_import_abort(sink);
	return buf_check(report, err);
}

/* ---- commands ---- */

static int run_poke(void *ctx, struct engine_call *call, struct err *err)
{
	const struct keys_ctx *c = ctx;
	struct epath path = epath_child(call->path, slice_of(call->argv[1]));
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	if (c->room == KEYS_MAIN) {
		buf_putc(&key, KEYS_STRING);
	}
	buf_puts(&key, call->argv[1]);
	path.key[1] = buf_slice(&key);
	{
		LOCKED(&c->k->lock);
		struct keys_entry *e =
			c->room == KEYS_TTL ? keys_of_ttl(c->k, &path) : keys_make(c->k, &path);
		if (e == NULL) {
			return keys_not_there(err);
		}
		if (c->room == KEYS_TTL) {
			e->ttl_s = atoll(call->argv[2]);
			e->version = ++c->k->last_version;
		} else {
			keys_fill(c->k, e, slice_of(call->argv[2]));
		}
	}
	if (c->room == KEYS_MAIN) {
		c->k->host.changed(c->k->host.arg, "keys", &path);
	} else {
		struct engine_view_at at = {
			.kind = ENGINE_VIEW_ROOM, .depth = 1, .name = slice_of(".ttl")};
		c->k->host.changed_in(c->k->host.arg, "keys", &at, &path);
	}
	return 0;
}

/* A member of a set, made or removed, with the set when that is its last. */
static int run_member(void *ctx, struct engine_call *call, struct err *err)
{
	const struct keys_ctx *c = ctx;
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	bool add = call->argv[3][0] == '+';
	buf_putc(&key, KEYS_SET);
	buf_puts(&key, call->argv[1]);
	struct epath set = epath_child(call->path, buf_slice(&key));
	struct epath member = epath_child(&set, slice_of(call->argv[2]));
	{
		LOCKED(&c->k->lock);
		if (add && (keys_make(c->k, &set) == NULL || keys_make(c->k, &member) == NULL)) {
			return err_set(err, ENOMEM, "out of memory");
		}
		struct keys_entry *e = add ? NULL : keys_find(c->k, &member);
		if (e != NULL) {
			keys_drop(c->k, e);
			if (keys_children(c->k, &set) == 0) {
				keys_drop(c->k, keys_find(c->k, &set));
			}
		}
	}
	c->k->host.changed(c->k->host.arg, "keys", &set);
	return 0;
}

static int print_key(void *arg, struct slice key, const struct engine_info *info)
{
	struct buf *out = arg;
	(void)info;
	name_escape(slice_make(key.p + 1, key.n - 1), out);
	buf_putc(out, '\n');
	return 0;
}

/* What there is, whatever the tree shows. */
static int run_names(void *ctx, struct engine_call *call, struct err *err)
{
	const struct keys_ctx *c = ctx;
	(void)err;
	LOCKED(&c->k->lock);
	return keys_each(c, call->path, NULL, print_key, call->out);
}

/* The children of another service's root. */
static int count_child(void *arg, struct slice key, const struct engine_info *info)
{
	unsigned *n = arg;
	(void)key;
	(void)info;
	(*n)++;
	return 0;
}

static int run_peer(void *ctx, struct engine_call *call, struct err *err)
{
	const struct keys_ctx *c = ctx;
	struct epath root = {0};
	unsigned n = 0;
	struct engine *peer = c->k->host.peer(c->k->host.arg, call->argv[1]);
	if (peer == NULL) {
		return err_set(err, ENOENT, "there is no service %s", call->argv[1]);
	}
	int r = engine_list(peer, &root, NULL, ENGINE_NAMES, count_child, &n, err);
	buf_printf(call->out, "%s holds %u\n", engine_service(peer), n);
	return r;
}

const struct engine_command keys_commands[] = {
	{"member", "SET MEMBER +|-", "adds a member to a set, or takes it away", 2, 3, 3,
		run_member},
	{"names", "", "the keys there are", 2, 0, 0, run_names},
	{"peer", "SERVICE", "what another service holds", 2, 1, 1, run_peer},
	{"poke", "KEY TEXT", "sets a string, or a time, by another way than its file", 2, 2, 2,
		run_poke},
	{NULL, NULL, NULL, 0, 0, 0, NULL},
};
