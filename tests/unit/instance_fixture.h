/* An instance of keys and numbers over two zones in a directory of its own. */
#ifndef DBMOUNT_INSTANCE_FIXTURE_H
#define DBMOUNT_INSTANCE_FIXTURE_H

#include "engines/store/instance.h"
#include "tests/unit/store_fixture.h"

struct instance_fixture {
	char dir[SITE_MAX];
	char zone_dir[INSTANCE_ZONES][96];
	char own_dir[96];
	struct instance_config config;
	struct instance_settings settings;
	struct instance *i;
	_Atomic unsigned events[INSTANCE_REPLICA_RESUMED + 1];
};

/* A fresh directory and a config to change; makes nothing. */
void instance_fixture_init(struct instance_fixture *x);
/* The same, created and open. */
void instance_fixture_start(struct instance_fixture *x, bool multi_az);
void instance_fixture_open(struct instance_fixture *x); /* fails the test when it cannot */
void instance_fixture_close(struct instance_fixture *x);
/* Closes and removes all. */
void instance_fixture_end(struct instance_fixture *x);

int instance_put(struct instance *i, const char *key, int64_t value, size_t body, struct err *err);
/* The value; -1: no such key; -2: an error, in err. */
int64_t instance_get(struct instance *i, const char *key, struct err *err);
int64_t instance_count(struct instance *i);
/* The same of a replica. */
int64_t instance_replica_get(
	struct instance *i, const char *replica, const char *key, struct err *err);

/* Path of a file in a zone, in a buffer that four calls share. */
const char *in_zone(const struct instance_fixture *x, unsigned zone, const char *name);
const char *in_own(const struct instance_fixture *x, const char *name);
/* Files and directories below the whole fixture. */
int instance_files(const struct instance_fixture *x);
/* Waits up to `seconds`; false when they have passed. */
bool wait_standby(struct instance *i, double seconds);
/* Until it was told so often: events come after what they tell of. Fails the test. */
void instance_wait_event(struct instance_fixture *x, enum instance_event what, unsigned n);
double seconds_now(void);

#endif
