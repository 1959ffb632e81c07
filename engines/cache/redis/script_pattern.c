/* Lua's patterns take a time that grows with any power of the text's length, within one step of
 * its machine. So the way that a match takes is gone beforehand, with a look at the clock now and
 * then, and the library's function, which goes the same way, is called when it has an end. What is
 * wrong with a pattern is left to it. */
#include <ctype.h>
#include <lauxlib.h>

#include "engines/cache/redis/script_impl.h"

#define STEPS_A_LOOK 4096
#define DEPTH_MAX    200 /* as the library's; it refuses what is deeper */
#define CAPTURES_MAX 32

struct matching {
	lua_State *L;
	const char *text, *end;
	const char *pattern_end;
	unsigned steps;
	unsigned depth;
	unsigned n; /* captures */
	struct {
		const char *begin;
		ptrdiff_t n; /* OPEN: not closed yet; HERE: a position */
	} capture[CAPTURES_MAX];
	bool bad; /* the pattern is malformed */
};

enum { OPEN = -1, HERE = -2 };

static const char *match(struct matching *m, const char *s, const char *p);

static const char *malformed(struct matching *m)
{
	m->bad = true;
	return NULL;
}

static void count(struct matching *m)
{
	if (++m->steps % STEPS_A_LOOK == 0) {
		script_look_at_time(m->L);
	}
}

/* ---- one byte ---- */

/* Behind the class that begins at p; NULL: malformed. */
static const char *class_end(struct matching *m, const char *p)
{
	if (*p++ == '%') {
		return p < m->pattern_end ? p + 1 : malformed(m);
	}
	if (p[-1] != '[') {
		return p;
	}
	p += p < m->pattern_end && *p == '^';
	do { /* a ] that comes first is meant */
		if (p == m->pattern_end) {
			return malformed(m);
		}
		if (*p++ == '%') {
			if (p == m->pattern_end) {
				return malformed(m);
			}
			p++;
		}
	} while (p == m->pattern_end || *p != ']');
	return p + 1;
}

static bool in_class(unsigned char c, unsigned char class)
{
	bool in;
	switch (tolower(class)) {
	case 'a': in = isalpha(c); break;
	case 'c': in = iscntrl(c); break;
	case 'd': in = isdigit(c); break;
	case 'g': in = isgraph(c); break;
	case 'l': in = islower(c); break;
	case 'p': in = ispunct(c); break;
	case 's': in = isspace(c); break;
	case 'u': in = isupper(c); break;
	case 'w': in = isalnum(c); break;
	case 'x': in = isxdigit(c); break;
	case 'z': in = c == 0; break;
	default: return class == c;
	}
	return isupper(class) ? !in : in;
}

/* p: the [, last: the ]. */
static bool in_set(unsigned char c, const char *p, const char *last)
{
	bool without = p[1] == '^';
	p += without;
	while (++p < last) {
		if (*p == '%') {
			p++;
			if (in_class(c, (unsigned char)*p)) {
				return !without;
			}
		} else if (p[1] == '-' && p + 2 < last) {
			if ((unsigned char)*p <= c && c <= (unsigned char)p[2]) {
				return !without;
			}
			p += 2;
		} else if ((unsigned char)*p == c) {
			return !without;
		}
	}
	return without;
}

static bool fits(struct matching *m, const char *s, const char *p, const char *behind)
{
	count(m);
	if (s >= m->end) {
		return false;
	}
	unsigned char c = (unsigned char)*s;
	switch (*p) {
	case '.': return true;
	case '%': return in_class(c, (unsigned char)p[1]);
	case '[': return in_set(c, p, behind - 1);
	default: return (unsigned char)*p == c;
	}
}

/* ---- items ---- */

static const char *balance(struct matching *m, const char *s, const char *p)
{
	if (m->pattern_end - p < 2) {
		return malformed(m);
	}
	if (s >= m->end || *s != *p) {
		return NULL;
	}
	size_t open = 1;
	while (++s < m->end) {
		count(m);
		if (*s == p[1]) {
			if (--open == 0) {
				return s + 1;
			}
		} else if (*s == p[0]) {
			open++;
		}
	}
	return NULL;
}

static const char *greedy(struct matching *m, const char *s, const char *p, const char *behind)
{
	ptrdiff_t n = 0;
	while (fits(m, s + n, p, behind)) {
		n++;
	}
	for (; n >= 0 && !m->bad; n--) {
		const char *end = match(m, s + n, behind + 1);
		if (end != NULL) {
			return end;
		}
	}
	return NULL;
}

