/* The one contract between the tree (fs/) and the services (engines/<service>/).
 *
 * An engine shows a service as a tree of keys. A path is a list of key bytes
 * (engines/common/epath.h); its depth says what is meant: for DynamoDB 0 is the
 * service, 1 a table, 2 a partition (or, in a table without sort key, an item),
 * 3 an item. Files are items, directories are what holds them. The front does
 * everything about names, inodes, handles, scratch and reserved files once for
 * all services; the engine does keys, content, storage and commands.
 *
 * Three structs:
 *   struct engine_ops    what a service implements: one const table for each
 *                        (service, backend), listed in registry.c.
 *   struct engine        an open one (made by engine_open() or engine_view());
 *                        callers use the engine_*() functions below, which
 *                        check arguments, refuse writes to a read-only tree,
 *                        log, time, count, and give absent members their default.
 *   struct engine_host   what an engine may ask of the daemon.
 *
 * Everywhere: arguments are borrowed for the call; outputs go to the caller's
 * memory, on failure they are untouched; 0 or -errno with err filled; expected
 * errors are named at the member, others are passed through. Calls block and
 * may come from many threads at once: an engine locks for itself. `emit` runs
 * inside an open read transaction: it copies, it does not call engines. */
#ifndef DBMOUNT_ENGINE_H
#define DBMOUNT_ENGINE_H

#include <jansson.h>
#include <limits.h>
#include <stdint.h>

#include "engines/common/buf.h"
#include "engines/common/epath.h"
#include "engines/common/name.h"
#include "engines/store/store.h"

/* ------------------------------------------------------------------ what is there */

enum engine_kind { ENGINE_DIR, ENGINE_FILE };

#define ENGINE_VERSION_ABSENT UINT64_C(0)
#define ENGINE_VERSION_ANY    UINT64_MAX

struct engine_info {
	enum engine_kind kind;
	uint64_t version; /* moves with every change of the content, never comes again; not 0 */
	uint64_t size;	  /* of a file: exactly the bytes read() gives in the form asked for; of a
			   * directory: about how many children it lists, 0 when not known */
	int64_t mtime_ns; /* of the last change; of a directory: of its list of children */
	bool moves;	  /* of a directory: what it shows changes without host.changed(), as a
			   * view of SQL does: nothing of it is cached */
};

/* A form a file can be read and written in. Form 0 is the usual one. */
struct engine_form {
	const char *suffix; /* ".json" */
	const char *help;   /* "the item as plain JSON" */
};

/* What a directory means and offers. Reserved names appear by these bits. */
enum engine_feature {
	ENGINE_HAS_CONTROL = 1 << 0, /* commands for this depth exist: .control, .events */
	ENGINE_HAS_STATUS = 1 << 1,
	ENGINE_HAS_SNAPSHOTS = 1 << 3, /* .snapshots/ */
	ENGINE_HAS_MKDIR = 1 << 4,     /* children may be made with mkdir */
	ENGINE_HAS_REPLICAS = 1 << 5,  /* .replicas/ */
	ENGINE_HAS_TIMES = 1 << 6,     /* .at/ */
	ENGINE_HAS_MEMBERS = 1 << 7,   /* a child file is, under its key without a suffix, also a
					* directory of its members; not listed */
	ENGINE_HAS_CLUSTERS = 1 << 9,  /* .clusters/ */
	ENGINE_HAS_FEEDS = 1 << 10,    /* child files are feeds: feed_bounds() and feed_read() are
					* asked with their paths, and what is written to one goes to
					* feed_append(), a write(2) a call */
	ENGINE_TAKES_EMPTY = 1 << 11,  /* the empty text is a child file's content like any other:
					* a file that is emptied, or made and closed, becomes
					* that. Everywhere in a service without drafts */
	ENGINE_HAS_STREAMS =
		1 << 12, /* child files are texts that pass through without being held: one
			  * is read with export_open() of its own path, the format being
			  * the suffix of the form without the dot, and has the size that
			  * stat() says; written, with import_open() of its path, "replace"
			  * where it was truncated first, else "append" what was added */
	ENGINE_HAS_LOADS =
		1 << 13, /* a file that is made here under any name is no child, but loaded:
			  * import_open() of the directory, mode "append", the format being
			  * the file's whole name. It is gone when it is closed */
	ENGINE_IS_FIXED = 1 << 8, /* nothing here can be written (EROFS at once), though
				   * commands can run: a replica */
};

