/* Open files that are loaded as they are written: `.import/<mode>/<format>`,
 * NAME.<format> beside a directory, children that pass through, files that are loaded
 * (ENGINE_HAS_LOADS), and scripts. The last close commits, or fsync. A script
 * that answers (engine_ops.import_reply), opened to read and write, is a session: a read runs
 * what was written and gives the replies. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/reply.h"
#include "fs/transfer.h"

struct import {
	struct engine_import *sink; /* NULL before the first byte and after the end */
	uint64_t fed;
	int failed; /* errno of a failure, repeated by every later write and close */
	pid_t opener;
	bool truncated;	    /* beside: what was there goes */
	bool loaded;	    /* something was committed */
	int64_t start_ns;   /* of the first byte */
	char mode[16];	    /* that it was opened in */
	bool session;	    /* a script, whose writer reads the replies from the same open file */
	bool answers;	    /* engine_script.answers */
	struct buf replies; /* from `given` on not read yet */
	size_t given;
};

static bool is_beside(const struct handle *h)
{
	return node_row(h->node) == &reserved_beside;
}

static bool is_stream(const struct handle *h)
{
	return node_is_stream(h->node);
}

static bool is_load(const struct handle *h)
{
	return node_row(h->node) == &reserved_load;
}

static bool is_script(const struct handle *h)
{
	return !is_stream(h) && node_row(h->node)->place == PLACE_DATA;
}

/* Where a name that is written stands for what is there, too. */
static bool is_replaced(const struct handle *h)
{
	return is_beside(h) || is_stream(h);
}

/* The directory whose events tell of it. */
static struct node *dir_of(const struct handle *h)
{
	return is_stream(h) ? h->node->parent : node_anchor(h->node);
}

/* Into im->mode. */
static int choose_mode(
	struct handle *h, const struct transfer_place *p, bool append, struct err *err)
{
	struct import *im = h->state;
	struct engine_info info;
	const char *mode = is_script(h) ? "run" : is_load(h) ? "append" : NULL;
	if (is_replaced(h)) {
		int rc = engine_stat(p->where.engine, &p->path, 0, &info, err);
		if (rc < 0 && rc != -ENOENT) {
			return rc;
		}
		err_clear(err);
		mode = rc < 0 ? "create" : im->truncated ? "replace" : append ? "append" : "";
	}
	snprintf(
		im->mode, sizeof(im->mode), "%s", mode != NULL ? mode : node_name(h->node->parent));
	return im->mode[0] != '\0' ? 0
				   : err_set(err, EINVAL,
					     "%s is written whole (>) or appended to (>>), not "
					     "changed in the middle",
					     node_name(h->node));
}

/* ".sql", "import replace Track.csv", "import append jsonl" */
static void print_what(struct handle *h, struct buf *out)
{
	const struct import *im = h->state;
	buf_printf(out, is_script(h) ? "%s%s" : "import %s %s", is_script(h) ? "" : im->mode,
		node_name(h->node));
}

/* The directory whose events it is in; of one made or changed by the file beside it,
 * also that one's own. */
static void print_dir(struct handle *h, bool child, struct buf *out)
{
	node_text(&h->m->nodes, dir_of(h), out);
	if (child) {
		const char *name = node_name(h->node);
		buf_printf(out, "/%.*s", (int)(strrchr(name, '.') - name), name);
	}
}

static bool script_answers(const struct transfer_place *p, const char *name)
{
	struct engine_level level;
	if (engine_level(p->where.engine, &p->path, &level, NULL) != 0) {
		return false;
	}
	const struct engine_script *s = level.scripts;
	while (s != NULL && s->name != NULL && strcmp(s->name, name) != 0) {
		s++;
	}
	return s != NULL && s->name != NULL && s->answers;
}

static int import_start(struct handle *h, bool append, struct err *err)
{
	struct import *im = h->state;
	CLEANUP(transfer_place_free) struct transfer_place p;
	CLEANUP(buf_free) struct buf what = BUF_INIT;
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	int rc = transfer_place(h->m, h->node, &p, err);
	rc = rc == 0 ? choose_mode(h, &p, append, err) : rc;
	if (rc < 0) {
		return rc;
	}
	im->start_ns = monotonic_ns();
	rc = engine_import_open(p.where.engine, &p.path, im->mode, p.format, &im->sink, err);
	im->answers = rc == 0 && is_script(h) && script_answers(&p, node_name(h->node));
	if (rc == 0 && !im->answers) {
		print_what(h, &what);
		buf_puts(&what, ": started");
		print_dir(h, false, &dir);
		side_event(&h->m->side, buf_cstr(&dir), buf_cstr(&what));
	}
	return rc;
}

/* A report may begin with why it failed: that is not said twice. */
static bool says_why(const struct buf *report, int rc, const struct err *err)
{
	size_t n = rc < 0 ? strlen(err->msg) : 0;
	return n > 0 && report->n >= n && memcmp(report->p, err->msg, n) == 0;
}

