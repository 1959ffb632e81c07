/* Inodes.
 *
 * The kernel names a file by a number it got from us (the "nodeid": here the
 * address of a struct node) and counts how often it was told that number; when
 * it drops the inode it says so (FORGET) and the node goes. So memory follows
 * what the kernel caches, not the size of a table: a listing that nobody stats
 * makes no nodes.
 *
 * A node is a place: (parent, name). The table finds it by the number made of that
 * pair, so the same file has one node however often it is looked up. A rename moves the node
 * as the kernel moves its dentry: when an editor renames a scratch file onto an
 * item, the node that was the scratch file becomes the item, and the item's old
 * node is unlinked. Handles keep their node alive (refs), children their parent.
 *
 * The number a user sees (st_ino) is another one: a hash of the parent's number
 * and the name, so it is the same after a remount, and a listing can print it
 * without making a node. The table is hashed by it, too.
 *
 * A node that lost its name stays in the table, where find() passes it by, until
 * nobody needs it.
 *
 * Lock order: nodes.lock is taken last of all and never held while an engine is
 * called. */
#include "fs/node.h"

#include <errno.h>
#include <malloc.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "fs/reserved.h"

#define ROOT_INO    1
#define BUCKETS_MIN 1024
#define TRIM_MIN    32768 /* nodes freed: some megabytes */

/* What a node has that needs nothing more. Only read. */
static const struct node_more nothing_more;

/* ---- numbers ---- */

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

static uint64_t hash_word(uint64_t h, uint64_t word)
{
	h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	return h ^ (h >> 32);
}

/* Eight bytes a step: a listing does this for each name. The same on every
 * machine of one byte order, as inode numbers need to be. */
uint64_t node_hash(struct slice name)
{
	uint64_t h = name.n + 1;
	uint64_t word;
	for (; name.n >= sizeof(word); name.p += sizeof(word), name.n -= sizeof(word)) {
		memcpy(&word, name.p, sizeof(word));
		h = hash_word(h, word);
	}
	word = 0;
	for (size_t i = 0; i < name.n; i++) {
		word = word << 8 | (unsigned char)name.p[i];
	}
	return hash_word(h, word);
}

static uint64_t child_ino(uint64_t parent_ino, uint64_t hash)
{
	uint64_t h = mix(hash ^ mix(parent_ino));
	/* 0 means "none" to readdir, 1 is the root. */
	return h > ROOT_INO ? h : h + 2;
}

uint64_t node_child_ino(const struct node *parent, uint64_t hash)
{
	return child_ino(parent->ino, hash);
}

static uint64_t place_ino(const struct node *n)
{
	return n->parent == NULL
		       ? ROOT_INO
		       : child_ino(place_ino(n->parent), node_hash(slice_of(node_name(n))));
}

/* ---- the table ---- */

static struct node **bucket(struct nodes *t, uint64_t ino)
{
	return &t->buckets[ino & (t->n_buckets - 1)];
}

static void table_insert(struct nodes *t, struct node *n)
{
	struct node **b = bucket(t, n->ino);
	n->hash_next = *b;
	*b = n;
}

static void table_remove(struct nodes *t, struct node *n)
{
	struct node **p = bucket(t, n->ino);
	while (*p != n) {
		p = &(*p)->hash_next;
	}
	*p = n->hash_next;
}

/* When memory is short the chains stay as they are. */
static void resize(struct nodes *t, size_t n_buckets)
{
	size_t old_n = t->n_buckets;
	struct node **old = t->buckets;
	struct node **fresh = calloc(n_buckets, sizeof(struct node *));
	if (fresh == NULL) {
		return;
	}
	t->buckets = fresh;
	t->n_buckets = n_buckets;
	for (size_t i = 0; i < old_n; i++) {
		struct node *next;
		for (struct node *n = old[i]; n != NULL; n = next) {
			next = n->hash_next;
			table_insert(t, n);
		}
	}
	free(old);
}

