/* UNLOAD: the rows of a query as files.
 *
 * With PARALLEL ON rows are dealt out to as many streams as there are slices, some hundred at a
 * time; with OFF there is one. Each stream is a file, or several of MAXFILESIZE, and with PARTITION
 * BY one for each partition, in a folder COLUMN=VALUE. All are written under names that begin with
 * a dot, which no reader of the folder takes, made durable, and get their own names when the last
 * row is out. So a failure leaves nothing, and no file under its own name is ever half one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/json.h"
#include "engines/redshift/load/compress.h"
#include "engines/redshift/load/load.h"
#include "engines/redshift/load/parquet.h"
#include "engines/redshift/load/unload_row.h"

#define RUN_ROWS      512U /* of one stream, before the next one's turn */
#define OPEN_MAX      200U
#define PARQUET_MAX   16U
#define FILE_SIZE_MAX ((uint64_t)6200 * 1000 * 1000)

struct made {
	char *address, *path, *temp;
	uint64_t rows, bytes;
	bool named; /* bears its own name */
};

/* An open file. */
struct stream {
	TAILQ_ENTRY(stream) link; /* the one used last at the end */
	char *folder;		  /* "year=2008/", or "" */
	unsigned slice;
	unsigned made; /* index */
	int fd;
	struct rs_compress *compress;
	struct rs_parquet *parquet;
	struct buf text;
	uint64_t bytes; /* of text before it was compressed */
};
TAILQ_HEAD(streams, stream);

struct unload {
	const struct rs_txn *txn;
	const struct rs_unload *how;
	struct rs_unload_format format;
	unsigned *columns; /* that are written */
	unsigned *by;	   /* of PARTITION BY */
	unsigned *widths;
	struct sql_value *chosen; /* room for one row of these */
	struct rs_rows rows;
	struct buf path; /* of the prefix */
	struct streams streams;
	unsigned n_streams;
	struct made *made;
	unsigned n_made;
	unsigned slices;
	uint64_t n_rows;
	uint64_t max_bytes;
	struct buf node; /* of the site, for Parquet */
};

/* ---- names ---- */

static int make_folders(const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf step = BUF_INIT;
	for (const char *slash = strchr(path + 1, '/'); slash != NULL;
		slash = strchr(slash + 1, '/')) {
		buf_clear(&step);
		buf_append(&step, path, (size_t)(slash - path));
		if (mkdir(buf_cstr(&step), 0777) != 0 && errno != EEXIST) {
			return err_errno(err, "%s", buf_cstr(&step));
		}
	}
	return 0;
}

/* How many files of the stream there are already. */
static unsigned count_parts(const struct unload *u, const char *stem)
{
	unsigned n = 0;
	size_t length = strlen(stem);
	for (unsigned i = 0; i < u->n_made; i++) {
		n += strncmp(u->made[i].address, stem, length) == 0;
	}
	return n;
}

static void print_name(const struct unload *u, const struct stream *s, struct buf *out)
{
	CLEANUP(buf_free) struct buf stem = BUF_INIT;
	bool folder = u->how->n_partition_by > 0 && u->how->to[strlen(u->how->to) - 1] != '/';
	buf_printf(&stem, "%s%s%s", u->how->to, folder ? "/" : "", s->folder);
	if (u->how->parallel) {
		buf_printf(&stem, "%04u_part_", s->slice);
	}
	unsigned part = count_parts(u, buf_cstr(&stem));
	buf_printf(out, u->how->parallel ? "%s%02u" : "%s%03u", buf_cstr(&stem), part);
	buf_puts(out, u->how->format == RS_FORMAT_PARQUET
			      ? ".parquet"
			      : rs_compress_suffixes[u->how->compression]);
}

static int new_made(struct unload *u, const struct stream *s, struct err *err)
{
	CLEANUP(buf_free) struct buf address = BUF_INIT;
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	print_name(u, s, &address);
	int rc = rs_file_path(u->txn->next, buf_cstr(&address), &path, err);
	if (rc < 0) {
		return rc;
	}
	const char *slash = strrchr(buf_cstr(&path), '/');
	buf_append(&temp, path.p, (size_t)(slash - path.p) + 1);
	buf_printf(&temp, ".unload-%llu-%s", (unsigned long long)u->txn->xid, slash + 1);
	struct made *more = temp.failed ? NULL : realloc(u->made, (u->n_made + 1) * sizeof(*more));
	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	u->made = more;
	more[u->n_made] = (struct made){.address = strdup(buf_cstr(&address)),
		.path = strdup(buf_cstr(&path)),
		.temp = strdup(buf_cstr(&temp))};
	u->n_made++;
	const struct made *m = &more[u->n_made - 1];
	return m->address != NULL && m->path != NULL && m->temp != NULL
		       ? make_folders(m->path, err)
		       : err_set(err, ENOMEM, "out of memory");
}

