/* ALTER TABLE of dumps: constraints that come behind the data. SQLite cannot add
 * one, so they are gathered and each table is made anew once, at the end. */
#include <stdlib.h>
#include <strings.h>

#include "engines/rds/dialect.h"

struct alter {
	struct rds_dialect *d;
	struct rds_words *w;
	struct buf table;
	unsigned name; /* the word that is the table's name */
	struct buf *out;
};

static char *copy(const char *text)
{
	return text == NULL ? NULL : strdup(text);
}

int rds_dialect_later(struct rds_dialect *d, const char *table, const char *constraint,
	const char *serial, struct err *err)
{
	struct rds_later *one = calloc(1, sizeof(*one));

	if (one == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	one->line = d->line;
	*d->later_end = one; /* freed with the list from here on */
	d->later_end = &one->next;
	one->table = copy(table);
	one->constraint = copy(constraint);
	one->serial = copy(serial);
	if (one->table == NULL || (constraint != NULL && one->constraint == NULL) ||
		(serial != NULL && one->serial == NULL)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

/* ---- one clause: from..to ---- */

static unsigned find(const struct rds_words *w, unsigned from, unsigned to, const char *word)
{
	while (from < to && !rds_word_is(w, from, word)) {
		from++;
	}
	return from;
}

/* Words that have no meaning to SQLite in a constraint. */
static void trim_constraint(struct alter *a, unsigned from, unsigned to)
{
	struct rds_words *w = a->w;

	for (unsigned i = from; i < to; i++) {
		unsigned n = rds_words_are(w, i, "NOT VALID");
		n = n > 0 ? n : rds_words_are(w, i, "NO INHERIT");
		n = n > 0 ? n : rds_words_are(w, i, "USING BTREE");
		rds_words_drop(w, i, i + n);
		if (rds_word_is(w, i, "(") && w->at[i + 1].token.kind == SQL_NUMBER &&
			rds_word_is(w, i + 2, ")")) {
			rds_words_drop(w, i, i + 3);
		}
		if (rds_word_is(w, i, "INCLUDE")) {
			rds_words_drop(w, i, rds_words_close(w, i + 1));
		}
	}
}

static int add_constraint(struct alter *a, unsigned from, unsigned to, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	unsigned i = from + (rds_word_is(a->w, from, "CONSTRAINT") ? 2 : 0);
	unsigned open = find(a->w, i, to, "(");

	if (rds_word_is(a->w, i, "UNIQUE") || rds_words_are(a->w, i, "FOREIGN KEY") ||
		rds_words_are(a->w, i, "PRIMARY KEY")) {
		/* What stands between the kind and the bracket is a name of MySQL's. */
		unsigned kind = rds_word_is(a->w, i, "UNIQUE") ? 1 : 2;
		rds_words_drop(a->w, i + kind, open);
	}
	if (rds_word_is(a->w, i, "EXCLUDE") || rds_words_are(a->w, i, "UNIQUE USING INDEX") ||
		rds_words_are(a->w, i, "PRIMARY KEY USING INDEX")) {
		return err_set(err, EINVAL, "ADD CONSTRAINT: this kind is not understood");
	}
	trim_constraint(a, i, to);
	a->d->foreign_keys_later =
		a->d->foreign_keys_later || rds_words_are(a->w, i, "FOREIGN KEY") > 0;
	rds_words_print(a->w, from, to, &text);
	return rds_dialect_later(a->d, buf_cstr(&a->table), buf_cstr(&text), NULL, err);
}

static void add_index(struct alter *a, unsigned from, unsigned to)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	unsigned open = find(a->w, from, to, "(");

	trim_constraint(a, open + 1, to);
	buf_append_slice(&name, buf_slice(&a->table));
	buf_putc(&name, '_');
	sql_name(&a->w->at[open > from ? from : open + 1].token, &name);
	buf_puts(a->out, "CREATE INDEX ");
	rds_quote(a->out, buf_cstr(&name));
	buf_puts(a->out, " ON ");
	rds_quote(a->out, buf_cstr(&a->table));
	buf_putc(a->out, ' ');
	rds_words_print(a->w, open, rds_words_close(a->w, open), a->out);
	buf_puts(a->out, ";\n");
}

static int add(struct alter *a, unsigned from, unsigned to, struct err *err)
{
	if (rds_word_is(a->w, from, "CONSTRAINT") || rds_words_are(a->w, from, "PRIMARY KEY") ||
		rds_words_are(a->w, from, "FOREIGN KEY") || rds_word_is(a->w, from, "UNIQUE") ||
		rds_word_is(a->w, from, "CHECK")) {
		return add_constraint(a, from, to, err);
	}
	if (rds_word_is(a->w, from, "KEY") || rds_word_is(a->w, from, "INDEX")) {
		add_index(a, from + 1, to);
		return 0;
	}
	if (rds_word_is(a->w, from, "FULLTEXT") || rds_word_is(a->w, from, "SPATIAL")) {
		rds_dialect_note(a->d, "an index for texts or places");
		return 0;
	}
	buf_puts(a->out, "ALTER TABLE ");
	rds_quote(a->out, buf_cstr(&a->table));
	buf_puts(a->out, " ADD ");
	rds_words_print(a->w, from, to, a->out);
	buf_puts(a->out, ";\n");
	return 0;
}

static int serial(struct alter *a, unsigned column, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;

	sql_name(&a->w->at[column].token, &name);
	return rds_dialect_later(a->d, buf_cstr(&a->table), NULL, buf_cstr(&name), err);
}

/* The sequence in nextval('s') numbers this table. */
static int learn_sequence(struct alter *a, struct slice text, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;

	for (size_t k = 0; k < text.n; k++) {
		if (text.p[k] == '.') {
			buf_clear(&name);
		} else if (text.p[k] != '\'' && text.p[k] != '"') {
			buf_putc(&name, text.p[k]);
		}
	}
	return rds_named_set(&a->d->sequences, buf_cstr(&name), buf_cstr(&a->table), err);
}

/* ALTER [COLUMN] c ..: column is the word c. */
static int alter_column(struct alter *a, unsigned column, unsigned to, struct err *err)
{
	struct rds_words *w = a->w;

	if (rds_words_are(w, column + 1, "SET DEFAULT nextval (")) {
		int rc = learn_sequence(a, w->at[column + 5].token.text, err);
		return rc < 0 ? rc : serial(a, column, err);
	}
	if (rds_words_are(w, column + 1, "ADD GENERATED")) {
		unsigned name = find(w, column, to, "NAME") + 1;
		while (rds_word_is(w, name + 1, ".")) {
			name += 2;
		}
		int rc = name < to ? learn_sequence(a, w->at[name].token.text, err) : 0;
		return rc < 0 ? rc : serial(a, column, err);
	}
	if (rds_words_are(w, column + 1, "SET STATISTICS") ||
		rds_words_are(w, column + 1, "SET STORAGE")) {
		return 0;
	}
	return err_set(err, EINVAL,
		"ALTER COLUMN: write the whole table's definition to its .schema instead");
}

static int modify(struct alter *a, unsigned column, unsigned to, struct err *err)
{
	if (find(a->w, column, to, "AUTO_INCREMENT") < to) {
		return serial(a, column, err);
	}
	return err_set(
		err, EINVAL, "MODIFY: write the whole table's definition to its .schema instead");
}

static int counter(struct alter *a, unsigned value, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	buf_printf(&text, "%lld", strtoll(a->w->at[value].token.text.p, NULL, 10) - 1);
	return rds_named_set(&a->d->counters, buf_cstr(&a->table), buf_cstr(&text), err);
}

/* What says who owns it, where it lies, how it is looked after. */
static bool has_no_meaning(const struct rds_words *w, unsigned i)
{
	static const char *const words[] = {"OWNER TO", "ENABLE KEYS", "DISABLE KEYS",
		"ENABLE TRIGGER", "DISABLE TRIGGER", "CLUSTER ON", "REPLICA IDENTITY",
		"SET TABLESPACE", "SET WITHOUT OIDS", "SET WITHOUT CLUSTER",
		"ENGINE =", "COMMENT =", "CONVERT TO", "DEFAULT CHARSET", "VALIDATE CONSTRAINT",
		"SET LOGGED", NULL};

	for (unsigned k = 0; words[k] != NULL; k++) {
		if (rds_words_are(w, i, words[k]) > 0) {
			return true;
		}
	}
	return false;
}

static int clause(struct alter *a, unsigned from, unsigned to, struct err *err)
{
	struct rds_words *w = a->w;

	if (has_no_meaning(w, from)) {
		return 0;
	}
	if (rds_word_is(w, from, "ADD")) {
		return add(a, from + 1, to, err);
	}
	if (rds_word_is(w, from, "ALTER")) {
		return alter_column(
			a, from + (rds_word_is(w, from + 1, "COLUMN") ? 2 : 1), to, err);
	}
	if (rds_word_is(w, from, "MODIFY")) {
		return modify(a, from + (rds_word_is(w, from + 1, "COLUMN") ? 2 : 1), to, err);
	}
	if (rds_words_are(w, from, "AUTO_INCREMENT =")) {
		return counter(a, from + 2, err);
	}
	if (rds_word_is(w, from, "DROP") || rds_word_is(w, from, "RENAME")) {
		buf_puts(a->out, "ALTER TABLE ");
		rds_quote(a->out, buf_cstr(&a->table));
		buf_putc(a->out, ' ');
		rds_words_print(w, from, to, a->out);
		buf_puts(a->out, ";\n");
		return 0;
	}
	return err_set(err, EINVAL, "ALTER TABLE .. %.*s is not understood",
		(int)w->at[from].token.text.n, from < w->n ? w->at[from].token.text.p : "");
}

static unsigned clause_end(const struct rds_words *w, unsigned i)
{
	while (i < w->n && !rds_word_is(w, i, ",")) {
		i = rds_word_is(w, i, "(") ? rds_words_close(w, i) : i + 1;
	}
	return i;
}

int rds_translate_alter(
	struct rds_dialect *d, struct rds_words *w, struct buf *out, struct err *err)
{
	struct alter a = {.d = d, .w = w, .out = out};
	unsigned i = 2;
	int rc = 0;

	i += rds_words_are(w, i, "IF EXISTS");
	i += rds_words_are(w, i, "ONLY");
	while (rds_word_is(w, i + 1, ".")) {
		i += 2;
	}
	if (i >= w->n) {
		return err_set(err, EINVAL, "ALTER TABLE: a table's name is expected");
	}
	sql_name(&w->at[i].token, &a.table);
	for (unsigned from = i + 1, to; rc == 0 && from < w->n; from = to + 1) {
		to = clause_end(w, from);
		rc = clause(&a, from, to, err);
	}
	rc = rc < 0 ? rc : buf_check(&a.table, err);
	buf_free(&a.table);
	return rc < 0 ? rc : out->n > 0 ? RDS_CHANGED : RDS_SKIPPED;
}
