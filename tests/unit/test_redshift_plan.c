/* Queries planned over the nodes give what they give over plain tables, with both drivers and any
 * number of nodes; and run as their plan says. */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/thread.h"
#include "tests/unit/random.h"
#include "tests/unit/redshift_plan_fixture.h"

static struct plan_fixture x;

static const struct {
	unsigned nodes, slices;
} shapes[] = {{1, 2}, {2, 2}, {4, 1}};
#define N_SHAPES ((int)(sizeof(shapes) / sizeof(*shapes)))

static unsigned n_drivers(void)
{
	unsigned n = 0;
	while (sql_drivers[n] != NULL) {
		n++;
	}
	return n;
}

static void begin(int k, unsigned scale)
{
	rng_seed(getenv("SEED") != NULL ? (unsigned)atoi(getenv("SEED")) : (unsigned)k + 1);
	pf_init(&x, sql_drivers[k / N_SHAPES], shapes[k % N_SHAPES].nodes,
		shapes[k % N_SHAPES].slices, scale);
}

/* ---- what people ask ---- */

static const struct {
	const char *sql;
	bool ordered;
} asked[] = {
	{"select 1", true},
	{"select count(*) from sales", true},
	{"select * from sales", false},
	{"select * from category", false},
	{"select salesid + 1, pricepaid * 2 from sales where qtysold > 3 and pricepaid > 100",
		false},
	{"select sum(qtysold), min(pricepaid), max(saletime), avg(qtysold), count(buyerid) from "
	 "sales",
		true},
	{"select sum(qtysold) from sales where qtysold > 1000", true},
	{"select avg(weight), sum(weight), min(note), max(note) from eventnote", true},
	{"select buyerid, count(*), sum(pricepaid) from sales group by buyerid", false},
	{"select listid, count(distinct buyerid), sum(pricepaid) from sales group by listid",
		false},
	{"select buyerid, count(distinct listid) from sales group by 1", false},
	{"select count(distinct city), count(distinct likes) from users", true},
	{"select city, count(*) n from users group by city having count(*) > 3 order by n desc, "
	 "city",
		true},
	{"select distinct city from users order by city", true},
	{"select distinct qtysold, dateid from sales order by 1, 2 limit 7", true},
	{"select salesid, pricepaid from sales order by pricepaid desc, salesid limit 10", true},
	{"select salesid, pricepaid from sales order by pricepaid, salesid limit 10 offset 5",
		true},
	{"select salesid from sales order by pricepaid + 1, salesid limit 10", true},
	{"select salesid from sales order by salesid limit 0", true},
	{"select s.salesid, l.priceperticket from sales s join listing l on s.listid = l.listid",
		false},
	{"select s.salesid, e.eventname from sales s join event e using (eventid)", false},
	{"select s.salesid, e.eventname from sales s, event e where s.eventid = e.eventid and "
	 "e.venueid = 3",
		false},
	{"select e.eventid, n.note from event e join eventnote n on e.eventid = n.eventid", false},
	{"select e.eventid, n.note from event e left join eventnote n on e.eventid = n.eventid",
		false},
	{"select e.eventid, n.note from event e right join eventnote n on e.eventid = n.eventid",
		false},
	{"select e.eventid, n.note from event e full join eventnote n on e.eventid = n.eventid",
		false},
	{"select c.catname, e.eventid from category c left join event e on c.catid = e.catid",
		false},
	{"select c.catname, e.eventid from event e left join category c on c.catid = e.catid",
		false},
	{"select c.catname, e.eventid from event e full join category c on c.catid = e.catid",
		false},
	{"select c.catname, d.month from category c left join dates d on c.catid = d.dateid",
		false},
	{"select v.venuename, count(e.eventid) from venue v left join event e on v.venueid = "
	 "e.venueid group by 1",
		false},
	{"select l.listid, sum(s.qtysold) from listing l left join sales s on l.listid = s.listid "
	 "and "
	 "s.qtysold > 2 where l.numtickets > 1 group by l.listid",
		false},
	{"select catname, sum(qtysold), sum(pricepaid) from sales join event using (eventid) join "
	 "category "
	 "using (catid) group by catname order by 2 desc, 1",
		true},
	{"select firstone.username, q.total from (select buyerid, sum(qtysold) total from sales "
	 "group by "
	 "buyerid order by total desc, buyerid limit 10) q, users firstone where q.buyerid = "
	 "firstone.userid order by q.total desc, 1",
		true},
	{"with w as (select eventid, sum(pricepaid) p from sales group by eventid) select "
	 "e.eventname, w.p "
	 "from w join event e on e.eventid = w.eventid where w.p > (select avg(p) from w)",
		false},
	{"select eventid from sales where eventid in (select eventid from event where catid = 2)",
		false},
	{"select u.userid from users u where exists (select 1 from sales s where s.buyerid = "
	 "u.userid and "
	 "s.qtysold > 5)",
		false},
	{"select u.userid from users u where not exists (select 1 from sales s where s.buyerid = "
	 "u.userid)",
		false},
	{"select salesid, row_number() over (partition by listid order by salesid) from sales",
		false},
	{"select eventid, pricepaid, rank() over (partition by eventid order by pricepaid desc, "
	 "salesid) r "
	 "from sales qualify r = 1",
		false},
	{"select listid from sales union select listid from listing", false},
	{"select listid from sales union all select listid from listing where numtickets < 2",
		false},
	{"select listid from sales except select listid from listing", false},
	{"select listid from sales intersect select listid from listing order by 1 limit 5", true},
	{"select count(*) from sales a join sales b on a.listid = b.listid", true},
	{"select count(*) from users, category", true},
	{"select count(*) from sales s join listing l on s.listid = l.listid join users u on "
	 "u.userid = "
	 "s.buyerid join venue v on v.venueid = s.dateid",
		true},
	{"select d.month, c.catgroup, count(*), max(s.saletime) from sales s join dates d on "
	 "s.dateid = "
	 "d.dateid join event e on s.eventid = e.eventid join category c on e.catid = c.catid "
	 "where "
	 "d.month <> 'a' group by 1, 2 order by 1, 2",
		true},
	{"select case when qtysold > 3 then 'many' else 'few' end k, count(*) from sales group by "
	 "1",
		false},
	{"select qtysold, sum(pricepaid) / count(*) from sales group by qtysold", false},
	{"select max(n) from (select buyerid, count(*) n from sales group by buyerid)", true},
	{"select sum(case when likes then 1 else 0 end) from users", true},
	{"select bool_or(open), bool_and(open) from venue", true},
	{"select median(pricepaid) from sales", true},
	{"select e.eventid, count(*), listagg(n.note, ',') within group (order by n.note) from "
	 "event e join "
	 "eventnote n on e.eventid = n.eventid group by e.eventid",
		false},
	{"select count(*) from (select listid from sales where qtysold > 2) a join (select listid "
	 "from "
	 "listing) b on a.listid = b.listid",
		true},
	{"select city, count(*) from users group by city order by count(*) desc, city limit 3",
		true},
	{"select top 4 salesid from sales order by salesid", true},
	{"select a.salesid from sales a where a.pricepaid > (select avg(b.pricepaid) from sales b "
	 "where "
	 "b.eventid = a.eventid)",
		false},
	{"select pricepaid, qtysold from sales where pricepaid / nullif(qtysold, 0) > 100", false},
	{"select count(*), 'x' from sales group by 2", true},
	{"select 'x' y, count(*) from sales group by y having sum(qtysold) > 0", true},
	{"select stddev(pricepaid), variance(weight) from sales join eventnote using (eventid)",
		true},
	{"select sum(distinct qtysold), count(*) from sales", true},
	{"select avg(pricepaid) from sales", true},
	{"select dateid, avg(pricepaid) from sales group by dateid order by dateid", true},
	{"select born, count(*) from users group by born having min(userid) > 3", false},
	{"select s.salesid from sales s left join event e on s.eventid = e.eventid where e.eventid "
	 "is null",
		false},
	{"select s.salesid from sales s left join (event e join category c on e.catid = c.catid) "
	 "on "
	 "s.eventid = e.eventid where c.catname = 'Pop'",
		false},
};

