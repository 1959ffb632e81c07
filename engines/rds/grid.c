/* An aligned table as psql prints it: names centred, numbers to the right, text to
 * the left, NULL as nothing. Widths are known when the last row was seen, so the
 * cells wait in a spill, each as its length and its text. */
#include "engines/rds/sql.h"

#include <stdlib.h>

#include "engines/common/name.h"

#define WINDOW_BYTES ((size_t)256 * 1024)

struct column {
	char *name;
	size_t width;
	bool numbers; /* nothing else was seen but NULL */
};

struct rds_grid {
	struct spill *cells;
	struct buf cell;
	struct buf window; /* cells being printed, from window_at on */
	uint64_t window_at;
	struct column *columns;
	unsigned n_columns;
	uint64_t n_rows;
};

/* ---- widths ---- */

struct range {
	uint32_t first;
	uint32_t last;
};

static bool is_in(uint32_t ch, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (ch >= ranges[i].first && ch <= ranges[i].last) {
			return true;
		}
	}
	return false;
}

#define N_OF(a) (sizeof(a) / sizeof((a)[0]))

/* wcwidth() depends on the locale the daemon was started in. */
static unsigned character_width(uint32_t ch)
{
	static const struct range none[] = {{0x300, 0x36f}, {0x483, 0x489}, {0x591, 0x5bd},
		{0x610, 0x61a}, {0x64b, 0x65f}, {0x1ab0, 0x1aff}, {0x1dc0, 0x1dff},
		{0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x2064}, {0x20d0, 0x20ff},
		{0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0100, 0xe01ef}};
	static const struct range wide[] = {{0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0x33ff},
		{0x3400, 0x4dbf}, {0x4e00, 0x9fff}, {0xa000, 0xa4cf}, {0xac00, 0xd7a3},
		{0xf900, 0xfaff}, {0xfe30, 0xfe6f}, {0xff00, 0xff60}, {0xffe0, 0xffe6},
		{0x1f300, 0x1f64f}, {0x1f680, 0x1f6ff}, {0x1f900, 0x1faff}, {0x20000, 0x3fffd}};

	if (ch < 0x300) {
		return 1;
	}
	return is_in(ch, none, N_OF(none)) ? 0 : is_in(ch, wide, N_OF(wide)) ? 2 : 1;
}

static uint32_t decode(const unsigned char *p, unsigned n)
{
	static const unsigned char mask[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t ch = p[0] & mask[n];

	for (unsigned i = 1; i < n; i++) {
		ch = ch << 6 | (p[i] & 0x3f);
	}
	return ch;
}

static size_t text_width(struct slice text)
{
	const unsigned char *p = (const unsigned char *)text.p;
	size_t width = 0;

	for (size_t i = 0; i < text.n;) {
		unsigned n = utf8_sequence(p + i, text.n - i);
		width += n == 0 ? 1 : character_width(decode(p + i, n));
		i += n == 0 ? 1 : n;
	}
	return width;
}

/* ---- cells ---- */

/* A cell is one line: what would break it is shown as in C. */
static void print_text(struct slice text, struct buf *out)
{
	for (size_t i = 0; i < text.n; i++) {
		unsigned char ch = (unsigned char)text.p[i];
		switch (ch) {
		case '\n': buf_puts(out, "\\n"); break;
		case '\r': buf_puts(out, "\\r"); break;
		case '\t': buf_puts(out, "\\t"); break;
		default:
			if (ch < 0x20 || ch == 0x7f) {
				buf_printf(out, "\\x%02x", ch);
			} else {
				buf_putc(out, (char)ch);
			}
		}
	}
}

static void print_cell(sqlite3_stmt *stmt, int i, struct buf *out)
{
	struct slice bytes;

	switch (sqlite3_column_type(stmt, i)) {
	case SQLITE_NULL: break;
	case SQLITE_INTEGER: buf_printf(out, "%lld", sqlite3_column_int64(stmt, i)); break;
	case SQLITE_FLOAT: rds_real_text(sqlite3_column_double(stmt, i), out); break;
	case SQLITE_BLOB:
		bytes = store_column_slice(stmt, i);
		buf_puts(out, "\\x");
		for (size_t k = 0; k < bytes.n; k++) {
			buf_printf(out, "%02x", (unsigned char)bytes.p[k]);
		}
		break;
	default: {
		const void *text = sqlite3_column_text(stmt, i);
		print_text(slice_make(text, (size_t)sqlite3_column_bytes(stmt, i)), out);
	}
	}
}

/* ---- the grid ---- */

static int name_columns(struct rds_grid *g, sqlite3_stmt *stmt)
{
	for (unsigned i = 0; i < g->n_columns; i++) {
		struct buf name = BUF_INIT;
		print_text(slice_of(sqlite3_column_name(stmt, (int)i)), &name);
		buf_cstr(&name);
		if (name.failed) {
			buf_free(&name);
			return -1;
		}
		g->columns[i] = (struct column){name.p, text_width(buf_slice(&name)), true};
	}
	return 0;
}

struct rds_grid *rds_grid_new(const char *tmp, sqlite3_stmt *stmt)
{
	struct rds_grid *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		return NULL;
	}
	g->n_columns = (unsigned)sqlite3_column_count(stmt);
	g->columns = calloc(g->n_columns + 1, sizeof(*g->columns));
	g->cells = spill_new(tmp);
	if (g->columns == NULL || g->cells == NULL || name_columns(g, stmt) < 0) {
		rds_grid_free(g);
		return NULL;
	}
	return g;
}

