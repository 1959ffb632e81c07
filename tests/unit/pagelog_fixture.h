/* A store with a page log, bases and a replica's path, for the tests of what
 * lives on the log. */
#ifndef DBMOUNT_PAGELOG_FIXTURE_H
#define DBMOUNT_PAGELOG_FIXTURE_H

#include "engines/store/replica.h"
#include "tests/unit/store_fixture.h"

struct log_fixture {
	struct fixture f;
	struct pagelog *log;
	struct pagelog_config config;
	struct base_set bases;
	struct replica_config replica;
	char log_dir[128];
	char standby_dir[128];
	char base_dir[128];
	char replica_path[128];
	char built_path[128]; /* for base_build() */
};

/* Opens log and store, with checksums; `disk`, `vfs`: NULL for the real ones. */
void log_fixture_start(
	struct log_fixture *x, const struct disk_ops *disk, const char *vfs, bool standby);
/* pagelog_open, pagelog_recover, store_open. */
void log_fixture_open(struct log_fixture *x);
void log_fixture_close(struct log_fixture *x);
/* Closes and removes all. */
void log_fixture_end(struct log_fixture *x);
/* One number from a file that must be a sound database: its checksums, an
 * integrity check, a read-only store_open, and the statement. */
int64_t log_fixture_query(const char *path, const char *sql);

#endif