static const char *lazy(struct matching *m, const char *s, const char *p, const char *behind)
{
	while (!m->bad) {
		const char *end = match(m, s, behind + 1);
		if (end != NULL || !fits(m, s, p, behind)) {
			return end;
		}
		s++;
	}
	return NULL;
}

static const char *begin_capture(struct matching *m, const char *s, const char *p, ptrdiff_t what)
{
	if (m->n == CAPTURES_MAX) {
		return malformed(m);
	}
	m->capture[m->n].begin = s;
	m->capture[m->n++].n = what;
	const char *end = match(m, s, p);
	m->n -= end == NULL;
	return end;
}

static const char *end_capture(struct matching *m, const char *s, const char *p)
{
	unsigned i = m->n;
	while (i > 0 && m->capture[i - 1].n != OPEN) {
		i--;
	}
	if (i == 0) {
		return malformed(m);
	}
	m->capture[i - 1].n = s - m->capture[i - 1].begin;
	const char *end = match(m, s, p);
	if (end == NULL) {
		m->capture[i - 1].n = OPEN;
	}
	return end;
}

static const char *back_reference(struct matching *m, const char *s, char digit)
{
	int i = digit - '1';
	if (i < 0 || (unsigned)i >= m->n || m->capture[i].n == OPEN) {
		return malformed(m);
	}
	size_t n = (size_t)m->capture[i].n; /* of a position: more than there can be */
	return (size_t)(m->end - s) >= n && memcmp(m->capture[i].begin, s, n) == 0 ? s + n : NULL;
}

static bool at_frontier(struct matching *m, const char *s, const char *p, const char *behind)
{
	unsigned char before = s == m->text ? 0 : (unsigned char)s[-1];
	unsigned char now = s < m->end ? (unsigned char)*s : 0;
	return !in_set(before, p, behind - 1) && in_set(now, p, behind - 1);
}

/* ---- a pattern ---- */

/* Each goes one item on, *s and *p behind it: true; or there is no more to do: false, *s is behind
 * what matched, or NULL. Only what may have to come back calls match(), as the library does. */

static bool ends(const char **s, const char *end)
{
	*s = end;
	return false;
}

static bool match_class(struct matching *m, const char **s, const char **p)
{
	const char *behind = class_end(m, *p);
	const char *end;
	if (behind == NULL) {
		return ends(s, NULL);
	}
	switch (behind < m->pattern_end ? *behind : '\0') {
	case '*': return ends(s, greedy(m, *s, *p, behind));
	case '+': return ends(s, fits(m, *s, *p, behind) ? greedy(m, *s + 1, *p, behind) : NULL);
	case '-': return ends(s, lazy(m, *s, *p, behind));
	case '?':
		end = fits(m, *s, *p, behind) ? match(m, *s + 1, behind + 1) : NULL;
		*p = behind + 1;
		return end == NULL || ends(s, end);
	default:
		if (!fits(m, *s, *p, behind)) {
			return ends(s, NULL);
		}
		++*s;
		*p = behind;
		return true;
	}
}

/* %f[set] */
static bool match_frontier(struct matching *m, const char **s, const char **p)
{
	const char *set = *p + 2;
	const char *behind = set < m->pattern_end && *set == '[' ? class_end(m, set) : malformed(m);
	if (behind == NULL || !at_frontier(m, *s, set, behind)) {
		return ends(s, NULL);
	}
	*p = behind;
	return true;
}

static bool match_escape(struct matching *m, const char **s, const char **p)
{
	char what = '\0';
	if (*p + 1 < m->pattern_end) {
		what = (*p)[1];
	}
	if (what == 'f') {
		return match_frontier(m, s, p);
	}
	if (what != 'b' && !isdigit((unsigned char)what)) {
		return match_class(m, s, p);
	}
	*s = what == 'b' ? balance(m, *s, *p + 2) : back_reference(m, *s, what);
	*p += what == 'b' ? 4 : 2;
	return *s != NULL;
}

static bool match_item(struct matching *m, const char **s, const char **p)
{
	bool here;
	switch (**p) {
	case '(':
		here = *p + 1 < m->pattern_end && (*p)[1] == ')';
		return ends(s, begin_capture(m, *s, *p + 1 + here, here ? HERE : OPEN));
	case ')': return ends(s, end_capture(m, *s, *p + 1));
	case '%': return match_escape(m, s, p);
	case '$': /* means the end at the end only */
		return *p + 1 == m->pattern_end ? ends(s, *s == m->end ? *s : NULL)
						: match_class(m, s, p);
	default: return match_class(m, s, p);
	}
}

