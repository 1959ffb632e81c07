/* Index definitions: their text, what is wrong in one, and those of the database as a connection
 * knows them. */
#include "engines/docdb/storage/index.h"

#include <errno.h>
#include <stdio.h>

#include "engines/common/suggest.h"
#include "engines/docdb/values/ejson.h"

#define EXPIRE_MAX INT32_MAX

void docdb_index_free(struct docdb_index *x)
{
	if (x != NULL) {
		buf_free(&x->name);
		buf_free(&x->spec);
		buf_free(&x->key);
		doc_match_free(x->partial);
		free(x);
	}
}

void docdb_indexes_free(struct docdb_indexes *x)
{
	if (x != NULL) {
		for (size_t i = 0; i < x->n; i++) {
			docdb_index_free(x->at[i]);
		}
		free(x->at);
		free(x);
	}
}

/* ---- the key ---- */

static int cannot(struct err *err, const char *why, struct slice path)
{
	return err_set(err, EINVAL, "CannotCreateIndex (67): %s: '%.*s'", why,
		(int)(path.n < 200 ? path.n : 200), path.p);
}

/* No part of it is empty or begins with '$'. */
static int check_path(struct slice path, struct err *err)
{
	bool begins = true;

	for (size_t i = 0; i < path.n; i++) {
		if (begins && path.p[i] == '.') {
			return cannot(err, "a path of an index has no empty part", path);
		}
		if (begins && path.p[i] == '$') {
			return cannot(err, "a part of a path cannot begin with '$'", path);
		}
		begins = path.p[i] == '.';
	}
	return begins ? cannot(err, "a path of an index has no empty part", path) : 0;
}

static int check_direction(struct slice path, struct doc_value v, bool *descending, struct err *err)
{
	if (v.type == BSON_TYPE_UTF8) {
		struct slice kind = doc_string(v);
		return err_set(err, ENOTSUP,
			"an index of kind \"%.*s\" on '%.*s' is not supported: 1 (ascending) or -1 "
			"(descending) is expected",
			(int)(kind.n < 40 ? kind.n : 40), kind.p,
			(int)(path.n < 200 ? path.n : 200), path.p);
	}
	double d = doc_is_number(v) ? doc_double(v) : 0;
	if (!(d > 0) && !(d < 0)) {
		return cannot(err, "1 or -1 is expected for the path", path);
	}
	*descending = d < 0;
	return 0;
}

static int add_path(struct docdb_index *x, struct slice path, struct doc_value v, struct err *err)
{
	bool descending = false;

	if (x->n_paths == DOCDB_INDEX_PATHS) {
		return err_set(err, EINVAL,
			"CannotCreateIndex (67): Index key contains too many fields: the limit is "
			"%d",
			DOCDB_INDEX_PATHS);
	}
	for (unsigned i = 0; i < x->n_paths; i++) {
		if (slice_equal(x->path[i], path)) {
			return cannot(err, "a path comes twice", path);
		}
	}
	int rc = check_path(path, err);
	rc = rc < 0 ? rc : check_direction(path, v, &descending, err);
	if (rc == 0) {
		x->descending |= descending ? UINT32_C(1) << x->n_paths : 0;
		x->path[x->n_paths++] = path;
	}
	return rc;
}

static int take_key(struct docdb_index *x, struct doc_value v, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value direction;

	if (v.type != BSON_TYPE_DOCUMENT || doc_is_empty(v.raw)) {
		return err_set(err, EINVAL,
			"CannotCreateIndex (67): \"key\" is an object of paths, as {\"a\": 1, "
			"\"b.c\": -1}");
	}
	buf_append_slice(&x->key, v.raw);
	int rc = buf_check(&x->key, err);
	doc_iter_init(&it, buf_slice(&x->key));
	while (rc == 0 && doc_next(&it, &name, &direction)) {
		rc = add_path(x, name, direction, err);
	}
	return rc;
}

/* As the service names those that have no name: "a_1_b.c_-1". */
static void usual_name(struct docdb_index *x)
{
	for (unsigned i = 0; i < x->n_paths; i++) {
		buf_puts(&x->name, i > 0 ? "_" : "");
		buf_append_slice(&x->name, x->path[i]);
		buf_puts(&x->name, (x->descending >> i & 1) != 0 ? "_-1" : "_1");
	}
}

/* ---- options ---- */

static int take_name(struct docdb_index *x, struct doc_value v, struct err *err)
{
	if (v.type != BSON_TYPE_UTF8 || doc_string(v).n == 0 ||
		memchr(doc_string(v).p, '\0', doc_string(v).n) != NULL) {
		return err_set(err, EINVAL,
			"CannotCreateIndex (67): \"name\" is a text that is not empty");
	}
	buf_append_slice(&x->name, doc_string(v));
	return 0;
}

