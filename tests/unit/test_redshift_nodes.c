/* Rows on nodes: where they are put, who sees them, what is undone, with both drivers. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "tests/unit/calls.h"
#include "tests/unit/random.h"
#include "tests/unit/redshift_nodes_fixture.h"

static struct nodes_fixture x;

static const struct nf_shape shapes[] = {
	{1, 1, RS_DIST_EVEN, RS_SORT_NONE, true},
	{2, 2, RS_DIST_EVEN, RS_SORT_COMPOUND, true},
	{2, 2, RS_DIST_KEY, RS_SORT_NONE, true},
	{3, 2, RS_DIST_KEY, RS_SORT_INTERLEAVED, true},
	{4, 1, RS_DIST_ALL, RS_SORT_COMPOUND, true},
	{2, 3, RS_DIST_EVEN, RS_SORT_NONE, false},
};
#define N_SHAPES ((int)(sizeof(shapes) / sizeof(*shapes)))

static unsigned n_drivers(void)
{
	unsigned n = 0;
	while (sql_drivers[n] != NULL) {
		n++;
	}
	return n;
}

/* A test's loop goes over drivers and all shapes; */
static void begin(int k)
{
	nf_init(&x, sql_drivers[k / N_SHAPES], &shapes[k % N_SHAPES]);
}

/* or over drivers and two of them: with a key and all that is sorted, and with all on each. */
static void begin_some(int k)
{
	nf_init(&x, sql_drivers[k / 2], &shapes[k % 2 == 0 ? 3 : 4]);
}

static void begin_plain(int driver)
{
	nf_init(&x, sql_drivers[driver], &shapes[1]);
}

START_TEST(rows_are_seen_by_their_transactions)
{
	begin(_i);
	nf_insert(&x, 1, 0, 100);
	nf_insert(&x, 2, 100, 50);
	nf_delete(&x, 3, 3, 1);
	nf_insert(&x, 3, 150, 5);
	nf_delete(&x, 4, 2, 0);
	for (uint64_t xid = 0; xid <= 5; xid++) {
		nf_check(&x, xid);
	}
	nf_check_mirrors(&x);
	x.catalog->xid = 4;
	nf_close(&x);
	nf_open(&x);
	for (uint64_t xid = 0; xid <= 5; xid++) {
		nf_check(&x, xid);
	}
	nf_check_mirrors(&x);
	nf_end(&x);
}
END_TEST

START_TEST(many_rows_go_by_workers)
{
	begin_some(_i);
	nf_insert(&x, 1, 0, 10000);
	nf_check(&x, 1);
	nf_check_mirrors(&x);
	nf_delete(&x, 2, 5, 2);
	nf_check(&x, 1);
	nf_check(&x, 2);
	nf_check_mirrors(&x);
	nf_end(&x);
}
END_TEST

START_TEST(what_a_transaction_did_is_undone)
{
	begin_some(_i);
	nf_insert(&x, 1, 0, 100);
	x.catalog->xid = 1;
	uint64_t next = x.table->next_row;
	nf_insert(&x, 2, 100, 40);
	nf_delete(&x, 2, 3, 0);
	for (unsigned k = 0; k < 2; k++) {
		OK(rs_nodes_undo(x.nodes, x.catalog, 2, &err));
	}
	x.table->next_row = next;
	nf_forget(&x, 2);
	nf_check(&x, 2);
	nf_check_mirrors(&x);
	nf_insert(&x, 2, 200, 40);
	nf_check(&x, 2);
	nf_check_mirrors(&x);
	nf_end(&x);
}
END_TEST

START_TEST(what_was_not_committed_is_gone_at_the_next_open)
{
	begin_some(_i);
	nf_insert(&x, 1, 0, 100);
	x.catalog->xid = 1;
	nf_insert(&x, 2, 100, 40);
	nf_delete(&x, 2, 3, 0);
	nf_close(&x);
	nf_forget(&x, 2);
	nf_open(&x);
	nf_check(&x, 2);
	nf_check_mirrors(&x);
	ck_assert_uint_eq(x.n_events, 0);
	nf_end(&x);
}
END_TEST

