/* Parquet: a file has to be whole, and is read by the driver. What comes in pieces is kept in a
 * file of the cluster's directory for such until it is. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/load/loading_impl.h"

/* ---- pieces ---- */

void rs_load_parquet_forget(struct rs_loading *l)
{
	if (l->parquet_fd >= 0) {
		close(l->parquet_fd);
		unlink(buf_cstr(&l->parquet_path));
	}
	l->parquet_fd = -1;
	buf_clear(&l->parquet_path);
}

static int open_piece(struct rs_loading *l, struct err *err)
{
	buf_clear(&l->parquet_path);
	buf_printf(&l->parquet_path, "%s/load-XXXXXX", l->txn->cluster->config.tmp);
	int rc = buf_check(&l->parquet_path, err);
	if (rc < 0) {
		return rc;
	}
	buf_cstr(&l->parquet_path);
	l->parquet_fd = mkstemp(l->parquet_path.p);
	return l->parquet_fd < 0 ? err_errno(err, "%s", buf_cstr(&l->parquet_path)) : 0;
}

int rs_load_parquet_feed(struct rs_loading *l, struct slice bytes, struct err *err)
{
	int rc = l->parquet_fd < 0 ? open_piece(l, err) : 0;

	while (rc == 0 && bytes.n > 0) {
		ssize_t n = write(l->parquet_fd, bytes.p, bytes.n);
		if (n < 0 && errno != EINTR) {
			return err_errno(err, "%s", buf_cstr(&l->parquet_path));
		}
		bytes.p += n > 0 ? n : 0;
		bytes.n -= n > 0 ? (size_t)n : 0;
	}
	return rc;
}

int rs_load_parquet_end(struct rs_loading *l, struct err *err)
{
	if (l->parquet_fd < 0) {
		return err_set(err, EINVAL, "the file is empty, which is no Parquet");
	}
	return rs_load_parquet_file(l, buf_cstr(&l->parquet_path), err);
}

/* ---- a file ---- */

/* Which columns of the file go where; of the table. */
struct picked {
	unsigned *from, *to;
	struct sql_type *types;
	struct sql_value *row;
	unsigned n;
};

static void picked_clear(struct picked *p)
{
	free(p->from);
	free(p->to);
	free(p->types);
	free(p->row);
}

static void pick(struct picked *p, unsigned from, struct sql_type type, unsigned to)
{
	p->from[p->n] = from;
	p->types[p->n] = type;
	p->to[p->n++] = to;
}

static bool pick_by_name(const struct rs_loading *l, const struct sql_query *q, struct picked *p)
{
	for (unsigned i = 0; i < q->n_columns; i++) {
		unsigned k = 0;
		while (k < l->table->n_columns &&
			strcasecmp(l->table->columns[k].name, q->names[i]) != 0) {
			k++;
		}
		if (k == l->table->n_columns) {
			p->n = 0;
			return false;
		}
		pick(p, i, q->types[i], k);
	}
	return true;
}

/* As in the service, columns of files are the table's by their order. */
static int pick_by_order(
	const struct rs_loading *l, const struct sql_query *q, struct picked *p, struct err *err)
{
	if (q->n_columns != l->n) {
		return err_set(err, EINVAL, "the file has %u columns, but %u are loaded",
			q->n_columns, l->n);
	}
	for (unsigned i = 0; i < l->n; i++) {
		if (!l->column[i].passed_over) {
			pick(p, i, q->types[i], l->column[i].column);
		}
	}
	return 0;
}

static int choose(
	const struct rs_loading *l, const struct sql_query *q, struct picked *p, struct err *err)
{
	p->from = calloc(q->n_columns + 1, sizeof(*p->from));
	p->to = calloc(q->n_columns + 1, sizeof(*p->to));
	p->types = calloc(q->n_columns + 1, sizeof(*p->types));
	p->row = calloc(q->n_columns + 1, sizeof(*p->row));
	if (p->from == NULL || p->to == NULL || p->types == NULL || p->row == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	return l->by_header && pick_by_name(l, q, p) ? 0 : pick_by_order(l, q, p, err);
}

static int take_rows(struct rs_loading *l, struct sql_query *q, struct picked *p, struct err *err)
{
	const struct sql_value *row;
	uint64_t number = 0;
	int more = 0;
	int rc = choose(l, q, p, err);

	while (rc == 0 && (more = sql_step(q, &row, err)) > 0) {
		for (unsigned i = 0; i < p->n; i++) {
			p->row[i] = row[p->from[i]];
		}
		rc = rs_load_values(l, p->row, p->types, p->to, p->n, ++number, err);
	}
	return rc < 0 ? rc : more;
}

static int query_file(
	struct rs_loading *l, struct sql_session *session, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct picked p = {0};
	struct sql_query *q = NULL;

	buf_puts(&text, "SELECT * FROM read_parquet(");
	int rc = sql_quote_text(slice_of(path), &text, err);
	buf_putc(&text, ')');
	rc = rc < 0 ? rc : buf_check(&text, err);
	rc = rc < 0 ? rc : sql_prepare(session, buf_cstr(&text), NULL, 0, &q, err);
	rc = rc < 0 ? rc : take_rows(l, q, &p, err);
	picked_clear(&p);
	sql_finish(q);
	return rc;
}

int rs_load_parquet_file(struct rs_loading *l, const char *path, struct err *err)
{
	struct rs_nodes *nodes = l->txn->look.nodes;
	CLEANUP(buf_free) struct buf quoted = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct sql_session *session = NULL;

	rs_nodes_file(nodes, 0, &quoted);
	if (quoted.n > 2) {
		buf_append(&name, quoted.p + 1, quoted.n - 2);
	}
	int rc = buf_check(&name, err);
	if (rc < 0) {
		return rc;
	}
	const char *file = buf_cstr(&name);
	rs_nodes_enter(nodes);
	rc = sql_session_new(rs_nodes_site(nodes), &file, 1, &session, err);
	rc = rc < 0 ? rc : query_file(l, session, path, err);
	sql_session_close(session);
	rs_nodes_leave(nodes);
	return rc;
}