static int take_flag(const char *option, bool *out, struct doc_value v, struct err *err)
{
	if (v.type != BSON_TYPE_BOOL && !doc_is_number(v)) {
		return err_set(
			err, EINVAL, "CannotCreateIndex (67): \"%s\" is true or false", option);
	}
	*out = v.type == BSON_TYPE_BOOL ? doc_bool(v) : doc_double(v) != 0;
	return 0;
}

static int take_unique(struct docdb_index *x, struct doc_value v, struct err *err)
{
	return take_flag("unique", &x->unique, v, err);
}

static int take_sparse(struct docdb_index *x, struct doc_value v, struct err *err)
{
	return take_flag("sparse", &x->sparse, v, err);
}

static int take_partial(struct docdb_index *x, struct doc_value v, struct err *err)
{
	if (v.type != BSON_TYPE_DOCUMENT) {
		return err_set(err, EINVAL,
			"CannotCreateIndex (67): \"partialFilterExpression\" is a filter");
	}
	int rc = doc_match_new(v.raw, &x->partial, err);
	return rc < 0 ? err_wrap(err, "partialFilterExpression") : 0;
}

static int take_expire(struct docdb_index *x, struct doc_value v, struct err *err)
{
	double d = doc_is_number(v) ? doc_double(v) : -1;

	if (!(d >= 0 && d <= EXPIRE_MAX)) {
		return err_set(err, EINVAL,
			"CannotCreateIndex (67): \"expireAfterSeconds\" is a number from 0 to %d",
			EXPIRE_MAX);
	}
	x->ttl = true;
	x->expire_seconds = (int64_t)d;
	return 0;
}

/* What definitions of the service bear and what says nothing here. */
static int take_nothing(struct docdb_index *x, struct doc_value v, struct err *err)
{
	(void)x;
	(void)v;
	(void)err;
	return 0;
}

static const struct option {
	const char *name;
	int (*take)(struct docdb_index *x, struct doc_value v, struct err *err);
} options[] = {
	{"background", take_nothing},
	{"expireAfterSeconds", take_expire},
	{"key", take_key},
	{"name", take_name},
	{"ns", take_nothing},
	{"partialFilterExpression", take_partial},
	{"sparse", take_sparse},
	{"unique", take_unique},
	{"v", take_nothing},
};
#define N_OPTIONS (sizeof(options) / sizeof(options[0]))

static const char *next_option(const void *arg, unsigned i)
{
	(void)arg;
	return i < N_OPTIONS ? options[i].name : NULL;
}

static int take_option(
	struct docdb_index *x, struct slice name, struct doc_value v, struct err *err)
{
	for (size_t i = 0; i < N_OPTIONS; i++) {
		if (slice_is(name, options[i].name)) {
			return options[i].take(x, v, err);
		}
	}
	const char *near = suggest(name.p, next_option, NULL);
	return err_set(err, EINVAL,
		"InvalidIndexSpecificationOption (197): an index has no option '%.*s'%s%s%s",
		(int)(name.n < 100 ? name.n : 100), name.p, near != NULL ? "; did you mean " : "",
		near != NULL ? near : "", near != NULL ? "?" : "");
}

static int check_together(const struct docdb_index *x, struct err *err)
{
	if (x->ttl && x->n_paths > 1) {
		return err_set(err, EINVAL,
			"CannotCreateIndex (67): TTL indexes are single-field indexes, compound "
			"indexes do not support TTL");
	}
	if (x->ttl && slice_is(x->path[0], "_id")) {
		return err_set(err, EINVAL,
			"CannotCreateIndex (67): the field 'expireAfterSeconds' is not valid for "
			"an index on _id");
	}
	if (x->sparse && x->partial != NULL) {
		return err_set(err, EINVAL,
			"CannotCreateIndex (67): cannot mix \"partialFilterExpression\" and "
			"\"sparse\" options");
	}
	return 0;
}

/* ---- the definition ---- */

/* In one order and form, so that equal ones have equal bytes. */
static void make_spec(struct docdb_index *x, struct doc_value partial)
{
	size_t start = doc_begin(&x->spec);
	docdb_put_text(&x->spec, "name", buf_slice(&x->name));
	doc_put(&x->spec, slice_of("key"), doc_value_of(buf_slice(&x->key)));
	if (x->unique) {
		docdb_put_flag(&x->spec, "unique", true);
	}
	if (x->sparse) {
		docdb_put_flag(&x->spec, "sparse", true);
	}
	doc_put(&x->spec, slice_of("partialFilterExpression"), partial);
	if (x->ttl) {
		docdb_put_count(&x->spec, "expireAfterSeconds", (uint64_t)x->expire_seconds);
	}
	doc_end(&x->spec, start);
}

