/* Bases, and the database as it was.
 *
 * The sequence of a base. A copy of the live store is of some commit between
 * the moment before and the moment after it was made, and nothing in it says
 * which. But the pages of every commit in that stretch are in the log, whole.
 * So the copy is made, and then the records of the stretch are put into it: what
 * was newer is written over with older pages on the way, and with the last
 * record every page changed in the stretch is as of that record. The result is
 * exact, and only then gets its name.
 *
 * The ends of the stretch need care. Before: a copy begins with a reader that
 * has each commit whose tap has returned; the newest record's may be still under
 * way, so the stretch begins one record earlier. After: a commit can be seen by
 * readers before its tap is called. A write that changes nothing waits for its
 * turn behind any such commit; when it returns, all that the copy can hold is in
 * the log, or the log says that it lacks something. */
#include "engines/common/clock.h"
#include "engines/store/base.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/store/apply.h"

#define FIRST_TEMP "new.part"

static const struct disk_ops *disk_of(const struct base_set *set)
{
	return set->disk != NULL ? set->disk : &disk_system;
}

/* ---- the directory ---- */

static bool parse_name(const char *name, struct base *out)
{
	uint64_t time = 0;
	bool ok = strlen(name) == 38 && name[16] == '-' && strcmp(name + 33, ".base") == 0 &&
		  disk_parse_hex(name, &out->sequence) && disk_parse_hex(name + 17, &time);
	out->time_ns = (int64_t)time;
	return ok;
}

void base_path(const struct base_set *set, const struct base *b, struct buf *out)
{
	buf_printf(out, "%s/%016" PRIx64 "-%016" PRIx64 ".base", set->dir, b->sequence,
		(uint64_t)b->time_ns);
	buf_cstr(out);
}

static int by_sequence(const void *a, const void *b)
{
	const struct base *x = a;
	const struct base *y = b;
	if (x->sequence != y->sequence) {
		return x->sequence > y->sequence ? 1 : -1;
	}
	return (x->time_ns > y->time_ns) - (x->time_ns < y->time_ns);
}

int base_list(const struct base_set *set, struct base **out, size_t *n, struct err *err)
{
	CLEANUP(buf_free) struct buf list = BUF_INIT;
	DIR *d = opendir(set->dir);
	*out = NULL;
	*n = 0;
	if (d == NULL) {
		return errno == ENOENT ? 0 : err_errno(err, "%s cannot be read", set->dir);
	}
	for (struct dirent *e; (e = readdir(d)) != NULL;) {
		struct base b = {0};
		if (parse_name(e->d_name, &b)) {
			buf_append(&list, &b, sizeof(b));
		}
	}
	closedir(d);
	int rc = buf_check(&list, err);
	if (rc != 0 || list.n == 0) {
		return rc;
	}
	*n = list.n / sizeof(struct base);
	*out = (struct base *)(void *)list.p;
	list.p = NULL;
	qsort(*out, *n, sizeof(**out), by_sequence);
	return 0;
}

int base_find(const struct base_set *set, uint64_t sequence, struct base *out, struct err *err)
{
	CLEANUP(cleanup_free) struct base *list = NULL;
	size_t n;
	int rc = base_list(set, &list, &n, err);
	while (n > 0 && list[n - 1].sequence > sequence) {
		n--;
	}
	if (rc == 0 && n == 0) {
		return err_set(err, ENODATA, "%s has no base copy at or before commit %" PRIu64,
			set->dir, sequence);
	}
	if (rc == 0) {
		*out = list[n - 1];
	}
	return rc;
}

/* What a crash left of one that was being made. */
static int remove_parts(const struct base_set *set, struct err *err)
{
	DIR *d = opendir(set->dir);
	if (d == NULL) {
		return err_errno(err, "%s cannot be read", set->dir);
	}
	int rc = 0;
	for (struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;) {
		CLEANUP(buf_free) struct buf path = BUF_INIT;
		if (strstr(e->d_name, ".part") != NULL && strstr(e->d_name, ".kept") == NULL) {
			buf_printf(&path, "%s/%s", set->dir, e->d_name);
			rc = disk_remove(disk_of(set), buf_cstr(&path), err);
		}
	}
	closedir(d);
	return rc;
}

