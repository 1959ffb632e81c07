/* tables.db: what is attached. Every change is durable when it returns. */
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "engines/cache/tables/db_impl.h"

#define TABLES_APPLICATION_ID 0x44426374 /* "DBct" */
#define TABLES_SCHEMA_VERSION 1

/* queue: one row a key that waits, its last write. seq is that of the write, first that of the
 * oldest write which RDS has not got: what follows it cannot overtake. */
static const char schema[] =
	"CREATE TABLE tables(id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE,"
	" instance TEXT NOT NULL, source TEXT NOT NULL, pattern INTEGER NOT NULL,"
	" ttl INTEGER NOT NULL, negative INTEGER NOT NULL, jitter INTEGER NOT NULL,"
	" queue INTEGER NOT NULL, attached INTEGER NOT NULL, identity TEXT NOT NULL) STRICT;"
	"CREATE TABLE epochs(name TEXT PRIMARY KEY, epoch INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
	"CREATE TABLE queue(table_id INTEGER NOT NULL, key BLOB NOT NULL, change INTEGER NOT NULL,"
	" text BLOB NOT NULL, seq INTEGER NOT NULL, first INTEGER NOT NULL,"
	" time INTEGER NOT NULL, since INTEGER NOT NULL, PRIMARY KEY(table_id, key)) STRICT;"
	"CREATE INDEX queue_first ON queue(table_id, first);"
	"CREATE TABLE failed(table_id INTEGER NOT NULL, seq INTEGER NOT NULL, key BLOB NOT NULL,"
	" change INTEGER NOT NULL, text BLOB NOT NULL, code INTEGER NOT NULL,"
	" reason TEXT NOT NULL, time INTEGER NOT NULL, told INTEGER NOT NULL,"
	" PRIMARY KEY(table_id, seq)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX failed_key ON failed(table_id, key);"
	"CREATE TABLE state(one INTEGER PRIMARY KEY CHECK(one = 1), clean INTEGER NOT NULL,"
	" storage INTEGER NOT NULL) STRICT;"
	"INSERT INTO state VALUES(1, 1, 0);";

#define DEF_COLUMNS                                                                                \
	"name, instance, source, pattern, ttl, negative, jitter, queue, attached, identity"

static const char *const sql[N_TABLES_SQL] = {
	[STATE_CLEAN] = "SELECT clean FROM state",
	[STATE_SET_CLEAN] = "UPDATE state SET clean = ?1",
	[STATE_STORAGE] = "SELECT storage FROM state",
	[STATE_SET_STORAGE] = "UPDATE state SET storage = ?1",
	[EPOCHS_RENEW] = "UPDATE epochs SET epoch = epoch + 1",
	[EPOCH_RENEW] = "INSERT INTO epochs VALUES(?1, 0)"
			" ON CONFLICT(name) DO UPDATE SET epoch = epoch + 1",
	[EPOCH_OF] = "SELECT epoch FROM epochs WHERE name = ?1",
	[DEF_NEXT] = "SELECT id, " DEF_COLUMNS ", epoch FROM tables JOIN epochs USING(name)"
		     " WHERE name > ?1 ORDER BY name LIMIT 1",
	[DEF_ADD] = "INSERT INTO tables(" DEF_COLUMNS ")"
		    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
	[DEF_IDENTITY] = "UPDATE tables SET identity = ?2 WHERE id = ?1",
	[DEF_DROP] = "DELETE FROM tables WHERE id = ?1",
	[DEF_DROP_QUEUE] = "DELETE FROM queue WHERE table_id = ?1",
	[DEF_DROP_FAILED] = "DELETE FROM failed WHERE table_id = ?1",
	[QUEUE_FIND] = "SELECT change, text, time FROM queue WHERE table_id = ?1 AND key = ?2",
	[QUEUE_PUT] = "INSERT INTO queue VALUES(?1, ?2, ?4, ?5, ?3, ?3, ?6, ?6)"
		      " ON CONFLICT(table_id, key) DO UPDATE"
		      " SET change = ?4, text = ?5, seq = ?3, time = ?6",
	[QUEUE_BATCH] = "SELECT key, change, text, seq FROM queue WHERE table_id = ?1"
			" ORDER BY first",
	[QUEUE_DONE] = "DELETE FROM queue WHERE table_id = ?1 AND key = ?2 AND seq = ?3",
	[QUEUE_AGAIN] = "UPDATE queue SET first = seq, since = time"
			" WHERE table_id = ?1 AND key = ?2",
	[QUEUE_BACKLOG] = "SELECT count(*), ifnull(min(since), 0), ifnull(max(seq), 0) FROM queue"
			  " WHERE table_id = ?1",
	[QUEUE_WAITS] = "SELECT 1 FROM queue WHERE table_id = ?1 AND first <= ?3 LIMIT 1",
	[QUEUE_KEY_WAITS] = "SELECT 1 FROM queue WHERE table_id = ?1 AND key = ?2 AND first <= ?3",
	[FAILED_ADD] = "INSERT INTO failed VALUES(?1, ?3, ?2, ?4, ?5, ?6, ?7, ?8, 0)",
	[FAILED_OLD] = "UPDATE failed SET told = 1 WHERE table_id = ?1 AND key = ?2 AND told = 0",
	[FAILED_COUNT] = "SELECT count(*) FROM failed WHERE table_id = ?1",
	[FAILED_UNTOLD] = "SELECT code, reason FROM failed WHERE table_id = ?1 AND key = ?2"
			  " AND told = 0 ORDER BY seq DESC LIMIT 1",
	[FAILED_TELL] = "UPDATE failed SET told = 1 WHERE table_id = ?1 AND key = ?2",
	[FAILED_NEXT] = "SELECT key, change, text, code, reason, time FROM failed"
			" WHERE table_id = ?1 ORDER BY seq",
	[FAILED_CLEAR] = "DELETE FROM failed WHERE table_id = ?1",
};

