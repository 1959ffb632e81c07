/* A saved query: one statement that only reads, its result as csv, json or an
 * aligned table. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/json.h"
#include "engines/rds/sql.h"
#include "engines/rds/sqltext.h"

#define QUERY_LIMIT_MS 60000U

static const struct engine_form forms[] = {
	{".csv", "the result with a header, as RFC 4180 has it"},
	{".json", "the result as an array of objects"},
	{".txt", "the result as an aligned table"},
};

const struct engine_query_names rds_query_names = {".sql", forms, 3};

enum form { CSV, JSON, TXT };

struct query {
	struct slice text;
	const char *tmp;
	enum form form;
	struct rds_guard guard;
	struct rds_out out;
	struct buf *names; /* of the columns, as JSON, each once */
	unsigned n;
};

/* ---- the statement ---- */

static int fail(struct query *q, struct err *err)
{
	struct sql_position where = {1, 1};
	char text[64];
	int offset = sqlite3_error_offset(q->guard.db);

	if (offset < 0) {
		return rds_guard_error(&q->guard, "", err);
	}
	sql_advance(&where,
		slice_make(q->text.p, (size_t)offset < q->text.n ? (size_t)offset : q->text.n));
	snprintf(text, sizeof(text), "line %lu, column %lu", where.line, where.column);
	return rds_guard_error(&q->guard, text, err);
}

static int check_rest(const struct query *q, const char *tail, struct err *err)
{
	struct sql_position where = {1, 1};
	struct sql_token t = {0};
	size_t at = (size_t)(tail - q->text.p);

	do {
		at += t.gap + t.text.n;
		if (sql_token(q->text, at, SQL_SQLITE, true, &t) < 0 || t.kind == SQL_END) {
			return 0;
		}
	} while (sql_is(&t, ";"));
	sql_advance(&where, slice_make(q->text.p, at + t.gap));
	return err_set(err, EINVAL,
		"line %lu, column %lu: a second statement begins; a query is one SELECT (.sql runs "
		"several)",
		where.line, where.column);
}

static int prepare(struct query *q, sqlite3_stmt **out, struct err *err)
{
	const char *tail = NULL;

	if (sqlite3_prepare_v2(q->guard.db, q->text.p, (int)q->text.n, out, &tail) != SQLITE_OK) {
		return fail(q, err);
	}
	if (*out == NULL) {
		return err_set(err, EINVAL, "there is no statement: a SELECT is expected");
	}
	if (sqlite3_stmt_readonly(*out) == 0 || sqlite3_column_count(*out) == 0) {
		return err_set(err, EINVAL,
			"a query only reads: a SELECT is expected (write other statements to "
			".sql)");
	}
	if (sqlite3_bind_parameter_count(*out) > 0) {
		return err_set(err, EINVAL, "a query has no parameters, but here is %s",
			sqlite3_bind_parameter_name(*out, 1) != NULL
				? sqlite3_bind_parameter_name(*out, 1)
				: "a \"?\"");
	}
	return check_rest(q, tail, err);
}

/* ---- names in JSON ---- */

static bool name_taken(const struct query *q, unsigned i, struct slice name)
{
	for (unsigned k = 0; k < i; k++) {
		if (slice_equal(buf_slice(&q->names[k]), name)) {
			return true;
		}
	}
	return false;
}

