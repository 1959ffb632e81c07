#include "tests/unit/redshift_nodes_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"

#define MUST(call)                                                                                 \
	do {                                                                                       \
		struct err must_err = {0};                                                         \
		int must_rc = (call);                                                              \
		ck_assert_msg(must_rc == 0, "%s: %d %s", #call, must_rc, must_err.msg);            \
	} while (0)
#define ERR (&must_err)

enum { C_KEY, C_NAME, C_PRICE, C_AT, C_DAY, N_COLUMNS };

static const struct {
	const char *name;
	struct sql_type type;
} columns[N_COLUMNS] = {
	{"k", {.kind = SQL_INTEGER}},
	{"name", {.kind = SQL_VARCHAR, .size = 200}},
	{"price", {.kind = SQL_DECIMAL, .size = 8, .scale = 2}},
	{"at", {.kind = SQL_TIMESTAMP}},
	{"day \"x\"", {.kind = SQL_DATE}},
};

/* ---- the table ---- */

static struct rs_table *make_table(struct rs_catalog *c, const struct nf_shape *s)
{
	struct rs_table *t = calloc(1, sizeof(*t));
	t->id = c->next_id++;
	t->storage = c->next_id++;
	t->schema = strdup("public");
	t->name = strdup("t");
	t->diststyle = t->placement = s->placement;
	t->sortstyle = s->sort;
	t->columns = calloc(N_COLUMNS, sizeof(*t->columns));
	t->n_columns = N_COLUMNS;
	for (unsigned k = 0; k < N_COLUMNS; k++) {
		t->columns[k].id = c->next_id++;
		t->columns[k].name = strdup(columns[k].name);
		t->columns[k].type = columns[k].type;
	}
	t->distkey = s->placement == RS_DIST_KEY ? t->columns[C_KEY].id : 0;
	if (s->sort != RS_SORT_NONE) {
		t->columns[C_DAY].sort_position = 1;
		t->columns[C_PRICE].sort_position = 2;
	}
	t->next_row = 1;
	return t;
}

const struct sql_value *nf_values(uint64_t key)
{
	static _Thread_local struct sql_value v[N_COLUMNS];
	static _Thread_local char name[220];
	uint64_t mixed = key * UINT64_C(0x9e3779b97f4a7c15) >> 20;
	memset(v, 0, sizeof(v));
	int n = snprintf(name, sizeof(name), "row %llu %.*s", (unsigned long long)key,
		(int)(mixed % 180),
		"nothing is as long as what comes behind it and then some more words that are "
		"here to make a text long, but not the same for each row, which is what a "
		"compression wants to see, and so on");
	v[C_KEY].integer = (int64_t)(key % 1000000);
	v[C_NAME].text = slice_make(name, (size_t)n);
	v[C_NAME].null = key % 13 == 0;
	v[C_PRICE].decimal = (sql_int128)(mixed % 200000) - 100000;
	v[C_PRICE].null = key % 17 == 0;
	v[C_AT].micros = (int64_t)(mixed % 1000000) * 1000003;
	v[C_DAY].days = (int64_t)(mixed % 50) + 13879;
	return v;
}

/* ---- open and closed ---- */

static void on_event(void *arg, const char *text)
{
	struct nodes_fixture *f = arg;
	buf_printf(&f->events, "%s\n", text);
	f->n_events++;
}

static void on_failed(void *arg, const char *text)
{
	struct nodes_fixture *f = arg;
	buf_printf(&f->events, "FAILED %s\n", text);
	f->n_failed++;
}

static void open_site(struct nodes_fixture *f)
{
	const struct sql_site_config config = {
		.tmp = f->tmp, .threads = 2, .memory = UINT64_C(512) << 20};
	MUST(sql_site_open(f->driver, &config, &f->site, ERR));
	f->config.site = f->site;
}

int nf_try_open(struct nodes_fixture *f, struct err *err)
{
	if (f->site == NULL) {
		open_site(f);
	}
	return rs_nodes_open(&f->config, f->catalog, &f->nodes, err);
}

void nf_open(struct nodes_fixture *f)
{
	MUST(nf_try_open(f, ERR));
}

void nf_close(struct nodes_fixture *f)
{
	rs_nodes_unref(f->nodes);
	f->nodes = NULL;
	sql_site_close(f->site);
	f->site = NULL;
}

static void prepare(struct nodes_fixture *f, const char *dir, const struct sql_driver *driver,
	const struct nf_shape *s)
{
	*f = (struct nodes_fixture){.driver = driver};
	snprintf(f->dir, sizeof(f->dir), "%s", dir);
	snprintf(f->node_dir, sizeof(f->node_dir), "%s/a", dir);
	snprintf(f->mirror_dir, sizeof(f->mirror_dir), "%s/b", dir);
	snprintf(f->tmp, sizeof(f->tmp), "%s/tmp", dir);
	f->catalog = rs_catalog_new(s->nodes, s->slices);
	f->table = make_table(f->catalog, s);
	MUST(rs_catalog_add_table(f->catalog, f->table, ERR));
	f->row = calloc(NF_ROWS_MAX, sizeof(*f->row));
	f->config = (struct rs_nodes_config){.dir = f->node_dir,
		.mirror = s->mirror ? f->mirror_dir : NULL,
		.generation = 1,
		.nodes = s->nodes,
		.slices = s->slices,
		.alias = "",
		.event = on_event,
		.failed = on_failed,
		.arg = f};
}

void nf_adopt(struct nodes_fixture *f, const char *dir, const struct sql_driver *driver,
	const struct nf_shape *s)
{
	prepare(f, dir, driver, s);
}

void nf_init(struct nodes_fixture *f, const struct sql_driver *driver, const struct nf_shape *s)
{
	char dir[SITE_MAX];
	make_site(dir);
	prepare(f, dir, driver, s);
	mkdir(f->node_dir, 0700);
	mkdir(f->mirror_dir, 0700);
	mkdir(f->tmp, 0700);
	open_site(f);
	MUST(rs_nodes_create(&f->config, ERR));
	struct rs_table *table = f->table;
	f->catalog->n_tables = 0; /* the files have none yet */
	nf_open(f);
	f->catalog->n_tables = 1;
	MUST(rs_nodes_create_table(f->nodes, table, ERR));
}

void nf_end(struct nodes_fixture *f)
{
	nf_close(f);
	rs_catalog_unref(f->catalog);
	buf_free(&f->events);
	free(f->row);
	remove_site(f->dir);
}

/* The definitions stay: only the number is another. */
void nf_new_storage(struct nodes_fixture *f, struct rs_table *out)
{
	*out = *f->table;
	out->storage = f->catalog->next_id++;
}

/* ---- changes ---- */

int nf_load(struct nodes_fixture *f, uint64_t xid, uint64_t key, unsigned n, struct err *err)
{
	struct rs_insert *i;
	uint64_t rows = 0;
	int rc = rs_insert_new(f->nodes, f->table, xid, &i, err);
	if (rc != 0) {
		return rc;
	}
	for (unsigned k = 0; rc == 0 && k < n; k++) {
		rc = rs_insert_row(i, nf_values(key + k), err);
	}
	int rc_end = rs_insert_end(i, rc == 0, &rows, rc == 0 ? err : NULL);
	rc = rc != 0 ? rc : rc_end;
	ck_assert_uint_eq(rows, rc == 0 ? n : 0);
	return rc;
}

void nf_insert(struct nodes_fixture *f, uint64_t xid, uint64_t key, unsigned n)
{
	uint64_t id = f->table->next_row;
	if (f->nodes != NULL) {
		MUST(nf_load(f, xid, key, n, ERR));
	} else {
		f->table->next_row += n;
	}
	ck_assert_uint_eq(f->table->next_row, id + n);
	ck_assert_uint_le(f->n_rows + n, NF_ROWS_MAX);
	for (unsigned k = 0; k < n; k++) {
		f->row[f->n_rows++] = (struct nf_row){id + k, key + k, xid, RS_LIVE};
	}
}

static unsigned mark_rows(
	struct nodes_fixture *f, uint64_t xid, unsigned of, unsigned at, struct rs_delete *d)
{
	unsigned n = 0;
	for (unsigned k = 0; k < f->n_rows; k++) {
		struct nf_row *r = &f->row[k];
		if (r->key % of == at) {
			if (d != NULL) {
				MUST(rs_delete_row(d, r->id, ERR));
			}
			n += r->del == RS_LIVE;
			r->del = r->del == RS_LIVE ? xid : r->del;
		}
	}
	return n;
}

void nf_delete(struct nodes_fixture *f, uint64_t xid, unsigned of, unsigned at)
{
	struct rs_delete *d;
	uint64_t rows;
	if (f->nodes == NULL) {
		mark_rows(f, xid, of, at, NULL);
		return;
	}
	MUST(rs_delete_new(f->nodes, f->table, xid, &d, ERR));
	unsigned expected = mark_rows(f, xid, of, at, d);
	MUST(rs_delete_end(d, true, &rows, ERR));
	ck_assert_uint_eq(rows, expected);
}

void nf_forget(struct nodes_fixture *f, uint64_t xid)
{
	unsigned to = 0;
	for (unsigned k = 0; k < f->n_rows; k++) {
		struct nf_row r = f->row[k];
		if (r.ins != xid) {
			r.del = r.del == xid ? RS_LIVE : r.del;
			f->row[to++] = r;
		}
	}
	f->n_rows = to;
}

/* ---- checks ---- */

int nf_query(struct nodes_fixture *f, unsigned node, unsigned side, const char *sql,
	struct buf *out, struct err *err)
{
	struct sql_session *s;
	struct sql_query *q;
	const struct sql_value *row;
	int rc = rs_session_new(f->nodes, node, side, &s, err);
	if (rc != 0) {
		return rc;
	}
	rc = sql_prepare(s, sql, NULL, 0, &q, err);
	if (rc == 0) {
		while ((rc = sql_step(q, &row, err)) == 1) {
			for (unsigned k = 0; k < q->n_columns; k++) {
				buf_puts(out, k == 0 ? "" : "|");
				if (!row[k].null) {
					sql_value_print(&row[k], q->types[k], out);
				}
			}
			buf_putc(out, '\n');
		}
		sql_finish(q);
	}
	sql_session_close(s);
	return rc;
}

struct reading {
	struct nodes_fixture *f;
	uint64_t xid;
	unsigned char *seen; /* by row of the array */
	unsigned n_seen;
};

static unsigned find_row(const struct nodes_fixture *f, uint64_t id)
{
	unsigned from = 0, to = f->n_rows;
	while (from < to) {
		unsigned middle = from + (to - from) / 2;
		if (f->row[middle].id < id) {
			from = middle + 1;
		} else {
			to = middle;
		}
	}
	ck_assert_msg(from < f->n_rows && f->row[from].id == id, "row %llu is nobody's",
		(unsigned long long)id);
	return from;
}

static void check_row(struct reading *r, unsigned node, const struct sql_value *row)
{
	struct nodes_fixture *f = r->f;
	uint64_t id = (uint64_t)row[N_COLUMNS].integer, h = (uint64_t)row[N_COLUMNS + 1].integer;
	unsigned at = find_row(f, id);
	const struct sql_value *want = nf_values(f->row[at].key);
	ck_assert_msg(r->seen[at]++ == 0, "row %llu twice", (unsigned long long)id);
	r->n_seen++;
	ck_assert_int_eq(row[N_COLUMNS + 2].integer, node);
	if (f->table->placement != RS_DIST_ALL) {
		ck_assert_uint_eq(h % rs_nodes_slices(f->nodes) / f->config.slices, node);
	}
	for (unsigned k = 0; k < N_COLUMNS; k++) {
		ck_assert_msg(want[k].null == row[k].null &&
				      (want[k].null || sql_value_compare(&want[k], &row[k],
							       columns[k].type) == 0),
			"row %llu, column %s", (unsigned long long)id, columns[k].name);
	}
}

static int read_node(struct reading *r, unsigned node, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	struct sql_type types[N_COLUMNS + 3];
	struct sql_session *s;
	struct sql_query *q;
	const struct sql_value *row;
	for (unsigned k = 0; k < N_COLUMNS + 3; k++) {
		types[k] = k < N_COLUMNS ? columns[k].type : (struct sql_type){.kind = SQL_BIGINT};
	}
	int rc = rs_session_new(r->f->nodes, node, 0, &s, err);
	if (rc != 0) {
		return rc;
	}
	rs_nodes_scan(r->f->nodes, r->f->table, r->xid, node, NULL, true, &sql);
	rc = sql_prepare(s, buf_cstr(&sql), types, N_COLUMNS + 3, &q, err);
	if (rc == 0) {
		while ((rc = sql_step(q, &row, err)) == 1) {
			check_row(r, node, row);
		}
		sql_finish(q);
	}
	sql_session_close(s);
	return rc;
}

static int read_all(struct rs_nodes *n, void *arg, struct err *err)
{
	struct reading *r = arg;
	unsigned nodes = r->f->table->placement == RS_DIST_ALL ? 1 : rs_nodes_count(n);
	int rc = 0;
	memset(r->seen, 0, r->f->n_rows);
	r->n_seen = 0;
	for (unsigned k = 0; rc == 0 && k < nodes; k++) {
		rc = read_node(r, k, err);
	}
	return rc;
}

static unsigned visible(const struct nodes_fixture *f, uint64_t xid)
{
	unsigned n = 0;
	for (unsigned k = 0; k < f->n_rows; k++) {
		n += f->row[k].ins <= xid && xid < f->row[k].del;
	}
	return n;
}

void nf_check(struct nodes_fixture *f, uint64_t xid)
{
	struct reading r = {.f = f, .xid = xid, .seen = calloc(1, f->n_rows + 1)};
	MUST(rs_nodes_read(f->nodes, read_all, &r, ERR));
	for (unsigned k = 0; k < f->n_rows; k++) {
		ck_assert_msg(r.seen[k] == (f->row[k].ins <= xid && xid < f->row[k].del),
			"row %llu as of %llu", (unsigned long long)f->row[k].id,
			(unsigned long long)xid);
	}
	ck_assert_uint_eq(r.n_seen, visible(f, xid));
	free(r.seen);
}

void nf_check_mirrors(struct nodes_fixture *f)
{
	for (unsigned node = 0; node < f->config.nodes; node++) {
		CLEANUP(buf_free) struct buf own = BUF_INIT;
		CLEANUP(buf_free) struct buf mirror = BUF_INIT;
		for (unsigned side = 0; side < f->nodes->n_sides; side++) {
			CLEANUP(buf_free) struct buf sql = BUF_INIT;
			buf_puts(&sql, "SELECT * FROM ");
			rs_table_path(&f->nodes->node[node].side[side], f->table->storage, &sql);
			buf_puts(&sql, " ORDER BY \"_id\", \"_ins\"");
			MUST(nf_query(
				f, node, side, buf_cstr(&sql), side == 0 ? &own : &mirror, ERR));
		}
		if (f->nodes->n_sides == SIDES) {
			ck_assert(slice_equal(buf_slice(&own), buf_slice(&mirror)));
		}
	}
}

/* ---- files ---- */

const char *nf_path(struct nodes_fixture *f, unsigned node, unsigned side)
{
	static char path[256];
	snprintf(path, sizeof(path), "%s/g%llu-n%u%s", side == 0 ? f->node_dir : f->mirror_dir,
		(unsigned long long)f->config.generation, node, f->driver->suffix);
	return path;
}

void nf_damage(const char *path)
{
	int fd = open(path, O_RDWR);
	struct stat st;
	ck_assert(fd >= 0 && fstat(fd, &st) == 0);
	/* Behind the head, all over. */
	for (off_t at = 12288 + 500; at < st.st_size; at += 4096) {
		unsigned char byte;
		ck_assert_int_eq(pread(fd, &byte, 1, at), 1);
		byte ^= 0x55;
		ck_assert_int_eq(pwrite(fd, &byte, 1, at), 1);
	}
	close(fd);
}