static bool has_name(const struct node *n, struct slice name)
{
	const char *own = node_name(n);
	return strncmp(own, name.p, name.n) == 0 && own[name.n] == '\0';
}

static struct node *find(
	struct nodes *t, const struct node *parent, struct slice name, uint64_t hash)
{
	uint64_t ino = node_child_ino(parent, hash);
	struct node *n = *bucket(t, ino);
	while (n != NULL &&
		(n->ino != ino || n->parent != parent || !n->named || !has_name(n, name))) {
		n = n->hash_next;
	}
	return n;
}

/* ---- one node ---- */

static void node_free(struct node *n)
{
	struct node_more *more = n->more;
	if (n->owns_engine) {
		engine_unref(n->engine);
	}
	if (more != &nothing_more) {
		free(more->name);
		free(more);
	}
	free(n);
}

struct node_more *node_more(struct node *n)
{
	struct node_more *more = n->more;
	if (more == &nothing_more) {
		more = calloc(1, sizeof(*more));
		if (more != NULL) {
			n->more = more;
		}
	}
	return more;
}

/* A name with its NUL, and behind it the key; most names begin with their key,
 * which then needs no room of its own. */
static bool key_apart(struct slice name, struct slice key)
{
	return key.n > name.n || (key.n > 0 && memcmp(name.p, key.p, key.n) != 0);
}

static size_t text_size(struct slice name, struct slice key, bool apart)
{
	return name.n + 1 + (apart ? key.n : 0);
}

static void write_text(char *text, struct slice name, struct slice key, bool apart)
{
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	if (apart) {
		memcpy(text + name.n + 1, key.p, key.n);
	}
}

static struct slice key_of(const struct node *n)
{
	const char *name = node_name(n);
	return slice_make(n->key_apart ? name + strlen(name) + 1 : name, n->key_len);
}

static void set_kind(struct node *n, const struct node_spec *spec)
{
	n->type = (uint8_t)spec->type;
	n->kind = (uint8_t)spec->kind;
	n->form = (uint8_t)spec->form;
	n->listed_form = (uint8_t)(spec->listed_form | (spec->stream ? NODE_STREAM : 0U));
	n->key_len = (uint32_t)spec->key.n;
}

static struct node *node_new(
	struct node *parent, struct slice name, uint64_t hash, const struct node_spec *spec)
{
	bool apart = key_apart(name, spec->key);
	size_t size = offsetof(struct node, text) + text_size(name, spec->key, apart);
	struct node *n = malloc(size < sizeof(*n) ? sizeof(*n) : size);
	if (n == NULL) {
		return NULL;
	}
	*n = (struct node){
		.more = (struct node_more *)&nothing_more,
		.parent = parent,
		.ino = parent != NULL ? node_child_ino(parent, hash) : ROOT_INO,
		.key_apart = apart,
		.members = spec->members,
		.feed = spec->feed,
		.uncached = spec->uncached || spec->members || spec->feed ||
			    (parent != NULL && parent->uncached),
		.engine = spec->engine != NULL ? spec->engine
					       : (parent != NULL ? parent->engine : NULL),
	};
	write_text(n->text, name, spec->key, apart);
	set_kind(n, spec);
	if (spec->row != NULL) {
		if (node_more(n) == NULL) {
			node_free(n);
			return NULL;
		}
		n->more->row = spec->row;
	}
	if (spec->own_engine) {
		engine_ref(n->engine);
		n->owns_engine = true;
	}
	return n;
}

int nodes_init(struct nodes *t, struct err *err)
{
	*t = (struct nodes){.n_buckets = BUCKETS_MIN};
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->readers_gone, NULL);
	t->buckets = calloc(t->n_buckets, sizeof(struct node *));
	struct node_spec root = {.type = NODE_ROOT, .kind = ENGINE_DIR};
	t->root = node_new(NULL, slice_of(""), 0, &root);
	if (t->buckets == NULL || t->root == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	t->root->refs = 1;
	return 0;
}

