/* Types: their names, what becomes what, and what several have in common. */
#include <stdio.h>
#include <stdlib.h>

#include "engines/redshift/sql/bind_impl.h"

bool bind_is_text(enum sql_kind kind)
{
	return kind == SQL_CHAR || kind == SQL_VARCHAR;
}

bool bind_is_integer(enum sql_kind kind)
{
	return kind == SQL_SMALLINT || kind == SQL_INTEGER || kind == SQL_BIGINT;
}

bool bind_is_float(enum sql_kind kind)
{
	return kind == SQL_REAL || kind == SQL_DOUBLE;
}

bool bind_is_time(enum sql_kind kind)
{
	return kind == SQL_TIMESTAMP || kind == SQL_TIMESTAMPTZ;
}

const char *bind_type_text(struct sql_type t, char room[64])
{
	CLEANUP(buf_free) struct buf out = BUF_INIT;

	if (t.kind == SQL_UNKNOWN) {
		return "a text or NULL without a type";
	}
	sql_type_name(t, &out);
	snprintf(room, 64, "%s", buf_cstr(&out));
	return room;
}

struct sql_type bind_decimal_of(struct sql_type t)
{
	unsigned size = t.kind == SQL_SMALLINT ? 5 : t.kind == SQL_INTEGER ? 10 : 19;

	return t.kind == SQL_DECIMAL ? t : (struct sql_type){.kind = SQL_DECIMAL, .size = size};
}

/* ---- names ---- */

static const struct {
	const char *name;
	enum sql_kind kind;
} type_names[] = {
	{"bool", SQL_BOOLEAN},
	{"boolean", SQL_BOOLEAN},
	{"bpchar", SQL_CHAR},
	{"char", SQL_CHAR},
	{"date", SQL_DATE},
	{"float", SQL_DOUBLE},
	{"float4", SQL_REAL},
	{"float8", SQL_DOUBLE},
	{"int2", SQL_SMALLINT},
	{"int4", SQL_INTEGER},
	{"int8", SQL_BIGINT},
	{"interval", SQL_INTERVAL},
	{"nchar", SQL_CHAR},
	{"numeric", SQL_DECIMAL},
	{"nvarchar", SQL_VARCHAR},
	{"string", SQL_VARCHAR},
	{"text", SQL_VARCHAR},
	{"time", SQL_TIME},
	{"timestamp", SQL_TIMESTAMP},
	{"timestamptz", SQL_TIMESTAMPTZ},
	{"varchar", SQL_VARCHAR},
};

static int64_t modifier(const json_t *type_name, size_t i, int64_t none)
{
	const json_t *node = json_array_get(json_object_get(type_name, "typmods"), i);

	return node == NULL ? none
			    : rs_get_number(json_object_get(rs_node_body(node), "ival"), "ival");
}

static int with_modifiers(struct binder *b, const json_t *type_name, struct sql_type *out)
{
	int64_t size = modifier(type_name, 0, out->kind == SQL_DECIMAL ? 18 : 0);
	int64_t scale = modifier(type_name, 1, 0);
	int64_t at = rs_get_number(type_name, "location");

	if (out->kind == SQL_DECIMAL) {
		if (size < 1 || size > SQL_DECIMAL_MAX || scale < 0 || scale > size) {
			return bind_fail(b, EINVAL, at,
				"numeric(%lld,%lld): 1 to 38 digits, of them 0 to all behind the "
				"point",
				(long long)size, (long long)scale);
		}
		out->size = (unsigned)size;
		out->scale = (unsigned)scale;
	} else if (bind_is_text(out->kind)) {
		int64_t most = out->kind == SQL_CHAR ? SQL_CHAR_MAX : SQL_VARCHAR_MAX;

		if (size < 0 || size > most) {
			return bind_fail(b, EINVAL, at, "a length of %lld bytes: 1 to %lld",
				(long long)size, (long long)most);
		}
		out->size = (unsigned)size;
	}
	return 0;
}

int bind_type_name(struct binder *b, const json_t *type_name, struct sql_type *out)
{
	const json_t *names = json_object_get(type_name, "names");
	const char *name = rs_node_string(json_array_get(names, json_array_size(names) - 1));

	for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
		if (strcmp(type_names[i].name, name) == 0) {
			*out = BIND_TYPE(type_names[i].kind);
			return with_modifiers(b, type_name, out);
		}
	}
	return bind_fail(b, EINVAL, rs_get_number(type_name, "location"),
		"type \"%s\" is not one of Redshift's that are supported", name);
}

/* ---- one type of several ---- */

static struct sql_type unify_decimals(struct sql_type a, struct sql_type b)
{
	unsigned scale = a.scale > b.scale ? a.scale : b.scale;
	unsigned whole = a.size - a.scale > b.size - b.scale ? a.size - a.scale : b.size - b.scale;

	if (whole + scale > SQL_DECIMAL_MAX) {
		scale = SQL_DECIMAL_MAX - whole;
	}
	return (struct sql_type){.kind = SQL_DECIMAL, .size = whole + scale, .scale = scale};
}

static struct sql_type unify_numbers(struct sql_type a, struct sql_type b)
{
	if (bind_is_float(a.kind) || bind_is_float(b.kind)) {
		return BIND_TYPE(a.kind == SQL_REAL && b.kind == SQL_REAL ? SQL_REAL : SQL_DOUBLE);
	}
	if (a.kind == SQL_DECIMAL || b.kind == SQL_DECIMAL) {
		return unify_decimals(bind_decimal_of(a), bind_decimal_of(b));
	}
	return BIND_TYPE(a.kind > b.kind ? a.kind : b.kind);
}

static struct sql_type unify_texts(struct sql_type a, struct sql_type b)
{
	struct sql_type t = {.kind = a.kind == b.kind ? a.kind : SQL_VARCHAR};

