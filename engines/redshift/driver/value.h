/* Types and values of Redshift, as they pass between files, nodes and leader. */
#ifndef DBMOUNT_REDSHIFT_VALUE_H
#define DBMOUNT_REDSHIFT_VALUE_H

#include "engines/common/buf.h"

__extension__ typedef __int128 sql_int128;

enum sql_kind {
	SQL_BOOLEAN,
	SQL_SMALLINT,
	SQL_INTEGER,
	SQL_BIGINT,
	SQL_REAL,
	SQL_DOUBLE,
	SQL_DECIMAL,
	SQL_CHAR,
	SQL_VARCHAR,
	SQL_DATE,
	SQL_TIME,
	SQL_TIMESTAMP,
	SQL_TIMESTAMPTZ,
	SQL_INTERVAL, /* of expressions; no column has it */
	SQL_UNKNOWN,  /* a NULL or a quoted text that has no type yet; of expressions only */
};

struct sql_type {
	enum sql_kind kind;
	unsigned size;	/* DECIMAL: digits in all, 1..38; CHAR, VARCHAR: bytes, 0: no limit */
	unsigned scale; /* DECIMAL: digits behind the point, 0..size */
};

#define SQL_DECIMAL_MAX 38U
#define SQL_VARCHAR_MAX 65535U
#define SQL_CHAR_MAX	4096U

struct sql_interval {
	int32_t months;
	int32_t days;
	int64_t micros;
};

/* Which member counts the type says. */
struct sql_value {
	bool null;
	union {
		bool boolean;
		int64_t integer;    /* SMALLINT, INTEGER, BIGINT */
		double real;	    /* REAL, DOUBLE */
		sql_int128 decimal; /* times 10^scale */
		struct slice text;  /* CHAR (without the blanks at its end), VARCHAR; borrowed */
		int64_t days;	    /* DATE: since 1970-01-01 */
		int64_t micros;	    /* TIME: of the day; TIMESTAMP, TIMESTAMPTZ: since 1970 */
		struct sql_interval interval;
	};
};

/* value.c */

bool sql_type_equal(struct sql_type a, struct sql_type b);
bool sql_is_text(enum sql_kind kind);
bool sql_is_number(enum sql_kind kind);
/* "decimal(8,2)", "character varying(30)" as pg_table_def has it. */
void sql_type_print(struct sql_type t, struct buf *out);
/* The same for a person's DDL: "numeric(8,2)", "varchar(30)", "integer". */
void sql_type_name(struct sql_type t, struct buf *out);

/* Appends the text of a value that is not NULL, as psql shows it: t, f; 12.50; 2008-01-02;
 * 2008-01-02 03:04:05[.000001]; REAL and DOUBLE in the fewest digits that read back the same,
 * NaN, Infinity. */
void sql_value_print(const struct sql_value *v, struct sql_type t, struct buf *out);
/* One field of CSV (RFC 4180): NULL is nothing at all, the empty text is "". */
void sql_value_csv(const struct sql_value *v, struct sql_type t, struct buf *out);
/* As JSON: numbers as numbers (DECIMAL in all its digits), booleans, null, else a string. */
void sql_value_json(const struct sql_value *v, struct sql_type t, struct buf *out);

/* value_parse.c: a text as a value of the type, nothing before or behind. EINVAL with what is
 * wrong; ERANGE too large; `text` must outlive the value. Usual forms only; what COPY takes more is
 * load/'s. */
int sql_value_parse(struct slice text, struct sql_type t, struct sql_value *out, struct err *err);

/* value_hash.c: for DISTKEY. Equal values have equal hashes whatever the width of their type
 * (SMALLINT 5, BIGINT 5, DECIMAL 5.00). NULL has one, too. */
uint32_t sql_value_hash(const struct sql_value *v, struct sql_type t);
/* <0, 0, >0; NULL last. */
int sql_value_compare(const struct sql_value *a, const struct sql_value *b, struct sql_type t);

/* time.c: the proleptic Gregorian calendar. */
int64_t sql_days_of(int64_t year, unsigned month, unsigned day);
void sql_days_split(int64_t days, int64_t *year, unsigned *month, unsigned *day);

#endif
