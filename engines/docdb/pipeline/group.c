/* $group. Groups come out in the order in which their first documents came in. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/suggest.h"
#include "engines/docdb/pipeline/accumulators.h"
#include "engines/docdb/pipeline/pipeline_impl.h"

struct group_field {
	const struct acc_op *op;
	struct doc_expr *arg; /* NULL: none */
	struct buf name;
};

struct group_stage {
	struct stage base;
	struct doc_expr *id;
	struct group_field *fields;
	unsigned n;
};

struct group {
	struct group *next; /* in order */
	uint64_t hash;
	struct doc_value id; /* its bytes are behind the states */
	union acc_state states[];
};

struct group_cursor {
	struct stage_cursor c;
	struct group **slots; /* open addressing */
	size_t cap, n;
	struct group *first, *last;
	bool filled;
};

/* ---- compiling ---- */

static void free_stage(struct stage *s)
{
	struct group_stage *g = (struct group_stage *)s;

	doc_expr_free(g->id);
	for (unsigned i = 0; i < g->n; i++) {
		doc_expr_free(g->fields[i].arg);
		buf_free(&g->fields[i].name);
	}
	free(g->fields);
}

static const char *next_op(const void *arg, unsigned i)
{
	(void)arg;
	return acc_ops[i].name; /* the last is NULL */
}

static int find_op(struct slice name, const struct acc_op **out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	const char *near;

	for (*out = acc_ops; (*out)->name != NULL; (*out)++) {
		if (slice_is(name, (*out)->name)) {
			return 0;
		}
	}
	buf_append_slice(&text, slice_make(name.p, name.n < 64 ? name.n : 64));
	near = suggest(buf_cstr(&text), next_op, NULL);
	return near == NULL
		       ? err_set(err, EINVAL, "unknown group operator '%s'", buf_cstr(&text))
		       : err_set(err, EINVAL, "unknown group operator '%s'; did you mean '%s'?",
				 buf_cstr(&text), near);
}

static int check_name(struct slice name, struct err *err)
{
	if (name.n == 0 || name.p[0] == '$' || memchr(name.p, '.', name.n) != NULL) {
		return err_set(err, EINVAL,
			"The field name '%.*s' of a group cannot be empty, contain '.' nor begin "
			"with "
			"'$'",
			(int)(name.n < 100 ? name.n : 100), name.p);
	}
	return 0;
}

/* The one member of an accumulator object. */
static int read_accumulator(struct slice field, struct doc_value v, struct slice *op,
	struct doc_value *arg, struct err *err)
{
	struct doc_iter it;
	struct slice other;
	struct doc_value more;
	int n = (int)(field.n < 100 ? field.n : 100);

	if (v.type != BSON_TYPE_DOCUMENT) {
		return err_set(
			err, EINVAL, "The field '%.*s' must be an accumulator object", n, field.p);
	}
	doc_iter_init(&it, v.raw);
	if (!doc_next(&it, op, arg) || doc_next(&it, &other, &more)) {
		return err_set(
			err, EINVAL, "The field '%.*s' must specify one accumulator", n, field.p);
	}
	return 0;
}

static int parse_argument(struct group_field *f, const struct stage_scope *scope,
	struct doc_value arg, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value only = DOC_MISSING;
	struct doc_value more;

	if (f->op->no_argument) {
		return arg.type == BSON_TYPE_DOCUMENT && doc_is_empty(arg.raw)
			       ? 0
			       : err_set(err, EINVAL, "%s takes no arguments, i.e. %s: {}",
					 f->op->name, f->op->name);
	}
	if (arg.type == BSON_TYPE_ARRAY) {
		/* One in brackets is the one itself. */
		doc_iter_init(&it, arg.raw);
		if (!doc_next(&it, &name, &only) || doc_next(&it, &name, &more)) {
			return err_set(
				err, EINVAL, "The %s accumulator is a unary operator", f->op->name);
		}
		arg = only;
	}
	return doc_expr_new(arg, scope->known, &f->arg, err);
}

