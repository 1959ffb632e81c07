/* Filters and projections over documents: the first document of the text is a filter, or a
 * projection if it has a member "p"; all others are what it is about. Whatever is accepted runs
 * over them to an answer; what a projection makes is a document. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"
#include "engines/docdb/update/project.h"

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

struct work {
	struct doc_match *match;
	struct doc_project *project;
	bool begun;
};

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static int begin(struct work *w, struct slice document)
{
	struct err err = {0};
	struct doc_value projection = doc_field(document, slice_of("p"));
	struct doc_value filter = doc_field(document, slice_of("f"));
	w->begun = true;
	if (projection.type != BSON_TYPE_DOCUMENT) {
		int r = doc_match_new(document, &w->match, &err);
		require(r == -err.code);
		return r;
	}
	int r = doc_project_new(projection.raw, true, &w->project, &err);
	require(r == -err.code);
	if (r == 0 && filter.type == BSON_TYPE_DOCUMENT) {
		r = doc_match_new(filter.raw, &w->match, &err);
	}
	return r;
}

static void match(const struct work *w, struct slice document)
{
	struct err err = {0};
	struct doc_intervals intervals;
	int r = doc_matches(w->match, document, &err);
	require(r >= 0 ? err.code == 0 : r == -err.code);
	require(doc_match_implies(w->match, w->match));
	doc_match_intervals(w->match, slice_of("a"), true, &intervals);
}

static void project(const struct work *w, struct slice document)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;
	struct err err = {0};
	int r = doc_project_apply(w->project, document, w->match, &out, &err);
	require(r == -err.code);
	require(r < 0 || doc_check(buf_slice(&out), &err) == 0 || err.code == EFBIG ||
		strstr(err.msg, "levels") != NULL);
}

static int take(void *arg, struct slice document, unsigned long line, struct err *err)
{
	struct work *w = arg;
	(void)line;
	if (!w->begun) {
		return begin(w, document) < 0 ? err_set(err, EINVAL, "refused") : 0;
	}
	if (w->project != NULL) {
		project(w, document);
	} else {
		match(w, document);
	}
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
	doc_project_free(w.project);
	return 0;
}