/* ---- records into a file ---- */

struct replay {
	const struct base_set *set;
	const char *path;
	uint64_t from; /* the file has these */
	uint64_t to;
	bool over_gaps; /* the file is newer than any gap in there */
};

static int replay_one(const struct replay *p, int fd, const struct record *r, struct err *err)
{
	if ((r->flags & RECORD_GAP) != 0 && !p->over_gaps) {
		return err_set(err, ENODATA,
			"the log has a gap at commit %" PRIu64
			": commits after it cannot be built from the base copy before it",
			r->sequence);
	}
	return apply_record(disk_of(p->set), fd, p->path, r, err);
}

static int replay_records(const struct replay *p, int fd, struct err *err)
{
	struct segment_reader reader;
	struct record r = {0};
	int rc = 0;
	segment_reader_init(&reader, pagelog_segments(p->set->log), p->from + 1);
	while (rc == 0 && reader.next <= p->to) {
		rc = segment_reader_next(&reader, &r, err);
		if (rc == 0) {
			rc = err_set(
				err, ENODATA, "the log has no commit %" PRIu64 " yet", reader.next);
		} else if (rc == 1) {
			rc = replay_one(p, fd, &r, err);
		}
	}
	segment_reader_finish(&reader);
	return rc;
}

/* The file is not durable yet: disk_publish() sees to it. */
static int replay(const struct replay *p, struct err *err)
{
	const struct disk_ops *disk = disk_of(p->set);
	int fd = disk->open(p->path, O_RDWR);
	if (fd < 0) {
		return disk_error(fd, p->path, "cannot be opened", err);
	}
	int rc = replay_records(p, fd, err);
	disk->close(fd);
	return rc;
}

/* ---- making bases ---- */

static int time_of(const struct base_set *set, uint64_t sequence, int64_t *out, struct err *err)
{
	struct segment_reader reader;
	struct record r = {0};
	*out = clock_wall_ns();
	if (sequence == 0) {
		return 0;
	}
	segment_reader_init(&reader, pagelog_segments(set->log), sequence);
	int rc = segment_reader_peek(&reader, &r, err);
	segment_reader_finish(&reader);
	*out = rc == 1 ? r.time_ns : *out;
	return rc < 0 ? rc : 0;
}

static int name_base(const struct base_set *set, const char *temp, struct base *b, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	int rc = time_of(set, b->sequence, &b->time_ns, err);
	if (rc != 0) {
		return rc;
	}
	base_path(set, b, &path);
	rc = buf_check(&path, err);
	return rc != 0 ? rc : disk_publish(disk_of(set), temp, path.p, err);
}

static int nothing(struct store_txn *t, void *arg, struct err *err)
{
	(void)t;
	(void)arg;
	(void)err;
	return 0;
}

static int copy_live(const struct base_set *set, struct store *live, const char *temp,
	struct replay *stretch, struct err *err)
{
	uint64_t last = pagelog_last(set->log);
	stretch->from = last > 0 ? last - 1 : 0;
	int rc = store_copy(live, temp, NULL, NULL, err);
	if (rc == 0) {
		rc = store_write(live, NULL, 0, nothing, NULL, err);
	}
	if (rc == 0 && !pagelog_in_step(set->log)) {
		rc = err_set(
			err, EBUSY, "%s: no base copy while the log cannot be written", set->dir);
	}
	stretch->to = pagelog_last(set->log);
	return rc;
}

/* An empty directory ready for a new base; its temporary name in `temp`. */
static int prepare(const struct base_set *set, struct buf *temp, struct err *err)
{
	buf_printf(temp, "%s/" FIRST_TEMP, set->dir);
	buf_cstr(temp);
	int rc = buf_check(temp, err);
	if (rc == 0) {
		rc = disk_make_dir(disk_of(set), set->dir, err);
	}
	return rc != 0 ? rc : remove_parts(set, err);
}

