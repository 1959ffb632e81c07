/* A table on its way in: spilled while it comes (and json checked as it comes), loaded
 * when it is whole. */
#include <stdlib.h>

#include "engines/rds/import.h"

const char *const rds_import_formats[] = {"csv", "tsv", "json", "jsonl", NULL};

struct rds_import {
	char *table;
	enum rds_import_mode mode;
	enum rds_text_format format;
	struct spill *text;
	struct json_reader *json;
};

void rds_import_abort(struct rds_import *i)
{
	if (i != NULL) {
		free(i->table);
		spill_free(i->text);
		json_reader_free(i->json);
		free(i);
	}
}

static int find_mode(struct rds_import *i, const char *mode, const char *format, struct err *err)
{
	static const char *const modes[] = {"append", "upsert", "replace", "create"};
	int m = 0;
	int f = 0;

	while (m <= RDS_CREATE && strcmp(mode, modes[m]) != 0) {
		m++;
	}
	while (rds_import_formats[f] != NULL && strcmp(format, rds_import_formats[f]) != 0) {
		f++;
	}
	if (m > RDS_CREATE) {
		return err_set(err, EINVAL,
			"mode %s: append, upsert, replace or create is expected", mode);
	}
	if (rds_import_formats[f] == NULL) {
		return err_set(
			err, EINVAL, "format %s: csv, tsv, json or jsonl is expected", format);
	}
	i->mode = (enum rds_import_mode)m;
	i->format = f >= RDS_JSON ? RDS_JSON : (enum rds_text_format)f;
	return 0;
}

int rds_import_open(const char *tmp, struct slice table, const char *mode, const char *format,
	struct rds_import **out, struct err *err)
{
	struct rds_import *i = calloc(1, sizeof(*i));

	if (i == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = find_mode(i, mode, format, err);
	if (rc == 0) {
		i->table = strndup(table.p, table.n);
		i->text = spill_new(tmp);
		i->json = json_reader_new(NULL, NULL, 0, true);
		if (i->table == NULL || i->text == NULL || i->json == NULL) {
			rc = err_set(err, ENOMEM, "out of memory");
		}
	}
	if (rc < 0) {
		rds_import_abort(i);
		return rc;
	}
	*out = i;
	return 0;
}

int rds_import_feed(struct rds_import *i, struct slice text, struct err *err)
{
	int rc = i->format == RDS_JSON ? json_feed(i->json, text, err) : 0;

	return rc < 0 ? rc : spill_add(i->text, text, err);
}

/* ---- finish ---- */

static void print_report(const struct rds_load *l, struct buf *report)
{
	buf_printf(report, "%llu row%s loaded (%llu new, %llu changed, %llu removed)\n",
		(unsigned long long)l->n, l->n == 1 ? "" : "s", (unsigned long long)l->n_new,
		(unsigned long long)l->n_changed, (unsigned long long)l->n_removed);
	buf_append_slice(report, buf_slice(&l->told));
}

static void print_bad(const struct rds_load *l, const struct err *err, struct buf *report)
{
	buf_printf(report, "%s\n", err->msg);
	for (unsigned k = 0; k < l->n_bad && k < RDS_BAD_SHOWN; k++) {
		const struct rds_bad_row *row = &l->bad[k];
		buf_printf(report, "row %llu, line %lu: %s\n", (unsigned long long)row->number,
			row->line, row->why != NULL ? row->why : "out of memory");
	}
	if (l->n_bad > RDS_BAD_SHOWN) {
		buf_printf(report, "and %llu more\n", (unsigned long long)l->n_bad - RDS_BAD_SHOWN);
	}
}

int rds_import_finish(
	struct rds_import *i, struct rds_source *source, struct buf *report, struct err *err)
{
	struct rds_load l = {
		.table = i->table, .mode = i->mode, .format = i->format, .text = i->text};

	int rc = i->format == RDS_JSON && !json_blank(i->json) ? json_finish(i->json, err) : 0;
	rc = rc < 0 ? rc : rds_source_write(source, rds_load_run, &l, err);
	if (rc == 0) {
		print_report(&l, report);
	} else {
		print_bad(&l, err, report);
	}
	rds_load_finish(&l);
	rds_import_abort(i);
	return rc;
}
