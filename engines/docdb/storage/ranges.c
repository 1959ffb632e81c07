/* What a filter demands of an index's paths, as ranges of its keys.
 *
 * A key of a compound index is the keys of its values, one behind the other. While the paths in
 * front are bound to single values, those stand at the beginning of all keys that matter; the
 * first path with a true interval ends that: behind it, keys lie scattered. Keys are compared as
 * bytes and none is the beginning of another, so "all keys that begin so" is a range, too. */
#include <errno.h>

#include "engines/docdb/values/ejson.h"
#include "engines/docdb/storage/plan.h"

/* Many values in many paths ($in): beyond this, paths behind are not bound. */
#define RANGES_MAX 4096

struct slice docdb_plan_low(const struct docdb_plan *p, size_t i)
{
	return slice_make(p->bytes.p + p->range[i].low, p->range[i].n_low);
}

struct slice docdb_plan_high(const struct docdb_plan *p, size_t i)
{
	return slice_make(p->bytes.p + p->range[i].high, p->range[i].n_high);
}

void docdb_plan_free(struct docdb_plan *p)
{
	buf_free(&p->bytes);
	buf_free(&p->bounds);
	free(p->range);
	*p = (struct docdb_plan){0};
}

/* ---- one range ---- */

/* The least bytes behind all that begin with what `out` ends with, from `at`. */
static void successor(struct buf *out, size_t at)
{
	while (out->n > at && (unsigned char)out->p[out->n - 1] == 0xff) {
		out->n--;
	}
	if (out->n > at) {
		out->p[out->n - 1]++;
	} else {
		buf_putc(out, (char)0xff); /* no key begins with it */
	}
}

static int add_range(struct docdb_plan *p, size_t low, size_t high, struct err *err)
{
	struct docdb_range *more = realloc(p->range, (p->n + 1) * sizeof(*more));
	int rc = buf_check(&p->bytes, err);

	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	p->range = more;
	p->range[p->n++] = (struct docdb_range){low, high - low, high, p->bytes.n - high};
	return rc;
}

int docdb_range_all(struct docdb_plan *p, struct slice prefix, struct err *err)
{
	size_t low = p->bytes.n;

	buf_append_slice(&p->bytes, prefix);
	size_t high = p->bytes.n;
	buf_append_slice(&p->bytes, prefix);
	successor(&p->bytes, high);
	return add_range(p, low, high, err);
}

/* One end of an interval as keys run: `v` or, where that is open, the end of the bracket that
 * `other` is of. `behind`: all that begins with it lies before this end. */
static void put_end(struct buf *out, struct slice prefix, struct doc_value v,
	struct doc_value other, bool descending, bool low, bool behind)
{
	CLEANUP(buf_free) struct buf from = BUF_INIT;
	CLEANUP(buf_free) struct buf to = BUF_INIT;
	size_t at = out->n;

	buf_append_slice(out, prefix);
	if (v.type == BSON_TYPE_EOD) {
		doc_key_bracket(other.type, descending, &from, &to);
		buf_append_slice(out, buf_slice(low ? &from : &to));
		out->failed = out->failed || from.failed || to.failed;
		return;
	}
	doc_key_append(v, descending, out);
	if (behind) {
		successor(out, at);
	}
}

int docdb_range_add(struct docdb_plan *p, struct slice prefix, const struct doc_interval *interval,
	bool descending, struct err *err)
{
	const struct doc_interval *i = interval;
	struct doc_value first = descending ? i->high : i->low;
	struct doc_value last = descending ? i->low : i->high;
	bool first_open = descending ? i->high_open : i->low_open;
	bool last_open = descending ? i->low_open : i->high_open;

	if (first.type == BSON_TYPE_EOD && last.type == BSON_TYPE_EOD) {
		return docdb_range_all(p, prefix, err);
	}
	size_t low = p->bytes.n;
	put_end(&p->bytes, prefix, first, last, descending, true, first_open);
	size_t high = p->bytes.n;
	put_end(&p->bytes, prefix, last, first, descending, false, !last_open);
	return add_range(p, low, high, err);
}

/* ---- what a path is bound to ---- */

static bool is_number(const char *p, size_t n)
{
	size_t digits = 0;

	while (digits < n && p[digits] >= '0' && p[digits] <= '9') {
		digits++;
	}
	return n > 0 && digits == n;
}

/* Positions in arrays ("a.0"): a compound index has no entries for them. */
static bool has_position(struct slice path)
{
	size_t begin = 0;

	for (size_t i = 0; i <= path.n; i++) {
		if (i == path.n || path.p[i] == '.') {
			if (is_number(path.p + begin, i - begin)) {
				return true;
			}
			begin = i + 1;
		}
	}
	return false;
}

