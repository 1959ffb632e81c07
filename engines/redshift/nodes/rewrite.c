/* Rows of a table written anew: in another order, other places, another set of nodes.
 *
 * They are read one node after the other and go through a load (insert.c), which places, sorts and
 * mirrors them. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/nodes/nodes_impl.h"

#define ATTEMPTS   3U
#define TELL_EVERY 4096U

struct pour {
	struct rs_nodes *from;
	const struct rs_table *source;
	uint64_t at; /* what is visible there */
	struct rs_nodes *to;
	struct rs_table *target;
	uint64_t xid;	/* whose rows they become */
	bool same_hash; /* rows belong where they did */
	_Atomic bool *stop;
	const struct rs_progress *progress;
	uint64_t done, total;
	bool read_failed; /* else writing did */
};

static void tell(const struct pour *p)
{
	if (p->progress != NULL && p->progress->fn != NULL) {
		p->progress->fn(p->progress->arg, p->done, p->total);
	}
}

static int pour_statement(const struct pour *p, unsigned node, struct buf *sql, struct err *err)
{
	const struct rs_span span = {.at = p->at, .kind = RS_SPAN_AT};
	buf_puts(sql, "SELECT \"_id\", \"_h\"");
	for (unsigned k = 0; k < p->target->n_columns; k++) {
		buf_printf(sql, ", \"c%llu\"", (unsigned long long)p->target->columns[k].id);
	}
	buf_puts(sql, " FROM ");
	rs_table_path(&p->from->node[node].side[0], p->source->storage, sql);
	rs_where(&span, sql);
	return buf_check(sql, err);
}

static int pour_row(
	struct pour *p, struct rs_insert *i, const struct sql_value *row, struct err *err)
{
	if (++p->done % TELL_EVERY == 0) {
		tell(p);
	}
	if (p->stop != NULL && *p->stop) {
		return err_set(err, EINTR, "stopped");
	}
	uint64_t id = (uint64_t)row[0].integer;
	uint64_t h = p->same_hash ? (uint64_t)row[1].integer : rs_insert_hash(i, id, row + 2);
	return rs_insert_put(i, id, h, row + 2, err);
}

static int pour_rows(struct pour *p, struct rs_insert *i, struct sql_query *q, struct err *err)
{
	const struct sql_value *row;
	int rc;
	while ((rc = sql_step(q, &row, err)) == 1) {
		rc = pour_row(p, i, row, err);
		if (rc != 0) {
			return rc;
		}
	}
	p->read_failed = rc != 0;
	return rc;
}

static int pour_node(struct pour *p, struct rs_insert *i, unsigned node, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	struct sql_session *s;
	struct sql_query *q;
	int rc = pour_statement(p, node, &sql, err);
	if (rc == 0) {
		rc = rs_session_new(p->from, node, 0, &s, err);
		p->read_failed = rc != 0;
	}
	if (rc != 0) {
		return rc;
	}
	rc = sql_prepare(s, buf_cstr(&sql), i->types + RS_HIDDEN - 2, i->n_columns + 2, &q, err);
	p->read_failed = rc != 0;
	if (rc == 0) {
		rc = pour_rows(p, i, q, err);
		sql_finish(q);
	}
	sql_session_close(s);
	return rc;
}

static int pour_once(struct pour *p, struct err *err)
{
	struct rs_insert *i;
	unsigned nodes = p->source->placement == RS_DIST_ALL ? 1 : p->from->config.nodes;
	int rc = rs_insert_new(p->to, p->target, p->xid, &i, err);
	if (rc != 0) {
		return rc;
	}
	p->read_failed = false;
	rs_nodes_enter(p->from);
	for (unsigned k = 0; rc == 0 && k < nodes; k++) {
		rc = pour_node(p, i, k, err);
	}
	rs_nodes_leave(p->from);
	int rc_end = rs_insert_end(i, rc == 0, NULL, rc == 0 ? err : NULL);
	return rc != 0 ? rc : rc_end;
}

/* All or nothing; what healing mends is tried again. */
static int pour_table(struct pour *p, struct err *err)
{
	uint64_t before = p->done;
	int rc = -EIO;
	for (unsigned attempt = 0; attempt < ATTEMPTS && rc == -EIO; attempt++) {
		struct err why = {0};
		uint64_t heals = rs_nodes_heals(p->from);
		p->done = before;
		rc = pour_once(p, &why);
		bool again = rc == -EIO && attempt + 1 < ATTEMPTS &&
			     (!p->read_failed || rs_nodes_heals(p->from) != heals ||
				     rs_nodes_heal(p->from, NULL) == 0);
		if (rc != 0 && !again) {
			return err_set(err, -rc, "%s", why.msg);
		}
	}
	return rc;
}

int rs_nodes_rewrite(struct rs_nodes *n, const struct rs_table *from, struct rs_table *to,
	uint64_t xid, const struct rs_progress *progress, struct err *err)
{
	bool same = from->placement == to->placement &&
		    (to->placement != RS_DIST_KEY || from->distkey == to->distkey);
	struct pour p = {.from = n,
		.source = from,
		.at = xid,
		.to = n,
		.target = to,
		.xid = xid,
		.same_hash = same,
		.progress = progress,
		.total = from->rows};
	to->next_row = from->next_row;
	int rc = pour_table(&p, err);
	if (rc == 0) {
		tell(&p);
	}
	return rc;
}

int rs_nodes_copy(struct rs_nodes *from, struct rs_nodes *to, const struct rs_catalog *catalog,
	uint64_t xid, _Atomic bool *stop, const struct rs_progress *progress, struct err *err)
{
	struct pour p = {.from = from,
		.at = xid,
		.to = to,
		.xid = xid,
		.same_hash = true,
		.stop = stop,
		.progress = progress};
	int rc = 0;
	for (unsigned k = 0; k < catalog->n_tables; k++) {
		p.total += catalog->tables[k]->rows;
	}
	for (unsigned k = 0; rc == 0 && k < catalog->n_tables; k++) {
		struct rs_table target = *catalog->tables[k]; /* the catalogue is not ours */
		p.source = catalog->tables[k];
		p.target = &target;
		rc = rs_nodes_create_table(to, &target, err);
		rc = rc != 0 ? rc : pour_table(&p, err);
		if (rc == 0 && stop != NULL && *stop) {
			rc = err_set(err, EINTR, "stopped");
		}
	}
	if (rc == 0) {
		tell(&p);
	}
	return rc;
}
