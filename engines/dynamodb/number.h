/* A DynamoDB number taken apart: what the canonical text, the size and the key
 * encoding are made of. Exact; nothing here goes through a double. */
#ifndef DBMOUNT_DYNAMODB_NUMBER_H
#define DBMOUNT_DYNAMODB_NUMBER_H

#include "engines/common/buf.h"
#include "engines/dynamodb/item.h"

#define DDB_EXP10_MAX	    125
#define DDB_EXP10_MIN	    (-130)
#define DDB_NUMBER_TEXT_MAX 192 /* the longest canonical text: "-0.", 129 zeros, 38 digits */

/* digit[0] . digit[1] digit[2] ... * 10^exp10, without zeros at either end. */
struct ddb_decimal {
	bool negative;
	int exp10;
	unsigned n; /* 0: the number is zero */
	unsigned char digit[DDB_NUMBER_DIGITS];
};

enum ddb_number_fault {
	DDB_NUMBER_OK,
	DDB_NUMBER_SYNTAX,
	DDB_NUMBER_DIGITS_MANY,
	DDB_NUMBER_OVERFLOW,
	DDB_NUMBER_UNDERFLOW,
};

enum ddb_number_fault ddb_decimal_parse(struct slice text, struct ddb_decimal *out);
/* Writes the canonical text and returns its length; no NUL is added. */
size_t ddb_decimal_print(const struct ddb_decimal *d, char out[DDB_NUMBER_TEXT_MAX]);
/* The service's message for a fault. -EINVAL. */
int ddb_number_refuse(enum ddb_number_fault fault, struct slice text, struct err *err);

/* The beginning of a text for a message: at most 60 bytes, printable, "..." behind
 * when it was longer. */
#define DDB_EXCERPT_MAX 80
const char *ddb_excerpt(struct slice text, char out[DDB_EXCERPT_MAX]);

#endif
