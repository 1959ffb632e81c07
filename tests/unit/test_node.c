/* The node table: what the kernel counts, places and numbers, renames, memory.
 * Linked with --wrap for the allocating functions. */
#include <check.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "fs/node.h"
#include "tests/unit/fixture.h"

static long left = -1; /* allocations until one fails; negative: none does */

static bool fails(void)
{
	return left >= 0 && left-- == 0;
}

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

static struct nodes t;

static void setup(void)
{
	struct err err = {0};
	ck_assert_int_eq(nodes_init(&t, &err), 0);
}

static void teardown(void)
{
	nodes_finish(&t);
}

static struct node *get(struct node *parent, const char *name, enum engine_kind kind, bool lookup)
{
	struct node_spec spec = {.type = NODE_KEY, .kind = kind, .key = slice_of(name)};
	return node_get(&t, parent, name, &spec, lookup);
}

static struct node *file(struct node *parent, const char *name)
{
	return get(parent, name, ENGINE_FILE, true);
}

static struct node *dir(struct node *parent, const char *name)
{
	return get(parent, name, ENGINE_DIR, true);
}

static bool known(struct node *parent, const char *name)
{
	struct node *n = node_peek(&t, parent, name);
	node_unref(&t, n);
	return n != NULL;
}

static uint64_t ino_of(const struct node *parent, const char *name)
{
	return node_child_ino(parent, node_hash(slice_of(name)));
}

static void check_text(struct node *n, const char *expected)
{
	struct buf text = BUF_INIT;
	node_text(&t, n, &text);
	ck_assert_str_eq(buf_cstr(&text), expected);
	buf_free(&text);
}

static int move(struct node *n, struct node *parent, const char *name)
{
	struct node_spec spec = {
		.type = NODE_KEY, .kind = (enum engine_kind)n->kind, .key = slice_of(name)};
	return node_move(&t, n, parent, name, &spec);
}

/* ---- counts ---- */

START_TEST(test_forgotten_when_all_lookups_are_undone)
{
	struct node *n = file(t.root, "a");
	ck_assert_ptr_eq(file(t.root, "a"), n);
	ck_assert_ptr_eq(file(t.root, "a"), n);
	node_forget(&t, n, 2);
	ck_assert(known(t.root, "a"));
	node_forget(&t, n, 1);
	ck_assert(!known(t.root, "a"));
	ck_assert_uint_eq(t.n_nodes, 0);
}
END_TEST

START_TEST(test_forgetting_too_much_is_forgetting_all)
{
	node_forget(&t, file(t.root, "a"), UINT64_MAX);
	ck_assert_uint_eq(t.n_nodes, 0);
}
END_TEST

START_TEST(test_lookups_count_beyond_32_bits)
{
	struct node *n = file(t.root, "a");
	n->lookups += UINT64_C(1) << 33;
	node_forget(&t, n, UINT64_C(1) << 33);
	ck_assert(known(t.root, "a"));
	node_forget(&t, n, 1);
	ck_assert_uint_eq(t.n_nodes, 0);
}
END_TEST

START_TEST(test_a_reference_keeps_it)
{
	struct node *n = get(t.root, "a", ENGINE_FILE, false);
	node_ref(&t, n);
	node_unref(&t, n);
	ck_assert(known(t.root, "a"));
	node_unref(&t, n);
	node_unref(&t, NULL);
	ck_assert_uint_eq(t.n_nodes, 0);
}
END_TEST

START_TEST(test_children_keep_their_parents)
{
	struct node *d = dir(t.root, "d");
	struct node *e = dir(d, "e");
	struct node *n = file(e, "a");
	node_forget(&t, d, 1);
	node_forget(&t, e, 1);
	ck_assert_uint_eq(t.n_nodes, 3);
	check_text(n, "/d/e/a");
	node_forget(&t, n, 1);
	ck_assert_uint_eq(t.n_nodes, 0);
}
END_TEST

/* ---- places ---- */

START_TEST(test_the_number_is_the_same_after_a_remount)
{
	uint64_t before = file(dir(t.root, "d"), "item-1.json")->ino;
	teardown();
	setup();
	struct node *d = dir(t.root, "d");
	ck_assert_uint_eq(ino_of(d, "item-1.json"), before);
	ck_assert_uint_eq(file(d, "item-1.json")->ino, before);
}
END_TEST

