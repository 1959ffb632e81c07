/* An open item: the write path.
 *
 * Reading. The content is read whole when the file is opened and stays that for
 * this handle, whatever happens to the item. Handles on one inode share the
 * kernel's page cache, though, and its idea of the size; so a handle reads
 * through the cache only while all others that do have the same version and
 * nobody writes. Every other handle is served directly from its own copy. When
 * the first cached handle on a new version comes, the old pages are dropped, and
 * a small file's content is put into the cache along with the answer to OPEN, so
 * that no READ follows.
 *
 * Writing. Bytes collect in the handle; flush (each close), fsync and the
 * rename of a scratch file commit them, if there is anything new. The engine
 * replaces the item if it is still the version this handle read; a handle that
 * truncated before it wrote anything replaces whatever is there.
 *
 * What does not commit: a flush before the first write (a shell duplicating the
 * descriptor); a truncation after which nothing was written; a flush by another
 * process than the opener's that finds the text merely incomplete ("{ cat a;
 * cat b; } > f": each cat closes its copy of the descriptor).
 *
 * Refusing. While text is appended, the engine follows it (a draft) and fails
 * the write(2) after which nothing could make it valid; text that could be
 * whole is checked in full at once, since many programs never look at what
 * close(2) says. What was refused is kept under .rejected/, and every further
 * close of this handle repeats the errno. */
#include "fs/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "fs/reply.h"

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

struct item {
	uint64_t version; /* the content's; ENGINE_VERSION_ABSENT for a new item */
	uint64_t changes; /* nodes.changes when it was opened */
	pid_t opener;
	unsigned form;
	bool writable;
	bool cached;	/* counted in node.cache.n_cached, else in n_direct */
	bool pending;	/* counted in node.n_pending */
	bool overwrite; /* truncated first: replaces any version */
	bool read;	/* its content was read: the program builds on it */
	bool truncated; /* emptied, and nothing written since */
	bool dirty;	/* written since the last commit */
	bool committed;
	bool told;    /* something was refused before: it is in the error log */
	bool refused; /* the content as it stands; errno is in refusal */
	int refusal;
	bool no_draft; /* edited in the middle: checked at commit only */
	struct engine_draft *draft;
	size_t fed; /* bytes the draft has seen */
};

static void drop_draft(struct item *it)
{
	engine_draft_free(it->draft);
	it->draft = NULL;
	it->fed = 0;
}

/* Keeps the text, writes the line to the error log, and leaves only the errno
 * in err: what follows must not log it again. */
static void refuse_text(struct mount *m, struct node *dir, const char *name, uid_t uid,
	const char *op, struct slice text, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf kept = BUF_INIT;
	struct err lost = {0};
	struct err full = {0};
	node_text(&m->nodes, dir, &path);
	if (text.n > 0) {
		side_reject(&m->side, buf_cstr(&path), name, text, &kept, &lost);
	}
	if (kept.n > 0) {
		err_set(&full, err->code,
			"%.700s; nothing was saved, the text is kept as .rejected/%s", err->msg,
			buf_cstr(&kept));
	} else if (lost.code != 0) {
		err_set(&full, err->code,
			"%.700s; nothing was saved, and the text could not be kept: %s", err->msg,
			lost.msg);
	} else {
		err_set(&full, err->code, "%.900s; nothing was saved", err->msg);
	}
	report_error(m, uid, op, dir, name, &full);
	metrics_add(&m->metrics.refused, 1);
	err->msg[0] = '\0';
}

static void refuse(struct handle *h, const char *op, struct err *err)
{
	struct item *it = h->state;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct node *dir = node_place(&h->m->nodes, h->node, &name);
	refuse_text(h->m, dir, buf_cstr(&name), h->uid, op, buf_slice(&h->content), err);
	node_unref(&h->m->nodes, dir);
	it->refused = true;
	it->told = true;
	it->refusal = err->code;
	it->dirty = false;
	drop_draft(it);
}

bool handle_tell_twins(
	struct mount *m, struct node *dir, const struct node_path *where, unsigned form)
{
	struct engine_level level;
	struct err ignored = {0};
	struct epath up = epath_parent(&where->path);
	if (engine_level(where->engine, &up, &level, &ignored) < 0 || level.n_forms < 2) {
		return false;
	}
	bool readers = false;
	for (unsigned f = 0; f < level.n_forms; f++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		if (f == form) {
			continue;
		}
		name_print(where->path.key[up.depth], &level.names, f, &name);
		struct node *twin = node_peek(&m->nodes, dir, buf_cstr(&name));
		if (twin != NULL) {
			pthread_mutex_lock(&m->nodes.lock);
			readers = readers || twin->cache.n_cached > 0;
			pthread_mutex_unlock(&m->nodes.lock);
			notify_attr_now(m->session, node_number(m, twin));
			notify_name(m->notify, dir, buf_cstr(&name));
			node_unref(&m->nodes, twin);
		}
	}
	return readers;
}

