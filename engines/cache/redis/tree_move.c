/* Keys under other names, and the time they have left. */
#include <errno.h>
#include <stdio.h>

#include "engines/cache/redis/tree_impl.h"
#include "engines/common/cleanup.h"
#include "engines/common/clock.h"

/* ---- rename ---- */

struct move {
	struct redis_tree *tree;
	struct redis_place from, to;
	unsigned flags;
	struct redis_held_dir held_from, held_to;
	bool is_held_from, is_held_to; /* by the types of from and to */
	bool only_held;		       /* no key is touched */
};

/* Through a name that is no key's. */
static int exchange(struct redis_txn *t, const struct move *m, const struct redis_key *from,
	const struct redis_key *to, struct err *err)
{
	struct redis_key found;
	char text[64];
	int rc = 1;

	for (unsigned i = 0; rc == 1; i++) {
		snprintf(text, sizeof(text), "%c.exchange.%llu.%u", 0,
			(unsigned long long)redis_version(t), i);
		struct slice aside = slice_make(text, 1 + strlen(text + 1));
		rc = redis_key_find(t, aside, &found, err);
	}
	struct slice aside = slice_make(text, 1 + strlen(text + 1));
	rc = rc < 0 ? rc : redis_key_rename(t, m->from.name, from, aside, err);
	rc = rc < 0 ? rc : redis_key_rename(t, m->to.name, to, m->from.name, err);
	rc = rc < 0 ? rc : redis_key_find(t, aside, &found, err);
	return rc < 0 ? rc : redis_key_rename(t, aside, &found, m->to.name, err);
}

static int move_key(
	struct redis_txn *t, const struct move *m, const struct redis_key *from, struct err *err)
{
	struct redis_key to;

	int there = redis_key_find(t, m->to.name, &to, err);
	if (there < 0) {
		return there;
	}
	if (there == 1 && to.type != m->to.type) {
		return redis_place_other(&m->to, to.type, err);
	}
	if ((m->flags & RENAME_EXCHANGE) != 0) {
		return there == 1 ? exchange(t, m, from, &to, err)
				  : redis_place_missing(&m->to, err);
	}
	if ((m->flags & RENAME_NOREPLACE) != 0 && (there == 1 || m->is_held_to)) {
		return err_set(err, EEXIST, "the new name is another key's");
	}
	if (there == 1 && to.type != REDIS_STRING && to.n > 0) {
		return err_set(err, ENOTEMPTY, "the %s of the new name is not empty",
			redis_types[to.type]->name);
	}
	return redis_key_rename(t, m->from.name, from, m->to.name, err);
}

/* An empty directory: no key is moved, and only another empty one gives way. */
static int move_held(struct redis_txn *t, const struct move *m, struct err *err)
{
	struct redis_key to;

	int there = redis_key_find(t, m->to.name, &to, err);
	if (there < 0) {
		return there;
	}
	if (there == 1 && to.type != m->to.type) {
		return redis_place_other(&m->to, to.type, err);
	}
	if ((m->flags & RENAME_EXCHANGE) != 0) {
		return there == 1 || m->is_held_to
			       ? err_set(err, EINVAL, "an empty directory cannot be exchanged")
			       : redis_place_missing(&m->to, err);
	}
	if ((m->flags & RENAME_NOREPLACE) != 0 && (there == 1 || m->is_held_to)) {
		return err_set(err, EEXIST, "the new name is another key's");
	}
	return there == 1 ? err_set(err, ENOTEMPTY, "the new name is another key's") : 0;
}

static int move_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct move *m = arg;
	struct redis_key from;

	m->is_held_from = redis_place_held(m->tree, &m->from, &m->held_from);
	m->is_held_to = redis_place_held(m->tree, &m->to, &m->held_to) && m->held_to.listed;
	int rc = redis_place_find(t, &m->from, &from, err);
	m->only_held = rc == 0 && m->is_held_from;
	if (rc < 0) {
		return rc;
	}
	if (rc == 0 && !m->is_held_from) {
		return redis_place_missing(&m->from, err);
	}
	if (slice_equal(m->from.name, m->to.name)) {
		return (m->flags & RENAME_NOREPLACE) != 0
			       ? err_set(err, EEXIST, "that is the same name")
			       : 0;
	}
	redis_own(t, m->from.name);
	redis_own(t, m->to.name);
	return m->only_held ? move_held(t, m, err) : move_key(t, m, &from, err);
}

static int rename_key(struct move *m, struct err *err)
{
	struct redis_held_dir other;

	if (m->from.type != m->to.type) {
		return err_set(err, EINVAL,
			"a name's ending says the type of its key, which a rename does not change");
	}
	if (redis_held_find(&m->tree->held, m->to.name, &other) && other.listed &&
		other.type != m->to.type) {
		return redis_place_other(&m->to, other.type, err);
	}
	int rc = redis_write(m->tree->server->db, move_fn, m, err);
	if (rc < 0 || slice_equal(m->from.name, m->to.name)) {
		return rc;
	}
	if (m->only_held) {
		redis_held_remove(&m->tree->held, m->from.name);
		return redis_held_add(&m->tree->held, m->to.name, m->to.type, true, err);
	}
	redis_held_remove(&m->tree->held, m->to.name);
	return 0;
}

struct move_element {
	struct redis_place from;
	struct slice to;
	unsigned flags;
};

