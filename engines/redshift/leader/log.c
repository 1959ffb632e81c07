/* What happened: queries, and what was wrong with rows of loads. Kept for a week.
 *
 * Queries are written some at a time: who only reads shall not wait for a disk. A crash takes the
 * last ones. Their numbers are reserved ahead likewise, so that none comes again. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/redshift/leader/leader_impl.h"

#define KEPT_NS		 (INT64_C(7) * 86400 * 1000000000)
#define QUERIES_KEPT	 10000
#define LOAD_ERRORS_KEPT 100000
#define TEXT_KEPT	 4000U
#define RAW_KEPT	 1024U
#define NUMBERS_AT_ONCE	 1000U

/* ---- numbers ---- */

int rs_leader_last_query(sqlite3 *db, void *arg, struct err *err)
{
	CLEANUP(rs_leader_finalize) sqlite3_stmt *stmt = NULL;
	uint64_t *out = arg;
	int rc = rs_leader_prepare(db, "SELECT query FROM numbers", &stmt, err);

	rc = rc < 0 ? rc : store_step(stmt, err);
	*out = rc > 0 ? (uint64_t)sqlite3_column_int64(stmt, 0) : 1;
	return rc < 0 ? rc : 0;
}

static int reserve_fn(sqlite3 *db, void *arg, struct err *err)
{
	CLEANUP(rs_leader_finalize) sqlite3_stmt *stmt = NULL;
	const uint64_t *to = arg;
	int rc = rs_leader_prepare(db, "UPDATE numbers SET query = ?1", &stmt, err);

	if (rc < 0) {
		return rc;
	}
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)*to);
	return store_step(stmt, err);
}

int rs_leader_next_query(struct rs_leader *l, uint64_t *out, struct err *err)
{
	LOCKED(&l->lock);
	uint64_t to = l->next_query + NUMBERS_AT_ONCE;

	if (l->instance != NULL && l->next_query >= l->queries_reserved) {
		int rc = rs_leader_write(l, reserve_fn, &to, err);
		if (rc < 0) {
			return rc;
		}
		l->queries_reserved = to;
	}
	*out = l->next_query++;
	return 0;
}

/* ---- queries ---- */

static void record_clear(struct rs_query_record *r)
{
	free(r->text);
	free(r->label);
}

static void free_records(struct rs_query_record *records, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		record_clear(&records[i]);
	}
	free(records);
}

void rs_leader_drop_queries(struct rs_leader *l)
{
	free_records(l->waiting, l->n_waiting);
	l->waiting = NULL;
	l->n_waiting = 0;
}

struct records {
	struct rs_query_record *record;
	unsigned n;
};

static int write_query(sqlite3_stmt *stmt, const struct rs_query_record *r, struct err *err)
{
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)r->query);
	sqlite3_bind_int64(stmt, 2, (sqlite3_int64)r->xid);
	sqlite3_bind_int64(stmt, 3, r->start_ns);
	sqlite3_bind_int64(stmt, 4, r->end_ns);
	sqlite3_bind_int(stmt, 5, r->aborted);
	sqlite3_bind_int64(stmt, 6, (sqlite3_int64)r->rows);
	sqlite3_bind_text(stmt, 7, r->label, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 8, r->text, -1, SQLITE_STATIC);
	int rc = store_step(stmt, err);
	sqlite3_reset(stmt);
	return rc;
}

/* Deletes what is too old by its time, and what too many came after. */
static int prune(sqlite3 *db, const char *text, int64_t kept, struct err *err)
{
	CLEANUP(rs_leader_finalize) sqlite3_stmt *stmt = NULL;
	int rc = rs_leader_prepare(db, text, &stmt, err);

	if (rc < 0) {
		return rc;
	}
	sqlite3_bind_int64(stmt, 1, clock_wall_ns() - KEPT_NS);
	sqlite3_bind_int64(stmt, 2, kept);
	return store_step(stmt, err);
}

static int flush_fn(sqlite3 *db, void *arg, struct err *err)
{
	CLEANUP(rs_leader_finalize) sqlite3_stmt *stmt = NULL;
	const struct records *list = arg;
	int rc = rs_leader_prepare(db,
		"INSERT OR REPLACE INTO queries(query, xid, start, stop, aborted, rows, label, "
		"text)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
		&stmt, err);

	for (unsigned i = 0; rc == 0 && i < list->n; i++) {
		rc = write_query(stmt, &list->record[i], err);
	}
	return rc < 0 ? rc
		      : prune(db,
				"DELETE FROM queries WHERE start < ?1 OR query <="
				" (SELECT max(query) FROM queries) - ?2",
				QUERIES_KEPT, err);
}

void rs_leader_flush_queries(struct rs_leader *l)
{
	struct records list;
	struct err why = {0};

	if (l->instance == NULL) {
		return;
	}
	{
		LOCKED(&l->lock);
		list = (struct records){l->waiting, l->n_waiting};
		l->waiting = NULL;
		l->n_waiting = 0;
	}
	if (list.n > 0 && rs_leader_write(l, flush_fn, &list, &why) < 0) {
		log_warn("redshift: records of %u queries are lost: %s", list.n, why.msg);
	}
	free_records(list.record, list.n);
}

