/* How a query would run: what the collection does, then the stages behind it. */
#include "engines/docdb/pipeline/pipeline_impl.h"

static bool plan_sorts(struct slice plan)
{
	return doc_bool(doc_field(plan, slice_of("sorted")));
}

int pipeline_explain(const struct pipeline *p, const struct pipeline_run *run,
	struct slice collection, struct buf *out, struct err *err)
{
	struct pipeline_lead lead = pipeline_lead(p);
	struct buf plan = BUF_INIT;
	size_t start;
	size_t stages;
	unsigned first = lead.done;
	unsigned n = 0;
	int r = run->reach.explain(run->reach.arg, collection, lead.match, lead.sort, &plan, err);

	if (r == 0) {
		r = buf_check(&plan, err);
	}
	if (r != 0) {
		buf_free(&plan);
		return r;
	}
	if (doc_field(buf_slice(&plan), slice_of("sorted")).type == BSON_TYPE_BOOL &&
		plan_sorts(buf_slice(&plan))) {
		first = lead.done_sorted;
	}
	start = doc_begin(out);
	doc_put(out, slice_of("winningPlan"), doc_value_of(buf_slice(&plan)));
	stages = doc_put_begin(out, slice_of("stages"), BSON_TYPE_ARRAY);
	for (unsigned i = first; i < p->n; i++) {
		doc_put_index(out, n++, doc_value_of(buf_slice(&p->stages[i]->spec)));
	}
	doc_end(out, stages);
	doc_end(out, start);
	buf_free(&plan);
	return buf_check(out, err);
}