START_TEST(test_numbers_differ)
{
	/* Of all lengths around a word, and names that end in others. */
	static const char text[] = "aaaaaaaaaaaaaaaaaaaa";
	struct node *d = dir(t.root, "d");
	for (size_t a = 0; a < sizeof(text); a++) {
		for (size_t b = 0; b < a; b++) {
			uint64_t x = node_hash(slice_make(text, a));
			uint64_t y = node_hash(slice_make(text, b));
			ck_assert_uint_ne(x, y);
			ck_assert_uint_ne(node_child_ino(d, x), node_child_ino(t.root, x));
		}
	}
	ck_assert_uint_ne(node_hash(slice_make("a\0", 2)), node_hash(slice_make("\0a", 2)));
}
END_TEST

START_TEST(test_another_kind_under_a_name_is_another_node)
{
	struct node *n = file(t.root, "a");
	struct node *d = dir(t.root, "a");
	ck_assert_ptr_ne(n, d);
	ck_assert(n->unlinked);
	ck_assert_ptr_eq(dir(t.root, "a"), d);
	node_forget(&t, n, 1);
	ck_assert(known(t.root, "a"));
}
END_TEST

static void count_node(void *arg, struct node *n)
{
	(void)n;
	(*(unsigned *)arg)++;
}

START_TEST(test_an_unlinked_node_stays_for_who_has_it)
{
	unsigned below = 0;
	struct node *n = file(t.root, "a");
	node_unlink(&t, n);
	ck_assert(!known(t.root, "a"));
	nodes_below(&t, t.root, count_node, &below);
	ck_assert_uint_eq(below, 0);
	struct node *fresh = file(t.root, "a");
	ck_assert_ptr_ne(fresh, n);
	check_text(n, "/a");
	node_forget(&t, n, 1);
	ck_assert_ptr_eq(file(t.root, "a"), fresh);
}
END_TEST

START_TEST(test_who_reads_other_content_keeps_the_node)
{
	struct node_spec spec = {.type = NODE_KEY, .kind = ENGINE_FILE, .version = 7};
	struct node *n = node_get(&t, t.root, "a", &spec, true);
	node_more(n)->cache =
		(struct node_cache){.n_cached = 1, .open_version = 7, .contended_ns = 5};
	ck_assert(!node_frozen(n, 7));
	ck_assert_ptr_eq(node_get(&t, t.root, "a", &spec, true), n);
	spec.version = 8;
	ck_assert(node_frozen(n, 8));
	struct node *fresh = node_get(&t, t.root, "a", &spec, true);
	ck_assert_ptr_ne(fresh, n);
	ck_assert(!n->unlinked);
	ck_assert_int_eq(fresh->more->cache.contended_ns, 5);
	ck_assert_uint_eq(fresh->ino, n->ino);
}
END_TEST

static void check_path(struct node *n, struct slice a, struct slice b)
{
	struct node_path p;
	struct err err = {0};
	ck_assert_int_eq(node_path(&t, n, &p, &err), 0);
	ck_assert_uint_eq(p.path.depth, 2);
	ck_assert(slice_equal(p.path.key[0], a));
	ck_assert(slice_equal(p.path.key[1], b));
	node_path_free(&p);
}

START_TEST(test_keys_are_kept_whatever_the_name_is)
{
	static char big[3000];
	struct slice odd = slice_make("a\0b", 3);
	struct node_spec spec = {.type = NODE_KEY, .kind = ENGINE_DIR, .key = odd};
	struct node *d = node_get(&t, t.root, "a%00b", &spec, true);
	spec = (struct node_spec){.type = NODE_KEY, .kind = ENGINE_FILE, .key = slice_of("x")};
	struct node *n = node_get(&t, d, "x.json", &spec, true);
	check_path(n, odd, slice_of("x"));
	spec.key = slice_make(big, sizeof(big));
	ck_assert_int_eq(node_move(&t, n, d, "hashed.json", &spec), 0);
	check_path(n, odd, spec.key);
}
END_TEST

/* ---- renames ---- */

START_TEST(test_a_move_is_found_by_its_new_name_only)
{
	struct node *d = dir(t.root, "d");
	struct node *n = file(t.root, "a");
	struct node *target = file(d, "b");
	ck_assert_int_eq(move(n, d, "b"), 0);
	ck_assert(!known(t.root, "a"));
	ck_assert_ptr_eq(file(d, "b"), n);
	ck_assert(!target->unlinked);
	ck_assert_uint_eq(n->ino, ino_of(d, "b"));
	check_text(n, "/d/b");
	check_path(n, slice_of("d"), slice_of("b"));
	/* And again: the name of the first move goes. */
	ck_assert_int_eq(move(n, t.root, "a rather long name"), 0);
	check_text(n, "/a rather long name");
	node_forget(&t, target, 1);
	ck_assert_uint_eq(d->refs, 0);
}
END_TEST

