/* Commands over sets, each over one or two; those that combine sets: sets_combined.c. */
#include <errno.h>

#include "engines/cache/redis/commands/sets.h"
#include "engines/common/cleanup.h"

static const struct redis_elements *const members = &redis_set_elements;

/* ---- adding ---- */

/* 1: it is new. */
static int add_member(
	struct redis_txn *t, struct redis_key *key, struct slice member, struct err *err)
{
	struct redis_value none = {0};
	struct redis_element old;
	int rc = redis_element_find(t, members, key->id, member, NULL, &old, err);

	if (rc != 0) {
		return rc < 0 ? rc : 0;
	}
	rc = redis_element_put(t, members, key, NULL, member, &none, NULL, err);
	return rc < 0 ? rc : 1;
}

static int sadd(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int64_t added = 0;
	int rc = redis_key_open(c->t, c->argv[1], REDIS_SET, &key, err);

	for (unsigned i = 2; rc >= 0 && i < c->argc; i++) {
		rc = add_member(c->t, &key, c->argv[i], err);
		added += rc;
	}
	if (rc >= 0 && added > 0) {
		rc = redis_key_save(c->t, c->argv[1], &key, NULL, err);
	}
	if (rc >= 0) {
		redis_reply_int(c->out, added);
	}
	return rc < 0 ? rc : 0;
}

static int srem(struct redis_call *c, struct err *err)
{
	return redis_remove_elements(c, members, err);
}

/* ---- SMOVE ---- */

static int move_member(struct redis_call *c, struct redis_key *from, struct err *err)
{
	struct redis_key to;
	int rc = redis_element_take(c->t, members, from, c->argv[3], err);

	if (rc != 1) {
		return rc;
	}
	rc = redis_key_save(c->t, c->argv[1], from, NULL, err);
	rc = rc < 0 ? rc : redis_key_open(c->t, c->argv[2], REDIS_SET, &to, err);
	rc = rc < 0 ? rc : add_member(c->t, &to, c->argv[3], err);
	if (rc == 1) {
		rc = redis_key_save(c->t, c->argv[2], &to, NULL, err);
	}
	return rc < 0 ? rc : 1;
}

static int smove(struct redis_call *c, struct err *err)
{
	struct redis_key from;
	struct redis_key to;
	struct redis_element found;
	int rc = redis_call_key(c, members, c->argv[1], &from, err);

	if (rc == 1) {
		int there = redis_call_key(c, members, c->argv[2], &to, err);
		if (there < 0) {
			return there;
		}
		rc = there == 1 && from.id == to.id ? redis_element_find(c->t, members, from.id,
							      c->argv[3], NULL, &found, err)
						    : move_member(c, &from, err);
	}
	if (rc >= 0) {
		redis_reply_int(c->out, rc);
	}
	return rc < 0 ? rc : 0;
}

/* ---- reading ---- */

static int sismember(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_element found;
	int rc = redis_call_key(c, members, c->argv[1], &key, err);

	rc = rc != 1 ? rc
		     : redis_element_find(c->t, members, key.id, c->argv[2], NULL, &found, err);
	if (rc >= 0) {
		redis_reply_int(c->out, rc);
	}
	return rc < 0 ? rc : 0;
}

static int smismember(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_element found;
	int there = redis_call_key(c, members, c->argv[1], &key, err);

	if (there < 0) {
		return there;
	}
	redis_reply_array(c->out, c->argc - 2);
	for (unsigned i = 2; i < c->argc; i++) {
		int rc = there == 0 ? 0
				    : redis_element_find(
					      c->t, members, key.id, c->argv[i], NULL, &found, err);
		if (rc < 0) {
			return rc;
		}
		redis_reply_int(c->out, rc);
	}
	return 0;
}

static int scard(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = redis_call_key(c, members, c->argv[1], &key, err);

	if (rc >= 0) {
		redis_reply_int(c->out, rc == 1 ? (int64_t)key.n : 0);
	}
	return rc < 0 ? rc : 0;
}

static int reply_member(void *arg, const struct redis_element *element, struct err *err)
{
	(void)err;
	redis_reply_bulk(arg, element->name);
	return 0;
}

