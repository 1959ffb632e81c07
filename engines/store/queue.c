/* The queue between the threads that write and the writer thread.
 *
 * A request lives on the stack of the thread that waits for its answer; it is
 * the writer's from queue_submit() until queue_answer() sets `done` under
 * queue.lock. The writer thread is started by the first request and ends when
 * there was nothing to do for a while; the next request starts another. */
#include "engines/store/store_impl.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

int64_t clock_monotonic(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * SECOND_NS + ts.tv_nsec;
}

void list_push(struct request_list *list, struct write_request *req)
{
	req->next = NULL;
	if (list->head == NULL) {
		list->head = req;
	} else {
		list->last->next = req;
	}
	list->last = req;
}

struct write_request *list_pop(struct request_list *list)
{
	struct write_request *req = list->head;
	if (req != NULL) {
		list->head = req->next;
	}
	return req;
}

/* ---- the set of keys with uncommitted writes; all under queue.lock ---- */

static uint64_t *pending_slot(struct pending *p, uint64_t key)
{
	size_t i = (size_t)(key % PENDING_SLOTS);
	while (p->slot[i] != 0 && p->slot[i] != key) {
		i = (i + 1) % PENDING_SLOTS;
	}
	return &p->slot[i];
}

static void pending_add(struct pending *p, uint64_t key)
{
	/* Half full it would get slow, and so many keys are as good as all. */
	if (key == STORE_ALL_KEYS || p->n >= PENDING_SLOTS / 2) {
		p->all = true;
		return;
	}
	uint64_t *slot = pending_slot(p, key);
	p->n += *slot == 0;
	*slot = key;
}

static bool pending_has(struct pending *p, uint64_t key)
{
	if (p->all || key == STORE_ALL_KEYS) {
		return p->all || p->n > 0;
	}
	return *pending_slot(p, key) == key;
}

void queue_wait_pending(struct store *s, uint64_t key)
{
	LOCKED(&s->queue.lock);
	if (!pending_has(&s->queue.pending, key)) {
		return;
	}
	uint64_t seen = s->queue.settlements;
	s->queue.want_commit = true;
	pthread_cond_signal(&s->queue.wake);
	while (s->queue.settlements == seen) {
		pthread_cond_wait(&s->queue.settled, &s->queue.lock);
	}
}

void queue_settle(struct store *s, const struct err *lost)
{
	LOCKED(&s->queue.lock);
	memset(&s->queue.pending, 0, sizeof(s->queue.pending));
	atomic_store(&s->n_pending, 0);
	s->queue.want_commit = false;
	s->queue.settlements++;
	if (lost->code != 0 && s->queue.lost.code == 0) {
		s->queue.lost = *lost;
	}
	pthread_cond_broadcast(&s->queue.settled);
}

bool queue_wants_commit(struct store *s)
{
	LOCKED(&s->queue.lock);
	return s->queue.want_commit;
}

int queue_take_lost(struct store *s, struct err *err)
{
	LOCKED(&s->queue.lock);
	int code = s->queue.lost.code;
	if (code != 0) {
		err_set(err, code, "acknowledged writes were lost: %s", s->queue.lost.msg);
		err_clear(&s->queue.lost);
	}
	return -code;
}

/* ---- requests ---- */

/* Under queue.lock. The daemon's signals are for its main thread. */
static int start_writer(struct store *s, struct err *err)
{
	if (s->queue.joinable) {
		/* It said `running = false` and takes no lock after that. */
		pthread_join(s->queue.thread, NULL);
		s->queue.joinable = false;
	}
	sigset_t all;
	sigset_t old;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int rc = pthread_create(&s->queue.thread, NULL, writer_main, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0) {
		return err_set(err, rc, "%s: no thread for writing: %s", s->label, strerror(rc));
	}
	s->queue.joinable = true;
	s->queue.running = true;
	return 0;
}

static int submit_locked(struct store *s, struct write_request *req)
{
	LOCKED(&s->queue.lock);
	if (!s->queue.running) {
		int rc = start_writer(s, req->err);
		if (rc != 0) {
			return rc;
		}
	}
	list_push(&s->queue.waiting, req);
	pthread_cond_signal(&s->queue.wake);
	while (!req->done) {
		pthread_cond_wait(&req->answered, &s->queue.lock);
	}
	return req->result;
}

int queue_submit(struct store *s, struct write_request *req)
{
	pthread_cond_init(&req->answered, NULL);
	int rc = submit_locked(s, req);
	pthread_cond_destroy(&req->answered);
	return rc;
}

/* Under queue.lock. */
static void answer(struct write_request *req, int result)
{
	req->result = result;
	req->done = true;
	pthread_cond_signal(&req->answered);
}

void queue_answer(struct store *s, struct write_request *req, int result)
{
	LOCKED(&s->queue.lock);
	answer(req, result);
}

void queue_answer_all(struct store *s, struct request_list *list, const struct err *why)
{
	LOCKED(&s->queue.lock);
	struct write_request *req;
	while ((req = list_pop(list)) != NULL) {
		answer(req, why->code != 0 ? err_set(req->err, why->code, "%s", why->msg) : 0);
	}
}

bool queue_acknowledge(struct store *s, struct write_request *req)
{
	LOCKED(&s->queue.lock);
	for (unsigned i = 0; i < req->n_keys; i++) {
		pending_add(&s->queue.pending, req->keys[i]);
	}
	if (req->n_keys == 0) {
		pending_add(&s->queue.pending, STORE_ALL_KEYS);
	}
	atomic_fetch_add(&s->n_pending, 1);
	answer(req, 0);
	return s->queue.want_commit;
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS};
}

bool queue_take(struct store *s, struct request_list *out)
{
	int64_t until = writer_deadline(&s->txn);
	struct timespec ts = timespec_of(until);
	LOCKED(&s->queue.lock);
	while (s->queue.waiting.head == NULL && !s->queue.stop && !s->queue.want_commit &&
		clock_monotonic() < until) {
		pthread_cond_timedwait(&s->queue.wake, &s->queue.lock, &ts);
	}
	*out = s->queue.waiting;
	s->queue.waiting = (struct request_list){0};
	bool go_on = out->head != NULL || (!s->queue.stop && !writer_is_idle(&s->txn));
	s->queue.running = go_on;
	return go_on;
}

struct write_request *queue_more(struct store *s)
{
	LOCKED(&s->queue.lock);
	return list_pop(&s->queue.waiting);
}

void queue_stop(struct store *s)
{
	bool join;
	{
		LOCKED(&s->queue.lock);
		s->queue.stop = true;
		pthread_cond_signal(&s->queue.wake);
		join = s->queue.joinable;
		s->queue.joinable = false;
	}
	if (join) {
		pthread_join(s->queue.thread, NULL);
	}
}
