/* What a load writes to one node.
 *
 * Without a sort key rows go into the table as they come, in one transaction. With one they go into
 * a table of the session's own first, and from there in order.
 *
 * The mirror gets the same rows: from the node's table when that is committed, where a driver reads
 * several files in one statement (no row is made a second time then), else as they come. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/nodes/nodes_impl.h"

#define STAGE "\"temp\".\"stage\""

static const struct rs_file *part_file(const struct rs_part *p, unsigned side)
{
	return &p->insert->nodes->node[p->node].side[side];
}

static bool composes(const struct rs_part *p)
{
	return p->insert->nodes->config.site->driver->composes;
}

/* Sides that are written to as rows come. */
static unsigned fed_sides(const struct rs_part *p)
{
	return composes(p) || p->insert->nodes->n_sides == 1 ? 1 : SIDES;
}

static const struct rs_table *table_of(const struct rs_part *p)
{
	return p->insert->t;
}

static int begin_stage(struct rs_part *p, struct sql_session *s, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, "CREATE TEMPORARY TABLE \"stage\"(");
	for (unsigned k = 0; k < p->insert->width; k++) {
		static const char *const hidden[] = {"_id", "_h", "_ins", "_del"};
		if (k < RS_HIDDEN) {
			buf_printf(&sql, "%s\"%s\" ", k == 0 ? "" : ", ", hidden[k]);
		} else {
			buf_printf(&sql, ", \"c%llu\" ",
				(unsigned long long)table_of(p)->columns[k - RS_HIDDEN].id);
		}
		sql_column_type(s->driver->dialect, p->insert->types[k], &sql);
	}
	buf_puts(&sql, ")");
	const char *text = buf_cstr(&sql);
	int rc = buf_check(&sql, err);
	return rc != 0 ? rc : sql_run(s, text, NULL, err);
}

static int begin_side(struct rs_part *p, unsigned side, struct err *err)
{
	struct rs_insert *i = p->insert;
	const struct rs_file *f = part_file(p, side);
	char table[32];
	snprintf(table, sizeof(table), "t%llu", (unsigned long long)i->storage);
	int rc = rs_session_new(i->nodes, p->node, side, &p->session[side], err);
	if (rc != 0) {
		return rc;
	}
	struct sql_session *s = p->session[side];
	rc = i->sorted ? begin_stage(p, s, err) : rs_session_begin(s, f, i->xid, err);
	if (rc != 0) {
		return rc;
	}
	return sql_append_new(s, i->sorted ? "temp" : f->name, i->sorted ? "stage" : table,
		i->types, i->width, &p->append[side], err);
}

static int part_begin(struct rs_part *p, struct err *err)
{
	int rc = 0;
	p->begun = true;
	for (unsigned side = 0; rc == 0 && side < fed_sides(p); side++) {
		rc = begin_side(p, side, err);
	}
	return rc;
}

int rs_part_write(struct rs_part *p, const struct rs_batch *b, struct err *err)
{
	int rc = p->begun ? 0 : part_begin(p, err);
	for (unsigned side = 0; rc == 0 && side < fed_sides(p); side++) {
		for (unsigned k = 0; rc == 0 && k < b->n; k++) {
			rc = sql_append_row(p->append[side], b->values + (size_t)k * b->width, err);
		}
	}
	return rc;
}

/* ---- the end ---- */

static int write_sorted(struct rs_part *p, unsigned side, struct err *err)
{
	struct sql_session *s = p->session[side];
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, "INSERT INTO ");
	rs_table_path(part_file(p, side), p->insert->storage, &sql);
	buf_puts(&sql, "(");
	rs_columns_list(table_of(p), &sql);
	buf_puts(&sql, ") ");
	rs_order_select(
		table_of(p), s->driver->dialect, rs_nodes_slices(p->insert->nodes), STAGE, &sql);
	const char *text = buf_cstr(&sql);
	int rc = buf_check(&sql, err);
	rc = rc != 0 ? rc : rs_session_begin(s, part_file(p, side), p->insert->xid, err);
	return rc != 0 ? rc : sql_run(s, text, NULL, err);
}

