/* nullfs: what a FUSE daemon can reach on this machine with no store behind it.
 *
 *   nullfs [options] MOUNTPOINT
 *
 *   d1k d10k d100k d1m     generated directories of 300-byte items
 *   w                      a writable directory kept in memory
 *   .dbmount/metrics       requests by operation, in dbmount's own format
 *
 * It answers with the same flags and the same caching policy as dbmount and
 * reads requests with the same loop, so dbmount / nullfs is the cost of
 * everything that is not FUSE. It stays in the foreground; SIGTERM or umount
 * end it. It is a yardstick, not a file system: it does what the benchmarks do.
 *
 * The loop: the leader reads a request and answers it. dbmount's leader hands the
 * lead to a follower before anything that waits; nothing waits here, so one thread
 * is the whole loop. (--threads=N hands it on after every request, to show what
 * that costs.) An idle leader asks a non-blocking descriptor again for up to
 * --spin-us, then sleeps in poll(): a reply is usually followed at once by the next
 * request, and a wake-up costs more than the wait. */
#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "item.h"

static const double FOREVER = 1e9;

enum {
	FULL_ENTRIES_MAX = 20000, /* larger directories are listed without attributes */
	PROBE = 16,		  /* see list_generated() */
	STORE_MAX = 4096,	  /* content up to here is handed over at open */
	HASH_BUCKETS = 1 << 17,
	THREADS_MAX = 64,
};

/* ---------------------------------------------------------------- node numbers
 * Generated files: directory number << 24 | index. Memory nodes: their address,
 * which is above all of these. */

enum {
	INO_CTL_DIR = 2,
	INO_METRICS = 3,
	INO_GEN_DIR = 4, /* and following */
};
#define INO_GEN_SHIFT 24
#define INO_GEN_END   (UINT64_C(16) << INO_GEN_SHIFT)

static const struct gen_dir {
	const char *name;
	unsigned count;
} gen_dirs[] = {{"d1k", 1000}, {"d10k", 10000}, {"d100k", 100000}, {"d1m", 1000000}};

enum { N_GEN_DIRS = sizeof(gen_dirs) / sizeof(gen_dirs[0]) };

enum op {
	OP_LOOKUP,
	OP_FORGET,
	OP_GETATTR,
	OP_SETATTR,
	OP_MKDIR,
	OP_UNLINK,
	OP_RMDIR,
	OP_RENAME,
	OP_CREATE,
	OP_OPEN,
	OP_READ,
	OP_WRITE,
	OP_FLUSH,
	OP_FSYNC,
	OP_RELEASE,
	OP_OPENDIR,
	OP_READDIR,
	OP_READDIRPLUS,
	OP_RELEASEDIR,
	OP_STATFS,
	N_OPS
};

static const char *const op_names[N_OPS] = {"lookup", "forget", "getattr", "setattr", "mkdir",
	"unlink", "rmdir", "rename", "create", "open", "read", "write", "flush", "fsync", "release",
	"opendir", "readdir", "readdirplus", "releasedir", "statfs"};

/* A file or directory below /w. */
struct node {
	struct node *hash_next;
	struct node *parent;
	char *name;
	uint64_t serial; /* st_ino */
	mode_t mode;
	struct timespec mtime;
	uint64_t n_lookup;
	bool linked;
	bool stored; /* the kernel has the content */

	char *data;
	size_t size;
	size_t capacity;

	/* A directory's children in order of arrival; a removed one leaves a gap, so
	 * that slot + 1 stays a valid offset. */
	struct node **slots;
	unsigned n_slots;
	unsigned n_children;
	unsigned slot; /* of this node in its parent */
};

struct options {
	const char *mountpoint;
	bool libfuse_loop; /* --loop=mt */
	bool store;	   /* content at open */
	bool readdirplus;
	unsigned threads;
	unsigned spin_us;
};

struct nullfs {
	struct options options;
	struct fuse_session *session;
	pthread_t main_thread;
	struct timespec born;
	atomic_ulong counts[N_OPS];
	atomic_uchar *stored[N_GEN_DIRS];    /* a byte a file */
	atomic_ulong lookups_in[N_GEN_DIRS]; /* somebody wants attributes there */

	pthread_mutex_t leader;

	pthread_mutex_t lock; /* all below */
	struct node *root;    /* /w */
	struct node **buckets;
	uint64_t last_serial;
};

/* An open generated directory. */
struct gen_handle {
	unsigned long lookups_before;
};

static struct nullfs *enter(fuse_req_t req, enum op op)
{
	struct nullfs *fs = fuse_req_userdata(req);

	atomic_fetch_add_explicit(&fs->counts[op], 1, memory_order_relaxed);
	return fs;
}

/* ---------------------------------------------------------------- generated part */

