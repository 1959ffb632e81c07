/* Reading records in order, and finding one by its time. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>

#include "engines/common/cleanup.h"
#include "engines/store/segment_impl.h"

int segment_read(const struct segments *s, int fd, uint64_t offset, uint64_t n, struct buf *out,
	struct err *err)
{
	if (!buf_resize(out, n)) {
		buf_free(out);
		return err_set(err, ENOMEM, "%s: out of memory for a commit of %" PRIu64 " bytes",
			s->dir, n);
	}
	ssize_t got = s->disk->read(fd, out->p, n, offset);
	if (got < 0) {
		return (int)got;
	}
	out->n = (size_t)got;
	return 0;
}

void segment_reader_init(struct segment_reader *r, struct segments *s, uint64_t next)
{
	*r = (struct segment_reader){.s = s, .next = next, .fd = -1};
}

void segment_reader_finish(struct segment_reader *r)
{
	if (r->fd >= 0) {
		r->s->disk->close(r->fd);
	}
	buf_free(&r->bytes);
	r->fd = -1;
}

/* Index of the segment that holds or would hold `sequence`; list not empty and
 * not all above. Under s->lock. */
static size_t index_of(const struct segments *s, uint64_t sequence)
{
	size_t low = 0;
	size_t high = s->n;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (s->list[middle].first <= sequence) {
			low = middle;
		} else {
			high = middle;
		}
	}
	return low;
}

/* 1 and the segment of r->next; 0: not there yet. */
static int locate(const struct segment_reader *r, struct segment *out, struct err *err)
{
	struct segments *s = r->s;
	LOCKED(&s->lock);
	if (s->n == 0 || r->next > s->last.sequence) {
		return 0;
	}
	if (r->next < s->list[0].first) {
		return err_set(err, ENODATA,
			"%s no longer holds commit %" PRIu64 "; its oldest is %" PRIu64, s->dir,
			r->next, s->list[0].first);
	}
	*out = s->list[index_of(s, r->next)];
	return 1;
}

static int use_segment(struct segment_reader *r, const struct segment *g, struct err *err)
{
	if (r->fd >= 0 && r->first == g->first && r->at <= r->next) {
		return 0;
	}
	if (r->fd >= 0) {
		r->s->disk->close(r->fd);
	}
	CLEANUP(buf_free) struct buf buf = BUF_INIT;
	const char *name = segment_name(r->s, g->first, &buf);
	r->fd = r->s->disk->open(name, O_RDONLY);
	r->first = r->at = g->first;
	r->offset = 0;
	if (r->fd >= 0) {
		return 0;
	}
	int code = r->fd == -ENOENT ? -ENODATA : r->fd;
	r->fd = -1;
	return disk_error(code, name, "cannot be opened", err);
}

static int damaged(const struct segment_reader *r, struct err *err)
{
	return err_set(err, EIO,
		"%s/%016" PRIx64 ".seg is damaged at byte %" PRIu64 ", in commit %" PRIu64,
		r->s->dir, r->first, r->offset, r->at);
}

/* The fixed part of the record at r->offset, which must be number r->at. */
static int read_header(
	struct segment_reader *r, const struct segment *g, struct record *out, struct err *err)
{
	unsigned char header[RECORD_HEADER];
	ssize_t got = r->s->disk->read(r->fd, header, sizeof(header), r->offset);
	if (got < 0) {
		return disk_error((int)got, r->s->dir, "cannot be read", err);
	}
	if (got < RECORD_HEADER || !record_decode_header(header, out) || out->sequence != r->at ||
		r->offset + record_size(out) > g->bytes) {
		return damaged(r, err);
	}
	return 0;
}

/* 1: r->offset is that of r->next, *out its fixed part. */
static int seek(struct segment_reader *r, struct record *out, struct err *err)
{
	struct segment g = {0};
	int rc = locate(r, &g, err);
	if (rc != 1) {
		return rc;
	}
	rc = use_segment(r, &g, err);
	while (rc == 0) {
		rc = read_header(r, &g, out, err);
		if (rc != 0 || r->at == r->next) {
			break;
		}
		r->offset += record_size(out);
		r->at++;
	}
	return rc != 0 ? rc : 1;
}

int segment_reader_peek(struct segment_reader *r, struct record *out, struct err *err)
{
	return seek(r, out, err);
}

int segment_reader_next(struct segment_reader *r, struct record *out, struct err *err)
{
	int rc = seek(r, out, err);
	if (rc != 1) {
		return rc;
	}
	uint64_t size = record_size(out);
	rc = segment_read(r->s, r->fd, r->offset, size, &r->bytes, err);
	if (rc != 0) {
		return disk_error(rc, r->s->dir, "cannot be read", err);
	}
	if (r->bytes.n != size || !record_decode((unsigned char *)r->bytes.p, size, out)) {
		return damaged(r, err);
	}
	r->offset += size;
	r->at++;
	r->next++;
	return 1;
}

uint64_t segment_reader_behind(struct segment_reader *r)
{
	struct record ignored;
	struct err err = {0};
	/* So that r->offset is in the right segment. */
	if (segment_reader_peek(r, &ignored, &err) != 1) {
		return 0;
	}
	LOCKED(&r->s->lock);
	uint64_t sum = 0;
	for (size_t i = 0; i < r->s->n; i++) {
		sum += r->s->list[i].first >= r->first ? r->s->list[i].bytes : 0;
	}
	return sum - r->offset;
}

/* ---- by time ---- */

static uint64_t first_of(struct segments *s, size_t i, size_t *n)
{
	LOCKED(&s->lock);
	*n = s->n;
	return i < s->n ? s->list[i].first : 0;
}

/* Reads the fixed part of record `sequence`; 0 or -errno. */
static int header_of(
	struct segment_reader *r, uint64_t sequence, struct record *out, struct err *err)
{
	r->next = sequence;
	int rc = segment_reader_peek(r, out, err);
	return rc == 0 ? err_set(err, ENODATA, "%s has no commit %" PRIu64, r->s->dir, sequence)
		       : (rc < 0 ? rc : 0);
}

/* The first sequence of the newest segment that begins not after the time, or of
 * the oldest one. */
static int find_segment(struct segment_reader *r, int64_t time_ns, uint64_t *out, struct err *err)
{
	size_t low = 0;
	size_t high;
	struct record header = {0};
	*out = first_of(r->s, 0, &high);
	while (high - low > 1) {
		size_t n;
		size_t middle = low + (high - low) / 2;
		uint64_t first = first_of(r->s, middle, &n);
		int rc = header_of(r, first, &header, err);
		if (rc != 0) {
			return rc;
		}
		if (header.time_ns <= time_ns) {
			low = middle;
			*out = first;
		} else {
			high = middle;
		}
	}
	return 0;
}

int segments_find_time(struct segments *s, int64_t time_ns, uint64_t *out, struct err *err)
{
	struct segment_reader r;
	struct record last = segments_last(s);
	*out = last.sequence;
	if (last.sequence == 0 || last.time_ns <= time_ns) {
		return 0;
	}
	segment_reader_init(&r, s, 0);
	uint64_t sequence;
	struct record header = {0};
	int rc = find_segment(&r, time_ns, &sequence, err);
	*out = 0;
	while (rc == 0 && sequence <= last.sequence) {
		rc = header_of(&r, sequence, &header, err);
		if (rc != 0 || header.time_ns > time_ns) {
			break;
		}
		*out = sequence++;
	}
	segment_reader_finish(&r);
	return rc;
}
