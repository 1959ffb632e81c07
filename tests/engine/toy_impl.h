/* What toy.c (the operations) and toy_data.c (the data) share. */
#ifndef DBMOUNT_TESTS_TOY_IMPL_H
#define DBMOUNT_TESTS_TOY_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "tests/engine/toy.h"
#include "tests/engine/toy_draft.h"

struct toy_item {
	struct buf key;
	struct buf text; /* the item in form 0 */
	uint64_t version;
	int64_t mtime_ns;
};

struct toy_box {
	struct buf key;
	struct toy_item *items; /* sorted by key */
	size_t n;
	size_t cap;
	uint64_t version; /* of the list of items */
	int64_t mtime_ns;
};

struct toy_tree {
	struct toy_box *boxes; /* sorted by key */
	size_t n;
	size_t cap;
};

/* A box as it was, under a name. Of a replica only the key counts: it shows the box
 * as it is. */
struct toy_snapshot {
	enum engine_view_kind kind;
	struct buf name;
	struct toy_tree tree; /* one box */
};

struct toy {
	pthread_mutex_t lock; /* guards all below */
	struct toy_tree tree;
	struct toy_snapshot *snapshots;
	size_t n_snapshots;
	uint64_t last_version;
	int64_t last_time;
	struct engine_host host;
	struct buf feed; /* from feed_start on */
	uint64_t feed_start;
	char *file; /* NULL: a view */
	/* Other toys beside this one, each written to; of one of these its name. What is
	 * open on it holds a reference, and finds nothing once it is gone. */
	struct toy **clusters;
	size_t n_clusters;
	struct buf cluster;
	bool gone;
	atomic_uint refs;
	/* Of a replica: whose, and of what name. */
	struct toy *origin;
	struct buf name;
};

/* A replica looks at its origin before each call: then it is as that is, or
 * nothing is there when it was removed. */
void toy_follow(struct toy *t);
#define TOY_LOCKED(t)                                                                              \
	toy_follow(t);                                                                             \
	LOCKED(&(t)->lock)
/* -EROFS with a sentence in a replica. */
int toy_refuse_replica(const struct toy *t, struct err *err);

/* Indexes; when not found, where it would be, and false. */
bool toy_find_box(const struct toy_tree *t, struct slice key, size_t *i);
bool toy_find_item(const struct toy_box *b, struct slice key, size_t *i);
/* Makes room at i and sets the key; NULL when memory ran out. */
struct toy_box *toy_add_box(struct toy_tree *t, size_t i, struct slice key);
struct toy_item *toy_add_item(struct toy_box *b, size_t i, struct slice key);
void toy_drop_box(struct toy_tree *t, size_t i);
void toy_drop_item(struct toy_box *b, size_t i);
void toy_tree_free(struct toy_tree *t);
bool toy_copy_box(struct toy_tree *t, const struct toy_box *box);
bool toy_copy_tree(struct toy_tree *to, const struct toy_tree *from);

/* Text of an item in any form, as form 0 has it. EINVAL. */
int toy_parse(struct slice text, struct buf *out, struct err *err);
/* Form 0 as another form. */
void toy_render(struct slice text, unsigned form, struct buf *out);

struct toy_place {
	size_t box;
	size_t item;
};

/* What is at a path: a box (of it or above it), an item, a directory (depth 0
 * or 1). ENOENT, ENOTDIR. */
int toy_at_box(
	const struct toy *t, const struct epath *path, struct toy_place *out, struct err *err);
int toy_at_item(
	const struct toy *t, const struct epath *path, struct toy_place *out, struct err *err);
int toy_at_directory(
	const struct toy *t, const struct epath *path, struct toy_place *out, struct err *err);
int toy_not_there(struct err *err);

/* The list of a box's items changed; an item's text becomes this. */
void toy_touch(struct toy *t, struct toy_box *b);
void toy_fill(struct toy *t, struct toy_item *item, struct slice text);
void toy_item_info(const struct toy_item *item, unsigned form, struct engine_info *out);
void toy_box_info(const struct toy_box *b, struct engine_info *out);

/* Puts a parsed text into a box. */
int toy_put(struct toy *t, struct toy_box *b, struct slice key, struct slice text, uint64_t expect,
	struct engine_info *out, unsigned form, struct err *err);

