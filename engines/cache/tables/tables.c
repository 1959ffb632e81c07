/* The cached tables of a cluster: beginning and end, attach and detach, what `.status` says. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/tables/tables_impl.h"
#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/common/rfc3339.h"

#define FULL_WAIT_MS 2000

/* ---- the list ---- */

static void destroy(struct cached_table *t)
{
	tables_cache_forget(t);
	for (unsigned i = 0; i < TABLES_STRIPES; i++) {
		pthread_mutex_destroy(&t->stripe[i]);
	}
	pthread_mutex_destroy(&t->lock);
	free(t->seen);
	free(t);
}

void tables_put(struct cached_table *t)
{
	struct cache_tables *c = t->all;

	pthread_mutex_lock(&c->lock);
	bool last = --t->refs == 0;
	pthread_cond_broadcast(&c->settled);
	pthread_mutex_unlock(&c->lock);
	if (last) {
		destroy(t);
	}
}

int tables_get(
	struct cache_tables *c, struct slice name, struct cached_table **out, struct err *err)
{
	struct cached_table *t;

	LOCKED(&c->lock);
	LIST_FOREACH(t, &c->tables, link)
	{
		if (slice_is(name, t->def.name)) {
			t->refs++;
			*out = t;
			return 0;
		}
	}
	err_set(err, ENOENT, "no table %.*s is attached here", (int)(name.n < 100 ? name.n : 100),
		name.n > 0 ? name.p : "");
	return -ENOENT;
}

struct cached_table *tables_next(struct cache_tables *c, struct slice after)
{
	struct cached_table *t;

	LOCKED(&c->lock);
	LIST_FOREACH(t, &c->tables, link)
	{
		if (slice_compare(slice_of(t->def.name), after) > 0) {
			t->refs++;
			break;
		}
	}
	return t;
}

/* Under the lock; the list has a reference. */
static void insert(struct cache_tables *c, struct cached_table *t)
{
	struct cached_table *before = NULL;
	struct cached_table *other;

	LIST_FOREACH(other, &c->tables, link)
	{
		if (strcmp(other->def.name, t->def.name) < 0) {
			before = other;
		}
	}
	if (before != NULL) {
		LIST_INSERT_AFTER(before, t, link);
	} else {
		LIST_INSERT_HEAD(&c->tables, t, link);
	}
	c->mtime_ns = clock_wall_ns();
}

