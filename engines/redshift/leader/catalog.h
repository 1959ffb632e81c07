/* What tables a cluster has: the leader's catalogue.
 *
 * In memory a catalogue is one value that never changes, shared by whoever looks at it. Whoever
 * changes something makes a copy, changes that, and has the leader store it (leader.h): from then
 * on it is the current one. On disk a table is one row with its definition as JSON.
 *
 * Tables and columns have numbers, which never come again; nodes know only these: table number 17,
 * column 3 is "t17"."c3". What is new gets new numbers, so that whatever a crash leaves on a node
 * is either of a number that the catalogue has or nobody's. Rows that are rewritten as a whole
 * (VACUUM, TRUNCATE, another DISTSTYLE) go to a new `storage` number of the same table. */
#ifndef DBMOUNT_REDSHIFT_CATALOG_H
#define DBMOUNT_REDSHIFT_CATALOG_H

#include "engines/redshift/sql/statement.h"

struct rs_column {
	uint64_t id;
	char *name;
	struct sql_type type;
	bool not_null;
	bool primary_key, unique;
	char *default_text; /* NULL: none */
	bool identity, identity_by_default;
	int64_t identity_seed, identity_step;
	uint64_t identity_next; /* how many were given */
	char *encode;		/* "az64" */
	char *references;
	unsigned sort_position; /* 1…; 0: no sort key */
};

struct rs_table {
	uint64_t id;
	uint64_t storage; /* the "t" of the nodes' tables */
	char *schema;
	char *name;
	enum rs_diststyle diststyle; /* as told: AUTO stays AUTO */
	enum rs_diststyle placement; /* EVEN, KEY or ALL: what it is now */
	uint64_t distkey;	     /* a column's id; 0: none */
	enum rs_sortstyle sortstyle;
	struct rs_column *columns;
	unsigned n_columns;
	char **constraints;
	unsigned n_constraints;
	int64_t created_ns;
	uint64_t next_row;    /* the next row's number, from 1 */
	uint64_t rows;	      /* visible ones, at changed_xid */
	uint64_t dead;	      /* deleted, not yet vacuumed */
	uint64_t unsorted;    /* rows that stand behind the sorted ones */
	uint64_t changed_xid; /* the last transaction that changed its rows or definition */
	int64_t changed_ns;
	uint64_t analyzed_rows; /* rows changed since ANALYZE */
	json_t *stats; /* of ANALYZE: {"column": {"distinct":, "nulls":, "min":, "max":}}; NULL */
};

struct rs_user_view {
	char *schema;
	char *name;
	char *body;
	int64_t created_ns;
};

/* A directory as a bucket: s3://NAME/… is DIRECTORY/…. */
struct rs_lake {
	char *name;
	char *directory; /* absolute */
};

struct rs_external_schema {
	char *name;
	char *database; /* as told */
	char *lake;	/* whose folders are its tables by themselves; NULL: only those created */
};

struct rs_external_partition {
	char **values; /* texts, as many as the table has partition columns */
	char *location;
};

struct rs_external_table {
	char *schema;
	struct rs_create def; /* columns, partitions, format, location */
	struct rs_external_partition *partitions;
	unsigned n_partitions;
	int64_t created_ns;
};

struct rs_catalog {
	uint64_t xid; /* of the last transaction that was committed */
	int64_t time_ns;
	uint64_t next_id; /* of tables, storages and columns */
	/* Of the nodes (nodes/nodes.h): moves with each resize. */
	uint64_t generation;
	unsigned nodes, slices; /* slices: of one node */
	char **schemas;		/* sorted; "public" is always there */
	unsigned n_schemas;
	struct rs_table **tables; /* in byte order of schema, name */
	unsigned n_tables;
	struct rs_user_view *views;
	unsigned n_views;
	struct rs_lake *lakes;
	unsigned n_lakes;
	struct rs_external_schema *external_schemas;
	unsigned n_external_schemas;
	struct rs_external_table *external;
	unsigned n_external;
	_Atomic unsigned refs;
};

/* catalog.c */

struct rs_catalog *rs_catalog_new(unsigned nodes, unsigned slices); /* NULL: no memory */
struct rs_catalog *rs_catalog_ref(struct rs_catalog *c);
void rs_catalog_unref(struct rs_catalog *c); /* NULL is fine */
/* One of its own, to be changed; only its maker has it. NULL: no memory. */
struct rs_catalog *rs_catalog_copy(const struct rs_catalog *c);

/* `schema` "" or NULL: public. NULL: there is none. */
const struct rs_table *rs_catalog_table(
	const struct rs_catalog *c, const char *schema, const char *name);
struct rs_table *rs_catalog_table_mut(struct rs_catalog *c, const char *schema, const char *name);
const struct rs_table *rs_catalog_table_id(const struct rs_catalog *c, uint64_t id);
const struct rs_user_view *rs_catalog_view(
	const struct rs_catalog *c, const char *schema, const char *name);
const struct rs_external_table *rs_catalog_external(
	const struct rs_catalog *c, const char *schema, const char *name);
const struct rs_lake *rs_catalog_lake(const struct rs_catalog *c, const char *name);
const struct rs_column *rs_table_column(const struct rs_table *t, const char *name);
const struct rs_column *rs_table_column_id(const struct rs_table *t, uint64_t id);
uint64_t rs_table_distkey_index(const struct rs_table *t); /* of the column; n_columns: none */

/* Steals the table, also when it fails; it takes its place in the order. -EEXIST. */
int rs_catalog_add_table(struct rs_catalog *c, struct rs_table *t, struct err *err);
void rs_catalog_drop_table(struct rs_catalog *c, struct rs_table *t);
/* Out of the list, to be added under another name; the caller's. */
void rs_catalog_take_table(struct rs_catalog *c, struct rs_table *t);
void rs_table_free(struct rs_table *t);
struct rs_table *rs_table_copy(const struct rs_table *t); /* NULL: no memory */
/* Of a CREATE TABLE: numbers are taken from the catalogue; checks what Redshift checks (names,
 * 1,600 columns, one DISTKEY, KEY without one, 400 sort keys, 8 interleaved, IDENTITY of an integer
 * column…). EINVAL. */
int rs_table_of_create(struct rs_catalog *c, const struct rs_create *def, int64_t now_ns,
	struct rs_table **out, struct err *err);
/* The table as CREATE TABLE; free with rs_create_clear(). */
int rs_create_of_table(const struct rs_table *t, struct rs_create *out, struct err *err);
void rs_create_clear(struct rs_create *c);
void rs_user_view_clear(struct rs_user_view *v);
void rs_external_schema_clear(struct rs_external_schema *s);
void rs_external_table_clear(struct rs_external_table *t);

/* The name of the table's directory: NAME in public, else SCHEMA.NAME; and back. */
void rs_table_key(const struct rs_table *t, struct buf *out);
const struct rs_table *rs_catalog_by_key(const struct rs_catalog *c, struct slice key);

/* catalog_json.c: a table's row. */
int rs_table_to_json(const struct rs_table *t, struct buf *out, struct err *err);
int rs_table_of_json(struct slice text, struct rs_table **out, struct err *err);

#endif
