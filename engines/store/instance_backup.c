/* Automated backups: base copies, and the log since the oldest of them.
 *
 * One copy a day, the first as soon as there are backups at all. When a copy was
 * made is its file's modification time (its name has the time of the last commit in
 * it, which may be long ago). Whether a day has passed is asked of the wall clock
 * each time, so that a clock that jumps, either way, leads to a copy at once. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engines/common/log.h"
#include "engines/store/instance_impl.h"

#define DAY_NS		(86400 * SECOND_NS)
#define PRUNE_PAUSE_NS	(600 * SECOND_NS)
#define BACKUP_PAUSE_NS (60 * SECOND_NS)

static unsigned retention_days(struct instance *i)
{
	LOCKED(&i->state_lock);
	return i->state.settings.retention_days;
}

/* `dir` is where the set's name is kept. */
static int set_of(struct instance *i, struct primary *p, struct buf *dir, struct base_set *out,
	struct err *err)
{
	own_path(&i->config, "base", dir);
	*out = (struct base_set){
		.dir = dir->p, .log = p != NULL ? p->log : NULL, .disk = i->config.disk};
	return buf_check(dir, err);
}

/* ---- what there is ---- */

static int newest(struct instance *i, struct buf *path, struct base *out)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	struct base_set set;
	struct err ignored = {0};
	int rc = set_of(i, NULL, &dir, &set, &ignored);
	rc = rc != 0 ? rc : base_find(&set, UINT64_MAX, out, &ignored);
	if (rc == 0) {
		base_path(&set, out, path);
		rc = buf_check(path, &ignored);
	}
	return rc;
}

/* When the newest was made; 0: there is none. */
static int64_t last_backup(struct instance *i)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct base b;
	struct stat st;
	if (newest(i, &path, &b) != 0 || stat(path.p, &st) != 0) {
		return 0;
	}
	return st.st_mtim.tv_sec * SECOND_NS + st.st_mtim.tv_nsec;
}

/* Those of a log that was replaced by an older one: its commits will have the same
 * numbers and be others. */
int backup_drop_ahead(struct instance *i, struct primary *p, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(cleanup_free) struct base *list = NULL;
	struct base_set set;
	size_t n = 0;
	int rc = set_of(i, p, &dir, &set, err);
	rc = rc != 0 ? rc : base_list(&set, &list, &n, err);
	while (rc == 0 && n > 0 && list[n - 1].sequence > pagelog_last(p->log)) {
		CLEANUP(buf_free) struct buf path = BUF_INIT;
		base_path(&set, &list[--n], &path);
		rc = buf_check(&path, err);
		rc = rc != 0 ? rc : disk_remove(config_disk(&i->config), path.p, err);
	}
	return rc;
}

void backup_look(struct instance *i)
{
	int64_t last = last_backup(i);
	LOCKED(&i->lock);
	i->last_backup_ns = last;
}

/* ---- pruning; under i->work ---- */

/* What the standby's database has not applied yet is needed as well. */
static uint64_t hold_of(struct instance *i)
{
	uint64_t hold = replicas_hold(i);
	LOCKED(&i->change);
	if (i->follower != NULL) {
		struct replica_status status;
		replica_status(i->follower, &status);
		hold = status.durable < hold ? status.durable : hold;
	}
	return hold;
}

static int remove_all(const struct base_set *set, struct err *err)
{
	CLEANUP(cleanup_free) struct base *list = NULL;
	const struct disk_ops *disk = set->disk != NULL ? set->disk : &disk_system;
	size_t n;
	int rc = base_list(set, &list, &n, err);
	for (size_t k = 0; rc == 0 && k < n; k++) {
		CLEANUP(buf_free) struct buf path = BUF_INIT;
		base_path(set, &list[k], &path);
		rc = buf_check(&path, err);
		rc = rc != 0 ? rc : disk_remove(disk, path.p, err);
	}
	if (rc == 0 && n > 0 && (rc = disk->sync_dir(set->dir)) != 0) {
		disk_error(rc, set->dir, "could not be made durable", err);
	}
	return rc;
}

static int prune_with(struct instance *i, struct primary *p, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	struct base_set set;
	unsigned days = retention_days(i);
	uint64_t hold = hold_of(i);
	uint64_t last = pagelog_last(p->log);
	int rc = set_of(i, p, &dir, &set, err);
	if (rc != 0) {
		return rc;
	}
	if (days > 0) {
		return base_prune(&set, clock_wall_ns() - days * DAY_NS, hold, err);
	}
	rc = remove_all(&set, err);
	return rc != 0 ? rc : pagelog_drop_below(p->log, hold < last ? hold + 1 : last, err);
}

static int prune(struct instance *i, struct err *err)
{
	struct primary *p = instance_peek(i);
	if (p == NULL) {
		return 0;
	}
	int rc = prune_with(i, p, err);
	instance_leave(i, p);
	i->prune_at = clock_monotonic_ns() + PRUNE_PAUSE_NS;
	return rc;
}

/* ---- making; under i->work ---- */

/* Nothing was committed since the newest: that one is as good as a new one. */
static bool touch_newest(struct instance *i, struct primary *p)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct base b;
	return newest(i, &path, &b) == 0 && b.sequence == pagelog_last(p->log) &&
	       utimensat(AT_FDCWD, path.p, NULL, 0) == 0;
}

