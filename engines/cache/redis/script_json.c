/* cjson.encode() and cjson.decode() of a script. */
#include <lauxlib.h>
#include <math.h>

#include "engines/cache/redis/script_impl.h"
#include "engines/common/json.h"

#define DEPTH_MAX 200
#define TEXT_MAX  ((size_t)16 << 20) /* decoding takes some times as much */

/* ---- to JSON ---- */

static void encode(lua_State *L, unsigned depth, struct buf *out);

/* A table whose keys are 1..n: n; -1: an object. */
static lua_Integer array_length(lua_State *L)
{
	lua_Integer n = 0;
	lua_Integer highest = 0;
	lua_pushnil(L);
	while (lua_next(L, -2) != 0) {
		lua_pop(L, 1);
		if (!lua_isinteger(L, -1) || lua_tointeger(L, -1) < 1) {
			lua_pop(L, 1);
			return -1;
		}
		lua_Integer i = lua_tointeger(L, -1);
		highest = i > highest ? i : highest;
		n++;
	}
	if (highest > 10 && highest / 2 > n) {
		luaL_error(L, "Cannot serialise table: excessively sparse array");
	}
	return n == 0 ? -1 : highest;
}

static void encode_array(lua_State *L, lua_Integer n, unsigned depth, struct buf *out)
{
	buf_putc(out, '[');
	for (lua_Integer i = 1; i <= n; i++) {
		buf_puts(out, i == 1 ? "" : ",");
		lua_rawgeti(L, -1, i);
		encode(L, depth + 1, out);
		lua_pop(L, 1);
	}
	buf_putc(out, ']');
}

static void encode_object(lua_State *L, unsigned depth, struct buf *out)
{
	bool first = true;
	buf_putc(out, '{');
	lua_pushnil(L);
	while (lua_next(L, -2) != 0) {
		int type = lua_type(L, -2);
		if (type != LUA_TSTRING && type != LUA_TNUMBER) {
			luaL_error(L, "Cannot serialise table: table key must be a number or "
				      "string");
		}
		struct slice key;
		lua_pushvalue(L, -2); /* turning a key into text would end lua_next() */
		key.p = lua_tolstring(L, -1, &key.n);
		buf_puts(out, first ? "" : ",");
		json_quote(out, key);
		lua_pop(L, 1);
		buf_putc(out, ':');
		encode(L, depth + 1, out);
		lua_pop(L, 1);
		first = false;
	}
	buf_putc(out, '}');
}

static void encode_number(lua_State *L, struct buf *out)
{
	if (lua_isinteger(L, -1)) {
		buf_printf(out, "%lld", (long long)lua_tointeger(L, -1));
		return;
	}
	double value = lua_tonumber(L, -1);
	if (!isfinite(value)) {
		luaL_error(L, "Cannot serialise number: must not be NaN or Inf");
	}
	buf_printf(out, "%.14g", value);
}

/* The value on top, which stays. What it takes counts as the script's memory at the end. */
static void encode(lua_State *L, unsigned depth, struct buf *out)
{
	struct slice text;
	if (depth > DEPTH_MAX) {
		luaL_error(L, "Cannot serialise, excessive depth (%d)", (int)depth);
	}
	if (out->failed || out->n > SCRIPT_MEMORY_MAX) {
		script_stop(L, SCRIPT_TOO_BIG);
	}
	script_look_at_time(L);
	luaL_checkstack(L, 8, NULL);
	switch (lua_type(L, -1)) {
	case LUA_TSTRING:
		text.p = lua_tolstring(L, -1, &text.n);
		json_quote(out, text);
		break;
	case LUA_TNUMBER: encode_number(L, out); break;
	case LUA_TBOOLEAN: buf_puts(out, lua_toboolean(L, -1) ? "true" : "false"); break;
	case LUA_TTABLE: {
		lua_Integer n = array_length(L);
		if (n >= 0) {
			encode_array(L, n, depth, out);
		} else {
			encode_object(L, depth, out);
		}
		break;
	}
	case LUA_TNIL: buf_puts(out, "null"); break;
	case LUA_TLIGHTUSERDATA:
		if (lua_touserdata(L, -1) != NULL) {
			luaL_error(L, "Cannot serialise %s: type not supported", "userdata");
		}
		buf_puts(out, "null");
		break;
	default: luaL_error(L, "Cannot serialise %s: type not supported", luaL_typename(L, -1));
	}
}

static int json_encode(lua_State *L)
{
	struct script_run *r = script_run_of(L);
	luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
	buf_clear(&r->text_out);
	encode(L, 0, &r->text_out);
	if (r->text_out.failed) {
		return luaL_error(L, "not enough memory");
	}
	lua_pushlstring(L, r->text_out.p, r->text_out.n);
	return 1;
}

/* ---- from JSON ---- */

static void push_json(lua_State *L, const json_t *value);

static void push_array(lua_State *L, const json_t *array)
{
	size_t n = json_array_size(array);
	lua_newtable(L);
	for (size_t i = 0; i < n; i++) {
		push_json(L, json_array_get(array, i));
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

static void push_object(lua_State *L, json_t *object)
{
	lua_newtable(L);
	for (void *at = json_object_iter(object); at != NULL;
		at = json_object_iter_next(object, at)) {
		lua_pushstring(L, json_object_iter_key(at));
		push_json(L, json_object_iter_value(at));
		lua_rawset(L, -3);
	}
}

/* Its depth is bounded by jansson's parser. */
static void push_json(lua_State *L, const json_t *value)
{
	luaL_checkstack(L, 4, NULL);
	switch (json_typeof(value)) {
	case JSON_OBJECT: push_object(L, (json_t *)value); break;
	case JSON_ARRAY: push_array(L, value); break;
	case JSON_STRING:
		lua_pushlstring(L, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER: lua_pushinteger(L, json_integer_value(value)); break;
	case JSON_REAL: lua_pushnumber(L, json_real_value(value)); break;
	case JSON_TRUE: lua_pushboolean(L, 1); break;
	case JSON_FALSE: lua_pushboolean(L, 0); break;
	case JSON_NULL: lua_pushlightuserdata(L, NULL); break;
	}
}

static int json_decode(lua_State *L)
{
	struct script_run *r = script_run_of(L);
	luaL_argcheck(L, lua_gettop(L) == 1, 1, "expected 1 argument");
	struct slice text;
	text.p = luaL_checklstring(L, 1, &text.n);
	luaL_argcheck(L, text.n <= TEXT_MAX, 1, "too long a text");
	json_error_t why;
	json_decref(r->json);
	r->json = json_loadb(text.p, text.n, JSON_DECODE_ANY | JSON_ALLOW_NUL, &why);
	if (r->json == NULL) {
		return luaL_error(L, "%s at character %d", why.text, why.position);
	}
	push_json(L, r->json);
	return 1;
}

static const luaL_Reg functions[] = {
	{"encode", json_encode}, {"decode", json_decode}, {NULL, NULL}};

void script_open_json(lua_State *L)
{
	luaL_newlib(L, functions);
	lua_pushlightuserdata(L, NULL);
	lua_setfield(L, -2, "null");
	lua_setglobal(L, "cjson");
}
