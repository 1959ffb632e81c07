/* Failover with writers at work: by command, and by each kind of damage. Every write
 * that was acknowledged is there afterwards, and every write got an answer. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/fixture.h"
#include "engines/store/checksum_vfs.h"
#include "tests/unit/instance_fixture.h"

#define WRITERS 4

static struct instance_fixture x;

struct writer {
	pthread_t thread;
	int number;
	_Atomic int64_t acknowledged;
	_Atomic int64_t failed;
	_Atomic bool stop;
	double longest;
};

static struct writer writers[WRITERS];

static unsigned rounds(void)
{
	const char *text = getenv("DBMOUNT_FAILOVER_ROUNDS");
	return text != NULL ? (unsigned)atoi(text) : 3;
}

/* Keys are written once: one that is missing was lost. */
static void *write_on(void *arg)
{
	struct writer *w = arg;
	for (int64_t n = w->acknowledged + w->failed; !w->stop; n++) {
		char key[32];
		struct err err = {0};
		double began = seconds_now();
		snprintf(key, sizeof(key), "w%d-%lld", w->number, (long long)n);
		if (instance_put(x.i, key, n, (size_t)(n * 37 % 3000), &err) == 0) {
			w->acknowledged++;
		} else {
			w->failed++;
			fprintf(stderr, "write %s: %s\n", key, err.msg);
		}
		double took = seconds_now() - began;
		w->longest = took > w->longest ? took : w->longest;
	}
	return NULL;
}

static void start_writers(void)
{
	for (int n = 0; n < WRITERS; n++) {
		writers[n].number = n;
		writers[n].stop = false;
		writers[n].longest = 0;
		ck_assert_int_eq(
			pthread_create(&writers[n].thread, NULL, write_on, &writers[n]), 0);
	}
}

static double stop_writers(void)
{
	double longest = 0;
	for (int n = 0; n < WRITERS; n++) {
		writers[n].stop = true;
		pthread_join(writers[n].thread, NULL);
		longest = writers[n].longest > longest ? writers[n].longest : longest;
	}
	return longest;
}

static int64_t acknowledged(void)
{
	int64_t sum = 0;
	for (int n = 0; n < WRITERS; n++) {
		sum += writers[n].acknowledged;
	}
	return sum;
}

static void check_all_there(void)
{
	int64_t expected = 0;
	for (int n = 0; n < WRITERS; n++) {
		ck_assert_int_eq(writers[n].failed, 0);
		expected += writers[n].acknowledged;
		for (int64_t k = 0; k < writers[n].acknowledged; k++) {
			char key[32];
			snprintf(key, sizeof(key), "w%d-%lld", n, (long long)k);
			ck_assert_msg(instance_get(x.i, key, NEW_ERR) == k, "%s: %s", key,
				fixture_err_text());
		}
	}
	ck_assert_int_eq(instance_count(x.i), expected);
}

static void write_some(int64_t n)
{
	int64_t goal = acknowledged() + n;
	double end = seconds_now() + 120;
	while (acknowledged() < goal) {
		ck_assert(seconds_now() < end);
		usleep(1000);
	}
}

static unsigned zone_of_primary(void)
{
	struct instance_status status;
	instance_status(x.i, &status);
	return status.settings.primary;
}

static bool wait_failover(unsigned from, double seconds)
{
	double end = seconds_now() + seconds;
	struct instance_status status;
	do {
		usleep(2000);
		instance_status(x.i, &status);
	} while ((status.settings.primary == from || status.failing_over) && seconds_now() < end);
	return status.settings.primary != from;
}

static void start(void)
{
	memset(writers, 0, sizeof(writers));
	instance_fixture_start(&x, true);
}

static void end(void)
{
	instance_fixture_end(&x);
}

