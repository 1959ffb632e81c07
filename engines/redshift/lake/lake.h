/* The data lake: external schemas and tables over files. */
#ifndef DBMOUNT_REDSHIFT_LAKE_H
#define DBMOUNT_REDSHIFT_LAKE_H

#include "engines/redshift/lake/files.h"
#include "engines/redshift/sql/relation.h"

/* A lake that is mapped is an external schema of its name: each folder of it that holds data is a
 * table (folders COLUMN=VALUE below are partitions), and so is each file beside them, by its name
 * without suffix. Formats and columns are found out by looking (crawl.c): CSV (by its header, or
 * c1, c2…), JSON (the members of its first objects), Parquet (its own schema). Tables of CREATE
 * EXTERNAL TABLE stand beside them and win. */

/* The schemas' and tables' names, sorted. Non-zero stops. */
typedef int rs_lake_name_fn(void *arg, const char *name);
int rs_lake_schemas(const struct rs_catalog *c, rs_lake_name_fn *fn, void *arg, struct err *err);
int rs_lake_tables(const struct rs_catalog *c, const char *schema, rs_lake_name_fn *fn, void *arg,
	struct err *err);
/* The relation, for queries; its files are looked at now. ENOENT. */
int rs_lake_find(const struct rs_catalog *c, struct sql_site *site, const char *schema,
	const char *name, struct rs_relation **out, struct err *err);
void rs_lake_release(struct rs_relation *r); /* NULL is fine */
/* Its definition as CREATE EXTERNAL TABLE. */
int rs_lake_schema_text(const struct rs_relation *r, struct buf *out, struct err *err);
/* When the newest of its files changed; how many there are, and their bytes. */
int rs_lake_facts(const struct rs_relation *r, int64_t *mtime_ns, uint64_t *files, uint64_t *bytes,
	struct err *err);

/* ---- definitions, in a catalogue that is being changed: define.c. ENOENT, EEXIST, EINVAL. ---- */

int rs_external_add_schema(struct rs_catalog *next, const struct rs_statement *s, struct err *err);
int rs_external_add_table(
	struct rs_catalog *next, const struct rs_statement *s, int64_t now_ns, struct err *err);
int rs_external_alter(struct rs_catalog *next, const struct rs_alter *a, struct err *err);
bool rs_external_is_schema(const struct rs_catalog *c, const char *name);

#endif
