/* What element_export.c prints, read. The text goes into the tables as it is read, so nothing is
 * collected: a name that stands there twice is known by its version, which is of this import. */
#include <errno.h>

#include "engines/cache/redis/elements.h"
#include "engines/cache/redis/json_text.h"
#include "engines/common/cleanup.h"
#include "engines/common/name.h"

enum at {
	AT_TOP,
	AT_MEMBER, /* of an object: a name or its end */
	AT_VALUE,  /* behind a name */
	AT_NAME,   /* of a set's array: a name or the end */
	AT_PAIR,   /* of an array of pairs: one or the end */
	AT_PAIR_NAME,
	AT_PAIR_VALUE,
	AT_PAIR_END,
};

struct import {
	struct redis_txn *t;
	const struct redis_elements *e;
	struct redis_key *key;
	bool fresh;
	uint64_t first; /* version of this import */
	uint64_t n;
	enum at at;
	struct buf name;
	struct redis_json_text text; /* what is being read of a name or a value */
	struct json_pos pos;	     /* of the name */
};

static void import_free(struct import *x)
{
	buf_free(&x->name);
	redis_json_text_finish(&x->text);
}

/* ---- one element ---- */

static int check_new(const struct import *x, const struct redis_element *old, struct err *err)
{
	CLEANUP(buf_free) struct buf shown = BUF_INIT;
	const char *noun = x->e->type == REDIS_HASH ? "field" : "member";
	bool twice = old->version >= x->first;

	if (!twice && !x->fresh) {
		return 0;
	}
	name_escape(buf_slice(&x->name), &shown);
	return err_set(err, twice ? EINVAL : EEXIST, "line %lu, column %lu: the %s '%.200s' %s",
		x->pos.line, x->pos.column, noun, buf_cstr(&shown),
		twice ? "stands there twice" : "exists already");
}

static int put(struct import *x, const struct redis_value *value, struct err *err)
{
	struct redis_element old;
	struct slice name = buf_slice(&x->name);
	int rc = buf_check(&x->name, err);

	rc = rc < 0 ? rc : redis_element_find(x->t, x->e, x->key->id, name, NULL, &old, err);
	bool found = rc == 1;
	rc = found ? check_new(x, &old, err) : rc;
	x->n++;
	return rc < 0 ? rc
		      : redis_element_put(
				x->t, x->e, x->key, found ? &old : NULL, name, value, NULL, err);
}

static int put_value(struct import *x, struct slice text, struct json_pos pos, struct err *err)
{
	struct redis_value value;
	struct err own = {0};

	if (x->e->parse(text, &value, &own) < 0) {
		return err_set(
			err, EINVAL, "line %lu, column %lu: %s", pos.line, pos.column, own.msg);
	}
	return put(x, &value, err);
}

/* ---- reading ---- */

static void take_name(struct import *x, struct slice name, struct json_pos pos)
{
	buf_clear(&x->name);
	buf_append_slice(&x->name, name);
	x->pos = pos;
}

/* A name or a value that is whole. */
static int take_text(struct import *x, struct slice text, struct json_pos pos, struct err *err)
{
	struct redis_value none = {0};

	switch (x->at) {
	case AT_NAME: take_name(x, text, pos); return put(x, &none, err);
	case AT_PAIR_NAME:
		take_name(x, text, pos);
		x->at = AT_PAIR_VALUE;
		return 0;
	case AT_PAIR_VALUE: x->at = AT_PAIR_END; break;
	default: x->at = AT_MEMBER; break;
	}
	return put_value(x, text, pos, err);
}

static int take_top(struct import *x, enum json_event event, struct json_pos pos, struct err *err)
{
	bool set = x->e->type == REDIS_SET;

	if (event == JSON_EV_ARRAY_BEGIN) {
		x->at = set ? AT_NAME : AT_PAIR;
		return 0;
	}
	if (event == JSON_EV_OBJECT_BEGIN && !set) {
		x->at = AT_MEMBER;
		return 0;
	}
	return redis_json_expected(pos,
		set ? "an array of members"
		: x->e->type == REDIS_HASH
			? "an object of fields, or an array of [field, value] pairs"
			: "an object of members, or an array of [member, score] pairs",
		err);
}

static int take_pair(struct import *x, enum json_event event, struct json_pos pos, struct err *err)
{
	if (x->at == AT_PAIR_END && event == JSON_EV_ARRAY_END) {
		x->at = AT_PAIR;
	} else if (x->at == AT_PAIR && event == JSON_EV_ARRAY_BEGIN) {
		x->at = AT_PAIR_NAME;
	} else if (x->at != AT_PAIR || event != JSON_EV_ARRAY_END) {
		return redis_json_expected(pos,
			x->at == AT_PAIR_END ? "']': a pair has two elements"
					     : "a pair in an array, or ']'",
			err);
	}
	return 0;
}

static int take(
	void *arg, enum json_event event, struct slice text, struct json_pos pos, struct err *err)
{
	struct import *x = arg;
	struct slice whole;

	switch (x->at) {
	case AT_TOP: return take_top(x, event, pos, err);
	case AT_PAIR:
	case AT_PAIR_END: return take_pair(x, event, pos, err);
	case AT_MEMBER: /* or the object's end */
		take_name(x, text, pos);
		x->at = event == JSON_EV_KEY ? AT_VALUE : AT_MEMBER;
		return 0;
	default: break;
	}
	if (x->at == AT_NAME && event == JSON_EV_ARRAY_END) {
		return 0;
	}
	int rc = redis_json_text_feed(&x->text, event, text, pos, &whole, err);
	return rc == 1 ? take_text(x, whole, pos, err) : rc;
}

static void free_reader(struct json_reader **r)
{
	json_reader_free(*r);
}

int redis_elements_import(struct redis_txn *t, struct slice name, struct redis_key *key,
	struct slice text, bool fresh, uint64_t *n, struct err *err)
{
	CLEANUP(import_free)
	struct import x = {.t = t,
		.e = redis_elements_of(key->type),
		.key = key,
		.fresh = fresh,
		.first = redis_version(t)};
	CLEANUP(free_reader) struct json_reader *r = json_reader_new(take, &x, 3, false);

	if (r == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = json_feed(r, text, err);
	rc = rc < 0 ? rc : json_finish(r, err);
	rc = rc < 0 || x.n == 0 ? rc : redis_key_save(t, name, key, NULL, err);
	if (rc == 0) {
		*n = x.n;
	}
	return rc;
}
