/* Reading: SELECTs that others run, and what is counted here. */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/nodes/nodes_impl.h"

void rs_where(const struct rs_span *s, struct buf *out)
{
	unsigned long long at = s->at, since = s->since;
	switch (s->kind) {
	case RS_SPAN_AT:
		buf_printf(out, " WHERE \"_ins\" <= %llu AND \"_del\" > %llu", at, at);
		break;
	case RS_SPAN_CAME:
		buf_printf(out, " WHERE \"_ins\" > %llu AND \"_ins\" <= %llu AND \"_del\" > %llu",
			since, at, at);
		break;
	case RS_SPAN_WENT:
		buf_printf(out, " WHERE \"_ins\" <= %llu AND \"_del\" > %llu AND \"_del\" <= %llu",
			since, since, at);
		break;
	}
}

void rs_nodes_file(const struct rs_nodes *n, unsigned node, struct buf *out)
{
	sql_quote(slice_of(n->node[node].side[0].name), out);
}

static void scan(const struct rs_nodes *n, const struct rs_table *t, const struct rs_span *span,
	unsigned node, const bool *columns, bool hidden, struct buf *out)
{
	const char *comma = "";
	buf_puts(out, "SELECT ");
	for (unsigned k = 0; k < t->n_columns; k++) {
		if (columns == NULL || columns[k]) {
			buf_printf(out, "%s\"c%llu\" AS ", comma,
				(unsigned long long)t->columns[k].id);
			sql_quote(slice_of(t->columns[k].name), out);
			comma = ", ";
		}
	}
	if (hidden) {
		buf_printf(out, "%s\"_id\", \"_h\", %u AS \"_node\"", comma, node);
	} else if (comma[0] == '\0') {
		buf_puts(out, "\"_id\""); /* only the rows count */
	}
	buf_puts(out, " FROM ");
	rs_table_path(&n->node[node].side[0], t->storage, out);
	rs_where(span, out);
}

void rs_nodes_scan(const struct rs_nodes *n, const struct rs_table *t, uint64_t xid, unsigned node,
	const bool *columns, bool hidden, struct buf *out)
{
	const struct rs_span span = {.at = xid, .kind = RS_SPAN_AT};
	scan(n, t, &span, node, columns, hidden, out);
}

void rs_nodes_scan_changes(const struct rs_nodes *n, const struct rs_table *t, uint64_t since,
	uint64_t xid, bool went, unsigned node, const bool *columns, bool hidden, struct buf *out)
{
	const struct rs_span span = {
		.at = xid, .since = since, .kind = went ? RS_SPAN_WENT : RS_SPAN_CAME};
	scan(n, t, &span, node, columns, hidden, out);
}

/* ---- counting ---- */

struct count_rows {
	const struct rs_table *t;
	uint64_t xid;
	uint64_t *rows;
};

static int count_statement(struct rs_nodes *n, unsigned node, const struct count_rows *c,
	struct buf *sql, struct err *err)
{
	const struct rs_span span = {.at = c->xid, .kind = RS_SPAN_AT};
	bool all = c->t->placement == RS_DIST_ALL;
	buf_printf(sql, "SELECT ");
	if (all) {
		buf_printf(sql, "%u", node * n->config.slices);
	} else {
		buf_printf(sql, "\"_h\" %% %u", rs_nodes_slices(n));
	}
	buf_puts(sql, " AS s, count(*) FROM ");
	rs_table_path(&n->node[node].side[0], c->t->storage, sql);
	rs_where(&span, sql);
	buf_puts(sql, " GROUP BY 1");
	return buf_check(sql, err);
}

static int count_node(struct rs_nodes *n, unsigned node, void *arg, struct err *err)
{
	struct count_rows *c = arg;
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	const struct sql_type types[] = {{.kind = SQL_BIGINT}, {.kind = SQL_BIGINT}};
	const struct sql_value *row;
	struct sql_session *s;
	struct sql_query *q = NULL;
	int rc = count_statement(n, node, c, &sql, err);
	if (rc != 0 || (rc = rs_session_new(n, node, 0, &s, err)) != 0) {
		return rc;
	}
	rc = sql_prepare(s, buf_cstr(&sql), types, 2, &q, err);
	while (rc == 0 && (rc = sql_step(q, &row, err)) == 1) {
		rc = 0;
		if (row[0].integer >= 0 && row[0].integer < (int64_t)rs_nodes_slices(n)) {
			c->rows[row[0].integer] = (uint64_t)row[1].integer;
		}
	}
	sql_finish(q);
	sql_session_close(s);
	return rc;
}

static int count_all(struct rs_nodes *n, void *arg, struct err *err)
{
	const struct count_rows *c = arg;
	memset(c->rows, 0, rs_nodes_slices(n) * sizeof(*c->rows));
	return rs_nodes_each(n, count_node, arg, err);
}

int rs_nodes_slice_rows(
	struct rs_nodes *n, const struct rs_table *t, uint64_t xid, uint64_t *rows, struct err *err)
{
	struct count_rows c = {.t = t, .xid = xid};
	c.rows = rows;
	return rs_nodes_read(n, count_all, &c, err);
}

uint64_t rs_nodes_node_bytes(struct rs_nodes *n, unsigned node)
{
	static const char *const parts[] = {"", ".wal", "-wal"};
	uint64_t bytes = 0;
	for (size_t k = 0; k < sizeof(parts) / sizeof(*parts); k++) {
		CLEANUP(buf_free) struct buf path = BUF_INIT;
		struct stat st;
		buf_printf(&path, "%s%s", n->node[node].side[0].path, parts[k]);
		if (stat(buf_cstr(&path), &st) == 0) {
			bytes += (uint64_t)st.st_size;
		}
	}
	return bytes;
}

uint64_t rs_nodes_bytes(struct rs_nodes *n)
{
	uint64_t bytes = 0;
	for (unsigned k = 0; k < n->config.nodes; k++) {
		bytes += rs_nodes_node_bytes(n, k);
	}
	return bytes;
}
