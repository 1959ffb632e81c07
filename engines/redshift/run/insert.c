/* Rows on their way into a table: complete, of the columns' types, and refused where they may not
 * be. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/run/run_impl.h"

struct rs_sink {
	struct rs_txn *txn;
	struct rs_table *table;
	struct rs_insert *insert;
	unsigned *columns; /* of rs_sink_row() */
	unsigned n;
	struct sql_value *row;
	struct buf *room;	    /* a text for each column */
	struct sql_value *defaults; /* of columns that have one, once it was needed */
	struct buf *default_room;
	bool *has_default;
	uint64_t *identity; /* the next of each column */
	uint64_t rows;	    /* of inserts that have ended */
	uint64_t pending;   /* of this one */
	bool sorted;	    /* the table was empty: what comes stands in order */
};

/* ---- defaults ---- */

/* One row of one value. */
static int evaluate(struct rs_txn *t, json_t *tree, struct slice text, struct sql_type to,
	struct sql_value *out, struct buf *room, struct err *err)
{
	CLEANUP(buf_free) struct buf made = BUF_INIT;
	struct rs_rows rows;
	const struct sql_value *row;

	int rc = rs_rows_begin_tree(&t->look.sight, tree, text, &rows, err);
	if (rc < 0) {
		return rc;
	}
	rc = rs_rows_step(&rows, &row, err);
	if (rc == 0) {
		rc = err_set(err, EINVAL, "a default gives no value");
	}
	rc = rc < 0 ? rc : rs_convert(&row[0], rows.types[0], to, out, &made, err);
	if (rc == 0 && !out->null && sql_is_text(to.kind)) {
		/* Beyond the life of the query. */
		buf_clear(room);
		buf_append_slice(room, out->text);
		rc = buf_check(room, err);
		out->text = buf_slice(room);
	}
	rs_rows_end(&rows);
	return rc;
}

int rs_default_value(struct rs_txn *t, const struct rs_column *c, struct sql_value *out,
	struct buf *room, struct err *err)
{
	json_t *expression = NULL;

	if (c->default_text == NULL) {
		*out = (struct sql_value){.null = true};
		return 0;
	}
	struct slice text = slice_of(c->default_text);
	int rc = rs_expression_parse(text, &expression, err);
	if (rc == 0) {
		json_t *tree = rs_tree_select(
			json_pack("[o]", rs_tree_target(expression)), NULL, NULL, false, false);
		rc = tree == NULL ? err_set(err, ENOMEM, "out of memory")
				  : evaluate(t, tree, text, c->type, out, room, err);
	}
	return rc < 0 ? err_wrap(err, "default of column \"%s\"", c->name) : 0;
}

/* ---- beginning ---- */

static void sink_free(struct rs_sink *s)
{
	for (unsigned i = 0; i < s->table->n_columns; i++) {
		if (s->room != NULL) {
			buf_free(&s->room[i]);
		}
		if (s->default_room != NULL) {
			buf_free(&s->default_room[i]);
		}
	}
	free(s->columns);
	free(s->row);
	free(s->room);
	free(s->defaults);
	free(s->default_room);
	free(s->has_default);
	free(s->identity);
	free(s);
}

static struct rs_sink *sink_room(struct rs_table *t, unsigned n)
{
	struct rs_sink *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		return NULL;
	}
	s->table = t;
	s->columns = calloc(n + 1, sizeof(*s->columns));
	s->row = calloc(t->n_columns, sizeof(*s->row));
	s->room = calloc(t->n_columns, sizeof(*s->room));
	s->defaults = calloc(t->n_columns, sizeof(*s->defaults));
	s->default_room = calloc(t->n_columns, sizeof(*s->default_room));
	s->has_default = calloc(t->n_columns, sizeof(*s->has_default));
	s->identity = calloc(t->n_columns, sizeof(*s->identity));
	if (s->columns == NULL || s->row == NULL || s->room == NULL || s->defaults == NULL ||
		s->default_room == NULL || s->has_default == NULL || s->identity == NULL) {
		sink_free(s);
		return NULL;
	}
	return s;
}

int rs_sink_new(struct rs_txn *t, struct rs_table *table, const unsigned *columns, unsigned n,
	struct rs_sink **out, struct err *err)
{
	unsigned given = columns == NULL ? table->n_columns : n;
	struct rs_sink *s = sink_room(table, given);

	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->txn = t;
	s->n = given;
	s->sorted = table->rows == 0 && table->dead == 0;
	for (unsigned i = 0; i < given; i++) {
		s->columns[i] = columns == NULL ? i : columns[i];
	}
	for (unsigned i = 0; i < table->n_columns; i++) {
		s->identity[i] = table->columns[i].identity_next;
	}
	int rc = rs_insert_new(t->look.nodes, table, t->xid, &s->insert, err);
	if (rc < 0) {
		sink_free(s);
		return rc;
	}
	t->wrote = true;
	*out = s;
	return 0;
}

/* ---- rows ---- */

static int fill_in(struct rs_sink *s, unsigned i, struct err *err)
{
	const struct rs_column *c = &s->table->columns[i];

	if (c->identity) {
		__extension__ __int128 next =
			(__int128)c->identity_seed +
			(__int128)c->identity_step * (__int128)s->identity[i]++;
		s->row[i] = (struct sql_value){.integer = (int64_t)next};
		if (next != (int64_t)next ||
			(c->type.kind == SQL_INTEGER && next != (int32_t)next)) {
			return err_set(
				err, ERANGE, "column \"%s\": its IDENTITY is used up", c->name);
		}
		return 0;
	}
	if (!s->has_default[i]) {
		int rc = rs_default_value(s->txn, c, &s->defaults[i], &s->default_room[i], err);
		if (rc < 0) {
			return rc;
		}
		s->has_default[i] = true;
	}
	s->row[i] = s->defaults[i];
	return 0;
}

