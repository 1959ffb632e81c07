/* Redshift's own words within a statement that PostgreSQL's parser is to parse.
 *
 * The text is copied, and on the way each of them is replaced by something that PostgreSQL knows:
 *	TOP 5 a           "rs top"(5), a
 *	QUALIFY x = 1     WINDOW "rs qualify" AS (PARTITION BY x = 1)
 *	MINUS             EXCEPT
 *	CONVERT(int, x)   CONVERT(null::int, x)
 *	#t                "#t"
 *	'a\b'             E'a\b'
 *	DELETE t          DELETE FROM t
 *	varchar(max)      varchar(65535)
 * Or it is left out and remembered, as a mark, by the call it belongs to: APPROXIMATE, IGNORE
 *NULLS, LISTAGG(DISTINCT …) WITHIN GROUP. words_back.c makes of it what the tree is to have. */
#include "engines/redshift/sql/parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"

#define GROUPS_MAX 128 /* more than rs_depth_check() lets through */
#define NOWHERE	   SIZE_MAX

struct group {
	size_t call;  /* where the name of the function begins whose arguments it holds */
	bool qualify; /* a QUALIFY is open, whose end is to be found */
};

struct copier {
	struct rs_parse p;
	struct rs_words *out;
	size_t copied; /* of the script, so far */
	struct rs_token before;
	struct group groups[GROUPS_MAX];
	unsigned n;
	size_t name;   /* where the name before the token begins ("a" of "a.b"); NOWHERE */
	size_t closed; /* the call whose group ended just now */
	size_t first;
};

void rs_words_free(struct rs_words *w)
{
	buf_free(&w->text);
	free(w->edits);
	free(w->marks);
	*w = (struct rs_words){0};
}

/* `n` bytes of the script at `at` become the text. */
static int replace(struct copier *c, size_t at, size_t n, const char *text)
{
	struct rs_words *w = c->out;
	buf_append(&w->text, c->p.script.p + c->copied, at - c->copied);
	struct rs_edit *edits = rs_more(&c->p, w->edits, &w->n_edits, sizeof(*edits));
	if (edits == NULL) {
		return -ENOMEM;
	}
	w->edits = edits;
	edits[w->n_edits - 1] =
		(struct rs_edit){.at = at, .n = n, .out = w->text.n, .length = strlen(text)};
	buf_puts(&w->text, text);
	c->copied = at + n;
	return 0;
}

static int mark(struct copier *c, size_t at, const char *member)
{
	struct rs_words *w = c->out;
	struct rs_mark *marks = rs_more(&c->p, w->marks, &w->n_marks, sizeof(*marks));
	if (marks == NULL) {
		return -ENOMEM;
	}
	w->marks = marks;
	marks[w->n_marks - 1] = (struct rs_mark){.at = at, .member = member};
	return 0;
}

static struct rs_token peek(const struct copier *c, const struct rs_token *t)
{
	return rs_token_at(c->p.script, rs_token_end(t));
}

static bool was(const struct copier *c, const char *word)
{
	return rs_token_is(c->p.script, &c->before, word);
}

static bool was_mark(const struct copier *c, char m)
{
	return c->before.kind == RS_TOKEN_MARK && c->p.script.p[c->before.at] == m;
}

/* Whether the token before can be the end of an operand, a table or a list of columns. */
static bool operand_before(const struct copier *c)
{
	static const char *const starts[] = {"select", "as", "from", "join", "into", "table",
		"update", "exists", "using", "where", "on", "and", "or", "not", "by", "having",
		"when", "then", "else", "distinct", "all", "in", "only", "delete", "top", NULL};
	if (c->before.kind == RS_TOKEN_MARK) {
		return was_mark(c, ')') || was_mark(c, ']') || was_mark(c, '*');
	}
	for (unsigned i = 0; starts[i] != NULL; i++) {
		if (was(c, starts[i])) {
			return false;
		}
	}
	return c->before.kind != RS_TOKEN_END;
}

