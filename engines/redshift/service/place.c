/* Where a path leads: into a cluster, or into a snapshot that is looked at. */
#include <assert.h>

#include "engines/redshift/service/service.h"

int redshift_cluster_at(struct redshift *x, const struct epath *path, struct redshift_cluster **out,
	struct err *err)
{
	if (x->view == NULL) {
		return redshift_find(x->service, path->key[0], out, err);
	}
	if (!slice_is(path->key[0], x->view->name)) {
		return redshift_no_cluster(path->key[0], err);
	}
	if (x->view->cluster == NULL) {
		return err_set(
			err, ENOTSUP, "a snapshot is no cluster: say it in the cluster itself");
	}
	if (cluster_is_gone(&x->view->cluster->base)) {
		return redshift_no_cluster(path->key[0], err);
	}
	*out = redshift_hold(x->view->cluster);
	return 0;
}

static int enter_snapshot(struct redshift_view *v, const struct epath *path,
	struct redshift_place *out, struct err *err)
{
	if (!slice_is(path->key[0], v->name)) {
		return redshift_no_cluster(path->key[0], err);
	}
	out->copy = v->copy;
	out->rs = v->copy->rs;
	out->sizes = v->copy->sizes;
	return 0;
}

static int enter_cluster(
	struct redshift *x, const struct epath *path, struct redshift_place *out, struct err *err)
{
	struct redshift_cluster *c = NULL;

	int rc = redshift_cluster_at(x, path, &c, err);
	if (rc < 0) {
		return rc;
	}
	assert(c != NULL);
	rc = redshift_enter(c, err);
	if (rc < 0) {
		redshift_put(c);
		return rc;
	}
	out->cluster = c;
	out->rs = c->rs;
	out->sizes = c->sizes;
	return 0;
}

static int enter(
	struct redshift *x, const struct epath *path, struct redshift_place *out, struct err *err)
{
	assert(path->depth > 0);
	*out = (struct redshift_place){0};
	return x->view != NULL && x->view->copy != NULL ? enter_snapshot(x->view, path, out, err)
							: enter_cluster(x, path, out, err);
}

int redshift_place(
	struct redshift *x, const struct epath *path, struct redshift_place *out, struct err *err)
{
	int rc = enter(x, path, out, err);

	if (rc < 0) {
		return rc;
	}
	rc = rs_look_begin(out->rs, &out->look, err);
	out->looking = rc == 0;
	if (rc < 0) {
		redshift_place_leave(out);
	}
	return rc;
}

int redshift_place_to_write(
	struct redshift *x, const struct epath *path, struct redshift_place *out, struct err *err)
{
	*out = (struct redshift_place){0};
	if (x->view != NULL && x->view->copy != NULL) {
		return err_set(err, EROFS, "a snapshot does not change: restore it");
	}
	int rc = clusters_check_writable(&x->service->base, err);
	return rc < 0 ? rc : enter(x, path, out, err);
}

void redshift_place_leave(struct redshift_place *p)
{
	if (p->looking) {
		rs_look_end(&p->look);
	}
	if (p->cluster != NULL) {
		cluster_leave(&p->cluster->base);
		redshift_put(p->cluster);
	}
	p->looking = false;
	p->cluster = NULL;
	p->copy = NULL;
	p->rs = NULL;
}

int redshift_table_at(const struct redshift_place *p, const struct epath *path,
	const struct rs_table **out, struct err *err)
{
	const struct rs_table *t = rs_catalog_by_key(p->look.catalog, path->key[1]);

	if (t == NULL) {
		return err_set(err, ENOENT, "there is no table %.*s",
			(int)(path->key[1].n < 200 ? path->key[1].n : 200),
			path->key[1].n > 0 ? path->key[1].p : "");
	}
	*out = t;
	return 0;
}
