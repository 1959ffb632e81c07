/* The files of a set of nodes: names, making, attaching, removing. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/nodes/nodes_impl.h"
#include "engines/store/disk.h"

/* What drivers keep beside a file: a log, and SQLite's map of it. */
static const char *const beside[] = {".wal", "-wal", "-shm", "-journal"};

const char *rs_side_name(unsigned side)
{
	return side == 0 ? "file" : "mirror";
}

/* ---- names ---- */

static char *printed(struct buf *b)
{
	char *text = buf_cstr(b)[0] == '\0' || b->failed ? NULL : strdup(b->p);
	buf_free(b);
	return text;
}

static int layout_file(struct rs_nodes *n, unsigned node, unsigned side, struct err *err)
{
	const struct rs_nodes_config *c = &n->config;
	struct rs_file *f = &n->node[node].side[side];
	struct buf name = BUF_INIT, path = BUF_INIT;
	buf_printf(&name, "%sg%llu%c%u", c->alias, (unsigned long long)c->generation,
		side == 0 ? 'n' : 'm', node);
	buf_printf(&path, "%s/g%llu-n%u%s", side == 0 ? c->dir : c->mirror,
		(unsigned long long)c->generation, node, c->site->driver->suffix);
	f->name = printed(&name);
	f->path = printed(&path);
	return f->name != NULL && f->path != NULL ? 0 : err_set(err, ENOMEM, "out of memory");
}

static int copy_config(struct rs_nodes *n, const struct rs_nodes_config *config, struct err *err)
{
	struct rs_nodes_config *c = &n->config;
	*c = *config;
	c->dir = strdup(config->dir);
	c->mirror = config->mirror == NULL ? NULL : strdup(config->mirror);
	c->alias = strdup(config->alias == NULL ? "" : config->alias);
	bool whole =
		c->dir != NULL && c->alias != NULL && (config->mirror == NULL || c->mirror != NULL);
	return whole ? 0 : err_set(err, ENOMEM, "out of memory");
}

void rs_nodes_free(struct rs_nodes *n)
{
	for (unsigned k = 0; n->node != NULL && k < n->config.nodes; k++) {
		for (unsigned side = 0; side < SIDES; side++) {
			free(n->node[k].side[side].name);
			free(n->node[k].side[side].path);
		}
	}
	free(n->node);
	free((char *)n->config.dir);
	free((char *)n->config.mirror);
	free((char *)n->config.alias);
	pthread_cond_destroy(&n->changed);
	pthread_mutex_destroy(&n->lock);
	free(n);
}

static int check_config(const struct rs_nodes_config *c, struct err *err)
{
	if (c->nodes < 1 || c->nodes > RS_NODES_MAX) {
		return err_set(
			err, EINVAL, "%u nodes: 1 to %u are possible", c->nodes, RS_NODES_MAX);
	}
	if (c->slices < 1 || c->slices > RS_SLICES_MAX) {
		return err_set(err, EINVAL, "%u slices a node: 1 to %u are possible", c->slices,
			RS_SLICES_MAX);
	}
	return 0;
}

int rs_nodes_layout(const struct rs_nodes_config *config, struct rs_nodes **out, struct err *err)
{
	int rc = check_config(config, err);
	if (rc != 0) {
		return rc;
	}
	struct rs_nodes *n = calloc(1, sizeof(*n));
	if (n == NULL) {
		err_set(err, ENOMEM, "out of memory");
		return -ENOMEM;
	}
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->changed, NULL);
	n->refs = 1;
	LIST_INIT(&n->inserts);
	rc = copy_config(n, config, err);
	n->n_sides = config->mirror == NULL ? 1 : SIDES;
	if (rc == 0 && (n->node = calloc(config->nodes, sizeof(*n->node))) == NULL) {
		err_set(err, ENOMEM, "out of memory");
		rc = -ENOMEM;
	}
	for (unsigned k = 0; rc == 0 && k < config->nodes * n->n_sides; k++) {
		rc = layout_file(n, k / n->n_sides, k % n->n_sides, err);
	}
	if (rc != 0) {
		rs_nodes_free(n);
		return rc;
	}
	*out = n;
	return 0;
}

/* ---- attaching ---- */

bool rs_file_is_there(const struct rs_file *f)
{
	struct stat st;
	return stat(f->path, &st) == 0 && st.st_size > 0 && st.st_dev == f->device &&
	       st.st_ino == f->inode;
}

int rs_file_attach(struct rs_nodes *n, struct rs_file *f, struct err *err)
{
	struct stat st;
	if (stat(f->path, &st) != 0) {
		return err_errno(err, "%s cannot be opened", f->path);
	}
	int flags = n->config.read_only ? SQL_READ_ONLY : 0;
	/* A driver would make a new database of an empty file. */
	int rc = st.st_size == 0 ? err_set(err, EIO, "%s is empty", f->path)
				 : sql_attach(n->config.site, f->name, f->path, flags, err);
	if (rc == 0) {
		f->attached = true;
		f->device = st.st_dev;
		f->inode = st.st_ino;
	}
	return rc;
}

