#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/redshift/sql/bind_impl.h"

static void position(
	struct slice text, int64_t location, unsigned long *line, unsigned long *column)
{
	*line = 1;
	*column = 1;
	for (int64_t i = 0; i < location && (size_t)i < text.n; i++) {
		if (text.p[i] == '\n') {
			*line += 1;
			*column = 1;
		} else if (((unsigned char)text.p[i] & 0xC0) != 0x80) {
			*column += 1;
		}
	}
}

int bind_fail(struct binder *b, int code, int64_t location, const char *fmt, ...)
{
	char msg[ERR_MSG_MAX];
	va_list args;
	unsigned long line;
	unsigned long column;

	va_start(args, fmt);
	vsnprintf(msg, sizeof msg, fmt, args);
	va_end(args);
	if (location < 0 || b->text.p == NULL) {
		return err_set(b->err, code, "%s", msg);
	}
	position(b->text, location, &line, &column);
	return err_set(b->err, code, "line %lu, column %lu: %s", line, column, msg);
}

int bind_no_memory(struct binder *b)
{
	return err_set(b->err, ENOMEM, "no memory for the query");
}

char *bind_unique(struct binder *b, const char *alias)
{
	char *name = strdup(alias);

	for (unsigned i = 2; name != NULL && json_object_get(b->printed_names, name) != NULL; i++) {
		free(name);
		if (asprintf(&name, "%s_%u", alias, i) < 0) {
			return NULL;
		}
	}
	if (name == NULL || json_object_set_new(b->printed_names, name, json_true()) != 0) {
		free(name);
		return NULL;
	}
	return name;
}

static int result_columns(struct binder *b, const json_t *select)
{
	const json_t *columns = json_object_get(select, "rs_columns");
	size_t n = json_array_size(columns);

	b->bound->columns = calloc(n + 1, sizeof *b->bound->columns);
	if (b->bound->columns == NULL) {
		return bind_no_memory(b);
	}
	for (size_t i = 0; i < n; i++) {
		const json_t *column = json_array_get(columns, i);

		b->bound->columns[i].name = json_string_value(json_array_get(column, 0));
		b->bound->columns[i].type = bind_column_type(column);
	}
	b->bound->n_columns = (unsigned)n;
	return 0;
}

static int binder_begin(struct binder *b)
{
	b->printed_names = json_object();
	b->views = json_object();
	return b->printed_names == NULL || b->views == NULL ? bind_no_memory(b) : 0;
}

static void binder_end(struct binder *b)
{
	json_decref(b->printed_names);
	json_decref(b->views);
}

int rs_bind_select(json_t *tree, struct slice text, const struct rs_resolver *resolver,
	struct rs_bound *out, struct err *err)
{
	struct binder b = {.text = text, .resolver = resolver, .bound = out, .err = err};
	int rc;

	memset(out, 0, sizeof *out);
	rc = binder_begin(&b);
	if (rc == 0) {
		rc = bind_select(&b, NULL, NULL, tree);
	}
	if (rc == 0) {
		rc = b.failed ? bind_no_memory(&b) : result_columns(&b, tree);
	}
	binder_end(&b);
	if (rc != 0) {
		rs_bound_clear(out);
	}
	return rc;
}

void rs_bound_clear(struct rs_bound *b)
{
	free(b->relations);
	free(b->columns);
	memset(b, 0, sizeof *b);
}

/* A scope with one item: the relation. */
static int scope_of_relation(struct binder *b, struct bind_scope *s, const struct rs_relation *over)
{
	json_t *from = json_pack(
		"[{s:{s:s,s:s}}]", "RangeVar", "schemaname", over->schema, "relname", over->name);
	int rc = from == NULL ? bind_no_memory(b) : bind_from(b, s, from);

	json_decref(from);
	return rc;
}

struct one_relation {
	const struct rs_relation *relation;
};

static int find_one(void *arg, const char *schema, const char *name, const struct rs_relation **out,
	struct err *err)
{
	const struct one_relation *one = arg;

	(void)schema;
	(void)name;
	(void)err;
	*out = one->relation;
	return 0;
}

int rs_bind_expression(json_t **tree, const struct rs_relation *over,
	const struct rs_resolver *resolver, struct sql_type to, struct err *err)
{
	struct rs_bound bound = {0};
	struct one_relation one = {over};
	struct rs_resolver only = {
		.find = find_one, .arg = &one, .now_micros = resolver ? resolver->now_micros : 0};
	struct binder b = {.resolver = resolver, .bound = &bound, .err = err};
	struct bind_scope s = {.clause = "an expression"};
	int rc = binder_begin(&b);

	if (rc == 0 && over != NULL) {
		b.resolver = &only;
		rc = scope_of_relation(&b, &s, over);
		b.resolver = resolver;
	}
	if (rc == 0) {
		rc = bind_expression(&b, &s, *tree);
	}
	if (rc == 0 && to.kind != SQL_UNKNOWN) {
		rc = bind_explicit_cast(&b, *tree, to);
	}
	if (rc == 0 && b.failed) {
		rc = bind_no_memory(&b);
	}
	bind_scope_clear(&s);
	binder_end(&b);
	rs_bound_clear(&bound);
	return rc;
}

struct sql_type rs_type_of(const json_t *expression)
{
	const json_t *t = json_object_get(rs_node_body(expression), "rs_type");

	if (t == NULL) {
		return BIND_TYPE(SQL_UNKNOWN);
	}
	return (struct sql_type){
		.kind = (enum sql_kind)json_integer_value(json_array_get(t, 0)),
		.size = (unsigned)json_integer_value(json_array_get(t, 1)),
		.scale = (unsigned)json_integer_value(json_array_get(t, 2)),
	};
}

json_t *rs_cast(json_t *expression, struct sql_type to)
{
	json_t *node = json_pack("{s:{s:o,s:b}}", "TypeCast", "arg", expression, "rs_implicit", 1);

	if (node != NULL) {
		rs_set_type(node, to);
	}
	return node;
}
