/* A node's file, or its mirror, is damaged, cut, lost or another: calls go on, and both are whole
 * afterwards. With both drivers, while open and while closed. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/store/disk.h"
#include "tests/unit/calls.h"
#include "tests/unit/redshift_nodes_fixture.h"

static struct nodes_fixture x;

static const struct nf_shape shape = {2, 2, RS_DIST_EVEN, RS_SORT_COMPOUND, true};

enum harm { DAMAGED, CUT, EMPTIED, REMOVED, REPLACED, FOREIGN, N_HARMS };

static void harm(enum harm h, const char *path)
{
	CLEANUP(buf_free) struct buf other = BUF_INIT;
	struct stat st;
	ck_assert_int_eq(stat(path, &st), 0);
	switch (h) {
	case DAMAGED: nf_damage(path); break;
	case CUT: ck_assert_int_eq(truncate(path, st.st_size / 2), 0); break;
	case EMPTIED: ck_assert_int_eq(truncate(path, 0), 0); break;
	case REMOVED: ck_assert_int_eq(unlink(path), 0); break;
	case REPLACED: /* by a copy that is whole */
		buf_printf(&other, "%s.other", path);
		OK(disk_copy_file(&disk_system, path, buf_cstr(&other), &err));
		ck_assert_int_eq(rename(other.p, path), 0);
		break;
	default: {
		int fd = open(path, O_WRONLY | O_TRUNC);
		ck_assert_int_eq(write(fd, "this is no database, but a text\n", 32), 32);
		close(fd);
	}
	}
}

/* A loop's number: driver, kind of harm, which side. */
#define N_CASES ((int)N_HARMS * 2)

static struct {
	enum harm harm;
	unsigned node, side;
} at;

static void begin(int i)
{
	nf_init(&x, sql_drivers[i / N_CASES], &shape);
	at.harm = (enum harm)(i % N_CASES / 2);
	at.node = (unsigned)at.harm % 2;
	at.side = (unsigned)i % 2;
	nf_insert(&x, 1, 0, 700);
	nf_delete(&x, 2, 7, 0);
	x.catalog->xid = 2;
}

static void check_whole(unsigned events)
{
	nf_check(&x, 2);
	nf_check_mirrors(&x);
	OK(rs_nodes_peek(x.nodes, &err));
	ck_assert_msg(x.n_events >= events, "%u events: %s", x.n_events, buf_cstr(&x.events));
	ck_assert_uint_eq(x.n_failed, 0);
	/* And it works. */
	nf_insert(&x, 3, 10000, 50);
	nf_check(&x, 3);
	x.catalog->xid = 3;
	unsigned n = x.n_events;
	nf_close(&x);
	nf_open(&x);
	nf_check(&x, 3);
	nf_check_mirrors(&x);
	ck_assert_uint_eq(x.n_events, n);
}

START_TEST(harm_while_closed)
{
	begin(_i);
	nf_close(&x);
	harm(at.harm, nf_path(&x, at.node, at.side));
	nf_open(&x);
	nf_check(&x, 2);
	/* A copy that is whole is as good as the one before. */
	if (at.harm == DAMAGED || at.harm == CUT) {
		OK(rs_nodes_heal(x.nodes, &err)); /* what nobody had read yet */
	}
	check_whole(at.harm == REPLACED ? 0 : 1);
	nf_end(&x);
}
END_TEST

START_TEST(harm_while_open)
{
	begin(_i);
	nf_close(&x); /* so that all is in the files */
	nf_open(&x);
	harm(at.harm, nf_path(&x, at.node, at.side));
	bool seen = at.harm == REMOVED || at.harm == REPLACED || at.harm == EMPTIED;
	if (seen) {
		FAILS(EIO, rs_nodes_look(x.nodes, &err));
	}
	/* Its head is looked at, too. */
	if (seen || at.harm == FOREIGN) {
		FAILS(EIO, rs_nodes_peek(x.nodes, &err));
	}
	OK(rs_nodes_heal(x.nodes, &err));
	check_whole(1);
	nf_end(&x);
}
END_TEST

/* Nobody asks for healing: a reader stumbles, or who writes. */
START_TEST(readers_heal)
{
	begin(_i * N_CASES);
	nf_close(&x);
	nf_damage(nf_path(&x, 0, 0));
	nf_open(&x);
	nf_check(&x, 2);
	ck_assert_uint_eq(x.n_events, 1);
	ck_assert_msg(strstr(buf_cstr(&x.events),
			      "node 0: file was damaged, made anew of its mirror, ") != NULL,
		"%s", x.events.p);
	check_whole(1);
	nf_end(&x);
}
END_TEST

