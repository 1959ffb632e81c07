/* The change feed: what its lines say, that an offset always means the same byte, in a collection's
 * feed and in the cluster's, under writers, over a restart, and when old lines are gone. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "engines/docdb/values/ejson.h"
#include "engines/docdb/storage/source_impl.h"
#include "tests/unit/docdb_fixture.h"

static struct docs d;

static void setup(void)
{
	docs_start(&d);
}

static void teardown(void)
{
	docs_check(&d);
	docs_end(&d);
}

/* ---- one read ---- */

struct feed {
	const char *collection; /* "": of the cluster */
	uint64_t start;
	uint64_t end;
	uint64_t offset;
	size_t max;
	struct buf out;
};

static int bounds_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct feed *f = arg;
	return docdb_changes_bounds(c, slice_of(f->collection), &f->start, &f->end, err);
}

static int read_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct feed *f = arg;
	buf_clear(&f->out);
	return docdb_changes_read(c, slice_of(f->collection), f->offset, f->max, &f->out, err);
}

/* All from `offset` on, in pieces of `max`. */
static void read_from(const char *collection, uint64_t offset, size_t max, struct buf *out)
{
	struct feed f = {.collection = collection, .offset = offset, .max = max};

	for (bool more = true; more;) {
		docs_ok(&d, docs_read(&d, read_fn, &f));
		ck_assert_uint_le(f.out.n, max);
		buf_append_slice(out, buf_slice(&f.out));
		f.offset += f.out.n;
		more = f.out.n > 0;
	}
	docs_ok(&d, docs_read(&d, bounds_fn, &f));
	ck_assert_uint_eq(f.offset, f.end);
	buf_free(&f.out);
}

static char *read_all(const char *collection)
{
	struct buf out = BUF_INIT;
	read_from(collection, 0, 1 << 20, &out);
	buf_cstr(&out);
	return out.p;
}

/* The line without what differs with each run: token and times. */
static void put_plain(struct slice line, struct buf *out)
{
	struct buf document = BUF_INIT;
	struct err err = {0};
	struct doc_iter it;
	struct slice name;
	struct doc_value v;

	ck_assert_msg(ejson_parse(line, slice_of(""), &document, &err) == 0, "%s: %.*s", err.msg,
		(int)line.n, line.p);
	doc_iter_init(&it, buf_slice(&document));
	while (doc_next(&it, &name, &v)) {
		if (slice_is(name, "_id") || slice_is(name, "clusterTime")) {
			ck_assert_int_eq(v.type,
				slice_is(name, "_id") ? BSON_TYPE_DOCUMENT : BSON_TYPE_TIMESTAMP);
			continue;
		}
		buf_putc(out, ' ');
		ejson_print_value(v, EJSON_RELAXED, false, out);
	}
	buf_putc(out, '\n');
	buf_free(&document);
}

static const char *plain(const char *collection)
{
	static struct buf out;
	char *text = read_all(collection);

	buf_clear(&out);
	for (char *line = text, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
		put_plain(slice_make(line, (size_t)(end - line)), &out);
	}
	free(text);
	return buf_cstr(&out);
}

/* ---- what it says ---- */

START_TEST(test_each_change_is_a_line)
{
	struct buf report = BUF_INIT;

	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 1, \"b\": 2}"));
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 2, \"b\": 2}"));
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 2, \"b\": 2}"));
	docs_ok(&d, docs_update(&d, "c",
			    "{\"filter\": {}, \"update\": {\"$set\": {\"a\": 3}, "
			    "\"$unset\": {\"b\": 1}}}",
			    &report));
	ck_assert_int_lt(docs_put(&d, "c", "1", "{\"_id\": 2}"), 0);
	docs_ok(&d, docs_remove(&d, "c", "1"));
	ck_assert_str_eq(plain("c"),
		" \"insert\" {\"db\":\"docdb\",\"coll\":\"c\"} {\"_id\":1} "
		"{\"_id\":1,\"a\":1,\"b\":2}\n"
		" \"replace\" {\"db\":\"docdb\",\"coll\":\"c\"} {\"_id\":1} "
		"{\"_id\":1,\"a\":2,\"b\":2}\n"
		" \"update\" {\"db\":\"docdb\",\"coll\":\"c\"} {\"_id\":1} {\"_id\":1,\"a\":3}"
		" {\"updatedFields\":{\"a\":3},\"removedFields\":[\"b\"],\"truncatedArrays\":[]}\n"
		" \"delete\" {\"db\":\"docdb\",\"coll\":\"c\"} {\"_id\":1}\n");
	buf_free(&report);
}
END_TEST

static int rename_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	(void)arg;
	return docdb_collection_rename(c, slice_of("c"), slice_of("a\"b"), 0, err);
}

