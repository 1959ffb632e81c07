/* What a script put off until its tables are filled: constraints, columns that
 * number themselves, and where they go on. */
#include <stdlib.h>
#include <strings.h>

#include "engines/rds/dialect.h"

/* ---- the definition of one table, changed ---- */

struct definition {
	struct rds_words w;
	struct buf sql;
	unsigned open;
	unsigned close;
};

static void definition_finish(struct definition *t)
{
	rds_words_free(&t->w);
	buf_free(&t->sql);
}

static int definition_read(struct definition *t, sqlite3 *db, const char *table, struct err *err)
{
	int rc = rds_table_sql(db, table, &t->sql, err);

	buf_cstr(&t->sql);
	rc = rc < 0 ? rc : rds_words_read(&t->w, buf_slice(&t->sql), SQL_SQLITE, err);
	unsigned name = rc < 0 ? 0 : rds_table_name_at(&t->w);
	if (rc == 0 && (name == 0 || !rds_word_is(&t->w, name + 1, "("))) {
		rc = err_set(err, EINVAL, "%s is no table that can be altered", table);
	}
	t->open = name + 1;
	t->close = rds_words_close(&t->w, t->open) - 1;
	return rc;
}

static unsigned item_end(const struct definition *t, unsigned i)
{
	while (i < t->close && !rds_word_is(&t->w, i, ",")) {
		i = rds_word_is(&t->w, i, "(") ? rds_words_close(&t->w, i) : i + 1;
	}
	return i < t->close ? i : t->close;
}

static bool is_name(const struct definition *t, unsigned i, const char *name)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	sql_name(&t->w.at[i].token, &text);
	return strcasecmp(buf_cstr(&text), name) == 0;
}

/* The column becomes the rowid that numbers rows, whatever integer it was. */
static bool number_column(struct definition *t, const char *column)
{
	static const char *const ends[] = {"NOT", "NULL", "DEFAULT", "PRIMARY", "UNIQUE", "CHECK",
		"REFERENCES", "COLLATE", "GENERATED", "CONSTRAINT", "AS", NULL};

	for (unsigned from = t->open + 1, to; from < t->close; from = to + 1) {
		to = item_end(t, from);
		if (!is_name(t, from, column)) {
			continue;
		}
		unsigned type_end = from + 1;
		for (bool found = false; type_end < to && !found;) {
			for (unsigned k = 0; ends[k] != NULL && !found; k++) {
				found = rds_word_is(&t->w, type_end, ends[k]);
			}
			type_end += found ? 0 : 1;
		}
		rds_words_drop(&t->w, from + 1, type_end);
		buf_puts(&t->w.at[from].own, "");
		buf_append_slice(rds_word_replace(&t->w, from), t->w.at[from].token.text);
		buf_puts(&t->w.at[from].own, " INTEGER PRIMARY KEY AUTOINCREMENT");
		return true;
	}
	return false;
}

/* "[CONSTRAINT c] PRIMARY KEY (column)" and no more. */
static bool is_key_of(const char *constraint, const char *column)
{
	CLEANUP(rds_words_free) struct rds_words w = {0};
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct err ignored = {0};

	if (constraint == NULL || column == NULL ||
		rds_words_read(&w, slice_of(constraint), SQL_SQLITE, &ignored) < 0) {
		return false;
	}
	unsigned i = rds_word_is(&w, 0, "CONSTRAINT") ? 2 : 0;
	if (rds_words_are(&w, i, "PRIMARY KEY (") == 0 || !rds_word_is(&w, i + 4, ")")) {
		return false;
	}
	sql_name(&w.at[i + 3].token, &name);
	return strcasecmp(buf_cstr(&name), column) == 0;
}

static const char *serial_of(const struct rds_dialect *d, const char *table)
{
	for (const struct rds_later *l = d->later; l != NULL; l = l->next) {
		if (l->serial != NULL && strcasecmp(l->table, table) == 0) {
			return l->serial;
		}
	}
	return NULL;
}

static int alter(struct rds_dialect *d, const char *table, struct err *err)
{
	CLEANUP(definition_finish) struct definition t = {0};
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	const char *serial = serial_of(d, table);
	bool numbered = false;
	unsigned n = 0;

	int rc = definition_read(&t, d->db, table, err);
	for (const struct rds_later *l = d->later; rc == 0 && l != NULL; l = l->next) {
		if (strcasecmp(l->table, table) != 0 || l->constraint == NULL) {
			continue;
		}
		if (is_key_of(l->constraint, serial) && number_column(&t, serial)) {
			numbered = true;
		} else {
			buf_printf(&t.w.at[t.close].before, ",\n\t%s", l->constraint);
		}
		n++;
	}
	if (rc == 0 && serial != NULL && !numbered) {
		rds_dialect_note(d, "that a column numbers itself which is not the primary key");
	}
	if (rc < 0 || n == 0) {
		return rc;
	}
	rds_words_print(&t.w, 0, t.w.n, &sql);
	return rds_remake(d->db, table, buf_cstr(&sql), err);
}

/* ---- all of them ---- */

static bool seen_before(const struct rds_dialect *d, const struct rds_later *one)
{
	for (const struct rds_later *l = d->later; l != one; l = l->next) {
		if (strcasecmp(l->table, one->table) == 0) {
			return true;
		}
	}
	return false;
}

static bool is_autoincrement(struct rds_dialect *d, const char *table)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	struct err ignored = {0};

	return rds_table_sql(d->db, table, &sql, &ignored) == 0 &&
	       strcasestr(buf_cstr(&sql), "AUTOINCREMENT") != NULL;
}

int rds_dialect_complete(struct rds_dialect *d, struct err *err)
{
	int rc = 0;

	for (const struct rds_later *l = d->later; rc == 0 && l != NULL; l = l->next) {
		if (seen_before(d, l)) {
			continue;
		}
		d->line = l->line;
		rc = alter(d, l->table, err);
		if (rc < 0) {
			return err_wrap(err, "line %lu (ALTER TABLE %s)", l->line, l->table);
		}
	}
	/* The list's first of a name was set last. */
	for (const struct rds_named *c = d->counters; rc == 0 && c != NULL; c = c->next) {
		if (rds_named_find(d->counters, c->name) == c->value &&
			is_autoincrement(d, c->name)) {
			rc = rds_sequence_set(d->db, c->name, strtoll(c->value, NULL, 10), err);
		}
	}
	return rc;
}
