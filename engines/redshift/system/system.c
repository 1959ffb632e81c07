#include "engines/redshift/system/system_impl.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"

static const struct view *const groups[] = {
	rs_views_tables, rs_views_columns, rs_views_slices, rs_views_log, rs_views_external, NULL};

struct system_relation {
	struct rs_relation relation; /* first */
	struct rs_look *look;
	const struct view *view;
};

/* ---- a row ---- */

static struct sql_value *next_value(struct view_rows *v)
{
	struct sql_value *value = &v->row[v->n++];
	*value = (struct sql_value){0};
	return value;
}

void view_null(struct view_rows *v)
{
	next_value(v)->null = true;
}

void view_integer(struct view_rows *v, int64_t n)
{
	struct sql_type t = v->relation->columns[v->n].type;
	struct sql_value *value = next_value(v);

	if (t.kind == SQL_BOOLEAN) {
		value->boolean = n != 0;
	} else if (t.kind == SQL_DECIMAL) {
		value->decimal = n;
		for (unsigned i = 0; i < t.scale; i++) {
			value->decimal *= 10;
		}
	} else {
		value->integer = n;
	}
}

void view_decimal(struct view_rows *v, double x)
{
	double times = pow(10, v->relation->columns[v->n].type.scale);
	next_value(v)->decimal = (sql_int128)llround(x * times);
}

/* No longer than the column allows, and no character cut in two. */
static struct slice fitting(struct slice text, struct sql_type t)
{
	if (t.size > 0 && text.n > t.size) {
		text.n = t.size;
		while (text.n > 0 && ((unsigned char)text.p[text.n] & 0xC0) == 0x80) {
			text.n--;
		}
	}
	while (t.kind == SQL_CHAR && text.n > 0 && text.p[text.n - 1] == ' ') {
		text.n--;
	}
	return text;
}

void view_text(struct view_rows *v, const char *text)
{
	struct sql_type t = v->relation->columns[v->n].type;
	struct sql_value *value = next_value(v);

	value->null = text == NULL;
	value->text = (struct slice){0};
	if (text != NULL) {
		value->text = fitting(slice_of(text), t);
	}
}

struct buf *view_room(struct view_rows *v)
{
	struct buf *room = &v->room[v->n];

	buf_clear(room);
	next_value(v);
	return room;
}

void view_time(struct view_rows *v, int64_t ns)
{
	next_value(v)->micros = ns / 1000;
}

int view_row(struct view_rows *v, struct err *err)
{
	for (unsigned i = 0; i < v->n; i++) {
		struct sql_type t = v->relation->columns[i].type;
		if (sql_is_text(t.kind) && !v->row[i].null && v->row[i].text.p == NULL) {
			const char *text = buf_cstr(&v->room[i]);
			int rc = buf_check(&v->room[i], err);
			if (rc != 0) {
				return rc;
			}
			v->row[i].text = fitting(slice_of(text), t);
		}
	}
	v->n = 0;
	return v->emit(v->arg, v->row, err);
}

const struct rs_column *view_first_sort(const struct rs_table *t)
{
	for (unsigned i = 0; i < t->n_columns; i++) {
		if (t->columns[i].sort_position == 1) {
			return &t->columns[i];
		}
	}
	return NULL;
}

/* ---- relations ---- */

static int pour(const struct rs_relation *r, const bool *columns,
	int (*emit)(void *arg, const struct sql_value *row, struct err *err), void *arg,
	struct err *err)
{
	const struct system_relation *s = (const struct system_relation *)r;
	struct view_rows v = {.look = s->look, .relation = r, .emit = emit, .arg = arg};

	(void)columns;
	int rc = s->view->fill(&v, err);
	for (unsigned i = 0; i < VIEW_COLUMNS_MAX; i++) {
		buf_free(&v.room[i]);
	}
	return rc;
}

static const struct view *find(const char *schema, const char *name)
{
	/* Names that were told without a schema are looked for in pg_catalog. */
	const char *in = schema == NULL || schema[0] == '\0' ? "pg_catalog" : schema;

	for (unsigned g = 0; groups[g] != NULL; g++) {
		for (const struct view *v = groups[g]; v->name != NULL; v++) {
			if (strcmp(v->schema, in) == 0 && strcmp(v->name, name) == 0) {
				return v;
			}
		}
	}
	return NULL;
}

int rs_system_find(struct rs_look *look, const char *schema, const char *name,
	struct rs_relation **out, struct err *err)
{
	const struct view *v = find(schema, name);

	if (v == NULL) {
		return err_set(err, ENOENT, "relation \"%s\" does not exist", name);
	}
	struct system_relation *r = calloc(1, sizeof *r);
	if (r == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	r->look = look;
	r->view = v;
	r->relation = (struct rs_relation){.kind = RS_RELATION_SYSTEM,
		.schema = v->schema,
		.name = v->name,
		.columns = v->columns,
		.n_columns = v->n_columns,
		.pour = pour};
	*out = &r->relation;
	return 0;
}

void rs_system_release(struct rs_relation *r)
{
	free(r);
}
