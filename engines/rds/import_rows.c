/* Rows of a text into a table. A bad row is noted and the rest still tried, so that one
 * report names them all; then the write fails and nothing was changed. */
#include <stdlib.h>
#include <strings.h>

#include "engines/common/base64.h"
#include "engines/common/suggest.h"
#include "engines/rds/import.h"

#define SEEN "_dbmount_import"

/* ---- bad rows ---- */

static void bad_clear(struct rds_load *l)
{
	for (unsigned i = 0; i < l->n_bad && i < RDS_BAD_SHOWN; i++) {
		free(l->bad[i].why);
	}
	l->n_bad = 0;
}

static void bad_add(struct rds_load *l, const struct rds_records *r, const struct err *why)
{
	if (l->n_bad < RDS_BAD_SHOWN) {
		uint64_t number = l->format == RDS_JSON ? r->number : r->number - 1;
		l->bad[l->n_bad] = (struct rds_bad_row){number, r->line, strdup(why->msg)};
	}
	l->n_bad++;
}

void rds_load_finish(struct rds_load *l)
{
	bad_clear(l);
	buf_free(&l->told);
	buf_free(&l->present);
	free(l->map);
	l->map = NULL;
}

/* ---- statements of our own ---- */

static int exec(struct rds_load *l, struct buf *sql, struct err *err)
{
	int rc = buf_check(sql, err);

	if (rc == 0 && sqlite3_exec(l->c->db, buf_cstr(sql), NULL, NULL, NULL) != SQLITE_OK) {
		rc = sqlite3_errcode(l->c->db) == SQLITE_ERROR
			     ? err_set(err, EINVAL, "%s", sqlite3_errmsg(l->c->db))
			     : store_sql_error(l->c->db, NULL, err);
	}
	buf_clear(sql);
	return rc;
}

static int count(struct rds_load *l, uint64_t *out, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	sqlite3_stmt *stmt = NULL;

	buf_puts(&sql, "SELECT count(*) FROM ");
	rds_quote(&sql, l->t->name);
	if (sqlite3_prepare_v2(l->c->db, buf_cstr(&sql), -1, &stmt, NULL) != SQLITE_OK) {
		return store_sql_error(l->c->db, NULL, err);
	}
	int rc = store_step(stmt, err);
	*out = rc == 1 ? (uint64_t)sqlite3_column_int64(stmt, 0) : 0;
	sqlite3_finalize(stmt);
	return rc < 0 ? rc : 0;
}

/* ---- the INSERT ---- */

static void put_names(
	const struct rds_load *l, const struct buf *present, const char *by, struct buf *sql)
{
	bool first = true;

	for (unsigned i = 0; i < l->t->n_columns; i++) {
		if (present->p[i]) {
			buf_puts(sql, first ? "" : by);
			rds_quote(sql, l->t->columns[i].name);
			first = false;
		}
	}
}

static void put_new_value(const struct rds_load *l, unsigned i, struct buf *sql)
{
	const struct rds_column *col = &l->t->columns[i];

	if (l->present.p[i]) {
		buf_puts(sql, "excluded.");
		rds_quote(sql, col->name);
	} else if (col->default_sql != NULL) {
		buf_printf(sql, "(%s)", col->default_sql);
	} else {
		buf_puts(sql, "NULL");
	}
}

/* " DO UPDATE SET a = .., b = .. WHERE a IS NOT .. OR b IS NOT ..": a row that is as the
 * text has it stays untouched. */
