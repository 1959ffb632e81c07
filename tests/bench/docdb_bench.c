/* docdb_bench DIR [DOCUMENTS]: what the storage of DocumentDB does, without the tree: durable
 * inserts one by one, a load in one transaction, point reads, a list by pages, find by index. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "engines/common/clock.h"
#include "engines/docdb/values/ejson.h"
#include "engines/docdb/storage/plan.h"

#define N_SINGLE 200
#define N_READS	 20000
#define PAGE	 1000

static struct docdb_source *source;
static struct slice c_name = {"c", 1};

static void stop(const char *what, const struct err *err)
{
	fprintf(stderr, "%s: %s\n", what, err->msg);
	exit(1);
}

static void run(bool write, const char *what, docdb_fn *fn, void *arg)
{
	struct err err = {0};

	if ((write ? docdb_write : docdb_read)(source, fn, arg, &err) < 0) {
		stop(what, &err);
	}
}

/* The processor's time, too: a machine that others use says little by the clock. */
struct begun {
	int64_t clock_ns;
	double cpu;
};

static double cpu_now(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static struct begun begin(void)
{
	return (struct begun){clock_monotonic_ns(), cpu_now()};
}

static void tell(const char *what, double n, struct begun since)
{
	struct rusage usage;
	double s = (double)(clock_monotonic_ns() - since.clock_ns) / 1e9;
	double cpu = cpu_now() - since.cpu;

	getrusage(RUSAGE_SELF, &usage);
	printf("%-34s %10.0f /s  %7.3f s  cpu %7.2f us each  (peak %ld MiB)\n", what, n / s, s,
		cpu / n * 1e6, usage.ru_maxrss / 1024);
}

/* {"_id": n, "name": "customer n", "age": .., "tags": ["a", "b"]} */
static void make(int64_t n, struct buf *out)
{
	char text[160];

	buf_clear(out);
	snprintf(text, sizeof(text),
		"{\"_id\": %lld, \"name\": \"customer %lld\", \"age\": %lld, \"tags\": [\"a\", "
		"\"b\"]}",
		(long long)n, (long long)n, (long long)(n * 7919 % 1000));
	struct err err = {0};
	if (ejson_parse(slice_of(text), slice_of(""), out, &err) < 0) {
		stop("parse", &err);
	}
}

struct load {
	int64_t from;
	int64_t n;
};

static int create_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	(void)arg;
	return docdb_collection_create(c, c_name, NULL, err);
}

static int changes_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	return docdb_changes_set(c, c_name, *(bool *)arg, err);
}

static int load_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct load *l = arg;
	struct docdb_collection row;
	struct buf document = BUF_INIT;

	int rc = docdb_collection_find(c, c_name, &row, err);
	for (int64_t i = 0; rc == 0 && i < l->n; i++) {
		make(l->from + i, &document);
		rc = docdb_insert(c, &row, buf_slice(&document), NULL, err);
	}
	buf_free(&document);
	return rc;
}

static int index_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	return docdb_indexes_write(c, c_name, slice_of(arg), err);
}

static int read_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct buf text = BUF_INIT;
	struct engine_info info;
	char name[24];

	snprintf(name, sizeof(name), "%lld", (long long)*(int64_t *)arg);
	int rc = docdb_doc_read(c, c_name, slice_of(name), DOCDB_RELAXED, &text, &info, err);
	buf_free(&text);
	return rc;
}

struct page {
	struct buf last;
	unsigned n;
	uint64_t all;
};

static int emit(void *arg, struct slice key, const struct engine_info *info)
{
	struct page *p = arg;

	(void)info;
	buf_clear(&p->last);
	buf_append_slice(&p->last, key);
	p->all++;
	return ++p->n == PAGE;
}

static int page_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct page *p = arg;
	struct buf after = BUF_INIT;

	p->n = 0;
	buf_append_slice(&after, buf_slice(&p->last));
	struct slice from = buf_slice(&after);
	int rc = docdb_doc_list(c, c_name, from.n > 0 ? &from : NULL, DOCDB_RELAXED, emit, p, err);
	buf_free(&after);
	return rc;
}

struct finding {
	const char *filter;
	uint64_t found;
};

