/* Rows taken away: their numbers are kept as bits, and marked at the end. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/nodes/nodes_impl.h"

#define CHUNK_BITS 16U
#define CHUNK_IDS  (UINT64_C(1) << CHUNK_BITS)
#define RANGES_MAX 16U /* that stand in a statement; more go into a table of the session */

struct rs_delete {
	struct rs_nodes *nodes;
	const struct rs_table *t;
	uint64_t xid;
	uint64_t **chunk; /* CHUNK_IDS bits each; NULL: none set */
	size_t n_chunks;
	struct buf ranges; /* " AND (…)"; empty: too many of them */
	uint64_t *rows;	   /* of each node */
	unsigned attempt;
};

int rs_delete_new(struct rs_nodes *n, struct rs_table *t, uint64_t xid, struct rs_delete **out,
	struct err *err)
{
	if (n->config.read_only) {
		return err_set(err, EROFS, "table %s can only be read here", t->name);
	}
	struct rs_delete *d = calloc(1, sizeof(*d));
	if (d == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*d = (struct rs_delete){.nodes = n, .t = t, .xid = xid};
	d->rows = calloc(n->config.nodes, sizeof(*d->rows));
	if (d->rows == NULL) {
		free(d);
		return err_set(err, ENOMEM, "out of memory");
	}
	*out = d;
	return 0;
}

static void delete_free(struct rs_delete *d)
{
	for (size_t k = 0; k < d->n_chunks; k++) {
		free(d->chunk[k]);
	}
	free(d->chunk);
	free(d->rows);
	buf_free(&d->ranges);
	free(d);
}

/* ---- numbers ---- */

static bool reach_chunk(struct rs_delete *d, size_t at)
{
	if (at >= d->n_chunks) {
		size_t n = at + 1 > 2 * d->n_chunks ? at + 1 : 2 * d->n_chunks;
		uint64_t **grown = realloc(d->chunk, n * sizeof(*grown));
		if (grown == NULL) {
			return false;
		}
		memset(grown + d->n_chunks, 0, (n - d->n_chunks) * sizeof(*grown));
		d->chunk = grown;
		d->n_chunks = n;
	}
	if (d->chunk[at] == NULL) {
		d->chunk[at] = calloc(CHUNK_IDS / 64, sizeof(uint64_t));
	}
	return d->chunk[at] != NULL;
}

int rs_delete_row(struct rs_delete *d, uint64_t id, struct err *err)
{
	if (id >= d->t->next_row) {
		return err_set(err, EINVAL, "table %s has no row %llu", d->t->name,
			(unsigned long long)id);
	}
	if (!reach_chunk(d, id >> CHUNK_BITS)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	uint64_t in = id & (CHUNK_IDS - 1);
	d->chunk[id >> CHUNK_BITS][in / 64] |= UINT64_C(1) << (in % 64);
	return 0;
}

/* The first number from `id` on that is set, or is not; UINT64_MAX: none. */
static uint64_t next_id(const struct rs_delete *d, uint64_t id, bool set)
{
	uint64_t end = (uint64_t)d->n_chunks << CHUNK_BITS;
	while (id < end) {
		const uint64_t *chunk = d->chunk[id >> CHUNK_BITS];
		uint64_t in = id & (CHUNK_IDS - 1);
		uint64_t word = chunk == NULL ? 0 : chunk[in / 64];
		word = (set ? word : ~word) >> (in % 64);
		if (word != 0) {
			return id + (uint64_t)__builtin_ctzll(word);
		}
		id = chunk == NULL && set ? (id | (CHUNK_IDS - 1)) + 1 : (id | 63) + 1;
	}
	return set ? UINT64_MAX : end;
}

/* As conditions, if they are few. */
static int print_ranges(struct rs_delete *d, struct err *err)
{
	unsigned n = 0;
	buf_clear(&d->ranges);
	for (uint64_t id = next_id(d, 0, true); id != UINT64_MAX; id = next_id(d, id, true)) {
		uint64_t end = next_id(d, id, false);
		if (++n > RANGES_MAX) {
			buf_clear(&d->ranges);
			return 0;
		}
		buf_printf(&d->ranges, "%s\"_id\" BETWEEN %llu AND %llu", n == 1 ? "" : " OR ",
			(unsigned long long)id, (unsigned long long)(end - 1));
		id = end;
	}
	return buf_check(&d->ranges, err);
}

/* ---- marks ---- */

static int stage_ids(const struct rs_delete *d, struct sql_session *s, struct err *err)
{
	const struct sql_type type = {.kind = SQL_BIGINT};
	struct sql_append *a;
	int rc = sql_run(s, "CREATE TEMPORARY TABLE \"gone\"(\"id\" BIGINT)", NULL, err);
	rc = rc != 0 ? rc : sql_append_new(s, "temp", "gone", &type, 1, &a, err);
	if (rc != 0) {
		return rc;
	}
	for (uint64_t id = next_id(d, 0, true); rc == 0 && id != UINT64_MAX;
		id = next_id(d, id + 1, true)) {
		const struct sql_value v = {.integer = (int64_t)id};
		rc = sql_append_row(a, &v, err);
	}
	int rc_end = sql_append_end(a, rc == 0, rc == 0 ? err : NULL);
	return rc != 0 ? rc : rc_end;
}

/* Those of them that have mark `from` get mark `to`. */
static int mark(const struct rs_delete *d, struct sql_session *s, const struct rs_file *f,
	uint64_t from, uint64_t to, uint64_t *changed, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, "UPDATE ");
	rs_table_path(f, d->t->storage, &sql);
	buf_printf(&sql, " SET \"_del\" = %llu WHERE \"_del\" = %llu AND (", (unsigned long long)to,
		(unsigned long long)from);
	if (d->ranges.n > 0) {
		buf_append_slice(&sql, buf_slice(&d->ranges));
	} else {
		buf_puts(&sql, "\"_id\" IN (SELECT \"id\" FROM \"temp\".\"gone\")");
	}
	buf_puts(&sql, ")");
	const char *text = buf_cstr(&sql);
	int rc = buf_check(&sql, err);
	return rc != 0 ? rc : sql_run(s, text, changed, err);
}

static int mark_in(const struct rs_delete *d, struct sql_session *s, const struct rs_file *f,
	uint64_t *changed, struct err *err)
{
	*changed = 0;
	int rc = d->ranges.n > 0 ? 0 : stage_ids(d, s, err);
	rc = rc != 0 ? rc : rs_session_begin(s, f, d->xid, err);
	if (rc == 0 && d->attempt > 0) {
		/* Healing may have taken marks back, or brought them: all anew. */
		rc = mark(d, s, f, d->xid, RS_LIVE, NULL, err);
	}
	rc = rc != 0 ? rc : mark(d, s, f, RS_LIVE, d->xid, changed, err);
	if (rc == 0) {
		bool nothing = *changed == 0 && d->attempt == 0;
		rc = sql_run(s, nothing ? "ROLLBACK" : "COMMIT", NULL, err);
	}
	return rc;
}

static int delete_node(struct rs_nodes *n, unsigned node, void *arg, struct err *err)
{
	struct rs_delete *d = arg;
	int rc = 0;
	for (unsigned side = n->n_sides; rc == 0 && side-- > 0;) {
		struct sql_session *s;
		rc = rs_session_new(n, node, side, &s, err);
		if (rc == 0) {
			rc = mark_in(d, s, &n->node[node].side[side], &d->rows[node], err);
			sql_session_close(s);
		}
	}
	return rc;
}

static int delete_all(struct rs_nodes *n, unsigned attempt, void *arg, struct err *err)
{
	struct rs_delete *d = arg;
	d->attempt = attempt;
	return rs_nodes_each(n, delete_node, d, err);
}

static uint64_t rows_gone(const struct rs_delete *d)
{
	uint64_t rows = 0;
	bool all = d->t->placement == RS_DIST_ALL;
	for (unsigned k = 0; k < (all ? 1 : d->nodes->config.nodes); k++) {
		rows += d->rows[k];
	}
	return rows;
}

int rs_delete_end(struct rs_delete *d, bool keep, uint64_t *rows, struct err *err)
{
	int rc = 0;
	keep = keep && next_id(d, 0, true) != UINT64_MAX;
	if (keep) {
		rc = print_ranges(d, err);
		rc = rc != 0 ? rc : rs_nodes_try(d->nodes, delete_all, d, err);
	}
	if (rows != NULL) {
		*rows = keep && rc == 0 ? rows_gone(d) : 0;
	}
	delete_free(d);
	return rc;
}
