/* The file operations of the page log, its bases and replicas, as a table, so
 * that tests can fail the n-th one or lose what was not synced. SQLite's own
 * files go through its VFS instead.
 *
 * Every function returns 0 or more, or -errno. */
#ifndef DBMOUNT_DISK_H
#define DBMOUNT_DISK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "engines/common/buf.h"

struct disk_ops {
	/* open(2) flags; O_CLOEXEC is added, files are made 0600. A descriptor. */
	int (*open)(const char *path, int flags);
	void (*close)(int fd);
	/* Bytes read, fewer than `n` at the end of the file only. */
	ssize_t (*read)(int fd, void *to, size_t n, uint64_t offset);
	/* All of `n` bytes or an error. */
	int (*write)(int fd, const void *from, size_t n, uint64_t offset);
	int (*truncate)(int fd, uint64_t size);
	/* Content and size survive power loss. */
	int (*sync)(int fd);
	/* Replaces `to`. */
	int (*rename)(const char *from, const char *to);
	int (*remove)(const char *path);
	/* The names in the directory survive power loss. */
	int (*sync_dir)(const char *path);
	/* The empty file `to` becomes a copy of `from`. */
	int (*copy)(int from, int to);
};

/* The operating system. copy() shares the blocks (FICLONE) where the file system
 * can, else copies inside the kernel, else by hand. */
extern const struct disk_ops disk_system;

/* "LABEL: PATH TEXT: strerror" for an operation that returned `rc`. Returns rc. */
int disk_error(int rc, const char *path, const char *text, struct err *err);

/* Size in bytes, or -errno. */
int64_t disk_size(int fd);

/* Syncs the directory that `path` is in. */
int disk_sync_parent(const struct disk_ops *disk, const char *path, struct err *err);

/* A durable copy at `to`, made as TO.part and renamed; `to` must not exist. */
int disk_copy_file(const struct disk_ops *disk, const char *from, const char *to, struct err *err);

/* The same without the renaming: `to` is replaced and may be half a copy after a crash. */
int disk_copy_content(
	const struct disk_ops *disk, const char *from, const char *to, struct err *err);

/* fdatasync of a file by name, rename, sync of the directory. */
int disk_publish(const struct disk_ops *disk, const char *temp, const char *path, struct err *err);

/* Missing is fine. */
int disk_remove(const struct disk_ops *disk, const char *path, struct err *err);

/* mkdir(2) that takes what is there, and makes the name durable. */
int disk_make_dir(const struct disk_ops *disk, const char *path, struct err *err);

/* Exactly 16 lower-case hexadecimal digits, as our files are named by. */
bool disk_parse_hex(const char *digits, uint64_t *out);

/* Little-endian numbers of our own files, whatever the machine. */
static inline void put_u32(unsigned char *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++) {
		p[i] = (unsigned char)(v >> (8 * i));
	}
}

static inline void put_u64(unsigned char *p, uint64_t v)
{
	put_u32(p, (uint32_t)v);
	put_u32(p + 4, (uint32_t)(v >> 32));
}

static inline uint32_t get_u32(const unsigned char *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t get_u64(const unsigned char *p)
{
	return (uint64_t)get_u32(p) | (uint64_t)get_u32(p + 4) << 32;
}

/* SQLite's files are big-endian. */
static inline void put_be32(unsigned char *p, uint32_t v)
{
	for (unsigned i = 0; i < 4; i++) {
		p[i] = (unsigned char)(v >> (24 - 8 * i));
	}
}

static inline uint32_t get_be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

#endif
