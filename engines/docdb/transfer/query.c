/* The result of a saved query. */
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/transfer/transfer.h"

enum form { ARRAY, LINES, EXPLAIN };

struct query_run {
	struct slice collection;
	const struct doc_query *query;
	enum form form;
	const char *tmp_dir;
	struct docdb_out out;
};

static int explain(struct query_run *q, const struct doc_reach *reach, struct err *err)
{
	CLEANUP(buf_free) struct buf plan = BUF_INIT;
	int rc = doc_query_explain(q->query, reach, &plan, err);
	rc = rc < 0 ? rc : buf_check(&plan, err);
	if (rc == 0) {
		ejson_print(buf_slice(&plan), EJSON_RELAXED, true, &q->out.text);
		buf_putc(&q->out.text, '\n');
	}
	return rc;
}

static int query_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct query_run *q = arg;
	struct doc_reach reach = {0};
	struct doc_cursor *results;
	spill_clear(q->out.to);
	buf_clear(&q->out.text);
	docdb_reach(c, q->collection, q->tmp_dir, &reach);
	if (q->form == EXPLAIN) {
		return explain(q, &reach, err);
	}
	int rc = doc_query_run(q->query, &reach, &results, err);
	if (rc == 0) {
		rc = docdb_out_documents(&q->out, results, EJSON_RELAXED, q->form == ARRAY, err);
		results->close(results);
	}
	return rc;
}

static int compile(struct slice text, struct doc_query **out, struct err *err)
{
	CLEANUP(buf_free) struct buf raw = BUF_INIT;
	uint8_t type;
	int rc = ejson_parse_value(text, &type, &raw, err);
	rc = rc < 0 ? rc : buf_check(&raw, err);
	return rc < 0 ? rc : doc_query_new((struct doc_value){type, buf_slice(&raw)}, out, err);
}

int docdb_query_open(struct docdb_source *s, struct slice collection, struct slice text,
	unsigned form, const char *tmp_dir, struct docdb_export **out, uint64_t *size,
	struct err *err)
{
	struct query_run q = {
		.collection = collection, .form = (enum form)form, .tmp_dir = tmp_dir};
	struct doc_query *query;
	int rc = compile(text, &query, err);
	if (rc < 0) {
		return rc;
	}
	q.query = query;
	rc = docdb_out_run(s, query_fn, &q, &q.out, tmp_dir, out, size, err);
	doc_query_free(query);
	return rc;
}
