/* All rows of a table node by node: of one of two runs over the same state both give the same, in
 * the same order. So one that was interrupted, by damage or for lack of a reader, goes on behind
 * the rows it has given. */
#include <stdlib.h>

#include "engines/redshift/service/service.h"

#define HEALS_MAX 3

struct redshift_scan {
	struct rs_nodes *nodes;
	struct sql_site *site;
	const struct rs_table *table;
	uint64_t xid;
	bool changes; /* only the rows that came, or went, after `since` */
	bool went;
	uint64_t since;
	unsigned slice;	   /* or REDSHIFT_ALL_SLICES */
	unsigned per_node; /* slices of a node */
	struct sql_type *types;
	unsigned node;	/* the one that is read now */
	unsigned last;	/* the one before which it ends */
	uint64_t given; /* rows of it so far */
	unsigned heals;
	bool inside; /* the nodes are entered */
	struct sql_session *session;
	struct sql_query *query; /* NULL: to be begun, behind the rows that were given */
};

/* Of a table that stands on each node as a whole, the first has all. */
static void choose_nodes(struct redshift_scan *s)
{
	bool all = s->table->placement == RS_DIST_ALL;
	unsigned n = rs_nodes_count(s->nodes);

	s->per_node = n > 0 ? rs_nodes_slices(s->nodes) / n : 1;
	if (s->slice != REDSHIFT_ALL_SLICES) {
		s->node = s->slice / s->per_node;
		/* The first slice of a node has what stands on the node. */
		s->last = all && s->slice % s->per_node != 0 ? s->node : s->node + 1;
	} else {
		s->last = all ? 1 : n;
	}
}

int redshift_scan_new(struct redshift_place *p, const struct rs_table *t, unsigned slice,
	struct redshift_scan **out, struct err *err)
{
	struct redshift_scan *s = calloc(1, sizeof(*s));

	if (s == NULL || (s->types = calloc(t->n_columns + 1, sizeof(*s->types))) == NULL) {
		free(s);
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned k = 0; k < t->n_columns; k++) {
		s->types[k] = t->columns[k].type;
	}
	s->nodes = p->look.nodes;
	s->site = rs_nodes_site(p->look.nodes);
	s->table = t;
	s->xid = p->look.xid;
	s->slice = slice;
	choose_nodes(s);
	*out = s;
	return 0;
}

int redshift_scan_changes(struct redshift_place *p, const struct rs_table *t, uint64_t since,
	bool went, struct redshift_scan **out, struct err *err)
{
	int rc = redshift_scan_new(p, t, REDSHIFT_ALL_SLICES, out, err);

	if (rc == 0) {
		(*out)->changes = true;
		(*out)->since = since;
		(*out)->went = went;
	}
	return rc;
}

void redshift_scan_pause(struct redshift_scan *s)
{
	sql_finish(s->query);
	sql_session_close(s->session);
	s->query = NULL;
	s->session = NULL;
	if (s->inside) {
		rs_nodes_leave(s->nodes);
		s->inside = false;
	}
}

void redshift_scan_free(struct redshift_scan *s)
{
	if (s != NULL) {
		redshift_scan_pause(s);
		free(s->types);
		free(s);
	}
}

/* ---- the statement of one node ---- */

static void put_columns(const struct rs_table *t, struct buf *sql)
{
	for (unsigned k = 0; k < t->n_columns; k++) {
		buf_puts(sql, k > 0 ? ", " : "");
		sql_quote(slice_of(t->columns[k].name), sql);
	}
}

static void put_statement(const struct redshift_scan *s, struct buf *sql)
{
	bool part = s->slice != REDSHIFT_ALL_SLICES && s->table->placement != RS_DIST_ALL;

	if (part) {
		buf_puts(sql, "SELECT ");
		put_columns(s->table, sql);
		buf_puts(sql, " FROM (");
	}
	if (s->changes) {
		rs_nodes_scan_changes(
			s->nodes, s->table, s->since, s->xid, s->went, s->node, NULL, part, sql);
	} else {
		rs_nodes_scan(s->nodes, s->table, s->xid, s->node, NULL, part, sql);
	}
	if (part) {
		buf_printf(sql, ") AS \"part\" WHERE \"_h\" %% %u = %u", rs_nodes_slices(s->nodes),
			s->slice);
	}
	if (s->given > 0) {
		buf_printf(sql, " LIMIT %lld OFFSET %llu", (long long)INT64_MAX,
			(unsigned long long)s->given);
	}
}

/* The quotes are for SQL. */
static int node_file(const struct redshift_scan *s, struct buf *out, struct err *err)
{
	rs_nodes_file(s->nodes, s->node, out);
	int rc = buf_check(out, err);
	if (rc == 0 && out->n >= 2 && out->p[0] == '"') {
		memmove(out->p, out->p + 1, out->n - 2);
		out->n -= 2;
	}
	return rc;
}

static int begin(struct redshift_scan *s, struct err *err)
{
	CLEANUP(buf_free) struct buf file = BUF_INIT;
	CLEANUP(buf_free) struct buf sql = BUF_INIT;

	if (!s->inside) {
		rs_nodes_enter(s->nodes);
		s->inside = true;
	}
	int rc = node_file(s, &file, err);
	if (rc < 0) {
		return rc;
	}
	const char *names[] = {buf_cstr(&file)};
	put_statement(s, &sql);
	rc = sql_session_new(s->site, names, 1, &s->session, err);
	return rc < 0 ? rc
		      : sql_prepare(s->session, buf_cstr(&sql), s->types, s->table->n_columns,
				&s->query, err);
}

static int step(struct redshift_scan *s, const struct sql_value **row, struct err *err)
{
	int rc = s->query == NULL ? begin(s, err) : 0;

	return rc < 0 ? rc : sql_step(s->query, row, err);
}

static int heal(struct redshift_scan *s, struct err *err)
{
	redshift_scan_pause(s);
	s->heals++;
	return rs_nodes_heal(s->nodes, err);
}

int redshift_scan_step(struct redshift_scan *s, const struct sql_value **row, struct err *err)
{
	while (s->node < s->last) {
		struct err why = {0};
		int rc = step(s, row, &why);
		if (rc == 1) {
			s->given++;
			return 1;
		}
		if (rc == -EIO && s->heals < HEALS_MAX) {
			if (heal(s, err) < 0) {
				return -err->code;
			}
			continue;
		}
		if (rc < 0) {
			return err_set(err, why.code, "%s", why.msg);
		}
		redshift_scan_pause(s);
		s->node++;
		s->given = 0;
	}
	return 0;
}
