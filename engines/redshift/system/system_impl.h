/* The views one by one. */
#ifndef DBMOUNT_REDSHIFT_SYSTEM_IMPL_H
#define DBMOUNT_REDSHIFT_SYSTEM_IMPL_H

#include "engines/redshift/system/system.h"

#define VIEW_COLUMNS_MAX 32U
#define RS_DATABASE	 "dev"
#define RS_OWNER	 "awsuser"
#define RS_OWNER_ID	 100

/* A row that is being filled, from the left. */
struct view_rows {
	struct rs_look *look;
	const struct rs_relation *relation;
	int (*emit)(void *arg, const struct sql_value *row, struct err *err);
	void *arg;
	struct sql_value row[VIEW_COLUMNS_MAX];
	struct buf room[VIEW_COLUMNS_MAX]; /* of texts that are made */
	unsigned n;
};

void view_integer(struct view_rows *v, int64_t n);     /* and BOOLEAN */
void view_text(struct view_rows *v, const char *text); /* borrowed until the row's end; NULL */
struct buf *view_room(struct view_rows *v); /* a text that is made: to be filled before the end */
void view_decimal(struct view_rows *v, double x); /* at the column's scale */
void view_time(struct view_rows *v, int64_t ns);
void view_null(struct view_rows *v);
int view_row(struct view_rows *v, struct err *err); /* all columns are there */

struct view {
	const char *schema;
	const char *name;
	const struct rs_relation_column *columns;
	unsigned n_columns;
	int (*fill)(struct view_rows *v, struct err *err);
};

/* Ended by a view without name. */
extern const struct view rs_views_tables[];   /* view_tables.c */
extern const struct view rs_views_columns[];  /* view_columns.c */
extern const struct view rs_views_slices[];   /* view_slices.c */
extern const struct view rs_views_log[];      /* view_log.c */
extern const struct view rs_views_external[]; /* view_external.c */

#define VIEW_COLUMN(n, k, s, d)                                                                    \
	{                                                                                          \
		.name = (n), .type = {.kind = (k), .size = (s), .scale = (d) }                     \
	}
#define COLUMN_INT(n)	    VIEW_COLUMN(n, SQL_INTEGER, 0, 0)
#define COLUMN_SMALL(n)	    VIEW_COLUMN(n, SQL_SMALLINT, 0, 0)
#define COLUMN_BIG(n)	    VIEW_COLUMN(n, SQL_BIGINT, 0, 0)
#define COLUMN_BOOL(n)	    VIEW_COLUMN(n, SQL_BOOLEAN, 0, 0)
#define COLUMN_TEXT(n, s)   VIEW_COLUMN(n, SQL_VARCHAR, s, 0)
#define COLUMN_CHAR(n, s)   VIEW_COLUMN(n, SQL_CHAR, s, 0)
#define COLUMN_TIME(n)	    VIEW_COLUMN(n, SQL_TIMESTAMP, 0, 0)
#define COLUMN_DEC(n, s, d) VIEW_COLUMN(n, SQL_DECIMAL, s, d)
#define VIEW(s, n, c, f)                                                                           \
	{                                                                                          \
		.schema = (s), .name = (n), .columns = (c), .n_columns = sizeof(c) / sizeof *(c),  \
		.fill = (f)                                                                        \
	}
#define VIEW_END                                                                                   \
	{                                                                                          \
		.name = NULL                                                                       \
	}

/* The column of a table that its rows are sorted by first; NULL: none. */
const struct rs_column *view_first_sort(const struct rs_table *t);

#endif
