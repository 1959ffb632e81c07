/* SITE/dbmount.conf: a line "key" or "key=value" each, the keys of -o. Blanks
 * around key and value do not count; '#' begins a comment at the start of a
 * line or behind a blank. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engines/common/cleanup.h"
#include "mountopts/mountopts_impl.h"

#define CONFIG_NAME	 "dbmount.conf"
#define CONFIG_MAX_BYTES 65536

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct slice trim(struct slice s)
{
	while (s.n > 0 && is_blank(s.p[0])) {
		s.p++;
		s.n--;
	}
	while (s.n > 0 && is_blank(s.p[s.n - 1])) {
		s.n--;
	}
	return s;
}

static struct slice without_comment(struct slice line)
{
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '#' && (i == 0 || is_blank(line.p[i - 1]))) {
			line.n = i;
		}
	}
	return trim(line);
}

static int read_line(struct options_parse *p, struct slice line, struct err *err)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	line = without_comment(line);
	if (line.n == 0) {
		return 0;
	}
	const char *equals = memchr(line.p, '=', line.n);
	if (equals == NULL) {
		return option_apply(p, line, err);
	}
	size_t n = (size_t)(equals - line.p);
	buf_append_slice(&text, trim(slice_make(line.p, n)));
	buf_putc(&text, '=');
	buf_append_slice(&text, trim(slice_make(equals + 1, line.n - n - 1)));
	int r = buf_check(&text, err);
	return r == 0 ? option_apply(p, buf_slice(&text), err) : r;
}

static int read_lines(struct options_parse *p, struct slice text, const char *path, struct err *err)
{
	static const char bom[] = "\xef\xbb\xbf";
	if (text.n >= 3 && memcmp(text.p, bom, 3) == 0) {
		text = slice_make(text.p + 3, text.n - 3);
	}
	p->base = p->o->site;
	for (p->conf_line = 1; text.n > 0; p->conf_line++) {
		const char *end = memchr(text.p, '\n', text.n);
		size_t n = end != NULL ? (size_t)(end - text.p) : text.n;
		int r = read_line(p, slice_make(text.p, n), err);
		if (r != 0) {
			return err_wrap(err, "%s, line %u", path, p->conf_line);
		}
		n += end != NULL;
		text = slice_make(text.p + n, text.n - n);
	}
	return 0;
}

static int read_whole(int fd, const char *path, struct buf *out, struct err *err)
{
	char chunk[4096];
	ssize_t n;
	while ((n = read(fd, chunk, sizeof(chunk))) != 0) {
		if (n < 0 && errno == EINTR) {
			continue;
		}
		if (n < 0) {
			return err_errno(err, "cannot read %s", path);
		}
		buf_append(out, chunk, (size_t)n);
		if (out->n > CONFIG_MAX_BYTES) {
			return err_set(
				err, EINVAL, "%s is longer than %d bytes", path, CONFIG_MAX_BYTES);
		}
	}
	return buf_check(out, err);
}

int config_read(struct options_parse *p, struct err *err)
{
	CLEANUP(buf_free) struct buf path = BUF_INIT;
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_printf(&path, "%s/" CONFIG_NAME, p->o->site);
	const char *name = buf_cstr(&path);

	/* Nothing that waits at the other end (a FIFO) may hang the start. */
	CLEANUP(cleanup_close) int fd = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		/* ENOTDIR: SITE itself is refused later, with a better sentence. */
		bool absent = errno == ENOENT || errno == ENOTDIR;
		return absent ? 0 : err_errno(err, "cannot read %s", name);
	}
	int r = read_whole(fd, name, &text, err);
	return r == 0 ? read_lines(p, buf_slice(&text), name, err) : r;
}
