#include "tests/unit/docdb_cases.h"

#include <check.h>
#include <stdio.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"
#include "tests/unit/fixture.h"

struct reading {
	void (*fn)(struct slice line);
};

static int take(void *arg, struct slice document, unsigned long line, struct err *err)
{
	struct reading *r = arg;
	(void)line;
	(void)err;
	r->fn(document);
	return 0;
}

static int refuse(void *arg, unsigned long line, const struct err *why, struct err *err)
{
	(void)arg;
	return err_set(err, EINVAL, "line %lu: %s", line, why->msg);
}

void each_case(const char *name, void (*fn)(struct slice line))
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct err err = {0};
	char path[512];
	struct reading r = {fn};
	snprintf(path, sizeof(path), "%s/tests/unit/%s", SOURCE_ROOT, name);
	ck_assert_msg(read_whole(path, &text), "cannot read %s", path);
	struct ejson_stream *s = ejson_stream_new(take, refuse, &r);
	int rc = ejson_stream_feed(s, buf_slice(&text), &err);
	rc = rc < 0 ? rc : ejson_stream_finish(s, &err);
	ejson_stream_free(s);
	ck_assert_msg(rc == 0, "%s: %s", name, err.msg);
}

struct doc_value member(struct slice document, const char *name)
{
	return doc_field(document, slice_of(name));
}

const char *text_of(struct slice document, const char *name)
{
	struct doc_value v = member(document, name);
	return v.type == BSON_TYPE_UTF8 ? doc_string(v).p : "";
}

static void print(struct doc_value v, struct buf *out)
{
	if (v.type == BSON_TYPE_EOD) {
		buf_puts(out, "nothing");
	} else {
		ejson_print_value(v, EJSON_CANONICAL, false, out);
	}
}

void check_same(const char *what, struct doc_value is, struct doc_value wanted)
{
	CLEANUP(buf_free) struct buf a = BUF_INIT;
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	print(is, &a);
	print(wanted, &b);
	ck_assert_msg(slice_equal(buf_slice(&a), buf_slice(&b)), "%s:\n  is     %s\n  wanted %s",
		what, buf_cstr(&a), buf_cstr(&b));
}
