/* Rows as a Parquet file, by a driver that can write one. */
#ifndef DBMOUNT_REDSHIFT_PARQUET_H
#define DBMOUNT_REDSHIFT_PARQUET_H

#include "engines/redshift/driver/driver.h"

struct rs_parquet;

/* `node`: the name of some file of the site ("g1n0"), which a session needs. ENOTSUP: the driver
 * cannot. */
int rs_parquet_new(struct sql_site *site, const char *node, const char *const *names,
	const struct sql_type *types, unsigned n, struct rs_parquet **out, struct err *err);
int rs_parquet_row(struct rs_parquet *p, const struct sql_value *row, struct err *err);
/* Makes the file; p stays, empty, for the next one. */
int rs_parquet_write(struct rs_parquet *p, const char *path, struct err *err);
void rs_parquet_free(struct rs_parquet *p); /* NULL is fine */

#endif
