/* Thousands of commands at random, sent to a real redis-server and to ours: each reply must be the
 * same, byte for byte but for the order that Redis leaves open, and so must what is stored in the
 * end. When one differs, the sequence is shrunk to what is needed for that, and shown.
 *
 *   SEED=7 ROUNDS=1000 build/tests/unit/test_redis_diff    other sequences, more of them
 *   EXEC=/mnt/cache/c/.exec.resp ...                       through a mounted cluster */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/cache/redis/session.h"
#include "engines/common/cleanup.h"
#include "tests/unit/random.h"
#include "tests/unit/redis_fixture.h"
#include "tests/unit/redis_peer.h"
#include "tests/unit/redis_random.h"
#include "tests/unit/stride.h"

#define LENGTH 80 /* commands of a round */
#define STATE  40 /* at most, that look at what is stored */

/* ---- what replies are compared by ---- */

enum order { EXACT, SORTED, PAIRS, SCANNED, SCANNED_PAIRS, NEARLY };

static const struct {
	const char *name;
	enum order order;
} orders[] = {{"smembers", SORTED}, {"sinter", SORTED}, {"sunion", SORTED}, {"sdiff", SORTED},
	{"hkeys", SORTED}, {"hvals", SORTED}, {"keys", SORTED}, {"spop", SORTED},
	{"srandmember", SORTED}, {"hrandfield", SORTED}, {"zrandmember", SORTED},
	{"hgetall", PAIRS}, {"scan", SCANNED}, {"sscan", SCANNED}, {"hscan", SCANNED_PAIRS},
	{"zscan", SCANNED_PAIRS}, {"ttl", NEARLY}, {"pttl", NEARLY}};

static enum order order_of(const struct random_command *c)
{
	struct slice name = random_word(c, 0);
	for (unsigned i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (redis_arg_is(name, orders[i].name)) {
			return orders[i].order;
		}
	}
	return EXACT;
}

static int by_bytes(const void *a, const void *b)
{
	return slice_compare(*(const struct slice *)a, *(const struct slice *)b);
}

/* `each` replies at a time are one element. */
static void sort_replies(struct slice rest, size_t n, size_t each, struct buf *out)
{
	struct slice *part = calloc(n / each + 1, sizeof(*part));
	size_t parts = 0;
	ck_assert_ptr_nonnull(part);
	for (size_t i = 0; i + each <= n; i += each) {
		size_t length = 0;
		for (size_t j = 0; j < each; j++) {
			length += reply_length(slice_make(rest.p + length, rest.n - length));
		}
		part[parts++] = slice_make(rest.p, length);
		rest = slice_make(rest.p + length, rest.n - length);
	}
	qsort(part, parts, sizeof(*part), by_bytes);
	for (size_t i = 0; i < parts; i++) {
		buf_append_slice(out, part[i]);
	}
	free(part);
}

/* The reply such that equal ones have the same text. */
static void canonical(struct slice reply, enum order order, struct buf *out)
{
	struct slice rest = reply;
	struct redis_reply head;
	ck_assert(redis_reply_next(&rest, &head));
	/* Lua 5.4 has its own words for what is wrong with a script */
	static const char compiling[] = "ERR Error compiling script";
	if (head.kind == REDIS_REPLY_ERROR &&
		strncmp(head.text.p, compiling, sizeof(compiling) - 1) == 0) {
		buf_puts(out, compiling);
		return;
	}
	if (order == NEARLY && head.kind == REDIS_REPLY_INT && head.value > 0) {
		buf_puts(out, "some time");
		return;
	}
	if (head.kind != REDIS_REPLY_ARRAY || order == EXACT || order == NEARLY) {
		buf_append_slice(out, reply);
		return;
	}
	if (order == SCANNED || order == SCANNED_PAIRS) {
		size_t cursor = reply_length(rest);
		buf_append(out, rest.p, cursor);
		canonical(slice_make(rest.p + cursor, rest.n - cursor),
			order == SCANNED ? SORTED : PAIRS, out);
		return;
	}
	buf_printf(out, "*%lld\r\n", (long long)head.value);
	sort_replies(rest, (size_t)head.value, order == PAIRS ? 2 : 1, out);
}

/* What a connection has queued, for the reply to EXEC. */
struct queued {
	enum order order[LENGTH + STATE];
	unsigned n;
};

static void canonical_exec(struct slice reply, const struct queued *q, struct buf *out)
{
	struct slice rest = reply;
	struct redis_reply head;
	ck_assert(redis_reply_next(&rest, &head));
	if (head.kind != REDIS_REPLY_ARRAY || head.value != (int64_t)q->n) {
		buf_append_slice(out, reply);
		return;
	}
	for (unsigned i = 0; i < q->n; i++) {
		size_t n = reply_length(rest);
		canonical(slice_make(rest.p, n), q->order[i], out);
		rest = slice_make(rest.p + n, rest.n - n);
	}
}

