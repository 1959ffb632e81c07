#include "engines/store/apply.h"

#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/store/checksum.h"

/* https://www.sqlite.org/fileformat2.html#the_database_header */
#define WRITE_VERSION  18 /* 1 rollback, 2 WAL */
#define READ_VERSION   19
#define CHANGE_COUNTER 24
#define DB_PAGES       28
#define VALID_FOR      92 /* the counter with which DB_PAGES is valid */

struct apply {
	const struct disk_ops *disk;
	int fd;
	const struct record *r;
	const unsigned char *first; /* the record's page 1; NULL: it has none */
	unsigned char *page;	    /* where pages are changed before they are written */
	uint32_t counter;
	bool sealed; /* pages carry checksums */
};

static const unsigned char *find_first(const struct record *r)
{
	for (uint32_t i = 0; i < r->n_pages; i++) {
		if (record_number(r, i) == 1) {
			return record_page(r, i);
		}
	}
	return NULL;
}

static int look_at_file(struct apply *a)
{
	unsigned char header[CHECKSUM_HEADER] = {0};
	ssize_t got = a->disk->read(a->fd, header, sizeof(header), 0);
	a->counter = get_be32(header + CHANGE_COUNTER) + 1;
	a->first = find_first(a->r);
	a->sealed = checksum_used(a->first != NULL ? a->first : header);
	return got < 0 ? (int)got : 0;
}

/* In the log's pages there is room for a checksum, but nothing in it. */
static int write_page(struct apply *a, const unsigned char *from, uint32_t number)
{
	uint32_t size = a->r->page_size;
	if (a->sealed) {
		memmove(a->page, from, size);
		checksum_seal(a->page, size, number);
		from = a->page;
	}
	return a->disk->write(a->fd, from, size, (uint64_t)(number - 1) * size);
}

static void adjust_counters(const struct apply *a, unsigned char *page)
{
	put_be32(page + CHANGE_COUNTER, a->counter);
	put_be32(page + VALID_FOR, a->counter);
}

/* Last, so that SQLite's caches notice. Without a new page 1 only the counters
 * move, which are not under its seal: it is not made good if it is damaged. */
static int write_first(struct apply *a)
{
	unsigned char *page = a->page;
	if (a->first == NULL) {
		ssize_t got = a->disk->read(a->fd, page, CHECKSUM_HEADER, 0);
		adjust_counters(a, page);
		return got < 0 ? (int)got : a->disk->write(a->fd, page, CHECKSUM_HEADER, 0);
	}
	memcpy(page, a->first, a->r->page_size);
	page[WRITE_VERSION] = page[READ_VERSION] = 1;
	put_be32(page + DB_PAGES, a->r->db_pages);
	adjust_counters(a, page);
	return write_page(a, page, 1);
}

static int write_pages(struct apply *a)
{
	const struct record *r = a->r;
	int rc = look_at_file(a);
	for (uint32_t i = 0; rc == 0 && i < r->n_pages; i++) {
		uint32_t number = record_number(r, i);
		if (number != 1 && number <= r->db_pages) {
			rc = write_page(a, record_page(r, i), number);
		}
	}
	return rc != 0 ? rc : write_first(a);
}

int apply_record(const struct disk_ops *disk, int fd, const char *path, const struct record *r,
	struct err *err)
{
	if (r->n_pages == 0) {
		return 0;
	}
	CLEANUP(buf_free) struct buf page = BUF_INIT;
	if (!buf_resize(&page, r->page_size)) {
		return err_set(err, ENOMEM, "%s: out of memory", path);
	}
	struct apply a = {.disk = disk, .fd = fd, .r = r, .page = (unsigned char *)page.p};
	int rc = write_pages(&a);
	uint64_t size = (uint64_t)r->db_pages * r->page_size;
	if (rc == 0 && disk_size(fd) != (int64_t)size) {
		rc = disk->truncate(fd, size);
	}
	return rc != 0 ? disk_error(rc, path, "could not be written", err) : 0;
}
