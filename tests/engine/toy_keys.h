/* A second toy: stores of keys that are strings (files) or sets and hashes (directories by
 * their suffix), with what only such a service offers: rooms, feeds that are appended to,
 * times and attributes that mean something, a script that is a session.
 *   toy_keys.c       the entries, levels, reading
 *   toy_keys_write.c writing, containers, times and attributes
 *   toy_keys_more.c  rooms, feeds, the session, commands
 *   toy_keys_bulk.c  rooms whose files pass through, or are loaded */
#ifndef DBMOUNT_TESTS_TOY_KEYS_H
#define DBMOUNT_TESTS_TOY_KEYS_H

#include <pthread.h>
#include <stdatomic.h>

#include "engines/engine.h"

extern const struct engine_ops toy_keys_ops;

/* BULK: the strings as files that pass through; LOADS: files of lines "KEY TEXT" are loaded. */
enum keys_room { KEYS_MAIN, KEYS_TTL, KEYS_FEEDS, KEYS_BULK, KEYS_LOADS };
enum keys_form { KEYS_STRING, KEYS_SET, KEYS_HASH, KEYS_FORMS };

/* A store (depth 1), a key of it (2), or a member of a key (3). */
struct keys_entry {
	struct buf path; /* keys_print_path() */
	unsigned depth;
	struct buf key; /* the last of the path */
	struct buf text;
	uint64_t version;
	int64_t mtime_ns;
	int64_t ttl_s; /* of a key; 0: stays */
};

/* What came since somebody listens; nothing else is kept. */
struct keys_feed {
	struct buf name;
	struct buf text;
	unsigned readers;
};

struct keys {
	pthread_mutex_t lock;	    /* guards all below */
	struct keys_entry *entries; /* in the order of their paths */
	size_t n;
	struct keys_feed *feeds;
	size_t n_feeds;
	uint64_t last_version;
	struct buf report; /* of the last load */
	struct engine_host host;
	unsigned refs; /* the engine and its rooms */
};

/* What the functions of the table are called with. */
struct keys_ctx {
	struct keys *k;
	enum keys_room room;
};

/* What is being imported. */
struct session {
	enum keys_room room; /* MAIN: a session of .exec */
	struct keys *k;
	struct buf store;
	struct buf key; /* of BULK */
	bool append;
	struct buf text; /* not run yet */
};

/* All below with the lock held, but for the functions of the table. */
void keys_print_path(const struct epath *path, struct buf *out);
struct keys_entry *keys_find(const struct keys *k, const struct epath *path);
/* Made when it is not there; NULL: no memory. */
struct keys_entry *keys_make(struct keys *k, const struct epath *path);
void keys_drop(struct keys *k, struct keys_entry *e);
size_t keys_children(const struct keys *k, const struct epath *path);
void keys_fill(struct keys *k, struct keys_entry *e, struct slice text);
void keys_info(const struct keys *k, const struct epath *path, const struct keys_entry *e,
	struct engine_info *out);
int keys_not_there(struct err *err);
/* A path in the room .ttl as the one of the string that it is about. */
struct keys_entry *keys_of_ttl(const struct keys *k, const struct epath *path);
int64_t keys_now(void);
/* Entries directly below `path` behind `after`; of the room .ttl strings that have one. */
int keys_each(const struct keys_ctx *c, const struct epath *path, const struct slice *after,
	engine_emit *emit, void *arg);

/* toy_keys_write.c */
int keys_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err);
int keys_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err);
int keys_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err);
int keys_mkdir(void *ctx, const struct epath *path, struct err *err);
int keys_rmdir(void *ctx, const struct epath *path, struct err *err);
int keys_set_time(void *ctx, const struct epath *path, int64_t mtime_ns, struct err *err);
int keys_attr_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err);
int keys_attr_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err);
int keys_attr_remove(void *ctx, const struct epath *path, const char *name, struct err *err);

/* toy_keys_more.c */
struct keys_feed *keys_feed_find(const struct keys *k, struct slice name);
int keys_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err);
int keys_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err);
int keys_feed_bounds(
	void *ctx, const struct epath *path, uint64_t *start, uint64_t *end, struct err *err);
int keys_feed_read(void *ctx, const struct epath *path, uint64_t offset, size_t max,
	struct buf *out, struct err *err);
int keys_feed_append(void *ctx, const struct epath *path, struct slice text, struct err *err);
int keys_feed_open(void *ctx, const struct epath *path, struct err *err);
void keys_feed_close(void *ctx, const struct epath *path);
int keys_import_open(void *ctx, const struct epath *path, const char *mode, const char *format,
	void **sink, struct err *err);
int keys_import_feed(void *sink, struct slice text, struct err *err);
int keys_import_finish(void *sink, struct buf *report, struct err *err);
void keys_import_abort(void *sink);
int keys_import_reply(void *sink, struct buf *out, struct err *err);
extern const struct engine_command keys_commands[];

/* toy_keys_bulk.c */
void keys_bulk_level(enum keys_room room, struct engine_level *out);
/* Of the rooms BULK and LOADS. */
int keys_bulk_stat(const struct keys_ctx *c, const struct epath *path, struct engine_info *out,
	struct err *err);
int keys_bulk_open(const struct keys_ctx *c, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err);
int keys_bulk_finish(void *sink, struct buf *report, struct err *err);
int keys_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err);
int keys_export_read(void *stream, struct buf *out, struct err *err);
void keys_export_close(void *stream);

#endif
