/* `.control`: each complete line written to it is a command, run inside the
 * write(2) that completes it, so the program that wrote it learns the outcome. */
#include "fs/control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/reply.h"
#include "fs/reserved.h"

/* A command line; the longest name twice and some words fit. */
#define LINE_MAX_BYTES 8192

void control_results_init(struct control_results *r)
{
	*r = (struct control_results){0};
	pthread_mutex_init(&r->lock, NULL);
}

void control_results_finish(struct control_results *r)
{
	for (size_t i = 0; i < CONTROL_RESULTS; i++) {
		free(r->ring[i].dir);
		buf_free(&r->ring[i].text);
	}
	pthread_mutex_destroy(&r->lock);
}

/* Takes the text. */
static void keep(struct control_results *r, const char *dir, struct buf *text)
{
	LOCKED(&r->lock);
	struct control_result *slot = &r->ring[r->n++ % CONTROL_RESULTS];
	free(slot->dir);
	buf_free(&slot->text);
	slot->dir = strdup(dir);
	slot->text = *text;
}

void control_results_answer(struct control_results *r, const char *path, struct slice result)
{
	struct buf text = BUF_INIT;
	buf_append_slice(&text, result);
	keep(r, path, &text);
}

void control_results_add(struct control_results *r, const char *dir, struct slice line,
	const char *outcome, struct slice result)
{
	struct buf text = BUF_INIT;
	char when[TIME_TEXT_MAX];
	time_text(when, false);
	buf_printf(&text, "%s %.*s: %s\n", when, (int)line.n, line.p, outcome);
	buf_append_slice(&text, result);
	if (result.n > 0 && result.p[result.n - 1] != '\n') {
		buf_putc(&text, '\n');
	}
	keep(r, dir, &text);
}

void control_results_print(struct control_results *r, const char *dir, struct buf *out)
{
	LOCKED(&r->lock);
	size_t from = r->n > CONTROL_RESULTS ? r->n - CONTROL_RESULTS : 0;
	for (size_t i = from; i < r->n; i++) {
		const struct control_result *x = &r->ring[i % CONTROL_RESULTS];
		if (x->dir != NULL && strcmp(x->dir, dir) == 0) {
			buf_append_slice(out, buf_slice(&x->text));
		}
	}
}

bool control_results_last(struct control_results *r, const char *dir, struct buf *out)
{
	LOCKED(&r->lock);
	for (size_t i = 0; i < CONTROL_RESULTS && i < r->n; i++) {
		const struct control_result *x = &r->ring[(r->n - 1 - i) % CONTROL_RESULTS];
		if (x->dir != NULL && strcmp(x->dir, dir) == 0) {
			buf_append_slice(out, buf_slice(&x->text));
			return true;
		}
	}
	return false;
}

static int run_line(struct handle *h, struct slice line, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf result = BUF_INIT;
	CLEANUP(node_path_free) struct node_path where = {0};
	struct node *anchor = node_anchor(h->node);
	while (line.n > 0 && strchr(" \t\r", line.p[line.n - 1]) != NULL) {
		line.n--;
	}
	if (line.n == 0) {
		return 0;
	}
	loop_yield();
	node_text(&h->m->nodes, anchor, &dir);
	int rc = node_path(&h->m->nodes, anchor, &where, err);
	if (rc == 0) {
		rc = engine_command(where.engine, &where.path, line, &result, err);
	}
	control_results_add(&h->m->results, buf_cstr(&dir), line, rc == 0 ? "done" : err->msg,
		buf_slice(&result));
	notify_drain(h->m->notify);
	return rc;
}

static int control_write(
	struct handle *h, struct slice data, off_t off, bool append, struct err *err)
{
	(void)off;
	(void)append;
	buf_append_slice(&h->content, data);
	int rc = buf_check(&h->content, err);
	const char *end;
	while (rc == 0 && h->content.n > 0 &&
		(end = memchr(h->content.p, '\n', h->content.n)) != NULL) {
		size_t n = (size_t)(end - h->content.p);
		rc = run_line(h, slice_make(h->content.p, n), err);
		h->content.n -= n + 1;
		memmove(h->content.p, h->content.p + n + 1, h->content.n);
	}
	if (rc == 0 && h->content.n > LINE_MAX_BYTES) {
		rc = err_set(err, EINVAL, "a command line has at most %d bytes", LINE_MAX_BYTES);
	}
	if (rc < 0) {
		buf_clear(&h->content); /* what follows a failure is not run */
	}
	return rc;
}

static int control_truncate(struct handle *h, off_t size, struct err *err)
{
	(void)h;
	(void)size;
	(void)err;
	return 0;
}

/* A last line without newline runs when its writer closes. */
static int control_flush(struct handle *h, pid_t pid, struct err *err)
{
	(void)pid;
	int rc = run_line(h, buf_slice(&h->content), err);
	buf_clear(&h->content);
	return rc;
}

static int control_read(
	struct handle *h, off_t off, size_t n, struct slice *out, struct buf *tmp, struct err *err)
{
	int rc = control_text(h->m, h->node, h->uid, tmp, err);
	if (rc < 0) {
		return rc;
	}
	size_t from = (size_t)off < tmp->n ? (size_t)off : tmp->n;
	*out = slice_make(tmp->p + from, tmp->n - from < n ? tmp->n - from : n);
	return 0;
}

static const struct handle_ops control_ops = {
	.read = control_read,
	.write = control_write,
	.truncate = control_truncate,
	.flush = control_flush,
};

int control_text(struct mount *m, struct node *n, uid_t reader, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf last = BUF_INIT;
	CLEANUP(node_path_free) struct node_path where = {0};
	struct node *anchor = node_anchor(n);
	(void)reader;
	int rc = node_path(&m->nodes, anchor, &where, err);
	if (rc < 0) {
		return rc;
	}
	node_text(&m->nodes, anchor, &dir);
	buf_puts(out, "Commands understood here:\n");
	engine_commands_help(where.engine, where.path.depth, out);
	control_results_print(&m->results, buf_cstr(&dir), &last);
	buf_puts(out,
		last.n > 0 ? "\nLast results:\n" : "\nNothing was run here since the mount.\n");
	buf_append_slice(out, buf_slice(&last));
	return buf_check(out, err);
}

int handle_open_control(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	if (!(flags & O_TRUNC) && (flags & O_ACCMODE) == O_RDONLY) {
		return handle_open_text(m, n, flags, who, out, mode, err);
	}
	if (engine_read_only(n->engine)) {
		return err_set(
			err, EROFS, "this part of %s is read-only", engine_service(n->engine));
	}
	struct handle *h = handle_new(m, n, &control_ops, err);
	if (h == NULL) {
		return -ENOMEM;
	}
	h->uid = who->uid;
	mode->direct = true;
	*out = h;
	return 0;
}
