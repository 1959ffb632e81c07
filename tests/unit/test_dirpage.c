/* Entries of a listing are, byte for byte, what libfuse would write. */
#include <check.h>
#include <stdlib.h>

#include <fuse3/fuse_lowlevel.h>

#include "fs/dirpage.h"
#include "tests/unit/fixture.h"

#define SIZE 1024

static const struct stat st = {
	.st_ino = 77,
	.st_mode = S_IFREG | 0644,
	.st_nlink = 1,
	.st_uid = 1000,
	.st_gid = 1001,
	.st_size = 5000000000,
	.st_blocks = 9765625,
	.st_blksize = 4096,
	.st_atim = {1, 2},
	.st_mtim = {3, 4},
	.st_ctim = {5, 6},
};

static struct dirpage_entry entry(const char *name)
{
	return (struct dirpage_entry){.name = slice_of(name),
		.ino = st.st_ino,
		.cookie = UINT64_C(0x123456789abc),
		.type = S_IFREG};
}

/* Names of every length around a word. */
START_TEST(test_plain_entries)
{
	const char *name = &"abcdefghijklmnopq"[_i];
	char expected[SIZE] = {0};
	char got[SIZE];
	memset(got, 'x', sizeof(got));
	struct dirpage page = {.p = got, .size = sizeof(got)};
	struct dirpage_entry e = entry(name);
	size_t n = fuse_add_direntry(NULL, expected, SIZE, name, &st, (off_t)e.cookie);
	ck_assert(dirpage_add(&page, &e));
	ck_assert_uint_eq(page.used, n);
	ck_assert_mem_eq(got, expected, n);
}
END_TEST

START_TEST(test_entries_without_attributes)
{
	const char *name = &"abcdefghijklmnopq"[_i];
	char expected[SIZE] = {0};
	char got[SIZE];
	memset(got, 'x', sizeof(got));
	struct dirpage page = {.p = got, .size = sizeof(got), .plus = true};
	struct dirpage_entry e = entry(name);
	ck_assert(dirpage_add(&page, &e));
	/* The kernel reads nothing of an entry whose number is 0 but the name's part. */
	struct fuse_entry_param none = {.attr = {.st_ino = st.st_ino, .st_mode = S_IFREG}};
	size_t n = fuse_add_direntry_plus(NULL, expected, SIZE, name, &none, (off_t)e.cookie);
	size_t names = n - fuse_add_direntry(NULL, NULL, 0, name, NULL, 0);
	ck_assert_uint_eq(page.used, n);
	ck_assert_mem_eq(got + names, expected + names, n - names);
	for (size_t i = 0; i < names; i++) {
		ck_assert_int_eq(got[i], 0);
	}
}
END_TEST

START_TEST(test_entries_with_attributes)
{
	char expected[SIZE] = {0};
	char got[SIZE];
	struct dirpage page = {.p = got, .size = sizeof(got), .plus = true};
	struct dirpage_entry first = entry("first");
	struct dirpage_entry second = entry("second.json");
	ck_assert(dirpage_add(&page, &first));
	size_t at = page.used;
	ck_assert(dirpage_add(&page, &second));
	struct dirpage_node node = {
		.number = 4711, .st = st, .entry_timeout = 1000000000, .attr_timeout = 0};
	dirpage_fill(&page, at, &node);
	ck_assert(slice_is(dirpage_name(&page, 0), "first"));
	ck_assert(slice_is(dirpage_name(&page, at), "second.json"));
	struct fuse_entry_param p = {.ino = 4711, .attr = st, .entry_timeout = 1e9};
	size_t n = fuse_add_direntry_plus(
		NULL, expected, SIZE, "second.json", &p, (off_t)second.cookie);
	ck_assert_uint_eq(page.used - at, n);
	ck_assert_mem_eq(got + at, expected, n);
}
END_TEST

START_TEST(test_a_full_page_takes_no_more)
{
	char got[SIZE];
	struct dirpage_entry e = entry("a name");
	size_t n = fuse_add_direntry(NULL, NULL, 0, "a name", NULL, 0);
	struct dirpage page = {.p = got, .size = 2 * n - 1};
	ck_assert(dirpage_add(&page, &e));
	ck_assert(!dirpage_add(&page, &e));
	ck_assert_uint_eq(page.used, n);
	page.size++;
	ck_assert(dirpage_add(&page, &e));
	ck_assert_uint_eq(page.used, page.size);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dirpage");
	TCase *tc = tcase_create("dirpage");
	tcase_add_loop_test(tc, test_plain_entries, 0, 17);
	tcase_add_loop_test(tc, test_entries_without_attributes, 0, 17);
	tcase_add_test(tc, test_entries_with_attributes);
	tcase_add_test(tc, test_a_full_page_takes_no_more);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
