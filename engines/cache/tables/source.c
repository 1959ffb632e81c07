/* The table in RDS, asked as anybody asks it: by its path. */
#include <errno.h>
#include <stdio.h>

#include "engines/cache/tables/tables_impl.h"
#include "engines/common/json.h"

uint64_t tables_version(struct slice text)
{
	uint64_t version = store_key_hash(text, slice_of(""));

	return version == ENGINE_VERSION_ANY ? 1 : version;
}

struct engine *tables_peer(struct cache_tables *c, struct err *err)
{
	struct engine *peer = c->host.peer != NULL ? c->host.peer(c->host.arg, "rds") : NULL;

	if (peer == NULL) {
		err_set(err, EIO, "this mount has no RDS in use");
	}
	return peer;
}

bool tables_is_away(int rc)
{
	switch (rc) {
	case 0:
	case -EINVAL:
	case -EEXIST:
	case -EFBIG:
	case -ENOTSUP: return false;
	default: return true;
	}
}

static int away(const struct cached_table *t, const struct err *why, struct err *err)
{
	int code = why->code == ENOMEM ? ENOMEM : EIO;

	return err_set(err, code, "rds/%s/%s cannot be asked now: %s", t->def.instance,
		t->def.source, why->msg);
}

/* 0: the table is there, so what it lacks is a row. */
static int check_table(struct cached_table *t, struct engine *peer, struct err *err)
{
	struct epath path = tables_table_path(t);
	struct engine_info info;
	struct err why = {0};

	return engine_stat(peer, &path, 0, &info, &why) < 0 ? away(t, &why, err) : 0;
}

/* ---- rows ---- */

/* As tables_source_read(), with RDS's own version. */
static int read_row(struct cached_table *t, struct slice key, struct buf *out,
	struct tables_row *row, uint64_t *version, struct err *err)
{
	struct epath path = tables_row_path(t, key);
	struct engine_info info;
	struct err why = {0};
	size_t before = out->n;
	struct engine *peer = tables_peer(t->all, err);

	if (peer == NULL) {
		return -EIO;
	}
	int rc = engine_read(peer, &path, 0, out, &info, &why);
	if (rc == -ENOENT) {
		return check_table(t, peer, err);
	}
	if (rc < 0) {
		return away(t, &why, err);
	}
	*version = info.version;
	*row = (struct tables_row){.version = tables_version(buf_since(out, before)),
		.size = out->n - before,
		.mtime_ns = info.mtime_ns};
	return 1;
}

int tables_source_read(struct cached_table *t, struct slice key, struct buf *out,
	struct tables_row *row, struct err *err)
{
	uint64_t version;

	return read_row(t, key, out, row, &version, err);
}

int tables_source_expect(
	struct cached_table *t, struct slice key, uint64_t expect, uint64_t *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct tables_row row = {0};

	*out = expect;
	if (expect == ENGINE_VERSION_ANY || expect == ENGINE_VERSION_ABSENT) {
		return 0;
	}
	int rc = read_row(t, key, &text, &row, out, err);
	if (rc < 0 || (rc == 1 && row.version == expect)) {
		return rc < 0 ? rc : 0;
	}
	/* What was read is older than what RDS has: so is what the cache has. */
	tables_cache_remove(t, key);
	tables_flights_old(t, key);
	return err_set(err, EBUSY, "the row was %s since it was read; read it again",
		rc == 0 ? "removed" : "changed");
}

int tables_source_time(struct cached_table *t, struct slice key, int64_t *out, struct err *err)
{
	struct epath path = tables_row_path(t, key);
	struct engine_info info;
	struct engine *peer = tables_peer(t->all, err);

	int rc = peer != NULL ? engine_stat(peer, &path, 0, &info, err) : -EIO;
	if (rc == 0) {
		*out = info.mtime_ns;
	}
	return rc;
}

/* ---- checks ---- */

static int check_json(struct slice text, struct err *err)
{
	struct json_reader *json = json_reader_new(NULL, NULL, 0, false);

	if (json == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = json_feed(json, text, err);
	rc = rc < 0 ? rc : json_finish(json, err);
	json_reader_free(json);
	return rc;
}

int tables_source_check(
	struct cached_table *t, struct slice key, struct slice text, struct err *err)
{
	struct epath path = tables_row_path(t, key);
	struct err why = {0};
	struct engine *peer = tables_peer(t->all, &why);

	int rc = peer != NULL ? engine_check(peer, &path, 0, text, ENGINE_VERSION_ANY, &why) : -EIO;
	/* A mount in which RDS is read-only stays one. */
	if (rc == -EROFS || (rc < 0 && !tables_is_away(rc))) {
		return err_set(err, why.code, "%s", why.msg);
	}
	return rc < 0 ? check_json(text, err) : 0;
}

/* ---- what the table is ---- */

static const char *const suffixes[] = {".json"};
static const struct engine_form forms[] = {{".json", "the row as JSON"}};

/* One form alone is cached. */
static void level_of(const struct engine_level *source, struct engine_level *out)
{
	*out = (struct engine_level){
		.noun = "cached table",
		.child_noun = "row",
		.child = ENGINE_FILE,
		.names = source != NULL ? source->names : (struct name_rules){suffixes, 1},
		.forms = source != NULL ? source->forms : forms,
		.n_forms = 1,
	};
	out->names.n = 1;
}

static int ask_level(struct cached_table *t, struct engine_level *out, struct err *err)
{
	struct epath path = tables_table_path(t);
	struct engine *peer = tables_peer(t->all, err);

	return peer != NULL ? engine_level(peer, &path, out, err) : -EIO;
}

/* RDS says it once: its answer is the same for as long as it is open. */
int tables_source_level(struct cached_table *t, struct engine_level *out, struct err *err)
{
	struct engine_level source;
	struct err why = {0};

	(void)err;
	{
		LOCKED(&t->lock);
		if (t->level_known) {
			*out = t->level;
			return 0;
		}
	}
	int rc = ask_level(t, &source, &why);
	bool rows = rc == 0 && source.child == ENGINE_FILE && source.n_forms > 0;
	level_of(rows ? &source : NULL, out);
	LOCKED(&t->lock);
	if (rows) {
		t->level = *out;
		t->level_known = true;
	}
	return 0;
}

/* When its instance was made, and how the table is defined. */
int tables_source_identity(struct cache_tables *c, const struct tables_def *def,
	char out[TABLES_IDENTITY_MAX], struct err *err)
{
	CLEANUP(buf_free) struct buf schema = BUF_INIT;
	json_auto_t *status = json_object();
	struct epath table = {.depth = 2, .key = {slice_of(def->instance), slice_of(def->source)}};
	struct epath instance = epath_parent(&table);
	struct engine *peer = tables_peer(c, err);

	if (peer == NULL || status == NULL) {
		return peer == NULL ? -EIO : err_set(err, ENOMEM, "out of memory");
	}
	int rc = engine_status(peer, &instance, status, err);
	rc = rc < 0 ? rc : engine_text_read(peer, &table, ".schema", &schema, err);
	if (rc < 0) {
		return rc;
	}
	const char *created = json_string_value(json_object_get(status, "InstanceCreateTime"));
	snprintf(out, TABLES_IDENTITY_MAX, "%.40s %016llx", created != NULL ? created : "",
		(unsigned long long)tables_version(buf_slice(&schema)));
	return 0;
}