START_TEST(a_load_that_is_given_up_leaves_nothing)
{
	static const unsigned sizes[] = {3, 9000};
	begin_some(_i);
	nf_insert(&x, 1, 0, 10);
	for (unsigned k = 0; k < 2; k++) {
		struct rs_insert *i;
		uint64_t rows = 1, next = x.table->next_row;
		OK(rs_insert_new(x.nodes, x.table, 2, &i, &err));
		for (unsigned row = 0; row < sizes[k]; row++) {
			OK(rs_insert_row(i, nf_values(row), &err));
		}
		OK(rs_insert_end(i, false, &rows, &err));
		ck_assert_uint_eq(rows, 0);
		ck_assert_uint_eq(x.table->next_row, next);
		nf_check(&x, 2);
		nf_check_mirrors(&x);
	}
	struct rs_delete *d;
	OK(rs_delete_new(x.nodes, x.table, 2, &d, &err));
	OK(rs_delete_row(d, 1, &err));
	FAILS(EINVAL, rs_delete_row(d, x.table->next_row, &err));
	OK(rs_delete_end(d, false, NULL, &err));
	nf_check(&x, 2);
	nf_end(&x);
}
END_TEST

START_TEST(rows_of_a_load_stand_in_order)
{
	begin_plain(_i);
	nf_insert(&x, 1, 0, 6000);
	for (unsigned k = 0; k < x.config.nodes * 2; k++) {
		CLEANUP(buf_free) struct buf sql = BUF_INIT;
		CLEANUP(buf_free) struct buf stands = BUF_INIT;
		CLEANUP(buf_free) struct buf sorted = BUF_INIT;
		const struct rs_table *t = x.table;
		const char *collate = x.driver->dialect == SQL_SQLITE ? "COLLATE decimal" : "";
		buf_puts(&sql, "SELECT \"_id\" FROM ");
		rs_table_path(&x.nodes->node[k / 2].side[k % 2], t->storage, &sql);
		OK(nf_query(&x, k / 2, k % 2, buf_cstr(&sql), &stands, &err));
		buf_printf(&sql,
			" ORDER BY \"_h\" %% 4, \"c%llu\" NULLS LAST, \"c%llu\" %s NULLS LAST, "
			"\"_id\"",
			(unsigned long long)t->columns[4].id, (unsigned long long)t->columns[2].id,
			collate);
		OK(nf_query(&x, k / 2, k % 2, buf_cstr(&sql), &sorted, &err));
		ck_assert(stands.n > 1000 && slice_equal(buf_slice(&stands), buf_slice(&sorted)));
	}
	nf_end(&x);
}
END_TEST

START_TEST(slices_are_counted)
{
	begin_some(_i);
	uint64_t rows[64] = {0}, sum = 0;
	unsigned slices = rs_nodes_slices(x.nodes);
	bool all = x.table->placement == RS_DIST_ALL;
	nf_insert(&x, 1, 0, 1000);
	nf_delete(&x, 2, 10, 3);
	OK(rs_nodes_slice_rows(x.nodes, x.table, 2, rows, &err));
	for (unsigned k = 0; k < slices; k++) {
		sum += rows[k];
		ck_assert(all ? rows[k] == (k % x.config.slices == 0 ? 900 : 0) : rows[k] > 0);
	}
	ck_assert_uint_eq(sum, all ? 900 * x.config.nodes : 900);
	ck_assert_uint_gt(rs_nodes_bytes(x.nodes), 10000);
	nf_end(&x);
}
END_TEST

static unsigned count_changes(uint64_t since, uint64_t xid, bool went)
{
	unsigned n = 0;
	for (unsigned node = 0; node < x.config.nodes; node++) {
		CLEANUP(buf_free) struct buf sql = BUF_INIT;
		CLEANUP(buf_free) struct buf rows = BUF_INIT;
		const bool none[8] = {false};
		rs_nodes_scan_changes(x.nodes, x.table, since, xid, went, node, none, false, &sql);
		OK(nf_query(&x, node, 0, buf_cstr(&sql), &rows, &err));
		for (size_t k = 0; k < rows.n; k++) {
			n += rows.p[k] == '\n';
		}
	}
	return n;
}

START_TEST(what_changed_between_two_transactions)
{
	begin_plain(_i);
	nf_insert(&x, 1, 0, 100);
	nf_insert(&x, 2, 100, 30);
	nf_delete(&x, 3, 10, 0);
	nf_insert(&x, 4, 130, 7);
	for (uint64_t a = 0; a <= 4; a++) {
		for (uint64_t b = a; b <= 4; b++) {
			unsigned came = 0, went = 0;
			for (unsigned k = 0; k < x.n_rows; k++) {
				const struct nf_row *r = &x.row[k];
				bool at_a = r->ins <= a && a < r->del;
				bool at_b = r->ins <= b && b < r->del;
				came += at_b && !at_a;
				went += at_a && !at_b;
			}
			ck_assert_uint_eq(count_changes(a, b, false), came);
			ck_assert_uint_eq(count_changes(a, b, true), went);
		}
	}
	nf_end(&x);
}
END_TEST

