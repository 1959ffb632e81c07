/* Loading a table or partition from one text. While the text comes in, items
 * are parsed, checked and spooled; when it was good to the end, one write puts
 * them all. A bad row is counted and the rest still read, so that one report
 * names them all; then nothing is loaded. */
#include "engines/dynamodb/dynamodb_sqlite.h"

#include <stdlib.h>

#include "engines/dynamodb/spool.h"

/* ---- what is bad ---- */

#define BAD_SHOWN 100

struct bad_row {
	struct ddb_origin origin;
	char *why;
};

struct bad_rows {
	struct bad_row rows[BAD_SHOWN];
	unsigned n_shown;
	uint64_t n;
};

static void bad_add(struct bad_rows *bad, const struct ddb_origin *origin, const char *why)
{
	if (bad->n_shown < BAD_SHOWN) {
		bad->rows[bad->n_shown++] = (struct bad_row){*origin, strdup(why)};
	}
	bad->n++;
}

static void bad_free(struct bad_rows *bad)
{
	for (unsigned i = 0; i < bad->n_shown; i++) {
		free(bad->rows[i].why);
	}
}

static int compare_bad(const void *a, const void *b)
{
	const struct bad_row *x = a;
	const struct bad_row *y = b;

	return (x->origin.number > y->origin.number) - (x->origin.number < y->origin.number);
}

static void bad_print(struct bad_rows *bad, struct buf *out)
{
	qsort(bad->rows, bad->n_shown, sizeof(bad->rows[0]), compare_bad);
	for (unsigned i = 0; i < bad->n_shown; i++) {
		const struct bad_row *row = &bad->rows[i];
		buf_printf(out, "item %llu, line %llu: %s\n",
			(unsigned long long)row->origin.number,
			(unsigned long long)row->origin.line,
			row->why != NULL ? row->why : "out of memory");
	}
	if (bad->n > bad->n_shown) {
		buf_printf(out, "and %llu more\n", (unsigned long long)(bad->n - bad->n_shown));
	}
}

/* ---- the sink ---- */

enum mode { APPEND, UPSERT, REPLACE };

struct import {
	struct ddb_db *db;
	struct epath path;
	struct buf path_keys[2]; /* the path's bytes, which outlive the call that gave them */
	struct ddb_place place;
	enum mode mode;
	struct ddb_stream *stream;
	struct ddb_spool *spool;
	struct bad_rows bad;
	uint64_t n; /* items read, the bad ones too */
	/* What one item after the other needs. */
	struct ddb_row row;
	struct buf hash_text;
	struct buf range_text;
};

static void import_free(struct import *i)
{
	ddb_stream_free(i->stream);
	ddb_spool_free(i->spool);
	bad_free(&i->bad);
	ddb_row_free(&i->row);
	buf_free(&i->hash_text);
	buf_free(&i->range_text);
	ddb_place_free(&i->place);
	buf_free(&i->path_keys[0]);
	buf_free(&i->path_keys[1]);
	free(i);
}

/* ---- an item of the text ---- */

/* In a partition the path's key fills in, or must agree. */
static int fit_part(struct import *i, struct ddb_item *item, struct err *why)
{
	struct ddb_key_schema hash_only = i->place.table->schema;

	if (i->place.kind != DDB_PART) {
		return 0;
	}
	hash_only.has_range = false;
	switch (ddb_item_match_key(item, &hash_only, i->place.hash_text, (struct slice){0}, why)) {
	case DDB_KEY_SAME: return 0;
	case DDB_KEY_ABSENT:
		return ddb_item_set_key(
			item, &hash_only, i->place.hash_text, (struct slice){0}, why);
	default: return -EINVAL;
	}
}

static int make_row(struct import *i, struct ddb_item *item, struct err *why)
{
	const struct ddb_key_schema *schema = &i->place.table->schema;

	buf_clear(&i->hash_text);
	buf_clear(&i->range_text);
	int rc = fit_part(i, item, why);
	rc = rc < 0 ? rc : ddb_item_key_texts(item, schema, &i->hash_text, &i->range_text, why);
	return rc < 0 ? rc
		      : ddb_row_make(&i->row, schema, item, buf_slice(&i->hash_text),
				buf_slice(&i->range_text), why);
}

static bool is_bad_item(int rc)
{
	return rc == -EINVAL || rc == -EFBIG;
}

static int take_item(void *arg, struct ddb_item *item, uint64_t number, unsigned long line,
	const struct err *bad, struct err *err)
{
	struct import *i = arg;
	struct ddb_origin origin = {number, line};
	struct err why = {0};

	i->n = number;
	if (item == NULL) {
		bad_add(&i->bad, &origin, bad->msg);
		return 0;
	}
	int rc = make_row(i, item, &why);
	ddb_item_free(item);
	if (is_bad_item(rc)) {
		bad_add(&i->bad, &origin, why.msg);
		return 0;
	}
	if (rc < 0) {
		return err_set(err, why.code, "%s", why.msg);
	}
	/* After a bad row nothing will be loaded: the rest is only checked. */
	return i->bad.n > 0 ? 0 : ddb_spool_add(i->spool, &i->row, &origin, err);
}

