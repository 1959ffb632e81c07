/* inotify on a database and its WAL, on a thread of its own. */
#include "engines/rds/watch.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>

#include "engines/common/buf.h"
#include "engines/common/cleanup.h"

#define LOOK_MS	  1000 /* without being told of anything */
#define AGAIN_MS  1
#define AGAIN_MAX 10

struct rds_watch {
	rds_watch_fn *fn;
	void *arg;
	char *path;
	int inotify;
	int stop; /* an eventfd: readable when the thread is to end */
	pthread_t thread;
	bool started;
};

static void add(const struct rds_watch *w, const char *suffix)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	buf_puts(&name, w->path);
	buf_puts(&name, suffix);
	/* A file that is not there, or no watches left: the look once a second finds it. */
	inotify_add_watch(w->inotify, buf_cstr(&name), IN_MODIFY);
}

static void drain(int fd)
{
	char events[4096];
	while (read(fd, events, sizeof(events)) > 0) {
	}
}

/* False when the thread is to end. */
static bool pause_for(const struct rds_watch *w, int ms, bool *told)
{
	struct pollfd fds[2] = {
		{.fd = w->stop, .events = POLLIN}, {.fd = w->inotify, .events = POLLIN}};
	poll(fds, told != NULL ? 2 : 1, ms);
	if (told != NULL) {
		*told = (fds[1].revents & POLLIN) != 0;
	}
	return (fds[0].revents & POLLIN) == 0;
}

static bool look(const struct rds_watch *w, bool told)
{
	for (int i = 0; !w->fn(w->arg) && told && i < AGAIN_MAX; i++) {
		if (!pause_for(w, AGAIN_MS, NULL)) {
			return false;
		}
	}
	return true;
}

static void *watch_main(void *arg)
{
	const struct rds_watch *w = arg;
	bool told = false;
	while (pause_for(w, LOOK_MS, &told)) {
		drain(w->inotify);
		if (!told) {
			/* The WAL may have been made anew; adding twice is once. */
			add(w, "-wal");
		}
		if (!look(w, told)) {
			break;
		}
	}
	return NULL;
}

static int open_fds(struct rds_watch *w, struct err *err)
{
	w->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (w->inotify < 0) {
		return err_errno(err, "inotify");
	}
	w->stop = eventfd(0, EFD_CLOEXEC);
	return w->stop >= 0 ? 0 : err_errno(err, "eventfd");
}

static int start(struct rds_watch *w, const char *path, struct err *err)
{
	w->path = strdup(path);
	int rc = w->path != NULL ? open_fds(w, err) : err_set(err, ENOMEM, "out of memory");
	if (rc != 0) {
		return rc;
	}
	add(w, "");
	add(w, "-wal");
	errno = pthread_create(&w->thread, NULL, watch_main, w);
	w->started = errno == 0;
	return w->started ? 0 : err_errno(err, "a thread to watch %s", path);
}

int rds_watch_start(
	const char *path, rds_watch_fn *fn, void *arg, struct rds_watch **out, struct err *err)
{
	struct rds_watch *w = calloc(1, sizeof(*w));
	if (w == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*w = (struct rds_watch){.fn = fn, .arg = arg, .inotify = -1, .stop = -1};
	int rc = start(w, path, err);
	if (rc != 0) {
		rds_watch_stop(w);
		return rc;
	}
	*out = w;
	return 0;
}

void rds_watch_stop(struct rds_watch *w)
{
	if (w == NULL) {
		return;
	}
	if (w->started) {
		uint64_t one = 1;
		ssize_t n = write(w->stop, &one, sizeof(one));
		(void)n; /* a counter of 0 takes a 1 */
		pthread_join(w->thread, NULL);
	}
	cleanup_close(&w->inotify);
	cleanup_close(&w->stop);
	free(w->path);
	free(w);
}