static int add_field(struct group_stage *g, const struct stage_scope *scope, struct slice name,
	struct doc_value v, struct err *err)
{
	struct group_field *more = realloc(g->fields, (g->n + 1) * sizeof(*more));
	struct group_field *f;
	struct slice op = {"", 0};
	struct doc_value arg = DOC_MISSING;
	int r;

	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	g->fields = more;
	f = &more[g->n++];
	*f = (struct group_field){0};
	r = check_name(name, err);
	if (r == 0) {
		r = read_accumulator(name, v, &op, &arg, err);
	}
	if (r == 0) {
		r = find_op(op, &f->op, err);
	}
	if (r == 0) {
		r = parse_argument(f, scope, arg, err);
	}
	buf_append_slice(&f->name, name);
	return r != 0 ? r : buf_check(&f->name, err);
}

int stage_add_group(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	struct stage *s;
	struct group_stage *g;
	int r;

	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL, "a group's fields must be specified in an object");
	}
	r = pipeline_add(p, &stage_group_ops, sizeof(*g), spec, &s, err);
	if (r != 0) {
		return r;
	}
	g = (struct group_stage *)s;
	doc_iter_init(&it, spec.raw);
	while (r == 0 && doc_next(&it, &name, &v)) {
		r = slice_is(name, "_id") ? doc_expr_new(v, scope->known, &g->id, err)
					  : add_field(g, scope, name, v, err);
	}
	if (r == 0 && g->id == NULL) {
		r = err_set(err, EINVAL, "a group specification must include an _id");
	}
	return r;
}

/* ---- the table ---- */

static struct group **find_slot(
	struct group **slots, size_t cap, uint64_t hash, struct doc_value id)
{
	size_t i = (size_t)hash & (cap - 1);

	while (slots[i] != NULL && (slots[i]->hash != hash || !doc_equal(slots[i]->id, id))) {
		i = (i + 1) & (cap - 1);
	}
	return &slots[i];
}

static int grow(struct group_cursor *c, struct err *err)
{
	size_t cap = c->cap == 0 ? 64 : c->cap * 2;
	struct group **slots = (struct group **)calloc(cap, sizeof(struct group *));

	if (slots == NULL) {
		return err_set(err, ENOMEM, "out of memory for the groups");
	}
	for (struct group *g = c->first; g != NULL; g = g->next) {
		size_t i = (size_t)g->hash & (cap - 1);
		while (slots[i] != NULL) {
			i = (i + 1) & (cap - 1);
		}
		slots[i] = g;
	}
	free((void *)c->slots);
	c->slots = slots;
	c->cap = cap;
	return 0;
}

static int new_group(struct group_cursor *c, unsigned n_states, uint64_t hash, struct doc_value id,
	struct group **out, struct err *err)
{
	size_t size = sizeof(struct group) + n_states * sizeof(union acc_state);
	struct group *g = calloc(1, size + id.raw.n);

	if (g == NULL) {
		return err_set(err, ENOMEM, "out of memory for the groups");
	}
	if (id.raw.n > 0) {
		memcpy((char *)g + size, id.raw.p, id.raw.n);
	}
	g->hash = hash;
	g->id = (struct doc_value){id.type, slice_make((char *)g + size, id.raw.n)};
	if (c->last == NULL) {
		c->first = g;
	} else {
		c->last->next = g;
	}
	c->last = g;
	c->n++;
	*out = g;
	return 0;
}

static int get_group(struct group_cursor *c, unsigned n_states, struct doc_value id,
	struct group **out, struct err *err)
{
	uint64_t hash = doc_hash(id);
	struct group **slot;
	int r = c->n * 2 >= c->cap ? grow(c, err) : 0;

	if (r != 0) {
		return r;
	}
	slot = find_slot(c->slots, c->cap, hash, id);
	if (*slot == NULL) {
		r = new_group(c, n_states, hash, id, slot, err);
	}
	*out = *slot;
	return r;
}

/* ---- running ---- */

static int take(
	struct group_cursor *c, const struct group_stage *s, struct slice document, struct err *err)
{
	struct doc_vars vars = stage_vars(&c->c, document);
	struct group *g;
	struct doc_value v;
	int r = doc_expr_eval(s->id, &vars, c->c.arena, &v, err);