/* ---- streams ---- */

static void stream_free(struct unload *u, struct stream *s)
{
	TAILQ_REMOVE(&u->streams, s, link);
	u->n_streams--;
	rs_compress_free(s->compress);
	rs_parquet_free(s->parquet);
	if (s->fd >= 0) {
		close(s->fd);
	}
	buf_free(&s->text);
	free(s->folder);
	free(s);
}

static int open_file(struct unload *u, struct stream *s, struct err *err)
{
	const struct rs_unload *how = u->how;
	int rc = new_made(u, s, err);
	if (rc < 0) {
		return rc;
	}
	s->made = u->n_made - 1;
	if (how->format == RS_FORMAT_PARQUET) {
		const char **names = calloc(u->format.n + 1, sizeof(*names));
		struct sql_type *types = calloc(u->format.n + 1, sizeof(*types));
		for (unsigned k = 0; names != NULL && types != NULL && k < u->format.n; k++) {
			names[k] = u->format.names[u->columns[k]];
			types[k] = u->format.types[u->columns[k]];
		}
		rc = names == NULL || types == NULL
			     ? err_set(err, ENOMEM, "out of memory")
			     : rs_parquet_new(rs_nodes_site(u->txn->look.nodes), buf_cstr(&u->node),
				       names, types, u->format.n, &s->parquet, err);
		free(types);
		free(names);
		return rc;
	}
	s->fd = open(u->made[s->made].temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (s->fd < 0) {
		return err_errno(err, "%s", u->made[s->made].temp);
	}
	rc = rs_compress_new(how->compression, s->fd, &s->compress, err);
	if (rc == 0 && how->header) {
		rs_unload_header(&u->format, &s->text);
	}
	return rc;
}

static int close_file(struct unload *u, struct stream *s, struct err *err)
{
	struct made *m = &u->made[s->made];
	struct stat st;
	int rc;
	if (s->parquet != NULL) {
		rc = rs_parquet_write(s->parquet, m->temp, err);
	} else {
		rc = rs_compress_add(s->compress, buf_slice(&s->text), err);
		rc = rc == 0 ? rs_compress_end(s->compress, err) : rc;
	}
	if (rc == 0 && s->fd < 0) {
		s->fd = open(m->temp, O_RDONLY | O_CLOEXEC);
	}
	if (rc == 0 && (s->fd < 0 || fsync(s->fd) != 0 || fstat(s->fd, &st) != 0)) {
		rc = err_errno(err, "%s", m->temp);
	} else if (rc == 0) {
		m->bytes = (uint64_t)st.st_size;
	}
	stream_free(u, s);
	return rc;
}

static int new_stream(
	struct unload *u, const char *folder, unsigned slice, struct stream **out, struct err *err)
{
	unsigned most = u->how->format == RS_FORMAT_PARQUET ? PARQUET_MAX : OPEN_MAX;
	int rc = u->n_streams >= most ? close_file(u, TAILQ_FIRST(&u->streams), err) : 0;
	struct stream *s = rc == 0 ? calloc(1, sizeof(*s)) : NULL;
	if (s == NULL) {
		return rc < 0 ? rc : err_set(err, ENOMEM, "out of memory");
	}
	s->fd = -1;
	s->slice = slice;
	s->folder = strdup(folder);
	TAILQ_INSERT_TAIL(&u->streams, s, link);
	u->n_streams++;
	rc = s->folder == NULL ? err_set(err, ENOMEM, "out of memory") : open_file(u, s, err);
	if (rc < 0) {
		stream_free(u, s);
		return rc;
	}
	*out = s;
	return 0;
}

static int stream_of(
	struct unload *u, const char *folder, unsigned slice, struct stream **out, struct err *err)
{
	struct stream *s;
	TAILQ_FOREACH_REVERSE (s, &u->streams, streams, link) {
		if (s->slice == slice && strcmp(s->folder, folder) == 0) {
			TAILQ_REMOVE(&u->streams, s, link);
			TAILQ_INSERT_TAIL(&u->streams, s, link);
			*out = s;
			return 0;
		}
	}
	return new_stream(u, folder, slice, out, err);
}

/* ---- rows ---- */

/* As Hive names them: what no file name may have, and '%', is %XX. */
static void print_folder(const struct unload *u, const struct sql_value *row, struct buf *out)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	for (unsigned i = 0; i < u->how->n_partition_by; i++) {
		unsigned column = u->by[i];
		buf_clear(&value);
		if (row[column].null) {
			buf_puts(&value, "__HIVE_DEFAULT_PARTITION__");
		} else {
			sql_value_print(&row[column], u->format.types[column], &value);
		}
		buf_printf(out, "%s=", u->how->partition_by[i]);
		for (size_t k = 0; k < value.n; k++) {
			unsigned char c = (unsigned char)value.p[k];
			if (c < ' ' || c == 0x7f || strchr("/%=:\"'\\*?", c) != NULL) {
				buf_printf(out, "%%%02X", c);
			} else {
				buf_putc(out, (char)c);
			}
		}
		buf_putc(out, '/');
	}
}

