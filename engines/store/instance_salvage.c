/* What is left of an instance whose primary is gone for good: the replica that has most.
 *
 * It is given what the primary's log still has, if that can be read; else it ends with the last
 * commit it has applied. One that was in the middle of applying when the daemon died, and
 * whose log is gone, cannot be used. */
#include <errno.h>
#include <string.h>

#include "engines/common/cleanup.h"
#include "engines/common/log.h"
#include "engines/store/instance_impl.h"

struct salvage {
	const struct instance_config *config;
	struct instance_state state;
	struct pagelog *log;
	struct replica *best;
	struct instance_salvaged *out;
};

static void salvage_free(struct salvage *s)
{
	replica_close(s->best);
	pagelog_close(s->log);
	state_free(&s->state);
}

static int open_log(struct salvage *s, const char *dir, struct err *err)
{
	struct pagelog_config config = {
		.dir = dir,
		.policy = PAGELOG_DEGRADE,
		.lazy = s->config->sync != STORE_SYNC_CLOSE,
		.disk = s->config->disk,
		.label = s->config->label,
	};
	return pagelog_open(&config, &s->log, err);
}

/* That of the zone; an empty one when it is gone or broken. */
static int find_log(struct salvage *s, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	struct err why = {0};

	zone_path(s->config, s->state.settings.primary, "log", &dir);
	int rc = buf_check(&dir, err);
	if (rc != 0) {
		return rc;
	}
	if (access(dir.p, F_OK) == 0 && open_log(s, dir.p, &why) == 0) {
		return 0;
	}
	log_info("%s: its replicas go on without its log: %s", s->config->label,
		why.code != 0 ? why.msg : "it is gone");
	own_path(s->config, "no-log", &dir);
	rc = buf_check(&dir, err);
	rc = rc != 0 ? rc : remove_tree(config_disk(s->config), dir.p, err);
	return rc != 0 ? rc : open_log(s, dir.p, err);
}

static void replica_file(const struct salvage *s, const char *name, struct buf *out)
{
	own_path(s->config, "replicas/", out);
	buf_printf(out, "%s.db", name);
	buf_cstr(out);
}

/* With all the log has for it: what is missing or broken there ends it between two commits. */
static int open_replica(
	const struct salvage *s, const char *name, struct replica **out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct err end = {0};

	replica_file(s, name, &path);
	int rc = buf_check(&path, err);
	struct replica_config config = {
		.path = path.p, .label = s->config->label, .log = s->log, .disk = s->config->disk};
	rc = rc != 0 ? rc : replica_open(&config, out, err);
	if (rc == 0 && replica_apply(*out, UINT64_MAX, &end) != 0) {
		log_info("%s", end.msg);
	}
	return rc;
}

/* Keeps it if it has more than the best so far. */
static void consider(struct salvage *s, const struct replica_spec *spec)
{
	struct replica *r = NULL;
	struct replica_status status;
	struct err err = {0};

	if (open_replica(s, spec->name, &r, &err) != 0) {
		log_warn("%s: its replica %s cannot be used: %s", s->config->label, spec->name,
			err.msg);
		return;
	}
	replica_status(r, &status);
	if (s->best != NULL && status.sequence <= s->out->sequence) {
		replica_close(r);
		return;
	}
	replica_close(s->best);
	s->best = r;
	s->out->sequence = status.sequence;
	s->out->zone = spec->zone;
	memcpy(s->out->name, spec->name, sizeof(s->out->name));
}

/* The replica's own file stays, until the instance is destroyed. */
static int give(struct salvage *s, const char *path, struct err *err)
{
	CLEANUP(buf_free) struct buf from = BUF_INIT;

	if (s->best == NULL) {
		return err_set(err, ENODATA, "%s: no replica of it can be used", s->config->label);
	}
	replica_close(s->best);
	s->best = NULL;
	replica_file(s, s->out->name, &from);
	int rc = buf_check(&from, err);
	return rc != 0 ? rc : disk_copy_file(config_disk(s->config), from.p, path, err);
}

int instance_salvage(const struct instance_config *config, const char *path,
	struct instance_salvaged *out, struct err *err)
{
	CLEANUP(salvage_free) struct salvage s = {.config = config, .out = out};

	*out = (struct instance_salvaged){0};
	int rc = state_load(config, &s.state, err);
	rc = rc != 0 ? rc : find_log(&s, err);
	for (size_t n = 0; rc == 0 && n < s.state.n_replicas; n++) {
		consider(&s, &s.state.replicas[n]);
	}
	return rc != 0 ? rc : give(&s, path, err);
}
