/* Random commits, failures, crashes, reopenings, replicas, restores and pruning,
 * each compared with a model that is an array: what every key was after every
 * commit of the log.
 *
 * A crash hits a random file operation of the log, its bases and replicas, or
 * one of SQLite's; nothing gets through after it, and of the log's files all
 * that was not synced is lost (names, too), or a random half of it. The database
 * itself keeps what was written, as after kill -9, which makes every commit
 * whose record was lost visible. Then all is opened again, at times with a crash
 * in the middle of that.
 *
 * DBMOUNT_MODEL_ROUNDS: how many rounds (one fault each, at most);
 * DBMOUNT_MODEL_SEED: where the random numbers begin. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "engines/store/checksum_vfs.h"
#include "tests/unit/fault_disk.h"
#include "tests/unit/fault_vfs.h"
#include "tests/unit/fixture.h"
#include "tests/unit/pagelog_fixture.h"
#include "tests/unit/random.h"

#define KEYS   10
#define ABSENT (-1)

struct commit {
	int64_t value[KEYS];
	int64_t time;
	bool gap;
};

static struct log_fixture x;
static struct replica *replica;

static struct {
	struct commit *commits; /* by sequence */
	size_t cap;
	uint64_t last;
	int64_t now[KEYS];
	int key; /* of a write that was under way, -1: none */
	int64_t value;
	uint64_t acknowledged; /* sequence the standby must have */
	uint64_t oldest;       /* must be there since the last pruning */
	bool failures;	       /* single ones since the log was last in step */
	bool has_base;
	/* Whether there is a replica: only a crash while it is made or unmade
	 * leaves that open. */
	enum { NO, YES, MAYBE } replica;
	unsigned n_built;
	unsigned crashes, builds, applies, promotions, gaps, prunings, failed;
} m;

static unsigned round_number;
static unsigned seed;

#define model_assert(what)                                                                         \
	ck_assert_msg(what, "%s, in round %u of seed %u: %s", #what, round_number, seed,           \
		fixture_err_text())

/* ---- faults ---- */

static void crash_vfs(void)
{
	struct fault_plan plan = {.ops = FAULT_CHANGE, .n = 1, .many = 1u << 30, .crash = true};
	fault_vfs_arm(&plan);
}

static bool crashed(void)
{
	return fault_vfs_fired() || fault_disk_crashed();
}

static void arm(void)
{
	unsigned n = 1 + (unsigned)rng() % (rng() % 2 ? 12 : 80);
	fault_disk_arm(0, 0, false);
	fault_vfs_disarm();
	switch (rng() % 6) {
	case 0:
	case 1:
	case 2: fault_disk_arm(n, EIO, true); break;
	case 3: {
		struct fault_plan plan = {
			.ops = FAULT_CHANGE, .n = n * 2, .many = 1u << 30, .crash = true};
		fault_vfs_arm(&plan);
		break;
	}
	case 4: fault_disk_arm(n, rng() % 2 ? EIO : ENOSPC, false); break;
	default: break;
	}
}

static void disarm(void)
{
	fault_disk_arm(0, 0, false);
	fault_vfs_disarm();
}

/* A single failure that has not crashed. */
static bool failed_once(void)
{
	return !crashed() && fault_disk_fired();
}

/* An operation said no: was that to be expected? */
static void check_excuse(int rc)
{
	model_assert(rc == 0 || crashed() || fault_disk_fired());
	m.failures = m.failures || failed_once();
	m.failed += rc != 0;
}

/* ---- the model ---- */

static struct commit *commit_at(uint64_t sequence)
{
	if (sequence >= m.cap) {
		m.cap = sequence * 2 + 100;
		m.commits = realloc(m.commits, m.cap * sizeof(*m.commits));
	}
	return &m.commits[sequence];
}

