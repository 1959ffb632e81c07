/* What the DynamoDB tests share: an engine over a directory of its own.
 * Each test program includes it once. */
#ifndef DBMOUNT_TEST_DYNAMODB_FIXTURE_H
#define DBMOUNT_TEST_DYNAMODB_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/dynamodb/dynamodb.h"
#include "tests/unit/calls.h"

#define OPS (&dynamodb_sqlite_ops)

static char site[SITE_MAX];
static void *ctx;
static struct engine_config config;

static void engine_up(void)
{
	OK(OPS->open(&config, &ctx, &err));
}

__attribute__((unused)) static void engine_down(void)
{
	OPS->close(ctx);
	ctx = NULL;
}

/* As after umount and mount. */
__attribute__((unused)) static void engine_again(void)
{
	engine_down();
	engine_up();
}

static void setup(void)
{
	make_site(site);
	memset(&config, 0, sizeof(config));
	config.dir = site;
	engine_up();
}

static void teardown(void)
{
	if (ctx != NULL) {
		OPS->close(ctx);
		ctx = NULL;
	}
	remove_site(site);
}

__attribute__((unused)) static int put(const struct epath *path, const char *text)
{
	return OPS->write(ctx, path, DDB_PLAIN, slice_of(text), ENGINE_VERSION_ANY, NULL, &err);
}

__attribute__((unused)) static struct engine_info info_of(const struct epath *path)
{
	struct engine_info info = {0};
	OK(OPS->stat(ctx, path, DDB_PLAIN, &info, &err));
	return info;
}

__attribute__((unused)) static bool exists(const struct epath *path)
{
	struct engine_info info;
	struct err why = {0};
	return OPS->stat(ctx, path, DDB_PLAIN, &info, &why) == 0;
}

/* The content; its size must be what stat says. Freed by the caller. */
__attribute__((unused)) static char *text_of(const struct epath *path, unsigned form)
{
	struct buf out = BUF_INIT;
	struct engine_info info;
	struct engine_info seen;
	OK(OPS->read(ctx, path, form, &out, &info, &err));
	OK(OPS->stat(ctx, path, form, &seen, &err));
	ck_assert_uint_eq(info.size, out.n);
	ck_assert_uint_eq(seen.size, out.n);
	ck_assert_uint_eq(seen.version, info.version);
	ck_assert_int_eq(seen.mtime_ns, info.mtime_ns);
	buf_cstr(&out);
	return out.p;
}

__attribute__((unused)) static void expect_text(
	const struct epath *path, unsigned form, const char *want)
{
	char *got = text_of(path, form);
	ck_assert_str_eq(got, want);
	free(got);
}

struct names {
	struct buf text;
	unsigned n;
	unsigned max;
};

__attribute__((unused)) static int add_name(
	void *arg, struct slice key, const struct engine_info *info)
{
	struct names *names = arg;
	(void)info;
	buf_puts(&names->text, names->n++ > 0 ? " " : "");
	buf_append_slice(&names->text, key);
	return names->max != 0 && names->n == names->max;
}

/* The listing, joined with blanks. */
__attribute__((unused)) static void expect_list(const struct epath *path, const char *want)
{
	struct names names = {0};
	OK(OPS->list(ctx, path, NULL, DDB_PLAIN, add_name, &names, &err));
	ck_assert_str_eq(buf_cstr(&names.text), want);
	buf_free(&names.text);
}

#endif