/* The file that was being made is an item now, or never will be. */
static void settle_pending(struct handle *h)
{
	struct item *it = h->state;
	if (!it->pending) {
		return;
	}
	pthread_mutex_lock(&h->m->nodes.lock);
	h->node->n_pending--;
	pthread_mutex_unlock(&h->m->nodes.lock);
	it->pending = false;
	if (!it->committed) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		struct node *dir = node_place(&h->m->nodes, h->node, &name);
		notify_node(h->m->notify, h->node);
		notify_name(h->m->notify, dir, buf_cstr(&name));
		node_unref(&h->m->nodes, dir);
	}
}

static int check_place(struct handle *h, struct err *err)
{
	const struct item *it = h->state;
	LOCKED(&h->m->nodes.lock);
	if (h->node->type != NODE_KEY) {
		return err_set(err, EBUSY, "the item was renamed since it was opened");
	}
	if (h->node->unlinked && !(it->pending && !it->committed)) {
		return err_set(err, ENOENT, "the item was removed since it was opened");
	}
	return 0;
}

static void wait_for_readers(struct mount *m, struct node *n)
{
	struct node_cache *c = &n->cache;
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

struct node *handle_hold(struct mount *m, struct node *dir, const char *name)
{
	struct node *n = node_peek(&m->nodes, dir, name);
	if (n == NULL) {
		return NULL;
	}
	pthread_mutex_lock(&m->nodes.lock);
	n->cache.n_writers++;
	pthread_mutex_unlock(&m->nodes.lock);
	return n;
}

void handle_unhold(struct mount *m, struct node *n)
{
	if (n == NULL) {
		return;
	}
	pthread_mutex_lock(&m->nodes.lock);
	n->cache.n_writers--;
	bool readers = n->cache.n_cached > 0;
	pthread_mutex_unlock(&m->nodes.lock);
	notify_attr_now(m->session, node_number(m, n));
	if (readers) {
		/* The inode stays theirs; the next lookup gets another. */
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		struct node *dir = node_place(&m->nodes, n, &name);
		notify_name(m->notify, dir, buf_cstr(&name));
		node_unref(&m->nodes, dir);
	}
	node_unref(&m->nodes, n);
}

/* The version that the text may replace. */
static uint64_t expected(const struct handle *h)
{
	const struct item *it = h->state;
	return it->overwrite || h->node->replaces ? ENGINE_VERSION_ANY : it->version;
}

/* In `dir` under `name`, where the handle's node stands. */
static int store_at(struct handle *h, struct node *dir, const char *name, struct err *err)
{
	struct mount *m = h->m;
	struct item *it = h->state;
	CLEANUP(node_path_free) struct node_path where = {0};
	struct engine_info info;
	int rc = check_place(h, err);
	rc = rc == 0 ? node_path(&m->nodes, h->node, &where, err) : rc;
	if (rc < 0) {
		return rc;
	}
	if (m->opts->sync != MOUNTOPTS_SYNC_INTERVAL) {
		loop_yield();
	}
	/* Another node may have the name by now: a file renamed onto it since this
	 * handle was opened. What is committed shows there. */
	struct node *holder = handle_hold(m, dir, name);
	rc = engine_write(where.engine, &where.path, it->form, buf_slice(&h->content), expected(h),
		&info, err);
	m->nodes.changes++;
	handle_unhold(m, holder);
	if (rc < 0) {
		return rc;
	}
	/* A handle that overwrites may make an item that went meanwhile. */
	bool may_be_new = it->version == ENGINE_VERSION_ABSENT ||
			  (it->overwrite && it->changes + 1 != m->nodes.changes);
	if (may_be_new) {
		notify_list_now(m->session, node_number(m, dir));
	}
	it->version = info.version;
	if (handle_tell_twins(m, dir, &where, it->form)) {
		notify_drain(m->notify); /* until then a stat would tell of what they read */
	}
	return 0;
}

static int store_content(struct handle *h, struct err *err)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct node *dir = node_place(&h->m->nodes, h->node, &name);
	int rc = store_at(h, dir, buf_cstr(&name), err);
	node_unref(&h->m->nodes, dir);
	return rc;
}

