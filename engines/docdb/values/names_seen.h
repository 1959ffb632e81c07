/* Whether a name came before in the same object, for objects that nest: of few members
 * by looking at each, of more by a table that all objects of a document share. */
#ifndef DBMOUNT_DOCDB_NAMES_SEEN_H
#define DBMOUNT_DOCDB_NAMES_SEEN_H

#include "engines/common/buf.h"

struct seen_name {
	uint64_t object;
	uint32_t hash;
	uint32_t n;
	size_t at; /* of the name's bytes, in what is given as `base` */
};

/* Zero-initialised is empty. Serves one document after the other. */
struct names_seen {
	struct seen_name *open; /* of all objects that are open, innermost last */
	size_t n;
	size_t cap;
	struct seen_name *slots; /* of those with many members; object 0: free */
	size_t n_slots;
	size_t n_used;
	uint64_t last_object;
	uint64_t first_object; /* of this document: what is older may be dropped */
	bool failed;	       /* memory ran out */
};

struct seen_object {
	uint64_t object;
	size_t first;
};

void names_seen_start(struct names_seen *s); /* a new document */
void names_seen_free(struct names_seen *s);
struct seen_object names_seen_begin(struct names_seen *s);
void names_seen_end(struct names_seen *s, struct seen_object o);
/* False when it came before, or memory ran out. o is the innermost object that is open. */
bool names_seen_add(
	struct names_seen *s, struct seen_object o, const char *base, size_t at, size_t n);

#endif