START_TEST(test_the_cluster_tells_of_all_collections)
{
	docs_ok(&d, docs_make(&d, "e"));
	docs_ok(&d, docs_put(&d, "e", "1", "{}"));
	docs_ok(&d, docs_put(&d, "c", "1", "{}"));
	docs_ok(&d, docs_move(&d, "c", "1", "e", "2", 0));
	docs_ok(&d, docs_write(&d, rename_fn, NULL));
	docs_ok(&d, docs_drop(&d, "e", true));
	ck_assert_str_eq(plain(""),
		" \"insert\" {\"db\":\"docdb\",\"coll\":\"e\"} {\"_id\":1} {\"_id\":1}\n"
		" \"insert\" {\"db\":\"docdb\",\"coll\":\"c\"} {\"_id\":1} {\"_id\":1}\n"
		" \"delete\" {\"db\":\"docdb\",\"coll\":\"c\"} {\"_id\":1}\n"
		" \"insert\" {\"db\":\"docdb\",\"coll\":\"e\"} {\"_id\":2} {\"_id\":2}\n"
		" \"rename\" {\"db\":\"docdb\",\"coll\":\"c\"} "
		"{\"db\":\"docdb\",\"coll\":\"a\\\"b\"}\n"
		" \"drop\" {\"db\":\"docdb\",\"coll\":\"e\"}\n");
	ck_assert_str_eq(plain("a\"b"),
		" \"insert\" {\"db\":\"docdb\",\"coll\":\"c\"} {\"_id\":1} {\"_id\":1}\n"
		" \"delete\" {\"db\":\"docdb\",\"coll\":\"c\"} {\"_id\":1}\n"
		" \"rename\" {\"db\":\"docdb\",\"coll\":\"c\"} "
		"{\"db\":\"docdb\",\"coll\":\"a\\\"b\"}\n");
	struct feed f = {.collection = "e"};
	ck_assert_int_eq(docs_read(&d, bounds_fn, &f), -ENOENT);
}
END_TEST

static int set_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	return docdb_changes_set(c, slice_of("c"), *(bool *)arg, err);
}

START_TEST(test_a_feed_can_be_off)
{
	bool on = false;

	docs_ok(&d, docs_write(&d, set_fn, &on));
	docs_ok(&d, docs_put(&d, "c", "1", "{}"));
	ck_assert_str_eq(plain("c"), "");
	on = true;
	docs_ok(&d, docs_write(&d, set_fn, &on));
	docs_ok(&d, docs_remove(&d, "c", "1"));
	ck_assert_str_eq(plain(""), " \"delete\" {\"db\":\"docdb\",\"coll\":\"c\"} {\"_id\":1}\n");
}
END_TEST

/* ---- offsets ---- */

START_TEST(test_an_offset_is_always_the_same_byte)
{
	docs_ok(&d, docs_make(&d, "e"));
	for (int i = 0; i < 10; i++) {
		char name[8];
		snprintf(name, sizeof(name), "%d", i);
		docs_ok(&d, docs_put(&d, i % 3 ? "c" : "e", name, "{\"a\": \"some text\"}"));
	}
	docs_close(&d);
	docs_open(&d);
	static const char *const feeds[] = {"", "c", "e"};
	for (unsigned i = 0; i < 3; i++) {
		char *all = read_all(feeds[i]);
		for (size_t at = 0; at <= strlen(all); at += 97) {
			struct buf rest = BUF_INIT;
			read_from(feeds[i], at, 1 + at % 50, &rest);
			ck_assert_str_eq(buf_cstr(&rest), all + at);
			buf_free(&rest);
		}
		free(all);
	}
}
END_TEST

struct prune {
	int64_t before_ns;
};

static int prune_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	return docdb_changes_prune(c, ((struct prune *)arg)->before_ns, err);
}

START_TEST(test_old_lines_go_and_offsets_stay)
{
	docs_ok(&d, docs_make(&d, "e"));
	docs_ok(&d, docs_put(&d, "c", "1", "{}"));
	docs_ok(&d, docs_put(&d, "e", "1", "{}"));
	docs_ok(&d, docs_put(&d, "c", "2", "{}"));
	char *all = read_all("c");
	struct prune p = {d.info.mtime_ns};
	docs_ok(&d, docs_write(&d, prune_fn, &p));
	struct feed f = {.collection = "c", .max = 1000};
	docs_ok(&d, docs_read(&d, bounds_fn, &f));
	ck_assert_uint_eq(f.end, strlen(all));
	ck_assert_uint_eq(f.start, strchr(all, '\n') + 1 - all);
	struct buf rest = BUF_INIT;
	read_from("c", f.start, 10, &rest);
	ck_assert_str_eq(buf_cstr(&rest), all + f.start);
	f.offset = f.start - 1;
	ck_assert_int_eq(docs_read(&d, read_fn, &f), -ERANGE);
	/* With nothing left it begins where it ends, and goes on there. */
	p.before_ns = INT64_MAX;
	docs_ok(&d, docs_write(&d, prune_fn, &p));
	docs_ok(&d, docs_read(&d, bounds_fn, &f));
	ck_assert_uint_eq(f.start, strlen(all));
	ck_assert_uint_eq(f.end, strlen(all));
	f.collection = "e";
	docs_ok(&d, docs_read(&d, bounds_fn, &f));
	ck_assert_uint_eq(f.start, f.end);
	docs_ok(&d, docs_put(&d, "c", "3", "{}"));
	buf_clear(&rest);
	read_from("c", strlen(all), 10, &rest);
	ck_assert_ptr_nonnull(strstr(buf_cstr(&rest), "{\"_id\":3}"));
	buf_free(&rest);
	buf_free(&f.out);
	free(all);
}
END_TEST

