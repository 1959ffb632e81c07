#include "tests/unit/redis_said.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engines/cache/redis/command.h"
#include "engines/common/cleanup.h"

/* ---- words ---- */

#define WORDS_MAX 64

struct words {
	struct slice word[WORDS_MAX];
	unsigned n;
	struct buf bytes;
};

static void words_free(struct words *w)
{
	buf_free(&w->bytes);
}

static int hex(char c)
{
	return c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

static const char *quoted(const char *p, struct buf *out)
{
	for (; *p != '"'; p++) {
		ck_assert_msg(*p != '\0', "a quote is open");
		if (p[0] == '\\' && p[1] == 'x') {
			buf_putc(out, (char)(hex(p[2]) << 4 | hex(p[3])));
			p += 3;
		} else {
			buf_putc(out, *p);
		}
	}
	return p + 1;
}

static void split(const char *line, struct words *out)
{
	size_t end[WORDS_MAX];

	for (const char *p = line; *p != '\0';) {
		ck_assert_uint_lt(out->n, WORDS_MAX);
		if (*p == '"') {
			p = quoted(p + 1, &out->bytes);
		} else {
			while (*p != ' ' && *p != '\0') {
				buf_putc(&out->bytes, *p++);
			}
		}
		end[out->n++] = out->bytes.n;
		while (*p == ' ') {
			p++;
		}
	}
	for (unsigned i = 0; i < out->n; i++) {
		size_t begin = i == 0 ? 0 : end[i - 1];
		out->word[i] = slice_make(out->bytes.p + begin, end[i] - begin);
	}
}

/* ---- replies in short ---- */

enum order { AS_IT_IS, SORTED, PAIRS, ANY };

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void in_short(struct slice *rest, enum order order, struct buf *out);

static void bulk_in_short(struct slice text, struct buf *out)
{
	buf_putc(out, '"');
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		if (c < ' ' || c > '~' || c == '"' || c == '\\') {
			buf_printf(out, "\\x%02x", c);
		} else {
			buf_putc(out, (char)c);
		}
	}
	buf_putc(out, '"');
}

static void sorted_in_short(struct slice *rest, size_t n, size_t together, struct buf *out)
{
	size_t count = n / together;
	char **item = calloc(count + 1, sizeof(*item));

	for (size_t i = 0; i < count; i++) {
		struct buf one = BUF_INIT;
		for (size_t j = 0; j < together; j++) {
			buf_puts(&one, j > 0 ? " " : "");
			in_short(rest, AS_IT_IS, &one);
		}
		item[i] = strdup(buf_cstr(&one));
		buf_free(&one);
	}
	qsort(item, count, sizeof(*item), by_text);
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "%s%s", i > 0 ? " " : "", item[i]);
		free(item[i]);
	}
	free(item);
}

static void array_in_short(struct slice *rest, size_t n, enum order order, struct buf *out)
{
	buf_putc(out, '[');
	if (order == SORTED || order == PAIRS) {
		sorted_in_short(rest, n, order == PAIRS ? 2 : 1, out);
	} else {
		for (size_t i = 0; i < n; i++) {
			buf_puts(out, i > 0 ? " " : "");
			in_short(rest, order, out);
		}
	}
	buf_putc(out, ']');
}

static void in_short(struct slice *rest, enum order order, struct buf *out)
{
	struct redis_reply r;

	ck_assert(redis_reply_next(rest, &r));
	switch (r.kind) {
	case REDIS_REPLY_STATUS:
		buf_putc(out, '+');
		buf_append_slice(out, r.text);
		break;
	case REDIS_REPLY_ERROR:
		buf_putc(out, '-');
		buf_append_slice(out, r.text);
		break;
	case REDIS_REPLY_INT: buf_printf(out, "%lld", (long long)r.value); break;
	case REDIS_REPLY_BULK: bulk_in_short(r.text, out); break;
	case REDIS_REPLY_NIL: buf_puts(out, "nil"); break;
	case REDIS_REPLY_ARRAY: array_in_short(rest, (size_t)r.value, order, out); break;
	}
}

/* ---- our own ---- */

struct run {
	struct words *w;
	const struct redis_command *command;
	struct buf *reply;
};

static int run_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct run *r = arg;
	struct redis_call c = {.t = t, .argc = r->w->n, .argv = r->w->word, .out = r->reply};

	buf_clear(r->reply);
	return redis_command_run(&c, r->command, err);
}

void redis_command_line(struct redis_fixture *f, const char *line, struct buf *reply)
{
	CLEANUP(words_free) struct words w = {0};
	struct run r = {.w = &w, .reply = reply};

	split(line, &w);
	err_clear(&f->err);
	buf_clear(reply);
	if (redis_command_check(w.n, w.word, &r.command, &f->err) < 0) {
		redis_reply_error(reply, f->err.msg);
		return;
	}
	int rc = r.command->flags & REDIS_WRITE ? redis_fixture_write(f, run_fn, &r)
						: redis_fixture_read(f, run_fn, &r);
	ck_assert_msg(rc == 0, "%s: %s", line, f->err.msg);
}