/* What came into the log since: `before` was the state until the last one. */
static void note_commits(const int64_t *before)
{
	uint64_t last = pagelog_last(x.log);
	struct segment_reader r;
	struct record record;
	model_assert(last >= m.last);
	segment_reader_init(&r, pagelog_segments(x.log), m.last + 1);
	for (uint64_t i = m.last + 1; i <= last; i++) {
		struct commit *c = commit_at(i);
		*c = (struct commit){0};
		memcpy(c->value, i == last ? m.now : before, sizeof(c->value));
		if (!crashed()) {
			model_assert(segment_reader_next(&r, &record, NEW_ERR) == 1);
			c->time = record.time_ns;
			c->gap = (record.flags & RECORD_GAP) != 0;
		}
	}
	segment_reader_finish(&r);
	m.last = last;
}

static void read_store(int64_t *out)
{
	for (int i = 0; i < KEYS; i++) {
		char key[2] = {(char)('a' + i), '\0'};
		out[i] = fixture_get(x.f.s, key, NEW_ERR);
		model_assert(out[i] >= ABSENT);
	}
}

static void read_file(sqlite3 *db, int64_t *out)
{
	sqlite3_stmt *stmt;
	for (int i = 0; i < KEYS; i++) {
		out[i] = ABSENT;
	}
	model_assert(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &stmt, NULL) == 0);
	model_assert(sqlite3_step(stmt) == SQLITE_ROW);
	ck_assert_str_eq((const char *)sqlite3_column_text(stmt, 0), "ok");
	sqlite3_finalize(stmt);
	model_assert(sqlite3_prepare_v2(db, "SELECT k, v FROM kv", -1, &stmt, NULL) == 0);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		out[*(const char *)sqlite3_column_blob(stmt, 0) - 'a'] =
			sqlite3_column_int64(stmt, 1);
	}
	sqlite3_finalize(stmt);
}

static void check_values(const int64_t *found, const int64_t *wanted, const char *what)
{
	for (int i = 0; i < KEYS; i++) {
		ck_assert_msg(found[i] == wanted[i],
			"%s: key %c is %d, not %d, in round %u of seed %u", what, 'a' + i,
			(int)found[i], (int)wanted[i], round_number, seed);
	}
}

static void check_path(const char *path, const int64_t *wanted, const char *what)
{
	sqlite3 *db;
	int64_t found[KEYS];
	model_assert(checksum_verify_file(path, NULL, NEW_ERR) == 0);
	model_assert(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK);
	read_file(db, found);
	sqlite3_close(db);
	check_values(found, wanted, what);
}

/* ---- the operations ---- */

static void do_write(void)
{
	static const size_t bodies[] = {0, 20, 300, 5000, 20000, 60000};
	int64_t before[KEYS];
	memcpy(before, m.now, sizeof(before));
	m.key = rng() % KEYS;
	m.value = m.value + 1;
	char key[2] = {(char)('a' + m.key), '\0'};
	int rc = fixture_put(x.f.s, key, m.value, bodies[rng() % 6], NEW_ERR);
	check_excuse(rc);
	if (crashed()) {
		if (rc == 0) { /* the crash came after it, or was not noticed */
			m.now[m.key] = m.value;
			m.key = -1;
		}
		return;
	}
	int64_t stands = fixture_get(x.f.s, key, NEW_ERR);
	model_assert(stands == before[m.key] || stands == m.value);
	model_assert(rc != 0 || stands == m.value);
	int64_t after[KEYS];
	memcpy(after, before, sizeof(after));
	after[m.key] = stands;
	bool in_step = pagelog_in_step(x.log);
	memcpy(m.now, in_step ? after : before, sizeof(m.now));
	note_commits(before);
	memcpy(m.now, after, sizeof(m.now));
	m.key = -1;
	if (rc == 0) {
		m.acknowledged = m.last;
	}
}

