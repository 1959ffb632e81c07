/* Documents as files over a real cluster: what PUT keeps, fills in and refuses; lists, long names,
 * renames, collections. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

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

#define ck_refused(call, code, words)                                                              \
	do {                                                                                       \
		ck_assert_int_eq(call, -(code));                                                   \
		ck_assert_msg(strstr(d.err.msg, words) != NULL, "%s", d.err.msg);                  \
	} while (0)

/* ---- PUT ---- */

START_TEST(test_a_document_is_what_was_put)
{
	docs_ok(&d, docs_put(&d, "c", "1", "{\"_id\": 1, \"b\": \"x\", \"a\": [1, 2.0]}"));
	ck_assert_str_eq(docs_text(&d, "c", "1"), "{\"_id\":1,\"b\":\"x\",\"a\":[1,2.0]}");
	ck_assert_str_eq(docs_names(&d, "c"), "1 ");
	docs_ok(&d, docs_put(&d, "c", "1", "{\"_id\": 1}"));
	ck_assert_str_eq(docs_text(&d, "c", "1"), "{\"_id\":1}");
	docs_ok(&d, docs_remove(&d, "c", "1"));
	ck_assert_str_eq(docs_text(&d, "c", "1"), "");
	ck_assert_int_eq(d.err.code, ENOENT);
	ck_assert_str_eq(docs_names(&d, "c"), "");
	ck_refused(docs_remove(&d, "c", "1"), ENOENT, "there is no document '1'");
}
END_TEST

START_TEST(test_saving_unchanged_writes_nothing)
{
	docs_ok(&d, docs_put(&d, "c", "1", "{\"_id\": 1, \"a\": {\"$numberLong\": \"7\"}}"));
	struct engine_info first = d.info;
	buf_clear(&d.told);
	docs_ok(&d, docs_put(&d, "c", "1", "{\n  \"_id\": 1,\n  \"a\": 7\n}\n"));
	ck_assert_uint_eq(d.info.version, first.version);
	ck_assert_int_eq(d.info.mtime_ns, first.mtime_ns);
	ck_assert_uint_eq(d.told.n, 0);
	docs_ok(&d, docs_put(&d, "c", "1", "{\"_id\": 1, \"a\": {\"$numberInt\": \"7\"}}"));
	ck_assert_uint_gt(d.info.version, first.version);
	ck_assert_int_gt(d.info.mtime_ns, first.mtime_ns);
	ck_assert_str_eq(buf_cstr(&d.told), "c/1 ");
}
END_TEST

START_TEST(test_the_name_fills_in_the_id)
{
	docs_ok(&d, docs_put(&d, "c", "ann", "{\"a\": 1}"));
	ck_assert_str_eq(docs_text(&d, "c", "ann"), "{\"_id\":\"ann\",\"a\":1}");
	/* A copy of another document takes the name, where its _id stood. */
	docs_ok(&d, docs_put(&d, "c", "bob", "{\"a\": 1, \"_id\": \"ann\", \"b\": 2}"));
	ck_assert_str_eq(docs_text(&d, "c", "bob"), "{\"a\":1,\"_id\":\"bob\",\"b\":2}");
	docs_ok(&d, docs_put(&d, "c", "507d95d5719dbef170f15bf9", "{}"));
	ck_assert_str_eq(docs_text(&d, "c", "507d95d5719dbef170f15bf9"),
		"{\"_id\":{\"$oid\":\"507d95d5719dbef170f15bf9\"}}");
	docs_ok(&d, docs_put(&d, "c", "\"7\"", "{}"));
	ck_assert_str_eq(docs_text(&d, "c", "\"7\""), "{\"_id\":\"7\"}");
}
END_TEST

START_TEST(test_an_equal_id_keeps_its_type)
{
	docs_ok(&d, docs_put(&d, "c", "1", "{\"_id\": {\"$numberDouble\": \"1.0\"}}"));
	ck_assert_str_eq(docs_text(&d, "c", "1"), "{\"_id\":1.0}");
	/* What is stored, not the name, fills in. */
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 1}"));
	ck_assert_str_eq(docs_text(&d, "c", "1"), "{\"_id\":1.0,\"a\":1}");
}
END_TEST

START_TEST(test_an_id_is_immutable)
{
	docs_ok(&d, docs_put(&d, "c", "1", "{\"_id\": 1}"));
	ck_refused(docs_put(&d, "c", "1", "{\"_id\": 2}"), EINVAL, "ImmutableField (66)");
	ck_assert_str_eq(docs_text(&d, "c", "1"), "{\"_id\":1}");
}
END_TEST

