/* The protocol of a Memcached-like cluster against a real memcached on a Unix socket: thousands of
 * random commands, good and bad ones, one after the other, must get the same replies. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/cache/memcached/items.h"
#include "engines/common/clock.h"
#include "tests/unit/fixture.h"
#include "tests/unit/random.h"

#define COMMANDS 20000

/* ---- the real one ---- */

static char site[SITE_MAX];
static pid_t server = -1;
static int peer = -1;

static void start_server(void)
{
	char path[SITE_MAX + 16];
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	make_site(site);
	snprintf(path, sizeof(path), "%s/socket", site);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", path);
	/* What its threads for the list of use hold of an item shows in incr, at times. */
	server = fork();
	if (server == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails does not stop it */
		execlp("memcached", "memcached", "-u", "root", "-s", path, "-m", "64",
			(char *)NULL);
		_exit(127);
	}
	for (unsigned tries = 0; tries < 3000; tries++) {
		peer = socket(AF_UNIX, SOCK_STREAM, 0);
		if (connect(peer, (const struct sockaddr *)&to, sizeof(to)) == 0) {
			return;
		}
		close(peer);
		peer = -1;
		if (waitpid(server, NULL, WNOHANG) == server) {
			server = -1;
			break;
		}
		usleep(10000);
	}
}

static void stop_server(void)
{
	if (peer >= 0) {
		close(peer);
	}
	if (server > 0) {
		kill(server, SIGTERM);
		waitpid(server, NULL, 0);
	}
	remove_site(site);
}

/* Ends each text, to know where its replies end. What comes before may take the first bytes of it
 * for the end of a value. */
static unsigned n_marks;

static void add_mark(struct buf *out)
{
	buf_printf(out, "\r\nset ~mark 0 0 8 noreply\r\n%08u\r\nget ~mark\r\n", n_marks);
}

static bool ends_with_mark(const struct buf *b)
{
	char reply[64];
	size_t n = (size_t)snprintf(
		reply, sizeof(reply), "VALUE ~mark 0 8\r\n%08u\r\nEND\r\n", n_marks);

	return b->n >= n && memcmp(b->p + b->n - n, reply, n) == 0;
}

static void ask_server(struct slice text, struct buf *out)
{
	while (text.n > 0) {
		ssize_t n = write(peer, text.p, text.n);
		ck_assert_int_gt(n, 0);
		text = slice_make(text.p + n, text.n - (size_t)n);
	}
	while (!ends_with_mark(out)) {
		char piece[65536];
		ssize_t n = read(peer, piece, sizeof(piece));
		ck_assert_int_gt(n, 0);
		buf_append(out, piece, (size_t)n);
	}
}

/* ---- random sequences ---- */

static unsigned below(unsigned n)
{
	return (unsigned)rng() % n;
}

