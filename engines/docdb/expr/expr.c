/* Evaluating: literals, paths, variables, constructors, and how values are made. */
#include "engines/docdb/expr/expr_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int doc_expr_eval(const struct doc_expr *e, const struct doc_vars *vars, struct doc_arena *a,
	struct doc_value *out, struct err *err)
{
	struct expr_run run = {.vars = *vars, .a = a, .err = err};
	struct doc_value v = DOC_MISSING;
	int r = expr_eval(e, &run, &v);

	if (r == 0) {
		r = doc_arena_check(a, err);
	}
	if (r == 0) {
		*out = v;
	}
	return r;
}

bool doc_is_true(struct doc_value v)
{
	switch (v.type) {
	case BSON_TYPE_EOD:
	case BSON_TYPE_NULL:
	case BSON_TYPE_UNDEFINED: return false;
	case BSON_TYPE_BOOL: return doc_bool(v);
	case BSON_TYPE_INT32: return doc_int32(v) != 0;
	case BSON_TYPE_INT64: return doc_int64(v) != 0;
	case BSON_TYPE_DOUBLE: return doc_double(v) != 0;
	case BSON_TYPE_DECIMAL128: {
		struct doc_value zero = {BSON_TYPE_INT32, {"\0\0\0", 4}};
		return doc_number_compare(v, zero) != 0;
	}
	default: return true;
	}
}

const char *expr_type_name(struct doc_value v)
{
	return v.type == BSON_TYPE_EOD ? "missing" : doc_type_name(v.type);
}

int expr_compare(struct doc_value a, struct doc_value b)
{
	bool no_a = a.type == BSON_TYPE_EOD;
	bool no_b = b.type == BSON_TYPE_EOD;

	if (!no_a && !no_b) {
		return doc_compare(a, b);
	}
	if (no_a && no_b) {
		return 0;
	}
	if ((no_a ? b : a).type == BSON_TYPE_MINKEY) {
		return no_a ? 1 : -1;
	}
	return no_a ? -1 : 1;
}

bool expr_as_int32(struct doc_value v, int32_t *out)
{
	int64_t n = 0;

	if (!doc_is_number(v) || !doc_as_int64(v, &n) || n < INT32_MIN || n > INT32_MAX) {
		return false;
	}
	*out = (int32_t)n;
	return true;
}

/* ---- making values ---- */

int expr_alloc(struct expr_run *run, size_t n, void **out)
{
	*out = NULL;
	if (n > EXPR_BYTES_MAX || run->made > EXPR_MEMORY_MAX - n) {
		err_set(run->err, EFBIG,
			"BSONObjectTooLarge: an expression makes a value that is too large; a "
			"document "
			"has at most %d bytes",
			DOC_BYTES_MAX);
		return -EFBIG;
	}
	run->made += n;
	*out = doc_arena_alloc(run->a, n);
	if (*out == NULL) {
		doc_arena_check(run->a, run->err);
		return -ENOMEM;
	}
	return 0;
}

int expr_bool(struct expr_run *run, bool b, struct doc_value *out)
{
	*out = doc_make_bool(run->a, b);
	return 0;
}

int expr_int32(struct expr_run *run, int32_t n, struct doc_value *out)
{
	*out = doc_make_int32(run->a, n);
	return 0;
}

int expr_integer(struct expr_run *run, int64_t n, struct doc_value *out)
{
	*out = n >= INT32_MIN && n <= INT32_MAX ? doc_make_int32(run->a, (int32_t)n)
						: doc_make_int64(run->a, n);
	return 0;
}

int expr_null(struct doc_value *out)
{
	*out = doc_make_null();
	return 0;
}

static char *put_length(char *p, size_t n)
{
	uint32_t le = BSON_UINT32_TO_LE((uint32_t)n);

	memcpy(p, &le, 4);
	return p + 4;
}

static char *put_bytes(char *p, const void *bytes, size_t n)
{
	if (n > 0) {
		memcpy(p, bytes, n);
	}
	return p + n;
}

