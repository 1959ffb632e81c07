/* Items out of a stream of any length, in constant memory.
 *
 * What the stream is shows at its start. A value at the top is an array of
 * items, or one item (JSON lines), or a request file, {"Table": [{"PutRequest":
 * {...}}, ...], ...}, as BatchWriteItem takes it. Entries, the JSON values that
 * hold one item each, so begin inside one open bracket, none, or two. Only the
 * request file has to be told from an item: it is one when the very first
 * things in the object are a member, an array, an object and the member name
 * PutRequest or DeleteRequest. By then a little of a tree has been built as if
 * for an item; it is thrown away, and the entry is begun anew.
 *
 * An entry is a bare item, {"Item": {...}}, or {"PutRequest": {"Item": {...}}};
 * the wrapped ones are typed. In the plain form {"Item": {...}} cannot be an
 * item: its only attribute would be a map, and so no key. */
#include <errno.h>
#include <stdlib.h>

#include "engines/dynamodb/tree.h"

struct ddb_stream {
	enum ddb_form bare;
	ddb_stream_fn *fn;
	void *arg;
	struct json_reader *reader;
	struct ddb_tree tree; /* of the entry being read */
	unsigned entry_depth; /* brackets open around an entry */
	unsigned depth;	      /* brackets open now */
	unsigned events;      /* of the value at the top, as far as needed */
	uint64_t number;
};

/* ---- entries ---- */

/* The item inside its wrapper, if any, and the form that goes with it. */
static struct ddb_node *unwrap(const struct ddb_stream *s, enum ddb_form *form)
{
	struct ddb_node *root = s->tree.root;
	struct ddb_node *put = ddb_sole_object(root, "PutRequest");
	struct ddb_node *item = ddb_sole_object(put != NULL ? put : root, "Item");
	bool wrapped = item != NULL && (put != NULL || s->bare == DDB_PLAIN);
	*form = wrapped ? DDB_TYPED : s->bare;
	if (wrapped) {
		return item;
	}
	return s->bare == DDB_TYPED && root != NULL ? ddb_item_unwrap(root) : root;
}

/* Whether an entry may stand where it does: a request file holds requests. */
static int check_request(const struct ddb_stream *s, struct err *bad)
{
	const struct ddb_node *root = s->tree.root;
	const struct ddb_node *put = ddb_sole_object(root, "PutRequest");
	bool removes = ddb_sole_object(root, "DeleteRequest") != NULL;
	bool fits = s->entry_depth != 2 || ddb_sole_object(put, "Item") != NULL;
	if (!removes && (fits || root == NULL)) {
		return 0;
	}
	return err_set(bad, EINVAL,
		"line %u, column %u: expected {\"PutRequest\": {\"Item\": {...}}}, found %s",
		s->tree.began.line, s->tree.began.column,
		removes ? "a DeleteRequest (an import only adds items)" : "something else");
}

static int settle(struct ddb_stream *s, struct ddb_item **out, struct err *bad)
{
	enum ddb_form form;
	int rc = check_request(s, bad);
	if (rc != 0) {
		ddb_tree_reset(&s->tree);
		return rc;
	}
	struct ddb_node *node = unwrap(s, &form);
	return ddb_item_settle(&s->tree, node, form, out, bad);
}

static int entry_done(struct ddb_stream *s, struct err *err)
{
	struct ddb_item *item = NULL;
	struct err bad = {0};
	unsigned long line = s->tree.began.line;
	int rc = settle(s, &item, &bad);
	if (rc == -ENOMEM) {
		return err_set(err, ENOMEM, "%s", bad.msg);
	}
	return s->fn(s->arg, item, ++s->number, line, rc != 0 ? &bad : NULL, err);
}

static int feed_entry(struct ddb_stream *s, enum json_event event, struct slice text,
	struct json_pos pos, struct err *err)
{
	int rc = ddb_tree_event(&s->tree, event, text, pos, err);
	return rc == 0 && ddb_tree_done(&s->tree) ? entry_done(s, err) : rc;
}

