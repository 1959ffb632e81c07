/* Sums of the pages in a write-ahead log, as they were written.
 *
 * SQLite checks a frame's own checksum only in recovery, not when it reads a page
 * from the log or moves it into the database. The sum cannot be in the page as in
 * the database file: a frame's checksum is over the page and computed before the
 * shim sees either. But a log is written by this process alone and small, so the
 * sums are kept in memory: set by each write and by recovery, which reads whole
 * frames. */
#include "engines/store/checksum_impl.h"

#include <stdlib.h>
#include <string.h>

#include "engines/common/buf.h"
#include "engines/common/cleanup.h"
#include "engines/store/disk.h"

#define HEADER	     32
#define FRAME_HEADER 24

struct wal_sums {
	struct wal_sums *next;
	char *path;
	unsigned users; /* under the table's lock, as those before */

	pthread_mutex_t lock;
	uint32_t page_size; /* under lock, as the rest; 0: not known */
	struct buf sums;    /* a uint64_t for each frame, 0: not known */
};

/* ---- the table ---- */

static struct wal_sums *find(const struct wal_table *table, const char *path)
{
	struct wal_sums *w = table->list;
	while (w != NULL && strcmp(w->path, path) != 0) {
		w = w->next;
	}
	return w;
}

struct wal_sums *wal_sums_open(struct wal_table *table, const char *path)
{
	LOCKED(&table->lock);
	struct wal_sums *w = find(table, path);
	if (w != NULL) {
		w->users++;
		return w;
	}
	w = calloc(1, sizeof(*w));
	if (w == NULL || (w->path = strdup(path)) == NULL) {
		free(w);
		return NULL;
	}
	pthread_mutex_init(&w->lock, NULL);
	w->users = 1;
	w->next = table->list;
	table->list = w;
	return w;
}

void wal_sums_close(struct wal_table *table, struct wal_sums *w)
{
	LOCKED(&table->lock);
	if (--w->users > 0) {
		return;
	}
	struct wal_sums **at = &table->list;
	while (*at != w) {
		at = &(*at)->next;
	}
	*at = w->next;
	pthread_mutex_destroy(&w->lock);
	buf_free(&w->sums);
	free(w->path);
	free(w);
}

/* ---- the sums; under w->lock ---- */

static void forget_all(struct wal_sums *w)
{
	buf_clear(&w->sums);
}

static uint64_t get_sum(const struct wal_sums *w, size_t frame)
{
	uint64_t sum = 0;
	if ((frame + 1) * sizeof(sum) <= w->sums.n) {
		memcpy(&sum, w->sums.p + frame * sizeof(sum), sizeof(sum));
	}
	return sum;
}

/* Without memory the frame stays unknown, which only means unchecked. */
static void set_sum(struct wal_sums *w, size_t frame, uint64_t sum)
{
	size_t need = (frame + 1) * sizeof(sum);
	if (w->sums.n < need) {
		if (sum == 0 || !buf_resize(&w->sums, need)) {
			return;
		}
	}
	memcpy(w->sums.p + frame * sizeof(sum), &sum, sizeof(sum));
}

static uint64_t sum_of(const struct wal_sums *w, const unsigned char *page, size_t frame)
{
	uint64_t sum = checksum_of(page, w->page_size, frame);
	return sum != 0 ? sum : 1;
}

static void learn_header(struct wal_sums *w, const unsigned char *header)
{
	uint32_t size = get_be32(header + 8);
	bool sound = size >= 512 && size <= 65536 && (size & (size - 1)) == 0;
	if (size != w->page_size) {
		forget_all(w);
		w->page_size = sound ? size : 0;
	}
}

static bool is_header(int n, int64_t offset)
{
	return offset == 0 && n >= HEADER;
}

/* The page in what is read or written at `offset`, when that is a page or a
 * whole frame; NULL: neither. */
static const unsigned char *find_page(
	const struct wal_sums *w, const void *bytes, int n, int64_t offset, size_t *frame)
{
	int64_t size = (int64_t)FRAME_HEADER + w->page_size;
	if (w->page_size == 0 || offset < HEADER) {
		return NULL;
	}
	int64_t in = (offset - HEADER) % size;
	*frame = (size_t)((offset - HEADER) / size);
	if (in == FRAME_HEADER && n == (int)w->page_size) {
		return bytes;
	}
	return in == 0 && n == size ? (const unsigned char *)bytes + FRAME_HEADER : NULL;
}

static void forget_range(struct wal_sums *w, int n, int64_t offset)
{
	int64_t size = (int64_t)FRAME_HEADER + w->page_size;
	bool frame_header = n == FRAME_HEADER && (offset - HEADER) % size == 0;
	if (offset < HEADER || frame_header) {
		return;
	}
	for (int64_t at = offset - (offset - HEADER) % size; at < offset + n; at += size) {
		set_sum(w, (size_t)((at - HEADER) / size), 0);
	}
}

void wal_sums_wrote(struct wal_sums *w, const void *from, int n, int64_t offset, bool ok)
{
	LOCKED(&w->lock);
	size_t frame;
	if (is_header(n, offset)) {
		learn_header(w, from);
		return;
	}
	const unsigned char *page = find_page(w, from, n, offset, &frame);
	if (page != NULL && ok) {
		set_sum(w, frame, sum_of(w, page, frame));
	} else {
		forget_range(w, n, offset);
	}
}

void wal_sums_truncated(struct wal_sums *w, int64_t size)
{
	LOCKED(&w->lock);
	int64_t frames = (size - HEADER) / ((int64_t)FRAME_HEADER + w->page_size);
	size_t keep = size > HEADER ? (size_t)frames * sizeof(uint64_t) : 0;
	if (keep < w->sums.n) {
		buf_resize(&w->sums, keep);
	}
}

/* A whole frame is what recovery reads, and it verifies the frame itself: what it
 * does not accept will be written before it is read again. */
uint32_t wal_sums_check(struct wal_sums *w, const void *bytes, int n, int64_t offset)
{
	LOCKED(&w->lock);
	size_t frame;
	if (is_header(n, offset)) {
		learn_header(w, bytes);
		return 0;
	}
	const unsigned char *page = find_page(w, bytes, n, offset, &frame);
	if (page == NULL) {
		return 0;
	}
	uint64_t wanted = get_sum(w, frame);
	uint64_t found = wanted != 0 || page != bytes ? sum_of(w, page, frame) : 0;
	if (wanted == 0) {
		set_sum(w, frame, found);
	}
	return wanted == 0 || wanted == found ? 0 : (uint32_t)frame + 1;
}
