#include "tests/unit/docdb_fixture.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>

#include "engines/docdb/values/ejson.h"
#include "engines/docdb/storage/plan.h"

static void note_told(void *arg, const struct slice *collection, const struct slice *name)
{
	struct buf *told = arg;

	buf_append_slice(told, collection != NULL ? *collection : slice_of("*"));
	if (collection != NULL) {
		buf_putc(told, '/');
		buf_append_slice(told, name != NULL ? *name : slice_of("*"));
	}
	buf_putc(told, ' ');
}

/* ---- lifetime ---- */

void docs_init(struct docs *d)
{
	static const char *const parts[] = {"az/a", "az/b", "docdb"};

	*d = (struct docs){0};
	make_site(d->dir);
	for (unsigned i = 0; i < 3; i++) {
		snprintf(d->path[i], sizeof(d->path[i]), "%s/%s", d->dir, parts[i]);
	}
	d->config = (struct instance_config){
		.id = "docs",
		.dir = d->path[2],
		.zone = {{"a", d->path[0]}, {"b", d->path[1]}},
		.label = "cluster docs",
	};
	docdb_instance_config(&d->config);
}

void docs_open(struct docs *d)
{
	struct docdb_source_config config = {"docdb", note_told, &d->told};

	docs_ok(d, instance_open(&d->config, &d->store, &d->err));
	docs_ok(d, docdb_source_instance(d->store, &config, &d->source, &d->err));
}

void docs_close(struct docs *d)
{
	docdb_source_close(d->source);
	instance_close(d->store);
	d->source = NULL;
	d->store = NULL;
}

void docs_start(struct docs *d)
{
	struct instance_settings settings = {0};

	docs_init(d);
	docs_ok(d, instance_create(&d->config, &settings, NULL, &d->err));
	docs_open(d);
	docs_ok(d, docs_make(d, "c"));
	buf_clear(&d->told);
}

void docs_end(struct docs *d)
{
	docs_close(d);
	buf_free(&d->told);
	remove_site(d->dir);
}

int docs_read(struct docs *d, docdb_fn *fn, void *arg)
{
	err_clear(&d->err);
	int rc = docdb_read(d->source, fn, arg, &d->err);
	ck_assert_int_eq(rc, -d->err.code);
	return rc;
}

int docs_write(struct docs *d, docdb_fn *fn, void *arg)
{
	err_clear(&d->err);
	int rc = docdb_write(d->source, fn, arg, &d->err);
	ck_assert_int_eq(rc, -d->err.code);
	return rc;
}

/* ---- one call ---- */

struct call {
	enum { MAKE, DROP, PUT, REMOVE, MOVE, INDEX, UPDATE, EXPIRE, TEXT, NAMES } what;
	struct docs *d;
	struct slice collection;
	struct slice name;
	struct slice to_collection;
	struct slice text;
	uint64_t expect;
	unsigned flags;
	uint64_t *n;
	struct buf *out;
};

static int emit_name(void *arg, struct slice key, const struct engine_info *info)
{
	struct buf *out = arg;

	(void)info;
	buf_append_slice(out, key);
	buf_putc(out, ' ');
	return 0;
}

static int read_text(struct docdb_conn *c, const struct call *k, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf document = BUF_INIT;

	buf_clear(k->out);
	int rc =
		docdb_doc_read(c, k->collection, k->name, DOCDB_CANONICAL, &text, &k->d->info, err);
	if (rc < 0) {
		return rc;
	}
	ck_assert_uint_eq(k->d->info.size, text.n);
	rc = ejson_parse(buf_slice(&text), slice_of(""), &document, err);
	ejson_print(buf_slice(&document), EJSON_RELAXED, false, k->out);
	return rc;
}

static int run_update(struct docdb_conn *c, const struct call *k, struct err *err)
{
	CLEANUP(buf_free) struct buf spec = BUF_INIT;
	uint8_t type;

	int rc = ejson_parse_value(k->text, &type, &spec, err);
	return rc < 0 ? rc
		      : docdb_update(c, k->collection, (struct doc_value){type, buf_slice(&spec)},
				k->out, err);
}

static int run_call(struct docdb_conn *c, void *arg, struct err *err)
{
	struct call *k = arg;

	switch (k->what) {
	case MAKE: return docdb_collection_create(c, k->collection, NULL, err);
	case DROP: return docdb_collection_drop(c, k->collection, k->flags != 0, err);
	case PUT:
		return docdb_doc_write(c, k->collection, k->name, k->text, k->expect, DOCDB_RELAXED,
			&k->d->info, err);
	case REMOVE: return docdb_doc_remove(c, k->collection, k->name, k->expect, err);
	case MOVE:
		return docdb_doc_rename(
			c, k->collection, k->name, k->to_collection, k->text, k->flags, err);
	case INDEX: return docdb_indexes_write(c, k->collection, k->text, err);
	case UPDATE: return run_update(c, k, err);
	case EXPIRE: return docdb_expire(c, (int64_t)k->expect, k->flags, k->n, err);
	case TEXT: return read_text(c, k, err);
	case NAMES:
		buf_clear(k->out);
		return docdb_doc_list(c, k->collection, NULL, 0, emit_name, k->out, err);
	}
	return -EINVAL;
}