static bool made_in_vain(struct handle *h)
{
	const struct item *it = h->state;
	LOCKED(&h->m->nodes.lock);
	return it->pending && h->node->unlinked;
}

static int commit(struct handle *h, const char *op, struct err *err)
{
	struct item *it = h->state;
	if (made_in_vain(h)) {
		it->dirty = false; /* made and removed again before it was closed */
		return 0;
	}
	int rc = store_content(h, err);
	if (rc < 0) {
		refuse(h, op, err);
		return rc;
	}
	it->dirty = false;
	it->committed = true;
	it->overwrite = false;
	settle_pending(h);
	metrics_add(&h->m->metrics.commits, 1);
	return 0;
}

static int item_read(
	struct handle *h, off_t off, size_t n, struct slice *out, struct buf *tmp, struct err *err)
{
	struct item *it = h->state;
	it->read = true;
	return handle_read_content(h, off, n, out, tmp, err);
}

/* ---- writing ---- */

static int check_text(const struct handle *h, const struct node_path *where, struct err *err)
{
	const struct item *it = h->state;
	return engine_check(
		where->engine, &where->path, it->form, buf_slice(&h->content), expected(h), err);
}

/* Most files are written at once: then one check is all they need, no draft. */
static bool is_whole(const struct handle *h, const struct node_path *where)
{
	struct err ignored = {0};
	return engine_ops(where->engine)->check != NULL && check_text(h, where, &ignored) == 0;
}

