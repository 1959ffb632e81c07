/* What is read as a stream: tables in their forms, slices, tables of a lake. */
#include <stdlib.h>

#include "engines/redshift/service/service.h"

#define PIECE ((size_t)256 * 1024)

/* ---- of what is there as bytes ---- */

struct spilled {
	struct redshift_stream stream;
	struct spill *spill;
	uint64_t at;
};

static int spilled_read(struct redshift_stream *stream, struct buf *out, struct err *err)
{
	struct spilled *s = (struct spilled *)stream;
	size_t before = out->n;

	int rc = spill_read(s->spill, s->at, PIECE, out, err);
	s->at += out->n - before;
	return rc;
}

static void spilled_close(struct redshift_stream *stream)
{
	struct spilled *s = (struct spilled *)stream;

	spill_free(s->spill);
	free(s);
}

struct redshift_stream *redshift_stream_of_spill(struct spill *spill, uint64_t *size)
{
	struct spilled *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		spill_free(spill);
		return NULL;
	}
	s->stream = (struct redshift_stream){spilled_read, spilled_close};
	s->spill = spill;
	*size = spill_size(spill);
	return &s->stream;
}

struct filed {
	struct redshift_stream stream;
	int fd;
	off_t at;
};

static int filed_read(struct redshift_stream *stream, struct buf *out, struct err *err)
{
	struct filed *f = (struct filed *)stream;

	if (!buf_reserve(out, out->n + PIECE)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	ssize_t n = pread(f->fd, out->p + out->n, PIECE, f->at);
	if (n < 0) {
		return err_errno(err, "an export");
	}
	out->n += (size_t)n;
	f->at += n;
	return 0;
}

static void filed_close(struct redshift_stream *stream)
{
	struct filed *f = (struct filed *)stream;

	cleanup_close(&f->fd);
	free(f);
}

struct redshift_stream *redshift_stream_of_file(int fd)
{
	struct filed *f = calloc(1, sizeof(*f));

	if (f == NULL) {
		cleanup_close(&fd);
		return NULL;
	}
	f->stream = (struct redshift_stream){filed_read, filed_close};
	f->fd = fd;
	return &f->stream;
}

/* ---- export ---- */

static const char *const formats[REDSHIFT_FORMS] = {
	[REDSHIFT_CSV] = "csv", [REDSHIFT_JSONL] = "jsonl", [REDSHIFT_PARQUET] = "parquet"};

int redshift_form_of(const char *format, enum redshift_form *out, struct err *err)
{
	for (unsigned k = 0; k < REDSHIFT_FORMS; k++) {
		if (strcmp(format, formats[k]) == 0) {
			*out = (enum redshift_form)k;
			return 0;
		}
	}
	return err_set(err, EINVAL, "there is no format %s", format);
}

static int open_parquet(struct redshift *x, const struct epath *path, struct redshift_stream **out,
	uint64_t *size, struct err *err)
{
	REDSHIFT_PLACE p = {0};
	const struct rs_table *t;
	int fd = -1;

	int rc = redshift_place(x, path, &p, err);
	rc = rc < 0 ? rc : redshift_table_at(&p, path, &t, err);
	rc = rc < 0 ? rc : redshift_parquet(&p, t, &fd, size, err);
	if (rc < 0) {
		return rc;
	}
	*out = redshift_stream_of_file(fd);
	return *out != NULL ? 0 : err_set(err, ENOMEM, "out of memory");
}

int redshift_slice_of(struct slice key, unsigned *out, struct err *err)
{
	unsigned n = 0;

	for (size_t k = 0; k < key.n && key.n <= 6; k++) {
		if (key.p[k] < '0' || key.p[k] > '9') {
			return err_set(err, ENOENT, "slices are numbers");
		}
		n = n * 10 + (unsigned)(key.p[k] - '0');
	}
	if (key.n == 0 || key.n > 6 || (key.n > 1 && key.p[0] == '0')) {
		return err_set(err, ENOENT, "there is no such slice");
	}
	*out = n;
	return 0;
}

int redshift_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err)
{
	struct redshift_part part = {.slice = REDSHIFT_ALL_SLICES};
	struct redshift_stream *s = NULL;
	struct redshift *x = ctx;

	if (x->view != NULL && x->view->room == REDSHIFT_LAKE) {
		return redshift_lake_export(x, path, format, stream, size, err);
	}
	if (path->depth != 3) {
		return err_set(err, ENOTSUP, "there is nothing to export here");
	}
	int rc = redshift_form_of(format, &part.form, err);
	if (rc == 0 && x->view != NULL && x->view->room == REDSHIFT_SLICES_OF) {
		rc = redshift_slice_of(path->key[2], &part.slice, err);
	}
	if (rc < 0) {
		return rc;
	}
	rc = part.form == REDSHIFT_PARQUET ? open_parquet(x, path, &s, size, err)
					   : redshift_rows_open(x, path, &part, &s, size, err);
	if (rc == 0) {
		*stream = s;
	}
	return rc;
}

int redshift_export_read(void *stream, struct buf *out, struct err *err)
{
	struct redshift_stream *s = stream;

	return s->read(s, out, err);
}

void redshift_export_close(void *stream)
{
	struct redshift_stream *s = stream;

	if (s != NULL) {
		s->close(s);
	}
}
