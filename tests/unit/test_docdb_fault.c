/* Every step of every operation fails once: SQLite is interrupted at its n-th instruction, for n
 * from 1 until the operation gets through. What failed has changed nothing, nothing stays locked or
 * held (statements are counted), and the next try works. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/docdb/values/ejson.h"
#include "engines/docdb/storage/source_impl.h"
#include "tests/unit/docdb_fixture.h"
#include "tests/unit/stride.h"

static struct docs d;

/* ---- operations, each in a transaction of its own ---- */

static struct slice c_name = {"c", 1};

static int step_put(struct docdb_conn *c, struct err *err)
{
	return docdb_doc_write(c, c_name, slice_of("new"),
		slice_of("{\"a\": [7, 8], \"t\": 1, \"u\": 77}"), ENGINE_VERSION_ANY, DOCDB_RELAXED,
		&d.info, err);
}

static int step_replace(struct docdb_conn *c, struct err *err)
{
	return docdb_doc_write(c, c_name, slice_of("1"), slice_of("{\"a\": [7, 8], \"u\": 1}"),
		ENGINE_VERSION_ANY, DOCDB_CANONICAL, &d.info, err);
}

static int step_remove(struct docdb_conn *c, struct err *err)
{
	return docdb_doc_remove(c, c_name, slice_of("1"), ENGINE_VERSION_ANY, err);
}

static int step_move(struct docdb_conn *c, struct err *err)
{
	return docdb_doc_rename(c, c_name, slice_of("1"), slice_of("e"), slice_of("2"), 0, err);
}

static int step_swap(struct docdb_conn *c, struct err *err)
{
	return docdb_doc_rename(
		c, c_name, slice_of("1"), c_name, slice_of("2"), RENAME_EXCHANGE, err);
}

static int step_index(struct docdb_conn *c, struct err *err)
{
	return docdb_indexes_write(c, c_name,
		slice_of("[{\"key\": {\"a\": 1, \"t\": -1}}, {\"key\": {\"u\": 1}, \"unique\": "
			 "true}]"),
		err);
}

static int step_update(struct docdb_conn *c, struct err *err)
{
	CLEANUP(buf_free) struct buf spec = BUF_INIT;
	CLEANUP(buf_free) struct buf report = BUF_INIT;

	int rc = ejson_parse(
		slice_of("{\"filter\": {\"a\": {\"$gte\": 1}}, \"update\": {\"$inc\": {\"t\": "
			 "1}, \"$push\": {\"a\": 50}}}"),
		slice_of(""), &spec, err);
	return rc < 0 ? rc : docdb_update(c, c_name, doc_value_of(buf_slice(&spec)), &report, err);
}

static int step_upsert(struct docdb_conn *c, struct err *err)
{
	CLEANUP(buf_free) struct buf spec = BUF_INIT;
	CLEANUP(buf_free) struct buf report = BUF_INIT;

	int rc = ejson_parse(
		slice_of("{\"filter\": {\"a\": 1000}, \"upsert\": true, \"update\": {\"$set\": "
			 "{\"t\": 1}}}"),
		slice_of(""), &spec, err);
	return rc < 0 ? rc
		      : docdb_update(c, c_name,
				(struct doc_value){BSON_TYPE_DOCUMENT, buf_slice(&spec)}, &report,
				err);
}

static int step_drop(struct docdb_conn *c, struct err *err)
{
	return docdb_collection_drop(c, c_name, true, err);
}

static int step_rename(struct docdb_conn *c, struct err *err)
{
	return docdb_collection_rename(c, c_name, slice_of("e"), RENAME_EXCHANGE, err);
}

static int step_make(struct docdb_conn *c, struct err *err)
{
	return docdb_collection_create(c, slice_of("f"), NULL, err);
}

static int step_expire(struct docdb_conn *c, struct err *err)
{
	uint64_t n;
	return docdb_expire(c, INT64_C(4000000000000), 2, &n, err);
}

static int step_prune(struct docdb_conn *c, struct err *err)
{
	return docdb_changes_prune(c, INT64_MAX, err);
}

static int emit(void *arg, struct slice key, const struct engine_info *info)
{
	(void)arg;
	(void)key;
	(void)info;
	return 0;
}

static int step_list(struct docdb_conn *c, struct err *err)
{
	return docdb_doc_list(c, c_name, NULL, DOCDB_RELAXED, emit, NULL, err);
}

static int step_read(struct docdb_conn *c, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	return docdb_doc_read(c, c_name, slice_of("1"), DOCDB_RELAXED, &text, &d.info, err);
}

static int step_feed(struct docdb_conn *c, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	return docdb_changes_read(c, c_name, 0, 10000, &text, err);
}

static int find_all(
	struct doc_reach *reach, const struct doc_match *match, struct slice sort, struct err *err)
{
	struct doc_cursor *cursor;
	struct slice document;
	bool sorted;

	int rc = reach->find(reach->arg, slice_of(""), match, sort, &sorted, &cursor, err);
	if (rc < 0) {
		return rc;
	}
	do {
		rc = cursor->next(cursor, &document, err);
	} while (rc == 1);
	cursor->close(cursor);
	return rc;
}

