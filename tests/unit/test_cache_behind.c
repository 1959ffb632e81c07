/* Write-behind: what is acknowledged reaches RDS, once, in order for each row, whatever crashes,
 * is away or refuses. */
#include <sys/stat.h>

#include "tests/unit/cache_tables_fixture.h"
#include "tests/unit/stride.h"

#define ANY ENGINE_VERSION_ANY

static void put(const char *key, const char *name)
{
	char text[200];
	snprintf(text, sizeof(text), "{\"name\": \"%s\"}", name);
	OK(row_write("c", key, text, ANY, NULL));
}

static void attach_behind(void)
{
	OK(ATTACH("c", "rds=shop/Customer", "pattern=write-behind", "queue=100"));
}

static int sync_row(const char *key)
{
	return tree->ops->ops.sync(tree, PATH("c", key), &err);
}

static bool soon(bool (*holds)(void))
{
	for (unsigned i = 0; i < 3000; i++) {
		if (holds()) {
			return true;
		}
		usleep(5000);
	}
	return false;
}

/* ---- what is taken ---- */

static bool ann_is_new(void)
{
	return rds_has("1", "New");
}

START_TEST(a_write_is_read_at_once_and_reaches_rds_by_itself)
{
	attach_behind();
	put("1", "New");
	ck_assert(row_has("c", "1", "New"));
	ck_assert(soon(ann_is_new));
	ck_assert(row_has("c", "1", "New"));
}
END_TEST

START_TEST(what_rds_would_refuse_fails_at_once)
{
	attach_behind();
	FAILS(EINVAL, row_write("c", "1", "{\"name\": \"bad\"}", ANY, NULL));
	FAILS(EINVAL, row_write("c", "1", "{\"nam\": \"x\"}", ANY, NULL));
	FAILS(EINVAL, row_write("c", "1", "{\"name\": ", ANY, NULL));
	rds_down = true;
	/* Then it is JSON at least. */
	FAILS(EINVAL, row_write("c", "1", "{\"name\": ", ANY, NULL));
	FAILS(EINVAL, row_write("c", "1", "", ANY, NULL));
	rds_down = false;
	ck_assert_int_eq(counted("c", "Pending"), 0);
	ck_assert(row_has("c", "1", "Ann"));
}
END_TEST

static bool told_that_it_is_back(void)
{
	return event_says("RDS is back");
}

START_TEST(only_the_last_write_of_a_row_is_brought)
{
	attach_behind();
	sql("CREATE TABLE history(n INTEGER PRIMARY KEY, id, name);"
	    "CREATE TRIGGER t AFTER UPDATE ON Customer BEGIN"
	    " INSERT INTO history(id, name) VALUES(new.id, new.name); END;");
	rds_down = true;
	put("1", "a");
	put("2", "x");
	put("1", "b");
	put("1", "c");
	ck_assert_int_eq(counted("c", "Pending"), 2);
	ck_assert(row_has("c", "1", "\"c\""));
	REFUSES(EIO, "not in RDS yet", sync_row("1"));
	ck_assert_int_ge(counted("c", "Retries"), 1);
	rds_down = false;
	OK(sync_all());
	ck_assert(rds_has("1", "\"c\""));
	ck_assert(rds_has("2", "\"x\""));
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct engine_info info;
	OK(engine_read(rds, PATH("shop", "history", "2"), 0, &text, &info, &err));
	FAILS(ENOENT, engine_read(rds, PATH("shop", "history", "3"), 0, &text, &info, &err));
	ck_assert(event_says("RDS is away"));
	ck_assert(soon(told_that_it_is_back));
}
END_TEST

START_TEST(rows_are_removed_behind_too)
{
	attach_behind();
	ck_assert(row_has("c", "1", "Ann"));
	rds_down = true;
	OK(row_remove("c", "1", ANY));
	ck_assert(!row_has("c", "1", ""));
	FAILS(ENOENT, row_remove("c", "1", ANY));
	/* One that nobody here has seen cannot be known. */
	FAILS(EIO, row_remove("c", "2", ANY));
	rds_down = false;
	FAILS(ENOENT, row_remove("c", "55", ANY));
	ck_assert(!row_has("c", "1", ""));
	OK(sync_row("1"));
	ck_assert(!rds_has("1", ""));
	ck_assert(!row_has("c", "1", ""));
	put("1", "Back");
	ck_assert(row_has("c", "1", "Back"));
	OK(sync_row("1"));
	ck_assert(rds_has("1", "Back"));
}
END_TEST

