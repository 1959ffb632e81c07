/* The statements about tables, schemas and views as wholes, and those of transactions. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/parse.h"

static int add_name(struct rs_parse *p, struct rs_statement *s, const char *what)
{
	struct rs_name *grown = rs_more(p, s->names, &s->n_names, sizeof(*grown));
	if (grown == NULL) {
		return -ENOMEM;
	}
	s->names = grown;
	return rs_take_qualified(p, what, &grown[s->n_names - 1]);
}

static int add_names(struct rs_parse *p, struct rs_statement *s, const char *what)
{
	int rc;
	do {
		rc = add_name(p, s, what);
	} while (rc == 0 && rs_accept_mark(p, ','));
	return rc;
}

static void take_cascade(struct rs_parse *p, struct rs_statement *s)
{
	s->cascade = rs_accept(p, "cascade");
	if (!s->cascade) {
		rs_accept(p, "restrict");
	}
}

static int keep_text(struct rs_parse *p, const char *text, char **out)
{
	*out = strdup(text);
	return *out == NULL ? err_set(p->err, ENOMEM, "no memory for a word") : 0;
}

static int refuse_object(struct rs_parse *p, const char *verb, const char *const *known)
{
	static const char *const others[] = {"materialized", "function", "procedure", "user",
		"group", "role", "database", "library", "model", "datashare", "masking", "rls",
		"identity", "index", "sequence", "trigger", "type", "extension", NULL};
	char what[48];
	for (unsigned i = 0; others[i] != NULL; i++) {
		if (rs_is(p, others[i])) {
			snprintf(what, sizeof(what), "%s %s", verb, others[i]);
			return rs_unsupported(p, what);
		}
	}
	snprintf(what, sizeof(what), "what to %s", verb);
	return rs_unknown(p, what, known);
}

/* ---- CREATE ---- */

static int create_schema(struct rs_parse *p, struct rs_statement *s)
{
	char *ignored CLEANUP(cleanup_free) = NULL;
	s->kind = RS_CREATE_SCHEMA;
	int rc = rs_accept_if(p, true, &s->if_not_exists);
	rc = rc < 0 ? rc : add_name(p, s, "a schema");
	if (rc == 0 && rs_accept(p, "authorization")) {
		rc = rs_take_name(p, "a user", &ignored);
	}
	if (rc == 0 && rs_is(p, "quota")) {
		rc = rs_unsupported(p, "QUOTA");
	}
	return rc;
}

/* The SELECT's end: WITH NO SCHEMA BINDING is the view's. */
static void cut_binding(struct rs_parse *p)
{
	struct rs_token last[4] = {{0}};
	struct rs_token t = p->token;
	unsigned n = 0;
	static const char *const words[] = {"with", "no", "schema", "binding"};
	for (; t.kind != RS_TOKEN_END; t = rs_token_at(p->script, rs_token_end(&t))) {
		memmove(last, last + 1, sizeof(last) - sizeof(last[0]));
		last[3] = t;
		n++;
	}
	for (unsigned i = 0; i < 4; i++) {
		if (n < 4 || !rs_token_is(p->script, &last[i], words[i])) {
			return;
		}
	}
	p->script.n = last[0].at;
}

/* The view's text; with names for its columns it is put around it. */
static int view_body(
	struct rs_parse *p, struct rs_statement *s, char **columns, unsigned n, struct slice select)
{
	CLEANUP(buf_free) struct buf body = BUF_INIT;
	if (n == 0) {
		buf_append_slice(&body, select);
	} else {
		buf_puts(&body, "SELECT * FROM (");
		buf_append_slice(&body, select);
		buf_puts(&body, "\n) AS ");
		rs_name_print(slice_of(s->names[0].name), &body);
		for (unsigned i = 0; i < n; i++) {
			buf_puts(&body, i == 0 ? " (" : ", ");
			rs_name_print(slice_of(columns[i]), &body);
		}
		buf_putc(&body, ')');
	}
	int rc = buf_check(&body, p->err);
	return rc < 0 ? rc : keep_text(p, buf_cstr(&body), &s->body);
}

static void free_columns(char **columns, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		free(columns[i]);
	}
	free(columns);
}

static int view_select(struct rs_parse *p, struct rs_statement *s, char **columns, unsigned n)
{
	cut_binding(p);
	size_t from = p->token.at;
	size_t end = p->script.n;
	while (end > from && isspace((unsigned char)p->script.p[end - 1])) {
		end--;
	}
	int rc = rs_pg_select(p, from, (size_t)(s->text.p - p->script.p), &s->tree);
	if (rc == 0 && json_object_get(s->tree, "intoClause") != NULL) {
		rc = rs_refuse_at(
			p, from, EINVAL, "found INTO in a view; a plain SELECT is expected");
	}
	rc = rc < 0 ? rc : view_body(p, s, columns, n, slice_make(p->script.p + from, end - from));
	p->token = rs_token_at(p->script, p->script.n);
	return rc;
}

