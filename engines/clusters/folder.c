/* The folder of a service, its zones and settings: opening, closing, what a crash left there;
 * and what the daemon is told. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/clusters/clusters.h"
#include "engines/common/clock.h"
#include "engines/common/log.h"

/* ---- telling ---- */

void clusters_tell(const struct clusters *all, const struct epath *path)
{
	static const struct epath whole;

	if (all->host.changed != NULL) {
		all->host.changed(all->host.arg, all->kind->service, path != NULL ? path : &whole);
	}
}

void clusters_event(const struct clusters *all, const struct epath *path, const char *text)
{
	if (all->host.event != NULL) {
		all->host.event(all->host.arg, all->kind->service, path, text);
	}
}

/* ---- files ---- */

int clusters_check_writable(const struct clusters *all, struct err *err)
{
	return all->read_only ? err_set(err, EROFS, "%s is mounted read-only", all->kind->service)
			      : 0;
}

void clusters_file_path(const struct clusters *all, char kind, uint64_t id, struct buf *out)
{
	bool is_file = strchr(all->kind->stores, kind) == NULL;

	buf_printf(
		out, "%s/%c%llu%s", all->dir, kind, (unsigned long long)id, is_file ? ".db" : "");
	buf_cstr(out);
}

void clusters_file_remove(const struct clusters *all, char kind, uint64_t id)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;

	clusters_file_path(all, kind, id, &path);
	datadir_remove_database(buf_cstr(&path), all->kind->service);
}

void clusters_temp_path(const struct clusters *all, const char *suffix, struct buf *out)
{
	buf_printf(out, "%s/r%llu-%p%s", all->tmp, (unsigned long long)clock_wall_ns(), (void *)out,
		suffix);
	buf_cstr(out);
}

uint64_t clusters_file_bytes(const struct clusters *all)
{
	DIR *dir = opendir(all->dir);
	const struct dirent *entry;
	uint64_t bytes = 0;
	struct stat st;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
			S_ISREG(st.st_mode)) {
			bytes += (uint64_t)st.st_size;
		}
	}
	if (dir != NULL) {
		closedir(dir);
	}
	return bytes;
}

void clusters_config_fill(const struct clusters *all, uint64_t id, struct cluster_store_id *text,
	struct instance_config *out)
{
	static const char *const names[INSTANCE_ZONES] = {"a", "b"};

	snprintf(text->text, sizeof(text->text), "%c%llu", all->kind->stores[0],
		(unsigned long long)id);
	out->id = text->text;
	out->dir = all->dir;
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		out->zone[z].name = names[z];
		out->zone[z].dir = all->zone_dir[z];
	}
}

struct cleaning {
	struct clusters *all;
	const char *dir;
};

static int clean_one(void *arg, const char *name, char kind, uint64_t id, struct err *err)
{
	const struct cleaning *c = arg;
	const struct clusters_kind *k = c->all->kind;

	(void)err;
	if (k->has_row(c->all, kind, id)) {
		return 0;
	}
	log_info("%s: removing %s, left over by a crash", k->service, name);
	if (strchr(k->stores, kind) != NULL) {
		k->destroy(c->all, c->dir, name, id);
	} else if (unlinkat(c->all->dir_fd, name, 0) < 0) {
		log_warn("%s: cannot remove %s: %s", k->service, name, strerror(errno));
	}
	return 0;
}

/* A zone that is gone, or whose disk is, must not keep the others from being served. */
int clusters_clean(struct clusters *all, struct err *err)
{
	struct cleaning own = {all, all->dir};
	struct err why = {0};

	if (all->catalog == NULL || all->read_only) {
		return 0;
	}
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		struct cleaning zone = {all, all->zone_dir[z]};
		if (datadir_each(zone.dir, all->kind->parse, clean_one, &zone, &why) < 0) {
			log_warn("%s: %s", all->kind->service, why.msg);
		}
	}
	return datadir_each(all->dir, all->kind->parse, clean_one, &own, err);
}

