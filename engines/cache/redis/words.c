#include "engines/cache/redis/words.h"

#include <ctype.h>

#include "engines/common/name.h"

static bool is_plain(struct slice word, bool first)
{
	/* What begins so is a comment, or an array of RESP. */
	if (word.n == 0 || !utf8_valid(word) || (first && (word.p[0] == '#' || word.p[0] == '*'))) {
		return false;
	}
	for (size_t i = 0; i < word.n; i++) {
		unsigned char c = (unsigned char)word.p[i];
		if (c < 0x20 || c == 0x7f || isspace(c) || c == '"' || c == '\'' || c == '\\') {
			return false;
		}
	}
	return true;
}

static void put_escaped(struct buf *out, unsigned char c)
{
	switch (c) {
	case '"':
	case '\\': buf_printf(out, "\\%c", c); break;
	case '\n': buf_puts(out, "\\n"); break;
	case '\r': buf_puts(out, "\\r"); break;
	case '\t': buf_puts(out, "\\t"); break;
	default: buf_printf(out, "\\x%02x", c); break;
	}
}

void redis_word_put(struct buf *out, struct slice word, bool first)
{
	if (is_plain(word, first)) {
		buf_append_slice(out, word);
		return;
	}
	buf_putc(out, '"');
	for (size_t i = 0; i < word.n;) {
		const unsigned char *p = (const unsigned char *)word.p + i;
		unsigned n = utf8_sequence(p, word.n - i);
		if (n == 0 || *p < 0x20 || *p == 0x7f || *p == '"' || *p == '\\') {
			put_escaped(out, *p);
			n = 1;
		} else {
			buf_append(out, p, n);
		}
		i += n;
	}
	buf_putc(out, '"');
}
