/* An open item: the write path (what handles share in the kernel's cache is
 * handle_cache.c).
 *
 * Writing. Bytes collect in the handle; flush (each close), fsync and the
 * rename of a scratch file commit them, if there is anything new. The engine
 * replaces the item if it is still the version this handle read; a handle that
 * truncated before it wrote anything replaces whatever is there.
 *
 * What does not commit: a flush before the first write (a shell duplicating the
 * descriptor); a truncation after which nothing was written, unless the empty text is
 * content like any other here (then the opener's last close commits it, which its
 * descriptors tell); a flush by another process than the opener's that finds the text
 * merely incomplete ("{ cat a; cat b; } > f": each cat closes its copy of the descriptor).
 *
 * Refusing. While text is appended, the engine follows it (a draft) and fails
 * the write(2) after which nothing could make it valid; text that could be
 * whole is checked in full at once, since many programs never look at what
 * close(2) says. What was refused is kept under .rejected/, and every further
 * close of this handle repeats the errno. */
#include "fs/handle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "fs/reply.h"
#include "fs/tree.h"

struct item {
	uint64_t version; /* the content's; ENGINE_VERSION_ABSENT for a new item */
	uint64_t changes; /* nodes.changes when it was opened */
	struct handle_share share;
	unsigned form;
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

void handle_refuse(struct mount *m, struct node *dir, const char *name, uid_t uid, const char *op,
	struct slice text, struct err *err)
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
	handle_refuse(h->m, dir, buf_cstr(&name), h->uid, op, buf_slice(&h->content), err);
	node_unref(&h->m->nodes, dir);
	it->refused = true;
	it->told = true;
	it->refusal = err->code;
	it->dirty = false;
	drop_draft(it);
}

/* The file that was being made is an item now, or never will be. */
static void settle_pending(struct handle *h)
{
	struct item *it = h->state;
	if (!it->share.pending) {
		return;
	}
	pthread_mutex_lock(&h->m->nodes.lock);
	h->node->more->n_pending--;
	pthread_mutex_unlock(&h->m->nodes.lock);
	it->share.pending = false;
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
	if (h->node->unlinked && !(it->share.pending && !it->committed)) {
		return err_set(err, ENOENT, "the item was removed since it was opened");
	}
	return 0;
}

/* The version that the text may replace. */
static uint64_t expected(const struct handle *h)
{
	const struct item *it = h->state;
	return it->overwrite || h->node->more->replaces ? ENGINE_VERSION_ANY : it->version;
}

static bool made_in_vain(struct handle *h)
{
	const struct item *it = h->state;
	LOCKED(&h->m->nodes.lock);
	return it->share.pending && h->node->unlinked;
}

void handle_commit_free(struct handle_commit *c)
{
	node_path_free(&c->where);
	if (c->dir != NULL) {
		node_unref(&c->h->m->nodes, c->dir);
	}
	buf_free(&c->name);
}

int handle_commit_begin(struct handle_commit *c, struct err *err)
{
	struct handle *h = c->h;
	struct item *it = h->state;
	if (made_in_vain(h)) {
		it->dirty = false; /* made and removed again before it was closed */
		return 0;
	}
	c->dir = node_place(&h->m->nodes, h->node, &c->name);
	int rc = check_place(h, err);
	rc = rc == 0 ? node_path(&h->m->nodes, h->node, &c->where, err) : rc;
	if (rc < 0) {
		refuse(h, c->op, err);
		return rc;
	}
	c->put.path = &c->where.path;
	c->put.form = it->form;
	c->put.text = buf_slice(&h->content);
	c->put.expect = expected(h);
	/* Another node may have the name by now: a file renamed onto it since this
	 * handle was opened. What is committed shows there. */
	c->holder = handle_hold(h->m, c->dir, buf_cstr(&c->name));
	return 1;
}

void handle_commit_end(struct handle_commit *c)
{
	struct handle *h = c->h;
	struct item *it = h->state;
	h->m->nodes.changes++;
	if (c->put.result < 0) {
		refuse(h, c->op, &c->put.err);
		return;
	}
	/* A handle that overwrites may make an item that went meanwhile. */
	c->may_be_new = it->version == ENGINE_VERSION_ABSENT ||
			(it->overwrite && it->changes + 1 != h->m->nodes.changes);
	it->version = c->put.info.version;
	it->dirty = false;
	it->truncated = false;
	it->committed = true;
	it->overwrite = false;
	settle_pending(h);
	metrics_add(&h->m->metrics.commits, 1);
}

void handle_commit_tell(struct handle_commit *c)
{
	struct mount *m = c->h->m;
	handle_unhold(m, c->holder);
	if (c->put.result < 0) {
		return;
	}
	if (c->may_be_new) {
		notify_list_now(m->notify, c->dir);
	}
	if (handle_tell_twins(m, c->dir, &c->where, c->put.form)) {
		notify_drain(m->notify); /* until then a stat would tell of what they read */
	}
}

