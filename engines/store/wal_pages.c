#include "engines/store/wal_pages.h"

#include <errno.h>
#include <fcntl.h>

#define HEADER	     32
#define FRAME_HEADER 24
#define MAGIC	     0x377f0682u

/* SQLite's: over pairs of words, of the byte order the header names. */
static void add_sum(const struct wal_pages *w, const unsigned char *p, size_t n, uint32_t sum[2])
{
	for (size_t i = 0; i + 8 <= n; i += 8) {
		uint32_t a = w->big_endian ? get_be32(p + i) : get_u32(p + i);
		uint32_t b = w->big_endian ? get_be32(p + i + 4) : get_u32(p + i + 4);
		sum[0] += a + sum[1];
		sum[1] += b + sum[0];
	}
}

static bool read_header(struct wal_pages *w, const unsigned char *h)
{
	uint32_t size = get_be32(h + 8);
	w->big_endian = (get_be32(h) & 1) != 0;
	w->page_size = size;
	memcpy(w->salt, h + 16, sizeof(w->salt));
	add_sum(w, h, 24, w->sum);
	return (get_be32(h) & ~1u) == MAGIC && size >= 512 && size <= 65536 &&
	       (size & (size - 1)) == 0 && get_be32(h + 24) == w->sum[0] &&
	       get_be32(h + 28) == w->sum[1];
}

int wal_pages_open(
	struct wal_pages *w, const struct disk_ops *disk, const char *path, struct err *err)
{
	unsigned char h[HEADER];
	*w = (struct wal_pages){.disk = disk, .path = path, .fd = -1};
	int fd = disk->open(path, O_RDONLY);
	if (fd < 0) {
		return fd == -ENOENT ? 0 : disk_error(fd, path, "cannot be opened", err);
	}
	ssize_t got = disk->read(fd, h, sizeof(h), 0);
	if (got == HEADER && read_header(w, h)) {
		w->fd = fd;
		return 1;
	}
	disk->close(fd);
	return got < 0 ? disk_error((int)got, path, "cannot be read", err) : 0;
}

void wal_pages_close(struct wal_pages *w)
{
	if (w->fd >= 0) {
		w->disk->close(w->fd);
	}
	buf_free(&w->frame);
	w->fd = -1;
}

/* The sums are chained: where those of `frame` begin is what the one before it
 * ends with. 1; 0: the file ends before it. */
static int sum_before(struct wal_pages *w, uint32_t frame, uint32_t sum[2], struct err *err)
{
	unsigned char h[FRAME_HEADER];
	memcpy(sum, w->sum, sizeof(w->sum));
	if (frame == 1) {
		return 1;
	}
	uint64_t at = HEADER + (uint64_t)(frame - 2) * (FRAME_HEADER + w->page_size);
	ssize_t got = w->disk->read(w->fd, h, sizeof(h), at);
	if (got < 0) {
		return disk_error((int)got, w->path, "cannot be read", err);
	}
	sum[0] = get_be32(h + 16);
	sum[1] = get_be32(h + 20);
	return got == FRAME_HEADER;
}

/* Whether w->frame has the checksum it should; goes on to its sums. */
static bool frame_holds(const struct wal_pages *w, uint32_t sum[2])
{
	const unsigned char *h = (const unsigned char *)w->frame.p;
	add_sum(w, h, 8, sum);
	add_sum(w, h + FRAME_HEADER, w->page_size, sum);
	return get_be32(h + 16) == sum[0] && get_be32(h + 20) == sum[1];
}

/* The frame, from 1, in w->frame. 1; 0: the file ends, or begins anew, before it. */
static int read_frame(struct wal_pages *w, uint32_t frame, struct err *err)
{
	size_t size = FRAME_HEADER + w->page_size;
	if (!buf_resize(&w->frame, size)) {
		return buf_check(&w->frame, err);
	}
	ssize_t got = w->disk->read(w->fd, w->frame.p, size, HEADER + (uint64_t)(frame - 1) * size);
	if (got < 0) {
		return disk_error((int)got, w->path, "cannot be read", err);
	}
	return (size_t)got == size && memcmp(w->frame.p + 8, w->salt, sizeof(w->salt)) == 0;
}

int wal_pages_add(
	struct wal_pages *w, uint32_t first, uint32_t last, struct page_set *set, struct err *err)
{
	uint32_t sum[2];
	int rc = sum_before(w, first, sum, err);
	for (uint32_t frame = first; rc >= 0 && frame <= last; frame++) {
		rc = rc == 0 ? 0 : read_frame(w, frame, err);
		if (rc < 0) {
			return rc;
		}
		const unsigned char *h = (const unsigned char *)w->frame.p;
		uint32_t db_pages = rc == 1 ? get_be32(h + 4) : 0;
		if (rc == 0 || !frame_holds(w, sum) || (frame == last && db_pages == 0) ||
			(set->n > 0 && set->page_size != w->page_size)) {
			return err_set(err, EIO, "%s: frame %u is not that of the commit", w->path,
				(unsigned)frame);
		}
		unsigned char *page = page_set_add(set, w->page_size, get_be32(h));
		if (page == NULL) {
			return err_set(err, ENOMEM, "%s: out of memory for the pages of a commit",
				w->path);
		}
		memcpy(page, h + FRAME_HEADER, w->page_size);
		set->db_pages = db_pages != 0 ? db_pages : set->db_pages;
	}
	return rc < 0 ? rc : 0;
}

int wal_pages_end(struct wal_pages *w, uint32_t *out, struct err *err)
{
	uint32_t sum[2] = {w->sum[0], w->sum[1]};
	*out = 0;
	for (uint32_t frame = 1;; frame++) {
		int rc = read_frame(w, frame, err);
		if (rc != 1) {
			return rc;
		}
		const unsigned char *h = (const unsigned char *)w->frame.p;
		if (get_be32(h) == 0 || !frame_holds(w, sum)) {
			return 0;
		}
		if (get_be32(h + 4) != 0) {
			*out = frame;
		}
	}
}
