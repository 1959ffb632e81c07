/* External schemas, and their tables as relations. */
#include "engines/redshift/lake/lake.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/lake/lake_impl.h"

/* ---- names ---- */

struct names {
	char **name;
	unsigned n;
};

static void names_free(struct names *s)
{
	for (unsigned i = 0; i < s->n; i++) {
		free(s->name[i]);
	}
	free(s->name);
}

static int names_add(struct names *s, struct slice name, struct err *err)
{
	char **more = realloc(s->name, (s->n + 1) * sizeof(*more));
	if (more != NULL) {
		s->name = more;
		more[s->n] = strndup(name.p, name.n);
		s->n += more[s->n] != NULL;
	}
	return more != NULL && s->n > 0 && s->name[s->n - 1] != NULL
		       ? 0
		       : err_set(err, ENOMEM, "out of memory");
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Each once, in order. */
static void names_tell(struct names *s, rs_lake_name_fn *fn, void *arg)
{
	if (s->n > 0) {
		qsort(s->name, s->n, sizeof(*s->name), by_name);
	}
	for (unsigned i = 0; i < s->n; i++) {
		bool again = i > 0 && strcmp(s->name[i], s->name[i - 1]) == 0;
		if (!again && fn(arg, s->name[i]) != 0) {
			return;
		}
	}
}

int rs_lake_schemas(const struct rs_catalog *c, rs_lake_name_fn *fn, void *arg, struct err *err)
{
	struct names s = {0};
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < c->n_lakes; i++) {
		rc = names_add(&s, slice_of(c->lakes[i].name), err);
	}
	for (unsigned i = 0; rc == 0 && i < c->n_external_schemas; i++) {
		rc = names_add(&s, slice_of(c->external_schemas[i].name), err);
	}
	if (rc == 0) {
		names_tell(&s, fn, arg);
	}
	names_free(&s);
	return rc;
}

/* The lake whose folders are the schema's tables; NULL: none is. */
static const struct rs_lake *lake_of(const struct rs_catalog *c, const char *schema)
{
	for (unsigned i = 0; i < c->n_external_schemas; i++) {
		const struct rs_external_schema *s = &c->external_schemas[i];
		if (strcmp(s->name, schema) == 0) {
			return s->lake != NULL ? rs_catalog_lake(c, s->lake) : NULL;
		}
	}
	return rs_catalog_lake(c, schema);
}

/* The table that a file beside the folders is: its name up to the first dot. */
static struct slice file_table(const char *name)
{
	return slice_make(name, strcspn(name, "."));
}

static int no_schema(const char *schema, struct err *err)
{
	return err_set(err, ENOENT, "there is no external schema %s", schema);
}

/* A folder is a table when there is some file that is known below it. */
static int is_table(const struct rs_catalog *c, const char *address, bool *out, struct err *err)
{
	struct rs_files files;
	struct lake_format ignored;
	int rc = rs_files_list(c, address, true, &files, err);
	*out = false;
	for (unsigned i = 0; rc == 0 && i < files.n; i++) {
		*out |= lake_format_of(files.file[i].path, &ignored);
	}
	rs_files_clear(&files);
	return rc;
}

static int add_entry(const struct rs_catalog *c, const struct rs_lake *lake, const char *name,
	struct names *s, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf address = BUF_INIT;
	struct lake_format ignored;
	struct stat st;
	bool table = false;
	int rc = 0;
	buf_printf(&path, "%s/%s", lake->directory, name);
	buf_printf(&address, "s3://%s/%s", lake->name, name);
	if (rs_file_is_left_out(name) || stat(buf_cstr(&path), &st) != 0) {
		return 0;
	}
	if (S_ISDIR(st.st_mode)) {
		rc = is_table(c, buf_cstr(&address), &table, err);
		return rc == 0 && table ? names_add(s, slice_of(name), err) : rc;
	}
	return S_ISREG(st.st_mode) && lake_format_of(name, &ignored)
		       ? names_add(s, file_table(name), err)
		       : 0;
}

static int add_entries(
	const struct rs_catalog *c, const struct rs_lake *lake, struct names *s, struct err *err)
{
	DIR *d = opendir(lake->directory);
	struct dirent *e;
	int rc = 0;
	if (d == NULL) {
		return err_errno(err, "the lake %s, %s", lake->name, lake->directory);
	}
	while (rc == 0 && (e = readdir(d)) != NULL) {
		rc = add_entry(c, lake, e->d_name, s, err);
	}
	closedir(d);
	return rc;
}

