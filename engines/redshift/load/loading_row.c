/* What becomes of a record: a row of the table, or an error. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/load/loading_impl.h"

/* ---- a header that names columns ---- */

static unsigned named(const struct rs_table *t, struct slice name)
{
	unsigned i = 0;

	while (i < t->n_columns && (strlen(t->columns[i].name) != name.n ||
					   strncasecmp(t->columns[i].name, name.p, name.n) != 0)) {
		i++;
	}
	return i;
}

/* All fields have to be columns, each another. */
static bool is_header(
	const struct rs_loading *l, const struct rs_record *r, struct load_column *out)
{
	for (unsigned i = 0; i < r->n; i++) {
		out[i].column = named(l->table, r->field[i].text);
		out[i].passed_over = false;
		if (out[i].column == l->table->n_columns) {
			return false;
		}
		for (unsigned k = 0; k < i; k++) {
			if (out[k].column == out[i].column) {
				return false;
			}
		}
	}
	return r->n > 0;
}

/* 1 it was one. */
static int take_header(struct rs_loading *l, const struct rs_record *r, struct err *err)
{
	struct load_column *columns = calloc(r->n + 1, sizeof(*columns));
	int rc = 0;

	if (columns == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (r->code == 0 && is_header(l, r, columns)) {
		rc = rs_load_set_columns(l, columns, r->n, err);
		rc = rc < 0 ? rc : 1;
	}
	free(columns);
	return rc;
}

/* ---- rows ---- */

static int reject(struct rs_loading *l, const struct rs_record *r, unsigned i, int code,
	const char *reason, struct err *err)
{
	struct load_wrong w = {.record = r, .column = l->table->n_columns};

	if (i < l->n) {
		w.column = l->column[i].column;
		w.field = i < r->n ? &r->field[i] : NULL;
	}
	rs_mistake(&w.mistake, code, 0, "%s", reason);
	return rs_load_reject(l, &w, err);
}

static int open_sink(struct rs_loading *l, struct err *err)
{
	if (l->sink != NULL || l->copy->no_load) {
		return 0;
	}
	return rs_sink_new(l->txn, l->table, l->sink_columns, l->n_sink, &l->sink, err);
}

/* A delimiter at the end of a line of text, behind the last column, is taken as its end: so are
 * files of TPC-H. */
static unsigned fields_of(const struct rs_loading *l, const struct rs_record *r)
{
	bool one_more =
		l->copy->format == RS_FORMAT_TEXT && r->n == l->n + 1 && r->field[l->n].text.n == 0;
	return one_more ? l->n : r->n;
}

/* 0 it has the columns that it should have. */
static int check_count(const struct rs_loading *l, const struct rs_record *r, const char **reason)
{
	unsigned n = fields_of(l, r);

	if (r->code != 0) {
		*reason = r->reason;
		return r->code;
	}
	if (n > l->n) {
		*reason = "Extra column(s) found";
		return 1202;
	}
	if (n < l->n && !l->copy->fill_record) {
		*reason = "Delimiter not found";
		return 1214;
	}
	return 0;
}

/* All fields as values; 1 there is a row, 0 it was rejected. */
static int take_fields(struct rs_loading *l, const struct rs_record *r, struct err *err)
{
	static const struct rs_field missing;
	struct load_wrong w = {.record = r};
	unsigned k = 0;

	for (unsigned i = 0; i < l->n; i++) {
		struct sql_value *v = &l->row[k];
		if (l->column[i].passed_over) {
			continue;
		}
		w.field = i < r->n ? &r->field[i] : &missing;
		w.column = l->column[i].column;
		if (!rs_fields_value(l->fields, i, w.field, v, &w.mistake)) {
			return rs_load_reject(l, &w, err);
		}
		if (v->null && l->table->columns[w.column].not_null) {
			return reject(l, r, i, 1213, "Missing data for not-null field", err);
		}
		k++;
	}
	return 1;
}

static unsigned field_of_sink(const struct rs_loading *l, unsigned k)
{
	for (unsigned i = 0; i < l->n; i++) {
		if (!l->column[i].passed_over && k-- == 0) {
			return i;
		}
	}
	return l->n;
}

static int put_row(struct rs_loading *l, const struct rs_record *r, struct err *err)
{
	struct err why = {0};
	unsigned refused = UINT32_MAX;
	int rc = open_sink(l, err);

	if (rc < 0) {
		return rc;
	}
	rc = l->sink != NULL ? rs_sink_row(l->sink, l->row, l->sink_types, &refused, &why) : 0;
	if (rc == 0) {
		l->result.rows++;
		return 0;
	}
	return why.code == EINVAL ? reject(l, r, field_of_sink(l, refused), 1200, why.msg, err)
				  : err_set(err, why.code, "%s", why.msg);
}

int rs_load_record(void *arg, const struct rs_record *r, struct err *err)
{
	struct rs_loading *l = arg;
	const char *reason = NULL;
	int rc = l->first && l->by_header ? take_header(l, r, err) : 0;

	l->first = false;
	if (rc != 0) {
		return rc < 0 ? rc : 0;
	}
	int code = check_count(l, r, &reason);
	if (code != 0) {
		return reject(l, r, l->n, code, reason, err);
	}
	if (!rs_fields_begin(l->fields, r)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	rc = take_fields(l, r, err);
	return rc == 1 ? put_row(l, r, err) : rc;
}

/* ---- rows that are values already ---- */

int rs_load_values(struct rs_loading *l, const struct sql_value *row, const struct sql_type *types,
	const unsigned *columns, unsigned n, uint64_t number, struct err *err)
{
	struct rs_record r = {.line = number};
	struct err why = {0};
	unsigned refused = UINT32_MAX;
	int rc = 0;

	if (l->sink == NULL && !l->copy->no_load) {
		rc = rs_sink_new(l->txn, l->table, columns, n, &l->sink, err);
	}
	if (rc < 0) {
		return rc;
	}
	rc = l->sink != NULL ? rs_sink_row(l->sink, row, types, &refused, &why) : 0;
	if (rc == 0) {
		l->result.rows++;
		return 0;
	}
	if (why.code != EINVAL) {
		return err_set(err, why.code, "%s", why.msg);
	}
	struct load_wrong w = {
		.record = &r, .column = refused < n ? columns[refused] : l->table->n_columns};
	rs_mistake(&w.mistake, 1204, 0, "%s", why.msg);
	return rs_load_reject(l, &w, err);
}
