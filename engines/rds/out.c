/* Text on its way out: gathered, spilled, read in pieces. */
#include "engines/rds/sql.h"

#include <math.h>
#include <stdlib.h>

#include "engines/rds/rows.h"

#define PIECE_BYTES ((size_t)128 * 1024)

int rds_out_all(struct rds_out *out, struct err *err)
{
	int rc = buf_check(&out->text, err);

	if (rc == 0 && out->to != NULL) {
		rc = spill_add(out->to, buf_slice(&out->text), err);
		buf_clear(&out->text);
	}
	return rc;
}

int rds_out_some(struct rds_out *out, struct err *err)
{
	return out->text.n < PIECE_BYTES && !out->text.failed ? 0 : rds_out_all(out, err);
}

/* ---- streams ---- */

struct rds_stream {
	struct spill *text;
	uint64_t at;
};

struct rds_stream *rds_stream_new(struct spill *text, uint64_t *size)
{
	struct rds_stream *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		spill_free(text);
		return NULL;
	}
	s->text = text;
	*size = spill_size(text);
	return s;
}

int rds_stream_read(struct rds_stream *s, struct buf *out, struct err *err)
{
	size_t before = out->n;
	int rc = spill_read(s->text, s->at, PIECE_BYTES, out, err);

	s->at += out->n - before;
	return rc;
}

void rds_stream_close(struct rds_stream *s)
{
	if (s != NULL) {
		spill_free(s->text);
		free(s);
	}
}

/* ---- reals ---- */

bool rds_real_read(struct slice text, double *out)
{
	char copy[64];
	char *end;

	if (text.n == 0 || text.n >= sizeof(copy)) {
		return false;
	}
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	if (strspn(copy, "0123456789.eE+-") != text.n || strpbrk(copy, ".eE") == NULL) {
		return false;
	}
	*out = strtod(copy, &end);
	return *end == '\0' && isfinite(*out);
}

void rds_real_text(double value, struct buf *out)
{
	char text[RDS_NUMBER_MAX];

	buf_append(out, text, rds_real_print(value, text));
}
