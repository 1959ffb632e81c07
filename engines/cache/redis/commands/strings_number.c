/* Strings as numbers. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "engines/cache/redis/commands/strings.h"

/* Writes it back, and answers with it. */
static int keep_int(
	struct redis_call *c, int found, struct redis_key *key, int64_t value, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	buf_printf(&text, "%lld", (long long)value);
	redis_reply_int(c->out, value);
	return redis_edited(c, c->argv[1], found, key, &text, err);
}

static int add(struct redis_call *c, int64_t by, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct redis_key key;
	int64_t value = 0;
	int found = redis_get(c, c->argv[1], &key, &text, err);
	int rc = found == 1 ? redis_arg_int(buf_slice(&text), &value, err) : found;

	if (rc < 0) {
		return rc;
	}
	if (__builtin_add_overflow(value, by, &value)) {
		return err_set(err, EINVAL, "ERR increment or decrement would overflow");
	}
	return keep_int(c, found, &key, value, err);
}

int redis_run_incr(struct redis_call *c, struct err *err)
{
	return add(c, 1, err);
}

int redis_run_decr(struct redis_call *c, struct err *err)
{
	return add(c, -1, err);
}

int redis_run_incrby(struct redis_call *c, struct err *err)
{
	int64_t by;
	int rc = redis_arg_int(c->argv[2], &by, err);

	return rc < 0 ? rc : add(c, by, err);
}

int redis_run_decrby(struct redis_call *c, struct err *err)
{
	int64_t by;
	int rc = redis_arg_int(c->argv[2], &by, err);

	if (rc == 0 && by == INT64_MIN) {
		return err_set(err, EINVAL, "ERR decrement would overflow");
	}
	return rc < 0 ? rc : add(c, -by, err);
}

/* ---- long double, as Redis counts here ---- */

int redis_run_incrbyfloat(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct redis_key key;
	long double value = 0;
	long double by = 0;
	int found = redis_get(c, c->argv[1], &key, &text, err);
	int rc = found == 1 ? redis_arg_long_double(buf_slice(&text), &value, err) : found;

	rc = rc < 0 ? rc : redis_arg_long_double(c->argv[2], &by, err);
	if (rc < 0) {
		return rc;
	}
	value += by;
	if (isnan(value) || isinf(value)) {
		return err_set(err, EINVAL, "ERR increment would produce NaN or Infinity");
	}
	buf_clear(&text);
	redis_print_long_double(value, &text);
	redis_reply_bulk(c->out, buf_slice(&text));
	return redis_edited(c, c->argv[1], found, &key, &text, err);
}
