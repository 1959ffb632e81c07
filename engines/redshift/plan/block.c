/* One SELECT: which of it the nodes do. */
#include "engines/redshift/plan/plan_impl.h"

#include <errno.h>

#include "engines/redshift/plan/filter.h"

/* Each FROM item is scanned by itself, the leader does the rest. */
static int scan_each(struct rs_plan *p, json_t *select, const json_t *leaves, struct err *err)
{
	json_auto_t *filters = rs_filters_take(p, select, leaves);
	size_t i;
	json_t *leaf;
	int rc = filters == NULL ? err_set(err, ENOMEM, "out of memory") : 0;

	json_array_foreach (leaves, i, leaf) {
		json_t *range = rs_node(leaf, "RangeVar");
		if (rc == 0 && range != NULL && rs_plan_relation(p, range) != NULL) {
			rc = rs_plan_scan(p, range, json_array_get(filters, i), err);
		}
	}
	return rc;
}

int rs_plan_block(
	struct rs_plan *p, json_t *select, json_t *leaves, bool correlated, struct err *err)
{
	(void)correlated;
	return scan_each(p, select, leaves, err);
}
