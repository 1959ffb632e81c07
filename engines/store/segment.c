/* Segments: finding the end, appending, dropping.
 *
 * An append writes its record with one write, then syncs; a new segment's
 * directory too. Only then is the record counted (`last`), so what readers see
 * is durable. A crash can leave the last record torn. It is told from damage by
 * what follows: an append starts after the one before it was durable, so
 * nothing whole can follow a torn record. A whole record behind a broken one
 * means that the broken one was whole once: EIO, and nothing is cut.
 *
 * A lazy log's appends are not synced, so that anything may follow a torn record: it ends
 * there, and says so. */
#include "engines/store/segment.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "engines/store/segment_impl.h"

const char *segment_name(const struct segments *s, uint64_t first, struct buf *out)
{
	buf_clear(out);
	buf_printf(out, "%s/%016" PRIx64 ".seg", s->dir, first);
	return buf_cstr(out);
}

/* ---- the list ---- */

static int list_reserve(struct segments *s, struct err *err)
{
	if (s->n == s->cap) {
		size_t cap = s->cap == 0 ? 16 : s->cap * 2;
		struct segment *list = realloc(s->list, cap * sizeof(*list));
		if (list == NULL) {
			return err_set(err, ENOMEM, "%s: out of memory", s->dir);
		}
		s->list = list;
		s->cap = cap;
	}
	return 0;
}

static int list_push(struct segments *s, struct segment add, struct err *err)
{
	int rc = list_reserve(s, err);
	if (rc == 0) {
		s->list[s->n++] = add;
	}
	return rc;
}

static int by_first(const void *a, const void *b)
{
	const struct segment *x = a;
	const struct segment *y = b;
	return (x->first > y->first) - (x->first < y->first);
}

static bool parse_name(const char *name, uint64_t *first)
{
	return strlen(name) == 20 && strcmp(name + 16, ".seg") == 0 && disk_parse_hex(name, first);
}

static int list_directory(struct segments *s, struct err *err)
{
	DIR *d = opendir(s->dir);
	if (d == NULL) {
		return err_errno(err, "%s cannot be read", s->dir);
	}
	int rc = 0;
	for (struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;) {
		struct segment found = {0};
		if (parse_name(e->d_name, &found.first)) {
			rc = list_push(s, found, err);
		}
	}
	closedir(d);
	if (s->n > 1) {
		qsort(s->list, s->n, sizeof(*s->list), by_first);
	}
	return rc;
}

/* ---- finding the end ---- */

/* A segment that is being looked through. */
struct scan {
	struct segments *s;
	const char *name;
	int fd;
	uint64_t size;
	uint64_t offset;
	uint64_t next; /* sequence that must come */
	struct record last;
	struct buf bytes;
};

/* 1: a whole record at `offset`. */
static int read_whole(struct scan *c, uint64_t offset, struct record *r, struct err *err)
{
	if (offset + RECORD_HEADER > c->size) {
		return 0;
	}
	int rc = segment_read(c->s, c->fd, offset, RECORD_HEADER, &c->bytes, err);
	if (rc < 0) {
		return disk_error(rc, c->name, "cannot be read", err);
	}
	if (!record_decode_header((unsigned char *)c->bytes.p, r) ||
		offset + record_size(r) > c->size) {
		return 0;
	}
	rc = segment_read(c->s, c->fd, offset, record_size(r), &c->bytes, err);
	if (rc < 0) {
		return disk_error(rc, c->name, "cannot be read", err);
	}
	return record_decode((unsigned char *)c->bytes.p, c->bytes.n, r) ? 1 : 0;
}

static int scan_records(struct scan *c, struct err *err)
{
	struct record r = {0};
	int rc;
	while ((rc = read_whole(c, c->offset, &r, err)) == 1 && r.sequence == c->next) {
		c->offset += record_size(&r);
		c->next++;
		c->last = r;
	}
	return rc < 0 ? rc : 0;
}

#define WINDOW 65536

