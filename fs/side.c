/* Paths under SITE/side, refused texts, event logs; the start and the end. */
#include "fs/side_impl.h"

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

void side_folder(const struct side *s, const char *dir, struct buf *out)
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

void side_path(const struct side *s, enum side_kind kind, const char *dir, const char *name,
	struct buf *out)
{
	side_folder(s, dir, out);
	buf_putc(out, '/');
	buf_puts(out, kind_folder[kind]);
	if (name != NULL) {
		buf_putc(out, '/');
		buf_puts(out, name);
	}
}

int64_t side_folder_mtime(const char *folder)
{
	struct stat st;
	return stat(folder, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec
				      : 0;
}

int side_make_parents(const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf copy = BUF_INIT;
	buf_puts(&copy, path);
	if (buf_cstr(&copy)[0] == '\0') {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (char *p = copy.p + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		if (mkdir(copy.p, 0700) < 0 && errno != EEXIST) {
			return err_errno(err, "cannot make %s", copy.p);
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

static void init_lock(struct side *s)
{
	pthread_condattr_t by_monotonic;
	pthread_condattr_init(&by_monotonic);
	pthread_condattr_setclock(&by_monotonic, CLOCK_MONOTONIC);
	pthread_mutex_init(&s->lock, NULL);
	pthread_mutex_init(&s->events_lock, NULL);
	pthread_cond_init(&s->quiet, NULL);
	pthread_cond_init(&s->wake, &by_monotonic);
	pthread_condattr_destroy(&by_monotonic);
	TAILQ_INIT(&s->dirs);
	TAILQ_INIT(&s->fresh);
}

int side_init(struct side *s, const char *site, struct err *err)
{
	if (asprintf(&s->root, "%s/side", site) < 0) {
		s->root = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	init_lock(s);
	if (mkdir(s->root, 0700) < 0 && errno != EEXIST) {
		return err_errno(err, "cannot make %s", s->root);
	}
	counted_bytes = 0;
	nftw(s->root, count_file, 16, FTW_PHYS);
	s->bytes = counted_bytes;
	return side_flush_start(s, err);
}

void side_finish(struct side *s)
{
	if (s->root == NULL) {
		return;
	}
	side_flush_stop(s);
	side_dirs_finish(s);
	pthread_cond_destroy(&s->wake);
	pthread_cond_destroy(&s->quiet);
	pthread_mutex_destroy(&s->events_lock);
	pthread_mutex_destroy(&s->lock);
	free(s->root);
	s->root = NULL;
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

void side_list_folder(const char *folder, struct buf *out)
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

/* ---- refused texts ---- */

/* A descriptor, or -errno. */
static int open_rejected(
	const struct side *s, const char *dir, const char *name, int flags, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	side_path(s, SIDE_REJECTED, dir, name, &path);
	if (flags & O_CREAT) {
		int rc = side_make_parents(buf_cstr(&path), err);
		if (rc < 0) {
			return rc;
		}
	}
	int fd = open(buf_cstr(&path), flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd >= 0 ? fd : err_errno(err, "refused text %s", name);
}

int side_open_rejected(struct side *s, const char *dir, const char *name, struct err *err)
{
	return open_rejected(s, dir, name, O_RDONLY, err);
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
	int fd = open_rejected(s, dir, buf_cstr(&file), O_WRONLY | O_CREAT | O_EXCL, err);
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

/* ---- event logs ---- */

void side_events_path(struct side *s, const char *dir, struct buf *out)
{
	side_folder(s, dir, out);
	buf_puts(out, "/events");
}

void side_touch(const char *path)
{
	if (side_make_parents(path, NULL) == 0) {
		CLEANUP(cleanup_close)
		int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		(void)fd;
	}
}

static bool copy_bytes(int from, int to)
{
	char chunk[65536];
	ssize_t n;
	while ((n = read(from, chunk, sizeof(chunk))) > 0) {
		if (write(to, chunk, (size_t)n) != n) {
			return false;
		}
	}
	return n == 0;
}

/* Puts the reader behind the next newline. */
static bool skip_line(int fd)
{
	char c;
	ssize_t n;
	while ((n = read(fd, &c, 1)) == 1 && c != '\n') {
	}
	return n >= 0;
}

/* The newer half, from the beginning of a line, takes the log's place: whoever has
 * the old one open sees that it has no name any more (handle_text.c). */
static void cut_events(const char *path, off_t size)
{
	CLEANUP(buf_free) struct buf fresh = BUF_INIT;
	buf_printf(&fresh, "%s.new", path);
	const char *name = buf_cstr(&fresh);
	CLEANUP(cleanup_close) int from = open(path, O_RDONLY | O_CLOEXEC);
	CLEANUP(cleanup_close)
	int to = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	bool copied = from >= 0 && to >= 0 && lseek(from, size / 2, SEEK_SET) >= 0 &&
		      skip_line(from) && copy_bytes(from, to);
	if (!copied || rename(name, path) < 0) {
		log_warn("%s could not be shortened: %s", path, strerror(errno));
		unlink(name);
	}
}

void side_event(struct side *s, const char *dir, const char *text)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	char when[TIME_TEXT_MAX];
	struct err err = {0};
	struct stat st;
	LOCKED(&s->events_lock);
	side_events_path(s, dir, &path);
	time_text(when, true);
	buf_printf(&line, "%s %s\n", when, text);
	if (side_make_parents(buf_cstr(&path), &err) < 0) {
		log_warn("event not kept: %s", err.msg);
		return;
	}
	CLEANUP(cleanup_close)
	int fd = open(buf_cstr(&path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line.p, line.n) < 0) {
		log_warn("event not kept in %s: %s", buf_cstr(&path), strerror(errno));
	} else if (fstat(fd, &st) == 0 && st.st_size >= SIDE_EVENTS_MAX) {
		cut_events(buf_cstr(&path), st.st_size);
	}
}
