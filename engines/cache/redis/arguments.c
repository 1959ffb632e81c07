/* What commands take as arguments, with Redis' rules and texts. */
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "engines/cache/redis/command.h"
#include "engines/common/cleanup.h"

/* Only as it would be printed: no space, plus sign or leading zero. */
static bool read_int(struct slice arg, int64_t *out)
{
	bool negative = arg.n > 0 && arg.p[0] == '-';
	struct slice digits = negative ? slice_make(arg.p + 1, arg.n - 1) : arg;
	if (digits.n == 0 || digits.n > 19 || (digits.p[0] == '0' && arg.n > 1)) {
		return false;
	}
	uint64_t value = 0;
	for (size_t i = 0; i < digits.n; i++) {
		if (digits.p[i] < '0' || digits.p[i] > '9') {
			return false;
		}
		value = value * 10 + (uint64_t)(digits.p[i] - '0');
	}
	if (value > (uint64_t)INT64_MAX + negative) {
		return false;
	}
	*out = negative ? (int64_t)(0 - value) : (int64_t)value;
	return true;
}

int redis_arg_int(struct slice arg, int64_t *out, struct err *err)
{
	if (!read_int(arg, out)) {
		return err_set(err, EINVAL, "ERR value is not an integer or out of range");
	}
	return 0;
}

static bool read_double(struct slice arg, double *out)
{
	if (arg.n == 0 || isspace((unsigned char)arg.p[0]) || memchr(arg.p, 0, arg.n) != NULL) {
		return false;
	}
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_append_slice(&text, arg);
	char *end;
	errno = 0;
	const char *p = buf_cstr(&text);
	*out = strtod(p, &end);
	bool lost = errno == ERANGE && (isinf(*out) || fpclassify(*out) == FP_ZERO);
	return (size_t)(end - p) == arg.n && !lost && !isnan(*out);
}

int redis_arg_double(struct slice arg, double *out, struct err *err)
{
	if (!read_double(arg, out)) {
		return err_set(err, EINVAL, "ERR value is not a valid float");
	}
	return 0;
}

#define LONG_DOUBLE_CHARS ((size_t)5 * 1024)

static bool read_long_double(struct slice arg, long double *out)
{
	if (arg.n == 0 || arg.n >= LONG_DOUBLE_CHARS || isspace((unsigned char)arg.p[0])) {
		return false;
	}
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_append_slice(&text, arg);
	char *end;
	errno = 0;
	const char *p = buf_cstr(&text);
	*out = strtold(p, &end);
	bool lost = errno == ERANGE && (isinf(*out) || fpclassify(*out) == FP_ZERO);
	return (size_t)(end - p) == arg.n && !lost && !isnan(*out);
}

int redis_arg_long_double(struct slice arg, long double *out, struct err *err)
{
	if (!read_long_double(arg, out)) {
		return err_set(err, EINVAL, "ERR value is not a valid float");
	}
	return 0;
}

/* 17 digits behind the point, without the zeros at the end. */
void redis_print_long_double(long double value, struct buf *out)
{
	CLEANUP(buf_free) struct buf text = BUF_INIT;
	buf_printf(&text, "%.17Lf", value);
	if (text.n > 0 && memchr(text.p, '.', text.n) != NULL) {
		while (text.p[text.n - 1] == '0') {
			text.n--;
		}
		text.n -= text.p[text.n - 1] == '.';
	}
	buf_append_slice(out, slice_is(buf_slice(&text), "-0") ? slice_of("0") : buf_slice(&text));
}

bool redis_arg_is(struct slice arg, const char *word)
{
	return arg.n == strlen(word) && strncasecmp(arg.p, word, arg.n) == 0;
}

const char *redis_arg_text(struct slice arg, char out[REDIS_ARG_TEXT_MAX])
{
	size_t n = arg.n < REDIS_ARG_TEXT_MAX - 1 ? arg.n : REDIS_ARG_TEXT_MAX - 1;
	for (size_t i = 0; i < n; i++) {
		out[i] = (char)(arg.p[i] == '\r' || arg.p[i] == '\n' ? ' ' : arg.p[i]);
	}
	out[n] = '\0';
	return out;
}

int redis_syntax_error(struct err *err)
{
	return err_set(err, EINVAL, "ERR syntax error");
}

int redis_arity_error(const char *command, struct err *err)
{
	return err_set(err, EINVAL, "ERR wrong number of arguments for '%s' command", command);
}

void redis_print_double(double value, struct buf *out)
{
	if (isinf(value)) {
		buf_puts(out, value > 0 ? "inf" : "-inf");
		return;
	}
	if (value == trunc(value) && fabs(value) < 1e17) {
		buf_printf(out, "%.0f", value);
		return;
	}
	char text[32];
	for (int precision = 15; precision <= 17; precision++) {
		snprintf(text, sizeof(text), "%.*g", precision, value);
		if (strtod(text, NULL) == value) {
			break;
		}
	}
	buf_puts(out, text);
}
