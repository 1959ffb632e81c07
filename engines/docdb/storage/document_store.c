/* What changes a document: its row, its body, what stands in indexes and in the feed, the counts of
 * its collection. */
#include <errno.h>

#include "engines/docdb/values/ejson.h"
#include "engines/docdb/storage/index.h"

/* ---- parts of a document ---- */

static const struct slice id_name = {"_id", 3};

void docdb_with_id(struct slice document, struct doc_value id, struct buf *out)
{
	bool has = doc_field(document, id_name).type != BSON_TYPE_EOD;
	struct doc_iter it;
	struct slice name;
	struct doc_value v;

	size_t start = doc_begin(out);
	if (!has) {
		doc_put(out, id_name, id);
	}
	doc_iter_init(&it, document);
	while (doc_next(&it, &name, &v)) {
		doc_put(out, name, slice_equal(name, id_name) ? id : v);
	}
	doc_end(out, start);
}

static void set_sizes(struct docdb_stored *s, struct slice document)
{
	s->size[DOCDB_RELAXED] = ejson_size(document, EJSON_RELAXED, true) + 1;
	s->size[DOCDB_CANONICAL] = ejson_size(document, EJSON_CANONICAL, true) + 1;
	s->bytes = document.n;
}

static void set_stamps(struct docdb_conn *c, struct docdb_stored *s)
{
	s->version = docdb_version(c);
	s->mtime_ns = docdb_time_ns(c);
}

/* ---- rows ---- */

static void bind_key(sqlite3_stmt *stmt, const struct docdb_touched *t, struct slice k)
{
	sqlite3_bind_int64(stmt, 1, t->c.id);
	store_bind_slice(stmt, 2, k);
}

static int save_row(struct docdb_conn *c, enum docdb_sql n, const struct docdb_touched *t,
	struct slice k, const struct docdb_stored *s, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, n, err);

	if (stmt == NULL) {
		return -err->code;
	}
	bind_key(stmt, t, k);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)s->version);
	sqlite3_bind_int64(stmt, 4, s->mtime_ns);
	sqlite3_bind_int64(stmt, 5, (sqlite3_int64)s->size[DOCDB_RELAXED]);
	sqlite3_bind_int64(stmt, 6, (sqlite3_int64)s->size[DOCDB_CANONICAL]);
	sqlite3_bind_int64(stmt, 7, (sqlite3_int64)s->bytes);
	sqlite3_bind_int64(stmt, 8, s->body);
	return docdb_run(stmt, err);
}

static int drop_row(
	struct docdb_conn *c, const struct docdb_touched *t, struct slice k, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, DOC_DROP, err);

	if (stmt == NULL) {
		return -err->code;
	}
	bind_key(stmt, t, k);
	return docdb_run(stmt, err);
}

/* ---- bodies ---- */

/* A number for the next one. */
static int next_body(struct docdb_conn *c, int64_t *out, struct err *err)
{
	struct docdb_changed *x = c->changed;

	if (x->last_body == 0) {
		sqlite3_stmt *stmt = docdb_stmt(c, BODY_LAST, err);
		int rc = stmt != NULL ? store_step(stmt, err) : -err->code;
		if (rc < 0) {
			return rc;
		}
		x->last_body = sqlite3_column_int64(stmt, 0);
		sqlite3_reset(stmt);
	}
	*out = ++x->last_body;
	return 0;
}

static int save_body(
	struct docdb_conn *c, enum docdb_sql n, int64_t id, struct slice document, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, n, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, id);
	if (document.n > 0) {
		store_bind_slice(stmt, 2, document);
	}
	return docdb_run(stmt, err);
}

/* ---- long names ---- */

/* The name of a key of so many bytes is never a long one, an array of MinKey in it or not. */
#define SHORT_KEY 16

static int change_long(struct docdb_conn *c, enum docdb_sql n, const struct docdb_touched *t,
	struct slice k, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	unsigned char hash[NAME_HASH_BYTES];

	if (k.n <= SHORT_KEY) {
		return 0;
	}
	int rc = docdb_name_of(k, &name, err);
	if (rc < 0 || !name_is_long(buf_slice(&name), &docdb_names)) {
		return rc;
	}
	name_hash(buf_slice(&name), hash);
	sqlite3_stmt *stmt = docdb_stmt(c, n, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, t->c.id);
	store_bind_slice(stmt, 2, slice_make(hash, sizeof(hash)));
	if (n == LONG_ADD) {
		store_bind_slice(stmt, 3, k);
	}
	return docdb_run(stmt, err);
}

