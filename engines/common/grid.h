/* An aligned table as psql prints it: names centred, numbers to the right, text to the left, NULL
 * as nothing. Widths are known when the last row was seen, so the cells wait in a spill. */
#ifndef DBMOUNT_GRID_H
#define DBMOUNT_GRID_H

#include "engines/common/buf.h"
#include "engines/common/err.h"

struct grid;

/* `tmp`: where the cells go when they are many. NULL: no memory. */
struct grid *grid_new(const char *tmp, unsigned n_columns);
void grid_free(struct grid *g); /* NULL is fine */
int grid_name(struct grid *g, unsigned column, struct slice name, struct err *err);

/* The next one of the row, or the first of the next row. A column with nothing but numbers and
 * NULLs stands to the right. */
enum grid_kind { GRID_NULL, GRID_NUMBER, GRID_TEXT };
int grid_cell(struct grid *g, struct slice text, enum grid_kind kind, struct err *err);

/* Appends all of it to `out`; `some` (may be NULL) is called when a row was, and may take away
 * what is there. `n_rows`: as many as there were, of which some may not have been given. */
int grid_print(struct grid *g, uint64_t n_rows, struct buf *out,
	int (*some)(void *arg, struct err *err), void *arg, struct err *err);

#endif
