/* DuckDB behind driver.h, through its C interface. */
#ifndef DBMOUNT_REDSHIFT_DUCKDB_DRIVER_H
#define DBMOUNT_REDSHIFT_DUCKDB_DRIVER_H

#include "engines/redshift/driver/driver.h"

extern const struct sql_driver duckdb_driver;

#endif
