#include "engines/common/clock.h"
#include "fs/attr.h"

#include <errno.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/reserved.h"

static void set_times(struct stat *st, int64_t ns)
{
	st->st_mtim.tv_sec = ns / 1000000000;
	st->st_mtim.tv_nsec = ns % 1000000000;
	st->st_ctim = st->st_mtim;
	st->st_atim = st->st_mtim;
}

static bool is_read_only(const struct mount *m, const struct node *n)
{
	if (m->opts->read_only || n->engine == NULL) {
		return m->opts->read_only;
	}
	/* The .control of a replica can be written. */
	bool control = n->type == NODE_RESERVED && node_row(n)->feature == ENGINE_HAS_CONTROL;
	return control ? engine_read_only(n->engine) : engine_fixed(n->engine);
}

static void set_size(struct stat *st, uint64_t size)
{
	st->st_size = (off_t)size;
	st->st_blocks = (blkcnt_t)((size + 511) / 512);
}

static void fill(struct mount *m, struct node *n, mode_t mode, uint64_t size, int64_t mtime_ns,
	struct attr *out)
{
	if (is_read_only(m, n)) {
		mode &= ~(mode_t)0222;
	}
	out->st = (struct stat){
		.st_ino = n->ino,
		.st_mode = (n->kind == ENGINE_DIR ? S_IFDIR : S_IFREG) | (mode & ~m->opts->umask),
		.st_nlink = 1,
		.st_uid = m->opts->uid,
		.st_gid = m->opts->gid,
		.st_blksize = 4096,
	};
	set_size(&out->st, size);
	out->frozen = false;
	out->uncached = n->uncached || node_is_stream(n);
	set_times(&out->st, mtime_ns);
}

/* A directory's list has scratch files in it, too. */
static int64_t dir_mtime(struct mount *m, struct node *n, int64_t engine_ns)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	int64_t side_ns = 0;
	if (n->engine == NULL || engine_fixed(n->engine)) {
		return engine_ns;
	}
	node_text(&m->nodes, n, &path);
	side_list(&m->side, SIDE_SCRATCH, buf_cstr(&path), NULL, &side_ns, NULL);
	return side_ns > engine_ns ? side_ns : engine_ns;
}

/* The listed form is told of every change; another one asks each time. */
static bool is_listed_form(const struct node *n)
{
	return n->kind == ENGINE_DIR || n->form == (n->listed_form & ~NODE_STREAM);
}

/* What was asked for before `changes` moved may be old already. */
static void set_timeout(
	struct mount *m, struct node *n, bool lasting, uint64_t changes, struct attr *out)
{
	if (lasting) {
		n->kept = true;
	}
	out->timeout = lasting && changes == m->nodes.changes ? TIMEOUT_FOREVER : 0;
}

/* The node is told which version the kernel knows. Under nodes.lock. */
static void settle(struct mount *m, struct node *n, const struct engine_info *info,
	uint64_t changes, struct attr *out)
{
	const struct node_cache *c = &n->more->cache;
	/* While handles with other content are open, the size of the inode is a
	 * matter of who asks: the kernel must ask each time. */
	bool mixed = n->n_writers > 0 || c->n_direct > 0 || n->more->n_pending > 0;
	out->frozen = n->kind == ENGINE_FILE && node_frozen(n, info->version);
	out->uncached = node_uncached(n);
	bool lasting = !mixed && !out->frozen && is_listed_form(n) && !out->uncached;
	set_timeout(m, n, lasting, changes, out);
	n->attr_version = info->version;
	if (out->frozen) {
		/* The inode is theirs who read through the page cache. */
		n->attr_version = c->open_version;
		set_size(&out->st, c->open_size);
	}
}

void attr_of_listed(struct mount *m, struct node *n, const struct engine_info *info,
	uint64_t changes, struct attr *out)
{
	fill(m, n, 0666, info->size, info->mtime_ns, out);
	settle(m, n, info, changes, out);
}

void attr_of_info(struct mount *m, struct node *n, const struct engine_info *info, uint64_t changes,
	struct attr *out)
{
	bool dir = n->kind == ENGINE_DIR;
	int64_t mtime = dir ? dir_mtime(m, n, info->mtime_ns) : info->mtime_ns;
	fill(m, n, dir ? 0777 : 0666, dir ? 0 : info->size, mtime, out);
	LOCKED(&m->nodes.lock);
	settle(m, n, info, changes, out);
}

