/* Functions for SQLite: how they get onto a connection, and what all of them use. */
#include "engines/redshift/driver/sqlite_functions.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/driver/sqlite_functions_impl.h"

/* ---- results ---- */

void lite_fail(sqlite3_context *c, const char *fmt, ...)
{
	char text[ERR_MSG_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sqlite3_result_error(c, text, -1);
}

void lite_refuse(sqlite3_context *c, const struct err *err)
{
	if (err->code == ENOMEM) {
		sqlite3_result_error_nomem(c);
	} else {
		sqlite3_result_error(c, err->msg, -1);
	}
}

void lite_result(sqlite3_context *c, const struct buf *text)
{
	if (text->failed) {
		sqlite3_result_error_nomem(c);
	} else {
		sqlite3_result_text64(
			c, text->p == NULL ? "" : text->p, text->n, SQLITE_TRANSIENT, SQLITE_UTF8);
	}
}

void lite_result_value(sqlite3_context *c, const struct sql_value *v, struct sql_type t)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	sql_value_print(v, t, &text);
	lite_result(c, &text);
}

/* ---- scalars ---- */

static void call_function(sqlite3_context *c, int n, sqlite3_value **v)
{
	const struct lite_function *f = sqlite3_user_data(c);
	if (n < f->min || n > f->max) {
		lite_fail(c, "%s: %d arguments; %d to %d are expected", f->name, n, f->min, f->max);
		return;
	}
	for (int i = 0; i < n && !f->nulls; i++) {
		if (lite_null(v[i])) {
			sqlite3_result_null(c);
			return;
		}
	}
	f->call(c, n, v);
}

static int add_functions(sqlite3 *db, const struct lite_function *list, struct err *err)
{
	const int flags = SQLITE_UTF8 | SQLITE_DETERMINISTIC;
	for (; list->name != NULL; list++) {
		/* SQLite only reads it. */
		void *self = (void *)(uintptr_t)list;
		if (sqlite3_create_function_v2(db, list->name,
			    list->min == list->max ? list->min : -1, flags, self, call_function,
			    NULL, NULL, NULL) != SQLITE_OK) {
			return err_set(
				err, ENOMEM, "SQLite: %s: %s", list->name, sqlite3_errmsg(db));
		}
	}
	return 0;
}

/* ---- aggregates ---- */

/* A pointer to the state, which is made at the first row. */
static void **state_of(sqlite3_context *c, bool make)
{
	const struct lite_aggregate *a = sqlite3_user_data(c);
	void **state = sqlite3_aggregate_context(c, make ? (int)sizeof(*state) : 0);
	if (state != NULL && *state == NULL && make) {
		*state = calloc(1, a->size);
	}
	return state;
}

static void step(sqlite3_context *c, int n, sqlite3_value **v)
{
	const struct lite_aggregate *a = sqlite3_user_data(c);
	void **state = state_of(c, true);
	if (n < a->min || n > a->max) {
		lite_fail(c, "%s: %d arguments; %d to %d are expected", a->name, n, a->min, a->max);
	} else if (state == NULL || *state == NULL) {
		sqlite3_result_error_nomem(c);
	} else {
		a->step(c, *state, n, v);
	}
}

static void inverse(sqlite3_context *c, int n, sqlite3_value **v)
{
	const struct lite_aggregate *a = sqlite3_user_data(c);
	void **state = state_of(c, false);
	if (state != NULL && *state != NULL) {
		a->inverse(c, *state, n, v);
	}
}

static void value(sqlite3_context *c)
{
	const struct lite_aggregate *a = sqlite3_user_data(c);
	void **state = state_of(c, false);
	a->value(c, state == NULL ? NULL : *state);
}

static void final(sqlite3_context *c)
{
	const struct lite_aggregate *a = sqlite3_user_data(c);
	void **state = state_of(c, false);
	a->value(c, state == NULL ? NULL : *state);
	if (state != NULL && *state != NULL) {
		if (a->clear != NULL) {
			a->clear(*state);
		}
		free(*state);
		*state = NULL;
	}
}

static int add_aggregates(sqlite3 *db, const struct lite_aggregate *list, struct err *err)
{
	for (; list->name != NULL; list++) {
		void *self = (void *)(uintptr_t)list;
		bool window = list->inverse != NULL;
		if (sqlite3_create_window_function(db, list->name,
			    list->min == list->max ? list->min : -1,
			    SQLITE_UTF8 | SQLITE_DETERMINISTIC, self, step, final,
			    window ? value : NULL, window ? inverse : NULL, NULL) != SQLITE_OK) {
			return err_set(
				err, ENOMEM, "SQLite: %s: %s", list->name, sqlite3_errmsg(db));
		}
	}
	return 0;
}

int sqlite_functions_add(sqlite3 *db, struct err *err)
{
	static const struct lite_function *const lists[] = {lite_decimal_functions,
		lite_cast_functions, lite_date_functions, lite_format_functions,
		lite_interval_functions, lite_text_functions, lite_pattern_functions};
	int rc = 0;
	if (sqlite3_create_collation(db, "decimal", SQLITE_UTF8, NULL, lite_compare_decimals) !=
		SQLITE_OK) {
		return err_set(err, ENOMEM, "SQLite: %s", sqlite3_errmsg(db));
	}
	for (size_t i = 0; rc == 0 && i < sizeof(lists) / sizeof(lists[0]); i++) {
		rc = add_functions(db, lists[i], err);
	}
	rc = rc < 0 ? rc : add_aggregates(db, lite_sum_aggregates, err);
	return rc < 0 ? rc : add_aggregates(db, lite_list_aggregates, err);
}