static int finish_side(struct rs_part *p, unsigned side, struct err *err)
{
	struct sql_append *a = p->append[side];
	p->append[side] = NULL;
	int rc = sql_append_end(a, true, err);
	if (rc == 0 && p->insert->sorted) {
		rc = write_sorted(p, side, err);
	}
	p->written[side] = rc == 0; /* a commit that fails may have happened all the same */
	return rc != 0 ? rc : sql_run(p->session[side], "COMMIT", NULL, err);
}

static int copy_statement(struct rs_part *p, struct buf *sql, struct err *err)
{
	const struct rs_insert *i = p->insert;
	buf_puts(sql, "INSERT INTO ");
	rs_table_path(part_file(p, 1), i->storage, sql);
	buf_puts(sql, "(");
	rs_columns_list(table_of(p), sql);
	buf_puts(sql, ") SELECT ");
	rs_columns_list(table_of(p), sql);
	buf_puts(sql, " FROM ");
	rs_table_path(part_file(p, 0), i->storage, sql);
	buf_printf(sql, " WHERE \"_ins\" = %llu AND \"_id\" BETWEEN %llu AND %llu",
		(unsigned long long)i->xid, (unsigned long long)i->low,
		(unsigned long long)i->high);
	return buf_check(sql, err);
}

static int copy_to_mirror(struct rs_part *p, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	const struct rs_insert *i = p->insert;
	int rc = copy_statement(p, &sql, err);
	rc = rc != 0 ? rc : rs_session_new(i->nodes, p->node, 1, &p->session[1], err);
	rc = rc != 0 ? rc : rs_session_begin(p->session[1], part_file(p, 1), i->xid, err);
	rc = rc != 0 ? rc : sql_run(p->session[1], buf_cstr(&sql), NULL, err);
	p->written[1] = rc == 0;
	return rc != 0 ? rc : sql_run(p->session[1], "COMMIT", NULL, err);
}

int rs_part_finish(struct rs_part *p, struct err *err)
{
	int rc = 0;
	for (unsigned side = 0; p->begun && rc == 0 && side < fed_sides(p); side++) {
		rc = finish_side(p, side, err);
	}
	if (rc == 0 && p->begun && fed_sides(p) < p->insert->nodes->n_sides) {
		rc = copy_to_mirror(p, err);
	}
	return rc;
}

void rs_part_close(struct rs_part *p)
{
	for (unsigned side = 0; side < SIDES; side++) {
		if (p->append[side] != NULL) {
			sql_append_end(p->append[side], false, NULL);
		}
		sql_session_close(p->session[side]);
		p->append[side] = NULL;
		p->session[side] = NULL;
	}
	p->begun = false;
}

static int undo_side(struct rs_part *p, unsigned side, struct err *err)
{
	const struct rs_insert *i = p->insert;
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	struct sql_session *s;
	buf_puts(&sql, "DELETE FROM ");
	rs_table_path(part_file(p, side), i->storage, &sql);
	buf_printf(&sql, " WHERE \"_ins\" = %llu AND \"_id\" BETWEEN %llu AND %llu",
		(unsigned long long)i->xid, (unsigned long long)i->low,
		(unsigned long long)i->high);
	const char *text = buf_cstr(&sql);
	int rc = buf_check(&sql, err);
	rc = rc != 0 ? rc : rs_session_new(i->nodes, p->node, side, &s, err);
	if (rc == 0) {
		rc = sql_run(s, text, NULL, err);
		sql_session_close(s);
	}
	return rc;
}

int rs_part_undo(struct rs_part *p, struct err *err)
{
	int rc = 0;
	/* Of both: healing may have made the other one of this one. */
	bool written = p->written[0] || p->written[1];
	for (unsigned side = 0; written && side < p->insert->nodes->n_sides; side++) {
		/* On to the other side, even if this one cannot be mended now. */
		int rc_side = undo_side(p, side, rc == 0 ? err : NULL);
		rc = rc != 0 ? rc : rc_side;
	}
	if (rc == 0) {
		p->written[0] = p->written[1] = false;
	}
	return rc;
}
