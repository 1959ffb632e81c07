/* Widths, cells, lines. Each cell waits as its length and its text. */
#include "engines/common/grid.h"

#include <stdlib.h>

#include "engines/common/name.h"
#include "engines/common/spill.h"

#define WINDOW_BYTES ((size_t)256 * 1024)

struct column {
	char *name;
	size_t width;
	bool numbers; /* nothing else was seen but NULL */
};

struct grid {
	struct spill *cells;
	struct buf cell;
	struct buf window; /* cells being printed, from window_at on */
	uint64_t window_at;
	struct column *columns;
	unsigned n_columns;
	unsigned next; /* whose cell comes next */
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

/* ---- the grid ---- */

struct grid *grid_new(const char *tmp, unsigned n_columns)
{
	struct grid *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		return NULL;
	}
	g->n_columns = n_columns;
	g->columns = calloc(n_columns + 1, sizeof(*g->columns));
	g->cells = spill_new(tmp);
	if (g->columns == NULL || g->cells == NULL) {
		grid_free(g);
		return NULL;
	}
	for (unsigned i = 0; i < n_columns; i++) {
		g->columns[i].numbers = true;
	}
	return g;
}

void grid_free(struct grid *g)
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

int grid_name(struct grid *g, unsigned column, struct slice text, struct err *err)
{
	struct column *c = &g->columns[column];
	struct buf name = BUF_INIT;

	print_text(text, &name);
	buf_cstr(&name);
	int rc = buf_check(&name, err);
	if (rc < 0) {
		buf_free(&name);
		return rc;
	}
	free(c->name);
	c->name = name.p;
	size_t width = text_width(buf_slice(&name));
	c->width = width > c->width ? width : c->width;
	return 0;
}

int grid_cell(struct grid *g, struct slice text, enum grid_kind kind, struct err *err)
{
	struct column *c = &g->columns[g->next];

	buf_clear(&g->cell);
	if (kind == GRID_TEXT) {
		print_text(text, &g->cell);
	} else if (kind == GRID_NUMBER) {
		buf_append_slice(&g->cell, text);
	}
	size_t n = g->cell.n;
	size_t width = text_width(buf_slice(&g->cell));
	c->width = width > c->width ? width : c->width;
	c->numbers = c->numbers && kind != GRID_TEXT;
	int rc = buf_check(&g->cell, err);
	rc = rc < 0 ? rc : spill_add(g->cells, slice_make(&n, sizeof(n)), err);
	rc = rc < 0 ? rc : spill_add(g->cells, buf_slice(&g->cell), err);
	if (rc == 0 && ++g->next == g->n_columns) {
		g->next = 0;
		g->n_rows++;
	}
	return rc;
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

static void print_header(const struct grid *g, struct buf *out)
{
	for (unsigned i = 0; i < g->n_columns; i++) {
		struct slice name = slice_of(g->columns[i].name != NULL ? g->columns[i].name : "");
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
static const char *fetch(struct grid *g, uint64_t at, size_t n, struct err *err)
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

static int print_row(struct grid *g, uint64_t *at, struct buf *out, struct err *err)
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

int grid_print(struct grid *g, uint64_t n_rows, struct buf *out,
	int (*some)(void *arg, struct err *err), void *arg, struct err *err)
{
	uint64_t at = 0;
	int rc = 0;

	print_header(g, out);
	for (uint64_t i = 0; rc == 0 && i < g->n_rows; i++) {
		rc = print_row(g, &at, out, err);
		rc = rc < 0 || some == NULL ? rc : some(arg, err);
	}
	if (n_rows > g->n_rows) {
		buf_printf(out, "(%llu rows, the first %llu are shown)\n",
			(unsigned long long)n_rows, (unsigned long long)g->n_rows);
	} else {
		buf_printf(
			out, "(%llu row%s)\n", (unsigned long long)n_rows, n_rows == 1 ? "" : "s");
	}
	return rc;
}
