/* Collections and their documents, within a transaction (source.h). */
#ifndef DBMOUNT_DOCDB_COLLECTION_H
#define DBMOUNT_DOCDB_COLLECTION_H

#include "engines/docdb/pipeline/pipeline.h"
#include "engines/docdb/storage/source.h"
#include "engines/docdb/update/update.h"
#include "engines/engine.h"

#define DOCDB_COLLECTION_MAX 120

enum docdb_form { DOCDB_RELAXED, DOCDB_CANONICAL }; /* .json, .ejson */

struct docdb_collection {
	int64_t id;
	char name[DOCDB_COLLECTION_MAX * 2 + 1];
	int64_t created_ns;
	int64_t mtime_ns; /* of its list of documents */
	uint64_t documents;
	uint64_t bytes; /* of their BSON */
	bool changes;	/* kept in the change feed */
};

/* EINVAL, InvalidNamespace, with the rule. */
int docdb_collection_check(struct slice name, struct err *err);
int docdb_collection_find(
	struct docdb_conn *c, struct slice name, struct docdb_collection *out, struct err *err);
typedef int docdb_collection_fn(
	void *arg, const struct docdb_collection *collection, struct err *err);
int docdb_collection_each(struct docdb_conn *c, const struct slice *after, docdb_collection_fn *fn,
	void *arg, struct err *err);
/* Within a write. EEXIST, ENOTEMPTY (drop with force: documents go too). */
int docdb_collection_create(
	struct docdb_conn *c, struct slice name, struct docdb_collection *out, struct err *err);
int docdb_collection_drop(struct docdb_conn *c, struct slice name, bool force, struct err *err);
int docdb_collection_rename(
	struct docdb_conn *c, struct slice from, struct slice to, unsigned flags, struct err *err);
int docdb_database_stat(struct docdb_conn *c, struct engine_info *out, struct err *err);

/* ---- documents as files: `name` is doc_name_print() of their _id ---- */

int docdb_doc_stat(struct docdb_conn *c, struct slice collection, struct slice name,
	enum docdb_form form, struct engine_info *out, struct err *err);
int docdb_doc_list(struct docdb_conn *c, struct slice collection, const struct slice *after,
	unsigned form, engine_emit *emit, void *arg, struct err *err);
int docdb_doc_find_hashed(struct docdb_conn *c, struct slice collection,
	const unsigned char hash[NAME_HASH_BYTES], struct buf *name, struct err *err);
int docdb_doc_read(struct docdb_conn *c, struct slice collection, struct slice name,
	enum docdb_form form, struct buf *out, struct engine_info *info, struct err *err);
/* PUT, as engine_ops.write says. The name fills in a missing _id, first in the document; a new
 * document takes the name also when the text bears another _id; an existing one refuses that (code
 * 66 ImmutableField). An _id equal to the name's by value keeps its own type. */
int docdb_doc_write(struct docdb_conn *c, struct slice collection, struct slice name,
	struct slice text, uint64_t expect, enum docdb_form form, struct engine_info *out,
	struct err *err);
/* What write would refuse, without a transaction of its own. */
int docdb_doc_check(struct docdb_conn *c, struct slice collection, struct slice name,
	struct slice text, uint64_t expect, struct err *err);
int docdb_doc_remove(struct docdb_conn *c, struct slice collection, struct slice name,
	uint64_t expect, struct err *err);
int docdb_doc_rename(struct docdb_conn *c, struct slice from_collection, struct slice from,
	struct slice to_collection, struct slice to, unsigned flags, struct err *err);

/* ---- documents as BSON, within a write ---- */

/* Adds a document; without an _id it gets an ObjectId, first. `name` (may be NULL) is told its
 * name. EEXIST: E11000. */
int docdb_insert(struct docdb_conn *c, struct docdb_collection *collection, struct slice document,
	struct buf *name, struct err *err);
/* Replaces the one with its _id, or adds it. */
int docdb_upsert(struct docdb_conn *c, struct docdb_collection *collection, struct slice document,
	struct err *err);
/* The text of .new: an insert of one document; report: its file name's key. */
int docdb_new(struct docdb_conn *c, struct slice collection, struct slice text, struct buf *name,
	struct err *err);
