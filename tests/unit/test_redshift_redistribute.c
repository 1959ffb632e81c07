/* Joins of tables that do not lie together: whatever way their rows come together, the answer is
 * the one of plain tables; and the plan says which way it was. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "tests/unit/random.h"
#include "tests/unit/redshift_plan_fixture.h"

static struct plan_fixture x;

static const struct {
	unsigned nodes, slices;
} shapes[] = {{2, 2}, {4, 1}, {3, 2}};
#define N_SHAPES ((int)(sizeof(shapes) / sizeof(*shapes)))

static const enum rs_joins ways[] = {RS_JOINS_SPREAD, RS_JOINS_CHEAPEST, RS_JOINS_LEADER};
#define N_WAYS (sizeof(ways) / sizeof(*ways))

static unsigned n_drivers(void)
{
	unsigned n = 0;
	while (sql_drivers[n] != NULL) {
		n++;
	}
	return n;
}

static unsigned below(unsigned n)
{
	return (unsigned)rng() % n;
}

static void seed(int k)
{
	rng_seed(getenv("SEED") != NULL ? (unsigned)atoi(getenv("SEED")) : (unsigned)k + 1);
}

/* ---- at random ---- */

#define N_TABLES 6U
/* Which columns can be joined with one another is what follows their letter's class. */
#define COLUMNS                                                                                    \
	"(a integer, b bigint, e smallint, c varchar(20), d decimal(6,2), w date, v integer)"
#define KINDS "VVqnmdq"
static const char letters[] = "abecdw";

struct made {
	char ddl[N_TABLES][160];
	struct pf_table tables[N_TABLES];
};

static void make_tables(struct made *m)
{
	char style[24];

	for (unsigned i = 0; i < N_TABLES; i++) {
		switch (below(5)) {
		case 0: snprintf(style, sizeof(style), "diststyle all"); break;
		case 1: snprintf(style, sizeof(style), "diststyle even"); break;
		default: snprintf(style, sizeof(style), "distkey(%c)", letters[below(6)]);
		}
		snprintf(m->ddl[i], sizeof(m->ddl[i]), "create table t%u " COLUMNS " %s", i, style);
		m->tables[i] = (struct pf_table){.ddl = m->ddl[i],
			.kinds = KINDS,
			.rows = below(6) == 0 ? 0 : 1 + below(60),
			.fixed = true};
	}
}

/* Integers of any width meet; else a column meets its like. */
static char like(char letter)
{
	return letter == 'a' || letter == 'b' || letter == 'e' ? "abe"[below(3)] : letter;
}

static void add_equality(struct buf *sql, unsigned item, unsigned with)
{
	char letter = letters[below(6)];
	buf_printf(sql, "q%u.%c = q%u.%c", with, letter, item, like(letter));
}

static void add_from(struct buf *sql, unsigned n)
{
	static const char *const types[] = {
		" join", " join", " left join", " right join", " full join"};
	bool commas = below(4) == 0;

	buf_printf(sql, " from t%u q0", below(N_TABLES));
	for (unsigned i = 1; i < n; i++) {
		buf_printf(sql, "%s t%u q%u", commas ? "," : types[below(5)], below(N_TABLES), i);
		if (commas) {
			continue;
		}
		buf_puts(sql, " on ");
		add_equality(sql, i, below(i));
		if (below(4) == 0) {
			buf_printf(sql, " and q%u.v > %u", i, below(5));
		}
	}
	buf_puts(sql, " where 1 = 1");
	for (unsigned i = 1; i < n && commas; i++) {
		buf_puts(sql, " and ");
		add_equality(sql, i, below(i));
	}
	if (below(3) == 0) {
		buf_printf(sql, " and q%u.v < %u", below(n), 2 + below(6));
	}
	if (below(6) == 0) {
		buf_printf(sql, " and q%u.%c is null", below(n), letters[below(6)]);
	}
}

