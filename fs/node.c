/* Inodes.
 *
 * The kernel names a file by a number it got from us (the "nodeid": here the
 * address of a struct node) and counts how often it was told that number; when
 * it drops the inode it says so (FORGET) and the node goes. So memory follows
 * what the kernel caches, not the size of a table: a listing that nobody stats
 * makes no nodes.
 *
 * A node is a place: (parent, name). The table finds it by that pair, so the
 * same file has one node however often it is looked up. A rename moves the node
 * as the kernel moves its dentry: when an editor renames a scratch file onto an
 * item, the node that was the scratch file becomes the item, and the item's old
 * node is unlinked. Handles keep their node alive (refs), children their parent.
 *
 * The number a user sees (st_ino) is another one: a hash of the parent's number
 * and the name, so it is the same after a remount, and a listing can print it
 * without making a node.
 *
 * Lock order: nodes.lock is taken last of all and never held while an engine is
 * called. */
#include "fs/node.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engines/common/cleanup.h"

#define ROOT_INO 1

static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= UINT64_C(0xff51afd7ed558ccd);
	x ^= x >> 33;
	x *= UINT64_C(0xc4ceb9fe1a85ec53);
	return x ^ (x >> 33);
}

static uint64_t hash_name(const char *name, size_t n)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < n; i++) {
		h = (h ^ (unsigned char)name[i]) * UINT64_C(0x100000001b3);
	}
	return h;
}

uint64_t node_child_ino(const struct node *parent, const char *name, size_t n)
{
	uint64_t h = mix(hash_name(name, n) ^ mix(parent->ino));
	/* 0 means "none" to readdir, 1 is the root. */
	return h > ROOT_INO ? h : h + 2;
}

/* By address and name, not by inode number: that one changes when a directory
 * above is renamed. */
static struct node **bucket(struct nodes *t, const struct node *parent, uint64_t name_hash)
{
	return &t->buckets[mix((uintptr_t)parent ^ name_hash) & (t->n_buckets - 1)];
}

static void hash_insert(struct nodes *t, struct node *n)
{
	struct node **b = bucket(t, n->parent, n->name_hash);
	n->hash_next = *b;
	*b = n;
	n->hashed = true;
}

static void hash_remove(struct nodes *t, struct node *n)
{
	if (!n->hashed) {
		return;
	}
	struct node **p = bucket(t, n->parent, n->name_hash);
	while (*p != n) {
		p = &(*p)->hash_next;
	}
	*p = n->hash_next;
	n->hashed = false;
}

static void list_insert(struct nodes *t, struct node *n)
{
	n->all_next = t->all;
	n->all_link = &t->all;
	if (t->all != NULL) {
		t->all->all_link = &n->all_next;
	}
	t->all = n;
}

static void list_remove(struct node *n)
{
	*n->all_link = n->all_next;
	if (n->all_next != NULL) {
		n->all_next->all_link = n->all_link;
	}
}

/* Doubles the table; when memory is short the chains just get longer. */
static void grow(struct nodes *t)
{
	size_t old_n = t->n_buckets;
	struct node **old = t->buckets;
	struct node **fresh = calloc(old_n * 2, sizeof(struct node *));
	if (fresh == NULL) {
		return;
	}
	t->buckets = fresh;
	t->n_buckets = old_n * 2;
	for (size_t i = 0; i < old_n; i++) {
		struct node *next;
		for (struct node *n = old[i]; n != NULL; n = next) {
			next = n->hash_next;
			hash_insert(t, n);
		}
	}
	free(old);
}

static struct node *find(struct nodes *t, const struct node *parent, const char *name)
{
	uint64_t h = hash_name(name, strlen(name));
	for (struct node *n = *bucket(t, parent, h); n != NULL; n = n->hash_next) {
		if (n->parent == parent && n->name_hash == h && strcmp(n->name, name) == 0) {
			return n;
		}
	}
	return NULL;
}

static void node_free(struct node *n)
{
	if (n->owns_engine) {
		engine_unref(n->engine);
	}
	free(n->name);
	free(n);
}

/* One piece of memory for both: the name with its NUL, and behind it the key;
 * most names begin with their key, which then needs no room of its own. */
