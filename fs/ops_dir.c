/* Listings.
 *
 * A listing is never held in memory: each reply continues behind the last key
 * given (keyset), in a read transaction of its own, so it is complete and
 * without doubles while others insert and delete. It goes through phases: the
 * dots, reserved names (where they are listed), what the engine holds, scratch
 * files.
 *
 * The offset of an entry (telldir's cookie) is its ordinal in the upper bits and
 * a hash of its name in the lower 32. The positions of the last replies are
 * kept, so going on from there is exact. For any other offset (seekdir to long
 * ago; the kernel's cached listing was dropped half-way) the entry is searched by
 * its hash from the start, and if it is gone, the ordinal decides.
 *
 * READDIRPLUS entries with attributes cost the kernel an inode each (1 KB and
 * 4 us): worth it when the entries will be looked at, ruinous for `ls -f` of a
 * million. So directories of up to FULL_MAX children get them. Of a larger one
 * only the first reply does, but for one entry in it: whoever stats what it reads
 * (ls -l, find -size) must look that one up by name, and then every later reply
 * is full; whoever does not (ls -f) gets entries that say "no attributes"
 * (nodeid 0) and cost nothing; then the engine is asked for names alone.
 *
 * The nodes of the entries that have attributes are made when the page is written
 * and the engine has been left: all under one lock. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/attr.h"
#include "fs/dirpage.h"
#include "fs/level.h"
#include "fs/ops.h"
#include "fs/reply.h"
#include "fs/reserved.h"
#include "fs/view.h"

#define FULL_MAX    20000
#define PROBE_ENTRY 16 /* of the first reply: the one without attributes */
#define PAGES_KEPT  3

enum phase { PHASE_DOTS, PHASE_SERVICES, PHASE_ROWS, PHASE_KEYS, PHASE_SIDE, PHASE_END };

/* Behind which entry to go on: `key` is its key bytes or name in that phase. */
struct place {
	enum phase phase;
	struct buf key; /* empty and !begun: from the phase's first */
	bool begun;
	uint64_t ordinal; /* entries given so far */
};

struct mark {
	uint64_t cookie;
	uint32_t at; /* in keys */
	uint32_t n : 28;
	uint32_t phase : 4;
};

/* An entry that is to have attributes. */
struct wanted {
	size_t at; /* in the reply */
	uint64_t hash;
	struct engine_info info;
	uint32_t key_at; /* in the page's keys */
	uint32_t key_n;
};

/* Where each entry of one reply stood. */
struct page {
	struct buf marks; /* of struct mark, the last one `place` in what is to come */
	struct buf keys;
};

struct listing {
	struct node *node;    /* referenced */
	pthread_mutex_t lock; /* guards what is below */
	struct place place;
	uint64_t cookie; /* of the entry `place` is behind; 0 at the start */
	struct page pages[PAGES_KEPT];
	unsigned page;		 /* the one being filled */
	struct buf wanted;	 /* of struct wanted: those of that page */
	uint64_t lookups_before; /* node.child_lookups when it was opened */
	bool full;		 /* few enough children, or somebody who stats them */
};

/* One reply being filled, or (reply.p NULL) a search for `wanted`. */
struct filler {
	struct mount *m;
	struct listing *l;
	struct engine_level level;
	struct dirpage reply;
	struct buf name; /* of the entry being added */
	struct buf last; /* of a search: the key of the entry before */
	bool full;
	bool probe; /* full, but for PROBE_ENTRY */
	bool stop;
	bool moved;	  /* entries were given since `place` was set */
	bool failed;	  /* memory ran out */
	uint64_t changes; /* nodes.changes before the engine was asked */
	uint32_t wanted;
	uint64_t wanted_ordinal; /* stop there when the hash is not found; 0: search */
};

static struct listing *listing_of(const struct fuse_file_info *fi)
{
	return (struct listing *)(uintptr_t)fi->fh;
}

