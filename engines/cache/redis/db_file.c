/* A db over a closed database file that nobody writes. */
#include <errno.h>

#include "engines/cache/redis/db_impl.h"
#include "engines/store/frozen.h"

struct of_file {
	struct redis_db db;
	struct frozen *file;
};

struct reading {
	struct redis_db *db;
	redis_fn *fn;
	void *arg;
};

static int read_fn(sqlite3 *sql, void **slot, void *arg, struct err *err)
{
	const struct reading *p = arg;
	struct redis_txn t = {.sql = sql, .db = p->db, .label = p->db->label};

	int rc = redis_statements_of(slot, &t, err);
	return rc < 0 ? rc : redis_run_read(&t, p->fn, p->arg, err);
}

static int db_file_read(struct redis_db *db, uint64_t key, redis_fn *fn, void *arg, struct err *err)
{
	struct reading p = {db, fn, arg};

	(void)key;
	return frozen_read(((struct of_file *)db)->file, read_fn, &p, err);
}

static void db_file_close(struct redis_db *db)
{
	struct of_file *d = (struct of_file *)db;

	frozen_close(d->file);
	redis_db_finish(db);
	free(d);
}

static const struct redis_db_ops file_ops = {
	.read = db_file_read,
	.close = db_file_close,
};

/* That it is one of ours, and whole enough to be asked. */
static int check_fn(struct redis_txn *t, void *arg, struct err *err)
{
	uint64_t offset;

	(void)arg;
	return redis_offset(t, &offset, err);
}

int redis_db_file(const char *path, const struct redis_db_config *config, struct redis_db **out,
	struct err *err)
{
	struct of_file *d = calloc(1, sizeof(*d));

	*out = NULL;
	if (d == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = frozen_open(path, config->label, redis_statements_free, &d->file, err);
	rc = rc < 0 ? rc : redis_db_init(&d->db, &file_ops, config, err);
	rc = rc < 0 ? rc : db_file_read(&d->db, STORE_ALL_KEYS, check_fn, NULL, err);
	if (rc < 0) {
		db_file_close(&d->db);
		return rc;
	}
	*out = &d->db;
	return 0;
}
