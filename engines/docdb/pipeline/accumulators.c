/* The accumulators of $group. */
#include "engines/docdb/pipeline/accumulators.h"

#include <errno.h>
#include <stdlib.h>

/* ---- numbers ---- */

static int add_sum(union acc_state *s, struct doc_value v, struct err *err)
{
	(void)err;
	if (doc_is_number(v)) {
		doc_sum_add(&s->sum.sum, v);
		s->sum.n++;
	}
	return 0;
}

static int finish_sum(
	union acc_state *s, struct doc_arena *a, struct doc_value *out, struct err *err)
{
	(void)err;
	*out = doc_sum_value(&s->sum.sum, a);
	return 0;
}

static int finish_avg(
	union acc_state *s, struct doc_arena *a, struct doc_value *out, struct err *err)
{
	(void)err;
	*out = s->sum.n == 0 ? doc_make_null() : doc_sum_average(&s->sum.sum, s->sum.n, a);
	return 0;
}

static int add_one(union acc_state *s, struct doc_value v, struct err *err)
{
	(void)v;
	(void)err;
	s->sum.n++;
	return 0;
}

static int finish_count(
	union acc_state *s, struct doc_arena *a, struct doc_value *out, struct err *err)
{
	(void)err;
	*out = s->sum.n <= INT32_MAX ? doc_make_int32(a, (int32_t)s->sum.n)
				     : doc_make_int64(a, (int64_t)s->sum.n);
	return 0;
}

static int add_spread(union acc_state *s, struct doc_value v, struct err *err)
{
	(void)err;
	if (doc_is_number(v)) {
		doc_spread_add(&s->spread, doc_double(v));
	}
	return 0;
}

static int finish_std_dev_pop(
	union acc_state *s, struct doc_arena *a, struct doc_value *out, struct err *err)
{
	(void)err;
	*out = doc_spread_value(&s->spread, false, a);
	return 0;
}

static int finish_std_dev_samp(
	union acc_state *s, struct doc_arena *a, struct doc_value *out, struct err *err)
{
	(void)err;
	*out = doc_spread_value(&s->spread, true, a);
	return 0;
}

/* ---- one value ---- */

static int keep(struct acc_value *kept, struct doc_value v, struct err *err)
{
	kept->has = true;
	kept->type = v.type;
	buf_clear(&kept->bytes);
	buf_append_slice(&kept->bytes, v.raw);
	return buf_check(&kept->bytes, err);
}

static struct doc_value kept(const struct acc_value *k)
{
	return (struct doc_value){k->type, buf_slice(&k->bytes)};
}

static int add_min(union acc_state *s, struct doc_value v, struct err *err)
{
	if (expr_nullish(v) || (s->value.has && doc_compare(v, kept(&s->value)) >= 0)) {
		return 0;
	}
	return keep(&s->value, v, err);
}

static int add_max(union acc_state *s, struct doc_value v, struct err *err)
{
	if (expr_nullish(v) || (s->value.has && doc_compare(v, kept(&s->value)) <= 0)) {
		return 0;
	}
	return keep(&s->value, v, err);
}

static int add_first(union acc_state *s, struct doc_value v, struct err *err)
{
	return s->value.has ? 0 : keep(&s->value, v, err);
}

static int add_last(union acc_state *s, struct doc_value v, struct err *err)
{
	return keep(&s->value, v, err);
}

/* Null where nothing came, so that all results have the same fields. */
static int finish_value(
	union acc_state *s, struct doc_arena *a, struct doc_value *out, struct err *err)
{
	(void)a;
	(void)err;
	*out = s->value.has && s->value.type != BSON_TYPE_EOD ? kept(&s->value) : doc_make_null();
	return 0;
}

static void free_value(union acc_state *s)
{
	buf_free(&s->value.bytes);
}

static int merge_into(struct acc_value *all, struct doc_value v, struct buf *merged)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value one;
	struct slice before = buf_slice(&all->bytes);
	size_t start = doc_begin(merged);

	doc_iter_init(&it, before);
	while (doc_next(&it, &name, &one)) {
		struct doc_value newer = doc_field(v.raw, name);
		doc_put(merged, name, newer.type == BSON_TYPE_EOD ? one : newer);
	}
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &one)) {
		if (doc_field(before, name).type == BSON_TYPE_EOD) {
			doc_put(merged, name, one);
		}
	}
	doc_end(merged, start);
	return 0;
}

static int add_merge(union acc_state *s, struct doc_value v, struct err *err)
{
	struct buf merged = BUF_INIT;
	int r;

	if (expr_nullish(v)) {
		return 0;
	}
	if (v.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL,
			"$mergeObjects requires object inputs, but found type %s",
			expr_type_name(v));
	}
	if (!s->value.has) {
		return keep(&s->value, v, err);
	}
	merge_into(&s->value, v, &merged);
	r = buf_check(&merged, err);
	if (r == 0 && merged.n > DOC_BYTES_MAX) {
		r = err_set(err, EFBIG,
			"BSONObjectTooLarge: $mergeObjects makes a document of more than %d bytes",
			DOC_BYTES_MAX);
	}
	if (r != 0) {
		buf_free(&merged);
		return r;
	}
	buf_free(&s->value.bytes);
	s->value.bytes = merged;
	return 0;
}