START_TEST(columns_are_added_and_undone)
{
	begin_plain(_i);
	nf_insert(&x, 1, 0, 50);
	x.catalog->xid = 1;
	char name[] = "more";
	struct rs_column c = {.id = x.catalog->next_id + 3,
		.name = name,
		.type = {.kind = SQL_VARCHAR, .size = 20}};
	struct sql_value v = {.text = slice_of("it's new")};
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	CLEANUP(buf_free) struct buf rows = BUF_INIT;
	OK(rs_nodes_add_column(x.nodes, x.table, &c, &v, &err));
	buf_puts(&sql, "SELECT min(c), max(c) FROM (SELECT \"c");
	buf_printf(&sql, "%llu\" AS c FROM ", (unsigned long long)c.id);
	rs_table_path(&x.nodes->node[0].side[1], x.table->storage, &sql);
	buf_puts(&sql, ") AS s");
	OK(nf_query(&x, 0, 1, buf_cstr(&sql), &rows, &err));
	ck_assert_str_eq(buf_cstr(&rows), "it's new|it's new\n");
	OK(rs_nodes_undo(x.nodes, x.catalog, 2, &err));
	nf_check(&x, 2);
	nf_insert(&x, 2, 50, 50); /* it stands no longer in the way */
	nf_check(&x, 2);
	nf_check_mirrors(&x);
	nf_end(&x);
}
END_TEST

static unsigned tables_in(unsigned node, unsigned side)
{
	struct rs_numbers tables;
	struct sql_session *s;
	OK(rs_session_new(x.nodes, node, side, &s, &err));
	OK(rs_file_tables(s, &x.nodes->node[node].side[side], &tables, &err));
	unsigned n = tables.n;
	rs_numbers_clear(&tables);
	sql_session_close(s);
	return n;
}

START_TEST(tables_of_nobody_go)
{
	begin_plain(_i);
	struct rs_table other;
	nf_new_storage(&x, &other);
	OK(rs_nodes_create_table(x.nodes, &other, &err));
	ck_assert_uint_eq(tables_in(1, 1), 2);
	/* Its number was given: somebody may still read it. */
	OK(rs_nodes_undo(x.nodes, x.catalog, 1, &err));
	ck_assert_uint_eq(tables_in(1, 1), 2);
	nf_close(&x);
	nf_open(&x);
	ck_assert_uint_eq(tables_in(1, 1), 1);
	other.storage = x.catalog->next_id + 1;
	OK(rs_nodes_create_table(x.nodes, &other, &err));
	OK(rs_nodes_undo(x.nodes, x.catalog, 1, &err));
	ck_assert_uint_eq(tables_in(0, 0), 1);
	OK(rs_nodes_create_table(x.nodes, &other, &err));
	OK(rs_nodes_drop_table(x.nodes, other.storage, &err));
	OK(rs_nodes_drop_table(x.nodes, other.storage, &err));
	ck_assert_uint_eq(tables_in(0, 0), 1);
	nf_end(&x);
}
END_TEST

START_TEST(sets_are_made_and_removed)
{
	begin_plain(_i);
	FAILS(EEXIST, rs_nodes_create(&x.config, &err));
	nf_check(&x, 1);
	struct rs_nodes_config other = x.config;
	other.generation = 2;
	other.nodes = 0;
	FAILS(EINVAL, rs_nodes_create(&other, &err));
	other.nodes = 1;
	other.slices = 33;
	FAILS(EINVAL, rs_nodes_create(&other, &err));
	other.slices = 2;
	OK(rs_nodes_create(&other, &err));
	char path[256];
	snprintf(path, sizeof(path), "%s/g2-n0%s", x.mirror_dir, x.driver->suffix);
	ck_assert_int_eq(access(path, F_OK), 0);
	OK(rs_nodes_destroy(&other, &err));
	OK(rs_nodes_destroy(&other, &err));
	ck_assert_int_ne(access(path, F_OK), 0);
	ck_assert_int_eq(access(nf_path(&x, 0, 0), F_OK), 0);
	rs_nodes_drop(rs_nodes_ref(x.nodes));
	rs_nodes_unref(x.nodes);
	ck_assert_int_eq(access(nf_path(&x, 0, 0), F_OK), 0);
	nf_close(&x);
	ck_assert_int_ne(access(nf_path(&x, 0, 0), F_OK), 0);
	ck_assert_int_ne(access(nf_path(&x, 1, 1), F_OK), 0);
	nf_end(&x);
}
END_TEST

