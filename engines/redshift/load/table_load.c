/* What is written into TABLE/.load/, and over TABLE/data.csv.
 *
 * Bytes are kept until the file is closed: who writes slowly holds up nobody else's transaction. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/common/spill.h"
#include "engines/redshift/load/loading_impl.h"

/* ---- names ---- */

static const struct {
	const char *suffix;
	enum rs_format format;
	char delimiter;
} formats[] = {
	{".csv", RS_FORMAT_CSV, ','},
	{".tsv", RS_FORMAT_CSV, '\t'},
	{".txt", RS_FORMAT_TEXT, '|'},
	{".tbl", RS_FORMAT_TEXT, '|'},
	{".psv", RS_FORMAT_TEXT, '|'},
	{".json", RS_FORMAT_JSON, '\0'},
	{".jsonl", RS_FORMAT_JSON, '\0'},
	{".parquet", RS_FORMAT_PARQUET, '\0'},
};

static const struct {
	const char *suffix;
	enum rs_compression how;
} compressions[] = {{".gz", RS_GZIP}, {".bz2", RS_BZIP2}, {".zst", RS_ZSTD}};

static bool ends(struct slice name, const char *suffix)
{
	size_t n = strlen(suffix);
	return name.n > n && strncasecmp(name.p + name.n - n, suffix, n) == 0;
}

/* As our own data.csv has it, nothing at all is NULL, and "" the empty text. */
int rs_load_options(struct slice name, struct rs_copy *out, struct err *err)
{
	struct slice plain = name;

	*out = (struct rs_copy){.compression = RS_PLAIN, .comp_update = -1, .stat_update = -1};
	for (unsigned i = 0; i < sizeof(compressions) / sizeof(compressions[0]); i++) {
		if (ends(plain, compressions[i].suffix)) {
			out->compression = compressions[i].how;
			plain.n -= strlen(compressions[i].suffix);
			break;
		}
	}
	for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		if (ends(plain, formats[i].suffix)) {
			out->format = formats[i].format;
			out->delimiter = formats[i].delimiter;
			out->empty_as_null = formats[i].format == RS_FORMAT_CSV;
			out->ignore_blank_lines = formats[i].format != RS_FORMAT_JSON;
			return 0;
		}
	}
	return err_set(err, EINVAL,
		"%.*s: its name does not say what it holds: .csv .tsv .txt .tbl .psv .json .jsonl "
		".parquet are known, each with .gz .bz2 .zst behind it or not",
		(int)name.n, name.p);
}

/* ---- a load ---- */

struct rs_table_load {
	struct rs_cluster *cluster;
	char *key;
	char *file;
	bool replace;
	struct rs_copy copy;
	struct spill *bytes;
};

static void load_free(struct rs_table_load *l)
{
	spill_free(l->bytes);
	free(l->key);
	free(l->file);
	free(l);
}

/* That there is such a table is asked here, too, so that the open fails and not the close. */
static int check_table(struct rs_cluster *c, struct slice key, struct err *err)
{
	struct rs_catalog *catalog = rs_leader_catalog(c->leader);
	bool found = rs_catalog_by_key(catalog, key) != NULL;

	rs_catalog_unref(catalog);
	if (!found) {
		return err_set(err, ENOENT, "table %.*s does not exist", (int)key.n, key.p);
	}
	return c->config.read_only ? err_set(err, EROFS, "%s is read-only", c->config.label) : 0;
}

