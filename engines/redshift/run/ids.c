/* Numbers of rows that were met already. */
#include <errno.h>
#include <stdlib.h>

#include "engines/redshift/run/run_impl.h"

static uint64_t *place(const struct rs_ids *ids, uint64_t id)
{
	size_t i = (size_t)((id * UINT64_C(0x9e3779b97f4a7c15)) >> 20) & (ids->cap - 1);

	while (ids->slot[i] != 0 && ids->slot[i] != id) {
		i = (i + 1) & (ids->cap - 1);
	}
	return &ids->slot[i];
}

static int grow(struct rs_ids *ids, struct err *err)
{
	struct rs_ids more = {.cap = ids->cap == 0 ? 1024 : 2 * ids->cap, .n = ids->n};

	more.slot = calloc(more.cap, sizeof(*more.slot));
	if (more.slot == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	for (size_t i = 0; i < ids->cap; i++) {
		if (ids->slot[i] != 0) {
			*place(&more, ids->slot[i]) = ids->slot[i];
		}
	}
	free(ids->slot);
	*ids = more;
	return 0;
}

int rs_ids_add(struct rs_ids *ids, uint64_t id, struct err *err)
{
	if (2 * (ids->n + 1) > ids->cap) {
		int rc = grow(ids, err);
		if (rc < 0) {
			return rc;
		}
	}
	uint64_t *slot = place(ids, id);
	if (*slot == id) {
		return 0;
	}
	*slot = id;
	ids->n++;
	return 1;
}

void rs_ids_clear(struct rs_ids *ids)
{
	free(ids->slot);
	*ids = (struct rs_ids){0};
}
