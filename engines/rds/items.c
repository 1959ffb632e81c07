/* Rows and columns as files: each call becomes a read or a write of its instance. */
#include <stdlib.h>

#include "engines/common/json.h"
#include "engines/rds/lifecycle.h"

/* ---- reading and writing items: rows and columns ---- */

struct item {
	const struct epath *path;
	struct buf *out;
	size_t before;
	struct slice text;
	uint64_t expect;
	struct engine_info *info;
};

static int need_item(const struct epath *path, struct err *err)
{
	return path->depth >= 3 ? 0 : err_set(err, EISDIR, "this is a directory");
}

static int read_fn(struct rds_conn *c, void *arg, struct err *err)
{
	const struct item *p = arg;
	const struct slice *key = p->path->key;

	p->out->n = p->before;
	return p->path->depth == 3
		       ? rds_row_read(c, key[1], key[2], p->out, p->info, err)
		       : rds_column_read(c, key[1], key[2], key[3], p->out, p->info, err);
}

int rds_sqlite_read(void *ctx, const struct epath *path, unsigned form, struct buf *out,
	struct engine_info *info, struct err *err)
{
	struct item p = {.path = path, .out = out, .before = out->n, .info = info};

	(void)form;
	int rc = need_item(path, err);
	return rc < 0 ? rc : rds_read_at(ctx, path, read_fn, &p, err);
}

/* The front knows of what it asked for itself; a column is also in its row. */
static void is_told(struct rds_conn *c, const struct epath *path)
{
	if (path->depth == 3) {
		c->own_table = path->key[1];
		c->own_key[c->n_own++] = path->key[2];
	}
}

static int write_fn(struct rds_conn *c, void *arg, struct err *err)
{
	const struct item *p = arg;
	const struct slice *key = p->path->key;

	is_told(c, p->path);
	return p->path->depth == 3
		       ? rds_row_write(c, key[1], key[2], p->text, p->expect, p->info, err)
		       : rds_column_write(
				 c, key[1], key[2], key[3], p->text, p->expect, p->info, err);
}

int rds_sqlite_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	struct item p = {.path = path, .text = text, .expect = expect, .info = out};

	(void)form;
	int rc = need_item(path, err);
	return rc < 0 ? rc : rds_write_at(ctx, path, write_fn, &p, err);
}

/* What would be refused shows when it is done; the failure that everything ends in
 * undoes it. Constraints are looked at, too. */
static int try_fn(struct rds_conn *c, void *arg, struct err *err)
{
	int rc = write_fn(c, arg, err);

	rc = rc < 0 ? rc : rds_conn_foreign_keys(c, err);
	return rc < 0 ? rc : err_set(err, ECANCELED, "it was only tried");
}

int rds_sqlite_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	struct engine_info info;
	struct err own = {0};
	struct item p = {.path = path, .text = text, .expect = expect, .info = &info};

	(void)form;
	/* The first bytes of a column's value may be refused where all are not. */
	if (path->depth != 3) {
		return 0;
	}
	int rc = rds_write_at(ctx, path, try_fn, &p, &own);
	return rc == 0 || rc == -ECANCELED ? 0 : err_set(err, own.code, "%s", own.msg);
}

/* ---- drafts ---- */

struct draft {
	struct json_reader *json; /* NULL: of a column, where anything goes */
};

void *rds_sqlite_draft_new(void *ctx, const struct epath *path, unsigned form)
{
	struct draft *d = calloc(1, sizeof(*d));

	(void)ctx;
	(void)form;
	if (d == NULL || path->depth != 3) {
		return d;
	}
	d->json = json_reader_new(NULL, NULL, 0, false);
	if (d->json == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

int rds_sqlite_draft_feed(void *draft, struct slice more, struct err *err)
{
	struct draft *d = draft;

	return d->json != NULL ? json_feed(d->json, more, err) : 0;
}

bool rds_sqlite_draft_complete(const void *draft)
{
	const struct draft *d = draft;

	return d->json == NULL || json_complete(d->json);
}

void rds_sqlite_draft_free(void *draft)
{
	struct draft *d = draft;

	json_reader_free(d->json);
	free(d);
}

/* ---- removing ---- */

static int remove_fn(struct rds_conn *c, void *arg, struct err *err)
{
	const struct item *p = arg;
	const struct slice *key = p->path->key;

	return p->path->depth == 3 ? rds_row_remove(c, key[1], key[2], p->expect, err)
				   : rds_column_remove(c, key[1], key[2], key[3], p->expect, err);
}

int rds_sqlite_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	struct item p = {.path = path, .expect = expect};

	int rc = need_item(path, err);
	return rc < 0 ? rc : rds_write_at(ctx, path, remove_fn, &p, err);
}

static int check_key_fn(struct rds_conn *c, void *arg, struct err *err)
{
	const struct epath *path = arg;

	return rds_row_check_key(c, path->key[1], path->key[2], err);
}

int rds_sqlite_check_key(void *ctx, const struct epath *path, struct err *err)
{
	return path->depth == 3 ? rds_read_at(ctx, path, check_key_fn, (void *)path, err) : 0;
}

/* ---- renaming ---- */

struct move {
	const struct epath *from;
	const struct epath *to;
	unsigned flags;
};

static int rename_row_fn(struct rds_conn *c, void *arg, struct err *err)
{
	const struct move *m = arg;

	is_told(c, m->from);
	is_told(c, m->to);
	return rds_row_rename(c, m->from->key[1], m->from->key[2], m->to->key[2], m->flags, err);
}

static int rename_table_fn(struct rds_conn *c, void *arg, struct err *err)
{
	const struct move *m = arg;

	return rds_table_rename(c, m->from->key[1], m->to->key[1], m->flags, err);
}

static bool same_container(const struct epath *a, const struct epath *b)
{
	for (unsigned i = 0; i + 1 < a->depth; i++) {
		if (!slice_equal(a->key[i], b->key[i])) {
			return false;
		}
	}
	return a->depth == b->depth;
}

int rds_sqlite_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err)
{
	struct rds *rds = ctx;
	struct move m = {from, to, flags};

	if (!same_container(from, to) || from->depth > 3) {
		return err_set(err, EXDEV, "copy it there and remove it here");
	}
	switch (from->depth) {
	case 1: return rds_rename_instance(rds->service, from->key[0], to->key[0], flags, err);
	case 2: return rds_write_at(ctx, from, rename_table_fn, &m, err);
	default: return rds_write_at(ctx, from, rename_row_fn, &m, err);
	}
}
