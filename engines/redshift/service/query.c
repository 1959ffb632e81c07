/* A saved query: one SELECT, its result as csv, json or an aligned table, or how it runs. */
#include <stdlib.h>

#include "engines/common/clock.h"
#include "engines/common/grid.h"
#include "engines/common/json.h"
#include "engines/redshift/service/service.h"

#define PIECE ((size_t)128 * 1024)

static const struct engine_form forms[] = {
	{".csv", "the result with a header, as RFC 4180 has it"},
	{".json", "the result as an array of objects"},
	{".txt", "the result as an aligned table"},
	{".plan", "how it runs: what lies together, what has to move (EXPLAIN)"},
};

const struct engine_query_names redshift_query_names = {
	".sql", forms, sizeof(forms) / sizeof(forms[0])};

struct result {
	enum redshift_result as;
	struct rs_rows rows;
	struct spill *to;
	struct buf text;
	struct buf *names; /* of the columns, as JSON, each once */
	const char *tmp;
	uint64_t n;
};

static int some(void *arg, struct err *err)
{
	struct result *r = arg;

	if (r->text.n < PIECE && !r->text.failed) {
		return 0;
	}
	int rc = buf_check(&r->text, err);
	rc = rc < 0 ? rc : spill_add(r->to, buf_slice(&r->text), err);
	buf_clear(&r->text);
	return rc;
}

static int all(struct result *r, struct err *err)
{
	int rc = buf_check(&r->text, err);

	rc = rc < 0 ? rc : spill_add(r->to, buf_slice(&r->text), err);
	buf_clear(&r->text);
	return rc;
}

/* ---- names in JSON ---- */

static bool name_taken(const struct result *r, unsigned i)
{
	for (unsigned k = 0; k < i; k++) {
		if (slice_equal(buf_slice(&r->names[k]), buf_slice(&r->names[i]))) {
			return true;
		}
	}
	return false;
}

/* Of two columns of one name, as joins give them, the second gets "_2". */
static int name_columns(struct result *r, struct err *err)
{
	r->names = calloc(r->rows.n_columns + 1, sizeof(*r->names));
	if (r->names == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < r->rows.n_columns; i++) {
		json_quote(&r->names[i], slice_of(r->rows.names[i]));
		for (unsigned n = 2; name_taken(r, i); n++) {
			CLEANUP(buf_free) struct buf other = BUF_INIT;
			buf_printf(&other, "%s_%u", r->rows.names[i], n);
			buf_clear(&r->names[i]);
			json_quote(&r->names[i], buf_slice(&other));
		}
		if (buf_check(&r->names[i], err) < 0) {
			return -err->code;
		}
	}
	return 0;
}

/* ---- rows ---- */

static void put_csv_header(struct result *r)
{
	static const struct sql_type text = {.kind = SQL_VARCHAR};

	for (unsigned k = 0; k < r->rows.n_columns; k++) {
		struct sql_value name = {.text = slice_of(r->rows.names[k])};
		buf_puts(&r->text, k > 0 ? "," : "");
		sql_value_csv(&name, text, &r->text);
	}
	buf_putc(&r->text, '\n');
}

static void put_csv(struct result *r, const struct sql_value *row)
{
	for (unsigned k = 0; k < r->rows.n_columns; k++) {
		buf_puts(&r->text, k > 0 ? "," : "");
		sql_value_csv(&row[k], r->rows.types[k], &r->text);
	}
	buf_putc(&r->text, '\n');
}

static void put_json(struct result *r, const struct sql_value *row)
{
	buf_puts(&r->text, r->n == 0 ? "[\n  {" : ",\n  {");
	for (unsigned k = 0; k < r->rows.n_columns; k++) {
		buf_puts(&r->text, k > 0 ? ", " : "");
		buf_append_slice(&r->text, buf_slice(&r->names[k]));
		buf_puts(&r->text, ": ");
		sql_value_json(&row[k], r->rows.types[k], &r->text);
	}
	buf_putc(&r->text, '}');
}

static int run_plain(struct result *r, struct err *err)
{
	const struct sql_value *row;
	int rc = r->as == REDSHIFT_AS_JSON ? name_columns(r, err) : 0;

	if (rc == 0 && r->as == REDSHIFT_AS_CSV) {
		put_csv_header(r);
	}
	while (rc == 0 && (rc = rs_rows_step(&r->rows, &row, err)) == 1) {
		if (r->as == REDSHIFT_AS_CSV) {
			put_csv(r, row);
		} else {
			put_json(r, row);
		}
		r->n++;
		rc = some(r, err);
	}
	if (rc == 0 && r->as == REDSHIFT_AS_JSON) {
		buf_puts(&r->text, r->n == 0 ? "[]\n" : "\n]\n");
	}
	return rc;
}

