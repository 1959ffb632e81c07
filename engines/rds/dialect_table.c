/* CREATE TABLE of PostgreSQL and MySQL. Types keep their names where SQLite takes
 * from the name what they hold; what numbers itself becomes INTEGER PRIMARY KEY
 * AUTOINCREMENT; keys that are indexes become indexes. */
#include <stdlib.h>
#include <strings.h>

#include "engines/rds/dialect.h"

struct table {
	struct rds_dialect *d;
	struct rds_words *w;
	struct buf name; /* without quotes */
	unsigned open;	 /* the bracket around its items */
	unsigned close;
	unsigned serial;      /* name of the column that numbers itself, 0 none */
	unsigned serial_type; /* first word of its type */
	bool serial_done;     /* it is the primary key in its own definition */
	struct buf *after;
};

static bool is_any(const struct rds_words *w, unsigned i, const char *const *words)
{
	for (; *words != NULL; words++) {
		if (rds_word_is(w, i, *words)) {
			return true;
		}
	}
	return false;
}

/* Drops an item with the comma that parts it from the others. */
static void drop_item(struct table *t, unsigned from, unsigned to)
{
	if (from == t->open + 1) {
		rds_words_drop(t->w, from, to + 1);
	} else {
		rds_words_drop(t->w, from - 1, to);
	}
}

static unsigned item_end(const struct table *t, unsigned i)
{
	while (i < t->close && !rds_word_is(t->w, i, ",")) {
		i = rds_word_is(t->w, i, "(") ? rds_words_close(t->w, i) : i + 1;
	}
	return i < t->close ? i : t->close;
}

/* ---- types ---- */

static const char *type_for(const struct table *t, unsigned i)
{
	static const char *const text[] = {"json", "jsonb", "uuid", "inet", "cidr", "macaddr",
		"macaddr8", "xml", "tsvector", "tsquery", "interval", "name", "citext", "money",
		"hstore", "ltree", "int4range", "int8range", "numrange", "tsrange", "tstzrange",
		"daterange", "set", NULL};
	static const char *const shapes[] = {"point", "line", "lseg", "box", "path", "polygon",
		"circle", "geometry", "linestring", "multipoint", "geography", NULL};
	static const char *const blobs[] = {"bytea", "binary", "varbinary", NULL};
	static const char *const serials[] = {
		"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8", "oid", NULL};
	bool mysql = t->d->dialect == SQL_MYSQL;

	if (is_any(t->w, i, text)) {
		return "TEXT";
	}
	if (is_any(t->w, i, shapes)) {
		return mysql ? "BLOB" : "TEXT";
	}
	if (rds_word_is(t->w, i, "bit")) {
		return mysql ? "INTEGER" : "TEXT";
	}
	return is_any(t->w, i, blobs) ? "BLOB" : is_any(t->w, i, serials) ? "INTEGER" : NULL;
}

/* A column of these values and no others: the text is "('a', 'b')". */
static void enum_type(
	struct table *t, unsigned column, unsigned type, unsigned end, const char *values)
{
	struct buf *out;

	rds_words_drop(t->w, type, end);
	out = rds_word_replace(t->w, type);
	buf_puts(out, "TEXT CHECK (");
	buf_append_slice(out, t->w->at[column].token.text);
	buf_printf(out, " IN %s)", values);
}

static void replace_type(struct table *t, unsigned type, unsigned end, const char *by)
{
	rds_words_drop(t->w, type, end);
	buf_puts(rds_word_replace(t->w, type), by);
}

static void time_type(struct table *t, unsigned type, unsigned end)
{
	/* timestamp(6) without time zone */
	if (end > type + 1) {
		rds_words_drop(t->w, type + 1, end);
	}
}

static void translate_type(struct table *t, unsigned column, unsigned end)
{
	static const char *const times[] = {
		"timestamp", "time", "timestamptz", "timetz", "datetime", NULL};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct rds_words *w = t->w;
	unsigned type = column + 1;

	while (type < end && w->at[type].dropped) {
		type++;
	}
	if (type >= end) {
		return;
	}
	sql_name(&w->at[type].token, &text);
	const char *values = rds_named_find(t->d->types, buf_cstr(&text));
	const char *by = type_for(t, type);
	bool array = rds_word_is(w, end - 1, "]") || rds_word_is(w, end - 1, "ARRAY");
	if (array) {
		replace_type(t, type, end, "TEXT");
	} else if (values != NULL) {
		enum_type(t, column, type, end, values);
	} else if (rds_word_is(w, type, "enum") && rds_word_is(w, type + 1, "(")) {
		buf_clear(&text);
		rds_words_print(w, type + 1, end, &text);
		enum_type(t, column, type, end, buf_cstr(&text));
	} else if (by != NULL) {
		replace_type(t, type, end, by);
	} else if (is_any(w, type, times)) {
		time_type(t, type, end);
	}
}