/* ---- written anew ---- */

START_TEST(a_table_is_rewritten)
{
	begin(_i);
	nf_insert(&x, 1, 0, 2000);
	nf_delete(&x, 2, 4, 1);
	struct rs_table to, from = *x.table;
	nf_new_storage(&x, &to);
	to.placement = RS_DIST_KEY;
	to.distkey = to.columns[0].id;
	OK(rs_nodes_create_table(x.nodes, &to, &err));
	OK(rs_nodes_rewrite(x.nodes, &from, &to, 3, NULL, &err));
	nf_check(&x, 1);
	nf_check(&x, 2);
	OK(rs_nodes_drop_table(x.nodes, from.storage, &err));
	*x.table = to;
	nf_check(&x, 3);
	nf_check_mirrors(&x);
	x.catalog->xid = 3;
	nf_insert(&x, 4, 2000, 100);
	nf_check(&x, 4);
	nf_end(&x);
}
END_TEST

static void told(void *arg, uint64_t done, uint64_t total)
{
	uint64_t *last = arg;
	ck_assert_uint_le(done, total);
	*last = done;
}

static void check_copy(unsigned nodes, bool mirror)
{
	struct nodes_fixture y = x;
	uint64_t last = 0;
	struct rs_progress progress = {told, &last};
	y.config.generation = 10 + nodes;
	y.config.nodes = nodes;
	y.config.slices = 3;
	y.config.mirror = mirror ? x.mirror_dir : NULL;
	OK(rs_nodes_create(&y.config, &err));
	y.catalog->n_tables = 0;
	nf_open(&y);
	y.catalog->n_tables = 1;
	x.table->rows = 1500;
	OK(rs_nodes_copy(x.nodes, y.nodes, x.catalog, 2, NULL, &progress, &err));
	ck_assert_uint_eq(last, 1500);
	nf_check(&y, 2);
	nf_check_mirrors(&y);
	rs_nodes_drop(y.nodes);
	rs_nodes_unref(y.nodes);
}

START_TEST(a_set_is_copied_into_another)
{
	begin_some(_i);
	nf_insert(&x, 1, 0, 2000);
	nf_delete(&x, 2, 4, 1);
	check_copy(1, false);
	check_copy(3, true);
	check_copy(4, true);
	nf_end(&x);
}
END_TEST

START_TEST(a_copy_is_stopped)
{
	begin_plain(_i);
	nf_insert(&x, 1, 0, 500);
	_Atomic bool stop = true;
	struct rs_nodes_config config = x.config;
	struct rs_nodes *to;
	config.generation = 2;
	OK(rs_nodes_create(&config, &err));
	x.catalog->n_tables = 0;
	OK(rs_nodes_open(&config, x.catalog, &to, &err));
	x.catalog->n_tables = 1;
	FAILS(EINTR, rs_nodes_copy(x.nodes, to, x.catalog, 1, &stop, NULL, &err));
	rs_nodes_drop(to);
	rs_nodes_unref(to);
	nf_end(&x);
}
END_TEST

/* ---- all at random ---- */

struct model {
	uint64_t xid; /* committed */
	uint64_t key;
};

static void random_changes(struct model *m)
{
	for (int n = rng() % 3 + 1; n > 0; n--) {
		if (rng() % 2 == 0) {
			unsigned rows = (unsigned)(rng() % (rng() % 20 == 0 ? 6000 : 30)) + 1;
			nf_insert(&x, m->xid + 1, m->key, rows);
			m->key += rows;
		} else {
			unsigned of = (unsigned)rng() % 40 + 1;
			nf_delete(&x, m->xid + 1, of, (unsigned)rng() % of);
		}
	}
}

