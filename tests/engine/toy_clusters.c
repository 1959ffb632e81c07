/* Toys beside a toy: .clusters/NAME/. */
#include <errno.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "tests/engine/toy_impl.h"

bool toy_is_untold(const struct toy *t)
{
	return t->cluster.n > 0 && t->cluster.p[0] == 'u';
}

void toy_tell(struct toy *t, const struct epath *path)
{
	struct engine_view_at at = {
		.kind = ENGINE_VIEW_CLUSTER, .depth = 0, .name = buf_slice(&t->cluster)};
	if (t->cluster.n > 0 && t->host.changed_in != NULL && !toy_is_untold(t)) {
		t->host.changed_in(t->host.arg, "toy", &at, path);
	} else if (t->cluster.n == 0 && t->host.changed != NULL) {
		t->host.changed(t->host.arg, "toy", path);
	}
}

static size_t find(const struct toy *t, struct slice name)
{
	size_t i = 0;
	while (i < t->n_clusters && !slice_equal(buf_slice(&t->clusters[i]->cluster), name)) {
		i++;
	}
	return i;
}

struct toy *toy_add_cluster(struct toy *t, struct slice name)
{
	struct toy **all = realloc(t->clusters, (t->n_clusters + 1) * sizeof(struct toy *));
	struct toy *c = calloc(1, sizeof(*c));
	if (all != NULL) {
		t->clusters = all;
	}
	if (all == NULL || c == NULL) {
		free(c);
		return NULL;
	}
	pthread_mutex_init(&c->lock, NULL);
	atomic_init(&c->refs, 1);
	c->last_version = 1;
	c->host = t->host;
	buf_append_slice(&c->cluster, name);
	all[t->n_clusters++] = c;
	return c;
}

int toy_clusters_list(
	struct toy *t, const struct slice *after, engine_emit *emit, void *arg, struct err *err)
{
	struct engine_info info = {.kind = ENGINE_DIR, .version = 1};
	struct slice last;
	(void)err;
	for (;;) {
		const struct buf *next = NULL;
		for (size_t i = 0; i < t->n_clusters; i++) {
			const struct buf *name = &t->clusters[i]->cluster;
			bool behind = after == NULL || slice_compare(buf_slice(name), *after) > 0;
			if (behind && (next == NULL || slice_compare(buf_slice(name),
							       buf_slice(next)) < 0)) {
				next = name;
			}
		}
		if (next == NULL || emit(arg, buf_slice(next), &info) != 0) {
			return 0;
		}
		last = buf_slice(next);
		after = &last;
	}
}

int toy_cluster_open(struct toy *t, struct slice name, void **view, struct err *err)
{
	size_t i = find(t, name);
	if (i == t->n_clusters) {
		return toy_not_there(err);
	}
	t->clusters[i]->refs++;
	*view = t->clusters[i];
	return 0;
}

int toy_cluster_create(struct toy *t, struct slice name, struct err *err)
{
	if (t->cluster.n > 0) {
		return err_set(err, ENOTSUP, "a cluster holds no clusters");
	}
	if (find(t, name) < t->n_clusters) {
		return err_set(err, EEXIST, "the cluster is there already");
	}
	return toy_add_cluster(t, name) != NULL ? 0 : err_set(err, ENOMEM, "out of memory");
}

int toy_cluster_remove(struct toy *t, struct slice name, struct err *err)
{
	size_t i = find(t, name);
	if (i == t->n_clusters) {
		return toy_not_there(err);
	}
	struct toy *c = t->clusters[i];
	{
		LOCKED(&c->lock);
		if (c->tree.n > 0) {
			return err_set(err, ENOTEMPTY, "the cluster is not empty");
		}
		c->gone = true;
	}
	t->clusters[i] = t->clusters[--t->n_clusters];
	toy_close(c);
	return 0;
}