static void make_query(struct buf *sql)
{
	unsigned n = 2 + below(2);
	unsigned item = below(n);
	char letter = letters[below(6)];

	switch (below(4)) {
	case 0:
		buf_puts(sql, "select count(*), sum(q0.v), count(q1.a), max(q1.c)");
		add_from(sql, n);
		break;
	case 1:
		buf_printf(sql, "select q%u.%c k, count(*), sum(q0.v), count(distinct q1.v)", item,
			letter);
		add_from(sql, n);
		buf_printf(sql, " group by q%u.%c", item, letter);
		break;
	case 2:
		buf_puts(sql, "select distinct q0.a, q1.c, q1.d");
		add_from(sql, n);
		break;
	default: buf_printf(sql, "select q0.*, q1.%c, q%u.v", letter, n - 1); add_from(sql, n);
	}
}

START_TEST(every_way_gives_the_same)
{
	unsigned rounds = getenv("ROUNDS") != NULL ? (unsigned)atoi(getenv("ROUNDS")) : 15;
	struct made made;

	seed(_i);
	make_tables(&made);
	pf_init_of(&x, sql_drivers[_i / N_SHAPES], shapes[_i % N_SHAPES].nodes,
		shapes[_i % N_SHAPES].slices, 1, made.tables, N_TABLES);
	for (unsigned i = 0; i < rounds; i++) {
		CLEANUP(buf_free) struct buf sql = BUF_INIT;
		make_query(&sql);
		for (unsigned k = 0; k < N_WAYS; k++) {
			x.sight.joins = ways[k];
			pf_same(&x, buf_cstr(&sql), false);
		}
	}
	pf_end(&x);
}
END_TEST

/* ---- the tables of TICKIT, every way ---- */

static void begin(int k, enum rs_joins joins)
{
	seed(k);
	pf_init(&x, sql_drivers[k / N_SHAPES], shapes[k % N_SHAPES].nodes,
		shapes[k % N_SHAPES].slices, 1);
	x.sight.joins = joins;
}

static const char *const asked[] = {
	"select s.salesid, e.eventname from sales s join event e on s.eventid = e.eventid",
	"select s.salesid, u.city from sales s join users u on s.buyerid = u.userid where u.likes",
	"select u.city, count(*), sum(s.pricepaid), avg(s.qtysold) from sales s join users u on "
	"s.sellerid = u.userid group by u.city",
	"select u.userid, count(s.salesid) from users u left join sales s on s.buyerid = u.userid "
	"group by u.userid",
	"select s.salesid, u.userid from sales s full join users u on s.buyerid = u.userid",
	"select s.salesid, u.userid from sales s right join users u on s.buyerid = u.userid and "
	"s.qtysold > 3",
	"select l.sellerid, count(*) from listing l join sales s on l.sellerid = s.buyerid group "
	"by "
	"l.sellerid",
	"select a.salesid, b.salesid from sales a, sales b where a.buyerid = b.sellerid and "
	"a.salesid < 200",
	"select count(*) from sales s, listing l, users u, venue v where s.listid = l.listid and "
	"s.buyerid = u.userid and l.dateid = v.venueid",
	"select e.eventname, q.n from event e join (select eventid, count(*) n from sales group by "
	"eventid) q on e.eventid = q.eventid",
	"select u.username, n.note from users u join eventnote n on u.username = n.note",
	"select s.eventid, row_number() over (partition by s.eventid order by s.salesid) from "
	"sales "
	"s join users u on s.buyerid = u.userid",
	"select salesid from sales s join users u on s.buyerid = u.userid union select listid from "
	"listing l join users u on l.sellerid = u.userid",
};

START_TEST(every_way_answers_alike)
{
	begin(_i, RS_JOINS_SPREAD);
	for (unsigned i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		for (unsigned k = 0; k < N_WAYS; k++) {
			x.sight.joins = ways[k];
			pf_same(&x, asked[i], false);
		}
	}
	pf_end(&x);
}
END_TEST

/* ---- what the plan says ---- */

