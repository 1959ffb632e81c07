/* `.update`: what updateMany and deleteMany do, one or several, in one transaction.
 *
 * Documents are found first and changed then: a change moves entries in the very index that is
 * walked. Where the documents themselves are walked, they do not move, and it goes by pieces, so
 * that all of a large collection can be updated without holding its keys. */
#include <errno.h>

#include "engines/docdb/values/ejson.h"
#include "engines/docdb/storage/plan.h"

#define PIECE 1000 /* documents */

static const struct slice id_name = {"_id", 3};

/* One statement of a batch. */
struct statement {
	struct doc_value filter;
	struct doc_value update; /* missing: it deletes */
	struct doc_value array_filters;
	bool upsert;
	bool multi;
};

struct batch {
	struct docdb_conn *c;
	struct docdb_touched *t;
	int64_t now_ms;
	uint64_t matched;
	uint64_t modified;
	uint64_t deleted;
	struct buf upserted; /* an array's members */
	unsigned n_upserted;
	struct buf after; /* scratch */
};

/* ---- one document ---- */

static int check_result(struct slice k, struct slice document, struct err *err)
{
	CLEANUP(buf_free) struct buf now = BUF_INIT;
	struct doc_value id = doc_field(document, id_name);

	int rc = doc_check(document, err);
	if (rc < 0) {
		return rc;
	}
	doc_key_append(id, false, &now);
	rc = buf_check(&now, err);
	if (rc == 0 && (id.type == BSON_TYPE_EOD || !slice_equal(buf_slice(&now), k))) {
		CLEANUP(buf_free) struct buf shown = BUF_INIT;
		ejson_print_value(id, EJSON_RELAXED, false, &shown);
		return err_set(err, EINVAL,
			"ImmutableField (66): After applying the update, the (immutable) field "
			"'_id' was found to have been altered to _id: %.200s",
			buf_cstr(&shown));
	}
	return rc;
}

static int update_one(struct batch *b, const struct doc_update *u, const struct doc_match *filter,
	struct slice k, struct docdb_stored *stored, struct slice old, struct err *err)
{
	bool changed = false;

	buf_clear(&b->after);
	int rc = doc_update_apply(u, old, filter, b->now_ms, &b->after, &changed, err);
	rc = rc < 0 ? rc : buf_check(&b->after, err);
	b->matched++;
	if (rc < 0 || !changed || slice_equal(buf_slice(&b->after), old)) {
		return rc;
	}
	rc = check_result(k, buf_slice(&b->after), err);
	rc = rc < 0 ? rc
		    : docdb_stored_set(b->c, b->t, k, stored, old, buf_slice(&b->after), true, err);
	b->modified += rc == 0;
	return rc;
}

/* `u` NULL: it goes. */
static int change_one(struct batch *b, const struct doc_update *u, const struct doc_match *filter,
	struct slice k, struct err *err)
{
	CLEANUP(buf_free) struct buf old = BUF_INIT;
	struct docdb_stored stored;

	int rc = docdb_stored_find(b->c, b->t->c.id, k, &stored, &old, err);
	if (rc <= 0) {
		return rc;
	}
	if (u != NULL) {
		return update_one(b, u, filter, k, &stored, buf_slice(&old), err);
	}
	rc = docdb_stored_drop(b->c, b->t, k, &stored, buf_slice(&old), err);
	b->deleted += rc == 0;
	return rc;
}

/* ---- all that match ---- */

static void put_key(struct buf *out, struct slice k)
{
	uint32_t n = (uint32_t)k.n;

	buf_append(out, &n, sizeof(n));
	buf_append_slice(out, k);
}

/* The next of the keys, which is taken off. */
static struct slice take_key(struct slice *keys)
{
	uint32_t n;

	memcpy(&n, keys->p, sizeof(n));
	struct slice k = slice_make(keys->p + sizeof(n), n);
	*keys = slice_make(k.p + n, keys->n - sizeof(n) - n);
	return k;
}

/* Takes the plan over. At most `limit` keys (0: all); *n of them. */
static int find_keys(struct batch *b, struct docdb_plan *plan, const struct doc_match *filter,
	unsigned limit, struct buf *keys, unsigned *n, struct err *err)
{
	struct docdb_scan *s = NULL;
	struct slice k;
	struct slice document;

	*n = 0;
	int rc = docdb_scan_open(b->c, plan, filter, &s, err);
	while (rc == 0 && (limit == 0 || *n < limit) &&
		(rc = docdb_scan_next(s, &k, &document, err)) == 1) {
		put_key(keys, k);
		(*n)++;
		rc = buf_check(keys, err);
	}
	docdb_scan_close(s);
	return rc < 0 ? rc : 0;
}