static void keep_result(struct mount *m, const char *name, const char *what, int rc,
	const struct err *err, const struct buf *report)
{
	const char *failed = says_why(report, rc, err) ? "failed" : err->msg;
	control_results_add(
		&m->results, name, slice_of(what), rc == 0 ? "done" : failed, buf_slice(report));
}

void import_tell(struct mount *m, const char *dir, const char *what, int rc, const struct err *err,
	const struct buf *report)
{
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	struct slice text = buf_slice(report);
	keep_result(m, dir, what, rc, err, report);
	buf_printf(&line, "%s: %s", what, rc < 0 ? "failed: " : "");
	if (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		buf_append(&line, text.p, end != NULL ? (size_t)(end - text.p) : text.n);
	} else if (rc == 0) {
		buf_puts(&line, "done");
	}
	if (rc < 0 && !says_why(report, rc, err)) {
		buf_printf(&line, "%s%s", text.n > 0 ? "; " : "", err->msg);
	}
	side_event(&m->side, dir, buf_cstr(&line));
}

/* Of one that failed and did not answer, why. */
static void record_answer(struct handle *h, int rc, const struct err *err, struct buf *report)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	print_dir(h, false, &path);
	buf_printf(&path, "/%s", node_name(h->node));
	if (rc < 0 && report->n == 0) {
		buf_printf(report, "%s\n", err->msg);
	}
	/* A session that has read everything leaves what others were answered. */
	if (report->n > 0 || !((struct import *)h->state)->session) {
		control_results_answer(&h->m->results, buf_cstr(&path), buf_slice(report));
	}
}

static void import_record(struct handle *h, int rc, const struct err *err, struct buf *report)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf what = BUF_INIT;
	if (((struct import *)h->state)->answers) {
		record_answer(h, rc, err, report);
		return;
	}
	print_dir(h, false, &dir);
	print_what(h, &what);
	import_tell(h->m, buf_cstr(&dir), buf_cstr(&what), rc, err, report);
	if (is_script(h)) {
		/* What reading the script's name gives. */
		buf_printf(&dir, "/%s", node_name(h->node));
		keep_result(h->m, buf_cstr(&dir), buf_cstr(&what), rc, err, report);
	} else if (is_beside(h) && rc == 0) {
		CLEANUP(buf_free) struct buf own = BUF_INIT;
		print_dir(h, true, &own);
		import_tell(h->m, buf_cstr(&own), buf_cstr(&what), rc, err, report);
	}
}

static int import_fail(struct handle *h, int rc, const struct err *err)
{
	struct import *im = h->state;
	CLEANUP(buf_free) struct buf none = BUF_INIT;
	im->failed = -rc;
	if (im->sink != NULL) {
		engine_import_abort(im->sink);
		im->sink = NULL;
		import_record(h, rc, err, &none);
	}
	return rc;
}

static int import_write(
	struct handle *h, struct slice data, off_t off, bool append, struct err *err)
{
	struct import *im = h->state;
	if (im->failed != 0) {
		err->code = im->failed;
		return -im->failed;
	}
	if (!append && !im->session && (uint64_t)off != im->fed) {
		err_set(err, ESPIPE,
			"%s is written from front to back: at byte %llu, expected %llu",
			node_name(h->node), (unsigned long long)off, (unsigned long long)im->fed);
		return import_fail(h, -ESPIPE, err);
	}
	loop_yield();
	int rc = im->sink == NULL ? import_start(h, append, err) : 0;
	rc = rc == 0 ? engine_import_feed(im->sink, data, err) : rc;
	im->fed += data.n;
	return rc == 0 ? 0 : import_fail(h, rc, err);
}

static int import_truncate(struct handle *h, off_t size, struct err *err)
{
	struct import *im = h->state;
	im->truncated = im->truncated || (size == 0 && im->fed == 0);
	return im->fed == 0 || (uint64_t)size == im->fed
		       ? 0
		       : err_set(err, ESPIPE, "%s is written from front to back",
				 node_name(h->node));
}

/* `{ cat a; cat b; } > .import/...`: the opener's close is the end; that of a session its
 * last. 0: whoever closes it at all. */
static bool is_end(struct handle *h, pid_t pid)
{
	const struct import *im = h->state;
	return pid == 0 || (handle_same_process(pid, im->opener) &&
				   !(im->session && handle_is_open_in(h, pid)));
}

static int import_flush(struct handle *h, pid_t pid, struct err *err)
{
	struct import *im = h->state;
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	if (im->failed != 0) {
		err->code = im->failed;
		return -im->failed;
	}
	if (im->sink == NULL || !is_end(h, pid)) {
		return 0;
	}
	loop_yield();
	int rc = engine_import_finish(im->sink, &report, err);
	im->sink = NULL;
	im->failed = -rc;
	im->fed = 0;
	im->loaded = im->loaded || rc == 0;
	im->truncated = false;
	h->m->nodes.changes++;
	import_record(h, rc, err, &report);
	/* A directory that was made shows in the one above. */
	notify_list_now(h->m->notify, dir_of(h));
	notify_drain(h->m->notify);
	return rc;
}