void rds_grid_free(struct rds_grid *g)
{
	if (g == NULL) {
		return;
	}
	for (unsigned i = 0; g->columns != NULL && i < g->n_columns; i++) {
		free(g->columns[i].name);
	}
	free(g->columns);
	spill_free(g->cells);
	buf_free(&g->cell);
	buf_free(&g->window);
	free(g);
}

int rds_grid_row(struct rds_grid *g, sqlite3_stmt *stmt, struct err *err)
{
	for (unsigned i = 0; i < g->n_columns; i++) {
		struct column *c = &g->columns[i];
		int type = sqlite3_column_type(stmt, (int)i);
		buf_clear(&g->cell);
		print_cell(stmt, (int)i, &g->cell);
		int rc = buf_check(&g->cell, err);
		size_t n = g->cell.n;
		size_t width = text_width(buf_slice(&g->cell));
		c->width = width > c->width ? width : c->width;
		c->numbers = c->numbers && (type == SQLITE_INTEGER || type == SQLITE_FLOAT ||
						   type == SQLITE_NULL);
		rc = rc < 0 ? rc : spill_add(g->cells, slice_make(&n, sizeof(n)), err);
		rc = rc < 0 ? rc : spill_add(g->cells, buf_slice(&g->cell), err);
		if (rc < 0) {
			return rc;
		}
	}
	g->n_rows++;
	return 0;
}

/* ---- printing ---- */

static void pad(struct buf *out, size_t n)
{
	while (n-- > 0) {
		buf_putc(out, ' ');
	}
}

/* No blanks at the end of a line. */
static void print_padded(struct slice text, size_t left, size_t right, bool last, struct buf *out)
{
	pad(out, left + 1);
	buf_append_slice(out, text);
	if (!last) {
		pad(out, right + 1);
		buf_putc(out, '|');
	} else {
		while (out->n > 0 && out->p[out->n - 1] == ' ') {
			out->n--;
		}
		buf_putc(out, '\n');
	}
}

static void print_header(const struct rds_grid *g, struct buf *out)
{
	for (unsigned i = 0; i < g->n_columns; i++) {
		struct slice name = slice_of(g->columns[i].name);
		size_t room = g->columns[i].width - text_width(name);
		print_padded(name, room / 2, room - room / 2, i + 1 == g->n_columns, out);
	}
	for (unsigned i = 0; i < g->n_columns; i++) {
		for (size_t k = 0; k < g->columns[i].width + 2; k++) {
			buf_putc(out, '-');
		}
		buf_putc(out, i + 1 < g->n_columns ? '+' : '\n');
	}
}

/* `n` bytes of the cells from `at` on; valid until the next call. NULL with err set. */
static const char *fetch(struct rds_grid *g, uint64_t at, size_t n, struct err *err)
{
	if (at < g->window_at || at + n > g->window_at + g->window.n) {
		buf_clear(&g->window);
		g->window_at = at;
		if (spill_read(g->cells, at, n > WINDOW_BYTES ? n : WINDOW_BYTES, &g->window, err) <
			0) {
			return NULL;
		}
	}
	return g->window.p + (at - g->window_at);
}

static int print_row(struct rds_grid *g, uint64_t *at, struct buf *out, struct err *err)
{
	for (unsigned i = 0; i < g->n_columns; i++) {
		const struct column *c = &g->columns[i];
		size_t n;
		const char *p = fetch(g, *at, sizeof(n), err);
		if (p != NULL) {
			memcpy(&n, p, sizeof(n));
			p = fetch(g, *at + sizeof(n), n, err);
		}
		if (p == NULL) {
			return -err->code;
		}
		*at += sizeof(n) + n;
		struct slice cell = slice_make(p, n);
		size_t room = c->width - text_width(cell);
		print_padded(cell, c->numbers ? room : 0, c->numbers ? 0 : room,
			i + 1 == g->n_columns, out);
	}
	return 0;
}

int rds_grid_print(struct rds_grid *g, uint64_t n_rows, struct rds_out *out, struct err *err)
{
	uint64_t at = 0;
	int rc = 0;

	print_header(g, &out->text);
	for (uint64_t i = 0; rc == 0 && i < g->n_rows; i++) {
		rc = print_row(g, &at, &out->text, err);
		rc = rc < 0 ? rc : rds_out_some(out, err);
	}
	if (n_rows > g->n_rows) {
		buf_printf(&out->text, "(%llu rows, the first %llu are shown)\n",
			(unsigned long long)n_rows, (unsigned long long)g->n_rows);
	} else {
		buf_printf(&out->text, "(%llu row%s)\n", (unsigned long long)n_rows,
			n_rows == 1 ? "" : "s");
	}
	return rc;
}
