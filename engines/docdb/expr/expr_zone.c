/* Time zones by name, from the system's compiled tables (RFC 8536). The C library's own reader
 * serves one zone a process, by an environment variable, so it is of no use here. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/expr/expr_calendar.h"

#define ZONE_DIR       "/usr/share/zoneinfo/"
#define ZONE_NAME_MAX  64
#define ZONE_BYTES_MAX 100000
#define HEADER_BYTES   44

struct calendar_table {
	size_t n;
	int64_t first;	  /* offset before the first change, ms */
	int64_t *at;	  /* changes, seconds of UTC, ascending */
	int64_t *offsets; /* from there on, ms */
};

static int unknown(struct slice name, struct err *err)
{
	return err_set(err, EINVAL, "unrecognized time zone identifier: \"%.*s\"",
		(int)(name.n < ZONE_NAME_MAX ? name.n : ZONE_NAME_MAX), name.p);
}

static int64_t big_endian(const char *p, int n)
{
	uint64_t v = (unsigned char)p[0] & 0x80 ? UINT64_MAX : 0;

	for (int i = 0; i < n; i++) {
		v = v << 8 | (unsigned char)p[i];
	}
	return (int64_t)v;
}

/* The counts of a header, in the order they stand in. */
struct header {
	size_t n_utc, n_standard, n_leap, n_times, n_types, n_chars;
};

static bool read_header(struct slice file, struct header *h)
{
	size_t *counts[] = {
		&h->n_utc, &h->n_standard, &h->n_leap, &h->n_times, &h->n_types, &h->n_chars};

	if (file.n < HEADER_BYTES || memcmp(file.p, "TZif", 4) != 0) {
		return false;
	}
	for (size_t i = 0; i < 6; i++) {
		int64_t n = big_endian(file.p + 20 + 4 * i, 4);
		if (n < 0 || n > ZONE_BYTES_MAX) {
			return false;
		}
		*counts[i] = (size_t)n;
	}
	return true;
}

static size_t block_bytes(const struct header *h, size_t time)
{
	return HEADER_BYTES + h->n_times * (time + 1) + h->n_types * 6 + h->n_chars +
	       h->n_leap * (time + 4) + h->n_standard + h->n_utc;
}

static struct calendar_table *make_table(struct slice block, const struct header *h, size_t time)
{
	struct calendar_table *t = calloc(1, sizeof(*t));
	const char *times = block.p + HEADER_BYTES;
	const char *kinds = times + h->n_times * time;
	const char *types = kinds + h->n_times;

	if (t == NULL) {
		return NULL;
	}
	t->n = h->n_times;
	t->at = calloc(t->n + 1, sizeof(*t->at));
	t->offsets = calloc(t->n + 1, sizeof(*t->offsets));
	if (t->at == NULL || t->offsets == NULL) {
		free(t->at);
		free(t->offsets);
		free(t);
		return NULL;
	}
	t->first = h->n_types == 0 ? 0 : big_endian(types, 4) * 1000;
	for (size_t i = 0; i < t->n; i++) {
		size_t kind = (unsigned char)kinds[i];
		t->at[i] = big_endian(times + i * time, (int)time);
		t->offsets[i] = kind < h->n_types ? big_endian(types + kind * 6, 4) * 1000 : 0;
	}
	return t;
}

/* The second block has 64 bits for a time; old files have only the first. */
static struct calendar_table *parse_table(struct slice file)
{
	struct header h;
	size_t first;

	if (!read_header(file, &h)) {
		return NULL;
	}
	first = block_bytes(&h, 4);
	if (file.p[4] == '\0') {
		return first <= file.n ? make_table(file, &h, 4) : NULL;
	}
	if (first > file.n) {
		return NULL;
	}
	file = slice_make(file.p + first, file.n - first);
	if (!read_header(file, &h) || block_bytes(&h, 8) > file.n) {
		return NULL;
	}
	return make_table(file, &h, 8);
}

