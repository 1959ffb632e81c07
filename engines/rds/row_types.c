/* What a column takes. SQLite stores nearly anything in any column, after turning
 * it into what the declared type prefers. Here a value is taken when nothing of it is
 * lost or becomes something else:
 *
 *	declared       takes
 *	INTEGER ..     integers, reals that are whole (1.0), text that is an integer
 *	REAL ..        numbers that a REAL holds exactly, text that is one
 *	TEXT ..        text; not numbers and booleans, which would become text
 *	others, none   anything (SQLite decides what DATETIME or DECIMAL is)
 *
 * true and false are 1 and 0; blobs and NULL go anywhere. A STRICT table refuses
 * more by itself. What the column holds already is always taken. */
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/rds/rows.h"

#define EXCERPT 40

static struct slice text_of(const struct rds_value *v, const struct buf *bytes)
{
	return slice_make(v->n > 0 ? bytes->p + v->at : "", v->n);
}

static int refuse(const struct rds_column *col, const struct rds_value *v, bool boolean,
	const struct buf *bytes, const char *expected, struct err *err)
{
	char number[RDS_NUMBER_MAX];
	if (boolean) {
		return err_set(err, EINVAL, "%s: expected %s, found %s", col->name, expected,
			v->integer != 0 ? "true" : "false");
	}
	if (v->type == SQLITE_TEXT) {
		struct slice text = text_of(v, bytes);
		int n = (int)(text.n < EXCERPT ? text.n : EXCERPT);
		return err_set(err, EINVAL, "%s: expected %s, found \"%.*s\"", col->name, expected,
			n, text.p);
	}
	size_t n = v->type == SQLITE_INTEGER ? rds_integer_print(v->integer, number)
					     : rds_real_print(v->real, number);
	return err_set(err, EINVAL, "%s: expected %s, found the number %.*s", col->name, expected,
		(int)n, number);
}

static bool exact_real(int64_t i)
{
	/* 2^63 itself would overflow on the way back */
	double r = (double)i;
	return r < 9223372036854775808.0 && (int64_t)r == i;
}

static bool whole(double r)
{
	return r >= -9223372036854775808.0 && r < 9223372036854775808.0 && r == floor(r);
}

static bool to_integer(struct rds_value *v, const struct buf *bytes)
{
	int64_t i = 0;
	if (v->type == SQLITE_FLOAT && whole(v->real)) {
		i = (int64_t)v->real;
	} else if (v->type != SQLITE_TEXT || !rds_integer_parse(text_of(v, bytes), &i)) {
		return v->type == SQLITE_INTEGER;
	}
	*v = (struct rds_value){.type = SQLITE_INTEGER, .integer = i};
	return true;
}

static bool to_real(struct rds_value *v, const struct buf *bytes)
{
	double r = 0;
	int64_t i = v->integer;
	if (v->type == SQLITE_TEXT) {
		struct slice text = text_of(v, bytes);
		if (rds_integer_parse(text, &i) && exact_real(i)) {
			r = (double)i;
		} else if (!rds_real_parse(text, &r) || isinf(r)) {
			return false; /* to SQLite 'Inf' is a text */
		}
	} else if (v->type == SQLITE_INTEGER && exact_real(i)) {
		r = (double)i;
	} else {
		return v->type == SQLITE_FLOAT;
	}
	*v = (struct rds_value){.type = SQLITE_FLOAT, .real = r};
	return true;
}

/* SQLite's rules take POINT for an INTEGER. */
static bool is_integer_type(const struct rds_column *col)
{
	return col->affinity == RDS_AFFINITY_INTEGER && strcasestr(col->type, "POINT") == NULL;
}

int rds_settle(const struct rds_column *col, struct rds_value *v, bool boolean,
	const struct buf *bytes, struct err *err)
{
	if (v->type == SQLITE_NULL || v->type == SQLITE_BLOB) {
		return 0;
	}
	if (col->affinity == RDS_AFFINITY_TEXT && v->type != SQLITE_TEXT) {
		return refuse(col, v, boolean, bytes, "a string", err);
	}
	if (is_integer_type(col) && !to_integer(v, bytes)) {
		return refuse(col, v, boolean, bytes, "an integer", err);
	}
	if (col->affinity == RDS_AFFINITY_REAL && !to_real(v, bytes)) {
		return refuse(col, v, boolean, bytes, "a number that a REAL holds exactly", err);
	}
	return 0;
}
