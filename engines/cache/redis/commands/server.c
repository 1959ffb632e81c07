/* Commands about the server and the session. CONFIG, SAVE, DEBUG and their like are unknown, as
 * ElastiCache has it. */
#include <errno.h>
#include <stdio.h>

#include "engines/cache/redis/about.h"
#include "engines/cache/redis/session_impl.h"
#include "engines/common/cleanup.h"
#include "engines/common/clock.h"

static int run_ping(struct redis_call *c, struct err *err)
{
	if (c->argc > 2) {
		return redis_arity_error("ping", err);
	}
	if (c->argc == 2) {
		redis_reply_bulk(c->out, c->argv[1]);
	} else {
		redis_reply_status(c->out, "PONG");
	}
	return 0;
}

static int run_echo(struct redis_call *c, struct err *err)
{
	(void)err;
	redis_reply_bulk(c->out, c->argv[1]);
	return 0;
}

static int run_select(struct redis_call *c, struct err *err)
{
	int64_t n;
	int rc = redis_arg_int(c->argv[1], &n, err);
	if (rc == 0 && n != 0) {
		rc = err_set(err, EINVAL, "ERR DB index is out of range");
	}
	if (rc == 0) {
		redis_reply_ok(c->out);
	}
	return rc;
}

static void reply_number_text(struct buf *out, int64_t value)
{
	char text[32];
	snprintf(text, sizeof(text), "%lld", (long long)value);
	redis_reply_text(out, text);
}

static int run_time(struct redis_call *c, struct err *err)
{
	(void)err;
	int64_t now = clock_wall_ns() / 1000;
	redis_reply_array(c->out, 2);
	reply_number_text(c->out, now / 1000000);
	reply_number_text(c->out, now % 1000000);
	return 0;
}

static int run_info(struct redis_call *c, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	int rc = redis_info(c->t, c->session->server, c->argc - 1, c->argv + 1, &text, err);
	rc = rc != 0 ? rc : buf_check(&text, err);
	if (rc == 0) {
		redis_reply_bulk(c->out, buf_slice(&text));
	}
	return rc;
}

static void reply_replicas(struct buf *out, const struct redis_about *about)
{
	redis_reply_array(out, about->n_replicas);
	for (unsigned i = 0; i < about->n_replicas; i++) {
		redis_reply_array(out, 3);
		redis_reply_text(out, about->replica[i].name);
		redis_reply_text(out, "0");
		reply_number_text(out, (int64_t)about->replica[i].offset);
	}
}

static int run_role(struct redis_call *c, struct err *err)
{
	struct redis_about about;
	redis_about(c->session->server, &about);
	uint64_t offset;
	int rc = redis_offset(c->t, &offset, err);
	if (rc != 0) {
		return rc;
	}
	bool slave = strcmp(about.role, "slave") == 0;
	redis_reply_array(c->out, slave ? 5 : 3);
	redis_reply_text(c->out, about.role);
	if (!slave) {
		redis_reply_int(c->out, (int64_t)offset);
		reply_replicas(c->out, &about);
		return 0;
	}
	redis_reply_text(c->out, about.name);
	redis_reply_int(c->out, 0);
	redis_reply_text(c->out, "connected");
	redis_reply_int(c->out, (int64_t)offset);
	return 0;
}

static int run_lastsave(struct redis_call *c, struct err *err)
{
	(void)err;
	redis_reply_int(c->out, c->session->server->started_ms / 1000);
	return 0;
}

/* How many replicas have what was written up to here. As inside MULTI, it does not wait. */
static int run_wait(struct redis_call *c, struct err *err)
{
	int64_t n;
	int64_t timeout;
	int rc = redis_arg_int(c->argv[1], &n, err);
	if (rc != 0) {
		return rc;
	}
	struct err ignored = {0};
	if (redis_arg_int(c->argv[2], &timeout, &ignored) != 0) {
		return err_set(err, EINVAL, "ERR timeout is not an integer or out of range");
	}
	if (timeout < 0) {
		return err_set(err, EINVAL, "ERR timeout is negative");
	}
	struct redis_about about;
	redis_about(c->session->server, &about);
	uint64_t offset;
	rc = redis_offset(c->t, &offset, err);
	int64_t have = 0;
	for (unsigned i = 0; i < about.n_replicas && rc == 0; i++) {
		have += about.replica[i].online && about.replica[i].offset >= offset;
	}
	if (rc == 0) {
		redis_reply_int(c->out, have);
	}
	return rc;
}

static int run_memory_usage(struct redis_call *c, struct err *err)
{
	int64_t samples = 0;
	if (c->argc != 3) {
		if (c->argc != 5 || !redis_arg_is(c->argv[3], "samples")) {
			return redis_syntax_error(err);
		}
		int rc = redis_arg_int(c->argv[4], &samples, err);
		if (rc != 0 || samples < 0) {
			return rc != 0 ? rc : redis_syntax_error(err);
		}
	}
	struct redis_key key;
	int rc = redis_key_peek(c->t, c->argv[2], &key, err);
	if (rc == 1) {
		uint64_t elements = key.type == REDIS_STRING ? 0 : key.n;
		redis_reply_int(c->out,
			(int64_t)(key.bytes + REDIS_COST_KEY + elements * REDIS_COST_ELEMENT));
	} else if (rc == 0) {
		redis_reply_nil(c->out);
	}
	return rc < 0 ? rc : 0;
}

