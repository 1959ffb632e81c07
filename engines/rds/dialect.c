/* Which statements of other databases have a meaning here. */
#include "engines/rds/dialect.h"

#include <stdlib.h>
#include <strings.h>

/* ---- state ---- */

void rds_dialect_init(struct rds_dialect *d, sqlite3 *db)
{
	*d = (struct rds_dialect){.db = db};
	d->later_end = &d->later;
}

static void free_named(struct rds_named *list)
{
	while (list != NULL) {
		struct rds_named *next = list->next;
		free(list->name);
		free(list->value);
		free(list);
		list = next;
	}
}

static void free_later(struct rds_later *list)
{
	while (list != NULL) {
		struct rds_later *next = list->next;
		free(list->table);
		free(list->constraint);
		free(list->serial);
		free(list);
		list = next;
	}
}

void rds_dialect_finish(struct rds_dialect *d)
{
	free_later(d->later);
	free_named(d->types);
	free_named(d->sequences);
	free_named(d->schemas);
	free_named(d->counters);
	buf_free(&d->insert_select);
	buf_free(&d->insert_kinds);
	buf_free(&d->notes);
}

#define NOTES_SHOWN 20U

void rds_dialect_note(struct rds_dialect *d, const char *what)
{
	d->n_notes++;
	if (d->n_notes <= NOTES_SHOWN) {
		buf_printf(&d->notes, "line %lu: %s\n", d->line, what);
	} else if (d->n_notes == NOTES_SHOWN + 1) {
		buf_puts(&d->notes, "and more\n");
	}
}

const char *rds_named_find(const struct rds_named *list, const char *name)
{
	for (; list != NULL; list = list->next) {
		if (strcasecmp(list->name, name) == 0) {
			return list->value;
		}
	}
	return NULL;
}

int rds_named_set(struct rds_named **list, const char *name, const char *value, struct err *err)
{
	struct rds_named *one = calloc(1, sizeof(*one));

	if (one != NULL) {
		one->name = strdup(name);
		one->value = strdup(value);
		one->next = *list;
	}
	if (one == NULL || one->name == NULL || one->value == NULL) {
		free_named(one == NULL ? NULL : (one->next = NULL, one));
		return err_set(err, ENOMEM, "out of memory");
	}
	*list = one; /* before one of the same name */
	return 0;
}

/* ---- statements without a meaning here ---- */

/* `noted`: it means something, which is told; else it is only about the session,
 * the owner or the place. */
static const struct {
	const char *words;
	enum sql_dialect only; /* SQL_UNKNOWN: any */
	bool noted;
} skipped[] = {
	{"SET", SQL_UNKNOWN, false},
	{"USE", SQL_UNKNOWN, false},
	{"LOCK TABLES", SQL_UNKNOWN, false},
	{"LOCK TABLE", SQL_UNKNOWN, false},
	{"UNLOCK TABLES", SQL_UNKNOWN, false},
	{"FLUSH", SQL_MYSQL, false},
	{"CREATE DATABASE", SQL_UNKNOWN, false},
	{"DROP DATABASE IF EXISTS", SQL_UNKNOWN, true},
	{"ALTER DATABASE", SQL_UNKNOWN, false},
	{"CREATE SCHEMA", SQL_UNKNOWN, false},
	{"DROP SCHEMA IF EXISTS", SQL_UNKNOWN, true},
	{"ALTER SCHEMA", SQL_UNKNOWN, false},
	{"CREATE EXTENSION", SQL_UNKNOWN, false},
	{"DROP EXTENSION", SQL_UNKNOWN, false},
	{"COMMENT ON", SQL_UNKNOWN, false},
	{"GRANT", SQL_UNKNOWN, true},
	{"REVOKE", SQL_UNKNOWN, true},
	{"CREATE ROLE", SQL_UNKNOWN, true},
	{"CREATE USER", SQL_UNKNOWN, true},
	{"ALTER ROLE", SQL_UNKNOWN, true},
	{"ALTER DEFAULT PRIVILEGES", SQL_UNKNOWN, true},
	{"ALTER SEQUENCE", SQL_POSTGRES, false},
	{"ALTER TYPE", SQL_POSTGRES, false},
	{"ALTER VIEW", SQL_POSTGRES, false},
	{"ALTER FUNCTION", SQL_POSTGRES, false},
	{"ALTER INDEX", SQL_POSTGRES, false},
	{"DROP SEQUENCE IF EXISTS", SQL_UNKNOWN, false},
	{"DROP TYPE IF EXISTS", SQL_UNKNOWN, false},
	{"CREATE STATISTICS", SQL_POSTGRES, false},
	{"ANALYZE TABLE", SQL_UNKNOWN, false},
	{"SECURITY LABEL", SQL_UNKNOWN, true},
};