START_TEST(test_failover_by_command_loses_nothing)
{
	for (unsigned n = 0; n < rounds(); n++) {
		unsigned from = zone_of_primary();
		start_writers();
		write_some(50);
		double began = seconds_now();
		ck_ok(instance_failover(x.i, "asked for", NEW_ERR));
		double took = seconds_now() - began;
		write_some(50);
		double longest = stop_writers();
		fprintf(stderr, "command: %.3f s, longest write %.3f s\n", took, longest);
		ck_assert_uint_ne(zone_of_primary(), from);
		check_all_there();
		ck_assert(wait_standby(x.i, 120));
	}
	ck_assert_uint_eq(x.events[INSTANCE_FAILOVER_STARTED], rounds());
	ck_assert_uint_eq(x.events[INSTANCE_FAILOVER_COMPLETED], rounds());
	instance_fixture_close(&x);
	instance_fixture_open(&x);
	check_all_there();
}
END_TEST

/* ---- damage ---- */

static void damage_delete(unsigned zone)
{
	ck_assert_int_eq(unlink(in_zone(&x, zone, "data.db")), 0);
}

static void damage_truncate(unsigned zone)
{
	ck_assert_int_eq(truncate(in_zone(&x, zone, "data.db"), 5000), 0);
}

static void damage_garbage(unsigned zone)
{
	struct stat st;
	char garbage[4096];
	int fd = open(in_zone(&x, zone, "data.db"), O_WRONLY);
	ck_assert_int_eq(fstat(fd, &st), 0);
	memset(garbage, 0xa5, sizeof(garbage));
	for (off_t at = 0; at < st.st_size; at += (off_t)sizeof(garbage)) {
		ck_assert_int_eq(pwrite(fd, garbage, sizeof(garbage), at), sizeof(garbage));
	}
	close(fd);
}

static void damage_zone(unsigned zone)
{
	char command[300];
	snprintf(command, sizeof(command), "rm -rf '%s'", x.zone_dir[zone]);
	ck_assert_int_eq(system(command), 0);
}

static void damage_wal(unsigned zone)
{
	ck_assert_int_eq(truncate(in_zone(&x, zone, "data.db-wal"), 0), 0);
}

static void damage_log(unsigned zone)
{
	char command[300];
	snprintf(command, sizeof(command), "rm -rf '%s'", in_zone(&x, zone, "log"));
	ck_assert_int_eq(system(command), 0);
}

static void (*const damages[])(unsigned zone) = {
	damage_delete, damage_truncate, damage_garbage, damage_zone, damage_wal, damage_log};
static const char *const damage_names[] = {
	"deleted", "cut", "garbage", "zone removed", "wal cut", "log removed"};

/* All of the log may have been in the database; what was cut off or written over, a
 * checkpoint may have written again before anybody looked: then nothing was lost. */
static bool is_harmless(unsigned kind, unsigned zone)
{
	struct err ignored = {0};
	bool heals = damages[kind] == damage_truncate || damages[kind] == damage_garbage;
	return damages[kind] == damage_wal ||
	       (heals && checksum_verify_file(in_zone(&x, zone, "data.db"), NULL, &ignored) == 0);
}

START_TEST(test_damage_of_the_primary_loses_nothing)
{
	for (unsigned n = 0; n < rounds(); n++) {
		unsigned from = zone_of_primary();
		start_writers();
		write_some(100 + n * 17);
		double began = seconds_now();
		damages[_i](from);
		ck_assert(wait_failover(from, 2) || is_harmless((unsigned)_i, from) ||
			  wait_failover(from, 60));
		double took = seconds_now() - began;
		write_some(50);
		double longest = stop_writers();
		fprintf(stderr, "%s: %.3f s, longest write %.3f s\n", damage_names[_i], took,
			longest);
		check_all_there();
		ck_assert(wait_standby(x.i, 120));
	}
	instance_fixture_close(&x);
	instance_fixture_open(&x);
	check_all_there();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("instance_failover");
	TCase *tc = tcase_create("failover");
	tcase_set_timeout(tc, 0);
	tcase_add_checked_fixture(tc, start, end);
	tcase_add_test(tc, test_failover_by_command_loses_nothing);
	tcase_add_loop_test(tc, test_damage_of_the_primary_loses_nothing, 0,
		sizeof(damages) / sizeof(damages[0]));
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
