/* Writing the stamps of what a write changed, at its end: of rows and tables that were
 * noted, and of tables that are not what they were when it began. */
#include "engines/rds/source_impl.h"
#include "engines/rds/stamp_impl.h"

/* ---- writing stamps ---- */

static int run(sqlite3_stmt *stmt, struct err *err)
{
	int rc = store_step(stmt, err);
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

static int forget_rows(struct rds_conn *c, const char *table, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c, "DELETE FROM main._dbmount_row WHERE tbl = ?1", err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	return run(stmt, err);
}

static int set_base(
	struct rds_conn *c, const char *table, uint64_t version, int64_t now, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"REPLACE INTO main._dbmount_table(name, version, mtime_ns, list_mtime_ns)"
		" VALUES(?1, ?2, ?3, ?3)",
		err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, (int64_t)version);
	sqlite3_bind_int64(stmt, 3, now);
	return run(stmt, err);
}

static int stamp_whole(
	struct rds_conn *c, const char *table, uint64_t version, int64_t now, struct err *err)
{
	int rc = forget_rows(c, table, err);
	return rc != 0 ? rc : set_base(c, table, version, now, err);
}

/* A table without an entry gets one that says what held so far. */
static int stamp_list(struct rds_conn *c, const char *table, int64_t now, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"INSERT INTO main._dbmount_table(name, version, mtime_ns, list_mtime_ns)"
		" SELECT ?1, version, mtime_ns, ?2 FROM main._dbmount_table"
		" WHERE name IN (?1, '') ORDER BY name DESC LIMIT 1"
		" ON CONFLICT(name) DO UPDATE SET list_mtime_ns = ?2",
		err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 2, now);
	return run(stmt, err);
}

static int forget_table(struct rds_conn *c, const char *table, struct err *err)
{
	sqlite3_stmt *stmt =
		rds_conn_stmt(c, "DELETE FROM main._dbmount_table WHERE name = ?1", err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, table, -1, SQLITE_STATIC);
	int rc = run(stmt, err);
	return rc != 0 ? rc : forget_rows(c, table, err);
}

static int stamp_row(
	struct rds_stamps *s, const struct note *n, uint64_t version, int64_t now, struct err *err)
{
	/* A row that is there must not fall back to the version it had before it was stamped. */
	bool gone = n->gone && !s->undone;
	const char *sql = gone ? "DELETE FROM main._dbmount_row WHERE tbl = ?1 AND key = ?2"
			       : "REPLACE INTO main._dbmount_row(tbl, key, version, mtime_ns)"
				 " VALUES(?1, ?2, ?3, ?4)";
	sqlite3_stmt *stmt = rds_conn_stmt(s->c, sql, err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	sqlite3_bind_text(stmt, 1, rds_schema_table(s->schema, n->table)->name, -1, SQLITE_STATIC);
	store_bind_slice(stmt, 2, rds_note_key(s, n));
	if (!gone) {
		sqlite3_bind_int64(stmt, 3, (int64_t)version);
		sqlite3_bind_int64(stmt, 4, now);
	}
	return run(stmt, err);
}

static int stamp_rows(struct rds_stamps *s, uint64_t version, int64_t now, struct err *err)
{
	int rc = 0;
	for (uint32_t i = 0; i < s->n_notes && rc == 0; i++) {
		if (!s->tables[s->notes[i].table].whole) {
			rc = stamp_row(s, &s->notes[i], version, now, err);
		}
	}
	return rc;
}

static int stamp_tables(struct rds_stamps *s, uint64_t version, int64_t now, struct err *err)
{
	int rc = 0;
	for (uint32_t i = 0; i < rds_schema_count(s->schema) && rc == 0; i++) {
		const char *name = rds_schema_table(s->schema, i)->name;
		if (s->tables[i].whole) {
			rc = stamp_whole(s->c, name, version, now, err);
		} else if (s->tables[i].listed) {
			rc = stamp_list(s->c, name, now, err);
		}
	}
	return rc;
}

/* ---- changes of the schema ---- */

static bool is_there(const struct rds_schema *s, const char *name)
{
	return rds_schema_index(s, name) < rds_schema_count(s);
}

static int stamp_gone(struct rds_stamps *s, const struct rds_schema *now, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; i < rds_schema_count(s->schema) && rc == 0; i++) {
		const char *name = rds_schema_table(s->schema, i)->name;
		if (!is_there(now, name)) {
			s->schema_moved = true;
			/* neither its rows nor its list are stamped below */
			s->tables[i] = (struct table_note){0};
			for (uint32_t k = 0; k < s->n_notes; k++) {
				s->notes[k].gone |= s->notes[k].table == i;
			}
			rc = forget_table(s->c, name, err);
		}
	}
	return rc;
}