/* 31 bits of ordinal: the offset stays positive. */
static uint64_t make_cookie(uint64_t ordinal, uint64_t hash)
{
	return ((ordinal & 0x7fffffff) << 32) | (uint32_t)hash;
}

/* ---- one entry ---- */

struct entry {
	struct slice name;
	struct slice key;		/* where to go on behind it */
	const struct engine_info *info; /* NULL: attributes are not given */
	mode_t type;
	bool dots;
};

static void keep_mark(struct filler *f, const struct entry *e, uint64_t cookie)
{
	struct page *p = &f->l->pages[f->l->page];
	struct mark mark = {.cookie = cookie,
		.phase = (unsigned)f->l->place.phase & 15,
		.at = (uint32_t)p->keys.n,
		.n = (uint32_t)e->key.n & 0xfffffff};
	buf_append(&p->marks, &mark, sizeof(mark));
	buf_append_slice(&p->keys, e->key);
}

static void want_attributes(struct filler *f, const struct entry *e, uint64_t hash, size_t at)
{
	struct wanted w = {.at = at,
		.hash = hash,
		.info = *e->info,
		.key_at = (uint32_t)f->l->pages[f->l->page].keys.n,
		.key_n = (uint32_t)e->key.n};
	buf_append(&f->l->wanted, &w, sizeof(w));
}

static bool add_to_reply(struct filler *f, const struct entry *e, uint64_t hash, uint64_t cookie)
{
	const struct node *dir = f->l->node;
	size_t at = f->reply.used;
	struct dirpage_entry d = {.name = e->name,
		.ino = e->dots ? dir->ino : node_child_ino(dir, hash),
		.cookie = cookie,
		.type = e->type};
	struct page *p = &f->l->pages[f->l->page];
	f->failed = !buf_reserve(&p->marks, p->marks.n + sizeof(struct mark)) ||
		    !buf_reserve(&p->keys, p->keys.n + e->key.n);
	if (f->failed || !dirpage_add(&f->reply, &d)) {
		return false;
	}
	if (e->info != NULL && (f->full || (f->probe && f->l->place.ordinal != PROBE_ENTRY))) {
		want_attributes(f, e, hash, at);
	}
	keep_mark(f, e, cookie);
	return true;
}

static bool search_ends(struct filler *f, const struct entry *e, uint64_t hash)
{
	buf_clear(&f->last);
	buf_append_slice(&f->last, e->key);
	f->failed = f->last.failed;
	if (f->failed) {
		return true;
	}
	return f->wanted_ordinal > 0 ? f->l->place.ordinal + 1 >= f->wanted_ordinal
				     : (uint32_t)hash == f->wanted;
}

/* True to go on. */
static bool add(struct filler *f, const struct entry *e)
{
	uint64_t hash = node_hash(e->name);
	uint64_t cookie = make_cookie(f->l->place.ordinal + 1, hash);
	if (f->reply.p == NULL) {
		f->stop = search_ends(f, e, hash);
	} else if (!add_to_reply(f, e, hash, cookie)) {
		f->stop = true;
		return false;
	}
	f->moved = true;
	f->l->place.ordinal++;
	f->l->cookie = cookie;
	return !f->stop;
}

/* Nothing below the lists of attributes is asked for. */
static bool names_only(const struct filler *f)
{
	return !f->full && !f->probe;
}

/* The place is behind the last entry given. It is not moved with each: within a
 * phase nobody looks at it. */
static void settle_place(struct filler *f)
{
	struct place *p = &f->l->place;
	if (!f->moved) {
		return;
	}
	f->moved = false;
	p->begun = true;
	buf_clear(&p->key);
	if (f->reply.p == NULL) {
		buf_append_slice(&p->key, buf_slice(&f->last));
		return;
	}
	const struct page *page = &f->l->pages[f->l->page];
	struct mark mark;
	memcpy(&mark, page->marks.p + page->marks.n - sizeof(mark), sizeof(mark));
	buf_append(&p->key, page->keys.p + mark.at, mark.n);
}