static int move_element_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct move_element *m = arg;
	struct redis_key key;

	int rc = redis_place_find(t, &m->from, &key, err);
	if (rc != 1) {
		return rc < 0 ? rc : redis_place_missing(&m->from, err);
	}
	redis_own(t, m->from.name);
	return redis_types[key.type]->rename(
		t, m->from.name, &key, m->from.element, m->to, m->flags, err);
}

int redis_tree_rename(void *ctx, const struct epath *from, const struct epath *to, unsigned flags,
	struct err *err)
{
	struct move m = {.tree = ctx, .flags = flags};

	if (from->depth == 0 || to->depth == 0) {
		return err_set(err, EXDEV, "a cluster is no key");
	}
	int rc = redis_place_of(from, &m.from, err);
	rc = rc < 0 ? rc : redis_place_of(to, &m.to, err);
	if (rc < 0) {
		return rc;
	}
	if (from->depth == 1 && to->depth == 1) {
		return rename_key(&m, err);
	}
	if (from->depth != to->depth || !slice_equal(from->key[0], to->key[0]) ||
		redis_types[m.from.type]->rename == NULL) {
		return err_set(err, EXDEV, "elements move within one key, else they are copied");
	}
	struct move_element e = {m.from, m.to.element, flags};
	const struct redis_type_ops *type = redis_types[m.from.type];
	rc = type->check != NULL ? type->check(m.to.element, err) : 0;
	rc = rc < 0 ? rc : redis_write(m.tree->server->db, move_element_fn, &e, err);
	if (rc == 0 && m.from.type == REDIS_LIST) {
		struct epath dir = epath_parent(from);
		redis_tree_changed(m.tree, &dir);
	}
	return rc;
}

/* ---- how long a key stays ---- */

struct expiry {
	struct redis_place place;
	enum { EXPIRY_AT, EXPIRY_IN, EXPIRY_NEVER, EXPIRY_ASK } what;
	int64_t value; /* milliseconds: since 1970, from now */
	int64_t left;  /* seconds; ASK */
};

static int expiry_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct expiry *x = arg;
	struct redis_key key;

	int rc = redis_place_find(t, &x->place, &key, err);
	if (rc != 1) {
		return rc < 0 ? rc : redis_place_missing(&x->place, err);
	}
	if ((x->what == EXPIRY_ASK || x->what == EXPIRY_NEVER) && key.expires_ms == 0) {
		return err_set(err, ENODATA, "it does not expire");
	}
	switch (x->what) {
	case EXPIRY_ASK: x->left = redis_seconds_left(t, &key); return 0;
	case EXPIRY_NEVER: return redis_key_expire(t, x->place.name, &key, 0, err);
	case EXPIRY_IN: return redis_key_expire(t, x->place.name, &key, t->now_ms + x->value, err);
	default:
		/* Meanwhile it is past: as little happens as with any other past time. */
		return x->value > t->now_ms
			       ? redis_key_expire(t, x->place.name, &key, x->value, err)
			       : 0;
	}
}

int redis_tree_set_time(void *ctx, const struct epath *path, int64_t mtime_ns, struct err *err)
{
	struct expiry x = {.what = EXPIRY_AT, .value = mtime_ns / 1000000};
	struct redis_tree *tree = ctx;

	/* What cp -p, tar and rsync say of elements, and of when a key was changed. */
	if (path->depth != 1 || mtime_ns <= clock_wall_ns()) {
		return 0;
	}
	int rc = redis_place_of(path, &x.place, err);
	return rc < 0 ? rc : redis_write(tree->server->db, expiry_fn, &x, err);
}

static int attr_of(const struct epath *path, const char *name, struct expiry *x, struct err *err)
{
	if (path->depth != 1 || strcmp(name, "ttl") != 0) {
		return err_set(err, ENODATA, "keys have the attribute ttl, nothing else");
	}
	return redis_place_of(path, &x->place, err);
}

int redis_tree_attr_read(
	void *ctx, const struct epath *path, const char *name, struct buf *out, struct err *err)
{
	struct expiry x = {.what = EXPIRY_ASK};
	const struct redis_tree *tree = ctx;

	int rc = attr_of(path, name, &x, err);
	rc = rc < 0 ? rc : redis_read(tree->server->db, expiry_fn, &x, err);
	if (rc == 0) {
		buf_printf(out, "%lld", (long long)x.left);
	}
	return rc < 0 ? rc : buf_check(out, err);
}

int redis_tree_attr_write(
	void *ctx, const struct epath *path, const char *name, struct slice text, struct err *err)
{
	struct expiry x = {.what = EXPIRY_IN};
	const struct redis_tree *tree = ctx;

	int rc = attr_of(path, name, &x, err);
	rc = rc < 0 ? rc : redis_seconds_parse(text, "ttl", &x.value, err);
	x.value *= 1000;
	return rc < 0 ? rc : redis_write(tree->server->db, expiry_fn, &x, err);
}

int redis_tree_attr_remove(void *ctx, const struct epath *path, const char *name, struct err *err)
{
	struct expiry x = {.what = EXPIRY_NEVER};
	const struct redis_tree *tree = ctx;

	int rc = attr_of(path, name, &x, err);
	return rc < 0 ? rc : redis_write(tree->server->db, expiry_fn, &x, err);
}
