/* The files of a Redis-like cluster: what a path means, and the table of operations. The first byte
 * of a key in a path is the type that its name says (level.tagged), an element's key is bare. */
#include "engines/cache/redis/tree_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/cache/redis/channels.h"
#include "engines/cache/redis/evict.h"
#include "engines/cache/redis/script.h"
#include "engines/common/cleanup.h"

/* ---- names ---- */

static const char *const key_suffixes[REDIS_TYPES] = {
	[REDIS_STRING] = "",
	[REDIS_HASH] = ".hash",
	[REDIS_LIST] = ".list",
	[REDIS_SET] = ".set",
	[REDIS_ZSET] = ".zset",
	[REDIS_STREAM] = ".stream",
};
const struct name_rules redis_names = {key_suffixes, REDIS_TYPES};

int redis_place_of(const struct epath *path, struct redis_place *out, struct err *err)
{
	struct slice key = path->depth > 0 ? path->key[0] : (struct slice){0};

	if (key.n == 0 || (unsigned char)key.p[0] >= REDIS_TYPES) {
		return err_set(err, ENOENT, "no key is called so");
	}
	*out = (struct redis_place){
		.type = (enum redis_type)key.p[0], .name = slice_make(key.p + 1, key.n - 1)};
	if (path->depth > 2 || (path->depth == 2 && out->type == REDIS_STRING)) {
		return err_set(err, ENOTDIR, "nothing lies below a file");
	}
	if (path->depth == 2) {
		out->element = path->key[1];
	}
	return 0;
}

void redis_place_print(const struct redis_place *place, struct buf *out)
{
	name_escape(place->name, out);
	buf_puts(out, key_suffixes[place->type]);
}

int redis_place_missing(const struct redis_place *place, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;

	redis_place_print(place, &name);
	return err_set(err, ENOENT, "there is no %s", buf_cstr(&name));
}

int redis_place_other(const struct redis_place *place, enum redis_type type, struct err *err)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct redis_place is = {.type = type, .name = place->name};

	name_escape(place->name, &key);
	redis_place_print(&is, &name);
	return err_set(err, EEXIST, "%s is a %s: it is %s%s; a key has one type, remove it first",
		buf_cstr(&key), redis_types[type]->name, buf_cstr(&name),
		type == REDIS_STRING ? "" : "/");
}

int redis_place_find(struct redis_txn *t, const struct redis_place *place, struct redis_key *out,
	struct err *err)
{
	int rc = redis_key_find(t, place->name, out, err);

	return rc == 1 && out->type != place->type ? 0 : rc;
}

bool redis_place_held(
	struct redis_tree *tree, const struct redis_place *place, struct redis_held_dir *out)
{
	return redis_held_find(&tree->held, place->name, out) && out->type == place->type;
}

/* ---- levels ---- */

static const struct engine_form key_forms[REDIS_TYPES] = {
	[REDIS_STRING] = {"", "a string: its bytes"},
	[REDIS_HASH] = {".hash", "a hash: a file a field"},
	[REDIS_LIST] = {".list", "a list: 0, 1, ..; writing the next index appends"},
	[REDIS_SET] = {".set", "a set: a file a member"},
	[REDIS_ZSET] = {".zset", "a sorted set: a file a member, which holds its score"},
	[REDIS_STREAM] = {".stream", "a stream: a file an entry"},
};
static const struct engine_form element_forms[] = {{"", "the element"}};
static const char *const formats[] = {"json", NULL};

static const struct engine_script scripts[] = {
	{".exec", "runs the Redis commands written to it as one transaction; read the replies back",
		true},
	{".exec.json", "the same, the replies as JSON", true},
	{".exec.resp", "the same, the replies as the protocol has them", true},
	{0},
};
static const struct engine_room rooms[] = {
	{".channels", "publish by appending to a file, listen with tail -f"},
	{".patterns", "listen to all channels that a pattern matches"},
	{".scripts", "Lua scripts; FCALL runs one by its name"},
	{".ttl", "the seconds each key has left; writing sets them, rm takes the limit away"},
	{0},
};
static const struct engine_attr attrs[] = {
	{"ttl", "seconds until it expires"},
	{0},
};