/* ---- a column's constraints ---- */

static const char *const constraint_words[] = {"NOT", "NULL", "DEFAULT", "PRIMARY", "UNIQUE",
	"CHECK", "REFERENCES", "COLLATE", "GENERATED", "AUTO_INCREMENT", "AUTOINCREMENT", "COMMENT",
	"ON", "CONSTRAINT", "CHARSET", "UNSIGNED", "ZEROFILL", "SIGNED", "VISIBLE", "INVISIBLE",
	"AS", "STORAGE", "KEY", NULL};

static unsigned type_end(const struct table *t, unsigned i, unsigned end)
{
	while (i < end && !is_any(t->w, i, constraint_words) &&
		rds_words_are(t->w, i, "CHARACTER SET") == 0) {
		i = rds_word_is(t->w, i, "(") ? rds_words_close(t->w, i) : i + 1;
	}
	return i < end ? i : end;
}

static bool function_known(struct table *t, const struct sql_token *name)
{
	sqlite3_stmt *stmt = NULL;
	bool known = false;

	if (sqlite3_prepare_v2(t->d->db, "SELECT 1 FROM pragma_function_list WHERE name = lower(?)",
		    -1, &stmt, NULL) == SQLITE_OK) {
		sqlite3_bind_text(stmt, 1, name->text.p, (int)name->text.n, SQLITE_STATIC);
		known = sqlite3_step(stmt) == SQLITE_ROW;
	}
	sqlite3_finalize(stmt);
	return known;
}

#define UUID_EXPRESSION                                                                            \
	"(lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || "                       \
	"substr(hex(randomblob(2)), 2) || '-' || substr('89AB', 1 + (random() & 3), 1) || "        \
	"substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))))"

/* DEFAULT f(..): SQLite wants brackets around it. */
static int default_call(struct table *t, unsigned i, struct err *err)
{
	static const char *const uuids[] = {"gen_random_uuid", "uuid_generate_v4", "uuid", NULL};
	unsigned end = rds_words_close(t->w, i + 1);

	if (is_any(t->w, i, uuids)) {
		rds_words_drop(t->w, i, end);
		buf_puts(rds_word_replace(t->w, i), UUID_EXPRESSION);
		return 0;
	}
	if (!function_known(t, &t->w->at[i].token)) {
		return err_set(err, EINVAL, "DEFAULT %.*s(): SQLite has no such function",
			(int)t->w->at[i].token.text.n, t->w->at[i].token.text.p);
	}
	buf_puts(&t->w->at[i].before, "(");
	if (end < t->w->n) {
		buf_puts(&t->w->at[end].before, ")");
	}
	return 0;
}

/* DEFAULT nextval('s'): the column numbers itself. */
static int default_next(struct table *t, unsigned i, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct slice text = t->w->at[i + 2].token.text;

	for (size_t k = 0; k < text.n; k++) {
		if (text.p[k] == '.') {
			buf_clear(&name);
		} else if (text.p[k] != '\'' && text.p[k] != '"') {
			buf_putc(&name, text.p[k]);
		}
	}
	rds_words_drop(t->w, i - 1, rds_words_close(t->w, i + 1));
	return rds_named_set(&t->d->sequences, buf_cstr(&name), buf_cstr(&t->name), err);
}

