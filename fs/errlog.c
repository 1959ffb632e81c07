#include "fs/errlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "fs/side.h"

#define TAIL_BYTES     ((off_t)128 * 1024)
#define FILE_MAX_BYTES ((off_t)4 * 1024 * 1024)

/* On disk a line has the uid and a tab in front. The path ends where the name
 * of the errno begins; neither holds a space-free upper-case word and a colon. */
static void remember(struct errlog *log, uid_t uid, struct slice path, struct slice text)
{
	struct errlog_line *l = &log->lines[log->n++ % ERRLOG_LINES];
	free(l->path);
	free(l->text);
	l->uid = uid;
	l->path = strndup(path.p, path.n);
	l->text = strndup(text.p, text.n);
}

static const char *nth_space(const char *p, unsigned n)
{
	while (n-- > 0 && p != NULL) {
		p = strchr(p, ' ');
		p = p != NULL ? p + 1 : NULL;
	}
	return p;
}

/* " EINVAL: " marks the end of the path. */
static const char *path_end(const char *p)
{
	for (; (p = strstr(p, " E")) != NULL; p++) {
		size_t n = strspn(p + 1, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789");
		if (p[1 + n] == ':') {
			return p;
		}
	}
	return NULL;
}

static void parse_line(struct errlog *log, const char *line)
{
	char *tab;
	unsigned long uid = strtoul(line, &tab, 10);
	if (*tab != '\t') {
		return;
	}
	const char *path = nth_space(tab + 1, 2);
	const char *end = path != NULL ? path_end(path) : NULL;
	if (end != NULL) {
		remember(
			log, (uid_t)uid, slice_make(path, (size_t)(end - path)), slice_of(tab + 1));
	}
}

static void read_back(struct errlog *log)
{
	struct stat st;
	if (fstat(log->fd, &st) < 0 || st.st_size == 0) {
		return;
	}
	off_t from = st.st_size > TAIL_BYTES ? st.st_size - TAIL_BYTES : 0;
	CLEANUP(buf_free) struct buf tail = BUF_INIT;
	if (!buf_resize(&tail, (size_t)(st.st_size - from) + 1)) {
		return;
	}
	ssize_t n = pread(log->fd, tail.p, tail.n - 1, from);
	tail.p[n > 0 ? n : 0] = '\0';
	char *line = tail.p;
	if (from > 0 && (line = strchr(line, '\n')) != NULL) {
		line++; /* the first one is cut */
	}
	for (char *end; line != NULL && (end = strchr(line, '\n')) != NULL; line = end + 1) {
		*end = '\0';
		parse_line(log, line);
	}
}

static int open_file(struct errlog *log)
{
	log->fd = open(log->file, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	return log->fd;
}

int errlog_init(struct errlog *log, const char *site, struct err *err)
{
	pthread_mutex_init(&log->lock, NULL);
	log->fd = -1;
	if (asprintf(&log->file, "%s/errors.log", site) < 0) {
		log->file = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	if (open_file(log) < 0) {
		return err_errno(err, "cannot open %s", log->file);
	}
	read_back(log);
	return 0;
}

void errlog_finish(struct errlog *log)
{
	for (size_t i = 0; i < ERRLOG_LINES; i++) {
		free(log->lines[i].path);
		free(log->lines[i].text);
	}
	if (log->fd >= 0) {
		close(log->fd);
	}
	free(log->file);
	pthread_mutex_destroy(&log->lock);
}

/* One old file is kept, so the log is bounded. */
static void rotate(struct errlog *log)
{
	struct stat st;
	if (log->fd < 0 || fstat(log->fd, &st) < 0 || st.st_size < FILE_MAX_BYTES) {
		return;
	}
	CLEANUP(buf_free) struct buf old = BUF_INIT;
	buf_printf(&old, "%s.1", log->file);
	if (rename(log->file, buf_cstr(&old)) == 0) {
		close(log->fd);
		open_file(log);
	}
}

void errlog_add(struct errlog *log, uid_t uid, const char *op, const char *path, int code,
	const char *sentence)
{
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	char when[TIME_TEXT_MAX];
	time_text(when, false);
	const char *name = strerrorname_np(code);
	buf_printf(&line, "%s %s %s %s: %s", when, op, path, name != NULL ? name : "EIO",
		sentence[0] != '\0' ? sentence : strerror(code));
	/* A scratch file's name may hold anything: it must not forge a line. */
	for (size_t i = 0; i < line.n; i++) {
		if ((unsigned char)line.p[i] < 0x20) {
			line.p[i] = '?';
		}
	}
	log_info("%s", buf_cstr(&line));
	LOCKED(&log->lock);
	remember(log, uid, slice_of(path), buf_slice(&line));
	rotate(log);
	if (log->fd >= 0) {
		/* A full disk must not keep us from answering: the ring has the line. */
		dprintf(log->fd, "%u\t%s\n", (unsigned)uid, buf_cstr(&line));
	}
}

static bool is_under(const char *path, const char *dir)
{
	size_t n = strlen(dir);
	if (n == 1 && dir[0] == '/') {
		return true;
	}
	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

void errlog_print(struct errlog *log, const char *dir, uid_t reader, struct buf *out)
{
	LOCKED(&log->lock);
	size_t from = log->n > ERRLOG_LINES ? log->n - ERRLOG_LINES : 0;
	for (size_t i = from; i < log->n; i++) {
		const struct errlog_line *l = &log->lines[i % ERRLOG_LINES];
		if (l->path != NULL && l->text != NULL && (reader == 0 || reader == l->uid) &&
			is_under(l->path, dir)) {
			buf_puts(out, l->text);
			buf_putc(out, '\n');
		}
	}
}

void errlog_last(struct errlog *log, const char *path, struct buf *out)
{
	LOCKED(&log->lock);
	size_t from = log->n > ERRLOG_LINES ? log->n - ERRLOG_LINES : 0;
	for (size_t i = log->n; i-- > from;) {
		const struct errlog_line *l = &log->lines[i % ERRLOG_LINES];
		if (l->path != NULL && l->text != NULL && strcmp(l->path, path) == 0) {
			buf_puts(out, l->text);
			return;
		}
	}
}
