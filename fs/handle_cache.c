/* Handles on one item share what the kernel caches of it.
 *
 * An item's content is read whole when the file is opened and stays that for
 * this handle, whatever happens to the item. Handles on one inode share the
 * kernel's page cache, though, and its idea of the size; so a handle reads
 * through the cache only while all others that do have the same version and
 * nobody writes. Every other handle is served directly from its own copy. When
 * the first cached handle on a new version comes, the old pages are dropped, and
 * a small file's content is put into the cache along with the answer to OPEN, so
 * that no READ follows. */
#include <errno.h>
#include <limits.h>
#include <time.h>

#include "engines/common/cleanup.h"
#include "fs/handle.h"

/* Larger content is fetched by READ requests: storing it would keep the reader
 * of /dev/fuse busy. */
#define STORE_MAX_BYTES ((size_t)128 * 1024)

/* The kernel's idea of the size is one for all handles, and opening with O_TRUNC
 * makes it 0: a reader between its open and its read would get nothing. So an
 * open for writing waits for those who read through the cache, but not long: a
 * reader that stays has read by then. Where readers and writers met, readers go
 * direct for a while. */
#define READERS_WAIT_MS 100
#define CONTENDED_NS	INT64_C(2000000000)

/* ---- who reads through it ---- */

/* The kernel answers ESTALE by looking the name up anew and opening what it finds,
 * once: a second ESTALE would be the program's. A slot holds the thread that was
 * sent to look again. */
static bool send_again(struct mount *m, pid_t pid)
{
	_Atomic pid_t *slot = &m->sent_again[(unsigned)pid % MOUNT_SENT_AGAIN];
	return atomic_exchange(slot, pid) != pid;
}

static void sent_again_done(struct mount *m, pid_t pid)
{
	_Atomic pid_t *slot = &m->sent_again[(unsigned)pid % MOUNT_SENT_AGAIN];
	atomic_compare_exchange_strong(slot, &(pid_t){pid}, 0);
}

/* The kernel has one size and one set of pages an inode, and a writer changes both
 * (O_TRUNC makes the size 0 at once). So a writer, or a reader of newer content,
 * does not open the inode that others read through the page cache: it is sent to
 * look the name up again, and that lookup gets an inode of its own. Under
 * nodes.lock. */
static bool open_elsewhere(struct handle *h, const struct handle_share *s, uint64_t version)
{
	struct node *n = h->node;
	if (n->more->cache.n_cached > 0 && (s->writable || node_frozen(n, version))) {
		n->more->cache.renew = true;
		n->more->cache.contended_ns =
			s->writable ? monotonic_ns() : n->more->cache.contended_ns;
		if (send_again(h->m, s->opener)) {
			return true;
		}
	}
	sent_again_done(h->m, s->opener);
	return false;
}

/* Counts the handle and decides how it reads; *drop: the kernel's pages are of
 * another version and must go before the answer. -ESTALE: not here. */
static int join(struct handle *h, struct handle_share *s, uint64_t version,
	struct handle_mode *mode, bool *drop)
{
	struct node_cache *c = &h->node->more->cache;
	LOCKED(&h->m->nodes.lock);
	*drop = false;
	if (open_elsewhere(h, s, version)) {
		return -ESTALE;
	}
	if (s->pending) {
		h->node->more->n_pending++;
	}
	if (s->writable) {
		h->node->n_writers++;
	}
	bool others_agree =
		c->n_cached == 0 || (c->open_version == version && c->page_version == version);
	bool busy = h->node->n_writers > 0 ||
		    (c->contended_ns != 0 && monotonic_ns() - c->contended_ns < CONTENDED_NS);
	/* The kernel may hold the size of a newer one: read before, opened after. */
	bool old = h->node->attr_version > version;
	if (s->writable || busy || old || c->dropping || !others_agree || node_uncached(h->node)) {
		c->n_direct++;
		mode->direct = true;
		mode->no_flush = !s->writable;
		return 0;
	}
	s->cached = true;
	c->n_cached++;
	c->open_version = version;
	c->open_size = h->content.n;
	mode->keep_cache = true;
	mode->no_flush = true;
	/* The size, too, must be of this version, or never have been told. */
	if (c->page_version != version || h->node->attr_version != version) {
		*drop = c->page_version != 0 || h->node->attr_version != version;
		c->dropping = *drop;
		c->page_version = version;
		h->node->attr_version = version;
		mode->store = h->content.n > 0 && h->content.n <= STORE_MAX_BYTES && !*drop;
	}
	return 0;
}

/* Safe from here although it waits for pages being read: no handle was reading
 * through the cache when `dropping` was set. */
static void drop_pages(struct handle *h)
{
	pthread_mutex_lock(&h->m->nodes.lock);
	bool others = h->node->more->cache.n_direct > 0;
	pthread_mutex_unlock(&h->m->nodes.lock);
	if (others) {
		loop_yield(); /* but for a private mapping of one served directly */
	}
	fuse_lowlevel_notify_inval_inode(h->m->session, node_number(h->m, h->node), 0, 0);
	LOCKED(&h->m->nodes.lock);
	h->node->more->cache.dropping = false;
}

