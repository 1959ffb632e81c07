/* What a durable commit costs: an instance (page log, checksums; standby off and
 * on) against plain SQLite with a write-ahead log and synchronous=FULL, the same
 * work in one process, by 1 and 8 threads. With MEGABYTES also a snapshot of an
 * instance that large while one thread writes, and reads beside a writer.
 *
 * The rounds of all candidates take turns, so that a slow minute of the disk
 * meets each of them; printed are medians, and ratios to plain SQLite.
 *
 *   durable_bench DIRECTORY [SECONDS-EACH [MEGABYTES]]   DIRECTORY on the disk in question */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/store/instance.h"

#define ROWS   20000
#define ROUNDS 5

enum bench_sql { PUT, GET, FILL };

static const char *const bench_sql[] = {
	[PUT] = "REPLACE INTO kv(k, v) VALUES (?1, ?2)",
	[GET] = "SELECT v FROM kv WHERE k = ?1",
	[FILL] = "INSERT INTO kv(k, v) VALUES (?1, ?2)",
};
#define SCHEMA "CREATE TABLE kv(k INTEGER PRIMARY KEY, v BLOB);"

static double seconds = 2;
static _Atomic bool stop;
static _Atomic uint64_t n_done;

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const char *text)
{
	fprintf(stderr, "durable_bench: %s\n", text);
	exit(1);
}

struct row {
	int64_t key;
	char body[300];
};

static void make_row(struct row *row, unsigned *seed)
{
	row->key = rand_r(seed) % ROWS;
	memset(row->body, 'a' + rand_r(seed) % 26, sizeof(row->body));
	memcpy(row->body, seed, sizeof(*seed));
}

/* ---- plain SQLite ---- */

/* One connection and a mutex: several connections would wait for each other's
 * lock by sleeping, which is slower. */
static struct {
	pthread_mutex_t lock;
	sqlite3 *db;
	sqlite3_stmt *put;
	char path[4096];
} plain = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void plain_open(const char *dir)
{
	snprintf(plain.path, sizeof(plain.path), "%s/plain.db", dir);
	if (sqlite3_open(plain.path, &plain.db) != SQLITE_OK ||
		sqlite3_exec(plain.db,
			"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA "
			"page_size=4096;" SCHEMA,
			NULL, NULL, NULL) != SQLITE_OK ||
		sqlite3_prepare_v2(plain.db, bench_sql[PUT], -1, &plain.put, NULL) != SQLITE_OK) {
		die(sqlite3_errmsg(plain.db));
	}
}

static void plain_write(void *arg, const struct row *row)
{
	(void)arg;
	LOCKED(&plain.lock);
	sqlite3_bind_int64(plain.put, 1, row->key);
	sqlite3_bind_blob(plain.put, 2, row->body, sizeof(row->body), SQLITE_STATIC);
	if (sqlite3_step(plain.put) != SQLITE_DONE) {
		die(sqlite3_errmsg(plain.db));
	}
	sqlite3_reset(plain.put);
}

static void plain_close(void)
{
	sqlite3_finalize(plain.put);
	sqlite3_close(plain.db);
	unlink(plain.path);
}

/* ---- instances ---- */

struct subject {
	struct instance *instance;
	struct instance_config config;
	char dir[4096];
	char zone[INSTANCE_ZONES][4096];
};

static void subject_open(struct subject *s, const char *dir, const char *id, bool multi_az)
{
	struct err err = {0};
	snprintf(s->dir, sizeof(s->dir), "%s/own", dir);
	s->config = (struct instance_config){
		.id = id,
		.dir = s->dir,
		.label = id,
		.application_id = 1,
		.schema = SCHEMA,
		.sql = bench_sql,
		.n_sql = 3,
	};
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		snprintf(s->zone[z], sizeof(s->zone[z]), "%s/zone%u", dir, z);
		s->config.zone[z] = (struct instance_zone){z == 0 ? "a" : "b", s->zone[z]};
	}
	struct instance_settings settings = {.multi_az = multi_az};
	if (instance_create(&s->config, &settings, NULL, &err) != 0 ||
		instance_open(&s->config, &s->instance, &err) != 0 ||
		instance_set_multi_az(s->instance, multi_az, &err) != 0) {
		die(err.msg);
	}
}

static void subject_close(struct subject *s)
{
	struct err err = {0};
	instance_close(s->instance);
	if (instance_destroy(&s->config, &err) != 0) {
		die(err.msg);
	}
}

static int put(struct store_txn *t, void *arg, struct err *err)
{
	const struct row *row = arg;
	sqlite3_stmt *stmt = store_txn_stmt(t, PUT, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, row->key);
	store_bind_slice(stmt, 2, slice_make(row->body, sizeof(row->body)));
	return store_step(stmt, err);
}

static void subject_write(void *arg, const struct row *row)
{
	struct subject *s = arg;
	struct err err = {0};
	uint64_t key = (uint64_t)row->key + 1;
	if (instance_write(s->instance, &key, 1, put, (void *)(uintptr_t)row, &err) != 0) {
		die(err.msg);
	}
}

/* ---- commits ---- */

struct candidate {
	const char *name;
	void (*write)(void *arg, const struct row *row);
	void *arg;
};

static void *write_until_stopped(void *arg)
{
	const struct candidate *c = arg;
	struct row row;
	unsigned seed = (unsigned)(uintptr_t)pthread_self();
	while (!atomic_load(&stop)) {
		make_row(&row, &seed);
		c->write(c->arg, &row);
		atomic_fetch_add(&n_done, 1);
	}
	return NULL;
}

