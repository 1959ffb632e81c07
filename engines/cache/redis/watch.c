/* WATCH: a key as a session has seen it, by its version. */
#include <errno.h>
#include <stdlib.h>

#include "engines/cache/redis/session_impl.h"

void redis_unwatch(struct redis_session *s)
{
	struct redis_watch *w;
	while ((w = STAILQ_FIRST(&s->watches)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->watches, next);
		free(w);
	}
}

int redis_watch(
	struct redis_session *s, struct slice key, uint64_t version, uint64_t made, struct err *err)
{
	const struct redis_watch *old;
	STAILQ_FOREACH(old, &s->watches, next)
	{
		if (slice_equal(old->key, key)) {
			return 0;
		}
	}
	struct redis_watch *w = malloc(sizeof(*w) + key.n);
	if (w == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*w = (struct redis_watch){
		.version = version, .made = made, .key = slice_make(w + 1, key.n)};
	if (key.n > 0) {
		memcpy(w + 1, key.p, key.n);
	}
	STAILQ_INSERT_TAIL(&s->watches, w, next);
	return 0;
}

int redis_version_of(struct redis_txn *t, struct slice key, uint64_t *out, struct err *err)
{
	struct redis_key found;
	int rc = redis_key_find(t, key, &found, err);
	*out = rc == 1 ? found.version : 0;
	return rc < 0 ? rc : 0;
}

int redis_watches_hold(struct redis_txn *t, const struct redis_session *s, struct err *err)
{
	const struct redis_watch *w;
	STAILQ_FOREACH(w, &s->watches, next)
	{
		uint64_t version;
		int rc = redis_version_of(t, w->key, &version, err);
		if (rc != 0 || version != w->version) {
			return rc;
		}
		if (version == 0 && w->made != REDIS_MADE_ANY && redis_made(t, w->key) != w->made) {
			return 0;
		}
	}
	return 1;
}

int redis_watch_versions(
	struct redis_session *s, unsigned argc, const struct slice *argv, struct err *err)
{
	if (argc % 2 == 0) {
		return redis_arity_error("watchversion", err);
	}
	for (unsigned i = 1; i < argc; i += 2) {
		int64_t version;
		int rc = redis_arg_int(argv[i + 1], &version, err);
		if (rc == 0 && version < 0) {
			rc = err_set(err, EINVAL, "ERR a version is not negative");
		}
		rc = rc != 0 ? rc : redis_watch(s, argv[i], (uint64_t)version, REDIS_MADE_ANY, err);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}