static int make(struct cache_tables *c, const struct tables_def *def, struct err *err)
{
	struct cached_table *t = calloc(1, sizeof(*t));
	struct tables_seen *seen = calloc(TABLES_SEEN, sizeof(*seen));
	struct tables_backlog backlog = {0};

	if (t == NULL || seen == NULL) {
		free(t);
		free(seen);
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = tables_queue_backlog(c->db, def->id, &backlog, err);
	if (rc < 0) {
		free(t);
		free(seen);
		return rc;
	}
	t->all = c;
	t->def = *def;
	memcpy(t->identity, def->identity, sizeof(t->identity));
	t->refs = 1;
	t->seen = seen;
	atomic_init(&t->epoch, def->epoch);
	atomic_init(&t->waiting, backlog.n);
	pthread_mutex_init(&t->lock, NULL);
	for (unsigned i = 0; i < TABLES_STRIPES; i++) {
		pthread_mutex_init(&t->stripe[i], NULL);
	}
	LOCKED(&c->lock);
	insert(c, t);
	return 0;
}

pthread_mutex_t *tables_stripe(struct cached_table *t, struct slice key)
{
	return &t->stripe[store_key_hash(slice_of("stripe"), key) % TABLES_STRIPES];
}

void tables_event(struct cached_table *t, const char *fmt, ...)
{
	const struct cache_host *host = &t->all->host;
	char text[ERR_MSG_MAX + 200];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	log_info("%s: %s", t->all->label, text);
	if (host->event != NULL) {
		host->event(host->arg, text);
	}
}

/* ---- epochs ---- */

int tables_renew(struct cached_table *t, const char *why, struct err *err)
{
	uint64_t epoch;

	int rc = tables_db_renew(t->all->db, t->def.name, &epoch, err);
	if (rc < 0) {
		return rc;
	}
	atomic_store(&t->epoch, epoch);
	tables_cache_forget(t);
	tables_event(t, "%s: nothing cached before counts any more: %s", t->def.name, why);
	return 0;
}

int cache_tables_renew(struct cache_tables *c, const char *why, struct err *err)
{
	char last[TABLES_NAME_MAX + 1] = "";
	struct cached_table *t;
	int rc = 0;

	while (rc == 0 && (t = tables_next(c, slice_of(last))) != NULL) {
		memcpy(last, t->def.name, sizeof(last));
		rc = tables_renew(t, why, err);
		tables_put(t);
	}
	return rc;
}

/* As the epochs on disk, or (when those could not be written) as none of them. */
static void skip_epochs(struct cache_tables *c, uint64_t n, const char *why)
{
	char last[TABLES_NAME_MAX + 1] = "";
	struct cached_table *t;

	while ((t = tables_next(c, slice_of(last))) != NULL) {
		memcpy(last, t->def.name, sizeof(last));
		atomic_fetch_add(&t->epoch, n);
		tables_cache_forget(t);
		tables_event(t, "%s: nothing cached before counts any more: %s", last, why);
		tables_put(t);
	}
}

void cache_tables_in(struct cache_tables *c, uint64_t storage)
{
	struct err why = {0};
	bool another = false;

	/* Not under ddl: a detach holds that while it waits for who may wait for the cluster. */
	atomic_store(&c->storage, storage);
	pthread_mutex_lock(&c->lock);
	struct store *db = c->db;
	pthread_mutex_unlock(&c->lock);
	if (db == NULL) {
		return;
	}
	int rc = c->read_only ? 0 : tables_db_storage(db, storage, &another, &why);
	if (rc < 0) {
		log_warn("%s: %s", c->label, why.msg);
		atomic_store(&c->in_doubt, true);
		skip_epochs(c, UINT64_C(1) << 32, "what the cluster holds is in doubt");
	} else if (another) {
		skip_epochs(c, 1, "the cluster's primary is another");
	}
}

/* ---- beginning and end ---- */

static int make_fn(void *arg, const struct tables_def *def, struct err *err)
{
	return make(arg, def, err);
}

static int open_db(struct cache_tables *c, bool create, struct err *err)
{
	bool clean = true;
	bool another;
	struct store *db = NULL;

	int rc = tables_db_open(c->path, c->label, c->read_only, create, &db, err);
	if (rc == 0 && db != NULL && !c->read_only) {
		rc = tables_db_begin(db, &clean, err);
		rc = rc < 0 || !create
			     ? rc
			     : tables_db_storage(db, atomic_load(&c->storage), &another, err);
	}
	if (rc < 0) {
		store_close(db);
		return rc;
	}
	if (!clean) {
		log_info("%s: it did not end in order: nothing cached before counts", c->label);
	}
	LOCKED(&c->lock);
	c->db = db;
	return 0;
}

static int fill(struct cache_tables *c, const struct cache_tables_config *config, struct err *err)
{
	c->path = strdup(config->path);
	c->label = strdup(config->label);
	if (c->path == NULL || c->label == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	c->read_only = config->read_only;
	c->full_wait_ns = INT64_C(1000000) *
			  (config->full_wait_ms != 0 ? config->full_wait_ms : FULL_WAIT_MS);
	c->host = config->host;
	c->get_store = config->get_store;
	c->put_store = config->put_store;
	c->arg = config->arg;
	c->mtime_ns = clock_wall_ns();
	atomic_init(&c->random, (uint64_t)clock_wall_ns());
	int rc = open_db(c, false, err);
	rc = rc < 0 ? rc : tables_db_each(c->db, make_fn, c, err);
	return rc < 0 || LIST_EMPTY(&c->tables) ? rc : tables_keeper_start(c, err);
}

int cache_tables_open(
	const struct cache_tables_config *config, struct cache_tables **out, struct err *err)
{
	struct cache_tables *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	pthread_mutex_init(&c->ddl, NULL);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wake, NULL);
	pthread_cond_init(&c->settled, NULL);
	int rc = fill(c, config, err);
	if (rc < 0) {
		cache_tables_close(c);
		return rc;
	}
	*out = c;
	return 0;
}

/* Whether the cluster was told of everything. */
static bool all_told(struct cache_tables *c)
{
	const struct cached_table *t;
	bool told = !atomic_load(&c->in_doubt);

	LIST_FOREACH(t, &c->tables, link)
	{
		told = told && t->n_poisoned == 0;
	}
	return told;
}

void cache_tables_close(struct cache_tables *c)
{
	struct err why = {0};

	if (c == NULL) {
		return;
	}
	tables_keeper_stop(c);
	if (c->db != NULL && !c->read_only && all_told(c) && tables_db_end(c->db, &why) < 0) {
		log_warn("%s: %s", c->label, why.msg);
	}
	while (!LIST_EMPTY(&c->tables)) {
		struct cached_table *t = LIST_FIRST(&c->tables);
		LIST_REMOVE(t, link);
		destroy(t);
	}
	store_close(c->db);
	pthread_cond_destroy(&c->settled);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->lock);
	pthread_mutex_destroy(&c->ddl);
	free(c->path);
	free(c->label);
	free(c);
}

