/* $push $addToSet $pop $pull $pullAll. */
#include <errno.h>
#include <stdlib.h>

#include "engines/docdb/match/match_impl.h"
#include "engines/docdb/update/update_impl.h"

/* Elements as they will be. `place` is where one came: what sorts as equal stays in order. */
struct element {
	struct doc_value value;
	size_t place;
};

struct elements {
	struct element *at;
	size_t n;
};

static void put_elements(struct slice name, const struct elements *e, struct buf *out)
{
	size_t at = doc_put_begin(out, name, BSON_TYPE_ARRAY);
	for (size_t i = 0; i < e->n; i++) {
		doc_put_index(out, (unsigned)i, e->at[i].value);
	}
	doc_end(out, at);
}

static size_t append_array(struct elements *e, size_t n, struct slice array)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	doc_iter_init(&it, array);
	while (doc_next(&it, &name, &v)) {
		e->at[n++].value = v;
	}
	return n;
}

static size_t count(struct doc_value array)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	size_t n = 0;
	doc_iter_init(&it, array.type == BSON_TYPE_ARRAY ? array.raw : slice_of(""));
	while (doc_next(&it, &name, &v)) {
		n++;
	}
	return n;
}

/* The old ones, with room for more. */
static int elements_of(
	struct update_job *j, struct doc_value old, size_t more, struct elements *out)
{
	size_t n = count(old);
	out->n = 0;
	out->at = doc_arena_alloc(j->arena, (n + more + 1) * sizeof(*out->at));
	if (out->at == NULL) {
		err_set(j->err, ENOMEM, "out of memory");
		return -ENOMEM;
	}
	out->n = old.type == BSON_TYPE_ARRAY ? append_array(out, 0, old.raw) : 0;
	return 0;
}

/* ---- $push ---- */

/* The new ones, behind element `position`. */
static void insert(struct elements *e, const struct update_node *node, size_t position, size_t more)
{
	memmove(e->at + position + more, e->at + position, (e->n - position) * sizeof(*e->at));
	if (node->each) {
		append_array(e, position, node->value.raw);
	} else {
		e->at[position].value = node->value;
	}
	e->n += more;
}

static size_t position_of(const struct update_push *push, size_t n)
{
	if (push == NULL || !push->has_position || push->position >= (int64_t)n) {
		return n;
	}
	if (push->position >= 0) {
		return (size_t)push->position;
	}
	return (int64_t)n + push->position > 0 ? (size_t)((int64_t)n + push->position) : 0;
}

static int compare_fields(struct slice pattern, struct doc_value a, struct doc_value b)
{
	struct doc_iter it;
	struct slice path;
	struct doc_value direction;
	int order = 0;
	struct slice x = a.type == BSON_TYPE_DOCUMENT ? a.raw : slice_make("\5\0\0\0", 5);
	struct slice y = b.type == BSON_TYPE_DOCUMENT ? b.raw : slice_make("\5\0\0\0", 5);
	doc_iter_init(&it, pattern);
	while (order == 0 && doc_next(&it, &path, &direction)) {
		bool descending = doc_double(direction) < 0;
		order = doc_compare(
			doc_sort_value(x, path, descending), doc_sort_value(y, path, descending));
		order = descending ? -order : order;
	}
	return order;
}

static int compare(const void *a, const void *b, void *arg)
{
	const struct element *x = a;
	const struct element *y = b;
	const struct update_push *push = arg;
	int order = push->whole != 0 ? push->whole * doc_compare(x->value, y->value)
				     : compare_fields(push->sort, x->value, y->value);
	return order != 0 ? order : (x->place > y->place) - (x->place < y->place);
}

static void sort(struct elements *e, const struct update_push *push)
{
	for (size_t i = 0; i < e->n; i++) {
		e->at[i].place = i;
	}
	qsort_r(e->at, e->n, sizeof(*e->at), compare, (void *)push);
}

static void cut(struct elements *e, const struct update_push *push)
{
	size_t limit = (size_t)(push->slice < 0 ? -push->slice : push->slice);
	if (limit < e->n) {
		e->at += push->slice < 0 ? e->n - limit : 0;
		e->n = limit;
	}
}

