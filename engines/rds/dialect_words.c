/* A statement as a list of tokens of which some are dropped or replaced. */
#include <stdlib.h>
#include <strings.h>

#include "engines/rds/dialect.h"

static int add(struct rds_words *w, const struct sql_token *t, struct err *err)
{
	if (w->n + 1 >= w->cap) {
		unsigned cap = w->cap == 0 ? 64 : 2 * w->cap;
		struct rds_word *more = realloc(w->at, cap * sizeof(*more));
		if (more == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		w->at = more;
		w->cap = cap;
	}
	w->at[w->n] = (struct rds_word){.token = *t};
	w->at[w->n + 1] = (struct rds_word){0}; /* SQL_END: one may look beyond the last */
	w->n++;
	return 0;
}

int rds_words_read(
	struct rds_words *w, struct slice text, enum sql_dialect dialect, struct err *err)
{
	size_t at = 0;
	int rc = 0;

	*w = (struct rds_words){.text = text.p};
	while (rc == 0) {
		struct sql_token t;
		if (sql_token(text, at, dialect, true, &t) < 0) {
			return err_set(err, EINVAL, "a string or a comment that has no end");
		}
		at += t.gap + t.text.n;
		rc = add(w, &t, err);
		if (t.kind == SQL_END) {
			w->n -= rc == 0;
			break;
		}
	}
	return rc;
}

void rds_words_free(struct rds_words *w)
{
	for (unsigned i = 0; i < w->n; i++) {
		buf_free(&w->at[i].before);
		buf_free(&w->at[i].own);
	}
	free(w->at);
	*w = (struct rds_words){0};
}

bool rds_word_is(const struct rds_words *w, unsigned i, const char *word)
{
	return i < w->n && !w->at[i].replaced && sql_is(&w->at[i].token, word);
}

unsigned rds_words_are(const struct rds_words *w, unsigned i, const char *words)
{
	unsigned n = 0;

	while (*words != '\0') {
		size_t length = strcspn(words, " ");
		const struct sql_token *t = i + n < w->n ? &w->at[i + n].token : NULL;
		if (t == NULL || (t->kind != SQL_WORD && t->kind != SQL_MARK) ||
			t->text.n != length || strncasecmp(t->text.p, words, length) != 0) {
			return 0;
		}
		n++;
		words += length + (words[length] == ' ');
	}
	return n;
}

unsigned rds_words_close(const struct rds_words *w, unsigned i)
{
	unsigned depth = 0;

	for (; i < w->n; i++) {
		depth += rds_word_is(w, i, "(") ? 1 : 0;
		if (rds_word_is(w, i, ")") && --depth == 0) {
			return i + 1;
		}
	}
	return w->n;
}

void rds_words_drop(struct rds_words *w, unsigned from, unsigned to)
{
	for (unsigned i = from; i < to && i < w->n; i++) {
		w->at[i].dropped = true;
	}
}

struct buf *rds_word_replace(struct rds_words *w, unsigned i)
{
	buf_clear(&w->at[i].own);
	w->at[i].replaced = true;
	w->at[i].dropped = false;
	return &w->at[i].own;
}

/* White space stays as it was, a comment becomes a blank. */
static void print_gap(const struct sql_token *t, struct buf *out)
{
	struct slice gap = slice_make(t->text.p - t->gap, t->gap);

	for (size_t i = 0; i < gap.n; i++) {
		if (strchr(" \t\r\n", gap.p[i]) == NULL) {
			buf_putc(out, ' ');
			return;
		}
	}
	buf_append_slice(out, gap);
}

void rds_words_print(const struct rds_words *w, unsigned from, unsigned to, struct buf *out)
{
	for (unsigned i = from; i < to && i < w->n; i++) {
		const struct rds_word *word = &w->at[i];
		if (word->dropped) {
			continue;
		}
		if (i > from) {
			print_gap(&word->token, out);
		}
		/* What was dropped between two words must not make them one. */
		if (i > from && word->token.gap == 0 && w->at[i - 1].dropped && out->n > 0 &&
			word->token.kind != SQL_MARK) {
			buf_putc(out, ' ');
		}
		buf_append_slice(out, buf_slice(&word->before));
		buf_append_slice(out, word->replaced ? buf_slice(&word->own) : word->token.text);
	}
}