bool cache_tables_any(struct cache_tables *c)
{
	LOCKED(&c->lock);
	return !LIST_EMPTY(&c->tables);
}

/* ---- attach, detach ---- */

static int check_source(struct cache_tables *c, const struct tables_def *def, struct err *err)
{
	struct epath path = {.depth = 2, .key = {slice_of(def->instance), slice_of(def->source)}};
	struct engine_info info;
	struct engine *peer = tables_peer(c, err);

	int rc = peer != NULL ? engine_stat(peer, &path, 0, &info, err) : -EIO;
	return rc < 0 && peer != NULL ? err_wrap(err, "rds=%s/%s", def->instance, def->source) : rc;
}

int cache_tables_attach(struct cache_tables *c, unsigned argc, char *const *argv, struct err *err)
{
	struct tables_def def = {0};

	LOCKED(&c->ddl);
	int rc = tables_words(argc, argv, &def, err);
	if (rc == 0 && c->read_only) {
		rc = err_set(err, EROFS, "this mount is read-only: nothing can be attached");
	}
	rc = rc < 0 ? rc : check_source(c, &def, err);
	rc = rc < 0 ? rc : tables_source_identity(c, &def, def.identity, err);
	rc = rc < 0 || c->db != NULL ? rc : open_db(c, true, err);
	rc = rc < 0 ? rc : tables_keeper_start(c, err);
	rc = rc < 0 ? rc : tables_db_attach(c->db, &def, err);
	if (rc < 0) {
		return rc;
	}
	rc = make(c, &def, err);
	if (rc < 0) {
		struct err ignored = {0};
		tables_db_detach(c->db, def.id, &ignored);
	}
	return rc;
}

/* Nobody finds it any more, and nobody else has it in hand. */
static void seclude(struct cached_table *t)
{
	struct cache_tables *c = t->all;

	LOCKED(&c->lock);
	LIST_REMOVE(t, link);
	/* Who waits for the keeper would wait for ever. */
	t->secluded = true;
	pthread_cond_broadcast(&c->settled);
	while (t->refs > 2) {
		pthread_cond_wait(&c->settled, &c->lock);
	}
	c->mtime_ns = clock_wall_ns();
}

static int check_idle(struct cached_table *t, struct err *err)
{
	struct tables_backlog backlog;
	uint64_t failed = 0;

	int rc = tables_queue_backlog(t->all->db, t->def.id, &backlog, err);
	rc = rc < 0 ? rc : tables_failed_count(t->all->db, t->def.id, &failed, err);
	if (rc < 0 || (backlog.n == 0 && failed == 0)) {
		return rc;
	}
	return err_set(err, EBUSY,
		"%llu writes of %s wait for RDS and %llu that it refused are in .failed: "
		"'flush-writes' brings the former there, 'detach NAME force' loses both",
		(unsigned long long)backlog.n, t->def.name, (unsigned long long)failed);
}

int cache_tables_detach(struct cache_tables *c, const char *name, bool force, struct err *err)
{
	CACHED_TABLE t = NULL;

	LOCKED(&c->ddl);
	int rc = tables_get(c, slice_of(name), &t, err);
	if (rc < 0) {
		return rc;
	}
	seclude(t);
	rc = force ? 0 : check_idle(t, err);
	rc = rc < 0 ? rc : tables_db_detach(c->db, t->def.id, err);
	if (rc < 0) {
		LOCKED(&c->lock);
		t->secluded = false;
		insert(c, t);
		return rc;
	}
	tables_put(t);
	return 0;
}

int cache_tables_flush(
	struct cache_tables *c, const char *name, struct buf *report, struct err *err)
{
	CACHED_TABLE t = NULL;
	struct tables_backlog backlog = {0};
	uint64_t failed[2] = {0, 0};

	int rc = tables_get(c, slice_of(name), &t, err);
	rc = rc < 0 ? rc : tables_queue_backlog(c->db, t->def.id, &backlog, err);
	rc = rc < 0 ? rc : tables_failed_count(c->db, t->def.id, &failed[0], err);
	rc = rc < 0 ? rc : tables_behind_sync(t, NULL, err);
	rc = rc < 0 ? rc : tables_failed_count(c->db, t->def.id, &failed[1], err);
	if (rc < 0) {
		return rc;
	}
	uint64_t refused = failed[1] > failed[0] ? failed[1] - failed[0] : 0;
	buf_printf(report, "%llu waited, %llu of them were refused (.failed)\n",
		(unsigned long long)backlog.n, (unsigned long long)refused);
	return buf_check(report, err);
}