static int follow_draft(struct handle *h, struct err *err)
{
	struct item *it = h->state;
	CLEANUP(node_path_free) struct node_path where = {0};
	int rc = node_path(&h->m->nodes, h->node, &where, err);
	if (rc < 0 || (it->draft == NULL && is_whole(h, &where))) {
		return rc;
	}
	if (it->draft == NULL) {
		it->draft = engine_draft_new(where.engine, &where.path, it->form);
		if (it->draft == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
	}
	struct slice more = slice_make(h->content.p + it->fed, h->content.n - it->fed);
	it->fed = h->content.n;
	rc = engine_draft_feed(it->draft, more, err);
	if (rc == 0 && engine_draft_complete(it->draft)) {
		rc = check_text(h, &where, err);
	}
	return rc;
}

static int check_length(const struct handle *h, uint64_t end, struct err *err)
{
	if (end <= h->m->opts->max_file_size) {
		return 0;
	}
	return err_set(err, EFBIG,
		"the text would have %llu bytes, at most %llu are taken "
		"(max_file_size=)",
		(unsigned long long)end, (unsigned long long)h->m->opts->max_file_size);
}

static int item_write(struct handle *h, struct slice data, off_t off, bool append, struct err *err)
{
	struct item *it = h->state;
	size_t at = append ? h->content.n : (size_t)off;
	int rc = check_length(h, (uint64_t)at + data.n, err);
	if (rc < 0) {
		refuse(h, "write", err);
		return rc;
	}
	bool at_end = at == h->content.n;
	if (at + data.n > h->content.n && !buf_resize(&h->content, at + data.n)) {
		h->content.failed = false;
		return err_set(err, ENOMEM, "out of memory");
	}
	memcpy(h->content.p + at, data.p, data.n);
	if (it->refused && at_end) {
		/* Still the text that was refused: the program did not listen. */
		err->code = it->refusal;
		return -it->refusal;
	}
	it->refused = false;
	it->dirty = true;
	it->truncated = false;
	if (!at_end) {
		it->no_draft = true;
		drop_draft(it);
	}
	if (!it->no_draft) {
		rc = follow_draft(h, err);
		if (rc < 0) {
			refuse(h, "write", err);
		}
	}
	return rc;
}

static int item_truncate(struct handle *h, off_t size, struct err *err)
{
	struct item *it = h->state;
	int rc = check_length(h, (uint64_t)size, err);
	if (rc < 0) {
		return rc;
	}
	if ((size_t)size == h->content.n && size != 0) {
		return 0;
	}
	if (!buf_resize(&h->content, (size_t)size)) {
		h->content.failed = false;
		return err_set(err, ENOMEM, "out of memory");
	}
	if (size == 0) {
		/* Read, changed and saved: that is no overwriting of whatever is there. */
		it->overwrite = it->overwrite || (!it->dirty && !it->read);
		it->truncated = true;
	}
	it->dirty = size != 0;
	it->refused = false;
	it->no_draft = size != 0;
	drop_draft(it);
	return 0;
}

static bool text_incomplete(struct handle *h)
{
	struct item *it = h->state;
	struct err ignored = {0};
	if (it->no_draft || it->draft == NULL || it->fed != h->content.n) {
		return follow_draft(h, &ignored) == 0 && it->draft != NULL &&
		       !engine_draft_complete(it->draft);
	}
	return !engine_draft_complete(it->draft);
}

static int item_flush(struct handle *h, pid_t pid, struct err *err)
{
	struct item *it = h->state;
	if (it->refused) {
		err->code = it->refusal;
		return -it->refusal;
	}
	if (!it->dirty) {
		return 0;
	}
	if (!it->no_draft && !handle_same_process(pid, it->opener) && text_incomplete(h)) {
		return 0;
	}
	return commit(h, "close", err);
}

static int item_sync(struct handle *h, struct err *err)
{
	struct item *it = h->state;
	if (it->refused) {
		err->code = it->refusal;
		return -it->refusal;
	}
	loop_yield();
	int rc = it->dirty ? commit(h, "fsync", err) : 0;
	if (rc < 0) {
		return rc;
	}
	CLEANUP(node_path_free) struct node_path where = {0};
	rc = node_path(&h->m->nodes, h->node, &where, err);
	return rc < 0 ? rc : engine_sync(where.engine, &where.path, err);
}

static void note_nothing_stored(struct handle *h)
{
	struct item *it = h->state;
	struct err err = {0};
	if (it->pending) {
		err_set(&err, EINVAL, "closed without any content: no item was made");
	} else {
		err_set(&err, EINVAL,
			"truncated, and closed without any content: the item is "
			"as it was (rm removes it)");
	}
	report_error(h->m, h->uid, "close", h->node, NULL, &err);
}

static void uncount(struct handle *h)
{
	const struct item *it = h->state;
	struct node_cache *c = &h->node->cache;
	LOCKED(&h->m->nodes.lock);
	if (it->cached) {
		if (--c->n_cached == 0) {
			c->has_stayer = false;
			c->renew = false;
			pthread_cond_broadcast(&h->m->nodes.readers_gone);
		}
	} else {
		c->n_direct--;
	}
	if (it->writable) {
		c->n_writers--;
	}
}

static void item_finish(struct handle *h)
{
	struct item *it = h->state;
	struct err err = {0};
	if (it == NULL) {
		return;
	}
	if (it->dirty) {
		/* Left to an opener that never closed it: its last chance. */
		commit(h, "close", &err);
	} else if (it->truncated && !it->committed && !it->told && !made_in_vain(h)) {
		note_nothing_stored(h);
	}
	settle_pending(h);
	drop_draft(it);
	uncount(h);
	free(it);
}

static const struct handle_ops item_ops = {
	.read = item_read,
	.write = item_write,
	.truncate = item_truncate,
	.flush = item_flush,
	.sync = item_sync,
	.size = handle_size_content,
	.finish = item_finish,
};

/* ---- opening ---- */

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
static bool open_elsewhere(struct handle *h)
{
	const struct item *it = h->state;
	struct node *n = h->node;
	if (n->cache.n_cached > 0 && (it->writable || node_frozen(n, it->version))) {
		n->cache.renew = true;
		n->cache.contended_ns = it->writable ? monotonic_ns() : n->cache.contended_ns;
		if (send_again(h->m, it->opener)) {
			return true;
		}
	}
	sent_again_done(h->m, it->opener);
	return false;
}

/* Counts the handle and decides how it reads; *drop: the kernel's pages are of
 * another version and must go before the answer. -ESTALE: not here. */
static int join_cache(struct handle *h, struct handle_mode *mode, bool *drop)
{
	struct item *it = h->state;
	struct node_cache *c = &h->node->cache;
	LOCKED(&h->m->nodes.lock);
	*drop = false;
	if (open_elsewhere(h)) {
		return -ESTALE;
	}
	if (it->pending) {
		h->node->n_pending++;
	}
	if (it->writable) {
		c->n_writers++;
	}
	bool others_agree = c->n_cached == 0 ||
			    (c->open_version == it->version && c->page_version == it->version);
	bool busy = c->n_writers > 0 ||
		    (c->contended_ns != 0 && monotonic_ns() - c->contended_ns < CONTENDED_NS);
	/* The kernel may hold the size of a newer one: read before, opened after. */
	bool old = c->attr_version > it->version;
	if (it->writable || busy || old || c->dropping || !others_agree) {
		c->n_direct++;
		mode->direct = true;
		return 0;
	}
	it->cached = true;
	c->n_cached++;
	c->open_version = it->version;
	c->open_size = h->content.n;
	mode->keep_cache = true;
	mode->no_flush = true;
	/* The size, too, must be of this version, or never have been told. */
	if (c->page_version != it->version || c->attr_version != it->version) {
		*drop = c->page_version != 0 || c->attr_version != it->version;
		c->dropping = *drop;
		c->page_version = it->version;
		c->attr_version = it->version;
		mode->store = h->content.n > 0 && h->content.n <= STORE_MAX_BYTES && !*drop;
	}
	return 0;
}

/* Safe from here although it waits for pages being read: no handle was reading
 * through the cache when `dropping` was set. */
static void drop_pages(struct handle *h)
{
	pthread_mutex_lock(&h->m->nodes.lock);
	bool others = h->node->cache.n_direct > 0;
	pthread_mutex_unlock(&h->m->nodes.lock);
	if (others) {
		loop_yield(); /* but for a private mapping of one served directly */
	}
	fuse_lowlevel_notify_inval_inode(h->m->session, node_number(h->m, h->node), 0, 0);
	LOCKED(&h->m->nodes.lock);
	h->node->cache.dropping = false;
}

static int load(struct handle *h, const struct node_path *where, int flags, struct err *err)
{
	struct item *it = h->state;
	struct engine_info info;
	if (it->pending) {
		it->overwrite = (flags & O_TRUNC) && !(flags & O_EXCL);
		it->truncated = true;
		return 0;
	}
	if (flags & O_TRUNC) {
		it->version = ENGINE_VERSION_ANY;
		it->overwrite = true;
		it->truncated = true;
		return 0;
	}
	int rc = engine_read(where->engine, &where->path, it->form, &h->content, &info, err);
	if (rc == 0) {
		it->version = info.version;
	}
	return rc;
}

static int check_writable(const struct node_path *where, struct err *err)
{
	if (!engine_read_only(where->engine)) {
		return 0;
	}
	return err_set(err, EROFS, "this part of %s is read-only", engine_service(where->engine));
}

/* Not when one of those who make it has committed already. */
static bool is_being_made(struct mount *m, struct node *n, const struct node_path *where)
{
	struct engine_info info;
	struct err err = {0};
	pthread_mutex_lock(&m->nodes.lock);
	bool pending = n->n_pending > 0;
	unsigned form = n->form;
	pthread_mutex_unlock(&m->nodes.lock);
	return pending && engine_stat(where->engine, &where->path, form, &info, &err) == -ENOENT;
}

int handle_open_item(struct mount *m, struct node *node, int flags, bool create,
	const struct fuse_ctx *who, struct handle **out, struct handle_mode *mode, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	bool writable = (flags & O_ACCMODE) != O_RDONLY || (flags & O_TRUNC);
	int rc = node_path(&m->nodes, node, &where, err);
	if (rc == 0 && writable) {
		rc = check_writable(&where, err);
	}
	if (rc < 0) {
		return rc;
	}
	struct handle *h = handle_new(m, node, &item_ops, err);
	struct item *it = h != NULL ? calloc(1, sizeof(*it)) : NULL;
	if (it == NULL) {
		handle_free(h);
		return err_set(err, ENOMEM, "out of memory");
	}
	h->uid = who->uid;
	it->changes = m->nodes.changes;
	it->opener = who->pid;
	it->form = node->form;
	it->writable = writable;
	/* A second writer of a name that has no item yet creates it likewise. */
	it->pending = create || (writable && is_being_made(m, node, &where));
	h->state = it;
	rc = load(h, &where, flags, err);
	bool drop = false;
	rc = rc == 0 ? join_cache(h, mode, &drop) : rc;
	if (rc < 0) {
		h->state = NULL; /* not counted yet */
		free(it);
		handle_free(h);
		return rc;
	}
	if (writable) {
		wait_for_readers(m, node); /* after joining: those who come now go direct */
	}
	if (drop) {
		drop_pages(h);
		mode->store = h->content.n > 0 && h->content.n <= STORE_MAX_BYTES;
	}
	*out = h;
	return 0;
}

int handle_put(struct mount *m, const struct handle_target *target, struct slice text,
	uint64_t expect, uid_t uid, const char *op, struct err *err)
{
	struct engine_info info;
	struct node *holder = handle_hold(m, target->dir, target->name);
	int rc = engine_write(target->where->engine, &target->where->path, target->form, text,
		expect, &info, err);
	m->nodes.changes++;
	handle_unhold(m, holder);
	if (rc < 0) {
		refuse_text(m, target->dir, target->name, uid, op, text, err);
	} else {
		metrics_add(&m->metrics.commits, 1);
		handle_tell_twins(m, target->dir, target->where, target->form);
	}
	return rc;
}
