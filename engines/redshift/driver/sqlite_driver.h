/* SQLite behind driver.h: what every build has. */
#ifndef DBMOUNT_REDSHIFT_SQLITE_DRIVER_H
#define DBMOUNT_REDSHIFT_SQLITE_DRIVER_H

#include "engines/redshift/driver/driver.h"

extern const struct sql_driver sqlite_driver;

#endif
