#include "engines/store/apply.h"

#include <errno.h>

/* https://www.sqlite.org/fileformat2.html#the_database_header */
#define HEADER	       100
#define WRITE_VERSION  18 /* 1 rollback, 2 WAL */
#define READ_VERSION   19
#define CHANGE_COUNTER 24
#define DB_PAGES       28
#define VALID_FOR      92 /* the counter with which DB_PAGES is valid */

static void adjust_header(unsigned char *h, uint32_t counter, uint32_t db_pages)
{
	h[WRITE_VERSION] = h[READ_VERSION] = 1;
	put_be32(h + CHANGE_COUNTER, counter);
	put_be32(h + VALID_FOR, counter);
	put_be32(h + DB_PAGES, db_pages);
}

/* Page 1 last: its header is adjusted whether the record has it or not. */
static int write_first_page(
	const struct disk_ops *disk, int fd, const struct record *r, const unsigned char *page)
{
	unsigned char header[HEADER] = {0};
	ssize_t got = disk->read(fd, header, HEADER, 0);
	if (got < 0) {
		return (int)got;
	}
	uint32_t counter = get_be32(header + CHANGE_COUNTER) + 1;
	if (page != NULL) {
		memcpy(header, page, HEADER);
		int rc = disk->write(fd, page + HEADER, r->page_size - HEADER, HEADER);
		if (rc != 0) {
			return rc;
		}
	}
	adjust_header(header, counter, r->db_pages);
	return disk->write(fd, header, HEADER, 0);
}

static int write_pages(const struct disk_ops *disk, int fd, const struct record *r)
{
	const unsigned char *first = NULL;
	for (uint32_t i = 0; i < r->n_pages; i++) {
		uint32_t number = record_number(r, i);
		if (number == 1) {
			first = record_page(r, i);
		} else if (number <= r->db_pages) {
			int rc = disk->write(fd, record_page(r, i), r->page_size,
				(uint64_t)(number - 1) * r->page_size);
			if (rc != 0) {
				return rc;
			}
		}
	}
	return write_first_page(disk, fd, r, first);
}

int apply_record(const struct disk_ops *disk, int fd, const char *path, const struct record *r,
	struct err *err)
{
	if (r->n_pages == 0) {
		return 0;
	}
	int rc = write_pages(disk, fd, r);
	uint64_t size = (uint64_t)r->db_pages * r->page_size;
	if (rc == 0 && disk_size(fd) != (int64_t)size) {
		rc = disk->truncate(fd, size);
	}
	return rc != 0 ? disk_error(rc, path, "could not be written", err) : 0;
}