static char *copy_name(const char *name, struct slice key, char **key_out)
{
	size_t n = strlen(name);
	bool prefix = key.n == 0 || (key.n <= n && memcmp(name, key.p, key.n) == 0);
	char *copy = malloc(n + 1 + (prefix ? 0 : key.n));
	if (copy == NULL) {
		return NULL;
	}
	memcpy(copy, name, n + 1);
	*key_out = prefix ? copy : copy + n + 1;
	if (!prefix) {
		memcpy(*key_out, key.p, key.n);
	}
	return copy;
}

static struct node *node_new(struct node *parent, const char *name, const struct node_spec *spec)
{
	struct node *n = calloc(1, sizeof(*n));
	if (n == NULL) {
		return NULL;
	}
	n->name = copy_name(name, spec->key, &n->key);
	if (n->name == NULL) {
		node_free(n);
		return NULL;
	}
	n->key_len = spec->key.n;
	n->parent = parent;
	n->name_hash = hash_name(name, strlen(name));
	n->ino = parent != NULL ? node_child_ino(parent, name, strlen(name)) : ROOT_INO;
	n->type = spec->type;
	n->kind = spec->kind;
	n->form = spec->form;
	n->listed_form = spec->listed_form;
	n->row = spec->row;
	n->engine = spec->engine != NULL ? spec->engine : (parent != NULL ? parent->engine : NULL);
	if (spec->own_engine) {
		engine_ref(n->engine);
		n->owns_engine = true;
	}
	return n;
}

int nodes_init(struct nodes *t, struct err *err)
{
	*t = (struct nodes){.n_buckets = 1024};
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->readers_gone, NULL);
	t->buckets = calloc(t->n_buckets, sizeof(struct node *));
	struct node_spec root = {.type = NODE_ROOT, .kind = ENGINE_DIR};
	t->root = node_new(NULL, "", &root);
	if (t->buckets == NULL || t->root == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	t->root->refs = 1;
	return 0;
}

void nodes_finish(struct nodes *t)
{
	/* Engines of views hold their parent engine, so the order does not matter. */
	struct node *next;
	for (struct node *n = t->all; n != NULL; n = next) {
		next = n->all_next;
		node_free(n);
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
		hash_remove(t, n);
		list_remove(n);
		n->hash_next = dead;
		dead = n;
		t->n_nodes--;
		parent->refs--;
		n = parent;
	}
	return dead;
}

static void free_all(struct node *dead)
{
	while (dead != NULL) {
		struct node *next = dead->hash_next;
		node_free(dead);
		dead = next;
	}
}

bool node_frozen(const struct node *n, uint64_t version)
{
	return n->cache.n_cached > 0 && n->cache.open_version != version;
}

/* Whoever has the node open goes on with it; the name gets a new one. */
static bool must_renew(const struct node *n, const struct node_spec *spec)
{
	return n->cache.n_cached > 0 &&
	       (n->cache.renew || (spec->version != 0 && node_frozen(n, spec->version)));
}

struct node *node_get(struct nodes *t, struct node *parent, const char *name,
	const struct node_spec *spec, bool lookup)
{
	int64_t contended_ns = 0; /* a new inode for a writer is contended from the start */
	LOCKED(&t->lock);
	struct node *n = find(t, parent, name);
	if (n != NULL && (n->type != spec->type || n->kind != spec->kind || n->row != spec->row)) {
		/* Something else has that name now. */
		hash_remove(t, n);
		n->unlinked = true;
		n = NULL;
	} else if (n != NULL && lookup && must_renew(n, spec)) {
		hash_remove(t, n);
		contended_ns = n->cache.contended_ns;
		n = NULL;
	}
	if (n == NULL) {
		n = node_new(parent, name, spec);
		if (n == NULL) {
			return NULL;
		}
		parent->refs++;
		n->cache.contended_ns = contended_ns;
		list_insert(t, n);
		hash_insert(t, n);
		if (++t->n_nodes > t->n_buckets) {
			grow(t);
		}
	}
	if (lookup) {
		n->lookups++;
	} else {
		n->refs++;
	}
	return n;
}

struct node *node_peek(struct nodes *t, struct node *parent, const char *name)
{
	LOCKED(&t->lock);
	struct node *n = find(t, parent, name);
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
	n->lookups -= lookups < n->lookups ? lookups : n->lookups;
	struct node *dead = release(t, n);
	pthread_mutex_unlock(&t->lock);
	free_all(dead);
}