static double commits_per_second(const struct candidate *c, unsigned threads, double how_long)
{
	pthread_t thread[64];
	atomic_store(&stop, false);
	atomic_store(&n_done, 0);
	double start = now();
	for (unsigned i = 0; i < threads; i++) {
		pthread_create(&thread[i], NULL, write_until_stopped, (void *)(uintptr_t)c);
	}
	usleep((useconds_t)(how_long * 1e6));
	uint64_t n = atomic_load(&n_done);
	double rate = (double)n / (now() - start);
	atomic_store(&stop, true);
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(thread[i], NULL);
	}
	return rate;
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

static void bench_commits(const struct candidate *c, unsigned n, unsigned threads)
{
	double rate[8][ROUNDS];
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < n; i++) {
			rate[i][round] = commits_per_second(&c[i], threads, seconds / ROUNDS);
		}
	}
	for (unsigned i = 0; i < n; i++) {
		qsort(rate[i], ROUNDS, sizeof(double), by_value);
		printf("%u writer%s %-28s %9.0f commits/s  %5.2f of plain SQLite\n", threads,
			threads == 1 ? " " : "s", c[i].name, rate[i][ROUNDS / 2],
			rate[i][ROUNDS / 2] / rate[0][ROUNDS / 2]);
	}
}

/* ---- reads and a snapshot beside a writer ---- */

static int get(struct store_reader *r, void *arg, struct err *err)
{
	sqlite3_stmt *stmt = store_reader_stmt(r, GET, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, *(int64_t *)arg);
	int rc = store_step(stmt, err);
	return rc < 0 ? rc : 0;
}

static double read_microseconds(const struct subject *s)
{
	struct err err = {0};
	unsigned seed = 1;
	uint64_t n = 0;
	double start = now();
	for (; now() - start < seconds / ROUNDS; n++) {
		int64_t key = rand_r(&seed) % ROWS;
		if (instance_read(s->instance, (uint64_t)key + 1, get, &key, &err) != 0) {
			die(err.msg);
		}
	}
	return (now() - start) * 1e6 / (double)n;
}

static void bench_reads(struct candidate *c)
{
	pthread_t thread;
	double alone = read_microseconds(c->arg);
	atomic_store(&stop, false);
	pthread_create(&thread, NULL, write_until_stopped, c);
	double beside = read_microseconds(c->arg);
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	printf("read of a row %8.1f us alone, %8.1f us beside a writer\n", alone, beside);
}

static int fill(struct store_txn *t, void *arg, struct err *err)
{
	static char body[65536];
	int64_t *next = arg;
	for (int i = 0; i < 256; i++) {
		sqlite3_stmt *stmt = store_txn_stmt(t, FILL, err);
		memset(body, (int)(*next % 251), sizeof(body));
		sqlite3_bind_int64(stmt, 1, ROWS + (*next)++);
		store_bind_slice(stmt, 2, slice_make(body, sizeof(body)));
		int rc = store_step(stmt, err);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

static void bench_snapshot(struct candidate *c, const char *dir, unsigned megabytes)
{
	struct subject *s = c->arg;
	struct err err = {0};
	char path[4096];
	int64_t next = 0;
	snprintf(path, sizeof(path), "%s/snapshot.db", dir);
	double start = now();
	while (next * 65536 < (int64_t)megabytes << 20) {
		if (instance_write(s->instance, NULL, 0, fill, &next, &err) != 0) {
			die(err.msg);
		}
	}
	printf("%u MB filled in %.1f s\n", megabytes, now() - start);
	double before = commits_per_second(c, 1, seconds);
	pthread_t thread;
	atomic_store(&stop, false);
	atomic_store(&n_done, 0);
	pthread_create(&thread, NULL, write_until_stopped, c);
	start = now();
	if (instance_copy(s->instance, path, NULL, NULL, &err) != 0) {
		die(err.msg);
	}
	double took = now() - start;
	double during = (double)atomic_load(&n_done) / took;
	atomic_store(&stop, true);
	pthread_join(thread, NULL);
	printf("snapshot of %u MB beside a writer: %.1f s; the writer: %.0f commits/s before, "
	       "%.0f meanwhile (%.2f)\n",
		megabytes, took, before, during, during / before);
	unlink(path);
}

int main(int argc, char **argv)
{
	struct subject single = {0};
	struct subject multi = {0};
	char dir[2048];
	if (argc < 2) {
		die("DIRECTORY [SECONDS-EACH [MEGABYTES]]");
	}
	seconds = argc > 2 ? strtod(argv[2], NULL) : seconds;
	unsigned megabytes = argc > 3 ? (unsigned)strtoul(argv[3], NULL, 10) : 0;
	snprintf(dir, sizeof(dir), "%s/durable_bench.XXXXXX", argv[1]);
	if (mkdtemp(dir) == NULL) {
		die(strerror(errno));
	}
	plain_open(dir);
	subject_open(&single, dir, "single", false);
	subject_open(&multi, dir, "multi", true);
	struct candidate c[] = {
		{"plain SQLite, FULL", plain_write, NULL},
		{"instance", subject_write, &single},
		{"instance with a standby", subject_write, &multi},
	};
	bench_commits(c, 3, 1);
	bench_commits(c, 3, 8);
	bench_reads(&c[1]);
	if (megabytes > 0) {
		bench_snapshot(&c[1], dir, megabytes);
	}
	subject_close(&single);
	subject_close(&multi);
	plain_close();
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		rmdir(single.zone[z]);
	}
	rmdir(single.dir);
	rmdir(dir);
	return 0;
}
