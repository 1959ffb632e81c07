/* CREATE TABLE: columns with their attributes in any order, the table's, LIKE, AS. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/parse.h"

static const char *const column_words[] = {"DEFAULT", "IDENTITY", "GENERATED", "ENCODE", "DISTKEY",
	"SORTKEY", "NOT", "NULL", "UNIQUE", "PRIMARY", "REFERENCES", "COLLATE", NULL};
static const char *const table_words[] = {"DISTSTYLE", "DISTKEY", "SORTKEY", "COMPOUND",
	"INTERLEAVED", "ENCODE", "BACKUP", "AS", NULL};

static bool ends_default(const struct rs_parse *p)
{
	static const char *const ends[] = {"identity", "generated", "encode", "distkey", "sortkey",
		"not", "null", "unique", "primary", "references", "collate", NULL};
	if (rs_at_end(p) || rs_is_mark(p, ',') || rs_is_mark(p, ')')) {
		return true;
	}
	for (unsigned i = 0; ends[i] != NULL; i++) {
		if (rs_is(p, ends[i])) {
			return true;
		}
	}
	return false;
}

/* DEFAULT's expression goes on until the next attribute; what it means is found out later. */
static int take_default(struct rs_parse *p, struct rs_column_def *out)
{
	size_t from = p->token.at;
	int rc = 0;
	bool any = false;
	while (rc == 0 && (!ends_default(p) || (!any && rs_is(p, "null")))) {
		any = true;
		if (rs_is_mark(p, '(')) {
			rc = rs_skip_group(p);
		} else {
			rs_next(p);
		}
	}
	if (rc == 0 && !any) {
		rc = rs_expected(p, "an expression");
	}
	rc = rc < 0 ? rc : rs_take_source(p, from, &out->default_text);
	if (rc < 0) {
		return rc;
	}
	struct err why = {0};
	json_auto_t *tree = NULL;
	rc = rs_expression_parse(slice_of(out->default_text), &tree, &why);
	return rc < 0 ? rs_refuse_at(p, from, -rc, "%s", why.msg) : 0;
}

/* "(seed, step)" */
static int take_identity(struct rs_parse *p, struct rs_column_def *out)
{
	int rc = rs_expect_mark(p, '(');
	rc = rc < 0 ? rc : rs_take_integer(p, "a seed", &out->identity_seed);
	rc = rc < 0 ? rc : rs_expect_mark(p, ',');
	rc = rc < 0 ? rc : rs_take_integer(p, "a step", &out->identity_step);
	out->identity = true;
	return rc < 0 ? rc : rs_expect_mark(p, ')');
}

static int take_generated(struct rs_parse *p, struct rs_column_def *out)
{
	static const char *const words[] = {"by", "default", "as", "identity", NULL};
	int rc = 0;
	for (unsigned i = 0; rc == 0 && words[i] != NULL; i++) {
		rc = rs_expect(p, words[i]);
	}
	out->identity_by_default = true;
	return rc < 0 ? rc : take_identity(p, out);
}

static const char *const encodings[] = {"RAW", "AZ64", "BYTEDICT", "DELTA", "DELTA32K", "LZO",
	"MOSTLY8", "MOSTLY16", "MOSTLY32", "RUNLENGTH", "TEXT255", "TEXT32K", "ZSTD", "AUTO", NULL};

static int take_encode(struct rs_parse *p, struct rs_column_def *out)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	for (unsigned i = 0; encodings[i] != NULL; i++) {
		buf_clear(&name);
		struct slice known = slice_of(encodings[i]);
		struct rs_token whole = {.kind = RS_TOKEN_WORD, .n = known.n};
		rs_token_name(known, &whole, &name);
		if (rs_is(p, buf_cstr(&name))) {
			return rs_take_name(p, "an encoding", &out->encode);
		}
	}
	return rs_unknown(p, "an encoding", encodings);
}

/* "REFERENCES t [(c)]", as it is written: nobody checks it. */
static int take_references(struct rs_parse *p, char **out)
{
	struct rs_name name = {0};
	size_t from = p->token.at;
	int rc = rs_take_qualified(p, "a table", &name);
	free(name.schema);
	free(name.name);
	if (rc == 0 && rs_is_mark(p, '(')) {
		rc = rs_skip_group(p);
	}
	return rc < 0 || out == NULL ? rc : rs_take_source(p, from, out);
}

