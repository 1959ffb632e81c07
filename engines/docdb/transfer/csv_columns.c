/* Documents as rows of dotted columns. Columns are found by their header's text; for
 * reading they hang in a tree besides, so that members of one object come together. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/json.h"
#include "engines/common/name.h"
#include "engines/docdb/transfer/csv.h"
#include "engines/docdb/values/ejson.h"

#define COLUMNS_MAX 65536
#define NO_COLUMN   UINT32_MAX

struct node {
	char *name;
	uint32_t column;
	struct node *child;
	struct node *last;
	struct node *next;
};

struct csv_columns {
	char **header; /* as in the header, not yet as a field */
	uint32_t n;
	uint32_t *slots; /* by hash: the column, or NO_COLUMN */
	uint32_t n_slots;
	struct doc_value *cells; /* of the row being printed */
	struct node root;
};

struct csv_columns *csv_columns_new(void)
{
	struct csv_columns *c = calloc(1, sizeof(*c));
	if (c != NULL) {
		c->root.column = NO_COLUMN;
	}
	return c;
}

static void free_nodes(struct node *node)
{
	while (node != NULL) {
		struct node *next = node->next;
		free_nodes(node->child);
		free(node->name);
		free(node);
		node = next;
	}
}

void csv_columns_free(struct csv_columns *c)
{
	if (c == NULL) {
		return;
	}
	for (uint32_t i = 0; i < c->n; i++) {
		free(c->header[i]);
	}
	free(c->header);
	free(c->slots);
	free(c->cells);
	free_nodes(c->root.child);
	free(c);
}

/* ---- columns by their text ---- */

static uint32_t slot_of(const struct csv_columns *c, struct slice text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < text.n; i++) {
		hash = (hash ^ (unsigned char)text.p[i]) * UINT64_C(0x100000001b3);
	}
	uint32_t slot = (uint32_t)(hash >> 32) & (c->n_slots - 1);
	while (c->slots[slot] != NO_COLUMN &&
		!slice_equal(slice_of(c->header[c->slots[slot]]), text)) {
		slot = (slot + 1) & (c->n_slots - 1);
	}
	return slot;
}

static uint32_t find_column(const struct csv_columns *c, struct slice text)
{
	return c->n_slots == 0 ? NO_COLUMN : c->slots[slot_of(c, text)];
}

/* Room for one more; at most half of the slots are taken. */
static int grow(struct csv_columns *c, struct err *err)
{
	if (c->n == COLUMNS_MAX) {
		return err_set(
			err, EFBIG, "more than %d columns: jsonl has no such limit", COLUMNS_MAX);
	}
	if (2 * (c->n + 1) <= c->n_slots) {
		return 0;
	}
	uint32_t n = c->n_slots == 0 ? 64 : 2 * c->n_slots;
	char **header = realloc(c->header, n * sizeof(*header));
	c->header = header != NULL ? header : c->header;
	struct doc_value *cells = realloc(c->cells, n * sizeof(*cells));
	c->cells = cells != NULL ? cells : c->cells;
	uint32_t *slots = malloc(n * sizeof(*slots));
	if (header == NULL || cells == NULL || slots == NULL) {
		free(slots);
		return err_set(err, ENOMEM, "out of memory");
	}
	free(c->slots);
	c->slots = slots;
	c->n_slots = n;
	memset(slots, 0xff, n * sizeof(*slots));
	for (uint32_t i = 0; i < c->n; i++) {
		slots[slot_of(c, slice_of(c->header[i]))] = i;
	}
	return 0;
}

static int add_column(struct csv_columns *c, struct slice text, struct err *err)
{
	int rc = grow(c, err);
	if (rc < 0) {
		return rc;
	}
	char *copy = strndup(text.p, text.n);
	if (copy == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	c->slots[slot_of(c, text)] = c->n;
	c->header[c->n++] = copy;
	return 0;
}

/* ---- documents to cells ---- */

typedef int cell_fn(
	struct csv_columns *c, struct slice column, struct doc_value v, struct err *err);

static bool is_awkward(struct slice name)
{
	return name.n == 0 || name.p[0] == '"' || memchr(name.p, '.', name.n) != NULL;
}

/* Whether the members have columns of their own. */
static bool spreads(struct doc_value v)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value member;
	if (v.type != BSON_TYPE_DOCUMENT || doc_is_empty(v.raw)) {
		return false;
	}
	doc_iter_init(&it, v.raw);
	while (doc_next(&it, &name, &member)) {
		if (is_awkward(name)) {
			return false;
		}
	}
	return true;
}

