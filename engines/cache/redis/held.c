#include "engines/cache/redis/held.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"

struct redis_held_entry {
	struct redis_held_dir dir;
	struct buf name;
};

void redis_held_init(struct redis_held *h)
{
	*h = (struct redis_held){0};
	pthread_mutex_init(&h->lock, NULL);
}

void redis_held_finish(struct redis_held *h)
{
	for (size_t i = 0; i < h->n; i++) {
		buf_free(&h->entries[i].name);
	}
	free(h->entries);
	pthread_mutex_destroy(&h->lock);
}

/* ---- under the lock ---- */

/* The place of the first name that is not before this one. */
static size_t place_of(const struct redis_held *h, struct slice name)
{
	size_t low = 0;
	size_t high = h->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (slice_compare(buf_slice(&h->entries[middle].name), name) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

static bool is_at(const struct redis_held *h, size_t place, struct slice name)
{
	return place < h->n && slice_equal(buf_slice(&h->entries[place].name), name);
}

static void take_out(struct redis_held *h, size_t place)
{
	if (h->entries[place].dir.listed) {
		h->gone_ns = clock_wall_ns();
	}
	buf_free(&h->entries[place].name);
	h->n--;
	memmove(h->entries + place, h->entries + place + 1, (h->n - place) * sizeof(*h->entries));
	h->any = h->n > 0;
}

static size_t count(const struct redis_held *h, bool listed, size_t *oldest)
{
	size_t n = 0;

	for (size_t i = 0; i < h->n; i++) {
		const struct redis_held_dir *d = &h->entries[i].dir;
		if (d->listed != listed) {
			continue;
		}
		if (n == 0 || d->time_ns < h->entries[*oldest].dir.time_ns) {
			*oldest = i;
		}
		n++;
	}
	return n;
}

static bool has_room(struct redis_held *h)
{
	if (h->n < h->cap) {
		return true;
	}
	size_t cap = h->cap == 0 ? 16 : 2 * h->cap;
	struct redis_held_entry *more = realloc(h->entries, cap * sizeof(*more));
	if (more == NULL) {
		return false;
	}
	h->entries = more;
	h->cap = cap;
	return true;
}

static int put_in(
	struct redis_held *h, struct slice name, const struct redis_held_dir *dir, struct err *err)
{
	struct redis_held_entry fresh = {.dir = *dir};

	buf_append_slice(&fresh.name, name);
	if (fresh.name.failed || !has_room(h)) {
		buf_free(&fresh.name);
		return dir->listed ? err_set(err, ENOMEM, "out of memory") : 0;
	}
	size_t place = place_of(h, name);
	memmove(h->entries + place + 1, h->entries + place, (h->n - place) * sizeof(fresh));
	h->entries[place] = fresh;
	h->n++;
	h->any = true;
	return 0;
}

/* ---- for the tree ---- */

int redis_held_add(
	struct redis_held *h, struct slice name, enum redis_type type, bool listed, struct err *err)
{
	struct redis_held_dir dir = {type, listed, clock_wall_ns()};
	LOCKED(&h->lock);
	size_t oldest = 0;

	size_t place = place_of(h, name);
	if (is_at(h, place, name)) {
		h->entries[place].dir = dir;
		return 0;
	}
	size_t n = count(h, listed, &oldest);
	if (listed && n >= HELD_LISTED_MAX) {
		return err_set(err, ENOSPC,
			"%d empty directories wait for their first element: fill or remove some",
			HELD_LISTED_MAX);
	}
	if (!listed && n >= HELD_UNLISTED_MAX) {
		take_out(h, oldest);
	}
	return put_in(h, name, &dir, err);
}

bool redis_held_find(struct redis_held *h, struct slice name, struct redis_held_dir *out)
{
	if (!h->any) {
		return false;
	}
	LOCKED(&h->lock);

	size_t place = place_of(h, name);
	if (!is_at(h, place, name)) {
		return false;
	}
	*out = h->entries[place].dir;
	return true;
}

bool redis_held_remove(struct redis_held *h, struct slice name)
{
	if (!h->any) {
		return false;
	}
	LOCKED(&h->lock);

	size_t place = place_of(h, name);
	if (!is_at(h, place, name)) {
		return false;
	}
	take_out(h, place);
	return true;
}

bool redis_held_next(struct redis_held *h, const struct slice *after, struct buf *name,
	struct redis_held_dir *out)
{
	if (!h->any) {
		return false;
	}
	LOCKED(&h->lock);

	size_t i = after == NULL ? 0 : place_of(h, *after);
	if (after != NULL && is_at(h, i, *after)) {
		i++;
	}
	while (i < h->n && !h->entries[i].dir.listed) {
		i++;
	}
	if (i == h->n) {
		return false;
	}
	buf_append_slice(name, buf_slice(&h->entries[i].name));
	*out = h->entries[i].dir;
	return true;
}

bool redis_held_hashed(struct redis_held *h, const unsigned char hash[NAME_HASH_BYTES],
	struct buf *name, struct redis_held_dir *out)
{
	LOCKED(&h->lock);

	for (size_t i = 0; i < h->n; i++) {
		unsigned char own[NAME_HASH_BYTES];
		struct slice held = buf_slice(&h->entries[i].name);
		name_hash(held, own);
		if (memcmp(own, hash, sizeof(own)) == 0) {
			buf_append_slice(name, held);
			*out = h->entries[i].dir;
			return true;
		}
	}
	return false;
}

int64_t redis_held_time(struct redis_held *h)
{
	LOCKED(&h->lock);
	int64_t last = h->gone_ns;

	for (size_t i = 0; i < h->n; i++) {
		const struct redis_held_dir *d = &h->entries[i].dir;
		last = d->listed && d->time_ns > last ? d->time_ns : last;
	}
	return last;
}
