/* PostgreSQL's own parser, over a text in which Redshift's words have been replaced (words.c). */
#include <errno.h>
#include <pg_query.h>
#include <stdio.h>

#include "engines/common/cleanup.h"
#include "engines/common/suggest.h"
#include "engines/redshift/sql/parse.h"
#include "engines/redshift/sql/tree.h"

static const char *const clauses[] = {"SELECT", "FROM", "WHERE", "GROUP", "BY", "HAVING", "ORDER",
	"LIMIT", "OFFSET", "JOIN", "LEFT", "RIGHT", "FULL", "INNER", "OUTER", "CROSS", "ON",
	"USING", "UNION", "EXCEPT", "INTERSECT", "DISTINCT", "CASE", "WHEN", "THEN", "ELSE", "END",
	"AND", "OR", "NOT", "BETWEEN", "LIKE", "IN", "IS", "NULL", "AS", "OVER", "PARTITION",
	"VALUES", "INTO", "SET", "INSERT", "UPDATE", "DELETE", "QUALIFY", "DESC", "ASC", NULL};

/* The library counts characters from 1. */
static size_t byte_of(struct slice text, int cursor)
{
	size_t at = 0;
	for (int i = 1; i < cursor && at < text.n; i++) {
		at++;
		while (at < text.n && ((unsigned char)text.p[at] & 0xc0) == 0x80) {
			at++;
		}
	}
	return at;
}

static int refuse(
	struct rs_parse *p, const struct rs_words *w, size_t from, const PgQueryError *error)
{
	struct rs_parse there = *p;
	size_t at = rs_words_origin(w, from, byte_of(buf_slice(&w->text), error->cursorpos));
	there.token = rs_token_at(p->script, at > p->script.n ? p->script.n : at);
	if (error->cursorpos > 0 && strncmp(error->message, "syntax error", 12) == 0) {
		return rs_unknown(&there, "something that can stand here", clauses);
	}
	return rs_refuse(&there, EINVAL, "%s", error->message);
}

/* Positions become the script's, or, in the end, count from `base`. */
static void move_positions(
	json_t *tree, size_t (*moved)(const void *arg, size_t at), const void *arg)
{
	const char *key;
	json_t *member;
	size_t i;
	if (json_is_array(tree)) {
		json_array_foreach (tree, i, member) {
			move_positions(member, moved, arg);
		}
	} else if (json_is_object(tree)) {
		json_object_foreach (tree, key, member) {
			if (strcmp(key, "location") == 0 && json_integer_value(member) >= 0) {
				size_t at = moved(arg, (size_t)json_integer_value(member));
				json_integer_set(member, (json_int_t)at);
			} else {
				move_positions(member, moved, arg);
			}
		}
	}
}

struct origin {
	const struct rs_words *words;
	size_t from;
};

static size_t to_script(const void *arg, size_t at)
{
	const struct origin *o = arg;
	return rs_words_origin(o->words, o->from, at);
}

static size_t to_base(const void *arg, size_t at)
{
	const size_t *base = arg;
	return at - *base;
}

/* The only statement's node. */
static int only_statement(
	struct rs_parse *p, const char *text, size_t from, json_t **tree, const char **kind)
{
	static const char *const kinds[] = {
		"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", NULL};
	json_error_t why;
	json_auto_t *whole = json_loads(text, 0, &why);
	if (whole == NULL) {
		return rs_refuse_at(p, from, EINVAL, "a statement that is nested too deeply");
	}
	json_t *statements = json_object_get(whole, "stmts");
	if (json_array_size(statements) != 1) {
		return rs_refuse_at(p, from, EINVAL, "found %zu statements; one is expected",
			json_array_size(statements));
	}
	json_t *node = json_object_get(json_array_get(statements, 0), "stmt");
	for (unsigned i = 0; kinds[i] != NULL; i++) {
		json_t *body = json_object_get(node, kinds[i]);
		if (body != NULL) {
			*kind = kinds[i];
			*tree = json_incref(body);
			return 0;
		}
	}
	return rs_refuse_at(p, from, EINVAL,
		"found another statement; SELECT, INSERT, UPDATE, DELETE or MERGE is expected");
}

