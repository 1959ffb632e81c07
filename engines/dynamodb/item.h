/* A DynamoDB item as text and as values: parsing, rules, sizes, rendering.
 * Knows nothing of tables or storage. Facts: SERVICES.md section 1. */
#ifndef DBMOUNT_DYNAMODB_ITEM_H
#define DBMOUNT_DYNAMODB_ITEM_H

#include <stdint.h>

#include "engines/common/buf.h"

#define DDB_ITEM_MAX_BYTES 409600
#define DDB_LEVELS_MAX	   32
#define DDB_PK_MAX_BYTES   2048
#define DDB_SK_MAX_BYTES   1024
#define DDB_KEY_NAME_MAX   255
#define DDB_ATTR_NAME_MAX  65535
#define DDB_NUMBER_DIGITS  38

enum ddb_type { DDB_S, DDB_N, DDB_B, DDB_BOOL, DDB_NULL, DDB_L, DDB_M, DDB_SS, DDB_NS, DDB_BS };
extern const char *const ddb_type_names[]; /* "S", "N", ... */

/* ---- keys ---- */

struct ddb_key_def {
	char name[DDB_KEY_NAME_MAX + 1];
	enum ddb_type type; /* DDB_S, DDB_N or DDB_B */
};

struct ddb_key_schema {
	struct ddb_key_def hash;
	struct ddb_key_def range;
	bool has_range;
};

/* Key text <-> stored bytes. The text is what stands in a path before
 * escaping: S its UTF-8 bytes, N its canonical decimal, B base64url without
 * padding. The stored bytes compare with memcmp in the service's order: S and B
 * their own bytes, N as SERVICES.md 1.6 encodes it.
 * EINVAL with the service's message: wrong type ("Type mismatch for key"), text
 * that is not canonical, empty, too long (`range` chooses the limit). */
int ddb_key_encode(const struct ddb_key_def *def, bool range, struct slice text, struct buf *out,
	struct err *err);
/* The text of stored bytes; they come from ddb_key_encode. */
void ddb_key_text(const struct ddb_key_def *def, struct slice stored, struct buf *out);

/* ---- numbers ---- */

/* Appends the canonical form of a number's text ("1.50E2" -> "150", "-0" -> "0").
 * EINVAL with the service's text: not a number, more than 38 digits, overflow, underflow. */
int ddb_number_canonical(struct slice text, struct buf *out, struct err *err);
/* Size in bytes of a canonical number as the service counts it. */
unsigned ddb_number_size(struct slice canonical);

/* ---- items ---- */

struct ddb_item; /* a parsed, checked item; immutable but for its key members */

enum ddb_form { DDB_PLAIN, DDB_TYPED };

/* Parses the text of one item. Both forms are accepted as their name says:
 * PLAIN is document JSON with tags ($ss $ns $bs $b $n, a doubled $ for a real
 * name that begins with one), TYPED is DynamoDB JSON ({"S": "x"}); TYPED also
 * takes {"Item": {...}} around it. Checks everything the service checks of an
 * item's values: names, numbers (made canonical), sets, levels, duplicate
 * member names. Not the size: that is known once the keys are in.
 * EINVAL "line L, column C: ..." with the service's text where it has one. */
int ddb_item_parse(enum ddb_form form, struct slice text, struct ddb_item **out, struct err *err);
void ddb_item_free(struct ddb_item *item);

/* What the item says of its keys. */
enum ddb_key_match {
	DDB_KEY_SAME,	/* every key member is there and equals the given text */
	DDB_KEY_ABSENT, /* one or both are left out, the ones there are equal */
	DDB_KEY_OTHER,	/* a key member has another value or type */
};
enum ddb_key_match ddb_item_match_key(const struct ddb_item *item,
	const struct ddb_key_schema *schema, struct slice hash_text, struct slice range_text,
	struct err *detail /* on OTHER: a sentence with attribute, found, expected; code EINVAL */);

/* Sets the key members to these key texts, in place where they stand, else in
 * front (hash first; the range key goes behind a hash key that stands first).
 * The texts were accepted by ddb_key_encode. */
int ddb_item_set_key(struct ddb_item *item, const struct ddb_key_schema *schema,
	struct slice hash_text, struct slice range_text, struct err *err);

/* The key texts that the item's own members give (for imports). EINVAL:
 * "... Missing the key pk in the item", "... Type mismatch for key pk expected: S actual: N",
 * empty or too long. */
int ddb_item_key_texts(const struct ddb_item *item, const struct ddb_key_schema *schema,
	struct buf *hash_text, struct buf *range_text, struct err *err);

/* Size as the service counts it (SERVICES.md 1.2). */
uint64_t ddb_item_size(const struct ddb_item *item);
/* 0, or EFBIG "Item size has exceeded the maximum allowed size" plus found and limit. */
int ddb_item_check_size(const struct ddb_item *item, struct err *err);

/* Appends the item's text. `indent`: two spaces a level and a newline at the
 * end; else one line without any white space and without a newline. Members in
 * stored order. Rendering what was parsed from a rendering gives the same bytes.
 * Returns how many of the bytes are white space: what the one line has less. */
uint64_t ddb_item_render(
	const struct ddb_item *item, enum ddb_form form, bool indent, struct buf *out);

/* ---- a stream of items (imports) ---- */

/* Reads the import forms, telling them apart by themselves: an array of items,
 * items one after another (JSON lines), {"Item": {...}} lines (typed), and
 * {"Table": [{"PutRequest": {"Item": {...}}}, ...], ...} or an array of such
 * requests (typed). Bare items are taken in `bare`. */
struct ddb_stream;

/* Called for each item; the callee owns it. `number` counts from 1, line is
 * where it began. When the item itself is not acceptable (but the JSON around
 * it is), item is NULL and bad says why. Non-zero stops the stream. */
typedef int ddb_stream_fn(void *arg, struct ddb_item *item, uint64_t number, unsigned long line,
	const struct err *bad, struct err *err);

struct ddb_stream *ddb_stream_new(enum ddb_form bare, ddb_stream_fn *fn, void *arg);
void ddb_stream_free(struct ddb_stream *s);
/* As json_feed and json_finish. */
int ddb_stream_feed(struct ddb_stream *s, struct slice text, struct err *err);
int ddb_stream_finish(struct ddb_stream *s, struct err *err);

#endif
