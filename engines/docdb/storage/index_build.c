/* The indexes of a collection as one text; making and dropping them. */
#include <errno.h>

#include "engines/docdb/values/ejson.h"
#include "engines/docdb/storage/index.h"

/* ---- reading ---- */

/* {"name": "_id_", "key": {"_id": 1}}: every collection has it. */
static void put_id_index(struct buf *out)
{
	size_t start = doc_put_index_begin(out, 0, BSON_TYPE_DOCUMENT);
	docdb_put_text(out, "name", slice_of("_id_"));
	size_t key = doc_put_begin(out, slice_of("key"), BSON_TYPE_DOCUMENT);
	docdb_put_count(out, "_id", 1);
	doc_end(out, key);
	doc_end(out, start);
}

int docdb_indexes_read(
	struct docdb_conn *c, struct slice collection, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf list = BUF_INIT;
	const struct docdb_indexes *all;
	struct docdb_collection row;
	unsigned n = 1;

	int rc = docdb_collection_find(c, collection, &row, err);
	rc = rc < 0 ? rc : docdb_indexes_load(c, &all, err);
	if (rc < 0) {
		return rc;
	}
	size_t start = doc_begin(&list);
	put_id_index(&list);
	for (size_t i = 0; i < all->n; i++) {
		if (all->at[i]->collection == row.id) {
			doc_put_index(&list, n++, doc_value_of(buf_slice(&all->at[i]->spec)));
		}
	}
	doc_end(&list, start);
	rc = buf_check(&list, err);
	if (rc == 0) {
		ejson_print_value((struct doc_value){BSON_TYPE_ARRAY, buf_slice(&list)},
			EJSON_RELAXED, true, out);
		buf_putc(out, '\n');
	}
	return rc < 0 ? rc : buf_check(out, err);
}

/* ---- dropping ---- */

static int run_by_id(struct docdb_conn *c, enum docdb_sql n, int64_t id, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, n, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, id);
	return docdb_run(stmt, err);
}

static int drop_index(struct docdb_conn *c, int64_t id, struct err *err)
{
	int rc = run_by_id(c, ENTRIES_DROP, id, err);

	rc = rc < 0 ? rc : run_by_id(c, INDEX_DROP, id, err);
	return rc < 0 ? rc : docdb_indexes_moved(c, err);
}

/* NULL: there is none of this name. */
static struct docdb_index *find_named(
	const struct docdb_indexes *all, int64_t collection, struct slice name)
{
	for (size_t i = 0; i < all->n; i++) {
		if (all->at[i]->collection == collection &&
			slice_equal(buf_slice(&all->at[i]->name), name)) {
			return all->at[i];
		}
	}
	return NULL;
}

static bool is_id_name(struct slice name)
{
	return slice_is(name, "_id_");
}

int docdb_index_drop(
	struct docdb_conn *c, struct slice collection, struct slice name, struct err *err)
{
	const struct docdb_indexes *all;
	struct docdb_touched *t;

	int rc = docdb_touch(c, collection, &t, err);
	rc = rc < 0 ? rc : docdb_indexes_load(c, &all, err);
	if (rc < 0) {
		return rc;
	}
	if (is_id_name(name)) {
		return err_set(err, EINVAL, "InvalidOptions (72): cannot drop _id index");
	}
	const struct docdb_index *x = find_named(all, t->c.id, name);
	if (x == NULL) {
		return err_set(err, ENOENT, "IndexNotFound (27): index not found with name [%.*s]",
			(int)(name.n < 200 ? name.n : 200), name.p);
	}
	return drop_index(c, x->id, err);
}

/* ---- making ---- */

static int add_row(struct docdb_conn *c, struct docdb_index *x, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, INDEX_ADD, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, x->collection);
	store_bind_slice(stmt, 2, buf_slice(&x->name));
	store_bind_slice(stmt, 3, buf_slice(&x->spec));
	int rc = docdb_run(stmt, err);
	x->id = sqlite3_last_insert_rowid(c->db);
	return rc < 0 ? rc : docdb_indexes_moved(c, err);
}