/* Tables made are stamped here, altered ones are marked. */
static int stamp_made(struct rds_stamps *s, const struct rds_schema *now, uint64_t version,
	int64_t time, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; i < rds_schema_count(now) && rc == 0; i++) {
		const char *name = rds_schema_table(now, i)->name;
		unsigned old = rds_schema_index(s->schema, name);
		if (old == rds_schema_count(s->schema)) {
			s->schema_moved = true;
			rc = stamp_whole(s->c, name, version, time, err);
		} else if (rds_schema_identity(now, i) != rds_schema_identity(s->schema, old)) {
			s->tables[old].whole = true;
			s->tables[old].listed = true;
		}
	}
	return rc;
}

static int compare_schemas(struct rds_stamps *s, const struct rds_schema *now, uint64_t version,
	int64_t time, struct err *err)
{
	int rc = stamp_gone(s, now, err);
	rc = rc != 0 ? rc : stamp_made(s, now, version, time, err);
	return rc == 0 && s->schema_moved ? stamp_list(s->c, "", time, err) : rc;
}

/* See RDS_STAMPS_LAST. */
static int keep_last(struct rds_conn *c, struct err *err)
{
	sqlite3_stmt *stmt = rds_conn_stmt(c,
		"SELECT name = '_dbmount_last' FROM main.sqlite_schema ORDER BY rowid DESC LIMIT 1",
		err);
	if (stmt == NULL) {
		return rds_failed(err);
	}
	int rc = store_step(stmt, err);
	bool last = rc > 0 && sqlite3_column_int(stmt, 0) != 0;
	sqlite3_reset(stmt);
	if (rc < 0 || last) {
		return rc < 0 ? rc : 0;
	}
	return sqlite3_exec(c->db, "DROP VIEW IF EXISTS main._dbmount_last;" RDS_STAMPS_LAST, NULL,
		       NULL, NULL) == SQLITE_OK
		       ? 0
		       : store_sql_error(c->db, c->label, err);
}

/* The schema as the write leaves it. What is cached may be from before a ROLLBACK TO
 * within the write, after which numbers are given a second time. */
static int last_schema(struct rds_stamps *s, struct rds_schema **out, bool *moved, struct err *err)
{
	int64_t number;
	int rc = rds_schema_read_number(s->c, &number, err);
	if (rc != 0) {
		return rc;
	}
	*moved = number != rds_schema_number(s->schema);
	if (*moved) {
		rds_conn_forget(s->c);
	}
	rc = rds_schema_hold(s->c, out, err);
	if (rc == 0 && *moved && rds_schema_stamped(*out)) {
		rc = keep_last(s->c, err);
		if (rc != 0) {
			rds_schema_free(*out);
		}
	}
	return rc;
}

int rds_stamps_end(struct rds_stamps *s, uint64_t version, int64_t now_ns, struct err *err)
{
	struct rds_schema *now;
	struct err own = {0};
	err = err != NULL ? err : &own;
	if (s->failed) {
		return err_set(err, ENOMEM, "out of memory");
	}
	bool moved;
	int rc = last_schema(s, &now, &moved, err);
	if (rc != 0) {
		return rc;
	}
	if (rds_schema_stamped(now)) {
		rc = moved ? compare_schemas(s, now, version, now_ns, err) : 0;
		rc = rc != 0 ? rc : stamp_tables(s, version, now_ns, err);
		rc = rc != 0 ? rc : stamp_rows(s, version, now_ns, err);
	} else {
		s->schema_moved = moved;
	}
	rds_schema_free(now);
	return rc;
}
