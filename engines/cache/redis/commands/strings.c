/* Commands of strings as a whole and of parts of them. */
#include "engines/cache/redis/commands/strings.h"

#include <errno.h>

int redis_get(struct redis_call *c, struct slice name, struct redis_key *key, struct buf *value,
	struct err *err)
{
	return redis_string_read(c->t, name, key, value, err);
}

int redis_edited(struct redis_call *c, struct slice name, int found, struct redis_key *key,
	const struct buf *value, struct err *err)
{
	int rc = buf_check(value, err);

	if (rc < 0) {
		return rc;
	}
	return found == 1 ? redis_string_change(c->t, name, key, buf_slice(value), err)
			  : redis_string_set(c->t, name, buf_slice(value), false, 0, key, err);
}

int redis_check_length(uint64_t length, struct err *err)
{
	return length <= REDIS_STRING_MAX ? 0
					  : err_set(err, EINVAL,
						    "ERR string exceeds maximum allowed size "
						    "(proto-max-bulk-len)");
}

/* The value or nil; 1 or 0. */
static int reply_get(struct redis_call *c, struct redis_key *key, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	int rc = redis_get(c, c->argv[1], key, &value, err);

	if (rc == 1) {
		redis_reply_bulk(c->out, buf_slice(&value));
	} else if (rc == 0) {
		redis_reply_nil(c->out);
	}
	return rc;
}

static int run_get(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = reply_get(c, &key, err);

	return rc < 0 ? rc : 0;
}

/* ---- when it expires ---- */

bool redis_expiry_option(struct slice word, struct redis_expiry *out)
{
	static const struct {
		const char *word;
		struct redis_expiry expiry;
	} options[] = {
		{"ex", {0, true, true, true}},
		{"px", {0, true, false, true}},
		{"exat", {0, true, true, false}},
		{"pxat", {0, true, false, false}},
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (redis_arg_is(word, options[i].word)) {
			*out = options[i].expiry;
			return true;
		}
	}
	return false;
}

int redis_expiry_time(struct redis_call *c, const struct redis_expiry *e, const char *command,
	int64_t *out, struct err *err)
{
	int64_t ms = e->value;

	if (e->value <= 0 || __builtin_mul_overflow(ms, e->seconds ? 1000 : 1, &ms) ||
		__builtin_add_overflow(ms, e->relative ? c->t->now_ms : 0, &ms)) {
		return err_set(err, EINVAL, "ERR invalid expire time in '%s' command", command);
	}
	*out = ms;
	return 0;
}

/* ---- SET ---- */

struct set_options {
	bool if_absent;
	bool if_there;
	bool get;
	bool keep_ttl;
	bool persist;
	struct redis_expiry expiry;
	struct slice time; /* of the expiry */
};

/* EX and the like with the time behind it. False: the word is none, or does not fit. */
static bool parse_expiry(struct redis_call *c, unsigned i, struct set_options *o)
{
	struct redis_expiry e;
	struct redis_expiry *old = &o->expiry;

	if (!redis_expiry_option(c->argv[i], &e) || i + 1 >= c->argc || o->keep_ttl || o->persist) {
		return false;
	}
	if (old->given && (old->seconds != e.seconds || old->relative != e.relative)) {
		return false;
	}
	o->expiry = e;
	o->time = c->argv[i + 1];
	return true;
}

static bool parse_set_word(struct slice word, struct set_options *o)
{
	if (redis_arg_is(word, "nx") && !o->if_there) {
		o->if_absent = true;
	} else if (redis_arg_is(word, "xx") && !o->if_absent) {
		o->if_there = true;
	} else if (redis_arg_is(word, "get")) {
		o->get = true;
	} else if (redis_arg_is(word, "keepttl") && !o->expiry.given) {
		o->keep_ttl = true;
	} else {
		return false;
	}
	return true;
}

static int parse_set(struct redis_call *c, struct set_options *o, struct err *err)
{
	for (unsigned i = 3; i < c->argc; i++) {
		if (parse_set_word(c->argv[i], o)) {
			continue;
		}
		if (!parse_expiry(c, i, o)) {
			return redis_syntax_error(err);
		}
		i++;
	}
	return 0;
}

/* 0: it never expires. */
static int expiry_of(struct redis_call *c, struct set_options *o, const char *command, int64_t *out,
	struct err *err)
{
	*out = 0;
	if (!o->expiry.given) {
		return 0;
	}
	int rc = redis_arg_int(o->time, &o->expiry.value, err);
	return rc < 0 ? rc : redis_expiry_time(c, &o->expiry, command, out, err);
}

