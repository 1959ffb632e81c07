#include "engines/cache/redis/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>

#include "engines/cache/redis/command.h"

#define WORDS_MAX  ((int64_t)1024 * 1024)
#define BULK_MAX   ((int64_t)512 * 1024 * 1024)
#define HEADER_MAX 64

void redis_queue_free(struct redis_queue *q)
{
	struct redis_words *w;
	while ((w = STAILQ_FIRST(q)) != NULL) {
		STAILQ_REMOVE_HEAD(q, next);
		free(w);
	}
}

void redis_parser_finish(struct redis_parser *p)
{
	buf_free(&p->text);
	buf_free(&p->bytes);
	buf_free(&p->ends);
}

int redis_parser_feed(struct redis_parser *p, struct slice text, struct err *err)
{
	if (p->at > 0) {
		size_t left = p->text.n - p->at;
		memmove(p->text.p, p->text.p + p->at, left);
		p->text.n = left;
		p->scanned = p->scanned > p->at ? p->scanned - p->at : 0;
		p->at = 0;
	}
	buf_append_slice(&p->text, text);
	return buf_check(&p->text, err);
}

static int refuse(struct redis_parser *p, const char *what, struct err *err)
{
	unsigned long line = p->line + 1;
	buf_clear(&p->text);
	p->at = p->scanned = 0;
	p->left = 0;
	return err_set(err, EINVAL, "line %lu: %s", line, what);
}

/* ---- words so far ---- */

static void end_word(struct redis_parser *p)
{
	buf_append(&p->ends, &p->bytes.n, sizeof(p->bytes.n));
}

static size_t word_end(const struct redis_parser *p, size_t i)
{
	size_t end;
	memcpy(&end, p->ends.p + i * sizeof(end), sizeof(end));
	return end;
}

static int take_words(struct redis_parser *p, struct redis_words **out, struct err *err)
{
	int rc = buf_check(&p->bytes, err);
	rc = rc != 0 ? rc : buf_check(&p->ends, err);
	size_t n = p->ends.n / sizeof(size_t);
	size_t head = sizeof(struct redis_words) + n * sizeof(struct slice);
	struct redis_words *w = rc == 0 ? malloc(head + p->bytes.n) : NULL;
	if (w == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*w = (struct redis_words){
		.line = p->begun + 1, .bytes = head + p->bytes.n, .argc = (unsigned)n};
	char *bytes = (char *)w + head;
	if (p->bytes.n > 0) {
		memcpy(bytes, p->bytes.p, p->bytes.n);
	}
	for (size_t i = 0, from = 0; i < n; i++) {
		size_t end = word_end(p, i);
		w->argv[i] = slice_make(bytes + from, end - from);
		from = end;
	}
	buf_clear(&p->bytes);
	buf_clear(&p->ends);
	*out = w;
	return 1;
}

/* ---- lines ---- */

static int hex_digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0'
					 : (isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10 : -1);
}

static char escaped(char c)
{
	switch (c) {
	case 'n': return '\n';
	case 'r': return '\r';
	case 't': return '\t';
	case 'b': return '\b';
	case 'a': return '\a';
	default: return c;
	}
}

/* Behind the opening quote; *at moves behind the closing one. False: there is none, or a word goes
 * on behind it. */
static bool double_quoted(struct slice line, size_t *at, struct buf *out)
{
	size_t i = *at;
	for (; i < line.n && line.p[i] != '"'; i++) {
		char c = line.p[i];
		if (c == '\\' && i + 3 < line.n && line.p[i + 1] == 'x' &&
			hex_digit(line.p[i + 2]) >= 0 && hex_digit(line.p[i + 3]) >= 0) {
			c = (char)(hex_digit(line.p[i + 2]) * 16 + hex_digit(line.p[i + 3]));
			i += 3;
		} else if (c == '\\' && i + 1 < line.n) {
			c = escaped(line.p[++i]);
		}
		buf_putc(out, c);
	}
	*at = i + 1;
	return i < line.n && (i + 1 == line.n || isspace((unsigned char)line.p[i + 1]));
}

static bool single_quoted(struct slice line, size_t *at, struct buf *out)
{
	size_t i = *at;
	for (; i < line.n && line.p[i] != '\''; i++) {
		if (line.p[i] == '\\' && i + 1 < line.n && line.p[i + 1] == '\'') {
			i++;
		}
		buf_putc(out, line.p[i]);
	}
	*at = i + 1;
	return i < line.n && (i + 1 == line.n || isspace((unsigned char)line.p[i + 1]));
}

static bool split_word(struct slice line, size_t *at, struct buf *out)
{
	bool whole = true;
	while (whole && *at < line.n && !isspace((unsigned char)line.p[*at])) {
		char c = line.p[(*at)++];
		if (c == '"') {
			whole = double_quoted(line, at, out);
		} else if (c == '\'') {
			whole = single_quoted(line, at, out);
		} else {
			buf_putc(out, c);
		}
	}
	return whole;
}

