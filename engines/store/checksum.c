#include "engines/store/checksum.h"

#include <string.h>

#include "engines/store/disk.h"

#define RESERVED_AT  20
#define PAGE_SIZE_AT 16
#define COUNTER_AT   24
#define VALID_FOR_AT 92
#define HEAD_BYTES   96

#define LANES 4

static uint64_t step(uint64_t lane, const unsigned char *word, unsigned turn)
{
	return checksum_rotate((lane ^ get_u64(word)) * UINT64_C(0x9fb21c651e98df25), turn);
}

uint64_t checksum_of(const unsigned char *p, size_t n, uint64_t seed)
{
	uint64_t a = UINT64_C(0x9e3779b97f4a7c15) ^ seed;
	uint64_t b = UINT64_C(0xc2b2ae3d27d4eb4f) + n;
	uint64_t c = UINT64_C(0x165667b19e3779f9);
	uint64_t d = UINT64_C(0x85ebca77c2b2ae63);
	size_t i = 0;
	for (; i + (size_t)8 * LANES <= n; i += (size_t)8 * LANES) {
		a = step(a, p + i, 29);
		b = step(b, p + i + 8, 31);
		c = step(c, p + i + 16, 37);
		d = step(d, p + i + 24, 41);
	}
	for (; i < n; i += 8) {
		a = step(a, p + i, 29);
	}
	return checksum_mix(checksum_mix(checksum_mix(checksum_mix(a) ^ b) ^ c) ^ d);
}

static uint64_t page_sum(const unsigned char *page, uint32_t size, uint32_t number)
{
	unsigned char head[HEAD_BYTES];
	if (number != 1) {
		return checksum_of(page, size - CHECKSUM_BYTES, number);
	}
	memcpy(head, page, sizeof(head));
	memset(head + COUNTER_AT, 0, 4);
	memset(head + VALID_FOR_AT, 0, 4);
	return checksum_of(page + HEAD_BYTES, size - HEAD_BYTES - CHECKSUM_BYTES,
		checksum_of(head, HEAD_BYTES, 1));
}

void checksum_seal(unsigned char *page, uint32_t size, uint32_t number)
{
	put_u64(page + size - CHECKSUM_BYTES, page_sum(page, size, number));
}

bool checksum_holds(const unsigned char *page, uint32_t size, uint32_t number)
{
	return get_u64(page + size - CHECKSUM_BYTES) == page_sum(page, size, number);
}

bool checksum_used(const unsigned char *header)
{
	return memcmp(header, "SQLite format 3", 16) == 0 && header[RESERVED_AT] == CHECKSUM_BYTES;
}

uint32_t checksum_page_size(const unsigned char *header)
{
	uint32_t size = (uint32_t)header[PAGE_SIZE_AT] << 8 | header[PAGE_SIZE_AT + 1];
	return size == 1 ? 65536 : size;
}
