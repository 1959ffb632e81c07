/* The event loop: leader and followers.
 *
 * Nearly all requests are answered in a few microseconds from memory or the
 * page cache; what costs is waking threads. So one thread, the leader, both
 * reads requests and answers them: no hand-over, one warm cache. Only when a
 * request is about to wait does it call loop_yield(): a follower becomes the
 * leader (made when there is none idle), and the yielding thread becomes a
 * follower when its request is done. So a commit waits alone, many commits wait
 * together (and share one fsync), and whoever reads is never held up.
 *
 * The leader polls the descriptor for some microseconds before it sleeps:
 * the next request of the same client usually comes at once, and a wake-up
 * costs more than the request. sched_yield() in between lets a client on the
 * same CPU run.
 *
 * Where many close files at a time, as many threads wait for the disk and are idle
 * again together: one more than are kept stays for a while, it is soon wanted again.
 *
 * Nothing here bounds the number of threads that wait: each is one request of
 * one process, and with a bound all of them could wait for a request that
 * nobody would read (a cache notice waits for a page whose READ is queued). */
#include "fs/loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <fuse3/fuse_lowlevel.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"

/* How long an idle thread beyond those that are kept waits for work. */
#define EXTRA_IDLE_S 1

struct loop {
	struct fuse_session *se;
	int stop_fd; /* readable: end */
	atomic_bool stop_asked;
	unsigned keep_idle;
	unsigned spin_us;
	pthread_mutex_t lock; /* guards the fields below */
	pthread_cond_t turn;  /* leadership is free, or the end has come */
	pthread_cond_t ended; /* n_threads fell */
	bool led;
	bool stop;
	int result;
	unsigned n_threads;
	unsigned n_idle; /* followers waiting for their turn */
};

/* The loop this thread leads now; NULL when it does not. */
static __thread struct loop *leading;

static void *thread_main(void *arg);

static int start_thread(struct loop *l)
{
	pthread_t t;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	l->n_threads++;
	int rc = pthread_create(&t, &attr, thread_main, l);
	if (rc != 0) {
		l->n_threads--;
	}
	pthread_attr_destroy(&attr);
	return rc;
}

void loop_yield(void)
{
	struct loop *l = leading;
	if (l == NULL) {
		return;
	}
	LOCKED(&l->lock);
	/* Without another thread to take over, this request is served in line: it
	 * holds the others up but nothing breaks. */
	if (l->n_idle == 0 && start_thread(l) != 0) {
		log_warn("cannot start a thread; requests wait for each other");
		return;
	}
	leading = NULL;
	l->led = false;
	pthread_cond_signal(&l->turn);
}

static int64_t now_us(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void sleep_until_readable(struct loop *l)
{
	struct pollfd fds[2] = {
		{.fd = fuse_session_fd(l->se), .events = POLLIN},
		{.fd = l->stop_fd, .events = POLLIN},
	};
	poll(fds, 2, -1);
	if (fds[1].revents != 0) {
		fuse_session_exit(l->se);
	}
}

/* >0 bytes received, 0 the session ended, <0 -errno. */
static int receive(struct loop *l, struct fuse_buf *buf)
{
	int64_t spin_until = 0;
	for (;;) {
		int n = fuse_session_receive_buf(l->se, buf);
		if (n != -EAGAIN && n != -EINTR) {
			return n;
		}
		if (fuse_session_exited(l->se)) {
			return 0;
		}
		int64_t now = l->spin_us > 0 ? now_us() : 1;
		if (spin_until == 0) {
			spin_until = now + l->spin_us;
		}
		if (now < spin_until) {
			sched_yield();
		} else {
			sleep_until_readable(l);
			spin_until = 0;
		}
	}
}

static void end_all(struct loop *l, int result)
{
	LOCKED(&l->lock);
	l->stop = true;
	if (l->result == 0) {
		l->result = result;
	}
	l->led = false;
	leading = NULL;
	pthread_cond_broadcast(&l->turn);
}

static void lead(struct loop *l, struct fuse_buf *buf)
{
	leading = l;
	while (leading != NULL) {
		int n = receive(l, buf);
		if (n <= 0) {
			end_all(l, n);
			return;
		}
		fuse_session_process_buf(l->se, buf);
	}
}

/* Under loop.lock. */
static void wait_idle(struct loop *l)
{
	struct timespec until;
	bool extra = l->n_idle > l->keep_idle;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += EXTRA_IDLE_S;
	while (l->led && !l->stop) {
		if (!extra) {
			pthread_cond_wait(&l->turn, &l->lock);
		} else if (pthread_cond_timedwait(&l->turn, &l->lock, &until) != 0) {
			return;
		}
	}
}

/* True: this thread leads now. False: it should end. */
static bool wait_for_turn(struct loop *l)
{
	LOCKED(&l->lock);
	l->n_idle++;
	wait_idle(l);
	l->n_idle--;
	if (l->stop || l->led) {
		return false;
	}
	l->led = true;
	return true;
}

static void *thread_main(void *arg)
{
	struct loop *l = arg;
	struct fuse_buf buf = {0};
	while (wait_for_turn(l)) {
		lead(l, &buf);
	}
	free(buf.mem);
	LOCKED(&l->lock);
	l->n_threads--;
	pthread_cond_signal(&l->ended);
	return NULL;
}

struct loop *loop_new(struct fuse_session *se, unsigned threads, unsigned spin_us, struct err *err)
{
	struct loop *l = calloc(1, sizeof(*l));
	if (l == NULL) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	l->se = se;
	l->keep_idle = threads;
	l->spin_us = spin_us;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->turn, NULL);
	pthread_cond_init(&l->ended, NULL);
	l->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->stop_fd < 0) {
		err_errno(err, "eventfd");
		loop_free(l);
		return NULL;
	}
	return l;
}

int loop_run(struct loop *l, struct err *err)
{
	int fd = fuse_session_fd(l->se);
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) {
		return err_errno(err, "/dev/fuse");
	}
	LOCKED(&l->lock);
	if (start_thread(l) != 0) {
		return err_set(err, EAGAIN, "cannot start a thread");
	}
	while (l->n_threads > 0) {
		pthread_cond_wait(&l->ended, &l->lock);
	}
	return l->result == 0 ? 0 : err_set(err, -l->result, "reading /dev/fuse failed");
}

void loop_stop(struct loop *l)
{
	uint64_t one = 1;
	l->stop_asked = true;
	fuse_session_exit(l->se);
	ssize_t n = write(l->stop_fd, &one, sizeof(one));
	(void)n;
}

bool loop_was_stopped(const struct loop *l)
{
	return l->stop_asked;
}

void loop_free(struct loop *l)
{
	if (l == NULL) {
		return;
	}
	if (l->stop_fd >= 0) {
		close(l->stop_fd);
	}
	pthread_cond_destroy(&l->ended);
	pthread_cond_destroy(&l->turn);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
