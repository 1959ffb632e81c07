/* The files of tables and backups in SITE/dynamodb. */
#include "engines/dynamodb/dynamodb_sqlite.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/log.h"

static const char *const companions[] = {"", "-wal", "-shm", "-journal"};
#define N_COMPANIONS (sizeof(companions) / sizeof(companions[0]))

void ddb_file_name(char kind, uint64_t id, char out[DDB_FILE_MAX])
{
	snprintf(out, DDB_FILE_MAX, "%c%" PRIu64 ".db", kind, id);
}

int ddb_file_path(struct ddb_db *db, char kind, uint64_t id, struct buf *out, struct err *err)
{
	char name[DDB_FILE_MAX];

	ddb_file_name(kind, id, name);
	buf_printf(out, "%s/%s", db->dir, name);
	buf_cstr(out);
	return buf_check(out, err);
}

static void companion_name(char kind, uint64_t id, unsigned i, char out[DDB_FILE_MAX + 8])
{
	char name[DDB_FILE_MAX];

	ddb_file_name(kind, id, name);
	snprintf(out, DDB_FILE_MAX + 8, "%s%s", name, companions[i]);
}

/* The database goes last: while it is there the rest is still found as its. */
void ddb_file_remove(struct ddb_db *db, char kind, uint64_t id)
{
	char name[DDB_FILE_MAX + 8];

	for (unsigned i = N_COMPANIONS; i-- > 0;) {
		companion_name(kind, id, i, name);
		if (unlinkat(db->dir_fd, name, 0) < 0 && errno != ENOENT) {
			log_warn("dynamodb: cannot remove %s/%s: %s", db->dir, name,
				strerror(errno));
		}
	}
}

int ddb_dir_sync(struct ddb_db *db, struct err *err)
{
	if (fsync(db->dir_fd) < 0) {
		return err_errno(err, "fsync %s", db->dir);
	}
	return 0;
}

uint64_t ddb_file_size(struct ddb_db *db, char kind, uint64_t id)
{
	char name[DDB_FILE_MAX + 8];
	uint64_t bytes = 0;
	struct stat st;

	for (unsigned i = 0; i < N_COMPANIONS; i++) {
		companion_name(kind, id, i, name);
		if (fstatat(db->dir_fd, name, &st, 0) == 0) {
			bytes += (uint64_t)st.st_size;
		}
	}
	return bytes;
}
