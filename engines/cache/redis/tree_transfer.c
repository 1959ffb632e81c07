/* A typed key as one JSON text; scripts of a type; .exec, the commands of a cluster. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/redis/reply.h"
#include "engines/cache/redis/session.h"
#include "engines/cache/redis/tree_impl.h"
#include "engines/common/cleanup.h"

/* ---- export ---- */

#define PIECE_BYTES ((size_t)64 << 10)

struct export
{
	struct redis_place place;
	struct redis_tree *tree;
	struct buf text;
	size_t at;
};

static int export_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct redis_held_dir held;
	struct export *x = arg;
	struct redis_key key;

	buf_clear(&x->text);
	int rc = redis_place_find(t, &x->place, &key, err);
	if (rc == 0 && redis_place_held(x->tree, &x->place, &held)) {
		key = (struct redis_key){.type = x->place.type};
	} else if (rc != 1) {
		return rc < 0 ? rc : redis_place_missing(&x->place, err);
	}
	return redis_types[key.type]->export_json(t, &key, &x->text, err);
}

int redis_tree_export_open(void *ctx, const struct epath *path, const char *format, void **stream,
	uint64_t *size, struct err *err)
{
	struct redis_tree *tree = ctx;
	struct redis_place place;

	int rc = redis_place_of(path, &place, err);
	if (rc < 0) {
		return rc;
	}
	if (path->depth != 1 || place.type == REDIS_STRING || strcmp(format, "json") != 0) {
		return err_set(err, ENOTSUP, "directories of elements are exported, as json");
	}
	struct export *x = calloc(1, sizeof(*x));
	if (x == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	x->place = place;
	x->tree = tree;
	rc = redis_read(tree->server->db, export_fn, x, err);
	rc = rc < 0 ? rc : buf_check(&x->text, err);
	if (rc < 0) {
		redis_tree_export_close(x);
		return rc;
	}
	*stream = x;
	*size = x->text.n;
	return 0;
}

int redis_tree_export_read(void *stream, struct buf *out, struct err *err)
{
	struct export *x = stream;
	size_t left = x->text.n - x->at;
	size_t n = left < PIECE_BYTES ? left : PIECE_BYTES;

	if (n > 0) {
		buf_append(out, x->text.p + x->at, n);
		x->at += n;
	}
	return buf_check(out, err);
}

void redis_tree_export_close(void *stream)
{
	struct export *x = stream;

	buf_free(&x->text);
	free(x);
}

/* ---- import: a key's elements, or a script of its type ---- */

enum import_mode { MODE_APPEND, MODE_UPSERT, MODE_REPLACE, MODE_SCRIPT, MODE_EXEC };

struct import {
	struct redis_tree *tree;
	enum import_mode mode;
	struct redis_place place; /* its name lies in `name` */
	struct buf name;
	char format[16];
	struct buf text;
	struct redis_session *session; /* EXEC: text goes there */
	bool talks;		       /* EXEC: replies were read before the text ended */
	/* What came of it. */
	uint64_t n;
	struct buf report;
	bool ended; /* no key is left */
};

static int load(struct redis_txn *t, struct import *i, struct redis_key *key, struct err *err)
{
	const struct redis_type_ops *type = redis_types[i->place.type];

	if (i->mode == MODE_SCRIPT) {
		return type->script(
			t, i->place.name, key, i->format, buf_slice(&i->text), &i->report, err);
	}
	return type->import_json(
		t, i->place.name, key, buf_slice(&i->text), i->mode == MODE_APPEND, &i->n, err);
}

/* The key's row must not stay without elements. */
static int drop_if_empty(struct redis_txn *t, struct import *i, struct err *err)
{
	struct redis_key key;

	int rc = redis_place_find(t, &i->place, &key, err);
	i->ended = rc == 0;
	if (rc != 1 || key.n > 0 || key.type == REDIS_STREAM) {
		return rc < 0 ? rc : 0;
	}
	i->ended = true;
	return redis_key_delete(t, i->place.name, &key, err);
}

static int import_fn(struct redis_txn *t, void *arg, struct err *err)
{
	struct redis_held_dir held;
	struct import *i = arg;
	struct redis_key key;

	i->n = 0;
	buf_clear(&i->report);
	int rc = redis_make_room(t, i->tree->server, err);
	rc = rc < 0 ? rc : redis_key_find(t, i->place.name, &key, err);
	if (rc < 0) {
		return rc;
	}
	if (rc == 1 ? key.type != i->place.type : !redis_place_held(i->tree, &i->place, &held)) {
		return redis_place_missing(&i->place, err);
	}
	rc = rc == 1 && i->mode == MODE_REPLACE ? redis_key_delete(t, i->place.name, &key, err) : 0;
	rc = rc < 0 ? rc : redis_key_open(t, i->place.name, i->place.type, &key, err);
	rc = rc < 0 ? rc : load(t, i, &key, err);
	return rc < 0 ? rc : drop_if_empty(t, i, err);
}

/* An element that is there already is what is wrong with the text. */
static int bad_text(int rc, struct err *err)
{
	if (rc == -EEXIST && err != NULL) {
		err->code = EINVAL;
	}
	return rc == -EEXIST ? -EINVAL : rc;
}

static int end_load(struct import *i, struct buf *report, struct err *err)
{
	int rc = buf_check(&i->text, err);

	rc = rc < 0 ? rc : redis_write(i->tree->server->db, import_fn, i, err);
	rc = rc < 0 ? rc : buf_check(&i->report, err);
	if (rc < 0) {
		buf_printf(report, "%s; nothing was changed\n", err != NULL ? err->msg : "failed");
		return bad_text(rc, err);
	}
	if (i->ended) {
		redis_held_add(&i->tree->held, i->place.name, i->place.type, true, NULL);
	} else {
		redis_held_remove(&i->tree->held, i->place.name);
	}
	if (i->mode == MODE_SCRIPT) {
		buf_append_slice(report, buf_slice(&i->report));
	} else {
		buf_printf(report, "%llu %s%s stored\n", (unsigned long long)i->n,
			redis_types[i->place.type]->noun, i->n == 1 ? "" : "s");
	}
	return 0;
}

/* ---- .exec ---- */

static int show_replies(
	const struct import *i, struct slice replies, struct buf *out, struct err *err)
{
	if (strcmp(i->format, "exec.resp") == 0) {
		buf_append_slice(out, replies);
	} else if (strcmp(i->format, "exec.json") == 0) {
		return redis_reply_json(replies, out, err);
	} else {
		redis_reply_show(replies, out);
	}
	return buf_check(out, err);
}

static int end_exec(struct import *i, struct buf *report, struct err *err)
{
	CLEANUP(buf_free) struct buf replies = BUF_INIT;

	int rc = i->talks ? redis_session_run(i->session, &replies, err)
			  : redis_session_batch(i->session, &replies, err);
	rc = rc < 0 ? rc : buf_check(&replies, err);
	if (rc < 0) {
		buf_printf(report, "%s\n", err != NULL ? err->msg : "failed");
		return rc;
	}
	return show_replies(i, buf_slice(&replies), report, err);
}

int redis_tree_import_reply(void *sink, struct buf *out, struct err *err)
{
	CLEANUP(buf_free) struct buf replies = BUF_INIT;
	struct import *i = sink;

	if (i->mode != MODE_EXEC) {
		return err_set(err, ENOTSUP, "it answers when it is closed");
	}
	i->talks = true;
	int rc = redis_session_run(i->session, &replies, err);
	rc = rc < 0 ? rc : buf_check(&replies, err);
	return rc < 0 ? rc : show_replies(i, buf_slice(&replies), out, err);
}

/* ---- life ---- */

static const char *const modes[] = {"append", "upsert", "replace"};

static int mode_of(const char *mode, enum import_mode *out, struct err *err)
{
	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (strcmp(mode, modes[i]) == 0) {
			*out = (enum import_mode)i;
			return 0;
		}
	}
	if (strcmp(mode, "run") == 0) {
		*out = MODE_SCRIPT;
		return 0;
	}
	return err_set(err, ENOTSUP, "a key's elements are loaded by append, upsert or replace");
}

