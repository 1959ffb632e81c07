#include "engines/redshift/sql/tree.h"

#include <stdlib.h>

const char *rs_node_kind(const json_t *node)
{
	const char *key = json_object_iter_key(json_object_iter((json_t *)node));

	return key != NULL ? key : "";
}

json_t *rs_node_body(const json_t *node)
{
	return json_object_iter_value(json_object_iter((json_t *)node));
}

json_t *rs_node_as(const json_t *node, const char *kind)
{
	return json_object_size(node) == 1 ? json_object_get(node, kind) : NULL;
}

json_t *rs_node_new(const char *kind, json_t *body)
{
	json_t *node = json_object();

	if (json_object_set_new(node, kind, body) != 0) {
		json_decref(node);
		return NULL;
	}
	return node;
}

void rs_node_become(json_t *node, json_t *other)
{
	json_object_clear(node);
	json_object_update(node, other);
	json_decref(other);
}

const char *rs_get_text(const json_t *body, const char *member)
{
	const char *text = json_string_value(json_object_get(body, member));

	return text != NULL ? text : "";
}

int64_t rs_get_number(const json_t *body, const char *member)
{
	return json_integer_value(json_object_get(body, member));
}

bool rs_get_flag(const json_t *body, const char *member)
{
	return json_is_true(json_object_get(body, member));
}

bool rs_get_is(const json_t *body, const char *member, const char *text)
{
	return strcmp(rs_get_text(body, member), text) == 0;
}

const char *rs_node_string(const json_t *node)
{
	return rs_get_text(rs_node_as(node, "String"), "sval");
}

json_t *rs_string_node(const char *text)
{
	return json_pack("{s:{s:s}}", "String", "sval", text);
}

json_t *rs_text_constant(const char *text)
{
	return json_pack("{s:{s:{s:s}}}", "A_Const", "sval", "sval", text);
}

json_t *rs_integer_constant(int64_t value)
{
	return json_pack("{s:{s:{s:I}}}", "A_Const", "ival", "ival", (json_int_t)value);
}

void rs_set_type(json_t *node, struct sql_type t)
{
	json_object_set_new(rs_node_body(node), "rs_type",
		json_pack("[iii]", (int)t.kind, (int)t.size, (int)t.scale));
}

static void mend_constant(json_t *body, const char *parsed)
{
	const json_t *ival = json_object_get(body, "ival");
	const json_t *at = json_object_get(body, "location");

	if (ival == NULL || json_object_size(ival) != 0 || at == NULL ||
		(size_t)json_integer_value(at) >= strlen(parsed)) {
		return;
	}
	const char *p = parsed + json_integer_value(at);

	if (*p != '-') {
		return;
	}
	p++;
	p += strspn(p, " \t\r\n");
	json_object_set_new(
		body, "ival", json_pack("{s:I}", "ival", (json_int_t)-strtoll(p, NULL, 10)));
}

void rs_tree_mend(json_t *tree, const char *parsed)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_is_array(tree)) {
		json_array_foreach (tree, i, member) {
			rs_tree_mend(member, parsed);
		}
		return;
	}
	if (!json_is_object(tree)) {
		return;
	}
	if (rs_node_as(tree, "A_Const") != NULL) {
		mend_constant(rs_node_body(tree), parsed);
		return;
	}
	json_object_foreach (tree, key, member) {
		rs_tree_mend(member, parsed);
	}
}

static bool no_meaning(const char *key)
{
	return strcmp(key, "location") == 0 || strcmp(key, "rs_implicit") == 0;
}

static size_t meaning_size(const json_t *object)
{
	return json_object_size(object) - (json_object_get(object, "location") != NULL) -
	       (json_object_get(object, "rs_implicit") != NULL);
}

static bool same_column(const json_t *a, const json_t *b)
{
	return json_equal(json_object_get(a, "rs_from"), json_object_get(b, "rs_from")) &&
	       json_equal(json_object_get(a, "rs_column"), json_object_get(b, "rs_column"));
}

bool rs_tree_equal(const json_t *a, const json_t *b)
{
	const char *key;
	json_t *member;
	size_t i;

	if (json_typeof(a) != json_typeof(b)) {
		return false;
	}
	if (json_is_array(a)) {
		json_array_foreach (a, i, member) {
			const json_t *other = json_array_get(b, i);

			if (other == NULL || !rs_tree_equal(member, other)) {
				return false;
			}
		}
		return json_array_size(a) == json_array_size(b);
	}
	if (!json_is_object(a)) {
		return json_equal(a, b);
	}
	if (json_object_get(a, "rs_from") != NULL && json_object_get(b, "rs_from") != NULL) {
		return same_column(a, b);
	}
	if (meaning_size(a) != meaning_size(b)) {
		return false;
	}
	json_object_foreach ((json_t *)a, key, member) {
		const json_t *other = json_object_get(b, key);

		if (!no_meaning(key) && (other == NULL || !rs_tree_equal(member, other))) {
			return false;
		}
	}
	return true;
}

int64_t rs_tree_location(const json_t *node)
{
	const json_t *body = rs_node_body(node);
	const json_t *at = json_object_get(body, "location");

	/* An operator's place is between its operands. */
	if (rs_node_as(node, "A_Expr") != NULL && json_object_get(body, "lexpr") != NULL) {
		int64_t left = rs_tree_location(json_object_get(body, "lexpr"));

		return left >= 0 ? left : json_integer_value(at);
	}
	if (rs_node_as(node, "TypeCast") != NULL && at == NULL) {
		return rs_tree_location(json_object_get(body, "arg"));
	}
	return at != NULL ? json_integer_value(at) : -1;
}