static int create_view(struct rs_parse *p, struct rs_statement *s)
{
	char **columns = NULL;
	unsigned n = 0;
	s->kind = RS_CREATE_VIEW;
	int rc = add_name(p, s, "a view");
	if (rc == 0 && rs_is_mark(p, '(')) {
		rc = rs_take_names(p, "a column", &columns, &n);
	}
	rc = rc < 0 ? rc : rs_expect(p, "as");
	rc = rc < 0 ? rc : view_select(p, s, columns, n);
	free_columns(columns, n);
	return rc;
}

static int create_external(struct rs_parse *p, struct rs_statement *s)
{
	if (rs_accept(p, "schema")) {
		return rs_parse_external_schema(p, s);
	}
	if (rs_accept(p, "table")) {
		return rs_parse_external_table(p, s);
	}
	return rs_expected(p, "SCHEMA or TABLE");
}

static int create(struct rs_parse *p, struct rs_statement *s)
{
	static const char *const known[] = {
		"TABLE", "TEMPORARY", "SCHEMA", "VIEW", "EXTERNAL", NULL};
	if (rs_accept(p, "schema")) {
		return create_schema(p, s);
	}
	if (rs_accept(p, "external")) {
		return create_external(p, s);
	}
	s->or_replace = rs_accept_words(p, "or", "replace");
	if (rs_accept(p, "view")) {
		return create_view(p, s);
	}
	rs_accept(p, "local");
	s->create.temporary = rs_accept(p, "temp") || rs_accept(p, "temporary");
	if (!s->or_replace && rs_accept(p, "table")) {
		return rs_parse_create_table(p, s);
	}
	return s->create.temporary ? rs_expected(p, "TABLE") : refuse_object(p, "CREATE", known);
}

/* ---- DROP, TRUNCATE ---- */

static int drop(struct rs_parse *p, struct rs_statement *s)
{
	static const char *const known[] = {"TABLE", "SCHEMA", "VIEW", NULL};
	const char *what;
	if (rs_accept(p, "table")) {
		s->kind = RS_DROP_TABLE;
		what = "a table";
	} else if (rs_accept(p, "schema")) {
		s->kind = RS_DROP_SCHEMA;
		what = "a schema";
	} else if (rs_accept(p, "view")) {
		s->kind = RS_DROP_VIEW;
		what = "a view";
	} else {
		return refuse_object(p, "DROP", known);
	}
	int rc = rs_accept_if(p, false, &s->if_exists);
	rc = rc < 0 ? rc : add_names(p, s, what);
	if (rc == 0 && s->kind == RS_DROP_SCHEMA && rs_accept_words(p, "drop", "external")) {
		rc = rs_expect(p, "database");
	}
	if (rc == 0) {
		take_cascade(p, s);
	}
	return rc;
}

static int truncate_table(struct rs_parse *p, struct rs_statement *s)
{
	s->kind = RS_TRUNCATE;
	rs_accept(p, "table");
	return add_name(p, s, "a table");
}

/* ---- VACUUM, ANALYZE ---- */

static int take_mode(struct rs_parse *p, struct rs_statement *s)
{
	const char *mode = NULL;
	if (rs_accept(p, "recluster") || rs_accept_words(p, "sort", "only")) {
		mode = "sort only";
	} else if (rs_accept_words(p, "delete", "only")) {
		mode = "delete only";
	} else if (rs_accept(p, "reindex")) {
		mode = "reindex";
	} else if (rs_accept(p, "full")) {
		mode = "full";
	}
	return mode == NULL ? 0 : keep_text(p, mode, &s->mode);
}

static int vacuum(struct rs_parse *p, struct rs_statement *s)
{
	uint64_t percent;
	s->kind = RS_VACUUM;
	int rc = take_mode(p, s);
	if (rc == 0 && !rs_at_end(p) && !rs_is(p, "boost")) {
		rc = add_name(p, s, "a table");
	}
	if (rc == 0 && rs_accept(p, "to")) {
		rc = rs_take_count(p, "a percentage", 100, &percent);
		rc = rc < 0 ? rc : rs_expect(p, "percent");
	}
	if (rc == 0) {
		rs_accept(p, "boost");
	}
	return rc;
}