int rs_file_detach(struct rs_nodes *n, struct rs_file *f, struct err *err)
{
	if (!f->attached) {
		return 0;
	}
	f->attached = false;
	return sql_detach(n->config.site, f->name, err);
}

int rs_file_remove_logs(const struct rs_file *f, struct err *err)
{
	int rc = 0;
	for (size_t k = 0; rc == 0 && k < sizeof(beside) / sizeof(*beside); k++) {
		CLEANUP(buf_free) struct buf path = BUF_INIT;
		buf_printf(&path, "%s%s", f->path, beside[k]);
		const char *name = buf_cstr(&path);
		rc = buf_check(&path, err);
		rc = rc != 0 ? rc : disk_remove(&disk_system, name, err);
	}
	return rc;
}

int rs_file_remove(const struct rs_file *f, struct err *err)
{
	int rc = disk_remove(&disk_system, f->path, err);
	return rc != 0 ? rc : rs_file_remove_logs(f, err);
}

/* ---- making ---- */

static int create_meta(struct sql_site *site, const struct rs_file *f, struct err *err)
{
	struct sql_session *s;
	const char *names[] = {f->name};
	int rc = sql_session_new(site, names, 1, &s, err);
	if (rc == 0) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		sql_quote(slice_of(f->name), &name);
		const char *q = buf_cstr(&name);
		rc = buf_check(&name, err);
		rc = rc != 0 ? rc
			     : rs_session_run(s, NULL, err,
				       "BEGIN; CREATE TABLE %s.\"meta\"(\"xid\" BIGINT); "
				       "INSERT INTO %s.\"meta\" VALUES (0); COMMIT",
				       q, q);
		sql_session_close(s);
	}
	return rc;
}

static int create_file(struct rs_nodes *n, struct rs_file *f, struct err *err)
{
	struct sql_site *site = n->config.site;
	int rc = sql_attach(site, f->name, f->path, SQL_CREATE, err);
	if (rc != 0) {
		return rc;
	}
	rc = create_meta(site, f, err);
	int rc_detach = sql_detach(site, f->name, rc == 0 ? err : NULL);
	rc = rc != 0 ? rc : rc_detach;
	return rc != 0 ? rc : disk_sync_parent(&disk_system, f->path, err);
}

static int create_all(struct rs_nodes *n, unsigned *done, struct err *err)
{
	int rc = 0;
	for (unsigned k = 0; rc == 0 && k < n->config.nodes * n->n_sides; k++) {
		struct rs_file *f = &n->node[k / n->n_sides].side[k % n->n_sides];
		/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): each has a path */
		rc = access(f->path, F_OK) == 0 ? err_set(err, EEXIST, "%s exists already", f->path)
						: (*done = k + 1, create_file(n, f, err));
	}
	return rc;
}

int rs_nodes_create(const struct rs_nodes_config *config, struct err *err)
{
	struct rs_nodes *n;
	unsigned done = 0;
	int rc = rs_nodes_layout(config, &n, err);
	if (rc != 0) {
		return rc;
	}
	rc = create_all(n, &done, err);
	for (unsigned k = 0; rc != 0 && k < done; k++) {
		rs_file_remove(&n->node[k / n->n_sides].side[k % n->n_sides], NULL);
	}
	rs_nodes_free(n);
	return rc;
}

/* ---- removing ---- */

static int remove_of_generation(const char *dir, uint64_t generation, struct err *err)
{
	char prefix[32];
	int n = snprintf(prefix, sizeof(prefix), "g%llu-n", (unsigned long long)generation);
	DIR *d = opendir(dir);
	if (d == NULL) {
		return errno == ENOENT ? 0 : err_errno(err, "%s cannot be read", dir);
	}
	int rc = 0;
	const struct dirent *e;
	while (rc == 0 && (e = readdir(d)) != NULL) {
		if (strncmp(e->d_name, prefix, (size_t)n) == 0 &&
			unlinkat(dirfd(d), e->d_name, 0) != 0 && errno != ENOENT) {
			rc = err_errno(err, "%s/%s cannot be removed", dir, e->d_name);
		}
	}
	closedir(d);
	if (rc == 0 && (rc = disk_system.sync_dir(dir)) != 0) {
		disk_error(rc, dir, "could not be made durable", err);
	}
	return rc;
}

int rs_nodes_destroy(const struct rs_nodes_config *config, struct err *err)
{
	int rc = remove_of_generation(config->dir, config->generation, err);
	if (rc == 0 && config->mirror != NULL) {
		rc = remove_of_generation(config->mirror, config->generation, err);
	}
	return rc;
}
