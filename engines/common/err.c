#include "engines/common/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void one_line(char *s)
{
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20 || *s == 0x7f) {
			*s = '?';
		}
	}
}

/* vsnprintf may cut a UTF-8 sequence in half at the end of the buffer. */
static void trim_partial_utf8(char *s)
{
	size_t n = strlen(s);
	if (n < ERR_MSG_MAX - 1) {
		return;
	}
	while (n > 0 && ((unsigned char)s[n - 1] & 0xc0) == 0x80) {
		n--;
	}
	if (n > 0 && (unsigned char)s[n - 1] >= 0xc0) {
		n--;
	}
	s[n] = '\0';
}

__attribute__((format(printf, 2, 0))) static void set_message(
	struct err *err, const char *fmt, va_list ap)
{
	vsnprintf(err->msg, sizeof(err->msg), fmt, ap);
	trim_partial_utf8(err->msg);
	one_line(err->msg);
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
	if (err == NULL) {
		return -code;
	}
	if (err->code != 0) {
		return -err->code;
	}
	err->code = code;
	va_list ap;
	va_start(ap, fmt);
	set_message(err, fmt, ap);
	va_end(ap);
	return -code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
	if (err == NULL) {
		return -EIO;
	}
	char old[ERR_MSG_MAX];
	memcpy(old, err->msg, sizeof(old));
	va_list ap;
	va_start(ap, fmt);
	set_message(err, fmt, ap);
	va_end(ap);
	size_t n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", old);
	trim_partial_utf8(err->msg);
	return -err->code;
}

int err_errno(struct err *err, const char *fmt, ...)
{
	int code = errno != 0 ? errno : EIO;
	if (err == NULL) {
		return -code;
	}
	if (err->code != 0) {
		return -err->code;
	}
	err->code = code;
	va_list ap;
	va_start(ap, fmt);
	set_message(err, fmt, ap);
	va_end(ap);
	size_t n = strlen(err->msg);
	snprintf(err->msg + n, sizeof(err->msg) - n, ": %s", strerror(code));
	return -code;
}

void err_clear(struct err *err)
{
	if (err != NULL) {
		err->code = 0;
		err->msg[0] = '\0';
	}
}
