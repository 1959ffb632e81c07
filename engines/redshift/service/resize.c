/* Elastic resize: the rows go to nodes of the next generation while queries run on those of this
 * one and writers wait; then one commit of the leader says which generation counts. What a crash
 * leaves of the other one is removed when the cluster is opened. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/clock.h"
#include "engines/common/log.h"
#include "engines/redshift/service/service.h"

const char *const redshift_resize_names[] = {
	[REDSHIFT_RESIZE_NONE] = "NONE",
	[REDSHIFT_RESIZE_IN_PROGRESS] = "IN_PROGRESS",
	[REDSHIFT_RESIZE_SUCCEEDED] = "SUCCEEDED",
	[REDSHIFT_RESIZE_FAILED] = "FAILED",
	[REDSHIFT_RESIZE_CANCELLED] = "CANCELLED",
};

/* ---- what crashes leave ---- */

/* Of another generation than this one: "g3-n0.duckdb", with what stands beside it. */
static bool is_stale(const char *name, uint64_t generation)
{
	char *end;

	if (name[0] != 'g' || name[1] < '0' || name[1] > '9') {
		return false;
	}
	return strtoull(name + 1, &end, 10) != generation && *end == '-';
}

static int clean_dir(const char *path, uint64_t generation, struct err *err)
{
	DIR *d = opendir(path);
	const struct dirent *entry;

	if (d == NULL) {
		/* A zone that is away is no reason not to serve. */
		return 0;
	}
	while ((entry = readdir(d)) != NULL) {
		if (is_stale(entry->d_name, generation) &&
			unlinkat(dirfd(d), entry->d_name, 0) < 0) {
			log_warn("redshift: cannot remove %s/%s: %s", path, entry->d_name,
				strerror(errno));
		}
	}
	(void)err;
	closedir(d);
	return 0;
}

int redshift_clean_generations(struct redshift_cluster *c, struct rs_cluster *rs, struct err *err)
{
	struct rs_look look;

	(void)c;
	int rc = rs_look_begin(rs, &look, err);
	if (rc < 0) {
		return rc;
	}
	uint64_t generation = look.catalog->generation;
	rs_look_end(&look);
	rc = clean_dir(rs->config.dir, generation, err);
	return rc < 0 ? rc : clean_dir(rs->config.mirror, generation, err);
}

/* ---- how far it is ---- */

struct moving {
	struct redshift_cluster *c;
	const struct redshift_progress *progress;
	unsigned tenths; /* told in .events */
};

static void on_rows(void *arg, uint64_t done, uint64_t total)
{
	struct moving *m = arg;
	bool tell;

	{
		LOCKED(&m->c->service->base.lock);
		m->c->resize.done = done;
		m->c->resize.total = total;
		unsigned tenths = total > 0 ? (unsigned)(done * 10 / total) : 0;
		tell = tenths > m->tenths && tenths < 10;
		m->tenths = tenths > m->tenths ? tenths : m->tenths;
	}
	if (tell) {
		redshift_event(m->c, "Resize: %llu of %llu rows, %u %%", (unsigned long long)done,
			(unsigned long long)total, m->tenths * 10);
	}
	if (m->progress->fn != NULL) {
		m->progress->fn(m->progress->arg, done, total);
	}
}

void redshift_resize_now(struct redshift_cluster *c, struct redshift_resize *out)
{
	LOCKED(&c->service->base.lock);
	*out = c->resize;
}

static void resize_began(struct redshift_cluster *c, const struct redshift_shape *to)
{
	LOCKED(&c->service->base.lock);
	/* Who gave it up before this (redshift_cancel_resize()) is heard. */
	if (c->base.state == REDSHIFT_RESIZING) {
		atomic_store(&c->stop_resize, false);
	}
	c->resize = (struct redshift_resize){.status = REDSHIFT_RESIZE_IN_PROGRESS,
		.nodes = to->nodes,
		.slices = to->slices,
		.started_ns = clock_wall_ns()};
}

static void resize_ended(struct redshift_cluster *c, int rc, const struct err *err)
{
	LOCKED(&c->service->base.lock);
	c->resize.ended_ns = clock_wall_ns();
	c->resize.status = rc == 0	  ? REDSHIFT_RESIZE_SUCCEEDED
			   : rc == -EINTR ? REDSHIFT_RESIZE_CANCELLED
					  : REDSHIFT_RESIZE_FAILED;
	if (rc < 0) {
		snprintf(c->resize.why, sizeof(c->resize.why), "%.250s", err->msg);
	}
}

/* ---- moving ---- */

static struct rs_nodes_config nodes_config(
	const struct rs_cluster *rs, uint64_t generation, const struct redshift_shape *to)
{
	return (struct rs_nodes_config){
		.site = rs->site,
		.dir = rs->config.dir,
		.mirror = rs->config.mirror,
		.generation = generation,
		.nodes = to->nodes,
		.slices = to->slices,
		.alias = "",
		.event = rs->config.event,
		.failed = rs->config.failed,
		.arg = rs->config.arg,
	};
}

/* One that failed may have happened nevertheless: what is stored then counts. -EAGAIN: it is not
 * known, and neither generation may be removed. */
static int commit(
	struct rs_leader *l, struct rs_catalog *next, uint64_t generation, struct err *err)
{
	struct err why = {0};
	int rc = rs_leader_commit(l, next, err);

