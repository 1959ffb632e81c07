/* DynamoDB on SQLite: opening, closing, and the table of operations. */
#include "engines/common/clock.h"
#include "engines/dynamodb/dynamodb_sqlite.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/datadir.h"
#include "engines/common/log.h"

/* ---- what lies in the directory ---- */

/* "t12.db", "b3.db-wal", ...: a table's or backup's; false for anything else. */
static bool file_parse(const char *name, char *kind, uint64_t *id)
{
	const char *rest;

	return datadir_numbered(name, "tb", kind, id, &rest) && strncmp(rest, ".db", 3) == 0;
}

/* A file without a row is what a crash left of a step that did not happen, or of
 * a removal that did. */
static int remove_orphan(void *arg, const char *name, char kind, uint64_t id, struct err *err)
{
	struct ddb_db *db = arg;
	bool known;

	int rc = ddb_catalog_has(db, kind, id, &known, err);
	if (rc < 0 || known) {
		return rc;
	}
	log_info("dynamodb: removing %s/%s, left over by a crash", db->dir, name);
	if (unlinkat(db->dir_fd, name, 0) < 0 && errno != ENOENT) {
		log_warn("dynamodb: cannot remove %s/%s: %s", db->dir, name, strerror(errno));
	}
	return 0;
}

static int clean(struct ddb_db *db, struct err *err)
{
	if (db->read_only) {
		return 0;
	}
	int rc = datadir_make_tmp(db->dir_fd, db->dir, err);
	return rc < 0 ? rc : datadir_each(db->dir, file_parse, remove_orphan, db, err);
}

/* ---- open, close ---- */

struct ddb_db *ddb_db_new(const char *dir, struct err *err)
{
	struct ddb_db *db = calloc(1, sizeof(*db));

	if (db == NULL) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	TAILQ_INIT(&db->tables);
	pthread_mutex_init(&db->ddl, NULL);
	pthread_mutex_init(&db->lock, NULL);
	pthread_cond_init(&db->closed, NULL);
	ddb_memo_init(&db->memo);
	ddb_kept_init(&db->kept);
	db->token = clock_wall_ns();
	db->dir = strdup(dir);
	db->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (db->dir == NULL || db->dir_fd < 0) {
		err_errno(err, "%s", dir);
		dynamodb_sqlite_close(db);
		return NULL;
	}
	return db;
}

static int take_settings(struct ddb_db *db, const struct engine_config *config, struct err *err)
{
	for (unsigned i = 0; i < config->n_settings; i++) {
		const struct engine_setting *s = &config->settings[i];
		if (strncmp(s->key, "az.", 3) == 0) {
			continue; /* it keeps no copies elsewhere */
		}
		if (strcmp(s->key, "dynamodb_json") != 0) {
			return err_set(err, EINVAL,
				"dynamodb has no setting '%s'; it knows dynamodb_json", s->key);
		}
		db->typed = strcmp(s->value, "typed") == 0;
		if (!db->typed && strcmp(s->value, "plain") != 0) {
			return err_set(err, EINVAL, "dynamodb_json=%s: plain or typed is expected",
				s->value);
		}
	}
	return 0;
}

static int dynamodb_sqlite_open(const struct engine_config *config, void **ctx, struct err *err)
{
	struct ddb_db *db = ddb_db_new(config->dir, err);

	if (db == NULL) {
		return -err->code;
	}
	db->sync = config->sync;
	db->read_only = config->read_only;
	db->host = config->host;
	int rc = take_settings(db, config, err);
	rc = rc < 0 ? rc : datadir_check_catalog(db->dir, file_parse, "tables", err);
	rc = rc < 0 ? rc : ddb_catalog_open(db, err);
	rc = rc < 0 ? rc : clean(db, err);
	if (rc < 0) {
		dynamodb_sqlite_close(db);
		return rc;
	}
	*ctx = db;
	return 0;
}

