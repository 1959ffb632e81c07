/* Commands over hashes. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/redis/elements.h"
#include "engines/common/cleanup.h"

static const struct redis_elements *const fields = &redis_hash_elements;

/* ---- HSET ---- */

/* Puts a value; `*added` counts the field when it is new. What was there is saved at once, as a
 * change of that field alone; the caller saves what is new, as one of the list. */
static int put_field(struct redis_call *c, struct redis_key *key, struct slice field,
	struct slice text, int64_t *added, struct err *err)
{
	struct redis_value value = {.text = text};
	struct redis_element old;
	int rc = redis_element_find(c->t, fields, key->id, field, NULL, &old, err);

	if (rc < 0) {
		return rc;
	}
	bool found = rc == 1;
	rc = redis_element_put(c->t, fields, key, found ? &old : NULL, field, &value, NULL, err);
	if (rc == 0 && found) {
		rc = redis_key_save(c->t, c->argv[1], key, &field, err);
	}
	*added += !found;
	return rc;
}

static int put_fields(struct redis_call *c, const char *name, int64_t *added, struct err *err)
{
	struct redis_key key;

	*added = 0;
	if (c->argc % 2 == 1) {
		return redis_arity_error(name, err);
	}
	int rc = redis_key_open(c->t, c->argv[1], REDIS_HASH, &key, err);
	for (unsigned i = 2; rc >= 0 && i < c->argc; i += 2) {
		rc = put_field(c, &key, c->argv[i], c->argv[i + 1], added, err);
	}
	if (rc >= 0 && *added > 0) {
		rc = redis_key_save(c->t, c->argv[1], &key, NULL, err);
	}
	return rc < 0 ? rc : 0;
}

static int hset(struct redis_call *c, struct err *err)
{
	int64_t added;
	int rc = put_fields(c, "hset", &added, err);

	if (rc == 0) {
		redis_reply_int(c->out, added);
	}
	return rc;
}

static int hmset(struct redis_call *c, struct err *err)
{
	int64_t added;
	int rc = put_fields(c, "hmset", &added, err);

	if (rc == 0) {
		redis_reply_ok(c->out);
	}
	return rc;
}

/* 1 when the key and the field are there. */
static int find_field(struct redis_call *c, struct redis_key *key, struct buf *text,
	struct redis_element *out, struct err *err)
{
	int rc = redis_call_key(c, fields, c->argv[1], key, err);

	return rc == 1 ? redis_element_find(c->t, fields, key->id, c->argv[2], text, out, err) : rc;
}

static int hsetnx(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_element old;
	int64_t added = 0;
	int rc = find_field(c, &key, NULL, &old, err);

	if (rc == 0) {
		rc = redis_key_open(c->t, c->argv[1], REDIS_HASH, &key, err);
		rc = rc < 0 ? rc : put_field(c, &key, c->argv[2], c->argv[3], &added, err);
		rc = rc < 0 ? rc : redis_key_save(c->t, c->argv[1], &key, NULL, err);
	}
	if (rc >= 0) {
		redis_reply_int(c->out, added);
	}
	return rc < 0 ? rc : 0;
}

/* ---- reading ---- */

static int hget(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct redis_key key;
	struct redis_element found;
	int rc = find_field(c, &key, &text, &found, err);

	if (rc == 1) {
		redis_reply_bulk(c->out, found.value.text);
	} else if (rc == 0) {
		redis_reply_nil(c->out);
	}
	return rc < 0 ? rc : 0;
}

static int hmget(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct redis_key key;
	struct redis_element found;
	int there = redis_call_key(c, fields, c->argv[1], &key, err);

	if (there < 0) {
		return there;
	}
	redis_reply_array(c->out, c->argc - 2);
	for (unsigned i = 2; i < c->argc; i++) {
		buf_clear(&text);
		int rc = there == 0 ? 0
				    : redis_element_find(
					      c->t, fields, key.id, c->argv[i], &text, &found, err);
		if (rc < 0) {
			return rc;
		}
		if (rc == 1) {
			redis_reply_bulk(c->out, found.value.text);
		} else {
			redis_reply_nil(c->out);
		}
	}
	return 0;
}

static int hexists(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_element found;
	int rc = find_field(c, &key, NULL, &found, err);

	if (rc >= 0) {
		redis_reply_int(c->out, rc);
	}
	return rc < 0 ? rc : 0;
}

static int hstrlen(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_element found;
	int rc = find_field(c, &key, NULL, &found, err);

	if (rc >= 0) {
		redis_reply_int(c->out, rc == 1 ? (int64_t)found.bytes : 0);
	}
	return rc < 0 ? rc : 0;
}

static int hlen(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = redis_call_key(c, fields, c->argv[1], &key, err);

	if (rc >= 0) {
		redis_reply_int(c->out, rc == 1 ? (int64_t)key.n : 0);
	}
	return rc < 0 ? rc : 0;
}

struct wanted {
	struct buf *out;
	bool names;
	bool values;
};

