#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/parse.h"

const char *const rs_diststyle_names[] = {"AUTO", "EVEN", "KEY", "ALL"};

static void cleanup_statement(struct rs_statement **s)
{
	rs_statement_free(*s);
}

/* How long the character at `at` is in UTF-8; 0: it is none (or NUL, which no script has). */
static size_t character(struct slice s, size_t at)
{
	unsigned char c = (unsigned char)s.p[at];
	size_t n = c < 0x80 ? 1 : c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	unsigned long value = n == 1 ? c : c & (0xffU >> (n + 1));
	if (c == 0 || (c >= 0x80 && c < 0xc2) || c > 0xf4 || s.n - at < n) {
		return 0;
	}
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s.p[at + i] & 0xc0) != 0x80) {
			return 0;
		}
		value = value << 6 | ((unsigned char)s.p[at + i] & 0x3fU);
	}
	bool wrong = (n == 3 && value < 0x800) || (n == 4 && value < 0x10000) || value > 0x10ffff ||
		     (value >= 0xd800 && value < 0xe000);
	return wrong ? 0 : n;
}

static int check_text(struct rs_parse *p, size_t from)
{
	for (size_t at = from; at < p->script.n;) {
		size_t n = character(p->script, at);
		if (n == 0) {
			return rs_refuse_at(p, at, EINVAL,
				"found the byte 0x%02x; UTF-8 is expected",
				(unsigned char)p->script.p[at]);
		}
		at += n;
	}
	return 0;
}

static int check_open(struct rs_parse *p, const struct rs_token *t)
{
	if (!t->open) {
		return 0;
	}
	return rs_refuse_at(p, t->at, EINVAL, "%s",
		t->kind == RS_TOKEN_END ? "a comment begins here that does not end"
					: "a quote opens here that is not closed");
}

/* Where the statement that begins with *t ends; *t becomes its semicolon or the end. */
static int find_end(struct rs_parse *p, struct rs_token *t, size_t *end)
{
	while (t->kind != RS_TOKEN_END && !rs_token_mark(p->script, t, ';')) {
		*end = rs_token_end(t);
		int rc = check_open(p, t);
		if (rc < 0) {
			return rc;
		}
		*t = rs_token_at(p->script, *end);
	}
	return check_open(p, t);
}

static int take_into(struct rs_parse *p, struct rs_statement *s)
{
	const json_t *rel = json_object_get(json_object_get(s->tree, "intoClause"), "rel");
	const char *name = json_string_value(json_object_get(rel, "relname"));
	const char *schema = json_string_value(json_object_get(rel, "schemaname"));
	const char *persistence = json_string_value(json_object_get(rel, "relpersistence"));
	if (name == NULL) {
		return 0;
	}
	s->kind = RS_CREATE_TABLE_AS;
	s->create.backup = true;
	s->create.temporary = name[0] == '#' || (persistence != NULL && *persistence == 't');
	s->create.name.name = strdup(name);
	s->create.name.schema = strdup(schema == NULL ? "" : schema);
	if (s->create.name.name == NULL || s->create.name.schema == NULL) {
		return err_set(p->err, ENOMEM, "no memory for a name");
	}
	json_object_del(s->tree, "intoClause");
	return 0;
}

/* The statement as a whole is PostgreSQL's. */
static int parse_tree(struct rs_parse *p, struct rs_statement *s)
{
	static const struct {
		const char *node;
		enum rs_statement_kind kind;
	} kinds[] = {{"SelectStmt", RS_SELECT}, {"InsertStmt", RS_INSERT},
		{"UpdateStmt", RS_UPDATE}, {"DeleteStmt", RS_DELETE}, {"MergeStmt", RS_MERGE}};
	const char *node;
	int rc = rs_pg_parse(p, p->token.at, (size_t)(s->text.p - p->script.p), &s->tree, &node);
	for (size_t i = 0; rc == 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(kinds[i].node, node) == 0) {
			s->kind = kinds[i].kind;
		}
	}
	return rc == 0 && s->kind == RS_SELECT ? take_into(p, s) : rc;
}

static int parse_explain(struct rs_parse *p, struct rs_statement *s)
{
	rs_next(p);
	rs_accept(p, "verbose");
	size_t at = p->token.at;
	if (rs_at_end(p)) {
		return rs_expected(p, "a SELECT");
	}
	int rc = parse_tree(p, s);
	if (rc == 0 && s->kind != RS_SELECT) {
		rc = rs_refuse_at(p, at, ENOTSUP, "EXPLAIN is not supported here but for a SELECT");
	}
	s->kind = RS_EXPLAIN;
	return rc;
}

static int parse_copy(struct rs_parse *p, struct rs_statement *s)
{
	rs_next(p);
	return rs_parse_copy(p, s);
}

