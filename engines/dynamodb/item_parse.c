/* From JSON to values.
 *
 * Both forms are first read as the JSON they are (tree.c), whole, and then
 * settled: each node is given its type, checked, and made canonical where it
 * stands. A typed value {"S": "x"} is two nodes in the text and one value: the
 * outer node takes over what the inner one holds. In the plain form the JSON
 * kind is the type, but for the objects with a single member $ss, $ns, $bs, $b
 * or $n, which say what JSON cannot.
 *
 * Doing it in two passes keeps each simple, and lets an import go on behind an
 * item that is JSON but not acceptable. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/base64.h"
#include "engines/dynamodb/number.h"
#include "engines/dynamodb/tree.h"
#include "engines/dynamodb/unique.h"

const char *const ddb_type_names[] = {"S", "N", "B", "BOOL", "NULL", "L", "M", "SS", "NS", "BS"};
#define N_TYPES (sizeof(ddb_type_names) / sizeof(ddb_type_names[0]))

struct settle {
	struct arena *arena;
	enum ddb_form form;
	struct buf scratch;
	struct err *err; /* never NULL here */
};

static int settle_value(struct settle *s, struct ddb_node *node, unsigned level);

/* ---- refusing ---- */

__attribute__((format(printf, 3, 4))) static int refuse(
	struct settle *s, struct ddb_pos at, const char *fmt, ...)
{
	char text[ERR_MSG_MAX - 64];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(s->err, EINVAL, "line %u, column %u: %s", at.line, at.column, text);
}

static int refuse_kind(struct settle *s, const struct ddb_node *node, const char *expected)
{
	return refuse(s, node->at, "expected %s, found %s", expected, ddb_json_name(node->json));
}

static int no_memory(struct settle *s)
{
	return err_set(s->err, ENOMEM, "out of memory");
}

/* ---- texts ---- */

static int settle_string(struct settle *s, struct ddb_node *node, const struct ddb_node *from)
{
	if (from->json != JSON_EV_STRING) {
		return refuse_kind(s, from, "a string");
	}
	node->text = from->text;
	node->type = DDB_S;
	return 0;
}

static int number_text(struct settle *s, struct ddb_node *node, const struct ddb_node *from)
{
	struct ddb_decimal d;
	char canonical[DDB_NUMBER_TEXT_MAX];
	enum ddb_number_fault fault = ddb_decimal_parse(from->text, &d);
	if (fault != DDB_NUMBER_OK) {
		ddb_number_refuse(fault, from->text, s->err);
		return err_wrap(s->err, "line %u, column %u", from->at.line, from->at.column);
	}
	struct slice text = slice_make(canonical, ddb_decimal_print(&d, canonical));
	node->type = DDB_N;
	if (slice_equal(text, from->text)) {
		node->text = from->text;
		return 0;
	}
	return arena_copy(s->arena, text, &node->text) ? 0 : no_memory(s);
}

/* Typed numbers are strings, as on the wire; plain ones may be either. */
static int settle_number(struct settle *s, struct ddb_node *node, const struct ddb_node *from)
{
	if (from->json == JSON_EV_STRING ||
		(from->json == JSON_EV_NUMBER && s->form == DDB_PLAIN)) {
		return number_text(s, node, from);
	}
	return refuse_kind(
		s, from, s->form == DDB_PLAIN ? "a number" : "a number written as a string");
}

static int settle_binary(struct settle *s, struct ddb_node *node, const struct ddb_node *from)
{
	if (from->json != JSON_EV_STRING) {
		return refuse_kind(s, from, "a string of base64");
	}
	buf_clear(&s->scratch);
	const char *expected = base64_decode(BASE64_PADDED, from->text, &s->scratch);
	if (s->scratch.failed) {
		return no_memory(s);
	}
	if (expected != NULL) {
		char shown[DDB_EXCERPT_MAX];
		return refuse(s, from->at, "expected %s, found \"%s\"", expected,
			ddb_excerpt(from->text, shown));
	}
	node->type = DDB_B;
	return arena_copy(s->arena, buf_slice(&s->scratch), &node->text) ? 0 : no_memory(s);
}

/* ---- names ---- */

static int refuse_twice(struct settle *s, const struct ddb_twice *t)
{
	char shown[DDB_EXCERPT_MAX];
	return refuse(s, t->second->name_at,
		"the member name \"%s\" is there twice (first at line %u, column %u)",
		ddb_excerpt(t->second->name, shown), t->first->name_at.line,
		t->first->name_at.column);
}

static int check_twice(struct settle *s, const struct ddb_node *object)
{
	struct ddb_twice twice;
	if (!ddb_find_twice(object, DDB_BY_NAME, &twice)) {
		return no_memory(s);
	}
	return twice.first != NULL ? refuse_twice(s, &twice) : 0;
}

