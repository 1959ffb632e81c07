/* "did you mean": the known word nearest to an unknown one. */
#ifndef DBMOUNT_SUGGEST_H
#define DBMOUNT_SUGGEST_H

/* The next known word, NULL at the end. `i` counts from 0. */
typedef const char *suggest_next(const void *arg, unsigned i);

/* The known word with the smallest edit distance (a swap of neighbours counts
 * one) if that is at most a third of the longer word's length, rounded up, or
 * the only one that `word` is a prefix of (3 characters at least); else NULL. */
const char *suggest(const char *word, suggest_next *next, const void *arg);

#endif
