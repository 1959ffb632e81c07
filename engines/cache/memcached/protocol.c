/* The text protocol of memcached 1.6: bytes in, replies out, as a connection has them.
 *
 * One thing is more lenient than the server: behind a command whose line ends in a line feed alone,
 * as a shell's echo writes it, the value may end so, too. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/memcached/items.h"

#define LINE_MAX_BYTES ((size_t)64 << 10)
#define WORDS_MAX      24 /* of a command; keys of get go on behind them */

struct mc_session {
	struct memcached *m;
	struct buf in;
	size_t at; /* what lies before is done */
	bool quit;
	bool bare; /* the last line ended in a line feed alone */
	/* A value is awaited. */
	bool storing;
	enum mc_mode mode;
	bool noreply;
	struct buf key;
	uint32_t flags;
	int64_t exptime;
	uint64_t cas;
	size_t n_value;
	size_t swallow; /* bytes of a value that is not taken */
};

struct mc_session *mc_session_new(struct memcached *m)
{
	struct mc_session *s = calloc(1, sizeof(*s));

	if (s != NULL) {
		s->m = m;
	}
	return s;
}

void mc_session_free(struct mc_session *s)
{
	if (s != NULL) {
		buf_free(&s->in);
		buf_free(&s->key);
		free(s);
	}
}

/* ---- words ---- */

/* A command line, split at spaces. */
struct words {
	unsigned n;
	struct slice word[WORDS_MAX];
	struct slice rest; /* behind them */
	bool noreply;
	struct buf *out;
};

static bool next_word(struct slice *rest, struct slice *word)
{
	size_t i = 0;

	while (i < rest->n && rest->p[i] == ' ') {
		i++;
	}
	size_t first = i;
	while (i < rest->n && rest->p[i] != ' ') {
		i++;
	}
	*word = slice_make(rest->p + first, i - first);
	*rest = slice_make(rest->p + i, rest->n - i);
	return word->n > 0;
}

static void split(struct slice line, struct words *w)
{
	w->n = 0;
	w->rest = line;
	while (w->n < WORDS_MAX && next_word(&w->rest, &w->word[w->n])) {
		w->n++;
	}
	w->noreply = false;
}

/* The last word says whether an answer is wanted. */
static void look_for_noreply(struct words *w)
{
	w->noreply = w->n > 0 && slice_is(w->word[w->n - 1], "noreply");
}

static void say(const struct words *w, const char *text)
{
	if (!w->noreply) {
		buf_puts(w->out, text);
		buf_puts(w->out, "\r\n");
	}
}

static const char bad_format[] = "CLIENT_ERROR bad command line format";

static bool parse_unsigned(struct slice text, uint64_t max, uint64_t *out)
{
	size_t i = text.n > 1 && text.p[0] == '+' ? 1 : 0;
	uint64_t n = 0;

	for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
		unsigned digit = (unsigned)(text.p[i] - '0');
		if (n > (max - digit) / 10) {
			return false;
		}
		n = 10 * n + digit;
	}
	*out = n;
	return text.n > 0 && i == text.n;
}

static bool parse_time(struct slice text, int64_t *out)
{
	bool minus = text.n > 1 && text.p[0] == '-';
	uint64_t n;

	if (minus) {
		text = slice_make(text.p + 1, text.n - 1);
	}
	if ((minus && text.p[0] == '+') || !parse_unsigned(text, INT64_MAX, &n)) {
		return false;
	}
	*out = minus ? -(int64_t)n : (int64_t)n;
	return true;
}

/* ---- get ---- */

static void print_value(const struct words *w, struct slice key, struct slice value,
	const struct mc_info *info, bool cas)
{
	buf_puts(w->out, "VALUE ");
	buf_append_slice(w->out, key);
	buf_printf(w->out, " %u %zu", info->flags, value.n);
	if (cas) {
		buf_printf(w->out, " %llu", (unsigned long long)info->cas);
	}
	buf_puts(w->out, "\r\n");
	buf_append_slice(w->out, value);
	buf_puts(w->out, "\r\n");
}

struct getting {
	bool cas;
	bool touch;
	int64_t expires_ms;
	size_t out_at; /* where the reply begins */
};

static bool get_one(
	struct mc_session *s, struct words *w, const struct getting *g, struct slice key)
{
	CLEANUP(buf_free) struct buf value = BUF_INIT;
	struct mc_info info;

