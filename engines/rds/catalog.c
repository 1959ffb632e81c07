/* What instances and snapshots there are: the file, its statements, what is read. Every
 * change is durable when it returns, whatever the mount's sync setting: these are
 * rare, and files depend on them. */
#include "engines/rds/catalog_impl.h"

#include <stdio.h>
#include <unistd.h>

#define CATALOG_APPLICATION_ID 0x52446263 /* "RDbc" */
#define CATALOG_SCHEMA_VERSION 1

static const char catalog_schema[] =
	"CREATE TABLE instances(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" stopped INTEGER NOT NULL, stopped_at INTEGER NOT NULL, created INTEGER NOT NULL,"
	" deletion_protection INTEGER NOT NULL, pending_multi_az INTEGER NOT NULL,"
	" pending_retention INTEGER NOT NULL, engine_version TEXT NOT NULL) STRICT;"
	"CREATE TABLE snapshots(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" instance TEXT NOT NULL, instance_id INTEGER NOT NULL, automated INTEGER NOT NULL,"
	" created INTEGER NOT NULL, bytes INTEGER NOT NULL) STRICT;"
	"CREATE TABLE intents(id INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
	" instance_id INTEGER NOT NULL, replica TEXT NOT NULL, name TEXT NOT NULL) STRICT;"
	"CREATE TABLE state(one INTEGER PRIMARY KEY CHECK(one = 1), mtime INTEGER NOT NULL,"
	" last_id INTEGER NOT NULL) STRICT;"
	"INSERT INTO state VALUES(1, strftime('%s', 'now') * 1000000000, 0);";

#define DEF_COLUMNS                                                                                \
	"id, name, stopped, stopped_at, created, deletion_protection, pending_multi_az,"           \
	" pending_retention, engine_version"
#define SNAPSHOT_COLUMNS "id, name, instance, instance_id, automated, created, bytes"
#define INTENT_COLUMNS	 "id, kind, instance_id, replica, name"

static const char *const catalog_sql[N_CATALOG_SQL] = {
	[DEF_NEXT] = "SELECT " DEF_COLUMNS " FROM instances WHERE id > ?1 ORDER BY id LIMIT 1",
	[DEF_HAS] = "SELECT 1 FROM instances WHERE id = ?1",
	[DEF_PUT] = "INSERT INTO instances(" DEF_COLUMNS
		    ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT(id) DO UPDATE SET"
		    " name = ?2, stopped = ?3, stopped_at = ?4, deletion_protection = ?6,"
		    " pending_multi_az = ?7, pending_retention = ?8, engine_version = ?9",
	[DEF_DROP] = "DELETE FROM instances WHERE id = ?1",
	[DEF_NAME] = "UPDATE instances SET name = ?2 WHERE id = ?1",
	[SNAPSHOT_FIND] = "SELECT " SNAPSHOT_COLUMNS " FROM snapshots WHERE name = ?1",
	[SNAPSHOT_NEXT] = "SELECT " SNAPSHOT_COLUMNS
			  " FROM snapshots WHERE name > ?1 AND ?2 IN (0, instance_id)"
			  " ORDER BY name LIMIT 1",
	[SNAPSHOT_HAS] = "SELECT 1 FROM snapshots WHERE id = ?1",
	[SNAPSHOT_ADD] =
		"INSERT INTO snapshots(" SNAPSHOT_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SNAPSHOT_REPLACE] = "DELETE FROM snapshots WHERE name = ?1 AND automated",
	[SNAPSHOT_DROP] = "DELETE FROM snapshots WHERE id = ?1",
	[SNAPSHOT_PRUNE] =
		"DELETE FROM snapshots WHERE automated AND instance_id = ?1 AND created < ?2",
	[INTENT_NEXT] = "SELECT " INTENT_COLUMNS " FROM intents WHERE id > ?1 ORDER BY id LIMIT 1",
	[INTENT_HAS] = "SELECT 1 FROM intents WHERE id = ?1",
	[INTENT_ADD] = "INSERT INTO intents(" INTENT_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5)",
	[INTENT_DROP] = "DELETE FROM intents WHERE id = ?1",
	[STATE_GET] = "SELECT mtime, last_id FROM state",
	[STATE_TOUCH] = "UPDATE state SET mtime = ?1",
	[STATE_ID] = "UPDATE state SET last_id = ?1",
};

/* ---- in few words ---- */

void rds_sql_bind_text(sqlite3_stmt *stmt, int index, struct slice text)
{
	sqlite3_bind_text(stmt, index, text.p != NULL ? text.p : "", (int)text.n, SQLITE_STATIC);
}

