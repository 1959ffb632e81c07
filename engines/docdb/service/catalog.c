/* What clusters, members and snapshots there are: the file, its statements, what is read.
 * Every change is durable when it returns, whatever the mount's sync setting: these are
 * rare, and files depend on them. */
#include "engines/docdb/service/catalog_impl.h"

#define CATALOG_APPLICATION_ID 0x44446263 /* "DDbc" */
#define CATALOG_SCHEMA_VERSION 1

static const char catalog_schema[] =
	"CREATE TABLE clusters(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" created INTEGER NOT NULL, stopped INTEGER NOT NULL, stopped_at INTEGER NOT NULL,"
	" deletion_protection INTEGER NOT NULL, writer TEXT NOT NULL, target TEXT NOT NULL,"
	" allocated INTEGER NOT NULL) STRICT;"
	"CREATE TABLE members(cluster_id INTEGER NOT NULL, name TEXT NOT NULL,"
	" zone INTEGER NOT NULL, tier INTEGER NOT NULL, delay INTEGER NOT NULL,"
	" created INTEGER NOT NULL, PRIMARY KEY(cluster_id, name)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE snapshots(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" cluster TEXT NOT NULL, cluster_id INTEGER NOT NULL, created INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL) STRICT;" CATALOG_STATE_SCHEMA;

#define DEF_COLUMNS                                                                                \
	"id, name, created, stopped, stopped_at, deletion_protection, writer, target, allocated"
#define MEMBER_COLUMNS	 "cluster_id, name, zone, tier, delay, created"
#define SNAPSHOT_COLUMNS "id, name, cluster, cluster_id, created, bytes"

static const char *const catalog_sql[N_CATALOG_SQL] = {
	[CLUSTER_NEXT] = "SELECT " DEF_COLUMNS " FROM clusters WHERE id > ?1 ORDER BY id LIMIT 1",
	[CLUSTER_HAS] = "SELECT 1 FROM clusters WHERE id = ?1",
	[CLUSTER_ADD] =
		"INSERT INTO clusters(" DEF_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[CLUSTER_SET] = "UPDATE clusters SET stopped = ?2, stopped_at = ?3,"
			" deletion_protection = ?4, allocated = ?5 WHERE id = ?1",
	[CLUSTER_TARGET] = "UPDATE clusters SET target = ?2 WHERE id = ?1",
	[CLUSTER_WRITER] = "UPDATE clusters SET writer = ?2, target = '' WHERE id = ?1",
	[CLUSTER_DROP] = "DELETE FROM clusters WHERE id = ?1",
	[MEMBER_NEXT] = "SELECT " MEMBER_COLUMNS
			" FROM members WHERE cluster_id = ?1 AND name > ?2 ORDER BY name LIMIT 1",
	[MEMBER_PUT] = "INSERT INTO members(" MEMBER_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6)"
		       " ON CONFLICT(cluster_id, name) DO UPDATE SET zone = ?3, tier = ?4",
	[MEMBER_ZONE] = "UPDATE members SET zone = ?3 WHERE cluster_id = ?1 AND name = ?2",
	[MEMBER_DROP] = "DELETE FROM members WHERE cluster_id = ?1 AND name = ?2",
	[MEMBERS_DROP] = "DELETE FROM members WHERE cluster_id = ?1",
	[SNAPSHOT_FIND] = "SELECT " SNAPSHOT_COLUMNS " FROM snapshots WHERE name = ?1",
	[SNAPSHOT_NEXT] = "SELECT " SNAPSHOT_COLUMNS " FROM snapshots WHERE name > ?2 AND"
			  " (cluster_id = ?1 OR ?3 AND cluster_id NOT IN (SELECT id FROM clusters))"
			  " ORDER BY name LIMIT 1",
	[SNAPSHOT_HAS] = "SELECT 1 FROM snapshots WHERE id = ?1",
	[SNAPSHOT_ADD] =
		"INSERT INTO snapshots(" SNAPSHOT_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[SNAPSHOT_DROP] = "DELETE FROM snapshots WHERE id = ?1",
	CATALOG_STATE_SQL,
};

/* ---- the file ---- */

int docdb_catalog_open(struct docdb_service *s, struct err *err)
{
	struct catalog_config config = {
		.dir = s->base.dir,
		.label = "the cluster catalog",
		.application_id = CATALOG_APPLICATION_ID,
		.schema_version = CATALOG_SCHEMA_VERSION,
		.schema = catalog_schema,
		.sql = catalog_sql,
		.n_sql = N_CATALOG_SQL,
		.read_only = s->base.read_only,
	};

	return catalog_open(&config, &s->base.catalog, err);
}

int docdb_catalog_next_id(struct docdb_service *s, uint64_t *out, struct err *err)
{
	return catalog_next_id(s->base.catalog, "the cluster catalog", out, err);
}

int docdb_catalog_mtime(struct docdb_service *s, int64_t *out, struct err *err)
{
	return catalog_mtime(s->base.catalog, out, err);
}