void node_unlink(struct nodes *t, struct node *n)
{
	LOCKED(&t->lock);
	hash_remove(t, n);
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

static uint64_t place_ino(const struct node *n)
{
	if (n->parent == NULL) {
		return ROOT_INO;
	}
	struct node parent = {.ino = place_ino(n->parent)};
	return node_child_ino(&parent, n->name, strlen(n->name));
}

/* A directory moved: the numbers below it follow from its new place. */
static void renumber_below(struct nodes *t, const struct node *top)
{
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct node *n = t->buckets[i]; n != NULL; n = n->hash_next) {
			if (is_below(n, top)) {
				n->ino = place_ino(n);
			}
		}
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
	n->cache.attr_version = 0;
	n->cache.page_version = 0;
}

int node_move(struct nodes *t, struct node *n, struct node *parent, const char *name,
	const struct node_spec *spec)
{
	char *new_key;
	char *new_name = copy_name(name, spec->key, &new_key);
	if (new_name == NULL) {
		return -ENOMEM;
	}
	pthread_mutex_lock(&t->lock);
	struct node *target = find(t, parent, name);
	if (target != NULL && target != n) {
		hash_remove(t, target);
	}
	hash_remove(t, n);
	if (n->type != spec->type) {
		forget_content(n);
	}
	struct node *old_parent = n->parent;
	parent->refs++;
	n->parent = parent;
	old_parent->refs--;
	struct node *dead = release(t, old_parent);
	free(n->name);
	n->name = new_name;
	n->key = new_key;
	n->key_len = spec->key.n;
	n->name_hash = hash_name(name, strlen(name));
	n->ino = node_child_ino(parent, name, strlen(name));
	n->type = spec->type;
	n->kind = spec->kind;
	n->form = spec->form;
	n->listed_form = spec->listed_form;
	n->row = spec->row;
	inherit_engine(n);
	n->unlinked = false;
	hash_insert(t, n);
	if (n->kind == ENGINE_DIR) {
		renumber_below(t, n);
	}
	pthread_mutex_unlock(&t->lock);
	free_all(dead);
	return 0;
}

int node_exchange(struct nodes *t, struct node *a, struct node *b)
{
	LOCKED(&t->lock);
	hash_remove(t, a);
	hash_remove(t, b);
	if (a->type != b->type) {
		forget_content(a);
		forget_content(b);
	}
#define SWAP(field)                                                                                \
	do {                                                                                       \
		__typeof__(a->field) tmp_ = a->field;                                              \
		a->field = b->field;                                                               \
		b->field = tmp_;                                                                   \
	} while (0)
	SWAP(parent); /* their counts of children stay right: one went, one came */
	SWAP(name);
	SWAP(key);
	SWAP(key_len);
	SWAP(form);
	SWAP(listed_form);
	SWAP(type);
	SWAP(row);
	SWAP(ino);
	SWAP(name_hash);
#undef SWAP
	/* The engine of a place is its parent's. */
	inherit_engine(a);
	inherit_engine(b);
	hash_insert(t, a);
	hash_insert(t, b);
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
		memcpy(at, chain[i]->key, chain[i]->key_len);
		out->path.key[out->path.depth++] = slice_make(at, chain[i]->key_len);
		at += chain[i]->key_len;
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
	buf_puts(out, n->name);
}

struct node *node_place(struct nodes *t, struct node *n, struct buf *name)
{
	LOCKED(&t->lock);
	buf_puts(name, n->name);
	if (n->parent != NULL) {
		n->parent->refs++;
	}
	return n->parent;
}

void node_side_place(struct nodes *t, struct node *n, struct buf *dir, struct buf *name)
{
	LOCKED(&t->lock);
	append_text(node_anchor(n), dir);
	buf_puts(name, n->name);
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
	struct nodes *t, const struct node *top, void (*fn)(void *arg, struct node *n), void *arg)
{
	LOCKED(&t->lock);
	for (size_t i = 0; i < t->n_buckets; i++) {
		for (struct node *n = t->buckets[i]; n != NULL; n = n->hash_next) {
			if (is_below(n, top)) {
				fn(arg, n);
			}
		}
	}
}
