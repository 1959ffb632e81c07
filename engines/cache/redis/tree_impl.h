/* The tree of a Redis-like cluster, between its files: tree.c (levels, the table of operations),
 * tree_read.c, tree_write.c, tree_move.c, tree_transfer.c; ttl.c is a room of it. */
#ifndef DBMOUNT_REDIS_TREE_IMPL_H
#define DBMOUNT_REDIS_TREE_IMPL_H

#include "engines/cache/redis/held.h"
#include "engines/cache/redis/server.h"
#include "engines/cache/redis/type.h"

struct redis_tree {
	struct cache_tree base; /* first */
	struct redis_server *server;
	struct redis_held held;
};

/* What a path means. */
struct redis_place {
	enum redis_type type; /* of the key, as its name in the path says */
	struct slice name;    /* the key */
	struct slice element; /* at depth 2 */
};
/* ENOENT: no key can be called so. */
int redis_place_of(const struct epath *path, struct redis_place *out, struct err *err);
/* Its file name as people see it: "cart.hash". */
void redis_place_print(const struct redis_place *place, struct buf *out);
/* -ENOENT: "there is no cart.hash". */
int redis_place_missing(const struct redis_place *place, struct err *err);
/* -EEXIST: the key is there and of another type; says how it can be reached. */
int redis_place_other(const struct redis_place *place, enum redis_type type, struct err *err);

/* Of a key's file or directory. */
void redis_key_info(const struct redis_key *key, struct engine_info *out);
/* Seconds left, rounded as TTL does. */
int64_t redis_seconds_left(const struct redis_txn *t, const struct redis_key *key);
/* EINVAL: not a whole number of seconds from 1 on, `what` says of what. */
int redis_seconds_parse(struct slice text, const char *what, int64_t *out, struct err *err);

/* 1 and *out: a key of this name and type; 0: there is none. */
int redis_place_find(struct redis_txn *t, const struct redis_place *place, struct redis_key *out,
	struct err *err);
/* Whether it is held as an empty directory. */
bool redis_place_held(
	struct redis_tree *tree, const struct redis_place *place, struct redis_held_dir *out);
/* Makes room as maxmemory says, before a write that needs some. ENOSPC with Redis' words. */
int redis_make_room(struct redis_txn *t, struct redis_server *server, struct err *err);
/* The path's directory or file changed by something else than a call on it. */
void redis_tree_changed(struct redis_tree *tree, const struct epath *path);
/* EROFS with Redis' words where nothing can be written. */
int redis_tree_writable(struct redis_tree *tree, struct err *err);

/* ---- the operations, as engine.h has them ---- */

int redis_tree_stat(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err);
int redis_tree_list(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
	engine_emit *emit, void *arg, struct err *err);
int redis_tree_find_hashed(void *ctx, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err);
int redis_tree_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err);
int redis_tree_status(void *ctx, const struct epath *path, json_t *out, struct err *err);
uint64_t redis_tree_bytes(void *ctx);

int redis_tree_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err);
int redis_tree_check_key(void *ctx, const struct epath *path, struct err *err);
int redis_tree_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err);
int redis_tree_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err);
int redis_tree_mkdir(void *ctx, const struct epath *path, struct err *err);
int redis_tree_rmdir(void *ctx, const struct epath *path, struct err *err);
int redis_tree_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err);
int redis_tree_set_time(void *ctx, const struct epath *path, int64_t mtime_ns, struct err *err);
int redis_tree_attr_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err);
int redis_tree_attr_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err);
int redis_tree_attr_remove(void *ctx, const struct epath *path, const char *name, struct err *err);

int redis_tree_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err);
int redis_tree_export_read(void *stream, struct buf *out, struct err *err);
void redis_tree_export_close(void *stream);
int redis_tree_import_open(void *ctx, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err);
int redis_tree_import_feed(void *sink, struct slice text, struct err *err);
int redis_tree_import_finish(void *sink, struct buf *report, struct err *err);
void redis_tree_import_abort(void *sink);
int redis_tree_import_reply(void *sink, struct buf *out, struct err *err);

/* The room `.ttl` (ttl.c). */
int redis_ttl_room(struct redis_server *server, struct cache_tree **out, struct err *err);

#endif
