/* Sessions on the files, and small statements. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/redshift/nodes/nodes_impl.h"

int rs_session_new(
	struct rs_nodes *n, unsigned node, unsigned side, struct sql_session **out, struct err *err)
{
	const struct rs_file *f = &n->node[node].side[side];
	const char *names[] = {f->name};
	if (!f->attached) {
		return err_set(
			err, EIO, "node %u: its %s cannot be used", node, rs_side_name(side));
	}
	return sql_session_new(n->config.site, names, 1, out, err);
}

int rs_session_run(struct sql_session *s, uint64_t *changed, struct err *err, const char *fmt, ...)
{
	va_list args;
	char *text = NULL;
	va_start(args, fmt);
	int n = vasprintf(&text, fmt, args);
	va_end(args);
	if (n < 0) {
		return err_set(err, ENOMEM, "out of memory");
	}
	int rc = sql_run(s, text, changed, err);
	free(text);
	return rc;
}

int rs_session_begin(struct sql_session *s, const struct rs_file *f, uint64_t xid, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	buf_puts(&sql, "BEGIN; UPDATE ");
	sql_quote(slice_of(f->name), &sql);
	buf_printf(&sql, ".\"meta\" SET \"xid\" = %llu WHERE \"xid\" < %llu",
		(unsigned long long)xid, (unsigned long long)xid);
	const char *text = buf_cstr(&sql);
	int rc = buf_check(&sql, err);
	return rc != 0 ? rc : sql_run(s, text, NULL, err);
}

int rs_session_number(struct sql_session *s, const char *text, int64_t *out, struct err *err)
{
	const struct sql_type bigint = {.kind = SQL_BIGINT};
	const struct sql_value *row;
	struct sql_query *q;
	int rc = sql_prepare(s, text, &bigint, 1, &q, err);
	if (rc != 0) {
		return rc;
	}
	rc = sql_step(q, &row, err);
	if (rc == 1) {
		*out = row[0].null ? 0 : row[0].integer;
	} else if (rc == 0) {
		rc = err_set(err, EIO, "a row is missing");
	}
	sql_finish(q);
	return rc < 0 ? rc : 0;
}

int rs_meta_read(struct sql_session *s, const struct rs_file *f, uint64_t *xid, struct err *err)
{
	CLEANUP(buf_free) struct buf sql = BUF_INIT;
	int64_t value = 0;
	buf_puts(&sql, "SELECT \"xid\" FROM ");
	sql_quote(slice_of(f->name), &sql);
	buf_puts(&sql, ".\"meta\"");
	const char *text = buf_cstr(&sql);
	int rc = buf_check(&sql, err);
	if (rc == 0) {
		rc = rs_session_number(s, text, &value, err);
	}
	*xid = (uint64_t)value;
	return rc;
}

void rs_table_path(const struct rs_file *f, uint64_t storage, struct buf *out)
{
	sql_quote(slice_of(f->name), out);
	buf_printf(out, ".\"t%llu\"", (unsigned long long)storage);
}
