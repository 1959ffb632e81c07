/* EVAL, EVALSHA, FCALL, SCRIPT. */
#include <ctype.h>
#include <errno.h>

#include "engines/cache/redis/script_impl.h"
#include "engines/cache/redis/session.h"
#include "engines/common/cleanup.h"

/* numkeys key .. arg ..: behind the script or its name. */
static int take_keys(struct redis_call *c, struct script_run *r, const char *bad, struct err *err)
{
	int64_t n;
	struct err own = {0};
	if (redis_arg_int(c->argv[2], &n, &own) != 0) {
		return err_set(err, EINVAL, "%s", bad);
	}
	if (n > c->argc - 3) {
		return err_set(
			err, EINVAL, "ERR Number of keys can't be greater than number of args");
	}
	if (n < 0) {
		return err_set(err, EINVAL, "ERR Number of keys can't be negative");
	}
	r->n_keys = (unsigned)n;
	r->key = c->argv + 3;
	r->n_args = c->argc - 3 - r->n_keys;
	r->arg = r->key + r->n_keys;
	return 0;
}

static int run_text(struct redis_call *c, struct script_run *r, struct slice text, struct err *err)
{
	r->call = c;
	r->server = redis_session_server(c->session);
	r->text = text;
	return redis_script_run(r, err);
}

#define NOT_AN_INTEGER "ERR value is not an integer or out of range"

static int eval(struct redis_call *c, bool read_only, struct err *err)
{
	struct script_run r = {.chunk = "@user_script", .read_only = read_only};
	char sha[SCRIPT_SHA_MAX];
	int rc = take_keys(c, &r, NOT_AN_INTEGER, err);
	if (rc != 0) {
		return rc;
	}
	redis_script_sha(c->argv[1], sha);
	r.name = sha;
	rc = redis_scripts_add(
		redis_session_server(c->session)->scripts, sha, c->argv[1], false, err);
	return rc != 0 ? rc : run_text(c, &r, c->argv[1], err);
}

static int run_eval(struct redis_call *c, struct err *err)
{
	return eval(c, false, err);
}

static int run_eval_ro(struct redis_call *c, struct err *err)
{
	return eval(c, true, err);
}

/* False: it is none. */
static bool take_sha(struct slice arg, char out[SCRIPT_SHA_MAX])
{
	if (arg.n != SCRIPT_SHA_MAX - 1 || memchr(arg.p, 0, arg.n) != NULL) {
		return false;
	}
	for (size_t i = 0; i < arg.n; i++) {
		out[i] = (char)tolower((unsigned char)arg.p[i]);
	}
	out[arg.n] = '\0';
	return true;
}

/* In memory, or a file. */
static int find_sha(struct redis_call *c, const char *sha, struct buf *text, struct err *err)
{
	int rc = redis_scripts_get(redis_session_server(c->session)->scripts, sha, text, err);
	return rc != 0 ? rc : redis_script_file_by_sha(c->t, sha, text, err);
}

static int evalsha(struct redis_call *c, bool read_only, struct err *err)
{
	struct script_run r = {.chunk = "@user_script", .read_only = read_only};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	char sha[SCRIPT_SHA_MAX];
	int rc = 0;
	if (take_sha(c->argv[1], sha)) {
		rc = find_sha(c, sha, &text, err);
	}
	if (rc == 0) {
		return err_set(err, EINVAL, "NOSCRIPT No matching script. Please use EVAL.");
	}
	r.name = sha;
	rc = rc < 0 ? rc : take_keys(c, &r, NOT_AN_INTEGER, err);
	return rc != 0 ? rc : run_text(c, &r, buf_slice(&text), err);
}

static int run_evalsha(struct redis_call *c, struct err *err)
{
	return evalsha(c, false, err);
}

static int run_evalsha_ro(struct redis_call *c, struct err *err)
{
	return evalsha(c, true, err);
}

