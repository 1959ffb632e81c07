/* Documents as files: names, stat, list, read. */
#include <errno.h>

#include "engines/docdb/storage/documents.h"
#include "engines/docdb/values/ejson.h"

static const char *const suffixes[] = {".json", ".ejson"};
const struct name_rules docdb_names = {suffixes, 2};

/* ---- names ---- */

static int damaged_key(struct err *err)
{
	return err_set(err, EIO, "a document's key is damaged");
}

/* `a` is cleared first. */
static int print_name(struct slice k, struct doc_arena *a, struct buf *name, struct err *err)
{
	struct doc_value id;

	doc_arena_clear(a);
	if (!doc_key_next(&k, false, a, &id)) {
		int rc = doc_arena_check(a, err);
		return rc < 0 ? rc : damaged_key(err);
	}
	doc_name_print(id, name);
	return buf_check(name, err);
}

static void free_arena(struct doc_arena **a)
{
	doc_arena_free(*a);
}

int docdb_name_of(struct slice k, struct buf *name, struct err *err)
{
	CLEANUP(free_arena) struct doc_arena *a = doc_arena_new();

	return a != NULL ? print_name(k, a, name, err) : err_set(err, ENOMEM, "out of memory");
}

int docdb_no_document(struct slice name, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;

	name_escape(name, &shown);
	return err_set(err, ENOENT, "there is no document '%.300s'", buf_cstr(&shown));
}

int docdb_key_of(struct slice name, struct buf *k, struct err *err)
{
	CLEANUP(buf_free) struct buf id = BUF_INIT;
	struct err why = {0};
	uint8_t type;

	int rc = doc_name_parse(name, &type, &id, &why);
	if (rc == -EINVAL) {
		return docdb_no_document(name, err);
	}
	if (rc < 0) {
		return err_set(err, why.code, "%s", why.msg);
	}
	doc_key_append((struct doc_value){type, buf_slice(&id)}, false, k);
	return buf_check(k, err);
}

/* ---- rows ---- */

/* What STORED_COLUMNS names. */
static struct docdb_stored take_stored(sqlite3_stmt *stmt)
{
	return (struct docdb_stored){
		.version = (uint64_t)sqlite3_column_int64(stmt, 0),
		.mtime_ns = sqlite3_column_int64(stmt, 1),
		.size = {(uint64_t)sqlite3_column_int64(stmt, 2),
			(uint64_t)sqlite3_column_int64(stmt, 3)},
		.bytes = (uint64_t)sqlite3_column_int64(stmt, 4),
		.body = sqlite3_column_int64(stmt, 5),
	};
}

void docdb_file_info(const struct docdb_stored *s, enum docdb_form form, struct engine_info *out)
{
	*out = (struct engine_info){
		.kind = ENGINE_FILE,
		.version = s->version,
		.size = s->size[form],
		.mtime_ns = s->mtime_ns,
	};
}

int docdb_stored_find(struct docdb_conn *c, int64_t collection, struct slice k,
	struct docdb_stored *out, struct buf *document, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, document != NULL ? DOC_READ : DOC_FIND, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, collection);
	store_bind_slice(stmt, 2, k);
	int rc = store_step(stmt, err);
	if (rc == 1) {
		*out = take_stored(stmt);
	}
	if (rc == 1 && document != NULL) {
		buf_append_slice(document, store_column_slice(stmt, 6));
		int full = buf_check(document, err);
		rc = full < 0 ? full : rc;
	}
	sqlite3_reset(stmt);
	return rc;
}

int docdb_expect(const struct docdb_stored *s, uint64_t expect, struct err *err)
{
	if (expect == ENGINE_VERSION_ANY || s->version == expect) {
		return 0;
	}
	if (expect == ENGINE_VERSION_ABSENT) {
		return err_set(err, EEXIST, "the document exists already");
	}
	return err_set(err, EBUSY,
		s->version == 0 ? "the document was removed since it was read"
				: "the document changed since it was read; nothing was saved");
}

/* ---- one document ---- */

/* ENOENT. */
static int find(struct docdb_conn *c, struct slice collection, struct slice name,
	struct docdb_stored *out, struct buf *document, struct err *err)
{
	CLEANUP(buf_free) struct buf k = BUF_INIT;
	struct docdb_collection row;

