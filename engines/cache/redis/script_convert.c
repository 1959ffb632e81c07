/* Redis' replies as Lua's values, and back. */
#include <lauxlib.h>
#include <math.h>
#include <stdio.h>

#include "engines/cache/redis/script_impl.h"

/* ---- to Lua ---- */

static void push_field(lua_State *L, const char *name, struct slice text)
{
	lua_createtable(L, 0, 1);
	lua_pushstring(L, name);
	lua_pushlstring(L, text.n > 0 ? text.p : "", text.n);
	lua_rawset(L, -3);
}

static void push_next(lua_State *L, struct slice *rest)
{
	struct redis_reply r;
	luaL_checkstack(L, 4, NULL);
	if (!redis_reply_next(rest, &r)) {
		luaL_error(L, "a reply is cut short");
	}
	switch (r.kind) {
	case REDIS_REPLY_STATUS: push_field(L, "ok", r.text); break;
	case REDIS_REPLY_ERROR: push_field(L, "err", r.text); break;
	case REDIS_REPLY_INT: lua_pushinteger(L, r.value); break;
	case REDIS_REPLY_BULK: lua_pushlstring(L, r.text.n > 0 ? r.text.p : "", r.text.n); break;
	case REDIS_REPLY_NIL: lua_pushboolean(L, 0); break;
	case REDIS_REPLY_ARRAY:
		lua_createtable(L, r.value < 1024 ? (int)r.value : 1024, 0);
		for (int64_t i = 1; i <= r.value; i++) {
			push_next(L, rest);
			lua_rawseti(L, -2, i);
		}
		break;
	}
}

void script_push_reply(lua_State *L, struct slice reply)
{
	push_next(L, &reply);
}

/* ---- from Lua ---- */

static bool reply_at(lua_State *L, unsigned depth, struct buf *out);

/* The field of the table on top is on top then; false, and nothing is: it is of another type. */
static bool get_field(lua_State *L, const char *name, int type)
{
	lua_pushstring(L, name);
	if (lua_rawget(L, -2) == type) {
		return true;
	}
	lua_pop(L, 1);
	return false;
}

/* What is not a number of 64 bits becomes the lowest, as the processors of Redis have it. */
static int64_t truncated(double value)
{
	const double limit = 9223372036854775808.0; /* 2^63 */
	return value >= -limit && value < limit ? (int64_t)value : INT64_MIN;
}

static void reply_line(lua_State *L, char kind, struct buf *out)
{
	size_t n;
	const char *text = lua_tolstring(L, -1, &n);
	buf_putc(out, kind);
	for (size_t i = 0; i < n; i++) {
		buf_putc(out, (char)(text[i] == '\r' || text[i] == '\n' ? ' ' : text[i]));
	}
	buf_puts(out, "\r\n");
}

static void reply_string(lua_State *L, struct buf *out)
{
	struct slice text;
	text.p = lua_tolstring(L, -1, &text.n);
	redis_reply_bulk(out, text);
}

/* {map={..}}: keys and values; {set={..}}: keys. */
static bool reply_members(lua_State *L, unsigned depth, bool values, struct buf *out)
{
	size_t at = redis_reply_begin(out);
	size_t n = 0;
	bool fits = true;
	lua_pushnil(L);
	while (fits && lua_next(L, -2) != 0) {
		lua_pushvalue(L, -2);
		fits = reply_at(L, depth + 1, out);
		lua_pop(L, 1);
		if (fits && values) {
			fits = reply_at(L, depth + 1, out);
		}
		lua_pop(L, 1);
		n += values ? 2 : 1;
	}
	redis_reply_end(out, at, n);
	return fits;
}

/* Up to the first nil. */
static bool reply_array(lua_State *L, unsigned depth, struct buf *out)
{
	size_t at = redis_reply_begin(out);
	size_t n = 0;
	bool fits = true;
	while (fits && lua_rawgeti(L, -1, (lua_Integer)n + 1) != LUA_TNIL) {
		fits = reply_at(L, depth + 1, out);
		lua_pop(L, 1);
		n++;
	}
	if (!fits) {
		return false;
	}
	lua_pop(L, 1);
	redis_reply_end(out, at, n);
	return true;
}

static bool reply_table(lua_State *L, unsigned depth, struct buf *out)
{
	bool fits = true;
	if (get_field(L, "err", LUA_TSTRING)) {
		reply_line(L, '-', out);
	} else if (get_field(L, "ok", LUA_TSTRING)) {
		reply_line(L, '+', out);
	} else if (get_field(L, "double", LUA_TNUMBER)) {
		redis_reply_double(out, lua_tonumber(L, -1));
	} else if (get_field(L, "map", LUA_TTABLE)) {
		fits = reply_members(L, depth, true, out);
	} else if (get_field(L, "set", LUA_TTABLE)) {
		fits = reply_members(L, depth, false, out);
	} else {
		return reply_array(L, depth, out);
	}
	lua_settop(L, lua_gettop(L) - 1);
	return fits;
}

/* The value on top, which stays there. */
static bool reply_at(lua_State *L, unsigned depth, struct buf *out)
{
	const struct script_run *r = script_run_of(L);
	if (depth > SCRIPT_DEPTH_MAX || !lua_checkstack(L, 8)) {
		return false;
	}
	/* A table that stands in many places is answered with as many times. */
	if (out->failed || out->n - r->begun > SCRIPT_MEMORY_MAX) {
		script_stop(L, SCRIPT_TOO_BIG);
	}
	script_look_at_time(L);
	switch (lua_type(L, -1)) {
	case LUA_TSTRING: reply_string(L, out); break;
	case LUA_TNUMBER:
		redis_reply_int(out, lua_isinteger(L, -1) ? lua_tointeger(L, -1)
							  : truncated(lua_tonumber(L, -1)));
		break;
	case LUA_TBOOLEAN:
		if (lua_toboolean(L, -1)) {
			redis_reply_int(out, 1);
		} else {
			redis_reply_nil(out);
		}
		break;
	case LUA_TTABLE: return reply_table(L, depth, out);
	default: redis_reply_nil(out);
	}
	return true;
}

bool script_reply(lua_State *L, struct buf *out)
{
	return reply_at(L, 0, out);
}