	if (a.size != 0 && b.size != 0) {
		t.size = a.size > b.size ? a.size : b.size;
	}
	return t;
}

bool bind_unify(struct sql_type a, struct sql_type b, struct sql_type *out)
{
	if (a.kind == SQL_UNKNOWN || b.kind == SQL_UNKNOWN) {
		*out = a.kind == SQL_UNKNOWN ? b : a;
	} else if (sql_is_number(a.kind) && sql_is_number(b.kind)) {
		*out = unify_numbers(a, b);
	} else if (bind_is_text(a.kind) && bind_is_text(b.kind)) {
		*out = unify_texts(a, b);
	} else if (a.kind == b.kind) {
		*out = a;
	} else if ((a.kind == SQL_DATE || bind_is_time(a.kind)) &&
		   (b.kind == SQL_DATE || bind_is_time(b.kind))) {
		*out = BIND_TYPE(a.kind > b.kind ? a.kind : b.kind);
	} else {
		return false;
	}
	return true;
}

int bind_unify_all(
	struct binder *b, json_t *const *nodes, size_t n, const char *what, struct sql_type *out)
{
	struct sql_type t = BIND_TYPE(SQL_UNKNOWN);
	char left[64];
	char right[64];

	for (size_t i = 0; i < n; i++) {
		struct sql_type next = rs_type_of(nodes[i]);

		if (!bind_unify(t, next, &t)) {
			return bind_fail(b, EINVAL, rs_tree_location(nodes[i]),
				"%s: %s and %s have no type in common; a cast (::) tells which is "
				"meant",
				what, bind_type_text(t, left), bind_type_text(next, right));
		}
	}
	/* An unknown text has any length. */
	for (size_t i = 0; i < n; i++) {
		if (bind_is_text(t.kind) && rs_type_of(nodes[i]).kind == SQL_UNKNOWN) {
			t.kind = SQL_VARCHAR;
			t.size = 0;
		}
	}
	if (t.kind == SQL_UNKNOWN) {
		t = BIND_TYPE(SQL_VARCHAR);
	}
	for (size_t i = 0; i < n; i++) {
		int rc = bind_become(b, nodes[i], t);

		if (rc != 0) {
			return rc;
		}
	}
	*out = t;
	return 0;
}

/* ---- casts ---- */

bool bind_may_become(struct sql_type from, struct sql_type to)
{
	if (from.kind == SQL_UNKNOWN || from.kind == to.kind) {
		return true;
	}
	if (bind_is_text(to.kind)) {
		return bind_is_text(from.kind);
	}
	if (sql_is_number(from.kind) && sql_is_number(to.kind)) {
		return bind_is_integer(from.kind) || bind_is_float(to.kind);
	}
	return (from.kind == SQL_DATE || bind_is_time(from.kind)) && bind_is_time(to.kind);
}

static bool may_cast(struct sql_type from, struct sql_type to)
{
	if (bind_may_become(from, to) || bind_is_text(from.kind) || bind_is_text(to.kind)) {
		return true;
	}
	if (sql_is_number(from.kind) || from.kind == SQL_BOOLEAN) {
		return sql_is_number(to.kind) ||
		       (to.kind == SQL_BOOLEAN && bind_is_integer(from.kind));
	}
	return bind_is_time(from.kind) && (to.kind == SQL_DATE || to.kind == SQL_TIME);
}

/* A text that is written out, as a value of the type: so what is wrong is told with its place. */
static int read_constant(struct binder *b, json_t *node, struct sql_type to)
{
	const json_t *text = json_object_get(rs_node_as(node, "A_Const"), "sval");
	const char *sval = rs_get_text(text, "sval");
	struct sql_value v;
	struct err err = {0};
	char room[64];

	if (text == NULL || to.kind == SQL_INTERVAL || bind_is_text(to.kind)) {
		return 0;
	}
	if (sql_value_parse(slice_of(sval), to, &v, &err) != 0) {
		return bind_fail(b, EINVAL, rs_tree_location(node), "'%.60s' is no %s: %s", sval,
			bind_type_text(to, room), err.msg);
	}
	return 0;
}

static int wrap(struct binder *b, json_t *node, struct sql_type to)
{
	json_t *inner = json_object();
	json_t *cast;
	int rc = read_constant(b, node, to);

	if (rc != 0) {
		json_decref(inner);
		return rc;
	}
	json_object_update(inner, node);
	cast = rs_cast(inner, to);
	if (cast == NULL) {
		return bind_no_memory(b);
	}
	rs_node_become(node, cast);
	return 0;
}

int bind_become(struct binder *b, json_t *node, struct sql_type to)
{
	struct sql_type from = rs_type_of(node);

	if (sql_type_equal(from, to) || (bind_is_text(from.kind) && bind_is_text(to.kind) &&
						(to.size == 0 || from.size <= to.size) &&
						from.size != 0 && from.kind == to.kind)) {
		return 0;
	}
	if (from.kind == SQL_UNKNOWN && bind_is_text(to.kind) &&
		json_object_get(rs_node_as(node, "A_Const"), "sval") != NULL) {
		rs_set_type(node, to);
		return 0;
	}
	return wrap(b, node, to);
}

int bind_explicit_cast(struct binder *b, json_t *node, struct sql_type to)
{
	char left[64];
	char right[64];

	if (!may_cast(rs_type_of(node), to)) {
		return bind_fail(b, EINVAL, rs_tree_location(node), "%s cannot be cast to %s",
			bind_type_text(rs_type_of(node), left), bind_type_text(to, right));
	}
	if (sql_type_equal(rs_type_of(node), to)) {
		return 0;
	}
	return wrap(b, node, to);
}