static struct slice first_part(struct slice path)
{
	const char *dot = memchr(path.p, '.', path.n);

	return dot != NULL ? slice_make(path.p, (size_t)(dot - path.p)) : path;
}

/* {"a.b": 1, "a.c": 2} is met by two elements of `a`, no one of which stands under both. */
static bool shares_array(const struct docdb_index *x, unsigned path)
{
	for (unsigned i = 0; i < path && x->arrays != 0; i++) {
		if (slice_equal(first_part(x->path[i]), first_part(x->path[path]))) {
			return true;
		}
	}
	return false;
}

bool docdb_intervals(const struct doc_match *match, const struct docdb_index *x, unsigned path,
	struct doc_intervals *out)
{
	if (match == NULL || (x->n_paths > 1 && has_position(x->path[path])) ||
		shares_array(x, path)) {
		return false;
	}
	return doc_match_intervals(match, x->path[path], (x->arrays >> path & 1) != 0, out);
}

static bool is_point(const struct doc_interval *i)
{
	return i->low.type != BSON_TYPE_EOD && i->high.type != BSON_TYPE_EOD && !i->low_open &&
	       !i->high_open && doc_compare(i->low, i->high) == 0;
}

static bool all_points(const struct doc_intervals *in)
{
	for (unsigned i = 0; i < in->n; i++) {
		if (!is_point(&in->at[i])) {
			return false;
		}
	}
	return true;
}

bool docdb_is_one_value(const struct doc_match *match, const struct docdb_index *x, unsigned path)
{
	struct doc_intervals in;

	return docdb_intervals(match, x, path, &in) && in.n == 1 && is_point(&in.at[0]);
}

/* ---- for people ---- */

static void put_value(struct buf *out, struct doc_value v, const char *open)
{
	if (v.type == BSON_TYPE_EOD) {
		buf_puts(out, open);
	} else {
		ejson_print_value(v, EJSON_RELAXED, false, out);
	}
}

/* "[1, 5)" */
static void put_interval(struct buf *list, unsigned n, const struct doc_interval *i)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	buf_putc(&text, i->low_open ? '(' : '[');
	put_value(&text, i->low, "...");
	buf_puts(&text, ", ");
	put_value(&text, i->high, "...");
	buf_putc(&text, i->high_open ? ')' : ']');
	docdb_put_text_at(list, n, buf_slice(&text));
}

/* in NULL: everything. */
static void put_bounds(struct docdb_plan *p, struct slice path, const struct doc_intervals *in)
{
	size_t list = doc_put_begin(&p->bounds, path, BSON_TYPE_ARRAY);

	for (unsigned i = 0; in != NULL && i < in->n; i++) {
		put_interval(&p->bounds, i, &in->at[i]);
	}
	if (in == NULL) {
		docdb_put_text_at(&p->bounds, 0, slice_of("[MinKey, MaxKey]"));
	}
	doc_end(&p->bounds, list);
}

/* ---- all of an index ---- */

/* From `from`, whose ranges are single beginnings, to `to`, one path further. */
static int extend(struct docdb_plan *to, const struct docdb_plan *from,
	const struct doc_intervals *in, bool descending, struct err *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < from->n; i++) {
		struct slice prefix = docdb_plan_low(from, i);
		for (unsigned j = 0; rc == 0 && j < in->n; j++) {
			const struct doc_interval *v = &in->at[descending ? in->n - 1 - j : j];
			rc = docdb_range_add(to, prefix, v, descending, err);
		}
	}
	return rc;
}

static int next_path(struct docdb_plan *p, const struct doc_intervals *in, struct err *err)
{
	struct docdb_plan next = {0};
	bool descending = (p->x->descending >> p->n_bounds & 1) != 0;

	int rc = extend(&next, p, in, descending, err);
	buf_free(&p->bytes);
	free(p->range);
	p->bytes = next.bytes;
	p->range = next.range;
	p->n = next.n;
	p->n_bounds++;
	return rc;
}

int docdb_ranges(struct docdb_plan *p, const struct doc_match *match, struct err *err)
{
	struct doc_intervals in = {0};
	bool more = true;
	unsigned i = 0;

	int rc = docdb_range_all(p, slice_of(""), err);
	size_t start = doc_begin(&p->bounds);
	for (; rc == 0 && more && i < p->x->n_paths; i++) {
		if (!docdb_intervals(match, p->x, i, &in) || p->n * in.n > RANGES_MAX) {
			break;
		}
		put_bounds(p, p->x->path[i], &in);
		more = all_points(&in);
		rc = next_path(p, &in, err);
	}
	for (; i < p->x->n_paths; i++) {
		put_bounds(p, p->x->path[i], NULL);
	}
	doc_end(&p->bounds, start);
	return rc < 0 ? rc : buf_check(&p->bounds, err);
}