static void attr_of_side(
	struct mount *m, struct node *n, const struct stat *st, uint64_t changes, struct attr *out)
{
	fill(m, n, st->st_mode & 0777, (uint64_t)st->st_size, 0, out);
	out->st.st_mode = (st->st_mode & S_IFMT) | (st->st_mode & 0777);
	out->st.st_mtim = st->st_mtim;
	out->st.st_ctim = st->st_ctim;
	out->st.st_atim = st->st_atim;
	out->st.st_blocks = st->st_blocks;
	/* Scratch files change by requests only; refused texts come and go. */
	pthread_mutex_lock(&m->nodes.lock);
	out->uncached = node_uncached(n);
	pthread_mutex_unlock(&m->nodes.lock);
	set_timeout(m, n, node_row(n) == NULL && !out->uncached, changes, out);
}

static int size_of_handle(struct handle *h, uint64_t *size, struct err *err)
{
	handle_lock(h);
	int rc = h->ops->size != NULL ? h->ops->size(h, size, err) : 0;
	pthread_mutex_unlock(&h->lock);
	handle_free(h);
	return rc;
}

/* A whole export may have to be made to tell its size, so that of one that is open
 * will do, and a lookup (which the kernel follows with a question for the
 * attributes, when somebody wants them) does without. */
static int costly_size(
	struct mount *m, struct node *n, bool lookup, uint64_t *size, struct err *err)
{
	const struct reserved *row = node_row(n);
	struct handle *h = row->costly ? handle_of_node(m, n) : NULL;
	if (h != NULL) {
		return size_of_handle(h, size, err);
	}
	return row->costly && lookup ? 0 : row->size(m, n, size, err);
}

/* Nobody knows when a whole directory last changed, only that it was not after the
 * last change of anything: a time that stays while nothing changes. */
static int64_t last_change_ns(struct mount *m)
{
	LOCKED(&m->nodes.lock);
	uint64_t now = m->nodes.changes;
	if (m->change_seen != now || m->change_seen_ns == 0) {
		m->change_seen = now;
		m->change_seen_ns = clock_wall_ns();
	}
	return m->change_seen_ns;
}

/* The time stays while the text does, so that an editor does not think that somebody
 * else changed it. */
static int64_t time_of_text(struct mount *m, struct node *n, uint64_t hash)
{
	LOCKED(&m->nodes.lock);
	struct node_more *more = node_more(n);
	if (more == NULL) {
		return clock_wall_ns();
	}
	if (more->text_ns == 0 || more->text_hash != hash) {
		more->text_hash = hash;
		more->text_ns = clock_wall_ns();
	}
	return more->text_ns;
}

static int64_t mtime_of_reserved(struct mount *m, struct node *n)
{
	if (n->kind == ENGINE_DIR) {
		return m->started_ns;
	}
	return node_row(n)->costly && !engine_moves(n->engine) ? last_change_ns(m)
							       : clock_wall_ns();
}

static int attr_of_reserved(
	struct mount *m, struct node *n, bool lookup, struct attr *out, struct err *err)
{
	const struct reserved *row = node_row(n);
	int64_t mtime = mtime_of_reserved(m, n);
	uint64_t size = 0;
	int rc = 0;
	if (row->size != NULL) {
		rc = costly_size(m, n, lookup, &size, err);
		/* A feed that does not grow says what it said. */
		mtime = row->size == handle_size_feed ? time_of_text(m, n, size) : mtime;
	} else if (row->text != NULL) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		/* Size for whoever may read most; the content is the reader's own. */
		rc = row->text(m, n, m->opts->uid, &text, err);
		size = text.n;
		mtime = row->text == text_named ? time_of_text(m, n, node_hash(buf_slice(&text)))
						: mtime;
	}
	fill(m, n, row->mode, size, mtime, out);
	out->timeout = 0;
	return rc;
}

void attr_of_new(struct mount *m, struct node *n, struct attr *out)
{
	fill(m, n, 0666, 0, clock_wall_ns(), out);
	out->timeout = 0;
}

/* As whoever has it open sees it; it has a time of its own when it grows. */
static int info_of_feed(struct mount *m, struct node *n, struct engine_info *info, struct err *err)
{
	int rc = handle_size_feed(m, n, &info->size, err);
	info->mtime_ns = time_of_text(m, n, info->size);
	return rc;
}

