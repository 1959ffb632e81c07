/* $sort and $sample: both put documents in an order by keys of bytes. */
#include "engines/docdb/pipeline/pipeline_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define SORT_KEYS_MAX 32

struct sort_stage {
	struct stage base;
	struct buf pattern; /* {"a": 1, "b": -1} */
	struct slice paths[SORT_KEYS_MAX];
	bool down[SORT_KEYS_MAX];
	unsigned n;
	uint64_t limit;
};

struct sort_cursor {
	struct stage_cursor c;
	struct doc_sorter *sorter;
	struct buf key;
	bool filled;
};

/* ---- $sort ---- */

static void free_sort(struct stage *s)
{
	buf_free(&((struct sort_stage *)s)->pattern);
}

static int read_direction(struct doc_value v, bool *down, struct err *err)
{
	int64_t n;

	if (v.type == BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL, "$sort by {$meta: ..} is not supported");
	}
	if (!doc_is_number(v) || !doc_as_int64(v, &n) || (n != 1 && n != -1)) {
		return err_set(err, EINVAL,
			"$sort key ordering must be 1 (for ascending) or -1 (for descending)");
	}
	*down = n < 0;
	return 0;
}

static int check_path(struct slice path, struct err *err)
{
	if (path.n == 0 || path.p[0] == '$' || path.p[0] == '.' || path.p[path.n - 1] == '.') {
		return err_set(err, EINVAL, "FieldPath of a $sort key may not be '%.*s'",
			(int)(path.n < 100 ? path.n : 100), path.p);
	}
	return 0;
}

static int read_pattern(struct sort_stage *s, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int r = 0;

	doc_iter_init(&it, buf_slice(&s->pattern));
	while (r == 0 && doc_next(&it, &name, &v)) {
		if (s->n == SORT_KEYS_MAX) {
			return err_set(err, EINVAL, "too many compound keys: $sort takes %d",
				SORT_KEYS_MAX);
		}
		r = check_path(name, err);
		if (r == 0) {
			r = read_direction(v, &s->down[s->n], err);
		}
		s->paths[s->n++] = name;
	}
	if (r == 0 && s->n == 0) {
		r = err_set(err, EINVAL, "$sort stage must have at least one sort key");
	}
	return r;
}

int stage_add_sort(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	struct stage *s;
	int r = stage_object_arg("$sort", spec, err);

	(void)scope;
	if (r == 0) {
		r = pipeline_add(p, &stage_sort_ops, sizeof(struct sort_stage), spec, &s, err);
	}
	if (r != 0) {
		return r;
	}
	buf_append_slice(&((struct sort_stage *)s)->pattern, spec.raw);
	r = buf_check(&((struct sort_stage *)s)->pattern, err);
	return r != 0 ? r : read_pattern((struct sort_stage *)s, err);
}

bool stage_is_sort(const struct stage *s)
{
	return s->ops == &stage_sort_ops;
}

struct slice stage_sort_spec(const struct stage *s)
{
	return buf_slice(&((const struct sort_stage *)s)->pattern);
}

void stage_sort_limit(struct stage *s, uint64_t limit)
{
	((struct sort_stage *)s)->limit = limit;
}

static void make_key(struct sort_cursor *c, const struct sort_stage *s, struct slice document)
{
	buf_clear(&c->key);
	for (unsigned i = 0; i < s->n; i++) {
		doc_key_append(
			doc_sort_value(document, s->paths[i], s->down[i]), s->down[i], &c->key);
	}
}

static int fill_sorter(struct sort_cursor *c,
	int (*key)(struct sort_cursor *c, struct slice document, struct err *err), struct err *err)
{
	struct slice document;
	int r;

	c->filled = true;
	while ((r = stage_next(&c->c, &document, err)) == 1) {
		r = key(c, document, err);
		if (r == 0) {
			r = doc_sorter_add(c->sorter, buf_slice(&c->key), document, err);
		}
		if (r != 0) {
			return r;
		}
	}
	return r;
}

static int sort_key(struct sort_cursor *c, struct slice document, struct err *err)
{
	make_key(c, (const struct sort_stage *)c->c.stage, document);
	return buf_check(&c->key, err);
}

static int next_sort(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct sort_cursor *c = (struct sort_cursor *)base;
	int r = c->filled ? 0 : fill_sorter(c, sort_key, err);

	return r != 0 ? r : doc_sorter_next(c->sorter, document, err);
}

static void finish_sort(struct stage_cursor *c)
{
	doc_sorter_free(((struct sort_cursor *)c)->sorter);
	buf_free(&((struct sort_cursor *)c)->key);
}

static int open_sorter(const struct stage *s, const struct pipeline_run *run, uint64_t limit,
	struct doc_cursor *source,
	int (*next)(struct doc_cursor *c, struct slice *document, struct err *err),
	struct doc_cursor **out, struct err *err)
{
	struct stage_cursor *c;
	int r = stage_cursor_new(sizeof(struct sort_cursor), s, run, source, next, &c, err);

	if (r != 0) {
		return r;
	}
	c->finish = finish_sort;
	r = doc_sorter_new(run->reach.tmp_dir, limit, &((struct sort_cursor *)c)->sorter, err);
	if (r != 0) {
		doc_cursor_close(&c->base);
		return r;
	}
	*out = &c->base;
	return 0;
}

static int open_sort(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	return open_sorter(
		s, run, ((const struct sort_stage *)s)->limit, source, next_sort, out, err);
}

const struct stage_ops stage_sort_ops = {
	.name = "$sort", .parse = stage_add_sort, .open = open_sort, .free = free_sort};

/* ---- $sample: the first of an order by chance ---- */

struct sample_stage {
	struct stage base;
	int64_t size;
};

static int parse_sample(
	struct pipeline *p, const struct stage_scope *scope, struct doc_value spec, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct slice other;
	struct doc_value v;
	struct doc_value more;
	struct stage *s;
	int64_t n;
	int r = stage_object_arg("$sample", spec, err);

	(void)scope;
	if (r != 0) {
		return r;
	}
	doc_iter_init(&it, spec.raw);
	if (!doc_next(&it, &name, &v) || !slice_is(name, "size") || doc_next(&it, &other, &more)) {
		return err_set(err, EINVAL, "$sample takes one member, 'size'");
	}
	r = stage_count_arg("$sample", v, 1, &n, err);
	if (r == 0) {
		r = pipeline_add(p, &stage_sample_ops, sizeof(struct sample_stage), spec, &s, err);
	}
	if (r == 0) {
		((struct sample_stage *)s)->size = n;
	}
	return r;
}

static int random_key(struct sort_cursor *c, struct slice document, struct err *err)
{
	char bytes[8];

	(void)document;
	if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) {
		return err_errno(err, "cannot get random bytes");
	}
	buf_clear(&c->key);
	buf_append(&c->key, bytes, sizeof(bytes));
	return buf_check(&c->key, err);
}

static int next_sample(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct sort_cursor *c = (struct sort_cursor *)base;
	int r = c->filled ? 0 : fill_sorter(c, random_key, err);

	return r != 0 ? r : doc_sorter_next(c->sorter, document, err);
}

static int open_sample(const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err)
{
	return open_sorter(s, run, (uint64_t)((const struct sample_stage *)s)->size, source,
		next_sample, out, err);
}

const struct stage_ops stage_sample_ops = {
	.name = "$sample", .parse = parse_sample, .open = open_sample};
