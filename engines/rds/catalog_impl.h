/* What the files of the catalog share. Nobody else includes this. */
#ifndef DBMOUNT_RDS_CATALOG_IMPL_H
#define DBMOUNT_RDS_CATALOG_IMPL_H

#include "engines/rds/lifecycle.h"
#include "engines/store/catalog.h"

enum catalog_sql {
	DEF_NEXT = CATALOG_OWN,
	DEF_HAS,
	DEF_PUT,
	DEF_DROP,
	DEF_NAME,
	SNAPSHOT_FIND,
	SNAPSHOT_NEXT,
	SNAPSHOT_HAS,
	SNAPSHOT_ADD,
	SNAPSHOT_REPLACE,
	SNAPSHOT_DROP,
	SNAPSHOT_PRUNE,
	INTENT_NEXT,
	INTENT_HAS,
	INTENT_ADD,
	INTENT_DROP,
	N_CATALOG_SQL
};

#endif
