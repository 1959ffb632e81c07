/* A record is a fixed head and the bytes of pk, sk and doc. A run in memory is
 * records one after another and a list of their places, sorted when it is full
 * or read. A run that is full is appended to the file in order; the runs of the
 * file need no marks between them, since reading does not merge. */
#include "engines/dynamodb/spool.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/datadir.h"

#define RUN_BYTES ((size_t)16 * 1024 * 1024)

struct head {
	uint64_t number, line;
	uint64_t psize, tsize, cpsize, ctsize, bytes;
	uint32_t pk_n, sk_n, doc_n;
	uint32_t unused; /* the head's size is a multiple of its alignment */
};

struct ddb_spool {
	char *dir;
	int fd; /* -1 until the first full run */
	struct buf run;
	struct place *places;
	size_t n_places;
	size_t cap_places;
};

struct place {
	const struct buf *run;
	size_t offset;
};

struct ddb_spool *ddb_spool_new(const char *dir)
{
	struct ddb_spool *s = calloc(1, sizeof(*s));

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

void ddb_spool_free(struct ddb_spool *s)
{
	if (s == NULL) {
		return;
	}
	cleanup_close(&s->fd);
	buf_free(&s->run);
	free(s->places);
	free(s->dir);
	free(s);
}

/* ---- records ---- */

static struct head head_at(const char *p)
{
	struct head h;

	memcpy(&h, p, sizeof(h));
	return h;
}

static size_t record_size(const struct head *h)
{
	return sizeof(*h) + h->pk_n + h->sk_n + h->doc_n;
}

static int compare_places(const void *a, const void *b)
{
	const struct place *x = a;
	const struct place *y = b;
	const char *p = x->run->p + x->offset;
	const char *q = y->run->p + y->offset;
	struct head hx = head_at(p);
	struct head hy = head_at(q);

	int order = slice_compare(
		slice_make(p + sizeof(hx), hx.pk_n), slice_make(q + sizeof(hy), hy.pk_n));
	if (order == 0) {
		order = slice_compare(slice_make(p + sizeof(hx) + hx.pk_n, hx.sk_n),
			slice_make(q + sizeof(hy) + hy.pk_n, hy.sk_n));
	}
	/* qsort is not stable; offsets are in the order of adding. */
	return order != 0 ? order : (x->offset > y->offset) - (x->offset < y->offset);
}

static void sort_run(struct ddb_spool *s)
{
	if (s->n_places > 1) {
		qsort(s->places, s->n_places, sizeof(*s->places), compare_places);
	}
}

/* ---- the file ---- */

static int open_file(struct ddb_spool *s, struct err *err)
{
	s->fd = datadir_open_unnamed(s->dir, err);
	return s->fd < 0 ? s->fd : 0;
}

static int write_all(int fd, struct slice text, struct err *err)
{
	while (text.n > 0) {
		ssize_t n = write(fd, text.p, text.n);
		if (n < 0 && errno != EINTR) {
			return err_errno(err, "writing what is imported to a temporary file");
		}
		if (n > 0) {
			text.p += n;
			text.n -= (size_t)n;
		}
	}
	return 0;
}

#define WRITE_BYTES ((size_t)256 * 1024)

static int write_run(struct ddb_spool *s, struct err *err)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	int rc = s->fd < 0 ? open_file(s, err) : 0;

	sort_run(s);
	for (size_t i = 0; rc == 0 && i < s->n_places; i++) {
		const char *p = s->run.p + s->places[i].offset;
		struct head h = head_at(p);
		buf_append(&out, p, record_size(&h));
		if (out.n >= WRITE_BYTES || i + 1 == s->n_places) {
			rc = buf_check(&out, err);
			rc = rc < 0 ? rc : write_all(s->fd, buf_slice(&out), err);
			buf_clear(&out);
		}
	}
	s->n_places = 0;
	buf_clear(&s->run);
	return rc;
}

/* ---- adding ---- */