static int finish_merge(
	union acc_state *s, struct doc_arena *a, struct doc_value *out, struct err *err)
{
	static const char none[] = {5, 0, 0, 0, 0};

	(void)a;
	(void)err;
	*out = s->value.has ? kept(&s->value) : doc_value_of(slice_make(none, sizeof(none)));
	return 0;
}

/* ---- many values ---- */

static int append(struct acc_list *l, const char *op, struct doc_value v, struct err *err)
{
	if (l->n == 0) {
		doc_begin(&l->array);
	}
	doc_put_index(&l->array, l->n++, v);
	if (l->array.n > DOC_BYTES_MAX) {
		return err_set(err, EFBIG,
			"BSONObjectTooLarge: %s makes an array of more than %d bytes, the maximum "
			"of a "
			"document, in one group",
			op, DOC_BYTES_MAX);
	}
	return buf_check(&l->array, err);
}

static int add_push(union acc_state *s, struct doc_value v, struct err *err)
{
	return v.type == BSON_TYPE_EOD ? 0 : append(&s->list, "$push", v, err);
}

/* The element whose type stands at `at`, an offset in the array under construction. */
static struct doc_value element_at(const struct acc_list *l, uint32_t at)
{
	struct doc_iter it = {slice_make(l->array.p + at, l->array.n - at)};
	struct slice name;
	struct doc_value v = DOC_MISSING;

	doc_next(&it, &name, &v);
	return v;
}

/* Where an equal element is, or the free place for one. */
static uint32_t *find_place(const struct acc_list *l, struct doc_value v)
{
	uint64_t i = doc_hash(v) & (l->cap - 1);

	while (l->table[i] != 0 && !doc_equal(element_at(l, l->table[i] - 1), v)) {
		i = (i + 1) & (l->cap - 1);
	}
	return &l->table[i];
}

static int grow_table(struct acc_list *l, struct err *err)
{
	struct acc_list wider = *l;

	wider.cap = l->cap == 0 ? 8 : l->cap * 2;
	wider.table = calloc(wider.cap, sizeof(*wider.table));
	if (wider.table == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < l->cap; i++) {
		if (l->table[i] != 0) {
			*find_place(&wider, element_at(l, l->table[i] - 1)) = l->table[i];
		}
	}
	free(l->table);
	*l = wider;
	return 0;
}

static int add_to_set(union acc_state *s, struct doc_value v, struct err *err)
{
	struct acc_list *l = &s->list;
	uint32_t *place;
	size_t at = l->n == 0 ? 4 : l->array.n;
	int r = v.type != BSON_TYPE_EOD && l->n * 2 >= l->cap ? grow_table(l, err) : 0;

	if (r != 0 || v.type == BSON_TYPE_EOD) {
		return r;
	}
	place = find_place(l, v);
	if (*place != 0) {
		return 0;
	}
	r = append(l, "$addToSet", v, err);
	*place = (uint32_t)at + 1;
	return r;
}

static int finish_list(
	union acc_state *s, struct doc_arena *a, struct doc_value *out, struct err *err)
{
	struct acc_list *l = &s->list;

	(void)a;
	if (l->n == 0) {
		doc_begin(&l->array);
	}
	doc_end(&l->array, 0);
	*out = (struct doc_value){BSON_TYPE_ARRAY, buf_slice(&l->array)};
	return buf_check(&l->array, err);
}

static void free_list(union acc_state *s)
{
	buf_free(&s->list.array);
	free(s->list.table);
}

const struct acc_op acc_ops[] = {
	{.name = "$sum", .add = add_sum, .finish = finish_sum},
	{.name = "$avg", .add = add_sum, .finish = finish_avg},
	{.name = "$count", .add = add_one, .finish = finish_count, .no_argument = true},
	{.name = "$min", .add = add_min, .finish = finish_value, .free = free_value},
	{.name = "$max", .add = add_max, .finish = finish_value, .free = free_value},
	{.name = "$first", .add = add_first, .finish = finish_value, .free = free_value},
	{.name = "$last", .add = add_last, .finish = finish_value, .free = free_value},
	{.name = "$push", .add = add_push, .finish = finish_list, .free = free_list},
	{.name = "$addToSet", .add = add_to_set, .finish = finish_list, .free = free_list},
	{.name = "$stdDevPop", .add = add_spread, .finish = finish_std_dev_pop},
	{.name = "$stdDevSamp", .add = add_spread, .finish = finish_std_dev_samp},
	{.name = "$mergeObjects", .add = add_merge, .finish = finish_merge, .free = free_value},
	{0},
};
