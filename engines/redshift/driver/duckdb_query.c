/* Statements with a result, which comes in chunks of rows, column by column. */
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/common/cleanup.h"
#include "engines/common/name.h"
#include "engines/redshift/driver/convert.h"
#include "engines/redshift/driver/duckdb_impl.h"

/* DuckDB 1.4 loses rows when it streams a union of unions and keeps the order of rows in tables:
 * those are run without, which changes nothing for a statement that says an order itself. One union
 * may stand in another wherever two are written: a common table expression brings its own along.
 */
static bool has_unions(const char *text)
{
	unsigned n = 0;
	char quote = '\0';
	for (const char *p = text; *p != '\0'; p++) {
		if (quote != '\0' || *p == '\'' || *p == '"') {
			/* A doubled quote ends one and begins another. */
			if (quote == '\0') {
				quote = *p;
			} else if (*p == quote) {
				quote = '\0';
			}
		} else if (strncasecmp(p, "union", 5) == 0 && ++n == 2) {
			return true;
		}
	}
	return false;
}

/* The longest text that a value of another type becomes. */
#define TEXT_MAX 96

struct duck_query {
	struct sql_query base;
	struct duck_site *site;
	struct duck_session *session;
	duckdb_prepared_statement stmt;
	bool own;	/* a transaction around it */
	bool unions;	/* may be unions in unions */
	bool unordered; /* the session is set so, until it ends */
	duckdb_result result;
	bool ran; /* there is a result */
	duckdb_data_chunk chunk;
	idx_t at, n; /* rows of the chunk */
	struct sql_type *types;
	const char **names;
	bool asked; /* for these types */
	struct duck_column *columns;
	struct sql_value *row;
	struct buf room; /* never moves */
};

void duck_finish(struct sql_query *query)
{
	struct duck_query *q = (struct duck_query *)query;
	if (q->chunk != NULL) {
		duckdb_destroy_data_chunk(&q->chunk);
	}
	if (q->ran) {
		duckdb_destroy_result(&q->result);
	}
	for (unsigned i = 0; q->names != NULL && i < q->base.n_columns; i++) {
		duckdb_free((void *)q->names[i]);
	}
	duckdb_destroy_prepare(&q->stmt);
	if (q->own) {
		duck_run(q->site, q->session->conn, "ROLLBACK", NULL);
	}
	if (q->unordered) {
		duck_run(q->site, q->session->conn, "SET SESSION preserve_insertion_order = true",
			NULL);
	}
	free(q->types);
	free(q->names);
	free(q->columns);
	free(q->row);
	buf_free(&q->room);
	free(q);
}

static void cleanup_query(struct duck_query **q)
{
	if (*q != NULL) {
		duck_finish(&(*q)->base);
	}
}

/* ---- before it runs ---- */

