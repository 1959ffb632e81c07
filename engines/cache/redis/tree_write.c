/* A Redis-like cluster's files, written: strings and elements, directories made and removed. */
#include <errno.h>
#include <stdio.h>

#include "engines/cache/redis/tree_impl.h"
#include "engines/common/cleanup.h"

#define STRING_MAX (UINT64_C(512) << 20)

/* A call under way. */
struct change {
	struct redis_tree *tree;
	struct redis_place place;
	unsigned depth;
	struct slice text;
	uint64_t expect;
	struct engine_info info;
	/* What came of it, for what is to be done once it is committed. */
	bool made;  /* the key */
	bool ended; /* the key */
	bool moved; /* other elements than this one */
};

static int change_of(
	struct redis_tree *tree, const struct epath *path, struct change *out, struct err *err)
{
	*out = (struct change){.tree = tree, .depth = path->depth};
	return path->depth == 0 ? err_set(err, EISDIR, "a cluster is a directory")
				: redis_place_of(path, &out->place, err);
}

/* ---- what would be refused ---- */

static int check_size(struct slice text, struct err *err)
{
	return text.n <= STRING_MAX
		       ? 0
		       : err_set(err, EFBIG, "a string has at most 512 MiB, this is %zu bytes",
				 text.n);
}

int redis_tree_check(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct err *err)
{
	struct change c;

	(void)form;
	(void)expect;
	int rc = change_of(ctx, path, &c, err);
	if (rc < 0 || c.depth == 1) {
		return rc < 0 ? rc : check_size(text, err);
	}
	const struct redis_type_ops *type = redis_types[c.place.type];
	return type->check_text != NULL ? type->check_text(c.place.element, text, err) : 0;
}

/* A key of another type is in the way. */
static int other_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;
	struct redis_key key;

	int rc = redis_key_find(t, c->place.name, &key, err);
	return rc == 1 && key.type != c->place.type ? redis_place_other(&c->place, key.type, err)
	       : rc < 0				    ? rc
						    : 0;
}

int redis_tree_check_key(void *ctx, const struct epath *path, struct err *err)
{
	struct redis_held_dir held;
	struct err ignored = {0};
	struct change c;

	if (change_of(ctx, path, &c, &ignored) < 0) {
		return err_set(err, EINVAL, "no key can be called so");
	}
	const struct redis_type_ops *type = redis_types[c.place.type];
	if (c.depth == 2) {
		return type->check != NULL ? type->check(c.place.element, err) : 0;
	}
	int rc = redis_read_key(c.tree->server->db, c.place.name, other_fn, &c, err);
	return rc == 0 && redis_held_find(&c.tree->held, c.place.name, &held) && held.listed &&
			       held.type != c.place.type
		       ? redis_place_other(&c.place, held.type, err)
		       : rc;
}

/* ---- write ---- */

static int check_expected(const struct change *c, bool there, uint64_t version, struct err *err)
{
	if (c->expect == ENGINE_VERSION_ANY || (!there && c->expect == ENGINE_VERSION_ABSENT)) {
		return 0;
	}
	if (c->expect == ENGINE_VERSION_ABSENT) {
		return err_set(err, EEXIST, "the key is there already");
	}
	if (!there) {
		return err_set(err, EBUSY, "the key was deleted since it was opened");
	}
	return version == c->expect ? 0
				    : err_set(err, EBUSY, "the value changed since it was opened");
}

/* 1: the string has this text already. */
static int has_text(
	struct redis_txn *t, const struct redis_key *key, struct slice text, struct err *err)
{
	CLEANUP(buf_free) struct buf old = BUF_INIT;

	if (key->n != text.n) {
		return 0;
	}
	int rc = redis_string_get(t, key, &old, err);
	rc = rc < 0 ? rc : buf_check(&old, err);
	return rc < 0 ? rc : slice_equal(buf_slice(&old), text);
}

/* As a whole it is SET, which ends the time to live even where the bytes stay; from a version that
 * was read it is an edit in place (SETRANGE, APPEND), which keeps it. */
