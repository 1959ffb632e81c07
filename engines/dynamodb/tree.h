/* The tree an item is made of. It is read as plain JSON (json says what each
 * node was in the text), then item_parse.c settles in place what each node
 * means (type), checks it and makes it canonical. */
#ifndef DBMOUNT_DYNAMODB_TREE_H
#define DBMOUNT_DYNAMODB_TREE_H

#include "engines/common/json.h"
#include "engines/dynamodb/arena.h"
#include "engines/dynamodb/item.h"

/* An acceptable item never takes more than about half of this, in any form. */
#define DDB_TREE_MAX_BYTES ((size_t)64 << 20)

struct ddb_pos {
	uint32_t line;
	uint32_t column;
};

struct ddb_node {
	struct ddb_node *next; /* in the same object, array or set */
	struct slice name;     /* of a member; empty in arrays and sets */
	union {
		struct slice text; /* S and B: the bytes; N: canonical text */
		struct {
			struct ddb_node *first;
			size_t n;
		} of; /* L, M and the sets */
		bool truth;
	};
	struct ddb_pos name_at;
	struct ddb_pos at;
	enum json_event json : 8; /* JSON_..._BEGIN for objects and arrays */
	enum ddb_type type : 8;
};

struct ddb_open {
	struct ddb_node *node;
	struct ddb_node *last; /* of its children */
};

/* Builds one tree from the events of one JSON value. Zero-initialised is ready. */
struct ddb_tree {
	struct arena arena;
	struct ddb_node *root; /* set by the first event */
	struct ddb_open *open;
	unsigned depth;
	unsigned cap;
	struct slice name; /* of the member whose value comes next */
	struct ddb_pos name_at;
	struct ddb_pos began;
	bool started;
	bool too_big; /* over DDB_TREE_MAX_BYTES: everything was dropped */
};

int ddb_tree_event(struct ddb_tree *t, enum json_event event, struct slice text,
	struct json_pos pos, struct err *err);
/* The value is whole. */
bool ddb_tree_done(const struct ddb_tree *t);
/* Frees all and makes it ready for the next value. */
void ddb_tree_reset(struct ddb_tree *t);

/* "an object", "a string", ... */
const char *ddb_json_name(enum json_event json);

struct ddb_item {
	struct arena arena;
	struct ddb_node root; /* M */
};

/* Makes an item of a tree's node (the root, or one inside a wrapper), taking
 * the tree's memory; the tree is reset in any case. */
int ddb_item_settle(struct ddb_tree *t, struct ddb_node *root, enum ddb_form form,
	struct ddb_item **out, struct err *err);
/* The node inside {"Item": {...}}, or `node` itself when that is no wrapper but
 * an item with an attribute called Item. */
struct ddb_node *ddb_item_unwrap(struct ddb_node *node);
/* {"NAME": {...}} with nothing else in it: the inner object, else NULL. */
struct ddb_node *ddb_sole_object(const struct ddb_node *node, const char *name);
/* EFBIG with the service's text, for what was dropped as too big. */
int ddb_item_refuse_size(uint64_t found, struct err *err);

/* EINVAL, "... Type mismatch for key pk expected: S actual: N". */
int ddb_key_refuse_type(const struct ddb_key_def *def, enum ddb_type actual, struct err *err);

struct ddb_node *ddb_item_find(const struct ddb_item *item, const char *name);

#endif
