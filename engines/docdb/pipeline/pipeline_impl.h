/* What the stages share. A stage is compiled once (struct stage); each run opens a cursor for it
 * over the cursor of the stage before. */
#ifndef DBMOUNT_DOCDB_PIPELINE_IMPL_H
#define DBMOUNT_DOCDB_PIPELINE_IMPL_H

#include "engines/docdb/pipeline/pipeline.h"
#include "engines/docdb/update/project.h"

/* Each stage may put its documents into as many levels as its text has: in all, this many. */
#define PIPELINE_LEVELS_MAX 2000
#define PIPELINE_STAGES_MAX 1000

struct stage;
struct pipeline;

/* A run of a query. Outlives its cursors. */
struct pipeline_run {
	struct doc_reach reach;
	const struct doc_var *more; /* variables of $lookup's let */
};

/* What is known while a pipeline is compiled. */
struct stage_scope {
	const struct doc_var *known;
	unsigned *levels; /* so far, of the whole query */
	bool nested;	  /* inside $facet: some stages cannot be */
};

struct stage_ops {
	const char *name;
	/* Adds what the stage is to the pipeline: itself, or others that do the same. */
	int (*parse)(struct pipeline *p, const struct stage_scope *scope, struct doc_value spec,
		struct err *err);
	/* A cursor over `source`, which it takes, also on failure. */
	int (*open)(const struct stage *s, const struct pipeline_run *run,
		struct doc_cursor *source, struct doc_cursor **out, struct err *err);
	void (*free)(struct stage *s);
	/* May be NULL: appends the one document that n documents of any content lead to, or
	 * nothing; false: it needs their content. */
	bool (*of_count)(const struct stage *s, int64_t n, struct buf *out);
};

/* The first member of each stage. */
struct stage {
	const struct stage_ops *ops;
	struct buf spec; /* {"$name": ..}, for explain */
};

struct pipeline {
	struct stage **stages;
	unsigned n;
};

/* ---- compiling (pipeline.c) ---- */

int pipeline_parse(struct pipeline *p, const struct stage_scope *scope, struct doc_value stages,
	struct err *err);
void pipeline_finish(struct pipeline *p);
/* Makes a stage of `size` bytes and adds it. */
int pipeline_add(struct pipeline *p, const struct stage_ops *ops, size_t size,
	struct doc_value spec, struct stage **out, struct err *err);
/* Parses one stage by its row. */
int pipeline_add_parsed(struct pipeline *p, const struct stage_scope *scope,
	const struct stage_ops *ops, struct doc_value spec, struct err *err);
/* Sorts that only a $limit's documents are asked of. Once, after all are added. */
void pipeline_limit_sorts(struct pipeline *p);
/* A number that counts documents; `min` at least. */
int stage_count_arg(
	const char *name, struct doc_value v, int64_t min, int64_t *out, struct err *err);
int stage_object_arg(const char *name, struct doc_value v, struct err *err);

/* ---- running ---- */

/* Over a collection: what leads is given to reach. */
int pipeline_open(const struct pipeline *p, const struct pipeline_run *run, struct slice collection,
	struct doc_cursor **out, struct err *err);
/* Over any documents, from stage `first` on. Takes source. */
int pipeline_open_over(const struct pipeline *p, unsigned first, const struct pipeline_run *run,
	struct doc_cursor *source, struct doc_cursor **out, struct err *err);
/* What the pipeline's first stages ask of the collection; returns how many of them that
 * serves if it sorts (*serves_sort), else how many without the sort. */
struct pipeline_lead {
	const struct doc_match *match;
	struct slice sort;
	unsigned done, done_sorted;
};
struct pipeline_lead pipeline_lead(const struct pipeline *p);
int pipeline_explain(const struct pipeline *p, const struct pipeline_run *run,
	struct slice collection, struct buf *out, struct err *err);

/* A cursor of a stage; a stage's own begins with it. */
struct stage_cursor {
	struct doc_cursor base;
	struct doc_cursor *source; /* closed with it; may be NULL */
	const struct stage *stage;
	const struct pipeline_run *run;
	struct doc_arena *arena;
	struct buf out;				/* the document that next gives */
	void (*finish)(struct stage_cursor *c); /* what more is to be freed; may be NULL */
};

int stage_cursor_new(size_t size, const struct stage *s, const struct pipeline_run *run,
	struct doc_cursor *source,
	int (*next)(struct doc_cursor *c, struct slice *document, struct err *err),
	struct stage_cursor **out, struct err *err);
/* 1 with the next document of the source; 0; -errno. */
int stage_next(struct stage_cursor *c, struct slice *document, struct err *err);
struct doc_vars stage_vars(const struct stage_cursor *c, struct slice document);
/* 1 with what is in c->out, unless that is too large. */
int stage_give(struct stage_cursor *c, struct slice *document, struct err *err);
void doc_cursor_close(struct doc_cursor *c); /* NULL is fine */

/* ---- stages that others are made of ---- */

int stage_add_match(struct pipeline *p, const struct stage_scope *scope, struct doc_value spec,
	struct err *err);
int stage_add_sort(struct pipeline *p, const struct stage_scope *scope, struct doc_value spec,
	struct err *err);
int stage_add_group(struct pipeline *p, const struct stage_scope *scope, struct doc_value spec,
	struct err *err);
int stage_add_skip(struct pipeline *p, int64_t n, struct err *err);
int stage_add_limit(struct pipeline *p, int64_t n, struct err *err);
/* `filter` is borrowed from a $match of the same pipeline; may be NULL. */
int stage_add_find_projection(
	struct pipeline *p, struct doc_value spec, const struct doc_match *filter, struct err *err);
/* {"n": ..}, also of none. */
int stage_add_count_command(struct pipeline *p, struct err *err);
/* {"values": [..]}. */
int stage_add_distinct(struct pipeline *p, struct slice field, struct err *err);

bool stage_is_match(const struct stage *s);
const struct doc_match *stage_match(const struct stage *s);
/* What of the filter a collection can be asked; NULL: nothing. *whole: all of it. */
const struct doc_match *stage_match_lead(const struct stage *s, bool *whole);
bool stage_is_sort(const struct stage *s);
struct slice stage_sort_spec(const struct stage *s);
void stage_sort_limit(struct stage *s, uint64_t limit);
/* The number of a $limit or $skip. */
bool stage_is_limit(const struct stage *s, int64_t *n);
bool stage_is_skip(const struct stage *s, int64_t *n);

extern const struct stage_ops stage_match_ops, stage_project_ops, stage_add_fields_ops,
	stage_set_ops, stage_unset_ops, stage_replace_root_ops, stage_replace_with_ops,
	stage_limit_ops, stage_skip_ops, stage_count_ops, stage_unwind_ops, stage_sort_ops,
	stage_group_ops, stage_bucket_ops, stage_sort_by_count_ops, stage_lookup_ops,
	stage_union_ops, stage_facet_ops, stage_sample_ops;

#endif