/* ---- attributes ---- */

static void fill_entry(
	struct filler *f, const struct wanted *w, const struct node *n, const struct attr *a)
{
	/* Removed since the engine told of it, perhaps: then who told found no node. */
	bool old = a->frozen || a->uncached || f->changes != f->m->nodes.changes;
	struct dirpage_node node = {.number = node_number(f->m, n),
		.st = a->st,
		.attr_timeout = (uint64_t)a->timeout,
		.entry_timeout = old ? 0 : (uint64_t)TIMEOUT_FOREVER};
	dirpage_fill(&f->reply, w->at, &node);
}

static struct node *wanted_node(struct filler *f, const struct wanted *w)
{
	const struct page *page = &f->l->pages[f->l->page];
	struct slice key = slice_make(page->keys.p + w->key_at, w->key_n);
	unsigned form =
		level_form(&f->level, key, w->info.kind == ENGINE_FILE ? f->level.listed_form : 0);
	struct node_spec spec = {.type = NODE_KEY,
		.kind = w->info.kind,
		.form = form,
		.listed_form = form,
		.uncached = w->info.moves,
		.feed = level_is_feed(&f->level, w->info.kind),
		.stream = level_is_stream(&f->level, w->info.kind),
		.key = key};
	return node_get_held(
		&f->m->nodes, f->l->node, dirpage_name(&f->reply, w->at), w->hash, &spec);
}

/* True: it is a directory, whose attributes are found without the lock. */
static bool give_file(struct filler *f, struct wanted *w, struct node **n)
{
	struct attr a;
	*n = wanted_node(f, w);
	if (*n == NULL || w->info.kind == ENGINE_DIR) {
		return *n != NULL;
	}
	attr_of_listed(f->m, *n, &w->info, f->changes, &a);
	fill_entry(f, w, *n, &a);
	return false;
}

/* An entry that gets no node, as memory is short, stays one without attributes. */
static void give_attributes(struct filler *f)
{
	if (f->l->wanted.n == 0) {
		return;
	}
	struct wanted *w = (struct wanted *)(void *)f->l->wanted.p;
	struct wanted *end = w + f->l->wanted.n / sizeof(*w);
	while (w < end) {
		struct node *dir = NULL;
		bool found = false;
		pthread_mutex_lock(&f->m->nodes.lock);
		for (; w < end && !found; w++) {
			found = give_file(f, w, &dir);
		}
		pthread_mutex_unlock(&f->m->nodes.lock);
		if (found) {
			struct attr a;
			attr_of_info(f->m, dir, &w[-1].info, f->changes, &a);
			fill_entry(f, &w[-1], dir, &a);
		}
	}
}

/* ---- phases ---- */

static void list_dots(struct filler *f)
{
	static const char *const dots[] = {".", ".."};
	for (size_t i = f->l->place.begun ? f->l->place.key.n : 0; i < 2 && !f->stop; i++) {
		struct slice name = slice_make(dots[i], i + 1);
		struct entry e = {.name = name, .key = name, .type = S_IFDIR, .dots = true};
		add(f, &e);
	}
}

/* Reserved names of data directories are listed only on request; those of the
 * daemon's own directories always, but for dot names. */
static bool row_listed(const struct filler *f, const char *name)
{
	return f->m->opts->show_reserved || name[0] != '.';
}

static bool behind(const struct place *p, const char *name)
{
	return !p->begun || strcmp(name, p->key.p) > 0;
}

static void list_services(struct filler *f)
{
	for (unsigned i = 0; i < f->m->n_services && !f->stop; i++) {
		struct engine *s = f->m->services[i];
		const char *name = engine_service(s);
		struct entry e = {.name = slice_of(name),
			.key = slice_make(name, strlen(name) + 1),
			.type = S_IFDIR};
		if (f->l->node->type == NODE_ROOT && behind(&f->l->place, name)) {
			add(f, &e);
		}
	}
}

