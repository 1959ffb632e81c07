/* Nodes and slices: stv_slices, stv_tbl_perm, stv_blocklist. */
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/system/system_impl.h"

/* ---- stv_slices ---- */

static const struct rs_relation_column slices_columns[] = {
	COLUMN_INT("node"),
	COLUMN_INT("slice"),
	COLUMN_INT("localslice"),
	COLUMN_CHAR("type", 1),
};

static int fill_slices(struct view_rows *v, struct err *err)
{
	unsigned slices = rs_nodes_slices(v->look->nodes);
	unsigned of_node = slices / rs_nodes_count(v->look->nodes);
	int rc = 0;

	for (unsigned i = 0; i < slices && rc == 0; i++) {
		view_integer(v, i / of_node);
		view_integer(v, i);
		view_integer(v, i % of_node);
		view_text(v, "D");
		rc = view_row(v, err);
	}
	return rc;
}

/* ---- stv_tbl_perm ---- */

static const struct rs_relation_column perm_columns[] = {
	COLUMN_INT("slice"),
	COLUMN_INT("id"),
	COLUMN_CHAR("name", 72),
	COLUMN_BIG("rows"),
	COLUMN_BIG("sorted_rows"),
	COLUMN_INT("temp"),
	COLUMN_INT("db_id"),
	COLUMN_INT("insert_pristine"),
	COLUMN_INT("delete_pristine"),
	COLUMN_INT("backup"),
};

static int perm_row(struct view_rows *v, const struct rs_table *t, unsigned slice, uint64_t rows,
	struct err *err)
{
	/* What is not sorted is spread as the rows are. */
	uint64_t sorted =
		view_first_sort(t) == NULL || t->unsorted >= t->rows
			? 0
			: rows - (uint64_t)((double)rows * (double)t->unsorted / (double)t->rows);

	view_integer(v, slice);
	view_integer(v, (int64_t)t->id);
	view_text(v, t->name);
	view_integer(v, (int64_t)rows);
	view_integer(v, (int64_t)sorted);
	view_integer(v, 0);
	view_integer(v, 1);
	view_integer(v, 0);
	view_integer(v, t->dead == 0);
	view_integer(v, 1);
	return view_row(v, err);
}

typedef int slice_fn(struct view_rows *v, const struct rs_table *t, unsigned slice, uint64_t rows,
	struct err *err);

static int each_slice(struct view_rows *v, slice_fn *fn, struct err *err)
{
	const struct rs_catalog *c = v->look->catalog;
	int rc = 0;

	for (unsigned i = 0; i < c->n_tables && rc == 0; i++) {
		struct rs_table_facts f;
		rc = rs_table_facts(v->look, c->tables[i], &f, err);
		if (rc != 0) {
			return rc;
		}
		for (unsigned k = 0; k < f.n_slices && rc == 0; k++) {
			rc = fn(v, c->tables[i], k, f.slice_rows[k], err);
		}
		free(f.slice_rows);
	}
	return rc;
}

static int fill_perm(struct view_rows *v, struct err *err)
{
	return each_slice(v, perm_row, err);
}

/* ---- stv_blocklist ---- */

static const struct rs_relation_column block_columns[] = {
	COLUMN_INT("slice"),
	COLUMN_INT("col"),
	COLUMN_INT("tbl"),
	COLUMN_INT("blocknum"),
	COLUMN_INT("num_values"),
	COLUMN_INT("extended_limits"),
	COLUMN_BIG("minvalue"),
	COLUMN_BIG("maxvalue"),
	COLUMN_INT("sb_pos"),
	COLUMN_INT("pinned"),
	COLUMN_INT("on_disk"),
	COLUMN_INT("modified"),
	COLUMN_INT("hdr_modified"),
	COLUMN_INT("unsorted"),
	COLUMN_INT("tombstone"),
	COLUMN_INT("preferred_diskno"),
	COLUMN_INT("temporary"),
	COLUMN_INT("newblock"),
};

/* Values of one column that a block of 1 MB holds, at their full width. */
static uint64_t values_of_block(struct sql_type t)
{
	unsigned width = t.kind == SQL_BOOLEAN						     ? 1
			 : t.kind == SQL_SMALLINT					     ? 2
			 : t.kind == SQL_INTEGER || t.kind == SQL_REAL || t.kind == SQL_DATE ? 4
			 : sql_is_text(t.kind) && t.size > 8 ? t.size
							     : 8;
	return (UINT64_C(1) << 20) / width;
}

static int block_row(struct view_rows *v, const struct rs_table *t, unsigned slice, unsigned column,
	unsigned block, uint64_t values, struct err *err)
{
	view_integer(v, slice);
	view_integer(v, column);
	view_integer(v, (int64_t)t->id);
	view_integer(v, block);
	view_integer(v, (int64_t)values);
	view_integer(v, 0);
	view_null(v);
	view_null(v);
	view_integer(v, block);
	view_integer(v, 0);
	view_integer(v, 1);
	while (v->n < v->relation->n_columns) {
		view_integer(v, 0);
	}
	return view_row(v, err);
}

static int block_slice(struct view_rows *v, const struct rs_table *t, unsigned slice, uint64_t rows,
	struct err *err)
{
	int rc = 0;

	for (unsigned column = 0; column < t->n_columns; column++) {
		uint64_t most = values_of_block(t->columns[column].type);
		uint64_t left = rows;
		for (unsigned block = 0; left > 0 && rc == 0; block++) {
			uint64_t values = left < most ? left : most;
			rc = block_row(v, t, slice, column, block, values, err);
			left -= values;
		}
	}
	return rc;
}

static int fill_blocks(struct view_rows *v, struct err *err)
{
	return each_slice(v, block_slice, err);
}

const struct view rs_views_slices[] = {
	VIEW("pg_catalog", "stv_slices", slices_columns, fill_slices),
	VIEW("pg_catalog", "stv_tbl_perm", perm_columns, fill_perm),
	VIEW("pg_catalog", "stv_blocklist", block_columns, fill_blocks),
	VIEW_END,
};