int tables_db_open(const char *path, const char *label, bool read_only, bool create,
	struct store **out, struct err *err)
{
	struct store_config config = {
		.path = path,
		.label = label,
		.application_id = TABLES_APPLICATION_ID,
		.schema_version = TABLES_SCHEMA_VERSION,
		.schema = schema,
		.sql = sql,
		.n_sql = N_TABLES_SQL,
		.read_only = read_only,
		.create = create,
		.sync = STORE_SYNC_CLOSE,
	};

	if (!create && access(path, F_OK) < 0 && errno == ENOENT) {
		*out = NULL;
		return 0;
	}
	return store_open(&config, out, err);
}

/* ---- one statement ---- */

static int step_and_take(sqlite3_stmt *stmt, const struct tables_query *q, struct err *err)
{
	if (stmt == NULL) {
		return -err->code;
	}
	if (q->bind != NULL) {
		q->bind(stmt, q->arg);
	}
	int rc = store_step(stmt, err);
	if (rc == 1 && q->take != NULL) {
		q->take(stmt, q->out);
	}
	sqlite3_reset(stmt);
	return rc;
}

int tables_query_read(struct store *db, const struct tables_query *q, struct err *err)
{
	struct store_reader *r;

	if (db == NULL) {
		return 0;
	}
	int rc = store_read_begin(db, STORE_ALL_KEYS, &r, err);
	if (rc < 0) {
		return rc;
	}
	rc = step_and_take(store_reader_stmt(r, q->n, err), q, err);
	store_read_end(r);
	return rc;
}

int tables_query_write(struct store_txn *t, const struct tables_query *q, struct err *err)
{
	return step_and_take(store_txn_stmt(t, q->n, err), q, err);
}

void tables_bind_of(sqlite3_stmt *stmt, const void *arg)
{
	const struct tables_of *of = arg;

	sqlite3_bind_int64(stmt, 1, of->id);
	if (sqlite3_bind_parameter_count(stmt) >= 2) {
		store_bind_slice(stmt, 2, of->key);
	}
	if (sqlite3_bind_parameter_count(stmt) >= 3) {
		sqlite3_bind_int64(stmt, 3, (sqlite3_int64)of->seq);
	}
}

void tables_bind_id(sqlite3_stmt *stmt, const void *arg)
{
	sqlite3_bind_int64(stmt, 1, *(const int64_t *)arg);
}

void tables_take_int(sqlite3_stmt *stmt, void *out)
{
	*(int64_t *)out = sqlite3_column_int64(stmt, 0);
}

static void bind_name(sqlite3_stmt *stmt, const void *arg)
{
	sqlite3_bind_text(stmt, 1, arg, -1, SQLITE_STATIC);
}