static void level_keys(const struct redis_tree *tree, struct engine_level *out)
{
	out->noun = "cluster";
	out->child_noun = "key";
	out->child = ENGINE_FILE;
	out->names = redis_names;
	out->forms = key_forms;
	out->n_forms = REDIS_TYPES;
	out->tagged = true;
	out->dir_forms = ((1U << REDIS_TYPES) - 1) & ~(1U << REDIS_STRING);
	out->features = ENGINE_HAS_STATUS | ENGINE_TAKES_EMPTY;
	if (tree->server->writable) {
		out->features |= ENGINE_HAS_MKDIR;
	}
	out->scripts = scripts;
	out->rooms = rooms;
	out->attrs = attrs;
	out->help =
		"A file is a string: its bytes are the value. A directory is a hash (NAME.hash), "
		"list (NAME.list), set (NAME.set), sorted set (NAME.zset) or stream (NAME.stream) "
		"with a file for each element: mkdir makes one, and it is a key for Redis from its "
		"first element to its last.\n"
		"Saving a file anew is SET and ends its time to live; appending to it or editing "
		"it in place keeps that. touch -d TIME on a key lets it expire then; "
		"'echo 60 > .ttl/KEY' in 60 seconds.";
}

static void level_elements(
	const struct redis_tree *tree, const struct redis_place *place, struct engine_level *out)
{
	const struct redis_type_ops *type = redis_types[place->type];

	out->noun = type->name;
	out->child_noun = type->noun;
	out->child = ENGINE_FILE;
	out->names = NAME_RULES_DIR;
	out->forms = element_forms;
	out->n_forms = 1;
	out->features = ENGINE_HAS_STATUS | ENGINE_TAKES_EMPTY;
	out->export_formats = formats;
	out->help = type->help;
	if (tree->server->writable) {
		out->import_formats = formats;
		out->scripts = type->scripts;
	}
}

static int tree_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	const struct redis_tree *tree = ctx;
	struct redis_place place = {0};

	*out = (struct engine_level){0};
	if (path->depth == 0) {
		level_keys(tree, out);
		return 0;
	}
	int rc = redis_place_of(path, &place, err);
	if (rc < 0) {
		return rc;
	}
	if (path->depth == 2 || place.type == REDIS_STRING) {
		return err_set(err, ENOTDIR, "nothing lies below a file");
	}
	level_elements(tree, &place, out);
	return 0;
}

/* ---- what the other files share ---- */

void redis_key_info(const struct redis_key *key, struct engine_info *out)
{
	*out = (struct engine_info){
		.kind = key->type == REDIS_STRING ? ENGINE_FILE : ENGINE_DIR,
		.version = key->version,
		.size = key->n,
		.mtime_ns = key->mtime_ns,
	};
}

int64_t redis_seconds_left(const struct redis_txn *t, const struct redis_key *key)
{
	return (key->expires_ms - t->now_ms + 500) / 1000;
}

#define SECONDS_MAX INT64_C(9000000000000)

int redis_seconds_parse(struct slice text, const char *what, int64_t *out, struct err *err)
{
	int64_t n = 0;

	while (text.n > 0 && strchr(" \t\r\n", text.p[text.n - 1]) != NULL) {
		text.n--;
	}
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] < '0' || text.p[i] > '9' || n > SECONDS_MAX / 10) {
			n = -1;
			break;
		}
		n = 10 * n + (text.p[i] - '0');
	}
	if (text.n > 0 && n == 0) {
		return err_set(err, EINVAL,
			"0 seconds would delete the key at once: rm it by its own name, or remove "
			"%s to keep it for good",
			what);
	}
	if (text.n == 0 || n < 0) {
		return err_set(err, EINVAL,
			"%s takes the seconds that the key has left, a whole number from 1 on",
			what);
	}
	*out = n;
	return 0;
}

