/* Both are in this build. */
#include "engines/redshift/driver/duckdb_driver.h"
#include "engines/redshift/driver/sqlite_driver.h"

const struct sql_driver *const sql_drivers[] = {&duckdb_driver, &sqlite_driver, NULL};
