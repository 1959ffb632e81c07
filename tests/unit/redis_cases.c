#include "tests/unit/redis_cases.h"

#include <check.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/clock.h"

#define WORDS_MAX 32

/* ---- words ---- */

struct words {
	unsigned n;
	struct slice word[WORDS_MAX];
	char room[512];
	size_t used;
};

/* In place of ck_assert(), which needs memory. */
static void must(bool holds)
{
	if (!holds) {
		abort();
	}
}

static unsigned hex(char c)
{
	return isdigit((unsigned char)c) ? (unsigned)(c - '0')
					 : (unsigned)(tolower((unsigned char)c) - 'a') + 10;
}

/* Behind a backslash; how many bytes of the text it takes. */
static size_t unescape(const char *p, char *out)
{
	if (p[0] == 'x') {
		*out = (char)(hex(p[1]) * 16 + hex(p[2]));
		return 3;
	}
	*out = p[0] == 'n' ? '\n' : p[0] == 't' ? '\t' : p[0] == 'r' ? '\r' : p[0];
	return 1;
}

static const char *take_word(struct words *w, const char *p)
{
	bool quoted = *p == '"';
	char *start = w->room + w->used;
	size_t n = 0;

	for (p += quoted; *p != '\0' && (quoted ? *p != '"' : *p != ' ');) {
		must(w->used + n + 1 < sizeof(w->room));
		if (quoted && *p == '\\') {
			p++;
			p += unescape(p, &start[n++]);
		} else {
			start[n++] = *p++;
		}
	}
	must(w->n < WORDS_MAX);
	w->word[w->n++] = slice_make(start, n);
	w->used += n;
	return p + quoted;
}

static void split(const char *line, struct words *w)
{
	w->n = 0;
	w->used = 0;
	while (*line != '\0') {
		line = *line == ' ' ? line + 1 : take_word(w, line);
	}
}

/* ---- one command ---- */

struct run {
	const struct words *w;
	struct buf *out;
	const struct redis_command *command;
	const struct redis_hooks *hooks; /* may be NULL */
	int64_t now_ms;			 /* 0: by the clock */
};

static int run_fn(struct redis_txn *t, void *arg, struct err *err)
{
	const struct run *r = arg;
	struct redis_call c = {.t = t, .argc = r->w->n, .argv = r->w->word, .out = r->out};

	buf_clear(r->out);
	t->now_ms = r->now_ms != 0 ? r->now_ms : t->now_ms;
	if (r->hooks != NULL) {
		r->hooks->before(t, r->hooks->arg);
	}
	int rc = redis_command_run(&c, r->command, err);
	if (r->hooks != NULL) {
		r->hooks->after(t, r->hooks->arg);
	}
	return rc;
}

int redis_try(struct redis_fixture *f, const char *line, const struct redis_hooks *hooks)
{
	struct buf out = BUF_INIT;
	struct words w;
	struct run r = {.w = &w, .out = &out, .hooks = hooks};

	split(line, &w);
	redis_ok(f, redis_command_check(w.n, w.word, &r.command, &f->err));
	int rc = r.command->flags & REDIS_WRITE ? redis_fixture_write(f, run_fn, &r)
						: redis_fixture_read(f, run_fn, &r);
	buf_free(&out);
	return rc;
}

int redis_try_quietly(
	struct redis_fixture *f, const char *line, const struct redis_hooks *hooks, struct err *err)
{
	struct buf out = BUF_INIT;
	struct words w;
	struct run r = {.w = &w, .out = &out, .hooks = hooks};

	split(line, &w);
	int rc = redis_command_check(w.n, w.word, &r.command, err);
	if (rc == 0) {
		rc = r.command->flags & REDIS_WRITE ? redis_write(f->db, run_fn, &r, err)
						    : redis_read(f->db, run_fn, &r, err);
	}
	buf_free(&out);
	return rc;
}

static struct buf *answer(struct redis_fixture *f, const char *line, int64_t now_ms)
{
	static struct buf out;
	struct words w;
	struct run r = {.w = &w, .out = &out, .now_ms = now_ms};
	struct err refused = {0};

	split(line, &w);
	buf_clear(&out);
	if (redis_command_check(w.n, w.word, &r.command, &refused) < 0) {
		redis_reply_error(&out, refused.msg);
		return &out;
	}
	if (r.command->flags & REDIS_WRITE) {
		redis_ok(f, redis_fixture_write(f, run_fn, &r));
	} else {
		redis_ok(f, redis_fixture_read(f, run_fn, &r));
	}
	return &out;
}

const char *redis_answer_resp(struct redis_fixture *f, const char *line)
{
	return buf_cstr(answer(f, line, 0));
}

static const char *answer_at(struct redis_fixture *f, const char *line, int64_t now_ms)
{
	static struct buf shown;

	buf_clear(&shown);
	redis_reply_show(buf_slice(answer(f, line, now_ms)), &shown);
	return buf_cstr(&shown);
}

const char *redis_answer(struct redis_fixture *f, const char *line)
{
	return answer_at(f, line, 0);
}

/* ---- files ---- */

/* Up to the next command or remark. */
static const char *expected(const char *p, struct buf *out)
{
	buf_clear(out);
	while (*p != '\0' && strncmp(p, "> ", 2) != 0 && *p != '#') {
		size_t n = strcspn(p, "\n") + 1;
		buf_append(out, p, n);
		p += n;
	}
	return p;
}

static void trim_empty_lines(struct buf *b)
{
	size_t n = 0;
	for (size_t i = 0; i < b->n; i++) {
		if (b->p[i] != '\n' || (n > 0 && b->p[n - 1] != '\n')) {
			b->p[n++] = b->p[i];
		}
	}
	b->n = n;
}

/* All at the same moment: a TTL is what it was recorded to be, however long the machine takes. */
void redis_cases(struct redis_fixture *f, const char *file, bool (*skip)(const char *line))
{
	int64_t now_ms = clock_wall_ns() / 1000000;
	struct buf text = BUF_INIT;
	struct buf want = BUF_INIT;
	struct buf got = BUF_INIT;
	char path[512];
	char line[512];

	snprintf(path, sizeof(path), "%s/tests/data/redis/%s", SOURCE_ROOT, file);
	ck_assert_msg(read_whole(path, &text), "%s", path);
	unsigned n = 0;
	for (const char *p = buf_cstr(&text); *p != '\0';) {
		size_t length = strcspn(p, "\n");
		snprintf(line, sizeof(line), "%.*s", (int)length, p);
		p += length + (p[length] == '\n');
		if (strncmp(line, "> ", 2) != 0) {
			continue;
		}
		p = expected(p, &want);
		buf_clear(&got);
		buf_puts(&got, answer_at(f, line + 2, now_ms));
		trim_empty_lines(&got);
		if (skip == NULL || !skip(line + 2)) {
			ck_assert_msg(slice_equal(buf_slice(&got), buf_slice(&want)),
				"%s: %s\nanswered:\n%s\ninstead of:\n%s", file, line,
				buf_cstr(&got), buf_cstr(&want));
			n++;
		}
	}
	ck_assert_uint_gt(n, 0);
	buf_free(&text);
	buf_free(&want);
	buf_free(&got);
}