struct filling {
	struct docdb_conn *c;
	const struct docdb_collection *collection;
	struct docdb_index *x;
	struct docdb_entries scratch;
};

static int fill_rows(struct filling *f, sqlite3_stmt *stmt, struct err *err)
{
	int rc;

	while ((rc = store_step(stmt, err)) == 1) {
		rc = docdb_index_fill(f->c, f->collection, f->x, store_column_slice(stmt, 0),
			sqlite3_column_int64(stmt, 1), store_column_slice(stmt, 2), &f->scratch,
			err);
		if (rc < 0) {
			break;
		}
	}
	return rc;
}

/* From all documents that are there. */
static int fill(struct docdb_conn *c, const struct docdb_collection *collection,
	struct docdb_index *x, struct err *err)
{
	struct filling f = {.c = c, .collection = collection, .x = x};
	sqlite3_stmt *stmt = docdb_stmt_take(c, DOCS_ALL, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, collection->id);
	int rc = fill_rows(&f, stmt, err);
	docdb_stmt_give(c, DOCS_ALL, stmt);
	docdb_entries_free(&f.scratch);
	return rc;
}

/* 0: to be made; 1: it is there already. */
static int compare_with(
	const struct docdb_indexes *all, const struct docdb_index *x, struct err *err)
{
	size_t n = 1;

	for (size_t i = 0; i < all->n; i++) {
		const struct docdb_index *o = all->at[i];
		if (o->collection != x->collection) {
			continue;
		}
		n++;
		bool named = slice_equal(buf_slice(&o->name), buf_slice(&x->name));
		if (named && slice_equal(buf_slice(&o->spec), buf_slice(&x->spec))) {
			return 1;
		}
		if (named) {
			return err_set(err, EEXIST,
				"IndexKeySpecsConflict (86): an existing index has the same name "
				"as the requested index: %.*s",
				(int)x->name.n, x->name.p);
		}
		if (slice_equal(buf_slice(&o->key), buf_slice(&x->key)) && o->partial == NULL &&
			x->partial == NULL) {
			return err_set(err, EEXIST,
				"IndexOptionsConflict (85): Index already exists with a different "
				"name: %.*s",
				(int)o->name.n, o->name.p);
		}
	}
	return n < DOCDB_INDEXES ? 0
				 : err_set(err, EINVAL,
					   "CannotCreateIndex (67): add index fails, too many "
					   "indexes: a collection has at most %d",
					   DOCDB_INDEXES);
}

static bool is_id_key(const struct docdb_index *x)
{
	return x->n_paths == 1 && slice_is(x->path[0], "_id");
}

/* Takes x over for the call. */
static int create(struct docdb_conn *c, const struct docdb_collection *collection,
	struct docdb_index *x, struct err *err)
{
	const struct docdb_indexes *all = NULL;

	if (is_id_key(x) && x->descending == 0) {
		return 0; /* as the service: it is there */
	}
	if (is_id_name(buf_slice(&x->name))) {
		return err_set(err, EINVAL,
			"BadValue (2): The index name '_id_' is reserved for the _id index");
	}
	x->collection = collection->id;
	int rc = docdb_indexes_load(c, &all, err);
	rc = rc < 0 ? rc : compare_with(all, x, err);
	if (rc != 0) {
		return rc < 0 ? rc : 0;
	}
	rc = add_row(c, x, err);
	return rc < 0 ? rc : fill(c, collection, x, err);
}

static void free_index(struct docdb_index **x)
{
	docdb_index_free(*x);
}

static int create_of(struct docdb_conn *c, const struct docdb_collection *collection,
	struct slice spec, struct err *err)
{
	CLEANUP(free_index) struct docdb_index *x = NULL;

	int rc = docdb_index_parse(spec, &x, err);
	return rc < 0 ? rc : create(c, collection, x, err);
}