START_TEST(what_people_ask)
{
	begin(_i, 1);
	for (unsigned i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		pf_same(&x, asked[i].sql, asked[i].ordered);
	}
	pf_end(&x);
}
END_TEST

/* ---- queries at random ---- */

static const struct {
	const char *name;
	const char *keys[4]; /* columns others are joined on */
	const char *numbers[3];
	const char *texts[2];
} made_of[] = {
	{"sales", {"listid", "eventid", "buyerid", "dateid"}, {"qtysold", "pricepaid", "salesid"},
		{NULL}},
	{"listing", {"listid", "sellerid", "eventid", "dateid"},
		{"numtickets", "priceperticket", NULL}, {NULL}},
	{"event", {"eventid", "catid", "venueid", "dateid"}, {"eventid", NULL, NULL},
		{"eventname", NULL}},
	{"eventnote", {"eventid", "eventid", "eventid", "eventid"}, {"weight", NULL, NULL},
		{"note", NULL}},
	{"category", {"catid", "catid", "catid", "catid"}, {"catid", NULL, NULL},
		{"catgroup", "catname"}},
	{"venue", {"venueid", "venueid", "venueid", "venueid"}, {"seats", NULL, NULL},
		{"venuename", NULL}},
	{"users", {"userid", "userid", "userid", "userid"}, {"userid", NULL, NULL},
		{"username", "city"}},
	{"dates", {"dateid", "dateid", "dateid", "dateid"}, {"dateid", NULL, NULL},
		{"month", NULL}},
};
#define N_MADE (sizeof(made_of) / sizeof(*made_of))

