/* Rows as text: a line each, in CSV behind a line of the columns' names. */
#include <stdlib.h>

#include "engines/common/json.h"
#include "engines/redshift/service/service.h"

int redshift_text_init(struct redshift_text *t, const struct rs_table *table,
	enum redshift_form form, struct err *err)
{
	*t = (struct redshift_text){.table = table, .form = form};
	if (form != REDSHIFT_JSONL) {
		return 0;
	}
	t->names = calloc(table->n_columns + 1, sizeof(*t->names));
	if (t->names == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned k = 0; k < table->n_columns; k++) {
		buf_puts(&t->names[k], k > 0 ? "," : "{");
		json_quote(&t->names[k], slice_of(table->columns[k].name));
		buf_putc(&t->names[k], ':');
		if (buf_check(&t->names[k], err) < 0) {
			redshift_text_finish(t);
			return -err->code;
		}
	}
	return 0;
}

void redshift_text_finish(struct redshift_text *t)
{
	for (unsigned k = 0; t->names != NULL && k < t->table->n_columns; k++) {
		buf_free(&t->names[k]);
	}
	free(t->names);
	t->names = NULL;
}

void redshift_put_header(const struct redshift_text *t, struct buf *out)
{
	static const struct sql_type text = {.kind = SQL_VARCHAR};

	for (unsigned k = 0; t->form == REDSHIFT_CSV && k < t->table->n_columns; k++) {
		struct sql_value name = {.text = slice_of(t->table->columns[k].name)};
		buf_puts(out, k > 0 ? "," : "");
		sql_value_csv(&name, text, out);
	}
	buf_puts(out, t->form == REDSHIFT_CSV ? "\n" : "");
}

void redshift_put_row(const struct redshift_text *t, const struct sql_value *row, struct buf *out)
{
	const struct rs_table *table = t->table;

	for (unsigned k = 0; k < table->n_columns; k++) {
		if (t->form == REDSHIFT_CSV) {
			if (k > 0) {
				buf_putc(out, ',');
			}
			sql_value_csv(&row[k], table->columns[k].type, out);
		} else {
			buf_append_slice(out, buf_slice(&t->names[k]));
			sql_value_json(&row[k], table->columns[k].type, out);
		}
	}
	buf_puts(out, t->form == REDSHIFT_CSV ? "\n" : "}\n");
}
