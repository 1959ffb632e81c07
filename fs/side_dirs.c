/* The directories whose scratch files are being worked with, and the names in them.
 *
 * A directory enters the table, with all the names its folder has on disk, when a
 * scratch file is opened or its name changes there; from then on the table knows what
 * is there without asking the disk, in memory or not. Only the last DIRS_MAX stay, and
 * those with files that are open or in memory: a tree may have a million directories. */
#include "engines/common/clock.h"
#include "fs/side_impl.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"

#define DIRS_MAX 128

static uint64_t hash_text(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (; *text != '\0'; text++) {
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	}
	return h;
}

struct side_dir *side_dir_peek(struct side *s, const char *dir)
{
	uint64_t hash = hash_text(dir);
	struct side_dir *d;
	TAILQ_FOREACH (d, &s->dirs, link) {
		if (d->hash == hash && strcmp(d->text, dir) == 0) {
			TAILQ_REMOVE(&s->dirs, d, link);
			TAILQ_INSERT_HEAD(&s->dirs, d, link);
			return d;
		}
	}
	return NULL;
}

/* Where the name is, or would be. */
static size_t place_of(const struct side_dir *d, const char *name, bool *found)
{
	size_t low = 0;
	size_t high = d->n;
	*found = false;
	while (low < high && !*found) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, d->files[middle]->name);
		*found = order == 0;
		low = order > 0 ? middle + 1 : *found ? middle : low;
		high = order < 0 ? middle : high;
	}
	return low;
}

struct side_file *side_dir_find(const struct side_dir *d, const char *name)
{
	bool found;
	size_t at = place_of(d, name, &found);
	return found ? d->files[at] : NULL;
}

int side_dir_reserve(struct side_dir *d, struct err *err)
{
	if (d->n < d->cap) {
		return 0;
	}
	size_t cap = d->cap == 0 ? 4 : d->cap * 2;
	struct side_file **more = realloc(d->files, cap * sizeof(struct side_file *));
	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	d->files = more;
	d->cap = cap;
	return 0;
}

static void place(struct side_dir *d, struct side_file *f, char *name)
{
	bool found;
	size_t at = place_of(d, name, &found);
	assert(d->files != NULL && d->n < d->cap);
	memmove(d->files + at + 1, d->files + at, (d->n - at) * sizeof(struct side_file *));
	d->files[at] = f;
	d->n++;
	f->dir = d;
	f->name = name;
}

static void has_changed(struct side_dir *d)
{
	d->mtime_ns = clock_wall_ns();
	d->changed = true;
}

void side_dir_insert(struct side_dir *d, struct side_file *f, char *name)
{
	place(d, f, name);
	has_changed(d);
}

void side_dir_remove(struct side_file *f)
{
	struct side_dir *d = f->dir;
	bool found;
	size_t at = place_of(d, f->name, &found);
	memmove(d->files + at, d->files + at + 1, (d->n - at - 1) * sizeof(struct side_file *));
	d->n--;
	f->dir = NULL;
	free(f->name);
	f->name = NULL;
	has_changed(d);
}

void side_dir_swap(struct side_file *a, struct side_file *b)
{
	struct side_dir *d = a->dir;
	char *name = a->name;
	bool found;
	a->dir->files[place_of(a->dir, a->name, &found)] = b;
	b->dir->files[place_of(b->dir, b->name, &found)] = a;
	a->dir = b->dir;
	a->name = b->name;
	b->dir = d;
	b->name = name;
	has_changed(a->dir);
	has_changed(b->dir);
}

/* ---- into the table and out of it ---- */

static int load_name(struct side_dir *d, const char *name, struct err *err)
{
	struct side_file *f = side_file_new(true);
	char *copy = strdup(name);
	if (f == NULL || copy == NULL || side_dir_reserve(d, NULL) < 0) {
		free(f);
		free(copy);
		return err_set(err, ENOMEM, "out of memory");
	}
	place(d, f, copy);
	return 0;
}

static int load(struct side *s, struct side_dir *d, struct err *err)
{
	CLEANUP(buf_free) struct buf folder = BUF_INIT;
	CLEANUP(buf_free) struct buf names = BUF_INIT;
	side_path(s, SIDE_SCRATCH, d->text, NULL, &folder);
	d->mtime_ns = side_folder_mtime(buf_cstr(&folder));
	if (d->mtime_ns == 0) {
		return 0;
	}
	side_list_folder(buf_cstr(&folder), &names);
	int rc = buf_check(&names, err);
	for (size_t i = 0; rc == 0 && i < names.n; i += strlen(names.p + i) + 1) {
		rc = load_name(d, names.p + i, err);
	}
	return rc;
}

static void dir_free(struct side_dir *d)
{
	for (size_t i = 0; i < d->n; i++) {
		side_file_free(d->files[i]);
	}
	free(d->files);
	free(d->text);
	free(d);
}

