/* The standby: the same log in the other zone, and a database that follows it.
 *
 * Building one: an exact copy of the primary's database there, with the position
 * that makes it a replica; the segments of the log, copied while commits go on; then,
 * attached, the log gets the rest, commits wait for it from then on, and last the
 * state says that it counts. Losing one: first the state says that it does not. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/log.h"
#include "engines/store/instance_impl.h"
#include "engines/store/segment_impl.h"

bool standby_ready(struct instance *i)
{
	LOCKED(&i->state_lock);
	return i->state.standby;
}

/* ---- losing it ---- */

static void without_standby(struct instance_state *state, void *arg)
{
	(void)arg;
	state->standby = false;
	state->mark[1 - state->settings.primary] = 0;
}

int standby_on_lost(void *arg, const struct err *why, struct err *err)
{
	struct primary *p = arg;
	int rc = instance_alter(p->i, without_standby, NULL, err);
	if (rc == 0) {
		event_post(p->i, INSTANCE_STANDBY_LOST, "%s", why->msg);
	}
	return rc;
}

int standby_drop(struct instance *i, struct primary *p, const struct err *why, struct err *err)
{
	int rc = instance_alter(i, without_standby, NULL, err);
	if (rc != 0) {
		return rc;
	}
	event_post(i, INSTANCE_STANDBY_LOST, "%s", why->msg);
	if (p != NULL) {
		pagelog_detach(p->log);
	}
	replica_close(i->follower);
	i->follower = NULL;
	return 0;
}

/* ---- following ---- */

static int follow(struct instance *i, struct primary *p, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	zone_path(&i->config, 1 - p->zone, "data.db", &path);
	int rc = buf_check(&path, err);
	struct replica_config config = {
		.path = path.p, .label = i->config.label, .log = p->log, .disk = i->config.disk};
	if (rc == 0) {
		rc = replica_open(&config, &i->follower, err);
	}
	return rc != 0 ? rc : replica_start(i->follower, err);
}

void standby_follow(struct instance *i, struct primary *p)
{
	struct err why = {0};
	if (!standby_ready(i)) {
		return;
	}
	if (follow(i, p, &why) != 0) {
		struct err ignored = {0};
		standby_drop(i, p, &why, &ignored);
	}
}

/* ---- building it; under i->work ---- */

struct build {
	struct instance *i;
	struct primary *from; /* with a count */
	unsigned zone;
	uint64_t mark;
	const struct disk_ops *disk;
	int64_t began;
};

/* The database with its position: a replica that nobody has opened yet. */
static int build_data(struct build *b, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	zone_path(&b->i->config, b->zone, "", &dir);
	zone_path(&b->i->config, b->zone, "data.db", &path);
	int rc = buf_check(&dir, err) != 0 ? -ENOMEM : buf_check(&path, err);
	return rc != 0 ? rc : replica_make(b->from, dir.p, path.p, err);
}

static int copy_segment(
	struct build *b, uint64_t first, const char *from, const char *to, struct err *err)
{
	CLEANUP(buf_free) struct buf source = BUF_INIT;
	CLEANUP(buf_free) struct buf target = BUF_INIT;
	buf_printf(&source, "%s/%016" PRIx64 ".seg", from, first);
	buf_printf(&target, "%s/%016" PRIx64 ".seg", to, first);
	buf_cstr(&source);
	buf_cstr(&target);
	int rc = buf_check(&source, err) != 0 ? -ENOMEM : buf_check(&target, err);
	return rc != 0 ? rc : disk_copy_content(b->disk, source.p, target.p, err);
}

/* The sequence that segment number `n` begins with; 0: there is none. */
static uint64_t segment_first(struct segments *s, size_t n)
{
	LOCKED(&s->lock);
	return n < s->n ? s->list[n].first : 0;
}

/* Nobody drops segments meanwhile (i->work). The newest is copied as far as it goes:
 * what is torn at its end is cut off when the log is opened. */