static bool begins_with_dollar(struct slice name)
{
	return name.n > 0 && name.p[0] == '$';
}

/* "$$x" in the plain form is the attribute "$x". */
static int undouble(struct settle *s, struct ddb_node *node)
{
	if (s->form != DDB_PLAIN || !begins_with_dollar(node->name)) {
		return 0;
	}
	if (node->name.n < 2 || node->name.p[1] != '$') {
		char shown[DDB_EXCERPT_MAX];
		return refuse(s, node->name_at,
			"found the member name \"%s\"; $ss, $ns, $bs, $b and $n stand alone in an "
			"object inside an item, and a name that begins with $ is written with $$",
			ddb_excerpt(node->name, shown));
	}
	node->name = slice_make(node->name.p + 1, node->name.n - 1);
	return 0;
}

static int settle_name(struct settle *s, struct ddb_node *node)
{
	int rc = undouble(s, node);
	if (rc != 0) {
		return rc;
	}
	if (node->name.n == 0) {
		return refuse(s, node->name_at, "Empty attribute name: a name has 1 to %d bytes",
			DDB_ATTR_NAME_MAX);
	}
	if (node->name.n > DDB_ATTR_NAME_MAX) {
		return refuse(s, node->name_at,
			"the attribute name has %zu bytes, a name has 1 to %d bytes", node->name.n,
			DDB_ATTR_NAME_MAX);
	}
	return 0;
}

/* ---- lists and maps ---- */

static int settle_list(
	struct settle *s, struct ddb_node *node, const struct ddb_node *from, unsigned level)
{
	if (from->json != JSON_EV_ARRAY_BEGIN) {
		return refuse_kind(s, from, "an array");
	}
	node->of = from->of;
	node->type = DDB_L;
	int rc = 0;
	for (struct ddb_node *c = node->of.first; c != NULL && rc == 0; c = c->next) {
		rc = settle_value(s, c, level + 1);
	}
	return rc;
}

static int settle_map(
	struct settle *s, struct ddb_node *node, const struct ddb_node *from, unsigned level)
{
	if (from->json != JSON_EV_OBJECT_BEGIN) {
		return refuse_kind(s, from, "an object");
	}
	int rc = check_twice(s, from);
	node->of = from->of;
	node->type = DDB_M;
	for (struct ddb_node *c = node->of.first; c != NULL && rc == 0; c = c->next) {
		rc = settle_name(s, c);
		rc = rc != 0 ? rc : settle_value(s, c, level + 1);
	}
	return rc;
}

/* ---- sets ---- */

static int settle_element(struct settle *s, struct ddb_node *node, enum ddb_type set)
{
	switch (set) {
	case DDB_SS: return settle_string(s, node, node);
	case DDB_NS: return settle_number(s, node, node);
	default: return settle_binary(s, node, node);
	}
}

static int refuse_empty_set(struct settle *s, const struct ddb_node *from, enum ddb_type set)
{
	const char *what = set == DDB_SS   ? "An string set  may not be empty"
			   : set == DDB_NS ? "An number set  may not be empty"
					   : "Binary sets should not be empty";
	return refuse(s, from->at, "One or more parameter values were invalid: %s", what);
}

/* "a, a", as far as it is short: the message is for finding the place. */
static void show_elements(const struct ddb_node *set, struct buf *out)
{
	char shown[DDB_EXCERPT_MAX];
	for (const struct ddb_node *c = set->of.first; c != NULL; c = c->next) {
		buf_puts(out, c != set->of.first ? ", " : "");
		if (out->n > 200) {
			buf_puts(out, "...");
			return;
		}
		if (c->type == DDB_B) {
			size_t n = c->text.n < 60 ? c->text.n : 60;
			base64_encode(BASE64_PADDED, slice_make(c->text.p, n), out);
		} else {
			buf_puts(out, ddb_excerpt(c->text, shown));
		}
	}
}

static int refuse_same(struct settle *s, const struct ddb_node *set, const struct ddb_twice *t)
{
	CLEANUP(buf_free) struct buf list = BUF_INIT;
	if (set->type == DDB_NS) {
		return refuse(s, t->second->at, "Input collection contains duplicates");
	}
	show_elements(set, &list);
	return refuse(s, t->second->at,
		"One or more parameter values were invalid: Input collection [%s]%s contains "
		"duplicates.",
		buf_cstr(&list), set->type == DDB_BS ? "of type BS" : "");
}