int rs_table_load_new(struct rs_cluster *c, struct slice table_key, struct slice file_name,
	bool replace, struct rs_table_load **out, struct err *err)
{
	struct rs_copy copy;
	int rc = rs_load_options(file_name, &copy, err);

	if (rc == 0 && copy.format == RS_FORMAT_PARQUET && !c->config.driver->parquet) {
		rc = err_set(err, EINVAL,
			"this cluster's driver is %s, which reads no Parquet: a build with DuckDB "
			"does; CSV and JSON are read by any",
			c->config.driver->name);
	}
	rc = rc < 0 ? rc : check_table(c, table_key, err);
	if (rc < 0) {
		return rc;
	}
	struct rs_table_load *l = calloc(1, sizeof(*l));
	if (l == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	l->cluster = c;
	l->replace = replace;
	l->copy = copy;
	l->key = strndup(table_key.p, table_key.n);
	l->file = strndup(file_name.p, file_name.n);
	l->bytes = spill_new(c->config.tmp);
	if (l->key == NULL || l->file == NULL || l->bytes == NULL) {
		load_free(l);
		return err_set(err, ENOMEM, "out of memory");
	}
	*out = l;
	return 0;
}

int rs_table_load_feed(struct rs_table_load *l, struct slice bytes, struct err *err)
{
	return spill_add(l->bytes, bytes, err);
}

/* ---- its end ---- */

#define PIECE ((size_t)1 << 20)

static int feed_all(struct rs_table_load *l, struct rs_loading *loading, struct err *err)
{
	CLEANUP(buf_free) struct buf piece = BUF_INIT;
	uint64_t size = spill_size(l->bytes);
	int rc = size > 0 ? rs_loading_file(loading, l->file, err) : 0;

	for (uint64_t at = 0; rc == 0 && at < size; at += piece.n) {
		buf_clear(&piece);
		rc = spill_read(l->bytes, at, PIECE, &piece, err);
		rc = rc < 0 ? rc : rs_loading_feed(loading, buf_slice(&piece), err);
		if (rc == 0 && piece.n == 0) {
			return err_set(err, EIO, "what was written cannot be read again");
		}
	}
	return rc;
}

static int load_into(struct rs_table_load *l, struct rs_txn *t, uint64_t query,
	struct rs_load_result *result, struct err *err)
{
	struct rs_loading *loading = NULL;
	int rc = rs_loading_new(t, &l->copy, query, &loading, err);

	if (rc < 0) {
		return rc;
	}
	rs_loading_by_header(loading);
	rs_loading_all_or_nothing(loading);
	rc = feed_all(l, loading, err);
	int ended = rs_loading_end(loading, rc == 0, result, err);
	return rc < 0 ? rc : ended;
}

/* NULL: it has gone, or was renamed, since. */
static struct rs_table *find_table(const struct rs_table_load *l, struct rs_txn *t)
{
	const struct rs_table *found = rs_catalog_by_key(t->next, slice_of(l->key));

	return found == NULL ? NULL : rs_catalog_table_mut(t->next, found->schema, found->name);
}

static int run(struct rs_table_load *l, struct rs_txn *t, uint64_t query,
	struct rs_load_result *result, struct err *err)
{
	struct rs_table *table = find_table(l, t);

	if (table == NULL) {
		return err_set(err, ENOENT, "table %s does not exist", l->key);
	}
	int rc = l->replace ? rs_truncate(t, table, err) : 0;
	if (rc < 0) {
		return rc;
	}
	/* The names are lent for the load. */
	l->copy.table = (struct rs_name){table->schema, table->name};
	rc = load_into(l, t, query, result, err);
	l->copy.table = (struct rs_name){NULL, NULL};
	return rc;
}

static void record(struct rs_table_load *l, uint64_t query, uint64_t xid, int64_t start_ns,
	uint64_t rows, int rc)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	char label[] = "copy";

	buf_printf(&text, "COPY %s FROM '%s' (written into its directory)", l->key, l->file);
	struct rs_query_record r = {.query = query,
		.xid = rc == 0 ? xid : 0,
		.start_ns = start_ns,
		.end_ns = clock_wall_ns(),
		.aborted = rc < 0,
		.text = (char *)(uintptr_t)buf_cstr(&text),
		.rows = rows,
		.label = label};
	rs_leader_add_query(l->cluster->leader, &r);
}

static int commit(struct rs_table_load *l, struct buf *report, struct err *err)
{
	struct rs_load_result result = {0};
	struct rs_txn *t = NULL;
	int64_t start_ns = clock_wall_ns();
	uint64_t query = 0;
	int rc = rs_leader_next_query(l->cluster->leader, &query, err);

	rc = rc < 0 ? rc : rs_txn_begin(l->cluster, &t, err);
	if (rc < 0) {
		return rc;
	}
	uint64_t xid = t->xid;
	rc = run(l, t, query, &result, err);
	if (rc == 0) {
		rc = rs_txn_commit(t, err);
	} else {
		rs_txn_abort(t);
	}
	record(l, query, xid, start_ns, result.rows, rc);
	if (rc == 0) {
		buf_printf(report, "COPY %s: %llu rows loaded, 0 rejected, 1 file\n", l->key,
			(unsigned long long)result.rows);
	}
	return rc;
}

int rs_table_load_end(struct rs_table_load *l, bool keep, struct buf *report, struct err *err)
{
	int rc = 0;

	/* An empty file has no rows; over all rows it leaves none. */
	if (keep && (l->replace || spill_size(l->bytes) > 0)) {
		rc = commit(l, report, err);
	}
	load_free(l);
	return rc;
}

/* ---- errors.json ---- */

struct listing {
	json_t *list;
	uint64_t query;
};

static int add_error(void *arg, const struct rs_load_error *e, struct err *err)
{
	struct listing *all = arg;

	if (all->query != 0 && e->query != all->query) {
		return 1; /* an older load */
	}
	all->query = e->query;
	json_t *one = json_pack("{s:s, s:I, s:s, s:s, s:s, s:I, s:s, s:s, s:i, s:s}", "file",
		e->filename, "line", (json_int_t)e->line, "column", e->column, "type", e->type,
		"length", e->column_length, "position", (json_int_t)e->position, "raw_line",
		e->raw_line, "raw_field_value", e->raw_field, "code", e->code, "reason", e->reason);
	return one != NULL && json_array_append_new(all->list, one) == 0
		       ? 0
		       : err_set(err, ENOMEM, "out of memory");
}

static uint64_t table_id(struct rs_cluster *c, struct slice key)
{
	struct rs_catalog *catalog = rs_leader_catalog(c->leader);
	const struct rs_table *t = rs_catalog_by_key(catalog, key);
	uint64_t id = t != NULL ? t->id : 0;

	rs_catalog_unref(catalog);
	return id;
}

int rs_load_errors_json(
	struct rs_cluster *c, struct slice table_key, struct buf *out, struct err *err)
{
	uint64_t id = table_id(c, table_key);
	json_auto_t *list = json_array();
	struct listing all = {.list = list};

	if (id == 0) {
		return err_set(
			err, ENOENT, "table %.*s does not exist", (int)table_key.n, table_key.p);
	}
	int rc = list == NULL ? err_set(err, ENOMEM, "out of memory")
			      : rs_leader_load_errors(c->leader, 0, id, add_error, &all, err);
	if (rc < 0) {
		return rc;
	}
	char *text = json_dumps(list, JSON_INDENT(2));
	if (text == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	buf_puts(out, text);
	buf_putc(out, '\n');
	free(text);
	return buf_check(out, err);
}
