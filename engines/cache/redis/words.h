/* Words as parse.h reads them back. */
#ifndef DBMOUNT_REDIS_WORDS_H
#define DBMOUNT_REDIS_WORDS_H

#include "engines/common/buf.h"

/* The word as it is, or in double quotes where it would not be read back as one; `first` of its
 * line. Bytes that are no UTF-8 are \xHH. */
void redis_word_put(struct buf *out, struct slice word, bool first);

#endif
