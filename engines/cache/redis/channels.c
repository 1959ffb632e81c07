#include "engines/cache/redis/channels.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/cache/redis/command.h"
#include "engines/common/cleanup.h"

/* What came for one name since somebody listens. The bytes before `head` of text are dropped. */
struct feed {
	struct buf name;
	struct buf text;
	size_t head;
	uint64_t start; /* the offset of text's byte at `head` */
	uint64_t listeners;
	enum redis_listening what;
};

/* Those of one kind that somebody listens to, in byte order of names. */
struct feeds {
	struct feed **feed;
	size_t n, cap;
};

struct redis_channels {
	pthread_mutex_t lock; /* guards all; taken alone */
	struct feeds of[2];   /* by enum redis_listening */
	/* No feed ended behind it: one that begins anew begins here, so that offsets only grow. */
	uint64_t end;
	struct feed **hit; /* publish()'s own */
	size_t hit_cap;
};

struct redis_channels *redis_channels_new(void)
{
	struct redis_channels *c = calloc(1, sizeof(*c));
	if (c != NULL) {
		pthread_mutex_init(&c->lock, NULL);
	}
	return c;
}

static void feed_free(struct feed *f)
{
	buf_free(&f->name);
	buf_free(&f->text);
	free(f);
}

void redis_channels_free(struct redis_channels *c)
{
	if (c == NULL) {
		return;
	}
	for (unsigned what = 0; what < 2; what++) {
		for (size_t i = 0; i < c->of[what].n; i++) {
			feed_free(c->of[what].feed[i]);
		}
		free(c->of[what].feed);
	}
	pthread_mutex_destroy(&c->lock);
	free(c->hit);
	free(c);
}

/* ---- by name ---- */

/* The first that is not before `name`. */
static size_t place(const struct feeds *of, struct slice name)
{
	size_t low = 0, high = of->n;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (slice_compare(buf_slice(&of->feed[mid]->name), name) < 0) {
			low = mid + 1;
		} else {
			high = mid;
		}
	}
	return low;
}

static struct feed *find(const struct feeds *of, struct slice name)
{
	size_t i = place(of, name);
	return i < of->n && slice_equal(buf_slice(&of->feed[i]->name), name) ? of->feed[i] : NULL;
}

static bool make_room(struct feeds *of)
{
	if (of->n < of->cap) {
		return true;
	}
	size_t cap = of->cap == 0 ? 16 : of->cap * 2;
	struct feed **more = realloc(of->feed, cap * sizeof(struct feed *));
	if (more == NULL) {
		return false;
	}
	of->feed = more;
	of->cap = cap;
	return true;
}

static struct feed *feed_new(
	struct feeds *of, enum redis_listening what, struct slice name, uint64_t start)
{
	struct feed *f = make_room(of) ? calloc(1, sizeof(*f)) : NULL;
	if (f == NULL) {
		return NULL;
	}
	buf_append_slice(&f->name, name);
	if (f->name.failed) {
		feed_free(f);
		return NULL;
	}
	f->start = start;
	f->what = what;
	size_t i = place(of, name);
	memmove(&of->feed[i + 1], &of->feed[i], (of->n - i) * sizeof(struct feed *));
	of->feed[i] = f;
	of->n++;
	return f;
}

static uint64_t feed_end(const struct feed *f)
{
	return f->start + (f->text.n - f->head);
}

static void feed_remove(struct redis_channels *c, struct feeds *of, struct feed *f)
{
	size_t i = place(of, buf_slice(&f->name));
	of->n--;
	memmove(&of->feed[i], &of->feed[i + 1], (of->n - i) * sizeof(struct feed *));
	c->end = c->end < feed_end(f) ? feed_end(f) : c->end;
	feed_free(f);
}

/* ---- publishing ---- */

/* Whole lines go from the front until what is left and `more` bytes fit. Every text ends a line, so
 * one is found. The newest message is kept however long it is. */
static void feed_drop(struct feed *f, size_t more)
{
	size_t n = f->text.n - f->head;
	size_t keep = more < CHANNEL_BYTES_MAX ? CHANNEL_BYTES_MAX - more : 0;

	if (n > keep) {
		const char *from = f->text.p + f->head;
		const char *line = memchr(from + (n - keep) - 1, '\n', keep + 1);
		size_t gone = (size_t)(line - from) + 1;
		f->head += gone;
		f->start += gone;
	}
	/* Moved once a megabyte, so that it costs little a message. */
	if (f->head > CHANNEL_BYTES_MAX) {
		memmove(f->text.p, f->text.p + f->head, f->text.n - f->head);
		f->text.n -= f->head;
		f->head = 0;
	}
}

static bool feed_reserve(struct feed *f, size_t more)
{
	if (buf_reserve(&f->text, f->text.n + more)) {
		return true;
	}
	f->text.failed = false; /* what is there is whole */
	return false;
}