int rs_lake_tables(const struct rs_catalog *c, const char *schema, rs_lake_name_fn *fn, void *arg,
	struct err *err)
{
	struct names s = {0};
	const struct rs_lake *lake = lake_of(c, schema);
	int rc = 0;
	if (!rs_external_is_schema(c, schema)) {
		return no_schema(schema, err);
	}
	for (unsigned i = 0; rc == 0 && i < c->n_external; i++) {
		if (strcmp(c->external[i].schema, schema) == 0) {
			rc = names_add(&s, slice_of(c->external[i].def.name.name), err);
		}
	}
	rc = rc == 0 && lake != NULL ? add_entries(c, lake, &s, err) : rc;
	if (rc == 0) {
		names_tell(&s, fn, arg);
	}
	names_free(&s);
	return rc;
}

/* ---- tables ---- */

static bool has_room(struct lake_table *t)
{
	char **names = realloc(t->names, (t->n_columns + 1) * sizeof(*names));
	if (names == NULL) {
		return false;
	}
	t->names = names;
	struct rs_relation_column *columns =
		realloc(t->columns, (t->n_columns + 1) * sizeof(*columns));
	if (columns == NULL) {
		return false;
	}
	t->columns = columns;
	return true;
}

int lake_add_column(struct lake_table *t, const char *name, struct sql_type type, struct err *err)
{
	char *own = has_room(t) ? strdup(name) : NULL;
	if (own == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	t->names[t->n_columns] = own;
	t->columns[t->n_columns] =
		(struct rs_relation_column){.name = own, .type = type, .hidden = name[0] == '$'};
	t->n_columns++;
	return 0;
}

static int add_defined(
	struct lake_table *t, const struct rs_column_def *defs, unsigned n, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		rc = lake_add_column(t, defs[i].name, defs[i].type, err);
	}
	return rc;
}

/* The format that CREATE EXTERNAL TABLE tells. */
static int defined_format(const struct rs_create *def, struct lake_format *out, struct err *err)
{
	const char *stored = def->stored_as != NULL ? def->stored_as : "textfile";
	const char *row = def->row_format != NULL ? def->row_format : "";
	out->skip = def->skip_lines > 0 ? def->skip_lines : def->skip_header ? 1 : 0;
	if (strcasecmp(stored, "parquet") == 0) {
		out->format = RS_FORMAT_PARQUET;
		return 0;
	}
	if (strcasestr(row, "json") != NULL || strcasecmp(stored, "json") == 0) {
		out->format = RS_FORMAT_JSON;
		return 0;
	}
	if (strcasecmp(stored, "textfile") != 0) {
		return err_set(err, ENOTSUP,
			"STORED AS %s: TEXTFILE, PARQUET, or a row format of JSON or CSV is "
			"expected",
			stored);
	}
	out->format = strcasestr(row, "csv") != NULL ? RS_FORMAT_CSV : RS_FORMAT_TEXT;
	if (def->field_delimiter != NULL && def->field_delimiter[0] != '\0') {
		out->delimiter = def->field_delimiter[0];
	} else if (out->format == RS_FORMAT_CSV) {
		out->delimiter = ',';
	} else {
		out->delimiter = '\001';
	}
	return 0;
}

static int append_files(
	struct lake_table *t, struct rs_files *more, char *const *values, struct err *err)
{
	unsigned n = t->files.n;
	struct rs_file *files = realloc(t->files.file, (n + more->n + 1) * sizeof(*files));
	t->files.file = files != NULL ? files : t->files.file;
	char ***of = realloc(t->values, (n + more->n + 1) * sizeof(*of));
	t->values = of != NULL ? of : t->values;
	if (files == NULL || of == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < more->n; i++) {
		files[n + i] = more->file[i];
		more->file[i] = (struct rs_file){0};
		of[n + i] = calloc(t->n_partitions + 1, sizeof(**of));
		t->files.n++;
		if (of[n + i] == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		for (unsigned k = 0; values != NULL && k < t->n_partitions; k++) {
			of[n + i][k] = strdup(values[k]);
		}
	}
	return 0;
}

/* Of a folder, or what a manifest names. */
static int list_location(
	const struct rs_catalog *c, const char *location, struct rs_files *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;
	int rc = rs_file_path(c, location, &path, err);
	if (rc == 0 && stat(buf_cstr(&path), &st) == 0 && S_ISREG(st.st_mode)) {
		return rs_files_manifest(c, location, out, err);
	}
	return rc < 0 ? rc : rs_files_list(c, location, true, out, err);
}

static int add_location(struct lake_table *t, const struct rs_catalog *c, const char *location,
	char *const *values, struct err *err)
{
	struct rs_files files = {0};
	int rc = list_location(c, location, &files, err);
	rc = rc == 0 ? append_files(t, &files, values, err) : rc;
	rs_files_clear(&files);
	return rc;
}

/* Partitions by the names of folders, where none was added. */
static int find_partitions(struct lake_table *t, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < t->files.n; i++) {
		rc = lake_partition_values(t, t->files.file[i].address, t->names + t->n_data,
			t->n_partitions, t->values[i], err);
	}
	return rc;
}

