/* What the files of the catalog share. Nobody else includes this. */
#ifndef DBMOUNT_REDSHIFT_CATALOG_IMPL_H
#define DBMOUNT_REDSHIFT_CATALOG_IMPL_H

#include "engines/redshift/service/service.h"
#include "engines/store/catalog.h"

enum redshift_catalog_sql {
	CLUSTER_NEXT = CATALOG_OWN,
	CLUSTER_HAS,
	CLUSTER_ADD,
	CLUSTER_SET,
	CLUSTER_DROP,
	SNAPSHOT_FIND,
	SNAPSHOT_NEXT,
	SNAPSHOT_HAS,
	SNAPSHOT_ADD,
	SNAPSHOT_DROP,
	SIZE_FIND,
	SIZE_PUT,
	SIZES_DROP,
	N_CATALOG_SQL
};

#endif
