#include "engines/store/record.h"

#include <assert.h>
#include <stdlib.h>

#include "engines/store/checksum.h"

#define AT_CHECKSUM 56
#define KEEP_BYTES  ((size_t)4 << 20)

static const unsigned char magic[8] = {'D', 'B', 'M', 'P', 'A', 'G', 'E', '1'};

/* ---- checksum ---- */

struct sum {
	uint64_t a, b;
};

/* `n` is a multiple of 8. */
static struct sum checksum(const unsigned char *p, size_t n)
{
	struct sum s = {UINT64_C(0x9e3779b97f4a7c15) ^ n, UINT64_C(0xc2b2ae3d27d4eb4f) + n};
	size_t i = 0;
	for (; i + 16 <= n; i += 16) {
		s.a = checksum_rotate((s.a ^ get_u64(p + i)) * UINT64_C(0x9fb21c651e98df25), 29);
		s.b = checksum_rotate(
			(s.b ^ get_u64(p + i + 8)) * UINT64_C(0xd6e8feb86659fd93), 31);
	}
	if (i < n) {
		s.a = checksum_rotate((s.a ^ get_u64(p + i)) * UINT64_C(0x9fb21c651e98df25), 29);
	}
	return (struct sum){checksum_mix(s.a + checksum_rotate(s.b, 17)),
		checksum_mix(s.b ^ checksum_rotate(s.a, 41))};
}

/* ---- records ---- */

static size_t numbers_size(uint32_t n_pages)
{
	return ((size_t)n_pages * 4 + 7) & ~(size_t)7;
}

uint64_t record_size(const struct record *r)
{
	return RECORD_HEADER + numbers_size(r->n_pages) + (uint64_t)r->n_pages * r->page_size;
}

static void encode_header(const struct record *r, unsigned char *h)
{
	memset(h, 0, RECORD_HEADER);
	memcpy(h, magic, sizeof(magic));
	put_u64(h + 8, r->sequence);
	put_u64(h + 16, (uint64_t)r->time_ns);
	put_u32(h + 24, r->page_size);
	put_u32(h + 28, r->db_pages);
	put_u32(h + 32, r->n_pages);
	put_u32(h + 36, r->flags);
	memcpy(h + 40, r->wal_salt, sizeof(r->wal_salt));
	put_u32(h + 48, r->wal_frame);
}

void record_checksum(const unsigned char *bytes, size_t n, unsigned char *out)
{
	struct sum s = checksum(bytes, n);
	put_u64(out, s.a);
	put_u64(out + 8, s.b);
}

void record_encode(const struct record *r, struct buf *out)
{
	size_t at = out->n;
	uint64_t size = record_size(r);
	if (!buf_resize(out, at + size)) {
		return;
	}
	unsigned char *p = (unsigned char *)out->p + at;
	encode_header(r, p);
	if (r->n_pages > 0) {
		size_t numbers = (size_t)r->n_pages * 4;
		memcpy(p + RECORD_HEADER, r->numbers, numbers);
		memcpy(p + RECORD_HEADER + numbers_size(r->n_pages), r->pages,
			(size_t)r->n_pages * r->page_size);
	}
	record_checksum(p, size, p + AT_CHECKSUM);
}

static bool plausible_page_size(uint32_t n)
{
	return n >= 512 && n <= 65536 && (n & (n - 1)) == 0;
}

bool record_decode_header(const unsigned char *h, struct record *out)
{
	if (memcmp(h, magic, sizeof(magic)) != 0) {
		return false;
	}
	*out = (struct record){
		.sequence = get_u64(h + 8),
		.time_ns = (int64_t)get_u64(h + 16),
		.page_size = get_u32(h + 24),
		.db_pages = get_u32(h + 28),
		.n_pages = get_u32(h + 32),
		.flags = get_u32(h + 36),
		.wal_frame = get_u32(h + 48),
	};
	memcpy(out->wal_salt, h + 40, sizeof(out->wal_salt));
	return out->sequence > 0 && (out->n_pages == 0 || plausible_page_size(out->page_size));
}

bool record_decode(unsigned char *bytes, size_t n, struct record *r)
{
	unsigned char found[16];
	unsigned char sum[16];
	memcpy(found, bytes + AT_CHECKSUM, sizeof(found));
	memset(bytes + AT_CHECKSUM, 0, sizeof(found));
	record_checksum(bytes, n, sum);
	memcpy(bytes + AT_CHECKSUM, found, sizeof(found));
	r->numbers = bytes + RECORD_HEADER;
	r->pages = r->numbers + numbers_size(r->n_pages);
	return memcmp(sum, found, sizeof(sum)) == 0;
}

/* ---- page sets ---- */

static uint32_t *find_slot(const struct page_set *set, uint32_t number)
{
	uint32_t i = number * 2654435761u & (set->n_slots - 1);
	while (set->slots[i] != 0 && get_u32((unsigned char *)set->numbers.p +
					     (size_t)4 * (set->slots[i] - 1)) != number) {
		i = (i + 1) & (set->n_slots - 1);
	}
	return &set->slots[i];
}

static bool grow_slots(struct page_set *set)
{
	uint32_t n = set->n_slots == 0 ? 64 : set->n_slots * 2;
	uint32_t *slots = calloc(n, sizeof(*slots));
	if (slots == NULL) {
		return false;
	}
	free(set->slots);
	set->slots = slots;
	set->n_slots = n;
	for (uint32_t i = 0; i < set->n; i++) {
		*find_slot(set, get_u32((unsigned char *)set->numbers.p + (size_t)4 * i)) = i + 1;
	}
	return true;
}

/* Room for one more page, or false. */
static bool grow(struct page_set *set, uint32_t page_size)
{
	set->page_size = page_size;
	size_t pages = (size_t)(set->n + 1) * page_size;
	size_t numbers = (size_t)(set->n + 1) * 4;
	if (buf_resize(&set->pages, pages) && buf_resize(&set->numbers, numbers)) {
		return true;
	}
	/* What is in there stays usable: the commit is tried again later. */
	set->pages.failed = set->numbers.failed = false;
	return false;
}

unsigned char *page_set_add(struct page_set *set, uint32_t page_size, uint32_t number)
{
	assert(set->n == 0 || set->page_size == page_size);
	if (set->n * 2 >= set->n_slots && !grow_slots(set)) {
		return NULL;
	}
	uint32_t *slot = find_slot(set, number);
	if (*slot == 0) {
		if (!grow(set, page_size)) {
			return NULL;
		}
		put_u32((unsigned char *)set->numbers.p + (size_t)4 * set->n, number);
		*slot = ++set->n;
	}
	return (unsigned char *)set->pages.p + (size_t)(*slot - 1) * page_size;
}

void page_set_clear(struct page_set *set)
{
	if (set->pages.cap > KEEP_BYTES) {
		page_set_finish(set);
		return;
	}
	set->n = 0;
	set->page_size = 0;
	buf_clear(&set->pages);
	buf_clear(&set->numbers);
	if (set->n_slots > 0) {
		memset(set->slots, 0, set->n_slots * sizeof(*set->slots));
	}
}

void page_set_finish(struct page_set *set)
{
	buf_free(&set->pages);
	buf_free(&set->numbers);
	free(set->slots);
	*set = (struct page_set){0};
}
