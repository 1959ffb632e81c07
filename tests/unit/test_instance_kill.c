/* kill -9 of a process that writes, fails over, switches the second zone on and off,
 * makes, promotes and removes replicas, takes and prunes backups, makes and removes
 * instances. Opened again, each step is as before it or as after it, and what was
 * acknowledged is there. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/fixture.h"
#include "tests/unit/instance_fixture.h"
#include "tests/unit/random.h"

#define KEYS 7

static struct instance_fixture x;
static int acks; /* in the child: to tell by */

enum what { WROTE, PROMOTING, PROMOTED, MADE, REMOVED };

struct message {
	enum what what;
	int64_t value;
};

static unsigned rounds(unsigned usual)
{
	const char *text = getenv("DBMOUNT_KILL_ROUNDS");
	return text != NULL ? (unsigned)atoi(text) : usual;
}

/* ---- the child ---- */

static void tell(enum what what, int64_t value)
{
	struct message m = {.what = what, .value = value};
	if (write(acks, &m, sizeof(m)) != sizeof(m)) {
		_exit(1);
	}
}

static void put(int64_t value)
{
	char key[8];
	struct err err = {0};
	snprintf(key, sizeof(key), "k%d", (int)(value % KEYS));
	if (instance_put(x.i, key, value, (size_t)(value * 37 % 9000), &err) != 0) {
		fprintf(stderr, "%s\n", err.msg);
		_exit(1);
	}
	tell(WROTE, value);
}

static const char *promoted_path(void)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/promoted.db", x.own_dir);
	return path;
}

static bool has_replica(void)
{
	struct instance_replica *list;
	size_t n;
	ck_ok(instance_replicas(x.i, &list, &n, NEW_ERR));
	free(list);
	return n > 0;
}

static void promote(int64_t value)
{
	if (!has_replica()) {
		return;
	}
	if (access(promoted_path(), F_OK) == 0) {
		unlink(promoted_path());
	}
	tell(PROMOTING, value);
	if (instance_replica_promote(x.i, "r", value % 2 == 0, promoted_path(), NULL) == 0) {
		tell(PROMOTED, value);
	}
}

static void other_instance(int64_t value)
{
	struct instance_config config = x.config;
	config.id = "i2";
	if (instance_create(&config, &x.settings, NULL, NULL) == 0) {
		tell(MADE, value);
	} else if (instance_destroy(&config, NULL) == 0) {
		tell(REMOVED, value);
	}
}

/* Refusals (no standby yet, no replica) are part of it. */
static void act(unsigned choice, int64_t value)
{
	switch (choice) {
	case 0: instance_failover(x.i, "test", NULL); break;
	case 1: instance_set_multi_az(x.i, false, NULL); break;
	case 2:
	case 3: instance_set_multi_az(x.i, true, NULL); break;
	case 4:
	case 5:
		instance_replica_add(x.i, "r", "eu", INSTANCE_ZONES, value % 3 == 0 ? 50 : 0, NULL);
		break;
	case 6: promote(value); break;
	case 7: instance_replica_remove(x.i, "r", NULL); break;
	case 8: instance_backup(x.i, NULL); break;
	case 9: instance_set_retention(x.i, (unsigned)(value % 2), NULL); break;
	case 10: instance_restart(x.i, NULL); break;
	case 11: other_instance(value); break;
	default: break;
	}
}

static void child(int fd, const void *arg)
{
	const int64_t *first = arg;
	struct err err = {0};
	acks = fd;
	if (instance_open(&x.config, &x.i, &err) != 0) {
		fprintf(stderr, "%s\n", err.msg);
		_exit(2);
	}
	for (int64_t value = *first;; value++) {
		put(value);
		act((unsigned)rng() % 16, value);
	}
}

/* ---- the parent ---- */

struct seen {
	int64_t last; /* acknowledged */
	bool promoting;
};

