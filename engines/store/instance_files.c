/* Where an instance's files are; making and removing them.
 *
 * Making: everything is put in place, and last of all the state is written: with
 * it there is an instance, without it there is not, and what lies about belongs to
 * one whose making was interrupted. Removing goes the other way round. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engines/store/instance_impl.h"

void zone_path(
	const struct instance_config *config, unsigned zone, const char *name, struct buf *out)
{
	buf_clear(out);
	buf_printf(out, "%s/%s%s%s", config->zone[zone].dir, config->id, name[0] != '\0' ? "/" : "",
		name);
	buf_cstr(out);
}

void own_path(const struct instance_config *config, const char *name, struct buf *out)
{
	buf_clear(out);
	buf_printf(out, "%s/%s%s%s", config->dir, config->id, name[0] != '\0' ? "/" : "", name);
	buf_cstr(out);
}

const struct disk_ops *config_disk(const struct instance_config *config)
{
	return config->disk != NULL ? config->disk : &disk_system;
}

/* ---- trees ---- */

static int remove_content(const struct disk_ops *disk, const char *path, struct err *err)
{
	DIR *d = opendir(path);
	if (d == NULL) {
		return err_errno(err, "%s cannot be read", path);
	}
	int rc = 0;
	for (struct dirent *e; rc == 0 && (e = readdir(d)) != NULL;) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			buf_printf(&name, "%s/%s", path, e->d_name);
			buf_cstr(&name);
			rc = buf_check(&name, err);
			rc = rc != 0 ? rc : remove_tree(disk, name.p, err);
		}
	}
	closedir(d);
	return rc;
}

/* A link is removed, not followed. */
int remove_tree(const struct disk_ops *disk, const char *path, struct err *err)
{
	struct stat st;
	if (lstat(path, &st) != 0) {
		return errno == ENOENT || errno == ENOTDIR
			       ? 0
			       : err_errno(err, "%s cannot be removed", path);
	}
	if (!S_ISDIR(st.st_mode)) {
		return disk_remove(disk, path, err);
	}
	int rc = remove_content(disk, path, err);
	if (rc == 0 && (rc = disk->sync_dir(path)) != 0) {
		disk_error(rc, path, "could not be emptied", err);
	}
	if (rc == 0 && rmdir(path) != 0 && errno != ENOENT) {
		rc = err_errno(err, "%s cannot be removed", path);
	}
	return rc;
}

