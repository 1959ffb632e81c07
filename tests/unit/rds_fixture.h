/* A database file in a directory of its own, as a source, and its rows as text. */
#ifndef DBMOUNT_TESTS_RDS_FIXTURE_H
#define DBMOUNT_TESTS_RDS_FIXTURE_H

#include <pthread.h>

#include "engines/rds/rows.h"
#include "tests/unit/fixture.h"

struct rds_fixture {
	char dir[SITE_MAX];
	char path[96];
	struct rds_source *source;
	pthread_mutex_t told_lock; /* who watches the file tells from a thread of its own */
	struct buf told;	   /* "Track/7 Album " : what changed() was told */
	struct buf shown;	   /* for fixture_told() */
	struct err err;		   /* of the last call */
};

/* Makes the database with `sql`, with the hidden tables or without, and opens it. */
void fixture_open(struct rds_fixture *f, const char *sql, bool stamped);
void fixture_close(struct rds_fixture *f);
/* Runs SQL as another program would. */
void fixture_other(struct rds_fixture *f, const char *sql);
/* Runs SQL in a write of the source; its result. */
int fixture_script(struct rds_fixture *f, const char *sql);

/* What was told so far; until the next call. */
const char *fixture_told(struct rds_fixture *f);
void fixture_forget_told(struct rds_fixture *f);

/* -errno, and the text. */
int fixture_read(struct rds_fixture *f, const char *table, struct slice key, struct buf *out);
int fixture_stat(
	struct rds_fixture *f, const char *table, struct slice key, struct engine_info *out);
int fixture_write(struct rds_fixture *f, const char *table, struct slice key, struct slice text,
	uint64_t expect);
int fixture_remove(struct rds_fixture *f, const char *table, struct slice key, uint64_t expect);
int fixture_rename(struct rds_fixture *f, const char *table, struct slice from, struct slice to,
	unsigned flags);
/* "a b c": names of all rows, each page of so many; 0: in one go. Checks sizes
 * against stat and read. */
void fixture_list(struct rds_fixture *f, const char *table, unsigned page, struct buf *out);
void fixture_tables(struct rds_fixture *f, struct buf *out);
int fixture_table_stat(struct rds_fixture *f, const char *table, struct engine_info *out);

void check_row(struct rds_fixture *f, const char *table, const char *key, const char *want);
void check_list(struct rds_fixture *f, const char *table, const char *want);
/* Writes, and expects this error; "" for none. */
void check_write(struct rds_fixture *f, const char *table, const char *key, const char *text,
	const char *error);

#endif