static int push(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, struct buf *out)
{
	struct elements e;
	size_t more = node->each ? count(node->value) : 1;
	if (old.type != BSON_TYPE_EOD && old.type != BSON_TYPE_ARRAY) {
		return update_refuse(j,
			"The field '%s' must be an array but is of type %s in document %s",
			update_here(j), doc_type_name(old.type), update_id(j));
	}
	int r = elements_of(j, old, more, &e);
	if (r < 0) {
		return r;
	}
	insert(&e, node, position_of(node->push, e.n), more);
	if (node->push != NULL && (node->push->whole != 0 || node->push->sort.n > 0)) {
		sort(&e, node->push);
	}
	if (node->push != NULL && node->push->has_slice) {
		cut(&e, node->push);
	}
	put_elements(name, &e, out);
	return 0;
}

/* ---- $addToSet ---- */

static bool has(const struct elements *e, struct doc_value v)
{
	for (size_t i = 0; i < e->n; i++) {
		if (doc_equal(e->at[i].value, v)) {
			return true;
		}
	}
	return false;
}

static void add(struct elements *e, struct doc_value v)
{
	if (!has(e, v)) {
		e->at[e->n++].value = v;
	}
}

static int add_to_set(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, struct buf *out)
{
	struct elements e;
	struct doc_iter it;
	struct slice index;
	struct doc_value v;
	if (old.type != BSON_TYPE_EOD && old.type != BSON_TYPE_ARRAY) {
		return update_refuse(j,
			"Cannot apply $addToSet to non-array field. Field named '%s' has non-array "
			"type %s",
			update_here(j), doc_type_name(old.type));
	}
	int r = elements_of(j, old, node->each ? count(node->value) : 1, &e);
	if (r < 0) {
		return r;
	}
	if (!node->each) {
		add(&e, node->value);
	} else {
		doc_iter_init(&it, node->value.raw);
		while (doc_next(&it, &index, &v)) {
			add(&e, v);
		}
	}
	put_elements(name, &e, out);
	return 0;
}

/* ---- what takes away ---- */

static int is_pulled(struct update_job *j, const struct update_node *node, struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value one;
	if (node->op == UPDATE_PULL && node->match == NULL) {
		return doc_equal(v, node->value);
	}
	if (node->op == UPDATE_PULL) {
		return !node->match_objects	      ? match_field(node->match, v, j->err)
		       : v.type == BSON_TYPE_DOCUMENT ? doc_matches(node->match, v.raw, j->err)
						      : 0;
	}
	doc_iter_init(&it, node->value.raw);
	while (doc_next(&it, &name, &one)) {
		if (doc_equal(v, one)) {
			return 1;
		}
	}
	return 0;
}

static int pull(struct update_job *j, const struct update_node *node, struct elements *e)
{
	size_t n = 0;
	for (size_t i = 0; i < e->n; i++) {
		int r = is_pulled(j, node, e->at[i].value);
		if (r < 0) {
			return r;
		}
		if (r == 0) {
			e->at[n++] = e->at[i];
		}
	}
	e->n = n;
	return 0;
}

static void pop(const struct update_node *node, struct elements *e)
{
	if (e->n > 0) {
		e->n--;
		e->at += doc_double(node->value) < 0;
	}
}

static int refuse_other(struct update_job *j, const struct update_node *node, struct doc_value old)
{
	if (node->op == UPDATE_POP) {
		return update_refuse(j, "Path '%s' contains an element of non-array type '%s'",
			update_here(j), doc_type_name(old.type));
	}
	return update_refuse(j, "Cannot apply %s to a non-array value: '%s' is of type %s in %s",
		update_operator_name(node->op), update_here(j), doc_type_name(old.type),
		update_id(j));
}

static int take_away(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, struct buf *out)
{
	struct elements e;
	if (old.type == BSON_TYPE_EOD) {
		return 0;
	}
	if (old.type != BSON_TYPE_ARRAY) {
		return refuse_other(j, node, old);
	}
	int r = elements_of(j, old, 0, &e);
	if (r == 0 && node->op == UPDATE_POP) {
		pop(node, &e);
	} else if (r == 0) {
		r = pull(j, node, &e);
	}
	if (r == 0) {
		put_elements(name, &e, out);
	}
	return r;
}

int update_array(struct update_job *j, const struct update_node *node, struct slice name,
	struct doc_value old, struct buf *out)
{
	switch (node->op) {
	case UPDATE_PUSH: return push(j, node, name, old, out);
	case UPDATE_ADD_TO_SET: return add_to_set(j, node, name, old, out);
	default: return take_away(j, node, name, old, out);
	}
}
