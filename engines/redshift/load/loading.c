/* A load: which columns the files have, and one file after the other. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/common/suggest.h"
#include "engines/redshift/load/loading_impl.h"

/* A load that is refused in any case reads no further than this. */
#define ALL_MAX 1000

/* ---- columns ---- */

static const char *column_name(const void *arg, unsigned i)
{
	const struct rs_table *t = arg;
	return i < t->n_columns ? t->columns[i].name : NULL;
}

static int find_column(const struct rs_table *t, const char *name, unsigned *out, struct err *err)
{
	for (unsigned i = 0; i < t->n_columns; i++) {
		if (strcmp(t->columns[i].name, name) == 0) {
			*out = i;
			return 0;
		}
	}
	const char *near = suggest(name, column_name, t);
	return err_set(err, EINVAL, "column \"%s\" of relation \"%s\" does not exist%s%s%s", name,
		t->name, near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
		near == NULL ? "" : "\"?");
}

static int listed_column(
	const struct rs_loading *l, const char *name, struct load_column *out, struct err *err)
{
	int rc = find_column(l->table, name, &out->column, err);
	if (rc < 0) {
		return rc;
	}
	const struct rs_column *c = &l->table->columns[out->column];
	if (c->identity && !c->identity_by_default && !l->copy->explicit_ids) {
		return err_set(err, EINVAL,
			"column \"%s\" is an IDENTITY, whose values are made: leave it out of the "
			"list, or say EXPLICIT_IDS",
			name);
	}
	return 0;
}

static int listed_columns(const struct rs_loading *l, struct load_column *out, struct err *err)
{
	for (unsigned i = 0; i < l->copy->n_columns; i++) {
		int rc = listed_column(l, l->copy->columns[i], &out[i], err);
		if (rc < 0) {
			return rc;
		}
		for (unsigned k = 0; k < i; k++) {
			if (out[k].column == out[i].column) {
				return err_set(err, EINVAL, "column \"%s\" is listed twice",
					l->copy->columns[i]);
			}
		}
	}
	return 0;
}

static bool list_has(
	const struct rs_loading *l, unsigned column, const struct load_column *list, unsigned n)
{
	(void)l;
	for (unsigned i = 0; i < n; i++) {
		if (list[i].column == column) {
			return true;
		}
	}
	return false;
}

/* What the files do not have has to come from elsewhere. */
static int check_left_out(
	const struct rs_loading *l, const struct load_column *list, unsigned n, struct err *err)
{
	for (unsigned i = 0; i < l->table->n_columns; i++) {
		const struct rs_column *c = &l->table->columns[i];
		if (c->not_null && c->default_text == NULL && !c->identity &&
			!list_has(l, i, list, n)) {
			return err_set(err, EINVAL,
				"column \"%s\" is NOT NULL, has no DEFAULT, and is not loaded",
				c->name);
		}
	}
	return 0;
}

static void free_columns(struct rs_loading *l)
{
	free(l->column);
	free(l->types);
	free(l->names);
	free(l->sink_columns);
	free(l->sink_types);
	free(l->row);
	rs_fields_free(l->fields);
	l->column = NULL;
	l->types = NULL;
	l->names = NULL;
	l->sink_columns = NULL;
	l->sink_types = NULL;
	l->row = NULL;
	l->fields = NULL;
}

static bool room_for_columns(struct rs_loading *l, unsigned n)
{
	l->column = calloc(n + 1, sizeof(*l->column));
	l->types = calloc(n + 1, sizeof(*l->types));
	l->names = calloc(n + 1, sizeof(*l->names));
	l->sink_columns = calloc(n + 1, sizeof(*l->sink_columns));
	l->sink_types = calloc(n + 1, sizeof(*l->sink_types));
	l->row = calloc(n + 1, sizeof(*l->row));
	return l->column != NULL && l->types != NULL && l->names != NULL &&
	       l->sink_columns != NULL && l->sink_types != NULL && l->row != NULL;
}

int rs_load_set_columns(
	struct rs_loading *l, const struct load_column *columns, unsigned n, struct err *err)
{
	int rc = check_left_out(l, columns, n, err);

	if (rc < 0) {
		return rc;
	}
	free_columns(l);
	if (!room_for_columns(l, n)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	l->n = n;
	l->n_sink = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct rs_column *c = &l->table->columns[columns[i].column];
		l->column[i] = columns[i];
		l->types[i] = c->type;
		l->names[i] = c->name;
		if (!columns[i].passed_over) {
			l->sink_columns[l->n_sink] = columns[i].column;
			l->sink_types[l->n_sink++] = c->type;
		}
	}
	return rs_fields_new(l->copy, l->types, n, &l->fields, err);
}

/* Without a list the files have all columns; values for an IDENTITY are passed over. */
static void all_columns(const struct rs_loading *l, struct load_column *out)
{
	for (unsigned i = 0; i < l->table->n_columns; i++) {
		out[i].column = i;
		out[i].passed_over = l->table->columns[i].identity && !l->copy->explicit_ids;
	}
}