static bool is_gen_dir(fuse_ino_t ino)
{
	return ino >= INO_GEN_DIR && ino < INO_GEN_DIR + N_GEN_DIRS;
}

static bool is_gen_file(fuse_ino_t ino)
{
	return ino >= (UINT64_C(1) << INO_GEN_SHIFT) && ino < INO_GEN_END;
}

static bool is_memory(fuse_ino_t ino)
{
	return ino >= INO_GEN_END;
}

static fuse_ino_t gen_ino(unsigned dir, unsigned index)
{
	return ((uint64_t)(dir + 1) << INO_GEN_SHIFT) | index;
}

static unsigned gen_dir_of(fuse_ino_t file)
{
	return (unsigned)(file >> INO_GEN_SHIFT) - 1;
}

static unsigned gen_index_of(fuse_ino_t file)
{
	return (unsigned)(file & ((1U << INO_GEN_SHIFT) - 1));
}

static void gen_content(fuse_ino_t file, char out[ITEM_BYTES + 1])
{
	char key[ITEM_NAME_MAX];

	item_key(key, gen_index_of(file));
	item_render(out, gen_dirs[gen_dir_of(file)].name, key, gen_index_of(file));
}

/* "k0000012.json" -> 12; -1 for any other name. */
static long gen_parse(unsigned dir, const char *name)
{
	char again[ITEM_NAME_MAX];
	unsigned long index;

	if (name[0] != 'k') {
		return -1;
	}
	index = strtoul(name + 1, NULL, 10);
	if (index >= gen_dirs[dir].count) {
		return -1;
	}
	item_name(again, (unsigned)index);
	return strcmp(name, again) == 0 ? (long)index : -1;
}

static void fill_attr(const struct nullfs *fs, fuse_ino_t ino, struct stat *st)
{
	bool file = is_gen_file(ino);

	*st = (struct stat){
		.st_ino = ino,
		.st_mode = file ? S_IFREG | 0644 : S_IFDIR | 0755,
		.st_nlink = file ? 1 : 2,
		.st_size = file ? ITEM_BYTES : 0,
		.st_blksize = 4096,
		.st_blocks = file ? 1 : 0,
		.st_uid = getuid(),
		.st_gid = getgid(),
		.st_mtim = fs->born,
		.st_ctim = fs->born,
		.st_atim = fs->born,
	};
	if (ino == INO_METRICS) {
		st->st_mode = S_IFREG | 0444;
		st->st_nlink = 1;
	}
}

static void fill_entry(const struct nullfs *fs, fuse_ino_t ino, struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){
		.ino = ino, .attr_timeout = FOREVER, .entry_timeout = FOREVER};
	fill_attr(fs, ino, &e->attr);
}

/* ---------------------------------------------------------------- memory part */

static uint64_t name_hash(const struct node *parent, const char *name)
{
	uint64_t h = UINT64_C(14695981039346656037) ^ parent->serial;

	for (; *name; name++) {
		h = (h ^ (unsigned char)*name) * UINT64_C(1099511628211);
	}
	return h;
}

static struct node **node_bucket(struct nullfs *fs, const struct node *parent, const char *name)
{
	return &fs->buckets[name_hash(parent, name) % HASH_BUCKETS];
}

static struct node *node_find(struct nullfs *fs, const struct node *parent, const char *name)
{
	struct node *n = *node_bucket(fs, parent, name);

	while (n && (n->parent != parent || strcmp(n->name, name) != 0)) {
		n = n->hash_next;
	}
	return n;
}

static struct node *node_of(fuse_ino_t ino)
{
	return (struct node *)(uintptr_t)ino;
}

static fuse_ino_t node_ino(const struct node *n)
{
	return (fuse_ino_t)(uintptr_t)n;
}

static struct node *node_new(struct nullfs *fs, mode_t mode)
{
	struct node *n = calloc(1, sizeof(*n));

	if (n) {
		n->mode = mode;
		n->serial = INO_GEN_END + ++fs->last_serial;
		clock_gettime(CLOCK_REALTIME_COARSE, &n->mtime);
	}
	return n;
}

static void node_free(struct node *n)
{
	free(n->slots);
	free(n->data);
	free(n->name);
	free(n);
}

static void node_touch(struct node *n)
{
	clock_gettime(CLOCK_REALTIME_COARSE, &n->mtime);
}