static void list_rows(struct filler *f)
{
	enum reserved_place place = reserved_place_of(f->l->node);
	struct reserved_scope scope = {.level = f->l->node->engine != NULL ? &f->level : NULL,
		.engine = f->l->node->engine};
	const char *after = f->l->place.begun ? f->l->place.key.p : NULL;
	struct reserved_entry r;
	while (!f->stop && reserved_next(place, after, &scope, &r)) {
		struct entry e = {.name = slice_of(r.name),
			.key = slice_make(r.name, strlen(r.name) + 1),
			.type = reserved_is_dir(r.row) ? S_IFDIR : S_IFREG};
		if (row_listed(f, r.name)) {
			add(f, &e);
		}
		after = r.name;
	}
}

static int emit_key(void *arg, struct slice key, const struct engine_info *info)
{
	struct filler *f = arg;
	bool dir = info->kind == ENGINE_DIR;
	unsigned form = dir ? 0 : f->level.listed_form;
	buf_clear(&f->name);
	level_print(&f->level, info->kind, key, form, &f->name);
	if (f->name.failed) {
		f->failed = true;
		return 1;
	}
	struct entry e = {.name = buf_slice(&f->name),
		.key = key,
		.info = info,
		.type = dir ? S_IFDIR : S_IFREG};
	return add(f, &e) ? 0 : 1;
}

static int emit_view(void *arg, struct slice key, const struct engine_info *info)
{
	struct filler *f = arg;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	(void)info;
	name_print(key, &NAME_RULES_DIR, 0, &name);
	if (name.failed) {
		f->failed = true;
		return 1;
	}
	/* Without attributes: the view is opened when somebody goes there. */
	struct entry e = {.name = buf_slice(&name), .key = key, .type = S_IFDIR};
	return add(f, &e) ? 0 : 1;
}

static int list_keys(struct filler *f, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	struct listing *l = f->l;
	enum reserved_place place = reserved_place_of(l->node);
	if (place != PLACE_DATA && place != PLACE_VIEWS) {
		return 0;
	}
	int rc = node_path(&f->m->nodes, l->node, &where, err);
	struct slice after = buf_slice(&l->place.key);
	const struct slice *from = l->place.begun ? &after : NULL;
	if (rc == 0 && place == PLACE_DATA) {
		rc = engine_list(where.engine, &where.path, from,
			names_only(f) ? ENGINE_NAMES : f->level.listed_form, emit_key, f, err);
	} else if (rc == 0) {
		rc = engine_view_list(
			where.engine, &where.path, view_kind(l->node), from, emit_view, f, err);
	}
	return rc;
}

static int list_side(struct filler *f, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf names = BUF_INIT;
	struct node *n = f->l->node;
	enum reserved_place place = reserved_place_of(n);
	if (place != PLACE_QUERY &&
		((place != PLACE_DATA && place != PLACE_REJECTED) || engine_fixed(n->engine))) {
		return 0;
	}
	node_side_dir(&f->m->nodes, n, &dir);
	int rc = side_list(&f->m->side, place == PLACE_REJECTED ? SIDE_REJECTED : SIDE_SCRATCH,
		buf_cstr(&dir), &names, NULL, err);
	for (size_t i = 0; rc == 0 && i < names.n && !f->stop;) {
		const char *name = names.p + i;
		size_t len = strlen(name);
		struct entry e = {.name = slice_make(name, len), .key = slice_make(name, len + 1)};
		if (behind(&f->l->place, name)) {
			add(f, &e);
		}
		i += len + 1;
	}
	return rc;
}

static int list_phase(struct filler *f, struct err *err)
{
	switch (f->l->place.phase) {
	case PHASE_DOTS: list_dots(f); return 0;
	case PHASE_SERVICES: list_services(f); return 0;
	case PHASE_ROWS: list_rows(f); return 0;
	case PHASE_KEYS: return list_keys(f, err);
	case PHASE_SIDE: return list_side(f, err);
	case PHASE_END: break;
	}
	return 0;
}

