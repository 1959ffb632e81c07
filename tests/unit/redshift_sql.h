/* Queries of tests: parsed, bound over the tables of tests/data/redshift/tables.txt. */
#ifndef DBMOUNT_TEST_REDSHIFT_SQL_H
#define DBMOUNT_TEST_REDSHIFT_SQL_H

#include "engines/redshift/sql/print.h"
#include "engines/redshift/sql/tree.h"

#define TABLES_MAX  8
#define COLUMNS_MAX 16

struct test_table {
	char name[32];
	char names[COLUMNS_MAX][32];
	struct rs_relation_column columns[COLUMNS_MAX];
	struct rs_relation relation;
	char *rows[64]; /* lines of the file */
	unsigned n_rows;
};

struct test_tables {
	char *text;
	struct test_table of[TABLES_MAX];
	unsigned n;
};

void test_tables_read(struct test_tables *t);
void test_tables_free(struct test_tables *t);
struct rs_resolver test_resolver(struct test_tables *t);
/* The SelectStmt of a text; NULL: it does not parse, which err tells. */
json_t *test_parse(const char *text, struct err *err);
char *test_file(const char *name); /* of tests/data/redshift; free() */

#endif