/* At most n bytes, no character cut. */
static char *cut_copy(const char *text, size_t n)
{
	size_t size = strnlen(text, n);

	while (text[size] != '\0' && size > 0 && ((unsigned char)text[size] & 0xc0) == 0x80) {
		size--;
	}
	return strndup(text, size);
}

static bool add_waiting(struct rs_leader *l, const struct rs_query_record *r)
{
	LOCKED(&l->lock);
	struct rs_query_record *more =
		reallocarray(l->waiting, l->n_waiting + 1, sizeof(*l->waiting));

	if (more == NULL) {
		return false;
	}
	l->waiting = more;
	struct rs_query_record *at = &more[l->n_waiting];
	*at = *r;
	at->text = cut_copy(r->text == NULL ? "" : r->text, TEXT_KEPT);
	at->label = strdup(r->label == NULL ? "" : r->label);
	if (at->text == NULL || at->label == NULL) {
		record_clear(at);
		return false;
	}
	return ++l->n_waiting >= QUERIES_WAITING;
}

void rs_leader_add_query(struct rs_leader *l, const struct rs_query_record *r)
{
	if (l->instance != NULL && add_waiting(l, r)) {
		rs_leader_flush_queries(l);
	}
}

static int read_query(sqlite3_stmt *stmt, struct records *list)
{
	struct rs_query_record *more =
		reallocarray(list->record, list->n + 1, sizeof(*list->record));

	if (more == NULL) {
		return -1;
	}
	list->record = more;
	struct rs_query_record *r = &more[list->n];
	const char *label = (const char *)sqlite3_column_text(stmt, 6);
	const char *text = (const char *)sqlite3_column_text(stmt, 7);
	*r = (struct rs_query_record){
		.query = (uint64_t)sqlite3_column_int64(stmt, 0),
		.xid = (uint64_t)sqlite3_column_int64(stmt, 1),
		.start_ns = sqlite3_column_int64(stmt, 2),
		.end_ns = sqlite3_column_int64(stmt, 3),
		.aborted = sqlite3_column_int(stmt, 4) != 0,
		.rows = (uint64_t)sqlite3_column_int64(stmt, 5),
		.label = strdup(label == NULL ? "" : label),
		.text = strdup(text == NULL ? "" : text),
	};
	list->n++;
	return r->label == NULL || r->text == NULL ? -1 : 0;
}

static int read_queries(sqlite3 *db, void *arg, struct err *err)
{
	CLEANUP(rs_leader_finalize) sqlite3_stmt *stmt = NULL;
	struct records *list = arg;
	int more = 1;

	free_records(list->record, list->n); /* of a run before this one */
	*list = (struct records){0};
	int rc = rs_leader_prepare(db,
		"SELECT query, xid, start, stop, aborted, rows, label, text FROM queries"
		" ORDER BY query",
		&stmt, err);
	while (rc == 0 && (more = store_step(stmt, err)) > 0) {
		rc = read_query(stmt, list) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
	}
	return more < 0 ? more : rc;
}

int rs_leader_queries(struct rs_leader *l, rs_query_record_fn *fn, void *arg, struct err *err)
{
	struct records list = {0};

	rs_leader_flush_queries(l);
	int rc = rs_leader_read(l, read_queries, &list, err);
	for (unsigned i = 0; rc == 0 && i < list.n; i++) {
		rc = fn(arg, &list.record[i], err);
	}
	free_records(list.record, list.n);
	return rc;
}

/* ---- errors of loads ---- */

void rs_load_error_clear(struct rs_load_error *e)
{
	free(e->filename);
	free(e->column);
	free(e->type);
	free(e->column_length);
	free(e->raw_line);
	free(e->raw_field);
	free(e->reason);
	*e = (struct rs_load_error){0};
}

struct errors {
	const struct rs_load_error *error;
	unsigned n;
};

static void bind_text(sqlite3_stmt *stmt, int index, const char *text)
{
	sqlite3_bind_text(stmt, index, text == NULL ? "" : text, -1, SQLITE_STATIC);
}

/* As bytes: what could not be loaded may be no text. */
static void bind_raw(sqlite3_stmt *stmt, int index, const char *text)
{
	size_t n = text == NULL ? 0 : strnlen(text, RAW_KEPT);

	sqlite3_bind_blob(stmt, index, n == 0 ? "" : text, (int)n, SQLITE_STATIC);
}

