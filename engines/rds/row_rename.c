/* Renaming a file changes the key of its row, by UPDATE: what refers to it follows
 * as its foreign keys say. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/rds/rows.h"

struct move {
	struct rds_conn *c;
	struct rds_stored from;
	struct rds_stored to;
};

static void finish(struct move *m)
{
	rds_stored_finish(&m->from);
	rds_stored_finish(&m->to);
}

/* All columns that are neither key nor generated become those of `other`. */
static int take_content(struct rds_conn *c, const struct rds_stored *row,
	const struct rds_stored *other, struct err *err)
{
	const struct rds_table *t = row->t;
	CLEANUP(buf_free) struct buf bytes = BUF_INIT;
	/* NOLINTBEGIN(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	CLEANUP(cleanup_free) unsigned *columns = calloc(t->n_columns + 1, sizeof(*columns));
	CLEANUP(cleanup_free)
	struct rds_value *values = calloc(t->n_columns + 1, sizeof(*values));
	if (columns == NULL || values == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	struct rds_changes changes = {columns, values, 0};
	for (unsigned i = 0; i < t->n_columns; i++) {
		if (t->columns[i].pk == 0 && !t->columns[i].generated &&
			!rds_values_same(row->values[i], other->values[i])) {
			columns[changes.n] = i;
			values[changes.n++] = rds_value_of(other->values[i], &bytes);
		}
	}
	int rc = buf_check(&bytes, err);
	return rc != 0 || changes.n == 0 ? rc : rds_stored_update(c, row, &changes, &bytes, err);
	/* NOLINTEND(clang-analyzer-unix.Malloc) */
}

/* Each row keeps its key and what refers to it; the content changes places. */
static int exchange(struct move *m, struct err *err)
{
	if (!m->to.exists) {
		return rds_stored_missing(&m->to, err);
	}
	int rc = take_content(m->c, &m->from, &m->to, err);
	return rc != 0 ? rc : take_content(m->c, &m->to, &m->from, err);
}

static int replace(struct move *m, struct err *err)
{
	int rc = m->to.exists ? rds_stored_delete(m->c, &m->to, err) : 0;
	rc = rc != 0 ? rc : rds_stored_rekey(m->c, &m->from, &m->to, err);
	if (rc != 0) {
		return rc;
	}
	struct engine_info info;
	struct rds_stored made = m->to;
	made.exists = false; /* of what it replaced nothing counts */
	return rds_stored_info(m->c, &made, &info, err);
}

int rds_row_rename(struct rds_conn *c, struct slice table, struct slice from, struct slice to,
	unsigned flags, struct err *err)
{
	struct err own = {0};
	err = err != NULL ? err : &own;
	CLEANUP(finish) struct move m = {.c = c};
	int rc = rds_stored_load(c, table, from, &m.from, err);
	rc = rc != 0 ? rc : rds_stored_load(c, table, to, &m.to, err);
	if (rc != 0) {
		return rc;
	}
	if (!m.from.exists) {
		return rds_stored_missing(&m.from, err);
	}
	if (m.to.exists && (flags & RENAME_NOREPLACE) != 0) {
		return err_set(err, EEXIST, "a row of that name exists already");
	}
	if (slice_equal(from, to)) {
		return 0;
	}
	return (flags & RENAME_EXCHANGE) != 0 ? exchange(&m, err) : replace(&m, err);
}