static int import_size(struct handle *h, uint64_t *out, struct err *err)
{
	const struct import *im = h->state;
	(void)err;
	*out = im != NULL && !im->session ? im->fed : 0;
	return 0;
}

/* ---- sessions ---- */

/* What was written since the last time runs, and its replies are added. */
static int session_run(struct handle *h, struct err *err)
{
	struct import *im = h->state;
	if (im->failed != 0) {
		err->code = im->failed;
		return -im->failed;
	}
	if (im->sink == NULL) {
		return 0;
	}
	loop_yield();
	int rc = engine_import_reply(im->sink, &im->replies, err);
	h->m->nodes.changes++;
	notify_drain(h->m->notify);
	return rc < 0 ? import_fail(h, rc, err) : 0;
}

/* The replies come as a stream, whatever the offset; when all are read it ends, until
 * more is written. */
static int session_read(
	struct handle *h, off_t off, size_t n, struct slice *out, struct buf *tmp, struct err *err)
{
	struct import *im = h->state;
	(void)off;
	(void)tmp;
	if (im->given == im->replies.n) {
		buf_clear(&im->replies);
		im->given = 0;
	}
	int rc = session_run(h, err);
	if (rc < 0) {
		return rc;
	}
	size_t left = im->replies.n - im->given;
	*out = slice_make(left > 0 ? im->replies.p + im->given : NULL, left < n ? left : n);
	im->given += out->n;
	return 0;
}

static int session_sync(struct handle *h, struct err *err)
{
	return session_run(h, err);
}

static int import_sync(struct handle *h, struct err *err)
{
	return import_flush(h, 0, err);
}

static void import_finish(struct handle *h)
{
	struct import *im = h->state;
	struct err err = {0};
	if (im == NULL) {
		return;
	}
	if (im->sink != NULL && import_flush(h, 0, &err) < 0) {
		report_error(h->m, h->uid, "import", h->node, NULL, &err);
	} else if (is_replaced(h) && im->truncated && !im->loaded && im->failed == 0) {
		err_set(&err, EINVAL,
			"closed without any content: nothing was made, and what is there is as it "
			"was");
		report_error(h->m, h->uid, "close", h->node, NULL, &err);
	}
	buf_free(&im->replies);
	free(im);
}

static const struct handle_ops import_ops = {
	.write = import_write,
	.truncate = import_truncate,
	.flush = import_flush,
	.sync = import_sync,
	.size = import_size,
	.finish = import_finish,
};

static const struct handle_ops session_ops = {
	.read = session_read,
	.write = import_write,
	.truncate = import_truncate,
	.flush = import_flush,
	.sync = session_sync,
	.size = import_size,
	.finish = import_finish,
};

static int open_written(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	int rc = tree_writable(m, node_is_stream(n) ? n->parent : n, err);
	struct handle *h = rc == 0 ? handle_new(m, n, &import_ops, err) : NULL;
	if (h == NULL) {
		return -err->code;
	}
	struct import *im = calloc(1, sizeof(*im));
	if (im == NULL) {
		handle_free(h);
		return err_set(err, ENOMEM, "out of memory");
	}
	h->state = im;
	im->opener = who->pid;
	im->truncated = (flags & (O_TRUNC | O_CREAT)) != 0;
	h->uid = who->uid;
	mode->direct = true;
	*out = h;
	return 0;
}

static bool only_reads(int flags)
{
	return (flags & O_ACCMODE) == O_RDONLY && !(flags & O_TRUNC);
}

int handle_open_import(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	if (only_reads(flags)) {
		return err_set(err, EACCES, "%s is only written: cp FILE here; .export is read",
			node_name(n));
	}
	return open_written(m, n, flags, who, out, mode, err);
}

int handle_open_load(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	return open_written(m, n, flags, who, out, mode, err);
}

int handle_open_beside(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	return only_reads(flags) ? handle_open_export(m, n, flags, who, out, mode, err)
				 : open_written(m, n, flags, who, out, mode, err);
}

/* Its writer reads, too: the replies to what was written. */
static int open_session(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	int rc = open_written(m, n, flags, who, out, mode, err);
	if (rc == 0) {
		struct import *im = (*out)->state;
		im->session = true;
		(*out)->ops = &session_ops;
		mode->stream = true;
	}
	return rc;
}

int handle_open_script(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	if ((flags & O_ACCMODE) == O_RDWR && engine_ops(n->engine)->import_reply != NULL) {
		return open_session(m, n, flags, who, out, mode, err);
	}
	return only_reads(flags) ? handle_open_text(m, n, flags, who, out, mode, err)
				 : open_written(m, n, flags, who, out, mode, err);
}

int text_script(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	(void)reader;
	node_text(&m->nodes, n, &path);
	if (!control_results_last(&m->results, buf_cstr(&path), out)) {
		buf_printf(out,
			"Nothing was run here lately. What is written to %s runs as one "
			"transaction.\n",
			node_name(n));
	}
	return buf_check(out, err);
}