static int take_collate(struct rs_parse *p)
{
	if (rs_accept(p, "case_sensitive") || rs_accept(p, "cs")) {
		return 0;
	}
	return rs_is(p, "case_insensitive") || rs_is(p, "ci")
		       ? rs_unsupported(p, "COLLATE CASE_INSENSITIVE")
		       : rs_expected(p, "CASE_SENSITIVE");
}

static int take_key(struct rs_parse *p, bool *flag, const char *name)
{
	if (*flag) {
		return rs_refuse(p, EINVAL, "%s is told twice for a column", name);
	}
	*flag = true;
	return 0;
}

static int take_attribute(struct rs_parse *p, struct rs_column_def *out)
{
	if (rs_accept(p, "default")) {
		return take_default(p, out);
	}
	if (rs_accept(p, "identity")) {
		return take_identity(p, out);
	}
	if (rs_accept(p, "generated")) {
		return take_generated(p, out);
	}
	if (rs_accept(p, "encode")) {
		return take_encode(p, out);
	}
	if (rs_accept(p, "distkey")) {
		return take_key(p, &out->distkey, "DISTKEY");
	}
	if (rs_accept(p, "sortkey")) {
		return take_key(p, &out->sortkey, "SORTKEY");
	}
	if (rs_accept(p, "not")) {
		out->not_null = true;
		return rs_expect(p, "null");
	}
	if (rs_accept(p, "unique")) {
		out->unique = true;
		return 0;
	}
	if (rs_accept(p, "primary")) {
		out->primary_key = true;
		return rs_expect(p, "key");
	}
	if (rs_accept(p, "references")) {
		return take_references(p, &out->references);
	}
	if (rs_accept(p, "collate")) {
		return take_collate(p);
	}
	return rs_accept(p, "null")
		       ? 0
		       : rs_unknown(p, "an attribute of a column, ',' or ')'", column_words);
}

static int take_column_rest(struct rs_parse *p, struct rs_column_def *out)
{
	int rc = rs_take_type(p, &out->type);
	while (rc == 0 && !rs_at_end(p) && !rs_is_mark(p, ',') && !rs_is_mark(p, ')')) {
		rc = take_attribute(p, out);
	}
	if (rc == 0 && out->identity && out->default_text != NULL) {
		rc = rs_refuse(p, EINVAL, "column %s has DEFAULT and IDENTITY; one is expected",
			out->name);
	}
	return rc;
}

static int take_column_name(struct rs_parse *p, struct rs_column_def *out)
{
	unsigned long column;
	rs_position(p->script, p->token.at, &out->line, &column);
	return rs_take_name(p, "a column", &out->name);
}

int rs_take_column(struct rs_parse *p, struct rs_column_def *out)
{
	int rc = take_column_name(p, out);
	return rc < 0 ? rc : take_column_rest(p, out);
}

static bool at_constraint(const struct rs_parse *p)
{
	struct rs_token next = rs_token_at(p->script, rs_token_end(&p->token));
	if (rs_is(p, "unique")) {
		return rs_token_mark(p->script, &next, '(');
	}
	return ((rs_is(p, "primary") || rs_is(p, "foreign")) && rs_is_next(p, "key")) ||
	       (rs_is(p, "constraint") && next.kind != RS_TOKEN_MARK);
}

/* UNIQUE (…), PRIMARY KEY (…), FOREIGN KEY (…) REFERENCES t (…): kept as they are written. */
static int take_constraint(struct rs_parse *p, struct rs_create *c)
{
	size_t from = p->token.at;
	char *name CLEANUP(cleanup_free) = NULL;
	int rc = rs_accept(p, "constraint") ? rs_take_name(p, "a constraint's name", &name) : 0;
	bool foreign = rs_is(p, "foreign");
	if (rc == 0 && !rs_accept(p, "unique") && !rs_accept_words(p, "primary", "key") &&
		!rs_accept_words(p, "foreign", "key")) {
		rc = rs_expected(p, "UNIQUE, PRIMARY KEY or FOREIGN KEY");
	}
	if (rc == 0) {
		rc = rs_is_mark(p, '(') ? rs_skip_group(p) : rs_expected(p, "(");
	}
	if (rc == 0 && foreign) {
		rc = rs_expect(p, "references");
		rc = rc < 0 ? rc : take_references(p, NULL);
	}
	if (rc < 0) {
		return rc;
	}
	char **grown = rs_more(p, c->constraints, &c->n_constraints, sizeof(*grown));
	if (grown == NULL) {
		return -ENOMEM;
	}
	c->constraints = grown;
	return rs_take_source(p, from, &grown[c->n_constraints - 1]);
}