static void put_update(const struct rds_load *l, struct buf *sql)
{
	CLEANUP(buf_free) struct buf where = BUF_INIT;
	unsigned n = 0;

	for (unsigned i = 0; i < l->t->n_columns; i++) {
		const struct rds_column *col = &l->t->columns[i];
		if (col->pk > 0 || col->generated || (!l->present.p[i] && l->mode != RDS_REPLACE)) {
			continue;
		}
		buf_puts(sql, n == 0 ? " DO UPDATE SET " : ", ");
		rds_quote(sql, col->name);
		buf_puts(sql, " = ");
		put_new_value(l, i, sql);
		buf_puts(&where, n == 0 ? " WHERE " : " OR ");
		rds_quote(&where, l->t->name);
		buf_putc(&where, '.');
		rds_quote(&where, col->name);
		buf_puts(&where, " IS NOT ");
		put_new_value(l, i, &where);
		n++;
	}
	buf_append_slice(sql, buf_slice(&where));
	buf_puts(sql, n == 0 ? " DO NOTHING" : "");
}

static void put_conflict(const struct rds_load *l, struct buf *sql)
{
	if (l->mode != RDS_UPSERT && (l->mode != RDS_REPLACE || l->t->rowid_key)) {
		return;
	}
	buf_puts(sql, " ON CONFLICT (");
	for (unsigned i = 0; i < l->t->n_key; i++) {
		buf_puts(sql, i > 0 ? ", " : "");
		rds_quote(sql, l->t->columns[l->t->key[i]].name);
	}
	buf_putc(sql, ')');
	put_update(l, sql);
}

static int prepare_insert(struct rds_load *l, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	unsigned n = 0;

	sqlite3_finalize(l->insert);
	l->insert = NULL;
	buf_puts(&sql, "INSERT INTO ");
	rds_quote(&sql, l->t->name);
	buf_puts(&sql, " (");
	put_names(l, &l->present, ", ", &sql);
	for (unsigned i = 0; i < l->t->n_columns; i++) {
		if (l->present.p[i]) {
			buf_puts(&sql, n++ == 0 ? ") VALUES (?" : ", ?");
		}
	}
	buf_putc(&sql, ')');
	if (n == 0) {
		buf_clear(&sql);
		buf_puts(&sql, "INSERT INTO ");
		rds_quote(&sql, l->t->name);
		buf_puts(&sql, " DEFAULT VALUES");
	} else {
		put_conflict(l, &sql);
	}
	int rc = buf_check(&sql, err);
	if (rc == 0 &&
		sqlite3_prepare_v2(l->c->db, buf_cstr(&sql), -1, &l->insert, NULL) != SQLITE_OK) {
		rc = err_set(err, EINVAL, "%s", sqlite3_errmsg(l->c->db));
	}
	return rc;
}

/* Rows of one text mostly have the same columns. */
static int fit_insert(struct rds_load *l, struct err *err)
{
	bool same = l->insert != NULL;

	for (unsigned i = 0; i < l->t->n_columns; i++) {
		bool is = l->draft.members[i].present && !l->t->columns[i].generated;
		same = same && l->present.p[i] == (char)is;
		l->present.p[i] = (char)is;
	}
	return same ? 0 : prepare_insert(l, err);
}

/* ---- a row ---- */

static int note_seen(struct rds_load *l, struct err *err)
{
	if (l->seen == NULL) {
		return 0;
	}
	sqlite3_reset(l->seen);
	for (unsigned i = 0; i < l->t->n_key; i++) {
		const struct rds_member *m = &l->draft.members[l->t->key[i]];
		rds_value_bind(l->seen, (int)i + 1, &m->value, &l->draft.bytes);
	}
	int rc = store_step(l->seen, err);
	sqlite3_reset(l->seen);
	return rc < 0 ? rc : 0;
}

static int check_key(const struct rds_load *l, struct err *why)
{
	if (l->mode == RDS_APPEND || l->mode == RDS_CREATE) {
		return 0;
	}
	for (unsigned i = 0; i < l->t->n_key; i++) {
		const struct rds_member *m = &l->draft.members[l->t->key[i]];
		if (!m->present || m->value.type == SQLITE_NULL) {
			return err_set(why, EINVAL, "no value for %s, a column of the primary key",
				l->t->columns[l->t->key[i]].name);
		}
	}
	return 0;
}