	if (rc == 0) {
		return 0;
	}
	if (rs_leader_settle(l, &why) < 0) {
		return -EAGAIN;
	}
	struct rs_catalog *now = rs_leader_catalog(l);
	rc = now->generation == generation ? 0 : rc;
	rs_catalog_unref(now);
	return rc;
}

/* The rows are there: the leader says so, and whoever comes now sees them there. */
static int flip(struct rs_cluster *rs, const struct rs_look *look, struct rs_nodes *made,
	uint64_t generation, const struct redshift_shape *to, struct err *err)
{
	struct rs_catalog *next = rs_catalog_copy(look->catalog);

	if (next == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	/* By its number it is told whether a commit happened. */
	next->xid++;
	next->time_ns = clock_wall_ns();
	next->generation = generation;
	next->nodes = to->nodes;
	next->slices = to->slices;
	int rc = commit(rs->leader, next, generation, err);
	if (rc < 0) {
		return rc;
	}
	pthread_mutex_lock(&rs->lock);
	struct rs_nodes *old = rs->nodes;
	rs->nodes = made;
	pthread_mutex_unlock(&rs->lock);
	rs_nodes_drop(old);
	rs_nodes_unref(old);
	return 0;
}

/* Tables come with their rows (rs_nodes_copy()): until then there are none. On failure nothing is
 * left. */
int redshift_empty_nodes(
	const struct rs_nodes_config *config, struct rs_nodes **out, struct err *err)
{
	struct rs_catalog *none = rs_catalog_new(config->nodes, config->slices);
	struct err ignored = {0};

	if (none == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	none->generation = config->generation;
	int rc = rs_nodes_create(config, err);
	if (rc == 0) {
		rc = rs_nodes_open(config, none, out, err);
		if (rc < 0) {
			rs_nodes_destroy(config, &ignored);
		}
	}
	rs_catalog_unref(none);
	return rc;
}

/* By the one who may write. */
static int move_all(struct redshift_cluster *c, const struct redshift_shape *to,
	struct moving *moving, struct err *err)
{
	struct rs_progress progress = {on_rows, moving};
	struct rs_cluster *rs = c->rs;
	struct rs_nodes *made = NULL;
	struct rs_look look;

	int rc = rs_look_begin(rs, &look, err);
	if (rc < 0) {
		return rc;
	}
	uint64_t generation = look.catalog->generation + 1;
	struct rs_nodes_config config = nodes_config(rs, generation, to);
	/* One that failed before may have left some. */
	rc = rs_nodes_destroy(&config, err);
	rc = rc < 0 ? rc : redshift_empty_nodes(&config, &made, err);
	rc = rc < 0 ? rc
		    : rs_nodes_copy(look.nodes, made, look.catalog, look.xid, &c->stop_resize,
			      &progress, err);
	if (rc == 0 && atomic_load(&c->stop_resize)) {
		rc = err_set(err, EINTR, "the resize was cancelled");
	}
	rc = rc < 0 ? rc : flip(rs, &look, made, generation, to, err);
	rs_look_end(&look);
	if (rc < 0 && made != NULL) {
		if (rc != -EAGAIN) {
			rs_nodes_drop(made);
		}
		rs_nodes_unref(made);
	}
	return rc == -EAGAIN ? -err->code : rc;
}

static int check_new_shape(struct redshift_cluster *c, struct redshift_shape *to, struct err *err)
{
	struct rs_look look;

	int rc = rs_look_begin(c->rs, &look, err);
	if (rc < 0) {
		return rc;
	}
	unsigned nodes = look.catalog->nodes;
	unsigned slices = look.catalog->slices;
	rs_look_end(&look);
	rc = redshift_check_shape(to, nodes, slices, err);
	return rc == 0 && to->nodes == nodes && to->slices == slices
		       ? err_set(err, EINVAL,
				 "InvalidParameterValue: cluster %s has %u nodes of %u slices "
				 "already",
				 c->def.name, nodes, slices)
		       : rc;
}

int redshift_resize(struct redshift_cluster *c, const struct redshift_shape *shape,
	const struct redshift_progress *progress, struct err *err)
{
	struct moving moving = {.c = c, .progress = progress};
	struct redshift_shape to = *shape;

	int rc = redshift_step_begin(c, REDSHIFT_RESIZING, err);
	if (rc < 0) {
		return rc;
	}
	rc = check_new_shape(c, &to, err);
	if (rc == 0) {
		resize_began(c, &to);
		redshift_event(c, "Elastic resize of cluster %s to %u nodes of %u slices started",
			c->def.name, to.nodes, to.slices);
		LOCKED(&c->rs->writing);
		rc = move_all(c, &to, &moving, err);
		resize_ended(c, rc, err);
	}
	redshift_step_end(c);
	if (rc == 0) {
		redshift_tell_changed(c, NULL);
		redshift_event(c, "Resize of cluster %s is complete", c->def.name);
	} else if (rc == -EINTR) {
		redshift_event(c, "Resize of cluster %s was cancelled", c->def.name);
	} else {
		redshift_event(c, "Resize of cluster %s failed: %s", c->def.name, err->msg);
	}
	return rc;
}

int redshift_cancel_resize(struct redshift_cluster *c, struct err *err)
{
	LOCKED(&c->service->base.lock);

	if (c->base.state != REDSHIFT_RESIZING) {
		return err_set(err, ENOENT, "ResizeNotFound: cluster %s is not being resized",
			c->def.name);
	}
	c->base.state = REDSHIFT_CANCELLING_RESIZE;
	atomic_store(&c->stop_resize, true);
	return 0;
}
