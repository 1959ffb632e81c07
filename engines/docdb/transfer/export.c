/* A collection as one text. It is made when it is opened, for its size has to be known then:
 * spilled, so that memory stays constant, out of one read. */
#include "engines/docdb/transfer/transfer.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"

#define PIECE_BYTES ((size_t)128 * 1024)

const char *const docdb_formats[] = {"json", "jsonl", "ejson", "ejsonl", "csv", NULL};

/* ---- text on its way out ---- */

int docdb_out_all(struct docdb_out *out, struct err *err)
{
	int rc = buf_check(&out->text, err);
	rc = rc < 0 ? rc : spill_add(out->to, buf_slice(&out->text), err);
	buf_clear(&out->text);
	return rc;
}

int docdb_out_some(struct docdb_out *out, struct err *err)
{
	return out->text.n < PIECE_BYTES && !out->text.failed ? 0 : docdb_out_all(out, err);
}

int docdb_out_documents(struct docdb_out *out, struct doc_cursor *cursor, enum ejson_mode mode,
	bool array, struct err *err)
{
	struct slice document;
	bool first = true;
	int rc;
	while ((rc = cursor->next(cursor, &document, err)) == 1) {
		if (array) {
			buf_puts(&out->text, first ? "[\n" : ",\n");
		}
		ejson_print(document, mode, false, &out->text);
		buf_puts(&out->text, array ? "" : "\n");
		first = false;
		rc = docdb_out_some(out, err);
		if (rc < 0) {
			break;
		}
	}
	if (array) {
		buf_puts(&out->text, first ? "[]\n" : "\n]\n");
	}
	return rc;
}

struct docdb_export {
	struct spill *text;
	uint64_t at;
};

void docdb_export_free(struct docdb_export *x)
{
	if (x != NULL) {
		spill_free(x->text);
		free(x);
	}
}

int docdb_export_next(struct docdb_export *x, struct buf *out, struct err *err)
{
	size_t before = out->n;
	int rc = spill_read(x->text, x->at, PIECE_BYTES, out, err);
	x->at += out->n - before;
	return rc;
}

int docdb_out_run(struct docdb_source *s, docdb_fn *fn, void *arg, struct docdb_out *out,
	const char *tmp_dir, struct docdb_export **result, uint64_t *size, struct err *err)
{
	struct docdb_export *x = calloc(1, sizeof(*x));
	if (x == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	x->text = spill_new(tmp_dir);
	out->to = x->text;
	int rc = x->text == NULL ? err_set(err, ENOMEM, "out of memory") : 0;
	rc = rc < 0 ? rc : docdb_read(s, fn, arg, err);
	rc = rc < 0 ? rc : docdb_out_all(out, err);
	buf_free(&out->text);
	if (rc < 0) {
		docdb_export_free(x);
		return rc;
	}
	*result = x;
	*size = spill_size(x->text);
	return 0;
}

/* ---- all of a collection ---- */

enum format { JSON, JSONL, EJSON, EJSONL, CSV };

struct export_run {
	struct slice collection;
	enum format format;
	const char *tmp_dir;
	struct docdb_out out;
};

static void cursor_cleanup(struct doc_cursor **cursor)
{
	if (*cursor != NULL) {
		(*cursor)->close(*cursor);
	}
}

static int open_all(const struct doc_reach *reach, struct doc_cursor **out, struct err *err)
{
	bool sorted;
	return reach->find(
		reach->arg, (struct slice){0}, NULL, (struct slice){0}, &sorted, out, err);
}

static int export_json(struct export_run *x, const struct doc_reach *reach, struct err *err)
{
	CLEANUP(cursor_cleanup) struct doc_cursor *all = NULL;
	bool canonical = x->format == EJSON || x->format == EJSONL;
	int rc = open_all(reach, &all, err);
	return rc < 0 ? rc
		      : docdb_out_documents(&x->out, all,
				canonical ? EJSON_CANONICAL : EJSON_RELAXED,
				x->format == JSON || x->format == EJSON, err);
}

static int find_columns(const struct doc_reach *reach, struct csv_columns *columns, struct err *err)
{
	CLEANUP(cursor_cleanup) struct doc_cursor *all = NULL;
	struct slice document;
	int rc = open_all(reach, &all, err);
	while (rc == 0 && (rc = all->next(all, &document, err)) == 1) {
		rc = csv_columns_add(columns, document, err);
	}
	return rc;
}

static int export_rows(struct export_run *x, const struct doc_reach *reach,
	struct csv_columns *columns, struct err *err)
{
	CLEANUP(cursor_cleanup) struct doc_cursor *all = NULL;
	struct slice document;
	int rc = open_all(reach, &all, err);
	while (rc == 0 && (rc = all->next(all, &document, err)) == 1) {
		rc = csv_row_print(columns, document, &x->out.text, err);
		rc = rc < 0 ? rc : docdb_out_some(&x->out, err);
	}
	return rc;
}

/* Twice through the documents: which columns there are is known at the end of the first time. */
static int export_csv(struct export_run *x, const struct doc_reach *reach, struct err *err)
{
	struct csv_columns *columns = csv_columns_new();
	if (columns == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = find_columns(reach, columns, err);
	if (rc == 0) {
		csv_header_print(columns, &x->out.text);
		rc = export_rows(x, reach, columns, err);
	}
	csv_columns_free(columns);
	return rc;
}

static int export_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct export_run *x = arg;
	struct docdb_collection collection;
	struct doc_reach reach = {0};
	spill_clear(x->out.to);
	buf_clear(&x->out.text);
	int rc = docdb_collection_find(c, x->collection, &collection, err);
	if (rc < 0) {
		return rc;
	}
	docdb_reach(c, x->collection, x->tmp_dir, &reach);
	return x->format == CSV ? export_csv(x, &reach, err) : export_json(x, &reach, err);
}

int docdb_export_new(struct docdb_source *s, struct slice collection, const char *format,
	const char *tmp_dir, struct docdb_export **out, uint64_t *size, struct err *err)
{
	struct export_run x = {.collection = collection, .tmp_dir = tmp_dir};
	unsigned f = 0;
	while (docdb_formats[f] != NULL && strcmp(format, docdb_formats[f]) != 0) {
		f++;
	}
	if (docdb_formats[f] == NULL) {
		return err_set(err, EINVAL,
			"format %s: json, jsonl, ejson, ejsonl or csv is expected", format);
	}
	x.format = (enum format)f;
	return docdb_out_run(s, export_fn, &x, &x.out, tmp_dir, out, size, err);
}