static int each_cell(struct csv_columns *c, struct slice document, struct buf *path, cell_fn *fn,
	struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	size_t from = path->n;
	int rc = 0;
	doc_iter_init(&it, document);
	while (rc == 0 && doc_next(&it, &name, &v)) {
		bool awkward = is_awkward(name);
		path->n = from;
		buf_puts(path, from > 0 ? "." : "");
		if (awkward) {
			json_quote(path, name);
		} else {
			buf_append_slice(path, name);
		}
		rc = buf_check(path, err);
		if (rc == 0) {
			rc = !awkward && spreads(v) ? each_cell(c, v.raw, path, fn, err)
						    : fn(c, buf_slice(path), v, err);
		}
	}
	return rc;
}

static int see_cell(struct csv_columns *c, struct slice column, struct doc_value v, struct err *err)
{
	(void)v;
	return find_column(c, column) == NO_COLUMN ? add_column(c, column, err) : 0;
}

int csv_columns_add(struct csv_columns *c, struct slice document, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	return each_cell(c, document, &path, see_cell, err);
}

void csv_header_print(const struct csv_columns *c, struct buf *out)
{
	for (uint32_t i = 0; i < c->n; i++) {
		buf_puts(out, i > 0 ? "," : "");
		csv_print(slice_of(c->header[i]), out);
	}
	buf_putc(out, '\n');
}

static int set_cell(struct csv_columns *c, struct slice column, struct doc_value v, struct err *err)
{
	uint32_t i = find_column(c, column);
	if (i == NO_COLUMN) {
		return err_set(err, EIO, "a document has got a column while it was exported");
	}
	c->cells[i] = v;
	return 0;
}

int csv_row_print(struct csv_columns *c, struct slice document, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf cell = BUF_INIT;
	for (uint32_t i = 0; i < c->n; i++) {
		c->cells[i] = DOC_MISSING;
	}
	int rc = each_cell(c, document, &path, set_cell, err);
	for (uint32_t i = 0; rc == 0 && i < c->n; i++) {
		buf_puts(out, i > 0 ? "," : "");
		if (c->cells[i].type != BSON_TYPE_EOD) {
			buf_clear(&cell);
			csv_cell_print(c->cells[i], &cell);
			csv_print(buf_slice(&cell), out);
			out->failed = out->failed || cell.failed;
		}
	}
	buf_putc(out, '\n');
	return rc < 0 ? rc : buf_check(out, err);
}

/* ---- the header ---- */

static struct node *child_named(struct node *parent, struct slice name)
{
	for (struct node *n = parent->child; n != NULL; n = n->next) {
		if (slice_equal(slice_of(n->name), name)) {
			return n;
		}
	}
	return NULL;
}

static struct node *add_child(struct node *parent, struct slice name)
{
	struct node *n = calloc(1, sizeof(*n));
	if (n != NULL) {
		n->name = strndup(name.p, name.n);
		n->column = NO_COLUMN;
	}
	if (n == NULL || n->name == NULL) {
		free(n);
		return NULL;
	}
	if (parent->last != NULL) {
		parent->last->next = n;
	} else {
		parent->child = n;
	}
	parent->last = n;
	return n;
}

static int step_down(struct node **at, struct slice name, struct err *err)
{
	struct node *n = child_named(*at, name);
	n = n != NULL ? n : add_child(*at, name);
	if (n == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*at = n;
	return 0;
}

static int step_path(struct node **at, struct slice path, unsigned number, struct err *err)
{
	unsigned depth = 0;
	for (;;) {
		const char *dot = path.n > 0 ? memchr(path.p, '.', path.n) : NULL;
		struct slice name = dot != NULL ? slice_make(path.p, (size_t)(dot - path.p)) : path;
		if (name.n == 0 || ++depth > DOC_DEPTH_MAX) {
			return err_set(err, EINVAL,
				"the header's column %u: expected names with dots between, found "
				"%s",
				number, name.n == 0 ? "an empty name" : "too many");
		}
		int rc = step_down(at, name, err);
		if (rc < 0 || dot == NULL) {
			return rc;
		}
		path = slice_make(dot + 1, path.n - name.n - 1);
	}
}

/* A name in JSON's quotes is one name, whatever is in it. */
static int step_quoted(struct node **at, struct slice text, unsigned number, struct err *err)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	uint8_t type;
	int rc = ejson_parse_value(text, &type, &raw, err);
	if (rc < 0) {
		return err_wrap(err, "the header's column %u", number);
	}
	struct slice name = doc_string((struct doc_value){type, buf_slice(&raw)});
	if (name.n > 0 && memchr(name.p, 0, name.n) != NULL) {
		return err_set(err, EINVAL, "the header's column %u: a name has no NUL", number);
	}
	return step_down(at, name, err);
}

