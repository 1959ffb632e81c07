/* Statements with a result, and values as SQLite stores them. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/convert.h"
#include "engines/redshift/driver/sqlite_impl.h"

struct lite_query {
	struct sql_query base;
	sqlite3 *db;
	sqlite3_stmt *stmt;
	struct sql_type *types;
	const char **names;
	struct sql_value *row;
	/* No types were asked for: they are what the first row has. */
	bool guess;
	struct buf room;
};

void lite_finish(struct sql_query *query)
{
	struct lite_query *q = (struct lite_query *)query;
	sqlite3_finalize(q->stmt);
	free(q->types);
	free(q->names);
	free(q->row);
	buf_free(&q->room);
	free(q);
}

static void cleanup_query(struct lite_query **q)
{
	if (*q != NULL) {
		lite_finish(&(*q)->base);
	}
}

static int describe(struct lite_query *q, const struct sql_type *types, unsigned n, struct err *err)
{
	unsigned columns = (unsigned)sqlite3_column_count(q->stmt);
	if (types != NULL && n != columns) {
		return err_set(err, EINVAL, "%u columns where %u were asked for", columns, n);
	}
	q->types = calloc(columns + 1, sizeof(*q->types));
	q->names = calloc(columns + 1, sizeof(*q->names));
	q->row = calloc(columns + 1, sizeof(*q->row));
	if (q->types == NULL || q->names == NULL || q->row == NULL ||
		!buf_reserve(&q->room, (size_t)(columns + 1) * LITE_ROOM)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < columns; i++) {
		q->types[i] = types != NULL ? types[i] : (struct sql_type){.kind = SQL_VARCHAR};
		q->names[i] = sqlite3_column_name(q->stmt, (int)i);
	}
	q->guess = types == NULL;
	q->base = (struct sql_query){&sqlite_driver, q->types, q->names, columns};
	return 0;
}

