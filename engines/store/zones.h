/* The zones' directories of a service are this site's alone. What is found there and is
 * in no catalog is removed as left over; so a directory that another site uses, too, would
 * lose that one's data. Each has a file `site` that names whose it is. */
#ifndef DBMOUNT_ZONES_H
#define DBMOUNT_ZONES_H

#include "engines/store/instance.h"

struct zones {
	const char *service; /* "rds": begins the daemon's log lines */
	const char *what;    /* "instances": what lies in there, for messages */
	char kind;	     /* 'i': what the names of those begin with, before a number */
	const char *dir;     /* the service's own */
	const char *zone_dir[INSTANCE_ZONES];
	bool read_only;
	bool has_own; /* this site's catalog names some of them */
};

/* Makes the directories this site's; one whose disk is away is passed over. A site that
 * is only read, and has never been written to, claims nothing. EINVAL: they are another's, or
 * one and the same. */
int zones_claim(const struct zones *z, struct err *err);

#endif