/* ---- documents ---- */

static void count(struct docdb_conn *c, struct docdb_touched *t, int documents, int64_t bytes)
{
	t->c.documents += (uint64_t)(int64_t)documents;
	t->c.bytes += (uint64_t)bytes;
	if (documents != 0) {
		t->c.mtime_ns = docdb_time_ns(c);
	}
	t->dirty = true;
}

/* The row first: it tells whether the _id is taken. */
static int add_row(struct docdb_conn *c, struct docdb_touched *t, struct slice k,
	struct slice document, const struct docdb_stored *s, struct err *err)
{
	int rc = save_row(c, DOC_ADD, t, k, s, err);

	if (rc == 0 && sqlite3_changes(c->db) == 0) {
		return docdb_duplicate_id(t, document, err);
	}
	rc = rc < 0 ? rc : docdb_index_change(c, t, k, s->body, slice_of(""), document, err);
	/* Those two leave nothing behind, and the write may go on without this document. */
	if (rc == -EEXIST || rc == -EINVAL) {
		struct err why = {0};
		int undone = drop_row(c, t, k, &why);
		if (undone < 0) {
			err_clear(err);
			return err_set(err, why.code, "%s", why.msg);
		}
	}
	return rc;
}

int docdb_stored_add(struct docdb_conn *c, struct docdb_touched *t, struct slice k,
	struct slice document, struct docdb_stored *out, struct err *err)
{
	struct docdb_stored s = {0};

	set_sizes(&s, document);
	set_stamps(c, &s);
	int rc = next_body(c, &s.body, err);
	rc = rc < 0 ? rc : add_row(c, t, k, document, &s, err);
	rc = rc < 0 ? rc : save_body(c, BODY_ADD, s.body, document, err);
	rc = rc < 0 ? rc : change_long(c, LONG_ADD, t, k, err);
	rc = rc < 0 ? rc
		    : docdb_changes_document(c, t, "insert", doc_field(document, id_name),
			      slice_of(""), document, err);
	if (rc < 0) {
		return rc;
	}
	count(c, t, 1, (int64_t)document.n);
	docdb_note_document(c, t, k);
	if (out != NULL) {
		*out = s;
	}
	return 0;
}

int docdb_stored_set(struct docdb_conn *c, struct docdb_touched *t, struct slice k,
	struct docdb_stored *stored, struct slice old, struct slice document, bool update,
	struct err *err)
{
	struct docdb_stored s = {.body = stored->body};

	set_sizes(&s, document);
	set_stamps(c, &s);
	int rc = docdb_index_change(c, t, k, s.body, old, document, err);
	rc = rc < 0 ? rc : save_row(c, DOC_SET, t, k, &s, err);
	rc = rc < 0 ? rc : save_body(c, BODY_SET, s.body, document, err);
	rc = rc < 0 ? rc
		    : docdb_changes_document(c, t, update ? "update" : "replace",
			      doc_field(document, id_name), old, document, err);
	if (rc < 0) {
		return rc;
	}
	count(c, t, 0, (int64_t)document.n - (int64_t)stored->bytes);
	docdb_note_document(c, t, k);
	*stored = s;
	return 0;
}

int docdb_stored_drop(struct docdb_conn *c, struct docdb_touched *t, struct slice k,
	const struct docdb_stored *stored, struct slice old, struct err *err)
{
	int rc = docdb_index_change(c, t, k, stored->body, old, slice_of(""), err);

	rc = rc < 0 ? rc : drop_row(c, t, k, err);
	rc = rc < 0 ? rc : save_body(c, BODY_DROP, stored->body, slice_of(""), err);
	rc = rc < 0 ? rc : change_long(c, LONG_DROP, t, k, err);
	rc = rc < 0 ? rc
		    : docdb_changes_document(c, t, "delete", doc_field(old, id_name), slice_of(""),
			      slice_of(""), err);
	if (rc < 0) {
		return rc;
	}
	count(c, t, -1, -(int64_t)stored->bytes);
	docdb_note_document(c, t, k);
	return 0;
}
