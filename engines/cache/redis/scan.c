/* HSCAN, SSCAN, ZSCAN.
 *
 * A cursor is a number of 64 bits and nothing is kept for it, so it must say where to go on by
 * itself, and every element that is there all the time must come. Elements come in byte order of
 * names. What all names begin with alike says nothing, so of the name where a call ended the
 * cursor holds how long that beginning was (8 bits) and the seven bytes behind it, plus one: the
 * next call goes on with the first name whose seven bytes are not below. Names that agree in them
 * are given by one call, however small its COUNT. Where the names no longer begin alike for that
 * long, the scan goes back to the first: then some come twice, which SCAN may. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engines/cache/redis/elements.h"
#include "engines/common/cleanup.h"

#define CURSOR_BYTES 7
#define CURSOR_MASK  ((UINT64_C(1) << 56) - 1)
#define PREFIX_MAX   255
/* Redis gives so small a collection at once. */
#define SMALL 128

struct scan {
	struct redis_call *c;
	const struct redis_elements *e;
	const struct slice *match; /* NULL: all */
	uint64_t count;
	size_t prefix; /* how many bytes all names have in common */
	struct buf items;
	size_t n_items;
	uint64_t seen;
	uint64_t last; /* of the last one seen: its bytes behind the prefix */
	uint64_t next; /* the cursor */
};

static void scan_free(struct scan *s)
{
	buf_free(&s->items);
}

static int read_cursor(struct slice arg, uint64_t *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_append_slice(&text, arg);
	const char *p = buf_cstr(&text);
	char *end;

	errno = 0;
	*out = strtoull(p, &end, 10);
	if (arg.n == 0 || isspace((unsigned char)p[0]) || (size_t)(end - p) != arg.n ||
		errno == ERANGE) {
		return redis_error(err, "ERR invalid cursor");
	}
	return 0;
}

static int read_options(struct scan *s, struct err *err)
{
	const struct redis_call *c = s->c;

	for (unsigned i = 3; i < c->argc; i += 2) {
		bool more = i + 1 < c->argc;
		if (more && redis_arg_is(c->argv[i], "count")) {
			int64_t count;
			int rc = redis_arg_int(c->argv[i + 1], &count, err);
			if (rc < 0 || count < 1) {
				return rc < 0 ? rc : redis_syntax_error(err);
			}
			s->count = (uint64_t)count;
		} else if (more && redis_arg_is(c->argv[i], "match")) {
			s->match = &c->argv[i + 1];
		} else {
			return redis_syntax_error(err);
		}
	}
	return 0;
}

static uint64_t behind_prefix(struct slice name, size_t prefix)
{
	uint64_t value = 0;
	for (size_t i = 0; i < CURSOR_BYTES; i++) {
		value <<= 8;
		value |= prefix + i < name.n ? (unsigned char)name.p[prefix + i] : 0;
	}
	return value;
}

static size_t common_prefix(struct slice a, struct slice b)
{
	size_t n = 0;
	while (n < a.n && n < b.n && n < PREFIX_MAX && a.p[n] == b.p[n]) {
		n++;
	}
	return n;
}

/* The least name that begins with the prefix and these bytes: zero bytes at the end may lack. */
static void least_name(struct slice prefix, uint64_t value, struct buf *out)
{
	buf_append_slice(out, prefix);
	for (; (value & CURSOR_MASK) != 0; value <<= 8) {
		buf_putc(out, (char)(value >> 48 & 0xff));
	}
}

/* Where to begin; `from` stays empty for the first. */
static int locate(struct scan *s, const struct redis_key *key, uint64_t cursor, struct buf *from,
	struct err *err)
{
	CLEANUP(buf_free) struct buf first = BUF_INIT;
	CLEANUP(buf_free) struct buf last = BUF_INIT;
	int rc = redis_element_end(s->c->t, s->e, key->id, false, &first, err);

	rc = rc < 0 ? rc : redis_element_end(s->c->t, s->e, key->id, true, &last, err);
	if (rc < 0) {
		return rc;
	}
	size_t common = common_prefix(buf_slice(&first), buf_slice(&last));
	size_t was = cursor >> 56;
	s->prefix = cursor == 0 || common < was ? common : was;
	if (cursor != 0 && s->prefix == was) {
		least_name(slice_make(first.p, was), cursor & CURSOR_MASK, from);
	}
	return buf_check(from, err);
}

static int scan_one(void *arg, const struct redis_element *element, struct err *err)
{
	struct scan *s = arg;
	uint64_t at = behind_prefix(element->name, s->prefix);

	(void)err;
	if (s->seen >= s->count && at != s->last) {
		s->next = (uint64_t)s->prefix << 56 | (s->last + 1);
		return 1;
	}
	s->seen++;
	s->last = at;
	if (s->match != NULL && !redis_glob(*s->match, element->name)) {
		return 0;
	}
	redis_reply_bulk(&s->items, element->name);
	s->n_items++;
	if (s->e->type != REDIS_SET) {
		redis_reply_value(&s->items, s->e, &element->value);
		s->n_items++;
	}
	return 0;
}

static int scan_key(struct scan *s, const struct redis_key *key, uint64_t cursor, struct err *err)
{
	CLEANUP(buf_free) struct buf from = BUF_INIT;
	int rc = locate(s, key, cursor, &from, err);

	if (key->n <= SMALL) {
		s->count = SMALL;
	}
	struct slice begin = buf_slice(&from);
	rc = rc < 0 ? rc
		    : redis_elements_each(
			      s->c->t, s->e, key->id, from.n > 0 ? &begin : NULL, scan_one, s, err);
	return rc < 0 ? rc : 0;
}

int redis_scan_elements(struct redis_call *c, const struct redis_elements *e, struct err *err)
{
	CLEANUP(scan_free) struct scan s = {.c = c, .e = e, .count = 10};
	struct redis_key key;
	uint64_t cursor;
	int rc = read_cursor(c->argv[2], &cursor, err);

	rc = rc < 0 ? rc : redis_call_key(c, e, c->argv[1], &key, err);
	if (rc == 1) { /* of a key that is not there, options are not looked at */
		rc = read_options(&s, err);
		rc = rc < 0 ? rc : scan_key(&s, &key, cursor, err);
	}
	if (rc < 0) {
		return rc;
	}
	char next[24];
	struct buf text = {.p = next, .cap = sizeof(next)};
	buf_printf(&text, "%" PRIu64, s.next);
	redis_reply_array(c->out, 2);
	redis_reply_bulk(c->out, buf_slice(&text));
	redis_reply_array(c->out, s.n_items);
	buf_append_slice(c->out, buf_slice(&s.items));
	return buf_check(&s.items, err);
}
