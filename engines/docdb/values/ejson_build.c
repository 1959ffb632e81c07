/* Events of the JSON reader become BSON as they come: an element's type byte and name are
 * written when its name is known, its value when that comes, a document's length at its
 * end. Only wrappers need a second look (ejson_wrapper.c). */
#include <errno.h>
#include <stdlib.h>

#include "engines/docdb/values/ejson_impl.h"

/* No document of DOC_BYTES_MAX needs more while it is made: base64 is the longest detour. */
#define MADE_MAX ((size_t)2 * DOC_BYTES_MAX)
/* In place of a head: the value is the top. */
#define NO_HEAD SIZE_MAX

static void levels_drop(struct ejson_build *b)
{
	while (b->n > 0) {
		ejson_like_free(&b->levels[--b->n].like);
	}
}

void ejson_build_start(struct ejson_build *b, struct buf *out, struct slice like, bool any_value)
{
	levels_drop(b);
	names_seen_start(&b->names);
	b->out = out;
	b->base = out->n;
	b->any_value = any_value;
	b->type = BSON_TYPE_EOD;
	b->done = false;
	b->like = like;
	b->like_here = like.n > 0 ? doc_value_of(like) : DOC_MISSING;
	b->head = NO_HEAD;
	b->deep = (struct json_pos){0, 0};
}

void ejson_build_free(struct ejson_build *b)
{
	levels_drop(b);
	free(b->levels);
	names_seen_free(&b->names);
	buf_free(&b->scratch);
}

static struct ejson_level *top(struct ejson_build *b)
{
	return b->n > 0 ? &b->levels[b->n - 1] : NULL;
}

/* ---- elements ---- */

/* An element of an array: its head. */
static void begin_element(struct ejson_build *b, struct ejson_level *l)
{
	char name[12];
	b->head = b->out->n;
	buf_putc(b->out, '\0');
	buf_append(b->out, name, doc_index_name(l->index++, name) + 1);
	b->like_here = l->like.document.n > 0 ? ejson_like_element(&l->like) : DOC_MISSING;
}

static int begin_value(struct ejson_build *b, struct json_pos pos, struct err *err)
{
	struct ejson_level *l = top(b);
	if (l != NULL && l->type == BSON_TYPE_ARRAY) {
		begin_element(b, l);
	}
	if (b->out->n - b->base > MADE_MAX) {
		return err_set(err, EFBIG, EJSON_AT "the document has more than %d bytes of BSON",
			EJSON_AT_ARGS(pos), DOC_BYTES_MAX);
	}
	return 0;
}

static void set_type(struct ejson_build *b, size_t head, uint8_t type)
{
	if (head == NO_HEAD) {
		b->type = type;
	} else if (!b->out->failed) {
		b->out->p[head] = (char)type;
	}
}

/* A value that needs no second look. */
static void put(struct ejson_build *b, uint8_t type, const void *raw, size_t n)
{
	set_type(b, b->head, type);
	buf_append(b->out, raw, n);
	b->done = b->n == 0;
}

static void put64(struct ejson_build *b, uint8_t type, uint64_t n)
{
	char raw[8];
	doc_store64(raw, n);
	put(b, type, raw, sizeof(raw));
}

static void put32(struct ejson_build *b, int32_t n)
{
	char raw[4];
	doc_store32(raw, (uint32_t)n);
	put(b, BSON_TYPE_INT32, raw, sizeof(raw));
}

static int put_double(struct ejson_build *b, double n)
{
	uint64_t bits;
	memcpy(&bits, &n, sizeof(bits));
	put64(b, BSON_TYPE_DOUBLE, bits);
	return 0;
}

static int put_text(struct ejson_build *b, struct slice text, struct json_pos pos, struct err *err)
{
	char length[4];
	if (text.n > MADE_MAX) {
		return err_set(err, EFBIG, EJSON_AT "the document has more than %d bytes of BSON",
			EJSON_AT_ARGS(pos), DOC_BYTES_MAX);
	}
	doc_store32(length, (uint32_t)text.n + 1);
	put(b, BSON_TYPE_UTF8, length, sizeof(length));
	buf_append_slice(b->out, text);
	buf_putc(b->out, '\0');
	return 0;
}

/* ---- plain numbers ---- */

static bool put_like_decimal(struct ejson_build *b, struct slice text)
{
	bson_decimal128_t n;
	char raw[16];
	if (!doc_decimal_parse(text, &n)) {
		return false;
	}
	doc_store64(raw, n.low);
	doc_store64(raw + 8, n.high);
	put(b, BSON_TYPE_DECIMAL128, raw, sizeof(raw));
	return true;
}

