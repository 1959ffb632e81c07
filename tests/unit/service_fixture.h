/* What the tests of a service with instances or clusters share: an engine over a directory of
 * its own, its events, and commands in few words. SERVICE_OPS is which. Each test program
 * includes it once. */
#ifndef DBMOUNT_TEST_SERVICE_FIXTURE_H
#define DBMOUNT_TEST_SERVICE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "engines/engine.h"
#include "tests/unit/calls.h"

static char site[SITE_MAX];
static struct engine *engine;
static pthread_mutex_t events_lock = PTHREAD_MUTEX_INITIALIZER;
static struct buf events; /* under events_lock: "PATH: TEXT" a line */
static unsigned n_changed;

static void on_event(void *arg, const char *service, const struct epath *path, const char *text)
{
	(void)arg;
	(void)service;
	LOCKED(&events_lock);
	buf_printf(&events, "%.*s: %s\n", path->depth > 0 ? (int)path->key[0].n : 0,
		path->depth > 0 ? path->key[0].p : "", text);
}

static void on_change(void *arg, const char *service, const struct epath *path)
{
	(void)arg;
	(void)service;
	(void)path;
	LOCKED(&events_lock);
	n_changed++;
}

static int open_engine(bool read_only)
{
	struct engine_config config = {
		.dir = site,
		.sync = STORE_SYNC_CLOSE,
		.read_only = read_only,
		.host = {.changed = on_change, .event = on_event},
	};
	return engine_open(&SERVICE_OPS, &config, &engine, &err);
}

static void engine_up(void)
{
	OK(open_engine(false));
}

static void engine_down(void)
{
	engine_unref(engine);
	engine = NULL;
}

__attribute__((unused)) static void engine_again(void)
{
	engine_down();
	engine_up();
}

__attribute__((unused)) static void setup_closed(void)
{
	make_site(site);
}

__attribute__((unused)) static void setup(void)
{
	make_site(site);
	engine_up();
}

static void teardown(void)
{
	engine_down();
	remove_site(site);
	buf_free(&events);
}

__attribute__((unused)) static int command(const struct epath *path, const char *line)
{
	struct buf out = BUF_INIT;
	int rc = engine_command(engine, path, slice_of(line), &out, &err);
	buf_free(&out);
	return rc;
}

__attribute__((unused)) static bool event_says(const char *text)
{
	LOCKED(&events_lock);
	return strstr(buf_cstr(&events), text) != NULL;
}

__attribute__((unused)) static void expect_event(const char *text)
{
	LOCKED(&events_lock);
	ck_assert_msg(strstr(buf_cstr(&events), text) != NULL, "no '%s' in:\n%s", text,
		buf_cstr(&events));
}

static int add_name(void *arg, struct slice key, const struct engine_info *info)
{
	struct buf *names = arg;
	(void)info;
	buf_append_slice(names, key);
	buf_putc(names, ' ');
	return 0;
}

/* Automated snapshots, whose names bear a ':', come when they come. */
static int add_manual(void *arg, struct slice key, const struct engine_info *info)
{
	return memchr(key.p, ':', key.n) != NULL ? 0 : add_name(arg, key, info);
}

static void expect_names(const char *what, struct buf *names, const char *expected)
{
	ck_assert_msg(strcmp(buf_cstr(names), expected) == 0, "%s: '%s' instead of '%s'", what,
		buf_cstr(names), expected);
	buf_free(names);
}

/* The names below, each with a blank behind it. */
static void expect_list_of(struct engine *e, const struct epath *path, const char *expected)
{
	struct buf names = BUF_INIT;
	OK(engine_list(e, path, NULL, 0, add_name, &names, &err));
	expect_names("list", &names, expected);
}

static void expect_list(const struct epath *path, const char *expected)
{
	expect_list_of(engine, path, expected);
}

__attribute__((unused)) static void expect_views(
	const struct epath *path, enum engine_view_kind kind, const char *expected)
{
	struct buf names = BUF_INIT;
	OK(engine_view_list(engine, path, kind, NULL, add_manual, &names, &err));
	expect_names("views", &names, expected);
}

__attribute__((unused)) static bool exists(const struct epath *path)
{
	struct engine_info info;
	struct err why = {0};
	int rc = engine_stat(engine, path, 0, &info, &why);
	ck_assert_msg(rc == 0 || rc == -ENOENT, "%s", why.msg);
	return rc == 0;
}

/* The member of `.status` as compact JSON. */
__attribute__((unused)) static void expect_status(
	const struct epath *path, const char *member, const char *expected)
{
	json_auto_t *status = json_object();
	OK(engine_status(engine, path, status, &err));
	char *text = json_dumps(
		json_object_get(status, member), JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	ck_assert_msg(text != NULL && strcmp(text, expected) == 0, "%s is %s instead of %s", member,
		text != NULL ? text : "nothing", expected);
	free(text);
}

#endif
