/* What happened: stl_load_errors and its kind, stl_query, svl_qlog, stv_recents. */
#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/redshift/system/system_impl.h"

#define SESSION 1 /* each statement's: there are no sessions that outlive one */

struct telling {
	struct view_rows *v;
	int64_t now_ns;
};

/* ---- load errors ---- */

static const struct rs_relation_column errors_columns[] = {
	COLUMN_INT("userid"),
	COLUMN_INT("slice"),
	COLUMN_INT("tbl"),
	COLUMN_TIME("starttime"),
	COLUMN_INT("session"),
	COLUMN_INT("query"),
	COLUMN_CHAR("filename", 256),
	COLUMN_BIG("line_number"),
	COLUMN_CHAR("colname", 127),
	COLUMN_CHAR("type", 10),
	COLUMN_CHAR("col_length", 10),
	COLUMN_INT("position"),
	COLUMN_CHAR("raw_line", 1024),
	COLUMN_CHAR("raw_field_value", 1024),
	COLUMN_INT("err_code"),
	COLUMN_CHAR("err_reason", 100),
	COLUMN_INT("is_partial"),
	COLUMN_BIG("start_offset"),
};

static int error_row(void *arg, const struct rs_load_error *e, struct err *err)
{
	struct view_rows *v = arg;

	view_integer(v, RS_OWNER_ID);
	view_integer(v, e->slice);
	view_integer(v, (int64_t)e->table);
	view_time(v, e->start_ns);
	view_integer(v, SESSION);
	view_integer(v, (int64_t)e->query);
	view_text(v, e->filename);
	view_integer(v, (int64_t)e->line);
	view_text(v, e->column);
	view_text(v, e->type);
	view_text(v, e->column_length);
	view_integer(v, (int64_t)e->position);
	view_text(v, e->raw_line);
	view_text(v, e->raw_field);
	view_integer(v, e->code);
	view_text(v, e->reason);
	view_integer(v, 0);
	view_integer(v, 0);
	return view_row(v, err);
}

static const struct rs_relation_column detail_columns[] = {
	COLUMN_INT("userid"),
	COLUMN_INT("slice"),
	COLUMN_INT("session"),
	COLUMN_INT("query"),
	COLUMN_CHAR("filename", 256),
	COLUMN_BIG("line_number"),
	COLUMN_INT("field"),
	COLUMN_CHAR("colname", 1024),
	COLUMN_CHAR("value", 1024),
	COLUMN_INT("is_null"),
	COLUMN_CHAR("type", 10),
	COLUMN_CHAR("col_length", 10),
};

/* The column's place in its table, from 0; 0 also of one that is gone. */
static int64_t field_of(const struct rs_look *look, const struct rs_load_error *e)
{
	const struct rs_table *t = rs_catalog_table_id(look->catalog, e->table);
	const struct rs_column *c = t == NULL ? NULL : rs_table_column(t, e->column);
	return c == NULL ? 0 : c - t->columns;
}

static int detail_row(void *arg, const struct rs_load_error *e, struct err *err)
{
	struct view_rows *v = arg;

	view_integer(v, RS_OWNER_ID);
	view_integer(v, e->slice);
	view_integer(v, SESSION);
	view_integer(v, (int64_t)e->query);
	view_text(v, e->filename);
	view_integer(v, (int64_t)e->line);
	view_integer(v, field_of(v->look, e));
	view_text(v, e->column);
	view_text(v, e->raw_field);
	view_integer(v, e->raw_field == NULL || e->raw_field[0] == '\0');
	view_text(v, e->type);
	view_text(v, e->column_length);
	return view_row(v, err);
}

static const struct rs_relation_column sys_columns[] = {
	COLUMN_INT("user_id"),
	COLUMN_BIG("query_id"),
	COLUMN_BIG("transaction_id"),
	COLUMN_INT("session_id"),
	COLUMN_CHAR("database_name", 64),
	COLUMN_INT("table_id"),
	COLUMN_TIME("start_time"),
	COLUMN_CHAR("file_name", 256),
	COLUMN_BIG("line_number"),
	COLUMN_CHAR("column_name", 127),
	COLUMN_CHAR("column_type", 10),
	COLUMN_CHAR("column_length", 10),
	COLUMN_INT("position"),
	COLUMN_INT("error_code"),
	COLUMN_CHAR("error_message", 512),
};

static int sys_row(void *arg, const struct rs_load_error *e, struct err *err)
{
	struct view_rows *v = arg;

	view_integer(v, RS_OWNER_ID);
	view_integer(v, (int64_t)e->query);
	view_null(v);
	view_integer(v, SESSION);
	view_text(v, RS_DATABASE);
	view_integer(v, (int64_t)e->table);
	view_time(v, e->start_ns);
	view_text(v, e->filename);
	view_integer(v, (int64_t)e->line);
	view_text(v, e->column);
	view_text(v, e->type);
	view_text(v, e->column_length);
	view_integer(v, (int64_t)e->position);
	view_integer(v, e->code);
	view_text(v, e->reason);
	return view_row(v, err);
}

static int each_error(struct view_rows *v, rs_load_error_fn *row, struct err *err)
{
	return rs_leader_load_errors(v->look->cluster->leader, 0, 0, row, v, err);
}

static int fill_errors(struct view_rows *v, struct err *err)
{
	return each_error(v, error_row, err);
}

static int fill_detail(struct view_rows *v, struct err *err)
{
	return each_error(v, detail_row, err);
}