	if (key.n > MC_KEY_MAX) {
		w->out->n = g->out_at;
		say(w, bad_format);
		return false;
	}
	bool there = g->touch ? mc_touch(s->m, key, g->expires_ms, &value, &info)
			      : mc_get(s->m, key, true, &value, &info);
	if (there) {
		print_value(w, key, buf_slice(&value), &info, g->cas);
		w->out->failed |= value.failed;
	}
	return true;
}

static void get_all(struct mc_session *s, struct words *w, unsigned first, const struct getting *g)
{
	struct slice key;

	for (unsigned i = first; i < w->n; i++) {
		if (!get_one(s, w, g, w->word[i])) {
			return;
		}
	}
	while (next_word(&w->rest, &key)) {
		if (!get_one(s, w, g, key)) {
			return;
		}
	}
	say(w, "END");
}

static void run_get(struct mc_session *s, struct words *w)
{
	struct getting g = {.cas = slice_is(w->word[0], "gets"), .out_at = w->out->n};

	get_all(s, w, 1, &g);
}

static void run_gat(struct mc_session *s, struct words *w)
{
	struct getting g = {
		.cas = slice_is(w->word[0], "gats"), .touch = true, .out_at = w->out->n};
	int64_t exptime;

	if (!parse_time(w->word[1], &exptime)) {
		say(w, "CLIENT_ERROR invalid exptime argument");
		return;
	}
	g.expires_ms = mc_expires_ms(exptime);
	get_all(s, w, 2, &g);
}

/* ---- set and its like ---- */

static bool storing_words(struct mc_session *s, const struct words *w)
{
	uint64_t flags;
	uint64_t n;

	if (w->word[1].n > MC_KEY_MAX || !parse_unsigned(w->word[2], UINT32_MAX, &flags) ||
		!parse_time(w->word[3], &s->exptime) ||
		!parse_unsigned(w->word[4], INT32_MAX - 2, &n) ||
		(s->mode == MC_CAS && !parse_unsigned(w->word[5], UINT64_MAX, &s->cas))) {
		return false;
	}
	s->flags = (uint32_t)flags;
	s->n_value = (size_t)n;
	return true;
}

static void begin_storing(struct mc_session *s, struct words *w, enum mc_mode mode)
{
	s->mode = mode;
	look_for_noreply(w);
	if (!storing_words(s, w)) {
		say(w, bad_format);
		return;
	}
	if (!mc_fits(s->m, w->word[1].n, s->n_value, s->flags)) {
		mc_count(s->m, MC_TOO_LARGE);
		/* Nobody is to read an old value for the one that was not taken. */
		if (mode == MC_SET) {
			mc_delete(s->m, w->word[1], 0);
		}
		say(w, "SERVER_ERROR object too large for cache");
		s->swallow = s->n_value + 2;
		return;
	}
	buf_clear(&s->key);
	buf_append_slice(&s->key, w->word[1]);
	s->noreply = w->noreply;
	s->storing = true;
}

static void run_set(struct mc_session *s, struct words *w)
{
	static const struct {
		const char *name;
		enum mc_mode mode;
	} modes[] = {{"set", MC_SET}, {"add", MC_ADD}, {"replace", MC_REPLACE},
		{"append", MC_APPEND}, {"prepend", MC_PREPEND}, {"cas", MC_CAS}};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (slice_is(w->word[0], modes[i].name)) {
			begin_storing(s, w, modes[i].mode);
		}
	}
}

static const char *const stored_texts[] = {
	[MC_STORED] = "STORED",
	[MC_NOT_STORED] = "NOT_STORED",
	[MC_EXISTS] = "EXISTS",
	[MC_NOT_FOUND] = "NOT_FOUND",
	[MC_TOO_BIG] = "SERVER_ERROR object too large for cache",
	[MC_NO_MEMORY] = "SERVER_ERROR out of memory storing object",
};

