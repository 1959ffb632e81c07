/* LCS: the longest sequence of bytes that two strings have in common. */
#include <errno.h>
#include <limits.h>

#include "engines/cache/redis/commands/strings.h"

struct lcs {
	struct slice a, b;
	bool length; /* LEN */
	bool ranges; /* IDX */
	bool match_length;
	int64_t at_least;
	/* length[i * (b.n + 1) + j]: that of the first i bytes of a and the first j of b. */
	uint32_t *table;
	struct buf text;    /* backwards */
	struct buf matches; /* replies */
	size_t n_matches;
	/* The match that is being followed back: [from, to] in both. */
	bool open;
	size_t a_from, a_to, b_from, b_to;
};

static int parse(struct redis_call *c, struct lcs *l, struct err *err)
{
	for (unsigned i = 3; i < c->argc; i++) {
		if (redis_arg_is(c->argv[i], "idx")) {
			l->ranges = true;
		} else if (redis_arg_is(c->argv[i], "len")) {
			l->length = true;
		} else if (redis_arg_is(c->argv[i], "withmatchlen")) {
			l->match_length = true;
		} else if (redis_arg_is(c->argv[i], "minmatchlen") && i + 1 < c->argc) {
			int rc = redis_arg_int(c->argv[++i], &l->at_least, err);
			if (rc < 0) {
				return rc;
			}
			l->at_least = l->at_least < 0 ? 0 : l->at_least;
		} else {
			return redis_syntax_error(err);
		}
	}
	return l->ranges && l->length
		       ? err_set(err, EINVAL,
				 "ERR If you want both the length and indexes, please just use "
				 "IDX.")
		       : 0;
}

static uint32_t *cell(const struct lcs *l, size_t i, size_t j)
{
	return &l->table[i * (l->b.n + 1) + j];
}

static int fill(struct lcs *l, struct err *err)
{
	uint64_t cells = 0;

	if (l->a.n >= UINT32_MAX - 1 || l->b.n >= UINT32_MAX - 1) {
		return err_set(err, EINVAL, "ERR String too long for LCS");
	}
	if (__builtin_mul_overflow((uint64_t)l->a.n + 1, (uint64_t)l->b.n + 1, &cells) ||
		cells > REDIS_STRING_MAX / sizeof(uint32_t)) {
		return err_set(err, EINVAL,
			"ERR Insufficient memory, transient memory for LCS exceeds "
			"proto-max-bulk-len");
	}
	l->table = calloc(cells, sizeof(uint32_t));
	if (l->table == NULL) {
		return err_set(err, EINVAL,
			"ERR Insufficient memory, failed allocating transient memory for LCS");
	}
	for (size_t i = 1; i <= l->a.n; i++) {
		for (size_t j = 1; j <= l->b.n; j++) {
			uint32_t up = *cell(l, i - 1, j);
			uint32_t left = *cell(l, i, j - 1);
			*cell(l, i, j) = l->a.p[i - 1] == l->b.p[j - 1] ? *cell(l, i - 1, j - 1) + 1
					 : up > left			? up
									: left;
		}
	}
	return 0;
}

static void reply_range(struct buf *out, size_t from, size_t to)
{
	redis_reply_array(out, 2);
	redis_reply_int(out, (int64_t)from);
	redis_reply_int(out, (int64_t)to);
}

static void end_match(struct lcs *l)
{
	size_t n = l->a_to - l->a_from + 1;

	if (!l->open) {
		return;
	}
	l->open = false;
	if (!l->ranges || (int64_t)n < l->at_least) {
		return;
	}
	redis_reply_array(&l->matches, l->match_length ? 3 : 2);
	reply_range(&l->matches, l->a_from, l->a_to);
	reply_range(&l->matches, l->b_from, l->b_to);
	if (l->match_length) {
		redis_reply_int(&l->matches, (int64_t)n);
	}
	l->n_matches++;
}

/* a[i] is b[j], and of the sequence. */
static void take(struct lcs *l, size_t i, size_t j)
{
	buf_putc(&l->text, l->a.p[i]);
	if (l->open && (l->a_from != i + 1 || l->b_from != j + 1)) {
		end_match(l);
	}
	if (!l->open) {
		l->open = true;
		l->a_to = i;
		l->b_to = j;
	}
	l->a_from = i;
	l->b_from = j;
}

static void follow_back(struct lcs *l)
{
	size_t i = l->a.n;
	size_t j = l->b.n;

	while (i > 0 && j > 0) {
		if (l->a.p[i - 1] == l->b.p[j - 1]) {
			take(l, --i, --j);
		} else if (*cell(l, i - 1, j) > *cell(l, i, j - 1)) {
			i--;
		} else {
			j--;
		}
	}
	end_match(l);
}

static void reply_text(struct redis_call *c, struct lcs *l)
{
	for (size_t i = 0, j = l->text.n; i + 1 < j; i++) {
		char swap = l->text.p[i];
		l->text.p[i] = l->text.p[--j];
		l->text.p[j] = swap;
	}
	redis_reply_bulk(c->out, buf_slice(&l->text));
}

static int answer(struct redis_call *c, struct lcs *l, struct err *err)
{
	int rc = fill(l, err);

	if (rc < 0) {
		return rc;
	}
	if (l->length) {
		redis_reply_int(c->out, *cell(l, l->a.n, l->b.n));
		return 0;
	}
	follow_back(l);
	rc = buf_check(&l->text, err);
	rc = rc < 0 ? rc : buf_check(&l->matches, err);
	if (rc < 0) {
		return rc;
	}
	if (!l->ranges) {
		reply_text(c, l);
		return 0;
	}
	redis_reply_array(c->out, 4);
	redis_reply_text(c->out, "matches");
	redis_reply_array(c->out, l->n_matches);
	buf_append_slice(c->out, buf_slice(&l->matches));
	redis_reply_text(c->out, "len");
	redis_reply_int(c->out, *cell(l, l->a.n, l->b.n));
	return 0;
}

static int get(struct redis_call *c, struct slice name, struct buf *value, struct err *err)
{
	struct redis_key key;
	struct err why = {0};
	int rc = redis_get(c, name, &key, value, &why);

	if (redis_is_fatal(rc)) {
		return err_set(err, why.code, "%s", why.msg);
	}
	return rc < 0 ? err_set(err, EINVAL, "ERR The specified keys must contain string values")
		      : 0;
}

int redis_run_lcs(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf a = BUF_INIT;
	CLEANUP(buf_free) struct buf b = BUF_INIT;
	struct lcs l = {0};
	int rc = get(c, c->argv[1], &a, err);

	rc = rc < 0 ? rc : get(c, c->argv[2], &b, err);
	rc = rc < 0 ? rc : parse(c, &l, err);
	l.a = buf_slice(&a);
	l.b = buf_slice(&b);
	rc = rc < 0 ? rc : answer(c, &l, err);
	free(l.table);
	buf_free(&l.text);
	buf_free(&l.matches);
	return rc;
}