/* Looks at the constraint word at i; *i goes behind what was dealt with. */
static int constraint(struct table *t, unsigned column, unsigned *i, struct err *err)
{
	static const char *const dropped[] = {
		"UNSIGNED", "ZEROFILL", "SIGNED", "VISIBLE", "INVISIBLE", NULL};
	struct rds_words *w = t->w;
	unsigned at = *i;
	unsigned n;

	if (is_any(w, at, dropped)) {
		rds_words_drop(w, at, at + 1);
	} else if (rds_words_are(w, at, "CHARACTER SET") || rds_word_is(w, at, "CHARSET") ||
		   rds_word_is(w, at, "COLLATE") || rds_word_is(w, at, "COMMENT") ||
		   rds_word_is(w, at, "STORAGE")) {
		n = rds_words_are(w, at, "CHARACTER SET") ? 3 : 2;
		/* A name's schema in front of it is dropped already. */
		n += w->at[at + 1].dropped ? 2 : 0;
		rds_words_drop(w, at, at + n);
		*i = at + n;
		return 0;
	} else if (rds_words_are(w, at, "ON UPDATE") && w->at[at + 2].replaced) {
		/* With CURRENT_TIMESTAMP, in whatever spelling. */
		rds_words_drop(w, at, at + 3);
		rds_dialect_note(t->d, "ON UPDATE CURRENT_TIMESTAMP");
		*i = at + 3;
		return 0;
	} else if (rds_word_is(w, at, "AUTO_INCREMENT")) {
		rds_words_drop(w, at, at + 1);
		t->serial = column;
	} else if ((n = rds_words_are(w, at, "GENERATED ALWAYS AS IDENTITY")) > 0 ||
		   (n = rds_words_are(w, at, "GENERATED BY DEFAULT AS IDENTITY")) > 0) {
		n += at + n < w->n && rds_word_is(w, at + n, "(")
			     ? rds_words_close(w, at + n) - (at + n)
			     : 0;
		rds_words_drop(w, at, at + n);
		t->serial = column;
		*i = at + n;
		return 0;
	} else if (rds_word_is(w, at, "DEFAULT") && rds_word_is(w, at + 1, "nextval") &&
		   rds_word_is(w, at + 2, "(")) {
		t->serial = column;
		*i = rds_words_close(w, at + 2);
		return default_next(t, at + 1, err);
	} else if (rds_word_is(w, at, "DEFAULT") && w->at[at + 1].token.kind == SQL_WORD &&
		   rds_word_is(w, at + 2, "(") && !w->at[at + 2].dropped) {
		*i = rds_words_close(w, at + 2);
		return default_call(t, at + 1, err);
	} else if (rds_words_are(w, at, "UNIQUE KEY")) {
		rds_words_drop(w, at + 1, at + 2);
	} else if (rds_words_are(w, at, "PRIMARY KEY") && t->serial == column) {
		t->serial_done = true;
		buf_puts(rds_word_replace(w, at + 1), "KEY AUTOINCREMENT");
		*i = at + 2;
		return 0;
	}
	*i = rds_word_is(w, at, "(") ? rds_words_close(w, at) : at + 1;
	return 0;
}

static int column(struct table *t, unsigned from, unsigned to, struct err *err)
{
	static const char *const serials[] = {
		"serial", "bigserial", "smallserial", "serial2", "serial4", "serial8", NULL};
	unsigned type = type_end(t, from + 1, to);
	unsigned before = t->serial;
	int rc = 0;

	if (is_any(t->w, from + 1, serials)) {
		t->serial = from;
	}
	translate_type(t, from, type);
	for (unsigned i = type; rc == 0 && i < to;) {
		rc = constraint(t, from, &i, err);
	}
	if (t->serial == from && t->serial != before) {
		t->serial_type = from + 1;
	}
	if (t->serial_type == from + 1 && t->serial == from) {
		/* Only this very type is the rowid, which is what numbers rows. */
		replace_type(t, from + 1, type, "INTEGER");
	}
	return rc;
}

/* ---- keys ---- */

/* (a(10) DESC, b): column names alone. How many have a length is told. */
static void print_columns(
	const struct rds_words *w, unsigned open, struct buf *out, unsigned *n_cut)
{
	unsigned close = rds_words_close(w, open);

	*n_cut = 0;
	buf_putc(out, '(');
	for (unsigned i = open + 1; i + 1 < close; i++) {
		if (rds_word_is(w, i, "(") && i + 2 < close &&
			w->at[i + 1].token.kind == SQL_NUMBER && rds_word_is(w, i + 2, ")")) {
			i += 2;
			(*n_cut)++;
			continue;
		}
		rds_words_print(w, i, i + 1, out);
		buf_puts(out, rds_word_is(w, i + 1, ",") || i + 2 == close ? "" : " ");
	}
	buf_putc(out, ')');
}

static unsigned find_open(const struct rds_words *w, unsigned from, unsigned to)
{
	while (from < to && !rds_word_is(w, from, "(")) {
		from++;
	}
	return from;
}