	if (r == 0) {
		r = get_group(c, s->n, v.type == BSON_TYPE_EOD ? doc_make_null() : v, &g, err);
	}
	for (unsigned i = 0; r == 0 && i < s->n; i++) {
		const struct group_field *f = &s->fields[i];
		v = DOC_MISSING;
		r = f->arg == NULL ? 0 : doc_expr_eval(f->arg, &vars, c->c.arena, &v, err);
		if (r == 0) {
			r = f->op->add(&g->states[i], v, err);
		}
	}
	doc_arena_clear(c->c.arena);
	return r;
}

static void free_group(const struct group_stage *s, struct group *g)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (s->fields[i].op->free != NULL) {
			s->fields[i].op->free(&g->states[i]);
		}
	}
	free(g);
}

static int put_group(
	struct group_cursor *c, const struct group_stage *s, struct group *g, struct err *err)
{
	struct buf *out = &c->c.out;
	size_t start;
	int r = 0;

	buf_clear(out);
	start = doc_begin(out);
	doc_put(out, slice_of("_id"), g->id);
	for (unsigned i = 0; r == 0 && i < s->n; i++) {
		struct doc_value v;
		r = s->fields[i].op->finish(&g->states[i], c->c.arena, &v, err);
		if (r == 0) {
			r = doc_arena_check(c->c.arena, err);
		}
		if (r == 0) {
			doc_put(out, buf_slice(&s->fields[i].name), v);
		}
	}
	doc_end(out, start);
	doc_arena_clear(c->c.arena);
	return r;
}

static int next_group(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct group_cursor *c = (struct group_cursor *)base;
	const struct group_stage *s = (const struct group_stage *)c->c.stage;
	struct group *g;
	int r = 0;

	if (!c->filled) {
		c->filled = true;
		while ((r = stage_next(&c->c, document, err)) == 1) {
			r = take(c, s, *document, err);
			if (r != 0) {
				return r;
			}
		}
	}
	if (r != 0 || c->first == NULL) {
		return r;
	}
	g = c->first;
	r = put_group(c, s, g, err);
	c->first = g->next;
	free_group(s, g);
	return r != 0 ? r : stage_give(&c->c, document, err);
}

static void finish_groups(struct stage_cursor *base)
{
	struct group_cursor *c = (struct group_cursor *)base;

	while (c->first != NULL) {
		struct group *next = c->first->next;
		free_group((const struct group_stage *)c->c.stage, c->first);
		c->first = next;
	}
	free((void *)c->slots);
}

static int open_group(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	struct stage_cursor *c;
	int r = stage_cursor_new(sizeof(struct group_cursor), s, run, source, next_group, &c, err);

	if (r == 0) {
		c->finish = finish_groups;
		*out = &c->base;
	}
	return r;
}

/* {_id: <literal>, n: {$sum: 1}, ..}. */
static bool counts(const struct group_stage *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		const struct group_field *f = &s->fields[i];
		if (f->op->no_argument) {
			continue;
		}
		if (f->op != &acc_ops[0] || !expr_is_literal(f->arg) ||
			expr_literal(f->arg).type != BSON_TYPE_INT32 ||
			doc_int32(expr_literal(f->arg)) != 1) {
			return false;
		}
	}
	return expr_is_literal(s->id);
}

static bool group_of_count(const struct stage *base, int64_t n, struct buf *out)
{
	const struct group_stage *s = (const struct group_stage *)base;
	struct doc_value id;
	size_t start;

	if (!counts(s)) {
		return false;
	}
	if (n == 0) {
		return true;
	}
	id = expr_literal(s->id);
	start = doc_begin(out);
	doc_put(out, slice_of("_id"), id.type == BSON_TYPE_EOD ? doc_make_null() : id);
	for (unsigned i = 0; i < s->n; i++) {
		int64_t wide = BSON_UINT64_TO_LE(n);
		int32_t narrow = BSON_UINT32_TO_LE((int32_t)n);
		struct doc_value v = {BSON_TYPE_INT64, slice_make(&wide, sizeof(wide))};
		if (n <= INT32_MAX) {
			v = (struct doc_value){
				BSON_TYPE_INT32, slice_make(&narrow, sizeof(narrow))};
		}
		doc_put(out, buf_slice(&s->fields[i].name), v);
	}
	doc_end(out, start);
	return true;
}

const struct stage_ops stage_group_ops = {.name = "$group",
	.parse = stage_add_group,
	.open = open_group,
	.free = free_stage,
	.of_count = group_of_count};
