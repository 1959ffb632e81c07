/* Rows of external tables: each file through the parser of its format. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/lake/lake_impl.h"
#include "engines/redshift/load/decompress.h"
#include "engines/redshift/load/parser.h"

#define PIECE ((size_t)256 * 1024)

/* ---- bytes ---- */

struct limited {
	lake_bytes_fn *fn;
	void *arg;
	uint64_t left;
	bool limited;
	bool done; /* what follows is not wanted */
};

static int pass(void *arg, struct slice bytes, struct err *err)
{
	struct limited *l = arg;
	if (l->limited && bytes.n > l->left) {
		bytes.n = (size_t)l->left;
	}
	l->left -= l->limited ? bytes.n : 0;
	int rc = bytes.n > 0 ? l->fn(l->arg, bytes, err) : 0;
	l->done = l->limited && l->left == 0;
	return rc;
}

int lake_read_file(
	const struct rs_file *file, uint64_t max, lake_bytes_fn *fn, void *arg, struct err *err)
{
	struct limited l = {.fn = fn, .arg = arg, .left = max, .limited = max > 0};
	CLEANUP(cleanup_close) int fd = open(file->path, O_RDONLY | O_CLOEXEC);
	CLEANUP(cleanup_free) char *piece = malloc(PIECE);
	struct rs_decompress *d = rs_decompress_new(lake_compression_of(file->path), pass, &l);
	ssize_t n = 1;
	int rc = 0;
	if (fd < 0) {
		rc = err_errno(err, "%s", file->address);
	} else if (piece == NULL || d == NULL) {
		rc = err_set(err, ENOMEM, "out of memory");
	}
	while (rc == 0 && !l.done && n > 0) {
		n = read(fd, piece, PIECE);
		rc = n < 0    ? err_errno(err, "%s", file->address)
		     : n == 0 ? rs_decompress_end(d, err)
			      : rs_decompress_feed(d, slice_make(piece, (size_t)n), err);
	}
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	rs_decompress_free(d);
	return rc;
}

/* ---- rows ---- */

struct pouring {
	const struct lake_table *t;
	const bool *wanted;
	int (*emit)(void *arg, const struct sql_value *row, struct err *err);
	void *arg;
	struct sql_value *row;
	unsigned file;
	struct rs_parser *parser;
};

static bool is_null(const struct pouring *p, const struct rs_field *f, struct sql_type type)
{
	if (f->null || f->absent) {
		return true;
	}
	switch (p->t->format.format) {
	case RS_FORMAT_CSV: return f->text.n == 0 && !f->quoted;
	case RS_FORMAT_TEXT:
		return slice_is(f->text, "\\N") || (f->text.n == 0 && !sql_is_text(type.kind));
	default: return false;
	}
}

/* What is not there is NULL. */
static int take_field(struct pouring *p, const struct rs_record *r, unsigned i, struct err *err)
{
	struct sql_type type = p->t->columns[i].type;
	struct sql_value *v = &p->row[i];
	struct err why = {0};
	*v = (struct sql_value){.null = true};
	if (!p->wanted[i] || i >= r->n || is_null(p, &r->field[i], type)) {
		return 0;
	}
	v->null = false;
	if (sql_value_parse(r->field[i].text, type, v, &why) < 0) {
		return err_set(err, EINVAL, "%s line %llu, column %s: %s",
			p->t->files.file[p->file].address, (unsigned long long)r->line,
			p->t->columns[i].name, why.msg);
	}
	return 0;
}

static int take_record(void *arg, const struct rs_record *r, struct err *err)
{
	struct pouring *p = arg;
	if (r->code != 0) {
		return err_set(err, EINVAL, "%s line %llu: %s", p->t->files.file[p->file].address,
			(unsigned long long)r->line, r->reason);
	}
	for (unsigned i = 0; i < p->t->n_data; i++) {
		int rc = take_field(p, r, i, err);
		if (rc < 0) {
			return rc;
		}
	}
	return p->emit(p->arg, p->row, err);
}

/* What is the same for all rows of a file. */
static int begin_file(struct pouring *p, struct err *err)
{
	const struct lake_table *t = p->t;
	const struct rs_file *f = &t->files.file[p->file];
	for (unsigned i = 0; i < t->n_partitions; i++) {
		const char *text = t->values[p->file][i];
		struct sql_value *v = &p->row[t->n_data + i];
		v->null = text == NULL;
		int rc = text == NULL ? 0
				      : sql_value_parse(slice_of(text),
						t->columns[t->n_data + i].type, v, err);
		if (rc < 0) {
			return err_wrap(err, "%s", f->address);
		}
	}
	p->row[t->n_columns - 2] = (struct sql_value){.text = slice_of(f->address)};
	p->row[t->n_columns - 1] = (struct sql_value){.integer = (int64_t)f->size};
	return 0;
}

static int feed(void *arg, struct slice bytes, struct err *err)
{
	return rs_parser_feed(arg, bytes, err);
}

static int pour_file(struct pouring *p, struct err *err)
{
	const struct lake_table *t = p->t;
	struct rs_copy how = {.format = t->format.format,
		.delimiter = t->format.delimiter,
		.ignore_header = t->format.skip,
		.ignore_blank_lines = true,
		.json_paths = (char *)(uintptr_t) "auto ignorecase"};
	int rc = begin_file(p, err);
	rc = rc == 0 ? rs_parser_new(&how, slice_make("", 0), (const char *const *)t->names,
			       t->n_data, take_record, p, &p->parser, err)
		     : rc;
	if (rc < 0) {
		return rc;
	}
	rc = lake_read_file(&t->files.file[p->file], 0, feed, p->parser, err);
	rc = rc == 0 ? rs_parser_end(p->parser, err) : rc;
	rs_parser_free(p->parser);
	return rc;
}

int lake_pour(const struct rs_relation *r, const bool *columns,
	int (*emit)(void *arg, const struct sql_value *row, struct err *err), void *arg,
	struct err *err)
{
	const struct lake_table *t = r->source;
	struct pouring p = {.t = t, .wanted = columns, .emit = emit, .arg = arg};
	int rc = 0;
	if (t->format.format == RS_FORMAT_PARQUET) {
		return err_set(err, ENOTSUP,
			"%s is Parquet, which a cluster that %s runs cannot read", t->name,
			t->site->driver->name);
	}
	p.row = calloc(t->n_columns, sizeof(*p.row));
	if (p.row == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (; rc == 0 && p.file < t->files.n; p.file++) {
		rc = pour_file(&p, err);
	}
	free(p.row);
	return rc;
}