/* Of two columns of one name, as joins give them, the second gets "_2". */
static int name_columns(struct query *q, sqlite3_stmt *stmt, struct err *err)
{
	q->n = (unsigned)sqlite3_column_count(stmt);
	q->names = calloc(q->n, sizeof(*q->names));
	if (q->names == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < q->n; i++) {
		const char *name = sqlite3_column_name(stmt, (int)i);
		json_quote(&q->names[i], slice_of(name != NULL ? name : ""));
		for (unsigned n = 2; name_taken(q, i, buf_slice(&q->names[i])); n++) {
			CLEANUP(buf_free) struct buf other = BUF_INIT;
			buf_printf(&other, "%s_%u", name, n);
			buf_clear(&q->names[i]);
			json_quote(&q->names[i], buf_slice(&other));
		}
		int rc = buf_check(&q->names[i], err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static void free_names(struct query *q)
{
	for (unsigned i = 0; q->names != NULL && i < q->n; i++) {
		buf_free(&q->names[i]);
	}
	free(q->names);
	q->names = NULL;
}

/* ---- rows ---- */

static void put_json(const struct query *q, sqlite3_stmt *stmt, bool first, struct buf *out)
{
	buf_puts(out, first ? "[\n  {" : ",\n  {");
	for (unsigned i = 0; i < q->n; i++) {
		buf_puts(out, i > 0 ? ", " : "");
		buf_append_slice(out, buf_slice(&q->names[i]));
		buf_puts(out, ": ");
		rds_value_render(sqlite3_column_value(stmt, (int)i), out);
	}
	buf_putc(out, '}');
}

static void put_csv(sqlite3_stmt *stmt, struct buf *out)
{
	int n = sqlite3_column_count(stmt);

	for (int i = 0; i < n; i++) {
		buf_puts(out, i > 0 ? "," : "");
		rds_separated_print(stmt, i, false, out);
	}
	buf_putc(out, '\n');
}

static void put_csv_header(sqlite3_stmt *stmt, struct buf *out)
{
	for (int i = 0; i < sqlite3_column_count(stmt); i++) {
		buf_puts(out, i > 0 ? "," : "");
		rds_separated_text(slice_of(sqlite3_column_name(stmt, i)), false, out);
	}
	buf_putc(out, '\n');
}

static int step(struct query *q, sqlite3_stmt *stmt, struct err *err)
{
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW) {
		return 1;
	}
	return rc == SQLITE_DONE ? 0 : rds_guard_error(&q->guard, "", err);
}

static int run_plain(struct query *q, sqlite3_stmt *stmt, struct err *err)
{
	bool first = true;
	int rc;

	if (q->form == CSV) {
		put_csv_header(stmt, &q->out.text);
	}
	while ((rc = step(q, stmt, err)) == 1) {
		if (q->form == CSV) {
			put_csv(stmt, &q->out.text);
		} else {
			put_json(q, stmt, first, &q->out.text);
		}
		first = false;
		rc = rds_out_some(&q->out, err);
		if (rc < 0) {
			return rc;
		}
	}
	if (q->form == JSON) {
		buf_puts(&q->out.text, first ? "[]\n" : "\n]\n");
	}
	return rc;
}

static int run_grid(struct query *q, sqlite3_stmt *stmt, struct err *err)
{
	struct rds_grid *g = rds_grid_new(q->tmp, stmt);
	uint64_t n = 0;
	int rc;

	if (g == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	while ((rc = step(q, stmt, err)) == 1) {
		n++;
		rc = rds_grid_row(g, stmt, err);
		if (rc < 0) {
			break;
		}
	}
	rc = rc < 0 ? rc : rds_grid_print(g, n, &q->out, err);
	rds_grid_free(g);
	return rc;
}

static int run(struct rds_conn *c, void *arg, struct err *err)
{
	struct query *q = arg;
	sqlite3_stmt *stmt = NULL;

	spill_clear(q->out.to);
	buf_clear(&q->out.text);
	rds_guard_begin(&q->guard, c, QUERY_LIMIT_MS);
	int rc = prepare(q, &stmt, err);
	rc = rc < 0 ? rc : name_columns(q, stmt, err);
	if (rc == 0) {
		rc = q->form == TXT ? run_grid(q, stmt, err) : run_plain(q, stmt, err);
	}
	sqlite3_finalize(stmt);
	rds_guard_end(&q->guard);
	free_names(q);
	return rc < 0 ? rc : rds_out_all(&q->out, err);
}

int rds_query_open(struct rds_source *source, const char *tmp, struct slice text, unsigned form,
	struct rds_stream **out, uint64_t *size, struct err *err)
{
	struct query q = {.tmp = tmp, .form = (enum form)form, .out = {.to = spill_new(tmp)}};

	if (q.out.to == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	q.text = text.n >= 3 && memcmp(text.p, "\xef\xbb\xbf", 3) == 0
			 ? slice_make(text.p + 3, text.n - 3)
			 : text;
	int rc = q.text.n > INT32_MAX ? err_set(err, EFBIG, "a query longer than 2 GiB")
				      : rds_source_read(source, run, &q, err);
	buf_free(&q.out.text);
	if (rc < 0) {
		spill_free(q.out.to);
		return rc;
	}
	*out = rds_stream_new(q.out.to, size);
	return *out != NULL ? 0 : err_set(err, ENOMEM, "out of memory");
}
