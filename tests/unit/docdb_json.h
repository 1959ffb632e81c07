/* Documents for tests out of JSON text, read by libbson and not by what is tested. */
#ifndef DBMOUNT_TEST_DOCDB_JSON_H
#define DBMOUNT_TEST_DOCDB_JSON_H

#include <check.h>
#include <stdio.h>

#include "engines/docdb/values/value.h"

static inline bson_t *json_document(struct slice text)
{
	bson_error_t why;
	bson_t *b = bson_new_from_json((const uint8_t *)text.p, (ssize_t)text.n, &why);

	ck_assert_msg(b != NULL, "%s: %.*s", why.message, (int)text.n, text.p);
	return b;
}

static inline struct slice json_bytes(const bson_t *b)
{
	return slice_make(bson_get_data(b), b->len);
}

/* Canonical text of a value, for messages. Freed with bson_free(). */
static inline char *json_shown(struct doc_value v)
{
	struct buf b = BUF_INIT;
	bson_t document;
	char *text = NULL;
	size_t start = doc_begin(&b);

	doc_put(&b, slice_of("v"), v);
	doc_end(&b, start);
	if (bson_init_static(&document, (const uint8_t *)b.p, b.n)) {
		text = bson_as_canonical_extended_json(&document, NULL);
	}
	buf_free(&b);
	return text;
}

static inline bool json_equal(struct doc_value a, struct doc_value b)
{
	if (a.type == BSON_TYPE_DOUBLE && b.type == BSON_TYPE_DOUBLE &&
		doc_double(a) != doc_double(a)) {
		return doc_double(b) != doc_double(b); /* one NaN is as good as another */
	}
	return a.type == b.type && slice_equal(a.raw, b.raw);
}

/* False, and both are shown, where they are not the same to the byte. */
static inline bool json_same(struct doc_value found, struct doc_value wanted, const char *of)
{
	char *f;
	char *w;

	if (json_equal(found, wanted)) {
		return true;
	}
	f = json_shown(found);
	w = json_shown(wanted);
	fprintf(stderr, "%s\n  found:  %s\n  wanted: %s\n", of, f, w);
	bson_free(f);
	bson_free(w);
	return false;
}

#endif
