/* What GET, SET and INCR of a key cost in one process, through redis_read() and redis_write(), by
 * one thread, as the store syncs: what is left to add is the mount. Printed are medians of rounds,
 * in microseconds.
 *
 *   redis_bench DIRECTORY [SECONDS-EACH]   DIRECTORY on the disk in question */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engines/cache/redis/key.h"
#include "engines/common/cleanup.h"

#define KEYS   20000
#define ROUNDS 5

static double seconds = 1;
static struct redis_db *db;
static struct err err;

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void need(int rc)
{
	if (rc < 0) {
		fprintf(stderr, "redis_bench: %s\n", err.msg);
		exit(1);
	}
}

struct call {
	char name[32];
	struct buf value;
};

static struct slice name_of(struct call *c, unsigned *seed)
{
	snprintf(c->name, sizeof(c->name), "customer:%05u", (unsigned)rand_r(seed) % KEYS);
	return slice_of(c->name);
}

/* ---- transactions ---- */

static int fill_fn(struct redis_txn *t, void *arg, struct err *e)
{
	const struct call *c = arg;
	char name[32];
	struct redis_key key;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < KEYS; i++) {
		snprintf(name, sizeof(name), "customer:%05u", i);
		rc = redis_string_set(t, slice_of(name), buf_slice(&c->value), false, 0, &key, e);
	}
	return rc;
}

static int get_fn(struct redis_txn *t, void *arg, struct err *e)
{
	struct call *c = arg;
	struct redis_key key;

	buf_clear(&c->value);
	return redis_string_read(t, slice_of(c->name), &key, &c->value, e);
}

static int set_fn(struct redis_txn *t, void *arg, struct err *e)
{
	const struct call *c = arg;
	struct redis_key key;

	return redis_string_set(t, slice_of(c->name), buf_slice(&c->value), false, 0, &key, e);
}

static void do_get(struct call *c, unsigned *seed)
{
	struct slice name = name_of(c, seed);
	need(redis_read_key(db, name, get_fn, c, &err));
}

static void do_set(struct call *c, unsigned *seed)
{
	name_of(c, seed);
	need(redis_write(db, set_fn, c, &err));
}

/* What was just written is read. */
static void do_set_get(struct call *c, unsigned *seed)
{
	do_set(c, seed);
	need(redis_read_key(db, slice_of(c->name), get_fn, c, &err));
}

/* Another key than the one just written. */
static void do_set_other(struct call *c, unsigned *seed)
{
	do_set(c, seed);
	do_get(c, seed);
}

/* ---- rounds ---- */

static double measure(void (*one)(struct call *c, unsigned *seed), struct call *c)
{
	unsigned seed = 1;
	uint64_t n = 0;
	double start = now();
	double end = start;

	while (end - start < seconds) {
		for (unsigned i = 0; i < 64; i++) {
			one(c, &seed);
		}
		n += 64;
		end = now();
	}
	return (end - start) / (double)n * 1e6;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a;
	const double *y = b;
	return (*x > *y) - (*x < *y);
}

static void report(
	const char *mode, const char *what, void (*one)(struct call *, unsigned *), struct call *c)
{
	double round[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		round[i] = measure(one, c);
	}
	qsort(round, ROUNDS, sizeof(round[0]), by_value);
	printf("%-9s %-22s %8.2f us (%.2f to %.2f)\n", mode, what, round[ROUNDS / 2], round[0],
		round[ROUNDS - 1]);
}

static void run_mode(const char *dir, enum store_sync sync, const char *mode)
{
	char zone[2][512];
	char own[512];
	struct instance *store;
	struct instance_settings settings = {0};
	struct redis_db_config keys = {.label = mode};
	struct call c = {.value = BUF_INIT};

	snprintf(zone[0], sizeof(zone[0]), "%s/%s/a", dir, mode);
	snprintf(zone[1], sizeof(zone[1]), "%s/%s/b", dir, mode);
	snprintf(own, sizeof(own), "%s/%s/own", dir, mode);
	struct instance_config config = {.id = "keys",
		.dir = own,
		.zone = {{"a", zone[0]}, {"b", zone[1]}},
		.label = mode,
		.sync = sync};
	redis_instance_config(&config);
	need(instance_create(&config, &settings, NULL, &err));
	need(instance_open(&config, &store, &err));
	need(redis_db_instance(store, &keys, &db, &err));
	buf_resize(&c.value, 100);
	need(redis_write(db, fill_fn, &c, &err));
	report(mode, "GET", do_get, &c);
	report(mode, "SET", do_set, &c);
	report(mode, "SET, GET of it", do_set_get, &c);
	report(mode, "SET, GET of another", do_set_other, &c);
	redis_db_close(db);
	instance_close(store);
	need(instance_destroy(&config, &err));
	buf_free(&c.value);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: redis_bench DIRECTORY [SECONDS-EACH]\n");
		return 2;
	}
	seconds = argc > 2 ? atof(argv[2]) : seconds;
	run_mode(argv[1], STORE_SYNC_CLOSE, "CLOSE");
	run_mode(argv[1], STORE_SYNC_FSYNC, "FSYNC");
	run_mode(argv[1], STORE_SYNC_INTERVAL, "INTERVAL");
	return 0;
}
