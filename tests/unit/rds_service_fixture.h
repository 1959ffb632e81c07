/* What the tests of RDS as a service share. Each test program includes it once. */
#ifndef DBMOUNT_TEST_RDS_SERVICE_FIXTURE_H
#define DBMOUNT_TEST_RDS_SERVICE_FIXTURE_H

#include "engines/rds/lifecycle.h"

#define SERVICE_OPS rds_sqlite_ops
#include "tests/unit/service_fixture.h"

#endif
