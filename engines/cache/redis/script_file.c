/* Scripts given as files: the table `script`. */
#include "engines/cache/redis/script_impl.h"
#include "engines/store/store.h"

static int take_text(sqlite3_stmt *stmt, struct buf *text, struct err *err)
{
	int rc = store_step(stmt, err);
	if (rc == 1) {
		buf_append_slice(text, store_column_slice(stmt, 0));
		rc = buf_check(text, err);
		rc = rc != 0 ? rc : 1;
	}
	sqlite3_reset(stmt);
	return rc;
}

int redis_script_file(struct redis_txn *t, struct slice name, struct buf *text, struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(t, "SELECT text FROM script WHERE name = ?1", err);
	if (stmt == NULL) {
		return -err->code;
	}
	store_bind_slice(stmt, 1, name);
	return take_text(stmt, text, err);
}

int redis_script_file_by_sha(
	struct redis_txn *t, const char *sha, struct buf *text, struct err *err)
{
	sqlite3_stmt *stmt = redis_stmt(t, "SELECT text FROM script WHERE sha = ?1", err);
	if (stmt == NULL) {
		return -err->code;
	}
	sqlite3_bind_text(stmt, 1, sha, -1, SQLITE_STATIC);
	return take_text(stmt, text, err);
}
