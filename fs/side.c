#include "fs/side.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"

/* SITE/side/d/<service>/d/<table>/{f,rejected,events}: "d" holds directories of
 * the tree, so that no name in the tree can meet "f", "rejected" or "events". */
static const char *const kind_folder[] = {[SIDE_SCRATCH] = "f", [SIDE_REJECTED] = "rejected"};

int64_t time_now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t monotonic_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

void time_text(char out[TIME_TEXT_MAX], bool milliseconds)
{
	struct timespec ts;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &ts);
	gmtime_r(&ts.tv_sec, &tm);
	size_t n = strftime(out, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	if (milliseconds) {
		n += (size_t)snprintf(out + n, TIME_TEXT_MAX - n, ".%03ld", ts.tv_nsec / 1000000);
	}
	snprintf(out + n, TIME_TEXT_MAX - n, "Z");
}

static void folder_of(const struct side *s, const char *dir, struct buf *out)
{
	buf_puts(out, s->root);
	while (*dir == '/') {
		dir++;
		size_t n = strcspn(dir, "/");
		if (n > 0) {
			buf_puts(out, "/d/");
			buf_append(out, dir, n);
		}
		dir += n;
	}
}

static void path_of(const struct side *s, enum side_kind kind, const char *dir, const char *name,
	struct buf *out)
{
	folder_of(s, dir, out);
	buf_putc(out, '/');
	buf_puts(out, kind_folder[kind]);
	if (name != NULL) {
		buf_putc(out, '/');
		buf_puts(out, name);
	}
}

static int make_parents(const char *path, struct err *err)
{
	CLEANUP(cleanup_free) char *copy = strdup(path);
	if (copy == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (char *p = copy + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(copy, 0700) < 0 && errno != EEXIST) {
			return err_errno(err, "cannot make %s", copy);
		}
		*p = '/';
	}
	return 0;
}

/* nftw has no argument for its callback. */
static __thread uint64_t counted_bytes;

static int count_file(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	const char *slash = strrchr(path, '/');
	if (type == FTW_F && slash != NULL && ftw->level > 1 && slash - path >= 2 &&
		strncmp(slash - 2, "/f", 2) == 0) {
		counted_bytes += (uint64_t)st->st_size;
	}
	return 0;
}