static void canonical_of(
	const struct random_command *c, struct slice reply, const struct queued *q, struct buf *out)
{
	if (redis_arg_is(random_word(c, 0), "exec")) {
		canonical_exec(reply, q, out);
	} else {
		canonical(reply, order_of(c), out);
	}
}

/* ---- a run ---- */

struct sequence {
	struct random_command command[LENGTH];
	unsigned n;
};

struct diff {
	struct peer real;
	struct peer ours;
	struct queued queued[2];
	unsigned at;	/* which command's replies differ */
	struct buf why; /* both replies */
};

static void note_queued(struct queued *q, const struct random_command *c, struct slice reply)
{
	struct slice name = random_word(c, 0);
	if (slice_is(reply, "+QUEUED\r\n")) {
		q->order[q->n++] = order_of(c);
	} else if (redis_arg_is(name, "exec") || redis_arg_is(name, "discard") ||
		   redis_arg_is(name, "multi")) {
		q->n = redis_arg_is(name, "multi") && reply.p[0] == '-' ? q->n : 0;
	}
}

/* True: both answer alike. */
static bool ask_both(struct diff *d, const struct random_command *c)
{
	CLEANUP(buf_free) struct buf real = BUF_INIT;
	CLEANUP(buf_free) struct buf ours = BUF_INIT;
	CLEANUP(buf_free) struct buf real_text = BUF_INIT;
	CLEANUP(buf_free) struct buf our_text = BUF_INIT;
	struct queued *q = &d->queued[c->connection];
	d->real.ask(&d->real, c->connection, buf_slice(&c->resp), &real);
	d->ours.ask(&d->ours, c->connection, buf_slice(&c->resp), &ours);
	ck_assert_msg(reply_length(buf_slice(&ours)) == ours.n, "%s: not one reply: %s",
		buf_cstr((struct buf *)&c->shown), buf_cstr(&ours));
	canonical_of(c, buf_slice(&real), q, &real_text);
	canonical_of(c, buf_slice(&ours), q, &our_text);
	note_queued(q, c, buf_slice(&real));
	if (slice_equal(buf_slice(&real_text), buf_slice(&our_text))) {
		return true;
	}
	buf_clear(&d->why);
	buf_puts(&d->why, "redis-server:\n");
	redis_reply_show(buf_slice(&real), &d->why);
	buf_puts(&d->why, "ours:\n");
	redis_reply_show(buf_slice(&ours), &d->why);
	return false;
}

/* Whether ours knows it; what it does not is another test's matter. */
static bool known(const struct random_command *c)
{
	struct slice name = random_word(c, 0);
	return redis_command_find(name) != NULL || redis_arg_is(name, "nosuch");
}

/* `format` has an @ for the key. */
static bool ask_words(struct diff *d, const char *format, const char *key)
{
	struct random_command c = {0};
	char words[128];
	const char *at = strchr(format, '@');
	snprintf(words, sizeof(words), "%.*s%s%s", (int)(at - format), format, key, at + 1);
	command_from(&c, words);
	bool same = !known(&c) || ask_both(d, &c);
	if (!same) {
		CLEANUP(buf_free) struct buf what = BUF_INIT;
		buf_printf(&what, "what is stored: %s\n", words);
		buf_append_slice(&what, buf_slice(&d->why));
		buf_clear(&d->why);
		buf_append_slice(&d->why, buf_slice(&what));
	}
	random_command_free(&c);
	return same;
}

/* All keys, their expiry, their content. */
static bool same_state(struct diff *d)
{
	static const char kinds[] = "klhszx";
	static const char *const looks[] = {"type @", "pexpiretime @"};
	static const char *const contents[] = {"get @", "lrange @ 0 -1", "hgetall @", "smembers @",
		"zrange @ 0 -1 withscores", "xrange @ - +", "xinfo groups @"};
	/* once it is looked at, one that has expired is gone there, too */
	bool same = ask_words(d, "get @", "gone") && ask_words(d, "pexpiretime @", "gone") &&
		    ask_words(d, "keys *@", "") && ask_words(d, "dbsize@", "");
	for (unsigned i = 0; i < 18 && same; i++) {
		char key[3] = {kinds[i / 3], (char)('0' + i % 3), '\0'};
		for (unsigned j = 0; j < 2 && same; j++) {
			same = ask_words(d, looks[j], key);
		}
		/* those of another type say WRONGTYPE, both */
		for (unsigned j = 0; j < 7 && same; j++) {
			same = ask_words(d, contents[j], key);
		}
	}
	return same;
}

