/* The statements of a plan in the driver's dialect. */
#include "engines/redshift/plan/plan_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/sql/print.h"

static int relation(void *arg, const json_t *node, const struct rs_relation *r, struct buf *out,
	struct err *err);

static struct rs_printer printer(struct rs_text *t)
{
	return (struct rs_printer){.dialect = t->plan->dialect,
		.bound = &t->plan->bound,
		.relation = relation,
		.arg = t,
		.now_micros = t->plan->sight->resolver.now_micros};
}

static bool hidden(const char *name)
{
	return strcmp(name, "_id") == 0 || strcmp(name, "_h") == 0 || strcmp(name, "_node") == 0;
}

/* The columns that are needed, in the table's own order. At least one: a SELECT has some. */
static bool *columns_of(const json_t *range, const struct rs_relation *r, bool *with_hidden)
{
	const struct rs_table *table = r->table;
	const json_t *needed = json_object_get(range, "rs_needed");
	bool *columns = calloc(table->n_columns + 1, sizeof *columns);
	bool any = false;

	*with_hidden = false;
	for (unsigned i = 0; i < r->n_columns && columns != NULL; i++) {
		if (!json_is_true(json_array_get(needed, i))) {
			continue;
		}
		*with_hidden |= hidden(r->columns[i].name);
		for (unsigned k = 0; k < table->n_columns; k++) {
			columns[k] |= strcmp(table->columns[k].name, r->columns[i].name) == 0;
			any |= columns[k];
		}
	}
	if (columns != NULL && !any && !*with_hidden) {
		columns[0] = true;
	}
	return columns;
}

static int own_rows(struct rs_text *t, const json_t *range, const struct rs_relation *r,
	struct buf *out, struct err *err)
{
	const struct rs_sight *sight = t->plan->sight;
	bool with_hidden;
	CLEANUP(cleanup_free) bool *columns = columns_of(range, r, &with_hidden);

	if (columns == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	buf_putc(out, '(');
	rs_nodes_scan(sight->nodes, r->table, sight->xid, t->node, columns, with_hidden, out);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
	buf_putc(out, ')');
	return buf_check(out, err);
}

/* All rows of a step, where they are not in a file yet. */
static int inlined(struct rs_text *t, const struct rs_step *s, struct buf *out, struct err *err)
{
	unsigned n = s->one_node ? 1 : rs_nodes_count(t->plan->sight->nodes);

	buf_putc(out, '(');
	for (unsigned i = 0; i < n; i++) {
		struct rs_text node = *t;
		node.node = i;
		buf_puts(out, i == 0 ? "" : " UNION ALL ");
		/* An arm that has an order or a limit of its own needs the parentheses. */
		buf_putc(out, '(');
		int rc = rs_text_step(&node, s, out, err);
		if (rc != 0) {
			return rc;
		}
		buf_putc(out, ')');
	}
	buf_putc(out, ')');
	return buf_check(out, err);
}

static int relation(void *arg, const json_t *node, const struct rs_relation *r, struct buf *out,
	struct err *err)
{
	struct rs_text *t = arg;
	const json_t *range = rs_node(node, "RangeVar");
	const json_t *number = json_object_get(range, "rs_step");

	if (number == NULL) {
		return own_rows(t, range, r, out, err);
	}
	const struct rs_step *s = t->plan->steps[json_integer_value(number) - 1];
	if (s->kind == RS_STEP_NODES && !t->names && !rs_runs_alone(t->plan, s)) {
		return inlined(t, s, out, err);
	}
	if (s->sql != NULL) {
		buf_puts(out, s->sql);
	} else {
		bool part = s->spread && t->parts != NULL;
		buf_printf(out, "%s.\"%s\"", part ? t->parts[t->node] : t->file, s->name);
	}
	return buf_check(out, err);
}

int rs_text_step(struct rs_text *t, const struct rs_step *s, struct buf *out, struct err *err)
{
	struct rs_printer p = printer(t);
	return rs_print_select(&p, s->select, out, err);
}

int rs_text_last(struct rs_text *t, struct buf *out, struct err *err)
{
	struct rs_printer p = printer(t);
	return rs_print_select(&p, t->plan->tree, out, err);
}
