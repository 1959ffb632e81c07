/* Tables of cases: files of Extended JSON, one document a line. */
#ifndef DBMOUNT_TESTS_DOCDB_CASES_H
#define DBMOUNT_TESTS_DOCDB_CASES_H

#include "engines/docdb/values/value.h"

/* Calls fn with each line of tests/unit/NAME. */
void each_case(const char *name, void (*fn)(struct slice line));
struct doc_value member(struct slice document, const char *name);
/* The text of a string member, "" without one; stays until the test ends. */
const char *text_of(struct slice document, const char *name);
/* The test fails unless both are the same to the type; `what` says in which case. */
void check_same(const char *what, struct doc_value is, struct doc_value wanted);

#endif
