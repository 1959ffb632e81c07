/* What the files of the catalog share. Nobody else includes this. */
#ifndef DBMOUNT_CACHE_CATALOG_IMPL_H
#define DBMOUNT_CACHE_CATALOG_IMPL_H

#include "engines/cache/service.h"
#include "engines/store/catalog.h"

enum cache_catalog_sql {
	CLUSTER_NEXT = CATALOG_OWN,
	CLUSTER_HAS,
	CLUSTER_OF_STORE,
	CLUSTER_ADD,
	CLUSTER_SET,
	CLUSTER_PRIMARY,
	CLUSTER_DROP,
	NODE_NEXT,
	NODE_PUT,
	NODE_DROP,
	NODES_DROP,
	SNAPSHOT_FIND,
	SNAPSHOT_NEXT,
	SNAPSHOT_HAS,
	SNAPSHOT_ADD,
	SNAPSHOT_DROP,
	N_CATALOG_SQL
};

#endif
