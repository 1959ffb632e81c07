/* A text of statements, one transaction. Its own BEGIN and COMMIT are taken for
 * that: a BEGIN sets a savepoint, so that a ROLLBACK undoes what it should. */
#include "engines/rds/sql.h"

#include <ctype.h>
#include <stdlib.h>

#include "engines/rds/dialect.h"

#define STATEMENT_LIMIT_MS 600000U
#define ROWS_SHOWN	   1000U
#define NEAR_BYTES	   60U

struct run {
	sqlite3 *db;
	const struct rds_script_options *options;
	struct rds_guard guard;
	struct sql_reader reader;
	struct rds_dialect dialect;
	struct sql_statement st;
	struct buf sql;		  /* of a translated statement */
	unsigned long begin_line; /* 0: outside of BEGIN .. COMMIT */
	int foreign_keys;	  /* before the script */
	uint64_t n_statements;
	sqlite3_int64 changes_before;
	uint64_t n_shown;
	struct rds_out results;
};

/* ---- errors ---- */

/* The statement's first words, on one line. */
static void print_near(struct slice text, struct buf *out)
{
	size_t n = text.n < NEAR_BYTES ? text.n : NEAR_BYTES;

	while (n > 0 && n < text.n && ((unsigned char)text.p[n] & 0xc0) == 0x80) {
		n--;
	}
	for (size_t i = 0; i < n; i++) {
		if (!isspace((unsigned char)text.p[i])) {
			buf_putc(out, text.p[i]);
		} else if (out->n > 0 && out->p[out->n - 1] != ' ') {
			buf_putc(out, ' ');
		}
	}
	buf_puts(out, n < text.n ? " .." : "");
}

static int fail_at(struct run *r, struct sql_position where, struct err *err)
{
	CLEANUP(buf_free) struct buf near = BUF_INIT;

	print_near(r->st.text, &near);
	return err_wrap(
		err, "line %lu, column %lu (%s)", where.line, where.column, buf_cstr(&near));
}

/* SQLite knows where in the text it stumbled, which helps when that is the user's text. */
static int fail_sql(struct run *r, bool translated, struct err *err)
{
	struct sql_position where = r->st.position;
	int offset = sqlite3_error_offset(r->db);

	if (!translated && offset > 0 && (size_t)offset <= r->st.text.n) {
		sql_advance(&where, slice_make(r->st.text.p, (size_t)offset));
	}
	rds_guard_error(&r->guard, "", err);
	return fail_at(r, where, err);
}

/* ---- running ---- */

static int show(struct run *r, struct rds_grid *g, uint64_t n, struct err *err)
{
	if (r->results.text.n > 0) {
		buf_putc(&r->results.text, '\n');
	}
	return rds_grid_print(g, n, &r->results, err);
}

static void grid_cleanup(struct rds_grid **g)
{
	rds_grid_free(*g);
}

/* Steps to the end; rows are kept to be shown, a bounded number in a script. */
static int step_all(struct run *r, sqlite3_stmt *stmt, bool translated, struct err *err)
{
	CLEANUP(grid_cleanup) struct rds_grid *grid = NULL;
	uint64_t n = 0;
	int rc;

	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		n++;
		if (grid == NULL && (grid = rds_grid_new(r->options->tmp, stmt)) == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		if (r->n_shown < ROWS_SHOWN) {
			r->n_shown++;
			if (rds_grid_row(grid, stmt, err) < 0) {
				return -err->code;
			}
		}
	}
	if (rc != SQLITE_DONE) {
		return fail_sql(r, translated, err);
	}
	if (grid == NULL && sqlite3_column_count(stmt) > 0 && sqlite3_stmt_readonly(stmt)) {
		grid = rds_grid_new(r->options->tmp, stmt);
	}
	return grid == NULL ? 0 : show(r, grid, n, err);
}

static void stmt_cleanup(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
}