/* TOP's number at *t, in parentheses or not; *t becomes its last token. */
static bool top_number(const struct copier *c, struct rs_token *t, struct slice *number)
{
	bool group = rs_token_mark(c->p.script, t, '(');
	if (group) {
		*t = peek(c, t);
	}
	if (t->kind != RS_TOKEN_NUMBER) {
		return false;
	}
	*number = slice_make(c->p.script.p + t->at, t->n);
	if (group) {
		*t = peek(c, t);
	}
	return !group || rs_token_mark(c->p.script, t, ')');
}

/* SELECT [ALL | DISTINCT] TOP n [DISTINCT] … */
static int take_select(struct copier *c)
{
	struct slice s = c->p.script;
	struct slice number;
	struct rs_token t = peek(c, &c->p.token);
	bool distinct = rs_token_is(s, &t, "distinct");
	if (distinct || rs_token_is(s, &t, "all")) {
		t = peek(c, &t);
	}
	struct rs_token top = t;
	t = peek(c, &t);
	if (!rs_token_is(s, &top, "top") || !top_number(c, &t, &number)) {
		return 0;
	}
	struct rs_token behind = peek(c, &t);
	bool moved = !distinct && rs_token_is(s, &behind, "distinct");
	if (moved) {
		t = behind;
	}
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_printf(&text, "%s\"rs top\"(%.*s),", moved ? "DISTINCT " : "", (int)number.n, number.p);
	int rc = replace(c, top.at, rs_token_end(&t) - top.at, buf_cstr(&text));
	c->p.token = t;
	return rc;
}

static int take_minus(struct copier *c)
{
	static const char *const behind[] = {"select", "all", "distinct", "with", "values", NULL};
	struct rs_token t = peek(c, &c->p.token);
	bool is = rs_token_mark(c->p.script, &t, '(');
	for (unsigned i = 0; behind[i] != NULL; i++) {
		is = is || rs_token_is(c->p.script, &t, behind[i]);
	}
	return is && operand_before(c) ? replace(c, c->p.token.at, c->p.token.n, "EXCEPT") : 0;
}

static int end_qualify(struct copier *c)
{
	struct group *g = &c->groups[c->n];
	if (!g->qualify) {
		return 0;
	}
	g->qualify = false;
	return replace(c, c->p.token.at, 0, ") ");
}

static int take_qualify(struct copier *c)
{
	struct rs_token t = peek(c, &c->p.token);
	struct slice s = c->p.script;
	if (!operand_before(c) || t.kind == RS_TOKEN_END || rs_token_mark(s, &t, ',') ||
		rs_token_mark(s, &t, ')') || rs_token_mark(s, &t, '.') ||
		rs_token_is(s, &t, "from")) {
		return 0;
	}
	c->groups[c->n].qualify = true;
	return replace(c, c->p.token.at, c->p.token.n, "WINDOW \"rs qualify\" AS (PARTITION BY ");
}

static int take_approximate(struct copier *c)
{
	struct rs_token name = peek(c, &c->p.token);
	struct rs_token group = peek(c, &name);
	if (name.kind != RS_TOKEN_WORD || !rs_token_mark(c->p.script, &group, '(')) {
		return 0;
	}
	int rc = replace(c, c->p.token.at, c->p.token.n, "");
	return rc < 0 ? rc : mark(c, name.at, "rs_approximate");
}

/* IGNORE NULLS, RESPECT NULLS: among the arguments or behind them. */
static int take_nulls(struct copier *c)
{
	struct rs_token nulls = peek(c, &c->p.token);
	size_t call = was_mark(c, ')') && c->closed != NOWHERE ? c->closed : c->groups[c->n].call;
	if (!rs_token_is(c->p.script, &nulls, "nulls") || call == NOWHERE || !operand_before(c)) {
		return 0;
	}
	bool ignore = rs_is(&c->p, "ignore");
	int rc = replace(c, c->p.token.at, rs_token_end(&nulls) - c->p.token.at, "");
	c->p.token = nulls;
	return rc < 0 || !ignore ? rc : mark(c, call, "rs_ignore_nulls");
}