/* `.query/`: a file NAME + text_suffix holds a query; results are read from NAME +
 * the suffix of a result form. Of several suffixes that a name ends in the longest
 * counts: with ".json" and ".out.json" x.out.json is the result of x.json. */
struct engine_query_names {
	const char *text_suffix; /* ".sql" */
	const struct engine_form *results;
	unsigned n_results;
};

/* A reserved name whose writer runs a script in the directory: import mode "run", the
 * format is the name without its dot. Reading it gives the last report of that one. */
struct engine_script {
	const char *name; /* ".sql" */
	const char *help; /* "runs the SQL written to it, in one transaction" */
	/* What it reports is the answer to its writer, byte for byte, and that it ran is no
	 * event; else a line that says when and how goes before. */
	bool answers;
};

/* A reserved name with a text of the directory: how it is defined, what its indexes
 * are. What is saved there replaces it, and so does what an editor renames onto it. */
struct engine_text {
	const char *name; /* ".schema" */
	const char *help; /* "how it is defined; writing one in a new directory defines it" */
	bool writable;
};

/* A reserved file of lines that tell what changed, the newest last, which the engine
 * keeps and at times drops the oldest of. It is read with cat and tail -f. */
struct engine_feed {
	const char *name; /* ".changes" */
	const char *help; /* "each change as a line of JSON; tail -f works" */
};

/* A reserved name that is a directory with a tree of its own (ENGINE_VIEW_ROOM): what
 * stands in it is no child of the directory, but belongs to it. */
struct engine_room {
	const char *name; /* ".ttl" */
	const char *help; /* "the seconds each key has left; writing sets them" */
};

/* An extended attribute of the child files, shown as user.dbmount.NAME with -o xattr. */
struct engine_attr {
	const char *name; /* "ttl" */
	const char *help;
};

struct engine_level {
	const char *noun;	/* "table" */
	const char *child_noun; /* "item" */
	enum engine_kind child;
	struct name_rules names; /* suffixes of the children; forms[i].suffix in order */
	const struct engine_form *forms;
	unsigned n_forms;
	unsigned listed_form;
	/* Children are of several sorts, each with a suffix of its own: a child's key begins
	 * with a byte that is the number of its form, and dir_forms says what is made under
	 * such a name. A name never stands for a child of another form. listed_form is not used;
	 * functions that are told a form are told that byte. */
	bool tagged;
	unsigned dir_forms; /* with tagged: bit n: what bears form n is a directory */
	unsigned features;
	const char *const *export_formats; /* NULL-ended, or NULL: no .export */
	const char *const *import_formats;
	/* Formats in which a child directory can be read and written as one file beside
	 * it, NAME.csv (a child of that very name wins); not listed. Reading exports the
	 * child. Writing imports: "create" when there is no child, else "replace" when
	 * the file was truncated first, "append" when it is appended to. NULL: none. */
	const char *const *beside_formats;
	const struct engine_text *texts;	/* ended by a NULL name, or NULL: none */
	const struct engine_script *scripts;	/* ended by a NULL name, or NULL: none */
	const struct engine_feed *feed;		/* NULL: none */
	const struct engine_room *rooms;	/* ended by a NULL name, or NULL: none */
	const struct engine_attr *attrs;	/* of child files; ended likewise, or NULL */
	const struct engine_query_names *query; /* NULL: no .query/ */
	const char *help; /* paragraphs for .help, before the commands; may be NULL */
};

/* In place of a form: keys are all that is asked for. Of the infos only `kind` counts,
 * and what would cost something to find out is left 0. */
#define ENGINE_NAMES UINT_MAX

/* Called for each child, in the engine's key order. Non-zero ends the listing,
 * which then succeeds. */
typedef int engine_emit(void *arg, struct slice key, const struct engine_info *info);

