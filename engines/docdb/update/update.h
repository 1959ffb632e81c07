/* Update operators. */
#ifndef DBMOUNT_DOCDB_UPDATE_H
#define DBMOUNT_DOCDB_UPDATE_H

#include "engines/docdb/match/match.h"

struct doc_update;

/* Compiles {"$set": {..}, "$inc": ..} ($set $unset $inc $mul $min $max $rename $push with $each
 * $slice $sort $position, $addToSet, $pop, $pull $pullAll, $currentDate, $setOnInsert, $bit), a
 * replacement document, or an array of pipeline stages ($set $unset $project $replaceWith).
 * `array_filters` (an array or DOC_MISSING) for "a.$[x].b". EINVAL in the service's words:
 * conflicting paths, unknown operators, mixing operators and members. */
int doc_update_new(struct doc_value update, struct doc_value array_filters, struct doc_update **out,
	struct err *err);
void doc_update_free(struct doc_update *u);
/* Appends the document as it is afterwards; *changed false: it is as before. `filter` (may
 * be NULL) says which array element "a.$" is. EINVAL: cannot be applied to this
 * document ("Cannot apply $inc to a value of non-numeric type {_id: 1}: 'x' is of type string"), or
 * alters _id. `now_ms` for $currentDate. */
int doc_update_apply(const struct doc_update *u, struct slice document,
	const struct doc_match *filter, int64_t now_ms, struct buf *out, bool *changed,
	struct err *err);
/* The document that an upsert makes: the filter's equalities, then the update with
 * $setOnInsert. Has an _id only if one of them says so. */
int doc_update_insert(const struct doc_update *u, const struct doc_match *filter, int64_t now_ms,
	struct buf *out, struct err *err);

#endif