START_TEST(writers_heal)
{
	begin(_i * N_CASES);
	nf_close(&x);
	nf_damage(nf_path(&x, 1, 1));
	nf_open(&x);
	nf_delete(&x, 3, 5, 1);
	nf_insert(&x, 3, 20000, 10);
	nf_check(&x, 3);
	OK(rs_nodes_heal(x.nodes, &err));
	ck_assert_uint_ge(x.n_events, 1);
	nf_check_mirrors(&x);
	nf_end(&x);
}
END_TEST

START_TEST(both_lost_is_told)
{
	begin(_i * N_CASES);
	nf_close(&x);
	for (unsigned side = 0; side < 2; side++) {
		nf_damage(nf_path(&x, 1, side));
	}
	err_clear(&err);
	int rc = nf_try_open(&x, &err);
	if (rc == 0) {
		rc = rs_nodes_heal(x.nodes, &err);
	}
	ck_assert_int_eq(rc, -EIO);
	ck_assert_uint_ge(x.n_failed, 1);
	SAYS("node 1: its file is damaged, and its mirror is damaged");
	SAYS(nf_path(&x, 1, 0));
	nf_end(&x);
}
END_TEST

START_TEST(a_load_that_is_open_fails_and_can_be_repeated)
{
	struct rs_insert *i;
	uint64_t next;
	begin(_i * N_CASES);
	next = x.table->next_row;
	OK(rs_insert_new(x.nodes, x.table, 3, &i, &err));
	for (unsigned k = 0; k < 9000; k++) {
		OK(rs_insert_row(i, nf_values(k), &err));
	}
	ck_assert_int_eq(unlink(nf_path(&x, 0, 1)), 0);
	OK(rs_nodes_heal(x.nodes, &err));
	FAILS(EIO, rs_insert_end(i, true, NULL, &err));
	SAYS("load them again");
	ck_assert_uint_eq(x.table->next_row, next);
	nf_check(&x, 3);
	nf_insert(&x, 3, 10000, 9000);
	nf_check(&x, 3);
	nf_check_mirrors(&x);
	nf_end(&x);
}
END_TEST

/* An old copy that is whole in itself is told from the newer one. */
START_TEST(an_old_copy_is_not_believed)
{
	char old[300];
	begin(_i / 2 * N_CASES);
	unsigned side = (unsigned)_i % 2;
	nf_close(&x);
	snprintf(old, sizeof(old), "%s.old", nf_path(&x, 0, side));
	OK(disk_copy_file(&disk_system, nf_path(&x, 0, side), old, &err));
	nf_open(&x);
	nf_insert(&x, 3, 5000, 100);
	x.catalog->xid = 3;
	nf_close(&x);
	ck_assert_int_eq(rename(old, nf_path(&x, 0, side)), 0);
	nf_open(&x);
	ck_assert_uint_eq(x.n_events, 1);
	nf_check(&x, 3);
	nf_check_mirrors(&x);
	nf_end(&x);
}
END_TEST

/* ---- beside others ---- */

struct readers {
	_Atomic bool stop;
	_Atomic unsigned reads;
};

static int count_rows(struct rs_nodes *n, void *arg, struct err *e)
{
	int64_t *rows = arg;
	*rows = 0;
	for (unsigned node = 0; node < rs_nodes_count(n); node++) {
		CLEANUP(buf_free) struct buf sql = BUF_INIT;
		struct sql_session *s;
		int64_t here = 0;
		buf_puts(&sql, "SELECT count(*) FROM (");
		rs_nodes_scan(n, x.table, 2, node, NULL, true, &sql);
		buf_puts(&sql, ") AS t");
		int rc = rs_session_new(n, node, 0, &s, e);
		if (rc != 0) {
			return rc;
		}
		rc = rs_session_number(s, buf_cstr(&sql), &here, e);
		sql_session_close(s);
		if (rc != 0) {
			return rc;
		}
		*rows += here;
	}
	return 0;
}

static void *reader_main(void *arg)
{
	struct readers *r = arg;
	while (!r->stop) {
		struct err e = {0};
		int64_t rows = 0;
		int rc = rs_nodes_read(x.nodes, count_rows, &rows, &e);
		ck_assert_msg(rc == 0, "%d %s", rc, e.msg);
		ck_assert_int_eq(rows, 600);
		r->reads++;
	}
	return NULL;
}

static void wait_reads(struct readers *r, unsigned more)
{
	unsigned from = r->reads;
	while (r->reads < from + more) {
		usleep(1000);
	}
}