/* The value has come. False: not yet. */
static bool store_value(struct mc_session *s, bool last, struct buf *out)
{
	struct words w = {.noreply = s->noreply, .out = out};
	const char *p = s->in.p + s->at;
	size_t there = s->in.n - s->at;
	bool bare = s->bare && there > s->n_value && p[s->n_value] == '\n';

	if (there <= s->n_value || (there == s->n_value + 1 && !bare && !last)) {
		return false;
	}
	size_t end = bare ? 1 : 2;
	s->storing = false;
	if (there < s->n_value + end || (end == 2 && memcmp(p + s->n_value, "\r\n", 2) != 0)) {
		s->at += there < s->n_value + 2 ? there : s->n_value + 2;
		say(&w, "CLIENT_ERROR bad data chunk");
		return true;
	}
	struct mc_put put = {.mode = s->mode,
		.key = buf_slice(&s->key),
		.value = slice_make(p, s->n_value),
		.flags = s->flags,
		.expires_ms = mc_expires_ms(s->exptime),
		.cas = s->cas};
	s->at += s->n_value + end;
	say(&w, stored_texts[mc_store(s->m, &put, NULL)]);
	return true;
}

/* ---- the others ---- */

static void run_delete(struct mc_session *s, struct words *w)
{
	bool zero = w->n > 2 && slice_is(w->word[2], "0");

	look_for_noreply(w);
	if ((w->n == 3 && !zero && !w->noreply) || (w->n == 4 && !(zero && w->noreply))) {
		say(w, "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]");
		return;
	}
	if (w->word[1].n > MC_KEY_MAX) {
		say(w, bad_format);
		return;
	}
	say(w, mc_delete(s->m, w->word[1], 0) == MC_STORED ? "DELETED" : "NOT_FOUND");
}

static void run_add(struct mc_session *s, struct words *w)
{
	uint64_t delta;
	uint64_t value;
	char text[24];

	look_for_noreply(w);
	if (w->word[1].n > MC_KEY_MAX) {
		say(w, bad_format);
		return;
	}
	if (!parse_unsigned(w->word[2], UINT64_MAX, &delta)) {
		say(w, "CLIENT_ERROR invalid numeric delta argument");
		return;
	}
	switch (mc_add(s->m, w->word[1], w->word[0].p[0] == 'd', delta, &value)) {
	case MC_STORED:
		snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
		say(w, text);
		return;
	case MC_EXISTS:
		say(w, "CLIENT_ERROR cannot increment or decrement non-numeric value");
		return;
	case MC_NOT_FOUND: say(w, "NOT_FOUND"); return;
	default: say(w, "SERVER_ERROR out of memory"); return;
	}
}

static void run_touch(struct mc_session *s, struct words *w)
{
	int64_t exptime;

	look_for_noreply(w);
	if (w->word[1].n > MC_KEY_MAX) {
		say(w, bad_format);
		return;
	}
	if (!parse_time(w->word[2], &exptime)) {
		say(w, "CLIENT_ERROR invalid exptime argument");
		return;
	}
	say(w, mc_touch(s->m, w->word[1], mc_expires_ms(exptime), NULL, NULL) ? "TOUCHED"
									      : "NOT_FOUND");
}

static void run_flush(struct mc_session *s, struct words *w)
{
	int64_t delay = 0;

	look_for_noreply(w);
	if (w->n - (w->noreply ? 1 : 0) > 1 && !parse_time(w->word[1], &delay)) {
		say(w, "CLIENT_ERROR invalid exptime argument");
		return;
	}
	mc_flush(s->m, delay > 0 ? mc_expires_ms(delay) : 0);
	say(w, "OK");
}

static void run_version(struct mc_session *s, struct words *w)
{
	(void)s;
	say(w, "VERSION 1.6.18");
}

static void run_verbosity(struct mc_session *s, struct words *w)
{
	uint64_t level;

	(void)s;
	look_for_noreply(w);
	say(w, parse_unsigned(w->word[1], UINT32_MAX, &level) || (w->n == 2 && w->noreply)
			? "OK"
			: bad_format);
}

static void stat_line(struct words *w, const char *name, uint64_t value)
{
	buf_printf(w->out, "STAT %s %llu\r\n", name, (unsigned long long)value);
}

static void run_stats(struct mc_session *s, struct words *w)
{
	struct memcached *m = s->m;

	if (w->n == 2 && slice_is(w->word[1], "reset")) {
		for (unsigned n = 0; n < MC_COUNTS; n++) {
			atomic_store(&m->counts[n], 0);
		}
		say(w, "RESET");
		return;
	}
	if (w->n > 1) {
		say(w, "ERROR");
		return;
	}
	stat_line(w, "uptime", (uint64_t)(mc_now_ms() - m->started_ms) / 1000);
	stat_line(w, "time", (uint64_t)mc_now_ms() / 1000);
	buf_puts(w->out, "STAT version 1.6.18\r\n");
	stat_line(w, "pointer_size", 64);
	for (unsigned n = 0; n < MC_COUNTS; n++) {
		stat_line(w, mc_count_names[n], atomic_load(&m->counts[n]));
	}
	stat_line(w, "curr_items", atomic_load(&m->items));
	stat_line(w, "bytes", atomic_load(&m->used));
	stat_line(w, "limit_maxbytes", atomic_load(&m->memory));
	say(w, "END");
}

