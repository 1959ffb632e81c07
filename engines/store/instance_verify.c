/* Is this database the one its log ends with? An older copy that somebody put back
 * would open without complaint, and what is logged from then on would not fit. The
 * last record has whole pages: those of the file must be the same. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "engines/store/instance_impl.h"
#include "engines/store/wal_pages.h"

#define RESERVED 20 /* in the header of the file */

/* What SQLite changes in the first page without a commit of ours, and what
 * apply_record() does: journal mode, change counter, version. */
static void mask_header(unsigned char *page)
{
	memset(page + 18, 0, 2);
	memset(page + 24, 0, 8);
	memset(page + 92, 0, 8);
}

struct compare {
	const struct disk_ops *disk;
	const char *path;
	int fd;
	unsigned char reserved; /* bytes at a page's end: checksums, in the file only */
	unsigned char *ours;
	unsigned char *theirs;
};

static int compare_page(
	const struct compare *c, const struct record *r, uint32_t n, struct err *err)
{
	uint32_t number = record_number(r, n);
	if (number > r->db_pages) {
		return 0;
	}
	uint64_t offset = (uint64_t)(number - 1) * r->page_size;
	ssize_t got = c->disk->read(c->fd, c->ours, r->page_size, offset);
	if (got < 0) {
		return disk_error((int)got, c->path, "cannot be read", err);
	}
	memcpy(c->theirs, record_page(r, n), r->page_size);
	if (number == 1) {
		mask_header(c->ours);
		mask_header(c->theirs);
	}
	if (got == (ssize_t)r->page_size &&
		memcmp(c->ours, c->theirs, r->page_size - c->reserved) == 0) {
		return 0;
	}
	return err_set(err, EIO, "%s is not the database its log ends with, but an older one%s",
		c->path, got < (ssize_t)r->page_size ? ", or cut short" : "");
}

static int compare_record(struct compare *c, const struct record *r, struct err *err)
{
	c->ours = malloc(r->page_size);
	c->theirs = malloc(r->page_size);
	if (c->ours == NULL || c->theirs == NULL) {
		free(c->ours);
		free(c->theirs);
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = 0;
	for (uint32_t n = 0; rc == 0 && n < r->n_pages; n++) {
		rc = compare_page(c, r, n, err);
	}
	free(c->ours);
	free(c->theirs);
	return rc;
}

static int compare_last(struct primary *p, struct compare *c, struct err *err)
{
	struct segment_reader reader;
	struct record last = {0};
	segment_reader_init(&reader, pagelog_segments(p->log), pagelog_last(p->log));
	int rc = segment_reader_next(&reader, &last, err);
	if (rc == 1) {
		rc = last.n_pages > 0 ? compare_record(c, &last, err) : 0;
	}
	segment_reader_finish(&reader);
	return rc;
}

/* Commits in there are newer than the database file; pagelog_recover() has seen
 * that they fit. */
static int wal_has_commits(const struct disk_ops *disk, const char *database, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct wal_pages w;
	uint32_t end = 0;
	buf_printf(&path, "%s-wal", database);
	buf_cstr(&path);
	int rc = buf_check(&path, err);
	rc = rc != 0 ? rc : wal_pages_open(&w, disk, path.p, err);
	if (rc == 1) {
		rc = wal_pages_end(&w, &end, err);
		wal_pages_close(&w);
	}
	return rc < 0 ? rc : end > 0;
}

int verify_end(struct primary *p, const char *database, struct err *err)
{
	struct compare c = {.disk = config_disk(&p->i->config), .path = database};
	int rc = wal_has_commits(c.disk, database, err);
	if (rc != 0 || pagelog_last(p->log) == 0) {
		return rc < 0 ? rc : 0;
	}
	c.fd = c.disk->open(database, O_RDONLY);
	if (c.fd < 0) {
		return disk_error(c.fd, database, "cannot be opened", err);
	}
	ssize_t got = c.disk->read(c.fd, &c.reserved, 1, RESERVED);
	rc = got < 0 ? disk_error((int)got, database, "cannot be read", err)
		     : compare_last(p, &c, err);
	c.disk->close(c.fd);
	return rc;
}
