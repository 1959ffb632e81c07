/* Tables and schemas by the names that statements use. */
#include <errno.h>

#include "engines/common/cleanup.h"
#include "engines/common/suggest.h"
#include "engines/redshift/run/run_impl.h"

const char *rs_schema_of(const struct rs_name *name)
{
	return name->schema == NULL || name->schema[0] == '\0' ? "public" : name->schema;
}

bool rs_has_schema(const struct rs_catalog *c, const char *name)
{
	for (unsigned i = 0; i < c->n_schemas; i++) {
		if (strcmp(c->schemas[i], name) == 0) {
			return true;
		}
	}
	return false;
}

void rs_print_name(const char *schema, const char *name, struct buf *out)
{
	if (strcmp(schema, "public") != 0) {
		buf_printf(out, "%s.", schema);
	}
	buf_puts(out, name);
}

void rs_report_rows(struct buf *report, const char *what, const struct rs_table *t, uint64_t rows)
{
	buf_printf(report, "%s ", what);
	rs_print_name(t->schema, t->name, report);
	buf_printf(report, ": %llu row%s\n", (unsigned long long)rows, rows == 1 ? "" : "s");
}

static const char *next_table(const void *arg, unsigned i)
{
	const struct rs_catalog *c = arg;

	return i < c->n_tables ? c->tables[i]->name : NULL;
}

static int not_there(const struct rs_catalog *c, const struct rs_name *name, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	const char *schema = rs_schema_of(name);
	const char *near = suggest(name->name, next_table, c);

	rs_print_name(schema, name->name, &text);
	if (rs_catalog_view(c, schema, name->name) != NULL) {
		return err_set(err, EINVAL, "\"%s\" is a view, a table is needed", buf_cstr(&text));
	}
	if (rs_catalog_external(c, schema, name->name) != NULL) {
		return err_set(err, EINVAL, "\"%s\" is an external table: it is read-only",
			buf_cstr(&text));
	}
	if (!rs_has_schema(c, schema)) {
		return err_set(err, ENOENT, "schema \"%s\" does not exist", schema);
	}
	return err_set(err, ENOENT, "relation \"%s\" does not exist%s%s%s", buf_cstr(&text),
		near == NULL ? "" : "; did you mean \"", near == NULL ? "" : near,
		near == NULL ? "" : "\"?");
}

int rs_find_table(
	struct rs_txn *t, const struct rs_name *name, struct rs_table **out, struct err *err)
{
	*out = rs_catalog_table_mut(t->next, rs_schema_of(name), name->name);
	return *out != NULL ? 0 : not_there(t->next, name, err);
}