void rds_sql_column_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	snprintf(out, size, "%s", text != NULL ? text : "");
}

int rds_sql_begin(struct rds_service *s, enum catalog_sql n, struct store_reader **r,
	sqlite3_stmt **stmt, struct err *err)
{
	int rc = store_read_begin(s->catalog, STORE_ALL_KEYS, r, err);
	if (rc < 0) {
		return rc;
	}
	*stmt = store_reader_stmt(*r, n, err);
	return *stmt != NULL ? 0 : -err->code;
}

int rds_sql_run(sqlite3_stmt *stmt, struct err *err)
{
	int rc = store_step(stmt, err);

	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

int rds_sql_run_id(
	struct store_txn *t, enum catalog_sql n, uint64_t id, int64_t value, struct err *err)
{
	sqlite3_stmt *stmt = store_txn_stmt(t, n, err);

	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, (int64_t)id);
	if (sqlite3_bind_parameter_count(stmt) > 1) {
		sqlite3_bind_int64(stmt, 2, value);
	}
	return rds_sql_run(stmt, err);
}

/* ---- the file ---- */

int rds_catalog_open(struct rds_service *s, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	buf_printf(&path, "%s/catalog.db", s->dir);
	if (s->read_only && access(buf_cstr(&path), F_OK) < 0 && errno == ENOENT) {
		return 0;
	}
	struct store_config config = {
		.path = buf_cstr(&path),
		.label = "the instance catalog",
		.application_id = CATALOG_APPLICATION_ID,
		.schema_version = CATALOG_SCHEMA_VERSION,
		.schema = catalog_schema,
		.sql = catalog_sql,
		.n_sql = N_CATALOG_SQL,
		.create = true,
		.sync = STORE_SYNC_CLOSE,
	};
	return store_open(&config, &s->catalog, err);
}

static int no_state(struct err *err)
{
	return err_set(err, EIO, "the instance catalog is damaged: its state is missing");
}

static int mtime_of(struct rds_service *s, int64_t *out, struct err *err)
{
	CATALOG_READER r = NULL;
	CATALOG_STMT stmt = NULL;

	int rc = rds_sql_begin(s, STATE_GET, &r, &stmt, err);
	rc = rc < 0 ? rc : store_step(stmt, err);
	if (rc == 1) {
		*out = sqlite3_column_int64(stmt, 0);
		return 0;
	}
	return rc < 0 ? rc : no_state(err);
}

int rds_catalog_mtime(struct rds_service *s, int64_t *out, struct err *err)
{
	*out = 0;
	return s->catalog != NULL ? mtime_of(s, out, err) : 0;
}

static int next_id_fn(struct store_txn *t, void *arg, struct err *err)
{
	CATALOG_STMT stmt = store_txn_stmt(t, STATE_GET, err);

	int rc = stmt != NULL ? store_step(stmt, err) : -err->code;
	if (rc != 1) {
		return rc < 0 ? rc : no_state(err);
	}
	*(uint64_t *)arg = (uint64_t)sqlite3_column_int64(stmt, 1) + 1;
	return rds_sql_run_id(t, STATE_ID, *(uint64_t *)arg, 0, err);
}

int rds_catalog_next_id(struct rds_service *s, uint64_t *out, struct err *err)
{
	return store_write(s->catalog, NULL, 0, next_id_fn, out, err);
}

/* ---- instances ---- */

static void def_row(sqlite3_stmt *stmt, struct rds_def *out)
{
	out->id = (uint64_t)sqlite3_column_int64(stmt, 0);
	rds_sql_column_text(stmt, 1, out->name, sizeof(out->name));
	out->stopped = sqlite3_column_int(stmt, 2) != 0;
	out->stopped_ns = sqlite3_column_int64(stmt, 3);
	out->created_ns = sqlite3_column_int64(stmt, 4);
	out->deletion_protection = sqlite3_column_int(stmt, 5) != 0;
	out->pending_multi_az = sqlite3_column_int(stmt, 6);
	out->pending_retention = sqlite3_column_int(stmt, 7);
	rds_sql_column_text(stmt, 8, out->engine_version, sizeof(out->engine_version));
}

static int def_behind(struct rds_service *s, uint64_t after, struct rds_def *out, struct err *err)
{
	CATALOG_READER r = NULL;
	CATALOG_STMT stmt = NULL;

	int rc = rds_sql_begin(s, DEF_NEXT, &r, &stmt, err);
	if (rc == 0) {
		sqlite3_bind_int64(stmt, 1, (int64_t)after);
		rc = store_step(stmt, err);
	}
	if (rc == 1) {
		def_row(stmt, out);
	}
	return rc;
}

