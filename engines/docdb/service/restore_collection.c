/* One collection comes back, as it was in a copy, under another name. */
#include "engines/docdb/service/cluster.h"

/* Documents go from a connection of the copy to one of the cluster. */
struct copying {
	struct docdb_source *from_source;
	struct docdb_source *to_source;
	const char *tmp;
	struct slice from;
	struct slice to;
	struct docdb_conn *out; /* of the write */
	uint64_t documents;
};

static int copy_documents(struct docdb_conn *in, struct copying *p,
	struct docdb_collection *collection, struct err *err)
{
	struct doc_cursor *cursor = NULL;
	struct doc_reach reach = {0};
	struct slice document;
	bool sorted = false;

	docdb_reach(in, p->from, p->tmp, &reach);
	int rc = reach.find(
		reach.arg, (struct slice){0}, NULL, (struct slice){0}, &sorted, &cursor, err);
	if (rc < 0) {
		return rc;
	}
	while ((rc = cursor->next(cursor, &document, err)) == 1) {
		rc = docdb_insert(p->out, collection, document, NULL, err);
		if (rc < 0) {
			break;
		}
		p->documents++;
	}
	cursor->close(cursor);
	return rc;
}

/* Indexes first, so that what a unique one says holds from the first document on. */
static int copy_fn(struct docdb_conn *in, void *arg, struct err *err)
{
	CLEANUP(buf_free) struct buf indexes = BUF_INIT;
	struct docdb_collection collection;
	struct copying *p = arg;

	p->documents = 0;
	int rc = docdb_indexes_read(in, p->from, &indexes, err);
	rc = rc < 0 ? rc : docdb_collection_create(p->out, p->to, &collection, err);
	rc = rc < 0 ? rc : docdb_indexes_write(p->out, p->to, buf_slice(&indexes), err);
	return rc < 0 ? rc : copy_documents(in, p, &collection, err);
}

static int write_fn(struct docdb_conn *out, void *arg, struct err *err)
{
	struct copying *p = arg;

	p->out = out;
	return docdb_read(p->from_source, copy_fn, p, err);
}

int docdb_restore_collection(struct docdb_cluster *c, const char *file, struct slice from,
	struct slice name, uint64_t *documents, struct err *err)
{
	struct docdb_source_config config = {"copy", NULL, NULL};
	struct copying p = {.tmp = c->service->base.tmp, .from = from, .to = name};

	int rc = docdb_collection_check(name, err);
	rc = rc < 0 ? rc : docdb_source_file(file, &config, &p.from_source, err);
	if (rc < 0) {
		return rc;
	}
	rc = docdb_enter(c, err);
	if (rc == 0) {
		rc = docdb_write(c->source, write_fn, &p, err);
		cluster_leave(&c->base);
	}
	docdb_source_close(p.from_source);
	*documents = p.documents;
	return rc;
}