/* ---- status ---- */

static int add(json_t *out, json_t *more, struct err *err)
{
	int rc = more != NULL ? json_object_update_new(out, more) : -1;

	return rc == 0 ? 0 : err_set(err, ENOMEM, "out of memory");
}

static json_int_t value(const _Atomic uint64_t *counter)
{
	return (json_int_t)atomic_load(counter);
}

static int add_counts(struct cached_table *t, json_t *out, struct err *err)
{
	json_int_t hits = value(&t->hits);
	json_int_t misses = value(&t->misses);
	double ratio = hits + misses > 0 ? (double)hits / (double)(hits + misses) : 0;

	return add(out,
		json_pack("{s:I, s:I, s:f, s:I, s:I, s:I, s:I}", "Hits", hits, "Misses", misses,
			"HitRatio", ratio, "NegativeHits", value(&t->negative_hits), "Loads",
			value(&t->loads), "Stored", value(&t->stored), "CacheFailures",
			value(&t->cache_failures)),
		err);
}

static int add_behind(struct cached_table *t, json_t *out, struct err *err)
{
	struct tables_backlog backlog = {0};
	uint64_t failed = 0;

	int rc = tables_queue_backlog(t->all->db, t->def.id, &backlog, err);
	rc = rc < 0 ? rc : tables_failed_count(t->all->db, t->def.id, &failed, err);
	if (rc < 0) {
		return rc;
	}
	double age = backlog.n > 0 ? (double)(clock_wall_ns() - backlog.since_ns) / 1e9 : 0;
	return add(out,
		json_pack("{s:I, s:f, s:I, s:I, s:I}", "Pending", (json_int_t)backlog.n,
			"OldestPendingSeconds", age > 0 ? age : 0, "QueueLimit",
			(json_int_t)t->def.queue, "Retries", value(&t->retries), "DeadLetters",
			(json_int_t)failed),
		err);
}

static int add_error(struct cached_table *t, json_t *out, struct err *err)
{
	char time[RFC3339_MAX];

	LOCKED(&t->lock);
	int rc = t->n_poisoned > 0
			 ? add(out, json_pack("{s:i}", "Poisoned", (int)t->n_poisoned), err)
			 : 0;
	if (rc < 0 || t->last_error.code == 0) {
		return rc;
	}
	rfc3339_print(t->last_error_ns, time);
	return add(out,
		json_pack(
			"{s:{s:s, s:s}}", "LastError", "Time", time, "Message", t->last_error.msg),
		err);
}

int tables_status(struct cached_table *t, json_t *out, struct err *err)
{
	const struct tables_def *def = &t->def;
	char source[sizeof(def->instance) + sizeof(def->source)];

	snprintf(source, sizeof(source), "%s/%s", def->instance, def->source);
	int rc = add(out,
		json_pack("{s:s, s:s, s:s, s:I, s:i, s:I}", "CachedTable", def->name, "Source",
			source, "Pattern", tables_patterns[def->pattern], "TTL",
			(json_int_t)(def->ttl_ms / 1000), "Jitter", (int)def->jitter, "NegativeTTL",
			(json_int_t)(def->negative_ms / 1000)),
		err);
	rc = rc < 0 ? rc : add_counts(t, out, err);
	rc = rc < 0 || def->pattern != TABLES_BEHIND ? rc : add_behind(t, out, err);
	return rc < 0 ? rc : add_error(t, out, err);
}

static int add_table(struct cached_table *t, json_t *tables, struct err *err)
{
	json_t *one = json_object();

	int rc = one == NULL ? err_set(err, ENOMEM, "out of memory") : tables_status(t, one, err);
	if (rc < 0) {
		json_decref(one);
		return rc;
	}
	return json_object_set_new(tables, t->def.name, one) == 0
		       ? 0
		       : err_set(err, ENOMEM, "out of memory");
}

int cache_tables_status(struct cache_tables *c, json_t *out, struct err *err)
{
	char last[TABLES_NAME_MAX + 1] = "";
	json_t *tables = json_object();
	struct cached_table *t;
	int rc = tables == NULL ? err_set(err, ENOMEM, "out of memory") : 0;

	while (rc == 0 && (t = tables_next(c, slice_of(last))) != NULL) {
		memcpy(last, t->def.name, sizeof(last));
		rc = add_table(t, tables, err);
		tables_put(t);
	}
	if (rc < 0 || json_object_size(tables) == 0) {
		json_decref(tables);
		return rc;
	}
	return add(out, json_pack("{s:o}", "CachedTables", tables), err);
}
