/* Updates: the first document of the text is {"u": update, "f": filter, "a": arrayFilters}, all
 * others are what it is applied to. What it makes is a document, with the _id it had. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"
#include "engines/docdb/update/update.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

struct work {
	struct doc_match *match;
	struct doc_update *update;
	bool begun;
};

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void check(struct slice made, int r, const struct err *told)
{
	struct err err = {0};
	require(r == -told->code);
	require(r < 0 || doc_check(made, &err) == 0);
}

static void insert(const struct work *w)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	int r = doc_update_insert(w->update, w->match, 0, &out, &err);
	check(buf_slice(&out), r, &err);
}

static int begin(struct work *w, struct slice document)
{
	struct err err = {0};
	struct doc_value filter = doc_field(document, slice_of("f"));
	w->begun = true;
	int r = doc_update_new(doc_field(document, slice_of("u")),
		doc_field(document, slice_of("a")), &w->update, &err);
	require(r == -err.code);
	if (r == 0 && filter.type == BSON_TYPE_DOCUMENT) {
		r = doc_match_new(filter.raw, &w->match, &err);
	}
	if (r == 0) {
		insert(w);
	}
	return r;
}

static void apply(const struct work *w, struct slice document)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	bool changed = false;
	struct doc_value id = doc_field(document, slice_of("_id"));
	int r = doc_update_apply(w->update, document, w->match, 0, &out, &changed, &err);
	check(buf_slice(&out), r, &err);
	require(r < 0 || id.type == BSON_TYPE_EOD ||
		doc_equal(id, doc_field(buf_slice(&out), slice_of("_id"))));
	require(r < 0 || changed == !slice_equal(document, buf_slice(&out)));
}

static int take(void *arg, struct slice document, unsigned long line, struct err *err)
{
	struct work *w = arg;
	(void)line;
	if (!w->begun) {
		return begin(w, document) < 0 ? err_set(err, EINVAL, "refused") : 0;
	}
	apply(w, document);
	return 0;
}

static int bad(void *arg, unsigned long line, const struct err *why, struct err *err)
{
	(void)arg;
	(void)line;
	(void)why;
	return err_set(err, EINVAL, "no document");
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	struct work w = {0};
	struct ejson_stream *s = ejson_stream_new(take, bad, &w);
	require(s != NULL);
	if (ejson_stream_feed(s, slice_make(p, n), NULL) == 0) {
		ejson_stream_finish(s, NULL);
	}
	ejson_stream_free(s);
	doc_match_free(w.match);
	doc_update_free(w.update);
	return 0;
}