int rs_pg_parse(struct rs_parse *p, size_t from, size_t base, json_t **tree, const char **kind)
{
	CLEANUP(rs_words_free) struct rs_words words = {0};
	json_auto_t *made = NULL;
	int rc = rs_depth_check(p, from);
	rc = rc < 0 ? rc : rs_words_out(p, from, &words);
	if (rc < 0) {
		return rc;
	}
	PgQueryParseResult result = pg_query_parse(words.text.p);
	rc = result.error != NULL ? refuse(p, &words, from, result.error)
				  : only_statement(p, result.parse_tree, from, &made, kind);
	pg_query_free_parse_result(result);
	if (rc < 0) {
		return rc;
	}
	rs_tree_mend(made, words.text.p);
	struct origin origin = {&words, from};
	move_positions(made, to_script, &origin);
	rc = rs_words_back(p, &words, made);
	if (rc == 0) {
		move_positions(made, to_base, &base);
		*tree = json_incref(made);
	}
	return rc;
}

int rs_pg_select(struct rs_parse *p, size_t from, size_t base, json_t **tree)
{
	const char *kind;
	json_auto_t *made = NULL;
	int rc = rs_pg_parse(p, from, base, &made, &kind);
	if (rc == 0 && strcmp(kind, "SelectStmt") != 0) {
		rc = rs_refuse_at(p, from, EINVAL, "found another statement; a SELECT is expected");
	}
	if (rc == 0) {
		*tree = json_incref(made);
	}
	return rc;
}

/* Whether parentheses match by themselves, so that the text cannot end those put around it. */
static int check_closed(struct rs_parse *p)
{
	unsigned depth = 0;
	while (!rs_at_end(p)) {
		if (rs_is_mark(p, ')') && depth-- == 0) {
			return rs_expected(p, "an expression");
		}
		depth += rs_is_mark(p, '(');
		if (rs_is_mark(p, ';') || p->token.open) {
			return rs_expected(p, "an expression");
		}
		rs_next(p);
	}
	return depth > 0 || p->token.open ? rs_expected(p, ")") : 0;
}

#define BEFORE "select (\n"

static void before_it(json_t *tree)
{
	size_t before = sizeof(BEFORE) - 1;
	move_positions(tree, to_base, &before);
}

int rs_expression_parse(struct slice text, json_t **tree, struct err *err)
{
	CLEANUP(buf_free) struct buf whole = BUF_INIT;
	json_auto_t *select = NULL;
	struct rs_parse p = {.script = text, .err = err, .token = rs_token_at(text, 0)};
	if (rs_at_end(&p) && !p.token.open) {
		return rs_expected(&p, "an expression");
	}
	int rc = check_closed(&p);
	buf_puts(&whole, BEFORE);
	buf_append_slice(&whole, text);
	buf_puts(&whole, "\n)");
	rc = rc < 0 ? rc : buf_check(&whole, err);
	if (rc < 0) {
		return rc;
	}
	/* Its line 2 is the text's line 1: said in the error, should there be one. */
	struct err inner = {0};
	struct rs_parse q = {.script = buf_slice(&whole), .err = &inner};
	rc = rs_pg_select(&q, 0, 0, &select);
	if (rc < 0) {
		const char *why = strstr(inner.msg, ": ");
		return err_set(err, -rc, "in an expression: %s", why == NULL ? inner.msg : why + 2);
	}
	json_t *target = json_array_get(json_object_get(select, "targetList"), 0);
	json_t *value = json_object_get(json_object_get(target, "ResTarget"), "val");
	if (value == NULL || json_object_get(value, "RowExpr") != NULL) {
		return err_set(err, EINVAL, "found a list; one expression is expected");
	}
	before_it(value);
	*tree = json_incref(value);
	return 0;
}
