/* External schemas, tables and partitions that were created. */
#include <errno.h>
#include <stdlib.h>

#include "engines/redshift/lake/lake.h"
#include "engines/redshift/leader/catalog_impl.h"

/* The array with room for one more. */
static int grow(void *array, unsigned n, size_t size, struct err *err)
{
	void **at = array;
	void *more = realloc(*at, (n + 1) * size);
	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*at = more;
	memset((char *)more + n * size, 0, size);
	return 0;
}

static const struct rs_external_schema *find_schema(const struct rs_catalog *c, const char *name)
{
	for (unsigned i = 0; i < c->n_external_schemas; i++) {
		if (strcmp(c->external_schemas[i].name, name) == 0) {
			return &c->external_schemas[i];
		}
	}
	return NULL;
}

bool rs_external_is_schema(const struct rs_catalog *c, const char *name)
{
	return find_schema(c, name) != NULL || rs_catalog_lake(c, name) != NULL;
}

int rs_external_add_schema(struct rs_catalog *next, const struct rs_statement *s, struct err *err)
{
	const char *name = s->names[0].name;
	bool failed = false;
	bool taken = rs_external_is_schema(next, name);
	for (unsigned i = 0; i < next->n_schemas; i++) {
		taken |= strcmp(next->schemas[i], name) == 0;
	}
	if (taken) {
		return s->if_not_exists
			       ? 0
			       : err_set(err, EEXIST, "schema \"%s\" already exists", name);
	}
	int rc = grow(&next->external_schemas, next->n_external_schemas,
		sizeof(*next->external_schemas), err);
	if (rc < 0) {
		return rc;
	}
	/* A database of the name of a lake is that lake: its folders are tables. */
	const char *database = s->directory != NULL ? s->directory : "";
	const struct rs_lake *lake = rs_catalog_lake(next, database);
	next->external_schemas[next->n_external_schemas++] =
		(struct rs_external_schema){.name = rs_dup(name, &failed),
			.database = rs_dup(database, &failed),
			.lake = lake != NULL ? rs_dup(lake->name, &failed) : NULL};
	return failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

int rs_external_add_table(
	struct rs_catalog *next, const struct rs_statement *s, int64_t now_ns, struct err *err)
{
	const struct rs_create *def = &s->create;
	const char *schema = def->name.schema != NULL ? def->name.schema : "";
	bool failed = false;
	if (!rs_external_is_schema(next, schema)) {
		return err_set(err, ENOENT,
			"\"%s\" is no external schema: CREATE EXTERNAL SCHEMA makes one", schema);
	}
	if (def->location == NULL) {
		return err_set(err, EINVAL, "an external table needs a LOCATION");
	}
	if (rs_catalog_external(next, schema, def->name.name) != NULL) {
		return def->if_not_exists ? 0
					  : err_set(err, EEXIST, "relation \"%s\" already exists",
						    def->name.name);
	}
	int rc = grow(&next->external, next->n_external, sizeof(*next->external), err);
	if (rc < 0) {
		return rc;
	}
	struct rs_external_table *t = &next->external[next->n_external];
	t->schema = rs_dup(schema, &failed);
	t->created_ns = now_ns;
	rc = rs_create_copy(def, &t->def, err);
	next->n_external++;
	return failed ? err_set(err, ENOMEM, "out of memory") : rc;
}

/* ---- partitions ---- */

static struct rs_external_table *find_table(
	struct rs_catalog *next, const char *schema, const char *name)
{
	for (unsigned i = 0; i < next->n_external; i++) {
		struct rs_external_table *t = &next->external[i];
		if (strcmp(t->schema, schema) == 0 && strcmp(t->def.name.name, name) == 0) {
			return t;
		}
	}
	return NULL;
}

/* The values in the order of the table's partition columns; borrowed. */
static int order_values(const struct rs_external_table *t, const struct rs_alter *a,
	const char **values, struct err *err)
{
	for (unsigned i = 0; i < t->def.n_partitions; i++) {
		values[i] = NULL;
		for (unsigned k = 0; k < a->n_partition; k++) {
			if (strcmp(a->partition_columns[k], t->def.partitions[i].name) == 0) {
				values[i] = a->partition_values[k];
			}
		}
		if (values[i] == NULL || a->n_partition != t->def.n_partitions) {
			return err_set(err, EINVAL,
				"the partition has to tell a value of each of the %u partition "
				"columns "
				"of %s, %s among them",
				t->def.n_partitions, t->def.name.name, t->def.partitions[i].name);
		}
	}
	return 0;
}

static unsigned find_partition(const struct rs_external_table *t, const char *const *values)
{
	unsigned i = 0;
	for (; i < t->n_partitions; i++) {
		bool same = true;
		for (unsigned k = 0; k < t->def.n_partitions; k++) {
			same = same && values[k] != NULL &&
			       strcmp(t->partitions[i].values[k], values[k]) == 0;
		}
		if (same) {
			break;
		}
	}
	return i;
}

static int add_partition(struct rs_external_table *t, const struct rs_alter *a,
	const char *const *values, struct err *err)
{
	bool failed = false;
	int rc = grow(&t->partitions, t->n_partitions, sizeof(*t->partitions), err);
	if (rc < 0) {
		return rc;
	}
	struct rs_external_partition *p = &t->partitions[t->n_partitions++];
	p->location = rs_dup(a->location, &failed);
	p->values = rs_dup_list((char *const *)(uintptr_t)values, t->def.n_partitions, &failed);
	return failed ? err_set(err, ENOMEM, "out of memory") : 0;
}

static void drop_partition(struct rs_external_table *t, unsigned i)
{
	rs_free_list(t->partitions[i].values, t->def.n_partitions);
	free(t->partitions[i].location);
	memmove(&t->partitions[i], &t->partitions[i + 1],
		(t->n_partitions - i - 1) * sizeof(*t->partitions));
	t->n_partitions--;
}

int rs_external_alter(struct rs_catalog *next, const struct rs_alter *a, struct err *err)
{
	const char *schema = a->name.schema != NULL ? a->name.schema : "";
	struct rs_external_table *t = find_table(next, schema, a->name.name);
	if (t == NULL) {
		return err_set(
			err, ENOENT, "there is no external table %s.%s", schema, a->name.name);
	}
	if (t->def.n_partitions == 0) {
		return err_set(err, EINVAL, "%s is not partitioned", a->name.name);
	}
	const char **values = calloc(t->def.n_partitions, sizeof(*values));
	if (values == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = order_values(t, a, values, err);
	unsigned i = rc == 0 ? find_partition(t, values) : 0;
	if (rc == 0 && a->kind == RS_ALTER_DROP_PARTITION) {
		rc = i < t->n_partitions ? 0 : err_set(err, ENOENT, "there is no such partition");
		if (rc == 0) {
			drop_partition(t, i);
		}
	} else if (rc == 0 && i < t->n_partitions) {
		rc = a->if_exists ? 0 : err_set(err, EEXIST, "the partition is there already");
	} else if (rc == 0) {
		rc = add_partition(t, a, values, err);
	}
	free(values);
	return rc;
}
