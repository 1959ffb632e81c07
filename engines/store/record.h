/* One commit as it lies in the page log, and a set of pages on the way there.
 *
 * Layout, little-endian:
 *
 *    0  magic "DBMPAGE1"
 *    8  sequence        u64   1, 2, 3, ... without a hole
 *   16  time            i64   nanoseconds since 1970; strictly increasing
 *   24  page size       u32
 *   28  database pages  u32   its size after this commit
 *   32  pages           u32   how many follow
 *   36  flags           u32   RECORD_GAP
 *   40  WAL salts       8 bytes, as the WAL had them
 *   48  WAL frame       u32   the commit's last
 *   52  zero            u32
 *   56  checksum        two u64, over all of the record with these as zero
 *   72  page numbers    u32 each, filled up with zeros to a multiple of 8 bytes
 *       pages
 *
 * Checksum: two lanes that each take every other 8-byte word, multiply by an odd
 * number and rotate; at the end both are mixed. A step is a bijection of its
 * lane, so one changed word always shows; for more, 128 bits do not meet by
 * chance, as the 32 of a CRC would over the terabytes of a log. And it runs at
 * memory speed in portable C, where CRC32C needs an instruction per processor. */
#ifndef DBMOUNT_RECORD_H
#define DBMOUNT_RECORD_H

#include <stdbool.h>

#include "engines/store/disk.h"

#define RECORD_HEADER 72
/* No pages: what is before does not lead to what comes after. */
#define RECORD_GAP 1u

struct record {
	uint64_t sequence;
	int64_t time_ns;
	uint32_t page_size; /* bytes; 0 when there are no pages */
	uint32_t db_pages;
	uint32_t n_pages;
	uint32_t flags;
	unsigned char wal_salt[8];
	uint32_t wal_frame;
	const unsigned char *numbers; /* borrowed; see record_number() */
	const unsigned char *pages;   /* n_pages of page_size bytes, borrowed */
};

static inline uint32_t record_number(const struct record *r, uint32_t i)
{
	return get_u32(r->numbers + (size_t)4 * i);
}

static inline const unsigned char *record_page(const struct record *r, uint32_t i)
{
	return r->pages + (size_t)i * r->page_size;
}

/* Bytes of the whole record. */
uint64_t record_size(const struct record *r);

/* Appends the record to `out`, checksummed. numbers and pages come from `r`. */
void record_encode(const struct record *r, struct buf *out);

/* Reads the fixed part (RECORD_HEADER bytes). False: this is none. */
bool record_decode_header(const unsigned char *header, struct record *out);

/* A whole record of `n` bytes, whose header is that of `r`: sets numbers and
 * pages; false when the checksum differs. Briefly writes to `bytes`. */
bool record_decode(unsigned char *bytes, size_t n, struct record *r);

/* The checksum by itself, 16 bytes; `n` is a multiple of 8. */
void record_checksum(const unsigned char *bytes, size_t n, unsigned char *out);

/* ---- pages of a commit, the last image of each ---- */

struct page_set {
	uint32_t page_size; /* 0 while empty */
	uint32_t db_pages;
	uint32_t n;
	struct buf numbers; /* as in a record */
	struct buf pages;
	uint32_t *slots;  /* open addressing: index + 1; 0 free */
	uint32_t n_slots; /* a power of two */
};

/* Adds or replaces the image of a page; NULL when memory ran out. Fill it in. */
unsigned char *page_set_add(struct page_set *set, uint32_t page_size, uint32_t number);
/* Empty again; keeps the memory unless it is much. */
void page_set_clear(struct page_set *set);
void page_set_finish(struct page_set *set);

#endif
