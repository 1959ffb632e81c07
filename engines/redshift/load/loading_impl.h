/* One load: what its files have in common (loading.c), what becomes of a record (loading_row.c),
 * what was wrong (loading_errors.c), and Parquet (loading_parquet.c). */
#ifndef DBMOUNT_REDSHIFT_LOADING_IMPL_H
#define DBMOUNT_REDSHIFT_LOADING_IMPL_H

#include "engines/redshift/load/decompress.h"
#include "engines/redshift/load/fields.h"
#include "engines/redshift/load/load.h"

/* A column of the files, which is one of the table. */
struct load_column {
	unsigned column;  /* of the table */
	bool passed_over; /* an IDENTITY whose values are not taken from files */
};

struct rs_loading {
	struct rs_txn *txn;
	const struct rs_copy *copy;
	struct rs_table *table;
	uint64_t query;
	int64_t start_ns;

	/* The columns of the files. */
	struct load_column *column;
	unsigned n;
	struct sql_type *types;
	const char **names;
	bool by_header; /* a first record that names columns says which they are */
	struct rs_fields *fields;
	struct buf paths; /* a jsonpaths file */

	/* Where rows go; NULL: none has come. */
	struct rs_sink *sink;
	unsigned *sink_columns; /* of the table */
	struct sql_type *sink_types;
	unsigned n_sink;
	struct sql_value *row;

	/* The file that is read now. */
	char *file; /* NULL: none */
	bool first; /* its first record is still to come */
	bool begun; /* bytes have come */
	struct rs_parser *parser;
	struct rs_decompress *decompress;
	int parquet_fd;
	struct buf parquet_path; /* "": none is kept */

	struct rs_load_result result;
	struct rs_load_error *error; /* not yet the leader's */
	unsigned n_errors;
	uint64_t kept;	     /* errors, in all */
	struct buf wrong;    /* the first one, as a sentence */
	uint64_t refused_at; /* so many rejected rows are too many; 0: never */
};

/* loading_row.c */
int rs_load_record(void *arg, const struct rs_record *r, struct err *err);
/* A row that has its types already (Parquet). */
int rs_load_values(struct rs_loading *l, const struct sql_value *row, const struct sql_type *types,
	const unsigned *columns, unsigned n, uint64_t number, struct err *err);
int rs_load_set_columns(
	struct rs_loading *l, const struct load_column *columns, unsigned n, struct err *err);

/* loading_errors.c */
struct load_wrong {
	const struct rs_record *record;
	const struct rs_field *field; /* NULL: the whole row */
	unsigned column;	      /* of the table; n_columns: none */
	struct rs_mistake mistake;
};
/* One more row is rejected: 0 it goes on, EINVAL it was one too many. */
int rs_load_reject(struct rs_loading *l, const struct load_wrong *w, struct err *err);
/* What is not yet the leader's becomes so. */
int rs_load_flush_errors(struct rs_loading *l, struct err *err);

/* loading_parquet.c */
int rs_load_parquet_feed(struct rs_loading *l, struct slice bytes, struct err *err);
int rs_load_parquet_end(struct rs_loading *l, struct err *err);
int rs_load_parquet_file(struct rs_loading *l, const char *path, struct err *err);
void rs_load_parquet_forget(struct rs_loading *l);

/* For .load/: see load.h. Before the first file. */
void rs_loading_by_header(struct rs_loading *l);
/* All errors count, and any makes the load fail at its end. */
void rs_loading_all_or_nothing(struct rs_loading *l);

#endif
