/* Whose turn it is to write, and the queue of those who wait.
 *
 * One thread at a time has the turn (queue.taken) and with it store_txn: the
 * writer's connection and all that goes with it. A caller who finds the turn
 * free and nobody waiting takes it and executes its own write, which wakes no
 * thread: a hand-over to the writer thread and back costs twice what a write
 * does. When the turn is taken it queues its request and sleeps; the writer
 * thread, told by whoever gives the turn back, then takes all that wait as one
 * group. Where a group shares a commit, callers also queue as long as the last
 * group had several: those who come one after the other would otherwise each
 * commit alone. Who brings a group along need not wait for another.
 *
 * The writer thread sleeps until `alarm`, writer_deadline() as it was when it
 * fell asleep; who leaves with an earlier deadline wakes it. When it has work
 * and finds the turn taken it says so (thread_due), and callers queue until it
 * had its turn: they cannot keep it from a commit or a checkpoint.
 *
 * Those who gather while a group is worked on are of one round and are woken by one
 * broadcast once all are answered and the lock is free.
 *
 * Requests live on the stack of the thread that waits for the answers; one is
 * the executing thread's from queue_submit() until queue_answer() sets `done`
 * under queue.lock. The writer thread is started by the first request and ends
 * when there was nothing to do for a while; the next request starts another. */
#include "engines/store/store_impl.h"

#include <errno.h>
#include <time.h>

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

/* ---- the turn; all under queue.lock ---- */

/* Free, and nobody is to have it first. */
static bool take_turn(struct store *s)
{
	if (s->queue.taken || s->queue.thread_due || s->queue.want_commit ||
		s->queue.waiting.head != NULL) {
		return false;
	}
	s->queue.taken = true;
	return true;
}

/* Whether a caller had better join a group. The turn is free. */
static bool groups_pay(const struct store *s)
{
	return s->sync != STORE_SYNC_INTERVAL && s->txn.last_group > 1;
}

/* Whether the writer thread, asleep, should look again. The turn is free. */
static bool thread_is_needed(const struct store *s)
{
	return s->queue.waiting.head != NULL || s->queue.want_commit || s->queue.thread_due ||
	       writer_deadline(&s->txn) < s->queue.alarm;
}

void queue_leave(struct store *s)
{
	LOCKED(&s->queue.lock);
	s->queue.taken = false;
	if (thread_is_needed(s)) {
		pthread_cond_signal(&s->queue.wake);
	}
}

bool queue_has_pending(struct store *s, uint64_t key)
{
	LOCKED(&s->queue.lock);
	return pending_has(&s->queue.pending, key);
}

/* True: this thread got the turn, to commit. False: somebody committed. */
static bool commit_or_wait(struct store *s, uint64_t key)
{
	LOCKED(&s->queue.lock);
	if (!pending_has(&s->queue.pending, key)) {
		return false;
	}
	if (take_turn(s)) {
		return true;
	}
	uint64_t seen = s->queue.settlements;
	s->queue.want_commit = true;
	pthread_cond_signal(&s->queue.wake);
	while (s->queue.settlements == seen) {
		pthread_cond_wait(&s->queue.settled, &s->queue.lock);
	}
	return false;
}

