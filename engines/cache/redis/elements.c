#include "engines/cache/redis/elements.h"

#include <errno.h>
#include <limits.h>

#include "engines/common/cleanup.h"

const struct redis_elements *redis_elements_of(enum redis_type type)
{
	switch (type) {
	case REDIS_HASH: return &redis_hash_elements;
	case REDIS_SET: return &redis_set_elements;
	default: return &redis_zset_elements;
	}
}

uint64_t redis_value_bytes(const struct redis_elements *e, const struct redis_value *value)
{
	switch (e->type) {
	case REDIS_HASH: return value->text.n;
	case REDIS_ZSET: return sizeof(double);
	default: return 0;
	}
}

void redis_element_row(
	const struct redis_elements *e, bool sizes, sqlite3_stmt *row, struct redis_element *out)
{
	*out = (struct redis_element){
		.name = store_column_slice(row, 0),
		.version = (uint64_t)sqlite3_column_int64(row, 1),
		.mtime_ns = sqlite3_column_int64(row, 2),
	};
	if (e->type == REDIS_HASH && sizes) {
		out->bytes = (uint64_t)sqlite3_column_int64(row, 3);
		return;
	}
	if (e->type == REDIS_HASH) {
		out->value.text = store_column_slice(row, 3);
	} else if (e->type == REDIS_ZSET) {
		out->value.score = sqlite3_column_double(row, 3);
	}
	out->bytes = redis_value_bytes(e, &out->value);
}

/* Of what is no key's yet: SQLite counts ids from 1. */
#define RESULT_ID 0

/* ---- one element ---- */

int redis_element_find(struct redis_txn *t, const struct redis_elements *e, int64_t key,
	struct slice name, struct buf *text, struct redis_element *out, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(t, text != NULL ? e->find : e->find_size, err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key);
	store_bind_slice(row, 2, name);
	int rc = store_step(row, err);
	if (rc == 1) {
		redis_element_row(e, text == NULL, row, out);
		out->name = name;
		if (text != NULL) {
			buf_append_slice(text, out->value.text);
			out->value.text = buf_slice(text);
			int full = buf_check(text, err);
			rc = full < 0 ? full : rc;
		}
	}
	sqlite3_reset(row);
	return rc;
}

static void bind_value(
	sqlite3_stmt *row, int at, const struct redis_elements *e, const struct redis_value *value)
{
	if (e->type == REDIS_HASH) {
		store_bind_slice(row, at, value->text);
	} else if (e->type == REDIS_ZSET) {
		sqlite3_bind_double(row, at, value->score);
	}
}

static int run(sqlite3_stmt *stmt, struct err *err)
{
	int rc = store_step(stmt, err);
	sqlite3_reset(stmt);
	return rc < 0 ? rc : 0;
}

static void count_new(struct redis_key *key, const struct redis_element *now)
{
	key->n++;
	key->bytes += now->name.n + now->bytes;
}

int redis_element_put(struct redis_txn *t, const struct redis_elements *e, struct redis_key *key,
	const struct redis_element *old, struct slice name, const struct redis_value *value,
	struct redis_element *out, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(t, old == NULL ? e->insert : e->update, err);
	struct redis_element now = {
		.name = name,
		.version = redis_version(t),
		.mtime_ns = redis_time_ns(t),
		.bytes = redis_value_bytes(e, value),
		.value = *value,
	};

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key->id);
	store_bind_slice(row, 2, name);
	sqlite3_bind_int64(row, 3, (int64_t)now.version);
	sqlite3_bind_int64(row, 4, now.mtime_ns);
	bind_value(row, 5, e, value);
	int rc = run(row, err);
	if (rc < 0) {
		return rc;
	}
	if (old == NULL) {
		count_new(key, &now);
		rc = key->id == RESULT_ID ? 0 : redis_long_add(t, key->id, name, err);
	} else {
		key->bytes += now.bytes - old->bytes;
	}
	if (out != NULL) {
		*out = now;
	}
	return rc;
}

int redis_element_remove(struct redis_txn *t, const struct redis_elements *e, struct redis_key *key,
	const struct redis_element *old, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(t, e->remove, err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key->id);
	store_bind_slice(row, 2, old->name);
	int rc = run(row, err);
	if (rc < 0) {
		return rc;
	}
	key->n--;
	key->bytes -= old->name.n + old->bytes;
	return redis_long_remove(t, key->id, old->name, err);
}

int redis_element_take(struct redis_txn *t, const struct redis_elements *e, struct redis_key *key,
	struct slice name, struct err *err)
{
	struct redis_element old = {0};
	int rc = redis_element_find(t, e, key->id, name, NULL, &old, err);

	if (rc == 1) {
		int gone = redis_element_remove(t, e, key, &old, err);
		rc = gone < 0 ? gone : 1;
	}
	return rc;
}

/* ---- many ---- */

