/* A cluster in a directory of its own: scripts go in, what tables hold comes out. */
#ifndef DBMOUNT_REDSHIFT_RUN_FIXTURE_H
#define DBMOUNT_REDSHIFT_RUN_FIXTURE_H

#include "engines/redshift/run/run.h"
#include "tests/unit/fixture.h"

struct run_fixture {
	char dir[SITE_MAX];
	char path[6][SITE_MAX + 16];
	struct instance_config leader;
	struct rs_cluster_config config;
	struct rs_cluster *c;
	struct buf report;  /* of the last script */
	struct buf answer;  /* of the last question */
	struct buf changed; /* "sales * ": what config.changed was told */
	struct err err;
};

/* Files of a new cluster, open. */
void rf_start(struct run_fixture *f, const struct sql_driver *driver, unsigned nodes);
/* A directory with a cluster in it, not open. */
void rf_adopt(struct run_fixture *f, const struct sql_driver *driver, const char *dir);
void rf_open(struct run_fixture *f);
void rf_close(struct run_fixture *f);
void rf_end(struct run_fixture *f);
/* Every file of the nodes in zone a (0) or b (1) is removed; the cluster is not open. */
void rf_lose_zone(struct run_fixture *f, unsigned zone);

/* The script has to succeed; its report. */
const char *rf_run(struct run_fixture *f, const char *script);
/* It has to fail so, with that in its message. */
void rf_refuse(struct run_fixture *f, const char *script, int code, const char *part);
/* Rows as "1|a\n", NULL as "-". `l`: a look that is open; NULL: what is there now. */
const char *rf_ask(struct run_fixture *f, struct rs_look *l, const char *select);
void rf_is(struct run_fixture *f, const char *select, const char *answer);

#endif