static int write_error(sqlite3_stmt *stmt, const struct rs_load_error *e, struct err *err)
{
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)e->query);
	sqlite3_bind_int64(stmt, 2, (sqlite3_int64)e->table);
	sqlite3_bind_int64(stmt, 3, e->start_ns);
	sqlite3_bind_int(stmt, 4, e->slice);
	bind_text(stmt, 5, e->filename);
	sqlite3_bind_int64(stmt, 6, (sqlite3_int64)e->line);
	bind_text(stmt, 7, e->column);
	bind_text(stmt, 8, e->type);
	bind_text(stmt, 9, e->column_length);
	sqlite3_bind_int64(stmt, 10, (sqlite3_int64)e->position);
	bind_raw(stmt, 11, e->raw_line);
	bind_raw(stmt, 12, e->raw_field);
	sqlite3_bind_int(stmt, 13, e->code);
	bind_text(stmt, 14, e->reason);
	int rc = store_step(stmt, err);
	sqlite3_reset(stmt);
	return rc;
}

static int write_errors(sqlite3 *db, void *arg, struct err *err)
{
	CLEANUP(rs_leader_finalize) sqlite3_stmt *stmt = NULL;
	const struct errors *list = arg;
	int rc = rs_leader_prepare(db,
		"INSERT INTO load_errors(query, tbl, start, slice, filename, line, col, type,"
		" col_length, position, raw_line, raw_field, code, reason)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
		&stmt, err);

	for (unsigned i = 0; rc == 0 && i < list->n; i++) {
		rc = write_error(stmt, &list->error[i], err);
	}
	return rc < 0 ? rc
		      : prune(db,
				"DELETE FROM load_errors WHERE start < ?1 OR id <="
				" (SELECT max(id) FROM load_errors) - ?2",
				LOAD_ERRORS_KEPT, err);
}

int rs_leader_add_load_errors(
	struct rs_leader *l, const struct rs_load_error *errors, unsigned n, struct err *err)
{
	struct errors list = {errors, n};

	return n == 0 ? 0 : rs_leader_write(l, write_errors, &list, err);
}

struct reading {
	uint64_t query, table;
	struct rs_load_error *error;
	unsigned n;
};

static void reading_clear(struct reading *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		rs_load_error_clear(&r->error[i]);
	}
	free(r->error);
	r->error = NULL;
	r->n = 0;
}

static char *column_copy(sqlite3_stmt *stmt, int index, bool *failed)
{
	struct slice s = store_column_slice(stmt, index);
	char *copy = s.n == 0 ? strdup("") : strndup(s.p, s.n);

	*failed = *failed || copy == NULL;
	return copy;
}

static int read_error(sqlite3_stmt *stmt, struct reading *r)
{
	bool failed = false;
	struct rs_load_error *more = reallocarray(r->error, r->n + 1, sizeof(*r->error));

	if (more == NULL) {
		return -1;
	}
	r->error = more;
	more[r->n++] = (struct rs_load_error){
		.query = (uint64_t)sqlite3_column_int64(stmt, 0),
		.table = (uint64_t)sqlite3_column_int64(stmt, 1),
		.start_ns = sqlite3_column_int64(stmt, 2),
		.slice = sqlite3_column_int(stmt, 3),
		.filename = column_copy(stmt, 4, &failed),
		.line = (uint64_t)sqlite3_column_int64(stmt, 5),
		.column = column_copy(stmt, 6, &failed),
		.type = column_copy(stmt, 7, &failed),
		.column_length = column_copy(stmt, 8, &failed),
		.position = (uint64_t)sqlite3_column_int64(stmt, 9),
		.raw_line = column_copy(stmt, 10, &failed),
		.raw_field = column_copy(stmt, 11, &failed),
		.code = sqlite3_column_int(stmt, 12),
		.reason = column_copy(stmt, 13, &failed),
	};
	return failed ? -1 : 0;
}

static int read_errors(sqlite3 *db, void *arg, struct err *err)
{
	CLEANUP(rs_leader_finalize) sqlite3_stmt *stmt = NULL;
	struct reading *r = arg;
	int more = 1;

	reading_clear(r); /* of a run before this one */
	int rc = rs_leader_prepare(db,
		"SELECT query, tbl, start, slice, filename, line, col, type, col_length, position,"
		" raw_line, raw_field, code, reason FROM load_errors WHERE ?1 IN (0, query)"
		" AND ?2 IN (0, tbl) ORDER BY query DESC, id",
		&stmt, err);
	if (rc == 0) {
		sqlite3_bind_int64(stmt, 1, (sqlite3_int64)r->query);
		sqlite3_bind_int64(stmt, 2, (sqlite3_int64)r->table);
	}
	while (rc == 0 && (more = store_step(stmt, err)) > 0) {
		rc = read_error(stmt, r) < 0 ? err_set(err, ENOMEM, "out of memory") : 0;
	}
	return more < 0 ? more : rc;
}

int rs_leader_load_errors(struct rs_leader *l, uint64_t query, uint64_t table, rs_load_error_fn *fn,
	void *arg, struct err *err)
{
	struct reading r = {.query = query, .table = table};

	int rc = rs_leader_read(l, read_errors, &r, err);
	for (unsigned i = 0; rc == 0 && i < r.n; i++) {
		rc = fn(arg, &r.error[i], err);
	}
	reading_clear(&r);
	return rc;
}
