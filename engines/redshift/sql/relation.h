/* What can stand in a FROM: tables of the catalogue, external tables, system views; who looks a
 * name up is told by a resolver. */
#ifndef DBMOUNT_REDSHIFT_RELATION_H
#define DBMOUNT_REDSHIFT_RELATION_H

#include "engines/redshift/driver/driver.h"
#include "engines/redshift/leader/catalog.h"

enum rs_relation_kind {
	RS_RELATION_TABLE,    /* rows on the nodes */
	RS_RELATION_EXTERNAL, /* files of a lake */
	RS_RELATION_SYSTEM,   /* made by the leader when asked for */
	RS_RELATION_VIEW,     /* a user's view: its text stands for it */
};

struct rs_relation_column {
	const char *name;
	struct sql_type type;
	bool hidden; /* not meant by `*`: "$path", _id */
};

/* Borrowed from whoever resolved it, for as long as the statement runs. */
struct rs_relation {
	enum rs_relation_kind kind;
	const char *schema;
	const char *name;
	const struct rs_relation_column *columns;
	unsigned n_columns;
	const struct rs_table *table;	 /* of a TABLE */
	const struct rs_user_view *view; /* of a VIEW */
	void *source;			 /* of the others: theirs */
	/* Of EXTERNAL and SYSTEM. Appends SQL that reads it in that dialect, a parenthesised SELECT
	 * of these columns; -ENOTSUP: pour() is to be used. NULL: likewise. `columns`: those that
	 * are needed, as many as there are. */
	int (*sql)(const struct rs_relation *r, enum sql_dialect dialect, const bool *columns,
		struct buf *out, struct err *err);
	/* All rows, one call of emit each, columns that are not needed may be NULL. */
	int (*pour)(const struct rs_relation *r, const bool *columns,
		int (*emit)(void *arg, const struct sql_value *row, struct err *err), void *arg,
		struct err *err);
};

struct rs_resolver {
	/* `schema` NULL: none was told; public, then pg_catalog are looked through. 0; ENOENT:
	 * `relation "x" does not exist`. */
	int (*find)(void *arg, const char *schema, const char *name, const struct rs_relation **out,
		struct err *err);
	/* now() and its kind: one time for a statement. */
	int64_t now_micros;
	void *arg;
};

#endif