/* One of several writes: what is asked, as write() has it, and the answer. */
struct engine_put {
	const struct epath *path;
	unsigned form;
	struct slice text;
	uint64_t expect;
	struct engine_info info;
	int result; /* 0 or -errno, with err filled */
	struct err err;
};
#define ENGINE_PUTS_MAX 64

/* ------------------------------------------------------------------ commands */

/* One running command line. */
struct engine_call {
	const struct epath *path; /* the directory whose .control it was written to */
	unsigned argc;		  /* argv[0] is the command's name */
	char *const *argv;
	struct buf *out; /* the result, for the reader of .control; may stay empty */
	/* Tells how far it is, at any rate; unit as in "items". */
	void (*progress)(struct engine_call *call, uint64_t done, uint64_t total, const char *unit);
};

struct engine_command {
	const char *name;
	const char
		*args; /* "NAME as NEWTABLE"; "" for none. UPPER CASE = a value, [..] = optional */
	const char *help;  /* one line */
	unsigned depths;   /* bit n: understood in directories of depth n */
	unsigned min_args; /* without the name */
	unsigned max_args;
	int (*run)(void *ctx, struct engine_call *call, struct err *err);
};

/* ------------------------------------------------------------------ views */

/* The same tree over another store. */
enum engine_view_kind {
	ENGINE_VIEW_SNAPSHOT,
	ENGINE_VIEW_REPLICA,
	ENGINE_VIEW_TIME,
	ENGINE_VIEW_CLUSTER, /* another store of the service's, beside: written to like this one */
	ENGINE_VIEW_ROOM, /* a reserved directory that a level names: written to as its own levels
			   * say; view_open() alone knows it, and it is there as long as its
			   * directory is */
};

/* Which view a path is in: it hangs below the directory that the first `depth` keys of
 * the path name. */
struct engine_view_at {
	enum engine_view_kind kind;
	unsigned depth;
	struct slice name;
};

/* ------------------------------------------------------------------ the daemon */

struct engine_host {
	/* Content at or below `path` changed by something else than a call of the front
	 * on that very path (a command, an import, expiry, a trigger): caches must go.
	 * The path of an item is about that item alone, which is cheap. Told after the
	 * commit and without locks that level() or stat() take: they may be asked. */
	void (*changed)(void *arg, const char *service, const struct epath *path);
	/* Adds a line to `.events` of that directory. The wrapper does this for commands. */
	void (*event)(void *arg, const char *service, const struct epath *path, const char *text);
	/* The same in a view that is written to. May be NULL. An engine that does not tell
	 * says that the view's root `moves` (engine_info): then nothing of it is cached. */
	void (*changed_in)(void *arg, const char *service, const struct engine_view_at *view,
		const struct epath *path);
	void (*event_in)(void *arg, const char *service, const struct engine_view_at *view,
		const struct epath *path, const char *text);
	/* The open engine of another service of this mount, for one that stands in front of it;
	 * NULL: there is none. Borrowed for as long as the asking engine is open; not to be asked
	 * for in open(). May be NULL. */
	struct engine *(*peer)(void *arg, const char *service);
	void *arg;
};

struct engine_setting {
	const char *key;
	const char *value;
};

struct engine_config {
	const char *dir; /* SITE/<service>, exists; all files of the engine go there */
	enum store_sync sync;
	bool read_only;
	/* The mount's options that are the service's: their keys begin with its name
	 * ("dynamodb_json", "rds.shop"); and those of all, "az.a" and "az.b": absolute
	 * paths, always there, of directories to be made when needed. */
	const struct engine_setting *settings;
	unsigned n_settings;
	struct engine_host host;
};

/* ------------------------------------------------------------------ the table */

struct engine_ops {
	const char *service; /* directory under the mount: "dynamodb" */
	const char *backend; /* "sqlite" */
	const char *summary; /* one line for /README */

	/* Mandatory. Makes an instance. EINVAL names the bad setting. */
	int (*open)(const struct engine_config *config, void **ctx, struct err *err);
	/* Mandatory. Finishes what is under way and frees. */
	void (*close)(void *ctx);

