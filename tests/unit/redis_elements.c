#include "tests/unit/redis_elements.h"

#include <stdio.h>

#include "engines/cache/redis/elements.h"
#include "engines/common/cleanup.h"

struct call {
	const struct typed *k;
	struct slice element;
	struct slice to; /* or text */
	uint64_t expect;
	unsigned flags;
	bool fresh;
	const char *after;
	unsigned left;
	uint64_t n;
	struct engine_info info;
	struct buf *out;
	struct redis_txn *t;
	const struct redis_key *key;
};

static const struct redis_type_ops *ops_of(const struct call *c)
{
	return redis_types[c->k->type];
}

static int open_key(
	struct redis_txn *t, const struct call *c, struct redis_key *key, struct err *err)
{
	int rc = redis_key_open(t, slice_of(c->k->key), c->k->type, key, err);
	return rc < 0 ? rc : 0;
}

static int write_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct call *c = arg;
	struct redis_put put = {c->element, c->to, c->expect};
	struct redis_key key;
	int rc = open_key(t, c, &key, err);

	return rc < 0 ? rc : ops_of(c)->write(t, slice_of(c->k->key), &key, &put, &c->info, err);
}

static int remove_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct call *c = arg;
	struct redis_key key;
	int rc = open_key(t, c, &key, err);

	return rc < 0 ? rc
		      : ops_of(c)->remove(t, slice_of(c->k->key), &key, c->element, c->expect, err);
}

static int rename_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct call *c = arg;
	struct redis_key key;
	int rc = open_key(t, c, &key, err);

	return rc < 0 ? rc
		      : ops_of(c)->rename(
				t, slice_of(c->k->key), &key, c->element, c->to, c->flags, err);
}

static int import_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct call *c = arg;
	struct redis_key key;
	int rc = open_key(t, c, &key, err);

	return rc < 0 ? rc
		      : ops_of(c)->import_json(
				t, slice_of(c->k->key), &key, c->to, c->fresh, &c->n, err);
}

/* Of a key that is not there: as if it had none. */
static int find_key(
	struct redis_txn *t, const struct call *c, struct redis_key *key, struct err *err)
{
	int rc = redis_key_typed(t, slice_of(c->k->key), c->k->type, key, err);

	if (rc == 0) {
		*key = (struct redis_key){.id = -1, .type = c->k->type};
	}
	return rc < 0 ? rc : 0;
}

static int stat_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct call *c = arg;
	struct redis_key key;
	int rc = find_key(t, c, &key, err);

	return rc < 0 ? rc : ops_of(c)->stat(t, &key, c->element, &c->info, err);
}

static int read_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct call *c = arg;
	struct redis_key key;
	int rc = find_key(t, c, &key, err);

	buf_clear(c->out);
	return rc < 0 ? rc : ops_of(c)->read(t, &key, c->element, c->out, &c->info, err);
}

static int export_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct call *c = arg;
	struct redis_key key;
	int rc = find_key(t, c, &key, err);

	buf_clear(c->out);
	return rc < 0 ? rc : ops_of(c)->export_json(t, &key, c->out, err);
}

static int emit(void *arg, struct slice name, const struct engine_info *info)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct call *c = arg;
	struct engine_info stat;
	struct engine_info read;
	struct err err = {0};

	if (c->left-- == 0) {
		return 1;
	}
	ck_assert_int_eq(ops_of(c)->stat(c->t, c->key, name, &stat, &err), 0);
	ck_assert_int_eq(ops_of(c)->read(c->t, c->key, name, &text, &read, &err), 0);
	ck_assert_uint_eq(stat.size, text.n);
	ck_assert_uint_eq(info->size, text.n);
	ck_assert_uint_eq(read.size, text.n);
	ck_assert_uint_eq(info->version, stat.version);
	ck_assert_uint_eq(read.version, stat.version);
	ck_assert_int_eq(info->mtime_ns, stat.mtime_ns);
	ck_assert_uint_ne(info->version, 0);
	buf_append_slice(c->out, name);
	buf_putc(c->out, ' ');
	return 0;
}

static int list_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct call *c = arg;
	struct redis_key key;
	struct slice after = slice_of(c->after != NULL ? c->after : "");
	int rc = find_key(t, c, &key, err);

	buf_clear(c->out);
	c->t = t;
	c->key = &key;
	rc = rc < 0 ? rc : ops_of(c)->list(t, &key, c->after != NULL ? &after : NULL, emit, c, err);
	c->key = NULL;
	return rc;
}

/* ---- calls ---- */

static struct buf *room(void)
{
	static struct buf text;
	return &text;
}

int typed_write(const struct typed *k, const char *element, const char *text, uint64_t expect)
{
	struct call c = {k, slice_of(element), slice_of(text), .expect = expect};

	return redis_fixture_write(k->f, write_fn, &c);
}

int typed_remove(const struct typed *k, const char *element, uint64_t expect)
{
	struct call c = {k, slice_of(element), .expect = expect};

	return redis_fixture_write(k->f, remove_fn, &c);
}

int typed_rename(const struct typed *k, const char *from, const char *to, unsigned flags)
{
	struct call c = {k, slice_of(from), slice_of(to), .flags = flags};

	return redis_fixture_write(k->f, rename_fn, &c);
}

int typed_stat(const struct typed *k, const char *element, struct engine_info *out)
{
	struct call c = {k, .element = slice_of(element)};
	int rc = redis_fixture_read(k->f, stat_fn, &c);

	*out = c.info;
	return rc;
}

const char *typed_list(const struct typed *k, const char *after, unsigned n)
{
	struct call c = {k, .after = after, .left = n, .out = room()};

	redis_ok(k->f, redis_fixture_read(k->f, list_fn, &c));
	return buf_cstr(c.out);
}

const char *typed_read(const struct typed *k, const char *element)
{
	struct call c = {k, slice_of(element), .out = room()};

	return redis_fixture_read(k->f, read_fn, &c) == 0 ? buf_cstr(c.out) : "(none)";
}

const char *typed_export(const struct typed *k)
{
	struct call c = {k, .out = room()};

	redis_ok(k->f, redis_fixture_read(k->f, export_fn, &c));
	return buf_cstr(c.out);
}

int typed_import(const struct typed *k, const char *text, bool fresh, uint64_t *n)
{
	struct call c = {k, .to = slice_of(text), .fresh = fresh};
	int rc = redis_fixture_write(k->f, import_fn, &c);

	*n = c.n;
	return rc;
}

/* ---- whether all agrees ---- */

struct sums {
	uint64_t n;
	uint64_t bytes;
};

static int sum_one(void *arg, const struct redis_element *element, struct err *err)
{
	struct sums *s = arg;

	(void)err;
	s->n++;
	s->bytes += element->name.n + element->bytes;
	return 0;
}

static int check_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct call *c = arg;
	struct redis_key key;
	struct sums s = {.bytes = strlen(c->k->key)};
	int rc = find_key(t, c, &key, err);

	if (rc < 0 || key.id < 0) {
		return rc;
	}
	rc = redis_elements_each(t, redis_elements_of(c->k->type), key.id, NULL, sum_one, &s, err);
	ck_assert_uint_eq(key.n, s.n);
	ck_assert_uint_eq(key.bytes, s.bytes);
	return rc;
}

void typed_check(const struct typed *k)
{
	struct call c = {.k = k};

	redis_ok(k->f, redis_fixture_read(k->f, check_fn, &c));
	redis_fixture_check(k->f);
}
