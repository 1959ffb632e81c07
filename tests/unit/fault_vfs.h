/* A SQLite VFS that fails on purpose: FAULT_VFS_NAME passes everything on to the
 * system's own VFS until the n-th operation of the chosen kinds.
 *
 * It also knows what power loss means: it keeps what every unsynced write
 * overwrote, and fault_vfs_lose_power() puts that back. Names (creation,
 * removal) count as durable at once. One plan at a time; any thread. */
#ifndef DBMOUNT_FAULT_VFS_H
#define DBMOUNT_FAULT_VFS_H

#include <stdbool.h>

#define FAULT_VFS_NAME "fault"

enum fault_op {
	FAULT_OPEN = 1,
	FAULT_READ = 2,
	FAULT_WRITE = 4,
	FAULT_SYNC = 8,
	FAULT_TRUNCATE = 16,
	FAULT_DELETE = 32,
	FAULT_CHANGE = FAULT_WRITE | FAULT_SYNC | FAULT_TRUNCATE | FAULT_DELETE,
};

struct fault_plan {
	unsigned ops;  /* enum fault_op, or-ed: what is counted */
	unsigned n;    /* the first to fail, from 1; 0: only count */
	unsigned many; /* how many fail from there; 0: one */
	int code;      /* SQLITE_FULL, or 0 for the kind's own SQLITE_IOERR_... */
	bool crash;    /* from the n-th on nothing that changes a file gets through */
	bool track;    /* remember what fault_vfs_lose_power() needs */
};

void fault_vfs_install(void);
void fault_vfs_arm(const struct fault_plan *plan);
void fault_vfs_disarm(void);
/* Operations of the plan's kinds since it was armed. */
unsigned fault_vfs_count(void);
bool fault_vfs_fired(void);
/* With every database closed: undoes all writes since each file's last sync,
 * or, with `seed` not 0, a random half of the writes, as a disk may. */
void fault_vfs_lose_power(unsigned seed);

#endif