static size_t feed_cost(const struct feed *f, struct slice channel, struct slice message)
{
	return (f->what == REDIS_PATTERN ? channel.n + 1 : 0) + message.n + 1;
}

static void feed_add(struct feed *f, struct slice channel, struct slice message)
{
	if (f->what == REDIS_PATTERN) {
		buf_append_slice(&f->text, channel);
		buf_putc(&f->text, ' ');
	}
	buf_append_slice(&f->text, message);
	buf_putc(&f->text, '\n');
}

/* Those who get it, in c->hit. False: out of memory. */
static bool find_hit(struct redis_channels *c, struct slice channel, size_t *n)
{
	const struct feeds *patterns = &c->of[REDIS_PATTERN];
	struct feed *f = find(&c->of[REDIS_CHANNEL], channel);

	if (c->hit_cap < patterns->n + 1) {
		struct feed **more = realloc(c->hit, (patterns->n + 1) * sizeof(struct feed *));
		if (more == NULL) {
			return false;
		}
		c->hit = more;
		c->hit_cap = patterns->n + 1;
	}
	*n = 0;
	if (f != NULL) {
		c->hit[(*n)++] = f;
	}
	for (size_t i = 0; i < patterns->n; i++) {
		f = patterns->feed[i];
		if (redis_glob(buf_slice(&f->name), channel)) {
			c->hit[(*n)++] = f;
		}
	}
	return true;
}

int redis_channels_publish(struct redis_channels *c, struct slice channel, struct slice message,
	uint64_t *receivers, struct err *err)
{
	LOCKED(&c->lock);
	size_t n;
	uint64_t listeners = 0;
	bool ok = find_hit(c, channel, &n);

	/* Room in each first, so that it reaches all who listen or nobody. */
	for (size_t i = 0; ok && i < n; i++) {
		size_t more = feed_cost(c->hit[i], channel, message);
		feed_drop(c->hit[i], more);
		ok = feed_reserve(c->hit[i], more);
	}
	if (!ok) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < n; i++) {
		feed_add(c->hit[i], channel, message);
		listeners += c->hit[i]->listeners;
	}
	*receivers = listeners;
	return 0;
}

uint64_t redis_channels_receivers(struct redis_channels *c, struct slice channel)
{
	LOCKED(&c->lock);
	const struct feeds *patterns = &c->of[REDIS_PATTERN];
	const struct feed *f = find(&c->of[REDIS_CHANNEL], channel);
	uint64_t n = f != NULL ? f->listeners : 0;

	for (size_t i = 0; i < patterns->n; i++) {
		f = patterns->feed[i];
		n += redis_glob(buf_slice(&f->name), channel) ? f->listeners : 0;
	}
	return n;
}

/* ---- listening ---- */

int redis_channels_listen(
	struct redis_channels *c, enum redis_listening what, struct slice name, struct err *err)
{
	LOCKED(&c->lock);
	struct feed *f = find(&c->of[what], name);

	f = f != NULL ? f : feed_new(&c->of[what], what, name, c->end);
	if (f == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	f->listeners++;
	return 0;
}

void redis_channels_unlisten(struct redis_channels *c, enum redis_listening what, struct slice name)
{
	LOCKED(&c->lock);
	struct feed *f = find(&c->of[what], name);

	if (f != NULL && --f->listeners == 0) {
		feed_remove(c, &c->of[what], f);
	}
}

void redis_channels_bounds(struct redis_channels *c, enum redis_listening what, struct slice name,
	uint64_t *start, uint64_t *end)
{
	LOCKED(&c->lock);
	const struct feed *f = find(&c->of[what], name);

	*start = f != NULL ? f->start : 0;
	*end = f != NULL ? feed_end(f) : 0;
}

int redis_channels_read(struct redis_channels *c, enum redis_listening what, struct slice name,
	uint64_t offset, size_t max, struct buf *out, struct err *err)
{
	LOCKED(&c->lock);
	const struct feed *f = find(&c->of[what], name);

	if (f == NULL || offset < f->start) {
		return err_set(err, ERANGE, "what was published there is dropped already");
	}
	if (offset < feed_end(f)) {
		size_t at = f->head + (size_t)(offset - f->start);
		size_t n = f->text.n - at;
		buf_append(out, f->text.p + at, n < max ? n : max);
	}
	return buf_check(out, err);
}

int redis_channels_each(struct redis_channels *c, enum redis_listening what,
	const struct slice *after, redis_channel_fn *fn, void *arg)
{
	LOCKED(&c->lock);
	const struct feeds *of = &c->of[what];
	size_t i = after == NULL ? 0 : place(of, *after);
	int rc = 0;

	if (after != NULL && i < of->n && slice_equal(buf_slice(&of->feed[i]->name), *after)) {
		i++;
	}
	for (; rc == 0 && i < of->n; i++) {
		rc = fn(arg, buf_slice(&of->feed[i]->name), of->feed[i]->listeners);
	}
	return rc;
}