static int call(struct docs *d, struct call *k)
{
	k->d = d;
	return k->what < TEXT ? docs_write(d, run_call, k) : docs_read(d, run_call, k);
}

int docs_make(struct docs *d, const char *collection)
{
	struct call k = {.what = MAKE, .collection = slice_of(collection)};
	return call(d, &k);
}

int docs_drop(struct docs *d, const char *collection, bool force)
{
	struct call k = {.what = DROP, .collection = slice_of(collection), .flags = force};
	return call(d, &k);
}

int docs_put_at(
	struct docs *d, const char *collection, const char *name, const char *text, uint64_t expect)
{
	struct call k = {.what = PUT,
		.collection = slice_of(collection),
		.name = slice_of(name),
		.text = slice_of(text),
		.expect = expect};
	return call(d, &k);
}

int docs_put(struct docs *d, const char *collection, const char *name, const char *text)
{
	return docs_put_at(d, collection, name, text, ENGINE_VERSION_ANY);
}

int docs_remove(struct docs *d, const char *collection, const char *name)
{
	struct call k = {.what = REMOVE,
		.collection = slice_of(collection),
		.name = slice_of(name),
		.expect = ENGINE_VERSION_ANY};
	return call(d, &k);
}

int docs_move(struct docs *d, const char *from_collection, const char *from,
	const char *to_collection, const char *to, unsigned flags)
{
	struct call k = {.what = MOVE,
		.collection = slice_of(from_collection),
		.name = slice_of(from),
		.to_collection = slice_of(to_collection),
		.text = slice_of(to),
		.flags = flags};
	return call(d, &k);
}

int docs_index(struct docs *d, const char *collection, const char *text)
{
	struct call k = {.what = INDEX, .collection = slice_of(collection), .text = slice_of(text)};
	return call(d, &k);
}

int docs_update(struct docs *d, const char *collection, const char *text, struct buf *report)
{
	struct call k = {.what = UPDATE,
		.collection = slice_of(collection),
		.text = slice_of(text),
		.out = report};
	return call(d, &k);
}

int docs_expire(struct docs *d, int64_t now_ms, unsigned limit, uint64_t *removed)
{
	struct call k = {.what = EXPIRE, .expect = (uint64_t)now_ms, .flags = limit, .n = removed};
	return call(d, &k);
}

static struct buf shown;

const char *docs_text(struct docs *d, const char *collection, const char *name)
{
	struct call k = {.what = TEXT,
		.collection = slice_of(collection),
		.name = slice_of(name),
		.out = &shown};
	return call(d, &k) == 0 ? buf_cstr(&shown) : "";
}

const char *docs_names(struct docs *d, const char *collection)
{
	struct call k = {.what = NAMES, .collection = slice_of(collection), .out = &shown};
	docs_ok(d, call(d, &k));
	return buf_cstr(&shown);
}

/* ---- finding ---- */

struct finding {
	struct slice collection;
	const char *filter;
	const char *sort;
	bool slowly;
	struct buf *out;
	struct buf *plan;
};

static void put_id(struct buf *out, struct slice document)
{
	ejson_print_value(doc_field(document, slice_of("_id")), EJSON_RELAXED, false, out);
	buf_putc(out, ' ');
}

struct found {
	struct buf key; /* of the _id */
	struct buf id;
};

static int by_key(const void *a, const void *b)
{
	const struct found *x = a;
	const struct found *y = b;
	return slice_compare(buf_slice(&x->key), buf_slice(&y->key));
}

/* All that comes, by _id. */
static int take_unsorted(struct doc_cursor *cursor, struct buf *out, struct err *err)
{
	struct found *all = NULL;
	size_t n = 0;
	struct slice document;
	int rc;

	while ((rc = cursor->next(cursor, &document, err)) == 1) {
		all = realloc(all, (n + 1) * sizeof(*all));
		all[n] = (struct found){0};
		doc_key_append(doc_field(document, slice_of("_id")), false, &all[n].key);
		put_id(&all[n].id, document);
		n++;
	}
	if (n > 0) {
		qsort(all, n, sizeof(*all), by_key);
	}
	for (size_t i = 0; i < n; i++) {
		buf_append_slice(out, buf_slice(&all[i].id));
		buf_free(&all[i].key);
		buf_free(&all[i].id);
	}
	free(all);
	return rc;
}