/* ---- what kind of file ---- */

static bool is_request_name(struct slice text)
{
	return slice_is(text, "PutRequest") || slice_is(text, "DeleteRequest");
}

/* Event 5 of {"Table": [{"PutRequest": ... and no other way there: the events
 * before were '{', the name, '[' and '{'. */
static bool requests_begin(const struct ddb_stream *s, enum json_event event, struct slice text)
{
	return s->events == 5 && s->depth == 3 && event == JSON_EV_KEY && is_request_name(text) &&
	       s->entry_depth == 0;
}

/* The tree holds '{' "Table" '[' '{': starts over with the entry's own '{'. */
static int begin_requests(
	struct ddb_stream *s, struct slice text, struct json_pos pos, struct err *err)
{
	const struct ddb_node *array = s->tree.root->of.first;
	struct ddb_pos at = array->of.first->at;
	ddb_tree_reset(&s->tree);
	s->entry_depth = 2;
	int rc = ddb_tree_event(&s->tree, JSON_EV_OBJECT_BEGIN, slice_make("", 0),
		(struct json_pos){at.line, at.column}, err);
	return rc != 0 ? rc : ddb_tree_event(&s->tree, JSON_EV_KEY, text, pos, err);
}

/* Between entries: the brackets and names around them. */
static int around(struct ddb_stream *s, enum json_event event, struct json_pos pos, struct err *err)
{
	bool table = s->entry_depth == 2 && s->depth == 1;
	if (table && event != JSON_EV_KEY && event != JSON_EV_ARRAY_BEGIN &&
		event != JSON_EV_OBJECT_END) {
		return err_set(err, EINVAL,
			"line %lu, column %lu: expected an array of requests, found %s", pos.line,
			pos.column, ddb_json_name(event));
	}
	return 0;
}

static bool begins(enum json_event event)
{
	return event == JSON_EV_OBJECT_BEGIN || event == JSON_EV_ARRAY_BEGIN;
}

static bool ends(enum json_event event)
{
	return event == JSON_EV_OBJECT_END || event == JSON_EV_ARRAY_END;
}

/* An event belongs to an entry when one is being read or begins here. */
static int route(struct ddb_stream *s, enum json_event event, struct slice text,
	struct json_pos pos, struct err *err)
{
	if (requests_begin(s, event, text)) {
		return begin_requests(s, text, pos, err);
	}
	if (s->tree.started || (s->depth == s->entry_depth && !ends(event))) {
		return feed_entry(s, event, text, pos, err);
	}
	return around(s, event, pos, err);
}

static int stream_event(
	void *arg, enum json_event event, struct slice text, struct json_pos pos, struct err *err)
{
	struct ddb_stream *s = arg;
	if (s->depth == 0) {
		s->entry_depth = event == JSON_EV_ARRAY_BEGIN ? 1 : 0;
		s->events = 0;
	}
	s->events += s->events < 6;
	int rc = route(s, event, text, pos, err);
	if (begins(event)) {
		s->depth++;
	} else if (ends(event)) {
		s->depth--;
	}
	return rc;
}

/* ---- item.h ---- */

struct ddb_stream *ddb_stream_new(enum ddb_form bare, ddb_stream_fn *fn, void *arg)
{
	struct ddb_stream *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return NULL;
	}
	*s = (struct ddb_stream){.bare = bare, .fn = fn, .arg = arg};
	s->reader = json_reader_new(stream_event, s, 0, true);
	if (s->reader == NULL) {
		free(s);
		return NULL;
	}
	return s;
}

void ddb_stream_free(struct ddb_stream *s)
{
	if (s != NULL) {
		json_reader_free(s->reader);
		ddb_tree_reset(&s->tree);
		free(s);
	}
}

int ddb_stream_feed(struct ddb_stream *s, struct slice text, struct err *err)
{
	return json_feed(s->reader, text, err);
}

int ddb_stream_finish(struct ddb_stream *s, struct err *err)
{
	return json_finish(s->reader, err);
}