START_TEST(test_a_move_onto_itself)
{
	struct node *n = file(t.root, "a");
	ck_assert_int_eq(move(n, t.root, "a"), 0);
	ck_assert_ptr_eq(file(t.root, "a"), n);
}
END_TEST

START_TEST(test_content_of_another_type_is_forgotten)
{
	struct node_spec scratch = {.type = NODE_SIDE, .kind = ENGINE_FILE};
	struct node *n = file(t.root, "a");
	n->attr_version = 3;
	node_more(n)->cache.page_version = 3;
	ck_assert_int_eq(move(n, t.root, "b"), 0);
	ck_assert_uint_eq(n->attr_version, 3);
	ck_assert_int_eq(node_move(&t, n, t.root, "a~", &scratch), 0);
	ck_assert_uint_eq(n->attr_version, 0);
	ck_assert_uint_eq(n->more->cache.page_version, 0);
}
END_TEST

START_TEST(test_numbers_below_follow_a_directory)
{
	struct node *d = dir(t.root, "d");
	struct node *e = dir(d, "e");
	struct node *n = file(e, "a");
	struct node *beside = file(t.root, "beside");
	uint64_t ino = beside->ino;
	ck_assert_int_eq(move(d, t.root, "other"), 0);
	ck_assert_uint_eq(d->ino, ino_of(t.root, "other"));
	ck_assert_uint_eq(e->ino, ino_of(d, "e"));
	ck_assert_uint_eq(n->ino, ino_of(e, "a"));
	ck_assert_uint_eq(beside->ino, ino);
	ck_assert_ptr_eq(dir(d, "e"), e);
	ck_assert_ptr_eq(file(e, "a"), n);
	ck_assert_ptr_eq(file(t.root, "beside"), beside);
}
END_TEST

START_TEST(test_an_exchange)
{
	struct node *d = dir(t.root, "d");
	struct node *e = dir(t.root, "e");
	struct node *a = dir(d, "a");
	struct node *b = dir(e, "b");
	struct node *in_a = file(a, "x");
	ck_assert_int_eq(node_exchange(&t, a, b), 0);
	ck_assert_ptr_eq(dir(e, "b"), a);
	ck_assert_ptr_eq(dir(d, "a"), b);
	check_text(in_a, "/e/b/x");
	check_path(a, slice_of("e"), slice_of("b"));
	ck_assert_uint_eq(in_a->ino, ino_of(a, "x"));
	ck_assert_ptr_eq(file(a, "x"), in_a);
	ck_assert_uint_eq(d->refs, 1);
	ck_assert_uint_eq(e->refs, 1);
}
END_TEST

START_TEST(test_without_memory_nothing_changes)
{
	struct node *a = file(t.root, "a");
	struct node *b = file(t.root, "b");
	struct node_spec row = {.type = NODE_RESERVED, .row = (const struct reserved *)&t};
	/* Check allocates, too: only between. */
	for (long n = 0; n < 2; n++) {
		left = n;
		int moved = move(a, t.root, "c");
		left = n;
		struct node *made = node_get(&t, t.root, ".row", &row, true);
		left = n;
		int exchanged = node_exchange(&t, a, b);
		left = -1;
		ck_assert_int_eq(moved, -ENOMEM);
		ck_assert_ptr_null(made);
		ck_assert_int_eq(exchanged, -ENOMEM);
	}
	ck_assert_ptr_eq(file(t.root, "a"), a);
	ck_assert_ptr_eq(file(t.root, "b"), b);
	ck_assert_uint_eq(t.n_nodes, 2);
	check_text(a, "/a");
}
END_TEST

START_TEST(test_lookups_of_children_are_counted)
{
	struct node *d = dir(t.root, "d");
	ck_assert_uint_eq(d->more->child_lookups, 0);
	left = 0;
	node_count_lookup(&t, d); /* a hint: without memory it is not counted */
	left = -1;
	node_count_lookup(&t, d);
	node_count_lookup(&t, d);
	ck_assert_uint_eq(d->more->child_lookups, 2);
	ck_assert_uint_eq(t.root->more->child_lookups, 0);
}
END_TEST