/* The digits of a number's text, without its point, exponent and zeros at the end. */
static size_t digits_of(struct slice text, char out[EJSON_SCALAR_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < text.n && n < EJSON_SCALAR_MAX && text.p[i] != 'e'; i++) {
		if (text.p[i] >= '0' && text.p[i] <= '9') {
			out[n++] = text.p[i];
		}
	}
	while (n > 0 && out[n - 1] == '0') {
		n--;
	}
	return n;
}

/* Whether the integer is the double's shortest text, filled up with zeros, as jq writes
 * large doubles: 2549081013601706500 is 2.5490810136017065e+18. */
static bool is_shortest(struct slice text, double d)
{
	char shortest[EJSON_SCALAR_MAX];
	char a[EJSON_SCALAR_MAX];
	char b[EJSON_SCALAR_MAX];
	struct slice own = slice_make(shortest, ejson_double_text(d, shortest));
	return slice_equal(slice_make(a, digits_of(text, a)), slice_make(b, digits_of(own, b)));
}

/* An integer where a double stood. "-0" is what jq makes of -0.0. */
static bool put_like_double(struct ejson_build *b, struct slice text, int64_t n)
{
	double d = (double)n;
	bool exact = d < 9223372036854775808.0 && (int64_t)d == n;
	if (!exact && !is_shortest(text, d)) {
		return false;
	}
	put_double(b, n == 0 && text.p[0] == '-' ? -0.0 : d);
	return true;
}

static void put_integer(struct ejson_build *b, struct slice text, int64_t n)
{
	uint8_t like = b->like_here.type;
	if (like == BSON_TYPE_DOUBLE && put_like_double(b, text, n)) {
		return;
	}
	if (n >= INT32_MIN && n <= INT32_MAX && like != BSON_TYPE_INT64) {
		put32(b, (int32_t)n);
	} else {
		put64(b, BSON_TYPE_INT64, (uint64_t)n);
	}
}

static int put_number(
	struct ejson_build *b, struct slice text, struct json_pos pos, struct err *err)
{
	int64_t n;
	double d;
	if (b->like_here.type == BSON_TYPE_DECIMAL128 && put_like_decimal(b, text)) {
		return 0;
	}
	if (ejson_int64_parse(text, &n)) {
		put_integer(b, text, n);
		return 0;
	}
	switch (ejson_double_parse(text, &d)) {
	case 0: return put_double(b, d);
	case -ENOMEM: return err_set(err, ENOMEM, "out of memory");
	default:
		return err_set(err, EINVAL, EJSON_AT "no double is as large as this number",
			EJSON_AT_ARGS(pos));
	}
}

/* ---- objects and arrays ---- */

static struct ejson_level *push(struct ejson_build *b)
{
	if (b->n == b->cap) {
		unsigned cap = b->cap > 0 ? b->cap * 2 : 16;
		struct ejson_level *p = realloc(b->levels, cap * sizeof(*p));
		if (p == NULL) {
			return NULL;
		}
		b->levels = p;
		b->cap = cap;
	}
	return &b->levels[b->n++];
}

