#include "fs/handle.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engines/common/cleanup.h"

struct handle *handle_new(
	struct mount *m, struct node *node, const struct handle_ops *ops, struct err *err)
{
	struct handle *h = calloc(1, sizeof(*h));
	if (h == NULL) {
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	h->ops = ops;
	h->m = m;
	h->fd = -1;
	pthread_mutex_init(&h->lock, NULL);
	h->node = node;
	LOCKED(&m->nodes.lock);
	struct node_more *more = node_more(node);
	if (more == NULL) {
		pthread_mutex_destroy(&h->lock);
		free(h);
		err_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	node->refs++;
	h->refs = 1;
	h->next = more->handles;
	more->handles = h;
	return h;
}

pthread_mutex_t *handle_lock(struct handle *h)
{
	if (pthread_mutex_trylock(&h->lock) != 0) {
		loop_yield();
		pthread_mutex_lock(&h->lock);
	}
	return &h->lock;
}

void handle_ref(struct handle *h)
{
	LOCKED(&h->m->nodes.lock);
	h->refs++;
}

struct handle *handle_of_node(struct mount *m, struct node *n)
{
	LOCKED(&m->nodes.lock);
	struct handle *h = n->more->handles;
	if (h != NULL) {
		h->refs++;
	}
	return h;
}

/* True when that was the last reference; the handle is off its node's list. */
static bool drop_ref(struct handle *h)
{
	LOCKED(&h->m->nodes.lock);
	if (--h->refs > 0) {
		return false;
	}
	struct handle **p = &h->node->more->handles;
	while (*p != h) {
		p = &(*p)->next;
	}
	*p = h->next;
	return true;
}

void handle_free(struct handle *h)
{
	if (h == NULL || !drop_ref(h)) {
		return;
	}
	/* The request whose answer let the last descriptor go may still be letting
	 * go of the lock. */
	pthread_mutex_lock(&h->lock);
	pthread_mutex_unlock(&h->lock);
	if (h->ops->finish != NULL) {
		h->ops->finish(h);
	}
	if (h->fd >= 0) {
		close(h->fd);
	}
	buf_free(&h->content);
	node_unref(&h->m->nodes, h->node);
	pthread_mutex_destroy(&h->lock);
	free(h);
}

int handle_read_content(
	struct handle *h, off_t off, size_t n, struct slice *out, struct buf *tmp, struct err *err)
{
	(void)tmp;
	(void)err;
	size_t from = off < 0 || (size_t)off > h->content.n ? h->content.n : (size_t)off;
	size_t left = h->content.n - from;
	*out = slice_make(h->content.p != NULL ? h->content.p + from : NULL, left < n ? left : n);
	return 0;
}

int handle_size_content(struct handle *h, uint64_t *out, struct err *err)
{
	(void)err;
	*out = h->content.n;
	return 0;
}

bool handle_same_process(pid_t a, pid_t b)
{
	char task[64];
	if (a == b) {
		return true;
	}
	/* The kernel tells the thread; a program may open in one and close in another. */
	snprintf(task, sizeof(task), "/proc/%d/task/%d", (int)a, (int)b);
	return access(task, F_OK) == 0;
}

/* The link's text is the file's path as that process sees it, whatever it has mounted
 * where: it ends as ours does. */
static bool is_link_to(int dir, const char *name, const char *text, size_t n)
{
	char target[PATH_MAX];
	ssize_t len = readlinkat(dir, name, target, sizeof(target));
	return len > 0 && (size_t)len >= n && memcmp(target + len - n, text, n) == 0;
}

bool handle_is_open_in(struct handle *h, pid_t pid)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	char path[64];
	const struct dirent *e;
	bool found = false;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	DIR *d = opendir(path);
	if (d == NULL) {
		return false;
	}
	node_text(&h->m->nodes, h->node, &text);
	while (!found && (e = readdir(d)) != NULL) {
		found = is_link_to(dirfd(d), e->d_name, text.p, text.n);
	}
	closedir(d);
	return found;
}
