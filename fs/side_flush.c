/* From memory to disk.
 *
 * A file that was just made waits in side.fresh until it is AGE_NS old; then the
 * thread writes it, if it still has a name. A request does so at once when the file
 * grows too large, at fsync(2), or when the disk refused the one before: what
 * is put off then would be told too late. */
#include "fs/side_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "fs/loop.h"

#define AGE_NS INT64_C(500000000)

/* A request that waits for a disk must not hold up the others. */
void side_wait(struct side *s)
{
	loop_yield();
	pthread_cond_wait(&s->quiet, &s->lock);
}

void side_busy_begin(struct side *s, struct side_file *f)
{
	f->busy = true;
	pthread_mutex_unlock(&s->lock);
	loop_yield();
}

void side_busy_end(struct side *s, struct side_file *f)
{
	pthread_mutex_lock(&s->lock);
	f->busy = false;
	pthread_cond_broadcast(&s->quiet);
}

/* ---- writing one ---- */

static int open_named(const struct side_file *f, const char *path, struct err *err)
{
	const int flags = O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC;
	int fd = open(path, flags, f->mode);
	if (fd < 0 && errno == ENOENT && side_make_parents(path, err) == 0) {
		fd = open(path, flags, f->mode);
	}
	return fd >= 0 ? fd : err_errno(err, "scratch file %s", f->name);
}

/* For what outgrew the memory when its name was gone already. */
static int open_nameless(const struct side *s, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	buf_printf(&path, "%s/gone-XXXXXX", s->root);
	buf_cstr(&path);
	int fd = path.failed ? -1 : mkostemp(path.p, O_CLOEXEC);
	if (fd < 0) {
		return err_errno(err, "scratch file");
	}
	unlink(path.p);
	return fd;
}

static int write_content(int fd, struct side_file *f, struct err *err)
{
	struct stat st;
	struct timespec times[2] = {f->atime, f->mtime};
	for (size_t done = 0; done < f->content.n;) {
		ssize_t n = write(fd, f->content.p + done, f->content.n - done);
		if (n < 0) {
			return err_errno(err, "scratch file");
		}
		done += (size_t)n;
	}
	/* The daemon's umask took its part of the mode. */
	if (fchmod(fd, f->mode) < 0 || futimens(fd, times) < 0 || fstat(fd, &st) < 0) {
		return err_errno(err, "scratch file");
	}
	f->settled_ctime = st.st_ctim;
	return 0;
}

/* The descriptor, or -errno. */
static int write_out(const struct side *s, struct side_file *f, const char *path, struct err *err)
{
	int fd = path != NULL ? open_named(f, path, err) : open_nameless(s, err);
	if (fd < 0) {
		return fd;
	}
	int rc = write_content(fd, f, err);
	if (rc < 0) {
		close(fd);
		if (path != NULL) {
			unlink(path);
		}
	}
	return rc < 0 ? rc : fd;
}

static void has_settled(struct side *s, struct side_file *f, int fd)
{
	if (f->dir != NULL) {
		TAILQ_REMOVE(&s->fresh, f, fresh);
	}
	f->settled = true;
	f->told = false;
	s->held -= f->content.n;
	buf_free(&f->content);
	if (f->n_open > 0) {
		f->fd = fd;
	} else {
		close(fd);
	}
}

int side_settle(struct side *s, struct side_file *f, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	while (f->busy) {
		side_wait(s);
	}
	if (f->settled) {
		return 0;
	}
	if (f->dir != NULL) {
		side_path(s, SIDE_SCRATCH, f->dir->text, f->name, &path);
	}
	side_busy_begin(s, f);
	int fd = write_out(s, f, f->dir != NULL ? buf_cstr(&path) : NULL, err);
	side_busy_end(s, f);
	s->failing = fd < 0;
	if (fd < 0) {
		return fd;
	}
	has_settled(s, f, fd);
	return 0;
}

/* ---- the thread ---- */

void side_put_off(struct side *s, struct side_file *f)
{
	f->due_ns = monotonic_ns() + AGE_NS;
	TAILQ_INSERT_TAIL(&s->fresh, f, fresh);
	if (s->idle) {
		s->idle = false;
		pthread_cond_signal(&s->wake);
	}
}

/* The file's writer has long been told that all is well: so the error log tells him,
 * once. */
static void complain(
	struct side *s, struct side_file *f, const struct err *cause, const char *consequence)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct err err = {0};
	uid_t uid = f->uid;
	if (f->told) {
		return;
	}
	f->told = true;
	buf_printf(&path, "%s/%s", f->dir->text, f->name);
	err_set(&err, cause->code, "%.700s; %s", cause->msg, consequence);
	pthread_mutex_unlock(&s->lock);
	log_error("%s: %s", buf_cstr(&path), err.msg);
	if (s->report.failed != NULL) {
		s->report.failed(s->report.arg, uid, buf_cstr(&path), &err);
	}
	pthread_mutex_lock(&s->lock);
}

static void write_later(struct side *s, struct side_file *f)
{
	struct err err = {0};
	if (f->busy) {
		side_wait(s);
	} else if (side_settle(s, f, &err) < 0) {
		TAILQ_REMOVE(&s->fresh, f, fresh);
		side_put_off(s, f);
		complain(s, f, &err, "it is in memory only, and tried again until it can be kept");
	}
}

static void sleep_until(struct side *s, int64_t ns)
{
	struct timespec until = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	pthread_cond_timedwait(&s->wake, &s->lock, &until);
}

/* Between files made one after the other it keeps sleeping by the clock: to be woken
 * for each would cost its maker more than making it. */
static void *thread_main(void *arg)
{
	struct side *s = arg;
	LOCKED(&s->lock);
	while (!s->stop) {
		struct side_file *f = TAILQ_FIRST(&s->fresh);
		if (f == NULL) {
			s->idle = true;
			pthread_cond_wait(&s->wake, &s->lock);
			s->idle = false;
		} else if (f->due_ns > monotonic_ns()) {
			sleep_until(s, f->due_ns);
		} else {
			write_later(s, f);
		}
	}
	return NULL;
}

int side_flush_start(struct side *s, struct err *err)
{
	int rc = pthread_create(&s->thread, NULL, thread_main, s);
	s->threaded = rc == 0;
	return rc == 0 ? 0 : err_set(err, rc, "cannot start a thread");
}

static void stop_thread(struct side *s)
{
	pthread_mutex_lock(&s->lock);
	s->stop = true;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
}

void side_flush_stop(struct side *s)
{
	if (s->threaded) {
		stop_thread(s);
	}
	LOCKED(&s->lock);
	while (!TAILQ_EMPTY(&s->fresh)) {
		struct side_file *f = TAILQ_FIRST(&s->fresh);
		struct err err = {0};
		if (side_settle(s, f, &err) < 0) {
			f->told = false;
			complain(s, f, &err, "it is lost with the end of the mount");
			TAILQ_REMOVE(&s->fresh, f, fresh);
		}
	}
}
