/* From values to text. Both forms are one walk: they differ in which types are
 * wrapped ({"SS": ...} or {"$ss": ...}), in whether numbers stand in quotes, and
 * in the doubled $ of plain names. */
#include "engines/common/json.h"
#include "engines/common/base64.h"
#include "engines/dynamodb/tree.h"

struct render {
	struct buf *out;
	enum ddb_form form;
	bool indent;
	uint64_t *white; /* bytes between tokens so far */
};

static void render_value(const struct render *r, const struct ddb_node *node, unsigned depth);

/* What the value is wrapped in, NULL for what stands by itself. */
static const char *wrapper(const struct render *r, enum ddb_type type)
{
	if (r->form == DDB_TYPED) {
		return ddb_type_names[type];
	}
	switch (type) {
	case DDB_B: return "$b";
	case DDB_SS: return "$ss";
	case DDB_NS: return "$ns";
	case DDB_BS: return "$bs";
	default: return NULL;
	}
}

static void new_line(const struct render *r, unsigned depth)
{
	if (!r->indent) {
		return;
	}
	static const char line[] = "\n                                ";
	unsigned n = 2 * depth;
	buf_append(r->out, line, 1 + (n < sizeof(line) - 2 ? n : sizeof(line) - 2));
	for (unsigned i = sizeof(line) - 2; i < n; i++) {
		buf_putc(r->out, ' ');
	}
	*r->white += 1 + 2 * (uint64_t)depth;
}

static void put_colon(const struct render *r)
{
	buf_puts(r->out, r->indent ? ": " : ":");
	*r->white += r->indent;
}

/* In the plain form a name's leading $ is doubled: made room for behind the quote. */
static void put_name(const struct render *r, struct slice name)
{
	size_t dollar = r->out->n + 1;
	bool doubled = r->form == DDB_PLAIN && name.n > 0 && name.p[0] == '$';
	json_quote(r->out, name);
	if (doubled && buf_resize(r->out, r->out->n + 1)) {
		char *p = r->out->p + dollar;
		memmove(p + 1, p, r->out->n - dollar - 1);
	}
	put_colon(r);
}

static void put_base64(const struct render *r, struct slice bytes)
{
	buf_putc(r->out, '"');
	base64_encode(BASE64_PADDED, bytes, r->out);
	buf_putc(r->out, '"');
}

static void put_number(const struct render *r, struct slice text)
{
	const char *quote = r->form == DDB_TYPED ? "\"" : "";
	buf_puts(r->out, quote);
	buf_append_slice(r->out, text);
	buf_puts(r->out, quote);
}

/* ---- what is inside ---- */

/* The elements of a set: of one type, and never wrapped. */
static void put_element(const struct render *r, const struct ddb_node *node)
{
	switch (node->type) {
	case DDB_N: put_number(r, node->text); break;
	case DDB_B: put_base64(r, node->text); break;
	default: json_quote(r->out, node->text); break;
	}
}

static void put_child(const struct render *r, const struct ddb_node *parent,
	const struct ddb_node *c, unsigned depth)
{
	if (parent->type == DDB_L || parent->type == DDB_M) {
		if (parent->type == DDB_M) {
			put_name(r, c->name);
		}
		render_value(r, c, depth);
	} else {
		put_element(r, c);
	}
}

static void put_children(const struct render *r, const struct ddb_node *node, unsigned depth)
{
	bool map = node->type == DDB_M;
	buf_putc(r->out, map ? '{' : '[');
	for (const struct ddb_node *c = node->of.first; c != NULL; c = c->next) {
		new_line(r, depth + 1);
		put_child(r, node, c, depth + 1);
		if (c->next != NULL) {
			buf_putc(r->out, ',');
		}
	}
	if (node->of.first != NULL) {
		new_line(r, depth);
	}
	buf_putc(r->out, map ? '}' : ']');
}

static void put_content(const struct render *r, const struct ddb_node *node, unsigned depth)
{
	switch (node->type) {
	case DDB_S:
	case DDB_N:
	case DDB_B: put_element(r, node); break;
	case DDB_BOOL: buf_puts(r->out, node->truth ? "true" : "false"); break;
	case DDB_NULL: buf_puts(r->out, r->form == DDB_TYPED ? "true" : "null"); break;
	default: put_children(r, node, depth); break;
	}
}

static void render_value(const struct render *r, const struct ddb_node *node, unsigned depth)
{
	const char *tag = wrapper(r, node->type);
	if (tag == NULL) {
		put_content(r, node, depth);
		return;
	}
	buf_putc(r->out, '{');
	new_line(r, depth + 1);
	buf_putc(r->out, '"');
	buf_puts(r->out, tag);
	buf_putc(r->out, '"');
	put_colon(r);
	put_content(r, node, depth + 1);
	new_line(r, depth);
	buf_putc(r->out, '}');
}

uint64_t ddb_item_render(
	const struct ddb_item *item, enum ddb_form form, bool indent, struct buf *out)
{
	uint64_t white = 0;
	struct render r = {out, form, indent, &white};
	put_children(&r, &item->root, 0);
	new_line(&r, 0);
	return white;
}
