/* Scripts in Redshift's dialect as statements.
 *
 * A library (libpg_query: PostgreSQL's own parser) parses what PostgreSQL knows, too: SELECT,
 * INSERT, UPDATE, DELETE, MERGE and expressions everywhere. It gives a tree of JSON, which is what
 * the rest of this service works on; PostgreSQL's names of nodes are their names here. What it does
 * not know is parsed by us, over tokens: COPY, UNLOAD, the attributes of CREATE TABLE, external
 * tables, VACUUM and the like; and Redshift's own words within a SELECT (TOP n, MINUS, QUALIFY,
 * APPROXIMATE, `select … into`) are taken out of the text first and put back into the tree: TOP as
 * "limitCount", MINUS as EXCEPT, CONVERT(type, x) as a TypeCast, the condition of QUALIFY as
 * "rs_qualify" of its SelectStmt; "rs_approximate", "rs_ignore_nulls" of a FuncCall are true.
 *
 * A backslash in '…' is an escape, as it is in Redshift; but not in the options of COPY. */
#ifndef DBMOUNT_REDSHIFT_STATEMENT_H
#define DBMOUNT_REDSHIFT_STATEMENT_H

#include <jansson.h>

#include "engines/redshift/driver/value.h"

enum rs_statement_kind {
	RS_SELECT, /* a set operation and VALUES, too */
	RS_INSERT,
	RS_UPDATE,
	RS_DELETE,
	RS_MERGE,
	RS_EXPLAIN, /* of `tree`, a SELECT */
	RS_CREATE_TABLE,
	RS_CREATE_TABLE_AS, /* and SELECT INTO: create, and `tree` a SELECT */
	RS_DROP_TABLE,
	RS_ALTER_TABLE,
	RS_TRUNCATE,
	RS_CREATE_SCHEMA,
	RS_DROP_SCHEMA,
	RS_CREATE_VIEW, /* `tree` a SELECT, `body` its text */
	RS_DROP_VIEW,
	RS_COPY,
	RS_UNLOAD,
	RS_VACUUM,
	RS_ANALYZE,
	RS_BEGIN,
	RS_COMMIT,
	RS_ROLLBACK,
	RS_CREATE_EXTERNAL_SCHEMA,
	RS_CREATE_EXTERNAL_TABLE,
	RS_ALTER_EXTERNAL_TABLE, /* ADD, DROP PARTITION */
	RS_COMMENT,
	RS_SET, /* and GRANT, REVOKE, RESET: nothing to do here, which the report says */
};

/* Lower-cased unless it was quoted. schema "" : not told. */
struct rs_name {
	char *schema;
	char *name;
};

enum rs_diststyle { RS_DIST_AUTO, RS_DIST_EVEN, RS_DIST_KEY, RS_DIST_ALL };
enum rs_sortstyle { RS_SORT_NONE, RS_SORT_COMPOUND, RS_SORT_INTERLEAVED, RS_SORT_AUTO };
extern const char *const rs_diststyle_names[]; /* "EVEN" */

struct rs_column_def {
	char *name;
	struct sql_type type;
	bool not_null;
	bool primary_key, unique; /* informational */
	char *default_text;	  /* an expression as it was written; NULL: none */
	bool identity, identity_by_default;
	int64_t identity_seed, identity_step;
	char *encode; /* "az64"; NULL: not told */
	bool distkey;
	bool sortkey;
	char *references;   /* informational, as written; NULL */
	unsigned long line; /* where its name stands in the script */
};

struct rs_create {
	struct rs_name name;
	struct rs_column_def *columns;
	unsigned n_columns;
	bool if_not_exists;
	bool temporary; /* refused later: there are no sessions that outlive a script */
	bool has_diststyle;
	bool backup;
	enum rs_diststyle diststyle;
	enum rs_sortstyle sortstyle;
	char *distkey;	 /* by the table attribute or a column's; NULL */
	char **sortkeys; /* in order; also of column attributes */
	unsigned n_sortkeys;
	unsigned n_constraints;
	char **constraints;  /* of the table, informational, as written */
	struct rs_name like; /* name NULL: none */
	/* External: */
	struct rs_column_def *partitions;
	unsigned n_partitions;
	bool skip_header;   /* skip.header.line.count >= 1 */
	bool like_defaults; /* of `like` */
	uint64_t skip_lines;
	char *row_format; /* "delimited", or a SerDe's class; NULL */
	char *field_delimiter, *line_delimiter;
	char *stored_as; /* "textfile", "parquet", "json"…, lower case */
	char *location;
};

