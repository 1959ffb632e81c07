/* Which index a query takes.
 *
 * All that can serve are made into plans; then, as in the service, one that is bound by the filter
 * is taken before one that is not. Between bound ones the number of keys in their ranges decides,
 * counted, but not further than it could matter. One that gives the order that is asked for saves
 * the sorting; it is taken where the filter leaves a good part of the collection anyway. */
#include <errno.h>

#include "engines/docdb/storage/plan.h"

#define COUNT_MIN 1000 /* keys are counted so far first, and further if that does not tell */
/* A filter that leaves less than this part of a collection is worth a sort. */
#define SORT_PART 8

static char id_name[] = "_id_";
static char id_key[] = "\x0e\0\0\0\x10_id\0\1\0\0\0";

const struct docdb_index docdb_id_index = {
	.name = {.p = id_name, .n = sizeof(id_name) - 1},
	.key = {.p = id_key, .n = sizeof(id_key)},
	.n_paths = 1,
	.path = {{"_id", 3}},
	.unique = true,
};

/* ---- whether one can serve ---- */

static unsigned null_bracket(void)
{
	return doc_bracket(BSON_TYPE_NULL);
}

/* Whether a missing field, which stands as null, may lie in the interval. */
static bool may_be_missing(const struct doc_interval *i)
{
	if (i->low.type != BSON_TYPE_EOD) {
		return doc_bracket(i->low.type) <= null_bracket();
	}
	return i->high.type == BSON_TYPE_EOD || doc_bracket(i->high.type) == null_bracket();
}

/* The filter wants a field that the sparse index has all documents of. */
static bool wants_field(const struct docdb_index *x, const struct doc_match *match)
{
	struct doc_intervals in;

	for (unsigned path = 0; path < x->n_paths; path++) {
		bool missing = false;
		if (!docdb_intervals(match, x, path, &in)) {
			continue;
		}
		for (unsigned i = 0; i < in.n; i++) {
			missing = missing || may_be_missing(&in.at[i]);
		}
		if (!missing) {
			return true;
		}
	}
	return false;
}

/* Whether all documents that match are in it. */
static bool has_all(const struct docdb_index *x, const struct doc_match *match)
{
	if (x->partial != NULL) {
		return match != NULL && doc_match_implies(match, x->partial);
	}
	return !x->sparse || wants_field(x, match);
}

/* ---- whether one comes in order ---- */

/* Entries come in the order of elements; a document's place is that of its first. That is its
 * place in the sort as well only if no other condition or array picks the element. */
static bool order_is_known(
	const struct docdb_index *x, const struct doc_match *match, unsigned path)
{
	struct doc_intervals in;

	if ((x->arrays >> path & 1) == 0) {
		return true;
	}
	return x->arrays == UINT32_C(1) << path && !docdb_intervals(match, x, path, &in);
}

static bool has_one_value(
	const struct docdb_index *x, const struct doc_match *match, struct slice path)
{
	for (unsigned i = 0; i < x->n_paths; i++) {
		if (slice_equal(x->path[i], path) && (x->arrays >> i & 1) == 0) {
			return docdb_is_one_value(match, x, i);
		}
	}
	return false;
}

/* Goes on to the path that gives the order next: those of one value say nothing. -1: it is
 * another. */
static int find_path(const struct docdb_index *x, const struct doc_match *match, unsigned from,
	struct slice path)
{
	for (unsigned i = from; i < x->n_paths; i++) {
		if (slice_equal(x->path[i], path)) {
			return (int)i;
		}
		if (!docdb_is_one_value(match, x, i) || (x->arrays >> i & 1) != 0) {
			return -1;
		}
	}
	return -1;
}

static int direction_of(struct doc_value v)
{
	return doc_is_number(v) ? (doc_double(v) < 0 ? -1 : 1) : 0;
}

/* 1: forwards, -1: backwards, 0: not in this order. */
static int order_of(const struct docdb_index *x, const struct doc_match *match, struct slice sort)
{
	struct doc_iter it;
	struct slice path;
	struct doc_value v;
	unsigned at = 0;
	int way = 0;

	doc_iter_init(&it, sort);
	while (doc_next(&it, &path, &v)) {
		int i = find_path(x, match, at, path);
		if (i < 0 && has_one_value(x, match, path)) {
			continue;
		}
		if (i < 0 || !order_is_known(x, match, (unsigned)i) || direction_of(v) == 0) {
			return 0;
		}
		bool descending = (x->descending >> i & 1) != 0;
		int here = descending ? -direction_of(v) : direction_of(v);
		if (way != 0 && way != here) {
			return 0;
		}
		way = here;
		at = (unsigned)i + 1;
	}
	return way != 0 ? way : 1;
}

/* ---- counting ---- */