int base_take(const struct base_set *set, struct store *live, struct base *out, struct err *err)
{
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	int rc = prepare(set, &temp, err);
	if (rc != 0) {
		return rc;
	}
	struct replay stretch = {.set = set, .path = temp.p, .over_gaps = true};
	rc = copy_live(set, live, temp.p, &stretch, err);
	if (rc == 0) {
		rc = replay(&stretch, err);
	}
	if (rc == 0) {
		*out = (struct base){.sequence = stretch.to};
		rc = name_base(set, temp.p, out, err);
	}
	if (rc != 0) {
		disk_of(set)->remove(temp.p);
	}
	return rc;
}

int base_roll(const struct base_set *set, struct base *out, struct err *err)
{
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	uint64_t last = pagelog_last(set->log);
	int rc = base_find(set, last, out, err);
	if (rc == 0 && out->sequence < last) {
		rc = prepare(set, &temp, err);
	}
	if (rc != 0 || out->sequence >= last) {
		return rc;
	}
	rc = base_build(set, last, temp.p, err);
	if (rc == 0) {
		*out = (struct base){.sequence = last};
		rc = name_base(set, temp.p, out, err);
	}
	return rc;
}

/* ---- the database as it was ---- */

int base_build(const struct base_set *set, uint64_t sequence, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf from = BUF_INIT;
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	struct base b = {0};
	if (access(path, F_OK) == 0) {
		return err_set(err, EEXIST, "%s exists already", path);
	}
	int rc = base_find(set, sequence, &b, err);
	if (rc != 0) {
		return rc;
	}
	base_path(set, &b, &from);
	buf_printf(&temp, "%s.part", path);
	buf_cstr(&temp);
	rc = buf_check(&from, err) != 0 ? -ENOMEM : buf_check(&temp, err);
	if (rc == 0) {
		rc = disk_copy_content(disk_of(set), from.p, temp.p, err);
	}
	if (rc == 0) {
		struct replay p = {.set = set, .path = temp.p, .from = b.sequence, .to = sequence};
		rc = replay(&p, err);
		rc = rc != 0 ? rc : disk_publish(disk_of(set), temp.p, path, err);
	}
	if (rc != 0 && temp.p != NULL) {
		disk_of(set)->remove(temp.p);
	}
	return rc;
}

int base_build_time(const struct base_set *set, int64_t time_ns, const char *path,
	uint64_t *sequence, struct err *err)
{
	CLEANUP(cleanup_free) struct base *list = NULL;
	size_t n;
	uint64_t found;
	int rc = pagelog_find_time(set->log, time_ns, &found, err);
	if (rc == 0) {
		rc = base_list(set, &list, &n, err);
	}
	if (rc != 0) {
		return rc;
	}
	/* The log may begin after a base that is old enough. */
	for (size_t i = 0; i < n; i++) {
		if (list[i].time_ns <= time_ns && list[i].sequence > found) {
			found = list[i].sequence;
		}
	}
	if (n == 0 || list[0].time_ns > time_ns) {
		return err_set(
			err, ENODATA, "%s: the oldest base copy is newer than that time", set->dir);
	}
	if (sequence != NULL) {
		*sequence = found;
	}
	return base_build(set, found, path, err);
}

/* ---- pruning ---- */

static int remove_base(const struct base_set *set, const struct base *b, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	base_path(set, b, &path);
	int rc = buf_check(&path, err);
	return rc != 0 ? rc : disk_remove(disk_of(set), path.p, err);
}

int base_prune(const struct base_set *set, int64_t oldest_ns, uint64_t hold, struct err *err)
{
	CLEANUP(cleanup_free) struct base *list = NULL;
	size_t n;
	size_t keep = 0;
	int rc = base_list(set, &list, &n, err);
	if (rc != 0 || n == 0) {
		return rc;
	}
	while (keep + 1 < n && list[keep + 1].time_ns <= oldest_ns) {
		keep++;
	}
	for (size_t i = 0; rc == 0 && i < keep; i++) {
		rc = remove_base(set, &list[i], err);
	}
	if (rc == 0 && keep > 0 && (rc = disk_of(set)->sync_dir(set->dir)) != 0) {
		disk_error(rc, set->dir, "could not be made durable", err);
	}
	uint64_t have = list[keep].sequence < hold ? list[keep].sequence : hold;
	return rc != 0 ? rc : pagelog_drop_below(set->log, have + 1, err);
}