static const char *pick_of(const char *const *words, unsigned n)
{
	return words[below(n)];
}
#define PICK(...)                                                                                  \
	pick_of((const char *const[]){__VA_ARGS__},                                                \
		sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static char long_key[252];

static const char *some_key(void)
{
	return below(40) == 0 ? long_key + below(3)
			      : PICK("a", "b", "c", "d", "n", "m", "key-5", "\xc3\xa9");
}

static const char *some_number(void)
{
	return PICK("0", "1", "2", "7", "10", "99", "18446744073709551615", "18446744073709551614",
		"9999999999", "1", "5", "-1", "x", "", "1x", "+3", "0018");
}

static const char *some_time(void)
{
	return below(12) == 0 ? PICK("x", "1.5", "", "0x1")
			      : PICK("0", "0", "0", "-1", "2592000", "1000", "2000000000");
}

static const char *some_flags(void)
{
	return below(20) == 0 ? PICK("x", "-1", "1x", "")
			      : PICK("0", "0", "1", "5", "65536", "4294967295");
}

static const char *maybe_noreply(void)
{
	unsigned n = below(12);

	return n == 0 ? " noreply" : n == 1 ? " foo" : n == 2 ? " noreply x" : "";
}

/* Never nothing but white space, no number from 2^63 on: memcached reads on behind such a value
 * when it looks for a number or its sign. */
static void some_value(struct buf *out)
{
	static const char letters[] = "abc xyz";
	unsigned kind = below(4);

	if (kind < 2) {
		buf_puts(out, PICK("0", "1", "10", "99", "100", "9223372036854775806", " 5", "5 ",
				      "-1", "+4", "1 2", "1x", "7", "007"));
		return;
	}
	buf_putc(out, 'v');
	for (unsigned n = below(kind == 2 ? 20 : 300); n > 0; n--) {
		buf_putc(out, letters[below(sizeof(letters) - 1)]);
	}
}

/* Last cas seen of any item, in each of the two. */
static uint64_t last_real, last_ours;

static void add_store(struct buf *real, struct buf *ours)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	const char *verb = PICK("set", "set", "set", "add", "replace", "append", "prepend", "cas");
	const char *key = some_key();
	const char *flags = some_flags();
	const char *time = some_time();
	const char *noreply = maybe_noreply();
	bool cas = strcmp(verb, "cas") == 0;
	bool known = below(3) > 0;
	long off = below(25) == 0 ? 1 : 0;

	some_value(&value);
	for (int i = 0; i < 2; i++) {
		struct buf *to = i == 0 ? real : ours;
		buf_printf(to, "%s %s %s %s %zu", verb, key, flags, time, value.n + (size_t)off);
		if (cas) {
			buf_printf(to, " %llu",
				(unsigned long long)(!known   ? 3
						     : i == 0 ? last_real
							      : last_ours));
		}
		buf_printf(to, "%s\r\n", noreply);
		buf_append_slice(to, buf_slice(&value));
		buf_puts(to, "\r\n");
	}
}

/* Whether memcached writes a number over the old one, with spaces behind it, or makes a new item
 * for it depends on who else refers to the item at that moment (its own threads, too). So what is
 * there is compared without the spaces, and both go on from one value. */
static bool loose;

static void add_sum(struct buf *real, struct buf *ours)
{
	const char *key = some_key();
	char line[1200];

	snprintf(line, sizeof(line), "%s %s %s%s\r\nget %s\r\n", PICK("incr", "decr"), key,
		some_number(), maybe_noreply(), key[0] == 'k' ? "a" : key);
	buf_puts(real, line);
	buf_puts(ours, line);
	snprintf(line, sizeof(line), "replace %s 7 0 2 noreply\r\n42\r\n", key);
	buf_puts(real, strlen(key) > MC_KEY_MAX ? "" : line);
	buf_puts(ours, strlen(key) > MC_KEY_MAX ? "" : line);
	loose = true;
}

static void add_both(struct buf *real, struct buf *ours, const char *line)
{
	buf_puts(real, line);
	buf_puts(ours, line);
}

static void add_command(struct buf *real, struct buf *ours)
{
	char line[2048];

	switch (below(16)) {
	case 0:
	case 1:
	case 2:
	case 3:
	case 4: add_store(real, ours); return;
	case 5:
	case 6: add_sum(real, ours); return;
	case 7:
		snprintf(line, sizeof(line), "delete %s%s%s\r\n", some_key(),
			PICK("", "", "", " 0", " 1"), maybe_noreply());
		break;
	case 8:
		snprintf(line, sizeof(line), "touch %s %s%s\r\n", some_key(), some_time(),
			maybe_noreply());
		break;
	case 9:
		snprintf(line, sizeof(line), "%s %s %s %s\r\n", PICK("gat", "gats"), some_time(),
			some_key(), some_key());
		break;
	case 10:
		snprintf(line, sizeof(line), "%s",
			PICK("flush_all\r\n", "flush_all 0\r\n", "flush_all x\r\n",
				"flush_all noreply\r\n", "verbosity 1\r\n", "verbosity\r\n",
				"version\r\n", "\r\n", "x\r\n", "xx\r\n", "GET a\r\n", "get\r\n",
				"set a\r\n", "set a 0 0\r\n", "incr a\r\n", "touch a\r\n",
				"gat\r\n", "gat 0\r\n", "delete\r\n", "cas a 0 0 1\r\n",
				"stats foo\r\n", " get a\r\n", "get  b \r\n", "get a\n",
				"bget b\r\n", "set a 0 0 -1\r\n", "set a 0 0 x\r\n",
				"verbosity x\r\n"));
		break;
	default:
		snprintf(line, sizeof(line), "%s %s %s %s\r\n", PICK("get", "gets", "gets"),
			some_key(), some_key(), some_key());
		break;
	}
	add_both(real, ours, line);
}

