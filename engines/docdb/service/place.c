/* Where a ctx leads: the default cluster, another one, a replica, a copy. */
#include <assert.h>
#include <stdlib.h>

#include "engines/docdb/service/cluster.h"

static bool is_copy(const struct docdb *d)
{
	return d->view != NULL && d->view->cluster == NULL;
}

bool docdb_is_unused(struct docdb *d)
{
	struct docdb_cluster *c = NULL;
	struct err ignored = {0};

	if (d->view != NULL) {
		return false;
	}
	int rc = docdb_find(d->service, slice_of(DOCDB_DEFAULT), &c, &ignored);
	docdb_put(c);
	return rc == -ENOENT;
}

int docdb_cluster_of(struct docdb *d, struct docdb_cluster **out, struct err *err)
{
	if (is_copy(d)) {
		return err_set(err, ENOTSUP, "a copy is no cluster: say it in the cluster itself");
	}
	if (d->view == NULL) {
		return docdb_find(d->service, slice_of(DOCDB_DEFAULT), out, err);
	}
	if (cluster_is_gone(&d->view->cluster->base)) {
		return docdb_no_cluster(slice_of(d->view->name), err);
	}
	*out = docdb_hold(d->view->cluster);
	return 0;
}

int docdb_cluster_own(
	struct docdb *d, const char *what, struct docdb_cluster **out, struct err *err)
{
	if (d->view != NULL && d->view->replica[0] != '\0') {
		return err_set(
			err, ENOTSUP, "a replica cannot: say '%s' in the cluster's .control", what);
	}
	if (d->view == NULL && !d->service->base.read_only) {
		return docdb_default(d->service, out, err);
	}
	return docdb_cluster_of(d, out, err);
}

/* One that has become the writer is no replica any more. */
static int open_replica(
	struct docdb_cluster *c, const char *name, struct docdb_place *out, struct err *err)
{
	struct docdb_source_config config = {name, NULL, NULL};
	struct docdb_def def;

	docdb_def_now(c, &def);
	int rc = strcmp(def.writer, name) == 0
			 ? docdb_no_member(slice_of(name), err)
			 : docdb_source_replica(c->store, name, &config, &out->replica, err);
	out->source = out->replica;
	return rc;
}

/* Takes over the count of `c`. */
static int place_in(
	struct docdb *d, struct docdb_cluster *c, struct docdb_place *out, struct err *err)
{
	assert(c != NULL);
	int rc = docdb_enter(c, err);
	if (rc < 0) {
		docdb_put(c);
		return rc;
	}
	out->cluster = c;
	out->source = c->source;
	if (d->view == NULL || d->view->replica[0] == '\0') {
		return 0;
	}
	return open_replica(c, d->view->replica, out, err);
}

int docdb_place(struct docdb *d, struct docdb_place *out, struct err *err)
{
	struct docdb_cluster *c = NULL;

	if (is_copy(d)) {
		out->source = d->view->source;
		return 0;
	}
	int rc = docdb_cluster_of(d, &c, err);
	return rc < 0 ? rc : place_in(d, c, out, err);
}

int docdb_place_write(struct docdb *d, struct docdb_place *out, struct err *err)
{
	struct docdb_cluster *c = NULL;

	if (d->view != NULL && d->view->kind != ENGINE_VIEW_CLUSTER) {
		return err_set(err, EROFS, "this copy is read-only");
	}
	int rc = clusters_check_writable(&d->service->base, err);
	rc = rc < 0 ? rc : docdb_cluster_own(d, "it", &c, err);
	return rc < 0 ? rc : place_in(d, c, out, err);
}

void docdb_place_leave(struct docdb_place *p)
{
	docdb_source_close(p->replica);
	if (p->cluster != NULL) {
		cluster_leave(&p->cluster->base);
		docdb_put(p->cluster);
	}
	*p = (struct docdb_place){0};
}

int docdb_read_at(struct docdb *d, docdb_fn *fn, void *arg, struct err *err)
{
	DOCDB_PLACE p = {0};

	int rc = docdb_place(d, &p, err);
	return rc < 0 ? rc : docdb_read(p.source, fn, arg, err);
}

int docdb_write_at(struct docdb *d, docdb_fn *fn, void *arg, struct err *err)
{
	DOCDB_PLACE p = {0};

	int rc = docdb_place_write(d, &p, err);
	return rc < 0 ? rc : docdb_write(p.source, fn, arg, err);
}
