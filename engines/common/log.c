#include "engines/common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engines/common/cleanup.h"

/* A line holds a timestamp and one err message with its context, with room. */
#define LOG_LINE_MAX 2048

/* The one global of the program: logging must work where no struct is at hand,
 * and there is one standard error for a process anyway. */
static struct {
	pthread_mutex_t lock;
	int fd;		  /* under lock; -1: none */
	char *path;	  /* under lock */
	bool to_stderr;	  /* under lock */
	atomic_int level; /* read without the lock by log_enabled() */
} the_log = {
	.lock = PTHREAD_MUTEX_INITIALIZER,
	.fd = -1,
	.to_stderr = true,
	.level = LOG_LEVEL_INFO,
};

static int open_file(const char *path, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0600);
	if (fd < 0) {
		return err_errno(err, "cannot open the log file %s", path);
	}
	return fd;
}

/* Takes over `fd` as the log's file. */
static void swap_file(int fd)
{
	int old = the_log.fd;
	the_log.fd = fd;
	if (old >= 0) {
		close(old);
	}
}

int log_open(const char *path, struct err *err)
{
	char *copy = strdup(path);
	if (copy == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int fd = open_file(path, err);
	if (fd < 0) {
		free(copy);
		return fd;
	}
	LOCKED(&the_log.lock);
	swap_file(fd);
	free(the_log.path);
	the_log.path = copy;
	return 0;
}

int log_reopen(struct err *err)
{
	LOCKED(&the_log.lock);
	if (the_log.path == NULL) {
		return 0;
	}
	int fd = open_file(the_log.path, err);
	if (fd < 0) {
		return fd; /* the old file goes on */
	}
	swap_file(fd);
	return 0;
}

void log_close(void)
{
	LOCKED(&the_log.lock);
	swap_file(-1);
	free(the_log.path);
	the_log.path = NULL;
}

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&the_log.level, (int)level, memory_order_relaxed);
}

void log_set_stderr(bool on)
{
	LOCKED(&the_log.lock);
	the_log.to_stderr = on;
}

bool log_enabled(enum log_level level)
{
	return (int)level <= atomic_load_explicit(&the_log.level, memory_order_relaxed);
}

static const char *level_name(enum log_level level)
{
	switch (level) {
	case LOG_LEVEL_ERROR: return "error";
	case LOG_LEVEL_WARN: return "warning";
	case LOG_LEVEL_INFO: return "info";
	case LOG_LEVEL_DEBUG: return "debug";
	}
	return "?";
}

/* "2026-01-31T23:59:59.123Z warning: ", in UTC so that logs of machines compare. */
static size_t print_prefix(char *line, size_t size, enum log_level level)
{
	struct timespec now;
	struct tm tm;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	size_t n = strftime(line, size, "%Y-%m-%dT%H:%M:%S", &tm);
	n += (size_t)snprintf(
		line + n, size - n, ".%03ldZ %s: ", now.tv_nsec / 1000000, level_name(level));
	return n;
}

/* A logger has nobody to tell that a line could not be written. */
static void put(int fd, const char *p, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, p, n);
		if (done < 0 && errno == EINTR) {
			continue;
		}
		if (done <= 0) {
			return;
		}
		p += done;
		n -= (size_t)done;
	}
}

void log_write(enum log_level level, const char *fmt, ...)
{
	if (!log_enabled(level)) {
		return;
	}
	int saved = errno;
	char line[LOG_LINE_MAX];
	size_t start = print_prefix(line, sizeof(line), level);
	va_list ap;
	va_start(ap, fmt);
	int more = vsnprintf(line + start, sizeof(line) - start - 1, fmt, ap);
	va_end(ap);
	size_t n = start + (more > 0 ? strlen(line + start) : 0);
	for (size_t i = start; i < n; i++) {
		/* One event, one line, whatever a key or a message holds. */
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) {
			line[i] = '?';
		}
	}
	line[n++] = '\n';
	{
		LOCKED(&the_log.lock);
		if (the_log.to_stderr) {
			put(STDERR_FILENO, line, n);
		}
		if (the_log.fd >= 0) {
			put(the_log.fd, line, n);
		}
	}
	errno = saved;
}