/* `last` becomes the key of the last one. */
static int change_keys(struct batch *b, const struct doc_update *u, const struct doc_match *filter,
	struct slice keys, struct buf *last, struct err *err)
{
	int rc = 0;

	while (rc >= 0 && keys.n > 0) {
		struct slice k = take_key(&keys);
		rc = change_one(b, u, filter, k, err);
		if (keys.n == 0) {
			buf_clear(last);
			buf_append_slice(last, k);
		}
	}
	return rc < 0 ? rc : buf_check(last, err);
}

/* What is left of `of` behind `last`. */
static int rest_of(
	const struct docdb_plan *of, struct slice last, struct docdb_plan *out, struct err *err)
{
	*out = (struct docdb_plan){.collection = of->collection, .x = of->x};
	out->range = calloc(of->n + 1, sizeof(*out->range));
	buf_append_slice(&out->bytes, buf_slice(&of->bytes));
	size_t low = out->bytes.n;
	buf_append_slice(&out->bytes, last);
	buf_putc(&out->bytes, '\0'); /* no key lies between */
	if (out->range == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < of->n; i++) {
		if (slice_compare(docdb_plan_high(of, i), last) <= 0) {
			continue;
		}
		struct docdb_range *r = &out->range[out->n++];
		*r = of->range[i];
		if (last.n > 0 && slice_compare(docdb_plan_low(of, i), last) <= 0) {
			r->low = low;
			r->n_low = last.n + 1;
		}
	}
	return buf_check(&out->bytes, err);
}

/* By pieces: *n documents in this one, behind `last`. */
static int change_piece(struct batch *b, const struct doc_update *u, const struct doc_match *filter,
	const struct docdb_plan *plan, struct buf *last, unsigned *n, struct err *err)
{
	CLEANUP(buf_free) struct buf keys = BUF_INIT;
	struct docdb_plan rest;

	int rc = rest_of(plan, buf_slice(last), &rest, err);
	if (rc < 0) {
		docdb_plan_free(&rest);
		return rc;
	}
	rc = find_keys(b, &rest, filter, PIECE, &keys, n, err);
	return rc < 0 ? rc : change_keys(b, u, filter, buf_slice(&keys), last, err);
}

/* Takes the plan over. At most `limit` (0: all). */
static int change_found(struct batch *b, const struct doc_update *u, const struct doc_match *filter,
	struct docdb_plan *plan, unsigned limit, struct err *err)
{
	CLEANUP(buf_free) struct buf keys = BUF_INIT;
	CLEANUP(buf_free) struct buf last = BUF_INIT;
	unsigned n;

	int rc = find_keys(b, plan, filter, limit, &keys, &n, err);
	return rc < 0 ? rc : change_keys(b, u, filter, buf_slice(&keys), &last, err);
}

static int change_all(struct batch *b, const struct doc_update *u, const struct doc_match *filter,
	bool multi, struct err *err)
{
	CLEANUP(buf_free) struct buf last = BUF_INIT;
	struct docdb_plan plan = {0};
	unsigned n = PIECE;

	int rc = docdb_plan(b->c, &b->t->c, filter, slice_of(""), &plan, err);
	if (rc < 0) {
		return rc;
	}
	if (!multi || plan.x != &docdb_id_index) {
		return change_found(b, u, filter, &plan, multi ? 0 : 1, err);
	}
	while (rc == 0 && n == PIECE) {
		rc = change_piece(b, u, filter, &plan, &last, &n, err);
	}
	docdb_plan_free(&plan);
	return rc;
}

/* ---- upsert ---- */

static int upsert(struct batch *b, const struct doc_update *u, const struct doc_match *filter,
	struct err *err)
{
	CLEANUP(buf_free) struct buf document = BUF_INIT;
	CLEANUP(buf_free) struct buf id = BUF_INIT;

	int rc = doc_update_insert(u, filter, b->now_ms, &document, err);
	rc = rc < 0 ? rc : buf_check(&document, err);
	rc = rc < 0 ? rc : doc_check(buf_slice(&document), err);
	rc = rc < 0 ? rc : docdb_add(b->c, b->t, buf_slice(&document), &id, err);
	if (rc == 0) {
		struct slice made = buf_slice(&id);
		doc_put_index(&b->upserted, b->n_upserted++, doc_field(made, id_name));
		rc = buf_check(&b->upserted, err);
	}
	return rc;
}

