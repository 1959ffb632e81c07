/* What clusters and snapshots there are: the file, its statements, what is read. Every change is
 * durable when it returns: these are rare, and files depend on them. */
#include "engines/redshift/service/catalog_impl.h"

#define CATALOG_APPLICATION_ID 0x44627263 /* "Dbrc" */
#define CATALOG_SCHEMA_VERSION 1

static const char catalog_schema[] =
	"CREATE TABLE clusters(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" driver TEXT NOT NULL, created INTEGER NOT NULL, paused INTEGER NOT NULL,"
	" retention INTEGER NOT NULL, interval INTEGER NOT NULL, automated INTEGER NOT NULL) "
	"STRICT;"
	"CREATE TABLE snapshots(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" cluster TEXT NOT NULL, cluster_id INTEGER NOT NULL, driver TEXT NOT NULL,"
	" created INTEGER NOT NULL, bytes INTEGER NOT NULL, automated INTEGER NOT NULL,"
	" retention INTEGER NOT NULL, nodes INTEGER NOT NULL, slices INTEGER NOT NULL) STRICT;"
	"CREATE TABLE sizes(cluster_id INTEGER NOT NULL, table_id INTEGER NOT NULL,"
	" form INTEGER NOT NULL, xid INTEGER NOT NULL, bytes INTEGER NOT NULL,"
	" PRIMARY KEY(cluster_id, table_id, form)) STRICT, WITHOUT ROWID;" CATALOG_STATE_SCHEMA;

#define DEF_COLUMNS "id, name, driver, created, paused, retention, interval, automated"
#define SNAPSHOT_COLUMNS                                                                           \
	"id, name, cluster, cluster_id, driver, created, bytes, automated, retention, nodes, "     \
	"slices"

static const char *const catalog_sql[N_CATALOG_SQL] = {
	[CLUSTER_NEXT] = "SELECT " DEF_COLUMNS " FROM clusters WHERE id > ?1 ORDER BY id LIMIT 1",
	[CLUSTER_HAS] = "SELECT 1 FROM clusters WHERE id = ?1",
	[CLUSTER_ADD] =
		"INSERT INTO clusters(" DEF_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
	[CLUSTER_SET] = "UPDATE clusters SET paused = ?5, retention = ?6, interval = ?7,"
			" automated = ?8 WHERE id = ?1",
	[CLUSTER_DROP] = "DELETE FROM clusters WHERE id = ?1",
	[SNAPSHOT_FIND] = "SELECT " SNAPSHOT_COLUMNS " FROM snapshots WHERE name = ?1",
	[SNAPSHOT_NEXT] = "SELECT " SNAPSHOT_COLUMNS " FROM snapshots WHERE name > ?2 AND"
			  " (?1 = 0 OR cluster_id = ?1) ORDER BY name LIMIT 1",
	[SNAPSHOT_HAS] = "SELECT 1 FROM snapshots WHERE id = ?1",
	[SNAPSHOT_ADD] = "INSERT INTO snapshots(" SNAPSHOT_COLUMNS
			 ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
	[SNAPSHOT_DROP] = "DELETE FROM snapshots WHERE id = ?1",
	[SIZE_FIND] = "SELECT xid, bytes FROM sizes"
		      " WHERE cluster_id = ?1 AND table_id = ?2 AND form = ?3",
	[SIZE_PUT] = "INSERT OR REPLACE INTO sizes(cluster_id, table_id, form, xid, bytes)"
		     " VALUES(?1, ?2, ?3, ?4, ?5)",
	[SIZES_DROP] = "DELETE FROM sizes WHERE cluster_id = ?1",
	CATALOG_STATE_SQL,
};

/* ---- the file ---- */

int redshift_catalog_open(struct redshift_service *s, struct err *err)
{
	struct catalog_config config = {
		.dir = s->base.dir,
		.label = "the redshift catalog",
		.application_id = CATALOG_APPLICATION_ID,
		.schema_version = CATALOG_SCHEMA_VERSION,
		.schema = catalog_schema,
		.sql = catalog_sql,
		.n_sql = N_CATALOG_SQL,
		.read_only = s->base.read_only,
	};

	return catalog_open(&config, &s->base.catalog, err);
}

