/* The last bytes are in `tail`, which stands behind those in the file. */
#include "engines/common/spill.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/datadir.h"

#define TAIL_BYTES ((size_t)512 * 1024)

struct spill {
	char *dir;
	int fd; /* -1 until the tail is full the first time */
	uint64_t in_file;
	struct buf tail;
};

struct spill *spill_new(const char *dir)
{
	struct spill *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	s->fd = -1;
	s->dir = strdup(dir);
	if (s->dir == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void spill_free(struct spill *s)
{
	if (s == NULL) {
		return;
	}
	cleanup_close(&s->fd);
	buf_free(&s->tail);
	free(s->dir);
	free(s);
}

uint64_t spill_size(const struct spill *s)
{
	return s->in_file + s->tail.n;
}

/* What was in the file stays there until it is written over. */
void spill_clear(struct spill *s)
{
	s->in_file = 0;
	buf_clear(&s->tail);
}

/* ---- writing ---- */

static int open_file(struct spill *s, struct err *err)
{
	s->fd = datadir_open_unnamed(s->dir, err);
	return s->fd < 0 ? s->fd : 0;
}

static int write_out(struct spill *s, struct slice bytes, struct err *err)
{
	while (bytes.n > 0) {
		ssize_t n = pwrite(s->fd, bytes.p, bytes.n, (off_t)s->in_file);
		if (n < 0 && errno != EINTR) {
			return err_errno(err, "writing a temporary file in %s", s->dir);
		}
		if (n > 0) {
			bytes.p += n;
			bytes.n -= (size_t)n;
			s->in_file += (uint64_t)n;
		}
	}
	return 0;
}

int spill_add(struct spill *s, struct slice bytes, struct err *err)
{
	buf_append_slice(&s->tail, bytes);
	int rc = buf_check(&s->tail, err);
	if (rc < 0 || s->tail.n < TAIL_BYTES) {
		return rc;
	}
	rc = s->fd < 0 ? open_file(s, err) : 0;
	rc = rc < 0 ? rc : write_out(s, buf_slice(&s->tail), err);
	buf_clear(&s->tail);
	return rc;
}

/* ---- reading ---- */

static int read_file(struct spill *s, uint64_t at, size_t n, struct buf *out, struct err *err)
{
	size_t before = out->n;

	if (!buf_resize(out, before + n)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (size_t done = 0; done < n;) {
		ssize_t got = pread(s->fd, out->p + before + done, n - done, (off_t)(at + done));
		if (got == 0 || (got < 0 && errno != EINTR)) {
			errno = got == 0 ? EIO : errno;
			return err_errno(err, "reading a temporary file in %s", s->dir);
		}
		done += got > 0 ? (size_t)got : 0;
	}
	return 0;
}

int spill_read(struct spill *s, uint64_t at, size_t max, struct buf *out, struct err *err)
{
	if (at < s->in_file) {
		uint64_t left = s->in_file - at;
		size_t n = left < max ? (size_t)left : max;
		int rc = read_file(s, at, n, out, err);
		if (rc < 0) {
			return rc;
		}
		at += n;
		max -= n;
	}
	if (at >= s->in_file && at - s->in_file < s->tail.n) {
		size_t from = (size_t)(at - s->in_file);
		size_t n = s->tail.n - from < max ? s->tail.n - from : max;
		buf_append(out, s->tail.p + from, n);
	}
	return buf_check(out, err);
}