static int take_like(struct rs_parse *p, struct rs_create *c)
{
	int rc = rs_take_qualified(p, "a table", &c->like);
	if (rc == 0 && (rs_is(p, "including") || rs_is(p, "excluding"))) {
		c->like_defaults = rs_is(p, "including");
		rs_next(p);
		rc = rs_expect(p, "defaults");
	}
	return rc;
}

/* One of the parenthesised list: a column (of AS: its name alone), a constraint, LIKE. */
static int take_element(struct rs_parse *p, struct rs_create *c, bool *bare)
{
	if (rs_is(p, "like")) {
		rs_next(p);
		return take_like(p, c);
	}
	if (at_constraint(p)) {
		return take_constraint(p, c);
	}
	struct rs_column_def *grown = rs_more(p, c->columns, &c->n_columns, sizeof(*grown));
	if (grown == NULL) {
		return -ENOMEM;
	}
	c->columns = grown;
	struct rs_column_def *column = &grown[c->n_columns - 1];
	int rc = take_column_name(p, column);
	if (rc == 0 && (rs_is_mark(p, ',') || rs_is_mark(p, ')'))) {
		*bare = true;
		column->type.kind = SQL_UNKNOWN;
		return 0;
	}
	return rc < 0 ? rc : take_column_rest(p, column);
}

static int take_elements(struct rs_parse *p, struct rs_create *c, bool *bare)
{
	int rc;
	do {
		rc = take_element(p, c, bare);
	} while (rc == 0 && rs_accept_mark(p, ','));
	if (rc == 0 && !rs_accept_mark(p, ')')) {
		rc = rs_expected(p, ", or )");
	}
	return rc;
}

int rs_take_diststyle(struct rs_parse *p, enum rs_diststyle *out)
{
	static const char *const styles[] = {"auto", "even", "key", "all"};
	for (unsigned i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		if (rs_accept(p, styles[i])) {
			*out = (enum rs_diststyle)i;
			return 1;
		}
	}
	return rs_expected(p, "AUTO, EVEN, KEY or ALL");
}

int rs_take_sortkeys(struct rs_parse *p, enum rs_sortstyle *style, char ***keys, unsigned *n)
{
	bool told = rs_is(p, "compound") || rs_is(p, "interleaved");
	if (!told && !rs_is(p, "sortkey")) {
		return 0;
	}
	*style = rs_is(p, "interleaved") ? RS_SORT_INTERLEAVED : RS_SORT_COMPOUND;
	if (told) {
		rs_next(p);
	}
	int rc = rs_expect(p, "sortkey");
	if (rc == 0 && !told && rs_accept(p, "auto")) {
		*style = RS_SORT_AUTO;
		return 1;
	}
	rc = rc < 0 ? rc : rs_take_names(p, "a column", keys, n);
	return rc < 0 ? rc : 1;
}

static int take_table_sortkeys(struct rs_parse *p, struct rs_create *c)
{
	if (c->n_sortkeys > 0 || c->sortstyle != RS_SORT_NONE) {
		return rs_refuse(p, EINVAL, "SORTKEY is told twice; one is expected");
	}
	return rs_take_sortkeys(p, &c->sortstyle, &c->sortkeys, &c->n_sortkeys);
}

static int take_table_distkey(struct rs_parse *p, struct rs_create *c)
{
	if (c->distkey != NULL) {
		return rs_refuse(p, EINVAL, "DISTKEY is told twice; one is expected");
	}
	int rc = rs_expect_mark(p, '(');
	rc = rc < 0 ? rc : rs_take_name(p, "a column", &c->distkey);
	return rc < 0 ? rc : rs_expect_mark(p, ')');
}

static int take_backup(struct rs_parse *p, struct rs_create *c)
{
	c->backup = rs_is(p, "yes");
	return rs_accept(p, "yes") || rs_accept(p, "no") ? 0 : rs_expected(p, "YES or NO");
}

/* One attribute of the table; AS ends them. */
static int take_table_attribute(struct rs_parse *p, struct rs_create *c)
{
	int rc;
	if (rs_accept(p, "diststyle")) {
		if (c->has_diststyle) {
			return rs_refuse(p, EINVAL, "DISTSTYLE is told twice; one is expected");
		}
		c->has_diststyle = true;
		rc = rs_take_diststyle(p, &c->diststyle);
	} else if (rs_accept(p, "distkey")) {
		rc = take_table_distkey(p, c);
	} else if (rs_is(p, "compound") || rs_is(p, "interleaved") || rs_is(p, "sortkey")) {
		rc = take_table_sortkeys(p, c);
	} else if (rs_accept(p, "encode")) {
		rc = rs_expect(p, "auto");
	} else if (rs_accept(p, "backup")) {
		rc = take_backup(p, c);
	} else {
		rc = rs_unknown(p, "an attribute of a table", table_words);
	}
	return rc < 0 ? rc : 0;
}