static int node_link(struct nullfs *fs, struct node *n, struct node *parent, const char *name)
{
	struct node **bucket = node_bucket(fs, parent, name);
	char *copy = strdup(name);

	if (!copy) {
		return ENOMEM;
	}
	if ((parent->n_slots & (parent->n_slots - 1)) == 0) { /* full: double it */
		size_t want = parent->n_slots ? 2 * (size_t)parent->n_slots : 1;
		struct node **slots = realloc(parent->slots, want * sizeof(struct node *));

		if (!slots) {
			free(copy);
			return ENOMEM;
		}
		parent->slots = slots;
	}
	free(n->name);
	n->name = copy;
	n->parent = parent;
	n->slot = parent->n_slots;
	parent->slots[parent->n_slots++] = n;
	parent->n_children++;
	n->hash_next = *bucket;
	*bucket = n;
	n->linked = true;
	node_touch(parent);
	return 0;
}

static void node_unlink(struct nullfs *fs, struct node *n)
{
	struct node **p = node_bucket(fs, n->parent, n->name);

	while (*p != n) {
		p = &(*p)->hash_next;
	}
	*p = n->hash_next;
	n->parent->slots[n->slot] = NULL;
	if (--n->parent->n_children == 0) {
		n->parent->n_slots = 0;
	}
	node_touch(n->parent);
	n->linked = false;
}

static void node_drop_if_unused(struct node *n)
{
	if (!n->linked && n->n_lookup == 0) {
		node_free(n);
	}
}

static int node_reserve(struct node *n, size_t size)
{
	size_t want = n->capacity ? n->capacity : 512;
	char *data;

	if (size <= n->capacity) {
		return 0;
	}
	while (want < size) {
		want *= 2;
	}
	data = realloc(n->data, want);
	if (!data) {
		return ENOMEM;
	}
	n->data = data;
	n->capacity = want;
	return 0;
}

static int node_resize(struct node *n, size_t size)
{
	int r = node_reserve(n, size);

	if (r != 0) {
		return r;
	}
	if (size > n->size) {
		memset(n->data + n->size, 0, size - n->size);
	}
	n->size = size;
	n->stored = false;
	node_touch(n);
	return 0;
}

static void node_attr(const struct node *n, struct stat *st)
{
	*st = (struct stat){
		.st_ino = n->serial,
		.st_mode = n->mode,
		.st_nlink = S_ISDIR(n->mode) ? 2 : 1,
		.st_size = (off_t)n->size,
		.st_blksize = 4096,
		.st_blocks = (blkcnt_t)((n->size + 511) / 512),
		.st_uid = getuid(),
		.st_gid = getgid(),
		.st_mtim = n->mtime,
		.st_ctim = n->mtime,
		.st_atim = n->mtime,
	};
}

static void node_entry(const struct node *n, struct fuse_entry_param *e)
{
	*e = (struct fuse_entry_param){
		.ino = node_ino(n), .attr_timeout = FOREVER, .entry_timeout = FOREVER};
	node_attr(n, &e->attr);
}

/* ---------------------------------------------------------------- names and attributes */

static void nullfs_init(void *userdata, struct fuse_conn_info *conn)
{
	struct nullfs *fs = userdata;

	conn->want &=
		~(unsigned)(FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_AUTO_INVAL_DATA |
			    FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE);
	if (!fs->options.readdirplus) {
		conn->want &= ~(unsigned)FUSE_CAP_READDIRPLUS;
	}
}

static fuse_ino_t lookup_top(const char *name, const struct nullfs *fs)
{
	for (unsigned i = 0; i < N_GEN_DIRS; i++) {
		if (strcmp(name, gen_dirs[i].name) == 0) {
			return INO_GEN_DIR + i;
		}
	}
	if (strcmp(name, ".dbmount") == 0) {
		return INO_CTL_DIR;
	}
	return strcmp(name, "w") == 0 ? node_ino(fs->root) : 0;
}

static fuse_ino_t lookup_generated(struct nullfs *fs, fuse_ino_t parent, const char *name)
{
	unsigned dir = (unsigned)(parent - INO_GEN_DIR);
	long index = gen_parse(dir, name);

	if (index < 0) {
		return 0;
	}
	atomic_fetch_add_explicit(&fs->lookups_in[dir], 1, memory_order_relaxed);
	return gen_ino(dir, (unsigned)index);
}

static void lookup_memory(
	struct nullfs *fs, struct node *parent, const char *name, struct fuse_entry_param *e)
{
	struct node *n;

	pthread_mutex_lock(&fs->lock);
	n = node_find(fs, parent, name);
	if (n) {
		n->n_lookup++;
		node_entry(n, e);
	}
	pthread_mutex_unlock(&fs->lock);
}

static void nullfs_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct nullfs *fs = enter(req, OP_LOOKUP);
	/* ino 0: a negative entry, kept as long as a positive one */
	struct fuse_entry_param e = {.entry_timeout = FOREVER};
	fuse_ino_t ino = 0;

	if (is_memory(parent)) {
		lookup_memory(fs, node_of(parent), name, &e);
	} else if (parent == FUSE_ROOT_ID) {
		ino = lookup_top(name, fs);
	} else if (parent == INO_CTL_DIR) {
		ino = strcmp(name, "metrics") == 0 ? INO_METRICS : 0;
	} else if (is_gen_dir(parent)) {
		ino = lookup_generated(fs, parent, name);
	}
	if (is_memory(ino)) {
		node_entry(fs->root, &e);
	} else if (ino) {
		fill_entry(fs, ino, &e);
	}
	fuse_reply_entry(req, &e);
}

