/* Writing a row through the cache, where RDS comes first: cache-aside, write-through and
 * write-around. Once RDS has committed, the write is done: whatever the cache does then, it is no
 * failure. */
#include <errno.h>

#include "engines/cache/tables/tables_impl.h"

/* As RDS prints it now. When it cannot be asked any more, as it was written. */
static bool read_back(struct cached_table *t, struct slice key, struct slice text, struct buf *out,
	struct tables_row *row)
{
	struct err why = {0};
	size_t before = out->n;

	if (tables_source_read(t, key, out, row, &why) == 1) {
		return true;
	}
	out->n = before;
	*row = (struct tables_row){.version = tables_version(text), .size = text.n};
	return false;
}

/* Until then nobody else writes this key here: the text that the cache gets last is the last. */
static int write_source(struct cached_table *t, struct slice key, struct slice text,
	uint64_t expect, struct tables_row *out, struct err *err)
{
	CLEANUP(buf_free) struct buf now = BUF_INIT;
	struct epath path = tables_row_path(t, key);
	struct engine_info info;
	struct engine *peer = tables_peer(t->all, err);

	if (peer == NULL) {
		return -EIO;
	}
	int rc = engine_write(peer, &path, 0, text, expect, &info, err);
	if (rc < 0) {
		return rc;
	}
	tables_flights_old(t, key);
	bool through = t->def.pattern == TABLES_THROUGH;
	if (!through) {
		tables_cache_remove(t, key);
	}
	struct tables_row row;
	bool known = read_back(t, key, text, &now, &row);
	row.mtime_ns = known ? row.mtime_ns : info.mtime_ns;
	struct slice printed = buf_slice(&now);
	if (through && known) {
		tables_cache_set(t, key, &printed);
	} else if (through) {
		tables_cache_remove(t, key);
	}
	tables_seen(t, key, &row, 0, false);
	*out = row;
	return 0;
}

int tables_write(struct cached_table *t, struct slice key, struct slice text, uint64_t expect,
	struct tables_row *out, struct err *err)
{
	uint64_t version = expect;

	if (t->def.pattern == TABLES_BEHIND) {
		return tables_behind_write(t, key, text, expect, out, err);
	}
	atomic_store(&t->used, true);
	LOCKED(tables_stripe(t, key));
	int rc = tables_source_expect(t, key, expect, &version, err);
	return rc < 0 ? rc : write_source(t, key, text, version, out, err);
}

static int remove_source(struct cached_table *t, struct slice key, uint64_t expect, struct err *err)
{
	struct epath path = tables_row_path(t, key);
	struct engine *peer = tables_peer(t->all, err);

	if (peer == NULL) {
		return -EIO;
	}
	int rc = engine_remove(peer, &path, expect, err);
	if (rc < 0 && rc != -ENOENT) {
		return rc;
	}
	/* What is not there must not be in the cache either. */
	tables_flights_old(t, key);
	if (rc == 0 && t->def.pattern == TABLES_THROUGH) {
		tables_cache_set(t, key, NULL);
	} else {
		tables_cache_remove(t, key);
	}
	return rc;
}

int tables_remove(struct cached_table *t, struct slice key, uint64_t expect, struct err *err)
{
	uint64_t version = expect;

	if (t->def.pattern == TABLES_BEHIND) {
		return tables_behind_remove(t, key, expect, err);
	}
	atomic_store(&t->used, true);
	LOCKED(tables_stripe(t, key));
	int rc = tables_source_expect(t, key, expect, &version, err);
	return rc < 0 ? rc : remove_source(t, key, version, err);
}