static int by_sort(struct slice a, struct slice b, struct slice sort)
{
	struct doc_iter it;
	struct slice path;
	struct doc_value v;
	int order = 0;

	doc_iter_init(&it, sort);
	while (order == 0 && doc_next(&it, &path, &v)) {
		bool descending = doc_double(v) < 0;
		order = doc_compare(
			doc_sort_value(a, path, descending), doc_sort_value(b, path, descending));
		order = descending ? -order : order;
	}
	return order;
}

static int take_sorted(
	struct doc_cursor *cursor, struct slice sort, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf last = BUF_INIT;
	struct slice document;
	int rc;

	while ((rc = cursor->next(cursor, &document, err)) == 1) {
		ck_assert(last.n == 0 || by_sort(buf_slice(&last), document, sort) <= 0);
		buf_clear(&last);
		buf_append_slice(&last, document);
		put_id(out, document);
	}
	return rc;
}

static int find_with(struct docdb_conn *c, const struct finding *f, const struct doc_match *match,
	struct slice sort, struct err *err)
{
	struct doc_reach reach;
	struct doc_cursor *cursor = NULL;
	bool sorted = false;

	docdb_reach(c, f->collection, "/tmp", &reach);
	if (f->plan != NULL) {
		return reach.explain(reach.arg, slice_of(""), match, sort, f->plan, err);
	}
	int rc = reach.find(reach.arg, slice_of(""), match, sort, &sorted, &cursor, err);
	if (rc < 0) {
		return rc;
	}
	rc = sort.n > 0 && sorted ? take_sorted(cursor, sort, f->out, err)
				  : take_unsorted(cursor, f->out, err);
	cursor->close(cursor);
	return rc;
}

/* Every document, in order of their keys. */
static int find_slowly(struct docdb_conn *c, const struct finding *f, const struct doc_match *match,
	struct err *err)
{
	struct doc_reach reach;
	struct doc_cursor *cursor = NULL;
	struct slice document;

	docdb_reach(c, f->collection, "/tmp", &reach);
	int rc = reach.find(reach.arg, slice_of(""), NULL, slice_of(""), NULL, &cursor, err);
	while (rc == 0 && (rc = cursor->next(cursor, &document, err)) == 1) {
		rc = doc_matches(match, document, err);
		if (rc == 1) {
			put_id(f->out, document);
			rc = 0;
		}
	}
	cursor->close(cursor);
	return rc;
}

static int find_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct finding *f = arg;
	CLEANUP(buf_free) struct buf filter = BUF_INIT;
	CLEANUP(buf_free) struct buf sort = BUF_INIT;
	struct doc_match *match = NULL;

	int rc = ejson_parse(slice_of(f->filter), slice_of(""), &filter, err);
	rc = rc == 0 && f->sort != NULL ? ejson_parse(slice_of(f->sort), slice_of(""), &sort, err)
					: rc;
	rc = rc < 0 ? rc : doc_match_new(buf_slice(&filter), &match, err);
	if (rc == 0) {
		rc = f->slowly ? find_slowly(c, f, match, err)
			       : find_with(c, f, match, buf_slice(&sort), err);
	}
	doc_match_free(match);
	return rc;
}

int docs_find(struct docs *d, const char *collection, const char *filter, const char *sort,
	struct buf *ids)
{
	struct finding f = {slice_of(collection), filter, sort, false, ids, NULL};
	return docs_read(d, find_fn, &f);
}

int docs_find_slowly(struct docs *d, const char *collection, const char *filter, struct buf *ids)
{
	struct finding f = {slice_of(collection), filter, NULL, true, ids, NULL};
	return docs_read(d, find_fn, &f);
}

const char *docs_explain(
	struct docs *d, const char *collection, const char *filter, const char *sort)
{
	struct buf plan = BUF_INIT;
	struct finding f = {slice_of(collection), filter, sort, false, NULL, &plan};

	docs_ok(d, docs_read(d, find_fn, &f));
	buf_clear(&shown);
	ejson_print(buf_slice(&plan), EJSON_RELAXED, false, &shown);
	buf_free(&plan);
	return buf_cstr(&shown);
}

/* ---- whether all agrees ---- */

