/* Inodes: what the kernel knows by number. See node.c for the idea. */
#ifndef DBMOUNT_FS_NODE_H
#define DBMOUNT_FS_NODE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "engines/engine.h"

struct reserved; /* fs/reserved.h */
struct handle;	 /* fs/handle.h */

enum node_type {
	NODE_ROOT,     /* the mount's own directory */
	NODE_KEY,      /* a service, table, partition, item: something an engine holds */
	NODE_SIDE,     /* a file of ours beside the data: scratch or rejected text */
	NODE_RESERVED, /* a reserved name: `row` says which */
};

/* What the kernel may hold of a file's content, and who has it open. All under
 * nodes.lock. Content is fixed at open, so a handle may use the page cache only
 * while every other handle on the inode has the same version and nobody writes;
 * else it is served directly (see handle_cache.c). */
struct node_cache {
	uint64_t page_version; /* version whose pages it may hold; 0 none */
	uint64_t open_version; /* version the cached handles have */
	uint64_t open_size;    /* and its size: while they are open, the inode's */
	int64_t contended_ns;  /* when a writer last met readers; 0 never */
	unsigned n_cached;     /* handles reading through the page cache */
	unsigned n_direct;     /* handles that bypass it, writers among them */
	bool dropping;	       /* old pages are being thrown away */
	bool renew;	       /* the next lookup of the name is to get another inode */
	bool has_stayer;       /* a cached handle has been open for long: see READERS_WAIT_MS */
};

/* What few nodes have: those that were opened, renamed, or are reserved names. */
struct node_more {
	struct node_cache cache;
	struct handle *handles;		      /* open ones, the last opened first */
	_Atomic uint64_t child_lookups;	      /* how often a child was found by its name */
	_Atomic(const struct reserved *) row; /* of NODE_RESERVED; of NODE_SIDE: the directory's */
	atomic_uint n_pending;		      /* handles that create it: it has no item yet */
	_Atomic bool replaces; /* renamed onto an item before it had one of its own */
	char *name;	       /* what a rename gave it; NULL: as it was made */
	/* Under nodes.lock: of a named text and a feed what it said when last asked, and
	 * when that was first found so (0: never); of a feed where the file begins. */
	uint64_t text_hash;
	int64_t text_ns;
	uint64_t feed_base;
};

/* Of a file: it passes through without being held (transfer.h). Forms have lower numbers. */
#define NODE_STREAM 0x80U

/* One for each inode the kernel has, so it is small: `ls -l` of a million makes a
 * million. Whoever writes to what `more` points to takes it from node_more(). */
struct node {
	struct node *hash_next;
	struct node *parent;		  /* referenced; NULL for the root */
	_Atomic uint64_t ino;		  /* st_ino: the same after a remount */
	struct engine *engine;		  /* NULL outside services */
	_Atomic(struct node_more *) more; /* never NULL */
	uint64_t attr_version;		  /* version whose size the kernel was told; 0 none */
	uint64_t lookups : 48;		  /* the kernel's; under nodes.lock, as the bits below */
	bool named : 1;			  /* reachable by name */
	bool unlinked : 1;    /* removed by name; not when a rename put another in its place */
	bool key_apart : 1;   /* the key stands behind the name, which does not begin with it */
	unsigned refs;	      /* children, handles, ourselves; under nodes.lock */
	unsigned n_writers;   /* under nodes.lock */
	_Atomic uint8_t type; /* enum node_type; like kind and forms changed by a rename only,
			       * under nodes.lock */
	_Atomic uint8_t kind; /* enum engine_kind */
	_Atomic uint8_t form;
	_Atomic uint8_t listed_form; /* of the directory it is in, and NODE_STREAM */
	uint32_t key_len;	     /* of NODE_KEY below a service */
	/* Since it was last told otherwise, the kernel was given attributes to keep or,
	 * of a directory, a listing: only then it needs to be told of a change. Set
	 * before nodes.changes is compared or an engine is asked; who changes something
	 * counts first (nodes.changes), then looks here. */
	atomic_bool kept;
	/* As it was made: */
	bool owns_engine : 1;
	bool uncached : 1; /* see node_uncached() */
	bool members : 1;  /* a directory of an item's members, beside the item's file */
	bool feed : 1;	   /* of a file: what is read and written is a feed (handle_feed.c) */
	char text[];	   /* file name, NUL; perhaps the key */
};

/* The name: under nodes.lock, but for reserved names, which stay. */
static inline const char *node_name(const struct node *n)
{
	const struct node_more *more = n->more;
	return more->name != NULL ? more->name : n->text;
}

static inline bool node_is_stream(const struct node *n)
{
	return (n->listed_form & NODE_STREAM) != 0;
}

static inline const struct reserved *node_row(const struct node *n)
{
	return n->more->row;
}