static void forget_one(struct nullfs *fs, fuse_ino_t ino, uint64_t n_lookup)
{
	if (is_gen_file(ino)) {
		atomic_store(&fs->stored[gen_dir_of(ino)][gen_index_of(ino)], 0);
	} else if (is_memory(ino) && node_of(ino) != fs->root) {
		struct node *n = node_of(ino);

		pthread_mutex_lock(&fs->lock);
		n->n_lookup -= n_lookup;
		n->stored = n->stored && n->n_lookup > 0;
		node_drop_if_unused(n);
		pthread_mutex_unlock(&fs->lock);
	}
}

static void nullfs_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n_lookup)
{
	forget_one(enter(req, OP_FORGET), ino, n_lookup);
	fuse_reply_none(req);
}

static void nullfs_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	struct nullfs *fs = enter(req, OP_FORGET);

	for (size_t i = 0; i < count; i++) {
		forget_one(fs, forgets[i].ino, forgets[i].nlookup);
	}
	fuse_reply_none(req);
}

static void reply_attr(fuse_req_t req, struct nullfs *fs, fuse_ino_t ino)
{
	struct stat st;

	if (is_memory(ino)) {
		pthread_mutex_lock(&fs->lock);
		node_attr(node_of(ino), &st);
		pthread_mutex_unlock(&fs->lock);
	} else {
		fill_attr(fs, ino, &st);
	}
	fuse_reply_attr(req, &st, FOREVER);
}

static void nullfs_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	reply_attr(req, enter(req, OP_GETATTR), ino);
}

static void nullfs_setattr(
	fuse_req_t req, fuse_ino_t ino, struct stat *st, int to_set, struct fuse_file_info *fi)
{
	struct nullfs *fs = enter(req, OP_SETATTR);
	int r = 0;

	(void)fi;
	if (is_memory(ino) && (to_set & FUSE_SET_ATTR_SIZE)) {
		pthread_mutex_lock(&fs->lock);
		r = node_resize(node_of(ino), (size_t)st->st_size);
		pthread_mutex_unlock(&fs->lock);
	}
	if (r != 0) {
		fuse_reply_err(req, r);
	} else {
		reply_attr(req, fs, ino);
	}
}

/* ---------------------------------------------------------------- changing /w */

/* Under the lock. The new node is looked up once. */
static int make_node(
	struct nullfs *fs, struct node *parent, const char *name, mode_t mode, struct node **out)
{
	struct node *n;
	int r;

	if (node_find(fs, parent, name)) {
		return EEXIST;
	}
	n = node_new(fs, mode);
	if (!n) {
		return ENOMEM;
	}
	r = node_link(fs, n, parent, name);
	if (r != 0) {
		node_free(n);
		return r;
	}
	n->n_lookup = 1;
	*out = n;
	return 0;
}

static void nullfs_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct nullfs *fs = enter(req, OP_MKDIR);
	struct fuse_entry_param e;
	struct node *n;
	int r = EROFS;

	if (is_memory(parent)) {
		pthread_mutex_lock(&fs->lock);
		r = make_node(fs, node_of(parent), name, S_IFDIR | (mode & 0777), &n);
		if (r == 0) {
			node_entry(n, &e);
		}
		pthread_mutex_unlock(&fs->lock);
	}
	if (r != 0) {
		fuse_reply_err(req, r);
	} else {
		fuse_reply_entry(req, &e);
	}
}

static void nullfs_create(
	fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi)
{
	struct nullfs *fs = enter(req, OP_CREATE);
	struct fuse_entry_param e;
	struct node *n;
	int r = EROFS;

	if (is_memory(parent)) {
		pthread_mutex_lock(&fs->lock);
		r = make_node(fs, node_of(parent), name, S_IFREG | (mode & 0777), &n);
		if (r == 0) {
			node_entry(n, &e);
		}
		pthread_mutex_unlock(&fs->lock);
	}
	if (r != 0) {
		fuse_reply_err(req, r);
		return;
	}
	fi->keep_cache = 1;
	fuse_reply_create(req, &e, fi);
}

static int remove_node(struct nullfs *fs, struct node *parent, const char *name, bool dir)
{
	struct node *n = node_find(fs, parent, name);

	if (!n) {
		return ENOENT;
	}
	if (S_ISDIR(n->mode) != dir) {
		return dir ? ENOTDIR : EISDIR;
	}
	if (n->n_children > 0) {
		return ENOTEMPTY;
	}
	node_unlink(fs, n);
	node_drop_if_unused(n);
	return 0;
}