int redis_elements_each(struct redis_txn *t, const struct redis_elements *e, int64_t key,
	const struct slice *from, redis_element_fn *fn, void *arg, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(t, e->from, err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key);
	store_bind_slice(row, 2, from != NULL ? *from : (struct slice){0});
	int rc;
	while ((rc = store_step(row, err)) == 1) {
		struct redis_element element = {0};
		redis_element_row(e, false, row, &element);
		rc = fn(arg, &element, err);
		if (rc != 0) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc;
}

int redis_elements_note_long(
	struct redis_txn *t, const struct redis_elements *e, int64_t key, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(t, e->list_all, err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key);
	int rc;
	while ((rc = store_step(row, err)) == 1) {
		rc = redis_long_add(t, key, store_column_slice(row, 0), err);
		if (rc < 0) {
			break;
		}
	}
	sqlite3_reset(row);
	return rc;
}

int redis_element_end(struct redis_txn *t, const struct redis_elements *e, int64_t key, bool last,
	struct buf *name, struct err *err)
{
	sqlite3_stmt *row = redis_stmt(t, last ? e->last : e->list_all, err);

	if (row == NULL) {
		return -err->code;
	}
	sqlite3_bind_int64(row, 1, key);
	int rc = store_step(row, err);
	if (rc == 1) {
		buf_append_slice(name, store_column_slice(row, 0));
	}
	sqlite3_reset(row);
	return rc < 0 ? rc : buf_check(name, err);
}

void redis_names_add(struct redis_names *names, struct slice name)
{
	buf_append(&names->bytes, &name.n, sizeof(name.n));
	buf_append_slice(&names->bytes, name);
	names->n++;
}

bool redis_names_next(const struct redis_names *names, size_t *at, struct slice *out)
{
	if (*at >= names->bytes.n) {
		return false;
	}
	size_t n;
	memcpy(&n, names->bytes.p + *at, sizeof(n));
	*out = slice_make(names->bytes.p + *at + sizeof(n), n);
	*at += sizeof(n) + n;
	return true;
}

void redis_names_clear(struct redis_names *names)
{
	buf_clear(&names->bytes);
	names->n = 0;
}

void redis_names_free(struct redis_names *names)
{
	buf_free(&names->bytes);
}

/* ---- results ---- */

int redis_result_begin(struct redis_txn *t, const struct redis_elements *e,
	struct redis_result *out, struct err *err)
{
	*out = (struct redis_result){.elements = e, .key = {.id = RESULT_ID, .type = e->type}};
	return redis_run(t, err, e->drop, "i", (int64_t)RESULT_ID);
}

static int adopt(struct redis_txn *t, const struct redis_elements *e, int64_t key, struct err *err)
{
	int rc = redis_run(t, err, e->adopt, "iiii", (int64_t)RESULT_ID, key,
		(int64_t)redis_version(t), redis_time_ns(t));

	/* Not noted before: owner 0 stands for the names of keys. */
	return rc < 0 ? rc : redis_elements_note_long(t, e, key, err);
}

static int replace(struct redis_txn *t, struct slice name, struct err *err)
{
	struct redis_key old;
	int rc = redis_key_find(t, name, &old, err);

	return rc == 1 ? redis_key_delete(t, name, &old, err) : rc;
}

int redis_result_end(
	struct redis_txn *t, struct redis_result *r, struct slice name, int64_t *n, struct err *err)
{
	struct redis_key key;
	int rc = replace(t, name, err);

	*n = (int64_t)r->key.n;
	if (rc < 0 || r->key.n == 0) {
		return rc;
	}
	rc = redis_key_open(t, name, r->key.type, &key, err);
	rc = rc < 0 ? rc : adopt(t, r->elements, key.id, err);
	if (rc < 0) {
		return rc;
	}
	key.n = r->key.n;
	key.bytes += r->key.bytes;
	return redis_key_save(t, name, &key, NULL, err);
}

/* ---- commands ---- */

int redis_remove_elements(struct redis_call *c, const struct redis_elements *e, struct err *err)
{
	struct redis_key key;
	int64_t gone = 0;
	int rc = redis_call_key(c, e, c->argv[1], &key, err);

	if (rc < 0) {
		return rc;
	}
	for (unsigned i = 2; rc == 1 && key.n > 0 && i < c->argc; i++) {
		int taken = redis_element_take(c->t, e, &key, c->argv[i], err);
		if (taken < 0) {
			return taken;
		}
		gone += taken;
	}
	rc = gone > 0 ? redis_key_save(c->t, c->argv[1], &key, NULL, err) : 0;
	if (rc >= 0) {
		redis_reply_int(c->out, gone);
	}
	return rc;
}

void redis_reply_value(
	struct buf *out, const struct redis_elements *e, const struct redis_value *value)
{
	if (e->type == REDIS_ZSET) {
		redis_reply_double(out, value->score);
	} else {
		redis_reply_bulk(out, value->text);
	}
}

int redis_error(struct err *err, const char *text)
{
	return err_set(err, EINVAL, "%s", text);
}

int redis_arg_range(
	struct slice arg, int64_t from, int64_t to, const char *text, int64_t *out, struct err *err)
{
	struct err own = {0};
	int rc = redis_arg_int(arg, out, &own);

	if (rc == 0 && *out >= from && *out <= to) {
		return 0;
	}
	if (text != NULL) {
		return redis_error(err, text);
	}
	return rc < 0 ? redis_error(err, own.msg)
		      : err_set(err, EINVAL,
				"ERR value is out of range, value must between %lld and %lld",
				(long long)from, (long long)to);
}
