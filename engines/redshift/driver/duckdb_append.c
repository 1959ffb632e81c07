/* Many rows into a table: collected in a chunk of vectors, handed over when it is full. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/name.h"
#include "engines/redshift/driver/duckdb_impl.h"

/* A column of the chunk that is being filled. */
struct slot {
	struct sql_type type;
	duckdb_vector vector;
	void *data;
	uint64_t *validity; /* NULL: no NULL yet */
	unsigned width;	    /* of a DECIMAL's numbers, bytes */
};

struct duck_appender {
	struct sql_append base;
	struct duck_session *session;
	duckdb_appender appender;
	duckdb_data_chunk chunk;
	char *name, *table;
	struct slot *slots;
	unsigned n;
	idx_t at, size;
	uint64_t rows; /* handed over */
	bool own;      /* its transaction */
	bool failed;
};

/* ---- the chunk ---- */

static unsigned decimal_width(unsigned size)
{
	if (size <= 4) {
		return 2;
	}
	if (size <= 9) {
		return 4;
	}
	return size <= 18 ? 8 : 16;
}

static duckdb_logical_type logical_type(struct sql_type t)
{
	switch (t.kind) {
	case SQL_BOOLEAN: return duckdb_create_logical_type(DUCKDB_TYPE_BOOLEAN);
	case SQL_SMALLINT: return duckdb_create_logical_type(DUCKDB_TYPE_SMALLINT);
	case SQL_INTEGER: return duckdb_create_logical_type(DUCKDB_TYPE_INTEGER);
	case SQL_BIGINT: return duckdb_create_logical_type(DUCKDB_TYPE_BIGINT);
	case SQL_REAL: return duckdb_create_logical_type(DUCKDB_TYPE_FLOAT);
	case SQL_DOUBLE: return duckdb_create_logical_type(DUCKDB_TYPE_DOUBLE);
	case SQL_DECIMAL: return duckdb_create_decimal_type((uint8_t)t.size, (uint8_t)t.scale);
	case SQL_DATE: return duckdb_create_logical_type(DUCKDB_TYPE_DATE);
	case SQL_TIME: return duckdb_create_logical_type(DUCKDB_TYPE_TIME);
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMPTZ: return duckdb_create_logical_type(DUCKDB_TYPE_TIMESTAMP);
	case SQL_INTERVAL: return duckdb_create_logical_type(DUCKDB_TYPE_INTERVAL);
	default: return duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
	}
}

static void take_vectors(struct duck_appender *a)
{
	a->at = 0;
	for (unsigned i = 0; i < a->n; i++) {
		struct slot *s = &a->slots[i];
		s->vector = duckdb_data_chunk_get_vector(a->chunk, i);
		s->data = duckdb_vector_get_data(s->vector);
		s->validity = NULL;
	}
}

static int make_chunk(struct duck_appender *a, const struct sql_type *types, struct err *err)
{
	CLEANUP(cleanup_free)
	duckdb_logical_type *logical = calloc(
		a->n + 1, sizeof(*logical)); /* NOLINT(bugprone-sizeof-expression): pointers */
	a->slots = calloc(a->n + 1, sizeof(*a->slots));
	if (logical == NULL || a->slots == NULL) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < a->n; i++) {
		a->slots[i].type = types[i];
		a->slots[i].width = decimal_width(types[i].size);
		logical[i] = logical_type(types[i]);
	}
	a->chunk = duckdb_create_data_chunk(logical, a->n);
	for (unsigned i = 0; i < a->n; i++) {
		duckdb_destroy_logical_type(&logical[i]);
	}
	if (a->chunk == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	a->size = duckdb_vector_size();
	take_vectors(a);
	return 0;
}

/* ---- begin ---- */

static void appender_free(struct duck_appender *a)
{
	if (a->chunk != NULL) {
		duckdb_destroy_data_chunk(&a->chunk);
	}
	if (a->appender != NULL) {
		duckdb_appender_destroy(&a->appender);
	}
	free(a->slots);
	free(a->name);
	free(a->table);
	free(a);
}

static void cleanup_appender(struct duck_appender **a)
{
	if (*a != NULL) {
		appender_free(*a);
	}
}

static int appender_error(struct duck_appender *a, struct err *err)
{
	duckdb_error_data data = duckdb_appender_error_data(a->appender);
	int rc = duck_error(a->session->site, duckdb_error_data_error_type(data),
		duckdb_error_data_message(data), err);
	duckdb_destroy_error_data(&data);
	return rc;
}

static int run(struct duck_appender *a, const char *sql, struct err *err)
{
	return duck_run(a->session->site, a->session->conn, sql, err);
}

/* A transaction of its own, when none is under way: else each chunk would be one. */
static int begin(struct duck_appender *a, struct err *err)
{
	a->own = !a->session->inside;
	return a->own ? run(a, "BEGIN", err) : 0;
}

static int open_appender(struct duck_appender *a, struct err *err)
{
	if (a->name == NULL || a->table == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (duckdb_appender_create_ext(a->session->conn, a->name, "main", a->table, &a->appender) !=
		DuckDBSuccess) {
		return appender_error(a, err);
	}
	if (duckdb_appender_column_count(a->appender) != a->n) {
		return err_set(err, EINVAL, "%s has %llu columns, not %u", a->table,
			(unsigned long long)duckdb_appender_column_count(a->appender), a->n);
	}
	return 0;
}

int duck_append(struct sql_session *s, const char *name, const char *table,
	const struct sql_type *types, unsigned n, struct sql_append **out, struct err *err)
{
	CLEANUP(cleanup_appender) struct duck_appender *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	a->base.driver = &duckdb_driver;
	a->session = (struct duck_session *)s;
	a->name = strdup(name);
	a->table = strdup(table);
	a->n = n;
	int rc = make_chunk(a, types, err);
	if (rc == 0) {
		rc = begin(a, err);
	}
	if (rc != 0) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
		return rc;
	}
	rc = open_appender(a, err);
	if (rc != 0) {
		if (a->own) {
			run(a, "ROLLBACK", NULL);
		}
		return rc;
	}
	*out = &a->base;
	a = NULL;
	return 0;
}