void toy_close(void *ctx);

/* Members of items, toy_members.c: called with the lock held. */
void toy_member_level(struct engine_level *out);
int toy_member_stat(
	const struct toy_item *item, struct slice key, struct engine_info *out, struct err *err);
int toy_member_list(const struct toy_item *item, const struct slice *after, engine_emit *emit,
	void *arg, struct err *err);
int toy_member_read(const struct toy_item *item, struct slice key, struct buf *out,
	struct engine_info *info, struct err *err);
/* A NULL text removes it. */
int toy_member_write(struct toy *t, struct toy_item *item, struct slice key,
	const struct slice *text, struct err *err);

/* The whole toy in its file. */
int toy_save(const struct toy *t, struct err *err);
int toy_load(struct toy *t, struct err *err);

/* The operations, a file for each group. */
/* toy_write.c */
int toy_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err);
int toy_check_key(void *ctx, const struct epath *path, struct err *err);
int toy_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err);
int toy_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err);
int toy_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err);
int toy_mkdir(void *ctx, const struct epath *path, struct err *err);
int toy_rmdir(void *ctx, const struct epath *path, struct err *err);
/* toy_whole.c */
extern const struct engine_command toy_commands[];
int toy_status(void *ctx, const struct epath *path, json_t *out, struct err *err);
int toy_view_list(void *ctx, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err);
int toy_view_open(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, void **view, struct err *err);
int toy_view_create(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
int toy_view_remove(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
int toy_view_rename(void *ctx, const struct epath *path, enum engine_view_kind kind,
	struct slice name, const struct epath *to, struct err *err);
/* toy_texts.c */
int toy_text_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err);
int toy_text_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err);
/* toy_feed.c; toy_tell_feed is called with the lock held. */
void toy_tell_feed(struct toy *t, const char *what, const struct epath *path);
int toy_feed_bounds(
	void *ctx, const struct epath *path, uint64_t *start, uint64_t *end, struct err *err);
int toy_feed_read(void *ctx, const struct epath *path, uint64_t offset, size_t max, struct buf *out,
	struct err *err);
/* Drops all but the last line. */
int toy_feed_prune(void *ctx, struct engine_call *call, struct err *err);
/* toy_clusters.c; the first three are called with the lock held. */
int toy_clusters_list(
	struct toy *t, const struct slice *after, engine_emit *emit, void *arg, struct err *err);
int toy_cluster_open(struct toy *t, struct slice name, void **view, struct err *err);
int toy_cluster_create(struct toy *t, struct slice name, struct err *err);
int toy_cluster_remove(struct toy *t, struct slice name, struct err *err);
/* An empty one at the end of the list; NULL when memory ran out. */
struct toy *toy_add_cluster(struct toy *t, struct slice name);
/* One whose name begins with 'u' does not tell what changes in it. */
bool toy_is_untold(const struct toy *t);
/* What changed, wherever this toy stands. Called without the lock. */
void toy_tell(struct toy *t, const struct epath *path);
/* toy_query.c */
int toy_query_open(void *ctx, const struct epath *path, struct slice text, unsigned form,
	void **stream, uint64_t *size, struct err *err);
/* A script: lines "set KEY OBJECT" and "del KEY"; into `b`, which is a copy. */
int toy_run(
	struct toy *t, struct toy_box *b, struct slice text, struct buf *report, struct err *err);
/* An object, made an item of a name of its own. */
int toy_run_new(
	struct toy *t, struct toy_box *b, struct slice text, struct buf *report, struct err *err);
/* What an export or a query's result is read from; takes over the text. */
int toy_stream_new(struct buf *text, void **stream, uint64_t *size, struct err *err);
int toy_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err);
int toy_export_read(void *stream, struct buf *out, struct err *err);
void toy_export_close(void *stream);
int toy_import_open(void *ctx, const struct epath *path, const char *mode, const char *format,
	void **sink, struct err *err);
int toy_import_feed(void *sink, struct slice text, struct err *err);
int toy_import_finish(void *sink, struct buf *report, struct err *err);
void toy_import_abort(void *sink);

#endif
