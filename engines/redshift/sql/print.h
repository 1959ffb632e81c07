/* A bound tree as text in the dialect of a driver, with the same meaning as in Redshift: division
 * of integers, casts, dates and intervals, functions (functions.h says how each is written in each
 * dialect), NULLs that sort last when ascending and first when descending, LIKE, concatenation. */
#ifndef DBMOUNT_REDSHIFT_PRINT_H
#define DBMOUNT_REDSHIFT_PRINT_H

#include "engines/redshift/sql/bind.h"

struct rs_printer {
	enum sql_dialect dialect;
	const struct rs_bound *bound;
	/* Appends what stands in FROM for a RangeVar, without the alias: "(SELECT …)",
	 * "\"temp\".\"g1\"". `node`: the RangeVar, for what plan/ wrote into it. */
	int (*relation)(void *arg, const json_t *node, const struct rs_relation *r, struct buf *out,
		struct err *err);
	void *arg;
	int64_t now_micros;
};

int rs_print_select(
	const struct rs_printer *p, const json_t *tree, struct buf *out, struct err *err);
int rs_print_expression(
	const struct rs_printer *p, const json_t *tree, struct buf *out, struct err *err);
/* Redshift's own text of it, for .plan and messages. */
void rs_print_plain(const json_t *tree, struct buf *out);

#endif