static int settle_set(
	struct settle *s, struct ddb_node *node, const struct ddb_node *from, enum ddb_type set)
{
	struct ddb_twice twice;
	int rc = 0;
	if (from->json != JSON_EV_ARRAY_BEGIN) {
		return refuse_kind(s, from, "an array");
	}
	if (from->of.n == 0) {
		return refuse_empty_set(s, from, set);
	}
	node->of = from->of;
	node->type = set;
	for (struct ddb_node *c = node->of.first; c != NULL && rc == 0; c = c->next) {
		rc = settle_element(s, c, set);
	}
	if (rc == 0 && !ddb_find_twice(node, DDB_BY_TEXT, &twice)) {
		return no_memory(s);
	}
	return rc == 0 && twice.first != NULL ? refuse_same(s, node, &twice) : rc;
}

/* ---- one value ---- */

/* `from` is what stands under the type's name or under a tag. */
static int settle_as(struct settle *s, struct ddb_node *node, const struct ddb_node *from,
	enum ddb_type type, unsigned level)
{
	bool boolean = from->json == JSON_EV_TRUE || from->json == JSON_EV_FALSE;
	switch (type) {
	case DDB_S: return settle_string(s, node, from);
	case DDB_N: return settle_number(s, node, from);
	case DDB_B: return settle_binary(s, node, from);
	case DDB_L: return settle_list(s, node, from, level);
	case DDB_M: return settle_map(s, node, from, level);
	case DDB_SS:
	case DDB_NS:
	case DDB_BS: return settle_set(s, node, from, type);
	default: break;
	}
	if (!boolean) {
		return refuse_kind(s, from, type == DDB_NULL ? "true" : "true or false");
	}
	if (type == DDB_NULL && from->json == JSON_EV_FALSE) {
		return refuse(s, from->at,
			"One or more parameter values were invalid: Null attribute value types "
			"must have the value of true");
	}
	node->type = type;
	node->truth = from->json == JSON_EV_TRUE;
	return 0;
}

/* The type a sole member $ss, $ns, ... stands for, -1 for anything else. */
static int tag_type(const struct ddb_node *object)
{
	static const struct {
		const char *tag;
		enum ddb_type type;
	} tags[] = {
		{"$ss", DDB_SS}, {"$ns", DDB_NS}, {"$bs", DDB_BS}, {"$b", DDB_B}, {"$n", DDB_N}};
	if (object->of.n != 1) {
		return -1;
	}
	for (unsigned i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (slice_is(object->of.first->name, tags[i].tag)) {
			return (int)tags[i].type;
		}
	}
	return -1;
}

static int settle_plain(struct settle *s, struct ddb_node *node, unsigned level)
{
	int tag;
	switch (node->json) {
	case JSON_EV_STRING: return settle_string(s, node, node);
	case JSON_EV_NUMBER: return settle_number(s, node, node);
	case JSON_EV_ARRAY_BEGIN: return settle_list(s, node, node, level);
	case JSON_EV_OBJECT_BEGIN:
		tag = tag_type(node);
		return tag < 0 ? settle_map(s, node, node, level)
			       : settle_as(s, node, node->of.first, (enum ddb_type)tag, level);
	case JSON_EV_NULL:
		node->type = DDB_NULL;
		node->truth = true;
		return 0;
	default: return settle_as(s, node, node, DDB_BOOL, level);
	}
}

/* -1 when there is no such type. */
static int type_named(struct slice name)
{
	for (unsigned i = 0; i < N_TYPES; i++) {
		if (slice_is(name, ddb_type_names[i])) {
			return (int)i;
		}
	}
	return -1;
}

/* The service drops members that are no types; a file that silently loses what
 * was saved in it would not do, so they are refused. */
static int refuse_types(struct settle *s, const struct ddb_node *node, unsigned known)
{
	char shown[DDB_EXCERPT_MAX];
	const struct ddb_node *c = node->of.first;
	if (known > 1) {
		return refuse(s, node->at,
			"Supplied AttributeValue has more than one datatypes set, must contain "
			"exactly one of the supported datatypes");
	}
	if (known == 0) {
		return refuse(s, node->at,
			"Supplied AttributeValue is empty, must contain exactly one of the "
			"supported datatypes");
	}
	while (c->next != NULL && type_named(c->name) >= 0) {
		c = c->next;
	}
	return refuse(s, c->name_at,
		"expected exactly one of S, N, B, BOOL, NULL, L, M, SS, NS, BS, found \"%s\" "
		"beside it",
		ddb_excerpt(c->name, shown));
}

static int settle_typed(struct settle *s, struct ddb_node *node, unsigned level)
{
	unsigned known = 0;
	if (node->json != JSON_EV_OBJECT_BEGIN) {
		return refuse_kind(s, node, "a typed value such as {\"S\": \"text\"}");
	}
	int rc = check_twice(s, node);
	if (rc != 0) {
		return rc;
	}
	for (const struct ddb_node *c = node->of.first; c != NULL; c = c->next) {
		known += type_named(c->name) >= 0;
	}
	if (known != 1 || node->of.n != 1) {
		return refuse_types(s, node, known);
	}
	const struct ddb_node *from = node->of.first;
	return settle_as(s, node, from, (enum ddb_type)type_named(from->name), level);
}

