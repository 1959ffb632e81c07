/* Commands of lists. Those that wait for an element answer as they do inside MULTI: at once. */
#include <errno.h>
#include <stdlib.h>

#include "engines/cache/redis/commands/lists.h"
#include "engines/common/cleanup.h"

int redis_list_find(struct redis_call *c, struct slice name, struct redis_key *out, struct err *err)
{
	return redis_key_typed(c->t, name, REDIS_LIST, out, err);
}

int redis_list_save(struct redis_call *c, struct slice name, struct redis_key *key, struct err *err)
{
	return redis_key_save(c->t, name, key, NULL, err);
}

int redis_reply_element(void *arg, uint64_t index, struct slice value, struct err *err)
{
	struct redis_call *c = arg;

	(void)index;
	redis_reply_bulk(c->out, value);
	return buf_check(c->out, err);
}

/* ---- push ---- */

static int push_all(struct redis_call *c, struct redis_key *key, bool left, struct err *err)
{
	int rc = 0;

	for (unsigned i = 2; rc == 0 && i < c->argc; i++) {
		rc = redis_list_push(c->t, key, left, c->argv[i], err);
	}
	rc = rc < 0 ? rc : redis_list_save(c, c->argv[1], key, err);
	redis_reply_int(c->out, (int64_t)key->n);
	return rc;
}

static int push(struct redis_call *c, bool left, struct err *err)
{
	struct redis_key key;
	int rc = redis_key_open(c->t, c->argv[1], REDIS_LIST, &key, err);

	return rc < 0 ? rc : push_all(c, &key, left, err);
}

static int push_existing(struct redis_call *c, bool left, struct err *err)
{
	struct redis_key key;
	int rc = redis_list_find(c, c->argv[1], &key, err);

	if (rc == 0) {
		redis_reply_int(c->out, 0);
	}
	return rc <= 0 ? rc : push_all(c, &key, left, err);
}

static int run_lpush(struct redis_call *c, struct err *err)
{
	return push(c, true, err);
}

static int run_rpush(struct redis_call *c, struct err *err)
{
	return push(c, false, err);
}

static int run_lpushx(struct redis_call *c, struct err *err)
{
	return push_existing(c, true, err);
}

static int run_rpushx(struct redis_call *c, struct err *err)
{
	return push_existing(c, false, err);
}

/* ---- pop ---- */

/* As many replies as are said to be there are appended. */
int redis_list_pop(struct redis_call *c, struct slice name, struct redis_key *key, bool left,
	uint64_t n, struct err *err)
{
	uint64_t end = key->n;
	int rc = redis_list_each(
		c->t, key, left ? 0 : end - 1, !left, n, redis_reply_element, c, err);

	rc = rc < 0 ? rc : redis_list_trim(c->t, key, left ? n : 0, end - n, err);
	return rc < 0 ? rc : redis_list_save(c, name, key, err);
}

static int parse_count(struct redis_call *c, int64_t *count, struct err *err)
{
	*count = 1;
	if (c->argc < 3) {
		return 0;
	}
	if (redis_arg_int(c->argv[2], count, NULL) < 0 || *count < 0) {
		return err_set(err, EINVAL, "ERR value is out of range, must be positive");
	}
	return 0;
}

static int pop(struct redis_call *c, const char *command, bool left, struct err *err)
{
	struct redis_key key;
	int64_t count;
	bool many = c->argc > 2;

	if (c->argc > 3) {
		return redis_arity_error(command, err);
	}
	int rc = parse_count(c, &count, err);
	rc = rc < 0 ? rc : redis_list_find(c, c->argv[1], &key, err);
	if (rc <= 0) {
		(many ? redis_reply_nil_array : redis_reply_nil)(c->out);
		return rc;
	}
	uint64_t n = (uint64_t)count < key.n ? (uint64_t)count : key.n;
	if (many) {
		redis_reply_array(c->out, n);
	}
	return n == 0 ? 0 : redis_list_pop(c, c->argv[1], &key, left, n, err);
}

static int run_lpop(struct redis_call *c, struct err *err)
{
	return pop(c, "lpop", true, err);
}

static int run_rpop(struct redis_call *c, struct err *err)
{
	return pop(c, "rpop", false, err);
}

/* ---- read ---- */

static int run_llen(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	int rc = redis_list_find(c, c->argv[1], &key, err);

	redis_reply_int(c->out, rc > 0 ? (int64_t)key.n : 0);
	return rc < 0 ? rc : 0;
}

static int run_lindex(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct redis_key key;
	int64_t index;
	uint64_t at;
	int rc = redis_list_find(c, c->argv[1], &key, err);

	if (rc > 0) {
		rc = redis_arg_int(c->argv[2], &index, err);
		rc = rc < 0 ? rc : redis_list_index(&key, index, &at);
	}
	if (rc <= 0) {
		redis_reply_nil(c->out);
		return rc;
	}
	rc = redis_list_get(c->t, &key, at, &value, err);
	redis_reply_bulk(c->out, buf_slice(&value));
	return rc;
}

