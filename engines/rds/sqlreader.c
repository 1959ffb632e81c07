/* Statements, one after the other, out of a text of any length: only the one
 * being read is in memory. */
#include "engines/rds/sqltext.h"

#include <errno.h>

#define FILL_BYTES	((size_t)256 * 1024)
#define STATEMENT_BYTES ((size_t)512 * 1024 * 1024)

void sql_reader_init(struct sql_reader *r, struct spill *text, enum sql_dialect dialect)
{
	*r = (struct sql_reader){.text = text, .dialect = dialect, .here = {1, 1}};
}

void sql_reader_finish(struct sql_reader *r)
{
	buf_free(&r->window);
	buf_free(&r->delimiter);
}

/* ---- the window ---- */

static bool at_end(const struct sql_reader *r)
{
	return r->read >= spill_size(r->text);
}

/* As much again as there is, so that a long token is not looked at too often. */
static int fill(struct sql_reader *r, struct err *err)
{
	size_t before = r->window.n;
	bool first = r->read == 0;

	if (before > STATEMENT_BYTES) {
		return err_set(err, EFBIG, "line %lu: a statement longer than %zu MiB",
			r->here.line, STATEMENT_BYTES >> 20);
	}
	int rc = spill_read(
		r->text, r->read, before > FILL_BYTES ? before : FILL_BYTES, &r->window, err);
	if (rc < 0) {
		return rc;
	}
	r->read += r->window.n - before;
	if (first && r->window.n >= 3 && memcmp(r->window.p, "\xef\xbb\xbf", 3) == 0) {
		memmove(r->window.p, r->window.p + 3, r->window.n - 3);
		r->window.n -= 3;
	}
	return 0;
}

/* Leaves behind what was returned last. Moving the rest for each short statement
 * would cost more than reading them, so that is done when little is left. */
static int advance(struct sql_reader *r, struct err *err)
{
	/* Of an empty text, too, there is a place. */
	if (r->window.p == NULL && !buf_reserve(&r->window, FILL_BYTES)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	sql_advance(&r->here, slice_make(r->window.p + r->start, r->next - r->start));
	r->start = r->next;
	if (r->window.n - r->start >= FILL_BYTES / 4 || at_end(r)) {
		return 0;
	}
	memmove(r->window.p, r->window.p + r->start, r->window.n - r->start);
	r->window.n -= r->start;
	r->start = 0;
	r->next = 0;
	return fill(r, err);
}

/* ---- whose SQL it is ---- */

static bool holds(struct slice text, const char *what)
{
	return text.p != NULL && text.n > 0 && memmem(text.p, text.n, what, strlen(what)) != NULL;
}

static enum sql_dialect comment_mark(struct slice gap)
{
	if (holds(gap, "MySQL dump") || holds(gap, "MariaDB dump") || holds(gap, "phpMyAdmin") ||
		holds(gap, "DB Server: MySql")) {
		return SQL_MYSQL;
	}
	if (holds(gap, "PostgreSQL database") || holds(gap, "DB Server: PostgreSql")) {
		return SQL_POSTGRES;
	}
	for (const char *p = gap.p; (p = memmem(p, gap.n - (size_t)(p - gap.p), "/*!", 3)) != NULL;
		p += 3) {
		if ((size_t)(p - gap.p) + 3 < gap.n && p[3] >= '0' && p[3] <= '9') {
			return SQL_MYSQL;
		}
	}
	return SQL_UNKNOWN;
}

static bool is_any(const struct sql_token *t, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (sql_is(t, *words)) {
			return true;
		}
	}
	return false;
}

static enum sql_dialect token_mark(const struct sql_token *t, bool first)
{
	static const char *const postgres[] = {"::", "SERIAL", "BIGSERIAL", "SMALLSERIAL",
		"PG_CATALOG", "NEXTVAL", "SETVAL", "OWNER", "STDIN", "BYTEA", NULL};
	static const char *const mysql[] = {
		"ENGINE", "AUTO_INCREMENT", "UNSIGNED", "DELIMITER", "UNLOCK", NULL};