static int list_on(struct filler *f, struct err *err)
{
	struct place *p = &f->l->place;
	if (f->l->node->engine != NULL) {
		int rc = tree_level(f->m, f->l->node, &f->level, err);
		if (rc < 0) {
			return rc;
		}
	}
	while (p->phase != PHASE_END && !f->stop) {
		int rc = list_phase(f, err);
		settle_place(f);
		if (rc < 0 || f->failed || p->key.failed) {
			return rc < 0 ? rc : err_set(err, ENOMEM, "out of memory");
		}
		if (!f->stop) {
			p->phase++;
			p->begun = false;
			buf_clear(&p->key);
		}
	}
	return 0;
}

/* ---- going to an offset ---- */

static void restart(struct listing *l)
{
	l->place.phase = PHASE_DOTS;
	l->place.begun = false;
	l->place.ordinal = 0;
	l->cookie = 0;
	buf_clear(&l->place.key);
}

static bool restore_mark(struct listing *l, uint64_t cookie)
{
	for (unsigned i = 0; i < PAGES_KEPT; i++) {
		const struct page *p = &l->pages[i];
		for (size_t at = 0; at < p->marks.n; at += sizeof(struct mark)) {
			struct mark mark;
			memcpy(&mark, p->marks.p + at, sizeof(mark));
			if (mark.cookie != cookie) {
				continue;
			}
			l->place.phase = mark.phase;
			l->place.begun = true;
			l->place.ordinal = cookie >> 32;
			l->cookie = cookie;
			buf_clear(&l->place.key);
			buf_append(&l->place.key, p->keys.p + mark.at, mark.n);
			return true;
		}
	}
	return false;
}

static int search(struct mount *m, struct listing *l, uint64_t cookie, struct err *err)
{
	struct filler f = {.m = m, .l = l, .wanted = (uint32_t)cookie};
	restart(l);
	int rc = list_on(&f, err);
	if (rc == 0 && !f.stop) {
		f.wanted_ordinal = cookie >> 32;
		restart(l);
		rc = list_on(&f, err);
	}
	buf_free(&f.name);
	buf_free(&f.last);
	l->cookie = cookie;
	return rc;
}

static int go_to(struct mount *m, struct listing *l, uint64_t cookie, struct err *err)
{
	if (cookie == 0) {
		restart(l);
	} else if (cookie != l->cookie && !restore_mark(l, cookie)) {
		return search(m, l, cookie, err);
	}
	return 0;
}

static void next_page(struct listing *l)
{
	l->page = (l->page + 1) % PAGES_KEPT;
	buf_clear(&l->pages[l->page].marks);
	buf_clear(&l->pages[l->page].keys);
	buf_clear(&l->wanted);
}

static bool wants_attributes(struct listing *l)
{
	l->full = l->full || l->node->more->child_lookups != l->lookups_before;
	return l->full;
}

static void reply_listing(fuse_req_t req, size_t size, off_t off, struct listing *l, bool plus)
{
	struct mount *m = mount_of(req);
	CLEANUP(cleanup_free) char *buf = malloc(size);
	struct err err = {0};
	LOCKED(&l->lock);
	int rc = buf == NULL ? -ENOMEM : go_to(m, l, (uint64_t)off, &err);
	struct filler f = {.m = m, .l = l, .reply = {.p = buf, .size = size, .plus = plus}};
	l->node->kept = true;
	if (rc == 0) {
		f.changes = m->nodes.changes;
		f.full = plus && wants_attributes(l);
		f.probe = plus && off == 0;
		next_page(l);
		rc = list_on(&f, &err);
		buf_free(&f.name);
		give_attributes(&f);
	}
	l->node->kept = true; /* who told of a change meanwhile told too early for this page */
	if (rc == -ENOENT && f.reply.used == 0) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
		fuse_reply_buf(req, NULL, 0); /* removed meanwhile: it lists nothing */
	} else if (rc < 0 && f.reply.used == 0) {
		reply_done(req, "readdir", l->node, NULL, rc, &err);
	} else {
		/* What was given out counts with the kernel: a failure comes next time. */
		fuse_reply_buf(req, f.reply.p, f.reply.used);
	}
}

