/* What columns a text's records have, by looking at all of them. A column is INTEGER
 * when each value is written as SQLite would write that integer (so "007" and "+1" are
 * text), REAL when each is a number, else TEXT. */
#include <stdlib.h>
#include <strings.h>

#include "engines/rds/import.h"

enum type { NOTHING, INTEGER, REAL, TEXT, BLOB };

struct column {
	char *name;
	enum type type;
	bool null; /* some row has none */
	uint64_t n;
};

struct columns {
	struct column *at;
	unsigned n;
	uint64_t rows;
	unsigned depth;	 /* json: open brackets */
	unsigned column; /* json: the member being read */
	bool tag;	 /* json: within {"$b": ..} */
	enum type tagged;
};

static void columns_finish(struct columns *c)
{
	for (unsigned i = 0; i < c->n; i++) {
		free(c->at[i].name);
	}
	free(c->at);
}

static int add_column(struct columns *c, struct slice name, struct err *err)
{
	struct column *more = realloc(c->at, (c->n + 1) * sizeof(*more));

	if (more != NULL) {
		c->at = more;
		more[c->n] = (struct column){.name = strndup(name.n > 0 ? name.p : "", name.n)};
	}
	if (more == NULL || more[c->n].name == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	c->n++;
	return 0;
}

static bool find_column(const struct columns *c, struct slice name, unsigned *out)
{
	for (unsigned i = 0; i < c->n; i++) {
		if (strlen(c->at[i].name) == name.n &&
			strncasecmp(c->at[i].name, name.p, name.n) == 0) {
			*out = i;
			return true;
		}
	}
	return false;
}

/* ---- types ---- */

static bool is_integer(struct slice text)
{
	int64_t value;

	return rds_integer_parse(text, &value);
}

static bool is_real(struct slice text)
{
	size_t digits = text.n > 0 && text.p[0] == '-' ? 1 : 0;
	double value;

	/* 00.5 and .5 are spellings that would be lost. */
	if (text.n < digits + 2 || text.p[digits] < '0' || text.p[digits] > '9' ||
		(text.p[digits] == '0' && text.p[digits + 1] != '.')) {
		return false;
	}
	return text.n <= 17 && rds_real_read(text, &value);
}

static void widen(struct column *c, enum type type)
{
	c->n++;
	c->type = type > c->type ? type : c->type;
}

static void see_text(struct column *c, struct slice text)
{
	if (c->type < TEXT) {
		widen(c, is_integer(text) ? INTEGER : is_real(text) ? REAL : TEXT);
	} else {
		c->n++;
	}
}

/* ---- csv, tsv ---- */

static int take_header(struct columns *c, const struct rds_records *r, struct err *err)
{
	unsigned twice;
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < r->n_fields; i++) {
		struct slice name = rds_field_text(r, i);
		if (name.n == 0) {
			return err_set(err, EINVAL, "line %lu: column %u of the header has no name",
				r->line, i + 1);
		}
		if (find_column(c, name, &twice)) {
			return err_set(err, EINVAL, "line %lu: column %s is twice in the header",
				r->line, c->at[twice].name);
		}
		rc = add_column(c, name, err);
	}
	return rc;
}

static int infer_separated(
	struct columns *c, struct spill *text, enum rds_text_format format, struct err *err)
{
	CLEANUP(rds_records_finish) struct rds_records r;
	int rc;

	rds_records_init(&r, text, format);
	rc = rds_records_next(&r, err);
	rc = rc == 1   ? take_header(c, &r, err)
	     : rc == 0 ? err_set(err, EINVAL,
				 "the text is empty: a header with names of columns is expected")
		       : rc;
	r.keep_blank = c->n == 1;
	while (rc >= 0 && (rc = rds_records_next(&r, err)) == 1) {
		c->rows++;
		for (unsigned i = 0; i < r.n_fields && i < c->n; i++) {
			if (!r.fields[i].null) {
				see_text(&c->at[i], rds_field_text(&r, i));
			}
		}
	}
	return rc;
}

/* ---- json ---- */

static int see_member(struct columns *c, struct slice name, struct err *err)
{
	return find_column(c, name, &c->column) ? 0 : (c->column = c->n, add_column(c, name, err));
}

static int refuse_nested(const struct columns *c, struct json_pos at, struct err *err)
{
	return err_set(err, EINVAL,
		"line %lu, column %lu: %s holds an array or an object: a column holds a number, a "
		"text, "
		"true, false, null or {\"$b\": base64}",
		at.line, at.column, c->at[c->column].name);
}