/* ---- open, feed ---- */

static int find_mode(struct import *i, const char *mode, const char *format, struct err *err)
{
	static const char *const modes[] = {"append", "upsert", "replace"};

	if (strcmp(format, "json") != 0 && strcmp(format, "jsonl") != 0) {
		return err_set(err, EINVAL, "format %s: json or jsonl is expected", format);
	}
	for (unsigned m = APPEND; m <= REPLACE; m++) {
		if (strcmp(mode, modes[m]) == 0) {
			i->mode = m;
			return 0;
		}
	}
	return err_set(err, EINVAL, "mode %s: append, upsert or replace is expected", mode);
}

/* The path is borrowed for one call, the import lives longer. */
static int keep_path(struct import *i, const struct epath *path, struct err *err)
{
	i->path.depth = path->depth;
	if (path->depth == 0 || path->depth > 2) {
		return err_set(err, ENOTSUP, "a table or a partition can be imported to");
	}
	for (unsigned k = 0; k < path->depth; k++) {
		buf_append_slice(&i->path_keys[k], path->key[k]);
		int rc = buf_check(&i->path_keys[k], err);
		if (rc < 0) {
			return rc;
		}
		i->path.key[k] = buf_slice(&i->path_keys[k]);
	}
	return 0;
}

static int make_parts(struct import *i, struct err *err)
{
	CLEANUP(buf_free) struct buf tmp = BUF_INIT;

	buf_printf(&tmp, "%s/tmp", i->db->dir);
	i->spool = ddb_spool_new(buf_cstr(&tmp));
	i->stream = ddb_stream_new(i->db->typed ? DDB_TYPED : DDB_PLAIN, take_item, i);
	if (i->spool == NULL || i->stream == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

static int check_kind(const struct import *i, struct err *err)
{
	if (i->place.kind == DDB_ITEM) {
		return err_set(err, ENOTSUP, "a table or a partition can be imported to");
	}
	return 0;
}

int dynamodb_sqlite_import_open(void *ctx, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err)
{
	struct import *i = calloc(1, sizeof(*i));

	if (i == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	i->db = ctx;
	int rc = ddb_check_writable(i->db, err);
	rc = rc < 0 ? rc : find_mode(i, mode, format, err);
	rc = rc < 0 ? rc : keep_path(i, path, err);
	rc = rc < 0 ? rc : ddb_place_find(i->db, &i->path, true, &i->place, err);
	rc = rc < 0 ? rc : check_kind(i, err);
	rc = rc < 0 ? rc : make_parts(i, err);
	if (rc < 0) {
		import_free(i);
		return rc;
	}
	*sink = i;
	return 0;
}

int dynamodb_sqlite_import_feed(void *sink, struct slice text, struct err *err)
{
	struct import *i = sink;

	return ddb_stream_feed(i->stream, text, err);
}

void dynamodb_sqlite_import_abort(void *sink)
{
	import_free(sink);
}

/* ---- the write ---- */

/* One bit for each document that the import put or found as it is, by its id:
 * what is not marked goes, when the import replaces. */
struct marks {
	unsigned char *bits;
	uint64_t n_bytes;
};

static int mark(struct marks *m, int64_t doc_id, struct err *err)
{
	uint64_t byte = (uint64_t)doc_id / 8;

	if (byte >= m->n_bytes) {
		uint64_t n = (byte + 1) * 2;
		unsigned char *more = realloc(m->bits, n);
		if (more == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		memset(more + m->n_bytes, 0, n - m->n_bytes);
		m->bits = more;
		m->n_bytes = n;
	}
	m->bits[byte] |= (unsigned char)(1U << ((uint64_t)doc_id % 8));
	return 0;
}

static bool marked(const struct marks *m, int64_t doc_id)
{
	uint64_t byte = (uint64_t)doc_id / 8;

	return byte < m->n_bytes && (m->bits[byte] & 1U << ((uint64_t)doc_id % 8)) != 0;
}

struct load {
	struct import *import;
	struct ddb_txn *txn;
	struct buf pk; /* of `part` */
	struct ddb_part part;
	bool has_part;
	struct marks marks;
	uint64_t n_new;
	uint64_t n_replaced;
	uint64_t n_removed;
};

static void load_free(struct load *l)
{
	buf_free(&l->pk);
	free(l->marks.bits);
}

static int leave_part(struct load *l, struct err *err)
{
	return l->has_part ? ddb_part_save(l->txn, &l->part, err) : 0;
}

/* Rows come sorted, so a partition is loaded and saved once for many of them. */
static int enter_part(struct load *l, struct slice pk, struct err *err)
{
	if (l->has_part && slice_equal(buf_slice(&l->pk), pk)) {
		return 0;
	}
	int rc = leave_part(l, err);
	rc = rc < 0 ? rc : ddb_part_load(l->txn, pk, &l->part, err);
	if (rc == 0 && l->part.id == 0) {
		rc = ddb_part_add(l->txn, pk, &l->part, err);
	}
	buf_clear(&l->pk);
	buf_append_slice(&l->pk, pk);
	l->has_part = rc == 0;
	return rc < 0 ? rc : buf_check(&l->pk, err);
}

static int load_row(
	void *arg, const struct ddb_row *row, const struct ddb_origin *origin, struct err *err)
{
	struct load *l = arg;
	struct ddb_stored stored;

	int rc = enter_part(l, buf_slice(&row->pk), err);
	rc = rc < 0 ? rc : ddb_stored_load(l->txn, &l->part, buf_slice(&row->sk), &stored, err);
	if (rc < 0) {
		return rc;
	}
	bool exists = stored.version != 0;
	if (exists && l->import->mode == APPEND) {
		bad_add(&l->import->bad, origin,
			"the item exists already (append adds new items only)");
		return 0;
	}
	uint64_t before = stored.version;
	rc = ddb_stored_put(l->txn, &l->part, row, &stored, err);
	l->n_new += !exists;
	l->n_replaced += exists && stored.version != before;
	if (rc == 0 && l->import->mode == REPLACE) {
		rc = mark(&l->marks, stored.doc_id, err);
	}
	return rc;
}

/* ---- what a replacing import removes ---- */

static int sweep_part(struct load *l, struct err *err)
{
	CLEANUP(buf_free) struct buf sk = BUF_INIT;
	struct ddb_stored stored;
	int rc;

	buf_puts(&sk, "");
	while ((rc = ddb_stored_next(l->txn, &l->part, &sk, &stored, err)) == 1) {
		if (marked(&l->marks, stored.doc_id)) {
			continue;
		}
		rc = ddb_stored_drop(l->txn, &l->part, buf_slice(&sk), &stored, err);
		if (rc < 0) {
			return rc;
		}
		l->n_removed++;
	}
	return rc < 0 ? rc : ddb_part_save(l->txn, &l->part, err);
}

static int sweep_table(struct load *l, struct err *err)
{
	int64_t id = 0;
	int rc;

	while ((rc = ddb_part_next(l->txn, id, &l->part, err)) == 1) {
		id = l->part.id;
		rc = sweep_part(l, err);
		if (rc == 0 && l->part.n == 0 && l->import->place.table->schema.has_range) {
			rc = ddb_part_drop(l->txn, &l->part, err);
		}
		if (rc < 0) {
			return rc;
		}
	}
	return rc;
}

static int sweep(struct load *l, struct err *err)
{
	const struct ddb_place *place = &l->import->place;

	if (place->kind == DDB_TABLE) {
		return sweep_table(l, err);
	}
	int rc = ddb_part_load(l->txn, buf_slice(&place->pk), &l->part, err);
	return rc < 0 || l->part.id == 0 ? rc : sweep_part(l, err);
}

/* Anything loaded before a bad row was met is undone with the write. */
static int refuse(const struct import *i, struct err *err)
{
	return err_set(err, EINVAL, "nothing was loaded: %llu of %llu item%s not acceptable",
		(unsigned long long)i->bad.n, (unsigned long long)i->n,
		i->n == 1 ? " is" : "s are");
}

static int load_fn(struct ddb_txn *x, void *arg, struct err *err)
{
	struct load *l = arg;

	l->txn = x;
	int rc = ddb_spool_each(l->import->spool, load_row, l, err);
	rc = rc < 0 ? rc : leave_part(l, err);
	if (rc == 0 && l->import->bad.n > 0) {
		return refuse(l->import, err);
	}
	if (rc == 0 && l->import->mode == REPLACE) {
		rc = sweep(l, err);
	}
	return rc;
}

/* ---- finish ---- */

static int load(struct import *i, struct buf *report, struct err *err)
{
	CLEANUP(load_free) struct load l = {.import = i};

	int rc = ddb_table_write(i->place.table, NULL, 0, load_fn, &l, err);
	if (rc == 0) {
		buf_printf(report, "%llu item%s loaded (%llu new, %llu replaced, %llu removed)\n",
			(unsigned long long)i->n, i->n == 1 ? "" : "s", (unsigned long long)l.n_new,
			(unsigned long long)l.n_replaced, (unsigned long long)l.n_removed);
	}
	return rc;
}

int dynamodb_sqlite_import_finish(void *sink, struct buf *report, struct err *err)
{
	struct import *i = sink;

	int rc = ddb_stream_finish(i->stream, err);
	if (rc == 0) {
		rc = i->bad.n > 0 ? refuse(i, err) : load(i, report, err);
	}
	if (rc == 0) {
		ddb_changed(i->db, &i->path);
	} else if (i->bad.n > 0) {
		buf_printf(report, "%s\n", err->msg);
		bad_print(&i->bad, report);
	}
	import_free(i);
	return rc;
}
