/* Restoring: always to something new, a cluster or a table. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engines/common/clock.h"
#include "engines/common/identifier.h"
#include "engines/redshift/service/service.h"
#include "engines/store/disk.h"

/* ---- a cluster ---- */

/* The leader of the snapshot as that of the new cluster, its nodes being what they will be. */
static int make_leader(struct redshift_copy *from, const struct redshift_config *config,
	const struct redshift_shape *shape, struct err *err)
{
	CLEANUP(buf_free) struct buf leader = BUF_INIT;
	CLEANUP(buf_free) struct buf copy = BUF_INIT;
	struct rs_leader *l = NULL;

	clusters_file_path(&from->service->base, 's', from->snapshot.id, &leader);
	buf_puts(&leader, "/leader.db");
	clusters_temp_path(&from->service->base, ".db", &copy);
	int rc = disk_copy_file(&disk_system, buf_cstr(&leader), buf_cstr(&copy), err);
	rc = rc < 0 ? rc : rs_leader_create(&config->leader, NULL, copy.p, err);
	unlink(buf_cstr(&copy));
	rc = rc < 0 ? rc : rs_leader_open(&config->leader, &l, err);
	if (rc < 0) {
		return rc;
	}
	struct rs_catalog *now = rs_leader_catalog(l);
	struct rs_catalog *next = rs_catalog_copy(now);
	rs_catalog_unref(now);
	if (next == NULL) {
		rc = err_set(err, ENOMEM, "out of memory");
	} else {
		next->xid++;
		next->nodes = shape->nodes;
		next->slices = shape->slices;
		rc = rs_leader_commit(l, next, err);
	}
	rs_leader_close(l);
	return rc;
}

static int copy_rows(struct redshift_copy *from, const struct redshift_config *config,
	const struct redshift_shape *shape, const struct redshift_progress *progress,
	struct err *err)
{
	struct rs_progress rows = {progress->fn, progress->arg};
	_Atomic bool stop = false;
	struct rs_nodes *to = NULL;
	struct rs_look look;

	int rc = rs_look_begin(from->rs, &look, err);
	if (rc < 0) {
		return rc;
	}
	/* In the snapshot's site, beside its own files. */
	struct rs_nodes_config nodes = {
		.site = from->rs->site,
		.dir = config->dir[0],
		.mirror = config->dir[1],
		.generation = look.catalog->generation,
		.nodes = shape->nodes,
		.slices = shape->slices,
		.alias = config->id.text,
	};
	rc = redshift_empty_nodes(&nodes, &to, err);
	rc = rc < 0 ? rc : rs_nodes_copy(look.nodes, to, look.catalog, look.xid, &stop, &rows, err);
	rs_nodes_unref(to);
	rs_look_end(&look);
	return rc;
}

static int make_files(struct redshift_cluster *c, struct redshift_copy *from,
	const struct redshift_shape *shape, const struct redshift_progress *progress,
	struct err *err)
{
	struct redshift_config config;

	int rc = redshift_config_init(&config, c->service, &c->def, err);
	for (unsigned z = 0; rc == 0 && z < INSTANCE_ZONES; z++) {
		rc = mkdir(config.dir[z], 0700) < 0 && errno != EEXIST
			     ? err_errno(err, "%s", config.dir[z])
			     : 0;
	}
	rc = rc < 0 ? rc : make_leader(from, &config, shape, err);
	rc = rc < 0 ? rc : copy_rows(from, &config, shape, progress, err);
	redshift_config_finish(&config);
	return rc;
}

static int restore_files(struct redshift_cluster *c, const struct redshift_snapshot *snapshot,
	const struct redshift_shape *shape, const struct redshift_progress *progress,
	struct err *err)
{
	struct redshift_copy *from = NULL;

	int rc = redshift_copy_open(c->service, snapshot, &from, err);
	if (rc == 0) {
		rc = make_files(c, from, shape, progress, err);
		redshift_copy_put(from);
	}
	if (rc < 0) {
		redshift_destroy_files(c->service, &c->def);
		return rc;
	}
	LOCKED(&c->service->base.ddl);
	return redshift_catalog_add(c->service, &c->def, err);
}

int redshift_restore(struct redshift_service *s, const struct redshift_snapshot *snapshot,
	struct slice name, const struct redshift_shape *shape,
	const struct redshift_progress *progress, struct err *err)
{
	struct redshift_shape made = *shape;
	struct redshift_def def;
	REDSHIFT_CLUSTER c = NULL;

	int rc = redshift_check_new(s, name, err);
	rc = rc < 0 ? rc : redshift_check_shape(&made, snapshot->nodes, snapshot->slices, err);
	if (rc < 0) {
		return rc;
	}
	redshift_def_init(&def, s, name);
	memcpy(def.driver, snapshot->driver, sizeof(def.driver));
	rc = redshift_reserve(s, &def, &c, err);
	if (rc < 0) {
		return rc;
	}
	rc = restore_files(c, snapshot, &made, progress, err);
	if (rc < 0) {
		cluster_dropped(&c->base);
		return rc;
	}
	redshift_state_end(c);
	redshift_event(c, "Cluster %s was restored from snapshot %s: %u nodes of %u slices",
		c->def.name, snapshot->name, made.nodes, made.slices);
	keeper_kick(&s->keeper);
	return 0;
}

