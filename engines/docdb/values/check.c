/* Whether bytes from outside are a document. One pass with a stack of the documents that
 * are open, so that depth costs no stack of ours.
 *
 * Beyond the format: names and text are UTF-8, no name comes twice in one object, and the
 * limits. Names of an array's elements are not looked at: readers go by position. */
#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/common/name.h"
#include "engines/docdb/values/names_seen.h"
#include "engines/docdb/values/value_impl.h"

struct open_document {
	size_t end; /* where its final NUL stands */
	struct seen_object names;
	bool array;
};

struct checker {
	struct slice all;
	size_t at;
	struct names_seen names;
	struct open_document open[DOC_DEPTH_MAX];
	unsigned depth;
	struct err *err;
};

static void checker_free(struct checker *c)
{
	names_seen_free(&c->names);
}

static int refuse(const struct checker *c, size_t at, const char *what)
{
	return err_set(c->err, EINVAL, "no valid BSON: at byte %zu %s", at, what);
}

static size_t limit(const struct checker *c)
{
	return c->depth > 0 ? c->open[c->depth - 1].end : c->all.n;
}

/* A document begins at c->at and may reach to `end`. */
static int open_document(struct checker *c, size_t end, bool array)
{
	size_t left = end - c->at;
	size_t n = left >= 5 ? doc_load32(c->all.p + c->at) : 0;
	if (n < 5 || n > left) {
		return refuse(c, c->at, "a document's length is wrong");
	}
	if (c->all.p[c->at + n - 1] != '\0') {
		return refuse(c, c->at + n - 1, "a document does not end with a NUL");
	}
	if (c->depth == DOC_DEPTH_MAX) {
		return err_set(
			c->err, EINVAL, "the document nests deeper than %d levels", DOC_DEPTH_MAX);
	}
	c->open[c->depth++] =
		(struct open_document){c->at + n - 1, names_seen_begin(&c->names), array};
	c->at += 4;
	return 0;
}

static void close_document(struct checker *c)
{
	struct open_document *d = &c->open[--c->depth];
	names_seen_end(&c->names, d->names);
	c->at = d->end + 1;
}

/* ---- values ---- */

static bool text_valid(const char *p, size_t n)
{
	return utf8_valid(slice_make(p, n));
}

/* A string of n bytes with its length. */
static int check_string(const struct checker *c, const char *p, size_t n)
{
	if (n < 5 || doc_load32(p) != n - 4 || p[n - 1] != '\0') {
		return refuse(c, c->at, "a string's length is wrong");
	}
	return text_valid(p + 4, n - 5) ? 0 : refuse(c, c->at, "a string is not UTF-8");
}

static int check_binary(const struct checker *c, const char *p, size_t n)
{
	bool wrong = (uint8_t)p[4] == BSON_SUBTYPE_BINARY_DEPRECATED &&
		     (n < 9 || doc_load32(p + 5) != n - 9);
	return wrong ? refuse(c, c->at, "the inner length of old binary data is wrong") : 0;
}

static int check_regex(const struct checker *c, const char *p, size_t n)
{
	return text_valid(p, n) ? 0 : refuse(c, c->at, "a regular expression is not UTF-8");
}

static int check_value(const struct checker *c, uint8_t type, const char *p, size_t n)
{
	switch (type) {
	case BSON_TYPE_UTF8:
	case BSON_TYPE_SYMBOL:
	case BSON_TYPE_CODE: return check_string(c, p, n);
	case BSON_TYPE_DBPOINTER: return check_string(c, p, n - 12);
	case BSON_TYPE_BINARY: return check_binary(c, p, n);
	case BSON_TYPE_REGEX: return check_regex(c, p, n);
	case BSON_TYPE_BOOL:
		return (uint8_t)*p <= 1 ? 0 : refuse(c, c->at, "a bool is neither 0 nor 1");
	default: return 0;
	}
}

/* Code with scope: its length, a string, a document. The two lengths must fill it. It
 * stands among the open ones for itself, since the level is one. */
static int open_scope(struct checker *c, size_t n)
{
	const char *p = c->all.p + c->at;
	size_t code = n >= 14 ? (size_t)doc_load32(p + 4) + 4 : SIZE_MAX;
	if (code > n - 4 || n - 4 - code < 5 || doc_load32(p + 4 + code) != n - 4 - code) {
		return refuse(c, c->at, "the lengths of code with scope are wrong");
	}
	int rc = check_string(c, p + 4, code);
	c->at += 4 + code;
	return rc != 0 ? rc : open_document(c, c->at + (n - 4 - code), false);
}

static int check_name(struct checker *c, size_t at, size_t n)
{
	struct open_document *d = &c->open[c->depth - 1];
	if (!text_valid(c->all.p + at, n)) {
		return refuse(c, at, "a name is not UTF-8");
	}
	if (d->array || names_seen_add(&c->names, d->names, c->all.p, at, n)) {
		return 0;
	}
	if (c->names.failed) {
		return err_set(c->err, ENOMEM, "out of memory");
	}
	return err_set(c->err, EINVAL, "the name \"%.*s\" stands twice in one object",
		n < 100 ? (int)n : 100, c->all.p + at);
}

/* One member: type, name, value. */
static int check_member(struct checker *c)
{
	size_t end = limit(c);
	uint8_t type = (uint8_t)c->all.p[c->at++];
	size_t name = strnlen(c->all.p + c->at, end - c->at);
	if (name == end - c->at) {
		return refuse(c, c->at, "a name does not end");
	}
	int rc = check_name(c, c->at, name);
	c->at += name + 1;
	if (rc != 0) {
		return rc;
	}
	size_t n = doc_value_size(type, c->all.p + c->at, end - c->at);
	if (n == DOC_SIZE_BAD || n > end - c->at) {
		return refuse(c, c->at, "a value is cut off, or of no known type");
	}
	if (type == BSON_TYPE_DOCUMENT || type == BSON_TYPE_ARRAY) {
		return open_document(c, c->at + n, type == BSON_TYPE_ARRAY);
	}
	if (type == BSON_TYPE_CODEWSCOPE) {
		return open_scope(c, n);
	}
	rc = check_value(c, type, c->all.p + c->at, n);
	c->at += n;
	return rc;
}

static int check_members(struct checker *c)
{
	int rc = 0;
	while (rc == 0 && c->depth > 0) {
		if (c->at < limit(c)) {
			rc = check_member(c);
		} else {
			close_document(c);
		}
	}
	return rc;
}

int doc_check(struct slice document, struct err *err)
{
	if (document.n > DOC_BYTES_MAX) {
		return err_set(err, EFBIG,
			"the document has %zu bytes of BSON; at most %d are accepted", document.n,
			DOC_BYTES_MAX);
	}
	CLEANUP(checker_free) struct checker c = {.all = document, .err = err};
	names_seen_start(&c.names);
	int rc = open_document(&c, document.n, false);
	if (rc == 0 && c.open[0].end + 1 != document.n) {
		rc = refuse(&c, c.open[0].end + 1, "the document ends, but the bytes do not");
	}
	return rc != 0 ? rc : check_members(&c);
}