/* The two numbers of LRANGE and LTRIM, and the key: 1, 0 there is none. */
static int find_range(
	struct redis_call *c, struct redis_key *key, uint64_t *first, uint64_t *n, struct err *err)
{
	int64_t start, stop;
	int rc = redis_arg_int(c->argv[2], &start, err);

	rc = rc < 0 ? rc : redis_arg_int(c->argv[3], &stop, err);
	rc = rc < 0 ? rc : redis_list_find(c, c->argv[1], key, err);
	if (rc > 0) {
		redis_list_range(key, start, stop, first, n);
	}
	return rc;
}

static int run_lrange(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	uint64_t first = 0, n = 0;
	int rc = find_range(c, &key, &first, &n, err);

	redis_reply_array(c->out, n);
	return rc <= 0 || n == 0
		       ? rc < 0 ? rc : 0
		       : redis_list_each(c->t, &key, first, false, n, redis_reply_element, c, err);
}

static int run_ltrim(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	uint64_t first = 0, n = 0;
	int rc = find_range(c, &key, &first, &n, err);

	redis_reply_ok(c->out);
	if (rc <= 0 || n == key.n) {
		return rc < 0 ? rc : 0;
	}
	rc = redis_list_trim(c->t, &key, n == 0 ? 0 : first, n, err);
	return rc < 0 ? rc : redis_list_save(c, c->argv[1], &key, err);
}

/* ---- change ---- */

static int run_lset(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf element = BUF_INIT;
	struct redis_key key;
	int64_t index;
	uint64_t at;
	int rc = redis_list_find(c, c->argv[1], &key, err);

	if (rc <= 0) {
		return rc < 0 ? rc : err_set(err, EINVAL, "ERR no such key");
	}
	rc = redis_arg_int(c->argv[2], &index, err);
	if (rc < 0) {
		return rc;
	}
	if (!redis_list_index(&key, index, &at)) {
		return err_set(err, EINVAL, "ERR index out of range");
	}
	redis_reply_ok(c->out);
	buf_printf(&element, "%llu", (unsigned long long)at);
	const struct slice name = buf_slice(&element);
	rc = redis_list_set(c->t, &key, at, c->argv[3], err);
	return rc < 0 ? rc : redis_key_save(c->t, c->argv[1], &key, &name, err);
}

/* What is looked for, and where it was found. */
struct search {
	struct slice value;
	uint64_t *index;
	size_t n, cap;
	uint64_t skip; /* so many are passed over first */
	uint64_t max;  /* ends the search; 0: none */
};