struct made {
	struct buf sql;
	unsigned table[4];
	unsigned n;
};

static unsigned below(unsigned n)
{
	return (unsigned)rng() % n;
}

static const char *some_key(const struct made *m, unsigned item)
{
	return made_of[m->table[item]].keys[below(4)];
}

static const char *some_number(const struct made *m, unsigned item)
{
	const char *name = made_of[m->table[item]].numbers[below(3)];
	return name == NULL ? made_of[m->table[item]].keys[0] : name;
}

static void add_value(struct made *m, bool text)
{
	unsigned item = below(m->n);
	const char *name = text ? made_of[m->table[item]].texts[0] : NULL;

	if (name == NULL) {
		name = below(2) == 0 ? some_number(m, item) : some_key(m, item);
	}
	buf_printf(&m->sql, "t%u.%s", item, name);
}

static void add_condition(struct made *m)
{
	switch (below(7)) {
	case 0:
		add_value(m, false);
		buf_printf(&m->sql, " > %u", below(200));
		break;
	case 1:
		add_value(m, false);
		buf_printf(&m->sql, " in (1, %u, 7)", below(50));
		break;
	case 2:
		add_value(m, true);
		buf_puts(&m->sql, " is not null");
		break;
	case 3:
		add_value(m, false);
		buf_puts(&m->sql, " < ");
		add_value(m, false);
		break;
	case 4:
		buf_puts(&m->sql, "(");
		add_value(m, false);
		buf_printf(&m->sql, " < %u or ", below(100));
		add_value(m, false);
		buf_puts(&m->sql, " is null)");
		break;
	case 5:
		add_value(m, false);
		buf_printf(&m->sql, " between %u and %u", below(50), 50 + below(500));
		break;
	default:
		buf_puts(&m->sql, "coalesce(");
		add_value(m, false);
		buf_puts(&m->sql, ", 0) <> 3");
	}
}

