/* What can be done with a scratch file, whether it is in memory or on disk. */
#include "fs/side_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engines/common/cleanup.h"

#define HELD_MAX (UINT64_C(16) << 20) /* content in memory in all; beyond, writes go to disk */

struct side_file *side_file_new(bool settled)
{
	struct side_file *f = calloc(1, sizeof(*f));
	if (f != NULL) {
		f->settled = settled;
		f->fd = -1;
	}
	return f;
}

void side_file_free(struct side_file *f)
{
	if (f->fd >= 0) {
		close(f->fd);
	}
	buf_free(&f->content);
	free(f->name);
	free(f);
}

/* Neither a name leads to it nor a handle. */
static void release(struct side *s, struct side_file *f)
{
	s->bytes -= f->size;
	s->held -= f->content.n;
	side_file_free(f);
}

void side_file_drop(struct side *s, struct side_file *f)
{
	if (!f->settled) {
		TAILQ_REMOVE(&s->fresh, f, fresh);
	}
	side_dir_remove(f);
	if (f->n_open == 0) {
		release(s, f);
	}
}

void side_file_measure(const struct side *s, struct side_file *f)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;
	if (f->fd >= 0) {
		return; /* known while it is open */
	}
	side_path(s, SIDE_SCRATCH, f->dir->text, f->name, &path);
	f->size =
		lstat(buf_cstr(&path), &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

/* With the lock held: the directory, and the file there (or NULL) once it is not busy. */
static int find_quiet(struct side *s, const char *dir, const char *name, struct side_dir **d,
	struct side_file **f, struct err *err)
{
	for (;;) {
		int rc = side_dir_get(s, dir, d, err);
		if (rc < 0) {
			return rc;
		}
		*f = side_dir_find(*d, name);
		if (*f == NULL || !(*f)->busy) {
			return 0;
		}
		side_wait(s);
	}
}

int side_check_room(const struct side *s, const struct side_dir *d, struct err *err)
{
	if (d->n < s->max_files) {
		return 0;
	}
	return err_set(err, ENOSPC,
		"%s holds %zu scratch files already (scratch_files=%llu); this name is no item's "
		"name",
		d->text, d->n, (unsigned long long)s->max_files);
}

/* ---- attributes ---- */

static void stat_memory(const struct side_file *f, struct stat *out)
{
	*out = (struct stat){
		.st_mode = S_IFREG | f->mode,
		.st_size = (off_t)f->size,
		.st_blocks = (blkcnt_t)((f->size + 511) / 512),
		.st_atim = f->atime,
		.st_mtim = f->mtime,
		.st_ctim = f->ctime,
	};
}

static int stat_disk(const struct side *s, enum side_kind kind, const char *dir, const char *name,
	struct stat *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	side_path(s, kind, dir, name, &path);
	if (lstat(buf_cstr(&path), out) == 0) {
		return 0;
	}
	if (errno == ENOENT || errno == ENAMETOOLONG) {
		return -errno;
	}
	return err_errno(err, "scratch file %s", name);
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

enum where { NOWHERE, IN_MEMORY, ON_DISK };

/* Of a file on disk, *times has the ctimes that the table knows. */
static enum where find_for_stat(struct side *s, const char *dir, const char *name, struct stat *out,
	struct timespec times[2])
{
	LOCKED(&s->lock);
	const struct side_dir *d = side_dir_peek(s, dir);
	if (d == NULL) {
		return ON_DISK;
	}
	const struct side_file *f = side_dir_find(d, name);
	if (f == NULL) {
		return NOWHERE;
	}
	if (!f->settled) {
		stat_memory(f, out);
		return IN_MEMORY;
	}
	times[0] = f->settled_ctime;
	times[1] = f->ctime;
	return ON_DISK;
}

int side_stat(struct side *s, enum side_kind kind, const char *dir, const char *name,
	struct stat *out, struct err *err)
{
	struct timespec times[2] = {{0}, {0}};
	enum where where = kind == SIDE_SCRATCH ? find_for_stat(s, dir, name, out, times) : ON_DISK;
	if (where != ON_DISK) {
		return where == NOWHERE ? -ENOENT : 0;
	}
	int rc = stat_disk(s, kind, dir, name, out, err);
	if (rc == 0 && same_time(out->st_ctim, times[0])) {
		out->st_ctim = times[1];
	}
	return rc;
}

static struct timespec now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return ts;
}

static void set_one_time(struct timespec *t, struct timespec to)
{
	if (to.tv_nsec == UTIME_NOW) {
		*t = now();
	} else if (to.tv_nsec != UTIME_OMIT) {
		*t = to;
	}
}

static void set_memory(struct side_file *f, const mode_t *mode, const struct timespec times[2])
{
	f->mode = mode != NULL ? *mode & 07777 : f->mode;
	set_one_time(&f->atime, times[0]);
	set_one_time(&f->mtime, times[1]);
	f->ctime = now();
}

static int set_disk(
	const char *path, const mode_t *mode, const struct timespec times[2], struct err *err)
{
	struct stat st;
	if (lstat(path, &st) < 0) {
		return err_errno(err, "scratch file");
	}
	if (!S_ISREG(st.st_mode)) {
		return 0;
	}
	if (mode != NULL && chmod(path, *mode & 07777) < 0) {
		return err_errno(err, "chmod");
	}
	return utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW) < 0 ? err_errno(err, "utimens")
									 : 0;
}