static int begin_nested(struct ejson_build *b, uint8_t type, struct json_pos pos, struct err *err)
{
	struct doc_value like = b->like_here;
	struct ejson_level *l = push(b);
	if (l == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*l = (struct ejson_level){
		.head = b->head, .pos = pos, .names = names_seen_begin(&b->names), .type = type};
	ejson_like_init(&l->like, like.type == type ? like.raw : slice_make("", 0));
	if (like.type == BSON_TYPE_CODEWSCOPE) {
		l->like_scope = doc_scope(like);
	}
	l->start = doc_begin(b->out);
	if (b->n > DOC_DEPTH_MAX && b->deep.line == 0) {
		b->deep = pos;
	}
	return 0;
}

/* What lies from l->start on is a wrapper's members: the value takes its place. */
static int unwrap(
	struct ejson_build *b, const struct ejson_level *l, uint8_t *type, struct err *err)
{
	struct slice object = slice_make(b->out->p + l->start, b->out->n - l->start);
	buf_clear(&b->scratch);
	int rc = ejson_unwrap(l->wrapper, object, l->wrapper_pos, type, &b->scratch, err);
	if (rc != 0) {
		return rc;
	}
	b->out->n = l->start;
	buf_append_slice(b->out, buf_slice(&b->scratch));
	set_type(b, l->head, *type);
	return 0;
}

static int end_nested(struct ejson_build *b, struct err *err)
{
	struct ejson_level *l = top(b);
	doc_end(b->out, l->start);
	int rc = buf_check(b->out, err);
	unsigned height = l->height;
	bool wraps = l->wrapper != NULL && (b->n > 1 || b->any_value);
	if (rc == 0 && wraps) {
		uint8_t type = BSON_TYPE_EOD;
		rc = unwrap(b, l, &type, err);
		/* Code with scope is the one wrapper that still nests. */
		height = type == BSON_TYPE_CODEWSCOPE ? height : 0;
	} else if (rc == 0) {
		set_type(b, l->head, l->type);
		height++;
	}
	names_seen_end(&b->names, l->names);
	ejson_like_free(&l->like);
	b->n--;
	if (b->n > 0 && top(b)->height < height) {
		top(b)->height = height;
	}
	b->done = b->n == 0;
	if (rc == 0 && b->done && height > DOC_DEPTH_MAX) {
		rc = err_set(err, EINVAL, EJSON_AT "the document nests deeper than %d levels",
			EJSON_AT_ARGS(b->deep), DOC_DEPTH_MAX);
	}
	return rc;
}

/* ---- names ---- */

static int refuse_twice(struct slice name, struct json_pos pos, struct err *err)
{
	return err_set(err, EINVAL, EJSON_AT "the name \"%.*s\" stands twice in one object",
		EJSON_AT_ARGS(pos), name.n < 100 ? (int)name.n : 100, name.p);
}

static void note_wrapper(struct ejson_level *l, struct slice name, struct json_pos pos)
{
	if (l->wrapper == NULL && name.n > 0 && name.p[0] == '$') {
		l->wrapper = ejson_wrapper_find(name);
		l->wrapper_pos = pos;
	}
}

/* Code has one member that may hold numbers: its scope. */
static void follow_like(struct ejson_build *b, struct ejson_level *l, struct slice name)
{
	if (l->like.document.n > 0) {
		b->like_here = ejson_like_member(&l->like, name);
	} else if (l->like_scope.n > 0 && slice_is(name, "$scope")) {
		b->like_here = doc_value_of(l->like_scope);
	} else {
		b->like_here = DOC_MISSING;
	}
}

static int put_name(struct ejson_build *b, struct slice name, struct json_pos pos, struct err *err)
{
	struct ejson_level *l = top(b);
	if (name.n > 0 && memchr(name.p, '\0', name.n) != NULL) {
		return err_set(err, EINVAL, EJSON_AT "a member name holds a NUL character",
			EJSON_AT_ARGS(pos));
	}
	b->head = b->out->n;
	buf_putc(b->out, '\0');
	buf_append_slice(b->out, name);
	buf_putc(b->out, '\0');
	int rc = buf_check(b->out, err);
	if (rc != 0) {
		return rc;
	}
	if (!names_seen_add(&b->names, l->names, b->out->p, b->head + 1, name.n)) {
		return b->names.failed ? err_set(err, ENOMEM, "out of memory")
				       : refuse_twice(name, pos, err);
	}
	note_wrapper(l, name, pos);
	follow_like(b, l, name);
	return 0;
}

/* ---- events ---- */

static const char *event_noun(enum json_event event)
{
	switch (event) {
	case JSON_EV_ARRAY_BEGIN: return "an array";
	case JSON_EV_STRING: return "a string";
	case JSON_EV_NUMBER: return "a number";
	default: return "a word";
	}
}

static int put_value(struct ejson_build *b, enum json_event event, struct slice text,
	struct json_pos pos, struct err *err)
{
	char yes = event == JSON_EV_TRUE ? 1 : 0;
	int rc = begin_value(b, pos, err);
	if (rc != 0) {
		return rc;
	}
	switch (event) {
	case JSON_EV_OBJECT_BEGIN: return begin_nested(b, BSON_TYPE_DOCUMENT, pos, err);
	case JSON_EV_ARRAY_BEGIN: return begin_nested(b, BSON_TYPE_ARRAY, pos, err);
	case JSON_EV_STRING: return put_text(b, text, pos, err);
	case JSON_EV_NUMBER: return put_number(b, text, pos, err);
	case JSON_EV_NULL: put(b, BSON_TYPE_NULL, "", 0); return 0;
	default: put(b, BSON_TYPE_BOOL, &yes, 1); return 0;
	}
}

int ejson_build_event(struct ejson_build *b, enum json_event event, struct slice text,
	struct json_pos pos, struct err *err)
{
	if (event == JSON_EV_KEY) {
		return put_name(b, text, pos, err);
	}
	if (event == JSON_EV_OBJECT_END || event == JSON_EV_ARRAY_END) {
		return end_nested(b, err);
	}
	if (b->n == 0 && !b->any_value && event != JSON_EV_OBJECT_BEGIN) {
		return err_set(err, EINVAL,
			EJSON_AT "expected a document like {\"a\": 1}, found %s",
			EJSON_AT_ARGS(pos), event_noun(event));
	}
	return put_value(b, event, text, pos, err);
}
