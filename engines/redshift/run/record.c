/* What runs, and what ran: lines of stv_recents and stl_query, without credentials. */

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/redshift/run/run_impl.h"

static const char *const labels[] = {
	[RS_SELECT] = "select",
	[RS_INSERT] = "insert",
	[RS_UPDATE] = "update",
	[RS_DELETE] = "delete",
	[RS_MERGE] = "merge",
	[RS_EXPLAIN] = "explain",
	[RS_CREATE_TABLE] = "create table",
	[RS_CREATE_TABLE_AS] = "create table as",
	[RS_DROP_TABLE] = "drop table",
	[RS_ALTER_TABLE] = "alter table",
	[RS_TRUNCATE] = "truncate",
	[RS_CREATE_SCHEMA] = "create schema",
	[RS_DROP_SCHEMA] = "drop schema",
	[RS_CREATE_VIEW] = "create view",
	[RS_DROP_VIEW] = "drop view",
	[RS_COPY] = "copy",
	[RS_UNLOAD] = "unload",
	[RS_VACUUM] = "vacuum",
	[RS_ANALYZE] = "analyze",
	[RS_BEGIN] = "begin",
	[RS_COMMIT] = "commit",
	[RS_ROLLBACK] = "rollback",
	[RS_CREATE_EXTERNAL_SCHEMA] = "create external schema",
	[RS_CREATE_EXTERNAL_TABLE] = "create external table",
	[RS_ALTER_EXTERNAL_TABLE] = "alter external table",
	[RS_COMMENT] = "comment",
	[RS_SET] = "set",
};

/* ---- records ---- */

void rs_record(struct rs_cluster *c, const struct rs_statement *s, uint64_t query, uint64_t xid,
	int64_t start_ns, uint64_t rows, int rc)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	struct rs_query_record r = {.query = query,
		.xid = xid,
		.start_ns = start_ns,
		.end_ns = clock_wall_ns(),
		.aborted = rc < 0,
		.rows = rows,
		.label = (char *)labels[s->kind]};

	rs_statement_public(s, &text);
	r.text = (char *)buf_cstr(&text);
	rs_leader_add_query(c->leader, &r);
}

/* ---- what runs now ---- */

void rs_running_begin(
	struct rs_cluster *c, const struct rs_statement *s, uint64_t query, int64_t start_ns)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	rs_statement_public(s, &text);
	json_t *o = json_pack("{s:I,s:I,s:s,s:s}", "query", (json_int_t)query, "start_ns",
		(json_int_t)start_ns, "label", labels[s->kind], "text", buf_cstr(&text));
	LOCKED(&c->lock);
	/* A list for people: what cannot be told is not. */
	(void)!json_array_append_new(c->running, o);
}

void rs_running_end(struct rs_cluster *c, uint64_t query)
{
	LOCKED(&c->lock);
	json_t *o;
	size_t i;

	json_array_foreach (c->running, i, o) {
		if ((uint64_t)json_integer_value(json_object_get(o, "query")) == query) {
			json_array_remove(c->running, i);
			return;
		}
	}
}