static int parse_unload(struct rs_parse *p, struct rs_statement *s)
{
	rs_next(p);
	return rs_parse_unload(p, s);
}

static const struct {
	const char *word;
	int (*parse)(struct rs_parse *p, struct rs_statement *s);
} firsts[] = {
	{"SELECT", parse_tree},
	{"WITH", parse_tree},
	{"VALUES", parse_tree},
	{"INSERT", parse_tree},
	{"UPDATE", parse_tree},
	{"DELETE", parse_tree},
	{"MERGE", parse_tree},
	{"EXPLAIN", parse_explain},
	{"COPY", parse_copy},
	{"UNLOAD", parse_unload},
	{"CREATE", rs_parse_ddl},
	{"DROP", rs_parse_ddl},
	{"ALTER", rs_parse_ddl},
	{"TRUNCATE", rs_parse_ddl},
	{"VACUUM", rs_parse_ddl},
	{"ANALYZE", rs_parse_ddl},
	{"ANALYSE", rs_parse_ddl},
	{"COMMENT", rs_parse_ddl},
	{"BEGIN", rs_parse_ddl},
	{"START", rs_parse_ddl},
	{"COMMIT", rs_parse_ddl},
	{"END", rs_parse_ddl},
	{"ROLLBACK", rs_parse_ddl},
	{"ABORT", rs_parse_ddl},
	{"SET", rs_parse_ddl},
	{"RESET", rs_parse_ddl},
	{"GRANT", rs_parse_ddl},
	{"REVOKE", rs_parse_ddl},
};
#define N_FIRSTS (sizeof(firsts) / sizeof(firsts[0]))

static bool begins_with(const struct rs_parse *p, const char *upper)
{
	char lower[16];
	size_t n = 0;
	for (; upper[n] != '\0' && n + 1 < sizeof(lower); n++) {
		lower[n] = (char)(upper[n] | 0x20);
	}
	lower[n] = '\0';
	return rs_is(p, lower);
}

static int refuse_first(struct rs_parse *p)
{
	static const char *const others[] = {"CALL", "CANCEL", "CLOSE", "DEALLOCATE", "DECLARE",
		"DESC", "DESCRIBE", "EXECUTE", "FETCH", "LOCK", "PREPARE", "REASSIGN", "REFRESH",
		"SHOW", "USE", "ATTACH", "DETACH", NULL};
	const char *known[N_FIRSTS + 1] = {NULL};
	for (unsigned i = 0; others[i] != NULL; i++) {
		if (begins_with(p, others[i])) {
			return rs_unsupported(p, others[i]);
		}
	}
	for (size_t i = 0; i < N_FIRSTS; i++) {
		known[i] = firsts[i].word;
	}
	return rs_unknown(p, "a statement", known);
}

static int parse(struct rs_parse *p, struct rs_statement *s)
{
	if (rs_is_mark(p, '(')) {
		return parse_tree(p, s);
	}
	for (size_t i = 0; i < N_FIRSTS; i++) {
		if (begins_with(p, firsts[i].word)) {
			return firsts[i].parse(p, s);
		}
	}
	return refuse_first(p);
}

int rs_statement_next(struct slice script, size_t *at, struct rs_statement **out, struct err *err)
{
	struct rs_parse p = {.script = script, .err = err, .token = rs_token_at(script, *at)};
	while (rs_token_mark(script, &p.token, ';')) {
		rs_next(&p);
	}
	struct rs_token t = p.token;
	size_t end = t.at;
	int rc = find_end(&p, &t, &end);
	*at = rc < 0 ? script.n : rs_token_end(&t);
	p.script.n = end;
	rc = rc < 0 ? rc : check_text(&p, p.token.at);
	if (rc < 0 || end == p.token.at) {
		return rc;
	}
	struct rs_statement *s CLEANUP(cleanup_statement) = calloc(1, sizeof(*s));
	if (s == NULL) {
		return err_set(err, ENOMEM, "no memory for a statement");
	}
	unsigned long column;
	s->text = slice_make(script.p + p.token.at, end - p.token.at);
	rs_position(script, p.token.at, &s->line, &column);
	rc = parse(&p, s);
	if (rc < 0) {
		return rc;
	}
	*out = s;
	s = NULL;
	return 1;
}

bool rs_script_complete(struct slice script)
{
	unsigned depth = 0;
	struct rs_token t = rs_token_at(script, 0);
	for (; t.kind != RS_TOKEN_END && !t.open; t = rs_token_at(script, rs_token_end(&t))) {
		if (rs_token_mark(script, &t, '(')) {
			depth++;
		} else if (rs_token_mark(script, &t, ')')) {
			depth -= depth > 0;
		} else if (rs_token_mark(script, &t, ';')) {
			depth = 0;
		}
	}
	return !t.open && depth == 0;
}