static int open_defined(struct lake_table *t, const struct rs_catalog *c,
	const struct rs_external_table *x, struct err *err)
{
	const struct rs_create *def = &x->def;
	int rc = defined_format(def, &t->format, err);
	rc = rc == 0 ? add_defined(t, def->columns, def->n_columns, err) : rc;
	t->n_data = t->n_columns;
	rc = rc == 0 ? add_defined(t, def->partitions, def->n_partitions, err) : rc;
	t->n_partitions = def->n_partitions;
	t->location = strdup(def->location);
	if (rc < 0 || t->location == NULL) {
		return rc < 0 ? rc : err_set(err, ENOMEM, "out of memory");
	}
	if (x->n_partitions == 0) {
		rc = add_location(t, c, def->location, NULL, err);
		return rc == 0 && t->n_partitions > 0 ? find_partitions(t, err) : rc;
	}
	for (unsigned i = 0; rc == 0 && i < x->n_partitions; i++) {
		rc = add_location(t, c, x->partitions[i].location, x->partitions[i].values, err);
	}
	return rc;
}

/* The file beside the folders whose name without its suffixes is the table's. */
static int find_file(const struct rs_lake *lake, const char *name, char **out, struct err *err)
{
	DIR *d = opendir(lake->directory);
	struct dirent *e;
	if (d == NULL) {
		return err_errno(err, "the lake %s, %s", lake->name, lake->directory);
	}
	while (*out == NULL && (e = readdir(d)) != NULL) {
		struct lake_format ignored;
		if (!rs_file_is_left_out(e->d_name) && slice_is(file_table(e->d_name), name) &&
			lake_format_of(e->d_name, &ignored)) {
			*out = strdup(e->d_name);
		}
	}
	closedir(d);
	return *out != NULL ? 0 : -ENOENT;
}

static int open_crawled(struct lake_table *t, const struct rs_catalog *c,
	const struct rs_lake *lake, struct err *err)
{
	CLEANUP(buf_free) struct buf address = BUF_INIT;
	CLEANUP(cleanup_free) char *file = NULL;
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;
	buf_printf(&path, "%s/%s", lake->directory, t->name);
	bool folder = !rs_file_is_left_out(t->name) && strchr(t->name, '/') == NULL &&
		      stat(buf_cstr(&path), &st) == 0 && S_ISDIR(st.st_mode);
	int rc = folder ? 0 : find_file(lake, t->name, &file, err);
	if (rc < 0) {
		return rc;
	}
	buf_printf(&address, "s3://%s/%s", lake->name, folder ? t->name : file);
	t->location = strdup(buf_cstr(&address));
	rc = t->location == NULL ? err_set(err, ENOMEM, "out of memory")
				 : rs_files_list(c, t->location, folder, &t->files, err);
	/* Files whose names begin with that of the file are others. */
	for (unsigned i = 1; rc == 0 && !folder && i < t->files.n; i++) {
		free(t->files.file[i].address);
		free(t->files.file[i].path);
	}
	t->files.n = !folder && t->files.n > 1 ? 1 : t->files.n;
	return rc == 0 ? lake_crawl(t, err) : rc;
}

static int finish(struct lake_table *t, struct err *err)
{
	int rc = lake_add_column(t, "$path", (struct sql_type){SQL_VARCHAR, 1024, 0}, err);
	rc = rc == 0 ? lake_add_column(t, "$size", (struct sql_type){SQL_BIGINT, 0, 0}, err) : rc;
	t->relation = (struct rs_relation){.kind = RS_RELATION_EXTERNAL,
		.schema = t->schema,
		.name = t->name,
		.columns = t->columns,
		.n_columns = t->n_columns,
		.source = t,
		.sql = lake_parquet_sql,
		.pour = lake_pour};
	return rc;
}