static void reply_removed(
	fuse_req_t req, struct nullfs *fs, fuse_ino_t parent, const char *name, bool dir)
{
	int r = EROFS;

	if (is_memory(parent)) {
		pthread_mutex_lock(&fs->lock);
		r = remove_node(fs, node_of(parent), name, dir);
		pthread_mutex_unlock(&fs->lock);
	}
	fuse_reply_err(req, r);
}

static void nullfs_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_removed(req, enter(req, OP_UNLINK), parent, name, false);
}

static void nullfs_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	reply_removed(req, enter(req, OP_RMDIR), parent, name, true);
}

static int rename_node(struct nullfs *fs, struct node *from_dir, const char *from,
	struct node *to_dir, const char *to, unsigned flags)
{
	struct node *n = node_find(fs, from_dir, from);
	struct node *old = node_find(fs, to_dir, to);

	if (!n) {
		return ENOENT;
	}
	if (flags & ~(unsigned)RENAME_NOREPLACE) {
		return EINVAL;
	}
	if (old && (flags & RENAME_NOREPLACE)) {
		return EEXIST;
	}
	if (old == n) {
		return 0;
	}
	if (old) {
		int r = remove_node(fs, to_dir, to, S_ISDIR(n->mode));

		if (r != 0) {
			return r;
		}
	}
	node_unlink(fs, n);
	return node_link(fs, n, to_dir, to);
}

static void nullfs_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
	fuse_ino_t new_parent, const char *new_name, unsigned flags)
{
	struct nullfs *fs = enter(req, OP_RENAME);
	int r = EROFS;

	if (is_memory(parent) && is_memory(new_parent)) {
		pthread_mutex_lock(&fs->lock);
		r = rename_node(fs, node_of(parent), name, node_of(new_parent), new_name, flags);
		pthread_mutex_unlock(&fs->lock);
	}
	fuse_reply_err(req, r);
}

/* ---------------------------------------------------------------- files */

/* Hands the content to the kernel's page cache, so that no READ follows. */
static void store(struct nullfs *fs, fuse_ino_t ino, char *data, size_t size)
{
	struct fuse_bufvec bufv = FUSE_BUFVEC_INIT(size);

	bufv.buf[0].mem = data;
	fuse_lowlevel_notify_store(fs->session, ino, 0, &bufv, 0);
}

static void store_generated(struct nullfs *fs, fuse_ino_t ino)
{
	char text[ITEM_BYTES + 1];

	if (atomic_exchange(&fs->stored[gen_dir_of(ino)][gen_index_of(ino)], 1) == 0) {
		gen_content(ino, text);
		store(fs, ino, text, ITEM_BYTES);
	}
}

static void store_memory(struct nullfs *fs, struct node *n)
{
	char text[STORE_MAX];
	size_t size;

	pthread_mutex_lock(&fs->lock);
	size = n->stored || n->size > sizeof(text) ? 0 : n->size;
	if (size > 0) {
		memcpy(text, n->data, size);
		n->stored = true;
	}
	pthread_mutex_unlock(&fs->lock);
	if (size > 0) {
		store(fs, node_ino(n), text, size);
	}
}

static void nullfs_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct nullfs *fs = enter(req, OP_OPEN);
	bool read_only = (fi->flags & O_ACCMODE) == O_RDONLY;

	if (!read_only && !is_memory(ino)) {
		fuse_reply_err(req, EROFS);
		return;
	}
	if (ino == INO_METRICS) {
		fi->direct_io = 1;
	} else if (is_memory(ino) && (fi->flags & O_TRUNC)) {
		pthread_mutex_lock(&fs->lock);
		node_resize(node_of(ino), 0);
		pthread_mutex_unlock(&fs->lock);
	} else if (fs->options.store && read_only) {
		if (is_memory(ino)) {
			store_memory(fs, node_of(ino));
		} else {
			store_generated(fs, ino);
		}
	}
	fi->keep_cache = 1;
	fi->noflush = read_only;
	fuse_reply_open(req, fi);
}

static void reply_slice(fuse_req_t req, const char *data, size_t length, size_t size, off_t offset)
{
	size_t at = (size_t)offset < length ? (size_t)offset : length;

	fuse_reply_buf(req, data + at, length - at < size ? length - at : size);
}

static void reply_metrics(fuse_req_t req, struct nullfs *fs, size_t size, off_t offset)
{
	char text[N_OPS * 64];
	size_t at = 0;

	for (unsigned i = 0; i < N_OPS; i++) {
		at += (size_t)snprintf(text + at, sizeof(text) - at,
			"dbmount_requests_total{op=\"%s\"} %lu\n", op_names[i],
			atomic_load(&fs->counts[i]));
	}
	reply_slice(req, text, at, size, offset);
}

