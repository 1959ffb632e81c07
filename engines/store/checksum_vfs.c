/* The shim as a VFS: what it is over, which files it takes, and all that is only
 * passed on. What it does to pages is in checksum_file.c. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/store/checksum_impl.h"
#include "engines/store/store_impl.h"

#define SHIM_NAME "dbmount-checksum"
/* A file control of our own: is this a file of the shim? */
#define FCNTL_IS_SHIM 0x64626d63

/* ---- the shims there are ---- */

static struct {
	pthread_mutex_t lock;
	struct shim *list; /* under lock; never shrinks */
} shims = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- what is only passed on ---- */

static int file_close(sqlite3_file *file)
{
	struct shim_file *f = shim_file(file);
	sqlite3_file *below = shim_below(file);
	int rc = below->pMethods != NULL ? below->pMethods->xClose(below) : SQLITE_OK;
	if (f->wal != NULL) {
		wal_sums_close(&f->shim->wals, f->wal);
	}
	buf_free(&f->early);
	free(f->page);
	return rc;
}

static int file_sync(sqlite3_file *f, int flags)
{
	return shim_below(f)->pMethods->xSync(shim_below(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *out)
{
	return shim_below(f)->pMethods->xFileSize(shim_below(f), out);
}

static int file_lock(sqlite3_file *f, int level)
{
	return shim_below(f)->pMethods->xLock(shim_below(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
	return shim_below(f)->pMethods->xUnlock(shim_below(f), level);
}

static int file_check_lock(sqlite3_file *f, int *out)
{
	return shim_below(f)->pMethods->xCheckReservedLock(shim_below(f), out);
}

/* A mapping would be read past the shim. */
static int file_control(sqlite3_file *f, int op, void *arg)
{
	switch (op) {
	case FCNTL_IS_SHIM: return SQLITE_OK;
	case SQLITE_FCNTL_MMAP_SIZE: *(sqlite3_int64 *)arg = 0; return SQLITE_OK;
	default: return shim_below(f)->pMethods->xFileControl(shim_below(f), op, arg);
	}
}

static int file_sector(sqlite3_file *f)
{
	return shim_below(f)->pMethods->xSectorSize(shim_below(f));
}

/* Parts of pages cannot be verified. */
static int file_traits(sqlite3_file *f)
{
	int traits = shim_below(f)->pMethods->xDeviceCharacteristics(shim_below(f));
#ifdef SQLITE_IOCAP_SUBPAGE_READ
	traits &= ~SQLITE_IOCAP_SUBPAGE_READ;
#endif
	return traits & ~SQLITE_IOCAP_BATCH_ATOMIC;
}

static int file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return shim_below(f)->pMethods->xShmMap(shim_below(f), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return shim_below(f)->pMethods->xShmLock(shim_below(f), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
	shim_below(f)->pMethods->xShmBarrier(shim_below(f));
}

static int file_shm_unmap(sqlite3_file *f, int remove)
{
	return shim_below(f)->pMethods->xShmUnmap(shim_below(f), remove);
}

/* By whether the file below has shared memory. No xFetch: no mmap. */
#define METHODS(version, map, lock, barrier, unmap)                                                \
	{                                                                                          \
		.iVersion = (version), .xClose = file_close, .xRead = shim_read,                   \
		.xWrite = shim_write, .xTruncate = shim_truncate, .xSync = file_sync,              \
		.xFileSize = file_size, .xLock = file_lock, .xUnlock = file_unlock,                \
		.xCheckReservedLock = file_check_lock, .xFileControl = file_control,               \
		.xSectorSize = file_sector, .xDeviceCharacteristics = file_traits,                 \
		.xShmMap = (map), .xShmLock = (lock), .xShmBarrier = (barrier),                    \
		.xShmUnmap = (unmap),                                                              \
	}

static const sqlite3_io_methods with_shm =
	METHODS(2, file_shm_map, file_shm_lock, file_shm_barrier, file_shm_unmap);
static const sqlite3_io_methods without_shm = METHODS(1, NULL, NULL, NULL, NULL);

/* ---- the VFS ---- */

static struct shim *shim_of(sqlite3_vfs *vfs)
{
	return (struct shim *)vfs;
}

static int open_shim_file(
	struct shim *shim, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct shim_file *f = shim_file(file);
	sqlite3_file *below = shim_below(file);
	memset(f, 0, (size_t)shim->vfs.szOsFile);
	f->shim = shim;
	f->path = name;
	if ((flags & SQLITE_OPEN_WAL) != 0) {
		f->wal = wal_sums_open(&shim->wals, name);
		if (f->wal == NULL) {
			return SQLITE_NOMEM;
		}
	}
	int rc = shim->below->xOpen(shim->below, name, below, flags, out);
	if (rc != SQLITE_OK) {
		file_close(file);
		return rc;
	}
	bool shm = below->pMethods->iVersion >= 2 && below->pMethods->xShmMap != NULL;
	f->base.pMethods = shm ? &with_shm : &without_shm;
	return SQLITE_OK;
}

/* Journals have checksums of their own; temporary files nobody keeps. */
static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
	struct shim *shim = shim_of(vfs);
	bool ours = name != NULL && (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0;
	return ours ? open_shim_file(shim, name, file, flags, out)
		    : shim->below->xOpen(shim->below, name, file, flags, out);
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	return shim_of(vfs)->below->xDelete(shim_of(vfs)->below, name, sync_dir);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	return shim_of(vfs)->below->xAccess(shim_of(vfs)->below, name, flags, out);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *name, int n, char *out)
{
	return shim_of(vfs)->below->xFullPathname(shim_of(vfs)->below, name, n, out);
}

static int vfs_random(sqlite3_vfs *vfs, int n, char *out)
{
	return shim_of(vfs)->below->xRandomness(shim_of(vfs)->below, n, out);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds)
{
	return shim_of(vfs)->below->xSleep(shim_of(vfs)->below, microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *out)
{
	return shim_of(vfs)->below->xCurrentTime(shim_of(vfs)->below, out);
}

static int vfs_time64(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
	return shim_of(vfs)->below->xCurrentTimeInt64(shim_of(vfs)->below, out);
}

static int vfs_last_error(sqlite3_vfs *vfs, int n, char *out)
{
	return shim_of(vfs)->below->xGetLastError(shim_of(vfs)->below, n, out);
}

/* Version 2: without the members by which a test replaces system calls, and the
 * ones that load extensions, which no connection of ours does. */
static void fill_vfs(struct shim *shim)
{
	shim->vfs = (sqlite3_vfs){
		.iVersion = shim->below->iVersion < 2 ? 1 : 2,
		.szOsFile = (int)sizeof(struct shim_file) + shim->below->szOsFile,
		.mxPathname = shim->below->mxPathname,
		.zName = shim->name,
		.xOpen = vfs_open,
		.xDelete = vfs_delete,
		.xAccess = vfs_access,
		.xFullPathname = vfs_full_path,
		.xRandomness = vfs_random,
		.xSleep = vfs_sleep,
		.xCurrentTime = vfs_time,
		.xGetLastError = vfs_last_error,
		.xCurrentTimeInt64 = vfs_time64,
	};
}

/* Under shims.lock. */
static struct shim *shim_create(sqlite3_vfs *below, const char *name)
{
	size_t n = strlen(name) + 1;
	struct shim *shim = calloc(1, sizeof(*shim) + n);
	if (shim == NULL) {
		return NULL;
	}
	memcpy(shim->name, name, n);
	shim->below = below;
	pthread_mutex_init(&shim->wals.lock, NULL);
	fill_vfs(shim);
	if (sqlite3_vfs_register(&shim->vfs, 0) != SQLITE_OK) {
		free(shim);
		return NULL;
	}
	shim->next = shims.list;
	shims.list = shim;
	return shim;
}

const char *checksum_vfs(const char *below)
{
	char name[128];
	sqlite3_vfs *vfs = sqlite3_vfs_find(below != NULL ? below : store_usual_vfs());
	snprintf(name, sizeof(name), below != NULL ? SHIM_NAME "-%s" : SHIM_NAME,
		below != NULL ? below : "");
	LOCKED(&shims.lock);
	struct shim *shim = shims.list;
	while (shim != NULL && strcmp(shim->name, name) != 0) {
		shim = shim->next;
	}
	if (shim == NULL && vfs != NULL) {
		shim = shim_create(vfs, name);
	}
	return shim != NULL ? shim->name : NULL;
}

int checksum_reserve(sqlite3 *db, struct err *err)
{
	int n = CHECKSUM_BYTES;
	if (sqlite3_file_control(db, "main", FCNTL_IS_SHIM, NULL) != SQLITE_OK) {
		return 0;
	}
	return sqlite3_file_control(db, "main", SQLITE_FCNTL_RESERVE_BYTES, &n) == SQLITE_OK
		       ? 0
		       : store_sql_error(db, "no room for checksums", err);
}

uint64_t checksum_failures(void)
{
	uint64_t sum = 0;
	LOCKED(&shims.lock);
	for (struct shim *shim = shims.list; shim != NULL; shim = shim->next) {
		sum += atomic_load(&shim->n_bad);
	}
	return sum;
}