static int smembers(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = redis_call_key(c, members, c->argv[1], &key, err);

	if (rc < 0) {
		return rc;
	}
	redis_reply_array(c->out, rc == 1 ? key.n : 0);
	return rc == 0 ? 0
		       : redis_elements_each(
				 c->t, members, key.id, NULL, reply_member, c->out, err);
}

static int sscan(struct redis_call *c, struct err *err)
{
	return redis_scan_elements(c, members, err);
}

static int srandmember(struct redis_call *c, struct err *err)
{
	return redis_random_elements(c, members, NULL, err);
}

/* ---- SPOP ---- */

static int collect(void *arg, const struct redis_element *element, struct err *err)
{
	struct redis_names *names = arg;

	redis_names_add(names, element->name);
	return buf_check(&names->bytes, err);
}

/* Fewer than there are: replies and removes them. */
static int pop_some(struct redis_call *c, struct redis_key *key, uint64_t n, struct err *err)
{
	CLEANUP(redis_names_free) struct redis_names names = {0};
	struct slice name;
	size_t at = 0;
	int rc = redis_elements_pick(c->t, members, key, n, collect, &names, err);

	while (rc >= 0 && redis_names_next(&names, &at, &name)) {
		redis_reply_bulk(c->out, name);
		rc = redis_element_take(c->t, members, key, name, err);
	}
	return rc < 0 ? rc : redis_key_save(c->t, c->argv[1], key, NULL, err);
}

static int pop(struct redis_call *c, struct redis_key *key, uint64_t n, struct err *err)
{
	if (n < key->n) {
		return pop_some(c, key, n, err);
	}
	int rc = redis_elements_each(c->t, members, key->id, NULL, reply_member, c->out, err);
	return rc < 0 ? rc : redis_key_delete(c->t, c->argv[1], key, err);
}

static int spop_count(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int64_t count;
	int rc = redis_arg_range(c->argv[2], 0, INT64_MAX,
		"ERR value is out of range, must be positive", &count, err);

	rc = rc < 0 ? rc : redis_call_key(c, members, c->argv[1], &key, err);
	if (rc < 0) {
		return rc;
	}
	uint64_t n = rc == 0 ? 0 : (uint64_t)count < key.n ? (uint64_t)count : key.n;
	redis_reply_array(c->out, n);
	return n == 0 ? 0 : pop(c, &key, n, err);
}

static int spop(struct redis_call *c, struct err *err)
{
	struct redis_key key;

	if (c->argc > 3) {
		return redis_syntax_error(err);
	}
	if (c->argc == 3) {
		return spop_count(c, err);
	}
	int rc = redis_call_key(c, members, c->argv[1], &key, err);
	if (rc == 0) {
		redis_reply_nil(c->out);
	}
	return rc == 1 ? pop(c, &key, 1, err) : rc;
}

const struct redis_command redis_set_commands[] = {
	{"sadd", -3, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, sadd},
	{"srem", -3, REDIS_WRITE, 1, 1, 1, srem},
	{"sismember", 3, 0, 1, 1, 1, sismember},
	{"smismember", -3, 0, 1, 1, 1, smismember},
	{"smembers", 2, 0, 1, 1, 1, smembers},
	{"scard", 2, 0, 1, 1, 1, scard},
	{"spop", -2, REDIS_WRITE, 1, 1, 1, spop},
	{"srandmember", -2, 0, 1, 1, 1, srandmember},
	{"smove", 4, REDIS_WRITE, 1, 2, 1, smove},
	{"sinter", -2, 0, 1, -1, 1, redis_sinter},
	{"sinterstore", -3, REDIS_WRITE | REDIS_DENYOOM, 1, -1, 1, redis_sinterstore},
	{"sintercard", -3, 0, 0, 0, 0, redis_sintercard},
	{"sunion", -2, 0, 1, -1, 1, redis_sunion},
	{"sunionstore", -3, REDIS_WRITE | REDIS_DENYOOM, 1, -1, 1, redis_sunionstore},
	{"sdiff", -2, 0, 1, -1, 1, redis_sdiff},
	{"sdiffstore", -3, REDIS_WRITE | REDIS_DENYOOM, 1, -1, 1, redis_sdiffstore},
	{"sscan", -3, 0, 1, 1, 1, sscan},
	{.name = NULL},
};
