#include "tests/unit/fault_vfs.h"

#include <fcntl.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/common/cleanup.h"

struct fault_file {
	sqlite3_file base;
	char *path; /* for the undo list; NULL: temporary */
	sqlite3_file *real;
};

/* What one write changed. */
struct undo {
	struct undo *next; /* the write before it */
	char *path;
	sqlite3_int64 offset;
	sqlite3_int64 old_size; /* of the file */
	int n_old;		/* bytes that were there */
	unsigned char old[];
};

static struct {
	pthread_mutex_t lock;
	struct fault_plan plan;
	unsigned count;
	bool fired;
	struct undo *undo; /* newest first */
	sqlite3_vfs *real;
	sqlite3_vfs vfs;
	sqlite3_io_methods methods;
} g = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int own_code(enum fault_op op)
{
	switch (op) {
	case FAULT_OPEN: return SQLITE_CANTOPEN;
	case FAULT_READ: return SQLITE_IOERR_READ;
	case FAULT_WRITE: return SQLITE_IOERR_WRITE;
	case FAULT_SYNC: return SQLITE_IOERR_FSYNC;
	case FAULT_TRUNCATE: return SQLITE_IOERR_TRUNCATE;
	default: return SQLITE_IOERR_DELETE;
	}
}

/* SQLITE_OK, or the failure this operation shall have. */
static int fault(enum fault_op op)
{
	LOCKED(&g.lock);
	if (g.plan.crash && g.fired && (op & FAULT_CHANGE) != 0) {
		return own_code(op);
	}
	if ((g.plan.ops & op) == 0) {
		return SQLITE_OK;
	}
	g.count++;
	unsigned many = g.plan.many != 0 ? g.plan.many : 1;
	if (g.plan.n == 0 || g.count < g.plan.n || g.count - g.plan.n >= many) {
		return SQLITE_OK;
	}
	g.fired = true;
	return g.plan.code != 0 ? g.plan.code : own_code(op);
}

static struct fault_file *fault_file(sqlite3_file *f)
{
	return (struct fault_file *)f;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
	return fault_file(f)->real;
}

/* ---- what power loss undoes; under g.lock ---- */

static void undo_remember(struct fault_file *f, int n, sqlite3_int64 offset)
{
	sqlite3_int64 size = 0;
	f->real->pMethods->xFileSize(f->real, &size);
	int n_old = 0;
	if (offset < size) {
		n_old = size - offset < n ? (int)(size - offset) : n;
	}
	struct undo *u = calloc(1, sizeof(*u) + (size_t)n_old);
	u->path = strdup(f->path);
	u->offset = offset;
	u->old_size = size;
	u->n_old = n_old;
	if (n_old > 0) {
		f->real->pMethods->xRead(f->real, u->old, n_old, offset);
	}
	u->next = g.undo;
	g.undo = u;
}

static void undo_free(struct undo *u)
{
	free(u->path);
	free(u);
}

/* What was written to `path` (NULL: anywhere) is on the disk now. */
static void undo_forget(const char *path)
{
	for (struct undo **at = &g.undo; *at != NULL;) {
		struct undo *u = *at;
		if (path == NULL || strcmp(u->path, path) == 0) {
			*at = u->next;
			undo_free(u);
		} else {
			at = &u->next;
		}
	}
}

