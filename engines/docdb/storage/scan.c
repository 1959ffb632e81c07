/* Walks the ranges of a plan. A document that stands in them several times (an array) is given
 * once: at the first of its entries, which is found from the document itself, so that nothing needs
 * to be remembered. */
#include <errno.h>

#include "engines/docdb/storage/plan.h"

struct docdb_scan {
	struct docdb_conn *c;
	struct docdb_plan plan;
	const struct doc_match *match;
	enum docdb_sql n;
	sqlite3_stmt *stmt;
	size_t range; /* that is walked; plan.n: none is left */
	bool bound;   /* the statement runs in it */
	struct docdb_entries entries;
	struct docdb_scan_counts counts;
};

int docdb_scan_open(struct docdb_conn *c, struct docdb_plan *plan, const struct doc_match *match,
	struct docdb_scan **out, struct err *err)
{
	static const enum docdb_sql numbers[2][2] = {
		{SCAN_ENTRIES, SCAN_ENTRIES_BACK}, {SCAN_DOCS, SCAN_DOCS_BACK}};
	struct docdb_scan *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		docdb_plan_free(plan);
		return err_set(err, ENOMEM, "out of memory");
	}
	s->c = c;
	s->plan = *plan;
	*plan = (struct docdb_plan){0};
	s->match = match != NULL && doc_match_all(match) ? NULL : match;
	s->n = numbers[s->plan.x == &docdb_id_index][s->plan.back];
	s->stmt = docdb_stmt_take(c, s->n, err);
	if (s->stmt == NULL) {
		docdb_scan_close(s);
		return -err->code;
	}
	*out = s;
	return 0;
}

void docdb_scan_close(struct docdb_scan *s)
{
	if (s == NULL) {
		return;
	}
	if (s->stmt != NULL) {
		docdb_stmt_give(s->c, s->n, s->stmt);
	}
	docdb_entries_free(&s->entries);
	docdb_plan_free(&s->plan);
	free(s);
}

void docdb_scan_counts(const struct docdb_scan *s, struct docdb_scan_counts *out)
{
	*out = s->counts;
}

/* ---- a document's first entry ---- */

static bool in_ranges(const struct docdb_plan *p, struct slice key)
{
	size_t low = 0;
	size_t high = p->n;

	/* The first range that ends behind the key. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (slice_compare(docdb_plan_high(p, middle), key) <= 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low < p->n && slice_compare(docdb_plan_low(p, low), key) <= 0;
}

static bool is_first(const struct docdb_scan *s, struct slice key)
{
	const struct docdb_entries *e = &s->entries;

	for (size_t i = 0; i < e->n; i++) {
		struct slice k = docdb_entry_key(e, s->plan.back ? e->n - 1 - i : i);
		if (in_ranges(&s->plan, k)) {
			return slice_equal(k, key);
		}
	}
	return false;
}

/* 1, 0, -errno. */
static int comes_now(struct docdb_scan *s, struct slice key, struct slice document, struct err *err)
{
	if (s->plan.x->arrays == 0) {
		return 1;
	}
	int rc = docdb_entries_of(s->plan.x, document, &s->entries, err);
	return rc < 0 ? rc : is_first(s, key);
}

/* ---- walking ---- */

/* 1 a row, 0 the end. */
static int next_row(struct docdb_scan *s, struct err *err)
{
	const struct docdb_plan *p = &s->plan;

	for (; s->range < p->n; s->range++) {
		size_t i = p->back ? p->n - 1 - s->range : s->range;
		if (!s->bound) {
			sqlite3_reset(s->stmt);
			sqlite3_bind_int64(
				s->stmt, 1, p->x == &docdb_id_index ? p->collection : p->x->id);
			store_bind_slice(s->stmt, 2, docdb_plan_low(p, i));
			store_bind_slice(s->stmt, 3, docdb_plan_high(p, i));
			s->bound = true;
		}
		int rc = store_step(s->stmt, err);
		if (rc != 0) {
			return rc;
		}
		s->bound = false;
	}
	return 0;
}

int docdb_scan_next(struct docdb_scan *s, struct slice *k, struct slice *document, struct err *err)
{
	int rc;

	while ((rc = next_row(s, err)) == 1) {
		*k = store_column_slice(s->stmt, 1);
		*document = store_column_slice(s->stmt, 2);
		s->counts.keys++;
		rc = comes_now(s, store_column_slice(s->stmt, 0), *document, err);
		s->counts.documents += rc > 0;
		if (rc > 0 && s->match != NULL) {
			rc = doc_matches(s->match, *document, err);
		}
		if (rc != 0) {
			s->counts.returned += rc > 0;
			return rc;
		}
	}
	return rc;
}