static void free_all(struct node *dead)
{
	while (dead != NULL) {
		struct node *next = dead->hash_next;
		node_free(dead);
		dead = next;
	}
}

void nodes_finish(struct nodes *t)
{
	/* Engines of views hold their parent engine, so the order does not matter. */
	for (size_t i = 0; t->buckets != NULL && i < t->n_buckets; i++) {
		free_all(t->buckets[i]);
	}
	free(t->buckets);
	if (t->root != NULL) {
		node_free(t->root);
	}
	pthread_cond_destroy(&t->readers_gone);
	pthread_mutex_destroy(&t->lock);
}

/* Takes out a node nobody needs, and then perhaps its parents. They are freed by
 * free_all() without the lock: the last node of a view closes its engine. */
static struct node *release(struct nodes *t, struct node *n)
{
	struct node *dead = NULL;
	while (n != t->root && n->refs == 0 && n->lookups == 0) {
		struct node *parent = n->parent;
		table_remove(t, n);
		n->hash_next = dead;
		dead = n;
		t->n_nodes--;
		t->n_freed++;
		parent->refs--;
		n = parent;
	}
	return dead;
}

void nodes_trim(struct nodes *t)
{
	pthread_mutex_lock(&t->lock);
	bool many = t->n_freed >= TRIM_MIN && t->n_freed >= t->n_nodes;
	if (many) {
		t->n_freed = 0;
		size_t n = t->n_buckets;
		while (n > BUCKETS_MIN && n / 2 > t->n_nodes) {
			n /= 2;
		}
		if (n < t->n_buckets) {
			resize(t, n);
		}
	}
	pthread_mutex_unlock(&t->lock);
#ifdef __GLIBC__
	if (many) {
		malloc_trim(0); /* they lay one by one among others: free() alone keeps the pages */
	}
#endif
}

bool node_frozen(const struct node *n, uint64_t version)
{
	const struct node_cache *c = &n->more->cache;
	return c->n_cached > 0 && c->open_version != version;
}

bool node_uncached(const struct node *n)
{
	/* A rename may have brought a file here; directories stay in their kind of place. */
	return n->uncached || node_is_stream(n) || (n->parent != NULL && n->parent->uncached);
}

/* Whoever has the node open goes on with it; the name gets a new one. */
static bool must_renew(const struct node *n, const struct node_spec *spec)
{
	const struct node_cache *c = &n->more->cache;
	return c->n_cached > 0 &&
	       (c->renew || (spec->version != 0 && node_frozen(n, spec->version)));
}

/* A new inode for a writer is contended from the start. Just a hint: without memory
 * it goes without. */
static void inherit_contended(struct node *n, int64_t contended_ns)
{
	struct node_more *more = contended_ns != 0 ? node_more(n) : NULL;
	if (more != NULL) {
		more->cache.contended_ns = contended_ns;
	}
}

static struct node *add_child(struct nodes *t, struct node *parent, struct slice name,
	uint64_t hash, const struct node_spec *spec)
{
	struct node *n = node_new(parent, name, hash, spec);
	if (n == NULL) {
		return NULL;
	}
	parent->refs++;
	n->named = true;
	table_insert(t, n);
	if (++t->n_nodes > t->n_buckets) {
		resize(t, t->n_buckets * 2);
	}
	return n;
}

static bool is_another(const struct node *n, const struct node_spec *spec)
{
	return n->type != spec->type || n->kind != spec->kind || node_row(n) != spec->row ||
	       n->members != spec->members || n->feed != spec->feed ||
	       node_is_stream(n) != spec->stream || (spec->uncached && !n->uncached) ||
	       (n->owns_engine && spec->own_engine && n->engine != spec->engine);
}

