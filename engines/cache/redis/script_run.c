/* A run of a script: a state of its own, bounded in time and memory; what a stopped one wrote is
 * undone. */
#include <errno.h>
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/cache/redis/script_impl.h"
#include "engines/cache/redis/session.h"
#include "engines/common/clock.h"

#define STEPS 1000 /* of Lua's machine between two looks at the clock */

struct script_run *script_run_of(lua_State *L)
{
	void *r;
	lua_getallocf(L, &r);
	return r;
}

/* A lua_Alloc. */
static void *allocate(void *arg, void *p, size_t old, size_t new)
{
	struct script_run *r = arg;
	size_t had = p != NULL ? old : 0;
	if (new == 0) {
		free(p);
		r->memory -= had;
		return NULL;
	}
	if (new > had && r->memory - had + new > SCRIPT_MEMORY_MAX) {
		if (r->stop == SCRIPT_GOES_ON) {
			r->stop = SCRIPT_TOO_BIG;
			r->refused = new;
		}
		return NULL;
	}
	/* What it is refused, Lua asks for again when it has collected what is no longer used. */
	if (new > had && r->refused != 0) {
		r->stop = new == r->refused ? SCRIPT_GOES_ON : r->stop;
		r->refused = 0;
	}
	void *more = realloc(p, new);
	if (more != NULL) {
		r->memory += new - had;
	}
	return more;
}

static int64_t clock_ms(void)
{
	return clock_monotonic_ns() / 1000000;
}

static void hook(lua_State *L, lua_Debug *what)
{
	(void)what;
	script_look_at_time(L);
}

/* From now on every function that is called, or goes on, is stopped at once: so what Lua runs when
 * it leaves blocks (__close) ends, too. */
int script_stop(lua_State *L, enum script_stop why)
{
	struct script_run *r = script_run_of(L);
	if (r->stop == SCRIPT_GOES_ON) {
		r->stop = why;
	}
	lua_sethook(L, hook, LUA_MASKCALL | LUA_MASKCOUNT, 1);
	return luaL_error(L, "the script was stopped");
}

void script_look_at_time(lua_State *L)
{
	struct script_run *r = script_run_of(L);
	if (r->stop != SCRIPT_GOES_ON) {
		script_stop(L, r->stop);
	}
	if (clock_ms() >= r->deadline_ms) {
		script_stop(L, SCRIPT_LATE);
	}
	if (r->server->scripts->kills != r->kills) {
		script_stop(L, SCRIPT_KILLED);
	}
}

/* ---- the run ---- */

static void push_words(lua_State *L, unsigned n, const struct slice *words)
{
	lua_createtable(L, (int)n, 0);
	for (unsigned i = 0; i < n; i++) {
		lua_pushlstring(L, words[i].n > 0 ? words[i].p : "", words[i].n);
		lua_rawseti(L, -2, (lua_Integer)i + 1);
	}
}

/* What was raised becomes a table {err=, source=, line=}, as Redis has it. */
static int note_error(lua_State *L)
{
	if (script_run_of(L)->stop != SCRIPT_GOES_ON) {
		return 1;
	}
	if (!lua_istable(L, 1)) {
		const char *text = luaL_tolstring(L, 1, NULL);
		lua_newtable(L);
		lua_pushfstring(L, "ERR %s", text);
		lua_setfield(L, -2, "err");
	} else {
		lua_pushvalue(L, 1);
	}
	lua_Debug at;
	bool known = lua_getstack(L, 1, &at) && lua_getinfo(L, "Sl", &at);
	if (known && strcmp(at.what, "C") == 0) {
		known = lua_getstack(L, 2, &at) && lua_getinfo(L, "Sl", &at);
	}
	if (!known) {
		return 1;
	}
	lua_pushstring(L, "source");
	lua_pushstring(L, at.source);
	lua_rawset(L, -3);
	lua_pushstring(L, "line");
	lua_pushinteger(L, at.currentline);
	lua_rawset(L, -3);
	return 1;
}

static const char *field(lua_State *L, int table, const char *name)
{
	lua_pushstring(L, name);
	lua_rawget(L, table);
	return lua_tostring(L, -1); /* stays on the stack, so that it is not collected */
}

static int explain(lua_State *L, const struct script_run *r, struct err *err)
{
	int table = lua_gettop(L);
	const char *text = field(L, table, "err");
	const char *source = field(L, table, "source");
	const char *line = field(L, table, "line");
	text = text != NULL ? text : "ERR the script failed with a table that has no err";
	if (source != NULL && line != NULL) {
		return err_set(
			err, EINVAL, "%s script: %s, on %s:%s.", text, r->name, source, line);
	}
	return err_set(err, EINVAL, "%s", text);
}

static int compile(lua_State *L, const struct script_run *r)
{
	/* "#!lua" as a first line is for Redis */
	struct slice text = r->text;
	if (text.n >= 2 && memcmp(text.p, "#!", 2) == 0) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t skip = end == NULL ? text.n : (size_t)(end - text.p);
		text = slice_make(text.p + skip, text.n - skip);
	}
	return luaL_loadbufferx(L, text.n > 0 ? text.p : "", text.n, r->chunk, "t");
}

struct attempt {
	struct script_run *run;
	struct err *err;
	int rc;
};