static int count_range(
	struct docdb_conn *c, struct docdb_plan *p, size_t i, uint64_t limit, struct err *err)
{
	bool docs = p->x == &docdb_id_index;
	sqlite3_stmt *stmt = docdb_stmt(c, docs ? DOCS_COUNT : ENTRIES_COUNT, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, docs ? p->collection : p->x->id);
	store_bind_slice(stmt, 2, docdb_plan_low(p, i));
	store_bind_slice(stmt, 3, docdb_plan_high(p, i));
	sqlite3_bind_int64(stmt, 4, (sqlite3_int64)limit);
	int rc = store_step(stmt, err);
	if (rc == 1) {
		p->estimate += (uint64_t)sqlite3_column_int64(stmt, 0);
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

static int estimate(struct docdb_conn *c, struct docdb_plan *p, uint64_t limit, struct err *err)
{
	int rc = 0;

	p->estimate = 0;
	for (size_t i = 0; rc == 0 && i < p->n && p->estimate < limit; i++) {
		rc = count_range(c, p, i, limit - p->estimate, err);
	}
	return rc;
}

/* ---- choosing ---- */

struct candidates {
	struct docdb_plan at[DOCDB_INDEXES + 1];
	unsigned n;
};

static int consider(struct candidates *all, const struct docdb_collection *collection,
	const struct docdb_index *x, const struct doc_match *match, struct slice sort,
	struct err *err)
{
	struct docdb_plan *p = &all->at[all->n];

	if (!has_all(x, match)) {
		return 0;
	}
	*p = (struct docdb_plan){.collection = collection->id, .x = x};
	all->n++;
	int rc = docdb_ranges(p, match, err);
	if (rc == 0 && sort.n > 0 && !doc_is_empty(sort)) {
		int way = order_of(x, match, sort);
		p->sorted = way != 0;
		p->back = way < 0;
	}
	/* The documents themselves can always be walked, other indexes only where they help. */
	if (rc == 0 && x != &docdb_id_index && p->n_bounds == 0 && !p->sorted) {
		docdb_plan_free(p);
		all->n--;
	}
	return rc;
}

static int consider_all(struct docdb_conn *c, struct candidates *all,
	const struct docdb_collection *collection, const struct doc_match *match, struct slice sort,
	struct err *err)
{
	const struct docdb_indexes *indexes = NULL;

	int rc = docdb_indexes_load(c, &indexes, err);
	rc = rc < 0 ? rc : consider(all, collection, &docdb_id_index, match, sort, err);
	for (size_t i = 0; rc == 0 && i < indexes->n && all->n < DOCDB_INDEXES; i++) {
		if (indexes->at[i]->collection == collection->id) {
			rc = consider(all, collection, indexes->at[i], match, sort, err);
		}
	}
	return rc;
}

static bool is_better(const struct docdb_plan *a, const struct docdb_plan *b)
{
	if (a->estimate != b->estimate) {
		return a->estimate < b->estimate;
	}
	if (a->sorted != b->sorted) {
		return a->sorted;
	}
	return a->n_bounds > b->n_bounds;
}

/* The best of those that are bound (or not), and sorted if wanted; NULL: there is none. */
static struct docdb_plan *best_of(struct candidates *all, bool bound, bool sorted)
{
	struct docdb_plan *best = NULL;

	for (unsigned i = 0; i < all->n; i++) {
		struct docdb_plan *p = &all->at[i];
		if ((p->n_bounds > 0) == bound && (p->sorted || !sorted) &&
			(best == NULL || is_better(p, best))) {
			best = p;
		}
	}
	return best;
}

static unsigned count_bound(const struct candidates *all)
{
	unsigned n = 0;

	for (unsigned i = 0; i < all->n; i++) {
		n += all->at[i].n_bounds > 0;
	}
	return n;
}

static int estimate_all(
	struct docdb_conn *c, struct candidates *all, uint64_t limit, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < all->n; i++) {
		if (all->at[i].n_bounds > 0) {
			rc = estimate(c, &all->at[i], limit, err);
		}
	}
	return rc;
}

/* Counts as far as it is needed to tell the bound ones apart; *few: the best of them leaves little
 * of the collection. */
static int compare_bound(struct docdb_conn *c, struct candidates *all, uint64_t part, bool sort,
	bool *few, struct err *err)
{
	uint64_t limit = COUNT_MIN;

	*few = true;
	if (count_bound(all) == 0 || (count_bound(all) == 1 && !sort)) {
		return 0;
	}
	int rc = estimate_all(c, all, limit, err);
	if (rc == 0 && part > limit && best_of(all, true, false)->estimate >= limit) {
		limit = part;
		rc = estimate_all(c, all, limit, err);
	}
	*few = best_of(all, true, false)->estimate < limit;
	return rc;
}

static int choose(struct docdb_conn *c, struct candidates *all,
	const struct docdb_collection *collection, bool sort, struct docdb_plan **out,
	struct err *err)
{
	bool few;

	int rc = compare_bound(c, all, collection->documents / SORT_PART, sort, &few, err);
	struct docdb_plan *best = best_of(all, true, false);
	if (sort && (best == NULL || (!best->sorted && !few))) {
		struct docdb_plan *sorted = best_of(all, true, true);
		sorted = sorted != NULL ? sorted : best_of(all, false, true);
		best = sorted != NULL ? sorted : best;
	}
	*out = best != NULL ? best : best_of(all, false, false);
	return rc;
}

int docdb_plan(struct docdb_conn *c, const struct docdb_collection *collection,
	const struct doc_match *match, struct slice sort, struct docdb_plan *out, struct err *err)
{
	struct candidates *all = calloc(1, sizeof(*all));
	struct docdb_plan *best = NULL;
	bool sorting = sort.n > 0 && !doc_is_empty(sort);

	if (all == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = consider_all(c, all, collection, match, sort, err);
	rc = rc < 0 ? rc : choose(c, all, collection, sorting, &best, err);
	if (rc == 0) {
		*out = *best;
		*best = (struct docdb_plan){0};
	}
	for (unsigned i = 0; i < all->n; i++) {
		docdb_plan_free(&all->at[i]);
	}
	free(all);
	return rc;
}