static void nullfs_read(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct nullfs *fs = enter(req, OP_READ);
	char text[ITEM_BYTES + 1];

	(void)fi;
	if (ino == INO_METRICS) {
		reply_metrics(req, fs, size, offset);
	} else if (is_memory(ino)) {
		pthread_mutex_lock(&fs->lock);
		reply_slice(req, node_of(ino)->data, node_of(ino)->size, size, offset);
		pthread_mutex_unlock(&fs->lock);
	} else {
		gen_content(ino, text);
		reply_slice(req, text, ITEM_BYTES, size, offset);
	}
}

static void nullfs_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t size,
	off_t offset, struct fuse_file_info *fi)
{
	struct nullfs *fs = enter(req, OP_WRITE);
	struct node *n = node_of(ino);
	size_t end = (size_t)offset + size;
	int r;

	(void)fi;
	pthread_mutex_lock(&fs->lock);
	r = node_resize(n, end > n->size ? end : n->size);
	if (r == 0) {
		memcpy(n->data + offset, data, size);
	}
	pthread_mutex_unlock(&fs->lock);
	if (r != 0) {
		fuse_reply_err(req, r);
	} else {
		fuse_reply_write(req, size);
	}
}

static void nullfs_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	enter(req, OP_FLUSH);
	fuse_reply_err(req, 0);
}

static void nullfs_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	(void)ino;
	(void)datasync;
	(void)fi;
	enter(req, OP_FSYNC);
	fuse_reply_err(req, 0);
}

static void nullfs_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	enter(req, OP_RELEASE);
	fuse_reply_err(req, 0);
}

/* ---------------------------------------------------------------- directories */

/* What a listing is written into: plus entries or plain ones. */
struct page {
	fuse_req_t req;
	bool plus;
	char *data;
	size_t used;
	size_t size;
};

static bool page_add(struct page *p, const char *name, const struct fuse_entry_param *e, off_t next)
{
	char *at = p->data + p->used;
	size_t left = p->size - p->used;
	size_t need = p->plus ? fuse_add_direntry_plus(p->req, at, left, name, e, next)
			      : fuse_add_direntry(p->req, at, left, name, &e->attr, next);

	if (need > left) {
		return false;
	}
	p->used += need;
	return true;
}

/* A small directory is listed with attributes. A large one is listed with them on
 * its first page only, but for one entry: whoever stats what it lists must look
 * that one up, and from then on gets attributes with the names. */
static void list_generated(struct nullfs *fs, unsigned dir, const struct gen_handle *h,
	struct page *page, off_t offset)
{
	bool wanted = gen_dirs[dir].count <= FULL_ENTRIES_MAX ||
		      atomic_load(&fs->lookups_in[dir]) != h->lookups_before;
	struct fuse_entry_param e;
	char name[ITEM_NAME_MAX];

	fill_entry(fs, gen_ino(dir, 0), &e);
	for (unsigned i = (unsigned)offset; i < gen_dirs[dir].count; i++) {
		e.attr.st_ino = gen_ino(dir, i);
		e.ino = wanted || (offset == 0 && i != PROBE) ? gen_ino(dir, i) : 0;
		item_name(name, i);
		if (!page_add(page, name, &e, (off_t)i + 1)) {
			break;
		}
	}
}

static void list_memory(struct nullfs *fs, const struct node *dir, struct page *page, off_t offset)
{
	struct fuse_entry_param e;

	pthread_mutex_lock(&fs->lock);
	for (unsigned i = (unsigned)offset; i < dir->n_slots; i++) {
		struct node *n = dir->slots[i];

		if (!n) {
			continue;
		}
		node_entry(n, &e);
		if (!page_add(page, n->name, &e, (off_t)i + 1)) {
			break;
		}
		n->n_lookup += page->plus;
	}
	pthread_mutex_unlock(&fs->lock);
}

static void list_top(struct nullfs *fs, struct page *page, off_t offset)
{
	struct fuse_entry_param e;

	for (unsigned i = (unsigned)offset; i <= N_GEN_DIRS; i++) {
		const char *name = i < N_GEN_DIRS ? gen_dirs[i].name : "w";

		if (i < N_GEN_DIRS) {
			fill_entry(fs, INO_GEN_DIR + i, &e);
		} else {
			node_entry(fs->root, &e);
		}
		if (!page_add(page, name, &e, (off_t)i + 1)) {
			break;
		}
	}
}

