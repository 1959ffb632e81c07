/* What instances and snapshots there are: the file, its statements, what is read. Every
 * change is durable when it returns, whatever the mount's sync setting: these are
 * rare, and files depend on them. */
#include "engines/rds/catalog_impl.h"

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
	" instance_id INTEGER NOT NULL, replica TEXT NOT NULL, name TEXT NOT NULL) "
	"STRICT;" CATALOG_STATE_SCHEMA;

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
			  " FROM snapshots WHERE name > ?2 AND ?1 IN (0, instance_id)"
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
	CATALOG_STATE_SQL,
};

/* ---- the file ---- */

int rds_catalog_open(struct rds_service *s, struct err *err)
{
	struct catalog_config config = {
		.dir = s->base.dir,
		.label = "the instance catalog",
		.application_id = CATALOG_APPLICATION_ID,
		.schema_version = CATALOG_SCHEMA_VERSION,
		.schema = catalog_schema,
		.sql = catalog_sql,
		.n_sql = N_CATALOG_SQL,
		.read_only = s->base.read_only,
	};

	return catalog_open(&config, &s->base.catalog, err);
}

int rds_catalog_mtime(struct rds_service *s, int64_t *out, struct err *err)
{
	return catalog_mtime(s->base.catalog, out, err);
}

int rds_catalog_next_id(struct rds_service *s, uint64_t *out, struct err *err)
{
	return catalog_next_id(s->base.catalog, "the instance catalog", out, err);
}

/* ---- instances ---- */

static void take_def(sqlite3_stmt *stmt, void *out)
{
	struct rds_def *def = out;

	def->id = (uint64_t)sqlite3_column_int64(stmt, 0);
	catalog_text(stmt, 1, def->name, sizeof(def->name));
	def->stopped = sqlite3_column_int(stmt, 2) != 0;
	def->stopped_ns = sqlite3_column_int64(stmt, 3);
	def->created_ns = sqlite3_column_int64(stmt, 4);
	def->deletion_protection = sqlite3_column_int(stmt, 5) != 0;
	def->pending_multi_az = sqlite3_column_int(stmt, 6);
	def->pending_retention = sqlite3_column_int(stmt, 7);
	catalog_text(stmt, 8, def->engine_version, sizeof(def->engine_version));
}

int rds_catalog_each(struct rds_service *s, rds_def_fn *fn, void *arg, struct err *err)
{
	struct rds_def def = {0};
	struct catalog_query q = {.n = DEF_NEXT,
		.bind = catalog_bind_one_id,
		.arg = &def.id,
		.take = take_def,
		.out = &def};
	int rc;

	while ((rc = catalog_row(s->base.catalog, &q, err)) == 1 &&
		(rc = fn(arg, &def, err)) == 0) {
	}
	return rc;
}

bool rds_catalog_has(struct rds_service *s, char kind, uint64_t id)
{
	unsigned n = kind == 'i' ? DEF_HAS : kind == 's' ? SNAPSHOT_HAS : INTENT_HAS;

	return catalog_has(s->base.catalog, n, id);
}

/* ---- snapshots ---- */

static void take_snapshot(sqlite3_stmt *stmt, void *out)
{
	struct rds_snapshot *s = out;

	s->id = (uint64_t)sqlite3_column_int64(stmt, 0);
	catalog_text(stmt, 1, s->name, sizeof(s->name));
	catalog_text(stmt, 2, s->instance, sizeof(s->instance));
	s->instance_id = (uint64_t)sqlite3_column_int64(stmt, 3);
	s->automated = sqlite3_column_int(stmt, 4) != 0;
	s->created_ns = sqlite3_column_int64(stmt, 5);
	s->bytes = (uint64_t)sqlite3_column_int64(stmt, 6);
}

int rds_catalog_snapshot(
	struct rds_service *s, struct slice name, struct rds_snapshot *out, struct err *err)
{
	struct catalog_query q = {.n = SNAPSHOT_FIND,
		.bind = catalog_bind_name,
		.arg = &name,
		.take = take_snapshot,
		.out = out};

	int rc = catalog_row(s->base.catalog, &q, err);
	return rc == 1 ? 0 : rc < 0 ? rc : rds_no_snapshot(name, err);
}

int rds_catalog_snapshots(struct rds_service *s, uint64_t instance_id, struct slice after,
	rds_snapshot_fn *fn, void *arg, struct err *err)
{
	struct rds_snapshot found;
	char last[sizeof(found.name)];
	struct catalog_behind b = {instance_id, after};
	struct catalog_query q = {.n = SNAPSHOT_NEXT,
		.bind = catalog_bind_behind,
		.arg = &b,
		.take = take_snapshot,
		.out = &found};
	int rc;

	while ((rc = catalog_row(s->base.catalog, &q, err)) == 1 && fn(arg, &found) == 0) {
		memcpy(last, found.name, sizeof(last));
		b.after = slice_of(last);
	}
	return rc < 0 ? rc : 0;
}

/* ---- intents ---- */

static void take_intent(sqlite3_stmt *stmt, void *out)
{
	struct rds_intent *intent = out;

	intent->id = (uint64_t)sqlite3_column_int64(stmt, 0);
	intent->kind = (enum rds_intent_kind)sqlite3_column_int(stmt, 1);
	intent->instance_id = (uint64_t)sqlite3_column_int64(stmt, 2);
	catalog_text(stmt, 3, intent->replica, sizeof(intent->replica));
	catalog_text(stmt, 4, intent->name, sizeof(intent->name));
}

int rds_catalog_next_intent(
	struct rds_service *s, uint64_t after, struct rds_intent *out, struct err *err)
{
	struct catalog_query q = {.n = INTENT_NEXT,
		.bind = catalog_bind_one_id,
		.arg = &after,
		.take = take_intent,
		.out = out};

	return catalog_row(s->base.catalog, &q, err);
}
