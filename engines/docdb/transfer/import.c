/* A text on its way into a collection. While it comes in, documents are parsed, checked and
 * spilled, outside of any transaction; when it was good to the end, one write stores them all. A
 * bad document is noted and the rest still read, so that one report names them all; then nothing is
 * loaded. The text of a script is kept and run at the end. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/transfer/transfer.h"

#define SCRIPT_BYTES_MAX ((size_t)64 * 1024 * 1024)

enum source_of { OF_JSON, OF_CSV, OF_NEW, OF_UPDATE };

struct docdb_import {
	struct docdb_source *source;
	enum source_of of;
	struct buf collection;
	char *tmp_dir;
	struct docdb_load load;
	struct ejson_stream *json;
	struct csv_reader *csv;
	struct csv_columns *columns; /* NULL before the header was read */
	struct buf document;	     /* that one row makes */
	struct buf script;
};

/* ---- what is bad ---- */

void docdb_bad_add(struct docdb_bad *bad, unsigned long line, const char *why)
{
	if (bad->n_shown < DOCDB_BAD_SHOWN) {
		bad->rows[bad->n_shown++] = (struct docdb_bad_row){line, strdup(why)};
	}
	bad->n++;
}

void docdb_bad_clear(struct docdb_bad *bad)
{
	for (unsigned i = 0; i < bad->n_shown; i++) {
		free(bad->rows[i].why);
	}
	bad->n_shown = 0;
	bad->n = 0;
}

static void bad_print(const struct docdb_bad *bad, struct buf *out)
{
	for (unsigned i = 0; i < bad->n_shown; i++) {
		const struct docdb_bad_row *row = &bad->rows[i];
		buf_printf(out, "line %lu: %s\n", row->line,
			row->why != NULL ? row->why : "out of memory");
	}
	if (bad->n > bad->n_shown) {
		buf_printf(out, "and %llu more\n", (unsigned long long)(bad->n - bad->n_shown));
	}
}

int docdb_load_refuse(const struct docdb_load *l, struct err *err)
{
	return err_set(err, EINVAL, "nothing was loaded: %llu of %llu document%s not acceptable",
		(unsigned long long)l->bad.n, (unsigned long long)l->n,
		l->n == 1 ? " is" : "s are");
}

/* ---- documents of the text ---- */

/* Without an _id it gets one here, so that a write that runs twice adds the same. */
static void with_id(struct slice document, struct buf *out)
{
	unsigned char id[12];
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	doc_objectid_new(id);
	size_t start = doc_begin(out);
	doc_put(out, slice_of("_id"), (struct doc_value){BSON_TYPE_OID, slice_make(id, 12)});
	doc_iter_init(&it, document);
	while (doc_next(&it, &name, &v)) {
		doc_put(out, name, v);
	}
	doc_end(out, start);
}

static int spill_document(
	struct docdb_load *l, struct slice document, unsigned long line, struct err *err)
{
	uint64_t where = line;
	int rc = spill_add(l->documents, slice_make(&where, sizeof(where)), err);
	return rc < 0 ? rc : spill_add(l->documents, document, err);
}

static int load_add(
	struct docdb_load *l, struct slice document, unsigned long line, struct err *err)
{
	CLEANUP(buf_free) struct buf made = BUF_INIT;
	struct err why = {0};
	struct doc_value id = doc_field(document, slice_of("_id"));
	if (id.type == BSON_TYPE_EOD) {
		with_id(document, &made);
		document = buf_slice(&made);
		int rc = buf_check(&made, err);
		if (rc < 0) {
			return rc;
		}
	} else if (doc_id_check(id, &why) < 0) {
		docdb_bad_add(&l->bad, line, why.msg);
		return 0;
	}
	/* After a bad one nothing will be loaded: the rest is only checked. */
	return l->bad.n > 0 ? 0 : spill_document(l, document, line, err);
}

static int take_document(void *arg, struct slice document, unsigned long line, struct err *err)
{
	struct docdb_import *i = arg;
	i->load.n++;
	return load_add(&i->load, document, line, err);
}

static int take_bad(void *arg, unsigned long line, const struct err *why, struct err *err)
{
	struct docdb_import *i = arg;
	(void)err;
	i->load.n++;
	docdb_bad_add(&i->load.bad, line, why->msg);
	return 0;
}