/* ---- one statement ---- */

static int run_update(
	struct batch *b, const struct statement *s, const struct doc_match *filter, struct err *err)
{
	struct doc_update *u = NULL;
	uint64_t before = b->matched;

	int rc = doc_update_new(s->update, s->array_filters, &u, err);
	if (rc < 0) {
		return rc;
	}
	rc = change_all(b, u, filter, s->multi, err);
	if (rc == 0 && s->upsert && b->matched == before) {
		rc = upsert(b, u, filter, err);
	}
	doc_update_free(u);
	return rc;
}

static int run_statement(struct batch *b, const struct statement *s, struct err *err)
{
	static const char empty[5] = {5};
	struct doc_match *filter = NULL;
	struct slice text =
		s->filter.type != BSON_TYPE_EOD ? s->filter.raw : slice_make(empty, sizeof(empty));

	int rc = doc_match_new(text, &filter, err);
	if (rc < 0) {
		return rc;
	}
	rc = s->update.type != BSON_TYPE_EOD ? run_update(b, s, filter, err)
					     : change_all(b, NULL, filter, s->multi, err);
	doc_match_free(filter);
	return rc;
}

/* ---- the text ---- */

static int bad_member(struct slice name, const char *expected, struct err *err)
{
	return err_set(
		err, EINVAL, "'%.*s': %s", (int)(name.n < 100 ? name.n : 100), name.p, expected);
}

static int take_flag(struct slice name, struct doc_value v, bool *out, struct err *err)
{
	if (v.type != BSON_TYPE_BOOL && !doc_is_number(v)) {
		return bad_member(name, "true or false is expected", err);
	}
	*out = v.type == BSON_TYPE_BOOL ? doc_bool(v) : doc_double(v) != 0;
	return 0;
}

static int take_document(
	struct slice name, struct doc_value v, struct doc_value *out, struct err *err)
{
	if (v.type != BSON_TYPE_DOCUMENT) {
		return bad_member(name, "an object is expected", err);
	}
	*out = v;
	return 0;
}

static int take_limit(struct slice name, struct doc_value v, struct statement *out, struct err *err)
{
	int64_t limit;

	if (!doc_as_int64(v, &limit) || (limit != 0 && limit != 1)) {
		return bad_member(name, "0 (all) or 1 is expected", err);
	}
	out->multi = limit == 0;
	return 0;
}

/* A member that both forms have, or of the form `delete`. */
static int take_member(
	struct slice name, struct doc_value v, bool deletes, struct statement *out, struct err *err)
{
	if (slice_is(name, "filter") || slice_is(name, "q")) {
		return take_document(name, v, &out->filter, err);
	}
	if (deletes && slice_is(name, "limit")) {
		return take_limit(name, v, out, err);
	}
	if (!deletes && (slice_is(name, "update") || slice_is(name, "u"))) {
		out->update = v;
		return 0;
	}
	if (!deletes && slice_is(name, "arrayFilters")) {
		out->array_filters = v;
		return v.type == BSON_TYPE_ARRAY ? 0
						 : bad_member(name, "an array is expected", err);
	}
	if (!deletes && slice_is(name, "upsert")) {
		return take_flag(name, v, &out->upsert, err);
	}
	if (!deletes && slice_is(name, "multi")) {
		return take_flag(name, v, &out->multi, err);
	}
	if (slice_is(name, "comment") || slice_is(name, "hint") || slice_is(name, "collation")) {
		return slice_is(name, "collation")
			       ? bad_member(name, "collations are not supported", err)
			       : 0;
	}
	return bad_member(name,
		deletes ? "unknown; known are q and limit"
			: "unknown; known are filter, update, upsert, multi and arrayFilters",
		err);
}

static int take_statement(
	struct doc_value spec, bool deletes, struct statement *out, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int rc = 0;

	if (spec.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL, "an object is expected: {\"%s\": {..}%s}",
			deletes ? "q" : "filter", deletes ? "" : ", \"update\": {..}");
	}
	doc_iter_init(&it, spec.raw);
	while (rc == 0 && doc_next(&it, &name, &v)) {
		rc = take_member(name, v, deletes, out, err);
	}
	if (rc == 0 && !deletes && out->update.type != BSON_TYPE_DOCUMENT &&
		out->update.type != BSON_TYPE_ARRAY) {
		rc = err_set(err, EINVAL,
			"\"update\" is missing: an object of operators, a document, or an array of "
			"stages");
	}
	return rc;
}

