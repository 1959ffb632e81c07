/* The catalogue in the leader's file: a row with its numbers, and a row for each object in it. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/leader/leader_impl.h"

#define KEY_MAX 300

/* ---- as objects ---- */

static int damaged(struct err *err)
{
	return err_set(err, EIO, "the catalogue is damaged: an object's definition is not whole");
}

static int add_text(json_t *objects, const char *key, const char *text, struct err *err)
{
	return json_object_set_new(objects, key, json_string(text)) < 0
		       ? err_set(err, ENOMEM, "%s: its definition cannot be written", key)
		       : 0;
}

/* Steals o. */
static int add_object(json_t *objects, const char *kind, const char *schema, const char *name,
	json_t *o, struct err *err)
{
	char key[KEY_MAX];
	CLEANUP(cleanup_free) char *text = o == NULL ? NULL : json_dumps(o, JSON_COMPACT);

	json_decref(o);
	snprintf(key, sizeof(key), "%s %s%s%s", kind, schema, schema[0] == '\0' ? "" : ".", name);
	if (text == NULL) {
		return err_set(err, ENOMEM, "%s: its definition cannot be written", key);
	}
	return add_text(objects, key, text, err);
}

static int add_tables(const struct rs_catalog *c, json_t *objects, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	char key[KEY_MAX];
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < c->n_tables; i++) {
		buf_clear(&text);
		snprintf(key, sizeof(key), "table %llu", (unsigned long long)c->tables[i]->id);
		rc = rs_table_to_json(c->tables[i], &text, err);
		rc = rc < 0 ? rc : add_text(objects, key, buf_cstr(&text), err);
	}
	return rc;
}

static int add_others(const struct rs_catalog *c, json_t *objects, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < c->n_views; i++) {
		const struct rs_user_view *v = &c->views[i];
		rc = add_object(objects, "view", v->schema, v->name, rs_user_view_to_json(v), err);
	}
	for (unsigned i = 0; rc == 0 && i < c->n_lakes; i++) {
		rc = add_object(
			objects, "lake", "", c->lakes[i].name, rs_lake_to_json(&c->lakes[i]), err);
	}
	for (unsigned i = 0; rc == 0 && i < c->n_external_schemas; i++) {
		const struct rs_external_schema *s = &c->external_schemas[i];
		rc = add_object(objects, "external-schema", "", s->name,
			rs_external_schema_to_json(s), err);
	}
	for (unsigned i = 0; rc == 0 && i < c->n_external; i++) {
		const struct rs_external_table *t = &c->external[i];
		rc = add_object(objects, "external-table", t->schema, t->def.name.name,
			rs_external_table_to_json(t), err);
	}
	return rc;
}

int rs_catalog_objects(const struct rs_catalog *c, json_t **objects, struct err *err)
{
	json_t *all = json_object();

	if (all == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = add_tables(c, all, err);
	rc = rc < 0 ? rc : add_others(c, all, err);
	if (rc < 0) {
		json_decref(all);
		return rc;
	}
	*objects = all;
	return 0;
}

/* ---- saving ---- */

static int save_state(sqlite3 *db, const struct rs_catalog *c, struct err *err)
{
	CLEANUP(rs_leader_finalize) sqlite3_stmt *stmt = NULL;
	json_t *list = rs_list_to_json(c->schemas, c->n_schemas);
	CLEANUP(cleanup_free) char *schemas = list == NULL ? NULL : json_dumps(list, JSON_COMPACT);

	json_decref(list);
	if (schemas == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = rs_leader_prepare(db,
		"INSERT OR REPLACE INTO state(id, xid, time, next_id, generation, nodes, slices,"
		" schemas) VALUES(1, ?1, ?2, ?3, ?4, ?5, ?6, ?7)",
		&stmt, err);
	if (rc < 0) {
		return rc;
	}
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)c->xid);
	sqlite3_bind_int64(stmt, 2, c->time_ns);
	sqlite3_bind_int64(stmt, 3, (sqlite3_int64)c->next_id);
	sqlite3_bind_int64(stmt, 4, (sqlite3_int64)c->generation);
	sqlite3_bind_int64(stmt, 5, c->nodes);
	sqlite3_bind_int64(stmt, 6, c->slices);
	sqlite3_bind_text(stmt, 7, schemas, -1, SQLITE_STATIC);
	return store_step(stmt, err);
}

/* A statement with one row of objects: its key and, of a new one, its definition. */
static int save_object(
	sqlite3 *db, const char *text, const char *key, const char *definition, struct err *err)
{
	CLEANUP(rs_leader_finalize) sqlite3_stmt *stmt = NULL;
	int rc = rs_leader_prepare(db, text, &stmt, err);

	if (rc < 0) {
		return rc;
	}
	sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
	if (definition != NULL) {
		sqlite3_bind_text(stmt, 2, definition, -1, SQLITE_STATIC);
	}
	return store_step(stmt, err);
}