int lite_prepare(struct sql_session *s, const char *text, const struct sql_type *types, unsigned n,
	struct sql_query **out, struct err *err)
{
	struct lite_session *session = (struct lite_session *)s;
	const char *rest = NULL;
	CLEANUP(cleanup_query) struct lite_query *q = calloc(1, sizeof(*q));
	if (q == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	q->db = session->db;
	int rc = sqlite3_prepare_v2(q->db, text, -1, &q->stmt, &rest);
	if (rc != SQLITE_OK) {
		return lite_error(q->db, rc, err);
	}
	if (q->stmt == NULL || *rest != '\0') {
		return err_set(err, EINVAL, "one statement was expected");
	}
	rc = describe(q, types, n, err);
	if (rc == 0) {
		*out = &q->base;
		q = NULL;
	}
	return rc;
}

/* ---- values in ---- */

static int put_text(sqlite3_stmt *stmt, int index, struct slice s)
{
	/* A NULL pointer would bind NULL instead of no bytes. */
	return sqlite3_bind_text64(
		stmt, index, s.n > 0 ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
}

static void print_stored(struct sql_type t, const struct sql_value *v, struct buf *room)
{
	if (t.kind == SQL_INTERVAL) {
		buf_printf(room, "%d %d %lld", v->interval.months, v->interval.days,
			(long long)v->interval.micros);
		return;
	}
	/* Stored in UTC, without saying so. */
	t.kind = t.kind == SQL_TIMESTAMPTZ ? SQL_TIMESTAMP : t.kind;
	sql_value_print(v, t, room);
}

int lite_put(sqlite3_stmt *stmt, int index, struct sql_type t, const struct sql_value *v,
	struct buf *room)
{
	size_t at = room->n;
	if (v->null) {
		return sqlite3_bind_null(stmt, index);
	}
	switch (t.kind) {
	case SQL_BOOLEAN: return sqlite3_bind_int(stmt, index, v->boolean ? 1 : 0);
	case SQL_SMALLINT:
	case SQL_INTEGER:
	case SQL_BIGINT: return sqlite3_bind_int64(stmt, index, v->integer);
	case SQL_REAL:
	case SQL_DOUBLE:
		/* SQLite has no NaN: its text is kept, and sorts behind all numbers. */
		return isnan(v->real) ? put_text(stmt, index, slice_of("NaN"))
				      : sqlite3_bind_double(stmt, index, v->real);
	case SQL_CHAR:
	case SQL_VARCHAR:
	case SQL_UNKNOWN: return put_text(stmt, index, v->text);
	default: print_stored(t, v, room);
	}
	return put_text(stmt, index, buf_since(room, at));
}

int lite_bind(struct sql_query *query, unsigned index, struct sql_type t, const struct sql_value *v,
	struct err *err)
{
	struct lite_query *q = (struct lite_query *)query;
	CLEANUP(buf_free) struct buf room = BUF_INIT;
	if (!buf_reserve(&room, LITE_ROOM)) {
		return buf_check(&room, err);
	}
	int rc = v->null || !sql_is_text(t.kind) ? lite_put(q->stmt, (int)index, t, v, &room)
						 : SQLITE_OK;
	/* The statement runs when these are gone. */
	struct slice s = sql_is_text(t.kind) ? v->text : buf_slice(&room);
	if (rc == SQLITE_OK && !v->null && (sql_is_text(t.kind) || s.n > 0)) {
		rc = sqlite3_bind_text64(q->stmt, (int)index, s.n > 0 ? s.p : "", s.n,
			SQLITE_TRANSIENT, SQLITE_UTF8);
	}
	return rc == SQLITE_OK ? 0 : lite_error(q->db, rc, err);
}

/* ---- values out ---- */

static struct slice column_text(sqlite3_stmt *stmt, int i)
{
	/* The pointer first: asking for it may convert. */
	const void *p = sqlite3_column_text(stmt, i);
	return slice_make(p != NULL ? p : "", (size_t)sqlite3_column_bytes(stmt, i));
}

static int parse_stored_interval(struct slice s, struct sql_interval *out, struct err *err)
{
	char text[LITE_ROOM];
	char *end = text;
	if (s.n >= sizeof(text)) {
		return err_set(err, EINVAL, "no interval");
	}
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	long long parts[3];
	for (unsigned i = 0; i < 3; i++) {
		char *start = end;
		parts[i] = strtoll(start, &end, 10);
		if (end == start) {
			return err_set(err, EINVAL, "no interval: \"%s\"", text);
		}
	}
	*out = (struct sql_interval){(int32_t)parts[0], (int32_t)parts[1], parts[2]};
	return 0;
}

static int read_text(struct slice s, struct sql_type t, struct sql_value *out, struct err *err)
{
	if (t.kind == SQL_INTERVAL) {
		return parse_stored_interval(s, &out->interval, err);
	}
	return sql_value_parse(s, t, out, err);
}

static int read_column(struct lite_query *q, int i, struct err *err)
{
	static const struct sql_type bigint = {.kind = SQL_BIGINT};
	static const struct sql_type real = {.kind = SQL_DOUBLE};
	struct sql_value *out = &q->row[i];
	struct sql_type t = q->types[i];
	struct sql_value v = {0};
	out->null = false;
	switch (sqlite3_column_type(q->stmt, i)) {
	case SQLITE_NULL: out->null = true; return 0;
	case SQLITE_INTEGER:
		v.integer = sqlite3_column_int64(q->stmt, i);
		return sql_value_convert(&v, bigint, t, out, &q->room, err);
	case SQLITE_FLOAT:
		v.real = sqlite3_column_double(q->stmt, i);
		return sql_value_convert(&v, real, t, out, &q->room, err);
	default: return read_text(column_text(q->stmt, i), t, out, err);
	}
}

static void guess_types(struct lite_query *q)
{
	for (unsigned i = 0; i < q->base.n_columns; i++) {
		switch (sqlite3_column_type(q->stmt, (int)i)) {
		case SQLITE_INTEGER: q->types[i].kind = SQL_BIGINT; break;
		case SQLITE_FLOAT: q->types[i].kind = SQL_DOUBLE; break;
		default: break;
		}
	}
	q->guess = false;
}

int lite_step(struct sql_query *query, const struct sql_value **row, struct err *err)
{
	struct lite_query *q = (struct lite_query *)query;
	int rc = sqlite3_step(q->stmt);
	if (rc == SQLITE_DONE) {
		return 0;
	}
	if (rc != SQLITE_ROW) {
		return lite_error(q->db, rc, err);
	}
	if (q->guess) {
		guess_types(q);
	}
	buf_clear(&q->room);
	for (unsigned i = 0; i < q->base.n_columns; i++) {
		rc = read_column(q, (int)i, err);
		if (rc != 0) {
			return sql_unfit(rc, err);
		}
	}
	*row = q->row;
	return 1;
}
