#include "tests/unit/fault_disk.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"

enum undo_kind { UNDO_WRITE, UNDO_CREATE, UNDO_RENAME, UNDO_REMOVE };

struct undo {
	struct undo *next; /* what happened before */
	enum undo_kind kind;
	char *path; /* names; of UNDO_RENAME where it is now */
	char *from; /* UNDO_RENAME: where it was */
	char *kept; /* a link to what was removed or replaced; NULL: nothing */
	int fd;	    /* UNDO_WRITE: the file */
	struct stat file;
	uint64_t offset;
	uint64_t size;
	size_t n;
	char old[];
};

static struct {
	pthread_mutex_t lock;
	struct undo *undo;
	unsigned n;
	unsigned count;
	_Atomic unsigned links;
	int code;
	bool crash;
	bool fired;
	void (*on_crash)(void);
} g = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- what fails ---- */

static int fault_at(bool change)
{
	LOCKED(&g.lock);
	if (g.fired && g.crash) {
		return -EIO;
	}
	if (!change) {
		return 0;
	}
	if (++g.count != g.n) {
		return 0;
	}
	g.fired = true;
	return -g.code;
}

static int fault(bool change)
{
	bool before = fault_disk_fired();
	int rc = fault_at(change);
	if (rc != 0 && !before && fault_disk_crashed() && g.on_crash != NULL) {
		g.on_crash();
	}
	return rc;
}

void fault_disk_arm(unsigned n, int code, bool crash)
{
	LOCKED(&g.lock);
	g.n = n;
	g.code = code;
	g.crash = crash;
	g.count = 0;
	g.fired = false;
}

void fault_disk_on_crash(void (*on_crash)(void))
{
	g.on_crash = on_crash;
}

void fault_disk_crash(void)
{
	LOCKED(&g.lock);
	g.crash = g.fired = true;
}

unsigned fault_disk_count(void)
{
	LOCKED(&g.lock);
	return g.count;
}

bool fault_disk_fired(void)
{
	LOCKED(&g.lock);
	return g.fired;
}

bool fault_disk_crashed(void)
{
	LOCKED(&g.lock);
	return g.fired && g.crash;
}

/* ---- what can be undone ---- */

static struct undo *undo_new(enum undo_kind kind, const char *path, size_t n)
{
	struct undo *u = calloc(1, sizeof(*u) + n);
	u->kind = kind;
	u->path = path != NULL ? strdup(path) : NULL;
	u->fd = -1;
	u->n = n;
	return u;
}

static void undo_push(struct undo *u)
{
	LOCKED(&g.lock);
	u->next = g.undo;
	g.undo = u;
}

static void undo_free(struct undo *u)
{
	if (u->kept != NULL) {
		unlink(u->kept);
	}
	if (u->fd >= 0) {
		close(u->fd);
	}
	free(u->kept);
	free(u->path);
	free(u->from);
	free(u);
}

static void remember_write(int fd, uint64_t offset, size_t n)
{
	int64_t size = disk_size(fd);
	size_t n_old = offset < (uint64_t)size ? (size_t)((uint64_t)size - offset) : 0;
	n_old = n_old < n ? n_old : n;
	struct undo *u = undo_new(UNDO_WRITE, NULL, n_old);
	u->fd = dup(fd);
	fstat(fd, &u->file);
	u->offset = offset;
	u->size = (uint64_t)size;
	if (n_old > 0 && pread(fd, u->old, n_old, (off_t)offset) != (ssize_t)n_old) {
		abort();
	}
	undo_push(u);
}

/* Another name for what is about to lose this one; NULL: there is nothing. */
static char *keep(const char *path)
{
	char name[1024];
	snprintf(name, sizeof(name), "%s.kept%u", path, g.links++);
	return link(path, name) == 0 ? strdup(name) : NULL;
}

static bool same_directory(const char *dir, const char *path)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash != NULL ? (size_t)(slash - path) : 0;
	size_t n_dir = strlen(dir);
	while (n_dir > 0 && dir[n_dir - 1] == '/') {
		n_dir--;
	}
	return n == n_dir && memcmp(dir, path, n) == 0;
}

static void forget(bool (*which)(const struct undo *u, const void *arg), const void *arg)
{
	LOCKED(&g.lock);
	for (struct undo **at = &g.undo; *at != NULL;) {
		struct undo *u = *at;
		if (which(u, arg)) {
			*at = u->next;
			undo_free(u);
		} else {
			at = &u->next;
		}
	}
}

static bool of_file(const struct undo *u, const void *arg)
{
	const struct stat *st = arg;
	return u->kind == UNDO_WRITE && u->file.st_ino == st->st_ino &&
	       u->file.st_dev == st->st_dev;
}

static bool of_directory(const struct undo *u, const void *arg)
{
	return u->kind != UNDO_WRITE && same_directory(arg, u->path);
}

