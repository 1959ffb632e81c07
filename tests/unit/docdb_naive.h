/* Filters as the manual tells them, slowly: what match.c is held against. Values are trees of
 * their own, compared and walked by code that shares nothing with the engine's. */
#ifndef DBMOUNT_TESTS_DOCDB_NAIVE_H
#define DBMOUNT_TESTS_DOCDB_NAIVE_H

#include <stdbool.h>

#include <bson/bson.h>

enum naive_type {
	NAIVE_MISSING,
	NAIVE_MINKEY,
	NAIVE_NULL,
	NAIVE_INT,
	NAIVE_LONG,
	NAIVE_DOUBLE,
	NAIVE_DECIMAL,
	NAIVE_STRING,
	NAIVE_OBJECT,
	NAIVE_ARRAY,
	NAIVE_BOOL,
	NAIVE_DATE,
	NAIVE_REGEX,
	NAIVE_MAXKEY,
};

#define NAIVE_KIDS 8

struct naive {
	enum naive_type type;
	double number; /* also of dates and booleans; small enough for a double to be exact */
	char text[8];  /* of strings and patterns */
	bool fold;     /* a pattern with "i" */
	unsigned n;
	const char *names[NAIVE_KIDS];
	struct naive *kids[NAIVE_KIDS];
};

/* Freed all at once. */
struct naive *naive_new(enum naive_type type);
void naive_forget(void);
/* Adds a member (an element: name NULL). */
struct naive *naive_add(struct naive *parent, const char *name, struct naive *kid);
void naive_seed(unsigned seed);
/* At random, up to `depth` objects and arrays deep. */
struct naive *naive_random_value(unsigned depth);
struct naive *naive_random_document(void);
/* A filter over such documents; `path` if it shall be about one path only. */
struct naive *naive_random_filter(const char *path);
const char *naive_random_path(void);
bool naive_matches(const struct naive *filter, const struct naive *document);
/* Appends it, a document or an array. */
bson_t *naive_bson(const struct naive *v);

#endif
