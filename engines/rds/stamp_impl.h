/* What noticing changes and writing their stamps share. Nobody else includes this. */
#ifndef DBMOUNT_RDS_STAMP_IMPL_H
#define DBMOUNT_RDS_STAMP_IMPL_H

#include "engines/rds/rows.h"

struct note {
	uint32_t table;
	uint32_t n;
	size_t at; /* of the key in keys */
	bool gone;
};

struct table_note {
	bool whole;
	bool listed; /* its list of rows changed */
	unsigned n_notes;
};

struct rds_stamps {
	struct rds_conn *c;
	struct rds_schema *schema; /* when the write began */
	struct table_note *tables; /* one for each of schema's */
	struct note *notes;
	uint32_t n_notes;
	uint32_t cap;
	uint32_t *index; /* places in notes + 1, by hash; twice cap */
	struct buf keys;
	struct buf key; /* the hook's */
	struct buf key2;
	sqlite3_value **values; /* as many as the longest key */
	bool schema_moved;	/* told after the end */
	bool undone;		/* some of what was noticed: see rds_stamps_undone() */
	bool failed;		/* memory ran out */
};

static inline struct slice rds_note_key(const struct rds_stamps *s, const struct note *n)
{
	return slice_make(n->n > 0 ? s->keys.p + n->at : "", n->n);
}

#endif