int side_init(struct side *s, const char *site, struct err *err)
{
	if (asprintf(&s->root, "%s/side", site) < 0) {
		s->root = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	if (mkdir(s->root, 0700) < 0 && errno != EEXIST) {
		return err_errno(err, "cannot make %s", s->root);
	}
	counted_bytes = 0;
	nftw(s->root, count_file, 16, FTW_PHYS);
	s->bytes = counted_bytes;
	return 0;
}

void side_finish(struct side *s)
{
	free(s->root);
	s->root = NULL;
}

int side_stat(struct side *s, enum side_kind kind, const char *dir, const char *name,
	struct stat *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	path_of(s, kind, dir, name, &path);
	if (lstat(buf_cstr(&path), out) == 0) {
		return 0;
	}
	if (errno == ENOENT || errno == ENAMETOOLONG) {
		return -errno;
	}
	return err_errno(err, "scratch file %s", name);
}

static int count_names(const char *folder, uint64_t *out)
{
	DIR *d = opendir(folder);
	*out = 0;
	if (d == NULL) {
		return -errno;
	}
	while (readdir(d) != NULL) {
		(*out)++;
	}
	closedir(d);
	*out -= *out < 2 ? *out : 2;
	return 0;
}

static int check_room(struct side *s, const char *dir, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf folder = BUF_INIT;
	struct stat st;
	uint64_t n;
	if (side_stat(s, SIDE_SCRATCH, dir, name, &st, NULL) == 0) {
		return 0;
	}
	path_of(s, SIDE_SCRATCH, dir, NULL, &folder);
	count_names(buf_cstr(&folder), &n);
	if (n >= s->max_files) {
		return err_set(err, ENOSPC,
			"%s holds %llu scratch files already (scratch_files=%llu); this name is "
			"no item's name",
			dir, (unsigned long long)n, (unsigned long long)s->max_files);
	}
	return 0;
}

int side_open(struct side *s, enum side_kind kind, const char *dir, const char *name, int flags,
	mode_t mode, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	path_of(s, kind, dir, name, &path);
	if (flags & O_CREAT) {
		int rc = kind == SIDE_SCRATCH ? check_room(s, dir, name, err) : 0;
		rc = rc == 0 ? make_parents(buf_cstr(&path), err) : rc;
		if (rc < 0) {
			return rc;
		}
	}
	struct stat before = {0};
	if ((flags & O_TRUNC) && lstat(buf_cstr(&path), &before) == 0 && S_ISREG(before.st_mode)) {
		s->bytes -= (uint64_t)before.st_size;
	}
	int fd = open(buf_cstr(&path), flags | O_CLOEXEC | O_NOFOLLOW, mode);
	return fd >= 0 ? fd : err_errno(err, "scratch file %s", name);
}

int side_unlink(
	struct side *s, enum side_kind kind, const char *dir, const char *name, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct stat st;
	path_of(s, kind, dir, name, &path);
	if (lstat(buf_cstr(&path), &st) < 0 || unlink(buf_cstr(&path)) < 0) {
		return errno == ENOENT ? -ENOENT : err_errno(err, "scratch file %s", name);
	}
	if (kind == SIDE_SCRATCH && S_ISREG(st.st_mode)) {
		s->bytes -= (uint64_t)st.st_size;
	}
	return 0;
}

int side_symlink(
	struct side *s, const char *dir, const char *name, const char *target, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	path_of(s, SIDE_SCRATCH, dir, name, &path);
	int rc = check_room(s, dir, name, err);
	rc = rc == 0 ? make_parents(buf_cstr(&path), err) : rc;
	if (rc == 0 && symlink(target, buf_cstr(&path)) < 0) {
		rc = err_errno(err, "symlink %s", name);
	}
	return rc;
}

int side_readlink(
	struct side *s, const char *dir, const char *name, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	char target[4096];
	path_of(s, SIDE_SCRATCH, dir, name, &path);
	ssize_t n = readlink(buf_cstr(&path), target, sizeof(target));
	if (n < 0) {
		return err_errno(err, "symlink %s", name);
	}
	buf_append(out, target, (size_t)n);
	return buf_check(out, err);
}

int side_rename(struct side *s, const char *from_dir, const char *from, const char *to_dir,
	const char *to, unsigned flags, struct err *err)
{
	CLEANUP(buf_free) struct buf a = BUF_INIT;
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	struct stat over = {0};
	path_of(s, SIDE_SCRATCH, from_dir, from, &a);
	path_of(s, SIDE_SCRATCH, to_dir, to, &b);
	int rc = make_parents(buf_cstr(&b), err);
	if (rc < 0) {
		return rc;
	}
	bool replaces = flags == 0 && lstat(buf_cstr(&b), &over) == 0 && S_ISREG(over.st_mode);
	if (renameat2(AT_FDCWD, buf_cstr(&a), AT_FDCWD, buf_cstr(&b), flags) < 0) {
		return err_errno(err, "rename %s to %s", from, to);
	}
	if (replaces) {
		s->bytes -= (uint64_t)over.st_size;
	}
	return 0;
}

static int grow_to(struct side *s, int fd, off_t size, off_t *old, struct err *err)
{
	struct stat st;
	if (fstat(fd, &st) < 0) {
		return err_errno(err, "scratch file");
	}
	*old = st.st_size;
	if (size <= st.st_size) {
		return 0;
	}
	uint64_t more = (uint64_t)(size - st.st_size);
	if (s->bytes + more > s->max_bytes) {
		return err_set(err, ENOSPC,
			"scratch files would pass %llu bytes in all (scratch_size=)",
			(unsigned long long)s->max_bytes);
	}
	return 0;
}

int side_write(
	struct side *s, int fd, struct slice data, off_t offset, bool append, struct err *err)
{
	off_t old;
	off_t end = append ? lseek(fd, 0, SEEK_END) : offset;
	int rc = grow_to(s, fd, end + (off_t)data.n, &old, err);
	if (rc < 0) {
		return rc;
	}
	size_t done = 0;
	while (done < data.n) {
		ssize_t n = pwrite(fd, data.p + done, data.n - done, end + (off_t)done);
		if (n < 0) {
			return err_errno(err, "scratch file");
		}
		done += (size_t)n;
	}
	if (end + (off_t)data.n > old) {
		s->bytes += (uint64_t)(end + (off_t)data.n - old);
	}
	return 0;
}

int side_truncate(struct side *s, int fd, off_t size, struct err *err)
{
	off_t old;
	int rc = grow_to(s, fd, size, &old, err);
	if (rc < 0) {
		return rc;
	}
	if (ftruncate(fd, size) < 0) {
		return err_errno(err, "scratch file");
	}
	s->bytes += (uint64_t)(size - old); /* wraps when it shrank: a subtraction */
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void append_names(char **names, size_t n, struct buf *out)
{
	if (n > 0) {
		qsort(names, n, sizeof(*names), compare_names);
	}
	for (size_t i = 0; i < n; i++) {
		buf_append(out, names[i], strlen(names[i]) + 1);
		free(names[i]);
	}
	free(names);
}

static void list_folder(const char *folder, struct buf *out)
{
	DIR *d = opendir(folder);
	if (d == NULL) {
		return;
	}
	char **names = NULL;
	size_t n = 0;
	size_t cap = 0;
	const struct dirent *e;
	while ((e = readdir(d)) != NULL) {
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
			continue;
		}
		if (n == cap) {
			cap = cap == 0 ? 16 : cap * 2;
			char **more = realloc(names, cap * sizeof(*more));
			if (more == NULL) {
				break;
			}
			names = more;
		}
		names[n] = strdup(e->d_name);
		n += names[n] != NULL;
	}
	closedir(d);
	append_names(names, n, out);
}

int side_list(struct side *s, enum side_kind kind, const char *dir, struct buf *out,
	int64_t *mtime_ns, struct err *err)
{
	CLEANUP(buf_free) struct buf folder = BUF_INIT;
	struct stat st;
	path_of(s, kind, dir, NULL, &folder);
	bool there = stat(buf_cstr(&folder), &st) == 0;
	if (mtime_ns != NULL) {
		*mtime_ns =
			there ? (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec : 0;
	}
	if (there && out != NULL) {
		list_folder(buf_cstr(&folder), out);
	}
	return out != NULL ? buf_check(out, err) : 0;
}

void side_list_dirs(struct side *s, const char *dir, struct buf *out)
{
	CLEANUP(buf_free) struct buf folder = BUF_INIT;
	folder_of(s, dir, &folder);
	buf_puts(&folder, "/d");
	list_folder(buf_cstr(&folder), out);
}

void side_move_dir(struct side *s, const char *from, const char *to)
{
	CLEANUP(buf_free) struct buf a = BUF_INIT;
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	struct err err = {0};
	folder_of(s, from, &a);
	folder_of(s, to, &b);
	if (access(buf_cstr(&a), F_OK) < 0) {
		return;
	}
	/* What an earlier directory of the new name left (its events) gives way. */
	if (make_parents(buf_cstr(&b), &err) < 0 ||
		(rename(buf_cstr(&a), buf_cstr(&b)) < 0 &&
			renameat2(AT_FDCWD, buf_cstr(&a), AT_FDCWD, buf_cstr(&b), RENAME_EXCHANGE) <
				0)) {
		log_warn("scratch files of %s stay behind: %s", from, strerror(errno));
	}
}

static int remove_scratch(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	const char *slash = strrchr(path, '/');
	bool in_scratch = slash - path >= 2 && strncmp(slash - 2, "/f", 2) == 0;
	if ((type == FTW_F || type == FTW_SL) && in_scratch && unlink(path) == 0 && type == FTW_F) {
		counted_bytes += (uint64_t)st->st_size;
	}
	return 0;
}

void side_drop_dir(struct side *s, const char *dir)
{
	CLEANUP(buf_free) struct buf folder = BUF_INIT;
	folder_of(s, dir, &folder);
	counted_bytes = 0;
	nftw(buf_cstr(&folder), remove_scratch, 16, FTW_PHYS | FTW_DEPTH);
	s->bytes -= counted_bytes;
}

/* Names begin with the time, so the first in byte order are the oldest. */
static void prune_rejected(struct side *s, const char *dir)
{
	CLEANUP(buf_free) struct buf names = BUF_INIT;
	size_t n = 0;
	side_list(s, SIDE_REJECTED, dir, &names, NULL, NULL);
	for (size_t i = 0; i < names.n; i += strlen(names.p + i) + 1) {
		n++;
	}
	for (size_t i = 0; n > s->max_rejected && i < names.n; n--) {
		size_t len = strlen(names.p + i);
		side_unlink(s, SIDE_REJECTED, dir, names.p + i, NULL);
		i += len + 1;
	}
}

int side_reject(struct side *s, const char *dir, const char *name, struct slice text,
	struct buf *out, struct err *err)
{
	char when[TIME_TEXT_MAX];
	time_text(when, true);
	CLEANUP(buf_free) struct buf file = BUF_INIT;
	/* The name is cut from the front so that its ending stays recognisable. */
	size_t len = strlen(name);
	const char *tail = len > 200 ? name + len - 200 : name;
	while (((unsigned char)*tail & 0xc0) == 0x80) {
		tail++;
	}
	buf_printf(&file, "%s-%04llu-%s", when, (unsigned long long)(s->serial++ % 10000), tail);
	CLEANUP(cleanup_close)
	int fd = side_open(
		s, SIDE_REJECTED, dir, buf_cstr(&file), O_WRONLY | O_CREAT | O_EXCL, 0600, err);
	if (fd < 0) {
		return fd;
	}
	for (size_t done = 0; done < text.n;) {
		ssize_t n = write(fd, text.p + done, text.n - done);
		if (n < 0) {
			return err_errno(err, "cannot keep the refused text");
		}
		done += (size_t)n;
	}
	buf_append_slice(out, buf_slice(&file));
	prune_rejected(s, dir);
	return 0;
}

void side_events_path(struct side *s, const char *dir, struct buf *out)
{
	folder_of(s, dir, out);
	buf_puts(out, "/events");
}

void side_touch(const char *path)
{
	if (make_parents(path, NULL) == 0) {
		CLEANUP(cleanup_close)
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		(void)fd;
	}
}

void side_event(struct side *s, const char *dir, const char *text)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	char when[TIME_TEXT_MAX];
	struct err err = {0};
	side_events_path(s, dir, &path);
	time_text(when, true);
	buf_printf(&line, "%s %s\n", when, text);
	if (make_parents(buf_cstr(&path), &err) < 0) {
		log_warn("event not kept: %s", err.msg);
		return;
	}
	CLEANUP(cleanup_close)
	int fd = open(buf_cstr(&path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line.p, line.n) < 0) {
		log_warn("event not kept in %s: %s", buf_cstr(&path), strerror(errno));
	}
}
