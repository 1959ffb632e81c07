/* The table `redis` of a script. */
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/redis/about.h"
#include "engines/cache/redis/script_impl.h"
#include "engines/common/log.h"

/* {err=text} */
static int push_error(lua_State *L, const char *text)
{
	lua_createtable(L, 0, 1);
	lua_pushstring(L, "err");
	lua_pushstring(L, text);
	lua_rawset(L, -3);
	return 1;
}

static int raise_error(lua_State *L, const char *text)
{
	push_error(L, text);
	return lua_error(L);
}

/* ---- redis.call() ---- */

/* Numbers as Redis prints them: 3.0 is 3. */
static void print_number(lua_State *L, int index)
{
	char text[64];
	if (lua_isinteger(L, index)) {
		snprintf(text, sizeof(text), "%lld", (long long)lua_tointeger(L, index));
	} else {
		snprintf(text, sizeof(text), "%.17g", lua_tonumber(L, index));
	}
	lua_pushstring(L, text);
	lua_replace(L, index);
}

/* The arguments, which stay on the stack and are borrowed from there; NULL: not all are texts. */
static struct slice *take_words(lua_State *L, int argc)
{
	struct slice *argv = lua_newuserdatauv(L, (size_t)argc * sizeof(*argv), 0);
	for (int i = 0; i < argc; i++) {
		int type = lua_type(L, i + 1);
		if (type == LUA_TNUMBER) {
			print_number(L, i + 1);
		} else if (type != LUA_TSTRING) {
			return NULL;
		}
		argv[i].p = lua_tolstring(L, i + 1, &argv[i].n);
	}
	return argv;
}

/* NULL: it may run. Else why not, as scripts are told. */
static const char *refusal(const struct script_run *r, unsigned argc, const struct slice *argv,
	const struct redis_command **out)
{
	struct err err = {0};
	if (redis_command_check(argc, argv, out, &err) != 0) {
		return strncmp(err.msg, "ERR wrong number", 16) == 0
			       ? "ERR Wrong number of args calling Redis command from script"
			       : "ERR Unknown Redis command called from script";
	}
	unsigned flags = (*out)->flags;
	if (flags & (REDIS_NOSCRIPT | REDIS_CONTROL | REDIS_NO_MULTI)) {
		return "ERR This Redis command is not allowed from script";
	}
	if (flags & REDIS_WRITE && r->read_only) {
		return "ERR Write commands are not allowed from read-only scripts.";
	}
	if (flags & REDIS_WRITE && r->call->t->changed == NULL) {
		return "READONLY You can't write against a read only replica.";
	}
	return NULL;
}

static void run_command(lua_State *L, struct script_run *r, const struct redis_command *command,
	unsigned argc, const struct slice *argv)
{
	struct err err = {0};
	struct redis_call c = {.t = r->call->t,
		.argc = argc,
		.argv = argv,
		.out = &r->reply,
		.session = r->call->session};
	buf_clear(&r->reply);
	if (redis_command_run(&c, command, &err) != 0) {
		r->fatal = err;
		script_stop(L, SCRIPT_FAILED);
	}
	script_push_reply(L, buf_slice(&r->reply));
	script_look_at_time(L);
}

/* The reply on the stack; an error as {err=}. */
static bool call(lua_State *L)
{
	struct script_run *r = script_run_of(L);
	int argc = lua_gettop(L);
	if (argc == 0) {
		push_error(L, "ERR Please specify at least one argument for this redis lib call");
		return false;
	}
	const struct slice *argv = take_words(L, argc);
	if (argv == NULL) {
		push_error(L, "ERR Lua redis lib command arguments must be strings or integers");
		return false;
	}
	const struct redis_command *command;
	const char *why = refusal(r, (unsigned)argc, argv, &command);
	if (why != NULL) {
		push_error(L, why);
		return false;
	}
	run_command(L, r, command, (unsigned)argc, argv);
	return r->reply.n == 0 || r->reply.p[0] != '-';
}

static int redis_call_raising(lua_State *L)
{
	return call(L) ? 1 : lua_error(L);
}