static int search_one(void *arg, uint64_t index, struct slice value, struct err *err)
{
	struct search *s = arg;

	if (!slice_equal(value, s->value) || (s->skip > 0 && s->skip-- > 0)) {
		return 0;
	}
	if (s->n == s->cap) {
		size_t cap = s->cap == 0 ? 16 : s->cap * 2;
		uint64_t *more = realloc(s->index, cap * sizeof(*more));
		if (more == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		s->index = more;
		s->cap = cap;
	}
	s->index[s->n++] = index;
	return s->n == s->max;
}

static void search_free(struct search *s)
{
	free(s->index);
}

static int find_pivot(
	struct redis_call *c, const struct redis_key *key, uint64_t *at, struct err *err)
{
	CLEANUP(search_free) struct search s = {.value = c->argv[3], .max = 1};
	int rc = redis_list_each(c->t, key, 0, false, UINT64_MAX, search_one, &s, err);

	if (rc > 0) {
		*at = s.index[0];
	}
	return rc;
}

static int run_linsert(struct redis_call *c, struct err *err)
{
	struct redis_key key;
	bool after = redis_arg_is(c->argv[2], "after");
	uint64_t at;

	if (!after && !redis_arg_is(c->argv[2], "before")) {
		return redis_syntax_error(err);
	}
	int rc = redis_list_find(c, c->argv[1], &key, err);
	if (rc <= 0) {
		redis_reply_int(c->out, 0);
		return rc;
	}
	rc = find_pivot(c, &key, &at, err);
	if (rc <= 0) {
		redis_reply_int(c->out, -1);
		return rc;
	}
	rc = redis_list_insert(c->t, &key, at + after, c->argv[4], err);
	rc = rc < 0 ? rc : redis_list_save(c, c->argv[1], &key, err);
	redis_reply_int(c->out, (int64_t)key.n);
	return rc;
}

static void reverse(uint64_t *index, size_t n)
{
	for (size_t i = 0; i < n / 2; i++) {
		uint64_t other = index[n - 1 - i];
		index[n - 1 - i] = index[i];
		index[i] = other;
	}
}

static int run_lrem(struct redis_call *c, struct err *err)
{
	CLEANUP(search_free) struct search s = {.value = c->argv[3]};
	struct redis_key key;
	int64_t count;
	int rc = redis_arg_int(c->argv[2], &count, err);

	rc = rc < 0 ? rc : redis_list_find(c, c->argv[1], &key, err);
	if (rc > 0) {
		bool backward = count < 0;
		s.max = backward ? 0 - (uint64_t)count : (uint64_t)count;
		rc = redis_list_each(c->t, &key, backward ? key.n - 1 : 0, backward, UINT64_MAX,
			search_one, &s, err);
		if (backward) {
			reverse(s.index, s.n);
		}
	}
	redis_reply_int(c->out, (int64_t)s.n);
	if (rc < 0 || s.n == 0) {
		return rc < 0 ? rc : 0;
	}
	rc = redis_list_remove(c->t, &key, s.index, s.n, err);
	return rc < 0 ? rc : redis_list_save(c, c->argv[1], &key, err);
}

/* ---- LPOS ---- */

struct lpos {
	int64_t rank, count, maxlen;
	bool many;
};

static int lpos_rank(struct slice arg, int64_t *out, struct err *err)
{
	if (redis_arg_int(arg, out, err) < 0) {
		return -err->code;
	}
	return *out != 0 ? 0
			 : err_set(err, EINVAL,
				   "ERR RANK can't be zero: use 1 to start from the first match, 2 "
				   "from the second ... or use negative to start from the end of "
				   "the list");
}

static int lpos_positive(struct slice arg, const char *word, int64_t *out, struct err *err)
{
	if (redis_arg_int(arg, out, NULL) < 0 || *out < 0) {
		return err_set(err, EINVAL, "ERR %s can't be negative", word);
	}
	return 0;
}

static int parse_lpos(struct redis_call *c, struct lpos *o, struct err *err)
{
	*o = (struct lpos){.rank = 1, .count = 1};
	for (unsigned i = 3; i < c->argc; i += 2) {
		int rc;
		if (i + 1 == c->argc) {
			return redis_syntax_error(err);
		}
		if (redis_arg_is(c->argv[i], "rank")) {
			rc = lpos_rank(c->argv[i + 1], &o->rank, err);
		} else if (redis_arg_is(c->argv[i], "count")) {
			rc = lpos_positive(c->argv[i + 1], "COUNT", &o->count, err);
			o->many = true;
		} else if (redis_arg_is(c->argv[i], "maxlen")) {
			rc = lpos_positive(c->argv[i + 1], "MAXLEN", &o->maxlen, err);
		} else {
			rc = redis_syntax_error(err);
		}
		if (rc < 0) {
			return rc;
		}
	}
	return 0;
}

static int run_lpos(struct redis_call *c, struct err *err)
{
	CLEANUP(search_free) struct search s = {.value = c->argv[2]};
	struct redis_key key;
	struct lpos o;
	int rc = parse_lpos(c, &o, err);

	rc = rc < 0 ? rc : redis_list_find(c, c->argv[1], &key, err);
	if (rc > 0) {
		bool backward = o.rank < 0;
		/* The least number has no positive; Redis takes it as the last match. */
		o.rank = o.rank == INT64_MIN ? -1 : o.rank;
		s.skip = (uint64_t)(backward ? -o.rank : o.rank) - 1;
		s.max = (uint64_t)o.count;
		rc = redis_list_each(c->t, &key, backward ? key.n - 1 : 0, backward,
			o.maxlen == 0 ? UINT64_MAX : (uint64_t)o.maxlen, search_one, &s, err);
	}
	if (o.many) {
		redis_reply_array(c->out, s.n);
	} else if (s.n == 0) {
		redis_reply_nil(c->out);
	}
	for (size_t i = 0; i < s.n; i++) {
		redis_reply_int(c->out, (int64_t)s.index[i]);
	}
	return rc < 0 ? rc : 0;
}

#define W REDIS_WRITE
#define D (REDIS_WRITE | REDIS_DENYOOM)

const struct redis_command redis_list_commands[] = {
	{"blmove", 6, D, 1, 2, 1, redis_run_blmove},
	{"blmpop", -5, W, 0, 0, 0, redis_run_blmpop},
	{"blpop", -3, W, 1, -2, 1, redis_run_blpop},
	{"brpop", -3, W, 1, -2, 1, redis_run_brpop},
	{"brpoplpush", 4, D, 1, 2, 1, redis_run_brpoplpush},
	{"lindex", 3, 0, 1, 1, 1, run_lindex},
	{"linsert", 5, D, 1, 1, 1, run_linsert},
	{"llen", 2, 0, 1, 1, 1, run_llen},
	{"lmove", 5, D, 1, 2, 1, redis_run_lmove},
	{"lmpop", -4, W, 0, 0, 0, redis_run_lmpop},
	{"lpop", -2, W, 1, 1, 1, run_lpop},
	{"lpos", -3, 0, 1, 1, 1, run_lpos},
	{"lpush", -3, D, 1, 1, 1, run_lpush},
	{"lpushx", -3, D, 1, 1, 1, run_lpushx},
	{"lrange", 4, 0, 1, 1, 1, run_lrange},
	{"lrem", 4, W, 1, 1, 1, run_lrem},
	{"lset", 4, D, 1, 1, 1, run_lset},
	{"ltrim", 4, W, 1, 1, 1, run_ltrim},
	{"rpop", -2, W, 1, 1, 1, run_rpop},
	{"rpoplpush", 3, D, 1, 2, 1, redis_run_rpoplpush},
	{"rpush", -3, D, 1, 1, 1, run_rpush},
	{"rpushx", -3, D, 1, 1, 1, run_rpushx},
	{0},
};
