/* What the files side*.c share. */
#ifndef DBMOUNT_FS_SIDE_IMPL_H
#define DBMOUNT_FS_SIDE_IMPL_H

#include "fs/side.h"

/* All under side.lock, but for the file on disk itself. A name's file is on disk
 * when it is settled, and not there when it is in memory; while it is busy, one
 * thread makes, removes or renames it there without the lock, and everybody else
 * who wants to change it or its name waits (side_wait()). */
struct side_file {
	TAILQ_ENTRY(side_file) fresh; /* while it has a name and is in memory */
	struct side_dir *dir;	      /* NULL when its name is gone */
	char *name;
	unsigned n_open;
	bool settled; /* on disk; else in memory */
	bool busy;
	bool told;     /* that it cannot be kept */
	int fd;	       /* of a settled file that is open; else -1 */
	uint64_t size; /* in memory, or open */
	uid_t uid;
	int64_t due_ns; /* to go to disk (monotonic_ns()) */
	/* In memory: */
	struct buf content;
	mode_t mode;
	struct timespec atime;
	struct timespec mtime;
	/* What stat tells as long as the disk says settled_ctime: going to disk is
	 * no change of the file. */
	struct timespec ctime;
	struct timespec settled_ctime;
};

/* In the table it has all its names. A directory that is not there is what the
 * disk says. */
struct side_dir {
	TAILQ_ENTRY(side_dir) link;
	uint64_t hash;
	char *text;		  /* "/dynamodb/Users" */
	struct side_file **files; /* in byte order of names */
	size_t n;
	size_t cap;
	int64_t mtime_ns; /* when a name last came or went; 0 never */
	bool changed;	  /* since it was read from the disk */
	unsigned pins;	  /* those who need it while they do not hold the lock */
};

/* ---- side.c: paths ---- */

void side_folder(const struct side *s, const char *dir, struct buf *out);
/* `name` may be NULL: the folder of that kind. */
void side_path(const struct side *s, enum side_kind kind, const char *dir, const char *name,
	struct buf *out);
int side_make_parents(const char *path, struct err *err);
/* The names in a folder, in byte order and NUL-separated; none when it is not there. */
void side_list_folder(const char *folder, struct buf *out);
/* When it last changed; 0 when it is not there. */
int64_t side_folder_mtime(const char *folder);

/* ---- side_dirs.c: the table; all with side.lock held ---- */

/* The directory if it is in the table, else NULL. */
struct side_dir *side_dir_peek(struct side *s, const char *dir);
/* Taken into the table when it is not there. It stays as long as it is pinned, has
 * a file that is open, busy or in memory, or the lock is held and no other
 * directory is asked for. */
int side_dir_get(struct side *s, const char *dir, struct side_dir **out, struct err *err);
struct side_file *side_dir_find(const struct side_dir *d, const char *name);
/* Room for one more name: the next side_dir_insert() cannot fail. */
int side_dir_reserve(struct side_dir *d, struct err *err);
/* The file gets a name (taken over) that nothing has. */
void side_dir_insert(struct side_dir *d, struct side_file *f, char *name);
/* It has none any more; the name is freed. */
void side_dir_remove(struct side_file *f);
/* Two files change places. */
void side_dir_swap(struct side_file *a, struct side_file *b);
/* The table's end: times go to disk, all is freed. */
void side_dirs_finish(struct side *s);

/* ---- side_files.c ---- */

/* With the lock held: whether the directory may have one more, ENOSPC if not. */
int side_check_room(const struct side *s, const struct side_dir *d, struct err *err);

/* On disk and not open, or in memory: as `settled` says. NULL without memory. */
struct side_file *side_file_new(bool settled);
void side_file_free(struct side_file *f);
/* With the lock held: the file's name goes, and it too unless it is open. It is
 * not busy, and what stood on disk is removed already. */
void side_file_drop(struct side *s, struct side_file *f);
/* With the lock held: makes .size of a settled file right, which is about to lose
 * its place on disk. */
void side_file_measure(const struct side *s, struct side_file *f);

/* ---- side_flush.c ---- */

/* With the lock held: until some file is no longer busy. */
void side_wait(struct side *s);
/* The file is busy from the first, quiet from the second on. Let go of the lock,
 * and take it again. */
void side_busy_begin(struct side *s, struct side_file *f);
void side_busy_end(struct side *s, struct side_file *f);
/* With the lock held, which it lets go of meanwhile: to disk, if it is not there
 * yet. The file must be open, or have been found under this lock and not busy. */
int side_settle(struct side *s, struct side_file *f, struct err *err);
/* A file that is in memory and has a name now is to go to disk later. */
void side_put_off(struct side *s, struct side_file *f);
int side_flush_start(struct side *s, struct err *err);
void side_flush_stop(struct side *s);

#endif
