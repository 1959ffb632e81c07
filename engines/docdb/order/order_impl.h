/* What order.c, path.c, key.c and name.c share. */
#ifndef DBMOUNT_DOCDB_ORDER_IMPL_H
#define DBMOUNT_DOCDB_ORDER_IMPL_H

#include "engines/docdb/order/order.h"
#include "engines/docdb/values/value_impl.h"

/* ---- what lies behind a value's bytes ---- */

/* Text that stands with its length before and a NUL behind. */
static inline struct slice doc_text_at(const char *p)
{
	return (struct slice){p + 4, doc_load32(p) - 1};
}

struct doc_binary {
	uint32_t length;
	struct slice tail; /* the subtype, then the bytes */
};
struct doc_binary doc_binary_of(struct doc_value v);
struct slice doc_regex_pattern(struct doc_value v);
struct slice doc_regex_options(struct doc_value v);
struct slice doc_scope_of(struct doc_value v); /* of CODEWSCOPE: the document */

/* ---- exact.c: a number of any type taken apart without loss ---- */

#define DOC_DIGITS_MAX 34

enum doc_exact_kind {
	EXACT_NAN,
	EXACT_LOWEST, /* -Infinity */
	EXACT_NEGATIVE,
	EXACT_ZERO,
	EXACT_POSITIVE,
	EXACT_HIGHEST, /* Infinity */
};

/* Of a number that is neither zero nor infinite: the double nearest to it towards zero,
 * and if it is none itself (`rest`) its digits: d.ddd * 10^exp10, without zeros at either end. */
struct doc_exact {
	enum doc_exact_kind kind;
	double near; /* without the sign */
	bool rest;
	int exp10;
	unsigned n;
	unsigned char digit[DOC_DIGITS_MAX];
};

struct doc_exact doc_exact_of(struct doc_value v);
/* The value again, as the narrowest type that holds it; `near` in its range of doubles, the
 * exponent in decimal's. */
struct doc_value doc_exact_value(const struct doc_exact *x, struct doc_arena *a);

#endif