	if (first && (sql_is(t, "PRAGMA") || sql_is(t, "ATTACH"))) {
		return SQL_SQLITE;
	}
	if (first && sql_is(t, "USE")) {
		return SQL_MYSQL;
	}
	if (first && (sql_is(t, "\\"))) {
		return SQL_POSTGRES;
	}
	if (t->kind == SQL_STRING && (t->text.p[0] == 'E' || t->text.p[0] == '$')) {
		return SQL_POSTGRES;
	}
	if (t->kind != SQL_WORD && t->kind != SQL_MARK) {
		return SQL_UNKNOWN;
	}
	return is_any(t, mysql) ? SQL_MYSQL : is_any(t, postgres) ? SQL_POSTGRES : SQL_UNKNOWN;
}

/* ---- where a statement ends ---- */

struct scan {
	size_t start; /* of its first token, in the window */
	size_t end;   /* behind its last */
	size_t at;    /* where the next token is looked for */
	unsigned n_tokens;
	bool create;
	bool trigger;
	bool body;	/* of a trigger: BEGIN was seen */
	bool semicolon; /* the last token was ';' */
	bool end_word;	/* the last token was END, and ';' before it */
};

/* A trigger's body has statements of its own; it ends with "; END". */
static void follow_trigger(struct scan *s, const struct sql_token *t)
{
	s->create = s->create || (s->n_tokens == 0 && sql_is(t, "CREATE"));
	if (s->create && s->n_tokens <= 4 && sql_is(t, "TRIGGER")) {
		s->trigger = true;
	}
	s->body = s->body || (s->trigger && sql_is(t, "BEGIN"));
	s->end_word = s->semicolon && sql_is(t, "END");
	s->semicolon = sql_is(t, ";");
}

/* The length of what ends the statement when `t` begins it, else 0. */
static size_t end_mark(const struct sql_reader *r, const struct scan *s, const struct sql_token *t)
{
	struct slice d = buf_slice(&r->delimiter);
	size_t at = s->at + t->gap;

	if (d.n == 0) {
		return sql_is(t, ";") && (!s->body || s->end_word) ? 1 : 0;
	}
	return r->window.n - at >= d.n && memcmp(r->window.p + at, d.p, d.n) == 0 ? d.n : 0;
}

static int endless(const struct sql_reader *r, size_t at, struct err *err)
{
	struct sql_position where = r->here;

	while (at < r->window.n && strchr(" \t\r\n", r->window.p[at]) != NULL) {
		at++;
	}
	sql_advance(&where, slice_make(r->window.p + r->start, at - r->start));
	return err_set(err, EINVAL,
		"line %lu, column %lu: a string, a quoted name or a comment that begins here has "
		"no end%s",
		where.line, where.column,
		r->dialect == SQL_UNKNOWN
			? " (if this is MySQL's SQL, let its first line be \"-- MySQL dump\")"
			: "");
}

/* The token at s->at: 0, or -errno. The window may grow; what is in it stays where it is. */
static int next_token(
	struct sql_reader *r, const struct scan *s, struct sql_token *t, struct err *err)
{
	for (;;) {
		int rc = sql_token(buf_slice(&r->window), s->at, r->dialect, at_end(r), t);
		if (rc > 0) {
			return 0;
		}
		rc = rc < 0 ? endless(r, s->at, err) : fill(r, err);
		if (rc < 0) {
			return rc;
		}
	}
}

/* As next_token, and learns whose SQL the text is: then the token is read again in that light. */
static int learn_token(
	struct sql_reader *r, const struct scan *s, struct sql_token *t, struct err *err)
{
	int rc = next_token(r, s, t, err);

	if (rc < 0 || r->dialect != SQL_UNKNOWN) {
		return rc;
	}
	if (t->gap > 0) {
		r->dialect = comment_mark(slice_make(r->window.p + s->at, t->gap));
	}
	if (r->dialect == SQL_UNKNOWN) {
		r->dialect = token_mark(t, s->n_tokens == 0);
	}
	return r->dialect == SQL_UNKNOWN ? rc : next_token(r, s, t, err);
}

/* ---- lines ---- */

/* The end of the line that `at` is in; the window grows until it is there. */
static int find_line(struct sql_reader *r, size_t at, size_t *end, struct err *err)
{
	for (size_t from = at;;) {
		const char *p = r->window.n > from
					? memchr(r->window.p + from, '\n', r->window.n - from)
					: NULL;
		if (p != NULL || at_end(r)) {
			*end = p != NULL ? (size_t)(p - r->window.p) : r->window.n;
			return 0;
		}
		from = r->window.n;
		int rc = fill(r, err);
		if (rc < 0) {
			return rc;
		}
	}
}