	int rc = docdb_collection_find(c, collection, &row, err);
	rc = rc < 0 ? rc : docdb_key_of(name, &k, err);
	if (rc < 0) {
		return rc;
	}
	rc = docdb_stored_find(c, row.id, buf_slice(&k), out, document, err);
	return rc == 0 ? docdb_no_document(name, err) : (rc < 0 ? rc : 0);
}

int docdb_doc_stat(struct docdb_conn *c, struct slice collection, struct slice name,
	enum docdb_form form, struct engine_info *out, struct err *err)
{
	struct docdb_stored stored = {0};

	int rc = find(c, collection, name, &stored, NULL, err);
	if (rc == 0) {
		docdb_file_info(&stored, form, out);
	}
	return rc;
}

int docdb_doc_read(struct docdb_conn *c, struct slice collection, struct slice name,
	enum docdb_form form, struct buf *out, struct engine_info *info, struct err *err)
{
	CLEANUP(buf_free) struct buf document = BUF_INIT;
	struct docdb_stored stored = {0};
	size_t before = out->n;

	int rc = find(c, collection, name, &stored, &document, err);
	if (rc < 0) {
		return rc;
	}
	buf_reserve(out, before + stored.size[form]);
	ejson_print(buf_slice(&document), form == DOCDB_RELAXED ? EJSON_RELAXED : EJSON_CANONICAL,
		true, out);
	buf_putc(out, '\n');
	docdb_file_info(&stored, form, info);
	if (!out->failed && out->n - before != stored.size[form]) {
		return err_set(err, EIO, "a document is damaged: it is %zu bytes long, not %llu",
			out->n - before, (unsigned long long)stored.size[form]);
	}
	return buf_check(out, err);
}

/* ---- lists ---- */

struct listing {
	enum docdb_form form;
	engine_emit *emit;
	void *arg;
	struct doc_arena *arena;
	struct buf name;
};

/* 0, 1: enough, -errno. */
static int emit_row(struct listing *l, sqlite3_stmt *stmt, struct err *err)
{
	struct docdb_stored stored = take_stored(stmt);
	struct engine_info info;

	buf_clear(&l->name);
	int rc = print_name(store_column_slice(stmt, 6), l->arena, &l->name, err);
	if (rc < 0) {
		return rc;
	}
	docdb_file_info(&stored, l->form, &info);
	return l->emit(l->arg, buf_slice(&l->name), &info) != 0;
}

static int list_rows(struct docdb_conn *c, int64_t collection, struct slice after,
	struct listing *l, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, DOC_LIST, err);
	int rc;

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, collection);
	store_bind_slice(stmt, 2, after);
	while ((rc = store_step(stmt, err)) == 1) {
		rc = emit_row(l, stmt, err);
		if (rc != 0) {
			break;
		}
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

int docdb_doc_list(struct docdb_conn *c, struct slice collection, const struct slice *after,
	unsigned form, engine_emit *emit, void *arg, struct err *err)
{
	CLEANUP(buf_free) struct buf k = BUF_INIT;
	CLEANUP(free_arena) struct doc_arena *a = doc_arena_new();
	struct docdb_collection row;
	struct listing l = {.form = form == DOCDB_CANONICAL ? DOCDB_CANONICAL : DOCDB_RELAXED,
		.emit = emit,
		.arg = arg,
		.arena = a};

	if (a == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = docdb_collection_find(c, collection, &row, err);
	rc = rc == 0 && after != NULL ? docdb_key_of(*after, &k, err) : rc;
	rc = rc < 0 ? rc : list_rows(c, row.id, buf_slice(&k), &l, err);
	buf_free(&l.name);
	return rc;
}

int docdb_doc_find_hashed(struct docdb_conn *c, struct slice collection,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *name, struct err *err)
{
	struct docdb_collection row;

	int rc = docdb_collection_find(c, collection, &row, err);
	sqlite3_stmt *stmt = rc < 0 ? NULL : docdb_stmt(c, LONG_FIND, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, row.id);
	store_bind_slice(stmt, 2, slice_make(hash, NAME_HASH_BYTES));
	rc = store_step(stmt, err);
	if (rc == 1) {
		rc = docdb_name_of(store_column_slice(stmt, 0), name, err);
	} else if (rc == 0) {
		rc = err_set(err, ENOENT, "there is no document of this shortened name");
	}
	sqlite3_reset(stmt);
	return rc;
}
