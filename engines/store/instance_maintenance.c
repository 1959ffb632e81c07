/* What is done in the maintenance window: check, statistics, compacting. Each step
 * by itself, so that others get their turn in between. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "engines/store/instance_impl.h"
#include "engines/store/store_impl.h"

/* The pages of a commit are held in memory until they are in the log, and
 * compacting is one commit. */
#define COMPACT_MAX_BYTES (INT64_C(128) << 20)
/* It is worth it from this part of the file on. */
#define COMPACT_PART 8

/* ---- the check ---- */

struct check {
	struct buf *report;
	size_t begin;
	unsigned n_bad;
};

static int check(struct store_reader *r, void *arg, struct err *err)
{
	struct check *c = arg;
	sqlite3_stmt *stmt = NULL;
	c->report->n = c->begin;
	c->n_bad = 0;
	int rc = 0;
	if (sqlite3_prepare_v2(store_reader_db(r), "PRAGMA integrity_check(20)", -1, &stmt, NULL) !=
		SQLITE_OK) {
		return store_sql_error(store_reader_db(r), NULL, err);
	}
	while ((rc = store_step(stmt, err)) == 1) {
		const char *line = (const char *)sqlite3_column_text(stmt, 0);
		bool ok = line != NULL && strcmp(line, "ok") == 0;
		c->n_bad += !ok;
		buf_printf(c->report, "integrity: %s\n", line != NULL ? line : "out of memory");
	}
	sqlite3_finalize(stmt);
	return rc;
}

/* ---- statistics ---- */

static int analyze(struct store_txn *t, void *arg, struct err *err)
{
	(void)arg;
	sqlite3 *db = store_txn_db(t);
	return sqlite3_exec(db, "ANALYZE", NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : store_sql_error(db, "ANALYZE", err);
}

/* ---- compacting ---- */

struct size {
	int64_t page;
	int64_t pages;
	int64_t free;
};

static int measure(struct store_reader *r, void *arg, struct err *err)
{
	struct size *s = arg;
	sqlite3 *db = store_reader_db(r);
	int rc = db_int(db, "size", "PRAGMA page_size", &s->page, err);
	rc = rc != 0 ? rc : db_int(db, "size", "PRAGMA page_count", &s->pages, err);
	return rc != 0 ? rc : db_int(db, "size", "PRAGMA freelist_count", &s->free, err);
}

static int compact(struct instance *i, struct buf *report, struct err *err)
{
	struct size before = {0};
	struct size after = {0};
	int rc = instance_read(i, STORE_ALL_KEYS, measure, &before, err);
	if (rc != 0) {
		return rc;
	}
	int64_t used = (before.pages - before.free) * before.page;
	if (before.free * COMPACT_PART < before.pages) {
		buf_printf(report, "compact: not needed, %" PRId64 " of %" PRId64 " pages free\n",
			before.free, before.pages);
		return 0;
	}
	if (used > COMPACT_MAX_BYTES) {
		buf_printf(report,
			"compact: left out, %" PRId64 " bytes are in use and would be one commit; "
			"the %" PRId64 " free pages are used by what is written next\n",
			used, before.free);
		return 0;
	}
	rc = instance_compact(i, err);
	if (rc == 0) {
		rc = instance_read(i, STORE_ALL_KEYS, measure, &after, err);
	}
	if (rc == 0) {
		buf_printf(report, "compact: %" PRId64 " pages instead of %" PRId64 "\n",
			after.pages, before.pages);
	}
	return rc;
}

int instance_maintenance(struct instance *i, struct buf *report, struct err *err)
{
	struct check c = {.report = report, .begin = report->n};
	int rc = instance_read(i, STORE_ALL_KEYS, check, &c, err);
	if (rc == 0 && c.n_bad > 0) {
		rc = err_set(err, EIO, "%s: the integrity check found %u faults", i->config.label,
			c.n_bad);
	}
	if (rc == 0) {
		rc = instance_write(i, NULL, 0, analyze, NULL, err);
	}
	if (rc == 0) {
		buf_puts(report, "analyze: done\n");
		rc = compact(i, report, err);
	}
	return rc != 0 ? rc : buf_check(report, err);
}
