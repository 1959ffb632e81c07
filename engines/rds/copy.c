/* COPY table (columns) FROM stdin: lines of data until "\.", as pg_dump writes them. */
#include <stdlib.h>
#include <strings.h>

#include "engines/rds/dialect.h"

enum how { AS_TEXT, AS_BLOB, AS_BOOLEAN, AS_REAL };

struct copy {
	struct rds_dialect *d;
	sqlite3_stmt *stmt;
	struct buf table;
	struct buf columns; /* quoted, separated by ", "; empty: all */
	enum how *how;
	unsigned n;
	struct buf value; /* of one line's columns, one after the other */
};

static void copy_finish(struct copy *c)
{
	sqlite3_finalize(c->stmt);
	buf_free(&c->table);
	buf_free(&c->columns);
	buf_free(&c->value);
	free(c->how);
}

/* ---- the statement ---- */

static int parse(struct copy *c, const struct rds_words *w, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	unsigned i = 1;

	while (rds_word_is(w, i + 1, ".")) {
		i += 2;
	}
	sql_name(&w->at[i].token, &c->table);
	i++;
	if (rds_word_is(w, i, "(")) {
		for (i++; i < w->n && !rds_word_is(w, i - 1, ")"); i += 2) {
			buf_clear(&name);
			sql_name(&w->at[i].token, &name);
			buf_puts(&c->columns, c->columns.n > 0 ? ", " : "");
			rds_quote(&c->columns, buf_cstr(&name));
			c->n++;
		}
	}
	if (rds_words_are(w, i, "FROM STDIN") == 0 || i + 2 < w->n) {
		return err_set(err, EINVAL,
			"COPY: only \"COPY table (columns) FROM stdin\" without options is "
			"understood");
	}
	return 0;
}

static int add_column(struct copy *c, const char *type, struct err *err)
{
	enum how *more = realloc(c->how, (c->n + 1) * sizeof(*more));

	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	c->how = more;
	switch (rds_type_affinity(type)) {
	case RDS_AFFINITY_BLOB: c->how[c->n] = AS_BLOB; break;
	case RDS_AFFINITY_REAL: c->how[c->n] = AS_REAL; break;
	case RDS_AFFINITY_NUMERIC:
		c->how[c->n] = strncasecmp(type, "BOOL", 4) == 0 ? AS_BOOLEAN : AS_REAL;
		break;
	default: c->how[c->n] = AS_TEXT;
	}
	c->n++;
	return 0;
}

/* The declared types, by a SELECT of the same columns. */
static int find_types(struct copy *c, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	sqlite3_stmt *stmt = NULL;
	int rc = 0;

	buf_printf(&sql, "SELECT %s FROM ", c->columns.n > 0 ? buf_cstr(&c->columns) : "*");
	rds_quote(&sql, buf_cstr(&c->table));
	if (sqlite3_prepare_v2(c->d->db, buf_cstr(&sql), -1, &stmt, NULL) != SQLITE_OK) {
		return err_set(err, EINVAL, "%s", sqlite3_errmsg(c->d->db));
	}
	c->n = 0;
	for (int i = 0; rc == 0 && i < sqlite3_column_count(stmt); i++) {
		const char *type = sqlite3_column_decltype(stmt, i);
		rc = add_column(c, type != NULL ? type : "", err);
	}
	sqlite3_finalize(stmt);
	return rc;
}

static int prepare(struct copy *c, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;

	buf_puts(&sql, "INSERT INTO ");
	rds_quote(&sql, buf_cstr(&c->table));
	if (c->columns.n > 0) {
		buf_printf(&sql, " (%s)", buf_cstr(&c->columns));
	}
	for (unsigned i = 0; i < c->n; i++) {
		buf_puts(&sql, i == 0 ? " VALUES (?" : ", ?");
	}
	buf_putc(&sql, ')');
	int rc = buf_check(&sql, err);
	if (rc == 0 &&
		sqlite3_prepare_v2(c->d->db, buf_cstr(&sql), -1, &c->stmt, NULL) != SQLITE_OK) {
		rc = err_set(err, EINVAL, "%s", sqlite3_errmsg(c->d->db));
	}
	return rc;
}

/* ---- a line ---- */

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What stands behind a backslash at p; returns the bytes taken. */
static size_t escape(const char *p, const char *end, struct buf *out)
{
	static const char letters[] = "bfnrtv";
	static const char means[] = "\b\f\n\r\t\v";
	const char *known = *p != '\0' ? strchr(letters, *p) : NULL;
	size_t n = 0;
	int value = 0;

	if (known != NULL) {
		buf_putc(out, means[known - letters]);
		return 1;
	}
	for (; n < 3 && p + n < end && p[n] >= '0' && p[n] <= '7'; n++) {
		value = value * 8 + (p[n] - '0');
	}
	if (n > 0) {
		buf_putc(out, (char)value);
		return n;
	}
	buf_putc(out, *p);
	return 1;
}