/* ---- clusters ---- */

static void take_def(sqlite3_stmt *stmt, void *out)
{
	struct docdb_def *def = out;

	def->id = (uint64_t)sqlite3_column_int64(stmt, 0);
	catalog_text(stmt, 1, def->name, sizeof(def->name));
	def->created_ns = sqlite3_column_int64(stmt, 2);
	def->stopped = sqlite3_column_int(stmt, 3) != 0;
	def->stopped_ns = sqlite3_column_int64(stmt, 4);
	def->deletion_protection = sqlite3_column_int(stmt, 5) != 0;
	catalog_text(stmt, 6, def->writer, sizeof(def->writer));
	catalog_text(stmt, 7, def->target, sizeof(def->target));
	def->allocated = (uint64_t)sqlite3_column_int64(stmt, 8);
}

int docdb_catalog_each(struct docdb_service *s, docdb_def_fn *fn, void *arg, struct err *err)
{
	struct docdb_def def = {0};
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

bool docdb_catalog_has(struct docdb_service *s, char kind, uint64_t id)
{
	return catalog_has(s->base.catalog, kind == 'c' ? CLUSTER_HAS : SNAPSHOT_HAS, id);
}

/* ---- members ---- */

static void take_member(sqlite3_stmt *stmt, void *out)
{
	struct docdb_member *m = out;

	catalog_text(stmt, 1, m->name, sizeof(m->name));
	m->zone = (unsigned)sqlite3_column_int(stmt, 2);
	m->tier = (unsigned)sqlite3_column_int(stmt, 3);
	m->delay_ms = sqlite3_column_int64(stmt, 4);
	m->created_ns = sqlite3_column_int64(stmt, 5);
}

int docdb_catalog_members(
	struct docdb_service *s, uint64_t cluster_id, struct docdb_members *out, struct err *err)
{
	struct catalog_behind b = {.id = cluster_id, .after = slice_of("")};
	struct catalog_query q = {
		.n = MEMBER_NEXT, .bind = catalog_bind_behind, .arg = &b, .take = take_member};
	int rc = 0;

	out->n = 0;
	while (out->n < DOCDB_MEMBERS_MAX) {
		q.out = &out->m[out->n];
		rc = catalog_row(s->base.catalog, &q, err);
		if (rc != 1) {
			break;
		}
		b.after = slice_of(out->m[out->n++].name);
	}
	return rc < 0 ? rc : 0;
}

/* ---- snapshots ---- */

static void take_snapshot(sqlite3_stmt *stmt, void *out)
{
	struct docdb_snapshot *s = out;

	s->id = (uint64_t)sqlite3_column_int64(stmt, 0);
	catalog_text(stmt, 1, s->name, sizeof(s->name));
	catalog_text(stmt, 2, s->cluster, sizeof(s->cluster));
	s->cluster_id = (uint64_t)sqlite3_column_int64(stmt, 3);
	s->created_ns = sqlite3_column_int64(stmt, 4);
	s->bytes = (uint64_t)sqlite3_column_int64(stmt, 5);
}

static int no_snapshot(struct slice name, struct err *err)
{
	return err_set(err, ENOENT, "DBClusterSnapshotNotFoundFault: there is no snapshot %.*s",
		(int)(name.n < 200 ? name.n : 200), name.n > 0 ? name.p : "");
}

int docdb_catalog_snapshot(
	struct docdb_service *s, struct slice name, struct docdb_snapshot *out, struct err *err)
{
	struct catalog_query q = {.n = SNAPSHOT_FIND,
		.bind = catalog_bind_name,
		.arg = &name,
		.take = take_snapshot,
		.out = out};

	int rc = catalog_row(s->base.catalog, &q, err);
	return rc == 0 ? no_snapshot(name, err) : rc < 0 ? rc : 0;
}

struct behind {
	struct catalog_behind name;
	bool orphans;
};

static void bind_behind(sqlite3_stmt *stmt, const void *arg)
{
	const struct behind *b = arg;

	catalog_bind_behind(stmt, &b->name);
	sqlite3_bind_int(stmt, 3, b->orphans);
}

int docdb_catalog_snapshots(struct docdb_service *s, uint64_t cluster_id, bool orphans,
	struct slice after, docdb_snapshot_fn *fn, void *arg, struct err *err)
{
	struct docdb_snapshot found;
	char last[sizeof(found.name)];
	struct behind b = {{cluster_id, after}, orphans};
	struct catalog_query q = {.n = SNAPSHOT_NEXT,
		.bind = bind_behind,
		.arg = &b,
		.take = take_snapshot,
		.out = &found};
	int rc;

	while ((rc = catalog_row(s->base.catalog, &q, err)) == 1 && fn(arg, &found) == 0) {
		memcpy(last, found.name, sizeof(last));
		b.name.after = slice_of(last);
	}
	return rc < 0 ? rc : 0;
}