static int take_header(
	struct docdb_import *i, const struct csv_field *fields, unsigned n, struct err *err)
{
	i->columns = csv_columns_new();
	return i->columns == NULL ? err_set(err, ENOMEM, "out of memory")
				  : csv_header_parse(i->columns, fields, n, err);
}

static int take_row(
	void *arg, const struct csv_field *fields, unsigned n, unsigned long line, struct err *err)
{
	struct docdb_import *i = arg;
	struct err why = {0};
	if (i->columns == NULL) {
		return take_header(i, fields, n, err);
	}
	i->load.n++;
	buf_clear(&i->document);
	int rc = csv_row_parse(i->columns, fields, n, &i->document, &why);
	if (rc == -EINVAL || rc == -EFBIG) {
		docdb_bad_add(&i->load.bad, line, why.msg);
		return 0;
	}
	return rc < 0 ? err_set(err, why.code, "%s", why.msg)
		      : load_add(&i->load, buf_slice(&i->document), line, err);
}

/* ---- open ---- */

void docdb_import_drop(struct docdb_import *i)
{
	if (i == NULL) {
		return;
	}
	ejson_stream_free(i->json);
	csv_reader_free(i->csv);
	csv_columns_free(i->columns);
	spill_free(i->load.documents);
	docdb_bad_clear(&i->load.bad);
	buf_free(&i->document);
	buf_free(&i->script);
	buf_free(&i->collection);
	free(i->tmp_dir);
	free(i);
}

static int find_script(struct docdb_import *i, const char *format, struct err *err)
{
	if (strcmp(format, "new") != 0 && strcmp(format, "update") != 0) {
		return err_set(err, EINVAL, "script %s: new or update is expected", format);
	}
	i->of = strcmp(format, "new") == 0 ? OF_NEW : OF_UPDATE;
	return 0;
}

static int find_mode(struct docdb_import *i, const char *mode, const char *format, struct err *err)
{
	static const char *const modes[] = {"append", "upsert", "replace", "create"};
	unsigned m = 0;
	unsigned f = 0;
	if (strcmp(mode, "run") == 0) {
		return find_script(i, format, err);
	}
	while (m < 4 && strcmp(mode, modes[m]) != 0) {
		m++;
	}
	while (docdb_formats[f] != NULL && strcmp(format, docdb_formats[f]) != 0) {
		f++;
	}
	if (m == 4) {
		return err_set(err, EINVAL,
			"mode %s: append, upsert, replace or create is expected", mode);
	}
	if (docdb_formats[f] == NULL) {
		return err_set(err, EINVAL,
			"format %s: json, jsonl, ejson, ejsonl or csv is expected", format);
	}
	i->load.mode = (enum docdb_import_mode)m;
	i->of = strcmp(format, "csv") == 0 ? OF_CSV : OF_JSON;
	return 0;
}

static int check_there(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct docdb_import *i = arg;
	struct docdb_collection collection;
	struct err why = {0};
	bool create = i->load.mode == IMPORT_CREATE;
	int rc = docdb_collection_find(c, buf_slice(&i->collection), &collection, &why);
	if (rc == -ENOENT && create) {
		return docdb_collection_check(buf_slice(&i->collection), err);
	}
	if (rc < 0) {
		return err_set(err, why.code, "%s", why.msg);
	}
	return create ? err_set(err, EEXIST, "the collection %s exists", collection.name) : 0;
}