/* Its folder changed when files went to disk, the list of names before that. */
static void keep_time(const struct side *s, const struct side_dir *d)
{
	CLEANUP(buf_free) struct buf folder = BUF_INIT;
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
		{.tv_sec = d->mtime_ns / 1000000000, .tv_nsec = d->mtime_ns % 1000000000}};
	if (d->changed) {
		side_path(s, SIDE_SCRATCH, d->text, NULL, &folder);
		utimensat(AT_FDCWD, buf_cstr(&folder), times, 0);
	}
}

static void forget(struct side *s, struct side_dir *d)
{
	keep_time(s, d);
	TAILQ_REMOVE(&s->dirs, d, link);
	s->n_dirs--;
	dir_free(d);
}

static bool is_needed(const struct side_dir *d)
{
	bool needed = d->pins > 0;
	for (size_t i = 0; !needed && i < d->n; i++) {
		const struct side_file *f = d->files[i];
		needed = !f->settled || f->busy || f->n_open > 0;
	}
	return needed;
}

static void make_room(struct side *s)
{
	struct side_dir *d = TAILQ_LAST(&s->dirs, side_dirs);
	while (d != NULL && is_needed(d)) {
		d = TAILQ_PREV(d, side_dirs, link);
	}
	if (d != NULL) {
		forget(s, d);
	}
}

int side_dir_get(struct side *s, const char *dir, struct side_dir **out, struct err *err)
{
	*out = side_dir_peek(s, dir);
	if (*out != NULL) {
		return 0;
	}
	if (s->n_dirs >= DIRS_MAX) {
		make_room(s);
	}
	struct side_dir *d = calloc(1, sizeof(*d));
	char *text = strdup(dir);
	if (d == NULL || text == NULL) {
		free(d);
		free(text);
		return err_set(err, ENOMEM, "out of memory");
	}
	d->text = text;
	d->hash = hash_text(text);
	int rc = load(s, d, err);
	if (rc < 0) {
		dir_free(d);
		return rc;
	}
	TAILQ_INSERT_HEAD(&s->dirs, d, link);
	s->n_dirs++;
	*out = d;
	return 0;
}

void side_dirs_finish(struct side *s)
{
	while (!TAILQ_EMPTY(&s->dirs)) {
		forget(s, TAILQ_FIRST(&s->dirs));
	}
}

/* ---- lists ---- */

/* False: the directory is not in the table. */
static bool list_table(struct side *s, const char *dir, struct buf *out, int64_t *mtime_ns)
{
	LOCKED(&s->lock);
	const struct side_dir *d = side_dir_peek(s, dir);
	if (d == NULL) {
		return false;
	}
	for (size_t i = 0; out != NULL && i < d->n; i++) {
		buf_append(out, d->files[i]->name, strlen(d->files[i]->name) + 1);
	}
	*mtime_ns = d->mtime_ns;
	return true;
}

int side_list(struct side *s, enum side_kind kind, const char *dir, struct buf *out,
	int64_t *mtime_ns, struct err *err)
{
	int64_t mtime = 0;
	if (kind != SIDE_SCRATCH || !list_table(s, dir, out, &mtime)) {
		CLEANUP(buf_free) struct buf folder = BUF_INIT;
		side_path(s, kind, dir, NULL, &folder);
		mtime = side_folder_mtime(buf_cstr(&folder));
		if (mtime != 0 && out != NULL) {
			side_list_folder(buf_cstr(&folder), out);
		}
	}
	if (mtime_ns != NULL) {
		*mtime_ns = mtime;
	}
	return out != NULL ? buf_check(out, err) : 0;
}

/* What stands behind `dir` in `text`, from the slash on; NULL when it is not below. */
static const char *rest_below(const char *text, const char *dir)
{
	size_t n = strlen(dir);
	bool below = strncmp(text, dir, n) == 0 && (text[n] == '\0' || text[n] == '/');
	return below ? text + n : NULL;
}

void side_list_dirs(struct side *s, const char *dir, struct buf *out)
{
	CLEANUP(buf_free) struct buf folder = BUF_INIT;
	const struct side_dir *d;
	side_folder(s, dir, &folder);
	buf_puts(&folder, "/d");
	side_list_folder(buf_cstr(&folder), out);
	LOCKED(&s->lock);
	TAILQ_FOREACH (d, &s->dirs, link) {
		const char *rest = rest_below(d->text, dir);
		if (rest != NULL && rest[0] == '/') {
			buf_append(out, rest + 1, strcspn(rest + 1, "/"));
			buf_putc(out, '\0');
		}
	}
}

/* ---- whole directories ---- */

