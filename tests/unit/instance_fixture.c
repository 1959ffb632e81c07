#include "tests/unit/instance_fixture.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

static void on_event(void *arg, enum instance_event what, const char *detail)
{
	struct instance_fixture *x = arg;
	x->events[what]++;
	if (getenv("DBMOUNT_TEST_EVENTS") != NULL) {
		fprintf(stderr, "event %d: %s\n", (int)what, detail);
	}
}

void instance_fixture_init(struct instance_fixture *x)
{
	*x = (struct instance_fixture){0};
	make_site(x->dir);
	snprintf(x->zone_dir[0], sizeof(x->zone_dir[0]), "%s/az/a", x->dir);
	snprintf(x->zone_dir[1], sizeof(x->zone_dir[1]), "%s/az/b", x->dir);
	snprintf(x->own_dir, sizeof(x->own_dir), "%s/rds", x->dir);
	x->config = (struct instance_config){
		.id = "i1",
		.dir = x->own_dir,
		.zone = {{"a", x->zone_dir[0]}, {"b", x->zone_dir[1]}},
		.label = "instance T",
		.application_id = FIXTURE_APP_ID,
		.schema_version = 3,
		.schema = FIXTURE_SCHEMA,
		.sql = fixture_sql,
		.n_sql = FX_N,
		.event = on_event,
		.arg = x,
	};
}

void instance_fixture_start(struct instance_fixture *x, bool multi_az)
{
	instance_fixture_init(x);
	x->settings.multi_az = multi_az;
	ck_ok(instance_create(&x->config, &x->settings, NULL, NEW_ERR));
	instance_fixture_open(x);
	if (multi_az) {
		ck_assert(wait_standby(x->i, 120));
	}
}

void instance_fixture_open(struct instance_fixture *x)
{
	struct err err = {0};
	int rc = instance_open(&x->config, &x->i, &err);
	ck_assert_msg(rc == 0, "%s", err.msg);
}

void instance_fixture_close(struct instance_fixture *x)
{
	instance_close(x->i);
	x->i = NULL;
}

void instance_fixture_end(struct instance_fixture *x)
{
	instance_fixture_close(x);
	remove_site(x->dir);
}

static int n_files;

static int count_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)type;
	n_files += ftw->level > 0;
	return 0;
}

int instance_files(const struct instance_fixture *x)
{
	n_files = 0;
	nftw(x->dir, count_one, 16, FTW_PHYS);
	return n_files;
}

static char *next_path(void)
{
	static _Thread_local char paths[4][256];
	static _Thread_local unsigned n;
	return paths[n++ % 4];
}

const char *in_zone(const struct instance_fixture *x, unsigned zone, const char *name)
{
	char *path = next_path();
	snprintf(path, 256, "%s/%s/%s", x->zone_dir[zone], x->config.id, name);
	return path;
}

const char *in_own(const struct instance_fixture *x, const char *name)
{
	char *path = next_path();
	snprintf(path, 256, "%s/%s/%s", x->own_dir, x->config.id, name);
	return path;
}

/* ---- data ---- */

int instance_put(struct instance *i, const char *key, int64_t value, size_t body, struct err *err)
{
	struct fixture_row row = {key, value, body};
	return instance_write(i, NULL, 0, fixture_put_row, &row, err);
}

struct get {
	const char *key; /* NULL: count */
	int64_t value;
};

static int get_fn(struct store_reader *r, void *arg, struct err *err)
{
	struct get *g = arg;
	sqlite3_stmt *stmt = store_reader_stmt(r, g->key != NULL ? FX_GET : FX_COUNT, err);
	if (stmt == NULL) {
		return -err->code;
	}
	if (g->key != NULL) {
		store_bind_slice(stmt, 1, slice_of(g->key));
	}
	int rc = store_step(stmt, err);
	g->value = rc == 1 ? sqlite3_column_int64(stmt, 0) : -1;
	return rc < 0 ? rc : 0;
}

int64_t instance_get(struct instance *i, const char *key, struct err *err)
{
	struct get g = {key, -1};
	return instance_read(i, STORE_ALL_KEYS, get_fn, &g, err) == 0 ? g.value : -2;
}

int64_t instance_count(struct instance *i)
{
	return instance_get(i, NULL, NEW_ERR);
}

static int replica_fn(sqlite3 *db, uint64_t sequence, void *arg, struct err *err)
{
	struct get *g = arg;
	sqlite3_stmt *stmt = NULL;
	(void)sequence;
	if (sqlite3_prepare_v2(db, fixture_sql[FX_GET], -1, &stmt, NULL) != SQLITE_OK) {
		return store_sql_error(db, NULL, err);
	}
	store_bind_slice(stmt, 1, slice_of(g->key));
	int rc = store_step(stmt, err);
	g->value = rc == 1 ? sqlite3_column_int64(stmt, 0) : -1;
	sqlite3_finalize(stmt);
	return rc < 0 ? rc : 0;
}

int64_t instance_replica_get(
	struct instance *i, const char *replica, const char *key, struct err *err)
{
	struct get g = {key, -1};
	return instance_replica_read(i, replica, replica_fn, &g, err) == 0 ? g.value : -2;
}

/* ---- waiting ---- */

double seconds_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

bool wait_standby(struct instance *i, double seconds)
{
	double end = seconds_now() + seconds;
	struct instance_status status;
	do {
		instance_status(i, &status);
		if (status.standby_ready) {
			return true;
		}
		usleep(5000);
	} while (seconds_now() < end);
	return false;
}

void instance_wait_event(struct instance_fixture *x, enum instance_event what, unsigned n)
{
	double end = seconds_now() + 120;
	while (x->events[what] < n) {
		ck_assert_msg(seconds_now() < end, "event %d did not come", (int)what);
		usleep(2000);
	}
}