static int redis_pcall(lua_State *L)
{
	call(L);
	return 1;
}

/* ---- the others ---- */

static int redis_error_reply(lua_State *L)
{
	if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) {
		return push_error(L, "ERR wrong number or type of arguments");
	}
	const char *text = lua_tostring(L, 1);
	text += *text == '-';
	bool code = strchr(text, ' ') != NULL;
	return push_error(L, lua_pushfstring(L, "%s%s", code ? "" : "ERR ", text));
}

static int redis_status_reply(lua_State *L)
{
	if (lua_gettop(L) != 1 || lua_type(L, 1) != LUA_TSTRING) {
		return push_error(L, "ERR wrong number or type of arguments");
	}
	lua_createtable(L, 0, 1);
	lua_pushstring(L, "ok");
	lua_pushvalue(L, 1);
	lua_rawset(L, -3);
	return 1;
}

static int redis_sha1hex(lua_State *L)
{
	if (lua_gettop(L) != 1) {
		return raise_error(L, "ERR wrong number of arguments");
	}
	struct slice text;
	text.p = luaL_tolstring(L, 1, &text.n);
	char sha[SCRIPT_SHA_MAX];
	redis_script_sha(text, sha);
	lua_pushstring(L, sha);
	return 1;
}

static int redis_log(lua_State *L)
{
	int argc = lua_gettop(L);
	if (argc < 2) {
		return raise_error(L, "ERR redis.log() requires two arguments or more.");
	}
	if (!lua_isnumber(L, 1)) {
		return raise_error(L, "ERR First argument must be a number (log level).");
	}
	lua_Number level = lua_tonumber(L, 1);
	if (!(level >= 0 && level <= 3)) {
		return raise_error(L, "ERR Invalid debug level.");
	}
	const struct script_run *r = script_run_of(L);
	const char *text = luaL_tolstring(L, 2, NULL);
	log_write(level >= 3 ? LOG_LEVEL_WARN : (level >= 2 ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG),
		"script %s: %.200s", r->name, text);
	return 0;
}

static int redis_setresp(lua_State *L)
{
	if (lua_gettop(L) != 1) {
		return raise_error(L, "ERR redis.setresp() requires one argument.");
	}
	if (luaL_checknumber(L, 1) != 2) {
		return raise_error(L, "ERR RESP version must be 2.");
	}
	return 0;
}

/* Effects are what is replicated, always. */
static int redis_replicate_commands(lua_State *L)
{
	lua_pushboolean(L, 1);
	return 1;
}

static int redis_set_repl(lua_State *L)
{
	(void)L;
	return 0;
}

static const luaL_Reg functions[] = {
	{"call", redis_call_raising},
	{"pcall", redis_pcall},
	{"error_reply", redis_error_reply},
	{"status_reply", redis_status_reply},
	{"sha1hex", redis_sha1hex},
	{"log", redis_log},
	{"setresp", redis_setresp},
	{"replicate_commands", redis_replicate_commands},
	{"set_repl", redis_set_repl},
	{NULL, NULL},
};

static const struct {
	const char *name;
	int value;
} constants[] = {{"LOG_DEBUG", 0}, {"LOG_VERBOSE", 1}, {"LOG_NOTICE", 2}, {"LOG_WARNING", 3},
	{"REPL_NONE", 0}, {"REPL_SLAVE", 1}, {"REPL_REPLICA", 1}, {"REPL_AOF", 2}, {"REPL_ALL", 3},
	{"REDIS_VERSION_NUM", 0x0007000f}};

void script_open_redis(lua_State *L)
{
	luaL_newlib(L, functions);
	for (unsigned i = 0; i < sizeof(constants) / sizeof(constants[0]); i++) {
		lua_pushinteger(L, constants[i].value);
		lua_setfield(L, -2, constants[i].name);
	}
	lua_pushstring(L, REDIS_LIKE_VERSION);
	lua_setfield(L, -2, "REDIS_VERSION");
	lua_setglobal(L, "redis");
}