START_TEST(versions_hold_before_and_after_it_has_arrived)
{
	uint64_t version = 0;
	uint64_t first = 0;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	attach_behind();
	OK(row_read("c", "1", &text, &first));
	OK(row_write("c", "1", "{\"name\": \"b\"}", first, &version));
	REFUSES(EBUSY, "changed", row_write("c", "1", "{\"name\": \"x\"}", first, NULL));
	OK(sync_row("1"));
	/* RDS prints it otherwise; whoever wrote it goes on from what he wrote. */
	OK(row_write("c", "1", "{\"name\": \"c\"}", version, &version));
	FAILS(EEXIST, row_write("c", "1", "{\"name\": \"x\"}", ENGINE_VERSION_ABSENT, NULL));
	OK(row_write("c", "8", "{\"name\": \"h\"}", ENGINE_VERSION_ABSENT, &version));
	OK(row_remove("c", "8", version));
	REFUSES(EBUSY, "removed", row_write("c", "8", "{\"name\": \"x\"}", version, NULL));
	/* The same text again is no write. */
	OK(sync_all());
	unsigned writes = rds_writes;
	buf_clear(&text);
	OK(row_read("c", "1", &text, &version));
	OK(row_write("c", "1", buf_cstr(&text), version, NULL));
	OK(sync_all());
	ck_assert_uint_eq(rds_writes, writes);
}
END_TEST

START_TEST(a_row_lost_from_the_cache_can_be_saved_while_rds_is_away)
{
	uint64_t version = 0;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	attach_behind();
	OK(row_read("c", "1", &text, &version));
	rds_down = true;
	evict_all();
	OK(row_write("c", "1", "{\"name\": \"b\"}", version, NULL));
	evict_all();
	ck_assert(row_has("c", "1", "\"b\""));
	FAILS(EIO, row_write("c", "2", "{\"name\": \"b\"}", 12345, NULL));
	rds_down = false;
	OK(sync_all());
	ck_assert(rds_has("1", "\"b\""));
}
END_TEST

static int add_key(void *arg, struct slice key, const struct engine_info *info)
{
	(void)info;
	buf_append_slice(arg, key);
	buf_putc(arg, ' ');
	return 0;
}

START_TEST(a_listing_has_what_waits)
{
	CLEANUP(buf_free) struct buf keys = BUF_INIT;
	attach_behind();
	ck_assert(row_has("c", "2", ""));
	rds_down = true;
	put("10", "j");
	put("9", "i");
	OK(row_remove("c", "2", ANY));
	FAILS(EIO, tree->ops->ops.list(tree, PATH("c"), NULL, 0, add_key, &keys, &err));
	rds_down = false;
	OK(tree->ops->ops.list(tree, PATH("c"), NULL, 0, add_key, &keys, &err));
	ck_assert_str_eq(buf_cstr(&keys), "1 3 9 10 ");
}
END_TEST

/* ---- what is refused later ---- */

static void expect_failed(const char *piece)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	OK(tree->ops->ops.text_read(tree, PATH("c"), ".failed", &text, &err));
	ck_assert_msg(
		strstr(buf_cstr(&text), piece) != NULL, "no %s in %s", piece, buf_cstr(&text));
}

START_TEST(what_rds_refuses_for_good_is_kept_and_told)
{
	attach_behind();
	ck_assert(row_has("c", "1", "Ann"));
	rds_down = true;
	OK(row_write("c", "1", "{\"name\": \"Ann\", \"mail\": \"b@x\"}", ANY, NULL));
	rds_down = false;
	/* What fsync says; once. */
	err_clear(&err);
	int rc = sync_row("1");
	ck_assert_msg(rc == -EEXIST || rc == -EINVAL, "%d", rc);
	SAYS(".failed");
	OK(sync_row("1"));
	ck_assert(row_has("c", "1", "a@x"));
	ck_assert_int_eq(counted("c", "DeadLetters"), 1);
	ck_assert_int_eq(counted("c", "Pending"), 0);
	ck_assert(event_says("RDS refused row 1"));
	expect_failed("\"key\": \"1\"");
	expect_failed("b@x");
	expect_failed("\"reason\"");
	REFUSES(EBUSY, ".failed", cache_tables_detach(tables, "c", false, &err));
	tables_down();
	tables_up();
	expect_failed("b@x");
	FAILS(EINVAL, tree->ops->ops.text_write(tree, PATH("c"), ".failed", slice_of("[1]"), &err));
	OK(tree->ops->ops.text_write(tree, PATH("c"), ".failed", slice_of("[]\n"), &err));
	ck_assert_int_eq(counted("c", "DeadLetters"), 0);
	OK(cache_tables_detach(tables, "c", false, &err));
}
END_TEST

