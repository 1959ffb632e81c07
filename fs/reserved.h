/* The reserved names, as a table: a new one is a row and a function. */
#ifndef DBMOUNT_FS_RESERVED_H
#define DBMOUNT_FS_RESERVED_H

#include "fs/handle.h"

/* The directory a reserved name stands in. */
enum reserved_place {
	PLACE_ROOT,	   /* / */
	PLACE_DATA,	   /* any directory of an engine */
	PLACE_DBMOUNT,	   /* /.dbmount */
	PLACE_VIEWS,	   /* .snapshots, .replicas, .at: children are views (fs/view.h) */
	PLACE_QUERY,	   /* .query: texts and results (fs/query.h) */
	PLACE_REJECTED,	   /* .rejected: its children are side files */
	PLACE_IMPORT,	   /* .import: the modes */
	PLACE_IMPORT_MODE, /* .import/append: the formats */
	PLACE_EXPORT,	   /* .export: the formats */
	PLACE_NONE,	   /* of a file */
};

/* What a row needs to know to decide whether it is there. */
struct reserved_scope {
	const struct engine_level *level; /* NULL outside services */
	struct engine *engine;		  /* NULL outside services */
};

struct reserved {
	const char *name; /* "": the level lists names and their help, see `nth` */
	enum reserved_place place;
	enum reserved_place inside; /* of a directory: the place of its children */
	mode_t mode;		    /* 0444, 0644, 0222, 0755 */
	bool costly;		    /* .size takes long: asked for by stat(2) only */
	unsigned feature;	    /* for there_feature(): of enum engine_feature */
	enum engine_view_kind view; /* with PLACE_VIEWS inside, and of a room */
	bool (*there)(
		const struct reserved *row, const struct reserved_scope *scope); /* NULL: always */
	/* The level's i-th name for this row, and its help; NULL behind the last. */
	const char *(*nth)(const struct engine_level *level, unsigned i, const char **help);
	/* A file whose content is made when it is opened. */
	int (*text)(
		struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err);
	/* A file that is more than its text: opens it. NULL: read-only text. */
	int (*open)(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
		struct handle **out, struct handle_mode *mode, struct err *err);
	/* Its size without opening; NULL: that of the text. */
	int (*size)(struct mount *m, struct node *n, uint64_t *out, struct err *err);
	const char *help; /* one line for .help */
};

static inline bool reserved_is_dir(const struct reserved *row)
{
	return row->inside != PLACE_NONE;
}

/* A room (engine_room): what stands there is a node with an engine of its own (fs/view.h). */
static inline bool reserved_is_room(const struct reserved *row)
{
	return row != NULL && row->view == ENGINE_VIEW_ROOM;
}

/* The table. Ends with a NULL name. */
extern const struct reserved reserved_table[];

/* A name that is there. */
struct reserved_entry {
	const struct reserved *row;
	const char *name;
	const char *help; /* may be NULL */
};

/* Of the names of a place that are there the first behind `after` (NULL: of all).
 * False: there is none. */
bool reserved_next(enum reserved_place place, const char *after, const struct reserved_scope *scope,
	struct reserved_entry *out);
/* The row for a name in a place, if it is there; else NULL. */
const struct reserved *reserved_find(
	enum reserved_place place, const char *name, const struct reserved_scope *scope);
/* What the directory of such views is called. */
const char *reserved_views(enum engine_view_kind kind);
/* Whether a NULL-ended list, which may be NULL, holds the name. */
bool reserved_in_list(const char *const *list, const char *name);
/* Whether the name is reserved anywhere below a service, there or not. */
bool reserved_known(const char *name);
/* The place that a directory node is for its reserved children. */
enum reserved_place reserved_place_of(const struct node *dir);

/* handle_text.c: read-only content made at open; a file on disk. */
int handle_open_text(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err);
int handle_open_log(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err);
int handle_size_log(struct mount *m, struct node *n, uint64_t *out, struct err *err);
/* control.c */
int handle_open_control(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err);
int control_text(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err);
/* handle_feed.c */
int handle_open_feed(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err);
int handle_size_feed(struct mount *m, struct node *n, uint64_t *out, struct err *err);
/* handle_named.c: the texts that a level names. */
int handle_open_named(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err);
int text_named(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err);
/* One is all of that directory's: as renaming to and from a scratch name does. What put
 * refuses is kept and reported; then err holds only its errno. */
int named_get(
	struct mount *m, struct node *dir, const char *name, struct buf *out, struct err *err);
int named_put(struct mount *m, struct node *dir, const char *name, struct slice text, uid_t uid,
	struct err *err);
/* A text that a level names and that can be written. */
static inline bool reserved_is_named(const struct reserved *row)
{
	return row != NULL && row->open == handle_open_named;
}

/* handle_import.c, handle_export.c */
int handle_open_import(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err);
int handle_open_export(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err);
int handle_size_export(struct mount *m, struct node *n, uint64_t *out, struct err *err);
int handle_open_script(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err);
int text_script(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err);
/* texts.c: what the texts say */
int text_readme(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err);
int text_help(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err);
int text_status(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err);
int text_errors(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err);
int text_version(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err);
int text_config(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err);
int text_metrics(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err);

#endif