static int put_row(struct rds_load *l, struct err *why)
{
	int at = 1;
	int rc = fit_insert(l, why);

	if (rc < 0) {
		return rc;
	}
	sqlite3_reset(l->insert);
	for (unsigned i = 0; rc == 0 && i < l->t->n_columns; i++) {
		struct rds_member *m = &l->draft.members[i];
		if (!l->present.p[i]) {
			continue;
		}
		rc = rds_settle(&l->t->columns[i], &m->value, m->boolean, &l->draft.bytes, why);
		if (rc < 0) {
			return rc;
		}
		rds_value_bind(l->insert, at++, &m->value, &l->draft.bytes);
	}
	rc = sqlite3_step(l->insert);
	if (rc != SQLITE_DONE) {
		int code = sqlite3_extended_errcode(l->c->db);
		l->twice = l->twice || code == SQLITE_CONSTRAINT_PRIMARYKEY ||
			   code == SQLITE_CONSTRAINT_UNIQUE || code == SQLITE_CONSTRAINT_ROWID;
		return rds_refused(l->c, l->insert, why);
	}
	l->n_changed += (uint64_t)sqlite3_changes64(l->c->db);
	sqlite3_reset(l->insert);
	return note_seen(l, why);
}

/* ---- csv, tsv ---- */

/* What a field says, before the column's type has its say. */
static int field_value(const struct rds_load *l, const struct rds_records *r, unsigned i,
	struct rds_member *m, struct buf *bytes, struct err *why)
{
	const struct rds_column *col = &l->t->columns[l->map[i]];
	struct slice text = rds_field_text(r, i);
	bool blob = strcasestr(col->type, "BLOB") != NULL;
	/* Programs that know no NULL write an empty text as nothing. */
	bool null = r->fields[i].null && !(col->not_null && col->affinity == RDS_AFFINITY_TEXT);

	m->present = true;
	m->value = (struct rds_value){.type = null ? SQLITE_NULL : SQLITE_TEXT, .at = bytes->n};
	if (!null && blob) {
		const char *bad = base64_decode(BASE64_PADDED, text, bytes);
		m->value.type = SQLITE_BLOB;
		if (bad != NULL) {
			return err_set(why, EINVAL, "%s: a blob is expected as base64: %s",
				col->name, bad);
		}
	} else if (!null && col->affinity == RDS_AFFINITY_BLOB &&
		   rds_integer_parse(text, &m->value.integer)) {
		m->value.type = SQLITE_INTEGER;
	} else if (!null && col->affinity != RDS_AFFINITY_TEXT &&
		   col->affinity != RDS_AFFINITY_INTEGER && rds_real_read(text, &m->value.real)) {
		m->value.type = SQLITE_FLOAT;
	} else if (!null) {
		buf_append_slice(bytes, text);
	}
	m->value.n = bytes->n - m->value.at;
	return 0;
}

static int draft_fields(struct rds_load *l, const struct rds_records *r, struct err *why)
{
	int rc = 0;

	if (r->n_fields != l->n_map) {
		return err_set(why, EINVAL, "%u values for %u columns", r->n_fields, l->n_map);
	}
	buf_clear(&l->draft.bytes);
	for (unsigned i = 0; rc == 0 && i < r->n_fields; i++) {
		rc = field_value(l, r, i, &l->draft.members[l->map[i]], &l->draft.bytes, why);
	}
	return rc < 0 ? rc : buf_check(&l->draft.bytes, why);
}

static const char *next_column(const void *arg, unsigned i)
{
	const struct rds_table *t = arg;

	return i < t->n_columns ? t->columns[i].name : NULL;
}

