#include "engines/redshift/driver/duckdb_blocks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engines/common/cleanup.h"
#include "engines/store/disk.h"

#define HEADER_SIZE UINT64_C(4096)
#define HEADERS	    (3 * HEADER_SIZE)
/* Somebody writes it, perhaps: so often it is read, in so many milliseconds. */
#define TRIES	 5
#define PAUSE_NS 2000000

/* The library's own sum, of whole words. */
static uint64_t sum_of(const unsigned char *p, size_t n)
{
	uint64_t sum = 5381;
	for (size_t i = 0; i + sizeof(uint64_t) <= n; i += sizeof(uint64_t)) {
		uint64_t word;
		memcpy(&word, p + i, sizeof(word));
		sum ^= word * UINT64_C(0xbf58476d1ce4e5b9);
	}
	return sum;
}

static bool sound(const unsigned char *p, size_t n)
{
	uint64_t stored;
	memcpy(&stored, p, sizeof(stored));
	return sum_of(p + sizeof(stored), n - sizeof(stored)) == stored;
}

static bool blank(const unsigned char *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

struct scan {
	const char *path;
	int fd;
	unsigned char *room;
};

/* 1 it is what was written, 0 it is not. */
static int look_at(const struct scan *s, uint64_t at, size_t n, struct err *err)
{
	for (unsigned i = 0; i < TRIES; i++) {
		ssize_t got = disk_system.read(s->fd, s->room, n, at);
		if (got < 0) {
			return disk_error((int)got, s->path, "read", err);
		}
		if ((size_t)got == n && sound(s->room, n)) {
			return 1;
		}
		/* Never written: that does not change while one waits. */
		if ((size_t)got == n && blank(s->room, n)) {
			return 0;
		}
		nanosleep(&(struct timespec){.tv_nsec = PAUSE_NS}, NULL);
	}
	return 0;
}

static int scan_headers(const struct scan *s, struct err *err)
{
	for (uint64_t at = 0; at < HEADERS; at += HEADER_SIZE) {
		int rc = look_at(s, at, HEADER_SIZE, err);
		if (rc <= 0) {
			return rc < 0 ? rc
				      : err_set(err, EIO, "%s: the header at byte %llu is damaged",
						s->path, (unsigned long long)at);
		}
	}
	return 0;
}

/* Of a header: its number, and how many blocks there are. */
#define ITERATION_AT 8
#define BLOCKS_AT    32

/* The newer of the two that change says it. */
static int blocks_told(const struct scan *s, uint64_t *blocks, struct err *err)
{
	uint64_t newest = 0;
	*blocks = 0;
	for (uint64_t at = HEADER_SIZE; at < HEADERS; at += HEADER_SIZE) {
		uint64_t iteration;
		uint64_t n;
		int rc = look_at(s, at, HEADER_SIZE, err);
		if (rc <= 0) {
			return rc < 0 ? rc : err_set(err, EIO, "%s: a header is damaged", s->path);
		}
		memcpy(&iteration, s->room + ITERATION_AT, sizeof(iteration));
		memcpy(&n, s->room + BLOCKS_AT, sizeof(n));
		if (iteration >= newest) {
			newest = iteration;
			*blocks = n;
		}
	}
	return 0;
}

/* Whether all of it is there. Blocks are written before the header that counts them, and the free
 * ones at the end are cut off after it: of a file that became shorter it counts too many. */
static int check_size(const struct scan *s, bool *is_short, struct err *err)
{
	uint64_t blocks = 0;
	int rc = blocks_told(s, &blocks, err);
	int64_t size = disk_size(s->fd);
	*is_short = rc == 0 && (size < (int64_t)HEADERS ||
				       ((uint64_t)size - HEADERS) / DUCK_BLOCK_SIZE < blocks);
	return rc;
}

/* What is behind the last whole block is being made. */
static int scan_blocks(const struct scan *s, uint64_t size, struct buf *bad, struct err *err)
{
	uint64_t block = 0;
	for (uint64_t at = HEADERS; at + DUCK_BLOCK_SIZE <= size; at += DUCK_BLOCK_SIZE, block++) {
		int rc = look_at(s, at, DUCK_BLOCK_SIZE, err);
		if (rc < 0) {
			return rc;
		}
		if (rc == 0) {
			buf_append(bad, &block, sizeof(block));
		}
	}
	return buf_check(bad, err);
}

static int scan_file(struct scan *s, struct buf *bad, bool *is_short, struct err *err)
{
	CLEANUP(buf_free) struct buf room = BUF_INIT;
	if (!buf_resize(&room, bad != NULL ? DUCK_BLOCK_SIZE : HEADER_SIZE)) {
		return buf_check(&room, err);
	}
	s->room = (unsigned char *)room.p;
	int64_t size = disk_size(s->fd);
	if (size < 0) {
		return disk_error((int)size, s->path, "size", err);
	}
	int rc = scan_headers(s, err);
	if (rc != 0 || bad == NULL) {
		return rc;
	}
	rc = check_size(s, is_short, err);
	return rc != 0 ? rc : scan_blocks(s, (uint64_t)size, bad, err);
}

/* `bad` NULL: the headers will do. */
static int scan_path(const char *path, struct buf *bad, bool *is_short, struct err *err)
{
	int fd = disk_system.open(path, O_RDONLY);
	if (fd < 0) {
		return fd == -ENOENT ? err_set(err, EIO, "%s is gone", path)
				     : disk_error(fd, path, "open", err);
	}
	struct scan s = {.path = path, .fd = fd};
	int rc = scan_file(&s, bad, is_short, err);
	disk_system.close(fd);
	return rc;
}

int duck_blocks_scan(const char *path, struct buf *bad, bool *is_short, struct err *err)
{
	return scan_path(path, bad, is_short, err);
}

int duck_blocks_peek(const char *path, struct err *err)
{
	return scan_path(path, NULL, NULL, err);
}

bool duck_blocks_reach(const char *path, int64_t block)
{
	int fd = disk_system.open(path, O_RDONLY);
	int64_t size = fd < 0 ? fd : disk_size(fd);
	if (fd >= 0) {
		disk_system.close(fd);
	}
	return size >= (int64_t)HEADERS + (block + 1) * DUCK_BLOCK_SIZE;
}
