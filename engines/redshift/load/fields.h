/* Fields as values of columns, by COPY's rules: what NULL is, what is cut, what is refused and with
 * which of the service's codes. No memory is taken for a field. */
#ifndef DBMOUNT_REDSHIFT_FIELDS_H
#define DBMOUNT_REDSHIFT_FIELDS_H

#include "engines/redshift/load/parser.h"

#define RS_REASON_MAX 101 /* stl_load_errors.err_reason is char(100) */

/* What is wrong with a field. */
struct rs_mistake {
	int code; /* one of SERVICES.md 6.3's */
	char reason[RS_REASON_MAX];
	size_t position; /* in the field's text */
};

/* Fills *m; false. */
bool rs_mistake(struct rs_mistake *m, int code, size_t position, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

struct rs_fields;
/* `types`: of the fields, in their order. EINVAL: a DATEFORMAT or TIMEFORMAT that is none. */
int rs_fields_new(const struct rs_copy *c, const struct sql_type *types, unsigned n,
	struct rs_fields **out, struct err *err);
void rs_fields_free(struct rs_fields *f); /* NULL is fine */
/* Before the fields of each record: what was made for the last one goes. False: no memory. */
bool rs_fields_begin(struct rs_fields *f, const struct rs_record *r);
/* False: *m says why. A text is borrowed of the field, or lives until the next begin. */
bool rs_fields_value(struct rs_fields *f, unsigned i, const struct rs_field *field,
	struct sql_value *out, struct rs_mistake *m);

#endif