static int describe(struct duck_query *q, const struct sql_type *types, unsigned n, struct err *err)
{
	unsigned columns = (unsigned)duckdb_prepared_statement_column_count(q->stmt);
	if (types != NULL && n != columns) {
		return err_set(err, EINVAL, "%u columns where %u were asked for", columns, n);
	}
	q->types = calloc(columns + 1, sizeof(*q->types));
	q->names = calloc(columns + 1, sizeof(*q->names));
	q->columns = calloc(columns + 1, sizeof(*q->columns));
	q->row = calloc(columns + 1, sizeof(*q->row));
	if (q->types == NULL || q->names == NULL || q->columns == NULL || q->row == NULL ||
		!buf_reserve(&q->room, (size_t)(columns + 1) * TEXT_MAX)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	q->asked = types != NULL;
	q->base = (struct sql_query){&duckdb_driver, q->types, q->names, columns};
	for (unsigned i = 0; i < columns; i++) {
		struct duck_column c = {.type = {.kind = SQL_VARCHAR}};
		duckdb_logical_type type =
			duckdb_prepared_statement_column_logical_type(q->stmt, i);
		/* What depends on parameters is known when it runs. */
		duck_column_of(type, &c, NULL);
		duckdb_destroy_logical_type(&type);
		q->names[i] = duckdb_prepared_statement_column_name(q->stmt, i);
		q->types[i] = types != NULL ? types[i] : c.type;
	}
	return 0;
}

static bool reads(const char *text)
{
	text += strspn(text, " \t\n(");
	return strncasecmp(text, "SELECT", 6) == 0 || strncasecmp(text, "WITH", 4) == 0;
}

/* Preparing leaves out conditions that the statistics of that moment say are always true; rows that
 * are committed before it runs would pass them. So both see one state, in one transaction. */
static int begin_reading(struct duck_query *q, const char *text, struct err *err)
{
	if (q->session->inside || !reads(text)) {
		return 0;
	}
	int rc = duck_run(q->site, q->session->conn, "BEGIN TRANSACTION", err);
	q->own = rc == 0;
	return rc;
}

int duck_prepare(struct sql_session *s, const char *text, const struct sql_type *types, unsigned n,
	struct sql_query **out, struct err *err)
{
	struct duck_session *session = (struct duck_session *)s;
	CLEANUP(cleanup_query) struct duck_query *q = calloc(1, sizeof(*q));
	if (q == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	q->site = session->site;
	q->session = session;
	int rc = begin_reading(q, text, err);
	if (rc != 0) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
		return rc;
	}
	q->unions = has_unions(text);
	if (duckdb_prepare(session->conn, text, &q->stmt) != DuckDBSuccess) {
		return duck_message(q->site, duckdb_prepare_error(q->stmt), err);
	}
	rc = describe(q, types, n, err);
	if (rc == 0) {
		*out = &q->base;
		q = NULL;
	}
	return rc;
}

/* ---- parameters ---- */

static duckdb_hugeint wide_of(sql_int128 d)
{
	duckdb_hugeint out;
	memcpy(&out, &d, sizeof(out));
	return out;
}

static duckdb_state bind_value(
	duckdb_prepared_statement s, idx_t i, struct sql_type t, const struct sql_value *v)
{
	switch (t.kind) {
	case SQL_BOOLEAN: return duckdb_bind_boolean(s, i, v->boolean);
	case SQL_SMALLINT: return duckdb_bind_int16(s, i, (int16_t)v->integer);
	case SQL_INTEGER: return duckdb_bind_int32(s, i, (int32_t)v->integer);
	case SQL_BIGINT: return duckdb_bind_int64(s, i, v->integer);
	case SQL_REAL: return duckdb_bind_float(s, i, (float)v->real);
	case SQL_DOUBLE: return duckdb_bind_double(s, i, v->real);
	case SQL_DECIMAL:
		return duckdb_bind_decimal(s, i,
			(duckdb_decimal){(uint8_t)t.size, (uint8_t)t.scale, wide_of(v->decimal)});
	case SQL_DATE: return duckdb_bind_date(s, i, (duckdb_date){(int32_t)v->days});
	case SQL_TIME: return duckdb_bind_time(s, i, (duckdb_time){v->micros});
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMPTZ: return duckdb_bind_timestamp(s, i, (duckdb_timestamp){v->micros});
	case SQL_INTERVAL:
		return duckdb_bind_interval(s, i,
			(duckdb_interval){
				v->interval.months, v->interval.days, v->interval.micros});
	default: return duckdb_bind_varchar_length(s, i, v->text.n > 0 ? v->text.p : "", v->text.n);
	}
}

int duck_bind(struct sql_query *query, unsigned index, struct sql_type t, const struct sql_value *v,
	struct err *err)
{
	struct duck_query *q = (struct duck_query *)query;
	if (!v->null && sql_is_text(t.kind) && !utf8_valid(v->text)) {
		return err_set(err, EINVAL, "a text that is not UTF-8");
	}
	duckdb_state state =
		v->null ? duckdb_bind_null(q->stmt, index) : bind_value(q->stmt, index, t, v);
	return state == DuckDBSuccess ? 0 : err_set(err, EINVAL, "there is no parameter %u", index);
}

/* ---- rows ---- */

/* `q->types` stand: what was asked for, else what the result has. */
static int settle_columns(struct duck_query *q, struct err *err)
{
	for (unsigned i = 0; i < q->base.n_columns; i++) {
		duckdb_logical_type type = duckdb_column_logical_type(&q->result, i);
		int rc = duck_column_of(type, &q->columns[i], err);
		duckdb_destroy_logical_type(&type);
		if (rc != 0) {
			return err_wrap(err, "column %s", q->names[i]);
		}
		if (!q->asked) {
			q->types[i] = q->columns[i].type;
		}
		struct sql_type want = q->types[i];
		q->columns[i].direct =
			sql_type_equal(q->columns[i].type, want) ||
			(q->columns[i].type.kind == SQL_TIMESTAMP && want.kind == SQL_TIMESTAMPTZ);
	}
	return 0;
}

static int execute(struct duck_query *q, struct err *err)
{
	if (q->unions) {
		int rc = duck_run(q->site, q->session->conn,
			"SET SESSION preserve_insertion_order = false", err);
		if (rc != 0) {
			return rc;
		}
		q->unordered = true;
	}
	duckdb_state state = duckdb_execute_prepared_streaming(q->stmt, &q->result);
	q->ran = true;
	if (state != DuckDBSuccess) {
		return duck_error(q->site, duckdb_result_error_type(&q->result),
			duckdb_result_error(&q->result), err);
	}
	if (duckdb_column_count(&q->result) != q->base.n_columns) {
		return err_set(err, EINVAL, "the statement has become another one");
	}
	return settle_columns(q, err);
}

/* 1, or 0 at the end. */
static int next_chunk(struct duck_query *q, struct err *err)
{
	do {
		if (q->chunk != NULL) {
			duckdb_destroy_data_chunk(&q->chunk);
		}
		q->chunk = duckdb_fetch_chunk(q->result);
		if (q->chunk == NULL) {
			const char *message = duckdb_result_error(&q->result);
			return message == NULL || *message == '\0'
				       ? 0
				       : duck_error(q->site, duckdb_result_error_type(&q->result),
						 message, err);
		}
		q->n = duckdb_data_chunk_get_size(q->chunk);
	} while (q->n == 0);
	q->at = 0;
	for (unsigned i = 0; i < q->base.n_columns; i++) {
		duckdb_vector v = duckdb_data_chunk_get_vector(q->chunk, i);
		q->columns[i].data = duckdb_vector_get_data(v);
		q->columns[i].validity = duckdb_vector_get_validity(v);
	}
	return 1;
}

static int read_row(struct duck_query *q, struct err *err)
{
	idx_t at = q->at++;
	buf_clear(&q->room);
	for (unsigned i = 0; i < q->base.n_columns; i++) {
		const struct duck_column *c = &q->columns[i];
		struct sql_value *out = &q->row[i];
		struct sql_value v = {0};
		out->null = c->validity != NULL && (c->validity[at / 64] >> (at % 64) & 1) == 0;
		if (out->null) {
			continue;
		}
		if (c->direct) {
			c->read(c->data, at, out);
			continue;
		}
		c->read(c->data, at, &v);
		int rc = sql_value_convert(&v, c->type, q->types[i], out, &q->room, err);
		if (rc != 0) {
			return sql_unfit(rc, err);
		}
	}
	return 1;
}

int duck_step(struct sql_query *query, const struct sql_value **row, struct err *err)
{
	struct duck_query *q = (struct duck_query *)query;
	int rc = q->ran ? 0 : execute(q, err);
	if (rc == 0 && q->at == q->n) {
		rc = next_chunk(q, err);
		if (rc <= 0) {
			return rc;
		}
	}
	if (rc < 0) {
		return rc;
	}
	*row = q->row;
	return read_row(q, err);
}