static int settle_value(struct settle *s, struct ddb_node *node, unsigned level)
{
	if (level > DDB_LEVELS_MAX) {
		return refuse(s, node->at,
			"Nesting Levels have exceeded supported limits: Attributes in the item "
			"have nested levels beyond supported limit");
	}
	return s->form == DDB_PLAIN ? settle_plain(s, node, level) : settle_typed(s, node, level);
}

/* ---- items ---- */

struct ddb_node *ddb_sole_object(const struct ddb_node *node, const char *name)
{
	if (node == NULL || node->json != JSON_EV_OBJECT_BEGIN || node->of.n != 1 ||
		!slice_is(node->of.first->name, name) ||
		node->of.first->json != JSON_EV_OBJECT_BEGIN) {
		return NULL;
	}
	return node->of.first;
}

/* Whether the one member is a type's name over the JSON that type is made of. */
static bool fits_type(const struct ddb_node *node)
{
	switch (type_named(node->name)) {
	case DDB_S:
	case DDB_N:
	case DDB_B: return node->json == JSON_EV_STRING;
	case DDB_BOOL:
	case DDB_NULL: return node->json == JSON_EV_TRUE || node->json == JSON_EV_FALSE;
	case DDB_M: return node->json == JSON_EV_OBJECT_BEGIN;
	case -1: return false;
	default: return node->json == JSON_EV_ARRAY_BEGIN;
	}
}

/* {"Item": X} is a wrapper, or an item whose one attribute is called Item: then
 * X is a typed value. Only a chain of single M's leaves that open, and not for
 * ever: what ends the chain fits one reading or the other. */
static bool typed_by_shape(const struct ddb_node *node)
{
	for (;;) {
		if (node->json != JSON_EV_OBJECT_BEGIN || node->of.n != 1 ||
			!fits_type(node->of.first)) {
			return false;
		}
		node = node->of.first;
		if (node->json != JSON_EV_OBJECT_BEGIN || node->of.n != 1) {
			return true;
		}
		node = node->of.first;
	}
}

struct ddb_node *ddb_item_unwrap(struct ddb_node *node)
{
	struct ddb_node *inner = ddb_sole_object(node, "Item");
	return inner != NULL && !typed_by_shape(inner) ? inner : node;
}

static int settle_root(struct settle *s, struct ddb_node *root)
{
	if (root->json != JSON_EV_OBJECT_BEGIN) {
		return refuse_kind(s, root, "an item, which is an object");
	}
	return settle_map(s, root, root, 0);
}

int ddb_item_settle(struct ddb_tree *t, struct ddb_node *root, enum ddb_form form,
	struct ddb_item **out, struct err *err)
{
	struct settle s = {.arena = &t->arena, .form = form, .err = err};
	int rc = t->too_big ? ddb_item_refuse_size(0, err) : settle_root(&s, root);
	struct ddb_item *item = rc == 0 ? malloc(sizeof(*item)) : NULL;
	if (item != NULL) {
		*item = (struct ddb_item){.arena = t->arena, .root = *root};
		t->arena = (struct arena){0};
		*out = item;
	} else if (rc == 0) {
		rc = no_memory(&s);
	}
	buf_free(&s.scratch);
	ddb_tree_reset(t);
	return rc;
}

void ddb_item_free(struct ddb_item *item)
{
	if (item != NULL) {
		arena_free(&item->arena);
		free(item);
	}
}

static int tree_event(
	void *arg, enum json_event event, struct slice text, struct json_pos pos, struct err *err)
{
	return ddb_tree_event(arg, event, text, pos, err);
}

static int read_tree(struct slice text, struct ddb_tree *t, struct err *err)
{
	struct json_reader *r = json_reader_new(tree_event, t, 0, false);
	if (r == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = json_feed(r, text, err);
	rc = rc != 0 ? rc : json_finish(r, err);
	json_reader_free(r);
	return rc;
}

int ddb_item_parse(enum ddb_form form, struct slice text, struct ddb_item **out, struct err *err)
{
	CLEANUP(ddb_tree_reset) struct ddb_tree tree = {0};
	struct err why = {0};
	int rc = read_tree(text, &tree, &why);
	if (rc == 0) {
		struct ddb_node *root = form == DDB_TYPED ? ddb_item_unwrap(tree.root) : tree.root;
		rc = ddb_item_settle(&tree, root, form, out, &why);
	}
	if (rc != 0) {
		err_set(err, why.code, "%s", why.msg);
	}
	return rc;
}
