/* What the files of the lake share: an external table as a relation. */
#ifndef DBMOUNT_REDSHIFT_LAKE_IMPL_H
#define DBMOUNT_REDSHIFT_LAKE_IMPL_H

#include "engines/redshift/lake/lake.h"

/* How its files are read. */
struct lake_format {
	enum rs_format format;
	char delimiter;
	uint64_t skip; /* lines at the head of each file */
};

struct lake_table {
	struct rs_relation relation; /* first: whoever has it can be given back */
	char *schema, *name;
	char *location; /* its folder, or the file */
	struct lake_format format;
	struct rs_relation_column *columns; /* of the data, of the partitions, "$path", "$size" */
	char **names;			    /* of these */
	unsigned n_columns;
	unsigned n_data, n_partitions;
	struct rs_files files;
	char ***values; /* of each file, a text for each partition column; NULL: is NULL */
	struct sql_site *site;
};

/* Adds a column before those that every table has. */
int lake_add_column(struct lake_table *t, const char *name, struct sql_type type, struct err *err);

/* ---- crawl.c: found out by looking ---- */

/* What a file's name says; false: nothing that is known. Compression behind it is passed over. */
bool lake_format_of(const char *path, struct lake_format *out);
enum rs_compression lake_compression_of(const char *path);
/* Formats, columns and partitions of a table whose files are listed. */
int lake_crawl(struct lake_table *t, struct err *err);
/* The values of `names` in folders NAME=VALUE of the address below the table's location. */
int lake_partition_values(const struct lake_table *t, const char *address, char *const *names,
	unsigned n, char **values, struct err *err);

/* ---- read.c: rows ---- */

int lake_pour(const struct rs_relation *r, const bool *columns,
	int (*emit)(void *arg, const struct sql_value *row, struct err *err), void *arg,
	struct err *err);
/* The bytes of a file as they are without their compression, at most `max` (0: all). Non-zero of fn
 * ends it. */
typedef int lake_bytes_fn(void *arg, struct slice bytes, struct err *err);
int lake_read_file(
	const struct rs_file *file, uint64_t max, lake_bytes_fn *fn, void *arg, struct err *err);

/* ---- parquet.c ---- */

int lake_parquet_sql(const struct rs_relation *r, enum sql_dialect dialect, const bool *columns,
	struct buf *out, struct err *err);
/* The columns that the first file says it has. */
int lake_parquet_columns(struct lake_table *t, struct err *err);

#endif
