/* Key bytes <-> file names.
 *
 * name_print() is the only place that knows what a key's name is. name_parse()
 * undoes it and then prints again: a name that does not come out the same is
 * not canonical, so no two names can ever mean one key and no rule has to be
 * written twice. The one thing that cannot be undone is a hashed name; of it
 * only the shape is checked here, and who looks the hash up compares the name
 * of the key found. */
#include "engines/common/name.h"

#include <sha2.h>

#include "engines/common/cleanup.h"

#define HASH_MARK     "%~"
#define HASH_TAIL_MAX (2 + 2 * NAME_HASH_BYTES)

static const char *const dir_suffixes[] = {""};
const struct name_rules NAME_RULES_DIR = {dir_suffixes, 1};

/* ---- UTF-8 ---- */

static bool continuation(unsigned char c, unsigned char low, unsigned char high)
{
	return c >= low && c <= high;
}

unsigned utf8_lead(unsigned char c, unsigned char *low, unsigned char *high)
{
	*low = 0x80;
	*high = 0xbf;
	if (c < 0x80) {
		return 1;
	}
	if (c >= 0xc2 && c <= 0xdf) {
		return 2;
	}
	if (c >= 0xe0 && c <= 0xef) {
		*low = c == 0xe0 ? 0xa0 : 0x80;
		*high = c == 0xed ? 0x9f : 0xbf;
		return 3;
	}
	if (c >= 0xf0 && c <= 0xf4) {
		*low = c == 0xf0 ? 0x90 : 0x80;
		*high = c == 0xf4 ? 0x8f : 0xbf;
		return 4;
	}
	return 0;
}

unsigned utf8_sequence(const unsigned char *p, size_t n)
{
	unsigned char low;
	unsigned char high;
	if (n == 0) {
		return 0;
	}
	unsigned want = utf8_lead(p[0], &low, &high);
	if (want <= 1) {
		return want;
	}
	if (want > n || !continuation(p[1], low, high)) {
		return 0;
	}
	for (unsigned i = 2; i < want; i++) {
		if (!continuation(p[i], 0x80, 0xbf)) {
			return 0;
		}
	}
	return want;
}

bool utf8_valid(struct slice s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	for (size_t i = 0; i < s.n;) {
		if (p[i] < 0x80) {
			i++; /* nearly all there is */
			continue;
		}
		unsigned n = utf8_sequence(p + i, s.n - i);
		if (n == 0) {
			return false;
		}
		i += n;
	}
	return true;
}

/* ---- escaping ---- */

static void put_escape(struct buf *out, unsigned char c)
{
	static const char hex[] = "0123456789ABCDEF";
	const char text[3] = {'%', hex[c >> 4], hex[c & 15]};
	buf_append(out, text, 3);
}

static bool must_escape(unsigned char c, size_t at)
{
	return c < 0x20 || c == 0x7f || c == '/' || c == '%' || (c == '.' && at == 0);
}

/* How many bytes from p on are ASCII that nothing is done to: nearly all keys
 * are nothing else, and a listing prints each. */
static size_t plain_run(const unsigned char *p, size_t n)
{
	/* 32 bytes a word; '%' is 37 and '/' 47, DEL 127. */
	static const uint32_t plain[8] = {0, 0xffff7fdf, 0xffffffff, 0x7fffffff};
	size_t i = 0;
	while (i < n && (plain[p[i] >> 5] >> (p[i] & 31) & 1) != 0) {
		i++;
	}
	return i;
}

void name_escape(struct slice key, struct buf *out)
{
	const unsigned char *p = (const unsigned char *)key.p;
	if (key.n == 0) {
		buf_putc(out, '%');
	}
	for (size_t i = 0; i < key.n;) {
		size_t run = p[i] == '.' && i == 0 ? 0 : plain_run(p + i, key.n - i);
		if (run > 0) {
			buf_append(out, p + i, run);
			i += run;
			continue;
		}
		unsigned n = utf8_sequence(p + i, key.n - i);
		if (n == 0 || must_escape(p[i], i)) {
			put_escape(out, p[i++]);
		} else {
			buf_append(out, p + i, n);
			i += n;
		}
	}
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9') {
		return c - '0';
	}
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Takes any %XX; whether it had to be escaped is found by printing again. */
static bool unescape(struct slice s, struct buf *out)
{
	if (slice_is(s, "%")) {
		return true;
	}
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			buf_putc(out, s.p[i]);
			continue;
		}
		if (s.n - i < 3) {
			return false;
		}
		int high = hex_value(s.p[i + 1]);
		int low = hex_value(s.p[i + 2]);
		if (high < 0 || low < 0) {
			return false;
		}
		buf_putc(out, (char)(high << 4 | low));
		i += 2;
	}
	return true;
}

/* ---- suffixes ---- */