void queue_wait_pending(struct store *s, uint64_t key)
{
	if (commit_or_wait(s, key)) {
		writer_commit(&s->txn);
		queue_leave(s);
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
	int rc = thread_start(&s->queue.thread, writer_main, s);
	if (rc != 0) {
		return err_set(err, rc, "%s: no thread for writing: %s", s->label, strerror(rc));
	}
	s->queue.joinable = true;
	s->queue.running = true;
	return 0;
}

/* Under queue.lock. Returns when all are answered. */
static void wait_in_line(struct store *s, struct write_request *reqs, unsigned n)
{
	unsigned round = s->queue.round;
	for (unsigned i = 0; i < n; i++) {
		reqs[i].round = round;
		list_push(&s->queue.waiting, &reqs[i]);
	}
	if (!s->queue.taken) {
		pthread_cond_signal(&s->queue.wake);
	}
	for (unsigned i = 0; i < n; i++) {
		while (!reqs[i].done) {
			pthread_cond_wait(&s->queue.answered[round], &s->queue.lock);
		}
	}
}

/* True when this thread got the turn; else they are answered. */
static bool take_or_wait(struct store *s, struct write_request *reqs, unsigned n, bool join)
{
	LOCKED(&s->queue.lock);
	int rc = s->queue.running ? 0 : start_writer(s, reqs[0].err);
	if (rc != 0) {
		for (unsigned i = 0; i < n; i++) {
			reqs[i].result = err_set(reqs[i].err, -rc, "%s", reqs[0].err->msg);
		}
		return false;
	}
	if (!s->queue.taken && !(join && groups_pay(s)) && take_turn(s)) {
		return true;
	}
	wait_in_line(s, reqs, n);
	return false;
}

int queue_submit(struct store *s, struct write_request *req)
{
	if (take_or_wait(s, req, 1, true)) {
		writer_execute(&s->txn, req, 1);
		queue_leave(s);
	}
	return req->result;
}

void queue_submit_group(struct store *s, struct write_request *reqs, unsigned n)
{
	if (take_or_wait(s, reqs, n, false)) {
		writer_execute(&s->txn, reqs, n);
		queue_leave(s);
	}
}

/* Under queue.lock. */
static void answer(struct store *s, struct write_request *req, int result)
{
	req->result = result;
	req->done = true;
	s->queue.to_wake[req->round] = true;
}

void queue_answer(struct store *s, struct write_request *req, int result)
{
	LOCKED(&s->queue.lock);
	answer(s, req, result);
}

void queue_answer_all(struct store *s, struct request_list *list, const struct err *why)
{
	LOCKED(&s->queue.lock);
	struct write_request *req;
	while ((req = list_pop(list)) != NULL) {
		answer(s, req, why->code != 0 ? err_set(req->err, why->code, "%s", why->msg) : 0);
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
	answer(s, req, 0);
	return s->queue.want_commit;
}

void queue_wake(struct store *s)
{
	bool to_wake[2];
	{
		LOCKED(&s->queue.lock);
		memcpy(to_wake, s->queue.to_wake, sizeof(to_wake));
		memset(s->queue.to_wake, 0, sizeof(to_wake));
	}
	/* Not under the lock, for which all of them would then wait. */
	for (unsigned i = 0; i < 2; i++) {
		if (to_wake[i]) {
			pthread_cond_broadcast(&s->queue.answered[i]);
		}
	}
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){.tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS};
}

/* Under queue.lock, which it gives up. */
static void sleep_until(struct store *s, int64_t until)
{
	s->queue.alarm = until;
	if (until == INT64_MAX) {
		pthread_cond_wait(&s->queue.wake, &s->queue.lock);
	} else {
		struct timespec ts = timespec_of(until);
		pthread_cond_timedwait(&s->queue.wake, &s->queue.lock, &ts);
	}
	s->queue.alarm = 0;
}

/* Under queue.lock: sleeps until the turn is free and there is something to do,
 * if only to end. */
static void wait_for_work(struct store *s)
{
	for (;;) {
		bool taken = s->queue.taken;
		int64_t until = taken ? INT64_MAX : writer_deadline(&s->txn);
		bool due = s->queue.waiting.head != NULL || s->queue.stop || s->queue.want_commit ||
			   clock_monotonic_ns() >= until;
		s->queue.thread_due = due;
		if (due && !taken) {
			break;
		}
		sleep_until(s, until);
	}
	s->queue.thread_due = false;
}

bool queue_take(struct store *s, struct request_list *out)
{
	LOCKED(&s->queue.lock);
	wait_for_work(s);
	*out = s->queue.waiting;
	s->queue.waiting = (struct request_list){0};
	s->queue.round ^= 1;
	bool go_on = out->head != NULL || (!s->queue.stop && !writer_is_idle(&s->txn));
	s->queue.running = go_on;
	s->queue.taken = go_on;
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