static struct node *get(struct nodes *t, struct node *parent, struct slice name, uint64_t hash,
	const struct node_spec *spec, bool lookup)
{
	int64_t contended_ns = 0;
	struct node *n = find(t, parent, name, hash);
	if (n != NULL && is_another(n, spec)) {
		/* Something else has that name now. */
		n->named = false;
		n->unlinked = true;
		n = NULL;
	} else if (n != NULL && lookup && must_renew(n, spec)) {
		n->named = false;
		contended_ns = n->more->cache.contended_ns;
		n = NULL;
	}
	if (n == NULL) {
		n = add_child(t, parent, name, hash, spec);
		if (n == NULL) {
			return NULL;
		}
		inherit_contended(n, contended_ns);
	}
	if (lookup) {
		n->lookups++;
	} else {
		n->refs++;
	}
	return n;
}

struct node *node_get(struct nodes *t, struct node *parent, const char *name,
	const struct node_spec *spec, bool lookup)
{
	struct slice s = slice_of(name);
	uint64_t hash = node_hash(s);
	LOCKED(&t->lock);
	return get(t, parent, s, hash, spec, lookup);
}

struct node *node_get_held(struct nodes *t, struct node *parent, struct slice name, uint64_t hash,
	const struct node_spec *spec)
{
	return get(t, parent, name, hash, spec, true);
}

void node_count_lookup(struct nodes *t, struct node *dir)
{
	LOCKED(&t->lock);
	struct node_more *more = node_more(dir);
	if (more != NULL) {
		more->child_lookups++;
	}
}

struct node *node_peek(struct nodes *t, struct node *parent, const char *name)
{
	struct slice s = slice_of(name);
	uint64_t hash = node_hash(s);
	LOCKED(&t->lock);
	struct node *n = find(t, parent, s, hash);
	if (n != NULL) {
		n->refs++;
	}
	return n;
}

void node_ref(struct nodes *t, struct node *n)
{
	LOCKED(&t->lock);
	n->refs++;
}

void node_unref(struct nodes *t, struct node *n)
{
	if (n == NULL) {
		return;
	}
	pthread_mutex_lock(&t->lock);
	n->refs--;
	struct node *dead = release(t, n);
	pthread_mutex_unlock(&t->lock);
	free_all(dead);
}

void node_forget(struct nodes *t, struct node *n, uint64_t lookups)
{
	pthread_mutex_lock(&t->lock);
	uint64_t left = n->lookups;
	n->lookups = lookups < left ? left - lookups : 0;
	struct node *dead = release(t, n);
	pthread_mutex_unlock(&t->lock);
	free_all(dead);
}

void node_unlink(struct nodes *t, struct node *n)
{
	LOCKED(&t->lock);
	n->named = false;
	n->unlinked = true;
}

static bool is_below(const struct node *n, const struct node *top)
{
	for (; n != NULL; n = n->parent) {
		if (n == top) {
			return true;
		}
	}
	return false;
}

/* A directory moved: the numbers below it follow from its new place. */
static void renumber_below(struct nodes *t, const struct node *top)
{
	struct node *moved = NULL;
	for (size_t i = 0; i < t->n_buckets; i++) {
		struct node **p = &t->buckets[i];
		while (*p != NULL) {
			struct node *n = *p;
			if (n == top || !n->named || !is_below(n, top)) {
				p = &n->hash_next;
				continue;
			}
			*p = n->hash_next;
			n->hash_next = moved;
			moved = n;
		}
	}
	while (moved != NULL) {
		struct node *n = moved;
		moved = n->hash_next;
		n->ino = place_ino(n);
		table_insert(t, n);
	}
}

/* Written only when it changes: others read it without the lock. */
static void inherit_engine(struct node *n)
{
	if (!n->owns_engine && n->engine != n->parent->engine) {
		n->engine = n->parent->engine;
	}
}

/* As a scratch file it has other pages and another size than as an item, although
 * the item may come back in the version it had. */