/* A file at or below a directory that is busy or (`memory_too`) in memory. */
static struct side_file *restless_below(struct side *s, const char *dir, bool memory_too)
{
	struct side_dir *d;
	TAILQ_FOREACH (d, &s->dirs, link) {
		for (size_t i = 0; rest_below(d->text, dir) != NULL && i < d->n; i++) {
			struct side_file *f = d->files[i];
			if (f->busy || (memory_too && !f->settled)) {
				return f;
			}
		}
	}
	return NULL;
}

/* When the disk is full, what is in memory stays there and moves along. */
static void calm(struct side *s, const char *from, const char *to)
{
	struct err err = {0};
	bool memory_too = true;
	for (;;) {
		struct side_file *f = restless_below(s, from, memory_too);
		f = f != NULL ? f : restless_below(s, to, memory_too);
		if (f == NULL) {
			return;
		}
		if (f->busy) {
			side_wait(s);
		} else {
			memory_too = side_settle(s, f, &err) == 0;
		}
	}
}

static bool any_below(const struct side *s, const char *dir)
{
	const struct side_dir *d;
	TAILQ_FOREACH (d, &s->dirs, link) {
		if (rest_below(d->text, dir) != NULL) {
			return true;
		}
	}
	return false;
}

static int rename_folder(const char *a, const char *b, struct err *err)
{
	int rc = side_make_parents(b, err);
	/* What an earlier directory of the new name left (its events) gives way. */
	if (rc == 0 && rename(a, b) < 0 &&
		renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) < 0) {
		rc = err_errno(err, "%s", a);
	}
	return rc;
}

/* True when the folder has moved. */
static bool move_folder(struct side *s, const char *from, const char *to)
{
	CLEANUP(buf_free) struct buf a = BUF_INIT;
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	struct err err = {0};
	side_folder(s, from, &a);
	side_folder(s, to, &b);
	if (access(buf_cstr(&a), F_OK) < 0) {
		if (!any_below(s, from)) {
			return false;
		}
		buf_putc(&a, '/');
		side_make_parents(buf_cstr(&a), &err);
		a.n--;
	}
	if (rename_folder(buf_cstr(&a), buf_cstr(&b), &err) < 0) {
		log_warn("scratch files of %s stay behind: %s", from, err.msg);
		return false;
	}
	return true;
}

static void move_text(struct side_dir *d, const char *to, const char *rest)
{
	char *text;
	if (asprintf(&text, "%s%s", to, rest) < 0) {
		log_warn("scratch files of %s: out of memory", d->text);
		return;
	}
	free(d->text);
	d->text = text;
	d->hash = hash_text(text);
}

bool side_move_dir(struct side *s, const char *from, const char *to)
{
	LOCKED(&s->lock);
	calm(s, from, to);
	if (!move_folder(s, from, to)) {
		return false;
	}
	struct side_dir *d;
	TAILQ_FOREACH (d, &s->dirs, link) {
		const char *moved = rest_below(d->text, from);
		const char *gave_way = rest_below(d->text, to);
		if (moved != NULL) {
			move_text(d, to, moved);
		} else if (gave_way != NULL) {
			move_text(d, from, gave_way);
		}
	}
	return true;
}

static void drop_files(struct side *s, struct side_dir *d)
{
	while (d->n > 0) {
		struct side_file *f = d->files[d->n - 1];
		if (f->settled) {
			CLEANUP(buf_free) struct buf path = BUF_INIT;
			side_file_measure(s, f);
			side_path(s, SIDE_SCRATCH, d->text, f->name, &path);
			unlink(buf_cstr(&path));
		}
		side_file_drop(s, f);
	}
}

static void drop_table(struct side *s, const char *dir)
{
	struct side_dir *d = TAILQ_FIRST(&s->dirs);
	while (d != NULL) {
		struct side_dir *next = TAILQ_NEXT(d, link);
		if (rest_below(d->text, dir) != NULL) {
			drop_files(s, d);
			if (!is_needed(d)) {
				forget(s, d);
			}
		}
		d = next;
	}
}

/* nftw has no argument for its callback. */
static __thread uint64_t dropped_bytes;

static int drop_on_disk(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)ftw;
	const char *slash = strrchr(path, '/');
	bool in_scratch = slash - path >= 2 && strncmp(slash - 2, "/f", 2) == 0;
	if ((type == FTW_F || type == FTW_SL) && in_scratch && unlink(path) == 0 && type == FTW_F) {
		dropped_bytes += (uint64_t)st->st_size;
	}
	return 0;
}

void side_drop_dir(struct side *s, const char *dir)
{
	CLEANUP(buf_free) struct buf folder = BUF_INIT;
	side_folder(s, dir, &folder);
	LOCKED(&s->lock);
	while (restless_below(s, dir, false) != NULL) {
		side_wait(s);
	}
	drop_table(s, dir);
	dropped_bytes = 0;
	nftw(buf_cstr(&folder), drop_on_disk, 16, FTW_PHYS | FTW_DEPTH);
	s->bytes -= dropped_bytes;
}