static void collect(const struct child *c, unsigned n, struct seen *s)
{
	struct message m;
	for (unsigned got = 0; read(c->told, &m, sizeof(m)) == sizeof(m);) {
		if (m.what == WROTE) {
			s->last = m.value;
			s->promoting = false;
		}
		s->promoting = m.what == PROMOTING || (s->promoting && m.what != PROMOTED);
		if (++got == n) {
			usleep((useconds_t)(n * 997 % 9000));
			kill(c->pid, SIGKILL);
		}
	}
}

static int64_t newest_value(void)
{
	int64_t newest = -1;
	for (int k = 0; k < KEYS; k++) {
		char key[8];
		snprintf(key, sizeof(key), "k%d", k);
		int64_t v = instance_get(x.i, key, NEW_ERR);
		ck_assert_msg(v >= -1, "%s", fixture_err_text());
		newest = v > newest ? v : newest;
	}
	return newest;
}

static void check_replica(bool promoting, int64_t last)
{
	bool there = has_replica();
	bool promoted = access(promoted_path(), F_OK) == 0;
	ck_assert_msg(!promoting || there != promoted, "replica %d, promoted %d", there, promoted);
	if (promoted) {
		int64_t v = fixture_query(promoted_path(), "SELECT max(v) FROM kv");
		ck_assert_int_le(v, last + 1);
	}
	double end_at = seconds_now() + 120;
	char key[8];
	snprintf(key, sizeof(key), "k%d", (int)(last % KEYS));
	while (there && instance_replica_get(x.i, "r", key, NEW_ERR) < last) {
		ck_assert_msg(seconds_now() < end_at, "%s", fixture_err_text());
		usleep(2000);
	}
}

static void check_other_instance(void)
{
	struct instance *other;
	struct instance_config config = x.config;
	config.id = "i2";
	int rc = instance_open(&config, &other, NEW_ERR);
	ck_assert_msg(rc == 0 || rc == -ENOENT, "%s", fixture_err_text());
	if (rc == -ENOENT) {
		ck_ok(instance_create(&config, &x.settings, NULL, NEW_ERR));
		ck_ok(instance_open(&config, &other, NEW_ERR));
		ck_ok(instance_put(other, "k", 1, 10, NEW_ERR));
	}
	instance_close(other);
}

static void check_time(int64_t last)
{
	char path[128];
	int64_t earliest;
	int64_t latest;
	instance_restorable(x.i, &earliest, &latest);
	if (earliest == 0) {
		return;
	}
	snprintf(path, sizeof(path), "%s/at.db", x.dir);
	unlink(path);
	ck_ok(instance_build_time(x.i, latest, path, NULL, NEW_ERR));
	ck_assert_int_eq(fixture_query(path, "SELECT max(v) FROM kv"), last);
}

static void check_all(struct seen *s)
{
	instance_fixture_open(&x);
	int64_t last = newest_value();
	ck_assert_int_ge(last, s->last);
	ck_assert_int_le(last, s->last + 1);
	s->last = last;
	check_replica(s->promoting, last);
	check_time(last);
	instance_fixture_close(&x);
	check_other_instance();
}

START_TEST(test_kill_9_leaves_before_or_after)
{
	const char *text = getenv("DBMOUNT_KILL_SEED");
	unsigned seed = text != NULL ? (unsigned)atoi(text) : (unsigned)time(NULL);
	struct seen s = {.last = -1};
	fprintf(stderr, "DBMOUNT_KILL_SEED=%u\n", seed);
	instance_fixture_init(&x);
	x.settings.retention_days = 1;
	ck_ok(instance_create(&x.config, &x.settings, NULL, NEW_ERR));
	for (unsigned round = 0; round < rounds(12); round++) {
		int64_t first = s.last + 1;
		rng_seed(seed + round);
		struct child c = child_start(child, &first);
		s.promoting = false;
		collect(&c, 2 + (unsigned)rng() % 40, &s);
		child_reap(&c);
		check_all(&s);
	}
	instance_fixture_end(&x);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("instance_kill");
	TCase *tc = tcase_create("kill");
	tcase_set_timeout(tc, 0);
	tcase_add_test(tc, test_kill_9_leaves_before_or_after);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
