/* PUT and delete of a document, and what makes a new one. */
#include <errno.h>

#include "engines/docdb/values/ejson.h"
#include "engines/docdb/storage/index.h"

static const struct slice id_name = {"_id", 3};

/* A document that is to be stored under a name. */
struct put {
	struct docdb_collection collection;
	struct buf id; /* what the name stands for */
	uint8_t id_type;
	struct buf k;
	struct docdb_stored stored; /* version 0: it is new */
	struct buf old;
	struct buf text; /* as it was parsed */
	struct buf document;
};

static void put_free(struct put *p)
{
	buf_free(&p->id);
	buf_free(&p->k);
	buf_free(&p->old);
	buf_free(&p->text);
	buf_free(&p->document);
}

/* ---- the _id ---- */

static int altered(struct slice name, struct doc_value found, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;
	CLEANUP(buf_free) struct buf value = BUF_INIT;

	name_escape(name, &shown);
	ejson_print_value(found, EJSON_RELAXED, false, &value);
	return err_set(err, EINVAL,
		"ImmutableField (66): After applying the update, the (immutable) field '_id' was "
		"found to have been altered to _id: %.200s; the document is '%.200s': rename the "
		"file to change its _id",
		buf_cstr(&value), buf_cstr(&shown));
}

/* The text's own _id where it is the name's, in its own type; else what is stored, or the name. */
static int choose_id(const struct put *p, struct slice name, struct doc_value *out, struct err *err)
{
	struct doc_value named = {p->id_type, buf_slice(&p->id)};
	struct doc_value found = doc_field(buf_slice(&p->text), id_name);

	if (found.type != BSON_TYPE_EOD && doc_equal(found, named)) {
		*out = found;
		return 0;
	}
	if (p->stored.version == 0) {
		*out = named;
		return 0;
	}
	if (found.type != BSON_TYPE_EOD) {
		return altered(name, found, err);
	}
	*out = doc_field(buf_slice(&p->old), id_name);
	return 0;
}

/* An object as _id is taken as it is written: equal ones can differ in the types within. */
static int complete(struct put *p, struct slice name, struct err *err)
{
	struct doc_value id = DOC_MISSING;

	int rc = choose_id(p, name, &id, err);
	rc = rc < 0 ? rc : doc_id_check(id, err);
	if (rc < 0) {
		return rc;
	}
	docdb_with_id(buf_slice(&p->text), id, &p->document);
	rc = buf_check(&p->document, err);
	if (rc == 0 && p->document.n > DOC_BYTES_MAX) {
		return err_set(err, EFBIG,
			"BSONObjectTooLarge (10334): the document has %zu bytes, the limit is %d",
			p->document.n, DOC_BYTES_MAX);
	}
	return rc;
}

/* ---- what is there, and what is to be ---- */

static int load(struct docdb_conn *c, struct slice collection, struct slice name, struct put *p,
	struct err *err)
{
	int rc = docdb_collection_find(c, collection, &p->collection, err);

	rc = rc < 0 ? rc : doc_name_parse(name, &p->id_type, &p->id, err);
	if (rc < 0) {
		return rc;
	}
	doc_key_append((struct doc_value){p->id_type, buf_slice(&p->id)}, false, &p->k);
	rc = buf_check(&p->k, err);
	rc = rc < 0 ? rc
		    : docdb_stored_find(
			      c, p->collection.id, buf_slice(&p->k), &p->stored, &p->old, err);
	return rc < 0 ? rc : 0;
}

static int prepare(struct docdb_conn *c, struct slice collection, struct slice name,
	struct slice text, uint64_t expect, struct put *p, struct err *err)
{
	int rc = load(c, collection, name, p, err);

	rc = rc < 0 ? rc : docdb_expect(&p->stored, expect, err);
	rc = rc < 0 ? rc : ejson_parse(text, buf_slice(&p->old), &p->text, err);
	return rc < 0 ? rc : complete(p, name, err);
}

static bool unchanged(const struct put *p)
{
	return p->stored.version != 0 && slice_equal(buf_slice(&p->old), buf_slice(&p->document));
}

static int store(struct docdb_conn *c, struct slice collection, struct put *p, struct err *err)
{
	struct docdb_touched *t;

	int rc = docdb_touch(c, collection, &t, err);
	if (rc < 0) {
		return rc;
	}
	return p->stored.version == 0
		       ? docdb_stored_add(
				 c, t, buf_slice(&p->k), buf_slice(&p->document), &p->stored, err)
		       : docdb_stored_set(c, t, buf_slice(&p->k), &p->stored, buf_slice(&p->old),
				 buf_slice(&p->document), false, err);
}

int docdb_doc_write(struct docdb_conn *c, struct slice collection, struct slice name,
	struct slice text, uint64_t expect, enum docdb_form form, struct engine_info *out,
	struct err *err)
{
	CLEANUP(put_free) struct put p = {0};

	int rc = prepare(c, collection, name, text, expect, &p, err);
	if (rc == 0 && !unchanged(&p)) {
		rc = store(c, collection, &p, err);
	}
	if (rc == 0) {
		docdb_file_info(&p.stored, form, out);
	}
	return rc;
}

int docdb_doc_check(struct docdb_conn *c, struct slice collection, struct slice name,
	struct slice text, uint64_t expect, struct err *err)
{
	CLEANUP(put_free) struct put p = {0};

	int rc = prepare(c, collection, name, text, expect, &p, err);
	return rc < 0 || unchanged(&p) ? rc
				       : docdb_index_would(c, &p.collection, buf_slice(&p.k),
						 buf_slice(&p.old), buf_slice(&p.document), err);
}