/* An index has a name in the whole database, not in its table. */
static void add_index(struct table *t, unsigned from, unsigned to)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	unsigned open = find_open(t->w, from, to);
	unsigned n_cut;

	buf_append_slice(&name, buf_slice(&t->name));
	buf_putc(&name, '_');
	if (open > from && !rds_word_is(t->w, from, "USING")) {
		sql_name(&t->w->at[from].token, &name);
	} else {
		sql_name(&t->w->at[open + 1].token, &name);
	}
	buf_puts(t->after, "CREATE INDEX ");
	rds_quote(t->after, buf_cstr(&name));
	buf_puts(t->after, " ON ");
	rds_quote(t->after, buf_cstr(&t->name));
	buf_putc(t->after, ' ');
	print_columns(t->w, open, t->after, &n_cut);
	buf_puts(t->after, ";\n");
}

/* PRIMARY KEY or UNIQUE of columns: from its bracket on. */
static int unique(struct table *t, unsigned item, unsigned from, unsigned to, const char *what)
{
	CLEANUP(buf_free) struct buf columns = BUF_INIT;
	CLEANUP(buf_free) struct buf one = BUF_INIT;
	CLEANUP(buf_free) struct buf serial = BUF_INIT;
	unsigned open = find_open(t->w, from, to);
	unsigned n_cut;

	if (t->serial != 0 && !t->serial_done && what[0] == 'P' && open + 2 < to &&
		rds_word_is(t->w, open + 2, ")")) {
		sql_name(&t->w->at[t->serial].token, &serial);
		sql_name(&t->w->at[open + 1].token, &one);
		if (strcasecmp(buf_cstr(&serial), buf_cstr(&one)) == 0) {
			t->serial_done = true;
			buf_puts(rds_word_replace(t->w, t->serial_type),
				"INTEGER PRIMARY KEY AUTOINCREMENT");
			drop_item(t, item, to);
			return 0;
		}
	}
	print_columns(t->w, open, &columns, &n_cut);
	if (n_cut > 0 && what[0] == 'U') {
		rds_dialect_note(t->d, "that an index of the beginning of a text is UNIQUE");
		add_index(t, from + 1, to);
		drop_item(t, item, to);
		return 0;
	}
	rds_words_drop(t->w, from, to);
	buf_printf(rds_word_replace(t->w, from), "%s %s", what, buf_cstr(&columns));
	return 0;
}

/* UNIQUE KEY name (..): a constraint of that name. */
static int unique_key(struct table *t, unsigned item, unsigned from, unsigned to)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	unsigned at = from + 1;
	unsigned open = find_open(t->w, from, to);

	at += rds_word_is(t->w, at, "KEY") || rds_word_is(t->w, at, "INDEX") ? 1 : 0;
	if (at < open && !rds_word_is(t->w, at, "USING") && item == from) {
		sql_name(&t->w->at[at].token, &name);
		buf_puts(&t->w->at[from].before, "CONSTRAINT ");
		rds_quote(&t->w->at[from].before, buf_cstr(&name));
		buf_putc(&t->w->at[from].before, ' ');
	}
	return unique(t, item, from, to, "UNIQUE");
}

static void foreign_key(struct table *t, unsigned from, unsigned to)
{
	unsigned open = find_open(t->w, from, to);

	/* FOREIGN KEY name (..): MySQL names its index there. */
	if (open > from + 2) {
		rds_words_drop(t->w, from + 2, open);
	}
	for (unsigned i = open; i < to; i++) {
		if (rds_words_are(t->w, i, "NOT VALID")) {
			rds_words_drop(t->w, i, i + 2);
		}
	}
}

static int item(struct table *t, unsigned from, unsigned to, struct err *err)
{
	struct rds_words *w = t->w;
	unsigned i = from;

	if (rds_word_is(w, i, "CONSTRAINT")) {
		i += rds_word_is(w, i + 1, "PRIMARY") || rds_word_is(w, i + 1, "UNIQUE") ||
				     rds_word_is(w, i + 1, "FOREIGN") ||
				     rds_word_is(w, i + 1, "CHECK")
			     ? 1
			     : 2;
	}
	if (rds_words_are(w, i, "PRIMARY KEY")) {
		return unique(t, from, i, to, "PRIMARY KEY");
	}
	if (rds_word_is(w, i, "UNIQUE")) {
		return unique_key(t, from, i, to);
	}
	if (rds_words_are(w, i, "FOREIGN KEY")) {
		foreign_key(t, i, to);
		return 0;
	}
	if (rds_word_is(w, i, "CHECK")) {
		return 0;
	}
	if (rds_word_is(w, i, "FULLTEXT") || rds_word_is(w, i, "SPATIAL")) {
		rds_dialect_note(t->d, "an index for texts or places");
		drop_item(t, from, to);
		return 0;
	}
	if (rds_word_is(w, i, "KEY") || rds_word_is(w, i, "INDEX")) {
		add_index(t, i + 1, to);
		drop_item(t, from, to);
		return 0;
	}
	if (rds_word_is(w, i, "EXCLUDE") || rds_word_is(w, i, "LIKE") ||
		rds_word_is(w, i, "PERIOD")) {
		return err_set(err, EINVAL, "%.*s in CREATE TABLE is not understood",
			(int)w->at[i].token.text.n, w->at[i].token.text.p);
	}
	return 0;
}

