/* Key bytes <-> file names, one to one in both directions (DESIGN section 3).
 *
 * A file name is the escaped key followed by the suffix of the form it shows
 * (".json"); a directory's has no suffix. Escaped as %XX, upper-case hex: '/',
 * NUL, control bytes (1..31), DEL, '%' itself, a leading dot, and every byte
 * that is not part of valid UTF-8. The empty key is a lone "%". Nothing else
 * is changed.
 *
 * Two more rules keep the map one to one:
 * - Where a name would end in a longer suffix of the same directory (key
 *   "a.ddb" with ".json" beside suffix ".ddb.json"), the dot that begins that
 *   suffix is escaped: "a%2Eddb.json".
 * - A name that would pass NAME_MAX_BYTES is a prefix of the escaped key (cut
 *   between characters and escapes), "%~", 32 hex digits (the first 16 bytes of
 *   the key's SHA-256, lower-case) and the suffix. Since '%' is always escaped,
 *   no other key's name holds "%~". */
#ifndef DBMOUNT_NAME_H
#define DBMOUNT_NAME_H

#include "engines/common/buf.h"

#define NAME_MAX_BYTES	255
#define NAME_HASH_BYTES 16

/* The suffixes a directory's children may bear; for directories one "". */
struct name_rules {
	const char *const *suffixes;
	unsigned n;
};

extern const struct name_rules NAME_RULES_DIR;

enum name_kind {
	NAME_KEY,    /* out is the key's bytes */
	NAME_HASHED, /* a long key: out is the NAME_HASH_BYTES of its hash */
	NAME_OTHER,  /* no item's name: bears no suffix, or begins with a dot */
	NAME_BAD,    /* bears a suffix, but is not in canonical form ("%41.json") */
};

/* Appends the file name of `key` in form number `form` to out. */
void name_print(struct slice key, const struct name_rules *rules, unsigned form, struct buf *out);

/* What a file name stands for; *form and out are set for KEY and HASHED. */
enum name_kind name_parse(
	struct slice name, const struct name_rules *rules, unsigned *form, struct buf *out);

/* Whether some form of this key's name is a hashed one (engines index those). */
bool name_is_long(struct slice key, const struct name_rules *rules);

void name_hash(struct slice key, unsigned char out[NAME_HASH_BYTES]);

/* The key escaped for people (messages, logs): as name_print without suffix
 * and without shortening. */
void name_escape(struct slice key, struct buf *out);

/* Length of the valid UTF-8 sequence at p (1..4), 0 if p begins none. */
unsigned utf8_sequence(const unsigned char *p, size_t n);
bool utf8_valid(struct slice s);
/* Length by the first byte alone (0: none begins with it), and what the second
 * byte may be: there overlong forms, surrogates and numbers past U+10FFFF show. */
unsigned utf8_lead(unsigned char first, unsigned char *low, unsigned char *high);

#endif