static int take_options(struct docdb_index *x, struct slice spec, struct err *err)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	int rc = 0;

	doc_iter_init(&it, spec);
	while (rc == 0 && doc_next(&it, &name, &v)) {
		rc = take_option(x, name, v, err);
	}
	return rc;
}

static int take_spec(struct docdb_index *x, struct slice spec, struct err *err)
{
	struct doc_value partial = DOC_MISSING;
	int rc;

	/* Without "key" the whole is one. */
	if (doc_field(spec, slice_of("key")).type == BSON_TYPE_DOCUMENT) {
		rc = take_options(x, spec, err);
		partial = doc_field(spec, slice_of("partialFilterExpression"));
	} else {
		rc = take_key(x, doc_value_of(spec), err);
	}
	rc = rc < 0 ? rc : check_together(x, err);
	if (rc < 0) {
		return rc;
	}
	if (x->name.n == 0) {
		usual_name(x);
	}
	make_spec(x, partial);
	rc = buf_check(&x->name, err);
	return rc < 0 ? rc : buf_check(&x->spec, err);
}

int docdb_index_parse(struct slice spec, struct docdb_index **out, struct err *err)
{
	struct docdb_index *x = calloc(1, sizeof(*x));

	if (x == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = take_spec(x, spec, err);
	if (rc < 0) {
		docdb_index_free(x);
		return rc;
	}
	*out = x;
	return 0;
}

/* ---- those of the database ---- */

static int take_row(struct docdb_indexes *all, sqlite3_stmt *stmt, struct err *err)
{
	struct docdb_index *x = NULL;
	struct docdb_index **more = realloc(all->at, (all->n + 1) * sizeof(struct docdb_index *));

	if (more == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	all->at = more;
	int rc = docdb_index_parse(store_column_slice(stmt, 3), &x, err);
	if (rc < 0 || x == NULL) {
		return rc;
	}
	x->id = sqlite3_column_int64(stmt, 0);
	x->collection = sqlite3_column_int64(stmt, 1);
	x->arrays = (uint32_t)sqlite3_column_int64(stmt, 4);
	all->at[all->n++] = x;
	return 0;
}

static int read_all(struct docdb_conn *c, struct docdb_indexes *all, struct err *err)
{
	sqlite3_stmt *stmt = docdb_stmt(c, INDEX_LIST, err);
	int rc;

	if (stmt == NULL) {
		return -err->code;
	}
	while ((rc = store_step(stmt, err)) == 1) {
		rc = take_row(all, stmt, err);
		if (rc < 0) {
			break;
		}
	}
	sqlite3_reset(stmt);
	return rc;
}

/* The number of the indexes as this transaction sees them. */
static int number_now(struct docdb_conn *c, uint64_t *out, struct err *err)
{
	if (c->changed != NULL) {
		int rc = docdb_state(c, err);
		*out = c->changed->state_indexes;
		return rc;
	}
	sqlite3_stmt *stmt = docdb_stmt(c, STATE_GET, err);
	if (stmt == NULL) {
		return -err->code;
	}
	int rc = store_step(stmt, err);
	*out = (uint64_t)sqlite3_column_int64(stmt, 1);
	sqlite3_reset(stmt);
	return rc == 0 ? err_set(err, EIO, "%s: it is damaged: its state is missing", c->label)
		       : (rc < 0 ? rc : 0);
}

int docdb_indexes_load(struct docdb_conn *c, const struct docdb_indexes **out, struct err *err)
{
	struct docdb_indexes **known = docdb_statements_indexes(c->statements);
	uint64_t number = 0;

	int rc = number_now(c, &number, err);
	if (rc < 0) {
		return rc;
	}
	if (*known == NULL || (*known)->number != number) {
		struct docdb_indexes *fresh = calloc(1, sizeof(*fresh));
		if (fresh == NULL) {
			return err_set(err, ENOMEM, "out of memory");
		}
		rc = read_all(c, fresh, err);
		if (rc < 0) {
			docdb_indexes_free(fresh);
			return rc;
		}
		fresh->number = number;
		docdb_indexes_free(*known);
		*known = fresh;
	}
	*out = *known;
	return 0;
}

int docdb_indexes_moved(struct docdb_conn *c, struct err *err)
{
	struct docdb_indexes *known = *docdb_statements_indexes(c->statements);
	int rc = docdb_state(c, err);

	if (rc < 0) {
		return rc;
	}
	c->changed->state_indexes = docdb_version(c);
	c->changed->state_dirty = true;
	/* A write has one version: what was read within it may be older than this change. */
	if (known != NULL) {
		known->number = 0;
	}
	return 0;
}