static int write_row(
	struct unload *u, struct stream *s, const struct sql_value *row, struct err *err)
{
	if (s->parquet != NULL) {
		for (unsigned k = 0; k < u->format.n; k++) {
			u->chosen[k] = row[u->columns[k]];
		}
		return rs_parquet_row(s->parquet, u->chosen, err);
	}
	size_t before = s->text.n;
	int rc = rs_unload_row(&u->format, row, &s->text, err);
	s->bytes += s->text.n - before;
	if (rc == 0 && s->text.n >= (size_t)256 * 1024) {
		rc = rs_compress_add(s->compress, buf_slice(&s->text), err);
		buf_clear(&s->text);
	}
	return rc;
}

static int take_row(struct unload *u, const struct sql_value *row, struct err *err)
{
	CLEANUP(buf_free) struct buf folder = BUF_INIT;
	struct stream *s = NULL;
	unsigned slice = u->how->parallel ? (unsigned)(u->n_rows / RUN_ROWS % u->slices) : 0;
	print_folder(u, row, &folder);
	int rc = stream_of(u, buf_cstr(&folder), slice, &s, err);
	if (rc < 0 || s == NULL) {
		return rc;
	}
	rc = write_row(u, s, row, err);
	if (rc < 0) {
		return rc;
	}
	u->n_rows++;
	u->made[s->made].rows++;
	bool full =
		s->compress != NULL && rs_compress_written(s->compress) + s->text.n >= u->max_bytes;
	return full ? close_file(u, s, err) : 0;
}

static int take_rows(struct unload *u, struct err *err)
{
	const struct sql_value *row;
	int rc;
	while ((rc = rs_rows_step(&u->rows, &row, err)) == 1) {
		rc = take_row(u, row, err);
		if (rc < 0) {
			return rc;
		}
	}
	while (rc == 0 && !TAILQ_EMPTY(&u->streams)) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the freed one is out of the list */
		rc = close_file(u, TAILQ_FIRST(&u->streams), err);
	}
	return rc;
}

/* ---- what it was told ---- */

static int find_column(const struct unload *u, const char *name, unsigned *out, struct err *err)
{
	for (unsigned i = 0; i < u->rows.n_columns; i++) {
		if (strcmp(u->rows.names[i], name) == 0) {
			*out = i;
			return 0;
		}
	}
	return err_set(err, EINVAL, "column %s is none of the query's", name);
}

static bool is_partition(const struct unload *u, unsigned column)
{
	for (unsigned i = 0; i < u->how->n_partition_by; i++) {
		if (u->by[i] == column) {
			return true;
		}
	}
	return false;
}