static bool has_script(const struct engine_script *scripts, const char *format)
{
	while (scripts != NULL && scripts->name != NULL) {
		if (strcmp(scripts->name + 1, format) == 0) {
			return true;
		}
		scripts++;
	}
	return false;
}

static int open_key(struct import *i, const struct epath *path, struct err *err)
{
	int rc = redis_place_of(path, &i->place, err);
	if (rc < 0) {
		return rc;
	}
	const struct redis_type_ops *type = redis_types[i->place.type];
	if (path->depth != 1 || i->place.type == REDIS_STRING ||
		(i->mode == MODE_SCRIPT ? !has_script(type->scripts, i->format)
					: strcmp(i->format, "json") != 0)) {
		return err_set(err, ENOTSUP, "%s cannot be loaded here", i->format);
	}
	buf_append_slice(&i->name, i->place.name);
	i->place.name = buf_slice(&i->name);
	rc = buf_check(&i->name, err);
	return rc < 0 ? rc : redis_tree_writable(i->tree, err);
}

static int open_exec(struct import *i, struct err *err)
{
	if (i->mode != MODE_SCRIPT) {
		return err_set(err, ENOTSUP, "a cluster as a whole is loaded from a snapshot");
	}
	if (strncmp(i->format, "exec", 4) != 0) {
		return err_set(err, EINVAL, "there is no script .%s here", i->format);
	}
	i->mode = MODE_EXEC;
	return redis_session_open(i->tree->server, &i->session, err);
}

int redis_tree_import_open(void *ctx, const struct epath *path, const char *mode,
	const char *format, void **sink, struct err *err)
{
	struct import *i = calloc(1, sizeof(*i));

	if (i == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	i->tree = ctx;
	snprintf(i->format, sizeof(i->format), "%s", format);
	int rc = mode_of(mode, &i->mode, err);
	rc = rc < 0 ? rc : path->depth == 0 ? open_exec(i, err) : open_key(i, path, err);
	if (rc < 0) {
		redis_tree_import_abort(i);
		return rc;
	}
	*sink = i;
	return 0;
}

int redis_tree_import_feed(void *sink, struct slice text, struct err *err)
{
	struct import *i = sink;

	if (i->mode == MODE_EXEC) {
		return redis_session_feed(i->session, text, err);
	}
	buf_append_slice(&i->text, text);
	return buf_check(&i->text, err);
}

int redis_tree_import_finish(void *sink, struct buf *report, struct err *err)
{
	struct import *i = sink;

	int rc = i->mode == MODE_EXEC ? end_exec(i, report, err) : end_load(i, report, err);
	redis_tree_import_abort(i);
	return rc;
}

void redis_tree_import_abort(void *sink)
{
	struct import *i = sink;

	redis_session_close(i->session);
	buf_free(&i->name);
	buf_free(&i->text);
	buf_free(&i->report);
	free(i);
}