int side_set(struct side *s, const char *dir, const char *name, const mode_t *mode,
	const struct timespec times[2], struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct side_dir *d;
	struct side_file *f;
	{
		LOCKED(&s->lock);
		int rc = find_quiet(s, dir, name, &d, &f, err);
		if (rc < 0 || f == NULL) {
			return rc < 0 ? rc : -ENOENT;
		}
		if (!f->settled) {
			set_memory(f, mode, times);
			return 0;
		}
	}
	side_path(s, SIDE_SCRATCH, dir, name, &path);
	return set_disk(buf_cstr(&path), mode, times, err);
}

/* ---- opening ---- */

static int make_file(struct side *s, struct side_dir *d, const char *name,
	const struct side_how *how, struct side_file **out, struct err *err)
{
	int rc = side_check_room(s, d, err);
	rc = rc == 0 ? side_dir_reserve(d, err) : rc;
	if (rc < 0) {
		return rc;
	}
	struct side_file *f = side_file_new(false);
	char *copy = strdup(name);
	if (f == NULL || copy == NULL) {
		free(f);
		free(copy);
		err_set(err, ENOMEM, "out of memory");
		return -ENOMEM;
	}
	f->mode = how->mode & 07777;
	f->uid = how->uid;
	f->atime = f->mtime = f->ctime = now();
	side_dir_insert(d, f, copy);
	side_put_off(s, f);
	*out = f;
	return 0;
}