/* ---- under writers ---- */

#define N_WRITERS 4
#define N_WRITES  40

static char w_failed[] = "a write failed";
static char r_failed[] = "a read failed";

struct writer {
	int n;
	const char *collection;
};

static int put_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const char *const *at = arg;
	struct engine_info info;
	return docdb_doc_write(c, slice_of(at[0]), slice_of(at[1]), slice_of("{\"a\": 1}"),
		ENGINE_VERSION_ANY, DOCDB_RELAXED, &info, err);
}

static void *write_thread(void *arg)
{
	const struct writer *w = arg;
	for (int i = 0; i < N_WRITES; i++) {
		char name[32];
		struct err err = {0};
		snprintf(name, sizeof(name), "w%d-%d", w->n, i);
		const char *at[2] = {w->collection, name};
		if (docdb_write(d.source, put_fn, at, &err) < 0) {
			return w_failed;
		}
	}
	return NULL;
}

struct tail {
	struct feed feed;
	struct buf all;
	atomic_bool stop;
};

/* As tail -f: what was read is never read again. */
static void *tail_thread(void *arg)
{
	struct tail *t = arg;
	struct err err = {0};
	t->feed.max = 300;
	for (bool last = false;;) {
		if (docdb_read(d.source, read_fn, &t->feed, &err) < 0) {
			return r_failed;
		}
		t->feed.offset += t->feed.out.n;
		buf_append_slice(&t->all, buf_slice(&t->feed.out));
		if (t->feed.out.n == 0 && last) {
			return NULL;
		}
		last = atomic_load(&t->stop);
	}
}

static unsigned count_lines(const char *text, const char *with)
{
	unsigned n = 0;
	for (const char *p = text; (p = strstr(p, with)) != NULL; p++) {
		n++;
	}
	return n;
}

START_TEST(test_who_follows_sees_each_change_once)
{
	static struct writer writers[N_WRITERS];
	static struct tail tails[2] = {{.feed = {.collection = ""}}, {.feed = {.collection = "c"}}};
	pthread_t w[N_WRITERS];
	pthread_t t[2];
	void *why;

	docs_ok(&d, docs_make(&d, "e"));
	d.source->told = NULL; /* the note is for one thread */
	for (int i = 0; i < 2; i++) {
		pthread_create(&t[i], NULL, tail_thread, &tails[i]);
	}
	for (int i = 0; i < N_WRITERS; i++) {
		writers[i] = (struct writer){i, i % 2 == 0 ? "c" : "e"};
		pthread_create(&w[i], NULL, write_thread, &writers[i]);
	}
	for (int i = 0; i < N_WRITERS; i++) {
		pthread_join(w[i], &why);
		ck_assert_msg(why == NULL, "%s", (char *)why);
	}
	for (int i = 0; i < 2; i++) {
		atomic_store(&tails[i].stop, true);
		pthread_join(t[i], &why);
		ck_assert_ptr_null(why);
		char *all = read_all(tails[i].feed.collection);
		ck_assert_str_eq(buf_cstr(&tails[i].all), all);
		ck_assert_uint_eq(count_lines(all, "\n"), N_WRITERS * N_WRITES / (1 + i));
		ck_assert_uint_eq(count_lines(all, "{\"_id\":\"w2-7\"},"), 1);
		free(all);
		buf_free(&tails[i].all);
		buf_free(&tails[i].feed.out);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("docdb_changes");
	TCase *t = tcase_create("changes");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, test_each_change_is_a_line);
	tcase_add_test(t, test_the_cluster_tells_of_all_collections);
	tcase_add_test(t, test_a_feed_can_be_off);
	tcase_add_test(t, test_an_offset_is_always_the_same_byte);
	tcase_add_test(t, test_old_lines_go_and_offsets_stay);
	tcase_add_test(t, test_who_follows_sees_each_change_once);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
