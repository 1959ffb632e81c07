/* CREATE EXTERNAL SCHEMA and TABLE, ALTER … PARTITION: definitions over files outside. */
#include <errno.h>

#include "engines/common/clock.h"
#include "engines/redshift/lake/lake.h"
#include "engines/redshift/run/run.h"

int rs_run_external(struct rs_txn *t, struct rs_statement *s, struct buf *report, struct err *err)
{
	int rc;
	t->changed = true;
	switch (s->kind) {
	case RS_CREATE_EXTERNAL_SCHEMA:
		rc = rs_external_add_schema(t->next, s, err);
		buf_puts(report, rc == 0 ? "CREATE EXTERNAL SCHEMA\n" : "");
		return rc;
	case RS_CREATE_EXTERNAL_TABLE:
		rc = rs_external_add_table(t->next, s, clock_wall_ns(), err);
		buf_puts(report, rc == 0 ? "CREATE EXTERNAL TABLE\n" : "");
		return rc;
	case RS_ALTER_EXTERNAL_TABLE:
		rc = rs_external_alter(t->next, &s->alter, err);
		buf_puts(report, rc == 0 ? "ALTER TABLE\n" : "");
		return rc;
	default: return err_set(err, ENOTSUP, "this is no statement about external tables");
	}
}