/* Takes the line from `at` on. */
static struct slice take_line(struct sql_reader *r, size_t at, size_t end)
{
	r->next = end < r->window.n ? end + 1 : end;
	if (end > at && r->window.p[end - 1] == '\r') {
		end--;
	}
	return slice_make(r->window.p + at, end - at);
}

int sql_reader_line(
	struct sql_reader *r, struct slice *out, struct sql_position *where, struct err *err)
{
	size_t end;
	int rc = advance(r, err);

	rc = rc < 0 ? rc : find_line(r, r->start, &end, err);
	if (rc < 0 || r->start == r->window.n) {
		return rc;
	}
	*where = r->here;
	*out = take_line(r, r->start, end);
	return 1;
}

int sql_reader_rest_of_line(struct sql_reader *r, struct err *err)
{
	size_t end;
	int rc = find_line(r, r->next, &end, err);

	if (rc == 0) {
		take_line(r, r->next, end);
	}
	return rc;
}

/* ---- statements ---- */

/* DELIMITER ;; is a line for MySQL's client: what ends statements from here on. */
static int take_delimiter(struct sql_reader *r, const struct scan *s, struct err *err)
{
	size_t end;
	int rc = find_line(r, s->at, &end, err);

	if (rc < 0) {
		return rc;
	}
	struct slice line = take_line(r, s->at, end);
	while (line.n > 0 && (line.p[0] == ' ' || line.p[0] == '\t')) {
		line = slice_make(line.p + 1, line.n - 1);
	}
	while (line.n > 0 && (line.p[line.n - 1] == ' ' || line.p[line.n - 1] == '\t')) {
		line.n--;
	}
	buf_clear(&r->delimiter);
	if (!slice_is(line, ";")) {
		buf_append_slice(&r->delimiter, line);
	}
	return buf_check(&r->delimiter, err);
}

static int take_client(
	struct sql_reader *r, const struct scan *s, struct sql_statement *out, struct err *err)
{
	size_t end;
	int rc = find_line(r, s->start, &end, err);

	if (rc < 0) {
		return rc;
	}
	out->client = true;
	out->text = take_line(r, s->start, end);
	return 1;
}

static int finish_statement(
	struct sql_reader *r, const struct scan *s, size_t next, struct sql_statement *out)
{
	out->client = false;
	out->text = slice_make(r->window.p + s->start, s->end - s->start);
	r->next = next;
	return 1;
}

enum { GO_ON = 2, AGAIN = 3 };

/* What `t` means for the statement: it is whole (1), there is none (0), it goes on, or
 * something else was there and it begins anew. */
static int take_token(struct sql_reader *r, struct scan *s, const struct sql_token *t,
	struct sql_statement *out, struct err *err)
{
	size_t start = s->at + t->gap;
	size_t behind = start + t->text.n;
	size_t mark = end_mark(r, s, t);

	if (t->kind == SQL_END) {
		return s->n_tokens > 0 ? finish_statement(r, s, behind, out) : 0;
	}
	if (s->n_tokens == 0) {
		s->start = start;
		out->position = r->here;
		sql_advance(&out->position, slice_make(r->window.p + r->start, start - r->start));
		if (mark > 0) {
			r->next = start + mark;
			return AGAIN;
		}
		if (sql_is(t, "\\") && r->dialect == SQL_POSTGRES) {
			return take_client(r, s, out, err);
		}
		if (sql_is(t, "DELIMITER") && r->dialect == SQL_MYSQL) {
			s->at = behind;
			int rc = take_delimiter(r, s, err);
			return rc < 0 ? rc : AGAIN;
		}
	} else if (mark > 0) {
		return finish_statement(r, s, start + mark, out);
	}
	follow_trigger(s, t);
	s->n_tokens++;
	s->at = s->end = behind;
	return GO_ON;
}

int sql_reader_next(struct sql_reader *r, struct sql_statement *out, struct err *err)
{
	int rc;

	do {
		struct scan s = {0};
		struct sql_token t;
		rc = advance(r, err);
		s.at = r->start;
		while (rc >= 0) {
			rc = learn_token(r, &s, &t, err);
			rc = rc < 0 ? rc : take_token(r, &s, &t, out, err);
			if (rc != GO_ON) {
				break;
			}
		}
	} while (rc == AGAIN);
	return rc;
}
