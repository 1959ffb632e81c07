#include "engines/cache/redis/session_impl.h"

#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"

int redis_session_open(struct redis_server *server, struct redis_session **out, struct err *err)
{
	struct redis_session *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	s->server = server;
	s->id = ++server->sessions;
	s->began_ms = clock_wall_ns() / 1000000;
	STAILQ_INIT(&s->pending);
	STAILQ_INIT(&s->queued);
	STAILQ_INIT(&s->watches);
	server->clients++;
	*out = s;
	return 0;
}

void redis_session_close(struct redis_session *s)
{
	if (s == NULL) {
		return;
	}
	s->server->clients--;
	redis_unwatch(s);
	redis_queue_free(&s->pending);
	redis_queue_free(&s->queued);
	redis_parser_finish(&s->parser);
	buf_free(&s->name);
	buf_free(&s->published);
	free(s);
}

struct redis_server *redis_session_server(struct redis_session *s)
{
	return s->server;
}

/* ---- text in ---- */

static int take(struct redis_session *s, bool end, struct err *err)
{
	int rc;
	struct redis_words *w;
	while ((rc = redis_parser_next(&s->parser, end, &w, err)) == 1) {
		STAILQ_INSERT_TAIL(&s->pending, w, next);
		s->bytes += w->bytes;
		if (s->bytes > SESSION_BYTES_MAX) {
			return err_set(err, EFBIG,
				"line %lu: the commands that wait take more than %zu MiB", w->line,
				SESSION_BYTES_MAX >> 20);
		}
	}
	return rc;
}

int redis_session_feed(struct redis_session *s, struct slice text, struct err *err)
{
	struct err own = {0};
	int rc = 0;
	if (s->parser.text.n - s->parser.at + text.n > SESSION_BYTES_MAX) {
		rc = err_set(
			&own, EFBIG, "a command takes more than %zu MiB", SESSION_BYTES_MAX >> 20);
	}
	rc = rc != 0 ? rc : redis_parser_feed(&s->parser, text, &own);
	rc = rc != 0 ? rc : take(s, false, &own);
	if (rc == 0) {
		return 0;
	}
	if (s->broken.code == 0) {
		s->broken = own;
	}
	return err_set(err, own.code, "%s", own.msg);
}

/* ---- running ---- */

/* Commands that run in one transaction. */
struct turn {
	struct redis_session *s;
	const struct redis_words *first;
	struct buf *replies;
	size_t at; /* where this turn's replies begin */
	enum { ALONE, EXEC, BATCH } what;
	bool stale; /* what is watched was changed: nothing was run */
};

/* In a batch, which is a transaction of its own, these have nothing to do but to answer. */
static int answer_control(struct turn *u, const struct redis_words *w)
{
	if (redis_arg_is(w->argv[0], "reset")) {
		redis_reply_status(u->replies, "RESET");
	} else {
		redis_reply_ok(u->replies);
	}
	return 0;
}

static int run_words(
	struct turn *u, struct redis_txn *t, const struct redis_words *w, struct err *err)
{
	if (w->command->flags & REDIS_CONTROL) {
		return answer_control(u, w);
	}
	struct redis_call c = {
		.t = t, .argc = w->argc, .argv = w->argv, .out = u->replies, .session = u->s};
	return redis_command_run(&c, w->command, err);
}

static int run_all(struct turn *u, struct redis_txn *t, struct err *err)
{
	int rc = 0;
	for (const struct redis_words *w = u->first; w != NULL && rc == 0;
		w = u->what == ALONE ? NULL : STAILQ_NEXT(w, next)) {
		rc = run_words(u, t, w, err);
		if (u->what == BATCH && redis_arg_is(w->argv[0], "quit")) {
			break;
		}
	}
	return rc;
}

/* A redis_fn: may be run again, from the start. */
static int run_turn(struct redis_txn *t, void *arg, struct err *err)
{
	struct turn *u = arg;
	u->replies->n = u->at;
	redis_session_unpublish(u->s, 0);
	u->stale = false;
	if (u->what != ALONE) {
		int holds = redis_watches_hold(t, u->s, err);
		if (holds != 1) {
			u->stale = true;
			return holds;
		}
	}
	if (u->what == EXEC) {
		redis_reply_array(u->replies, u->s->n_queued);
	}
	return run_all(u, t, err);
}