static const struct {
	const char *sql;
	const char *spread[3]; /* what it says when rows are distributed */
	const char *leader;    /* and when they meet on the leader */
} plans[] = {
	{"select * from sales s join event e on s.eventid = e.eventid",
		{"XN Hash Join DS_DIST_OUTER\n", "Distribute  (s1)",
			"then each row to the node where its eventid belongs, those without one to "
			"none"},
		"XN Hash Join DS_DIST_BOTH on the leader"},
	{"select * from event e join sales s on s.eventid = e.eventid",
		{"XN Hash Join DS_DIST_INNER\n", "Distribute  (s1)", "where its eventid belongs"},
		"DS_DIST_BOTH on the leader"},
	{"select * from sales s join users u on s.buyerid = u.userid",
		{"XN Hash Join DS_DIST_BOTH\n", "where its buyerid belongs",
			"where its userid belongs"},
		"DS_DIST_BOTH on the leader"},
	{"select * from users u left join sales s on s.buyerid = u.userid",
		{"XN Hash Left Join DS_DIST_BOTH\n", "where its userid belongs:",
			"where its buyerid belongs, those without one to none:"},
		"DS_DIST_BOTH on the leader"},
	{"select * from users u full join sales s on s.buyerid = u.userid",
		{"XN Hash Full Join DS_DIST_BOTH\n",
			"where its userid belongs:", "where its buyerid belongs:"},
		"DS_DIST_BOTH on the leader"},
	{"select * from sales s join event e on s.eventid = e.eventid join eventnote n on "
	 "e.eventid = n.eventid",
		{"XN Hash Join DS_DIST_NONE\n", "XN Hash Join DS_DIST_OUTER\n", "Distribute  (s1)"},
		"XN Hash Join DS_DIST_INNER on the leader"},
	{"select * from sales s join users u on s.buyerid < u.userid",
		{"XN Nested Loop Join DS_BCAST_INNER", "Send to all nodes", ""},
		"DS_DIST_BOTH on the leader"},
	{"select * from sales s join listing l on s.listid = l.listid",
		{"XN Hash Join DS_DIST_NONE\n", "", ""}, "XN Hash Join DS_DIST_NONE\n"},
};

static void must_say(const char *sql, const char *says)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	pf_explain(&x, sql, &text);
	ck_assert_msg(strstr(buf_cstr(&text), says) != NULL, "not \"%s\": %s:\n%s", says, sql,
		buf_cstr(&text));
}

START_TEST(the_plan_says_what_is_distributed)
{
	begin(_i * N_SHAPES, RS_JOINS_SPREAD);
	for (unsigned i = 0; i < sizeof(plans) / sizeof(*plans); i++) {
		x.sight.joins = RS_JOINS_SPREAD;
		for (unsigned k = 0; k < 3; k++) {
			must_say(plans[i].sql, plans[i].spread[k]);
		}
		x.sight.joins = RS_JOINS_LEADER;
		must_say(plans[i].sql, plans[i].leader);
	}
	pf_end(&x);
}
END_TEST

/* Enough rows that their number decides. */
START_TEST(the_way_is_chosen_by_what_moves)
{
	static const struct pf_table made[] = {
		{"create table fact (v integer, k integer distkey)", "qV", 20000, true},
		{"create table half (k integer, v integer) diststyle even", "Vq", 14000, true},
		{"create table few (k integer, v integer) diststyle even", "Vq", 40, true}};
	bool composes = sql_drivers[_i]->composes;

	seed(_i);
	pf_init_of(&x, sql_drivers[_i], 4, 1, 1, made, 3);
	must_say("select count(*) from fact f join few on f.k = few.k", "DS_BCAST_INNER");
	/* Half of the rows to one place each, or all of them to four? */
	must_say("select count(*) from fact f join half h on f.k = h.k",
		composes ? "DS_DIST_BOTH on the leader" : "XN Hash Join DS_DIST_INNER\n");
	must_say("select count(*) from fact f join half h on f.v = h.v",
		composes ? "DS_DIST_BOTH on the leader" : "XN Hash Join DS_DIST_BOTH\n");
	pf_same(&x,
		"select f.k, count(*) from fact f join (select distinct k, v from half) h on f.v = "
		"h.v where h.k < 3 group by f.k",
		false);
	pf_end(&x);
}
END_TEST