/* ---- comparing ---- */

/* Cas numbers are each server's own: replaced by the order in which they were first seen, which
 * must be the same one. */
struct seen {
	uint64_t cas[4096];
	unsigned n;
};

static unsigned order_of(struct seen *s, uint64_t cas)
{
	for (unsigned i = 0; i < s->n; i++) {
		if (s->cas[i] == cas) {
			return i;
		}
	}
	ck_assert_uint_lt(s->n, 4096);
	s->cas[s->n] = cas;
	return s->n++;
}

static void plain(struct slice text, struct seen *seen, uint64_t *last, struct buf *out)
{
	while (text.n > 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end != NULL ? (size_t)(end - text.p) + 1 : text.n;
		char key[300];
		unsigned flags;
		size_t bytes;
		unsigned long long cas;
		char line[400];
		snprintf(line, sizeof(line), "%.*s", (int)(n < 399 ? n : 399), text.p);
		if (n < 399 &&
			sscanf(line, "VALUE %299s %u %zu %llu", key, &flags, &bytes, &cas) == 4) {
			*last = cas;
			buf_printf(out, "VALUE %s %u %zu #%u\r\n", key, flags, bytes,
				order_of(seen, cas));
		} else if (loose && sscanf(line, "VALUE %299s %u", key, &flags) == 2) {
			buf_printf(out, "VALUE %s %u\r\n", key, flags);
		} else {
			size_t stop = n;
			while (loose && stop > 2 && text.p[stop - 3] == ' ') {
				stop--;
			}
			buf_append(out, text.p, stop == n ? n : stop - 2);
			buf_puts(out, stop == n ? "" : "\r\n");
		}
		text = slice_make(text.p + n, text.n - n);
	}
}

/* In pieces of any size. */
static void ask_ours(struct mc_session *s, struct slice text, struct buf *out)
{
	struct err err = {0};

	while (text.n > 0) {
		size_t n = 1 + below(text.n > 200 ? 200 : (unsigned)text.n);
		n = n > text.n ? text.n : n;
		ck_assert_int_eq(mc_session_feed(s, slice_make(text.p, n), &err), 0);
		ck_assert_msg(mc_session_run(s, false, out, &err) == 0, "%s", err.msg);
		text = slice_make(text.p + n, text.n - n);
	}
}

static struct seen seen_real;
static struct seen seen_ours;
static unsigned seed_used;

/* One command a round trip: memcached reads ahead, and an item that a reply under way still refers
 * to is treated differently (incr makes a new one then). */
static void compare_one(struct mc_session *s, unsigned i)
{
	CLEANUP(buf_free) struct buf real = BUF_INIT;
	CLEANUP(buf_free) struct buf ours = BUF_INIT;
	CLEANUP(buf_free) struct buf said_real = BUF_INIT;
	CLEANUP(buf_free) struct buf said_ours = BUF_INIT;
	CLEANUP(buf_free) struct buf left = BUF_INIT;
	CLEANUP(buf_free) struct buf right = BUF_INIT;

	n_marks++;
	loose = false;
	add_command(&real, &ours);
	add_mark(&real);
	add_mark(&ours);
	ask_server(buf_slice(&real), &said_real);
	ask_ours(s, buf_slice(&ours), &said_ours);
	plain(buf_slice(&said_real), &seen_real, &last_real, &left);
	plain(buf_slice(&said_ours), &seen_ours, &last_ours, &right);
	ck_assert_msg(slice_equal(buf_slice(&left), buf_slice(&right)),
		"seed %u, command %u:\n%s\n--- memcached:\n%s\n--- ours:\n%s\n", seed_used, i,
		buf_cstr(&ours), buf_cstr(&left), buf_cstr(&right));
}