START_TEST(a_row_that_a_later_one_makes_possible_is_no_failure)
{
	attach_behind();
	rds_down = true;
	OK(row_write("c", "1", "{\"name\": \"Ann\", \"mail\": \"b@x\"}", ANY, NULL));
	OK(row_write("c", "2", "{\"name\": \"Bob\", \"mail\": \"c@x\"}", ANY, NULL));
	rds_down = false;
	OK(sync_all());
	ck_assert(rds_has("1", "b@x"));
	ck_assert(rds_has("2", "c@x"));
	ck_assert_int_eq(counted("c", "DeadLetters"), 0);
}
END_TEST

/* ---- how much may wait ---- */

START_TEST(a_full_queue_takes_no_more_rows)
{
	struct buf report = BUF_INIT;
	OK(ATTACH("c", "rds=shop/Customer", "pattern=write-behind", "queue=3"));
	rds_down = true;
	put("1", "a");
	put("2", "b");
	put("3", "c");
	REFUSES(EAGAIN, "3 writes of c wait for RDS already",
		row_write("c", "4", "{\"name\": \"d\"}", ANY, NULL));
	/* Of a row that waits there may be more. */
	put("1", "aa");
	ck_assert_int_eq(counted("c", "Pending"), 3);
	REFUSES(EBUSY, "3 writes of c wait", cache_tables_detach(tables, "c", false, &err));
	FAILS(EIO, cache_tables_flush(tables, "c", &report, &err));
	rds_down = false;
	OK(cache_tables_flush(tables, "c", &report, &err));
	put("4", "d");
	OK(cache_tables_flush(tables, "c", &report, &err));
	buf_free(&report);
	ck_assert(rds_has("4", "\"d\""));
	ck_assert(rds_has("1", "aa"));
	rds_down = true;
	put("1", "lost");
	OK(cache_tables_detach(tables, "c", true, &err));
	rds_down = false;
	ck_assert(rds_has("1", "aa"));
}
END_TEST

static void *come_back(void *arg)
{
	(void)arg;
	usleep(20000);
	rds_down = false;
	return NULL;
}

START_TEST(who_waits_for_room_gets_it)
{
	pthread_t back;
	tables_down();
	full_wait_ms = 60000;
	tables_up();
	OK(ATTACH("c", "rds=shop/Customer", "pattern=write-behind", "queue=2"));
	rds_down = true;
	put("1", "a");
	put("2", "b");
	ck_assert_int_eq(pthread_create(&back, NULL, come_back, NULL), 0);
	put("3", "c");
	pthread_join(back, NULL);
	OK(sync_all());
	ck_assert(rds_has("3", "\"c\""));
}
END_TEST

/* ---- beside a detach ---- */

static pthread_mutex_t commit_gate = PTHREAD_MUTEX_INITIALIZER;
static _Atomic bool at_commit;

static void stop_at_commit(bool begin)
{
	if (begin) {
		at_commit = true;
		pthread_mutex_lock(&commit_gate);
		pthread_mutex_unlock(&commit_gate);
	}
}

static bool is_at_commit(void)
{
	return at_commit;
}

static void *flush_c(void *arg)
{
	struct buf report = BUF_INIT;
	struct err why = {0};
	*(int *)arg = cache_tables_flush(tables, "c", &report, &why);
	buf_free(&report);
	return NULL;
}

/* The keeper is busy with another table, so that who flushes has to wait for it. */
START_TEST(a_detach_waits_for_nobody_who_waits_for_the_keeper)
{
	pthread_t flusher;
	int rc = 0;
	attach_behind();
	OK(ATTACH("a", "rds=shop/Customer", "pattern=write-behind"));
	pthread_mutex_lock(&commit_gate);
	rds_commits = stop_at_commit;
	OK(row_write("a", "1", "{\"name\": \"first\"}", ANY, NULL));
	ck_assert(soon(is_at_commit));
	put("2", "second");
	ck_assert_int_eq(pthread_create(&flusher, NULL, flush_c, &rc), 0);
	usleep(50000); /* so that it waits, most likely */
	OK(cache_tables_detach(tables, "c", true, &err));
	pthread_mutex_unlock(&commit_gate);
	pthread_join(flusher, NULL);
	rds_commits = (commit_fn *)0;
	ck_assert_msg(rc == -EBUSY || rc == -ENOENT, "%d", rc);
}
END_TEST

/* ---- the end of the daemon ---- */

