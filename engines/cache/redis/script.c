/* Scripts in memory, by their SHA-1. */
#include "engines/cache/redis/script_impl.h"

#include <ctype.h>
#include <errno.h>
#include <sha1.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"

/* Of those that EVAL ran, the ones used last are kept; of all, so many bytes. */
#define EVAL_KEPT_MAX  500
#define KEPT_BYTES_MAX ((size_t)64 << 20)

struct redis_scripts *redis_scripts_new(void)
{
	struct redis_scripts *s = calloc(1, sizeof(*s));
	if (s != NULL) {
		pthread_mutex_init(&s->lock, NULL);
	}
	return s;
}

void redis_scripts_free(struct redis_scripts *s)
{
	if (s == NULL) {
		return;
	}
	redis_scripts_flush(s);
	free(s->script);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

void redis_script_sha(struct slice text, char out[SCRIPT_SHA_MAX])
{
	SHA1_CTX ctx;
	SHA1Init(&ctx);
	SHA1Update(&ctx, (const uint8_t *)text.p, text.n);
	SHA1End(&ctx, out);
}

/* Where it stands, or would. */
static size_t place(const struct redis_scripts *s, const char *sha, bool *found)
{
	size_t low = 0;
	size_t high = s->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (strcmp(s->script[middle]->sha, sha) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	*found = low < s->n && strcmp(s->script[low]->sha, sha) == 0;
	return low;
}

static void drop(struct redis_scripts *s, size_t at)
{
	s->bytes -= s->script[at]->n;
	free(s->script[at]);
	memmove(s->script + at, s->script + at + 1,
		(s->n - at - 1) * sizeof(struct redis_script *));
	s->n--;
}

/* The one of EVAL that was not used for the longest time. False: there is none. */
static bool drop_oldest(struct redis_scripts *s)
{
	size_t oldest = s->n;
	for (size_t i = 0; i < s->n; i++) {
		if (!s->script[i]->loaded &&
			(oldest == s->n || s->script[i]->used < s->script[oldest]->used)) {
			oldest = i;
		}
	}
	if (oldest == s->n) {
		return false;
	}
	drop(s, oldest);
	return true;
}

static size_t count_eval(const struct redis_scripts *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->n; i++) {
		n += !s->script[i]->loaded;
	}
	return n;
}

static int make_room(struct redis_scripts *s, size_t n, bool loaded, struct err *err)
{
	while (s->bytes + n > KEPT_BYTES_MAX || (!loaded && count_eval(s) >= EVAL_KEPT_MAX)) {
		if (!drop_oldest(s)) {
			return err_set(err, EINVAL,
				"ERR the scripts that are loaded take %zu MiB: SCRIPT FLUSH",
				KEPT_BYTES_MAX >> 20);
		}
	}
	if (s->n < s->cap) {
		return 0;
	}
	size_t cap = s->cap == 0 ? 16 : 2 * s->cap;
	struct redis_script **more = realloc(s->script, cap * sizeof(struct redis_script *));
	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->script = more;
	s->cap = cap;
	return 0;
}

int redis_scripts_add(
	struct redis_scripts *s, const char *sha, struct slice text, bool loaded, struct err *err)
{
	LOCKED(&s->lock);
	bool found;
	size_t at = place(s, sha, &found);
	if (found) {
		s->script[at]->loaded = s->script[at]->loaded || loaded;
		s->script[at]->used = ++s->uses;
		return 0;
	}
	int rc = make_room(s, text.n, loaded, err);
	if (rc != 0) {
		return rc;
	}
	struct redis_script *new = malloc(sizeof(*new) + text.n);
	if (new == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*new = (struct redis_script){.loaded = loaded, .used = ++s->uses, .n = text.n};
	memcpy(new->sha, sha, SCRIPT_SHA_MAX);
	if (text.n > 0) {
		memcpy(new->text, text.p, text.n);
	}
	at = place(s, sha, &found); /* others may have gone */
	memmove(s->script + at + 1, s->script + at, (s->n - at) * sizeof(struct redis_script *));
	s->script[at] = new;
	s->n++;
	s->bytes += text.n;
	return 0;
}

int redis_scripts_get(struct redis_scripts *s, const char *sha, struct buf *text, struct err *err)
{
	LOCKED(&s->lock);
	bool found;
	size_t at = place(s, sha, &found);
	if (!found) {
		return 0;
	}
	s->script[at]->used = ++s->uses;
	buf_append(text, s->script[at]->text, s->script[at]->n);
	int rc = buf_check(text, err);
	return rc != 0 ? rc : 1;
}

bool redis_scripts_has(struct redis_scripts *s, const char *sha)
{
	LOCKED(&s->lock);
	bool found;
	place(s, sha, &found);
	return found;
}

void redis_scripts_flush(struct redis_scripts *s)
{
	LOCKED(&s->lock);
	while (s->n > 0) {
		drop(s, s->n - 1);
	}
}
