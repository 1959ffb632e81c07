/* Inside the scripts: what script*.c share.
 *
 * A script runs in a Lua state of its own, made for it and thrown away: nothing leaks from one to
 * the next. Everything within that state may end by longjmp(), so what C holds besides (replies,
 * a JSON value) belongs to the run and is freed with it. */
#ifndef DBMOUNT_REDIS_SCRIPT_IMPL_H
#define DBMOUNT_REDIS_SCRIPT_IMPL_H

#include <jansson.h>
#include <lua.h>
#include <pthread.h>

#include "engines/cache/redis/command.h"
#include "engines/cache/redis/script.h"

#define SCRIPT_SHA_MAX	  41
#define SCRIPT_MEMORY_MAX ((size_t)64 << 20) /* of one run, without the replies it makes */
#define SCRIPT_DEPTH_MAX  1000		     /* of tables in what a script returns */

/* ---- script.c: those kept in memory ---- */

struct redis_script {
	char sha[SCRIPT_SHA_MAX];
	bool loaded; /* by SCRIPT LOAD: stays until SCRIPT FLUSH */
	uint64_t used;
	size_t n;
	char text[];
};

struct redis_scripts {
	pthread_mutex_t lock;
	struct redis_script **script; /* in order of sha; under lock, as all but the counters */
	size_t n, cap;
	size_t bytes;
	uint64_t uses;
	_Atomic unsigned running;
	_Atomic unsigned kills; /* SCRIPT KILL so far: ends those that run */
};

void redis_script_sha(struct slice text, char out[SCRIPT_SHA_MAX]);
/* EINVAL: too many of them. */
int redis_scripts_add(
	struct redis_scripts *s, const char *sha, struct slice text, bool loaded, struct err *err);
/* 1: appended. */
int redis_scripts_get(struct redis_scripts *s, const char *sha, struct buf *text, struct err *err);
bool redis_scripts_has(struct redis_scripts *s, const char *sha);
void redis_scripts_flush(struct redis_scripts *s);

/* ---- script_file.c: those given as files ---- */

/* 1: appended. */
int redis_script_file(struct redis_txn *t, struct slice name, struct buf *text, struct err *err);
int redis_script_file_by_sha(
	struct redis_txn *t, const char *sha, struct buf *text, struct err *err);

/* ---- script_run.c ---- */

enum script_stop { SCRIPT_GOES_ON, SCRIPT_LATE, SCRIPT_KILLED, SCRIPT_TOO_BIG, SCRIPT_FAILED };

struct script_run {
	struct redis_call *call;
	struct redis_server *server;
	struct slice text;
	const char *name;	       /* sha, or that of a file */
	const char *chunk;	       /* "@user_script" */
	const struct slice *key, *arg; /* KEYS and ARGV */
	unsigned n_keys, n_args;
	bool read_only;

	int64_t deadline_ms;
	unsigned kills;
	size_t memory;
	size_t refused; /* bytes, which Lua asks for once more when it has collected */
	size_t begun;	/* where its reply begins */
	enum script_stop stop;
	struct err fatal; /* SCRIPT_FAILED: what a command met, which ends the transaction */
	struct buf reply; /* of the command that the script called last */
	json_t *json;
	struct buf text_out; /* what cjson.encode() makes */
};

/* Runs it: its reply, or what it raised as the error that stands in err (EINVAL). */
int redis_script_run(struct script_run *r, struct err *err);
/* Whether it compiles; EINVAL: "line 3: ...". */
int redis_script_check(struct slice text, struct err *err);

/* Within a state. */
struct script_run *script_run_of(lua_State *L);
/* Raises, beyond what pcall() catches. */
int script_stop(lua_State *L, enum script_stop why);
/* Raises when time is up or it was killed. */
void script_look_at_time(lua_State *L);

/* ---- script_sandbox.c: what a script has of Lua ---- */

void script_sandbox(lua_State *L);
/* Calls the function in the upvalue with what is on the stack. */
int script_call_original(lua_State *L);
/* After all globals are set: none can be made, one that is not there is an error. */
void script_protect(lua_State *L);

/* ---- script_pattern.c: in front of string.find, match, gmatch, gsub ---- */

int script_find(lua_State *L);
int script_match(lua_State *L);
int script_gmatch(lua_State *L);
int script_gsub(lua_State *L);

/* ---- script_redis.c: redis.call() and its relatives ---- */

void script_open_redis(lua_State *L);

/* ---- script_json.c ---- */

void script_open_json(lua_State *L);

/* ---- script_convert.c ---- */

/* A reply as a value on the stack. */
void script_push_reply(lua_State *L, struct slice reply);
/* The value on top as a reply. False: it is nested too deeply; replies hold anything then. */
bool script_reply(lua_State *L, struct buf *out);

#endif
