/* A row as a line of a file that is unloaded. */
#ifndef DBMOUNT_REDSHIFT_UNLOAD_ROW_H
#define DBMOUNT_REDSHIFT_UNLOAD_ROW_H

#include "engines/redshift/driver/value.h"
#include "engines/redshift/sql/statement.h"

/* Which columns, in which form. */
struct rs_unload_format {
	const struct rs_unload *how;
	const char *const *names;
	const struct sql_type *types;
	const unsigned *columns; /* of the row, in order; partition columns may be left out */
	unsigned n;
	const unsigned *widths; /* FIXEDWIDTH: of each, bytes; NULL else */
	char delimiter;
};

void rs_unload_header(const struct rs_unload_format *f, struct buf *out);
/* EINVAL: a value is wider than its FIXEDWIDTH. */
int rs_unload_row(const struct rs_unload_format *f, const struct sql_value *row, struct buf *out,
	struct err *err);

#endif
