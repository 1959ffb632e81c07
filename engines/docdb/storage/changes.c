/* The change feed: one line a change, written in the transaction of the change itself, so that
 * it is there exactly when the change is. A line stands in the feed of its collection and, with
 * the lines of all others, in that of the cluster; its place in each is kept with it, so that a
 * reader who comes back with an offset finds the next byte, also when older lines are gone. */
#include <errno.h>

#include "engines/docdb/storage/documents.h"
#include "engines/docdb/values/ejson.h"

/* Looked at in one go by docdb_changes_prune(); the rest waits for the next. */
#define PRUNE_MAX 100000

/* ---- making a line ---- */

static void put_text(struct buf *out, struct slice text)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	uint32_t n = (uint32_t)text.n + 1;

	buf_append(&raw, &n, sizeof(n));
	buf_append_slice(&raw, text);
	buf_putc(&raw, '\0');
	ejson_print_value(
		(struct doc_value){BSON_TYPE_UTF8, buf_slice(&raw)}, EJSON_RELAXED, false, out);
}

static void put_ns(struct buf *out, const char *member, struct slice collection)
{
	buf_printf(out, ",\"%s\":{\"db\":\"" DOCDB_DATABASE "\",\"coll\":", member);
	put_text(out, collection);
	buf_putc(out, '}');
}

/* All changes of one write have one time, as those of one transaction have. */
static void put_head(struct docdb_conn *c, struct docdb_touched *t, const char *op, struct buf *out)
{
	int64_t ns = docdb_time_ns(c);

	buf_printf(out,
		"{\"_id\":{\"_data\":\"%016llx%08x\"},\"operationType\":\"%s\",\"clusterTime\":"
		"{\"$timestamp\":{\"t\":%lld,\"i\":%lld}}",
		(unsigned long long)ns, ++c->changed->n_events, op, (long long)(ns / 1000000000),
		(long long)(ns % 1000000000));
	if (t->ns.n == 0) {
		put_ns(&t->ns, "ns", slice_of(t->c.name));
	}
	buf_append_slice(out, buf_slice(&t->ns));
}

static bool same(struct doc_value a, struct doc_value b)
{
	return a.type == b.type && slice_equal(a.raw, b.raw);
}

/* What an update did, by top-level fields. */
static void put_description(struct slice old, struct slice document, struct buf *out)
{
	CLEANUP(buf_free) struct buf d = BUF_INIT;
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	unsigned n = 0;

	size_t start = doc_begin(&d);
	size_t updated = doc_put_begin(&d, slice_of("updatedFields"), BSON_TYPE_DOCUMENT);
	doc_iter_init(&it, document);
	while (doc_next(&it, &name, &v)) {
		if (!same(v, doc_field(old, name))) {
			doc_put(&d, name, v);
		}
	}
	doc_end(&d, updated);
	doc_end(&d, start);
	buf_puts(out, ",\"updateDescription\":");
	ejson_print(buf_slice(&d), EJSON_RELAXED, false, out);
	/* The list of names goes in before the closing bracket. */
	out->n -= out->n > 0;
	buf_puts(out, ",\"removedFields\":[");
	doc_iter_init(&it, old);
	while (doc_next(&it, &name, &v)) {
		if (doc_field(document, name).type == BSON_TYPE_EOD) {
			buf_puts(out, n++ > 0 ? "," : "");
			put_text(out, name);
		}
	}
	buf_puts(out, "],\"truncatedArrays\":[]}");
}

/* ---- keeping it ---- */

static int add_line(
	struct docdb_conn *c, struct docdb_touched *t, const struct buf *line, struct err *err)
{
	int rc = buf_check(line, err);
	rc = rc < 0 ? rc : docdb_state(c, err);
	sqlite3_stmt *stmt = rc < 0 ? NULL : docdb_stmt(c, CHANGE_ADD, err);

	if (stmt == NULL) {
		return -err->code;
	}
	c->changed->feed += line->n;
	c->changed->state_dirty = true;
	t->feed += line->n;
	t->dirty = true;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)c->changed->feed);
	sqlite3_bind_int64(stmt, 2, t->c.id);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)t->feed);
	sqlite3_bind_int64(stmt, 4, docdb_time_ns(c));
	store_bind_slice(stmt, 5, buf_slice(line));
	return docdb_run(stmt, err);
}

int docdb_changes_document(struct docdb_conn *c, struct docdb_touched *t, const char *op,
	struct doc_value id, struct slice old, struct slice document, struct err *err)
{
	CLEANUP(buf_free) struct buf line = BUF_INIT;

	if (!t->c.changes) {
		return 0;
	}
	put_head(c, t, op, &line);
	buf_puts(&line, ",\"documentKey\":{\"_id\":");
	ejson_print_value(id, EJSON_RELAXED, false, &line);
	buf_putc(&line, '}');
	if (document.n > 0) {
		buf_puts(&line, ",\"fullDocument\":");
		ejson_print(document, EJSON_RELAXED, false, &line);
	}
	if (op[0] == 'u') {
		put_description(old, document, &line);
	}
	buf_puts(&line, "}\n");
	return add_line(c, t, &line, err);
}

int docdb_changes_collection(struct docdb_conn *c, struct docdb_touched *t, const char *op,
	struct slice to, struct err *err)
{
	CLEANUP(buf_free) struct buf line = BUF_INIT;