/* ---- settings ---- */

static int set_zone(struct clusters *all, unsigned z, const char *dir, struct err *err)
{
	free(all->zone_dir[z]);
	/* Other services have folders of their own in the zone. */
	if (asprintf(&all->zone_dir[z], "%s/%s", dir, all->kind->service) < 0) {
		all->zone_dir[z] = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	return 0;
}

static int take_setting(struct clusters *all, const struct engine_setting *set, struct err *err)
{
	static const char *const zones[INSTANCE_ZONES] = {"az.a", "az.b"};
	const struct clusters_kind *k = all->kind;

	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		if (strcmp(set->key, zones[z]) == 0) {
			return set_zone(all, z, set->value, err);
		}
	}
	int rc = k->setting != NULL ? k->setting(all, set, err) : 0;
	return rc < 0	 ? rc
	       : rc == 1 ? 0
			 : err_set(err, EINVAL, "%s has no setting '%s'; it knows %s", k->service,
				   set->key, k->settings);
}

static int take_settings(struct clusters *all, const struct engine_config *config, struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; rc == 0 && i < config->n_settings; i++) {
		rc = take_setting(all, &config->settings[i], err);
	}
	for (unsigned z = 0; rc == 0 && z < INSTANCE_ZONES; z++) {
		if (all->zone_dir[z] == NULL &&
			asprintf(&all->zone_dir[z], "%s/az-%c", all->dir, 'a' + (int)z) < 0) {
			all->zone_dir[z] = NULL;
			rc = err_set(err, ENOMEM, "out of memory");
		}
	}
	return rc;
}

/* ---- open, close ---- */

void clusters_init(
	struct clusters *all, const struct clusters_kind *kind, const struct engine_config *config)
{
	all->kind = kind;
	TAILQ_INIT(&all->list);
	pthread_mutex_init(&all->ddl, NULL);
	pthread_mutex_init(&all->lock, NULL);
	pthread_cond_init(&all->moved, NULL);
	all->dir_fd = -1;
	all->read_only = config->read_only;
	all->host = config->host;
}

void clusters_finish(struct clusters *all)
{
	struct cluster *c;

	while ((c = TAILQ_FIRST(&all->list)) != NULL) {
		TAILQ_REMOVE(&all->list, c, link);
		all->kind->free(c);
	}
	store_close(all->catalog);
	pthread_cond_destroy(&all->moved);
	pthread_mutex_destroy(&all->lock);
	pthread_mutex_destroy(&all->ddl);
	cleanup_close(&all->dir_fd);
	for (unsigned z = 0; z < INSTANCE_ZONES; z++) {
		free(all->zone_dir[z]);
	}
	free(all->tmp);
	free(all->dir);
}

int clusters_open_dir(struct clusters *all, const char *dir, struct err *err)
{
	all->dir = strdup(dir);
	all->dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (all->dir == NULL || all->dir_fd < 0) {
		return err_errno(err, "%s", dir);
	}
	if (asprintf(&all->tmp, "%s/tmp", dir) < 0) {
		all->tmp = NULL;
		return err_set(err, ENOMEM, "out of memory");
	}
	return datadir_check_catalog(all->dir, all->kind->parse, all->kind->what, err);
}

int clusters_open_zones(
	struct clusters *all, const struct engine_config *config, bool has_own, struct err *err)
{
	int rc = take_settings(all, config, err);

	if (rc == 0 && all->catalog != NULL) {
		rc = datadir_make_tmp(all->dir_fd, all->dir, err);
	}
	struct zones zones = {
		.service = all->kind->service,
		.what = all->kind->what,
		.kind = all->kind->stores[0],
		.dir = all->dir,
		.zone_dir = {all->zone_dir[0], all->zone_dir[1]},
		.read_only = all->read_only,
		.has_own = has_own,
	};
	return rc < 0 ? rc : zones_claim(&zones, err);
}