static int open_on_disk(const struct side *s, struct side_file *f, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;
	if (!f->settled || f->fd >= 0) {
		return 0;
	}
	side_path(s, SIDE_SCRATCH, f->dir->text, f->name, &path);
	f->fd = open(buf_cstr(&path), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (f->fd < 0 || fstat(f->fd, &st) < 0) {
		return err_errno(err, "scratch file %s", f->name);
	}
	f->size = (uint64_t)st.st_size;
	return 0;
}

/* With the lock held. *made: there was none. */
static int open_or_make(struct side *s, const char *dir, const char *name,
	const struct side_how *how, struct side_file **f, bool *made, struct err *err)
{
	struct side_dir *d;
	int rc = find_quiet(s, dir, name, &d, f, err);
	if (rc < 0) {
		return rc;
	}
	*made = *f == NULL;
	if (!*made && (how->flags & O_CREAT) && (how->flags & O_EXCL)) {
		return -EEXIST;
	}
	if (*made && !(how->flags & O_CREAT)) {
		return -ENOENT;
	}
	rc = *made ? make_file(s, d, name, how, f, err) : open_on_disk(s, *f, err);
	if (rc == 0) {
		(*f)->n_open++;
	}
	return rc;
}

int side_open(struct side *s, const char *dir, const char *name, const struct side_how *how,
	struct side_file **out, struct err *err)
{
	bool made = false;
	int rc;
	{
		LOCKED(&s->lock);
		rc = open_or_make(s, dir, name, how, out, &made, err);
		if (rc == 0 && made && s->failing) {
			rc = side_settle(s, *out, err);
			if (rc < 0) {
				(*out)->n_open--;
				side_file_drop(s, *out);
			}
		}
	}
	if (rc == 0 && !made && (how->flags & O_TRUNC)) {
		rc = side_truncate(s, *out, 0, err);
		if (rc < 0) {
			side_close(s, *out);
		}
	}
	return rc;
}

/* A descriptor that nobody needs any more, or -1. */
static int let_go(struct side *s, struct side_file *f)
{
	LOCKED(&s->lock);
	if (--f->n_open > 0 || f->busy) {
		return -1; /* who has it busy sees that nobody has it open */
	}
	int fd = f->fd;
	f->fd = -1;
	if (f->dir == NULL) {
		release(s, f);
	}
	return fd;
}

void side_close(struct side *s, struct side_file *f)
{
	int fd = f != NULL ? let_go(s, f) : -1;
	if (fd >= 0) {
		close(fd); /* not under the lock: to free a large file takes a while */
	}
}

/* ---- content ---- */

uint64_t side_size(struct side *s, struct side_file *f)
{
	LOCKED(&s->lock);
	return f->size;
}

/* True when it was in memory. */
static bool read_memory(
	struct side *s, const struct side_file *f, off_t offset, size_t n, struct buf *out)
{
	LOCKED(&s->lock);
	if (f->settled) {
		return false;
	}
	if (offset >= 0 && (uint64_t)offset < f->content.n) {
		size_t left = f->content.n - (size_t)offset;
		buf_append(out, f->content.p + offset, left < n ? left : n);
	}
	return true;
}

int side_read(struct side *s, struct side_file *f, off_t offset, size_t n, struct buf *out,
	struct err *err)
{
	buf_clear(out);
	if (read_memory(s, f, offset, n, out)) {
		return buf_check(out, err);
	}
	if (!buf_resize(out, n)) {
		return err_set(err, ENOMEM, "out of memory");
	}
	ssize_t got = pread(f->fd, out->p, n, offset);
	if (got < 0) {
		return err_errno(err, "scratch file");
	}
	out->n = (size_t)got;
	return 0;
}

/* With the lock held: the file is to have `size` bytes. */
static int set_size(struct side *s, struct side_file *f, uint64_t size, struct err *err)
{
	if (size > f->size && s->bytes + (size - f->size) > s->max_bytes) {
		return err_set(err, ENOSPC,
			"scratch files would pass %llu bytes in all (scratch_size=)",
			(unsigned long long)s->max_bytes);
	}
	if (!f->settled) {
		if (!buf_resize(&f->content, (size_t)size)) {
			f->content.failed = false;
			return err_set(err, ENOMEM, "out of memory");
		}
		s->held += size - f->size; /* wraps when it shrank: a subtraction */
		f->mtime = f->ctime = now();
	}
	s->bytes += size - f->size;
	f->size = size;
	return 0;
}

static bool stays_in_memory(const struct side *s, const struct side_file *f, uint64_t size)
{
	bool grows = size > f->size;
	return size <= SIDE_MEMORY_MAX &&
	       !(grows && (s->failing || s->held + (size - f->size) > HELD_MAX));
}

/* With the lock held. On disk or in memory, whichever it is to be at that size. */
static int prepare(struct side *s, struct side_file *f, uint64_t size, struct err *err)
{
	while (f->busy) {
		side_wait(s);
	}
	return f->settled || stays_in_memory(s, f, size) ? 0 : side_settle(s, f, err);
}

/* *on_disk: the bytes are still to be written there, at *offset. */
static int begin_write(struct side *s, struct side_file *f, struct slice data, off_t *offset,
	bool append, bool *on_disk, struct err *err)
{
	LOCKED(&s->lock);
	uint64_t end = (append ? f->size : (uint64_t)*offset) + data.n;
	int rc = prepare(s, f, end, err);
	*offset = append ? (off_t)f->size : *offset;
	end = (uint64_t)*offset + data.n;
	rc = rc == 0 ? set_size(s, f, end > f->size ? end : f->size, err) : rc;
	*on_disk = f->settled;
	if (rc == 0 && !f->settled && data.n > 0) {
		memcpy(f->content.p + *offset, data.p, data.n);
	}
	return rc;
}

/* What was counted and did not come about. */
static void recount(struct side *s, struct side_file *f)
{
	struct stat st;
	LOCKED(&s->lock);
	if (fstat(f->fd, &st) == 0) {
		s->bytes += (uint64_t)st.st_size - f->size; /* wraps, as above */
		f->size = (uint64_t)st.st_size;
	}
}

int side_write(struct side *s, struct side_file *f, struct slice data, off_t offset, bool append,
	struct err *err)
{
	bool on_disk = false;
	int rc = begin_write(s, f, data, &offset, append, &on_disk, err);
	for (size_t done = 0; rc == 0 && on_disk && done < data.n;) {
		ssize_t n = pwrite(f->fd, data.p + done, data.n - done, offset + (off_t)done);
		if (n < 0) {
			rc = err_errno(err, "scratch file");
			recount(s, f);
		}
		done += n > 0 ? (size_t)n : 0;
	}
	return rc;
}

static int begin_truncate(
	struct side *s, struct side_file *f, uint64_t size, bool *on_disk, struct err *err)
{
	LOCKED(&s->lock);
	int rc = prepare(s, f, size, err);
	rc = rc == 0 ? set_size(s, f, size, err) : rc;
	*on_disk = f->settled;
	return rc;
}

int side_truncate(struct side *s, struct side_file *f, off_t size, struct err *err)
{
	bool on_disk = false;
	int rc = begin_truncate(s, f, (uint64_t)size, &on_disk, err);
	if (rc == 0 && on_disk && ftruncate(f->fd, size) < 0) {
		rc = err_errno(err, "scratch file");
		recount(s, f);
	}
	return rc;
}

int side_sync(struct side *s, struct side_file *f, struct err *err)
{
	{
		LOCKED(&s->lock);
		/* Without a name nobody finds it after a crash. */
		int rc = f->dir == NULL ? 0 : side_settle(s, f, err);
		if (rc < 0 || !f->settled) {
			return rc;
		}
	}
	return fsync(f->fd) < 0 ? err_errno(err, "scratch file") : 0;
}

/* ---- names ---- */

static int unlink_on_disk(struct side *s, struct side_file *f, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	side_file_measure(s, f);
	side_path(s, SIDE_SCRATCH, f->dir->text, f->name, &path);
	side_busy_begin(s, f);
	int rc = unlink(buf_cstr(&path)) < 0 ? err_errno(err, "scratch file") : 0;
	side_busy_end(s, f);
	return rc;
}

static int unlink_rejected(const struct side *s, const char *dir, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	side_path(s, SIDE_REJECTED, dir, name, &path);
	if (unlink(buf_cstr(&path)) < 0) {
		return errno == ENOENT ? -ENOENT : err_errno(err, "refused text %s", name);
	}
	return 0;
}

int side_unlink(
	struct side *s, enum side_kind kind, const char *dir, const char *name, struct err *err)
{
	struct side_dir *d;
	struct side_file *f;
	if (kind == SIDE_REJECTED) {
		return unlink_rejected(s, dir, name, err);
	}
	LOCKED(&s->lock);
	int rc = find_quiet(s, dir, name, &d, &f, err);
	if (rc < 0 || f == NULL) {
		return rc < 0 ? rc : -ENOENT;
	}
	rc = f->settled ? unlink_on_disk(s, f, err) : 0;
	if (rc == 0 || rc == -ENOENT) {
		side_file_drop(s, f);
	}
	return rc;
}

static int make_symlink(const char *path, const char *target, struct err *err)
{
	int rc = symlink(target, path);
	if (rc < 0 && errno == ENOENT && side_make_parents(path, err) == 0) {
		rc = symlink(target, path);
	}
	return rc < 0 ? err_errno(err, "symlink") : 0;
}

int side_symlink(
	struct side *s, const char *dir, const char *name, const char *target, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct side_dir *d;
	struct side_file *f;
	LOCKED(&s->lock);
	int rc = find_quiet(s, dir, name, &d, &f, err);
	if (rc == 0 && f != NULL) {
		return -EEXIST;
	}
	rc = rc == 0 ? side_check_room(s, d, err) : rc;
	rc = rc == 0 ? side_dir_reserve(d, err) : rc;
	if (rc < 0) {
		return rc;
	}
	f = side_file_new(true);
	char *copy = strdup(name);
	side_path(s, SIDE_SCRATCH, dir, name, &path);
	rc = f == NULL || copy == NULL ? err_set(err, ENOMEM, "out of memory")
				       : make_symlink(buf_cstr(&path), target, err);
	if (rc < 0) {
		free(f);
		free(copy);
		return rc;
	}
	side_dir_insert(d, f, copy);
	return 0;
}

int side_readlink(
	struct side *s, const char *dir, const char *name, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	char target[4096];
	side_path(s, SIDE_SCRATCH, dir, name, &path);
	ssize_t n = readlink(buf_cstr(&path), target, sizeof(target));
	if (n < 0) {
		return err_errno(err, "symlink %s", name);
	}
	buf_append(out, target, (size_t)n);
	return buf_check(out, err);
}