/* Everything about the state, so that a lack of memory anywhere ends here. */
static int attempt(lua_State *L)
{
	struct attempt *a = lua_touserdata(L, 1);
	struct script_run *r = a->run;
	script_sandbox(L);
	script_open_redis(L);
	script_open_json(L);
	push_words(L, r->n_keys, r->key);
	lua_setglobal(L, "KEYS");
	push_words(L, r->n_args, r->arg);
	lua_setglobal(L, "ARGV");
	script_protect(L);
	lua_settop(L, 0);
	lua_pushcfunction(L, note_error);
	if (compile(L, r) != LUA_OK) {
		a->rc = err_set(a->err, EINVAL, "ERR Error compiling script (new function): %s",
			lua_tostring(L, -1));
		return 0;
	}
	/* At calls, too: a few of some functions take long. */
	lua_sethook(L, hook, LUA_MASKCALL | LUA_MASKCOUNT, STEPS);
	if (lua_pcall(L, 0, 1, 1) != LUA_OK) {
		a->rc = r->stop == SCRIPT_GOES_ON && lua_istable(L, -1)
				? explain(L, r, a->err)
				: err_set(a->err, EINVAL, "ERR %s",
					  lua_isstring(L, -1) ? lua_tostring(L, -1)
							      : "the script failed");
		return 0;
	}
	lua_sethook(L, NULL, 0, 0);
	r->begun = r->call->out->n;
	if (!script_reply(L, r->call->out)) {
		a->rc = err_set(a->err, EINVAL, "ERR reached lua stack limit");
	}
	return 0;
}

static int run_state(struct script_run *r, struct err *err)
{
	struct attempt a = {.run = r, .err = err};
	lua_State *L = lua_newstate(allocate, r);
	if (L == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	lua_pushcfunction(L, attempt);
	lua_pushlightuserdata(L, &a);
	if (lua_pcall(L, 1, 0, 0) != LUA_OK && a.rc == 0) {
		const char *text = lua_tostring(L, -1);
		a.rc = err_set(err, EINVAL, "ERR %s", text != NULL ? text : "the script failed");
	}
	lua_close(L);
	return a.rc;
}

/* ---- what stops it ---- */

static int explain_stop(const struct script_run *r, struct err *err)
{
	const char *undone = r->call->t->changed != NULL ? ": what it wrote is undone" : "";
	err_clear(err);
	switch (r->stop) {
	case SCRIPT_LATE:
		return err_set(err, EINVAL, "ERR script %s ran for more than %lld ms%s", r->name,
			(long long)r->server->script_ms, undone);
	case SCRIPT_KILLED:
		return err_set(
			err, EINVAL, "ERR script %s was ended by SCRIPT KILL%s", r->name, undone);
	case SCRIPT_TOO_BIG:
		return err_set(err, EINVAL, "ERR script %s took more than %zu MiB of memory%s",
			r->name, SCRIPT_MEMORY_MAX >> 20, undone);
	default: return err_set(err, r->fatal.code, "%s", r->fatal.msg);
	}
}

static int save(struct redis_txn *t, const char *sql, struct err *err)
{
	if (sqlite3_exec(t->sql, sql, NULL, NULL, NULL) != SQLITE_OK) {
		return store_sql_error(t->sql, t->label, err);
	}
	return 0;
}

/* A write's notes (store.h) go back with what they are about. */
static int undo(struct redis_txn *t, const char *notes, struct err *err)
{
	int rc = save(t, "ROLLBACK TO script", err);
	rc = rc != 0 ? rc : save(t, "RELEASE script", err);
	memcpy(store_txn_notes(t->store), notes, STORE_NOTES_BYTES);
	return rc;
}

static int run_writing(struct script_run *r, struct err *err)
{
	struct redis_txn *t = r->call->t;
	char notes[STORE_NOTES_BYTES];
	memcpy(notes, store_txn_notes(t->store), sizeof(notes));
	int rc = save(t, "SAVEPOINT script", err);
	if (rc != 0) {
		return rc;
	}
	rc = run_state(r, err);
	if (r->stop == SCRIPT_FAILED) {
		return rc; /* the transaction ends, with all that is in it */
	}
	struct err own = {0};
	int ended =
		r->stop != SCRIPT_GOES_ON ? undo(t, notes, &own) : save(t, "RELEASE script", &own);
	if (ended != 0) {
		r->stop = SCRIPT_FAILED;
		r->fatal = own;
	}
	return rc;
}

int redis_script_run(struct script_run *r, struct err *err)
{
	struct redis_scripts *scripts = r->server->scripts;
	struct err own = {0};
	size_t published = redis_session_published(r->call->session);
	r->deadline_ms = clock_ms() + r->server->script_ms;
	r->kills = scripts->kills;
	scripts->running++;
	int rc = r->call->t->changed != NULL && !r->read_only ? run_writing(r, &own)
							      : run_state(r, &own);
	scripts->running--;
	if (r->stop != SCRIPT_GOES_ON) {
		redis_session_unpublish(r->call->session, published);
		rc = explain_stop(r, &own);
	}
	buf_free(&r->reply);
	buf_free(&r->text_out);
	json_decref(r->json);
	return rc != 0 ? err_set(err, own.code, "%s", own.msg) : 0;
}

/* ---- checking ---- */

static int only_compile(lua_State *L)
{
	struct attempt *a = lua_touserdata(L, 1);
	if (compile(L, a->run) != LUA_OK) {
		const char *text = lua_tostring(L, -1);
		a->rc = err_set(a->err, EINVAL, "line %s",
			strncmp(text, "script:", 7) == 0 ? text + 7 : text);
	}
	return 0;
}

int redis_script_check(struct slice text, struct err *err)
{
	struct script_run r = {.text = text, .chunk = "@script"};
	struct attempt a = {.run = &r, .err = err};
	lua_State *L = lua_newstate(allocate, &r);
	if (L == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	lua_pushcfunction(L, only_compile);
	lua_pushlightuserdata(L, &a);
	if (lua_pcall(L, 1, 0, 0) != LUA_OK && a.rc == 0) {
		a.rc = err_set(err, EINVAL, "the script takes too much memory");
	}
	lua_close(L);
	return a.rc;
}