struct nodes {
	pthread_mutex_t lock; /* guards the table and the fields named above */
	struct node **buckets;
	pthread_cond_t readers_gone; /* some node's n_cached fell to 0 */
	size_t n_buckets;
	size_t n_nodes;
	size_t n_freed; /* since memory was last given back */
	struct node *root;
	/* Moves with each change of an item through the mount, before its writer is
	 * answered. What an engine said before the count moved may be old: the kernel
	 * must not be told to keep it. */
	_Atomic uint64_t changes;
};

/* What a new node is, for node_get(). All borrowed. */
struct node_spec {
	enum node_type type;
	enum engine_kind kind;
	unsigned form;
	unsigned listed_form;
	struct engine *engine; /* inherited from the parent when NULL */
	bool own_engine;       /* the node takes its own reference */
	const struct reserved *row;
	struct slice key;
	uint64_t version; /* of the content found by a lookup; 0 none or not known */
	bool uncached;	  /* inherited, too: what it shows changes without a notice */
	bool members;	  /* its key is an item's; uncached */
	bool feed;	  /* uncached */
	bool stream;	  /* uncached */
};

int nodes_init(struct nodes *t, struct err *err);
void nodes_finish(struct nodes *t); /* frees all, whatever the kernel holds */

/* The node `name` below `parent`, made when missing. With `lookup` the kernel's
 * count rises by one (undone by node_forget), else a reference of the caller's
 * is taken (undone by node_unref). NULL when memory ran out. A lookup leaves the
 * node of those who read other content through the page cache to them alone. */
struct node *node_get(struct nodes *t, struct node *parent, const char *name,
	const struct node_spec *spec, bool lookup);
/* node_get() with lookup, under nodes.lock, for a name whose node_hash() is known:
 * a listing makes nodes by the page. */
struct node *node_get_held(struct nodes *t, struct node *parent, struct slice name, uint64_t hash,
	const struct node_spec *spec);
/* The node `name` below `parent` if there is one, with a reference; else NULL. */
struct node *node_peek(struct nodes *t, struct node *parent, const char *name);
void node_ref(struct nodes *t, struct node *n);
void node_unref(struct nodes *t, struct node *n);
void node_forget(struct nodes *t, struct node *n, uint64_t lookups);
/* After many were forgotten: gives their memory back to the system. */
void nodes_trim(struct nodes *t);

/* What the node alone has, made when it has none; NULL when memory ran out. Under
 * nodes.lock. Whoever has the node open can rely on it. */
struct node_more *node_more(struct node *n);
/* A child of the directory was found by its name. */
void node_count_lookup(struct nodes *t, struct node *dir);

/* The node no longer has that name (unlink, rmdir, replaced by a rename). */
void node_unlink(struct nodes *t, struct node *n);
/* The node gets another place, as the kernel's dentry does: what stood at the
 * target is no longer found by name. 0 or -ENOMEM. */
int node_move(struct nodes *t, struct node *n, struct node *parent, const char *name,
	const struct node_spec *spec);
/* Two nodes change places (RENAME_EXCHANGE). 0 or -ENOMEM. */
int node_exchange(struct nodes *t, struct node *a, struct node *b);

uint64_t node_hash(struct slice name);
/* The inode number a child has whose name has this hash, whether or not its node
 * exists. */
uint64_t node_child_ino(const struct node *parent, uint64_t hash);

/* Where a node stands in its engine: keys copied out, so that it outlives the
 * lock. Reserved and side files give the directory they belong to. */
struct node_path {
	struct epath path;
	struct engine *engine; /* borrowed from the node chain; NULL outside services */
	char small[384];
	char *big;
};
int node_path(struct nodes *t, struct node *n, struct node_path *out, struct err *err);
void node_path_free(struct node_path *p);

/* Where the node stands now: its directory, referenced (NULL: it is the root), and
 * its name, appended. A rename may free both the moment the lock is gone. */
struct node *node_place(struct nodes *t, struct node *n, struct buf *name);
/* The directory that side files in this one are kept for (side.h): its own text; of
 * .rejected that of the directory above; of .query the same in every view. */
void node_side_dir(struct nodes *t, struct node *dir, struct buf *out);
/* Of a side file: the text of the directory it is kept for, and its name. */
void node_side_place(struct nodes *t, struct node *n, struct buf *dir, struct buf *name);
/* Whether the kernel is to keep nothing of it, since what it shows changes without a
 * notice: it, or a directory above, was made so. Under nodes.lock. */
bool node_uncached(const struct node *n);
/* Whether handles read content through the page cache that is not `version`. */
bool node_frozen(const struct node *n, uint64_t version);

/* "/dynamodb/Users/user-123", as the tree shows it. */
void node_text(struct nodes *t, struct node *n, struct buf *out);
/* The directory of data (or root) a reserved or side node belongs to; itself for
 * the others. Borrowed: lives as long as n. */
struct node *node_anchor(struct node *n);

/* Calls fn for each node at or below `top`, to which the caller has a reference; under
 * the lock. */
void nodes_below(
	struct nodes *t, struct node *top, void (*fn)(void *arg, struct node *n), void *arg);

#endif