/* mkdir -p, for the directory of a service. */
static int make_parents(const struct disk_ops *disk, const char *path, struct err *err)
{
	CLEANUP(cleanup_free) char *copy = strdup(path);
	if (copy == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (char *p = copy + 1; *p != '\0'; p++) {
		if (*p == '/') {
			*p = '\0';
			int rc = disk_make_dir(disk, copy, err);
			if (rc != 0) {
				return rc;
			}
			*p = '/';
		}
	}
	return disk_make_dir(disk, copy, err);
}

/* ---- a zone ---- */

int zone_remove(const struct instance_config *config, unsigned zone, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	CLEANUP(buf_free) struct buf mark = BUF_INIT;
	zone_path(config, zone, "", &dir);
	zone_path(config, zone, "mark", &mark);
	int rc = buf_check(&dir, err) != 0 ? -ENOMEM : buf_check(&mark, err);
	/* The mark first: half a copy is none. */
	if (rc == 0) {
		rc = config_disk(config)->remove(mark.p);
		rc = rc == 0 ? config_disk(config)->sync_dir(dir.p) : rc;
		rc = rc == -ENOENT || rc == -ENOTDIR ? 0 : rc;
		if (rc != 0) {
			disk_error(rc, mark.p, "cannot be removed", err);
		}
	}
	return rc != 0 ? rc : remove_tree(config_disk(config), dir.p, err);
}

int zone_make(const struct instance_config *config, unsigned zone, struct err *err)
{
	CLEANUP(buf_free) struct buf dir = BUF_INIT;
	int rc = make_parents(config_disk(config), config->zone[zone].dir, err);
	if (rc == 0) {
		rc = zone_remove(config, zone, err);
	}
	zone_path(config, zone, "", &dir);
	if (rc == 0) {
		rc = buf_check(&dir, err);
	}
	return rc != 0 ? rc : disk_make_dir(config_disk(config), dir.p, err);
}

int zone_mark(const struct instance_config *config, unsigned zone, uint64_t *out)
{
	const struct disk_ops *disk = config_disk(config);
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	char text[17] = "";
	*out = 0;
	zone_path(config, zone, "mark", &path);
	int fd = buf_check(&path, NULL) != 0 ? -ENOMEM : disk->open(path.p, O_RDONLY);
	if (fd < 0) {
		return fd;
	}
	ssize_t got = disk->read(fd, text, 16, 0);
	disk->close(fd);
	return got == 16 && disk_parse_hex(text, out) ? 0 : -EIO;
}

int zone_set_mark(
	const struct instance_config *config, unsigned zone, uint64_t mark, struct err *err)
{
	const struct disk_ops *disk = config_disk(config);
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf temp = BUF_INIT;
	char text[20];
	zone_path(config, zone, "mark", &path);
	zone_path(config, zone, "mark.part", &temp);
	snprintf(text, sizeof(text), "%016" PRIx64 "\n", mark);
	int rc = buf_check(&path, err) != 0 ? -ENOMEM : buf_check(&temp, err);
	if (rc != 0) {
		return rc;
	}
	int fd = disk->open(temp.p, O_RDWR | O_CREAT | O_TRUNC);
	rc = fd < 0 ? fd : disk->write(fd, text, 17, 0);
	if (fd >= 0) {
		disk->close(fd);
	}
	return rc != 0 ? disk_error(rc, temp.p, "could not be written", err)
		       : disk_publish(disk, temp.p, path.p, err);
}

/* ---- making ---- */

static int make_empty(const struct instance_config *config, const char *path, struct err *err)
{
	struct store *s;
	struct store_config store = {
		.path = path,
		.label = config->label,
		.application_id = config->application_id,
		.schema_version = config->schema_version,
		.schema = config->schema,
		.sql = config->sql,
		.n_sql = config->n_sql,
		.create = true,
		.sync = STORE_SYNC_CLOSE,
		.vfs = checksum_vfs(NULL),
	};
	int rc = store_open(&store, &s, err);
	if (rc == 0) {
		store_close(s);
	}
	return rc;
}

/* A second name for the same file, so that a crash before the state is written
 * leaves it where it was; nobody changes it before that. */
static int take_over(
	const struct instance_config *config, const char *from, const char *path, struct err *err)
{
	if (link(from, path) == 0) {
		return disk_sync_parent(config_disk(config), path, err);
	}
	if (errno == ENOENT) {
		return err_errno(err, "%s: %s", config->label, from);
	}
	return disk_copy_file(config_disk(config), from, path, err);
}

static int make_data(
	const struct instance_config *config, unsigned zone, const char *from, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	zone_path(config, zone, "data.db", &path);
	int rc = buf_check(&path, err);
	if (rc != 0) {
		return rc;
	}
	return from == NULL ? make_empty(config, path.p, err)
			    : take_over(config, from, path.p, err);
}

/* What an interrupted making or removing left; then the directory anew. */
static int make_own(const struct instance_config *config, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf replicas = BUF_INIT;
	own_path(config, "", &path);
	own_path(config, "replicas", &replicas);
	int rc = buf_check(&path, err) != 0 ? -ENOMEM : buf_check(&replicas, err);
	if (rc == 0) {
		rc = make_parents(config_disk(config), config->dir, err);
	}
	if (rc == 0) {
		rc = remove_tree(config_disk(config), path.p, err);
	}
	if (rc == 0) {
		rc = disk_make_dir(config_disk(config), path.p, err);
	}
	return rc != 0 ? rc : disk_make_dir(config_disk(config), replicas.p, err);
}

static int refuse_existing(const struct instance_config *config, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	own_path(config, "state", &path);
	int rc = buf_check(&path, err);
	if (rc == 0 && access(path.p, F_OK) == 0) {
		rc = err_set(err, EEXIST, "%s exists already", config->label);
	}
	return rc;
}

/* From now on one that is missing was lost. */
static int make_log(const struct instance_config *config, unsigned zone, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	struct pagelog *log;
	zone_path(config, zone, "log", &path);
	struct pagelog_config log_config = {
		.dir = path.p, .disk = config->disk, .label = config->label};
	int rc = buf_check(&path, err);
	rc = rc != 0 ? rc : pagelog_open(&log_config, &log, err);
	if (rc == 0) {
		pagelog_close(log);
	}
	return rc;
}

static int make_all(const struct instance_config *config, const struct instance_settings *settings,
	const char *from, struct err *err)
{
	unsigned zone = settings->primary;
	struct instance_state state = {.epoch = 1, .settings = *settings};
	state.mark[zone] = state.epoch;
	int rc = make_own(config, err);
	if (rc == 0) {
		rc = zone_remove(config, 1 - zone, err);
	}
	if (rc == 0) {
		rc = zone_make(config, zone, err);
	}
	if (rc == 0) {
		rc = make_data(config, zone, from, err);
	}
	if (rc == 0) {
		rc = make_log(config, zone, err);
	}
	if (rc == 0) {
		rc = zone_set_mark(config, zone, state.epoch, err);
	}
	return rc != 0 ? rc : state_save(config, &state, err);
}

static void drop_given(const struct instance_config *config, const char *from)
{
	struct err ignored = {0};
	if (from != NULL && disk_remove(config_disk(config), from, &ignored) == 0) {
		disk_sync_parent(config_disk(config), from, &ignored);
	}
}

int instance_no_standby(const struct instance_config *config, struct err *err)
{
	return err_set(
		err, EINVAL, "%s: its commits are not synced, so it has no standby", config->label);
}

int instance_create(const struct instance_config *config, const struct instance_settings *settings,
	const char *from, struct err *err)
{
	if (settings->primary >= INSTANCE_ZONES) {
		return err_set(err, EINVAL, "%s: there is no such zone", config->label);
	}
	if (settings->multi_az && config->sync != STORE_SYNC_CLOSE) {
		return instance_no_standby(config, err);
	}
	int rc = refuse_existing(config, err);
	if (rc != 0) {
		return rc;
	}
	rc = make_all(config, settings, from, err);
	if (rc != 0) {
		struct err ignored = {0};
		instance_destroy(config, &ignored);
		return rc;
	}
	drop_given(config, from);
	return 0;
}

int instance_destroy(const struct instance_config *config, struct err *err)
{
	const struct disk_ops *disk = config_disk(config);
	CLEANUP(buf_free) struct buf state = BUF_INIT;
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	own_path(config, "state", &state);
	own_path(config, "", &path);
	int rc = buf_check(&state, err) != 0 ? -ENOMEM : buf_check(&path, err);
	if (rc == 0 && access(state.p, F_OK) == 0) {
		rc = disk_remove(disk, state.p, err);
		rc = rc != 0 ? rc : disk_sync_parent(disk, state.p, err);
	}
	/* It is gone; as much of the rest as can be is removed. */
	for (unsigned zone = 0; zone < INSTANCE_ZONES && rc != -ENOMEM; zone++) {
		int rc_zone = zone_remove(config, zone, err);
		rc = rc != 0 ? rc : rc_zone;
	}
	int rc_own = rc != -ENOMEM ? remove_tree(disk, path.p, err) : 0;
	return rc != 0 ? rc : rc_own;
}