START_TEST(an_ordered_end_brings_what_waits)
{
	attach_behind();
	rds_down = true;
	put("1", "a");
	rds_down = false;
	put("2", "b");
	tables_down();
	ck_assert(rds_has("1", "\"a\""));
	ck_assert(rds_has("2", "\"b\""));
	tables_up();
	rds_down = true;
	put("1", "later");
	tables_down();
	/* The cluster's memory is gone, RDS away: it waits in the file. */
	evict_all();
	tables_up();
	ck_assert(row_has("c", "1", "later"));
	rds_down = false;
	OK(sync_all());
	ck_assert(rds_has("1", "later"));
}
END_TEST

START_TEST(who_only_reads_sees_what_waits)
{
	attach_behind();
	rds_down = true;
	put("1", "later");
	tables_down();
	OK(tables_try_open(true));
	OK(cache_tables_tree(tables, &tree, &err));
	evict_all();
	ck_assert(row_has("c", "1", "later"));
	rds_down = false;
}
END_TEST

/* ---- kill -9 ---- */

#define CRASH_KEYS 8

static int child_open(void)
{
	rds_up();
	tables_up();
	return 0;
}

static int child_step(unsigned long round, unsigned step)
{
	char key[8];
	char text[100];
	snprintf(key, sizeof(key), "%u", step + 1);
	snprintf(text, sizeof(text), "{\"name\": \"%lu\"}", round);
	return row_write("c", key, text, ENGINE_VERSION_ANY, NULL);
}

static const struct crash_work crash_work = {
	.open = child_open, .step = child_step, .n_steps = CRASH_KEYS, .err = &err};

static void make_crash_site(void)
{
	setup();
	attach_behind();
	sql("CREATE TABLE history(n INTEGER PRIMARY KEY AUTOINCREMENT, id, name);"
	    "CREATE TRIGGER ti AFTER INSERT ON Customer BEGIN"
	    " INSERT INTO history(id, name) VALUES(new.id, new.name); END;"
	    "CREATE TRIGGER tu AFTER UPDATE ON Customer BEGIN"
	    " INSERT INTO history(id, name) VALUES(new.id, new.name); END;"
	    "CREATE VIEW disorder AS SELECT b.n AS n FROM history a JOIN history b"
	    " ON a.id = b.id AND b.n > a.n AND CAST(b.name AS INT) <= CAST(a.name AS INT);");
	tables_down();
	engine_unref(rds);
}

static void finish_crash_site(void)
{
	remove_site(site);
}

static void check_round(unsigned long first, unsigned long acknowledged)
{
	CLEANUP(buf_free) struct buf rows = BUF_INIT;
	for (unsigned k = 0; k < CRASH_KEYS; k++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		char key[8];
		unsigned long rounds = acknowledged / CRASH_KEYS + (k < acknowledged % CRASH_KEYS);
		struct engine_info info;
		snprintf(key, sizeof(key), "%u", k + 1);
		if (rounds == 0) {
			continue;
		}
		OK(engine_read(rds, PATH("shop", "Customer", key), 0, &text, &info, &err));
		const char *name = strstr(buf_cstr(&text), "\"name\": \"");
		ck_assert_ptr_nonnull(name);
		/* It may be one further: written, killed before that was told. */
		unsigned long found = strtoul(name + 9, NULL, 10);
		ck_assert_msg(found >= first + rounds - 1 && found <= first + rounds,
			"row %s is %lu, acknowledged was %lu", key, found, first + rounds - 1);
	}
	OK(engine_list(rds, PATH("shop", "disorder"), NULL, ENGINE_NAMES, add_key, &rows, &err));
	ck_assert_msg(rows.n == 0, "applied in disorder: %s", buf_cstr(&rows));
}

START_TEST(what_was_acknowledged_survives_kill)
{
	unsigned long first = 1;
	unsigned n = rounds(12);
	for (unsigned i = 0; i < n; i++) {
		unsigned long done = work_and_kill(&crash_work, first, 30000 + i % 4 * 25000);
		rds_up();
		tables_up();
		OK(sync_all());
		check_round(first, done);
		tables_down();
		engine_unref(rds);
		first += done / CRASH_KEYS + 2;
	}
}
END_TEST

/* ---- threads ---- */

#define WRITERS 4

struct writer {
	unsigned n;
	_Atomic unsigned *done;
	_Atomic unsigned *failures;
	_Atomic unsigned long *acknowledged; /* of each row */
	unsigned long writes;
};

static unsigned long number_in(struct buf *text)
{
	const char *name = strstr(buf_cstr(text), "\"name\": \"");
	return name != NULL ? strtoul(name + 9, NULL, 10) : 0;
}

