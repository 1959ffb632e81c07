/* rename of items and of directories; mkdir and rmdir. */
#include "engines/common/cleanup.h"
#include "tests/engine/harness.h"

/* ---- items ---- */

START_TEST(test_rename_to_a_new_key)
{
	GROUND;
	struct epath p = at("a");
	struct epath q = at("b");
	put(&p, 1);
	OK(engine_rename(ground.e, &p, &q, 0, ok_err));
	ck_assert(!exists(&p));
	ck_assert_int_eq(number_at(&q), 1);
	OK(engine_rename(ground.e, &q, &p, RENAME_NOREPLACE, ok_err));
	ck_assert_int_eq(number_at(&p), 1);
	ck_assert(!exists(&q));
	struct listing l = {0};
	list(ground.e, &ground.parent, NULL, 0, &l);
	ck_assert_uint_eq(l.n, 1);
	listing_free(&l);
}
END_TEST

START_TEST(test_rename_replaces)
{
	GROUND;
	struct epath p = at("a");
	struct epath q = at("b");
	put(&p, 1);
	struct engine_info old = put(&q, 2);
	OK(engine_rename(ground.e, &p, &q, 0, ok_err));
	ck_assert(!exists(&p));
	ck_assert_int_eq(number_at(&q), 1);
	ck_assert_uint_ne(stat_of(&q).version, old.version);
}
END_TEST

START_TEST(test_rename_without_replacing)
{
	GROUND;
	struct epath p = at("a");
	struct epath q = at("b");
	struct engine_info x = put(&p, 1);
	struct engine_info y = put(&q, 2);
	FAILS(engine_rename(ground.e, &p, &q, RENAME_NOREPLACE, fresh()), EEXIST);
	ck_assert_uint_eq(stat_of(&p).version, x.version);
	ck_assert_uint_eq(stat_of(&q).version, y.version);
}
END_TEST

START_TEST(test_rename_exchanges)
{
	GROUND;
	struct epath p = at("a");
	struct epath q = at("b");
	put(&p, 1);
	FAILS(engine_rename(ground.e, &p, &q, RENAME_EXCHANGE, fresh()), ENOENT);
	ck_assert_int_eq(number_at(&p), 1);
	put(&q, 2);
	OK(engine_rename(ground.e, &p, &q, RENAME_EXCHANGE, ok_err));
	ck_assert_int_eq(number_at(&p), 2);
	ck_assert_int_eq(number_at(&q), 1);
	FAILS(engine_rename(ground.e, &p, &q, RENAME_EXCHANGE | RENAME_NOREPLACE, fresh()), EINVAL);
}
END_TEST

START_TEST(test_rename_onto_itself)
{
	GROUND;
	struct epath p = at("a");
	struct engine_info x = put(&p, 1);
	OK(engine_rename(ground.e, &p, &p, 0, ok_err));
	OK(engine_rename(ground.e, &p, &p, RENAME_EXCHANGE, ok_err));
	ck_assert_uint_eq(stat_of(&p).version, x.version);
	ck_assert_int_eq(number_at(&p), 1);
}
END_TEST

START_TEST(test_rename_of_nothing)
{
	GROUND;
	struct epath p = at("a");
	struct epath q = at("b");
	FAILS(engine_rename(ground.e, &p, &q, 0, fresh()), ENOENT);
	put(&q, 2);
	FAILS(engine_rename(ground.e, &p, &q, 0, fresh()), ENOENT);
	FAILS(engine_rename(ground.e, &p, &q, RENAME_EXCHANGE, fresh()), ENOENT);
	ck_assert_int_eq(number_at(&q), 2);
}
END_TEST

/* Between two directories of the same kind: it moves, or the caller copies. */
START_TEST(test_rename_to_another_directory)
{
	GROUND;
	struct epath p = at("a");
	struct epath q = beside("a");
	put(&p, 1);
	put(&q, 2);
	int r = engine_rename(ground.e, &p, &q, 0, fresh());
	if (r == -EXDEV) {
		ck_assert_int_eq(number_at(&p), 1);
		ck_assert_int_eq(number_at(&q), 2);
		return;
	}
	ck_assert_msg(r == 0, "%s", ground.err.msg);
	ck_assert(!exists(&p));
	ck_assert_int_eq(number_at(&q), 1);
}
END_TEST

START_TEST(test_rename_to_where_it_cannot_be)
{
	GROUND;
	struct epath p = at("a");
	struct engine_info x = put(&p, 1);
	struct epath missing = p;
	missing.key[0] = slice_of("nosuchdir");
	int r = engine_rename(ground.e, &p, &missing, 0, fresh());
	ck_assert_msg(r == -ENOENT || r == -EXDEV, "%d", r);
	struct epath dir = up_to(&ground.beside, 1);
	r = engine_rename(ground.e, &p, &dir, 0, fresh());
	ck_assert_msg(r == -EISDIR || r == -EXDEV || r == -EEXIST || r == -EINVAL, "%d", r);
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	while (key.n < ground.profile->too_long_key) {
		buf_putc(&key, 'x');
	}
	if (key.n > 0) {
		struct epath bad = at_slice(buf_slice(&key));
		FAILS(engine_rename(ground.e, &p, &bad, 0, fresh()), EINVAL);
	}
	ck_assert_uint_eq(stat_of(&p).version, x.version);
}
END_TEST

/* ---- directories ---- */

static bool cannot_rename_directories(int r)
{
	return r == -EXDEV || r == -ENOTSUP;
}

