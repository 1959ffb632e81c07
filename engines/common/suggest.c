#include "engines/common/suggest.h"

#include <stddef.h>
#include <string.h>

/* Words worth comparing are names of options and commands; what is longer
 * suggests nothing. */
#define WORD_MAX 64

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned m = a < b ? a : b;
	return m < c ? m : c;
}

/* Damerau-Levenshtein (optimal string alignment): insert, delete, replace and
 * swap of neighbours cost one each. Three rows of the matrix are enough. */
static unsigned distance(const char *a, size_t na, const char *b, size_t nb)
{
	unsigned rows[3][WORD_MAX + 1];
	unsigned *before = rows[0];
	unsigned *last = rows[1];
	unsigned *row = rows[2];

	for (size_t j = 0; j <= nb; j++) {
		last[j] = (unsigned)j;
		before[j] = 0;
	}
	for (size_t i = 1; i <= na; i++) {
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= nb; j++) {
			unsigned replace = last[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = min3(last[j] + 1, row[j - 1] + 1, replace);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
				before[j - 2] + 1 < row[j]) {
				row[j] = before[j - 2] + 1;
			}
		}
		unsigned *oldest = before;
		before = last;
		last = row;
		row = oldest;
	}
	return last[nb];
}

const char *suggest(const char *word, suggest_next *next, const void *arg)
{
	size_t n = strlen(word);
	const char *best = NULL;
	unsigned best_distance = WORD_MAX + 1;
	const char *longer = NULL;
	unsigned n_longer = 0;
	const char *known;

	if (n == 0 || n > WORD_MAX) {
		return NULL;
	}
	for (unsigned i = 0; (known = next(arg, i)) != NULL; i++) {
		size_t nk = strlen(known);
		if (nk > WORD_MAX) {
			continue;
		}
		unsigned d = distance(word, n, known, nk);
		size_t longest = n > nk ? n : nk;
		if (d <= (longest + 2) / 3 && d < best_distance) {
			best = known;
			best_distance = d;
		}
		if (n >= 3 && nk > n && memcmp(word, known, n) == 0) {
			longer = known;
			n_longer++;
		}
	}
	if (best != NULL) {
		return best;
	}
	return n_longer == 1 ? longer : NULL;
}
