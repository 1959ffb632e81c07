/* What a user's SQL may do, by SQLite's authorizer, which is asked while a statement
 * is prepared; and for how long, by its progress handler. */
#include "engines/common/clock.h"
#include "engines/rds/source_impl.h"
#include "engines/rds/sql.h"

#include <stdio.h>
#include <strings.h>

#define STEPS 5000

static int64_t now_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

static int refuse(struct rds_guard *g, const char *what, const char *why)
{
	if (g->why[0] == '\0') {
		snprintf(g->why, sizeof(g->why), "%s: %s", what, why);
	}
	return SQLITE_DENY;
}

static bool is_hidden(const char *name)
{
	return name != NULL &&
	       strncasecmp(name, RDS_HIDDEN_PREFIX, sizeof(RDS_HIDDEN_PREFIX) - 1) == 0;
}

static bool is_any(const char *name, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (strcasecmp(name, *names) == 0) {
			return true;
		}
	}
	return false;
}

/* ---- pragmas ---- */

static int pragma(struct rds_guard *g, const char *name, const char *value)
{
	/* What tells of the schema or the file takes a table's name as value. */
	static const char *const telling[] = {"collation_list", "compile_options", "database_list",
		"foreign_key_check", "foreign_key_list", "function_list", "index_info",
		"index_list", "index_xinfo", "integrity_check", "module_list", "pragma_list",
		"quick_check", "table_info", "table_list", "table_xinfo", NULL};
	static const char *const settings[] = {"analysis_limit", "case_sensitive_like",
		"defer_foreign_keys", "ignore_check_constraints", "optimize", "recursive_triggers",
		"reverse_unordered_selects", NULL};
	static const char *const readable[] = {"application_id", "auto_vacuum", "cache_size",
		"data_version", "encoding", "foreign_keys", "freelist_count", "journal_mode",
		"max_page_count", "page_count", "page_size", "schema_version", "synchronous",
		"user_version", NULL};

	if (is_any(name, settings)) {
		/* Some take effect while they are prepared. */
		g->set = g->set || value != NULL;
		return SQLITE_OK;
	}
	if (is_any(name, telling)) {
		return SQLITE_OK;
	}
	if (is_any(name, readable)) {
		return value == NULL ? SQLITE_OK
				     : refuse(g, name,
					       "this PRAGMA can be read, what it sets is the "
					       "instance's own matter");
	}
	return refuse(g, name, "this PRAGMA is not for SQL of users");
}

/* ---- functions, tables ---- */

static int function(struct rds_guard *g, const char *name)
{
	static const char *const refused[] = {
		"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit", NULL};

	return name != NULL && is_any(name, refused)
		       ? refuse(g, name, "this function reaches outside of the database")
		       : SQLITE_OK;
}

static int savepoint(struct rds_guard *g, const char *name)
{
	static const char *const ours[] = {"store_write", "_dbmount_script", NULL};

	return name != NULL && is_any(name, ours)
		       ? refuse(g, name, "this savepoint is not the script's own")
		       : SQLITE_OK;
}

static int authorize(
	void *arg, int action, const char *a, const char *b, const char *database, const char *by)
{
	struct rds_guard *g = arg;

	(void)database;
	(void)by;
	if (action == SQLITE_DROP_TABLE && !is_hidden(a)) {
		/* Rows that go with their table are not told one by one. */
		rds_stamps_whole(g->conn, a);
	}
	if (action == SQLITE_SAVEPOINT && a != NULL && strcmp(a, "ROLLBACK") == 0) {
		rds_stamps_undone(g->conn);
	}
	if (g->internal) {
		return SQLITE_OK;
	}
	switch (action) {
	case SQLITE_ATTACH:
	case SQLITE_DETACH:
		return refuse(g, "ATTACH, DETACH, VACUUM",
			"an instance is one database; `maintenance` compacts it");
	case SQLITE_TRANSACTION:
		return refuse(g, a, "all that is written here is one transaction already");
	case SQLITE_SAVEPOINT: return savepoint(g, b);
	case SQLITE_PRAGMA: return pragma(g, a, b);
	case SQLITE_FUNCTION: return function(g, b);
	case SQLITE_SELECT:
	case SQLITE_RECURSIVE: return SQLITE_OK;
	default: break;
	}
	return is_hidden(a) || is_hidden(b)
		       ? refuse(g, is_hidden(a) ? a : b, "names that begin so are dbmount's own")
		       : SQLITE_OK;
}

/* `by` is the trigger or view whose text it is. */
static int authorize_schema(
	void *arg, int action, const char *a, const char *b, const char *database, const char *by)
{
	(void)arg;
	(void)action;
	(void)database;
	return by != NULL && (is_hidden(a) || is_hidden(b)) ? SQLITE_DENY : SQLITE_OK;
}

void rds_guard_schema(sqlite3 *db)
{
	sqlite3_set_authorizer(db, authorize_schema, NULL);
}

/* ---- time ---- */

static int tick(void *arg)
{
	const struct rds_guard *g = arg;

	return g->limit_ms > 0 && !g->internal && now_ms() > g->end_ms;
}

void rds_guard_statement(struct rds_guard *g)
{
	g->why[0] = '\0';
	g->end_ms = now_ms() + g->limit_ms;
}

void rds_guard_begin(struct rds_guard *g, struct rds_conn *c, unsigned limit_ms)
{
	*g = (struct rds_guard){.db = c->db, .conn = c, .limit_ms = limit_ms};
	rds_guard_statement(g);
	sqlite3_set_authorizer(c->db, authorize, g);
	sqlite3_progress_handler(c->db, STEPS, tick, g);
}

/* What a user set would hold for whoever has the connection next. */
static void unset(sqlite3 *db)
{
	static const char usual[] =
		"PRAGMA analysis_limit=0; PRAGMA case_sensitive_like=OFF;"
		" PRAGMA defer_foreign_keys=OFF; PRAGMA ignore_check_constraints=OFF;"
		" PRAGMA recursive_triggers=ON; PRAGMA reverse_unordered_selects=OFF;";

	sqlite3_exec(db, usual, NULL, NULL, NULL);
}

void rds_guard_end(struct rds_guard *g)
{
	if (g->db != NULL) {
		rds_guard_schema(g->db);
		sqlite3_progress_handler(g->db, 0, NULL, NULL);
		if (g->set) {
			unset(g->db);
		}
		g->db = NULL;
	}
}

/* ---- errors ---- */

int rds_guard_error(struct rds_guard *g, const char *where, struct err *err)
{
	const char *colon = where[0] != '\0' ? ": " : "";

	if (g->why[0] != '\0') {
		return err_set(err, EINVAL, "%s%s%s", where, colon, g->why);
	}
	switch (sqlite3_errcode(g->db)) {
	case SQLITE_INTERRUPT:
		return err_set(err, ETIMEDOUT,
			"%s%sthe statement was stopped after %u s: add a LIMIT, an index, or do it "
			"in parts",
			where, colon, g->limit_ms / 1000);
	case SQLITE_ERROR:
	case SQLITE_CONSTRAINT:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
	case SQLITE_SCHEMA:
	case SQLITE_LOCKED:
		return err_set(err, EINVAL, "%s%s%s", where, colon, sqlite3_errmsg(g->db));
	default: {
		int rc = store_sql_error(g->db, "SQLite", err);
		return where[0] != '\0' && err != NULL ? err_wrap(err, "%s", where) : rc;
	}
	}
}
