/* A build without DuckDB. */
#include "engines/redshift/driver/sqlite_driver.h"

const struct sql_driver *const sql_drivers[] = {&sqlite_driver, NULL};
