#include "engines/redshift/load/compress.h"

#include <bzlib.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define PIECE ((size_t)128 * 1024)

const char *const rs_compress_suffixes[] = {
	[RS_PLAIN] = "", [RS_GZIP] = ".gz", [RS_BZIP2] = ".bz2", [RS_ZSTD] = ".zst"};

struct rs_compress {
	enum rs_compression how;
	int fd;
	uint64_t written;
	union {
		z_stream gzip;
		bz_stream bzip2;
		ZSTD_CStream *zstd;
	};
	char piece[PIECE];
};

static int write_all(struct rs_compress *c, struct slice bytes, struct err *err)
{
	while (bytes.n > 0) {
		ssize_t n = write(c->fd, bytes.p, bytes.n);
		if (n < 0 && errno != EINTR) {
			return err_errno(err, "a file that is unloaded");
		}
		bytes.p += n > 0 ? n : 0;
		bytes.n -= n > 0 ? (size_t)n : 0;
		c->written += n > 0 ? (uint64_t)n : 0;
	}
	return 0;
}

static bool begin(struct rs_compress *c)
{
	switch (c->how) {
	case RS_GZIP:
		return deflateInit2(&c->gzip, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
			       Z_DEFAULT_STRATEGY) == Z_OK;
	case RS_BZIP2: return BZ2_bzCompressInit(&c->bzip2, 9, 0, 0) == BZ_OK;
	case RS_ZSTD: c->zstd = ZSTD_createCStream(); return c->zstd != NULL;
	default: return true;
	}
}

int rs_compress_new(enum rs_compression how, int fd, struct rs_compress **out, struct err *err)
{
	struct rs_compress *c = malloc(sizeof(*c));
	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	memset(c, 0, offsetof(struct rs_compress, piece));
	c->how = how;
	c->fd = fd;
	if (!begin(c)) {
		free(c);
		return err_set(err, ENOMEM, "out of memory");
	}
	*out = c;
	return 0;
}

/* One step: moves `bytes` on and writes what came of it. 1: there is nothing more to come. */
static int step(struct rs_compress *c, struct slice *bytes, bool last, struct err *err)
{
	size_t used = 0;
	size_t made = 0;
	bool done = false;
	if (c->how == RS_GZIP) {
		c->gzip.next_in = (Bytef *)(uintptr_t)bytes->p;
		c->gzip.avail_in = (uInt)bytes->n;
		c->gzip.next_out = (Bytef *)c->piece;
		c->gzip.avail_out = PIECE;
		done = deflate(&c->gzip, last ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_END;
		used = bytes->n - c->gzip.avail_in;
		made = PIECE - c->gzip.avail_out;
	} else if (c->how == RS_BZIP2) {
		c->bzip2.next_in = (char *)(uintptr_t)bytes->p;
		c->bzip2.avail_in = (unsigned)bytes->n;
		c->bzip2.next_out = c->piece;
		c->bzip2.avail_out = PIECE;
		done = BZ2_bzCompress(&c->bzip2, last ? BZ_FINISH : BZ_RUN) == BZ_STREAM_END;
		used = bytes->n - c->bzip2.avail_in;
		made = PIECE - c->bzip2.avail_out;
	} else {
		ZSTD_inBuffer in = {bytes->p, bytes->n, 0};
		ZSTD_outBuffer out = {c->piece, PIECE, 0};
		done = ZSTD_compressStream2(
			       c->zstd, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue) == 0;
		used = in.pos;
		made = out.pos;
	}
	bytes->p += used;
	bytes->n -= used;
	int rc = write_all(c, slice_make(c->piece, made), err);
	return rc < 0 ? rc : done && last;
}

int rs_compress_add(struct rs_compress *c, struct slice bytes, struct err *err)
{
	int rc = 0;
	if (c->how == RS_PLAIN) {
		return write_all(c, bytes, err);
	}
	while (rc == 0 && bytes.n > 0) {
		rc = step(c, &bytes, false, err);
	}
	return rc < 0 ? rc : 0;
}

int rs_compress_end(struct rs_compress *c, struct err *err)
{
	struct slice none = slice_make("", 0);
	int rc = c->how == RS_PLAIN ? 1 : 0;
	while (rc == 0) {
		rc = step(c, &none, true, err);
	}
	return rc < 0 ? rc : 0;
}

uint64_t rs_compress_written(const struct rs_compress *c)
{
	return c->written;
}

void rs_compress_free(struct rs_compress *c)
{
	if (c == NULL) {
		return;
	}
	switch (c->how) {
	case RS_GZIP: deflateEnd(&c->gzip); break;
	case RS_BZIP2: BZ2_bzCompressEnd(&c->bzip2); break;
	case RS_ZSTD: ZSTD_freeCStream(c->zstd); break;
	default: break;
	}
	free(c);
}
