/* What the names of a FROM mean to one look: tables, then views, of the schema that was told, or of
 * public, then what is outside; relations live until the look ends or begins anew. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/common/suggest.h"
#include "engines/redshift/lake/lake.h"
#include "engines/redshift/run/cluster.h"
#include "engines/redshift/system/system.h"

struct resolved {
	struct resolved *next;
	struct rs_relation *relation;
	void (*release)(struct rs_relation *r);
};

static void free_own(struct rs_relation *r)
{
	free((void *)r->columns);
	free(r);
}

void rs_look_forget(struct rs_look *l)
{
	struct resolved *r = l->resolved, *next;

	for (; r != NULL; r = next) {
		next = r->next;
		r->release(r->relation);
		free(r);
	}
	l->resolved = NULL;
}

/* Takes the relation over. */
static int keep(struct rs_look *l, struct rs_relation *relation,
	void (*release)(struct rs_relation *r), const struct rs_relation **out, struct err *err)
{
	struct resolved *r = malloc(sizeof(*r));

	if (r == NULL) {
		release(relation);
		return err_set(err, ENOMEM, "out of memory");
	}
	*r = (struct resolved){l->resolved, relation, release};
	l->resolved = r;
	*out = relation;
	return 0;
}

/* One column more than the table has: the number of the row, which `*` does not mean. */
static int of_table(struct rs_look *l, const struct rs_table *t, const struct rs_relation **out,
	struct err *err)
{
	struct rs_relation *r = calloc(1, sizeof(*r));
	struct rs_relation_column *columns = calloc(t->n_columns + 1, sizeof(*columns));

	if (r == NULL || columns == NULL) {
		free(r);
		free(columns);
		return err_set(err, ENOMEM, "out of memory");
	}
	for (unsigned i = 0; i < t->n_columns; i++) {
		columns[i] = (struct rs_relation_column){
			.name = t->columns[i].name, .type = t->columns[i].type};
	}
	columns[t->n_columns] = (struct rs_relation_column){
		.name = "_id", .type = {.kind = SQL_BIGINT}, .hidden = true};
	*r = (struct rs_relation){.kind = RS_RELATION_TABLE,
		.schema = t->schema,
		.name = t->name,
		.columns = columns,
		.n_columns = t->n_columns + 1,
		.table = t};
	return keep(l, r, free_own, out, err);
}

static int of_view(struct rs_look *l, const struct rs_user_view *v, const struct rs_relation **out,
	struct err *err)
{
	struct rs_relation *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*r = (struct rs_relation){
		.kind = RS_RELATION_VIEW, .schema = v->schema, .name = v->name, .view = v};
	return keep(l, r, free_own, out, err);
}

/* ---- what is not there ---- */

static const char *next_table(const void *arg, unsigned i)
{
	const struct rs_catalog *c = arg;

	return i < c->n_tables		      ? c->tables[i]->name
	       : i < c->n_tables + c->n_views ? c->views[i - c->n_tables].name
					      : NULL;
}

static int not_there(const struct rs_look *l, const char *schema, const char *name, struct err *err)
{
	const char *near = suggest(name, next_table, l->catalog);
	bool told = schema != NULL && schema[0] != '\0';

	return err_set(err, ENOENT, "relation \"%s%s%s\" does not exist%s%s%s", told ? schema : "",
		told ? "." : "", name, near == NULL ? "" : "; did you mean \"",
		near == NULL ? "" : near, near == NULL ? "" : "\"?");
}

static bool is_outside(const struct rs_look *l, const char *schema)
{
	return schema != NULL && schema[0] != '\0' && rs_external_is_schema(l->catalog, schema);
}

static int of_lake(struct rs_look *l, const char *schema, const char *name,
	const struct rs_relation **out, struct err *err)
{
	struct rs_relation *r = NULL;
	int rc = rs_lake_find(l->catalog, rs_nodes_site(l->nodes), schema, name, &r, err);

	return rc < 0 ? rc : keep(l, r, rs_lake_release, out, err);
}

/* The views of the leader, which come last: a table can have any name. */
static int of_system(struct rs_look *l, const char *schema, const char *name,
	const struct rs_relation **out, struct err *err)
{
	struct rs_relation *r = NULL;
	struct err why = {0};
	int rc = rs_system_find(l, schema, name, &r, &why);

	if (rc == -ENOENT) {
		return not_there(l, schema, name, err);
	}
	return rc < 0 ? err_set(err, why.code, "%s", why.msg)
		      : keep(l, r, rs_system_release, out, err);
}

static int find(void *arg, const char *schema, const char *name, const struct rs_relation **out,
	struct err *err)
{
	struct rs_look *l = arg;
	const struct rs_table *t = rs_catalog_table(l->catalog, schema, name);
	const struct rs_user_view *v = rs_catalog_view(l->catalog, schema, name);

	if (t != NULL) {
		return of_table(l, t, out, err);
	}
	if (v != NULL) {
		return of_view(l, v, out, err);
	}
	return is_outside(l, schema) ? of_lake(l, schema, name, out, err)
				     : of_system(l, schema, name, out, err);
}

int rs_look_resolver(struct rs_look *l, struct err *err)
{
	(void)err;
	rs_look_forget(l);
	l->sight = (struct rs_sight){.nodes = l->nodes,
		.catalog = l->catalog,
		.xid = l->xid,
		.tmp = l->cluster->config.tmp,
		.resolver = {.find = find, .now_micros = clock_wall_ns() / 1000, .arg = l}};
	return 0;
}
