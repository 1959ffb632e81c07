/* What the files of the wrapper (engine.c, command.c, job.c, stream.c, view.c)
 * share. Nobody else includes it.
 *
 * Every engine_*() call has the same shape:
 *
 *	struct probe p = probe_begin(e, PROBE_STAT, path, err);
 *	int r = e->ops->stat(...);
 *	return probe_end(&p, r, err);
 *
 * probe_begin asserts that the caller may ask this; probe_end asserts that the
 * engine's answer is whole, counts it and prints the debug line. */
#ifndef DBMOUNT_ENGINE_IMPL_H
#define DBMOUNT_ENGINE_IMPL_H

#include <pthread.h>
#include <stdatomic.h>

#include "engines/common/clock.h"
#include "engines/engine.h"

enum probe_op {
	PROBE_LEVEL,
	PROBE_STAT,
	PROBE_LIST,
	PROBE_FIND_HASHED,
	PROBE_READ,
	PROBE_CHECK,
	PROBE_WRITE,
	PROBE_SET_TIME,
	PROBE_ATTR,
	PROBE_REMOVE,
	PROBE_RENAME,
	PROBE_MKDIR,
	PROBE_RMDIR,
	PROBE_STATUS,
	PROBE_TEXT_READ,
	PROBE_TEXT_WRITE,
	PROBE_FEED_BOUNDS,
	PROBE_FEED_READ,
	PROBE_FEED_APPEND,
	PROBE_FEED_OPEN,
	PROBE_COMMAND,
	PROBE_VIEW_LIST,
	PROBE_VIEW_OPEN,
	PROBE_VIEW_CREATE,
	PROBE_VIEW_REMOVE,
	PROBE_VIEW_RENAME,
	PROBE_QUERY,
	PROBE_EXPORT,
	PROBE_IMPORT,
	PROBE_SYNC,
	PROBE_N,
};

struct counters {
	struct {
		_Atomic uint64_t calls;
		_Atomic uint64_t failures;
		_Atomic uint64_t ns;
	} op[PROBE_N];
};

struct engine {
	const struct engine_ops *ops;
	void *ctx;
	atomic_uint refs;
	bool read_only;
	struct engine_host host;
	struct counters *counters; /* the root's; shared with its views */

	/* Of a view only. */
	struct engine *parent; /* a reference */
	enum engine_view_kind kind;
	bool fixed;	 /* its root says ENGINE_IS_FIXED */
	char *view_name; /* escaped for people */
	struct buf view_key;
	unsigned view_depth; /* of the directory it hangs below */

	/* Commands under way, see job.c. */
	pthread_mutex_t jobs_lock;
	struct job *jobs; /* under jobs_lock */
};

/* The tree that a room stands in; itself for anything else. */
static inline const struct engine *engine_house(const struct engine *e)
{
	while (e->parent != NULL && e->kind == ENGINE_VIEW_ROOM) {
		e = e->parent;
	}
	return e;
}

struct probe {
	struct engine *e;
	enum probe_op op;
	const struct epath *path;
	int64_t start_ns;
};

struct probe probe_begin(
	struct engine *e, enum probe_op op, const struct epath *path, const struct err *err);
/* Gives back `r`. */
int probe_end(const struct probe *p, int r, const struct err *err);

/* 0, or -EROFS with a sentence. A fixed view takes commands, but no writes. */
int engine_refuse_write(const struct engine *e, struct err *err);
int engine_refuse_command(const struct engine *e, struct err *err);
/* -ENOTSUP: "dynamodb/sqlite has no snapshots". */
int engine_absent(const struct engine *e, const char *feature, struct err *err);

/* "/Users/user-123", escaped; "/" for the engine's root. */
void engine_print_path(const struct epath *path, struct buf *out);

/* A line in `.events` of that directory. */
void engine_event(struct engine *e, const struct epath *path, const char *text);

/* Commands (job.c). A job lives from the start of a command to its end. */
struct job;
/* Takes copies of path and argv; `line` is the text shown in events. NULL when
 * memory ran out. */
struct job *job_new(struct engine *e, const struct epath *path,
	const struct engine_command *command, unsigned argc, char *const *argv);
/* Runs it now and ends it. */
int job_run(struct job *job, struct buf *out, struct err *err);
/* Runs it on a thread of its own; that is joined before the engine closes. */
int job_start(struct job *job, struct err *err);
/* Waits for the commands under way. */
void jobs_finish(struct engine *e);
/* Adds "running" to a directory's status, when a command runs there. */
int jobs_status(struct engine *e, const struct epath *path, json_t *out, struct err *err);

/* 0, or -EINVAL that names the member which is missing or wrong. */
int engine_check_ops(const struct engine_ops *ops, struct err *err);

#endif