static int add_place(struct ddb_spool *s, struct err *err)
{
	if (s->n_places == s->cap_places) {
		size_t cap = s->cap_places == 0 ? 64 : 2 * s->cap_places;
		struct place *more = realloc(s->places, cap * sizeof(*more));
		if (more == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		s->places = more;
		s->cap_places = cap;
	}
	s->places[s->n_places++] = (struct place){&s->run, s->run.n};
	return 0;
}

int ddb_spool_add(struct ddb_spool *s, const struct ddb_row *row, const struct ddb_origin *origin,
	struct err *err)
{
	struct head h = {
		.number = origin->number,
		.line = origin->line,
		.psize = row->psize,
		.tsize = row->tsize,
		.cpsize = row->cpsize,
		.ctsize = row->ctsize,
		.bytes = row->bytes,
		.pk_n = (uint32_t)row->pk.n,
		.sk_n = (uint32_t)row->sk.n,
		.doc_n = (uint32_t)row->doc.n,
	};

	int rc = add_place(s, err);
	if (rc < 0) {
		return rc;
	}
	buf_append(&s->run, &h, sizeof(h));
	buf_append_slice(&s->run, buf_slice(&row->pk));
	buf_append_slice(&s->run, buf_slice(&row->sk));
	buf_append_slice(&s->run, buf_slice(&row->doc));
	rc = buf_check(&s->run, err);
	if (rc == 0 && s->run.n >= RUN_BYTES) {
		rc = write_run(s, err);
	}
	return rc;
}

/* ---- reading ---- */

static void set_bytes(struct buf *out, const char *p, size_t n)
{
	buf_clear(out);
	buf_append(out, p, n);
}

static int emit(const char *p, struct ddb_row *row, ddb_spool_fn *fn, void *arg, struct err *err)
{
	struct head h = head_at(p);
	struct ddb_origin origin = {h.number, h.line};

	p += sizeof(h);
	set_bytes(&row->pk, p, h.pk_n);
	set_bytes(&row->sk, p + h.pk_n, h.sk_n);
	set_bytes(&row->doc, p + h.pk_n + h.sk_n, h.doc_n);
	row->psize = h.psize;
	row->tsize = h.tsize;
	row->cpsize = h.cpsize;
	row->ctsize = h.ctsize;
	row->bytes = h.bytes;
	if (row->pk.failed || row->sk.failed || row->doc.failed) {
		return err_set(err, ENOMEM, "out of memory");
	}
	return fn(arg, row, &origin, err);
}

/* Makes at least `want` bytes of the file stand in `in` from *at on: 1, or 0
 * when the file ends first. */
static int fill(int fd, struct buf *in, size_t *at, size_t want, struct err *err)
{
	if (in->n - *at >= want) {
		return 1;
	}
	memmove(in->p, in->p + *at, in->n - *at);
	in->n -= *at;
	*at = 0;
	while (in->n < want) {
		size_t before = in->n;
		size_t more = want - before > WRITE_BYTES ? want - before : WRITE_BYTES;
		if (!buf_reserve(in, before + more)) {
			return err_set(err, ENOMEM, "out of memory");
		}
		ssize_t n = read(fd, in->p + before, more);
		if (n < 0 && errno != EINTR) {
			return err_errno(err, "reading what is imported from a temporary file");
		}
		if (n == 0) {
			return before == 0 ? 0
					   : err_set(err, EIO, "a temporary file ends too early");
		}
		in->n += n > 0 ? (size_t)n : 0;
	}
	return 1;
}

static int each_in_file(
	struct ddb_spool *s, struct ddb_row *row, ddb_spool_fn *fn, void *arg, struct err *err)
{
	CLEANUP(buf_free) struct buf in = BUF_INIT;
	size_t at = 0;
	int rc;

	if (lseek(s->fd, 0, SEEK_SET) < 0) {
		return err_errno(err, "reading what is imported from a temporary file");
	}
	if (!buf_reserve(&in, WRITE_BYTES)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	while ((rc = fill(s->fd, &in, &at, sizeof(struct head), err)) == 1) {
		struct head h = head_at(in.p + at);
		size_t size = record_size(&h);
		rc = fill(s->fd, &in, &at, size, err);
		rc = rc < 0 ? rc : emit(in.p + at, row, fn, arg, err);
		if (rc != 0) {
			return rc;
		}
		at += size;
	}
	return rc;
}

int ddb_spool_each(struct ddb_spool *s, ddb_spool_fn *fn, void *arg, struct err *err)
{
	CLEANUP(ddb_row_free) struct ddb_row row = {0};
	int rc = s->fd >= 0 ? each_in_file(s, &row, fn, arg, err) : 0;

	sort_run(s);
	for (size_t i = 0; rc == 0 && i < s->n_places; i++) {
		rc = emit(s->run.p + s->places[i].offset, &row, fn, arg, err);
	}
	return rc;
}
