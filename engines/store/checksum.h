/* The checksum that a database page carries in its last 8 bytes.
 *
 * SQLite leaves them alone in a database made with 8 reserved bytes a page
 * (https://www.sqlite.org/fileformat2.html, byte 20 of the header). The sum is
 * over the rest of the page and its number, so a page in another's place shows,
 * too. Of page 1 the two change counters are left out (bytes 24 and 92): applying
 * a record moves them where they are, without touching the rest of the page. Who writes pages into
 * a database file seals them: the shim that SQLite writes through (checksum_vfs.h), and apply.c.
 * All pages are sealed but the lock page, which SQLite never uses.
 *
 * Four lanes take every fourth 8-byte word, multiply by an odd number and rotate:
 * each step is a bijection of its lane, as is what joins the lanes at the end, so
 * one changed word always shows; anything else does but for one time in 2^64. */
#ifndef DBMOUNT_CHECKSUM_H
#define DBMOUNT_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHECKSUM_BYTES 8
/* As much of page 1 as the following look at. */
#define CHECKSUM_HEADER 100

/* Of any bytes; `n` is a multiple of 8. */
uint64_t checksum_of(const unsigned char *bytes, size_t n, uint64_t seed);

/* Puts the checksum into the page; `number` from 1. */
void checksum_seal(unsigned char *page, uint32_t size, uint32_t number);
bool checksum_holds(const unsigned char *page, uint32_t size, uint32_t number);

/* From the first bytes of page 1: whether the database's pages are sealed, and
 * their size. */
bool checksum_used(const unsigned char *header);
uint32_t checksum_page_size(const unsigned char *header);

/* The page at 1 GiB, where locks are and nothing else: it is not sealed. */
static inline uint32_t checksum_lock_page(uint32_t page_size)
{
	return page_size != 0 ? 0x40000000u / page_size + 1 : 0;
}

static inline uint64_t checksum_rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

/* A bijection in which every bit of `x` counts everywhere. */
static inline uint64_t checksum_mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 29;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ x >> 32;
}

#endif