static void wait_for_readers(struct mount *m, struct node *n)
{
	struct node_cache *c = &n->more->cache;
	struct nodes *t = &m->nodes;
	struct timespec until;
	pthread_mutex_lock(&t->lock);
	bool wait = c->n_cached > 0 && !c->has_stayer;
	if (c->n_cached > 0 || (c->contended_ns != 0 && c->n_direct > 1)) {
		c->contended_ns = monotonic_ns();
	}
	pthread_mutex_unlock(&t->lock);
	if (!wait) {
		return;
	}
	loop_yield();
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += READERS_WAIT_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	LOCKED(&t->lock);
	while (c->n_cached > 0 && !c->has_stayer) {
		if (pthread_cond_timedwait(&t->readers_gone, &t->lock, &until) != 0) {
			c->has_stayer = c->n_cached > 0;
			return;
		}
	}
}

int handle_share_join(
	struct handle *h, struct handle_share *s, uint64_t version, struct handle_mode *mode)
{
	bool drop;
	int rc = join(h, s, version, mode, &drop);
	if (rc < 0) {
		return rc;
	}
	if (s->writable) {
		wait_for_readers(h->m, h->node); /* after joining: those who come now go direct */
	}
	if (drop) {
		drop_pages(h);
		mode->store = h->content.n > 0 && h->content.n <= STORE_MAX_BYTES;
	}
	return 0;
}

void handle_share_leave(struct handle *h, const struct handle_share *s)
{
	struct node_cache *c = &h->node->more->cache;
	LOCKED(&h->m->nodes.lock);
	if (s->cached) {
		if (--c->n_cached == 0) {
			c->has_stayer = false;
			c->renew = false;
			pthread_cond_broadcast(&h->m->nodes.readers_gone);
		}
	} else {
		c->n_direct--;
	}
	if (s->writable) {
		h->node->n_writers--;
	}
}

/* ---- changes from elsewhere ---- */

struct node *handle_hold(struct mount *m, struct node *dir, const char *name)
{
	struct node *n = node_peek(&m->nodes, dir, name);
	if (n == NULL) {
		return NULL;
	}
	pthread_mutex_lock(&m->nodes.lock);
	n->n_writers++;
	pthread_mutex_unlock(&m->nodes.lock);
	return n;
}

/* True: it is being read through the page cache. */
static bool release(struct mount *m, struct node *n)
{
	LOCKED(&m->nodes.lock);
	n->n_writers--;
	return n->more->cache.n_cached > 0;
}

void handle_unhold_old(struct mount *m, struct node *n)
{
	if (n != NULL) {
		release(m, n);
		node_unref(&m->nodes, n);
	}
}

void handle_unhold(struct mount *m, struct node *n)
{
	if (n == NULL) {
		return;
	}
	bool readers = release(m, n);
	notify_attr_now(m->notify, n);
	if (readers) {
		/* The inode stays theirs; the next lookup gets another. */
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		struct node *dir = node_place(&m->nodes, n, &name);
		notify_name(m->notify, dir, buf_cstr(&name));
		node_unref(&m->nodes, dir);
	}
	node_unref(&m->nodes, n);
}

/* All forms of the item at `path` but `form`, in `dir`. */
static bool tell_forms(struct mount *m, struct engine *e, struct node *dir,
	const struct epath *path, unsigned form)
{
	struct engine_level level;
	struct err ignored = {0};
	struct epath up = epath_parent(path);
	if (engine_level(e, &up, &level, &ignored) < 0 || level.tagged ||
		(level.n_forms < 2 && form == 0)) {
		return false;
	}
	bool readers = false;
	for (unsigned f = 0; f < level.n_forms; f++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		if (f == form) {
			continue;
		}
		name_print(path->key[up.depth], &level.names, f, &name);
		struct node *twin = node_peek(&m->nodes, dir, buf_cstr(&name));
		if (twin != NULL) {
			pthread_mutex_lock(&m->nodes.lock);
			readers = readers || twin->more->cache.n_cached > 0;
			pthread_mutex_unlock(&m->nodes.lock);
			notify_attr_now(m->notify, twin);
			notify_name(m->notify, dir, buf_cstr(&name));
			node_unref(&m->nodes, twin);
		}
	}
	return readers;
}

bool handle_tell_twins(
	struct mount *m, struct node *dir, const struct node_path *where, unsigned form)
{
	if (!dir->members) {
		return tell_forms(m, where->engine, dir, &where->path, form);
	}
	/* A member: the item's own file shows it, too. */
	struct epath item = epath_parent(&where->path);
	return tell_forms(m, where->engine, dir->parent, &item, UINT_MAX);
}
