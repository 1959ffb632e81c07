/* BITFIELD: integers of any width within a string. */
#include <errno.h>

#include "engines/cache/redis/commands/bits.h"

/* Holds the sum of any two that can be stored. */
__extension__ typedef __int128 wide;

enum overflow { WRAP, SAT, FAIL };

struct field_op {
	char what; /* g, s, i: GET, SET, INCRBY */
	bool is_signed;
	unsigned bits;
	uint64_t at;
	int64_t value;
	enum overflow overflow;
};

struct field_ops {
	struct field_op *at;
	unsigned n;
	bool writes;
	uint64_t end; /* the last bit that is written + 1 */
};

/* ---- parsing ---- */

static int parse_type(struct slice arg, struct field_op *op, struct err *err)
{
	int64_t bits = 0;

	op->is_signed = arg.n > 0 && arg.p[0] == 'i';
	bool known = op->is_signed || (arg.n > 0 && arg.p[0] == 'u');
	if (!known || redis_arg_int(slice_make(arg.p + 1, arg.n - 1), &bits, NULL) < 0 ||
		bits < 1 || bits > (op->is_signed ? 64 : 63)) {
		return err_set(err, EINVAL,
			"ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is "
			"not supported but i64 is.");
	}
	op->bits = (unsigned)bits;
	return 0;
}

static int parse_overflow(struct slice arg, enum overflow *out, struct err *err)
{
	if (redis_arg_is(arg, "wrap")) {
		*out = WRAP;
	} else if (redis_arg_is(arg, "sat")) {
		*out = SAT;
	} else if (redis_arg_is(arg, "fail")) {
		*out = FAIL;
	} else {
		return err_set(err, EINVAL, "ERR Invalid OVERFLOW type specified");
	}
	return 0;
}

/* How many arguments follow the word; -1: it is none. */
static int word_of(struct slice arg, char *what)
{
	static const struct {
		const char *word;
		char what;
		int follow;
	} words[] = {{"get", 'g', 2}, {"set", 's', 3}, {"incrby", 'i', 3}, {"overflow", 'o', 1}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (redis_arg_is(arg, words[i].word)) {
			*what = words[i].what;
			return words[i].follow;
		}
	}
	return -1;
}

static int parse_op(struct redis_call *c, unsigned i, struct field_op *op, struct err *err)
{
	int rc = parse_type(c->argv[i + 1], op, err);

	rc = rc < 0 ? rc : redis_bit_offset(c->argv[i + 2], true, op->bits, &op->at, err);
	if (rc == 0 && op->what != 'g') {
		rc = redis_arg_int(c->argv[i + 3], &op->value, err);
	}
	return rc;
}

static int parse(struct redis_call *c, struct field_ops *ops, struct err *err)
{
	enum overflow overflow = WRAP;

	for (unsigned i = 2; i < c->argc;) {
		struct field_op op = {.overflow = overflow};
		int follow = word_of(c->argv[i], &op.what);
		if (follow < 0 || i + (unsigned)follow >= c->argc) {
			return redis_syntax_error(err);
		}
		int rc = op.what == 'o' ? parse_overflow(c->argv[i + 1], &overflow, err)
					: parse_op(c, i, &op, err);
		if (rc < 0) {
			return rc;
		}
		i += 1 + (unsigned)follow;
		if (op.what == 'o') {
			continue;
		}
		if (op.what != 'g') {
			ops->writes = true;
			ops->end = op.at + op.bits > ops->end ? op.at + op.bits : ops->end;
		}
		ops->at[ops->n++] = op;
	}
	return 0;
}

/* ---- integers in bits ---- */

static int64_t get(struct slice s, const struct field_op *op)
{
	uint64_t value = 0;

	for (unsigned i = 0; i < op->bits; i++) {
		value = value << 1 | redis_bit(s, op->at + i);
	}
	if (op->is_signed && op->bits > 0 && op->bits < 64 && (value >> (op->bits - 1) & 1) != 0) {
		value |= ~UINT64_C(0) << op->bits;
	}
	return (int64_t)value;
}

static void set(struct buf *b, const struct field_op *op, int64_t value)
{
	for (unsigned i = 0; i < op->bits; i++) {
		redis_set_bit(b, op->at + i, (uint64_t)value >> ((op->bits - 1 - i) & 63) & 1);
	}
}

/* Whether the sum can be stored; *out is what is. */
static bool fit(const struct field_op *op, wide sum, int64_t *out)
{
	wide one = 1;
	wide high = (one << (op->is_signed ? op->bits - 1 : op->bits)) - 1;
	wide low = op->is_signed ? -high - 1 : 0;

	if (sum >= low && sum <= high) {
		*out = (int64_t)sum;
		return true;
	}
	if (op->overflow == SAT) {
		*out = (int64_t)(sum > high ? high : low);
		return true;
	}
	wide wrapped = sum & ((one << op->bits) - 1);
	*out = (int64_t)(wrapped > high ? wrapped - (one << op->bits) : wrapped);
	return op->overflow == WRAP;
}

/* One reply. */
static bool run_op(struct redis_call *c, const struct field_op *op, struct buf *value)
{
	int64_t old = get(buf_slice(value), op);
	int64_t result;

	if (op->what == 'g') {
		redis_reply_int(c->out, old);
		return false;
	}
	/* What is given to SET of an unsigned one is taken as it is stored: without a sign. */
	wide given =
		op->what == 's' && !op->is_signed ? (wide)(uint64_t)op->value : (wide)op->value;
	bool fits = fit(op, op->what == 's' ? given : (wide)old + op->value, &result);
	if (!fits) {
		redis_reply_nil(c->out);
		return false;
	}
	redis_reply_int(c->out, op->what == 's' ? old : result);
	set(value, op, result);
	return true;
}

static int run_all(struct redis_call *c, const struct field_ops *ops, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct redis_key key;
	bool changed = false;
	int found = redis_get(c, c->argv[1], &key, &value, err);

	if (found < 0) {
		return found;
	}
	if (ops->writes && (ops->end + 7) / 8 > value.n) {
		changed = buf_resize(&value, (ops->end + 7) / 8);
	}
	redis_reply_array(c->out, ops->n);
	for (unsigned i = 0; i < ops->n && !value.failed; i++) {
		changed = run_op(c, &ops->at[i], &value) || changed;
	}
	int rc = buf_check(&value, err);
	return rc < 0 || !changed ? rc : redis_edited(c, c->argv[1], found, &key, &value, err);
}

static int run(struct redis_call *c, bool read_only, struct err *err)
{
	/* No more than there are words. */
	struct field_ops ops = {.at = calloc(c->argc, sizeof(struct field_op))};

	if (ops.at == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = parse(c, &ops, err);
	if (rc == 0 && read_only && ops.writes) {
		rc = err_set(err, EINVAL, "ERR BITFIELD_RO only supports the GET subcommand");
	}
	rc = rc < 0 ? rc : run_all(c, &ops, err);
	free(ops.at);
	return rc;
}

int redis_run_bitfield(struct redis_call *c, struct err *err)
{
	return run(c, false, err);
}

int redis_run_bitfield_ro(struct redis_call *c, struct err *err)
{
	return run(c, true, err);
}