/* ---- many ---- */

#define MANY	     300000
#define BYTES_A_NODE 120

static void name_of(unsigned i, char out[32])
{
	snprintf(out, 32, "k%07u.json", i);
}

static void make_many(struct node *d, struct node **all)
{
	char name[32];
	for (unsigned i = 0; i < MANY; i++) {
		name_of(i, name);
		struct node_spec spec = {
			.type = NODE_KEY, .kind = ENGINE_FILE, .key = slice_make(name, 8)};
		struct slice s = slice_of(name);
		pthread_mutex_lock(&t.lock);
		all[i] = node_get_held(&t, d, s, node_hash(s), &spec);
		pthread_mutex_unlock(&t.lock);
		ck_assert_ptr_nonnull(all[i]);
	}
}

static size_t resident(void)
{
	char line[128] = "";
	char *end;
	FILE *f = fopen("/proc/self/statm", "r");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	fclose(f);
	strtoul(line, &end, 10); /* all pages, then those in memory */
	return strtoul(end, NULL, 10) * 4096;
}

START_TEST(test_many_are_small_and_their_memory_goes_back)
{
	char name[32];
	struct node **all = calloc(MANY, sizeof(struct node *));
	struct node *d = dir(t.root, "d");
	size_t used = mallinfo2().uordblks + mallinfo2().hblkhd;
	make_many(d, all);
	size_t each = (mallinfo2().uordblks + mallinfo2().hblkhd - used) / MANY;
	ck_assert_msg(each <= BYTES_A_NODE, "%zu bytes a node", each);
	size_t full = resident();
	void *above = malloc(64); /* what is allocated last must not hold the rest */
	for (unsigned i = 0; i < MANY; i += 997) {
		name_of(i, name);
		ck_assert(known(d, name));
	}
	for (unsigned i = 0; i < MANY; i++) {
		/* Not in the order they were made. */
		node_forget(&t, all[i * 7ULL % MANY], 1);
		if (i % 100 == 0) {
			nodes_trim(&t);
		}
	}
	nodes_trim(&t);
	ck_assert_uint_eq(t.n_nodes, 1);
	ck_assert_uint_le(t.n_buckets, MANY / 4);
	/* Where malloc() is another one it counts nothing, and keeps what it likes. */
	if (each > 0) {
		ck_assert_uint_lt(resident() + (size_t)MANY * BYTES_A_NODE / 2, full);
	}
	ck_assert_ptr_eq(dir(t.root, "d"), d);
	free(above);
	free(all);
}
END_TEST

START_TEST(test_what_is_left_is_freed_at_the_end)
{
	struct node *d = dir(t.root, "d");
	node_unlink(&t, file(d, "a"));
	node_more(file(d, "b"));
	ck_assert_int_eq(move(file(d, "c"), t.root, "d2"), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("node");
	TCase *tc = tcase_create("node");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_forgotten_when_all_lookups_are_undone);
	tcase_add_test(tc, test_forgetting_too_much_is_forgetting_all);
	tcase_add_test(tc, test_lookups_count_beyond_32_bits);
	tcase_add_test(tc, test_a_reference_keeps_it);
	tcase_add_test(tc, test_children_keep_their_parents);
	tcase_add_test(tc, test_the_number_is_the_same_after_a_remount);
	tcase_add_test(tc, test_numbers_differ);
	tcase_add_test(tc, test_another_kind_under_a_name_is_another_node);
	tcase_add_test(tc, test_an_unlinked_node_stays_for_who_has_it);
	tcase_add_test(tc, test_who_reads_other_content_keeps_the_node);
	tcase_add_test(tc, test_keys_are_kept_whatever_the_name_is);
	tcase_add_test(tc, test_a_move_is_found_by_its_new_name_only);
	tcase_add_test(tc, test_a_move_onto_itself);
	tcase_add_test(tc, test_content_of_another_type_is_forgotten);
	tcase_add_test(tc, test_numbers_below_follow_a_directory);
	tcase_add_test(tc, test_an_exchange);
	tcase_add_test(tc, test_without_memory_nothing_changes);
	tcase_add_test(tc, test_lookups_of_children_are_counted);
	tcase_add_test(tc, test_many_are_small_and_their_memory_goes_back);
	tcase_add_test(tc, test_what_is_left_is_freed_at_the_end);
	suite_add_tcase(suite, tc);
	return run_suite(suite);
}
