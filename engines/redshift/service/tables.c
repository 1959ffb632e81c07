/* What the tree does to tables, as the SQL that does it. */
#include <stdlib.h>

#include "engines/redshift/service/service.h"

/* A directory's key as a name in SQL: "sales", "other.sales". */
static void put_name(struct slice key, struct buf *sql)
{
	const char *dot = key.n > 0 ? memchr(key.p, '.', key.n) : NULL;

	if (dot != NULL && dot > key.p) {
		rs_name_print(slice_make(key.p, (size_t)(dot - key.p)), sql);
		buf_putc(sql, '.');
		key = slice_make(dot + 1, key.n - (size_t)(dot - key.p) - 1);
	}
	rs_name_print(key, sql);
}

static struct slice schema_of(struct slice key)
{
	const char *dot = key.n > 0 ? memchr(key.p, '.', key.n) : NULL;

	return dot != NULL ? slice_make(key.p, (size_t)(dot - key.p)) : slice_of("public");
}

static struct slice name_of(struct slice key)
{
	const char *dot = key.n > 0 ? memchr(key.p, '.', key.n) : NULL;

	return dot != NULL ? slice_make(dot + 1, key.n - (size_t)(dot - key.p) - 1) : key;
}

static int run(struct redshift_place *p, struct buf *sql, struct err *err)
{
	CLEANUP(buf_free) struct buf report = BUF_INIT;
	int rc = buf_check(sql, err);

	return rc < 0 ? rc : rs_run_script(p->rs, buf_slice(sql), &report, err);
}

/* How many rows it has; ENOENT. */
static int rows_of(
	struct redshift_place *p, struct slice key, uint64_t *rows, uint64_t *id, struct err *err)
{
	struct rs_look look;

	int rc = rs_look_begin(p->rs, &look, err);
	if (rc < 0) {
		return rc;
	}
	const struct rs_table *t = rs_catalog_by_key(look.catalog, key);
	if (t == NULL) {
		rc = err_set(err, ENOENT, "there is no table %.*s", (int)key.n, key.p);
	} else {
		*rows = t->rows;
		*id = t->id;
	}
	rs_look_end(&look);
	return rc;
}

int redshift_table_mkdir(struct redshift_place *p, struct slice key, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	struct err why = {0};
	uint64_t rows;
	uint64_t id;

	if (rows_of(p, key, &rows, &id, &why) == 0) {
		return err_set(err, EEXIST, "there is a table %.*s", (int)key.n, key.p);
	}
	buf_puts(&sql, "CREATE TABLE ");
	put_name(key, &sql);
	buf_puts(&sql, " (id bigint)");
	return run(p, &sql, err);
}

int redshift_table_rmdir(struct redshift_place *p, struct slice key, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	uint64_t rows = 0;
	uint64_t id;

	int rc = rows_of(p, key, &rows, &id, err);
	if (rc < 0) {
		return rc;
	}
	if (rows > 0) {
		return err_set(err, ENOTEMPTY,
			"table %.*s has %llu rows: 'rm -r' removes them first, DROP TABLE in .sql "
			"drops it as it is",
			(int)key.n, key.p, (unsigned long long)rows);
	}
	buf_puts(&sql, "DROP TABLE ");
	put_name(key, &sql);
	return run(p, &sql, err);
}

int redshift_table_clear(struct redshift_place *p, struct slice key, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	uint64_t rows = 0;
	uint64_t id;

	int rc = rows_of(p, key, &rows, &id, err);
	if (rc < 0 || rows == 0) {
		return rc;
	}
	buf_puts(&sql, "DELETE FROM ");
	put_name(key, &sql);
	return run(p, &sql, err);
}

