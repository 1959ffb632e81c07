/* COPY: which files, one load over all of them, what is told of it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/clock.h"
#include "engines/redshift/load/load.h"

/* What takes longer is told of, so often. */
#define TELL_NS (10 * INT64_C(1000000000))

struct progress {
	struct rs_cluster *cluster;
	const char *table;
	const struct rs_loading *loading;
	uint64_t total, done; /* bytes */
	unsigned files;
	int64_t told_ns;
};

static void tell(struct progress *p)
{
	struct rs_load_result so_far;
	char text[256];

	rs_loading_count(p->loading, &so_far);
	snprintf(text, sizeof(text),
		"COPY %s: %llu rows so far, file %llu of %u, %llu of %llu bytes (%llu %%)",
		p->table, (unsigned long long)so_far.rows, (unsigned long long)so_far.files,
		p->files, (unsigned long long)p->done, (unsigned long long)p->total,
		(unsigned long long)(p->total > 0 ? p->done * 100 / p->total : 100));
	if (p->cluster->config.event != NULL) {
		p->cluster->config.event(p->cluster->config.arg, text);
	}
}

static void on_progress(void *arg, uint64_t bytes)
{
	struct progress *p = arg;
	int64_t now = clock_monotonic_ns();

	p->done += bytes;
	if (now - p->told_ns >= TELL_NS) {
		p->told_ns = now;
		tell(p);
	}
}

static int find_files(
	const struct rs_txn *t, const struct rs_copy *c, struct rs_files *out, struct err *err)
{
	int rc = c->manifest ? rs_files_manifest(t->next, c->from, out, err)
			     : rs_files_list(t->next, c->from, false, out, err);

	if (rc == 0 && out->n == 0) {
		return err_set(err, ENOENT, "%s: %s", c->from,
			c->manifest ? "none of its files is there"
				    : "the specified S3 prefix does not exist");
	}
	return rc;
}

static int load_files(
	struct rs_loading *l, const struct rs_files *files, struct progress *p, struct err *err)
{
	struct rs_load_watch watch = {on_progress, p};
	int rc = 0;

	for (unsigned i = 0; i < files->n; i++) {
		p->total += files->file[i].size;
	}
	for (unsigned i = 0; rc == 0 && i < files->n; i++) {
		rc = rs_loading_read(l, files->file[i].address, files->file[i].path, &watch, err);
	}
	return rc;
}

int rs_copy(struct rs_txn *t, const struct rs_statement *s, uint64_t query, struct buf *report,
	uint64_t *rows, struct err *err)
{
	CLEANUP(rs_files_clear) struct rs_files files = {0};
	struct rs_load_result result = {0};
	struct rs_loading *l = NULL;
	int rc = find_files(t, &s->copy, &files, err);

	rc = rc < 0 ? rc : rs_loading_new(t, &s->copy, query, &l, err);
	if (rc < 0) {
		return rc;
	}
	struct progress p = {.cluster = t->cluster,
		.table = s->copy.table.name,
		.loading = l,
		.files = files.n,
		.told_ns = clock_monotonic_ns()};
	rc = load_files(l, &files, &p, err);
	int ended = rs_loading_end(l, rc == 0, &result, err);
	rc = rc < 0 ? rc : ended;
	if (rc < 0) {
		return rc;
	}
	if (rows != NULL) {
		*rows = result.rows;
	}
	buf_printf(report, "COPY %s: %llu rows %s, %llu rejected, %llu file%s\n",
		s->copy.table.name, (unsigned long long)result.rows,
		s->copy.no_load ? "read, none loaded (NOLOAD)" : "loaded",
		(unsigned long long)result.rejected, (unsigned long long)result.files,
		result.files == 1 ? "" : "s");
	return 0;
}
