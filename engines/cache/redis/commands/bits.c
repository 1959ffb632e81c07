/* Strings as bits: bit 0 is the highest of the first byte. */
#include <errno.h>

#include "engines/cache/redis/commands/bits.h"

int redis_bit_offset(struct slice arg, bool hash, unsigned bits, uint64_t *out, struct err *err)
{
	bool scaled = hash && arg.n > 0 && arg.p[0] == '#';
	int64_t at = -1;

	if (scaled) {
		arg = slice_make(arg.p + 1, arg.n - 1);
	}
	if (redis_arg_int(arg, &at, NULL) < 0 || at < 0 ||
		__builtin_mul_overflow(at, scaled ? (int64_t)bits : 1, &at) ||
		(uint64_t)at >= (uint64_t)REDIS_STRING_MAX * 8) {
		return err_set(err, EINVAL, "ERR bit offset is not an integer or out of range");
	}
	*out = (uint64_t)at;
	return 0;
}

bool redis_bit(struct slice s, uint64_t at)
{
	return at / 8 < s.n && ((unsigned char)s.p[at / 8] >> (7 - at % 8) & 1) != 0;
}

bool redis_set_bit(struct buf *b, uint64_t at, bool on)
{
	if (at / 8 >= b->n && !buf_resize(b, at / 8 + 1)) {
		return false;
	}
	unsigned char mask = (unsigned char)(1U << (7 - at % 8));
	unsigned char old = (unsigned char)b->p[at / 8];
	b->p[at / 8] = (char)(on ? old | mask : old & ~mask);
	return true;
}

int redis_run_setbit(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct redis_key key;
	uint64_t at = 0;
	int64_t on = 0;
	int rc = redis_bit_offset(c->argv[2], false, 0, &at, err);

	if (rc == 0 && (redis_arg_int(c->argv[3], &on, NULL) < 0 || (on & ~1) != 0)) {
		return err_set(err, EINVAL, "ERR bit is not an integer or out of range");
	}
	int found = rc < 0 ? rc : redis_get(c, c->argv[1], &key, &value, err);
	if (found < 0) {
		return found;
	}
	bool old = redis_bit(buf_slice(&value), at);
	redis_reply_int(c->out, old);
	if (found == 1 && at / 8 < value.n && old == (on != 0)) {
		return 0;
	}
	redis_set_bit(&value, at, on != 0);
	return redis_edited(c, c->argv[1], found, &key, &value, err);
}

int redis_run_getbit(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct redis_key key;
	uint64_t at = 0;
	int rc = redis_bit_offset(c->argv[2], false, 0, &at, err);

	rc = rc < 0 ? rc : redis_get(c, c->argv[1], &key, &value, err);
	redis_reply_int(c->out, redis_bit(buf_slice(&value), rc < 0 ? 0 : at));
	return rc < 0 ? rc : 0;
}

/* ---- ranges ---- */

struct bit_range {
	int64_t start, end; /* bits, both included; start > end: none */
	bool end_given;
};

/* argv[first] and what follows: [start [end [BYTE|BIT]]], of a string of so many bytes. */
static int parse_range(
	struct redis_call *c, unsigned first, size_t n, struct bit_range *out, struct err *err)
{
	int64_t total = (int64_t)n;
	int64_t scale = 8;
	int64_t start = 0;
	int64_t end = -1;
	int rc = c->argc > first ? redis_arg_int(c->argv[first], &start, err) : 0;

	if (rc == 0 && c->argc > first + 2) {
		if (redis_arg_is(c->argv[first + 2], "bit")) {
			scale = 1;
			total *= 8;
		} else if (!redis_arg_is(c->argv[first + 2], "byte")) {
			return redis_syntax_error(err);
		}
	}
	out->end_given = c->argc > first + 1;
	rc = rc == 0 && out->end_given ? redis_arg_int(c->argv[first + 1], &end, err) : rc;
	if (first == 2 && start < 0 && end < 0 && start > end) {
		total = 0; /* of BITCOUNT: as if there were nothing */
	}
	start = start < 0 ? start + total : start;
	end = end < 0 ? end + total : end;
	start = start < 0 ? 0 : start;
	end = end < 0 ? 0 : end;
	end = end >= total ? total - 1 : end;
	out->start = start <= end ? start * scale : 0;
	out->end = start <= end ? end * scale + scale - 1 : -1;
	return rc;
}

static int64_t count(struct slice s, const struct bit_range *r)
{
	int64_t n = 0;

	for (int64_t i = r->start; i <= r->end;) {
		if (i % 8 == 0 && i + 7 <= r->end) {
			n += __builtin_popcount((unsigned char)s.p[i / 8]);
			i += 8;
		} else {
			n += redis_bit(s, (uint64_t)i);
			i++;
		}
	}
	return n;
}