static int keep_name(struct rs_parse *p, const char *name, char **out)
{
	*out = strdup(name);
	return *out == NULL ? err_set(p->err, ENOMEM, "no memory for a name") : 0;
}

/* What columns say about the table: their DISTKEY and SORTKEY. */
static int gather_column(struct rs_parse *p, struct rs_create *c, const struct rs_column_def *d)
{
	int rc = 0;
	if (d->distkey) {
		if (c->distkey != NULL) {
			return rs_refuse(p, EINVAL,
				"DISTKEY is told twice, %s and %s; one is "
				"expected",
				c->distkey, d->name);
		}
		rc = keep_name(p, d->name, &c->distkey);
	}
	if (rc == 0 && d->sortkey) {
		if (c->sortstyle != RS_SORT_NONE && c->n_sortkeys == 0) {
			return rs_refuse(p, EINVAL,
				"SORTKEY AUTO and a SORTKEY %s; one is expected", d->name);
		}
		char **grown = rs_more(p, c->sortkeys, &c->n_sortkeys, sizeof(*grown));
		if (grown == NULL) {
			return -ENOMEM;
		}
		c->sortkeys = grown;
		rc = keep_name(p, d->name, &grown[c->n_sortkeys - 1]);
	}
	return rc;
}

static int gather(struct rs_parse *p, struct rs_create *c)
{
	unsigned told = c->n_sortkeys;
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < c->n_columns; i++) {
		rc = gather_column(p, c, &c->columns[i]);
	}
	if (rc == 0 && told > 0 && c->n_sortkeys > told) {
		rc = rs_refuse(p, EINVAL,
			"SORTKEY is told twice, for the table and for column %s; "
			"one is expected",
			c->sortkeys[told]);
	}
	if (rc == 0 && c->sortstyle == RS_SORT_NONE && c->n_sortkeys > 0) {
		c->sortstyle = RS_SORT_COMPOUND;
	}
	return rc;
}

static int take_as(struct rs_parse *p, struct rs_statement *s)
{
	struct rs_create *c = &s->create;
	for (unsigned i = 0; i < c->n_columns; i++) {
		if (c->columns[i].type.kind != SQL_UNKNOWN) {
			return rs_refuse(p, EINVAL,
				"found AS, and column %s has a type; names alone "
				"are expected before AS",
				c->columns[i].name);
		}
	}
	s->kind = RS_CREATE_TABLE_AS;
	return rs_pg_select(p, p->token.at, (size_t)(s->text.p - p->script.p), &s->tree);
}

static int refuse_bare(struct rs_parse *p, const struct rs_create *c)
{
	for (unsigned i = 0; i < c->n_columns; i++) {
		if (c->columns[i].type.kind == SQL_UNKNOWN) {
			return rs_refuse(p, EINVAL,
				"column %s has no type; one is expected, or AS "
				"and a SELECT",
				c->columns[i].name);
		}
	}
	return 0;
}

int rs_parse_create_table(struct rs_parse *p, struct rs_statement *s)
{
	struct rs_create *c = &s->create;
	bool bare = false;
	bool as = false;
	s->kind = RS_CREATE_TABLE;
	c->backup = true;
	int rc = rs_accept_if(p, true, &c->if_not_exists);
	rc = rc < 0 ? rc : rs_take_qualified(p, "a table", &c->name);
	if (rc == 0 && c->name.name[0] == '#') {
		c->temporary = true;
	}
	bool list = rc == 0 && rs_accept_mark(p, '(');
	rc = list ? take_elements(p, c, &bare) : rc;
	while (rc == 0 && !rs_at_end(p) && !as) {
		as = rs_accept(p, "as");
		rc = as ? 0 : take_table_attribute(p, c);
	}
	if (rc == 0 && !as && !list) {
		rc = rs_expected(p, "( or AS");
	}
	rc = rc < 0 ? rc : gather(p, c);
	if (rc < 0) {
		return rc;
	}
	if (as) {
		return take_as(p, s);
	}
	return bare ? refuse_bare(p, c) : 0;
}