static bool any(const struct undo *u, const void *arg)
{
	(void)u;
	(void)arg;
	return true;
}

void fault_disk_settle(void)
{
	forget(any, NULL);
}

static void undo_apply(struct undo *u, bool shrink)
{
	int rc = 0;
	switch (u->kind) {
	case UNDO_WRITE:
		if (u->n > 0) {
			rc = pwrite(u->fd, u->old, u->n, (off_t)u->offset) != (ssize_t)u->n;
		}
		if (shrink && rc == 0) {
			rc = ftruncate(u->fd, (off_t)u->size);
		}
		break;
	case UNDO_CREATE: rc = unlink(u->path); break;
	case UNDO_RENAME:
		rc = rename(u->path, u->from);
		if (u->kept != NULL && rc == 0) {
			rc = rename(u->kept, u->path);
		}
		break;
	case UNDO_REMOVE: rc = rename(u->kept, u->path); break;
	}
	if (rc != 0) {
		perror(u->path != NULL ? u->path : "undo");
		abort();
	}
}

void fault_disk_lose_power(unsigned seed)
{
	bool all = seed == 0;
	while (g.undo != NULL) {
		struct undo *u = g.undo;
		g.undo = u->next;
		if (all || u->kind != UNDO_WRITE || rand_r(&seed) % 2 == 0) {
			undo_apply(u, all);
		}
		undo_free(u);
	}
	fault_disk_arm(0, 0, false);
}

/* ---- the operations ---- */

static int fault_open(const char *path, int flags)
{
	bool writes = (flags & O_ACCMODE) != O_RDONLY;
	int rc = fault(writes);
	if (rc != 0) {
		return rc;
	}
	bool creates = (flags & O_CREAT) != 0 && access(path, F_OK) != 0;
	int fd = disk_system.open(path, flags & ~O_TRUNC);
	if (fd >= 0 && creates) {
		undo_push(undo_new(UNDO_CREATE, path, 0));
	}
	if (fd >= 0 && (flags & O_TRUNC) != 0 && disk_size(fd) > 0) {
		remember_write(fd, 0, SIZE_MAX);
		disk_system.truncate(fd, 0);
	}
	return fd;
}

static ssize_t fault_read(int fd, void *to, size_t n, uint64_t offset)
{
	int rc = fault(false);
	return rc != 0 ? rc : disk_system.read(fd, to, n, offset);
}

static int fault_write(int fd, const void *from, size_t n, uint64_t offset)
{
	bool dead = fault_disk_crashed();
	int rc = fault(true);
	if (dead) {
		return rc;
	}
	/* The one that fails may have written a part. */
	size_t part = rc == 0 ? n : n / 2;
	remember_write(fd, offset, part);
	int real = disk_system.write(fd, from, part, offset);
	return rc != 0 ? rc : real;
}

static int fault_truncate(int fd, uint64_t size)
{
	int rc = fault(true);
	if (rc != 0) {
		return rc;
	}
	remember_write(fd, size, SIZE_MAX);
	return disk_system.truncate(fd, size);
}

static int fault_sync(int fd)
{
	int rc = fault(true);
	if (rc != 0) {
		return rc;
	}
	struct stat st;
	fstat(fd, &st);
	forget(of_file, &st);
	return 0;
}

static int fault_rename(const char *from, const char *to)
{
	int rc = fault(true);
	if (rc != 0) {
		return rc;
	}
	struct undo *u = undo_new(UNDO_RENAME, to, 0);
	u->from = strdup(from);
	u->kept = keep(to);
	rc = disk_system.rename(from, to);
	if (rc != 0) {
		undo_free(u);
		return rc;
	}
	undo_push(u);
	return 0;
}

static int fault_remove(const char *path)
{
	int rc = fault(true);
	if (rc != 0) {
		return rc;
	}
	struct undo *u = undo_new(UNDO_REMOVE, path, 0);
	u->kept = keep(path);
	rc = disk_system.remove(path);
	if (rc != 0) {
		undo_free(u);
		return rc;
	}
	undo_push(u);
	return 0;
}

static int fault_sync_dir(const char *path)
{
	int rc = fault(true);
	if (rc == 0) {
		forget(of_directory, path);
	}
	return rc;
}

static int fault_copy(int from, int to)
{
	int rc = fault(true);
	if (rc != 0) {
		return rc;
	}
	remember_write(to, 0, SIZE_MAX);
	return disk_system.copy(from, to);
}

static void fault_close(int fd)
{
	disk_system.close(fd);
}

const struct disk_ops fault_disk = {
	.open = fault_open,
	.close = fault_close,
	.read = fault_read,
	.write = fault_write,
	.truncate = fault_truncate,
	.sync = fault_sync,
	.rename = fault_rename,
	.remove = fault_remove,
	.sync_dir = fault_sync_dir,
	.copy = fault_copy,
};