static void reply_listing(fuse_req_t req, struct nullfs *fs, fuse_ino_t ino, off_t offset,
	struct fuse_file_info *fi, struct page *page)
{
	page->req = req;
	page->data = malloc(page->size);
	if (!page->data) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (is_memory(ino)) {
		list_memory(fs, node_of(ino), page, offset);
	} else if (is_gen_dir(ino)) {
		list_generated(fs, (unsigned)(ino - INO_GEN_DIR),
			(const struct gen_handle *)(uintptr_t)fi->fh, page, offset);
	} else if (ino == FUSE_ROOT_ID) {
		list_top(fs, page, offset);
	}
	fuse_reply_buf(req, page->data, page->used);
	free(page->data);
}

static void nullfs_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct nullfs *fs = enter(req, OP_OPENDIR);

	fi->fh = 0;
	if (is_gen_dir(ino)) {
		struct gen_handle *h = malloc(sizeof(*h));

		if (!h) {
			fuse_reply_err(req, ENOMEM);
			return;
		}
		h->lookups_before = atomic_load(&fs->lookups_in[ino - INO_GEN_DIR]);
		fi->fh = (uintptr_t)h;
	}
	fi->cache_readdir = 1;
	fi->keep_cache = 1;
	fuse_reply_open(req, fi);
}

static void nullfs_readdir(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct page page = {.plus = false, .size = size};

	reply_listing(req, enter(req, OP_READDIR), ino, offset, fi, &page);
}

static void nullfs_readdirplus(
	fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct page page = {.plus = true, .size = size};

	reply_listing(req, enter(req, OP_READDIRPLUS), ino, offset, fi, &page);
}

static void nullfs_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	enter(req, OP_RELEASEDIR);
	free((void *)(uintptr_t)fi->fh);
	fuse_reply_err(req, 0);
}

static void nullfs_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct statvfs st = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = 255};

	(void)ino;
	enter(req, OP_STATFS);
	fuse_reply_statfs(req, &st);
}

/* No xattr members: the kernel asks once, gets ENOSYS and never asks again. */
static const struct fuse_lowlevel_ops nullfs_ops = {
	.init = nullfs_init,
	.lookup = nullfs_lookup,
	.forget = nullfs_forget,
	.forget_multi = nullfs_forget_multi,
	.getattr = nullfs_getattr,
	.setattr = nullfs_setattr,
	.mkdir = nullfs_mkdir,
	.create = nullfs_create,
	.unlink = nullfs_unlink,
	.rmdir = nullfs_rmdir,
	.rename = nullfs_rename,
	.open = nullfs_open,
	.read = nullfs_read,
	.write = nullfs_write,
	.flush = nullfs_flush,
	.fsync = nullfs_fsync,
	.release = nullfs_release,
	.opendir = nullfs_opendir,
	.readdir = nullfs_readdir,
	.readdirplus = nullfs_readdirplus,
	.releasedir = nullfs_releasedir,
	.statfs = nullfs_statfs,
};

/* ---------------------------------------------------------------- the loop */

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* The next request; 0 at the end, -errno as libfuse has it. Only by the leader. */
static int receive(struct nullfs *fs, struct fuse_buf *buf)
{
	struct pollfd fd = {.fd = fuse_session_fd(fs->session), .events = POLLIN};
	uint64_t until = now_us() + fs->options.spin_us;

	while (!fuse_session_exited(fs->session)) {
		int r = fuse_session_receive_buf(fs->session, buf);

		if (r != -EAGAIN) {
			return r;
		}
		if (now_us() < until) {
			sched_yield();
		} else {
			poll(&fd, 1, -1);
			until = now_us() + fs->options.spin_us;
		}
	}
	return 0;
}

static void *serve(void *arg)
{
	struct nullfs *fs = arg;
	struct fuse_buf buf = {.mem = NULL};

	for (;;) {
		int r;

		pthread_mutex_lock(&fs->leader);
		r = receive(fs, &buf);
		pthread_mutex_unlock(&fs->leader);
		if (r == -EINTR) {
			continue;
		}
		if (r <= 0) {
			break;
		}
		fuse_session_process_buf(fs->session, &buf);
	}
	fuse_session_exit(fs->session);
	free(buf.mem);
	pthread_kill(fs->main_thread, SIGUSR1);
	return NULL;
}

/* Unmounting is what wakes a leader asleep in poll(). */
static int loop_spin(struct nullfs *fs, const sigset_t *signals)
{
	pthread_t threads[THREADS_MAX];
	unsigned n = 0;
	int fd = fuse_session_fd(fs->session);
	int sig;

	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	fs->main_thread = pthread_self();
	while (n < fs->options.threads && pthread_create(&threads[n], NULL, serve, fs) == 0) {
		n++;
	}
	if (n > 0) {
		sigwait(signals, &sig);
	}
	fuse_session_exit(fs->session);
	fuse_session_unmount(fs->session);
	for (unsigned i = 0; i < n; i++) {
		pthread_join(threads[i], NULL);
	}
	return n > 0 ? 0 : EAGAIN;
}