static int put_cells(struct result *r, struct grid *g, const struct sql_value *row, struct err *err)
{
	CLEANUP(buf_free) struct buf cell = BUF_INIT;
	int rc = 0;

	for (unsigned k = 0; rc == 0 && k < r->rows.n_columns; k++) {
		struct sql_type type = r->rows.types[k];
		enum grid_kind kind = row[k].null		 ? GRID_NULL
				      : sql_is_number(type.kind) ? GRID_NUMBER
								 : GRID_TEXT;
		buf_clear(&cell);
		if (!row[k].null) {
			sql_value_print(&row[k], type, &cell);
		}
		rc = buf_check(&cell, err);
		rc = rc < 0 ? rc : grid_cell(g, buf_slice(&cell), kind, err);
	}
	return rc;
}

static int run_grid(struct result *r, struct err *err)
{
	struct grid *g = grid_new(r->tmp, r->rows.n_columns);
	const struct sql_value *row;
	int rc = g != NULL ? 0 : err_set(err, ENOMEM, "out of memory");

	for (unsigned k = 0; rc == 0 && k < r->rows.n_columns; k++) {
		rc = grid_name(g, k, slice_of(r->rows.names[k]), err);
	}
	while (rc == 0 && (rc = rs_rows_step(&r->rows, &row, err)) == 1) {
		r->n++;
		rc = put_cells(r, g, row, err);
	}
	rc = rc < 0 ? rc : grid_print(g, r->n, &r->text, some, r, err);
	grid_free(g);
	return rc;
}

static int run_rows(struct redshift_place *p, struct slice text, struct result *r, struct err *err)
{
	int rc = rs_rows_begin(&p->look.sight, text, &r->rows, err);

	if (rc < 0) {
		return rc;
	}
	rc = r->as == REDSHIFT_AS_TXT ? run_grid(r, err) : run_plain(r, err);
	for (unsigned k = 0; r->names != NULL && k < r->rows.n_columns; k++) {
		buf_free(&r->names[k]);
	}
	free(r->names);
	rs_rows_end(&r->rows);
	return rc;
}

/* ---- what is told of it ---- */

/* A snapshot keeps no record of who looked at it, nor does one that may not be written. */
static void record(
	struct redshift_place *p, struct slice text, const struct result *r, int64_t begin, int rc)
{
	CLEANUP(buf_free) struct buf copy = BUF_INIT;
	char label[] = "select";
	struct rs_query_record q = {.start_ns = begin,
		.end_ns = clock_wall_ns(),
		.aborted = rc < 0,
		.rows = r->n,
		.label = label};
	struct err ignored = {0};

	if (p->cluster == NULL || p->cluster->service->base.read_only ||
		rs_leader_next_query(p->rs->leader, &q.query, &ignored) < 0) {
		return;
	}
	buf_append(&copy, text.p, text.n < 4000 ? text.n : 4000);
	q.text = (char *)buf_cstr(&copy);
	rs_leader_add_query(p->rs->leader, &q);
}

int redshift_run_query(struct redshift_place *p, struct slice text, enum redshift_result as,
	struct spill **out, struct err *err)
{
	struct result r = {.as = as, .tmp = p->rs->config.tmp};
	int64_t begin = clock_wall_ns();

	r.to = spill_new(r.tmp);
	int rc = r.to != NULL ? 0 : err_set(err, ENOMEM, "out of memory");
	if (rc == 0) {
		atomic_fetch_add(&p->rs->queries, 1);
		rc = as == REDSHIFT_AS_PLAN ? rs_explain(&p->look.sight, text, &r.text, err)
					    : run_rows(p, text, &r, err);
		atomic_fetch_sub(&p->rs->queries, 1);
		record(p, text, &r, begin, rc);
	}
	rc = rc < 0 ? rc : all(&r, err);
	buf_free(&r.text);
	if (rc < 0) {
		spill_free(r.to);
		return rc;
	}
	*out = r.to;
	return 0;
}

int redshift_query_open(void *ctx, const struct epath *path, struct slice text, unsigned form,
	void **stream, uint64_t *size, struct err *err)
{
	REDSHIFT_PLACE p = {0};
	struct spill *spill = NULL;

	if (text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0) {
		text = slice_make(text.p + 3, text.n - 3);
	}
	int rc = redshift_place(ctx, path, &p, err);
	rc = rc < 0 ? rc : redshift_run_query(&p, text, (enum redshift_result)form, &spill, err);
	if (rc < 0) {
		return rc;
	}
	*stream = redshift_stream_of_spill(spill, size);
	return *stream != NULL ? 0 : err_set(err, ENOMEM, "out of memory");
}