	/* Mandatory. What the directory at `path` means. ENOENT; ENOTDIR. Asked with
	 * each name that is looked up or made: where the depth decides, it need not
	 * look whether the directory is there, which stat and list say. */
	int (*level)(
		void *ctx, const struct epath *path, struct engine_level *out, struct err *err);
	/* Mandatory. ENOENT. `form` is for files. Key text that cannot be (not a
	 * canonical number, too long, ...) is ENOENT too. */
	int (*stat)(void *ctx, const struct epath *path, unsigned form, struct engine_info *out,
		struct err *err);
	/* Mandatory. Children of a directory behind the child `after` (NULL: from the
	 * first), whether or not `after` still exists; complete, each once, in a fixed
	 * order, while others write. Stops when emit says so; needs not give all in
	 * one call's transaction. `form` (whose sizes are told) may be ENGINE_NAMES.
	 * ENOENT, ENOTDIR. */
	int (*list)(void *ctx, const struct epath *path, const struct slice *after, unsigned form,
		engine_emit *emit, void *arg, struct err *err);
	/* Mandatory where keys can be long. The key of the child with this name_hash().
	 * Default: ENOENT. */
	int (*find_hashed)(void *ctx, const struct epath *path,
		const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err);
	/* Mandatory. Appends a file's content. ENOENT, EISDIR. */
	int (*read)(void *ctx, const struct epath *path, unsigned form, struct buf *out,
		struct engine_info *info, struct err *err);

	/* A file's text, checked while it is being written. Default: anything goes
	 * until write(). draft_feed fails (EINVAL) when no continuation can make the
	 * text valid; draft_complete tells whether it could be a whole file now. */
	void *(*draft_new)(void *ctx, const struct epath *path, unsigned form);
	int (*draft_feed)(void *draft, struct slice more, struct err *err);
	bool (*draft_complete)(const void *draft);
	void (*draft_free)(void *draft);

	/* What write() would refuse of this text and why, without storing anything.
	 * Called while a file is being written, each time its text could be whole, so
	 * that write(2) can tell. Default: 0. */
	int (*check)(void *ctx, const struct epath *path, unsigned form, struct slice text,
		uint64_t expect, struct err *err);
	/* Whether an item could have this key: asked when a file of a new name is
	 * made. EINVAL with what is wrong. Default: 0. */
	int (*check_key)(void *ctx, const struct epath *path, struct err *err);

	/* PUT: the text becomes the content, durably as config.sync says, if the
	 * stored version equals `expect` (or ANY; ABSENT: must not exist). Text that
	 * says what is stored already changes nothing and gives the old info.
	 * EINVAL content (line and column), EFBIG, EBUSY other version, EEXIST,
	 * ENOENT the container is not there, ENOSPC. Default: EROFS. */
	int (*write)(void *ctx, const struct epath *path, unsigned form, struct slice text,
		uint64_t expect, struct engine_info *out, struct err *err);
	/* write() of each, in this order, where several wait at a time: for an engine that
	 * makes them durable together at less cost than one by one. What fails fails
	 * alone. At most ENGINE_PUTS_MAX. Default: write(), one after the other. */
	void (*write_many)(void *ctx, struct engine_put *const *puts, unsigned n);
	/* What touch(1) and utimensat(2) do to a file or directory: it is given this time. For
	 * services in which that means something. Default: 0, and nothing happens. */
	int (*set_time)(void *ctx, const struct epath *path, int64_t mtime_ns, struct err *err);
	/* The attributes that the level of the file's directory names. read appends the text;
	 * ENODATA: it has none now. write EINVAL; remove ENODATA. Default: ENOTSUP. */
	int (*attr_read)(void *ctx, const struct epath *path, const char *name, struct buf *out,
		struct err *err);
	int (*attr_write)(void *ctx, const struct epath *path, const char *name, struct slice text,
		struct err *err);
	int (*attr_remove)(void *ctx, const struct epath *path, const char *name, struct err *err);
	/* A file. ENOENT, EBUSY. Default: EROFS. */
	int (*remove)(void *ctx, const struct epath *path, uint64_t expect, struct err *err);
	/* Re-keys a file or renames a directory, atomically within one container. An
	 * engine that keeps containers apart may store a file in the new one before it
	 * removes it from the old one: a failure between leaves both, never none, and
	 * the same rename again completes it. `flags` as renameat2(2):
	 * RENAME_NOREPLACE, RENAME_EXCHANGE, else a file that is there is replaced, a
	 * directory only when empty. ENOENT EEXIST ENOTEMPTY EXDEV (the caller copies).
	 * Default: EXDEV. */
	int (*rename)(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
		struct err *err);
	/* Containers. EEXIST ENOENT ENOTEMPTY EINVAL EBUSY. Default: ENOTSUP. */
	int (*mkdir)(void *ctx, const struct epath *path, struct err *err);
	int (*rmdir)(void *ctx, const struct epath *path, struct err *err);