START_TEST(test_versions_are_expected)
{
	ck_refused(docs_put_at(&d, "c", "1", "{}", 5), EBUSY, "removed since");
	docs_ok(&d, docs_put_at(&d, "c", "1", "{}", ENGINE_VERSION_ABSENT));
	ck_refused(docs_put_at(&d, "c", "1", "{}", ENGINE_VERSION_ABSENT), EEXIST, "exists");
	uint64_t version = d.info.version;
	docs_ok(&d, docs_put_at(&d, "c", "1", "{\"a\": 1}", version));
	ck_refused(docs_put_at(&d, "c", "1", "{\"a\": 2}", version), EBUSY, "changed since");
}
END_TEST

START_TEST(test_bad_documents_are_refused)
{
	ck_refused(docs_put(&d, "c", "1", "{\"a\": }"), EINVAL, "line 1, column 7");
	ck_refused(docs_put(&d, "c", "1", "{\"a\": 1, \"a\": 2}"), EINVAL, "a");
	ck_refused(docs_put(&d, "none", "1", "{}"), ENOENT, "no collection 'none'");
	ck_refused(docs_put(&d, "c", "007", "{}"), EINVAL, "7");
}
END_TEST

/* ---- names and lists ---- */

static int emit_one(void *arg, struct slice key, const struct engine_info *info)
{
	struct buf *out = arg;

	ck_assert_uint_eq(info->kind, ENGINE_FILE);
	buf_append_slice(out, key);
	buf_putc(out, ' ');
	return 1;
}

struct paging {
	struct buf last;
	struct buf all;
	bool more;
};

static int page_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct paging *p = arg;
	struct slice after = buf_slice(&p->last);
	struct buf page = BUF_INIT;

	int rc = docdb_doc_list(c, slice_of("c"), p->last.n > 0 ? &after : NULL, DOCDB_RELAXED,
		emit_one, &page, err);
	p->more = page.n > 0;
	buf_append_slice(&p->all, buf_slice(&page));
	buf_clear(&p->last);
	buf_append(&p->last, page.p, page.n > 0 ? page.n - 1 : 0);
	buf_free(&page);
	return rc;
}

START_TEST(test_a_list_goes_on_behind_a_name)
{
	struct paging p = {.more = true};

	docs_ok(&d, docs_put(&d, "c", "b", "{}"));
	docs_ok(&d, docs_put(&d, "c", "a", "{}"));
	docs_ok(&d, docs_put(&d, "c", "10", "{}"));
	docs_ok(&d, docs_put(&d, "c", "9.5", "{}"));
	docs_ok(&d, docs_put(&d, "c", "true", "{}"));
	while (p.more) {
		docs_ok(&d, docs_read(&d, page_fn, &p));
	}
	ck_assert_str_eq(buf_cstr(&p.all), "9.5 10 a b true ");
	ck_assert_str_eq(docs_names(&d, "c"), "9.5 10 a b true ");
	buf_free(&p.all);
	buf_free(&p.last);
}
END_TEST

struct hashed {
	struct slice name;
	struct buf found;
};

static int hashed_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	struct hashed *h = arg;
	unsigned char hash[NAME_HASH_BYTES];

	buf_clear(&h->found);
	name_hash(h->name, hash);
	return docdb_doc_find_hashed(c, slice_of("c"), hash, &h->found, err);
}

START_TEST(test_long_names_are_found_by_hash)
{
	char name[400];
	struct hashed h = {.name = {name, sizeof(name) - 1}};

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	docs_ok(&d, docs_put(&d, "c", name, "{\"a\": 1}"));
	docs_ok(&d, docs_read(&d, hashed_fn, &h));
	ck_assert(slice_equal(buf_slice(&h.found), h.name));
	docs_ok(&d, docs_move(&d, "c", name, "c", "short", 0));
	ck_assert_int_eq(docs_read(&d, hashed_fn, &h), -ENOENT);
	buf_free(&h.found);
}
END_TEST

/* ---- rename ---- */

START_TEST(test_a_rename_gives_another_id)
{
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 1, \"_id\": 1, \"b\": 2}"));
	docs_ok(&d, docs_move(&d, "c", "1", "c", "two", 0));
	ck_assert_str_eq(docs_names(&d, "c"), "two ");
	ck_assert_str_eq(docs_text(&d, "c", "two"), "{\"a\":1,\"_id\":\"two\",\"b\":2}");
	ck_refused(docs_move(&d, "c", "1", "c", "3", 0), ENOENT, "no document '1'");
	docs_ok(&d, docs_put(&d, "c", "3", "{}"));
	ck_refused(docs_move(&d, "c", "two", "c", "3", RENAME_NOREPLACE), EEXIST, "exists");
	docs_ok(&d, docs_move(&d, "c", "two", "c", "3", 0));
	ck_assert_str_eq(docs_text(&d, "c", "3"), "{\"a\":1,\"_id\":3,\"b\":2}");
	ck_assert_str_eq(docs_names(&d, "c"), "3 ");
}
END_TEST