START_TEST(readers_go_on_beside_all_of_it)
{
	struct readers r = {false, 0};
	pthread_t thread[3];
	begin(_i * N_CASES);
	for (unsigned k = 0; k < 3; k++) {
		ck_assert_int_eq(pthread_create(&thread[k], NULL, reader_main, &r), 0);
	}
	for (unsigned k = 0; k < 4; k++) {
		nf_insert(&x, 3 + k, 10000 + k * 6000, k % 2 == 0 ? 6000 : 10);
		nf_delete(&x, 3 + k, 11, k);
		wait_reads(&r, 2);
		ck_assert_int_eq(unlink(nf_path(&x, k % 2, k / 2)), 0);
		OK(rs_nodes_heal(x.nodes, &err));
		wait_reads(&r, 2);
	}
	r.stop = true;
	for (unsigned k = 0; k < 3; k++) {
		pthread_join(thread[k], NULL);
	}
	nf_check(&x, 6);
	nf_check_mirrors(&x);
	nf_end(&x);
}
END_TEST

/* ---- a disk that is full ---- */

/* In a file system of its own, in a name space of its own: nothing of it is left afterwards. */
static bool small_disk(const char *path, const char *size)
{
	char options[32];
	snprintf(options, sizeof(options), "size=%s", size);
	mkdir(path, 0700);
	return mount("none", path, "tmpfs", 0, options) == 0;
}

static void work_without_room(int i)
{
	nf_init(&x, sql_drivers[i / 2], &shape);
	unsigned side = (unsigned)i % 2;
	nf_close(&x);
	char *dir = side == 0 ? x.node_dir : x.mirror_dir;
	remove_site(dir);
	if (!small_disk(dir, "4m")) {
		return;
	}
	x.config.generation = 2;
	remove_site(side == 0 ? x.mirror_dir : x.node_dir);
	mkdir(side == 0 ? x.mirror_dir : x.node_dir, 0700);
	const struct sql_site_config site = {.tmp = x.tmp, .threads = 2};
	OK(sql_site_open(x.driver, &site, &x.site, &err));
	x.config.site = x.site;
	OK(rs_nodes_create(&x.config, &err));
	x.catalog->n_tables = 0;
	nf_open(&x);
	x.catalog->n_tables = 1;
	OK(rs_nodes_create_table(x.nodes, x.table, &err));
	nf_insert(&x, 1, 0, 1000);
	x.catalog->xid = 1;
	err_clear(&err);
	int rc = nf_load(&x, 2, 1000, 150000, &err);
	ck_assert_msg(rc == -ENOSPC, "%d %s", rc, err.msg);
	/* It may be that undoing finds no room now; then at the next open, at the latest. */
	err_clear(&err);
	if (rs_nodes_undo(x.nodes, x.catalog, 2, &err) == 0) {
		nf_check(&x, 2);
	}
	nf_close(&x);
	OK(mount("none", dir, "tmpfs", MS_REMOUNT, "size=64m"));
	nf_open(&x);
	nf_check(&x, 2);
	nf_check_mirrors(&x);
	nf_insert(&x, 2, 1000, 3000);
	nf_check(&x, 2);
	nf_check_mirrors(&x);
	nf_close(&x);
	umount(dir);
}

START_TEST(a_full_disk_undoes_the_load)
{
	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 ||
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
		return; /* only root may */
	}
	work_without_room(_i);
	nf_end(&x);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("redshift_nodes_damage");
	TCase *harms = tcase_create("harm");
	TCase *tc = tcase_create("calls");
	int drivers = 0;
	while (sql_drivers[drivers] != NULL) {
		drivers++;
	}
	tcase_set_timeout(harms, 110);
	tcase_set_timeout(tc, 110);
	tcase_add_loop_test(harms, harm_while_closed, 0, drivers * N_CASES);
	tcase_add_loop_test(harms, harm_while_open, 0, drivers * N_CASES);
	tcase_add_loop_test(tc, readers_heal, 0, drivers);
	tcase_add_loop_test(tc, writers_heal, 0, drivers);
	tcase_add_loop_test(tc, both_lost_is_told, 0, drivers);
	tcase_add_loop_test(tc, a_load_that_is_open_fails_and_can_be_repeated, 0, drivers);
	tcase_add_loop_test(tc, an_old_copy_is_not_believed, 0, drivers * 2);
	tcase_add_loop_test(tc, readers_go_on_beside_all_of_it, 0, drivers);
	tcase_add_loop_test(tc, a_full_disk_undoes_the_load, 0, drivers * 2);
	suite_add_tcase(s, harms);
	suite_add_tcase(s, tc);
	return run_suite(s);
}
