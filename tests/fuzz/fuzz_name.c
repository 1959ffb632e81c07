/* Key -> name -> key and name -> key -> name. The first byte picks the rules and
 * the form, the rest is taken as a key, then as a name. */
#include <stdlib.h>

#include "engines/common/cleanup.h"
#include "engines/common/name.h"

static const char *const item_suffixes[] = {".json", ".ddb.json"};
static const char *const cache_suffixes[] = {"", ".hash", ".list"};
static const char *const nested_suffixes[] = {".c", ".b.c", ".a.b.c"};
static const struct name_rules item_rules = {item_suffixes, 2};
static const struct name_rules cache_rules = {cache_suffixes, 3};
static const struct name_rules nested_rules = {nested_suffixes, 3};

static void require(bool holds)
{
	if (!holds) {
		abort();
	}
}

static void check_key(struct slice key, const struct name_rules *rules, unsigned form)
{
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	CLEANUP(buf_free) struct buf back = BUF_INIT;
	unsigned got;
	name_print(key, rules, form, &name);
	require(name.n > 0 && name.n <= NAME_MAX_BYTES && name.p[0] != '.');
	require(utf8_valid(buf_slice(&name)));
	require(memchr(name.p, '/', name.n) == NULL && memchr(name.p, 0, name.n) == NULL);
	enum name_kind kind = name_parse(buf_slice(&name), rules, &got, &back);
	require((kind == NAME_KEY || kind == NAME_HASHED) && got == form);
	if (kind == NAME_HASHED) {
		unsigned char hash[NAME_HASH_BYTES];
		require(name_is_long(key, rules));
		name_hash(key, hash);
		require(slice_equal(buf_slice(&back), slice_make(hash, sizeof(hash))));
	} else {
		require(slice_equal(buf_slice(&back), key));
	}
}

static void check_name(struct slice name, const struct name_rules *rules)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	CLEANUP(buf_free) struct buf again = BUF_INIT;
	unsigned form;
	if (name_parse(name, rules, &form, &key) == NAME_KEY) {
		name_print(buf_slice(&key), rules, form, &again);
		require(slice_equal(buf_slice(&again), name));
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n);

int LLVMFuzzerTestOneInput(const unsigned char *p, size_t n)
{
	const struct name_rules *all[] = {
		&item_rules, &cache_rules, &nested_rules, &NAME_RULES_DIR};
	if (n == 0) {
		return 0;
	}
	const struct name_rules *rules = all[p[0] % 4];
	struct slice rest = slice_make(p + 1, n - 1);
	check_key(rest, rules, p[0] / 4 % rules->n);
	check_name(rest, rules);
	return 0;
}
