/* What the suites must know of a service to exercise any engine of it. */
#ifndef DBMOUNT_TESTS_PROFILES_H
#define DBMOUNT_TESTS_PROFILES_H

#include "engines/engine.h"

struct profile {
	const char *name; /* "dynamodb/sqlite", and what is special about the shape */
	const struct engine_ops *ops;
	unsigned depth; /* of items */
	/* Keys of the containers above the items, and second ones beside them. */
	const char *container[EPATH_MAX];
	const char *beside[EPATH_MAX];
	/* Containers of this depth and deeper come with their first item, and empty
	 * ones need not outlive the mount. */
	unsigned implied;
	/* `beside` is another store: an item moved there may for a while be in both. */
	bool far;
	/* Makes the container at `path`; NULL: engine_mkdir(). */
	int (*make)(struct engine *e, const struct epath *path, struct err *err);
	/* A valid text with the number n (0 to 999999) in its member "n", without keys. */
	void (*document)(unsigned n, struct buf *out);
	const char *invalid;	 /* refused as soon as it is seen; NULL: any text will do */
	const char *unfinished;	 /* the beginning of a valid text */
	const char *other_key;	 /* valid, but bears the key "zzz"; NULL: items bear none */
	const char *const *keys; /* all sorts that are valid, NULL-ended */
	size_t long_key;	 /* bytes of a valid key with a hashed name */
	size_t too_long_key;	 /* bytes of one that is refused; 0: none is */
	const char *dir_key;	 /* a valid name of a new directory at depth 1 */
	bool on_sqlite;
	/* Of a service that has them: a query of all items in `container` whose result
	 * names each, one that is refused; of its first script a text that makes item
	 * "made" there and one that does so and fails behind it. */
	const char *query;
	const char *bad_query;
	const char *script;
	const char *bad_script;
};

extern const struct profile profiles[];
extern const unsigned n_profiles;

#endif