int redis_run_bitcount(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct redis_key key;
	struct bit_range r = {0};
	int rc = redis_get(c, c->argv[1], &key, &value, err);

	if (rc == 1) {
		rc = c->argc == 3 || c->argc > 5 ? redis_syntax_error(err)
						 : parse_range(c, 2, value.n, &r, err);
		redis_reply_int(c->out, rc < 0 ? 0 : count(buf_slice(&value), &r));
		return rc;
	}
	redis_reply_int(c->out, 0);
	return rc;
}

/* -1: there is none. */
static int64_t first_bit(struct slice s, const struct bit_range *r, bool bit)
{
	unsigned char skip = bit ? 0 : 0xff;

	for (int64_t i = r->start; i <= r->end;) {
		if (i % 8 == 0 && i + 7 <= r->end && (unsigned char)s.p[i / 8] == skip) {
			i += 8;
		} else if (redis_bit(s, (uint64_t)i) == bit) {
			return i;
		} else {
			i++;
		}
	}
	return -1;
}

int redis_run_bitpos(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct redis_key key;
	struct bit_range r = {0};
	int64_t bit = 0;
	int rc = redis_arg_int(c->argv[2], &bit, err);

	if (rc == 0 && bit != 0 && bit != 1) {
		return err_set(err, EINVAL, "ERR The bit argument must be 1 or 0.");
	}
	rc = rc < 0 ? rc : redis_get(c, c->argv[1], &key, &value, err);
	if (rc < 1) {
		redis_reply_int(c->out, rc == 0 && bit == 0 ? 0 : -1);
		return rc;
	}
	rc = c->argc > 6 ? redis_syntax_error(err) : parse_range(c, 3, value.n, &r, err);
	if (rc < 0) {
		return rc;
	}
	int64_t at = first_bit(buf_slice(&value), &r, bit != 0);
	/* Without an end zeros are taken to follow. */
	if (at < 0 && bit == 0 && !r.end_given && r.start <= r.end) {
		at = (int64_t)value.n * 8;
	}
	redis_reply_int(c->out, at);
	return 0;
}

/* ---- BITOP ---- */

static void combine(char op, struct buf *out, struct slice s, bool first)
{
	for (size_t i = 0; i < out->n; i++) {
		unsigned char b = i < s.n ? (unsigned char)s.p[i] : 0;
		unsigned char old = (unsigned char)out->p[i];
		if (op == 'n') {
			b = (unsigned char)~b;
		} else if (!first) {
			b = op == 'a' ? old & b : op == 'o' ? old | b : old ^ b;
		}
		out->p[i] = (char)b;
	}
}

static int parse_op(struct redis_call *c, char *op, struct err *err)
{
	static const char *const ops[] = {"and", "or", "xor", "not"};

	*op = '\0';
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (redis_arg_is(c->argv[1], ops[i])) {
			*op = ops[i][0];
		}
	}
	if (*op == '\0') {
		return redis_syntax_error(err);
	}
	return *op == 'n' && c->argc != 4
		       ? err_set(err, EINVAL,
				 "ERR BITOP NOT must be called with a single source key.")
		       : 0;
}

static int longest(struct redis_call *c, size_t *n, struct err *err)
{
	struct redis_key key;

	*n = 0;
	for (unsigned i = 3; i < c->argc; i++) {
		int rc = redis_key_typed(c->t, c->argv[i], REDIS_STRING, &key, err);
		if (rc < 0) {
			return rc;
		}
		*n = rc == 1 && key.n > *n ? key.n : *n;
	}
	return 0;
}

static int keep_result(struct redis_call *c, const struct buf *result, struct err *err)
{
	struct redis_key key;

	redis_reply_int(c->out, (int64_t)result->n);
	if (result->n > 0) {
		return redis_string_set(c->t, c->argv[2], buf_slice(result), false, 0, &key, err);
	}
	int rc = redis_key_find(c->t, c->argv[2], &key, err);
	return rc == 1 ? redis_key_delete(c->t, c->argv[2], &key, err) : rc;
}

int redis_run_bitop(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf result = BUF_INIT;
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct redis_key key;
	size_t n;
	char op;
	int rc = parse_op(c, &op, err);

	rc = rc < 0 ? rc : longest(c, &n, err);
	if (rc == 0 && !buf_resize(&result, n)) {
		rc = buf_check(&result, err);
	}
	for (unsigned i = 3; rc >= 0 && i < c->argc; i++) {
		buf_clear(&value);
		rc = redis_get(c, c->argv[i], &key, &value, err);
		combine(op, &result, buf_slice(&value), i == 3);
	}
	return rc < 0 ? rc : keep_result(c, &result, err);
}