int docdb_doc_remove(struct docdb_conn *c, struct slice collection, struct slice name,
	uint64_t expect, struct err *err)
{
	CLEANUP(buf_free) struct buf k = BUF_INIT;
	CLEANUP(buf_free) struct buf old = BUF_INIT;
	struct docdb_stored stored;
	struct docdb_touched *t;

	int rc = docdb_touch(c, collection, &t, err);
	rc = rc < 0 ? rc : docdb_key_of(name, &k, err);
	if (rc < 0) {
		return rc;
	}
	rc = docdb_stored_find(c, t->c.id, buf_slice(&k), &stored, &old, err);
	if (rc <= 0) {
		return rc < 0 ? rc : docdb_no_document(name, err);
	}
	rc = docdb_expect(&stored, expect, err);
	return rc < 0 ? rc : docdb_stored_drop(c, t, buf_slice(&k), &stored, buf_slice(&old), err);
}

/* ---- BSON ---- */

/* The collection as this write has touched it; the caller's copy follows. */
static int touch_of(struct docdb_conn *c, const struct docdb_collection *collection,
	struct docdb_touched **out, struct err *err)
{
	return docdb_touch(c, slice_of(collection->name), out, err);
}

/* With an _id, a new one first if it has none. */
static int with_id(struct slice *document, struct buf *made, struct err *err)
{
	struct doc_value id = doc_field(*document, id_name);
	unsigned char oid[12];

	if (id.type != BSON_TYPE_EOD) {
		return doc_id_check(id, err);
	}
	doc_objectid_new(oid);
	docdb_with_id(
		*document, (struct doc_value){BSON_TYPE_OID, slice_make(oid, sizeof(oid))}, made);
	*document = buf_slice(made);
	return buf_check(made, err);
}

int docdb_add(struct docdb_conn *c, struct docdb_touched *t, struct slice document,
	struct buf *stored, struct err *err)
{
	CLEANUP(buf_free) struct buf made = BUF_INIT;
	CLEANUP(buf_free) struct buf k = BUF_INIT;

	int rc = with_id(&document, &made, err);
	if (rc < 0) {
		return rc;
	}
	if (document.n > DOC_BYTES_MAX) {
		return err_set(err, EFBIG,
			"BSONObjectTooLarge (10334): the document has %zu bytes, the limit is %d",
			document.n, DOC_BYTES_MAX);
	}
	doc_key_append(doc_field(document, id_name), false, &k);
	rc = buf_check(&k, err);
	rc = rc < 0 ? rc : docdb_stored_add(c, t, buf_slice(&k), document, NULL, err);
	if (rc == 0 && stored != NULL) {
		buf_append_slice(stored, document);
		rc = buf_check(stored, err);
	}
	return rc;
}

static int add_named(struct docdb_conn *c, struct docdb_touched *t, struct slice document,
	struct buf *name, struct err *err)
{
	CLEANUP(buf_free) struct buf stored = BUF_INIT;

	if (name == NULL) {
		return docdb_add(c, t, document, NULL, err);
	}
	int rc = docdb_add(c, t, document, &stored, err);
	if (rc == 0) {
		doc_name_print(doc_field(buf_slice(&stored), id_name), name);
		rc = buf_check(name, err);
	}
	return rc;
}

int docdb_insert(struct docdb_conn *c, struct docdb_collection *collection, struct slice document,
	struct buf *name, struct err *err)
{
	struct docdb_touched *t;

	int rc = touch_of(c, collection, &t, err);
	rc = rc < 0 ? rc : add_named(c, t, document, name, err);
	if (rc == 0) {
		*collection = t->c;
	}
	return rc;
}

static int upsert(
	struct docdb_conn *c, struct docdb_touched *t, struct slice document, struct err *err)
{
	CLEANUP(buf_free) struct buf k = BUF_INIT;
	CLEANUP(buf_free) struct buf old = BUF_INIT;
	struct doc_value id = doc_field(document, id_name);
	struct docdb_stored stored;

	if (id.type == BSON_TYPE_EOD) {
		return docdb_add(c, t, document, NULL, err);
	}
	int rc = doc_id_check(id, err);
	doc_key_append(id, false, &k);
	rc = rc < 0 ? rc : buf_check(&k, err);
	rc = rc < 0 ? rc : docdb_stored_find(c, t->c.id, buf_slice(&k), &stored, &old, err);
	if (rc <= 0) {
		return rc < 0 ? rc : docdb_stored_add(c, t, buf_slice(&k), document, NULL, err);
	}
	if (slice_equal(buf_slice(&old), document)) {
		return 0;
	}
	return docdb_stored_set(
		c, t, buf_slice(&k), &stored, buf_slice(&old), document, false, err);
}

int docdb_upsert(struct docdb_conn *c, struct docdb_collection *collection, struct slice document,
	struct err *err)
{
	struct docdb_touched *t;

	int rc = touch_of(c, collection, &t, err);
	rc = rc < 0 ? rc : upsert(c, t, document, err);
	if (rc == 0) {
		*collection = t->c;
	}
	return rc;
}

int docdb_new(struct docdb_conn *c, struct slice collection, struct slice text, struct buf *name,
	struct err *err)
{
	CLEANUP(buf_free) struct buf document = BUF_INIT;
	struct docdb_touched *t;

	int rc = docdb_touch(c, collection, &t, err);
	rc = rc < 0 ? rc : ejson_parse(text, slice_of(""), &document, err);
	return rc < 0 ? rc : add_named(c, t, buf_slice(&document), name, err);
}
