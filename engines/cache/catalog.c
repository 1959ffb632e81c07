/* What clusters, nodes and snapshots there are: the file, its statements, what is read.
 * Every change is durable when it returns, whatever a cluster's persistence: these are rare, and
 * files depend on them. */
#include "engines/cache/catalog_impl.h"

#define CATALOG_APPLICATION_ID 0x44624363 /* "DbCc" */
#define CATALOG_SCHEMA_VERSION 1

static const char catalog_schema[] =
	"CREATE TABLE clusters(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" kind INTEGER NOT NULL, created INTEGER NOT NULL, maxmemory INTEGER NOT NULL,"
	" policy INTEGER NOT NULL, persistence INTEGER NOT NULL, automatic INTEGER NOT NULL,"
	" primary_node TEXT NOT NULL, store_id INTEGER NOT NULL) STRICT;"
	"CREATE TABLE nodes(cluster_id INTEGER NOT NULL, name TEXT NOT NULL,"
	" zone INTEGER NOT NULL, delay INTEGER NOT NULL, created INTEGER NOT NULL,"
	" PRIMARY KEY(cluster_id, name)) STRICT, WITHOUT ROWID;"
	"CREATE TABLE snapshots(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,"
	" cluster TEXT NOT NULL, cluster_id INTEGER NOT NULL, created INTEGER NOT NULL,"
	" bytes INTEGER NOT NULL) STRICT;" CATALOG_STATE_SCHEMA;

#define DEF_COLUMNS                                                                                \
	"id, name, kind, created, maxmemory, policy, persistence, automatic, primary_node, "       \
	"store_id"
#define NODE_COLUMNS	 "cluster_id, name, zone, delay, created"
#define SNAPSHOT_COLUMNS "id, name, cluster, cluster_id, created, bytes"

static const char *const catalog_sql[N_CATALOG_SQL] = {
	[CLUSTER_NEXT] = "SELECT " DEF_COLUMNS " FROM clusters WHERE id > ?1 ORDER BY id LIMIT 1",
	[CLUSTER_HAS] = "SELECT 1 FROM clusters WHERE id = ?1",
	[CLUSTER_OF_STORE] = "SELECT 1 FROM clusters WHERE store_id = ?1",
	[CLUSTER_ADD] = "INSERT INTO clusters(" DEF_COLUMNS
			") VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[CLUSTER_SET] = "UPDATE clusters SET maxmemory = ?2, policy = ?3, persistence = ?4,"
			" automatic = ?5 WHERE id = ?1",
	[CLUSTER_PRIMARY] = "UPDATE clusters SET primary_node = ?2, store_id = ?3 WHERE id = ?1",
	[CLUSTER_DROP] = "DELETE FROM clusters WHERE id = ?1",
	[NODE_NEXT] = "SELECT " NODE_COLUMNS
		      " FROM nodes WHERE cluster_id = ?1 AND name > ?2 ORDER BY name LIMIT 1",
	[NODE_PUT] = "INSERT INTO nodes(" NODE_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5)"
		     " ON CONFLICT(cluster_id, name) DO UPDATE SET delay = ?4",
	[NODE_DROP] = "DELETE FROM nodes WHERE cluster_id = ?1 AND name = ?2",
	[NODES_DROP] = "DELETE FROM nodes WHERE cluster_id = ?1",
	[SNAPSHOT_FIND] = "SELECT " SNAPSHOT_COLUMNS " FROM snapshots WHERE name = ?1",
	[SNAPSHOT_NEXT] = "SELECT " SNAPSHOT_COLUMNS " FROM snapshots WHERE name > ?2 AND"
			  " (?1 = 0 OR cluster_id = ?1) ORDER BY name LIMIT 1",
	[SNAPSHOT_HAS] = "SELECT 1 FROM snapshots WHERE id = ?1",
	[SNAPSHOT_ADD] =
		"INSERT INTO snapshots(" SNAPSHOT_COLUMNS ") VALUES(?1, ?2, ?3, ?4, ?5, ?6)",
	[SNAPSHOT_DROP] = "DELETE FROM snapshots WHERE id = ?1",
	CATALOG_STATE_SQL,
};

/* ---- the file ---- */

int cache_catalog_open(struct cache_service *s, struct err *err)
{
	struct catalog_config config = {
		.dir = s->base.dir,
		.label = "the cache catalog",
		.application_id = CATALOG_APPLICATION_ID,
		.schema_version = CATALOG_SCHEMA_VERSION,
		.schema = catalog_schema,
		.sql = catalog_sql,
		.n_sql = N_CATALOG_SQL,
		.read_only = s->base.read_only,
	};

	return catalog_open(&config, &s->base.catalog, err);
}