static bool is_skipped(struct rds_dialect *d, const struct rds_words *w)
{
	for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++) {
		if (rds_words_are(w, 0, skipped[i].words) == 0 ||
			(skipped[i].only != SQL_UNKNOWN && skipped[i].only != d->dialect)) {
			continue;
		}
		if (skipped[i].noted) {
			rds_dialect_note(d, skipped[i].words);
		}
		return true;
	}
	return false;
}

/* What has a meaning that cannot be kept. */
static const struct {
	const char *words;
	const char *why;
} refused[] = {
	{"CREATE FUNCTION", "functions of other databases cannot run here: leave them out"},
	{"CREATE OR REPLACE FUNCTION",
		"functions of other databases cannot run here: leave them out"},
	{"CREATE PROCEDURE",
		"procedures cannot run here: leave them out (mysqldump without --routines)"},
	{"CREATE AGGREGATE", "aggregates of other databases cannot run here: leave them out"},
	{"CREATE DOMAIN",
		"domains are not known here: write the type and its CHECK at the columns"},
	{"CREATE RULE", "rules are not known here: a trigger of SQLite can do the same"},
	{"CREATE MATERIALIZED VIEW", "make it a VIEW, or a table with CREATE TABLE .. AS"},
	{"CREATE EVENT", "events are not known here: leave them out (mysqldump without --events)"},
	{"CREATE POLICY", "row security is not known here"},
	{"DO", "code blocks cannot run here: leave them out"},
	{"DROP DATABASE", "an instance is dropped by `delete` in its .control, not by SQL"},
};

static int check_refused(const struct rds_words *w, struct err *err)
{
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		if (rds_words_are(w, 0, refused[i].words) > 0) {
			return err_set(err, EINVAL, "%s: %s", refused[i].words, refused[i].why);
		}
	}
	return 0;
}

/* ---- names that a statement makes known ---- */

/* The name at i, behind a schema's if there is one; *i goes behind it. */
static void take_name(const struct rds_words *w, unsigned *i, struct buf *out)
{
	while (rds_word_is(w, *i + 1, ".")) {
		*i += 2;
	}
	buf_clear(out);
	if (*i < w->n) {
		sql_name(&w->at[*i].token, out);
	}
	(*i)++;
}

static int learn_schema(struct rds_dialect *d, const struct rds_words *w, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	unsigned i =
		rds_word_is(w, 0, "USE") ? 1
		: rds_words_are(w, 0, "CREATE SCHEMA") || rds_words_are(w, 0, "CREATE DATABASE")
			? 2
			: 0;

	if (i == 0) {
		return 0;
	}
	i += rds_words_are(w, i, "IF NOT EXISTS");
	take_name(w, &i, &name);
	return rds_named_set(&d->schemas, buf_cstr(&name), "", err);
}

/* The name in the text of a string like 'public.film_id_seq'. */
static void string_name(struct slice text, struct buf *out)
{
	const char *p = text.p;
	const char *end = text.p + text.n;

	for (const char *q = p; q < end; q++) {
		p = *q == '.' ? q + 1 : p;
	}
	for (; p < end; p++) {
		if (*p != '\'' && *p != '"') {
			buf_putc(out, *p);
		}
	}
}

