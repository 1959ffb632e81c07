/* What pipelines ask of a collection. */
#include <errno.h>

#include "engines/common/clock.h"
#include "engines/docdb/storage/plan.h"

/* The collection; 0: there is none, which is no error here. */
static int find_collection(
	struct docdb_conn *c, struct slice name, struct docdb_collection *out, struct err *err)
{
	struct err why = {0};

	int rc = docdb_collection_find(c, name.n > 0 ? name : c->reach_of, out, &why);
	if (rc == -ENOENT) {
		return 0;
	}
	return rc < 0 ? err_set(err, why.code, "%s", why.msg) : 1;
}

/* ---- find ---- */

struct cursor {
	struct doc_cursor base;
	struct docdb_scan *scan; /* NULL: there are none */
};

static int cursor_next(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct cursor *s = (struct cursor *)base;
	struct slice k;

	return s->scan != NULL ? docdb_scan_next(s->scan, &k, document, err) : 0;
}

static void cursor_close(struct doc_cursor *base)
{
	struct cursor *s = (struct cursor *)base;

	docdb_scan_close(s->scan);
	free(s);
}

static int open_scan(struct docdb_conn *c, struct slice collection, const struct doc_match *match,
	struct slice sort, bool *sorted, struct docdb_scan **out, struct err *err)
{
	struct docdb_collection row;
	struct docdb_plan plan = {0};

	*sorted = true;
	int rc = find_collection(c, collection, &row, err);
	if (rc <= 0) {
		return rc;
	}
	rc = docdb_plan(c, &row, match, sort, &plan, err);
	if (rc < 0) {
		return rc;
	}
	*sorted = plan.sorted;
	return docdb_scan_open(c, &plan, match, out, err);
}

static int reach_find(void *arg, struct slice collection, const struct doc_match *match,
	struct slice sort, bool *sorted, struct doc_cursor **out, struct err *err)
{
	struct cursor *s = calloc(1, sizeof(*s));
	bool in_order = false;

	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->base.next = cursor_next;
	s->base.close = cursor_close;
	int rc = open_scan(arg, collection, match, sort, &in_order, &s->scan, err);
	if (rc < 0) {
		free(s);
		return rc;
	}
	if (sorted != NULL) {
		*sorted = in_order;
	}
	*out = &s->base;
	return 0;
}

static int64_t reach_count(void *arg, struct slice collection)
{
	struct docdb_collection row;
	struct err ignored = {0};

	int rc = find_collection(arg, collection, &row, &ignored);
	return rc < 0 ? -1 : rc == 0 ? 0 : (int64_t)row.documents;
}

/* ---- explain ---- */

static void put_index(struct buf *out, const struct docdb_plan *p)
{
	const struct docdb_index *x = p->x;

	docdb_put_text(out, "stage", slice_of("IXSCAN"));
	doc_put(out, slice_of("keyPattern"), doc_value_of(buf_slice(&x->key)));
	docdb_put_text(out, "indexName", buf_slice(&x->name));
	docdb_put_flag(out, "isMultiKey", x->arrays != 0);
	docdb_put_flag(out, "isUnique", x->unique);
	docdb_put_flag(out, "isSparse", x->sparse);
	docdb_put_flag(out, "isPartial", x->partial != NULL);
	docdb_put_text(out, "direction", slice_of(p->back ? "backward" : "forward"));
	doc_put(out, slice_of("indexBounds"), doc_value_of(buf_slice(&p->bounds)));
}

/* The stage that reads documents, and what it read. */
static void put_scan(
	struct buf *out, const struct docdb_plan *p, const struct docdb_scan_counts *counts)
{
	if (p->x == &docdb_id_index && p->n_bounds == 0 && !p->sorted) {
		docdb_put_text(out, "stage", slice_of("COLLSCAN"));
		docdb_put_text(out, "direction", slice_of("forward"));
	} else {
		docdb_put_text(out, "stage", slice_of("FETCH"));
		size_t input = doc_put_begin(out, slice_of("inputStage"), BSON_TYPE_DOCUMENT);
		put_index(out, p);
		docdb_put_count(out, "keysExamined", counts->keys);
		doc_end(out, input);
	}
	docdb_put_count(out, "docsExamined", counts->documents);
	docdb_put_count(out, "nReturned", counts->returned);
}

static void put_plan(struct buf *out, const struct docdb_plan *p, struct slice sort,
	const struct docdb_scan_counts *counts)
{
	bool sorts = sort.n > 0 && !doc_is_empty(sort);

	size_t start = doc_begin(out);
	if (sorts && !p->sorted) {
		docdb_put_text(out, "stage", slice_of("SORT"));
		doc_put(out, slice_of("sortPattern"), doc_value_of(sort));
		size_t input = doc_put_begin(out, slice_of("inputStage"), BSON_TYPE_DOCUMENT);
		put_scan(out, p, counts);
		doc_end(out, input);
		docdb_put_count(out, "nReturned", counts->returned);
	} else {
		put_scan(out, p, counts);
	}
	if (sorts) {
		docdb_put_flag(out, "sorted", true); /* the plan's last stage gives the order */
	}
	doc_end(out, start);
}

/* Runs to the end, for the counts. */
static int run_scan(struct docdb_scan *s, struct docdb_scan_counts *out, struct err *err)
{
	struct slice k;
	struct slice document;
	int rc;

	do {
		rc = docdb_scan_next(s, &k, &document, err);
	} while (rc == 1);
	docdb_scan_counts(s, out);
	return rc;
}

static int explain_collection(struct docdb_conn *c, const struct docdb_collection *row,
	const struct doc_match *match, struct slice sort, struct buf *out, struct err *err)
{
	struct docdb_plan shown = {0};
	struct docdb_plan run = {0};
	struct docdb_scan *s = NULL;
	struct docdb_scan_counts counts = {0};

	/* Two alike: the one that runs is the scan's. */
	int rc = docdb_plan(c, row, match, sort, &shown, err);
	rc = rc < 0 ? rc : docdb_plan(c, row, match, sort, &run, err);
	rc = rc < 0 ? rc : docdb_scan_open(c, &run, match, &s, err);
	rc = rc < 0 ? rc : run_scan(s, &counts, err);
	docdb_scan_close(s);
	if (rc == 0) {
		put_plan(out, &shown, sort, &counts);
		rc = buf_check(out, err);
	}
	docdb_plan_free(&shown);
	return rc;
}

static int reach_explain(void *arg, struct slice collection, const struct doc_match *match,
	struct slice sort, struct buf *out, struct err *err)
{
	struct docdb_collection row;

	int rc = find_collection(arg, collection, &row, err);
	if (rc == 0) {
		size_t start = doc_begin(out);
		docdb_put_text(out, "stage", slice_of("EOF"));
		docdb_put_count(out, "nReturned", 0);
		doc_end(out, start);
		return buf_check(out, err);
	}
	return rc < 0 ? rc : explain_collection(arg, &row, match, sort, out, err);
}

void docdb_reach(
	struct docdb_conn *c, struct slice collection, const char *tmp_dir, struct doc_reach *reach)
{
	c->reach_of = collection;
	*reach = (struct doc_reach){
		.find = reach_find,
		.explain = reach_explain,
		.count = reach_count,
		.arg = c,
		.tmp_dir = tmp_dir,
		.now_ms = clock_wall_ns() / 1000000,
	};
}
