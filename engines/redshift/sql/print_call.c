/* Calls as text: the templates of functions.c, and windows. */
#include "engines/redshift/sql/print_impl.h"

/* ---- OVER ---- */

#define FRAME_NONDEFAULT      0x1
#define FRAME_RANGE	      0x2
#define FRAME_ROWS	      0x4
#define FRAME_START_UNBOUNDED 0x20
#define FRAME_END_UNBOUNDED   0x100
#define FRAME_START_CURRENT   0x200
#define FRAME_END_CURRENT     0x400
#define FRAME_START_PRECEDING 0x800
#define FRAME_END_PRECEDING   0x1000
#define FRAME_START_FOLLOWING 0x2000
#define FRAME_END_FOLLOWING   0x4000

static int print_bound(struct print *c, const json_t *offset, const char *word)
{
	int rc = offset != NULL ? print_node(c, offset) : 0;

	buf_puts(c->out, word);
	return rc;
}

static int print_frame(struct print *c, const json_t *over)
{
	int64_t f = rs_get_number(over, "frameOptions");
	const json_t *start = json_object_get(over, "startOffset");
	const json_t *end = json_object_get(over, "endOffset");
	int rc;

	if (!(f & FRAME_NONDEFAULT)) {
		return 0;
	}
	buf_puts(c->out, f & FRAME_ROWS	   ? " ROWS BETWEEN "
			 : f & FRAME_RANGE ? " RANGE BETWEEN "
					   : " GROUPS BETWEEN ");
	rc = f & FRAME_START_UNBOUNDED	 ? print_bound(c, NULL, "UNBOUNDED PRECEDING")
	     : f & FRAME_START_CURRENT	 ? print_bound(c, NULL, "CURRENT ROW")
	     : f & FRAME_START_PRECEDING ? print_bound(c, start, " PRECEDING")
					 : print_bound(c, start, " FOLLOWING");
	buf_puts(c->out, " AND ");
	rc = rc != 0		       ? rc
	     : f & FRAME_END_UNBOUNDED ? print_bound(c, NULL, "UNBOUNDED FOLLOWING")
	     : f & FRAME_END_CURRENT   ? print_bound(c, NULL, "CURRENT ROW")
	     : f & FRAME_END_PRECEDING ? print_bound(c, end, " PRECEDING")
				       : print_bound(c, end, " FOLLOWING");
	return rc;
}

static int print_over(struct print *c, const json_t *over)
{
	const json_t *partition = json_object_get(over, "partitionClause");
	int rc = 0;

	buf_puts(c->out, " OVER (");
	if (partition != NULL) {
		buf_puts(c->out, "PARTITION BY ");
		rc = print_list(c, partition);
	}
	rc = rc != 0 ? rc : print_sort(c, json_object_get(over, "orderClause"));
	rc = rc != 0 ? rc : print_frame(c, over);
	buf_putc(c->out, ')');
	return rc;
}

int print_suffix(struct print *c, const struct print_call *k)
{
	const json_t *filter = json_object_get(k->body, "agg_filter");
	const json_t *over = json_object_get(k->body, "over");
	int rc = 0;

	if (filter != NULL) {
		buf_puts(c->out, " FILTER (WHERE ");
		rc = print_node(c, filter);
		buf_putc(c->out, ')');
	}
	return rc != 0 || over == NULL ? rc : print_over(c, over);
}

/* ---- templates ---- */

static int print_percentage(struct print *c, const struct print_call *k)
{
	bool descending = rs_get_flag(k->body, "rs_descending");
	int rc;

	buf_puts(c->out, descending ? "(1 - " : "");
	rc = print_node(c, print_argument(k, 0));
	buf_puts(c->out, descending ? ")" : "");
	return rc;
}

static int print_letter(struct print *c, const struct print_call *k, char letter)
{
	const json_t *first = print_argument(k, 0);

	switch (letter) {
	case 's': buf_printf(c->out, "%u", k->t.scale); return 0;
	case 'z': buf_printf(c->out, "%u", k->t.size); return 0;
	case 'd':
		buf_puts(c->out, rs_get_flag(k->body, "agg_distinct") ? "DISTINCT " : "");
		return 0;
	case 'c':
		buf_puts(c->out, rs_type_of(first).kind == SQL_DECIMAL ? " COLLATE decimal" : "");
		return 0;
	case 'i':
		if (!rs_get_flag(k->body, "rs_ignore_nulls")) {
			return 0;
		}
		buf_puts(c->out, " IGNORE NULLS");
		return 0;
	case 'p': return print_percentage(c, k);
	case '*': return print_list(c, k->args);
	default: return print_node(c, print_argument(k, (size_t)(letter - '1')));
	}
}

int print_template(struct print *c, const struct print_call *k, const char *template)
{
	int rc = 0;

	for (const char *p = template; *p != 0 && rc == 0; p++) {
		if (*p == '$') {
			rc = print_letter(c, k, *++p);
		} else if (*p == '}') {
			rc = print_suffix(c, k);
		} else if (*p != '{') {
			buf_putc(c->out, *p);
		}
	}
	return rc;
}

int print_template_apart(
	struct print *c, const struct print_call *k, const char *template, struct buf *out)
{
	struct print apart = {c->p, out, c->err};
	int rc = print_template(&apart, k, template);

	return rc != 0 ? rc : buf_check(out, c->err);
}

const char *print_constant_text(const json_t *node)
{
	return rs_get_text(json_object_get(rs_node_as(node, "A_Const"), "sval"), "sval");
}

/* ---- one call ---- */

/* A special one that knows the name; NULL. */
static const struct print_special *find_special(const struct print_special *list, const char *name)
{
	for (; list->name != NULL; list++) {
		if (strcmp(list->name, name) == 0) {
			return list;
		}
	}
	return NULL;
}

/* A call that was made by plan/ has no row of the table yet. */
static unsigned row_of(const json_t *body)
{
	const json_t *row = json_object_get(body, "rs_row");
	const json_t *list = json_object_get(body, "args");
	json_t *args[8];
	size_t n = json_array_size(list);

	if (row != NULL || n > 8) {
		return (unsigned)json_integer_value(row);
	}
	for (size_t i = 0; i < n; i++) {
		args[i] = json_array_get(list, i);
	}
	return rs_function_choose(rs_get_text(body, "rs_function"), args, n);
}

int print_call(struct print *c, const json_t *node)
{
	const json_t *body = rs_node_body(node);
	unsigned row = row_of(body);
	const struct rs_function *f = &rs_functions[row];
	struct print_call k = {body, json_object_get(body, "args"), rs_type_of(node), f};
	const char *template = print_lite(c) ? f->sqlite : f->duckdb;
	const struct print_special *special;

	if (row >= rs_n_functions) {
		return err_set(c->err, EINVAL, "there is no function %s for these arguments",
			rs_get_text(body, "rs_function"));
	}
	if (template == NULL) {
		return print_refuse(c, f->name);
	}
	if (template[0] != '@') {
		return print_template(c, &k, template);
	}
	special = find_special(print_date_specials, template);
	if (special == NULL) {
		special = find_special(print_other_specials, template);
	}
	return special != NULL ? special->print(c, &k) : print_refuse(c, f->name);
}