static void both_anew(struct diff *d)
{
	struct random_command c = {0};
	d->real.anew(&d->real);
	d->ours.anew(&d->ours);
	d->queued[0].n = d->queued[1].n = 0;
	command_from(&c, "flushall");
	ck_assert_msg(ask_both(d, &c), "%s", buf_cstr(&d->why));
	command_from(&c, "script flush");
	ck_assert_msg(ask_both(d, &c), "%s", buf_cstr(&d->why));
	random_command_free(&c);
}

/* True: all replies are the same, and what is stored. */
static bool run(struct diff *d, const struct sequence *s)
{
	both_anew(d);
	for (d->at = 0; d->at < s->n; d->at++) {
		if (!ask_both(d, &s->command[d->at])) {
			return false;
		}
	}
	d->real.anew(&d->real); /* no MULTI is open */
	d->ours.anew(&d->ours);
	d->queued[0].n = d->queued[1].n = 0;
	return same_state(d);
}

/* ---- shrinking ---- */

static void leave_out(const struct sequence *s, unsigned from, unsigned n, struct sequence *out)
{
	out->n = 0;
	for (unsigned i = 0; i < s->n; i++) {
		if (i < from || i >= from + n) {
			out->command[out->n++] = s->command[i]; /* borrowed */
		}
	}
}

/* Leaves out what is not needed for a difference, in halves, quarters, .., one by one. */
static void shrink(struct diff *d, struct sequence *s)
{
	static struct sequence less;
	if (d->at < s->n) {
		s->n = d->at + 1;
	}
	for (unsigned step = (s->n + 1) / 2; step > 0; step /= 2) {
		for (unsigned from = 0; from < s->n;) {
			leave_out(s, from, step, &less);
			if (!run(d, &less)) {
				*s = less;
			} else {
				from += step;
			}
		}
	}
	run(d, s);
}

static void tell(struct diff *d, struct sequence *s, unsigned seed, unsigned round)
{
	shrink(d, s);
	fprintf(stderr, "SEED=%u, round %u:\n", seed, round);
	for (unsigned i = 0; i < s->n; i++) {
		fprintf(stderr, "  %u: %s\n", s->command[i].connection,
			buf_cstr(&s->command[i].shown));
	}
	fprintf(stderr, "%s", buf_cstr(&d->why));
}

/* ---- the test ---- */

static unsigned setting(const char *name, unsigned otherwise)
{
	const char *text = getenv(name);
	return text != NULL ? (unsigned)strtoul(text, NULL, 10) : otherwise;
}

static void compare(struct diff *d)
{
	static struct sequence made;
	static struct sequence s;
	unsigned seed = setting("SEED", 1);
	unsigned n = setting("ROUNDS", rounds(100));
	unsigned differ = 0;
	for (unsigned round = 0; round < n; round++) {
		rng_seed(seed * 1000003 + round);
		for (unsigned i = 0; i < LENGTH; i++) {
			do {
				random_command(&made.command[i]);
			} while (!known(&made.command[i]));
		}
		made.n = LENGTH;
		s = made;
		if (!run(d, &s)) {
			tell(d, &s, seed, round);
			differ++;
		}
		if (differ >= setting("DIFFER", 1)) {
			break;
		}
	}
	for (unsigned i = 0; i < LENGTH; i++) {
		random_command_free(&made.command[i]);
	}
	memset(&made, 0, sizeof(made));
	ck_assert_msg(differ == 0, "%u sequences differ, SEED=%u", differ, seed);
}

START_TEST(test_replies_and_data_are_those_of_redis_server)
{
	struct redis_fixture f;
	struct redis_server *server = NULL;
	struct diff d = {0};
	const char *path = getenv("EXEC");
	redis_fixture_start(&f);
	struct redis_server_config config = {.db = f.db, .limits = &f.limits};
	redis_ok(&f, redis_server_open(&config, &server, &f.err));
	peer_real(&d.real, f.dir);
	if (path != NULL) {
		peer_mounted(&d.ours, path);
	} else {
		peer_ours(&d.ours, server);
	}
	compare(&d);
	d.ours.close(&d.ours);
	d.real.close(&d.real);
	buf_free(&d.why);
	redis_server_close(server);
	redis_fixture_end(&f);
}
END_TEST

int main(void)
{
	if (!peer_real_installed()) {
		printf("skip - redis_diff: redis-server is not installed\n");
		return 77;
	}
	Suite *s = suite_create("redis_diff");
	TCase *c = tcase_create("redis_diff");
	tcase_set_timeout(c, 600);
	tcase_add_test(c, test_replies_and_data_are_those_of_redis_server);
	suite_add_tcase(s, c);
	return run_suite(s);
}
