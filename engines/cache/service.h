/* ElastiCache as a service: what clusters, nodes and snapshots there are, what may be done with
 * them, and the clusters in use. Its own engineer fills this header. */
#ifndef DBMOUNT_CACHE_SERVICE_H
#define DBMOUNT_CACHE_SERVICE_H

#include "engines/cache/tree.h"

extern const struct engine_ops cache_sqlite_ops;

#endif