/* `row` is the depth at which a row's members stand. */
static int json_event(
	void *arg, enum json_event event, struct slice text, struct json_pos at, struct err *err)
{
	struct columns *c = arg;

	switch (event) {
	case JSON_EV_OBJECT_BEGIN:
		c->depth++;
		c->rows += c->depth == 1;
		c->tag = c->depth == 2;
		return c->depth > 2 ? refuse_nested(c, at, err) : 0;
	case JSON_EV_OBJECT_END:
		c->depth--;
		if (c->tag) {
			widen(&c->at[c->column], c->tagged);
		}
		c->tag = false;
		return 0;
	case JSON_EV_ARRAY_BEGIN: return c->depth > 0 ? refuse_nested(c, at, err) : 0;
	case JSON_EV_ARRAY_END: return 0;
	case JSON_EV_KEY:
		if (!c->tag) {
			return see_member(c, text, err);
		}
		c->tagged = slice_is(text, "$b") ? BLOB : slice_is(text, "$n") ? REAL : TEXT;
		return text.n == 2 && text.p[0] == '$' ? 0 : refuse_nested(c, at, err);
	default: break;
	}
	if (c->depth != 1 || event == JSON_EV_NULL) {
		return 0;
	}
	if (event == JSON_EV_NUMBER) {
		widen(&c->at[c->column], is_integer(text) ? INTEGER : REAL);
	} else {
		widen(&c->at[c->column], event == JSON_EV_STRING ? TEXT : INTEGER);
	}
	return 0;
}

#define PIECE_BYTES ((size_t)256 * 1024)

static int infer_json(struct columns *c, struct spill *text, struct err *err)
{
	CLEANUP(buf_free) struct buf piece = BUF_INIT;
	struct json_reader *reader = json_reader_new(json_event, c, 0, true);
	int rc = reader != NULL ? 0 : err_set(err, ENOMEM, "out of memory");

	for (uint64_t at = 0; rc == 0 && at < spill_size(text); at += piece.n) {
		buf_clear(&piece);
		rc = spill_read(text, at, PIECE_BYTES, &piece, err);
		rc = rc < 0 ? rc : json_feed(reader, buf_slice(&piece), err);
	}
	json_reader_free(reader);
	if (rc == 0 && c->n == 0) {
		rc = err_set(err, EINVAL,
			"there is no row with a column: the table's columns are not known");
	}
	return rc;
}

/* ---- the statement ---- */

/* "id", "track_id", "TrackId", "ID": what people call a key. */
static bool is_key_name(const char *name)
{
	size_t n = strlen(name);

	return n >= 2 && strcasecmp(name + n - 2, "id") == 0 &&
	       (n == 2 || name[n - 3] == '_' || (name[n - 2] == 'I'));
}

static void print(
	const char *table, const struct columns *c, bool key, struct buf *sql, struct buf *told)
{
	static const char *const names[] = {"TEXT", "INTEGER", "REAL", "TEXT", "BLOB"};

	buf_puts(sql, "CREATE TABLE ");
	rds_quote(sql, table);
	buf_puts(sql, " (");
	buf_puts(told, "columns:");
	for (unsigned i = 0; i < c->n; i++) {
		const char *type = names[c->at[i].type];
		const char *more = key && i == 0 ? " PRIMARY KEY" : "";
		buf_puts(sql, i > 0 ? ",\n\t" : "\n\t");
		rds_quote(sql, c->at[i].name);
		buf_printf(sql, " %s%s", type,
			key && i == 0 && c->at[i].type != INTEGER ? " NOT NULL PRIMARY KEY" : more);
		buf_printf(told, "%s %s %s%s", i > 0 ? "," : "", c->at[i].name, type, more);
	}
	buf_puts(sql, "\n)");
	buf_putc(told, '\n');
}

int rds_import_infer(const char *table, struct spill *text, enum rds_text_format format, bool *key,
	struct buf *sql, struct buf *told, struct err *err)
{
	struct columns c = {0};

	int rc = format == RDS_JSON ? infer_json(&c, text, err)
				    : infer_separated(&c, text, format, err);
	if (rc == 0 && c.n > 0) {
		*key = *key && is_key_name(c.at[0].name) && c.at[0].n == c.rows && c.rows > 0 &&
		       (c.at[0].type == INTEGER || c.at[0].type == TEXT);
		print(table, &c, *key, sql, told);
		rc = buf_check(sql, err);
		rc = rc < 0 ? rc : buf_check(told, err);
	}
	columns_finish(&c);
	return rc;
}