static int write_string(struct redis_txn *t, struct change *c, struct err *err)
{
	bool edit = c->expect != ENGINE_VERSION_ANY && c->expect != ENGINE_VERSION_ABSENT;
	struct redis_key key;

	int rc = redis_make_room(t, c->tree->server, err);
	int there = rc < 0 ? rc : redis_key_find(t, c->place.name, &key, err);
	if (there < 0) {
		return there;
	}
	if (there == 1 && key.type != REDIS_STRING) {
		return redis_place_other(&c->place, key.type, err);
	}
	rc = check_expected(c, there == 1, there == 1 ? key.version : 0, err);
	int same = rc == 0 && there == 1 ? has_text(t, &key, c->text, err) : rc;
	if (same < 0) {
		return same;
	}
	redis_own(t, c->place.name);
	if (same == 0) {
		rc = redis_string_set(t, c->place.name, c->text, edit, 0, &key, err);
	} else if (!edit && key.expires_ms != 0) {
		rc = redis_key_expire(t, c->place.name, &key, 0, err);
	}
	if (rc == 0) {
		c->made = there == 0;
		redis_key_info(&key, &c->info);
	}
	return rc;
}

static int write_element(struct redis_txn *t, struct change *c, struct err *err)
{
	const struct redis_type_ops *type = redis_types[c->place.type];
	struct redis_put put = {c->place.element, c->text, c->expect};
	struct redis_held_dir held;
	struct redis_key key;

	int rc = redis_make_room(t, c->tree->server, err);
	rc = rc < 0 ? rc : redis_key_find(t, c->place.name, &key, err);
	if (rc < 0) {
		return rc;
	}
	if (rc == 1 ? key.type != c->place.type : !redis_place_held(c->tree, &c->place, &held)) {
		return redis_place_missing(&c->place, err);
	}
	rc = redis_key_open(t, c->place.name, c->place.type, &key, err);
	if (rc < 0) {
		return rc;
	}
	c->made = rc == 0;
	redis_own(t, c->place.name);
	return type->write(t, c->place.name, &key, &put, &c->info, err);
}

static int write_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct change *c = arg;

	return c->depth == 1 ? write_string(t, c, err) : write_element(t, c, err);
}

/* A directory of its own path: not the one that the caller's call was on. */
static void tell_directory(const struct change *c, const struct epath *path)
{
	struct epath dir = *path;

	dir.depth = 1;
	redis_tree_changed(c->tree, &dir);
}

int redis_tree_write(void *ctx, const struct epath *path, unsigned form, struct slice text,
	uint64_t expect, struct engine_info *out, struct err *err)
{
	struct redis_held_dir held = {0};
	struct change c;

	(void)form;
	int rc = change_of(ctx, path, &c, err);
	if (rc == 0 && c.depth == 1) {
		rc = c.place.type == REDIS_STRING ? check_size(text, err)
						  : err_set(err, EISDIR, "a %s is a directory",
							    redis_types[c.place.type]->name);
		rc = rc == 0 && redis_held_find(&c.tree->held, c.place.name, &held) && held.listed
			     ? redis_place_other(&c.place, held.type, err)
			     : rc;
	}
	c.text = text;
	c.expect = expect;
	rc = rc < 0 ? rc : redis_write(c.tree->server->db, write_fn, &c, err);
	if (rc < 0) {
		return rc;
	}
	*out = c.info;
	if (c.made) {
		redis_held_find(&c.tree->held, c.place.name, &held);
		redis_held_remove(&c.tree->held, c.place.name);
		if (c.depth == 2 && !held.listed) {
			tell_directory(&c, path);
		}
	}
	return 0;
}

/* ---- remove ---- */

/* Whether this index is a list's last: then no other element moves up. */
static bool is_last(const struct redis_key *key, struct slice element)
{
	char text[24];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)key->n - 1);
	return slice_is(element, text);
}