int rs_catalog_save(sqlite3 *db, const struct rs_catalog *c, const json_t *objects,
	const json_t *before, struct err *err)
{
	const char *key;
	json_t *value;
	int rc = save_state(db, c, err);

	json_object_foreach ((json_t *)objects, key, value) {
		if (rc == 0 && !json_equal(value, json_object_get(before, key))) {
			rc = save_object(db, "INSERT OR REPLACE INTO objects VALUES(?1, ?2)", key,
				json_string_value(value), err);
		}
	}
	json_object_foreach ((json_t *)before, key, value) {
		if (rc == 0 && json_object_get(objects, key) == NULL) {
			rc = save_object(db, "DELETE FROM objects WHERE key = ?1", key, NULL, err);
		}
	}
	return rc;
}

/* ---- loading ---- */

static int load_state(sqlite3 *db, struct rs_catalog **out, struct err *err)
{
	CLEANUP(rs_leader_finalize) sqlite3_stmt *stmt = NULL;
	int rc = rs_leader_prepare(db,
		"SELECT xid, time, next_id, generation, nodes, slices, schemas FROM state", &stmt,
		err);

	rc = rc < 0 ? rc : store_step(stmt, err);
	if (rc <= 0) {
		return rc < 0 ? rc
			      : err_set(err, EIO,
					"the leader's file has no catalogue: it was not "
					"made to its end");
	}
	struct rs_catalog *c = calloc(1, sizeof(*c));
	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	atomic_init(&c->refs, 1);
	c->xid = (uint64_t)sqlite3_column_int64(stmt, 0);
	c->time_ns = sqlite3_column_int64(stmt, 1);
	c->next_id = (uint64_t)sqlite3_column_int64(stmt, 2);
	c->generation = (uint64_t)sqlite3_column_int64(stmt, 3);
	c->nodes = (unsigned)sqlite3_column_int(stmt, 4);
	c->slices = (unsigned)sqlite3_column_int(stmt, 5);
	struct slice text = store_column_slice(stmt, 6);
	json_t *schemas = json_loadb(text.p, text.n, 0, NULL);
	*out = c;
	rc = schemas == NULL || rs_list_of_json(schemas, &c->schemas, &c->n_schemas) < 0
		     ? damaged(err)
		     : 0;
	json_decref(schemas);
	return rc;
}

/* Room for one more at the end of a list, zeroed; NULL: no memory. */
static void *one_more(void *list, unsigned n, size_t size)
{
	void **at = list;
	char *more = reallocarray(*at, n + 1, size);

	if (more == NULL) {
		return NULL;
	}
	*at = more;
	return memset(more + n * size, 0, size);
}

static int load_other(struct rs_catalog *c, const char *key, const json_t *o)
{
	void *room;

	if (strncmp(key, "view ", 5) == 0) {
		room = one_more(&c->views, c->n_views, sizeof(*c->views));
		c->n_views += room != NULL;
		return room == NULL ? -1 : rs_user_view_of_json(o, room);
	}
	if (strncmp(key, "lake ", 5) == 0) {
		room = one_more(&c->lakes, c->n_lakes, sizeof(*c->lakes));
		c->n_lakes += room != NULL;
		return room == NULL ? -1 : rs_lake_of_json(o, room);
	}
	if (strncmp(key, "external-schema ", 16) == 0) {
		room = one_more(
			&c->external_schemas, c->n_external_schemas, sizeof(*c->external_schemas));
		c->n_external_schemas += room != NULL;
		return room == NULL ? -1 : rs_external_schema_of_json(o, room);
	}
	if (strncmp(key, "external-table ", 15) == 0) {
		room = one_more(&c->external, c->n_external, sizeof(*c->external));
		c->n_external += room != NULL;
		return room == NULL ? -1 : rs_external_table_of_json(o, room);
	}
	return -1;
}

static int load_object(
	struct rs_catalog *c, const char *key, struct slice definition, struct err *err)
{
	struct rs_table *t = NULL;

	if (strncmp(key, "table ", 6) == 0) {
		int rc = rs_table_of_json(definition, &t, err);
		return rc < 0 ? rc : rs_catalog_add_table(c, t, err);
	}
	json_t *o = json_loadb(definition.p, definition.n, 0, NULL);
	int bad = o == NULL ? -1 : load_other(c, key, o);
	json_decref(o);
	return bad < 0 ? damaged(err) : 0;
}

int rs_catalog_load(sqlite3 *db, struct rs_catalog **out, struct err *err)
{
	CLEANUP(rs_leader_finalize) sqlite3_stmt *stmt = NULL;
	struct rs_catalog *c = NULL;
	int more = 1;

	int rc = load_state(db, &c, err);
	if (rc < 0 || c == NULL) {
		rs_catalog_unref(c);
		return rc;
	}
	rc = rs_leader_prepare(db, "SELECT key, definition FROM objects ORDER BY key", &stmt, err);
	while (rc == 0 && more > 0) {
		more = store_step(stmt, err);
		rc = more < 0 ? more : 0;
		if (more > 0) {
			const char *key = (const char *)sqlite3_column_text(stmt, 0);
			rc = load_object(
				c, key == NULL ? "" : key, store_column_slice(stmt, 1), err);
		}
	}
	if (rc < 0) {
		rs_catalog_unref(c);
		return rc;
	}
	*out = c;
	return 0;
}