static int take(struct instance *i, struct primary *p, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	struct base_set set;
	struct base b;
	if (touch_newest(i, p)) {
		return 0;
	}
	int rc = set_of(i, p, &dir, &set, err);
	return rc != 0 ? rc : base_take(&set, p->store, &b, err);
}

static int backup(struct instance *i, struct err *err)
{
	struct primary *p;
	int rc = instance_enter(i, clock_monotonic_ns() + INSTANCE_WAIT_NS, &p, err);
	if (rc != 0) {
		return rc;
	}
	event_post(i, INSTANCE_BACKUP_STARTED, "%s", "");
	event_tell(i);
	rc = take(i, p, err);
	instance_leave(i, p);
	backup_look(i);
	if (rc == 0) {
		event_post(i, INSTANCE_BACKUP_FINISHED, "%s", "");
	}
	return rc;
}

static bool is_due(struct instance *i)
{
	if (retention_days(i) == 0 || clock_monotonic_ns() < i->backup_at) {
		return false;
	}
	LOCKED(&i->lock);
	int64_t age = clock_wall_ns() - i->last_backup_ns;
	return age >= DAY_NS || age < -60 * SECOND_NS;
}

void backup_step(struct instance *i)
{
	LOCKED(&i->work);
	struct err err = {0};
	if (is_due(i)) {
		i->backup_at = clock_monotonic_ns() + BACKUP_PAUSE_NS;
		if (backup(i, &err) != 0) {
			log_warn("%s: no backup: %s", i->config.label, err.msg);
		}
		i->prune_at = 0;
	}
	err_clear(&err);
	if (clock_monotonic_ns() >= i->prune_at && prune(i, &err) != 0) {
		log_warn(
			"%s: what is no longer kept was not removed: %s", i->config.label, err.msg);
	}
}

/* ---- the interface ---- */

int instance_backup(struct instance *i, struct err *err)
{
	if (retention_days(i) == 0) {
		return err_set(err, EINVAL, "%s keeps no backups: its retention is 0 days",
			i->config.label);
	}
	int rc;
	{
		LOCKED(&i->work);
		rc = backup(i, err);
	}
	event_tell(i);
	return rc;
}

static void set_days(struct instance_state *state, void *arg)
{
	state->settings.retention_days = *(const unsigned *)arg;
}

int instance_set_retention(struct instance *i, unsigned days, struct err *err)
{
	int rc;
	{
		LOCKED(&i->work);
		rc = instance_alter(i, set_days, &days, err);
		if (rc == 0) {
			rc = prune(i, err);
		}
		backup_look(i);
		i->backup_at = 0;
	}
	worker_kick(i);
	return rc;
}

void instance_restorable(struct instance *i, int64_t *earliest_ns, int64_t *latest_ns)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(cleanup_free) struct base *list = NULL;
	struct err ignored = {0};
	struct base_set set;
	size_t n = 0;
	*earliest_ns = *latest_ns = 0;
	/* Copies that are no longer meant to be kept may be there for a moment. */
	if (retention_days(i) > 0 && set_of(i, NULL, &dir, &set, &ignored) == 0 &&
		base_list(&set, &list, &n, &ignored) == 0 && n > 0) {
		*earliest_ns = list[0].time_ns;
		*latest_ns = clock_wall_ns();
	}
}

/* Of the last commit in what was built. */
static int64_t commit_time(
	struct instance *i, const struct base_set *set, uint64_t sequence, int64_t time_ns)
{
	struct segment_reader r;
	struct record record = {0};
	struct base b;
	struct err ignored = {0};
	(void)i;
	segment_reader_init(&r, pagelog_segments(set->log), sequence);
	bool found = sequence > 0 && segment_reader_peek(&r, &record, &ignored) == 1;
	segment_reader_finish(&r);
	if (found) {
		return record.time_ns;
	}
	err_clear(&ignored);
	return base_find(set, sequence, &b, &ignored) == 0 ? b.time_ns : time_ns;
}

static int build(struct instance *i, struct primary *p, int64_t time_ns, const char *path,
	int64_t *commit_ns, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	struct base_set set;
	uint64_t sequence;
	int rc = set_of(i, p, &dir, &set, err);
	if (rc == 0) {
		rc = base_build_time(&set, time_ns, path, &sequence, err);
	}
	if (rc == 0 && commit_ns != NULL) {
		*commit_ns = commit_time(i, &set, sequence, time_ns);
	}
	return rc;
}

int instance_build_time(
	struct instance *i, int64_t time_ns, const char *path, int64_t *commit_ns, struct err *err)
{
	struct primary *p;
	if (time_ns > clock_wall_ns()) {
		return err_set(err, ENODATA, "%s: that time is yet to come", i->config.label);
	}
	if (retention_days(i) == 0) {
		return err_set(err, ENODATA, "%s keeps no backups: its retention is 0 days",
			i->config.label);
	}
	LOCKED(&i->work);
	int rc = instance_enter(i, clock_monotonic_ns() + INSTANCE_WAIT_NS, &p, err);
	if (rc == 0) {
		rc = build(i, p, time_ns, path, commit_ns, err);
		instance_leave(i, p);
	}
	return rc;
}