static int remove_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct change *c = arg;
	struct redis_key key;
	struct redis_key left;

	int rc = redis_place_find(t, &c->place, &key, err);
	if (rc != 1) {
		return rc < 0 ? rc : redis_place_missing(&c->place, err);
	}
	redis_own(t, c->place.name);
	if (c->depth == 1) {
		rc = check_expected(c, true, key.version, err);
		return rc < 0 ? rc : redis_key_delete(t, c->place.name, &key, err);
	}
	bool last = is_last(&key, c->place.element);
	rc = redis_types[key.type]->remove(
		t, c->place.name, &key, c->place.element, c->expect, err);
	rc = rc < 0 ? rc : redis_key_find(t, c->place.name, &left, err);
	c->ended = rc == 0;
	c->moved = rc == 1 && c->place.type == REDIS_LIST && !last;
	return rc < 0 ? rc : 0;
}

int redis_tree_remove(void *ctx, const struct epath *path, uint64_t expect, struct err *err)
{
	struct change c;

	int rc = change_of(ctx, path, &c, err);
	if (rc == 0 && c.depth == 1 && c.place.type != REDIS_STRING) {
		rc = err_set(err, EISDIR, "a %s is a directory", redis_types[c.place.type]->name);
	}
	c.expect = expect;
	rc = rc < 0 ? rc : redis_write(c.tree->server->db, remove_fn, &c, err);
	if (rc < 0) {
		return rc;
	}
	if (c.ended) {
		redis_held_add(&c.tree->held, c.place.name, c.place.type, false, NULL);
	}
	if (c.ended || c.moved) {
		tell_directory(&c, path);
	}
	return 0;
}

/* ---- directories ---- */

static int mkdir_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct change *c = arg;
	struct redis_key key;

	int rc = redis_key_find(t, c->place.name, &key, err);
	if (rc != 1) {
		return rc;
	}
	return key.type == c->place.type ? err_set(err, EEXIST, "the %s is there already",
						   redis_types[key.type]->name)
					 : redis_place_other(&c->place, key.type, err);
}

int redis_tree_mkdir(void *ctx, const struct epath *path, struct err *err)
{
	struct redis_held_dir held;
	struct change c;

	int rc = change_of(ctx, path, &c, err);
	if (rc == 0 && (c.depth != 1 || c.place.type == REDIS_STRING)) {
		rc = err_set(err, ENOTSUP,
			"directories are NAME.hash, NAME.list, NAME.set, NAME.zset and "
			"NAME.stream, in the cluster's own");
	}
	rc = rc < 0 ? rc : redis_tree_writable(c.tree, err);
	rc = rc < 0 ? rc : redis_read(c.tree->server->db, mkdir_fn, &c, err);
	if (rc == 0 && redis_held_find(&c.tree->held, c.place.name, &held) && held.listed) {
		rc = held.type == c.place.type
			     ? err_set(err, EEXIST, "the directory is there already")
			     : redis_place_other(&c.place, held.type, err);
	}
	return rc < 0 ? rc : redis_held_add(&c.tree->held, c.place.name, c.place.type, true, err);
}

static int rmdir_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct change *c = arg;
	struct redis_held_dir held;
	struct redis_key key;

	int rc = redis_place_find(t, &c->place, &key, err);
	if (rc == 0) {
		return redis_place_held(c->tree, &c->place, &held)
			       ? 0
			       : redis_place_missing(&c->place, err);
	}
	if (rc == 1 && key.n > 0) {
		return err_set(err, ENOTEMPTY, "the %s has %llu %s%s: rm -r removes them, too",
			redis_types[key.type]->name, (unsigned long long)key.n,
			redis_types[key.type]->noun, key.n == 1 ? "" : "s");
	}
	redis_own(t, c->place.name);
	return rc < 0 ? rc : redis_key_delete(t, c->place.name, &key, err);
}

int redis_tree_rmdir(void *ctx, const struct epath *path, struct err *err)
{
	struct change c;

	int rc = change_of(ctx, path, &c, err);
	if (rc == 0 && (c.depth != 1 || c.place.type == REDIS_STRING)) {
		rc = err_set(err, ENOTDIR, "that is a file");
	}
	rc = rc < 0 ? rc : redis_write(c.tree->server->db, rmdir_fn, &c, err);
	if (rc == 0) {
		redis_held_remove(&c.tree->held, c.place.name);
	}
	return rc;
}