START_TEST(test_replies_are_those_of_memcached)
{
	struct memcached_config config = {"test", 64 << 20, 1 << 20, {0}};
	struct memcached *m;
	struct err err = {0};

	start_server();
	if (peer < 0) {
		printf("# no memcached to compare with\n");
		stop_server();
		return;
	}
	memset(long_key, 'k', 251);
	const char *seed = getenv("SEED");
	seed_used = seed != NULL ? (unsigned)strtoul(seed, NULL, 10) : 20261123;
	rng_seed(seed_used);
	ck_assert_int_eq(memcached_open(&config, &m, &err), 0);
	struct mc_session *s = mc_session_new(m);
	for (unsigned i = 0; i < COMMANDS; i++) {
		if (i % 1000 == 0) {
			seen_real.n = 0;
			seen_ours.n = 0;
		}
		compare_one(s, i);
	}
	mc_session_free(s);
	memcached_close(m);
	stop_server();
}
END_TEST

/* Where the server draws the line between what it takes and what is too large. */
START_TEST(test_the_largest_value_is_that_of_memcached)
{
	static const size_t keys[] = {1, 10, 250};
	struct memcached_config config = {"test", 64 << 20, 1 << 20, {0}};
	struct memcached *m;
	struct err err = {0};

	start_server();
	if (peer < 0) {
		printf("# no memcached to compare with\n");
		stop_server();
		return;
	}
	ck_assert_int_eq(memcached_open(&config, &m, &err), 0);
	struct mc_session *s = mc_session_new(m);
	for (unsigned i = 0; i < 24; i++) {
		CLEANUP(buf_free) struct buf text = BUF_INIT;
		CLEANUP(buf_free) struct buf said_real = BUF_INIT;
		CLEANUP(buf_free) struct buf said_ours = BUF_INIT;
		size_t n_key = keys[i % 3];
		bool flags = i % 2 == 0;
		size_t n = 1048517 - n_key - (flags ? 4 : 0) + i / 6 - 1;
		buf_printf(&text, "set %.*s 1 0 1\r\nx\r\nset %.*s %d 0 %zu\r\n", (int)n_key,
			long_key, (int)n_key, long_key, flags ? 9 : 0, n);
		size_t at = text.n;
		buf_resize(&text, at + n);
		memset(text.p + at, 'v', n);
		buf_printf(&text, "\r\nappend %.*s 0 0 2\r\nab\r\nget %.*s\r\n", (int)n_key,
			long_key, (int)n_key, long_key);
		n_marks++;
		add_mark(&text);
		ask_server(buf_slice(&text), &said_real);
		ck_assert_int_eq(mc_session_feed(s, buf_slice(&text), &err), 0);
		ck_assert_int_eq(mc_session_run(s, false, &said_ours, &err), 0);
		ck_assert_msg(slice_equal(buf_slice(&said_real), buf_slice(&said_ours)),
			"key %zu, %zu bytes: memcached %zu bytes, ours %zu bytes", n_key, n,
			said_real.n, said_ours.n);
	}
	mc_session_free(s);
	memcached_close(m);
	stop_server();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("memcached_diff");
	TCase *tc = tcase_create("all");

	memset(long_key, 'k', 251);
	tcase_set_timeout(tc, 100);
	tcase_add_test(tc, test_replies_are_those_of_memcached);
	tcase_add_test(tc, test_the_largest_value_is_that_of_memcached);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