static int parse_column(struct csv_columns *c, struct slice text, unsigned number, struct err *err)
{
	struct node *at = &c->root;
	if (!utf8_valid(text) || (text.n > 0 && memchr(text.p, 0, text.n) != NULL)) {
		return err_set(err, EINVAL,
			"the header's column %u: a name is UTF-8 text without NUL", number);
	}
	int rc = text.n > 0 && text.p[0] == '"' ? step_quoted(&at, text, number, err)
						: step_path(&at, text, number, err);
	if (rc < 0) {
		return rc;
	}
	if (at->column != NO_COLUMN) {
		return err_set(err, EINVAL, "the header's column %u: '%.*s' stands there twice",
			number, (int)(text.n < 100 ? text.n : 100), text.p);
	}
	at->column = c->n;
	return add_column(c, text, err);
}

int csv_header_parse(
	struct csv_columns *c, const struct csv_field *fields, unsigned n, struct err *err)
{
	int rc = 0;
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		rc = parse_column(c, fields[i].text, i + 1, err);
	}
	return rc;
}

/* ---- rows ---- */

struct row {
	const struct csv_columns *columns;
	const struct csv_field *fields;
	unsigned n;
	struct buf raw; /* of one value */
};

static bool has_value(const struct row *r, const struct node *node)
{
	return node->column < r->n &&
	       (r->fields[node->column].text.n > 0 || r->fields[node->column].quoted);
}

static int put_cell(struct row *r, const struct node *node, struct buf *out, struct err *err)
{
	uint8_t type;
	buf_clear(&r->raw);
	int rc = csv_cell_parse(r->fields[node->column].text, &type, &r->raw, err);
	if (rc < 0) {
		return err_wrap(err, "column %s", r->columns->header[node->column]);
	}
	doc_put(out, slice_of(node->name), (struct doc_value){type, buf_slice(&r->raw)});
	return 0;
}

static int put_nodes(
	struct row *r, const struct node *node, struct buf *out, unsigned *n, struct err *err);

/* An object of the columns below; nothing where all are empty. */
static int put_below(
	struct row *r, const struct node *node, struct buf *out, unsigned *n, struct err *err)
{
	size_t before = out->n;
	unsigned below = 0;
	size_t start = doc_put_begin(out, slice_of(node->name), BSON_TYPE_DOCUMENT);
	int rc = put_nodes(r, node->child, out, &below, err);
	if (rc < 0 || below == 0) {
		out->n = before;
		return rc;
	}
	if (has_value(r, node)) {
		return err_set(err, EINVAL,
			"column %s has a value, and a column below it has one, too",
			r->columns->header[node->column]);
	}
	doc_end(out, start);
	*n += 1;
	return 0;
}

static int put_nodes(
	struct row *r, const struct node *node, struct buf *out, unsigned *n, struct err *err)
{
	int rc = 0;
	for (; rc == 0 && node != NULL; node = node->next) {
		unsigned before = *n;
		rc = node->child != NULL ? put_below(r, node, out, n, err) : 0;
		if (rc == 0 && *n == before && has_value(r, node)) {
			rc = put_cell(r, node, out, err);
			*n += 1;
		}
	}
	return rc;
}

int csv_row_parse(const struct csv_columns *c, const struct csv_field *fields, unsigned n,
	struct buf *out, struct err *err)
{
	struct row r = {.columns = c, .fields = fields, .n = n};
	size_t start = doc_begin(out);
	unsigned members = 0;
	if (n > c->n) {
		return err_set(err, EINVAL, "%u values for the header's %u columns", n, c->n);
	}
	int rc = put_nodes(&r, c->root.child, out, &members, err);
	buf_free(&r.raw);
	if (rc < 0) {
		return rc;
	}
	doc_end(out, start);
	rc = buf_check(out, err);
	return rc < 0 ? rc : doc_check(buf_since(out, start), err);
}
