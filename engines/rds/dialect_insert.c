/* Values that PostgreSQL reads by the type of their column: a text like '\x6869' is bytes
 * in a bytea, '1962/2/18' a time in a timestamp. SQLite would keep the text. */
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/rds/dialect.h"

#define PLAIN ' '
#define BYTES 'b'
#define DATE  'd'
#define TIME  't'

/* ---- the columns' types ---- */

static char kind_of(const char *type)
{
	if (type == NULL) {
		return PLAIN;
	}
	if (strcasecmp(type, "BLOB") == 0) {
		return BYTES;
	}
	if (strncasecmp(type, "TIMESTAMP", 9) == 0) {
		return TIME;
	}
	if (strcasecmp(type, "DATE") == 0) {
		return DATE;
	}
	return PLAIN;
}

/* "INSERT INTO t (a, b)" becomes a SELECT that has the same columns. */
static void print_select(const struct rds_words *w, unsigned values, struct buf *sql)
{
	unsigned table = 2;

	while (table < values && w->at[table].dropped) {
		table++;
	}
	buf_puts(sql, "SELECT ");
	if (rds_word_is(w, table + 1, "(")) {
		rds_words_print(w, table + 2, rds_words_close(w, table + 1) - 1, sql);
	} else {
		buf_putc(sql, '*');
	}
	buf_puts(sql, " FROM ");
	rds_words_print(w, table, table + 1, sql);
}

/* INSERTs into one table follow each other, so the last one's types are kept. Those of a
 * table that is not there are nothing: SQLite says so itself. */
static int find_kinds(
	struct rds_dialect *d, const struct rds_words *w, unsigned values, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	sqlite3_stmt *stmt = NULL;

	print_select(w, values, &sql);
	if (d->insert_select.n > 0 && slice_equal(buf_slice(&sql), buf_slice(&d->insert_select))) {
		return 0;
	}
	buf_clear(&d->insert_select);
	buf_clear(&d->insert_kinds);
	if (sqlite3_prepare_v2(d->db, buf_cstr(&sql), -1, &stmt, NULL) == SQLITE_OK) {
		buf_append_slice(&d->insert_select, buf_slice(&sql));
		for (int i = 0; i < sqlite3_column_count(stmt); i++) {
			buf_putc(&d->insert_kinds, kind_of(sqlite3_column_decltype(stmt, i)));
		}
	}
	sqlite3_finalize(stmt);
	int rc = buf_check(&d->insert_select, err);
	return rc < 0 ? rc : buf_check(&d->insert_kinds, err);
}

/* ---- one value ---- */

static void bytes_value(struct rds_words *w, unsigned i)
{
	struct slice text = w->at[i].token.text;

	if (text.n < 4 || text.n % 2 != 0 || text.p[1] != '\\' || text.p[2] != 'x' ||
		strspn(text.p + 3, "0123456789abcdefABCDEF") != text.n - 4) {
		return;
	}
	struct buf *out = rds_word_replace(w, i);
	buf_puts(out, "X'");
	buf_append(out, text.p + 3, text.n - 3);
}

/* '1962/2/18', perhaps with a time of day behind it. */
static void time_value(struct rds_words *w, unsigned i, bool with_time)
{
	char copy[40];
	int n[6] = {0};
	int end = 0;
	struct slice text = w->at[i].token.text;

	if (text.n < 10 || text.n >= sizeof(copy)) {
		return;
	}
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	char *at = copy + 1;
	for (int k = 0; k < 6; k++) {
		char *behind;
		long value = strtol(at, &behind, 10);
		if (behind == at || value < 0 || value > 9999) {
			return;
		}
		n[k] = (int)value;
		end = k + 1;
		if (*behind == '\'') {
			break;
		}
		if (*behind != "// ::"[k < 5 ? k : 4]) {
			return;
		}
		at = behind + 1;
	}
	if (end != 3 && end != 6) {
		return;
	}
	struct buf *out = rds_word_replace(w, i);
	buf_printf(out, "'%04d-%02d-%02d", n[0], n[1], n[2]);
	if (with_time) {
		buf_printf(out, " %02d:%02d:%02d", n[3], n[4], n[5]);
	}
	buf_putc(out, '\'');
}

static void value(struct rds_words *w, unsigned i, char kind)
{
	if (w->at[i].token.kind != SQL_STRING || w->at[i].replaced ||
		w->at[i].token.text.p[0] != '\'') {
		return;
	}
	if (kind == BYTES) {
		bytes_value(w, i);
	} else if (kind == TIME || kind == DATE) {
		time_value(w, i, kind == TIME);
	}
}

int rds_translate_values(struct rds_dialect *d, struct rds_words *w, struct err *err)
{
	unsigned values = 2;
	unsigned depth = 0;
	size_t column = 0;

	while (values < w->n && !rds_word_is(w, values, "VALUES")) {
		values++;
	}
	if (values == w->n || !rds_word_is(w, 1, "INTO")) {
		return 0;
	}
	int rc = find_kinds(d, w, values, err);
	for (unsigned i = values + 1; rc == 0 && i < w->n; i++) {
		if (rds_word_is(w, i, "(")) {
			column = depth++ == 0 ? 0 : column;
		} else if (rds_word_is(w, i, ")")) {
			depth -= depth > 0 ? 1 : 0;
		} else if (depth == 1 && rds_word_is(w, i, ",")) {
			column++;
		} else if (depth == 1 && column < d->insert_kinds.n) {
			value(w, i, d->insert_kinds.p[column]);
		}
	}
	return rc;
}