START_TEST(test_rename_a_directory)
{
	GROUND;
	struct epath item = at("a");
	struct epath from = up_to(&ground.parent, 1);
	struct epath to = {1, {slice_of(ground.profile->dir_key)}};
	put(&item, 1);
	int r = engine_rename(ground.e, &from, &to, 0, fresh());
	if (cannot_rename_directories(r)) {
		ck_assert_int_eq(number_at(&item), 1);
		return;
	}
	ck_assert_msg(r == 0, "%s", ground.err.msg);
	ck_assert(!exists(&from));
	struct epath moved = item;
	moved.key[0] = to.key[0];
	for (int round = 0; round < 2; round++) {
		ck_assert_int_eq(number_at(&moved), 1);
		ck_assert(!exists(&item));
		ground_reopen(false);
	}
	OK(engine_rename(ground.e, &to, &from, RENAME_NOREPLACE, ok_err));
	ck_assert_int_eq(number_at(&item), 1);
}
END_TEST

START_TEST(test_rename_a_directory_onto_one_that_is_there)
{
	GROUND;
	struct epath item = at("a");
	struct epath other = beside("b");
	struct epath from = up_to(&ground.parent, 1);
	struct epath to = up_to(&ground.beside, 1);
	put(&item, 1);
	put(&other, 2);
	int r = engine_rename(ground.e, &from, &to, 0, fresh());
	if (cannot_rename_directories(r)) {
		return;
	}
	assert_failure(r, ENOTEMPTY, "rename onto a directory with items");
	FAILS(engine_rename(ground.e, &from, &to, RENAME_NOREPLACE, fresh()), EEXIST);
	ck_assert_int_eq(number_at(&item), 1);
	ck_assert_int_eq(number_at(&other), 2);
	struct epath missing = {1, {slice_of("nosuchdir")}};
	FAILS(engine_rename(ground.e, &missing, &to, 0, fresh()), ENOENT);
}
END_TEST

START_TEST(test_mkdir_and_rmdir)
{
	GROUND;
	struct epath dir = {1, {slice_of(ground.profile->dir_key)}};
	OK(engine_mkdir(ground.e, &dir, ok_err));
	FAILS(engine_mkdir(ground.e, &dir, fresh()), EEXIST);
	ck_assert_int_eq(stat_of(&dir).kind, ENGINE_DIR);
	struct listing l = {0};
	list(ground.e, &dir, NULL, 0, &l);
	ck_assert_uint_eq(l.n, 0);
	listing_free(&l);
	ground_reopen(false);
	ck_assert(exists(&dir));
	OK(engine_rmdir(ground.e, &dir, ok_err));
	ck_assert(!exists(&dir));
	FAILS(engine_rmdir(ground.e, &dir, fresh()), ENOENT);
	OK(engine_mkdir(ground.e, &dir, ok_err));
	ground_reopen(false);
	ck_assert(exists(&dir));
}
END_TEST

START_TEST(test_a_directory_with_items_stays)
{
	GROUND;
	struct epath item = at("a");
	put(&item, 1);
	for (unsigned d = 1; d < ground.profile->depth; d++) {
		struct epath dir = up_to(&ground.parent, d);
		FAILS(engine_rmdir(ground.e, &dir, fresh()), ENOTEMPTY);
	}
	FAILS(engine_rmdir(ground.e, &item, fresh()), ENOTDIR);
	ck_assert_int_eq(number_at(&item), 1);
	OK(engine_remove(ground.e, &item, ENGINE_VERSION_ANY, ok_err));
	for (unsigned d = ground.profile->depth - 1; d > 0; d--) {
		struct epath dir = up_to(&ground.parent, d);
		/* A partition may go with its last item. */
		if (d < ground.profile->implied || exists(&dir)) {
			OK(engine_rmdir(ground.e, &dir, ok_err));
		}
		ck_assert(!exists(&dir));
	}
}
END_TEST

START_TEST(test_mkdir_where_none_can_be)
{
	GROUND;
	struct epath missing = {2, {slice_of("nosuchdir"), slice_of("x")}};
	int r = engine_mkdir(ground.e, &missing, fresh());
	ck_assert_msg(r == -ENOENT || r == -ENOTSUP, "%d", r);
	struct epath item = at("a");
	FAILS(engine_mkdir(ground.e, &item, fresh()), ENOTSUP);
	ck_assert(!exists(&item));
}
END_TEST

TCase *conform_rename(void)
{
	TCase *t = tcase_create("rename");
	tcase_add_checked_fixture(t, NULL, ground_teardown);
	tcase_set_timeout(t, 60);
	ADD(t, test_rename_to_a_new_key);
	ADD(t, test_rename_replaces);
	ADD(t, test_rename_without_replacing);
	ADD(t, test_rename_exchanges);
	ADD(t, test_rename_onto_itself);
	ADD(t, test_rename_of_nothing);
	ADD(t, test_rename_to_another_directory);
	ADD(t, test_rename_to_where_it_cannot_be);
	return t;
}

TCase *conform_containers(void)
{
	TCase *t = tcase_create("containers");
	tcase_add_checked_fixture(t, NULL, ground_teardown);
	tcase_set_timeout(t, 60);
	ADD(t, test_rename_a_directory);
	ADD(t, test_rename_a_directory_onto_one_that_is_there);
	ADD(t, test_mkdir_and_rmdir);
	ADD(t, test_a_directory_with_items_stays);
	ADD(t, test_mkdir_where_none_can_be);
	return t;
}