static void add_join(struct made *m, unsigned item)
{
	static const char *const types[] = {
		"join", "join", "join", "left join", "right join", "full join"};
	unsigned with = below(item);

	buf_printf(&m->sql, " %s %s t%u on t%u.%s = t%u.%s", types[below(6)],
		made_of[m->table[item]].name, item, with, some_key(m, with), item,
		some_key(m, item));
	m->n = item + 1;
	if (below(4) == 0) {
		buf_puts(&m->sql, " and ");
		buf_printf(&m->sql, "t%u.%s > %u", item, some_number(m, item), below(60));
	}
}

static void add_from(struct made *m)
{
	unsigned n = 1 + below(3);
	bool commas = below(4) == 0;

	for (unsigned i = 0; i < n; i++) {
		m->table[i] = below(N_MADE);
	}
	buf_printf(&m->sql, " from %s t0", made_of[m->table[0]].name);
	m->n = 1;
	for (unsigned i = 1; i < n; i++) {
		if (commas) {
			buf_printf(&m->sql, ", %s t%u", made_of[m->table[i]].name, i);
		} else {
			add_join(m, i);
		}
	}
	m->n = n;
	buf_puts(&m->sql, " where 1 = 1");
	for (unsigned i = 1; i < n && commas; i++) {
		unsigned with = below(i);
		buf_printf(&m->sql, " and t%u.%s = t%u.%s", i, some_key(m, i), with,
			some_key(m, with));
	}
	for (unsigned i = below(3); i > 0; i--) {
		buf_puts(&m->sql, " and ");
		add_condition(m);
	}
}

/* FROM is made first: the select list needs to know what is there. */
static void put_before(struct made *m, const char *text, size_t n)
{
	struct buf whole = BUF_INIT;
	buf_append(&whole, text, n);
	buf_append_slice(&whole, buf_slice(&m->sql));
	buf_free(&m->sql);
	m->sql = whole;
}

static void add_aggregate(struct made *m)
{
	static const char *const names[] = {"sum", "count", "min", "max", "avg", "count", "sum"};

	if (below(5) == 0) {
		buf_puts(&m->sql, "count(*)");
		return;
	}
	buf_printf(&m->sql, "%s(%s", names[below(7)], below(8) == 0 ? "distinct " : "");
	add_value(m, false);
	buf_puts(&m->sql, ")");
}

static void make_grouped(struct made *m)
{
	struct buf from = m->sql;
	unsigned groups = below(3);
	CLEANUP(buf_free) struct buf list = BUF_INIT;

	m->sql = (struct buf){0};
	for (unsigned i = 0; i < groups; i++) {
		buf_puts(&m->sql, i == 0 ? "" : ", ");
		add_value(m, below(2) == 0);
	}
	buf_append_slice(&list, buf_slice(&m->sql));
	buf_puts(&m->sql, groups == 0 ? "" : ", ");
	add_aggregate(m);
	buf_puts(&m->sql, ", ");
	add_aggregate(m);
	struct buf select = m->sql;
	m->sql = from;
	put_before(m, select.p, select.n);
	put_before(m, "select ", 7);
	buf_free(&select);
	if (groups > 0) {
		buf_puts(&m->sql, " group by ");
		buf_append_slice(&m->sql, buf_slice(&list));
	}
	if (below(4) == 0) {
		buf_puts(&m->sql, " having ");
		add_aggregate(m);
		buf_printf(&m->sql, " > %u", below(20));
	}
}

static void make_plain(struct made *m)
{
	struct buf from = m->sql;

	m->sql = (struct buf){0};
	buf_puts(&m->sql, below(4) == 0 ? "select distinct " : "select ");
	add_value(m, false);
	buf_puts(&m->sql, " a, ");
	add_value(m, true);
	buf_puts(&m->sql, " b");
	struct buf select = m->sql;
	m->sql = from;
	put_before(m, select.p, select.n);
	buf_free(&select);
	if (below(3) == 0) {
		/* Rows that are equal in all columns may stand for one another. */
		buf_printf(&m->sql, " order by 1, 2 limit %u", below(20));
	}
}

