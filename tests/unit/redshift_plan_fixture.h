/* A cluster's tables in every distribution style, and the same rows in plain tables of one session:
 * what a query gives planned over the nodes has to be what it gives there. */
#ifndef DBMOUNT_REDSHIFT_PLAN_FIXTURE_H
#define DBMOUNT_REDSHIFT_PLAN_FIXTURE_H

#include "engines/redshift/plan/plan.h"
#include "tests/unit/fixture.h"

#define PF_TABLES_MAX 16U

struct plan_fixture {
	char dir[SITE_MAX];
	char node_dir[128], mirror_dir[128], tmp[128];
	const struct sql_driver *driver;
	struct sql_site *site;
	struct rs_nodes_config config;
	struct rs_catalog *catalog;
	struct rs_nodes *nodes;
	struct rs_sight sight;
	struct rs_relation relations[PF_TABLES_MAX];
	unsigned n_relations;
	struct sql_session *plain;
};

/* `kinds`, a letter a column: u unique; a key below the rows of another table: L, S, E, or one of
 * few: V, C, D; q small number, p price, m one of few prices, n name, t time, d date, b boolean, f
 * real. But unique ones may be NULL. */
struct pf_table {
	const char *ddl;
	const char *kinds;
	unsigned rows; /* times the scale */
	bool fixed;    /* but not this one's */
};

/* With tables of its own, TICKIT's. */
void pf_init(struct plan_fixture *f, const struct sql_driver *driver, unsigned nodes,
	unsigned slices, unsigned scale);
void pf_init_of(struct plan_fixture *f, const struct sql_driver *driver, unsigned nodes,
	unsigned slices, unsigned scale, const struct pf_table *made, unsigned n);
void pf_end(struct plan_fixture *f);

/* The rows as lines, in their order; the plan into `plan` when that is not NULL. */
int pf_planned(struct plan_fixture *f, const char *sql, struct buf *out, struct err *err);
int pf_plain(struct plan_fixture *f, const char *sql, struct buf *out, struct err *err);
void pf_sort_lines(struct buf *b);
/* Both give the same; `ordered`: in the same order. */
void pf_same(struct plan_fixture *f, const char *sql, bool ordered);
void pf_explain(struct plan_fixture *f, const char *sql, struct buf *out);

#endif