static int make_parts(struct docdb_import *i, const char *tmp_dir, struct err *err)
{
	i->tmp_dir = strdup(tmp_dir);
	i->load.tmp_dir = i->tmp_dir;
	i->load.documents = spill_new(tmp_dir);
	i->json = i->of == OF_JSON ? ejson_stream_new(take_document, take_bad, i) : NULL;
	i->csv = i->of == OF_CSV ? csv_reader_new(take_row, i) : NULL;
	bool lacks = (i->of == OF_JSON && i->json == NULL) || (i->of == OF_CSV && i->csv == NULL);
	if (lacks || i->tmp_dir == NULL || i->load.documents == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	return buf_check(&i->collection, err);
}

int docdb_import_new(struct docdb_source *s, struct slice collection, const char *mode,
	const char *format, const char *tmp_dir, struct docdb_import **out, struct err *err)
{
	struct docdb_import *i = calloc(1, sizeof(*i));
	if (i == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	i->source = s;
	buf_append_slice(&i->collection, collection);
	i->load.collection = buf_slice(&i->collection);
	int rc = find_mode(i, mode, format, err);
	rc = rc < 0 ? rc : make_parts(i, tmp_dir, err);
	rc = rc < 0 ? rc : docdb_read(s, check_there, i, err);
	if (rc < 0) {
		docdb_import_drop(i);
		return rc;
	}
	*out = i;
	return 0;
}

/* ---- feed ---- */

static int take_script(struct docdb_import *i, struct slice text, struct err *err)
{
	if (text.n > SCRIPT_BYTES_MAX - i->script.n) {
		return err_set(
			err, EFBIG, "the text is longer than %zu MiB", SCRIPT_BYTES_MAX >> 20);
	}
	buf_append_slice(&i->script, text);
	return buf_check(&i->script, err);
}

int docdb_import_take(struct docdb_import *i, struct slice text, struct err *err)
{
	switch (i->of) {
	case OF_JSON: return ejson_stream_feed(i->json, text, err);
	case OF_CSV: return csv_feed(i->csv, text, err);
	default: return take_script(i, text, err);
	}
}

/* ---- end ---- */

static int end_load(struct docdb_import *i, struct buf *report, struct err *err)
{
	struct docdb_load *l = &i->load;
	int rc = i->of == OF_JSON ? ejson_stream_finish(i->json, err) : csv_finish(i->csv, err);
	if (rc == 0 && l->bad.n > 0) {
		rc = docdb_load_refuse(l, err);
	}
	rc = rc < 0 ? rc : docdb_load_run(l, i->source, err);
	if (rc == 0) {
		buf_printf(report, "%llu document%s loaded (%llu new, %llu removed)\n",
			(unsigned long long)l->n, l->n == 1 ? "" : "s",
			(unsigned long long)l->n_new, (unsigned long long)l->n_removed);
	} else if (l->bad.n > 0) {
		buf_printf(report, "%s\n", err->msg);
		bad_print(&l->bad, report);
	}
	return rc;
}

struct script_run {
	struct docdb_import *import;
	struct buf parsed;
	uint8_t type;
	struct buf report;
};

static int new_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct script_run *r = arg;
	buf_clear(&r->report);
	return docdb_new(c, buf_slice(&r->import->collection), buf_slice(&r->import->script),
		&r->report, err);
}

static int update_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct script_run *r = arg;
	struct doc_value spec = {r->type, buf_slice(&r->parsed)};
	buf_clear(&r->report);
	return docdb_update(c, buf_slice(&r->import->collection), spec, &r->report, err);
}

/* The file's name, so that `cat $(cat .new)` shows it. */
static void report_new(struct slice name, struct buf *report)
{
	static const char *const suffixes[] = {".json", ".ejson"};
	static const struct name_rules rules = {suffixes, 2};
	name_print(name, &rules, 0, report);
	buf_putc(report, '\n');
}

static int end_script(struct docdb_import *i, struct buf *report, struct err *err)
{
	struct script_run r = {.import = i};
	int rc = 0;
	if (i->of == OF_UPDATE) {
		rc = ejson_parse_value(buf_slice(&i->script), &r.type, &r.parsed, err);
	}
	rc = rc < 0 ? rc : docdb_write(i->source, i->of == OF_NEW ? new_fn : update_fn, &r, err);
	rc = rc < 0 ? rc : buf_check(&r.report, err);
	if (rc < 0) {
		buf_printf(report, "%s; nothing was changed\n", err != NULL ? err->msg : "failed");
	} else if (i->of == OF_NEW) {
		report_new(buf_slice(&r.report), report);
	} else {
		buf_append_slice(report, buf_slice(&r.report));
	}
	buf_free(&r.parsed);
	buf_free(&r.report);
	return rc;
}

int docdb_import_end(struct docdb_import *i, struct buf *report, struct err *err)
{
	bool script = i->of == OF_NEW || i->of == OF_UPDATE;
	int rc = script ? end_script(i, report, err) : end_load(i, report, err);
	docdb_import_drop(i);
	return rc;
}