static int reply_field(void *arg, const struct redis_element *element, struct err *err)
{
	const struct wanted *w = arg;

	(void)err;
	if (w->names) {
		redis_reply_bulk(w->out, element->name);
	}
	if (w->values) {
		redis_reply_bulk(w->out, element->value.text);
	}
	return 0;
}

static int reply_fields(struct redis_call *c, bool names, bool values, struct err *err)
{
	struct wanted w = {c->out, names, values};
	struct redis_key key;
	int rc = redis_call_key(c, fields, c->argv[1], &key, err);

	if (rc < 0) {
		return rc;
	}
	redis_reply_array(c->out, rc == 1 ? key.n * (names + (unsigned)values) : 0);
	return rc == 0 ? 0 : redis_elements_each(c->t, fields, key.id, NULL, reply_field, &w, err);
}

static int hgetall(struct redis_call *c, struct err *err)
{
	return reply_fields(c, true, true, err);
}

static int hkeys(struct redis_call *c, struct err *err)
{
	return reply_fields(c, true, false, err);
}

static int hvals(struct redis_call *c, struct err *err)
{
	return reply_fields(c, false, true, err);
}

static int hscan(struct redis_call *c, struct err *err)
{
	return redis_scan_elements(c, fields, err);
}

static int hrandfield(struct redis_call *c, struct err *err)
{
	return redis_random_elements(c, fields, "withvalues", err);
}

/* ---- changing ---- */

static int hdel(struct redis_call *c, struct err *err)
{
	return redis_remove_elements(c, fields, err);
}

/* Puts what a command made of the field's value. */
static int put_result(struct redis_call *c, struct slice text, struct err *err)
{
	struct redis_key key;
	int64_t added = 0;
	int rc = redis_key_open(c->t, c->argv[1], REDIS_HASH, &key, err);

	rc = rc < 0 ? rc : put_field(c, &key, c->argv[2], text, &added, err);
	return rc < 0 || added == 0 ? rc : redis_key_save(c->t, c->argv[1], &key, NULL, err);
}

static int hincrby(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct redis_key key;
	struct redis_element old;
	int64_t by;
	int64_t value = 0;
	int rc = redis_arg_int(c->argv[3], &by, err);

	rc = rc < 0 ? rc : find_field(c, &key, &text, &old, err);
	if (rc < 0) {
		return rc;
	}
	if (rc == 1 && redis_arg_int(old.value.text, &value, NULL) < 0) {
		return redis_error(err, "ERR hash value is not an integer");
	}
	if (__builtin_add_overflow(value, by, &value)) {
		return redis_error(err, "ERR increment or decrement would overflow");
	}
	buf_clear(&text);
	buf_printf(&text, "%lld", (long long)value);
	rc = put_result(c, buf_slice(&text), err);
	if (rc == 0) {
		redis_reply_int(c->out, value);
	}
	return rc;
}

static int hincrbyfloat(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct redis_key key;
	struct redis_element old;
	long double by;
	long double value = 0;
	int rc = redis_arg_long_double(c->argv[3], &by, err);

	if (rc == 0 && isinf(by)) {
		return redis_error(err, "ERR value is NaN or Infinity");
	}
	rc = rc < 0 ? rc : find_field(c, &key, &text, &old, err);
	if (rc < 0) {
		return rc;
	}
	if (rc == 1 && redis_arg_long_double(old.value.text, &value, NULL) < 0) {
		return redis_error(err, "ERR hash value is not a float");
	}
	value += by;
	if (isnan(value) || isinf(value)) {
		return redis_error(err, "ERR increment would produce NaN or Infinity");
	}
	buf_clear(&text);
	redis_print_long_double(value, &text);
	rc = put_result(c, buf_slice(&text), err);
	if (rc == 0) {
		redis_reply_bulk(c->out, buf_slice(&text));
	}
	return rc;
}

const struct redis_command redis_hash_commands[] = {
	{"hset", -4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, hset},
	{"hsetnx", 4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, hsetnx},
	{"hget", 3, 0, 1, 1, 1, hget},
	{"hmget", -3, 0, 1, 1, 1, hmget},
	{"hmset", -4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, hmset},
	{"hdel", -3, REDIS_WRITE, 1, 1, 1, hdel},
	{"hexists", 3, 0, 1, 1, 1, hexists},
	{"hgetall", 2, 0, 1, 1, 1, hgetall},
	{"hincrby", 4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, hincrby},
	{"hincrbyfloat", 4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, hincrbyfloat},
	{"hkeys", 2, 0, 1, 1, 1, hkeys},
	{"hvals", 2, 0, 1, 1, 1, hvals},
	{"hlen", 2, 0, 1, 1, 1, hlen},
	{"hstrlen", 3, 0, 1, 1, 1, hstrlen},
	{"hscan", -3, 0, 1, 1, 1, hscan},
	{"hrandfield", -2, 0, 1, 1, 1, hrandfield},
	{.name = NULL},
};
