/* The page log's standby: the same records in a directory of the other zone.
 *
 * Having the same records, its own end tells how far it is: what it lacks is copied
 * from the log before the next record. */
#include "engines/store/pagelog_impl.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"

/* Gives `to` the records it lacks. */
static int catch_up(struct segments *from, struct segments *to, struct err *err)
{
	struct record last = segments_last(to);
	struct segment_reader r;
	struct record record;
	segment_reader_init(&r, from, last.sequence > 0 ? last.sequence + 1 : segments_first(from));
	int rc = 0;
	if (r.next > 0) {
		while ((rc = segment_reader_next(&r, &record, err)) == 1) {
			rc = segments_append(to, &record, buf_slice(&r.bytes), err);
			if (rc != 0) {
				break;
			}
		}
	}
	segment_reader_finish(&r);
	return rc;
}

/* The newest record both have must be the same one. */
static int check_common(struct segments *a, struct segments *b, struct err *err)
{
	uint64_t last_a = segments_last(a).sequence;
	uint64_t last_b = segments_last(b).sequence;
	uint64_t common = last_a < last_b ? last_a : last_b;
	if (common < segments_first(a) || common < segments_first(b) || common == 0) {
		return 0;
	}
	struct segment_reader x;
	struct segment_reader y;
	struct record record;
	segment_reader_init(&x, a, common);
	segment_reader_init(&y, b, common);
	int rc = segment_reader_next(&x, &record, err);
	if (rc == 1) {
		rc = segment_reader_next(&y, &record, err);
	}
	if (rc == 1 && !slice_equal(buf_slice(&x.bytes), buf_slice(&y.bytes))) {
		rc = err_set(err, EIO,
			"%s and %s are not the logs of one store: commit %" PRIu64 " differs",
			a->dir, b->dir, common);
	}
	segment_reader_finish(&x);
	segment_reader_finish(&y);
	return rc < 0 ? rc : 0;
}

static int standby_open(struct pagelog *log, struct err *err)
{
	if (log->standby.dir != NULL) {
		return 0;
	}
	int rc = segments_open(&log->standby, log->disk, log->standby_dir, err);
	if (rc == 0) {
		rc = check_common(&log->own, &log->standby, err);
	}
	if (rc != 0) {
		segments_close(&log->standby);
	}
	return rc;
}

static int standby_follow(
	struct pagelog *log, const struct record *r, struct slice bytes, struct err *err)
{
	int rc = standby_open(log, err);
	/* The record itself is not among those that catch_up() can read yet. */
	if (rc == 0 && segments_last(&log->standby).sequence + 1 != r->sequence) {
		rc = catch_up(&log->own, &log->standby, err);
	}
	return rc != 0 ? rc : segments_append(&log->standby, r, bytes, err);
}

/* What the policy makes of the standby's failure. */
static int standby_failed(struct pagelog *log, struct err *why, struct err *err)
{
	if (log->policy == PAGELOG_FAIL) {
		return err_set(
			err, why->code, "%s: the standby has not got it: %s", log->label, why->msg);
	}
	int rc = log->lost_standby != NULL ? log->lost_standby(log->arg, why, err) : 0;
	if (rc != 0) {
		return rc;
	}
	log_warn("%s: goes on without its standby: %s", log->label, why->msg);
	segments_close(&log->standby);
	LOCKED(&log->lock);
	log->degraded = *why;
	return 0;
}

int pagelog_standby_append(
	struct pagelog *log, const struct record *r, struct slice bytes, struct err *err)
{
	if (log->standby_dir == NULL || pagelog_degraded(log, NULL)) {
		return 0;
	}
	struct err why = {0};
	return standby_follow(log, r, bytes, &why) == 0 ? 0 : standby_failed(log, &why, err);
}

int pagelog_standby_join(struct pagelog *log, struct err *err)
{
	if (log->standby_dir == NULL) {
		return 0;
	}
	struct err why = {0};
	int rc = standby_open(log, &why);
	if (rc == 0) {
		rc = catch_up(&log->standby, &log->own, &why);
	}
	if (rc == 0) {
		rc = catch_up(&log->own, &log->standby, &why);
	}
	return rc == 0 ? 0 : standby_failed(log, &why, err);
}

bool pagelog_degraded(struct pagelog *log, struct err *why)
{
	LOCKED(&log->lock);
	if (why != NULL && log->degraded.code != 0) {
		*why = log->degraded;
	}
	return log->degraded.code != 0;
}

/* Under log->append. */
static int reattach(struct pagelog *log, struct err *err)
{
	int rc = standby_open(log, err);
	if (rc == 0) {
		rc = catch_up(&log->own, &log->standby, err);
	}
	if (rc == 0) {
		LOCKED(&log->lock);
		err_clear(&log->degraded);
	}
	return rc;
}

int pagelog_reattach(struct pagelog *log, struct err *err)
{
	LOCKED(&log->append);
	return log->standby_dir != NULL ? reattach(log, err)
					: err_set(err, EINVAL, "%s has no standby", log->label);
}

/* Under log->append. */
static void detach(struct pagelog *log)
{
	segments_close(&log->standby);
	free(log->standby_dir);
	log->standby_dir = NULL;
	LOCKED(&log->lock);
	err_clear(&log->degraded);
}

int pagelog_attach(struct pagelog *log, const char *dir, struct err *err)
{
	LOCKED(&log->append);
	detach(log);
	log->standby_dir = strdup(dir);
	if (log->standby_dir == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", log->label);
	}
	int rc = reattach(log, err);
	if (rc != 0) {
		detach(log);
	}
	return rc;
}

void pagelog_detach(struct pagelog *log)
{
	LOCKED(&log->append);
	detach(log);
}
