#include "engines/redshift/load/decompress.h"

#include <bzlib.h>
#include <errno.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#define PIECE ((size_t)256 * 1024)

struct rs_decompress {
	enum rs_compression how;
	rs_bytes_fn *fn;
	void *arg;
	bool inside; /* a member has begun and not ended */
	bool begun;  /* there was one */
	union {
		z_stream gzip;
		bz_stream bzip2;
		ZSTD_DStream *zstd;
	};
	char piece[PIECE];
};

static const char *const names[] = {
	[RS_PLAIN] = "plain", [RS_GZIP] = "gzip", [RS_BZIP2] = "bzip2", [RS_ZSTD] = "zstd"};

struct rs_decompress *rs_decompress_new(enum rs_compression how, rs_bytes_fn *fn, void *arg)
{
	struct rs_decompress *d = malloc(sizeof(*d));
	if (d == NULL) {
		return NULL;
	}
	memset(d, 0, offsetof(struct rs_decompress, piece));
	d->how = how;
	d->fn = fn;
	d->arg = arg;
	if (how == RS_ZSTD && (d->zstd = ZSTD_createDStream()) == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

static void end_member(struct rs_decompress *d)
{
	if (d->how == RS_GZIP) {
		inflateEnd(&d->gzip);
	} else if (d->how == RS_BZIP2) {
		BZ2_bzDecompressEnd(&d->bzip2);
	}
	d->inside = false;
}

void rs_decompress_free(struct rs_decompress *d)
{
	if (d == NULL) {
		return;
	}
	if (d->how == RS_ZSTD) {
		ZSTD_freeDStream(d->zstd);
	} else if (d->inside) {
		end_member(d);
	}
	free(d);
}

static int begin_member(struct rs_decompress *d, struct err *err)
{
	bool ok = true;
	if (d->how == RS_GZIP) {
		memset(&d->gzip, 0, sizeof(d->gzip));
		ok = inflateInit2(&d->gzip, 15 + 16) == Z_OK;
	} else if (d->how == RS_BZIP2) {
		memset(&d->bzip2, 0, sizeof(d->bzip2));
		ok = BZ2_bzDecompressInit(&d->bzip2, 0, 0) == BZ_OK;
	}
	if (!ok) {
		return err_set(err, ENOMEM, "out of memory");
	}
	d->inside = true;
	d->begun = true;
	return 0;
}

static int damaged(const struct rs_decompress *d, struct err *err)
{
	return err_set(err, EINVAL, "the file is no %s, or is damaged", names[d->how]);
}

/* One step: *used of the bytes are taken, *made stand in piece. 1: the member ended. */
static int step(
	struct rs_decompress *d, struct slice bytes, size_t *used, size_t *made, struct err *err)
{
	int rc;
	if (d->how == RS_GZIP) {
		d->gzip.next_in = (Bytef *)(uintptr_t)bytes.p;
		d->gzip.avail_in = (uInt)bytes.n;
		d->gzip.next_out = (Bytef *)d->piece;
		d->gzip.avail_out = PIECE;
		rc = inflate(&d->gzip, Z_NO_FLUSH);
		*used = bytes.n - d->gzip.avail_in;
		*made = PIECE - d->gzip.avail_out;
		return rc == Z_STREAM_END		 ? 1
		       : rc == Z_OK || rc == Z_BUF_ERROR ? 0
							 : damaged(d, err);
	}
	if (d->how == RS_BZIP2) {
		d->bzip2.next_in = (char *)(uintptr_t)bytes.p;
		d->bzip2.avail_in = (unsigned)bytes.n;
		d->bzip2.next_out = d->piece;
		d->bzip2.avail_out = PIECE;
		rc = BZ2_bzDecompress(&d->bzip2);
		*used = bytes.n - d->bzip2.avail_in;
		*made = PIECE - d->bzip2.avail_out;
		return rc == BZ_STREAM_END ? 1 : rc == BZ_OK ? 0 : damaged(d, err);
	}
	ZSTD_inBuffer in = {bytes.p, bytes.n, 0};
	ZSTD_outBuffer out = {d->piece, PIECE, 0};
	size_t left = ZSTD_decompressStream(d->zstd, &out, &in);
	*used = in.pos;
	*made = out.pos;
	return ZSTD_isError(left) ? damaged(d, err) : left == 0 ? 1 : 0;
}

/* Also when nothing comes in any more a full piece may have left something behind. */
int rs_decompress_feed(struct rs_decompress *d, struct slice bytes, struct err *err)
{
	if (d->how == RS_PLAIN) {
		return bytes.n > 0 ? d->fn(d->arg, bytes, err) : 0;
	}
	size_t made = 0;
	while (bytes.n > 0 || (d->inside && made == PIECE)) {
		size_t used = 0;
		int rc = d->inside ? 0 : begin_member(d, err);
		rc = rc == 0 ? step(d, bytes, &used, &made, err) : rc;
		if (rc < 0) {
			return rc;
		}
		if (rc == 1) {
			end_member(d);
		}
		bytes.p += used;
		bytes.n -= used;
		rc = made > 0 ? d->fn(d->arg, slice_make(d->piece, made), err) : 0;
		if (rc < 0) {
			return rc;
		}
		if (used == 0 && made == 0 && bytes.n > 0) {
			return damaged(d, err);
		}
	}
	return 0;
}

int rs_decompress_end(struct rs_decompress *d, struct err *err)
{
	if (d->inside) {
		return err_set(err, EINVAL, "the %s file is cut off", names[d->how]);
	}
	return d->how == RS_PLAIN || d->begun
		       ? 0
		       : err_set(err, EINVAL, "the file is empty, which is no %s", names[d->how]);
}