/* CREATE TYPE name AS ENUM ('a', 'b') */
static int create_type(struct rds_dialect *d, const struct rds_words *w, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	CLEANUP(buf_free) struct buf values = BUF_INIT;
	unsigned i = 2;

	take_name(w, &i, &name);
	if (rds_words_are(w, i, "AS ENUM") == 0) {
		return err_set(err, EINVAL, "CREATE TYPE: only an ENUM is understood");
	}
	rds_words_print(w, i + 2, w->n, &values);
	int rc = rds_named_set(&d->types, buf_cstr(&name), buf_cstr(&values), err);
	return rc < 0 ? rc : RDS_SKIPPED;
}

/* ALTER SEQUENCE s OWNED BY t.c */
static int owned_by(struct rds_dialect *d, const struct rds_words *w, struct err *err)
{
	CLEANUP(buf_free) struct buf sequence = BUF_INIT;
	CLEANUP(buf_free) struct buf table = BUF_INIT;
	unsigned i = 2;

	take_name(w, &i, &sequence);
	unsigned n = rds_words_are(w, i, "OWNED BY");
	if (n == 0 || w->n < 5) {
		return RDS_SKIPPED;
	}
	/* .. t . c: the table is two before the last. */
	sql_name(&w->at[w->n - 3].token, &table);
	int rc = rds_named_set(&d->sequences, buf_cstr(&sequence), buf_cstr(&table), err);
	return rc < 0 ? rc : RDS_SKIPPED;
}

/* SELECT pg_catalog.setval('public.s', 7, true): the sequence's table goes on behind 7. */
static int set_value(struct rds_dialect *d, const struct rds_words *w, unsigned i, struct err *err)
{
	CLEANUP(buf_free) struct buf sequence = BUF_INIT;
	CLEANUP(buf_free) struct buf value = BUF_INIT;

	if (!rds_word_is(w, i + 1, "(") || w->at[i + 2].token.kind != SQL_STRING) {
		return err_set(err, EINVAL, "setval() of something that is no plain sequence");
	}
	string_name(w->at[i + 2].token.text, &sequence);
	const char *table = rds_named_find(d->sequences, buf_cstr(&sequence));
	for (i += 3; i < w->n && w->at[i].token.kind != SQL_NUMBER; i++) {
	}
	if (i >= w->n || table == NULL) {
		rds_dialect_note(d, "setval() of a sequence that numbers no table");
		return RDS_SKIPPED;
	}
	long long n = strtoll(w->at[i].token.text.p, NULL, 10);
	bool called = !rds_word_is(w, i + 2, "false");
	buf_printf(&value, "%lld", called ? n : n - 1);
	int rc = rds_named_set(&d->counters, table, buf_cstr(&value), err);
	return rc < 0 ? rc : RDS_SKIPPED;
}

static int select_call(struct rds_dialect *d, const struct rds_words *w, struct err *err)
{
	unsigned i = rds_words_are(w, 1, "pg_catalog .") + 1;

	if (rds_word_is(w, i, "setval")) {
		return set_value(d, w, i, err);
	}
	return rds_word_is(w, i, "set_config") ? RDS_SKIPPED : RDS_AS_IS;
}

/* SET FOREIGN_KEY_CHECKS=0, also among other settings. */
static void learn_setting(struct rds_dialect *d, const struct rds_words *w)
{
	for (unsigned i = 1; i + 2 < w->n; i++) {
		if (rds_word_is(w, i, "FOREIGN_KEY_CHECKS") && rds_word_is(w, i + 1, "=")) {
			d->foreign_keys_later =
				d->foreign_keys_later || slice_is(w->at[i + 2].token.text, "0");
		}
	}
}