int docdb_index_create(
	struct docdb_conn *c, struct slice collection, struct slice spec_json, struct err *err)
{
	CLEANUP(buf_free) struct buf spec = BUF_INIT;
	struct docdb_touched *t;

	int rc = docdb_touch(c, collection, &t, err);
	rc = rc < 0 ? rc : ejson_parse(spec_json, slice_of(""), &spec, err);
	return rc < 0 ? rc : create_of(c, &t->c, buf_slice(&spec), err);
}

/* ---- the whole list ---- */

struct wish {
	struct docdb_index **at;
	size_t n;
};

static void free_wish(struct wish *w)
{
	for (size_t i = 0; i < w->n; i++) {
		docdb_index_free(w->at[i]);
	}
	free(w->at);
}

static int add_wish(struct wish *w, struct slice spec, struct err *err)
{
	struct docdb_index *x = NULL;
	struct docdb_index **more = realloc(w->at, (w->n + 1) * sizeof(struct docdb_index *));

	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	w->at = more;
	int rc = docdb_index_parse(spec, &x, err);
	if (rc < 0) {
		return rc;
	}
	w->at[w->n++] = x;
	for (size_t i = 0; i + 1 < w->n; i++) {
		if (slice_equal(buf_slice(&w->at[i]->name), buf_slice(&x->name))) {
			return err_set(err, EINVAL, "two indexes have the name '%.*s'",
				(int)x->name.n, x->name.p);
		}
	}
	return 0;
}

static int take_list(struct slice text, struct wish *out, struct err *err)
{
	CLEANUP(buf_free) struct buf list = BUF_INIT;
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	uint8_t type;

	int rc = ejson_parse_value(text, &type, &list, err);
	if (rc == 0 && type != BSON_TYPE_ARRAY) {
		rc = err_set(err, EINVAL, "an array of index definitions is expected");
	}
	if (rc < 0) {
		return rc;
	}
	doc_iter_init(&it, buf_slice(&list));
	while (rc == 0 && doc_next(&it, &name, &v)) {
		rc = v.type == BSON_TYPE_DOCUMENT
			     ? add_wish(out, v.raw, err)
			     : err_set(err, EINVAL,
				       "an index definition is an object: {\"key\": {\"a\": 1}}");
		if (rc < 0) {
			err_wrap(err, "index %.*s", (int)name.n, name.p);
		}
	}
	return rc;
}

static bool is_wished(const struct wish *w, const struct docdb_index *x)
{
	for (size_t i = 0; i < w->n; i++) {
		if (slice_equal(buf_slice(&w->at[i]->spec), buf_slice(&x->spec))) {
			return true;
		}
	}
	return false;
}

/* Those of the collection that the list does not have. */
static int drop_others(
	struct docdb_conn *c, int64_t collection, const struct wish *wish, struct err *err)
{
	const struct docdb_indexes *all;

	int rc = docdb_indexes_load(c, &all, err);
	for (size_t i = 0; rc == 0 && i < all->n; i++) {
		if (all->at[i]->collection == collection && !is_wished(wish, all->at[i])) {
			rc = drop_index(c, all->at[i]->id, err);
		}
	}
	return rc;
}

int docdb_indexes_write(
	struct docdb_conn *c, struct slice collection, struct slice text, struct err *err)
{
	struct wish wish = {0};
	struct docdb_touched *t;

	int rc = docdb_touch(c, collection, &t, err);
	rc = rc < 0 ? rc : take_list(text, &wish, err);
	rc = rc < 0 ? rc : drop_others(c, t->c.id, &wish, err);
	for (size_t i = 0; rc == 0 && i < wish.n; i++) {
		bool is_id = is_id_key(wish.at[i]) && is_id_name(buf_slice(&wish.at[i]->name));
		rc = is_id ? 0 : create(c, &t->c, wish.at[i], err);
	}
	free_wish(&wish);
	return rc;
}