/* FCALL name numkeys ..: what stands in .scripts/NAME.lua. */
static int fcall(struct redis_call *c, bool read_only, struct err *err)
{
	struct script_run r = {.read_only = read_only};
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	CLEANUP(buf_free) struct buf chunk = BUF_INIT;
	int rc = redis_script_file(c->t, c->argv[1], &text, err);
	if (rc == 0) {
		return err_set(err, EINVAL, "ERR Function not found");
	}
	rc = rc < 0 ? rc : take_keys(c, &r, "ERR Bad number of keys provided", err);
	if (rc != 0) {
		return rc;
	}
	buf_append_slice(&name, c->argv[1]);
	buf_printf(&chunk, "@%s.lua", buf_cstr(&name));
	r.name = buf_cstr(&name);
	r.chunk = buf_cstr(&chunk);
	return run_text(c, &r, buf_slice(&text), err);
}

static int run_fcall(struct redis_call *c, struct err *err)
{
	return fcall(c, false, err);
}

static int run_fcall_ro(struct redis_call *c, struct err *err)
{
	return fcall(c, true, err);
}

/* ---- SCRIPT ---- */

static int run_load(struct redis_call *c, struct err *err)
{
	char sha[SCRIPT_SHA_MAX];
	struct err why = {0};
	int rc = redis_script_check(c->argv[2], &why);
	if (rc != 0) {
		return err_set(err, EINVAL,
			"ERR Error compiling script (new function): user_script:%s",
			strncmp(why.msg, "line ", 5) == 0 ? why.msg + 5 : why.msg);
	}
	redis_script_sha(c->argv[2], sha);
	rc = redis_scripts_add(
		redis_session_server(c->session)->scripts, sha, c->argv[2], true, err);
	if (rc == 0) {
		redis_reply_text(c->out, sha);
	}
	return rc;
}

static int run_exists(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	redis_reply_array(c->out, c->argc - 2);
	for (unsigned i = 2; i < c->argc; i++) {
		char sha[SCRIPT_SHA_MAX];
		int rc = take_sha(c->argv[i], sha) ? find_sha(c, sha, &text, err) : 0;
		if (rc < 0) {
			return rc;
		}
		redis_reply_int(c->out, rc);
		buf_clear(&text);
	}
	return 0;
}

static int run_flush(struct redis_call *c, struct err *err)
{
	if (c->argc > 3 || (c->argc == 3 && !redis_arg_is(c->argv[2], "sync") &&
				   !redis_arg_is(c->argv[2], "async"))) {
		return err_set(err, EINVAL, "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
	}
	redis_scripts_flush(redis_session_server(c->session)->scripts);
	redis_reply_ok(c->out);
	return 0;
}

/* Those that wrote already can be ended, too: what they wrote is undone. */
static int run_kill(struct redis_call *c, struct err *err)
{
	struct redis_scripts *scripts = redis_session_server(c->session)->scripts;
	if (scripts->running == 0) {
		return err_set(err, EINVAL, "NOTBUSY No scripts in execution right now.");
	}
	scripts->kills++;
	redis_reply_ok(c->out);
	return 0;
}

#define RUNS (REDIS_NOSCRIPT | REDIS_MAY_WRITE)

const struct redis_command redis_script_commands[] = {
	{"eval", -3, RUNS, 0, 0, 0, run_eval},
	{"eval_ro", -3, REDIS_NOSCRIPT, 0, 0, 0, run_eval_ro},
	{"evalsha", -3, RUNS, 0, 0, 0, run_evalsha},
	{"evalsha_ro", -3, REDIS_NOSCRIPT, 0, 0, 0, run_evalsha_ro},
	{"fcall", -3, RUNS, 0, 0, 0, run_fcall},
	{"fcall_ro", -3, REDIS_NOSCRIPT, 0, 0, 0, run_fcall_ro},
	{"script", -2, REDIS_CONTAINER | REDIS_NOSCRIPT, 0, 0, 0, NULL},
	{"script|exists", -3, REDIS_NOSCRIPT, 0, 0, 0, run_exists},
	{"script|flush", -2, REDIS_NOSCRIPT, 0, 0, 0, run_flush},
	{"script|kill", 2, REDIS_NOSCRIPT, 0, 0, 0, run_kill},
	{"script|load", 3, REDIS_NOSCRIPT, 0, 0, 0, run_load},
	{NULL, 0, 0, 0, 0, 0, NULL},
};