/* ---- what goes wrong ---- */

static const char spread_query[] =
	"select u.city, count(*) from sales s join users u on s.buyerid = u.userid group by u.city";

/* Those of queries are "query-…"; a driver has some of its own. */
static void assert_no_files(void)
{
	DIR *dir = opendir(x.tmp);
	const struct dirent *e;

	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL) {
		ck_assert_msg(strncmp(e->d_name, "query-", 6) != 0, "%s is left", e->d_name);
	}
	closedir(dir);
}

START_TEST(a_query_leaves_nothing)
{
	begin(_i * N_SHAPES, RS_JOINS_SPREAD);
	pf_same(&x, spread_query, false);
	assert_no_files();
	struct rs_rows rows;
	struct err err = {0};
	ck_assert_int_eq(rs_rows_begin(&x.sight, slice_of(spread_query), &rows, &err), 0);
	rs_rows_end(&rows); /* not read to its end */
	assert_no_files();
	pf_end(&x);
}
END_TEST

START_TEST(an_error_of_a_node_is_the_querys_and_leaves_nothing)
{
	static const char *const wrong[] = {
		"select s.salesid from sales s join users u on s.buyerid = u.userid where 1 / "
		"(s.qtysold - s.qtysold) > 0",
		"select u.userid from users u join sales s on s.buyerid = u.userid where "
		"cast(u.city || 'x' as integer) > 3"};

	begin(_i * N_SHAPES, RS_JOINS_SPREAD);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		struct err err = {0};
		CLEANUP(buf_free) struct buf out = BUF_INIT;
		ck_assert_int_eq(pf_planned(&x, wrong[i], &out, &err), -EINVAL);
		ck_assert_int_eq(err.code, EINVAL);
		ck_assert_int_ne(err.msg[0], '\0');
		assert_no_files();
	}
	pf_same(&x, spread_query, false);
	pf_end(&x);
}
END_TEST

START_TEST(no_room_for_files_is_an_error)
{
	struct err err = {0};
	CLEANUP(buf_free) struct buf out = BUF_INIT;

	begin(_i * N_SHAPES, RS_JOINS_SPREAD);
	x.sight.tmp = "/nowhere";
	ck_assert_int_eq(pf_planned(&x, spread_query, &out, &err), -ENOENT);
	x.sight.tmp = x.tmp;
	pf_same(&x, spread_query, false);
	pf_end(&x);
}
END_TEST

START_TEST(a_file_that_is_gone_is_healed_for_a_query)
{
	char path[256];

	begin(_i * N_SHAPES, RS_JOINS_SPREAD);
	for (unsigned node = 0; node < 2; node++) {
		snprintf(path, sizeof(path), "%s/g1-n%u%s", x.node_dir, node, x.driver->suffix);
		ck_assert_int_eq(unlink(path), 0);
		pf_same(&x, spread_query, false);
		ck_assert_int_eq(access(path, F_OK), 0);
	}
	assert_no_files();
	pf_end(&x);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redshift_redistribute");
	TCase *tc = tcase_create("redistribute");
	int drivers = (int)n_drivers(), all = drivers * N_SHAPES;
	tcase_set_timeout(tc, getenv("ROUNDS") != NULL ? 3600 : 110);
	tcase_add_loop_test(tc, every_way_gives_the_same, 0, all);
	tcase_add_loop_test(tc, every_way_answers_alike, 0, all);
	tcase_add_loop_test(tc, the_plan_says_what_is_distributed, 0, drivers);
	tcase_add_loop_test(tc, the_way_is_chosen_by_what_moves, 0, drivers);
	tcase_add_loop_test(tc, a_query_leaves_nothing, 0, drivers);
	tcase_add_loop_test(tc, an_error_of_a_node_is_the_querys_and_leaves_nothing, 0, drivers);
	tcase_add_loop_test(tc, no_room_for_files_is_an_error, 0, drivers);
	tcase_add_loop_test(tc, a_file_that_is_gone_is_healed_for_a_query, 0, drivers);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