static void do_base(void)
{
	struct base b;
	int64_t before[KEYS];
	memcpy(before, m.now, sizeof(before));
	bool take = !m.has_base || rng() % 2;
	int rc = take ? base_take(&x.bases, x.f.s, &b, NEW_ERR) : base_roll(&x.bases, &b, NEW_ERR);
	if (!take && rc == -ENODATA) {
		rc = 0; /* a gap */
	} else if (rc != -EBUSY) {
		check_excuse(rc);
		m.oldest = rc == 0 && !m.has_base ? b.sequence : m.oldest;
		m.has_base = m.has_base || rc == 0;
	}
	m.failures = m.failures || failed_once();
	if (!crashed()) {
		note_commits(before); /* it may have begun a session */
	}
}

/* Whether base and log hold it, from the files themselves. */
static bool can_build(uint64_t sequence)
{
	struct base b;
	if (base_find(&x.bases, sequence, &b, NULL) != 0) {
		return false;
	}
	for (uint64_t i = b.sequence + 1; i <= sequence; i++) {
		if (commit_at(i)->gap) {
			return false;
		}
	}
	return true;
}

static bool gap_after(uint64_t sequence)
{
	for (uint64_t i = sequence; i <= m.last; i++) {
		if (commit_at(i)->gap) {
			return true;
		}
	}
	return false;
}

static void do_build(void)
{
	if (m.last == 0 || !m.has_base) {
		return;
	}
	/* Mostly within what pruning left. */
	uint64_t from = rng() % 8 != 0 && m.oldest > 0 ? m.oldest : 1;
	uint64_t sequence = from + (uint64_t)rng() % (m.last - from + 1);
	snprintf(x.built_path, sizeof(x.built_path), "%s/built%u.db", x.f.dir, m.n_built++);
	bool possible = can_build(sequence);
	model_assert(possible || sequence < m.oldest || gap_after(1));
	int rc = rng() % 2 ? base_build(&x.bases, sequence, x.built_path, NEW_ERR)
			   : base_build_time(&x.bases, commit_at(sequence)->time, x.built_path,
				     &sequence, NEW_ERR);
	if (rc == -ENODATA && !possible) {
		return;
	}
	check_excuse(rc);
	if (rc == 0) {
		model_assert(possible);
		check_path(x.built_path, commit_at(sequence)->value, "built");
		m.builds++;
	}
	if (!crashed()) {
		fault_disk.remove(x.built_path);
	}
}

static void do_prune(void)
{
	if (m.last == 0 || !m.has_base) {
		return;
	}
	uint64_t oldest = 1 + (uint64_t)rng() % m.last;
	oldest = m.last - oldest < 40 && rng() % 4 != 0 ? m.oldest : oldest;
	if (oldest == 0) {
		return;
	}
	uint64_t hold = UINT64_MAX;
	if (replica != NULL) {
		struct replica_status st;
		replica_status(replica, &st);
		hold = st.durable;
	} else if (m.replica != NO) {
		return;
	}
	int rc = base_prune(&x.bases, commit_at(oldest)->time, hold, NEW_ERR);
	check_excuse(rc);
	m.oldest = oldest > m.oldest ? oldest : m.oldest;
	m.prunings++;
}

static void check_replica(void)
{
	struct replica_reader *reader;
	int64_t found[KEYS];
	int rc = replica_read_begin(replica, &reader, NEW_ERR);
	if (rc != 0) {
		model_assert(m.failures || crashed()); /* torn by a failure */
		return;
	}
	read_file(replica_reader_db(reader), found);
	uint64_t sequence = replica_reader_sequence(reader);
	model_assert(checksum_verify_file(x.replica_path, NULL, NEW_ERR) == 0);
	replica_read_end(reader);
	if (sequence > 0) {
		check_values(found, commit_at(sequence)->value, "replica");
	}
}

static void drop_replica(void)
{
	replica_close(replica);
	replica = NULL;
	m.replica = MAYBE;
	int rc = replica_delete(&fault_disk, x.replica_path, NEW_ERR);
	check_excuse(rc);
	m.replica = rc == 0 ? NO : MAYBE;
}

static void do_open_replica(void)
{
	struct replica *opened = NULL;
	int rc = replica_open(&x.replica, &opened, NEW_ERR);
	check_excuse(rc);
	replica = rc == 0 ? opened : NULL;
}

