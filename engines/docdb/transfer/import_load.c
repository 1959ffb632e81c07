/* The one write of an import. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/transfer/transfer.h"

#define READ_BYTES ((size_t)512 * 1024)

struct run {
	struct docdb_load *load;
	struct docdb_conn *c;
	struct docdb_collection collection;
	struct doc_sorter *ids; /* of a replacing import: those of the text and those stored */
	struct buf key;
};

/* ---- documents, one after the other ---- */

typedef int document_fn(struct run *r, struct slice document, unsigned long line, struct err *err);

struct window {
	struct spill *from;
	uint64_t at; /* read so far */
	struct buf bytes;
	size_t next;
};

/* At least n bytes from `next` on. */
static int fill(struct window *w, size_t n, struct err *err)
{
	size_t left = w->bytes.n - w->next;
	if (left >= n) {
		return 0;
	}
	if (w->next > 0) {
		memmove(w->bytes.p, w->bytes.p + w->next, left);
		w->bytes.n = left;
		w->next = 0;
	}
	int rc = spill_read(w->from, w->at, n > READ_BYTES ? n : READ_BYTES, &w->bytes, err);
	if (rc == 0 && w->bytes.n < n) {
		rc = err_set(err, EIO, "what was spilled ends within a document");
	}
	w->at += rc == 0 ? w->bytes.n - left : 0;
	return rc;
}

static int next_document(
	struct window *w, struct slice *document, unsigned long *line, struct err *err)
{
	uint64_t where;
	uint32_t length;
	int rc = fill(w, sizeof(where) + sizeof(length), err);
	if (rc < 0) {
		return rc;
	}
	memcpy(&where, w->bytes.p + w->next, sizeof(where));
	memcpy(&length, w->bytes.p + w->next + sizeof(where), sizeof(length));
	length = BSON_UINT32_FROM_LE(length);
	rc = fill(w, sizeof(where) + length, err);
	if (rc < 0) {
		return rc;
	}
	*line = (unsigned long)where;
	*document = slice_make(w->bytes.p + w->next + sizeof(where), length);
	w->next += sizeof(where) + length;
	return 0;
}

static int each_document(struct run *r, document_fn *fn, struct err *err)
{
	struct window w = {.from = r->load->documents};
	int rc = 0;
	while (rc == 0 && (w.next < w.bytes.n || w.at < spill_size(w.from))) {
		struct slice document;
		unsigned long line;
		rc = next_document(&w, &document, &line, err);
		rc = rc < 0 ? rc : fn(r, document, line, err);
	}
	buf_free(&w.bytes);
	return rc;
}

/* ---- storing ---- */

/* What is the document's fault; the write is undone then, so the rest is only to be named. */
static bool is_bad(int rc)
{
	return rc == -EINVAL || rc == -EFBIG || rc == -EEXIST;
}

/* {_id: ..}, and of what was stored before a mark. */
static int note_id(struct run *r, struct slice document, bool stored, struct err *err)
{
	CLEANUP(buf_free) struct buf noted = BUF_INIT;
	struct doc_value id = doc_field(document, slice_of("_id"));
	size_t start = doc_begin(&noted);
	doc_put(&noted, slice_of("_id"), id);
	if (stored) {
		doc_put(&noted, slice_of("stored"), doc_make_null());
	}
	doc_end(&noted, start);
	buf_clear(&r->key);
	doc_key_append(id, false, &r->key);
	buf_putc(&r->key, stored ? '\1' : '\0');
	int rc = buf_check(&r->key, err);
	rc = rc < 0 ? rc : buf_check(&noted, err);
	return rc < 0 ? rc : doc_sorter_add(r->ids, buf_slice(&r->key), buf_slice(&noted), err);
}

