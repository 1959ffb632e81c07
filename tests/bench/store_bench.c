/* What the store costs by itself: point reads with and without a held read
 * transaction, and durable commits by 1, 8 and 32 threads, together and one at
 * a time. Figures only; nothing is asserted.
 *
 *   store_bench DIRECTORY [SECONDS-EACH]        DIRECTORY on the disk in question */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engines/store/store.h"

#define ROWS 20000

enum bench_sql { PUT, GET };

static const char *const bench_sql[] = {
	[PUT] = "REPLACE INTO kv(k, v) VALUES (?1, ?2)",
	[GET] = "SELECT v FROM kv WHERE k = ?1",
};

static struct store *store;
static double seconds = 2;
static _Atomic bool stop;
static _Atomic uint64_t n_done;
/* Held around a write: no two wait together, so none share a commit. */
static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void die(const struct err *err)
{
	fprintf(stderr, "store_bench: %s\n", err->msg);
	exit(1);
}

struct row {
	uint64_t key;
	char body[300];
};

static int put(struct store_txn *t, void *arg, struct err *err)
{
	const struct row *row = arg;
	sqlite3_stmt *stmt = store_txn_stmt(t, PUT, err);
	if (stmt == NULL) {
		return -err->code;
	}
	store_bind_slice(stmt, 1, slice_make(&row->key, sizeof(row->key)));
	store_bind_slice(stmt, 2, slice_make(row->body, sizeof(row->body)));
	return store_step(stmt, err);
}

static void write_row(uint64_t key, unsigned *seed)
{
	struct err err = {0};
	struct row row = {.key = key % ROWS};
	uint64_t hash = store_key_hash(slice_make(&row.key, sizeof(row.key)), slice_of(""));
	memset(row.body, 'a' + rand_r(seed) % 26, sizeof(row.body));
	memcpy(row.body, &key, sizeof(key));
	if (store_write(store, &hash, 1, put, &row, &err) != 0) {
		die(&err);
	}
}

static void open_store(const char *dir, enum store_sync sync)
{
	char path[4096];
	struct err err = {0};
	snprintf(path, sizeof(path), "%s/store_bench.%d.db", dir, (int)getpid());
	struct store_config config = {
		.path = path,
		.label = "bench",
		.application_id = 1,
		.schema = "CREATE TABLE kv(k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID",
		.sql = bench_sql,
		.n_sql = 2,
		.create = true,
		.sync = sync,
	};
	if (store_open(&config, &store, &err) != 0) {
		die(&err);
	}
}

/* ---- reads ---- */

static void read_row(uint64_t key)
{
	struct store_reader *r;
	struct err err = {0};
	struct slice k = slice_make(&key, sizeof(key));
	if (store_read_begin(store, store_key_hash(k, slice_of("")), &r, &err) != 0) {
		die(&err);
	}
	sqlite3_stmt *stmt = store_reader_stmt(r, GET, &err);
	if (stmt == NULL) {
		die(&err);
	}
	store_bind_slice(stmt, 1, k);
	if (store_step(stmt, &err) != 1) {
		die(&err);
	}
	store_read_end(r);
}

/* The same statement on a bare connection, without a transaction around. */
static sqlite3_stmt *bare(const char *dir, sqlite3 **db)
{
	char path[4096];
	sqlite3_stmt *stmt = NULL;
	snprintf(path, sizeof(path), "%s/store_bench.%d.db", dir, (int)getpid());
	if (sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
			SQLITE_OK ||
		sqlite3_prepare_v2(*db, bench_sql[GET], -1, &stmt, NULL) != SQLITE_OK) {
		fprintf(stderr, "store_bench: %s\n", sqlite3_errmsg(*db));
		exit(1);
	}
	return stmt;
}

static void bench_reads(const char *dir)
{
	unsigned seed = 1;
	uint64_t n = 0;
	double start = now();
	while (now() - start < seconds) {
		for (int i = 0; i < 100; i++, n++) {
			read_row((uint64_t)rand_r(&seed) % ROWS);
		}
	}
	printf("point read, transaction held      %8.2f us\n", (now() - start) * 1e6 / (double)n);

	sqlite3 *db = NULL;
	sqlite3_stmt *stmt = bare(dir, &db);
	n = 0;
	start = now();
	while (now() - start < seconds) {
		for (int i = 0; i < 100; i++, n++) {
			uint64_t key = (uint64_t)rand_r(&seed) % ROWS;
			sqlite3_bind_blob(stmt, 1, &key, sizeof(key), SQLITE_STATIC);
			sqlite3_step(stmt);
			sqlite3_reset(stmt);
		}
	}
	printf("point read, none (bare SQLite)    %8.2f us\n", (now() - start) * 1e6 / (double)n);
	sqlite3_finalize(stmt);
	sqlite3_close(db);
}

/* ---- writes ---- */

struct writer {
	unsigned number;
	bool alone;
};

static void *write_on(void *arg)
{
	const struct writer *w = arg;
	unsigned seed = w->number + 1;
	while (!stop) {
		uint64_t key = (uint64_t)rand_r(&seed);
		if (w->alone) {
			pthread_mutex_lock(&one_at_a_time);
		}
		write_row(key, &seed);
		if (w->alone) {
			pthread_mutex_unlock(&one_at_a_time);
		}
		n_done++;
	}
	return NULL;
}

/* *per_commit: how many shared one. */
static double writes_per_second(unsigned n_threads, bool alone, double *per_commit)
{
	uint64_t commits = store_sequence(store);
	pthread_t t[32];
	struct writer w[32];
	stop = false;
	n_done = 0;
	double start = now();
	for (unsigned i = 0; i < n_threads; i++) {
		w[i] = (struct writer){.number = i, .alone = alone};
		pthread_create(&t[i], NULL, write_on, &w[i]);
	}
	usleep((useconds_t)(seconds * 1e6));
	stop = true;
	for (unsigned i = 0; i < n_threads; i++) {
		pthread_join(t[i], NULL);
	}
	commits = store_sequence(store) - commits;
	*per_commit = (double)n_done / (double)(commits > 0 ? commits : 1);
	return (double)n_done / (now() - start);
}

static void bench_writes(const char *what)
{
	static const unsigned threads[] = {1, 8, 32};
	for (unsigned i = 0; i < 3; i++) {
		double group;
		double one;
		double together = writes_per_second(threads[i], false, &group);
		double alone = writes_per_second(threads[i], true, &one);
		printf("%-8s writes/s, %2u threads   group %8.0f (%5.1f a commit)"
		       "   one at a time %8.0f\n",
			what, threads[i], together, group, alone);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	static const char *const names[] = {"close", "fsync", "interval"};
	if (argc < 2) {
		fprintf(stderr, "usage: store_bench DIRECTORY [SECONDS-EACH]\n");
		return 2;
	}
	seconds = argc > 2 ? strtod(argv[2], NULL) : seconds;
	for (int sync = STORE_SYNC_INTERVAL; sync >= STORE_SYNC_CLOSE; sync--) {
		unsigned seed = 1;
		open_store(argv[1], (enum store_sync)sync);
		if (sync == STORE_SYNC_INTERVAL) {
			for (uint64_t key = 0; key < ROWS; key++) {
				write_row(key, &seed);
			}
			bench_reads(argv[1]);
		}
		bench_writes(names[sync]);
		store_close(store);
	}
	char path[4096];
	snprintf(path, sizeof(path), "%s/store_bench.%d.db", argv[1], (int)getpid());
	unlink(path);
	return 0;
}