int rs_lake_find(const struct rs_catalog *c, struct sql_site *site, const char *schema,
	const char *name, struct rs_relation **out, struct err *err)
{
	const struct rs_external_table *x = rs_catalog_external(c, schema, name);
	const struct rs_lake *lake = lake_of(c, schema);
	if (x == NULL && lake == NULL) {
		return rs_external_is_schema(c, schema)
			       ? err_set(err, ENOENT, "relation \"%s.%s\" does not exist", schema,
					 name)
			       : no_schema(schema, err);
	}
	struct lake_table *t = calloc(1, sizeof(*t));
	if (t == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	t->site = site;
	t->schema = strdup(schema);
	t->name = strdup(name);
	int rc = t->schema == NULL || t->name == NULL ? err_set(err, ENOMEM, "out of memory")
		 : x != NULL			      ? open_defined(t, c, x, err)
						      : open_crawled(t, c, lake, err);
	rc = rc == 0 ? finish(t, err) : rc;
	if (rc < 0) {
		rs_lake_release(&t->relation);
		return rc == -ENOENT ? err_set(err, ENOENT, "relation \"%s.%s\" does not exist",
					       schema, name)
				     : rc;
	}
	*out = &t->relation;
	return 0;
}

void rs_lake_release(struct rs_relation *r)
{
	struct lake_table *t = (struct lake_table *)r;
	if (t == NULL) {
		return;
	}
	for (unsigned i = 0; t->values != NULL && i < t->files.n; i++) {
		for (unsigned k = 0; t->values[i] != NULL && k < t->n_partitions; k++) {
			free(t->values[i][k]);
		}
		free(t->values[i]);
	}
	free(t->values);
	rs_files_clear(&t->files);
	for (unsigned i = 0; i < t->n_columns; i++) {
		free(t->names[i]);
	}
	free(t->names);
	free(t->columns);
	free(t->location);
	free(t->schema);
	free(t->name);
	free(t);
}

/* ---- about them ---- */

static void print_columns(const struct lake_table *t, unsigned from, unsigned n, struct buf *out)
{
	for (unsigned i = from; i < from + n; i++) {
		buf_puts(out, i > from ? ",\n    " : "\n    ");
		rs_name_print(slice_of(t->columns[i].name), out);
		buf_putc(out, ' ');
		sql_type_name(t->columns[i].type, out);
	}
}

static void print_format(const struct lake_table *t, struct buf *out)
{
	switch (t->format.format) {
	case RS_FORMAT_PARQUET: buf_puts(out, "STORED AS PARQUET\n"); break;
	case RS_FORMAT_JSON:
		buf_puts(out, "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'\nSTORED AS "
			      "TEXTFILE\n");
		break;
	case RS_FORMAT_CSV:
		buf_puts(out,
			"ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde'\nSTORED AS "
			"TEXTFILE\n");
		break;
	default:
		buf_printf(out, "ROW FORMAT DELIMITED FIELDS TERMINATED BY '");
		if (t->format.delimiter == '\t') {
			buf_puts(out, "\\t");
		} else if ((unsigned char)t->format.delimiter < ' ') {
			buf_printf(out, "\\%03o", (unsigned)t->format.delimiter);
		} else {
			buf_putc(out, t->format.delimiter);
		}
		buf_puts(out, "'\nSTORED AS TEXTFILE\n");
	}
}

int rs_lake_schema_text(const struct rs_relation *r, struct buf *out, struct err *err)
{
	const struct lake_table *t = r->source;
	buf_puts(out, "CREATE EXTERNAL TABLE ");
	rs_name_print(slice_of(t->schema), out);
	buf_putc(out, '.');
	rs_name_print(slice_of(t->name), out);
	buf_puts(out, " (");
	print_columns(t, 0, t->n_data, out);
	buf_puts(out, "\n)\n");
	if (t->n_partitions > 0) {
		buf_puts(out, "PARTITIONED BY (");
		print_columns(t, t->n_data, t->n_partitions, out);
		buf_puts(out, "\n)\n");
	}
	print_format(t, out);
	buf_puts(out, "LOCATION ");
	int rc = sql_quote_text(slice_of(t->location), out, err);
	if (t->format.skip > 0) {
		buf_printf(out, "\nTABLE PROPERTIES ('skip.header.line.count'='%llu')",
			(unsigned long long)t->format.skip);
	}
	buf_puts(out, ";\n");
	return rc == 0 ? buf_check(out, err) : rc;
}

int rs_lake_facts(const struct rs_relation *r, int64_t *mtime_ns, uint64_t *files, uint64_t *bytes,
	struct err *err)
{
	const struct lake_table *t = r->source;
	(void)err;
	*mtime_ns = 0;
	*files = t->files.n;
	*bytes = 0;
	for (unsigned i = 0; i < t->files.n; i++) {
		*bytes += t->files.file[i].size;
		if (t->files.file[i].mtime_ns > *mtime_ns) {
			*mtime_ns = t->files.file[i].mtime_ns;
		}
	}
	return 0;
}
