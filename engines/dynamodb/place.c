/* A path, resolved: the table, what the path means in it, stored key bytes. */
#include "engines/dynamodb/dynamodb_sqlite.h"

static int encode_keys(const struct epath *path, bool made, struct ddb_place *p, struct err *err)
{
	struct err why = {0};

	ddb_path_keys(path, &p->table->schema, &p->hash_text, &p->range_text);
	int rc = ddb_keys_encode(
		&p->table->schema, p->kind, p->hash_text, p->range_text, &p->pk, &p->sk, &why);
	if (rc == 0) {
		rc = buf_check(&p->pk, &why);
	}
	if (rc == 0) {
		rc = buf_check(&p->sk, &why);
	}
	if (rc == -EINVAL && !made) {
		return ddb_no_path(path, err);
	}
	return rc < 0 ? err_set(err, why.code, "%s", why.msg) : 0;
}

int ddb_place_find(struct ddb_db *db, const struct epath *path, bool made, struct ddb_place *out,
	struct err *err)
{
	*out = (struct ddb_place){.kind = DDB_SERVICE};
	if (path->depth == 0) {
		return 0;
	}
	int rc = ddb_table_get(db, path->key[0], &out->table, err);
	if (rc == 0) {
		rc = ddb_kind_of(path, &out->table->schema, &out->kind, err);
	}
	if (rc == 0 && out->kind != DDB_TABLE) {
		rc = encode_keys(path, made, out, err);
	}
	if (rc < 0) {
		ddb_place_free(out);
		*out = (struct ddb_place){0};
	}
	return rc;
}

void ddb_place_free(struct ddb_place *place)
{
	ddb_table_put(place->table);
	buf_free(&place->pk);
	buf_free(&place->sk);
}

/* Any write of a partition's items is announced for the partition too: it may
 * change the list that a stat of the partition tells of. */
void ddb_place_keys(const struct ddb_place *place, uint64_t out[2])
{
	out[0] = store_key_hash(buf_slice(&place->pk), buf_slice(&place->sk));
	out[1] = store_key_hash(buf_slice(&place->pk), (struct slice){0});
}

void ddb_changed(struct ddb_db *db, const struct epath *path)
{
	if (db->host.changed != NULL) {
		db->host.changed(db->host.arg, dynamodb_sqlite_ops.service, path);
	}
}
