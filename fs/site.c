#include "fs/site.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/buf.h"
#include "engines/common/cleanup.h"

static int create_directory(const char *path, struct err *err)
{
	struct stat st;
	if (mkdir(path, 0700) == 0) {
		return 0;
	}
	if (errno == ENOENT) {
		return err_set(err, ENOENT,
			"cannot create SITE %s: the directory it would be in is not there", path);
	}
	if (errno != EEXIST) {
		return err_errno(err, "cannot create SITE %s", path);
	}
	if (stat(path, &st) != 0) {
		return err_errno(err, "cannot use SITE %s", path);
	}
	if (!S_ISDIR(st.st_mode)) {
		return err_set(err, ENOTDIR, "SITE %s is not a directory", path);
	}
	if (access(path, R_OK | W_OK | X_OK) != 0) {
		return err_errno(err, "cannot use SITE %s: it must be readable and writable", path);
	}
	return 0;
}

/* Whether `path` is `dir` or below it; both resolved. */
static bool is_within(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	if (strcmp(dir, "/") == 0) {
		return true;
	}
	return strncmp(path, dir, n) == 0 && (path[n] == '/' || path[n] == '\0');
}

/* The directory a file is in, resolved; false when it is not there (yet). */
static bool resolve_parent(const char *path, char out[PATH_MAX])
{
	CLEANUP(buf_free) struct buf parent = BUF_INIT;
	buf_append(&parent, path, (size_t)(strrchr(path, '/') - path));
	return realpath(parent.n > 0 ? buf_cstr(&parent) : "/", out) != NULL;
}

/* The daemon would ask itself for its own files, and wait for ever. */
static int check_nesting(const struct mountopts *o, struct err *err)
{
	char mountpoint[PATH_MAX];
	char own[PATH_MAX];
	if (realpath(o->mountpoint, mountpoint) == NULL) {
		return 0; /* mount_create() says what is wrong with it */
	}
	if (realpath(o->site, own) != NULL && is_within(own, mountpoint)) {
		return err_set(err, EINVAL,
			"SITE %s lies in the mount point %s and would be hidden by the mount: "
			"choose a mount point elsewhere",
			o->site, o->mountpoint);
	}
	if (resolve_parent(o->log_file, own) && is_within(own, mountpoint)) {
		return err_set(err, EINVAL,
			"the log %s lies in the mount point %s: choose another with -o log=FILE",
			o->log_file, o->mountpoint);
	}
	return 0;
}

int site_prepare(const struct mountopts *o, struct err *err)
{
	int r = create_directory(o->site, err);
	return r == 0 ? check_nesting(o, err) : r;
}

/* ---- the lock ---- */

/* umount(8) returns before the daemon has closed its stores, so whoever mounts
 * again at once meets the old one: it gets a moment to notice, and then, once it
 * has said that it is ending, time for what it has to finish. */
#define LOCK_POLL_MS   20
#define LOCK_WAIT_MS   500
#define LOCK_ENDING_MS 30000

#define STATE_MOUNTED "mounted on"
#define STATE_ENDING  "ending after its unmount from"

/* "12345 (mounted on /mnt)" as the holder wrote it. */
static void describe_holder(int fd, char *out, size_t size)
{
	ssize_t n = pread(fd, out, size - 1, 0);
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (out[0] < '0' || out[0] > '9') {
		snprintf(out, size, "of unknown number");
	}
}

static int write_holder(const struct mountopts *o, int fd, const char *state, struct err *err)
{
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	buf_printf(&line, "%ld (%s %s)\n", (long)getpid(), state, o->mountpoint);
	int r = buf_check(&line, err);
	if (r != 0) {
		return r;
	}
	if (ftruncate(fd, 0) != 0 || pwrite(fd, line.p, line.n, 0) != (ssize_t)line.n) {
		return err_errno(err, "cannot write %s/lock", o->site);
	}
	return 0;
}

static int take_lock(const struct mountopts *o, int fd, struct err *err)
{
	char holder[256];
	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; waited += LOCK_POLL_MS) {
		if (errno != EWOULDBLOCK) {
			return err_errno(err, "cannot lock %s/lock", o->site);
		}
		describe_holder(fd, holder, sizeof(holder));
		bool ending = strstr(holder, "(" STATE_ENDING) != NULL;
		if (waited >= (ending ? LOCK_ENDING_MS : LOCK_WAIT_MS)) {
			return err_set(err, EBUSY,
				"SITE %s is in use by process %s: unmount that first, or name "
				"another SITE",
				o->site, holder);
		}
		usleep(LOCK_POLL_MS * 1000);
	}
	return write_holder(o, fd, STATE_MOUNTED, err);
}

int site_lock(const struct mountopts *o, int *fd, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	buf_printf(&path, "%s/lock", o->site);
	int lock = open(buf_cstr(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock < 0) {
		return err_errno(err, "cannot open %s", buf_cstr(&path));
	}
	int r = take_lock(o, lock, err);
	if (r != 0) {
		close(lock);
		return r;
	}
	*fd = lock;
	return 0;
}

void site_ending(const struct mountopts *o, int fd)
{
	struct err ignored = {0}; /* it only saves others a refusal */
	write_holder(o, fd, STATE_ENDING, &ignored);
}

void site_unlock(int fd)
{
	/* The name stays: removing it would let two processes lock two files. */
	if (fd >= 0) {
		(void)!ftruncate(fd, 0);
		close(fd);
	}
}
