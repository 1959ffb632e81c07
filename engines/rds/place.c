/* A path's first step: the instance, and where its rows are. */
#include "engines/rds/lifecycle.h"

int rds_place(struct rds *rds, const struct epath *path, struct rds_place *out, struct err *err)
{
	struct rds_instance *i = NULL;

	if (rds->view != NULL) {
		out->rows = rds->view->source;
		return slice_is(path->key[0], rds->view->name) ? 0
							       : rds_no_instance(path->key[0], err);
	}
	int rc = rds_find(rds->service, path->key[0], &i, err);
	if (rc < 0) {
		return rc;
	}
	rc = rds_enter(i, &out->rows, err);
	if (rc < 0) {
		rds_put(i);
		return rc;
	}
	out->instance = i;
	return 0;
}

void rds_place_leave(struct rds_place *p)
{
	if (p->instance != NULL) {
		cluster_leave(&p->instance->base);
		rds_put(p->instance);
	}
}