int cache_catalog_id(struct cache_service *s, uint64_t *out, struct err *err)
{
	return catalog_next_id(s->base.catalog, "the catalog", out, err);
}

int cache_catalog_mtime(struct cache_service *s, int64_t *out, struct err *err)
{
	return catalog_mtime(s->base.catalog, out, err);
}

bool cache_catalog_has(struct cache_service *s, char kind, uint64_t id)
{
	unsigned n = kind == 'i' ? CLUSTER_OF_STORE : kind == 's' ? SNAPSHOT_HAS : CLUSTER_HAS;

	return catalog_has(s->base.catalog, n, id);
}

/* ---- clusters ---- */

static void take_def(sqlite3_stmt *stmt, void *out)
{
	struct cache_def *def = out;

	def->id = (uint64_t)sqlite3_column_int64(stmt, 0);
	catalog_text(stmt, 1, def->name, sizeof(def->name));
	def->kind = sqlite3_column_int(stmt, 2) == CACHE_REDIS ? CACHE_REDIS : CACHE_MEMCACHED;
	def->created_ns = sqlite3_column_int64(stmt, 3);
	def->maxmemory = (uint64_t)sqlite3_column_int64(stmt, 4);
	def->policy = (enum redis_policy)(sqlite3_column_int(stmt, 5) % REDIS_POLICIES);
	def->persistence =
		(enum cache_persistence)(sqlite3_column_int(stmt, 6) % CACHE_PERSISTENCES);
	def->automatic_failover = sqlite3_column_int(stmt, 7) != 0;
	catalog_text(stmt, 8, def->primary, sizeof(def->primary));
	def->store_id = (uint64_t)sqlite3_column_int64(stmt, 9);
}

int cache_catalog_each(struct cache_service *s, cache_def_fn *fn, void *arg, struct err *err)
{
	struct cache_def def = {0};
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

/* ---- nodes ---- */

static void take_node(sqlite3_stmt *stmt, void *out)
{
	struct cache_node *n = out;

	catalog_text(stmt, 1, n->name, sizeof(n->name));
	n->zone = (unsigned)sqlite3_column_int(stmt, 2) % INSTANCE_ZONES;
	n->delay_ms = sqlite3_column_int64(stmt, 3);
	n->created_ns = sqlite3_column_int64(stmt, 4);
}

int cache_catalog_nodes(
	struct cache_service *s, uint64_t cluster_id, struct cache_nodes *out, struct err *err)
{
	struct catalog_behind b = {.id = cluster_id, .after = slice_of("")};
	struct catalog_query q = {
		.n = NODE_NEXT, .bind = catalog_bind_behind, .arg = &b, .take = take_node};
	int rc = 0;

	out->count = 0;
	while (out->count < CACHE_NODES_MAX) {
		q.out = &out->n[out->count];
		rc = catalog_row(s->base.catalog, &q, err);
		if (rc != 1) {
			break;
		}
		b.after = slice_of(out->n[out->count++].name);
	}
	return rc < 0 ? rc : 0;
}

/* ---- snapshots ---- */

static void take_snapshot(sqlite3_stmt *stmt, void *out)
{
	struct cache_snapshot *s = out;

	s->id = (uint64_t)sqlite3_column_int64(stmt, 0);
	catalog_text(stmt, 1, s->name, sizeof(s->name));
	catalog_text(stmt, 2, s->cluster, sizeof(s->cluster));
	s->cluster_id = (uint64_t)sqlite3_column_int64(stmt, 3);
	s->created_ns = sqlite3_column_int64(stmt, 4);
	s->bytes = (uint64_t)sqlite3_column_int64(stmt, 5);
}

int cache_catalog_snapshot(
	struct cache_service *s, struct slice name, struct cache_snapshot *out, struct err *err)
{
	struct catalog_query q = {.n = SNAPSHOT_FIND,
		.bind = catalog_bind_name,
		.arg = &name,
		.take = take_snapshot,
		.out = out};

	int rc = catalog_row(s->base.catalog, &q, err);
	return rc == 1	? 0
	       : rc < 0 ? rc
			: err_set(err, ENOENT, "SnapshotNotFoundFault: there is no snapshot %.*s",
				  (int)(name.n < 200 ? name.n : 200), name.n > 0 ? name.p : "");
}

int cache_catalog_snapshots(struct cache_service *s, uint64_t cluster_id, struct slice after,
	cache_snapshot_fn *fn, void *arg, struct err *err)
{
	struct cache_snapshot found;
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
