/* Bytes of a file as records of fields: one parser for each format. Push: pieces of any size go in,
 * records come out, as slices of what went in where that is possible. Memory is that of one record.
 */
#ifndef DBMOUNT_REDSHIFT_PARSER_H
#define DBMOUNT_REDSHIFT_PARSER_H

#include "engines/common/buf.h"
#include "engines/redshift/sql/statement.h"

#define RS_ROW_MAX ((size_t)4 << 20) /* bytes of one input row, as in the service */

struct rs_field {
	struct slice text;
	bool quoted; /* stood in quotes: never NULL by its text */
	bool null;   /* is NULL: of formats that can say so themselves */
	bool absent; /* JSON: there is no such member */
	size_t at;   /* where it begins in the raw line */
};

struct rs_record {
	const struct rs_field *field;
	unsigned n;
	uint64_t line;	  /* of its first byte (JSON: of its last), from 1 */
	uint64_t offset;  /* of its first byte in the file */
	struct slice raw; /* as it stands in the file, without the line's end */
	int code;	  /* 0, or what is wrong with all of it: one of SERVICES.md 6.3's */
	const char *reason;
};

/* Valid during the call. Non-zero ends the parsing. */
typedef int rs_record_fn(void *arg, const struct rs_record *r, struct err *err);

struct rs_parser;
struct rs_parser_ops {
	int (*feed)(struct rs_parser *p, struct slice bytes, struct err *err);
	int (*end)(struct rs_parser *p, struct err *err);
	void (*free)(struct rs_parser *p);
};
struct rs_parser {
	const struct rs_parser_ops *ops;
};

/* Of the format that `c` says: text, CSV, fixed width, JSON. `columns`: what JSON's members are put
 * in order by; they and `c` outlive the parser. `paths`: what a jsonpaths file holds; empty: there
 * is none. EINVAL, ENOTSUP, ENOMEM. */
int rs_parser_new(const struct rs_copy *c, struct slice paths, const char *const *columns,
	unsigned n_columns, rs_record_fn *fn, void *arg, struct rs_parser **out, struct err *err);
/* What fn returned; EINVAL what no record can be told from: an open quote at the end, a row that is
 * too long. */
int rs_parser_feed(struct rs_parser *p, struct slice bytes, struct err *err);
int rs_parser_end(struct rs_parser *p, struct err *err);
void rs_parser_free(struct rs_parser *p); /* NULL is fine */

/* separated.c: text and CSV. */
int rs_separated_new(const struct rs_copy *c, rs_record_fn *fn, void *arg, struct rs_parser **out,
	struct err *err);
/* fixedwidth.c */
int rs_fixed_new(const struct rs_copy *c, rs_record_fn *fn, void *arg, struct rs_parser **out,
	struct err *err);
/* json.c */
int rs_json_new(const struct rs_copy *c, struct slice paths, const char *const *columns,
	unsigned n_columns, rs_record_fn *fn, void *arg, struct rs_parser **out, struct err *err);

#endif
