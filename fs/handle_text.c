/* Open reserved files that are only read: a text made at open, or a log on disk. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "fs/reserved.h"

static const struct handle_ops text_ops = {
	.read = handle_read_content, .size = handle_size_content};

static int refuse_write(const struct node *n, int flags, struct err *err)
{
	if ((flags & O_ACCMODE) == O_RDONLY && !(flags & O_TRUNC)) {
		return 0;
	}
	return err_set(err, EACCES, "%s is only read", node_name(n));
}

int handle_open_text(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	int rc = refuse_write(n, flags, err);
	if (rc < 0) {
		return rc;
	}
	struct handle *h = handle_new(m, n, &text_ops, err);
	if (h == NULL) {
		return -ENOMEM;
	}
	rc = node_row(n)->text(m, n, who->uid, &h->content, err);
	if (rc < 0) {
		handle_free(h);
		return rc;
	}
	mode->direct = true;
	mode->no_flush = true;
	*out = h;
	return 0;
}

/* ---- logs: files on disk that grow while they are read ---- */

static void log_path(struct mount *m, struct node *n, struct buf *out)
{
	if (node_row(n)->place == PLACE_DBMOUNT) {
		buf_puts(out, m->opts->log_file);
		return;
	}
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	node_text(&m->nodes, node_anchor(n), &dir);
	side_events_path(&m->side, buf_cstr(&dir), out);
}

/* A log that was cut short (side.h), or is written anew since it was moved away, is
 * another file now; whoever follows it goes on with that, as if it was truncated. */
static void follow_log(struct handle *h)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;
	if (h->fd < 0 || fstat(h->fd, &st) < 0 || st.st_nlink > 0) {
		return;
	}
	log_path(h->m, h->node, &path);
	int fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		close(h->fd);
		h->fd = fd;
	}
}

static int log_read(
	struct handle *h, off_t off, size_t n, struct slice *out, struct buf *tmp, struct err *err)
{
	follow_log(h);
	if (h->fd < 0) {
		return handle_read_content(h, off, n, out, tmp, err);
	}
	if (!buf_resize(tmp, n)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	ssize_t got = pread(h->fd, tmp->p, n, off);
	if (got < 0) {
		return err_errno(err, "log");
	}
	*out = slice_make(tmp->p, (size_t)got);
	return 0;
}

static int log_size(struct handle *h, uint64_t *out, struct err *err)
{
	struct stat st;
	*out = 0;
	follow_log(h);
	if (h->fd >= 0 && fstat(h->fd, &st) < 0) {
		return err_errno(err, "log");
	}
	*out = h->fd >= 0 ? (uint64_t)st.st_size : 0;
	return 0;
}

static const struct handle_ops log_ops = {.read = log_read, .size = log_size};

int handle_size_log(struct mount *m, struct node *n, uint64_t *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;
	(void)err;
	log_path(m, n, &path);
	*out = stat(buf_cstr(&path), &st) == 0 ? (uint64_t)st.st_size : 0;
	return 0;
}

int handle_open_log(struct mount *m, struct node *n, int flags, const struct fuse_ctx *who,
	struct handle **out, struct handle_mode *mode, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	(void)who;
	int rc = refuse_write(n, flags, err);
	if (rc < 0) {
		return rc;
	}
	struct handle *h = handle_new(m, n, &log_ops, err);
	if (h == NULL) {
		return -ENOMEM;
	}
	log_path(m, n, &path);
	/* Made now when nothing was logged yet, so that `tail -f` of it goes on. */
	side_touch(buf_cstr(&path));
	h->fd = open(buf_cstr(&path), O_RDONLY | O_CLOEXEC);
	mode->direct = true;
	mode->no_flush = true;
	*out = h;
	return 0;
}