static bool ends_in(struct slice name, struct slice suffix)
{
	return name.n >= suffix.n &&
	       (suffix.n == 0 || memcmp(name.p + name.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* The form whose suffix is the longest that `name` ends in, n if none. */
static unsigned longest_suffix(struct slice name, const struct name_rules *rules)
{
	unsigned best = rules->n;
	size_t best_n = 0;
	for (unsigned i = 0; i < rules->n; i++) {
		struct slice s = slice_of(rules->suffixes[i]);
		if (ends_in(name, s) && (best == rules->n || s.n > best_n)) {
			best = i;
			best_n = s.n;
		}
	}
	return best;
}

/* name_parse() takes the longest suffix, so a name must not end in a longer one
 * than its own: the dot that begins it is escaped. Each round leaves the name
 * with one dot less. */
static void escape_longer_suffix(const struct name_rules *rules, unsigned form, struct buf *name)
{
	size_t own = strlen(rules->suffixes[form]);
	for (;;) {
		unsigned i = longest_suffix(buf_slice(name), rules);
		size_t n = i < rules->n ? strlen(rules->suffixes[i]) : 0;
		if (n <= own || name->failed) {
			return;
		}
		size_t dot = name->n - n;
		char c = name->p[dot];
		if (!buf_resize(name, name->n + 2)) {
			return;
		}
		memmove(name->p + dot + 3, name->p + dot + 1, n - 1);
		name->n = dot;
		put_escape(name, (unsigned char)c);
		name->n = dot + 2 + n;
	}
}

/* ---- hashed names ---- */

void name_hash(struct slice key, unsigned char out[NAME_HASH_BYTES])
{
	SHA2_CTX ctx;
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA256Init(&ctx);
	SHA256Update(&ctx, (const uint8_t *)key.p, key.n);
	SHA256Final(digest, &ctx);
	memcpy(out, digest, NAME_HASH_BYTES);
}

/* How much of an escaped text fits `max` bytes without cutting a character or
 * an escape. */
static size_t whole_units(struct slice escaped, size_t max)
{
	const unsigned char *p = (const unsigned char *)escaped.p;
	size_t i = 0;
	while (i < escaped.n) {
		unsigned n = p[i] == '%' ? 3 : utf8_sequence(p + i, escaped.n - i);
		if (i + n > max) {
			break;
		}
		i += n;
	}
	return i;
}

static size_t prefix_max(struct slice suffix)
{
	size_t rest = HASH_TAIL_MAX + suffix.n;
	return rest < NAME_MAX_BYTES ? NAME_MAX_BYTES - rest : 0;
}

static void print_hashed(struct slice key, struct slice suffix, size_t escaped_at, struct buf *out)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char hash[NAME_HASH_BYTES];
	struct slice escaped = buf_since(out, escaped_at);
	out->n = escaped_at + whole_units(escaped, prefix_max(suffix));
	buf_puts(out, HASH_MARK);
	name_hash(key, hash);
	for (unsigned i = 0; i < NAME_HASH_BYTES; i++) {
		buf_putc(out, hex[hash[i] >> 4]);
		buf_putc(out, hex[hash[i] & 15]);
	}
	buf_append_slice(out, suffix);
}

static bool lower_hex(char c, unsigned char *out)
{
	if (c >= '0' && c <= '9') {
		*out = (unsigned char)(c - '0');
		return true;
	}
	*out = (unsigned char)(c - 'a' + 10);
	return c >= 'a' && c <= 'f';
}

static bool parse_hex(const char *p, struct buf *out)
{
	for (size_t i = 0; i < NAME_HASH_BYTES; i++) {
		unsigned char high;
		unsigned char low;
		if (!lower_hex(p[2 * i], &high) || !lower_hex(p[2 * i + 1], &low)) {
			return false;
		}
		buf_putc(out, (char)(high << 4 | low));
	}
	return true;
}

static bool is_hashed(struct slice core)
{
	return core.n >= HASH_TAIL_MAX &&
	       memcmp(core.p + core.n - HASH_TAIL_MAX, HASH_MARK, 2) == 0;
}

/* What stands before the mark: canonical by itself, and as long as fits (the
 * next character or escape, of 4 bytes at most, did not). */
static bool prefix_canonical(struct slice prefix, size_t max)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	CLEANUP(buf_free) struct buf again = BUF_INIT;
	if (prefix.n > max || prefix.n + 4 <= max || !unescape(prefix, &key)) {
		return false;
	}
	name_escape(buf_slice(&key), &again);
	return !key.failed && !again.failed && slice_equal(buf_slice(&again), prefix);
}

static enum name_kind parse_hashed(struct slice core, struct slice suffix, struct buf *out)
{
	struct slice prefix = slice_make(core.p, core.n - HASH_TAIL_MAX);
	CLEANUP(buf_free) struct buf hash = BUF_INIT;
	if (!prefix_canonical(prefix, prefix_max(suffix)) ||
		!parse_hex(core.p + prefix.n + 2, &hash) || hash.failed) {
		return NAME_BAD;
	}
	buf_append_slice(out, buf_slice(&hash));
	return NAME_HASHED;
}

/* ---- names ---- */

/* Without shortening; returns where the name begins in out. */
static size_t print_full(
	struct slice key, const struct name_rules *rules, unsigned form, struct buf *out)
{
	size_t at = out->n;
	if (at == 0) {
		/* The usual case, in place: `out` holds nothing but this name. */
		name_escape(key, out);
		buf_puts(out, rules->suffixes[form]);
		escape_longer_suffix(rules, form, out);
		return at;
	}
	CLEANUP(buf_free) struct buf name = BUF_INIT;
	print_full(key, rules, form, &name);
	buf_append_slice(out, buf_slice(&name));
	out->failed |= name.failed;
	return at;
}

static bool ends_in_longer(struct slice name, const struct name_rules *rules, size_t own)
{
	for (unsigned i = 0; i < rules->n; i++) {
		struct slice s = slice_of(rules->suffixes[i]);
		if (s.n > own && ends_in(name, s)) {
			return true;
		}
	}
	return false;
}

/* Nearly all names: the key as it is and the suffix, in one go. False: not that
 * simple, and nothing was appended. */
static bool print_plain(
	struct slice key, struct slice suffix, const struct name_rules *rules, struct buf *out)
{
	size_t n = key.n + suffix.n;
	if (key.n == 0 || n > NAME_MAX_BYTES || key.p[0] == '.' ||
		plain_run((const unsigned char *)key.p, key.n) < key.n ||
		!buf_reserve(out, out->n + n)) {
		return false;
	}
	char *p = out->p + out->n;
	memcpy(p, key.p, key.n);
	memcpy(p + key.n, suffix.p, suffix.n);
	if (rules->n > 1 && ends_in_longer(slice_make(p, n), rules, suffix.n)) {
		return false;
	}
	out->n += n;
	return true;
}

void name_print(struct slice key, const struct name_rules *rules, unsigned form, struct buf *out)
{
	struct slice suffix = slice_of(rules->suffixes[form]);
	if (print_plain(key, suffix, rules, out)) {
		return;
	}
	size_t at = print_full(key, rules, form, out);
	if (!out->failed && out->n - at > NAME_MAX_BYTES) {
		out->n -= suffix.n;
		print_hashed(key, suffix, at, out);
	}
}

/* Nearly every key is far from it: no byte takes more than an escape. */
static bool is_surely_short(struct slice key, const struct name_rules *rules)
{
	size_t longest = 0;
	for (unsigned form = 0; form < rules->n; form++) {
		size_t n = strlen(rules->suffixes[form]);
		longest = n > longest ? n : longest;
	}
	return key.n < NAME_MAX_BYTES &&
	       3 * key.n + longest + 2 * (size_t)rules->n <= NAME_MAX_BYTES;
}

bool name_is_long(struct slice key, const struct name_rules *rules)
{
	if (is_surely_short(key, rules)) {
		return false;
	}
	for (unsigned form = 0; form < rules->n; form++) {
		CLEANUP(buf_free) struct buf name = BUF_INIT;
		print_full(key, rules, form, &name);
		if (name.n > NAME_MAX_BYTES) {
			return true;
		}
	}
	return false;
}

static enum name_kind parse_plain(struct slice name, struct slice core,
	const struct name_rules *rules, unsigned form, struct buf *out)
{
	CLEANUP(buf_free) struct buf key = BUF_INIT;
	CLEANUP(buf_free) struct buf again = BUF_INIT;
	/* What is plain to its end is its own key, and printed again it is the same. */
	if (core.n > 0 && name.n <= NAME_MAX_BYTES && core.p[0] != '.' &&
		plain_run((const unsigned char *)core.p, core.n) == core.n) {
		buf_append_slice(out, core);
		return NAME_KEY;
	}
	if (!unescape(core, &key)) {
		return NAME_BAD;
	}
	name_print(buf_slice(&key), rules, form, &again);
	if (key.failed || again.failed || !slice_equal(buf_slice(&again), name)) {
		return NAME_BAD;
	}
	buf_append_slice(out, buf_slice(&key));
	return NAME_KEY;
}

enum name_kind name_parse(
	struct slice name, const struct name_rules *rules, unsigned *form, struct buf *out)
{
	if (name.n > 0 && name.p[0] == '.') {
		return NAME_OTHER;
	}
	unsigned found = longest_suffix(name, rules);
	if (found == rules->n) {
		return NAME_OTHER;
	}
	struct slice suffix = slice_of(rules->suffixes[found]);
	struct slice core = slice_make(name.p, name.n - suffix.n);
	enum name_kind kind = is_hashed(core) ? parse_hashed(core, suffix, out)
					      : parse_plain(name, core, rules, found, out);
	if (kind != NAME_BAD) {
		*form = found;
	}
	return kind;
}