static int find_column(const struct rds_load *l, struct slice name, unsigned *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	for (unsigned i = 0; i < l->t->n_columns; i++) {
		if (strlen(l->t->columns[i].name) == name.n &&
			strncasecmp(l->t->columns[i].name, name.p, name.n) == 0) {
			*out = i;
			return 0;
		}
	}
	buf_append_slice(&text, name);
	const char *near = suggest(buf_cstr(&text), next_column, l->t);
	return err_set(err, EINVAL, "the header names the column %.60s, which %s has not%s%s",
		buf_cstr(&text), l->t->name, near != NULL ? "; it has " : "",
		near != NULL ? near : "");
}

static int map_header(struct rds_load *l, const struct rds_records *r, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < r->n_fields; i++) {
		rc = find_column(l, rds_field_text(r, i), &l->map[i], err);
		for (unsigned k = 0; rc == 0 && k < i; k++) {
			if (l->map[k] == l->map[i]) {
				rc = err_set(err, EINVAL, "the header names the column %s twice",
					l->t->columns[l->map[i]].name);
			}
		}
	}
	return rc;
}

/* A line appended to what was read with a header: has a value for each column, one of
 * them a number, and names no column. */
static bool is_row(const struct rds_load *l, const struct rds_records *r)
{
	bool number = false;

	for (unsigned i = 0; i < r->n_fields; i++) {
		struct err none = {0};
		unsigned column;
		int64_t integer;
		double real;
		struct slice text = rds_field_text(r, i);
		if (find_column(l, text, &column, &none) == 0) {
			return false;
		}
		number = number || rds_integer_parse(text, &integer) || rds_real_read(text, &real);
	}
	return number && r->n_fields == l->t->n_columns;
}