/* ---- beginning and end ---- */

static int begin_fn(struct store_txn *t, void *arg, struct err *err)
{
	int64_t clean = 0;
	bool *was_clean = arg;
	int64_t no = 0;
	struct tables_query ask = {.n = STATE_CLEAN, .take = tables_take_int, .out = &clean};
	struct tables_query set = {.n = STATE_SET_CLEAN, .bind = tables_bind_id, .arg = &no};
	struct tables_query renew = {.n = EPOCHS_RENEW};

	int rc = tables_query_write(t, &ask, err);
	rc = rc < 0 ? rc : tables_query_write(t, &set, err);
	if (rc >= 0 && clean == 0) {
		rc = tables_query_write(t, &renew, err);
	}
	*was_clean = clean != 0;
	return rc < 0 ? rc : 0;
}

int tables_db_begin(struct store *db, bool *was_clean, struct err *err)
{
	return store_write(db, NULL, 0, begin_fn, was_clean, err);
}

static int end_fn(struct store_txn *t, void *arg, struct err *err)
{
	int64_t yes = 1;
	struct tables_query set = {.n = STATE_SET_CLEAN, .bind = tables_bind_id, .arg = &yes};

	(void)arg;
	int rc = tables_query_write(t, &set, err);
	return rc < 0 ? rc : 0;
}

int tables_db_end(struct store *db, struct err *err)
{
	return store_write(db, NULL, 0, end_fn, NULL, err);
}

struct storage {
	int64_t id;
	bool *another;
};

static int storage_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct storage *s = arg;
	int64_t before = 0;
	struct tables_query ask = {.n = STATE_STORAGE, .take = tables_take_int, .out = &before};
	struct tables_query set = {.n = STATE_SET_STORAGE, .bind = tables_bind_id, .arg = &s->id};
	struct tables_query renew = {.n = EPOCHS_RENEW};

	int rc = tables_query_write(t, &ask, err);
	*s->another = before != s->id;
	if (rc < 0 || before == s->id) {
		return rc < 0 ? rc : 0;
	}
	rc = tables_query_write(t, &set, err);
	rc = rc < 0 ? rc : tables_query_write(t, &renew, err);
	return rc < 0 ? rc : 0;
}

int tables_db_storage(struct store *db, uint64_t storage, bool *another, struct err *err)
{
	bool moved = false;
	struct storage s = {(int64_t)storage, &moved};

	int rc = store_write(db, NULL, 0, storage_fn, &s, err);
	*another = rc == 0 && moved;
	return rc;
}

/* ---- what is attached ---- */

static void column_text(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);

	snprintf(out, size, "%s", text != NULL ? text : "");
}

static void take_def(sqlite3_stmt *stmt, void *out)
{
	struct tables_def *def = out;

	def->id = sqlite3_column_int64(stmt, 0);
	column_text(stmt, 1, def->name, sizeof(def->name));
	column_text(stmt, 2, def->instance, sizeof(def->instance));
	column_text(stmt, 3, def->source, sizeof(def->source));
	unsigned pattern = (unsigned)sqlite3_column_int(stmt, 4);
	def->pattern = pattern < TABLES_PATTERNS ? pattern : TABLES_ASIDE;
	def->ttl_ms = sqlite3_column_int64(stmt, 5);
	def->negative_ms = sqlite3_column_int64(stmt, 6);
	def->jitter = (unsigned)sqlite3_column_int(stmt, 7);
	def->queue = (uint64_t)sqlite3_column_int64(stmt, 8);
	def->attached_ns = sqlite3_column_int64(stmt, 9);
	column_text(stmt, 10, def->identity, sizeof(def->identity));
	def->epoch = (uint64_t)sqlite3_column_int64(stmt, 11);
}

int tables_db_each(struct store *db, tables_def_fn *fn, void *arg, struct err *err)
{
	struct tables_def def = {0};
	char after[sizeof(def.name)] = "";
	struct tables_query q = {
		.n = DEF_NEXT, .bind = bind_name, .arg = after, .take = take_def, .out = &def};
	int rc;

	while ((rc = tables_query_read(db, &q, err)) == 1 && (rc = fn(arg, &def, err)) == 0) {
		memcpy(after, def.name, sizeof(after));
	}
	return rc;
}

