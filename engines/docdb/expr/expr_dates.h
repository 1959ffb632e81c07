/* What operators on dates share. */
#ifndef DBMOUNT_DOCDB_EXPR_DATES_H
#define DBMOUNT_DOCDB_EXPR_DATES_H

#include "engines/docdb/expr/expr_calendar.h"
#include "engines/docdb/expr/expr_impl.h"

/* A date, the time of a timestamp or of an ObjectId. */
bool expr_is_date(struct doc_value v);
int64_t expr_date_ms(struct doc_value v);
/* Argument i as a date: false in *is and null in *out where it is null or missing. */
int expr_date_arg(const struct doc_expr *e, unsigned i, struct expr_run *run, int64_t *ms, bool *is,
	struct doc_value *out);
/* Argument i as a time zone: UTC where absent; *null where it is null. The zone borrows what is
 * compiled with e; else it has to be finished: both are done by calendar_zone_finish() of *own. */
int expr_zone_arg(const struct doc_expr *e, unsigned i, struct expr_run *run,
	struct calendar_zone *zone, struct calendar_zone *own, bool *null);
/* After the arguments are parsed: a zone that is a literal is read once. */
int expr_keep_zone(struct doc_expr *e, unsigned i, struct err *err);

#endif
