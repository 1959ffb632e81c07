/* The answer to a READDIR or READDIRPLUS while it is written: entries as the kernel
 * reads them, packed. libfuse's own functions go over each entry several times. */
#ifndef DBMOUNT_FS_DIRPAGE_H
#define DBMOUNT_FS_DIRPAGE_H

#include <sys/stat.h>

#include "engines/common/buf.h"

struct dirpage {
	char *p; /* of `size` bytes */
	size_t size;
	size_t used;
	bool plus;
};

struct dirpage_entry {
	struct slice name;
	uint64_t ino;
	uint64_t cookie; /* where a listing goes on behind it */
	mode_t type;	 /* S_IFDIR, S_IFREG */
};

/* Without attributes (which costs the kernel nothing). False: no room for it. */
bool dirpage_add(struct dirpage *page, const struct dirpage_entry *e);

/* What LOOKUP would tell of the entry that begins at `at` of a page that is `plus`:
 * the kernel counts a lookup. Timeouts in seconds. */
struct dirpage_node {
	uint64_t number; /* the kernel's for it */
	struct stat st;
	uint64_t entry_timeout;
	uint64_t attr_timeout;
};
void dirpage_fill(struct dirpage *page, size_t at, const struct dirpage_node *node);
struct slice dirpage_name(const struct dirpage *page, size_t at);

#endif
