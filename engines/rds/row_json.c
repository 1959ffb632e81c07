/* A row as JSON: columns in the order they were declared.
 *
 * One writer does it all: to a buffer, or only counting, so that a size never
 * differs from what is read. */
#include <math.h>

#include "engines/common/base64.h"
#include "engines/common/json.h"
#include "engines/rds/rows.h"

struct sink {
	struct buf *out; /* NULL: only counts */
	size_t n;
};

static void put(struct sink *s, const char *p, size_t n)
{
	s->n += n;
	if (s->out != NULL) {
		buf_append(s->out, p, n);
	}
}

static void put_string(struct sink *s, const char *text)
{
	put(s, text, strlen(text));
}

/* ---- values ---- */

static size_t quoted_size(struct slice text)
{
	size_t n = 2;
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c >= 0x20 && c != '"' && c != '\\') {
			n++;
		} else if (c == '"' || c == '\\' || strchr("\b\f\n\r\t", c) != NULL) {
			n += 2;
		} else {
			n += 6;
		}
	}
	return n;
}

static void put_tagged(struct sink *s, const char *tag, struct slice bytes)
{
	put_string(s, "{\"");
	put_string(s, tag);
	put_string(s, "\": \"");
	s->n += (bytes.n + 2) / 3 * 4;
	if (s->out != NULL) {
		base64_encode(BASE64_PADDED, bytes, s->out);
	}
	put_string(s, "\"}");
}

static void put_text(struct sink *s, struct slice text)
{
	if (memchr(text.p, '\0', text.n) != NULL || !utf8_valid(text)) {
		put_tagged(s, "$t", text);
		return;
	}
	if (s->out != NULL) {
		json_quote(s->out, text);
	}
	s->n += s->out != NULL ? 0 : quoted_size(text);
}

static void put_real(struct sink *s, double r)
{
	char number[RDS_NUMBER_MAX];
	if (isinf(r)) {
		put_string(s, r > 0 ? "{\"$n\": \"Infinity\"}" : "{\"$n\": \"-Infinity\"}");
		return;
	}
	put(s, number, rds_real_print(r, number));
}

static void put_value(struct sink *s, sqlite3_value *v)
{
	char number[RDS_NUMBER_MAX];
	switch (sqlite3_value_type(v)) {
	case SQLITE_INTEGER:
		put(s, number, rds_integer_print(sqlite3_value_int64(v), number));
		break;
	case SQLITE_FLOAT: put_real(s, sqlite3_value_double(v)); break;
	case SQLITE_TEXT: put_text(s, rds_value_slice(v)); break;
	case SQLITE_BLOB: put_tagged(s, "$b", rds_value_slice(v)); break;
	default: put_string(s, "null"); break;
	}
}

void rds_value_render(sqlite3_value *v, struct buf *out)
{
	struct sink s = {out, 0};
	put_value(&s, v);
}

/* ---- rows ---- */

static void put_row(struct sink *s, sqlite3_stmt *stmt, const struct rds_table *t, bool pretty)
{
	put_string(s, "{");
	for (unsigned i = 0; i < t->n_columns; i++) {
		const char *between = pretty ? ",\n  " : ", ";
		put_string(s, i > 0 ? between : pretty ? "\n  " : "");
		put_string(s, t->columns[i].json);
		put_string(s, ": ");
		put_value(s, sqlite3_column_value(stmt, (int)i));
	}
	put_string(s, pretty ? "\n}" : "}");
}

void rds_row_render(sqlite3_stmt *stmt, const struct rds_table *t, bool pretty, struct buf *out)
{
	struct sink s = {out, 0};
	put_row(&s, stmt, t, pretty);
}

size_t rds_row_size(sqlite3_stmt *stmt, const struct rds_table *t)
{
	struct sink s = {NULL, 0};
	put_row(&s, stmt, t, true);
	return s.n + 1;
}

/* ---- hashes ---- */

static uint64_t hash_value(uint64_t h, sqlite3_value *v)
{
	int type = sqlite3_value_type(v);
	struct {
		uint64_t before;
		uint64_t type;
		int64_t integer;
		double real;
	} head = {h, (uint64_t)type, 0, 0};
	struct slice bytes = slice_make(NULL, 0);
	if (type == SQLITE_INTEGER) {
		head.integer = sqlite3_value_int64(v);
	} else if (type == SQLITE_FLOAT) {
		head.real = sqlite3_value_double(v);
	} else if (type != SQLITE_NULL) {
		bytes = rds_value_slice(v);
	}
	return store_key_hash(slice_make(&head, sizeof(head)), bytes);
}

uint64_t rds_row_hash(sqlite3_stmt *stmt, const struct rds_table *t)
{
	uint64_t h = t->n_columns;
	for (unsigned i = 0; i < t->n_columns; i++) {
		h = store_key_hash(slice_make(&h, sizeof(h)), slice_of(t->columns[i].name));
		h = hash_value(h, sqlite3_column_value(stmt, (int)i));
	}
	return h == ENGINE_VERSION_ABSENT || h == ENGINE_VERSION_ANY ? 1 : h;
}