static int run_sql(struct run *r, struct slice sql, bool translated, struct err *err)
{
	while (sql.n > 0) {
		CLEANUP(stmt_cleanup) sqlite3_stmt *stmt = NULL;
		const char *tail = NULL;
		rds_guard_statement(&r->guard);
		if (sqlite3_prepare_v2(r->db, sql.p, (int)sql.n, &stmt, &tail) != SQLITE_OK) {
			return fail_sql(r, translated, err);
		}
		sql = slice_make(tail, sql.n - (size_t)(tail - sql.p));
		int rc = stmt == NULL ? 0 : step_all(r, stmt, translated, err);
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

/* Our own SQL, which no user's guard concerns. */
static int run_own(struct run *r, const char *sql, struct err *err)
{
	r->guard.internal = true;
	int rc = sqlite3_exec(r->db, sql, NULL, NULL, NULL);
	r->guard.internal = false;
	return rc == SQLITE_OK ? 0 : store_sql_error(r->db, sql, err);
}

/* ---- statements that the script itself does ---- */

static int begin(struct run *r, struct err *err)
{
	if (r->begin_line != 0) {
		return err_set(err, EINVAL,
			"a transaction within the one that line %lu begins: leave it out",
			r->begin_line);
	}
	r->begin_line = r->st.position.line;
	return run_own(r, "SAVEPOINT _dbmount_script", err);
}

static int end(struct run *r, bool commit, struct err *err)
{
	if (r->begin_line == 0) {
		/* What COMMIT asks for comes with the end of the script anyway. */
		return commit ? 0 : err_set(err, EINVAL, "there is no BEGIN that this could undo");
	}
	r->begin_line = 0;
	int rc = commit ? 0 : run_own(r, "ROLLBACK TO _dbmount_script", err);
	return rc < 0 ? rc : run_own(r, "RELEASE _dbmount_script", err);
}

static void enforce_foreign_keys(struct run *r, bool on)
{
	/* The PRAGMA does nothing inside a transaction, this does. */
	sqlite3_db_config(r->db, SQLITE_DBCONFIG_ENABLE_FKEY, on ? 1 : 0, NULL);
}

static bool says_off(const struct rds_words *w, unsigned i)
{
	return rds_word_is(w, i, "0") || rds_word_is(w, i, "OFF") || rds_word_is(w, i, "FALSE") ||
	       rds_word_is(w, i, "NO") ||
	       (w->at[i].token.kind == SQL_NUMBER && slice_is(w->at[i].token.text, "0"));
}

/* Settings of a connection or file that dumps bring along and that are ours to keep. */
static bool is_file_setting(const struct rds_words *w)
{
	static const char *const names[] = {"application_id", "auto_vacuum", "busy_timeout",
		"cache_size", "cache_spill", "checkpoint_fullfsync", "encoding", "fullfsync",
		"journal_mode", "journal_size_limit", "legacy_alter_table", "legacy_file_format",
		"locking_mode", "mmap_size", "page_size", "secure_delete", "synchronous",
		"temp_store", "threads", "user_version", "wal_autocheckpoint", NULL};

	if (!rds_word_is(w, 2, "=") && !rds_word_is(w, 2, "(")) {
		return false;
	}
	for (unsigned i = 0; names[i] != NULL; i++) {
		if (rds_word_is(w, 1, names[i])) {
			return true;
		}
	}
	return false;
}

enum { NOT_OURS = 1 };

static int pragma(struct run *r, const struct rds_words *w)
{
	if (rds_word_is(w, 1, "foreign_keys") &&
		(rds_word_is(w, 2, "=") || rds_word_is(w, 2, "("))) {
		r->dialect.foreign_keys_off = says_off(w, 3);
		enforce_foreign_keys(r, !r->dialect.foreign_keys_off && !r->options->create);
		return 0;
	}
	if (is_file_setting(w)) {
		CLEANUP(buf_free) struct buf what = BUF_INIT;
		buf_puts(&what, "PRAGMA ");
		buf_append_slice(&what, w->at[1].token.text);
		rds_dialect_note(&r->dialect, buf_cstr(&what));
		return 0;
	}
	return NOT_OURS;
}

static bool renames_to_hidden(const struct rds_words *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		struct slice text = w->at[i].token.text;
		size_t n = sizeof(RDS_HIDDEN_PREFIX) - 1;
		size_t quote = text.n > 0 && strchr("\"'`[", text.p[0]) != NULL ? 1 : 0;
		if (text.n > n + quote && strncasecmp(text.p + quote, RDS_HIDDEN_PREFIX, n) == 0) {
			return true;
		}
	}
	return false;
}

/* 0 done, NOT_OURS, or -errno. */
static int own_words(struct run *r, const struct rds_words *w, struct err *err)
{
	if (rds_word_is(w, 0, "BEGIN") || rds_words_are(w, 0, "START TRANSACTION") > 0) {
		return begin(r, err);
	}
	if (rds_word_is(w, 0, "COMMIT") || (rds_word_is(w, 0, "END") && w->n <= 2)) {
		return end(r, true, err);
	}
	if (rds_word_is(w, 0, "ROLLBACK") && !rds_word_is(w, 1, "TO") && !rds_word_is(w, 2, "TO")) {
		return end(r, false, err);
	}
	if (rds_word_is(w, 0, "PRAGMA")) {
		return pragma(r, w);
	}
	if (rds_word_is(w, 0, "ALTER") && renames_to_hidden(w)) {
		return err_set(err, EINVAL, "names that begin with %s are dbmount's own",
			RDS_HIDDEN_PREFIX);
	}
	return NOT_OURS;
}

static bool may_be_ours(struct slice text)
{
	static const char *const words[] = {
		"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "PRAGMA", "ALTER", NULL};

	for (unsigned i = 0; words[i] != NULL; i++) {
		size_t n = strlen(words[i]);
		if (text.n >= n && strncasecmp(text.p, words[i], n) == 0) {
			return true;
		}
	}
	return false;
}

static int do_own(struct run *r, struct err *err)
{
	CLEANUP(rds_words_free) struct rds_words w = {0};

	if (r->st.client || !may_be_ours(r->st.text)) {
		return NOT_OURS;
	}
	int rc = rds_words_read(&w, r->st.text, r->reader.dialect, err);
	rc = rc < 0 ? rc : own_words(r, &w, err);
	return rc < 0 ? fail_at(r, r->st.position, err) : rc;
}

/* ---- the script ---- */

static int translate(struct run *r, bool needed, struct err *err)
{
	bool was_off = r->dialect.foreign_keys_off || r->dialect.foreign_keys_later;

	buf_clear(&r->sql);
	r->dialect.dialect = r->reader.dialect;
	r->guard.internal = true;
	int rc = rds_translate(&r->dialect, &r->st, needed, &r->sql, err);
	r->guard.internal = false;
	bool is_off = r->dialect.foreign_keys_off || r->dialect.foreign_keys_later;
	if (was_off != is_off) {
		enforce_foreign_keys(r, !is_off && !r->options->create);
	}
	return rc;
}

static int do_translated(struct run *r, int how, struct err *err)
{
	switch (how) {
	case RDS_AS_IS: return run_sql(r, r->st.text, false, err);
	case RDS_CHANGED: return run_sql(r, buf_slice(&r->sql), true, err);
	case RDS_COPY:
		rds_guard_statement(&r->guard);
		return rds_copy_run(&r->dialect, &r->st, &r->reader, err);
	default: return 0;
	}
}

static bool sqlite_takes(struct run *r, struct slice sql)
{
	sqlite3_stmt *stmt = NULL;

	int rc = sqlite3_prepare_v2(r->db, sql.p, (int)sql.n, &stmt, NULL);
	sqlite3_finalize(stmt);
	return rc == SQLITE_OK;
}

/* A text that nothing marks as another database's: what SQLite does not take may
 * still be theirs. When it is not, SQLite is to say what is wrong with it. */
static int do_unmarked(struct run *r, struct err *err)
{
	struct err why = {0};

	rds_guard_statement(&r->guard);
	if (sqlite_takes(r, r->st.text) || sqlite3_errcode(r->db) != SQLITE_ERROR) {
		return run_sql(r, r->st.text, false, err);
	}
	int how = translate(r, true, &why);
	if (how < 0) {
		err_set(err, why.code, "%s", why.msg);
		return fail_at(r, r->st.position, err);
	}
	if (how == RDS_CHANGED && !sqlite_takes(r, buf_slice(&r->sql))) {
		how = RDS_AS_IS;
	}
	return do_translated(r, how, err);
}

/* Most of a long text are INSERTs, which are looked at once. */
static bool is_plain(const struct run *r)
{
	return r->reader.dialect == SQL_UNKNOWN && !r->st.client &&
	       (r->st.text.n < 6 || strncasecmp(r->st.text.p, "INSERT", 6) != 0);
}

static int do_statement(struct run *r, struct err *err)
{
	r->n_statements++;
	r->dialect.line = r->st.position.line;
	int rc = do_own(r, err);
	if (rc != NOT_OURS) {
		return rc;
	}
	if (is_plain(r)) {
		return do_unmarked(r, err);
	}
	rc = translate(r, false, err);
	return rc < 0 ? fail_at(r, r->st.position, err) : do_translated(r, rc, err);
}

static int each_statement(struct run *r, struct err *err)
{
	int rc;

	while ((rc = sql_reader_next(&r->reader, &r->st, err)) == 1) {
		rc = do_statement(r, err);
		if (rc < 0) {
			return rc;
		}
	}
	if (rc == 0 && r->begin_line != 0) {
		return err_set(err, EINVAL,
			"the text ends inside the transaction that line %lu begins: COMMIT is "
			"missing",
			r->begin_line);
	}
	return rc;
}

/* ---- foreign keys at the end ---- */

struct violation {
	uint64_t n;
	struct buf first;
};

static int note_violation(void *arg, int n, char **values, char **names)
{
	struct violation *v = arg;

	(void)names;
	if (v->n++ == 0 && n >= 3) {
		buf_printf(&v->first,
			"a row of %s (rowid %s) refers to a row of %s that is not there", values[0],
			values[1] != NULL ? values[1] : "none", values[2]);
	}
	return 0;
}

/* What was not enforced statement by statement is looked at as a whole: refused, but
 * where the script itself asked not to be. */
static int check_foreign_keys(struct run *r, struct err *err)
{
	struct violation v = {0};

	if (!r->options->create && !r->dialect.foreign_keys_later && !r->dialect.foreign_keys_off) {
		return 0;
	}
	r->guard.internal = true;
	int rc = sqlite3_exec(r->db, "PRAGMA foreign_key_check", note_violation, &v, NULL);
	r->guard.internal = false;
	if (rc != SQLITE_OK) {
		/* A key that refers to no unique column is found here: SQLite's own words. */
		rc = err_set(err, EINVAL, "foreign keys: %s", sqlite3_errmsg(r->db));
	} else if (v.n > 0 && r->dialect.foreign_keys_off) {
		buf_printf(&r->dialect.notes, "foreign keys: %s (%llu such)\n", buf_cstr(&v.first),
			(unsigned long long)v.n);
	} else if (v.n > 0) {
		rc = err_set(err, EINVAL,
			"FOREIGN KEY constraint failed: %s (%llu such); PRAGMA foreign_keys=OFF in "
			"the text loads it nevertheless",
			buf_cstr(&v.first), (unsigned long long)v.n);
	}
	buf_free(&v.first);
	return rc;
}

/* Of a script whose keys are enforced, but that deferred them itself. */
static int check_deferred(struct run *r, struct err *err)
{
	int now = 0;
	int high = 0;

	sqlite3_db_status(r->db, SQLITE_DBSTATUS_DEFERRED_FKS, &now, &high, 0);
	return now == 0 ? 0
			: err_set(err, EINVAL,
				  "FOREIGN KEY constraint failed: at the end rows refer to others "
				  "that are "
				  "not there");
}

/* ---- the end ---- */

/* Temporary tables would be there for the next script on this connection. */
static int drop_temporary(struct run *r, struct err *err)
{
	for (;;) {
		CLEANUP(stmt_cleanup) sqlite3_stmt *stmt = NULL;
		CLEANUP(buf_free) struct buf sql = BUF_INIT;
		r->guard.internal = true;
		int rc = sqlite3_prepare_v2(r->db,
			"SELECT type, name FROM temp.sqlite_schema WHERE name NOT LIKE 'sqlite_%' "
			"ORDER BY type = 'table' LIMIT 1",
			-1, &stmt, NULL);
		rc = rc == SQLITE_OK ? sqlite3_step(stmt) : rc;
		if (rc == SQLITE_ROW) {
			buf_printf(
				&sql, "DROP %s temp.", (const char *)sqlite3_column_text(stmt, 0));
			rds_quote(&sql, (const char *)sqlite3_column_text(stmt, 1));
		}
		sqlite3_finalize(stmt);
		stmt = NULL;
		r->guard.internal = false;
		if (rc != SQLITE_ROW) {
			return rc == SQLITE_DONE ? 0
						 : store_sql_error(r->db, "temporary tables", err);
		}
		rc = run_own(r, buf_cstr(&sql), err);
		if (rc < 0) {
			return rc;
		}
	}
}

static int complete(struct run *r, struct err *err)
{
	r->guard.internal = true;
	int rc = rds_dialect_complete(&r->dialect, err);
	r->guard.internal = false;
	rc = rc < 0 ? rc : check_foreign_keys(r, err);
	rc = rc < 0 ? rc : check_deferred(r, err);
	return rc < 0 ? rc : drop_temporary(r, err);
}

static void print_report(struct run *r, struct buf *report)
{
	sqlite3_int64 n = sqlite3_total_changes64(r->db) - r->changes_before;

	buf_printf(report, "%llu statement%s run, %lld row%s changed\n",
		(unsigned long long)r->n_statements, r->n_statements == 1 ? "" : "s", n,
		n == 1 ? "" : "s");
	if (r->dialect.n_notes > 0) {
		buf_puts(report, "left out:\n");
	}
	buf_append_slice(report, buf_slice(&r->dialect.notes));
	if (r->results.text.n > 0) {
		buf_putc(report, '\n');
		buf_append_slice(report, buf_slice(&r->results.text));
	}
}

int rds_script_run(struct rds_conn *c, struct spill *text, const struct rds_script_options *options,
	struct buf *report, struct err *err)
{
	sqlite3 *db = c->db;
	struct run r = {.db = db, .options = options};

	sql_reader_init(&r.reader, text, SQL_UNKNOWN);
	rds_dialect_init(&r.dialect, db);
	r.changes_before = sqlite3_total_changes64(db);
	sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_FKEY, -1, &r.foreign_keys);
	if (options->create) {
		enforce_foreign_keys(&r, false);
	}
	rds_guard_begin(&r.guard, c, STATEMENT_LIMIT_MS);
	int rc = each_statement(&r, err);
	rc = rc < 0 ? rc : complete(&r, err);
	buf_clear(report);
	if (rc == 0) {
		print_report(&r, report);
		rc = buf_check(report, err);
	}
	rds_guard_end(&r.guard);
	enforce_foreign_keys(&r, r.foreign_keys != 0);
	rds_dialect_finish(&r.dialect);
	sql_reader_finish(&r.reader);
	buf_free(&r.sql);
	buf_free(&r.results.text);
	return rc;
}
