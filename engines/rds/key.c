/* Names of rows <-> values of their keys, one to one.
 *
 * A row is called by the values of its primary key joined by ','. A value stands as
 *
 *	7  -12       an integer
 *	1.5  1e+20   a real, in its shortest form; Inf, -Inf
 *	abc          a text. '\' is doubled; where the key has several columns
 *	             a ',' becomes '\,'
 *	"7"          a text that would read as a number, or begins with '"', in a
 *	             column that may hold numbers. In a TEXT column numbers cannot
 *	             be, so there 7 is the text
 *	\bAAEC       a blob, base64url
 *	\null:17     the whole name of a row with NULL in its key, which SQLite allows in
 *	             several rows: its rowid
 *
 * Without a primary key the name is the rowid, in a view the row's place.
 * What cannot be undone here (7 in a REAL column, a text in other capitals under NOCASE)
 * is found by printing the key of the row found once more: row_read.c. */
#include <stdlib.h>

#include "engines/common/base64.h"
#include "engines/rds/rows.h"

#define NULL_MARK "\\null:"

/* ---- printing ---- */

static bool reads_as_number(struct slice text)
{
	int64_t i;
	double r;
	return rds_integer_parse(text, &i) || rds_real_parse(text, &r);
}

static bool needs_quotes(enum rds_affinity affinity, struct slice text)
{
	return affinity != RDS_AFFINITY_TEXT &&
	       (reads_as_number(text) || (text.n > 0 && text.p[0] == '"'));
}

static void put_escaped(struct slice text, bool composite, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\\' || (composite && text.p[i] == ',')) {
			buf_putc(out, '\\');
		}
		buf_putc(out, text.p[i]);
	}
}

static void put_text(enum rds_affinity affinity, struct slice text, bool composite, struct buf *out)
{
	const char *quote = needs_quotes(affinity, text) ? "\"" : "";
	buf_puts(out, quote);
	put_escaped(text, composite, out);
	buf_puts(out, quote);
}

static void put_value(enum rds_affinity affinity, sqlite3_value *v, bool composite, struct buf *out)
{
	char number[RDS_NUMBER_MAX];
	int type = sqlite3_value_type(v);
	if (type == SQLITE_TEXT) {
		put_text(affinity, rds_value_slice(v), composite, out);
	} else if (type == SQLITE_BLOB) {
		buf_puts(out, "\\b");
		base64_encode(BASE64_URL, rds_value_slice(v), out);
	} else if (type == SQLITE_FLOAT || affinity == RDS_AFFINITY_REAL) {
		/* Within a hook SQLite shows a whole number in a REAL column as it is
		 * stored: an integer. */
		buf_append(out, number, rds_real_print(sqlite3_value_double(v), number));
	} else {
		buf_append(out, number, rds_integer_print(sqlite3_value_int64(v), number));
	}
}

static void put_rowid(const char *mark, int64_t rowid, struct buf *out)
{
	char number[RDS_NUMBER_MAX];
	buf_puts(out, mark);
	buf_append(out, number, rds_integer_print(rowid, number));
}

void rds_key_print(
	const struct rds_table *t, sqlite3_value *const *values, int64_t rowid, struct buf *out)
{
	if (t->n_key == 0) {
		put_rowid("", rowid, out);
		return;
	}
	for (unsigned i = 0; i < t->n_key; i++) {
		if (sqlite3_value_type(values[i]) == SQLITE_NULL) {
			put_rowid(NULL_MARK, rowid, out);
			return;
		}
	}
	for (unsigned i = 0; i < t->n_key; i++) {
		if (i > 0) {
			buf_putc(out, ',');
		}
		put_value(t->columns[t->key[i]].affinity, values[i], t->n_key > 1, out);
	}
}

int rds_key_of(const struct rds_table *t, sqlite3_stmt *stmt, struct buf *out, struct err *err)
{
	int64_t rowid = t->rowid != NULL ? sqlite3_column_int64(stmt, (int)t->n_columns) : 0;
	sqlite3_value *few[8];
	sqlite3_value **values = few;
	if (t->n_key > 8) {
		values = calloc(t->n_key, sizeof(sqlite3_value *));
		if (values == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
	}
	for (unsigned i = 0; i < t->n_key; i++) {
		values[i] = sqlite3_column_value(stmt, (int)t->key[i]);
	}
	rds_key_print(t, values, rowid, out);
	if (values != few) {
		free(values);
	}
	return buf_check(out, err);
}

/* ---- parsing ---- */

/* Undoes put_escaped(); false for what it never gives. */
static bool unescape(struct slice text, bool composite, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];
		if (c == '\\') {
			if (++i == text.n) {
				return false;
			}
			c = text.p[i];
			if (c != '\\' && !(composite && c == ',')) {
				return false;
			}
		}
		buf_putc(out, c);
	}
	return true;
}