static void do_create_replica(void)
{
	if (m.replica == YES) { /* an earlier opening failed */
		do_open_replica();
		return;
	}
	if (!m.has_base) {
		return;
	}
	if (m.replica == MAYBE &&
		(replica_delete(&fault_disk, x.replica_path, NEW_ERR) != 0 || crashed())) {
		m.failures = m.failures || failed_once();
		return;
	}
	m.replica = MAYBE;
	int rc = replica_create(&x.bases, x.replica_path, NEW_ERR);
	check_excuse(rc);
	if (rc == 0) {
		m.replica = YES;
		do_open_replica();
	}
}

static void do_apply(void)
{
	struct replica_status st;
	replica_status(replica, &st);
	uint64_t target = rng() % 2 ? m.last : st.sequence + (uint64_t)rng() % 4;
	int rc = replica_apply(replica, target, NEW_ERR);
	if (rc == -ENODATA && gap_after(st.durable)) {
		m.failures = m.failures || failed_once(); /* where it was to rest */
		check_replica();
		drop_replica();
		return;
	}
	check_excuse(rc);
	if (!crashed()) {
		check_replica();
		m.applies++;
	}
}

static void do_promote(void)
{
	struct replica_status st;
	bool finish = rng() % 2;
	if (replica_apply(replica, 0, NEW_ERR) != 0) {
		m.failures = m.failures || failed_once();
		return; /* a redo that fails again */
	}
	replica_status(replica, &st);
	m.replica = MAYBE;
	int rc = replica_promote(replica, finish, NEW_ERR);
	if (rc == 0) {
		replica = NULL;
		uint64_t sequence = finish ? m.last : st.sequence;
		if (sequence > 0) {
			check_path(x.replica_path, commit_at(sequence)->value, "promoted");
		}
		m.promotions++;
	} else {
		model_assert(crashed() || fault_disk_fired() || gap_after(st.durable));
		m.failures = m.failures || failed_once();
		replica_close(replica);
		replica = NULL;
	}
}

static void do_something(void)
{
	switch (rng() % 16) {
	case 0: do_base(); break;
	case 1:
	case 2: do_build(); break;
	case 3: do_prune(); break;
	case 4:
	case 5:
	case 6:
		if (replica == NULL) {
			do_create_replica();
		} else {
			do_apply();
		}
		break;
	case 7:
		if (replica != NULL && rng() % 3 == 0) {
			do_promote();
		}
		break;
	default: do_write();
	}
}

/* ---- closing and opening ---- */

static void close_all(void)
{
	replica_close(replica);
	replica = NULL;
	fixture_close(&x.f);
	if (x.log != NULL && !crashed()) {
		note_commits(m.now);
		m.failures = m.failures || !pagelog_in_step(x.log);
	}
	pagelog_close(x.log);
	x.log = NULL;
}

static int open_log(void)
{
	int rc = pagelog_open(&x.config, &x.log, NEW_ERR);
	if (rc != 0) {
		x.log = NULL;
		return rc;
	}
	x.bases.log = x.replica.log = x.log;
	x.f.config.tap = pagelog_tap(x.log);
	rc = pagelog_recover(x.log, x.f.path, NEW_ERR);
	if (rc == -ENODATA && m.failures) {
		m.gaps++;
		rc = pagelog_gap(x.log, NEW_ERR);
	}
	return rc;
}

static int open_all(void)
{
	int rc = open_log();
	if (rc == 0) {
		rc = store_open(&x.f.config, &x.f.s, NEW_ERR);
	}
	if (rc == 0 && m.replica == YES) {
		rc = replica_open(&x.replica, &replica, NEW_ERR);
	}
	return rc;
}

/* The standby's directory by itself has what was acknowledged. */
static void check_standby(void)
{
	struct segments s;
	ck_ok(segments_open(&s, &disk_system, x.standby_dir, NEW_ERR));
	model_assert(segments_last(&s).sequence >= m.acknowledged);
	segments_close(&s);
}