/* ---- statements that are changed ---- */

/* CREATE [UNIQUE] INDEX: how it is built is another's matter. */
static int create_index(struct rds_dialect *d, struct rds_words *w)
{
	for (unsigned i = 2; i < w->n; i++) {
		unsigned n = rds_words_are(w, i, "NULLS FIRST") + rds_words_are(w, i, "NULLS LAST");
		if (rds_word_is(w, i, "USING")) {
			if (!rds_word_is(w, i + 1, "btree") && !rds_word_is(w, i + 1, "hash")) {
				rds_dialect_note(d, "an index that is not a btree");
				return RDS_SKIPPED;
			}
			n = 2;
		} else if (rds_word_is(w, i, "CONCURRENTLY") ||
			   rds_word_is(w, i, "varchar_pattern_ops") ||
			   rds_word_is(w, i, "text_pattern_ops") ||
			   rds_word_is(w, i, "bpchar_pattern_ops") ||
			   (rds_word_is(w, i, "ONLY") && rds_word_is(w, i - 1, "ON"))) {
			n = 1;
		} else if (rds_word_is(w, i, "INCLUDE")) {
			n = rds_words_close(w, i + 1) - i;
		}
		rds_words_drop(w, i, i + n);
	}
	return RDS_CHANGED;
}

static int insert(struct rds_words *w, struct err *err)
{
	for (unsigned i = 1; i < w->n && !rds_word_is(w, i, "VALUES"); i++) {
		if (rds_word_is(w, i, "IGNORE") && i == 1) {
			buf_puts(rds_word_replace(w, i), "OR IGNORE");
		}
		if (rds_words_are(w, i, "OVERRIDING SYSTEM VALUE") ||
			rds_words_are(w, i, "OVERRIDING USER VALUE")) {
			rds_words_drop(w, i, i + 3);
		}
	}
	for (unsigned i = w->n; i-- > 3;) {
		if (rds_word_is(w, i, "KEY") && rds_words_are(w, i - 2, "ON DUPLICATE KEY")) {
			return err_set(err, EINVAL,
				"ON DUPLICATE KEY UPDATE: ON CONFLICT(columns) DO UPDATE is "
				"understood");
		}
	}
	return RDS_CHANGED;
}

/* DROP TABLE [IF EXISTS] a, b CASCADE: one at a time. */
static int drop_table(struct rds_words *w, struct buf *out)
{
	unsigned i = 2 + rds_words_are(w, 2, "IF EXISTS");
	unsigned from = i;

	for (; i <= w->n; i++) {
		bool end = i == w->n || rds_word_is(w, i, ",") || rds_word_is(w, i, "CASCADE") ||
			   rds_word_is(w, i, "RESTRICT");
		if (end && i > from) {
			rds_words_print(w, 0, 2, out);
			buf_puts(out, rds_words_are(w, 2, "IF EXISTS") ? " IF EXISTS " : " ");
			rds_words_print(w, from, i, out);
			buf_puts(out, ";\n");
		}
		from = end ? i + 1 : from;
	}
	return RDS_CHANGED;
}

static int create_view(struct rds_words *w)
{
	/* CREATE ALGORITHM=UNDEFINED DEFINER=`u`@`h` SQL SECURITY DEFINER VIEW v AS .. */
	unsigned i = 1;

	while (i < w->n && !rds_word_is(w, i, "VIEW")) {
		i++;
	}
	bool temp = rds_word_is(w, i - 1, "TEMP") || rds_word_is(w, i - 1, "TEMPORARY");
	rds_words_drop(w, 1, temp ? i - 1 : i);
	return RDS_CHANGED;
}

static bool is_view(const struct rds_words *w)
{
	for (unsigned i = 1; i < w->n && i < 16; i++) {
		if (rds_word_is(w, i, "VIEW")) {
			return true;
		}
		if (rds_word_is(w, i, "TABLE") || rds_word_is(w, i, "AS")) {
			return false;
		}
	}
	return false;
}