	/* Members for `.status`, added to out. Default: nothing. */
	int (*status)(void *ctx, const struct epath *path, json_t *out, struct err *err);
	/* The texts that the level of `path` names (engine_text). read appends one; write
	 * makes it this, all or nothing: EINVAL with line and column, EBUSY, what write()
	 * says of items. Default: ENOTSUP. */
	int (*text_read)(void *ctx, const struct epath *path, const char *name, struct buf *out,
		struct err *err);
	int (*text_write)(void *ctx, const struct epath *path, const char *name, struct slice text,
		struct err *err);

	/* The feed of the directory, as if it had been kept from the beginning: offsets
	 * of bytes. What is there is [*start, *end): both only grow, also over a restart,
	 * both stand behind whole lines, and a byte within never changes. read appends at
	 * most `max` bytes from `offset` on (at least one where offset < end); ERANGE:
	 * they are dropped already. Default: ENOTSUP. */
	int (*feed_bounds)(void *ctx, const struct epath *path, uint64_t *start, uint64_t *end,
		struct err *err);
	int (*feed_read)(void *ctx, const struct epath *path, uint64_t offset, size_t max,
		struct buf *out, struct err *err);

	/* With ENGINE_HAS_FEEDS. What one write(2) to the feed at `path` brings; it takes all
	 * or fails. Default: EROFS. */
	int (*feed_append)(void *ctx, const struct epath *path, struct slice text, struct err *err);
	/* Somebody opened the feed at `path` to read it; close comes as often. What comes in
	 * between must be readable from the `end` of then. Default: 0. */
	int (*feed_open)(void *ctx, const struct epath *path, struct err *err);
	void (*feed_close)(void *ctx, const struct epath *path);

	/* Commands, sorted by name, ended by a NULL name. Default: none. */
	const struct engine_command *commands;

	/* Views below the directory at path. list: names behind `after`, in byte
	 * order. open: an instance of the same ops, read-only unless the view is not; when
	 * the view is gone later, stat of its root says ENOENT. create, remove: what mkdir
	 * and rmdir do. ENOENT EEXIST EBUSY ENOTEMPTY EINVAL. Default: ENOTSUP. */
	int (*view_list)(void *ctx, const struct epath *path, enum engine_view_kind kind,
		const struct slice *after, engine_emit *emit, void *arg, struct err *err);
	int (*view_open)(void *ctx, const struct epath *path, enum engine_view_kind kind,
		struct slice name, void **view, struct err *err);
	int (*view_create)(void *ctx, const struct epath *path, enum engine_view_kind kind,
		struct slice name, struct err *err);
	int (*view_remove)(void *ctx, const struct epath *path, enum engine_view_kind kind,
		struct slice name, struct err *err);
	/* mv of a view out of its directory: it becomes the container `to`, one of its
	 * own (a replica is promoted). EEXIST, EBUSY, EINVAL. Default: ENOTSUP. */
	int (*view_rename)(void *ctx, const struct epath *path, enum engine_view_kind kind,
		struct slice name, const struct epath *to, struct err *err);

	/* The result of a query at `path` in result form `form` (engine_query_names);
	 * then export_read and export_close as below. EINVAL names what is wrong in the
	 * text. Default: ENOTSUP. */
	int (*query_open)(void *ctx, const struct epath *path, struct slice text, unsigned form,
		void **stream, uint64_t *size, struct err *err);

