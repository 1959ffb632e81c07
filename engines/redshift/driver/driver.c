/* What callers use: each call goes to the driver that made the thing. */
#include "engines/redshift/driver/driver.h"

#include <errno.h>

const struct sql_driver *sql_driver_find(const char *name)
{
	for (unsigned i = 0; sql_drivers[i] != NULL; i++) {
		if (name == NULL || strcmp(sql_drivers[i]->name, name) == 0) {
			return sql_drivers[i];
		}
	}
	return NULL;
}

/* ---- sites and sessions ---- */

int sql_site_open(const struct sql_driver *driver, const struct sql_site_config *config,
	struct sql_site **out, struct err *err)
{
	return driver->open(config, out, err);
}

void sql_site_close(struct sql_site *s)
{
	if (s != NULL) {
		s->driver->close(s);
	}
}

int sql_attach(struct sql_site *s, const char *name, const char *path, int flags, struct err *err)
{
	return s->driver->attach(s, name, path, flags, err);
}

int sql_detach(struct sql_site *s, const char *name, struct err *err)
{
	return s->driver->detach(s, name, err);
}

int sql_verify(struct sql_site *s, const char *name, struct err *err)
{
	return s->driver->verify(s, name, err);
}

int sql_peek(const struct sql_driver *driver, const char *path, struct err *err)
{
	return driver->peek(path, err);
}

int sql_session_new(struct sql_site *s, const char *const *names, unsigned n,
	struct sql_session **out, struct err *err)
{
	return s->driver->session(s, names, n, out, err);
}

void sql_session_close(struct sql_session *s)
{
	if (s != NULL) {
		s->driver->session_close(s);
	}
}

/* ---- statements ---- */

int sql_run(struct sql_session *s, const char *text, uint64_t *changed, struct err *err)
{
	return s->driver->run(s, text, changed, err);
}

int sql_prepare(struct sql_session *s, const char *text, const struct sql_type *types, unsigned n,
	struct sql_query **out, struct err *err)
{
	return s->driver->prepare(s, text, types, n, out, err);
}

int sql_bind(struct sql_query *q, unsigned index, struct sql_type t, const struct sql_value *v,
	struct err *err)
{
	return q->driver->bind(q, index, t, v, err);
}

int sql_step(struct sql_query *q, const struct sql_value **row, struct err *err)
{
	return q->driver->step(q, row, err);
}

void sql_finish(struct sql_query *q)
{
	if (q != NULL) {
		q->driver->finish(q);
	}
}

void sql_interrupt(struct sql_session *s)
{
	s->driver->interrupt(s);
}

/* ---- bulk ---- */

int sql_append_new(struct sql_session *s, const char *name, const char *table,
	const struct sql_type *types, unsigned n, struct sql_append **out, struct err *err)
{
	return s->driver->append(s, name, table, types, n, out, err);
}

int sql_append_row(struct sql_append *a, const struct sql_value *row, struct err *err)
{
	return a->driver->append_row(a, row, err);
}

int sql_append_end(struct sql_append *a, bool keep, struct err *err)
{
	return a->driver->append_end(a, keep, err);
}

int sql_checkpoint(struct sql_session *s, const char *name, struct err *err)
{
	return s->driver->checkpoint(s, name, err);
}

/* ---- text ---- */

static void quote(struct slice s, char mark, struct buf *out)
{
	buf_putc(out, mark);
	for (size_t i = 0; i < s.n; i++) {
		buf_putc(out, s.p[i]);
		if (s.p[i] == mark) {
			buf_putc(out, mark);
		}
	}
	buf_putc(out, mark);
}

void sql_quote(struct slice name, struct buf *out)
{
	quote(name, '"', out);
}

int sql_quote_text(struct slice text, struct buf *out, struct err *err)
{
	if (text.n > 0 && memchr(text.p, '\0', text.n) != NULL) {
		return err_set(err, EINVAL, "a text with a NUL character in it");
	}
	quote(text, '\'', out);
	return 0;
}

static const char *duckdb_type(enum sql_kind kind)
{
	switch (kind) {
	case SQL_BOOLEAN: return "BOOLEAN";
	case SQL_SMALLINT: return "SMALLINT";
	case SQL_INTEGER: return "INTEGER";
	case SQL_BIGINT: return "BIGINT";
	case SQL_REAL: return "FLOAT";
	case SQL_DOUBLE: return "DOUBLE";
	case SQL_DECIMAL: return "DECIMAL";
	case SQL_DATE: return "DATE";
	case SQL_TIME: return "TIME";
	/* TIMESTAMPTZ too: its text would need a library of time zones. */
	case SQL_TIMESTAMP:
	case SQL_TIMESTAMPTZ: return "TIMESTAMP";
	case SQL_INTERVAL: return "INTERVAL";
	default: return "VARCHAR";
	}
}

static const char *sqlite_type(enum sql_kind kind)
{
	switch (kind) {
	case SQL_BOOLEAN:
	case SQL_SMALLINT:
	case SQL_INTEGER:
	case SQL_BIGINT: return "INTEGER";
	case SQL_REAL:
	case SQL_DOUBLE: return "REAL";
	case SQL_DECIMAL: return "TEXT COLLATE decimal";
	default: return "TEXT";
	}
}

void sql_column_type(enum sql_dialect dialect, struct sql_type t, struct buf *out)
{
	buf_puts(out, dialect == SQL_DUCKDB ? duckdb_type(t.kind) : sqlite_type(t.kind));
	if (dialect == SQL_DUCKDB && t.kind == SQL_DECIMAL) {
		buf_printf(out, "(%u,%u)", t.size, t.scale);
	}
}
