/* Random operations on two collections with indexes, against a model that is a table of numbers;
 * in between the cluster is closed and opened, writes fail on purpose, and a child is killed. After
 * each round documents, lists, counts, entries and bodies are what the model says. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/docdb_fixture.h"
#include "tests/unit/random.h"

#define N_IDS	40
#define N_ROUND 60

static struct docs d;

/* `a` < 0: there is no such document. `u` is unique where it is not negative. */
struct cell {
	int a;
	int u;
};
struct model {
	struct cell at[2][N_IDS];
};

static const char *const collections[2] = {"c", "e"};

static const char *const indexes = "[{\"key\": {\"a\": 1}}, {\"key\": {\"u\": 1}, \"unique\": true,"
				   " \"partialFilterExpression\": {\"u\": {\"$gte\": 0}}}, "
				   "{\"key\": {\"tags\": -1, \"a\": 1}}]";

static const char *id_of(int i)
{
	static char name[2][16];
	static unsigned n;
	n ^= 1U;
	snprintf(name[n], sizeof(name[n]), i % 2 == 0 ? "%d" : "n%d", i);
	return name[n];
}

static const char *text_of(struct cell cell)
{
	static char text[128];
	snprintf(text, sizeof(text), "{\"a\": %d, \"u\": %d, \"tags\": [%d, %d, \"x\"]}", cell.a,
		cell.u, cell.a % 3, cell.a % 5);
	return text;
}

static const char *expected(int i, struct cell cell)
{
	static char text[160];
	if (cell.a < 0) {
		return "";
	}
	snprintf(text, sizeof(text), i % 2 == 0 ? "{\"_id\":%d,%s" : "{\"_id\":\"n%d\",%s", i, "");
	snprintf(text + strlen(text), sizeof(text) - strlen(text),
		"\"a\":%d,\"u\":%d,\"tags\":[%d,%d,\"x\"]}", cell.a, cell.u, cell.a % 3,
		cell.a % 5);
	return text;
}

/* Whether a document other than those two has this u. */
static bool taken(const struct model *m, int c, int u, int but, int or_but)
{
	for (int i = 0; i < N_IDS && u >= 0; i++) {
		if (i != but && i != or_but && m->at[c][i].a >= 0 && m->at[c][i].u == u) {
			return true;
		}
	}
	return false;
}

/* ---- operations: each in the database and the model ---- */

static void op_put(struct model *m)
{
	int c = rng() % 2;
	int i = rng() % N_IDS;
	struct cell cell = {rng() % 50, rng() % 2 == 0 ? -1 : rng() % 30};
	int rc = docs_put(&d, collections[c], id_of(i), text_of(cell));

	if (taken(m, c, cell.u, i, i)) {
		ck_assert_int_eq(rc, -EEXIST);
		return;
	}
	docs_ok(&d, rc);
	m->at[c][i] = cell;
}

static void op_remove(struct model *m)
{
	int c = rng() % 2;
	int i = rng() % N_IDS;
	int rc = docs_remove(&d, collections[c], id_of(i));

	ck_assert_int_eq(rc, m->at[c][i].a >= 0 ? 0 : -ENOENT);
	m->at[c][i].a = -1;
}

static void op_move(struct model *m)
{
	int from = rng() % 2;
	int to = rng() % 2;
	int i = rng() % N_IDS;
	int k = rng() % N_IDS;
	struct cell *a = &m->at[from][i];
	struct cell *b = &m->at[to][k];
	bool swap = rng() % 4 == 0;
	int rc = docs_move(&d, collections[from], id_of(i), collections[to], id_of(k),
		swap ? RENAME_EXCHANGE : 0);

	if (a->a < 0 || (swap && b->a < 0)) {
		ck_assert_int_eq(rc, -ENOENT);
	} else if (a == b) {
		docs_ok(&d, rc);
	} else if (taken(m, to, a->u, k, from == to ? i : k) ||
		   (swap && taken(m, from, b->u, i, from == to ? k : i))) {
		ck_assert_int_eq(rc, -EEXIST);
	} else {
		docs_ok(&d, rc);
		struct cell old = *b;
		*b = *a;
		*a = swap ? old : (struct cell){-1, -1};
	}
}

/* $inc and the tags that belong to it. */
static void op_update(struct model *m)
{
	char text[512];
	int c = rng() % 2;
	int below = rng() % 50;
	unsigned n = 0;
	struct buf report = BUF_INIT;

	snprintf(text, sizeof(text),
		"{\"filter\": {\"a\": {\"$lt\": %d}}, \"update\": [{\"$set\": {\"a\": {\"$add\": "
		"[\"$a\", 1]}}}, {\"$set\": {\"tags\": [{\"$mod\": [\"$a\", 3]}, {\"$mod\": "
		"[\"$a\", 5]}, \"x\"]}}]}",
		below);
	docs_ok(&d, docs_update(&d, collections[c], text, &report));
	for (int i = 0; i < N_IDS; i++) {
		if (m->at[c][i].a >= 0 && m->at[c][i].a < below) {
			m->at[c][i].a++;
			n++;
		}
	}
	snprintf(text, sizeof(text),
		"{\"matchedCount\":%u,\"modifiedCount\":%u,\"upsertedIds\":[],\"deletedCount\":0}"
		"\n",
		n, n);
	ck_assert_str_eq(buf_cstr(&report), text);
	buf_free(&report);
}

