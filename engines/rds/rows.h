/* What the files about rows share: values, keys, SQL texts. */
#ifndef DBMOUNT_RDS_ROWS_H
#define DBMOUNT_RDS_ROWS_H

#include "engines/common/json.h"
#include "engines/rds/rds.h"

struct rds_schema;

/* What err says went wrong, never 0. */
static inline int rds_failed(const struct err *err)
{
	return err->code > 0 ? -err->code : -EIO;
}

/* ---- schema.c ---- */

bool rds_hidden_table(const char *name);
/* The whole schema as it is now, every table loaded; end with rds_schema_free(). */
int rds_schema_hold(struct rds_conn *c, struct rds_schema **out, struct err *err);
bool rds_schema_stamped(const struct rds_schema *s); /* the hidden tables are there */
unsigned rds_schema_count(const struct rds_schema *s);
/* Which of them, count if none. */
unsigned rds_schema_index(const struct rds_schema *s, const char *name);
const struct rds_table *rds_schema_table(const struct rds_schema *s, unsigned i);
/* Another number when the table was made again or altered. */
uint64_t rds_schema_identity(const struct rds_schema *s, unsigned i);
int64_t rds_schema_number(const struct rds_schema *s); /* moves with every change */
int rds_schema_read_number(struct rds_conn *c, int64_t *out, struct err *err); /* as it is now */
/* Whether the hidden tables are there now. */
int rds_stamped(struct rds_conn *c, bool *out, struct err *err);

/* ---- table_sql.c ---- */

/* Finds the order and collations of the key, and builds t->sql. */
int rds_table_prepare(struct rds_conn *c, struct rds_table *t, struct err *err);

/* ---- value.c: a value that is not SQLite's yet ---- */

struct rds_value {
	int type; /* SQLITE_INTEGER, .. */
	int64_t integer;
	double real;
	size_t at; /* text and blob: place of the bytes in some buf */
	size_t n;
};

/* Long enough for every integer and real. */
#define RDS_NUMBER_MAX 32
/* The shortest text that reads back the same, and reads as a real: "1.0", "Inf". */
size_t rds_real_print(double r, char out[RDS_NUMBER_MAX]);
size_t rds_integer_print(int64_t i, char out[RDS_NUMBER_MAX]);
/* Whether the text is exactly what print would give. */
bool rds_integer_parse(struct slice text, int64_t *out);
bool rds_real_parse(struct slice text, double *out);
/* `bytes`: what v->at counts in; borrowed until the statement is reset. */
int rds_value_bind(
	sqlite3_stmt *stmt, int index, const struct rds_value *v, const struct buf *bytes);
bool rds_value_same(const struct rds_value *v, const struct buf *bytes, sqlite3_value *stored);
/* The bytes go behind those in `bytes`. */
struct rds_value rds_value_of(sqlite3_value *v, struct buf *bytes);
bool rds_values_same(sqlite3_value *a, sqlite3_value *b);
struct slice rds_value_slice(sqlite3_value *v);

/* ---- key.c ---- */

/* The values a row's name says. */
struct rds_key {
	bool by_rowid; /* rowid names it: no primary key, or NULL in it */
	bool null_row; /* the latter */
	int64_t rowid; /* or the place in a view */
	struct rds_value *values;
	unsigned n;
	struct buf bytes;
};

/* -ENOENT without a message: no row's name can be so. -ENOMEM. */
int rds_key_parse(const struct rds_table *t, struct slice text, struct rds_key *out);
void rds_key_finish(struct rds_key *k);
/* Appends the name of a row; values: of the key columns, in the order of the key. */
void rds_key_print(
	const struct rds_table *t, sqlite3_value *const *values, int64_t rowid, struct buf *out);
/* The same of the row that a statement of t->sql stands on (not of a view). */
int rds_key_of(const struct rds_table *t, sqlite3_stmt *stmt, struct buf *out, struct err *err);

/* ---- row_json.c ---- */

/* Bytes of the file: pretty, with the newline. */
size_t rds_row_size(sqlite3_stmt *stmt, const struct rds_table *t);
/* A hash of all values; not 0 and not ENGINE_VERSION_ANY. */
uint64_t rds_row_hash(sqlite3_stmt *stmt, const struct rds_table *t);

/* ---- row_read.c ---- */

/* A statement that stands on the row. ENOENT. It is of the connection: read what
 * is needed, then sqlite3_reset(). */
int rds_row_find(struct rds_conn *c, const struct rds_table *t, const struct rds_key *k,
	struct slice key, sqlite3_stmt **out, struct err *err);