static int take_header(struct rds_load *l, struct rds_records *r, struct err *err)
{
	int rc = rds_records_next(r, err);

	if (rc <= 0) {
		return rc < 0 ? rc
			      : err_set(err, EINVAL,
					"the text is empty: a header with names of columns is "
					"expected");
	}
	free(l->map);
	l->n_map = r->n_fields;
	l->map = calloc(r->n_fields + 1, sizeof(*l->map));
	if (l->map == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	r->keep_blank = r->n_fields == 1;
	l->headless = l->mode == RDS_APPEND && is_row(l, r);
	for (unsigned i = 0; l->headless && i < l->n_map; i++) {
		l->map[i] = i;
	}
	return l->headless ? 0 : map_header(l, r, err);
}

/* ---- all rows ---- */

static int draft_row(struct rds_load *l, const struct rds_records *r, struct err *why)
{
	int rc;

	if (l->format == RDS_JSON) {
		rds_draft_finish(&l->draft);
		rc = rds_draft_parse(l->t, r->object, &l->draft, why);
	} else {
		rc = draft_fields(l, r, why);
	}
	return rc < 0 ? rc : check_key(l, why);
}

static bool is_bad_row(int rc)
{
	return rc == -EINVAL || rc == -EFBIG || rc == -EEXIST;
}

static int each_row(struct rds_load *l, struct rds_records *r, struct err *err)
{
	int rc;

	while ((rc = l->headless ? 1 : rds_records_next(r, err)) == 1) {
		struct err why = {0};
		l->headless = false;
		l->n++;
		rc = draft_row(l, r, &why);
		rc = rc < 0 ? rc : put_row(l, &why);
		if (is_bad_row(rc)) {
			bad_add(l, r, &why);
		} else if (rc < 0) {
			return err_set(err, why.code, "%s", why.msg);
		}
	}
	return rc;
}

static int load_rows(struct rds_load *l, struct err *err)
{
	CLEANUP(rds_records_finish) struct rds_records r;
	int rc = 0;

	rds_records_init(&r, l->text, l->format);
	l->draft = (struct rds_draft){0};
	l->headless = false;
	if (!buf_resize(&l->present, l->t->n_columns + 1)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (l->format != RDS_JSON) {
		l->draft.members = calloc(l->t->n_columns + 1, sizeof(*l->draft.members));
		rc = l->draft.members == NULL ? err_set(err, ENOMEM, "out of memory")
					      : take_header(l, &r, err);
	}
	rc = rc < 0 ? rc : each_row(l, &r, err);
	rds_draft_finish(&l->draft);
	l->draft = (struct rds_draft){0};
	sqlite3_finalize(l->insert);
	l->insert = NULL;
	return rc;
}

/* ---- replacing ---- */

/* The keys of the text, with the types that the table gives them. */
static int begin_seen(struct rds_load *l, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	CLEANUP(buf_free) struct buf keys = BUF_INIT;

	buf_puts(&sql, "CREATE TEMP TABLE " SEEN " AS SELECT ");
	for (unsigned i = 0; i < l->t->n_key; i++) {
		buf_printf(&keys, "%sk%u", i > 0 ? ", " : "", i);
		buf_puts(&sql, i > 0 ? ", " : "");
		rds_quote(&sql, l->t->columns[l->t->key[i]].name);
		buf_printf(&sql, " AS k%u", i);
	}
	buf_puts(&sql, " FROM ");
	rds_quote(&sql, l->t->name);
	buf_printf(&sql, " WHERE 0; CREATE UNIQUE INDEX temp." SEEN "_key ON " SEEN " (%s)",
		buf_cstr(&keys));
	int rc = exec(l, &sql, err);
	buf_puts(&sql, "INSERT OR IGNORE INTO temp." SEEN " VALUES (?");
	for (unsigned i = 1; i < l->t->n_key; i++) {
		buf_puts(&sql, ", ?");
	}
	buf_putc(&sql, ')');
	if (rc == 0 &&
		sqlite3_prepare_v2(l->c->db, buf_cstr(&sql), -1, &l->seen, NULL) != SQLITE_OK) {
		rc = store_sql_error(l->c->db, NULL, err);
	}
	return rc;
}

static int sweep(struct rds_load *l, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;

	buf_puts(&sql, "DELETE FROM ");
	rds_quote(&sql, l->t->name);
	for (unsigned i = 0; l->seen != NULL && i < l->t->n_key; i++) {
		buf_puts(&sql, i == 0 ? " WHERE NOT EXISTS (SELECT 1 FROM temp." SEEN " s WHERE "
				      : " AND ");
		rds_quote(&sql, l->t->name);
		buf_putc(&sql, '.');
		rds_quote(&sql, l->t->columns[l->t->key[i]].name);
		buf_printf(&sql, " IS s.k%u", i);
	}
	buf_puts(&sql, l->seen != NULL ? ")" : "");
	int rc = exec(l, &sql, err);
	l->n_removed = rc == 0 ? (uint64_t)sqlite3_changes64(l->c->db) : 0;
	return rc;
}

static void end_seen(struct rds_load *l)
{
	sqlite3_finalize(l->seen);
	l->seen = NULL;
	sqlite3_exec(l->c->db, "DROP TABLE IF EXISTS temp." SEEN, NULL, NULL, NULL);
}

/* ---- foreign keys ---- */

static int check_foreign_keys(struct rds_load *l, struct err *err)
{
	int now = 0;
	int high = 0;

	sqlite3_db_status(l->c->db, SQLITE_DBSTATUS_DEFERRED_FKS, &now, &high, 0);
	return now == 0 ? 0
			: err_set(err, EINVAL,
				  "nothing was loaded: FOREIGN KEY constraint failed: rows of %s "
				  "refer to "
				  "rows that are not there, or are referred to and would go",
				  l->t->name);
}

/* ---- the write ---- */

static int check_table(struct rds_load *l, struct err *err)
{
	if (l->t->view) {
		return err_set(
			err, EINVAL, "%s is a view: rows are loaded into tables", l->t->name);
	}
	if (l->mode == RDS_UPSERT && l->t->rowid_key) {
		return err_set(err, EINVAL,
			"%s has no primary key, which upsert needs: append or replace", l->t->name);
	}
	return 0;
}

static int refuse_bad(const struct rds_load *l, struct err *err)
{
	if (l->n_bad == 0) {
		return 0;
	}
	return err_set(err, EINVAL,
		"nothing was loaded: %llu of %llu row%s not acceptable; the first, line %lu: %s",
		(unsigned long long)l->n_bad, (unsigned long long)l->n, l->n == 1 ? " is" : "s are",
		l->bad[0].line, l->bad[0].why != NULL ? l->bad[0].why : "");
}

static int load_table(struct rds_load *l, struct err *err)
{
	uint64_t before = 0;
	uint64_t after = 0;
	int rc = rds_table_find(l->c, slice_of(l->table), &l->t, err);

	rc = rc < 0 ? rc : check_table(l, err);
	rc = rc < 0 ? rc : count(l, &before, err);
	if (rc == 0 && l->mode == RDS_REPLACE) {
		/* The rows of a table without key are all others. */
		rc = l->t->rowid_key ? sweep(l, err) : begin_seen(l, err);
	}
	rc = rc < 0 ? rc : load_rows(l, err);
	rc = rc < 0 ? rc : refuse_bad(l, err);
	if (rc == 0 && l->seen != NULL) {
		rc = sweep(l, err);
	}
	rc = rc < 0 ? rc : count(l, &after, err);
	if (rc == 0) {
		l->n_new = after + l->n_removed - before;
		l->n_changed -= l->n_changed < l->n_new ? l->n_changed : l->n_new;
		rc = check_foreign_keys(l, err);
	}
	end_seen(l);
	return rc;
}

static int make_table(struct rds_load *l, bool *key, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;

	buf_clear(&l->told);
	int rc = rds_import_infer(l->table, l->text, l->format, key, &sql, &l->told, err);
	return rc < 0 ? rc : exec(l, &sql, err);
}

static void begin(struct rds_load *l)
{
	bad_clear(l);
	l->n = l->n_new = l->n_changed = l->n_removed = 0;
	l->twice = false;
}

/* The first column may be a key by its name only. */
static int create(struct rds_load *l, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	struct err why = {0};
	bool key = true;

	int rc = make_table(l, &key, err);
	if (rc < 0) {
		return rc;
	}
	rc = load_table(l, &why);
	if (rc == 0 || !key || !l->twice) {
		return rc == 0 ? 0 : err_set(err, why.code, "%s", why.msg);
	}
	begin(l);
	buf_puts(&sql, "DROP TABLE ");
	rds_quote(&sql, l->table);
	rc = exec(l, &sql, err);
	key = false;
	rc = rc < 0 ? rc : make_table(l, &key, err);
	return rc < 0 ? rc : load_table(l, err);
}

static int check_new(struct rds_load *l, struct err *err)
{
	const struct rds_table *t;
	struct err ignored = {0};

	if (rds_hidden_table(l->table)) {
		return err_set(err, EINVAL, "names that begin with %s are dbmount's own",
			RDS_HIDDEN_PREFIX);
	}
	return rds_table_find(l->c, slice_of(l->table), &t, &ignored) == 0
		       ? err_set(err, EEXIST, "there is a table %s already", l->table)
		       : 0;
}

int rds_load_run(struct rds_conn *c, void *load, struct err *err)
{
	struct rds_load *l = load;
	int rc;

	begin(l);
	l->c = c;
	end_seen(l);
	sqlite3_exec(c->db, "PRAGMA defer_foreign_keys=ON", NULL, NULL, NULL);
	if (l->mode != RDS_CREATE) {
		rc = load_table(l, err);
	} else {
		rc = check_new(l, err);
		rc = rc < 0 ? rc : create(l, err);
	}
	sqlite3_exec(c->db, "PRAGMA defer_foreign_keys=OFF", NULL, NULL, NULL);
	return rc;
}