static void forget_content(struct node *n)
{
	n->attr_version = 0;
	if (n->more != &nothing_more) {
		n->more->cache.page_version = 0;
	}
}

/* The text of a name to come, and room for it in the node. NULL: no memory. */
static char *new_text(struct node *n, struct slice name, struct slice key)
{
	bool apart = key_apart(name, key);
	char *text = node_more(n) != NULL ? malloc(text_size(name, key, apart)) : NULL;
	if (text != NULL) {
		write_text(text, name, key, apart);
	}
	return text;
}

/* Takes over `text`. */
static void set_text(struct node *n, char *text)
{
	free(n->more->name);
	n->more->name = text;
}

int node_move(struct nodes *t, struct node *n, struct node *parent, const char *name,
	const struct node_spec *spec)
{
	struct slice s = slice_of(name);
	uint64_t hash = node_hash(s);
	pthread_mutex_lock(&t->lock);
	char *text = new_text(n, s, spec->key);
	if (text == NULL) {
		pthread_mutex_unlock(&t->lock);
		return -ENOMEM;
	}
	struct node *target = find(t, parent, s, hash);
	if (target != NULL && target != n) {
		target->named = false;
	}
	table_remove(t, n);
	if (n->type != spec->type) {
		forget_content(n);
	}
	struct node *old_parent = n->parent;
	parent->refs++;
	n->parent = parent;
	old_parent->refs--;
	struct node *dead = release(t, old_parent);
	set_text(n, text);
	set_kind(n, spec);
	n->key_apart = key_apart(s, spec->key);
	n->more->row = spec->row;
	n->ino = node_child_ino(parent, hash);
	inherit_engine(n);
	n->named = true;
	n->unlinked = false;
	table_insert(t, n);
	if (n->kind == ENGINE_DIR) {
		renumber_below(t, n);
	}
	pthread_mutex_unlock(&t->lock);
	free_all(dead);
	return 0;
}

/* What a node is by its place: everything but its content's state. */
struct place {
	struct node *parent;
	uint64_t ino;
	uint8_t type;
	uint8_t form;
	uint8_t listed_form;
	uint32_t key_len;
	bool key_apart;
	const struct reserved *row;
};

static struct place place_of(const struct node *n)
{
	return (struct place){n->parent, n->ino, n->type, n->form, n->listed_form, n->key_len,
		n->key_apart, node_row(n)};
}

static void set_place(struct nodes *t, struct node *n, const struct place *p, char *text)
{
	set_text(n, text);
	n->parent = p->parent; /* their counts of children stay right: one went, one came */
	n->ino = p->ino;
	n->type = p->type;
	n->form = p->form;
	n->listed_form = p->listed_form;
	n->key_len = p->key_len;
	n->key_apart = p->key_apart;
	n->more->row = p->row;
	n->named = true;
	inherit_engine(n);
	table_insert(t, n);
}

int node_exchange(struct nodes *t, struct node *a, struct node *b)
{
	LOCKED(&t->lock);
	char *text_a = new_text(a, slice_of(node_name(b)), key_of(b));
	char *text_b = new_text(b, slice_of(node_name(a)), key_of(a));
	if (text_a == NULL || text_b == NULL) {
		free(text_a);
		free(text_b);
		return -ENOMEM;
	}
	table_remove(t, a);
	table_remove(t, b);
	if (a->type != b->type) {
		forget_content(a);
		forget_content(b);
	}
	struct place place_a = place_of(a);
	struct place place_b = place_of(b);
	set_place(t, a, &place_b, text_a);
	set_place(t, b, &place_a, text_b);
	if (a->kind == ENGINE_DIR) {
		renumber_below(t, a);
		renumber_below(t, b);
	}
	return 0;
}

struct node *node_anchor(struct node *n)
{
	while (n->type == NODE_RESERVED || n->type == NODE_SIDE) {
		n = n->parent;
	}
	return n;
}

