/* The life of a set of nodes that is open. */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "engines/common/log.h"
#include "engines/redshift/nodes/nodes_impl.h"

static void close_files(struct rs_nodes *n)
{
	for (unsigned k = 0; k < n->config.nodes * n->n_sides; k++) {
		struct rs_file *f = &n->node[k / n->n_sides].side[k % n->n_sides];
		struct err err = {0};
		if (rs_file_detach(n, f, &err) != 0) {
			log_warn("redshift: %s", err.msg);
		}
		if (n->dropped && rs_file_remove(f, &err) != 0) {
			log_warn("redshift: %s", err.msg);
		}
	}
}

int rs_nodes_open(const struct rs_nodes_config *config, const struct rs_catalog *catalog,
	struct rs_nodes **out, struct err *err)
{
	struct rs_nodes *n;
	int rc = rs_nodes_layout(config, &n, err);
	if (rc != 0) {
		return rc;
	}
	struct err first = {0};
	rc = rs_nodes_mend(n, false, &first);
	rc = rc != 0 ? rc : rs_nodes_settle(n, catalog, &first);
	if (rc == -EIO && n->n_sides == SIDES) {
		/* Damage that attaching did not show. */
		err_clear(&first);
		rc = rs_nodes_mend(n, true, &first);
		rc = rc != 0 ? rc : rs_nodes_settle(n, catalog, &first);
	}
	if (rc != 0) {
		close_files(n);
		rs_nodes_free(n);
		return err_set(err, -rc, "%s", first.msg);
	}
	*out = n;
	return 0;
}

struct rs_nodes *rs_nodes_ref(struct rs_nodes *n)
{
	n->refs++;
	return n;
}

void rs_nodes_drop(struct rs_nodes *n)
{
	n->dropped = true;
}

void rs_nodes_unref(struct rs_nodes *n)
{
	if (n != NULL && --n->refs == 0) {
		close_files(n);
		rs_nodes_free(n);
	}
}

unsigned rs_nodes_count(const struct rs_nodes *n)
{
	return n->config.nodes;
}

unsigned rs_nodes_slices(const struct rs_nodes *n)
{
	return n->config.nodes * n->config.slices;
}

unsigned rs_nodes_of_hash(const struct rs_nodes *n, uint64_t hash)
{
	return (unsigned)(hash % rs_nodes_slices(n) / n->config.slices);
}

struct sql_site *rs_nodes_site(const struct rs_nodes *n)
{
	return n->config.site;
}
