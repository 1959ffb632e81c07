/* The room `.meta`: what an item has beside its bytes, as JSON. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/memcached/items.h"

struct meta_room {
	struct cache_tree base; /* first */
	struct memcached *m;
	struct cache_tree *items; /* lists and finds keys */
};

/* ---- text ---- */

static void print_meta(const struct mc_info *info, struct buf *out)
{
	buf_printf(out, "{\n  \"flags\": %u,\n  \"cas\": %llu,\n  \"exptime\": %lld,\n  \"ttl\": ",
		info->flags, (unsigned long long)info->cas,
		(long long)((info->expires_ms + 999) / 1000));
	if (info->expires_ms == 0) {
		buf_puts(out, "null\n}\n");
	} else {
		int64_t left = (info->expires_ms - mc_now_ms() + 999) / 1000;
		buf_printf(out, "%lld\n}\n", (long long)(left > 0 ? left : 0));
	}
}

static void meta_info(const struct mc_info *info, size_t size, struct engine_info *out)
{
	*out = (struct engine_info){.kind = ENGINE_FILE,
		.version = info->cas,
		.size = size,
		.mtime_ns = info->mtime_ns};
}

/* What is to be: of what is not said, what is. */
struct meta_text {
	bool has_flags, has_cas, has_exptime;
	uint32_t flags;
	uint64_t cas;
	int64_t exptime;
};

static int parse_member(
	const char *name, const json_t *value, struct meta_text *out, struct err *err)
{
	json_int_t n = json_integer_value(value);

	if (strcmp(name, "ttl") == 0) {
		return 0; /* told, not taken: exptime says it */
	}
	if (!json_is_integer(value)) {
		return err_set(err, EINVAL, "'%s' takes a whole number", name);
	}
	if (strcmp(name, "flags") == 0) {
		out->has_flags = true;
		out->flags = (uint32_t)n;
		return n >= 0 && n <= UINT32_MAX
			       ? 0
			       : err_set(err, EINVAL, "flags are 0 to %u", UINT32_MAX);
	}
	if (strcmp(name, "cas") == 0) {
		out->has_cas = true;
		out->cas = (uint64_t)n;
		return 0;
	}
	if (strcmp(name, "exptime") == 0) {
		out->has_exptime = true;
		out->exptime = n;
		return 0;
	}
	return err_set(err, EINVAL, "'%s' is none of flags, cas and exptime", name);
}

static int parse_meta(struct slice text, struct meta_text *out, struct err *err)
{
	json_error_t at;
	json_t *root =
		json_loadb(text.p != NULL ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &at);
	const char *name;
	json_t *value;
	int rc = 0;

	*out = (struct meta_text){0};
	if (root == NULL) {
		return err_set(err, EINVAL, "line %d, column %d: %s", at.line, at.column, at.text);
	}
	if (!json_is_object(root)) {
		rc = err_set(err, EINVAL, "an object with flags, cas and exptime is expected");
	}
	json_object_foreach (root, name, value) {
		rc = rc < 0 ? rc : parse_member(name, value, out, err);
	}
	json_decref(root);
	return rc;
}

/* ---- the operations ---- */

static const struct engine_form forms[] = {{"", "flags, cas, exptime and ttl"}};

static int meta_level(
	void *ctx, const struct epath *path, struct engine_level *out, struct err *err)
{
	(void)ctx;
	if (path->depth > 0) {
		return err_set(err, ENOTDIR, "nothing lies below a file");
	}
	*out = (struct engine_level){
		.noun = "list of what items have beside their bytes",
		.child_noun = "item",
		.child = ENGINE_FILE,
		.names = NAME_RULES_DIR,
		.forms = forms,
		.n_forms = 1,
		.help = "KEY holds flags, cas and exptime (0: never, up to 30 days in seconds: "
			"from "
			"now, else since 1970) of an item. Saving it with the cas that was read "
			"sets them if the item is still the same (EBUSY otherwise); without cas, "
			"whatever it is.",
	};
	return 0;
}

static int look(struct meta_room *room, const struct epath *path, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct mc_info item;
	size_t at = out->n;

	if (path->depth != 1) {
		return err_set(err, path->depth == 0 ? EISDIR : ENOTDIR, "that is no item");
	}
	if (!mc_get(room->m, path->key[0], false, NULL, &item)) {
		return err_set(err, ENOENT, "there is no such item");
	}
	print_meta(&item, out);
	meta_info(&item, out->n - at, info);
	return buf_check(out, err);
}