/* 1: a whole, later record lies behind the broken one. */
static int look_behind(struct scan *c, struct err *err)
{
	CLEANUP(buf_free) struct buf window = BUF_INIT;
	for (uint64_t at = c->offset + 8; at + RECORD_HEADER <= c->size; at += WINDOW) {
		int rc = segment_read(c->s, c->fd, at, WINDOW, &window, err);
		for (size_t i = 0; rc == 0 && i + 8 <= window.n; i += 8) {
			struct record r = {0};
			if (memcmp(window.p + i, "DBMPAGE1", 8) != 0) {
				continue;
			}
			rc = read_whole(c, at + i, &r, err);
			if (rc == 1 && r.sequence >= c->next) {
				return 1;
			}
			rc = rc < 0 ? rc : 0;
		}
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int damaged(const struct scan *c, struct err *err)
{
	return err_set(err, EIO,
		"%s is damaged at byte %" PRIu64 ", where commit %" PRIu64
		" should begin; nothing was changed",
		c->name, c->offset, c->next);
}

static int cut_tail(struct scan *c, bool newest, struct err *err)
{
	int rc = newest ? look_behind(c, err) : 1;
	if (rc == 1 && c->s->lazy) {
		log_warn("%s: broken at byte %" PRIu64 "; what stands behind is given up", c->name,
			c->offset);
		c->s->torn = true;
		rc = 0;
	}
	if (rc != 0) {
		return rc < 0 ? rc : damaged(c, err);
	}
	rc = c->s->disk->truncate(c->fd, c->offset);
	if (rc == 0) {
		rc = c->s->disk->sync(c->fd);
	}
	return rc != 0 ? disk_error(rc, c->name, "could not be cut to its whole records", err) : 0;
}

/* Takes over the descriptor, or removes a segment that has no whole record. */
static int end_scan(struct segments *s, struct scan *c, bool *found, struct err *err)
{
	*found = c->offset > 0;
	/* A record counts as durable from now on; the daemon may have been killed
	 * before its sync. */
	int rc = *found ? s->disk->sync(c->fd) : 0;
	rc = rc == 0 && *found ? s->disk->sync_dir(s->dir) : rc;
	if (rc != 0) {
		s->disk->close(c->fd);
		return disk_error(rc, c->name, "could not be made durable", err);
	}
	if (*found) {
		s->fd = c->fd;
		s->last = c->last;
		s->list[s->n - 1].bytes = c->offset;
		return 0;
	}
	s->disk->close(c->fd);
	rc = disk_remove(s->disk, c->name, err);
	if (rc == 0 && (rc = s->disk->sync_dir(s->dir)) != 0) {
		disk_error(rc, s->dir, "could not be made durable", err);
	}
	s->n -= rc == 0;
	return rc;
}

/* The last of the list; *found: it holds a record. */
static int scan_newest(struct segments *s, bool newest, bool *found, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct scan c = {.s = s, .next = s->list[s->n - 1].first};
	c.name = segment_name(s, c.next, &name);
	c.fd = s->disk->open(c.name, O_RDWR);
	if (c.fd < 0) {
		return disk_error(c.fd, c.name, "cannot be opened", err);
	}
	c.size = (uint64_t)disk_size(c.fd);
	int rc = scan_records(&c, err);
	if (rc == 0 && c.offset < c.size) {
		rc = cut_tail(&c, newest, err);
	}
	buf_free(&c.bytes);
	if (rc != 0) {
		s->disk->close(c.fd);
		return rc;
	}
	return end_scan(s, &c, found, err);
}

/* The newest segment may be one a crash left before its first record. */
static int find_end(struct segments *s, struct err *err)
{
	bool found = false;
	int rc = 0;
	for (bool newest = true; rc == 0 && !found && s->n > 0; newest = false) {
		rc = scan_newest(s, newest, &found, err);
	}
	return rc;
}

static int measure(struct segments *s, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	for (size_t i = 0; i + 1 < s->n; i++) {
		const char *path = segment_name(s, s->list[i].first, &name);
		int fd = s->disk->open(path, O_RDONLY);
		if (fd < 0) {
			return disk_error(fd, path, "cannot be opened", err);
		}
		s->list[i].bytes = (uint64_t)disk_size(fd);
		s->disk->close(fd);
	}
	return 0;
}

static int open_dir(struct segments *s, const struct disk_ops *disk, const char *dir, bool lazy,
	struct err *err)
{
	*s = (struct segments){
		.disk = disk, .fd = -1, .next_fd = -1, .dir = strdup(dir), .lazy = lazy};
	if (s->dir == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", dir);
	}
	pthread_mutex_init(&s->lock, NULL);
	int rc = disk_make_dir(disk, dir, err);
	if (rc == 0) {
		rc = list_directory(s, err);
	}
	if (rc == 0) {
		rc = find_end(s, err);
	}
	return rc != 0 ? rc : measure(s, err);
}

int segments_open(struct segments *s, const struct disk_ops *disk, const char *dir, struct err *err)
{
	return open_dir(s, disk, dir, false, err);
}

int segments_open_lazy(
	struct segments *s, const struct disk_ops *disk, const char *dir, struct err *err)
{
	return open_dir(s, disk, dir, true, err);
}

void segments_close(struct segments *s)
{
	if (s->dir == NULL) {
		return;
	}
	if (s->fd >= 0) {
		s->disk->close(s->fd);
	}
	pthread_mutex_destroy(&s->lock);
	free(s->list);
	free(s->dir);
	*s = (struct segments){.fd = -1, .next_fd = -1};
}

/* ---- appending ---- */

/* Zeros when there is none. Only the appender changes it, but others drop the
 * oldest meanwhile, which moves it in the list. */
static struct segment newest_segment(struct segments *s)
{
	LOCKED(&s->lock);
	return s->n > 0 ? s->list[s->n - 1] : (struct segment){0};
}

static int mend_tail(struct segments *s, struct err *err)
{
	if (!s->ragged) {
		return 0;
	}
	int rc = s->disk->truncate(s->fd, newest_segment(s).bytes);
	if (rc == 0) {
		rc = s->disk->sync(s->fd);
	}
	s->ragged = rc != 0;
	return rc != 0 ? disk_error(rc, s->dir, "still cannot be written", err) : 0;
}

/* One that is not the newest any more is durable, also of a lazy log. */
static int begin_segment(
	struct segments *s, const struct record *r, struct slice bytes, struct err *err)
{
	CLEANUP(buf_free) struct buf buf = BUF_INIT;
	const char *name = segment_name(s, r->sequence, &buf);
	int ended = segments_sync(s, err);
	if (ended != 0) {
		return ended;
	}
	int fd = s->disk->open(name, O_RDWR | O_CREAT | O_TRUNC);
	int rc = fd < 0 ? fd : s->disk->write(fd, bytes.p, bytes.n, 0);
	if (rc == 0) {
		rc = s->disk->sync(fd);
	}
	if (rc == 0) {
		rc = s->disk->sync_dir(s->dir);
	}
	if (rc != 0) {
		disk_error(rc, name, "could not be written", err);
	} else {
		LOCKED(&s->lock);
		rc = list_reserve(s, err);
	}
	if (rc != 0 && fd >= 0) {
		s->disk->close(fd);
		s->disk->remove(name); /* Staying, it is written over by the next try. */
	}
	s->next_fd = rc == 0 ? fd : -1;
	return rc;
}

static int extend_segment(struct segments *s, struct slice bytes, struct err *err)
{
	uint64_t end = newest_segment(s).bytes;
	s->ragged = true;
	int rc = s->disk->write(s->fd, bytes.p, bytes.n, end);
	if (rc == 0 && s->lazy) {
		s->dirty = true;
	} else if (rc == 0) {
		rc = s->disk->sync(s->fd);
	}
	if (rc != 0) {
		disk_error(rc, s->dir, "could not be written", err);
		mend_tail(s, NULL);
		return rc;
	}
	s->ragged = false;
	return 0;
}

int segments_write(struct segments *s, const struct record *r, struct slice bytes, struct err *err)
{
	struct segment newest = newest_segment(s);
	assert(newest.first == 0 || r->sequence == s->last.sequence + 1);
	int rc = mend_tail(s, err);
	if (rc != 0) {
		return rc;
	}
	return newest.first == 0 || newest.bytes >= SEGMENT_BYTES ? begin_segment(s, r, bytes, err)
								  : extend_segment(s, bytes, err);
}

void segments_publish(struct segments *s, const struct record *r, size_t n)
{
	if (s->next_fd >= 0) {
		if (s->fd >= 0) {
			s->disk->close(s->fd);
		}
		s->fd = s->next_fd;
	}
	LOCKED(&s->lock);
	if (s->next_fd >= 0) {
		s->list[s->n++] = (struct segment){.first = r->sequence}; /* room was made */
	}
	s->next_fd = -1;
	s->list[s->n - 1].bytes += n;
	s->last = *r;
}

int segments_sync(struct segments *s, struct err *err)
{
	int rc = s->dirty ? s->disk->sync(s->fd) : 0;
	s->dirty = s->dirty && rc != 0;
	return rc != 0 ? disk_error(rc, s->dir, "could not be made durable", err) : 0;
}

int segments_append(struct segments *s, const struct record *r, struct slice bytes, struct err *err)
{
	int rc = segments_write(s, r, bytes, err);
	if (rc == 0) {
		segments_publish(s, r, bytes.n);
	}
	return rc;
}

/* ---- the whole ---- */

uint64_t segments_first(struct segments *s)
{
	LOCKED(&s->lock);
	return s->n > 0 ? s->list[0].first : 0;
}

struct record segments_last(struct segments *s)
{
	LOCKED(&s->lock);
	return s->last;
}

/* The oldest segment when all in it is below `sequence`. */
static bool droppable(struct segments *s, uint64_t sequence, uint64_t *first)
{
	LOCKED(&s->lock);
	*first = s->n > 0 ? s->list[0].first : 0;
	return s->n > 1 && s->list[1].first <= sequence;
}

static void list_shift(struct segments *s)
{
	LOCKED(&s->lock);
	s->n--;
	memmove(s->list, s->list + 1, s->n * sizeof(*s->list));
}

int segments_drop_below(struct segments *s, uint64_t sequence, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	uint64_t first;
	while (droppable(s, sequence, &first)) {
		int rc = disk_remove(s->disk, segment_name(s, first, &name), err);
		if (rc != 0) {
			return rc;
		}
		list_shift(s);
		/* One by one, so that no crash leaves a hole between two. */
		rc = s->disk->sync_dir(s->dir);
		if (rc != 0) {
			return disk_error(rc, s->dir, "could not be made durable", err);
		}
	}
	return 0;
}