const char *redis_says(struct redis_fixture *f, const char *line)
{
	CLEANUP(buf_free) struct buf reply = BUF_INIT;
	static struct buf text;

	redis_command_line(f, line, &reply);
	struct slice rest = buf_slice(&reply);
	buf_clear(&text);
	in_short(&rest, AS_IT_IS, &text);
	ck_assert_msg(rest.n == 0, "%s: more than one reply", line);
	return buf_cstr(&text);
}

/* ---- a server ---- */

struct server {
	char dir[SITE_MAX];
	pid_t pid;
	int fd;
};

static bool start(struct server *s)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	make_site(s->dir);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", s->dir);
	s->pid = fork();
	if (s->pid == 0) {
		ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
		execlp("redis-server", "redis-server", "--port", "0", "--unixsocket",
			address.sun_path, "--save", "", "--dir", s->dir, (char *)NULL);
		_exit(127);
	}
	s->fd = socket(AF_UNIX, SOCK_STREAM, 0);
	while (connect(s->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		int status;
		if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
			close(s->fd);
			remove_site(s->dir);
			return false;
		}
		usleep(10000);
	}
	return true;
}

static void stop(struct server *s)
{
	close(s->fd);
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	remove_site(s->dir);
}

/* Whether the reply that begins here is whole; *rest moves behind it. */
static bool is_whole(struct slice *rest)
{
	struct redis_reply r;

	if (!redis_reply_next(rest, &r)) {
		return false;
	}
	for (int64_t i = 0; r.kind == REDIS_REPLY_ARRAY && i < r.value; i++) {
		if (!is_whole(rest)) {
			return false;
		}
	}
	return true;
}

static void ask(const struct server *s, const char *line, struct buf *reply)
{
	CLEANUP(words_free) struct words w = {0};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	char piece[4096];

	split(line, &w);
	redis_reply_array(&text, w.n);
	for (unsigned i = 0; i < w.n; i++) {
		redis_reply_bulk(&text, w.word[i]);
	}
	ck_assert_int_eq(write(s->fd, text.p, text.n), (ssize_t)text.n);
	for (struct slice rest = {0}; !is_whole(&rest); rest = buf_slice(reply)) {
		ssize_t n = read(s->fd, piece, sizeof(piece));
		ck_assert_int_gt(n, 0);
		buf_append(reply, piece, (size_t)n);
	}
}

/* ---- files of cases ---- */

struct cases {
	struct redis_fixture *f; /* NULL: the server */
	const struct server *server;
	const char *name;
	unsigned line;
};

static void answer(const struct cases *c, const char *command, struct buf *reply)
{
	if (c->f != NULL) {
		redis_command_line(c->f, command, reply);
	} else {
		ask(c->server, command, reply);
	}
}

static int flush_fn(struct redis_txn *t, void *arg, struct err *err)
{
	(void)arg;
	return redis_keys_flush(t, err);
}

static void drop_keys(const struct cases *c)
{
	CLEANUP(buf_free) struct buf reply = BUF_INIT;

	if (c->f != NULL) {
		redis_fixture_check(c->f);
		redis_ok(c->f, redis_fixture_write(c->f, flush_fn, NULL));
	} else {
		ask(c->server, "flushall", &reply);
	}
}

static const char *behind(const char *text, const char *prefix)
{
	size_t n = strlen(prefix);
	return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

static enum order order_of(const char **command)
{
	static const char *const words[] = {[SORTED] = "sort ", [PAIRS] = "pairs ", [ANY] = "any "};

	for (enum order o = SORTED; o <= ANY; o++) {
		const char *rest = behind(*command, words[o]);
		if (rest != NULL) {
			*command = rest;
			return o;
		}
	}
	return AS_IT_IS;
}

static void check_line(const struct cases *c, char *line)
{
	CLEANUP(buf_free) struct buf reply = BUF_INIT;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	char *expected = strstr(line, " => ");
	const char *command = line;

	ck_assert_msg(expected != NULL, "%s line %u: no reply", c->name, c->line);
	*expected = '\0';
	expected += strlen(" => ");
	enum order order = order_of(&command);
	answer(c, command, &reply);
	struct slice rest = buf_slice(&reply);
	in_short(&rest, order, &text);
	ck_assert_msg(order == ANY || strcmp(buf_cstr(&text), expected) == 0,
		"%s line %u: %s => %s, not %s", c->name, c->line, command, buf_cstr(&text),
		expected);
}

static void check_file(struct cases *c)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	char path[256];

	snprintf(path, sizeof(path), "%s/tests/unit/%s", SOURCE_ROOT, c->name);
	ck_assert_msg(read_whole(path, &text), "%s", path);
	buf_putc(&text, '\0');
	for (char *p = text.p; *p != '\0';) {
		char *end = strchr(p, '\n');
		ck_assert_ptr_nonnull(end);
		*end = '\0';
		c->line++;
		if (*p == '\0') {
			drop_keys(c);
		} else if (*p != '#') {
			check_line(c, p);
		}
		p = end + 1;
	}
	drop_keys(c);
}

void redis_said_check(struct redis_fixture *f, const char *name)
{
	check_file(&(struct cases){.f = f, .name = name});
}

void redis_said_check_server(const char *name)
{
	struct server s = {.fd = -1};

	if (!start(&s)) {
		printf("no redis-server: %s is not checked against one\n", name);
		return;
	}
	check_file(&(struct cases){.server = &s, .name = name});
	stop(&s);
}