int redshift_table_rename(
	struct redshift_place *p, struct slice from, struct slice to, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	struct err why = {0};
	uint64_t rows;
	uint64_t id;

	int rc = rows_of(p, from, &rows, &id, err);
	if (rc == 0 && rows_of(p, to, &rows, &id, &why) == 0) {
		return err_set(err, EEXIST, "there is a table %.*s", (int)to.n, to.p);
	}
	if (rc < 0) {
		return rc;
	}
	if (!slice_equal(name_of(from), name_of(to))) {
		buf_puts(&sql, "ALTER TABLE ");
		put_name(from, &sql);
		buf_puts(&sql, " RENAME TO ");
		rs_name_print(name_of(to), &sql);
		buf_puts(&sql, ";\n");
	}
	if (!slice_equal(schema_of(from), schema_of(to))) {
		buf_puts(&sql, "ALTER TABLE ");
		rs_name_print(schema_of(from), &sql);
		buf_putc(&sql, '.');
		rs_name_print(name_of(to), &sql);
		buf_puts(&sql, " SET SCHEMA ");
		rs_name_print(schema_of(to), &sql);
		buf_puts(&sql, ";\n");
	}
	return run(p, &sql, err);
}

/* ---- .schema ---- */

int redshift_schema_text(
	struct redshift_place *p, const struct rs_table *t, struct buf *out, struct err *err)
{
	struct rs_create def = {0};

	(void)p;
	int rc = rs_create_of_table(t, &def, err);
	if (rc < 0) {
		return rc;
	}
	rs_create_print(&def, out);
	rs_create_clear(&def);
	if (out->n > 0 && out->p[out->n - 1] != '\n') {
		buf_puts(out, "\n");
	}
	return buf_check(out, err);
}

static bool is_named(const struct rs_name *name, struct slice key)
{
	const char *schema =
		name->schema == NULL || name->schema[0] == '\0' ? "public" : name->schema;

	return name->name != NULL && slice_is(name_of(key), name->name) &&
	       slice_is(schema_of(key), schema);
}

/* One CREATE TABLE of this very table, and nothing behind it. */
static int check_definition(struct slice text, struct slice key, struct err *err)
{
	struct rs_statement *s = NULL;
	struct rs_statement *more = NULL;
	size_t at = 0;

	int rc = rs_statement_next(text, &at, &s, err);
	if (rc == 1) {
		rc = s->kind != RS_CREATE_TABLE ? err_set(err, EINVAL, "a CREATE TABLE is expected")
		     : !is_named(&s->create.name, key)
			     ? err_set(err, EINVAL,
				       "it defines %s, but the table here is %.*s (mv renames a "
				       "table)",
				       s->create.name.name, (int)key.n, key.p)
			     : rs_statement_next(text, &at, &more, err);
		if (rc == 1 && more != NULL) {
			rc = err_set(err, EINVAL,
				"line %lu: one CREATE TABLE is all that is expected", more->line);
		}
	} else if (rc == 0) {
		rc = err_set(err, EINVAL, "there is no statement: a CREATE TABLE is expected");
	}
	rs_statement_free(more);
	rs_statement_free(s);
	return rc;
}

static int is_same(
	struct redshift_place *p, struct slice key, struct slice text, bool *same, struct err *err)
{
	CLEANUP(buf_free) struct buf now = BUF_INIT;
	struct rs_look look;

	*same = false;
	int rc = rs_look_begin(p->rs, &look, err);
	if (rc < 0) {
		return rc;
	}
	const struct rs_table *t = rs_catalog_by_key(look.catalog, key);
	rc = t == NULL ? err_set(err, ENOENT, "there is no table %.*s", (int)key.n, key.p)
		       : redshift_schema_text(p, t, &now, err);
	*same = rc == 0 && slice_equal(buf_slice(&now), text);
	rs_look_end(&look);
	return rc;
}

int redshift_table_define(
	struct redshift_place *p, struct slice key, struct slice text, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	bool same = false;
	uint64_t rows = 0;
	uint64_t id;

	int rc = is_same(p, key, text, &same, err);
	if (rc < 0 || same) {
		return rc;
	}
	rc = check_definition(text, key, err);
	rc = rc < 0 ? rc : rows_of(p, key, &rows, &id, err);
	if (rc < 0) {
		return rc;
	}
	if (rows > 0) {
		return err_set(err, EINVAL,
			"table %.*s has %llu rows: only an empty one is defined anew (ALTER TABLE "
			"in .sql changes it)",
			(int)key.n, key.p, (unsigned long long)rows);
	}
	buf_puts(&sql, "DROP TABLE ");
	put_name(key, &sql);
	buf_puts(&sql, "; ");
	buf_append_slice(&sql, text);
	return run(p, &sql, err);
}
