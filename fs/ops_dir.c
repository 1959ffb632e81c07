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
 * (nodeid 0) and cost nothing. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/attr.h"
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
	uint64_t ordinal;
	enum phase phase;
	size_t at; /* in keys */
	size_t n;
};

/* Where each entry of one reply stood. */
struct page {
	struct buf marks; /* of struct mark */
	struct buf keys;
};

struct listing {
	struct node *node;    /* referenced */
	pthread_mutex_t lock; /* guards what is below */
	struct place place;
	uint64_t cookie; /* of the entry `place` is behind; 0 at the start */
	struct page pages[PAGES_KEPT];
	unsigned page;		 /* the one being filled */
	uint64_t lookups_before; /* node.child_lookups when it was opened */
	bool full;		 /* few enough children, or somebody who stats them */
};

/* One reply being filled, or (buf NULL) a search for `wanted`. */
struct filler {
	struct mount *m;
	fuse_req_t req;
	struct listing *l;
	struct engine_level level;
	struct buf name; /* of the entry being added */
	char *buf;
	size_t size;
	size_t used;
	bool plus;
	bool full;
	bool probe; /* full, but for PROBE_ENTRY */
	bool stop;
	uint64_t changes; /* nodes.changes before the engine was asked */
	uint32_t wanted;
	uint64_t wanted_ordinal; /* stop there when the hash is not found; 0: search */
};

static struct listing *listing_of(const struct fuse_file_info *fi)
{
	return (struct listing *)(uintptr_t)fi->fh;
}

static uint32_t name_hash32(const char *name, size_t n)
{
	uint32_t h = 2166136261u;
	for (size_t i = 0; i < n; i++) {
		h = (h ^ (unsigned char)name[i]) * 16777619u;
	}
	return h;
}

/* 31 bits of ordinal: the offset stays positive. */
static uint64_t make_cookie(uint64_t ordinal, uint32_t hash)
{
	return ((ordinal & 0x7fffffff) << 32) | hash;
}

static void keep_mark(struct listing *l, uint64_t cookie)
{
	struct page *p = &l->pages[l->page];
	struct mark mark = {.cookie = cookie,
		.ordinal = l->place.ordinal,
		.phase = l->place.phase,
		.at = p->keys.n,
		.n = l->place.key.n};
	buf_append(&p->marks, &mark, sizeof(mark));
	buf_append_slice(&p->keys, buf_slice(&l->place.key));
}

static void advance(struct listing *l, struct slice key, uint32_t hash)
{
	buf_clear(&l->place.key);
	buf_append_slice(&l->place.key, key);
	l->place.begun = true;
	l->place.ordinal++;
	l->cookie = make_cookie(l->place.ordinal, hash);
}

/* ---- one entry ---- */

struct entry {
	const char *name;
	size_t name_len;
	struct slice key;		/* where to go on behind it */
	const struct node_spec *spec;	/* NULL: "." and ".." */
	const struct engine_info *info; /* of keys */
	mode_t type;
};

static bool add_plain(struct filler *f, const struct entry *e, uint64_t cookie)
{
	struct stat st = {
		.st_ino = node_child_ino(f->l->node, node_hash(slice_make(e->name, e->name_len))),
		.st_mode = e->type};
	if (e->spec == NULL) {
		st.st_ino = f->l->node->ino;
	}
	size_t n = fuse_add_direntry(
		f->req, f->buf + f->used, f->size - f->used, e->name, &st, (off_t)cookie);
	if (n > f->size - f->used) {
		return false;
	}
	f->used += n;
	return true;
}

static bool make_full(struct filler *f, const struct entry *e, struct fuse_entry_param *p)
{
	struct attr a;
	struct node *n = node_get(&f->m->nodes, f->l->node, e->name, e->spec, true);
	if (n == NULL) {
		return false;
	}
	attr_of_info(f->m, n, e->info, f->changes, &a);
	*p = (struct fuse_entry_param){
		.ino = node_number(f->m, n),
		.attr = a.st,
		.attr_timeout = a.timeout,
		.entry_timeout = a.frozen || a.uncached ? 0 : TIMEOUT_FOREVER,
	};
	return true;
}

static bool add_plus(struct filler *f, const struct entry *e, uint64_t cookie)
{
	size_t n = fuse_add_direntry_plus(f->req, NULL, 0, e->name, NULL, 0);
	if (n > f->size - f->used) {
		return false;
	}
	struct fuse_entry_param p = {0};
	bool full = f->full || (f->probe && f->l->place.ordinal != PROBE_ENTRY);
	if (!full || e->info == NULL || !make_full(f, e, &p)) {
		p.attr.st_ino = e->spec == NULL
					? f->l->node->ino
					: node_child_ino(f->l->node,
						  node_hash(slice_make(e->name, e->name_len)));
		p.attr.st_mode = e->type;
	}
	fuse_add_direntry_plus(
		f->req, f->buf + f->used, f->size - f->used, e->name, &p, (off_t)cookie);
	f->used += n;
	return true;
}

