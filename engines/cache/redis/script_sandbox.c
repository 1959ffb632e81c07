/* What a script has of Lua: base, table, string and math, without what reads files, takes byte
 * code or prints, and without what would run on where no look at the clock stops it: finalizers,
 * and library functions that loop over a length that a script makes up. */
#include <lauxlib.h>
#include <lualib.h>

#include "engines/cache/redis/script_impl.h"

#define MOVE_MAX 10000000 /* elements that a function of `table` moves at once */

int script_call_original(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
	return lua_gettop(L);
}

/* ---- errors ---- */

/* What stops a script is not to be caught; what redis.call() raises is caught as its text. */
static int caught(lua_State *L)
{
	if (script_run_of(L)->stop != SCRIPT_GOES_ON) {
		return lua_error(L);
	}
	if (lua_istable(L, -1)) {
		lua_pushstring(L, "err");
		if (lua_rawget(L, -2) != LUA_TSTRING) {
			lua_pop(L, 1);
		}
	}
	lua_pushboolean(L, 0);
	lua_insert(L, -2);
	return 2;
}

static int safe_pcall(lua_State *L)
{
	luaL_checkany(L, 1);
	if (lua_pcall(L, lua_gettop(L) - 1, LUA_MULTRET, 0) != LUA_OK) {
		return caught(L);
	}
	lua_pushboolean(L, 1);
	lua_insert(L, 1);
	return lua_gettop(L);
}

/* The script's own handler, in the upvalue, has no say when the script is stopped: it would run
 * within the hook, where no hook stops it. */
static int handle(lua_State *L)
{
	if (script_run_of(L)->stop == SCRIPT_GOES_ON) {
		lua_pushvalue(L, lua_upvalueindex(1));
		lua_insert(L, 1);
		lua_call(L, 1, 1);
	}
	return 1;
}

static int safe_xpcall(lua_State *L)
{
	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, 2);
	lua_pushcclosure(L, handle, 1);
	lua_replace(L, 2);
	lua_pushvalue(L, 1); /* f, handler, arguments, f */
	lua_remove(L, 1);
	lua_insert(L, 2); /* handler, f, arguments */
	if (lua_pcall(L, lua_gettop(L) - 2, LUA_MULTRET, 1) != LUA_OK) {
		return caught(L);
	}
	lua_pushboolean(L, 1);
	lua_replace(L, 1);
	return lua_gettop(L);
}

/* ---- base ---- */

/* The function in the upvalue gives the next piece of a text. */
static int next_piece(lua_State *L)
{
	script_look_at_time(L);
	return script_call_original(L);
}

/* load(chunk, name, mode, env): text only. A function of the library that gives pieces for ever is
 * called by no step of Lua's machine. */
static int safe_load(lua_State *L)
{
	int n = lua_gettop(L);
	if (lua_isfunction(L, 1)) {
		lua_pushvalue(L, 1);
		lua_pushcclosure(L, next_piece, 1);
		lua_replace(L, 1);
	}
	lua_settop(L, n < 3 ? 3 : (n > 4 ? 4 : n));
	lua_pushliteral(L, "t");
	lua_replace(L, 3);
	return script_call_original(L);
}

static int safe_setmetatable(lua_State *L)
{
	if (lua_istable(L, 2)) {
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL) {
			return luaL_error(L, "__gc is not for scripts");
		}
		lua_pop(L, 1);
	}
	return script_call_original(L);
}

static int safe_rawset(lua_State *L)
{
	lua_pushglobaltable(L);
	if (lua_rawequal(L, 1, -1)) {
		lua_pushliteral(L, "Attempt to modify a readonly table");
		return lua_error(L);
	}
	lua_pop(L, 1);
	return script_call_original(L);
}

static int safe_collectgarbage(lua_State *L)
{
	const char *what = luaL_optstring(L, 1, "collect");
	if (strcmp(what, "count") == 0) {
		lua_pushnumber(L, (lua_Number)script_run_of(L)->memory / 1024);
	} else {
		lua_gc(L, LUA_GCCOLLECT);
		lua_pushinteger(L, 0);
	}
	return 1;
}

/* ---- table, string ---- */

/* insert, remove, sort: the length is what the table has. One with few elements far apart
 * may be as long as the last of them says. */
static int safe_length(lua_State *L)
{
	if (luaL_getmetafield(L, 1, "__len") != LUA_TNIL) {
		return luaL_error(L, "a table with __len can not be changed so");
	}
	if (lua_istable(L, 1) && lua_rawlen(L, 1) > MOVE_MAX) {
		return luaL_error(L, "too long a table to be changed so");
	}
	return script_call_original(L);
}

