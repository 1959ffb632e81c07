/* A table or partition as one text, a compact item a line: streamed from one
 * read transaction, so that it is of one moment and memory stays constant. */
#include "engines/dynamodb/dynamodb_sqlite.h"

#include <stdlib.h>

#define PIECE_BYTES ((size_t)128 * 1024)

struct exporter {
	struct ddb_place place;
	struct store_reader *reader;
	sqlite3_stmt *stmt;
	bool typed;
	bool array;    /* json: an array; else lines */
	bool finished; /* the end is written */
	uint64_t left; /* items still to come */
	uint64_t written;
	uint64_t size;
};

/* ---- open ---- */

static int find_format(struct exporter *x, const char *format, struct err *err)
{
	x->array = strcmp(format, "json") == 0;
	if (!x->array && strcmp(format, "jsonl") != 0) {
		return err_set(err, EINVAL, "format %s: json or jsonl is expected", format);
	}
	return 0;
}

/* "[\n" the items with ",\n" between "\n]\n", or "[]\n"; or each with "\n". */
static uint64_t whole_size(const struct exporter *x, uint64_t n, uint64_t bytes)
{
	if (!x->array) {
		return bytes + n;
	}
	return n == 0 ? 3 : bytes + 2 * (n - 1) + 5;
}

static int take_sums(struct exporter *x, struct err *err)
{
	bool part = x->place.kind == DDB_PART;
	STMT stmt = store_reader_stmt(x->reader, part ? SUMS_PART : SUMS_TABLE, err);

	if (stmt == NULL) {
		return -err->code;
	}
	if (part) {
		store_bind_slice(stmt, 1, buf_slice(&x->place.pk));
	}
	int rc = store_step(stmt, err);
	if (rc == 1) {
		x->left = sql_column_uint(stmt, 0);
		x->size = whole_size(x, x->left, sql_column_uint(stmt, x->typed ? 2 : 1));
	}
	return rc < 0 ? rc : 0;
}

static int check_part(struct exporter *x, const struct epath *path, struct err *err)
{
	if (x->place.kind != DDB_PART) {
		return 0;
	}
	STMT stmt = store_reader_stmt(x->reader, PART_FIND, err);
	if (stmt == NULL) {
		return -err->code;
	}
	store_bind_slice(stmt, 1, buf_slice(&x->place.pk));
	int rc = store_step(stmt, err);
	return rc == 0 ? ddb_no_path(path, err) : (rc < 0 ? rc : 0);
}

static int begin(struct exporter *x, const struct epath *path, struct err *err)
{
	struct store *s;

	int rc = ddb_table_store(x->place.table, &s, err);
	rc = rc < 0 ? rc : store_read_begin(s, STORE_ALL_KEYS, &x->reader, err);
	rc = rc < 0 ? rc : check_part(x, path, err);
	rc = rc < 0 ? rc : take_sums(x, err);
	if (rc < 0) {
		return rc;
	}
	bool part = x->place.kind == DDB_PART;
	x->stmt = store_reader_stmt(x->reader, part ? EXPORT_PART : EXPORT_TABLE, err);
	if (x->stmt == NULL) {
		return -err->code;
	}
	if (part) {
		store_bind_slice(x->stmt, 1, buf_slice(&x->place.pk));
	}
	return 0;
}

int dynamodb_sqlite_export_open(void *ctx, const struct epath *path, const char *format,
	void **stream, uint64_t *size, struct err *err)
{
	struct ddb_db *db = ctx;
	struct exporter *x = calloc(1, sizeof(*x));

	if (x == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	x->typed = db->typed;
	int rc = find_format(x, format, err);
	rc = rc < 0 ? rc : ddb_place_find(db, path, false, &x->place, err);
	if (rc == 0 && x->place.kind != DDB_TABLE && x->place.kind != DDB_PART) {
		rc = err_set(err, ENOTSUP, "a table or a partition can be exported");
	}
	rc = rc < 0 ? rc : begin(x, path, err);
	if (rc < 0) {
		dynamodb_sqlite_export_close(x);
		return rc;
	}
	*stream = x;
	*size = x->size;
	return 0;
}

void dynamodb_sqlite_export_close(void *stream)
{
	struct exporter *x = stream;

	sql_cleanup(&x->stmt);
	read_cleanup(&x->reader);
	ddb_place_free(&x->place);
	free(x);
}

/* ---- read ---- */

static int add_item(struct exporter *x, struct buf *out, struct err *err)
{
	struct slice doc = store_column_slice(x->stmt, 0);
	int rc = 0;

	if (x->array) {
		buf_puts(out, x->written == 0 ? "[\n" : ",\n");
	}
	if (x->typed) {
		rc = ddb_doc_typed(doc, false, out, err);
	} else {
		ddb_doc_compact(doc, out);
	}
	if (!x->array) {
		buf_putc(out, '\n');
	}
	x->written++;
	x->left--;
	return rc;
}

static void add_end(struct exporter *x, struct buf *out)
{
	if (x->array) {
		buf_puts(out, x->written == 0 ? "[]\n" : "\n]\n");
	}
	x->finished = true;
}

/* The size told at open is a promise: a store whose sums and texts disagree is
 * damaged. */
static int check_end(struct exporter *x, uint64_t bytes, struct err *err)
{
	if (bytes > x->size || (x->finished && bytes != x->size)) {
		return err_set(err, EIO,
			"the table's file is damaged: its sizes are not those of "
			"its items");
	}
	x->size -= bytes;
	return 0;
}

int dynamodb_sqlite_export_read(void *stream, struct buf *out, struct err *err)
{
	struct exporter *x = stream;
	size_t before = out->n;

	if (x->finished) {
		return 0;
	}
	while (out->n - before < PIECE_BYTES && x->left > 0) {
		int rc = store_step(x->stmt, err);
		rc = rc == 1 ? add_item(x, out, err) : rc;
		if (rc < 0) {
			return rc;
		}
		if (out->failed || sqlite3_stmt_busy(x->stmt) == 0) {
			break;
		}
	}
	if (x->left == 0 || sqlite3_stmt_busy(x->stmt) == 0) {
		add_end(x, out);
	}
	int rc = buf_check(out, err);
	return rc < 0 ? rc : check_end(x, out->n - before, err);
}
