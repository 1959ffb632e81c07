/* When keys expire. */
#include <errno.h>

#include "engines/cache/redis/commands/keys.h"

struct conditions {
	bool never;   /* NX: only if it does not expire */
	bool already; /* XX: only if it does */
	bool later;   /* GT: only to a later time; one that does not expire is later than all */
	bool earlier; /* LT */
};

static int parse(struct redis_call *c, struct conditions *o, struct err *err)
{
	for (unsigned i = 3; i < c->argc; i++) {
		struct slice word = c->argv[i];
		if (redis_arg_is(word, "nx")) {
			o->never = true;
		} else if (redis_arg_is(word, "xx")) {
			o->already = true;
		} else if (redis_arg_is(word, "gt")) {
			o->later = true;
		} else if (redis_arg_is(word, "lt")) {
			o->earlier = true;
		} else {
			char text[REDIS_ARG_TEXT_MAX];
			return err_set(err, EINVAL, "ERR Unsupported option %s",
				redis_arg_text(word, text));
		}
	}
	if (o->never && (o->already || o->later || o->earlier)) {
		return err_set(err, EINVAL,
			"ERR NX and XX, GT or LT options at the same time are not compatible");
	}
	return o->later && o->earlier
		       ? err_set(err, EINVAL,
				 "ERR GT and LT options at the same time are not compatible")
		       : 0;
}

static bool holds(const struct conditions *o, int64_t old, int64_t expires)
{
	return !(o->never && old != 0) && !(o->already && old == 0) &&
	       !(o->later && (old == 0 || expires <= old)) &&
	       !(o->earlier && old != 0 && expires >= old);
}

/* A time that has come: the key goes. 0 means never to redis_key_expire(). */
static int64_t or_past(int64_t expires)
{
	return expires <= 0 ? 1 : expires;
}

static int expire(
	struct redis_call *c, const char *command, int64_t unit, int64_t base, struct err *err)
{
	struct conditions o = {0};
	struct redis_key key;
	int64_t when = 0;
	int rc = parse(c, &o, err);

	rc = rc < 0 ? rc : redis_arg_int(c->argv[2], &when, err);
	if (rc == 0 && (__builtin_mul_overflow(when, unit, &when) ||
			       __builtin_add_overflow(when, base, &when))) {
		return err_set(err, EINVAL, "ERR invalid expire time in '%s' command", command);
	}
	rc = rc < 0 ? rc : redis_key_peek(c->t, c->argv[1], &key, err);
	if (rc < 0) {
		return rc;
	}
	bool sets = rc == 1 && holds(&o, key.expires_ms, when);
	redis_reply_int(c->out, sets);
	return sets ? redis_key_expire(c->t, c->argv[1], &key, or_past(when), err) : 0;
}

int redis_run_expire(struct redis_call *c, struct err *err)
{
	return expire(c, "expire", 1000, c->t->now_ms, err);
}

int redis_run_pexpire(struct redis_call *c, struct err *err)
{
	return expire(c, "pexpire", 1, c->t->now_ms, err);
}

int redis_run_expireat(struct redis_call *c, struct err *err)
{
	return expire(c, "expireat", 1000, 0, err);
}

int redis_run_pexpireat(struct redis_call *c, struct err *err)
{
	return expire(c, "pexpireat", 1, 0, err);
}

/* ---- asking ---- */

/* -2: no such key, -1: it does not expire. */
static int tell(struct redis_call *c, int64_t from, int64_t unit, struct err *err)
{
	struct redis_key key;
	int rc = redis_key_peek(c->t, c->argv[1], &key, err);

	if (rc < 1 || key.expires_ms == 0) {
		redis_reply_int(c->out, rc == 1 ? -1 : -2);
		return rc < 0 ? rc : 0;
	}
	redis_reply_int(c->out, (key.expires_ms - from + unit / 2) / unit);
	return 0;
}

int redis_run_ttl(struct redis_call *c, struct err *err)
{
	return tell(c, c->t->now_ms, 1000, err);
}

int redis_run_pttl(struct redis_call *c, struct err *err)
{
	return tell(c, c->t->now_ms, 1, err);
}

int redis_run_expiretime(struct redis_call *c, struct err *err)
{
	return tell(c, 0, 1000, err);
}

int redis_run_pexpiretime(struct redis_call *c, struct err *err)
{
	return tell(c, 0, 1, err);
}

int redis_run_persist(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = redis_key_peek(c->t, c->argv[1], &key, err);
	bool sets = rc == 1 && key.expires_ms != 0;

	redis_reply_int(c->out, sets);
	return sets ? redis_key_expire(c->t, c->argv[1], &key, 0, err) : (rc < 0 ? rc : 0);
}
