/* What happens around each call of an engine: checks, counting, the debug line. */
#include <assert.h>
#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "engines/engine_impl.h"

static const char *const probe_names[PROBE_N] = {
	[PROBE_LEVEL] = "level",
	[PROBE_STAT] = "stat",
	[PROBE_LIST] = "list",
	[PROBE_FIND_HASHED] = "find_hashed",
	[PROBE_READ] = "read",
	[PROBE_CHECK] = "check",
	[PROBE_WRITE] = "write",
	[PROBE_SET_TIME] = "set_time",
	[PROBE_ATTR] = "attr",
	[PROBE_REMOVE] = "remove",
	[PROBE_RENAME] = "rename",
	[PROBE_MKDIR] = "mkdir",
	[PROBE_RMDIR] = "rmdir",
	[PROBE_STATUS] = "status",
	[PROBE_TEXT_READ] = "text_read",
	[PROBE_TEXT_WRITE] = "text_write",
	[PROBE_FEED_BOUNDS] = "feed_bounds",
	[PROBE_FEED_READ] = "feed_read",
	[PROBE_FEED_APPEND] = "feed_append",
	[PROBE_FEED_OPEN] = "feed_open",
	[PROBE_COMMAND] = "command",
	[PROBE_VIEW_LIST] = "view_list",
	[PROBE_VIEW_OPEN] = "view_open",
	[PROBE_VIEW_CREATE] = "view_create",
	[PROBE_VIEW_REMOVE] = "view_remove",
	[PROBE_VIEW_RENAME] = "view_rename",
	[PROBE_QUERY] = "query",
	[PROBE_EXPORT] = "export",
	[PROBE_IMPORT] = "import",
	[PROBE_SYNC] = "sync",
};

void engine_print_path(const struct epath *path, struct buf *out)
{
	if (path->depth == 0) {
		buf_putc(out, '/');
	}
	for (unsigned i = 0; i < path->depth; i++) {
		buf_putc(out, '/');
		name_escape(path->key[i], out);
	}
}

struct probe probe_begin(
	struct engine *e, enum probe_op op, const struct epath *path, const struct err *err)
{
	assert(atomic_load_explicit(&e->refs, memory_order_relaxed) > 0);
	assert(path->depth <= EPATH_MAX);
	/* An error left over would win over the one to come. */
	assert(err == NULL || err->code == 0);
	return (struct probe){e, op, path, clock_monotonic_ns()};
}

static void print_debug(const struct probe *p, int r, const struct err *err, int64_t ns)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	engine_print_path(p->path, &path);
	log_debug("%s%s%s %s %s: %s, %lld us", p->e->ops->service, p->e->parent != NULL ? "@" : "",
		p->e->parent != NULL ? p->e->view_name : "", probe_names[p->op], buf_cstr(&path),
		r == 0	      ? "ok"
		: err != NULL ? err->msg
			      : "failed",
		(long long)(ns / 1000));
}

/* Return value, code and sentence say the same; and it is nothing the kernel
 * would take for itself: one ENOSYS turns an operation off for the whole
 * mount, ESTALE makes it ask twice. */
static bool answer_is_whole(int r, const struct err *err)
{
	if (r == 0) {
		return err == NULL || err->code == 0;
	}
	if (r > 0 || r == -ENOSYS || r == -ESTALE) {
		return false;
	}
	return err == NULL || (err->code == -r && err->msg[0] != '\0');
}

int probe_end(const struct probe *p, int r, const struct err *err)
{
	int64_t ns = clock_monotonic_ns() - p->start_ns;
	struct counters *c = p->e->counters;

	if (!answer_is_whole(r, err)) {
		log_error("bug in %s/%s: %s gave %d with error %d \"%s\"", p->e->ops->service,
			p->e->ops->backend, probe_names[p->op], r, err != NULL ? err->code : 0,
			err != NULL ? err->msg : "");
		assert(!"the engine's return value and its error disagree");
	}
	atomic_fetch_add_explicit(&c->op[p->op].calls, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&c->op[p->op].ns, (uint64_t)ns, memory_order_relaxed);
	if (r != 0) {
		atomic_fetch_add_explicit(&c->op[p->op].failures, 1, memory_order_relaxed);
	}
	if (log_enabled(LOG_LEVEL_DEBUG)) {
		print_debug(p, r, err, ns);
	}
	return r;
}

static void print_metric(struct engine *const *e, unsigned n, const char *name, const char *help,
	uint64_t (*value)(const struct counters *c, unsigned op), double scale, struct buf *out)
{
	buf_printf(out, "# HELP dbmount_engine_%s %s\n# TYPE dbmount_engine_%s counter\n", name,
		help, name);
	for (unsigned i = 0; i < n; i++) {
		for (unsigned op = 0; op < PROBE_N; op++) {
			buf_printf(out, "dbmount_engine_%s{service=\"%s\",call=\"%s\"} %.15g\n",
				name, e[i]->ops->service, probe_names[op],
				(double)value(e[i]->counters, op) * scale);
		}
	}
}

static uint64_t count_calls(const struct counters *c, unsigned op)
{
	return atomic_load_explicit(&c->op[op].calls, memory_order_relaxed);
}

static uint64_t count_failures(const struct counters *c, unsigned op)
{
	return atomic_load_explicit(&c->op[op].failures, memory_order_relaxed);
}

static uint64_t count_ns(const struct counters *c, unsigned op)
{
	return atomic_load_explicit(&c->op[op].ns, memory_order_relaxed);
}

void engine_metrics(struct engine *const *e, unsigned n, struct buf *out)
{
	print_metric(e, n, "calls_total", "Calls of the engine.", count_calls, 1, out);
	print_metric(e, n, "failures_total", "Calls that ended in an error, also an expected one.",
		count_failures, 1, out);
	print_metric(e, n, "seconds_total", "Time spent in calls.", count_ns, 1e-9, out);
}
