/* Disk operations that fail on purpose, and know what power loss means: what no
 * sync followed can be undone, contents and names. Single-threaded tests, or one
 * plan at a time. */
#ifndef DBMOUNT_FAULT_DISK_H
#define DBMOUNT_FAULT_DISK_H

#include "engines/store/disk.h"

extern const struct disk_ops fault_disk;

/* The n-th operation that changes something (open to write, write, truncate,
 * sync, rename, remove, sync_dir, copy), from 1, fails with `code`; with `crash`
 * every later one, too, and every read. n 0: none fails. */
void fault_disk_arm(unsigned n, int code, bool crash);
/* The operations since. */
unsigned fault_disk_count(void);
bool fault_disk_fired(void);
bool fault_disk_crashed(void);
/* Everything fails from now on. `on_crash` (may be NULL) is called by the first
 * failure of a crash. */
void fault_disk_on_crash(void (*on_crash)(void));
void fault_disk_crash(void);
/* With every file closed: undoes what was not synced (names, and writes: all, or
 * with `seed` not 0 a random half of them) and disarms. */
void fault_disk_lose_power(unsigned seed);
/* Counts all as synced and forgets. */
void fault_disk_settle(void);

#endif