int rds_catalog_each(struct rds_service *s, rds_def_fn *fn, void *arg, struct err *err)
{
	struct rds_def def = {0};
	int rc = 0;

	while (s->catalog != NULL && rc == 0 && (rc = def_behind(s, def.id, &def, err)) == 1) {
		rc = fn(arg, &def, err);
	}
	return rc;
}

static bool has(struct rds_service *s, enum catalog_sql n, uint64_t id)
{
	CATALOG_READER r = NULL;
	CATALOG_STMT stmt = NULL;
	struct err err = {0};

	int rc = rds_sql_begin(s, n, &r, &stmt, &err);
	if (rc == 0) {
		sqlite3_bind_int64(stmt, 1, (int64_t)id);
		rc = store_step(stmt, &err);
	}
	/* In doubt the file stays. */
	return rc != 0;
}

bool rds_catalog_has(struct rds_service *s, char kind, uint64_t id)
{
	switch (kind) {
	case 'i': return has(s, DEF_HAS, id);
	case 's': return has(s, SNAPSHOT_HAS, id);
	default: return has(s, INTENT_HAS, id);
	}
}

/* ---- snapshots ---- */

static void snapshot_row(sqlite3_stmt *stmt, struct rds_snapshot *out)
{
	out->id = (uint64_t)sqlite3_column_int64(stmt, 0);
	rds_sql_column_text(stmt, 1, out->name, sizeof(out->name));
	rds_sql_column_text(stmt, 2, out->instance, sizeof(out->instance));
	out->instance_id = (uint64_t)sqlite3_column_int64(stmt, 3);
	out->automated = sqlite3_column_int(stmt, 4) != 0;
	out->created_ns = sqlite3_column_int64(stmt, 5);
	out->bytes = (uint64_t)sqlite3_column_int64(stmt, 6);
}

int rds_catalog_snapshot(
	struct rds_service *s, struct slice name, struct rds_snapshot *out, struct err *err)
{
	CATALOG_READER r = NULL;
	CATALOG_STMT stmt = NULL;

	if (s->catalog == NULL) {
		return rds_no_snapshot(name, err);
	}
	int rc = rds_sql_begin(s, SNAPSHOT_FIND, &r, &stmt, err);
	if (rc == 0) {
		rds_sql_bind_text(stmt, 1, name);
		rc = store_step(stmt, err);
	}
	if (rc == 1) {
		snapshot_row(stmt, out);
		return 0;
	}
	return rc < 0 ? rc : rds_no_snapshot(name, err);
}

static int snapshot_behind(struct rds_service *s, uint64_t instance_id, struct slice after,
	struct rds_snapshot *out, struct err *err)
{
	CATALOG_READER r = NULL;
	CATALOG_STMT stmt = NULL;

	int rc = rds_sql_begin(s, SNAPSHOT_NEXT, &r, &stmt, err);
	if (rc == 0) {
		rds_sql_bind_text(stmt, 1, after);
		sqlite3_bind_int64(stmt, 2, (int64_t)instance_id);
		rc = store_step(stmt, err);
	}
	if (rc == 1) {
		snapshot_row(stmt, out);
	}
	return rc;
}

int rds_catalog_snapshots(struct rds_service *s, uint64_t instance_id, struct slice after,
	rds_snapshot_fn *fn, void *arg, struct err *err)
{
	struct rds_snapshot found;
	char last[RDS_SNAPSHOT_MAX + 1];
	int rc = 0;

	while (s->catalog != NULL &&
		(rc = snapshot_behind(s, instance_id, after, &found, err)) == 1 &&
		fn(arg, &found) == 0) {
		memcpy(last, found.name, sizeof(last));
		after = slice_of(last);
	}
	return rc < 0 ? rc : 0;
}

/* ---- intents ---- */

int rds_catalog_next_intent(
	struct rds_service *s, uint64_t after, struct rds_intent *out, struct err *err)
{
	CATALOG_READER r = NULL;
	CATALOG_STMT stmt = NULL;

	int rc = rds_sql_begin(s, INTENT_NEXT, &r, &stmt, err);
	if (rc == 0) {
		sqlite3_bind_int64(stmt, 1, (int64_t)after);
		rc = store_step(stmt, err);
	}
	if (rc == 1) {
		out->id = (uint64_t)sqlite3_column_int64(stmt, 0);
		out->kind = (enum rds_intent_kind)sqlite3_column_int(stmt, 1);
		out->instance_id = (uint64_t)sqlite3_column_int64(stmt, 2);
		rds_sql_column_text(stmt, 3, out->replica, sizeof(out->replica));
		rds_sql_column_text(stmt, 4, out->name, sizeof(out->name));
	}
	return rc;
}