static int choose_columns(struct unload *u, struct err *err)
{
	unsigned n = u->rows.n_columns;
	u->columns = calloc(n + 1, sizeof(*u->columns));
	u->by = calloc(u->how->n_partition_by + 1, sizeof(*u->by));
	u->chosen = calloc(n + 1, sizeof(*u->chosen));
	if (u->columns == NULL || u->by == NULL || u->chosen == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < u->how->n_partition_by; i++) {
		int rc = find_column(u, u->how->partition_by[i], &u->by[i], err);
		if (rc < 0) {
			return rc;
		}
	}
	for (unsigned i = 0; i < n; i++) {
		if (u->how->include || !is_partition(u, i)) {
			u->columns[u->format.n++] = i;
		}
	}
	return u->format.n > 0
		       ? 0
		       : err_set(err, EINVAL,
				 "PARTITION BY leaves no column to write; INCLUDE keeps them");
}

/* "name:10,other:5", in the order of the columns. */
static int choose_widths(struct unload *u, struct err *err)
{
	const char *at = u->how->fixed_width;
	u->widths = calloc(u->format.n + 1, sizeof(*u->widths));
	if (u->widths == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned k = 0; k < u->format.n; k++) {
		const char *colon = at != NULL ? strchr(at, ':') : NULL;
		char *end = NULL;
		unsigned long width = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
		bool last = k + 1 == u->format.n;
		if (width == 0 || width > SQL_VARCHAR_MAX || *end != (last ? '\0' : ',')) {
			return err_set(err, EINVAL,
				"FIXEDWIDTH '%s': a 'COLUMN:WIDTH' for each of the %u columns is "
				"expected",
				u->how->fixed_width, u->format.n);
		}
		u->widths[k] = (unsigned)width;
		at = end + 1;
	}
	u->format.widths = u->widths;
	return 0;
}

/* Files that are there already: refused, or (CLEANPATH) in the way no longer. */
static int clear_prefix(struct unload *u, bool remove, struct err *err)
{
	struct rs_files there;
	int rc = rs_files_list(u->txn->next, u->how->to, false, &there, err);
	for (unsigned i = 0; rc == 0 && remove && i < there.n; i++) {
		bool ours = strstr(there.file[i].path, "/.unload-") != NULL;
		if (!ours && unlink(there.file[i].path) != 0 && errno != ENOENT) {
			rc = err_errno(err, "%s", there.file[i].path);
		}
	}
	if (rc == 0 && !remove && there.n > 0) {
		rc = err_set(err, EEXIST,
			"%s is there already: another prefix, ALLOWOVERWRITE or CLEANPATH is "
			"expected",
			there.file[0].address);
	}
	rs_files_clear(&there);
	return rc;
}

static int prepare(struct unload *u, struct err *err)
{
	const struct rs_unload *how = u->how;
	int rc = choose_columns(u, err);
	rc = rc == 0 && how->fixed_width != NULL ? choose_widths(u, err) : rc;
	u->format.how = how;
	u->format.names = u->rows.names;
	u->format.types = u->rows.types;
	u->format.columns = u->columns;
	if (how->delimiter != '\0') {
		u->format.delimiter = how->delimiter;
	} else if (how->format == RS_FORMAT_CSV) {
		u->format.delimiter = ',';
	} else {
		u->format.delimiter = '|';
	}
	u->slices = rs_nodes_slices(u->txn->look.nodes);
	u->max_bytes = how->max_file_size > 0 ? how->max_file_size : FILE_SIZE_MAX;
	rs_nodes_file(u->txn->look.nodes, 0, &u->node);
	/* It is quoted for SQL. */
	if (u->node.n > 2 && u->node.p[0] == '"') {
		memmove(u->node.p, u->node.p + 1, u->node.n - 2);
		u->node.n -= 2;
	}
	rc = rc == 0 ? buf_check(&u->node, err) : rc;
	return rc == 0 && !how->allow_overwrite && !how->clean_path ? clear_prefix(u, false, err)
								    : rc;
}

/* ---- the end ---- */