static int copy_log(struct build *b, size_t *n, struct err *err)
{
	CLEANUP(buf_free) struct buf to = BUF_INIT;
	struct segments *s = pagelog_segments(b->from->log);
	zone_path(&b->i->config, b->zone, "log", &to);
	int rc = buf_check(&to, err);
	if (rc == 0) {
		rc = disk_make_dir(b->disk, to.p, err);
	}
	uint64_t first;
	for (; rc == 0 && (first = segment_first(s, *n)) != 0; ++*n) {
		rc = copy_segment(b, first, s->dir, to.p, err);
	}
	if (rc == 0 && (rc = b->disk->sync_dir(to.p)) != 0) {
		disk_error(rc, to.p, "could not be made durable", err);
	}
	return rc;
}

static int build_log(struct build *b, struct err *err)
{
	size_t n = 0;
	int rc = copy_log(b, &n, err);
	if (rc == 0 && n > 0) {
		/* What was written while that went on, but for very little. */
		n--;
		rc = copy_log(b, &n, err);
	}
	return rc;
}

static void with_standby(struct instance_state *state, void *arg)
{
	const struct build *b = arg;
	state->mark[b->zone] = b->mark;
	state->epoch = b->mark;
	state->standby = true;
}

static bool still_wanted(struct build *b)
{
	bool wanted;
	{
		LOCKED(&b->i->state_lock);
		wanted = b->i->state.settings.multi_az && !b->i->state.standby;
	}
	LOCKED(&b->i->lock);
	return wanted && b->i->current == b->from;
}

/* With commits held back: one that lost it in between would not be noticed. */
static int count_it(struct build *b, struct err *err)
{
	LOCKED(&b->from->tap);
	struct err why = {0};
	if (pagelog_degraded(b->from->log, &why)) {
		return err_set(err, why.code, "%s", why.msg);
	}
	return instance_alter(b->i, with_standby, b, err);
}

/* Commits wait for the standby first, then it counts. */
static int attach(struct build *b, struct err *err)
{
	struct instance *i = b->i;
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	zone_path(&i->config, b->zone, "log", &dir);
	int rc = buf_check(&dir, err);
	LOCKED(&i->change);
	if (rc == 0 && !still_wanted(b)) {
		rc = err_set(err, EBUSY, "%s: something else happened meanwhile", i->config.label);
	}
	if (rc == 0) {
		rc = pagelog_attach(b->from->log, dir.p, err);
	}
	if (rc != 0) {
		return rc;
	}
	rc = follow(i, b->from, err);
	if (rc == 0) {
		rc = count_it(b, err);
	}
	if (rc != 0) {
		pagelog_detach(b->from->log);
		replica_close(i->follower);
		i->follower = NULL;
		return rc;
	}
	event_post(i, INSTANCE_STANDBY_READY, "in zone %s, %.3f s", i->config.zone[b->zone].name,
		(double)(clock_monotonic_ns() - b->began) / (double)SECOND_NS);
	return 0;
}

static int build_all(struct build *b, struct err *err)
{
	int rc = zone_make(&b->i->config, b->zone, err);
	if (rc == 0) {
		rc = build_data(b, err);
	}
	if (rc == 0) {
		rc = build_log(b, err);
	}
	if (rc == 0) {
		rc = zone_set_mark(&b->i->config, b->zone, b->mark, err);
	}
	return rc != 0 ? rc : attach(b, err);
}

static uint64_t next_mark(struct instance *i)
{
	LOCKED(&i->state_lock);
	return i->state.epoch + 1;
}

int standby_build(struct instance *i, struct err *err)
{
	struct build b = {
		.i = i,
		.mark = next_mark(i),
		.disk = config_disk(&i->config),
		.began = clock_monotonic_ns(),
	};
	int rc = instance_enter(i, b.began + INSTANCE_WAIT_NS, &b.from, err);
	if (rc != 0) {
		return rc;
	}
	b.zone = 1 - b.from->zone;
	event_post(i, INSTANCE_STANDBY_STARTED, "in zone %s", i->config.zone[b.zone].name);
	event_tell(i);
	rc = build_all(&b, err);
	instance_leave(i, b.from);
	return rc;
}