int expr_string_room(struct expr_run *run, size_t n, char **text, struct doc_value *out)
{
	void *p;
	int r = expr_alloc(run, n + 5, &p);

	if (r != 0) {
		return r;
	}
	*text = put_length(p, n + 1);
	(*text)[n] = '\0';
	*out = (struct doc_value){BSON_TYPE_UTF8, slice_make(p, n + 5)};
	return 0;
}

int expr_string(struct expr_run *run, struct slice text, struct doc_value *out)
{
	char *room;
	int r = expr_string_room(run, text.n, &room, out);

	if (r == 0) {
		put_bytes(room, text.p, text.n);
	}
	return r;
}

/* Twice the room for what has grown; what it was is left to the arena. */
static int grow(struct expr_run *run, void **at, size_t n, size_t *cap, size_t size)
{
	size_t more = *cap == 0 ? 8 : *cap * 2;
	void *p;
	int r;

	if (n < *cap) {
		return 0;
	}
	r = expr_alloc(run, more * size, &p);
	if (r == 0) {
		put_bytes(p, *at, n * size);
		*at = p;
		*cap = more;
	}
	return r;
}

int expr_list_add(struct expr_run *run, struct expr_list *list, struct doc_value v)
{
	void *at = list->at;
	int r = grow(run, &at, list->n, &list->cap, sizeof(*list->at));

	if (r == 0) {
		list->at = at;
		list->at[list->n++] = v;
	}
	return r;
}

int expr_list_fill(struct expr_run *run, struct expr_list *list, struct slice array)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;

	doc_iter_init(&it, array);
	while (r == 0 && doc_next(&it, &name, &v)) {
		r = expr_list_add(run, list, v);
	}
	return r;
}

static unsigned digits(size_t n)
{
	unsigned count = 1;

	while (n >= 10) {
		n /= 10;
		count++;
	}
	return count;
}

static char *put_index(char *p, size_t i)
{
	unsigned n = digits(i);

	for (unsigned k = n; k-- > 0; i /= 10) {
		p[k] = (char)('0' + i % 10);
	}
	p[n] = '\0';
	return p + n + 1;
}

int expr_list_array(struct expr_run *run, const struct expr_list *list, struct doc_value *out)
{
	size_t n = 5;
	void *start;
	char *p;
	int r;

	for (size_t i = 0; i < list->n; i++) {
		n += digits(i) + 2 + list->at[i].raw.n;
	}
	r = expr_alloc(run, n, &start);
	if (r != 0) {
		return r;
	}
	p = put_length(start, n);
	for (size_t i = 0; i < list->n; i++) {
		const struct doc_value *v = &list->at[i];
		*p++ = (char)(v->type == BSON_TYPE_EOD ? BSON_TYPE_NULL : v->type);
		p = put_index(p, i);
		p = put_bytes(p, v->raw.p, v->raw.n);
	}
	*p = '\0';
	*out = (struct doc_value){BSON_TYPE_ARRAY, slice_make(start, n)};
	return 0;
}

int expr_member_add(
	struct expr_run *run, struct expr_members *m, struct slice name, struct doc_value v)
{
	void *at = m->at;
	int r = grow(run, &at, m->n, &m->cap, sizeof(*m->at));

	if (r == 0) {
		m->at = at;
		m->at[m->n++] = (struct expr_member){name, v};
	}
	return r;
}

int expr_member_set(
	struct expr_run *run, struct expr_members *m, struct slice name, struct doc_value v)
{
	for (size_t i = 0; i < m->n; i++) {
		if (slice_equal(m->at[i].name, name)) {
			m->at[i].v = v;
			return 0;
		}
	}
	return expr_member_add(run, m, name, v);
}