static void make_query(struct made *m)
{
	add_from(m);
	if (below(2) == 0) {
		make_grouped(m);
	} else {
		make_plain(m);
	}
	if (below(6) == 0) {
		put_before(m, "select count(*), count(bb) from (select 1 bb, q.* from (", 56);
		buf_puts(&m->sql, ") q) r");
	}
}

START_TEST(queries_at_random)
{
	unsigned rounds = getenv("ROUNDS") != NULL ? (unsigned)atoi(getenv("ROUNDS")) : 40;
	begin(_i * N_SHAPES + 2, 1);
	for (unsigned i = 0; i < rounds; i++) {
		struct made m = {0};
		make_query(&m);
		pf_same(&x, buf_cstr(&m.sql), false);
		buf_free(&m.sql);
	}
	pf_end(&x);
}
END_TEST

/* ---- what a plan says ---- */

static const struct {
	const char *sql;
	const char *says;
	const char *not_says;
} plans[] = {
	{"select * from sales s join listing l on s.listid = l.listid", "XN Hash Join DS_DIST_NONE",
		"DS_BCAST"},
	{"select * from event e join eventnote n on e.eventid = n.eventid", "DS_DIST_NONE",
		"DS_BCAST"},
	{"select * from event e left join eventnote n on e.eventid = n.eventid",
		"XN Hash Left Join DS_DIST_NONE", "DS_BCAST"},
	{"select * from sales s join event e on s.eventid = e.eventid", "DS_BCAST_INNER",
		"DS_DIST_NONE"},
	{"select * from sales s join dates d on s.dateid = d.dateid", "DS_DIST_ALL_NONE",
		"DS_BCAST"},
	{"select * from sales s, users u where s.buyerid = u.userid", "DS_BCAST_INNER",
		"DS_DIST_NONE"},
	{"with q as (select listid from sales) select * from q join listing l on l.listid = "
	 "q.listid",
		"DS_DIST_INNER", "DS_BCAST"},
	{"select * from sales a, listing b where a.listid in (select eventid from event) and "
	 "a.listid = b.listid",
		"DS_DIST_BOTH", "DS_DIST_NONE"},
	{"select buyerid, sum(qtysold) from sales group by 1 order by 2 limit 3",
		"XN HashAggregate", "XN Merge"},
	{"select salesid from sales order by salesid limit 3", "XN Merge", "XN Sort\n        Sort"},
	{"select salesid from sales where qtysold > 3", "Filter: (sales.qtysold > 3)", "Join"},
	{"select s.salesid from sales s join listing l on s.listid = l.listid",
		"Hash Cond: (s.listid = l.listid)", "Join Filter"},
	{"select count(*) from category a, dates b", "XN Nested Loop Join DS_DIST_ALL_NONE",
		"Hash"},
	{"select count(*) from category", "node 0, as every node has all of it", "each of"},
};

START_TEST(a_plan_says_what_moves)
{
	begin(_i * N_SHAPES + 1, 1);
	for (unsigned i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		pf_explain(&x, plans[i].sql, &text);
		ck_assert_msg(strstr(buf_cstr(&text), plans[i].says) != NULL &&
				      strstr(buf_cstr(&text), plans[i].not_says) == NULL,
			"%s:\n%s", plans[i].sql, buf_cstr(&text));
	}
	pf_end(&x);
}
END_TEST

/* ---- what goes wrong ---- */

START_TEST(an_error_of_a_node_is_the_querys)
{
	begin(_i * N_SHAPES + 1, 1);
	static const char *const wrong[] = {
		"select 1 / (qtysold - qtysold) from sales where qtysold > 2",
		"select sum(cast(eventname as integer)) from event where eventname = 'Pop'"};
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct err err = {0};
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		ck_assert_int_eq(pf_planned(&x, wrong[i], &out, &err), -EINVAL);
		ck_assert_int_eq(err.code, EINVAL);
		ck_assert_int_ne(err.msg[0], '\0');
	}
	pf_same(&x, "select count(*) from sales", true);
	pf_end(&x);
}
END_TEST

