/* Documents as files, collections as directories: each call becomes a read or a write of
 * the cluster. */
#include <stdlib.h>

#include "engines/common/json.h"
#include "engines/docdb/service/cluster.h"
#include "engines/docdb/order/order.h"

struct item {
	const struct epath *path;
	enum docdb_form form;
	struct buf *out;
	size_t before;
	struct slice text;
	uint64_t expect;
	struct engine_info *info;
};

static int need_document(const struct epath *path, struct err *err)
{
	if (path->depth > 2) {
		return err_set(err, ENOTDIR, "a document is a file, nothing lies below it");
	}
	return path->depth == 2 ? 0 : err_set(err, EISDIR, "this is a directory");
}

static enum docdb_form form_of(unsigned form)
{
	return form == 1 ? DOCDB_CANONICAL : DOCDB_RELAXED;
}

/* ---- reading, writing ---- */

static int read_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct item *p = arg;
	const struct slice *key = p->path->key;

	p->out->n = p->before;
	return docdb_doc_read(c, key[0], key[1], p->form, p->out, p->info, err);
}

int docdb_sqlite_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct item p = {
		.path = path, .form = form_of(form), .out = out, .before = out->n, .info = info};

	int rc = need_document(path, err);
	return rc < 0 ? rc : docdb_read_at(ctx, read_fn, &p, err);
}

static int write_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct item *p = arg;
	const struct slice *key = p->path->key;

	docdb_own(c, key[0], key[1]);
	return docdb_doc_write(c, key[0], key[1], p->text, p->expect, p->form, p->info, err);
}

int docdb_sqlite_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	struct item p = {
		.path = path, .form = form_of(form), .text = text, .expect = expect, .info = out};

	int rc = need_document(path, err);
	return rc < 0 ? rc : docdb_write_at(ctx, write_fn, &p, err);
}

static int check_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct item *p = arg;
	const struct slice *key = p->path->key;

	return docdb_doc_check(c, key[0], key[1], p->text, p->expect, err);
}

int docdb_sqlite_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	struct item p = {.path = path, .text = text, .expect = expect};

	(void)form;
	return path->depth == 2 ? docdb_read_at(ctx, check_fn, &p, err) : 0;
}

int docdb_sqlite_check_key(void *ctx, const struct epath *path, struct err *err)
{
	CLEANUP(buf_free) struct buf id = BUF_INIT;
	uint8_t type;

	(void)ctx;
	switch (path->depth) {
	case 1: return docdb_collection_check(path->key[0], err);
	case 2: return doc_name_parse(path->key[1], &type, &id, err);
	default: return 0;
	}
}

/* ---- drafts ---- */

void *docdb_sqlite_draft_new(void *ctx, const struct epath *path, unsigned form)
{
	(void)ctx;
	(void)path;
	(void)form;
	return json_reader_new(NULL, NULL, 0, false);
}

int docdb_sqlite_draft_feed(void *draft, struct slice more, struct err *err)
{
	return json_feed(draft, more, err);
}

bool docdb_sqlite_draft_complete(const void *draft)
{
	return json_complete(draft);
}

void docdb_sqlite_draft_free(void *draft)
{
	json_reader_free(draft);
}

/* ---- removing, renaming ---- */

static int remove_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct item *p = arg;
	const struct slice *key = p->path->key;

	docdb_own(c, key[0], key[1]);
	return docdb_doc_remove(c, key[0], key[1], p->expect, err);
}

int docdb_sqlite_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	struct item p = {.path = path, .expect = expect};

	int rc = need_document(path, err);
	return rc < 0 ? rc : docdb_write_at(ctx, remove_fn, &p, err);
}

struct move {
	const struct epath *from;
	const struct epath *to;
	unsigned flags;
};

static int rename_document_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct move *m = arg;
	const struct slice *from = m->from->key;
	const struct slice *to = m->to->key;

	docdb_own(c, from[0], from[1]);
	docdb_own(c, to[0], to[1]);
	return docdb_doc_rename(c, from[0], from[1], to[0], to[1], m->flags, err);
}

static int rename_collection_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct move *m = arg;

	return docdb_collection_rename(c, m->from->key[0], m->to->key[0], m->flags, err);
}

int docdb_sqlite_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err)
{
	struct move m = {from, to, flags};

	if (from->depth != to->depth || from->depth < 1 || from->depth > 2) {
		return err_set(err, EXDEV, "copy it there and remove it here");
	}
	return docdb_write_at(
		ctx, from->depth == 1 ? rename_collection_fn : rename_document_fn, &m, err);
}

/* ---- collections ---- */

static int mkdir_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct docdb_collection made;

	return docdb_collection_create(c, *(const struct slice *)arg, &made, err);
}

int docdb_sqlite_mkdir(void *ctx, const struct epath *path, struct err *err)
{
	return path->depth == 1 ? docdb_write_at(ctx, mkdir_fn, (void *)&path->key[0], err)
				: err_set(err, ENOTSUP, "a document is a file: write its .json");
}

static int rmdir_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	return docdb_collection_drop(c, *(const struct slice *)arg, false, err);
}

int docdb_sqlite_rmdir(void *ctx, const struct epath *path, struct err *err)
{
	return path->depth == 1 ? docdb_write_at(ctx, rmdir_fn, (void *)&path->key[0], err)
				: err_set(err, ENOTDIR, "a document is a file: remove its .json");
}

/* ---- .indexes ---- */

static int text_read_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct item *p = arg;

	p->out->n = p->before;
	return docdb_indexes_read(c, p->path->key[0], p->out, err);
}

int docdb_sqlite_text_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err)
{
	struct item p = {.path = path, .out = out, .before = out->n};

	(void)name;
	return docdb_read_at(ctx, text_read_fn, &p, err);
}

static int text_write_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct item *p = arg;

	return docdb_indexes_write(c, p->path->key[0], p->text, err);
}

int docdb_sqlite_text_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err)
{
	struct item p = {.path = path, .text = text};

	(void)name;
	return docdb_write_at(ctx, text_write_fn, &p, err);
}