static bool is_column(const struct rds_words *w, unsigned i)
{
	static const char *const others[] = {"CONSTRAINT", "PRIMARY", "UNIQUE", "FOREIGN", "CHECK",
		"FULLTEXT", "SPATIAL", "KEY", "INDEX", "EXCLUDE", "LIKE", "PERIOD", NULL};

	return !is_any(w, i, others);
}

/* ---- behind the bracket ---- */

static int options(struct table *t, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct rds_words *w = t->w;

	for (unsigned i = t->close + 1; i < w->n; i++) {
		if (rds_word_is(w, i, "INHERITS")) {
			return err_set(err, EINVAL, "INHERITS: tables here have no parents");
		}
		if (rds_word_is(w, i, "AUTO_INCREMENT") && rds_word_is(w, i + 1, "=")) {
			buf_printf(
				&value, "%lld", strtoll(w->at[i + 2].token.text.p, NULL, 10) - 1);
			int rc = rds_named_set(
				&t->d->counters, buf_cstr(&t->name), buf_cstr(&value), err);
			if (rc < 0) {
				return rc;
			}
		}
		bool ours = rds_word_is(w, i, "STRICT") || rds_words_are(w, i, "WITHOUT ROWID") ||
			    (rds_word_is(w, i, "ROWID") && rds_word_is(w, i - 1, "WITHOUT"));
		if (!ours) {
			rds_words_drop(w, i, i + 1);
		}
	}
	return 0;
}

/* A column that numbers itself and whose primary key comes later, as ALTER TABLE. */
static int serial_later(struct table *t, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;

	if (t->serial == 0 || t->serial_done) {
		return 0;
	}
	sql_name(&t->w->at[t->serial].token, &name);
	return rds_dialect_later(t->d, buf_cstr(&t->name), NULL, buf_cstr(&name), err);
}

static int items(struct table *t, struct err *err)
{
	int rc = 0;

	/* Columns first: keys ask which of them numbers itself. */
	for (int pass = 0; rc == 0 && pass < 2; pass++) {
		for (unsigned from = t->open + 1, to; rc == 0 && from < t->close; from = to + 1) {
			to = item_end(t, from);
			bool is = is_column(t->w, from);
			if (is == (pass == 0)) {
				rc = is ? column(t, from, to, err) : item(t, from, to, err);
			}
		}
	}
	return rc;
}

int rds_translate_table(
	struct rds_dialect *d, struct rds_words *w, struct buf *after, struct err *err)
{
	struct table t = {.d = d, .w = w, .after = after};
	unsigned i = 1;

	for (; i < w->n && !rds_word_is(w, i, "TABLE"); i++) {
		if (rds_word_is(w, i, "UNLOGGED")) {
			rds_words_drop(w, i, i + 1);
		}
	}
	i++;
	i += rds_words_are(w, i, "IF NOT EXISTS");
	while (rds_word_is(w, i + 1, ".")) {
		i += 2;
	}
	if (rds_word_is(w, i + 1, "AS")) {
		return RDS_CHANGED;
	}
	if (!rds_word_is(w, i + 1, "(")) {
		return err_set(err, EINVAL,
			"CREATE TABLE: \"(\" with columns is expected behind the name");
	}
	sql_name(&w->at[i].token, &t.name);
	t.open = i + 1;
	t.close = rds_words_close(w, t.open) - 1;
	int rc = buf_check(&t.name, err);
	rc = rc < 0 ? rc : items(&t, err);
	rc = rc < 0 ? rc : options(&t, err);
	rc = rc < 0 ? rc : serial_later(&t, err);
	buf_free(&t.name);
	return rc < 0 ? rc : RDS_CHANGED;
}
