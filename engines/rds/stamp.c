/* When rows changed: two hidden tables.
 *
 * `_dbmount_row` has a stamp for each row changed by itself. All other rows of a
 * table have its base stamp, in `_dbmount_table`, so that loading a million rows
 * writes one; and where that is missing, too, the database's, under the name '', which
 * also says when the list of tables changed. Versions shown are one more than those stored,
 * so that what was there before the first write has one.
 *
 * A database without these tables is an attached file. Its rows have a hash of
 * their content as version and the file's time. */
#include "engines/rds/rows.h"

const char rds_stamps_schema[] =
	"CREATE TABLE IF NOT EXISTS _dbmount_table(name TEXT PRIMARY KEY,"
	" version INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, list_mtime_ns INTEGER NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE IF NOT EXISTS _dbmount_row(tbl TEXT, key BLOB, version INTEGER NOT NULL,"
	" mtime_ns INTEGER NOT NULL, PRIMARY KEY(tbl, key)) WITHOUT ROWID;" RDS_STAMPS_LAST
	"INSERT OR IGNORE INTO _dbmount_table SELECT '', 0, t, t"
	" FROM (SELECT unixepoch() * 1000000000 AS t);";

struct base_stamp {
	uint64_t version;
	int64_t mtime_ns;
	int64_t list_mtime_ns;
};

/* 1, or 0: it has none. */
static int find_base(struct rds_conn *c, const char *name, struct base_stamp *out, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"SELECT version, mtime_ns, list_mtime_ns FROM main._dbmount_table WHERE name = ?1",
		err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
	int rc = store_step(stmt, err);
	if (rc > 0) {
		out->version = (uint64_t)sqlite3_column_int64(stmt, 0);
		out->mtime_ns = sqlite3_column_int64(stmt, 1);
		out->list_mtime_ns = sqlite3_column_int64(stmt, 2);
	}
	sqlite3_reset(stmt);
	return rc;
}

static int any_rows(struct rds_conn *c, const char *table, bool *out, struct err *err)
{
	sqlite3_stmt *stmt =
		rds_conn_stmt(c, "SELECT 1 FROM main._dbmount_row WHERE tbl = ?1 LIMIT 1", err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	int rc = store_step(stmt, err);
	*out = rc > 0;
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

uint64_t rds_stamp_shown(uint64_t version)
{
	return version + 1;
}

static int table_base(struct rds_conn *c, const char *name, bool *stamped, struct base_stamp *out,
	struct err *err)
{
	struct err own = {0};
	err = err != NULL ? err : &own;
	*out = (struct base_stamp){c->base_version, c->base_mtime_ns, c->base_mtime_ns};
	int rc = rds_stamped(c, stamped, err);
	if (rc != 0 || !*stamped) {
		return rc;
	}
	int found = find_base(c, name, out, err);
	if (found == 0 && name[0] != '\0') {
		found = find_base(c, "", out, err);
	}
	out->version = rds_stamp_shown(out->version);
	return found < 0 ? found : 0;
}

int rds_stamper_init(
	struct rds_stamper *s, struct rds_conn *c, const struct rds_table *t, struct err *err)
{
	struct base_stamp base;
	*s = (struct rds_stamper){.c = c, .t = t};
	int rc = table_base(c, t->name, &s->stamped, &base, err);
	if (rc != 0) {
		return rc;
	}
	s->version = base.version;
	s->mtime_ns = base.mtime_ns;
	/* What a view shows can change without anything of its name being written. */
	s->stamped &= !t->view;
	return s->stamped ? any_rows(c, t->name, &s->any, err) : 0;
}

static int find_row(
	const struct rds_stamper *s, struct slice key, struct engine_info *out, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(s->c,
		"SELECT version, mtime_ns FROM main._dbmount_row WHERE tbl = ?1 AND key = ?2", err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, s->t->name, -1, SQLITE_STATIC);
	store_bind_slice(stmt, 2, key);
	int rc = store_step(stmt, err);
	if (rc > 0) {
		out->version = rds_stamp_shown((uint64_t)sqlite3_column_int64(stmt, 0));
		out->mtime_ns = sqlite3_column_int64(stmt, 1);
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

int rds_stamper_find(const struct rds_stamper *s, struct slice key, sqlite3_stmt *row,
	struct engine_info *out, struct err *err)
{
	out->version = s->stamped ? s->version : rds_row_hash(row, s->t);
	out->mtime_ns = s->mtime_ns;
	return s->any ? find_row(s, key, out, err) : 0;
}

int rds_table_stat(struct rds_conn *c, struct slice name, struct engine_info *out, struct err *err)
{
	const struct rds_table *t;
	struct base_stamp base;
	bool stamped;
	int rc = rds_table_find(c, name, &t, err);
	rc = rc != 0 ? rc : table_base(c, t->name, &stamped, &base, err);
	if (rc == 0) {
		*out = (struct engine_info){.kind = ENGINE_DIR,
			.moves = t->view,
			.version = base.version,
			.mtime_ns = base.list_mtime_ns};
	}
	return rc;
}

int rds_database_stat(struct rds_conn *c, struct engine_info *out, struct err *err)
{
	struct base_stamp base;
	bool stamped;
	int rc = table_base(c, "", &stamped, &base, err);
	if (rc == 0) {
		*out = (struct engine_info){.kind = ENGINE_DIR,
			.version = base.version,
			.mtime_ns = base.list_mtime_ns};
	}
	return rc;
}
