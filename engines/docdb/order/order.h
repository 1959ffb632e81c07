/* The order of values of mixed types (SERVICES.md 7.3), and the same order as bytes. */
#ifndef DBMOUNT_DOCDB_ORDER_H
#define DBMOUNT_DOCDB_ORDER_H

#include "engines/docdb/values/value.h"

/* The place of a type among others: what compares with one another is in one bracket.
 * Missing and null are one, in order: 1 MinKey, .. MaxKey last. */
unsigned doc_bracket(uint8_t type);

/* <0, 0, >0. Equal are 1, 1.0 and NumberDecimal("1.00"), in nested values too. Missing
 * comes with null. Documents member by member: type, name, value; arrays element by element. */
int doc_compare(struct doc_value a, struct doc_value b);
bool doc_equal(struct doc_value a, struct doc_value b);
/* Equal values have equal hashes. */
uint64_t doc_hash(struct doc_value v);

/* A path like "a.b.0.c" in a document. Each value that it leads to, through arrays of
 * documents as queries do: where a name meets an array, it is looked for in each element that is
 * a document, and as an index. Calls fn with DOC_MISSING where it leads nowhere (once
 * for each branch; an array without documents is no branch: {a: [1]} has nothing at all at "a.b").
 * `through_array`: an array was passed on the way. Non-zero of fn stops. */
typedef int doc_path_fn(void *arg, struct doc_value v, bool through_array);
int doc_path_each(struct slice document, struct slice path, doc_path_fn *fn, void *arg);
/* The key to sort by: ascending the smallest of what the path leads to, descending the
 * largest, of an array its elements; an empty array comes before null: it gives undefined, whose
 * bracket that is. DOC_MISSING where the path leads nowhere. */
struct doc_value doc_sort_value(struct slice document, struct slice path, bool descending);

/* ---- as bytes (key.c): memcmp() of two keys is doc_compare() of their values ---- */

/* Appends the key of v. No key is a prefix of another. `descending`: turned around. */
void doc_key_append(struct doc_value v, bool descending, struct buf *out);
/* The keys of all values that are in one bracket with those of `type`, and whatever follows them in
 * a longer key, are >= low and < high. No key begins with 0xff. */
void doc_key_bracket(uint8_t type, bool descending, struct buf *low, struct buf *high);
/* A key that is no longer decodable to the value's type, but to the value: numbers come
 * back as the narrowest type that holds them. Skips it in `key`. */
bool doc_key_next(struct slice *key, bool descending, struct doc_arena *a, struct doc_value *out);

/* ---- names of _id (name.c): DESIGN section 3 ---- */

/* An _id as the key bytes of a path (not yet escaped for a file name), one to one with
 * its key above: equal ids have one name. ObjectId: 24 hex digits. Number: the shortest
 * decimal that is its value; a decimal that no double equals: Extended JSON. String: itself,
 * unless that reads as something else, then a JSON string. Others: canonical Extended
 * JSON on one line (true, null are plain). */
void doc_name_print(struct doc_value id, struct buf *out);
/* What a name stands for: appends the value's bytes. EINVAL: no _id has this name (it is
 * not in the one form, or of a type that an _id cannot have: array, regex, undefined). */
int doc_name_parse(struct slice name, uint8_t *type, struct buf *out, struct err *err);
/* Whether a value can be an _id. EINVAL, InvalidIdField. */
int doc_id_check(struct doc_value id, struct err *err);

#endif