/* ---- a table ---- */

/* The same columns under numbers of this cluster. */
static int make_table(struct rs_txn *t, const struct rs_table *like, struct slice as,
	struct rs_table **out, struct err *err)
{
	struct rs_create def = {0};
	struct rs_table *made = NULL;
	const char *dot = as.n > 0 ? memchr(as.p, '.', as.n) : NULL;

	int rc = rs_create_of_table(like, &def, err);
	if (rc < 0) {
		return rc;
	}
	free(def.name.schema);
	free(def.name.name);
	def.name.schema = dot != NULL ? strndup(as.p, (size_t)(dot - as.p)) : strdup("public");
	def.name.name = dot != NULL ? strndup(dot + 1, as.n - (size_t)(dot - as.p) - 1)
				    : strndup(as.p, as.n);
	rc = def.name.schema == NULL || def.name.name == NULL
		     ? err_set(err, ENOMEM, "out of memory")
		     : rs_table_of_create(t->next, &def, clock_wall_ns(), &made, err);
	rs_create_clear(&def);
	if (rc < 0) {
		return rc;
	}
	assert(made != NULL);
	for (unsigned k = 0; k < made->n_columns && k < like->n_columns; k++) {
		made->columns[k].identity_next = like->columns[k].identity_next;
	}
	made->placement = like->placement;
	rc = rs_catalog_add_table(t->next, made, err);
	if (rc < 0) {
		return rc;
	}
	*out = made;
	return rs_nodes_create_table(t->look.nodes, made, err);
}

static int copy_table(struct rs_txn *t, struct redshift_place *from, const struct rs_table *like,
	struct rs_table *to, const struct redshift_progress *progress, uint64_t *rows,
	struct err *err)
{
	struct redshift_scan *scan = NULL;
	struct rs_insert *insert = NULL;
	const struct sql_value *row;
	uint64_t n = 0;

	int rc = redshift_scan_new(from, like, REDSHIFT_ALL_SLICES, &scan, err);
	rc = rc < 0 ? rc : rs_insert_new(t->look.nodes, to, t->xid, &insert, err);
	while (rc == 0 && (rc = redshift_scan_step(scan, &row, err)) == 1) {
		rc = rs_insert_row(insert, row, err);
		if (++n % 4096 == 0 && progress->fn != NULL) {
			progress->fn(progress->arg, n, like->rows);
		}
	}
	if (insert != NULL) {
		struct err ignored = {0};
		int end = rs_insert_end(insert, rc == 0, rows, rc == 0 ? err : &ignored);
		rc = rc == 0 ? end : rc;
	}
	redshift_scan_free(scan);
	to->rows = rc == 0 ? *rows : to->rows;
	rs_txn_touch(t, to);
	return rc;
}

static int check_table_name(const struct rs_catalog *c, struct slice as, struct err *err)
{
	return rs_catalog_by_key(c, as) != NULL
		       ? err_set(err, EEXIST,
				 "InvalidTableRestoreArgument: there is a table %.*s: a table is "
				 "restored as a new one",
				 (int)as.n, as.p)
		       : 0;
}

static int restore_table(struct rs_txn *t, struct redshift_place *from, struct slice table,
	struct slice as, const struct redshift_progress *progress, uint64_t *rows, struct err *err)
{
	const struct rs_table *like = rs_catalog_by_key(from->look.catalog, table);
	struct rs_table *made = NULL;

	if (like == NULL) {
		return err_set(err, ENOENT,
			"InvalidTableRestoreArgument: there is no table %.*s in the snapshot",
			(int)table.n, table.p);
	}
	int rc = check_table_name(t->next, as, err);
	rc = rc < 0 ? rc : make_table(t, like, as, &made, err);
	if (rc < 0) {
		return rc;
	}
	t->wrote = true;
	return copy_table(t, from, like, made, progress, rows, err);
}

int redshift_restore_table(struct redshift_cluster *c, const struct redshift_snapshot *snapshot,
	struct slice table, struct slice as, const struct redshift_progress *progress,
	uint64_t *rows, struct err *err)
{
	struct redshift_place from = {0};
	struct rs_txn *t = NULL;

	int rc = redshift_step_begin(c, REDSHIFT_MODIFYING, err);
	if (rc < 0) {
		return rc;
	}
	rc = redshift_copy_open(c->service, snapshot, &from.copy, err);
	if (rc == 0) {
		from.rs = from.copy->rs;
		rc = rs_look_begin(from.rs, &from.look, err);
		from.looking = rc == 0;
		rc = rc < 0 ? rc : rs_txn_begin(c->rs, &t, err);
		rc = rc < 0 ? rc : restore_table(t, &from, table, as, progress, rows, err);
		if (t != NULL && rc == 0) {
			rc = rs_txn_commit(t, err);
		} else if (t != NULL) {
			rs_txn_abort(t);
		}
		if (from.looking) {
			rs_look_end(&from.look);
		}
		redshift_copy_put(from.copy);
	}
	redshift_step_end(c);
	return rc;
}
