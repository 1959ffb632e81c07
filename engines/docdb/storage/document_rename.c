/* mv of a document: it gets another _id, within its collection or in another. */
#include <errno.h>
#include <stdio.h> /* RENAME_EXCHANGE, RENAME_NOREPLACE */

#include "engines/docdb/storage/index.h"

/* A document at one end of a rename. */
struct end {
	struct docdb_touched *t;
	struct slice name;
	struct buf id; /* what the name stands for */
	uint8_t id_type;
	struct buf k;
	struct docdb_stored stored; /* version 0: there is none */
	struct buf document;
};

static void end_free(struct end *e)
{
	buf_free(&e->id);
	buf_free(&e->k);
	buf_free(&e->document);
}

static int load(struct docdb_conn *c, struct slice collection, struct end *e, struct err *err)
{
	int rc = docdb_touch(c, collection, &e->t, err);

	rc = rc < 0 ? rc : doc_name_parse(e->name, &e->id_type, &e->id, err);
	if (rc < 0) {
		return rc;
	}
	doc_key_append((struct doc_value){e->id_type, buf_slice(&e->id)}, false, &e->k);
	rc = buf_check(&e->k, err);
	rc = rc < 0 ? rc
		    : docdb_stored_find(
			      c, e->t->c.id, buf_slice(&e->k), &e->stored, &e->document, err);
	return rc < 0 ? rc : 0;
}

static int drop(struct docdb_conn *c, const struct end *e, struct err *err)
{
	return docdb_stored_drop(
		c, e->t, buf_slice(&e->k), &e->stored, buf_slice(&e->document), err);
}

/* The document of `from` comes to `to`, where there is none. */
static int add(struct docdb_conn *c, const struct end *from, const struct end *to, struct err *err)
{
	CLEANUP(buf_free) struct buf document = BUF_INIT;
	struct doc_value id = {to->id_type, buf_slice(&to->id)};
	struct doc_value own = doc_field(buf_slice(&from->document), slice_of("_id"));

	/* Into another collection the _id keeps its type. */
	docdb_with_id(buf_slice(&from->document), doc_equal(own, id) ? own : id, &document);
	int rc = buf_check(&document, err);
	if (rc == 0 && document.n > DOC_BYTES_MAX) {
		rc = err_set(err, EFBIG,
			"BSONObjectTooLarge (10334): with this _id the document has %zu bytes, the "
			"limit is %d",
			document.n, DOC_BYTES_MAX);
	}
	return rc < 0 ? rc
		      : docdb_stored_add(
				c, to->t, buf_slice(&to->k), buf_slice(&document), NULL, err);
}

static bool same(const struct end *a, const struct end *b)
{
	return a->t == b->t && slice_equal(buf_slice(&a->k), buf_slice(&b->k));
}

static int move(struct docdb_conn *c, const struct end *from, const struct end *to, unsigned flags,
	struct err *err)
{
	bool there = to->stored.version != 0;
	bool swap = (flags & RENAME_EXCHANGE) != 0;

	if (swap && !there) {
		return docdb_no_document(to->name, err);
	}
	if (there && (flags & RENAME_NOREPLACE) != 0) {
		return err_set(err, EEXIST, "the document exists already");
	}
	if (same(from, to)) {
		return 0;
	}
	int rc = drop(c, from, err);
	rc = rc == 0 && there ? drop(c, to, err) : rc;
	rc = rc < 0 ? rc : add(c, from, to, err);
	return rc == 0 && swap ? add(c, to, from, err) : rc;
}

int docdb_doc_rename(struct docdb_conn *c, struct slice from_collection, struct slice from,
	struct slice to_collection, struct slice to, unsigned flags, struct err *err)
{
	CLEANUP(end_free) struct end a = {.name = from};
	CLEANUP(end_free) struct end b = {.name = to};

	int rc = load(c, from_collection, &a, err);
	if (rc == 0 && a.stored.version == 0) {
		return docdb_no_document(from, err);
	}
	rc = rc < 0 ? rc : load(c, to_collection, &b, err);
	return rc < 0 ? rc : move(c, &a, &b, flags, err);
}