	/* The whole directory as one text. open fixes the content and gives its exact
	 * size; read appends the next piece (some tens of KiB), nothing at the end.
	 * Default: ENOTSUP. */
	int (*export_open)(void *ctx, const struct epath *path, const char *format, void **stream,
		uint64_t *size, struct err *err);
	int (*export_read)(void *stream, struct buf *out, struct err *err);
	void (*export_close)(void *stream);

	/* Loads the directory from one text, in one transaction. mode: "append" (an
	 * item that exists is a bad row), "upsert", "replace" (what is not in the text
	 * goes), "create" (the directory is not there and is made, EEXIST), "run" (the
	 * text is a script). feed takes the next bytes; finish commits, or fails and changes
	 * nothing; `report` says in one line what was loaded and in further lines what
	 * was bad. abort frees without committing, finish frees too. EINVAL, EFBIG, ENOSPC. */
	int (*import_open)(void *ctx, const struct epath *path, const char *mode,
		const char *format, void **sink, struct err *err);
	int (*import_feed)(void *sink, struct slice text, struct err *err);
	int (*import_finish)(void *sink, struct buf *report, struct err *err);
	void (*import_abort)(void *sink);
	/* Of a script whose writer reads, too, from the same open file: runs what was fed since
	 * the last time and is whole, and appends what it answers. The sink stays open, so that
	 * what was begun goes on (a WATCH, a MULTI); finish then runs the rest. A failure is told
	 * and ends nothing. Default: ENOTSUP, and reading gives the last report. */
	int (*import_reply)(void *sink, struct buf *out, struct err *err);

	/* Makes acknowledged writes at or below path survive power loss. Default: 0. */
	int (*sync)(void *ctx, const struct epath *path, struct err *err);
	/* Bytes stored, for statfs. Default: 0. */
	uint64_t (*bytes)(void *ctx);
};

/* All (service, backend) pairs, sorted, NULL-ended (registry.c). */
extern const struct engine_ops *const engine_registry[];

/* ------------------------------------------------------------------ what callers use */

struct engine;

/* Finds nothing: NULL. `backend` NULL: the service's first. */
const struct engine_ops *engine_find(const char *service, const char *backend);

/* Refuses ops that lack a mandatory member, by name (EINVAL). The caller ends
 * with engine_unref(). */
int engine_open(const struct engine_ops *ops, const struct engine_config *config,
	struct engine **out, struct err *err);
struct engine *engine_ref(struct engine *e);
void engine_unref(struct engine *e); /* NULL is fine */

const struct engine_ops *engine_ops(const struct engine *e);
const char *engine_service(const struct engine *e);
bool engine_read_only(const struct engine *e);
/* Whether writes anywhere in it are refused with EROFS: read-only, or a view whose
 * root says ENGINE_IS_FIXED, which still takes commands. A directory can be fixed
 * by itself, too: its level says so. */
bool engine_fixed(const struct engine *e);
/* Whether its content moves by itself, without host.changed(): a replica follows
 * another store. Nothing of it can be cached. */
bool engine_moves(const struct engine *e);

int engine_level(
	struct engine *e, const struct epath *path, struct engine_level *out, struct err *err);
int engine_stat(struct engine *e, const struct epath *path, unsigned form, struct engine_info *out,
	struct err *err);
int engine_list(struct engine *e, const struct epath *path, const struct slice *after,
	unsigned form, engine_emit *emit, void *arg, struct err *err);
int engine_find_hashed(struct engine *e, const struct epath *path,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *key, struct err *err);
int engine_read(struct engine *e, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err);

struct engine_draft; /* never NULL but when memory ran out */
struct engine_draft *engine_draft_new(struct engine *e, const struct epath *path, unsigned form);
int engine_draft_feed(struct engine_draft *d, struct slice more, struct err *err);
bool engine_draft_complete(const struct engine_draft *d);
void engine_draft_free(struct engine_draft *d);

int engine_check(struct engine *e, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err);
int engine_check_key(struct engine *e, const struct epath *path, struct err *err);
int engine_write(struct engine *e, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err);
/* Counts as that many writes. */
void engine_write_many(struct engine *e, struct engine_put *const *puts, unsigned n);
/* Whether that is better than writing each on a thread of its own. */
bool engine_writes_many(const struct engine *e);
int engine_set_time(struct engine *e, const struct epath *path, int64_t mtime_ns, struct err *err);
int engine_attr_read(struct engine *e, const struct epath *path, const char *name, struct buf *out,
	struct err *err);