static void run_quit(struct mc_session *s, struct words *w)
{
	(void)w;
	s->quit = true;
}

/* ---- the table ---- */

static const struct {
	const char *name;
	unsigned min, max; /* words, with the name */
	void (*run)(struct mc_session *s, struct words *w);
} commands[] = {
	{"add", 5, 6, run_set},
	{"append", 5, 6, run_set},
	{"bget", 2, WORDS_MAX, run_get},
	{"cas", 6, 7, run_set},
	{"decr", 3, 4, run_add},
	{"delete", 2, 4, run_delete},
	{"flush_all", 1, 3, run_flush},
	{"gat", 2, WORDS_MAX, run_gat},
	{"gats", 2, WORDS_MAX, run_gat},
	{"get", 2, WORDS_MAX, run_get},
	{"gets", 2, WORDS_MAX, run_get},
	{"incr", 3, 4, run_add},
	{"prepend", 5, 6, run_set},
	{"quit", 1, WORDS_MAX, run_quit},
	{"replace", 5, 6, run_set},
	{"set", 5, 6, run_set},
	{"stats", 1, WORDS_MAX, run_stats},
	{"touch", 3, 4, run_touch},
	{"verbosity", 2, 3, run_verbosity},
	{"version", 1, WORDS_MAX, run_version},
};

static void run_line(struct mc_session *s, struct slice line, struct buf *out)
{
	struct words w = {.out = out};

	split(line, &w);
	for (size_t i = 0; w.n > 0 && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (slice_is(w.word[0], commands[i].name) && w.n >= commands[i].min &&
			w.n <= commands[i].max) {
			commands[i].run(s, &w);
			return;
		}
	}
	say(&w, "ERROR");
}

/* ---- a connection ---- */

int mc_session_feed(struct mc_session *s, struct slice text, struct err *err)
{
	if (s->quit) {
		return 0;
	}
	size_t gone = s->swallow < text.n ? s->swallow : text.n;
	if (s->at == s->in.n) { /* what is swallowed follows what is done */
		s->swallow -= gone;
		text = slice_make(text.p + gone, text.n - gone);
	}
	buf_append_slice(&s->in, text);
	return buf_check(&s->in, err);
}

static void swallow(struct mc_session *s)
{
	size_t there = s->in.n - s->at;
	size_t n = s->swallow < there ? s->swallow : there;

	s->at += n;
	s->swallow -= n;
}

/* False: there is no whole line. */
static bool next_line(struct mc_session *s, bool last, struct buf *out)
{
	const char *p = s->in.p + s->at;
	size_t there = s->in.n - s->at;
	const char *end = there > 0 ? memchr(p, '\n', there) : NULL;

	if (end == NULL && (!last || there == 0)) {
		return false;
	}
	size_t n = end != NULL ? (size_t)(end - p) : there;
	s->at += n + (end != NULL);
	s->bare = n == 0 || p[n - 1] != '\r';
	n -= s->bare ? 0 : 1;
	run_line(s, slice_make(p, n), out);
	return true;
}

int mc_session_run(struct mc_session *s, bool last, struct buf *out, struct err *err)
{
	bool more = true;

	while (more && !s->quit) {
		swallow(s);
		more = s->swallow > 0 ? false
		       : s->storing   ? store_value(s, last, out)
				      : next_line(s, last, out);
	}
	if (s->at > 0) {
		memmove(s->in.p, s->in.p + s->at, s->in.n - s->at);
		s->in.n -= s->at;
		s->at = 0;
	}
	if (s->in.failed || s->key.failed) {
		return err_set(err, ENOMEM, "out of memory");
	}
	if (last && !s->quit && s->storing) {
		return err_set(err, EINVAL,
			"the text ends within a value: %zu of %zu bytes are there, and its line "
			"end",
			s->in.n, s->n_value);
	}
	if (!s->storing && s->in.n > LINE_MAX_BYTES) {
		return err_set(err, EINVAL, "a command line has at most %zu bytes", LINE_MAX_BYTES);
	}
	return buf_check(out, err);
}
