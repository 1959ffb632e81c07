/* Redis' patterns, as its stringmatchlen() takes them. */
#include "engines/cache/redis/command.h"

/* Whether the class that begins at pattern.p[*at] (behind the bracket) has the byte; *at moves
 * behind it. One that is not closed ends with the pattern. */
static bool class_has(struct slice pattern, size_t *at, unsigned char c)
{
	size_t i = *at;
	bool inverted = i < pattern.n && pattern.p[i] == '^';
	bool found = false;
	i += inverted;
	for (; i < pattern.n && pattern.p[i] != ']'; i++) {
		unsigned char low = (unsigned char)pattern.p[i];
		unsigned char high = low;
		if (low == '\\' && i + 1 < pattern.n) {
			i++;
			low = high = (unsigned char)pattern.p[i];
		} else if (i + 2 < pattern.n && pattern.p[i + 1] == '-') {
			high = (unsigned char)pattern.p[i + 2];
			i += 2;
		}
		found = found || (low <= high ? c >= low && c <= high : c >= high && c <= low);
	}
	*at = i < pattern.n ? i + 1 : i;
	return found != inverted;
}

/* Whether what stands at *at, no star, takes the byte; *at moves behind it. */
static bool takes(struct slice pattern, size_t *at, unsigned char c)
{
	unsigned char p = (unsigned char)pattern.p[(*at)++];
	if (p == '?') {
		return true;
	}
	if (p == '[') {
		return class_has(pattern, at, c);
	}
	if (p == '\\' && *at < pattern.n) {
		p = (unsigned char)pattern.p[(*at)++];
	}
	return p == c;
}

/* A star takes as little as it can; when what follows fails, the last star takes one byte more. An
 * earlier one need never take more: so the time is at most the product of the lengths. */
bool redis_glob(struct slice pattern, struct slice text)
{
	size_t p = 0;
	size_t t = 0;
	bool star = false;
	size_t star_p = 0;
	size_t star_t = 0;
	while (t < text.n) {
		if (p < pattern.n && pattern.p[p] == '*') {
			star = true;
			star_p = ++p;
			star_t = t;
		} else if (p < pattern.n && takes(pattern, &p, (unsigned char)text.p[t])) {
			t++;
		} else if (star) {
			p = star_p;
			t = ++star_t;
		} else {
			return false;
		}
	}
	while (p < pattern.n && pattern.p[p] == '*') {
		p++;
	}
	return p == pattern.n;
}
