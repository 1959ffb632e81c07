/* What does not count is removed: rows and marks of transactions that were not committed, tables
 * and columns that they made. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/nodes/nodes_impl.h"

static const struct rs_table *table_of_storage(const struct rs_catalog *c, uint64_t storage)
{
	for (unsigned k = 0; k < c->n_tables; k++) {
		if (c->tables[k]->storage == storage) {
			return c->tables[k];
		}
	}
	return NULL;
}

static bool has_column(const struct rs_table *t, uint64_t id)
{
	for (unsigned k = 0; k < t->n_columns; k++) {
		if (t->columns[k].id == id) {
			return true;
		}
	}
	return false;
}

struct undo {
	struct sql_session *s;
	const struct rs_file *f;
	const struct rs_catalog *c;
	uint64_t xid;
	bool orphans;
};

static int drop_columns(const struct undo *u, const struct rs_table *t, struct err *err)
{
	CLEANUP(rs_numbers_clear) struct rs_numbers there = {0};
	int rc = rs_file_columns(u->s, u->f, t->storage, &there, err);
	for (unsigned k = 0; rc == 0 && k < there.n; k++) {
		bool nobodys = u->orphans || there.v[k] >= u->c->next_id;
		if (nobodys && !has_column(t, there.v[k])) {
			CLEANUP(buf_free) struct buf path = BUF_INIT;
			rs_table_path(u->f, t->storage, &path);
			rc = rs_session_run(u->s, NULL, err, "ALTER TABLE %s DROP COLUMN \"c%llu\"",
				buf_cstr(&path), (unsigned long long)there.v[k]);
		}
	}
	return rc;
}

static int drop_orphan(const struct undo *u, uint64_t storage, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	if (!u->orphans && storage < u->c->next_id) {
		return 0;
	}
	rs_table_path(u->f, storage, &path);
	return rs_session_run(u->s, NULL, err, "DROP TABLE IF EXISTS %s", buf_cstr(&path));
}

static int take_back_rows(const struct undo *u, uint64_t storage, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	unsigned long long xid = u->xid;
	rs_table_path(u->f, storage, &path);
	const char *p = buf_cstr(&path);
	int rc = rs_session_run(u->s, NULL, err, "DELETE FROM %s WHERE \"_ins\" > %llu", p, xid);
	return rc != 0 ? rc
		       : rs_session_run(u->s, NULL, err,
				 "UPDATE %s SET \"_del\" = %lld WHERE \"_del\" > %llu AND \"_del\" "
				 "< %lld",
				 p, (long long)RS_LIVE, xid, (long long)RS_LIVE);
}

static int take_back(const struct undo *u, const struct rs_numbers *tables, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	sql_quote(slice_of(u->f->name), &name);
	int rc = sql_run(u->s, "BEGIN", NULL, err);
	for (unsigned k = 0; rc == 0 && k < tables->n; k++) {
		if (table_of_storage(u->c, tables->v[k]) != NULL) {
			rc = take_back_rows(u, tables->v[k], err);
		}
	}
	return rc != 0 ? rc
		       : rs_session_run(u->s, NULL, err,
				 "UPDATE %s.\"meta\" SET \"xid\" = %llu; COMMIT", buf_cstr(&name),
				 (unsigned long long)u->xid);
}

static int undo_in(const struct undo *u, struct err *err)
{
	CLEANUP(rs_numbers_clear) struct rs_numbers tables = {0};
	uint64_t written = 0;
	int rc = rs_meta_read(u->s, u->f, &written, err);
	rc = rc != 0 ? rc : rs_file_tables(u->s, u->f, &tables, err);
	for (unsigned k = 0; rc == 0 && k < tables.n; k++) {
		const struct rs_table *t = table_of_storage(u->c, tables.v[k]);
		rc = t != NULL ? drop_columns(u, t, err) : drop_orphan(u, tables.v[k], err);
	}
	return rc != 0 || written <= u->xid ? rc : take_back(u, &tables, err);
}

int rs_file_undo(struct rs_nodes *n, unsigned node, unsigned side, const struct rs_catalog *c,
	uint64_t xid, bool orphans, struct err *err)
{
	struct undo u = {.f = &n->node[node].side[side], .c = c, .xid = xid, .orphans = orphans};
	int rc = rs_session_new(n, node, side, &u.s, err);
	if (rc == 0) {
		rc = undo_in(&u, err);
		sql_session_close(u.s);
	}
	return rc;
}

struct undo_call {
	const struct rs_catalog *c;
	uint64_t xid;
	bool orphans;
};

static int undo_node(struct rs_nodes *n, unsigned node, void *arg, struct err *err)
{
	const struct undo_call *u = arg;
	int rc = 0;
	for (unsigned side = 0; rc == 0 && side < n->n_sides; side++) {
		rc = rs_file_undo(n, node, side, u->c, u->xid, u->orphans, err);
	}
	return rc;
}

static int undo_all(struct rs_nodes *n, void *arg, struct err *err)
{
	return rs_nodes_each(n, undo_node, arg, err);
}

int rs_nodes_undo(struct rs_nodes *n, const struct rs_catalog *c, uint64_t xid, struct err *err)
{
	struct undo_call u = {.c = c, .xid = xid - 1};
	return rs_nodes_read(n, undo_all, &u, err);
}

/* ---- at open ---- */

static int known(struct rs_nodes *n, unsigned node, unsigned side, const struct rs_catalog *c,
	uint64_t *xid, unsigned *tables, struct err *err)
{
	const struct rs_file *f = &n->node[node].side[side];
	CLEANUP(rs_numbers_clear) struct rs_numbers there = {0};
	struct sql_session *s;
	int rc = rs_session_new(n, node, side, &s, err);
	if (rc != 0) {
		return rc;
	}
	rc = rs_meta_read(s, f, xid, err);
	rc = rc != 0 ? rc : rs_file_tables(s, f, &there, err);
	*tables = 0;
	for (unsigned k = 0; rc == 0 && k < there.n; k++) {
		*tables += table_of_storage(c, there.v[k]) != NULL;
	}
	sql_session_close(s);
	return rc;
}

/* A file that knows less than its mirror (or the other way round) is an old copy of it, unless the
 * other was written to by a transaction that was not committed. */
static int refresh_stale(
	struct rs_nodes *n, unsigned node, const struct rs_catalog *c, struct err *err)
{
	uint64_t xid[SIDES];
	unsigned tables[SIDES];
	int rc = 0;
	for (unsigned side = 0; rc == 0 && side < SIDES; side++) {
		rc = known(n, node, side, c, &xid[side], &tables[side], err);
	}
	if (rc != 0) {
		return rc;
	}
	bool compare = xid[0] <= c->xid && xid[1] <= c->xid;
	for (unsigned side = 0; side < SIDES; side++) {
		if (tables[side] < tables[1 - side] || (compare && xid[side] < xid[1 - side])) {
			return rs_file_remake(n, node, side, "is an old copy", err);
		}
	}
	return tables[0] == c->n_tables ? 0
					: err_set(err, EIO, "node %u: %u of %u tables are there",
						  node, tables[0], c->n_tables);
}

int rs_nodes_settle(struct rs_nodes *n, const struct rs_catalog *c, struct err *err)
{
	struct undo_call u = {.c = c, .xid = c->xid, .orphans = true};
	int rc = 0;
	for (unsigned k = 0; rc == 0 && n->n_sides == SIDES && k < n->config.nodes; k++) {
		rc = refresh_stale(n, k, c, err);
	}
	return rc != 0 || n->config.read_only ? rc : rs_nodes_each(n, undo_node, &u, err);
}
