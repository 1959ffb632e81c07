#include "tests/unit/redis_talk.h"

#include "engines/common/cleanup.h"

void talk_start(struct talk *t)
{
	*t = (struct talk){0};
	redis_fixture_start(&t->f);
	struct redis_server_config config = {.db = t->f.db, .limits = &t->f.limits};
	redis_ok(&t->f, redis_server_open(&config, &t->server, &t->f.err));
	talk_anew(t);
}

void talk_anew(struct talk *t)
{
	redis_session_close(t->session);
	redis_ok(&t->f, redis_session_open(t->server, &t->session, &t->f.err));
}

void talk_end(struct talk *t)
{
	redis_session_close(t->session);
	redis_server_close(t->server);
	redis_fixture_end(&t->f);
	buf_free(&t->shown);
}

static const char *show(struct talk *t, int rc, const struct buf *replies)
{
	redis_reply_show(buf_slice(replies), &t->shown);
	if (rc != 0) {
		buf_printf(&t->shown, "(failed) %s\n", t->err.msg);
	}
	return buf_cstr(&t->shown);
}

const char *talk(struct talk *t, const char *text)
{
	CLEANUP(buf_free) struct buf replies = BUF_INIT;
	buf_clear(&t->shown);
	t->err = (struct err){0};
	int rc = redis_session_feed(t->session, slice_of(text), &t->err);
	if (rc == 0 && (text[0] == '\0' || text[strlen(text) - 1] != '\n')) {
		rc = redis_session_feed(t->session, slice_of("\n"), &t->err);
	}
	int ran = redis_session_run(t->session, &replies, &t->err);
	return show(t, rc != 0 ? rc : ran, &replies);
}

const char *talk_batch(struct talk *t, const char *text)
{
	CLEANUP(buf_free) struct buf replies = BUF_INIT;
	struct redis_session *s;
	buf_clear(&t->shown);
	t->err = (struct err){0};
	redis_ok(&t->f, redis_session_open(t->server, &s, &t->f.err));
	int rc = redis_session_feed(s, slice_of(text), &t->err);
	rc = rc != 0 ? rc : redis_session_batch(s, &replies, &t->err);
	redis_session_close(s);
	return show(t, rc, &replies);
}