/* 1: its words are there; 0: it has none. */
static int split_line(struct redis_parser *p, struct slice line, struct err *err)
{
	size_t at = 0;
	for (;;) {
		while (at < line.n && isspace((unsigned char)line.p[at])) {
			at++;
		}
		if (at == line.n || (p->ends.n == 0 && line.p[at] == '#')) {
			return p->ends.n > 0;
		}
		if (!split_word(line, &at, &p->bytes)) {
			buf_clear(&p->bytes);
			buf_clear(&p->ends);
			return refuse(p, "unbalanced quotes in request", err);
		}
		end_word(p);
	}
}

static int take_line(struct redis_parser *p, bool end, struct err *err)
{
	size_t from = p->scanned > p->at ? p->scanned : p->at;
	const char *stop = memchr(p->text.p + from, '\n', p->text.n - from);
	if (stop == NULL && !end) {
		p->scanned = p->text.n;
		return 0;
	}
	size_t n = stop == NULL ? p->text.n - p->at : (size_t)(stop - p->text.p) - p->at;
	p->begun = p->line;
	int rc = split_line(p, slice_make(p->text.p + p->at, n), err);
	if (rc < 0) {
		return rc;
	}
	p->at += n + (stop != NULL);
	p->line++;
	return rc == 1 ? 1 : 2;
}

/* ---- RESP ---- */

/* The number of a line like "*3": 1; 0: its end is not there yet. */
static int take_header(
	struct redis_parser *p, int64_t max, const char *bad, int64_t *out, struct err *err)
{
	size_t n = p->text.n - p->at;
	const char *line = p->text.p + p->at;
	const char *stop = memchr(line, '\n', n);
	if (stop == NULL) {
		return n > HEADER_MAX ? refuse(p, bad, err) : 0;
	}
	struct err own = {0};
	if (stop[-1] != '\r' ||
		redis_arg_int(slice_make(line + 1, (size_t)(stop - line) - 2), out, &own) != 0 ||
		*out > max) {
		return refuse(p, bad, err);
	}
	p->at += (size_t)(stop - line) + 1;
	p->line++;
	return 1;
}

static unsigned long count_lines(struct slice text)
{
	unsigned long n = 0;
	for (size_t i = 0; i < text.n; i++) {
		n += text.p[i] == '\n';
	}
	return n;
}

/* 1: another word is there. */
static int take_bulk(struct redis_parser *p, struct err *err)
{
	if (p->at == p->text.n) {
		return 0;
	}
	if (p->text.p[p->at] != '$') {
		return refuse(p, "expected '$' and the length of the next word", err);
	}
	size_t start = p->at;
	int64_t n = 0;
	int rc = take_header(p, BULK_MAX, "invalid bulk length", &n, err);
	if (rc != 1) {
		return rc;
	}
	if (n < 0) {
		return refuse(p, "invalid bulk length", err);
	}
	size_t left = p->text.n - p->at;
	if (left < (size_t)n + 2) {
		p->at = start;
		p->line--;
		return 0;
	}
	struct slice word = slice_make(p->text.p + p->at, (size_t)n);
	if (memcmp(word.p + n, "\r\n", 2) != 0) {
		return refuse(p, "a word is longer than its length says", err);
	}
	buf_append_slice(&p->bytes, word);
	end_word(p);
	p->line += count_lines(word) + 1;
	p->at += (size_t)n + 2;
	return 1;
}

static int take_array(struct redis_parser *p, struct err *err)
{
	int64_t n = 0;
	p->begun = p->line;
	int rc = take_header(p, WORDS_MAX, "invalid multibulk length", &n, err);
	if (rc == 1) {
		p->left = n > 0 ? (uint64_t)n : 0;
		rc = 2;
	}
	return rc;
}

static int take_array_words(struct redis_parser *p, struct err *err)
{
	int rc = 1;
	while (p->left > 0 && rc == 1) {
		rc = take_bulk(p, err);
		p->left -= rc == 1;
	}
	if (rc < 0) {
		buf_clear(&p->bytes);
		buf_clear(&p->ends);
	}
	return rc;
}

/* 1: words; 2: something was taken that is no command; 0: nothing whole. */
static int step(struct redis_parser *p, bool end, struct err *err)
{
	if (p->left > 0) {
		return take_array_words(p, err);
	}
	if (p->at == p->text.n) {
		return 0;
	}
	return p->text.p[p->at] == '*' ? take_array(p, err) : take_line(p, end, err);
}

int redis_parser_next(struct redis_parser *p, bool end, struct redis_words **out, struct err *err)
{
	int rc;
	do {
		rc = step(p, end, err);
	} while (rc == 2);
	if (rc == 0 && end && (p->left > 0 || p->at < p->text.n)) {
		buf_clear(&p->bytes);
		buf_clear(&p->ends);
		return refuse(p, "the text ends within a command", err);
	}
	return rc == 1 ? take_words(p, out, err) : rc;
}
