/* Commands over keys of any type: deleted, renamed, copied. */
#include "engines/cache/redis/commands/keys.h"

#include <errno.h>

#include "engines/cache/redis/db_impl.h"
#include "engines/cache/redis/type.h"

static int no_such_key(struct err *err)
{
	return err_set(err, EINVAL, "ERR no such key");
}

static int run_del(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int64_t n = 0;

	for (unsigned i = 1; i < c->argc; i++) {
		int rc = redis_key_peek(c->t, c->argv[i], &key, err);
		n += rc == 1;
		rc = rc == 1 ? redis_key_delete(c->t, c->argv[i], &key, err) : rc;
		if (rc < 0) {
			return rc;
		}
	}
	redis_reply_int(c->out, n);
	return 0;
}

/* How many are there, one that is named twice counts twice. */
static int count_there(struct redis_call *c, bool use, struct err *err)
{
	struct redis_key key;
	int64_t n = 0;

	for (unsigned i = 1; i < c->argc; i++) {
		int rc = use ? redis_key_find(c->t, c->argv[i], &key, err)
			     : redis_key_peek(c->t, c->argv[i], &key, err);
		if (rc < 0) {
			return rc;
		}
		n += rc;
	}
	redis_reply_int(c->out, n);
	return 0;
}

static int run_exists(struct redis_call *c, struct err *err)
{
	return count_there(c, false, err);
}

static int run_touch(struct redis_call *c, struct err *err)
{
	return count_there(c, true, err);
}

static int run_type(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	const struct redis_type_ops *ops = &redis_string_type;
	int rc = redis_key_peek(c->t, c->argv[1], &key, err);

	if (rc == 1 && key.type != REDIS_STRING) {
		rc = redis_key_ops(c->t, &key, &ops, err);
		rc = rc < 0 ? rc : 1;
	}
	redis_reply_status(c->out, rc == 1 ? ops->name : "none");
	return rc < 0 ? rc : 0;
}

/* ---- other names ---- */

static int find_source(struct redis_call *c, struct redis_key *key, struct err *err)
{
	int rc = redis_key_find(c->t, c->argv[1], key, err);

	return rc == 0 ? no_such_key(err) : rc;
}

static int run_rename(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = find_source(c, &key, err);

	redis_reply_ok(c->out);
	return rc < 0 ? rc : redis_key_rename(c->t, c->argv[1], &key, c->argv[2], err);
}

static int run_renamenx(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_key other;
	int rc = find_source(c, &key, err);

	rc = rc < 0 ? rc : redis_key_peek(c->t, c->argv[2], &other, err);
	redis_reply_int(c->out, rc == 0);
	return rc < 0	 ? rc
	       : rc == 1 ? 0
			 : redis_key_rename(c->t, c->argv[1], &key, c->argv[2], err);
}

static int parse_copy(struct redis_call *c, bool *replace, struct err *err)
{
	*replace = false;
	for (unsigned i = 3; i < c->argc; i++) {
		int64_t db = 0;
		if (redis_arg_is(c->argv[i], "replace")) {
			*replace = true;
		} else if (redis_arg_is(c->argv[i], "db") && i + 1 < c->argc) {
			int rc = redis_arg_int(c->argv[++i], &db, err);
			if (rc < 0) {
				return rc;
			}
		} else {
			return redis_syntax_error(err);
		}
		if (db != 0) {
			return err_set(err, EINVAL, "ERR DB index is out of range");
		}
	}
	return 0;
}

static int run_copy(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	struct redis_key other;
	bool replace;
	int rc = parse_copy(c, &replace, err);

	if (rc == 0 && slice_equal(c->argv[1], c->argv[2])) {
		return err_set(err, EINVAL, "ERR source and destination objects are the same");
	}
	rc = rc < 0 ? rc : redis_key_find(c->t, c->argv[1], &key, err);
	int there = rc == 1 && !replace ? redis_key_peek(c->t, c->argv[2], &other, err) : 0;
	bool copies = rc == 1 && there == 0;
	redis_reply_int(c->out, copies);
	if (rc < 0 || there < 0) {
		return rc < 0 ? rc : there;
	}
	return copies ? redis_key_copy(c->t, c->argv[1], &key, c->argv[2], err) : 0;
}

/* ---- all ---- */

static int run_flush(struct redis_call *c, struct err *err)
{
	if (c->argc > 2 || (c->argc == 2 && !redis_arg_is(c->argv[1], "async") &&
				   !redis_arg_is(c->argv[1], "sync"))) {
		return redis_syntax_error(err);
	}
	redis_reply_ok(c->out);
	return redis_keys_flush(c->t, err);
}

const struct redis_command redis_key_commands[] = {
	{"copy", -3, REDIS_WRITE | REDIS_DENYOOM, 1, 2, 1, run_copy},
	{"dbsize", 1, 0, 0, 0, 0, redis_run_dbsize},
	{"del", -2, REDIS_WRITE, 1, -1, 1, run_del},
	{"exists", -2, 0, 1, -1, 1, run_exists},
	{"expire", -3, REDIS_WRITE, 1, 1, 1, redis_run_expire},
	{"expireat", -3, REDIS_WRITE, 1, 1, 1, redis_run_expireat},
	{"expiretime", 2, 0, 1, 1, 1, redis_run_expiretime},
	{"flushall", -1, REDIS_WRITE, 0, 0, 0, run_flush},
	{"flushdb", -1, REDIS_WRITE, 0, 0, 0, run_flush},
	{"keys", 2, 0, 0, 0, 0, redis_run_keys},
	{"object", -2, REDIS_CONTAINER, 0, 0, 0, NULL},
	{"object|encoding", 3, 0, 2, 2, 1, redis_run_object_encoding},
	{"object|freq", 3, 0, 2, 2, 1, redis_run_object_freq},
	{"object|help", 2, 0, 0, 0, 0, redis_run_object_help},
	{"object|idletime", 3, 0, 2, 2, 1, redis_run_object_idletime},
	{"object|refcount", 3, 0, 2, 2, 1, redis_run_object_refcount},
	{"persist", 2, REDIS_WRITE, 1, 1, 1, redis_run_persist},
	{"pexpire", -3, REDIS_WRITE, 1, 1, 1, redis_run_pexpire},
	{"pexpireat", -3, REDIS_WRITE, 1, 1, 1, redis_run_pexpireat},
	{"pexpiretime", 2, 0, 1, 1, 1, redis_run_pexpiretime},
	{"pttl", 2, 0, 1, 1, 1, redis_run_pttl},
	{"randomkey", 1, 0, 0, 0, 0, redis_run_randomkey},
	{"rename", 3, REDIS_WRITE, 1, 2, 1, run_rename},
	{"renamenx", 3, REDIS_WRITE, 1, 2, 1, run_renamenx},
	{"scan", -2, 0, 0, 0, 0, redis_run_scan},
	{"touch", -2, 0, 1, -1, 1, run_touch},
	{"ttl", 2, 0, 1, 1, 1, redis_run_ttl},
	{"type", 2, 0, 1, 1, 1, run_type},
	{"unlink", -2, REDIS_WRITE, 1, -1, 1, run_del},
	{0},
};
