/* A sequence of documents, pushed: one reader and one builder for all of them, so that a
 * document costs no memory of its own.
 *
 * A document that cannot be is skipped to its end, which the reader finds by its brackets;
 * only text that is no JSON has no end to go on from. */
#include <errno.h>
#include <stdlib.h>

#include "engines/docdb/values/ejson_impl.h"

struct ejson_stream {
	ejson_fn *fn;
	ejson_bad_fn *bad;
	void *arg;
	struct json_reader *reader;
	struct ejson_build build;
	struct buf out;
	unsigned depth;	    /* brackets open */
	unsigned base;	    /* of these around the documents: 1 within an array of them */
	unsigned long line; /* on which this document began */
	struct err why;	    /* why it cannot be; code 0: it can */
};

/* It is whole: on to whoever wants it. */
static int finish_document(struct ejson_stream *s, struct err *err)
{
	if (s->why.code == 0 && s->out.n > DOC_BYTES_MAX) {
		err_set(&s->why, EFBIG,
			"the document has %zu bytes of BSON; at most %d are accepted", s->out.n,
			DOC_BYTES_MAX);
	}
	int rc = s->why.code == 0 ? s->fn(s->arg, buf_slice(&s->out), s->line, err)
				  : s->bad(s->arg, s->line, &s->why, err);
	buf_clear(&s->out);
	return rc;
}

static bool opens(enum json_event event)
{
	return event == JSON_EV_OBJECT_BEGIN || event == JSON_EV_ARRAY_BEGIN;
}

static bool closes(enum json_event event)
{
	return event == JSON_EV_OBJECT_END || event == JSON_EV_ARRAY_END;
}

/* The brackets of an array around the documents. */
static bool around(struct ejson_stream *s, enum json_event event)
{
	if (event == JSON_EV_ARRAY_BEGIN && s->depth == 0) {
		s->depth = s->base = 1;
		return true;
	}
	if (event == JSON_EV_ARRAY_END && s->depth == s->base) {
		s->depth = s->base = 0;
		return true;
	}
	return false;
}

static int on_event(
	void *arg, enum json_event event, struct slice text, struct json_pos pos, struct err *err)
{
	struct ejson_stream *s = arg;
	if (around(s, event)) {
		return 0;
	}
	if (s->depth == s->base) {
		s->line = pos.line;
		err_clear(&s->why);
		ejson_build_start(&s->build, &s->out, slice_make("", 0), false);
	}
	if (s->why.code == 0) {
		ejson_build_event(&s->build, event, text, pos, &s->why);
	}
	if (s->why.code == ENOMEM) {
		return err_set(err, ENOMEM, "%s", s->why.msg);
	}
	s->depth += opens(event) ? 1 : 0;
	s->depth -= closes(event) ? 1 : 0;
	return s->depth == s->base ? finish_document(s, err) : 0;
}

struct ejson_stream *ejson_stream_new(ejson_fn *fn, ejson_bad_fn *bad, void *arg)
{
	struct ejson_stream *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return NULL;
	}
	s->fn = fn;
	s->bad = bad;
	s->arg = arg;
	s->reader = json_reader_new(on_event, s, 0, true);
	if (s->reader == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

int ejson_stream_feed(struct ejson_stream *s, struct slice text, struct err *err)
{
	return json_feed(s->reader, text, err);
}

/* A file without a document is a sequence of none. */
int ejson_stream_finish(struct ejson_stream *s, struct err *err)
{
	return json_blank(s->reader) ? 0 : json_finish(s->reader, err);
}

void ejson_stream_free(struct ejson_stream *s)
{
	if (s == NULL) {
		return;
	}
	json_reader_free(s->reader);
	ejson_build_free(&s->build);
	buf_free(&s->out);
	free(s);
}
