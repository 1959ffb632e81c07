/* What the files of the catalog share. Nobody else includes this. */
#ifndef DBMOUNT_DOCDB_CATALOG_IMPL_H
#define DBMOUNT_DOCDB_CATALOG_IMPL_H

#include "engines/docdb/service/cluster.h"
#include "engines/store/catalog.h"

enum catalog_sql {
	CLUSTER_NEXT = CATALOG_OWN,
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
	N_CATALOG_SQL
};

#endif