/* True to go on. */
static bool add(struct filler *f, const struct entry *e)
{
	uint32_t hash = name_hash32(e->name, e->name_len);
	uint64_t cookie = make_cookie(f->l->place.ordinal + 1, hash);
	if (f->buf == NULL) {
		advance(f->l, e->key, hash);
		f->stop = f->wanted_ordinal > 0 ? f->l->place.ordinal >= f->wanted_ordinal
						: hash == f->wanted;
		return !f->stop;
	}
	if (!(f->plus ? add_plus(f, e, cookie) : add_plain(f, e, cookie))) {
		f->stop = true;
		return false;
	}
	advance(f->l, e->key, hash);
	keep_mark(f->l, cookie);
	return true;
}

/* ---- phases ---- */

static void list_dots(struct filler *f)
{
	static const char *const dots[] = {".", ".."};
	for (size_t i = f->l->place.begun ? f->l->place.key.n : 0; i < 2 && !f->stop; i++) {
		struct entry e = {.name = dots[i],
			.name_len = i + 1,
			.key = slice_make(dots[i], i + 1),
			.type = S_IFDIR};
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
		struct node_spec spec = {
			.type = NODE_KEY, .kind = ENGINE_DIR, .engine = s, .own_engine = true};
		struct entry e = {.name = name,
			.name_len = strlen(name),
			.key = slice_make(name, strlen(name) + 1),
			.spec = &spec,
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
	const struct reserved *r;
	while (!f->stop && (r = reserved_next(place, after, &scope)) != NULL) {
		const char *name = reserved_name(r, &scope);
		struct node_spec spec = {.type = NODE_RESERVED, .row = r};
		struct entry e = {.name = name,
			.name_len = strlen(name),
			.key = slice_make(name, strlen(name) + 1),
			.spec = &spec,
			.type = reserved_is_dir(r) ? S_IFDIR : S_IFREG};
		if (row_listed(f, name)) {
			add(f, &e);
		}
		after = name;
	}
}

static int emit_key(void *arg, struct slice key, const struct engine_info *info)
{
	struct filler *f = arg;
	bool dir = info->kind == ENGINE_DIR;
	unsigned form = dir ? 0 : f->level.listed_form;
	buf_clear(&f->name);
	name_print(key, dir ? &NAME_RULES_DIR : &f->level.names, form, &f->name);
	struct node_spec spec = {.type = NODE_KEY,
		.kind = info->kind,
		.form = form,
		.listed_form = form,
		.key = key};
	struct entry e = {.name = buf_cstr(&f->name),
		.name_len = f->name.n,
		.key = key,
		.spec = &spec,
		.info = info,
		.type = dir ? S_IFDIR : S_IFREG};
	return add(f, &e) ? 0 : 1;
}

static int emit_view(void *arg, struct slice key, const struct engine_info *info)
{
	struct filler *f = arg;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	struct node_spec spec = {.type = NODE_KEY, .kind = ENGINE_DIR};
	(void)info;
	name_print(key, &NAME_RULES_DIR, 0, &name);
	/* Without attributes: the view is opened when somebody goes there. */
	struct entry e = {.name = buf_cstr(&name),
		.name_len = name.n,
		.key = key,
		.spec = &spec,
		.type = S_IFDIR};
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
	/* advance() overwrites place.key while the engine still reads `after`. */
	CLEANUP(buf_free) struct buf copy = BUF_INIT;
	buf_append_slice(&copy, buf_slice(&l->place.key));
	struct slice after = buf_slice(&copy);
	const struct slice *from = l->place.begun ? &after : NULL;
	if (rc == 0 && place == PLACE_DATA) {
		rc = engine_list(
			where.engine, &where.path, from, f->level.listed_form, emit_key, f, err);
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
		struct node_spec spec = {.type = NODE_SIDE};
		struct entry e = {.name = name,
			.name_len = len,
			.key = slice_make(name, len + 1),
			.spec = &spec};
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
		if (rc < 0) {
			return rc;
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
			l->place.ordinal = mark.ordinal;
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
	struct filler f = {.m = m, .req = req, .l = l, .buf = buf, .size = size, .plus = plus};
	l->node->kept = true;
	if (rc == 0) {
		f.changes = m->nodes.changes;
		f.full = plus && wants_attributes(l);
		f.probe = plus && off == 0;
		next_page(l);
		rc = list_on(&f, &err);
		buf_free(&f.name);
	}
	l->node->kept = true; /* who told of a change meanwhile told too early for this page */
	if (rc == -ENOENT && f.used == 0) {
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): it does not know CLEANUP */
		fuse_reply_buf(req, NULL, 0); /* removed meanwhile: it lists nothing */
	} else if (rc < 0 && f.used == 0) {
		reply_done(req, "readdir", l->node, NULL, rc, &err);
	} else {
		/* What was given out counts with the kernel: a failure comes next time. */
		fuse_reply_buf(req, f.buf, f.used);
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
	/* What reserved directories and replicas list changes without anybody's telling. */
	fi->cache_readdir = n->type == NODE_KEY && !n->uncached;
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
