/* An item's key members and its size. */
#include <errno.h>
#include <stdio.h>

#include "engines/common/cleanup.h"
#include "engines/common/name.h"
#include "engines/common/base64.h"
#include "engines/dynamodb/number.h"
#include "engines/dynamodb/tree.h"

struct ddb_node *ddb_item_find(const struct ddb_item *item, const char *name)
{
	for (struct ddb_node *c = item->root.of.first; c != NULL; c = c->next) {
		if (slice_is(c->name, name)) {
			return c;
		}
	}
	return NULL;
}

/* ---- size ---- */

static uint64_t value_size(const struct ddb_node *node)
{
	uint64_t n = 0;
	switch (node->type) {
	case DDB_S:
	case DDB_B: return node->text.n;
	case DDB_N: return ddb_number_size(node->text);
	case DDB_BOOL:
	case DDB_NULL: return 1;
	default: break;
	}
	bool set = node->type >= DDB_SS;
	for (const struct ddb_node *c = node->of.first; c != NULL; c = c->next) {
		n += (set ? 0 : 1) + c->name.n + value_size(c);
	}
	return n + (set ? 0 : 3);
}

uint64_t ddb_item_size(const struct ddb_item *item)
{
	uint64_t n = 0;
	for (const struct ddb_node *c = item->root.of.first; c != NULL; c = c->next) {
		n += c->name.n + value_size(c);
	}
	return n;
}

/* `found` is 0 when it was so much that nobody counted. */
int ddb_item_refuse_size(uint64_t found, struct err *err)
{
	char text[64] = "";
	if (found > 0) {
		snprintf(text, sizeof(text), "found %llu bytes, ", (unsigned long long)found);
	}
	return err_set(err, EFBIG,
		"Item size has exceeded the maximum allowed size (%sat most %d are accepted)", text,
		DDB_ITEM_MAX_BYTES);
}

int ddb_item_check_size(const struct ddb_item *item, struct err *err)
{
	uint64_t n = ddb_item_size(item);
	return n > DDB_ITEM_MAX_BYTES ? ddb_item_refuse_size(n, err) : 0;
}

/* ---- key members ---- */

/* A member's value as it stands in a path. */
static void member_text(const struct ddb_node *node, struct buf *out)
{
	if (node->type == DDB_B) {
		base64_encode(BASE64_URL, node->text, out);
	} else {
		buf_append_slice(out, node->text);
	}
}

/* Keys in messages look as they do in the tree. */
static const char *shown_key(struct slice text, char out[DDB_EXCERPT_MAX])
{
	CLEANUP(buf_free) struct buf escaped = BUF_INIT;
	name_escape(text, &escaped);
	return ddb_excerpt(buf_slice(&escaped), out);
}

static enum ddb_key_match match_member(const struct ddb_item *item, const struct ddb_key_def *def,
	struct slice text, struct err *detail)
{
	CLEANUP(buf_free) struct buf own = BUF_INIT;
	char found[DDB_EXCERPT_MAX];
	char expected[DDB_EXCERPT_MAX];
	const struct ddb_node *node = ddb_item_find(item, def->name);
	if (node == NULL) {
		return DDB_KEY_ABSENT;
	}
	if (node->type != def->type) {
		ddb_key_refuse_type(def, node->type, detail);
		return DDB_KEY_OTHER;
	}
	member_text(node, &own);
	if (buf_check(&own, detail) == 0 && slice_equal(buf_slice(&own), text)) {
		return DDB_KEY_SAME;
	}
	err_set(detail, EINVAL,
		"key attribute %s: found \"%s\", expected \"%s\" as in the file's name (rename the "
		"file to change the key)",
		def->name, shown_key(buf_slice(&own), found), shown_key(text, expected));
	return DDB_KEY_OTHER;
}

enum ddb_key_match ddb_item_match_key(const struct ddb_item *item,
	const struct ddb_key_schema *schema, struct slice hash_text, struct slice range_text,
	struct err *detail)
{
	enum ddb_key_match hash = match_member(item, &schema->hash, hash_text, detail);
	if (hash == DDB_KEY_OTHER || !schema->has_range) {
		return hash;
	}
	enum ddb_key_match range = match_member(item, &schema->range, range_text, detail);
	return range > hash ? range : hash;
}

/* The value that a key text stands for. */
static int set_member(struct ddb_item *item, struct ddb_node *node, const struct ddb_key_def *def,
	struct slice text, struct err *err)
{
	CLEANUP(buf_free) struct buf bytes = BUF_INIT;
	if (def->type == DDB_B) {
		base64_decode(BASE64_URL, text, &bytes);
		text = buf_slice(&bytes);
	}
	int rc = buf_check(&bytes, err);
	if (rc == 0 && !arena_copy(&item->arena, text, &node->text)) {
		rc = err_set(err, ENOMEM, "out of memory");
	}
	if (rc == 0) {
		node->type = def->type;
	}
	return rc;
}

/* A new member behind `after`, or in front when that is NULL. */
static struct ddb_node *insert_member(
	struct ddb_item *item, const struct ddb_key_def *def, struct ddb_node *after)
{
	struct ddb_node *node = arena_alloc(&item->arena, sizeof(*node));
	struct ddb_node **link = after != NULL ? &after->next : &item->root.of.first;
	if (node == NULL) {
		return NULL;
	}
	*node = (struct ddb_node){.next = *link, .json = JSON_EV_STRING, .type = def->type};
	if (!arena_copy(&item->arena, slice_of(def->name), &node->name)) {
		return NULL;
	}
	*link = node;
	item->root.of.n++;
	return node;
}

static int put_member(struct ddb_item *item, const struct ddb_key_def *def, struct slice text,
	struct ddb_node *after, struct err *err)
{
	struct ddb_node *node = ddb_item_find(item, def->name);
	if (node == NULL) {
		node = insert_member(item, def, after);
	}
	if (node == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	return set_member(item, node, def, text, err);
}

int ddb_item_set_key(struct ddb_item *item, const struct ddb_key_schema *schema,
	struct slice hash_text, struct slice range_text, struct err *err)
{
	int rc = put_member(item, &schema->hash, hash_text, NULL, err);
	if (rc != 0 || !schema->has_range) {
		return rc;
	}
	struct ddb_node *first = item->root.of.first;
	bool hash_first = slice_is(first->name, schema->hash.name);
	return put_member(item, &schema->range, range_text, hash_first ? first : NULL, err);
}

static int member_key_text(const struct ddb_item *item, const struct ddb_key_def *def, bool range,
	struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf stored = BUF_INIT;
	const struct ddb_node *node = ddb_item_find(item, def->name);
	if (node == NULL) {
		return err_set(err, EINVAL,
			"One or more parameter values were invalid: Missing the key %s in the item",
			def->name);
	}
	if (node->type != def->type) {
		return ddb_key_refuse_type(def, node->type, err);
	}
	member_text(node, &text);
	int rc = buf_check(&text, err);
	rc = rc != 0 ? rc : ddb_key_encode(def, range, buf_slice(&text), &stored, err);
	if (rc == 0) {
		buf_append_slice(out, buf_slice(&text));
		rc = buf_check(out, err);
	}
	return rc;
}

int ddb_item_key_texts(const struct ddb_item *item, const struct ddb_key_schema *schema,
	struct buf *hash_text, struct buf *range_text, struct err *err)
{
	int rc = member_key_text(item, &schema->hash, false, hash_text, err);
	if (rc != 0 || !schema->has_range) {
		return rc;
	}
	return member_key_text(item, &schema->range, true, range_text, err);
}