int redis_make_room(struct redis_txn *t, struct redis_server *server, struct err *err)
{
	struct err why = {0};
	uint64_t evicted = 0;

	int rc = redis_evict(t, &evicted, &why);
	atomic_fetch_add(&server->counts->evicted, evicted);
	return rc < 0 ? err_set(err, why.code == EINVAL ? ENOSPC : why.code, "%s", why.msg) : 0;
}

void redis_tree_changed(struct redis_tree *tree, const struct epath *path)
{
	const struct cache_host *host = &tree->server->host;

	if (host->changed != NULL) {
		host->changed(host->arg, path);
	}
}

int redis_tree_writable(struct redis_tree *tree, struct err *err)
{
	return tree->server->writable
		       ? 0
		       : err_set(err, EROFS,
				 "READONLY You can't write against a read only replica.");
}

/* A told key has no type: caches know it under one of them at most. */
void redis_tell(const struct cache_host *host, const struct slice *key, const struct slice *element)
{
	CLEANUP(buf_free) struct buf tagged = BUF_INIT;
	struct epath path = {0};

	if (host->changed == NULL) {
		return;
	}
	if (key != NULL) {
		buf_putc(&tagged, 0);
		buf_append_slice(&tagged, *key);
	}
	if (key == NULL || tagged.failed) {
		host->changed(host->arg, &path);
		return;
	}
	for (int type = element != NULL ? REDIS_HASH : REDIS_STRING; type < REDIS_TYPES; type++) {
		tagged.p[0] = (char)type;
		path.depth = element != NULL ? 2 : 1;
		path.key[0] = buf_slice(&tagged);
		path.key[1] = element != NULL ? *element : (struct slice){0};
		host->changed(host->arg, &path);
	}
}

/* ---- life ---- */

static int tree_room(
	struct cache_tree *base, const char *name, struct cache_tree **out, struct err *err)
{
	struct redis_server *server = ((struct redis_tree *)base)->server;

	if (strcmp(name, ".ttl") == 0) {
		return redis_ttl_room(server, out, err);
	}
	if (strcmp(name, ".scripts") == 0) {
		return redis_scripts_room(server, out, err);
	}
	if (strcmp(name, ".channels") == 0 || strcmp(name, ".patterns") == 0) {
		return redis_channels_room(
			server, name[1] == 'c' ? REDIS_CHANNEL : REDIS_PATTERN, out, err);
	}
	return err_set(err, ENOENT, "there is no room %s", name);
}

static void tree_close(struct cache_tree *base)
{
	struct redis_tree *tree = (struct redis_tree *)base;

	redis_held_finish(&tree->held);
	free(tree);
}

static const struct cache_tree_ops tree_ops = {
	.ops =
		{
			.level = tree_level,
			.stat = redis_tree_stat,
			.list = redis_tree_list,
			.find_hashed = redis_tree_find_hashed,
			.read = redis_tree_read,
			.check = redis_tree_check,
			.check_key = redis_tree_check_key,
			.write = redis_tree_write,
			.set_time = redis_tree_set_time,
			.attr_read = redis_tree_attr_read,
			.attr_write = redis_tree_attr_write,
			.attr_remove = redis_tree_attr_remove,
			.remove = redis_tree_remove,
			.rename = redis_tree_rename,
			.mkdir = redis_tree_mkdir,
			.rmdir = redis_tree_rmdir,
			.status = redis_tree_status,
			.export_open = redis_tree_export_open,
			.export_read = redis_tree_export_read,
			.export_close = redis_tree_export_close,
			.import_open = redis_tree_import_open,
			.import_feed = redis_tree_import_feed,
			.import_finish = redis_tree_import_finish,
			.import_abort = redis_tree_import_abort,
			.import_reply = redis_tree_import_reply,
			.bytes = redis_tree_bytes,
		},
	.room = tree_room,
	.close = tree_close,
};

int redis_tree_open(struct redis_server *server, struct cache_tree **out, struct err *err)
{
	struct redis_tree *tree = calloc(1, sizeof(*tree));

	if (tree == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	tree->base.ops = &tree_ops;
	tree->server = server;
	redis_held_init(&tree->held);
	*out = &tree->base;
	return 0;
}