static void random_rewrite(struct model *m)
{
	static const enum rs_diststyle placements[] = {RS_DIST_EVEN, RS_DIST_KEY, RS_DIST_ALL};
	struct rs_table to, from = *x.table;
	unsigned n = 0;
	nf_new_storage(&x, &to);
	to.placement = placements[rng() % 3];
	to.distkey = to.placement == RS_DIST_KEY ? to.columns[rng() % 5].id : 0;
	OK(rs_nodes_create_table(x.nodes, &to, &err));
	OK(rs_nodes_rewrite(x.nodes, &from, &to, m->xid + 1, NULL, &err));
	OK(rs_nodes_drop_table(x.nodes, from.storage, &err));
	*x.table = to;
	x.catalog->xid = ++m->xid;
	for (unsigned k = 0; k < x.n_rows; k++) {
		if (x.row[k].del == RS_LIVE) {
			x.row[n] = x.row[k];
			x.row[n++].ins = m->xid;
		}
	}
	x.n_rows = n;
}

static void random_step(struct model *m)
{
	uint64_t next = x.table->next_row;
	switch (rng() % 12) {
	case 0: random_rewrite(m); break;
	case 1:
	case 2: /* undone, in time or at the next open */
		random_changes(m);
		nf_check(&x, m->xid + 1);
		if (rng() % 2 == 0) {
			OK(rs_nodes_undo(x.nodes, x.catalog, m->xid + 1, &err));
		} else {
			nf_close(&x);
			nf_open(&x);
		}
		nf_forget(&x, m->xid + 1);
		x.table->next_row = next;
		break;
	default: random_changes(m); x.catalog->xid = ++m->xid;
	}
}

START_TEST(it_is_as_an_array_is)
{
	struct model m = {0};
	unsigned steps = getenv("MODEL_STEPS") != NULL ? (unsigned)atoi(getenv("MODEL_STEPS")) : 12;
	rng_seed(getenv("SEED") != NULL ? (unsigned)atoi(getenv("SEED")) : (unsigned)_i + 7);
	begin(_i);
	for (unsigned step = 0; step < steps; step++) {
		random_step(&m);
		uint64_t back = (uint64_t)rng() % 4;
		if (x.n_rows > 0) {
			uint64_t oldest = x.row[0].ins; /* a rewritten table has no past */
			nf_check(&x, m.xid > back && m.xid - back >= oldest ? m.xid - back : m.xid);
		}
		if (step % 10 == 0) {
			nf_check_mirrors(&x);
		}
		if (x.n_rows > NF_ROWS_MAX / 8) {
			random_rewrite(&m);
			nf_delete(&x, m.xid + 1, 1, 0);
			x.catalog->xid = ++m.xid;
			random_rewrite(&m);
		}
	}
	nf_check(&x, m.xid);
	nf_check_mirrors(&x);
	ck_assert_uint_eq(x.n_events, 0);
	nf_end(&x);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redshift_nodes");
	TCase *tc = tcase_create("nodes");
	int drivers = (int)n_drivers(), all = drivers * N_SHAPES;
	tcase_set_timeout(tc, getenv("MODEL_STEPS") != NULL ? 3600 : 110);
	tcase_add_loop_test(tc, rows_are_seen_by_their_transactions, 0, all);
	tcase_add_loop_test(tc, many_rows_go_by_workers, 0, drivers * 2);
	tcase_add_loop_test(tc, what_a_transaction_did_is_undone, 0, drivers * 2);
	tcase_add_loop_test(tc, what_was_not_committed_is_gone_at_the_next_open, 0, drivers * 2);
	tcase_add_loop_test(tc, a_load_that_is_given_up_leaves_nothing, 0, drivers * 2);
	tcase_add_loop_test(tc, rows_of_a_load_stand_in_order, 0, drivers);
	tcase_add_loop_test(tc, slices_are_counted, 0, drivers * 2);
	tcase_add_loop_test(tc, what_changed_between_two_transactions, 0, drivers);
	tcase_add_loop_test(tc, columns_are_added_and_undone, 0, drivers);
	tcase_add_loop_test(tc, tables_of_nobody_go, 0, drivers);
	tcase_add_loop_test(tc, sets_are_made_and_removed, 0, drivers);
	tcase_add_loop_test(tc, a_table_is_rewritten, 0, all);
	tcase_add_loop_test(tc, a_set_is_copied_into_another, 0, drivers * 2);
	tcase_add_loop_test(tc, a_copy_is_stopped, 0, drivers);
	tcase_add_loop_test(tc, it_is_as_an_array_is, 0, all);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