static int attr_of_key(struct mount *m, struct node *n, struct attr *out, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	struct engine_info info;
	uint64_t changes = m->nodes.changes;
	int rc = node_path(&m->nodes, n, &where, err);
	rc = rc == 0 ? engine_stat(where.engine, &where.path, n->form, &info, err) : rc;
	rc = rc == 0 && n->feed ? info_of_feed(m, n, &info, err) : rc;
	if (rc == 0) {
		attr_of_info(m, n, &info, changes, out);
	} else if (rc == -ENOENT && n->more->n_pending > 0) {
		err_clear(err);
		attr_of_new(m, n, out);
		rc = 0;
	}
	return rc;
}

static int attr_of_side_node(struct mount *m, struct node *n, struct attr *out, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct stat st;
	uint64_t changes = m->nodes.changes;
	enum side_kind kind = node_row(n) != NULL ? SIDE_REJECTED : SIDE_SCRATCH;
	node_side_place(&m->nodes, n, &dir, &name);
	int rc = side_stat(&m->side, kind, buf_cstr(&dir), buf_cstr(&name), &st, err);
	if (rc == 0) {
		attr_of_side(m, n, &st, changes, out);
	}
	return rc;
}

static int attr_by_type(struct mount *m, struct node *n, struct attr *out, struct err *err)
{
	enum node_type type = n->type; /* clang 14 takes no atomic in switch */
	switch (type) {
	case NODE_ROOT:
		fill(m, n, 0755, 0, m->started_ns, out);
		out->timeout = TIMEOUT_FOREVER;
		return 0;
	case NODE_KEY: return attr_of_key(m, n, out, err);
	case NODE_SIDE: return attr_of_side_node(m, n, out, err);
	case NODE_RESERVED: return attr_of_reserved(m, n, false, out, err);
	}
	return -EIO;
}

/* Removed while open: fstat(2) and what else goes by the open file goes on. */
static int attr_of_removed(struct mount *m, struct node *n, struct attr *out, struct err *err)
{
	uint64_t size = 0;
	struct handle *h = handle_of_node(m, n);
	if (h == NULL) {
		return -ENOENT;
	}
	err_clear(err);
	int rc = size_of_handle(h, &size, err);
	fill(m, n, 0666, size, clock_wall_ns(), out);
	out->st.st_nlink = 0;
	out->timeout = 0;
	return rc;
}

int attr_of_node(struct mount *m, struct node *n, struct attr *out, struct err *err)
{
	int rc = attr_by_type(m, n, out, err);
	return rc == -ENOENT && n->kind == ENGINE_FILE ? attr_of_removed(m, n, out, err) : rc;
}

void attr_of_found(struct mount *m, struct node *n, const struct tree_found *f, struct attr *out)
{
	struct err err = {0};
	if (n->type == NODE_KEY) {
		struct engine_info info = f->info;
		if (n->feed) {
			info_of_feed(m, n, &info, &err);
		}
		attr_of_info(m, n, &info, f->changes, out);
	} else if (n->type == NODE_SIDE) {
		attr_of_side(m, n, &f->st, f->changes, out);
	} else {
		attr_of_reserved(m, n, true, out, &err);
	}
}

void attr_entry(struct mount *m, struct node *n, const struct attr *a, struct fuse_entry_param *out)
{
	*out = (struct fuse_entry_param){
		.ino = node_number(m, n),
		.attr = a->st,
		.attr_timeout = a->timeout,
		.entry_timeout = TIMEOUT_FOREVER,
	};
	/* A name that is being made may come to nothing; another form of an item is
	 * not told when the item goes; what a view shows goes with the view. */
	bool other_form = n->type == NODE_KEY && n->kind == ENGINE_FILE &&
			  n->form != (n->listed_form & ~NODE_STREAM);
	bool rejected = n->type == NODE_SIDE && node_row(n) != NULL;
	if (n->more->n_pending > 0 || a->frozen || other_form || rejected || a->uncached ||
		n->type == NODE_RESERVED) {
		out->entry_timeout = 0;
	}
}

int attr_of_handle(struct handle *h, struct attr *out, struct err *err)
{
	uint64_t size = 0;
	int rc = attr_of_node(h->m, h->node, out, err);
	HANDLE_LOCKED(h);
	if (rc == 0 && h->ops->size != NULL && h->ops->size(h, &size, err) == 0) {
		if ((uint64_t)out->st.st_size != size) {
			out->timeout = 0;
		}
		set_size(&out->st, size);
	}
	return rc;
}