static int find_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct finding *f = arg;
	struct buf filter = BUF_INIT;
	struct doc_match *match = NULL;
	struct doc_reach reach;
	struct doc_cursor *cursor = NULL;
	struct slice document;
	bool sorted;

	docdb_reach(c, c_name, "/tmp", &reach);
	int rc = ejson_parse(slice_of(f->filter), slice_of(""), &filter, err);
	rc = rc < 0 ? rc : doc_match_new(buf_slice(&filter), &match, err);
	rc = rc < 0 ? rc
		    : reach.find(
			      reach.arg, slice_of(""), match, slice_of(""), &sorted, &cursor, err);
	while (rc == 0 && (rc = cursor->next(cursor, &document, err)) == 1) {
		f->found++;
		rc = 0;
	}
	if (cursor != NULL) {
		cursor->close(cursor);
	}
	doc_match_free(match);
	buf_free(&filter);
	return rc;
}

static void bench_writes(int64_t n)
{
	struct load l = {0, 1};
	bool on = true;
	struct begun since = begin();

	for (; l.from < N_SINGLE; l.from++) {
		run(true, "insert", load_fn, &l);
	}
	tell("insert, durable, one by one", N_SINGLE, since);
	l.n = n / 2;
	since = begin();
	run(true, "load", load_fn, &l);
	tell("load in one transaction", (double)l.n, since);
	on = false;
	run(true, "changes", changes_fn, &on);
	l.from += l.n;
	l.n = n - l.n;
	since = begin();
	run(true, "load", load_fn, &l);
	tell("the same without a change feed", (double)l.n, since);
}

static void bench_reads(int64_t n)
{
	struct page p = {0};
	struct begun since = begin();

	for (int64_t i = 0; i < N_READS; i++) {
		int64_t id = i * 7919 % n;
		run(false, "read", read_fn, &id);
	}
	tell("point read", N_READS, since);
	since = begin();
	do {
		run(false, "list", page_fn, &p);
	} while (p.n == PAGE);
	tell("list, pages of 1,000", (double)p.all, since);
	buf_free(&p.last);
}

static void bench_find(int64_t n)
{
	struct finding scan = {"{\"age\": {\"$lt\": 10}}", 0};
	struct finding some = {"{\"age\": {\"$lt\": 10}}", 0};
	struct finding one = {"{\"name\": \"customer 4711\"}", 0};
	static char indexes[] = "[{\"key\": {\"age\": 1}}, {\"key\": {\"name\": 1}}]";
	struct begun since = begin();

	run(false, "scan", find_fn, &scan);
	tell("find by looking at all, documents", (double)n, since);
	since = begin();
	run(true, "index", index_fn, indexes);
	tell("two indexes built, documents", (double)n, since);
	since = begin();
	run(false, "find", find_fn, &some);
	tell("find a range by index, found", (double)some.found, since);
	since = begin();
	for (int i = 0; i < 1000; i++) {
		run(false, "find", find_fn, &one);
	}
	tell("find one by index", 1000, since);
	if (scan.found != some.found || one.found != 1000) {
		fprintf(stderr, "an index finds something else\n");
		exit(1);
	}
}

int main(int argc, char **argv)
{
	int64_t n = argc > 2 ? atoll(argv[2]) : 1000000;
	char dir[3][512];
	struct instance_config config = {.id = "bench", .label = "bench"};
	struct instance_settings settings = {0};
	struct docdb_source_config source_config = {.label = "bench"};
	struct instance *store;
	struct err err = {0};

	if (argc < 2) {
		fprintf(stderr, "docdb_bench DIR [DOCUMENTS]\n");
		return 2;
	}
	for (unsigned i = 0; i < 3; i++) {
		snprintf(dir[i], sizeof(dir[i]), "%s/%u", argv[1], i);
	}
	config.dir = dir[2];
	config.zone[0] = (struct instance_zone){"a", dir[0]};
	config.zone[1] = (struct instance_zone){"b", dir[1]};
	docdb_instance_config(&config);
	if (instance_create(&config, &settings, NULL, &err) < 0 ||
		instance_open(&config, &store, &err) < 0 ||
		docdb_source_instance(store, &source_config, &source, &err) < 0) {
		stop("create", &err);
	}
	run(true, "create", create_fn, NULL);
	bench_writes(n);
	bench_reads(n);
	bench_find(n);
	docdb_source_close(source);
	instance_close(store);
	instance_destroy(&config, &err);
	return 0;
}
