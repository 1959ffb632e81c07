#include "engines/store/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"

#define COPY_STEP ((size_t)1 << 20)

/* ---- the operating system ---- */

static int system_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);
	return fd >= 0 ? fd : -errno;
}

static void system_close(int fd)
{
	close(fd);
}

static ssize_t system_read(int fd, void *to, size_t n, uint64_t offset)
{
	size_t done = 0;
	while (done < n) {
		ssize_t got = pread(fd, (char *)to + done, n - done, (off_t)(offset + done));
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return -errno;
		}
		if (got == 0) {
			break;
		}
		done += (size_t)got;
	}
	return (ssize_t)done;
}

static int system_write(int fd, const void *from, size_t n, uint64_t offset)
{
	size_t done = 0;
	while (done < n) {
		ssize_t put =
			pwrite(fd, (const char *)from + done, n - done, (off_t)(offset + done));
		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put <= 0) {
			return put < 0 ? -errno : -EIO;
		}
		done += (size_t)put;
	}
	return 0;
}

static int system_truncate(int fd, uint64_t size)
{
	return ftruncate(fd, (off_t)size) == 0 ? 0 : -errno;
}

static int system_sync(int fd)
{
	return fdatasync(fd) == 0 ? 0 : -errno;
}

static int system_rename(const char *from, const char *to)
{
	return rename(from, to) == 0 ? 0 : -errno;
}

static int system_remove(const char *path)
{
	return unlink(path) == 0 ? 0 : -errno;
}

static int system_sync_dir(const char *path)
{
	CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? 0 : -errno;
}

static int copy_by_hand(int from, int to)
{
	CLEANUP(cleanup_free) char *step = malloc(COPY_STEP);
	if (step == NULL) {
		return -ENOMEM;
	}
	for (uint64_t at = 0;;) {
		ssize_t got = system_read(from, step, COPY_STEP, at);
		if (got <= 0) {
			return (int)got;
		}
		int rc = system_write(to, step, (size_t)got, at);
		if (rc != 0) {
			return rc;
		}
		at += (uint64_t)got;
	}
}

/* 1: the kernel cannot between these two. */
static int copy_in_kernel(int from, int to)
{
	loff_t in = 0;
	loff_t out = 0;
	for (;;) {
		ssize_t got = copy_file_range(from, &in, to, &out, (size_t)1 << 30, 0);
		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			return errno == ENOSPC || errno == EIO ? -errno : 1;
		}
		if (got == 0) {
			/* Some file systems say 0 for what they cannot do. */
			return in == disk_size(from) ? 0 : 1;
		}
	}
}

static int system_copy(int from, int to)
{
	if (ioctl(to, FICLONE, from) == 0) {
		return 0;
	}
	int rc = copy_in_kernel(from, to);
	return rc == 1 ? copy_by_hand(from, to) : rc;
}

const struct disk_ops disk_system = {
	.open = system_open,
	.close = system_close,
	.read = system_read,
	.write = system_write,
	.truncate = system_truncate,
	.sync = system_sync,
	.rename = system_rename,
	.remove = system_remove,
	.sync_dir = system_sync_dir,
	.copy = system_copy,
};

/* ---- what is built from them ---- */

int disk_error(int rc, const char *path, const char *text, struct err *err)
{
	return err_set(err, -rc, "%s %s: %s", path, text, strerror(-rc));
}

int64_t disk_size(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 ? st.st_size : -errno;
}

int disk_sync_parent(const struct disk_ops *disk, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	const char *slash = strrchr(path, '/');
	if (slash == NULL) {
		buf_puts(&dir, ".");
	} else {
		buf_append(&dir, path, (size_t)(slash - path) + 1);
	}
	const char *name = buf_cstr(&dir);
	int rc = buf_check(&dir, err);
	if (rc == 0 && (rc = disk->sync_dir(name)) != 0) {
		disk_error(rc, name, "could not be made durable", err);
	}
	return rc;
}

int disk_copy_content(
	const struct disk_ops *disk, const char *from, const char *to, struct err *err)
{
	int in = disk->open(from, O_RDONLY);
	if (in < 0) {
		return disk_error(in, from, "cannot be opened", err);
	}
	int out = disk->open(to, O_RDWR | O_CREAT | O_TRUNC);
	int rc = out < 0 ? out : disk->copy(in, out);
	if (rc == 0) {
		rc = disk->sync(out);
	}
	if (out >= 0) {
		disk->close(out);
	}
	disk->close(in);
	return rc != 0 ? disk_error(rc, to, "could not be written", err) : 0;
}

int disk_publish(const struct disk_ops *disk, const char *temp, const char *path, struct err *err)
{
	int fd = disk->open(temp, O_RDWR);
	int rc = fd < 0 ? fd : disk->sync(fd);
	if (fd >= 0) {
		disk->close(fd);
	}
	if (rc == 0) {
		rc = disk->rename(temp, path);
	}
	return rc != 0 ? disk_error(rc, path, "could not be written", err)
		       : disk_sync_parent(disk, path, err);
}

int disk_copy_file(const struct disk_ops *disk, const char *from, const char *to, struct err *err)
{
	if (access(to, F_OK) == 0) {
		return err_set(err, EEXIST, "%s exists already", to);
	}
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	buf_printf(&temp, "%s.part", to);
	const char *name = buf_cstr(&temp);
	int rc = buf_check(&temp, err);
	if (rc == 0) {
		rc = disk_copy_content(disk, from, name, err);
	}
	return rc != 0 ? rc : disk_publish(disk, name, to, err);
}

int disk_remove(const struct disk_ops *disk, const char *path, struct err *err)
{
	int rc = disk->remove(path);
	return rc == 0 || rc == -ENOENT ? 0 : disk_error(rc, path, "cannot be removed", err);
}

int disk_make_dir(const struct disk_ops *disk, const char *path, struct err *err)
{
	if (mkdir(path, 0700) == 0) {
		return disk_sync_parent(disk, path, err);
	}
	return errno == EEXIST ? 0 : err_errno(err, "%s cannot be created", path);
}

bool disk_parse_hex(const char *digits, uint64_t *out)
{
	static const char hex[] = "0123456789abcdef";
	*out = 0;
	for (int i = 0; i < 16; i++) {
		const char *found = strchr(hex, digits[i]);
		if (digits[i] == '\0' || found == NULL) {
			return false;
		}
		*out = *out << 4 | (uint64_t)(found - hex);
	}
	return true;
}
