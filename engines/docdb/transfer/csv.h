/* Comma-separated values (RFC 4180), and documents in them. */
#ifndef DBMOUNT_DOCDB_CSV_H
#define DBMOUNT_DOCDB_CSV_H

#include "engines/docdb/values/value.h"

/* ---- csv.c: records ---- */

struct csv_field {
	struct slice text;
	bool quoted;
};

/* `line`: where the record began. */
typedef int csv_fn(
	void *arg, const struct csv_field *fields, unsigned n, unsigned long line, struct err *err);

/* Push: bytes in, records out; empty lines are none. */
struct csv_reader;
struct csv_reader *csv_reader_new(csv_fn *fn, void *arg); /* NULL: no memory */
void csv_reader_free(struct csv_reader *r);		  /* NULL is fine */
/* EINVAL with the line, EFBIG: a record longer than a document; what fn returned. */
int csv_feed(struct csv_reader *r, struct slice text, struct err *err);
int csv_finish(struct csv_reader *r, struct err *err);
/* Appends text as one field, in quotes where it needs them; the empty text too, for a field
 * of nothing at all is no value. */
void csv_print(struct slice text, struct buf *out);

/* ---- csv_cell.c: values as the text of a field ----
 *
 * true, false, null; numbers that are written as JSON writes them and lose nothing as int32, int64
 * or double; what begins with '{', '[' or '"' and is Extended JSON; all else is a string. */

/* Appends the value's bytes. Text that is not UTF-8: EINVAL. */
int csv_cell_parse(struct slice text, uint8_t *type, struct buf *out, struct err *err);
/* Appends the text, not yet as a field: relaxed Extended JSON; a string is itself, unless it would
 * read as something else. */
void csv_cell_print(struct doc_value v, struct buf *out);

/* ---- csv_columns.c: documents as rows ----
 *
 * A column is a path, "a.b"; a field without text: the document has no such member. A member whose
 * own name bears a dot or is empty has a column only at the top, its name as a JSON string; an
 * embedded document with such a member is one cell. */

struct csv_columns;
struct csv_columns *csv_columns_new(void); /* NULL: no memory */
void csv_columns_free(struct csv_columns *c);

/* The columns that this document has and no document before had. EFBIG: too many. */
int csv_columns_add(struct csv_columns *c, struct slice document, struct err *err);
void csv_header_print(const struct csv_columns *c, struct buf *out);
/* A document whose columns were added. */
int csv_row_print(struct csv_columns *c, struct slice document, struct buf *out, struct err *err);

/* The first record names the columns. EINVAL: a name is empty, stands twice. */
int csv_header_parse(
	struct csv_columns *c, const struct csv_field *fields, unsigned n, struct err *err);
/* Appends a document. EINVAL: more fields than columns; values at "a" and "a.b"; not UTF-8. */
int csv_row_parse(const struct csv_columns *c, const struct csv_field *fields, unsigned n,
	struct buf *out, struct err *err);

#endif
