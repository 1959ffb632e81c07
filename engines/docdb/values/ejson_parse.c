/* One document or value of text. */
#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson_impl.h"

static void free_reader(struct json_reader **r)
{
	json_reader_free(*r);
}

static int event(
	void *arg, enum json_event event, struct slice text, struct json_pos pos, struct err *err)
{
	return ejson_build_event(arg, event, text, pos, err);
}

static int parse(struct ejson_build *b, struct slice text, struct err *err)
{
	CLEANUP(free_reader) struct json_reader *r = json_reader_new(event, b, 0, false);
	if (r == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = json_feed(r, text, err);
	rc = rc != 0 ? rc : json_finish(r, err);
	rc = rc != 0 ? rc : buf_check(b->out, err);
	if (rc == 0 && b->out->n - b->base > DOC_BYTES_MAX) {
		rc = err_set(err, EFBIG,
			"the document has %zu bytes of BSON; at most %d are accepted",
			b->out->n - b->base, DOC_BYTES_MAX);
	}
	if (rc != 0) {
		b->out->n = b->base;
	}
	return rc;
}

int ejson_parse(struct slice text, struct slice like, struct buf *out, struct err *err)
{
	CLEANUP(ejson_build_free) struct ejson_build b = {0};
	ejson_build_start(&b, out, like, false);
	return parse(&b, text, err);
}

int ejson_parse_value(struct slice text, uint8_t *type, struct buf *out, struct err *err)
{
	CLEANUP(ejson_build_free) struct ejson_build b = {0};
	ejson_build_start(&b, out, slice_make("", 0), true);
	int rc = parse(&b, text, err);
	if (rc == 0) {
		*type = b.type;
	}
	return rc;
}
