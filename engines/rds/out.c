/* Text on its way out: gathered, spilled, read in pieces. */
#include "engines/rds/sql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

/* ---- types, reals ---- */

enum rds_affinity rds_type_affinity(const char *type)
{
	if (strcasestr(type, "INT") != NULL) {
		return RDS_AFFINITY_INTEGER;
	}
	if (strcasestr(type, "CHAR") != NULL || strcasestr(type, "CLOB") != NULL ||
		strcasestr(type, "TEXT") != NULL) {
		return RDS_AFFINITY_TEXT;
	}
	if (type[0] == '\0' || strcasestr(type, "BLOB") != NULL) {
		return RDS_AFFINITY_BLOB;
	}
	return strcasestr(type, "REAL") != NULL || strcasestr(type, "FLOA") != NULL ||
			       strcasestr(type, "DOUB") != NULL
		       ? RDS_AFFINITY_REAL
		       : RDS_AFFINITY_NUMERIC;
}

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
	char text[40];

	if (isinf(value)) {
		buf_puts(out, value < 0 ? "-Inf" : "Inf");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (strtod(text, NULL) == value) {
			break;
		}
	}
	buf_puts(out, text);
	if (strpbrk(text, ".e") == NULL) {
		buf_puts(out, ".0");
	}
}
