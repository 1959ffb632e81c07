/* The rows of a statement as an aligned table (common/grid.h). */
#include "engines/rds/sql.h"

#include <stdlib.h>

#include "engines/common/grid.h"

struct rds_grid {
	struct grid *grid;
	struct buf cell;
	unsigned n_columns;
};

static int name_columns(struct rds_grid *g, sqlite3_stmt *stmt)
{
	struct err ignored = {0};
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < g->n_columns; i++) {
		rc = grid_name(g->grid, i, slice_of(sqlite3_column_name(stmt, (int)i)), &ignored);
	}
	return rc;
}

struct rds_grid *rds_grid_new(const char *tmp, sqlite3_stmt *stmt)
{
	struct rds_grid *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		return NULL;
	}
	g->n_columns = (unsigned)sqlite3_column_count(stmt);
	g->grid = grid_new(tmp, g->n_columns);
	if (g->grid == NULL || name_columns(g, stmt) < 0) {
		rds_grid_free(g);
		return NULL;
	}
	return g;
}

void rds_grid_free(struct rds_grid *g)
{
	if (g != NULL) {
		grid_free(g->grid);
		buf_free(&g->cell);
		free(g);
	}
}

static enum grid_kind print_cell(sqlite3_stmt *stmt, int i, struct buf *out)
{
	struct slice bytes;

	switch (sqlite3_column_type(stmt, i)) {
	case SQLITE_NULL: return GRID_NULL;
	case SQLITE_INTEGER:
		buf_printf(out, "%lld", sqlite3_column_int64(stmt, i));
		return GRID_NUMBER;
	case SQLITE_FLOAT: rds_real_text(sqlite3_column_double(stmt, i), out); return GRID_NUMBER;
	case SQLITE_BLOB:
		bytes = store_column_slice(stmt, i);
		buf_puts(out, "\\x");
		for (size_t k = 0; k < bytes.n; k++) {
			buf_printf(out, "%02x", (unsigned char)bytes.p[k]);
		}
		return GRID_TEXT;
	default: {
		const void *text = sqlite3_column_text(stmt, i);
		buf_append(out, text, (size_t)sqlite3_column_bytes(stmt, i));
		return GRID_TEXT;
	}
	}
}

int rds_grid_row(struct rds_grid *g, sqlite3_stmt *stmt, struct err *err)
{
	for (unsigned i = 0; i < g->n_columns; i++) {
		buf_clear(&g->cell);
		enum grid_kind kind = print_cell(stmt, (int)i, &g->cell);
		int rc = buf_check(&g->cell, err);
		rc = rc < 0 ? rc : grid_cell(g->grid, buf_slice(&g->cell), kind, err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int some(void *arg, struct err *err)
{
	return rds_out_some(arg, err);
}

int rds_grid_print(struct rds_grid *g, uint64_t n_rows, struct rds_out *out, struct err *err)
{
	return grid_print(g->grid, n_rows, &out->text, some, out, err);
}