void dynamodb_sqlite_close(void *ctx)
{
	struct ddb_db *db = ctx;

	ddb_tables_close(db);
	if (db->only != NULL) {
		store_close(atomic_load(&db->only->store));
		ddb_table_free(db->only);
	}
	store_close(db->catalog);
	ddb_memo_end(&db->memo);
	ddb_kept_end(&db->kept);
	pthread_cond_destroy(&db->closed);
	pthread_mutex_destroy(&db->lock);
	pthread_mutex_destroy(&db->ddl);
	cleanup_close(&db->dir_fd);
	free(db->dir);
	free(db);
}

/* ---- sync, bytes ---- */

static int sync_all(struct ddb_db *db, struct err *err)
{
	CLEANUP(cleanup_free) struct ddb_table **tables = NULL;
	unsigned n = 0;

	int rc = ddb_tables_open(db, &tables, &n, err);
	for (unsigned i = 0; rc == 0 && i < n; i++) {
		rc = store_sync(atomic_load(&tables[i]->store), err);
	}
	for (unsigned i = 0; i < n; i++) {
		ddb_table_put(tables[i]);
	}
	return rc;
}

static int dynamodb_sqlite_sync(void *ctx, const struct epath *path, struct err *err)
{
	struct ddb_db *db = ctx;
	TABLE t = NULL;

	if (db->only != NULL || db->read_only) {
		return 0;
	}
	if (path->depth == 0) {
		return sync_all(db, err);
	}
	int rc = ddb_table_get(db, path->key[0], &t, err);
	/* One whose store is not open has nothing that waits. */
	struct store *s = rc == 0 ? atomic_load(&t->store) : NULL;
	return s != NULL ? store_sync(s, err) : rc;
}

static uint64_t dynamodb_sqlite_bytes(void *ctx)
{
	const struct ddb_db *db = ctx;
	DIR *dir = opendir(db->dir);
	const struct dirent *entry;
	uint64_t bytes = 0;
	struct stat st;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (fstatat(db->dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode)) {
			bytes += (uint64_t)st.st_size;
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return bytes;
}

/* ---- the table ---- */

const struct engine_ops dynamodb_sqlite_ops = {
	.service = "dynamodb",
	.backend = "sqlite",
	.summary = "DynamoDB tables: <table>/<partition key>/<sort key>.json",
	.open = dynamodb_sqlite_open,
	.close = dynamodb_sqlite_close,
	.level = dynamodb_sqlite_level,
	.stat = dynamodb_sqlite_stat,
	.list = dynamodb_sqlite_list,
	.find_hashed = dynamodb_sqlite_find_hashed,
	.read = dynamodb_sqlite_read,
	.draft_new = ddb_draft_new,
	.draft_feed = ddb_draft_feed,
	.draft_complete = ddb_draft_complete,
	.draft_free = ddb_draft_free,
	.check = dynamodb_sqlite_check,
	.check_key = dynamodb_sqlite_check_key,
	.write = dynamodb_sqlite_write,
	.write_many = dynamodb_sqlite_write_many,
	.remove = dynamodb_sqlite_remove,
	.rename = dynamodb_sqlite_rename,
	.mkdir = dynamodb_sqlite_mkdir,
	.rmdir = dynamodb_sqlite_rmdir,
	.status = dynamodb_sqlite_status,
	.text_read = dynamodb_sqlite_text_read,
	.text_write = dynamodb_sqlite_text_write,
	.commands = dynamodb_sqlite_commands,
	.view_list = dynamodb_sqlite_view_list,
	.view_open = dynamodb_sqlite_view_open,
	.view_create = dynamodb_sqlite_view_create,
	.view_remove = dynamodb_sqlite_view_remove,
	.export_open = dynamodb_sqlite_export_open,
	.export_read = dynamodb_sqlite_export_read,
	.export_close = dynamodb_sqlite_export_close,
	.import_open = dynamodb_sqlite_import_open,
	.import_feed = dynamodb_sqlite_import_feed,
	.import_finish = dynamodb_sqlite_import_finish,
	.import_abort = dynamodb_sqlite_import_abort,
	.sync = dynamodb_sqlite_sync,
	.bytes = dynamodb_sqlite_bytes,
};