START_TEST(test_a_rename_into_another_collection)
{
	docs_ok(&d, docs_make(&d, "other"));
	docs_ok(&d, docs_put(&d, "c", "1", "{\"_id\": 1.0, \"a\": 1}"));
	docs_ok(&d, docs_move(&d, "c", "1", "other", "1", 0));
	ck_assert_str_eq(docs_names(&d, "c"), "");
	ck_assert_str_eq(docs_text(&d, "other", "1"), "{\"_id\":1.0,\"a\":1}");
	ck_refused(docs_move(&d, "other", "1", "none", "1", 0), ENOENT, "no collection");
	ck_assert_str_eq(docs_names(&d, "other"), "1 ");
}
END_TEST

START_TEST(test_two_documents_are_exchanged)
{
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 1}"));
	docs_ok(&d, docs_put(&d, "c", "2", "{\"a\": 2}"));
	docs_ok(&d, docs_move(&d, "c", "1", "c", "2", RENAME_EXCHANGE));
	ck_assert_str_eq(docs_text(&d, "c", "1"), "{\"_id\":1,\"a\":2}");
	ck_assert_str_eq(docs_text(&d, "c", "2"), "{\"_id\":2,\"a\":1}");
	ck_refused(docs_move(&d, "c", "1", "c", "9", RENAME_EXCHANGE), ENOENT, "'9'");
}
END_TEST

/* ---- collections ---- */

START_TEST(test_names_of_collections)
{
	ck_refused(docs_make(&d, "c"), EEXIST, "NamespaceExists (48)");
	ck_refused(docs_make(&d, ""), EINVAL, "not empty");
	ck_refused(docs_make(&d, "1a"), EINVAL, "letter or an underscore");
	ck_refused(docs_make(&d, "a$b"), EINVAL, "'$'");
	ck_refused(docs_make(&d, "system.users"), EINVAL, "system.");
	docs_ok(&d, docs_make(&d, "a/b.c"));
	docs_ok(&d, docs_make(&d, "_x"));
	docs_ok(&d, docs_make(&d, "\xc3\xa9t\xc3\xa9"));
}
END_TEST

START_TEST(test_a_drop_wants_an_empty_collection)
{
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 1}"));
	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"a\": 1}}]"));
	ck_refused(docs_drop(&d, "c", false), ENOTEMPTY, "holds 1 document");
	docs_ok(&d, docs_drop(&d, "c", true));
	ck_refused(docs_drop(&d, "c", true), ENOENT, "no collection 'c'");
	docs_ok(&d, docs_make(&d, "c"));
	ck_assert_str_eq(docs_names(&d, "c"), "");
	docs_ok(&d, docs_drop(&d, "c", false));
}
END_TEST

struct naming {
	const char *from;
	const char *to;
	unsigned flags;
};

static int rename_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	const struct naming *n = arg;

	return docdb_collection_rename(c, slice_of(n->from), slice_of(n->to), n->flags, err);
}

static int rename_collection(const char *from, const char *to, unsigned flags)
{
	struct naming n = {from, to, flags};

	return docs_write(&d, rename_fn, &n);
}

START_TEST(test_collections_are_renamed)
{
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 1}"));
	docs_ok(&d, docs_index(&d, "c", "[{\"key\": {\"a\": 1}}]"));
	docs_ok(&d, rename_collection("c", "e", 0));
	ck_assert_str_eq(docs_names(&d, "e"), "1 ");
	docs_ok(&d, docs_make(&d, "c"));
	docs_ok(&d, rename_collection("c", "e", RENAME_EXCHANGE));
	ck_assert_str_eq(docs_names(&d, "c"), "1 ");
	ck_assert_str_eq(docs_names(&d, "e"), "");
	ck_refused(rename_collection("c", "e", RENAME_NOREPLACE), EEXIST, "exists");
	ck_refused(rename_collection("e", "c", 0), ENOTEMPTY, "holds 1");
	docs_ok(&d, rename_collection("c", "e", 0));
	ck_assert_str_eq(docs_names(&d, "e"), "1 ");
	ck_refused(rename_collection("c", "x", 0), ENOENT, "'c'");
	ck_refused(rename_collection("e", "$x", 0), EINVAL, "'$'");
}
END_TEST

