/* The one item of all measurements: 300 bytes of JSON in the form dbmount prints,
 * so that a file has the same name, size and text on every file system compared. */
#ifndef DBMOUNT_BENCH_ITEM_H
#define DBMOUNT_BENCH_ITEM_H

#include <stdio.h>
#include <string.h>

enum { ITEM_BYTES = 300, ITEM_NAME_MAX = 64 };

/* Sort keys rise with the index; 1M of them keep one width. */
static inline void item_key(char out[ITEM_NAME_MAX], unsigned index)
{
	snprintf(out, ITEM_NAME_MAX, "k%07u", index);
}

static inline void item_name(char out[ITEM_NAME_MAX], unsigned index)
{
	snprintf(out, ITEM_NAME_MAX, "k%07u.json", index);
}

/* `salt` varies the text, not its length: a store may skip writing equal bytes.
 * pk and sk together may have 150 bytes. Returns the length, ITEM_BYTES. */
static inline size_t item_render(
	char out[ITEM_BYTES + 1], const char *pk, const char *sk, unsigned salt)
{
	static const char tail[] = "\"\n}\n";
	size_t end = ITEM_BYTES - (sizeof(tail) - 1);
	int n = snprintf(out, ITEM_BYTES + 1,
		"{\n  \"pk\": \"%s\",\n  \"sk\": \"%s\",\n  \"salt\": \"%08x\",\n  \"text\": \"",
		pk, sk, salt);
	size_t at = n < 0 ? 0 : (size_t)n;

	for (; at < end; at++) {
		out[at] = (char)('a' + (at + salt) % 26);
	}
	memcpy(out + end, tail, sizeof(tail));
	return ITEM_BYTES;
}

#endif
