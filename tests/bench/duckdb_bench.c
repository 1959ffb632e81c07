/* DuckDB alone, for tests/bench/run: opens FILE, runs the statements, prints what they give as CSV.
 *
 *	duckdb_bench FILE STATEMENT.. */
#include <duckdb.h>
#include <stdio.h>

static int run(duckdb_connection c, const char *text)
{
	duckdb_result r;
	if (duckdb_query(c, text, &r) == DuckDBError) {
		fprintf(stderr, "%s\n", duckdb_result_error(&r));
		duckdb_destroy_result(&r);
		return 1;
	}
	for (idx_t row = 0; row < duckdb_row_count(&r); row++) {
		for (idx_t column = 0; column < duckdb_column_count(&r); column++) {
			char *value = duckdb_value_varchar(&r, column, row);
			printf("%s%s", column > 0 ? "," : "", value != NULL ? value : "");
			duckdb_free(value);
		}
		putchar('\n');
	}
	duckdb_destroy_result(&r);
	return 0;
}

int main(int argc, char **argv)
{
	duckdb_database db;
	duckdb_connection c;
	int rc = 0;
	if (argc < 3 || duckdb_open(argv[1], &db) == DuckDBError) {
		fprintf(stderr, "usage: duckdb_bench FILE STATEMENT..\n");
		return 2;
	}
	if (duckdb_connect(db, &c) == DuckDBError) {
		return 1;
	}
	for (int i = 2; i < argc && rc == 0; i++) {
		rc = run(c, argv[i]);
	}
	duckdb_disconnect(&c);
	duckdb_close(&db);
	return rc;
}