/* A single command over a single key, which alone it reads. */
static bool is_of_one_key(const struct turn *u)
{
	const struct redis_words *w = u->first;
	const struct redis_command *c = w != NULL ? w->command : NULL;

	return c != NULL && (u->what == ALONE || STAILQ_NEXT(w, next) == NULL) &&
	       STAILQ_EMPTY(&u->s->watches) && c->first > 0 && c->last == c->first &&
	       (unsigned)c->first < w->argc;
}

static int read_in_transaction(struct turn *u, struct redis_db *db, struct err *err)
{
	return is_of_one_key(u) ? redis_read_key(db, u->first->argv[u->first->command->first],
					  run_turn, u, err)
				: redis_read(db, run_turn, u, err);
}

static int run_in_transaction(struct turn *u, struct err *err)
{
	struct redis_db *db = u->s->server->db;
	unsigned flags = 0;
	for (const struct redis_words *w = u->first; w != NULL;
		w = u->what == ALONE ? NULL : STAILQ_NEXT(w, next)) {
		flags |= w->command->flags;
	}
	bool writes = flags & (REDIS_WRITE | REDIS_MAY_WRITE) && redis_db_writable(db);
	u->at = u->replies->n;
	int rc = writes ? redis_write(db, run_turn, u, err) : read_in_transaction(u, db, err);
	if (rc != 0) {
		u->replies->n = u->at;
		redis_session_unpublish(u->s, 0);
	}
	redis_session_send(u->s);
	return rc;
}

/* Whether it may be run at all, known before it is. */
static int check(struct redis_session *s, struct redis_words *w, struct err *err)
{
	int rc = redis_command_check(w->argc, w->argv, &w->command, err);
	if (rc == 0 && w->command->flags & REDIS_WRITE && !redis_db_writable(s->server->db)) {
		rc = err_set(err, EROFS, "READONLY You can't write against a read only replica.");
	}
	return rc;
}

/* A failure of the disk, say, as who talks to a server hears of it. */
static void reply_failure(struct buf *replies, const struct err *e)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	size_t capitals = strspn(e->msg, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
	buf_puts(&text, capitals > 1 && e->msg[capitals] == ' ' ? "" : "ERR ");
	buf_puts(&text, e->msg);
	redis_reply_error(replies, buf_cstr(&text));
}

void redis_session_discard(struct redis_session *s)
{
	struct redis_words *w;
	STAILQ_FOREACH(w, &s->queued, next)
	{
		s->bytes -= w->bytes;
	}
	redis_queue_free(&s->queued);
	s->n_queued = 0;
	s->multi = s->refused = false;
	redis_unwatch(s);
}

int redis_session_exec(struct redis_session *s, struct buf *replies, struct err *err)
{
	if (!s->multi) {
		return err_set(err, EINVAL, "ERR EXEC without MULTI");
	}
	int rc = 0;
	if (s->refused) {
		rc = err_set(
			err, EINVAL, "EXECABORT Transaction discarded because of previous errors.");
	} else {
		struct turn u = {.s = s,
			.first = STAILQ_FIRST(&s->queued),
			.replies = replies,
			.what = EXEC};
		rc = run_in_transaction(&u, err);
		if (rc == 0 && u.stale) {
			redis_reply_nil_array(replies);
		}
	}
	redis_session_discard(s);
	return rc;
}

/* True: it is the queue's now. */
static bool queue(struct redis_session *s, struct redis_words *w, struct buf *replies)
{
	if (w->command->flags & REDIS_NO_MULTI) {
		s->refused = true;
		redis_reply_error(replies, "ERR Command not allowed inside a transaction");
		return false;
	}
	STAILQ_INSERT_TAIL(&s->queued, w, next);
	s->n_queued++;
	redis_reply_status(replies, "QUEUED");
	return true;
}

static void refuse(struct redis_session *s, const struct redis_words *w, struct buf *replies,
	const struct err *why)
{
	s->refused = s->multi;
	if (redis_arg_is(w->argv[0], "exec")) { /* an EXEC that is wrong itself */
		const char *text = strncmp(why->msg, "ERR ", 4) == 0 ? why->msg + 4 : why->msg;
		CLEANUP(buf_free) struct buf b = BUF_INIT;
		buf_printf(&b, "EXECABORT Transaction discarded because of: %s", text);
		redis_session_discard(s);
		redis_reply_error(replies, buf_cstr(&b));
		return;
	}
	reply_failure(replies, why);
}

