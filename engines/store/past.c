#include "engines/store/past.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/common/buf.h"
#include "engines/common/cleanup.h"
#include "engines/common/clock.h"

#define IDLE_NS	 INT64_C(60000000000)
#define IDLE_MAX 4

static void past_free(struct past *p)
{
	if (p->path != NULL) {
		unlink(p->path);
	}
	free(p->path);
	free(p);
}

void past_list_init(struct past_list *l)
{
	l->tmp = NULL;
	TAILQ_INIT(&l->queue);
	pthread_mutex_init(&l->lock, NULL);
}

/* Under the lock. */
static struct past *find(struct past_list *l, uint64_t id, int64_t time_ns)
{
	struct past *p;

	TAILQ_FOREACH (p, &l->queue, link) {
		if (p->id == id && p->time_ns == time_ns) {
			return p;
		}
	}
	return NULL;
}

static int name_file(const struct past_list *l, struct past *p, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	buf_printf(&path, "%s/at%llu-%lld.db", l->tmp, (unsigned long long)p->id,
		(long long)p->time_ns);
	p->path = strdup(buf_cstr(&path));
	return p->path != NULL && !path.failed ? 0 : err_set(err, ENOMEM, "out of memory");
}

/* Under the lock: builders take turns, so that nothing is built twice. */
static int add(struct past_list *l, const struct past *like, past_build *build, void *arg,
	struct past **out, struct err *err)
{
	struct past *p = calloc(1, sizeof(*p));

	if (p == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	p->id = like->id;
	p->time_ns = like->time_ns;
	int rc = name_file(l, p, err);
	rc = rc < 0 ? rc : build(arg, p->time_ns, p->path, err);
	if (rc < 0) {
		past_free(p);
		return rc;
	}
	TAILQ_INSERT_HEAD(&l->queue, p, link);
	*out = p;
	return 0;
}

int past_open(struct past_list *l, uint64_t id, int64_t time_ns, past_build *build, void *arg,
	struct past **out, struct err *err)
{
	LOCKED(&l->lock);
	struct past like = {.id = id, .time_ns = time_ns};
	struct past *p = find(l, id, time_ns);

	int rc = p == NULL ? add(l, &like, build, arg, &p, err) : 0;
	if (rc == 0 && p != NULL) {
		p->refs++;
		*out = p;
	}
	return rc;
}

void past_put(struct past_list *l, struct past *p)
{
	LOCKED(&l->lock);

	p->idle_since_ns = clock_monotonic_ns();
	p->refs--;
}

void past_expire(struct past_list *l)
{
	LOCKED(&l->lock);
	int64_t now = clock_monotonic_ns();
	unsigned idle = 0;
	struct past *p = TAILQ_FIRST(&l->queue);

	while (p != NULL) {
		struct past *next = TAILQ_NEXT(p, link);
		idle += p->refs == 0;
		if (p->refs == 0 && (idle > IDLE_MAX || now - p->idle_since_ns > IDLE_NS)) {
			TAILQ_REMOVE(&l->queue, p, link);
			past_free(p);
		}
		p = next;
	}
}

void past_list_finish(struct past_list *l)
{
	struct past *p;

	while ((p = TAILQ_FIRST(&l->queue)) != NULL) {
		TAILQ_REMOVE(&l->queue, p, link);
		past_free(p);
	}
	pthread_mutex_destroy(&l->lock);
}