static bool is_create(const struct rds_words *w, const char *what)
{
	unsigned i = 1;

	while (rds_word_is(w, i, "TEMP") || rds_word_is(w, i, "TEMPORARY") ||
		rds_word_is(w, i, "UNIQUE") || rds_word_is(w, i, "UNLOGGED") ||
		rds_word_is(w, i, "FULLTEXT") || rds_word_is(w, i, "SPATIAL")) {
		i++;
	}
	return rds_word_is(w, 0, "CREATE") && rds_word_is(w, i, what);
}

static int change(struct rds_dialect *d, struct rds_words *w, struct buf *out, struct buf *after,
	struct err *err)
{
	if (rds_words_are(w, 0, "ALTER TABLE") > 0) {
		return rds_translate_alter(d, w, out, err);
	}
	if (rds_words_are(w, 0, "DROP TABLE") > 0 || rds_words_are(w, 0, "DROP VIEW") > 0) {
		return drop_table(w, out);
	}
	if (is_create(w, "TABLE")) {
		return rds_translate_table(d, w, after, err);
	}
	if (is_create(w, "INDEX")) {
		return create_index(d, w);
	}
	if (rds_word_is(w, 0, "CREATE") && is_view(w)) {
		return create_view(w);
	}
	if (rds_word_is(w, 0, "INSERT") || rds_word_is(w, 0, "REPLACE")) {
		int rc = d->dialect == SQL_POSTGRES ? rds_translate_values(d, w, err) : 0;
		return rc < 0 ? rc : insert(w, err);
	}
	return RDS_CHANGED;
}

static int change_text(struct rds_dialect *d, struct rds_words *w, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf after = BUF_INIT;

	int rc = rds_translate_text(d, w, err);
	rc = rc < 0 ? rc : change(d, w, out, &after, err);
	if (rc == RDS_CHANGED && out->n == 0) {
		rds_words_print(w, 0, w->n, out);
		buf_puts(out, ";\n");
		buf_append_slice(out, buf_slice(&after));
	}
	return out->failed ? err_set(err, ENOMEM, "out of memory") : rc;
}

/* ---- which it is ---- */

static int translate(struct rds_dialect *d, struct rds_words *w, struct buf *out, struct err *err)
{
	int rc = learn_schema(d, w, err);

	if (rc < 0) {
		return rc;
	}
	if (rds_word_is(w, 0, "SET")) {
		learn_setting(d, w);
	}
	if (rds_words_are(w, 0, "ALTER SEQUENCE") > 0) {
		return owned_by(d, w, err);
	}
	if (rds_words_are(w, 0, "CREATE SEQUENCE") > 0 || is_skipped(d, w)) {
		return RDS_SKIPPED;
	}
	rc = check_refused(w, err);
	if (rc < 0) {
		return rc;
	}
	if (rds_words_are(w, 0, "CREATE TYPE") > 0) {
		return create_type(d, w, err);
	}
	if (rds_word_is(w, 0, "COPY")) {
		return RDS_COPY;
	}
	if (rds_word_is(w, 0, "SELECT")) {
		rc = select_call(d, w, err);
		if (rc != RDS_AS_IS) {
			return rc;
		}
	}
	return change_text(d, w, out, err);
}

int rds_translate(struct rds_dialect *d, const struct sql_statement *st, bool needed,
	struct buf *out, struct err *err)
{
	CLEANUP(rds_words_free) struct rds_words w = {0};

	if (st->client) {
		/* \connect and its like: settings of psql. */
		return RDS_SKIPPED;
	}
	if (d->dialect == SQL_SQLITE || (d->dialect == SQL_UNKNOWN && !needed)) {
		return RDS_AS_IS;
	}
	int rc = rds_words_read(&w, st->text, d->dialect, err);
	return rc < 0 ? rc : translate(d, &w, out, err);
}