static int fill_sys(struct view_rows *v, struct err *err)
{
	return each_error(v, sys_row, err);
}

/* ---- queries ---- */

static const struct rs_relation_column query_columns[] = {
	COLUMN_INT("userid"),
	COLUMN_INT("query"),
	COLUMN_CHAR("label", 320),
	COLUMN_BIG("xid"),
	COLUMN_INT("pid"),
	COLUMN_CHAR("database", 32),
	COLUMN_CHAR("querytxt", 4000),
	COLUMN_TIME("starttime"),
	COLUMN_TIME("endtime"),
	COLUMN_INT("aborted"),
	COLUMN_INT("insert_pristine"),
	COLUMN_INT("concurrency_scaling_status"),
};

static int query_row(void *arg, const struct rs_query_record *r, struct err *err)
{
	struct view_rows *v = arg;

	view_integer(v, RS_OWNER_ID);
	view_integer(v, (int64_t)r->query);
	view_text(v, r->label);
	view_integer(v, (int64_t)r->xid);
	view_integer(v, SESSION);
	view_text(v, RS_DATABASE);
	view_text(v, r->text);
	view_time(v, r->start_ns);
	view_time(v, r->end_ns);
	view_integer(v, r->aborted);
	view_integer(v, 0);
	view_integer(v, 0);
	return view_row(v, err);
}

static const struct rs_relation_column qlog_columns[] = {
	COLUMN_INT("userid"),
	COLUMN_INT("query"),
	COLUMN_BIG("xid"),
	COLUMN_INT("pid"),
	COLUMN_TIME("starttime"),
	COLUMN_TIME("endtime"),
	COLUMN_BIG("elapsed"),
	COLUMN_INT("aborted"),
	COLUMN_CHAR("label", 320),
	COLUMN_CHAR("substring", 60),
	COLUMN_INT("source_query"),
	COLUMN_TEXT("concurrency_scaling_status_txt", 64),
	COLUMN_INT("from_sp_call"),
};

static int qlog_row(void *arg, const struct rs_query_record *r, struct err *err)
{
	struct view_rows *v = arg;

	view_integer(v, RS_OWNER_ID);
	view_integer(v, (int64_t)r->query);
	view_integer(v, (int64_t)r->xid);
	view_integer(v, SESSION);
	view_time(v, r->start_ns);
	view_time(v, r->end_ns);
	view_integer(v, (r->end_ns - r->start_ns) / 1000);
	view_integer(v, r->aborted);
	view_text(v, r->label);
	view_text(v, r->text);
	view_null(v);
	view_text(v, "0 - Ran on the main cluster");
	view_null(v);
	return view_row(v, err);
}

static int fill_query(struct view_rows *v, struct err *err)
{
	return rs_leader_queries(v->look->cluster->leader, query_row, v, err);
}

static int fill_qlog(struct view_rows *v, struct err *err)
{
	return rs_leader_queries(v->look->cluster->leader, qlog_row, v, err);
}

/* ---- stv_recents: what runs now, then what ran ---- */

static const struct rs_relation_column recents_columns[] = {
	COLUMN_INT("userid"),
	COLUMN_CHAR("status", 20),
	COLUMN_TIME("starttime"),
	COLUMN_BIG("duration"),
	COLUMN_CHAR("user_name", 50),
	COLUMN_CHAR("db_name", 50),
	COLUMN_CHAR("query", 600),
	COLUMN_INT("pid"),
};

static int recent_row(struct view_rows *v, const char *status, int64_t start_ns, int64_t end_ns,
	const char *text, int pid, struct err *err)
{
	view_integer(v, RS_OWNER_ID);
	view_text(v, status);
	view_time(v, start_ns);
	view_integer(v, (end_ns - start_ns) / 1000);
	view_text(v, RS_OWNER);
	view_text(v, RS_DATABASE);
	view_text(v, text);
	view_integer(v, pid);
	return view_row(v, err);
}

static int done_row(void *arg, const struct rs_query_record *r, struct err *err)
{
	return recent_row(arg, "Done", r->start_ns, r->end_ns, r->text, -1, err);
}

static json_t *running_now(struct rs_cluster *c)
{
	LOCKED(&c->lock);
	return json_deep_copy(c->running);
}

static int fill_recents(struct view_rows *v, struct err *err)
{
	json_auto_t *running = running_now(v->look->cluster);
	int64_t now = clock_wall_ns();
	size_t i;
	json_t *o;
	int rc = 0;

	json_array_foreach (running, i, o) {
		rc = rc != 0 ? rc
			     : recent_row(v, "Running",
				       json_integer_value(json_object_get(o, "start_ns")), now,
				       json_string_value(json_object_get(o, "text")), SESSION, err);
	}
	return rc != 0 ? rc : rs_leader_queries(v->look->cluster->leader, done_row, v, err);
}

const struct view rs_views_log[] = {
	VIEW("pg_catalog", "stl_load_errors", errors_columns, fill_errors),
	VIEW("pg_catalog", "stl_loaderror_detail", detail_columns, fill_detail),
	VIEW("pg_catalog", "sys_load_error_detail", sys_columns, fill_sys),
	VIEW("pg_catalog", "stl_query", query_columns, fill_query),
	VIEW("pg_catalog", "svl_qlog", qlog_columns, fill_qlog),
	VIEW("pg_catalog", "stv_recents", recents_columns, fill_recents),
	VIEW_END,
};