/* ---- the session ---- */

static int set_name(struct redis_session *s, struct slice name, struct err *err)
{
	for (size_t i = 0; i < name.n; i++) {
		if (name.p[i] < '!' || name.p[i] > '~') {
			return err_set(err, EINVAL,
				"ERR Client names cannot contain spaces, newlines or special "
				"characters.");
		}
	}
	buf_clear(&s->name);
	buf_append_slice(&s->name, name);
	return buf_check(&s->name, err);
}

static int run_client_setname(struct redis_call *c, struct err *err)
{
	int rc = set_name(c->session, c->argv[2], err);
	if (rc == 0) {
		redis_reply_ok(c->out);
	}
	return rc;
}

static int run_client_getname(struct redis_call *c, struct err *err)
{
	(void)err;
	if (c->session->name.n == 0) {
		redis_reply_nil(c->out);
	} else {
		redis_reply_bulk(c->out, buf_slice(&c->session->name));
	}
	return 0;
}

static int run_client_id(struct redis_call *c, struct err *err)
{
	(void)err;
	redis_reply_int(c->out, (int64_t)c->session->id);
	return 0;
}

static int run_client_info(struct redis_call *c, struct err *err)
{
	(void)err;
	const struct redis_session *s = c->session;
	unsigned watched = 0;
	const struct redis_watch *w;
	STAILQ_FOREACH(w, &s->watches, next)
	{
		watched++;
	}
	CLEANUP(buf_free) struct buf line = BUF_INIT;
	buf_printf(&line, "id=%llu name=", (unsigned long long)s->id);
	buf_append_slice(&line, buf_slice(&s->name));
	buf_printf(&line, " age=%lld db=0 multi=%d watch=%u cmd=client|info resp=2\n",
		(long long)((c->t->now_ms - s->began_ms) / 1000), s->multi ? (int)s->n_queued : -1,
		watched);
	redis_reply_bulk(c->out, buf_slice(&line));
	return 0;
}

/* HELLO [2 [AUTH user password] [SETNAME name]] */
static int hello_options(struct redis_call *c, struct err *err)
{
	int64_t version;
	struct err ignored = {0};
	if (redis_arg_int(c->argv[1], &version, &ignored) != 0) {
		return err_set(
			err, EINVAL, "ERR Protocol version is not an integer or out of range");
	}
	if (version != 2) {
		return err_set(err, EINVAL, "NOPROTO unsupported protocol version");
	}
	for (unsigned i = 2; i < c->argc; i += 2) {
		if (!redis_arg_is(c->argv[i], "setname") || i + 1 == c->argc) {
			char text[REDIS_ARG_TEXT_MAX];
			return err_set(err, EINVAL, "ERR Syntax error in HELLO option '%s'",
				redis_arg_text(c->argv[i], text));
		}
		int rc = set_name(c->session, c->argv[i + 1], err);
		if (rc != 0) {
			return rc;
		}
	}
	return 0;
}

static int run_hello(struct redis_call *c, struct err *err)
{
	int rc = c->argc > 1 ? hello_options(c, err) : 0;
	if (rc != 0) {
		return rc;
	}
	struct redis_about about;
	redis_about(c->session->server, &about);
	redis_reply_array(c->out, 14);
	redis_reply_text(c->out, "server");
	redis_reply_text(c->out, "redis");
	redis_reply_text(c->out, "version");
	redis_reply_text(c->out, REDIS_LIKE_VERSION);
	redis_reply_text(c->out, "proto");
	redis_reply_int(c->out, 2);
	redis_reply_text(c->out, "id");
	redis_reply_int(c->out, (int64_t)c->session->id);
	redis_reply_text(c->out, "mode");
	redis_reply_text(c->out, "standalone");
	redis_reply_text(c->out, "role");
	redis_reply_text(c->out, strcmp(about.role, "slave") == 0 ? "replica" : "master");
	redis_reply_text(c->out, "modules");
	redis_reply_array(c->out, 0);
	return 0;
}

const struct redis_command redis_server_commands[] = {
	{"client", -2, REDIS_CONTAINER, 0, 0, 0, NULL},
	{"client|getname", 2, REDIS_NOSCRIPT, 0, 0, 0, run_client_getname},
	{"client|id", 2, REDIS_NOSCRIPT, 0, 0, 0, run_client_id},
	{"client|info", 2, REDIS_NOSCRIPT, 0, 0, 0, run_client_info},
	{"client|setname", 3, REDIS_NOSCRIPT, 0, 0, 0, run_client_setname},
	{"echo", 2, 0, 0, 0, 0, run_echo},
	{"hello", -1, REDIS_NOSCRIPT, 0, 0, 0, run_hello},
	{"info", -1, 0, 0, 0, 0, run_info},
	{"lastsave", 1, 0, 0, 0, 0, run_lastsave},
	{"memory", -2, REDIS_CONTAINER, 0, 0, 0, NULL},
	{"memory|usage", -3, 0, 2, 2, 1, run_memory_usage},
	{"ping", -1, 0, 0, 0, 0, run_ping},
	{"role", 1, REDIS_NOSCRIPT, 0, 0, 0, run_role},
	{"select", 2, 0, 0, 0, 0, run_select},
	{"time", 1, 0, 0, 0, 0, run_time},
	{"wait", 3, REDIS_NOSCRIPT, 0, 0, 0, run_wait},
	{NULL, 0, 0, 0, 0, 0, NULL},
};
