/* Events: noted under whatever locks, told by a thread that holds none. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/store/instance_impl.h"

void event_post(struct instance *i, enum instance_event what, const char *fmt, ...)
{
	struct event *e = calloc(1, sizeof(*e));
	if (e == NULL || i->config.event == NULL || fmt == NULL) {
		free(e);
		return;
	}
	va_list args;
	e->what = what;
	va_start(args, fmt);
	vsnprintf(e->detail, sizeof(e->detail), fmt, args);
	va_end(args);
	LOCKED(&i->lock);
	if (i->events == NULL) {
		i->events = e;
	} else {
		i->last_event->next = e;
	}
	i->last_event = e;
	i->kick = true;
	pthread_cond_broadcast(&i->kicked);
}

static struct event *take(struct instance *i)
{
	LOCKED(&i->lock);
	struct event *e = i->events;
	i->events = e != NULL ? e->next : NULL;
	i->telling = e != NULL;
	return e;
}

static bool begin_telling(struct instance *i)
{
	LOCKED(&i->lock);
	if (i->telling || i->events == NULL) {
		return false;
	}
	i->telling = true;
	return true;
}

void event_tell(struct instance *i)
{
	if (!begin_telling(i)) {
		return;
	}
	struct event *e;
	while ((e = take(i)) != NULL) {
		i->config.event(i->config.arg, e->what, e->detail);
		free(e);
	}
}

void event_drop_all(struct instance *i)
{
	struct event *e;
	while ((e = take(i)) != NULL) {
		free(e);
	}
}