void op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	metrics_count(&mount_of(req)->metrics, METRIC_readdir);
	reply_listing(req, size, off, listing_of(fi), false);
}

void op_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t off, struct fuse_file_info *fi)
{
	(void)ino;
	metrics_count(&mount_of(req)->metrics, METRIC_readdirplus);
	reply_listing(req, size, off, listing_of(fi), true);
}

/* ---- open and close ---- */

static int count_children(struct mount *m, struct node *n, uint64_t *out, struct err *err)
{
	CLEANUP(node_path_free) struct node_path where = {0};
	struct engine_info info;
	int rc = node_path(&m->nodes, n, &where, err);
	*out = 0;
	if (rc == 0 && n->type == NODE_KEY) {
		rc = engine_stat(where.engine, &where.path, 0, &info, err);
		*out = rc == 0 ? info.size : 0;
	}
	return rc;
}

static bool lists_feeds(struct mount *m, struct node *n)
{
	struct engine_level level;
	struct err ignored = {0};
	return tree_level(m, n, &level, &ignored) == 0 && (level.features & ENGINE_HAS_FEEDS) != 0;
}

void op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node *n = node_of(m, ino);
	struct err err = {0};
	uint64_t children;
	metrics_count(&m->metrics, METRIC_opendir);
	n->kept = true; /* a listing cached before counts again */
	int rc = count_children(m, n, &children, &err);
	struct listing *l = rc == 0 ? calloc(1, sizeof(*l)) : NULL;
	if (rc == -ENOENT) {
		reply_errno(req, ENOENT);
		return;
	}
	if (l == NULL) {
		reply_done(req, "opendir", n, NULL, rc < 0 ? rc : -ENOMEM, &err);
		return;
	}
	pthread_mutex_init(&l->lock, NULL);
	l->node = n;
	l->full = children <= FULL_MAX;
	l->lookups_before = n->more->child_lookups;
	node_ref(&m->nodes, n);
	fi->fh = (uintptr_t)l;
	/* What reserved directories and replicas list changes without anybody's telling, and
	 * so do feeds, by who listens. */
	fi->cache_readdir = n->type == NODE_KEY && !n->uncached && !lists_feeds(m, n);
	fi->keep_cache = fi->cache_readdir;
	fuse_reply_open(req, fi);
}

void op_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct listing *l = listing_of(fi);
	(void)ino;
	metrics_count(&m->metrics, METRIC_releasedir);
	pthread_mutex_lock(&l->lock);
	pthread_mutex_unlock(&l->lock);
	for (unsigned i = 0; i < PAGES_KEPT; i++) {
		buf_free(&l->pages[i].marks);
		buf_free(&l->pages[i].keys);
	}
	buf_free(&l->place.key);
	buf_free(&l->wanted);
	pthread_mutex_destroy(&l->lock);
	node_unref(&m->nodes, l->node);
	free(l);
	fuse_reply_err(req, 0);
}

void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct mount *m = mount_of(req);
	struct node *n = node_of(m, ino);
	CLEANUP(node_path_free) struct node_path where = {0};
	struct err err = {0};
	(void)datasync;
	(void)fi;
	metrics_count(&m->metrics, METRIC_fsyncdir);
	loop_yield();
	int rc = n->engine == NULL ? 0 : node_path(&m->nodes, n, &where, &err);
	if (rc == 0 && n->engine != NULL) {
		rc = engine_sync(where.engine, &where.path, &err);
	}
	reply_done(req, "fsync", n, NULL, rc, &err);
}
