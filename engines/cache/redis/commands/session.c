/* MULTI, EXEC, WATCH: what a session does with the commands that come. */
#include <errno.h>

#include "engines/cache/redis/session_impl.h"

static int run_multi(struct redis_call *c, struct err *err)
{
	if (c->session->multi) {
		return err_set(err, EINVAL, "ERR MULTI calls can not be nested");
	}
	c->session->multi = true;
	redis_reply_ok(c->out);
	return 0;
}

static int run_exec(struct redis_call *c, struct err *err)
{
	return redis_session_exec(c->session, c->out, err);
}

static int run_discard(struct redis_call *c, struct err *err)
{
	if (!c->session->multi) {
		return err_set(err, EINVAL, "ERR DISCARD without MULTI");
	}
	redis_session_discard(c->session);
	redis_reply_ok(c->out);
	return 0;
}

static int watch_keys(struct redis_txn *t, void *arg, struct err *err)
{
	const struct redis_call *c = arg;
	int rc = 0;
	for (unsigned i = 1; i < c->argc && rc == 0; i++) {
		uint64_t version;
		rc = redis_version_of(t, c->argv[i], &version, err);
		rc = rc != 0 ? rc
			     : redis_watch(c->session, c->argv[i], version,
				       redis_made(t, c->argv[i]), err);
	}
	return rc;
}

static int run_watch(struct redis_call *c, struct err *err)
{
	if (c->session->multi) {
		return err_set(err, EINVAL, "ERR WATCH inside MULTI is not allowed");
	}
	int rc = redis_read(c->session->server->db, watch_keys, c, err);
	if (rc == 0) {
		redis_reply_ok(c->out);
	}
	return rc;
}

/* Ours: WATCH by a version that was seen before, by somebody else perhaps. */
static int run_watchversion(struct redis_call *c, struct err *err)
{
	if (c->session->multi) {
		return err_set(err, EINVAL, "ERR WATCHVERSION inside MULTI is not allowed");
	}
	int rc = redis_watch_versions(c->session, c->argc, c->argv, err);
	if (rc == 0) {
		redis_reply_ok(c->out);
	}
	return rc;
}

static int run_unwatch(struct redis_call *c, struct err *err)
{
	(void)err;
	redis_unwatch(c->session);
	redis_reply_ok(c->out);
	return 0;
}

static int run_reset(struct redis_call *c, struct err *err)
{
	(void)err;
	redis_session_discard(c->session);
	buf_clear(&c->session->name);
	redis_reply_status(c->out, "RESET");
	return 0;
}

static int run_quit(struct redis_call *c, struct err *err)
{
	(void)err;
	c->session->quit = true;
	redis_reply_ok(c->out);
	return 0;
}

static int run_object_version(struct redis_call *c, struct err *err)
{
	uint64_t version;
	int rc = redis_version_of(c->t, c->argv[2], &version, err);
	if (rc == 0) {
		redis_reply_int(c->out, (int64_t)version);
	}
	return rc;
}

#define CONTROL (REDIS_CONTROL | REDIS_NOSCRIPT)

const struct redis_command redis_session_commands[] = {
	{"discard", 1, CONTROL, 0, 0, 0, run_discard},
	{"exec", 1, CONTROL, 0, 0, 0, run_exec},
	{"multi", 1, CONTROL, 0, 0, 0, run_multi},
	{"object|version", 3, 0, 2, 2, 1, run_object_version},
	{"quit", -1, CONTROL, 0, 0, 0, run_quit},
	{"reset", 1, CONTROL, 0, 0, 0, run_reset},
	{"unwatch", 1, REDIS_NOSCRIPT, 0, 0, 0, run_unwatch},
	{"watch", -2, CONTROL, 1, -1, 1, run_watch},
	{"watchversion", -3, CONTROL, 1, -1, 2, run_watchversion},
	{NULL, 0, 0, 0, 0, 0, NULL},
};