/* A row that was looked for: the statement stands on it, with the key bound. */
struct rds_read {
	const struct rds_table *t;
	struct rds_key key;
	sqlite3_stmt *stmt;
};
/* ENOENT. Ends with close in any case. */
int rds_read_open(struct rds_conn *c, struct slice table, struct slice key, struct rds_read *out,
	struct err *err);
void rds_read_close(struct rds_read *r);
int rds_row_info(struct rds_conn *c, const struct rds_table *t, struct slice key,
	sqlite3_stmt *stmt, struct engine_info *out, struct err *err);

/* ---- stamp.c ---- */

/* Finds versions and times of the rows of one table. */
struct rds_stamper {
	struct rds_conn *c;
	const struct rds_table *t;
	bool stamped;
	bool any; /* some rows have stamps of their own */
	uint64_t version;
	int64_t mtime_ns;
};

/* A hidden view that is kept the last entry of the schema. Entries are numbered
 * upwards, so a table that is dropped and made again in the same words, on the same
 * page, has another number than before: it can be told from one that stayed. */
#define RDS_STAMPS_LAST "CREATE VIEW IF NOT EXISTS _dbmount_last AS SELECT 1;"

/* What is shown of a version stored in a stamp. */
uint64_t rds_stamp_shown(uint64_t version);
int rds_stamper_init(
	struct rds_stamper *s, struct rds_conn *c, const struct rds_table *t, struct err *err);
/* The statement stands on the row. Sets version and mtime_ns. */
int rds_stamper_find(const struct rds_stamper *s, struct slice key, sqlite3_stmt *row,
	struct engine_info *out, struct err *err);

/* ---- row_parse.c: JSON to values ---- */

struct rds_member {
	bool present;
	bool boolean; /* was true or false */
	struct json_pos at;
	struct rds_value value;
};

struct rds_draft {
	struct rds_member *members; /* one for each column */
	struct buf bytes;	    /* of their values, and of defaults */
};

/* EINVAL with line and column. */
int rds_draft_parse(
	const struct rds_table *t, struct slice text, struct rds_draft *out, struct err *err);
void rds_draft_finish(struct rds_draft *d);

/* ---- row_types.c: what a column takes ---- */

/* Makes of the value what the column stores without loss, or refuses it: EINVAL, a
 * part of a sentence ("expected an integer, found the text "abc""). */
int rds_settle(const struct rds_column *col, struct rds_value *v, bool boolean,
	const struct buf *bytes, struct err *err);

/* ---- stored.c: a row as it is stored, and changing it ---- */

struct rds_stored {
	const struct rds_table *t;
	struct rds_key key; /* of the name asked for */
	struct slice name;  /* borrowed */
	bool exists;
	/* Of a row that exists: */
	sqlite3_value **values;
	int64_t rowid;
	struct buf text; /* the file */
	struct engine_info info;
};

/* EROFS for a view, EINVAL for a name that no row can have. A row that is not there
 * is no error. */
int rds_stored_load(struct rds_conn *c, struct slice table, struct slice name,
	struct rds_stored *out, struct err *err);
void rds_stored_finish(struct rds_stored *s);
/* EEXIST, EBUSY. */
int rds_stored_expect(const struct rds_stored *s, uint64_t expect, struct err *err);
int rds_stored_missing(const struct rds_stored *s, struct err *err); /* ENOENT */

/* New values of columns. */
struct rds_changes {
	unsigned *columns;
	struct rds_value *values;
	unsigned n;
};

int rds_stored_update(struct rds_conn *c, const struct rds_stored *s,
	const struct rds_changes *changes, const struct buf *bytes, struct err *err);
/* The columns of the key come from the name. */
int rds_stored_insert(struct rds_conn *c, const struct rds_stored *s,
	const struct rds_changes *changes, const struct buf *bytes, struct err *err);
int rds_stored_delete(struct rds_conn *c, const struct rds_stored *s, struct err *err);
/* The row gets the name of `to`. */
int rds_stored_rekey(struct rds_conn *c, const struct rds_stored *s, const struct rds_stored *to,
	struct err *err);
/* What the row of s->name is now. EINVAL: it is not there. */
int rds_stored_info(
	struct rds_conn *c, const struct rds_stored *s, struct engine_info *out, struct err *err);

/* ---- foreign_key.c ---- */

/* After a failed step: EINVAL naming the constraint, and the foreign key; else as
 * store_sql_error(). */
int rds_refused(struct rds_conn *c, sqlite3_stmt *stmt, struct err *err);

/* ---- stamp_note.c ---- */

/* Whether anything changed; after the end. */
bool rds_stamps_any(const struct rds_stamps *s);
/* While paused, changes are not noticed: they will be undone. */
void rds_stamps_pause(struct rds_conn *c);
void rds_stamps_resume(struct rds_conn *c);

#endif