int redshift_catalog_id(struct redshift_service *s, uint64_t *out, struct err *err)
{
	return catalog_next_id(s->base.catalog, "the catalog", out, err);
}

int redshift_catalog_mtime(struct redshift_service *s, int64_t *out, struct err *err)
{
	return catalog_mtime(s->base.catalog, out, err);
}

bool redshift_catalog_has(struct redshift_service *s, char kind, uint64_t id)
{
	return catalog_has(s->base.catalog, kind == 's' ? SNAPSHOT_HAS : CLUSTER_HAS, id);
}

/* ---- clusters ---- */

static void take_def(sqlite3_stmt *stmt, void *out)
{
	struct redshift_def *def = out;

	def->id = (uint64_t)sqlite3_column_int64(stmt, 0);
	catalog_text(stmt, 1, def->name, sizeof(def->name));
	catalog_text(stmt, 2, def->driver, sizeof(def->driver));
	def->created_ns = sqlite3_column_int64(stmt, 3);
	def->paused = sqlite3_column_int(stmt, 4) != 0;
	def->retention_days = sqlite3_column_int64(stmt, 5);
	def->interval_s = sqlite3_column_int64(stmt, 6);
	def->automated_ns = sqlite3_column_int64(stmt, 7);
}

int redshift_catalog_each(
	struct redshift_service *s, redshift_def_fn *fn, void *arg, struct err *err)
{
	struct redshift_def def = {0};
	struct catalog_query q = {.n = CLUSTER_NEXT,
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

/* ---- snapshots ---- */

static void take_snapshot(sqlite3_stmt *stmt, void *out)
{
	struct redshift_snapshot *s = out;

	s->id = (uint64_t)sqlite3_column_int64(stmt, 0);
	catalog_text(stmt, 1, s->name, sizeof(s->name));
	catalog_text(stmt, 2, s->cluster, sizeof(s->cluster));
	s->cluster_id = (uint64_t)sqlite3_column_int64(stmt, 3);
	catalog_text(stmt, 4, s->driver, sizeof(s->driver));
	s->created_ns = sqlite3_column_int64(stmt, 5);
	s->bytes = (uint64_t)sqlite3_column_int64(stmt, 6);
	s->automated = sqlite3_column_int(stmt, 7) != 0;
	s->retention_days = sqlite3_column_int64(stmt, 8);
	s->nodes = (unsigned)sqlite3_column_int(stmt, 9);
	s->slices = (unsigned)sqlite3_column_int(stmt, 10);
}

int redshift_catalog_snapshot(struct redshift_service *s, struct slice name,
	struct redshift_snapshot *out, struct err *err)
{
	struct catalog_query q = {.n = SNAPSHOT_FIND,
		.bind = catalog_bind_name,
		.arg = &name,
		.take = take_snapshot,
		.out = out};

	int rc = catalog_row(s->base.catalog, &q, err);
	return rc == 1	? 0
	       : rc < 0 ? rc
			: err_set(err, ENOENT, "ClusterSnapshotNotFound: there is no snapshot %.*s",
				  (int)(name.n < 200 ? name.n : 200), name.n > 0 ? name.p : "");
}

int redshift_catalog_snapshots(struct redshift_service *s, uint64_t cluster_id, struct slice after,
	redshift_snapshot_fn *fn, void *arg, struct err *err)
{
	struct redshift_snapshot found;
	char last[sizeof(found.name)];
	struct catalog_behind b = {cluster_id, after};
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

/* ---- sizes ---- */

static void bind_size(sqlite3_stmt *stmt, const void *arg)
{
	const struct redshift_size *size = arg;

	catalog_bind_id(stmt, 1, size->cluster_id);
	catalog_bind_id(stmt, 2, size->table);
	sqlite3_bind_int64(stmt, 3, size->form);
}

static void take_size(sqlite3_stmt *stmt, void *out)
{
	struct redshift_size *size = out;

	size->xid = (uint64_t)sqlite3_column_int64(stmt, 0);
	size->bytes = (uint64_t)sqlite3_column_int64(stmt, 1);
}

int redshift_catalog_size(struct redshift_service *s, struct redshift_size *size, struct err *err)
{
	struct catalog_query q = {
		.n = SIZE_FIND, .bind = bind_size, .arg = size, .take = take_size, .out = size};

	return catalog_row(s->base.catalog, &q, err);
}
