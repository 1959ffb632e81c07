/* A process that changes nodes is killed at any moment: what is opened next is the state of the
 * last transaction that was committed, which is when the leader says so: here, a number in memory
 * that outlives the process. KILL_ROUNDS in the environment for more rounds. */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/calls.h"
#include "tests/unit/random.h"
#include "tests/unit/redshift_nodes_fixture.h"

static const struct nf_shape shapes[] = {
	{2, 2, RS_DIST_EVEN, RS_SORT_COMPOUND, true},
	{3, 1, RS_DIST_KEY, RS_SORT_NONE, true},
	{2, 1, RS_DIST_ALL, RS_SORT_NONE, true},
};
#define N_SHAPES ((int)(sizeof(shapes) / sizeof(*shapes)))
#define ROWS_END 150000U

struct told {
	_Atomic uint64_t xid; /* committed */
	_Atomic bool full;
};

static struct nodes_fixture x;
static struct told *told;

/* ---- transactions: all that they do follows from their number ---- */

static void change(uint64_t xid)
{
	for (int n = rng() % 3 + 1; n > 0; n--) {
		unsigned of = (unsigned)rng() % 50 + 2, at = (unsigned)rng() % of;
		unsigned rows = (unsigned)rng() % (rng() % 4 == 0 ? 7000 : 100) + 1;
		if (rng() % 2 == 0) {
			nf_insert(&x, xid, xid * 10000 + (uint64_t)n, rows);
		} else {
			nf_delete(&x, xid, of, at);
		}
	}
}

static void rewrite(uint64_t xid)
{
	struct rs_table to, from = *x.table;
	unsigned n = 0;
	nf_new_storage(&x, &to);
	if (x.nodes != NULL) {
		OK(rs_nodes_create_table(x.nodes, &to, &err));
		OK(rs_nodes_rewrite(x.nodes, &from, &to, xid, NULL, &err));
	}
	*x.table = to;
	for (unsigned k = 0; k < x.n_rows; k++) {
		if (x.row[k].del == RS_LIVE) {
			x.row[n] = x.row[k];
			x.row[n++].ins = xid;
		}
	}
	x.n_rows = n;
}

/* Into a set that nobody keeps: the one that is open stays what it is. */
static void copy(void)
{
	struct rs_nodes_config config = x.config;
	struct rs_catalog *empty = rs_catalog_new(1, 1);
	struct rs_nodes *to;
	config.generation = 2;
	config.nodes = 1;
	OK(rs_nodes_destroy(&config, &err));
	OK(rs_nodes_create(&config, &err));
	OK(rs_nodes_open(&config, empty, &to, &err));
	OK(rs_nodes_copy(x.nodes, to, x.catalog, x.catalog->xid, NULL, NULL, &err));
	rs_nodes_drop(to);
	rs_nodes_unref(to);
	rs_catalog_unref(empty);
}

static void transaction(uint64_t xid)
{
	rng_seed((unsigned)xid * 31 + 5);
	int kind = rng() % 8;
	if (kind == 0) {
		rewrite(xid);
	} else {
		change(xid);
	}
	if (kind == 1 && x.nodes != NULL) {
		copy();
	}
	x.catalog->xid = xid;
}

static void replay(const char *dir, int i)
{
	nf_adopt(&x, dir, sql_drivers[i / N_SHAPES], &shapes[i % N_SHAPES]);
	for (uint64_t xid = 1; xid <= told->xid; xid++) {
		transaction(xid);
	}
}

/* ---- who is killed, and who looks ---- */

static void work(const char *dir, int i)
{
	replay(dir, i);
	nf_open(&x);
	while (x.n_rows < ROWS_END) {
		uint64_t old = x.table->storage;
		transaction(told->xid + 1);
		told->xid++;
		if (x.table->storage != old) {
			OK(rs_nodes_drop_table(x.nodes, old, &err));
		}
	}
	told->full = true;
	for (;;) {
		pause();
	}
}

static void look(const char *dir, int i)
{
	replay(dir, i);
	nf_open(&x);
	nf_check(&x, told->xid);
	nf_check(&x, told->xid + 1);
	nf_check_mirrors(&x);
	ck_assert_msg(x.n_events == 0, "%s", buf_cstr(&x.events));
	nf_close(&x);
}

static pid_t start(void (*fn)(const char *dir, int i), const char *dir, int i)
{
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fn(dir, i);
		_exit(0);
	}
	return pid;
}

static void round_of(const char *dir, int i)
{
	int status;
	pid_t pid = start(work, dir, i);
	usleep((useconds_t)(rng() % (rng() % 3 == 0 ? 30000 : 400000)));
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFSIGNALED(status), "it ended by itself: %d", status);
	pid = start(look, dir, i);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x", status);
}

START_TEST(what_was_committed_is_there_and_nothing_else)
{
	unsigned rounds = getenv("KILL_ROUNDS") != NULL ? (unsigned)atoi(getenv("KILL_ROUNDS")) : 4;
	told = mmap(NULL, sizeof(*told), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert(told != MAP_FAILED);
	nf_init(&x, sql_drivers[_i / N_SHAPES], &shapes[_i % N_SHAPES]);
	nf_close(&x);
	struct nodes_fixture first = x;
	rng_seed((unsigned)getpid());
	for (unsigned k = 0; k < rounds && !told->full; k++) {
		round_of(first.dir, _i);
	}
	x = first;
	nf_end(&x);
	munmap(told, sizeof(*told));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redshift_nodes_kill");
	TCase *tc = tcase_create("kill");
	int drivers = 0;
	while (sql_drivers[drivers] != NULL) {
		drivers++;
	}
	tcase_set_timeout(tc, getenv("KILL_ROUNDS") != NULL ? 3600 : 110);
	tcase_add_loop_test(
		tc, what_was_committed_is_there_and_nothing_else, 0, drivers * N_SHAPES);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