static uint64_t number(struct docdb_conn *c, const char *sql, int64_t arg)
{
	sqlite3_stmt *stmt = NULL;

	ck_assert_int_eq(sqlite3_prepare_v2(c->db, sql, -1, &stmt, NULL), SQLITE_OK);
	sqlite3_bind_int64(stmt, 1, arg);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	uint64_t n = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

struct checking {
	struct docdb_conn *c;
	const struct docdb_indexes *indexes;
	uint64_t entries;
};

static bool has_entry(
	struct docdb_conn *c, int64_t index, struct slice key, struct slice k, int64_t body)
{
	sqlite3_stmt *stmt = NULL;
	const char *sql = "SELECT count(*) FROM entries WHERE idx = ?1 AND key = ?2 AND k = ?3"
			  " AND body = ?4";

	ck_assert_int_eq(sqlite3_prepare_v2(c->db, sql, -1, &stmt, NULL), SQLITE_OK);
	sqlite3_bind_int64(stmt, 1, index);
	store_bind_slice(stmt, 2, key);
	store_bind_slice(stmt, 3, k);
	sqlite3_bind_int64(stmt, 4, body);
	ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
	bool found = sqlite3_column_int64(stmt, 0) == 1;
	sqlite3_finalize(stmt);
	return found;
}

static void check_entries(struct checking *x, int64_t collection, struct slice k, int64_t body,
	struct slice document, struct err *err)
{
	struct docdb_entries e = {0};

	for (size_t i = 0; i < x->indexes->n; i++) {
		const struct docdb_index *o = x->indexes->at[i];
		if (o->collection != collection) {
			continue;
		}
		ck_assert_int_eq(docdb_entries_of(o, document, &e, err), 0);
		for (size_t j = 0; j < e.n; j++) {
			ck_assert(has_entry(x->c, o->id, docdb_entry_key(&e, j), k, body));
		}
		ck_assert_uint_eq(e.arrays & ~o->arrays, 0);
		x->entries += e.n;
	}
	docdb_entries_free(&e);
}

static void check_document(
	struct checking *x, int64_t collection, sqlite3_stmt *stmt, struct err *err)
{
	struct slice k = store_column_slice(stmt, 0);
	struct slice document = store_column_slice(stmt, 5);
	struct buf text = BUF_INIT;
	struct buf key = BUF_INIT;

	ck_assert_int_eq(doc_check(document, err), 0);
	doc_key_append(doc_field(document, slice_of("_id")), false, &key);
	ck_assert(slice_equal(buf_slice(&key), k));
	ejson_print(document, EJSON_RELAXED, true, &text);
	ck_assert_int_eq(sqlite3_column_int64(stmt, 1), (int64_t)text.n + 1);
	buf_clear(&text);
	ejson_print(document, EJSON_CANONICAL, true, &text);
	ck_assert_int_eq(sqlite3_column_int64(stmt, 2), (int64_t)text.n + 1);
	ck_assert_int_eq(sqlite3_column_int64(stmt, 3), (int64_t)document.n);
	check_entries(x, collection, k, sqlite3_column_int64(stmt, 4), document, err);
	buf_free(&text);
	buf_free(&key);
}

static int check_collection(void *arg, const struct docdb_collection *row, struct err *err)
{
	struct checking *x = arg;
	sqlite3_stmt *stmt = NULL;
	uint64_t n = 0;
	uint64_t bytes = 0;
	const char *sql = "SELECT k, rsize, csize, bsize, body, doc FROM docs JOIN bodies"
			  " ON id = body WHERE coll = ?1";

	ck_assert_int_eq(sqlite3_prepare_v2(x->c->db, sql, -1, &stmt, NULL), SQLITE_OK);
	sqlite3_bind_int64(stmt, 1, row->id);
	while (sqlite3_step(stmt) == SQLITE_ROW) {
		check_document(x, row->id, stmt, err);
		bytes += (uint64_t)sqlite3_column_int64(stmt, 3);
		n++;
	}
	sqlite3_finalize(stmt);
	ck_assert_uint_eq(n, row->documents);
	ck_assert_uint_eq(bytes, row->bytes);
	ck_assert_uint_eq(n, number(x->c, "SELECT count(*) FROM docs WHERE coll = ?1", row->id));
	return 0;
}

static int check_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct checking x = {.c = c};

	(void)arg;
	ck_assert_int_eq(docdb_indexes_load(c, &x.indexes, err), 0);
	ck_assert_int_eq(docdb_collection_each(c, NULL, check_collection, &x, err), 0);
	ck_assert_uint_eq(x.entries, number(c, "SELECT count(*) FROM entries", 0));
	ck_assert_uint_eq(number(c, "SELECT count(*) FROM bodies", 0),
		number(c, "SELECT count(*) FROM docs", 0));
	ck_assert_uint_eq(0,
		number(c,
			"SELECT count(*) FROM docs WHERE coll NOT IN (SELECT id FROM collections)",
			0));
	return 0;
}

void docs_check(struct docs *d)
{
	docs_ok(d, docs_read(d, check_fn, NULL));
}