static bool parse_text(enum rds_affinity affinity, struct slice text, bool composite,
	struct rds_value *v, struct buf *bytes)
{
	bool quoted = affinity != RDS_AFFINITY_TEXT && text.n > 0 && text.p[0] == '"';
	if (quoted) {
		if (text.n < 2 || text.p[text.n - 1] != '"') {
			return false;
		}
		text = slice_make(text.p + 1, text.n - 2);
	}
	*v = (struct rds_value){.type = SQLITE_TEXT, .at = bytes->n};
	if (!unescape(text, composite, bytes)) {
		return false;
	}
	v->n = bytes->n - v->at;
	struct slice value =
		bytes->p != NULL ? slice_make(bytes->p + v->at, v->n) : slice_make("", 0);
	return needs_quotes(affinity, value) == quoted;
}

static bool parse_blob(struct slice text, struct rds_value *v, struct buf *bytes)
{
	*v = (struct rds_value){.type = SQLITE_BLOB, .at = bytes->n};
	if (base64_decode(BASE64_URL, text, bytes) != NULL) {
		return false;
	}
	v->n = bytes->n - v->at;
	return true;
}

static bool parse_value(enum rds_affinity affinity, struct slice text, bool composite,
	struct rds_value *v, struct buf *bytes)
{
	if (text.n >= 2 && text.p[0] == '\\' && text.p[1] == 'b') {
		return parse_blob(slice_make(text.p + 2, text.n - 2), v, bytes);
	}
	*v = (struct rds_value){.type = SQLITE_INTEGER};
	if (affinity != RDS_AFFINITY_TEXT && rds_integer_parse(text, &v->integer)) {
		return affinity != RDS_AFFINITY_REAL;
	}
	v->type = SQLITE_FLOAT;
	if (affinity != RDS_AFFINITY_TEXT && rds_real_parse(text, &v->real)) {
		return true;
	}
	return parse_text(affinity, text, composite, v, bytes);
}

/* Up to the next ',' that is not escaped. */
static size_t segment(struct slice text)
{
	size_t i = 0;
	while (i < text.n && text.p[i] != ',') {
		i += text.p[i] == '\\' && i + 1 < text.n ? 2 : 1;
	}
	return i;
}

static bool parse_values(const struct rds_table *t, struct slice text, struct rds_key *out)
{
	bool composite = t->n_key > 1;
	for (unsigned i = 0; i < t->n_key; i++) {
		bool last = i + 1 == t->n_key;
		size_t n = composite ? segment(text) : text.n;
		if ((n == text.n) != last) {
			return false;
		}
		if (!parse_value(t->columns[t->key[i]].affinity, slice_make(text.p, n), composite,
			    &out->values[i], &out->bytes)) {
			return false;
		}
		out->n++;
		if (!last) {
			text = slice_make(text.p + n + 1, text.n - n - 1);
		}
	}
	return true;
}

static bool parse_rowid(const struct rds_table *t, struct slice text, struct rds_key *out)
{
	out->by_rowid = true;
	return rds_integer_parse(text, &out->rowid) && (!t->view || out->rowid > 0);
}

static bool is_null_row(const struct rds_table *t, struct slice text)
{
	size_t n = strlen(NULL_MARK);
	return t->sql[RDS_SQL_NULL_ROW] != NULL && text.n > n && memcmp(text.p, NULL_MARK, n) == 0;
}

int rds_key_parse(const struct rds_table *t, struct slice text, struct rds_key *out)
{
	*out = (struct rds_key){0};
	bool valid;
	if (t->n_key == 0) {
		valid = parse_rowid(t, text, out);
	} else if (is_null_row(t, text)) {
		size_t n = strlen(NULL_MARK);
		out->null_row = true;
		valid = parse_rowid(t, slice_make(text.p + n, text.n - n), out);
	} else {
		out->values = calloc(t->n_key, sizeof(*out->values));
		valid = out->values != NULL && parse_values(t, text, out) &&
			(!t->rowid_alias || out->values[0].type == SQLITE_INTEGER);
	}
	bool memory = !out->bytes.failed && (out->values != NULL || out->by_rowid || t->n_key == 0);
	if (!valid || !memory) {
		rds_key_finish(out);
		return memory ? -ENOENT : -ENOMEM;
	}
	return 0;
}

void rds_key_finish(struct rds_key *k)
{
	free(k->values);
	buf_free(&k->bytes);
	*k = (struct rds_key){0};
}
