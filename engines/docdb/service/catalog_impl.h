/* What the files of the catalog share. Nobody else includes this. */
#ifndef DBMOUNT_DOCDB_CATALOG_IMPL_H
#define DBMOUNT_DOCDB_CATALOG_IMPL_H

#include "engines/docdb/service/cluster.h"

enum catalog_sql {
	CLUSTER_NEXT,
	CLUSTER_HAS,
	CLUSTER_ADD,
	CLUSTER_SET,
	CLUSTER_TARGET,
	CLUSTER_WRITER,
	CLUSTER_DROP,
	MEMBER_NEXT,
	MEMBER_PUT,
	MEMBER_ZONE,
	MEMBER_DROP,
	MEMBERS_DROP,
	SNAPSHOT_FIND,
	SNAPSHOT_NEXT,
	SNAPSHOT_HAS,
	SNAPSHOT_ADD,
	SNAPSHOT_DROP,
	STATE_MTIME,
	STATE_ID,
	STATE_TOUCH,
	STATE_SET_ID,
	N_CATALOG_SQL
};

static inline void catalog_stmt_cleanup(sqlite3_stmt **stmt)
{
	if (*stmt != NULL) {
		sqlite3_reset(*stmt);
	}
}
#define CATALOG_STMT CLEANUP(catalog_stmt_cleanup) sqlite3_stmt *

static inline void catalog_bind_text(sqlite3_stmt *stmt, int index, struct slice text)
{
	sqlite3_bind_text(stmt, index, text.p != NULL ? text.p : "", (int)text.n, SQLITE_STATIC);
}

static inline void catalog_bind_id(sqlite3_stmt *stmt, int index, uint64_t id)
{
	sqlite3_bind_int64(stmt, index, (int64_t)id);
}

#endif
