/* Values between SQLite, keys and JSON. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/rds/rows.h"

/* ---- numbers as text ---- */

size_t rds_integer_print(int64_t i, char out[RDS_NUMBER_MAX])
{
	return (size_t)snprintf(out, RDS_NUMBER_MAX, "%lld", (long long)i);
}

static bool reads_back(const char *text, double r)
{
	return strtod(text, NULL) == r;
}

/* Every decimal of 15 digits survives the way through a normal double, so where 15
 * digits read back they are the shortest; printf leaves out zeros at their end. */
static size_t print_shortest(double r, char out[RDS_NUMBER_MAX])
{
	int digits = fabs(r) < 2.3e-308 ? 1 : 15;
	size_t n;
	do {
		n = (size_t)snprintf(out, RDS_NUMBER_MAX, "%.*g", digits, r);
	} while (!reads_back(out, r) && ++digits <= 17);
	return n;
}

size_t rds_real_print(double r, char out[RDS_NUMBER_MAX])
{
	if (isinf(r)) {
		return (size_t)snprintf(out, RDS_NUMBER_MAX, "%s", r > 0 ? "Inf" : "-Inf");
	}
	size_t n = print_shortest(r, out);
	if (strpbrk(out, ".en") == NULL) {
		/* else it would read as an integer */
		memcpy(out + n, ".0", 3);
		n += 2;
	}
	return n;
}

/* Digits with what else numbers hold, so that strtod takes no hex and no words. */
static bool numeric_text(struct slice text, char out[RDS_NUMBER_MAX])
{
	if (text.n == 0 || text.n >= RDS_NUMBER_MAX) {
		return false;
	}
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\0' || strchr("0123456789+-.e", text.p[i]) == NULL) {
			return false;
		}
	}
	memcpy(out, text.p, text.n);
	out[text.n] = '\0';
	return true;
}

bool rds_integer_parse(struct slice text, int64_t *out)
{
	char copy[RDS_NUMBER_MAX];
	char again[RDS_NUMBER_MAX];
	if (!numeric_text(text, copy)) {
		return false;
	}
	long long i = strtoll(copy, NULL, 10);
	rds_integer_print(i, again);
	if (strcmp(copy, again) != 0) {
		return false;
	}
	*out = i;
	return true;
}

bool rds_real_parse(struct slice text, double *out)
{
	char copy[RDS_NUMBER_MAX];
	char again[RDS_NUMBER_MAX];
	if (slice_is(text, "Inf") || slice_is(text, "-Inf")) {
		*out = text.p[0] == '-' ? -INFINITY : INFINITY;
		return true;
	}
	if (!numeric_text(text, copy)) {
		return false;
	}
	double r = strtod(copy, NULL);
	rds_real_print(r, again);
	if (strcmp(copy, again) != 0) {
		return false;
	}
	*out = r;
	return true;
}

/* ---- values ---- */

struct slice rds_value_slice(sqlite3_value *v)
{
	/* The pointer first: asking for it may convert. */
	const void *p = sqlite3_value_type(v) == SQLITE_TEXT ? (const void *)sqlite3_value_text(v)
							     : sqlite3_value_blob(v);
	return slice_make(p != NULL ? p : "", (size_t)sqlite3_value_bytes(v));
}

static struct slice bytes_of(const struct rds_value *v, const struct buf *bytes)
{
	/* A NULL pointer would bind NULL instead of no bytes. */
	return slice_make(v->n > 0 ? bytes->p + v->at : "", v->n);
}

int rds_value_bind(
	sqlite3_stmt *stmt, int index, const struct rds_value *v, const struct buf *bytes)
{
	struct slice s = bytes_of(v, bytes);
	switch (v->type) {
	case SQLITE_INTEGER: return sqlite3_bind_int64(stmt, index, v->integer);
	case SQLITE_FLOAT: return sqlite3_bind_double(stmt, index, v->real);
	case SQLITE_TEXT:
		return sqlite3_bind_text64(stmt, index, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8);
	case SQLITE_BLOB: return sqlite3_bind_blob64(stmt, index, s.p, s.n, SQLITE_STATIC);
	default: return sqlite3_bind_null(stmt, index);
	}
}

/* Bit by bit: 0.0 is not -0.0. */
static bool same_real(double a, double b)
{
	uint64_t x;
	uint64_t y;
	memcpy(&x, &a, sizeof(x));
	memcpy(&y, &b, sizeof(y));
	return x == y;
}

bool rds_value_same(const struct rds_value *v, const struct buf *bytes, sqlite3_value *stored)
{
	if (v->type != sqlite3_value_type(stored)) {
		return false;
	}
	switch (v->type) {
	case SQLITE_INTEGER: return v->integer == sqlite3_value_int64(stored);
	case SQLITE_FLOAT: return same_real(v->real, sqlite3_value_double(stored));
	case SQLITE_NULL: return true;
	default: return slice_equal(bytes_of(v, bytes), rds_value_slice(stored));
	}
}

bool rds_values_same(sqlite3_value *a, sqlite3_value *b)
{
	int type = sqlite3_value_type(a);
	if (type != sqlite3_value_type(b)) {
		return false;
	}
	switch (type) {
	case SQLITE_INTEGER: return sqlite3_value_int64(a) == sqlite3_value_int64(b);
	case SQLITE_FLOAT: return same_real(sqlite3_value_double(a), sqlite3_value_double(b));
	case SQLITE_NULL: return true;
	default: return slice_equal(rds_value_slice(a), rds_value_slice(b));
	}
}

struct rds_value rds_value_of(sqlite3_value *v, struct buf *bytes)
{
	struct rds_value out = {.type = sqlite3_value_type(v), .at = bytes->n};
	if (out.type == SQLITE_INTEGER) {
		out.integer = sqlite3_value_int64(v);
	} else if (out.type == SQLITE_FLOAT) {
		out.real = sqlite3_value_double(v);
	} else if (out.type != SQLITE_NULL) {
		struct slice s = rds_value_slice(v);
		out.n = s.n;
		buf_append_slice(bytes, s);
	}
	return out;
}