static int step_find(struct docdb_conn *c, struct err *err)
{
	CLEANUP(buf_free) struct buf filter = BUF_INIT;
	CLEANUP(buf_free) struct buf plan = BUF_INIT;
	struct doc_match *match = NULL;
	struct doc_reach reach;

	docdb_reach(c, c_name, "/tmp", &reach);
	int rc = ejson_parse(slice_of("{\"a\": {\"$gte\": 1}, \"u\": {\"$in\": [1, 2, 3]}}"),
		slice_of(""), &filter, err);
	rc = rc < 0 ? rc : doc_match_new(buf_slice(&filter), &match, err);
	rc = rc < 0 ? rc : find_all(&reach, match, slice_of(""), err);
	rc = rc < 0 ? rc : reach.explain(reach.arg, c_name, match, slice_of(""), &plan, err);
	doc_match_free(match);
	return rc;
}

static int step_indexes(struct docdb_conn *c, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;

	return docdb_indexes_read(c, c_name, &text, err);
}

static const struct step {
	const char *name;
	int (*run)(struct docdb_conn *c, struct err *err);
	bool reads;
} steps[] = {
	{"put", step_put, false},
	{"replace", step_replace, false},
	{"remove", step_remove, false},
	{"move", step_move, false},
	{"swap", step_swap, false},
	{"index", step_index, false},
	{"update", step_update, false},
	{"upsert", step_upsert, false},
	{"drop", step_drop, false},
	{"rename", step_rename, false},
	{"make", step_make, false},
	{"expire", step_expire, false},
	{"prune", step_prune, false},
	{"list", step_list, true},
	{"read", step_read, true},
	{"feed", step_feed, true},
	{"find", step_find, true},
	{"indexes", step_indexes, true},
};
#define N_STEPS (int)(sizeof(steps) / sizeof(steps[0]))

/* ---- failing ---- */

struct failing {
	const struct step *step;
	unsigned n; /* instructions left; 0: none fails */
	bool fired;
};

static int tick(void *arg)
{
	struct failing *f = arg;

	if (--f->n > 0) {
		return 0;
	}
	f->fired = true;
	f->n = 1; /* whatever is tried then fails, too */
	return 1;
}

/* `n` counts from here: what the store does around it is the store's to test. */
static int run_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct failing *f = arg;
	unsigned n = f->n;

	if (n > 0) {
		sqlite3_progress_handler(c->db, 1, tick, f);
	}
	int rc = f->step->run(c, err);
	if (rc == 0 && c->changed != NULL) {
		rc = docdb_changed_save(c, err);
	}
	sqlite3_progress_handler(c->db, 0, NULL, NULL);
	f->n = n;
	return rc;
}

static int run(struct failing *f)
{
	return (f->step->reads ? docs_read : docs_write)(&d, run_fn, f);
}

/* All there is, to compare. */
static void take_state(struct buf *out)
{
	static const char *const collections[] = {"c", "e"};

	buf_clear(out);
	for (unsigned i = 0; i < 2; i++) {
		buf_puts(out, docs_names(&d, collections[i]));
		buf_puts(out, docs_text(&d, collections[i], "1"));
		buf_puts(out, docs_text(&d, collections[i], "2"));
		buf_puts(out, docs_explain(&d, collections[i], "{\"a\": 1}", NULL));
	}
	buf_cstr(out);
}

static void fill(void)
{
	char name[8];
	char text[160];

	docs_start(&d);
	docs_ok(&d, docs_make(&d, "e"));
	docs_ok(&d, docs_index(&d, "c",
			    "[{\"key\": {\"a\": 1}}, {\"key\": {\"t\": 1}, "
			    "\"expireAfterSeconds\": 1}, {\"key\": {\"u\": 1}, \"unique\": true, "
			    "\"sparse\": true}]"));
	for (int i = 1; i <= 4; i++) {
		snprintf(name, sizeof(name), "%d", i);
		snprintf(text, sizeof(text), "{\"a\": [%d, %d], \"u\": %d}", i, i + 1, i);
		docs_ok(&d, docs_put(&d, "c", name, text));
	}
	docs_ok(&d, docs_put(&d, "c", "5", "{\"t\": {\"$date\": \"2020-01-01T00:00:00Z\"}}"));
}

START_TEST(test_a_step_that_fails_changes_nothing)
{
	struct failing f = {.step = &steps[_i]};
	struct buf before = BUF_INIT;
	struct buf after = BUF_INIT;
	unsigned n_failed = 0;

	fill();
	take_state(&before);
	for (f.n = 1;; f.n += stride_or(7)) {
		f.fired = false;
		int rc = run(&f);
		if (!f.fired) {
			ck_assert_msg(rc == 0, "%s: %s", f.step->name, d.err.msg);
			break;
		}
		n_failed++;
		ck_assert_msg(rc < 0, "%s, instruction %u: no failure", f.step->name, f.n);
		take_state(&after);
		ck_assert_msg(strcmp(before.p, after.p) == 0, "%s, instruction %u: %s -> %s",
			f.step->name, f.n, before.p, after.p);
		docs_check(&d);
	}
	ck_assert_uint_gt(n_failed, 0);
	docs_check(&d);
	docs_end(&d);
	buf_free(&before);
	buf_free(&after);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("docdb_fault");
	TCase *t = tcase_create("fault");
	tcase_set_timeout(t, 100);
	tcase_add_loop_test(t, test_a_step_that_fails_changes_nothing, 0, N_STEPS);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
