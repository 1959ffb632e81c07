/* Inside fields*.c. Each of the parsers takes a text without blanks around it, which is not empty,
 * and says false with *m filled in when it is no value of the type. */
#ifndef DBMOUNT_REDSHIFT_FIELDS_IMPL_H
#define DBMOUNT_REDSHIFT_FIELDS_IMPL_H

#include "engines/redshift/load/fields.h"

/* ---- times.c ---- */

#define MOMENT_PARTS 32

/* A DATEFORMAT or TIMEFORMAT as steps. */
struct moment_format {
	unsigned n;
	struct {
		unsigned char what;
		char literal;
	} part[MOMENT_PARTS];
};

enum moment_rule {
	MOMENT_DEFAULT,
	MOMENT_FORMAT,
	MOMENT_AUTO,
	MOMENT_SECONDS,
	MOMENT_MILLISECONDS
};

#define MOMENT_AUTO_MAX 24

struct moment_rules {
	enum moment_rule rule;
	const char *told; /* as it stands in the statement; for reasons */
	struct moment_format format;
	/* AUTO: what is tried, the one that fitted last first. */
	struct moment_format all[MOMENT_AUTO_MAX];
	unsigned n_all, last;
};

/* `told` may be NULL: the default. EINVAL. */
int rs_moment_rules(const char *told, bool is_date, struct moment_rules *out, struct err *err);

struct rs_fields {
	const struct sql_type *types;
	unsigned n;
	struct slice null_as;
	bool empty_as_null, blanks_as_null, accept_inv_chars, trim_blanks, truncate_columns,
		round_decimals;
	char inv_char;
	struct moment_rules date, time;
	struct buf made; /* texts with other characters in them */
};

bool rs_field_moment(struct rs_fields *f, struct sql_type t, struct slice text,
	struct sql_value *out, struct rs_mistake *m);

/* ---- numbers.c ---- */

bool rs_field_boolean(struct slice text, struct sql_value *out, struct rs_mistake *m);
bool rs_field_integer(
	struct sql_type t, struct slice text, struct sql_value *out, struct rs_mistake *m);
/* Digits behind the scale are cut off, or round. */
bool rs_field_decimal(struct sql_type t, struct slice text, bool round, struct sql_value *out,
	struct rs_mistake *m);
bool rs_field_real(
	struct sql_type t, struct slice text, struct sql_value *out, struct rs_mistake *m);

#endif
