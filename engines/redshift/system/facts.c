/* One table in numbers. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/json.h"
#include "engines/redshift/system/system_impl.h"

#define BLOCK (UINT64_C(1) << 20)

static unsigned width(struct sql_type t)
{
	switch (t.kind) {
	case SQL_BOOLEAN: return 1;
	case SQL_SMALLINT: return 2;
	case SQL_INTEGER:
	case SQL_REAL:
	case SQL_DATE: return 4;
	case SQL_DECIMAL: return t.size > 18 ? 16 : 8;
	case SQL_CHAR: return t.size;
	/* Most texts are far shorter than they may be. */
	case SQL_VARCHAR: return t.size < 24 ? t.size : 24;
	default: return 8;
	}
}

static uint64_t weight(const struct rs_table *t, unsigned nodes)
{
	uint64_t row = 0;

	for (unsigned i = 0; i < t->n_columns; i++) {
		row += width(t->columns[i].type);
	}
	return (t->rows + t->dead) * row * (t->placement == RS_DIST_ALL ? nodes : 1);
}

/* Its share of what the nodes' files take, by rows and their width. */
static uint64_t blocks_of(struct rs_look *look, const struct rs_table *t)
{
	unsigned nodes = rs_nodes_count(look->nodes);
	uint64_t own = weight(t, nodes);
	uint64_t all = 0;

	for (unsigned i = 0; i < look->catalog->n_tables; i++) {
		all += weight(look->catalog->tables[i], nodes);
	}
	if (own == 0 || all == 0) {
		return 0;
	}
	double share = (double)rs_nodes_bytes(look->nodes) * (double)own / (double)all;
	uint64_t blocks = ((uint64_t)share + BLOCK - 1) / BLOCK;
	return blocks == 0 ? 1 : blocks;
}

static double skew_of(const struct rs_table *t, const struct rs_table_facts *f)
{
	uint64_t most = 0;
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < f->n_slices; i++) {
		most = f->slice_rows[i] > most ? f->slice_rows[i] : most;
		least = f->slice_rows[i] < least ? f->slice_rows[i] : least;
	}
	return t->placement == RS_DIST_ALL || least == 0 ? 0 : (double)most / (double)least;
}

int rs_table_facts(
	struct rs_look *look, const struct rs_table *t, struct rs_table_facts *out, struct err *err)
{
	struct rs_table_facts f = {.rows = t->rows,
		.dead = t->dead,
		.unsorted = t->unsorted,
		.n_slices = rs_nodes_slices(look->nodes)};

	f.slice_rows = calloc(f.n_slices + 1, sizeof *f.slice_rows);
	if (f.slice_rows == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = rs_nodes_slice_rows(look->nodes, t, look->xid, f.slice_rows, err);
	if (rc != 0) {
		free(f.slice_rows);
		return rc;
	}
	f.skew = skew_of(t, &f);
	f.blocks = blocks_of(look, t);
	*out = f;
	return 0;
}

void rs_diststyle_text(const struct rs_table *t, struct buf *out)
{
	const struct rs_column *key = rs_table_column_id(t, t->distkey);
	bool automatic = t->diststyle == RS_DIST_AUTO;

	buf_puts(out, automatic ? "AUTO(" : "");
	if (t->placement == RS_DIST_KEY && key != NULL) {
		buf_printf(out, "KEY(%s)", key->name);
	} else {
		buf_puts(out, t->placement == RS_DIST_ALL ? "ALL" : "EVEN");
	}
	buf_puts(out, automatic ? ")" : "");
}

/* ---- .stats ---- */

static json_t *slices_json(const struct rs_table_facts *f)
{
	json_t *slices = json_array();

	for (unsigned i = 0; i < f->n_slices; i++) {
		json_array_append_new(slices, json_integer((json_int_t)f->slice_rows[i]));
	}
	return slices;
}

static json_t *column_json(const struct rs_table *t, const struct rs_column *c)
{
	CLEANUP(buf_free) struct buf type = BUF_INIT;
	const json_t *known = json_object_get(t->stats, c->name);

	sql_type_name(c->type, &type);
	json_t *o = json_pack(
		"{s:s, s:s, s:s?}", "name", c->name, "type", buf_cstr(&type), "encode", c->encode);
	if (known != NULL) {
		json_object_update_missing(o, (json_t *)known);
	}
	return o;
}

static json_t *facts_json(const struct rs_table *t, const struct rs_table_facts *f)
{
	CLEANUP(buf_free) struct buf style = BUF_INIT;
	json_t *columns = json_array();

	rs_diststyle_text(t, &style);
	for (unsigned i = 0; i < t->n_columns; i++) {
		json_array_append_new(columns, column_json(t, &t->columns[i]));
	}
	json_t *o = json_pack("{s:s, s:s, s:I, s:I, s:I, s:s, s:I, s:o, s:o?, s:I, s:o}", "schema",
		t->schema, "table", t->name, "rows", (json_int_t)f->rows, "deleted_rows",
		(json_int_t)f->dead, "unsorted_rows", (json_int_t)f->unsorted, "diststyle",
		buf_cstr(&style), "blocks", (json_int_t)f->blocks, "slice_rows", slices_json(f),
		"skew_rows", f->skew > 0 ? json_real(f->skew) : NULL, "rows_changed_since_analyze",
		(json_int_t)t->analyzed_rows, "columns", columns);
	return o;
}

int rs_table_stats_json(
	struct rs_look *look, const struct rs_table *t, struct buf *out, struct err *err)
{
	struct rs_table_facts f = {0};
	int rc = rs_table_facts(look, t, &f, err);

	if (rc != 0) {
		return rc;
	}
	json_auto_t *o = facts_json(t, &f);
	CLEANUP(cleanup_free)
	char *text = o == NULL ? NULL : json_dumps(o, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
	free(f.slice_rows);
	if (text == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	buf_puts(out, text);
	buf_putc(out, '\n');
	return buf_check(out, err);
}
