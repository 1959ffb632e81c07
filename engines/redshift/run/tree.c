/* Parts of trees for the SELECTs that an INSERT, UPDATE, DELETE or MERGE is made of. */
#include <errno.h>

#include "engines/redshift/run/run_impl.h"

static json_t *string_node(const char *text)
{
	return json_pack("{s:{s:s}}", "String", "sval", text);
}

json_t *rs_tree_column(const char *alias, const char *name)
{
	return json_pack(
		"{s:{s:[o,o]}}", "ColumnRef", "fields", string_node(alias), string_node(name));
}

json_t *rs_tree_target(json_t *value)
{
	return json_pack("{s:{s:o}}", "ResTarget", "val", value);
}

json_t *rs_tree_null(void)
{
	return json_pack("{s:{s:b}}", "A_Const", "isnull", 1);
}

static int set_if(json_t *o, const char *name, bool has, json_t *value)
{
	return has ? json_object_set_new(o, name, value) : 0;
}

json_t *rs_tree_select(json_t *targets, json_t *from, json_t *where, bool has_from, bool has_where)
{
	json_t *select = json_pack("{s:o,s:s,s:s}", "targetList", targets, "limitOption",
		"LIMIT_OPTION_DEFAULT", "op", "SETOP_NONE");

	if (select == NULL) {
		json_decref(from);
		json_decref(where);
		return NULL;
	}
	int bad = set_if(select, "fromClause", has_from, from);
	bad |= set_if(select, "whereClause", has_where, where);
	if (bad < 0) {
		json_decref(select);
		return NULL;
	}
	return select;
}

const char *rs_tree_alias(const json_t *range)
{
	const char *alias =
		json_string_value(json_object_get(json_object_get(range, "alias"), "aliasname"));

	return alias != NULL ? alias : json_string_value(json_object_get(range, "relname"));
}

int rs_tree_name(const json_t *range, struct rs_name *out, struct err *err)
{
	const char *schema = json_string_value(json_object_get(range, "schemaname"));
	const char *name = json_string_value(json_object_get(range, "relname"));

	if (name == NULL) {
		return err_set(err, EINVAL, "the statement names no table");
	}
	/* Borrowed: nobody changes or frees it through `out`. */
	*out = (struct rs_name){(char *)schema, (char *)name};
	return 0;
}
