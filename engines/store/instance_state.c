/* The file `state` of an instance: what is true of it, whatever the zones hold.
 * JSON, so that a person can read it; written beside and renamed, so that it is
 * always one or the other. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "engines/store/instance_impl.h"

#define FORMAT	  1
#define STATE_MAX (1 << 20)

void state_free(struct instance_state *state)
{
	free(state->replicas);
	*state = (struct instance_state){0};
}

int state_copy(const struct instance_state *from, struct instance_state *out, struct err *err)
{
	*out = *from;
	out->replicas = calloc(from->n_replicas + 1, sizeof(*out->replicas));
	if (out->replicas == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < from->n_replicas; i++) {
		out->replicas[i] = from->replicas[i];
	}
	return 0;
}

/* ---- as JSON ---- */

static json_t *replicas_to_json(const struct instance_state *state)
{
	json_t *list = json_array();
	for (size_t i = 0; i < state->n_replicas; i++) {
		const struct replica_spec *r = &state->replicas[i];
		json_array_append_new(list,
			json_pack("{s:s, s:s, s:i, s:I}", "name", r->name, "region", r->region,
				"zone", (int)r->zone, "delay_ms", (json_int_t)r->delay_ms));
	}
	return list;
}

/* NULL when memory ran out. free() it. */
static char *state_to_text(const struct instance_state *state)
{
	const struct instance_settings *s = &state->settings;
	json_t *root = json_pack("{s:i, s:I, s:[I,I], s:b, s:i, s:b, s:i, s:o}", "format", FORMAT,
		"epoch", (json_int_t)state->epoch, "marks", (json_int_t)state->mark[0],
		(json_int_t)state->mark[1], "standby", (int)state->standby, "primary",
		(int)s->primary, "multi_az", (int)s->multi_az, "retention_days",
		(int)s->retention_days, "replicas", replicas_to_json(state));
	char *text = root != NULL ? json_dumps(root, JSON_INDENT(2)) : NULL;
	json_decref(root);
	return text;
}

static bool copy_name(char *to, size_t size, const char *from)
{
	size_t n = strlen(from);
	if (n >= size) {
		return false;
	}
	memcpy(to, from, n + 1);
	return true;
}

static bool replica_from_json(json_t *json, struct replica_spec *out)
{
	const char *name;
	const char *region;
	int zone;
	json_int_t delay;
	if (json_unpack(json, "{s:s, s:s, s:i, s:I}", "name", &name, "region", &region, "zone",
		    &zone, "delay_ms", &delay) != 0 ||
		zone < 0 || zone >= INSTANCE_ZONES) {
		return false;
	}
	out->zone = (unsigned)zone;
	out->delay_ms = delay;
	return copy_name(out->name, sizeof(out->name), name) &&
	       copy_name(out->region, sizeof(out->region), region);
}

static bool replicas_from_json(json_t *list, struct instance_state *out)
{
	size_t n = json_array_size(list);
	out->replicas = calloc(n + 1, sizeof(*out->replicas));
	while (out->replicas != NULL && out->n_replicas < n) {
		json_t *one = json_array_get(list, out->n_replicas);
		if (!replica_from_json(one, &out->replicas[out->n_replicas])) {
			return false;
		}
		out->n_replicas++;
	}
	return out->replicas != NULL;
}

static bool state_from_json(json_t *root, struct instance_state *out)
{
	int format;
	int primary;
	int days;
	int multi_az;
	int standby;
	json_int_t epoch;
	json_int_t mark[INSTANCE_ZONES];
	json_t *replicas;
	if (json_unpack(root, "{s:i, s:I, s:[I,I], s:b, s:i, s:b, s:i, s:o}", "format", &format,
		    "epoch", &epoch, "marks", &mark[0], &mark[1], "standby", &standby, "primary",
		    &primary, "multi_az", &multi_az, "retention_days", &days, "replicas",
		    &replicas) != 0 ||
		format != FORMAT || primary < 0 || primary >= INSTANCE_ZONES || days < 0) {
		return false;
	}
	out->epoch = (uint64_t)epoch;
	out->mark[0] = (uint64_t)mark[0];
	out->mark[1] = (uint64_t)mark[1];
	out->standby = standby != 0;
	out->settings = (struct instance_settings){
		.primary = (unsigned)primary,
		.multi_az = multi_az != 0,
		.retention_days = (unsigned)days,
	};
	return replicas_from_json(replicas, out);
}

/* ---- the file ---- */

static int read_text(
	const struct disk_ops *disk, const char *path, struct buf *out, struct err *err)
{
	int fd = disk->open(path, O_RDONLY);
	if (fd < 0) {
		return disk_error(fd, path, "cannot be opened", err);
	}
	ssize_t got = -ENOMEM;
	if (buf_resize(out, STATE_MAX)) {
		got = disk->read(fd, out->p, out->n, 0);
	}
	disk->close(fd);
	out->n = got > 0 ? (size_t)got : 0;
	return got < 0 ? disk_error((int)got, path, "cannot be read", err) : 0;
}

int state_load(const struct instance_config *config, struct instance_state *out, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	own_path(config, "state", &path);
	int rc = buf_check(&path, err);
	if (rc == 0) {
		rc = read_text(config_disk(config), path.p, &text, err);
	}
	if (rc != 0) {
		return rc;
	}
	json_error_t where;
	json_t *root = json_loadb(text.p, text.n, 0, &where);
	*out = (struct instance_state){0};
	bool ok = root != NULL && state_from_json(root, out);
	json_decref(root);
	if (!ok) {
		state_free(out);
		return err_set(err, EIO,
			"%s: %s is not the state of an instance; nothing was changed",
			config->label, path.p);
	}
	return 0;
}

static int write_text(
	const struct disk_ops *disk, const char *path, const char *text, struct err *err)
{
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	buf_printf(&temp, "%s.part", path);
	const char *name = buf_cstr(&temp);
	int rc = buf_check(&temp, err);
	if (rc != 0) {
		return rc;
	}
	int fd = disk->open(name, O_RDWR | O_CREAT | O_TRUNC);
	rc = fd < 0 ? fd : disk->write(fd, text, strlen(text), 0);
	if (fd >= 0) {
		disk->close(fd);
	}
	return rc != 0 ? disk_error(rc, name, "could not be written", err)
		       : disk_publish(disk, name, path, err);
}

int state_save(
	const struct instance_config *config, const struct instance_state *state, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(cleanup_free) char *text = state_to_text(state);
	own_path(config, "state", &path);
	if (text == NULL) {
		return err_set(err, ENOMEM, "%s: out of memory", config->label);
	}
	int rc = buf_check(&path, err);
	return rc != 0 ? rc : write_text(config_disk(config), path.p, text, err);
}

int instance_alter(struct instance *i, state_fn *change, void *arg, struct err *err)
{
	struct instance_state next;
	LOCKED(&i->state_lock);
	int rc = state_copy(&i->state, &next, err);
	if (rc != 0) {
		return rc;
	}
	change(&next, arg);
	rc = state_save(&i->config, &next, err);
	if (rc != 0) {
		state_free(&next);
		return rc;
	}
	state_free(&i->state);
	i->state = next;
	return 0;
}