static int stat_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	return docdb_collection_find(c, slice_of("c"), arg, err);
}

START_TEST(test_a_collection_moves_with_its_list)
{
	struct docdb_collection before;
	struct docdb_collection after;

	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 1}"));
	docs_ok(&d, docs_read(&d, stat_fn, &before));
	docs_ok(&d, docs_put(&d, "c", "1", "{\"a\": 2}"));
	docs_ok(&d, docs_read(&d, stat_fn, &after));
	ck_assert_int_eq(before.mtime_ns, after.mtime_ns);
	docs_ok(&d, docs_put(&d, "c", "2", "{\"a\": 2}"));
	docs_ok(&d, docs_read(&d, stat_fn, &after));
	ck_assert_int_gt(after.mtime_ns, before.mtime_ns);
	ck_assert_uint_eq(after.documents, 2);
}
END_TEST

/* ---- telling ---- */

static int own_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	(void)arg;
	docdb_own(c, slice_of("c"), slice_of("1"));
	int rc = docdb_doc_write(c, slice_of("c"), slice_of("1"), slice_of("{}"),
		ENGINE_VERSION_ANY, DOCDB_RELAXED, &d.info, err);
	return rc < 0 ? rc
		      : docdb_doc_write(c, slice_of("c"), slice_of("2"), slice_of("{}"),
				ENGINE_VERSION_ANY, DOCDB_RELAXED, &d.info, err);
}

static int many_fn(struct docdb_conn *c, void *arg, struct err *err)
{
	int rc = 0;

	(void)arg;
	for (int i = 0; rc == 0 && i < 200; i++) {
		struct docdb_collection row;
		struct buf document = BUF_INIT;
		size_t start = doc_begin(&document);
		doc_end(&document, start);
		rc = docdb_collection_find(c, slice_of("c"), &row, err);
		rc = rc < 0 ? rc : docdb_insert(c, &row, buf_slice(&document), NULL, err);
		ck_assert(rc < 0 || row.documents == (uint64_t)i + 1);
		buf_free(&document);
	}
	return rc;
}

START_TEST(test_who_writes_is_not_told_of_his_own)
{
	docs_ok(&d, docs_write(&d, own_fn, NULL));
	ck_assert_str_eq(buf_cstr(&d.told), "c/2 ");
	buf_clear(&d.told);
	ck_assert_int_lt(docs_put(&d, "c", "1", "{\"_id\": 5}"), 0);
	ck_assert_uint_eq(d.told.n, 0);
	docs_ok(&d, docs_make(&d, "e"));
	ck_assert_str_eq(buf_cstr(&d.told), "* ");
	docs_ok(&d, docs_drop(&d, "c", true));
	ck_assert_str_eq(buf_cstr(&d.told), "* * c/* ");
}
END_TEST

START_TEST(test_many_documents_are_told_of_as_one)
{
	docs_ok(&d, docs_write(&d, many_fn, NULL));
	buf_cstr(&d.told);
	ck_assert_uint_eq(strlen(d.told.p), 64 * (strlen("c/507d95d5719dbef170f15bf9 ")) + 4);
	ck_assert_str_eq(d.told.p + d.told.n - 4, "c/* ");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("docdb_documents");
	TCase *t = tcase_create("documents");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, test_a_document_is_what_was_put);
	tcase_add_test(t, test_saving_unchanged_writes_nothing);
	tcase_add_test(t, test_the_name_fills_in_the_id);
	tcase_add_test(t, test_an_equal_id_keeps_its_type);
	tcase_add_test(t, test_an_id_is_immutable);
	tcase_add_test(t, test_versions_are_expected);
	tcase_add_test(t, test_bad_documents_are_refused);
	tcase_add_test(t, test_a_list_goes_on_behind_a_name);
	tcase_add_test(t, test_long_names_are_found_by_hash);
	tcase_add_test(t, test_a_rename_gives_another_id);
	tcase_add_test(t, test_a_rename_into_another_collection);
	tcase_add_test(t, test_two_documents_are_exchanged);
	tcase_add_test(t, test_names_of_collections);
	tcase_add_test(t, test_a_drop_wants_an_empty_collection);
	tcase_add_test(t, test_collections_are_renamed);
	tcase_add_test(t, test_a_collection_moves_with_its_list);
	tcase_add_test(t, test_who_writes_is_not_told_of_his_own);
	tcase_add_test(t, test_many_documents_are_told_of_as_one);
	suite_add_tcase(suite, t);
	return run_suite(suite);
}