static int run_list(struct batch *b, struct doc_value list, bool deletes, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int rc = 0;

	if (list.type != BSON_TYPE_ARRAY) {
		return err_set(err, EINVAL, "\"%s\": an array is expected",
			deletes ? "deletes" : "updates");
	}
	doc_iter_init(&it, list.raw);
	while (rc == 0 && doc_next(&it, &name, &v)) {
		struct statement s = {0};
		rc = take_statement(v, deletes, &s, err);
		rc = rc < 0 ? rc : run_statement(b, &s, err);
		if (rc < 0) {
			err_wrap(err, "%s.%.*s", deletes ? "deletes" : "updates", (int)name.n,
				name.p);
		}
	}
	return rc;
}

/* {"update": "c", "updates": [..]}, {"delete": "c", "deletes": [..]} */
static int run_command(struct batch *b, struct slice spec, bool deletes, struct err *err)
{
	struct doc_value of = doc_field(spec, slice_of(deletes ? "delete" : "update"));

	if (!slice_equal(doc_string(of), slice_of(b->t->c.name))) {
		return err_set(err, EINVAL,
			"this is the collection '%.200s', the command is for '%.*s'", b->t->c.name,
			(int)(doc_string(of).n < 200 ? doc_string(of).n : 200), doc_string(of).p);
	}
	return run_list(
		b, doc_field(spec, slice_of(deletes ? "deletes" : "updates")), deletes, err);
}

static int run_one(struct batch *b, struct doc_value spec, struct err *err)
{
	struct statement s = {.multi = true};
	bool is_document = spec.type == BSON_TYPE_DOCUMENT;

	if (is_document && doc_field(spec.raw, slice_of("update")).type == BSON_TYPE_UTF8) {
		return run_command(b, spec.raw, false, err);
	}
	if (is_document && doc_field(spec.raw, slice_of("delete")).type == BSON_TYPE_UTF8) {
		return run_command(b, spec.raw, true, err);
	}
	int rc = take_statement(spec, false, &s, err);
	return rc < 0 ? rc : run_statement(b, &s, err);
}

static int run_all(struct batch *b, struct doc_value spec, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int rc = 0;

	if (spec.type != BSON_TYPE_ARRAY) {
		return run_one(b, spec, err);
	}
	doc_iter_init(&it, spec.raw);
	while (rc == 0 && doc_next(&it, &name, &v)) {
		rc = run_one(b, v, err);
		if (rc < 0) {
			err_wrap(err, "statement %.*s", (int)name.n, name.p);
		}
	}
	return rc;
}

/* ---- the report ---- */

static int report_of(struct batch *b, size_t upserted, struct buf *report, struct err *err)
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;

	doc_end(&b->upserted, upserted);
	size_t start = doc_begin(&out);
	docdb_put_count(&out, "matchedCount", b->matched);
	docdb_put_count(&out, "modifiedCount", b->modified);
	doc_put(&out, slice_of("upsertedIds"),
		(struct doc_value){BSON_TYPE_ARRAY, buf_slice(&b->upserted)});
	docdb_put_count(&out, "deletedCount", b->deleted);
	doc_end(&out, start);
	int rc = buf_check(&b->upserted, err);
	rc = rc < 0 ? rc : buf_check(&out, err);
	if (rc == 0) {
		ejson_print(buf_slice(&out), EJSON_RELAXED, false, report);
		buf_putc(report, '\n');
		rc = buf_check(report, err);
	}
	return rc;
}

int docdb_update(struct docdb_conn *c, struct slice collection, struct doc_value spec,
	struct buf *report, struct err *err)
{
	struct batch b = {.c = c};

	int rc = docdb_touch(c, collection, &b.t, err);
	if (rc < 0) {
		return rc;
	}
	b.now_ms = docdb_time_ns(c) / 1000000;
	size_t upserted = doc_begin(&b.upserted);
	rc = run_all(&b, spec, err);
	rc = rc < 0 ? rc : report_of(&b, upserted, report, err);
	buf_free(&b.upserted);
	buf_free(&b.after);
	return rc;
}