static int store_document(struct run *r, struct slice document, unsigned long line, struct err *err)
{
	struct err why = {0};
	bool replaces = r->load->mode == IMPORT_UPSERT || r->load->mode == IMPORT_REPLACE;
	int rc = replaces ? docdb_upsert(r->c, &r->collection, document, &why)
			  : docdb_insert(r->c, &r->collection, document, NULL, &why);
	if (is_bad(rc)) {
		docdb_bad_add(&r->load->bad, line, why.msg);
		return 0;
	}
	if (rc < 0) {
		return err_set(err, why.code, "%s", why.msg);
	}
	return r->ids != NULL ? note_id(r, document, false, err) : 0;
}

/* ---- what a replacing import removes ---- */

static int note_stored(struct run *r, struct err *err)
{
	struct doc_reach reach = {0};
	struct doc_cursor *all;
	struct slice document;
	bool sorted;
	docdb_reach(r->c, r->load->collection, r->load->tmp_dir, &reach);
	int rc = reach.find(
		reach.arg, (struct slice){0}, NULL, (struct slice){0}, &sorted, &all, err);
	if (rc < 0) {
		return rc;
	}
	while ((rc = all->next(all, &document, err)) == 1) {
		rc = note_id(r, document, true, err);
		if (rc < 0) {
			break;
		}
	}
	all->close(all);
	return rc;
}

static int remove_one(struct run *r, struct doc_value id, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	doc_name_print(id, &name);
	int rc = buf_check(&name, err);
	r->load->n_removed++;
	return rc < 0 ? rc
		      : docdb_doc_remove(r->c, r->load->collection, buf_slice(&name),
				ENGINE_VERSION_ANY, err);
}

/* In order of _id, of one that is in both the text's comes first. */
static int sweep(struct run *r, struct err *err)
{
	CLEANUP(buf_free) struct buf kept = BUF_INIT;
	struct slice noted;
	int rc;
	while ((rc = doc_sorter_next(r->ids, &noted, err)) == 1) {
		struct doc_value id = doc_field(noted, slice_of("_id"));
		bool stored = doc_field(noted, slice_of("stored")).type != BSON_TYPE_EOD;
		struct buf *key = stored ? &r->key : &kept;
		buf_clear(key);
		doc_key_append(id, false, key);
		rc = buf_check(key, err);
		if (rc == 0 && stored && !slice_equal(buf_slice(key), buf_slice(&kept))) {
			rc = remove_one(r, id, err);
		}
		if (rc < 0) {
			return rc;
		}
	}
	return rc;
}

/* ---- all ---- */

static int find_collection(struct run *r, struct err *err)
{
	return r->load->mode == IMPORT_CREATE
		       ? docdb_collection_create(r->c, r->load->collection, &r->collection, err)
		       : docdb_collection_find(r->c, r->load->collection, &r->collection, err);
}

static int store_all(struct run *r, struct err *err)
{
	struct docdb_load *l = r->load;
	bool replace = l->mode == IMPORT_REPLACE;
	uint64_t before = r->collection.documents;
	int rc = replace ? doc_sorter_new(l->tmp_dir, 0, &r->ids, err) : 0;
	rc = rc == 0 && replace ? note_stored(r, err) : rc;
	rc = rc < 0 ? rc : each_document(r, store_document, err);
	l->n_new = r->collection.documents - before;
	if (rc == 0 && l->bad.n > 0) {
		rc = docdb_load_refuse(l, err);
	}
	return rc == 0 && replace ? sweep(r, err) : rc;
}

static int load_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct docdb_load *l = arg;
	struct run r = {.load = l, .c = c};
	docdb_bad_clear(&l->bad);
	l->n_new = 0;
	l->n_removed = 0;
	int rc = find_collection(&r, err);
	rc = rc < 0 ? rc : store_all(&r, err);
	doc_sorter_free(r.ids);
	buf_free(&r.key);
	return rc;
}

int docdb_load_run(struct docdb_load *l, struct docdb_source *s, struct err *err)
{
	return docdb_write(s, load_fn, l, err);
}