int expr_members_object(struct expr_run *run, const struct expr_members *m, struct doc_value *out)
{
	size_t n = 5;
	void *start;
	char *p;
	int r;

	for (size_t i = 0; i < m->n; i++) {
		n += m->at[i].v.type == BSON_TYPE_EOD ? 0 : m->at[i].name.n + 2 + m->at[i].v.raw.n;
	}
	r = expr_alloc(run, n, &start);
	if (r != 0) {
		return r;
	}
	p = put_length(start, n);
	for (size_t i = 0; i < m->n; i++) {
		const struct expr_member *one = &m->at[i];
		if (one->v.type != BSON_TYPE_EOD) {
			*p++ = (char)one->v.type;
			p = put_bytes(p, one->name.p, one->name.n);
			*p++ = '\0';
			p = put_bytes(p, one->v.raw.p, one->v.raw.n);
		}
	}
	*p = '\0';
	*out = (struct doc_value){BSON_TYPE_DOCUMENT, slice_make(start, n)};
	return 0;
}

unsigned expr_levels(struct doc_value v, unsigned max)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value member;
	unsigned deepest = 0;

	if (v.type != BSON_TYPE_DOCUMENT && v.type != BSON_TYPE_ARRAY) {
		return 0;
	}
	if (max == 0) {
		return 1;
	}
	doc_iter_init(&it, v.raw);
	while (deepest < max && doc_next(&it, &name, &member)) {
		unsigned levels = expr_levels(member, max - 1);
		deepest = levels > deepest ? levels : deepest;
	}
	return deepest + 1;
}

/* ---- paths ---- */

/* The rest of a path in each of an array's objects. */
static int path_through(struct expr_run *run, struct slice array, const struct slice *names,
	unsigned n, struct doc_value *out)
{
	struct expr_list list = {0};
	struct doc_iter it;
	struct slice name;
	struct doc_value element;
	struct doc_value v;

	doc_iter_init(&it, array);
	while (doc_next(&it, &name, &element)) {
		int r = 0;
		if (element.type != BSON_TYPE_DOCUMENT) {
			continue;
		}
		r = expr_path_in(run, element.raw, names, n, &v);
		if (r == 0 && v.type != BSON_TYPE_EOD) {
			r = expr_list_add(run, &list, v);
		}
		if (r != 0) {
			return r;
		}
	}
	return expr_list_array(run, &list, out);
}

/* The rest of a path in any value. */
int expr_path_on(struct expr_run *run, struct doc_value v, const struct slice *names, unsigned n,
	struct doc_value *out)
{
	if (n == 0) {
		*out = v;
		return 0;
	}
	if (v.type == BSON_TYPE_DOCUMENT) {
		return expr_path_in(run, v.raw, names, n, out);
	}
	if (v.type == BSON_TYPE_ARRAY) {
		return path_through(run, v.raw, names, n, out);
	}
	*out = DOC_MISSING;
	return 0;
}

int expr_path_in(struct expr_run *run, struct slice document, const struct slice *names, unsigned n,
	struct doc_value *out)
{
	for (;;) {
		struct doc_value v = doc_field(document, names[0]);
		names++;
		n--;
		if (n == 0 || v.type != BSON_TYPE_DOCUMENT) {
			return expr_path_on(run, v, names, n, out);
		}
		document = v.raw;
	}
}

struct doc_value doc_expr_path(struct slice document, struct slice path, struct doc_arena *a)
{
	struct expr_run run = {.a = a};
	struct slice names[DOC_DEPTH_MAX + 1];
	struct doc_value out = DOC_MISSING;
	unsigned n = 0;

	for (;;) {
		const char *dot = path.n > 0 ? memchr(path.p, '.', path.n) : NULL;
		size_t len = dot == NULL ? path.n : (size_t)(dot - path.p);
		if (n == DOC_DEPTH_MAX + 1) {
			return DOC_MISSING; /* no document is that deep */
		}
		names[n++] = slice_make(path.p, len);
		if (dot == NULL) {
			break;
		}
		path = slice_make(dot + 1, path.n - len - 1);
	}
	return expr_path_in(&run, document, names, n, &out) == 0 ? out : DOC_MISSING;
}
