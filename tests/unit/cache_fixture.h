/* What the tests of clusters share, beside service_fixture.h: strings by cluster and key, replicas
 * that show something sooner or later. Each test program includes it once. */
#ifndef DBMOUNT_TEST_CACHE_FIXTURE_H
#define DBMOUNT_TEST_CACHE_FIXTURE_H

#define SERVICE_OPS cache_sqlite_ops
#include "engines/cache/service.h"
#include "engines/common/clock.h"
#include "tests/unit/service_fixture.h"

#include <dirent.h>

#define WAIT_ROUNDS 6000 /* of 10 ms */

/* The path of a string: its key in the directory begins with the byte of its type. */
static struct epath string_at(const char *cluster, const char *key, char room[64])
{
	room[0] = REDIS_STRING;
	memcpy(room + 1, key, strlen(key));
	return (struct epath){
		.depth = 2, .key = {slice_of(cluster), slice_make(room, strlen(key) + 1)}};
}

static int try_put(
	struct engine *e, const char *cluster, const char *key, const char *text, struct err *why)
{
	char room[64];
	struct epath path = string_at(cluster, key, room);
	struct engine_info info;
	return engine_write(e, &path, REDIS_STRING, slice_of(text), ENGINE_VERSION_ANY, &info, why);
}

static void put(const char *cluster, const char *key, const char *text)
{
	OK(try_put(engine, cluster, key, text, &err));
}

/* Whether it says so. */
static bool says(struct engine *e, const char *cluster, const char *key, const char *expected)
{
	char room[64];
	struct epath path = string_at(cluster, key, room);
	struct buf text = BUF_INIT;
	struct engine_info info;
	struct err why = {0};
	int rc = engine_read(e, &path, REDIS_STRING, &text, &info, &why);
	bool same = rc == 0 && strcmp(buf_cstr(&text), expected) == 0;
	buf_free(&text);
	return same;
}

static void expect_text(const char *cluster, const char *key, const char *expected)
{
	char room[64];
	struct epath path = string_at(cluster, key, room);
	struct buf text = BUF_INIT;
	struct engine_info info;
	OK(engine_read(engine, &path, REDIS_STRING, &text, &info, &err));
	ck_assert_str_eq(buf_cstr(&text), expected);
	buf_free(&text);
}

__attribute__((unused)) static bool key_is_there(
	struct engine *e, const char *cluster, const char *key)
{
	char room[64];
	struct epath path = string_at(cluster, key, room);
	struct engine_info info;
	struct err why = {0};
	return engine_stat(e, &path, REDIS_STRING, &info, &why) == 0;
}

static struct engine *view(const char *cluster, enum engine_view_kind kind, const char *name)
{
	struct engine *v = NULL;
	OK(engine_view(engine, PATH(cluster), kind, slice_of(name), &v, &err));
	return v;
}

__attribute__((unused)) static int command_in(
	struct engine *e, const struct epath *path, const char *line)
{
	struct buf out = BUF_INIT;
	int rc = engine_command(e, path, slice_of(line), &out, &err);
	buf_free(&out);
	return rc;
}

/* A replica shows it sooner or later. */
__attribute__((unused)) static void expect_on_replica(
	const char *cluster, const char *name, const char *key, const char *expected)
{
	struct engine *v = view(cluster, ENGINE_VIEW_REPLICA, name);
	bool same = false;
	for (unsigned n = 0; n < WAIT_ROUNDS && !same; n++) {
		same = says(v, cluster, key, expected);
		if (!same) {
			usleep(10000);
		}
	}
	ck_assert_msg(same, "replica %s does not show %s=%s", name, key, expected);
	engine_unref(v);
}

__attribute__((unused)) static void wait_for_event(const char *text)
{
	for (unsigned n = 0; n < WAIT_ROUNDS && !event_says(text); n++) {
		usleep(10000);
	}
	expect_event(text);
}

/* How many files and directories of that kind there are. */
__attribute__((unused)) static unsigned count(const char *below, char kind)
{
	char path[128];
	snprintf(path, sizeof(path), "%s%s", site, below);
	DIR *dir = opendir(path);
	const struct dirent *entry;
	unsigned n = 0;
	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		n += entry->d_name[0] == kind && entry->d_name[1] >= '1' &&
		     entry->d_name[1] <= '9' && strchr(entry->d_name, '-') == NULL;
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return n;
}

static void expect_primary(const char *cluster, const char *expected)
{
	char quoted[80];
	snprintf(quoted, sizeof(quoted), "\"%s\"", expected);
	expect_status(PATH(cluster), "Primary", quoted);
}

#endif