static bool plain_name(struct slice name)
{
	if (name.n == 0 || name.n > ZONE_NAME_MAX || !isalpha((unsigned char)name.p[0])) {
		return false;
	}
	for (size_t i = 0; i < name.n; i++) {
		if (!isalnum((unsigned char)name.p[i]) && strchr("/_-+", name.p[i]) == NULL) {
			return false;
		}
	}
	return memchr(name.p, '\0', name.n) == NULL;
}

static int load_table(struct slice name, struct calendar_zone *out, struct err *err)
{
	char path[sizeof(ZONE_DIR) + ZONE_NAME_MAX];
	CLEANUP(cleanup_close) int fd = -1;
	CLEANUP(buf_free) struct buf file = BUF_INIT;
	struct stat st;

	if (!plain_name(name)) {
		return unknown(name, err);
	}
	snprintf(path, sizeof(path), "%s%.*s", ZONE_DIR, (int)name.n, name.p);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > ZONE_BYTES_MAX ||
		!buf_resize(&file, (size_t)st.st_size) ||
		read(fd, file.p, file.n) != (ssize_t)file.n) {
		return unknown(name, err);
	}
	out->table = parse_table(buf_slice(&file));
	return out->table == NULL ? unknown(name, err) : 0;
}

/* "+hh", "+hhmm", "+hh:mm". */
static bool read_offset(struct slice name, int64_t *out)
{
	int digits[4] = {0};
	size_t n = 0;

	for (size_t i = 1; i < name.n; i++) {
		if (i == 3 && name.p[i] == ':' && name.n == 6) {
			continue;
		}
		if (!isdigit((unsigned char)name.p[i]) || n == 4) {
			return false;
		}
		digits[n++] = name.p[i] - '0';
	}
	if (n != 2 && n != 4) {
		return false;
	}
	*out = (digits[0] * 10 + digits[1]) * HOUR_MS + (digits[2] * 10 + digits[3]) * MINUTE_MS;
	*out = name.p[0] == '-' ? -*out : *out;
	return true;
}

int calendar_zone_find(struct slice name, struct calendar_zone *out, struct err *err)
{
	*out = (struct calendar_zone){0};
	if (slice_is(name, "UTC") || slice_is(name, "GMT") || slice_is(name, "Z")) {
		out->utc = true;
		return 0;
	}
	if (name.n > 0 && (name.p[0] == '+' || name.p[0] == '-')) {
		return read_offset(name, &out->offset) ? 0 : unknown(name, err);
	}
	return load_table(name, out, err);
}

void calendar_zone_finish(struct calendar_zone *z)
{
	if (z->table != NULL) {
		free(z->table->at);
		free(z->table->offsets);
		free(z->table);
		z->table = NULL;
	}
}

int64_t calendar_zone_at(const struct calendar_zone *z, int64_t utc_ms)
{
	const struct calendar_table *t = z->table;
	int64_t s = calendar_floor_div(utc_ms, 1000);
	size_t low = 0;
	size_t high;

	if (t == NULL) {
		return z->offset;
	}
	/* The first change that is later. */
	high = t->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (t->at[mid] <= s) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return low == 0 ? t->first : t->offsets[low - 1];
}

/* A local time that a change skips or repeats is read by the offset before it. */
int64_t calendar_to_utc(const struct calendar_zone *z, int64_t local_ms)
{
	int64_t before = calendar_zone_at(z, calendar_plus(local_ms, -DAY_MS));
	int64_t after = calendar_zone_at(z, calendar_plus(local_ms, DAY_MS));

	if (before != after && calendar_zone_at(z, calendar_plus(local_ms, -before)) != before) {
		if (calendar_zone_at(z, calendar_plus(local_ms, -after)) == after) {
			return calendar_plus(local_ms, -after);
		}
	}
	return calendar_plus(local_ms, -before);
}