static int run_set(struct redis_call *c, struct err *err)
{
	struct set_options o = {0};
	struct redis_key key;
	int64_t expires;
	int rc = parse_set(c, &o, err);

	rc = rc < 0 ? rc : expiry_of(c, &o, "set", &expires, err);
	if (rc < 0) {
		return rc;
	}
	int found = 0;
	if (o.get) {
		found = reply_get(c, &key, err);
	} else if (o.if_absent || o.if_there) {
		found = redis_key_find(c->t, c->argv[1], &key, err);
	}
	if (found < 0) {
		return found;
	}
	if ((o.if_absent && found == 1) || (o.if_there && found == 0)) {
		if (!o.get) {
			redis_reply_nil(c->out);
		}
		return 0;
	}
	if (!o.get) {
		redis_reply_ok(c->out);
	}
	return redis_string_set(c->t, c->argv[1], c->argv[2], o.keep_ttl, expires, &key, err);
}

static int run_setnx(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = redis_key_find(c->t, c->argv[1], &key, err);

	redis_reply_int(c->out, rc == 0);
	return rc < 0	 ? rc
	       : rc == 1 ? 0
			 : redis_string_set(c->t, c->argv[1], c->argv[2], false, 0, &key, err);
}

static int set_with_ttl(
	struct redis_call *c, const char *option, const char *command, struct err *err)
{
	struct set_options o = {.time = c->argv[2]};
	struct redis_key key;
	int64_t expires;

	redis_expiry_option(slice_of(option), &o.expiry);
	int rc = expiry_of(c, &o, command, &expires, err);
	redis_reply_ok(c->out);
	return rc < 0 ? rc
		      : redis_string_set(c->t, c->argv[1], c->argv[3], false, expires, &key, err);
}

static int run_setex(struct redis_call *c, struct err *err)
{
	return set_with_ttl(c, "ex", "setex", err);
}

static int run_psetex(struct redis_call *c, struct err *err)
{
	return set_with_ttl(c, "px", "psetex", err);
}

/* ---- GET and something more ---- */

static int run_getset(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = reply_get(c, &key, err);

	return rc < 0 ? rc : redis_string_set(c->t, c->argv[1], c->argv[2], false, 0, &key, err);
}

static int run_getdel(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = reply_get(c, &key, err);

	return rc < 1 ? rc : redis_key_delete(c->t, c->argv[1], &key, err);
}

static int parse_getex(struct redis_call *c, struct set_options *o, struct err *err)
{
	for (unsigned i = 2; i < c->argc; i++) {
		if (redis_arg_is(c->argv[i], "persist") && !o->expiry.given) {
			o->persist = true;
		} else if (parse_expiry(c, i, o)) {
			i++;
		} else {
			return redis_syntax_error(err);
		}
	}
	return 0;
}

static int run_getex(struct redis_call *c, struct err *err)
{
	struct set_options o = {0};
	struct redis_key key;
	int64_t expires;
	int rc = parse_getex(c, &o, err);

	rc = rc < 0 ? rc : reply_get(c, &key, err);
	if (rc < 1) {
		return rc;
	}
	rc = expiry_of(c, &o, "getex", &expires, err);
	if (rc < 0 || expires == key.expires_ms || (expires == 0 && !o.persist)) {
		return rc;
	}
	return redis_key_expire(c->t, c->argv[1], &key, expires, err);
}

/* ---- several ---- */

static int run_mget(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct redis_key key;

	redis_reply_array(c->out, c->argc - 1);
	for (unsigned i = 1; i < c->argc; i++) {
		struct err why = {0};
		buf_clear(&value);
		int rc = redis_get(c, c->argv[i], &key, &value, &why);
		if (redis_is_fatal(rc)) {
			return err_set(err, why.code, "%s", why.msg);
		}
		if (rc == 1) {
			redis_reply_bulk(c->out, buf_slice(&value));
		} else {
			redis_reply_nil(c->out);
		}
	}
	return 0;
}

static int set_all(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = 0;

	for (unsigned i = 1; rc == 0 && i < c->argc; i += 2) {
		rc = redis_string_set(c->t, c->argv[i], c->argv[i + 1], false, 0, &key, err);
	}
	return rc;
}

static int run_mset(struct redis_call *c, struct err *err)
{
	if (c->argc % 2 == 0) {
		return redis_arity_error("mset", err);
	}
	redis_reply_ok(c->out);
	return set_all(c, err);
}

static int run_msetnx(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = 0;

	if (c->argc % 2 == 0) {
		return redis_arity_error("msetnx", err);
	}
	for (unsigned i = 1; rc == 0 && i < c->argc; i += 2) {
		rc = redis_key_find(c->t, c->argv[i], &key, err);
	}
	redis_reply_int(c->out, rc == 0);
	return rc == 0 ? set_all(c, err) : (rc < 0 ? rc : 0);
}

/* ---- parts ---- */

static int run_strlen(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = redis_key_typed(c->t, c->argv[1], REDIS_STRING, &key, err);

	redis_reply_int(c->out, rc == 1 ? (int64_t)key.n : 0);
	return rc < 0 ? rc : 0;
}