static int choose_columns(struct rs_loading *l, struct err *err)
{
	unsigned n = l->copy->columns != NULL ? l->copy->n_columns : l->table->n_columns;
	struct load_column *columns = calloc(n + 1, sizeof(*columns));
	int rc = 0;

	if (columns == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (l->copy->columns != NULL) {
		rc = listed_columns(l, columns, err);
	} else {
		all_columns(l, columns);
	}
	rc = rc < 0 ? rc : rs_load_set_columns(l, columns, n, err);
	free(columns);
	return rc;
}

/* ---- beginning ---- */

static bool has_word(const char *json)
{
	return json == NULL || strcasecmp(json, "auto") == 0 ||
	       strcasecmp(json, "auto ignorecase") == 0 || strcasecmp(json, "noshred") == 0;
}

static int read_small_file(const char *path, const char *address, struct buf *out, struct err *err)
{
	CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char piece[4096];
	ssize_t n;

	if (fd < 0) {
		return err_errno(err, "%s", address);
	}
	while ((n = read(fd, piece, sizeof(piece))) > 0 && out->n < RS_ROW_MAX) {
		buf_append(out, piece, (size_t)n);
	}
	return n < 0 ? err_errno(err, "%s", address) : buf_check(out, err);
}

static int read_paths(struct rs_loading *l, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	if (l->copy->format != RS_FORMAT_JSON || has_word(l->copy->json_paths)) {
		return 0;
	}
	int rc = rs_file_path(l->txn->next, l->copy->json_paths, &path, err);
	return rc < 0 ? rc : read_small_file(buf_cstr(&path), l->copy->json_paths, &l->paths, err);
}

static int find_table(struct rs_loading *l, struct err *err)
{
	const struct rs_name *name = &l->copy->table;
	bool told = name->schema != NULL && name->schema[0] != '\0';

	l->table = rs_catalog_table_mut(l->txn->next, name->schema, name->name);
	if (l->table != NULL) {
		return 0;
	}
	if (rs_catalog_view(l->txn->next, name->schema, name->name) != NULL) {
		return err_set(err, EINVAL, "\"%s\" is a view", name->name);
	}
	return err_set(err, ENOENT, "relation \"%s%s%s\" does not exist", told ? name->schema : "",
		told ? "." : "", name->name);
}

static int check_format(const struct rs_loading *l, struct err *err)
{
	const struct sql_driver *driver = l->txn->cluster->config.driver;

	if (l->copy->format != RS_FORMAT_PARQUET || driver->parquet) {
		return 0;
	}
	return err_set(err, EINVAL,
		"this cluster's driver is %s, which reads no Parquet: a build with DuckDB does; "
		"CSV "
		"and JSON are read by any",
		driver->name);
}

int rs_loading_new(struct rs_txn *t, const struct rs_copy *c, uint64_t query,
	struct rs_loading **out, struct err *err)
{
	struct rs_loading *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	l->txn = t;
	l->copy = c;
	l->query = query;
	l->start_ns = clock_wall_ns();
	l->parquet_fd = -1;
	l->refused_at = c->ignore_all_errors ? 0 : c->max_error > 1 ? c->max_error : 1;
	int rc = find_table(l, err);
	rc = rc < 0 ? rc : check_format(l, err);
	rc = rc < 0 ? rc : choose_columns(l, err);
	rc = rc < 0 ? rc : read_paths(l, err);
	if (rc < 0) {
		rs_loading_end(l, false, NULL, NULL);
		return rc;
	}
	*out = l;
	return 0;
}

void rs_loading_by_header(struct rs_loading *l)
{
	l->by_header = true;
}

void rs_loading_all_or_nothing(struct rs_loading *l)
{
	l->refused_at = ALL_MAX;
}

/* ---- files ---- */

static int on_bytes(void *arg, struct slice bytes, struct err *err)
{
	static const char mark[] = "\xef\xbb\xbf";
	struct rs_loading *l = arg;

	if (l->copy->format == RS_FORMAT_PARQUET) {
		return rs_load_parquet_feed(l, bytes, err);
	}
	/* A mark of UTF-8 at the head is no part of the first field. */
	if (!l->begun && bytes.n >= 3 && memcmp(bytes.p, mark, 3) == 0) {
		bytes.p += 3;
		bytes.n -= 3;
	}
	l->begun = true;
	return rs_parser_feed(l->parser, bytes, err);
}

static void forget_file(struct rs_loading *l)
{
	rs_parser_free(l->parser);
	rs_decompress_free(l->decompress);
	rs_load_parquet_forget(l);
	free(l->file);
	l->parser = NULL;
	l->decompress = NULL;
	l->file = NULL;
}

static int name_file(const struct rs_loading *l, int rc, struct err *err)
{
	return rc < 0 && l->file != NULL && strstr(err->msg, l->file) == NULL
		       ? err_wrap(err, "%s", l->file)
		       : rc;
}

static int end_file(struct rs_loading *l, struct err *err)
{
	int rc = 0;

	if (l->decompress != NULL) {
		rc = rs_decompress_end(l->decompress, err);
		if (rc == 0 && l->copy->format == RS_FORMAT_PARQUET) {
			rc = rs_load_parquet_end(l, err);
		} else if (rc == 0) {
			rc = rs_parser_end(l->parser, err);
		}
		rc = name_file(l, rc, err);
	}
	forget_file(l);
	return rc;
}

static int begin_file(struct rs_loading *l, const char *name, struct err *err)
{
	l->file = strdup(name);
	if (l->file == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	l->first = true;
	l->begun = false;
	l->result.files++;
	return 0;
}

static int open_parser(struct rs_loading *l, struct err *err)
{
	enum rs_compression how =
		l->copy->compression == RS_BY_SUFFIX ? RS_PLAIN : l->copy->compression;

	l->decompress = rs_decompress_new(how, on_bytes, l);
	if (l->decompress == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (l->copy->format == RS_FORMAT_PARQUET) {
		return 0;
	}
	return rs_parser_new(
		l->copy, buf_slice(&l->paths), l->names, l->n, rs_load_record, l, &l->parser, err);
}

int rs_loading_file(struct rs_loading *l, const char *name, struct err *err)
{
	int rc = end_file(l, err);

	rc = rc < 0 ? rc : begin_file(l, name, err);
	rc = rc < 0 ? rc : open_parser(l, err);
	if (rc < 0) {
		forget_file(l);
	}
	return rc;
}

int rs_loading_feed(struct rs_loading *l, struct slice bytes, struct err *err)
{
	return name_file(l, rs_decompress_feed(l->decompress, bytes, err), err);
}

/* ---- whole files ---- */

#define PIECE ((size_t)1 << 20)

static int read_all(struct rs_loading *l, int fd, struct rs_load_watch *watch, struct err *err)
{
	CLEANUP(cleanup_free) char *piece = malloc(PIECE);
	ssize_t n;
	int rc = piece == NULL ? err_set(err, ENOMEM, "out of memory") : 0;

	while (rc == 0 && (n = read(fd, piece, PIECE)) != 0) {
		if (n < 0) {
			return err_errno(err, "%s", l->file);
		}
		rc = rs_loading_feed(l, slice_make(piece, (size_t)n), err);
		if (watch != NULL) {
			watch->fn(watch->arg, (uint64_t)n);
		}
	}
	return rc;
}

int rs_loading_read(struct rs_loading *l, const char *name, const char *path,
	struct rs_load_watch *watch, struct err *err)
{
	if (l->copy->format == RS_FORMAT_PARQUET && l->copy->compression == RS_PLAIN) {
		int rc = end_file(l, err);
		rc = rc < 0 ? rc : begin_file(l, name, err);
		rc = rc < 0 ? rc : name_file(l, rs_load_parquet_file(l, path, err), err);
		forget_file(l);
		return rc;
	}
	CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return err_errno(err, "%s", name);
	}
	int rc = rs_loading_file(l, name, err);
	rc = rc < 0 ? rc : read_all(l, fd, watch, err);
	return rc < 0 ? rc : end_file(l, err);
}

/* ---- the end ---- */

void rs_loading_count(const struct rs_loading *l, struct rs_load_result *out)
{
	*out = l->result;
}

static void loading_free(struct rs_loading *l)
{
	forget_file(l);
	free_columns(l);
	for (unsigned i = 0; i < l->n_errors; i++) {
		rs_load_error_clear(&l->error[i]);
	}
	free(l->error);
	buf_free(&l->paths);
	buf_free(&l->wrong);
	buf_free(&l->parquet_path);
	free(l);
}

static int check_all(struct rs_loading *l, struct err *err)
{
	if (l->refused_at != ALL_MAX || l->result.rejected == 0) {
		return 0;
	}
	unsigned long long wrong = l->result.rejected;
	unsigned long long right = l->result.rows;
	return err_set(err, EINVAL,
		"%llu of %llu rows are wrong, so none was loaded; the first: %s", wrong,
		wrong + right, buf_cstr(&l->wrong));
}

int rs_loading_end(struct rs_loading *l, bool keep, struct rs_load_result *out, struct err *err)
{
	struct err ignored = {0};
	int rc = keep ? end_file(l, err) : 0;

	rc = rc == 0 && keep ? check_all(l, err) : rc;
	if (l->sink != NULL) {
		int ended = rs_sink_end(l->sink, keep && rc == 0, NULL, rc == 0 ? err : &ignored);
		rc = rc < 0 ? rc : ended;
	}
	int flushed = rs_load_flush_errors(l, rc == 0 ? err : &ignored);
	rc = rc < 0 ? rc : flushed;
	if (out != NULL) {
		*out = l->result;
	}
	loading_free(l);
	return rc;
}