static void op_delete(struct model *m)
{
	char text[128];
	int c = rng() % 2;
	int a = rng() % 50;
	struct buf report = BUF_INIT;

	snprintf(text, sizeof(text),
		"{\"delete\": \"%s\", \"deletes\": [{\"q\": {\"a\": %d}, \"limit\": 0}]}",
		collections[c], a);
	docs_ok(&d, docs_update(&d, collections[c], text, &report));
	for (int i = 0; i < N_IDS; i++) {
		if (m->at[c][i].a == a) {
			m->at[c][i].a = -1;
		}
	}
	buf_free(&report);
}

/* Some changes, then an error: none of them is there. */
static int fail_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct engine_info info;
	struct slice coll = slice_of("c");

	(void)arg;
	docdb_doc_write(c, coll, slice_of("0"), slice_of("{\"a\": 1000, \"tags\": [1, 2]}"),
		ENGINE_VERSION_ANY, DOCDB_RELAXED, &info, NULL);
	docdb_doc_remove(c, coll, slice_of("2"), ENGINE_VERSION_ANY, NULL);
	docdb_index_drop(c, coll, slice_of("a_1"), err);
	docdb_index_create(c, coll, slice_of("{\"b\": 1}"), err);
	docdb_collection_drop(c, slice_of("e"), true, err);
	return err_set(err, ECANCELED, "as wanted");
}

static void op_fail(struct model *m)
{
	(void)m;
	ck_assert_int_eq(docs_write(&d, fail_fn, NULL), -ECANCELED);
}

static void op_reopen(struct model *m)
{
	(void)m;
	docs_close(&d);
	docs_open(&d);
}

static void step(struct model *m)
{
	static void (*const ops[])(struct model *) = {op_put, op_put, op_put, op_put, op_put,
		op_put, op_remove, op_move, op_move, op_update, op_delete, op_fail};

	if (rng() % 100 == 0) {
		op_reopen(m);
	} else {
		ops[(size_t)rng() % (sizeof(ops) / sizeof(ops[0]))](m);
	}
}

static void compare(const struct model *m)
{
	docs_check(&d);
	for (int c = 0; c < 2; c++) {
		for (int i = 0; i < N_IDS; i++) {
			ck_assert_str_eq(
				docs_text(&d, collections[c], id_of(i)), expected(i, m->at[c][i]));
		}
	}
}

static void start(struct model *m)
{
	docs_start(&d);
	docs_ok(&d, docs_make(&d, "e"));
	for (int c = 0; c < 2; c++) {
		docs_ok(&d, docs_index(&d, collections[c], indexes));
		for (int i = 0; i < N_IDS; i++) {
			m->at[c][i] = (struct cell){-1, -1};
		}
	}
}

START_TEST(test_random_operations_match_a_model)
{
	struct model m;

	rng_seed((unsigned)_i + 1);
	start(&m);
	for (int round = 0; round < 6; round++) {
		for (int i = 0; i < N_ROUND; i++) {
			step(&m);
		}
		compare(&m);
	}
	docs_end(&d);
}
END_TEST

/* ---- kill -9 ---- */

static int work_open(void)
{
	docs_open(&d);
	return 0;
}

/* One document a round, renamed, then updated with the one before. */
static int work_step(unsigned long round, unsigned step_no)
{
	char name[32];
	char other[32];
	struct buf report = BUF_INIT;
	int rc;

	snprintf(name, sizeof(name), "r%lu", round);
	snprintf(other, sizeof(other), "s%lu", round);
	if (step_no == 0) {
		rc = docs_put(&d, "c", name, "{\"a\": 1, \"tags\": [1, 2]}");
	} else if (step_no == 1) {
		rc = docs_move(&d, "c", name, "e", other, 0);
	} else {
		rc = docs_update(&d, "e",
			"{\"filter\": {\"a\": 1}, \"update\": {\"$set\": {\"a\": 2}}}", &report);
	}
	buf_free(&report);
	return rc;
}

START_TEST(test_kill_9_loses_nothing_acknowledged)
{
	static const struct crash_work work = {work_open, work_step, 3, &d.err};
	struct model m;
	unsigned long rounds = 0;

	start(&m);
	docs_close(&d);
	for (int i = 0; i < 6; i++) {
		unsigned long first = rounds;
		unsigned long done = work_and_kill(&work, first, 20000 + (unsigned)i * 13000);
		char name[32];
		docs_open(&d);
		docs_check(&d);
		for (unsigned long r = 0; r < done / 3; r++) {
			snprintf(name, sizeof(name), "s%lu", first + r);
			ck_assert_ptr_nonnull(strstr(docs_text(&d, "e", name), "\"a\":2"));
		}
		/* The round that was under way is at one of its steps. */
		unsigned long at = first + done / 3;
		char before[32];
		snprintf(name, sizeof(name), "s%lu", at);
		snprintf(before, sizeof(before), "r%lu", at);
		bool moved = docs_text(&d, "e", name)[0] != '\0';
		bool put = docs_text(&d, "c", before)[0] != '\0';
		ck_assert(!(moved && put));
		ck_assert(moved || put || done % 3 == 0);
		rounds = at + 1;
		docs_close(&d);
	}
	docs_open(&d);
	docs_end(&d);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("docdb_model");
	TCase *t = tcase_create("model");
	tcase_set_timeout(t, 100);
	tcase_add_loop_test(t, test_random_operations_match_a_model, 0, 6);
	tcase_add_test(t, test_kill_9_loses_nothing_acknowledged);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