static int run_append(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct redis_key key;
	int found = redis_get(c, c->argv[1], &key, &value, err);
	int rc = found < 0 ? found : redis_check_length(value.n + c->argv[2].n, err);

	if (rc < 0) {
		return rc;
	}
	buf_append_slice(&value, c->argv[2]);
	redis_reply_int(c->out, (int64_t)value.n);
	return redis_edited(c, c->argv[1], found, &key, &value, err);
}

/* Positions from the end are negative. Nothing is left: *start > *end. */
static void clip_range(int64_t *start, int64_t *end, int64_t n)
{
	*start = *start < 0 ? *start + n : *start;
	*end = *end < 0 ? *end + n : *end;
	*start = *start < 0 ? 0 : *start;
	*end = *end < 0 ? 0 : *end;
	*end = *end >= n ? n - 1 : *end;
}

static int run_getrange(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct redis_key key;
	int64_t start;
	int64_t end;
	int rc = redis_arg_int(c->argv[2], &start, err);

	rc = rc < 0 ? rc : redis_arg_int(c->argv[3], &end, err);
	rc = rc < 0 ? rc : redis_get(c, c->argv[1], &key, &value, err);
	if (rc < 0) {
		return rc;
	}
	bool none = start < 0 && end < 0 && start > end;
	clip_range(&start, &end, (int64_t)value.n);
	if (none || start > end || value.n == 0) {
		redis_reply_text(c->out, "");
	} else {
		redis_reply_bulk(c->out, slice_make(value.p + start, (size_t)(end - start + 1)));
	}
	return 0;
}

static int run_setrange(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct redis_key key;
	struct slice part = c->argv[3];
	int64_t at;
	int rc = redis_arg_int(c->argv[2], &at, err);

	if (rc == 0 && at < 0) {
		return err_set(err, EINVAL, "ERR offset is out of range");
	}
	int found = rc < 0 ? rc : redis_get(c, c->argv[1], &key, &value, err);
	if (found < 0 || part.n == 0) {
		redis_reply_int(c->out, (int64_t)value.n);
		return found < 0 ? found : 0;
	}
	rc = redis_check_length((uint64_t)at + part.n, err);
	if (rc < 0) {
		return rc;
	}
	size_t end = (size_t)at + part.n;
	if (end > value.n && !buf_resize(&value, end)) {
		return buf_check(&value, err);
	}
	memcpy(value.p + at, part.p, part.n);
	redis_reply_int(c->out, (int64_t)value.n);
	return redis_edited(c, c->argv[1], found, &key, &value, err);
}

const struct redis_command redis_string_commands[] = {
	{"append", 3, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, run_append},
	{"bitcount", -2, 0, 1, 1, 1, redis_run_bitcount},
	{"bitfield", -2, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, redis_run_bitfield},
	{"bitfield_ro", -2, 0, 1, 1, 1, redis_run_bitfield_ro},
	{"bitop", -4, REDIS_WRITE | REDIS_DENYOOM, 2, -1, 1, redis_run_bitop},
	{"bitpos", -3, 0, 1, 1, 1, redis_run_bitpos},
	{"decr", 2, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, redis_run_decr},
	{"decrby", 3, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, redis_run_decrby},
	{"get", 2, 0, 1, 1, 1, run_get},
	{"getbit", 3, 0, 1, 1, 1, redis_run_getbit},
	{"getdel", 2, REDIS_WRITE, 1, 1, 1, run_getdel},
	{"getex", -2, REDIS_WRITE, 1, 1, 1, run_getex},
	{"getrange", 4, 0, 1, 1, 1, run_getrange},
	{"getset", 3, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, run_getset},
	{"incr", 2, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, redis_run_incr},
	{"incrby", 3, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, redis_run_incrby},
	{"incrbyfloat", 3, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, redis_run_incrbyfloat},
	{"lcs", -3, 0, 1, 2, 1, redis_run_lcs},
	{"mget", -2, 0, 1, -1, 1, run_mget},
	{"mset", -3, REDIS_WRITE | REDIS_DENYOOM, 1, -1, 2, run_mset},
	{"msetnx", -3, REDIS_WRITE | REDIS_DENYOOM, 1, -1, 2, run_msetnx},
	{"psetex", 4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, run_psetex},
	{"set", -3, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, run_set},
	{"setbit", 4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, redis_run_setbit},
	{"setex", 4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, run_setex},
	{"setnx", 3, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, run_setnx},
	{"setrange", 4, REDIS_WRITE | REDIS_DENYOOM, 1, 1, 1, run_setrange},
	{"strlen", 2, 0, 1, 1, 1, run_strlen},
	{"substr", 4, 0, 1, 1, 1, run_getrange},
	{0},
};