static int take_convert(struct copier *c)
{
	struct rs_token group = peek(c, &c->p.token);
	struct rs_token type = peek(c, &group);
	if (!rs_token_mark(c->p.script, &group, '(') || type.kind != RS_TOKEN_WORD ||
		was_mark(c, '.')) {
		return 0;
	}
	/* The parenthesis is copied with it. */
	c->groups[++c->n] = (struct group){.call = c->p.token.at};
	int rc = mark(c, c->p.token.at, "rs_convert");
	c->p.token = group;
	return rc < 0 ? rc : replace(c, type.at, 0, "null::");
}

/* varchar(max) */
static int take_max(struct copier *c)
{
	struct rs_token behind = peek(c, &c->p.token);
	const struct group *g = &c->groups[c->n];
	if (!was_mark(c, '(') || !rs_token_mark(c->p.script, &behind, ')') || g->call == NOWHERE) {
		return 0;
	}
	struct rs_token type = rs_token_at(c->p.script, g->call);
	bool is = rs_token_is(c->p.script, &type, "varchar") ||
		  rs_token_is(c->p.script, &type, "varying") ||
		  rs_token_is(c->p.script, &type, "nvarchar");
	return is ? replace(c, c->p.token.at, c->p.token.n, "65535") : 0;
}

static int take_distinct(struct copier *c)
{
	size_t call = c->groups[c->n].call;
	if (!was_mark(c, '(') || call == NOWHERE) {
		return 0;
	}
	struct rs_token name = rs_token_at(c->p.script, call);
	if (!rs_token_is(c->p.script, &name, "listagg")) {
		return 0;
	}
	int rc = replace(c, c->p.token.at, c->p.token.n, "");
	return rc < 0 ? rc : mark(c, call, "agg_distinct");
}

static int take_delete(struct copier *c)
{
	struct rs_token t = peek(c, &c->p.token);
	bool bare = c->p.token.at == c->first && !rs_token_is(c->p.script, &t, "from");
	return bare ? replace(c, rs_token_end(&c->p.token), 0, " FROM") : 0;
}

static int refuse_known(struct copier *c, const char *next, char opens)
{
	struct rs_token t = peek(c, &c->p.token);
	if (!operand_before(c) || !(next != NULL ? rs_token_is(c->p.script, &t, next)
						 : rs_token_mark(c->p.script, &t, opens))) {
		return 0;
	}
	char what[64];
	snprintf(what, sizeof(what), "%.*s%s%s", (int)c->p.token.n, c->p.script.p + c->p.token.at,
		next != NULL ? " " : "", next != NULL ? next : "");
	return rs_unsupported(&c->p, what);
}

static int take_pivot(struct copier *c)
{
	return refuse_known(c, NULL, '(');
}

static int take_remove(struct copier *c)
{
	return refuse_known(c, "duplicates", 0);
}

static const struct {
	const char *word;
	int (*take)(struct copier *c);
} words[] = {
	{"select", take_select},
	{"minus", take_minus},
	{"qualify", take_qualify},
	{"approximate", take_approximate},
	{"ignore", take_nulls},
	{"respect", take_nulls},
	{"convert", take_convert},
	{"max", take_max},
	{"distinct", take_distinct},
	{"delete", take_delete},
	{"pivot", take_pivot},
	{"unpivot", take_pivot},
	{"remove", take_remove},
};

static bool ends_qualify(const struct copier *c)
{
	static const char *const ends[] = {"order", "limit", "offset", "union", "except",
		"intersect", "minus", "fetch", "for", NULL};
	for (unsigned i = 0; ends[i] != NULL; i++) {
		if (rs_is(&c->p, ends[i])) {
			return true;
		}
	}
	return false;
}