/* ---- rows ---- */

static void put_null(struct slot *s, idx_t at)
{
	if (s->validity == NULL) {
		duckdb_vector_ensure_validity_writable(s->vector);
		s->validity = duckdb_vector_get_validity(s->vector);
	}
	duckdb_validity_set_row_invalid(s->validity, at);
}

static void put_decimal(struct slot *s, idx_t at, sql_int128 d)
{
	switch (s->width) {
	case 2: ((int16_t *)s->data)[at] = (int16_t)d; break;
	case 4: ((int32_t *)s->data)[at] = (int32_t)d; break;
	case 8: ((int64_t *)s->data)[at] = (int64_t)d; break;
	default: memcpy((char *)s->data + at * sizeof(d), &d, sizeof(d));
	}
}

static int put_text(struct slot *s, idx_t at, struct slice text, struct err *err)
{
	if (!utf8_valid(text)) {
		return err_set(err, EINVAL, "a text that is not UTF-8");
	}
	duckdb_vector_assign_string_element_len(s->vector, at, text.n > 0 ? text.p : "", text.n);
	return 0;
}

static int put_value(struct slot *s, idx_t at, const struct sql_value *v, struct err *err)
{
	switch (s->type.kind) {
	case SQL_BOOLEAN: ((bool *)s->data)[at] = v->boolean; return 0;
	case SQL_SMALLINT: ((int16_t *)s->data)[at] = (int16_t)v->integer; return 0;
	case SQL_INTEGER: ((int32_t *)s->data)[at] = (int32_t)v->integer; return 0;
	case SQL_BIGINT: ((int64_t *)s->data)[at] = v->integer; return 0;
	case SQL_REAL: ((float *)s->data)[at] = (float)v->real; return 0;
	case SQL_DOUBLE: ((double *)s->data)[at] = v->real; return 0;
	case SQL_DECIMAL: put_decimal(s, at, v->decimal); return 0;
	case SQL_DATE: ((int32_t *)s->data)[at] = (int32_t)v->days; return 0;
	case SQL_TIME:
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMPTZ: ((int64_t *)s->data)[at] = v->micros; return 0;
	case SQL_INTERVAL:
		((duckdb_interval *)s->data)[at] =
			(duckdb_interval){v->interval.months, v->interval.days, v->interval.micros};
		return 0;
	default: return put_text(s, at, v->text, err);
	}
}

static int hand_over(struct duck_appender *a, struct err *err)
{
	if (a->at == 0) {
		return 0;
	}
	duckdb_data_chunk_set_size(a->chunk, a->at);
	if (duckdb_append_data_chunk(a->appender, a->chunk) != DuckDBSuccess) {
		return appender_error(a, err);
	}
	a->rows += a->at;
	duckdb_data_chunk_reset(a->chunk);
	take_vectors(a);
	return 0;
}

int duck_append_row(struct sql_append *append, const struct sql_value *row, struct err *err)
{
	struct duck_appender *a = (struct duck_appender *)append;
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < a->n; i++) {
		if (row[i].null) {
			put_null(&a->slots[i], a->at);
		} else {
			rc = put_value(&a->slots[i], a->at, &row[i], err);
		}
	}
	if (rc == 0 && ++a->at == a->size) {
		rc = hand_over(a, err);
	}
	a->failed = a->failed || rc != 0;
	return rc;
}

/* ---- end ---- */

/* The library has no savepoints. Within a transaction the rows are taken away again: they are the
 * last of the table. */
static int take_back(struct duck_appender *a, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	CLEANUP(buf_free) struct buf table = BUF_INIT;
	sql_quote(slice_of(a->name), &table);
	buf_putc(&table, '.');
	sql_quote(slice_of(a->table), &table);
	const char *name = buf_cstr(&table);
	buf_printf(&sql, "DELETE FROM %s WHERE rowid > (SELECT max(rowid) FROM %s) - %llu", name,
		name, (unsigned long long)a->rows);
	int rc = buf_check(&sql, err);
	return rc != 0 ? rc : run(a, buf_cstr(&sql), err);
}

static int finish_appender(struct duck_appender *a, struct err *err)
{
	int rc = hand_over(a, err);
	if (rc == 0 && duckdb_appender_close(a->appender) != DuckDBSuccess) {
		rc = appender_error(a, err);
	}
	return rc;
}

/* Ending the appender writes what it holds: the rows are in the transaction then, and go with it.
 */
static void drop(struct duck_appender *a)
{
	duckdb_appender_destroy(&a->appender);
	if (a->own) {
		run(a, "ROLLBACK", NULL);
	} else if (a->rows > 0) {
		take_back(a, NULL);
	}
}

int duck_append_end(struct sql_append *append, bool keep, struct err *err)
{
	CLEANUP(cleanup_appender) struct duck_appender *a = (struct duck_appender *)append;
	if (!keep || a->failed) {
		drop(a);
		return keep ? err_set(err, EINVAL, "a row was refused: none is kept") : 0;
	}
	int rc = finish_appender(a, err);
	if (rc == 0 && a->own) {
		rc = run(a, "COMMIT", err);
	}
	if (rc != 0) {
		drop(a);
	}
	return rc;
}