static int analyze(struct rs_parse *p, struct rs_statement *s)
{
	s->kind = RS_ANALYZE;
	if (rs_is(p, "compression")) {
		return rs_unsupported(p, "ANALYZE COMPRESSION");
	}
	rs_accept(p, "verbose");
	int rc = 0;
	if (!rs_at_end(p) && !rs_is(p, "predicate") &&
		!(rs_is(p, "all") && rs_is_next(p, "columns"))) {
		rc = add_name(p, s, "a table");
	}
	if (rc == 0 && rs_is_mark(p, '(')) {
		rc = rs_skip_group(p);
	}
	if (rc == 0 && (rs_accept(p, "predicate") || rs_accept(p, "all"))) {
		rc = rs_expect(p, "columns");
	}
	return rc;
}

/* ---- what changes nothing here ---- */

static void to_end(struct rs_parse *p)
{
	while (!rs_at_end(p)) {
		rs_next(p);
	}
}

static int words_only(struct rs_parse *p, struct rs_statement *s)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	s->kind = RS_SET;
	if (rs_at_end(p)) {
		return rs_expected(p, "more of the statement");
	}
	to_end(p);
	rs_statement_public(s, &text);
	int rc = buf_check(&text, p->err);
	return rc < 0 ? rc : keep_text(p, buf_cstr(&text), &s->what);
}

/* COMMENT ON kind name [ON table] IS 'text' | NULL */
static int comment(struct rs_parse *p, struct rs_statement *s)
{
	static const char *const known[] = {"TABLE", "COLUMN", "VIEW", "SCHEMA", "DATABASE",
		"CONSTRAINT", "FUNCTION", "PROCEDURE", NULL};
	char *text CLEANUP(cleanup_free) = NULL;
	int rc = rs_expect(p, "on");
	if (rc < 0) {
		return rc;
	}
	if (!rs_accept(p, "table") && !rs_accept(p, "column") && !rs_accept(p, "view") &&
		!rs_accept(p, "schema") && !rs_accept(p, "database") &&
		!rs_accept(p, "constraint")) {
		return refuse_object(p, "COMMENT ON", known);
	}
	while (!rs_at_end(p) && !rs_is(p, "is")) {
		rs_next(p);
	}
	rc = rs_expect(p, "is");
	if (rc == 0 && !rs_accept(p, "null")) {
		rc = rs_take_text(p, "a text in quotes or NULL", true, &text);
	}
	s->kind = RS_COMMENT;
	return rc;
}

/* ---- transactions ---- */

static int transaction(struct rs_parse *p, struct rs_statement *s)
{
	bool begins = rs_is(p, "begin") || rs_is(p, "start");
	bool started = rs_is(p, "start");
	s->kind = begins ? RS_BEGIN
			 : (rs_is(p, "commit") || rs_is(p, "end") ? RS_COMMIT : RS_ROLLBACK);
	rs_next(p);
	if (!rs_accept(p, "transaction")) {
		if (started) {
			return rs_expected(p, "TRANSACTION");
		}
		rs_accept(p, "work");
	}
	if (begins && (rs_is(p, "isolation") || rs_is(p, "read"))) {
		to_end(p); /* serializable is what there is */
	}
	return rs_is(p, "to") ? rs_unsupported(p, "ROLLBACK TO a savepoint") : 0;
}

static int alter_schema(struct rs_parse *p, struct rs_statement *s)
{
	char *name CLEANUP(cleanup_free) = NULL;
	int rc = rs_take_name(p, "a schema", &name);
	if (rc == 0 && !(rs_is(p, "owner") && rs_is_next(p, "to"))) {
		return rs_unsupported(p, "ALTER SCHEMA but for OWNER TO");
	}
	return rc < 0 ? rc : words_only(p, s);
}

static int alter(struct rs_parse *p, struct rs_statement *s)
{
	static const char *const known[] = {"TABLE", "SCHEMA", "DEFAULT PRIVILEGES", NULL};
	if (rs_accept(p, "table")) {
		return rs_parse_alter_table(p, s);
	}
	if (rs_accept(p, "schema")) {
		return alter_schema(p, s);
	}
	if (rs_accept_words(p, "default", "privileges")) {
		return words_only(p, s);
	}
	return refuse_object(p, "ALTER", known);
}

int rs_parse_ddl(struct rs_parse *p, struct rs_statement *s)
{
	static const struct {
		const char *word;
		int (*parse)(struct rs_parse *p, struct rs_statement *s);
	} verbs[] = {{"create", create}, {"drop", drop}, {"alter", alter},
		{"truncate", truncate_table}, {"vacuum", vacuum}, {"analyze", analyze},
		{"analyse", analyze}, {"comment", comment}, {"set", words_only},
		{"reset", words_only}, {"grant", words_only}, {"revoke", words_only}};
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (rs_accept(p, verbs[i].word)) {
			int rc = verbs[i].parse(p, s);
			bool whole = s->kind == RS_CREATE_TABLE_AS;
			return rc < 0 || whole ? rc : rs_expect_end(p);
		}
	}
	int rc = transaction(p, s);
	return rc < 0 ? rc : rs_expect_end(p);
}