static int meta_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct meta_room *room = ctx;

	(void)form;
	if (path->depth == 0) {
		*out = (struct engine_info){.kind = ENGINE_DIR,
			.version = 1,
			.mtime_ns = atomic_load(&room->m->changed_ns),
			.moves = true};
		return 0;
	}
	return look(room, path, &text, out, err);
}

static int meta_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	(void)form;
	return look(ctx, path, out, info, err);
}

/* The items' own listing, with the sizes of the files here. */
struct listing {
	struct meta_room *room;
	engine_emit *emit;
	void *arg;
	struct err *err;
	int rc;
};

static int list_one(void *arg, struct slice key, const struct engine_info *info)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct epath path = {1, {key}};
	struct listing *l = arg;
	struct engine_info own;
	struct err err = {0};

	(void)info;
	l->rc = look(l->room, &path, &text, &own, &err);
	if (l->rc == -ENOENT) {
		l->rc = 0; /* it went meanwhile */
		return 0;
	}
	return l->rc < 0 ? 1 : l->emit(l->arg, key, &own);
}

static int meta_list(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err)
{
	struct meta_room *room = ctx;
	struct listing l = {.room = room, .emit = emit, .arg = arg};

	int rc = room->items->ops->ops.list(room->items, path, after, form, list_one, &l, err);
	return rc < 0 ? rc : l.rc < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
}

static int meta_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err)
{
	struct meta_room *room = ctx;

	return room->items->ops->ops.find_hashed(room->items, path, hash, key, err);
}

static int meta_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	struct meta_text meta;

	(void)ctx;
	(void)path;
	(void)form;
	(void)expect;
	return parse_meta(text, &meta, err);
}

static int meta_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct meta_room *room = ctx;
	struct meta_text meta;
	struct mc_info item;

	(void)form;
	(void)expect; /* the cas says it, where it is said */
	int rc = parse_meta(text, &meta, err);
	if (rc < 0) {
		return rc;
	}
	if (path->depth != 1 || !mc_get(room->m, path->key[0], false, &value, &item)) {
		return err_set(err, ENOENT, "there is no such item: write its own file first");
	}
	struct mc_put put = {.mode = MC_CAS,
		.key = path->key[0],
		.value = buf_slice(&value),
		.flags = meta.has_flags ? meta.flags : item.flags,
		.expires_ms = meta.has_exptime && meta.exptime != (item.expires_ms + 999) / 1000
				      ? mc_expires_ms(meta.exptime)
				      : item.expires_ms,
		.cas = meta.has_cas ? meta.cas : item.cas,
		.same_stays = true};
	rc = buf_check(&value, err);
	if (rc < 0) {
		return rc;
	}
	switch (mc_store(room->m, &put, &item)) {
	case MC_STORED: break;
	case MC_EXISTS:
	case MC_NOT_FOUND: return err_set(err, EBUSY, "the item changed since its cas was read");
	case MC_TOO_BIG: return err_set(err, EFBIG, "with flags the item is too large");
	default: return err_set(err, ENOSPC, "no memory for the item");
	}
	buf_clear(&value);
	print_meta(&item, &value);
	meta_info(&item, value.n, out);
	return 0;
}

/* ---- life ---- */

static void meta_close(struct cache_tree *base)
{
	struct meta_room *room = (struct meta_room *)base;

	cache_tree_close(room->items);
	free(room);
}

static const struct cache_tree_ops meta_ops = {
	.ops =
		{
			.level = meta_level,
			.stat = meta_stat,
			.list = meta_list,
			.find_hashed = meta_find_hashed,
			.read = meta_read,
			.check = meta_check,
			.write = meta_write,
		},
	.close = meta_close,
};

int mc_meta_room(struct memcached *m, struct cache_tree **out, struct err *err)
{
	struct meta_room *room = calloc(1, sizeof(*room));

	if (room == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	room->base.ops = &meta_ops;
	room->m = m;
	int rc = memcached_tree_open(m, &room->items, err);
	if (rc < 0) {
		free(room);
		return rc;
	}
	*out = &room->base;
	return 0;
}