static int run_now(
	struct redis_session *s, const struct redis_words *w, struct buf *replies, struct err *err)
{
	if (w->command->flags & REDIS_CONTROL) {
		struct redis_call c = {
			.argc = w->argc, .argv = w->argv, .out = replies, .session = s};
		return w->command->run(&c, err);
	}
	struct turn u = {.s = s, .first = w, .replies = replies, .what = ALONE};
	return run_in_transaction(&u, err);
}

/* One command as a connection runs it. True: it is queued. */
static bool run_one(struct redis_session *s, struct redis_words *w, struct buf *replies)
{
	struct err own = {0};
	if (check(s, w, &own) != 0) {
		refuse(s, w, replies, &own);
		return false;
	}
	if (s->multi && !(w->command->flags & REDIS_CONTROL)) {
		return queue(s, w, replies);
	}
	if (run_now(s, w, replies, &own) != 0) {
		reply_failure(replies, &own);
	}
	return false;
}

int redis_session_run(struct redis_session *s, struct buf *replies, struct err *err)
{
	struct redis_words *w;
	s->talks = true;
	while ((w = STAILQ_FIRST(&s->pending)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->pending, next);
		size_t bytes = w->bytes;
		if (s->quit || !run_one(s, w, replies)) {
			s->bytes -= bytes;
			free(w);
		}
	}
	s->broken = (struct err){0};
	return buf_check(replies, err);
}

/* ---- batches ---- */

static bool has_multi(const struct redis_session *s)
{
	const struct redis_words *w;
	STAILQ_FOREACH(w, &s->pending, next)
	{
		if (redis_arg_is(w->argv[0], "multi")) {
			return true;
		}
	}
	return false;
}

static int check_in_batch(struct redis_session *s, struct redis_words *w, struct err *err)
{
	int rc = check(s, w, err);
	if (rc == 0 && w->command->flags & REDIS_NO_MULTI) {
		rc = err_set(err, EINVAL, "ERR Command not allowed inside a transaction");
	}
	if (rc == 0 && redis_arg_is(w->argv[0], "exec")) {
		rc = err_set(err, EINVAL, "ERR EXEC without MULTI");
	}
	if (rc == 0 && redis_arg_is(w->argv[0], "discard")) {
		rc = err_set(err, EINVAL, "ERR DISCARD without MULTI");
	}
	if (rc == 0 && redis_arg_is(w->argv[0], "watchversion")) {
		rc = redis_watch_versions(s, w->argc, w->argv, err);
	}
	return rc;
}

static int check_batch(struct redis_session *s, struct err *err)
{
	struct redis_words *w;
	STAILQ_FOREACH(w, &s->pending, next)
	{
		struct err own = {0};
		if (check_in_batch(s, w, &own) != 0) {
			return err_set(err, own.code, "EXECABORT line %lu: %s: nothing was run",
				w->line, own.msg);
		}
	}
	return 0;
}

static int run_batch(struct redis_session *s, struct buf *replies, struct err *err)
{
	int rc = check_batch(s, err);
	if (rc != 0 || STAILQ_EMPTY(&s->pending)) {
		return rc;
	}
	struct turn u = {
		.s = s, .first = STAILQ_FIRST(&s->pending), .replies = replies, .what = BATCH};
	rc = run_in_transaction(&u, err);
	if (rc == 0 && u.stale) {
		rc = err_set(err, EBUSY,
			"EXECABORT a key has another version than WATCHVERSION says: nothing was "
			"run");
	}
	return rc;
}

int redis_session_batch(struct redis_session *s, struct buf *replies, struct err *err)
{
	int rc = s->broken.code != 0 ? err_set(err, s->broken.code, "%s", s->broken.msg)
				     : take(s, true, err);
	if (rc != 0) {
		return rc;
	}
	if (s->talks || has_multi(s)) {
		return redis_session_run(s, replies, err);
	}
	rc = run_batch(s, replies, err);
	redis_queue_free(&s->pending);
	redis_unwatch(s);
	s->bytes = 0;
	return rc != 0 ? rc : buf_check(replies, err);
}