static int check_null(const struct rs_sink *s, unsigned i, struct err *err)
{
	const struct rs_column *c = &s->table->columns[i];

	return s->row[i].null && c->not_null
		       ? err_set(err, EINVAL, "column %s: NULL, but it is NOT NULL", c->name)
		       : 0;
}

static int take_value(struct rs_sink *s, unsigned i, const struct sql_value *v,
	struct sql_type type, struct err *err)
{
	const struct rs_column *c = &s->table->columns[i];
	struct err why = {0};

	buf_clear(&s->room[i]);
	int rc = rs_convert(v, type, c->type, &s->row[i], &s->room[i], &why);
	if (rc < 0) {
		int code = why.code == ERANGE ? EINVAL : why.code;
		return err_set(err, code, "column %s: %s", c->name, why.msg);
	}
	return check_null(s, i, err);
}

static int fill_rest(struct rs_sink *s, const unsigned *columns, unsigned n, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < s->table->n_columns; i++) {
		bool given = false;
		for (unsigned k = 0; !given && k < n; k++) {
			given = columns[k] == i;
		}
		if (!given) {
			rc = fill_in(s, i, err);
			rc = rc < 0 ? rc : check_null(s, i, err);
		}
	}
	return rc;
}

/* ---- AUTO ---- */

int rs_rewrite(
	struct rs_txn *t, const struct rs_table *from, struct rs_table *table, struct err *err)
{
	table->storage = t->next->next_id++;
	t->wrote = true;
	int rc = rs_nodes_create_table(t->look.nodes, table, err);
	rc = rc < 0 ? rc : rs_nodes_rewrite(t->look.nodes, from, table, t->xid, NULL, err);
	rc = rc < 0 ? rc : rs_txn_drop_storage(t, from->storage, err);
	if (rc == 0) {
		table->dead = 0;
		table->unsorted = 0;
		rs_txn_touch(t, table);
	}
	return rc;
}

/* What came so far is the table's. */
static int settle(struct rs_sink *s, bool keep, uint64_t *rows, struct err *err)
{
	struct rs_table *t = s->table;
	bool has_sort = false;

	int rc = rs_insert_end(s->insert, keep, rows, err);
	s->insert = NULL;
	if (rc < 0 || !keep) {
		return rc;
	}
	for (unsigned i = 0; i < t->n_columns; i++) {
		t->columns[i].identity_next = s->identity[i];
		has_sort = has_sort || t->columns[i].sort_position > 0;
	}
	t->rows += *rows;
	t->analyzed_rows += *rows;
	t->unsorted += has_sort && !s->sorted ? *rows : 0;
	return 0;
}

/* From all rows on each node to each row on one. */
static int spread(struct rs_sink *s, struct err *err)
{
	uint64_t rows = 0;

	int rc = settle(s, true, &rows, err);
	if (rc < 0) {
		return rc;
	}
	s->rows += rows;
	struct rs_table from = *s->table;
	s->table->placement = RS_DIST_EVEN;
	s->sorted = false;
	rc = rs_rewrite(s->txn, &from, s->table, err);
	return rc < 0 ? rc
		      : rs_insert_new(s->txn->look.nodes, s->table, s->txn->xid, &s->insert, err);
}

static bool has_grown(const struct rs_sink *s, uint64_t more)
{
	return s->table->diststyle == RS_DIST_AUTO && s->table->placement == RS_DIST_ALL &&
	       s->table->rows + more > RS_AUTO_ROWS;
}

int rs_sink_put(struct rs_sink *s, const struct sql_value *row, const struct sql_type *types,
	const unsigned *columns, unsigned n, unsigned *column, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < n; i++) {
		rc = take_value(s, columns[i], &row[i], types[i], err);
		if (rc < 0 && column != NULL) {
			*column = i;
		}
	}
	if (rc == 0 && n < s->table->n_columns) {
		rc = fill_rest(s, columns, n, err);
	}
	if (rc < 0) {
		return rc;
	}
	if (s->insert == NULL) {
		return err_set(err, EIO, "an earlier row could not be written");
	}
	s->pending++;
	if (has_grown(s, s->pending)) {
		s->pending = 1;
		rc = spread(s, err);
	}
	return rc < 0 ? rc : rs_insert_row(s->insert, s->row, err);
}

int rs_sink_row(struct rs_sink *s, const struct sql_value *row, const struct sql_type *types,
	unsigned *column, struct err *err)
{
	return rs_sink_put(s, row, types, s->columns, s->n, column, err);
}

int rs_sink_end(struct rs_sink *s, bool keep, uint64_t *rows, struct err *err)
{
	uint64_t last = 0;
	int rc = 0;

	if (s->insert != NULL) {
		rc = settle(s, keep, &last, err);
	} else if (keep) {
		rc = err_set(err, EIO, "an earlier row could not be written");
	}
	if (rc == 0 && keep) {
		rs_txn_touch(s->txn, s->table);
	}
	if (rows != NULL) {
		*rows = s->rows + last;
	}
	sink_free(s);
	return rc;
}
