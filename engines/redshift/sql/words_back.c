/* What words.c took out of a text, put into the tree that was made of the rest. */
#include <errno.h>

#include "engines/redshift/sql/parse.h"

static json_t *first_of(const json_t *list)
{
	return json_is_array(list) ? json_array_get(list, 0) : NULL;
}

static json_t *body_as(const json_t *node, const char *kind)
{
	return json_object_get(node, kind);
}

static const char *call_name(const json_t *call)
{
	const json_t *name = body_as(first_of(json_object_get(call, "funcname")), "String");
	const char *text = json_string_value(json_object_get(name, "sval"));
	return text == NULL ? "" : text;
}

static size_t place(const json_t *body)
{
	return (size_t)json_integer_value(json_object_get(body, "location"));
}

/* "rs top"(5) at the head of the list becomes the limit. */
static int put_top(struct rs_parse *p, json_t *select)
{
	json_t *list = json_object_get(select, "targetList");
	json_t *call =
		body_as(json_object_get(body_as(first_of(list), "ResTarget"), "val"), "FuncCall");
	if (call == NULL || strcmp(call_name(call), "rs top") != 0) {
		return 0;
	}
	if (json_object_get(select, "limitCount") != NULL) {
		return rs_refuse_at(
			p, place(call), EINVAL, "TOP and LIMIT; one of them is expected");
	}
	json_t *count = first_of(json_object_get(call, "args"));
	if (json_object_set(select, "limitCount", count) < 0 ||
		json_object_set_new(select, "limitOption", json_string("LIMIT_OPTION_COUNT")) < 0 ||
		json_array_remove(list, 0) < 0) {
		return err_set(p->err, ENOMEM, "no memory for a tree");
	}
	return 0;
}

static int put_qualify(struct rs_parse *p, json_t *select)
{
	json_t *window = body_as(first_of(json_object_get(select, "windowClause")), "WindowDef");
	const char *name = json_string_value(json_object_get(window, "name"));
	if (name == NULL || strcmp(name, "rs qualify") != 0) {
		return 0;
	}
	json_t *conditions = json_object_get(window, "partitionClause");
	if (json_array_size(conditions) != 1) {
		return rs_refuse_at(p, place(window), EINVAL,
			"found QUALIFY with a list; one condition is expected");
	}
	if (json_object_set(select, "rs_qualify", first_of(conditions)) < 0) {
		return err_set(p->err, ENOMEM, "no memory for a tree");
	}
	json_object_del(select, "windowClause");
	return 0;
}

/* LIMIT ALL is none. */
static void put_limit(json_t *select)
{
	const json_t *limit = body_as(json_object_get(select, "limitCount"), "A_Const");
	if (json_is_true(json_object_get(limit, "isnull"))) {
		json_object_del(select, "limitCount");
	}
}

/* CONVERT(null::T, x): the TypeCast has x instead of NULL, and stands where the call stood. */
static int put_convert(struct rs_parse *p, json_t *node, const json_t *call)
{
	json_t *args = json_object_get(call, "args");
	json_t *cast = body_as(first_of(args), "TypeCast");
	if (cast == NULL || json_array_size(args) != 2) {
		return rs_refuse_at(p, place(call), EINVAL,
			"found CONVERT of something else; CONVERT(type, value) is expected");
	}
	if (json_object_set(cast, "arg", json_array_get(args, 1)) < 0 ||
		json_object_set(node, "TypeCast", cast) < 0) {
		return err_set(p->err, ENOMEM, "no memory for a tree");
	}
	json_object_del(node, "FuncCall");
	return 0;
}

static int put_marks(struct rs_parse *p, const struct rs_words *w, json_t *node)
{
	json_t *call = json_object_get(node, "FuncCall");
	for (unsigned i = 0; call != NULL && i < w->n_marks; i++) {
		if (w->marks[i].at != place(call)) {
			continue;
		}
		if (strcmp(w->marks[i].member, "rs_convert") == 0) {
			return put_convert(p, node, call);
		}
		if (json_object_set_new(call, w->marks[i].member, json_true()) < 0) {
			return err_set(p->err, ENOMEM, "no memory for a tree");
		}
	}
	return 0;
}

/* Inner nodes first: a call that becomes a cast leaves nothing behind it undone. */
int rs_words_back(struct rs_parse *p, const struct rs_words *w, json_t *tree)
{
	const char *key;
	json_t *member;
	size_t i;
	int rc = 0;
	if (json_is_array(tree)) {
		json_array_foreach (tree, i, member) {
			rc = rc < 0 ? rc : rs_words_back(p, w, member);
		}
		return rc;
	}
	if (!json_is_object(tree)) {
		return 0;
	}
	json_object_foreach (tree, key, member) {
		rc = rc < 0 ? rc : rs_words_back(p, w, member);
	}
	rc = rc < 0 ? rc : put_top(p, tree);
	rc = rc < 0 ? rc : put_qualify(p, tree);
	put_limit(tree);
	return rc < 0 ? rc : put_marks(p, w, tree);
}
