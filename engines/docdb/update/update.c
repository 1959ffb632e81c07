/* Updates as a whole: what comes of a document, and of none. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/update/update_impl.h"

static const struct slice id_name = {"_id", 3};

static int job_begin(struct update_job *j)
{
	j->arena = doc_arena_new();
	return j->arena != NULL ? 0 : err_set(j->err, ENOMEM, "out of memory");
}

static void job_end(struct update_job *j)
{
	buf_free(&j->path);
	doc_arena_free(j->arena);
}

/* ---- limits ---- */

/* Whether values nest deeper than `left` more levels. */
static bool too_deep(struct slice document, unsigned left)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	if (left == 0) {
		return true;
	}
	doc_iter_init(&it, document);
	while (doc_next(&it, &name, &v)) {
		if ((v.type == BSON_TYPE_DOCUMENT || v.type == BSON_TYPE_ARRAY) &&
			too_deep(v.raw, left - 1)) {
			return true;
		}
	}
	return false;
}

static int check_limits(struct update_job *j, struct slice document)
{
	if (document.n > DOC_BYTES_MAX) {
		return err_set(j->err, EFBIG, "Resulting document after update is larger than %d",
			DOC_BYTES_MAX);
	}
	return too_deep(document, DOC_DEPTH_MAX) ? err_set(j->err, EINVAL,
							   "Resulting document after update "
							   "exceeds the maximum nesting depth "
							   "of %d",
							   DOC_DEPTH_MAX)
						 : 0;
}

/* ---- _id ---- */

static void put_but_id(struct slice document, struct buf *out)
{
	struct doc_iter it;
	struct slice name;
	struct doc_value v;
	doc_iter_init(&it, document);
	while (doc_next(&it, &name, &v)) {
		if (!slice_equal(name, id_name)) {
			doc_put(out, name, v);
		}
	}
}

/* The document with that _id, first. */
static void put_with_id(struct doc_value id, struct slice document, struct buf *out)
{
	size_t at = doc_begin(out);
	doc_put(out, id_name, id);
	put_but_id(document, out);
	doc_end(out, at);
}

/* A document that takes another's place: it keeps the _id, or says the same. */
static int replace(struct update_job *j, struct slice by, struct buf *out)
{
	struct doc_value old = doc_field(j->document, id_name);
	struct doc_value id = doc_field(by, id_name);
	if (old.type != BSON_TYPE_EOD && id.type != BSON_TYPE_EOD && !doc_equal(old, id)) {
		return update_refuse(j,
			"After applying the update, the (immutable) field '_id' of the document "
			"with %s was found to have been altered",
			update_id(j));
	}
	put_with_id(id.type != BSON_TYPE_EOD ? id : old, by, out);
	return 0;
}

static int check_id(struct update_job *j, struct slice after)
{
	struct doc_value old = doc_field(j->document, id_name);
	if (old.type == BSON_TYPE_EOD || doc_equal(old, doc_field(after, id_name))) {
		return 0;
	}
	return update_refuse(j,
		"Performing an update on the path '_id' would modify the immutable field '_id' of "
		"the document with %s",
		update_id(j));
}

/* ---- applying ---- */

static int apply_replacement(struct update_job *j, struct buf *out)
{
	struct buf next = BUF_INIT;
	int r = update_pipeline(j, &next);
	r = r < 0 ? r : replace(j, buf_slice(&next), out);
	buf_free(&next);
	return r;
}

static int apply(struct update_job *j, struct buf *out)
{
	size_t start = out->n;
	int r = 0;
	switch (j->u->form) {
	case UPDATE_REPLACEMENT: r = replace(j, j->u->replacement, out); break;
	case UPDATE_PIPELINE: r = apply_replacement(j, out); break;
	default: r = update_tree(j, j->u->root, j->document, out); break;
	}
	r = r < 0 ? r : buf_check(out, j->err);
	if (r < 0) {
		return r;
	}
	struct slice after = buf_since(out, start);
	r = check_id(j, after);
	return r < 0 ? r : check_limits(j, after);
}

int doc_update_apply(const struct doc_update *u, struct slice document,
	const struct doc_match *filter, int64_t now_ms, struct buf *out, bool *changed,
	struct err *err)
{
	struct update_job j = {
		.u = u, .document = document, .filter = filter, .now_ms = now_ms, .err = err};
	size_t start = out->n;
	int r = job_begin(&j);
	r = r < 0 ? r : apply(&j, out);
	if (r == 0) {
		*changed = !slice_equal(buf_since(out, start), document);
	}
	job_end(&j);
	return r;
}

/* ---- upserts ---- */

struct equalities {
	struct update_parser p;
	struct update_node *root;
	bool only_id; /* a replacement takes no more of a filter */
};

static int add_equality(void *arg, struct slice path, struct doc_value v)
{
	struct equalities *e = arg;
	struct update_node *node = NULL;
	struct err err = {0};
	if (e->only_id && !slice_equal(path, id_name)) {
		return 0;
	}
	struct err *told = e->p.err;
	e->p.err = &err;
	int r = update_path_add(&e->p, e->root, path, &node);
	e->p.err = told;
	if (r == -ENOMEM) {
		return err_set(told, ENOMEM, "%s", err.msg);
	}
	if (r < 0) {
		return err_set(told, EINVAL,
			"cannot infer query fields to set, path '%.*s' is matched twice, or cannot "
			"be one: %s",
			(int)(path.n < 200 ? path.n : 200), path.p, err.msg);
	}
	if (node != NULL) {
		node->op = UPDATE_SET;
		node->value = v;
	}
	return 0;
}

/* The document of what the filter says of it. */
static int insert_base(struct update_job *j, const struct doc_match *filter, struct buf *out)
{
	struct doc_update none = {.form = UPDATE_OPERATORS};
	struct equalities e = {.p = {&none, j->arena, j->err},
		.root = update_node_new(j->arena, slice_of("")),
		.only_id = j->u->form == UPDATE_REPLACEMENT};
	if (e.root == NULL) {
		return err_set(j->err, ENOMEM, "out of memory");
	}
	int r = filter != NULL ? doc_match_equalities(filter, add_equality, &e) : 0;
	r = r < 0 ? r : update_tree(j, e.root, slice_make("\5\0\0\0", 5), out);
	return r < 0 ? r : buf_check(out, j->err);
}

static int insert(
	struct update_job *j, const struct doc_match *filter, struct buf *base, struct buf *out)
{
	struct buf made = BUF_INIT;
	int r = insert_base(j, filter, base);
	if (r == 0) {
		j->document = buf_slice(base);
		r = apply(j, &made);
	}
	if (r == 0) {
		put_with_id(doc_field(buf_slice(&made), id_name), buf_slice(&made), out);
		r = buf_check(out, j->err);
	}
	buf_free(&made);
	return r;
}

int doc_update_insert(const struct doc_update *u, const struct doc_match *filter, int64_t now_ms,
	struct buf *out, struct err *err)
{
	struct update_job j = {
		.u = u, .document = slice_of(""), .now_ms = now_ms, .insert = true, .err = err};
	CLEANUP(buf_free) struct buf base = BUF_INIT;
	int r = job_begin(&j);
	r = r < 0 ? r : insert(&j, filter, &base, out);
	job_end(&j);
	return r;
}