/* Behind what matches; NULL: nothing does. */
static const char *match(struct matching *m, const char *s, const char *p)
{
	if (m->bad || m->depth == DEPTH_MAX) {
		return malformed(m);
	}
	m->depth++;
	do {
		count(m);
	} while (p != m->pattern_end && match_item(m, &s, &p));
	m->depth--;
	return m->bad ? NULL : s;
}

/* ---- the library's functions ---- */

static bool begin(struct matching *m, lua_State *L, const char **at, const char **pattern)
{
	size_t n;
	*m = (struct matching){.L = L};
	if (!lua_isstring(L, 1) || !lua_isstring(L, 2)) {
		return false;
	}
	m->text = lua_tolstring(L, 1, &n);
	m->end = m->text + n;
	*at = m->text;
	*pattern = lua_tolstring(L, 2, &n);
	m->pattern_end = *pattern + n;
	return true;
}

/* From the position in argument 3 on; false: it is behind the end. */
static bool skip_to(struct matching *m, const char **at)
{
	lua_Integer n = m->end - m->text;
	lua_Integer from = luaL_optinteger(m->L, 3, 1);
	from = from > 0 ? from - 1 : from == 0 || from < -n ? 0 : from + n;
	*at = m->text + (from <= n ? from : n);
	return from <= n;
}

static bool is_anchored(const struct matching *m, const char **pattern)
{
	bool anchored = *pattern < m->pattern_end && **pattern == '^';
	*pattern += anchored;
	return anchored;
}

/* Until it matches somewhere. */
static void search(struct matching *m, const char *at, const char *pattern)
{
	bool anchored = is_anchored(m, &pattern);
	while (match(m, at, pattern) == NULL && !m->bad && !anchored && at < m->end) {
		m->n = 0;
		at++;
	}
}

int script_match(lua_State *L)
{
	struct matching m;
	const char *at;
	const char *pattern;
	if (begin(&m, L, &at, &pattern) && skip_to(&m, &at)) {
		search(&m, at, pattern);
	}
	return script_call_original(L);
}

static bool is_plain(const struct matching *m, const char *pattern)
{
	for (const char *p = pattern; p < m->pattern_end; p++) {
		if (*p != '\0' && strchr("^$*+?.([%-", *p) != NULL) {
			return lua_toboolean(m->L, 4);
		}
	}
	return true;
}

/* Of a text as it is; the library's takes as long as both lengths multiplied. */
static int find_plain(const struct matching *m, const char *at, const char *pattern)
{
	size_t n = (size_t)(m->pattern_end - pattern);
	const char *found = memmem(at, (size_t)(m->end - at), pattern, n);
	if (found == NULL) {
		lua_pushnil(m->L);
		return 1;
	}
	lua_pushinteger(m->L, found - m->text + 1);
	lua_pushinteger(m->L, found - m->text + (lua_Integer)n);
	return 2;
}

int script_find(lua_State *L)
{
	struct matching m;
	const char *at;
	const char *pattern;
	if (begin(&m, L, &at, &pattern) && skip_to(&m, &at)) {
		if (is_plain(&m, pattern)) {
			return find_plain(&m, at, pattern);
		}
		search(&m, at, pattern);
	}
	return script_call_original(L);
}

/* As often as there is a match. */
static void go_through(
	struct matching *m, const char *at, const char *pattern, bool once, lua_Integer max)
{
	const char *last = NULL;
	while (max > 0 && !m->bad) {
		m->n = 0;
		const char *end = match(m, at, pattern);
		if (end != NULL && end != last) {
			at = last = end;
			max--;
		} else if (at < m->end) {
			at++;
		} else {
			break;
		}
		if (once) {
			break;
		}
	}
}

int script_gmatch(lua_State *L)
{
	struct matching m;
	const char *at;
	const char *pattern;
	if (begin(&m, L, &at, &pattern) && skip_to(&m, &at)) {
		go_through(&m, at, pattern, false, LUA_MAXINTEGER);
	}
	return script_call_original(L);
}

int script_gsub(lua_State *L)
{
	struct matching m;
	const char *at;
	const char *pattern;
	if (begin(&m, L, &at, &pattern)) {
		bool anchored = is_anchored(&m, &pattern);
		go_through(&m, at, pattern, anchored, luaL_optinteger(L, 4, LUA_MAXINTEGER));
	}
	return script_call_original(L);
}
