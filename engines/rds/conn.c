/* A connection of a source, and what is kept on it: statements by their text, and
 * what schema.c knows. */
#include <stdlib.h>

#include "engines/common/clock.h"
#include "engines/rds/rds.h"
#include "engines/rds/source_impl.h"

/* More than the rows of some dozen tables need. Who asks for a statement uses it
 * before it has asked for as many others. */
#define STMT_MAX 128

#define VIEW_LIMIT_MS 60000U /* as of a query */
#define STEPS	      5000

struct cached {
	uint64_t hash;
	uint64_t used; /* when it was asked for last: a count */
	sqlite3_stmt *stmt;
};

struct rds_cache {
	struct rds_schema *schema;
	bool checked;
	struct cached stmts[STMT_MAX];
	unsigned n_stmts;
	uint64_t now;	/* statements asked for */
	uint64_t begun; /* `now` when the transaction began */
};

struct rds_schema **rds_cache_schema(struct rds_cache *cache)
{
	return &cache->schema;
}

bool *rds_cache_checked(struct rds_cache *cache)
{
	return &cache->checked;
}

int rds_conn_init(struct rds_conn *c, sqlite3 *db, const char *label, struct err *err)
{
	static const char settings[] = "PRAGMA foreign_keys=ON; PRAGMA recursive_triggers=ON;";
	*c = (struct rds_conn){.db = db, .label = label, .view_limit_ms = VIEW_LIMIT_MS};
	if (sqlite3_exec(db, settings, NULL, NULL, NULL) != SQLITE_OK) {
		return store_sql_error(db, label, err);
	}
	rds_guard_schema(db);
	c->cache = calloc(1, sizeof(*c->cache));
	return c->cache != NULL ? 0 : err_set(err, ENOMEM, "%s: out of memory", label);
}

void rds_conn_destroy(struct rds_conn *c)
{
	if (c->cache == NULL) {
		return;
	}
	for (unsigned i = 0; i < c->cache->n_stmts; i++) {
		sqlite3_finalize(c->cache->stmts[i].stmt);
	}
	rds_schema_free(c->cache->schema);
	free(c->cache);
	c->cache = NULL;
}

/* ---- statements ---- */

static struct cached *find_cached(struct rds_cache *cache, uint64_t hash, const char *sql)
{
	for (unsigned i = 0; i < cache->n_stmts; i++) {
		struct cached *e = &cache->stmts[i];
		if (e->hash == hash && strcmp(sqlite3_sql(e->stmt), sql) == 0) {
			return e;
		}
	}
	return NULL;
}

/* An empty place: a new one, or that of the statement not used for longest. */
static struct cached *take_place(struct rds_cache *cache)
{
	if (cache->n_stmts < STMT_MAX) {
		return &cache->stmts[cache->n_stmts++];
	}
	struct cached *oldest = &cache->stmts[0];
	for (unsigned i = 1; i < cache->n_stmts; i++) {
		if (cache->stmts[i].used < oldest->used) {
			oldest = &cache->stmts[i];
		}
	}
	sqlite3_finalize(oldest->stmt);
	return oldest;
}

sqlite3_stmt *rds_conn_stmt(struct rds_conn *c, const char *sql, struct err *err)
{
	struct rds_cache *cache = c->cache;
	uint64_t hash = store_key_hash(slice_of(sql), slice_make(NULL, 0));
	struct cached *e = find_cached(cache, hash, sql);
	if (e != NULL) {
		sqlite3_reset(e->stmt);
		sqlite3_clear_bindings(e->stmt);
	} else {
		sqlite3_stmt *stmt = NULL;
		if (sqlite3_prepare_v3(c->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) !=
			SQLITE_OK) {
			store_sql_error(c->db, c->label, err);
			return NULL;
		}
		e = take_place(cache);
		*e = (struct cached){.hash = hash, .stmt = stmt};
	}
	e->used = ++cache->now;
	return e->stmt;
}

/* ---- time ---- */

static int64_t now_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

static int tick(void *arg)
{
	const struct rds_conn *c = arg;

	return now_ms() > c->end_ms;
}

void rds_conn_limit_view(struct rds_conn *c)
{
	if (c->view_limit_ms > 0 && !c->limited) {
		c->limited = true;
		c->end_ms = now_ms() + c->view_limit_ms;
		sqlite3_progress_handler(c->db, STEPS, tick, c);
	}
}

static void unlimit(struct rds_conn *c)
{
	if (c->limited) {
		sqlite3_progress_handler(c->db, 0, NULL, NULL);
		c->limited = false;
	}
}

/* ---- transactions ---- */

int rds_conn_begin(struct rds_conn *c, bool write, struct err *err)
{
	c->writable = write;
	c->n_own = 0;
	c->cache->begun = c->cache->now;
	c->cache->checked = false;
	return write ? rds_stamps_begin(c, &c->stamps, err) : 0;
}

int rds_conn_finish(struct rds_conn *c, struct err *err)
{
	int rc = rds_conn_foreign_keys(c, err);
	return rc != 0 ? rc : rds_stamps_end(c->stamps, rds_conn_version(c), rds_conn_time(c), err);
}

struct telling {
	const struct rds_conn *c;
	rds_source_changed *changed;
	void *arg;
};

static bool is_own(const struct rds_conn *c, const char *table, const struct slice *key)
{
	for (unsigned i = 0; i < c->n_own && table != NULL && key != NULL; i++) {
		if (slice_is(c->own_table, table) && slice_equal(c->own_key[i], *key)) {
			return true;
		}
	}
	return false;
}

static void tell_others(void *arg, const char *table, const struct slice *key)
{
	const struct telling *t = arg;
	if (!is_own(t->c, table, key)) {
		t->changed(t->arg, table, key);
	}
}

void rds_conn_tell(struct rds_conn *c, rds_source_changed *changed, void *arg)
{
	struct telling t = {c, changed, arg};
	if (changed != NULL) {
		rds_stamps_each(c->stamps, tell_others, &t);
	}
}

void rds_conn_end(struct rds_conn *c)
{
	for (unsigned i = 0; i < c->cache->n_stmts; i++) {
		struct cached *e = &c->cache->stmts[i];
		if (e->used > c->cache->begun) {
			sqlite3_reset(e->stmt);
		}
	}
	unlimit(c);
	rds_stamps_free(c->stamps);
	c->stamps = NULL;
	c->writable = false;
}

void rds_conn_forget(struct rds_conn *c)
{
	rds_schema_free(c->cache->schema);
	c->cache->schema = NULL;
	c->cache->checked = false;
}