static void bind_def(sqlite3_stmt *stmt, const void *arg)
{
	const struct tables_def *def = arg;

	sqlite3_bind_text(stmt, 1, def->name, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 2, def->instance, -1, SQLITE_STATIC);
	sqlite3_bind_text(stmt, 3, def->source, -1, SQLITE_STATIC);
	sqlite3_bind_int(stmt, 4, (int)def->pattern);
	sqlite3_bind_int64(stmt, 5, def->ttl_ms);
	sqlite3_bind_int64(stmt, 6, def->negative_ms);
	sqlite3_bind_int(stmt, 7, (int)def->jitter);
	sqlite3_bind_int64(stmt, 8, (sqlite3_int64)def->queue);
	sqlite3_bind_int64(stmt, 9, def->attached_ns);
	sqlite3_bind_text(stmt, 10, def->identity, -1, SQLITE_STATIC);
}

static int renew_name(struct store_txn *t, const char *name, uint64_t *epoch, struct err *err)
{
	int64_t now = 0;
	struct tables_query renew = {.n = EPOCH_RENEW, .bind = bind_name, .arg = name};
	struct tables_query ask = {.n = EPOCH_OF,
		.bind = bind_name,
		.arg = name,
		.take = tables_take_int,
		.out = &now};

	int rc = tables_query_write(t, &renew, err);
	rc = rc < 0 ? rc : tables_query_write(t, &ask, err);
	*epoch = (uint64_t)now;
	return rc < 0 ? rc : 0;
}

static int attach_fn(struct store_txn *t, void *arg, struct err *err)
{
	struct tables_def *def = arg;
	struct tables_query add = {.n = DEF_ADD, .bind = bind_def, .arg = def};

	def->attached_ns = store_txn_time(t);
	int rc = tables_query_write(t, &add, err);
	if (rc == -EEXIST) {
		struct err own = {0};
		err_clear(err != NULL ? err : &own);
		return err_set(err, EEXIST, "%s is attached already; detach it first", def->name);
	}
	def->id = sqlite3_last_insert_rowid(store_txn_db(t));
	return rc < 0 ? rc : renew_name(t, def->name, &def->epoch, err);
}

int tables_db_attach(struct store *db, struct tables_def *def, struct err *err)
{
	return store_write(db, NULL, 0, attach_fn, def, err);
}

static int detach_fn(struct store_txn *t, void *arg, struct err *err)
{
	static const enum tables_sql steps[] = {DEF_DROP_QUEUE, DEF_DROP_FAILED, DEF_DROP};
	int rc = 0;

	for (size_t i = 0; rc >= 0 && i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct tables_query q = {.n = steps[i], .bind = tables_bind_id, .arg = arg};
		rc = tables_query_write(t, &q, err);
	}
	return rc < 0 ? rc : 0;
}

int tables_db_detach(struct store *db, int64_t id, struct err *err)
{
	return store_write(db, NULL, 0, detach_fn, &id, err);
}

struct renewal {
	const char *name;
	uint64_t *epoch;
};

static int renew_fn(struct store_txn *t, void *arg, struct err *err)
{
	const struct renewal *r = arg;

	return renew_name(t, r->name, r->epoch, err);
}

int tables_db_renew(struct store *db, const char *name, uint64_t *epoch, struct err *err)
{
	uint64_t now = 0;
	struct renewal r = {name, &now};

	int rc = store_write(db, NULL, 0, renew_fn, &r, err);
	if (rc == 0) {
		*epoch = now;
	}
	return rc;
}

struct identity {
	int64_t id;
	const char *text;
};

static void bind_identity(sqlite3_stmt *stmt, const void *arg)
{
	const struct identity *i = arg;

	sqlite3_bind_int64(stmt, 1, i->id);
	sqlite3_bind_text(stmt, 2, i->text, -1, SQLITE_STATIC);
}

static int identity_fn(struct store_txn *t, void *arg, struct err *err)
{
	struct tables_query q = {.n = DEF_IDENTITY, .bind = bind_identity, .arg = arg};

	int rc = tables_query_write(t, &q, err);
	return rc < 0 ? rc : 0;
}

int tables_db_identity(struct store *db, int64_t id, const char *identity, struct err *err)
{
	struct identity i = {id, identity};

	return store_write(db, NULL, 0, identity_fn, &i, err);
}