START_TEST(a_text_that_is_no_select_is_refused)
{
	static const char *const wrong[] = {
		"", "delete from sales", "select 1; select 2", "select"};

	begin(_i * N_SHAPES, 1);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct err err = {0};
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		ck_assert_int_eq(pf_planned(&x, wrong[i], &out, &err), -EINVAL);
	}
	pf_end(&x);
}
END_TEST

struct stopping {
	struct rs_rows *rows;
	_Atomic bool over;
};

/* More than once: the first may come before there is something to interrupt. */
static void *stop(void *arg)
{
	struct stopping *s = arg;
	while (!s->over) {
		usleep(2000);
		rs_rows_stop(s->rows);
	}
	return NULL;
}

START_TEST(a_query_is_stopped)
{
	struct rs_rows rows;
	struct err err = {0};
	const struct sql_value *row;
	pthread_t thread;

	begin(_i * N_SHAPES + 1, 1);
	ck_assert_int_eq(
		rs_rows_begin(&x.sight,
			slice_of("with t as (select salesid from sales) select count(*) from t a, "
				 "t b, t c, t d, t e where a.salesid + b.salesid + c.salesid + "
				 "d.salesid + e.salesid > 0"),
			&rows, &err),
		0);
	struct stopping s = {.rows = &rows};
	ck_assert_int_eq(thread_start(&thread, stop, &s), 0);
	int rc = rs_rows_step(&rows, &row, &err);
	s.over = true;
	pthread_join(thread, NULL);
	ck_assert_msg(rc == -EINTR && err.code == EINTR, "%d %s", rc, err.msg);
	rs_rows_end(&rows);
	pf_same(&x, "select count(*) from sales", true);
	pf_end(&x);
}
END_TEST

START_TEST(a_file_that_is_gone_is_healed_for_a_query)
{
	char path[256];

	begin(_i * N_SHAPES + 1, 1);
	for (unsigned node = 0; node < 2; node++) {
		snprintf(path, sizeof(path), "%s/g1-n%u%s", x.node_dir, node, x.driver->suffix);
		ck_assert_int_eq(unlink(path), 0);
		pf_same(&x, "select buyerid, count(*), sum(pricepaid) from sales group by buyerid",
			false);
		ck_assert_int_eq(access(path, F_OK), 0);
	}
	pf_end(&x);
}
END_TEST

START_TEST(a_query_leaves_no_files)
{
	begin(_i * N_SHAPES + 1, 1);
	pf_same(&x, "select s.salesid, e.eventname from sales s join event e using (eventid)",
		false);
	/* Empty, or rmdir() would refuse. */
	if (x.driver->composes) {
		pf_end(&x);
		return;
	}
	ck_assert_int_eq(rmdir(x.tmp), 0);
	pf_end(&x);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redshift_plan");
	TCase *tc = tcase_create("plan");
	int drivers = (int)n_drivers(), all = drivers * N_SHAPES;
	tcase_set_timeout(tc, getenv("ROUNDS") != NULL ? 3600 : 110);
	tcase_add_loop_test(tc, what_people_ask, 0, all);
	tcase_add_loop_test(tc, queries_at_random, 0, drivers);
	tcase_add_loop_test(tc, a_plan_says_what_moves, 0, drivers);
	tcase_add_loop_test(tc, an_error_of_a_node_is_the_querys, 0, drivers);
	tcase_add_loop_test(tc, a_text_that_is_no_select_is_refused, 0, drivers);
	tcase_add_loop_test(tc, a_query_is_stopped, 0, drivers);
	tcase_add_loop_test(tc, a_file_that_is_gone_is_healed_for_a_query, 0, drivers);
	tcase_add_loop_test(tc, a_query_leaves_no_files, 0, drivers);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
