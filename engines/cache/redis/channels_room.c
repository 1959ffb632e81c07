/* `.channels` and `.patterns`: a file for each that somebody has open. Any name can be opened:
 * whether there is such a channel is a question of who listens, not of storage. */
#include <errno.h>
#include <stdlib.h>

#include "engines/cache/redis/channels.h"
#include "engines/cache/redis/server.h"
#include "engines/common/cleanup.h"

struct room {
	struct cache_tree tree;
	struct redis_channels *channels;
	enum redis_listening what;
};

static const struct engine_form room_forms[] = {{"", "what is published while it is open"}};

static const char *const room_help[] = {
	[REDIS_CHANNEL] =
		"tail -f NAME listens; echo text >> NAME publishes: each line is a message "
		"(of one write(2)).\nNothing is kept for who comes later. Files are listed "
		"while somebody has them open.",
	[REDIS_PATTERN] = "tail -f 'GLOB' listens to all channels whose names match (* ? [a-z] "
			  "[^a] \\x): a line is\nthe channel's name, a space and the message. "
			  "Files are listed while somebody has them open.",
};

static int room_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	const struct room *r = ctx;

	if (path->depth != 0) {
		return err_set(err, ENOTDIR, "a channel is a file");
	}
	*out = (struct engine_level){
		.noun = r->what == REDIS_CHANNEL ? "channels" : "patterns",
		.child_noun = r->what == REDIS_CHANNEL ? "channel" : "pattern",
		.child = ENGINE_FILE,
		.names = NAME_RULES_DIR,
		.forms = room_forms,
		.n_forms = 1,
		.features = ENGINE_HAS_FEEDS,
		.help = room_help[r->what],
	};
	return 0;
}

/* A version that moves with what is published: the end of what came. */
static void file_info(struct room *r, struct slice name, struct engine_info *out)
{
	uint64_t start, end;

	redis_channels_bounds(r->channels, r->what, name, &start, &end);
	*out = (struct engine_info){.kind = ENGINE_FILE, .version = end + 1, .size = end - start};
}

static int room_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	struct room *r = ctx;

	(void)form;
	if (path->depth == 0) {
		/* Files come and go with who opens them. */
		*out = (struct engine_info){.kind = ENGINE_DIR, .version = 1, .moves = true};
		return 0;
	}
	if (path->depth > 1) {
		return err_set(err, ENOTDIR, "a channel is a file");
	}
	file_info(r, path->key[0], out);
	return 0;
}

struct listed {
	struct buf names; /* each with its length before it */
};

static int note_name(void *arg, struct slice name, uint64_t listeners)
{
	struct listed *l = arg;

	(void)listeners;
	buf_append(&l->names, &name.n, sizeof(name.n));
	buf_append_slice(&l->names, name);
	return 0;
}

static void listed_free(struct listed *l)
{
	buf_free(&l->names);
}

static bool listed_next(const struct listed *l, size_t *at, struct slice *out)
{
	if (*at == l->names.n) {
		return false;
	}
	memcpy(&out->n, l->names.p + *at, sizeof(out->n));
	out->p = l->names.p + *at + sizeof(out->n);
	*at += sizeof(out->n) + out->n;
	return true;
}

/* Copied first: emit may take its time, and who publishes need not wait for it. */
static int room_list(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err)
{
	struct room *r = ctx;
	CLEANUP(listed_free) struct listed l = {0};
	struct engine_info info = {.kind = ENGINE_FILE};
	struct slice name;
	size_t at = 0;

	if (path->depth != 0) {
		return err_set(err, ENOTDIR, "a channel is a file");
	}
	redis_channels_each(r->channels, r->what, after, note_name, &l);
	int rc = buf_check(&l.names, err);
	while (rc == 0 && listed_next(&l, &at, &name)) {
		if (form != ENGINE_NAMES) {
			file_info(r, name, &info);
		}
		if (emit(arg, name, &info) != 0) {
			break;
		}
	}
	return rc;
}

/* A long name is known while somebody listens to it. */
static int room_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	struct room *r = ctx;
	CLEANUP(listed_free) struct listed l = {0};
	unsigned char of[NAME_HASH_BYTES];
	struct slice name;
	size_t at = 0;

	(void)path;
	redis_channels_each(r->channels, r->what, NULL, note_name, &l);
	while (listed_next(&l, &at, &name)) {
		name_hash(name, of);
		if (memcmp(of, hash, sizeof(of)) == 0) {
			buf_append_slice(key, name);
			return buf_check(key, err);
		}
	}
	return l.names.failed ? buf_check(&l.names, err)
			      : err_set(err, ENOENT, "nobody listens to a channel of this name");
}

static int room_feed_bounds(
	void *ctx, const struct epath *path, uint64_t *start, uint64_t *end, struct err *err)
{
	struct room *r = ctx;

	(void)err;
	redis_channels_bounds(r->channels, r->what, path->key[0], start, end);
	return 0;
}

static int room_feed_read(void *ctx, const struct epath *path, uint64_t offset, size_t max,
	struct buf *out, struct err *err)
{
	struct room *r = ctx;

	return redis_channels_read(r->channels, r->what, path->key[0], offset, max, out, err);
}

/* The content of a feed that is read as a file: what came while somebody listens. */
static int room_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct room *r = ctx;
	uint64_t start, end;

	(void)form;
	if (path->depth == 0) {
		return err_set(err, EISDIR, "this is the directory of the channels");
	}
	redis_channels_bounds(r->channels, r->what, path->key[0], &start, &end);
	*info = (struct engine_info){.kind = ENGINE_FILE, .version = end + 1, .size = end - start};
	return start == end ? 0
			    : redis_channels_read(r->channels, r->what, path->key[0], start,
				      (size_t)(end - start), out, err);
}

static int room_feed_append(void *ctx, const struct epath *path, struct slice text, struct err *err)
{
	struct room *r = ctx;
	uint64_t receivers;
	int rc = 0;

	if (r->what == REDIS_PATTERN) {
		return err_set(
			err, EROFS, "a pattern only listens; publish to a channel: .channels/NAME");
	}
	while (rc == 0 && text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end != NULL ? (size_t)(end - text.p) : text.n;
		rc = redis_channels_publish(
			r->channels, path->key[0], slice_make(text.p, n), &receivers, err);
		n += end != NULL;
		text = slice_make(text.p + n, text.n - n);
	}
	return rc;
}

static int room_feed_open(void *ctx, const struct epath *path, struct err *err)
{
	struct room *r = ctx;

	return redis_channels_listen(r->channels, r->what, path->key[0], err);
}

static void room_feed_close(void *ctx, const struct epath *path)
{
	struct room *r = ctx;

	redis_channels_unlisten(r->channels, r->what, path->key[0]);
}

static void room_close(struct cache_tree *t)
{
	free(t);
}

static const struct cache_tree_ops room_ops = {
	.ops =
		{
			.level = room_level,
			.stat = room_stat,
			.list = room_list,
			.find_hashed = room_find_hashed,
			.read = room_read,
			.feed_bounds = room_feed_bounds,
			.feed_read = room_feed_read,
			.feed_append = room_feed_append,
			.feed_open = room_feed_open,
			.feed_close = room_feed_close,
		},
	.close = room_close,
};

int redis_channels_room(struct redis_server *server, enum redis_listening what,
	struct cache_tree **out, struct err *err)
{
	struct room *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*r = (struct room){{&room_ops}, server->channels, what};
	*out = &r->tree;
	return 0;
}
