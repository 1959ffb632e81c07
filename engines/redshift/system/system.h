/* The views that people look at (SERVICES.md 6.6), as relations that the leader makes. */
#ifndef DBMOUNT_REDSHIFT_SYSTEM_H
#define DBMOUNT_REDSHIFT_SYSTEM_H

#include "engines/redshift/run/cluster.h"

/* svv_table_info, svv_tables, svv_columns, svv_external_schemas, svv_external_tables,
 * svv_external_columns, svv_external_partitions, stl_load_errors, stl_loaderror_detail,
 * sys_load_error_detail, stl_query, svl_qlog, stv_recents, stv_slices, stv_tbl_perm, stv_blocklist,
 * pg_table_def, pg_tables, information_schema.tables, information_schema.columns. ENOENT: no such
 * view. The relation lives as long as `look`. */
int rs_system_find(struct rs_look *look, const char *schema, const char *name,
	struct rs_relation **out, struct err *err);
void rs_system_release(struct rs_relation *r);

/* One table in numbers: svv_table_info, .stats and .status take them from here. */
struct rs_table_facts {
	uint64_t rows, dead, unsorted;
	unsigned n_slices;
	uint64_t *slice_rows; /* free() */
	double skew;	 /* most rows of a slice / fewest; 0: not told (ALL, or an empty slice) */
	uint64_t blocks; /* of 1 MB */
};
int rs_table_facts(struct rs_look *look, const struct rs_table *t, struct rs_table_facts *out,
	struct err *err);
/* "EVEN", "KEY(listid)", "ALL", "AUTO(ALL)", "AUTO(EVEN)". */
void rs_diststyle_text(const struct rs_table *t, struct buf *out);
/* .stats: JSON. */
int rs_table_stats_json(
	struct rs_look *look, const struct rs_table *t, struct buf *out, struct err *err);

#endif
