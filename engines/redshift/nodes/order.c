/* The order of rows that are written together.
 *
 * COMPOUND: by slice, then by the columns of the sort key. INTERLEAVED gives each column the same
 * weight: a column's value becomes its rank among these rows, on a scale of a few bits; the bits of
 * all columns are dealt out in turn, the highest of each first, and the number they make is what
 * rows stand by (a Z-order curve). Rows that are near in any of the columns are so in few places of
 * the table, and a driver's minima and maxima of blocks let it skip the rest. */
#include "engines/redshift/nodes/nodes_impl.h"

#define BITS_MAX 8U  /* of one column's rank */
#define BITS_ALL 60U /* of all */

bool rs_table_sorted(const struct rs_table *t)
{
	for (unsigned k = 0; k < t->n_columns; k++) {
		if (t->columns[k].sort_position > 0) {
			return true;
		}
	}
	return false;
}

void rs_columns_list(const struct rs_table *t, struct buf *out)
{
	buf_puts(out, "\"_id\", \"_h\", \"_ins\", \"_del\"");
	for (unsigned k = 0; k < t->n_columns; k++) {
		buf_printf(out, ", \"c%llu\"", (unsigned long long)t->columns[k].id);
	}
}

static const struct rs_column *at_position(const struct rs_table *t, unsigned position)
{
	for (unsigned k = 0; k < t->n_columns; k++) {
		if (t->columns[k].sort_position == position) {
			return &t->columns[k];
		}
	}
	return NULL;
}

/* SQLite has decimals as texts. */
static void ordered(const struct rs_column *c, enum sql_dialect dialect, struct buf *out)
{
	buf_printf(out, "\"c%llu\"", (unsigned long long)c->id);
	if (dialect == SQL_SQLITE && c->type.kind == SQL_DECIMAL) {
		buf_puts(out, " COLLATE decimal");
	}
	buf_puts(out, " NULLS LAST");
}

static unsigned sort_columns(const struct rs_table *t)
{
	unsigned n = 0;
	while (at_position(t, n + 1) != NULL) {
		n++;
	}
	return n;
}

static void order_compound(const struct rs_table *t, enum sql_dialect dialect, struct buf *out)
{
	for (unsigned k = 1; at_position(t, k) != NULL; k++) {
		buf_puts(out, ", ");
		ordered(at_position(t, k), dialect, out);
	}
}

/* The bits of all ranks, r1, r2…, dealt out. */
static void order_interleaved(unsigned n, unsigned bits, struct buf *out)
{
	unsigned to = n * bits;
	buf_puts(out, ", (0");
	for (unsigned bit = bits; bit-- > 0;) {
		for (unsigned k = 1; k <= n; k++) {
			to--;
			buf_printf(out, " + (((\"r%u\" >> %u) & 1) << %u)", k, bit, to);
		}
	}
	buf_puts(out, ")");
}

static void ranks(const struct rs_table *t, enum sql_dialect dialect, unsigned n, unsigned bits,
	struct buf *out)
{
	for (unsigned k = 1; k <= n; k++) {
		buf_puts(out, ", CAST(percent_rank() OVER (ORDER BY ");
		ordered(at_position(t, k), dialect, out);
		buf_printf(out, ") * %u AS BIGINT) AS \"r%u\"", (1U << bits) - 1, k);
	}
}

void rs_order_select(const struct rs_table *t, enum sql_dialect dialect, unsigned slices,
	const char *source, struct buf *out)
{
	unsigned n = sort_columns(t);
	bool interleaved = t->sortstyle == RS_SORT_INTERLEAVED && n > 0;
	unsigned bits = n > 0 && BITS_ALL / n < BITS_MAX ? BITS_ALL / n : BITS_MAX;
	buf_puts(out, "SELECT ");
	rs_columns_list(t, out);
	if (interleaved) {
		buf_puts(out, " FROM (SELECT ");
		rs_columns_list(t, out);
		ranks(t, dialect, n, bits, out);
		buf_printf(out, " FROM %s) AS ranked", source);
	} else {
		buf_printf(out, " FROM %s", source);
	}
	buf_printf(out, " ORDER BY \"_h\" %% %u", slices);
	if (interleaved) {
		order_interleaved(n, bits, out);
	} else {
		order_compound(t, dialect, out);
	}
	buf_puts(out, ", \"_id\"");
}
