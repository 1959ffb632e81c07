#include "engines/common/rfc3339.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define SECOND_NS INT64_C(1000000000)

void rfc3339_print(int64_t time_ns, char out[RFC3339_MAX])
{
	time_t seconds = (time_t)(time_ns / SECOND_NS);
	struct tm tm;
	char day[24];

	gmtime_r(&seconds, &tm);
	strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &tm);
	if (time_ns % SECOND_NS != 0) {
		snprintf(out, RFC3339_MAX, "%s.%09dZ", day, (int)(time_ns % SECOND_NS));
	} else {
		snprintf(out, RFC3339_MAX, "%sZ", day);
	}
}

/* Exactly `n` digits at *p, which moves behind them; false when they are not there. */
static bool digits(const char **p, unsigned n, int *out)
{
	*out = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!isdigit((unsigned char)**p)) {
			return false;
		}
		*out = *out * 10 + (*(*p)++ - '0');
	}
	return true;
}

static bool literal(const char **p, const char *any)
{
	if (**p == '\0' || strchr(any, **p) == NULL) {
		return false;
	}
	(*p)++;
	return true;
}

/* ".5" and so on to nine digits; nothing is fine. */
static bool fraction(const char **p, int64_t *out)
{
	int64_t unit = SECOND_NS / 10;

	*out = 0;
	if (**p != '.') {
		return true;
	}
	(*p)++;
	if (!isdigit((unsigned char)**p)) {
		return false;
	}
	for (; isdigit((unsigned char)**p) && unit > 0; (*p)++, unit /= 10) {
		*out += (**p - '0') * unit;
	}
	return true;
}

/* "Z", "+01:00": seconds to take off. */
static bool offset(const char **p, int *out)
{
	int hours;
	int minutes;
	bool west = **p == '-';

	*out = 0;
	if (literal(p, "Zz")) {
		return true;
	}
	if (!literal(p, "+-") || !digits(p, 2, &hours) || !literal(p, ":") ||
		!digits(p, 2, &minutes) || hours > 23 || minutes > 59) {
		return false;
	}
	*out = (hours * 60 + minutes) * 60;
	if (west) {
		*out = -*out;
	}
	return true;
}

static bool date_and_time(const char **p, struct tm *tm)
{
	bool read = digits(p, 4, &tm->tm_year) && literal(p, "-") && digits(p, 2, &tm->tm_mon) &&
		    literal(p, "-") && digits(p, 2, &tm->tm_mday) && literal(p, "Tt ") &&
		    digits(p, 2, &tm->tm_hour) && literal(p, ":") && digits(p, 2, &tm->tm_min) &&
		    literal(p, ":") && digits(p, 2, &tm->tm_sec);

	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	return read && tm->tm_year >= 70 && tm->tm_year < 300 && tm->tm_hour < 24 &&
	       tm->tm_min < 60 && tm->tm_sec <= 60;
}

static bool parse(const char *p, int64_t *out_ns)
{
	struct tm tm = {0};
	int64_t nanoseconds;
	int seconds;

	if (!date_and_time(&p, &tm) || !fraction(&p, &nanoseconds) || !offset(&p, &seconds) ||
		*p != '\0') {
		return false;
	}
	struct tm given = tm;
	time_t t = timegm(&tm);
	/* timegm() makes the 30th of February the 1st or 2nd of March. */
	if (tm.tm_mday != given.tm_mday || tm.tm_mon != given.tm_mon) {
		return false;
	}
	*out_ns = ((int64_t)t - seconds) * SECOND_NS + nanoseconds;
	return true;
}

int rfc3339_parse(struct slice text, int64_t *out_ns, struct err *err)
{
	char copy[RFC3339_MAX + 8];

	if (text.n > 0 && text.n < sizeof(copy) && memchr(text.p, '\0', text.n) == NULL) {
		memcpy(copy, text.p, text.n);
		copy[text.n] = '\0';
		if (parse(copy, out_ns)) {
			return 0;
		}
	}
	return err_set(err, EINVAL,
		"InvalidParameterValue: '%.*s' is no time; one as 2026-11-23T02:31:05Z is expected",
		(int)(text.n < 200 ? text.n : 200), text.n > 0 ? text.p : "");
}
