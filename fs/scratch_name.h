/* Names of scratch files: what editors and tools make beside a file while they work on it.
 *
 * Where an item's name has a suffix, any name without one is a scratch file's. In a directory
 * of containers a name must look like one, since anything else is more likely meant as data.
 * Where a name without a suffix may be an item's (raw bytes by any key), one that is there is
 * the item, and of new names these are scratch files:
 *   x~ and #x#, where x is an item: backups, what emacs saves by itself
 *   4913, 5036, ..: what vim tries a directory with, if made with O_EXCL
 *   what ends in six letters and digits, if made as mkstemp(3) does: O_EXCL, O_RDWR, mode
 *   0600 (sed -i, perl -pi, mg, patch); nobody else makes data like that
 *   any name that a scratch file has already */
#ifndef DBMOUNT_FS_SCRATCH_NAME_H
#define DBMOUNT_FS_SCRATCH_NAME_H

#include "engines/engine.h"

/* In a directory of containers. */
bool scratch_looks(const char *name);
/* Whether names without a suffix are an item's or container's here. */
bool scratch_names_are_bare(const struct engine_level *level);
/* Whether a name that could be a key's here may be a scratch file's as well. */
bool scratch_may_be(const struct engine_level *level, const char *name);
/* By its looks and how it is made: `want` is of enum tree_want. */
bool scratch_is_temporary(const char *name, unsigned want);
/* Whether it looks like one of another name: that, less bytes at its two ends. */
bool scratch_of_another(const char *name, size_t *before, size_t *behind);

#endif