	if (!t->c.changes) {
		return 0;
	}
	put_head(c, t, op, &line);
	if (to.n > 0) {
		put_ns(&line, "to", to);
	}
	buf_puts(&line, "}\n");
	return add_line(c, t, &line, err);
}

int docdb_changes_set(struct docdb_conn *c, struct slice collection, bool on, struct err *err)
{
	struct docdb_touched *t;

	int rc = docdb_touch(c, collection, &t, err);
	if (rc == 0 && t->c.changes != on) {
		t->c.changes = on;
		t->dirty = true;
	}
	return rc;
}

/* ---- reading ---- */

/* The number in the first row and the given column; `none` without a row. */
static int number_of(sqlite3_stmt *stmt, int column, uint64_t none, uint64_t *out, struct err *err)
{
	int rc = store_step(stmt, err);

	if (rc >= 0) {
		*out = rc == 1 ? (uint64_t)sqlite3_column_int64(stmt, column) : none;
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

static int bounds_of(struct docdb_conn *c, struct slice collection, int64_t *id, uint64_t *start,
	uint64_t *end, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, COLLECTION_FIND, err);

	if (stmt == NULL) {
		return -err->code;
	}
	store_bind_slice(stmt, 1, collection);
	int rc = store_step(stmt, err);
	if (rc != 1) {
		sqlite3_reset(stmt);
		return rc < 0 ? rc : docdb_no_collection(collection, err);
	}
	*id = sqlite3_column_int64(stmt, 0);
	*end = (uint64_t)sqlite3_column_int64(stmt, 7);
	stmt = docdb_stmt(c, CHANGES_FIRST_OF, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, *id);
	return number_of(stmt, 0, *end, start, err);
}

static int bounds(struct docdb_conn *c, struct slice collection, int64_t *id, uint64_t *start,
	uint64_t *end, struct err *err)
{
	if (collection.n > 0) {
		return bounds_of(c, collection, id, start, end, err);
	}
	sqlite3_stmt *stmt = docdb_stmt(c, STATE_GET, err);
	if (stmt == NULL) {
		return -err->code;
	}
	int rc = number_of(stmt, 2, 0, end, err);
	stmt = rc < 0 ? NULL : docdb_stmt(c, CHANGES_FIRST, err);
	return stmt == NULL ? -err->code : number_of(stmt, 0, *end, start, err);
}

int docdb_changes_bounds(struct docdb_conn *c, struct slice collection, uint64_t *start,
	uint64_t *end, struct err *err)
{
	int64_t id;

	return bounds(c, collection, &id, start, end, err);
}

/* Appends the lines behind `offset`, `max` bytes at most. */
static int read_lines(
	sqlite3_stmt *stmt, uint64_t offset, size_t max, struct buf *out, struct err *err)
{
	size_t before = out->n;
	int rc = 0;

	while (out->n - before < max && (rc = store_step(stmt, err)) == 1) {
		uint64_t end = (uint64_t)sqlite3_column_int64(stmt, 0);
		struct slice line = store_column_slice(stmt, 1);
		uint64_t begin = end - line.n;
		size_t skip = offset > begin ? (size_t)(offset - begin) : 0;
		size_t n = line.n - skip;
		size_t room = max - (out->n - before);
		buf_append(out, line.p + skip, n < room ? n : room);
		rc = buf_check(out, err);
		if (rc < 0) {
			break;
		}
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

int docdb_changes_read(struct docdb_conn *c, struct slice collection, uint64_t offset, size_t max,
	struct buf *out, struct err *err)
{
	int64_t id = 0;
	uint64_t start = 0;
	uint64_t end = 0;

	int rc = bounds(c, collection, &id, &start, &end, err);
	if (rc < 0) {
		return rc;
	}
	if (offset < start) {
		return err_set(err, ERANGE,
			"the change feed begins at byte %llu: what came before is older than it is "
			"kept",
			(unsigned long long)start);
	}
	sqlite3_stmt *stmt = docdb_stmt(c, collection.n > 0 ? CHANGES_READ_OF : CHANGES_READ, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)offset);
	if (collection.n > 0) {
		sqlite3_bind_int64(stmt, 2, id);
	}
	return read_lines(stmt, offset, max, out, err);
}

/* ---- forgetting ---- */

/* The end of the last line that is to go; 0: none. */
/* The last of the first `most` that are older. */
static int find_old(
	struct docdb_conn *c, int64_t before_ns, unsigned most, int64_t *last, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, CHANGES_OLD, err);
	int rc = 0;

	if (stmt == NULL) {
		return -err->code;
	}
	*last = 0;
	for (unsigned i = 0; i < most && (rc = store_step(stmt, err)) == 1; i++) {
		if (sqlite3_column_int64(stmt, 1) >= before_ns) {
			break;
		}
		*last = sqlite3_column_int64(stmt, 0);
	}
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

int docdb_changes_old(struct docdb_conn *c, int64_t before_ns, bool *any, struct err *err)
{
	int64_t last = 0;

	int rc = find_old(c, before_ns, 1, &last, err);
	*any = last != 0;
	return rc;
}

int docdb_changes_prune(struct docdb_conn *c, int64_t before_ns, struct err *err)
{
	int64_t last = 0;

	int rc = find_old(c, before_ns, PRUNE_MAX, &last, err);
	if (rc < 0 || last == 0) {
		return rc;
	}
	sqlite3_stmt *stmt = docdb_stmt(c, CHANGES_DROP, err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(stmt, 1, last);
	return docdb_run(stmt, err);
}