/* The text of .update, already BSON: {"filter", "update", "upsert", "arrayFilters", "multi"
 * (true)}, the service's command form
 * {"update": "c", "updates": [{q, u, upsert, multi, arrayFilters}]}, {"delete": .., "deletes": [{q,
 * limit}]}, or an array of these; all or nothing. report: {"matchedCount": .., "modifiedCount": ..,
 * "upsertedIds": [..], "deletedCount": ..}. */
int docdb_update(struct docdb_conn *c, struct slice collection, struct doc_value spec,
	struct buf *report, struct err *err);

/* ---- queries, within a read: fills `reach` for pipeline.h ---- */

void docdb_reach(struct docdb_conn *c, struct slice collection, const char *tmp_dir,
	struct doc_reach *reach);

/* ---- indexes (index.c, plan.c) ---- */

/* All, _id_ first: a JSON array, one definition an element: {"name", "key": {"a": 1, "b.c": -1},
 * "unique", "sparse", "partialFilterExpression", "expireAfterSeconds"}, pretty, newline at the end.
 */
int docdb_indexes_read(
	struct docdb_conn *c, struct slice collection, struct buf *out, struct err *err);
/* Makes it so: drops those not in the text, builds new ones. EINVAL; EEXIST E11000 while building a
 * unique one: nothing changed. */
int docdb_indexes_write(
	struct docdb_conn *c, struct slice collection, struct slice text, struct err *err);
int docdb_index_create(
	struct docdb_conn *c, struct slice collection, struct slice spec_json, struct err *err);
int docdb_index_drop(
	struct docdb_conn *c, struct slice collection, struct slice name, struct err *err);
/* Whether docdb_expire() would remove anything now: within a read. */
int docdb_expires(struct docdb_conn *c, int64_t now_ms, bool *any, struct err *err);
/* Removes documents whose TTL indexes say so, `limit` at most in this write; *removed. */
int docdb_expire(
	struct docdb_conn *c, int64_t now_ms, unsigned limit, uint64_t *removed, struct err *err);

/* ---- change feed (changes.c): a line a change, as the service's change events: {"_id": {"_data":
 * ..}, "operationType": "insert"|"replace"|"update"|"delete"|"drop"|"rename", "clusterTime": ..,
 * "ns": {"db", "coll"}, "documentKey", "fullDocument"} ---- */

/* `collection` empty: all of the cluster. Offsets as engine_ops.feed_bounds has them. ERANGE: what
 * stood at the offset is gone. */
int docdb_changes_bounds(struct docdb_conn *c, struct slice collection, uint64_t *start,
	uint64_t *end, struct err *err);
int docdb_changes_read(struct docdb_conn *c, struct slice collection, uint64_t offset, size_t max,
	struct buf *out, struct err *err);
int docdb_changes_set(struct docdb_conn *c, struct slice collection, bool on, struct err *err);
/* Whether docdb_changes_prune() would drop anything: within a read. */
int docdb_changes_old(struct docdb_conn *c, int64_t before_ns, bool *any, struct err *err);
/* Drops those older than the retention (10,800 s as the service has it). */
int docdb_changes_prune(struct docdb_conn *c, int64_t before_ns, struct err *err);

/* ---- import and export (import.c, export.c) ---- */

extern const char *const docdb_formats[]; /* json jsonl ejson ejsonl csv */
struct docdb_export;			  /* as engine_ops.export_* */
int docdb_export_new(struct docdb_source *s, struct slice collection, const char *format,
	const char *tmp_dir, struct docdb_export **out, uint64_t *size, struct err *err);
/* A query's result in form 0 .out.json, 1 .out.jsonl, 2 .explain.json. */
int docdb_query_open(struct docdb_source *s, struct slice collection, struct slice text,
	unsigned form, const char *tmp_dir, struct docdb_export **out, uint64_t *size,
	struct err *err);
int docdb_export_next(struct docdb_export *x, struct buf *out, struct err *err);
void docdb_export_free(struct docdb_export *x);
struct docdb_import; /* as engine_ops.import_*: modes append upsert replace create run */
int docdb_import_new(struct docdb_source *s, struct slice collection, const char *mode,
	const char *format, const char *tmp_dir, struct docdb_import **out, struct err *err);
int docdb_import_take(struct docdb_import *i, struct slice text, struct err *err);
int docdb_import_end(struct docdb_import *i, struct buf *report, struct err *err);
void docdb_import_drop(struct docdb_import *i);

#endif
