/* tables.db: what RDS refused for good, so that nobody waits for it and nothing is lost. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/tables/db_impl.h"
#include "engines/common/name.h"
#include "engines/common/rfc3339.h"

int tables_failed_count(struct store *db, int64_t id, uint64_t *out, struct err *err)
{
	int64_t n = 0;
	struct tables_query q = {.n = FAILED_COUNT,
		.bind = tables_bind_id,
		.arg = &id,
		.take = tables_take_int,
		.out = &n};

	int rc = tables_query_read(db, &q, err);
	if (rc >= 0) {
		*out = (uint64_t)n;
	}
	return rc < 0 ? rc : 0;
}

/* ---- told once ---- */

static void take_reason(sqlite3_stmt *stmt, void *out)
{
	struct err *why = out;
	const char *reason = (const char *)sqlite3_column_text(stmt, 1);

	why->code = sqlite3_column_int(stmt, 0);
	snprintf(why->msg, sizeof(why->msg), "%s", reason != NULL ? reason : "");
}

static int tell_fn(struct store_txn *t, void *arg, struct err *err)
{
	struct tables_query q = {.n = FAILED_TELL, .bind = tables_bind_of, .arg = arg};

	int rc = tables_query_write(t, &q, err);
	return rc < 0 ? rc : 0;
}

int tables_failed_tell(struct store *db, int64_t id, struct slice key, struct err *err)
{
	struct tables_of of = {.id = id, .key = key};
	struct err why = {0};
	struct tables_query q = {.n = FAILED_UNTOLD,
		.bind = tables_bind_of,
		.arg = &of,
		.take = take_reason,
		.out = &why};

	int rc = tables_query_read(db, &q, err);
	rc = rc == 1 ? store_write(db, NULL, 0, tell_fn, &of, err) : rc;
	if (rc == 0 && why.code != 0) {
		rc = err_set(err, why.code,
			"RDS refused what was written: %s; it is kept in .failed", why.msg);
	}
	return rc;
}

/* ---- as a text ---- */

static json_t *failed_json(sqlite3_stmt *stmt)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	char time[RFC3339_MAX];

	name_escape(store_column_slice(stmt, 0), &key);
	buf_append_slice(&text, store_column_slice(stmt, 2));
	rfc3339_print(sqlite3_column_int64(stmt, 5), time);
	bool removal = sqlite3_column_int(stmt, 1) == TABLES_REMOVE;
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o?}", "key", buf_cstr(&key), "time", time,
		"change", removal ? "remove" : "write", "error",
		strerror(sqlite3_column_int(stmt, 3)), "reason",
		(const char *)sqlite3_column_text(stmt, 4), "text",
		removal ? NULL : json_stringn_nocheck(text.p != NULL ? text.p : "", text.n));
}

static int add_all(sqlite3_stmt *stmt, json_t *array, struct err *err)
{
	int rc;

	while ((rc = store_step(stmt, err)) == 1) {
		if (json_array_append_new(array, failed_json(stmt)) != 0) {
			return err_set(err, ENOMEM, "out of memory");
		}
	}
	return rc;
}

static int read_all(struct store *db, int64_t id, json_t *array, struct err *err)
{
	struct store_reader *r;

	int rc = store_read_begin(db, STORE_ALL_KEYS, &r, err);
	if (rc < 0) {
		return rc;
	}
	sqlite3_stmt *stmt = store_reader_stmt(r, FAILED_NEXT, err);
	if (stmt != NULL) {
		sqlite3_bind_int64(stmt, 1, id);
		rc = add_all(stmt, array, err);
		sqlite3_reset(stmt);
	} else {
		rc = -err->code;
	}
	store_read_end(r);
	return rc;
}

int tables_failed_text(struct store *db, int64_t id, struct buf *out, struct err *err)
{
	json_auto_t *array = json_array();

	int rc = array == NULL ? err_set(err, ENOMEM, "out of memory")
			       : read_all(db, id, array, err);
	if (rc < 0) {
		return rc;
	}
	char *text = json_dumps(array, JSON_INDENT(2));
	if (text == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	buf_puts(out, text);
	buf_putc(out, '\n');
	free(text);
	return buf_check(out, err);
}

static int clear_fn(struct store_txn *t, void *arg, struct err *err)
{
	struct tables_query q = {.n = FAILED_CLEAR, .bind = tables_bind_id, .arg = arg};

	int rc = tables_query_write(t, &q, err);
	return rc < 0 ? rc : 0;
}

int tables_failed_clear(struct store *db, int64_t id, struct err *err)
{
	return store_write(db, NULL, 0, clear_fn, &id, err);
}