static int commit(struct handle *h, const char *op, struct err *err)
{
	CLEANUP(handle_commit_free) struct handle_commit c = {.h = h, .op = op};
	int rc = handle_commit_begin(&c, err);
	if (rc != 1) {
		return rc;
	}
	if (h->m->opts->sync != MOUNTOPTS_SYNC_INTERVAL) {
		loop_yield();
	}
	c.put.result = engine_write(c.where.engine, c.put.path, c.put.form, c.put.text,
		c.put.expect, &c.put.info, &c.put.err);
	handle_commit_end(&c);
	handle_commit_tell(&c);
	if (c.put.result < 0) {
		*err = c.put.err;
	}
	return c.put.result;
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

/* Emptied or made, with nothing written since, where that is content like any other. */
static bool is_empty_text(struct handle *h)
{
	const struct item *it = h->state;
	CLEANUP(node_path_free) struct node_path where = {0};
	struct engine_level level;
	struct err ignored = {0};
	if (!it->truncated || it->refused || h->content.n > 0 ||
		node_path(&h->m->nodes, h->node, &where, &ignored) < 0) {
		return false;
	}
	struct epath dir = epath_parent(&where.path);
	bool takes = engine_ops(where.engine)->draft_new == NULL ||
		     (engine_level(where.engine, &dir, &level, &ignored) == 0 &&
			     (level.features & ENGINE_TAKES_EMPTY) != 0);
	return takes && check_text(h, &where, &ignored) == 0;
}

static int item_flush_begin(struct handle *h, pid_t pid, struct err *err)
{
	struct item *it = h->state;
	if (it->refused) {
		err->code = it->refusal;
		return -it->refusal;
	}
	if (!it->dirty) {
		bool last = is_empty_text(h) && handle_same_process(pid, it->share.opener) &&
			    !handle_is_open_in(h, pid);
		return last ? 1 : 0;
	}
	if (!it->no_draft && !handle_same_process(pid, it->share.opener) && text_incomplete(h)) {
		return 0;
	}
	return 1;
}

static int item_flush(struct handle *h, pid_t pid, struct err *err)
{
	int rc = item_flush_begin(h, pid, err);
	return rc == 1 ? commit(h, "close", err) : rc;
}

static int item_sync(struct handle *h, struct err *err)
{
	struct item *it = h->state;
	if (it->refused) {
		err->code = it->refusal;
		return -it->refusal;
	}
	loop_yield();
	int rc = it->dirty || is_empty_text(h) ? commit(h, "fsync", err) : 0;
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
	if (it->share.pending) {
		err_set(&err, EINVAL, "closed without any content: no item was made");
	} else {
		err_set(&err, EINVAL,
			"truncated, and closed without any content: the item is "
			"as it was (rm removes it)");
	}
	report_error(h->m, h->uid, "close", h->node, NULL, &err);
}

static void item_finish(struct handle *h)
{
	struct item *it = h->state;
	struct err err = {0};
	if (it == NULL) {
		return;
	}
	if (it->dirty || (is_empty_text(h) && !made_in_vain(h))) {
		/* Left to an opener that never closed it: its last chance. */
		commit(h, "close", &err);
	} else if (it->truncated && !it->committed && !it->told && !made_in_vain(h)) {
		note_nothing_stored(h);
	}
	settle_pending(h);
	drop_draft(it);
	handle_share_leave(h, &it->share);
	free(it);
}

static const struct handle_ops item_ops = {
	.read = item_read,
	.write = item_write,
	.truncate = item_truncate,
	.flush = item_flush,
	.flush_begin = item_flush_begin,
	.sync = item_sync,
	.size = handle_size_content,
	.finish = item_finish,
};

int handle_settle(struct mount *m, struct node *node, struct err *err)
{
	struct handle *h = handle_of_node(m, node);
	int rc = 0;
	if (h == NULL) {
		return 0;
	}
	if (h->ops == &item_ops) {
		HANDLE_LOCKED(h);
		const struct item *it = h->state;
		rc = it->dirty || is_empty_text(h) ? commit(h, "touch", err) : 0;
	}
	handle_free(h);
	return rc;
}

/* ---- opening ---- */

static int load(struct handle *h, const struct node_path *where, int flags, struct err *err)
{
	struct item *it = h->state;
	struct engine_info info;
	if (it->share.pending) {
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
	struct engine_level level;
	struct epath dir = epath_parent(&where->path);
	int rc = engine_level(where->engine, &dir, &level, err);
	return rc < 0 ? rc : tree_refuse_fixed(where->engine, &level, err);
}

/* Not when one of those who make it has committed already. */
static bool is_being_made(struct mount *m, struct node *n, const struct node_path *where)
{
	struct engine_info info;
	struct err err = {0};
	pthread_mutex_lock(&m->nodes.lock);
	bool pending = n->more->n_pending > 0;
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
	it->share.opener = who->pid;
	it->form = node->form;
	it->share.writable = writable;
	/* A second writer of a name that has no item yet creates it likewise. */
	it->share.pending = create || (writable && is_being_made(m, node, &where));
	h->state = it;
	rc = load(h, &where, flags, err);
	rc = rc == 0 ? handle_share_join(h, &it->share, it->version, mode) : rc;
	if (rc < 0) {
		h->state = NULL; /* not counted yet */
		free(it);
		handle_free(h);
		return rc;
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
	(rc == 0 && target->replaces ? handle_unhold_old : handle_unhold)(m, holder);
	if (rc < 0) {
		handle_refuse(m, target->dir, target->name, uid, op, text, err);
	} else {
		metrics_add(&m->metrics.commits, 1);
		handle_tell_twins(m, target->dir, target->where, target->form);
	}
	return rc;
}