static void undo_apply(const struct undo *u, bool shrink)
{
	int fd = open(u->path, O_RDWR | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	if (u->n_old > 0 && pwrite(fd, u->old, (size_t)u->n_old, u->offset) != u->n_old) {
		abort();
	}
	if (shrink && ftruncate(fd, u->old_size) != 0) {
		abort();
	}
	close(fd);
}

void fault_vfs_lose_power(unsigned seed)
{
	LOCKED(&g.lock);
	bool all = seed == 0;
	for (struct undo *u = g.undo; u != NULL; u = u->next) {
		if (all || rand_r(&seed) % 2 == 0) {
			undo_apply(u, all);
		}
	}
	undo_forget(NULL);
}

/* ---- files ---- */

static int file_close(sqlite3_file *f)
{
	struct fault_file *p = fault_file(f);
	int rc = p->real->pMethods != NULL ? p->real->pMethods->xClose(p->real) : SQLITE_OK;
	free(p->path);
	free(p->real);
	return rc;
}

static int file_read(sqlite3_file *f, void *to, int n, sqlite3_int64 offset)
{
	int rc = fault(FAULT_READ);
	return rc != SQLITE_OK ? rc : real_of(f)->pMethods->xRead(real_of(f), to, n, offset);
}

static int file_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 offset)
{
	int rc = fault(FAULT_WRITE);
	if (rc != SQLITE_OK) {
		return rc;
	}
	LOCKED(&g.lock);
	if (g.plan.track && fault_file(f)->path != NULL) {
		undo_remember(fault_file(f), n, offset);
	}
	return real_of(f)->pMethods->xWrite(real_of(f), from, n, offset);
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	int rc = fault(FAULT_TRUNCATE);
	if (rc != SQLITE_OK) {
		return rc;
	}
	LOCKED(&g.lock);
	sqlite3_int64 old = 0;
	real_of(f)->pMethods->xFileSize(real_of(f), &old);
	if (g.plan.track && fault_file(f)->path != NULL && old > size) {
		undo_remember(fault_file(f), (int)(old - size), size);
	}
	return real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int file_sync(sqlite3_file *f, int flags)
{
	int rc = fault(FAULT_SYNC);
	if (rc != SQLITE_OK) {
		return rc;
	}
	/* No need to ask the disk: what is synced is what is forgotten here. */
	(void)flags;
	LOCKED(&g.lock);
	if (fault_file(f)->path != NULL) {
		undo_forget(fault_file(f)->path);
	}
	return SQLITE_OK;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *out)
{
	return real_of(f)->pMethods->xFileSize(real_of(f), out);
}

static int file_lock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int file_unlock(sqlite3_file *f, int level)
{
	return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int file_check_lock(sqlite3_file *f, int *out)
{
	return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int file_control(sqlite3_file *f, int op, void *arg)
{
	return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int file_sector(sqlite3_file *f)
{
	return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int file_traits(sqlite3_file *f)
{
	return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
	return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
	return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
	real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int file_shm_unmap(sqlite3_file *f, int remove)
{
	return real_of(f)->pMethods->xShmUnmap(real_of(f), remove);
}

/* ---- the VFS ---- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
	(void)vfs;
	struct fault_file *p = fault_file(f);
	memset(p, 0, sizeof(*p));
	int rc = fault(FAULT_OPEN);
	if (rc != SQLITE_OK) {
		return rc;
	}
	p->real = calloc(1, (size_t)g.real->szOsFile);
	if (p->real == NULL) {
		return SQLITE_NOMEM;
	}
	rc = g.real->xOpen(g.real, name, p->real, flags, out);
	if (rc != SQLITE_OK) {
		file_close(f);
		return rc;
	}
	p->path = name != NULL ? strdup(name) : NULL;
	p->base.pMethods = &g.methods;
	return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
	(void)vfs;
	int rc = fault(FAULT_DELETE);
	if (rc != SQLITE_OK) {
		return rc;
	}
	LOCKED(&g.lock);
	undo_forget(name);
	return g.real->xDelete(g.real, name, sync_dir);
}

static void fill_methods(void)
{
	g.methods = (sqlite3_io_methods){
		.iVersion = 2, /* no xFetch: no reads past this shim */
		.xClose = file_close,
		.xRead = file_read,
		.xWrite = file_write,
		.xTruncate = file_truncate,
		.xSync = file_sync,
		.xFileSize = file_size,
		.xLock = file_lock,
		.xUnlock = file_unlock,
		.xCheckReservedLock = file_check_lock,
		.xFileControl = file_control,
		.xSectorSize = file_sector,
		.xDeviceCharacteristics = file_traits,
		.xShmMap = file_shm_map,
		.xShmLock = file_shm_lock,
		.xShmBarrier = file_shm_barrier,
		.xShmUnmap = file_shm_unmap,
	};
}

void fault_vfs_install(void)
{
	if (g.real != NULL) {
		return;
	}
	g.real = sqlite3_vfs_find(NULL);
	g.vfs = *g.real; /* what is not replaced asks the system itself */
	g.vfs.pNext = NULL;
	g.vfs.zName = FAULT_VFS_NAME;
	g.vfs.szOsFile = sizeof(struct fault_file);
	g.vfs.xOpen = vfs_open;
	g.vfs.xDelete = vfs_delete;
	fill_methods();
	sqlite3_vfs_register(&g.vfs, 0);
}

void fault_vfs_arm(const struct fault_plan *plan)
{
	LOCKED(&g.lock);
	g.plan = *plan;
	g.count = 0;
	g.fired = false;
}

void fault_vfs_disarm(void)
{
	fault_vfs_arm(&(struct fault_plan){0});
}

unsigned fault_vfs_count(void)
{
	LOCKED(&g.lock);
	return g.count;
}

bool fault_vfs_fired(void)
{
	LOCKED(&g.lock);
	return g.fired;
}
