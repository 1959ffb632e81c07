/* How many documents a second a pipeline takes: over small documents in memory, so that only the
 * pipeline is measured.  pipeline_bench [DOCUMENTS] */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engines/common/cleanup.h"
#include "engines/docdb/values/ejson.h"
#include "engines/docdb/pipeline/pipeline.h"

struct memory {
	struct buf bytes;
};

struct memory_cursor {
	struct doc_cursor base;
	const struct memory *m;
	const struct doc_match *match;
	size_t at;
};

static int next_document(struct doc_cursor *base, struct slice *document, struct err *err)
{
	struct memory_cursor *c = (struct memory_cursor *)base;
	int r = 0;
	while (r == 0 && c->at < c->m->bytes.n) {
		uint32_t n;
		memcpy(&n, c->m->bytes.p + c->at, sizeof(n));
		*document = slice_make(c->m->bytes.p + c->at, n);
		c->at += n;
		r = c->match == NULL ? 1 : doc_matches(c->match, *document, err);
	}
	return r;
}

static void close_cursor(struct doc_cursor *base)
{
	free(base);
}

static int find(void *arg, struct slice collection, const struct doc_match *match,
	struct slice sort, bool *sorted, struct doc_cursor **out, struct err *err)
{
	struct memory_cursor *c = calloc(1, sizeof(*c));
	(void)collection;
	(void)sort;
	if (c == NULL) {
		return err_set(err, ENOMEM, "out of memory");
	}
	*c = (struct memory_cursor){{next_document, close_cursor}, arg, match, 0};
	*sorted = false;
	*out = &c->base;
	return 0;
}

static void fill(struct memory *m, long n)
{
	static const char *const cities[] = {"Rome", "Oslo", "Lima", "Cairo", "Quito", "Delhi"};
	for (long i = 0; i < n; i++) {
		char text[200];
		snprintf(text, sizeof(text),
			"{\"_id\": %ld, \"city\": \"%s\", \"age\": %ld, \"name\": \"user%ld\", "
			"\"score\": %ld.5}",
			i, cities[i * 7 % 6], i * 31 % 90, i, i * 17 % 1000);
		if (ejson_parse(slice_of(text), slice_make("", 0), &m->bytes, NULL) != 0) {
			abort();
		}
	}
}

static double now(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void measure(struct memory *m, long n, const char *text)
{
	CLEANUP(buf_free) struct buf spec = BUF_INIT;
	struct doc_reach reach = {.find = find, .arg = m, .tmp_dir = "/var/tmp"};
	struct doc_query *q = NULL;
	struct doc_cursor *c = NULL;
	struct slice document;
	struct err err = {0};
	uint8_t type = 0;
	long results = 0;
	double start = now(CLOCK_MONOTONIC);
	double cpu_start = now(CLOCK_PROCESS_CPUTIME_ID);
	int r = ejson_parse_value(slice_of(text), &type, &spec, &err);
	r = r != 0 ? r : doc_query_new((struct doc_value){type, buf_slice(&spec)}, &q, &err);
	r = r != 0 ? r : doc_query_run(q, &reach, &c, &err);
	while (r == 0 && (r = c->next(c, &document, &err)) == 1) {
		results++;
		r = 0;
	}
	double took = now(CLOCK_MONOTONIC) - start;
	double cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu_start;
	if (r != 0) {
		printf("%s: %s\n", text, err.msg);
	} else {
		printf("%9.0f documents/s (%9.0f a second of CPU), %ld results: %s\n",
			(double)n / took, (double)n / cpu, results, text);
	}
	if (c != NULL) {
		c->close(c);
	}
	doc_query_free(q);
}

int main(int argc, char **argv)
{
	long n = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
	struct memory m = {BUF_INIT};
	fill(&m, n);
	measure(&m, n,
		"[{\"$match\": {\"age\": {\"$gte\": 18}}}, {\"$group\": {\"_id\": \"$city\", "
		"\"n\": "
		"{\"$sum\": 1}, \"mean\": {\"$avg\": \"$score\"}}}]");
	measure(&m, n,
		"[{\"$group\": {\"_id\": \"$_id\", \"n\": {\"$sum\": 1}}}, {\"$count\": \"n\"}]");
	measure(&m, n, "[{\"$sort\": {\"score\": -1, \"_id\": 1}}, {\"$limit\": 10}]");
	measure(&m, n, "[{\"$sort\": {\"score\": -1, \"_id\": 1}}, {\"$skip\": 999990}]");
	measure(&m, n,
		"[{\"$project\": {\"name\": 1, \"older\": {\"$add\": [\"$age\", 1]}}}, {\"$skip\": "
		"999990}]");
	measure(&m, n,
		"[{\"$addFields\": {\"older\": {\"$add\": [\"$age\", 1]}}}, {\"$skip\": 999990}]");
	buf_free(&m.bytes);
	return 0;
}
