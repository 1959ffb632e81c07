/* What every DynamoDB backend shares: what a path means, names, texts and
 * messages of the service, an item made ready for a store. No storage here. */
#ifndef DBMOUNT_DYNAMODB_H
#define DBMOUNT_DYNAMODB_H

#include <errno.h>

#include "engines/dynamodb/item.h"
#include "engines/engine.h"

extern const struct engine_ops dynamodb_sqlite_ops;

#define DDB_NAME_MIN 3
#define DDB_NAME_MAX 255

/* ---- paths ---- */

enum ddb_kind { DDB_SERVICE, DDB_TABLE, DDB_PART, DDB_ITEM };

/* What a path of this depth (1 at least) means in a table with these keys.
 * ENOTDIR when it leads below an item. */
int ddb_kind_of(const struct epath *path, const struct ddb_key_schema *schema, enum ddb_kind *out,
	struct err *err);

/* The key texts at the end of a path to a partition or an item. */
void ddb_path_keys(const struct epath *path, const struct ddb_key_schema *schema,
	struct slice *hash, struct slice *range);

/* The path for people: escaped keys joined with '/'. */
const char *ddb_path_text(const struct epath *path, struct buf *scratch);

/* The names that items bear: ".json" plain, ".ddb.json" typed, in the order of
 * enum ddb_form. */
extern const struct name_rules ddb_item_names;

struct ddb_look {
	bool typed; /* the typed form is the listed one (setting dynamodb_json) */
	bool fixed; /* a view: no commands, no imports, no mkdir, no views of its own */
};

void ddb_level(enum ddb_kind kind, const struct ddb_key_schema *schema, const struct ddb_look *look,
	struct engine_level *out);

/* ---- the service's words ---- */

/* A table or backup name; `member` as the service calls it ("tableName").
 * EINVAL with the service's text. */
int ddb_check_name(const char *member, struct slice name, struct err *err);

int ddb_no_table(struct slice name, struct err *err);	    /* ENOENT */
int ddb_no_path(const struct epath *path, struct err *err); /* ENOENT */

/* "NAME:S" as create-table takes it. */
int ddb_key_def_parse(const char *text, struct ddb_key_def *out, struct err *err);
bool ddb_schema_equal(const struct ddb_key_schema *a, const struct ddb_key_schema *b);
/* "year:N title:S" */
void ddb_schema_words(const struct ddb_key_schema *schema, struct buf *out);

/* ---- definitions as the service writes them ---- */

/* What `.schema` says. */
struct ddb_table_facts {
	struct slice name;
	const struct ddb_key_schema *schema;
	bool deletion_protection;
	int64_t created_ns;
	uint64_t items;
	uint64_t bytes;
};
int ddb_schema_print(const struct ddb_table_facts *facts, struct buf *out, struct err *err);

/* What writing `.schema` asks for: a CreateTable request. */
struct ddb_table_wish {
	struct ddb_key_schema schema;
	bool deletion_protection;
	bool has_deletion_protection;
};
/* EINVAL names what is wrong, ENOTSUP a member dbmount has nothing for. */
int ddb_schema_parse(
	struct slice text, struct slice name, struct ddb_table_wish *out, struct err *err);

/* What neither `.schema` nor create-table may ask for. EINVAL. */
int ddb_schema_check(const struct ddb_key_schema *schema, struct err *err);

/* "2026-11-22T23:20:00.123Z" */
#define DDB_TIME_MAX 32
void ddb_time_text(int64_t ns, char out[DDB_TIME_MAX]);

/* ---- an item ready for a store ---- */

/* Everything a store keeps of an item, computed before anything is locked. */
struct ddb_row {
	struct buf pk;	/* stored key bytes; empty in a table without range key */
	struct buf sk;	/* stored bytes of the range key, else of the hash key */
	struct buf doc; /* the plain text, indented: what .json reads */
	struct buf scratch;
	uint64_t psize, tsize;	 /* of the indented text, plain and typed */
	uint64_t cpsize, ctsize; /* of the one-line text, plain and typed */
	uint64_t bytes;		 /* as the service counts an item */
};

/* `item` bears exactly these keys. EINVAL a bad key, EFBIG. */
int ddb_row_make(struct ddb_row *row, const struct ddb_key_schema *schema,
	const struct ddb_item *item, struct slice hash_text, struct slice range_text,
	struct err *err);
void ddb_row_free(struct ddb_row *row);

/* The stored bytes of the key texts of a partition or an item; sk stays empty
 * for a partition. EINVAL. */
int ddb_keys_encode(const struct ddb_key_schema *schema, enum ddb_kind kind, struct slice hash_text,
	struct slice range_text, struct buf *pk, struct buf *sk, struct err *err);

/* The name hash of stored key bytes when their name is a long one; false else. */
bool ddb_long_hash(const struct ddb_key_schema *schema, enum ddb_kind kind, struct slice stored,
	unsigned char out[NAME_HASH_BYTES]);

/* A stored document in another shape. EIO when it does not parse. */
int ddb_doc_typed(struct slice doc, bool indent, struct buf *out, struct err *err);
/* The one-line form: white space between tokens left out. */
void ddb_doc_compact(struct slice doc, struct buf *out);

/* ---- drafts (engine_ops.draft_*): JSON, the same in both forms ---- */

void *ddb_draft_new(void *ctx, const struct epath *path, unsigned form);
int ddb_draft_feed(void *draft, struct slice more, struct err *err);
bool ddb_draft_complete(const void *draft);
void ddb_draft_free(void *draft);

#endif