static void unescape(struct slice field, struct buf *out)
{
	const char *end = field.p + field.n;

	for (const char *p = field.p; p < end;) {
		if (*p == '\\' && p + 1 < end) {
			p += 1 + escape(p + 1, end, out);
		} else {
			buf_putc(out, *p++);
		}
	}
}

/* \x6869: in place; a text that is no such stays as it is. */
static bool decode_hex(struct buf *b)
{
	if (b->n < 2 || b->n % 2 != 0 || b->p[0] != '\\' || b->p[1] != 'x') {
		return false;
	}
	for (size_t i = 2; i < b->n; i++) {
		if (hex(b->p[i]) < 0) {
			return false;
		}
	}
	for (size_t i = 1; 2 * i < b->n; i++) {
		b->p[i - 1] = (char)(hex(b->p[2 * i]) << 4 | hex(b->p[2 * i + 1]));
	}
	b->n = b->n / 2 - 1;
	return true;
}

static void bind(struct copy *c, unsigned i)
{
	int at = (int)i + 1;
	double real;

	if (c->how[i] == AS_BOOLEAN &&
		(slice_is(buf_slice(&c->value), "t") || slice_is(buf_slice(&c->value), "f"))) {
		sqlite3_bind_int(c->stmt, at, c->value.p[0] == 't');
	} else if (c->how[i] == AS_REAL && rds_real_read(buf_slice(&c->value), &real)) {
		sqlite3_bind_double(c->stmt, at, real);
	} else if (c->how[i] == AS_BLOB && decode_hex(&c->value)) {
		sqlite3_bind_blob64(c->stmt, at, c->value.n > 0 ? c->value.p : "", c->value.n,
			SQLITE_TRANSIENT);
	} else {
		sqlite3_bind_text64(c->stmt, at, c->value.n > 0 ? c->value.p : "", c->value.n,
			SQLITE_TRANSIENT, SQLITE_UTF8);
	}
}

static int run_line(struct copy *c, struct slice line, struct err *err)
{
	unsigned i = 0;

	sqlite3_reset(c->stmt);
	sqlite3_clear_bindings(c->stmt);
	for (bool more = true; more; i++) {
		const char *tab = line.n > 0 ? memchr(line.p, '\t', line.n) : NULL;
		struct slice field =
			slice_make(line.p, tab != NULL ? (size_t)(tab - line.p) : line.n);
		more = tab != NULL;
		if (i < c->n && !slice_is(field, "\\N")) {
			buf_clear(&c->value);
			unescape(field, &c->value);
			bind(c, i);
		}
		line = more ? slice_make(tab + 1, line.n - field.n - 1) : line;
	}
	if (i != c->n) {
		return err_set(err, EINVAL, "%u values for %u columns", i, c->n);
	}
	int rc = sqlite3_step(c->stmt);
	return rc == SQLITE_DONE ? buf_check(&c->value, err)
				 : err_set(err, EINVAL, "%s", sqlite3_errmsg(c->d->db));
}

static int run_lines(struct copy *c, struct sql_reader *r, struct err *err)
{
	struct sql_position where;
	struct slice line;
	int rc = sql_reader_rest_of_line(r, err);

	while (rc == 0 && (rc = sql_reader_line(r, &line, &where, err)) == 1) {
		if (slice_is(line, "\\.")) {
			return 0;
		}
		rc = run_line(c, line, err);
		if (rc < 0) {
			return err_wrap(
				err, "line %lu (data of COPY %s)", where.line, buf_cstr(&c->table));
		}
	}
	return rc < 0 ? rc
		      : err_set(err, EINVAL,
				"the text ends within the data of COPY %s: \\. is missing",
				buf_cstr(&c->table));
}

int rds_copy_run(struct rds_dialect *d, const struct sql_statement *st, struct sql_reader *r,
	struct err *err)
{
	CLEANUP(rds_words_free) struct rds_words w = {0};
	struct copy c = {.d = d};

	int rc = rds_words_read(&w, st->text, d->dialect, err);
	rc = rc < 0 ? rc : parse(&c, &w, err);
	rc = rc < 0 ? rc : find_types(&c, err);
	rc = rc < 0 ? rc : prepare(&c, err);
	rc = rc < 0 ? err_wrap(err, "line %lu", st->position.line) : run_lines(&c, r, err);
	copy_finish(&c);
	return rc;
}