static int loop_libfuse(struct nullfs *fs, const sigset_t *signals)
{
	struct fuse_loop_config *config = fuse_loop_cfg_create();
	int r;

	pthread_sigmask(SIG_UNBLOCK, signals, NULL);
	fuse_set_signal_handlers(fs->session);
	fuse_loop_cfg_set_max_threads(config, fs->options.threads);
	r = fuse_session_loop_mt(fs->session, config);
	fuse_remove_signal_handlers(fs->session);
	fuse_loop_cfg_destroy(config);
	return r < 0 ? -r : r;
}

/* ---------------------------------------------------------------- start and end */

static const char usage[] =
	"usage: nullfs [options] MOUNTPOINT\n"
	"  --loop=spin|mt   dbmount's loop, or libfuse's own [spin]\n"
	"  --threads=N      1..64 [1; with mt 10]\n"
	"  --spin-us=N      how long an idle leader asks again before it sleeps [50]\n"
	"  --no-store       content by READ, not handed over at open\n"
	"  --no-plus        READDIR only\n";

static int parse(int argc, char **argv, struct options *o)
{
	static const struct option longs[] = {{"loop", required_argument, NULL, 'l'},
		{"threads", required_argument, NULL, 't'},
		{"spin-us", required_argument, NULL, 's'}, {"no-store", no_argument, NULL, 'n'},
		{"no-plus", no_argument, NULL, 'p'}, {NULL, 0, NULL, 0}};
	int c;

	*o = (struct options){.store = true, .readdirplus = true, .spin_us = 50};
	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'l': o->libfuse_loop = strcmp(optarg, "mt") == 0; break;
		case 't': o->threads = (unsigned)strtoul(optarg, NULL, 10); break;
		case 's': o->spin_us = (unsigned)strtoul(optarg, NULL, 10); break;
		case 'n': o->store = false; break;
		case 'p': o->readdirplus = false; break;
		default: return EINVAL;
		}
	}
	if (o->threads == 0) {
		o->threads = o->libfuse_loop ? 10 : 1;
	}
	if (argc - optind != 1 || o->threads > THREADS_MAX) {
		return EINVAL;
	}
	o->mountpoint = argv[optind];
	return 0;
}

static bool nullfs_start(struct nullfs *fs)
{
	pthread_mutex_init(&fs->leader, NULL);
	pthread_mutex_init(&fs->lock, NULL);
	clock_gettime(CLOCK_REALTIME, &fs->born);
	fs->buckets = calloc(HASH_BUCKETS, sizeof(struct node *));
	fs->root = node_new(fs, S_IFDIR | 0755);
	for (unsigned i = 0; i < N_GEN_DIRS; i++) {
		fs->stored[i] = calloc(gen_dirs[i].count, 1);
		if (!fs->stored[i]) {
			return false;
		}
	}
	return fs->buckets && fs->root;
}

static void nullfs_finish(struct nullfs *fs)
{
	for (unsigned i = 0; fs->buckets && i < HASH_BUCKETS; i++) {
		while (fs->buckets[i]) {
			struct node *n = fs->buckets[i];

			fs->buckets[i] = n->hash_next;
			node_free(n);
		}
	}
	free(fs->buckets);
	if (fs->root) {
		node_free(fs->root);
	}
	for (unsigned i = 0; i < N_GEN_DIRS; i++) {
		free(fs->stored[i]);
	}
}

static int run(struct nullfs *fs)
{
	char *args_v[] = {
		(char *)"nullfs", (char *)"-o", (char *)"fsname=nullfs,subtype=nullfs", NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, args_v);
	sigset_t signals;
	int r = EIO;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGHUP);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);

	fs->session = fuse_session_new(&args, &nullfs_ops, sizeof(nullfs_ops), fs);
	fuse_opt_free_args(&args);
	if (!fs->session) {
		return EIO;
	}
	if (fuse_session_mount(fs->session, fs->options.mountpoint) == 0) {
		r = fs->options.libfuse_loop ? loop_libfuse(fs, &signals) : loop_spin(fs, &signals);
		fuse_session_unmount(fs->session);
	}
	fuse_session_destroy(fs->session);
	return r;
}

int main(int argc, char **argv)
{
	struct nullfs fs = {.session = NULL};
	int r;

	if (parse(argc, argv, &fs.options) != 0) {
		fputs(usage, stderr);
		return 2;
	}
	r = nullfs_start(&fs) ? run(&fs) : ENOMEM;
	nullfs_finish(&fs);
	if (r != 0) {
		fprintf(stderr, "nullfs: %s\n", strerror(r));
	}
	return r != 0;
}
