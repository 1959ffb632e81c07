/* What is inside a plan. */
#ifndef DBMOUNT_REDSHIFT_PLAN_IMPL_H
#define DBMOUNT_REDSHIFT_PLAN_IMPL_H

#include "engines/redshift/plan/plan.h"
#include "engines/redshift/plan/tree.h"

enum rs_step_kind {
	RS_STEP_NODES,	/* `select` on each node */
	RS_STEP_LEADER, /* the rows of `relation`, read by the leader */
};

/* How a table comes to the rows it is joined with. */
enum rs_way {
	RS_WAY_NONE,	 /* its own rows are where they are needed */
	RS_WAY_ALL_NONE, /* each node has all of it */
	RS_WAY_BROADCAST,
	RS_WAY_SPREAD, /* each row goes to the node where the hash of a column belongs */
};

/* Makes the relation "s<number>". In its `select` a RangeVar has either "rs_here": that node's own
 * rows of the table; or "rs_step": the number of an earlier step, all of it, or of one that is
 * spread what came to that node. In the last statement all have "rs_step", of none that is spread.
 * "rs_needed" of a RangeVar: a flag for each column of its relation. */
struct rs_step {
	enum rs_step_kind kind;
	unsigned number;
	json_t *select;
	const struct rs_relation *relation;
	bool *needed;	   /* of the relation's columns */
	char *sql;	   /* of a LEADER that reads it by SQL; NULL: it is poured */
	bool one_node;	   /* every node has all rows: one is asked */
	bool broadcast;	   /* a later step reads it on each node */
	bool spread;	   /* each row goes to the node where the hash of its key belongs */
	unsigned key;	   /* of a step that is spread: of the result's columns */
	bool drops_nulls;  /* rows without a key stay behind */
	bool reads_spread; /* it reads, on each node, what was sent there */
	bool partial;	   /* sums and counts of each node, which the leader puts together */
	struct rs_relation result;
	struct rs_relation_column *columns;
	char name[16];
};

struct rs_plan {
	const struct rs_sight *sight;
	json_t *tree;
	struct rs_bound bound; /* with a relation for each step behind those of the tree */
	struct rs_step **steps;
	unsigned n_steps;
	enum sql_dialect dialect;
	bool composes;
};

/* plan.c: a step of that select (stolen), whose targets' names and types its columns have. */
int rs_plan_step(struct rs_plan *p, enum rs_step_kind kind, json_t *select, struct rs_step **out,
	struct err *err);
/* The RangeVar reads that step from now on. */
int rs_plan_read_step(struct rs_plan *p, json_t *range, const struct rs_step *s, struct err *err);
/* A step that reads one table (or another relation), with a filter on it (conjuncts; NULL: none).
 */
int rs_plan_scan(struct rs_plan *p, json_t *range, json_t *filter, struct err *err);
const struct rs_relation *rs_plan_relation(const struct rs_plan *p, const json_t *range);
/* Rows of the table by the catalogue; others: a guess. */
uint64_t rs_plan_rows(const struct rs_plan *p, const json_t *range);

/* block.c: one SELECT without set operation, whose subqueries are planned. `leaves`: its FROM
 * items, borrowed. */
int rs_plan_block(
	struct rs_plan *p, json_t *select, json_t *leaves, bool correlated, struct err *err);

/* Whether a step runs before the statement that reads it, and leaves its rows in a table. */
bool rs_runs_alone(const struct rs_plan *p, const struct rs_step *s);

/* text.c: what node `node` runs for a step; the last statement. `file`: where steps that have run
 * alone are ("\"q1\"", "\"temp\""); `parts`: the same of those that were spread, for each node;
 * NULL: `file`. `names`: for people, every step by its name; else those that do not run alone stand
 * in the text itself. */
struct rs_text {
	const struct rs_plan *plan;
	const char *file;
	const char *const *parts;
	bool names;
	unsigned node;
};
int rs_text_step(struct rs_text *t, const struct rs_step *s, struct buf *out, struct err *err);
int rs_text_last(struct rs_text *t, struct buf *out, struct err *err);

#endif