static int sync_folder(const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf folder = BUF_INIT;
	buf_append(&folder, path, (size_t)(strrchr(path, '/') - path));
	CLEANUP(cleanup_close) int fd = open(buf_cstr(&folder), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 || fsync(fd) != 0 ? err_errno(err, "%s", buf_cstr(&folder)) : 0;
}

static int give_names(struct unload *u, struct err *err)
{
	int rc = u->how->clean_path ? clear_prefix(u, true, err) : 0;
	for (unsigned i = 0; rc == 0 && i < u->n_made; i++) {
		struct made *m = &u->made[i];
		rc = rename(m->temp, m->path) != 0 ? err_errno(err, "%s", m->path) : 0;
		m->named = rc == 0;
		rc = rc == 0 ? sync_folder(m->path, err) : rc;
	}
	return rc;
}

static json_t *describe_column(const struct unload *u, unsigned i)
{
	CLEANUP(buf_free) struct buf type = BUF_INIT;
	sql_type_print(u->format.types[i], &type);
	return json_pack(
		"{s:s, s:{s:s}}", "name", u->format.names[i], "type", "base", buf_cstr(&type));
}

static json_t *print_manifest(const struct unload *u)
{
	json_t *entries = json_array();
	json_t *all = json_pack("{s:o}", "entries", entries);
	for (unsigned i = 0; i < u->n_made; i++) {
		const struct made *m = &u->made[i];
		json_t *entry = json_pack("{s:s}", "url", m->address);
		if (u->how->verbose) {
			json_object_set_new(entry, "meta",
				json_pack("{s:I, s:I}", "content_length", (json_int_t)m->bytes,
					"record_count", (json_int_t)m->rows));
		}
		json_array_append_new(entries, entry);
	}
	if (u->how->verbose) {
		json_t *columns = json_array();
		for (unsigned k = 0; k < u->format.n; k++) {
			json_array_append_new(columns, describe_column(u, u->columns[k]));
		}
		json_object_set_new(all, "schema", json_pack("{s:o}", "elements", columns));
		json_object_set_new(
			all, "meta", json_pack("{s:I}", "record_count", (json_int_t)u->n_rows));
	}
	return all;
}

static int write_manifest(struct unload *u, struct err *err)
{
	CLEANUP(buf_free) struct buf address = BUF_INIT;
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	buf_printf(&address, "%smanifest", u->how->to);
	int rc = rs_file_path(u->txn->next, buf_cstr(&address), &path, err);
	rc = rc == 0 ? make_folders(buf_cstr(&path), err) : rc;
	if (rc < 0) {
		return rc;
	}
	buf_printf(&temp, "%s.unloading", buf_cstr(&path));
	json_auto_t *all = print_manifest(u);
	if (all == NULL || json_dump_file(all, buf_cstr(&temp), JSON_INDENT(2)) != 0 ||
		rename(buf_cstr(&temp), buf_cstr(&path)) != 0) {
		rc = err_errno(err, "%s", buf_cstr(&path));
		unlink(buf_cstr(&temp));
	}
	return rc;
}

static void clean_up(struct unload *u)
{
	while (!TAILQ_EMPTY(&u->streams)) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): the freed one is out of the list */
		stream_free(u, TAILQ_FIRST(&u->streams));
	}
	for (unsigned i = 0; i < u->n_made; i++) {
		struct made *m = &u->made[i];
		if (!m->named && m->temp != NULL) {
			unlink(m->temp);
		}
		free(m->address);
		free(m->path);
		free(m->temp);
	}
	free(u->made);
	free(u->columns);
	free(u->by);
	free(u->widths);
	free(u->chosen);
	buf_free(&u->path);
	buf_free(&u->node);
}

int rs_unload(struct rs_txn *t, const struct rs_statement *s, struct buf *report, struct err *err)
{
	struct unload u = {.txn = t, .how = &s->unload};
	json_t *tree = json_deep_copy(s->unload.tree);
	TAILQ_INIT(&u.streams);
	int rc = rs_file_path(t->next, s->unload.to, &u.path, err);
	if (rc < 0 || tree == NULL) {
		json_decref(tree);
		buf_free(&u.path);
		return rc < 0 ? rc : err_set(err, ENOMEM, "out of memory");
	}
	rc = rs_rows_begin_tree(&t->look.sight, tree, slice_of(s->unload.select), &u.rows, err);
	if (rc == 0) {
		rc = prepare(&u, err);
		rc = rc == 0 ? take_rows(&u, err) : rc;
		rc = rc == 0 ? give_names(&u, err) : rc;
		rc = rc == 0 && u.how->manifest ? write_manifest(&u, err) : rc;
		if (rc == 0) {
			buf_printf(report, "UNLOAD: %llu rows, %u files\n",
				(unsigned long long)u.n_rows, u.n_made);
		}
		rs_rows_end(&u.rows);
	}
	clean_up(&u);
	return rc;
}