static void lose_power(void)
{
	fault_disk_crash();
	close_all();
	fault_disk_lose_power(rng() % 2 ? 0 : (unsigned)rng() + 1);
	disarm();
	m.crashes++;
	unlink(x.built_path);
	model_assert(checksum_failures() == 0); /* of what was only lost, nothing is damaged */
}

/* After this, all is as the model says. */
static void compare(void)
{
	int64_t found[KEYS];
	int64_t before[KEYS];
	read_store(found);
	memcpy(before, m.now, sizeof(before));
	if (m.key >= 0 && found[m.key] == m.value) {
		m.now[m.key] = m.value;
	}
	m.key = -1;
	check_values(found, m.now, "store");
	note_commits(before);
	ck_ok(pagelog_verify(x.log, NULL, NEW_ERR));
	if (replica != NULL) {
		check_replica();
	}
}

static void reopen(void)
{
	bool clean = !crashed();
	if (clean) {
		disarm();
		close_all();
		fault_disk_settle();
	} else {
		lose_power();
	}
	check_standby();
	if (rng() % 3 == 0) {
		arm();
		int rc = open_all();
		if (rc != 0) {
			model_assert(crashed() || fault_disk_fired());
		}
		m.failures = m.failures || failed_once();
		if (rc == 0 && !crashed() && !fault_disk_fired()) {
			disarm();
			compare();
			return;
		}
		lose_power();
	}
	ck_ok(open_all());
	compare();
	m.failures = false;
}

/* The primary zone's log is gone: the standby's takes its place. */
static void lose_log(void)
{
	disarm();
	close_all();
	if (m.failures) {
		ck_ok(open_all());
		compare();
		return;
	}
	fault_disk_settle();
	remove_site(x.log_dir);
	ck_ok(open_all());
	compare();
}

static void one_round(void)
{
	arm();
	int n = 1 + rng() % 8;
	for (int i = 0; i < n && !crashed(); i++) {
		do_something();
	}
	if (crashed()) {
		reopen();
	} else if (rng() % 40 == 0) {
		lose_log();
	} else if (rng() % 8 == 0) {
		reopen();
	}
	disarm();
}

static unsigned number(const char *name, unsigned usual)
{
	const char *text = getenv(name);
	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : usual;
}

START_TEST(test_random_crashes_leave_what_the_model_says)
{
	unsigned rounds = number("DBMOUNT_MODEL_ROUNDS", 400);
	seed = number("DBMOUNT_MODEL_SEED", 1);
	rng_seed(seed);
	fault_vfs_install();
	disarm();
	fault_disk_on_crash(crash_vfs);
	m.key = -1;
	for (int i = 0; i < KEYS; i++) {
		m.now[i] = ABSENT;
	}
	log_fixture_start(&x, &fault_disk, FAULT_VFS_NAME, true);
	fault_disk_settle();
	for (round_number = 1; round_number <= rounds; round_number++) {
		one_round();
	}
	replica_close(replica);
	fault_disk_settle();
	log_fixture_close(&x);
	ck_ok(checksum_verify_file(x.f.path, NULL, NEW_ERR));
	model_assert(checksum_failures() == 0);
	log_fixture_end(&x);
	free(m.commits);
	printf("%u rounds, %d commits: %u crashes, %u failures told, %u points built, %u applies, "
	       "%u promotions, %u prunings, %u gaps\n",
		rounds, (int)m.last, m.crashes, m.failed, m.builds, m.applies, m.promotions,
		m.prunings, m.gaps);
}
END_TEST

int main(void)
{
	/* No disk is needed to lose power by hand. */
	if (access("/dev/shm", W_OK) == 0) {
		setenv("TMPDIR", "/dev/shm", 1);
	}
	log_set_stderr(getenv("DBMOUNT_MODEL_LOG") != NULL);
	Suite *suite = suite_create("pagelog_model");
	TCase *tc = tcase_create("model");
	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, test_random_crashes_leave_what_the_model_says);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