/* What it wrote is what it reads. */
static void *write_one(void *arg)
{
	const struct writer *w = arg;
	char key[8];
	snprintf(key, sizeof(key), "%u", w->n + 1);
	for (unsigned long i = 1; i <= w->writes; i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		struct engine_info info;
		struct err why = {0};
		char row[64];
		snprintf(row, sizeof(row), "{\"name\": \"%lu\"}", i);
		int rc = tree->ops->ops.write(
			tree, PATH("c", key), 0, slice_of(row), ENGINE_VERSION_ANY, &info, &why);
		rc = rc < 0 ? rc : tree->ops->ops.read(tree, PATH("c", key), 0, &text, &info, &why);
		if (rc < 0 || number_in(&text) != i) {
			(*w->failures)++;
		}
		w->acknowledged[w->n] = i;
	}
	(*w->done)++;
	return NULL;
}

/* Nothing older than what was acknowledged before it was asked for. */
static void read_row(const struct writer *w, unsigned k)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	unsigned long least = w->acknowledged[k];
	struct engine_info info;
	struct err why = {0};
	char key[8];
	snprintf(key, sizeof(key), "%u", k + 1);
	int rc = tree->ops->ops.read(tree, PATH("c", key), 0, &text, &info, &why);
	if ((rc < 0 && (rc != -ENOENT || least > 0)) || number_in(&text) < least) {
		(*w->failures)++;
	}
}

static void *read_all(void *arg)
{
	const struct writer *w = arg;
	while (*w->done < WRITERS) {
		for (unsigned k = 0; k < WRITERS; k++) {
			read_row(w, k);
		}
	}
	return NULL;
}

START_TEST(readers_beside_writers_never_see_the_past)
{
	static const char *const patterns[] = {"pattern=cache-aside", "pattern=write-through",
		"pattern=write-behind", "pattern=write-around"};
	unsigned long writes = rounds(60);
	_Atomic unsigned done = 0;
	_Atomic unsigned failures = 0;
	_Atomic unsigned long acknowledged[WRITERS] = {0};
	pthread_t threads[WRITERS + 2];
	struct writer w[WRITERS + 2];
	OK(ATTACH("c", "rds=shop/Customer", patterns[_i]));
	for (unsigned i = 0; i < WRITERS + 2; i++) {
		w[i] = (struct writer){i, &done, &failures, acknowledged, writes};
		ck_assert_int_eq(pthread_create(&threads[i], NULL,
					 i < WRITERS ? write_one : read_all, &w[i]),
			0);
	}
	for (unsigned i = 0; i < WRITERS + 2; i++) {
		pthread_join(threads[i], NULL);
	}
	ck_assert_uint_eq(failures, 0);
	OK(sync_all());
	for (unsigned i = 0; i < WRITERS; i++) {
		char key[8];
		char last[32];
		snprintf(key, sizeof(key), "%u", i + 1);
		snprintf(last, sizeof(last), "\"%lu\"", writes);
		ck_assert(rds_has(key, last));
		ck_assert(row_has("c", key, last));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cache_behind");
	TCase *tc = tcase_create("behind");
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 100);
	tcase_add_test(tc, a_write_is_read_at_once_and_reaches_rds_by_itself);
	tcase_add_test(tc, what_rds_would_refuse_fails_at_once);
	tcase_add_test(tc, only_the_last_write_of_a_row_is_brought);
	tcase_add_test(tc, rows_are_removed_behind_too);
	tcase_add_test(tc, versions_hold_before_and_after_it_has_arrived);
	tcase_add_test(tc, a_row_lost_from_the_cache_can_be_saved_while_rds_is_away);
	tcase_add_test(tc, a_listing_has_what_waits);
	tcase_add_test(tc, what_rds_refuses_for_good_is_kept_and_told);
	tcase_add_test(tc, a_row_that_a_later_one_makes_possible_is_no_failure);
	tcase_add_test(tc, a_full_queue_takes_no_more_rows);
	tcase_add_test(tc, who_waits_for_room_gets_it);
	tcase_add_test(tc, a_detach_waits_for_nobody_who_waits_for_the_keeper);
	tcase_add_test(tc, an_ordered_end_brings_what_waits);
	tcase_add_test(tc, who_only_reads_sees_what_waits);
	tcase_add_loop_test(tc, readers_beside_writers_never_see_the_past, 0, 4);
	suite_add_tcase(s, tc);
	TCase *kill = tcase_create("kill");
	tcase_add_checked_fixture(kill, make_crash_site, finish_crash_site);
	tcase_set_timeout(kill, 100);
	tcase_add_test(kill, what_was_acknowledged_survives_kill);
	suite_add_tcase(s, kill);
	return run_suite(s);
}