int engine_attr_write(struct engine *e, const struct epath *path, const char *name,
	struct slice text, struct err *err);
int engine_attr_remove(
	struct engine *e, const struct epath *path, const char *name, struct err *err);
int engine_remove(struct engine *e, const struct epath *path, uint64_t expect, struct err *err);
int engine_rename(struct engine *e, const struct epath *from, const struct epath *to,
	unsigned flags, struct err *err);
int engine_mkdir(struct engine *e, const struct epath *path, struct err *err);
int engine_rmdir(struct engine *e, const struct epath *path, struct err *err);

int engine_status(struct engine *e, const struct epath *path, json_t *out, struct err *err);
int engine_text_read(struct engine *e, const struct epath *path, const char *name, struct buf *out,
	struct err *err);
int engine_text_write(struct engine *e, const struct epath *path, const char *name,
	struct slice text, struct err *err);

int engine_feed_bounds(struct engine *e, const struct epath *path, uint64_t *start, uint64_t *end,
	struct err *err);
int engine_feed_read(struct engine *e, const struct epath *path, uint64_t offset, size_t max,
	struct buf *out, struct err *err);
int engine_feed_append(
	struct engine *e, const struct epath *path, struct slice text, struct err *err);
int engine_feed_open(struct engine *e, const struct epath *path, struct err *err);
void engine_feed_close(struct engine *e, const struct epath *path);

/* Splits the line into words (white space; single and double quotes as in a
 * shell), finds the command, checks its number of arguments, runs it, writes
 * start, end and outcome to `.events`. EINVAL names the nearest known command.
 * A last word `--async` returns at once and runs it on a thread of its own. */
int engine_command(struct engine *e, const struct epath *path, struct slice line, struct buf *out,
	struct err *err);
/* The commands understood at this depth, one a line, aligned, with their help. */
void engine_commands_help(struct engine *e, unsigned depth, struct buf *out);

int engine_view_list(struct engine *e, const struct epath *path, enum engine_view_kind kind,
	const struct slice *after, engine_emit *emit, void *arg, struct err *err);
int engine_view(struct engine *e, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct engine **out, struct err *err);
int engine_view_create(struct engine *e, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
int engine_view_remove(struct engine *e, const struct epath *path, enum engine_view_kind kind,
	struct slice name, struct err *err);
/* `path` and `to` are of the engine that the view hangs below. Engines opened on
 * the view before stay open; what they show then is theirs to say. */
int engine_view_rename(struct engine *e, const struct epath *path, enum engine_view_kind kind,
	struct slice name, const struct epath *to, struct err *err);

/* An export, or the result of a query: read to the end it has `size` bytes. */
struct engine_export;
int engine_export_open(struct engine *e, const struct epath *path, const char *format,
	struct engine_export **out, uint64_t *size, struct err *err);
int engine_query_open(struct engine *e, const struct epath *path, struct slice text, unsigned form,
	struct engine_export **out, uint64_t *size, struct err *err);
int engine_export_read(struct engine_export *x, struct buf *out, struct err *err);
void engine_export_close(struct engine_export *x); /* NULL is fine */

struct engine_import;
int engine_import_open(struct engine *e, const struct epath *path, const char *mode,
	const char *format, struct engine_import **out, struct err *err);
int engine_import_feed(struct engine_import *i, struct slice text, struct err *err);
/* Ends `i` in any case. */
int engine_import_finish(struct engine_import *i, struct buf *report, struct err *err);
void engine_import_abort(struct engine_import *i); /* NULL is fine */
int engine_import_reply(struct engine_import *i, struct buf *out, struct err *err);

int engine_sync(struct engine *e, const struct epath *path, struct err *err);
uint64_t engine_bytes(struct engine *e);

/* Calls, failures and time by member, of n engines, as Prometheus text; views count
 * with the engine they were opened from. */
void engine_metrics(struct engine *const *e, unsigned n, struct buf *out);

#endif