static int take_word(struct copier *c)
{
	int rc = c->groups[c->n].qualify && ends_qualify(c) ? end_qualify(c) : 0;
	for (unsigned i = 0; rc == 0 && i < sizeof(words) / sizeof(words[0]); i++) {
		if (rs_is(&c->p, words[i].word)) {
			return was_mark(c, '.') ? 0 : words[i].take(c);
		}
	}
	return rc;
}

static int take_text(struct copier *c)
{
	const struct rs_token *t = &c->p.token;
	if (!t->backslash) {
		return 0;
	}
	return replace(c, t->at, c->p.script.p[t->at] == '\'' ? 0 : 1, "E");
}

/* #t: a name, unless it stands between two operands. */
static int take_hash(struct copier *c)
{
	struct rs_token name = peek(c, &c->p.token);
	if (name.kind != RS_TOKEN_WORD || name.at != rs_token_end(&c->p.token) ||
		operand_before(c)) {
		return 0;
	}
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_puts(&text, "\"#");
	rs_token_name(c->p.script, &name, &text);
	buf_putc(&text, '"');
	int rc = replace(c, c->p.token.at, 1 + name.n, buf_cstr(&text));
	c->p.token = name;
	return rc;
}

static int take_mark(struct copier *c)
{
	int rc = 0;
	if (rs_is_mark(&c->p, '(') || rs_is_mark(&c->p, '[')) {
		if (c->n + 1 < GROUPS_MAX) {
			c->groups[++c->n] = (struct group){.call = c->name};
		}
	} else if (rs_is_mark(&c->p, ')') || rs_is_mark(&c->p, ']')) {
		rc = end_qualify(c);
		c->closed = c->groups[c->n].call;
		c->n -= c->n > 0;
	} else if (rs_is_mark(&c->p, '#')) {
		rc = take_hash(c);
	}
	return rc;
}

/* Where the name that may have arguments begins: that of "a.b(" at the a. */
static void follow_name(struct copier *c)
{
	bool name = c->p.token.kind == RS_TOKEN_WORD || c->p.token.kind == RS_TOKEN_QUOTED;
	bool dot = rs_is_mark(&c->p, '.');
	if (name && !was_mark(c, '.')) {
		c->name = c->p.token.at;
	} else if (!name && !dot) {
		c->name = NOWHERE;
	}
}

static int copy(struct copier *c)
{
	int rc = 0;
	for (; rc == 0 && !rs_at_end(&c->p); rs_next(&c->p)) {
		struct rs_token now = c->p.token;
		if (now.kind == RS_TOKEN_WORD) {
			rc = take_word(c);
		} else if (now.kind == RS_TOKEN_TEXT) {
			rc = take_text(c);
		} else if (now.kind == RS_TOKEN_MARK) {
			rc = take_mark(c);
		}
		follow_name(c);
		c->before = c->p.token;
	}
	return rc == 0 ? end_qualify(c) : rc;
}

int rs_words_out(struct rs_parse *p, size_t from, struct rs_words *out)
{
	struct copier *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return err_set(p->err, ENOMEM, "no memory to read a statement");
	}
	c->p = *p;
	c->out = out;
	c->copied = from;
	c->name = NOWHERE;
	c->closed = NOWHERE;
	c->groups[0].call = NOWHERE;
	c->p.token = rs_token_at(p->script, from);
	c->first = c->p.token.at;
	c->before.kind = RS_TOKEN_END;
	int rc = copy(c);
	if (rc == 0) {
		buf_append(&out->text, p->script.p + c->copied, p->script.n - c->copied);
		buf_cstr(&out->text);
		rc = buf_check(&out->text, p->err);
	}
	free(c);
	return rc;
}

size_t rs_words_origin(const struct rs_words *w, size_t from, size_t at)
{
	unsigned low = 0;
	unsigned high = w->n_edits; /* the edits before it begin at `at` or earlier */
	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		if (w->edits[middle].out <= at) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	if (low == 0) {
		return from + at;
	}
	const struct rs_edit *e = &w->edits[low - 1];
	return at < e->out + e->length ? e->at : e->at + e->n + (at - e->out - e->length);
}