enum rs_alter_kind {
	RS_ALTER_ADD_COLUMN,
	RS_ALTER_DROP_COLUMN,
	RS_ALTER_RENAME_COLUMN,
	RS_ALTER_RENAME,
	RS_ALTER_COLUMN_SIZE, /* a VARCHAR's */
	RS_ALTER_DISTSTYLE,
	RS_ALTER_SORTKEY,
	RS_ALTER_SET_SCHEMA,
	RS_ALTER_ADD_PARTITION, /* external */
	RS_ALTER_DROP_PARTITION,
	RS_ALTER_OTHER, /* ADD CONSTRAINT, OWNER TO, ENCODE: informational */
};
struct rs_alter {
	enum rs_alter_kind kind;
	struct rs_name name;
	struct rs_column_def column;
	char *from, *to;
	enum rs_diststyle diststyle;
	char *distkey;
	enum rs_sortstyle sortstyle;
	char **sortkeys;
	unsigned n_sortkeys;
	char **partition_columns, **partition_values; /* texts */
	unsigned n_partition;
	char *location;
	bool if_exists;
};

enum rs_format {
	RS_FORMAT_TEXT,
	RS_FORMAT_CSV,
	RS_FORMAT_JSON,
	RS_FORMAT_PARQUET,
	RS_FORMAT_FIXEDWIDTH
};
enum rs_compression { RS_PLAIN, RS_GZIP, RS_BZIP2, RS_ZSTD, RS_BY_SUFFIX /* .load/ only */ };

/* SERVICES.md 6.3. What excludes what is checked by the parser, and named in its error. */
struct rs_copy {
	struct rs_name table;
	char **columns; /* NULL: all */
	unsigned n_columns;
	char *from;
	bool manifest;
	enum rs_format format;
	char delimiter; /* 0: the format's own */
	char quote;
	char *json_paths;  /* "auto", "auto ignorecase", "noshred", or where the paths are */
	char *fixed_width; /* "a:3,b:5" */
	enum rs_compression compression;
	uint64_t ignore_header;
	char *null_as; /* NULL: \N */
	bool empty_as_null, blanks_as_null;
	char *date_format, *time_format; /* NULL: the default */
	uint64_t max_error;		 /* as told: 0 and 1 mean the same */
	bool ignore_all_errors;
	bool accept_inv_chars;
	char inv_char;
	bool escape, remove_quotes, fill_record, ignore_blank_lines, trim_blanks, truncate_columns,
		round_decimals, explicit_ids;
	bool no_load;
	int comp_update, stat_update; /* -1: not told; informational */
	bool has_credentials;	      /* their text is never kept */
};

struct rs_unload {
	char *select; /* its text */
	json_t *tree; /* parsed; positions count in `select` */
	char *to;
	enum rs_format format;
	char delimiter;
	bool header, add_quotes, escape, manifest, verbose, allow_overwrite, clean_path, include;
	bool parallel;
	char *null_as;
	enum rs_compression compression;
	char **partition_by;
	unsigned n_partition_by;
	uint64_t max_file_size; /* bytes; 0: 6.2 GB */
	char *fixed_width;
	bool has_credentials;
};

struct rs_statement {
	enum rs_statement_kind kind;
	unsigned long line; /* of its first word, from 1 */
	struct slice text;  /* in the script, without the semicolon */
	/* The node ("SelectStmt": {…}'s value); NULL: of the kinds that have none. "location"
	 * counts bytes of `text` (of an UNLOAD: of its `select`). */
	json_t *tree;
	char *body; /* of a view */
	struct rs_create create;
	struct rs_alter alter;
	struct rs_copy copy;
	struct rs_unload unload;
	/* DROP, TRUNCATE, VACUUM, ANALYZE, schemas, views: */
	struct rs_name *names;
	unsigned n_names;
	bool if_exists, if_not_exists, cascade, or_replace;
	char *mode;	 /* VACUUM's: "full" (not told), "sort only", "delete only", "reindex" */
	char *directory; /* CREATE EXTERNAL SCHEMA … DATABASE 'x' */
	char *what;	 /* RS_SET: the words */
};

/* The statement at *at, which moves behind it; empty ones are passed over. 1, or 0: there is none.
 * EINVAL: "line 3, column 8: …", what was found and what would be accepted; ENOTSUP: Redshift has
 * it, this does not, by name. The caller ends with rs_statement_free(). `script` outlives it. */
int rs_statement_next(struct slice script, size_t *at, struct rs_statement **out, struct err *err);
void rs_statement_free(struct rs_statement *s); /* NULL is fine */
/* Appends its text, with '***' for each secret: what may be shown and kept. */
void rs_statement_public(const struct rs_statement *s, struct buf *out);

/* Whether the script is whole at its end: no quote, comment or parenthesis is open. */
bool rs_script_complete(struct slice script);
/* One expression, a default's say: its tree. EINVAL. */
int rs_expression_parse(struct slice text, json_t **tree, struct err *err);
/* A table as the DDL that makes it again: what .schema shows. */
void rs_create_print(const struct rs_create *c, struct buf *out);
/* A column type alone: "varchar(30)", "character varying(30)", "numeric(8,2)". */
int rs_type_parse(struct slice text, struct sql_type *out, struct err *err);
/* Appends the name, quoted where it needs that. */
void rs_name_print(struct slice name, struct buf *out);

#endif