/* A service's directory and the root of a view have no key of their own. */
static bool has_key(const struct node *n)
{
	return n->type == NODE_KEY && !n->owns_engine;
}

int node_path(struct nodes *t, struct node *n, struct node_path *out, struct err *err)
{
	LOCKED(&t->lock);
	out->big = NULL;
	out->engine = n->engine;
	out->path.depth = 0;
	const struct node *chain[EPATH_MAX];
	unsigned depth = 0;
	size_t bytes = 0;
	/* A view's tree continues the path of the directory it hangs below, so only
	 * reserved steps are skipped; the climb ends at the service. */
	for (const struct node *p = n; p != NULL && p->type != NODE_ROOT; p = p->parent) {
		if (has_key(p)) {
			if (depth == EPATH_MAX) {
				return err_set(err, ENAMETOOLONG, "the path is too deep");
			}
			chain[depth++] = p;
			bytes += p->key_len;
		}
	}
	char *at = out->small;
	if (bytes > sizeof(out->small)) {
		at = out->big = malloc(bytes);
		if (at == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
	}
	for (unsigned i = depth; i-- > 0;) {
		struct slice key = key_of(chain[i]);
		memcpy(at, key.p, key.n);
		out->path.key[out->path.depth++] = slice_make(at, key.n);
		at += key.n;
	}
	return 0;
}

void node_path_free(struct node_path *p)
{
	free(p->big);
	p->big = NULL;
}

static void append_text(struct node *n, struct buf *out)
{
	if (n->parent == NULL) {
		return;
	}
	append_text(n->parent, out);
	buf_putc(out, '/');
	buf_puts(out, node_name(n));
}

struct node *node_place(struct nodes *t, struct node *n, struct buf *name)
{
	LOCKED(&t->lock);
	buf_puts(name, node_name(n));
	if (n->parent != NULL) {
		n->parent->refs++;
	}
	return n->parent;
}

/* Whether it is the root of a view that shows what is written elsewhere. */
static bool shows_another(const struct node *n)
{
	return n->owns_engine && n->parent->type == NODE_RESERVED &&
	       node_row(n->parent)->view != ENGINE_VIEW_CLUSTER;
}

/* As append_text(), but steps into such views are left out. */
static void append_home(struct node *n, struct buf *out)
{
	if (n->parent == NULL) {
		return;
	}
	if (shows_another(n)) {
		append_home(n->parent->parent, out);
		return;
	}
	append_home(n->parent, out);
	buf_putc(out, '/');
	buf_puts(out, node_name(n));
}

static void append_side_dir(struct node *dir, struct buf *out)
{
	if (dir->type == NODE_RESERVED && node_row(dir)->inside == PLACE_QUERY) {
		append_home(dir, out);
	} else {
		append_text(node_anchor(dir), out);
	}
}

void node_side_dir(struct nodes *t, struct node *dir, struct buf *out)
{
	LOCKED(&t->lock);
	append_side_dir(dir, out);
}

void node_side_place(struct nodes *t, struct node *n, struct buf *dir, struct buf *name)
{
	LOCKED(&t->lock);
	append_side_dir(n->parent, dir);
	buf_puts(name, node_name(n));
}

void node_text(struct nodes *t, struct node *n, struct buf *out)
{
	LOCKED(&t->lock);
	if (n->parent == NULL) {
		buf_putc(out, '/');
	}
	append_text(n, out);
}

void nodes_below(
	struct nodes *t, struct node *top, void (*fn)(void *arg, struct node *n), void *arg)
{
	LOCKED(&t->lock);
	if (top->refs <= 1 && top->named) {
		fn(arg, top); /* nobody but the caller refers to it: it has no children */
		return;
	}
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct node *n = t->buckets[i]; n != NULL; n = n->hash_next) {
			if (n->named && is_below(n, top)) {
				fn(arg, n);
			}
		}
	}
}
