#include "engines/dynamodb/tree.h"

#include <errno.h>
#include <stdlib.h>

static int no_memory(struct err *err)
{
	return err_set(err, ENOMEM, "out of memory");
}

static struct ddb_pos position(struct json_pos pos)
{
	return (struct ddb_pos){(uint32_t)pos.line, (uint32_t)pos.column};
}

static int push(struct ddb_tree *t, struct ddb_node *node, struct err *err)
{
	if (t->depth == t->cap) {
		unsigned cap = t->cap > 0 ? t->cap * 2 : 16;
		struct ddb_open *p = realloc(t->open, cap * sizeof(*p));
		if (p == NULL) {
			return no_memory(err);
		}
		t->open = p;
		t->cap = cap;
	}
	t->open[t->depth++] = (struct ddb_open){.node = node};
	return 0;
}

static void append(struct ddb_tree *t, struct ddb_node *node)
{
	if (t->depth == 0) {
		t->root = node;
		return;
	}
	struct ddb_open *o = &t->open[t->depth - 1];
	if (o->last == NULL) {
		o->node->of.first = node;
	} else {
		o->last->next = node;
	}
	o->last = node;
	o->node->of.n++;
}

static struct ddb_node *new_node(struct ddb_tree *t, enum json_event event, struct json_pos pos)
{
	struct ddb_node *node = arena_alloc(&t->arena, sizeof(*node));
	if (node == NULL) {
		return NULL;
	}
	*node = (struct ddb_node){
		.json = event, .at = position(pos), .name = t->name, .name_at = t->name_at};
	t->name = (struct slice){0};
	append(t, node);
	return node;
}

static int add_value(struct ddb_tree *t, enum json_event event, struct slice text,
	struct json_pos pos, struct err *err)
{
	struct ddb_node *node = new_node(t, event, pos);
	if (node == NULL) {
		return no_memory(err);
	}
	switch (event) {
	case JSON_EV_OBJECT_BEGIN:
	case JSON_EV_ARRAY_BEGIN: return push(t, node, err);
	case JSON_EV_STRING:
	case JSON_EV_NUMBER: return arena_copy(&t->arena, text, &node->text) ? 0 : no_memory(err);
	default: return 0;
	}
}

/* Nothing is kept any more, only where the value ends. */
static void drop(struct ddb_tree *t)
{
	arena_free(&t->arena);
	t->root = NULL;
	t->too_big = true;
}

static int skip(struct ddb_tree *t, enum json_event event, struct err *err)
{
	bool begins = event == JSON_EV_OBJECT_BEGIN || event == JSON_EV_ARRAY_BEGIN;
	return begins ? push(t, NULL, err) : 0;
}

int ddb_tree_event(struct ddb_tree *t, enum json_event event, struct slice text,
	struct json_pos pos, struct err *err)
{
	if (!t->started) {
		t->started = true;
		t->began = position(pos);
	}
	if (event == JSON_EV_OBJECT_END || event == JSON_EV_ARRAY_END) {
		t->depth--;
		return 0;
	}
	if (!t->too_big && t->arena.total > DDB_TREE_MAX_BYTES) {
		drop(t);
	}
	if (t->too_big) {
		return skip(t, event, err);
	}
	if (event == JSON_EV_KEY) {
		t->name_at = position(pos);
		return arena_copy(&t->arena, text, &t->name) ? 0 : no_memory(err);
	}
	return add_value(t, event, text, pos, err);
}

bool ddb_tree_done(const struct ddb_tree *t)
{
	return t->started && t->depth == 0;
}

void ddb_tree_reset(struct ddb_tree *t)
{
	arena_free(&t->arena);
	free(t->open);
	*t = (struct ddb_tree){0};
}

const char *ddb_json_name(enum json_event json)
{
	switch (json) {
	case JSON_EV_OBJECT_BEGIN: return "an object";
	case JSON_EV_ARRAY_BEGIN: return "an array";
	case JSON_EV_STRING: return "a string";
	case JSON_EV_NUMBER: return "a number";
	case JSON_EV_TRUE: return "true";
	case JSON_EV_FALSE: return "false";
	default: return "null";
	}
}
