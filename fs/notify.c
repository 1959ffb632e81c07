/* Notices to the kernel go out from a thread of their own: to drop a name the
 * kernel takes the directory's lock, which the process holds whose mkdir or
 * rename is being served; sending it from there would wait for itself. */
#include "fs/notify.h"

#include <errno.h>
#include <stdlib.h>

#include <fuse3/fuse_lowlevel.h>

#include "engines/common/cleanup.h"

struct notice {
	struct notice *next;
	struct node *node; /* referenced; of a name notice: the directory */
	char *name;	   /* NULL: the node itself */
};

struct notify {
	struct fuse_session *se;
	struct nodes *nodes;
	pthread_t thread;
	pthread_mutex_t lock; /* guards the fields below */
	pthread_cond_t more;
	pthread_cond_t drained;
	struct notice *first;
	struct notice **last;
	uint64_t n_queued;
	uint64_t n_sent;
	bool stop;
};

static uint64_t number_of(struct notify *q, struct node *n)
{
	return n == q->nodes->root ? FUSE_ROOT_ID : (uint64_t)(uintptr_t)n;
}

static void send_notice(struct notify *q, const struct notice *x)
{
	/* An error means that the kernel does not know it: nothing to tell. */
	if (x->name != NULL) {
		int rc = fuse_lowlevel_notify_expire_entry(q->se, number_of(q, x->node), x->name,
			strlen(x->name), FUSE_LL_EXPIRE_ONLY);
		if (rc == -ENOSYS) { /* before Linux 6.2 a name can only be dropped */
			fuse_lowlevel_notify_inval_entry(
				q->se, number_of(q, x->node), x->name, strlen(x->name));
		}
	} else {
		fuse_lowlevel_notify_inval_inode(q->se, number_of(q, x->node), 0, 0);
	}
}

static void free_notice(struct notify *q, struct notice *x)
{
	node_unref(q->nodes, x->node);
	free(x->name);
	free(x);
}

static struct notice *take(struct notify *q)
{
	LOCKED(&q->lock);
	while (q->first == NULL && !q->stop) {
		pthread_cond_wait(&q->more, &q->lock);
	}
	struct notice *x = q->stop ? NULL : q->first;
	if (x != NULL) {
		q->first = x->next;
		if (q->first == NULL) {
			q->last = &q->first;
		}
	}
	return x;
}

static void *thread_main(void *arg)
{
	struct notify *q = arg;
	struct notice *x;
	while ((x = take(q)) != NULL) {
		send_notice(q, x);
		free_notice(q, x);
		LOCKED(&q->lock);
		q->n_sent++;
		pthread_cond_broadcast(&q->drained);
	}
	return NULL;
}

struct notify *notify_new(struct fuse_session *se, struct nodes *nodes, struct err *err)
{
	struct notify *q = calloc(1, sizeof(*q));
	if (q == NULL) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	q->se = se;
	q->nodes = nodes;
	q->last = &q->first;
	pthread_mutex_init(&q->lock, NULL);
	pthread_cond_init(&q->more, NULL);
	pthread_cond_init(&q->drained, NULL);
	if (pthread_create(&q->thread, NULL, thread_main, q) != 0) {
		err_set(err, EAGAIN, "cannot start a thread");
		free(q);
		return NULL;
	}
	return q;
}

void notify_stop(struct notify *q)
{
	LOCKED(&q->lock);
	q->stop = true;
	pthread_cond_broadcast(&q->more);
	pthread_cond_broadcast(&q->drained);
}

void notify_free(struct notify *q)
{
	if (q == NULL) {
		return;
	}
	notify_stop(q);
	pthread_join(q->thread, NULL);
	while (q->first != NULL) {
		struct notice *x = q->first;
		q->first = x->next;
		free_notice(q, x);
	}
	pthread_cond_destroy(&q->drained);
	pthread_cond_destroy(&q->more);
	pthread_mutex_destroy(&q->lock);
	free(q);
}

static void queue(struct notify *q, struct node *n, const char *name)
{
	struct notice *x = calloc(1, sizeof(*x));
	char *copy = name != NULL ? strdup(name) : NULL;
	if (x == NULL || (name != NULL && copy == NULL)) {
		free(x);
		free(copy);
		return;
	}
	node_ref(q->nodes, n);
	x->node = n;
	x->name = copy;
	LOCKED(&q->lock);
	*q->last = x;
	q->last = &x->next;
	q->n_queued++;
	pthread_cond_signal(&q->more);
}

void notify_node(struct notify *q, struct node *n)
{
	queue(q, n, NULL);
}

void notify_name(struct notify *q, struct node *parent, const char *name)
{
	queue(q, parent, name);
}

void notify_drain(struct notify *q)
{
	LOCKED(&q->lock);
	uint64_t until = q->n_queued;
	while (q->n_sent < until && !q->stop) {
		pthread_cond_wait(&q->drained, &q->lock);
	}
}

void notify_attr_now(struct notify *q, struct node *n)
{
	if (atomic_exchange(&n->kept, false)) {
		fuse_lowlevel_notify_inval_inode(q->se, number_of(q, n), -1, 0);
	}
}

void notify_list_now(struct notify *q, struct node *n)
{
	if (atomic_exchange(&n->kept, false)) {
		fuse_lowlevel_notify_inval_inode(q->se, number_of(q, n), 0, 0);
	}
}