static int safe_move(lua_State *L)
{
	lua_Integer from = luaL_checkinteger(L, 2);
	lua_Integer to = luaL_checkinteger(L, 3);
	if (to >= from && (lua_Unsigned)to - (lua_Unsigned)from >= MOVE_MAX) {
		return luaL_argerror(L, 3, "too many elements to move");
	}
	return script_call_original(L);
}

static int safe_rep(lua_State *L)
{
	size_t n;
	size_t separator;
	luaL_checklstring(L, 1, &n);
	luaL_optlstring(L, 3, "", &separator);
	if (n + separator == 0) {
		lua_pushliteral(L, "");
		return 1;
	}
	return script_call_original(L);
}

/* ---- all of it ---- */

static const struct {
	const char *name;
	lua_CFunction open;
} libraries[] = {{LUA_GNAME, luaopen_base}, {LUA_TABLIBNAME, luaopen_table},
	{LUA_STRLIBNAME, luaopen_string}, {LUA_MATHLIBNAME, luaopen_math}};

static const struct {
	const char *table, *name;
	lua_CFunction instead; /* NULL: it goes */
} changes[] = {
	{LUA_GNAME, "dofile", NULL},
	{LUA_GNAME, "loadfile", NULL},
	{LUA_GNAME, "print", NULL},
	{LUA_GNAME, "warn", NULL},
	{LUA_GNAME, "pcall", safe_pcall},
	{LUA_GNAME, "xpcall", safe_xpcall},
	{LUA_GNAME, "load", safe_load},
	{LUA_GNAME, "setmetatable", safe_setmetatable},
	{LUA_GNAME, "rawset", safe_rawset},
	{LUA_GNAME, "collectgarbage", safe_collectgarbage},
	{LUA_TABLIBNAME, "insert", safe_length},
	{LUA_TABLIBNAME, "remove", safe_length},
	{LUA_TABLIBNAME, "sort", safe_length},
	{LUA_TABLIBNAME, "move", safe_move},
	{LUA_STRLIBNAME, "rep", safe_rep},
	{LUA_STRLIBNAME, "find", script_find},
	{LUA_STRLIBNAME, "match", script_match},
	{LUA_STRLIBNAME, "gmatch", script_gmatch},
	{LUA_STRLIBNAME, "gsub", script_gsub},
	{LUA_STRLIBNAME, "dump", NULL},
};

/* Names of Lua 5.1, which scripts for Redis are written in. */
static const struct {
	const char *name, *table, *is;
} aliases[] = {{"unpack", LUA_TABLIBNAME, "unpack"}, {"loadstring", LUA_GNAME, "load"}};

static void change(lua_State *L, const char *table, const char *name, lua_CFunction instead)
{
	lua_getglobal(L, table);
	if (instead == NULL) {
		lua_pushnil(L);
	} else {
		lua_getfield(L, -1, name);
		lua_pushcclosure(L, instead, 1);
	}
	lua_setfield(L, -2, name);
	lua_pop(L, 1);
}

void script_sandbox(lua_State *L)
{
	for (unsigned i = 0; i < sizeof(libraries) / sizeof(libraries[0]); i++) {
		luaL_requiref(L, libraries[i].name, libraries[i].open, 1);
		lua_pop(L, 1);
	}
	for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		change(L, changes[i].table, changes[i].name, changes[i].instead);
	}
	for (unsigned i = 0; i < sizeof(aliases) / sizeof(aliases[0]); i++) {
		lua_getglobal(L, aliases[i].table);
		lua_getfield(L, -1, aliases[i].is);
		lua_setglobal(L, aliases[i].name);
		lua_pop(L, 1);
	}
}

static int no_global(lua_State *L)
{
	return luaL_error(L, "Script attempted to access nonexistent global variable '%s'",
		luaL_tolstring(L, 2, NULL));
}

static int no_new_global(lua_State *L)
{
	return luaL_error(L, "Attempt to modify a readonly table");
}

/* The globals a script sees are an empty table in front of the real ones. */
void script_protect(lua_State *L)
{
	lua_pushglobaltable(L); /* the real ones */
	lua_newtable(L);
	lua_pushcfunction(L, no_global);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	lua_newtable(L); /* what is seen */
	lua_pushvalue(L, -1);
	lua_setfield(L, -3, LUA_GNAME);
	lua_newtable(L);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, no_new_global);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_setmetatable(L, -2);
	lua_rawseti(L, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
	lua_pop(L, 1);
}
