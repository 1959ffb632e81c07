/* Inside BSON: what value.c, check.c and their neighbours share. */
#ifndef DBMOUNT_DOCDB_VALUE_IMPL_H
#define DBMOUNT_DOCDB_VALUE_IMPL_H

#include <endian.h>

#include "engines/docdb/values/value.h"

/* A value's size is never this. */
#define DOC_SIZE_BAD SIZE_MAX

/* How many of the n bytes at p a value of this type takes by its own lengths, which may be
 * more than n; DOC_SIZE_BAD when they do not hold its lengths or the type is unknown. */
size_t doc_value_size(uint8_t type, const char *p, size_t n);

static inline uint32_t doc_load32(const char *p)
{
	uint32_t n;
	memcpy(&n, p, sizeof(n));
	return le32toh(n);
}

static inline uint64_t doc_load64(const char *p)
{
	uint64_t n;
	memcpy(&n, p, sizeof(n));
	return le64toh(n);
}

static inline void doc_store32(char *p, uint32_t n)
{
	n = htole32(n);
	memcpy(p, &n, sizeof(n));
}

static inline void doc_store64(char *p, uint64_t n)
{
	n = htole64(n);
	memcpy(p, &n, sizeof(n));
}

/* Of code with scope: where its document lies; empty when the lengths are wrong. */
struct slice doc_scope(struct doc_value v);

/* "0", "1", ...: writes the digits and a NUL, returns how many digits. */
unsigned doc_index_name(unsigned index, char out[12]);

#endif
